package billing

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Charge is something that was done and costs money.
type Charge struct {
	ID         string
	Code, Text string // code of FeeSystem and the clinic's words
	CPT        string
	Status     string // billable, billed, not-billable, aborted, entered-in-error
	When       string
	Encounter  string // id
	Quantity   int64
	Price      Money // of one; HasPrice false: none was recorded
	HasPrice   bool
	Reasons    []Reason
	Performer  string // reference
	Version    string
}

// Reason is a diagnosis that explains a charge.
type Reason struct{ ICD, Text string }

// Total is price times quantity.
func (c Charge) Total() Money { return Money{c.Price.Amount * Cents(c.Quantity), c.Price.Currency} }

// ChargeFrom reads a ChargeItem.
func ChargeFrom(n *fhir.Node) Charge {
	c := Charge{
		ID: n.ID(), Text: n.Path("code.text").Text(), Status: n.Get("status").Text(), Performer: n.Path("performer.0.actor.reference").Text(),
		When: n.Get("occurrenceDateTime").Text(), Quantity: 1, Version: n.Path("meta.versionId").Text(),
	}
	c.Encounter = strings.TrimPrefix(n.Path("context.reference").Text(), "Encounter/")
	for coding := range n.Path("code.coding").Items() {
		switch coding.Get("system").Text() {
		case FeeSystem:
			c.Code = coding.Get("code").Text()
		case CPT:
			c.CPT = coding.Get("code").Text()
		}
		if c.Text == "" {
			c.Text = cmp.Or(coding.Get("display").Text(), coding.Get("code").Text())
		}
	}
	if q, err := strconv.ParseInt(n.Path("quantity.value").Text(), 10, 32); err == nil {
		c.Quantity = q
	}
	c.Price, c.HasPrice = moneyFrom(n.Get("priceOverride"))
	for r := range n.Get("reason").Items() {
		reason := Reason{Text: r.Get("text").Text()}
		for coding := range r.Get("coding").Items() {
			if coding.Get("system").Text() == ICD10CM {
				reason.ICD = coding.Get("code").Text()
			}
		}
		c.Reasons = append(c.Reasons, reason)
	}
	return c
}

// ChargesFrom reads charges, newest first; those that were made in error are left out. A
// charge that is on one of the invoices counts as billed.
func ChargesFrom(nodes, invoices []*fhir.Node) []Charge {
	var out []Charge
	stated := stated(invoices)
	for _, n := range nodes {
		c := ChargeFrom(n)
		if c.Status == "billable" && stated[c.ID] {
			c.Status = "billed"
		}
		if c.Status != "entered-in-error" && c.Status != "aborted" {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Charge) int { return cmp.Compare(b.When, a.When) })
	return out
}

// ChargeDraft is a charge to be made in a visit.
type ChargeDraft struct {
	Patient, Encounter string // ids
	Fee                Fee
	Quantity           int64 // 0 is 1
	Reasons            []Reason
	Performer          string // reference
	When               time.Time
}

// Resource makes the ChargeItem of a draft, for practice/encounter to commit with the visit.
// A charge needs a fee and at least one reason with an ICD-10-CM code: a payer asks for it.
func (d ChargeDraft) Resource() (*fhir.Node, error) {
	reasons := fhir.Arr()
	for _, r := range d.Reasons {
		if r.ICD != "" {
			reasons.Append(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", ICD10CM, "code", r.ICD, "display", r.Text)), "text", r.Text))
		}
	}
	switch {
	case d.Fee.Code == "":
		return nil, fault.New(fault.Invalid, "This charge is not on the clinic's price list.").At("charge")
	case reasons.Len() == 0:
		return nil, fault.New(fault.Invalid, "The charge “%s” needs a diagnosis with a code as its reason. Add one from the list, or remove the charge.", d.Fee.Text).At("charge")
	}
	code := d.Fee.concept
	if code == nil {
		code = d.Fee.resource().Get("code")
	}
	n := fhir.New("ChargeItem")
	n.Set("status", fhir.Str("billable"))
	n.Set("code", code.Clone())
	n.Set("subject", fhir.Obj("reference", "Patient/"+d.Patient))
	n.Set("context", fhir.Obj("reference", "Encounter/"+d.Encounter))
	n.Set("occurrenceDateTime", fhir.Str(d.When.Format(time.RFC3339)))
	if d.Performer != "" {
		n.Set("performer", fhir.Arr(fhir.Obj("actor", fhir.Obj("reference", d.Performer))))
	}
	n.Set("quantity", fhir.Obj("value", max(d.Quantity, 1)))
	n.Set("priceOverride", d.Fee.Price.node())
	n.Set("enteredDate", fhir.Str(d.When.Format(time.RFC3339)))
	n.Set("reason", reasons)
	return n, nil
}
