package clinic

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// sightView is one entry of a chart, or the chart as a whole (Patient), with its sensitivity labels
// and the form that changes them.
type sightView struct {
	Frame   chartFrame
	Entry   rights.Entry
	Path    string // of the page on which the entry stands
	Labels  []record.LabelOrigin
	Acts    []record.LabelAct
	From    map[string]rights.Entry // what it derives from, as far as the reader sees it
	Derived []rights.Entry          // what derives from it and bears one of its labels
	Can     []policy.Label          // what the reader can set or take off here
	Had     []string                // of these, what was on when the form was drawn
	Chosen  []string
	Reason  string
	Faults  ui.Faults
}

// sightListView is the chart by who sees it.
type sightListView struct {
	Frame    chartFrame
	Chart    []string       // labels of the chart as a whole
	Labelled []rights.Entry // entries that not everybody sees
	Kinds    []ui.Option
	Kind     string
	Entries  []rights.Entry // of the kind, newest first
	More     int
}

// sightShown is how many entries of a kind are listed.
const sightShown = 200

// sightIn returns how the labels of an entry of a chart are looked up by its reference; nil for who
// may not set any. Pages ask for few entries of many, so the index is made when the first is asked for.
func sightIn(r *web.Request, c chart.Chart) func(reference string) []string {
	if policy.MayLabel(r.Principal()) != nil {
		return nil
	}
	index := sync.OnceValue(func() map[string][]string {
		m := map[string][]string{}
		c.Any(func(n *fhir.Node) bool {
			if l := record.Labels(n); len(l) > 0 {
				m[n.Reference()] = l
			}
			return false
		})
		return m
	})
	return func(reference string) []string { return index()[reference] }
}

// sightList shows what of a chart not everybody sees, and leads to every entry.
func sightList(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v := sightListView{Frame: frameOf(r, c, "rights"), Kind: r.FormValue("kind")}
	kinds := map[string]int{}
	c.Any(func(n *fhir.Node) bool {
		t := n.ResourceType()
		labels := record.Labels(n)
		switch {
		case t == "Patient":
			v.Chart = labels
			return false
		case !policy.InCharts(t):
			return false
		}
		kinds[t]++
		e := rights.EntryOf(n)
		if len(labels) > 0 {
			v.Labelled = append(v.Labelled, e)
		}
		if t == v.Kind {
			v.Entries = append(v.Entries, e)
		}
		return false
	})
	for t, n := range kinds {
		v.Kinds = append(v.Kinds, ui.Option{Value: t, Label: r.Lang.T(typeWord(t)) + " (" + strconv.Itoa(n) + ")"})
	}
	slices.SortFunc(v.Kinds, func(a, b ui.Option) int { return cmp.Compare(a.Label, b.Label) })
	byDate(v.Labelled)
	byDate(v.Entries)
	v.More = max(0, len(v.Entries)-sightShown)
	v.Entries = first(v.Entries, sightShown)
	return web.Page(w, r, sightTitle(r, c), sightListPage(v))
}

func sightTitle(r *web.Request, c chart.Chart) ui.Page {
	p := chartPage(r, c, "Who may see it")
	p.Sheets = append(p.Sheets, "office.css")
	return p
}

