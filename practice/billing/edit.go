package billing

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/record"
)

// MaxQuantity bounds the quantity of one charge: more is a slip of the finger.
const MaxQuantity = 99

// ChargeEdit is a correction of a charge as it was typed.
type ChargeEdit struct {
	Code     string // of the price list; "" keeps the code
	Quantity string
	Price    string // of one; with another code and the price of before, the list's price counts
	Reasons  string // ICD-10-CM codes: "E11.22, I10"
	Version  int64  // that was shown
}

// Edit corrects a charge that is on no statement yet. Findings are in the fault's issues,
// with the fields' names: code, quantity, price, reasons.
func Edit(ctx context.Context, actor *record.Actor, patient, id string, e ChargeEdit) (record.Result, error) {
	n, err := actor.Read(ctx, "ChargeItem", id)
	if err != nil {
		return record.Result{}, err
	}
	if n.Path("subject.reference").Text() != "Patient/"+patient {
		return record.Result{}, fault.New(fault.NotFound, "This patient has no such charge.")
	}
	var invoices []*fhir.Node
	for i, err := range actor.Chart(ctx, patient, "Invoice") {
		if err != nil {
			return record.Result{}, err
		}
		if i.ResourceType() == "Invoice" {
			invoices = append(invoices, i)
		}
	}
	if len(open([]*fhir.Node{n}, invoices)) == 0 {
		return record.Result{}, fault.New(fault.Conflict, "This charge is on a statement, or was taken back, and stays as it is.")
	}
	fees, err := Fees(ctx, actor)
	if err != nil {
		return record.Result{}, err
	}
	if issues := e.apply(n, fees); len(issues) > 0 {
		return record.Result{}, fault.New(fault.Invalid, "Some fields of the charge need another look.").With(issues...)
	}
	return actor.Commit(ctx, record.Change{What: "correct charge", Put: []record.Put{{Resource: n, IfMatch: e.Version}}})
}

// apply writes what was typed into a ChargeItem; it returns what cannot be used.
func (e ChargeEdit) apply(n *fhir.Node, fees Schedule) []fault.Issue {
	var issues []fault.Issue
	bad := func(field, text string) {
		issues = append(issues, fault.Issue{Severity: "error", Type: "value", Expression: field, Text: text})
	}
	before := ChargeFrom(n)
	currency := before.Price.Currency
	if e.Code != "" && e.Code != before.Code {
		fee, ok := fees.Find(e.Code)
		if !ok {
			bad("code", "This is not on the price list. Choose a line of the list.")
		} else {
			n.Set("code", fee.concept.Clone())
			currency = fee.Price.Currency
			if before.HasPrice && strings.TrimSpace(e.Price) == before.Price.Amount.String() {
				e.Price = fee.Price.Amount.String() // the price belonged to the other service
			}
		}
	}
	if currency == "" && len(fees) > 0 {
		currency = fees[0].Price.Currency
	}
	quantity, err := strconv.Atoi(strings.TrimSpace(e.Quantity))
	if err != nil || quantity < 1 || quantity > MaxQuantity {
		bad("quantity", "Type a whole number from 1 to "+strconv.Itoa(MaxQuantity)+".")
	} else {
		n.Set("quantity", fhir.Obj("value", quantity))
	}
	price, err := ParseCents(strings.TrimSpace(e.Price))
	switch {
	case err != nil || price < 0:
		bad("price", "Type an amount such as 112.00, with at most two decimals.")
	case currency == "":
		bad("price", "The clinic has no price list, so the currency is not known. Make the price list first.")
	default:
		n.Set("priceOverride", Money{price, currency}.node())
	}
	reasons, err := ParseReasons(e.Reasons, before.Reasons)
	var f *fault.Error
	if errors.As(err, &f) {
		bad("reasons", f.Message)
	} else {
		list := fhir.Arr()
		for _, r := range reasons {
			list.Append(r.node())
		}
		n.Set("reason", list)
	}
	return issues
}

func (r Reason) node() *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", ICD10CM, "code", r.ICD, "display", r.Text)), "text", r.Text)
}

// ParseReasons reads ICD-10-CM codes with commas or spaces between. The words of a code are
// those that the charge had before, or those of the clinic's own list; a code that neither
// knows is kept with itself as its words. At most four: a claim line takes no more.
func ParseReasons(typed string, before []Reason) ([]Reason, error) {
	words := map[string]string{}
	for _, r := range before {
		words[r.ICD] = r.Text
	}
	var out []Reason
	seen := map[string]bool{}
	for _, code := range strings.FieldsFunc(strings.ToUpper(typed), func(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\n' || c == '\t' || c == '\r' }) {
		if !diagnosisCode(code) {
			return nil, fault.New(fault.Invalid, "“%s” is not a diagnosis code. Codes look like I10 or E11.22, with commas between.", code)
		}
		if seen[code] {
			continue
		}
		seen[code] = true
		text := words[code]
		if p, ok := problem.ByICD(code); ok && text == "" {
			text = p.Text
		}
		if text == "" {
			text = code
		}
		out = append(out, Reason{ICD: code, Text: text})
	}
	switch {
	case len(out) == 0:
		return nil, fault.New(fault.Invalid, "The charge needs at least one diagnosis code: it says why this was done.")
	case len(out) > 4:
		return nil, fault.New(fault.Invalid, "A charge takes at most four diagnosis codes. Keep those that explain it best.")
	}
	return out, nil
}

// diagnosisCode reports whether s has the form of an ICD-10-CM code: a letter, a digit, a
// digit or letter, and at most four more behind a dot.
func diagnosisCode(s string) bool {
	head, tail, dot := strings.Cut(s, ".")
	if len(head) != 3 || dot && (tail == "" || len(tail) > 4) {
		return false
	}
	for i, c := range head + tail {
		letter, digit := c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
		if i == 0 && !letter || i == 1 && !digit || !letter && !digit {
			return false
		}
	}
	return true
}

// SetPrice changes the amount of a line of the price list. Charges that were made keep the
// price that they were made with.
func SetPrice(ctx context.Context, actor *record.Actor, code, typed string, version int64) (record.Result, error) {
	amount, err := ParseCents(strings.TrimSpace(typed))
	if err != nil || amount < 0 {
		return record.Result{}, fault.New(fault.Invalid, "Type an amount such as 112.00, with at most two decimals.").At(code)
	}
	fees, err := Fees(ctx, actor)
	if err != nil {
		return record.Result{}, err
	}
	fee, ok := fees.Find(code)
	if !ok {
		return record.Result{}, fault.New(fault.NotFound, "The price list has no line %q.", code)
	}
	n, err := actor.Read(ctx, "ChargeItemDefinition", fee.ID)
	if err != nil {
		return record.Result{}, err
	}
	for group := range n.Get("propertyGroup").Items() {
		for part := range group.Get("priceComponent").Items() {
			if part.Get("type").Text() == "base" {
				part.Set("amount", Money{amount, fee.Price.Currency}.node())
				return actor.Commit(ctx, record.Change{What: "change a fee", Put: []record.Put{{Resource: n, IfMatch: version}}})
			}
		}
	}
	return record.Result{}, fault.New(fault.Conflict, "The price of this line changed just now. Look again.")
}
