package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// listOf is a document about Maria with items: each is a section, and a resource.
func listOf(t *testing.T, items ...[2]string) *Document {
	d := letter(t)
	d.Items = nil
	for i, it := range items {
		n := node(t, it[1])
		name := words(n.Get("code"))
		if m := n.Get("medicationCodeableConcept"); m != nil {
			name = words(m)
		}
		d.Items = append(d.Items, Item{Key: "1.1." + string(rune('a'+i)), Section: Section(it[0]), Resource: n, Text: name, Absent: strings.HasPrefix(name, "No known ")})
	}
	return d
}

func allergyTo(name, code, rest string) [2]string {
	return [2]string{"allergies", `{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `"}],"text":"` + name + `"}` + rest + `}`}
}

func takes(name, status, often, rest string) [2]string {
	return [2]string{"medications", `{"resourceType":"MedicationStatement","status":"` + status + `","medicationCodeableConcept":{"text":"` + name + `"},"dosage":[{"timing":{"repeat":{"frequency":` + often + `,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":1,"unit":"tablet"}}]` + rest + `}]}`}
}

func has(name, code, status string) [2]string {
	return [2]string{"problems", `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"` + status + `"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `"}],"text":"` + name + `"}}`}
}

// TestTheItemsOfADocumentAreHeldToEachOther: what of it is written without a person.
func TestTheItemsOfADocumentAreHeldToEachOther(t *testing.T) {
	food := `,"category":["food"]`
	for name, c := range map[string]struct {
		items []([2]string)
		added int
		twice int
	}{
		"no known allergies, and one":           {[][2]string{allergyTo("No known allergies", "716186003", ""), allergyTo("Penicillin", "764146007", "")}, 0, 0},
		"no known drug allergies, and a food":   {[][2]string{allergyTo("No known drug allergies", "409137002", ""), allergyTo("Peanut", "762952008", food)}, 2, 0},
		"no known drug allergies, and a drug":   {[][2]string{allergyTo("No known drug allergies", "409137002", ""), allergyTo("Penicillin", "764146007", `,"category":["medication"]`)}, 0, 0},
		"no known problems, and one":            {[][2]string{has("No known problems", "160245001", "active"), has("Asthma", "195967001", "active")}, 0, 0},
		"no known problems, and a past one":     {[][2]string{has("No known problems", "160245001", "active"), has("Asthma", "195967001", "resolved")}, 2, 0},
		"the same medicine twice":               {[][2]string{takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 10 mg tablet", "active", "1", "")}, 1, 1},
		"the same medicine, another dose":       {[][2]string{takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 20 mg tablet", "active", "1", ""), takes("metformin 500 mg tablet", "active", "1", "")}, 1, 0},
		"the same medicine, more often":         {[][2]string{takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 10 mg tablet", "active", "2", "")}, 0, 0},
		"three times, twice the same":           {[][2]string{takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 20 mg tablet", "active", "1", "")}, 0, 1},
		"a medicine of today and a former one":  {[][2]string{takes("lisinopril 10 mg tablet", "active", "1", ""), takes("lisinopril 20 mg tablet", "stopped", "1", "")}, 2, 0},
		"by another route":                      {[][2]string{takes("aciclovir 400 mg tablet", "active", "1", `,"route":{"text":"oral"}`), takes("aciclovir ointment", "active", "2", `,"route":{"text":"ophthalmic"}`)}, 2, 0},
		"the same allergy twice":                {[][2]string{allergyTo("Penicillin", "764146007", ""), allergyTo("Penicillin", "764146007", "")}, 1, 1},
		"the same allergy, another reaction":    {[][2]string{allergyTo("Penicillin", "764146007", `,"reaction":[{"manifestation":[{"text":"Hives"}]}]`), allergyTo("Penicillin", "764146007", `,"reaction":[{"manifestation":[{"text":"Anaphylaxis"}]}]`)}, 0, 0},
		"the same problem, active and resolved": {[][2]string{has("Asthma", "195967001", "active"), has("Asthma", "195967001", "resolved")}, 2, 0},
		"codes that are none":                   {[][2]string{allergyTo("Latex", "Unknown", ""), allergyTo("Ragweed", "Unknown", "")}, 2, 0},
	} {
		h := open(t)
		d := listOf(t, c.items...)
		anna := h.as(trust.Physician, "anna")
		_, a, cmp, err := Take(ctx, anna, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d})
		twice := 0
		for _, r := range cmp.Rows {
			if r.Twice {
				twice++
			}
		}
		if err != nil || a.Added != c.added || twice != c.twice {
			var said []string
			for _, r := range cmp.Rows {
				for _, x := range r.Doubts() {
					said = append(said, r.Item.Text+": "+x.Words)
				}
			}
			t.Errorf("%s: %d added, want %d, %d twice, %v %q", name, a.Added, c.added, twice, err, said)
		}
	}
}

// TestNoneAndSomeAreNotAddedTogether, by whom ever.
func TestNoneAndSomeAreNotAddedTogether(t *testing.T) {
	h := open(t)
	d := listOf(t, allergyTo("No known allergies", "716186003", ""), allergyTo("Penicillin", "764146007", ""))
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	both := map[string]Choice{"1.1.a": Add, "1.1.b": Add}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: both}); !fault.Is(err, fault.Invalid) || len(h.all("AllergyIntolerance")) != 0 {
		t.Errorf("both: %v", err)
	}
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil || slices.ContainsFunc(c.Rows, func(r Row) bool { return len(r.within) == 0 }) {
		t.Errorf("not contested: %v", err)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"1.1.a": Ignore, "1.1.b": Add}}); err != nil {
		t.Error(err)
	}
}

// TestAnOldDocumentIsAskedAbout: what a document older than a year says is taken, and the problems that it gives no
// date of, are not plainly new.
func TestAnOldDocumentIsAskedAbout(t *testing.T) {
	since := func(it [2]string, rest string) [2]string {
		it[1] = strings.TrimSuffix(it[1], "}") + rest + "}"
		return it
	}
	old, recent := time.Date(2013, 7, 1, 0, 0, 0, 0, time.UTC), noon.AddDate(0, -11, 0)
	metoprolol := takes("metoprolol tartrate 25 mg tablet", "active", "1", "")
	for name, c := range map[string]struct {
		written time.Time
		item    [2]string
		want    string
	}{
		"a medicine":              {old, metoprolol, "The document is of 1 Jul 2013 and gives no date: is it still so?"},
		"a medicine since a day":  {old, since(metoprolol, `,"effectivePeriod":{"start":"2012-08-06"}`), "The document is of 1 Jul 2013: is it still so?"},
		"a medicine of the past":  {old, takes("metoprolol tartrate 25 mg tablet", "stopped", "1", ""), ""},
		"a problem":               {old, has("Pneumonia", "233604007", "active"), "The document is of 1 Jul 2013 and gives no date: is it still so?"},
		"a problem since a day":   {old, since(has("Pneumonia", "233604007", "active"), `,"onsetDateTime":"2013-06-20"`), ""},
		"a problem of the past":   {old, has("Pneumonia", "233604007", "resolved"), ""},
		"an allergy":              {old, allergyTo("Penicillin", "764146007", ""), ""},
		"a medicine of this year": {recent, metoprolol, ""},
		"a problem of this year":  {recent, has("Pneumonia", "233604007", "active"), ""},
		"of no date":              {time.Time{}, metoprolol, ""},
	} {
		h := open(t)
		d := listOf(t, c.item)
		d.Written = c.written
		cmp, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		r, got := cmp.Rows[0], ""
		for _, x := range r.Doubts() {
			got += fmt.Sprintf(x.Words, x.Args...)
		}
		if got != c.want || r.Clear() != (c.want == "") {
			t.Errorf("%s: %q, clear %t, not %q", name, got, r.Clear(), c.want)
		}
	}
}

// TestAssertionsAreHeldToWhatTheyAssert: that both are assertions does not make two answers the same.
func TestAssertionsAreHeldToWhatTheyAssert(t *testing.T) {
	assertion := func(value, at string) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ASSERTION","display":"Assertion"}],"text":"Assertion"},"subject":{"reference":"Patient/maria"},"valueCodeableConcept":` + value + at + `}`
	}
	smoker := `{"coding":[{"system":"http://snomed.info/sct","code":"8517006"}],"text":"Former smoker"}`
	at := `,"effectiveDateTime":"2005-05-01"`
	for name, c := range map[string]struct {
		chart, item string
		want        State
	}{
		"another assertion":       {assertion(`{"text":"Wine consumption (___ glasses/day)"}`, ""), assertion(smoker, at), New},
		"another of the same day": {assertion(`{"text":"Wine consumption"}`, at), assertion(smoker, at), New},
		"another code":            {assertion(`{"coding":[{"system":"http://snomed.info/sct","code":"77176002"}],"text":"Smoker"}`, at), assertion(smoker, at), New},
		"the same":                {assertion(smoker, at), assertion(smoker, at), Same},
		"the same, without a day": {assertion(smoker, ""), assertion(smoker, at), Perhaps},
		"the same words":          {assertion(`{"text":"Former smoker"}`, at), assertion(smoker, at), Perhaps},
	} {
		h := open(t)
		h.put(c.chart)
		d := listOf(t, [2]string{"social-history", c.item})
		cmp, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
		if err != nil {
			t.Fatal(err)
		}
		if r := cmp.Rows[0]; r.State != c.want {
			t.Errorf("%s: %s of %q %+v, not %s", name, r.State, r.ChartText, r.Fields, c.want)
		}
	}
}

// TestWhatADocumentSaysTwiceIsDecidedOnce, in whichever sections, and only where nothing differs.
func TestWhatADocumentSaysTwiceIsDecidedOnce(t *testing.T) {
	problem := func(section, category, onset string) [2]string {
		it := has("Pneumonia", "233604007", "active")
		return [2]string{section, strings.TrimSuffix(it[1], "}") + `,"category":[{"coding":[{"code":"` + category + `"}]}],"onsetDateTime":"` + onset + `"}`}
	}
	list, visit := "problem-list-item", "encounter-diagnosis"
	given := func(section, value, at, status, rest string) [2]string {
		return [2]string{section, `{"resourceType":"Observation","status":"` + status + `","code":{"coding":[{"system":"http://loinc.org","code":"2160-0"}],"text":"Creatinine"},"effectiveDateTime":"` + at + `","valueQuantity":{"value":` + value + `,"unit":"mg/dL","code":"mg/dL","system":"http://unitsofmeasure.org"}` + rest + `}`}
	}
	tablet := func(section, status, start string) [2]string {
		it := takes("metformin 500 mg tablet", status, "1", "")
		return [2]string{section, strings.TrimSuffix(it[1], "}") + `,"effectivePeriod":{"start":"` + start + `"}}`}
	}
	because := func(it [2]string, reason string) [2]string {
		return [2]string{it[0], strings.TrimSuffix(it[1], "}") + `,"reasonCode":[{"text":"` + reason + `"}]}`}
	}
	operation := func(number string) [2]string {
		return [2]string{"procedures", `{"resourceType":"Procedure","identifier":[{"system":"urn:x","value":"` + number + `"}],"status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"36969009"}],"text":"Stent"},"performedDateTime":"2026-05-01"}`}
	}
	for name, c := range map[string]struct {
		items []([2]string)
		keys  string // of those that are decided
	}{
		"a problem on the list and of a visit": {[][2]string{problem("problems", list, "2026-05"), problem("diagnoses", visit, "2026-05")}, "a"},
		"the visit first: the list's is kept":  {[][2]string{problem("diagnoses", visit, "2026-05"), problem("problems", list, "2026-05")}, "b"},
		"another beginning":                    {[][2]string{problem("problems", list, "2026-05"), problem("diagnoses", visit, "2026-06")}, "ab"},
		"of two visits":                        {[][2]string{problem("diagnoses", visit, "2026-05"), problem("diagnoses", visit, "2026-05")}, "ab"},
		"a medicine of the list and of a plan": {[][2]string{tablet("medications", "active", "2026-05-01"), tablet("plan", "active", "2026-05-01")}, "a"},
		"planned, and taken":                   {[][2]string{tablet("medications", "active", "2026-05-01"), tablet("plan", "intended", "2026-05-01")}, "ab"},
		"taken since another day":              {[][2]string{tablet("medications", "active", "2026-05-01"), tablet("medications", "active", "2026-06-01")}, "ab"},
		"a result":                             {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("other", "1.2", "2026-05-01", "final", "")}, "a"},
		"a result of another day":              {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("results", "1.2", "2026-05-02", "final", "")}, "ab"},
		"another value":                        {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("results", "1.3", "2026-05-01", "final", "")}, "ab"},
		"a preliminary one":                    {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("results", "1.2", "2026-05-01", "preliminary", "")}, "ab"},
		"a vital sign and a result":            {[][2]string{given("results", "1.2", "2026-05-01", "final", `,"category":[{"text":"laboratory"}]`), given("vital-signs", "1.2", "2026-05-01", "final", `,"category":[{"text":"vital-signs"}]`)}, "ab"},
		"restricted in one section":            {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("results", "1.2", "2026-05-01", "final", `,"meta":{"security":[{"system":"x","code":"PSY"}]}`)}, "ab"},
		"two operations of a day":              {[][2]string{operation("1"), operation("2")}, "ab"},
		"a note of one":                        {[][2]string{given("results", "1.2", "2026-05-01", "final", ""), given("results", "1.2", "2026-05-01", "final", `,"note":[{"text":"haemolysed"}]`)}, "ab"},
		"the same note":                        {[][2]string{given("results", "1.2", "2026-05-01", "final", `,"note":[{"text":"haemolysed"}]`), given("results", "1.2", "2026-05-01", "final", `,"note":[{"text":"haemolysed"}]`)}, "a"},
		"a medicine for two reasons":           {[][2]string{because(tablet("medications", "active", "2026-05-01"), "Diabetes"), because(tablet("medications", "active", "2026-05-01"), "Polycystic ovaries")}, "ab"},
		"one operation, told twice":            {[][2]string{operation("1"), operation("1")}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.maria()
			d := listOf(t, c.items...)
			d.Texts = []Text{{Title: "First"}, {Title: "Second"}}
			d.Items[1].Of = 1
			d.Items[1].Doubts = []Doubt{{Words: wordsOnly}}
			cmp, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
			if err != nil {
				t.Fatal(err)
			}
			keys := ""
			for _, r := range cmp.Rows {
				if r.Decide() {
					keys += strings.TrimPrefix(r.Item.Key, "1.1.")
				}
				if once := len(c.keys) == 1; once && r.Decide() && (len(r.Also) != 1 || r.Also[0] == r.Item.Of || !slices.ContainsFunc(r.Doubts(), func(x Doubt) bool { return x.Words == wordsOnly })) {
					t.Errorf("%s also in %v, %v", r.Item.Key, r.Also, r.Doubts())
				}
			}
			if keys != c.keys {
				t.Errorf("decided: %s, want %s", keys, c.keys)
			}
		})
	}
}

