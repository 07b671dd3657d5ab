package search

import (
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
)

// nationalSystems are systems of national identifiers, nationalRoots the beginnings of such, both also as
// they are often misspelt: with capitals in urn:oid (RFC 8141 has them mean the same), with a slash behind.
// nationalTypes are the codes of HL7 table 0203 that mark one, whatever its system is.
var (
	nationalSystems = []string{"http://hl7.org/fhir/sid/us-ssn", "http://hl7.org/fhir/sid/us-ssn/", "http://hl7.org/fhir/sid/us-itin", "http://hl7.org/fhir/sid/us-itin/",
		"urn:oid:2.16.840.1.113883.4.1", "urn:OID:2.16.840.1.113883.4.1", "urn:oid:2.16.840.1.113883.4.2", "urn:OID:2.16.840.1.113883.4.2"}
	nationalRoots = []string{"http://hl7.org/fhir/sid/passport", "urn:oid:2.16.840.1.113883.4.3.", "urn:OID:2.16.840.1.113883.4.3.", "urn:oid:2.16.840.1.113883.4.330", "urn:OID:2.16.840.1.113883.4.330"}
	nationalTypes = []string{"SS", "SB", "PPN", "DL", "NI", "TAX", "CZ", "PRC", "PN", "PRN"}
)

// nationalOf is the beginning of the codes of table 0203 for the numbers of one country, NNGBR of Great
// Britain for example.
const nationalOf = "NN"

// NationalSystem reports whether the numbers of a system are national ones.
func NationalSystem(system string) bool {
	return slices.Contains(nationalSystems, system) || slices.ContainsFunc(nationalRoots, func(root string) bool { return strings.HasPrefix(system, root) })
}

// NationalType reports whether a code of table 0203 marks a national number.
func NationalType(code string) bool {
	return slices.Contains(nationalTypes, code) || strings.HasPrefix(code, nationalOf)
}

// National reports whether an Identifier is a national one.
func National(id *fhir.Node) bool {
	if NationalSystem(id.Get("system").Text()) {
		return true
	}
	for c := range id.Path("type.coding").Items() {
		if NationalType(c.Get("code").Text()) {
			return true
		}
	}
	return false
}

// Nationals are what National is in a search: conditions of which one is true when an Identifier that is
// a national one has this value.
func Nationals(param, value string) (out []Token) {
	for _, s := range nationalSystems {
		out = append(out, Token{Param: param, System: s, HasSystem: true, Code: value})
	}
	for _, root := range nationalRoots {
		out = append(out, Token{Param: param, System: root, HasSystem: true, Begins: true, Code: value})
	}
	for _, t := range nationalTypes {
		out = append(out, Token{Param: param, OfType: true, Code: t, Value: value})
	}
	return append(out, Token{Param: param, OfType: true, Code: nationalOf, Begins: true, Value: value})
}

// NationalMarks are texts of which a body that holds a national Identifier has one.
func NationalMarks() []string {
	marks := slices.Concat([]string{nationalOf}, nationalSystems, nationalRoots)
	for _, code := range nationalTypes {
		marks = append(marks, code+`"`)
	}
	return marks
}

// Numbers are the letters and digits of national identifiers.
type Numbers []string

// Add adds the number of an Identifier.
func (n *Numbers) Add(id *fhir.Node) { *n = append(*n, lettersAndDigits(id.Get("value").Text())) }

// In reports whether a text repeats one of the numbers, in whatever groups it is written.
func (n Numbers) In(text string) bool {
	if text == "" || len(n) == 0 {
		return false
	}
	text = lettersAndDigits(text)
	return slices.ContainsFunc(n, func(number string) bool { return len(number) < 4 || strings.Contains(text, number) })
}

// gather adds the numbers of all national Identifiers in an element.
func (n *Numbers) gather(x *fhir.Node, depth int) {
	switch {
	case depth > maxWordDepth:
	case x.Kind() == fhir.Array:
		for item := range x.Items() {
			n.gather(item, depth+1)
		}
	case x.Kind() == fhir.Object:
		if hides(x) {
			n.Add(x)
			return
		}
		for _, v := range x.Members() {
			n.gather(v, depth+1)
		}
	}
}

// hides reports whether an element is an Identifier of which the number is hidden from some.
func hides(n *fhir.Node) bool { return n.Get("value") != nil && National(n) }

// lettersAndDigits returns the letters and digits of a text.
func lettersAndDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}
