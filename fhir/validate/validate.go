// Package validate checks a resource against the base definitions of FHIR R4: structure,
// cardinality, types, primitive formats, required bindings and the types of references.
// There is one file for each phase. Profiles come later.
package validate

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Resource returns the findings about a resource, errors first. No finding of severity
// "error" means that the resource may be stored.
func Resource(r *fhir.Node) []fault.Issue { return nil }
