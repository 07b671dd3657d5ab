package fhirapi

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/record"
)

// asked is what a $validate asks for (R4 resource-operation-validate).
type asked struct {
	resource *fhir.Node
	profiles []string
	mode     string // create, update, delete, profile; "" for the content alone
}

// validate answers [type]/$validate and [type]/[id]/$validate: always 200, with what was
// found. Nothing is stored.
func (s *server) validate(c *call) error {
	a, err := s.askedToValidate(c)
	if err != nil {
		return err
	}
	var issues []fault.Issue
	if a.mode != "delete" {
		issues = s.contentIssues(c, a)
	}
	if a.mode != "" && a.mode != "profile" && !slices.ContainsFunc(issues, serious) {
		more, err := s.changeIssues(c, a)
		if err != nil {
			return err
		}
		issues = append(issues, more...)
	}
	if !slices.ContainsFunc(issues, func(i fault.Issue) bool { return i.Severity != "information" }) {
		issues = append(issues, fault.Issue{Severity: "information", Type: "informational", Text: praise(a)})
	}
	return c.write(http.StatusOK, outcome(issues...).JSON())
}

func serious(i fault.Issue) bool { return i.Severity == "error" || i.Severity == "fatal" }

func praise(a asked) string {
	switch a.mode {
	case "delete":
		return "Nothing stands in the way of deleting it."
	case "create", "update":
		return "No fault was found; it would be stored."
	}
	return "No fault was found."
}

// askedToValidate reads the parameters from the address and the body: a resource, or
// Parameters with one. At an address with an id the resource may be left out: the stored one
// is meant.
func (s *server) askedToValidate(c *call) (a asked, err error) {
	for name, values := range c.URL.Query() {
		switch name {
		case "profile":
			a.profiles = values
		case "mode":
			a.mode = values[0]
		case "_format", "_pretty":
		default:
			return a, fault.New(fault.NotSupported, "$validate has no parameter %q; it knows resource, mode and profile.", clip(name))
		}
	}
	if c.Method == http.MethodPost && (c.ContentLength != 0 || c.given != nil) {
		body, err := c.body()
		if err != nil {
			return a, err
		}
		if err := a.read(body, c.PathValue("type")); err != nil {
			return a, err
		}
	}
	switch a.mode {
	case "", "create", "update", "delete", "profile":
	default:
		return a, fault.New(fault.Malformed, "The mode %q is none of create, update, delete and profile.", clip(a.mode))
	}
	if a.resource != nil && a.resource.Kind() != fhir.Object {
		return a, fault.New(fault.Malformed, "The parameter resource is not a resource.")
	}
	if id := c.PathValue("id"); id != "" && (a.resource == nil || a.mode == "delete") {
		a.resource, err = c.actor.Read(c.Context(), c.PathValue("type"), id)
		return a, err
	}
	if a.resource == nil {
		return a, fault.New(fault.Malformed, "Send the resource to validate: as the body, or as the parameter resource of a Parameters body.")
	}
	return a, nil
}

// read takes the parameters from a body. Parameters that are sent to be validated themselves
// have no part called resource.
func (a *asked) read(body *fhir.Node, kind string) error {
	if body.ResourceType() != "Parameters" {
		a.resource = body
		return nil
	}
	for p := range body.Get("parameter").Items() {
		switch name := p.Get("name").Text(); name {
		case "resource":
			a.resource = p.Get("resource")
		case "mode":
			a.mode = p.Get("valueCode").Text()
			if a.mode == "" {
				a.mode = p.Get("valueString").Text()
			}
		case "profile":
			for _, member := range []string{"valueUri", "valueCanonical", "valueUrl", "valueString"} {
				if url := p.Get(member).Text(); url != "" {
					a.profiles = append(a.profiles, url)
				}
			}
		default:
			if kind != "Parameters" {
				return fault.New(fault.NotSupported, "$validate has no parameter %q; it knows resource, mode and profile.", clip(name))
			}
		}
	}
	if a.resource == nil && kind == "Parameters" {
		a.resource = body
	}
	return nil
}

// contentIssues checks the resource against base FHIR, the profiles that it claims, and
// those that were asked for.
func (s *server) contentIssues(c *call, a asked) []fault.Issue {
	o := s.Gate.Validation(c.Context())
	o.Profiles = a.profiles
	if t := a.resource.ResourceType(); definition.IsResource(t) {
		o.Profiles = append(slices.Clip(o.Profiles), definition.Prefix+t) // for bindings that are not required
	}
	issues := validate.With(a.resource, o)
	if want := c.PathValue("type"); a.resource.ResourceType() != want {
		issues = append(issues, fault.Issue{Severity: "error", Type: "invalid", Expression: "resourceType", Text: "The resource is not a " + want + "."})
	}
	if id := c.PathValue("id"); id != "" && a.resource.ID() != "" && a.resource.ID() != id {
		issues = append(issues, fault.Issue{Severity: "error", Type: "invalid", Expression: a.resource.ResourceType() + ".id", Text: "The id is not the one in the address."})
	}
	return issues
}

// changeIssues asks the gate whether it would take the change: rights, references, ids.
func (s *server) changeIssues(c *call, a asked) ([]fault.Issue, error) {
	var change record.Change
	switch kind, id := c.PathValue("type"), c.PathValue("id"); {
	case a.mode == "delete" && id == "":
		return nil, fault.New(fault.Malformed, "To see whether something can be deleted, ask at its own address.")
	case a.mode == "delete":
		change.Delete = []record.Delete{{Type: kind, ID: id}}
	case a.mode == "create":
		r := a.resource.Clone()
		r.Remove("id")
		change.Put = []record.Put{{Resource: r, Create: true}}
	default:
		r := a.resource.Clone()
		if id != "" {
			r.SetID(id)
		}
		if r.ID() == "" {
			return []fault.Issue{{Severity: "error", Type: "required", Expression: kind + ".id", Text: "An update needs the id of what it changes."}}, nil
		}
		change.Put = []record.Put{{Resource: r, Update: true}}
	}
	_, err := c.actor.Try(c.Context(), change)
	var f *fault.Error
	switch {
	case err == nil:
		return nil, nil
	case !errors.As(err, &f) || fault.CodeOf(err) == fault.Internal || fault.CodeOf(err) == fault.Unavailable:
		return nil, err
	case len(f.Issues) > 0:
		return f.Issues, nil
	}
	return []fault.Issue{{Severity: "error", Type: fault.IssueType(fault.CodeOf(err)), Expression: strings.TrimPrefix(f.Path, "Put[0]."), Text: f.Message}}, nil
}
