package validate

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// whenDone checks what the definition of a resource type says in words only: profiles that
// can be applied, value sets whose parts can be found.
func (c *checker) whenDone(n *fhir.Node, place string) {
	switch place {
	case "Bundle":
		c.signed(n)
	case "StructureDefinition":
		c.appliedProfile(n)
	case "ValueSet.compose.include":
		c.included(n)
	}
}

// appliedProfile tries the differential of a profile on its base.
func (c *checker) appliedProfile(sd *fhir.Node) {
	if c.options.Library == nil || sd.Get("derivation").Text() != "constraint" || sd.Path("differential.element").Len() == 0 {
		return
	}
	_, err := c.options.Library.Snapshot(sd)
	switch {
	case err == nil:
	case fault.Is(err, fault.NotFound):
		c.add("information", "informational", "The differential was not applied: the definition of its base or of a type is not known here.")
	case c.options.Strict:
		c.fail("structure", "No snapshot can be made: "+reason(err))
	default: // the base may be known here in another version
		c.add("warning", "structure", "No snapshot can be made: "+reason(err))
	}
}

// Extensions of value sets with parameters.
const (
	parameterExtension  = "http://hl7.org/fhir/tools/StructureDefinition/valueset-parameter"
	expressionExtension = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
)

// included checks a part of a value set: the address of its system, and filters.
func (c *checker) included(n *fhir.Node) {
	if s := n.Get("system").Text(); s != "" && !strings.Contains(s, ":") {
		c.failAt("system", "value", "The address of a code system is absolute; a contained one is named by the url that it has.")
	}
	i := 0
	for f := range n.Get("filter").Items() {
		c.push("filter", i)
		for x := range f.Path("_value.extension").Items() {
			if x.Get("url").Text() == expressionExtension {
				c.parameter(x.Get("valueExpression"))
			}
		}
		if f.Get("property").Text() == "constraint" && n.Get("system").Text() == "http://snomed.info/sct" && f.Get("value") != nil && !ecl(f.Get("value").Text()) {
			c.failAt("value", "value", "This is not an expression constraint of SNOMED CT.")
		}
		c.pop()
		i++
	}
}

// parameter checks an expression that stands for a filter's value: FHIRPath over the
// parameters that the value set declares.
func (c *checker) parameter(x *fhir.Node) {
	if language := x.Get("language").Text(); language != "text/fhirpath" {
		c.failAt("value", "value", "The value of a filter is computed by FHIRPath, not by another language.")
		return
	}
	text := x.Get("expression").Text()
	if _, err := fhirpath.Compile(text); err != nil {
		c.failAt("value", "value", "The expression is not FHIRPath.")
		return
	}
	declared := map[string]bool{"resource": true, "context": true, "ucum": true, "sct": true, "loinc": true}
	for p := range c.current.Get("extension").Items() {
		if p.Get("url").Text() != parameterExtension {
			continue
		}
		for part := range p.Get("extension").Items() {
			if part.Get("url").Text() == "name" {
				declared[part.Get("valueCode").Text()] = true
			}
		}
	}
	if name, ok := strings.CutPrefix(text, "%"); ok && !strings.ContainsAny(name, " .()") && !declared[strings.Trim(name, "`")] {
		c.failAt("value", "value", "The expression names a parameter that the value set does not declare.")
	}
}

// example reports whether an address is one of the domains that are kept for examples.
func example(address string) bool {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return false
	}
	host, _, _ := strings.Cut(rest, "/")
	for _, domain := range []string{"example.org", "example.com", "example.net"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}
