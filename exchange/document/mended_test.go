package document

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// TestADayStaysThatOfWhoSentIt: with an offset, filled up with zeros, or in the evening, of what lasts; an hour of a
// measurement stays.
func TestADayStaysThatOfWhoSentIt(t *testing.T) {
	for _, at := range []string{"20120806", "20120806000000+0000", "20120806000000-0500", "201208060000-0500", "20120806000000.000+1300", "20120806233000-0500", "20120806003000+1200"} {
		d := readEntry(t, "11450-4", strings.Replace(problemIn("active", embolism), `<statusCode code="completed"/>`, `<statusCode code="completed"/><effectiveTime><low value="`+at+`"/></effectiveTime>`, 1))
		d.days()
		if got := d.Items[0].Resource.Get("onsetDateTime").Text(); got != "2012-08-06" || !strings.HasSuffix(d.Items[0].Text, "since 6 Aug 2012") {
			t.Errorf("%s: %s, since %s", at, d.Items[0].Text, got)
		}
	}
	for at, want := range map[string]string{"20120806233000-0500": "2012-08-06T23:30:00-05:00", "20120806000000-0500": "2012-08-06", "20120806000000+0000": "2012-08-06", "201208062330": "2012-08-06"} {
		d := readEntry(t, "30954-2", strings.Replace(measureEntry("718-7", "Hemoglobin", `<value xsi:type="PQ" value="9" unit="g/dL"/>`, ""), "20260101", at, 1))
		d.days()
		if got := d.Items[0].Resource.Get("effectiveDateTime").Text(); got != want {
			t.Errorf("a measurement of %s is of %s", at, got)
		}
		for entry, near := range map[string]nearness{"2012-08-06": sameInstant, "2012-08-07": otherDay, "2012-08-05": otherDay} {
			if len(want) > 10 && near == sameInstant {
				near = dayOnly
			}
			if got := when(describe(d.Items[0].Resource), &thing{date: entry}); got != near {
				t.Errorf("%s beside %s: %d", at, entry, got)
			}
		}
	}
	note := `<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.202"/><code code="34109-9"` + loincIn + ` displayName="Note"/><text>Seen today.</text><statusCode code="completed"/><author><time value="%s"/><assignedAuthor><assignedPerson><name>Dr Hart</name></assignedPerson></assignedAuthor></author></act>`
	for at, want := range map[string][2]string{"20120806233000-0500": {"2012-08-06T23:30:00-05:00", ""}, "20120806000000-0500": {"", "2012-08-06"}, "20120806": {"", "2012-08-06"}} {
		d := readEntry(t, "34109-9", fmt.Sprintf(note, at))
		d.days()
		n := d.Items[0].Resource
		if n.Get("date").Text() != want[0] || n.Path("content.0.attachment.creation").Text() != want[1] {
			t.Errorf("a note of %s: %s", at, n.JSON())
		}
	}
}

// TestAnInstantInUTCMayBeOfTheDayBeside: what the house wrote in the evening is of the next day in UTC. It is perhaps the
// same, when all else is; an instant with an offset is of its day.
func TestAnInstantInUTCMayBeOfTheDayBeside(t *testing.T) {
	sodium := func(at, value string) *fhir.Node {
		return node(t, `{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2951-2"}],"text":"Sodium"},"effectiveDateTime":"`+at+`","valueQuantity":{"value":`+value+`,"unit":"mmol/L"}}`)
	}
	for _, c := range []struct {
		chart, document, value string
		want                   State
	}{
		{"2026-11-10T03:00:00Z", "2026-11-09", "139", Perhaps}, {"2026-11-10T03:00:00+00:00", "2026-11-09", "139", Perhaps}, {"2026-11-09T23:00:00Z", "2026-11-10", "139", Perhaps},
		{"2026-11-09", "2026-11-10T03:00:00Z", "139", Perhaps}, {"2026-11-10T03:00:00Z", "2026-11-10", "139", Same},
		{"2026-11-10T03:00:00Z", "2026-11-09", "140", New}, {"2026-11-10T15:00:00Z", "2026-11-09", "139", New}, {"2026-11-10T03:00:00-05:00", "2026-11-09", "139", New},
		{"2026-11-10T03:00:00Z", "2026-11-08", "139", New}, {"2026-11-10", "2026-11-09", "139", New},
	} {
		for _, many := range []int{0, mostAlike + 1} {
			nodes := []*fhir.Node{sodium(c.chart, "139")}
			for i := range many { // found among many, too
				nodes = append(nodes, sodium(fmt.Sprintf("20%02d-03-01", i), "141"))
			}
			if r := indexOf(nodes).row(&Item{Key: "1", Section: Results, Resource: sodium(c.document, c.value)}); r.State != c.want {
				t.Errorf("%s beside %s, among %d: %s, want %s", c.document, c.chart, many, r.State, c.want)
			}
		}
	}
}

