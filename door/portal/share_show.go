package portal

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/sheet"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/emergency"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/ledger"
)

func share(w http.ResponseWriter, r *web.Request) error {
	if _, err := own(r); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Share my record"), Active: "/portal/share"}, sharePage())
}

// download sends the whole record as a FHIR bundle. The log keeps that it was taken.
func download(w http.ResponseWriter, r *web.Request) error {
	id, err := own(r)
	if err != nil {
		return err
	}
	if err := wholeFiles(r, id); err != nil {
		return err
	}
	out := &streamed{w: w}
	if _, err = bulk.Patient(r.Context(), r.Actor, id, out, nil); err == nil || !out.begun {
		return err
	}
	// Half a record must not look whole: the connection ends, and the browser says that it failed.
	r.Site.Log.Error("a download broke off", "error", err.Error())
	panic(http.ErrAbortHandler)
}

// wholeFiles refuses, in words for the patient, a download that would break off because the clinic has lost
// the file of a document.
func wholeFiles(r *web.Request, id string) error {
	if len(r.Site.Gate.LostFiles()) == 0 {
		return nil
	}
	refs, err := r.Site.Gate.LostReferences(r.Context())
	if err != nil {
		return err
	}
	found, err := r.Actor.ReadSome(r.Context(), refs)
	for _, v := range found {
		if files := record.LostFiles(v.Body); v.Patient == id && len(files) > 0 {
			r.Site.Log.Warn("a patient's download was refused", "error", record.LostData(v.Type+"/"+v.ID, files...).Error())
			return fault.New(fault.Unavailable, "Your record cannot be downloaded now: the clinic has lost the file of a document in it, and half a record would look whole. Please tell the clinic. It can put the file back.")
		}
	}
	return err
}

// streamed is a file that is sent while it is made. Its header is not sent before its first bytes,
// so that what fails before is still a page.
type streamed struct {
	w     http.ResponseWriter
	begun bool
}

func (s *streamed) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", "application/fhir+json; charset=utf-8")
		h.Set("Content-Disposition", `attachment; filename="my-health-record.json"`)
	}
	return s.w.Write(b)
}

// recordView is the whole record on one printable page.
type recordView struct {
	Chart    chart.Chart
	Medicine medication.Medicines
	// Overtaken is what was corrected after a note was signed.
	Overtaken encounter.OvertakenOf
	Results   resultList
	Threads   []message.Thread
	Rights    []rightsLine
	Notice    string // what the law asks to go with it
	Team      team
	Me, Of    string
	By        string
}

func wholeRecord(w http.ResponseWriter, r *web.Request) error {
	c, err := read(r)
	if err != nil {
		return err
	}
	v := recordView{Chart: c, Me: "Patient/" + c.Patient.ID, Of: actedFor(r), By: r.Principal().Name}
	if err := r.Actor.Note(r.Context(), ledger.Print, c.Patient.ID, "whole record page"); err != nil {
		return err
	}
	if v.Medicine, err = medication.List(r.Context(), r.Actor, c.Patient.ID); err != nil {
		return err
	}
	if v.Overtaken, err = encounter.OvertakenIn(r.Context(), r.Actor, c, c.Notes...); err != nil {
		return err
	}
	if v.Results, err = readResults(r); err != nil {
		return err
	}
	if v.Threads, err = message.Threads(r.Context(), r.Actor, c.Patient.ID); err != nil {
		return err
	}
	if v.Team, err = readTeam(r.Context(), r.Actor); err != nil {
		return err
	}
	if c.Any(label.Substances) {
		v.Notice = bulk.Redisclosure
	}
	if v.Rights, err = readRights(r, c.Patient.ID); err != nil { // what is hidden from a parent stays so
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("My whole record"), Active: "/portal/share"}, recordPage(v))
}

// emergencySheet shows the one page to carry.
func emergencySheet(w http.ResponseWriter, r *web.Request) error {
	id, err := own(r)
	if err != nil {
		return err
	}
	s, err := emergency.Print(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	return web.Render(w, r, sheet.Page(s, sheet.Frame{Back: r.At("/portal/share"), Clinic: r.Site.Clinic, By: r.Principal().Name, Role: r.Lang.T("patient")}))
}
