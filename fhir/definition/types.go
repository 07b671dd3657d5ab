package definition

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/osler-emr/osler/fhir"
)

var typeTable = table[typeView]{packed: &typesGz}

// typeView is a Type with the look-ups that validation and navigation need.
type typeView struct {
	Type
	byPath map[string]*Element
	shapes map[string]*Shape // path -> what an object there holds

	once  sync.Once
	whole *fhir.Node // the StructureDefinition
}

// Shape says what an object at one place may hold: the members of a data type, a resource
// type or a backbone element.
type Shape struct {
	Elements []Element
	Required []*Element // those with Min > 0
	members  map[string]child
}

type child struct {
	element *Element
	code    string
}

func decodeType(name string, text []byte) (*typeView, error) {
	var line struct {
		K string
		B string
		A bool
		E []struct {
			P    string
			M, X int
			T    []struct {
				C string
				T []string
				A bool
				P string
			}
			C, B, S, H string
			U, O       bool
		}
		I []struct{ K, P, S, H, E string }
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	v := &typeView{Type: Type{Name: name, Kind: line.K, Base: line.B, Abstract: line.A},
		byPath: map[string]*Element{}, shapes: map[string]*Shape{}}
	for _, e := range line.E {
		el := Element{Path: e.P, Min: e.M, Max: e.X, Content: e.C, Binding: e.B, Strength: e.S, Short: e.H, Summary: e.U, Modifier: e.O}
		el.Name = strings.TrimSuffix(e.P[strings.LastIndexByte(e.P, '.')+1:], "[x]")
		for _, t := range e.T {
			el.Types = append(el.Types, TypeRef{Code: t.C, Targets: t.T, Any: t.A, Profile: t.P})
		}
		v.Elements = append(v.Elements, el)
	}
	for _, i := range line.I {
		v.Invariant = append(v.Invariant, Invariant{Key: i.K, Path: i.P, Severity: i.S, Human: i.H, Expression: i.E})
	}
	ruled := map[string]bool{}
	for _, i := range v.Invariant {
		ruled[i.Path] = true
	}
	for i := range v.Elements {
		v.Elements[i].Ruled = ruled[v.Elements[i].Path]
	}
	v.index()
	return v, nil
}

func (v *typeView) index() {
	for i := range v.Elements {
		e := &v.Elements[i]
		v.byPath[strings.TrimSuffix(e.Path, "[x]")] = e
		dot := strings.LastIndexByte(e.Path, '.')
		if dot < 0 {
			continue
		}
		v.shape(e.Path[:dot]).add(e)
	}
}

func (v *typeView) shape(path string) *Shape {
	s := v.shapes[path]
	if s == nil {
		s = &Shape{members: map[string]child{}}
		v.shapes[path] = s
	}
	return s
}

func (s *Shape) add(e *Element) {
	s.Elements = append(s.Elements, *e)
	if e.Min > 0 {
		s.Required = append(s.Required, e)
	}
	if e.Choice() {
		for _, t := range e.Types {
			s.members[e.Name+strings.ToUpper(t.Code[:1])+t.Code[1:]] = child{e, t.Code}
		}
		return
	}
	code := ""
	if len(e.Types) > 0 {
		code = e.Types[0].Code
	}
	s.members[e.Name] = child{e, code}
}

// Choice reports whether the element is a choice such as Observation.value[x], whose JSON
// name ends with its type.
func (e *Element) Choice() bool { return strings.HasSuffix(e.Path, "[x]") }

// Child resolves a JSON member name: the element and the concrete type code that the name
// stands for, which is empty for a content reference.
func (s *Shape) Child(member string) (*Element, string, bool) {
	c, ok := s.members[member]
	return c.element, c.code, ok
}

// ShapeOf returns the shape of a type ("HumanName", "Patient") or of a backbone element
// ("Patient.contact"), following content references; nil when there is none.
func ShapeOf(typeOrPath string) *Shape {
	v, path := view(typeOrPath)
	if v == nil {
		return nil
	}
	return v.shapes[path]
}

func view(typeOrPath string) (*typeView, string) {
	name, _, nested := strings.Cut(typeOrPath, ".")
	v := typeTable.get(name, decodeType)
	if v == nil {
		return nil, ""
	}
	path := strings.TrimSuffix(typeOrPath, "[x]")
	if nested {
		if e := v.byPath[path]; e != nil && e.Content != "" {
			return v, e.Content
		}
	}
	return v, path
}

// Lookup returns a resource type or data type by name.
func Lookup(name string) (*Type, bool) {
	v := typeTable.get(name, decodeType)
	if v == nil {
		return nil, false
	}
	return &v.Type, true
}

var resourceTypes = sync.OnceValue(func() []string {
	typeTable.load()
	var out []string
	for _, name := range typeTable.keys {
		// The head of the line says enough; decoding all 211 types here would cost 20 ms.
		line := typeTable.lines[name]
		if strings.HasPrefix(line, `{"k":"resource"`) && !strings.Contains(line[:min(len(line), 120)], `"a":true`) {
			out = append(out, name)
		}
	}
	return out
})

// ResourceTypes returns the names of the concrete resource types, sorted.
func ResourceTypes() []string { return resourceTypes() }

// IsResource reports whether name is a concrete resource type.
func IsResource(name string) bool {
	_, ok := slices.BinarySearch(resourceTypes(), name)
	return ok
}

// ElementAt returns the element at a path such as "Patient.contact.name" or
// "Observation.value" (a choice, without "[x]"), within one type.
func ElementAt(path string) (*Element, bool) {
	v, _ := view(path)
	if v == nil {
		return nil, false
	}
	e := v.byPath[strings.TrimSuffix(path, "[x]")]
	return e, e != nil
}

// Children returns the direct children of a type ("HumanName", "Patient") or of a backbone
// element ("Patient.contact"), following content references.
func Children(typeOrPath string) []Element {
	s := ShapeOf(typeOrPath)
	if s == nil {
		return nil
	}
	return s.Elements
}

// Child resolves a JSON member name on a type or backbone path: the element, and the
// concrete type code that the name stands for ("valueQuantity" on "Observation" is the
// element value[x] with code Quantity).
func Child(typeOrPath, member string) (*Element, string, bool) {
	s := ShapeOf(typeOrPath)
	if s == nil {
		return nil, "", false
	}
	return s.Child(member)
}

// Below returns where the children of an element of a concrete type code are defined: the
// element's own path for backbone elements and content references, else the type.
func Below(e *Element, code string) string {
	if e.Content != "" || code == "BackboneElement" || code == "Element" {
		return strings.TrimSuffix(e.Path, "[x]")
	}
	return code
}
