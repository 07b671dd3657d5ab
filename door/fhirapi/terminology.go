package fhirapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/terminology"
)

// finder looks among the ValueSets and CodeSystems that are stored and that the caller may
// see; of several with one url, the one with the version asked for, else the newest.
func (c *call) finder(resourceType, canonical string) (*fhir.Node, error) {
	bare, version, _ := strings.Cut(canonical, "|")
	query := url.Values{"url": {bare}, "_sort": {"-_lastUpdated"}, "_count": {"1"}}
	if version != "" {
		query.Set("version", version)
	}
	found, err := c.actor.Find(c.Context(), resourceType, query.Encode())
	if fault.Is(err, fault.Forbidden) || len(found) == 0 && err == nil { // the definitions are open to everyone
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// shelf is finder for one operation: what was found once is not asked for again.
func (c *call) shelf() terminology.Finder {
	found := map[[2]string]*fhir.Node{}
	return func(resourceType, canonical string) (*fhir.Node, error) {
		key := [2]string{resourceType, canonical}
		if r, ok := found[key]; ok {
			return r, nil
		}
		r, err := c.finder(resourceType, canonical)
		if err == nil {
			found[key] = r
		}
		return r, err
	}
}

// parameters reads the simple parameters of an operation from the URL or a Parameters body.
func (c *call) parameters() (url.Values, error) {
	query := c.URL.Query()
	if c.Method != http.MethodPost || c.ContentLength == 0 && c.given == nil {
		return query, nil
	}
	r, err := c.body()
	if err != nil {
		return nil, err
	}
	if r.ResourceType() != "Parameters" {
		return nil, fault.New(fault.Malformed, "The body of an operation is a Parameters resource.").At("resourceType")
	}
	for p := range r.Get("parameter").Items() {
		for name, v := range p.Members() {
			switch {
			case name == "valueCoding":
				query.Add("system", v.Get("system").Text())
				query.Add("code", v.Get("code").Text())
				query.Add("display", v.Get("display").Text())
			case strings.HasPrefix(name, "value"):
				query.Add(p.Get("name").Text(), v.Text())
			}
		}
	}
	return query, nil
}

// known refuses parameters that an operation does not have here: left out, they would
// change the answer.
func known(query url.Values, names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		ok := name == "_format" || name == "_pretty"
		for _, n := range names {
			ok = ok || n == name
		}
		if !ok {
			return fault.New(fault.NotSupported, "The parameter %q is not supported by this operation; it knows %s.", clip(name), strings.Join(names, ", "))
		}
	}
	return nil
}

// inputs are the parameters of a terminology operation, of the URL and of the body.
type inputs struct {
	list []input
	find terminology.Finder
}

type input struct {
	name  string
	value *fhir.Node // a value[x], or a resource
	parts *fhir.Node
}

// inputs reads the parameters of an operation and refuses those that it does not have, and
// those that are given twice. A name that ends in * may be given several times.
func (c *call) inputs(names ...string) (*inputs, error) {
	in := &inputs{find: c.shelf()}
	query := c.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		for _, v := range query[name] {
			if name != "_format" && name != "_pretty" {
				in.list = append(in.list, input{name: name, value: fhir.Str(v)})
			}
		}
	}
	if c.Method == http.MethodPost && (c.ContentLength != 0 || c.given != nil) {
		r, err := c.body()
		if err != nil {
			return nil, err
		}
		if r.ResourceType() != "Parameters" {
			return nil, fault.New(fault.Malformed, "The body of an operation is a Parameters resource.").At("resourceType")
		}
		for p := range r.Get("parameter").Items() {
			in.list = append(in.list, inputOf(p))
		}
	}
	seen := map[string]bool{}
	for _, p := range in.list {
		switch {
		case slices.Contains(names, p.name+"*"):
		case !slices.Contains(names, p.name):
			return nil, fault.New(fault.NotSupported, "The parameter %q is not supported by this operation; it knows %s.", clip(p.name), strings.ReplaceAll(strings.Join(names, ", "), "*", ""))
		case seen[p.name]:
			return nil, fault.New(fault.Malformed, "The parameter %s is given more than once.", p.name)
		case p.value == nil && p.parts == nil:
			return nil, fault.New(fault.Malformed, "The parameter %s has no value.", p.name)
		}
		seen[p.name] = true
	}
	return in, nil
}

func inputOf(p *fhir.Node) input {
	in := input{name: p.Get("name").Text(), value: p.Get("resource"), parts: p.Get("part")}
	for name, v := range p.Members() {
		if strings.HasPrefix(name, "value") {
			in.value = v
		}
	}
	return in
}

// get returns a parameter's value, or nil.
func (in *inputs) get(name string) *fhir.Node {
	for _, p := range in.list {
		if p.name == name {
			return p.value
		}
	}
	return nil
}

func (in *inputs) text(name string) string { return in.get(name).Text() }

// all returns the values of a parameter that may be given several times.
func (in *inputs) all(name string) []string {
	var out []string
	for _, p := range in.list {
		if p.name == name {
			out = append(out, p.value.Text())
		}
	}
	return out
}

