package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// leaf returns an audit leaf of the actor. Empty patients are left out.
func (a *Actor) leaf(action ledger.Action, resourceType string, patients ...string) *ledger.Leaf {
	p := a.principal
	l := &ledger.Leaf{Time: a.Now(), Actor: p.ID, Name: p.Name, Role: string(p.Role), Purpose: string(p.Purpose),
		Session: p.Session, Action: action, Type: resourceType, Door: a.door, Client: p.Client, Network: p.Network}
	if p.Proxy != nil {
		l.Proxy = p.Proxy.ID
	}
	for _, id := range patients {
		addPatient(l, id)
	}
	return l
}

func addPatient(l *ledger.Leaf, id string) {
	if id != "" && !slices.Contains(l.Patients, id) {
		l.Patients = append(l.Patients, id)
	}
}

// write stores a leaf on its own.
func (a *Actor) write(ctx context.Context, l *ledger.Leaf) error {
	defer fair.Away(ctx)()
	for _, part := range a.glassed(l) {
		if _, err := a.gate.store.Commit(ctx, store.Changeset{Leaf: part}); err != nil {
			return err
		}
	}
	return nil
}

// refused stores a leaf about a refusal and returns the refusal. The leaf names the patient whose
// entry it is, also where the refusal says that there is no such entry: who asks who tried to look
// at a record finds the attempt there. An attempt by another patient is found by its person alone:
// the list of who looked is told to the patient, who is not to learn who else is one.
func (a *Actor) refused(ctx context.Context, refusal error, what policy.Interaction, resourceType, id, patient string) error {
	l := a.leaf(ledger.Refused, resourceType, patient)
	if patient == "" && id != "" {
		if v, err := a.gate.lean.Read(ctx, resourceType, id, 0); err == nil && a.tellsOf(v.Patient) {
			addPatient(l, v.Patient)
		}
	}
	l.Query, l.Outcome = string(what), string(fault.CodeOf(refusal))
	if id != "" {
		l.Versions = []ledger.Version{{Type: resourceType, ID: id}}
	}
	if err := a.write(ctx, l); err != nil {
		return err
	}
	return refusal
}

// tellsOf reports whether a refusal of the actor is told to a patient.
func (a *Actor) tellsOf(patient string) bool {
	return a.principal.Role != trust.Patient || a.principal.Patient == patient
}

// may asks policy whether the role and the token allow an interaction with a type.
func (a *Actor) may(ctx context.Context, what policy.Interaction, resourceType, id string) error {
	if err := policy.May(a.principal, what, resourceType); err != nil {
		return a.refused(ctx, err, what, resourceType, id, "")
	}
	return nil
}

// named returns the versions as a leaf names them, with hashes when they were written.
func named(v store.Version, written bool) ledger.Version {
	n := ledger.Version{Type: v.Type, ID: v.ID, Version: v.Version}
	if written && !v.Deleted {
		sum := sha256.Sum256(v.Body)
		n.Hash = hex.EncodeToString(sum[:])
	}
	return n
}

// Looked returns who looked at or changed a patient's record, newest first: the audit
// leaves that name the patient. A patient may ask for its own, an auditor and an
// administrator for any ("" for all). A patient's answer leaves out what the leaves say
// about others.
func (a *Actor) Looked(ctx context.Context, f store.LeafFilter) ([]store.LeafEntry, error) {
	return a.looked(ctx, f, policy.MayAudit)
}

// LookedAt is Looked for one entry of the log; fault.NotFound when there is none that the actor may see.
func (a *Actor) LookedAt(ctx context.Context, index int64) (store.LeafEntry, error) {
	found, err := a.looked(ctx, store.LeafFilter{Before: index + 1, Limit: 1, Scan: 1, Reached: new(int64)}, policy.MayAuditOne)
	if err != nil {
		return store.LeafEntry{}, err
	}
	if len(found) != 1 || found[0].Index != index { // for a patient: it is about others
		return store.LeafEntry{}, notFound("AuditEvent")
	}
	return found[0], nil
}

