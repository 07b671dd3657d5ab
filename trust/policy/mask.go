package policy

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Mask is what of a person's particulars is hidden from a principal who may see the person:
// how to reach them, and the numbers by which a state knows them. It depends on the role and
// the token only, so that it is decided once for a request. The zero Mask hides nothing.
//
// What is hidden is hidden in every copy: in the person's own resource, in one that another
// resource contains, in a Bundle, in the narrative. In its place stands FHIR's
// data-absent-reason "masked". Contact details are said to be masked whether there are any or
// not, so that the answer does not tell. What cannot be seen is not searched by (Query) and
// not written over (Restore).
type Mask struct {
	// Contact hides telecom, address and contact persons.
	Contact bool
	// Reach hides the same of people who asked to be reached in confidence (Reach), and how they
	// are: whoever acts for them may be whom they keep it from.
	Reach bool
	// National hides national identifiers.
	National Cover
}

// Cover says how much of an identifier is hidden.
type Cover uint8

// The covers.
const (
	Open     Cover = iota
	LastFour       // its last four characters are shown, to tell people of one name apart
	Whole          // that there is one is not told either
)

// particulars says which role needs which particulars. Who registers people, bills and
// releases records needs all; who treats calls and visits people, and tells two of one name
// apart by the last four digits; a pharmacist calls about a prescription and writes the
// address on it. A role that is not here needs none.
var particulars = map[trust.Role]Mask{
	trust.FrontDesk:        {},
	trust.Biller:           {},
	trust.Records:          {},
	trust.SystemRole:       {},
	trust.Patient:          {}, // their own
	trust.Physician:        {National: LastFour},
	trust.Nurse:            {National: LastFour},
	trust.MedicalAssistant: {National: LastFour},
	trust.Pharmacist:       {National: Whole},
}

// MaskOf returns what is hidden from a principal. A program that acts for a member of staff,
// or for the clinic, gets no national identifiers; a patient's own gets what the patient sees.
func MaskOf(p trust.Principal) Mask {
	m, known := particulars[p.Role]
	m.Reach = p.Proxy != nil
	if !known {
		return Mask{Contact: true, National: Whole}
	}
	if p.Client != "" && p.Role != trust.Patient {
		m.National = Whole
	}
	return m
}

// Past is the mask of what was: a former version does not know what the person has asked for since, so
// that Reach hides how to reach anybody there.
func (m Mask) Past() Mask {
	m.Contact = m.Contact || m.Reach
	return m
}

const (
	absentURL   = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	renderedURL = "http://hl7.org/fhir/StructureDefinition/rendered-value"
)

// people are the types that hold a person's particulars.
var people = []string{"Patient", "RelatedPerson", "Person"}

func isPerson(resourceType string) bool { return slices.Contains(people, resourceType) }

// reached are the members by which a person is reached, in the order in which they are said
// to be masked.
func reached(resourceType string) []string {
	if resourceType == "Patient" {
		return []string{"telecom", "address", "contact"}
	}
	return []string{"telecom", "address"}
}

// Body returns a stored body as a principal gets it.
func (m Mask) Body(resourceType string, body []byte) ([]byte, error) {
	if !m.Touches(resourceType, body) {
		return body, nil
	}
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	m.Apply(r)
	return r.JSON(), nil
}

// Touches is a quick look for what may have to be hidden in a body. Stored bodies are written by
// fhir.Node, which spells a string in one way.
func (m Mask) Touches(resourceType string, body []byte) bool {
	switch {
	case m == (Mask{}) || len(body) == 0:
		return false
	case isPerson(resourceType) && (m.Contact || m.National == Whole): // which is said whether there is something or not
		return true
	case resourceType == "Bundle" || resourceType == "Parameters":
		return true
	}
	found := touching.In(body)
	return found&^reachMarked != 0 || m.Reach && found != 0
}

// touching are what Touches looks for: the mark of those who are reached in confidence, a contained
// resource, and what a national identifier has one of (search.National).
var touching = func() *fhir.Marks {
	return fhir.NewMarks(append([]string{ReachURL + `"`, `contained"`}, search.NationalMarks()...)...).
		Also([3]string{"hHwWuUoO02", "tTwWlLrRiI.02", "tTwW7nNdD.012"}, search.BeginsNational)
}()

