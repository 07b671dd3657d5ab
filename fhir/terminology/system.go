package terminology

import (
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// System is a code system that questions can be asked of: a stored one, or one of the
// definitions. Those of the definitions are shared; never change a System.
type System struct {
	URL, Version, Name string
	// Content says how much of it is here: complete, fragment or example; "grammar" when its
	// codes cannot be listed.
	Content string
	// Meaning is what the hierarchy means; only "is-a" (or nothing said) is subsumption.
	Meaning string
	Codes   []Code

	caseless  bool
	hierarchy bool
	index     map[string]int
	roles     map[string]string // property code -> what it stands for, when it is a standard one
	declared  map[string]bool   // properties that the code system describes
	children  func() [][]int
}

// Code is one code of a System. Parents are positions in System.Codes.
type Code struct {
	Code, Display, Definition string
	Abstract, Inactive        bool
	Parents                   []int

	status string
	also   string     // a further name
	node   *fhir.Node // the concept as it is stored
}

// FindSystem returns the code system with a canonical URL, which may carry |version. One
// that is not here, or not in that version, is fault.NotSupported and named.
func FindSystem(canonical string, find Finder) (*System, error) {
	stored, err := find("CodeSystem", canonical)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		return ReadSystem(stored)
	}
	url, version, _ := strings.Cut(canonical, "|")
	s := defined(url)
	if s == nil && version == "" {
		s = grammatical(url)
	}
	switch {
	case s == nil:
		return nil, fault.New(fault.NotSupported, "The code system %s is not here.", clip(canonical))
	case version != "" && version != s.Version:
		return nil, fault.New(fault.NotSupported, "The code system %s is here in version %s, not in %s.", url, s.Version, clip(version))
	}
	return s, nil
}

var definedSystems sync.Map // url -> *System

// defined returns a code system of the definitions, or nil.
func defined(url string) *System {
	if s, ok := definedSystems.Load(url); ok {
		return s.(*System)
	}
	d, ok := definition.FindCodeSystem(url)
	if !ok {
		return nil
	}
	s := &System{URL: url, Version: d.Version, Name: d.Name, Content: "complete", caseless: d.Caseless, hierarchy: d.Parents != nil, Codes: make([]Code, len(d.Codes))}
	if !d.Complete {
		s.Content = "fragment"
	}
	for i, code := range d.Codes {
		s.Codes[i] = Code{Code: code, Display: d.Displays[i], Abstract: d.Abstract[i], Inactive: d.Retired[i], also: d.Also[i]}
		switch {
		case d.Retired[i]:
			s.Codes[i].status = "retired"
		case d.Deprecated[i]:
			s.Codes[i].status = "deprecated"
		}
		if d.Parents != nil {
			s.Codes[i].Parents = d.Parents[i]
		}
	}
	s.prepare()
	kept, _ := definedSystems.LoadOrStore(url, s)
	return kept.(*System)
}

// prepare makes the indexes of a System whose codes are all there.
func (s *System) prepare() {
	s.index = make(map[string]int, len(s.Codes))
	for i := len(s.Codes) - 1; i >= 0; i-- { // of codes that stand there twice, the first
		s.index[s.fold(s.Codes[i].Code)] = i
	}
	s.children = sync.OnceValue(func() [][]int {
		list := make([][]int, len(s.Codes))
		for i, c := range s.Codes {
			for _, p := range c.Parents {
				list[p] = append(list[p], i)
			}
		}
		return list
	})
}

func (s *System) fold(code string) string {
	if s.caseless {
		return strings.ToLower(code)
	}
	return code
}

// Find returns the position of a code.
func (s *System) Find(code string) (int, bool) {
	i, ok := s.index[s.fold(code)]
	return i, ok
}

// Complete reports whether all codes are here: only then does a missing code not exist.
func (s *System) Complete() bool { return s.Content == "complete" }

