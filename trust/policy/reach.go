package policy

import (
	"github.com/osler-emr/osler/fhir"
)

// ReachURL is an extension of a Patient (valueCode: a Way) and of the ContactPoint that it means: the
// person is reached by this way and no other, as they have asked (45 CFR 164.522(b)). The address for
// letters is marked as FHIR marks it, by AddressUseURL with the code CONF.
const (
	ReachURL      = "urn:osler:reach"
	AddressUseURL = "http://hl7.org/fhir/StructureDefinition/iso21090-AD-use"
)

// Way is how a person is reached.
type Way string

// The ways. NoWay is the usual: nothing was asked.
const (
	NoWay   Way = ""
	Post    Way = "post"
	Call    Way = "phone"
	Mail    Way = "email"
	OnlyApp Way = "portal"
)

// Reach is where a person is reached, and nowhere else. To is the address or number, "" for the portal.
type Reach struct {
	Way Way
	To  string
}

// ReachOf reads how a Patient is reached; the zero Reach when nothing was asked.
func ReachOf(patient *fhir.Node) Reach {
	r := Reach{Way: reachMark(patient)}
	switch r.Way {
	case Post:
		for a := range patient.Get("address").Items() {
			if confidential(a) {
				r.To = a.Get("text").Text()
			}
		}
	case Call, Mail:
		for t := range patient.Get("telecom").Items() {
			if reachMark(t) == r.Way {
				r.To = t.Get("value").Text()
			}
		}
	}
	return r
}

// Put writes the way into a Patient, in place of a former one. The usual address and numbers stay as
// they are, for the day on which the patient wishes to be reached as before.
func (r Reach) Put(patient *fhir.Node) {
	kept := func(name string, drop func(*fhir.Node) bool, added ...any) {
		var list []any
		for n := range patient.Get(name).Items() {
			if !drop(n) {
				list = append(list, n)
			}
		}
		if list = append(list, added...); len(list) == 0 {
			patient.Remove(name)
			return
		}
		patient.Set(name, fhir.Arr(list...))
	}
	marked := func(n *fhir.Node) bool { return reachMark(n) != NoWay }
	mark := func() *fhir.Node { return fhir.Obj("url", ReachURL, "valueCode", string(r.Way)) }
	var marks, points, addresses []any
	switch r.Way {
	case Post:
		addresses = append(addresses, fhir.Obj("extension", fhir.Arr(fhir.Obj("url", AddressUseURL, "valueCode", "CONF")), "text", r.To))
	case Call, Mail:
		points = append(points, fhir.Obj("extension", fhir.Arr(mark()), "system", string(r.Way), "value", r.To, "rank", 1))
	}
	if r.Way != NoWay {
		marks = append(marks, mark())
	}
	kept("extension", func(n *fhir.Node) bool { return n.Get("url").Text() == ReachURL }, marks...)
	kept("telecom", marked, points...)
	kept("address", confidential, addresses...)
}

// reachMark is the way that an extension of an element names.
func reachMark(n *fhir.Node) Way {
	for e := range n.Get("extension").Items() {
		if e.Get("url").Text() == ReachURL {
			return Way(e.Get("valueCode").Text())
		}
	}
	return NoWay
}

// confidential reports whether an Address is for letters in confidence.
func confidential(address *fhir.Node) bool {
	for e := range address.Get("extension").Items() {
		if e.Get("url").Text() == AddressUseURL && e.Get("valueCode").Text() == "CONF" {
			return true
		}
	}
	return false
}
