package search

import (
	"math"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

func TestNear(t *testing.T) {
	at := func(lat, lon string) []Entry {
		r, err := fhir.Parse([]byte(`{"resourceType":"Location","id":"a","position":{"latitude":` + lat + `,"longitude":` + lon + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := Extract(r)
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	for _, c := range []struct {
		query, lat, lon string
		want            bool
	}{
		{"near=42.256500|-83.694810|11.20|km", "42.2565", "-83.69481", true},
		{"near=42.256500|-83.694810|11.20|km", "42.35", "-83.69481", true},  // 10.4 km
		{"near=42.256500|-83.694810|11.20|km", "42.36", "-83.69481", false}, // 11.5 km
		{"near=42.256500|-83.694810|11.20", "42.35", "-83.69481", true},
		{"near=42.256500|-83.694810|11200|m", "42.35", "-83.69481", true},
		{"near=42.256500|-83.694810|7|[mi_i]", "42.35", "-83.69481", true},
		{"near=42.256500|-83.694810|6|[mi_i]", "42.35", "-83.69481", false},
		{"near=42.256500|-83.694810", "42.35", "-83.69481", true},
		{"near=0|179.99|5|km", "0", "-179.99", true}, // over the date line
		{"near=90|0|200|km", "89", "180", true},      // over the pole
		{"near=1|1,42.256500|-83.694810", "42.35", "-83.69481", true},
		{"near=51.5|-0.12|0|km", "51.5", "-0.12", true},
		{"near=0|0|1|km", "0", "0", true},
		{"near=51.5|-0.12|340|km", "48.8566", "2.3522", false}, {"near=51.5074|-0.1278|344|km", "48.8566", "2.3522", true},
		{"near=0|0|99999999|km", "10", "10", true},
		{"near:missing=false", "10", "10", true}, {"near:missing=true", "91", "10", true},
	} {
		q, err := parse(t, "Location", c.query, Strict)
		if err != nil {
			t.Fatalf("%s: %v", c.query, err)
		}
		if got := Match(q.Where, Subject{}, at(c.lat, c.lon)); got != c.want {
			t.Errorf("%s of %s, %s: %v", c.query, c.lat, c.lon, got)
		}
	}
	if d := Distance(0, 0, 0, 180); math.Abs(d-20_015_115) > 1 {
		t.Errorf("half around the earth: %v", d)
	}
}

func TestWords(t *testing.T) {
	r, err := fhir.Parse([]byte(`{"resourceType":"DiagnosticReport","id":"idword","meta":{"source":"metaword"},
"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Bone &amp; marrow:</p><!-- comment --><p class=\"hidden\">no m&eacute;tastases</p></div>"},
"code":{"coding":[{"system":"http://loinc.org","code":"58410-2","display":"Blood count"}],"text":"Blutbild"},"presentedForm":[{"data":"QUJD","title":"Sheet"}],"conclusion":"Liver is fine"}`))
	if err != nil {
		t.Fatal(err)
	}
	s := Subject{Words: func(narrative bool) string { return WordsOf(r, narrative) }}
	for query, want := range map[string]bool{
		"_text=bone": true, "_text=BONE": true, "_text=metas": true, "_text=liver": false, "_text=hidden": false, "_text=comment": false, "_text=div": false,
		"_content=liver": true, "_content=bone": true, "_content=58410-2": true, "_content=blutbild": true, "_content=qujd": false, "_content=sheet": true,
		"_content=metaword": false, "_content=idword": false, "_content=diagnosticreport": false, "_content=iver": false, "_content=loinc": false,
		"_content=bone liver": true, "_content=bone lung": false, "_content=lung OR liver": true, "_content=lung,liver": true, "_content=(bone OR lung) AND liver": true,
		"_content=(bone OR liver) metastas": true, "_content=bone NOT lung": true, "_content=bone NOT liver": false, `_content="blood count"`: true, `_content="count blood"`: false,
		`_content="liver is fi"`: true, `_content="marrow no"`: true, "_content=NOT (lung OR bowel)": true, "_content=OR OR liver": true,
	} {
		q, err := parse(t, "DiagnosticReport", query, Strict)
		if err != nil {
			if query != "_content=OR OR liver" {
				t.Errorf("%s: %v", query, err)
			}
			continue
		}
		if got := Match(q.Where, s, nil); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	if Match(Words{Phrase: "x"}, Subject{}, nil) {
		t.Error("words were found without a text")
	}
}

// TestNationalNumbersAreNoWords: whoever does not see a national number does not spell it out in searches for words,
// in whatever element or narrative it stands; other identifiers are words.
func TestNationalNumbersAreNoWords(t *testing.T) {
	const ssn = `{"system":"http://hl7.org/fhir/sid/us-ssn","value":"521-44-7788"}`
	for _, body := range []string{
		`{"resourceType":"Coverage","identifier":[` + ssn + `,{"system":"urn:member","value":"M77"}]}`,
		`{"resourceType":"Coverage","identifier":[{"type":{"coding":[{"code":"SS"}]},"system":"urn:q","value":"521-44-7788"},{"value":"M77"}]}`,
		`{"resourceType":"Observation","subject":{"identifier":` + ssn + `},"note":[{"text":"M77"}]}`,
		`{"resourceType":"Observation","extension":[{"url":"urn:x","valueIdentifier":` + ssn + `}],"note":[{"text":"M77"}]}`,
		`{"resourceType":"Coverage","text":{"div":"<div>Zander 521 44 7788</div>"},"identifier":[` + ssn + `,{"value":"M77"}]}`,
		`{"resourceType":"Observation","contained":[{"resourceType":"Coverage","text":{"div":"<div>521447788</div>"},"identifier":[` + ssn + `]}],"note":[{"text":"M77"}]}`,
	} {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, guess := range []string{"5", "52", "521", "521 44 7788", "521447788", "7788", "44"} {
			for _, narrative := range []bool{false, true} {
				if (Words{Narrative: narrative, Phrase: guess}).In(WordsOf(r, narrative)) {
					t.Errorf("%s is found in %s", guess, body)
				}
			}
		}
		if words := WordsOf(r, false); !(Words{Phrase: "m77"}).In(words) {
			t.Errorf("words are lost: %q of %s", words, body)
		}
	}
	r, err := fhir.Parse([]byte(`{"resourceType":"Coverage","text":{"div":"<div>Zander 77</div>"},"identifier":[` + ssn + `]}`))
	if err != nil || !(Words{Phrase: "zander"}).In(WordsOf(r, true)) || !(Words{Phrase: "zander"}).In(WordsOf(r, false)) {
		t.Errorf("a narrative without the number is not found, %v", err)
	}
	// What stands in prose is shown to all, and found: whether it is found tells of no guess in it.
	if r, err = fhir.Parse([]byte(`{"resourceType":"Composition","subject":{"identifier":` + ssn + `},"section":[{"text":{"div":"<div>521-44-7788</div>"}}]}`)); err != nil || !(Words{Phrase: "521 44 7788"}).In(WordsOf(r, false)) {
		t.Errorf("the prose of a section is not found, %v", err)
	}
}