// partial is the fault of a question that needs all codes of a system that is not wholly
// here.
func (s *System) partial() error {
	if s.Content == "grammar" {
		return fault.New(fault.NotSupported, "The code system %s (%s) has a grammar, no list of codes.", s.URL, s.Name)
	}
	return fault.New(fault.NotSupported, "The code system %s is not wholly here (its content is %q).", s.URL, s.Content)
}

// ReadSystem reads a CodeSystem resource. One without codes of its own (a supplement, or
// with the content "not-present") is fault.NotSupported.
func ReadSystem(r *fhir.Node) (*System, error) {
	s := &System{URL: r.Get("url").Text(), Version: r.Get("version").Text(), Name: r.Get("name").Text(),
		Content: r.Get("content").Text(), Meaning: r.Get("hierarchyMeaning").Text(), caseless: r.Get("caseSensitive").Text() == "false"}
	switch {
	case s.Content == "supplement":
		return nil, fault.New(fault.NotSupported, "The code system %s is a supplement of %s: it has no codes of its own.", clip(s.URL), clip(r.Get("supplements").Text()))
	case s.Content == "not-present" || s.Content == "":
		return nil, fault.New(fault.NotSupported, "The codes of the code system %s are not here, only its description.", clip(s.URL))
	}
	s.roles, s.declared = map[string]string{}, map[string]bool{}
	for p := range r.Get("property").Items() {
		s.declared[p.Get("code").Text()] = true
		if role, ok := strings.CutPrefix(p.Get("uri").Text(), "http://hl7.org/fhir/concept-properties#"); ok {
			s.roles[p.Get("code").Text()] = role
		}
	}
	if err := s.read(r.Get("concept"), -1); err != nil {
		return nil, err
	}
	s.prepare()
	for i := range s.Codes {
		s.link(i)
	}
	s.hierarchy = s.hierarchy || s.Meaning == "is-a"
	return s, nil
}

// read adds the codes of a list and those nested in them.
func (s *System) read(list *fhir.Node, parent int) error {
	for n := range list.Items() {
		if len(s.Codes) >= MaxCodes {
			return fault.New(fault.TooCostly, "The code system has more than %d codes.", MaxCodes)
		}
		c := Code{Code: n.Get("code").Text(), Display: n.Get("display").Text(), Definition: n.Get("definition").Text(), node: n}
		if parent >= 0 {
			c.Parents, s.hierarchy = []int{parent}, true
		}
		for p := range n.Get("property").Items() {
			value := propertyValue(p).Text()
			switch s.role(p.Get("code").Text()) {
			case "notSelectable", "abstract":
				c.Abstract = c.Abstract || value == "true"
			case "inactive":
				c.Inactive = c.Inactive || value == "true"
			case "status":
				c.status, c.Inactive = value, c.Inactive || value == "retired" || value == "inactive"
			}
		}
		at := len(s.Codes)
		s.Codes = append(s.Codes, c)
		if err := s.read(n.Get("concept"), at); err != nil {
			return err
		}
	}
	return nil
}

// role returns which of the standard properties a property is.
func (s *System) role(code string) string {
	if role, ok := s.roles[code]; ok {
		return role
	}
	return code
}

// link reads the properties of a code that place it in the hierarchy.
func (s *System) link(at int) {
	for p := range s.Codes[at].node.Get("property").Items() {
		other, ok := s.Find(propertyValue(p).Text())
		if !ok || other == at {
			continue
		}
		switch s.role(p.Get("code").Text()) {
		case "parent", "subsumedBy":
			s.under(at, other)
		case "child":
			s.under(other, at)
		}
	}
}

func (s *System) under(at, parent int) {
	for _, p := range s.Codes[at].Parents {
		if p == parent {
			return
		}
	}
	s.hierarchy = true
	s.Codes[at].Parents = append(s.Codes[at].Parents, parent)
}

// propertyValue returns the value[x] of a concept's property.
func propertyValue(p *fhir.Node) *fhir.Node {
	for name, v := range p.Members() {
		if strings.HasPrefix(name, "value") {
			return v
		}
	}
	return nil
}

func clip(s string) string { return fault.Clip(s, 120) }
