package rights

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

var (
	ctx   = context.Background()
	amara = trust.Principal{ID: "acc-amara", Name: "Dr Amara Osei", Role: trust.Physician, Practitioner: "amara", Purpose: trust.Treatment}
	nina  = trust.Principal{ID: "acc-nina", Name: "Nina Park", Role: trust.Nurse, Practitioner: "nina", Purpose: trust.Treatment}
	dana  = trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk, Practitioner: "dana"}
	rosa  = trust.Principal{ID: "acc-rosa", Name: "Rosa", Role: trust.Patient, Patient: "rosa", Purpose: trust.PatientRequest}
	sam   = trust.Principal{ID: "acc-sam", Name: "Sam", Role: trust.Patient, Patient: "sam", Purpose: trust.PatientRequest}
)

// clinic is a record with two patients and their people.
type clinic struct {
	*testing.T
	gate  *record.Gate
	clock *clock.Manual
}

func open(t *testing.T) clinic {
	t.Helper()
	c := clinic{T: t, clock: clock.NewManual(time.Date(2026, 3, 2, 10, 20, 0, 0, time.UTC))}
	c.gate = record.Open(openStore(t, kind, c.clock), c.clock)
	var change record.Change
	for _, b := range []string{
		`{"resourceType":"Practitioner","id":"amara","name":[{"family":"Osei"}]}`,
		`{"resourceType":"Practitioner","id":"nina","name":[{"family":"Park"}]}`,
		`{"resourceType":"Practitioner","id":"rita","name":[{"family":"Sousa"}]}`,
		`{"resourceType":"Practitioner","id":"dana","name":[{"family":"Doe"}]}`,
		`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}],"birthDate":"1968-03-14","generalPractitioner":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`,
		`{"resourceType":"Condition","id":"asthma","subject":{"reference":"Patient/rosa"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Asthma"}}`,
		`{"resourceType":"Condition","id":"heroin","subject":{"reference":"Patient/rosa"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}],"text":"Opioid dependence"}}`,
		`{"resourceType":"Condition","id":"sams","subject":{"reference":"Patient/sam"},"code":{"text":"Gout"}}`,
	} {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := c.as(trust.System("set-up")).Commit(ctx, change); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(time.Minute)
	return c
}

func (c clinic) as(p trust.Principal) *record.Actor { return c.gate.As(p, "test") }

func (c clinic) ask(p trust.Principal, d Draft) Request {
	c.Helper()
	r, err := Ask(ctx, c.as(p), d)
	if err != nil {
		c.Fatalf("%v", err)
	}
	c.clock.Advance(time.Minute)
	return r
}

// now reads a request as somebody sees it.
func (c clinic) now(p trust.Principal, patient, id string) Request {
	c.Helper()
	r, err := Find(ctx, c.as(p), patient, id)
	if err != nil {
		c.Fatalf("%s: %v", p.Name, err)
	}
	c.clock.Advance(time.Minute)
	return r
}

func (c clinic) do(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%v", err)
	}
	c.clock.Advance(time.Minute)
}

func (c clinic) refuses(code fault.Code, err error, what string) {
	c.Helper()
	if !fault.Is(err, code) {
		c.Errorf("%s: %v, not %s", what, err, code)
	}
}

var wrongAsthma = Draft{Kind: Amendment, About: "Condition/asthma", Wrong: "I never had asthma.", Should: "No asthma.", Why: "It was my sister.", Tell: "Dr Brown, County Hospital"}

