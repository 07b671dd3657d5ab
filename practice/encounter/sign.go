package encounter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/billing"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// SignDraft is what a clinician signs.
type SignDraft struct {
	Patient, Encounter string
	// Text is what the form held at the moment of signing, by field; it wins over the draft.
	Text map[string]string
	// Seen is the Digest of what the page showed. When the work has changed since, nothing is
	// signed and Sign fails with fault.Conflict.
	Seen string
	// Addendum says that the signer was shown a finished visit and adds to its note.
	Addendum bool
	// Orders are requests that are signed with the visit.
	Orders []record.Put
	Fees   billing.Schedule
	Zone   *time.Location // for the dates in the note's text; nil is UTC
	Key    string         // makes a repeated submission harmless
}

// Signed tells what a signature made.
type Signed struct {
	Note    string // id of the Composition
	Orders  int
	Charges int
	Open    bool // the visit goes on with its own clinician
}

// Digest stands for what a page shows of the work that would be signed beside the typed
// text: diagnoses, linked data, copied parts, measurements, charges, those of colleagues too, orders.
func (v Visit) Digest(fees billing.Schedule, orders []*fhir.Node) string {
	work, _ := json.Marshal(v.Work)
	h := sha256.New()
	h.Write(work)
	for _, c := range v.Charges(fees, orders) {
		fmt.Fprintf(h, "|%s %s %v", c.Fee.Code, c.Fee.Price.Amount, c.Missing == "")
	}
	for _, c := range v.Charged() {
		fmt.Fprintf(h, "|%s %s", c.ID, c.Status)
	}
	for _, m := range v.Measured() {
		fmt.Fprintf(h, "|%s %s", m.When, m.Text)
	}
	for _, n := range orders {
		fmt.Fprintf(h, "|%s", n.JSON())
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Sign signs a visit in one commit: the note, its new diagnoses, the orders, the charges;
// the visit is finished, its appointment fulfilled, the draft dropped. Either all of it
// happens or nothing. The visit of another clinician goes on: the note is signed, and the visit
// and its appointment stay open until that clinician has signed. In a visit that is finished
// what the signer had written becomes an addendum, without charges.
func Sign(ctx context.Context, actor *record.Actor, d SignDraft) (Signed, record.Result, error) {
	seen, err := actor.Snapshot(ctx)
	if err != nil {
		return Signed{}, record.Result{}, err
	}
	v, err := Load(ctx, actor, d.Patient, d.Encounter)
	if err != nil {
		return Signed{}, record.Result{}, err
	}
	if err := d.check(v, actor); err != nil {
		return Signed{}, record.Result{}, err
	}
	s := signing{SignDraft: d, visit: v, actor: actor, zone: cmp.Or(d.Zone, time.UTC)}
	change, signed, err := s.change(ctx)
	if err != nil {
		return Signed{}, record.Result{}, err
	}
	change.Unchanged, change.SeenAt = d.Patient, seen // two who sign at once would both charge
	result, err := actor.Commit(ctx, change)
	return signed, result, err
}

func (d SignDraft) check(v Visit, actor *record.Actor) error {
	written := len(v.Work.Diagnoses) + len(v.Work.Pulls) + len(v.Work.Copies) + len(d.Orders)
	for _, t := range d.Text {
		written += len(strings.TrimSpace(t))
	}
	switch {
	case actor.Principal().Practitioner == "":
		return fault.New(fault.Forbidden, "Only a clinician signs a visit.")
	case !v.InProgress() && !(d.Addendum && v.Status == "finished"):
		return fault.New(fault.Conflict, "This visit was signed meanwhile. What you wrote is kept: sign it as an addendum.")
	case v.InProgress() && d.Addendum:
		return fault.New(fault.Conflict, "This visit is open again. Nothing is signed: look at it again.")
	case d.Seen != "" && d.Seen != v.Digest(d.Fees, d.orderNodes()):
		return fault.New(fault.Conflict, "Something of this visit changed since the page was shown. Nothing is signed: look at it again.")
	case written == 0:
		return fault.New(fault.Invalid, "There is nothing to sign yet: write a note or add a diagnosis.")
	}
	return nil
}

func (d SignDraft) orderNodes() []*fhir.Node {
	var out []*fhir.Node
	for _, p := range d.Orders {
		out = append(out, p.Resource)
	}
	return out
}

// signing is one signature in the making.
type signing struct {
	SignDraft
	visit Visit
	actor *record.Actor
	zone  *time.Location
	put   []record.Put
	refs  map[string]string // diagnosis key to Condition reference
}

func (s *signing) change(ctx context.Context) (record.Change, Signed, error) {
	s.diagnoses()
	s.put = append(s.put, s.Orders...)
	signed := Signed{Orders: len(s.Orders)}
	note := s.note()
	signed.Note = note.ID()
	s.put = append(s.put, record.Put{Resource: note, Create: true})
	if !s.Addendum {
		var err error
		if signed.Charges, err = s.charges(); err != nil {
			return record.Change{}, signed, err
		}
		signed.Open = !s.visit.Ends(s.actor.Principal().Reference())
		if err := s.finish(ctx, signed.Open); err != nil {
			return record.Change{}, signed, err
		}
	}
	return record.Change{Put: s.put, What: "sign visit", Key: s.Key, Drop: NoteKey(s.Patient, s.Encounter)}, signed, nil
}

// diagnoses makes a Condition of each new diagnosis.
func (s *signing) diagnoses() {
	s.refs = map[string]string{}
	for _, d := range s.visit.Work.Diagnoses {
		if d.Condition != "" {
			s.refs[d.Key] = "Condition/" + d.Condition
			continue
		}
		n := chart.Diagnosis(d.Text, d.ICD, s.Patient, s.Encounter, s.actor)
		n.SetID(ident.New(s.actor.Now()))
		s.refs[d.Key] = n.Reference()
		s.put = append(s.put, record.Put{Resource: n, Create: true})
	}
}

// charges makes a ChargeItem of each charge that is ready. A role that may not charge makes
// none.
func (s *signing) charges() (int, error) {
	if policy.May(s.actor.Principal(), policy.Create, "ChargeItem") != nil {
		return 0, nil
	}
	made := 0
	for _, c := range s.visit.Charges(s.Fees, s.orderNodes()) {
		if c.Missing != "" {
			continue
		}
		n, err := billing.ChargeDraft{
			Patient: s.Patient, Encounter: s.Encounter, Fee: c.Fee, Reasons: c.Reasons,
			Performer: s.actor.Principal().Reference(), When: s.actor.Now(),
		}.Resource()
		if err != nil {
			return made, err
		}
		s.put = append(s.put, record.Put{Resource: n, Create: true})
		made++
	}
	return made, nil
}

// finish ends the visit and its appointment; one that stays open only takes up the diagnoses.
func (s *signing) finish(ctx context.Context, open bool) error {
	e, version, err := readOwn(ctx, s.actor, "Encounter", s.Encounter, s.Patient)
	if err != nil {
		return err
	}
	list, seen := fhir.Arr(), map[string]bool{}
	add := func(condition string) {
		if !seen[condition] {
			seen[condition] = true
			list.Append(fhir.Obj("condition", reference(condition), "rank", list.Len()+1))
		}
	}
	for _, d := range s.visit.Work.Diagnoses {
		add(s.refs[d.Key])
	}
	for x := range e.Get("diagnosis").Items() { // of a colleague who signed in the same visit
		if ref := x.Path("condition.reference").Text(); ref != "" {
			add(ref)
		}
	}
	if list.Len() > 0 {
		e.Set("diagnosis", list)
	}
	if open {
		if len(s.visit.Work.Diagnoses) > 0 {
			s.put = append(s.put, record.Put{Resource: e, IfMatch: version})
		}
		return nil
	}
	e.Set("status", fhir.Str("finished"))
	period := e.Get("period").Clone()
	if period == nil {
		period = fhir.Obj()
	}
	period.Set("end", fhir.Str(s.actor.Now().Format(time.RFC3339)))
	e.Set("period", period)
	s.put = append(s.put, record.Put{Resource: e, IfMatch: version})
	if s.visit.Appointment == "" {
		return nil
	}
	a, version, err := readOwn(ctx, s.actor, "Appointment", s.visit.Appointment, s.Patient)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil // an imported visit may name an appointment that is not here
	}
	if err != nil {
		return err
	}
	a.Set("status", fhir.Str("fulfilled"))
	s.put = append(s.put, record.Put{Resource: a, IfMatch: version})
	return nil
}
