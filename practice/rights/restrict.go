package rights

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Scopes of a restriction: to whom something is not told, or what it is.
const (
	HealthPlan = "health-plan" // what was paid in full out of pocket: it must be accepted
	Person     = "person"      // somebody who works in the clinic
	Outside    = "outside"     // family, a friend, anybody outside of the clinic
	Topic      = "topic"       // a class of sensitive entries, to all whose work does not need it
)

// Scopes are the scopes in their order, in the words that a patient reads.
var Scopes = []struct{ Code, Text string }{
	{HealthPlan, "My health insurance: I paid for it in full myself"},
	{Person, "A person who works in this clinic"},
	{Outside, "Family, a friend, or somebody else outside of the clinic"},
	{Topic, "A topic, such as mental health: only who has to know it"},
}

// ScopeText is a scope in words, "" for an unknown code.
func ScopeText(code string) string {
	for _, s := range Scopes {
		if s.Code == code {
			return s.Text
		}
	}
	return ""
}

// Must reports whether the clinic has to accept a restriction (45 CFR 164.522(a)(1)(vi)).
func (r Request) Must() bool { return r.Kind == Restriction && r.Reason == HealthPlan }

func (d Draft) restriction(s *Step) error {
	s.Reason, s.Texts = d.Reason, map[Part]string{Wrong: d.Wrong, Whom: d.Whom, Why: d.Why}
	switch {
	case ScopeText(d.Reason) == "":
		return fault.New(fault.Invalid, "Choose who must not get it.").At("reason")
	case strings.TrimSpace(d.Wrong) == "":
		return fault.New(fault.Invalid, "Say what must not be told.").At(string(Wrong))
	case (d.Reason == Person || d.Reason == Outside) && strings.TrimSpace(d.Whom) == "":
		return fault.New(fault.Invalid, "Say who must not get it.").At(string(Whom))
	}
	return nil
}

// Grant is how a restriction is kept: what the clinic does about what the patient asks.
type Grant struct {
	Practitioner string // of Person: id
	Class        string // of Topic: class of labels, "mental"
	Done         string // what the patient is told
}

// Agree accepts a restriction. It becomes a Consent that denies, which the gate obeys from the next
// read on (Person and Topic), or that the billing pages and the chart show (HealthPlan, Outside).
func Agree(ctx context.Context, actor *record.Actor, patient, id string, g Grant) error {
	return decide(ctx, actor, patient, id, Accepted, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.Kind != Restriction:
			return record.Change{}, fault.New(fault.Invalid, "This is no request for a restriction.")
		case !r.Open():
			return record.Change{}, answered()
		case r.Reason == Person && g.Practitioner == "":
			return record.Change{}, fault.New(fault.Invalid, "Choose the person who must not see the record.").At("practitioner")
		case r.Reason == Topic && labelOf(g.Class) == "":
			return record.Change{}, fault.New(fault.Invalid, "Choose the topic.").At("class")
		case strings.TrimSpace(g.Done) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say what the clinic does from now on: the patient reads it.").At(string(Why))
		}
		s.Texts[Why], s.Consent = g.Done, ident.New(actor.Now())
		return record.Change{Put: []record.Put{{Resource: g.consent(r, s), Create: true}}}, nil
	})
}

// ClassOfTopic is a class of entries that a restriction can be about.
type ClassOfTopic struct{ Class, Text string }

// Topics are the classes of sensitive entries, each in words.
func Topics() (out []ClassOfTopic) {
	for _, l := range policy.Labels {
		if l.Class != "" && !slices.ContainsFunc(out, func(t ClassOfTopic) bool { return t.Class == l.Class }) {
			out = append(out, ClassOfTopic{l.Class, l.Text})
		}
	}
	return out
}

// labelOf is one label of a class, "" for none.
func labelOf(class string) string {
	for _, l := range policy.Labels {
		if l.Class == class && class != "" {
			return l.Code
		}
	}
	return ""
}

// consent is what the gate reads; trust/label says how.
func (g Grant) consent(r Request, s *Step) *fhir.Node {
	c := fhir.New("Consent")
	c.SetID(s.Consent)
	c.Set("status", fhir.Str("active"))
	c.Set("scope", concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent"))
	c.Set("category", fhir.Arr(concept("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "hipaa-restrictions", "HIPAA Restrictions")))
	c.Set("patient", fhir.Obj("reference", "Patient/"+s.Patient))
	c.Set("dateTime", fhir.Str(s.At.UTC().Format("2006-01-02T15:04:05Z")))
	c.Set("performer", fhir.Arr(fhir.Obj("reference", s.By)))
	c.Set("policyRule", fhir.Obj("text", "Restriction that the patient asked for and the clinic agreed to (45 CFR 164.522)"))
	p := fhir.Obj("type", "deny")
	role := func(code, display string) *fhir.Node {
		return concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code, display)
	}
	switch r.Reason {
	case Person:
		p.Set("actor", fhir.Arr(fhir.Obj("role", role("IRCP", "information recipient"), "reference", fhir.Obj("reference", "Practitioner/"+g.Practitioner))))
	case Topic:
		p.Set("securityLabel", fhir.Arr(fhir.Obj("system", policy.LabelSystem, "code", labelOf(g.Class))))
	case HealthPlan:
		p.Set("code", fhir.Arr(fhir.Obj("text", strings.TrimSpace(r.Texts[Wrong]))))
		p.Set("purpose", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code", "HPAYMT", "display", "healthcare payment")))
	case Outside:
		p.Set("actor", fhir.Arr(fhir.Obj("role", concept(policy.OutsideSystem, policy.Outside, "Somebody outside of the clinic"), "reference", fhir.Obj("display", strings.TrimSpace(r.Texts[Whom])))))
	}
	c.Set("provision", p)
	return c
}

// End ends an accepted restriction: the patient has asked for it, or the clinic says so. What a
// health plan must not learn ends when the patient wishes, never by the clinic alone.
func End(ctx context.Context, actor *record.Actor, patient, id, why string, wished bool) error {
	return decide(ctx, actor, patient, id, Ended, func(r Request, s *Step) (record.Change, error) {
		if r.Kind == Confidential {
			return endReach(ctx, actor, r, s, why, wished)
		}
		accepted, ok := r.Last(Accepted)
		switch {
		case r.Kind != Restriction || r.State != Agreed || !ok:
			return record.Change{}, fault.New(fault.Conflict, "Only a restriction that is in force can end.")
		case r.Must() && !wished:
			return record.Change{}, fault.New(fault.Conflict, "What the patient has paid in full is kept from the health plan until the patient wishes otherwise.")
		case strings.TrimSpace(why) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say why it ends: the patient reads it.").At(string(Why))
		}
		s.Texts[Why] = why
		n, err := actor.Read(ctx, "Consent", accepted.Consent)
		if err != nil {
			return record.Change{}, err
		}
		version := versionOf(n)
		n.Set("status", fhir.Str("inactive"))
		return record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}}, nil
	})
}

// NotBilled is what must not be told to a patient's health plan, in the patient's words: what the
// people of the billing office see of restrictions.
func NotBilled(ctx context.Context, actor *record.Actor, patient string) (out []string, err error) {
	for n, err := range actor.FindEach(ctx, "Consent", "patient=Patient/"+patient+"&status=active&_tag="+policy.ConsentSystem+"%7Cdeny/purpose/HPAYMT") {
		if err != nil {
			return nil, err
		}
		out = append(out, n.Path("provision.code.0.text").Text())
	}
	return out, nil
}
