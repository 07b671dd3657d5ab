package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/trust"
)

func parsed(t testing.TB, body string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return n
}

// someone is a Patient with every particular; a number of nine digits stands in all of them.
func someone(number string) string {
	return strings.ReplaceAll(`{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Hill, NUMBER</div>"},
"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{"city":"NUMBER"}}],
"identifier":[{"system":"urn:mrn","value":"M1"},{"system":"http://hl7.org/fhir/sid/us-ssn","value":"NUMBER"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"PPN"}]},"system":"urn:p","value":"P-NUMBER"}],
"name":[{"family":"Hill"}],"telecom":[{"system":"phone","value":"NUMBER"}],"address":[{"line":["NUMBER"],"city":"Leeds"}],
"contact":[{"name":{"family":"NUMBER"},"telecom":[{"system":"phone","value":"NUMBER"}]}]}`, "NUMBER", number)
}

// copies are places in which a person stands inside of another resource.
func copies(person string) []string {
	inner := strings.Replace(person, `"id":"p"`, `"id":"c"`, 1)
	return []string{
		person,
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + person + `},{"resource":{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + person + `}]}}]}`,
		`{"resourceType":"ServiceRequest","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">for ` + read0(person) + `</div>"},"contained":[` + inner + `],"status":"active","intent":"order","code":{"text":"x"},"subject":{"reference":"#c"}}`,
	}
}

// read0 is the number of a person of someone.
func read0(person string) string {
	_, rest, _ := strings.Cut(person, "Hill, ")
	number, _, _ := strings.Cut(rest, "<")
	return number
}

func TestMaskedNowhereToBeFound(t *testing.T) {
	const x, y = "123-45-6789", "987-65-6789" // the last four are the same
	for role, m := range map[trust.Role]Mask{trust.Laboratory: {Contact: true, National: Whole}, trust.Auditor: {Contact: true, National: Whole}, "unknown": {Contact: true, National: Whole},
		trust.Pharmacist: {National: Whole}, trust.Physician: {National: LastFour}, trust.FrontDesk: {}, trust.Patient: {}, trust.SystemRole: {}} {
		if got := MaskOf(as(role)); got != m {
			t.Errorf("%s: %+v", role, got)
		}
	}
	program := as(trust.FrontDesk)
	program.Client = "app"
	if MaskOf(program).National != Whole {
		t.Error("a program gets national identifiers")
	}
	for i, body := range copies(someone(x)) {
		other, none := copies(someone(y))[i], copies(strings.NewReplacer(`"telecom":[{"system":"phone","value":"`+x+`"}],"address":[{"line":["`+x+`"],"city":"Leeds"}],`, "").Replace(someone(x)))[i]
		kind := parsed(t, body).ResourceType()
		m := Mask{Contact: true, National: Whole}
		a := masked(t, m, kind, body)
		if b, c := masked(t, m, kind, other), masked(t, m, kind, none); a != b || i == 0 && a != c {
			t.Errorf("%s tells what is hidden:\n%s\n%s\n%s", kind, a, b, c)
		}
		if strings.Contains(a, "6789") || !strings.Contains(a, `"valueCode":"masked"`) || !strings.Contains(a, "M1") {
			t.Errorf("%s", a)
		}
		if again := masked(t, m, kind, a); again != a {
			t.Errorf("masked twice it is another: %s", again)
		}
		four := masked(t, Mask{National: LastFour}, kind, body)
		if strings.Count(four, x) != strings.Count(body, x)-strings.Count(body, `"value":"`+x+`"},{"type"`)-strings.Count(body, "P-"+x)-strings.Count(body, "Hill, "+x)-strings.Count(body, "for "+x) || !strings.Contains(four, "***6789") {
			t.Errorf("the last four: %s", four)
		}
		for _, issue := range validate.Resource(parsed(t, a)) {
			if issue.Severity == "error" {
				t.Errorf("what is masked is no FHIR any more: %+v", issue)
			}
		}
	}
	plain := []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"}}`)
	if got, err := (Mask{Contact: true, National: Whole}).Body("Observation", plain); err != nil || &got[0] != &plain[0] {
		t.Error("a body without people is copied")
	}
}

