package chart

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
)

var today = time.Date(2026, 11, 24, 10, 31, 0, 0, time.UTC)

func nodes(t *testing.T, bodies ...string) []*fhir.Node {
	t.Helper()
	var out []*fhir.Node
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		out = append(out, n)
	}
	return out
}

const okafor = `{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:osler:record-number","value":"2041187731"}],
 "name":[{"use":"official","family":"Okafor","given":["Maria"],"prefix":["Ms."]},{"use":"usual","given":["Ify"]}],
 "gender":"female","birthDate":"1968-03-14","telecom":[{"system":"phone","value":"0113 496 0412"}],
 "communication":[{"language":{"coding":[{"code":"es"}]}},{"language":{"coding":[{"code":"en"}]},"preferred":true}]}`

func TestPatient(t *testing.T) {
	p := From(nodes(t, okafor), "p1", today).Patient
	for what, pair := range map[string][2]string{
		"family": {p.Family, "Okafor"}, "given": {p.Given, "Maria"}, "title": {p.Title, "Ms"}, "preferred": {p.Preferred, "Ify"},
		"record number": {p.RecordNumber, "2041187731"}, "phone": {p.Phone, "0113 496 0412"}, "language": {p.Language, "en"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
	if m := p.Months(today); m != 58*12+8 {
		t.Errorf("age is %d months, want 704", m)
	}
}

func TestAnotherPatientsFactsAreLeftOut(t *testing.T) {
	c := From(nodes(t, okafor,
		`{"resourceType":"Patient","id":"p2","name":[{"family":"Other"}]}`,
		`{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p2"},"code":{"text":"Gout"}}`,
		`{"resourceType":"AllergyIntolerance","id":"a2","patient":{"reference":"Patient/p2"},"code":{"text":"latex"}}`,
	), "p1", today)
	if c.Patient.Family != "Okafor" || len(c.Problems) != 0 || c.Allergies.State != NotRecorded {
		t.Errorf("another patient's facts are in the chart: %+v", c)
	}
}

// TestAllReactionsOfAnAllergyAreTold, each once, with the severity of the worst, wherever it stands.
func TestAllReactionsOfAnAllergyAreTold(t *testing.T) {
	for severities, worst := range map[[2]string]string{{"mild", "severe"}: "severe", {"severe", "mild"}: "severe", {"", "moderate"}: "moderate", {"", ""}: ""} {
		reaction := func(said, severity string) string {
			if severity != "" {
				severity = `,"severity":"` + severity + `"`
			}
			return `{"manifestation":[{"text":"` + said + `"},{"text":"Hives"}]` + severity + `}`
		}
		a := From(nodes(t, okafor, `{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/p1"},"code":{"text":"penicillin"},"reaction":[`+
			reaction("hives", severities[0])+`,`+reaction("anaphylaxis", severities[1])+`]}`), "p1", today).Allergies.Active[0]
		if a.Reaction != "hives, anaphylaxis" || a.Severity != worst || a.Dangerous() != (worst == "severe") {
			t.Errorf("%v: %q %q, dangerous %v", severities, a.Reaction, a.Severity, a.Dangerous())
		}
	}
}

func TestAllergyStates(t *testing.T) {
	penicillin := `{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/p1"},"clinicalStatus":{"coding":[{"code":"active"}]},"criticality":"high","code":{"text":"penicillin"},"reaction":[{"manifestation":[{"text":"anaphylaxis"}],"severity":"severe"}]}`
	grass := `{"resourceType":"AllergyIntolerance","id":"a3","patient":{"reference":"Patient/p1"},"code":{"coding":[{"display":"Grass pollen"}]}}`
	none := `{"resourceType":"AllergyIntolerance","id":"a0","patient":{"reference":"Patient/p1"},"recordedDate":"2026-08-02","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003"}]}}`
	refuted := `{"resourceType":"AllergyIntolerance","id":"a4","patient":{"reference":"Patient/p1"},"verificationStatus":{"coding":[{"code":"refuted"}]},"code":{"text":"egg"}}`
	mistake := `{"resourceType":"AllergyIntolerance","id":"a5","patient":{"reference":"Patient/p1"},"verificationStatus":{"coding":[{"code":"entered-in-error"}]},"code":{"text":"soy"}}`
	noFood := `{"resourceType":"AllergyIntolerance","id":"a6","patient":{"reference":"Patient/p1"},"clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"429625007"}],"text":"No known food allergy"}}`
	for name, c := range map[string]struct {
		bodies []string
		state  AllergyState
		active int
	}{
		"nothing":               {nil, NotRecorded, 0},
		"stated none":           {[]string{none}, NoneKnown, 0},
		"one":                   {[]string{grass, penicillin}, HasAllergies, 2},
		"none but one recorded": {[]string{none, penicillin}, HasAllergies, 1},
		"none of a kind":        {[]string{noFood}, NotRecorded, 0},
		"one, none of a kind":   {[]string{noFood, penicillin}, HasAllergies, 1},
		"only refuted":          {[]string{refuted}, NotRecorded, 0},
		"only a mistake":        {[]string{mistake}, NotRecorded, 0},
	} {
		a := From(nodes(t, append([]string{okafor}, c.bodies...)...), "p1", today).Allergies
		if a.State != c.state || len(a.Active) != c.active {
			t.Errorf("%s: state %d with %d active, want %d with %d", name, a.State, len(a.Active), c.state, c.active)
		}
		if name == "one" && a.Active[0].Agent != "penicillin" {
			t.Errorf("the dangerous allergy is not first: %+v", a.Active)
		}
	}
	if (Chart{}).Allergies.State != Unavailable {
		t.Error("a chart that was not read claims something about allergies")
	}
}

func TestProblems(t *testing.T) {
	c := From(nodes(t, okafor,
		`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"code":{"text":"Gout"},"clinicalStatus":{"coding":[{"code":"resolved"}]},"onsetDateTime":"2010","abatementDateTime":"2011"}`,
		`{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes mellitus type 2 (disorder)"}]},"clinicalStatus":{"coding":[{"code":"active"}]},"onsetDateTime":"2019"}`,
		`{"resourceType":"Condition","id":"c3","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"44054006","display":"Diabetes"}]},"clinicalStatus":{"coding":[{"code":"active"}]},"onsetDateTime":"2015"}`,
		`{"resourceType":"Condition","id":"c4","subject":{"reference":"Patient/p1"},"code":{"text":"Cystitis"},"category":[{"coding":[{"code":"encounter-diagnosis"}]}],"clinicalStatus":{"coding":[{"code":"active"}]},"encounter":{"reference":"Encounter/e1"}}`,
		`{"resourceType":"Condition","id":"c5","subject":{"reference":"Patient/p1"},"code":{"text":"Wrong"},"verificationStatus":{"coding":[{"code":"entered-in-error"}]}}`,
	), "p1", today)
	active := c.ActiveProblems()
	if len(active) != 1 || active[0].Text != "Diabetes mellitus type 2" || !active[0].Chronic {
		t.Errorf("active problems are %+v, want diabetes once, chronic, without the semantic tag", active)
	}
	if past := c.PastProblems(); len(past) != 1 || past[0].Text != "Gout" {
		t.Errorf("past problems are %+v", past)
	}
	if d := c.DiagnosesOf("e1"); len(d) != 1 || d[0].Text != "Cystitis" {
		t.Errorf("the visit's diagnoses are %+v", d)
	}
}

func TestVitals(t *testing.T) {
	obs := func(id, code, when, value, extra string) string {
		return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"effectiveDateTime":"` + when + `","valueQuantity":{"value":` + value + `,"code":"` + extra + `"}}`
	}
	c := From(nodes(t, okafor,
		`{"resourceType":"Observation","id":"bp","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"effectiveDateTime":"2026-11-24T10:12:00Z","component":[{"code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":92}},{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":148}}]}`,
		obs("w2", "29463-7", "2026-11-24T10:12:00Z", "91.4", "kg"),
		obs("w1", "29463-7", "2026-08-02", "198.9", "[lb_av]"),
		obs("h1", "8302-2", "2020-01-01", "171.0", "cm"),
		`{"resourceType":"Observation","id":"home","status":"preliminary","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"valueQuantity":{"value":90,"code":"/min"}}`,
	), "p1", today)
	if bp := c.Vital(vital.BloodPressure).Last(); bp.Text() != "148/92" || bp.Flag != "H" {
		t.Errorf("the pressure is %q with flag %q, want 148/92 high", bp.Text(), bp.Flag)
	}
	w := c.Vital(vital.Weight)
	if len(w.Readings) != 2 || w.Readings[0].Value != "90.22" || w.Readings[0].Unit != "kg" || w.Last().Value != "91.4" {
		t.Errorf("weights are %+v, want 90.22 kg (from pounds) then 91.4 kg", w.Readings)
	}
	if bmi := c.Vital(vital.BodyMass).Last(); bmi.Value != "31.3" || !bmi.Computed || bmi.Flag != "H" {
		t.Errorf("the body mass index is %+v, want 31.3 computed and high", bmi)
	}
	if p := c.Vital(vital.Pulse); len(p.Readings) != 0 {
		t.Errorf("a home measurement that nobody accepted is in the chart: %+v", p)
	}
}

