package fhirapi

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

func TestLifeOfAResource(t *testing.T) {
	h := open(t)
	a := h.ask("POST", "/fhir/Observation", with(draft, `{"resourceType"`, `{"id":"mine","resourceType"`)).is(201)
	id := a.node.ID()
	if id == "mine" || id == "" {
		t.Errorf("a create gets the server's id, not %q", id)
	}
	if got, want := a.header.Get("Location"), h.url+"/fhir/Observation/"+id+"/_history/1"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if a.header.Get("ETag") != `W/"1"` || a.header.Get("Last-Modified") != noon.Format(http.TimeFormat) {
		t.Errorf("headers of a create: %v", a.header)
	}
	if !bytes.Contains(a.body, []byte(`"value":72.50`)) {
		t.Errorf("the decimal is not as it was sent: %s", a.body)
	}
	at := "/fhir/Observation/" + id
	one := h.get(at).is(200)
	if one.header.Get("Content-Type") != jsonContent || one.header.Get("ETag") != `W/"1"` || one.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers of a read: %v", one.header)
	}
	if head := h.ask("HEAD", at, "").is(200); len(head.body) != 0 || head.header.Get("ETag") != `W/"1"` || head.header.Get("Content-Length") != fmt.Sprint(len(one.body)) {
		t.Errorf("HEAD: %v %s", head.header, head.body)
	}
	h.get(at, `If-None-Match: W/"1"`).is(304)
	h.get(at, `If-None-Match: W/"2"`).is(200)
	h.get(at, "If-Modified-Since: "+noon.Format(http.TimeFormat)).is(304)
	h.get(at, "If-Modified-Since: "+noon.Add(-time.Minute).Format(http.TimeFormat)).is(200)

	h.clock.Advance(time.Hour)
	changed := with(string(one.body), `"value":72.50`, `"value":80`)
	h.ask("PUT", at, changed, `If-Match: W/"7"`).refused(412, "changed")
	h.ask("PUT", at, changed, `If-Match: banana`).refused(400, "banana")
	h.ask("PUT", "/fhir/Observation/other", changed).refused(400, "Observation.id")
	h.ask("PUT", at, changed, "If-None-Match: *").refused(412, "already")
	two := h.ask("PUT", at, changed, `If-Match: W/"1"`).is(200)
	if two.header.Get("ETag") != `W/"2"` || two.node.Path("meta.versionId").Text() != "2" || two.node.Path("meta.lastUpdated").Text() != "2026-11-23T13:00:00.000Z" {
		t.Errorf("update: %v %s", two.header, two.body)
	}
	h.ask("PUT", at, changed, `If-Match: W/"1"`).refused(412)
	if old := h.get(at + "/_history/1").is(200); !bytes.Equal(old.body, one.body) {
		t.Errorf("version 1 is no longer what it was: %s", old.body)
	}
	h.get(at + "/_history/3").refused(404)
	h.get(at + "/_history/x").refused(404)

	h.clock.Advance(time.Hour)
	h.ask("DELETE", at, "", `If-Match: W/"1"`).refused(412)
	if gone := h.ask("DELETE", at, "").is(204); len(gone.body) != 0 {
		t.Errorf("DELETE answers %s", gone.body)
	}
	h.ask("DELETE", at, "").is(204)
	h.get(at).refused(410, "deleted")
	h.get(at + "/_history/3").refused(410)
	h.get(at + "/_history/2").is(200)
	if list := h.get("/fhir/Observation").is(200).ids(); len(list) != 0 {
		t.Errorf("search finds the deleted %v", list)
	}
	hist := h.get(at + "/_history").is(200)
	var methods []string
	for e := range hist.node.Get("entry").Items() {
		methods = append(methods, e.Path("request.method").Text()+" "+e.Path("response.status").Text())
	}
	if fmt.Sprint(methods) != "[DELETE 204 No Content PUT 200 OK POST 201 Created]" {
		t.Errorf("history: %v", methods)
	}
	if h.ask("PUT", at, changed).is(200).header.Get("ETag") != `W/"4"` {
		t.Error("an update brings a deleted resource back as its next version")
	}
	made := h.as(trust.Administrator).ask("PUT", "/fhir/ValueSet/own.id-1", `{"resourceType":"ValueSet","id":"own.id-1","status":"draft"}`, "If-None-Match: *").is(201)
	if !strings.HasSuffix(made.header.Get("Location"), "/fhir/ValueSet/own.id-1/_history/1") {
		t.Errorf("update as create: %v", made.header)
	}
}

