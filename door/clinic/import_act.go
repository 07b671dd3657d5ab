package clinic

import (
	"context"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/knowledge/rx"
)

// importDraft is the form with which a document of another clinic is filed.
type importDraft struct {
	Patient, Key, Reason string
	Person               []document.Trait // of a document that seems to be another person's
	Busy                 bool             // there was no room or no turn: the form is as good later
	Faults               ui.Faults
}

// documentImport files a document of another clinic, and opens its review.
func documentImport(w http.ResponseWriter, r *web.Request) error {
	if err := document.MayFile(r.Actor); err != nil {
		return err
	}
	u, err := r.Upload()
	if err != nil {
		return err
	}
	f := importDraft{Patient: r.PathValue("patient"), Key: u.Get("key"), Reason: u.Get("reason")}
	filed, err := f.file(r, u)
	if refused(err) || fault.Is(err, fault.TooLarge) || fault.Is(err, fault.TooCostly) || fault.Is(err, fault.Malformed) {
		u.Drop()
		f.Busy = fault.Is(err, fault.TooCostly)
		if len(f.Faults) == 0 {
			f.Faults.Add("document", sentence(r, err))
		}
		return showDocuments(w, r, documentDraft{Patient: f.Patient, Key: nonce(r)}, f)
	}
	if err != nil {
		return err
	}
	if filed.Before {
		r.Say(r.Lang.T("This document was filed before. Nothing was filed a second time."), "")
	} else {
		r.Say(r.Lang.T("The document is filed as it came. Nothing of it is in the chart yet."), filed.Result.Undo)
	}
	return web.Redirect(w, r, "/p/"+f.Patient+"/documents/"+filed.Document+"/review")
}

func (f *importDraft) file(r *web.Request, u web.Upload) (document.Filed, error) {
	if u.File == nil {
		return document.Filed{}, fault.New(fault.Invalid, "Choose a file: the document that the other clinic sent, mostly with the ending .xml.")
	}
	coming := arrivals.of(r.Principal().ID, u.File)
	defer coming.done()
	body, err := wholeDocument(coming)
	if err != nil {
		return document.Filed{}, err
	}
	var filed document.Filed
	err = r.Turn(func() (err error) {
		filed, err = f.read(r, body)
		return err
	})
	return filed, err
}

// read reads, holds to the chart and files what has come.
func (f *importDraft) read(r *web.Request, body []byte) (document.Filed, error) {
	d, err := document.ReadFor(r.Context(), body)
	if err != nil {
		return document.Filed{}, err
	}
	filed, err := document.File(r.Context(), r.Actor, document.Upload{Patient: f.Patient, Body: body, Read: d, Reason: f.Reason, Key: f.Key})
	if document.OtherPerson(err) {
		c, failed := document.Compare(r.Context(), r.Actor, f.Patient, d)
		if failed != nil {
			return filed, failed
		}
		f.Person = c.Person
		f.Faults.Add("person", r.Lang.T("This document seems to be about another person. Nothing was filed. Open the right chart; or say why it is this patient's, and choose the file again."))
	}
	return filed, err
}

// importDecide saves, accepts or sets aside what was chosen.
func importDecide(w http.ResponseWriter, r *web.Request) error {
	f, err := openImport(r, r.PathValue("patient"), r.PathValue("document"))
	if err != nil {
		return err
	}
	v, err := importReview(r, f)
	if err != nil {
		return err
	}
	v.Reason, v.Key = r.FormValue("reason"), r.FormValue("key")
	v.Choices = map[string]document.Choice{}
	for _, row := range v.C.Rows {
		if c := document.ParseChoice(r.FormValue("c-" + row.Item.Key)); c != "" && v.R.Done[row.Item.Key] == "" {
			v.Choices[row.Item.Key] = c
		}
	}
	at := "/p/" + r.PathValue("patient") + "/documents/" + f.file.ID + "/review"
	act, of, _ := strings.Cut(r.FormValue("act"), "/")
	v.Only = r.FormValue("only") == "yes"
	switch act {
	case "save", "new":
		if act == "new" {
			if v.C.Blocks() {
				return fault.New(fault.Invalid, "The document seems to be about another person: decide about each item.")
			}
			v.allNew(document.Section(of))
		}
		if _, err := document.Save(r.Context(), r.Actor, v.C, v.R, v.Choices, v.Reason); err != nil {
			return err
		}
		if act == "new" {
			return v.goOn(w, r, at)
		}
		r.Say(r.Lang.T("Saved for later. Nothing is in the chart yet."), "")
		return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/documents")
	case "keep":
		v.Choices = map[string]document.Choice{}
		for _, row := range v.C.Rows {
			if row.Decide() && v.R.Done[row.Item.Key] == "" {
				v.Choices[row.Item.Key] = document.Ignore
			}
		}
	}
	if v.others() && v.chosen(document.Add)+v.chosen(document.Merge) > 0 && (!document.Says(v.Reason) || r.FormValue("other") != "yes") {
		if !document.Says(v.Reason) {
			v.Faults.Add("reason", r.Lang.T("Say in words why it is this patient's, two of them at least."))
		} else {
			v.Faults.Add("other", r.Lang.T("The document is about another person. Tick that it goes into this chart all the same."))
		}
		return showImport(w, r, v)
	}
	return v.accept(w, r, f, at)
}

