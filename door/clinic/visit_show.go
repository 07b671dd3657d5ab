package clinic

import (
	"net/http"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/order"
	"github.com/osler-emr/osler/trust"
)

// visitView is an open visit: the chart at a glance, the note, orders and charges, and the
// bar that signs.
type visitView struct {
	encounter.Visit
	Frame     chartFrame
	Banner    ui.Banner
	Problems  []problemLine
	Medicines medication.Medicines
	Orders    []visitOrder
	Charges   []encounter.Charge
	Fees      billing.Schedule
	Names     map[string]string // of the staff who are named on the page
	MayCharge bool
	MaySign   bool // signs orders
	Vital     vitalForm
	Problem   problemForm
	Allergy   allergyForm
	Child     bool
	Taken     string
	Saved     ui.Saved
	Seen      string
	Key       string
	Faults    ui.Faults
	Focus     string          // field that gets the focus after a change
	Newer     map[string]bool // pulls of which the chart has newer data
	Author    string
	Me        string // reference of the reader
	SignedBy  string // who signed the note to which this is an addendum
}

// Path is the address of the visit.
func (v visitView) Path() string { return v.Frame.Href("visit/" + v.ID) }

// visitOrder is something that was ordered in this visit.
type visitOrder struct {
	Text, Detail string
	Medicine     bool
	Stopped      bool
}

// glanceMeasures are the tiles beside the note.
func glanceMeasures(c chart.Chart) []vital.Measure {
	list := []vital.Measure{vital.BloodPressure, vital.Pulse, vital.Temperature, vital.Weight}
	for _, m := range []vital.Measure{vital.Oxygen, vital.Respiration} {
		if len(c.Vital(m).Readings) > 0 {
			list = append(list, m)
		}
	}
	return list
}

// visitStart opens a visit, from an appointment or for a walk-in.
func visitStart(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	v, result, err := encounter.Start(r.Context(), r.Actor, patient, r.FormValue("appointment"), r.FormValue("reason"))
	if err != nil {
		return err
	}
	if result.Undo != "" {
		r.Say(r.Lang.T("Visit started."), result.Undo)
	}
	return web.Redirect(w, r, "/p/"+patient+"/visit/"+v.ID)
}

// visitShow shows an open visit; a finished one is its note.
func visitShow(w http.ResponseWriter, r *web.Request) error {
	v, err := loadVisit(r)
	if err != nil {
		return err
	}
	if !v.InProgress() && !v.adds() {
		return v.finished(w, r)
	}
	return showVisit(w, r, v)
}

// adds reports whether the reader still has words in a visit that is over, in its draft or left beside it: they
// can be signed as an addendum.
func (v visitView) adds() bool {
	return v.Addendum() || v.Status == "finished" && len(v.Saved.Apart) > 0
}

func showVisit(w http.ResponseWriter, r *web.Request, v visitView) error {
	p := chartPage(r, v.Chart, "Visit")
	p.Sheets = append(p.Sheets, "rx.css")
	p.Scripts = append(p.Scripts, "pick.js")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, visitPage(v))
	}
	return web.Page(w, r, p, visitPage(v))
}

// finished leads to the note of a visit that is over.
func (v visitView) finished(w http.ResponseWriter, r *web.Request) error {
	if err := v.Tidy(r.Context(), r.Actor); err != nil {
		r.Site.Log.Warn("work of a signed visit not removed", "error", err.Error())
	}
	for _, n := range v.Chart.Notes {
		if n.Encounter == v.ID {
			return web.Redirect(w, r, v.Frame.Href("notes/"+n.ID))
		}
	}
	return web.Redirect(w, r, v.Frame.Href("notes"))
}

