package proof

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// full opens a house with the invented record, and with a patient who has died and one whose
// record was replaced by another.
func full(t testing.TB) *house {
	t.Helper()
	bodies := []string{
		`{"resourceType":"Patient","id":"dora","active":true,"name":[{"family":"Late","given":["Dora"]}],"deceasedDateTime":"2026-01-01"}`,
		`{"resourceType":"Observation","id":"dora-obs","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/dora"}}`,
		`{"resourceType":"Patient","id":"twin","active":false,"name":[{"family":"Twin"}],"link":[{"other":{"reference":"Patient/rosa"},"type":"replaced-by"}]}`,
		`{"resourceType":"Observation","id":"twin-obs","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/twin"}}`,
	}
	for _, e := range records() {
		bodies = append(bodies, e.body(e.id, 0))
	}
	h := open(t, bodies...)
	h.clock.Advance(time.Second)
	return h
}

// relation is how a resource stands to a person.
type relation struct{ name, key string }

// relations are the resources that the matrix asks for.
var relations = []relation{
	{"own of rosa", "Observation/r-obs0"}, {"own note", "Composition/r-note-final"}, {"unsigned note", "Composition/r-note-preliminary"}, {"person", "Patient/rosa"},
	{"other", "Observation/s-obs0"}, {"other person", "Patient/sam"}, {"other message", "Communication/s-com-staff-message"}, {"other file", "Binary/s-bin"}, {"other bill", "Invoice/s-inv"}, {"other appointment", "Appointment/s-appt"},
	{"labelled", "Observation/s-obs1"}, {"deceased", "Observation/dora-obs"}, {"merged", "Observation/twin-obs"}, {"nobody's", "Organization/org"}, {"missing", "Observation/nobody"},
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// fill puts ids into a pattern: the patient where one is asked for, and for the others what
// belongs to a person whose ids begin with a letter.
func fill(pattern, patient, letter string) string {
	ids := map[string]string{"{document}": "doc", "{encounter}": "enc", "{note}": "note-final", "{order}": "order-active", "{task}": "task-review-result", "{invoice}": "inv", "{charge}": "charge",
		"{problem}": "cond", "{allergy}": "ai", "{thread}": "com-patient-message", "{id}": "appt"}
	return placeholder.ReplaceAllStringFunc(pattern, func(name string) string {
		switch {
		case name == "{$}":
			return ""
		case name == "{patient}":
			return patient
		case name == "{change}":
			return "resolve"
		case name == "{code}":
			return codes[0]
		case name == "{secret}":
			return "no-such-secret"
		case ids[name] != "":
			return letter + "-" + ids[name]
		}
		return letter + "-obs0"
	})
}

func (h *house) routes() []web.Route {
	h.t.Helper()
	list, err := h.site.Routes(h.areas...)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// kept names all that a refused request must not change: versions and accounts.
func (h *house) kept() string {
	h.t.Helper()
	out := h.stored()
	for _, space := range []string{"account", "token", "link", "setup", "draft", "subscription"} {
		items, err := h.store.Items(context.Background(), space, "")
		if err != nil {
			h.t.Fatal(err)
		}
		for _, i := range items {
			out += fmt.Sprintf("|%s/%s@%d", space, i.Key, i.Version)
		}
	}
	return out
}

var bits = map[trust.Role]web.Policy{trust.Physician: web.Physician, trust.Nurse: web.Nurse, trust.FrontDesk: web.FrontDesk, trust.Biller: web.Biller,
	trust.Administrator: web.Administrator, trust.Auditor: web.Auditor, trust.Patient: web.Patient,
	trust.MedicalAssistant: web.MedicalAssistant, trust.Pharmacist: web.Pharmacist, trust.Laboratory: web.Laboratory, trust.Records: web.Records}

// TestMatrix asks every route as everybody, about what is theirs, another's, labelled, of the
// dead, of a merged record, and missing. The routes come from the routers: a new one is asked
// without being named here. Whoever may not come or may not see is refused, hidden like
// missing, and a refused request changes nothing.
func TestMatrix(t *testing.T) {
	h := full(t)
	asked, refused, unexpected := 0, 0, 0
	fault := func(format string, args ...any) {
		if unexpected++; unexpected < 40 {
			t.Errorf(format, args...)
		}
	}
	// The pages.
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if rt.Policy&web.Public != 0 || strings.HasSuffix(pattern, "/lock") {
			continue
		}
		for _, who := range append(h.users(), "") {
			p := h.people[who]
			if p != nil && p.cookie == "" {
				continue
			}
			admitted := p != nil && rt.Policy&bits[p.principal.Role] != 0
			for _, letter := range []string{"r", "s", "x"} {
				path := fill(pattern, map[string]string{"r": "rosa", "s": "sam", "x": "nobody"}[letter], letter)
				if admitted && method != http.MethodGet && letter == "r" && p.principal.Role != trust.Patient {
					continue // what a person may do is not the question here
				}
				before := h.kept()
				a := h.ask(who, method, path, "")
				asked++
				changed := h.kept() != before
				switch {
				case a.status >= 500:
					fault("%s by %s: %d %.200s", rt.Pattern, who, a.status, a.body)
				case p == nil && method == http.MethodGet && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in")):
					fault("%s by a stranger: %d to %q", rt.Pattern, a.status, a.header.Get("Location"))
				case p == nil && method != http.MethodGet && a.status != http.StatusUnauthorized:
					fault("%s by a stranger: %d", rt.Pattern, a.status)
				case p != nil && !admitted && a.status != http.StatusForbidden:
					fault("%s by %s (%s): %d, not 403", rt.Pattern, who, p.principal.Role, a.status)
				case !admitted && changed, a.status >= 400 && changed:
					fault("%s by %s: refused with %d and changed something", rt.Pattern, who, a.status)
				case admitted && p.principal.Role == trust.Patient && letter != p.principal.Patient[:1] && strings.Contains(pattern, "/{") && a.status < 400 && changed:
					fault("%s by %s changes what is another's", path, who)
				}
				if a.status >= 400 {
					refused++
				}
			}
		}
	}
	// FHIR: every route, for a resource of every relation.
	for _, rt := range fhirapi.Routes() {
		if rt.Public || strings.Contains(rt.Pattern, "$import") || strings.Contains(rt.Pattern, "$export") {
			continue // exports have their own tests
		}
		for _, who := range append(h.users(), "") {
			for _, rel := range relations {
				kind, id, _ := strings.Cut(rel.key, "/")
				path := rt.Pattern
				switch {
				case strings.Contains(path, "{type}/{id}"):
				case strings.Contains(path, "/"+kind+"/"), strings.Contains(path, "{compartment}") && kind == "Patient":
				case !strings.Contains(path, "{id}") && (rel.name == "other" || rel.name == "person"): // about the type
				default:
					continue
				}
				path = strings.NewReplacer("{$}", "", "{compartment}/{id}/{type}", "Patient/"+id+"/Observation", "{type}", kind, "{id}", id, "{vid}", "1").Replace(path)
				body, headers := "", []string(nil)
				switch {
				case rt.Method == http.MethodPatch:
					body, headers = `[{"op":"add","path":"/language","value":"en"}]`, []string{"Content-Type: application/json-patch+json"}
				case rt.Method == http.MethodPut:
					body = fmt.Sprintf(`{"resourceType":%q,"id":%q,"language":"en"}`, kind, id)
				case strings.HasSuffix(path, "_search"):
					headers = []string{"Content-Type: application/x-www-form-urlencoded"}
				case rt.Method == http.MethodPost && strings.Contains(path, "$"):
					body = `{"resourceType":"Parameters"}`
				case rt.Method == http.MethodPost:
					body = fmt.Sprintf(`{"resourceType":%q,"nonsense":1}`, kind)
				}
				if rt.Method == http.MethodDelete && !strings.Contains(rt.Pattern, "{id}") && !strings.Contains(path, "$") {
					path += "?_id=" + id + "&_lastUpdated=lt2000-01-01"
				}
				before := h.kept()
				visible := who != "" && h.sees(t, who, rel.key) != ""
				if rt.Method == http.MethodDelete && visible {
					continue // the record is needed further on
				}
				a := h.ask(who, rt.Method, path, body, headers...)
				asked++
				changed := h.kept() != before
				if a.status >= 400 {
					refused++
				}
				name := fmt.Sprintf("%s %s by %q (%s)", rt.Method, path, who, rel.name)
				switch {
				case a.status >= 500:
					fault("%s: %d %.200s", name, a.status, a.body)
				case who == "" && a.status != http.StatusUnauthorized:
					fault("%s: %d, not 401", name, a.status)
				case a.status >= 400 && changed:
					fault("%s: refused with %d and changed something", name, a.status)
				case !visible && changed:
					fault("%s: changed what may not be seen", name)
				case !visible && strings.Contains(rt.Pattern, "{id}") && strings.Contains(a.body, `"versionId"`) && strings.Contains(a.body, `"id":"`+id+`"`):
					fault("%s: shows what may not be seen: %d %.300s", name, a.status, a.body)
				case rt.Method == http.MethodPut && !visible && a.status == http.StatusNotFound && policy.SeesAll(h.people[who].principal, kind):
					// Who may choose ids learns that one is taken, and no more: docs/decisions/2611-access-predicate.md.
				case who != "" && !visible && strings.Contains(rt.Pattern, "/{id}") && kind != "Patient":
					missing := strings.ReplaceAll(path, id, "nobody-at-all")
					b := h.ask(who, rt.Method, missing, strings.ReplaceAll(body, id, "nobody-at-all"), headers...)
					if a.status != b.status || strings.ReplaceAll(a.plain(), id, "ID") != strings.ReplaceAll(b.plain(), "nobody-at-all", "ID") {
						fault("%s: hidden and missing differ: %d %.200s, %d %.200s", name, a.status, a.body, b.status, b.body)
					}
				case who != "" && changed && policy.May(h.people[who].principal, policy.Create, kind) != nil && policy.May(h.people[who].principal, policy.Update, kind) != nil:
					fault("%s: %s writes %s, which the role may not", name, h.people[who].principal.Role, kind)
				}
			}
		}
	}
	t.Logf("%d requests, %d refused, %d unexpected", asked, refused, unexpected)
	if asked < 5000 {
		t.Errorf("only %d requests: are the routes there?", asked)
	}
	var roles []string
	for _, p := range h.people {
		if !slices.Contains(roles, string(p.principal.Role)) {
			roles = append(roles, string(p.principal.Role))
		}
	}
	if len(roles) < 11 {
		t.Errorf("only the roles %v", roles)
	}
}
