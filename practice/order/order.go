// Package order keeps orders for laboratory tests: one ServiceRequest for each test or panel.
//
// Place signs orders, List shows what is open and done, Cancel takes an order back. The
// result comes through practice/result, which completes the order. Put makes an order part
// of another act, such as the monitoring that a prescription asks for.
//
// The shape is in docs/reference/representation.md.
package order

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

const (
	loincSystem  = "http://loinc.org"
	snomedSystem = "http://snomed.info/sct"
	laboratory   = "108252007" // SNOMED CT: laboratory procedure
)

// Order is one order.
type Order struct {
	ID, Patient, Encounter string
	Version                int64
	LOINC, Name            string
	Status                 string // active, completed, revoked, …
	Priority               string // routine, urgent, asap, stat
	Laboratory             bool
	Authored               time.Time
	AuthoredAs, PlannedAs  string    // as they were written
	Planned                time.Time // zero: as soon as possible
	Requester, By          string    // reference and printed name
	Reason                 string
	Note                   string
}

// Open reports whether the order still waits for its result.
func (o Order) Open() bool { return o.Status == "active" || o.Status == "on-hold" }

// FromResource reads a ServiceRequest.
func FromResource(r *fhir.Node) Order {
	o := Order{
		ID: r.ID(), Patient: fhir.IDIn(r.Path("subject.reference").Text(), "Patient"), Encounter: fhir.IDIn(r.Path("encounter.reference").Text(), "Encounter"),
		Status: r.Get("status").Text(), Priority: r.Get("priority").Text(), Requester: r.Path("requester.reference").Text(), By: r.Path("requester.display").Text(),
		Name: fhir.ConceptText(r.Get("code")),
		Note: r.Path("note.0.text").Text(), Authored: moment(r.Get("authoredOn").Text()), Planned: moment(fhir.FirstText(r.Get("occurrenceDateTime"), r.Path("occurrencePeriod.start"))),
		Reason: fhir.FirstText(r.Get("reasonReference").At(0).Get("display"), r.Get("reasonCode").At(0).Get("text"), r.Get("reasonCode").At(0).Path("coding.0.display")),
	}
	o.AuthoredAs, o.PlannedAs = r.Get("authoredOn").Text(), fhir.FirstText(r.Get("occurrenceDateTime"), r.Path("occurrencePeriod.start"))
	o.Version, _ = strconv.ParseInt(r.Path("meta.versionId").Text(), 10, 64)
	for c := range r.Path("code.coding").Items() {
		if c.Get("system").Text() == loincSystem {
			o.LOINC = c.Get("code").Text()
		}
	}
	for category := range r.Get("category").Items() {
		for c := range category.Get("coding").Items() {
			o.Laboratory = o.Laboratory || c.Get("code").Text() == laboratory
		}
	}
	return o
}

// Orders are a patient's orders.
type Orders struct {
	Open []Order // the one that is due first, first
	Done []Order // newest first
}

// List reads a patient's laboratory orders.
func List(ctx context.Context, actor *record.Actor, patient string) (Orders, error) {
	var nodes []*fhir.Node
	for n, err := range actor.Chart(ctx, patient, "ServiceRequest") {
		if err != nil {
			return Orders{}, err
		}
		nodes = append(nodes, n)
	}
	return From(nodes, patient), nil
}

// From makes the list from resources of a chart.
func From(nodes []*fhir.Node, patient string) Orders {
	var out Orders
	for _, n := range nodes {
		if n.ResourceType() != "ServiceRequest" {
			continue
		}
		o := FromResource(n)
		switch {
		case o.Patient != patient || o.Status == "entered-in-error" || o.Status == "draft" || !o.Laboratory:
		case o.Open():
			out.Open = append(out.Open, o)
		default:
			out.Done = append(out.Done, o)
		}
	}
	slices.SortStableFunc(out.Open, func(a, b Order) int { return cmp.Or(a.due().Compare(b.due()), cmp.Compare(a.Name, b.Name)) })
	slices.SortStableFunc(out.Done, func(a, b Order) int { return b.Authored.Compare(a.Authored) })
	return out
}

func (o Order) due() time.Time {
	if o.Planned.IsZero() {
		return o.Authored
	}
	return o.Planned
}

// Find returns an open or done order of a patient.
func Find(ctx context.Context, actor *record.Actor, patient, id string) (Order, error) {
	_, o, err := own(ctx, actor, patient, id)
	return o, err
}

// Draft is an order as a person composes it.
type Draft struct {
	Patient   string // id
	Encounter string // id; "" outside a visit
	LOINC     string // of an Orderable
	Name      string // free text for what the catalogue does not have
	InDays    int    // 0: now
	Priority  string // routine (default), urgent, stat
	Reason    string
	ReasonRef string // "Condition/…"
	// Again orders a test although the same one is open.
	Again bool
}

// maxAhead is how far ahead a test can be planned, in days.
const maxAhead = 366

// Put returns the change that stores an order, for a change that also holds what asks for it.
func Put(actor *record.Actor, d Draft) (record.Put, error) {
	item, ok := FindOrderable(d.LOINC)
	switch {
	case !ok && strings.TrimSpace(d.Name) == "":
		return record.Put{}, fault.New(fault.Invalid, "Choose a test from the list, or write its name.").At("test")
	case !ok:
		item = Orderable{Name: strings.TrimSpace(d.Name)}
	case d.InDays < 0 || d.InDays > maxAhead:
		return record.Put{}, fault.New(fault.Invalid, "A test can be planned up to %d days ahead.", maxAhead).At("days")
	}
	switch d.Priority {
	case "":
		d.Priority = "routine"
	case "routine", "urgent", "asap", "stat":
	default:
		return record.Put{}, fault.New(fault.Invalid, "Choose how urgent the test is.").At("priority")
	}
	return record.Put{Resource: d.resource(actor, item), Create: true}, nil
}

