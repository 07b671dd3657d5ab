// Package patient is the register of people: who a patient is, registering a new one,
// finding one, and noticing that a new one may be somebody the clinic already has.
//
// A chart's clinical content is in practice/chart; here are only the facts that the front
// desk works with. FHIR paths of Patient live in this package and nowhere else in practice.
package patient

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// RecordNumberSystem is the identifier system of the clinic's own record numbers.
const RecordNumberSystem = "urn:osler:record-number"

// Person is a patient as the front desk knows one.
type Person struct {
	ID           string
	RecordNumber string
	Family       string
	Given        string // all given names
	Prefix       string
	Preferred    string // the name a person goes by
	BirthDate    string // FHIR date, may be partial; "" when not recorded
	Sex          string // administrative gender: female, male, other, unknown
	Phone, Email string
	Line, City   string // address
	State, Post  string
	Language     string // BCP-47
	Interpreter  bool
	Contact      Contact
	// Withheld says that how to reach the person is hidden from the reader's role; the fields
	// are empty then.
	Withheld bool
	Reach    policy.Reach // how the person is reached in confidence: then by nothing of the above
	Doctor   string       // Practitioner id of the general practitioner
	Died     string       // FHIR dateTime, or "yes" when only that is known
	Version  int64
	// DifferentFrom are the ids of patients that a person has said are somebody else.
	DifferentFrom []string
}

// Contact is the emergency contact.
type Contact struct{ Name, Relation, Phone string }

// differentURL is the extension that remembers "not the same person as".
const differentURL = "urn:osler:different-person"

// FromResource reads a Patient, also an imported one.
func FromResource(r *fhir.Node) Person {
	reach := policy.ReachOf(r)
	if reach.Way != policy.NoWay { // the fields are the usual address and numbers
		r = r.Clone()
		policy.Reach{}.Put(r)
	}
	name := nameOf(r, "official")
	p := Person{
		ID: r.ID(), RecordNumber: recordNumber(r),
		Family: name.Get("family").Text(), Given: joined(name.Get("given")), Prefix: joined(name.Get("prefix")),
		BirthDate: r.Get("birthDate").Text(), Sex: r.Get("gender").Text(),
		Phone: telecom(r, "phone"), Email: telecom(r, "email"),
		Doctor: strings.TrimPrefix(r.Get("generalPractitioner").At(0).Get("reference").Text(), "Practitioner/"),
		Died:   r.Get("deceasedDateTime").Text(), Withheld: policy.Masked(r.Get("telecom").At(0)), Reach: reach,
	}
	if p.Family == "" && p.Given == "" {
		p.Family = name.Get("text").Text()
	}
	if r.Get("deceasedBoolean").True() {
		p.Died = "yes"
	}
	for n := range r.Get("name").Items() {
		if n.Get("use").Text() == "usual" || n.Get("use").Text() == "nickname" {
			p.Preferred = n.Get("text").Text()
			if p.Preferred == "" {
				p.Preferred = joined(n.Get("given"))
			}
		}
	}
	a := r.Get("address").At(0)
	p.Line, p.City, p.State, p.Post = joined(a.Get("line")), a.Get("city").Text(), a.Get("state").Text(), a.Get("postalCode").Text()
	for c := range r.Get("communication").Items() {
		if code := c.Path("language.coding.0.code").Text(); p.Language == "" || c.Get("preferred").True() {
			p.Language = code
		}
	}
	c := r.Get("contact").At(0)
	p.Contact = Contact{Name: displayName(c.Get("name")), Relation: conceptText(c.Get("relationship").At(0)), Phone: telecom(c, "phone")}
	for x := range r.Get("extension").Items() {
		if x.Get("url").Text() == differentURL {
			p.DifferentFrom = append(p.DifferentFrom, strings.TrimPrefix(x.Path("valueReference.reference").Text(), "Patient/"))
		}
	}
	return p
}

