package clinic

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// rightsLine is what a patient asks about the record, with what it is about.
type rightsLine struct {
	rights.Request
	Entry  rights.Entry
	Person chart.Patient // on the work list
}

// requestsView is the work list: what the clinic has to answer.
type requestsView struct{ Lines []rightsLine }

// rightsView are the requests of one patient.
type rightsView struct {
	Frame   chartFrame
	Lines   []rightsLine
	MayHold bool // the reader places legal holds
	May     bool // the reader decides, notes objections and says who sees entries

	Objections objectionsView
	Consent    consentView
}

// rightView is one request with the forms of what can be done next.
type rightView struct {
	Frame chartFrame
	rightsLine
	Names  map[string]string
	Path   string // of the entry, "" for none
	May    bool
	Got    []gotLine // who has data of the patient
	Staff  []ui.Option
	Topics []ui.Option
	Act    string            // the form that was refused
	Typed  map[string]string // into it
	Faults ui.Faults
	Drafts map[string]rightDraft // what was typed into the forms and not sent, by act
}

// rightDraft is a form that was begun.
type rightDraft struct {
	ui.Saved
	Fields map[string]string
}

// rightDraftKey names the drafts of a request's forms; with an act, that of one.
func rightDraftKey(patient, request, act string) string {
	return "rights/" + patient + "/" + request + "/" + act
}

// gotLine is who got data of the patient: one line a recipient.
type gotLine struct {
	Name, Role, What string
	Last             time.Time
	Times            int
}

// requests is the work list of who decides.
func requests(w http.ResponseWriter, r *web.Request) error {
	list, err := rights.Work(r.Context(), r.Actor)
	if err != nil {
		return err
	}
	v := requestsView{}
	if v.Lines, err = rightsLines(r, list); err != nil {
		return err
	}
	var ids []string
	for _, q := range list {
		ids = append(ids, q.Patient)
	}
	who, err := people(r.Context(), r.Actor, ids)
	if err != nil {
		return err
	}
	for i := range v.Lines {
		v.Lines[i].Person = who[v.Lines[i].Patient]
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Requests"), Active: "/requests", Sheets: []string{"office.css"}}, requestsPage(v))
}

func rightsLines(r *web.Request, list []rights.Request) ([]rightsLine, error) {
	out := make([]rightsLine, len(list))
	for i, q := range list {
		e, err := rights.ReadEntry(r.Context(), r.Actor, q.About)
		if err != nil {
			return nil, err
		}
		out[i] = rightsLine{Request: q, Entry: e}
	}
	return out, nil
}

// rightsShow lists the requests of one patient.
func rightsShow(w http.ResponseWriter, r *web.Request) error {
	return showRights(w, r, rightsView{Consent: consentView{Book: r.FormValue("book")}})
}

// showRights shows the requests and objections of a patient; v may hold a refused form.
func showRights(w http.ResponseWriter, r *web.Request, v rightsView) error {
	if !r.Principal().OpensCharts() {
		return showConsent(w, r, v.Consent)
	}
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	list, err := rights.Of(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return err
	}
	v.Frame, v.MayHold, v.May = frameOf(r, c, "rights"), r.Principal().Role == trust.Records, rights.MayDecide(r.Principal())
	if v.Lines, err = rightsLines(r, list); err != nil {
		return err
	}
	if err := v.Objections.read(r, c.Patient.ID, v.Lines); err != nil {
		return err
	}
	if err := v.Consent.read(r, c.Patient.ID); err != nil {
		return err
	}
	v.Objections.Lines = slices.DeleteFunc(v.Objections.Lines, func(o objectionLine) bool { return v.Consent.shows(o.Objection) })
	p := chartPage(r, c, "Rights of the patient")
	p.Sheets = append(p.Sheets, "office.css")
	if len(v.Objections.Faults)+len(v.Consent.Faults) > 0 {
		return web.Invalid(w, r, p, rightsPage(v))
	}
	v.Objections.Draft.Key, v.Consent.Draft.Key = nonce(r), nonce(r)
	return web.Page(w, r, p, rightsPage(v))
}

func rightShow(w http.ResponseWriter, r *web.Request) error { return showRight(w, r, rightView{}) }

// showRight shows a request; v may hold a refused form.
func showRight(w http.ResponseWriter, r *web.Request, v rightView) error {
	ctx := r.Context()
	c, err := chart.Read(ctx, r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	q, err := rights.Find(ctx, r.Actor, c.Patient.ID, r.PathValue("request"))
	if err != nil {
		return err
	}
	lines, err := rightsLines(r, []rights.Request{q})
	if err != nil {
		return err
	}
	v.rightsLine, v.Frame, v.May = lines[0], frameOf(r, c, "rights"), rights.MayDecide(r.Principal())
	v.Path = entryPath(v.Frame, v.Entry)
	var refs []string
	for _, s := range q.Steps {
		refs = append(refs, s.By)
	}
	if v.Names, err = staffNames(ctx, r.Actor, refs...); err != nil {
		return err
	}
	if err := v.choices(r); err != nil {
		return err
	}
	if err := v.readDrafts(r); err != nil {
		return err
	}
	p := chartPage(r, c, "Request about the record")
	p.Sheets = append(p.Sheets, "office.css")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, rightPage(v))
	}
	return web.Page(w, r, p, rightPage(v))
}

