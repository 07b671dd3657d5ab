package terminology

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Limits of one translation.
const (
	maxMaps    = 100 // concept maps asked
	maxChain   = 8   // unmapped codes sent on to another map
	maxMatches = 1000
)

// Translation asks what a code is called elsewhere.
type Translation struct {
	Codings []Coding
	// Source and Target are value sets that the map must be between, TargetSystem the code
	// system of the answers; empty: any.
	Source, Target, TargetSystem string
	// Reverse goes from a map's targets to its sources.
	Reverse bool
	// Dependencies are values of other elements that the answer depends on.
	Dependencies []Dependency
}

// Dependency is the value of an element that a mapping depends on.
type Dependency struct{ Property, System, Value string }

// Match is one translation.
type Match struct {
	Equivalence string
	Concept     Coding
	Map         string // canonical URL of the concept map that says so
	Comment     string
	Products    []Product
}

// Product is the value of another element that a mapping yields.
type Product struct {
	Element string
	Concept Coding
}

// Translated is the answer. Result is true when there is a match that is not a denial.
type Translated struct {
	Result  bool
	Message string
	Matches []Match
}

// FindMap returns the ConceptMap with a canonical URL, stored or of the definitions.
func FindMap(canonical string, find Finder) (*fhir.Node, error) {
	stored, err := find("ConceptMap", canonical)
	if err != nil || stored != nil {
		return stored, err
	}
	url, version, _ := strings.Cut(canonical, "|")
	text := definition.ConceptMap(url)
	if text == nil {
		return nil, fault.New(fault.NotFound, "There is no concept map %s here.", clip(canonical))
	}
	r, err := fhir.Parse(text)
	if err == nil && version != "" && version != r.Get("version").Text() {
		return nil, fault.New(fault.NotFound, "The concept map %s is here in version %s, not in %s.", url, r.Get("version").Text(), clip(version))
	}
	return r, err
}

