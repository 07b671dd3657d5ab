package policy

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// useConsent lets the front desk and patients, in person, give a consent to the use of the chart and end
// it. What else patients say about who sees the record is noted by who decides about it.
func useConsent(p trust.Principal, before, after *fhir.Node) string {
	switch {
	case !inPerson(p, p.Role):
		return "consent to the use of a chart is given and withdrawn in person, and by no program."
	case p.Proxy != nil && p.Proxy.Level != "full":
		return "who sees only a part of a record does not consent to its use."
	case p.Role == trust.Patient && after.Path("patient.reference").Text() != self(p):
		return "patients consent to the use of their own record."
	case before == nil && (!permitsUse(after) || !statusIn(after, "active")):
		return "the front desk and patients write consents to the use of the chart only: without conditions, but for the time that it holds."
	case before != nil && (!OnlyConsents(before) || !statusIn(before, "active") || !ended(before, after)):
		return "a consent to the use of the chart ends as it stands, and is not changed otherwise."
	}
	return ""
}

// Consents judges a Consent that is written where the clinic asks for consent first: who treats gives
// none, nor a longer one, whatever else they may write. It would open the chart to themselves, as of somebody
// whom they register in the same breath. They end one.
func (r Rules) Consents(p trust.Principal, before, after *fhir.Node) error {
	if !r.OptIn || !p.Clinical() || !tells(after, consentsToUse) || !statusIn(after, "active") {
		return nil
	}
	if before != nil && tells(before, consentsToUse) && sameBut(before, after) {
		return nil
	}
	return fault.New(fault.Forbidden, "This clinic asks for the patient's consent first: it is recorded by the front desk, health records or the patient, not by who treats.").At("Consent")
}

// tells reports whether the record has read a Consent so, among others.
func tells(consent *fhir.Node, says string) bool {
	for t := range consent.Path("meta.tag").Items() {
		if t.Get("system").Text() == ConsentSystem && t.Get("code").Text() == says {
			return true
		}
	}
	return false
}

// permitsUse reports whether a Consent permits any use of the chart and says nothing else. What narrows
// a permission in a way that is not known here makes it none.
func permitsUse(c *fhir.Node) bool {
	for name := range c.Get("provision").Members() {
		if name != "type" && name != "period" {
			return false
		}
	}
	return c.Get("provision").Get("type").Text() == "permit" && hasCode(c.Get("scope"), consentScope, "patient-privacy") && c.Path("scope.coding").Len() == 1
}

const consentScope = "http://terminology.hl7.org/CodeSystem/consentscope"

// OnlyConsents reports whether the record has read a Consent as one to the use of the chart, and as nothing else.
func OnlyConsents(c *fhir.Node) bool {
	consents := false
	for t := range c.Path("meta.tag").Items() {
		if t.Get("system").Text() == ConsentSystem {
			if t.Get("code").Text() != consentsToUse {
				return false
			}
			consents = true
		}
	}
	return consents
}

// ended reports whether the one change is that a Consent is not in force any more, with why.
func ended(before, after *fhir.Node) bool {
	return statusIn(after, "inactive") && sameBut(before, after, "status", "extension") && begins(before.Get("extension"), after.Get("extension"))
}
