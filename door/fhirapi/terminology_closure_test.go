package fhirapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/trust"
)

// A client builds a closure table step by step, and asks again for what it has missed.
func TestClosureOperation(t *testing.T) {
	h := terms(t)
	ask := func(h *house, parameters string) answer {
		t.Helper()
		return h.ask("POST", "/fhir/$closure", post(`{"name":"name","valueString":"mine"}`+parameters))
	}
	with := func(codes ...string) string {
		var b strings.Builder
		for _, c := range codes {
			fmt.Fprintf(&b, `,{"name":"concept","valueCoding":{"system":"urn:parts","code":"%s"}}`, c)
		}
		return b.String()
	}
	pairs := func(a answer) string {
		out := a.is(http.StatusOK).node.Get("version").Text() + ":"
		for e := range a.node.Path("group.0.element").Items() {
			for to := range e.Get("target").Items() {
				out += " " + e.Get("code").Text() + "<" + to.Get("code").Text()
			}
		}
		return out
	}
	ask(h, with("arm")).refused(http.StatusNotFound) // not started
	for _, step := range [][2]string{
		{"", "0:"}, {with("arm"), "1:"}, {with("limb", "head"), "2: arm<limb"}, {with("arm"), "2:"}, {with("leg"), "3: leg<limb"},
		{`,{"name":"version","valueString":"1"}`, "3: arm<limb leg<limb"}, {`,{"name":"version","valueString":"3"}`, "3:"},
	} {
		if got := pairs(ask(h, step[0])); got != step[1] {
			t.Errorf("%s: %q, want %q", step[0], got, step[1])
		}
	}
	if issues := errorsOf(validate.Resource(ask(h, with("leg")).node)); len(issues) > 0 {
		t.Errorf("the answer is not valid: %v", issues)
	}
	for parameters, status := range map[string]int{
		with("wing"):                                                                       http.StatusUnprocessableEntity,
		`,{"name":"version","valueString":"9"}`:                                            http.StatusUnprocessableEntity,
		`,{"name":"version","valueString":"x"}`:                                            http.StatusBadRequest,
		`,{"name":"version","valueString":"1"}` + with("leg"):                              http.StatusUnprocessableEntity,
		`,{"name":"concept","valueCoding":{"code":"leg"}}`:                                 http.StatusBadRequest,
		`,{"name":"concept","valueCoding":{"system":"http://snomed.info/sct","code":"1"}}`: http.StatusBadRequest,
	} {
		ask(h, parameters).refused(status)
	}
	// The table is its client's; to start again empties it.
	ask(h.as(trust.FrontDesk), with("arm")).refused(http.StatusNotFound)
	ask(h, "")
	if got := pairs(ask(h, with("limb"))); got != "1:" {
		t.Errorf("started again: %q", got)
	}
	for i := range 19 {
		h.ask("POST", "/fhir/$closure", post(fmt.Sprintf(`{"name":"name","valueString":"t%d"}`, i))).is(http.StatusOK)
	}
	h.ask("POST", "/fhir/$closure", post(`{"name":"name","valueString":"one too many"}`)).refused(http.StatusTooManyRequests)
	h.ask("POST", "/fhir/$closure", post(`{"name":"version","valueString":"1"}`)).refused(http.StatusBadRequest)
}

func TestTerminologyCapabilities(t *testing.T) {
	r := open(t).get("/fhir/metadata?mode=terminology", "Authorization: ").is(http.StatusOK).node
	if r.ResourceType() != "TerminologyCapabilities" {
		t.Fatalf("%s", r.ResourceType())
	}
	if issues := errorsOf(validate.Resource(r)); len(issues) > 0 {
		t.Errorf("not valid: %v", issues)
	}
	var role *fhir.Node
	for s := range r.Get("codeSystem").Items() {
		switch s.Get("uri").Text() {
		case "http://snomed.info/sct":
			t.Error("it promises SNOMED CT")
		case "http://terminology.hl7.org/CodeSystem/v3-RoleCode":
			role = s
		}
	}
	if !role.Get("subsumption").True() || role.Path("version.0.code").Text() != "2018-08-12" {
		t.Errorf("RoleCode: %s", role.JSON())
	}
}

// errorsOf leaves warnings out.
func errorsOf(issues []fault.Issue) []fault.Issue {
	return slices.DeleteFunc(issues, func(i fault.Issue) bool { return i.Severity != "error" && i.Severity != "fatal" })
}
