package encounter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

// Names of the text fields of a visit's note. A diagnosis has its own, see Diagnosis.Field.
const (
	FieldPlan       = "plan"
	FieldSubjective = "subjective"
	FieldObjective  = "objective"
)

// NoteKey is the key of the draft that holds what is typed in a visit.
func NoteKey(patient, visit string) string { return "note/" + patient + "/" + visit }

func workKey(patient, visit string) string { return "visit/" + patient + "/" + visit }

// Work is what a clinician has gathered in an open visit beside the typed text.
type Work struct {
	Diagnoses []Diagnosis `json:"diagnoses,omitempty"`
	Pulls     []Pull      `json:"pulls,omitempty"`
	Copies    []Copy      `json:"copies,omitempty"`
	// Charges are codes of the price list, once someone has changed the suggestion.
	Charges []string `json:"charges,omitempty"`
	Chosen  bool     `json:"chosen,omitempty"`
	Counter int      `json:"counter,omitempty"` // for keys
}

// Diagnosis is a problem that the visit deals with.
type Diagnosis struct {
	Key       string `json:"key"`
	Text      string `json:"text"`
	ICD       string `json:"icd,omitempty"`
	Condition string `json:"condition,omitempty"` // id of a problem of the chart; "" makes a new diagnosis
}

// Field is the name of the text field for its assessment and plan.
func (d Diagnosis) Field() string { return "dx-" + d.Key }

// Copy is a part of an earlier note that was carried forward.
type Copy struct {
	Key     string `json:"key"`
	Field   string `json:"field"` // FieldSubjective, …
	Note    string `json:"note"`  // id of the Composition
	Date    string `json:"date"`
	Text    string `json:"text"`
	Checked bool   `json:"checked,omitempty"` // a person has said that it is still true
}

// Visit is an open visit with all of its working state.
type Visit struct {
	chart.Visit
	Chart chart.Chart
	Work  Work
	Text  map[string]string // by field
	Draft record.Draft      // of the text; its Version is 0 when nothing is saved
	// Others are colleagues who have written in this visit and not signed.
	Others []Other
}

// Other is a colleague's unsigned text in a visit.
type Other struct {
	Name   string
	Saved  time.Time
	Text   string // one part a paragraph
	Hidden bool   // the reader may know of it and not read it
}

// Addendum reports whether the visit was signed by somebody while the reader still has words
// in it: they can be signed as an addendum, and are never lost.
func (v Visit) Addendum() bool { return v.Status == "finished" && v.typed() }

func (v Visit) typed() bool {
	for _, t := range v.Text {
		if strings.TrimSpace(t) != "" {
			return true
		}
	}
	return false
}

// Signed is the id of the newest note of the visit that is no addendum, or "".
func (v Visit) Signed() string {
	for _, n := range v.Chart.Notes {
		if n.Encounter == v.ID && n.Appends == "" && n.Status != "entered-in-error" {
			return n.ID
		}
	}
	return ""
}

// Ends reports whether a signature by who ("Practitioner/…") ends the visit and its
// appointment: those of another clinician stay open until that clinician has signed.
func (v Visit) Ends(who string) bool {
	return len(v.Clinicians) == 0 || slices.Contains(v.Clinicians, who)
}

// Load reads a visit with the chart around it and the reader's own unsigned work.
func Load(ctx context.Context, actor *record.Actor, patient, visit string) (Visit, error) {
	c, err := chart.Read(ctx, actor, patient)
	if err != nil {
		return Visit{}, err
	}
	v := Visit{Chart: c, Text: map[string]string{}}
	var ok bool
	if v.Visit, ok = c.Visit(visit); !ok {
		return Visit{}, fault.New(fault.NotFound, "There is no such visit in this chart.")
	}
	if v.Work, _, err = loadWork(ctx, actor, c, visit); err != nil {
		return Visit{}, err
	}
	if v.Others, err = others(ctx, actor, patient, visit); err != nil {
		return Visit{}, err
	}
	v.Draft, err = actor.Draft(ctx, NoteKey(patient, visit))
	if fault.Is(err, fault.NotFound) {
		return v, nil
	}
	if err != nil {
		return Visit{}, err
	}
	return v, json.Unmarshal(v.Draft.Value, &v.Text)
}

