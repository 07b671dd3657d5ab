package validate

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// reference checks a Reference: that a local one resolves (ref-1), that it is an address,
// and that it points at a type the element allows.
func (c *checker) reference(v *fhir.Node, e *definition.Element) {
	ref, typed := v.Get("reference").Text(), v.Get("type").Text()
	if strings.ContainsAny(ref, " \t\r\n") {
		c.failAt("reference", "value", "A reference must not hold spaces or line ends.")
		return
	}
	target := typed
	if id, local := strings.CutPrefix(ref, "#"); local {
		t, ok := c.contained[id]
		if !ok && id != "" {
			c.failAt("reference", "not-found", "The reference points into the resource, but no contained resource has this id (ref-1).")
			return
		}
		target = t
	} else if t := TypeOf(ref); t != "" {
		target = t
	}
	if target == "" {
		return
	}
	if typed != "" && typed != target && definition.IsResource(typed) {
		c.failAt("type", "structure", "The reference's type says "+quote(typed)+" but it points at a "+target+".")
	}
	allowed := targets(e)
	if len(allowed) > 0 && definition.IsResource(target) && !slices.Contains(allowed, target) {
		c.fail("structure", "A reference to "+target+" is not allowed here; allowed are "+strings.Join(allowed, ", ")+".")
	}
}

func targets(e *definition.Element) []string {
	for i := range e.Types {
		if e.Types[i].Code == "Reference" {
			return e.Types[i].Targets
		}
	}
	return nil
}

// TypeOf returns the resource type that a literal reference names ("Patient/7",
// "http://x/fhir/Patient/7/_history/2", "Patient?identifier=…"), or "" when it names none.
func TypeOf(ref string) string {
	if strings.HasPrefix(ref, "urn:") || strings.HasPrefix(ref, "#") {
		return ""
	}
	path, _, search := strings.Cut(ref, "?")
	path, _, _ = strings.Cut(path, "#")
	path, _, _ = strings.Cut(path, "/_history/")
	end := len(path)
	if !search {
		slash := strings.LastIndexByte(path, '/')
		if slash < 0 {
			return ""
		}
		end = slash
	}
	name := path[strings.LastIndexByte(path[:end], '/')+1 : end]
	if !definition.IsResource(name) {
		return ""
	}
	return name
}
