package ui

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/lang"
)

var today = time.Date(2026, 11, 24, 10, 14, 0, 0, time.UTC)

func staff() context.Context { return With(context.Background(), Reader{Zone: time.UTC, Now: today}) }

func patients(tag string) context.Context {
	return With(context.Background(), Reader{Lang: lang.For(tag), Zone: time.UTC, Now: today, Patient: true})
}

func drawn(t *testing.T, ctx context.Context, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(ctx, &b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestDates(t *testing.T) {
	for _, c := range []struct{ rule, value, staff, patient, spanish string }{
		{"D+Ta-0002 day", "1968-03-14", "14-Mar-1968", "14 March 1968", "14 de marzo de 1968"},
		{"D+Ta-0004 month only", "1968-03", "Mar-1968", "March 1968", "marzo de 1968"},
		{"D+Ta-0005 year only", "1968", "1968", "1968", "1968"},
		{"an instant is its day", "2026-11-24T23:30:00Z", "24-Nov-2026", "24 November 2026", "24 de noviembre de 2026"},
		{"unreadable stays", "yesterday", "yesterday", "yesterday", "yesterday"},
		{"missing is said", "", "Not recorded", "Not recorded", "No consta"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for ctx, want := range map[context.Context]string{staff(): c.staff, patients("en"): c.patient, patients("es"): c.spanish} {
				got := DateText(ctx, c.value)
				if got != want {
					t.Errorf("%q, want %q", got, want)
				}
				if html := drawn(t, ctx, Date(c.value)); c.value != "" && !strings.Contains(html, "<bdi") {
					t.Errorf("no isolate in %s", html)
				}
			}
		})
	}
}

func TestAges(t *testing.T) {
	for born, want := range map[string]string{
		"2026-11-20": "4 d", "2026-10-01": "7 w", "2025-10-24": "13 mo", "2020-01-19": "6 y 10 mo",
		"2019-11-24": "7 y", "1968-03-14": "58 y", "1968-11-25": "57 y", "1968-11-24": "58 y",
		"1968": "about 58 y", "2027-01-01": "", "": "", "x": "",
	} {
		if got := AgeText(staff(), born); got != want {
			t.Errorf("born %q: %q, want %q", born, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for want, n := range map[string]Name{ // PAB-0022
		"OKAFOR, Maria":     {Family: "Okafor", Given: "Maria"},
		"HOLLOWAY":          {Family: "Holloway"},
		"Sunita":            {Given: "Sunita"},
		"Name not recorded": {},
		"ÅSTRÖM, Li":        {Family: "Åström", Given: "Li"},
	} {
		if got := n.Formal(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct {
		rule string
		a    Amount
		want string
	}{
		{"space before the unit", Amount{Value: "5.3", Unit: "mmol/L"}, "5.3 mmol/L"},
		{"space before per cent", Amount{Value: "8.1", Unit: "%"}, "8.1 %"},
		{"comma for thousands", Amount{Value: "12500", Unit: "/µL"}, "12,500 /µL"},
		{"leading zero", Amount{Value: ".5", Unit: "mg/L"}, "0.5 mg/L"},
		{"measured precision stays", Amount{Value: "4.0", Unit: "mmol/L"}, "4.0 mmol/L"},
		{"UCUM is printed", Amount{Value: "36.8", Unit: "Cel"}, "36.8 °C"},
		{"comparator", Amount{Comparator: "<", Value: "5", Unit: "mg/L"}, "< 5 mg/L"},
		{"words stay", Amount{Value: "negative"}, "negative"},
		{"no exponent is made", Amount{Value: "1e3"}, "1e3"},
	} {
		if got := c.a.Text(); got != c.want {
			t.Errorf("%s: %q, want %q", c.rule, got, c.want)
		}
	}
	html := drawn(t, staff(), Quantity(Amount{Value: "5.3", Unit: "mmol/L", Flag: "H"}))
	for _, part := range []string{`dir="ltr"`, "#i-up", "high", "nw"} { // colour is never alone
		if !strings.Contains(html, part) {
			t.Errorf("a high value lacks %q: %s", part, html)
		}
	}
	if html := drawn(t, staff(), Quantity(Amount{Unit: "mg"})); !strings.Contains(html, "Not recorded") {
		t.Errorf("a missing value is drawn as %s", html)
	}
	if html := drawn(t, staff(), BloodPressure("148", "", "")); !strings.Contains(html, "148/? mmHg") {
		t.Errorf("half a pressure is drawn as %s", html)
	}
}

func TestRanges(t *testing.T) {
	for want, b := range map[string]Bounds{
		"3.5–5.1 mmol/L": {Low: "3.5", High: "5.1", Unit: "mmol/L"}, "≥ 60 mL/min": {Low: "60", Unit: "mL/min"},
		"≤ 5 mg/L": {High: "5", Unit: "mg/L"}, "negative": {Words: "negative"}, "": {},
	} {
		if got := b.Text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestMedicationLine holds the rules of CUI medlineqig.
func TestMedicationLine(t *testing.T) {
	for in, want := range map[string]string{
		"20mg tablet": "20 mg tablet", "5.0 mg": "5 mg", ".5 mg": "0.5 mg", "0.50 mg": "0.5 mg", "1000 mg": "1,000 mg",
		"5 mg/5 mL": "5 mg per 5 mL", "10 mg. daily": "10 mg daily", "75 µg": "75 mcg", "1,000 mg": "1,000 mg",
		"once daily": "once daily", "2.5 mg": "2.5 mg", "100 mg": "100 mg", "10000 units/mL": "10,000 units per mL",
		"40 mg, from 10 Nov 2026, to 14 November 2026": "40 mg, from 10 Nov 2026, to 14 November 2026", "1000 mg from 2026-01-05": "1,000 mg from 2026-01-05", "may 1000 mg": "may 1,000 mg",
	} {
		if got := DoseText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	m := SplitMedicine("Metformin 500mg tablet")
	m.Brand = "Glucophage"
	if got := TallMan(m.Generic) + " " + m.BrandText() + " " + m.StrengthText(); got != "metFORMIN GLUCOPHAGE 500 mg tablet" {
		t.Errorf("line %q", got)
	}
	html := drawn(t, staff(), MedicationLine(m))
	if !strings.Contains(html, `class="drug">metFORMIN<`) || strings.Contains(html, "nw") {
		t.Errorf("a drug name is bold and wraps: %s", html)
	}
	if got := TallMan("hydrOXYzine HCl"); got != "hydrOXYzine hcl" && got != "hydrOXYzine HCl" {
		t.Errorf("tall man %q", got)
	}
	if got := SplitMedicine("aspirin").Generic; got != "aspirin" {
		t.Errorf("a name without strength: %q", got)
	}
}

// TestAllergyStates: the four states read differently, and the zero value claims nothing
// (CUI PAB-0067 to 0071).
func TestAllergyStates(t *testing.T) {
	seen := map[string]bool{}
	for state, want := range map[AllergyState]string{
		AllergiesUnavailable: "Allergies not available", AllergiesNotRecorded: "Allergies not recorded",
		NoKnownAllergies: "No known allergies", KnownAllergies: "Known allergies",
	} {
		html := drawn(t, staff(), AllergyLine(Allergies{State: state, Items: []Allergy{{"penicillin", "anaphylaxis"}}}))
		if !strings.Contains(html, want) || seen[html] {
			t.Errorf("state %d: %s", state, html)
		}
		seen[html] = true
	}
	many := Allergies{State: KnownAllergies}
	for range 7 {
		many.Items = append(many.Items, Allergy{Substance: "latex"})
	}
	if html := drawn(t, staff(), AllergyLine(many)); strings.Count(html, "latex") != 4 || !strings.Contains(html, "3 more") {
		t.Errorf("a long list is never a bare count: %s", html)
	}
	if html := drawn(t, staff(), PatientBanner(Banner{Name: Name{Family: "Okafor"}, NoClinical: true, Allergies: many})); strings.Contains(html, "latex") {
		t.Error("PAB-0008: a role without clinical access sees allergies")
	}
}

func TestBannerOfTheDead(t *testing.T) { // PAB-0024
	html := drawn(t, staff(), PatientBanner(Banner{Name: Name{Family: "Brandt", Given: "Otto"}, Born: "1940-01-02", Died: "2020-01-01"}))
	if !strings.Contains(html, "01-Jan-2020 (79 y)") || strings.Contains(html, "86 y") {
		t.Errorf("age at death: %s", html)
	}
}

func FuzzParsePartial(f *testing.F) {
	for _, s := range []string{"1968", "1968-03", "1968-03-14", "2026-11-24T10:12:00+01:00", "", "0000-00-00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ctx := staff()
		_ = DateTimeText(ctx, s)
		_ = AgeText(ctx, s)
		_ = DoseText(s)
		_ = SplitMedicine(s)
		if s != "" && DateText(ctx, s) == "" {
			t.Errorf("%q disappeared", s)
		}
	})
}

// TestADayThatEndsIsNamed: a right that ends with a day says that day, in the reader's own zone.
func TestADayThatEndsIsNamed(t *testing.T) {
	in := func(ctx context.Context, zone string) context.Context {
		r := From(ctx)
		var err error
		if r.Zone, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
		return With(ctx, r)
	}
	midnight := time.Date(2027, 6, 2, 4, 0, 0, 0, time.UTC) // in New York
	for _, c := range []struct {
		ctx        context.Context
		want, none string
	}{
		{in(patients("en"), "America/New_York"), "until the end of <bdi class=\"nw\" dir=\"ltr\">1 June 2027", "2 June"},
		{in(patients("en"), "UTC"), "until <bdi", "end of"},
		{in(patients("es"), "America/New_York"), "hasta el final del <bdi", "until"},
		{in(patients("ar"), "America/New_York"), "حتى نهاية يوم <bdi", "until"},
	} {
		if got := drawn(t, c.ctx, Until(midnight)); !strings.Contains(got, c.want) || strings.Contains(got, c.none) {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestADateInputIsWrittenOut: in words of the reader's language, nothing for what is no day, and tied to
// its input.
func TestADateInputIsWrittenOut(t *testing.T) {
	for value, want := range map[string]string{"1980-04-03": "3 April 1980", "1980-04-03T10:15": "3 April 1980", "": "", "soon": "", "1980-13-40": ""} {
		html := drawn(t, staff(), Input(Field{Name: "day", Type: "date", Value: value}))
		if !strings.Contains(html, `for="f-day" aria-live="polite" dir="auto">`+want+`</output>`) || !strings.Contains(html, `aria-describedby="f-day-written"`) {
			t.Errorf("%q: %s", value, html)
		}
	}
	for tag, want := range map[string]string{"es": "3 de abril de 1980", "ar": "3 أبريل 1980"} {
		if html := drawn(t, patients(tag), Input(Field{Name: "day", Type: "date", Value: "1980-04-03"})); !strings.Contains(html, ">"+want+"</output>") {
			t.Errorf("%s: %s", tag, html)
		}
	}
	if html := drawn(t, staff(), Input(Field{Name: "word", Value: "1980-04-03"})); strings.Contains(html, "output") {
		t.Errorf("words are no date: %s", html)
	}
}

// TestWhoseAFactIs: a day is written as on every page, and what only ends like one stays.
func TestWhoseAFactIs(t *testing.T) {
	for in, want := range map[string]string{
		"Kirkstall Heart Clinic, 2026-11-09":           "from Kirkstall Heart Clinic, 09-Nov-2026",
		"another system":                               "from another system",
		"the patient, with a document of Clinic, Ward": "from the patient, with a document of Clinic, Ward",
	} {
		if got := SourceText(t.Context(), in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
