package clinic

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/practice/chart"
)

// documentsView is the page of a patient's papers and pictures.
type documentsView struct {
	Frame     chartFrame
	Documents []chart.Document
	Names     map[string]string
	Form      documentDraft
	Import    importDraft
	May       bool
	Standing  map[string]string // how far the review of a document has come, by its id
	Elsewhere []chart.Elsewhere
}

// documentDraft is the form of a new document.
type documentDraft struct {
	Patient, Key      string
	Kind, Title, Date string
	Most              int64 // bytes of a file
	Faults            ui.Faults
}

func (v documentsView) from(ctx context.Context, d chart.Document) string {
	if strings.Contains(d.Author, "/") {
		return who(ctx, v.Names, d.Author, "")
	}
	return who(ctx, v.Names, "", d.Author)
}

// documentKinds are the choices of the form, in the reader's language.
func documentKinds(ctx context.Context) (out []ui.Option) {
	for _, k := range chart.DocumentKinds() {
		out = append(out, ui.Option{Value: k.Code, Label: ui.T(ctx, k.Text)})
	}
	return out
}

func documentsShow(w http.ResponseWriter, r *web.Request) error {
	return showDocuments(w, r, documentDraft{Patient: r.PathValue("patient"), Key: nonce(r)}, importDraft{})
}

// showDocuments shows the page, with a form that came back.
func showDocuments(w http.ResponseWriter, r *web.Request, f documentDraft, i importDraft) error {
	c, err := chart.Read(r.Context(), r.Actor, f.Patient)
	if err != nil {
		return err
	}
	v := documentsView{Frame: frameOf(r, c, "documents"), Documents: c.Documents, Form: f, Import: i, May: mayWrite(r, "DocumentReference") && mayWrite(r, "Binary")}
	v.Form.Most = r.Site.FileLimit()
	v.Import.Patient, v.Import.Key = f.Patient, nonce(r)
	var refs []string
	for _, d := range c.Documents {
		refs = append(refs, d.Author)
	}
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	v.Elsewhere = c.Elsewhere()
	if v.Standing, err = standings(r, c); err != nil {
		return err
	}
	p := chartPage(r, c, "Documents")
	if i.Busy {
		return web.Busy(w, r, p, documentsPage(v))
	}
	if len(f.Faults) > 0 || len(i.Faults) > 0 {
		return web.Invalid(w, r, p, documentsPage(v))
	}
	return web.Page(w, r, p, documentsPage(v))
}

// mostStandings is how many documents of other clinics say how far their review has come.
const mostStandings = 30

func standings(r *web.Request, c chart.Chart) (map[string]string, error) {
	out := map[string]string{}
	for _, d := range c.Documents {
		if !reviewable(d) || len(out) >= mostStandings {
			continue
		}
		review, err := document.ReviewOf(r.Context(), r.Actor, c.Patient.ID, d.ID)
		if err != nil {
			return nil, err
		}
		if word, n := review.Standing(); n > 0 {
			out[d.ID] = r.Lang.T(word, n)
		} else {
			out[d.ID] = r.Lang.T(word)
		}
	}
	return out, nil
}

// documentAdd files a scan or a photo. What is wrong with the form is told before the file has
// come; the browser has to be given the file again then.
func documentAdd(w http.ResponseWriter, r *web.Request) error {
	u, err := r.Upload()
	if err != nil {
		return err
	}
	f := documentDraft{Patient: r.PathValue("patient"), Key: u.Get("key"), Kind: u.Get("kind"), Title: u.Get("title"), Date: u.Get("date")}
	d, result, err := chart.AddDocument(r.Context(), r.Actor, chart.DocumentDraft{Patient: f.Patient, Kind: f.Kind, Title: f.Title, Date: f.Date,
		Key: f.Key, File: u.File, Limit: r.Site.FileLimit()})
	if refused(err) {
		u.Drop()
		f.Faults = faultsOf(r, err)
		return showDocuments(w, r, f, importDraft{})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Document added: %s.", d.Title), result.Undo)
	return web.Redirect(w, r, "/p/"+f.Patient+"/documents")
}

// documentOpen gives a document out as a file.
func documentOpen(w http.ResponseWriter, r *web.Request) error {
	d, content, err := chart.OpenDocument(r.Context(), r.Actor, r.PathValue("patient"), r.PathValue("document"))
	if err != nil {
		return err
	}
	defer content.Close()
	if r.URL.Query().Get("view") == "body" { // what is in the cover of a document without entries
		var read *document.Document
		err := r.Turn(func() error {
			body, err := wholeDocument(content)
			if err == nil {
				read, err = document.ReadFor(r.Context(), body)
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(read.Body) == 0 {
			return fault.New(fault.NotFound, "There is no file in this document.")
		}
		d.ContentType = read.BodyType
		return web.SendFile(w, r, d.FileName(), d.ContentType, bytes.NewReader(read.Body))
	}
	return web.SendFile(w, r, d.FileName(), d.ContentType, content)
}
