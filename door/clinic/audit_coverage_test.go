package clinic

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// newestEntry returns the newest audit entry. Asking writes one too, with the next index.
func (h house) newestEntry() store.LeafEntry {
	h.t.Helper()
	auditor := h.site.Gate.As(trust.Principal{ID: "test-auditor", Name: "Test", Role: trust.Auditor, Purpose: trust.Operations}, "test")
	found, err := auditor.Looked(context.Background(), store.LeafFilter{Limit: 1})
	if err != nil || len(found) != 1 {
		h.t.Fatalf("%d entries, %v", len(found), err)
	}
	return found[0]
}

// TestEveryPageLeavesAnEntry walks all routes of the clinic's web and of the own pages, as
// somebody of each role, with ids that exist and that do not: each request of somebody who is
// signed in has its entry in the audit log, which says who, through what door and from where.
func TestEveryPageLeavesAnEntry(t *testing.T) {
	h := officeHouse(t)
	routes, err := h.site.Routes(Area())
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\{[^}]*\}`)
	asked := 0
	for _, user := range []string{"anna", "tom", "sam"} {
		b, _ := h.enters(user)
		for _, route := range routes {
			method, path, _ := strings.Cut(route.Pattern, " ")
			if path == "/sign-out" || path == "/lock" || strings.HasPrefix(path, "/sign-in") || strings.Contains(path, "{secret}") || strings.HasPrefix(path, "/locked") || path == "/audit/verify" {
				continue // they end what the walk needs, or are of nobody yet
			}
			path = names.ReplaceAllString(strings.NewReplacer("{patient}", "maria", "{$}", "").Replace(path), "x")
			before := h.newestEntry()
			a := answer{}
			if method == http.MethodGet {
				a = b.get(path)
			} else {
				a = b.post(path)
			}
			asked++
			e := h.newestEntry()
			if e.Index <= before.Index+1 {
				t.Errorf("%s %s answered %d without an entry", user, route.Pattern, a.status)
			} else if e.Leaf.Role != string(trust.SystemRole) && (e.Leaf.Actor == "" || e.Leaf.Network != "127.0.0.1" || e.Leaf.Purpose == "" || e.Leaf.Session == "") {
				t.Errorf("%s %s: the entry says too little: %+v", user, route.Pattern, e.Leaf)
			}
		}
	}
	t.Logf("%d routes, %d requests", len(routes), asked)
}
