package clinic

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/unusual"
)

// unusualView is the report of unusual access over some days.
type unusualView struct {
	Days     int
	Open     []unusual.Finding
	Reviewed []unusual.Finding
	record.Unusual
	Reader string // account of who reads: what is about them is reviewed by somebody else
	Held   string // the finding whose review was not taken
	Typed  string
	Faults ui.Faults
}

// unusualDays are how far back the report may look.
var unusualDays = []int{1, 7, 30}

func unusualShow(w http.ResponseWriter, r *web.Request) error {
	v, err := readUnusual(r)
	if err != nil {
		return err
	}
	return web.Page(w, r, unusualPageOf(r), unusualPage(v))
}

func unusualPageOf(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Unusual access"), Active: "/audit", Sheets: []string{"office.css"}}
}

func readUnusual(r *web.Request) (unusualView, error) {
	v := unusualView{Days: 7, Reader: r.Principal().ID}
	for _, d := range unusualDays {
		if r.FormValue("days") == strconv.Itoa(d) {
			v.Days = d
		}
	}
	accounts, err := r.Site.Accounts.List(r.Context(), r.Principal())
	if err != nil {
		return v, err
	}
	staff := map[string]string{}
	for _, a := range accounts {
		if a.Practitioner != "" {
			staff[a.ID] = a.Practitioner
		}
	}
	now := r.Now()
	if v.Unusual, err = r.Actor.Unusual(r.Context(), now.AddDate(0, 0, -v.Days), now.Add(time.Second), unusual.Usual(now.Location()), staff); err != nil {
		return v, err
	}
	for _, f := range v.Findings {
		if _, done := v.Reviews[f.ID]; done {
			v.Reviewed = append(v.Reviewed, f)
		} else {
			v.Open = append(v.Open, f)
		}
	}
	return v, nil
}

// unusualReview keeps what the reader made of a finding.
func unusualReview(w http.ResponseWriter, r *web.Request) error {
	v, err := readUnusual(r)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(v.Findings, func(f unusual.Finding) bool { return f.ID == r.PathValue("finding") })
	if at < 0 {
		return fault.New(fault.NotFound, "There is no such finding in these days. Open the report anew.")
	}
	err = r.Actor.ReviewUnusual(r.Context(), v.Findings[at], r.FormValue("note"))
	if fault.Is(err, fault.Invalid) {
		v.Held, v.Typed = r.PathValue("finding"), r.FormValue("note")
		v.Faults.Add("note-"+v.Held, r.Lang.T("Say what you made of it, in up to 2,000 letters."))
		return web.Invalid(w, r, unusualPageOf(r), unusualPage(v))
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Your review is kept, with your name."), "")
	days := r.FormValue("days")
	if _, err := strconv.Atoi(days); err != nil {
		days = "7"
	}
	return web.Redirect(w, r, "/audit/unusual?days="+days)
}

// unusualWord says why a finding was made.
func unusualWord(rule unusual.Rule) string {
	switch rule {
	case unusual.Own:
		return "opened the own record"
	case unusual.Glass:
		return "opened a record by emergency access"
	case unusual.Known:
		return "opened the record of somebody known or of a colleague"
	case unusual.Address:
		return "opened the record of somebody with the same address or telephone"
	case unusual.Surname:
		return "opened the record of somebody with the same family name"
	case unusual.Unrelated:
		return "opened a record without a visit, appointment, task or order with that patient"
	case unusual.Many:
		return "opened many records in one hour"
	case unusual.Night:
		return "opened records at night"
	}
	return string(rule)
}

func unusualSpan(ctx context.Context, days int) string {
	if days == 1 {
		return ui.T(ctx, "1 day")
	}
	return counted(ctx, "1 day", "%d days", days)
}

func unusualCount(ctx context.Context, f unusual.Finding) string {
	switch {
	case f.Rule == unusual.Many:
		return counted(ctx, "1 record", "%d records", f.Count)
	case f.Count == 1:
		return ui.T(ctx, "once")
	}
	return counted(ctx, "1 time", "%d times", f.Count)
}

// unusualTone is how grave a finding is.
func unusualTone(rule unusual.Rule) (ui.Tone, string) {
	switch rule {
	case unusual.Own, unusual.Glass, unusual.Known:
		return ui.Critical, "stop"
	case unusual.Address, unusual.Surname, unusual.Unrelated:
		return ui.Caution, "warn"
	}
	return ui.Plain, "clock"
}

// unusualEntries leads to the entries of the log behind a finding.
func unusualEntries(f unusual.Finding) string {
	q := auditFilter{Person: f.Actor, Patient: f.Patient, From: f.Day, To: f.Day}
	return "/audit?" + q.query().Encode()
}
