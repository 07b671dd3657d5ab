package record

import (
	"context"
	"net/url"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Identified stands in the leaf of who was told whose record it is.
const Identified = "whose record it is: name, date of birth and record number"

// identifyMost is how many people one question of Identify names.
const identifyMost = 12

// Identify tells those who watch over records whose record is meant: name, date of birth and
// record number of the patients whom a search URL finds, and nothing else of them. It may ask by
// _id, name, birthdate and identifier. Administrators and auditors, who open no charts, find so
// the log, the access or the hold of the right record; what they typed is not kept, whom they
// were told of is.
func (a *Actor) Identify(ctx context.Context, query string) ([]Known, error) {
	if err := policy.MayIdentify(a.principal); err != nil {
		return nil, a.refused(ctx, err, policy.Search, "Patient", "", "")
	}
	asked, err := url.ParseQuery(query)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The search cannot be read.")
	}
	var params []search.Param
	for _, name := range []string{"_id", "name", "birthdate", "identifier"} {
		for _, value := range asked[name] {
			params = append(params, search.Param{Name: name, Value: value})
		}
	}
	id := asked.Get("_id")
	for _, p := range params {
		delete(asked, p.Name)
	}
	if len(params) == 0 || len(asked) > 0 {
		return nil, fault.New(fault.Invalid, "Records are looked up by id, name, date of birth and record number.")
	}
	q, err := a.parse(ctx, "Patient", params)
	if err != nil {
		return nil, err
	}
	if q, err = a.allowed(ctx, q); err != nil { // national numbers are hidden from them
		return nil, err
	}
	q.Count, q.Total = identifyMost, search.TotalNone
	page, err := a.gate.lean.Search(ctx, store.NewPlan(q, func(string) search.Expr { return search.All{} }))
	if err != nil {
		return nil, err
	}
	l := a.leaf(ledger.Search, "Patient")
	l.Query, l.Count = Identified, len(page.Matches)
	var out []Known
	for _, v := range page.Matches {
		k, err := knownOf(v)
		if err != nil {
			return nil, err
		}
		addPatient(l, v.Patient)
		out = append(out, k)
	}
	if len(out) == 0 && id != "" { // a record that was deleted has a log and no name
		switch v, err := a.gate.lean.Read(ctx, "Patient", id, 0); {
		case err == nil && v.Deleted || fault.Is(err, fault.Gone):
			addPatient(l, id)
			out = append(out, Known{ID: id})
		case err != nil && !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	return out, a.write(ctx, l)
}
