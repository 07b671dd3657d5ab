package portal

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// part is the text of a page from one heading to the next.
func part(page, heading string) string {
	_, rest, ok := strings.Cut(page, ">"+heading+"</h2>")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "<h2")
	return plainText(rest)
}

// TestAVisitThatIsOverIsNotTheNext: it stands apart on the first page and among the past ones; one that goes on
// stands among those that come, and not also among the past.
func TestAVisitThatIsOverIsNotTheNext(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	me, anna := c.people[maria].Patient, c.people["anna.lindqvist"].Practitioner
	system := c.gate.As(trust.System("test"), "test")
	put := func(appointment, visit string) {
		t.Helper()
		a := fhir.New("Appointment")
		a.SetID("today")
		a.Set("status", fhir.Str(appointment))
		a.Set("start", fhir.Str(noon.Add(-100*time.Minute).Format(time.RFC3339)))
		a.Set("end", fhir.Str(noon.Add(-80*time.Minute).Format(time.RFC3339)))
		a.Set("reasonCode", fhir.Arr(fhir.Obj("text", "Sore knee")))
		a.Set("participant", fhir.Arr(fhir.Obj("actor", fhir.Obj("reference", "Patient/"+me), "status", "accepted"), fhir.Obj("actor", fhir.Obj("reference", "Practitioner/"+anna), "status", "accepted")))
		e := fhir.New("Encounter")
		e.SetID("visit")
		e.Set("status", fhir.Str(visit))
		e.Set("class", fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code", "AMB"))
		e.Set("subject", fhir.Obj("reference", "Patient/"+me))
		e.Set("appointment", fhir.Arr(fhir.Obj("reference", "Appointment/today")))
		e.Set("reasonCode", fhir.Arr(fhir.Obj("text", "Sore knee")))
		e.Set("period", fhir.Obj("start", noon.Add(-95*time.Minute).Format(time.RFC3339)))
		if _, err := system.Commit(t.Context(), record.Change{What: "visit", Put: []record.Put{{Resource: a}, {Resource: e}}}); err != nil {
			t.Fatal(err)
		}
	}
	put("checked-in", "in-progress")
	home, list := second(c.see(maria, "/portal")), second(c.see(maria, "/portal/visits"))
	if !strings.Contains(part(home, "Next visit"), "Sore knee") || !strings.Contains(part(list, "Coming"), "Sore knee") || strings.Contains(part(list, "Past"), "Sore knee") {
		t.Errorf("while it goes on: next %q, coming %q, past %q", part(home, "Next visit"), part(list, "Coming"), part(list, "Past"))
	}
	put("fulfilled", "finished")
	home, list = second(c.see(maria, "/portal")), second(c.see(maria, "/portal/visits"))
	if strings.Contains(part(home, "Next visit"), "Sore knee") || !strings.Contains(part(home, "Your visit today"), "This visit has taken place") || !strings.Contains(home, `href="/portal/visits/visit"`) {
		t.Errorf("the first page: %s", plainText(home))
	}
	if strings.Contains(part(list, "Coming"), "Sore knee") || strings.Count(part(list, "Past"), "Sore knee") != 1 {
		t.Errorf("coming %q, past %q", part(list, "Coming"), part(list, "Past"))
	}
}

// TestOlderResultsAreFolded: the newest stand open, and those of the years before behind the year; one that nobody
// has opened is not folded away.
func TestOlderResultsAreFolded(t *testing.T) {
	line := func(fresh bool) resultLine { return resultLine{New: fresh, Point: result.Point{}} }
	day := func(year, lines int, fresh bool) resultDay {
		d := resultDay{At: time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC)}
		for range lines {
			d.Lines = append(d.Lines, line(fresh))
		}
		return d
	}
	v := resultsView{Days: []resultDay{day(2026, 10, false), day(2026, 5, false), day(2026, 4, false), day(2025, 6, false), day(2025, 2, true), day(2025, 1, false), day(2024, 3, false)}}
	v.fold()
	if len(v.Days) != 3 || !v.Days[2].Lines[0].New || len(v.Older) != 3 || v.Older[0].Count() != 4 || v.Older[1].Year != 2025 || v.Older[1].Count() != 7 || v.Older[2].Count() != 3 {
		t.Errorf("open %d days, folded %+v", len(v.Days), v.Older)
	}

	c := start(t)
	page := second(c.see("maria.okafor", "/portal/results"))
	if n := len(regexp.MustCompile(`<details class="years">\s*<summary>`).FindAllString(page, -1)); n < 3 || !strings.Contains(plainText(page), "Older results") {
		t.Errorf("%d years are folded: %s", n, plainText(page))
	}
	p := webtest.Start(t).Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	p.Goto(c.url + "/portal/results")
	p.Wait("details.years summary")
	if h := webtest.Eval[int](p, "document.documentElement.scrollHeight"); h > 6000 {
		t.Errorf("the list is %d pixels long on a phone", h)
	}
	p.Check()
	p.Click("details.years summary")
	p.Wait("details.years[open] a.rname")
	p.Check()
	p.Picture("portal-results-years")
}

