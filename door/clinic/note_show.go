package clinic

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/store"
)

// notesView is the list of a patient's notes.
type notesView struct {
	Frame    chartFrame
	Notes    []noteLine
	Unsigned *chart.Visit // the reader's own draft in an open visit
}

// noteView is one note, for reading, printing and amending.
type noteView struct {
	Frame   chartFrame
	Note    chart.Note
	By      string
	Signed  string // who signed last
	Reasons []string
	Former  []formerNote
	Addenda []noteLine // notes that add to this one, oldest first
	Visit   *chart.Visit
	// Overtaken are values that are other ones now, of the note and of all that are shown with it.
	Overtaken encounter.OvertakenOf
	May       bool
	Amend     bool
	Typed     map[string]string // by section code
	Reason    string
	Key       string
	Faults    ui.Faults
}

// formerNote is an earlier version of an amended note.
type formerNote struct {
	When string
	Note chart.Note
}

func notesShow(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v := notesView{Frame: frameOf(r, c, "notes")}
	var refs []string
	for _, n := range c.Notes {
		refs = append(refs, n.Author)
	}
	names, err := staffNames(r.Context(), r.Actor, refs...)
	if err != nil {
		return err
	}
	for _, n := range c.Notes {
		v.Notes = append(v.Notes, noteLine{n, who(r.Context(), names, n.Author, n.AuthorName)})
	}
	if open, ok := c.OpenVisit(); ok {
		if _, err := r.Actor.Draft(r.Context(), encounter.NoteKey(c.Patient.ID, open.ID)); err == nil {
			v.Unsigned = &open
		}
	}
	return web.Page(w, r, chartPage(r, c, "Notes"), notesPage(v))
}

func noteShow(w http.ResponseWriter, r *web.Request) error {
	return showNote(w, r, noteView{Amend: r.FormValue("amend") != "", Key: nonce(r)})
}

// showNote shows a note; v may hold a refused amendment.
func showNote(w http.ResponseWriter, r *web.Request, v noteView) error {
	ctx := r.Context()
	c, err := chart.Read(ctx, r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Notes, func(n chart.Note) bool { return n.ID == r.PathValue("note") })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no such note in this chart.")
	}
	v.Frame, v.Note, v.May = frameOf(r, c, "notes"), c.Notes[i], mayWrite(r, "Composition") && r.Principal().Practitioner != ""
	v.Frame.Disputes = ofNote(v.Frame.Disputes, v.Note.ID)
	if visit, ok := c.Visit(v.Note.Encounter); ok {
		v.Visit = &visit
	}
	for _, n := range c.Resources("Composition") {
		if n.ID() == v.Note.ID {
			v.Reasons = encounter.Reasons(n)
		}
	}
	if v.Note.Status == "amended" {
		if v.Former, err = formerNotes(r, v.Note.ID); err != nil {
			return err
		}
	}
	names, err := staffNames(ctx, r.Actor, v.Note.Author, v.Note.SignedBy)
	if err != nil {
		return err
	}
	v.By, v.Signed = who(ctx, names, v.Note.Author, v.Note.AuthorName), who(ctx, names, v.Note.SignedBy, "")
	for _, n := range slices.Backward(c.Notes) {
		if n.Appends == v.Note.ID && n.Status != "entered-in-error" {
			v.Addenda = append(v.Addenda, noteLine{n, n.AuthorName})
		}
	}
	shown := []chart.Note{v.Note}
	for _, n := range v.Addenda {
		shown = append(shown, n.Note)
	}
	for _, f := range v.Former {
		shown = append(shown, f.Note)
	}
	if v.Overtaken, err = encounter.OvertakenIn(ctx, r.Actor, c, shown...); err != nil {
		return err
	}
	p := chartPage(r, c, "Note")
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, notePage(v))
	}
	return web.Page(w, r, p, notePage(v))
}

// formerNotes are the versions before the current one, newest first.
func formerNotes(r *web.Request, id string) ([]formerNote, error) {
	versions, err := r.Actor.History(r.Context(), store.HistoryFilter{Type: "Composition", ID: id, Count: search.MaxCount})
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	var out []formerNote
	for _, old := range versions[1:] {
		n, err := fhir.Parse(old.Body)
		if err != nil || old.Deleted {
			continue
		}
		out = append(out, formerNote{old.Updated.Format("2006-01-02T15:04:05Z07:00"), chart.NoteFrom(n)})
	}
	return out, nil
}

// noteAmend writes a new version of a signed note; a refused one comes back as it was typed.
func noteAmend(w http.ResponseWriter, r *web.Request) error {
	patient, id := r.PathValue("patient"), r.PathValue("note")
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read. Nothing was amended; go back and try again.")
	}
	v := noteView{Amend: true, Key: r.FormValue("key"), Reason: r.FormValue("reason"), Typed: map[string]string{}}
	for name, values := range r.PostForm {
		if code, ok := strings.CutPrefix(name, "section-"); ok && len(values) > 0 {
			v.Typed[code] = strings.ReplaceAll(values[0], "\r\n", "\n")
		}
	}
	_, result, err := encounter.Amend(r.Context(), r.Actor, encounter.AmendDraft{
		Patient: patient, Note: id, Version: r.FormValue("version"), Sections: v.Typed, Reason: v.Reason,
	})
	if err == nil {
		r.Say(r.Lang.T("Note amended. The former text is kept."), result.Undo)
		return web.Redirect(w, r, "/p/"+patient+"/notes/"+id)
	}
	if !refused(err) {
		return err
	}
	v.Faults = faultsOf(r, err)
	return showNote(w, r, v)
}

// textOf is the text of a section in the form: what was typed, else what is signed.
func (v noteView) textOf(s chart.Section) string {
	if t, ok := v.Typed[s.Key]; ok {
		return t
	}
	return s.Text
}
