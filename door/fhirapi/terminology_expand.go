package fhirapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/terminology"
)

// maxExpansion is the most codes in one answer; more come in pages.
const maxExpansion = 10_000

// The parameters of $expand; in expandInputs, a name that may come several times ends in *.
var (
	expandInputs = []string{"url", "valueSet", "valueSetVersion", "context", "contextDirection", "filter", "offset", "count",
		"includeDesignations", "designation*", "includeDefinition", "activeOnly", "excludeNested", "excludeNotForUI", "excludePostCoordinated",
		"displayLanguage", "exclude-system*", "system-version*", "check-system-version*", "force-system-version*", "useSupplement*"}
	expandParameters = func() []string {
		var names []string
		for _, n := range expandInputs {
			names = append(names, strings.TrimSuffix(n, "*"))
		}
		return names
	}()
)

// expansion is how the codes of a value set are to be shown.
type expansion struct {
	offset, count          int // count -1: all
	language               string
	designations           bool
	uses                   []string // which designations; empty: all
	nested, withDefinition bool
}

// expand answers ValueSet/$expand (R4 valueset-operation-expand).
func (s *server) expand(c *call) error {
	in, err := c.inputs(expandInputs...)
	if err != nil {
		return err
	}
	show, err := in.expansion()
	if err != nil {
		return err
	}
	options := in.options()
	if options.ActiveOnly, _, err = in.flag("activeOnly"); err != nil {
		return err
	}
	canonical, set, err := in.valueSet(c)
	if err != nil {
		return err
	}
	var x *terminology.Expansion
	if set != nil {
		x, err = options.ExpandSet(set, in.find)
	} else {
		x, err = options.Expand(canonical, in.find)
	}
	if err != nil {
		return err
	}
	if err := in.narrow(x); err != nil {
		return err
	}
	if show.count < 0 && len(x.Entries) > maxExpansion {
		return fault.New(fault.TooCostly, "The value set has %d codes; more than %d come in pages only: ask with count and offset.", len(x.Entries), maxExpansion)
	}
	e := fhir.Obj("identifier", "urn:osler:expansion:"+ident.New(s.Clock.Now()), "timestamp", s.Clock.Now().UTC().Format(time.RFC3339), "total", len(x.Entries))
	if show.count >= 0 || show.offset > 0 {
		e.Set("offset", fhir.Int(int64(min(show.offset, len(x.Entries)))))
	}
	if p := in.told(x); p.Len() > 0 {
		e.Set("parameter", p)
	}
	if list := show.contains(x.Entries); list.Len() > 0 {
		e.Set("contains", list)
	}
	return c.write(http.StatusOK, show.resource(x, e).JSON())
}

// expansion reads how the codes are to be shown.
func (in *inputs) expansion() (show expansion, err error) {
	if show.offset, err = in.number("offset"); err != nil {
		return show, err
	}
	if show.count, err = in.number("count"); err != nil {
		return show, err
	}
	show.offset, show.count = max(show.offset, 0), min(show.count, maxExpansion)
	if show.designations, _, err = in.flag("includeDesignations"); err != nil {
		return show, err
	}
	if show.withDefinition, _, err = in.flag("includeDefinition"); err != nil {
		return show, err
	}
	if _, _, err = in.flag("excludePostCoordinated"); err != nil { // there are none here
		return show, err
	}
	flat, given, err := in.flag("excludeNested")
	if err != nil {
		return show, err
	}
	show.nested = given && !flat
	if show.nested && (show.count >= 0 || show.offset > 0) {
		return show, fault.New(fault.Invalid, "A nested expansion has no pages; leave out excludeNested=false, or count and offset.")
	}
	if d := in.text("contextDirection"); d != "" && d != "incoming" && d != "outgoing" {
		return show, fault.New(fault.Malformed, "contextDirection is incoming or outgoing.")
	}
	show.language, show.uses = in.text("displayLanguage"), in.all("designation")
	return show, nil
}

// narrow leaves out the codes that the caller does not want.
func (in *inputs) narrow(x *terminology.Expansion) error {
	notForUI, _, err := in.flag("excludeNotForUI")
	if err != nil {
		return err
	}
	typed, without := in.text("filter"), in.all("exclude-system")
	x.Entries = slices.DeleteFunc(x.Entries, func(e terminology.Entry) bool {
		return notForUI && e.Abstract || !e.Matches(typed) ||
			slices.ContainsFunc(without, func(canonical string) bool {
				url, version, _ := strings.Cut(canonical, "|")
				return url == e.System && (version == "" || version == e.Version)
			})
	})
	return nil
}