func TestVitalsOfAChildHaveNoAdultBands(t *testing.T) {
	c := From(nodes(t, `{"resourceType":"Patient","id":"p1","birthDate":"2022-01-01"}`,
		`{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p1"},"code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":118,"code":"/min"}}`), "p1", today)
	if s := c.Vital(vital.Pulse); s.HasBand || s.Last().Flag != "" {
		t.Errorf("a child's pulse is judged by a band that is not its own: %+v", s)
	}
}

func TestNoteText(t *testing.T) {
	for _, text := range []string{"", "one", "one\ntwo", `<script>alert("x")</script> & more`, "5 < 6 > 4"} {
		if got := PlainText(Div(text)); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
	}
	if got := PlainText(`<div><p>a</p><ul><li>b</li><li>c</li></ul>d<br/>e &amp; f</div>`); got != "a\nb\nc\nd\ne & f" {
		t.Errorf("foreign narrative reads %q", got)
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add(`<div>a<br/>b &lt;i&gt;</div>`)
	f.Add("<<<>>>")
	f.Fuzz(func(t *testing.T, s string) {
		PlainText(s)
	})
}

func TestPoints(t *testing.T) {
	for ref, want := range map[string]bool{
		"Patient/p1": true, "Patient/p1/_history/2": true, "https://other/fhir/Patient/p1": true, "urn:uuid:p1": true,
		"Patient/p11": false, "XPatient/p1": false, "Encounter/p1": false, "": false,
	} {
		if Points(ref, "Patient", "p1") != want {
			t.Errorf("Points(%q) is not %v", ref, want)
		}
	}
}

// TestSynthea reads every patient of the synthetic bundles.
func TestSynthea(t *testing.T) {
	dir := sample.Dir(t, "synthea", 30)
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	charts := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := fhir.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		var all []*fhir.Node
		patient := ""
		for e := range bundle.Get("entry").Items() {
			r := e.Get("resource")
			if r.ResourceType() == "Patient" {
				patient = r.ID()
			}
			all = append(all, r)
		}
		if patient == "" {
			continue
		}
		charts++
		c := From(all, patient, today)
		name := filepath.Base(file)
		if c.Patient.Family == "" || c.Patient.Given == "" || c.Patient.Born == "" || c.Patient.RecordNumber == "" {
			t.Errorf("%s: the header is %+v", name, c.Patient)
		}
		for _, p := range c.Problems {
			if p.Text == "" || p.Onset == "" || p.Status == "" {
				t.Errorf("%s: a problem reads %+v", name, p)
			}
		}
		if len(c.Problems) != len(c.resources["Condition"]) || len(c.Visits) != len(c.resources["Encounter"]) || len(c.Visits) == 0 {
			t.Errorf("%s: %d problems, %d visits", name, len(c.Problems), len(c.Visits))
		}
		for _, v := range c.Visits {
			if v.Title() == "" || v.Start == "" {
				t.Errorf("%s: a visit reads %+v", name, v)
			}
		}
		for _, s := range c.Vitals {
			for _, r := range s.Readings {
				if r.Text() == "" || r.When == "" || r.Unit == "" {
					t.Errorf("%s: %s reads %+v", name, s.Name, r)
				}
			}
		}
		events, undated := c.Timeline()
		if len(events) < len(c.Visits) || len(undated) != 0 {
			t.Errorf("%s: %d events, %d undated", name, len(events), len(undated))
		}
	}
	if charts != 30 {
		t.Errorf("%d patients were read, want 30", charts)
	}
}