// byDate sorts entries newest first.
func byDate(list []rights.Entry) {
	slices.SortFunc(list, func(a, b rights.Entry) int {
		return cmp.Or(chart.Moment(b.When).Compare(chart.Moment(a.When)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
}

// sightShow tells who may see one entry, and why not everybody.
func sightShow(w http.ResponseWriter, r *web.Request) error { return showSight(w, r, sightView{}) }

// showSight shows an entry; v may hold a refused form.
func showSight(w http.ResponseWriter, r *web.Request, v sightView) error {
	ctx, t, id := r.Context(), r.PathValue("type"), r.PathValue("id")
	c, err := chart.Read(ctx, r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Resources(t), func(n *fhir.Node) bool { return n.ID() == id })
	if i < 0 || !policy.InCharts(t) {
		return fault.New(fault.NotFound, "There is no such entry in this chart, or you may not see it.")
	}
	v.Frame, v.Entry = frameOf(r, c, "rights"), rights.EntryOf(c.Resources(t)[i])
	v.Path = entryPath(v.Frame, v.Entry)
	if v.Labels, v.Acts, err = r.Actor.LabelsOf(ctx, t, id); err != nil {
		return err
	}
	v.related(c)
	for _, l := range policy.Labels {
		if policy.Fits(r.Principal(), t, l.Code) == nil {
			v.Can = append(v.Can, l)
			if slices.ContainsFunc(v.Labels, func(o record.LabelOrigin) bool { return o.Code == l.Code && !o.Off }) {
				v.Had = append(v.Had, l.Code)
			}
		}
	}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, sightTitle(r, c), sightPage(v))
	}
	v.Chosen = v.Had
	return web.Page(w, r, sightTitle(r, c), sightPage(v))
}

// related finds the names of what the entry derives from, and what derives from it: labels go on to
// that, and are taken off there one by one.
func (v *sightView) related(c chart.Chart) {
	v.From = map[string]rights.Entry{}
	for _, o := range v.Labels {
		for _, ref := range o.From {
			v.From[ref] = rights.EntryIn(ref, c.Resources)
		}
	}
	me := v.Entry.Type + "/" + v.Entry.ID
	c.Any(func(n *fhir.Node) bool {
		if len(record.Labels(n)) > 0 && slices.Contains(label.Sources(n), me) {
			v.Derived = append(v.Derived, rights.EntryOf(n))
		}
		return false
	})
	byDate(v.Derived)
}

// sightSet sets and takes off labels: what differs from what the page has shown, so that what
// somebody else did meanwhile stays.
func sightSet(w http.ResponseWriter, r *web.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	patient, t, id := r.PathValue("patient"), r.PathValue("type"), r.PathValue("id")
	v := sightView{Chosen: r.PostForm["label"], Reason: r.FormValue("reason")}
	had := strings.Fields(r.FormValue("had"))
	in := func(list []string) func(string) bool { return func(l string) bool { return slices.Contains(list, l) } }
	add, remove := slices.DeleteFunc(slices.Clone(v.Chosen), in(had)), slices.DeleteFunc(slices.Clone(had), in(v.Chosen))
	if err := inChartOf(r, patient, t, id); err != nil {
		return err
	}
	_, err := r.Actor.Label(r.Context(), t, id, add, remove, v.Reason)
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v.Faults = faultsOf(r, err)
		return showSight(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Saved. It is in force from the next read on, for everybody."), "")
	if _, err := r.Actor.Read(r.Context(), t, id); err != nil { // what the patient objects to is hidden from who labels it too
		return web.Redirect(w, r, "/p/"+patient+"/sight")
	}
	return web.Redirect(w, r, "/p/"+patient+"/sight/"+t+"/"+id)
}

// inChartOf refuses an entry that is not in the chart of the address, or that the reader does not see.
func inChartOf(r *web.Request, patient, resourceType, id string) error {
	if err := r.Actor.MayLabel(r.Context(), resourceType, id); err != nil {
		return err
	}
	v, err := r.Actor.ReadVersion(r.Context(), resourceType, id, 0)
	if err != nil {
		return err
	}
	if v.Patient != patient {
		return fault.New(fault.NotFound, "There is no such entry in this chart, or you may not see it.")
	}
	return nil
}

// blind says in words whom a label hides an entry of a type from.
func blind(ctx context.Context, resourceType string, l policy.Label) string {
	if l.Chart {
		return ui.T(ctx, "opens only to who has to do with the patient (care team, panel, visit, appointment, order) or is cleared for it")
	}
	var roles []string
	for _, role := range staff.Roles() {
		if policy.Blind(role, resourceType, l) {
			roles = append(roles, strings.ToLower(ui.T(ctx, roleWord(role))))
		}
	}
	if len(roles) == 0 {
		return ui.T(ctx, "every role that sees such entries sees it")
	}
	return ui.T(ctx, "hidden from: %s", strings.Join(roles, ", "))
}

// labelText is a label in words.
func labelText(ctx context.Context, code string) string {
	l, _ := policy.LabelOf(code)
	return ui.T(ctx, cmp.Or(l.Text, code))
}

func labelTexts(ctx context.Context, codes []string) string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = labelText(ctx, c)
	}
	return strings.Join(out, ", ")
}

// typeWord is a type of entries as people speak of it.
func typeWord(resourceType string) string {
	words := map[string]string{"Condition": "Problem", "AllergyIntolerance": "Allergy", "MedicationRequest": "Prescription", "MedicationStatement": "Medicine that the patient takes",
		"Observation": "Result or measurement", "DiagnosticReport": "Report", "Composition": "Note", "DocumentReference": "Document", "Encounter": "Visit",
		"Immunization": "Immunization", "Procedure": "Procedure", "ServiceRequest": "Order", "Communication": "Message", "ChargeItem": "Charge",
		"Invoice": "Statement", "Appointment": "Appointment", "Task": "Task", "Consent": "Consent", "CareTeam": "Care team", "CarePlan": "Care plan",
		"Coverage": "Insurance", "Patient": "The whole chart", "Binary": "File", "FamilyMemberHistory": "Family history", "QuestionnaireResponse": "Answers to questions",
		"RelatedPerson": "Related person", "MedicationDispense": "Dispense", "MedicationAdministration": "Medicine given"}
	return cmp.Or(words[resourceType], resourceType)
}

// entryTitle is the name of an entry, or what it is.
func entryTitle(ctx context.Context, e rights.Entry) string {
	return cmp.Or(e.Name, ui.T(ctx, typeWord(e.Type)))
}
