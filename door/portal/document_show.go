package portal

import (
	"errors"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/intake"
)

// documentsView is what the record holds of photos and papers, and the form to send one.
type documentsView struct {
	Documents []chart.Document
	Title     string
	Most      int64 // bytes of a file
	Faults    ui.Faults
}

func documents(w http.ResponseWriter, r *web.Request) error {
	return showDocuments(w, r, documentsView{})
}

func showDocuments(w http.ResponseWriter, r *web.Request, v documentsView) error {
	c, err := read(r, "Patient", "DocumentReference")
	if err != nil {
		return err
	}
	v.Most = min(intake.MaxFile, r.Site.FileLimit())
	for _, d := range c.Documents {
		if !d.Wrong() {
			v.Documents = append(v.Documents, d)
		}
	}
	p := ui.Page{Title: r.Lang.T("Photos and papers"), Active: "/portal/more"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, documentsPage(v))
	}
	return web.Page(w, r, p, documentsPage(v))
}

// documentSend files a photo or a paper and tells the care team.
func documentSend(w http.ResponseWriter, r *web.Request) error {
	u, err := r.Upload()
	if err != nil {
		return err
	}
	v := documentsView{Title: u.Get("title")}
	key := u.Get("nonce")
	if key != "" {
		key = "portal/document/" + key
	}
	saved, err := intake.Send(r.Context(), r.Actor, intake.Letter{About: v.Title, File: u.File, Limit: r.Site.FileLimit(), Key: key})
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		u.Drop()
		field := "file"
		var f *fault.Error
		if errors.As(err, &f) && f.Path != "" {
			field = f.Path
		}
		v.Faults.Add(field, sentence(r, err))
		return showDocuments(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Sent. A nurse or doctor looks at it on a working day."), saved.Undo)
	return web.Redirect(w, r, "/portal/documents")
}

// documentOpen gives a photo or a paper out as a file.
func documentOpen(w http.ResponseWriter, r *web.Request) error {
	id, err := own(r)
	if err != nil {
		return err
	}
	d, content, err := chart.OpenDocument(r.Context(), r.Actor, id, r.PathValue("document"))
	if err != nil {
		return err
	}
	defer content.Close()
	return web.SendFile(w, r, d.FileName(), d.ContentType, content)
}
