package rights

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// Extensions of a Consent with the words of who noted an objection, and who lifted it.
const (
	objectionWhy   = "urn:osler:objection-why"
	objectionLifts = "urn:osler:objection-lifted"
)

// Objection is a consent of a patient as the gate has read it.
type Objection struct {
	ID          string
	Rules       []string // "deny/Practitioner/7", "permit/all"; see trust/label. None: it closes nothing
	Words       string   // of the consent: who is outside, what is not told
	From, Until string   // FHIR dates; "" for no limit
	Noted       string   // FHIR dateTime
	By          string   // reference of who noted it
	How         string   // a consent was given: OnPaper, InPortal
	Why, Lifted string   // why it was noted, and why it was lifted
	Active      bool
	Restriction bool // a request became it, which ends it too
}

// InForce reports whether an objection counts at a time.
func (o Objection) InForce(now time.Time) bool {
	day := now.Format(time.DateOnly)
	return o.Active && (o.From == "" || o.From[:min(10, len(o.From))] <= day) && (o.Until == "" || o.Until >= day[:min(len(o.Until), 10)])
}

// Begins reports whether an objection or consent counts from a later day on.
func (o Objection) Begins(now time.Time) bool {
	return o.Active && o.From != "" && o.From[:min(10, len(o.From))] > now.Format(time.DateOnly)
}

// Denies reports whether it closes something, or says so for people to keep.
func (o Objection) Denies() bool {
	return slices.ContainsFunc(o.Rules, func(r string) bool { return strings.HasPrefix(r, "deny/") })
}

// Objections are a patient's consents and objections that were not ended, all of them, newest first: those in
// force before what begins later or is over.
func Objections(ctx context.Context, actor *record.Actor, patient string) (out []Objection, err error) {
	for n, err := range actor.FindEach(ctx, "Consent", "patient=Patient/"+url.QueryEscape(patient)+"&status=active") {
		if err != nil {
			return nil, err
		}
		out = append(out, objectionFrom(n))
	}
	now := actor.Now()
	slices.SortStableFunc(out, func(a, b Objection) int {
		if x, y := a.InForce(now), b.InForce(now); x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Noted, a.Noted)
	})
	return out, nil
}

// PastObjections are those that were lifted, withdrawn or made in error, newest first and at most most of them;
// all is how many there are.
func PastObjections(ctx context.Context, actor *record.Actor, patient string, most int) (out []Objection, all int64, err error) {
	of := url.Values{"patient": {"Patient/" + patient}, "status:not": {"active"}}
	if all, err = actor.Count(ctx, "Consent", of); err != nil || all == 0 {
		return nil, 0, err
	}
	of.Set("_sort", "-date")
	of.Set("_count", strconv.Itoa(min(most, search.MaxCount)))
	for n, err := range actor.FindEach(ctx, "Consent", of.Encode()) {
		if err != nil {
			return nil, 0, err
		}
		if out = append(out, objectionFrom(n)); len(out) == most {
			break
		}
	}
	return out, all, nil
}

func objectionFrom(n *fhir.Node) Objection {
	p := n.Get("provision")
	o := Objection{ID: n.ID(), From: p.Path("period.start").Text(), Until: p.Path("period.end").Text(), Noted: n.Get("dateTime").Text(),
		By: n.Path("performer.0.reference").Text(), Active: n.Get("status").Text() == "active"}
	for t := range n.Path("meta.tag").Items() {
		if t.Get("system").Text() == policy.ConsentSystem {
			o.Rules = append(o.Rules, t.Get("code").Text())
		}
	}
	for _, path := range []string{"actor.0.reference.display", "code.0.text"} {
		o.Words = cmp.Or(o.Words, p.Path(path).Text())
	}
	for c := range n.Path("category.0.coding").Items() {
		o.Restriction = o.Restriction || c.Get("code").Text() == "hipaa-restrictions"
	}
	for e := range n.Get("extension").Items() {
		switch e.Get("url").Text() {
		case consentHow:
			o.How = e.Get("valueCode").Text()
		case objectionWhy:
			o.Why = e.Get("valueString").Text()
		case objectionLifts:
			o.Lifted = e.Get("valueString").Text()
		}
	}
	return o
}

// ObjectionDraft is what a patient has said in the clinic, as it is noted.
type ObjectionDraft struct {
	Against      string // Person, Topic, HealthPlan or Outside
	Practitioner string // of Person
	Class        string // of Topic
	Whom         string // of Outside: who, or what for
	From, Until  string // days, 2026-11-24; "" for no limit
	Why          string // what the patient has said
	Despite      string // of Person: the practitioner of whom it is known that they care for the patient
	Key          string
}

