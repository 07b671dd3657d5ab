package policy

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// Scope is one SMART App Launch scope of a bearer token, such as "user/*.rs" (version 2)
// or "patient/Observation.read" (version 1).
type Scope struct {
	Context string // patient, user or system
	Type    string // a resource type, or "*"
	// Letters are the permissions of version 2: c(reate), r(ead), u(pdate), d(elete),
	// s(earch).
	Letters string
}

// ParseScope reads a scope. Scopes with search parameters (granular scopes) are refused,
// because leaving the parameters out would widen them.
func ParseScope(s string) (Scope, error) {
	context, rest, ok1 := strings.Cut(s, "/")
	resourceType, letters, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || context != "patient" && context != "user" && context != "system" {
		return Scope{}, fault.New(fault.Invalid, "The scope %q is not of the form user/Observation.rs", s)
	}
	if strings.Contains(letters, "?") {
		return Scope{}, fault.New(fault.NotSupported, "The scope %q has search parameters, which Osler does not apply yet.", s)
	}
	if resourceType != "*" && !known(resourceType) {
		return Scope{}, fault.New(fault.Invalid, "The scope %q names %q, which is no resource type of FHIR R4.", s, resourceType)
	}
	switch letters {
	case "read":
		letters = "rs"
	case "write":
		letters = "cud"
	case "*":
		letters = "cruds"
	}
	if letters == "" || !inOrder(letters, "cruds") {
		return Scope{}, fault.New(fault.Invalid, "The permissions of scope %q are not some of c, r, u, d, s in this order, nor read, write or *.", s)
	}
	return Scope{context, resourceType, letters}, nil
}

// inOrder reports whether all letters of s occur in order in all, each once.
func inOrder(s, all string) bool {
	at := 0
	for _, r := range s {
		i := strings.IndexRune(all[at:], r)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return true
}

// scoped reports whether a principal's scopes, if it has any, include a permission letter
// on a type. Scopes of the context patient mean nothing on the tokens of staff, because
// those carry no patient, and scopes of the context system nothing on those of patients.
func scoped(p trust.Principal, resourceType string, letter byte) bool {
	if len(p.Scopes) == 0 {
		return true
	}
	for _, text := range p.Scopes {
		s, err := ParseScope(text)
		if err != nil || s.Type != "*" && s.Type != resourceType || strings.IndexByte(s.Letters, letter) < 0 {
			continue
		}
		switch s.Context {
		case "user":
			return true
		case "patient":
			if p.Role == trust.Patient {
				return true
			}
		case "system": // a program that acts with the rights of an account of the clinic
			if p.Role != trust.Patient {
				return true
			}
		}
	}
	return false
}
