package watch

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// topical is a Subscription to a topic.
func topical(topic, endpoint, filter, content, channel string) string {
	filters := ""
	if filter != "" {
		filters = fmt.Sprintf(`"_criteria":{"extension":[{"url":%q,"valueString":%q}]},`, extFilter, filter)
	}
	return fmt.Sprintf(`{"resourceType":"Subscription","meta":{"profile":["%sbackport-subscription"]},"status":"requested","reason":"test","criteria":%q,%s`+
		`"channel":{"type":"rest-hook","endpoint":%q,"payload":"application/fhir+json","_payload":{"extension":[{"url":%q,"valueCode":%q}]}%s}}`,
		guide, topicBase+topic, filters, endpoint, extContent, content, channel)
}

func visit(id, status, patient string) string {
	return fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"status":%q,"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/%s"}}`, id, status, patient)
}

// parameter returns a parameter of the status in a notification.
func parameter(n *fhir.Node, name string) *fhir.Node {
	for p := range n.Path("entry.0.resource.parameter").Items() {
		if p.Get("name").Text() == name {
			return p
		}
	}
	return nil
}

func kind(n *fhir.Node) string { return parameter(n, "type").Get("valueCode").Text() }

// told lists the events of a notification: "1 Encounter/e1".
func told(n *fhir.Node) (list []string) {
	for p := range n.Path("entry.0.resource.parameter").Items() {
		if p.Get("name").Text() != "notification-event" {
			continue
		}
		number, focus := "", ""
		for part := range p.Get("part").Items() {
			switch part.Get("name").Text() {
			case "event-number":
				number = part.Get("valueString").Text()
			case "focus":
				focus = strings.TrimPrefix(part.Path("valueReference.reference").Text(), "https://osler.example/fhir/")
			}
		}
		list = append(list, strings.TrimSpace(number+" "+focus))
	}
	return list
}

func TestTopicEncounterStart(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, topical("encounter-start", c.URL, "Encounter?patient=Patient/rosa", "full-resource", ""))[0]
	h.becomes(id, "active")
	h.put(physician, visit("e1", "planned", "rosa"))
	h.put(physician, visit("e1", "in-progress", "rosa")) // event 1
	h.put(physician, visit("e1", "in-progress", "rosa")) // still
	h.put(physician, visit("e1", "finished", "rosa"))
	h.put(physician, visit("e2", "in-progress", "sam"))  // filtered
	h.put(physician, visit("e3", "in-progress", "rosa")) // event 2
	h.put(physician, visit("e1", "in-progress", "rosa")) // event 3: again
	h.until("handshake and three events", func() bool { return len(c.all()) >= 4 })
	h.quiet()
	var got []string
	for _, r := range c.all() {
		n := r.node(t)
		valid(t, n)
		got = append(got, kind(n)+" "+parameter(n, "events-since-subscription-start").Get("valueString").Text()+" "+strings.Join(told(n), ","))
		if n.Get("type").Text() != "history" || r.method != "POST" || parameter(n, "topic").Get("valueCanonical").Text() != topicBase+"encounter-start" ||
			parameter(n, "subscription").Path("valueReference.reference").Text() != "https://osler.example/fhir/Subscription/"+id {
			t.Errorf("%s", r.body)
		}
		if kind(n) == "event-notification" && n.Path("entry.1.resource.status").Text() != "in-progress" {
			t.Errorf("the resource: %s", r.body)
		}
	}
	want := "handshake 0 |event-notification 1 1 Encounter/e1|event-notification 2 2 Encounter/e3|event-notification 3 3 Encounter/e1"
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "|"), want)
	}
	// $status and $events tell the same.
	actor := h.gate.As(physician, "test")
	status, err := h.w.Status(context.Background(), actor, nil, nil)
	if err != nil || status.Get("entry").Len() != 1 || kind(status) != "query-status" || parameter(status, "events-since-subscription-start").Get("valueString").Text() != "3" {
		t.Errorf("$status: %s %v", status.JSON(), err)
	}
	valid(t, status)
	for content, entries := range map[string]int{"": 3, "full-resource": 3, "id-only": 1, "empty": 1} {
		events, err := h.w.Events(context.Background(), actor, id, 2, 0, content)
		if err != nil || kind(events) != "query-event" || len(told(events)) != 2 || events.Get("entry").Len() != entries {
			t.Errorf("$events %s: %s %v", content, events.JSON(), err)
		}
		valid(t, events)
	}
	if events, err := h.w.Events(context.Background(), h.gate.As(desk, "test"), id, 0, 0, "id-only"); !fault.Is(err, fault.NotFound) {
		t.Errorf("who did not ask is told of %v: %v", told(events), err)
	}
}

func TestTopicContentAndBatches(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	count := fmt.Sprintf(`,"extension":[{"url":%q,"valuePositiveInt":10}]`, extMaxCount)
	h.becomes(h.put(physician, topical("observation-created", c.URL+"/ids", "code=8867-4", "id-only", count))[0], "active")
	h.becomes(h.put(physician, topical("observation-created", c.URL+"/empty", "", "empty", count))[0], "active")
	h.becomes(h.put(physician, strings.Replace(topical("patient-changed", c.URL+"/xml", "", "full-resource", ""), "application/fhir+json", "application/fhir+xml", 1))[0], "active")
	c.clear()
	var bodies []string
	for n := range 25 {
		bodies = append(bodies, pulse(n, "8867-4", "rosa"))
	}
	h.put(physician, bodies...)
	h.put(physician, pulse(0, "8867-4", "rosa")) // an update is no creation
	h.put(physician, `{"resourceType":"Patient","id":"tom"}`)
	h.remove("Patient", "tom")
	h.until("all", func() bool { return len(c.all()) >= 3+3+2 })
	h.quiet()
	sizes, seen, xml := map[string][]int{}, map[string]bool{}, 0
	for _, r := range c.all() {
		if r.path == "/xml" {
			if xml++; !strings.HasPrefix(r.body, `<?xml`) && !strings.HasPrefix(r.body, `<Bundle`) {
				t.Errorf("%s", r.body)
			}
			continue
		}
		n := r.node(t)
		valid(t, n)
		sizes[r.path] = append(sizes[r.path], len(told(n)))
		for _, e := range told(n) {
			if r.path == "/ids" {
				seen[e[strings.Index(e, " ")+1:]] = true
			}
			if strings.Contains(e, "/") != (r.path == "/ids") {
				t.Errorf("%s tells %q", r.path, e)
			}
		}
		if n.Get("entry").Len() != 1 || strings.Contains(r.body, "rosa") || r.path == "/empty" && strings.Contains(r.body, "Observation/") {
			t.Errorf("%s tells too much: %s", r.path, r.body)
		}
	}
	if fmt.Sprint(sizes) != "map[/empty:[10 10 5] /ids:[10 10 5]]" || len(seen) != 25 || xml != 2 {
		t.Errorf("%v, %d different ones, %d in XML", sizes, len(seen), xml)
	}
}

// TestPatientsChart: one filter selects a patient's chart with the Patient itself, deletions
// among it.
func TestPatientsChart(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	h.becomes(h.put(physician, topical("chart-changed", c.URL, "patient=Patient/rosa", "id-only", ""))[0], "active")
	c.clear()
	h.put(physician, pulse(1, "1-8", "rosa"))
	h.put(physician, pulse(2, "1-8", "sam"))
	h.put(physician, visit("e1", "planned", "rosa"))
	h.put(physician, `{"resourceType":"Patient","id":"rosa","active":true}`)
	h.put(physician, `{"resourceType":"Patient","id":"sam","active":true}`)
	h.put(physician, `{"resourceType":"Practitioner","id":"x"}`)
	h.remove("Observation", "o2")
	h.remove("Observation", "o1")
	h.until("four events", func() bool { return len(c.all()) >= 4 })
	h.quiet()
	var got []string
	for _, r := range c.all() {
		got = append(got, told(r.node(t))...)
	}
	if fmt.Sprint(got) != "[1 Observation/o1 2 Encounter/e1 3 Patient/rosa 4 Observation/o1]" {
		t.Errorf("%v", got)
	}
}

// TestPatientDataFeed: filters about several types select those types, each by its own.
func TestPatientDataFeed(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	body := strings.Replace(topical("chart-changed", c.URL, "Encounter?patient=rosa&trigger=feed-event", "id-only", ""), topicBase+"chart-changed", patientDataFeed, 1)
	body = strings.Replace(body, `"_criteria":{"extension":[`, fmt.Sprintf(`"_criteria":{"extension":[{"url":%q,"valueString":"Observation?patient=rosa&code=1-8"},`, extFilter), 1)
	h.becomes(h.put(physician, body)[0], "active")
	c.clear()
	h.put(physician, pulse(1, "1-8", "rosa"), pulse(2, "2-6", "rosa"), pulse(3, "1-8", "sam"), visit("e1", "planned", "rosa"), visit("e2", "planned", "sam"))
	h.put(physician, `{"resourceType":"Patient","id":"rosa","active":true}`) // no filter names it
	h.put(physician, visit("e1", "cancelled", "rosa"))
	h.remove("Encounter", "e1") // the feed has no deletions
	h.until("three events", func() bool { return len(c.all()) >= 3 })
	h.quiet()
	var got []string
	for _, r := range c.all() {
		n := r.node(t)
		valid(t, n)
		got = append(got, told(n)...)
		if !strings.Contains(r.body, `"feed-event"`) {
			t.Errorf("the trigger is missing: %s", r.body)
		}
	}
	if fmt.Sprint(got) != "[1 Encounter/e1 2 Observation/o1 3 Encounter/e1]" {
		t.Errorf("%v", got)
	}
	for old, bad := range map[string]string{"trigger=feed-event": "trigger=other", "Encounter?": "Claim?", "code=1-8": "nonsense=1"} {
		if _, err := h.try(physician, strings.Replace(body, old, bad, 1)); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotSupported) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestParameterOfTheRecordAsCriteria: a search parameter that the record has made for itself
// works in criteria as in searches.
func TestParameterOfTheRecordAsCriteria(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	h.put(importer, `{"resourceType":"SearchParameter","url":"http://clinic.example/SearchParameter/eye","name":"eye","status":"active","description":"x","code":"eye-colour","base":["Patient"],"type":"string","expression":"Patient.extension.where(url='http://clinic.example/eye').value"}`)
	h.becomes(h.put(physician, hook("Patient?eye-colour=green", c.URL, ""))[0], "active")
	for id, colour := range map[string]string{"rosa": "green", "sam": "blue"} {
		h.put(physician, fmt.Sprintf(`{"resourceType":"Patient","id":%q,"extension":[{"url":"http://clinic.example/eye","valueString":%q}]}`, id, colour))
	}
	h.until("one request", func() bool { return len(c.all()) >= 1 })
	h.quiet()
	if n := len(c.all()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestWordsAsCriteria(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	h.becomes(h.put(physician, hook("Observation?_content=wheezing", c.URL, ""))[0], "active")
	h.put(physician, pulse(1, "1-8", "rosa"))
	h.put(physician, strings.Replace(pulse(2, "1-8", "rosa"), `"code":{`, `"note":[{"text":"Wheezing at night"}],"code":{`, 1))
	h.until("one request", func() bool { return len(c.all()) >= 1 })
	h.quiet()
	if n := len(c.all()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestHeartbeat(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	id := h.put(physician, topical("encounter-end", c.URL, "", "empty", fmt.Sprintf(`,"extension":[{"url":%q,"valueUnsignedInt":1}]`, extHeartbeat)))[0]
	h.becomes(id, "active")
	h.until("two heartbeats", func() bool {
		n := 0
		for _, r := range c.all() {
			if kind(r.node(t)) == "heartbeat" {
				n++
			}
		}
		return n >= 2
	})
}

func TestHandshakeRefused(t *testing.T) {
	h := open(t)
	c := receive(t, func(int, request) int { return 403 })
	id := h.put(physician, topical("encounter-end", c.URL, "", "empty", ""))[0]
	r := h.becomes(id, "error")
	if text := r.Get("error").Text(); !strings.Contains(text, "403") || len(c.all()) != 1 {
		t.Errorf("%q after %d handshakes", text, len(c.all()))
	}
}

func TestFiltersAreChecked(t *testing.T) {
	h := open(t)
	for _, filter := range []string{"Encounter?nonsense=1", "Patient?family=x", "nonsense=1", "Encounter?patient.name=x"} {
		if _, err := h.try(physician, topical("encounter-end", "https://receiver.example/", filter, "empty", "")); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotSupported) {
			t.Errorf("the filter %q: %v", filter, err)
		}
	}
	for _, content := range []string{"everything"} {
		if _, err := h.try(physician, topical("encounter-end", "https://receiver.example/", "", content, "")); !fault.Is(err, fault.Invalid) {
			t.Errorf("the content %q: %v", content, err)
		}
	}
}

// TestTopicsAreDocumented holds the page for people to the list of topics.
func TestTopicsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/interfaces/subscriptions.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range Topics() {
		if !strings.Contains(string(page), "`"+topic.URL+"`") || !strings.Contains(string(page), topic.Title) {
			t.Errorf("docs/interfaces/subscriptions.md does not list %s: %s", topic.URL, topic.Title)
		}
	}
}

func TestDelays(t *testing.T) {
	r := Retry{First: time.Second, Most: 10 * time.Minute}
	total := time.Duration(0)
	for n := 1; n <= 100; n++ {
		d := r.delay(n)
		low := min(time.Second<<min(n-1, 20), 10*time.Minute) / 2
		if d < low || d > 10*time.Minute {
			t.Errorf("after %d failures: %v", n, d)
		}
		if n < 30 {
			total += d
		}
	}
	if total < 90*time.Minute || total > 5*time.Hour {
		t.Errorf("30 attempts take %v", total)
	}
}
