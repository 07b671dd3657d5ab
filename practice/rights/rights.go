// Package rights keeps what patients ask about their own record: that an entry is corrected
// (an amendment, 45 CFR 164.526), or that something is not told to somebody (a restriction,
// 45 CFR 164.522); and what the clinic answers.
//
//	r, err := rights.Ask(ctx, patient, rights.Draft{Kind: rights.Amendment, About: "Condition/7", Wrong: "I never had asthma."})
//	err = rights.Deny(ctx, physician, r.ID, rights.Denial{Reason: rights.Accurate, Why: "Three lung tests show it."})
//	err = rights.Disagree(ctx, patient, r.ID, "The tests were another person's.")
//
// A request is a thread of Communications of the category System: the request, and each step
// that follows is one more that is part of it. Nothing in a thread is ever changed or removed
// (policy.Decide refuses it), so that its state is what its steps say, in their order. Each
// step is about the disputed entry, and goes with it wherever the record goes: to the chart,
// the portal, exports and $everything.
//
// The patient asks, disagrees and withdraws; physicians and the health records department
// answer. Legal holds and the disposal of records are elsewhere: identity, record.
package rights

import (
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Systems of the codes in a step.
const (
	System       = policy.RightSystem       // category: the Kind
	StepSystem   = "urn:osler:right-step"   // topic: the Act
	ReasonSystem = "urn:osler:right-reason" // reasonCode: why it was denied, or what a restriction covers
	PartURL      = "urn:osler:right-part"   // extension of a payload: which Part it is
)

// Kind is what a request is for.
type Kind string

// The kinds.
const (
	Amendment    Kind = "amendment"
	Restriction  Kind = "restriction"
	Confidential Kind = "confidential" // to be reached by another way or at another place
)

var kinds = map[Kind]string{Amendment: "Request for a correction", Restriction: "Request for a restriction", Confidential: "Request to be reached in another way"}

// Act is what a step does.
type Act string

// The acts. Patients ask, disagree and withdraw; the clinic does the others.
const (
	Asked     Act = "request"
	Withdrawn Act = "withdrawn"
	Disagreed Act = "disagreement"
	Extended  Act = "extension"
	Accepted  Act = "accepted"
	Denied    Act = "denied"
	Rebutted  Act = "rebuttal"
	Informed  Act = "informed" // somebody was told about an accepted amendment
	Ended     Act = "ended"    // a restriction is over
)

var acts = map[Act]string{Asked: "Request", Withdrawn: "Withdrawn", Disagreed: "Statement of disagreement", Extended: "More time",
	Accepted: "Accepted", Denied: "Denied", Rebutted: "Rebuttal", Informed: "Somebody was told", Ended: "Ended"}

// Name is the act in words.
func (a Act) Name() string { return acts[a] }

// Part names a text of a step.
type Part string

// The parts.
const (
	Wrong  Part = "wrong"  // what is wrong; for a restriction what must not be told
	Should Part = "should" // what it should say
	Why    Part = "why"
	Tell   Part = "tell" // whom the patient wants to know of the correction
	Whom   Part = "whom" // who must not be told; of Informed: who was told
	How    Part = "how"  // of Informed: how
)

var parts = []Part{Wrong, Should, Why, Tell, Whom, How}

// Step is one Communication of a thread.
type Step struct {
	ID, Head string // Head is the id of the request
	Kind     Kind
	Act      Act
	Patient  string // id
	By       string // reference of who did it
	At       time.Time
	About    string // reference of the entry, "" for the record in general
	Version  string // of the entry, in an acceptance
	Reason   string // code
	Consent  string // of an accepted restriction: id of the Consent that it became
	Read     bool   // by the patient, of what the clinic wrote
	Texts    map[Part]string
}

// FromPatient reports whether the patient, or somebody for the patient, did it.
func (s Step) FromPatient() bool { return strings.HasPrefix(s.By, "Patient/") }

// fromResource reads a step.
func fromResource(n *fhir.Node) Step {
	s := Step{ID: n.ID(), Head: n.ID(), By: n.Path("sender.reference").Text(), Texts: map[Part]string{},
		Patient: strings.TrimPrefix(n.Path("subject.reference").Text(), "Patient/"),
		Kind:    Kind(codeOf(n.Get("category").At(0), System)), Act: Act(codeOf(n.Get("topic"), StepSystem)), Reason: codeOf(n.Get("reasonCode").At(0), ReasonSystem)}
	if head, ok := strings.CutPrefix(n.Get("partOf").At(0).Get("reference").Text(), "Communication/"); ok {
		s.Head = head
	}
	for a := range n.Get("about").Items() {
		if id, ok := strings.CutPrefix(a.Get("reference").Text(), "Consent/"); ok && s.Act == Accepted && s.Kind == Restriction {
			s.Consent = id
		} else {
			ref, version, _ := strings.Cut(a.Get("reference").Text(), "/_history/")
			s.About, s.Version = ref, version
		}
	}
	s.Read = n.Get("received") != nil
	for p := range n.Get("payload").Items() {
		for e := range p.Get("extension").Items() {
			if e.Get("url").Text() == PartURL {
				s.Texts[Part(e.Get("valueCode").Text())] = p.Get("contentString").Text()
			}
		}
	}
	s.At, _ = time.Parse(time.RFC3339, n.Get("sent").Text())
	return s
}

func codeOf(concept *fhir.Node, system string) string {
	for c := range concept.Get("coding").Items() {
		if c.Get("system").Text() == system {
			return c.Get("code").Text()
		}
	}
	return ""
}

// resource returns the step as a new Communication.
func (s Step) resource() *fhir.Node {
	r := fhir.New("Communication")
	r.SetID(s.ID)
	if s.Head != s.ID {
		r.Set("partOf", fhir.Arr(fhir.Obj("reference", "Communication/"+s.Head)))
	}
	r.Set("status", fhir.Str("completed"))
	r.Set("category", fhir.Arr(concept(System, string(s.Kind), kinds[s.Kind])))
	r.Set("subject", fhir.Obj("reference", "Patient/"+s.Patient))
	r.Set("topic", concept(StepSystem, string(s.Act), s.Act.Name()))
	about := fhir.Arr()
	if s.About != "" {
		about.Append(fhir.Obj("reference", s.About))
	}
	if s.Version != "" {
		about.Append(fhir.Obj("reference", s.About+"/_history/"+s.Version))
	}
	if s.Consent != "" {
		about.Append(fhir.Obj("reference", "Consent/"+s.Consent))
	}
	if about.Len() > 0 {
		r.Set("about", about)
	}
	if !s.FromPatient() && s.Act != Informed { // what the patient has to read
		r.Set("recipient", fhir.Arr(fhir.Obj("reference", "Patient/"+s.Patient)))
	}
	r.Set("sent", fhir.Str(s.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")))
	r.Set("sender", fhir.Obj("reference", s.By))
	if s.Reason != "" {
		r.Set("reasonCode", fhir.Arr(concept(ReasonSystem, s.Reason, "")))
	}
	payload := fhir.Arr()
	for _, p := range parts {
		if text := strings.TrimSpace(s.Texts[p]); text != "" {
			payload.Append(fhir.Obj("extension", fhir.Arr(fhir.Obj("url", PartURL, "valueCode", string(p))), "contentString", text))
		}
	}
	if payload.Len() > 0 {
		r.Set("payload", payload)
	}
	return r
}

func concept(system, code, display string) *fhir.Node {
	coding := fhir.Obj("system", system, "code", code)
	if display != "" {
		coding.Set("display", fhir.Str(display))
	}
	return fhir.Obj("coding", fhir.Arr(coding))
}

// The clock of a request: 60 days, once longer by 30 with a written reason.
const (
	answerDays = 60
	moreDays   = 30
	reachDays  = 7 // to be reached in another way: the law names no time, and a letter may be on its way
)

func (k Kind) days() int {
	if k == Confidential {
		return reachDays
	}
	return answerDays
}

// State is where a request stands.
type State string

// The states.
const (
	Waiting   State = "waiting"
	Agreed    State = "accepted"
	Refused   State = "denied"
	Disputed  State = "disputed" // denied, and the patient has disagreed
	TakenBack State = "withdrawn"
	Over      State = "ended" // an accepted restriction, or way of being reached, that is over
)

// Request is a thread with what its steps add up to.
type Request struct {
	Step     // the request itself
	State    State
	Due      time.Time // by when the clinic has to answer
	Extended bool
	Steps    []Step // all, oldest first, the request too
}

// Open reports whether the clinic has to answer.
func (r Request) Open() bool { return r.State == Waiting }

// Standing reports whether the request is to be shown with the entry: it waits, or the entry was
// corrected, or the patient still disputes it.
func (r Request) Standing() bool { return r.State != TakenBack && r.State != Over }

// DaysLeft is how many days the clinic still has; negative ones are days too late.
func (r Request) DaysLeft(now time.Time) int {
	day := func(t time.Time) time.Time {
		t = t.In(now.Location())
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(day(r.Due).Sub(day(now)).Hours() / 24)
}

// IsAbout reports whether the request is about an entry: "Condition/7", or "Condition" for any.
func (r Request) IsAbout(entry string) bool {
	return r.About == entry || strings.HasPrefix(r.About, entry+"/")
}

// Last returns the newest step of an act.
func (r Request) Last(a Act) (Step, bool) {
	for _, s := range slices.Backward(r.Steps) {
		if s.Act == a {
			return s, true
		}
	}
	return Step{}, false
}

// add takes a step into account; one that does not fit where the request stands changes nothing
// of its state, and is shown.
func (r *Request) add(s Step) {
	r.Steps = append(r.Steps, s)
	switch s.Act {
	case Extended:
		if r.Open() && !r.Extended && !s.FromPatient() {
			r.Extended, r.Due = true, r.Due.AddDate(0, 0, moreDays)
		}
	case Withdrawn:
		if r.Open() {
			r.State = TakenBack
		}
	case Accepted:
		if r.Open() {
			r.State = Agreed
		}
	case Denied:
		if r.Open() {
			r.State = Refused
		}
	case Disagreed:
		if r.State == Refused {
			r.State = Disputed
		}
	case Ended:
		if r.State == Agreed && r.Kind != Amendment {
			r.State = Over
		}
	}
}

// gather makes requests of steps, the newest request first.
func gather(steps []Step) []Request {
	slices.SortStableFunc(steps, func(a, b Step) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	at := map[string]int{}
	var out []Request
	for _, s := range steps {
		if s.Head == s.ID && s.Act == Asked {
			at[s.ID] = len(out)
			out = append(out, Request{Step: s, State: Waiting, Due: s.At.AddDate(0, 0, s.Kind.days()), Steps: []Step{s}})
		}
	}
	for _, s := range steps {
		if i, ok := at[s.Head]; ok && s.Head != s.ID && s.Patient == out[i].Patient && s.Kind == out[i].Kind {
			out[i].add(s)
		}
	}
	slices.Reverse(out)
	return out
}
