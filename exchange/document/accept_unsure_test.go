package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
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
