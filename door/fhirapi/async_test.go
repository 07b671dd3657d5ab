package fhirapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// fetched asks for an answer until it is there.
func (h *house) fetched(address string) answer {
	h.t.Helper()
	for range 500 {
		a := h.follow(address)
		if a.status != http.StatusAccepted {
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatal("the answer never came")
	return answer{}
}

func TestAnsweredLater(t *testing.T) {
	h := open(t)
	const async = "Prefer: respond-async"
	for path, want := range map[string]string{
		"/fhir/Patient?identifier=urn:mrn%7CR1": "rosa",
		"/fhir/Patient/rosa/$everything":        "rosa",
		"/fhir/Patient/rosa/_history":           "rosa",
	} {
		a := h.get(path, async).is(http.StatusAccepted)
		if a.header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("%s: %v", path, a.header)
		}
		got := h.fetched(a.header.Get("Content-Location")).is(http.StatusOK).node
		if got.Get("type").Text() != "batch-response" || got.Path("entry.0.resource.entry.0.resource.id").Text() != want || got.Path("entry.0.response.status").Text() != "200 OK" {
			t.Errorf("%s: %s", path, got.JSON())
		}
		h.ask("DELETE", strings.TrimPrefix(a.header.Get("Content-Location"), h.url), "").is(http.StatusAccepted)
		h.follow(a.header.Get("Content-Location")).refused(http.StatusNotFound)
	}
	form := h.ask("POST", "/fhir/Patient/_search", "identifier=urn:mrn|S1", async, "Content-Type: application/x-www-form-urlencoded").is(http.StatusAccepted)
	if got := h.fetched(form.header.Get("Content-Location")).is(200).node.Path("entry.0.resource.entry.0.resource.id").Text(); got != "sam" {
		t.Errorf("a form: %s", got)
	}
	bad := h.get("/fhir/Patient?birthdate=yesterday", async).is(http.StatusAccepted)
	if got := h.fetched(bad.header.Get("Content-Location")).is(200).node.Path("entry.0.response"); !strings.HasPrefix(got.Get("status").Text(), "400") || got.Path("outcome.resourceType").Text() != "OperationOutcome" {
		t.Errorf("a refusal: %s", got.JSON())
	}
	// Others do not get it, writes are done at once, and there is an end to what waits.
	h.as(trust.Patient).follow(form.header.Get("Content-Location")).refused(http.StatusNotFound)
	h.ask("POST", "/fhir/Observation", pulse, async).is(http.StatusCreated)
	h.get("/fhir/Patient/rosa", async).is(http.StatusOK)
	statuses := ""
	for range laterEach {
		statuses += fmt.Sprint(h.get("/fhir/Patient", async).status, " ")
	}
	if statuses != "202 202 429 429 " {
		t.Errorf("answers that wait: %s", statuses)
	}
	h.clock.Advance(laterFor + time.Minute)
	h.get("/fhir/Patient", async).is(http.StatusAccepted)
	h.get("/fhir/Patient?name=x", async, "Authorization: ").refused(http.StatusUnauthorized)
}

func TestWhatIsAnsweredLaterEndsWithTheDoor(t *testing.T) {
	var l later
	ctx, cancel := context.WithCancel(t.Context())
	if err := l.add("a", &laterJob{cancel: cancel}); err != nil {
		t.Fatal(err)
	}
	ended := false
	go func() {
		defer l.work.Done()
		<-ctx.Done()
		ended = true
	}()
	l.close()
	if !ended {
		t.Error("closed while work was on the way")
	}
	if err := l.add("b", &laterJob{cancel: cancel}); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("begun after the end: %v", err)
	}
}
