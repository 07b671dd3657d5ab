package fhirapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
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
	h.follow(form.header.Get("Content-Location")).refused(http.StatusNotFound)
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

// TestAnAnswerThatWaitsIsJudgedAgain: an answer that was made before something was hidden from who asked is
// not given out after that; and each time that one is fetched stands in the log of the patients in it.
func TestAnAnswerThatWaitsIsJudgedAgain(t *testing.T) {
	h := open(t)
	const observed = `{"resourceType":"Observation","id":"wrong-chart","status":"final","code":{"text":"weight"},"subject":{"reference":"Patient/%s"}}`
	h.seed(fmt.Sprintf(observed, "rosa"), `{"resourceType":"Composition","id":"letter","status":"final","type":{"text":"x"},"subject":{"reference":"Patient/rosa"},"date":"2026-11-01","author":[{"reference":"Practitioner/amara"}],"title":"x","section":[{"title":"x","entry":[{"reference":"Observation/wrong-chart"}]}]}`)
	asked := map[string]string{}
	for _, path := range []string{"/fhir/Observation?patient=rosa", "/fhir/Observation/wrong-chart/_history", "/fhir/Patient/rosa/$everything", "/fhir/Composition/letter/$document"} {
		patient := h.as(trust.Patient)
		a := patient.get(path, "Prefer: respond-async").is(http.StatusAccepted)
		asked[path] = a.header.Get("Content-Location")
		for range 2 {
			got := patient.fetched(asked[path]).is(http.StatusOK)
			if !strings.Contains(string(got.body), "wrong-chart") {
				t.Fatalf("%s: %s", path, got.body)
			}
			if l := h.newest().Leaf; l.Role != string(trust.Patient) || l.Count == 0 || !slices.Contains(l.Patients, "rosa") {
				t.Errorf("%s: fetching it is noted as %+v", path, l)
			}
		}
	}
	h.seed(fmt.Sprintf(observed, "sam")) // it was another's
	for path, address := range asked {
		a := h.as(trust.Patient).follow(address)
		if a.status != http.StatusGone || strings.Contains(string(a.body), "weight") {
			t.Errorf("%s, after it was hidden: %d %s", path, a.status, a.body)
		}
		h.as(trust.Patient).follow(address).refused(http.StatusNotFound)
	}
}

// TestAnswersThatWaitHaveABound: what waits for one account, and for all, has an end.
func TestAnswersThatWaitHaveABound(t *testing.T) {
	l := later{jobs: map[string]*laterJob{}}
	put := func(owner string, size int) error {
		j := &laterJob{owner: owner}
		if err := l.room(j, size); err != nil {
			return err
		}
		l.jobs[fmt.Sprint(len(l.jobs))] = j
		return nil
	}
	if err := put("a", laterBytes-1); err != nil {
		t.Fatal(err)
	}
	if err := put("a", 2); !fault.Is(err, fault.TooCostly) {
		t.Errorf("more than one account may keep: %v", err)
	}
	for i := range laterTotal/laterBytes - 1 {
		if err := put(fmt.Sprint(i), laterBytes); err != nil {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	if err := put("b", 2); !fault.Is(err, fault.TooCostly) {
		t.Errorf("more than all may keep: %v", err)
	}
}

// TestWhatIsInNobodysChartWaitsBriefly: the practitioners of a patient are in nobody's chart, so that an answer
// with them does not tell when the patient's is hidden: it is let go after a minute.
func TestWhatIsInNobodysChartWaitsBriefly(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Encounter","id":"visit","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/amara"}}]}`)
	at := map[string]string{}
	for _, path := range []string{"/fhir/Practitioner?_has:Encounter:participant:patient=rosa", "/fhir/Encounter?patient=rosa"} {
		at[path] = h.get(path, "Prefer: respond-async").is(http.StatusAccepted).header.Get("Content-Location")
		if got := h.fetched(at[path]).is(http.StatusOK); got.node.Path("entry.0.resource.entry.0.resource.id").Text() == "" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	h.clock.Advance(2 * laterBare)
	h.follow(at["/fhir/Practitioner?_has:Encounter:participant:patient=rosa"]).refused(http.StatusGone)
	h.follow(at["/fhir/Encounter?patient=rosa"]).is(http.StatusOK)
}

// TestATotalOfMoreThanItsPageWaitsBriefly: a total counts who is not on the page, so that an answer with one does
// not tell when somebody of them was hidden: it is let go after a minute. One that shows all it counts waits.
func TestATotalOfMoreThanItsPageWaitsBriefly(t *testing.T) {
	h := open(t)
	for _, id := range []string{"one", "two"} {
		h.seed(`{"resourceType":"Encounter","id":"` + id + `","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"}}`)
	}
	const part, whole = "/fhir/Encounter?patient=rosa&_count=1&_total=accurate", "/fhir/Encounter?patient=rosa&_total=accurate"
	at := map[string]string{}
	for _, path := range []string{part, whole} {
		at[path] = h.get(path, "Prefer: respond-async").is(http.StatusAccepted).header.Get("Content-Location")
		if got := h.fetched(at[path]).is(http.StatusOK); got.node.Path("entry.0.resource.total").Text() != "2" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	h.clock.Advance(2 * laterBare)
	h.follow(at[part]).refused(http.StatusGone)
	h.follow(at[whole]).is(http.StatusOK)
}
