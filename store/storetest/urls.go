package storetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// The second half of the agreement: searches are URLs, the records are resources, so that
// reading, extracting, compiling and matching are held to each other at once.

// urlsAgree asks 1,500 URLs of each of two records; of fifty with OSLER_DRILL.
func urlsAgree(h *harness) {
	records, rounds, questions := 2, 6, 250
	switch {
	case os.Getenv("OSLER_DRILL") != "":
		records = 50
	case testing.Short():
		records = 1
	}
	asked := map[string]int{}
	for record := range records {
		h.fresh(func(h *harness) {
			g := &urls{&generator{rand.New(rand.NewPCG(20260302, uint64(record)))}}
			m := &model{}
			for range rounds {
				for range 30 {
					h.resources(g, m)
				}
				for range questions {
					if h.askURL(g, m, asked); h.Failed() {
						return
					}
				}
			}
		})
		if h.Failed() {
			h.Logf("this was record %d", record)
			return
		}
	}
	found := 0
	for _, n := range asked {
		if n > 0 {
			found++
		}
	}
	if found*2 < len(asked) {
		h.Errorf("only %d of %d different questions found something: the test asks past the record", found, len(asked))
	}
}

// urls makes resources and search URLs of one small vocabulary.
type urls struct{ *generator }

var urlTypes = []string{"Patient", "Observation", "Encounter", "Location"}

func (g *urls) ref(resourceType string) string {
	return fmt.Sprintf("%s/%s%d", resourceType, strings.ToLower(resourceType[:1]), g.IntN(6))
}
func (g *urls) loinc() string { return pick(g.generator, "1-1", "2-2", "3-3") }
func (g *urls) date() string {
	return pick(g.generator, "2026", "2026-03", "2026-03-01", "2026-03-01T10:00:00Z", "2026-02-28", "2025-12-31T23:59:59+02:00")
}
func (g *urls) num() string {
	return pick(g.generator, "5", "5.0", "5.4", "5400", "0.0054", "37", "98.6")
}
func (g *urls) mass() string { return pick(g.generator, "mg", "g", "ug", "Cel", "[degF]") }
func (g *urls) family() string {
	return pick(g.generator, "Müller", "muller", "Mull", "O'Brien", "Ng")
}
func (g *urls) compare() string {
	return pick(g.generator, "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
}

func (g *urls) measured() *fhir.Node {
	v, err := fhir.Parse([]byte(`{"value":` + g.num() + `}`))
	if err != nil {
		return nil
	}
	v.Set("unit", fhir.Str(g.mass()))
	if g.IntN(4) > 0 {
		v.Set("system", fhir.Str(ucum))
		v.Set("code", fhir.Str(g.mass()))
	}
	return v
}

func (g *urls) coded() *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", pick(g.generator, "http://loinc.org", "http://a.example"), "code", g.loinc(), "display", pick(g.generator, "Blood sugar", "Sodium"))), "text", pick(g.generator, "Sugar", "Salt"))
}

// resource returns a resource that has about half of what the URLs ask for.
func (g *urls) resource(resourceType, id string) *fhir.Node {
	r := fhir.Obj("resourceType", resourceType, "id", id)
	some := func(name string, v any) {
		if g.IntN(3) > 0 {
			switch v := v.(type) {
			case string:
				r.Set(name, fhir.Str(v))
			case *fhir.Node:
				r.Set(name, v)
			}
		}
	}
	link := func(t string) *fhir.Node { return fhir.Obj("reference", g.ref(t)) }
	some("text", fhir.Obj("status", "generated", "div", "<div>"+pick(g.generator, "fine today", "not <b>fine</b>")+"</div>"))
	switch resourceType {
	case "Patient":
		some("name", fhir.Arr(fhir.Obj("family", g.family(), "given", fhir.Arr(pick(g.generator, "Ana", "Li"))), fhir.Obj("family", g.family())))
		some("gender", pick(g.generator, "male", "female"))
		some("birthDate", pick(g.generator, "1970-05-06", "2001", "2026-03-01"))
		some("identifier", fhir.Arr(fhir.Obj("system", "urn:mrn", "value", g.loinc(), "type", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "http://t", "code", pick(g.generator, "MR", "SS")))))))
	case "Observation":
		some("status", pick(g.generator, "final", "amended"))
		some("code", g.coded())
		some("subject", link("Patient"))
		some("encounter", link("Encounter"))
		some("effectiveDateTime", g.date())
		some("valueQuantity", g.measured())
		some("component", fhir.Arr(fhir.Obj("code", g.coded(), "valueQuantity", g.measured()), fhir.Obj("code", g.coded(), "valueQuantity", g.measured())))
		some("hasMember", fhir.Arr(link("Observation")))
	case "Encounter":
		some("status", pick(g.generator, "planned", "finished"))
		some("subject", link("Patient"))
		some("period", fhir.Obj("start", "2026-02-27", "end", g.date()))
		some("location", fhir.Arr(fhir.Obj("location", link("Location"))))
		some("partOf", link("Encounter"))
	case "Location":
		some("name", g.family())
		some("partOf", link("Location"))
		position, err := fhir.Parse([]byte(pick(g.generator, `{"latitude":42.25,"longitude":-83.69}`, `{"latitude":0,"longitude":179.99}`)))
		if err == nil {
			some("position", position)
		}
	}
	return r
}

