package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/result"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// laboratory is a house to which a laboratory's interface (lara's token) sends results.
type laboratory struct {
	*house
	t *testing.T
	n int // of sentinels
}

const labCategory = `"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]`

// order is an order by somebody.
func order(id, patient, by string) string {
	return `{"resourceType":"ServiceRequest","id":"` + id + `","status":"active","intent":"order","authoredOn":"2026-11-20","category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}],"code":{"text":"Blood"},"subject":{"reference":"Patient/` + patient + `"},"requester":{"reference":"Practitioner/` + by + `"}}`
}

// uid is an id of the form that a server gives: the laboratory sees a part of what there is, and may
// choose no other.
func uid(name string) string {
	h := sha256.Sum256([]byte(name))
	x := hex.EncodeToString(h[:])
	return x[:8] + "-" + x[8:12] + "-7" + x[13:16] + "-8" + x[17:20] + "-" + x[20:32]
}

// value is a potassium, or another test; more are further members.
func value(id, patient, loinc, name, amount, unit, more string) string {
	return `{"resourceType":"Observation","id":"` + uid(id) + `","status":"final",` + labCategory + `,"code":{"coding":[{"system":"http://loinc.org","code":"` + loinc + `"}],"text":"` + name + `"},"subject":{"reference":"Patient/` + patient + `"},"effectiveDateTime":"2026-11-23T08:00:00Z","issued":"2026-11-23T10:00:00Z","valueQuantity":{"value":` + amount + `,"unit":"` + unit + `","system":"http://unitsofmeasure.org","code":"` + unit + `"}` + more + `}`
}

// report carries observations.
func report(id, patient, status, name, more string, observations ...string) string {
	var list []string
	for _, o := range observations {
		list = append(list, `{"reference":"Observation/`+uid(o)+`"}`)
	}
	results := ""
	if len(list) > 0 {
		results = `,"result":[` + strings.Join(list, ",") + `]`
	}
	return `{"resourceType":"DiagnosticReport","id":"` + uid(id) + `","status":"` + status + `","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}],"code":{"text":"` + name + `"},"subject":{"reference":"Patient/` + patient + `"},"effectiveDateTime":"2026-11-23T08:00:00Z","issued":"2026-11-23T10:00:00Z"` + more + results + `}`
}

func openLaboratory(t *testing.T, g ground) *laboratory {
	h := build(t, g,
		`{"resourceType":"Practitioner","id":"amara"}`, `{"resourceType":"Practitioner","id":"nina"}`, `{"resourceType":"Practitioner","id":"mo"}`, `{"resourceType":"Practitioner","id":"lara"}`, `{"resourceType":"Practitioner","id":"left"}`,
		`{"resourceType":"Patient","id":"rosa","gender":"female","birthDate":"1970-05-06","name":[{"family":"Díaz","given":["Rosa"]}],"generalPractitioner":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Patient","id":"sam","gender":"male","birthDate":"1980-01-01","name":[{"family":"Hill","given":["Sam"]}]}`,
		order("o-nina", "rosa", "nina"), order("o-left", "rosa", "left"), order("o-mo", "rosa", "mo"), order("o-sam", "sam", "left"), order("o-amara", "sam", "amara"))
	l := &laboratory{house: h, t: t}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	work := result.Incoming{Gate: h.gate, Staff: h.site.Accounts, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}.Consumers()
	for _, c := range work {
		if err := h.watch.Begin(ctx, c); err != nil {
			t.Fatal(err)
		}
		go func() { h.watch.Consume(ctx, c); done <- struct{}{} }()
	}
	t.Cleanup(func() {
		stop()
		for range work {
			<-done
		}
	})
	return l
}

