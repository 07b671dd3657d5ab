package result

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

var (
	noon      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	physician = trust.Principal{ID: "acc-anna", Name: "Dr Anna Lindqvist", Role: trust.Physician, Practitioner: "anna", Session: "s1"}
	nurse     = trust.Principal{ID: "acc-nina", Name: "Nina Park", Role: trust.Nurse, Practitioner: "nina"}
)

// clinic is a record with two patients and one order of kidney function by Dr Lindqvist.
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
		`{"resourceType":"Practitioner","id":"anna"}`, `{"resourceType":"Practitioner","id":"nina"}`,
		`{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor"}],"gender":"female","birthDate":"1968-03-14"}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"gender":"male","birthDate":"1980-01-01"}`,
		`{"resourceType":"ServiceRequest","id":"o1","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"code":{"text":"Kidney function","coding":[{"system":"http://loinc.org","code":"24362-6"}]},"requester":{"reference":"Practitioner/anna"}}`,
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

func kidney() Draft {
	return Draft{Patient: "maria", Order: "o1", LOINC: "24362-6", Name: "Kidney function", Collected: noon.Add(-time.Hour), Lab: "City Laboratory", Values: []Typed{
		{LOINC: "2823-3", Name: "Potassium", Text: "6.3"}, {LOINC: "14682-9", Name: "Creatinine", Text: "124"}, {LOINC: "2951-2", Name: "Sodium", Text: "139"},
		{LOINC: "22664-7", Name: "Urea", Text: ""},
	}}
}

func TestFileAndReview(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	filed, err := File(ctx, c.as(nurse), kidney())
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if filed.Flags["2823-3"] != "HH" || filed.Flags["14682-9"] != "H" || filed.Flags["2951-2"] != "N" {
		t.Errorf("flags %v", filed.Flags)
	}
	order, err := c.as(physician).Read(ctx, "ServiceRequest", "o1")
	if err != nil || order.Get("status").Text() != "completed" {
		t.Errorf("the order is %s, %v", order.Get("status").Text(), err)
	}
	tasks, err := task.Of(ctx, c.as(physician), "anna")
	if err != nil || len(tasks) != 1 || tasks[0].Priority != "stat" || tasks[0].Text != "Kidney function: Potassium 6.3 mmol/L, critically high; Creatinine 124 µmol/L, high" || tasks[0].Focus != filed.Reference {
		t.Fatalf("the orderer's tasks: %+v, %v", tasks, err)
	}
	report, err := Behind(ctx, c.as(physician), filed.Reference)
	if err != nil || len(report.Values) != 3 || report.Values[0].Value != "6.3" || report.Values[0].Unit != "mmol/L" || report.Values[0].High != "5.1" {
		t.Errorf("the report reads %+v, %v", report, err)
	}
	g, err := Results(ctx, c.as(physician), "maria")
	if err != nil || len(g.Series) != 3 || g.Series[0].Name != "Potassium" || g.Series[0].Last().Unsigned != tasks[0].ID {
		t.Errorf("the grid: %+v, %v", g, err)
	}
	if _, err := Review(ctx, c.as(physician), "sam", Words{}, tasks[0].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("signing in another patient's chart: %v", err)
	}
	if _, err := Review(ctx, c.as(physician), "maria", Words{Patient: "Please come today.", Plan: " "}, tasks[0].ID); !fault.Is(err, fault.Invalid) {
		t.Errorf("a potassium of 6.3 is signed without a plan: %v", err)
	}
	if _, err := Review(ctx, c.as(physician), "maria", Words{Patient: "Please come today.", Plan: "Told by phone; ECG today."}, tasks[0].ID); err != nil {
		t.Fatal(err)
	}
	more, err := Comment(ctx, c.as(physician), task.Task{Patient: "maria", Focus: filed.Reference}, "Bring your list of medicines.")
	if err != nil || more.Resource.Get("conclusion").Text() != "Please come today.\n\nBring your list of medicines." {
		t.Errorf("words after words: %q, %v", more.Resource.Get("conclusion").Text(), err)
	}
	if _, err := Comment(ctx, c.as(physician), task.Task{Patient: "sam", Focus: filed.Reference}, "For Sam."); !fault.Is(err, fault.NotFound) {
		t.Errorf("words for one patient with the result of another: %v", err)
	}
	if _, err := Under(ctx, c.as(physician), task.Task{Patient: "sam", Focus: filed.Reference}); !fault.Is(err, fault.NotFound) {
		t.Errorf("the result of another patient: %v", err)
	}
	if report, _ = Behind(ctx, c.as(physician), filed.Reference); report.Comment != "Please come today." {
		t.Errorf("the words for the patient: %q", report.Comment)
	}
	if g, _ = Results(ctx, c.as(physician), "maria"); g.Series[0].Last().Unsigned != "" || g.Series[0].Last().Comment != "Please come today." {
		t.Errorf("after signing: %+v", g.Series[0].Last())
	}
	if _, err := Review(ctx, c.as(physician), "maria", Words{}, tasks[0].ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("signing twice: %v", err)
	}
	if _, err := File(ctx, c.as(nurse), kidney()); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second result of one order: %v", err)
	}
}

