package fhirapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/terminology"
)

// closure answers $closure (R4 conceptmap-operation-closure). The name alone starts a table
// anew; concepts are added to it, and the answer says what of all that is in the table
// subsumes what; a version asks again for what came after it. A table belongs to who
// started it.
func (s *server) closure(c *call) error {
	in, err := c.inputs("name", "concept*", "version")
	if err != nil {
		return err
	}
	name, concepts, since := in.text("name"), in.concepts(), -1
	if v := in.get("version"); v != nil {
		if since, err = strconv.Atoi(v.Text()); err != nil || since < 0 {
			return fault.New(fault.Malformed, "The version of a closure table is one that an answer gave: a number.")
		}
	}
	switch {
	case name == "":
		return fault.New(fault.Malformed, "Name the closure table with the parameter name.")
	case since >= 0 && len(concepts) > 0:
		return fault.New(fault.Invalid, "Give concepts to add, or a version to ask again from, not both.")
	}
	var table terminology.Closure
	kept, err := c.actor.Closure(c.Context(), name)
	start := len(concepts) == 0 && since < 0
	switch {
	case fault.Is(err, fault.NotFound) && start:
		err = nil
	case err != nil:
		return err
	case !start:
		if err := json.Unmarshal(kept.Value, &table); err != nil {
			return err
		}
	}
	var pairs []terminology.Pair
	switch {
	case since > table.Version:
		return fault.New(fault.Invalid, "The closure table is at version %d; there is no version %d.", table.Version, since)
	case since >= 0:
		pairs, err = table.Since(since, in.find)
	case !start:
		pairs, err = table.Add(concepts, in.find)
	}
	if err != nil {
		return err
	}
	if since < 0 {
		value, err := json.Marshal(table)
		if err != nil {
			return err
		}
		if err := c.actor.KeepClosure(c.Context(), name, value, kept.Version); err != nil {
			return err
		}
	}
	return c.write(http.StatusOK, s.closureMap(name, table.Version, pairs).JSON())
}

func (in *inputs) concepts() []terminology.Coding {
	var out []terminology.Coding
	for _, p := range in.list {
		if p.name == "concept" {
			out = append(out, terminology.CodingOf(p.value))
		}
	}
	return out
}

// closureMap is the answer: a group for each code system; the target of a code subsumes it.
func (s *server) closureMap(name string, version int, pairs []terminology.Pair) *fhir.Node {
	groups, elements := map[string]*fhir.Node{}, map[[2]string]*fhir.Node{}
	list := fhir.Arr()
	for _, p := range pairs {
		if groups[p.System] == nil {
			groups[p.System] = fhir.Arr()
			list.Append(fhir.Obj("source", p.System, "target", p.System, "element", groups[p.System]))
		}
		key := [2]string{p.System, p.Narrow}
		if elements[key] == nil {
			elements[key] = fhir.Arr()
			groups[p.System].Append(fhir.Obj("code", p.Narrow, "target", elements[key]))
		}
		elements[key].Append(fhir.Obj("code", p.Wide, "equivalence", "subsumes"))
	}
	now := s.Clock.Now()
	m := fhir.Obj("resourceType", "ConceptMap", "id", ident.New(now), "version", strconv.Itoa(version), "name", name, "status", "active", "experimental", true,
		"date", now.UTC().Format("2006-01-02T15:04:05Z"))
	if list.Len() > 0 {
		m.Set("group", list)
	}
	return m
}
