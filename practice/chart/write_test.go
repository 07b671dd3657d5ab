package chart

import (
	"context"
	"errors"
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
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var (
	ctx   = context.Background()
	amara = trust.Principal{ID: "acc-amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara", Purpose: trust.Treatment}
	dana  = trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}
)

func gate(t *testing.T) *record.Gate {
	t.Helper()
	now := clock.NewManual(today)
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: now, Readers: 1, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return record.Open(s, now)
}

func clinic(t *testing.T) (doctor, desk *record.Actor) {
	t.Helper()
	g := gate(t)
	var c record.Change
	for _, n := range nodes(t, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}],"birthDate":"1968-03-14"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"birthDate":"2020-03-14"}`, `{"resourceType":"Practitioner","id":"amara"}`) {
		c.Put = append(c.Put, record.Put{Resource: n})
	}
	if _, err := g.As(trust.System("set-up"), "test").Commit(ctx, c); err != nil {
		t.Fatal(err)
	}
	return g.As(amara, "test"), g.As(dana, "test")
}

func read(t *testing.T, actor *record.Actor, patient string) Chart {
	t.Helper()
	c, err := Read(ctx, actor, patient)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllergiesGoThroughTheirStates(t *testing.T) {
	doctor, desk := clinic(t)
	if s := read(t, doctor, "rosa").Allergies.State; s != NotRecorded {
		t.Errorf("a new chart is in state %d", s)
	}
	if s := read(t, desk, "rosa").Allergies.State; s != Unavailable {
		t.Errorf("the front desk is told state %d about allergies that it may not see", s)
	}
	if _, err := StateNoAllergies(ctx, doctor, "rosa"); err != nil {
		t.Fatal(err)
	}
	if a := read(t, doctor, "rosa").Allergies; a.State != NoneKnown || a.Asked == "" {
		t.Errorf("after the statement: %+v", a)
	}
	penicillin, _, err := AddAllergy(ctx, doctor, AllergyDraft{Patient: "rosa", Agent: " Penicillin ", Reaction: "anaphylaxis"})
	if err != nil {
		t.Fatal(err)
	}
	a := read(t, doctor, "rosa").Allergies
	if a.State != HasAllergies || a.NoneRef != "" || a.Active[0].Criticality != "high" || a.Active[0].Severity != "severe" || a.Active[0].Category != "medication" {
		t.Errorf("after an allergy: %+v", a)
	}
	if _, _, err := AddAllergy(ctx, doctor, AllergyDraft{Patient: "rosa", Agent: "penicillin"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same allergy twice: %v", err)
	}
	if _, err := StateNoAllergies(ctx, doctor, "rosa"); !fault.Is(err, fault.Conflict) {
		t.Errorf("“none” is stated while there is one: %v", err)
	}
	if _, _, err := RefuteAllergy(ctx, doctor, "sam", penicillin.ID, ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("rosa's allergy is refuted through sam's chart: %v", err)
	}
	if _, _, err := RefuteAllergy(ctx, doctor, "rosa", penicillin.ID, "tolerated amoxicillin"); err != nil {
		t.Fatal(err)
	}
	if a := read(t, doctor, "rosa").Allergies; a.State != NotRecorded || len(a.Past) != 1 || a.Past[0].Note != "tolerated amoxicillin" {
		t.Errorf("after refuting: %+v", a)
	}
	for _, agent := range []string{"", " ", "NKDA", "no known allergies"} {
		if _, _, err := AddAllergy(ctx, doctor, AllergyDraft{Patient: "rosa", Agent: agent}); !fault.Is(err, fault.Invalid) {
			t.Errorf("agent %q: %v", agent, err)
		}
	}
}

func TestProblemsAreAddedResolvedAndMistaken(t *testing.T) {
	doctor, desk := clinic(t)
	p, _, err := AddProblem(ctx, doctor, ProblemDraft{Patient: "rosa", ICD: "I10", Onset: "2016"})
	if err != nil {
		t.Fatal(err)
	}
	if p.ID == "" || p.Text != "Essential hypertension" || p.SNOMED != "59621000" || !p.Active() || !p.Listed || p.Onset != "2016" {
		t.Errorf("the problem is %+v", p)
	}
	if _, _, err := AddProblem(ctx, doctor, ProblemDraft{Patient: "rosa", Text: "essential hypertension"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same problem twice: %v", err)
	}
	for name, d := range map[string]ProblemDraft{
		"empty": {Patient: "rosa"}, "bad date": {Patient: "rosa", Text: "Gout", Onset: "last year"},
		"future": {Patient: "rosa", Text: "Gout", Onset: "2031"}, "a visit reason": {Patient: "rosa", ICD: "Z23"},
	} {
		if _, _, err := AddProblem(ctx, doctor, d); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := AddProblem(ctx, desk, ProblemDraft{Patient: "rosa", Text: "Gout"}); err == nil {
		t.Error("the front desk adds a problem")
	}
	free, _, err := AddProblem(ctx, doctor, ProblemDraft{Patient: "rosa", Text: "Worried about  work"})
	if err != nil || free.Text != "Worried about work" || free.ICD != "" {
		t.Errorf("a problem in free text: %+v, %v", free, err)
	}
	if _, _, err := ResolveProblem(ctx, doctor, "rosa", p.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := MistakenProblem(ctx, doctor, "rosa", free.ID); err != nil {
		t.Fatal(err)
	}
	c := read(t, doctor, "rosa")
	if len(c.ActiveProblems()) != 0 || len(c.PastProblems()) != 1 || c.PastProblems()[0].Ended != "2026-11-24" {
		t.Errorf("active %+v, past %+v", c.ActiveProblems(), c.PastProblems())
	}
	if _, _, err := ResolveProblem(ctx, doctor, "rosa", p.ID, true); err != nil {
		t.Fatal(err)
	}
	if got := read(t, doctor, "rosa").ActiveProblems(); len(got) != 1 || got[0].Ended != "" {
		t.Errorf("a reopened problem: %+v", got)
	}
}

// TestProblemsThatEndedCanBeMistakesToo holds the changes to what FHIR allows: an entry in
// error has neither a clinical status nor an end (con-4, con-5), and there is one end.
func TestProblemsThatEndedCanBeMistakesToo(t *testing.T) {
	doctor, _ := clinic(t)
	over := `"subject":{"reference":"Patient/rosa"},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},
		"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"remission"}]},"code":{"text":"Asthma"}`
	for name, end := range map[string]string{
		"day": `"abatementDateTime":"2019-05-01"`, "age": `"abatementAge":{"value":40,"unit":"years","system":"http://unitsofmeasure.org","code":"a"}`,
		"period": `"abatementPeriod":{"end":"2019"}`, "words": `"abatementString":"in her youth"`,
	} {
		id := "over-" + name
		n := nodes(t, `{"resourceType":"Condition","id":"`+id+`",`+over+`,`+end+`}`)[0]
		if _, err := doctor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			what   string
			change func() (Problem, record.Result, error)
		}{
			{"resolve", func() (Problem, record.Result, error) { return ResolveProblem(ctx, doctor, "rosa", id, false) }},
			{"reopen", func() (Problem, record.Result, error) { return ResolveProblem(ctx, doctor, "rosa", id, true) }},
			{"resolve again", func() (Problem, record.Result, error) { return ResolveProblem(ctx, doctor, "rosa", id, false) }},
			{"mistaken", func() (Problem, record.Result, error) { return MistakenProblem(ctx, doctor, "rosa", id) }},
		} {
			if _, _, err := step.change(); err != nil {
				t.Errorf("%s, %s: %v", name, step.what, err)
			}
		}
		if _, _, err := ResolveProblem(ctx, doctor, "rosa", id, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: reopening a mistake: %v", name, err)
		}
	}
	if _, _, err := AddProblem(ctx, doctor, ProblemDraft{Patient: "rosa", Text: "Gout", Onset: "0000"}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "cannot be read as a date") {
		t.Errorf("a start in the year 0: %v", err)
	}
}

