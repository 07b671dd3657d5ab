package validate

import (
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// required checks that the elements with a minimum are there.
func (c *checker) required(shape *definition.Shape, seen []*definition.Element) {
	for _, e := range shape.Required {
		if has(seen, e) {
			continue
		}
		text := quote(e.Name) + " is required here but missing."
		if e.Choice() && len(e.Types) > 0 {
			var names []string
			for _, t := range e.Types[:min(3, len(e.Types))] {
				names = append(names, e.Name+strings.ToUpper(t.Code[:1])+t.Code[1:])
			}
			text = quote(e.Name) + " is required here but missing; give it as " + strings.Join(names, " or ") + "."
		}
		c.failAt(e.Name, "required", text)
	}
}

// count checks the number of values in an array.
func (c *checker) count(name string, v *fhir.Node, e *definition.Element) {
	switch {
	case v.Len() == 0:
		c.failAt(name, "structure", "This array is empty; leave it out instead.")
	case v.Len() < e.Min:
		c.failAt(name, "required", quote(name)+" needs at least "+strconv.Itoa(e.Min)+" values.")
	case e.Max >= 0 && v.Len() > e.Max:
		c.failAt(name, "structure", quote(name)+" has more values than the "+strconv.Itoa(e.Max)+" that are allowed.")
	}
}
