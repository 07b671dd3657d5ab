package fhirapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/bundle"
)

// bundle writes a Bundle of entries "METHOD url" with a resource and more of the entry.
func bundleOf(kind string, entries ...string) string {
	return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + strings.Join(entries, ",") + `]}`
}

func entry(method, url, resource string, more ...string) string {
	body := `"request":{"method":"` + method + `","url":"` + url + `"`
	full := ""
	for _, m := range more {
		if strings.HasPrefix(m, "urn:") {
			full = `"fullUrl":"` + m + `",`
			continue
		}
		name, value, _ := strings.Cut(m, ": ")
		body += `,"` + name + `":"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
	}
	if resource != "" {
		full += `"resource":` + resource + `,`
	}
	return `{` + full + body + `}}`
}

// count returns how many versions the record ever stored.
func (h *house) count() int {
	n := 0
	for a := h.get("/fhir/_history?_count=1000"); ; a = h.follow(a.link("next")) {
		n += a.is(200).node.Get("entry").Len()
		if a.link("next") == "" {
			return n
		}
	}
}

func statuses(a answer) string {
	var out []string
	for e := range a.node.Get("entry").Items() {
		s, _, _ := strings.Cut(e.Path("response.status").Text(), " ")
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestTransaction(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Organization","id":"old","name":"Old"}`, `{"resourceType":"Organization","id":"lab","identifier":[{"system":"urn:o","value":"lab"}],"name":"Lab"}`)
	const (
		p = "urn:uuid:6f5a2f4e-0001-4c3c-9b1e-000000000001"
		e = "urn:uuid:6f5a2f4e-0001-4c3c-9b1e-000000000002"
	)
	a := h.ask("POST", "/fhir", bundleOf("transaction",
		entry("GET", "Patient?family=Neu", ""),
		entry("POST", "Observation", with(with(pulse, "Patient/rosa", p), `"performer"`, `"encounter":{"reference":"`+e+`"},"performer"`)),
		entry("POST", "Encounter", `{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"subject":{"reference":"`+p+`"},"participant":[{"individual":{"reference":"Practitioner?identifier=urn:npi|7"}}]}`, e),
		entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Neu"}]}`, p),
		entry("POST", "Organization", `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"lab"}],"name":"Lab again"}`, "ifNoneExist: identifier=urn:o|lab"),
		entry("PUT", "Organization?identifier=urn:o|new", `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"new"}],"name":"New"}`),
		entry("DELETE", "Organization/old", "", `ifMatch: W/"1"`),
		entry("DELETE", "Organization?identifier=urn:o|nothing", ""),
		entry("PUT", "Organization/lab", `{"resourceType":"Organization","id":"lab","identifier":[{"system":"urn:o","value":"lab"}],"name":"Lab 2"}`, `ifMatch: W/"1"`)))
	// The last entry writes what the fifth found: one resource twice.
	a.refused(422, "the same resource Organization/lab")
	a = h.ask("POST", "/fhir", bundleOf("transaction",
		entry("GET", "Patient?family=Neu", ""),
		entry("POST", "Observation", with(with(pulse, "Patient/rosa", p), `"performer"`, `"encounter":{"reference":"`+e+`"},"performer"`)),
		entry("POST", "Encounter", `{"resourceType":"Encounter","status":"planned","class":{"code":"AMB"},"subject":{"reference":"`+p+`"},"participant":[{"individual":{"reference":"Practitioner?identifier=urn:npi|7"}}]}`, e),
		entry("POST", "Patient", `{"resourceType":"Patient","name":[{"family":"Neu"}]}`, p),
		entry("POST", "Organization", `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"lab"}],"name":"Lab again"}`, "ifNoneExist: identifier=urn:o|lab"),
		entry("PUT", "Organization?identifier=urn:o|new", `{"resourceType":"Organization","identifier":[{"system":"urn:o","value":"new"}],"name":"New"}`),
		entry("DELETE", "Organization/old", "", `ifMatch: W/"1"`),
		entry("DELETE", "Organization?identifier=urn:o|nothing", ""))).is(200)
	if got := statuses(a); a.node.Get("type").Text() != "transaction-response" || got != "200 201 201 201 200 201 204 204" {
		t.Errorf("answers: %s %s", a.node.Get("type").Text(), got)
	}
	found := a.node.Path("entry.0.resource")
	if found.Get("entry").Len() != 1 {
		t.Errorf("a read in a transaction sees its writes: %s", found.JSON())
	}
	id := found.Path("entry.0.resource.id").Text()
	loc := a.node.Path("entry.1.response.location").Text()
	obs := h.get("/fhir/" + loc).is(200).node
	enc := h.get("/fhir/" + strings.TrimSuffix(a.node.Path("entry.2.response.location").Text(), "/_history/1")).is(200).node
	if obs.Path("subject.reference").Text() != "Patient/"+id || obs.Path("encounter.reference").Text() != enc.Reference() ||
		enc.Path("subject.reference").Text() != "Patient/"+id || enc.Path("participant.0.individual.reference").Text() != "Practitioner/amara" {
		t.Errorf("references: %s %s", obs.JSON(), enc.JSON())
	}
	h.get("/fhir/Organization/old").refused(410)
	if h.get("/fhir/Organization/lab").node.Get("name").Text() != "Lab" {
		t.Error("ifNoneExist changed what it found")
	}
	if all := h.ask("POST", "/fhir", bundleOf("transaction", entry("POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`)), "Prefer: return=representation").is(200); all.node.Path("entry.0.resource.resourceType").Text() != "Basic" {
		t.Errorf("return=representation: %s", all.body)
	}
	h.ask("POST", "/fhir/", bundleOf("transaction")).is(200)
}

// TestTransactionAllOrNothing: whatever is wrong with one entry, nothing of the others is
// stored, and the outcome names the entry.
func TestTransactionAllOrNothing(t *testing.T) {
	h := open(t)
	good := entry("POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`)
	basic := func(id string) string { return `{"resourceType":"Basic","id":"` + id + `","code":{"text":"x"}}` }
	before := h.count()
	for _, c := range []struct {
		name    string
		entries []string
		status  int
		says    string
	}{
		{"invalid content", []string{good, entry("POST", "Observation", with(pulse, `"final"`, `"perhaps"`))}, 422, "Bundle.entry[1].resource.status"},
		{"invalid content of the only write", []string{entry("GET", "Patient/rosa", ""), entry("POST", "Observation", with(pulse, `"final"`, `"perhaps"`))}, 422, "Bundle.entry[1].resource.status"},
		{"dangling reference", []string{good, good, entry("POST", "Observation", with(pulse, "Patient/rosa", "Patient/nobody"))}, 422, "Bundle.entry[2].resource.subject.reference"},
		{"dangling urn", []string{good, entry("POST", "Observation", with(pulse, "Patient/rosa", "urn:uuid:6f5a2f4e-0001-4c3c-9b1e-0000000000ff"))}, 422, "Bundle.entry[1].resource.subject.reference"},
		{"unknown type", []string{good, entry("POST", "Nonsense", `{"resourceType":"Nonsense"}`)}, 422, "Bundle.entry[1]"},
		{"another type than the url", []string{good, entry("POST", "Patient", basic("x"))}, 400, "Bundle.entry[1].request.url"},
		{"another id than the url", []string{good, entry("PUT", "Basic/y", basic("x"))}, 400, "Bundle.entry[1].resource.id"},
		{"stale", []string{good, entry("PUT", "Patient/sam", `{"resourceType":"Patient","id":"sam"}`, `ifMatch: W/"9"`)}, 412, "Bundle.entry[1]"},
		{"ifMatch nonsense", []string{good, entry("PUT", "Patient/sam", `{"resourceType":"Patient","id":"sam"}`, `ifMatch: nine`)}, 400, "Bundle.entry[1]"},
		{"twice", []string{good, entry("PUT", "Basic/x", basic("x")), entry("PUT", "Basic/x", basic("x"))}, 422, "Bundle.entry[2]"},
		{"put and delete", []string{good, entry("PUT", "Basic/x", basic("x")), entry("DELETE", "Basic/x", "")}, 422, "Bundle.entry[2]"},
		{"same fullUrl", []string{entry("POST", "Basic", basic("x"), "urn:uuid:1"), entry("POST", "Basic", basic("x"), "urn:uuid:1")}, 422, "Bundle.entry[1]"},
		{"reference by search to nothing", []string{good, entry("POST", "Observation", with(pulse, "Practitioner/amara", "Practitioner?identifier=urn:npi|none"))}, 412, "Bundle.entry[1]"},
		{"reference by search to several", []string{good, entry("POST", "Observation", with(pulse, "Patient/rosa", "Patient?identifier=urn:mrn|"))}, 412, "Bundle.entry[1]"},
		{"reference by an unknown search", []string{good, entry("POST", "Observation", with(pulse, "Patient/rosa", "Patient?shoe=9"))}, 400, "Bundle.entry[1]"},
		{"ifNoneExist matches several", []string{good, entry("POST", "Patient", `{"resourceType":"Patient"}`, "ifNoneExist: identifier=urn:mrn|")}, 412, "Bundle.entry[1]"},
		{"condition that selects nothing", []string{good, entry("DELETE", "Patient?_count=1", "")}, 400, "Bundle.entry[1]"},
		{"condition for another id", []string{good, entry("PUT", "Patient?identifier=urn:mrn|S1", `{"resourceType":"Patient","id":"else"}`)}, 400, "Bundle.entry[1]"},
		{"read of nothing", []string{good, entry("GET", "Patient/nobody", "")}, 422, "Bundle.entry[1]"},
		{"bad search", []string{good, entry("GET", "Patient?birthdate=soon", "")}, 422, "Bundle.entry[1]"},
		{"patch", []string{good, entry("PATCH", "Patient/sam", `{"resourceType":"Binary","contentType":"application/json-patch+json"}`)}, 400, "Bundle.entry[1]"},
		{"method nonsense", []string{good, entry("SHOUT", "Patient/sam", "")}, 400, "Bundle.entry[1].request.method"},
		{"no request", []string{good, `{"resource":` + basic("x") + `}`}, 400, "Bundle.entry[1].request.method"},
		{"no resource", []string{good, entry("POST", "Basic", "")}, 400, "Bundle.entry[1].resource"},
		{"absolute url", []string{good, entry("POST", "http://other.example/fhir/Basic", basic("x"))}, 400, "Bundle.entry[1].request.url"},
		{"not an object", []string{good, `7`}, 400, "Bundle.entry[1]"},
		{"patient with entries deleted", []string{entry("POST", "Observation", pulse), entry("DELETE", "Patient/nobody-at-all", ""), entry("POST", "Basic", `{"resourceType":"Basic"}`)}, 422, "Bundle.entry[2].resource.code"},
	} {
		a := h.ask("POST", "/fhir", bundleOf("transaction", c.entries...))
		if a.refused(c.status, c.says); t.Failed() {
			t.Errorf("^ %s", c.name)
		}
		if got := h.count(); got != before {
			t.Fatalf("%s: %d versions were stored", c.name, got-before)
		}
	}
}

func TestBatch(t *testing.T) {
	h := open(t)
	a := h.ask("POST", "/fhir", bundleOf("batch",
		entry("GET", "Patient/rosa", ""),
		entry("POST", "Observation", pulse),
		entry("POST", "Observation", with(pulse, `"final"`, `"perhaps"`)),
		entry("GET", "Patient/nobody", ""),
		entry("PUT", "Patient/sam", `{"resourceType":"Patient","id":"sam"}`, `ifMatch: W/"9"`),
		entry("GET", "Observation?_summary=count", ""),
		entry("GET", "Nonsense/1", ""),
		entry("DELETE", "Basic/none", ""),
		entry("GET", "Patient//../Patient/rosa", ""),
		entry("GET", "metadata", ""),
		entry("POST", "Patient", `{"resourceType":"Patient"}`, "ifNoneExist: identifier=urn:mrn|S1"))).is(200)
	if got := statuses(a); a.node.Get("type").Text() != "batch-response" || got != "200 201 422 404 412 200 404 204 400 404 200" {
		t.Errorf("answers: %s", got)
	}
	if a.node.Path("entry.0.resource.id").Text() != "rosa" || a.node.Path("entry.5.resource.total").Text() != "1" {
		t.Errorf("reads of a batch: %s", a.body)
	}
	for _, i := range []int{2, 3, 4, 6, 8, 9} {
		o := a.node.Get("entry").At(i).Path("response.outcome")
		if o.ResourceType() != "OperationOutcome" || o.Path("issue.0.details.text").Text() == "" {
			t.Errorf("entry %d has no outcome: %s", i, a.node.Get("entry").At(i).JSON())
		}
	}
	if a.node.Path("entry.1.response.location").Text() == "" || a.node.Path("entry.1.response.etag").Text() != `W/"1"` {
		t.Errorf("create in a batch: %s", a.node.Get("entry").At(1).JSON())
	}
	h.ask("POST", "/fhir", bundleOf("collection")).refused(400, "collection")
	h.ask("POST", "/fhir", `{"resourceType":"Patient"}`).refused(400, "Bundle")
}

// TestReferencesToThisServer: a client may name this server in full; what it sends still
// goes into the right chart.
func TestReferencesToThisServer(t *testing.T) {
	h := open(t)
	full := with(pulse, `"Patient/rosa"`, fmt.Sprintf("%q", h.url+"/fhir/Patient/rosa"))
	one := h.ask("POST", "/fhir/Observation", full).is(201)
	h.ask("POST", "/fhir", bundleOf("transaction", entry("POST", "Observation", full))).is(200)
	h.ask("POST", "/fhir/Observation", with(pulse, `"Patient/rosa"`, fmt.Sprintf("%q", h.url+"/fhir/Patient/nobody"))).refused(422, "subject")
	if got := one.node.Path("subject.reference").Text(); got != "Patient/rosa" {
		t.Errorf("reference %q", got)
	}
	if got := h.get("/fhir/Patient/rosa/$everything?_type=Observation").is(200).ids(); len(got) != 2 {
		t.Errorf("the chart has %v", got)
	}
}

// TestTheReadsOfABundleHaveABound: what the entries of one batch or transaction give back together has an
// end in bytes and in time. The first ones are answered; those beyond say why they are not.
func TestTheReadsOfABundleHaveABound(t *testing.T) {
	h := open(t)
	large := strings.Repeat("long words ", 90_000)
	for i := range 8 {
		h.seed(fmt.Sprintf(`{"resourceType":"Communication","id":"large-%d","status":"completed","subject":{"reference":"Patient/rosa"},"payload":[{"contentString":%q}]}`, i, large))
	}
	of := func(kind string, n int) string {
		entry := strings.TrimSuffix(strings.Repeat(`{"request":{"method":"GET","url":"Communication?subject=Patient/rosa"}},`, n), ",")
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + entry + `]}`
	}
	a := h.ask("POST", "/fhir", of("batch", 40), "Content-Type: application/fhir+json").is(http.StatusOK)
	if len(a.body) > bundleBytes+1<<20 {
		t.Errorf("the answer has %d bytes", len(a.body))
	}
	answered, refused := 0, 0
	for e := range a.node.Get("entry").Items() {
		switch status := e.Path("response.status").Text(); {
		case strings.HasPrefix(status, "200") && e.Path("resource.entry.7.resource.id").Text() != "" && refused == 0:
			answered++
		case strings.HasPrefix(status, "429") && strings.Contains(e.Path("response.outcome.issue.0.details.text").Text(), "32 MB together"):
			refused++
		default:
			t.Errorf("an entry: %.300s", e.JSON())
		}
	}
	if answered != 4 || refused != 36 {
		t.Errorf("%d answered, %d refused", answered, refused)
	}
	h.ask("POST", "/fhir", of("transaction", 40), "Content-Type: application/fhir+json").refused(http.StatusUnprocessableEntity, "32 MB together")
	h.ask("POST", "/fhir", of("transaction", 2), "Content-Type: application/fhir+json").is(http.StatusOK)

	everything := strings.TrimSuffix(strings.Repeat(`{"request":{"method":"POST","url":"Patient/rosa/$everything"},"resource":{"resourceType":"Parameters"}},`, 20), ",")
	a = h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[`+everything+`]}`, "Content-Type: application/fhir+json").is(http.StatusOK)
	if len(a.body) > bundleBytes+1<<20 || !strings.Contains(string(a.body), "32 MB together") {
		t.Errorf("operations by POST have no bound: %d bytes", len(a.body))
	}
	existing := strings.TrimSuffix(strings.Repeat(`{"request":{"method":"POST","url":"Communication","ifNoneExist":"_id=large-0"},"resource":{"resourceType":"Communication","status":"completed"}},`, 50), ",")
	a = h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[`+existing+`]}`, "Content-Type: application/fhir+json").is(http.StatusOK)
	if len(a.body) > bundleBytes+1<<20 {
		t.Errorf("what conditional creates find has no bound: %d bytes", len(a.body))
	}
	wrong := strings.TrimSuffix(strings.Repeat(`{"request":{"method":"POST","url":"Communication"},"resource":{"resourceType":"Communication","a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1}},`, 12_000), ",")
	a = h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[`+wrong+`]}`, "Content-Type: application/fhir+json").is(http.StatusOK)
	if len(a.body) > bundleBytes+3<<20 || a.node.Path("entry.11999.response.status").Text() == "" {
		t.Errorf("what refused writes are told has no bound: %d bytes", len(a.body))
	}

	over, stop := context.WithCancel(t.Context())
	stop()
	if err := (&allowance{ctx: over, bytes: 1}).late(&bundle.Entry{}); !fault.Is(err, fault.TooCostly) {
		t.Errorf("when the time is up: %v", err)
	}
}