func (d ObjectionDraft) check(now time.Time, by string) error {
	for field, text := range map[string]string{"from": d.From, "until": d.Until} {
		if _, err := time.Parse(time.DateOnly, text); text != "" && err != nil {
			return fault.New(fault.Invalid, "Choose a day, such as 2026-11-24.").At(field)
		}
	}
	switch {
	case !slices.Contains([]string{Person, Topic, HealthPlan, Outside}, d.Against):
		return fault.New(fault.Invalid, "Choose against whom it is.").At("against")
	case d.Against == Person && d.Practitioner == "":
		return fault.New(fault.Invalid, "Choose the person who must not see the record.").At("practitioner")
	case d.Against == Person && "Practitioner/"+d.Practitioner == by:
		return fault.New(fault.Invalid, "What a patient objects to about yourself is noted by a colleague, or by health records.").At("practitioner")
	case d.Against == Topic && labelOf(d.Class) == "":
		return fault.New(fault.Invalid, "Choose the topic.").At("class")
	case d.Against == Outside && strings.TrimSpace(d.Whom) == "":
		return fault.New(fault.Invalid, "Say who must not get it, or what it must not be used for.").At("whom")
	case strings.TrimSpace(d.Why) == "":
		return fault.New(fault.Invalid, "Write what the patient has said.").At("why")
	case len(d.Why) > MaxText:
		return fault.New(fault.TooLarge, "This text is longer than %d letters. Say it shorter.", MaxText).At("why")
	case d.Until != "" && d.Until < now.Format(time.DateOnly):
		return fault.New(fault.Invalid, "The last day is over already.").At("until")
	case d.Until != "" && d.Until < d.From:
		return fault.New(fault.Invalid, "The last day is before the first one.").At("until")
	}
	return nil
}

// knowing stops an objection to somebody who cares for the patient, until it is said that this is known: from
// then on that person does not see the chart, in the middle of the visit perhaps.
func (d ObjectionDraft) knowing(ctx context.Context, actor *record.Actor, patient string) error {
	if d.Against != Person || d.Despite == d.Practitioner {
		return nil
	}
	cares, err := actor.Cares(ctx, patient, d.Practitioner)
	if err != nil || len(cares) == 0 {
		return err
	}
	f := fault.New(fault.Invalid, "This person cares for the patient.")
	for _, how := range cares {
		f.With(fault.Issue{Severity: "error", Type: "business-rule", Expression: "despite", Text: "This person " + how + ".", Said: lang.Say("This person %s.", lang.Say(how))})
	}
	return f
}

// Object notes what a patient objects to, as physicians and the health records department are told in
// person. The gate obeys it from the next read on. What the law calls a restriction is asked for in
// the portal, and answered: see Agree. An objection to any use at all is noted elsewhere and not here; health
// records, to whom it leaves the chart open, lift it.
func Object(ctx context.Context, actor *record.Actor, patient string, d ObjectionDraft) error {
	switch by := actor.Principal(); {
	case !MayDecide(by):
		return fault.New(fault.Forbidden, "Physicians and the health records department note what a patient objects to.")
	case by.Reference() == "":
		return fault.New(fault.Forbidden, "Your account is linked to nobody in the clinic. An administrator can link it.")
	}
	now := actor.Now()
	if err := d.check(now, actor.Principal().Reference()); err != nil {
		return err
	}
	if err := d.knowing(ctx, actor, patient); err != nil {
		return err
	}
	s := Step{Consent: ident.New(now), Patient: patient, At: now, By: actor.Principal().Reference()}
	c := Grant{Practitioner: d.Practitioner, Class: d.Class}.consent(Request{Step: Step{Reason: d.Against, Texts: map[Part]string{Whom: d.Whom, Wrong: d.Why}}}, &s)
	c.Set("category", fhir.Arr(concept("http://loinc.org", "59284-0", "Consent Document")))
	c.Set("policyRule", fhir.Obj("text", "Objection of the patient, as it was noted in the clinic"))
	c.SetFirst(2, "extension", fhir.Arr(fhir.Obj("url", objectionWhy, "valueString", strings.TrimSpace(d.Why))))
	period := fhir.Obj()
	if d.From != "" {
		period.Set("start", fhir.Str(d.From))
	}
	if d.Until != "" {
		period.Set("end", fhir.Str(d.Until))
	}
	if period.Len() > 0 {
		c.Get("provision").SetFirst(1, "period", period)
	}
	_, err := actor.Commit(ctx, record.Change{What: "objection noted", Key: d.Key, Put: []record.Put{{Resource: c, Create: true}}})
	return err
}

// Lift ends an objection, with the reason: the patient wishes it. A restriction that the clinic has agreed
// to ends by its request (End).
func Lift(ctx context.Context, actor *record.Actor, patient, id, why string) error {
	if !MayDecide(actor.Principal()) {
		return fault.New(fault.Forbidden, "Physicians and the health records department lift what a patient objects to.")
	}
	n, err := actor.Read(ctx, "Consent", id)
	if err != nil {
		return err
	}
	o := objectionFrom(n)
	switch {
	case n.Path("patient.reference").Text() != "Patient/"+patient:
		return fault.New(fault.NotFound, "There is no such consent of this patient.")
	case o.Restriction:
		return fault.New(fault.Conflict, "This restriction was asked for: end it on the page of the request.")
	case !o.Active:
		return fault.New(fault.Conflict, "It was lifted already.")
	case strings.TrimSpace(why) == "":
		return fault.New(fault.Invalid, "Say why it is lifted.").At("lift-why")
	case len(why) > MaxText:
		return fault.New(fault.TooLarge, "This text is longer than %d letters. Say it shorter.", MaxText).At("lift-why")
	}
	_, err = actor.Commit(ctx, record.Change{What: "objection lifted", Reason: why, Put: []record.Put{liftOf(n, strings.TrimSpace(why))}})
	return err
}

// liftOf is the change that ends a Consent, with why.
func liftOf(n *fhir.Node, why string) record.Put {
	version := versionOf(n)
	n.Set("status", fhir.Str("inactive"))
	list := fhir.Arr()
	list.Append(slices.Collect(n.Get("extension").Items())...)
	list.Append(fhir.Obj("url", objectionLifts, "valueString", why))
	n.SetFirst(2, "extension", list)
	return record.Put{Resource: n, IfMatch: version}
}
