package rights

import (
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

var rita = trust.Principal{ID: "acc-rita", Name: "Rita", Role: trust.Records, Practitioner: "rita"}

func (c clinic) asksFirst() {
	c.Helper()
	boss := trust.Principal{ID: "acc-boss", Name: "Boss", Role: trust.Administrator}
	c.do(c.as(boss).SetHouse(ctx, record.House{Mode: policy.PracticeWide, OptIn: true}, "test"))
}

// opens reports whether somebody sees the chart of rosa, by its Patient and by what lies in it.
func (c clinic) opens(p trust.Principal) bool {
	c.Helper()
	_, err := c.as(p).Read(ctx, "Patient", "rosa")
	if err != nil && !fault.Is(err, fault.NotFound) {
		c.Fatal(err)
	}
	list, err := c.as(p).Find(ctx, "Condition", "patient=Patient/rosa")
	if err != nil && !fault.Is(err, fault.Forbidden) {
		c.Fatal(err)
	}
	return len(list) > 0
}

// TestConsentOpensAChart: in a clinic that asks first the front desk records the patient's consent, with
// its days; the patient ends it, and gives it anew; who treats does neither give it nor open the chart.
func TestConsentOpensAChart(t *testing.T) {
	c := open(t)
	c.asksFirst()
	if c.opens(amara) || c.opens(nina) {
		t.Fatal("who treats opens a chart without consent")
	}
	if !c.opens(rita) || !c.opens(rosa) {
		t.Fatal("health records and the patient are kept out")
	}
	given := ConsentDraft{How: OnPaper, Words: "Signed on 2 March, in the folder."}
	c.refuses(fault.Forbidden, GiveConsent(ctx, c.as(amara), "rosa", given), "a physician opens a closed chart by a consent")
	c.refuses(fault.Forbidden, GiveConsent(ctx, c.as(sam), "rosa", given), "a patient consents for another")
	c.refuses(fault.Invalid, GiveConsent(ctx, c.as(dana), "rosa", ConsentDraft{}), "nobody says how")
	c.refuses(fault.Invalid, GiveConsent(ctx, c.as(dana), "rosa", ConsentDraft{How: OnPaper, Until: "2026-03-01"}), "over before it begins")

	c.do(GiveConsent(ctx, c.as(dana), "rosa", ConsentDraft{How: OnPaper, From: "2026-03-05"}))
	if c.opens(amara) {
		t.Error("a consent of later opens the chart now")
	}
	c.clock.Advance(4 * 24 * time.Hour)
	if !c.opens(amara) || !c.opens(nina) {
		t.Error("the consent has begun")
	}
	c.do(GiveConsent(ctx, c.as(rita), "rosa", given))
	c.refuses(fault.Invalid, WithdrawConsent(ctx, c.as(rosa), "rosa", " "), "without a word")
	c.do(WithdrawConsent(ctx, c.as(rosa), "rosa", "I do not want it any more."))
	if c.opens(amara) {
		t.Error("withdrawn, and the chart is open by the other consent")
	}
	c.refuses(fault.Conflict, WithdrawConsent(ctx, c.as(dana), "rosa", "again"), "what has ended ends again")
	if list, err := Objections(ctx, c.as(rosa), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("the patient reads %+v, %v", list, err)
	}
	if list, all, err := PastObjections(ctx, c.as(rosa), "rosa", 9); err != nil || len(list) != 2 || all != 2 || list[0].Lifted != "I do not want it any more." || list[0].How != OnPaper || list[0].Noted < list[1].Noted {
		t.Errorf("the patient reads of what has ended: %+v, %v", list, err)
	}
	c.do(GiveConsent(ctx, c.as(rosa), "rosa", ConsentDraft{How: InPortal, Until: "2026-03-10"}))
	if !c.opens(amara) {
		t.Error("given in the portal")
	}
	c.clock.Advance(10 * 24 * time.Hour)
	if c.opens(amara) {
		t.Error("the consent is over")
	}
}

// TestConsentsByTheGate: what no page would write is refused by the gate, to the front desk, to a patient, and to a program
// of either.
func TestConsentsByTheGate(t *testing.T) {
	c := open(t)
	c.asksFirst()
	body := func(patient, provision string) *fhir.Node {
		n, err := fhir.Parse([]byte(`{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
			"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/` + patient + `"},"policyRule":{"text":"x"},"provision":` + provision + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	put := func(p trust.Principal, n *fhir.Node) error {
		_, err := c.as(p).Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}})
		return err
	}
	app, limited := rosa, rosa
	app.Client, app.Scopes = "app", []string{"patient/*.cruds"}
	limited.Proxy = &trust.Proxy{Related: "r", Level: "limited", Until: c.clock.Now().Add(time.Hour)}
	const permit = `{"type":"permit"}`
	for _, p := range []trust.Principal{amara, nina} {
		if put(p, body("rosa", permit)) == nil {
			t.Error("who treats opens a closed chart by a consent")
		}
		newcomer, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"0198b2f0-0000-7000-8000-00000000000` + p.Practitioner[:1] + `","name":[{"family":"New"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.as(p).Commit(ctx, record.Change{Put: []record.Put{{Resource: newcomer}, {Resource: body(newcomer.ID(), permit)}}}); err == nil {
			t.Error("who treats registers somebody and consents for them")
		}
	}
	c.refuses(fault.Forbidden, put(app, body("rosa", permit)), "a program consents")
	c.refuses(fault.Forbidden, put(limited, body("rosa", permit)), "who sees a part consents")
	c.refuses(fault.Forbidden, put(rosa, body("sam", permit)), "a patient consents for another")
	for _, p := range []trust.Principal{rosa, dana} {
		c.refuses(fault.Forbidden, put(p, body("rosa", `{"type":"deny"}`)), "a denial")
		c.refuses(fault.Forbidden, put(p, body("rosa", `{"type":"permit","provision":[{"type":"deny","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Practitioner/nina"}}]}]}`)), "a denial within")
	}
	c.do(put(rita, body("rosa", `{"type":"deny","securityLabel":[{"code":"PSY"}]}`)))
	if list, err := Objections(ctx, c.as(dana), "rosa"); err != nil || len(list) != 0 {
		t.Errorf("the front desk reads what is not about consent: %+v, %v", list, err)
	}
	c.do(put(dana, body("rosa", permit)))
	list, err := c.as(rosa).Find(ctx, "Consent", "patient=Patient/rosa&_tag=urn:osler:consent%7Cpermit/all")
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	longer := list[0].Clone()
	longer.Get("provision").Set("period", fhir.Obj("end", "2030-01-01"))
	c.refuses(fault.Forbidden, put(rosa, longer), "a consent becomes another")
	over := list[0].Clone()
	over.Set("status", fhir.Str("inactive"))
	c.do(put(rosa, over))
	again := list[0].Clone()
	again.Set("status", fhir.Str("active"))
	c.refuses(fault.Forbidden, put(dana, again), "what was withdrawn is brought back")
}

// TestHealthRecordsLiftAnObjectionToAnyUse: it closes the chart to all who treat and to programs with the rights of
// health records; the people of that department lift it.
func TestHealthRecordsLiftAnObjectionToAnyUse(t *testing.T) {
	c := open(t)
	n, err := fhir.Parse([]byte(`{"resourceType":"Consent","id":"all","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},"provision":{"type":"deny"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(trust.System("import")).Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}}); err != nil {
		t.Fatal(err)
	}
	program := rita
	program.Client, program.Service = "archive", &trust.Service{All: true}
	if c.opens(amara) || c.opens(nina) || c.opens(program) {
		t.Error("the patient objects to any use")
	}
	c.refuses(fault.NotFound, Lift(ctx, c.as(amara), "rosa", "all", "I need it"), "a physician lifts what closes the chart to them")
	c.do(Lift(ctx, c.as(rita), "rosa", "all", "The patient wishes it, in a letter of 1 March."))
	if !c.opens(amara) {
		t.Error("it was lifted")
	}
}

// many writes Consents of rosa, all alike, in one change, and returns how.
func (c clinic) many(p trust.Principal, n int, body string) {
	c.Helper()
	change := record.Change{}
	for range n {
		r, err := fhir.Parse([]byte(`{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
			"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},` + body + `}`))
		if err != nil {
			c.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: r})
	}
	_, err := c.as(p).Commit(ctx, change)
	c.do(err)
}

// TestManyConsents: however many consents are in a chart, in force or long ended, each that counts is shown, and
// ends: a consent that stayed would keep the chart open, and an objection that nobody sees would keep it closed.
func TestManyConsents(t *testing.T) {
	c := open(t)
	c.many(nina, search.MaxCount+1, `"provision":{"type":"permit"}`)
	c.do(Object(ctx, c.as(amara), "rosa", ObjectionDraft{Against: Person, Practitioner: "nina", Why: "She is my neighbour."}))
	if c.opens(nina) {
		t.Fatal("the gate does not obey the objection")
	}
	list, err := Objections(ctx, c.as(amara), "rosa")
	i := slices.IndexFunc(list, func(o Objection) bool { return o.Why == "She is my neighbour." })
	if err != nil || len(list) != search.MaxCount+2 || i != 0 {
		t.Fatalf("the newest of %d is at %d, %v", len(list), i, err)
	}
	c.do(Lift(ctx, c.as(amara), "rosa", list[i].ID, "The patient wishes it."))
	if !c.opens(nina) {
		t.Error("it was lifted")
	}

	c.asksFirst()
	c.do(WithdrawConsent(ctx, c.as(dana), "rosa", "I do not want it any more."))
	if c.opens(amara) {
		t.Error("withdrawn, and one of many consents keeps the chart open")
	}
	c.do(GiveConsent(ctx, c.as(dana), "rosa", ConsentDraft{How: OnPaper}))
	if list, err = Objections(ctx, c.as(dana), "rosa"); err != nil || len(list) != 1 || !list[0].InForce(c.clock.Now()) {
		t.Errorf("behind what has ended, the consent that counts is not shown: %d, %v", len(list), err)
	}
	if ended, all, err := PastObjections(ctx, c.as(dana), "rosa", 50); err != nil || len(ended) != 50 || all != search.MaxCount+1 {
		t.Errorf("of those that have ended: %d of %d, %v", len(ended), all, err)
	}
	if ended, all, err := PastObjections(ctx, c.as(dana), "rosa", 2*search.MaxCount); err != nil || len(ended) != search.MaxCount+1 || int(all) != len(ended) {
		t.Errorf("all that have ended: %d of %d, %v", len(ended), all, err)
	}
	c.do(WithdrawConsent(ctx, c.as(dana), "rosa", "Again."))
	if c.opens(amara) {
		t.Error("the consent after many others cannot be withdrawn")
	}
}