// TestAmendmentThread is a correction from the request to the rebuttal.
func TestAmendmentThread(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, wrongAsthma)
	if r.State != Waiting || r.DaysLeft(c.clock.Now()) != 60 {
		t.Fatalf("asked: %s with %d days", r.State, r.DaysLeft(c.clock.Now()))
	}
	work, err := task.Of(ctx, c.as(amara), "amara")
	if err != nil || len(work) != 1 || work[0].Kind != task.RightsRequest || strings.Contains(work[0].Text, "asthma") {
		t.Fatalf("the own physician's inbox: %+v %v", work, err)
	}
	if list, err := Work(ctx, c.as(amara)); err != nil || len(list) != 1 || list[0].Texts[Should] != "No asthma." {
		t.Fatalf("work: %+v %v", list, err)
	}
	c.clock.Advance(50 * 24 * time.Hour)
	c.refuses(fault.Invalid, Extend(ctx, c.as(amara), "rosa", r.ID, " "), "more time without a reason")
	c.do(Extend(ctx, c.as(amara), "rosa", r.ID, "The former clinic has not answered."))
	c.refuses(fault.Conflict, Extend(ctx, c.as(amara), "rosa", r.ID, "Again."), "more time twice")
	if r = c.now(rosa, "rosa", r.ID); r.DaysLeft(c.clock.Now()) != 40 || len(News([]Request{r})) != 1 {
		t.Fatalf("after the extension %d days, news %v", r.DaysLeft(c.clock.Now()), News([]Request{r}))
	}
	c.do(MarkRead(ctx, c.as(rosa), r))
	if r = c.now(rosa, "rosa", r.ID); len(News([]Request{r})) != 0 {
		t.Fatal("read, and still news")
	}
	c.refuses(fault.Conflict, Disagree(ctx, c.as(rosa), r.ID, "No!", ""), "a statement before the denial")
	c.refuses(fault.Invalid, Deny(ctx, c.as(amara), "rosa", r.ID, Denial{"because", "I say so."}), "a denial for another reason")
	c.do(Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Accurate, "Three lung tests show it."}))
	if work, _ := task.Of(ctx, c.as(amara), "amara"); len(work) != 0 {
		t.Errorf("answered, and still in the inbox: %+v", work)
	}
	c.refuses(fault.Conflict, Accept(ctx, c.as(amara), "rosa", r.ID, "Changed."), "a second answer")
	c.do(Disagree(ctx, c.as(rosa), r.ID, "The tests were my sister's.", "k1"))
	if list, _ := Work(ctx, c.as(amara)); len(list) != 1 || list[0].State != Disputed {
		t.Fatalf("a statement of disagreement is work: %+v", list)
	}
	c.do(Rebut(ctx, c.as(amara), "rosa", r.ID, "The tests carry your name."))
	r = c.now(rosa, "rosa", r.ID)
	var done []string
	for _, s := range r.Steps {
		done = append(done, string(s.Act))
	}
	if got := strings.Join(done, " "); got != "request extension denied disagreement rebuttal" || r.State != Disputed {
		t.Errorf("thread: %s, %s", got, r.State)
	}
	if list, err := Of(ctx, c.as(nina), "rosa"); err != nil || len(list) != 1 || list[0].About != "Condition/asthma" || !list[0].Standing() {
		t.Errorf("a nurse sees with the entry that it is disputed: %v %v", list, err)
	}
	if list, _ := Work(ctx, c.as(amara)); len(list) != 0 {
		t.Errorf("still to do: %+v", list)
	}
	// All of it is in the compartment of the patient, and none of it among the messages.
	nodes, err := c.as(rosa).Find(ctx, "Communication", "patient=Patient/rosa")
	if err != nil || len(nodes) != 5 {
		t.Errorf("%d steps in the record: %v", len(nodes), err)
	}
	if n, err := message.CountUnread(ctx, c.as(rosa)); err != nil || n != 0 {
		t.Errorf("%d unread messages: %v", n, err)
	}
	if threads, err := message.Threads(ctx, c.as(rosa), "rosa"); err != nil || len(threads) != 0 {
		t.Errorf("%d conversations: %v", len(threads), err)
	}
}