func TestPrefer(t *testing.T) {
	h := open(t)
	if a := h.ask("POST", "/fhir/Observation", pulse, "Prefer: return=minimal").is(201); len(a.body) != 0 || a.header.Get("Location") == "" {
		t.Errorf("minimal: %s", a.body)
	}
	if a := h.ask("POST", "/fhir/Observation", pulse, "Prefer: handling=strict; return=OperationOutcome").is(201); a.node.ResourceType() != "OperationOutcome" {
		t.Errorf("OperationOutcome: %s", a.body)
	}
	if a := h.ask("POST", "/fhir/Observation", pulse, "Prefer: return=representation").is(201); a.node.ResourceType() != "Observation" {
		t.Errorf("representation: %s", a.body)
	}
	first := h.ask("POST", "/fhir/Observation", pulse, "Idempotency-Key: k1").is(201)
	again := h.ask("POST", "/fhir/Observation", pulse, "Idempotency-Key: k1").is(201)
	if first.node.ID() != again.node.ID() {
		t.Errorf("a repeated request made another resource: %s, %s", first.node.ID(), again.node.ID())
	}
}

func TestConditionals(t *testing.T) {
	h := open(t)
	org := func(id, value, name string) string {
		if id != "" {
			id = `"id":"` + id + `",`
		}
		return `{"resourceType":"Organization",` + id + `"identifier":[{"system":"urn:o","value":"` + value + `"}],"name":"` + name + `"}`
	}
	first := h.ask("POST", "/fhir/Organization", org("", "1", "A"), "If-None-Exist: identifier=urn:o|1").is(201)
	second := h.ask("POST", "/fhir/Organization", org("", "1", "A"), "If-None-Exist: identifier=urn:o|1").is(200)
	if first.node.ID() != second.node.ID() {
		t.Errorf("If-None-Exist made two: %s, %s", first.node.ID(), second.node.ID())
	}
	for _, condition := range []string{"nonsense=1", "?", "_count=5", "_sort=name", "_format=json", "identifier=%zz"} {
		h.ask("POST", "/fhir/Organization", org("", "2", "B"), "If-None-Exist: "+condition).refused(400)
		h.ask("DELETE", "/fhir/Organization?"+strings.TrimPrefix(condition, "?"), "").refused(400)
	}
	updated := h.ask("PUT", "/fhir/Organization?identifier=urn:o|1", org("", "1", "A2")).is(200)
	if updated.node.ID() != first.node.ID() || updated.header.Get("ETag") != `W/"2"` {
		t.Errorf("conditional update: %s", updated.body)
	}
	h.ask("PUT", "/fhir/Organization?identifier=urn:o|1", org("else", "1", "A3")).refused(400, "another resource")
	h.ask("PUT", "/fhir/Organization?identifier=urn:o|9", org("", "9", "N")).is(201)
	h.ask("PUT", "/fhir/Organization?identifier=urn:o|8", org("eight", "8", "E")).is(201)
	h.ask("PUT", "/fhir/Organization?identifier=urn:o|7", org("eight", "7", "overwrites")).refused(409)
	if h.get("/fhir/Organization/eight").is(200).node.Get("name").Text() != "E" {
		t.Error("a conditional update that matches nothing overwrote another resource")
	}
	h.ask("POST", "/fhir/Organization", org("", "1", "double")).is(201)
	h.ask("PUT", "/fhir/Organization?identifier=urn:o|1", org("", "1", "x")).refused(412, "more than one")
	h.ask("POST", "/fhir/Organization", org("", "1", "x"), "If-None-Exist: identifier=urn:o|1").refused(412)
	h.ask("DELETE", "/fhir/Organization?identifier=urn:o|1", "").refused(412)
	h.ask("DELETE", "/fhir/Organization?identifier=urn:o|8", "").is(204)
	h.get("/fhir/Organization/eight").refused(410)
	h.ask("DELETE", "/fhir/Organization?identifier=urn:o|8", "").is(200)
}

func TestTwoConditionalCreatesAtOnce(t *testing.T) {
	h := open(t)
	ids := make(chan string, 8)
	for range 8 {
		go func() {
			a := h.ask("POST", "/fhir/Organization", `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"1"}],"name":"A"}`, "If-None-Exist: identifier=urn:o|1")
			ids <- fmt.Sprint(a.node.ID(), a.status >= 400)
		}()
	}
	first := <-ids
	for range 7 {
		if other := <-ids; other != first {
			t.Errorf("two creates under one condition: %s, %s", first, other)
		}
	}
}

