package document

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/record"
)

// mostChecked bounds the items of a document that the safety checks look at, mostTaken the current medicines
// that an allergy is held to, and mostMet the medicines and the allergies of a document that its others are held
// to; mostPairs is how many medicines are held to each other in all. What is beyond is said to be unchecked.
const (
	mostChecked = 300
	mostTaken   = 100
	mostMet     = 100
	mostPairs   = 60_000
)

// check runs the safety checks on what may become part of the chart: a medicine as if it were to be
// prescribed, beside the others of the document; an allergy against each medicine of today.
func (c *Comparison) check(ctx context.Context, actor *record.Actor, nodes []*fhir.Node) error {
	var rows []*Row
	for i := range c.Rows {
		if c.Rows[i].checks() {
			rows = append(rows, &c.Rows[i])
		}
	}
	if len(rows) == 0 {
		return nil
	}
	f, err := facts(ctx, actor, c.Patient, nodes)
	if err != nil {
		return err
	}
	taken := slices.Clip(f.Current)
	medicines, allergies := 0, 0
	f.Current, f.Allergies = taken, slices.Clip(f.Allergies)
	for _, r := range rows { // the medicines and allergies of one document meet each other
		if r.Item.Section == Allergies && r.State != Against {
			if allergies++; allergies <= mostMet {
				f.Allergies = append(f.Allergies, allergyOf(r, f))
			}
		} else if r.isMedicine() && r.Entry == "" {
			if medicines++; medicines <= mostMet {
				f.Current = append(f.Current, medicineOf(r))
			}
		}
	}
	var unmet []rx.NotChecked
	if medicines > mostMet {
		unmet = append(unmet, rx.NotChecked{Check: rx.Interactions, Reason: "the document has too many medicines"})
	}
	if allergies > mostMet {
		unmet = append(unmet, rx.NotChecked{Check: rx.Allergies, Reason: "the document has too many allergies"})
	}
	most := min(mostChecked, mostPairs/max(len(f.Current)+len(f.Allergies), 1))
	others := make([]rx.Medicine, 0, len(f.Current))
	for i, r := range rows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.Checks = true
		switch {
		case i >= most:
			r.Findings.NotChecked = []rx.NotChecked{{Check: "All checks", Reason: "the document has too many items"}}
		case r.isMedicine():
			g := f
			g.Candidate = medicineOf(r)
			others = others[:0]
			for _, m := range f.Current {
				if m.ID != r.Entry && m.ID != r.mark() {
					others = append(others, m)
				}
			}
			g.Current = others
			r.Findings = rx.Check(g)
			if slices.ContainsFunc(r.Findings.Findings, func(x rx.Finding) bool { return x.Rule == rx.RuleUnseen }) {
				c.Unseen, g.Unseen = true, nil
				r.Findings = rx.Check(g)
			}
			r.partly(unmet)
		default:
			r.Findings = againstAllergy(f, taken, allergyOf(r, f))
		}
	}
	return nil
}

// partly notes what an item was not held to: no such check is clear.
func (r *Row) partly(unmet []rx.NotChecked) {
	r.Findings.NotChecked = append(r.Findings.NotChecked, unmet...)
	for _, u := range unmet {
		for i := range r.Findings.Runs {
			if run := &r.Findings.Runs[i]; run.Check == u.Check && run.Outcome == rx.Clear {
				run.Outcome = rx.Partly
			}
		}
	}
}

// checks reports whether a check is for an item.
func (r *Row) checks() bool {
	if r.State == Same || r.State == Against || r.Item.Absent {
		return false
	}
	return r.isMedicine() || r.Item.Resource.ResourceType() == "AllergyIntolerance"
}

// isMedicine reports whether an item is a medicine of today.
func (r *Row) isMedicine() bool {
	t := r.Item.Resource.ResourceType()
	return (t == "MedicationStatement" || t == "MedicationRequest") && r.now
}

// mark stands for an item among the facts.
func (r *Row) mark() string { return "item/" + r.Item.Key }

func medicineOf(r *Row) rx.Medicine {
	m := medication.FromResource(r.Item.Resource, nil).Check()
	m.ID, m.Stated = r.mark(), false
	return m
}

// allergyOf reads an allergy as the checks see it.
func allergyOf(r *Row, f rx.Facts) rx.Allergy {
	n := written(r.Item.Resource).Clone()
	n.SetID("item")
	n.Set("patient", fhir.Obj("reference", "Patient/item"))
	g := medication.FactsFrom([]*fhir.Node{n}, "item", f.Date, nil)
	if len(g.Allergies) == 0 {
		return rx.Allergy{ID: r.mark(), Text: r.Item.Text}
	}
	a := g.Allergies[0]
	a.ID = r.mark()
	return a
}

// againstAllergy holds the medicines of today to an allergy that the chart may get.
func againstAllergy(f rx.Facts, taken []rx.Medicine, a rx.Allergy) (out rx.Findings) {
	g := f
	g.Allergies, g.Current, g.NoKnownAllergies = []rx.Allergy{a}, nil, false
	g.Unseen, g.Unread = nil, nil // what is hidden is checked by who sees it
	if slices.Contains(f.Unread, rx.Interactions) {
		out.NotChecked = append(out.NotChecked, rx.NotChecked{Check: rx.Allergies, Reason: rx.NotCovered})
	}
	for i, m := range taken {
		if i >= mostTaken {
			out.NotChecked = append(out.NotChecked, rx.NotChecked{Check: rx.Allergies, Reason: "the chart has too many medicines"})
			break
		}
		g.Candidate = m
		found := rx.Check(g)
		for _, x := range found.Findings {
			if x.Check == rx.Allergies {
				x.Involves = append(x.Involves, rx.Involved{ID: m.ID, Text: m.Text})
				out.Findings = append(out.Findings, x)
			}
		}
		for _, x := range found.NotChecked {
			if x.Check == rx.Allergies || len(found.Ingredients) == 0 {
				x.Check = rx.Allergies
				if x.Subject == "" {
					x.Subject = m.Text
				}
				if !slices.ContainsFunc(out.NotChecked, x.Is) {
					out.NotChecked = append(out.NotChecked, x)
				}
			}
		}
	}
	out.Runs = []rx.Run{{Check: rx.Allergies, Outcome: rx.Clear}}
	return out
}

// facts are what the checks know of the chart: read anew only where a medicine lies outside of it.
func facts(ctx context.Context, actor *record.Actor, patient string, nodes []*fhir.Node) (rx.Facts, error) {
	for _, n := range nodes {
		if ref := n.Path("medicationReference.reference").Text(); ref != "" && !strings.HasPrefix(ref, "#") {
			return medication.ChartFacts(ctx, actor, patient, nil)
		}
	}
	return medication.FactsFor(ctx, actor, patient, nodes, time.UTC, nil)
}