// TestAmendmentAccepted names the version of the entry that is right, and who was told.
func TestAmendmentAccepted(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, wrongAsthma)
	n, err := c.as(amara).Read(ctx, "Condition", "asthma")
	c.do(err)
	n.Set("verificationStatus", concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted", ""))
	n.Remove("clinicalStatus")
	n.Set("clinicalStatus", concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "inactive", ""))
	_, err = c.as(amara).Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}, What: "refute"})
	c.do(err)
	c.refuses(fault.Conflict, Inform(ctx, c.as(amara), "rosa", r.ID, "Dr Brown", "letter"), "telling others before the answer")
	c.do(Accept(ctx, c.as(amara), "rosa", r.ID, "The record says now that you do not have asthma."))
	c.do(Inform(ctx, c.as(amara), "rosa", r.ID, "Dr Brown, County Hospital", "letter of 2 March"))
	r = c.now(rosa, "rosa", r.ID)
	accepted, ok := r.Last(Accepted)
	told, _ := r.Last(Informed)
	if !ok || r.State != Agreed || accepted.About != "Condition/asthma" || accepted.Version != "2" || told.Texts[Whom] != "Dr Brown, County Hospital" {
		t.Errorf("accepted: %+v, told %+v", accepted, told)
	}
	// A request that the clinic does not answer by itself can be taken back.
	w := c.ask(rosa, Draft{Kind: Amendment, Wrong: "My street"})
	c.do(Withdraw(ctx, c.as(rosa), w.ID))
	c.refuses(fault.Conflict, Withdraw(ctx, c.as(rosa), r.ID), "taking an answered request back")
	if list, _ := Work(ctx, c.as(amara)); len(list) != 0 {
		t.Errorf("still to do: %+v", list)
	}
}

// TestAnotherPatientsRequest: nobody else sees it, adds to it, or names somebody else's entry.
func TestAnotherPatientsRequest(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, wrongAsthma)
	if list, err := Of(ctx, c.as(sam), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("sam sees %v %v", list, err)
	}
	for _, id := range []string{r.ID, "00000000-0000-7000-8000-000000000000"} { // hers, and one that does not exist: no difference
		c.refuses(fault.NotFound, Withdraw(ctx, c.as(sam), id), "withdraw "+id)
		c.refuses(fault.NotFound, Disagree(ctx, c.as(sam), id, "x", ""), "disagree "+id)
	}
	_, err := Ask(ctx, c.as(sam), Draft{Kind: Amendment, About: "Condition/asthma", Wrong: "x"})
	c.refuses(fault.NotFound, err, "naming another patient's entry")
	_, err = Ask(ctx, c.as(sam), Draft{Kind: Amendment, About: "Condition/none", Wrong: "x"})
	c.refuses(fault.NotFound, err, "naming no entry")
	// Also not by hand: a step in her thread with himself as subject does not join it.
	s := Step{ID: "01900000-0000-7000-8000-000000000001", Head: r.ID, Kind: Amendment, Act: Withdrawn, Patient: "sam", By: "Patient/sam", At: c.clock.Now()}
	if _, err := c.as(sam).Commit(ctx, record.Change{Put: []record.Put{{Resource: s.resource(), Create: true}}}); err == nil {
		t.Error("a step in another patient's thread was stored")
	}
	if r := c.now(amara, "rosa", r.ID); r.State != Waiting {
		t.Errorf("state %s", r.State)
	}
}

