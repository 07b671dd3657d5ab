package fhirapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const isPatch = "Content-Type: application/json-patch+json"

func TestPatch(t *testing.T) {
	h := open(t)
	a := h.ask("PATCH", "/fhir/Patient/rosa", `[{"op":"test","path":"/gender","value":"female"},{"op":"add","path":"/name/0/given/-","value":"María"}]`, isPatch, "Prefer: return=representation").is(http.StatusOK)
	if got := a.node.Path("name.0.given").JSON(); string(got) != `["Rosa","María"]` {
		t.Errorf("patched: %s", got)
	}
	if tag := a.header.Get("ETag"); tag != `W/"2"` {
		t.Errorf("ETag %s", tag)
	}
	h.ask("PATCH", "/fhir/Patient/rosa", `[{"op":"remove","path":"/birthDate"}]`, isPatch, `If-Match: W/"1"`).refused(http.StatusPreconditionFailed)
	h.ask("PATCH", "/fhir/Patient/rosa", `[{"op":"remove","path":"/birthDate"},{"op":"test","path":"/gender","value":"male"}]`, isPatch).refused(http.StatusUnprocessableEntity, "Operation 2")
	if n := h.get("/fhir/Patient/rosa").is(http.StatusOK).node; n.Get("birthDate").Text() != "1970-05-06" {
		t.Errorf("half of a patch was carried out: %s", n.JSON())
	}
	if tag := h.ask("PATCH", "/fhir/Patient/rosa", `[{"op":"test","path":"/gender","value":"female"},{"op":"replace","path":"/gender","value":"female"}]`, isPatch).is(http.StatusOK).header.Get("ETag"); tag != `W/"2"` {
		t.Errorf("a patch that changes nothing made version %s", tag)
	}
	h.ask("PATCH", "/fhir/Patient?identifier=urn:mrn|S1", `[{"op":"replace","path":"/birthDate","value":"1999-12-30"}]`, isPatch).is(http.StatusOK)
	if n := h.get("/fhir/Patient/sam").node; n.Get("birthDate").Text() != "1999-12-30" {
		t.Errorf("by condition: %s", n.JSON())
	}
}

func TestPatchInBundles(t *testing.T) {
	h := open(t)
	binary := func(operations string) string {
		return `{"resourceType":"Binary","contentType":"application/json-patch+json","data":"` + base64.StdEncoding.EncodeToString([]byte(operations)) + `"}`
	}
	for i, kind := range []string{"transaction", "batch"} {
		date := fmt.Sprintf("1999-12-0%d", i+1)
		h.ask("POST", "/fhir", bundleOf(kind,
			entry("PATCH", "Patient?identifier=urn:mrn|S1", binary(`[{"op":"replace","path":"/birthDate","value":"`+date+`"}]`)),
			entry("PATCH", "Patient/rosa", binary(`[{"op":"add","path":"/active","value":false}]`)))).is(http.StatusOK)
		if got := h.get("/fhir/Patient/sam").node.Get("birthDate").Text(); got != date {
			t.Errorf("%s: %s", kind, got)
		}
		if h.get("/fhir/Patient/rosa").node.Get("active").True() {
			t.Errorf("%s: the second patch was not carried out", kind)
		}
	}
	before := h.count()
	h.ask("POST", "/fhir", bundleOf("transaction",
		entry("PATCH", "Patient/sam", binary(`[{"op":"remove","path":"/birthDate"}]`)),
		entry("PATCH", "Patient/rosa", binary(`[{"op":"remove","path":"/none"}]`)))).refused(http.StatusUnprocessableEntity)
	if h.count() != before {
		t.Error("a transaction that failed has stored something")
	}
}

// The three forms of a patch say the same, and each can stand in a bundle.
func TestPatchForms(t *testing.T) {
	h := open(t)
	const path = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"Patient.birthDate"},{"name":"value","valueDate":"1971-01-01"}]}]}`
	const document = `<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:birthDate/@value">1972-01-01</replace></diff>`
	born := func(want string) {
		t.Helper()
		if got := h.get("/fhir/Patient/rosa").node.Get("birthDate").Text(); got != want {
			t.Errorf("birth date %s, want %s", got, want)
		}
	}
	h.ask("PATCH", "/fhir/Patient/rosa", path).is(http.StatusOK)
	born("1971-01-01")
	h.ask("PATCH", "/fhir/Patient/rosa", document, "Content-Type: application/xml-patch+xml").is(http.StatusOK)
	born("1972-01-01")
	binary := `{"resourceType":"Binary","contentType":"application/xml-patch+xml","data":"` + base64.StdEncoding.EncodeToString([]byte(document)) + `"}`
	for _, kind := range []string{"transaction", "batch"} {
		h.ask("POST", "/fhir", bundleOf(kind, entry("PATCH", "Patient/rosa", path))).is(http.StatusOK)
		born("1971-01-01")
		h.ask("POST", "/fhir", bundleOf(kind, entry("PATCH", "Patient/rosa", binary))).is(http.StatusOK)
		born("1972-01-01")
	}
	h.ask("PATCH", "/fhir/Patient/rosa", `{"resourceType":"Parameters","parameter":[{"name":"operation"}]}`).refused(http.StatusBadRequest, "Operation 1")
	h.ask("PATCH", "/fhir/Patient/rosa", with(path, "1971-01-01", "01.01.1971")).refused(http.StatusUnprocessableEntity, "birthDate")
	h.ask("PATCH", "/fhir/Patient/rosa", with(with(path, "birthDate", "id"), "valueDate", "valueId")).refused(http.StatusUnprocessableEntity, "id")
	h.ask("PATCH", "/fhir/Patient/rosa", path, "Content-Type: text/plain").refused(http.StatusUnsupportedMediaType, "json-patch")
	born("1972-01-01")
}

