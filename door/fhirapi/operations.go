package fhirapi

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/validate"
)

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
