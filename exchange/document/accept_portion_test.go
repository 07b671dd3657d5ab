package document

import (
	"fmt"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAStepIsBounded: of a document with more entries than one step writes, each step takes the next, in their order;
// what a person has chosen stays chosen.
func TestAStepIsBounded(t *testing.T) {
	most := mostAtOnce
	defer func() { mostAtOnce = most }()
	mostAtOnce = 3
	all := func() *Document {
		d := letter(t)
		d.Items = d.Items[2:3]
		for i := range 6 {
			item := d.Items[0]
			item.Key = fmt.Sprint(i)
			item.Resource = node(t, fmt.Sprintf(`{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"90000%d"}],"text":"Problemo%d"}}`, i, i))
			d.Items = append(d.Items, item)
		}
		return d
	}
	t.Run("by a program", func(t *testing.T) {
		h := open(t)
		up := Upload{Patient: "maria", Body: []byte("<x/>"), Read: all()}
		for i, want := range []int{3, 3, 1, 0} {
			f, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), up)
			if err != nil || a.Added != want || a.More != (i < 2) || a.Left != []int{4, 1, 0, 0}[i] || f.Before != (i > 0) {
				t.Errorf("step %d: %+v %v", i, a, err)
			}
		}
		if n := len(h.all("Condition")); n != 7 || len(h.all("Task")) != 1 || len(h.all("Provenance")) != 3 {
			t.Errorf("%d problems", n)
		}
	})
	t.Run("by a person", func(t *testing.T) {
		h := open(t)
		d := all()
		f := h.filed(d)
		anna := h.as(trust.Physician, "anna")
		choices := map[string]Choice{"af": Ignore}
		for i := range 6 {
			choices[fmt.Sprint(i)] = Add
		}
		a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: choices, Key: "k"})
		if err != nil || a.Added != 3 || a.Ignored != 1 || !a.More || a.Left != 3 {
			t.Fatalf("%+v %v", a, err)
		}
		if again, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: choices, Key: "k"}); err != nil || len(h.all("Condition")) != 3 {
			t.Errorf("sent twice: %+v %v", again, err)
		}
		r, err := ReviewOf(ctx, anna, "maria", f.Document)
		if err != nil || len(r.Saved) != 3 || r.Saved["5"] != Add || !r.Open {
			t.Fatalf("what is left is not chosen: %+v %v", r, err)
		}
		if a, _, err = Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: r.Saved}); err != nil || a.Added != 3 || a.More || a.Left != 0 {
			t.Errorf("%+v %v", a, err)
		}
	})
}