// reachMarked is the bit of the first of them.
const reachMarked = 1

// Apply hides in a resource what is to be hidden.
func (m Mask) Apply(r *fhir.Node) {
	if m != (Mask{}) {
		(&masking{Mask: m}).resource(r)
	}
}

// masking is a mask at work on one resource.
type masking struct {
	Mask
	numbers search.Numbers // that were hidden
}

// resource reports whether a person is in a resource. Then its narrative goes when it may
// repeat how to reach them, or does repeat a number that is hidden.
func (m *masking) resource(r *fhir.Node) (person bool) {
	if m.Reach && isPerson(r.ResourceType()) && reachMark(r) != NoWay {
		defer func(before bool) { m.Contact = before }(m.Contact)
		m.Contact = true
		Reach{}.Put(r)
	}
	person = isPerson(r.ResourceType())
	for name, v := range r.Members() {
		person = m.member(name, v, isPerson(r.ResourceType())) || person
	}
	if person && m.Contact || m.numbers.In(r.Path("text.div").Text()) {
		r.Remove("text")
	}
	if isPerson(r.ResourceType()) {
		m.person(r)
	}
	return person
}

// member masks what lies in a member of a resource; own says that the member belongs to a
// person.
func (m *masking) member(name string, v *fhir.Node, own bool) (person bool) {
	switch v.Kind() {
	case fhir.Array:
		for item := range v.Items() {
			person = m.member(name, item, own) || person
		}
	case fhir.Object:
		if v.Get("resourceType").Kind() == fhir.String {
			return m.resource(v)
		}
		if m.National != Open && v.Get("value") != nil && search.National(v) { // an Identifier, whatever the member is called
			m.cover(v)
			return false
		}
		if own && m.Contact && (name == "valueAddress" || name == "valueContactPoint") {
			empty(v)
			v.Set("extension", absent())
			return false
		}
		for inner, x := range v.Members() {
			person = m.member(inner, x, own) || person
		}
	}
	return person
}

// person masks the particulars of one person. They are put at the end, each time in the same
// order: where they stood would tell that there are some.
func (m *masking) person(r *fhir.Node) {
	if m.National == Whole {
		var kept []any
		for id := range r.Get("identifier").Items() {
			if !covers(id) {
				kept = append(kept, id)
			}
		}
		r.Remove("identifier")
		r.Set("identifier", fhir.Arr(append(kept, fhir.Obj("extension", absent()))...))
	}
	if !m.Contact {
		return
	}
	for _, name := range reached(r.ResourceType()) {
		r.Remove(name)
		r.Remove("_" + name)
	}
	for _, name := range reached(r.ResourceType()) {
		masked := fhir.Obj("extension", absent())
		if name == "contact" { // a contact must say something
			masked = fhir.Obj("telecom", fhir.Arr(masked))
		}
		r.Set(name, fhir.Arr(masked))
	}
}

// cover hides the value of an identifier.
func (m *masking) cover(id *fhir.Node) {
	m.numbers.Add(id)
	if m.National == Whole {
		empty(id)
		id.Set("extension", absent())
		return
	}
	value := []rune(id.Get("value").Text())
	why := absent()
	if len(value) > 6 {
		why.Append(fhir.Obj("url", renderedURL, "valueString", "***"+string(value[len(value)-4:])))
	}
	for _, name := range []string{"value", "_value", "extension", "assigner"} {
		id.Remove(name)
	}
	id.Set("_value", fhir.Obj("extension", why))
}

func empty(n *fhir.Node) {
	var names []string
	for name := range n.Members() {
		names = append(names, name)
	}
	for _, name := range names {
		n.Remove(name)
	}
}

func absent() *fhir.Node { return fhir.Arr(fhir.Obj("url", absentURL, "valueCode", "masked")) }

// Masked reports whether an element says that what belongs there is masked.
func Masked(n *fhir.Node) bool {
	for e := range n.Get("extension").Items() {
		if e.Get("url").Text() == absentURL && e.Get("valueCode").Text() == "masked" {
			return true
		}
	}
	return false
}

// covers reports whether an identifier is masked.
func covers(id *fhir.Node) bool { return Masked(id) || Masked(id.Get("_value")) }