// ToCall is the number under which the person may be called, "" for none.
func (p Person) ToCall() string {
	switch p.Reach.Way {
	case policy.NoWay:
		return p.Phone
	case policy.Call:
		return p.Reach.To
	}
	return ""
}

// Name returns "FAMILY, Given".
func (p Person) Name() string {
	if p.Given == "" {
		return strings.ToUpper(p.Family)
	}
	return strings.ToUpper(p.Family) + ", " + p.Given
}

func nameOf(r *fhir.Node, use string) *fhir.Node {
	for n := range r.Get("name").Items() {
		if n.Get("use").Text() == use {
			return n
		}
	}
	return r.Get("name").At(0)
}

func joined(list *fhir.Node) string {
	var parts []string
	for v := range list.Items() {
		parts = append(parts, v.Text())
	}
	return strings.Join(parts, " ")
}

func displayName(n *fhir.Node) string {
	if t := n.Get("text").Text(); t != "" {
		return t
	}
	return strings.TrimSpace(joined(n.Get("given")) + " " + n.Get("family").Text())
}

func conceptText(c *fhir.Node) string {
	if t := c.Get("text").Text(); t != "" {
		return t
	}
	return c.Path("coding.0.display").Text()
}

func telecom(r *fhir.Node, system string) string {
	for t := range r.Get("telecom").Items() {
		if t.Get("system").Text() == system {
			return t.Get("value").Text()
		}
	}
	return ""
}

// recordNumber prefers the clinic's own number; an imported record's medical record number
// (type MR) serves until there is one.
func recordNumber(r *fhir.Node) string {
	other := ""
	for id := range r.Get("identifier").Items() {
		if id.Get("system").Text() == RecordNumberSystem {
			return id.Get("value").Text()
		}
		if id.Path("type.coding.0.code").Text() == "MR" {
			other = id.Get("value").Text()
		}
	}
	return other
}

// Resource writes the person into a Patient: base, when not nil, is the Patient as it is,
// of which everything that Person does not know stays.
func (p Person) Resource(base *fhir.Node) *fhir.Node {
	r := fhir.New("Patient")
	if base != nil {
		r = base.Clone()
	}
	if p.ID != "" {
		r.SetID(p.ID)
	}
	if recordNumber(r) == "" && p.RecordNumber != "" {
		ids := list(r, "identifier")
		ids.Append(fhir.Obj("use", "usual",
			"type", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v2-0203", "code", "MR"))),
			"system", RecordNumberSystem, "value", p.RecordNumber))
	}
	was := FromResource(r)
	if was.Reach.Way != policy.NoWay { // stays what it is: practice/rights writes it
		policy.Reach{}.Put(r)
		defer was.Reach.Put(r)
	}
	if was.Name() != p.Name() || was.Family != p.Family || was.Prefix != p.Prefix || was.Preferred != p.Preferred {
		r.Set("name", p.names(r))
	}
	p.contactPoints(r)
	r.Set("gender", optional(p.Sex))
	r.Set("birthDate", optional(p.BirthDate))
	if was.Line != p.Line || was.City != p.City || was.State != p.State || was.Post != p.Post {
		putFirst(r, "address", p.address(r.Get("address").At(0)))
	}
	if p.Language != "" && was.Language != p.Language {
		r.Set("communication", fhir.Arr(fhir.Obj("language",
			fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "urn:ietf:bcp:47", "code", p.Language))), "preferred", true)))
	}
	if was.Contact != p.Contact {
		putFirst(r, "contact", p.Contact.resource(r.Get("contact").At(0), was.Contact))
	}
	if p.Doctor != "" && was.Doctor != p.Doctor {
		r.Set("generalPractitioner", fhir.Arr(fhir.Obj("reference", "Practitioner/"+p.Doctor)))
	}
	return r
}

