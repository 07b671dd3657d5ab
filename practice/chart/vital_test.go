package chart

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/record"
)

func measured(id, code, value, unit, when string) string {
	return `{"resourceType":"Observation","id":"` + id + `","status":"final","subject":{"reference":"Patient/p"},"code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},
		"effectiveDateTime":"` + when + `","valueQuantity":{"value":` + value + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}}`
}

// TestABodyMassIndexPutsTogetherWhatBelongsTogether: an adult's height may be older, and the reading says of
// when; a child's is of the same day, or there is no index and the chart says of when the height is.
func TestABodyMassIndexPutsTogetherWhatBelongsTogether(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	little := func(body string) string { // of a child
		return strings.NewReplacer(`"value":80`, `"value":24`, `"value":200`, `"value":120`).Replace(body)
	}
	weight := func(when string) string { return measured("w", "29463-7", "80", "kg", when) }
	height := func(when string) string { return measured("h", "8302-2", "200", "cm", when) }
	const derived = `,"derivedFrom":[{"reference":"Observation/w"},{"reference":"Observation/h"}]}`
	bmi := strings.TrimSuffix(measured("b", "39156-5", "20.1", "kg/m2", "2026-11-24T09:00:00Z"), "}")
	wrong := func(body string) string { return strings.Replace(body, `"final"`, `"entered-in-error"`, 1) }
	for name, c := range map[string]struct {
		born    string
		bodies  []string
		value   string
		height  string // of the reading, of another day
		without bool
		gap     string
	}{
		"an adult, the same day":          {"1968-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2026-11-24T08:00:00Z")}, "20.0", "", false, ""},
		"an adult's older height":         {"1968-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2021-01-05")}, "20.0", "2021-01-05", false, ""},
		"the height of a growing youth":   {"2006-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2021-01-05")}, "", "", true, "2021-01-05"},
		"a child, the same day":           {"2019-03-14", []string{little(weight("2026-11-24T09:00:00Z")), little(height("2026-11-24"))}, "16.7", "", false, ""},
		"a weight that nobody confirmed":  {"2019-03-14", []string{weight("2026-11-24T09:00:00Z"), little(height("2026-11-24"))}, "", "", true, "2026-11-24"},
		"a height that nobody confirmed":  {"2019-03-14", []string{little(weight("2026-11-24T09:00:00Z")), height("2026-11-24")}, "", "", true, "2026-11-24"},
		"one that rests on such a weight": {"2019-03-14", []string{weight("2026-11-24T09:00:00Z"), little(height("2026-11-24")), bmi + derived}, "", "", true, "2026-11-24"},
		"a child's height of last month":  {"2019-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2026-10-20")}, "", "", true, "2026-10-20"},
		"a child without height":          {"2019-03-14", []string{weight("2026-11-24T09:00:00Z")}, "", "", true, ""},
		"an age that is not known":        {"", []string{weight("2026-11-24T09:00:00Z"), height("2026-10-20")}, "", "", true, "2026-10-20"},
		"a recorded one":                  {"1968-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2021-01-05"), bmi + derived}, "20.1", "2021-01-05", false, ""},
		"of a weight entered in error":    {"1968-03-14", []string{wrong(weight("2026-11-24T09:00:00Z")), height("2021-01-05"), bmi + derived}, "", "", false, ""},
		"a recorded one that names none":  {"2019-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2026-10-20"), bmi + "}"}, "20.1", "", false, ""},
		"an older one of the child":       {"2019-03-14", []string{weight("2026-11-24T09:00:00Z"), height("2026-10-20"), strings.Replace(bmi, "2026-11-24", "2026-10-20", 1) + "}"}, "20.1", "", true, "2026-10-20"},
		"a weight in a unit nobody knows": {"1968-03-14", []string{strings.ReplaceAll(weight("2026-11-24T09:00:00Z"), `"kg"`, `"stone"`), height("2026-11-24")}, "", "", true, "2026-11-24"},
	} {
		t.Run(name, func(t *testing.T) {
			ch := From(nodes(t, append(c.bodies, `{"resourceType":"Patient","id":"p","birthDate":"`+c.born+`"}`)...), "p", now)
			last := ch.Vital(vital.BodyMass).Last()
			if last.Value != c.value || last.Height != c.height {
				t.Errorf("%+v", last)
			}
			if gap, without := ch.WithoutBMI(); without != c.without || gap != c.gap {
				t.Errorf("without %v, height of %q", without, gap)
			}
		})
	}
}

// TestUnusualAfterTheValueBefore: a child's weight of 145 kg a month after 13.3 kg is asked about, with the
// value before and its day; the tick stores it.
func TestUnusualAfterTheValueBefore(t *testing.T) {
	doctor, _ := clinic(t)
	typed := map[vital.Measure]string{vital.Weight: "21.3", vital.Height: "115"}
	if _, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "sam", Typed: typed}); err != nil {
		t.Fatal(err)
	}
	d := VitalDraft{Patient: "sam", Typed: map[vital.Measure]string{vital.Weight: "213", vital.Height: "85", vital.Pulse: "90"}}
	_, _, err := RecordVitals(ctx, doctor, d)
	var f *fault.Error
	if !Unconfirmed(err) || !errors.As(err, &f) || len(f.Issues) != 2 {
		t.Fatalf("%+v", err)
	}
	if got, want := f.Issues[0].Text, "Weight of 213 kg is unusual at this age. The last one was 21.3 kg on 24-Nov-2026."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := f.Issues[1].Text, "Height of 85 cm is unusual at this age. The last one was 115 cm on 24-Nov-2026."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d.Sure = map[vital.Measure]string{vital.Weight: "213"}
	if _, _, err = RecordVitals(ctx, doctor, d); !Unconfirmed(err) || len(Doubtful(err)) != 1 {
		t.Errorf("one of two ticks: %v", err)
	}
	d.Sure[vital.Height] = "85"
	if _, _, err = RecordVitals(ctx, doctor, d); err != nil {
		t.Errorf("both ticks: %v", err)
	}
	if w := read(t, doctor, "sam").Vital(vital.Weight); len(w.Readings) != 2 {
		t.Errorf("stored %+v", w.Readings)
	}
}

func TestMeasurementsAreCorrectedAndWithdrawn(t *testing.T) {
	doctor, desk := clinic(t)
	rs, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "rosa", Typed: map[vital.Measure]string{vital.BloodPressure: "148/92", vital.Weight: "91.2", vital.Height: "171"}})
	if err != nil || len(rs) != 4 {
		t.Fatalf("%+v, %v", rs, err)
	}
	c := read(t, doctor, "rosa")
	id := func(m vital.Measure) string { return c.Vital(m).Last().ID }
	fix := func(a *record.Actor, f VitalFix) error {
		t.Helper()
		f.Patient = "rosa"
		_, err := FixVital(ctx, a, f)
		return err
	}
	weight, bmi := id(vital.Weight), id(vital.BodyMass)
	for name, c := range map[string]struct {
		fix  VitalFix
		code fault.Code
	}{
		"no reason":               {VitalFix{ID: weight, Typed: "81.2"}, fault.Invalid},
		"impossible":              {VitalFix{ID: weight, Typed: "8120", Reason: "slip"}, fault.Invalid},
		"the same value":          {VitalFix{ID: weight, Typed: "91.2", Reason: "slip"}, fault.Invalid},
		"what is computed":        {VitalFix{ID: bmi, Typed: "25", Reason: "slip"}, fault.Conflict},
		"not in this chart":       {VitalFix{ID: "nothing", Reason: "slip"}, fault.NotFound},
		"an unusual value, asked": {VitalFix{ID: weight, Typed: "291.2", Reason: "slip"}, fault.Invalid},
	} {
		if err := fix(doctor, c.fix); !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := fix(desk, VitalFix{ID: weight, Typed: "81.2", Reason: "slip"}); err == nil {
		t.Error("the front desk corrects a weight")
	}
	if err := fix(doctor, VitalFix{ID: weight, Typed: "81.2", Reason: "wrong digit"}); err != nil {
		t.Fatal(err)
	}
	c = read(t, doctor, "rosa")
	if w, b := c.Vital(vital.Weight), c.Vital(vital.BodyMass); len(w.Readings) != 1 || w.Last().Value != "81.2" || w.Last().Status != "corrected" || len(b.Readings) != 1 || b.Last().Value != "27.8" || b.Last().Status != "corrected" {
		t.Errorf("weight %+v, bmi %+v", w.Readings, b.Readings)
	}
	if _, _, notes, err := Measurement(ctx, doctor, "rosa", weight); err != nil || len(notes) != 1 || notes[0] != "Corrected, was 91.2 kg: wrong digit" {
		t.Errorf("notes %q, %v", notes, err)
	}
	if v, err := doctor.ReadVersion(ctx, "Observation", weight, 1); err != nil || !strings.Contains(string(v.Body), "91.2") {
		t.Errorf("the version before is gone: %v", err)
	}
	if err := fix(doctor, VitalFix{ID: id(vital.BloodPressure), Typed: "138/82", Reason: "wrong arm"}); err != nil {
		t.Fatal(err)
	}
	if err := fix(doctor, VitalFix{ID: weight, Reason: "another patient's"}); err != nil {
		t.Fatal(err)
	}
	c = read(t, doctor, "rosa")
	if w, b, p := c.Vital(vital.Weight), c.Vital(vital.BodyMass), c.Vital(vital.BloodPressure).Last(); len(w.Readings) != 0 || len(b.Readings) != 0 || p.Text() != "138/82" || p.Flag != "N" {
		t.Errorf("weight %+v, bmi %+v, pressure %+v", w.Readings, b.Readings, p)
	}
	v, err := doctor.ReadVersion(ctx, "Observation", weight, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := fhir.Parse(v.Body); n.Get("status").Text() != "entered-in-error" || n.Path("valueQuantity.value").Text() != "81.2" || n.Path("note.1.text").Text() != "Entered in error: another patient's" {
		t.Errorf("withdrawn: %s", v.Body)
	}
	if err := fix(doctor, VitalFix{ID: weight, Typed: "80", Reason: "again"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a withdrawn value is corrected: %v", err)
	}
}

// TestAnUnusualValueIsConfirmedOnce: what a program sent is shown and marked, nothing is computed from it
// until a person says that it is right; a tick on the page that asked has said so already.
func TestAnUnusualValueIsConfirmedOnce(t *testing.T) {
	doctor, _ := clinic(t)
	typed := map[vital.Measure]string{vital.Weight: "213"}
	if _, _, err := RecordVitals(ctx, doctor, VitalDraft{Patient: "sam", Typed: typed, Sure: typed}); err != nil {
		t.Fatal(err)
	}
	if w := read(t, doctor, "sam").Vital(vital.Weight).Last(); w.Value != "213" || w.Unconfirmed {
		t.Errorf("ticked on the page: %+v", w)
	}
	sent := strings.Replace(measured("sent", "29463-7", "290", "kg", "2026-11-24"), "Patient/p", "Patient/rosa", 1)
	if _, err := doctor.Commit(ctx, record.Change{What: "test", Put: []record.Put{{Resource: nodes(t, sent)[0], Create: true}}}); err != nil {
		t.Fatal(err)
	}
	c := read(t, doctor, "rosa")
	if usable, newer := c.Usable(vital.Weight); usable.Value != "" || newer.Value != "290" || c.Doubted() != vital.Weight {
		t.Errorf("nobody was asked: %+v is used, %+v is not", usable, newer)
	}
	if _, r, _, err := Measurement(ctx, doctor, "rosa", "sent"); err != nil || !r.Unconfirmed {
		t.Errorf("its page: %+v, %v", r, err)
	}
	fix := VitalFix{Patient: "rosa", ID: "sent", Typed: "290", Reason: "weighed twice"}
	if _, err := FixVital(ctx, doctor, fix); !Unconfirmed(err) {
		t.Errorf("confirmed without a tick: %v", err)
	}
	fix.Sure = "290"
	if _, err := FixVital(ctx, doctor, fix); err != nil {
		t.Fatal(err)
	}
	_, r, notes, err := Measurement(ctx, doctor, "rosa", "sent")
	if err != nil || r.Unconfirmed || r.Status != "final" || len(notes) != 1 || notes[0] != "Unusual, looked at and confirmed: weighed twice" {
		t.Errorf("confirmed: %+v %q %v", r, notes, err)
	}
	if _, err := FixVital(ctx, doctor, fix); !fault.Is(err, fault.Invalid) || Unconfirmed(err) {
		t.Errorf("confirmed twice: %v", err)
	}
}
