// Package billing turns visits into charges and charges into statements.
//
// A fee is the clinic's own price for something that it does: a ChargeItemDefinition with
// a code of the system urn:osler:fee. A charge is a ChargeItem with the fee's codes and
// price and the diagnoses as its reasons. A statement is an Invoice over charges. All
// amounts are integer cents; nothing here is a float.
//
//	fees, err := billing.Fees(ctx, actor)
//	level := billing.SuggestVisit(billing.Facts{Chronic: 2, MedicineChanged: true})
//	fees.Find(level.Code) // Office visit, established patient, moderate complexity, 158.00
package billing

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Code systems of charges.
const (
	FeeSystem = "urn:osler:fee" // the clinic's own codes
	CPT       = "http://www.ama-assn.org/go/cpt"
	ICD10CM   = "http://hl7.org/fhir/sid/icd-10-cm"
)

// Fee is one line of the clinic's price list.
type Fee struct {
	ID      string // of the definition; "" before it is stored
	Version int64
	Code    string // of FeeSystem: "visit-3"
	Text    string // the clinic's words
	CPT     string // procedure code for claims, "" when the clinic has set none
	Price   Money
	// concept is the whole code of the definition, copied into each charge.
	concept *fhir.Node
}

// Schedule is the clinic's price list, ordered by code.
type Schedule []Fee

// Find returns the fee with a code.
func (s Schedule) Find(code string) (Fee, bool) {
	i := slices.IndexFunc(s, func(f Fee) bool { return f.Code == code })
	if i < 0 {
		return Fee{}, false
	}
	return s[i], true
}

// Fees reads the clinic's active price list. A clinic without one has an empty Schedule.
func Fees(ctx context.Context, actor *record.Actor) (Schedule, error) {
	nodes, err := actor.Find(ctx, "ChargeItemDefinition", "status=active")
	if err != nil {
		return nil, err
	}
	var out Schedule
	for _, n := range nodes {
		if f, ok := feeFrom(n); ok {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Fee) int { return cmp.Compare(a.Code, b.Code) })
	return out, nil
}

// feeFrom reads a ChargeItemDefinition; ok is false when it has no code of the clinic or no
// base price that can be read.
func feeFrom(n *fhir.Node) (Fee, bool) {
	f := Fee{ID: n.ID(), Text: n.Path("code.text").Text(), concept: n.Get("code")}
	f.Version, _ = strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	for c := range n.Path("code.coding").Items() {
		switch c.Get("system").Text() {
		case FeeSystem:
			f.Code = c.Get("code").Text()
		case CPT:
			f.CPT = c.Get("code").Text()
		}
	}
	if f.Text == "" {
		f.Text = n.Get("title").Text()
	}
	priced := false
	for group := range n.Get("propertyGroup").Items() {
		for part := range group.Get("priceComponent").Items() {
			if part.Get("type").Text() == "base" && !priced {
				f.Price, priced = moneyFrom(part.Get("amount"))
			}
		}
	}
	return f, f.Code != "" && priced
}

// defaults is the price list of a new clinic: placeholders to change. The words are our own;
// procedure codes are cited as bare numbers.
var defaults = []struct {
	code, cpt, text string
	price           Cents
}{
	{"visit-new-2", "99202", "Office visit, new patient, straightforward", 9600},
	{"visit-new-3", "99203", "Office visit, new patient, low complexity", 14800},
	{"visit-new-4", "99204", "Office visit, new patient, moderate complexity", 20500},
	{"visit-2", "99212", "Office visit, established patient, straightforward", 7400},
	{"visit-3", "99213", "Office visit, established patient, low complexity", 11200},
	{"visit-4", "99214", "Office visit, established patient, moderate complexity", 15800},
	{"visit-5", "99215", "Office visit, established patient, high complexity", 21400},
	{"urine-dipstick", "81002", "Urine dipstick", 900},
	{"blood-draw", "36415", "Blood draw", 1200},
	{"vaccine-administration", "90471", "Vaccine administration", 2400},
	{"inr-point-of-care", "85610", "INR, finger prick", 1800},
	{"peak-flow", "", "Peak flow measurement", 1500},
	{"wound-dressing", "", "Wound dressing", 4600},
}

// SetDefaults writes the price list of a new clinic in a currency. It is fault.Conflict when
// the clinic has a price list already.
func SetDefaults(ctx context.Context, actor *record.Actor, currency string) error {
	have, err := Fees(ctx, actor)
	if err != nil {
		return err
	}
	if len(have) > 0 {
		return fault.New(fault.Conflict, "The clinic has a price list already. Change its lines instead.")
	}
	var put []record.Put
	for _, d := range defaults {
		f := Fee{Code: d.code, CPT: d.cpt, Text: d.text, Price: Money{d.price, currency}}
		put = append(put, record.Put{Resource: f.resource(), Create: true})
	}
	_, err = actor.Commit(ctx, record.Change{Put: put, What: "set the price list"})
	return err
}

func (f Fee) resource() *fhir.Node {
	codings := fhir.Arr(fhir.Obj("system", FeeSystem, "code", f.Code, "display", f.Text))
	if f.CPT != "" {
		codings.Append(fhir.Obj("system", CPT, "code", f.CPT))
	}
	n := fhir.New("ChargeItemDefinition")
	n.Set("url", fhir.Str(FeeSystem+":"+f.Code))
	n.Set("title", fhir.Str(f.Text))
	n.Set("status", fhir.Str("active"))
	n.Set("code", fhir.Obj("coding", codings, "text", f.Text))
	n.Set("propertyGroup", fhir.Arr(fhir.Obj("priceComponent", fhir.Arr(fhir.Obj("type", "base", "amount", f.Price.node())))))
	return n
}
