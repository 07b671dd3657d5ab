package record

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Unconsented tells of how many of the record's patients no consent in force to the use of the chart is
// recorded, and names the first of them, by family name, most at most. In a clinic that asks for consent first
// their charts are closed. Administrators and auditors, who open no charts, learn what a change of the setting
// does; the front desk and health records work the list off, and see of it whom they may see.
func (a *Actor) Unconsented(ctx context.Context, most int) (first []Known, without, all int64, err error) {
	rules, err := a.rules(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	identifies := policy.MayIdentify(a.principal) == nil
	watches := identifies && most == 0 // a number tells of nobody; names only to who may see the patients
	if !identifies && (a.principal.Role != trust.FrontDesk || a.principal.Client != "" || len(a.principal.Scopes) > 0) {
		return nil, 0, 0, a.refused(ctx, fault.New(fault.Forbidden, "Only administrators, auditors, health records and the front desk see of whom no consent is recorded."), policy.Search, "Patient", "", "")
	}
	q, err := a.parse(ctx, "Patient", []search.Param{{Name: "_sort", Value: "family"}})
	if err != nil {
		return nil, 0, 0, err
	}
	q.Where = search.And{}
	everybody, err := a.counting(ctx, q, watches)
	if err != nil {
		return nil, 0, 0, err
	}
	if all, err = a.gate.lean.Count(ctx, everybody); err != nil {
		return nil, 0, 0, err
	}
	q.Where, q.Count, q.Total = search.Not{X: rules.Consented()}, most, search.TotalNone
	missing, err := a.counting(ctx, q, watches)
	if err != nil {
		return nil, 0, 0, err
	}
	if without, err = a.gate.lean.Count(ctx, missing); err != nil {
		return nil, 0, 0, err
	}
	var page store.Page
	if most > 0 {
		if page, err = a.gate.lean.Search(ctx, missing); err != nil {
			return nil, 0, 0, err
		}
	}
	l := a.leaf(ledger.Search, "Patient")
	l.Query = "of whom no consent is recorded"
	for _, v := range page.Matches {
		k, err := knownOf(v)
		if err != nil {
			return nil, 0, 0, err
		}
		addPatient(l, v.Patient)
		first = append(first, k)
	}
	l.Count = len(first)
	return first, without, all, a.write(ctx, l)
}

// counting is the plan of a question about all patients, for who watches over records, or about those whom the
// actor may see.
func (a *Actor) counting(ctx context.Context, q search.Query, all bool) (store.Plan, error) {
	if all {
		return store.NewPlan(q, func(string) search.Expr { return search.All{} }), nil
	}
	return a.plan(ctx, q, 0, nil)
}
