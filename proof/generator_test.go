package proof

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust/policy"
)

// request is what one person asks.
type request struct {
	method, path, body string
	headers            []string
}

// generator makes requests about the resources of two worlds: all parameters, chains, reverse
// chains, includes, sorts, pages, counts, histories, operations, conditional writes, patches,
// bundles and pages of the webs. The same seed makes the same requests.
type generator struct {
	*rand.Rand
	types   []string
	ids     map[string][]string // by type
	refs    []string            // "Type/id"
	pages   []string            // patterns of pages that are only read
	finds   []string            // patterns of pages that look for what a form says
	forms   []posting           // pages that change something
	asked   map[string]int      // how often of each pattern; below "hidden " about what is hidden
	turn    map[string]int      // of the pages, of those that look for something, of the forms: each is asked for in its turn
	cookie  bool
	who     *person
	patient string // whose record the person reads as a patient does; "" for staff
	past    string // first letter of the entries with a past
	entries map[string]entry
	unseen  map[string]bool     // "Type/id" that is hidden, or there in one world only
	hidden  map[string][]string // the same by type
}

// posting is a page that changes something. Who is not admitted is refused whatever it is about; others
// ask for it about what they may not see.
type posting struct {
	pattern  string
	admitted bool
}

func newGenerator(w *worlds, seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), ids: map[string][]string{}, refs: w.entries, who: w.a.people[w.who], entries: map[string]entry{}, unseen: w.unseen, hidden: map[string][]string{}, asked: map[string]int{}, turn: map[string]int{}}
	g.cookie = g.who.cookie != ""
	for _, ref := range w.entries {
		kind, id, _ := strings.Cut(ref, "/")
		if g.ids[kind] == nil {
			g.types = append(g.types, kind)
		}
		g.ids[kind] = append(g.ids[kind], id)
		if w.unseen[ref] {
			g.hidden[kind] = append(g.hidden[kind], id)
		}
	}
	if g.patient = g.who.principal.Patient; g.patient != "" {
		g.past = g.patient[:1]
	}
	for _, kind := range g.types {
		g.ids[kind] = append(g.ids[kind], "nobody")
	}
	for _, e := range records() {
		g.entries[e.key()] = e
	}
	routes, err := w.a.site.Routes(w.a.areas...)
	if err != nil {
		w.a.t.Fatal(err)
	}
	for _, r := range routes {
		if path, ok := strings.CutPrefix(r.Pattern, "GET "); ok && !strings.Contains(path, "secret") && !strings.HasPrefix(path, "/audit") && !strings.Contains(path, "/access/proof") { // who may read the audit log sees what it says, and a proof holds the size and root of the whole log
			g.pages = append(g.pages, path)
		}
		path, ok := strings.CutPrefix(r.Pattern, "POST ")
		switch admitted := r.Policy&bits[g.who.principal.Role] != 0; {
		case !ok || r.Door == "smart" || r.Policy&web.Public != 0 || path == "/lock":
		case r.Finds:
			g.finds = append(g.finds, path)
		case !admitted || g.about(path):
			g.forms = append(g.forms, posting{path, admitted})
		}
	}
	return g
}

// about reports whether a pattern names a resource of a kind of which something is hidden.
func (g *generator) about(pattern string) (named bool) {
	filled(pattern, func(p place) string {
		named = named || len(g.hidden[p.kind]) > 0
		return "x"
	})
	return named
}

// outside reports whether a request is about what is not hidden in the way that others are: who
// may read the audit log sees what it says, and the worlds were made by other commits; and the page
// that opens a closed chart in an emergency tells whose it is to who may open it, as its way in.
func (g *generator) outside(r request) bool {
	return auditing(g.who.principal) && strings.Contains(r.path, "AuditEvent") ||
		policy.MayBreakGlass(g.who.principal) == nil && strings.Contains(r.path, "/emergency-access")
}