// sends puts resources in by FHIR, several as one transaction.
func (l *laboratory) sends(who string, bodies ...string) {
	l.t.Helper()
	var entries []string
	for _, b := range bodies {
		n := parsed(l.t, b)
		entries = append(entries, `{"resource":`+b+`,"request":{"method":"PUT","url":"`+n.Reference()+`"}}`)
	}
	path, method, body := "/fhir", http.MethodPost, `{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`
	if len(bodies) == 1 {
		path, method, body = "/fhir/"+parsed(l.t, bodies[0]).Reference(), http.MethodPut, bodies[0]
	}
	if a := l.ask(who, method, path, body); a.status != http.StatusOK && a.status != http.StatusCreated {
		l.t.Fatalf("%s: %d %.600s", path, a.status, a.body)
	}
}

// imports stores resources as a bulk import does.
func (l *laboratory) imports(bodies ...string) {
	l.t.Helper()
	c := record.Change{Dangling: true}
	for _, b := range bodies {
		c.Put = append(c.Put, record.Put{Resource: parsed(l.t, b)})
	}
	if _, err := l.gate.As(trust.System("import"), "fhir").Commit(context.Background(), c); err != nil {
		l.t.Fatal(err)
	}
}

// tasks are the review tasks about a result, as somebody finds them, the oldest first.
func (l *laboratory) tasks(who, ref string) (list []*fhir.Node) {
	l.t.Helper()
	kind, name, _ := strings.Cut(ref, "/")
	a := l.ask(who, http.MethodGet, "/fhir/Task?code=urn:osler:task%7Creview-result&_count=200&focus="+kind+"/"+uid(name), "")
	if a.status != http.StatusOK {
		l.t.Fatalf("%d %.300s", a.status, a.body)
	}
	for e := range parsed(l.t, a.body).Get("entry").Items() {
		list = append(list, e.Get("resource"))
	}
	slices.SortStableFunc(list, func(a, b *fhir.Node) int { // of one moment, which the clock of a test has, the one that is done
		at := func(n *fhir.Node) string { return n.Get("authoredOn").Text() + n.Get("status").Text() }
		return strings.Compare(at(a), at(b))
	})
	return list
}

// page asks as somebody who has just signed in: the days of these stories are long.
func (l *laboratory) page(who, path string) answer {
	l.t.Helper()
	var err error
	if _, l.people[who].cookie, err = l.site.Accounts.SignInAs(context.Background(), trust.System("test"), who, identity.Place{Address: "127.0.0.1"}); err != nil {
		l.t.Fatal(err)
	}
	return l.ask(who, http.MethodGet, path, "")
}

// told is how a task reads: status, priority, owner and text.
func told(n *fhir.Node) string {
	return fmt.Sprintf("%s %s %s: %s", n.Get("status").Text(), n.Get("priority").Text(), strings.TrimPrefix(n.Path("owner.reference").Text(), "Practitioner/"), n.Get("description").Text())
}

// caughtUp waits until all that was sent is worked off, what waits for a report as well.
func (l *laboratory) caughtUp() {
	l.t.Helper()
	l.n++
	id := fmt.Sprint("sentinel-", l.n)
	l.sends("lara", value(id+"-alone", "sam", "2951-2", "Sodium", "140", "mmol/L", ""))
	l.clock.Advance(3 * time.Minute)
	l.sends("lara", report(id, "sam", "final", "Sentinel", ""))
	for _, ref := range []string{"DiagnosticReport/" + id, "Observation/" + id + "-alone"} {
		eventually(l.t, "the review of "+ref, func() bool { return len(l.tasks("amara", ref)) == 1 })
	}
}

