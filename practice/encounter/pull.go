package encounter

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/result"
)

// english is the language in which notes are written; dates in it are the clinic's.
var english = lang.For("en")

// Pull is data of the chart that a note links to. It is a reference with the text that the
// clinician saw; signing freezes that text.
type Pull struct {
	Key   string   `json:"key"`   // "vitals", "lab:2823-3"
	Field string   `json:"field"` // the text field behind which it stands
	Title string   `json:"title"`
	Text  string   `json:"text"`
	When  string   `json:"when,omitempty"` // of the newest value
	Refs  []string `json:"refs,omitempty"`
	Flag  string   `json:"flag,omitempty"` // of the newest value
}

// Suggestion is a line of the list that opens behind a point: chart data or a phrase.
type Suggestion struct {
	Word  string // what was typed behind the point: "k"
	Title string
	Text  string
	Pull  string // key of chart data; "" for a phrase
	Flag  string
}

// Suggest returns what may follow a point and a few letters: data of this chart first.
func Suggest(c chart.Chart, typed string, zone *time.Location) []Suggestion {
	typed = strings.ToLower(strings.TrimSpace(typed))
	var out []Suggestion
	for _, p := range Pulls(c, zone) {
		if word := pullWord(p); strings.HasPrefix(word, typed) || begins(p.Title, typed) {
			out = append(out, Suggestion{Word: word, Title: p.Title, Text: p.Text, Pull: p.Key, Flag: p.Flag})
		}
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int {
		return cmp.Compare(misses(a.Word, typed), misses(b.Word, typed))
	})
	for _, p := range phrases {
		if strings.HasPrefix(p.Word, typed) {
			out = append(out, p)
		}
	}
	return out[:min(8, len(out))]
}

func misses(word, typed string) int {
	switch {
	case word == typed:
		return 0
	case strings.HasPrefix(word, typed):
		return 1
	}
	return 2
}

func begins(text, typed string) bool {
	for _, w := range strings.Fields(strings.ToLower(text)) {
		if strings.HasPrefix(w, typed) {
			return true
		}
	}
	return false
}

// pullWord is the short word of chart data behind the point.
func pullWord(p Pull) string {
	switch key, code, _ := strings.Cut(p.Key, ":"); {
	case key == "lab" && code == "2823-3":
		return "k"
	case key == "lab" && (code == "4548-4" || code == "17856-6"):
		return "a1c"
	case key == "lab":
		w, _, _ := strings.Cut(strings.ToLower(p.Title), " ")
		return strings.Trim(w, ",.")
	default:
		return key
	}
}

// Pulls returns everything of a chart that a note can link to: vitals, medicines, problems,
// allergies and each laboratory test with its last values.
func Pulls(c chart.Chart, zone *time.Location) []Pull {
	var out []Pull
	if p, ok := vitalsPull(c, zone); ok {
		out = append(out, p)
	}
	out = append(out, labPulls(c, zone)...)
	if p, ok := medicinesPull(c); ok {
		out = append(out, p)
	}
	if p, ok := problemsPull(c); ok {
		out = append(out, p)
	}
	if p, ok := allergiesPull(c); ok {
		out = append(out, p)
	}
	return out
}

// FindPull returns one pull of a chart by its key.
func FindPull(c chart.Chart, key string, zone *time.Location) (Pull, bool) {
	for _, p := range Pulls(c, zone) {
		if p.Key == key {
			return p, true
		}
	}
	return Pull{}, false
}

func vitalsPull(c chart.Chart, zone *time.Location) (Pull, bool) {
	sets := c.Taken()
	if len(sets) == 0 {
		return Pull{}, false
	}
	p := Pull{Key: "vitals", Field: FieldObjective, Title: "Vitals", When: sets[0].When}
	readings := ofThisVisit(c, sets, zone)
	var parts []string
	for _, d := range vital.Definitions() {
		r, ok := readings[d.Measure]
		if !ok {
			continue
		}
		parts = append(parts, reading(d, r))
		p.Flag = vital.Worse(p.Flag, r.Flag)
		if r.ID != "" {
			p.Refs = append(p.Refs, "Observation/"+r.ID)
		}
	}
	p.Text = strings.Join(parts, " · ")
	return p, true
}