// parser knows two value sets and one hierarchy.
var parser = search.Parser{
	ValueSet: func(url string) ([]search.Coding, error) {
		return []search.Coding{{System: "http://loinc.org", Code: "1-1"}, {System: "http://a.example", Code: "2-2"}}, nil
	},
	Below: func(system, code string) ([]string, error) { return []string{code, "3-3"}, nil },
	Above: func(system, code string) ([]string, error) { return []string{code, "1-1"}, nil },
}

// condition returns one parameter of a search URL.
func (g *urls) condition(resourceType string) search.Param {
	var list [][2]string
	add := func(name, value string) { list = append(list, [2]string{name, value}) }
	code := pick(g.generator, "", "http://loinc.org|", "http://a.example|") + g.loinc()
	switch resourceType {
	case "Patient":
		add(pick(g.generator, "name", "family", "given", "family:contains", "family:exact", "name:missing"), g.family())
		add(pick(g.generator, "gender", "gender:not", "gender:in", "gender:not-in"), pick(g.generator, "male", "female,male"))
		add("birthdate", g.compare()+pick(g.generator, "1970-05-06", "2001", "2000", "2026-03"))
		add("identifier", pick(g.generator, "", "urn:mrn|")+g.loinc())
		add("identifier:of-type", "http://t|MR|"+g.loinc())
		add("_has:Observation:patient:code", code)
		add("_has:Observation:subject:value-quantity", g.compare()+g.num()+"|"+ucum+"|"+g.mass())
		add("_has:Encounter:patient:_has:Observation:encounter:code", code)
		add("_filter", `family sw "`+g.family()+`" or not (gender eq male and birthdate ge 1990)`)
		add("_filter", pick(g.generator, "family", "given")+" "+pick(g.generator, "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le")+" "+g.family())
		add("_filter", "identifier "+pick(g.generator, "eq", "ne")+" "+pick(g.generator, "", "urn:mrn|", "urn:none|")+g.loinc())
	case "Observation":
		add(pick(g.generator, "code", "code", "code:not", "combo-code"), code)
		add(pick(g.generator, "code:in", "code:not-in"), "http://set")
		add(pick(g.generator, "code:below", "code:above"), "http://loinc.org|"+g.loinc())
		add("code:text", pick(g.generator, "blood", "s", "sugar", "salt,sod"))
		add("status", pick(g.generator, "final", "amended", "final,amended"))
		add("date", g.compare()+g.date())
		add("value-quantity", g.compare()+g.num())
		add("value-quantity", g.compare()+g.num()+"|"+ucum+"|"+g.mass())
		add("value-quantity", g.compare()+g.num()+"||"+g.mass())
		add("code-value-quantity", code+"$"+g.compare()+g.num()+"|"+ucum+"|"+g.mass())
		add("component-code-value-quantity", code+"$"+g.compare()+g.num())
		add("code-value-date", code+"$"+g.date())
		add("subject", g.ref("Patient"))
		add("subject:Patient", pick(g.generator, "p1", "p2,p3"))
		add("patient."+pick(g.generator, "family", "name", "family:exact", "family:missing"), g.family())
		add("encounter.patient.gender", pick(g.generator, "male", "female"))
		add("encounter:Encounter.location:Location.name", g.family())
		add("encounter:below", pick(g.generator, "e1", "Encounter/e2"))
		add("has-member.code", code)
		add("patient:missing", "")
		add("_filter", "code "+pick(g.generator, "eq", "ne")+" "+code+" "+pick(g.generator, "and", "or")+" value-quantity "+pick(g.generator, "gt", "le", "ap")+" "+g.num())
		add("_filter", "date "+pick(g.generator, "po", "co", "sa", "ne")+" "+g.date()+" or subject re "+g.ref("Patient"))
		add("_filter", "patient[gender eq male].family co "+g.family())
		add("_filter", pick(g.generator, "code in http://set", "code ni http://set", "code ss http://loinc.org|2-2", "component-code sb http://loinc.org|2-2", "patient.gender pr true"))
	case "Encounter":
		add("location", g.ref("Location"))
		add(pick(g.generator, "location:below", "location:above"), fmt.Sprint("l", g.IntN(6)))
		add(pick(g.generator, "part-of:below", "part-of:above"), g.ref("Encounter"))
		add("date", g.compare()+g.date())
		add("status:not", "planned")
		add("_has:Observation:encounter:date", g.compare()+g.date())
		add("_filter", "location.name co "+g.family()+" and not(subject:Patient.gender eq male)")
	case "Location":
		add("near", pick(g.generator, "42.25|-83.6|10", "42.25|-83.6|5|km", "0|-179.99|3000|m", "42.25|-83.69", "0|0|1|m"))
		add("name", g.family())
		add(pick(g.generator, "partof", "partof:below", "partof:above"), fmt.Sprint("Location/l", g.IntN(6)))
		add("_has:Encounter:location:_has:Observation:encounter:patient", g.ref("Patient"))
		add("near:missing", "")
	}
	add(pick(g.generator, "_id", "_id:not"), g.ref(resourceType)[len(resourceType)+1:])
	add("_lastUpdated", g.compare()+"2026-01-"+pick(g.generator, "06", "20"))
	add(pick(g.generator, "_text", "_content"), pick(g.generator, "fine", `"not fine"`, "fine NOT not", "sugar OR to", "final"))
	p := pick(g.generator, list...)
	if strings.HasSuffix(p[0], ":missing") {
		p[1] = pick(g.generator, "true", "false")
	}
	return search.Param{Name: p[0], Value: p[1]}
}

