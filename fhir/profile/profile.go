// Package profile works with FHIR profiles (R4 profiling.html): it makes the snapshot of a
// StructureDefinition from its differential, and reads a snapshot into the tree that
// fhir/validate follows.
//
//	library := profile.NewLibrary(find)
//	p, err := library.Profile("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient")
//	p.Root.Child("name").Min // 1
//
// A Library asks its Finder (what is stored in a record, what a package holds) first and
// fhir/definition then. What it has made it keeps: a library is for one state of the
// definitions.
package profile

import (
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Finder returns the StructureDefinition with a canonical URL ("…" or "…|version"), nil
// when it has none.
type Finder func(canonical string) *fhir.Node

// Library finds StructureDefinitions, and makes and keeps their snapshots and trees. It is
// safe for concurrent use.
type Library struct {
	find Finder

	mu    sync.Mutex
	trees map[string]*tree    // by canonical
	made  map[string]*Profile // by canonical
}

// NewLibrary returns a library of R4's own definitions and of what find, which may be nil,
// returns.
func NewLibrary(find Finder) *Library {
	return &Library{find: find, trees: map[string]*tree{}, made: map[string]*Profile{}}
}

// Structure returns a StructureDefinition as it was found, nil when there is none.
func (l *Library) Structure(canonical string) *fhir.Node {
	if l.find != nil {
		if sd := l.find(canonical); sd != nil {
			return sd
		}
	}
	return definition.StructureDefinition(canonical)
}

// notFound is the fault about a definition that is not here.
func notFound(canonical string) error {
	return fault.New(fault.NotFound, "The StructureDefinition %s is not here.", clip(canonical))
}

func clip(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// Profile is a placeholder until the tree is compiled.
type Profile struct{}