func (a *Actor) looked(ctx context.Context, f store.LeafFilter, may func(trust.Principal, string) error) ([]store.LeafEntry, error) {
	if a.principal.Role == trust.Patient && f.Patient == "" {
		f.Patient = a.principal.Patient
	}
	if err := may(a.principal, f.Patient); err != nil && !a.ownWork(f) {
		return nil, a.refused(ctx, err, policy.Search, "AuditEvent", "", "")
	}
	own := a.principal.Role == trust.Patient
	if where := f.Where; own && where != nil { // what is not told is not asked about either
		f.Where = func(l ledger.Leaf) bool { return where(forPatient(l, f.Patient)) }
	}
	entries, err := a.gate.store.Leaves(ctx, f)
	if err != nil {
		return nil, err
	}
	if own {
		for i := range entries {
			entries[i].Leaf = forPatient(entries[i].Leaf, f.Patient)
		}
	}
	l := a.leaf(ledger.Search, "AuditEvent")
	l.Count, l.Query = len(entries), lookedFor(f)
	if f.Patient != "" && !own { // own looks would only fill the own list
		addPatient(l, f.Patient)
	}
	return entries, a.write(ctx, l)
}

// ownWork reports whether a filter asks for nothing but what the person did who acts for a patient,
// in person: what they have read themselves is nothing new to them.
func (a *Actor) ownWork(f store.LeafFilter) bool {
	p := a.principal
	return p.Proxy != nil && p.Client == "" && len(p.Scopes) == 0 && p.Patient != "" && f.Patient == p.Patient && f.Actor == p.ID
}

// accountingYears is how far back an accounting of disclosures goes (45 CFR 164.528).
const accountingYears = 6

// Accounting returns, newest first, what an accounting of disclosures lists of a patient's record
// over six years: what was exported, printed or given to others, what was read for another purpose
// than treatment, payment, running the clinic or the patient's own wish, and what was opened by
// break-glass. Exports of many charts that this one was in stand in it as what they were to this
// patient (WholeRecord). A patient asks for the own one.
func (a *Actor) Accounting(ctx context.Context, patient string) ([]store.LeafEntry, error) {
	if patient == "" {
		patient = a.principal.Patient
	}
	if patient == "" {
		return nil, fault.New(fault.Invalid, "Say whose record the accounting is about.")
	}
	entries, err := a.LookedAndExported(ctx, store.LeafFilter{Patient: patient, From: a.Now().AddDate(-accountingYears, 0, 0), Where: disclosed})
	return About(entries, patient), err
}

// About keeps of entries what they say about one patient, for a file that is about that patient: a
// commit that wrote to the charts of several names the others nowhere in it.
func About(entries []store.LeafEntry, patient string) []store.LeafEntry {
	out := slices.Clone(entries)
	for i, e := range out {
		if len(e.Leaf.Patients) > 1 {
			out[i].Leaf = forPatient(e.Leaf, patient)
		}
	}
	return out
}

// What the leaf of a table begins with that was made of the log itself.
const (
	AuditTable      = "audit log as a table"
	AccountingTable = "accounting of disclosures"
)

func disclosed(l ledger.Leaf) bool {
	switch l.Action {
	case ledger.Export, ledger.Print, ledger.Disclose:
		if l.Action == ledger.Export && (l.Type == "AuditEvent" || strings.HasPrefix(l.Query, AuditTable) || strings.HasPrefix(l.Query, AccountingTable)) {
			return false // the log itself went to who looks after it, or to the patient
		}
		return l.Role != string(trust.Patient) || l.Proxy != "" // one's own download is no disclosure
	case ledger.Refused:
		return false
	}
	if l.Glass != "" {
		return true
	}
	switch trust.Purpose(l.Purpose) {
	case "", trust.Treatment, trust.Payment, trust.Operations, trust.PatientRequest:
		return false
	}
	return true
}

// lookedFor says in a leaf what of the log was looked at.
func lookedFor(f store.LeafFilter) string {
	text := "audit log"
	for _, part := range []struct{ name, value string }{{"person", f.Actor}, {"kind", strings.TrimPrefix(f.Mark, "!")}} {
		if part.value != "" {
			text += ", " + part.name + " " + part.value
		}
	}
	if !f.From.IsZero() {
		text += ", from " + f.From.Format(time.DateOnly)
	}
	if !f.To.IsZero() {
		text += ", to " + f.To.Format(time.DateOnly)
	}
	return text
}

