package validate

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

const unknownSet = "The code was not checked: the value set that it must come from lies outside of what is known here."

// boundText checks a primitive with a required binding.
func (c *checker) boundText(v *fhir.Node, e *definition.Element) {
	in, known := c.member(e.Binding, "", v.Text())
	if in {
		return
	}
	if !known {
		c.add("information", "informational", unknownSet)
		return
	}
	c.fail("code-invalid", "The code is not one of those allowed here"+choices(e)+".")
}

// bound checks a coded value with a required binding. One coding of a CodeableConcept
// must be in the value set.
func (c *checker) bound(v *fhir.Node, e *definition.Element, code string) {
	codings := v
	if code == "CodeableConcept" {
		codings = v.Get("coding")
	}
	in, known := false, true
	for coding := range codings.Items() {
		i, k := c.member(e.Binding, coding.Get("system").Text(), coding.Get("code").Text())
		in, known = in || i && coding.Get("system") != nil, known && k
	}
	switch {
	case in:
	case !known:
		c.add("information", "informational", unknownSet)
	case code == "Quantity" && v.Get("code") == nil:
	case codings.Len() == 0:
		c.fail("code-invalid", "A code from a fixed list is required here, text alone is not enough"+choices(e)+".")
	default:
		c.fail("code-invalid", "No coding with system and code from the list that is required here"+choices(e)+".")
	}
}

// choices names the codes of a short value set.
func choices(e *definition.Element) string {
	list, known := definition.Expand(e.Binding)
	if !known || len(list) == 0 || len(list) > 12 {
		return " (value set " + e.Binding + ")"
	}
	out := ": "
	for i, concept := range list {
		if i > 0 {
			out += ", "
		}
		out += concept.Code
	}
	return out
}
