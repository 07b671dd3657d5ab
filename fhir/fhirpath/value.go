package fhirpath

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/osler-emr/osler/fhir"
)

// Kind says what a Value is.
type Kind uint8

// The kinds: an element of a resource, or one of the System types of FHIRPath.
const (
	Element Kind = iota
	Boolean
	Integer
	Decimal
	String
	Date
	DateTime
	Time
	Quantity
)

// Value is one item of a collection. An Element points into the resource; a primitive
// element behaves as its System value in operators and functions.
type Value struct {
	node *fhir.Node // Element: the content; nil when a primitive has only extensions
	ext  *fhir.Node // Element: id and extensions of a primitive (the "_name" member)
	typ  *typeInfo  // Element: the type, nil when unknown
	text string     // String, Date, DateTime, Time: the value; Quantity: the unit
	num  *apd.Decimal
	i    int64
	kind Kind
	lit  bool // Quantity: the unit is a calendar word, not a UCUM code
}

// Of returns a node as a Value: a resource, or an element of unknown type.
func Of(n *fhir.Node) Value {
	if n.Kind() == fhir.Object {
		if rt := n.Get("resourceType"); rt != nil {
			return Value{node: n, typ: typeNamed(rt.Text())}
		}
	}
	return Value{node: n}
}

// OfType returns a node as an element of a FHIR type.
func OfType(n *fhir.Node, typeName string) Value { return Value{node: n, typ: typeNamed(typeName)} }

// Node returns an element's node: nil for a System value and for a primitive without value.
func (v Value) Node() *fhir.Node { return v.node }

// Companion returns the object with the id and the extensions of a primitive element (in
// JSON the member "_name"), or nil.
func (v Value) Companion() *fhir.Node { return v.ext }

// Kind returns what the value is.
func (v Value) Kind() Kind { return v.kind }

// Type returns the FHIR type of an element ("HumanName", "code"), "" when it is unknown,
// or the name of the System type ("Boolean").
func (v Value) Type() string {
	if v.kind != Element {
		return systemNames[v.kind]
	}
	if v.typ == nil {
		return ""
	}
	return v.typ.name
}

// Binding returns the value set to which a code is bound with strength required, or "".
func (v Value) Binding() string {
	if v.typ == nil {
		return ""
	}
	return v.typ.binding
}

var systemNames = [...]string{"", "Boolean", "Integer", "Decimal", "String", "Date", "DateTime", "Time", "Quantity"}

// Text returns the value as FHIR writes it: a string, a number's literal, "true"; "" for an
// element with children.
func (v Value) Text() string {
	switch v.kind {
	case Element:
		return v.node.Text()
	case Boolean:
		return strconv.FormatBool(v.i != 0)
	case Integer:
		return strconv.FormatInt(v.i, 10)
	case Decimal:
		return v.num.Text('f')
	case Quantity:
		if v.lit {
			return v.num.Text('f') + " " + v.text
		}
		return v.num.Text('f') + " '" + v.text + "'"
	}
	return v.text
}

// True reports whether the value is the boolean true.
func (v Value) True() bool {
	s := v.system()
	return s.kind == Boolean && s.i != 0
}

func (v Value) absent() bool {
	return v.kind == Element && v.node == nil && v.ext == nil && v.typ == nil
}

// primitive reports whether an element has no children of its own.
func (v Value) primitive() bool {
	switch v.node.Kind() {
	case fhir.Boolean, fhir.Number, fhir.String:
		return true
	}
	return false
}

func boolean(b bool) Value {
	if b {
		return Value{kind: Boolean, i: 1}
	}
	return Value{kind: Boolean}
}

func integer(i int64) Value { return Value{kind: Integer, i: i} }

func decimal(d *apd.Decimal) Value { return Value{kind: Decimal, num: d} }

func text(s string) Value { return Value{kind: String, text: s} }

func quantity(d *apd.Decimal, unit string) Value { return Value{kind: Quantity, num: d, text: unit} }

// system returns the System value of a primitive element or a Quantity, and any other
// value unchanged.
func (v Value) system() Value {
	if v.kind != Element || v.node == nil {
		return v
	}
	switch v.node.Kind() {
	case fhir.Boolean:
		return boolean(v.node.True())
	case fhir.Number:
		return number(v.node.Text(), v.typ != nil && v.typ.name == "decimal")
	case fhir.String:
		s := v.node.Text()
		if v.typ == nil {
			return text(s)
		}
		switch v.typ.name {
		case "date":
			return Value{kind: Date, text: s}
		case "dateTime", "instant":
			return Value{kind: DateTime, text: s}
		case "time":
			return Value{kind: Time, text: s}
		}
		return text(s)
	}
	if v.typ != nil && v.typ.is("Quantity") {
		if q, ok := systemQuantity(v.node); ok {
			return q
		}
	}
	return v
}

// number returns a literal as Integer or Decimal.
func number(literal string, fraction bool) Value {
	if !fraction && !strings.ContainsAny(literal, ".eE") {
		if i, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return integer(i)
		}
	}
	d, ok := parseDecimal(literal)
	if !ok {
		return text(literal)
	}
	return decimal(d)
}

// parseDecimal reads a decimal of sensible size: a huge exponent would make writing the
// number out a denial of service.
func parseDecimal(s string) (*apd.Decimal, bool) {
	if len(s) > 200 {
		return nil, false
	}
	d, _, err := apd.NewFromString(s)
	if err != nil || d.Form != apd.Finite || d.Exponent > 100 || d.Exponent < -100 {
		return nil, false
	}
	return d, true
}

// asDecimal returns the numeric value of an Integer or Decimal.
func (v Value) asDecimal() (*apd.Decimal, bool) {
	switch v.kind {
	case Integer:
		return apd.New(v.i, 0), true
	case Decimal:
		return v.num, true
	}
	return nil, false
}
