package medication

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var (
	noon      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	physician = trust.Principal{ID: "acc-anna", Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna", Session: "s1"}
	patient   = trust.Principal{ID: "acc-maria", Name: "Maria", Role: trust.Patient, Patient: "maria"}
)

// clinic is a record with two patients; Maria is allergic to sulfonamides, takes lisinopril
// and has a potassium of 5.3.
type clinic struct {
	t     testing.TB
	gate  *record.Gate
	clock *clock.Manual
}

func open(t testing.TB) clinic {
	t.Helper()
	c := clinic{t: t, clock: clock.NewManual(noon)}
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c.clock, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c.gate = record.Open(s, c.clock)
	c.put(
		`{"resourceType":"Practitioner","id":"anna","name":[{"family":"Lindqvist"}]}`,
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor"}],"gender":"female","birthDate":"1968-03-14"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"gender":"male","birthDate":"1980-01-01"}`,
		`{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"code":{"text":"sulfonamides"},"category":["medication"],"recordedDate":"2011-05-11","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"reaction":[{"manifestation":[{"text":"rash"}]}]}`,
		`{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/maria"},"code":{"text":"Hypertension","coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`,
		`{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"authoredOn":"2026-09-01T09:00:00Z","reasonReference":[{"reference":"Condition/c1","display":"Hypertension"}],"dosageInstruction":[{"text":"Take 1 tablet by mouth once daily","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]}],"dispenseRequest":{"validityPeriod":{"start":"2026-09-01"},"numberOfRepeatsAllowed":0,"quantity":{"value":90,"unit":"tablet"},"expectedSupplyDuration":{"value":90,"unit":"days","system":"http://unitsofmeasure.org","code":"d"}}}`,
		`{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","valueQuantity":{"value":5.3,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`,
		`{"resourceType":"Observation","id":"o2","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"33914-3"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","valueQuantity":{"value":52,"unit":"mL/min"}}`,
	)
	c.clock.Advance(time.Minute)
	return c
}

func (c clinic) as(p trust.Principal) *record.Actor { return c.gate.As(p, "test") }

func (c clinic) put(bodies ...string) {
	c.t.Helper()
	var change record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			c.t.Fatalf("%v: %s", err, b)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := c.as(trust.System("import")).Commit(c.t.Context(), change); err != nil {
		c.t.Fatalf("%+v", err)
	}
}

func (c clinic) list(who string) Medicines {
	c.t.Helper()
	l, err := List(c.t.Context(), c.as(physician), who)
	if err != nil {
		c.t.Fatal(err)
	}
	return l
}

func sentence(t testing.TB, who, id string) Draft {
	t.Helper()
	s, ok := drug.SentenceByID(id)
	if !ok {
		t.Fatalf("no sentence %q", id)
	}
	return FromSentence(who, s)
}

const cotrimoxazole = "sulfamethoxazole-trimethoprim-800-mg-160-mg-tablet"

func TestAnAllergyStopsThePrescription(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	d := sentence(t, "maria", cotrimoxazole)
	out, err := Prescribe(ctx, c.as(physician), d)
	if !Stopped(err) || out.Findings.Count(rx.Stop) != 1 {
		t.Fatalf("the allergy does not stop it: %v, %+v", err, out.Findings)
	}
	if n := len(c.list("maria").Current); n != 1 {
		t.Errorf("a stopped prescription was stored: %d medicines", n)
	}
	d.Overrides = map[string]string{out.Findings.Findings[0].ID: "Benefit is greater than the risk"}
	out, err = Prescribe(ctx, c.as(physician), d)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := c.list("maria").Find(out.Medicine.Reference())
	if !ok || len(got.Overrides) != 1 || got.Overrides[0].Reason != "Benefit is greater than the risk" || !strings.HasPrefix(got.Overrides[0].Finding, "ALG-CLASS|AllergyIntolerance/a1") {
		t.Errorf("the reason is not kept with the prescription: %+v", got)
	}
	if got.Directions != "1 tablet by mouth twice daily for 3 days" || got.Requester != "Practitioner/anna" || got.Days != 3 || got.Quantity != 6 {
		t.Errorf("the prescription reads %+v", got)
	}
}

// TestAChartOfManyEntries: what is prescribed is held to all of a long chart, wherever in it the entry lies.
func TestAChartOfManyEntries(t *testing.T) {
	c := open(t)
	for _, at := range []string{"0", "z"} { // before the others by its id, and behind them
		who := "many-" + at
		bodies := []string{`{"resourceType":"Patient","id":"` + who + `","gender":"male","birthDate":"1980-01-01"}`}
		allergy := func(id, text string) {
			bodies = append(bodies, `{"resourceType":"AllergyIntolerance","id":"`+id+`-`+at+`","patient":{"reference":"Patient/`+who+`"},"code":{"text":"`+text+`"},"criticality":"high","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}}`)
		}
		taken := func(id, text string) {
			bodies = append(bodies, `{"resourceType":"MedicationRequest","id":"`+id+`-`+at+`","status":"active","intent":"order","subject":{"reference":"Patient/`+who+`"},"medicationCodeableConcept":{"text":"`+text+`"},"authoredOn":"2026-11-01T09:00:00Z"}`)
		}
		for i := range 300 {
			allergy(fmt.Sprintf("h%03d", i), "grass pollen")
			taken(fmt.Sprintf("h%03d", i), "cetirizine 10 mg tablet")
		}
		allergy(at, "penicillin")
		taken(at, "amoxicillin 500 mg capsule")
		c.put(bodies...)
		f, err := Preview(t.Context(), c.as(physician), sentence(t, who, "amoxicillin-500-mg-capsule"))
		if err != nil {
			t.Fatal(err)
		}
		for what, id := range map[string]string{"the allergy": "AllergyIntolerance/" + at + "-" + at, "the same medicine": "MedicationRequest/" + at + "-" + at} {
			if !slices.ContainsFunc(f.Findings, func(x rx.Finding) bool {
				return slices.ContainsFunc(x.Involves, func(i rx.Involved) bool { return i.ID == id })
			}) {
				t.Errorf("%s at %q is not found: %d findings", what, at, len(f.Findings))
			}
		}
	}
}

func TestTheCheckRunsAtTheMomentOfSigning(t *testing.T) {
	c := open(t)
	d := sentence(t, "sam", "amoxicillin-500-mg-capsule")
	if f, err := Preview(t.Context(), c.as(physician), d); err != nil || f.Count(rx.Stop) != 0 {
		t.Fatalf("preview: %v %+v", err, f)
	}
	c.put(`{"resourceType":"AllergyIntolerance","id":"a2","patient":{"reference":"Patient/sam"},"code":{"text":"penicillin"},"criticality":"high","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]}}`)
	if _, err := Prescribe(t.Context(), c.as(physician), d); !Stopped(err) {
		t.Errorf("an allergy that was recorded since the preview does not stop it: %v", err)
	}
}

// TestAWarningThatNobodyWasShownIsNotSigned: though it asks for no reason.
func TestAWarningThatNobodyWasShownIsNotSigned(t *testing.T) {
	c := open(t)
	d := sentence(t, "maria", "losartan-50-mg-tablet")
	f, err := Preview(t.Context(), c.as(physician), d)
	if err != nil {
		t.Fatal(err)
	}
	d.Overrides = map[string]string{}
	var plain []string
	for _, x := range f.Findings {
		if Asks(x, nil) {
			d.Overrides[x.ID] = "Looked at."
		} else if x.Tier == rx.Warning {
			plain = append(plain, x.ID)
		}
	}
	if len(plain) == 0 {
		t.Fatalf("no warning without a reason: %+v", f.Findings)
	}
	d.Shown = func(x rx.Finding) bool { return x.ID != plain[0] }
	if _, err := Prescribe(t.Context(), c.as(physician), d); !Stopped(err) || len(c.list("maria").Current) != 1 {
		t.Errorf("a warning that was not shown is signed: %v", err)
	}
	d.Shown = func(rx.Finding) bool { return true }
	if _, err := Prescribe(t.Context(), c.as(physician), d); err != nil {
		t.Error(err)
	}
}

func TestFactsOfTheChart(t *testing.T) {
	c := open(t)
	f, err := ChartFacts(t.Context(), c.as(physician), "maria", nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Potassium.Value != 5.3 || f.EGFR.Value != 52 || f.Sex != "female" || f.Born.Year() != 1968 || len(f.Allergies) != 1 || len(f.Problems) != 1 || len(f.Current) != 1 || f.NoKnownAllergies {
		t.Errorf("facts: %+v", f)
	}
	if m := f.Current[0]; m.Strength != "20 mg" || m.PerDay != 1 || m.Dose != 1 {
		t.Errorf("the current medicine reads %+v", m)
	}
	other, err := ChartFacts(t.Context(), c.as(physician), "sam", nil)
	if err != nil || len(other.Allergies)+len(other.Current)+len(other.Problems) != 0 || other.Potassium.Known {
		t.Errorf("another patient's facts: %+v, %v", other, err)
	}
	if _, err := ChartFacts(t.Context(), c.as(physician), "nobody", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("a chart of nobody: %v", err)
	}
}

func TestAWithdrawnWeightDosesNothing(t *testing.T) {
	c := open(t)
	weigh := func(id, status, value, when string) {
		c.put(`{"resourceType":"Observation","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},
			"effectiveDateTime":"` + when + `","valueQuantity":{"value":` + value + `,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`)
	}
	weight := func() float64 {
		t.Helper()
		f, err := ChartFacts(t.Context(), c.as(physician), "maria", nil)
		if err != nil {
			t.Fatal(err)
		}
		return f.Weight.Value
	}
	weigh("w1", "final", "71.5", "2026-10-20")
	weigh("w2", "final", "145", "2026-11-20")
	if w := weight(); w != 71.5 {
		t.Errorf("a weight that the page would have asked about counts: %v", w)
	}
	if f, err := ChartFacts(t.Context(), c.as(physician), "maria", nil); err != nil || f.WeightDoubted.Value != 145 {
		t.Errorf("and it is not told: %+v, %v", f.WeightDoubted, err)
	}
	weigh("w2", "corrected", "72.5", "2026-11-20")
	if w := weight(); w != 72.5 {
		t.Errorf("corrected, the weight is %v", w)
	}
	weigh("w2", "entered-in-error", "72.5", "2026-11-20")
	if w := weight(); w != 71.5 {
		t.Errorf("withdrawn, the weight is %v", w)
	}
}

// TestAnEGFRThatNobodyHasIsNotUsed: it is told, and the one before counts.
func TestAnEGFRThatNobodyHasIsNotUsed(t *testing.T) {
	c := open(t)
	for id, v := range map[string][2]string{"g1": {"52", "2026-10-20"}, "g2": {"5200", "2026-11-22"}} {
		c.put(`{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":"98979-8"}]},
			"effectiveDateTime":"` + v[1] + `","valueQuantity":{"value":` + v[0] + `,"unit":"mL/min/{1.73_m2}"}}`)
	}
	f, err := ChartFacts(t.Context(), c.as(physician), "maria", nil)
	if err != nil || f.EGFR.Value != 52 || f.EGFRDoubted.Value != 5200 {
		t.Fatalf("%+v, %+v, %v", f.EGFR, f.EGFRDoubted, err)
	}
	f.Candidate = rx.Medicine{Text: "metformin 500 mg tablet"}
	told := false
	for _, n := range rx.Check(f).NotChecked {
		told = told || strings.Contains(n.Reason, "the value 5200 of 22-Nov-2026 cannot be right: not used")
	}
	if !told {
		t.Error("it is not told")
	}
}

func find(f rx.Findings, rule string) (rx.Finding, bool) {
	for _, x := range f.Findings {
		if x.Rule == rule {
			return x, true
		}
	}
	return rx.Finding{}, false
}

func TestStop(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	c.put(`{"resourceType":"MedicationStatement","id":"s1","status":"active","subject":{"reference":"Patient/maria"},"informationSource":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"ibuprofen"},"effectivePeriod":{"start":"2026-10-01"}}`)
	if _, err := Stop(ctx, c.as(physician), "maria", "MedicationStatement/s1", "Potassium is high"); err != nil {
		t.Fatal(err)
	}
	if _, err := Stop(ctx, c.as(physician), "maria", "MedicationRequest/m1", ""); err != nil {
		t.Fatal(err)
	}
	l := c.list("maria")
	if len(l.Current) != 0 || len(l.Past) != 2 {
		t.Fatalf("after stopping: %+v", l)
	}
	stated, _ := l.Find("MedicationStatement/s1")
	if stated.StopReason != "Potassium is high" || !stated.Stated {
		t.Errorf("the statement reads %+v", stated)
	}
	if _, err := Stop(ctx, c.as(physician), "maria", "MedicationRequest/m1", ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("stopping twice: %v", err)
	}
	if _, err := Stop(ctx, c.as(physician), "sam", "MedicationRequest/m1", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("stopping another patient's medicine: %v", err)
	}
	if _, err := Stop(ctx, c.as(patient), "maria", "MedicationRequest/m1", ""); err == nil {
		t.Error("a patient stops a prescription in the record")
	}
}

// TestStopWhatHasNotBegun stops a statement about the future: its period may not end before
// it begins.
func TestStopWhatHasNotBegun(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"MedicationStatement","id":"s2","status":"intended","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"zinc"},"effectivePeriod":{"start":"2031-10-01"}}`)
	if _, err := Stop(t.Context(), c.as(physician), "maria", "MedicationStatement/s2", ""); err != nil {
		t.Fatal(err)
	}
}

func TestReplacingStopsTheOtherInOneCommit(t *testing.T) {
	c := open(t)
	d := sentence(t, "maria", "losartan-50-mg-tablet")
	f, err := Preview(t.Context(), c.as(physician), d)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := find(f, "DDI-RAAS-DOUBLE"); !ok {
		t.Fatalf("losartan on lisinopril: %+v", f.Findings)
	}
	d.Stops = []string{"MedicationRequest/m1"}
	out, err := Prescribe(t.Context(), c.as(physician), d)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := find(out.Findings, "DDI-RAAS-DOUBLE"); ok {
		t.Error("the stopped medicine still interacts")
	}
	l := c.list("maria")
	if len(l.Current) != 1 || l.Current[0].Text != "losartan 50 mg tablet" || l.Past[0].StopReason != "Replaced by losartan 50 mg tablet" {
		t.Errorf("after replacing: %+v", l)
	}
}

func TestIncompletePrescriptionsNameTheFields(t *testing.T) {
	c := open(t)
	_, err := Prescribe(t.Context(), c.as(physician), Draft{Patient: "maria", Text: "aspirin 81 mg tablet"})
	var f *fault.Error
	if !fault.Is(err, fault.Invalid) || Stopped(err) || !asFault(err, &f) || len(f.Issues) != 3 {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"dose", "timing", "quantity"} {
		found := false
		for _, i := range f.Issues {
			found = found || i.Expression == want
		}
		if !found {
			t.Errorf("no issue for %s: %+v", want, f.Issues)
		}
	}
}

func asFault(err error, f **fault.Error) bool {
	e, ok := err.(*fault.Error)
	*f = e
	return ok
}

func TestImportedShapes(t *testing.T) {
	medicationResource := parse(`{"resourceType":"Medication","id":"x","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"314076","display":"lisinopril 10 MG Oral Tablet"}]}}`)
	named := func(ref string) *fhir.Node {
		if ref == "Medication/x" {
			return medicationResource
		}
		return nil
	}
	for name, c := range map[string]struct{ body, text string }{
		"contained":   {`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"contained":[{"resourceType":"Medication","id":"m","code":{"text":"amlodipine 5 mg tablet"}}],"medicationReference":{"reference":"#m"}}`, "amlodipine 5 mg tablet"},
		"reference":   {`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"medicationReference":{"reference":"Medication/x"}}`, "lisinopril 10 MG Oral Tablet"},
		"display":     {`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"medicationReference":{"reference":"Medication/gone","display":"aspirin"}}`, "aspirin"},
		"coding only": {`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"https://x/fhir/Patient/p"},"medicationCodeableConcept":{"coding":[{"code":"A1"}]}}`, "A1"},
		"nothing":     {`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"}}`, ""},
	} {
		l := From([]*fhir.Node{parse(c.body)}, "p", noon, named)
		if len(l.Current) != 1 || l.Current[0].Text != c.text {
			t.Errorf("%s: %+v", name, l)
			continue
		}
		if _, err := Again(l.Current[0]); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: a prescription without dose can be renewed: %v", name, err)
		}
	}
	course := parse(`{"resourceType":"MedicationRequest","id":"1","status":"active","subject":{"reference":"Patient/p"},"medicationCodeableConcept":{"text":"amoxicillin"},"authoredOn":"2026-11-01","dosageInstruction":[{"timing":{"repeat":{"boundsDuration":{"value":1,"unit":"wk"}}}}]}`)
	if l := From([]*fhir.Node{course}, "p", noon, nil); len(l.Past) != 1 {
		t.Errorf("a course that ended is still current: %+v", l)
	}
	if l := From([]*fhir.Node{course}, "other", noon, nil); len(l.Current)+len(l.Past) != 0 {
		t.Errorf("another patient's medicine: %+v", l)
	}
}

func TestSyntheaMedicines(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(sample.Dir(t, "synthea", 30), "*.json"))
	total := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := fhir.Parse(body)
		if err != nil {
			continue
		}
		for e := range bundle.Get("entry").Items() {
			r := e.Get("resource")
			if r.ResourceType() != "MedicationRequest" {
				continue
			}
			total++
			if m := FromResource(r, nil); m.Text == "" || m.Authored.IsZero() || m.Status == "" {
				t.Errorf("%s reads %+v", r.ID(), m)
			}
		}
	}
	if total < 500 {
		t.Errorf("only %d prescriptions were read", total)
	}
}

