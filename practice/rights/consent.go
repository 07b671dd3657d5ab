package rights

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// How a consent to the use of the chart was given.
const (
	OnPaper  = "paper"
	InPerson = "in-person"
	ByPhone  = "phone"
	InPortal = "portal"
)

// HowGiven are the ways that staff choose from, in their order, in words.
var HowGiven = []struct{ Code, Text string }{
	{OnPaper, "Signed on paper"},
	{InPerson, "Said here in person"},
	{ByPhone, "Said by telephone or video"},
}

// HowText is a way in words, "" for an unknown one.
func HowText(how string) string {
	for _, h := range HowGiven {
		if h.Code == how {
			return h.Text
		}
	}
	if how == InPortal {
		return "Given in the portal"
	}
	return ""
}

// consentHow is the extension of a Consent that says how it was given.
const consentHow = "urn:osler:consent-how"

// ConsentDraft is a consent to the use of the chart, as it is recorded.
type ConsentDraft struct {
	How         string // OnPaper, InPerson, ByPhone, InPortal
	From, Until string // days, 2026-11-24; "" for from now on, and until it is withdrawn
	Words       string // of the patient, or who gave it and where the form is kept; may be ""
	Key         string
}

// MayConsent reports whether somebody records that a patient consents: the front desk and health records, to
// whom no chart is opened by it, and the patient, or who acts for the patient in all. Who treats does not: nobody
// opens a closed chart to themselves but by break-glass.
func MayConsent(p trust.Principal) bool {
	switch {
	case p.Client != "" || len(p.Scopes) > 0:
		return false
	case p.Role == trust.Patient:
		return p.Proxy == nil || p.Proxy.Level == "full"
	}
	return p.Role == trust.FrontDesk || p.Role == trust.Records
}

// MayWithdraw reports whether somebody records that a patient's consent ends.
func MayWithdraw(p trust.Principal) bool { return MayConsent(p) || MayDecide(p) }

// Consents reports whether it permits the use of the chart.
func (o Objection) Consents() bool { return slices.Contains(o.Rules, "permit/all") }

func (d ConsentDraft) check(now time.Time) error {
	today := now.Format(time.DateOnly)
	for field, text := range map[string]string{"consent-from": d.From, "consent-until": d.Until} {
		if _, err := time.Parse(time.DateOnly, text); text != "" && err != nil {
			return fault.New(fault.Invalid, "Choose a day, such as 2026-11-24.").At(field)
		}
	}
	switch {
	case HowText(d.How) == "":
		return fault.New(fault.Invalid, "Choose how the patient has consented.").At("how")
	case d.Until != "" && d.Until < today:
		return fault.New(fault.Invalid, "The last day is over already.").At("consent-until")
	case d.Until != "" && d.Until < d.From:
		return fault.New(fault.Invalid, "The last day is before the first one.").At("consent-until")
	case len(d.Words) > MaxText:
		return fault.New(fault.TooLarge, "This text is longer than %d letters. Say it shorter.", MaxText).At("words")
	}
	return nil
}

// GiveConsent records that a patient consents to the use of the chart. The gate obeys it from the next read on.
func GiveConsent(ctx context.Context, actor *record.Actor, patient string, d ConsentDraft) error {
	by := actor.Principal()
	switch {
	case !MayConsent(by):
		return fault.New(fault.Forbidden, "The front desk, health records and the patient record that the patient consents.")
	case by.Reference() == "":
		return fault.New(fault.Forbidden, "Your account is linked to nobody in the clinic. An administrator can link it.")
	}
	now := actor.Now()
	if err := d.check(now); err != nil {
		return err
	}
	p := fhir.Obj("type", "permit")
	period := fhir.Obj()
	if d.From > now.Format(time.DateOnly) { // one of today begins now, whatever the hour is elsewhere
		period.Set("start", fhir.Str(d.From))
	}
	if d.Until != "" {
		period.Set("end", fhir.Str(d.Until))
	}
	if period.Len() > 0 {
		p.Set("period", period)
	}
	c := fhir.New("Consent")
	c.SetID(ident.New(now))
	said := fhir.Arr(fhir.Obj("url", consentHow, "valueCode", d.How))
	if words := strings.TrimSpace(d.Words); words != "" {
		said.Append(fhir.Obj("url", objectionWhy, "valueString", words))
	}
	c.Set("extension", said)
	c.Set("status", fhir.Str("active"))
	c.Set("scope", concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent"))
	c.Set("category", fhir.Arr(concept("http://loinc.org", "59284-0", "Consent Document")))
	c.Set("patient", fhir.Obj("reference", "Patient/"+patient))
	c.Set("dateTime", fhir.Str(now.UTC().Format("2006-01-02T15:04:05Z")))
	c.Set("performer", fhir.Arr(fhir.Obj("reference", givenBy(by))))
	c.Set("policyRule", fhir.Obj("text", "Consent of the patient to the use of the chart, as the clinic asks for"))
	c.Set("provision", p)
	_, err := actor.Commit(ctx, record.Change{What: "consent recorded", Key: d.Key, Put: []record.Put{{Resource: c, Create: true}}})
	return err
}

// givenBy is the reference of who recorded a consent; who acts for a patient is named.
func givenBy(p trust.Principal) string {
	if p.Proxy != nil && p.Proxy.Related != "" {
		return "RelatedPerson/" + p.Proxy.Related
	}
	return p.Reference()
}

// WithdrawConsent ends all of a patient's consents to the use of the chart, those that begin later too: when one
// stayed, the chart would stay open.
func WithdrawConsent(ctx context.Context, actor *record.Actor, patient, why string) error {
	if !MayWithdraw(actor.Principal()) {
		return fault.New(fault.Forbidden, "The front desk, physicians, health records and the patient record that the patient withdraws a consent.")
	}
	why = strings.TrimSpace(why)
	switch {
	case why == "":
		return fault.New(fault.Invalid, "Write what the patient has said.").At("withdraw-why")
	case len(why) > MaxText:
		return fault.New(fault.TooLarge, "This text is longer than %d letters. Say it shorter.", MaxText).At("withdraw-why")
	}
	list, err := Objections(ctx, actor, patient)
	if err != nil {
		return err
	}
	change := record.Change{What: "consent withdrawn", Reason: why}
	for _, o := range list {
		switch {
		case !o.Consents() || !o.Active:
			continue
		case o.Denies():
			return fault.New(fault.Conflict, "A consent from elsewhere also names what the patient does not want. Health records note that as an objection of its own and lift this consent; then it can be withdrawn.")
		}
		n, err := actor.Read(ctx, "Consent", o.ID)
		if err != nil {
			return err
		}
		change.Put = append(change.Put, liftOf(n, why))
	}
	if len(change.Put) == 0 {
		return fault.New(fault.Conflict, "There is no consent to withdraw: it has ended already.")
	}
	_, err = actor.Commit(ctx, change)
	return err
}
