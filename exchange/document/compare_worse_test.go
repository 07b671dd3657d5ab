package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// The allergies of these tests: of one kind, with what they are told apart by.
const (
	activeNow = `,"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}`
	isOver    = `,"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"resolved"}]}`
)

func sulfa(rest string) string {
	return `{"resourceType":"AllergyIntolerance","id":"sulfa","patient":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"10180"}],"text":"sulfamethoxazole"}` + rest + `}`
}

// shown is an allergy's reaction, with its severity.
func shown(said, severity string) string {
	if severity != "" {
		severity = `,"severity":"` + severity + `"`
	}
	return `{"manifestation":[{"text":"` + said + `"}]` + severity + `}`
}

// TestAWorseReactionThanTheCharts: in the document it is told apart from a milder one, and from one that is over.
func TestAWorseReactionThanTheCharts(t *testing.T) {
	rash, severe, bare := `,"criticality":"low","reaction":[`+shown("rash", "")+`]`, `,"reaction":[`+shown("Anaphylaxis", "severe")+`]`, `,"reaction":[`+shown("Anaphylaxis", "")+`]`
	for name, x := range map[string]struct {
		chart, document string
		worse           bool
	}{
		"anaphylaxis, severe":  {activeNow + rash, activeNow + severe, true},
		"anaphylaxis":          {activeNow + rash, activeNow + bare, true},
		"swollen tongue":       {activeNow + rash, activeNow + `,"reaction":[` + shown("Swelling of the tongue", "") + `]`, true},
		"a code without words": {activeNow + rash, activeNow + `,"reaction":[{"manifestation":[{"coding":[{"system":"http://snomed.info/sct","code":"39579001"}]}]}]`, true},
		"angioedema":           {activeNow + rash, activeNow + `,"reaction":[` + shown("Angioedema", "") + `]`, true},
		"not described":        {activeNow + rash, activeNow + `,"reaction":[` + shown(undescribed, "severe") + `]`, true},
		"high criticality":     {activeNow + rash, activeNow + `,"criticality":"high"`, true},
		"the milder one":       {activeNow + severe, activeNow + rash, false},
		"mild, not said here":  {activeNow + rash, activeNow + `,"reaction":[` + shown("rash", "mild") + `]`, false},
		"it is over":           {activeNow + rash, isOver + severe, false},
	} {
		h := open(t)
		h.put(sulfa(x.chart))
		d := letter(t)
		d.Items = []Item{{Key: "sulfa", Section: Allergies, Resource: node(t, sulfa(x.document)), Text: "sulfamethoxazole"}}
		c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		if r := c.Rows[0]; r.Entry == "" || r.Worse() != x.worse {
			t.Errorf("%s: %s, beside %q, worse %v", name, r.State, r.Entry, r.Worse())
		}
	}
}

// TestMergeTakesInTheWorseReaction: the chart holds both after it, is never said to be milder than it was, and the row
// says before what will be.
func TestMergeTakesInTheWorseReaction(t *testing.T) {
	hives := `,"criticality":"low","reaction":[` + shown("hives", "mild") + `]`
	for name, x := range map[string]struct {
		chart, document                string // of the document's allergies, parted by "|"
		reactions, criticality, banner string // after it; the banner's severity too
		says                           string
	}{
		"anaphylaxis": {activeNow + hives, activeNow + `,"reaction":[` + shown("Anaphylaxis", "severe") + `]`,
			"hives mild; Anaphylaxis severe", "high", "hives, Anaphylaxis severe", "adds this reaction to the chart's entry and raises its criticality to high"},
		"the same, graver": {activeNow + hives, activeNow + `,"reaction":[` + shown("Hives", "moderate") + `]`,
			"hives mild; Hives moderate", "low", "hives moderate", "adds this reaction to the chart's entry;"},
		"criticality": {activeNow + hives, activeNow + `,"criticality":"high","reaction":[` + shown("hives", "mild") + `]`,
			"hives mild", "high", "hives mild", "raises the criticality of the chart's entry to high"},
		"another that threatens": {activeNow + `,"criticality":"high","reaction":[` + shown("anaphylaxis", "severe") + `]`, activeNow + `,"reaction":[` + shown("Stevens-Johnson syndrome", "") + `]`,
			"anaphylaxis severe; Stevens-Johnson syndrome", "high", "anaphylaxis, Stevens-Johnson syndrome severe", "adds this reaction to the chart's entry;"},
		"milder": {activeNow + `,"criticality":"high","reaction":[` + shown("anaphylaxis", "severe") + `]`, activeNow + `,"criticality":"low","reaction":[` + shown("rash", "mild") + `]`,
			"anaphylaxis severe", "high", "anaphylaxis severe", "its own words stay"},
		"severe, not described": {activeNow + `,"criticality":"high","reaction":[` + shown("anaphylaxis", "severe") + `]`, activeNow + `,"reaction":[` + shown(undescribed, "severe") + `]`,
			"anaphylaxis severe", "high", "anaphylaxis severe", "its own words stay"},
		"over": {activeNow + hives, isOver + `,"criticality":"high","reaction":[` + shown("Anaphylaxis", "severe") + `]`,
			"hives mild", "low", "hives mild", "its own words stay"},
		"over in the chart": {isOver + hives, activeNow + `,"criticality":"high","reaction":[` + shown("Anaphylaxis", "severe") + `]`,
			"hives mild", "low", "hives mild", "this is over or was none, and Merge leaves it so"},
		"two items of one entry": {activeNow + hives, activeNow + `,"reaction":[` + shown("Vomiting", "moderate") + `]|` + activeNow + `,"reaction":[` + shown("Anaphylaxis", "severe") + `]`,
			"hives mild; Vomiting moderate; Anaphylaxis severe", "high", "hives, Vomiting, Anaphylaxis severe", "adds this reaction"},
	} {
		h := open(t)
		h.put(sulfa(x.chart))
		d, choices := letter(t), map[string]Choice{}
		d.Items = nil
		for i, body := range strings.Split(x.document, "|") {
			key := string(rune('1' + i))
			d.Items, choices[key] = append(d.Items, Item{Key: key, Section: Allergies, Resource: node(t, sulfa(body)), Text: "sulfamethoxazole " + key}), Merge
		}
		f, anna := h.filed(d), h.as(trust.Physician, "anna")
		c, err := Compare(ctx, anna, "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		if says := c.Rows[0].MergeSays(); !strings.Contains(says, x.says) {
			t.Errorf("%s: the row says %q", name, says)
		}
		a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: choices, Mark: c.Mark()})
		if err != nil || a.Merged != len(choices) {
			t.Fatalf("%s: %+v %v", name, a, err)
		}
		n := h.all("AllergyIntolerance")[0]
		var has []string
		for r := range n.Get("reaction").Items() {
			has = append(has, strings.TrimSpace(r.Path("manifestation.0.text").Text()+" "+r.Get("severity").Text()))
		}
		if got := strings.Join(has, "; "); got != x.reactions || n.Get("criticality").Text() != x.criticality {
			t.Errorf("%s: the chart has %s, criticality %s", name, got, n.Get("criticality").Text())
		}
		p := h.all("Provenance")
		if len(p) != 1 || p[0].Path("target.1.reference").Text() != "AllergyIntolerance/sulfa/_history/2" {
			t.Errorf("%s: %d statements of where it is from", name, len(p))
		}
		ch, err := chart.Read(ctx, anna, "maria")
		if b := append(ch.Allergies.Active, ch.Allergies.Past...); err != nil || len(b) != 1 || b[0].Reaction+" "+b[0].Severity != x.banner {
			t.Errorf("%s: the banner says %+v %v", name, b, err)
		}
		again, err := Compare(ctx, anna, "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range again.Rows {
			if r.Worse() && !over(r.entry) {
				t.Errorf("%s: %s is worse than the chart after it was merged", name, r.Item.Text)
			}
		}
		if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d); err != nil {
			t.Fatal(err)
		}
		if n, want := h.all("AllergyIntolerance")[0], node(t, sulfa(x.chart)); string(n.Get("reaction").JSON()) != string(want.Get("reaction").JSON()) || n.Get("criticality").Text() != want.Get("criticality").Text() {
			t.Errorf("%s: taken back it is %s", name, n.JSON())
		}
	}
}