func (d Draft) resource(actor *record.Actor, item Orderable) *fhir.Node {
	now := actor.Now().UTC()
	r := fhir.New("ServiceRequest")
	r.Set("status", fhir.Str("active"))
	r.Set("intent", fhir.Str("order"))
	r.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("system", snomedSystem, "code", laboratory, "display", "Laboratory procedure")), "text", "Laboratory")))
	r.Set("priority", fhir.Str(d.Priority))
	code := fhir.Obj()
	if item.LOINC != "" {
		code.Set("coding", fhir.Arr(fhir.Obj("system", loincSystem, "code", item.LOINC, "display", item.Display)))
	}
	code.Set("text", fhir.Str(item.Name))
	r.Set("code", code)
	r.Set("subject", fhir.Obj("reference", "Patient/"+d.Patient))
	if d.Encounter != "" {
		r.Set("encounter", fhir.Obj("reference", "Encounter/"+d.Encounter))
	}
	if d.InDays > 0 {
		r.Set("occurrenceDateTime", fhir.Str(now.AddDate(0, 0, d.InDays).Format("2006-01-02")))
	}
	r.Set("authoredOn", fhir.Str(now.Format(time.RFC3339)))
	if by := actor.Principal().Reference(); by != "" {
		r.Set("requester", fhir.Obj("reference", by, "display", actor.Principal().Name))
	}
	switch {
	case d.ReasonRef != "":
		r.Set("reasonReference", fhir.Arr(fhir.Obj("reference", d.ReasonRef, "display", d.Reason)))
	case d.Reason != "":
		r.Set("reasonCode", fhir.Arr(fhir.Obj("text", d.Reason)))
	}
	return r
}

// Place signs orders in one commit. A test of which the same order is open is fault.Conflict
// unless the draft says Again: two tubes for one question.
func Place(ctx context.Context, actor *record.Actor, key string, drafts ...Draft) ([]Order, record.Result, error) {
	if len(drafts) == 0 {
		return nil, record.Result{}, fault.New(fault.Invalid, "Choose at least one test.").At("test")
	}
	have, err := List(ctx, actor, drafts[0].Patient)
	if err != nil {
		return nil, record.Result{}, err
	}
	change := record.Change{What: "order tests", Key: key}
	for _, d := range drafts {
		if d.Patient != drafts[0].Patient {
			return nil, record.Result{}, fault.New(fault.Invalid, "Orders of two patients cannot be signed together.")
		}
		p, err := Put(actor, d)
		if err != nil {
			return nil, record.Result{}, err
		}
		if o, ok := have.same(FromResource(p.Resource)); ok && !d.Again {
			return nil, record.Result{}, fault.New(fault.Conflict, "%s was ordered on %s and is still open. Order it again only if a second sample is needed.", o.Name, o.Authored.Format("02-Jan-2006")).At("again")
		}
		change.Put = append(change.Put, p)
	}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return nil, result, err
	}
	var out []Order
	for i, p := range change.Put {
		n := p.Resource
		if i < len(result.Versions) {
			if kept, err := fhir.Parse(result.Versions[i].Body); err == nil {
				n = kept
			}
		}
		out = append(out, FromResource(n))
	}
	return out, result, nil
}

// same finds an open order of the same test for the same time.
func (l Orders) same(o Order) (Order, bool) {
	for _, have := range l.Open {
		if (o.LOINC != "" && have.LOINC == o.LOINC || o.LOINC == "" && strings.EqualFold(have.Name, o.Name)) && have.Planned.IsZero() == o.Planned.IsZero() {
			return have, true
		}
	}
	return Order{}, false
}

// own reads an order and makes sure that it is this patient's.
func own(ctx context.Context, actor *record.Actor, patient, id string) (*fhir.Node, Order, error) {
	n, err := actor.Read(ctx, "ServiceRequest", id)
	if err != nil {
		return nil, Order{}, err
	}
	o := FromResource(n)
	if patient == "" || o.Patient != patient {
		return nil, Order{}, fault.New(fault.NotFound, "This order is not in the patient's chart.")
	}
	return n, o, nil
}

// Cancel takes back an open order; the reason may be empty.
func Cancel(ctx context.Context, actor *record.Actor, patient, id, reason string) (record.Result, error) {
	n, o, err := own(ctx, actor, patient, id)
	if err != nil {
		return record.Result{}, err
	}
	if !o.Open() {
		return record.Result{}, fault.New(fault.Conflict, "This order is not open any more. Look at the list again.")
	}
	n.Set("status", fhir.Str("revoked"))
	if reason = strings.TrimSpace(reason); reason != "" {
		notes := n.Get("note").Clone()
		if notes == nil {
			notes = fhir.Arr()
		}
		notes.Append(fhir.Obj("authorReference", fhir.Obj("reference", actor.Principal().Reference()), "time", actor.Now().UTC().Format(time.RFC3339), "text", reason))
		n.Set("note", notes)
	}
	return actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n, IfMatch: o.Version}}, What: "cancel order", Reason: reason})
}

func moment(value string) time.Time { return lang.Moment(value, time.UTC) }
