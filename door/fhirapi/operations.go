package fhirapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/validate"
)

// everything answers Patient/[id]/$everything: the patient's whole compartment that the
// caller may see, in one searchset (R4 operation-patient-everything).
func (s *server) everything(c *call) error {
	for _, name := range []string{"start", "end", "_since"} { // left out, they would widen the answer
		if c.URL.Query().Has(name) {
			return fault.New(fault.NotSupported, "$everything has no parameter %s here; it knows _type.", name)
		}
	}
	var types []string
	if v := c.URL.Query().Get("_type"); v != "" {
		types = strings.Split(v, ",")
		for _, t := range types {
			if !definition.IsResource(t) {
				return fault.New(fault.Malformed, "_type names %q, which is not a resource type of FHIR R4.", clip(t))
			}
		}
	}
	var entries []byte
	n := 0
	for v, err := range c.actor.ChartVersions(c.Context(), c.PathValue("id"), types...) {
		if err != nil {
			return err
		}
		if n++; n > 1 {
			entries = append(entries, ',')
		}
		entries = append(entries, `{"fullUrl":"`+c.base+"/"+v.Type+"/"+v.ID+`","resource":`...)
		entries = append(entries, v.Body...)
		entries = append(entries, `,"search":{"mode":"match"}}`...)
	}
	b := strconv.AppendInt([]byte(`{"resourceType":"Bundle","type":"searchset","total":`), int64(n), 10)
	b = append(b, `,"link":`...)
	b = fhir.Arr(fhir.Obj("relation", "self", "url", c.base+strings.TrimPrefix(c.URL.RequestURI(), "/fhir"))).AppendJSON(b)
	if n > 0 {
		b = append(append(append(b, `,"entry":[`...), entries...), ']')
	}
	return c.write(http.StatusOK, append(b, '}'))
}

// validate answers [type]/$validate for the base definitions (R4
// resource-operation-validate): always 200, with what was found.
func (s *server) validate(c *call) error {
	r, err := c.body()
	if err != nil {
		return err
	}
	if p := r; p.ResourceType() == "Parameters" {
		for part := range p.Get("parameter").Items() {
			if part.Get("name").Text() == "resource" {
				r = part.Get("resource")
			}
		}
	}
	issues := validate.Resource(r)
	if want := c.PathValue("type"); r.ResourceType() != want {
		issues = append(issues, fault.Issue{Severity: "error", Type: "invalid", Expression: "resourceType", Text: "The resource is not a " + want + "."})
	}
	if c.URL.Query().Get("profile") != "" || r.Path("meta.profile").Len() > 0 {
		issues = append(issues, fault.Issue{Severity: "information", Type: "not-supported", Text: "Profiles were not checked: Osler validates against the base definitions of FHIR R4."})
	}
	if len(issues) == 0 {
		issues = []fault.Issue{{Severity: "information", Type: "informational", Text: "No fault was found against the base definitions of FHIR R4. Profiles and invariants were not checked."}}
	}
	return c.write(http.StatusOK, outcome(issues...).JSON())
}