// TestPastMedicinesSayFromWhenToWhen: a medicine with its renewals is one line, with its first day and the day on
// which it was stopped or another took its place; what is not known is said not to be. What is taken still is not
// among them.
func TestPastMedicinesSayFromWhenToWhen(t *testing.T) {
	at := func(day string) time.Time { d, _ := time.Parse(time.DateOnly, day); return d }
	m := func(id, text, day, prior string) medication.Medicine {
		return medication.Medicine{Type: "MedicationRequest", ID: id, Text: text, Authored: at(day), AuthoredAs: day, Prior: prior}
	}
	stopped := m("h1", "hydroxyzine 25 mg tablet", "2023-11-15", "")
	stopped.Status, stopped.EndedAs = "stopped", "2026-11-20T10:00:00Z"
	course := m("n1", "nitrofurantoin 100 mg capsule", "2025-02-01", "")
	course.Days = 5
	got := past(medication.Medicines{
		Current: []medication.Medicine{m("l3", "lisinopril 20 mg tablet", "2026-08-07", "MedicationRequest/l2b")},
		Past: []medication.Medicine{m("l2b", "lisinopril 20 mg tablet", "2026-02-25", "MedicationRequest/l2"), m("l2", "lisinopril 10 mg tablet", "2025-11-14", "MedicationRequest/l1"),
			course, m("l1", "Lisinopril 10 mg tablet", "2021-11-15", ""), stopped, m("x", "old drops", "", "")}})
	want := []struct{ id, since, until string }{{"l2", "2021-11-15", "2026-02-25"}, {"n1", "2025-02-01", "2025-02-06"}, {"h1", "2023-11-15", "2026-11-20T10:00:00Z"}, {"x", "", ""}}
	if len(got) != len(want) {
		t.Fatalf("%d lines: %+v", len(got), got)
	}
	for i, w := range want {
		if g := got[i]; g.ID != w.id || g.Since != w.since || g.Until != w.until {
			t.Errorf("line %d: %s since %s until %s, want %v", i, g.ID, g.Since, g.Until, w)
		}
	}

	c := start(t)
	staff, me := c.staff("anna.lindqvist"), c.people["maria.okafor"].Patient
	list, err := medication.List(t.Context(), staff, me)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list.Current {
		if strings.HasPrefix(strings.ToLower(x.Text), "hydroxyzine") {
			if _, err := medication.Stop(t.Context(), staff, me, x.Reference(), "No longer needed"); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := plainText(second(c.see("maria.okafor", "/portal/medicines")))
	_, page, _ = strings.Cut(page, "Medicines of the past")
	if !strings.Contains(page, "until 24 November 2026 · No longer needed") || strings.Count(page, "lisinopril 10 mg") != 1 || strings.Contains(page, "lisinopril 20 mg") {
		t.Errorf("the page: %s", page)
	}
}