func TestStrengthInText(t *testing.T) {
	for text, want := range map[string]string{
		"lisinopril 20 mg tablet": "20 mg", "metformin 1,000 mg tablet": "1,000 mg", "sulfamethoxazole-trimethoprim 800 mg/160 mg tablet": "800 mg/160 mg",
		"Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet": "250 MG/125 MG", "ibuprofen": "", "insulin glargine 100 units per mL injection pen": "100 units per mL",
	} {
		if got := strengthIn(text); got != want {
			t.Errorf("%q has the strength %q, want %q", text, got, want)
		}
	}
}

// Days in findings are those of the clinic, not of Greenwich.
func TestFactsKeepTheClinicsDays(t *testing.T) {
	c := open(t)
	west := time.FixedZone("west", -9*3600)
	f, err := ChartFacts(t.Context(), c.as(physician), "maria", west)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Potassium.Date.Format("2006-01-02"); got != "2026-11-19" { // 08:40 UTC
		t.Errorf("the potassium is of %s", got)
	}
	if got := f.Allergies[0].Date.Format("2006-01-02"); got != "2011-05-11" { // a date without a time
		t.Errorf("the allergy is of %s", got)
	}
}

// TestAGraveWarningNeedsAReason prescribes an opioid to somebody on a benzodiazepine.
func TestAGraveWarningNeedsAReason(t *testing.T) {
	c := open(t)
	c.put(`{"resourceType":"MedicationRequest","id":"diaz","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"diazepam 5 mg tablet"},"authoredOn":"2026-11-01T09:00:00Z"}`)
	d := Draft{Patient: "maria", Text: "oxycodone 5 mg tablet", Dose: 1, Unit: "tablet", Frequency: 1, Period: 1, PeriodUnit: "d", Quantity: 5, QuantityOf: "tablet"}
	out, err := Prescribe(t.Context(), c.as(physician), d)
	if !Stopped(err) {
		t.Fatalf("signed with the warning of death unanswered: %v", err)
	}
	d.Overrides = map[string]string{}
	for _, x := range out.Findings.Findings {
		if NeedsReason(x) {
			d.Overrides[x.ID] = rx.KeepReasons()[0]
		}
	}
	if len(d.Overrides) == 0 {
		t.Fatal("nothing to answer")
	}
	if _, err := Prescribe(t.Context(), c.as(physician), d); err != nil {
		t.Errorf("refused with a reason: %v", err)
	}
}

