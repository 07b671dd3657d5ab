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
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// Finder returns the StructureDefinition with a canonical URL ("…" or "…|version"), nil
// when it has none.
type Finder func(canonical string) *fhir.Node

// Library finds StructureDefinitions, and makes and keeps their snapshots and trees. It is
// safe for concurrent use.
type Library struct {
	find Finder

	mu    sync.Mutex
	trees map[string]*tree // by canonical
	made  map[string]made  // by canonical
}

// made is a profile, or why there is none.
type made struct {
	profile *Profile
	err     error
}

// maxKept is the number of profiles kept, found or not; a client that names ever new ones
// does not fill the memory.
const maxKept = 20_000

// NewLibrary returns a library of R4's own definitions and of what find, which may be nil,
// returns.
func NewLibrary(find Finder) *Library {
	return &Library{find: find, trees: map[string]*tree{}, made: map[string]made{}}
}

// core is the library of R4's own definitions, which all others share.
var core = NewLibrary(nil)

// shared reports whether a definition is R4's own, and not one that was found.
func (l *Library) shared(canonical string) bool {
	return l != core && (l.find == nil || l.find(canonical) == nil)
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

// Profile returns a definition ready to be followed: fault.NotFound when it is not here,
// another fault when it cannot be understood.
func (l *Library) Profile(canonical string) (*Profile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m, ok := l.made[canonical]; ok {
		return m.profile, m.err
	}
	var p *Profile
	var err error
	if l.shared(canonical) {
		p, err = core.Profile(canonical)
	} else {
		p, err = l.compile(canonical)
	}
	if len(l.made) < maxKept {
		l.made[canonical] = made{p, err}
	}
	return p, err
}

func (l *Library) compile(canonical string) (*Profile, error) {
	t, err := l.treeOf(canonical, nil)
	if err != nil {
		return nil, err
	}
	sd := l.Structure(canonical)
	p := &Profile{URL: sd.Get("url").Text(), Version: sd.Get("version").Text(), Name: sd.Get("name").Text(), Type: sd.Get("type").Text(),
		Kind: sd.Get("kind").Text(), Constraint: sd.Get("derivation").Text() == "constraint", byPath: map[string]*Element{}}
	for c := range sd.Get("context").Items() {
		p.Contexts = append(p.Contexts, Context{c.Get("type").Text(), c.Get("expression").Text()})
	}
	for rule := range sd.Get("contextInvariant").Items() {
		x, _ := fhirpath.Compile(rule.Text()) // what cannot be read is told where it is asked for
		p.ContextRules = append(p.ContextRules, Rule{Severity: "error", Human: rule.Text(), Test: x})
	}
	p.Root = p.read(t, "", "")
	return p, nil
}

// notFound is the fault about a definition that is not here.
func notFound(canonical string) error {
	return fault.New(fault.NotFound, "The StructureDefinition %s is not here.", clip(canonical))
}

func clip(s string) string { return fault.Clip(s, 200) }
