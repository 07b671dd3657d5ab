package document

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/trust"
)

// TestHostileDocumentsCostLittle: what is made to be expensive ends soon and in bounded memory.
func TestHostileDocumentsCostLittle(t *testing.T) {
	in := func(section string) []byte {
		return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><component><structuredBody><component>` + section + `</component></structuredBody></component></ClinicalDocument>`)
	}
	section := func(code, text, entries string) []byte {
		return in(`<section><code code="` + code + `" codeSystem="2.16.840.1.113883.6.1"/><text>` + text + `</text>` + entries + `</section>`)
	}
	pressure := func(code string) string {
		return `<component><observation><code code="` + code + `"/><value xsi:type="PQ" value="1" unit="mm[Hg]"/></observation></component>`
	}
	long := strings.Repeat("word ", 400_000)
	for name, body := range map[string][]byte{
		"one text for all": section("11450-4", `<paragraph ID="x">`+long+`</paragraph>`, strings.Repeat(`<entry><observation moodCode="EVN"><text><reference value="#x"/></text><value xsi:type="CD" code="1"/></observation></entry>`, 30_000)),
		"one note for all": section("34109-9", `<paragraph ID="x">`+long+`</paragraph>`, strings.Repeat(`<entry><act moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.202"/><code code="34109-9"/><text><reference value="#x"/></text></act></entry>`, 20_000)),
		"item in item": section("11450-4", nested(90, long), func() string {
			var b strings.Builder
			for i := range 90 {
				fmt.Fprintf(&b, `<entry><observation moodCode="EVN"><text><reference value="#i%d"/></text><value xsi:type="CD" code="1" displayName="absent"/></observation></entry>`, i)
			}
			return b.String()
		}()),
		"pressures":            section("8716-3", "", `<entry><organizer>`+strings.Repeat(pressure("8480-6"), 30_000)+strings.Repeat(pressure("8462-4"), 30_000)+`</organizer></entry>`),
		"one act":              section("48765-2", "", `<entry><act>`+strings.Repeat(`<entryRelationship typeCode="SUBJ"><observation><value xsi:type="CD" code="1"/></observation></entryRelationship>`, 100_000)+`</act></entry>`),
		"one relationship":     section("11450-4", "", `<entry><act><entryRelationship typeCode="SUBJ">`+strings.Repeat(`<observation><value xsi:type="CD" code="1"/></observation>`, 100_000)+`</entryRelationship></act></entry>`),
		"many substances":      section("48765-2", "", `<entry><act><entryRelationship typeCode="SUBJ"><observation><value xsi:type="CD" code="1"/>`+strings.Repeat(`<participant typeCode="CSM"><participantRole><playingEntity><code code="1"/></playingEntity></participantRole></participant>`, 100_000)+`</observation></entryRelationship></act></entry>`),
		"many large panels":    section("30954-2", "", strings.Repeat(`<entry><organizer><code code="1"/>`+strings.Repeat(`<component><observation><code code="2"/></observation></component>`, 1900)+`</organizer></entry>`, 60)),
		"no code, no title":    in(`<section>` + strings.Repeat(`<entry><act/></entry>`, 200_000) + `</section>`),
		"acts in acts":         section("62387-6", "", `<entry>`+strings.Repeat(`<act moodCode="EVN"><entryRelationship>`, 40)+strings.Repeat(`</entryRelationship></act>`, 40)+`</entry>`),
		"sections in sections": in(strings.Repeat(`<section><component>`, 40) + `<section/>` + strings.Repeat(`</component></section>`, 40)),
		"many ids":             section("11450-4", "", `<entry><observation moodCode="EVN">`+strings.Repeat(`<id root="1.2.3" extension="x"/>`, 100_000)+`<value xsi:type="CD" code="1"/></observation></entry>`),
		"many translations":    section("11450-4", "", `<entry><observation moodCode="EVN"><value xsi:type="CD" code="1">`+strings.Repeat(`<translation code="2" codeSystem="1.2"/>`, 100_000)+`</value></observation></entry>`),
		"one row for all":      section("10160-0", `<table><tbody><tr ID="x">`+strings.Repeat(`<td>take</td>`, 50_000)+`</tr></tbody></table>`, strings.Repeat(`<entry><substanceAdministration moodCode="EVN"><text><reference value="#x"/></text><statusCode code="completed"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1"/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>`, 20_000)),
		"rows without an entry": section("47519-4", `<table><tbody>`+strings.Repeat(`<tr><td>cane</td><td>word</td></tr>`, 400)+`</tbody></table>`, func() string {
			var b strings.Builder
			for i := range 30_000 {
				fmt.Fprintf(&b, `<entry><procedure moodCode="EVN"><code code="1" displayName="thing %d of some"/><statusCode code="completed"/></procedure></entry>`, i)
			}
			return b.String()
		}()),
		"many qualifiers":  section("11450-4", "", `<entry><observation moodCode="EVN"><value xsi:type="CD" code="1" displayName="x">`+strings.Repeat(`<qualifier><value displayName="l"/></qualifier>`, 235_000)+`</value></observation></entry>`),
		"many raised":      section("11450-4", `<paragraph ID="x">`+strings.Repeat(`a<sup>2</sup><sup>3</sup>`, 80_000)+`</paragraph>`, `<entry><observation moodCode="EVN"><text><reference value="#x"/></text><value xsi:type="CD" code="1"/></observation></entry>`),
		"many led to":      section("47519-4", "", `<entry><procedure moodCode="EVN"><code code="1" displayName="x"/><statusCode code="completed"/>`+strings.Repeat(`<entryRelationship typeCode="CAUS"><observation><value xsi:type="CD" code="2" displayName="a rash of some length"/></observation></entryRelationship>`, 100_000)+`</procedure></entry>`),
		"many of a mother": section("10157-6", "", `<entry><organizer><subject><relatedSubject><code code="MTH" displayName="mother"/></relatedSubject></subject>`+strings.Repeat(`<component><observation><value xsi:type="CD" code="2" displayName="an illness of some length"/></observation></component>`, 100_000)+`</organizer></entry>`),
		"many sites":       section("47519-4", "", `<entry><procedure moodCode="EVN"><code code="1" displayName="x"/><statusCode code="completed"/>`+strings.Repeat(`<targetSiteCode code="2" displayName="a place of some length"/>`, 200_000)+`</procedure></entry>`),
		"many steps": section("10160-0", "", `<entry><substanceAdministration moodCode="EVN"><statusCode code="active"/><doseQuantity value="1"/><consumable><manufacturedProduct><manufacturedMaterial><code code="1" displayName="x"/></manufacturedMaterial></manufacturedProduct></consumable>`+
			strings.Repeat(`<entryRelationship typeCode="COMP"><sequenceNumber value="2"/><substanceAdministration moodCode="EVN"><doseQuantity value="2"/></substanceAdministration></entryRelationship>`, 60_000)+`</substanceAdministration></entry>`),
		"many notes": section("30954-2", "", `<entry><organizer><code code="1" displayName="x"/>`+func() string {
			var b strings.Builder
			for i := range 40_000 {
				fmt.Fprintf(&b, `<component><observation><code code="2" displayName="y"/><value xsi:type="PQ" value="1" unit="g"/><entryRelationship><act><code code="48767-8"/><text>note %d</text></act></entryRelationship></observation></component>`, i)
			}
			return b.String()
		}()+`</organizer></entry>`),
		"references in a circle": section("11450-4", `<content ID="a"><content ID="b">#a</content></content>`, `<entry><observation moodCode="EVN"><text ID="a"><reference value="#b"/></text><value xsi:type="CD"><originalText><reference value="#a"/></originalText></value></observation></entry>`),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			doc, err := Read(body)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 600 {
				t.Errorf("%d MB for a document of %d MB", used, len(body)>>20)
			}
			if took > time.Minute { // on a machine that others use as well
				t.Errorf("%v", took)
			}
			if len(doc.Items)+len(doc.Unread) == 0 {
				t.Error("nothing is said of it")
			}
		})
	}
}

