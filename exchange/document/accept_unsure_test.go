package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestWhatWasNotSureIsNotedInTheChart: it stands first of the entry's notes, before those of the document; nothing is noted
// of what is sure.
func TestWhatWasNotSureIsNotedInTheChart(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	for i := range d.Items {
		if it := &d.Items[i]; it.Key == "apix" || it.Key == "af" {
			it.Doubts = []Doubt{{Words: otherText}, {Words: qualifies, Args: []any{"provisional"}}}
			it.Resource.Set("note", node(t, `{"resourceType":"Basic","note":[{"text":"Since the stroke"}]}`).Get("note").Clone())
		}
	}
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"apix": Add, "af": Add, "peni": Add}, Mark: c.Mark(), Key: "n1"}); err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, kind := range []string{"MedicationStatement", "Condition"} {
		for _, n := range h.all(kind) {
			if first := n.Path("note.0.text").Text(); strings.HasSuffix(first, otherText+" The document adds to the code: provisional.") && n.Path("note.1.text").Text() == "Since the stroke" {
				noted++
			}
		}
	}
	if noted != 2 {
		t.Errorf("%d of 2 entries note what was not sure", noted)
	}
	for _, n := range h.all("AllergyIntolerance") {
		if n.Get("note") != nil {
			t.Errorf("a note of what is sure: %s", n.Path("note.0.text").Text())
		}
	}
	if c, err = Compare(ctx, anna, "maria", d); err != nil || must(c.Row("af")).State != Same && must(c.Row("af")).State != Perhaps {
		t.Errorf("read again, it is %s: %v", must(c.Row("af")).State, err)
	}
}

// TestADoubtIsOnEveryEntryThatIsRead: on the values of a panel, each with its own, on a visit, which has no notes of its own, and
// where only the chart's day or the rest of the document makes something doubtful. Read again, it is the same.
func TestADoubtIsOnEveryEntryThatIsRead(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	visit := Item{Key: "visit", Section: Encounters, Text: "Office visit", Resource: node(t, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"type":[{"text":"Office visit"}],"period":{"start":"2026-11-09"}}`)}
	visit.Doubts = []Doubt{{Words: dateUnreadable}}
	d.Items = append(d.Items, visit)
	for i := range d.Items {
		switch it := &d.Items[i]; it.Key {
		case "bmp":
			potassium := it.Parts[0].Clone()
			potassium.Get("code").Set("coding", node(t, `{"resourceType":"Basic","coding":[{"system":"http://loinc.org","code":"2823-3","display":"Potassium"}]}`).Get("coding").Clone())
			it.Parts = append(it.Parts, potassium)
			it.Doubts = []Doubt{{Words: notUCUM, Args: []any{"mEq"}}, {Words: otherText}}
			it.doubted = [][]Doubt{{{Words: notUCUM, Args: []any{"mEq"}}}, nil}
		case "apix":
			it.Resource.Set("authoredOn", node(t, `{"resourceType":"Basic","x":"2026-05-03"}`).Get("x").Clone())
			it.course = &course{says: "for 10 days", parts: []length{{10, "d"}}}
		}
	}
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil {
		t.Fatal(err)
	}
	choices := map[string]Choice{"bmp": Add, "visit": Add, "apix": Add}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: choices, Mark: c.Mark(), Key: "n2"}); err != nil {
		t.Fatal(err)
	}
	doubts := map[string]string{}
	for _, kind := range []string{"Observation", "Encounter", "DiagnosticReport", "MedicationStatement"} {
		for _, n := range h.all(kind) {
			if policy.Imported.Of(n) {
				doubts[n.ResourceType()+" "+n.Path("code.coding.0.code").Text()] = policy.DoubtOf(n)
			}
		}
	}
	text := lang.Language{}
	for entry, want := range map[string]string{
		"Observation 2951-2":   otherText + " " + text.T(notUCUM, "mEq"),
		"Observation 2823-3":   otherText,
		"Encounter ":           dateUnreadable,
		"DiagnosticReport ":    text.T(notUCUM, "mEq") + " " + otherText,
		"MedicationStatement ": text.T(courseUndated, "for 10 days"),
	} {
		if doubts[entry] != want {
			t.Errorf("%s: %q, want %q", entry, doubts[entry], want)
		}
	}
	if c, err = Compare(ctx, anna, "maria", d); err != nil {
		t.Fatal(err)
	}
	for key := range choices {
		if s := must(c.Row(key)).State; s != Same && s != Perhaps { // only words name the panel and the visit
			t.Errorf("read again, %s is %s", key, s)
		}
	}
}