// TestWhoDecides: only physicians and health records answer, through the pages or the API.
func TestWhoDecides(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, wrongAsthma)
	app := amara
	app.Client, app.Scopes = "app", []string{"user/*.cruds"}
	biller := trust.Principal{ID: "b", Name: "Bill", Role: trust.Biller, Practitioner: "nina"}
	for _, p := range []trust.Principal{nina, dana, biller, app, rosa, {ID: "adm", Name: "Admin", Role: trust.Administrator, Practitioner: "nina"}} {
		c.refuses(fault.Forbidden, Accept(ctx, c.as(p), "rosa", r.ID, "x"), string(p.Role)+" accepts")
		c.refuses(fault.Forbidden, Deny(ctx, c.as(p), "rosa", r.ID, Denial{Accurate, "x"}), string(p.Role)+" denies")
		if _, err := Work(ctx, c.as(p)); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s sees the work list: %v", p.Role, err)
		}
		// and by hand
		for _, act := range []Act{Accepted, Denied, Extended, Rebutted} {
			s := Step{ID: fmt.Sprintf("01900000-0000-7000-8000-0000000000%02d", len(act)), Head: r.ID, Kind: Amendment, Act: act, Patient: "rosa", By: p.Reference(), At: c.clock.Now()}
			if _, err := c.as(p).Commit(ctx, record.Change{Put: []record.Put{{Resource: s.resource(), Create: true}}}); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s writes %s: %v", p.Role, act, err)
			}
		}
	}
	if _, err := Of(ctx, c.as(dana), "rosa"); err != nil {
		t.Error(err)
	} else if list, _ := Of(ctx, c.as(dana), "rosa"); len(list) != 0 {
		t.Errorf("the front desk sees %v", list)
	}
	// A physician signs in nobody else's name, and the patient writes no answer of the clinic.
	s := Step{ID: "01900000-0000-7000-8000-000000000077", Head: r.ID, Kind: Amendment, Act: Accepted, Patient: "rosa", By: "Practitioner/nina", At: c.clock.Now()}
	if _, err := c.as(amara).Commit(ctx, record.Change{Put: []record.Put{{Resource: s.resource(), Create: true}}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("in another name: %v", err)
	}
}

// TestThreadsStay: no step is changed or deleted, by anybody.
func TestThreadsStay(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, wrongAsthma)
	c.do(Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Accurate, "Three lung tests show it."}))
	for _, p := range []trust.Principal{rosa, amara, nina, {ID: "rec", Name: "Rec", Role: trust.Records, Practitioner: "nina"}} {
		for _, s := range c.now(p, "rosa", r.ID).Steps {
			n, err := c.as(p).Read(ctx, "Communication", s.ID)
			if err != nil {
				t.Fatal(err)
			}
			for what, change := range map[string]func(n *fhir.Node){
				"text":     func(n *fhir.Node) { n.Set("payload", fhir.Arr(fhir.Obj("contentString", "Another text"))) },
				"category": func(n *fhir.Node) { n.Remove("category") },
				"status":   func(n *fhir.Node) { n.Set("status", fhir.Str("entered-in-error")) },
			} {
				m := n.Clone()
				change(m)
				if _, err := c.as(p).Commit(ctx, record.Change{Put: []record.Put{{Resource: m}}}); !fault.Is(err, fault.Forbidden) {
					t.Errorf("%s changes the %s of %s: %v", p.Role, what, s.Act, err)
				}
			}
			if _, err := c.as(p).Commit(ctx, record.Change{Delete: []record.Delete{{Type: "Communication", ID: s.ID}}}); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s deletes %s: %v", p.Role, s.Act, err)
			}
		}
	}
}

// TestLabelsGoWithTheDispute: who must not see an entry reads no letter about it.
func TestLabelsGoWithTheDispute(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, Draft{Kind: Amendment, About: "Condition/heroin", Wrong: "I never took heroin."})
	c.do(Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Accurate, "The tests show opioids."}))
	again := c.ask(rosa, Draft{Kind: Amendment, About: "Condition/heroin", Wrong: "I take none."})
	c.do(Accept(ctx, c.as(amara), "rosa", again.ID, "The record says now that you take no heroin."))
	if _, err := c.as(nina).Read(ctx, "Condition", "heroin"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("a nurse without clearance reads the entry: %v", err)
	}
	if list, err := Of(ctx, c.as(nina), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("a nurse without clearance reads about it: %+v %v", list, err)
	}
	if n, err := c.as(nina).Find(ctx, "Communication", "patient=Patient/rosa"); err != nil || len(n) != 0 {
		t.Errorf("a nurse without clearance reads %d steps about it: %v", len(n), err)
	}
	if list, err := Of(ctx, c.as(amara), "rosa"); err != nil || len(list) != 2 || len(list[0].Steps) != 2 || len(list[1].Steps) != 2 {
		t.Errorf("the physician: %+v %v", list, err)
	}
}

