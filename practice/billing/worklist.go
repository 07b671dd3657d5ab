package billing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Unbilled is the charges of one patient that are on no statement yet.
type Unbilled struct {
	Patient string // id
	Charges []Charge
	Sum     Money
	Exact   bool // Sum is the whole: every charge has a price, all in one currency
	Missing int  // charges without a diagnosis code
	NoPrice int  // charges without a price
	Oldest  string
}

// Ready reports whether a statement can be made of the charges as they are.
func (u Unbilled) Ready() bool { return u.Missing == 0 && u.Exact }

// Coded reports whether a charge has a reason with a diagnosis code: a payer asks for one.
func (c Charge) Coded() bool {
	return slices.ContainsFunc(c.Reasons, func(r Reason) bool { return r.ICD != "" })
}

// Worklist returns the charges since a day that are on no statement, by patient: patients
// for whom something is missing first, then those with the oldest charge. Signing a visit
// makes its charges, so that all of them are of finished visits.
func Worklist(ctx context.Context, actor *record.Actor, since time.Time) ([]Unbilled, error) {
	day := since.Format(time.DateOnly)
	charges, err := all(ctx, actor, "ChargeItem", "occurrence=ge"+day)
	if err != nil {
		return nil, err
	}
	// A statement is made after its charges, so that older ones cannot hold any of these.
	invoices, err := all(ctx, actor, "Invoice", "date=ge"+day)
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var out []Unbilled
	for _, n := range open(charges, invoices) {
		patient := strings.TrimPrefix(n.Path("subject.reference").Text(), "Patient/")
		i, ok := at[patient]
		if !ok {
			i, at[patient] = len(out), len(out)
			out = append(out, Unbilled{Patient: patient})
		}
		out[i].Charges = append(out[i].Charges, ChargeFrom(n))
	}
	for i := range out {
		out[i].add()
	}
	slices.SortStableFunc(out, func(a, b Unbilled) int {
		if a.Ready() != b.Ready() {
			if b.Ready() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Oldest, b.Oldest), cmp.Compare(a.Patient, b.Patient))
	})
	return out, nil
}

// UnbilledOf returns what of a patient's charges is on no statement, oldest first.
func UnbilledOf(patient string, charges, invoices []*fhir.Node) Unbilled {
	u := Unbilled{Patient: patient}
	for _, n := range open(charges, invoices) {
		u.Charges = append(u.Charges, ChargeFrom(n))
	}
	u.add()
	return u
}

func (u *Unbilled) add() {
	slices.SortStableFunc(u.Charges, func(a, b Charge) int { return cmp.Compare(a.When, b.When) })
	u.Sum, _, u.Exact = Open(u.Charges)
	for _, c := range u.Charges {
		if !c.Coded() {
			u.Missing++
		}
		if !c.HasPrice {
			u.NoPrice++
		}
	}
	if len(u.Charges) > 0 {
		u.Oldest = u.Charges[0].When
	}
}

// open returns the charges that wait for a statement: billable, and on no line of a
// statement that counts. Records from elsewhere may leave a charge billable that is on one.
func open(charges, invoices []*fhir.Node) []*fhir.Node {
	on := stated(invoices)
	var out []*fhir.Node
	for _, n := range charges {
		if n.Get("status").Text() == "billable" && !on[n.ID()] {
			out = append(out, n)
		}
	}
	return out
}

// all returns every match of a search.
func all(ctx context.Context, actor *record.Actor, resourceType, query string) (out []*fhir.Node, err error) {
	for n, err := range actor.FindEach(ctx, resourceType, query) {
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// StatementLine is a statement in a list over all patients.
type StatementLine struct {
	ID, Patient, Status, Date string
	Total                     Money
	HasTotal                  bool
	Lines                     int
}

// Statements returns the statements of the days from since up to, not including, until,
// newest first. Those that were cancelled or made in error are in it, with their status.
func Statements(ctx context.Context, actor *record.Actor, since, until time.Time) ([]StatementLine, error) {
	nodes, err := all(ctx, actor, "Invoice", "date=ge"+since.Format(time.DateOnly)+"&date=lt"+until.Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	out := make([]StatementLine, 0, len(nodes))
	for _, n := range nodes {
		s := StatementLine{ID: n.ID(), Status: n.Get("status").Text(), Date: n.Get("date").Text(),
			Patient: strings.TrimPrefix(n.Path("subject.reference").Text(), "Patient/"), Lines: n.Get("lineItem").Len()}
		s.Total, s.HasTotal = moneyFrom(n.Get("totalNet"))
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b StatementLine) int { return cmp.Compare(b.Date, a.Date) })
	return out, nil
}

// Sum adds up statements that count; ok is false when some have no exact total, or when
// there are several currencies.
func Sum(list []StatementLine) (sum Money, ok bool) {
	ok = true
	for _, s := range list {
		if s.Status == "cancelled" || s.Status == "entered-in-error" {
			continue
		}
		if !s.HasTotal || sum.Currency != "" && sum.Currency != s.Total.Currency {
			ok = false
			continue
		}
		sum.Currency = s.Total.Currency
		sum.Amount += s.Total.Amount
	}
	return sum, ok
}