// TestAWorseReactionToWhatMayBeAnother: the reaction says to which substance it was.
func TestAWorseReactionToWhatMayBeAnother(t *testing.T) {
	h := open(t)
	h.put(`{"resourceType":"AllergyIntolerance","id":"pen","patient":{"reference":"Patient/maria"},"code":{"text":"penicillin"}` + activeNow + `,"reaction":[` + shown("rash", "mild") + `]}`)
	d := letter(t)
	d.Items = []Item{{Key: "g", Section: Allergies, Text: "penicillin G", Resource: node(t, `{"resourceType":"AllergyIntolerance","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"7980"}],"text":"penicillin G"}`+activeNow+`,"reaction":[`+shown("Anaphylaxis", "severe")+`]}`)}}
	f, anna := h.filed(d), h.as(trust.Physician, "anna")
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"g": Merge}}); err != nil {
		t.Fatal(err)
	}
	n := h.all("AllergyIntolerance")[0]
	if n.Path("reaction.1.substance.text").Text() != "penicillin G" || n.Path("reaction.0.substance") != nil || n.Path("code.text").Text() != "penicillin" || n.Get("criticality").Text() != "high" {
		t.Errorf("the chart has %s", n.JSON())
	}
}

// TestAnAllergyOfTheSameClassIsNotNews: penicillin V is shown beside the chart's penicillin, or penicillin G, by whatever
// code it comes.
func TestAnAllergyOfTheSameClassIsNotNews(t *testing.T) {
	for entry, name := range map[string]string{`{"text":"penicillin"}`: "penicillin", `{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"7980"}],"text":"penicillin G"}`: "penicillin G", `{"text":"amoxicillin"}`: "amoxicillin"} {
		for _, item := range []string{`{"coding":[{"system":"http://hl7.org/fhir/ndfrt","code":"N0000011298","display":"Penicillin V"}],"text":"Penicillin V"}`,
			`{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"7984"}]}`, `{"coding":[{"system":"http://va.gov/terminology/medrt","code":"N0000175497"}]}`} {
			h := open(t)
			h.put(`{"resourceType":"AllergyIntolerance","id":"pen","patient":{"reference":"Patient/maria"},"code":` + entry + activeNow + `}`)
			d := letter(t)
			d.Items = []Item{{Key: "v", Section: Allergies, Text: "penicillin V", Resource: node(t, `{"resourceType":"AllergyIntolerance","code":`+item+activeNow+`}`)}}
			c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
			if err != nil {
				t.Fatal(err)
			}
			r := c.Rows[0]
			if list := r.Doubts(); r.State != Perhaps || r.Clear() || len(list) != 1 || list[0].Words != sameClass || list[0].Args[0] != "penicillins" || list[0].Args[1] != name {
				t.Errorf("%s beside %s: %s %+v", item, name, r.State, list)
			}
		}
	}
}
