package fhirapi

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/terminology"
)

// validateCode answers ValueSet/$validate-code (R4 valueset-operation-validate-code).
func (s *server) validateCode(c *call) error {
	in, err := c.inputs("url", "valueSet", "valueSetVersion", "context", "code", "system", "systemVersion", "display", "coding", "codeableConcept",
		"abstract", "displayLanguage", "system-version*", "check-system-version*", "force-system-version*", "useSupplement*")
	if err != nil {
		return err
	}
	codings, err := in.codings("system", "systemVersion")
	if err != nil {
		return err
	}
	options, err := in.judging()
	if err != nil {
		return err
	}
	canonical, set, err := in.valueSet(c)
	if err != nil {
		return err
	}
	var a terminology.Answer
	if set != nil {
		a, err = options.ValidateInSet(set, in.find, codings...)
	} else {
		a, err = options.ValidateCode(canonical, in.find, codings...)
	}
	if err != nil {
		return err
	}
	return c.judged(a, in.text("displayLanguage"))
}

// judging is options with abstract: only when it is said to be false, codes that group
// others are not valid.
func (in *inputs) judging() (terminology.Options, error) {
	options := in.options()
	abstract, given, err := in.flag("abstract")
	options.NoAbstract = given && !abstract
	return options, err
}

func (c *call) judged(a terminology.Answer, language string) error {
	e := a.Entry
	return c.write(http.StatusOK, parametersOf(verdictOf(a.Valid), output("message", "valueString", a.Message),
		output("code", "valueCode", e.Code), output("system", "valueUri", e.System), output("version", "valueString", e.Version),
		output("display", "valueString", e.DisplayIn(language))))
}

// codeSystem finds the one code system that an operation is about.
func (in *inputs) codeSystem(c *call, url, version string) (*terminology.System, error) {
	given, err := in.resource("codeSystem", "CodeSystem")
	if err != nil {
		return nil, err
	}
	address, id := in.text(url), c.PathValue("id")
	switch {
	case id != "" && address == "" && given == nil:
		r, err := c.actor.Read(c.Context(), "CodeSystem", id)
		if err != nil {
			return nil, err
		}
		return terminology.ReadSystem(r)
	case given != nil && address == "" && id == "":
		return terminology.ReadSystem(given)
	case address != "" && given == nil && id == "":
		canonical, err := in.canonical(address, version)
		if err != nil {
			return nil, err
		}
		return terminology.FindSystem(canonical, in.find)
	}
	return nil, fault.New(fault.Malformed, "Name one code system: with the parameter %s, or in the address.", url)
}

// validateInSystem answers CodeSystem/$validate-code (R4 codesystem-operation-validate-code).
func (s *server) validateInSystem(c *call) error {
	in, err := c.inputs("url", "codeSystem", "code", "version", "display", "coding", "codeableConcept", "abstract", "displayLanguage")
	if err != nil {
		return err
	}
	codings, err := in.codings("url", "version")
	if err != nil {
		return err
	}
	options, err := in.judging()
	if err != nil {
		return err
	}
	if in.text("url") == "" && in.get("codeSystem") == nil && c.PathValue("id") == "" && codings[0].System != "" { // the coding says it
		in.list = append(in.list, urlOf(codings[0].System))
	}
	system, err := in.codeSystem(c, "url", "version")
	if err != nil {
		return err
	}
	for i := range codings {
		if in.text("code") != "" {
			codings[i].System = "" // it was the code system's url
		}
	}
	a, err := options.ValidateInSystem(system, codings...)
	if err != nil {
		return err
	}
	return c.judged(a, in.text("displayLanguage"))
}