// of returns one of a list.
func of[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// chance is true n times of 100.
func (g *generator) chance(n int) bool { return g.IntN(100) < n }

func (g *generator) kind() string { return of(g, g.types) }

func (g *generator) id(kind string) string {
	if len(g.ids[kind]) == 0 {
		return "nobody"
	}
	return of(g, g.ids[kind])
}

// value is something to compare with: what some form of some resource says.
func (g *generator) value(p *definition.SearchParameter) string {
	text := []string{families[0], families[1], families[2], words[0], words[1], words[2], "rosa", "sam", "note", "a", "MRS", "Payer"}
	code := []string{"active", "final", "draft", "preliminary", "booked", "completed", "requested", "PSY", "patient-reported", "staff-message", "review-result", "M0", "M1", "M2", "72-1", "181-1", "5-1", "amara",
		"http://loinc.org|" + codes[0], codes[1], codes[2], "http://snomed.info/sct|172", "1181", "15", "urn:mrn|", "urn:mrn|M1", "|x", "S72", "S181", "I5", "male", "female", "true", "false", "text/plain", "AMB", "laboratory"}
	number := []string{"72", "720", "721", "1811", "5", "50", "51", "gt100", "lt100", "ne720", "ap720", "ge1810"}
	switch p.Code { // rather what may match
	case "status", "lifecycle-status":
		return of(g, []string{"active", "final", "draft", "preliminary", "booked", "completed", "requested", "finished", "current", "issued", "billable"})
	case "code", "type", "category":
		return of(g, []string{"http://loinc.org|" + codes[0], codes[1], codes[2], "172", "1181", "15", "11506-3", "patient-message", "staff-message", "administrative", "laboratory", "refill-request", "review-result", "duplicate-patient"})
	case "_id":
		return g.id(of(g, g.types))
	case "family", "name":
		return of(g, families)
	}
	switch p.Type {
	case "string":
		return of(g, text)
	case "token":
		return of(g, code)
	case "reference":
		ref := of(g, g.refs)
		if len(p.Targets) > 0 && g.chance(70) {
			t := of(g, p.Targets)
			ref = t + "/" + g.id(t)
		}
		if g.chance(20) {
			_, ref, _ = strings.Cut(ref, "/")
		}
		return ref
	case "date":
		return of(g, []string{"", "eq", "gt", "lt", "ge", "le", "ne", "sa", "eb", "ap"}) + of(g, append(days, "2026", "2025-02", "2026-11-23T12:00:00Z"))
	case "number":
		return of(g, number)
	case "quantity":
		return of(g, number) + of(g, []string{"", "||/min", "|http://unitsofmeasure.org|/min"})
	case "composite":
		return of(g, code) + "$" + of(g, number)
	case "uri":
		return of(g, []string{"urn:mrn", "http://loinc.org", "urn:osler"})
	}
	return of(g, text)
}

// parameter returns "name=value" about a type, chained when the parameter is a reference.
func (g *generator) parameter(kind string, depth int) (name, value string) {
	list := definition.SearchParameters(kind)
	if len(list) == 0 {
		return "_id", g.id(kind)
	}
	p := of(g, list)
	if depth < 3 && g.chance(30) { // look for a reference
		for range 6 {
			if p.Type == "reference" {
				break
			}
			p = of(g, list)
		}
	}
	if p.Type == "reference" && len(p.Targets) > 0 && depth < 3 && g.chance(60) { // one names no type: RequestGroup instantiates-canonical
		target := of(g, p.Targets)
		for range 5 { // rather a type that is there
			if len(g.ids[target]) > 0 {
				break
			}
			target = of(g, p.Targets)
		}
		inner, v := g.parameter(target, depth+1)
		if len(p.Targets) > 1 || g.chance(30) {
			return p.Code + ":" + target + "." + inner, v
		}
		return p.Code + "." + inner, v
	}
	if depth == 0 && g.chance(12) {
		source, by := g.referrer(kind)
		inner, v := g.parameter(source, 1+g.IntN(3))
		return "_has:" + source + ":" + by + ":" + inner, v
	}
	name, value = p.Code, g.value(p)
	if g.chance(25) {
		if m := search.Modifiers(p.Type); len(m) > 0 {
			modifier := of(g, m)
			if modifier == ":[type]" {
				modifier = ":" + g.kind()
			}
			if modifier == ":missing" {
				value = of(g, []string{"true", "false"})
			}
			name += modifier
		}
	}
	if g.chance(8) {
		value += "," + g.value(p)
	}
	return name, value
}

// referrer returns a type and its reference parameter that can point at a type.
func (g *generator) referrer(kind string) (source, by string) {
	for range 40 {
		source = g.kind()
		list := definition.SearchParameters(source)
		if len(list) == 0 {
			continue
		}
		if p := of(g, list); p.Type == "reference" && (len(p.Targets) == 0 || slices.Contains(p.Targets, kind)) {
			return source, p.Code
		}
	}
	return "Observation", "subject"
}

// query returns the parameters of a search.
func (g *generator) query(kind string) string {
	q := url.Values{}
	for range g.IntN(3) {
		name, value := g.parameter(kind, 0)
		q.Add(name, value)
	}
	reference := func(t string) string {
		for range 10 {
			list := definition.SearchParameters(t)
			if len(list) == 0 {
				return "*"
			}
			if p := of(g, list); p.Type == "reference" {
				return p.Code
			}
		}
		return "*"
	}
	for _, c := range []struct {
		chance      int
		name, value func() string
	}{
		{12, func() string { return of(g, []string{"_include", "_include", "_include:iterate"}) }, func() string { return kind + ":" + reference(kind) }},
		{10, func() string { return of(g, []string{"_revinclude", "_revinclude", "_revinclude:iterate"}) }, func() string { s, by := g.referrer(kind); return s + ":" + by }},
		{15, func() string { return "_sort" }, func() string {
			list := definition.SearchParameters(kind)
			if len(list) == 0 {
				return "_lastUpdated"
			}
			return of(g, []string{"", "-"}) + of(g, list).Code
		}},
		{25, func() string { return "_count" }, func() string { return of(g, []string{"1", "2", "3", "7", "0"}) }},
		{25, func() string { return "_total" }, func() string { return of(g, []string{"accurate", "estimate", "none"}) }},
		{8, func() string { return "_summary" }, func() string { return of(g, []string{"count", "true", "data", "text"}) }},
		{4, func() string { return "_elements" }, func() string { return of(g, []string{"id", "subject", "name,birthDate", "code"}) }},
		{7, func() string { return "_filter" }, func() string {
			name, value := g.parameter(kind, 0)
			name, _, _ = strings.Cut(name, ":")
			f := name + " " + of(g, []string{"eq", "ne", "co", "gt", "lt"}) + " \"" + value + "\""
			if g.chance(30) {
				f = "not (" + f + ")"
			}
			if g.chance(30) {
				f += of(g, []string{" or ", " and "}) + "_id eq " + g.id(kind)
			}
			return f
		}},
		{5, func() string { return of(g, []string{"_text", "_content"}) }, func() string { return of(g, words) }},
		{3, func() string { return "_list" }, func() string { return g.id("List") }},
		{4, func() string { return "_id" }, func() string { return g.id(kind) + "," + g.id(kind) }},
		{3, func() string { return "_security" }, func() string { return "PSY" }},
	} {
		if g.chance(c.chance) {
			q.Add(c.name(), c.value())
		}
	}
	return q.Encode()
}

// links are what leads in the record from one resource to another: a type, its parameter, and the type that it names.
var links = [][3]string{{"DiagnosticReport", "based-on", "ServiceRequest"}, {"DiagnosticReport", "result", "Observation"}, {"Observation", "derived-from", "Observation"},
	{"Task", "focus", "Condition"}, {"Appointment", "reason-reference", "Condition"}, {"Condition", "encounter", "Encounter"}, {"Composition", "entry", "Condition"}, {"Group", "member", "Patient"}}

// including is a search that brings along what is named by what it finds, or what names it.
func (g *generator) including() request {
	link := of(g, links)
	found, along := link[0], "_include"
	if g.chance(50) {
		found, along = link[2], "_revinclude"
	}
	return request{method: http.MethodGet, path: "/fhir/" + found + "?" + along + of(g, []string{"", "", ":iterate"}) + "=" + link[0] + ":" + link[1] + of(g, []string{"", "", "&_count=2", "&_total=accurate"})}
}

// asking is a chain or a reverse chain about a type that is there, with a value that may match.
func (g *generator) asking() request {
	if g.chance(50) {
		link := of(g, links)
		q := of(g, []string{"_id=" + g.id(link[2]), "status=draft", "code=" + of(g, codes), "date=" + of(g, days), "authored=" + of(g, days)})
		return request{method: http.MethodGet, path: "/fhir/" + link[0] + "?" + link[1] + ":" + link[2] + "." + q}
	}
	for range 200 {
		kind := g.kind()
		list := definition.SearchParameters(kind)
		if len(list) == 0 {
			continue
		}
		p := of(g, list)
		if g.chance(60) {
			for _, code := range []string{"code", "status", "category", "_id", "family"} {
				if q, ok := definition.SearchParameterFor(kind, code); ok && g.chance(40) {
					p = q
				}
			}
		}
		if p.Type == "reference" || p.Type == "composite" {
			continue
		}
		value := url.QueryEscape(g.value(p))
		total := of(g, []string{"", "", "&_total=accurate", "&_summary=count"})
		if g.chance(50) {
			source, by := g.referrer(kind)
			if q, ok := definition.SearchParameterFor(source, by); !ok || !slices.Contains(q.Targets, kind) {
				continue
			}
			return request{method: http.MethodGet, path: "/fhir/" + source + "?" + by + ":" + kind + "." + p.Code + "=" + value + total}
		}
		by := of(g, list)
		if by.Type != "reference" || len(by.Targets) == 0 {
			continue
		}
		target := of(g, by.Targets)
		if slices.Contains(by.Targets, "Patient") && g.chance(60) {
			target = "Patient"
		}
		return request{method: http.MethodGet, path: "/fhir/" + target + "?_has:" + kind + ":" + by.Code + ":" + p.Code + "=" + value + total}
	}
	return request{method: http.MethodGet, path: "/fhir/Patient"}
}

func (g *generator) next() request {
	kind := g.kind()
	id := g.id(kind)
	get := func(path string) request {
		path = strings.NewReplacer("TYPE", kind, "ID", id, "OTHER", g.kind(), "PATIENT", g.id("Patient"), "COMPOSITION", g.id("Composition"), "ENCOUNTER", g.id("Encounter"), "P-", g.past+"-").Replace(path)
		return request{method: http.MethodGet, path: strings.TrimSuffix("/fhir/"+path, "?")}
	}
	switch n := g.IntN(100); {
	case n < 10:
		return g.asking()
	case n < 12:
		return g.including()
	case n < 42:
		return request{method: http.MethodGet, path: strings.TrimSuffix("/fhir/"+kind+"?"+g.query(kind), "?")}
	case n < 46:
		return request{http.MethodPost, "/fhir/" + kind + "/_search", g.query(kind), []string{"Content-Type: application/x-www-form-urlencoded"}}
	case n < 48:
		return request{method: http.MethodGet, path: "/fhir?_type=" + kind + "," + g.kind() + "&" + g.query("Resource")}
	case n < 52:
		return request{method: http.MethodGet, path: "/fhir/Patient/" + g.id("Patient") + "/" + of(g, append(g.types, "*")) + "?" + g.query(kind)}
	case n < 57:
		return get("TYPE/ID")
	case n < 58 && g.chance(40): // who looked
		return get(of(g, []string{"AuditEvent?_count=5", "AuditEvent?patient=Patient/PATIENT", "AuditEvent?patient=Patient/PATIENT&_count=2", "AuditEvent?entity=TYPE/ID", "AuditEvent/" + strconv.Itoa(1+g.IntN(60))}))
	case n < 58 && g.past != "":
		return get(of(g, []string{"Composition/P-late", "Observation/P-moved"}) + "/_history/" + of(g, []string{"1", "2", ""}))
	case n < 60:
		return get("TYPE/ID/_history/" + of(g, []string{"1", "2"}))
	case n < 64:
		return get(of(g, []string{"TYPE/ID/_history?_count=3", "TYPE/_history?_count=4", "_history?_count=5", "TYPE/_history?_since=2026-01-01T00:00:00Z"}))
	case n < 66:
		return get("Patient/PATIENT/$everything?_count=" + of(g, []string{"1", "5", "60"}))
	case n < 72:
		return get(of(g, []string{"Composition/COMPOSITION/$document", "Observation/$lastn?patient=Patient/PATIENT&max=2", "Observation/$stats?patient=Patient/PATIENT&code=http://loinc.org|" + of(g, codes) + "&statistic=count,average",
			"TYPE/ID/$meta", "TYPE/$meta", "$meta", "Encounter/ENCOUNTER/$everything", "TYPE/ID/$validate", "TYPE/ID/$diff"}))
	case n < 86 && g.cookie:
		return g.page()
	}
	return g.write(kind, id)
}

// choose fills a placeholder. Of a person whom somebody acts for, it is the right one in two pages of three.
func (g *generator) choose(p place) string {
	switch {
	case p.name == "{person}" && g.who.grant != "" && len(g.hidden["Patient"]) > 0 && g.chance(33):
		return of(g, g.hidden["Patient"])
	case p.name == "{person}" && g.who.grant != "":
		return ward
	case p.name == "{type}":
		return g.kind()
	case len(g.ids[p.before]) > 0: // of the type that was chosen
		return g.id(p.before)
	case p.kind != "":
		return g.id(p.kind)
	}
	return of(g, p.words)
}

// put fills a pattern, and notes that it was asked. It tries to name something hidden when it should.
func (g *generator) put(pattern string, should bool, choose func(place) string) (path string, hidden bool) {
	for range 20 {
		path = filled(pattern, func(p place) string {
			id := choose(p)
			hidden = hidden || g.unseen[p.kind+"/"+id] || g.unseen[p.before+"/"+id]
			return id
		})
		if hidden || !should {
			break
		}
	}
	g.asked[pattern]++
	if hidden {
		g.asked["hidden "+pattern]++
	}
	return path, hidden
}

// inTurn returns which of n is next in its turn, there are many, and how often all have had theirs.
func (g *generator) inTurn(name string, n int) (i, round int) {
	turn := g.turn[name]
	g.turn[name]++
	return turn % n, turn / n
}

// page asks for a page of a web; in every second round of all of them for something hidden.
func (g *generator) page() request {
	if g.chance(40) && len(g.forms) > 0 {
		return g.refused()
	}
	name, list := "pages", g.pages
	finds := g.chance(20)
	if finds {
		name, list = "finds", g.finds
	}
	i, round := g.inTurn(name, len(list))
	path, _ := g.put(list[i], round%2 == 1, g.choose)
	q := url.Values{}
	for _, name := range []string{"q", "family", "given", "find", "name", "text"} {
		if g.chance(40) {
			q.Set(name, of(g, []string{"Hill", "Zand", "Quill", "ros", "sam", "asthma", "gono", "M1"}))
		}
	}
	r := request{method: http.MethodGet, path: path}
	if finds {
		r.method, r.body = http.MethodPost, q.Encode()
	} else if g.chance(50) && len(q) > 0 {
		r.path += "?" + q.Encode()
	}
	if g.chance(25) {
		r.headers = []string{"HX-Request: true"}
	}
	return r
}

// refused posts a form that the person may not: by role, or because what it is about is hidden.
func (g *generator) refused() request {
	i, round := g.inTurn("forms", len(g.forms))
	f := g.forms[i]
	path, held := g.put(f.pattern, f.admitted || round%2 == 0, func(p place) string {
		if list := g.hidden[p.kind]; len(list) > 0 && g.chance(60) {
			return of(g, list)
		}
		return g.choose(p)
	})
	if !held && f.admitted {
		path = "/nowhere"
	}
	q := url.Values{"reason": {of(g, words)}, "text": {of(g, words)}, "label": {"PSY"}, "set": {"PSY"}, "status": {"active"}, "version": {"1"}, "rule": {"deny/all"}, "why": {"asked for"}, "name": {of(g, families)}}
	return request{method: http.MethodPost, path: path, body: q.Encode()}
}

// chosenID is an id of the form that Osler makes, the same in both worlds.
func (g *generator) chosenID() string {
	return fmt.Sprintf("019b0c7e-52a1-7c3b-9d5e-%012x", g.Uint64()&(1<<48-1))
}

// write asks for a change. What may succeed names its id, so that both worlds stay the same.
func (g *generator) write(kind, id string) request {
	body := `{"resourceType":"` + kind + `","id":"` + id + `"}`
	if e, ok := g.entries[kind+"/"+id]; ok {
		body = e.body(id, g.IntN(3))
	}
	into := id
	if g.patient == "" && g.unseen[kind+"/"+id] {
		// Staff may choose the ids of what they store, and one that is taken cannot be stored
		// under: what is hidden is not written over, and that it is there can be learnt so
		// (docs/decisions/2611-access-predicate.md).
		into = g.chosenID()
	}
	none := strings.NewReplacer(`"id":"`+id+`",`, "", `,"id":"`+id+`"}`, "}").Replace(body)
	if into == id && g.chance(50) { // with an id, that of the match or another
		none = body
	}
	q := g.query(kind)
	if g.chance(70) {
		name, value := g.parameter(kind, 0)
		q = url.Values{name: {value}}.Encode()
	}
	match := of(g, [][]string{nil, {`If-Match: W/"1"`}, {`If-Match: W/"2"`}, {`If-None-Match: *`}})
	patch := []string{"Content-Type: application/json-patch+json"}
	test := `[{"op":"test","path":"/status","value":"` + of(g, []string{"active", "final", "x"}) + `"},{"op":"test","path":"/id","value":"never"}]`
	switch g.IntN(10) {
	case 0:
		if into != id { // what is refused anyway is refused alike
			return of(g, []request{{http.MethodPut, "/fhir/" + kind + "/" + id, body, []string{`If-Match: W/"9"`}},
				{http.MethodPut, "/fhir/" + kind + "/" + id, strings.Replace(body, `{"resourceType"`, `{"nonsense":1,"resourceType"`, 1), match},
				{http.MethodPost, "/fhir/" + kind + "/" + id + "/$validate?mode=update", body, nil}})
		}
		return request{http.MethodPut, "/fhir/" + kind + "/" + into, strings.Replace(body, `"id":"`+id+`"`, `"id":"`+into+`"`, 1), match}
	case 1:
		if g.patient != "" { // a condition that something hidden would fulfil
			return request{http.MethodPost, "/fhir/MedicationStatement", `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/` + g.patient + `"},"informationSource":{"reference":"Patient/` + g.patient + `"}}`, []string{"If-None-Exist: _id=" + g.id("MedicationStatement")}}
		}
		return request{http.MethodPost, "/fhir/Basic", `{"resourceType":"Basic","code":{}}`, []string{"If-None-Exist: " + q}}
	case 2, 3: // a match is told; what does not match would get a new id, and is not valid
		return request{http.MethodPost, "/fhir/" + kind, `{"resourceType":"` + kind + `","nonsense":1}`, []string{"If-None-Exist: " + q}}
	case 4:
		return request{http.MethodPut, "/fhir/" + kind + "?" + q, strings.Replace(none, `{"resourceType"`, `{"nonsense":1,"resourceType"`, 1), match}
	case 5:
		return request{http.MethodPatch, "/fhir/" + kind + "?" + q, test, patch}
	case 6:
		return request{http.MethodPatch, "/fhir/" + kind + "/" + id, test, patch}
	case 7:
		if g.chance(15) {
			return request{http.MethodDelete, "/fhir/" + kind + "/" + id, "", match}
		}
		return request{http.MethodDelete, "/fhir/" + kind + "?_id=" + id + "&" + q + "&_lastUpdated=lt2026", "", nil}
	case 8: // a reference to something hidden, from something new with a chosen id
		new := g.chosenID()
		if g.patient != "" && g.chance(70) {
			own := `"status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/` + g.patient + `"},"informationSource":{"reference":"Patient/` + g.patient + `"}`
			return request{http.MethodPut, "/fhir/MedicationStatement/" + new, `{"resourceType":"MedicationStatement","id":"` + new + `",` + own + `,"derivedFrom":[{"reference":"` + of(g, g.refs) + `"}]}`, nil}
		}
		return request{http.MethodPut, "/fhir/MedicationStatement/" + new, `{"resourceType":"MedicationStatement","id":"` + new + `","status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/` + g.id("Patient") + `"},"informationSource":{"reference":"` + of(g, []string{"Patient/" + g.id("Patient"), "Practitioner/amara", "RelatedPerson/" + g.id("RelatedPerson")}) + `"},"derivedFrom":[{"reference":"` + of(g, g.refs) + `"}]}`, nil}
	}
	requests := []string{
		fmt.Sprintf(`{"request":{"method":"GET","url":"%s/%s"}}`, kind, id),
		fmt.Sprintf(`{"request":{"method":"GET","url":%q}}`, kind+"?"+g.query(kind)),
		fmt.Sprintf(`{"request":{"method":"DELETE","url":"%s/nobody"}}`, kind),
		fmt.Sprintf(`{"request":{"method":"POST","url":"Basic","ifNoneExist":%q},"resource":{"resourceType":"Basic","nonsense":1}}`, q),
		fmt.Sprintf(`{"request":{"method":"PUT","url":"%s/%s","ifMatch":"W/\"7\""},"resource":%s}`, kind, into, strings.Replace(body, `"id":"`+id+`"`, `"id":"`+into+`"`, 1)),
	}
	return request{http.MethodPost, "/fhir", fmt.Sprintf(`{"resourceType":"Bundle","type":%q,"entry":[%s,%s]}`, of(g, []string{"batch", "transaction"}), of(g, requests), of(g, requests)), nil}
}
