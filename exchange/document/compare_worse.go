package document

import (
	"regexp"

	"github.com/osler-emr/osler/fhir"
)

// Worse reports whether the document has a worse reaction to a substance than the chart's entry, which the banner goes by.
func (r Row) Worse() bool {
	if r.entry.ResourceType() != "AllergyIntolerance" || r.State == Same || r.State == Against {
		return false
	}
	n := r.Item.Resource
	if s := code(n.Get("clinicalStatus")); s == "inactive" || s == "resolved" || code(n.Get("verificationStatus")) == "refuted" {
		return false
	}
	return danger(n) > max(danger(r.entry), 1)
}

// threatens finds reactions that threaten life, whatever their severity is said to be.
var threatens = regexp.MustCompile(`(?i)\b(?:anaphyla|stevens.johnson|toxic epidermal|cardiac arrest|death\b|fatal)`)

// danger is how bad an allergy is: 0 where nothing says it, 1 mild, 2 moderate, 3 severe or threatening life.
func danger(n *fhir.Node) (worst int) {
	if n.Get("criticality").Text() == "high" {
		return 3
	}
	for reaction := range n.Get("reaction").Items() {
		worst = max(worst, map[string]int{"mild": 1, "moderate": 2, "severe": 3}[reaction.Get("severity").Text()])
		for m := range reaction.Get("manifestation").Items() {
			if threatens.MatchString(conceptText(m)) {
				worst = 3
			}
		}
	}
	return worst
}