// address is the first address with what the person says of it; nil when nothing is said.
// Country, district and what else stands there stay.
func (p Person) address(before *fhir.Node) *fhir.Node {
	if p.Line+p.City+p.State+p.Post == "" {
		return nil
	}
	a := fhir.Obj("use", "home")
	if before != nil {
		a = before.Clone()
	}
	if p.Line != joined(a.Get("line")) {
		a.Remove("_line")
		a.Remove("line")
		if p.Line != "" {
			a.Set("line", fhir.Arr(p.Line))
		}
	}
	a.Set("city", optional(p.City))
	a.Set("state", optional(p.State))
	a.Set("postalCode", optional(p.Post))
	a.Remove("text") // it repeated what has changed
	return a
}

// resource writes the emergency contact, also one of whom only a phone is known, over the one
// before; nil when nothing is known.
func (c Contact) resource(before *fhir.Node, was Contact) *fhir.Node {
	if c == (Contact{}) {
		return nil
	}
	n := fhir.Obj()
	if before != nil {
		n = before.Clone()
	}
	if c.Relation != was.Relation {
		n.Set("relationship", textIn(c.Relation, true))
	}
	if c.Name != was.Name {
		n.Set("name", textIn(c.Name, false))
	}
	if c.Phone != was.Phone {
		points := fhir.Arr()
		if c.Phone != "" {
			points.Append(fhir.Obj("system", "phone", "value", c.Phone))
		}
		for t := range n.Get("telecom").Items() {
			if t.Get("system").Text() != "phone" {
				points.Append(t)
			}
		}
		if points.Len() == 0 {
			points = nil
		}
		n.Set("telecom", points)
	}
	return n
}

// textIn is an object that holds only a text, in a list or not; nil for "".
func textIn(text string, listed bool) *fhir.Node {
	switch {
	case text == "":
		return nil
	case listed:
		return fhir.Arr(fhir.Obj("text", text))
	}
	return fhir.Obj("text", text)
}

// putFirst replaces the first item of a list, or takes it away when it is nil; the others
// stay.
func putFirst(r *fhir.Node, name string, item *fhir.Node) {
	out := fhir.Arr()
	if item != nil {
		out.Append(item)
	}
	at := 0
	for n := range r.Get(name).Items() {
		if at > 0 {
			out.Append(n)
		}
		at++
	}
	if out.Len() == 0 {
		r.Remove(name)
		return
	}
	r.Set(name, out)
}

// names replaces the official and usual name and keeps others.
func (p Person) names(r *fhir.Node) *fhir.Node {
	official := fhir.Obj("use", "official", "family", p.Family)
	if p.Given != "" {
		given := fhir.Arr()
		for _, g := range strings.Fields(p.Given) {
			given.Append(fhir.Str(g))
		}
		official.Set("given", given)
	}
	if p.Prefix != "" {
		official.Set("prefix", fhir.Arr(p.Prefix))
	}
	names := fhir.Arr(official)
	if p.Preferred != "" {
		names.Append(fhir.Obj("use", "usual", "text", p.Preferred))
	}
	for n := range r.Get("name").Items() {
		if u := n.Get("use").Text(); u != "official" && u != "usual" && u != "" {
			names.Append(n)
		}
	}
	return names
}

// contactPoints sets the first phone and e-mail and keeps the others.
func (p Person) contactPoints(r *fhir.Node) {
	points := fhir.Arr()
	for _, c := range []struct{ system, value, use string }{{"phone", p.Phone, "mobile"}, {"email", p.Email, "home"}} {
		if c.value != "" {
			points.Append(fhir.Obj("system", c.system, "value", c.value, "use", c.use))
		}
	}
	first := map[string]bool{}
	for t := range r.Get("telecom").Items() {
		s := t.Get("system").Text()
		if (s == "phone" || s == "email") && !first[s] {
			first[s] = true // replaced above
			continue
		}
		points.Append(t)
	}
	if points.Len() == 0 {
		points = nil
	}
	r.Set("telecom", points)
}

func list(r *fhir.Node, name string) *fhir.Node {
	l := r.Get(name)
	if l == nil {
		l = fhir.Arr()
		r.Set(name, l)
	}
	return l
}

func optional(s string) *fhir.Node {
	if s == "" {
		return nil
	}
	return fhir.Str(s)
}