// goOn shows the review again, at the next item to decide.
func (v importView) goOn(w http.ResponseWriter, r *web.Request, at string) error {
	if v.Only {
		at += "?view=open"
	}
	return web.Redirect(w, r, at+v.next())
}

// allNew chooses Add for what is plainly new and not chosen yet, of a section or, for "", of all.
func (v *importView) allNew(of document.Section) {
	for _, row := range v.C.Rows {
		if v.plainIn(row, of) {
			v.Choices[row.Item.Key] = document.Add
		}
	}
}

// isPlain reports whether an item may be chosen with others: it is new, nothing of it is unsure, it does not say that
// there is none nor ends such a statement of the chart, and no check warns of it.
func (v importView) isPlain(row document.Row) bool {
	return !v.C.Blocks() && row.Clear() && !denial(row) && !v.warned(row)
}

// plainIn reports whether an item of a section, or of all for "", is plain and nothing is chosen for it.
func (v importView) plainIn(row document.Row, of document.Section) bool {
	return v.isPlain(row) && (of == "" || of == sectionOf(row)) && v.R.Done[row.Item.Key] == "" && v.Choices[row.Item.Key] == ""
}

// plain is how many items allNew takes.
func (v importView) plain(of document.Section) (n int) {
	for _, row := range v.C.Rows {
		if v.plainIn(row, of) {
			n++
		}
	}
	return n
}

func denial(row document.Row) bool { return row.Denied != "" || row.Item.Absent }

// warned reports whether a check warns of an item, or may warn of it and cannot say so to who looks.
func (v importView) warned(row document.Row) bool {
	return row.Findings.Count(rx.Stop)+row.Findings.Count(rx.Warning) > 0 || v.C.Unseen && row.Checks
}

// apart says how many new items allNew leaves to be chosen one by one, and why; "" for none.
func (v importView) apart(ctx context.Context) string {
	if v.C.Blocks() {
		return ""
	}
	var unsure, denied, warned int
	for _, row := range v.C.Rows {
		switch {
		case row.State != document.New || !row.Addable() || v.R.Done[row.Item.Key] != "" || v.Choices[row.Item.Key] != "":
		case !row.Clear():
			unsure++
		case denial(row):
			denied++
		case v.warned(row):
			warned++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		says string
	}{{unsure, "%d where something is not sure"}, {denied, "%d with a statement that there is none"}, {warned, "%d that a check warns of"}} {
		if p.n > 0 {
			parts = append(parts, ui.T(ctx, p.says, p.n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ui.T(ctx, "New, but to be chosen one by one: %s.", strings.Join(parts, ui.T(ctx, ", ")))
}

func (v importView) accept(w http.ResponseWriter, r *web.Request, f importFile, at string) error {
	mark := r.FormValue("mark")
	if r.FormValue("act") == "keep" { // it writes nothing of the document
		mark = ""
	}
	a, c, err := document.Accept(r.Context(), r.Actor, r.PathValue("patient"), f.file.ID, f.read,
		document.Decision{Choices: v.Choices, Reason: v.Reason, Mark: mark, Key: v.Key})
	switch {
	case document.Moved(err):
		v.C, v.Moved, v.Key = c, true, nonce(r)
		return showImport(w, r, v)
	case document.OtherPerson(err):
		v.Faults.Add("reason", sentence(r, err))
		return showImport(w, r, v)
	case fault.Is(err, fault.Invalid):
		v.Faults = faultsOf(r, err)
		return showImport(w, r, v)
	case err != nil:
		return err
	}
	said := []string{r.Lang.T("%d added, %d merged, %d ignored.", a.Added, a.Merged, a.Ignored)}
	if a.More {
		said = append(said, r.Lang.T("That is as much as one step writes. The rest is chosen still: accept again."))
	} else if a.Left > 0 {
		said = append(said, r.Lang.T("%d left to decide.", a.Left))
	}
	r.Say(strings.Join(said, " "), a.Result.Undo)
	if a.Left > 0 {
		return v.goOn(w, r, at)
	}
	if a.Added+a.Merged == 0 {
		return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/documents")
	}
	return web.Redirect(w, r, "/p/"+r.PathValue("patient"))
}

// importUndo takes a step back as a whole.
func importUndo(w http.ResponseWriter, r *web.Request) error {
	f, err := openImport(r, r.PathValue("patient"), r.PathValue("document")) // it need not be readable to be taken back
	if r.Context().Err() != nil {
		return err
	}
	f.file.ID = r.PathValue("document")
	u, err := document.Undo(r.Context(), r.Actor, r.PathValue("patient"), f.file.ID, r.PathValue("batch"), f.read)
	if document.OutOfOrder(err) {
		r.Say(r.Lang.T("Nothing was taken back: a later step has changed some of it. Take back the later step first, here."), "")
		return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/documents/"+u.Later+"/review")
	}
	if err != nil {
		return err
	}
	said := r.Lang.T("%d items were taken back. The log keeps both steps.", u.Items)
	if len(u.Kept) > 0 {
		said += " " + r.Lang.T("%d entries stay, because somebody has changed them since.", len(u.Kept))
	}
	r.Say(said, "")
	return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/documents/"+f.file.ID+"/review")
}