func TestVitalsAreCheckedBeforeTheyAreKept(t *testing.T) {
	doctor, _ := clinic(t)
	typed := func(m vital.Measure, text string) VitalDraft {
		return VitalDraft{Patient: "rosa", Typed: map[vital.Measure]string{m: text}}
	}
	_, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "rosa", Typed: map[vital.Measure]string{vital.Temperature: "368", vital.Weight: "heavy", vital.Pulse: "78"}})
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.Invalid || len(f.Issues) != 2 || f.Issues[0].Expression != "temperature" {
		t.Errorf("impossible values: %+v", err)
	}
	if Unconfirmed(err) {
		t.Error("an impossible value can be confirmed")
	}
	_, _, err = RecordVitals(ctx, doctor, typed(vital.Temperature, "41.8"))
	if !Unconfirmed(err) {
		t.Errorf("an unusual value is not asked about: %v", err)
	}
	if n := len(read(t, doctor, "rosa").Vitals); n != 0 {
		t.Errorf("%d series were stored by refused sets", n)
	}
	d := typed(vital.Temperature, "41.8")
	d.Sure = map[vital.Measure]string{vital.Temperature: "41.7"}
	if _, _, err := RecordVitals(ctx, doctor, d); !Unconfirmed(err) || !slices.Equal(Doubtful(err), []vital.Measure{vital.Temperature}) {
		t.Errorf("a value that was changed after the tick: %v", err)
	}
	d.Sure = d.Typed
	if _, _, err := RecordVitals(ctx, doctor, d); err != nil {
		t.Errorf("a confirmed value: %v", err)
	}
	if _, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "rosa"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty set: %v", err)
	}
	if last := read(t, doctor, "rosa").Vital(vital.Temperature).Last(); last.Value != "41.8" || last.Flag != "HH" || last.Performer != "Practitioner/amara" {
		t.Errorf("the temperature is %+v", last)
	}
	// A child's weight does not make a body mass index with a height of another day.
	if _, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "sam", Typed: map[vital.Measure]string{vital.Height: "115"}}); err != nil {
		t.Fatal(err)
	}
	rs, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "sam", Typed: map[vital.Measure]string{vital.Weight: "21"}})
	if err != nil || len(rs) != 1 {
		t.Errorf("a child's weight makes %+v, %v", rs, err)
	}
}

