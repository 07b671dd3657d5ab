package search

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
)

// nationalSystems are systems of national identifiers, nationalRoots the beginnings of such, in the one spelling
// in which they are indexed and searched for (Spelled). nationalFormerly are spellings in which they were indexed
// before November 2026: what was stored then is found by them until it is next written.
// nationalTypes are the codes of HL7 table 0203 that mark one, whatever its system is.
var (
	nationalSystems  = []string{sidRoot + "us-ssn", sidRoot + "us-itin", oidRoot + "1", oidRoot + "2"}
	nationalRoots    = []string{sidRoot + "passport", oidRoot + "3.", oidRoot + "330"}
	nationalFormerly = []string{sidRoot + "us-ssn/", sidRoot + "us-itin/", "urn:OID:2.16.840.1.113883.4.1", "urn:OID:2.16.840.1.113883.4.2"}
	formerlyRoots    = []string{"urn:OID:2.16.840.1.113883.4.3.", "urn:OID:2.16.840.1.113883.4.330"}
	nationalTypes    = []string{"SS", "SB", "PPN", "DL", "NI", "TAX", "CZ", "PRC", "PN", "PRN"}
)

// sidRoot and oidRoot are what the systems begin with; all national OIDs are arcs below 2.16.840.1.113883.4.
const (
	sidRoot = "http://hl7.org/fhir/sid/"
	oidRoot = "urn:oid:2.16.840.1.113883.4."
)

// nationalOf is the beginning of the codes of table 0203 for the numbers of one country, NNGBR of Great
// Britain for example.
const nationalOf = "NN"

// NationalSystem reports whether the numbers of a system are national ones.
func NationalSystem(system string) bool {
	_, national := spelled([]byte(system))
	return national
}

// Spelled returns a system of national identifiers in the one spelling in which it is indexed and searched for,
// and any other as it is. People and programs write them with https, with www, with capitals, with a slash
// behind, an OID with zeros in front of its numbers or without urn:oid.
func Spelled(system string) string {
	if s, national := spelled([]byte(system)); national {
		return s
	}
	return system
}

// BeginsNational reports whether a string in a written resource, from behind its quotation mark on, may be a
// system of national identifiers.
func BeginsNational(body []byte) bool {
	end := bytes.IndexByte(body, '"')
	if end < 0 {
		return false
	}
	_, national := spelled(body[:end])
	return national
}

// alsoFormerly finds a national number also under the system as it was typed: what was stored before November
// 2026 was indexed so.
func alsoFormerly(x Expr, typed string) Expr {
	t, ok := x.(Token)
	if !ok || t.OfType || !t.HasSystem || t.System == "" {
		return x
	}
	was := t
	if was.System = unescape(splitEscaped(typed, '|')[0]); was.System == t.System {
		return x
	}
	return Or{t, was}
}

// spelled returns a national system in its one spelling.
func spelled(s []byte) (string, bool) {
	if len(s) < len("2.16.840.1.113883.4.1") { // the shortest of them
		return "", false
	}
	root, rest, ok := sidRoot, []byte(nil), false
	if rest, ok = belowSid(s); !ok {
		if rest, ok = belowOID(s); !ok {
			return "", false
		}
		root = oidRoot
	}
	for _, system := range nationalSystems {
		if name, below := strings.CutPrefix(system, root); below && len(rest) >= len(name) && strings.EqualFold(string(rest[:len(name)]), name) && len(bytes.TrimLeft(rest[len(name):], "./#?")) == 0 {
			return system, true
		}
	}
	for _, system := range nationalRoots {
		if name, below := strings.CutPrefix(system, root); below && len(rest) >= len(name) && strings.EqualFold(string(rest[:len(name)]), name) {
			return system + strings.TrimRight(string(rest[len(name):]), "/#?"), true
		}
	}
	return "", false
}

// belowSid returns what stands behind http://hl7.org/fhir/sid/, in whatever way that is written.
func belowSid(s []byte) ([]byte, bool) {
	if rest, ok := cutFold(s, "http"); ok {
		rest, _ = cutFold(rest, "s")
		if s, ok = cutFold(rest, "://"); !ok {
			return nil, false
		}
	}
	s, _ = cutFold(s, "www.")
	s, ok := cutFold(s, "hl7.org")
	if !ok {
		return nil, false
	}
	s, _ = cutFold(s, ".")
	if port, ok := cutFold(s, ":"); ok {
		s = bytes.TrimLeft(port, "0123456789")
	}
	for _, part := range []string{"fhir", "sid", ""} {
		behind := bytes.TrimLeft(s, "/")
		if len(behind) == len(s) {
			return nil, false
		}
		if s, ok = cutFold(behind, part); !ok {
			return nil, false
		}
	}
	return s, true
}

// belowOID returns the arcs below 2.16.840.1.113883.4, without zeros in front.
func belowOID(s []byte) ([]byte, bool) {
	s, _ = cutFold(s, "urn:")
	s, _ = cutFold(s, "oid:")
	for _, arc := range []string{"2.", "16.", "840.", "1.", "113883.", "4."} {
		var ok bool
		if s, ok = cutFold(bytes.TrimLeft(s, "0"), arc); !ok {
			return nil, false
		}
	}
	arcs := bytes.Split(s, []byte("."))
	for i, arc := range arcs {
		arcs[i] = bytes.TrimLeft(arc, "0")
	}
	return bytes.Join(arcs, []byte(".")), true
}

// cutFold takes the beginning of a text off, whatever the case of its letters is.
func cutFold(s []byte, begin string) ([]byte, bool) {
	if len(s) < len(begin) {
		return s, false
	}
	for i := range len(begin) {
		if c := s[i]; c != begin[i] && !(c >= 'A' && c <= 'Z' && c|0x20 == begin[i]) {
			return s, false
		}
	}
	return s[len(begin):], true
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
// a national one has this value. Token.Open leaves out what they find.
func Nationals(param, value string) (out []Token) {
	for _, s := range slices.Concat(nationalSystems, nationalFormerly) {
		out = append(out, Token{Param: param, System: s, HasSystem: true, Code: value})
	}
	for _, root := range slices.Concat(nationalRoots, formerlyRoots) {
		out = append(out, Token{Param: param, System: root, HasSystem: true, Begins: true, Code: value})
	}
	for _, t := range nationalTypes {
		out = append(out, Token{Param: param, OfType: true, Code: t, Value: value})
	}
	return append(out, Token{Param: param, OfType: true, Code: nationalOf, Begins: true, Value: value})
}

// NationalMarks are texts, beside its system (BeginsNational), of which a body that holds a national Identifier
// has one.
func NationalMarks() []string {
	marks := []string{nationalOf}
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
