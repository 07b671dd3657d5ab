// Package disposal finds the records whose time of retention is over, and reads the certificates of
// those that were destroyed.
//
//	list, err := disposal.Due(ctx, gate.As(trust.System("retention"), "clinic"), rule)
//
// What is due is asked for and confirmed by two people (record.Actor.AskToShred, Shred); a legal
// hold goes before it. The certificate is the entry of the audit log itself: it stands in clear,
// outlives the keys, and is proven as every entry is. It tells what, when, by whom and under which
// rule, and nothing of what was in the record.
package disposal

import (
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/retention"
)

// Record is one record that may be disposed of.
type Record struct {
	Patient string // id
	Last    time.Time
	Due     time.Time
	Class   retention.Class
}

// Most is how many records one look finds; when they are disposed of, the next come.
const Most = 50

// quiet are the types, with their date, of which a patient has none since the cut: a first sieve
// that the store does. What stays is looked at as a whole.
var quiet = []struct{ Type, Param string }{
	{"Encounter", "date"}, {"Appointment", "date"}, {"Observation", "date"}, {"MedicationRequest", "authoredon"},
	{"Composition", "date"}, {"ServiceRequest", "authored"}, {"Communication", "sent"}, {"DocumentReference", "date"},
}

// Due returns the records whose time of retention is over, the longest first. The actor is a system
// actor: what is hidden from who reads the list counts too. full says that there are more.
func Due(ctx context.Context, actor *record.Actor, rule retention.Rule) (list []Record, full bool, err error) {
	now := actor.Now()
	cut := now.AddDate(-rule.Least(), 0, 0).UnixMilli()
	where := search.And{}
	for _, q := range quiet {
		where = append(where, search.Not{X: search.Beside{Type: q.Type, X: search.Date{Param: q.Param, Prefix: search.Ge, Low: cut, High: cut + 1}}})
	}
	q := search.Query{Type: "Patient", Where: where, Count: 200, Total: search.TotalNone}
	at, err := actor.Snapshot(ctx)
	if err != nil {
		return nil, false, err
	}
	for after := []byte(nil); ; {
		page, err := actor.Search(ctx, q, at, after)
		if err != nil {
			return nil, false, err
		}
		for _, v := range page.Matches {
			if len(list) == Most {
				return list, true, nil
			}
			r, ok, err := look(ctx, actor, v.ID, rule)
			if err != nil {
				return nil, false, err
			}
			if ok && !now.Before(r.Due) {
				list = append(list, r)
			}
		}
		if after = page.Next; after == nil {
			slices.SortStableFunc(list, func(a, b Record) int { return a.Due.Compare(b.Due) })
			return list, false, nil
		}
	}
}

// Of says when one record is due; ok is false when it cannot be said.
func Of(ctx context.Context, actor *record.Actor, patient string, rule retention.Rule) (Record, bool, error) {
	return look(ctx, actor, patient, rule)
}

func look(ctx context.Context, actor *record.Actor, patient string, rule retention.Rule) (Record, bool, error) {
	f := retention.Facts{}
	for n, err := range actor.Chart(ctx, patient) {
		if err != nil {
			return Record{}, false, err
		}
		read(n, &f)
	}
	due, class, ok := rule.Due(f)
	return Record{Patient: patient, Last: f.Last, Due: due, Class: class}, ok, nil
}

// read takes what a resource says about the last contact, images, birth and death.
func read(n *fhir.Node, f *retention.Facts) {
	last := dateOf(n)
	if n.ResourceType() == "Patient" {
		f.Born = n.Get("birthDate").Text()
		f.Died = moment(n.Get("deceasedDateTime").Text())
	}
	if last.After(f.Last) {
		f.Last = last
	}
	if pictures(n) && last.After(f.Images) {
		f.Images = last
	}
}

func pictures(n *fhir.Node) bool {
	switch n.ResourceType() {
	case "ImagingStudy", "Media":
		return true
	case "DiagnosticReport":
		for c := range n.Get("category").Items() {
			for k := range c.Get("coding").Items() {
				switch k.Get("code").Text() {
				case "RAD", "IMG", "MRI", "CT", "NMR", "RUS", "CUS", "VUS", "OUS", "RX", "XRC", "NMS", "imaging":
					return true
				}
			}
		}
	}
	return false
}

// dates are the members that say when something was.
var dates = []string{"period.end", "period.start", "end", "start", "effectiveDateTime", "effectivePeriod.end", "effectivePeriod.start", "issued", "authoredOn", "authored",
	"date", "sent", "received", "occurrenceDateTime", "occurrencePeriod.end", "performedDateTime", "performedPeriod.end", "started", "createdDateTime", "recordedDate", "dateAsserted"}

// dateOf is the latest that a resource tells of itself. One that tells nothing counts from when it
// was written here, which is never too early.
func dateOf(n *fhir.Node) (at time.Time) {
	for _, path := range dates {
		if t := moment(n.Path(path).Text()); t.After(at) {
			at = t
		}
	}
	if at.IsZero() && n.ResourceType() != "Patient" {
		at = moment(n.Path("meta.lastUpdated").Text())
	}
	return at
}

// moment reads a FHIR date or dateTime as the last moment that it can mean.
func moment(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	for _, form := range []struct {
		layout              string
		years, months, days int
	}{{"2006-01-02", 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		if t, err := time.Parse(form.layout, s); err == nil {
			return t.AddDate(form.years, form.months, form.days)
		}
	}
	return time.Time{}
}
