package result

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
)

// flags are the codes of HL7 v3 ObservationInterpretation that say how a value lies to what is usual:
// those of ObservationInterpretationNormality, those beyond a threshold, and what the instrument could
// not measure. Laboratories that speak HL7 v2 send the same ones from its table 0078.
var flags = map[string]struct {
	severity int
	words    string
}{
	"N":  {1, ""},
	"A":  {2, "abnormal"},
	"H":  {2, "high"},
	"L":  {2, "low"},
	"HU": {2, "significantly high"},
	"LU": {2, "significantly low"},
	"H>": {2, "significantly high"}, // retired forms of HU and LU
	"L<": {2, "significantly low"},
	"HX": {2, "above the threshold"},
	"LX": {2, "below the threshold"},
	">":  {2, "above what can be measured"},
	"<":  {2, "below what can be measured"},
	"AA": {3, "critically abnormal"},
	"HH": {3, "critically high"},
	"LL": {3, "critically low"},
}

// severity orders flags: 3 is critical, 2 out of range, 1 in range, 0 says nothing about it.
func severity(flag string) int { return flags[flag].severity }

// flagOf reads an interpretation: of several codes the gravest, where none says that the value is out
// of range the first one. A laboratory may put a code of its own before HL7's, or send words alone.
func flagOf(interpretation *fhir.Node) string {
	var codes []string
	for concept := range interpretation.Items() {
		for c := range concept.Get("coding").Items() {
			codes = append(codes, c.Get("code").Text())
		}
		if text := concept.Get("text").Text(); concept.Get("coding").Len() == 0 && severity(text) > 0 {
			codes = append(codes, text)
		}
	}
	if len(codes) == 0 {
		return ""
	}
	worst := slices.MaxFunc(codes, func(a, b string) int { return severity(a) - severity(b) })
	if severity(worst) < 2 {
		return codes[0]
	}
	return worst
}