// ofThisVisit are the newest vital signs, each the newest of its measure: of the last set, and of those
// that were taken in the same way since the open visit began, on the day of the last.
func ofThisVisit(c chart.Chart, sets []chart.Set, zone *time.Location) map[vital.Measure]chart.Reading {
	out := maps.Clone(sets[0].Readings)
	visit, ok := c.OpenVisit()
	if !ok {
		return out
	}
	if zone == nil {
		zone = time.UTC
	}
	begun := chart.Moment(visit.Start)
	for _, s := range sets[1:] {
		if s.Origin != sets[0].Origin || chart.Moment(s.When).Before(begun) || !chart.SameDay(s.When, sets[0].When, zone) {
			continue
		}
		for m, r := range s.Readings {
			if _, newer := out[m]; !newer {
				out[m] = r
			}
		}
	}
	return out
}

// labPulls is one pull for each laboratory test, with its last four values.
func labPulls(c chart.Chart, zone *time.Location) []Pull {
	nodes := slices.Concat(c.Resources("Patient"), c.Resources("Observation"), c.Resources("DiagnosticReport"))
	var out []Pull
	for _, s := range result.From(nodes, c.Patient.ID, nil).In(zone).Series {
		last := s.Last()
		p := Pull{Key: "lab:" + s.Key, Field: FieldObjective, Title: s.Name, When: last.When, Flag: result.Worst(s.Newest()).Flag}
		var values []string
		for _, x := range slices.Backward(s.Points[max(0, len(s.Points)-4):]) {
			x.Value.Unit = s.Unit
			values = append(values, valueText(x.Value)+flagWord(x.Flag)+" ("+day(x.When, zone)+")")
			p.Refs = append(p.Refs, "Observation/"+x.ID)
		}
		p.Text = strings.Join(values, "; ")
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pull) int {
		return cmp.Or(chart.Moment(b.When).Compare(chart.Moment(a.When)), cmp.Compare(a.Title, b.Title))
	})
	return out
}

func flagWord(flag string) string {
	switch flag {
	case "H":
		return " high"
	case "HH":
		return " very high"
	case "L":
		return " low"
	case "LL":
		return " very low"
	case "A", "AA":
		return " abnormal"
	}
	return ""
}

func medicinesPull(c chart.Chart) (Pull, bool) {
	p := Pull{Key: "meds", Field: FieldSubjective, Title: "Medications"}
	var parts []string
	for _, n := range c.Resources("MedicationRequest") {
		if n.Get("status").Text() != "active" {
			continue
		}
		m := n.Get("medicationCodeableConcept")
		text := cmp.Or(m.Get("text").Text(), m.Get("coding").Get("display").Text())
		if d := n.Path("dosageInstruction.0.text").Text(); d != "" {
			text += ", " + d
		}
		parts = append(parts, text)
		p.Refs = append(p.Refs, n.Reference())
	}
	slices.Sort(parts)
	p.Text = strings.Join(parts, "; ")
	return p, len(parts) > 0
}

func problemsPull(c chart.Chart) (Pull, bool) {
	p := Pull{Key: "problems", Field: FieldSubjective, Title: "Problems"}
	var parts []string
	for _, x := range c.ActiveProblems() {
		parts = append(parts, x.Text)
		p.Refs = append(p.Refs, x.Reference())
	}
	p.Text = strings.Join(parts, "; ")
	return p, len(parts) > 0
}

func allergiesPull(c chart.Chart) (Pull, bool) {
	p := Pull{Key: "allergies", Field: FieldSubjective, Title: "Allergies"}
	switch c.Allergies.State {
	case chart.NoneKnown:
		p.Text = "No known allergies"
		p.Refs = []string{"AllergyIntolerance/" + c.Allergies.NoneRef}
		return p, true
	case chart.HasAllergies:
		var parts []string
		for _, a := range c.Allergies.Active {
			parts = append(parts, strings.TrimSuffix(a.Agent+" — "+a.Reaction, " — "))
			p.Refs = append(p.Refs, a.Reference())
		}
		p.Text = strings.Join(parts, "; ")
		return p, true
	}
	return Pull{}, false
}
