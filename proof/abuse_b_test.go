package proof

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// several are people from whom much is hidden and who may still ask a lot.
var several = []string{"rosa", "dana", "bill"}

// query is a search of a type with parameters.
func query(kind string, params ...string) request {
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	return request{method: http.MethodGet, path: "/fhir/" + kind + "?" + q.Encode()}
}

// TestAbuseB01: chains and reverse chains see what the asker sees.
func TestAbuseB01(t *testing.T) {
	same(t, several, 1500, func(g *generator) request { return g.asking() })
}

// TestAbuseB02: totals, counts and links of pages count what the asker sees.
func TestAbuseB02(t *testing.T) {
	same(t, several, 600, func(g *generator) request {
		kind := g.kind()
		name, value := g.parameter(kind, 0)
		return query(kind, name, value, "_total", of(g, []string{"accurate", "estimate"}), "_count", of(g, []string{"0", "1", "2"}), of(g, []string{"_summary", "x-none"}), "count")
	})
}

// TestAbuseB03: includes bring what the asker sees, over any number of rounds.
func TestAbuseB03(t *testing.T) {
	same(t, several, 800, func(g *generator) request {
		kind := g.kind()
		source, by := g.referrer(kind)
		return query(kind, "_revinclude"+of(g, []string{"", ":iterate"}), source+":"+by, "_include", of(g, []string{"*", kind + ":*", kind + ":subject", kind + ":patient", kind + ":derived-from", kind + ":based-on", kind + ":reason-reference", kind + ":focus"}), "_include:iterate", "*", "_revinclude", of(g, []string{"*", "Provenance:target", "List:item"}))
	})
}

// TestAbuseB04: the free forms of search look at what the asker sees.
func TestAbuseB04(t *testing.T) {
	same(t, several, 800, func(g *generator) request {
		kind := g.kind()
		name, value := g.parameter(kind, 1)
		switch g.IntN(4) {
		case 0:
			return query(kind, "_content", of(g, words), "_total", "accurate")
		case 1:
			return query(kind, "_text", of(g, words), "_total", "accurate")
		case 2:
			return query(kind, "_query", of(g, words))
		}
		name, _, _ = strings.Cut(name, ":")
		return query(kind, "_filter", of(g, []string{"", "not "})+"("+name+" "+of(g, []string{"eq", "ne", "co", "gt", "le"})+" \""+value+"\")", "_total", "accurate")
	})
}

// TestAbuseB05: no sort is by what the asker does not see.
func TestAbuseB05(t *testing.T) {
	same(t, several, 600, func(g *generator) request {
		kind := g.kind()
		var keys []string
		for range 1 + g.IntN(2) {
			name, _ := g.parameter(kind, 2)
			name, _, _ = strings.Cut(name, ":")
			keys = append(keys, of(g, []string{"", "-"})+name)
		}
		return query(kind, "_sort", strings.Join(keys, ","), "_count", of(g, []string{"1", "3", "50"}))
	})
}

// TestAbuseB06: conditional writes are no way to ask whether something hidden exists.
func TestAbuseB06(t *testing.T) {
	same(t, several, 900, func(g *generator) request {
		kind := g.kind()
		r := g.write(kind, g.id(kind))
		if g.chance(70) {
			name, value := g.parameter(kind, 1)
			q := url.Values{name: {value}}.Encode()
			r = of(g, []request{
				{"POST", "/fhir/" + kind, `{"resourceType":"` + kind + `","nonsense":1}`, []string{"If-None-Exist: " + q}},
				{"PUT", "/fhir/" + kind + "?" + q, `{"resourceType":"` + kind + `","nonsense":1}`, nil},
				{"DELETE", "/fhir/" + kind + "?_lastUpdated=lt2000-01-01&" + q, "", nil},
				{"PATCH", "/fhir/" + kind + "?" + q, `[{"op":"test","path":"/id","value":"never"}]`, []string{jsonPatch}},
			})
		}
		return r
	})
}

