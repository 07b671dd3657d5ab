package document

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
)

// What an item says beside what is compared by name is compared too, member by member: an item is the same as an
// entry only when all that it says is in the entry. It is the one place for that: a type that gets another member
// has it compared.

// aside are members that say nothing of the patient: who wrote it down, where and when, and how it is filed.
var aside = setOf(`resourceType id meta implicitRules language text contained extension modifierExtension identifier masterIdentifier instantiatesCanonical instantiatesUri
	subject patient beneficiary encounter context recorder recordedDate recorded asserter performer performerType author authenticator custodian informationSource dateAsserted issued
	basedOn partOf derivedFrom requester participant serviceProvider location locationCode reportOrigin primarySource source expressedBy owner
	category type class intent priority docStatus securityLabel relatesTo description result hasMember account episodeOfCare manufacturer expirationDate
	focalDevice usedReference device isSubpotent programEligibility fundingSource education imagingStudy resultsInterpreter supportingInfo insurance statusHistory classHistory length`)

// byName are the members of each group that are compared by name, or that name the thing.
var byName = map[string]map[string]bool{
	"AllergyIntolerance":  setOf("code clinicalStatus verificationStatus criticality onsetDateTime onsetPeriod"),
	medicines:             setOf("medicationCodeableConcept medicationReference dosage dosageInstruction status effectiveDateTime effectivePeriod authoredOn dispenseRequest substitution"),
	"Condition":           setOf("code clinicalStatus verificationStatus onsetDateTime onsetPeriod onsetString abatementDateTime abatementPeriod abatementString"),
	"Immunization":        setOf("vaccineCode occurrenceDateTime occurrenceString lotNumber status"),
	"Observation":         setOf("code status effectiveDateTime effectivePeriod effectiveInstant referenceRange interpretation component dataAbsentReason valueQuantity valueCodeableConcept valueString valueBoolean valueInteger valueRange valueRatio valueTime valueDateTime valuePeriod valueSampledData"),
	"DiagnosticReport":    setOf("code status effectiveDateTime effectivePeriod conclusion"),
	"Procedure":           setOf("code status performedDateTime performedPeriod performedString"),
	"Encounter":           setOf("status period reasonCode diagnosis"),
	"FamilyMemberHistory": setOf("status date relationship sex deceasedBoolean deceasedDate deceasedAge"),
	"Goal":                setOf("lifecycleStatus startDate description"),
	"Device":              setOf("udiCarrier deviceName serialNumber status manufactureDate"),
	"DeviceUseStatement":  setOf("status timingDateTime timingPeriod recordedOn"),
	"DocumentReference":   setOf("status date"),
}

// planned are those of what is planned, of whatever type.
var planned = setOf("status code serviceType vaccineCode oralDiet title doNotPerform occurrenceDateTime occurrencePeriod period start authoredOn date")

// gathers are members of which an entry may have others beside: what an item has more is no contradiction.
var gathers = setOf("note reasonCode statusReason evidence stage complication complicationDetail followUp condition reaction conclusionCode supportingInformation activity")

// inWords are members, texts of the message catalogue.
var inWords = map[string]string{"bodySite": "Body site", "note": "Note", "reasonCode": "Reason", "statusReason": "Reason for the status", "severity": "Severity", "method": "Method", "specimen": "Specimen",
	"target": "Target", "condition": "Conditions in detail", "reaction": "Reactions in detail", "content": "Text", "name": "Name", "onsetAge": "Age at the beginning", "abatementAge": "Age at the end",
	"hospitalization": "Hospital stay", "protocolApplied": "Series", "doseQuantity": "Dose", "site": "Body site", "route": "Route", "outcome": "Outcome", "lotNumber": "Lot"}

