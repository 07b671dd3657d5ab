package record

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
	"github.com/osler-emr/osler/trust/unusual"
)

// Unusual is what the rules of trust/unusual find in a time.
type Unusual struct {
	Findings []unusual.Finding
	Reviews  map[string]Review // by finding
	Looked   int               // entries that were looked at
	Full     bool              // there were more than are looked at
}

// Review is what somebody made of a finding.
type Review struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// unusualMost is how many entries one report looks at.
const unusualMost = 100_000

const spaceReview = "audit-review"

// Unusual reports unusual looks at records. staff names the Practitioner behind each account.
func (a *Actor) Unusual(ctx context.Context, from, to time.Time, o unusual.Options, staff map[string]string) (Unusual, error) {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return Unusual{}, a.refused(ctx, err, policy.Search, "AuditEvent", "", "")
	}
	l := a.leaf(ledger.Search, "AuditEvent")
	l.Query = "unusual access from " + from.Format(time.DateOnly) + " to " + to.Format(time.DateOnly)
	if err := a.write(ctx, l); err != nil {
		return Unusual{}, err
	}
	looks := func(l ledger.Leaf) bool {
		return len(l.Patients) > 0 && l.Role != string(trust.SystemRole) && l.Role != string(trust.Patient)
	}
	reached := int64(0)
	entries, err := a.gate.store.Leaves(ctx, store.LeafFilter{From: from, To: to, Where: looks, Scan: unusualMost, Reached: &reached})
	if err != nil {
		return Unusual{}, err
	}
	out := Unusual{Looked: len(entries), Full: reached > 0, Reviews: map[string]Review{}}
	events := make([]unusual.Event, len(entries))
	for i, e := range entries {
		events[i] = unusual.Event{Index: e.Index, At: e.Leaf.Time, Actor: e.Leaf.Actor, Name: e.Leaf.Name, Role: e.Leaf.Role, Patients: e.Leaf.Patients, Opened: opens(e.Leaf), Glass: e.Leaf.Glass != ""}
	}
	f := &unusualFacts{ctx: ctx, gate: a.gate, staff: staff, people: map[string]unusual.Person{}, known: map[string]bool{}, related: map[string]bool{}}
	out.Findings = unusual.Find(events, f, o)
	if f.err != nil {
		return Unusual{}, f.err
	}
	items, err := a.gate.store.Items(ctx, spaceReview, "")
	if err != nil {
		return Unusual{}, err
	}
	for _, item := range items {
		var r Review
		if err := json.Unmarshal(item.Value, &r); err != nil {
			return Unusual{}, err
		}
		out.Reviews[item.Key] = r
	}
	return out, nil
}

// opens reports whether a leaf is about somebody who opened a record, and did not see a name in
// a list, nor asked the log who has opened it.
func opens(l ledger.Leaf) bool {
	for _, tool := range []string{AuditTable, AccountingTable, explained} {
		if l.Type == "AuditEvent" || strings.HasPrefix(l.Query, tool) {
			return false
		}
	}
	switch l.Action {
	case ledger.Read, ledger.VRead, ledger.History, ledger.Export, ledger.Print:
		return len(l.Patients) == 1
	}
	return false
}

// ReviewUnusual keeps what an auditor made of a finding of somebody else: nobody clears what was
// found about themself.
func (a *Actor) ReviewUnusual(ctx context.Context, f unusual.Finding, note string) error {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return a.refused(ctx, err, policy.Update, "AuditEvent", "", "")
	}
	if f.Actor == a.principal.ID {
		return a.refused(ctx, fault.New(fault.Forbidden, "This is about you: another auditor or administrator has to review it."), policy.Update, "AuditEvent", "", f.Patient)
	}
	note = strings.TrimSpace(note)
	if f.ID != f.Key() {
		return fault.New(fault.NotFound, "There is no such finding.")
	}
	if note == "" || len(note) > 2000 {
		return fault.New(fault.Invalid, "Say what you made of it, in up to 2,000 letters.")
	}
	body, err := json.Marshal(Review{By: a.principal.Name, At: a.Now(), Note: note})
	if err != nil {
		return err
	}
	about, err := a.known(ctx, f.Patient)
	if err != nil {
		return err
	}
	l := a.leaf(ledger.Keep, "AuditEvent", f.Patient)
	l.Query, l.Reason = "review of unusual access "+f.ID, note
	_, err = a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{Item: store.Item{Space: spaceReview, Key: f.ID, Patient: about, Value: body}, IfVersion: -1}}})
	return err
}

