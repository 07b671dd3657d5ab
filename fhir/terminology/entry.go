package terminology

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
)

// Designation is one more name of a code. Use is a Coding or nil.
type Designation struct {
	Language string
	Use      *fhir.Node
	Value    string
}

// Designations returns the names that the value set, the code system and supplements give
// a code besides its display.
func (e Entry) Designations() []Designation {
	var out []Designation
	add := func(list *fhir.Node) {
		for d := range list.Items() {
			out = append(out, Designation{d.Get("language").Text(), d.Get("use"), d.Get("value").Text()})
		}
	}
	add(e.named)
	if e.from != nil {
		c := e.from.Codes[e.at]
		add(c.node.Get("designation"))
		if c.also != "" {
			out = append(out, Designation{Value: c.also})
		}
	}
	for _, c := range e.extra {
		add(c.Get("designation"))
	}
	return out
}

// DisplayIn returns the name of a code in a language ("de" is also there for "de-CH"), or
// its display when it has none.
func (e Entry) DisplayIn(language string) string {
	if language == "" {
		return e.Display
	}
	found := ""
	for _, d := range e.Designations() {
		switch {
		case strings.EqualFold(d.Language, language):
			return d.Value
		case found == "" && d.Language != "" && strings.EqualFold(base(d.Language), base(language)):
			found = d.Value
		}
	}
	if found != "" {
		return found
	}
	return e.Display
}

func base(language string) string { b, _, _ := strings.Cut(language, "-"); return b }

// Definition returns what the code system says the code means; "" when that is not here.
func (e Entry) Definition() string {
	if e.from == nil {
		return ""
	}
	return e.from.Codes[e.at].Definition
}

// Property is a property of a code. Value is a node named by Type: valueCode, valueString …
type Property struct {
	Code, Type string
	Value      *fhir.Node
}

// Properties returns what is known of a code: where it stands, whether it may be used, and
// what its code system says of it.
func (e Entry) Properties() []Property {
	if e.from == nil {
		return nil
	}
	s, c := e.from, &e.from.Codes[e.at]
	var out []Property
	for _, p := range c.Parents {
		out = append(out, Property{"parent", "valueCode", fhir.Str(s.Codes[p].Code)})
	}
	if s.hierarchy {
		for _, i := range s.children()[e.at] {
			out = append(out, Property{"child", "valueCode", fhir.Str(s.Codes[i].Code)})
		}
	}
	out = append(out, Property{"inactive", "valueBoolean", fhir.Bool(c.Inactive)})
	if c.Abstract {
		out = append(out, Property{"notSelectable", "valueBoolean", fhir.Bool(true)})
	}
	if c.status != "" {
		out = append(out, Property{"status", "valueCode", fhir.Str(c.status)})
	}
	for _, n := range append([]*fhir.Node{c.node}, e.extra...) {
		for p := range n.Get("property").Items() {
			switch s.role(p.Get("code").Text()) {
			case "parent", "child", "subsumedBy", "inactive", "notSelectable", "abstract", "status":
				continue // said above
			}
			for name, v := range p.Members() {
				if strings.HasPrefix(name, "value") {
					out = append(out, Property{p.Get("code").Text(), name, v})
				}
			}
		}
	}
	return out
}

// Matches reports whether a code is meant by what a person typed: every word begins a word
// of one of its names, or the whole begins the code.
func (e Entry) Matches(typed string) bool {
	typed = search.Normalize(typed)
	if typed == "" || strings.HasPrefix(search.Normalize(e.Code), typed) {
		return true
	}
	words := strings.Fields(typed)
	if begins(e.Display, words) {
		return true
	}
	for _, d := range e.Designations() {
		if begins(d.Value, words) {
			return true
		}
	}
	return false
}

func begins(name string, words []string) bool {
	name = " " + search.Normalize(name)
	for _, w := range words {
		if !strings.Contains(name, " "+w) {
			return false
		}
	}
	return true
}

// Parents returns the codes directly above an entry, by their codes.
func (e Entry) Parents() []string {
	if e.from == nil {
		return nil
	}
	var out []string
	for _, p := range e.from.Codes[e.at].Parents {
		out = append(out, e.from.Codes[p].Code)
	}
	return out
}
