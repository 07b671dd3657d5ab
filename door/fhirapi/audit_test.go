package fhirapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// newest returns the newest audit entry.
func (h *house) newest() store.LeafEntry {
	h.t.Helper()
	found, err := h.store.Leaves(h.t.Context(), store.LeafFilter{Limit: 1})
	if err != nil || len(found) != 1 {
		h.t.Fatalf("%d entries, %v", len(found), err)
	}
	return found[0]
}

// TestEveryCallLeavesAnEntry walks all routes, as a physician, as a patient and with a token that
// is not good, with and without a body: each call has its entry in the audit log, which says
// who, from where and how it ended.
func TestEveryCallLeavesAnEntry(t *testing.T) {
	h := open(t, watching(t), func(h *house, o *Options) {
		o.Jobs = job.Open(h.store, h.gate, h.clock, o.Log)
		t.Cleanup(o.Jobs.Close)
	})
	calls := 0
	for _, rt := range routes() {
		_, path, _ := strings.Cut(rt.pattern, "/fhir")
		path = "/fhir" + strings.NewReplacer("{$}", "", "{vid}", "1", "{compartment}", "Patient", "{type}/{id}", "Patient/rosa", "{id}/{type}", "rosa/Observation", "{id}", "rosa", "{type}", "Patient").Replace(path)
		for _, who := range []trust.Role{trust.Physician, trust.Patient} {
			for _, body := range []string{"", `{"resourceType":"Patient","id":"rosa"}`} {
				if body != "" && rt.method == http.MethodGet {
					continue
				}
				before := h.newest().Index
				a := h.as(who).ask(rt.method, path, body, "Content-Type: application/fhir+json")
				calls++
				if rt.public {
					continue
				}
				e := h.newest()
				if e.Index == before {
					t.Errorf("%s %s as a %s answered %d without an entry", rt.method, path, who, a.status)
					continue
				}
				if e.Leaf.Role != string(who) && e.Leaf.Role != string(trust.SystemRole) || e.Leaf.Role == string(who) && (e.Leaf.Network != "127.0.0.1" || e.Leaf.Door != "fhir" || e.Leaf.Purpose == "" || e.Leaf.Session == "") {
					t.Errorf("%s %s: the entry says too little: %+v", rt.method, path, e.Leaf)
				}
			}
		}
		if rt.public {
			continue
		}
		before := h.newest().Index
		res := h.ask(rt.method, path, "", "Authorization: Bearer nonsense")
		calls++
		if e := h.newest(); res.status != http.StatusUnauthorized || e.Index == before && before < strangersWritten(h) || e.Index != before && (e.Leaf.Action != ledger.SignIn || e.Leaf.Outcome == "" || e.Leaf.Network != "127.0.0.1") {
			t.Errorf("%s %s with a bad token answered %d; the entry: %+v", rt.method, path, res.status, e.Leaf)
		}
	}
	t.Logf("%d routes, %d calls", len(routes()), calls)
}

// strangersWritten is a bound from which a flood of bad tokens is only counted: 0 when it is
// reached.
func strangersWritten(h *house) int64 {
	found, err := h.store.Leaves(h.t.Context(), store.LeafFilter{Actor: "unknown"})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(found) >= 60 {
		return 0
	}
	return 1 << 62
}
