package clinic

import (
	"net/http"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
)

// billingView is the biller's work list.
type billingView struct {
	Since string // day from which charges are looked at
	Wider string // query of the same page over more time; "" when there is none
	Lines []unbilledLine
	Sum   billing.Money
	Exact bool
	Fix   int // patients for whom something is missing
}

// unbilledLine is a patient with charges that are on no statement.
type unbilledLine struct {
	billing.Unbilled
	Person chart.Patient
	Known  bool
}

// billingSpans are how far back the work list looks, in days.
var billingSpans = []struct {
	Key, Next string
	Days      int
}{{"", "year", 90}, {"year", "ten", 366}, {"ten", "", 3660}}

// billingWork is the page Billing.
func billingWork(w http.ResponseWriter, r *web.Request) error {
	v := billingView{Exact: true}
	span := billingSpans[0]
	for _, s := range billingSpans {
		if s.Key == r.FormValue("span") {
			span = s
		}
	}
	v.Wider = span.Next
	since := r.Now().AddDate(0, 0, -span.Days)
	v.Since = since.Format(time.DateOnly)
	list, err := billing.Worklist(r.Context(), r.Actor, since)
	if err != nil {
		return err
	}
	var ids []string
	for _, u := range list {
		ids = append(ids, u.Patient)
	}
	who, err := people(r.Context(), r.Actor, ids)
	if err != nil {
		return err
	}
	for _, u := range list {
		p, known := who[u.Patient]
		v.Lines = append(v.Lines, unbilledLine{Unbilled: u, Person: p, Known: known})
		v.add(u)
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Billing"), Active: "/billing", Sheets: []string{"office.css"}}, billingPage(v))
}

func (v *billingView) add(u billing.Unbilled) {
	if !u.Ready() {
		v.Fix++
	}
	if !u.Exact || v.Sum.Currency != "" && v.Sum.Currency != u.Sum.Currency {
		v.Exact = false
		return
	}
	v.Sum.Currency = u.Sum.Currency
	v.Sum.Amount += u.Sum.Amount
}

// statementsView is all statements of a month.
type statementsView struct {
	Month          time.Time
	Earlier, Later string // months, 2026-10; Later is "" in the present month
	Lines          []statementLine
	Sum            billing.Money
	Exact          bool
}

type statementLine struct {
	billing.StatementLine
	Person chart.Patient
	Known  bool
}

// statementList is the page Statements, month by month.
func statementList(w http.ResponseWriter, r *web.Request) error {
	now := r.Now()
	month, err := time.ParseInLocation("2006-01", r.FormValue("month"), now.Location())
	if err != nil {
		month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	}
	v := statementsView{Month: month, Earlier: month.AddDate(0, -1, 0).Format("2006-01")}
	next := month.AddDate(0, 1, 0)
	if next.Before(now) {
		v.Later = next.Format("2006-01")
	}
	list, err := billing.Statements(r.Context(), r.Actor, month, next)
	if err != nil {
		return err
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, s.Patient)
	}
	who, err := people(r.Context(), r.Actor, ids)
	if err != nil {
		return err
	}
	for _, s := range list {
		p, known := who[s.Patient]
		v.Lines = append(v.Lines, statementLine{StatementLine: s, Person: p, Known: known})
	}
	v.Sum, v.Exact = billing.Sum(list)
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Statements"), Active: "/statements", Sheets: []string{"office.css"}}, statementsPage(v))
}

// dayPart is the day of a FHIR dateTime: billing counts in days.
func dayPart(when string) string { return when[:min(10, len(when))] }

// paperOf is the path of a statement as it is printed.
func paperOf(patient, invoice string) string { return "/p/" + patient + "/statement/" + invoice }