// others reads what colleagues have written in the visit and not signed.
func others(ctx context.Context, actor *record.Actor, patient, visit string) ([]Other, error) {
	drafts, err := actor.Colleagues(ctx, patient, NoteKey(patient, visit))
	var out []Other
	for _, d := range drafts {
		o := Other{Name: d.Name, Saved: d.Saved, Hidden: d.Value == nil}
		if !o.Hidden {
			var fields map[string]string
			if err := json.Unmarshal(d.Value, &fields); err != nil {
				return nil, err
			}
			var parts []string
			for _, name := range slices.Sorted(maps.Keys(fields)) {
				if t := strings.TrimSpace(fields[name]); t != "" {
					parts = append(parts, t)
				}
			}
			if o.Text = strings.Join(parts, "\n"); o.Text == "" {
				continue
			}
		}
		out = append(out, o)
	}
	return out, err
}

// loadWork reads the reader's work in a visit. What the reader has signed already, in a visit
// that goes on with a colleague, is no work any more.
func loadWork(ctx context.Context, actor *record.Actor, c chart.Chart, visit string) (Work, int64, error) {
	d, err := actor.Draft(ctx, workKey(c.Patient.ID, visit))
	if fault.Is(err, fault.NotFound) {
		return Work{}, 0, nil
	}
	if err != nil {
		return Work{}, 0, err
	}
	var w Work
	for _, n := range c.Notes {
		if n.Encounter == visit && n.Author == actor.Principal().Reference() && !chart.Moment(n.SignedAt).Before(d.Saved.Truncate(time.Second)) {
			return w, d.Version, nil
		}
	}
	return w, d.Version, json.Unmarshal(d.Value, &w)
}

// Edit changes the work of an open visit. change runs again on the newer state when another
// window has changed it meanwhile, so nothing is overwritten.
func Edit(ctx context.Context, actor *record.Actor, patient, visit string, change func(*Work) error) error {
	c, err := chart.Read(ctx, actor, patient, "Composition")
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		w, version, err := loadWork(ctx, actor, c, visit)
		if err != nil {
			return err
		}
		if err := change(&w); err != nil {
			return err
		}
		value, err := json.Marshal(w)
		if err != nil {
			return err
		}
		_, err = actor.SaveDraft(ctx, workKey(patient, visit), value, version)
		if !fault.Is(err, fault.Conflict) || try == 4 {
			return err
		}
	}
}

func (w *Work) key() string {
	w.Counter++
	return fmt.Sprint(w.Counter)
}

// AddProblem takes a problem of the chart into the visit; twice is no error.
func (w *Work) AddProblem(p chart.Problem) {
	if slices.ContainsFunc(w.Diagnoses, func(d Diagnosis) bool { return d.Condition == p.ID }) {
		return
	}
	icd := p.ICD
	if icd == "" { // an imported problem with a SNOMED CT code that the catalogue knows
		if known, ok := problem.BySNOMED(p.SNOMED); ok {
			icd = known.ICD
		}
	}
	w.Diagnoses = append(w.Diagnoses, Diagnosis{Key: w.key(), Text: p.Text, ICD: icd, Condition: p.ID})
}

// AddDiagnosis takes a new diagnosis into the visit; it becomes a Condition at signing.
func (w *Work) AddDiagnosis(text, icd string) error {
	text = strings.Join(strings.Fields(text), " ")
	if known, ok := problem.ByICD(icd); ok && text == "" {
		text = known.Text
	} else if known, ok := problem.ByText(text); ok && icd == "" {
		icd = known.ICD
	}
	if text == "" {
		return fault.New(fault.Invalid, "Write the diagnosis.").At("diagnosis")
	}
	for _, d := range w.Diagnoses {
		if strings.EqualFold(d.Text, text) || icd != "" && d.ICD == icd {
			return nil
		}
	}
	w.Diagnoses = append(w.Diagnoses, Diagnosis{Key: w.key(), Text: text, ICD: icd})
	return nil
}

