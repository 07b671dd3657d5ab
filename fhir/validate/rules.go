package validate

import (
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// native are the invariants that are not left to FHIRPath, and where they are.
//
//	ele-1   structure.go: FHIRPath does not see empty objects and misplaced nulls
//	txt-1,2 narrative.go: htmlChecks() needs a reader of XHTML
//	ref-1   reference.go: the same walk looks up the target's type
//	dom-3   contained.go: its expression reads the whole resource once for each contained one
//	per-1   invariant.go: R4's "start <= end" cannot order a day and a moment of it; HL7
//	        corrected the rule in R4B to what is carried out here
//	dom-r4b of a type that R4 does not have
var native = map[string]bool{"ele-1": true, "txt-1": true, "txt-2": true, "ref-1": true, "dom-3": true, "per-1": true, "dom-r4b": true}

// errata are expressions of R4 that do not say what the rule's own text says, corrected.
var errata = map[string]string{
	// An answer is a FHIR boolean; the System type Boolean that R4 asks for is another.
	"que-7": "operator = 'exists' implies (answer is boolean)",
	// "If there are more than one enableWhen": R4 counts from three on.
	"que-12": "enableWhen.count() > 1 implies enableBehavior.exists()",
}

// rule is an invariant made ready for evaluation.
type rule struct {
	key, severity, text string
	test                *fhirpath.Expression
	// ordered rules compare by < or >, which comes to no result for a year and a day of it.
	ordered bool
}

// ruleSet is the invariants of one type or backbone element. Most say something about few
// members only, and hold for an element without these: by names, for each member, the
// rules that must be looked at when it is there, as bits; always those that cannot be left
// out.
type ruleSet struct {
	list   []rule
	always uint64
	by     map[string]uint64
}

var (
	ruleSets sync.Map // type or path -> *ruleSet
	noRules  = &ruleSet{}
)

// rulesOf returns the invariants of a type, inherited ones included, or of a backbone
// path; each is compiled once per process.
func rulesOf(place string) *ruleSet {
	if s, ok := ruleSets.Load(place); ok {
		return s.(*ruleSet)
	}
	s, _ := ruleSets.LoadOrStore(place, makeRules(place))
	return s.(*ruleSet)
}

func makeRules(place string) *ruleSet {
	path := place
	if e, ok := definition.ElementAt(place); ok && e.Content != "" {
		path = e.Content
	}
	head, _, nested := strings.Cut(path, ".")
	s := &ruleSet{by: map[string]uint64{}}
	for name := head; name != ""; {
		t, ok := definition.Lookup(name)
		if !ok {
			break
		}
		for _, i := range t.Invariant {
			if i.Path == path || !nested && i.Path == name {
				s.add(i, path)
			}
		}
		if name = t.Base; nested {
			break
		}
	}
	if len(s.list) == 0 {
		return noRules
	}
	return s
}

func (s *ruleSet) add(i definition.Invariant, path string) {
	if native[i.Key] || len(s.list) == 64 {
		return
	}
	if better, ok := errata[i.Key]; ok {
		i.Expression = better
	}
	if strings.HasPrefix(i.Expression, "name.matches(") { // about every name, also one that no type has (cid-0)
		i.Expression = "name.empty() or " + i.Expression
	}
	x, err := fhirpath.Compile(i.Expression)
	if err != nil { // a test compiles all of them
		return
	}
	bit := uint64(1) << len(s.list)
	s.list = append(s.list, rule{i.Key, i.Severity, sentence(i.Human) + " (" + i.Key + ").", x, strings.ContainsAny(i.Expression, "<>")})
	names, local := namesIn(i.Expression, definition.IsResource(path))
	if !local || !holdsWithout(x, path) {
		s.always |= bit
		return
	}
	for _, n := range names {
		s.by[n] |= bit
	}
}

// holdsWithout reports whether an invariant holds for an element without any member.
func holdsWithout(x *fhirpath.Expression, path string) bool {
	empty := fhir.Obj()
	out, err := fhirpath.NewSession(empty).EvaluateOn(x, fhirpath.OfElement(empty, nil, path))
	return err == nil && len(out) == 1 && out[0].True()
}

// namesIn returns the words of an expression outside of its texts: all member names are
// among them. local is false when the expression looks further than the members.
func namesIn(expression string, resource bool) (names []string, local bool) {
	local = true
	for pos := 0; pos < len(expression); {
		c := expression[pos]
		switch {
		case c == '\'':
			for pos++; pos < len(expression) && expression[pos] != '\''; pos++ {
				if expression[pos] == '\\' {
					pos++
				}
			}
			pos++
		case letter(c):
			from := pos
			for pos < len(expression) && (letter(expression[pos]) || digit(expression[pos])) {
				pos++
			}
			switch word := expression[from:pos]; {
			case word == "descendants" || word == "children" || word == "repeat" || word == "rootResource",
				word == "resource" && !resource && from > 0 && expression[from-1] == '%':
				local = false
			default:
				names = append(names, word)
			}
		default:
			pos++
		}
	}
	return names, local
}

// sentence takes the full stop and white space from the end of a text.
func sentence(s string) string { return strings.TrimRight(strings.TrimSpace(s), ". \n") }

// invariants evaluates the rules of an element of a type or path. seen are its members.
// A contained resource needs no narrative of its own (dom-6).
func (c *checker) invariants(n *fhir.Node, place string, seen []*definition.Element) {
	s := rulesOf(place)
	if s == noRules {
		return
	}
	due := s.always
	for _, e := range seen {
		due |= s.by[e.Name]
	}
	if due == 0 {
		return
	}
	item := fhirpath.OfElement(n, nil, place)
	for i := 0; due != 0; i, due = i+1, due>>1 {
		if due&1 != 0 && (c.current == c.container || s.list[i].key != "dom-6") {
			c.judge(&s.list[i], item)
		}
	}
}

// atElement evaluates the rules that a type has about one of its elements, whose content
// is another type: an organization's telecom, an ElementDefinition's max.
func (c *checker) atElement(n, extra *fhir.Node, e *definition.Element, code string) {
	s := rulesOf(e.Path)
	for i := range s.list {
		c.judge(&s.list[i], fhirpath.OfElement(n, extra, code))
	}
}

// judge evaluates one rule on one item. A rule that cannot put two values in order is a
// warning: only a strict validator takes it as broken.
func (c *checker) judge(r *rule, item fhirpath.Value) {
	out, err := c.paths().EvaluateOn(r.test, item)
	switch {
	case err != nil:
		c.add("information", "not-supported", "A rule could not be evaluated here, so it was not checked: "+r.text)
	case len(out) == 0 && r.ordered && !c.options.Strict:
		c.add("warning", "invariant", "It cannot be decided whether this holds: "+r.text)
	case len(out) != 1 || !out[0].True():
		c.add(r.severity, "invariant", r.text)
	}
}

// evaluation is how rules are evaluated: what they ask for beyond the resource is answered
// as in the rest of the validation.
func (c *checker) evaluation() []fhirpath.Option {
	hooks := fhirpath.Hooks{Subsumes: c.options.Subsumes, HTML: func(div string) bool { return (&scanner{text: div}).document() == "" }}
	if c.options.Member != nil {
		hooks.MemberOf = func(x fhirpath.Coded, valueSet string) (bool, error) {
			in, known := c.member(valueSet, x.System, x.Code)
			if !known {
				return false, fault.New(fault.NotSupported, "The value set is not wholly known here.")
			}
			return in, nil
		}
	}
	if c.options.Library != nil {
		hooks.ConformsTo = func(n *fhir.Node, typeName, url string) (bool, error) {
			return c.holds(item{node: n, index: -1, code: typeName, place: typeName}, url)
		}
	}
	return []fhirpath.Option{fhirpath.WithRoot(c.container), fhirpath.WithHooks(hooks), fhirpath.WithResolver(func(ref string) *fhir.Node {
		r, _ := c.resolve(ref)
		return r
	})}
}

// paths returns the session in which the invariants of the resource under inspection are
// evaluated.
func (c *checker) paths() *fhirpath.Session {
	if c.session == nil {
		c.session = fhirpath.NewSession(c.current, c.evaluation()...)
	}
	return c.session
}
