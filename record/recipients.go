package record

import (
	"context"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Recipients returns, newest first, by whom and to whom data of a patient left the clinic since a
// time: exports, also of many charts, prints, disclosures, and what programs read. It is what an amendment is told to
// (45 CFR 164.526(c)(3)), all of it: who reads often must not push out who got it once. It is shown to those who decide about it: physicians and the health records
// department. What the patient took is left out.
func (a *Actor) Recipients(ctx context.Context, patient string, since time.Time) ([]store.LeafEntry, error) {
	p := a.principal
	if p.Role != trust.Physician && p.Role != trust.Records || p.Client != "" || len(p.Scopes) > 0 {
		err := fault.New(fault.Forbidden, "Physicians and the health records department see who got a record.")
		return nil, a.refused(ctx, err, policy.Search, "AuditEvent", "", patient)
	}
	if _, err := a.Read(ctx, "Patient", patient); err != nil { // the chart has to be open to who asks
		return nil, err
	}
	f := store.LeafFilter{Patient: patient, From: since, Where: left}
	list, err := a.gate.store.Leaves(ctx, f)
	if err == nil {
		list, err = a.gate.withExports(ctx, patient, f, list)
	}
	for i := range list {
		list[i].Leaf = forPatient(list[i].Leaf, patient)
	}
	l := a.leaf(ledger.Search, "AuditEvent", patient)
	l.Count, l.Query = len(list), "who got data of the patient"
	if err == nil {
		err = a.write(ctx, l)
	}
	return list, err
}

// Destroyed returns the entries of the log about records that were destroyed, newest first: the
// certificates of disposal. Administrators, auditors and the health records department read them.
func (a *Actor) Destroyed(ctx context.Context) ([]store.LeafEntry, error) {
	if r := a.principal.Role; r != trust.Administrator && r != trust.Records && r != trust.Auditor || a.principal.Client != "" {
		err := fault.New(fault.Forbidden, "Administrators, auditors and health records read what was destroyed.")
		return nil, a.refused(ctx, err, policy.Search, "AuditEvent", "", "")
	}
	list, err := a.gate.store.Leaves(ctx, store.LeafFilter{Actions: []ledger.Action{ledger.Shred}})
	l := a.leaf(ledger.Search, "AuditEvent")
	l.Count, l.Query = len(list), "certificates of disposal"
	if err == nil {
		err = a.write(ctx, l)
	}
	return list, err
}

// left reports whether something of a record went out with what an entry tells.
func left(l ledger.Leaf) bool {
	if l.Outcome != "" || l.Role == string(trust.Patient) && l.Client == "" && l.Proxy == "" {
		return false
	}
	switch l.Action {
	case ledger.Export, ledger.Print, ledger.Disclose:
		return true
	case ledger.Read, ledger.VRead, ledger.History, ledger.Search:
		return l.Client != ""
	}
	return false
}