// resources commits one or two resources.
func (h *harness) resources(g *urls, m *model) {
	h.Helper()
	writes := h.made(g, m)
	t := h.commit(writes...)
	for _, w := range writes {
		m.put(w, t)
	}
}

// made returns versions of one or two resources.
func (h *harness) made(g *urls, m *model) (writes []store.Write) {
	for range 1 + g.IntN(2) {
		w := store.Write{Type: pick(g.generator, urlTypes...), Updated: epoch.AddDate(0, 0, g.IntN(30))}
		w.ID = g.ref(w.Type)[len(w.Type)+1:]
		if slices.ContainsFunc(writes, func(o store.Write) bool { return o.Type == w.Type && o.ID == w.ID }) {
			continue
		}
		old, exists := m.current(w.Type, w.ID)
		w.Version = old.Version + 1
		if exists >= 0 && !old.Deleted && g.IntN(6) == 0 {
			w.Deleted, w.Patient = true, old.Patient
			writes = append(writes, w)
			continue
		}
		r := g.resource(w.Type, w.ID)
		var err error
		if w.Index, err = search.Extract(r); err != nil {
			h.Fatal(err)
		}
		w.Body = r.JSON()
		w.Patient = strings.TrimPrefix(r.Path("subject.reference").Text(), "Patient/")
		if w.Type == "Patient" {
			w.Patient = w.ID
		}
		writes = append(writes, w)
	}
	return writes
}

// askURL asks one URL, and counts under its parameters what it found.
func (h *harness) askURL(g *urls, m *model, asked map[string]int) {
	h.Helper()
	now, err := h.Now(h.ctx)
	if err != nil {
		h.Fatal(err)
	}
	at, moment := store.T(0), now
	if g.IntN(4) == 0 {
		at = 1 + store.T(g.Int64N(int64(now)))
		moment = at
	}
	resourceType := pick(g.generator, urlTypes...)
	params := []search.Param{g.condition(resourceType)}
	for g.IntN(3) == 0 {
		params = append(params, g.condition(resourceType))
	}
	q, err := parser.Parse(resourceType, params, search.Strict)
	if err != nil {
		h.Errorf("%s?%s: %v", resourceType, search.Encode(params), err)
		return
	}
	q.Count, q.Total = 1+g.IntN(8), search.TotalAccurate
	visible := all
	if g.IntN(3) == 0 {
		visible = func(t string) search.Expr {
			return map[bool]search.Expr{true: search.All{}, false: search.InPatient{"p1", "p2"}}[t == "Location"]
		}
	}
	if h.compare(m, q, at, moment, visible); h.Failed() {
		h.Logf("the URL was %s?%s", resourceType, search.Encode(params))
	}
	if len(params) == 1 {
		asked[resourceType+" "+params[0].Name] += len(m.search(q, moment, visible))
	}
}
