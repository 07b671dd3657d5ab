package fhirapi

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// TestSyntheaTransactions posts 30 whole patients as transactions. Every resource reads
// back as its source, but for ids, the references to them, and meta; every chart is whole.
func TestSyntheaTransactions(t *testing.T) {
	dir := sample.Dir(t, "synthea", 32)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 32 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	h := open(t)
	total, patients := 0, 0
	want, got := map[string]int{}, map[string]int{}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source := read(t, string(body))
		a := h.ask("POST", "/fhir", string(body)).is(200)
		entries := source.Get("entry")
		if a.node.Get("entry").Len() != entries.Len() {
			t.Fatalf("%s: %d answers to %d entries", filepath.Base(name), a.node.Get("entry").Len(), entries.Len())
		}
		moved := map[string]string{} // fullUrl -> new reference
		patient := ""
		for i := range entries.Len() {
			ref, _, _ := strings.Cut(a.node.Get("entry").At(i).Path("response.location").Text(), "/_history/")
			moved[entries.At(i).Get("fullUrl").Text()] = ref
			if strings.HasPrefix(ref, "Patient/") {
				patient = ref
			}
		}
		stored := map[string]*fhir.Node{}
		keep := func(bundle *fhir.Node) {
			for e := range bundle.Get("entry").Items() {
				stored[e.Get("resource").Reference()] = e.Get("resource")
			}
		}
		if patient != "" {
			patients++
			keep(h.get("/fhir/" + patient + "/$everything").is(200).node)
		}
		for i := range entries.Len() {
			r := entries.At(i).Get("resource")
			want[r.ResourceType()]++
			total++
			ref := moved[entries.At(i).Get("fullUrl").Text()]
			back := stored[ref]
			if back == nil { // shared: read on its own
				back = h.get("/fhir/" + ref).is(200).node
			}
			if r.ResourceType() == "Patient" { // a physician sees the end of the national numbers only
				h.role = trust.FrontDesk
				back = h.get("/fhir/" + ref).is(200).node
				h.role = trust.Physician
			}
			got[back.ResourceType()]++
			if a, b := plain(r, moved), plain(back, nil); a != b {
				t.Fatalf("%s reads back differently:\n%.600s\n%.600s", ref, a, b)
			}
		}
	}
	if total != 11855 || patients != 30 {
		t.Errorf("%d resources of %d patients", total, patients)
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%d of %d %s", got[name], n, name)
		}
		if total := h.get("/fhir/" + name + "?_summary=count").is(200).node.Get("total").Text(); !atLeast(total, n) {
			t.Errorf("the record counts %s %s, want %d", total, name, n)
		}
	}
}

func atLeast(total string, n int) bool {
	v, ok := fhir.Decimal(total).Float()
	return ok && int(v) >= n && int(v) <= n+3 // the house has two patients and a practitioner of its own
}

// plain writes a resource without id and meta, with its references replaced.
func plain(r *fhir.Node, moved map[string]string) string {
	c := r.Clone()
	c.Remove("id")
	c.Remove("meta")
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		for v := range n.Items() {
			for name, m := range v.Members() {
				if to, ok := moved[m.Text()]; ok && m.Kind() == fhir.String {
					v.Set(name, fhir.Str(to))
					continue
				}
				if m.Kind() == fhir.Object || m.Kind() == fhir.Array {
					walk(m)
				}
			}
		}
	}
	walk(c)
	return string(c.JSON())
}