// told returns expansion.parameter: what was asked, and what the answer was made of.
func (in *inputs) told(x *terminology.Expansion) *fhir.Node {
	list := fhir.Arr()
	for _, p := range in.list {
		switch v := p.value; {
		case v.Kind() == fhir.Object || v.Text() == "" || p.name == "url":
		case p.name == "offset" || p.name == "count":
			list.Append(fhir.Obj("name", p.name, "valueInteger", fhir.Decimal(v.Text())))
		case v.Text() == "true" || v.Text() == "false":
			list.Append(fhir.Obj("name", p.name, "valueBoolean", v.Text() == "true"))
		case strings.HasSuffix(p.name, "-version") || p.name == "exclude-system":
			list.Append(fhir.Obj("name", p.name, "valueUri", v.Text()))
		default:
			list.Append(fhir.Obj("name", p.name, "valueString", v.Text()))
		}
	}
	for _, used := range x.Used {
		kind, canonical, _ := strings.Cut(used, " ")
		name := map[string]string{"code-system": "used-codesystem", "value-set": "used-valueset", "supplement": "used-supplement"}[kind]
		list.Append(fhir.Obj("name", name, "valueUri", canonical))
	}
	for _, note := range x.Notes {
		list.Append(fhir.Obj("name", "warning", "valueString", note))
	}
	return list
}

// resource returns the value set with its expansion: the stored one without its
// definition, unless that is wanted.
func (show expansion) resource(x *terminology.Expansion, e *fhir.Node) *fhir.Node {
	r := fhir.Obj("resourceType", "ValueSet", "url", x.URL, "version", x.Version, "name", x.Name, "status", "active")
	if x.Set != nil {
		r = x.Set.Clone()
		r.Remove("text")
		if !show.withDefinition {
			r.Remove("compose")
		}
		if r.Get("status") == nil {
			r.Set("status", fhir.Str("unknown"))
		}
	}
	r.Set("expansion", e)
	return r
}

// contains makes expansion.contains, of one page or nested.
func (show expansion) contains(entries []terminology.Entry) *fhir.Node {
	if show.nested {
		return show.nest(entries)
	}
	from := min(show.offset, len(entries)) // before adding to it: it may be as large as a number can be
	to := len(entries)
	if show.count >= 0 {
		to = min(from+show.count, to)
	}
	list := fhir.Arr()
	for _, e := range entries[from:to] {
		list.Append(show.entry(e))
	}
	return list
}

// nest puts each code under the first of its parents that stands before it in the expansion.
func (show expansion) nest(entries []terminology.Entry) *fhir.Node {
	at := map[[2]string]int{}
	for i, e := range entries {
		at[[2]string{e.System, e.Code}] = i
	}
	under := make([]int, len(entries))
	for i, e := range entries {
		under[i] = -1
		for _, code := range e.Parents() {
			if p, ok := at[[2]string{e.System, code}]; ok && p < i { // so there are no circles
				under[i] = p
				break
			}
		}
	}
	nodes, top := make([]*fhir.Node, len(entries)), fhir.Arr()
	for i, e := range entries {
		nodes[i] = show.entry(e)
		if under[i] < 0 {
			top.Append(nodes[i])
			continue
		}
		parent := nodes[under[i]]
		if parent.Get("contains") == nil {
			parent.Set("contains", fhir.Arr())
		}
		parent.Get("contains").Append(nodes[i])
	}
	return top
}

func (show expansion) entry(e terminology.Entry) *fhir.Node {
	n := fhir.Obj("system", e.System)
	if e.Abstract {
		n.Set("abstract", fhir.Bool(true))
	}
	if e.Inactive {
		n.Set("inactive", fhir.Bool(true))
	}
	for _, m := range [][2]string{{"version", e.Version}, {"code", e.Code}, {"display", e.DisplayIn(show.language)}} {
		if m[1] != "" {
			n.Set(m[0], fhir.Str(m[1]))
		}
	}
	if !show.designations {
		return n
	}
	list := fhir.Arr()
	for _, d := range e.Designations() {
		if show.wants(d) {
			list.Append(designation(d))
		}
	}
	if list.Len() > 0 {
		n.Set("designation", list)
	}
	return n
}

// wants reports whether a designation is one of those asked for, by language
// ("urn:ietf:bcp:47|de") or by use.
func (show expansion) wants(d terminology.Designation) bool {
	if len(show.uses) == 0 {
		return true
	}
	return slices.ContainsFunc(show.uses, func(token string) bool {
		system, code, _ := strings.Cut(token, "|")
		if system == "urn:ietf:bcp:47" {
			return strings.EqualFold(code, d.Language)
		}
		return d.Use != nil && system == d.Use.Get("system").Text() && code == d.Use.Get("code").Text()
	})
}

func designation(d terminology.Designation) *fhir.Node {
	n := fhir.Obj("language", d.Language)
	if d.Use != nil {
		n.Set("use", d.Use.Clone())
	}
	n.Set("value", fhir.Str(d.Value))
	return n
}