// flag reads a boolean; given tells whether it is there.
func (in *inputs) flag(name string) (value, given bool, err error) {
	switch v := in.get(name); v.Text() {
	case "true":
		return true, true, nil
	case "false":
		return false, true, nil
	default:
		if v == nil {
			return false, false, nil
		}
		return false, true, fault.New(fault.Malformed, "The parameter %s is true or false.", name)
	}
}

// number reads an integer from 0 on; -1 when it is not given.
func (in *inputs) number(name string) (int, error) {
	v := in.get(name)
	if v == nil {
		return -1, nil
	}
	n, err := strconv.Atoi(v.Text())
	if err != nil || n < 0 {
		return 0, fault.New(fault.Malformed, "%s is not a number from 0 on.", name)
	}
	return n, nil
}

// resource reads a parameter that is a resource of a type, or nil.
func (in *inputs) resource(name, resourceType string) (*fhir.Node, error) {
	r := in.get(name)
	if r != nil && r.ResourceType() != resourceType {
		return nil, fault.New(fault.Malformed, "The parameter %s is a %s resource, in the body of a POST.", name, resourceType)
	}
	return r, nil
}

// codings reads the code that is asked about: code with system, version and display, or a
// Coding, or a CodeableConcept; one of them.
func (in *inputs) codings(system, version string) ([]terminology.Coding, error) {
	var ways [][]terminology.Coding
	if code := in.text("code"); code != "" {
		ways = append(ways, []terminology.Coding{{System: in.text(system), Version: in.text(version), Code: code, Display: in.text("display")}})
	}
	if coding := in.get("coding"); coding != nil {
		ways = append(ways, []terminology.Coding{terminology.CodingOf(coding)})
	}
	if concept := in.get("codeableConcept"); concept != nil {
		var list []terminology.Coding
		for coding := range concept.Get("coding").Items() {
			list = append(list, terminology.CodingOf(coding))
		}
		ways = append(ways, list)
	}
	if len(ways) != 1 {
		return nil, fault.New(fault.Malformed, "Name one code: with the parameters code and %s, or as coding or codeableConcept in the body of a POST.", system)
	}
	if len(ways[0]) == 0 || slices.ContainsFunc(ways[0], func(c terminology.Coding) bool { return c.Code == "" }) {
		return nil, fault.New(fault.Malformed, "A coding that is asked about has a code.")
	}
	return ways[0], nil
}

// canonical joins a url and the version that another parameter gives.
func (in *inputs) canonical(url, version string) (string, error) {
	v := in.text(version)
	if v == "" {
		return url, nil
	}
	if bare, own, ok := strings.Cut(url, "|"); ok && own != v {
		return "", fault.New(fault.Malformed, "The version in %s is not the one in %s.", clip(bare+"|"+own), version)
	} else if ok {
		return url, nil
	}
	return url + "|" + v, nil
}

// options reads the parameters that say how value sets are read.
func (in *inputs) options() terminology.Options {
	return terminology.Options{Default: in.all("system-version"), Check: in.all("check-system-version"),
		Force: in.all("force-system-version"), Supplements: in.all("useSupplement")}
}

// valueSet finds the one value set that an operation is about: that of the address, one
// that came along, or one by its url or by the element that is bound to it. The resource is
// nil when it is to be found by the canonical.
func (in *inputs) valueSet(c *call) (canonical string, set *fhir.Node, err error) {
	given, err := in.resource("valueSet", "ValueSet")
	if err != nil {
		return "", nil, err
	}
	ways := 0
	for _, there := range []bool{c.PathValue("id") != "", given != nil, in.text("url") != "", in.text("context") != ""} {
		if there {
			ways++
		}
	}
	switch {
	case ways != 1:
		return "", nil, fault.New(fault.Malformed, "Name one value set: with the parameter url, as valueSet in the body of a POST, by context, or in the address.")
	case given != nil:
		return "", given, nil
	case c.PathValue("id") != "":
		set, err = c.actor.Read(c.Context(), "ValueSet", c.PathValue("id"))
		return "", set, err
	case in.text("context") != "":
		canonical, err = bindingOf(in.text("context"))
		return canonical, nil, err
	}
	canonical, err = in.canonical(in.text("url"), "valueSetVersion")
	return canonical, nil, err
}

// bindingOf returns the value set that an element of FHIR R4 is bound to. The element is
// "Patient.gender", or that behind "#" in the URL of its StructureDefinition.
func bindingOf(context string) (string, error) {
	path := context
	if _, behind, ok := strings.Cut(context, "#"); ok {
		path = behind
	}
	e, ok := definition.ElementAt(path)
	if !ok || e.Binding == "" {
		return "", fault.New(fault.NotFound, "The context %q is not an element of FHIR R4 that is bound to a value set.", clip(context))
	}
	return e.Binding, nil
}

// parametersOf makes a Parameters resource; nil parameters are left out.
func parametersOf(parameters ...*fhir.Node) []byte {
	list := fhir.Arr()
	list.Append(parameters...)
	return fhir.Obj("resourceType", "Parameters", "parameter", list).JSON()
}

// output is a parameter of an answer; nil when it has no value.
func output(name, kind, value string) *fhir.Node {
	if value == "" {
		return nil
	}
	return fhir.Obj("name", name, kind, value)
}

func verdictOf(result bool) *fhir.Node {
	return fhir.Obj("name", "result", "valueBoolean", result)
}
