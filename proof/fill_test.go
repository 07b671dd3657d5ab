package proof

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/web"
)

// fit is what fits a placeholder of a route: the id of a resource, or a word.
type fit struct {
	kind  string   // type of the resource that it names, "" for a word
	which string   // of a person: "enc" of r-enc
	words []string // what it may say when it names none
}

// fits holds every placeholder of every route. One that means several things stands here with the
// part of the path before it. What only one house knows, an account for example, is a word here
// that names nothing; (*house).known fills it with what is there.
var fits = map[string]fit{
	"{$}": {words: []string{""}}, "{patient}": {kind: "Patient"}, "{person}": {kind: "Patient"},
	"{document}": {"DocumentReference", "doc", nil}, "{encounter}": {"Encounter", "enc", nil}, "{note}": {"Composition", "note-final", nil},
	"{order}": {"ServiceRequest", "order-active", nil}, "{task}": {"Task", "task-review-result", nil}, "refill/{task}": {"Task", "task-refill-request", nil},
	"duplicates/{task}": {"Task", "task-duplicate-patient", nil}, "{invoice}": {"Invoice", "inv", nil}, "{charge}": {"ChargeItem", "charge", nil},
	"{problem}": {"Condition", "cond", nil}, "{allergy}": {"AllergyIntolerance", "ai", nil}, "{thread}": {"Communication", "com-patient-message", nil},
	"{request}": {"Communication", "ask", nil}, "{consent}": {"Consent", "no", nil},
	"results/{id}": {"Observation", "obs0", nil}, "visits/{id}": {"Encounter", "enc", nil}, "schedule/{id}": {"Appointment", "appt", nil},
	"sight/{type}": {words: []string{"Observation"}}, "Observation/{id}": {"Observation", "obs1", nil}, "vitals/{id}": {"Observation", "pulse", nil},
	"{change}": {words: []string{"resolve"}}, "edit/{change}": {words: []string{"refresh"}}, "{act}": {words: []string{"deny"}}, "measure/{kind}": {words: []string{"pressure", "weight", "symptom"}},
	"results/{code}": {words: codes}, "fees/{code}": {words: []string{"99213"}}, "{index}": {words: []string{"1"}},
	"{secret}": {words: []string{"no-such-secret"}}, "{account}": {words: []string{"no-such-account"}}, "{grant}": {words: []string{"no-such-grant"}},
	"{client}": {words: []string{"no-such-client"}}, "{session}": {words: []string{"no-such-session"}}, "{passkey}": {words: []string{"no-such-passkey"}}, "{finding}": {words: []string{"no-such-finding"}}, "{batch}": {words: []string{"no-such-batch"}},
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// place is a placeholder at its place in a pattern.
type place struct {
	fit
	name, before string // "{id}", and the part of the path before it, filled already: "results"
	known        bool
}

// filled replaces the placeholders of a pattern, from left to right, by what choose says.
func filled(pattern string, choose func(p place) string) string {
	for {
		at := placeholder.FindStringIndex(pattern)
		if at == nil {
			return pattern
		}
		p := place{name: pattern[at[0]:at[1]]}
		parts := strings.Split(strings.Trim(pattern[:at[0]], "/"), "/")
		p.before = parts[len(parts)-1]
		if p.fit, p.known = fits[p.before+"/"+p.name]; !p.known {
			p.fit, p.known = fits[p.name]
		}
		pattern = pattern[:at[0]] + choose(p) + pattern[at[1]:]
	}
}

// fill puts ids into a pattern: the patient where one is asked for, and for the others what
// belongs to a person whose ids begin with a letter.
func fill(pattern, patient, letter string) string {
	return filled(pattern, func(p place) string {
		switch {
		case p.kind == "Patient":
			return patient
		case p.kind != "":
			return letter + "-" + p.which
		case p.known:
			return p.words[0]
		}
		return "unknown" // TestEveryPlaceholderIsFilled
	})
}

// TestEveryPlaceholderIsFilled: the matrix and the two worlds ask every route about something that
// is there. A route with a placeholder that fits does not hold is asked about nothing.
func TestEveryPlaceholderIsFilled(t *testing.T) {
	h := full(t, ground{quiet: true})
	there, met := map[string]bool{}, map[string]bool{}
	for _, e := range records() {
		there[e.key()] = true
	}
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		asked := filled(pattern, func(p place) string {
			if !p.known {
				t.Errorf("%s: nothing in fits is for %s: say what it stands for", rt.Pattern, p.name)
			}
			if p.kind != "" && p.kind != "Patient" && !there[p.kind+"/r-"+p.which] {
				t.Errorf("%s: there is no %s/r-%s", rt.Pattern, p.kind, p.which)
			}
			if _, ok := fits[p.before+"/"+p.name]; ok {
				met[p.before+"/"+p.name] = true
			}
			met[p.name] = true
			return fill(p.before+"/"+p.name, "rosa", "r")[len(p.before)+1:]
		})
		// What is filled in opens: every page with a placeholder is one to somebody.
		if method != http.MethodGet || !strings.Contains(strings.TrimSuffix(pattern, "/{$}"), "/{") || rt.Policy&web.Public != 0 || alone[pattern] {
			continue
		}
		opened := false
		for patient, letter := range map[string]string{"rosa": "r", "sam": "s", ward: ward[:1]} {
			for _, who := range h.users() {
				a := h.ask(who, method, fill(pattern, patient, letter), "")
				opened = opened || a.status < 300 || a.status == http.StatusSeeOther && strings.HasPrefix(a.header.Get("Location"), "/p/")
			}
		}
		if !opened {
			t.Errorf("%s is filled like %s, and opens to nobody", rt.Pattern, asked)
		}
	}
	for key := range fits {
		if !met[key] {
			t.Errorf("%s fits no route any more", key)
		}
	}
}

// alone are pages about what a house does not hold by itself: one more account, program (the matrix
// makes them, house.known) or certificate; one that nobody opens for another; and the review of a document of
// another clinic, which none of the house's is (door/clinic tests who opens it).
var alone = map[string]bool{"/portal/for/{person}/rights/reach": true, "/people/{account}": true, "/programs/{client}": true, "/retention/certificates/{index}": true,
	"/p/{patient}/documents/{document}/review": true, "/p/{patient}/documents/{document}/whole": true}
