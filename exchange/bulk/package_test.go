package bulk

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/packages"
)

// A guide is stored whole; the second time nothing changes; what differs is updated, and
// another version of the guide stands beside it.
func TestPackageImport(t *testing.T) {
	f, err := os.Open(filepath.Join(sample.Dir(t, "packages", 3), "hl7.fhir.uv.ips-1.1.0.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	guide, err := packages.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	actor := empty(t)
	calls := 0
	im := PackageImport{Actor: actor, Progress: func(done, total int) {
		if calls++; done > total {
			t.Errorf("%d of %d", done, total)
		}
	}}
	run := func(stored, updated, same, problems int) {
		t.Helper()
		r, err := im.Run(t.Context(), guide)
		n := 0
		for _, c := range r.Stored {
			n += c
		}
		if err != nil || n != stored || r.Updated != updated || r.Same != same || len(r.Problems) != problems {
			t.Fatalf("%d stored, %d updated, %d same, %v %v", n, r.Updated, r.Same, r.Problems, err)
		}
	}
	all := len(guide.Resources)
	run(all, 0, 0, 0)
	run(0, 0, all, 0)
	if calls != 2*all {
		t.Errorf("progress was told %d times", calls)
	}
	first := guide.Resources[0]
	first.Set("title", fhir.Str("Another title"))
	run(0, 1, all-1, 0)
	first.Set("version", fhir.Str("9.9.9"))
	run(1, 0, all-1, 0)
	run(0, 0, all, 0)
	found, err := actor.Find(t.Context(), first.ResourceType(), "url="+first.Get("url").Text())
	if err != nil || len(found) != 2 || found[0].ID() == found[1].ID() {
		t.Errorf("%d versions of one url: %v", len(found), err)
	}
	first.Set("status", fhir.Str("nonsense"))
	guide.Resources[1].Remove("url")
	run(0, 0, all-2, 2)
}