func TestHistoryPages(t *testing.T) {
	h := open(t)
	want := map[string]bool{"rosa/1": true, "sam/1": true}
	for i := range 25 {
		h.clock.Advance(time.Minute)
		id := fmt.Sprintf("p%d", i%5)
		h.seed(fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"text":"v%d"}]}`, id, i))
		want[fmt.Sprintf("%s/%d", id, i/5+1)] = true
	}
	pages := func(path string) map[string]bool {
		seen := map[string]bool{}
		a := h.get(path).is(200)
		for n := 0; n < 50; n++ {
			for e := range a.node.Get("entry").Items() {
				if e.Path("resource.resourceType").Text() != "Patient" {
					continue
				}
				key := e.Path("resource.id").Text() + "/" + e.Path("resource.meta.versionId").Text()
				if seen[key] {
					t.Errorf("%s: %s twice", path, key)
				}
				seen[key] = true
			}
			if a.link("next") == "" {
				return seen
			}
			a = h.follow(a.link("next")).is(200)
		}
		t.Fatalf("%s has no end", path)
		return nil
	}
	for _, path := range []string{"/fhir/Patient/_history?_count=4", "/fhir/_history?_count=3", "/fhir/_history"} {
		if got := pages(path); len(got) != len(want) {
			t.Errorf("%s: %d versions, want %d: %v", path, len(got), len(want), got)
		}
	}
	if got := pages("/fhir/Patient/p1/_history?_count=2"); len(got) != 5 {
		t.Errorf("history of one: %v", got)
	}
	since := noon.Add(20 * time.Minute).Format(time.RFC3339)
	if got := pages("/fhir/Patient/_history?_count=2&_since=" + since); len(got) != 6 {
		t.Errorf("_since: %v", got)
	}
	for _, bad := range []string{"_count=-1", "_count=x", "_since=yesterday", "_page=x", "_page=-4"} {
		h.get("/fhir/Patient/_history?" + bad).refused(400)
	}
	// One commit of several versions is cut into pages too.
	h.seed(`{"resourceType":"Patient","id":"q1"}`, `{"resourceType":"Patient","id":"q2"}`, `{"resourceType":"Patient","id":"q3"}`)
	for _, count := range []string{"1", "2"} {
		path := "/fhir/Patient/_history?_count=" + count
		if got := pages(path); len(got) != len(want)+3 {
			t.Errorf("%s: %d versions, want %d", path, len(got), len(want)+3)
		}
		a := h.get(path).is(200)
		if n := fmt.Sprint(a.node.Get("entry").Len()); n != count || !strings.HasSuffix(a.link("self"), path) {
			t.Errorf("%s: %s entries, self %s", path, n, a.link("self"))
		}
	}
	// p1 was written in minutes 2, 7, 12, 17 and 22.
	at := func(value string) string {
		return "/fhir/Patient/p1/_history?_count=2&_at=" + url.QueryEscape(value)
	}
	for value, versions := range map[string]int{
		noon.Add(7 * time.Minute).Format(time.RFC3339):                               1, // the first one ends as the second begins
		noon.Add(8 * time.Minute).Format(time.RFC3339):                               1,
		noon.Add(23 * time.Minute).In(time.FixedZone("", 3600)).Format(time.RFC3339): 1,
		noon.Add(time.Minute).Format(time.RFC3339):                                   0,
		noon.AddDate(0, 0, -1).Format("2006-01-02"):                                  0,
		noon.Format("2006-01-02"):                                                    5,
		noon.Format("2006"):                                                          5,
		noon.AddDate(0, 0, 1).Format("2006-01-02"):                                   1,
	} {
		if got := pages(at(value)); len(got) != versions {
			t.Errorf("_at=%s: %v, want %d versions", value, got, versions)
		}
	}
	for _, bad := range []string{"_at=garbage", "_at=", "_sort=_lastUpdated", "_list=7", "name=Rosa"} {
		h.get("/fhir/Patient/_history?" + bad).refused(400)
	}
	h.get("/fhir/Patient/nobody/_history").refused(404)
	h.as(trust.Patient).get("/fhir/Patient/sam/_history").refused(404)
	if got := h.as(trust.Patient).get("/fhir/Patient/_history?_count=1").is(200).node.Get("entry"); got.Len() != 1 || got.Path("0.resource.id").Text() != "rosa" {
		t.Errorf("a patient's view of the history: %s", got.JSON())
	}
}

func TestEverythingAndValidate(t *testing.T) {
	h := open(t)
	mine := h.ask("POST", "/fhir/Observation", pulse).is(201).node.ID()
	h.ask("POST", "/fhir/Condition", `{"resourceType":"Condition","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`).is(201)
	h.ask("POST", "/fhir/Observation", with(pulse, "Patient/rosa", "Patient/sam")).is(201)
	all := h.get("/fhir/Patient/rosa/$everything").is(200)
	if len(all.ids()) != 4 || all.node.Get("total").Text() != "4" || all.link("self") == "" {
		t.Errorf("$everything: %v", all.ids())
	}
	if some := h.get("/fhir/Patient/rosa/$everything?_type=Observation").is(200).ids(); len(some) != 1 || some[0] != mine {
		t.Errorf("_type: %v", some)
	}
	h.get("/fhir/Patient/rosa/$everything?_type=Nonsense").refused(400, "Nonsense")
	h.get("/fhir/Patient/nobody/$everything").refused(404)
	h.as(trust.Patient).get("/fhir/Patient/sam/$everything").refused(404)
	if own := h.as(trust.Patient).get("/fhir/Patient/rosa/$everything").is(200).ids(); len(own) != 4 {
		t.Errorf("a patient's own: %v", own)
	}

	issues := func(a answer) (out []string) {
		for i := range a.is(200).node.Get("issue").Items() {
			out = append(out, i.Get("severity").Text()+" "+i.Path("expression.0").Text())
		}
		return out
	}
	if got := issues(h.ask("POST", "/fhir/Observation/$validate", pulse)); fmt.Sprint(got) != "[warning Observation]" { // dom-6: it has no narrative
		t.Errorf("a valid resource: %v", got)
	}
	wrong := with(with(pulse, `"final"`, `"perhaps"`), `"2026-11-20T10:00:00Z"`, `"20.11.2026"`)
	for _, body := range []string{wrong, `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"},{"name":"resource","resource":` + wrong + `}]}`} {
		got := fmt.Sprint(issues(h.ask("POST", "/fhir/Observation/$validate", body)))
		if !strings.Contains(got, "error Observation.status") || !strings.Contains(got, "error Observation.effectiveDateTime") && !strings.Contains(got, "error Observation.effective") {
			t.Errorf("findings: %v", got)
		}
	}
	if got := issues(h.ask("POST", "/fhir/Patient/$validate", pulse)); !strings.Contains(fmt.Sprint(got), "error resourceType") {
		t.Errorf("another type: %v", got)
	}
	if got := h.get("/fhir/Observation").is(200).ids(); len(got) != 2 {
		t.Errorf("$validate stored something: %v", got)
	}
	h.ask("POST", "/fhir/Observation", wrong).refused(422, "Observation.status")
}

