package proof

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/fhirapi"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

const jsonPatch = "Content-Type: application/json-patch+json"

// TestAbuseA01: Sam tries every way to write on everything of Rosa's, and the clinic's forms
// with the address of one patient and the entry of another. Nothing changes.
func TestAbuseA01(t *testing.T) {
	h := full(t)
	for _, e := range records() {
		if !strings.HasPrefix(e.id, "r-") && e.id != "rosa" {
			continue
		}
		at, body := "/fhir/"+e.key(), e.body(e.id, 1)
		for _, r := range []request{
			{"PUT", at, body, nil}, {"PUT", at, body, []string{`If-Match: W/"1"`}}, {"PUT", "/fhir/" + e.resourceType + "?_id=" + e.id, body, nil},
			{"PATCH", at, `[{"op":"add","path":"/language","value":"en"}]`, []string{jsonPatch}}, {"PATCH", "/fhir/" + e.resourceType + "?_id=" + e.id, `[{"op":"add","path":"/language","value":"en"}]`, []string{jsonPatch}},
			{"DELETE", at, "", nil}, {"DELETE", "/fhir/" + e.resourceType + "?_id=" + e.id, "", nil},
			{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + body + `,"request":{"method":"PUT","url":"` + e.key() + `"}}]}`, nil},
			{"POST", at + "/$meta-add", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}`, nil},
		} {
			before := h.kept()
			a := h.ask("sam", r.method, r.path, r.body, r.headers...)
			if h.kept() != before || a.status < 400 && r.method != "DELETE" || a.status >= 500 {
				t.Errorf("%s %s by another patient: %d, changed: %v", r.method, r.path, a.status, h.kept() != before)
			}
			if h.sees(t, "amara", e.key())+h.sees(t, "rosa", e.key()) == "" {
				t.Fatalf("%s is gone after %s %s", e.key(), r.method, r.path)
			}
		}
	}
	tried := 0
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if method != "POST" || !strings.Contains(pattern, "{patient}/") || strings.Count(pattern, "{") < 2 || strings.Contains(pattern, "{account}") || strings.HasSuffix(pattern, "/phrases") { // a search of the named patient's own chart
			continue
		}
		who := "amara"
		if rt.Policy&web.Physician == 0 {
			who = "bill"
		}
		before := h.kept()
		a := h.ask(who, method, fill(pattern, "sam", "r"), "reason=x&text=x&version=1&status=active&word=x&why=x&amount=1")
		tried++
		if a.status < 400 || a.status >= 500 || h.kept() != before {
			t.Errorf("%s with Sam's address and Rosa's entry: %d, changed: %v: %.200s", pattern, a.status, h.kept() != before, a.body)
		}
	}
	if tried < 8 {
		t.Errorf("only %d forms were tried", tried)
	}
}

// TestAbuseA02: an id in a body names nothing: a create makes something new, an update must
// name what its address names.
func TestAbuseA02(t *testing.T) {
	h := full(t)
	rosas := h.sees(t, "amara", "Observation/r-obs0")
	about := `{"resourceType":"Observation","id":"r-obs0","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`
	own := `{"resourceType":"MedicationStatement","id":"r-ms","status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/sam"},"informationSource":{"reference":"Patient/sam"}}`
	for _, c := range []struct {
		who string
		request
		status int
	}{
		{"amara", request{"POST", "/fhir/Observation", about, nil}, 201},
		{"amara", request{"PUT", "/fhir/Observation/s-obs0", about, nil}, 400},
		{"amara", request{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + about + `,"request":{"method":"POST","url":"Observation"}}]}`, nil}, 200},
		{"amara", request{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + about + `,"request":{"method":"PUT","url":"Observation/s-obs0"}}]}`, nil}, 400},
		{"sam", request{"POST", "/fhir/MedicationStatement", own, nil}, 201},
		{"sam", request{"PUT", "/fhir/MedicationStatement/019b0c7e-52a1-7c3b-9d5e-0f6a2b1c3d4e", own, nil}, 400},
	} {
		a := h.ask(c.who, c.method, c.path, c.body)
		if a.status != c.status {
			t.Errorf("%s %s: %d, want %d: %.300s", c.method, c.path, a.status, c.status, a.body)
		}
		if got := h.sees(t, "amara", "Observation/r-obs0"); got != rosas {
			t.Fatalf("%s %s changed Rosa's entry: %s", c.method, c.path, got)
		}
		if strings.Contains(a.header.Get("Location"), "/r-") {
			t.Errorf("%s %s took the id of the body: %s", c.method, c.path, a.header.Get("Location"))
		}
	}
	if !strings.Contains(h.sees(t, "amara", "MedicationStatement/r-ms"), "Patient/rosa") {
		t.Error("Rosa's statement is another's now")
	}
}

// imports returns which packages of the program import a path that begins with a prefix.
func importers(t *testing.T, prefix string) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			name, _ := strconv.Unquote(im.Path.Value)
			folder, _ := filepath.Rel(root, filepath.Dir(path))
			if folder = filepath.ToSlash(folder); name == prefix || strings.HasPrefix(name, prefix+"/") {
				if !slices.Contains(folders, folder) {
					folders = append(folders, folder)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return folders
}

func allowed(t *testing.T, what string, got []string, families ...string) {
	t.Helper()
	for _, folder := range got {
		if !slices.ContainsFunc(families, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") }) {
			t.Errorf("%s imports %s", folder, what)
		}
	}
}

// TestAbuseA03: there is one way to the data. Databases are opened by the stores, stores by
// the program alone; doors and disciplines hold a record.Actor and nothing below it.
func TestAbuseA03(t *testing.T) {
	const module = "github.com/osler-emr/osler/"
	for driver, families := range map[string][]string{
		"github.com/ncruces/go-sqlite3": {"store/sqlite", "store/storetest"}, "github.com/jackc/pgx": {"store/postgres"}, "database/sql": {"store"},
		module + "store/sqlite": {"store", "door/console"}, module + "store/postgres": {"store", "door/console"},
	} {
		got := importers(t, driver)
		if len(got) == 0 && driver != "database/sql" {
			t.Errorf("nothing imports %s: is the name still right?", driver)
		}
		allowed(t, driver, got, families...)
	}
	for _, folder := range importers(t, module+"store") { // for the forms of answers only
		if !strings.HasPrefix(folder, "practice/") && !strings.HasPrefix(folder, "door/") || folder == "door/console" {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(root, folder, "*.go"))
		for _, name := range files {
			if b, err := os.ReadFile(name); err != nil || !strings.HasSuffix(name, "_test.go") && strings.Contains(string(b), "store.Store") {
				t.Errorf("%s holds a store: %v", name, err)
			}
		}
	}
}

// TestAbuseA04: no page of one patient, printable ones included, opens with the entry of
// another, and no patient opens a page about another.
func TestAbuseA04(t *testing.T) {
	h := full(t)
	tried := 0
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		if method != "GET" || strings.Contains(pattern, "{secret}") || strings.Contains(pattern, "{code}") || strings.Contains(pattern, "{account}") {
			continue
		}
		entries := strings.Count(strings.ReplaceAll(pattern, "{$}", ""), "{")
		if strings.Contains(pattern, "{patient}/") && entries >= 2 {
			who := "amara"
			if rt.Policy&web.Physician == 0 {
				who = "bill"
			}
			tried++
			if a := h.ask(who, method, fill(pattern, "sam", "r"), ""); a.status != http.StatusNotFound && (a.status != http.StatusOK || strings.Contains(a.body, "rosa")) {
				t.Errorf("%s with Sam's address and Rosa's entry: %d %.200s", pattern, a.status, a.body)
			}
		}
		if rt.Policy&web.Patient != 0 && entries == 1 && strings.HasPrefix(pattern, "/portal") {
			for _, e := range records() {
				if !strings.HasPrefix(e.id, "r-") {
					continue
				}
				tried++
				path := placeholder.ReplaceAllString(pattern, e.id)
				if a, b := h.ask("sam", method, path, ""), h.ask("sam", method, placeholder.ReplaceAllString(pattern, "nobody"), ""); a.status != b.status || a.status == http.StatusOK && strings.ReplaceAll(a.plain(), e.id, "ID") != strings.ReplaceAll(b.plain(), "nobody", "ID") {
					t.Errorf("%s by Sam: %d, for a missing one %d", path, a.status, b.status)
				}
			}
		}
	}
	if tried < 20 {
		t.Errorf("only %d pages were tried", tried)
	}
}

// TestAbuseA05: the session knows no patient: what a form writes is about the patient in its
// address, whatever was opened before.
func TestAbuseA05(t *testing.T) {
	for i := range reflect.TypeFor[identity.Session]().NumField() {
		if name := reflect.TypeFor[identity.Session]().Field(i).Name; strings.Contains(name, "Patient") && name != "Patient" { // whose a patient's own account is
			t.Errorf("a session remembers %s", name)
		}
	}
	h := full(t)
	for _, page := range []string{"/p/rosa", "/p/rosa/notes/r-note-final", "/p/rosa/visit/r-enc", "/p/rosa/vitals", "/p/rosa/documents/r-doc"} {
		h.ask("amara", "GET", page, "")
	}
	a := h.ask("amara", "POST", "/p/sam/visit", "")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/p/sam/visit/") {
		t.Fatalf("%d to %q: %.300s", a.status, a.header.Get("Location"), a.body)
	}
	visit := h.sees(t, "amara", "Encounter/"+strings.TrimPrefix(a.header.Get("Location"), "/p/sam/visit/"))
	if !strings.Contains(visit, "Patient/sam") || strings.Contains(visit, "rosa") {
		t.Errorf("the visit is about another: %s", visit)
	}
	page := h.ask("amara", "GET", "/p/sam", "")
	if !strings.Contains(page.body, "HILL, sam") && !strings.Contains(page.body, "HILL, Sam") || strings.Contains(page.body, "HILL, rosa") {
		t.Errorf("Sam's page shows somebody else: %.400s", page.body)
	}
}

// TestAbuseA06: a route without a policy stops the start of the program.
func TestAbuseA06(t *testing.T) {
	h := open(t)
	nothing := func(http.ResponseWriter, *web.Request) error { return nil }
	for name, declare := range map[string]func(m *web.Mux){
		"no policy":     func(m *web.Mux) { m.Page("GET /x", 0, nothing) },
		"no handler":    func(m *web.Mux) { m.Page("GET /x", web.Staff, nil) },
		"no method":     func(m *web.Mux) { m.Page("/x", web.Staff, nothing) },
		"stream":        func(m *web.Mux) { m.Stream("POST /x", 0, 10, nothing) },
		"the same path": func(m *web.Mux) { m.Page("GET /x/{a}", web.Staff, nothing); m.Page("GET /x/{b}", web.Staff, nothing) },
	} {
		if _, err := h.site.Handler(web.Area{Door: "x", Routes: declare}); err == nil {
			t.Errorf("a site with a route with %s starts", name)
		}
	}
	for _, rt := range h.routes() {
		if rt.Policy == 0 {
			t.Errorf("%s has no policy", rt.Pattern)
		}
	}
	if len(fhirapi.Routes()) < 50 {
		t.Errorf("only %d routes of FHIR", len(fhirapi.Routes()))
	}
}

// open to strangers: the first page, signing in, out and back, invitations and the first
// account by a secret link, and what the server is. Nothing else, and nothing of anybody.
var strangers = []string{"/{$}", "/sign-in and /oauth/authorize", "/sign-out", "/locked", "/set-up/{secret}", "/invite/{secret}", "/fhir/metadata and /fhir/openapi.json", "/fhir/$websocket"}

// TestAbuseA08: without a sign-in nothing opens but what stands in a list of eight.
func TestAbuseA08(t *testing.T) {
	h := full(t)
	if len(strangers) > 8 {
		t.Errorf("%d places are open to strangers", len(strangers))
	}
	public := func(pattern string) bool {
		return slices.ContainsFunc(strangers, func(list string) bool {
			return slices.ContainsFunc(strings.Split(list, " and "), func(p string) bool { return pattern == p || strings.HasPrefix(pattern, p+"/") })
		})
	}
	try := func(method, pattern, path string, open bool) {
		before := h.kept()
		a := h.ask("", method, path, "")
		switch {
		case open != public(pattern):
			t.Errorf("%s %s is open: %v, listed: %v", method, pattern, open, public(pattern))
		case h.kept() != before:
			t.Errorf("%s %s by a stranger changed something", method, path)
		case !open && a.status != 401 && (a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/sign-in?next=")):
			t.Errorf("%s %s by a stranger: %d", method, path, a.status)
		}
		for _, word := range []string{"Hill", "HILL", "asthma", "Osei"} {
			if strings.Contains(a.body, word) {
				t.Errorf("%s %s tells a stranger %q", method, path, word)
			}
		}
	}
	for _, rt := range h.routes() {
		method, pattern, _ := strings.Cut(rt.Pattern, " ")
		try(method, pattern, fill(pattern, "rosa", "r"), rt.Policy&web.Public != 0)
	}
	for _, rt := range fhirapi.Routes() {
		try(rt.Method, rt.Pattern, strings.NewReplacer("{$}", "", "{compartment}/{id}/{type}", "Patient/rosa/Observation", "{type}/{id}", "Patient/rosa", "{type}", "Patient", "{id}", "rosa", "{vid}", "1").Replace(rt.Pattern), rt.Public)
	}
}

// TestAbuseA11: no parameter is a path of the server. Every page and search is asked with the
// path of a file that exists, in many spellings: no answer holds what the file says.
func TestAbuseA11(t *testing.T) {
	h := full(t)
	const canary = "canary-9d1f-in-a-file"
	file := filepath.Join(h.dir, "secret.txt")
	if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	paths := []string{file, "file://" + file, "file:" + file, "../../../../../.." + file, "..%2f..%2f..%2f.." + file, `..\..\..` + file, file + "\x00.png", "//localhost" + file, "/proc/self/environ"}
	values := func(v string) string {
		return "q=V&file=V&path=V&name=V&url=V&template=V&job=V&next=V&document=V&id=V&patient=V"
	}
	n := 0
	check := func(a answer, what string) {
		if n++; strings.Contains(a.body, canary) || strings.Contains(a.body, "GOTRACEBACK") || strings.Contains(a.body, "PATH=/") || a.status >= 500 {
			t.Errorf("%s: %d %.200s", what, a.status, a.body)
		}
	}
	for _, v := range paths {
		query := strings.ReplaceAll(values(v), "V", escaped(v))
		for _, rt := range h.routes() {
			method, pattern, _ := strings.Cut(rt.Pattern, " ")
			if method == "GET" {
				check(h.ask("amara", method, fill(pattern, "rosa", "r")+"?"+query, ""), pattern)
				continue
			}
			if strings.Contains(pattern, "sign-out") || strings.Contains(pattern, "lock") {
				continue
			}
			check(h.ask("amara", method, fill(pattern, "nobody", "x"), query), pattern)
		}
		for _, rt := range fhirapi.Routes() {
			if rt.Method == "GET" && !strings.Contains(rt.Pattern, "websocket") {
				check(h.ask("amara", rt.Method, strings.NewReplacer("{$}", "", "{compartment}/{id}/{type}", "Patient/rosa/Observation", "{type}", "Patient", "{id}", escaped(v), "{vid}", "1").Replace(rt.Pattern)+"?"+query, ""), rt.Pattern)
			}
		}
	}
	t.Logf("%d requests", n)
}

// escaped is a text as a part of a URL.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// TestAbuseA12: whoever has the id of a file does not have the file: its owner's record
// decides.
func TestAbuseA12(t *testing.T) {
	h := full(t)
	for _, who := range []string{"sam", "dana", "bill", "ada", "gus", ""} {
		for _, r := range []request{
			{"GET", "/fhir/Binary/r-bin", "", nil}, {"GET", "/fhir/Binary/r-bin", "", []string{"Accept: */*"}}, {"GET", "/fhir/Binary/r-bin", "", []string{"Accept: text/plain"}},
			{"GET", "/fhir/Binary/r-bin/_history/1", "", nil}, {"GET", "/fhir/Binary/r-bin/_history", "", nil}, {"GET", "/fhir/DocumentReference/r-doc", "", nil},
			{"GET", "/portal/documents/r-doc", "", nil}, {"GET", "/p/rosa/documents/r-doc", "", nil}, {"HEAD", "/fhir/Binary/r-bin", "", nil},
		} {
			a := h.ask(who, r.method, r.path, r.body, r.headers...)
			if a.status < 300 || strings.Contains(a.body, "YQ==") || a.body == "a" || a.header.Get("Content-Disposition") != "" {
				t.Errorf("%s %s %q by %q: %d %.100s", r.method, r.path, r.headers, who, a.status, a.body)
			}
		}
	}
	if a := h.ask("rosa", "GET", "/fhir/Binary/r-bin", ""); a.status != 200 || !strings.Contains(a.body, "YQ==") && a.body != "a" {
		t.Errorf("the owner does not get the file: %d %s", a.status, a.body)
	}
}

// TestAbuseA13: what the server owns cannot be set: version and time, the author's name on a
// signed note, the origin of what a patient writes.
func TestAbuseA13(t *testing.T) {
	h := full(t)
	rng := rand.New(rand.NewPCG(13, 1))
	for range 60 {
		version, year := rng.IntN(1000)+2, 1970+rng.IntN(50)
		a := h.ask("amara", "POST", "/fhir/Observation", fmt.Sprintf(`{"resourceType":"Observation","id":"x%d","meta":{"versionId":"%d","lastUpdated":"%d-01-01T00:00:00Z"},"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`, version, version, year))
		if a.status != 201 || !strings.Contains(a.body, `"versionId":"1"`) || !strings.Contains(a.body, `"lastUpdated":"2026-11-23T12:00:01.000Z"`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for name, c := range map[string]struct{ who, kind, body string }{
		"a note signed as another":  {"nina", "Composition", `{"resourceType":"Composition","status":"final","type":{"text":"Note"},"subject":{"reference":"Patient/sam"},"date":"2026-11-23","author":[{"reference":"Practitioner/amara"}],"attester":[{"mode":"legal","party":{"reference":"Practitioner/amara"}}],"title":"x"}`},
		"a reading by the clinic":   {"sam", "Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"},"performer":[{"reference":"Practitioner/amara"}]}`},
		"a message as the doctor":   {"sam", "Communication", message("", "patient-message")},
		"a label taken off":         {"sam", "Observation", `{"resourceType":"Observation","id":"s-obs1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/sam"}}`},
		"a file in another's chart": {"sam", "Binary", `{"resourceType":"Binary","contentType":"text/plain","securityContext":{"reference":"Patient/rosa"},"data":"YQ=="}`},
	} {
		before := h.kept()
		method, path := "POST", "/fhir/"+c.kind
		if strings.Contains(c.body, `"id":"s-obs1"`) {
			method, path = "PUT", path+"/s-obs1"
		}
		if a := h.ask(c.who, method, path, strings.Replace(c.body, `"id":"",`, "", 1)); a.status < 400 || h.kept() != before {
			t.Errorf("%s by %s: %d", name, c.who, a.status)
		}
	}
}

// chartOf returns the ids that a patient sees of the own chart, sorted.
func (h *house) chartOf(t *testing.T, who string) []string {
	t.Helper()
	a := h.ask(who, "GET", "/fhir/Patient/"+who+"/$everything", "")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var ids []string
	for e := range parsed(t, a.body).Get("entry").Items() {
		ids = append(ids, e.Path("resource.resourceType").Text()+"/"+e.Path("resource.id").Text())
	}
	slices.Sort(ids)
	return ids
}

// TestAbuseA17: charts are not merged by Osler yet; what exists is a link between two
// Patients and the move of an entry to another chart. A link opens nothing, and after moves
// to and fro each sees exactly what was theirs before, with no trace of the other's.
func TestAbuseA17(t *testing.T) {
	h := full(t)
	rosa, sam := h.chartOf(t, "rosa"), h.chartOf(t, "sam")
	link := func(on bool) {
		p := parsed(t, h.sees(t, "amara", "Patient/sam"))
		body := string(p.JSON())
		if on {
			body = strings.Replace(body, `"active":true`, `"active":true,"link":[{"other":{"reference":"Patient/rosa"},"type":"replaced-by"}]`, 1)
		} else {
			body = strings.Replace(body, `"link":[{"other":{"reference":"Patient/rosa"},"type":"replaced-by"}],`, "", 1)
		}
		if a := h.ask("amara", "PUT", "/fhir/Patient/sam", body); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	link(true)
	if got := h.chartOf(t, "sam"); !slices.Equal(got, sam) {
		t.Errorf("a link between two records opens the other: %v", got)
	}
	rng := rand.New(rand.NewPCG(17, 1))
	at := map[string]string{"r-obs0": "rosa", "r-cond": "rosa", "s-obs0": "sam", "s-imm": "sam", "r-proc": "rosa"}
	first := map[string]string{"r-obs0": "rosa", "r-cond": "rosa", "s-obs0": "sam", "s-imm": "sam", "r-proc": "rosa"}
	kind := map[string]string{"r-obs0": "Observation", "r-cond": "Condition", "s-obs0": "Observation", "s-imm": "Immunization", "r-proc": "Procedure"}
	move := func(id, to string) {
		body := h.sees(t, "amara", kind[id]+"/"+id)
		body = strings.Replace(body, `{"reference":"Patient/`+at[id]+`"}`, `{"reference":"Patient/`+to+`"}`, 1)
		if a := h.ask("amara", "PUT", "/fhir/"+kind[id]+"/"+id, body); a.status != 200 {
			t.Fatalf("%s to %s: %d %s", id, to, a.status, a.body)
		}
		at[id] = to
	}
	ids := []string{"r-obs0", "r-cond", "s-obs0", "s-imm", "r-proc"}
	for range 20 {
		id := ids[rng.IntN(len(ids))]
		move(id, map[string]string{"rosa": "sam", "sam": "rosa"}[at[id]])
		for _, id := range ids {
			for _, who := range []string{"rosa", "sam"} {
				if sees := h.sees(t, who, kind[id]+"/"+id) != ""; sees != (at[id] == who) {
					t.Fatalf("%s is in the chart of %s; %s sees it: %v", id, at[id], who, sees)
				}
			}
		}
	}
	for _, id := range ids {
		if at[id] != first[id] {
			move(id, first[id])
		}
	}
	link(false)
	if got := h.chartOf(t, "rosa"); !slices.Equal(got, rosa) {
		t.Errorf("Rosa's chart has become %v", got)
	}
	if got := h.chartOf(t, "sam"); !slices.Equal(got, sam) {
		t.Errorf("Sam's chart has become %v", got)
	}
	for _, id := range ids { // the versions of the time in the other chart stay hidden
		other := map[string]string{"rosa": "sam", "sam": "rosa"}[first[id]]
		if a := h.ask(other, "GET", "/fhir/"+kind[id]+"/"+id+"/_history", ""); a.status != 404 {
			t.Errorf("%s reads the history of %s: %d", other, id, a.status)
		}
		if a := h.ask(first[id], "GET", "/fhir/"+kind[id]+"/"+id+"/_history", ""); a.status != 200 || strings.Contains(a.body, `"Patient/`+other+`"`) {
			t.Errorf("the history of %s tells its owner about the other: %d", id, a.status)
		}
	}
}

// TestAbuseA18: nothing that is uploaded is run: no plugins, no shells, no scripts in the
// program, and no operation that would evaluate what is stored.
func TestAbuseA18(t *testing.T) {
	allowed(t, "plugin", importers(t, "plugin"))
	allowed(t, "os/exec", importers(t, "os/exec"), "door/webtest", "door/console", "store/postgres/pgtest", "store/storetest", "tools", "base/seal", "base/malware") // the commands that the operator names: for the master key, for a scanner
	for _, engine := range []string{"github.com/dop251/goja", "github.com/robertkrimen/otto", "github.com/yuin/gopher-lua", "go.starlark.net", "github.com/traefik/yaegi"} {
		allowed(t, engine, importers(t, engine))
	}
	h := full(t)
	for _, body := range []string{
		`{"resourceType":"Library","id":"evil","status":"active","type":{"text":"logic"},"content":[{"contentType":"text/cql","data":"ZGVmaW5lIHg6IDE="}]}`,
		`{"resourceType":"StructureMap","id":"evil","url":"urn:evil","name":"evil","status":"active","group":[{"name":"a","typeMode":"none","input":[{"name":"a","mode":"source"}],"rule":[{"name":"a","source":[{"context":"a"}]}]}]}`,
	} {
		n := parsed(t, body)
		if a := h.ask("ada", "PUT", "/fhir/"+n.ResourceType()+"/evil", body); a.status >= 300 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for _, op := range []string{"$evaluate", "$transform", "$apply", "$run", "$cql", "$package"} {
			if a := h.ask("ada", "POST", "/fhir/"+n.ResourceType()+"/evil/"+op, `{"resourceType":"Parameters"}`); a.status < 400 || a.status >= 500 {
				t.Errorf("%s %s: %d", n.ResourceType(), op, a.status)
			}
		}
	}
}

// TestAbuseA19: one process holds one record. Two in the same process, with the same ids,
// share nothing: no search, no terminology, no page, no session, no token.
func TestAbuseA19(t *testing.T) {
	set := `{"resourceType":"ValueSet","id":"vs","url":"urn:vs","status":"active","compose":{"include":[{"system":"urn:s","concept":[{"code":"WORD"}]}]}}`
	make := func(word string) *house {
		return open(t, `{"resourceType":"Patient","id":"rosa","name":[{"family":"`+word+`"}]}`, `{"resourceType":"Patient","id":"sam","name":[{"family":"`+word+`"}]}`, strings.Replace(set, "WORD", word, 1),
			`{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"`+word+`"},"subject":{"reference":"Patient/rosa"}}`, `{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"`+word+`"},"subject":{"reference":"Patient/rosa"}}`)
	}
	a, b := make("Ahlberg"), make("Borgia")
	for range 2 { // the second round meets what the first has cached
		for _, path := range []string{"/fhir/Patient/rosa", "/fhir/Patient", "/fhir/Patient?family=Ahl", "/fhir/ValueSet/vs/$expand", "/fhir/ValueSet/$expand?url=urn:vs", "/fhir/Observation?_include=Observation:subject", "/p/rosa", "/fhir/_history"} {
			if x := a.ask("amara", "GET", path, ""); x.status != 200 || strings.Contains(strings.ToLower(x.body), "borgia") {
				t.Errorf("%s in house A: %d", path, x.status)
			}
			if y := b.ask("amara", "GET", path, ""); y.status != 200 || strings.Contains(strings.ToLower(y.body), "ahlberg") && !strings.Contains(path, "Ahl") {
				t.Errorf("%s in house B: %d %.200s", path, y.status, y.body)
			}
		}
	}
	page := a.ask("amara", "GET", "/fhir/Observation?_count=1", "").nextPage()
	if page == "" {
		t.Fatal("there is no second page")
	}
	if x := b.ask("amara", "GET", page, ""); x.status < 400 {
		t.Errorf("house B opens the page of house A: %d %.300s", x.status, x.body)
	}
	p := *a.people["amara"]
	b.people["guest"] = &p
	if x := b.ask("guest", "GET", "/fhir/Patient/rosa", ""); x.status != 401 {
		t.Errorf("the token of house A in house B: %d", x.status)
	}
	if x := b.ask("guest", "GET", "/p/rosa", ""); x.status != 303 {
		t.Errorf("the session of house A in house B: %d", x.status)
	}
}

// TestAbuseA20: an export holds what its caller may read singly, no more and no less.
func TestAbuseA20(t *testing.T) {
	h := full(t)
	for _, user := range []string{"amara", "nina", "dana", "bill", "gus"} {
		p := h.people[user]
		token, err := h.site.Accounts.IssueToken(t.Context(), trust.System("test"), p.principal.ID, []string{"system/*.rs"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.bearer = token
		h.people["program"] = &q
		for _, what := range []string{"/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/group/$export"} {
			got := h.export(t, "program", what)
			for key := range got {
				if h.sees(t, user, key) == "" {
					t.Errorf("%s by %s holds %s, which the caller may not read", what, user, key)
				}
			}
			if what != "/fhir/$export" {
				continue
			}
			for _, e := range records() {
				if h.sees(t, user, e.key()) != "" && !got[e.key()] && len(got) > 0 {
					t.Errorf("%s by %s lacks %s", what, user, e.key())
				}
			}
			if user == "amara" && len(got) < 100 {
				t.Errorf("%s by %s holds %d resources", what, user, len(got))
			}
		}
		delete(h.people, "program")
	}
}

// export runs an export and returns what it holds; nothing when it is refused.
func (h *house) export(t *testing.T, who, path string) map[string]bool {
	t.Helper()
	got := map[string]bool{}
	h.exported(t, who, path, func(line string) {
		n := parsed(t, line)
		got[n.ResourceType()+"/"+n.ID()] = true
	})
	return got
}

// exported calls f for every line of an export; for none when it is refused.
func (h *house) exported(t *testing.T, who, path string, f func(line string)) {
	t.Helper()
	a := h.ask(who, "GET", path, "", "Prefer: respond-async", "Accept: application/fhir+json")
	if a.status >= 400 && a.status < 500 {
		return
	}
	at := strings.TrimPrefix(a.header.Get("Content-Location"), "http://osler.example")
	if a.status != 202 || at == "" {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	eventually(t, path+" is not ready", func() bool { a = h.ask(who, "GET", at, ""); return a.status != 202 })
	if a.status != 200 {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	for o := range parsed(t, a.body).Get("output").Items() {
		file := strings.TrimPrefix(o.Get("url").Text(), "http://osler.example")
		lines := h.ask(who, "GET", file, "", "Accept: application/fhir+ndjson")
		if other := h.ask("sam", "GET", file, ""); other.status < 400 {
			t.Errorf("another reads the file of the export: %d", other.status)
		}
		for line := range strings.Lines(lines.body) {
			f(line)
		}
	}
}

// source is the text of a file of the tree.
func source(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources are the program's files of a folder.
func sources(t *testing.T, folder string) (names []string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil || len(list) == 0 {
		t.Fatalf("%s has %d files: %v", folder, len(list), err)
	}
	for _, name := range list {
		if !strings.HasSuffix(name, "_test.go") {
			names = append(names, folder+"/"+filepath.Base(name))
		}
	}
	return names
}
