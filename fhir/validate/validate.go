// Package validate checks a resource against the base definitions of FHIR R4: structure,
// cardinality, primitive formats, required bindings, references, extensions, contained
// resources, narrative, and all invariants: in FHIRPath (rules.go), or natively where
// FHIRPath cannot say them. There is one file for each phase; structure.go walks the tree
// and calls the others.
//
//	for _, issue := range validate.Resource(r) {
//		fmt.Println(issue.Severity, issue.Expression, issue.Text)
//	}
//
// With a library of profiles it checks also what a resource claims to follow, or is asked to
// (profile.go, slicing.go, target.go), and extensions against their definitions:
//
//	issues := validate.With(r, validate.Options{Library: library, Profiles: []string{url}})
//
// What cannot be checked (a profile or a code system that is not here) is said in a finding
// of severity information, never guessed. Findings never quote the content of a resource,
// so that they may be logged.
package validate

import (
	"slices"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/fhirpath"
	"github.com/osler-emr/osler/fhir/profile"
)

// MaxIssues is the largest number of findings about one resource; one of them then says
// that there are more.
const MaxIssues = 200

// Options change what a validation looks at.
type Options struct {
	// Strict takes what cannot be decided as broken, and refuses unknown extensions, as a
	// publisher of definitions would. A record that is kept must not lose data over such.
	Strict bool
	// RefuseExamples refuses addresses below example.org and its like.
	RefuseExamples bool
	// Library holds profiles and the definitions of extensions. Without it, a resource is
	// checked against the base definitions only, and the findings say so where a profile is
	// claimed. With it, what a resource claims in meta.profile is checked, and every
	// extension whose definition is known.
	Library *profile.Library
	// Profiles are followed besides those that the resource claims.
	Profiles []string
	// Advise makes warnings of what a resource breaks of profiles and of the definitions of
	// extensions; faults against the base definitions stay errors.
	Advise bool
	// Member tells whether a code is in a value set; known is false when that cannot be
	// said here. Without it, the value sets of R4 are known.
	Member func(valueSet, system, code string) (in, known bool)
	// Subsumes compares two codes of a code system for the rules that ask, as
	// terminology.Subsumes does; without it, those rules are not checked.
	Subsumes func(system, a, b string) (outcome string, err error)
	// Resolve finds the resource that a reference out of the resource points at, nil when
	// it cannot; it may be nil.
	Resolve func(reference string) *fhir.Node
}

// Resource returns the findings about a resource, errors first. No finding of severity
// fatal or error means that the resource may be stored.
func Resource(r *fhir.Node) []fault.Issue { return With(r, Options{}) }

// With is Resource with options.
func With(r *fhir.Node, o Options) []fault.Issue {
	c := &checker{options: o}
	c.resource(r, nil)
	slices.SortStableFunc(c.issues, func(a, b fault.Issue) int { return rank[a.Severity] - rank[b.Severity] })
	return c.issues
}

var rank = map[string]int{"fatal": 0, "error": 1, "warning": 2, "information": 3}

// checker is one run over one resource.
type checker struct {
	issues         []fault.Issue
	errors, advice int // findings so far, kept or not
	path           []step
	options        Options
	scope

	depth     int // of profiles that lead into each other
	following int // of profiles and extension definitions that are followed
	quiet     bool
	answers   map[asked]bool
}

// scope is what a check needs to know about the resource under inspection.
type scope struct {
	// container is the resource that references such as "#a" look into, and contained what
	// it contains, by id.
	container *fhir.Node
	contained map[string]string
	// current is the resource under inspection, and session evaluates its invariants; start
	// is where its path begins.
	current *fhir.Node
	session *fhirpath.Session
	start   int
	spent   int
	// bundle is the bundle that the resource is in, and entry the entry.
	bundle *index
	entry  *fhir.Node
	// parent is the url of the extension that holds the one under inspection.
	parent string
}

// step is one part of the path to the place under inspection; index is -1 outside arrays.
type step struct {
	name  string
	index int
}

func (c *checker) push(name string, index int) { c.path = append(c.path, step{name, index}) }

func (c *checker) pop() { c.path = c.path[:len(c.path)-1] }

// expression writes the path: Patient.contact[0].name.family.
func (c *checker) expression() string {
	var b []byte
	for i, s := range c.path {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.name...)
		if s.index >= 0 {
			b = strconv.AppendInt(append(b, '['), int64(s.index), 10)
			b = append(b, ']')
		}
	}
	return string(b)
}

// fail adds an error about the place under inspection.
func (c *checker) fail(kind, text string) { c.add("error", kind, text) }

// failAt adds an error about a member of the place under inspection.
func (c *checker) failAt(member, kind, text string) {
	c.push(member, -1)
	c.fail(kind, text)
	c.pop()
}

// maxAdvice is the number of findings kept that are no errors: best practice of a large
// bundle must not crowd out its faults.
const maxAdvice = 60

func (c *checker) add(severity, kind, text string) {
	if c.options.Advise && c.following > 0 && !c.quiet && severity == "error" {
		severity = "warning"
	}
	serious := severity == "error" || severity == "fatal"
	if serious && c.errors >= MaxIssues-maxAdvice || !serious && c.advice >= maxAdvice {
		return
	}
	place := c.expression()
	if slices.ContainsFunc(c.issues, func(i fault.Issue) bool { return i.Expression == place && i.Text == text }) {
		return // a profile often says again what another said
	}
	if serious {
		if c.errors++; c.errors == MaxIssues-maxAdvice {
			kind, text = "too-long", "There are more errors than "+strconv.Itoa(MaxIssues-maxAdvice)+"; the rest is not shown."
		}
	} else if c.advice++; c.advice == maxAdvice {
		severity, kind, text = "information", "too-long", "There are more warnings and notes than "+strconv.Itoa(maxAdvice)+"; the rest is not shown."
	}
	c.issues = append(c.issues, fault.Issue{Severity: severity, Type: kind, Expression: place, Text: text})
}
