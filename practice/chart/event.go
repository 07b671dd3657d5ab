package chart

import (
	"cmp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Immunization is one dose of a vaccine.
type Immunization struct {
	ID, Vaccine, CVX, When, Lot, Status string
	Origin                              Origin
	Source                              string // of what is imported, see policy.SourceOf
	Doubt                               string // what was not sure when it was taken in, see policy.DoubtOf
}

// CVX is the code system of vaccines.
const CVX = "http://hl7.org/fhir/sid/cvx"

func immunizationFrom(n *fhir.Node) Immunization {
	return Immunization{
		ID: n.ID(), Vaccine: Words(n.Get("vaccineCode")), CVX: codeIn(n.Get("vaccineCode"), CVX),
		When: cmp.Or(n.Get("occurrenceDateTime").Text(), n.Get("occurrenceString").Text()),
		Lot:  n.Get("lotNumber").Text(), Status: n.Get("status").Text(), Origin: policy.OriginOf(n), Source: policy.SourceOf(n), Doubt: policy.DoubtOf(n),
	}
}

// Visit is an encounter.
type Visit struct {
	ID, Status  string
	Class       string // AMB, EMER, IMP, VR, …
	Type        string // in words
	Reason      string
	Start, End  string
	Clinician   string   // reference
	Clinicians  []string // references of all practitioners whose visit it is
	Name        string   // the clinician's name when the resource carries it
	Location    string   // reference or name of the place
	Appointment string   // id
	Diagnoses   []string
	Origin      Origin
	Doubt       string // what was not sure when it was taken in, see policy.DoubtOf
	Version     string
}

// InProgress reports whether the visit is open.
func (v Visit) InProgress() bool {
	return v.Status == "in-progress" || v.Status == "arrived" || v.Status == "triaged"
}

// Reference is the FHIR reference of the visit.
func (v Visit) Reference() string { return "Encounter/" + v.ID }

// VisitFrom reads an Encounter.
func VisitFrom(n *fhir.Node) Visit {
	who := n.Path("participant.0.individual")
	place := n.Path("location.0.location")
	v := Visit{
		ID: n.ID(), Status: n.Get("status").Text(), Class: n.Path("class.code").Text(), Type: Words(n.Get("type").At(0)),
		Reason: Words(n.Get("reasonCode").At(0)), Start: n.Path("period.start").Text(), End: n.Path("period.end").Text(),
		Clinician: who.Get("reference").Text(), Name: who.Get("display").Text(),
		Location:    cmp.Or(place.Get("display").Text(), place.Get("reference").Text()),
		Appointment: fhir.IDIn(n.Path("appointment.0.reference").Text(), "Appointment"),
		Origin:      policy.OriginOf(n), Doubt: policy.DoubtOf(n), Version: n.Path("meta.versionId").Text(),
	}
	for x := range n.Get("participant").Items() {
		if ref := x.Path("individual.reference").Text(); strings.HasPrefix(ref, "Practitioner/") {
			v.Clinicians = append(v.Clinicians, ref)
		}
	}
	for d := range n.Get("diagnosis").Items() {
		v.Diagnoses = append(v.Diagnoses, d.Path("condition.reference").Text())
	}
	return v
}

// Title is what the visit was for, in words.
func (v Visit) Title() string { return cmp.Or(v.Reason, v.Type) }

// Appointment is a booked time.
type Appointment struct {
	ID, Status, Start, End, Reason, Type, Clinician, Location, Comment string
}

// Open reports whether the patient is still expected or is here: a visit can start.
func (a Appointment) Open() bool {
	switch a.Status {
	case "booked", "arrived", "checked-in", "pending":
		return true
	}
	return false
}

// Here reports whether the patient has come and the visit is not over.
func (a Appointment) Here() bool { return a.Status == "arrived" || a.Status == "checked-in" }

// Done reports whether the visit has taken place.
func (a Appointment) Done() bool { return a.Status == "fulfilled" }

func appointmentFrom(n *fhir.Node) Appointment {
	a := Appointment{
		ID: n.ID(), Status: n.Get("status").Text(), Start: n.Get("start").Text(), End: n.Get("end").Text(),
		Reason: cmp.Or(Words(n.Get("reasonCode").At(0)), n.Get("description").Text()),
		Type:   Words(n.Get("appointmentType")), Comment: n.Get("comment").Text(),
	}
	for p := range n.Get("participant").Items() {
		ref := p.Path("actor.reference").Text()
		switch {
		case strings.HasPrefix(ref, "Practitioner/"):
			a.Clinician = ref
		case strings.HasPrefix(ref, "Location/"):
			a.Location = cmp.Or(p.Path("actor.display").Text(), ref)
		}
	}
	return a
}

// Procedure is something that was done.
type Procedure struct {
	ID, Text, When, Status string
	Origin                 Origin
}

func procedureFrom(n *fhir.Node) Procedure {
	return Procedure{
		ID: n.ID(), Text: Words(n.Get("code")), Status: n.Get("status").Text(), Origin: policy.OriginOf(n),
		When: cmp.Or(n.Get("performedDateTime").Text(), n.Path("performedPeriod.start").Text(), n.Get("performedString").Text()),
	}
}