func masked(t *testing.T, m Mask, kind, body string) string {
	t.Helper()
	got, err := m.Body(kind, parsed(t, body).JSON())
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestMaskRestores: what comes back masked or left out stays; what is changed is refused.
func TestMaskRestores(t *testing.T) {
	for _, m := range []Mask{{Contact: true, National: Whole}, {National: LastFour}, {National: Whole}} {
		for i, body := range copies(someone("123-45-6789")) {
			before := parsed(t, body)
			same := before.Clone()
			m.Apply(same)
			if err := m.Restore(before, same); err != nil || string(sorted(same)) != string(sorted(before)) {
				t.Errorf("%+v %d: %v\n%s\n%s", m, i, err, sorted(same), sorted(before))
			}
		}
	}
	before := parsed(t, someone("123-45-6789"))
	m := Mask{Contact: true, National: Whole}
	less := parsed(t, `{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"M2"}],"name":[{"family":"Zander"}]}`)
	if err := m.Restore(before, less); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"M2", "Zander", "Leeds", `"value":"123-45-6789"`, "P-123-45-6789", `"contact"`} {
		if !strings.Contains(string(less.JSON()), want) {
			t.Errorf("%s is lost: %s", want, less.JSON())
		}
	}
	for name, change := range map[string]string{"telecom": `"telecom":[{"system":"phone","value":"5"}]`, "address": `"address":[{"city":"York"}]`, "contact": `"contact":[{"name":{"text":"x"}}]`,
		"identifier": `"identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"1"}]`} {
		for _, was := range []string{someone("123-45-6789"), `{"resourceType":"Patient","id":"p"}`} {
			err := m.Restore(parsed(t, was), parsed(t, `{"resourceType":"Patient","id":"p",`+change+`}`))
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// sorted writes a resource with the members of each object in one order.
func sorted(n *fhir.Node) []byte {
	switch n.Kind() {
	case fhir.Object:
		var names []string
		for name := range n.Members() {
			names = append(names, name)
		}
		out := "{"
		slices.Sort(names)
		for _, name := range names {
			out += fmt.Sprintf("%q:%s,", name, sorted(n.Get(name)))
		}
		return []byte(out + "}")
	case fhir.Array:
		out := "["
		for item := range n.Items() {
			out += string(sorted(item)) + ","
		}
		return []byte(out + "]")
	}
	return n.JSON()
}

// systemsOfNational and typesOfNational are those of search.Nationals.
var systemsOfNational, typesOfNational = func() (systems, types []string) {
	for _, t := range search.Nationals("identifier", "1") {
		if t.OfType {
			types = append(types, t.Code)
		} else {
			systems = append(systems, t.System)
		}
	}
	return systems, types
}()

// TestMaskedSearch: nobody searches by what is hidden, in whatever way it is asked.
func TestMaskedSearch(t *testing.T) {
	custom := search.NewRegistry([]*definition.SearchParameter{
		{URL: "urn:a", Code: "reach", Type: "token", Base: []string{"Patient"}, Expression: "Patient.telecom"},
		{URL: "urn:b", Code: "kept", Type: "token", Base: []string{"ServiceRequest"}, Expression: "ServiceRequest.contained"},
		{URL: "urn:c", Code: "shoe", Type: "string", Base: []string{"Patient"}, Expression: "Patient.extension.where(url='x').value"},
	})
	m := Mask{Contact: true, National: Whole}
	for _, c := range []struct {
		kind, query string
		ok          bool
	}{
		{"Patient", "phone=5", false}, {"Patient", "phone:missing=true", false}, {"Patient", "address:contains=x", false}, {"Patient", "_sort=address", false}, {"Patient", "email=x", false},
		{"Patient", "_filter=phone eq 5", false}, {"Patient", "_content=5", false}, {"Patient", "_text=x", false}, {"Observation", "patient.phone=5", false}, {"Observation", "subject:Patient.address-city=x", false},
		{"Practitioner", "_has:Patient:general-practitioner:telecom=5", false}, {"Practitioner", "phone=5", true}, {"RelatedPerson", "telecom=5", false}, {"Person", "address=x", false},
		{"Patient", "identifier=http://hl7.org/fhir/sid/us-ssn|1", false}, {"Patient", "identifier=http://hl7.org/fhir/sid/us-ssn|", false}, {"Patient", "identifier:missing=true", false}, {"Patient", "_sort=identifier", false},
		{"Patient", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|SS|1", false}, {"Patient", "identifier:text=social", false}, {"Observation", "patient:identifier=http://hl7.org/fhir/sid/us-ssn|1", false},
		{"Patient", "identifier=urn:mrn|1", true}, {"Patient", "identifier=1", true}, {"Patient", "name=x&birthdate=2020", true}, {"Observation", "_content=5", true}, {"Observation", "patient.name=x", true},
		{"Patient", "identifier=http://hl7.org/fhir/sid/passport-USA|P1", false}, {"Patient", "identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|NNGBR|1", false}, {"Patient", "identifier=urn:mrn|", false},
		{"Coverage", "identifier=http://hl7.org/fhir/sid/us-ssn|1", false}, {"Coverage", "identifier=1", true}, {"Composition", "related-id:text=social", false}, {"Specimen", "_sort=accession", false}, {"Observation", "subject:identifier=urn:mrn|1", true}, {"Observation", "subject:identifier=urn:mrn|", false},
		{"Patient", "identifier=urn:OID:2.16.840.1.113883.4.1|1", false}, {"Patient", "identifier=http://hl7.org/fhir/sid/us-ssn/|1", false}, {"Patient", "identifier=urn:OID:2.16.840.1.113883.4.3.2|1", false},
		{"Patient", "reach=5", false}, {"ServiceRequest", "kept=5", false}, {"Patient", "shoe=5", false}, {"", "_content=5", false}, {"", "_id=5", true},
	} {
		params, err := search.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := search.Parser{Registry: custom}.Parse(c.kind, params, search.Strict)
		if err != nil {
			t.Errorf("%s?%s: %v", c.kind, c.query, err)
			continue
		}
		if _, err := m.Query(q, custom); (err == nil) != c.ok || err != nil && !fault.Is(err, fault.NotSupported) {
			t.Errorf("%s?%s: %v", c.kind, c.query, err)
		}
		if _, err := (Mask{}).Query(q, custom); err != nil {
			t.Errorf("without a mask %s?%s: %v", c.kind, c.query, err)
		}
	}
	// A number alone finds record numbers, not national ones.
	for _, c := range []struct {
		query, body string
		found       bool
	}{
		{"identifier=123-45-6789", someone("123-45-6789"), false}, {"identifier=M1", someone("123-45-6789"), true}, {"identifier=P-5", someone("5"), false}, {"identifier=urn:p|P-5", someone("5"), false}, {"identifier:not=M1", someone("5"), false},
		{"identifier:not=5", someone("5"), true},
	} {
		params, _ := search.ParseQuery(c.query)
		q, err := search.Parse("Patient", params, search.Strict)
		if err == nil {
			q, err = m.Query(q, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		entries, err := search.Extract(parsed(t, c.body))
		if err != nil {
			t.Fatal(err)
		}
		if search.Match(q.Where, search.Subject{Type: "Patient", ID: "p"}, entries) != c.found {
			t.Errorf("%s: found is not %v", c.query, c.found)
		}
	}
	// What else has a number is found whether a hidden one is the same or not: who writes it as another learns
	// of no guess whether it is right.
	const two = `{"resourceType":"Patient","id":"p","identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SS"}]},"value":"521-44-7788"},
{"type":{"coding":[{"code":"MR"},{"code":"SB"}]},"system":"urn:z","value":"521-44-7788"},{"system":"urn:z","value":"GUESS"}]}`
	for _, guess := range []string{"521-44-7788", "521-44-7789"} {
		for _, asked := range []string{"", "urn:z|"} {
			q, err := search.Parse("Patient", []search.Param{{Name: "identifier", Value: asked + guess}}, search.Strict)
			if err == nil {
				q, err = m.Query(q, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			entries, err := search.Extract(parsed(t, strings.Replace(two, "GUESS", guess, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if !search.Match(q.Where, search.Subject{Type: "Patient", ID: "p"}, entries) {
				t.Errorf("%s%s is not found", asked, guess)
			}
			if entries, _ = search.Extract(parsed(t, strings.Replace(two, "GUESS", "1", 1))); search.Match(q.Where, search.Subject{Type: "Patient", ID: "p"}, entries) {
				t.Errorf("%s%s finds the hidden number", asked, guess)
			}
		}
	}
	// What national says of an Identifier is what a search leaves out, and nothing else: in the person, in
	// another entry, in a reference, alone and with its system.
	var systems, types []string
	for _, s := range slices.Concat(systemsOfNational, []string{"", "urn:mrn", "http://hl7.org/fhir/sid", "https://fhir.nhs.uk/Id/nhs-number"}) {
		systems = append(systems, s, s+"-USA", s+"25")
	}
	for _, code := range slices.Concat(typesOfNational, []string{"NN", "NNGBR", "MR", "N", ""}) {
		types = append(types, fmt.Sprintf(`{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":%q}]}`, code), fmt.Sprintf(`{"coding":[{"code":"MR"},{"code":%q}]}`, code))
	}
	open := 0
	for _, system := range systems {
		for _, kind := range types {
			body := fmt.Sprintf(`{"system":%q,"type":%s,"value":"9434765919"}`, system, kind)
			if system == "" {
				body = fmt.Sprintf(`{"type":%s,"value":"9434765919"}`, kind)
			}
			hidden := search.National(parsed(t, body))
			if !hidden {
				open++
			}
			for query, in := range map[string]string{
				"Patient?identifier=9434765919":                            `{"resourceType":"Patient","identifier":[` + body + `]}`,
				"Patient?identifier=" + system + "|9434765919":             `{"resourceType":"Patient","identifier":[` + body + `]}`,
				"Coverage?identifier=9434765919":                           `{"resourceType":"Coverage","identifier":[` + body + `]}`,
				"Observation?subject:identifier=9434765919":                `{"resourceType":"Observation","subject":{"identifier":` + body + `}}`,
				"Observation?subject:identifier=" + system + "|9434765919": `{"resourceType":"Observation","subject":{"identifier":` + body + `}}`,
			} {
				kindOf, query, _ := strings.Cut(query, "?")
				q, err := search.Parse(kindOf, []search.Param{{Name: query[:strings.Index(query, "=")], Value: query[strings.Index(query, "=")+1:]}}, search.Strict)
				if err != nil {
					t.Fatal(err)
				}
				entries, err := search.Extract(parsed(t, in))
				if err != nil {
					t.Fatal(err)
				}
				if !search.Match(q.Where, search.Subject{Type: kindOf, ID: "p"}, entries) {
					t.Fatalf("%s does not find %s", query, in)
				}
				if q, err = (Mask{National: LastFour}).Query(q, nil); err != nil {
					if !hidden {
						t.Errorf("%s?%s is refused: %v", kindOf, query, err)
					}
					continue
				}
				if search.Match(q.Where, search.Subject{Type: kindOf, ID: "p"}, entries) != !hidden {
					t.Errorf("%s?%s of %s: hidden %v, found %v", kindOf, query, in, hidden, hidden)
				}
			}
		}
	}
	if open < 10 {
		t.Errorf("only %d identifiers are no national ones", open)
	}
	for text, want := range map[string]bool{"phone=5": true, "patient.phone:missing=5": true, "_has:Patient:link:email=5": true, "identifier=http://hl7.org/fhir/sid/us-ssn|5": true, "name=x": false, "identifier=urn:mrn|5": false,
		"subject:identifier=http://hl7.org/fhir/sid/us-ssn|5": true, "identifier:of-type=x|SS|5": true, "identifier=521-44-7788": true, "identifier=|5": true, "identifier=urn:a|1,http://hl7.org/fhir/sid/us-ssn|5": true, "identifier:of-type=x|MR|1,x|SS|5": true,
		"identifier=urn:OID:2.16.840.1.113883.4.1|5": true, "identifier=http://hl7.org/fhir/sid/us-ssn/|5": true, "identifier=http://hl7.org/fhir/sid/us-npi|5": false,
		"identifier:not=urn:a|1,http://hl7.org/fhir/sid/us-ssn|5": true, "_has:Coverage:beneficiary:payor:identifier=5": true, "_has:Patient:link:identifier:of-type=x|SS|5": true, "accession=http://hl7.org/fhir/sid/us-ssn|5": true,
		`_filter=identifier eq "http://hl7.org/fhir/sid/us-ssn|5"`: true, "_filter=phone eq 5": true, "_filter=(subject.address-city eq Leeds)": true, "_filter=name eq x": false, "_filter=_content co 5": true,
		"_content=521": true, "patient._text=521": true, "identifier=urn:a|1,urn:b|2": false, "identifier:of-type=x|MR|1": false, "identifier:missing=true": false, "identifier=urn:a|": false} {
		name, value, _ := strings.Cut(text, "=")
		if Particular(name, value) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func BenchmarkMaskOfBodies(b *testing.B) {
	body := []byte(`{"resourceType":"Observation","id":"x","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/x"},"valueQuantity":{"value":72}}`)
	for name, p := range map[string]trust.Principal{"all": as(trust.FrontDesk), "four": as(trust.Physician)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := MaskOf(p).Body("Observation", body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLabelsAreOfActCode: the labels are codes of HL7's own system, so that others read them.
func TestLabelsAreOfActCode(t *testing.T) {
	system, ok := definition.FindCodeSystem(LabelSystem)
	if !ok {
		t.Fatal("the code system is not known")
	}
	for _, l := range Labels {
		if _, found := system.Position(l.Code); !found {
			t.Errorf("%s is not a code of v3-ActCode", l.Code)
		}
	}
}

// What is put back for a writer who does not see it is masked for that writer afterwards, whatever
// else was changed: the system of a number, or what a contained person is called.
func TestRestoredIsMasked(t *testing.T) {
	parse := func(body string) *fhir.Node {
		n, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	number := parse(`{"resourceType":"Patient","id":"p","extension":[{"url":"urn:x","valueIdentifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"523-45-6789"}}]}`)
	m := MaskOf(trust.Principal{Role: trust.Nurse})
	sent := number.Clone()
	m.Apply(sent)
	if bytes.Contains(sent.JSON(), []byte("523-45")) {
		t.Fatalf("not masked: %s", sent.JSON())
	}
	same := sent.Clone()
	if err := m.Restore(number, same); err != nil || !bytes.Contains(same.JSON(), []byte("523-45-6789")) {
		t.Errorf("sent back as it came: %v, %s", err, same.JSON())
	}
	sent.Path("extension.0.valueIdentifier").Set("system", fhir.Str("urn:z"))
	if err := m.Restore(number, sent); !fault.Is(err, fault.Forbidden) {
		t.Errorf("another system: %v, %s", err, sent.JSON())
	}
	person := parse(`{"resourceType":"Observation","id":"o","contained":[{"resourceType":"Patient","id":"c","telecom":[{"system":"phone","value":"555 0199 77"}],"address":[{"city":"Leeds Harehills"}]}]}`)
	laboratory := MaskOf(trust.Principal{Role: trust.Laboratory})
	sent = person.Clone()
	laboratory.Apply(sent)
	sent.Path("contained.0").Set("resourceType", fhir.Str("Practitioner"))
	sent.Path("contained.0").Remove("telecom")
	sent.Path("contained.0").Remove("address")
	if err := laboratory.Restore(person, sent); !fault.Is(err, fault.Forbidden) {
		t.Errorf("another type: %v, %s", err, sent.JSON())
	}
	order := parse(`{"resourceType":"ServiceRequest","id":"s","requisition":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"523-45-6789"}}`)
	if shown, err := m.Body("ServiceRequest", order.JSON()); err != nil || bytes.Contains(shown, []byte("523-45")) {
		t.Errorf("a number in another member: %s, %v", shown, err)
	}
}

// TestMisspeltSystemsAreMasked: a national number is one too when its system is written in another way: it is
// masked, found by nobody from whom it is hidden, with its system or without, in no words, not kept in the log, and
// kept when it is written over.
func TestMisspeltSystemsAreMasked(t *testing.T) {
	spellings := map[string][]string{
		"http://hl7.org/fhir/sid/us-ssn": {"http://hl7.org/fhir/sid/us-ssn/", "https://hl7.org/fhir/sid/us-ssn", "http://www.hl7.org/fhir/sid/us-ssn", "HTTP://HL7.ORG/fhir/sid/us-ssn", "http://hl7.org/FHIR/SID/US-SSN",
			"https://www.hl7.org:443/fhir/sid/us-ssn/", "hl7.org/fhir/sid/us-ssn", "www.hl7.org/fhir/sid/us-ssn", "http://hl7.org./fhir//sid/us-ssn#"},
		"http://hl7.org/fhir/sid/us-itin":         {"https://hl7.org/fhir/sid/us-itin/", "http://hl7.org/fhir/sid/US-ITIN"},
		"http://hl7.org/fhir/sid/passport-USA":    {"https://hl7.org/fhir/sid/passport-USA", "http://hl7.org/fhir/sid/Passport-USA/"},
		"urn:oid:2.16.840.1.113883.4.1":           {"urn:OID:2.16.840.1.113883.4.1", "URN:OID:2.16.840.1.113883.4.1", "urn:Oid:2.16.840.1.113883.4.1", "urn:oid:2.16.840.1.113883.4.01", "urn:oid:02.016.0840.01.0113883.04.1", "2.16.840.1.113883.4.1", "oid:2.16.840.1.113883.4.1", "urn:oid:2.16.840.1.113883.4.1."},
		"urn:oid:2.16.840.1.113883.4.3.25":        {"urn:OID:2.16.840.1.113883.4.3.25", "urn:oid:2.16.840.1.113883.4.03.25", "2.16.840.1.113883.4.3.25"},
		"urn:oid:2.16.840.1.113883.4.330.840":     {"URN:oid:2.16.840.1.113883.4.0330.840"},
		"urn:oid:2.16.840.1.113883.4.6":           nil, // of providers
		"http://hl7.org/fhir/sid/us-npi":          nil,
		"https://hl7.org/fhir/sid/icd-10-cm":      nil,
		"http://terminology.hl7.org/fhir/sid/x":   nil,
		"http://hl7.org.example/fhir/sid/us-ssn":  nil,
		"http://hl7.org/fhir/sid/us-ssn-of-a-dog": nil,
		"urn:oid:2.16.840.1.113883.4.12":          nil,
	}
	m := Mask{National: LastFour}
	for right, others := range spellings {
		for _, system := range append(others, right) {
			national := others != nil
			id := `{"system":"` + system + `","value":"521-44-7788"}`
			for _, kind := range []string{"Patient", "Coverage"} {
				body := `{"resourceType":"` + kind + `","id":"x","identifier":[` + id + `]}`
				if got := masked(t, m, kind, body); strings.Contains(got, "521") == national {
					t.Errorf("%s: %s", system, got)
				}
				entries, err := search.Extract(parsed(t, body))
				if err != nil {
					t.Fatal(err)
				}
				for _, asked := range append(others, right, "") {
					query := search.Param{Name: "identifier", Value: strings.TrimPrefix(asked+"|521-44-7788", "|")}
					q, err := search.Parse(kind, []search.Param{query}, search.Strict)
					if err != nil {
						t.Fatal(err)
					}
					if !search.Match(q.Where, search.Subject{Type: kind, ID: "x"}, entries) {
						t.Errorf("%s does not find %s", query.Value, system)
					}
					if q, err = m.Query(q, nil); national && err == nil && search.Match(q.Where, search.Subject{Type: kind, ID: "x"}, entries) {
						t.Errorf("%s finds %s under a mask", query.Value, system)
					}
					if asked != "" && Particular(query.Name, query.Value) != national {
						t.Errorf("%s is kept in the log: %v", query.Value, national)
					}
				}
				if words := search.WordsOf(parsed(t, strings.Replace(body, `"identifier"`, `"policy"`, 1)), false); strings.Contains(words, "521") == national {
					t.Errorf("%s: the words are%s", system, words)
				}
				if !national {
					continue
				}
				after := parsed(t, `{"resourceType":"`+kind+`","id":"x"}`)
				if err := m.Restore(parsed(t, body), after); err != nil || !strings.Contains(string(after.JSON()), `"system":"`+system+`","value":"521-44-7788"`) {
					t.Errorf("%s is lost when it is written over: %s, %v", system, after.JSON(), err)
				}
			}
		}
	}
}

// TestRestoreConfirmsNoGuess: who is shown a number in part learns from no answer whether a guess of it is
// right, wherever the guess stands, and does not get it shown or move it to somebody else.
func TestRestoreConfirmsNoGuess(t *testing.T) {
	const number = "521-44-7788"
	with := func(subject, more string) string {
		return `{"resourceType":"Observation","id":"o","status":"final","subject":` + subject + more + `}`
	}
	before := with(`{"reference":"Patient/x","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"`+number+`"}}`, "")
	for _, m := range []Mask{{National: LastFour}, {National: Whole}, {Contact: true, National: Whole}} {
		shown := parsed(t, masked(t, m, "Observation", before)).Get("subject")
		elsewhere := shown.Clone()
		elsewhere.Set("reference", fhir.Str("Patient/y"))
		for subject, want := range map[string]bool{
			string(shown.JSON()): true, `{"reference":"Patient/x"}`: true,
			`{"reference":"Patient/x","identifier":{"system":"urn:other"}}`: false, `{"reference":"Patient/x","identifier":{}}`: false, `{"reference":"Patient/y"}`: false, string(elsewhere.JSON()): false,
			`{"reference":"Patient/x","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn"}}`: false, `{"reference":"Patient/x","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"` + number + `"}}`: false,
		} {
			for _, guess := range []string{number, "521-44-7789"} {
				for more, allowed := range map[string]bool{
					"": true, `,"note":[{"text":"` + guess + `"}]`: true, `,"text":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + guess + `</div>"}`: false,
					`,"contained":[{"resourceType":"Basic","id":"b","text":{"status":"additional","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">` + guess + `</div>"}}]`: false,
				} {
					after := parsed(t, with(subject, more))
					err := m.Restore(parsed(t, before), after)
					if ok := err == nil; ok != (want && allowed) || err != nil && !fault.Is(err, fault.Forbidden) {
						t.Errorf("%+v, subject %s%s: %v", m, subject, more, err)
						continue
					}
					if err == nil && after.Path("subject.identifier.value").Text() != number {
						t.Errorf("%+v, subject %s: the number is lost: %s", m, subject, after.JSON())
					}
				}
			}
		}
	}
	// Two people of one last four are not exchanged.
	two := parsed(t, `{"resourceType":"Appointment","id":"a","participant":[{"status":"accepted","actor":{"reference":"Patient/x","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"521-44-7788"}}},
{"status":"declined","actor":{"reference":"Patient/y","identifier":{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-44-7788"}}}]}`)
	m := Mask{National: LastFour}
	swapped := two.Clone()
	m.Apply(swapped)
	list := swapped.Get("participant")
	swapped.Set("participant", fhir.Arr(list.At(1).Clone(), list.At(0).Clone()))
	if err := m.Restore(two, swapped); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the numbers of two are exchanged: %v, %s", err, swapped.JSON())
	}
	inside := parsed(t, `{"resourceType":"ServiceRequest","id":"s","contained":[{"resourceType":"Patient","id":"c","identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"521-44-7788"}]}]}`)
	other := parsed(t, `{"resourceType":"ServiceRequest","id":"s","contained":[{"resourceType":"Patient","id":"d","name":[{"family":"Zander"}]}]}`)
	if err := m.Restore(inside, other); !fault.Is(err, fault.Forbidden) {
		t.Errorf("another person gets the number: %v, %s", err, other.JSON())
	}
}
