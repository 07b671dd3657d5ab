package document

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// rates makes heart rates: as of a monitor, some without the hour, the day or any date.
func rates(r *rand.Rand, n int) (out []*thing) {
	for i := range n {
		at := fmt.Sprintf("2026-11-%02dT%02d:%02d:%02dZ", 8+r.IntN(3), r.IntN(24), r.IntN(60), r.IntN(60))
		switch r.IntN(12) {
		case 0:
			at = at[:len("2006-01-02")]
		case 1:
			at = at[:len("2006-01")]
		case 2:
			at = "2026-11-09T23:59:30-05:00" // another day in another zone
		case 3:
			at = ""
		}
		n := fhir.Obj("resourceType", "Observation", "id", fmt.Sprint("o", i), "status", "final", "code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://loinc.org", "code", "8867-4", "display", "Heart rate"))),
			"valueQuantity", fhir.Obj("value", 50+r.IntN(40), "unit", "/min"))
		if at != "" {
			n.Set("effectiveDateTime", fhir.Str(at))
		}
		out = append(out, describe(n))
	}
	return out
}

// bestOf is the match with the most points.
func bestOf(in *thing, list []*thing) (best match, found bool) {
	for _, t := range list {
		if m, ok := in.matches(t, true); ok && (!found || m.points > best.points) {
			best, found = m, true
		}
	}
	return best, found
}

// TestManyAreFoundByTime: among many entries of one code each item finds as good an entry as if it were held to
// all of them, and is held to few.
func TestManyAreFoundByTime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := &alike{list: rates(r, 1500)}
	looked := 0
	for _, in := range rates(r, 150) {
		near := b.near(in)
		looked += len(near)
		got, ok := bestOf(in, near)
		want, found := bestOf(in, b.list)
		if ok != found || got.points != want.points || got.sure != want.sure {
			t.Fatalf("%s %+v: %t %d %t, among all %t %d %t", in.date, in.facts, ok, got.points, got.sure, found, want.points, want.sure)
		}
	}
	if most := 150 * 8 * mostAlike; looked > most {
		t.Errorf("150 items are held to %d entries of 1500, more than %d", looked, most)
	}
}

// TestOneValueAmongMany: of very many values of one code and one minute, each is held to few, and those that are the
// same are found.
func TestOneValueAmongMany(t *testing.T) {
	many := func() (out []*thing) {
		for i := range 1000 {
			out = append(out, describe(fhir.Obj("resourceType", "Observation", "status", "final", "code", fhir.Obj("text", "Pressure"),
				"effectiveDateTime", "2026-11-09T10:00:00Z", "valueQuantity", fhir.Obj("value", i, "unit", "mm"))))
		}
		return out
	}
	b := &alike{list: many()}
	looked := 0
	for i, in := range many() {
		near := b.near(in)
		looked += len(near)
		if m, ok := bestOf(in, near); !ok || m.thing != b.list[i] {
			t.Fatalf("%d is not found", i)
		}
	}
	if most := 1000 * 8 * mostAlike; looked > most {
		t.Errorf("1000 items are held to %d entries, more than %d", looked, most)
	}
}