// TestADocumentIsOfTheDayItSays: filed with the time that it says, and no zone that it does not.
func TestADocumentIsOfTheDayItSays(t *testing.T) {
	for at, want := range map[string]string{"20120806000000+0000": "2012-08-06", "20120806000000-0500": "2012-08-06", "20120806103000": "2012-08-06", "20120806233000-0500": "2012-08-06T23:30:00-05:00", "201208": "2012-08"} {
		body := strings.Replace(string(synthetic.Letter{Number: 1, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F"}.Document()), `<effectiveTime value="`, `<effectiveTime value="`+at+`" was="`, 1)
		d, err := Read([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		h := open(t)
		f, err := File(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte(body), Read: d})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range h.all("DocumentReference") {
			if got := n.Path("content.0.attachment.creation").Text(); n.ID() == f.Document && got != want {
				t.Errorf("a document of %s is filed of %s", at, got)
			}
		}
	}
}

// TestMidnightIsADay: 2011-09-25T00:00:00-04:00 is the 25th in every zone.
func TestMidnightIsADay(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Items = d.Items[2:3]
	d.Items[0].Resource = node(t, strings.Replace(string(d.Items[0].Resource.JSON()), "2026-11-09", "2011-09-25T00:00:00-04:00", 1))
	anna := h.as(trust.Physician, "anna")
	if _, a, _, err := Take(ctx, anna, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil || a.Added != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if got := h.all("Condition")[0].Get("onsetDateTime").Text(); got != "2011-09-25" {
		t.Errorf("since %s", got)
	}
	for text, want := range map[string]bool{"2011-09-25T00:00:00Z": true, "2011-09-25T00:00:00.000+02:00": true, "2011-09-25T00:00:01Z": false, "2011-09-25T00:00:00.5Z": false, "2011-09-25": false} {
		if midnight(text) != want {
			t.Errorf("%s is midnight: %v", text, !want)
		}
	}
	ch, err := chart.Read(ctx, anna, "maria")
	if err != nil || ch.Documents[0].Date != "2026-11-09" {
		t.Errorf("the document is of %s, %v", ch.Documents[0].Date, err)
	}
}

func TestAReasonSaysSomething(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Patient = node(t, strings.NewReplacer("Okafor", "Betterhalf", "Maria", "Eve").Replace(maria))
	anna := h.as(trust.Physician, "anna")
	for _, reason := range []string{"x", "wrongname", "a b c", "          . "} {
		if _, err := File(ctx, anna, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d, Reason: reason}); !OtherPerson(err) {
			t.Errorf("%q is a reason: %v", reason, err)
		}
	}
	f, err := File(ctx, anna, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d, Reason: "Her name before she married"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"af": Add}}); err != nil {
		t.Fatal(err)
	}
	ch, err := chart.Read(ctx, anna, "maria")
	if err != nil || !strings.HasPrefix(ch.ActiveProblems()[0].Source, "the document of Eve Betterhalf") || !strings.HasPrefix(ch.Documents[0].Source, OtherMark) {
		t.Errorf("%+v %v", ch.ActiveProblems(), err)
	}
}

// TestStepsAreTakenBackInTheirOrder: two documents about the same problem.
func TestStepsAreTakenBackInTheirOrder(t *testing.T) {
	h := open(t)
	anna := h.as(trust.Physician, "anna")
	step := func(number, key string, choice Choice) (*Document, string, string) {
		d := letter(t)
		d.ID, d.Set, d.Custodian = "2.16.840.1.113883.19^"+number, "", "Clinic "+number
		f, err := File(ctx, anna, Upload{Patient: "maria", Body: []byte("<x" + number + "/>"), Read: d})
		if err != nil {
			t.Fatal(err)
		}
		a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{key: choice}})
		if err != nil {
			t.Fatal(err)
		}
		return d, f.Document, a.Batch
	}
	first, one, batch := step("1", "htn", Add)
	second := letter(t)
	second.Items[3].Resource = node(t, strings.Replace(string(second.Items[3].Resource.JSON()), "2015", "2012", 1))
	second.ID, second.Set = "2.16.840.1.113883.19^2", ""
	f, err := File(ctx, anna, Upload{Patient: "maria", Body: []byte("<x2/>"), Read: second})
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := Accept(ctx, anna, "maria", f.Document, second, Decision{Choices: map[string]Choice{"htn": Merge}})
	if err != nil || a.Merged != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if u, err := Undo(ctx, anna, "maria", one, batch, first); !OutOfOrder(err) || !fault.Is(err, fault.Conflict) || u.Later != f.Document {
		t.Fatalf("the first step before the second: %+v %v", u, err)
	}
	if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, second); err != nil {
		t.Fatal(err)
	}
	if u, err := Undo(ctx, anna, "maria", one, batch, first); err != nil || u.Back != 1 {
		t.Fatalf("and then: %+v %v", u, err)
	}
	if ch, err := chart.Read(ctx, anna, "maria"); err != nil || len(ch.ActiveProblems()) != 0 {
		t.Errorf("left in the chart: %+v %v", ch.Problems, err)
	}
}

func TestAnAllergyEndsTheStatementThatThereIsNone(t *testing.T) {
	h := open(t)
	h.put(`{"resourceType":"AllergyIntolerance","id":"none","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"716186003"}],"text":"No known allergies"}}`)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	c, err := Compare(ctx, anna, "maria", d)
	if err != nil || must(c.Row("peni")).Denied != "No known allergies" || must(c.Row("af")).Denied != "" {
		t.Fatalf("%+v %v", must(c.Row("peni")), err)
	}
	a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"peni": Add}})
	if err != nil {
		t.Fatal(err)
	}
	status := func() string {
		n, _ := anna.Read(ctx, "AllergyIntolerance", "none")
		return n.Path("clinicalStatus.coding.0.code").Text()
	}
	if status() != "inactive" {
		t.Error("the statement stands beside the allergy")
	}
	if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d); err != nil || status() != "active" {
		t.Errorf("after the undo it is %s, %v", status(), err)
	}
}

func TestAVaccineTakenBackIsNotListed(t *testing.T) {
	h := open(t)
	d := letter(t)
	f := h.filed(d)
	anna := h.as(trust.Physician, "anna")
	a, _, err := Accept(ctx, anna, "maria", f.Document, d, Decision{Choices: map[string]Choice{"flu": Add}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Undo(ctx, anna, "maria", f.Document, a.Batch, d); err != nil {
		t.Fatal(err)
	}
	if ch, err := chart.Read(ctx, anna, "maria"); err != nil || len(ch.Immunizations) != 0 {
		t.Errorf("%+v %v", ch.Immunizations, err)
	}
}