func TestFileRefusesWhatItCannotRead(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	d := kidney()
	d.Values[0].Text = "high-ish"
	if _, err := File(ctx, c.as(physician), d); !fault.Is(err, fault.Invalid) {
		t.Errorf("words in the place of a number: %v", err)
	}
	d = kidney()
	d.Values = d.Values[3:]
	if _, err := File(ctx, c.as(physician), d); !fault.Is(err, fault.Invalid) {
		t.Errorf("no value: %v", err)
	}
	d = kidney()
	d.Collected = noon.AddDate(0, 0, 2)
	if _, err := File(ctx, c.as(physician), d); !fault.Is(err, fault.Invalid) {
		t.Errorf("a sample from the future: %v", err)
	}
	d = kidney()
	d.Patient = "sam"
	if _, err := File(ctx, c.as(physician), d); !fault.Is(err, fault.NotFound) {
		t.Errorf("an order of another patient: %v", err)
	}
	if g, err := Results(ctx, c.as(physician), "maria"); err != nil || len(g.Series) != 0 {
		t.Errorf("something was stored: %+v, %v", g, err)
	}
}

func TestTheLaboratorysRangeWins(t *testing.T) {
	c := open(t)
	for _, k := range []struct {
		v    Typed
		want string
	}{
		{Typed{LOINC: "2823-3", Name: "Potassium", Text: "5.3", Low: "3.5", High: "5.5"}, "N"},
		{Typed{LOINC: "2823-3", Name: "Potassium", Text: "5.3"}, "H"},
		{Typed{LOINC: "1988-5", Name: "CRP", Text: "< 1"}, "N"},
		{Typed{LOINC: "1988-5", Name: "CRP", Text: ">300"}, "H"},
		{Typed{LOINC: "2276-4", Name: "Ferritin", Text: "<100"}, ""},
		{Typed{LOINC: "", Name: "Some test", Text: "12", Unit: "x"}, ""},
		{Typed{LOINC: "630-4", Name: "Urine culture", Text: "no growth"}, ""},
	} {
		filed, err := File(t.Context(), c.as(physician), Draft{Patient: "maria", Name: k.v.Name, Values: []Typed{k.v}})
		if err != nil {
			t.Errorf("%+v: %+v", k.v, err)
			continue
		}
		if got := filed.Flags[k.v.LOINC]; got != k.want {
			t.Errorf("%s %s (%s to %s): flag %q, want %q", k.v.Name, k.v.Text, k.v.Low, k.v.High, got, k.want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for in, want := range map[string]Number{
		"5.3": {"", "5.3", 5.3}, "5,3": {"", "5.3", 5.3}, "< 0.5": {"<", "0.5", 0.5}, "1,200": {"", "1200", 1200}, ">=90": {">=", "90", 90}, "0,125": {"", "0.125", 0.125}, "7.50": {"", "7.50", 7.5},
	} {
		if got, ok := ParseNumber(in); !ok || got != want {
			t.Errorf("%q reads %+v (%v), want %+v", in, got, ok, want)
		}
	}
	for _, bad := range []string{"", "abc", "1.2.3", "5.", ".5", "-3", "1e9", "007", "<", "1 2"} {
		if got, ok := ParseNumber(bad); ok {
			t.Errorf("%q reads %+v", bad, got)
		}
	}
}

func FuzzParseNumber(f *testing.F) {
	f.Add("< 1,234.5")
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := ParseNumber(s)
		if !ok {
			return
		}
		if _, err := fhir.Parse([]byte(n.Literal)); err != nil {
			t.Errorf("%q gives %q, which is no JSON number", s, n.Literal)
		}
	})
}

func TestSyntheaGrid(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(sample.Dir(t, "synthea", 30), "*.json"))
	rows, judged, codes := 0, 0, map[string]bool{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := fhir.Parse(body)
		if err != nil {
			continue
		}
		var nodes []*fhir.Node
		patient := ""
		for e := range bundle.Get("entry").Items() {
			r := e.Get("resource")
			if r.ResourceType() == "Patient" {
				patient = r.ID()
			}
			if s := r.Get("subject"); s != nil { // the bundles point with urn:uuid
				s.Set("reference", fhir.Str("Patient/"+patient))
			}
			nodes = append(nodes, r)
		}
		g := From(nodes, patient, nil)
		if !slices.IsSorted(g.Days) {
			t.Errorf("%s: the days are not in order", filepath.Base(file))
		}
		for _, s := range g.Series {
			rows++
			for _, p := range s.Points {
				if p.At.IsZero() || p.Value.Value == "" {
					t.Errorf("%s: %s has a point without time or value", filepath.Base(file), s.Name)
				}
				if p.Numeric && p.Unit == "" {
					t.Errorf("%s: %s has a number without unit", filepath.Base(file), s.Name)
				}
				if p.Judged {
					judged++
				} else if p.Flag == "" && p.Numeric {
					codes[p.Code] = true
				}
			}
		}
	}
	if rows < 100 || judged < 500 {
		t.Errorf("%d rows, %d values judged by the built-in ranges", rows, judged)
	}
	t.Logf("%d rows, %d judged; not judged: %v", rows, judged, codes)
}

