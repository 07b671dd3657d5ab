// Package terminology answers questions about codes (R4 terminology-service.html): which
// codes a value set holds, whether a code is one of them, what a code means, what stands
// above and below it, and what it is called in another code system.
//
//	codes, err := terminology.Expand("http://hl7.org/fhir/ValueSet/administrative-gender", find)
//
// Value sets, code systems and concept maps come from a Finder (those that are stored in a
// record) and, where it has none, from the tables of fhir/definition. What cannot be
// answered from what is here (SNOMED CT as a whole, a property that a code system does not
// have) is a fault that says what is missing: never an empty answer, never a guess.
//
// A value set may hold others, wide and deep. Every call has one budget for all of that:
// MaxCodes in the answer, MaxWork codes looked at on the way, MaxImports different value
// sets; each is expanded once. What is larger is fault.TooCostly.
package terminology

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Limits of one call.
const (
	MaxCodes   = 50_000  // codes in an expansion, or in a code system
	MaxWork    = 500_000 // codes looked at
	MaxImports = 200     // different value sets
	maxDepth   = 16      // value sets that import each other
	maxRegex   = 500     // bytes of a pattern in a filter
)

// Finder returns the stored ValueSet, CodeSystem or ConceptMap with a canonical URL, which
// may carry |version; nil when there is none.
type Finder func(resourceType, canonical string) (*fhir.Node, error)

// Options say how value sets are read. The zero value is what most callers want.
type Options struct {
	ActiveOnly bool
	// NoAbstract makes codes that only group others invalid.
	NoAbstract bool
	// Default, Check and Force are canonicals of code systems with |version: the version
	// of those that a value set names without one; the version that it must be; the
	// version that is taken whatever the value set says.
	Default, Check, Force []string
	// Supplements are canonicals of CodeSystem supplements whose designations count.
	Supplements []string
}

// Expand returns the codes of a value set, each once, in the order of its definition.
func Expand(url string, find Finder) ([]definition.Concept, error) {
	x, err := Options{}.Expand(url, find)
	return x.concepts(), err
}

// ExpandSet is Expand for a value set that is given itself.
func ExpandSet(set *fhir.Node, find Finder) ([]definition.Concept, error) {
	x, err := Options{}.ExpandSet(set, find)
	return x.concepts(), err
}

// work is one call: what it may still spend, and what it has found out.
type work struct {
	Options
	find    Finder
	open    []string               // value sets that are being expanded
	known   map[string]*expanded   // by canonical
	systems map[string]foundSystem // by canonical
	extra   map[string]map[string][]*fhir.Node
	used    []string // canonicals of the code systems and value sets that took part
	notes   []string
	imports int
	spent   int
}

type foundSystem struct {
	system *System
	err    error
}

func (o Options) start(find Finder) (*work, error) {
	w := &work{Options: o, find: find, known: map[string]*expanded{}, systems: map[string]foundSystem{}, extra: map[string]map[string][]*fhir.Node{}}
	for _, list := range [][]string{o.Default, o.Check, o.Force} {
		for _, canonical := range list {
			if url, version, ok := strings.Cut(canonical, "|"); !ok || url == "" || version == "" {
				return nil, fault.New(fault.Malformed, "A version of a code system is written as its url, a bar and the version.")
			}
		}
	}
	for _, url := range o.Supplements {
		if err := w.supplement(url); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// spend takes n codes from the budget.
func (w *work) spend(n int) error {
	if w.spent += n; w.spent > MaxWork {
		return fault.New(fault.TooCostly, "The value set takes more than %d steps to expand; make it smaller.", MaxWork)
	}
	return nil
}

// enter guards the reading of a value set against circles, depth and breadth; leave ends it.
func (w *work) enter(canonical string) error {
	url, _, _ := strings.Cut(canonical, "|")
	if slices.Contains(w.open, url) {
		return fault.New(fault.Invalid, "The value set imports itself.")
	}
	if len(w.open) >= maxDepth {
		return fault.New(fault.TooCostly, "The value set imports others more than %d levels deep.", maxDepth)
	}
	if w.imports++; w.imports > MaxImports {
		return fault.New(fault.TooCostly, "The value set imports more than %d others.", MaxImports)
	}
	w.open = append(w.open, url)
	return nil
}

func (w *work) leave() { w.open = w.open[:len(w.open)-1] }

// use notes that a resource took part in the answer.
func (w *work) use(kind, url, version string) {
	if version != "" {
		url += "|" + version
	}
	if line := kind + " " + url; url != "" && !slices.Contains(w.used, line) {
		w.used = append(w.used, line)
	}
}

// system finds a code system in the version that the value set or the caller asks for.
func (w *work) system(url, version string) (*System, error) {
	if v := versionIn(w.Default, url); v != "" && version == "" {
		version = v
	}
	if v := versionIn(w.Force, url); v != "" {
		version = v
	}
	canonical := url
	if version != "" {
		canonical += "|" + version
	}
	got, ok := w.systems[canonical]
	if !ok {
		got.system, got.err = FindSystem(canonical, w.find)
		w.systems[canonical] = got
	}
	if v := versionIn(w.Check, url); v != "" && got.err == nil && got.system.Version != v {
		return nil, fault.New(fault.Invalid, "The code system %s is used in version %q, not in %s.", clip(url), clip(got.system.Version), clip(v))
	}
	return got.system, got.err
}

func versionIn(list []string, url string) string {
	for _, canonical := range list {
		if u, v, _ := strings.Cut(canonical, "|"); u == url {
			return v
		}
	}
	return ""
}

// supplement reads a CodeSystem that adds designations to the codes of another one.
func (w *work) supplement(canonical string) error {
	r, err := w.find("CodeSystem", canonical)
	if err != nil {
		return err
	}
	if r == nil || r.Get("content").Text() != "supplement" {
		return fault.New(fault.NotSupported, "There is no supplement %s here.", clip(canonical))
	}
	system, _, _ := strings.Cut(r.Get("supplements").Text(), "|")
	if w.extra[system] == nil {
		w.extra[system] = map[string][]*fhir.Node{}
	}
	n := 0
	var read func(list *fhir.Node)
	read = func(list *fhir.Node) {
		for c := range list.Items() {
			n++
			code := c.Get("code").Text()
			w.extra[system][code] = append(w.extra[system][code], c)
			read(c.Get("concept"))
		}
	}
	read(r.Get("concept"))
	w.use("supplement", r.Get("url").Text(), r.Get("version").Text())
	return w.spend(n)
}