// unusualFacts reads what the rules ask, each thing once.
type unusualFacts struct {
	ctx     context.Context
	gate    *Gate
	staff   map[string]string
	people  map[string]unusual.Person // by reference
	known   map[string]bool
	related map[string]bool
	err     error
}

// Staff implements unusual.Facts.
func (f *unusualFacts) Staff(actor string) unusual.Person {
	id := f.staff[actor]
	if id == "" {
		return unusual.Person{}
	}
	return f.person("Practitioner", id)
}

// Patient implements unusual.Facts.
func (f *unusualFacts) Patient(id string) (unusual.Person, bool) {
	return f.person("Patient", id), f.known[id]
}

func (f *unusualFacts) person(resourceType, id string) unusual.Person {
	key := resourceType + "/" + id
	if p, ok := f.people[key]; ok {
		return p
	}
	p := unusual.Person{}
	v, err := f.gate.lean.Read(f.ctx, resourceType, id, 0)
	if err == nil && !v.Deleted {
		var n *fhir.Node
		if n, err = fhir.Parse(v.Body); err == nil {
			p = personFrom(n)
			if resourceType == "Patient" {
				f.known[id] = marked(n)
			}
		}
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		f.err = cmp.Or(f.err, err)
	}
	f.people[key] = p
	return p
}

func personFrom(n *fhir.Node) unusual.Person {
	p := unusual.Person{Born: n.Get("birthDate").Text()}
	for name := range n.Get("name").Items() {
		if p.Family == "" || name.Get("use").Text() == "official" {
			p.Family = name.Get("family").Text()
			p.Given = ""
			for g := range name.Get("given").Items() {
				p.Given = g.Text()
				break
			}
		}
	}
	for t := range n.Get("telecom").Items() {
		if t.Get("system").Text() == "phone" && p.Phone == "" && t.Get("use").Text() != "work" {
			p.Phone = t.Get("value").Text()
		}
	}
	for a := range n.Get("address").Items() {
		line := ""
		for l := range a.Get("line").Items() {
			line = l.Text()
			break
		}
		if code := a.Get("postalCode").Text(); line != "" && code != "" && p.Address == "" && a.Get("use").Text() != "work" {
			p.Address = line + "|" + code
		}
	}
	return p
}

// marked reports whether a record is labelled as that of somebody known or of a colleague.
func marked(n *fhir.Node) bool {
	for s := range n.Get("meta").Get("security").Items() {
		switch s.Get("code").Text() {
		case "CEL", "VIP", "EMP":
			return true
		}
	}
	return false
}

// relating are the types in which a person is named who has to do with a patient.
var relating = []string{"Patient", "Encounter", "Appointment", "CareTeam", "EpisodeOfCare", "Task", "Communication", "ServiceRequest", "MedicationRequest", "Composition", "CarePlan"}

// Related implements unusual.Facts.
func (f *unusualFacts) Related(actor, patient string) bool {
	id := f.staff[actor]
	if id == "" {
		return false
	}
	key := id + "/" + patient
	if r, ok := f.related[key]; ok {
		return r
	}
	found, name := false, []byte(`"Practitioner/`+id+`"`)
	for v, err := range f.gate.lean.Compartment(f.ctx, patient, relating, 0) {
		if err != nil {
			f.err = cmp.Or(f.err, err)
			break
		}
		if bytes.Contains(v.Body, name) {
			found = true
			break
		}
	}
	f.related[key] = found
	return found
}