func loadVisit(r *web.Request) (visitView, error) {
	ctx, actor, patient := r.Context(), r.Actor, r.PathValue("patient")
	loaded, err := encounter.Load(ctx, actor, patient, r.PathValue("encounter"))
	if err != nil {
		return visitView{}, err
	}
	v := visitView{Visit: loaded, Frame: frameOf(r, loaded.Chart, "visit"), Key: nonce(r), Me: r.Principal().Reference()}
	v.Frame.Wide = true
	if v.Saved, err = r.Saved(encounter.NoteKey(loaded.Chart.Patient.ID, loaded.ID), loaded.Draft); err != nil {
		return v, err
	}
	c := v.Chart
	v.Banner = *bannerOf(c.Patient, c.Allergies)
	v.Child, v.Problems, v.Medicines = isSmall(c), problemLines(c, resultsOf(c, nil)), medicinesOf(c)
	v.Vital, v.Problem, v.Allergy = newVitalForm(r, c, v.Path()), newProblemForm(r, patient, v.Path()), newAllergyForm(r, c, v.Path())
	v.Vital.Encounter = v.ID
	if sets := c.Taken(); len(sets) > 0 {
		v.Taken = sets[0].When
	}
	v.orders()
	v.MayCharge, v.MaySign = mayWrite(r, "ChargeItem"), r.Principal().Role == trust.Physician
	if v.Fees, err = billing.Fees(ctx, actor); err != nil {
		return v, err
	}
	v.settle(r.Now().Location())
	signer := ""
	for _, n := range c.Notes {
		if n.ID == v.Visit.Signed() {
			signer = n.SignedBy
		}
	}
	refs := []string{v.Clinician, signer}
	for _, c := range v.Charged() {
		refs = append(refs, c.Performer)
	}
	v.Names, err = staffNames(ctx, actor, refs...)
	v.Author, v.SignedBy = v.Names[v.Clinician], v.Names[signer]
	return v, err
}

// settle computes what follows from the work: charges, what will be signed, newer data.
func (v *visitView) settle(zone *time.Location) {
	v.Charges = v.Visit.Charges(v.Fees, nil)
	v.Seen = v.Digest(v.Fees, nil)
	v.Newer = map[string]bool{}
	for _, p := range v.Work.Pulls {
		if now, ok := encounter.FindPull(v.Chart, p.Key, zone); ok && (now.Text != p.Text || now.When != p.When) {
			v.Newer[p.Key] = true
		}
	}
}

func (v *visitView) orders() {
	for _, m := range append(slices.Clone(v.Medicines.Current), v.Medicines.Past...) {
		if m.Encounter == v.ID && !m.Stated {
			v.Orders = append(v.Orders, visitOrder{Text: m.Text, Detail: m.Directions, Medicine: true, Stopped: m.Status == "stopped"})
		}
	}
	for _, n := range v.Chart.Resources("ServiceRequest") {
		if o := order.FromResource(n); o.Encounter == v.ID && o.Patient == v.Chart.Patient.ID && o.Status != "entered-in-error" {
			v.Orders = append(v.Orders, visitOrder{Text: o.Name, Stopped: o.Status == "revoked"})
		}
	}
}

// Ready is the number of charges that signing will make.
func (v visitView) Ready() int {
	n := 0
	for _, c := range v.Charges {
		if c.Missing == "" && v.MayCharge {
			n++
		}
	}
	return n
}

// Taking reports whether a problem is part of the visit already.
func (v visitView) Taking(condition string) bool {
	return slices.ContainsFunc(v.Work.Diagnoses, func(d encounter.Diagnosis) bool { return d.Condition == condition })
}

// PullsOf are the linked data behind a field; CopiesOf the copied parts.
func (v visitView) PullsOf(field string) []encounter.Pull {
	return slices.DeleteFunc(slices.Clone(v.Work.Pulls), func(p encounter.Pull) bool { return p.Field != field })
}

// CopiesOf are the copied parts of a field.
func (v visitView) CopiesOf(field string) []encounter.Copy {
	return slices.DeleteFunc(slices.Clone(v.Work.Copies), func(c encounter.Copy) bool { return c.Field != field })
}

// Unchosen are the fees that can still be added.
func (v visitView) Unchosen() []ui.Option {
	out := []ui.Option{{Value: "", Label: ""}}
	for _, f := range v.Fees {
		if !slices.ContainsFunc(v.Charges, func(c encounter.Charge) bool { return c.Fee.Code == f.Code }) {
			out = append(out, ui.Option{Value: f.Code, Label: f.Text})
		}
	}
	return out
}