// TestLimitedProxy: a parent who sees only a part reads nothing of what the patient asks, and asks
// nothing.
func TestLimitedProxy(t *testing.T) {
	c := open(t)
	r := c.ask(rosa, Draft{Kind: Amendment, Wrong: "The pill is not from you."})
	parent := rosa
	parent.ID, parent.Proxy = "acc-mum", &trust.Proxy{ID: "g", Related: "mum", Level: "limited"}
	if list, err := Of(ctx, c.as(parent), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("sees %v %v", list, err)
	}
	_, err := Ask(ctx, c.as(parent), Draft{Kind: Amendment, Wrong: "x"})
	c.refuses(fault.Forbidden, err, "asking")
	parent.Proxy.Level = "full"
	if list, err := Of(ctx, c.as(parent), "rosa"); err != nil || len(list) != 1 || list[0].ID != r.ID {
		t.Errorf("with all of it: %v %v", list, err)
	}
}

// TestTwoAnswersAtOnce: of two answers at the same moment one is stored.
func TestTwoAnswersAtOnce(t *testing.T) {
	c := open(t)
	for range 5 {
		r := c.ask(rosa, wrongAsthma)
		out := make(chan error)
		go func() { out <- Accept(ctx, c.as(amara), "rosa", r.ID, "Changed.") }()
		go func() { out <- Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Accurate, "No."}) }()
		errs := []error{<-out, <-out}
		if n := len(slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return fault.Is(err, fault.Conflict) })); n != 1 {
			t.Fatalf("%d answers: %v", n, errs)
		}
		if steps := c.now(rosa, "rosa", r.ID).Steps; len(steps) != 2 {
			t.Fatalf("%d steps", len(steps))
		}
	}
}

// TestStepsOfOneMoment stay in their order when the clock stands still, or is set back.
func TestStepsOfOneMoment(t *testing.T) {
	c := open(t)
	for range 5 {
		r, err := Ask(ctx, c.as(rosa), wrongAsthma)
		if err == nil {
			err = Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Accurate, "Three lung tests show it."})
		}
		if err == nil {
			err = Disagree(ctx, c.as(rosa), r.ID, "The tests were my sister's.", "")
		}
		if err == nil {
			err = Rebut(ctx, c.as(amara), "rosa", r.ID, "They carry your name.")
		}
		if err != nil {
			t.Fatal(err)
		}
		var done []string
		for _, s := range c.now(rosa, "rosa", r.ID).Steps {
			done = append(done, string(s.Act))
		}
		if got := strings.Join(done, " "); got != "request denied disagreement rebuttal" {
			t.Error(got)
		}
	}
}