// forPatient keeps of a leaf what it says about one patient. Whom else a search has asked about is not
// told, also when it has found this one alone: by whom, when, for what type and why is.
func forPatient(l ledger.Leaf, patient string) ledger.Leaf {
	l.Session = ""
	if l.Action == ledger.Search {
		l.Query, l.Count = "", 0
	}
	if len(l.Patients) > 1 {
		l.Patients, l.Versions, l.Query, l.Reason, l.Count = []string{patient}, nil, "", "", 0
	}
	return l
}

// aboutOne reports whether the bytes of an entry say nothing that forPatient keeps back. What was
// searched for is sealed in them, but not in old ones, nor when the patient has no keys.
func aboutOne(e store.LeafEntry) bool {
	written, err := ledger.Decode(e.Raw)
	return err == nil && len(e.Leaf.Patients) == 1 && (written.Action != ledger.Search || written.Query == "")
}

// Asked writes the leaf of a request that left none otherwise: a page without anything of the
// record, a change that was refused because it was not valid. what names the route, never what
// was sent. When it was refused as not allowed the leaf is one of a refusal, and names the patient
// whose page it would have been, if there is such a patient.
func (a *Actor) Asked(ctx context.Context, what, patient string, outcome error) error {
	l := a.leaf(ledger.Asked, "")
	l.Query = what
	if fault.Is(outcome, fault.Forbidden) {
		l.Action = ledger.Refused
		if known, err := a.known(ctx, patient); err == nil && a.tellsOf(known) {
			addPatient(l, known)
		}
	}
	if outcome != nil {
		l.Outcome = string(fault.CodeOf(outcome))
	}
	if fault.Is(outcome, fault.Unavailable) {
		a.gate.afterwards(ctx, a.glassed(l)...)
		return nil
	}
	return a.write(ctx, l)
}

// maxAfterwards bounds the leaves that wait for a record that cannot be reached.
const maxAfterwards = 200

// afterwards stores the leaves of a request that failed because the record could not be reached, while its client has
// its answer: who has waited for the record does not wait for it once more. What cannot be stored now either is lost.
func (g *Gate) afterwards(ctx context.Context, leaves ...*ledger.Leaf) {
	select {
	case g.late <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-g.late }()
		for _, l := range leaves {
			if _, err := g.store.Commit(context.WithoutCancel(ctx), store.Changeset{Leaf: l}); err != nil {
				return
			}
		}
	}()
}

// Stranger writes the leaf of a request that came with something to prove who it is, a token
// for example, that is not good. A flood of them is counted, not written one by one.
func (g *Gate) Stranger(ctx context.Context, door, network, what string, outcome error) error {
	now := g.clock.Now()
	g.mu.Lock()
	if now.Sub(g.strangersSince) >= time.Minute {
		g.strangersSince, g.strangers = now, 0
	}
	g.strangers++
	n := g.strangers
	g.mu.Unlock()
	if n > strangersShown && n%1000 != 0 {
		return nil
	}
	l := &ledger.Leaf{Time: now, Actor: "unknown", Action: ledger.SignIn, Door: door, Network: network, Query: what, Outcome: string(fault.CodeOf(outcome))}
	if n > strangersShown {
		l.Count = n
	}
	if fault.Is(outcome, fault.Unavailable) {
		g.afterwards(ctx, l)
		return nil
	}
	_, err := g.store.Commit(ctx, store.Changeset{Leaf: l})
	return err
}

// strangersShown is how many of them are written in a minute.
const strangersShown = 60

// Note writes an audit leaf of its own, for prints, exports and the like.
func (a *Actor) Note(ctx context.Context, action ledger.Action, patient, what string) error {
	if a.principal.Role == "" || a.principal.Role == trust.Patient && patient != a.principal.Patient {
		return fault.New(fault.Forbidden, "Only what you did with your own record can be noted.")
	}
	l := a.leaf(action, "", patient)
	l.Query = what
	return a.write(ctx, l)
}