// TestAbuseB07: hidden and missing have the same status, headers and words, in every way to
// name one resource.
func TestAbuseB07(t *testing.T) {
	h := full(t, ground{quiet: true})
	tried := 0
	for _, who := range []string{"sam", "rosa", "dana", "bill", "ada", "gus", "nina"} {
		for _, e := range records() {
			if h.sees(t, who, e.key()) != "" {
				continue
			}
			for _, r := range []request{
				{"GET", "", "", nil}, {"HEAD", "", "", nil}, {"GET", "/_history", "", nil}, {"GET", "/_history/1", "", nil}, {"GET", "/_history/2", "", nil}, {"GET", "/$meta", "", nil}, {"GET", "/$everything", "", nil}, {"GET", "/$validate", "", nil}, {"GET", "/$diff", "", nil},
				{"DELETE", "", "", nil}, {"DELETE", "", "", []string{`If-Match: W/"5"`}}, {"GET", "", "", []string{`If-None-Match: W/"1"`}}, {"GET", "", "", []string{"If-Modified-Since: Mon, 01 Jan 2035 00:00:00 GMT"}},
				{"PATCH", "", `[{"op":"test","path":"/id","value":"x"}]`, []string{jsonPatch}}, {"PUT", "", e.body("THE-ID", 0), nil}, {"PUT", "", e.body("THE-ID", 0), []string{`If-Match: W/"1"`}}, {"PUT", "", e.body("THE-ID", 0), []string{`If-Match: W/"9"`}}, {"PUT", "", e.body("THE-ID", 0), []string{"If-None-Match: *"}}, {"PUT", "?_id=THE-ID", e.body("THE-ID", 0), nil},
				{"POST", "/$validate?mode=update", e.body("THE-ID", 0), nil}, {"PUT", "", strings.Replace(e.body("THE-ID", 0), `{"resourceType"`, `{"nonsense":1,"resourceType"`, 1), nil},
			} {
				ask := func(id string) string {
					a := h.ask(who, r.method, "/fhir/"+e.resourceType+"/"+id+r.path, strings.ReplaceAll(r.body, "THE-ID", id), r.headers...)
					return strings.ReplaceAll(a.plain(), id, "ID")
				}
				tried++
				if hidden, missing := ask(e.id), ask("nobody-here"); hidden != missing {
					t.Errorf("%s %s%s %q by %s:\nhidden  %.300s\nmissing %.300s", r.method, e.key(), r.path, r.headers, who, hidden, missing)
				}
			}
		}
	}
	t.Logf("%d pairs", tried)
}

// TestAbuseB08: ids cannot be counted, versions are of one resource, and the addresses of
// pages tell no number of commits.
func TestAbuseB08(t *testing.T) {
	h := full(t)
	random := map[string]bool{}
	for range 40 {
		a := h.ask("sam", "POST", "/fhir/MedicationStatement", `{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/sam"},"informationSource":{"reference":"Patient/sam"}}`)
		if a.status != 201 || a.header.Get("ETag") != `W/"1"` {
			t.Fatalf("%d %s %s", a.status, a.header.Get("ETag"), a.body)
		}
		id := parsed(t, a.body).ID()
		if !newID.MatchString(id) {
			t.Errorf("the id %s is not random", id)
		}
		random[id[19:]] = true
		h.seed(message("c"+id, "staff-message")) // others write meanwhile
	}
	if len(random) != 40 {
		t.Errorf("40 ids have %d random parts", len(random))
	}
	for _, path := range []string{"/fhir/MedicationStatement?_count=1", "/fhir/MedicationStatement/_history?_count=2", "/fhir/Patient/sam/$everything?_count=2", "/fhir/_history?_count=3"} {
		first, again := h.ask("sam", "GET", path, "").nextPage(), h.ask("sam", "GET", path, "").nextPage()
		if first == "" || again == "" {
			t.Fatalf("%s has no second page", path)
		}
		if h.ask("sam", "GET", first, "").status != 200 {
			t.Errorf("the second page of %s does not open", path)
		}
		u, err := url.Parse(first)
		if err != nil {
			t.Fatal(err)
		}
		token := u.Query().Get("_page")
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if first == again || err != nil || len(raw) < 28 || regexp.MustCompile(`^[0-9-]+$`).MatchString(token) {
			t.Errorf("the address of a page can be read: %s", token)
		}
	}
}

