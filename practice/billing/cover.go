package billing

import (
	"cmp"
	"slices"

	"github.com/osler-emr/osler/fhir"
)

// Cover is who pays for a patient: a Coverage.
type Cover struct {
	ID, Payor, Member string // Member is the number on the card
	Status            string
	From, To          string // FHIR dates; "" is open or not recorded
}

// CoversFrom reads coverages, those in force first.
func CoversFrom(nodes []*fhir.Node) []Cover {
	var out []Cover
	for _, n := range nodes {
		if n.Get("status").Text() == "entered-in-error" {
			continue
		}
		payor := n.Get("payor").At(0)
		out = append(out, Cover{ID: n.ID(), Payor: cmp.Or(payor.Get("display").Text(), payor.Path("identifier.value").Text()),
			Member: n.Get("subscriberId").Text(), Status: n.Get("status").Text(),
			From: n.Path("period.start").Text(), To: n.Path("period.end").Text()})
	}
	slices.SortStableFunc(out, func(a, b Cover) int {
		if (a.Status == "active") != (b.Status == "active") {
			if a.Status == "active" {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.From, a.From)
	})
	return out
}
