package validate

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/profile"
)

// member asks the caller's terminology, or the definitions, whether a code is in a value
// set.
func (c *checker) member(valueSet, system, code string) (in, known bool) {
	if c.options.Member != nil {
		return c.options.Member(valueSet, system, code)
	}
	return definition.Contains(valueSet, system, code)
}

// memberOf reports whether one of the codes of a value is in a value set; known is false
// when that cannot be said.
func (c *checker) memberOf(v item, valueSet string) (in, known bool) {
	codes := codesOf(v)
	known = true
	for _, x := range codes {
		i, k := c.member(valueSet, x[0], x[1])
		if i {
			return true, true
		}
		known = known && k
	}
	return false, known
}

// codesOf returns the systems and codes of a value.
func codesOf(v item) (out [][2]string) {
	switch {
	case v.node.Kind() == fhir.String:
		return [][2]string{{"", v.node.Text()}}
	case v.code == "CodeableConcept":
		for x := range v.node.Get("coding").Items() {
			if x.Get("code") != nil && x.Get("system") != nil {
				out = append(out, [2]string{x.Get("system").Text(), x.Get("code").Text()})
			}
		}
	case v.node.Get("code") != nil:
		out = append(out, [2]string{v.node.Get("system").Text(), v.node.Get("code").Text()})
	}
	return out
}

// bindable are the types that a binding says something about.
var bindable = map[string]bool{"code": true, "Coding": true, "CodeableConcept": true, "Quantity": true, "string": true, "uri": true,
	"Age": true, "Duration": true, "Distance": true, "Count": true}

// profileBinding checks a profile's binding where it says more than the type's, which was
// checked already: required codes are errors, extensible ones warnings, preferred ones
// notes.
func (c *checker) profileBinding(v item, e *profile.Element, p *profile.Profile) {
	if e.Binding == "" || e.Strength == "example" || e.Strength == "" || !bindable[v.code] {
		return
	}
	if v.base != nil && v.base.Strength == "required" && v.base.Binding == e.Binding {
		return
	}
	codes := codesOf(v)
	if len(codes) == 0 {
		if e.Strength == "required" && v.code != "Quantity" {
			c.fail("code-invalid", "A code from the value set "+e.Binding+" is required here by the profile "+label(p)+".")
		}
		return
	}
	in, known := c.memberOf(v, e.Binding)
	switch {
	case in:
	case !known:
		if e.Strength != "preferred" {
			c.add("information", "informational", "The code was not checked: the value set "+e.Binding+" is not wholly known here.")
		}
	case e.Strength == "required":
		c.fail("code-invalid", "No code is from the value set "+e.Binding+", which the profile "+label(p)+" requires.")
	case e.Strength == "extensible":
		c.add("warning", "code-invalid", "No code is from the value set "+e.Binding+"; it must be used unless no code of it fits (profile "+label(p)+").")
	default:
		c.add("information", "code-invalid", "No code is from the value set "+e.Binding+", which the profile "+label(p)+" prefers.")
	}
}