// TestWhoMay: a token does what its role may, and nobody without one does anything.
func TestWhoMay(t *testing.T) {
	h := open(t)
	id := h.ask("POST", "/fhir/Observation", with(pulse, "Patient/rosa", "Patient/sam")).is(201).node.ID()
	for _, header := range []string{"Authorization: ", "Authorization: Bearer nonsense", "Authorization: Basic YTpi", "Authorization: Bearer osler_guess"} {
		if a := h.get("/fhir/Patient/rosa", header).refused(401); a.header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
		h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch"}`, header).refused(401)
		h.get("/fhir/metadata", header).is(200)
	}
	h.as(trust.FrontDesk).get("/fhir/Observation").refused(403)
	h.as(trust.FrontDesk).ask("POST", "/fhir/Observation", pulse).refused(403)
	h.as(trust.Patient).get("/fhir/Observation/" + id).refused(404)
	h.as(trust.Patient).get("/fhir/Patient/sam").refused(404)
	if got := h.as(trust.Patient).get("/fhir/Patient").is(200).ids(); fmt.Sprint(got) != "[rosa]" {
		t.Errorf("a patient finds %v", got)
	}
	if got := h.as(trust.Patient).get("/fhir/Observation?_total=accurate").is(200); len(got.ids()) != 0 || got.node.Get("total").Text() != "0" {
		t.Errorf("a patient finds another's: %s", got.body)
	}
	h.as(trust.Patient).ask("PUT", "/fhir/Patient/sam", `{"resourceType":"Patient","id":"sam"}`).refused(404)
	mixed := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/rosa"}},{"request":{"method":"GET","url":"Patient/sam"}},{"request":{"method":"GET","url":"Observation/` + id + `"}}]}`
	got := h.as(trust.Patient).ask("POST", "/fhir", mixed).is(200).node
	for i, want := range []string{"200", "404", "404"} {
		if s := got.Get("entry").At(i).Path("response.status").Text(); !strings.HasPrefix(s, want) {
			t.Errorf("entry %d of a batch: %s, want %s", i, s, want)
		}
	}
	if bytes.Contains(got.JSON(), []byte("Hill")) {
		t.Error("the batch shows another patient")
	}
}