func setOf(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

// rest puts what an item says beside what has a name among its facts.
func (t *thing) rest() {
	known, ok := byName[t.group]
	if !ok {
		known = planned
	}
	for name, v := range t.node.Members() {
		if aside[name] || known[name] || strings.HasPrefix(name, "_") {
			continue
		}
		if value := spoken(v); value != "" {
			t.fact(fact{name: memberName(name), value: value, member: name, node: v, gathers: gathers[name]})
		}
	}
	t.named = nil
}

// memberName is a member in words: "onsetAge" becomes "Onset age".
func memberName(member string) string {
	if l := inWords[member]; l != "" {
		return l
	}
	var b strings.Builder
	for i, r := range member {
		switch {
		case i == 0:
			b.WriteRune(unicode.ToUpper(r))
		case unicode.IsUpper(r):
			b.WriteString(" " + string(unicode.ToLower(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// spoken is what an element says, in a line.
func spoken(n *fhir.Node) string {
	var parts []string
	add := func(s string) {
		if s != "" && !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	switch n.Kind() {
	case fhir.Array:
		for x := range n.Items() {
			add(spoken(x))
		}
		return clip(strings.Join(parts, "; "))
	case fhir.Object:
	default:
		return clip(collapse(n.Text()))
	}
	switch {
	case isConcept(n):
		return clip(collapse(words(n)))
	case isQuantity(n):
		return strings.TrimSpace(n.Get("comparator").Text() + n.Get("value").Text() + " " + first(n.Get("unit"), n.Get("code")))
	case n.Get("contentType") != nil:
		if data, err := base64.StdEncoding.DecodeString(n.Get("data").Text()); err == nil && strings.HasPrefix(n.Get("contentType").Text(), "text/plain") {
			return clip(collapse(string(data)))
		}
		return n.Get("contentType").Text()
	}
	for name, v := range n.Members() {
		if !unsaid[name] {
			if v.Kind() == fhir.Boolean {
				if v.True() {
					add(strings.ToLower(memberName(name)))
				}
				continue
			}
			add(spoken(v))
		}
	}
	return clip(strings.Join(parts, ", "))
}

// unsaid are members within an element that say nothing of the patient: of a note who wrote it, of a reference
// where it points.
var unsaid = setOf("id extension reference identifier system time authorString authorReference userSelected version use")

func isConcept(n *fhir.Node) bool {
	return n.Get("coding") != nil || n.Get("text") != nil && n.Get("code") == nil && n.Get("manifestation") == nil && n.Get("description") == nil
}

func isQuantity(n *fhir.Node) bool {
	return n.Get("value") != nil && (n.Get("unit") != nil || n.Get("code") != nil)
}

// contains reports whether an entry's element says all that an item's says.
func contains(entry, item *fhir.Node) bool {
	switch item.Kind() {
	case fhir.Array:
		for x := range item.Items() {
			if !oneHolds(entry, x) {
				return false
			}
		}
		return true
	case fhir.Object:
		if entry.Kind() == fhir.Array {
			return oneHolds(entry, item)
		}
	case fhir.Number:
		return sameNumber(entry.Text(), item.Text())
	default:
		return entry.Text() == item.Text() || sameWords(entry.Text(), item.Text())
	}
	switch {
	case isConcept(item):
		return sameConcept(entry, item)
	case isQuantity(item):
		return spoken(entry) == spoken(item) || sameNumber(spoken(entry), spoken(item))
	}
	for name, v := range item.Members() {
		if !unsaid[name] && spoken(v) != "" && !contains(entry.Get(name), v) {
			return false
		}
	}
	return true
}

func oneHolds(list, item *fhir.Node) bool {
	for x := range list.Items() {
		if contains(x, item) {
			return true
		}
	}
	return false
}

// sameConcept reports whether two concepts have a code in common, or the same words.
func sameConcept(a, b *fhir.Node) bool {
	for x := range a.Get("coding").Items() {
		for y := range b.Get("coding").Items() {
			if x.Get("code").Text() == y.Get("code").Text() && x.Get("system").Text() == y.Get("system").Text() && !noCode[strings.ToLower(x.Get("code").Text())] {
				return true
			}
		}
	}
	return sameWords(words(a), words(b))
}