// TestAValueThatIsHardlyAPersonsIsAskedAbout: a slip of the finger is found before it reaches the
// patient's page and the checks; what a laboratory does report is taken, critical as it is.
func TestAValueThatIsHardlyAPersonsIsAskedAbout(t *testing.T) {
	for text, want := range map[string]bool{"66": true, "6.6": false, "9,1": true, "1.2": true, "2.4": false} {
		c := open(t)
		d := kidney()
		d.Values = []Typed{{LOINC: "2823-3", Name: "Potassium", Text: text}}
		_, err := File(t.Context(), c.as(nurse), d)
		if got := len(Doubtful(err)) > 0; got != want || !want && err != nil {
			t.Errorf("potassium %s: asked %v, %v", text, got, err)
		}
		if !want {
			continue
		}
		if n, err := c.as(physician).Read(t.Context(), "ServiceRequest", "o1"); err != nil || n.Get("status").Text() != "active" {
			t.Errorf("the order is done before it was answered: %v", err)
		}
		d.Values[0].Sure = "5.1" // of another value
		if _, err := File(t.Context(), c.as(nurse), d); len(Doubtful(err)) != 1 {
			t.Errorf("a tick for another value counts: %v", err)
		}
		d.Values[0].Sure = text
		if filed, err := File(t.Context(), c.as(nurse), d); err != nil || filed.Flags["2823-3"] == "N" {
			t.Errorf("potassium %s, sure: %v %v", text, filed.Flags, err)
		}
	}
}

// TestAWithdrawnValueLeavesTheChart: with its report when nothing else is in it, its review and its
// order; a report that keeps others says that it was corrected.
func TestAWithdrawnValueLeavesTheChart(t *testing.T) {
	c := open(t)
	ctx := t.Context()
	filed, err := File(ctx, c.as(nurse), kidney())
	if err != nil {
		t.Fatal(err)
	}
	report, err := Behind(ctx, c.as(physician), filed.Reference)
	if err != nil || len(report.Values) != 3 {
		t.Fatalf("%+v %v", report, err)
	}
	if _, err := Withdraw(ctx, c.as(physician), Withdrawal{Patient: "maria", ID: report.Values[0].ID}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := Withdraw(ctx, c.as(physician), Withdrawal{Patient: "sam", ID: report.Values[0].ID, Reason: "slip"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("in the chart of another: %v", err)
	}
	for i, v := range report.Values {
		if _, err := Withdraw(ctx, c.as(physician), Withdrawal{Patient: "maria", ID: v.ID, Reason: "another patient's"}); err != nil {
			t.Fatal(err)
		}
		left := len(report.Values) - 1 - i
		grid, err := Results(ctx, c.as(physician), "maria")
		if err != nil || len(grid.Series) != left {
			t.Errorf("%d rows with %d values left: %v", len(grid.Series), left, err)
		}
		now, err := Behind(ctx, c.as(physician), filed.Reference)
		if want := map[bool]string{true: "corrected", false: "entered-in-error"}[left > 0]; err != nil || now.Status != want || len(now.Values) != left {
			t.Errorf("with %d left the report is %s with %d values: %v", left, now.Status, len(now.Values), err)
		}
		waiting, err := task.Of(ctx, c.as(physician), "anna")
		if err != nil || (len(waiting) > 0) != (left > 0) {
			t.Errorf("with %d left %d reviews wait: %v", left, len(waiting), err)
		}
		order, err := c.as(physician).Read(ctx, "ServiceRequest", "o1")
		if want := map[bool]string{true: "completed", false: "active"}[left > 0]; err != nil || order.Get("status").Text() != want {
			t.Errorf("with %d left the order is %s: %v", left, order.Get("status").Text(), err)
		}
	}
	if _, err := Withdraw(ctx, c.as(physician), Withdrawal{Patient: "maria", ID: report.Values[0].ID, Reason: "again"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("twice: %v", err)
	}
}
