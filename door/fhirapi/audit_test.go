package fhirapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/identity"
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

// TestAuditEventsAreAViewOfTheLog: an auditor searches and reads them, a patient those about the
// own record and nothing about others, a physician none.
func TestAuditEventsAreAViewOfTheLog(t *testing.T) {
	h := open(t)
	auditor, err := h.accounts.Create(t.Context(), trust.System("test"), identity.Draft{User: "ines", Name: "Ines", Role: trust.Auditor, Password: "lanterns over quarry 41 sparrows"})
	if err != nil {
		t.Fatal(err)
	}
	if h.tokens[trust.Auditor], err = h.accounts.IssueToken(t.Context(), trust.System("test"), auditor.ID, []string{"user/*.rs"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	h.get("/fhir/Patient/rosa").is(http.StatusOK)
	h.get("/fhir/Patient/sam").is(http.StatusOK)
	h.get("/fhir/Patient/nobody").is(http.StatusNotFound)
	ines := h.as(trust.Auditor)
	reads := len(ines.get("/fhir/AuditEvent?patient=rosa&action=R&outcome=0").is(http.StatusOK).ids())
	for query, want := range map[string]int{"&action=R&type=rest": reads, "&action=R&type=110114": 0, "&action=R&outcome=4,8": 0, "&action=R&outcome=0,4,8": reads} {
		if n := len(ines.get("/fhir/AuditEvent?patient=rosa" + query).is(http.StatusOK).ids()); n != want || reads == 0 {
			t.Errorf("%s: %d entries, want %d", query, n, want)
		}
	}
	if n := len(ines.get("/fhir/AuditEvent?patient=Patient/rosa&action=R").is(http.StatusOK).ids()); n != 1 {
		t.Errorf("%d reads of rosa's record, want 1", n)
	}
	for query, want := range map[string]int{"?patient=sam&action=R": 1, "?entity=Patient/sam&action=R": 1, "?outcome=4&action=E": 1, "?date=lt2000-01-01": 0, "?patient=sam&action=R&date=ge2026": 1,
		"?agent=urn:osler:account|" + auditor.ID: 1} {
		if n := len(ines.get("/fhir/AuditEvent" + query).is(http.StatusOK).ids()); n < want || !strings.Contains(query, "agent") && n > want+1 {
			t.Errorf("AuditEvent%s finds %d, want %d", query, n, want)
		}
	}
	first := ines.get("/fhir/AuditEvent?patient=rosa&_count=1").is(http.StatusOK)
	seen := map[string]bool{}
	for a := first; ; a = ines.follow(a.link("next")) {
		for _, id := range a.ids() {
			if seen[id] {
				t.Fatalf("%s stands on two pages", id)
			}
			seen[id] = true
			one := ines.get("/fhir/AuditEvent/" + id[strings.LastIndex(id, "/")+1:]).is(http.StatusOK)
			if issues := validate.Resource(one.node); slices.ContainsFunc(issues, func(i fault.Issue) bool { return i.Severity == "error" }) {
				t.Errorf("%s is not valid: %+v\n%s", id, issues, one.body)
			}
		}
		if a.link("next") == "" {
			break
		}
	}
	if len(seen) < 2 {
		t.Errorf("%d entries about rosa", len(seen))
	}
	rosa := h.as(trust.Patient)
	own := rosa.get("/fhir/AuditEvent").is(http.StatusOK)
	if len(own.ids()) == 0 || strings.Contains(string(own.body), "Patient/sam") {
		t.Errorf("a patient sees %d entries; others among them: %v", len(own.ids()), strings.Contains(string(own.body), "Patient/sam"))
	}
	others := ines.get("/fhir/AuditEvent?patient=sam&action=R").ids()
	rosa.get("/fhir/AuditEvent/" + others[0][strings.LastIndex(others[0], "/")+1:]).is(http.StatusNotFound)
	rosa.get("/fhir/AuditEvent?patient=sam").is(http.StatusForbidden)
	h.get("/fhir/AuditEvent").is(http.StatusForbidden)
	h.get("/fhir/AuditEvent/log-1").is(http.StatusForbidden)
	ines.get("/fhir/AuditEvent/log-999999").is(http.StatusNotFound)
}