// TestAStatementWithAnEndOnlyHasNoStart reads a medicine that somebody told of after it was over.
func TestAStatementWithAnEndOnlyHasNoStart(t *testing.T) {
	n, err := fhir.Parse([]byte(`{"resourceType":"MedicationStatement","id":"s","status":"completed","subject":{"reference":"Patient/rosa"},"medicationCodeableConcept":{"text":"ibuprofen"},"dateAsserted":"2026-11-20","effectivePeriod":{"end":"2026-03-01"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if e := statementEvent(n); !e.NoStart || e.When != "2026-03-01" || e.Until != "2026-03-01" {
		t.Errorf("%+v", e)
	}
}

// What a clinic gives or touches patients with stands before food and pollen, the worst first: a banner shows a few.
func TestTheAllergiesThatMatterFirst(t *testing.T) {
	of := func(agent, category, severity string) string {
		return `{"resourceType":"AllergyIntolerance","id":"` + agent + `","patient":{"reference":"Patient/p1"},"category":["` + category + `"],"code":{"text":"` + agent + `"},"reaction":[{"manifestation":[{"text":"hives"}],"severity":"` + severity + `"}]}`
	}
	var got []string
	for _, a := range From(nodes(t, okafor, of("Birds", "environment", "mild"), of("Cheese", "food", "moderate"), of("Nuts", "food", "severe"), of("Latex", "environment", "mild"), of("sulfa", "medication", "moderate")), "p1", today).Allergies.Active {
		got = append(got, a.Agent)
	}
	if want := []string{"Nuts", "sulfa", "Latex", "Cheese", "Birds"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