// readDrafts reads what the reader has typed into the forms of this request and not sent.
func (v *rightView) readDrafts(r *web.Request) error {
	v.Drafts = map[string]rightDraft{}
	if !v.May {
		return nil
	}
	prefix := rightDraftKey(v.Patient, v.ID, "")
	list, err := r.Actor.Drafts(r.Context(), prefix)
	for i := 0; err == nil && i < len(list); i++ {
		var d rightDraft
		_, d.Saved, d.Fields, err = web.Typed(r, list[i].Key)
		v.Drafts[strings.TrimPrefix(list[i].Key, prefix)] = d
	}
	return err
}

// saved is the draft of one of the forms.
func (v rightView) saved(act string) ui.Saved {
	s := v.Drafts[act].Saved
	s.Key = rightDraftKey(v.Patient, v.ID, act)
	return s
}

// choices reads what the forms offer: whom to tell, or whom and what to close the record to.
func (v *rightView) choices(r *web.Request) error {
	if !v.May {
		return nil
	}
	if v.Kind == rights.Amendment && v.State == rights.Agreed {
		since := time.Time{} // an entry may have gone out at any time
		list, err := r.Actor.Recipients(r.Context(), v.Patient, since)
		v.Got = recipients(list, programNames(r, list))
		return err
	}
	if v.Kind != rights.Restriction || !v.Open() {
		return nil
	}
	for _, t := range rights.Topics() {
		v.Topics = append(v.Topics, ui.Option{Value: t.Class, Label: r.Lang.T(t.Text)})
	}
	var err error
	v.Staff, err = workingHere(r.Context(), r.Actor)
	return err
}

// recipients gathers the lines of the log, newest first, into one a recipient.
func recipients(list []store.LeafEntry, programs map[string]string) []gotLine {
	var out []gotLine
	for _, e := range list {
		l := e.Leaf
		name := l.Name
		if l.Client != "" {
			name = cmp.Or(programs[l.Client], l.Client)
		}
		at := slices.IndexFunc(out, func(g gotLine) bool { return g.Name == name && g.What == gotWord(l.Action) })
		if at < 0 {
			out = append(out, gotLine{Name: name, Role: l.Role, What: gotWord(l.Action), Last: l.Time})
			at = len(out) - 1
		}
		out[at].Times++
	}
	return out
}

// entryPath is the page of the chart on which an entry is.
func entryPath(f chartFrame, e rights.Entry) string {
	switch e.Type {
	case "Composition":
		return f.Href("notes/" + e.ID)
	case "Condition":
		return f.Href("problems")
	case "AllergyIntolerance":
		return f.Href("allergies")
	case "MedicationRequest", "MedicationStatement":
		return f.Href("medications")
	case "Observation", "DiagnosticReport":
		return f.Href("results")
	case "Immunization":
		return f.Href("immunizations")
	case "DocumentReference":
		return f.Href("documents")
	case "Patient":
		return f.Href("details")
	}
	return ""
}

// disputedOn are the types of entries on the pages of a chart; the summary shows all.
var disputedOn = map[string][]string{
	"notes": {"Composition"}, "problems": {"Condition"}, "allergies": {"AllergyIntolerance"}, "medications": {"MedicationRequest", "MedicationStatement"},
	"results": {"Observation", "DiagnosticReport"}, "vitals": {"Observation"}, "immunizations": {"Immunization"}, "documents": {"DocumentReference"},
}

// disputes are the requests for corrections that are shown with the entries of a page, and on the
// summary also the restrictions that the clinic has agreed to. The chart was read with them.
func disputes(c chart.Chart, page string) (out []rightsLine) {
	types := disputedOn[page]
	if page != "" && types == nil {
		return nil
	}
	for _, q := range rights.From(c.Resources("Communication")) {
		shown := q.Kind == rights.Amendment && q.Standing() && (page == "" || slices.ContainsFunc(types, q.IsAbout))
		if shown || page == "" && q.Kind == rights.Restriction && q.State == rights.Agreed {
			out = append(out, rightsLine{Request: q, Entry: rights.EntryIn(q.About, c.Resources)})
		}
	}
	return out
}

// ofNote keeps what is about one note.
func ofNote(list []rightsLine, note string) []rightsLine {
	return slices.DeleteFunc(list, func(q rightsLine) bool { return q.About != "Composition/"+note })
}