func TestAMissingPatientIsNotFound(t *testing.T) {
	doctor, _ := clinic(t)
	if _, err := Read(ctx, doctor, "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a missing patient: %v", err)
	}
}

// TestSyntheaChartsOpenFromTheStore stores the first bundles as an import does and opens
// their charts through the gate.
func TestSyntheaChartsOpenFromTheStore(t *testing.T) {
	g := gate(t)
	files, _ := filepath.Glob(filepath.Join(sample.Dir(t, "synthea", 30), "*.json"))
	opened := 0
	for _, file := range files {
		if opened == 3 {
			break
		}
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, _ := fhir.Parse(body)
		change := record.Change{Dangling: true}
		patient, conditions := "", 0
		for e := range bundle.Get("entry").Items() {
			r := e.Get("resource").Clone()
			rewrite(r)
			switch r.ResourceType() {
			case "Patient":
				patient = r.ID()
			case "Condition":
				conditions++
			case "Observation", "Encounter", "AllergyIntolerance", "Immunization", "MedicationRequest":
			default:
				continue
			}
			change.Put = append(change.Put, record.Put{Resource: r})
		}
		if patient == "" {
			continue
		}
		opened++
		if _, err := g.As(trust.System("import"), "test").Commit(ctx, change); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		started := time.Now()
		c := read(t, g.As(amara, "test"), patient)
		t.Logf("%s: %d resources in %v", filepath.Base(file), len(change.Put), time.Since(started))
		if len(c.Problems) != conditions || len(c.Visits) == 0 || c.Patient.Family == "" {
			t.Errorf("%s: %d of %d problems, %d visits", filepath.Base(file), len(c.Problems), conditions, len(c.Visits))
		}
	}
}

// rewrite turns the references of a transaction (urn:uuid:…) into those of the record, for
// the types of this test.
func rewrite(n *fhir.Node) {
	for name, v := range n.Members() {
		if ref := v.Get("reference").Text(); len(ref) > 9 && ref[:9] == "urn:uuid:" && v.Kind() == fhir.Object {
			kind := map[string]string{"subject": "Patient", "patient": "Patient", "encounter": "Encounter"}[name]
			if kind == "" {
				n.Remove(name)
				rewrite(n)
				return
			}
			v.Set("reference", fhir.Str(kind+"/"+ref[9:]))
			continue
		}
		for item := range v.Items() {
			if item.Kind() == fhir.Object {
				rewrite(item)
			}
		}
	}
}
