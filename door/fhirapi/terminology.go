package fhirapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
	for name := range query {
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

// codes expands the value set that an operation is about: of the address, or by its url.
func (s *server) codes(c *call, query url.Values) (string, []definition.Concept, error) {
	if id := c.PathValue("id"); id != "" {
		set, err := c.actor.Read(c.Context(), "ValueSet", id)
		if err != nil {
			return "", nil, err
		}
		list, err := terminology.ExpandSet(set, c.finder)
		return set.Get("url").Text(), list, err
	}
	address := query.Get("url")
	if address == "" {
		return "", nil, fault.New(fault.Malformed, "Name the value set with the parameter url.")
	}
	list, err := terminology.Expand(address, c.finder)
	return address, list, err
}

// expand answers ValueSet/$expand (R4 valueset-operation-expand) with filter, offset and
// count.
func (s *server) expand(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query, "url", "filter", "offset", "count"); err != nil {
		return err
	}
	offset, count := 0, 1000
	for name, into := range map[string]*int{"offset": &offset, "count": &count} {
		if v := query.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 {
				return fault.New(fault.Malformed, "%s is not a number from 0 on.", name)
			}
			*into = n
		}
	}
	count = min(count, 1000)
	address, list, err := s.codes(c, query)
	if err != nil {
		return err
	}
	if filter := strings.ToLower(strings.TrimSpace(query.Get("filter"))); filter != "" {
		kept := list[:0]
		for _, v := range list {
			if strings.Contains(strings.ToLower(v.Display), filter) || strings.HasPrefix(strings.ToLower(v.Code), filter) {
				kept = append(kept, v)
			}
		}
		list = kept
	}
	contains := fhir.Arr()
	offset = min(offset, len(list)) // before adding to it: it may be as large as a number can be
	for _, v := range list[offset:min(offset+count, len(list))] {
		contains.Append(fhir.Obj("system", v.System, "code", v.Code, "display", v.Display))
	}
	expansion := fhir.Obj("timestamp", s.Clock.Now().UTC().Format(time.RFC3339), "total", len(list), "offset", offset)
	if contains.Len() > 0 {
		expansion.Set("contains", contains)
	}
	return c.write(http.StatusOK, fhir.Obj("resourceType", "ValueSet", "url", address, "status", "active", "expansion", expansion).JSON())
}

// validateCode answers ValueSet/$validate-code (R4 valueset-operation-validate-code).
func (s *server) validateCode(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query, "url", "system", "code", "display"); err != nil {
		return err
	}
	code, system := query.Get("code"), query.Get("system")
	if code == "" {
		return fault.New(fault.Malformed, "Name the code with the parameter code, and its system with system.")
	}
	_, list, err := s.codes(c, query)
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.Code == code && (system == "" || system == v.System) {
			out := fhir.Arr(fhir.Obj("name", "result", "valueBoolean", true))
			if d := query.Get("display"); d != "" && v.Display != "" && !strings.EqualFold(d, v.Display) {
				out = fhir.Arr(fhir.Obj("name", "result", "valueBoolean", false), fhir.Obj("name", "message", "valueString", "The code is in the value set; its display is another one."))
			}
			if v.Display != "" {
				out.Append(fhir.Obj("name", "display", "valueString", v.Display))
			}
			return c.write(http.StatusOK, fhir.Obj("resourceType", "Parameters", "parameter", out).JSON())
		}
	}
	return c.write(http.StatusOK, fhir.Obj("resourceType", "Parameters", "parameter", fhir.Arr(
		fhir.Obj("name", "result", "valueBoolean", false),
		fhir.Obj("name", "message", "valueString", "The code is not in the value set."))).JSON())
}

// lookup answers CodeSystem/$lookup (R4 codesystem-operation-lookup).
func (s *server) lookup(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query, "system", "code", "display"); err != nil {
		return err
	}
	system, code := query.Get("system"), query.Get("code")
	if system == "" || code == "" {
		return fault.New(fault.Malformed, "Name the code with the parameters system and code.")
	}
	list, complete, err := terminology.Codes(system, c.finder)
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.Code == code {
			return c.write(http.StatusOK, fhir.Obj("resourceType", "Parameters", "parameter", fhir.Arr(
				fhir.Obj("name", "name", "valueString", system), fhir.Obj("name", "display", "valueString", v.Display))).JSON())
		}
	}
	if !complete {
		return fault.New(fault.NotSupported, "The code system is not here, or not wholly: whether it has this code is not known.")
	}
	return fault.New(fault.NotFound, "The code system has no such code.")
}