// TestWhatCannotBeCheckedNeedsAWord: a name that the catalogue does not know, or knows a part of,
// is signed only by who says that they checked it; a renewal asks again.
func TestWhatCannotBeCheckedNeedsAWord(t *testing.T) {
	c := open(t)
	for _, text := range []string{"amoxicilin 500 mg capsule", "foobarin", "cetirizine and foobarin tablet"} {
		d := Draft{Patient: "maria", Text: text, Dose: 1, Unit: "tablet", Frequency: 1, Period: 1, PeriodUnit: "d", Quantity: 5, QuantityOf: "tablet"}
		if _, err := Prescribe(t.Context(), c.as(physician), d); !Stopped(err) {
			t.Fatalf("%s: signed with nothing checked: %v", text, err)
		}
		d.Overrides = map[string]string{Unchecked: "allergies"}
		out, err := Prescribe(t.Context(), c.as(physician), d)
		if err != nil || len(out.Medicine.Overrides) != 1 || out.Medicine.Overrides[0] != (Override{Unchecked, "allergies"}) {
			t.Fatalf("%s: %v, %+v", text, err, out.Medicine.Overrides)
		}
		if _, err := renew(t, c, out.Medicine.Reference()); !Stopped(err) {
			t.Errorf("%s: renewed with nothing checked: %v", text, err)
		}
	}
}

// TestASlipOfTheFingerIsStopped: by a name that is almost a known one, an allergy stops the prescription
// until it has a reason, and the word that somebody checked it is asked for all the same.
func TestASlipOfTheFingerIsStopped(t *testing.T) {
	c := open(t)
	d := Draft{Patient: "maria", Text: "sulfametoxazol 800 mg", Dose: 1, Unit: "tablet", Frequency: 2, Period: 1, PeriodUnit: "d", Quantity: 6, QuantityOf: "tablet",
		Overrides: map[string]string{Unchecked: "allergies"}}
	out, err := Prescribe(t.Context(), c.as(physician), d)
	stops := out.Findings.Of(rx.Stop)
	if !Stopped(err) || len(stops) == 0 || !strings.HasPrefix(stops[0].Sentence, "If this is sulfamethoxazole: ") {
		t.Fatalf("%v, %+v", err, out.Findings.Findings)
	}
	for _, x := range out.Findings.Findings {
		d.Overrides[x.ID] = "Taken before without harm"
	}
	if out, err = Prescribe(t.Context(), c.as(physician), d); err != nil || len(out.Medicine.Overrides) != len(d.Overrides) {
		t.Errorf("with reasons: %v, %+v", err, out.Medicine.Overrides)
	}
}