// DefinedMaps returns the concept maps of the definitions.
func DefinedMaps() ([]*fhir.Node, error) {
	var out []*fhir.Node
	for _, url := range definition.ConceptMaps() {
		r, err := fhir.Parse(definition.ConceptMap(url))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// Translate asks concept maps; those that are not between the value sets asked for do not
// count.
func (q Translation) Translate(maps []*fhir.Node, find Finder) (Translated, error) {
	t := &translating{Translation: q, find: find}
	asked := 0
	for _, m := range maps {
		if !fits(m, "source", q.from()) || !fits(m, "target", q.to()) {
			continue
		}
		if asked++; asked > maxMaps {
			return Translated{}, fault.New(fault.TooCostly, "More than %d concept maps could translate the code; name one.", maxMaps)
		}
		for _, c := range q.Codings {
			if err := t.through(m, c, nil); err != nil {
				return Translated{}, err
			}
		}
	}
	out := Translated{Matches: t.matches}
	for _, m := range t.matches {
		out.Result = out.Result || m.Equivalence != "unmatched" && m.Equivalence != "disjoint"
	}
	switch {
	case out.Result:
	case asked == 0:
		out.Message = "There is no concept map here between these value sets."
	case t.depends != "":
		out.Message = "The translation depends on " + clip(t.depends) + ", which was not given or has another value."
	case len(t.matches) > 0:
		out.Message = "The concept map says that the code has no counterpart."
	default:
		out.Message = "The concept map has no translation for the code."
	}
	return out, nil
}

func (q Translation) from() string {
	if q.Reverse {
		return q.Target
	}
	return q.Source
}

func (q Translation) to() string {
	if q.Reverse {
		return q.Source
	}
	return q.Target
}

// fits reports whether one side of a map is the value set asked for.
func fits(m *fhir.Node, side, set string) bool {
	if set == "" {
		return true
	}
	bare, _, _ := strings.Cut(set, "|")
	for _, name := range []string{side + "Canonical", side + "Uri"} {
		have := m.Get(name).Text()
		if url, _, _ := strings.Cut(have, "|"); have != "" && (have == set || url == bare) {
			return true
		}
	}
	return false
}

type translating struct {
	Translation
	find    Finder
	matches []Match
	depends string // the element that a mapping failed for
}

// through looks a code up in every group of a map; chain are the maps that sent it here.
func (t *translating) through(m *fhir.Node, c Coding, chain []string) error {
	url := m.Get("url").Text()
	if len(chain) > maxChain || slices.Contains(chain, url) && url != "" {
		return fault.New(fault.Invalid, "The concept maps send the code on to each other in a circle, or more than %d times.", maxChain)
	}
	chain = append(chain[:len(chain):len(chain)], url)
	for g := range m.Get("group").Items() {
		from, to := g.Get("source").Text(), g.Get("target").Text()
		if t.Reverse {
			from, to = to, from
		}
		if c.System != "" && from != "" && from != c.System || t.TargetSystem != "" && to != t.TargetSystem {
			continue
		}
		mapped := t.group(g, c, url)
		if len(t.matches) > maxMatches {
			return fault.New(fault.TooCostly, "The code has more than %d translations.", maxMatches)
		}
		if mapped || t.Reverse {
			continue
		}
		if err := t.unmapped(g, c, url, chain); err != nil {
			return err
		}
	}
	return nil
}

// group adds what the elements of a group say, and reports whether one is about the code.
func (t *translating) group(g *fhir.Node, c Coding, url string) bool {
	mapped := false
	for e := range g.Get("element").Items() {
		if !t.Reverse && e.Get("code").Text() != c.Code {
			continue
		}
		mapped = mapped || !t.Reverse
		for target := range e.Get("target").Items() {
			if t.Reverse && target.Get("code").Text() != c.Code || !t.depend(target) {
				continue
			}
			m := Match{Equivalence: target.Get("equivalence").Text(), Map: url, Comment: target.Get("comment").Text(),
				Concept: Coding{g.Get("target").Text(), g.Get("targetVersion").Text(), target.Get("code").Text(), target.Get("display").Text()}}
			if t.Reverse {
				m.Equivalence = turned(m.Equivalence)
				m.Concept = Coding{g.Get("source").Text(), g.Get("sourceVersion").Text(), e.Get("code").Text(), e.Get("display").Text()}
			}
			for p := range target.Get("product").Items() {
				m.Products = append(m.Products, Product{p.Get("property").Text(), Coding{p.Get("system").Text(), "", p.Get("value").Text(), p.Get("display").Text()}})
			}
			t.add(m)
		}
	}
	return mapped
}

// add keeps a match once, with a display where one is known.
func (t *translating) add(m Match) {
	if m.Concept.Display == "" {
		m.Concept.Display, _ = definition.Display(m.Concept.System, m.Concept.Code)
	}
	if !slices.ContainsFunc(t.matches, func(o Match) bool {
		return o.Map == m.Map && o.Concept == m.Concept && o.Equivalence == m.Equivalence
	}) {
		t.matches = append(t.matches, m)
	}
}

// depend reports whether all that a mapping depends on was given.
func (t *translating) depend(target *fhir.Node) bool {
	for d := range target.Get("dependsOn").Items() {
		want := Dependency{d.Get("property").Text(), d.Get("system").Text(), d.Get("value").Text()}
		if !slices.ContainsFunc(t.Dependencies, func(have Dependency) bool {
			return have.Property == want.Property && have.Value == want.Value && (have.System == "" || want.System == "" || have.System == want.System)
		}) {
			t.depends = want.Property
			return false
		}
	}
	return true
}

// turned is an equivalence read from the target: what is wider there is narrower here.
func turned(equivalence string) string {
	for _, pair := range [][2]string{{"wider", "narrower"}, {"subsumes", "specializes"}} {
		switch equivalence {
		case pair[0]:
			return pair[1]
		case pair[1]:
			return pair[0]
		}
	}
	return equivalence
}

// unmapped does what a group says of codes that it does not have.
func (t *translating) unmapped(g *fhir.Node, c Coding, url string, chain []string) error {
	u := g.Get("unmapped")
	switch u.Get("mode").Text() {
	case "provided":
		t.add(Match{Equivalence: "inexact", Map: url, Concept: Coding{g.Get("target").Text(), "", c.Code, c.Display}, Comment: "not mapped: the code as it was given"})
	case "fixed":
		t.add(Match{Equivalence: "inexact", Map: url, Concept: Coding{g.Get("target").Text(), "", u.Get("code").Text(), u.Get("display").Text()}, Comment: "not mapped: the code for all others"})
	case "other-map":
		other, err := FindMap(u.Get("url").Text(), t.find)
		if err != nil {
			return err
		}
		return t.through(other, c, chain)
	}
	return nil
}
