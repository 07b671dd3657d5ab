package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
	"github.com/osler-emr/osler/trust/policy"
)

// full opens a house with the invented record, and with a patient who has died and one whose
// record was replaced by another.
func full(t testing.TB, on ...ground) *house {
	t.Helper()
	g := ground{}
	if len(on) > 0 {
		g = on[0]
	}
	bodies := []string{
		`{"resourceType":"Patient","id":"dora","active":true,"name":[{"family":"Late","given":["Dora"]}],"deceasedDateTime":"2026-01-01"}`,
		`{"resourceType":"Observation","id":"dora-obs","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/dora"}}`,
		`{"resourceType":"Patient","id":"twin","active":false,"name":[{"family":"Twin"}],"link":[{"other":{"reference":"Patient/rosa"},"type":"replaced-by"}]}`,
		`{"resourceType":"Observation","id":"twin-obs","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/twin"}}`,
	}
	for _, e := range records() {
		bodies = append(bodies, e.body(e.id, 0))
	}
	h := build(t, g, bodies...)
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
	{"acted for", "Observation/k-obs0"}, {"acted for, confidential", "Observation/k-confidential"}, {"acted for, in person", "Communication/k-ask"}, {"closed by a label", "Observation/vic-obs0"}, {"closed by an objection", "Observation/otto-obs0"},
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

// matrix counts what was asked of a house, and what was not as it should be.
type matrix struct {
	*house
	asked, refused, unexpected int
	last                       string     // what was kept after the last request
	some                       *rand.Rand // chooses a third of the requests; nil: all
}

func (m *matrix) fault(format string, args ...any) {
	m.t.Helper()
	if m.unexpected++; m.unexpected < 40 {
		m.t.Errorf(format, args...)
	}
}

// try asks, and reports whether the request changed anything.
func (m *matrix) try(who, method, path, body string, headers ...string) (a answer, changed bool) {
	if m.last == "" {
		m.last = m.kept()
	}
	a = m.ask(who, method, path, body, headers...)
	now := m.kept()
	changed, m.last = now != m.last, now
	m.asked++
	if a.status >= 400 {
		m.refused++
	}
	return a, changed
}

// told says what the matrix found.
func (m *matrix) told() {
	m.t.Helper()
	roles := map[string]bool{}
	for _, p := range m.people {
		roles[p.kind()] = true
	}
	m.t.Logf("%d requests of %d roles, %d refused, %d unexpected", m.asked, len(roles), m.refused, m.unexpected)
	if len(roles) < 12 {
		m.t.Errorf("only the roles %v", roles)
	}
}

// known makes one more account, with a session and a grant, and a program, and fills in their ids
// where a pattern asks for such: nobody of the matrix is turned out by what it asks for.
func (h *house) known() func(pattern string) string {
	h.t.Helper()
	spare := h.hire(identity.Draft{User: "spare", Name: "Spare Rib", Role: trust.Patient, Proxy: true})
	delete(h.people, "spare")
	g, err := h.site.Accounts.GrantProxy(context.Background(), trust.System("test"), identity.ProxyDraft{Account: spare.principal.ID, Patient: "sam", Related: "s-rel", Kind: identity.Guardian, Level: minor.Full})
	if err != nil {
		h.t.Fatal(err)
	}
	program, _, err := h.programs.Register(context.Background(), trust.System("test"), oauth.Client{Name: "Scale", Redirects: []string{"https://scale.example/back"}, Scopes: []string{"launch/patient", "patient/Observation.rs"}, Auth: oauth.AuthNone, Patients: true, Staff: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.NewReplacer("{account}", spare.principal.ID, "{session}", spare.principal.Session, "{grant}", g.ID, "{client}", program.ID).Replace
}

// TestMatrix asks every route as everybody, about what is theirs, another's, labelled, of the
// dead, of a merged record, and missing. The routes come from the routers: a new one is asked
// without being named here. Whoever may not come or may not see is refused, hidden like
// missing, and a refused request changes nothing.
func TestMatrix(t *testing.T) {
	m := &matrix{house: full(t, ground{quiet: true})}
	m.pages()
	m.fhir()
	m.told()
	if m.asked < 15_000 {
		t.Errorf("only %d requests: are the routes there?", m.asked)
	}
}

// TestMatrixPostgreSQL is the half of the matrix that reads and writes resources, on the other store: a third
// of it, by chance but always the same; `make drill` asks all.
func TestMatrixPostgreSQL(t *testing.T) {
	m := &matrix{house: full(t, ground{postgres: true, quiet: true})}
	least := 4000
	if os.Getenv("OSLER_DRILL") == "" {
		m.some, least = rand.New(rand.NewPCG(26, 11)), 1200
	}
	m.fhir()
	m.told()
	if m.asked < least {
		t.Errorf("only %d requests: are the routes there?", m.asked)
	}
}

// pages asks the routes of the webs.
func (m *matrix) pages() {
	known, fault := m.known(), m.fault
	for _, rt := range m.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if rt.Policy&web.Public != 0 || strings.HasSuffix(pattern, "/lock") {
			continue
		}
		for _, who := range append(m.users(), "") {
			p := m.people[who]
			admitted := p != nil && rt.Policy&bits[p.principal.Role] != 0
			for patient, letter := range map[string]string{"rosa": "r", "sam": "s", ward: ward[:1], "nobody": "x"} {
				if admitted && method != http.MethodGet && letter == "r" && p.principal.Role != trust.Patient {
					continue // what a person may do is not the question here
				}
				path := fill(known(pattern), patient, letter)
				a, changed := m.try(who, method, path, "")
				own := p != nil && p.principal.Patient == patient // or acted for
				switch {
				case a.status >= 500:
					fault("%s by %s: %d %.200s", rt.Pattern, who, a.status, a.body)
				case p == nil && method == http.MethodGet && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in")):
					fault("%s by a stranger: %d to %q", rt.Pattern, a.status, a.header.Get("Location"))
				case p == nil && method != http.MethodGet && a.status != http.StatusUnauthorized:
					fault("%s by a stranger: %d", rt.Pattern, a.status)
				case p != nil && !admitted && a.status != http.StatusForbidden:
					fault("%s by %s (%s): %d, not 403", rt.Pattern, who, p.kind(), a.status)
				case !admitted && changed, a.status >= 400 && changed:
					fault("%s by %s: refused with %d and changed something", rt.Pattern, who, a.status)
				case admitted && p.principal.Role == trust.Patient && !own && strings.Contains(pattern, "/{") && a.status < 400 && changed:
					fault("%s by %s changes what is another's", path, who)
				case admitted && strings.Contains(pattern, "{person}") && (p.grant == "" || patient != ward) && a.status != http.StatusNotFound:
					fault("%s by %s (%s), who does not act for this person: %d, not 404", path, who, p.kind(), a.status)
				case admitted && p.grant != "" && strings.HasPrefix(pattern, "/portal") && !strings.Contains(pattern, "{person}") && a.status < 400 && a.header.Get("Location") != "/whose":
					fault("%s by %s, who has no record here: %d to %q", path, who, a.status, a.header.Get("Location"))
				case admitted && proxies[who] == minor.Limited && own && whole.MatchString(pattern) && a.status < 400:
					fault("%s by %s, who sees a part of the record: %d", path, who, a.status)
				}
			}
		}
	}
}

// whole are the pages of somebody acted for that tell what may be confidential: who looked, and at what.
var whole = regexp.MustCompile(`^/portal/for/\{person\}/access`)

// fhir asks every route of FHIR, for a resource of every relation.
func (m *matrix) fhir() {
	h, t, fault := m.house, m.t, m.fault
	for _, rt := range fhirapi.Routes() {
		if rt.Public || strings.HasPrefix(rt.Pattern, "/fhir/$import") || strings.Contains(rt.Pattern, "$export") {
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
				if m.some != nil && m.some.IntN(3) > 0 {
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
				visible := who != "" && h.sees(t, who, rel.key) != ""
				if rt.Method == http.MethodDelete && visible {
					continue // the record is needed further on
				}
				a, changed := m.try(who, rt.Method, path, body, headers...)
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
}