// TestAbuseB09: no test operation and no path of a patch looks into what is hidden.
func TestAbuseB09(t *testing.T) {
	same(t, several, 500, func(g *generator) request {
		kind := g.kind()
		path := "/fhir/" + kind + "/" + g.id(kind)
		if g.chance(50) {
			return request{"PATCH", path, fmt.Sprintf(`[{"op":"test","path":%q,"value":%q},{"op":"test","path":"/id","value":"never"}]`, of(g, []string{"/status", "/subject/reference", "/code/text", "/name/0/family"}), of(g, append(words, "final", "active", "Hill"))), []string{jsonPatch}}
		}
		return request{"PATCH", path, fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":%q},{"name":"value","valueString":"x"}]}]}`, kind+of(g, []string{".where(status='final').id", ".where(code.text='asthma').language", ".name.where(family='Hill').id"})), nil}
	})
}

// TestAbuseB10: a number that somebody hidden has is free for the asker: no error tells that
// it is taken. Two records with one number are settled by the clinic, not by refusing.
func TestAbuseB10(t *testing.T) {
	h := full(t)
	for _, c := range []struct{ who, body string }{
		{"dana", `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"M1"},{"system":"urn:ssn","value":"72-1"}],"name":[{"family":"Hill"}]}`},
		{"bill", `{"resourceType":"Invoice","status":"draft","identifier":[{"system":"urn:inv","value":"I72"}]}`},
		{"dana", `{"resourceType":"Coverage","status":"active","beneficiary":{"reference":"Patient/sam"},"payor":[{"reference":"Organization/org"}],"subscriberId":"S72"}`},
	} {
		kind := parsed(t, c.body).ResourceType()
		a := h.ask(c.who, "POST", "/fhir/"+kind, c.body)
		if a.status != 201 || strings.Contains(a.body, `"OperationOutcome"`) {
			t.Errorf("%s by %s: %d %.300s", kind, c.who, a.status, a.body)
		}
	}
	same(t, several, 300, func(g *generator) request {
		kind := of(g, []string{"Invoice", "Coverage", "Patient", "Account", "Claim"})
		return request{"POST", "/fhir/" + kind + "/$validate", g.entries[kind+"/"+map[string]string{"Invoice": "s-inv", "Coverage": "s-cov", "Patient": "sam", "Account": "s-acct", "Claim": "s-claim"}[kind]].body("new", g.IntN(3)), nil}
	})
}

// TestAbuseB11: there is no $match. Looking for the same person is the desk's, at
// registration; nobody else gets a candidate, and each look is in the audit log.
func TestAbuseB11(t *testing.T) {
	h := full(t)
	if a := h.ask("amara", "POST", "/fhir/Patient/$match", `{"resourceType":"Parameters"}`); a.status < 400 || a.status >= 500 {
		t.Errorf("$match: %d", a.status)
	}
	form := "family=Hill&given=sam&birthDate=2026-10-01"
	for _, who := range []string{"rosa", "bill", "ada", "gus", ""} {
		if a := h.ask(who, "POST", "/register/matches", form); a.status < 300 || strings.Contains(a.body, "HILL") {
			t.Errorf("%q gets candidates: %d", who, a.status)
		}
	}
}

// TestAbuseB12: history obeys the present: an entry that has moved out of sight is out of
// sight with every version, in every way to ask.
func TestAbuseB12(t *testing.T) {
	h := full(t)
	page := h.ask("rosa", "GET", "/fhir/Observation?_count=1&_sort=_id", "").nextPage()
	moved := strings.Replace(h.sees(t, "amara", "Observation/r-obs1"), "Patient/rosa", "Patient/sam", 1)
	if a := h.ask("amara", "PUT", "/fhir/Observation/r-obs1", moved); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, path := range []string{"/fhir/Observation/r-obs1", "/fhir/Observation/r-obs1/_history", "/fhir/Observation/r-obs1/_history/1", "/fhir/Observation/r-obs1/_history/2", "/fhir/Observation/r-obs1/$meta", "/fhir/Observation/r-obs1/_history/1/$meta"} {
		if a := h.ask("rosa", "GET", path, ""); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, path := range []string{page, "/fhir/Observation/_history", "/fhir/_history?_count=200", "/fhir/Patient/rosa/$everything", "/fhir/Patient/rosa/*", "/fhir/Observation?_id=r-obs1", "/fhir/DiagnosticReport?_include=*", "/fhir/Observation?_at=2026"} {
		if a := h.ask("rosa", "GET", path, ""); strings.Contains(a.body, `"id":"r-obs1"`) || a.status >= 500 {
			t.Errorf("%s shows what has moved: %d", path, a.status)
		}
	}
	if a := h.ask("sam", "GET", "/fhir/Observation/r-obs1/_history", ""); a.status != 200 || strings.Contains(a.body, "Patient/rosa") {
		t.Errorf("the new owner reads what was filed for another: %d", a.status)
	}
}

// TestAbuseB15: there is no GraphQL, so that nothing can nest around the filter; the same
// nesting by includes and chains is B01 and B03.
func TestAbuseB15(t *testing.T) {
	h := full(t)
	for _, path := range []string{"/fhir/$graphql", "/graphql", "/fhir/Patient/rosa/$graphql", "/fhir/Patient/$graphql"} {
		for _, method := range []string{"GET", "POST"} {
			a := h.ask("amara", method, path+"?query={Patient(id:%22rosa%22){name{family}}}", "")
			if a.status < 400 || a.status >= 500 || strings.Contains(a.body, "Hill") {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
	}
}

// TestAbuseB16: how long a refusal takes does not tell whether it hides something. Pairs of
// reads in random order; Welch's t over the logarithms. In process, without a network, differences
// of microseconds show: what may not be is one that is both certain (p <= 0.01) and more than a
// tenth of the answer's time. One run in a hundred fails by chance, therefore three must. The drill
// asks 2,000 pairs, and lets no certain difference pass, however small.
func TestAbuseB16(t *testing.T) {
	h := full(t, ground{even: 3 * time.Millisecond}) // as the program has it
	rng := rand.New(rand.NewPCG(16, 1))
	for _, what := range []struct{ name, hidden, missing string }{
		{"read", "/fhir/Observation/r-obs0", "/fhir/Observation/x-obs0"},
		{"search", "/fhir/Observation?_id=r-obs0", "/fhir/Observation?_id=x-obs0"},
		{"chain", "/fhir/Observation?derived-from.code=8867-4", "/fhir/Observation?derived-from.code=0000-0"},
	} {
		p, apart := 0.0, 0.0
		pairs, small := 700, 0.1
		if os.Getenv("OSLER_DRILL") != "" {
			pairs, small = 2000, 0
		}
		for range 3 {
			var times [2][]float64
			for range pairs {
				order := rng.Perm(2)
				for _, k := range order {
					path := []string{what.hidden, what.missing}[k]
					began := time.Now()
					h.ask("sam", "GET", path, "")
					times[k] = append(times[k], math.Log(float64(time.Since(began))))
				}
			}
			if p, apart = welch(times[0], times[1]); p > 0.01 || apart < small {
				break
			}
		}
		t.Logf("%s: %.1f %% apart, p = %.3f over %d pairs", what.name, 100*apart, p, pairs)
		if p <= 0.01 && apart >= small {
			t.Errorf("%s: hidden and missing take different times (%.1f %%, p = %.5f)", what.name, 100*apart, p)
		}
	}
}

// welch returns the probability that two samples differ this much by chance, and by how much
// their means differ (the normal distribution stands for Student's: the samples are large). Outliers are cut at the
// quantiles 5 and 95 of both together.
func welch(a, b []float64) (p, apart float64) {
	all := slices.Concat(a, b)
	slices.Sort(all)
	low, high := all[len(all)/20], all[len(all)*19/20]
	stats := func(x []float64) (mean, variance, n float64) {
		for _, v := range x {
			if v >= low && v <= high {
				mean += v
				n++
			}
		}
		mean /= n
		for _, v := range x {
			if v >= low && v <= high {
				variance += (v - mean) * (v - mean)
			}
		}
		return mean, variance / (n - 1), n
	}
	m1, v1, n1 := stats(a)
	m2, v2, n2 := stats(b)
	return math.Erfc(math.Abs(m1-m2) / math.Sqrt(v1/n1+v2/n2) / math.Sqrt2), math.Abs(m1 - m2)
}

// TestAbuseB17: completion, lists of people, work lists and counts in the pages know what
// their reader sees.
func TestAbuseB17(t *testing.T) {
	same(t, []string{"rosa", "dana", "bill", "nina", "ada"}, 500, func(g *generator) request { return g.page() })
}

// TestAbuseB18: no text of an error repeats what is stored, not even how much of it.
func TestAbuseB18(t *testing.T) {
	same(t, several, 500, func(g *generator) request {
		kind := g.kind()
		name, value := of(g, []string{"_lastUpdated", "status", "_id"}), of(g, []string{"gt2000", "active", "final", "r-obs0,s-obs0,r-obs1", "s-inv,r-inv"})
		q := url.Values{name: {value}}.Encode()
		return of(g, []request{
			{"PUT", "/fhir/" + kind + "?" + q, `{"resourceType":"` + kind + `","nonsense":1}`, nil},
			{"PATCH", "/fhir/" + kind + "?" + q, `[{"op":"test","path":"/id","value":"never"}]`, []string{jsonPatch}},
			{"POST", "/fhir/" + kind, `{"resourceType":"` + kind + `","nonsense":1}`, []string{"If-None-Exist: " + q}},
			{"POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"` + kind + "?" + strings.ReplaceAll(q, "&", "%26") + `"},"nonsense":1},"request":{"method":"POST","url":"Basic"}}]}`, nil},
			{"GET", "/fhir/" + kind + "?" + q + "&nonsense.more=1", "", []string{"Prefer: handling=strict"}},
		})
	})
}

// receiver is where notifications go.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	list []string
}

func receive(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list = append(r.list, q.Method+" "+q.URL.Path+" "+string(b))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after half a minute: %s", what)
		}
	}
}

const administrative = `{"resourceType":"Communication","id":"ID","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"CATEGORY"}]}],"subject":{"reference":"Patient/rosa"},"sender":{"reference":"Practitioner/amara"},"payload":[{"contentString":"x"}]}`

func message(id, category string) string {
	return strings.NewReplacer("ID", id, "CATEGORY", category).Replace(administrative)
}

// TestAbuseB13: a subscription of the front desk on messages tells of administrative ones
// only. What clinicians write to each other makes no notification, no event, no number, in a
// world where it is written and in one where it is not.
func TestAbuseB13(t *testing.T) {
	var told, events [2]string
	for world := range 2 {
		h := open(t, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz"}]}`, `{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.watch.Run(ctx) }()
		in := receive(t)
		made := h.ask("dana", "POST", "/fhir/Subscription", `{"resourceType":"Subscription","status":"requested","reason":"test","criteria":"Communication?status=completed","channel":{"type":"rest-hook","endpoint":"`+in.URL+`","payload":"application/fhir+json"}}`)
		if made.status != 201 {
			t.Fatalf("%d %s", made.status, made.body)
		}
		id := parsed(t, made.body).ID()
		at := "/fhir/Subscription/" + id
		eventually(t, "the subscription is not active", func() bool { return strings.Contains(h.ask("dana", "GET", at, "").body, `"status":"active"`) })
		for i, category := range []string{"administrative", "staff-message", "administrative", "staff-message", "administrative"} {
			if category == "staff-message" && world == 0 {
				continue
			}
			h.seed(message("m"+string(rune('0'+i)), category))
		}
		eventually(t, "three notifications are not there", func() bool { return len(in.got()) >= 3 })
		time.Sleep(200 * time.Millisecond) // what should not come would come now
		told[world] = strings.Join(in.got(), "\n")
		var a answer
		eventually(t, "the last notification is not counted", func() bool {
			a = h.ask("dana", "GET", at+"/$status", "")
			return !strings.Contains(a.body, `"events-since-subscription-start","valueString":"2"`)
		})
		events[world] = strings.ReplaceAll(answer{a.status, a.header, a.body}.plain(), id, "ID")
		cancel()
		<-done
	}
	if told[0] != told[1] {
		t.Errorf("the stream of notifications differs:\n%s\n%s", told[0], told[1])
	}
	if events[0] != events[1] {
		t.Errorf("the status differs:\n%s\n%s", events[0], events[1])
	}
	if !strings.Contains(told[0], "m0") || strings.Contains(told[1], "staff-message") {
		t.Errorf("what was told differs from what may be: %s", told[1])
	}
}