// nested is a text in items within each other.
func nested(n int, text string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<item ID="i%d">`, i)
	}
	return b.String() + text + strings.Repeat("</item>", n)
}

// TestReadingEndsWithTheRequest: a document is read no further than somebody waits for it.
func TestReadingEndsWithTheRequest(t *testing.T) {
	body := []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section>` + strings.Repeat(`<entry><act/></entry>`, 100) + `</section></component></structuredBody></component></ClinicalDocument>`)
	ctx, cancel := context.WithCancel(t.Context())
	if d, err := ReadFor(ctx, body); err != nil || len(d.Unread) != 100 {
		t.Fatal(err)
	}
	cancel()
	if _, err := ReadFor(ctx, body); err != context.Canceled {
		t.Error(err)
	}
}

// TestManyOfOneCodeCostLittle: a chart with many values of a test is held to a document with many of another day.
func TestManyOfOneCodeCostLittle(t *testing.T) {
	glucose := func(day string, n int) (list []*fhir.Node) {
		for i := range n {
			list = append(list, node(t, fmt.Sprintf(`{"resourceType":"Observation","id":"g%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}]},"effectiveDateTime":"%sT%02d:%02d:00Z","valueQuantity":{"value":%d,"unit":"mg/dL"}}`, i, day, i/60%24, i%60, i)))
		}
		return list
	}
	here, items := indexOf(glucose("2020-01-01", 1000)), glucose("2021-02-02", 500)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, n := range items {
		if r := here.row(&Item{Resource: n}); r.State != New {
			t.Fatal(r.State)
		}
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 20 {
		t.Errorf("%d MB for 500 values", used)
	}
}

// TestManyMedicinesCostLittle: of very many medicines some are held to some, and of each is said that it was not
// held to all.
func TestManyMedicinesCostLittle(t *testing.T) {
	h := open(t)
	d := &Document{}
	for i := range 2000 {
		d.Items = append(d.Items, Item{Key: fmt.Sprint(i), Section: Medications, Resource: node(t, fmt.Sprintf(`{"resourceType":"MedicationStatement","status":"active","medicationCodeableConcept":{"text":"Warfarin %d mg"}}`, i+1))})
	}
	d.Patient = node(t, `{"resourceType":"Patient"}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 400 {
		t.Errorf("%d MB for 2000 medicines", used)
	}
	said := func(r Row) bool {
		return slices.ContainsFunc(r.Findings.NotChecked, func(n rx.NotChecked) bool { return strings.Contains(n.Reason, "too many") })
	}
	for _, r := range c.Rows {
		if !r.Checks || !said(r) {
			t.Fatalf("%s: %d findings, not checked: %v", r.Item.Key, len(r.Findings.Findings), r.Findings.NotChecked)
		}
	}
	if len(c.Rows[0].Findings.Findings) == 0 {
		t.Error("nothing was found of the first")
	}
}
