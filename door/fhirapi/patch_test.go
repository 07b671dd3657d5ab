package fhirapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
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

// Clients that race: every conditional create happens once, no update is lost.
func TestRaces(t *testing.T) {
	h := open(t)
	keys, clients, rounds := 60, 16, 4
	if testing.Short() {
		keys, clients = 10, 8
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	created, added := map[string]int{}, map[string]int{}
	for n := range clients {
		wg.Go(func() {
			for round := range rounds {
				for k := range keys {
					key := fmt.Sprint((k*7 + n) % keys)
					a := h.ask("POST", "/fhir/Basic", `{"resourceType":"Basic","identifier":[{"system":"urn:race","value":"`+key+`"}],"code":{"text":"0"}}`, "If-None-Exist: identifier=urn:race|"+key)
					if a.status == http.StatusCreated {
						mu.Lock()
						created[key]++
						mu.Unlock()
					} else if a.status != http.StatusOK {
						t.Errorf("create: %d %.200s", a.status, a.body)
					}
					if round%2 == 0 {
						continue
					}
					count := 0
					fmt.Sscan(a.node.Path("code.text").Text(), &count)
					b := h.ask("PATCH", "/fhir/Basic/"+a.node.ID(), fmt.Sprintf(`[{"op":"replace","path":"/code/text","value":"%d"}]`, count+1), isPatch, "If-Match: "+a.header.Get("ETag"))
					switch b.status {
					case http.StatusOK:
						mu.Lock()
						added[key]++
						mu.Unlock()
					case http.StatusPreconditionFailed:
					default:
						t.Errorf("update: %d %.200s", b.status, b.body)
					}
				}
			}
		})
	}
	wg.Wait()
	for k := range keys {
		key := fmt.Sprint(k)
		found := h.get("/fhir/Basic?identifier=urn:race|" + key).is(http.StatusOK).node.Get("entry")
		if created[key] != 1 || found.Len() != 1 {
			t.Fatalf("key %s: created %d times, %d stored", key, created[key], found.Len())
		}
		if got := found.At(0).Path("resource.code.text").Text(); got != fmt.Sprint(added[key]) {
			t.Errorf("key %s: %d updates were acknowledged, %s are stored", key, added[key], got)
		}
	}
}
