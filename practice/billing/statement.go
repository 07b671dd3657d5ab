package billing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Statement is an Invoice: what a patient owes for a set of charges.
type Statement struct {
	ID, Status, Date string
	Lines            []Line
	Total            Money
	// Balanced is false when the lines do not add up to the total that the invoice states
	// (an imported one may not): the page then says so instead of choosing one.
	Balanced bool
}

// Line is one charge on a statement.
type Line struct {
	Charge Charge
	Amount Money
	// Missing says that the charge cannot be read any more.
	Missing bool
}

// StatementsFrom reads invoices with their charges, newest first. Cancelled ones are left
// out.
func StatementsFrom(invoices, charges []*fhir.Node) []Statement {
	byID := map[string]Charge{}
	for _, n := range charges {
		byID[n.ID()] = ChargeFrom(n)
	}
	var out []Statement
	for _, n := range invoices {
		if s := n.Get("status").Text(); s != "cancelled" && s != "entered-in-error" {
			out = append(out, statementFrom(n, byID))
		}
	}
	slices.SortStableFunc(out, func(a, b Statement) int { return cmp.Compare(b.Date, a.Date) })
	return out
}

func statementFrom(n *fhir.Node, charges map[string]Charge) Statement {
	s := Statement{ID: n.ID(), Status: n.Get("status").Text(), Date: n.Get("date").Text()}
	var sum Cents
	exact := true
	for item := range n.Get("lineItem").Items() {
		c, ok := charges[strings.TrimPrefix(item.Path("chargeItemReference.reference").Text(), "ChargeItem/")]
		line := Line{Charge: c, Missing: !ok, Amount: c.Total()}
		if price, found, read := lineAmount(item); found {
			line.Amount, exact = price, exact && read
		}
		sum += line.Amount.Amount
		s.Lines = append(s.Lines, line)
	}
	total, ok := moneyFrom(n.Get("totalNet"))
	s.Total = total
	s.Balanced = ok && exact && total.Amount == sum
	return s
}

// lineAmount adds up the price components of a line. read is false when one of them is no
// exact amount.
func lineAmount(item *fhir.Node) (m Money, found, read bool) {
	read = true
	for part := range item.Get("priceComponent").Items() {
		p, ok := moneyFrom(part.Get("amount"))
		found, read = true, read && ok
		m.Currency = cmp.Or(m.Currency, p.Currency)
		switch part.Get("type").Text() {
		case "discount", "deduction":
			m.Amount -= p.Amount
		case "informational":
		default:
			m.Amount += p.Amount
		}
	}
	return m, found, read
}

// Issue makes a statement of all charges of a patient that are not on one yet, and marks
// them as billed, in one commit. Charges in several currencies are fault.Invalid.
func Issue(ctx context.Context, actor *record.Actor, patient, key string) (string, record.Result, error) {
	var charges, invoices []*fhir.Node
	for n, err := range actor.Chart(ctx, patient, "ChargeItem", "Invoice") {
		if err != nil {
			return "", record.Result{}, err
		}
		switch n.ResourceType() {
		case "ChargeItem":
			charges = append(charges, n)
		case "Invoice":
			invoices = append(invoices, n)
		}
	}
	open := open(charges, invoices)
	if len(open) == 0 {
		return "", record.Result{}, fault.New(fault.Invalid, "There is nothing to put on a statement: every charge is on one already.")
	}
	slices.SortStableFunc(open, func(a, b *fhir.Node) int {
		return cmp.Compare(a.Get("occurrenceDateTime").Text(), b.Get("occurrenceDateTime").Text())
	})
	invoice, err := invoiceOf(open, patient, actor)
	if err != nil {
		return "", record.Result{}, err
	}
	change := record.Change{What: "issue statement", Key: key, Put: []record.Put{{Resource: invoice, Create: true}}}
	for _, n := range open {
		v, err := actor.ReadVersion(ctx, "ChargeItem", n.ID(), 0)
		if err != nil {
			return "", record.Result{}, err
		}
		if n, err = fhir.Parse(v.Body); err != nil {
			return "", record.Result{}, err
		}
		if n.Get("status").Text() != "billable" {
			return "", record.Result{}, fault.New(fault.Conflict, "A charge was put on a statement by someone else just now. Look again.")
		}
		n.Set("status", fhir.Str("billed"))
		change.Put = append(change.Put, record.Put{Resource: n, IfMatch: v.Version})
	}
	result, err := actor.Commit(ctx, change)
	if err != nil || len(result.Versions) == 0 {
		return "", result, err
	}
	return result.Versions[0].ID, result, nil
}

// stated returns the ids of the charges that are on a statement which stands, whatever their
// own status says: nothing is asked for twice.
func stated(invoices []*fhir.Node) map[string]bool {
	out := map[string]bool{}
	for _, n := range invoices {
		if s := n.Get("status").Text(); s == "cancelled" || s == "entered-in-error" {
			continue
		}
		for item := range n.Get("lineItem").Items() {
			out[strings.TrimPrefix(item.Path("chargeItemReference.reference").Text(), "ChargeItem/")] = true
		}
	}
	return out
}

func invoiceOf(charges []*fhir.Node, patient string, actor *record.Actor) (*fhir.Node, error) {
	var total Money
	lines := fhir.Arr()
	for i, node := range charges {
		c := ChargeFrom(node)
		if !c.HasPrice {
			return nil, fault.New(fault.Invalid, "The charge “%s” has no price. Set one before it goes on a statement.", c.Text)
		}
		if i == 0 {
			total.Currency = c.Price.Currency
		} else if total.Currency != c.Price.Currency {
			return nil, fault.New(fault.Invalid, "The charges are in several currencies. Make one statement for each.")
		}
		total.Amount += c.Total().Amount
		lines.Append(fhir.Obj("sequence", i+1, "chargeItemReference", fhir.Obj("reference", "ChargeItem/"+c.ID),
			"priceComponent", fhir.Arr(fhir.Obj("type", "base", "amount", c.Total().node()))))
	}
	n := fhir.New("Invoice")
	n.Set("status", fhir.Str("issued"))
	n.Set("subject", fhir.Obj("reference", "Patient/"+patient))
	n.Set("date", fhir.Str(actor.Now().Format(time.RFC3339)))
	n.Set("lineItem", lines)
	n.Set("totalNet", total.node())
	n.Set("totalGross", total.node())
	return n, nil
}

// Open is the sum of a patient's charges that are not on a statement, and how many there
// are; ok is false when they cannot be added up (no price, several currencies).
func Open(charges []Charge) (sum Money, n int, ok bool) {
	ok = true
	for _, c := range charges {
		if c.Status != "billable" {
			continue
		}
		n++
		if !c.HasPrice || n > 1 && c.Price.Currency != sum.Currency {
			ok = false
			continue
		}
		sum.Currency = c.Price.Currency
		sum.Amount += c.Total().Amount
	}
	return sum, n, ok
}