// TestOfTwoAlikeAllDoubtsAreKept: what is not sure of the one that is not decided is not sure of the other, with other words of the
// document and what other items make doubtful too.
func TestOfTwoAlikeAllDoubtsAreKept(t *testing.T) {
	doubt := func(of string) Doubt { return Doubt{Words: courseUndated, Args: []any{of}} }
	kept := &Row{Item: &Item{Section: Medications, Doubts: []Doubt{doubt("10 days")}}}
	left := &Row{Item: &Item{Section: Medications, Doubts: []Doubt{doubt("10 days"), doubt("2 weeks")}}}
	left.inside(Doubt{Words: alsoNone})
	(&Comparison{}).once(kept, left)
	if d := kept.Doubts(); len(d) != 3 || d[1].Args[0] != "2 weeks" || d[2].Words != alsoNone {
		t.Errorf("%v", d)
	}
}

// TestAValueOfTwoPanelsIsWrittenOnce: both reports have it.
func TestAValueOfTwoPanelsIsWrittenOnce(t *testing.T) {
	h := open(t)
	h.maria()
	d := letter(t)
	for i := range d.Items {
		if d.Items[i].Key == "bmp" {
			other := d.Items[i]
			other.Key, other.Resource = "cmp", other.Resource.Clone()
			other.Resource.Get("code").Set("text", node(t, `{"resourceType":"Basic","x":"Comprehensive metabolic panel"}`).Get("x").Clone())
			chloride := node(t, string(other.Parts[0].JSON()))
			chloride.Path("code.coding.0").Set("code", node(t, `{"resourceType":"Basic","x":"2075-0"}`).Get("x").Clone())
			other.Parts = []*fhir.Node{other.Parts[0].Clone(), chloride}
			d.Items = append(d.Items, other)
			break
		}
	}
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil || must(c.Row("cmp")).Shared != 1 || must(c.Row("cmp")).SharedWith != "Basic metabolic panel" || must(c.Row("bmp")).Shared != 0 {
		t.Fatalf("%+v, %v", must(c.Row("cmp")), err)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"bmp": Add, "cmp": Add}}); err != nil {
		t.Fatal(err)
	}
	results := 0
	for _, n := range h.all("DiagnosticReport") {
		results += n.Get("result").Len()
	}
	if values := len(h.all("Observation")); values != 2 || results != 3 {
		t.Errorf("%d values, %d of reports", values, results)
	}
}