// are compares the tasks about a result.
func (l *laboratory) are(ref string, want ...string) {
	l.t.Helper()
	var got []string
	for _, n := range l.tasks("amara", ref) {
		got = append(got, told(n))
	}
	if !slices.Equal(got, want) {
		l.t.Errorf("%s has the tasks\n%s\nwant\n%s", ref, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestResultsOfALaboratoryAreReviewed: what a laboratory's interface or an import puts into the record
// by FHIR makes one task for whoever has to look at it, which the inbox shows.
func TestResultsOfALaboratoryAreReviewed(t *testing.T) {
	for _, g := range []ground{{}, {postgres: true}} {
		t.Run(g.String(), func(t *testing.T) {
			l := openLaboratory(t, g)
			l.reports()
			l.withdrawn()
			l.gone()
			l.owners()
			l.single()
			l.moved()
			l.history()
			l.hidden()
		})
	}
}

const potassium = "2823-3"

func (l *laboratory) reports() {
	t := l.t
	by := `,"basedOn":[{"reference":"ServiceRequest/o-amara"}]`
	flagged := `,"interpretation":[{"coding":[{"system":"urn:lab","code":"!"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"H"}]}]`
	k := func(amount, more string) string {
		return value("k1", "sam", potassium, "Potassium", amount, "mmol/L", more)
	}
	sodium := value("na1", "sam", "2951-2", "Sodium", "139", "mmol/L", `,"interpretation":[{"coding":[{"code":"N"}]}]`)
	r := func(status, more string) string {
		return report("r1", "sam", status, "Electrolytes", by+more, "k1", "na1")
	}
	const ref = "DiagnosticReport/r1"

	l.sends("lara", k("6.9", flagged), sodium, r("final", ""))
	l.caughtUp()
	critical := "requested stat amara: Electrolytes: Potassium 6.9 mmol/L, critically high"
	l.are(ref, critical)
	l.are("Observation/k1")
	l.are("Observation/na1")
	if a := l.page("amara", "/inbox"); a.status != http.StatusOK || !strings.Contains(a.body, "Potassium 6.9 mmol/L, critically high") || !strings.Contains(a.body, "you ordered it") {
		t.Errorf("the inbox does not show it: %d", a.status)
	}

	l.sends("lara", r("final", "")) // sent again
	l.sends("lara", k("6.90", flagged))
	l.caughtUp()
	l.are(ref, critical)

	// A corrected value is asked about again, while the task waits in its place.
	l.sends("lara", k("6.8", flagged))
	l.caughtUp()
	critical = strings.Replace(critical, "requested", "cancelled", 1)
	l.are(ref, critical, "requested stat amara: Corrected: Electrolytes: Potassium 6.8 mmol/L, critically high")
	actor := l.gate.As(l.people["amara"].principal, "clinic")
	if _, err := result.Review(context.Background(), actor, "sam", result.Words{Patient: "Please come.", Plan: "Phoned."}, l.tasks("amara", ref)[0].ID()); !fault.Is(err, fault.Conflict) {
		t.Errorf("what has changed meanwhile is signed: %v", err)
	}
	if _, err := result.Review(context.Background(), actor, "sam", result.Words{Patient: "Please come.", Plan: "Phoned."}, l.tasks("amara", ref)[1].ID()); err != nil {
		t.Fatal(err)
	}
	l.caughtUp()
	done := "completed stat amara: Corrected: Electrolytes: Potassium 6.8 mmol/L, critically high"
	l.are(ref, critical, done)
	l.sends("lara", k("4.1", ""))
	l.caughtUp()
	l.are(ref, critical, done, "requested urgent amara: Corrected: Electrolytes: in range")
	l.sends("lara", r("corrected", `,"conclusion":"Haemolysed."`))
	l.caughtUp()
	l.are(ref, critical, done, "cancelled urgent amara: Corrected: Electrolytes: in range", "requested urgent amara: Corrected: Electrolytes: in range")

	l.sends("lara", r("entered-in-error", ""))
	l.caughtUp()
	l.are(ref, critical, done, "cancelled urgent amara: Corrected: Electrolytes: in range", "cancelled urgent amara: Corrected: Electrolytes: in range",
		"requested urgent amara: Taken back: Electrolytes: Potassium 6.8 mmol/L, critically high") // she may have acted on what she signed
	if said := l.tasks("amara", ref)[3].Path("statusReason.text").Text(); !strings.Contains(said, "Entered in error") {
		t.Errorf("why it ended: %q", said)
	}
	back := l.tasks("amara", ref)[4].ID()
	if a := l.page("amara", "/inbox/"+back); a.status != http.StatusOK || !strings.Contains(a.body, "does not count any more") || strings.Contains(a.body, `<table class="vals">`) {
		t.Errorf("the page of what was taken back: %d", a.status)
	}
	l.sends("lara", r("entered-in-error", `,"conclusion":"Wrong tube."`)) // said twice
	l.caughtUp()
	if n := len(l.tasks("amara", ref)); n != 5 {
		t.Errorf("what was taken back twice has %d tasks", n)
	}
	if _, err := result.Review(context.Background(), actor, "sam", result.Words{Plan: "Calcium stopped."}, back); err != nil {
		t.Error(err)
	}
	l.sends("lara", r("entered-in-error", `,"conclusion":"Wrong tube again."`))
	l.caughtUp()
	if n := len(l.tasks("amara", ref)); n != 5 {
		t.Errorf("what was signed as taken back, and is taken back again, has %d tasks", n)
	}

	// A preliminary report is told as such; the final one is no second task, what it adds is.
	l.sends("lara", value("k2", "sam", potassium, "Potassium", "5.4", "mmol/L", ""), report("r2", "sam", "preliminary", "Blood", by, "k2"))
	l.caughtUp()
	early := "requested urgent amara: Preliminary: Blood: Potassium 5.4 mmol/L, high"
	l.are("DiagnosticReport/r2", early)
	l.sends("lara", report("r2", "sam", "final", "Blood", by, "k2"))
	l.caughtUp()
	l.are("DiagnosticReport/r2", early)
	l.sends("lara", value("p2", "sam", "777-3", "Platelets", "15", "10*9/L", ""), report("r2", "sam", "amended", "Blood", by, "k2", "p2"))
	l.caughtUp()
	l.are("DiagnosticReport/r2", strings.Replace(early, "requested", "cancelled", 1), "requested stat amara: Corrected: Blood: Potassium 5.4 mmol/L, high; Platelets 15 10*9/L, critically low")
}

// withdrawn: a value of a report is taken back on a page of the clinic. Who waits for the report is told
// without it; who has reviewed it and takes it back is not asked about that.
func (l *laboratory) withdrawn() {
	ctx, actor := context.Background(), l.gate.As(l.people["amara"].principal, "clinic")
	by := `,"basedOn":[{"reference":"ServiceRequest/o-amara"}]`
	for _, id := range []string{"w1", "w2", "w3"} {
		l.sends("lara", value(id+"k", "sam", potassium, "Potassium", "6.9", "mmol/L", ""), value(id+"na", "sam", "2951-2", "Sodium", "139", "mmol/L", ""), report(id, "sam", "final", "Blood", by, id+"k", id+"na"))
	}
	l.caughtUp()
	colleague := l.gate.As(l.people["nina"].principal, "clinic")
	for _, id := range []string{"w2", "w3"} {
		if _, err := result.Review(ctx, actor, "sam", result.Words{Patient: "Please come.", Plan: "Phoned."}, l.tasks("amara", "DiagnosticReport/"+id)[0].ID()); err != nil {
			l.t.Fatal(err)
		}
	}
	for id, by := range map[string]*record.Actor{"w1": actor, "w2": actor, "w3": colleague} {
		if _, err := result.Withdraw(ctx, by, result.Withdrawal{Patient: "sam", ID: uid(id + "k"), Reason: "another patient's tube"}); err != nil {
			l.t.Fatal(err)
		}
	}
	l.caughtUp()
	l.are("DiagnosticReport/w1", "cancelled stat amara: Blood: Potassium 6.9 mmol/L, critically high", "requested urgent amara: Corrected: Blood: in range")
	l.are("DiagnosticReport/w2", "completed stat amara: Blood: Potassium 6.9 mmol/L, critically high")
	l.are("DiagnosticReport/w3", "completed stat amara: Blood: Potassium 6.9 mmol/L, critically high", "requested urgent amara: Corrected: Blood: in range")
}

// gone: of what a laboratory cancels, or moves to another chart, after it was signed, its signer hears; the
// line of what was moved names nothing, and its page shows no other patient's result.
func (l *laboratory) gone() {
	actor := l.gate.As(l.people["amara"].principal, "clinic")
	low := func(patient string) string {
		return value("wm", patient, potassium, "Potassium", "2.9", "mmol/L", "")
	}
	by := `,"basedOn":[{"reference":"ServiceRequest/o-amara"}]`
	l.sends("lara", value("wd", "sam", potassium, "Potassium", "5.9", "mmol/L", by), low("sam"))
	l.caughtUp()
	for _, id := range []string{"wd", "wm"} {
		if _, err := result.Review(context.Background(), actor, "sam", result.Words{Plan: "Phoned."}, l.tasks("amara", "Observation/"+id)[0].ID()); err != nil {
			l.t.Fatal(err)
		}
	}
	l.sends("lara", strings.Replace(value("wd", "sam", potassium, "Potassium", "5.9", "mmol/L", by), `"final"`, `"cancelled"`, 1), low("rosa"))
	l.caughtUp()
	l.are("Observation/wd", "completed urgent amara: Potassium 5.9 mmol/L, high", "requested urgent amara: Taken back: Potassium 5.9 mmol/L, high")
	l.are("Observation/wm", "completed urgent : Potassium 2.9 mmol/L, low", "requested urgent amara: Potassium 2.9 mmol/L, low", "requested urgent : Taken back: Laboratory result")
	for _, n := range l.tasks("amara", "Observation/wm") {
		rosa, shown := n.Path("for.reference").Text() == "Patient/rosa", l.page("amara", "/inbox/"+n.ID()).body
		if strings.Contains(shown, `<table class="vals">`) != rosa {
			l.t.Errorf("the page of %s for %s: the result is shown %v", told(n), n.Path("for.reference").Text(), !rosa)
		}
	}
}

func (l *laboratory) owners() {
	on := func(id string) string { return `,"basedOn":[{"reference":"ServiceRequest/` + id + `"}]` }
	l.sends("lara", report("by-nina", "rosa", "final", "Culture", on("o-nina")))
	l.sends("lara", report("by-left", "rosa", "final", "Culture", on("o-left")))
	l.sends("lara", report("by-none", "rosa", "final", "Culture", ""))
	l.sends("lara", report("sam-left", "sam", "final", "Culture", on("o-sam")))
	l.caughtUp()
	l.are("DiagnosticReport/by-nina", "requested routine nina: Culture")
	l.are("DiagnosticReport/by-left", "requested routine amara: Culture") // the general practitioner
	l.are("DiagnosticReport/by-none", "requested routine amara: Culture")
	l.are("DiagnosticReport/sam-left", "requested routine : Culture") // the team
	if a := l.page("amara", "/inbox?view=team"); !strings.Contains(a.body, "Culture") {
		l.t.Error("the team does not see what nobody owns")
	}
}

func (l *laboratory) single() {
	low := value("p1", "sam", "777-3", "Platelets", "12", "10*9/L", `,"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"LL"}]}]`)
	l.sends("lara", low)
	time.Sleep(300 * time.Millisecond)
	l.are("Observation/p1") // its report may come
	l.clock.Advance(3 * time.Minute)
	eventually(l.t, "the review of an observation alone", func() bool { return len(l.tasks("amara", "Observation/p1")) == 1 })
	l.are("Observation/p1", "requested stat : Platelets 12 10*9/L, critically low")

	// Its report came soon, or late: then it takes over.
	l.sends("lara", value("k3", "sam", potassium, "Potassium", "5.4", "mmol/L", ""))
	l.clock.Advance(time.Minute)
	l.sends("lara", report("r3", "sam", "final", "Blood", "", "k3"))
	l.sends("lara", report("r-late", "sam", "final", "Late", "", "p1"))
	l.caughtUp()
	l.are("Observation/k3")
	l.are("DiagnosticReport/r3", "requested urgent : Blood: Potassium 5.4 mmol/L, high")
	l.are("Observation/p1", "cancelled stat : Platelets 12 10*9/L, critically low")
	l.are("DiagnosticReport/r-late", "requested stat : Late: Platelets 12 10*9/L, critically low")

	l.sends("lara", value("k4", "sam", potassium, "Potassium", "5.4", "mmol/L", ""))
	l.caughtUp()
	l.sends("lara", strings.Replace(value("k4", "sam", potassium, "Potassium", "5.4", "mmol/L", ""), `"final"`, `"entered-in-error"`, 1))
	eventually(l.t, "what was taken back is not waited for", func() bool {
		list := l.tasks("amara", "Observation/k4")
		return len(list) == 1 && list[0].Get("status").Text() == "cancelled"
	})
	l.sends("lara", value("k5", "sam", potassium, "Potassium", "4.4", "mmol/L", ""))
	l.caughtUp()
	l.are("Observation/k5", "requested routine : Potassium: in range")
}

// moved: a laboratory has named the wrong patient. What the other one's chart keeps tells nothing.
func (l *laboratory) moved() {
	l.sends("amara", report("mv", "sam", "final", "Ferritin 4", ""))
	l.caughtUp()
	l.sends("amara", report("mv", "rosa", "corrected", "Ferritin 4", ""))
	l.caughtUp()
	l.are("DiagnosticReport/mv", "cancelled routine : Laboratory result", "requested routine amara: Corrected: Ferritin 4")
	if list := l.tasks("amara", "DiagnosticReport/mv"); list[0].Path("for.reference").Text() != "Patient/sam" || list[1].Path("for.reference").Text() != "Patient/rosa" {
		l.t.Error("the reviews stand in the wrong charts")
	}
}

func (l *laboratory) history() {
	old := func(body string) string {
		return strings.NewReplacer("2026-11-23T08", "2026-09-01T08", "2026-11-23T10", "2026-09-02T10").Replace(body)
	}
	l.sends("lara", old(report("old", "sam", "final", "Old", "")))
	l.sends("lara", strings.Replace(report("late", "sam", "final", "Late issue", ""), "2026-11-23T08", "2026-09-01T08", 1))
	// The whole record of somebody who comes to this clinic, and new results of somebody who is here.
	l.imports(`{"resourceType":"Patient","id":"moved","name":[{"family":"Moved"}]}`)
	l.imports(report("moved-r", "moved", "final", "Moved", "", "moved-k"), value("moved-k", "moved", potassium, "Potassium", "6.9", "mmol/L", ""))
	l.imports(report("new-r", "sam", "final", "Imported", "", "new-k")) // before its value
	l.imports(value("new-k", "sam", potassium, "Potassium", "6.9", "mmol/L", ""))
	l.imports(old(report("new-old", "sam", "final", "Old", "")))
	l.seed(report("demo", "sam", "final", "Demonstration", ""))
	l.caughtUp()
	l.are("DiagnosticReport/old")
	l.are("DiagnosticReport/late", "requested routine : Late issue")
	l.are("DiagnosticReport/moved-r")
	l.are("Observation/moved-k")
	l.are("DiagnosticReport/new-old")
	l.are("DiagnosticReport/demo")
	list := l.tasks("amara", "DiagnosticReport/new-r") // one, or two when it was looked at before its value came
	if len(list) == 0 || list[len(list)-1].Get("priority").Text() != "stat" || !strings.HasSuffix(told(list[len(list)-1]), "Imported: Potassium 6.9 mmol/L, critically high") {
		l.t.Errorf("new results of an import: %d", len(list))
	}
	l.clock.Advance(7 * time.Hour) // the first day after the move
	l.imports(report("moved-later", "moved", "final", "After the move", ""))
	l.caughtUp()
	l.are("DiagnosticReport/moved-later", "requested routine : After the move")
}

// hidden: who may not see a result is not handed its review, and reads nothing of it in a task.
func (l *laboratory) hidden() {
	t := l.t
	viral := value("hiv", "rosa", "20447-9", "HIV 1 RNA", "41000", "{copies}/mL", `,"basedOn":[{"reference":"ServiceRequest/o-mo"}]`)
	l.sends("amara", viral, report("hiv-r", "rosa", "final", "HIV 1 viral load", `,"basedOn":[{"reference":"ServiceRequest/o-mo"}]`, "hiv"))
	l.sends("amara", strings.Replace(value("k9", "rosa", potassium, "Potassium", "6.9", "mmol/L", ""), labCategory+",", "", 1))
	l.sends("lara", report("mo-r", "rosa", "final", "Glucose", `,"basedOn":[{"reference":"ServiceRequest/o-mo"}]`))
	l.caughtUp()
	l.are("DiagnosticReport/mo-r", "requested routine mo: Glucose")
	list := l.tasks("amara", "DiagnosticReport/hiv-r")
	if len(list) != 1 || list[0].Path("owner.reference").Text() != "Practitioner/amara" {
		t.Fatalf("%d tasks; the first is of %s", len(list), list[0].Path("owner.reference").Text())
	}
	if n := len(l.tasks("mo", "DiagnosticReport/hiv-r")); n != 0 {
		t.Errorf("who is not cleared finds %d tasks about it", n)
	}
	for at, status := range map[string]int{"/inbox": 200, "/inbox?view=team": 200, "/inbox/" + list[0].ID(): 404, "/fhir/Task/" + list[0].ID(): 404, "/fhir/Task?patient=rosa": 200, "/today": 200, "/p/rosa": 200} {
		if a := l.page("mo", at); a.status != status || strings.Contains(a.body, "viral") || strings.Contains(a.body, "HIV") {
			t.Errorf("%s tells who may not see it: %d", at, a.status)
		}
	}
	// An import brings a report before its value, which is more sensitive than the report knows.
	l.imports(report("later-r", "rosa", "final", "Serum", "", "later"))
	l.caughtUp()
	l.are("DiagnosticReport/later-r", "requested routine amara: Serum")
	l.imports(value("later", "rosa", "20447-9", "Viral load", "41000", "{copies}/mL", `,"interpretation":[{"coding":[{"code":"H"}]}]`))
	l.caughtUp()
	l.are("DiagnosticReport/later-r", "cancelled routine amara: Serum", "requested urgent amara: Corrected: Serum: Viral load 41000 {copies}/mL, high")
	if list := l.tasks("mo", "DiagnosticReport/later-r"); len(list) != 1 || list[0].Get("status").Text() != "cancelled" {
		t.Errorf("who is not cleared finds %d tasks, also the one that tells of it", len(list))
	}
	// The laboratory sees what is of its category. A task about another result tells it nothing.
	if a := l.ask("lara", http.MethodGet, "/fhir/Observation/"+uid("k9"), ""); a.status != http.StatusNotFound {
		t.Fatalf("the laboratory reads what is not of its category: %d", a.status)
	}
	l.are("Observation/k9", "requested stat amara: Laboratory result")
}

// TestResultsOfClosedCharts: where charts open by a relation, a task, which is one, is given to nobody
// to whom the chart is closed.
func TestResultsOfClosedCharts(t *testing.T) {
	l := openLaboratory(t, ground{})
	l.restrict()
	l.seed(strings.Replace(order("o-long-ago", "sam", "nina"), "2026-11-20", "2026-06-01", 1),
		`{"resourceType":"CareTeam","id":"sams","status":"active","subject":{"reference":"Patient/sam"},"participant":[{"member":{"reference":"Practitioner/amara"}},{"member":{"reference":"Practitioner/lara"}}]}`)
	l.sends("lara", report("x", "sam", "final", "Culture", `,"basedOn":[{"reference":"ServiceRequest/o-long-ago"}]`))
	eventually(t, "the review", func() bool { return len(l.tasks("amara", "DiagnosticReport/x")) == 1 })
	l.are("DiagnosticReport/x", "requested routine : Culture")
	l.sends("lara", report("y", "sam", "final", "Culture", `,"basedOn":[{"reference":"ServiceRequest/o-amara"}]`))
	eventually(t, "the review", func() bool { return len(l.tasks("amara", "DiagnosticReport/y")) == 1 })
	l.are("DiagnosticReport/y", "requested routine amara: Culture")
}