// RemoveDiagnosis takes a diagnosis out of the visit. What was typed for it is not lost: it
// becomes loose text, see LooseFields.
func (w *Work) RemoveDiagnosis(key string) {
	w.Diagnoses = slices.DeleteFunc(w.Diagnoses, func(d Diagnosis) bool { return d.Key == key })
}

// LooseFields are the text fields of diagnoses that were removed and still hold text: a
// page shows them, and signing keeps them.
func (w Work) LooseFields(text map[string]string) []string {
	var out []string
	for field, t := range text {
		own := slices.ContainsFunc(w.Diagnoses, func(d Diagnosis) bool { return d.Field() == field })
		if strings.HasPrefix(field, "dx-") && !own && strings.TrimSpace(t) != "" {
			out = append(out, field)
		}
	}
	slices.Sort(out)
	return out
}

// AddPull links data of the chart into the note; the same data again replaces the older
// text.
func (w *Work) AddPull(p Pull) {
	w.RemovePull(p.Key)
	w.Pulls = append(w.Pulls, p)
}

// RemovePull takes linked data out of the note.
func (w *Work) RemovePull(key string) {
	w.Pulls = slices.DeleteFunc(w.Pulls, func(p Pull) bool { return p.Key == key })
}

// CopyForward carries a section of the newest earlier note into this visit, marked as
// copied until someone says that it is still true. It is fault.NotFound when there is none.
func (w *Work) CopyForward(c chart.Chart, visit, field string) error {
	code := map[string]string{FieldSubjective: chart.Subjective, FieldObjective: chart.Objective, FieldPlan: chart.AssessmentPlan}[field]
	for _, n := range c.Notes {
		s, ok := n.Part(code)
		if !ok || s.Text == "" || n.Encounter == visit || n.Status == "entered-in-error" {
			continue
		}
		if slices.ContainsFunc(w.Copies, func(x Copy) bool { return x.Field == field && x.Note == n.ID }) {
			return nil
		}
		w.Copies = append(w.Copies, Copy{Key: w.key(), Field: field, Note: n.ID, Date: n.Date, Text: s.Text})
		return nil
	}
	return fault.New(fault.NotFound, "There is no earlier note with this part to copy.")
}

// Check marks a copied part as still true.
func (w *Work) Check(key string) {
	for i := range w.Copies {
		if w.Copies[i].Key == key {
			w.Copies[i].Checked = true
		}
	}
}

// DropCopy removes a copied part.
func (w *Work) DropCopy(key string) {
	w.Copies = slices.DeleteFunc(w.Copies, func(x Copy) bool { return x.Key == key })
}

// Unread is the number of copied parts that nobody has looked at.
func (w Work) Unread() int {
	n := 0
	for _, c := range w.Copies {
		if !c.Checked {
			n++
		}
	}
	return n
}

// NewText is the share of the note's words that were written for this visit, in per cent;
// -1 while there are none.
func (v Visit) NewText() int {
	typed, copied := 0, 0
	for _, t := range v.Text {
		typed += len(strings.Fields(t))
	}
	for _, c := range v.Work.Copies {
		copied += len(strings.Fields(c.Text))
	}
	if typed+copied == 0 {
		return -1
	}
	return typed * 100 / (typed + copied)
}

// Tidy removes the work of a visit that was signed long enough ago that it cannot be undone.
func (v Visit) Tidy(ctx context.Context, actor *record.Actor) error {
	if v.Status != "finished" || actor.Now().Before(chart.Moment(v.End).Add(6*record.UndoWindow)) {
		return nil
	}
	return actor.DropDraft(ctx, workKey(v.Chart.Patient.ID, v.ID))
}

// day is the date of a FHIR dateTime as the clinic writes it.
func day(value string, zone *time.Location) string { return english.Date(value, 0, zone) }