// What a patch in a transaction refers to by "urn:uuid:" becomes the id that is given.
func TestPatchRefersToEntries(t *testing.T) {
	h := open(t)
	const full = "urn:uuid:7b3a1c2e-0000-4000-8000-000000000001"
	for contentType, text := range map[string]string{
		jsonPatch: `[{"op":"add","path":"/managingOrganization","value":{"reference":"` + full + `"}}]`,
		xmlPatch:  `<diff xmlns="http://hl7.org/fhir"><add sel="Patient"><managingOrganization><reference value="` + full + `"/></managingOrganization></add></diff>`,
		"":        `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"managingOrganization"},{"name":"value","valueReference":{"reference":"` + full + `"}}]}]}`,
	} {
		h.ask("PUT", "/fhir/Patient/rosa", `{"resourceType":"Patient","id":"rosa"}`).is(http.StatusOK)
		resource := text
		if contentType != "" {
			resource = `{"resourceType":"Binary","contentType":"` + contentType + `","data":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`
		}
		a := h.ask("POST", "/fhir", bundleOf("transaction",
			entry("POST", "Organization", `{"resourceType":"Organization","name":"Lab"}`, full),
			entry("PATCH", "Patient/rosa", resource))).is(http.StatusOK)
		want, _, _ := strings.Cut(a.node.Path("entry.0.response.location").Text(), "/_history")
		if got := h.get("/fhir/Patient/rosa").node.Path("managingOrganization.reference").Text(); got != want || want == "" {
			t.Errorf("%s: %s, want %s", contentType, got, want)
		}
	}
}

// Clients that race on few keys: every conditional create happens once, no update is lost,
// and nobody reads what was already replaced when the read began. The drill has 64 clients
// on 1,000 keys.
func TestRaces(t *testing.T) {
	h := open(t)
	keys, clients, rounds := 40, 64, 2
	if os.Getenv("OSLER_DRILL") != "" {
		keys = 1000
	}
	type register struct {
		sync.Mutex
		created int
		newest  int            // the newest version that was acknowledged
		writes  map[int]string // acknowledged version -> value
	}
	registers := make([]register, keys)
	for k := range registers {
		registers[k].writes = map[int]string{1: "new"}
	}
	var reads, conflicts atomic.Int64
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for round := range rounds {
				for k := range keys {
					k = (k*7 + n) % keys
					r := &registers[k]
					key := fmt.Sprint(k)
					r.Lock()
					before := r.newest
					r.Unlock()
					a := h.ask("POST", "/fhir/Basic", `{"resourceType":"Basic","identifier":[{"system":"urn:race","value":"`+key+`"}],"code":{"text":"new"}}`, "If-None-Exist: identifier=urn:race|"+key)
					version := 0
					fmt.Sscanf(a.header.Get("ETag"), `W/"%d"`, &version)
					reads.Add(1)
					r.Lock()
					switch {
					case a.status == http.StatusCreated:
						r.created++
						r.newest = max(r.newest, version)
					case a.status != http.StatusOK:
						t.Errorf("create: %d %.200s", a.status, a.body)
					case version < before:
						t.Errorf("key %d: version %d was read after %d was acknowledged", k, version, before)
					}
					r.Unlock()
					value := fmt.Sprintf("%d/%d", n, round)
					b := h.ask("PATCH", "/fhir/Basic/"+a.node.ID(), `[{"op":"replace","path":"/code/text","value":"`+value+`"}]`, isPatch, "If-Match: "+a.header.Get("ETag"))
					switch b.status {
					case http.StatusOK:
						r.Lock()
						if was, twice := r.writes[version+1]; twice {
							t.Errorf("key %d: version %d was acknowledged for %s and %s", k, version+1, was, value)
						}
						if got := b.header.Get("ETag"); got != fmt.Sprintf(`W/"%d"`, version+1) {
							t.Errorf("key %d: an update of version %d made %s", k, version, got)
						}
						r.writes[version+1] = value
						r.newest = max(r.newest, version+1)
						r.Unlock()
					case http.StatusPreconditionFailed:
						conflicts.Add(1)
					default:
						t.Errorf("update: %d %.200s", b.status, b.body)
					}
				}
			}
		})
	}
	wg.Wait()
	updates := 0
	for k := range registers {
		r := &registers[k]
		found := h.get(fmt.Sprintf("/fhir/Basic?identifier=urn:race|%d", k)).is(http.StatusOK).node.Get("entry")
		if r.created != 1 || found.Len() != 1 {
			t.Fatalf("key %d: created %d times, %d stored", k, r.created, found.Len())
		}
		history := h.get("/fhir/Basic/" + found.At(0).Path("resource.id").Text() + "/_history?_count=1000").is(http.StatusOK).node.Get("entry")
		if history.Len() != len(r.writes) {
			t.Errorf("key %d: %d versions are stored, %d were acknowledged", k, history.Len(), len(r.writes))
		}
		for e := range history.Items() {
			version := 0
			fmt.Sscan(e.Path("resource.meta.versionId").Text(), &version)
			if got := e.Path("resource.code.text").Text(); got != r.writes[version] {
				t.Errorf("key %d, version %d: %q is stored, %q was acknowledged", k, version, got, r.writes[version])
			}
		}
		updates += len(r.writes) - 1
	}
	t.Logf("%d clients, %d keys: %d conditional creates of which %d created, %d updates, %d refused as stale", clients, keys, reads.Load(), keys, updates, conflicts.Load())
}
