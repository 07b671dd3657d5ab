package fhirpath

import (
	"strings"
	"sync"

	"github.com/osler-emr/osler/fhir"
)

// OfElement returns a node as an element whose type is a FHIR type ("HumanName") or, for
// one that is declared in place, its path ("Patient.contact"). extra holds the id and
// extensions of a primitive (the "_name" member), or is nil.
func OfElement(n, extra *fhir.Node, typeOrPath string) Value {
	return Value{node: n, ext: extra, typ: elementType(typeOrPath)}
}

var elementTypes sync.Map // path -> *typeInfo

// elementType returns the type of a path such as "Patient.contact", nil when unknown.
func elementType(path string) *typeInfo {
	if !strings.Contains(path, ".") {
		return typeNamed(path)
	}
	if t, ok := elementTypes.Load(path); ok {
		return t.(*typeInfo)
	}
	head, rest, _ := strings.Cut(path, ".")
	t := typeNamed(head)
	for name := range strings.SplitSeq(rest, ".") {
		if t == nil || t.children[name] == nil {
			return nil
		}
		t = t.children[name].typ
	}
	elementTypes.Store(path, t)
	return t
}