// TestRestrictions: what is agreed closes what it says, and nothing else.
func TestRestrictions(t *testing.T) {
	c := open(t)
	sees := func(p trust.Principal, ref string) bool {
		resourceType, id, _ := strings.Cut(ref, "/")
		_, err := c.as(p).Read(ctx, resourceType, id)
		return err == nil
	}
	if !sees(nina, "Condition/asthma") {
		t.Fatal("the nurse does not see the entry to begin with")
	}
	r := c.ask(rosa, Draft{Kind: Restriction, Reason: Person, Wrong: "My record", Whom: "Nina Park, my neighbour"})
	c.refuses(fault.Invalid, Agree(ctx, c.as(amara), "rosa", r.ID, Grant{Done: "x"}), "agreeing without saying to whom")
	c.do(Agree(ctx, c.as(amara), "rosa", r.ID, Grant{Practitioner: "nina", Done: "Nina Park does not see your record any more."}))
	if sees(nina, "Condition/asthma") || !sees(amara, "Condition/asthma") {
		t.Error("the person's restriction is not kept, or keeps others out")
	}
	c.do(End(ctx, c.as(amara), "rosa", r.ID, "You asked for it.", true))
	if !sees(nina, "Condition/asthma") || c.now(rosa, "rosa", r.ID).State != Over {
		t.Error("ended, and still closed")
	}

	// What was paid in full is kept from the health plan: it cannot be denied, nor ended by the clinic.
	r = c.ask(rosa, Draft{Kind: Restriction, Reason: HealthPlan, Wrong: "The visit of 1 March"})
	c.refuses(fault.Conflict, Deny(ctx, c.as(amara), "rosa", r.ID, Denial{Why: "No."}), "denying what must be accepted")
	c.do(Agree(ctx, c.as(amara), "rosa", r.ID, Grant{Done: "We do not bill your insurance."}))
	c.refuses(fault.Conflict, End(ctx, c.as(amara), "rosa", r.ID, "We want to bill.", false), "ending it without the patient")
	clearing := trust.Principal{ID: "acc-bill", Name: "Bill", Role: trust.Biller, Purpose: trust.Payment, Client: "clearing-house", Scopes: []string{"user/*.rs"}}
	biller := trust.Principal{ID: "acc-bill", Name: "Bill", Role: trust.Biller, Purpose: trust.Payment}
	if sees(clearing, "Condition/asthma") || !sees(clearing, "Condition/sams") || !sees(biller, "Condition/asthma") || !sees(amara, "Condition/asthma") {
		t.Errorf("payment: program %v, of another patient %v, biller %v, physician %v", sees(clearing, "Condition/asthma"), sees(clearing, "Condition/sams"), sees(biller, "Condition/asthma"), sees(amara, "Condition/asthma"))
	}
	if list, err := NotBilled(ctx, c.as(biller), "rosa"); err != nil || len(list) != 1 || list[0] != "The visit of 1 March" {
		t.Errorf("what billing is told: %q %v", list, err)
	}
	if list, err := c.as(biller).Find(ctx, "Consent", "patient=Patient/rosa"); err != nil || len(list) != 1 {
		t.Errorf("billing sees %d consents: %v", len(list), err)
	}
	kept, err := c.as(nina).Find(ctx, "Consent", "patient=Patient/rosa&status=active")
	if err != nil || len(kept) != 1 {
		t.Fatalf("the nurse sees %d consents: %v", len(kept), err)
	}
	kept[0].Set("status", fhir.Str("inactive"))
	_, err = c.as(nina).Commit(ctx, record.Change{Put: []record.Put{{Resource: kept[0]}}})
	c.refuses(fault.Forbidden, err, "a nurse ends a restriction by hand")
	asked, err := Of(ctx, c.as(amara), "rosa")
	if err != nil || len(asked) != 2 || asked[0].State != Agreed || asked[0].Reason != HealthPlan || asked[1].State == Agreed {
		t.Errorf("in force: %+v %v", asked, err)
	}

	// Somebody outside of the clinic: people keep it, and the chart closes to nobody who works here.
	r = c.ask(sam, Draft{Kind: Restriction, Reason: Outside, Wrong: "That I come here", Whom: "My brother"})
	c.do(Agree(ctx, c.as(amara), "sam", r.ID, Grant{Done: "We tell your brother nothing."}))
	if !sees(nina, "Condition/sams") {
		t.Error("a restriction about an outsider closed the chart to the clinic")
	}
	// A topic.
	hearer := nina
	hearer.Clearance = []string{"SUD", "ETH", "OPIOIDUD"}
	if !sees(hearer, "Condition/heroin") {
		t.Fatal("a cleared nurse does not see the entry to begin with")
	}
	r = c.ask(rosa, Draft{Kind: Restriction, Reason: Topic, Wrong: "Drugs"})
	c.do(Agree(ctx, c.as(amara), "rosa", r.ID, Grant{Class: "substance", Done: "Only who has to know sees it."}))
	if sees(hearer, "Condition/heroin") || !sees(hearer, "Condition/asthma") {
		t.Errorf("topic: entry %v, others %v", sees(hearer, "Condition/heroin"), sees(hearer, "Condition/asthma"))
	}
}
