package record

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

var sysadmin = trust.Principal{ID: "acc-adam", Name: "Adam", Role: trust.Administrator}

// mode sets which charts the people of the clinic see.
func (c clinic) mode(h House) {
	c.t.Helper()
	if err := c.as(sysadmin).SetHouse(ctx, h, "test"); err != nil {
		c.t.Fatal(err)
	}
}

// charts returns the patients that a person finds, and checks that every way of asking gives
// the same answer: search, count, a read of the patient, the chart, history, includes and
// chains.
func (c clinic) charts(p trust.Principal) (out []string) {
	c.t.Helper()
	a := c.as(p)
	found, err := a.Find(ctx, "Patient", "_sort=_id")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, n := range found {
		out = append(out, n.ID())
	}
	var each []string
	for n, err := range a.FindEach(ctx, "Patient", "_sort=_id&_count=1") {
		if err != nil {
			c.t.Fatal(err)
		}
		each = append(each, n.ID())
	}
	if !slices.Equal(each, out) {
		c.t.Errorf("%s finds %v, and one by one %v", p.Name, out, each)
	}
	if n, err := a.Count(ctx, "Patient", nil); err != nil || n != int64(len(out)) {
		c.t.Errorf("%s counts %d patients of %v: %v", p.Name, n, out, err)
	}
	for _, id := range []string{"rosa", "sam"} {
		sees := slices.Contains(out, id)
		agree := func(what string, got bool) {
			c.t.Helper()
			if got != sees {
				c.t.Errorf("%s finds %s: %v, but %s: %v", p.Name, id, sees, what, got)
			}
		}
		_, err := a.Read(ctx, "Patient", id)
		agree("reads the patient", err == nil)
		_, err = a.ReadVersion(ctx, "Patient", id, 1)
		agree("reads a version", err == nil)
		versions, _ := a.History(ctx, store.HistoryFilter{Type: "Patient", ID: id})
		agree("reads the history", len(versions) > 0)
		failed := error(nil)
		for _, err := range a.Chart(ctx, id) {
			failed = err
			break
		}
		agree("opens the chart", failed == nil)
		if policy.May(p, policy.Search, "Observation") != nil {
			continue
		}
		for _, q := range []string{"subject=Patient/" + id, "subject:Patient.family=" + map[string]string{"rosa": "Diaz", "sam": "Hill"}[id]} {
			list, err := a.Find(ctx, "Observation", q)
			if err != nil {
				c.t.Fatal(err)
			}
			agree("finds measurements by "+q, len(list) > 0)
		}
		list, err := a.Find(ctx, "Practitioner", "_id=nina&_revinclude=Observation:performer")
		if err != nil {
			c.t.Fatal(err)
		}
		agree("gets measurements included", slices.ContainsFunc(list, func(n *fhir.Node) bool {
			return n.Path("subject.reference").Text() == "Patient/"+id
		}))
	}
	return out
}

func TestRestrictedModeShowsWhomOneHasToDoWith(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"), vitals("sam"))
	desk := trust.Principal{ID: "acc-dana", Name: "Dana", Role: trust.FrontDesk}
	all := func(p trust.Principal, want ...string) {
		t.Helper()
		if got := c.charts(p); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", p.Name, got, want)
		}
	}
	all(physician, "rosa", "sam")
	c.mode(House{Mode: policy.Restricted})
	all(physician)
	all(nurse)
	all(desk, "rosa", "sam")
	records := trust.Principal{ID: "acc-rita", Name: "Rita", Role: trust.Records}
	all(records, "rosa", "sam")
	all(rosa, "rosa")

	imported := trust.System("import")
	for _, way := range []struct {
		who      trust.Principal
		resource string
		over     time.Duration // after which it opens nothing any more
	}{
		{physician, `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`, 0},
		{physician, `{"resourceType":"Appointment","status":"booked","start":"2026-11-25T09:00:00Z","end":"2026-11-25T09:15:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"},{"actor":{"reference":"Practitioner/amara"},"status":"accepted"}]}`, 10 * 24 * time.Hour},
		{physician, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/amara"}}],"period":{"start":"2026-11-20T09:00:00Z","end":"2026-11-20T10:00:00Z"}}`, 31 * 24 * time.Hour},
		{physician, `{"resourceType":"Task","status":"requested","intent":"order","for":{"reference":"Patient/rosa"},"owner":{"reference":"Practitioner/amara"}}`, 0},
		{physician, `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"2026-11-20"}`, 91 * 24 * time.Hour},
		{nurse, `{"resourceType":"Appointment","status":"booked","start":"2026-11-23T14:00:00Z","end":"2026-11-23T14:15:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"}]}`, 3 * 24 * time.Hour},
		{nurse, `{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"}}`, 0},
	} {
		r := c.commit(imported, way.resource)
		all(way.who, "rosa")
		if way.over > 0 {
			c.clock.Advance(way.over)
			all(way.who)
			c.clock.Advance(-way.over)
			all(way.who, "rosa")
		}
		v := r.Versions[0]
		if _, err := c.as(imported).Commit(ctx, Change{Delete: []Delete{{Type: v.Type, ID: v.ID}}}); err != nil {
			t.Fatal(err)
		}
		all(way.who)
	}
	c.commit(imported, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}],"generalPractitioner":[{"reference":"Practitioner/amara"}]}`)
	all(physician, "rosa")
	c.mode(House{Mode: policy.PracticeWide})
	all(nurse, "rosa", "sam")
	all(physician, "rosa", "sam")
}

// TestWhatWaitsForASignatureBindsNobody: a nurse names a physician in a prescription, an order and
// a note that wait for a signature. They open the chart to nobody, neither while they wait nor when they
// are declined; the request to sign does while it is open, and the signature binds who gave it.
func TestWhatWaitsForASignatureBindsNobody(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.Restricted})
	c.commit(trust.System("import"), `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/nina"}}]}`)
	today := c.clock.Now().Format("2006-01-02")
	pharmacist := trust.Principal{ID: "acc-pia", Name: "Pia", Role: trust.Pharmacist, Practitioner: "pia"}
	laboratory := trust.Principal{ID: "acc-lee", Name: "Lee", Role: trust.Laboratory, Practitioner: "lee"}
	open := func(when string, p trust.Principal, want bool) {
		t.Helper()
		found, err := c.as(p).Find(ctx, "Patient", "_id=rosa")
		_, failed := c.as(p).Read(ctx, "Patient", "rosa")
		if err != nil || len(found) == 1 != want || failed == nil != want {
			t.Errorf("%s, the chart is open to %s: %d, %v, %v, want %v", when, p.Name, len(found), err, failed, want)
		}
	}
	for _, prepared := range []string{
		`{"resourceType":"MedicationRequest","status":"draft","intent":"order","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"recorder":{"reference":"Practitioner/nina"},"authoredOn":"` + today + `"}`,
		`{"resourceType":"ServiceRequest","status":"draft","intent":"order","category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}],"subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"` + today + `"}`,
		`{"resourceType":"Composition","status":"preliminary","type":{"text":"Progress note"},"subject":{"reference":"Patient/rosa"},"date":"` + today + `","author":[{"reference":"Practitioner/amara"}],"title":"Note"}`,
	} {
		v := c.commit(nurse, prepared).Versions[0]
		for _, who := range []trust.Principal{physician, pharmacist, laboratory} {
			open("with a "+v.Type+" that waits", who, false)
		}
		n := c.read(string(v.Body))
		n.Set("status", fhir.Str("entered-in-error"))
		c.commit(trust.System("decline"), string(n.JSON()))
		open("with a "+v.Type+" that was declined", physician, false)
	}

	draft := c.commit(nurse, `{"resourceType":"MedicationRequest","status":"draft","intent":"order","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"`+today+`"}`).Versions[0]
	ask := func(status string) string {
		return `{"resourceType":"Task","id":"ask","status":"` + status + `","intent":"order","focus":{"reference":"MedicationRequest/` + draft.ID + `"},"for":{"reference":"Patient/rosa"},"owner":{"reference":"Practitioner/amara"}}`
	}
	c.commit(nurse, ask("requested"))
	open("while the request to sign waits", physician, true)
	c.commit(physician, ask("rejected"))
	open("when it was declined", physician, false)
	c.commit(nurse, ask("requested"))
	signed := strings.Replace(string(draft.Body), `"draft"`, `"active"`, 1)
	c.commit(physician, signed, ask("completed"))
	open("when it was signed", physician, true)
	c.clock.Advance(91 * 24 * time.Hour)
	open("90 days later", physician, false)
}

func TestASettingThatIsLostClosesAndCanBeMended(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"), vitals("sam"))
	c.mode(House{Mode: policy.PracticeWide})
	for _, damage := range []store.ItemWrite{
		{Item: store.Item{Space: spaceHouse, Key: keyHouse, Value: []byte("{")}, IfVersion: -1},
		{Item: store.Item{Space: spaceHouse, Key: keyHouse, Value: []byte(`{"mode":"everybody"}`)}, IfVersion: -1},
		{Item: store.Item{Space: spaceHouse, Key: keyHouse}, Delete: true, IfVersion: -1},
	} {
		a := c.as(trust.System("damage"))
		if _, err := c.store.Commit(ctx, store.Changeset{Leaf: a.leaf("keep", ""), Items: []store.ItemWrite{damage}}); err != nil {
			t.Fatal(err)
		}
		c.gate = Open(c.store, c.clock)
		if got := c.charts(physician); len(got) != 0 {
			t.Errorf("with the setting %q a physician sees %v", damage.Value, got)
		}
		if h, err := c.as(sysadmin).House(ctx); err != nil || !h.Lost {
			t.Errorf("an administrator is told %+v %v", h, err)
		}
		p := physician
		p.Glass = []trust.Glass{{ID: "g1", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
		if got := c.charts(p); !slices.Equal(got, []string{"rosa"}) {
			t.Errorf("in an emergency %v", got)
		}
		c.mode(House{Mode: policy.PracticeWide})
		if got := c.charts(physician); len(got) != 2 {
			t.Errorf("after it was chosen again: %v", got)
		}
	}
	for _, p := range []trust.Principal{physician, nurse, desk, rosa, {}} {
		if err := c.as(p).SetHouse(ctx, House{Mode: policy.Restricted}, ""); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s changes the setting: %v", p.Role, err)
		}
	}
}

func TestAChangeOfTheSettingReachesOtherProcesses(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.PracticeWide})
	other := c
	other.gate = Open(c.store, c.clock)
	if got, err := other.as(physician).Find(ctx, "Patient", ""); err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	c.mode(House{Mode: policy.Restricted})
	time.Sleep(time.Second)
	if got, err := other.as(physician).Find(ctx, "Patient", ""); err != nil || len(got) != 0 {
		t.Errorf("a second later another process shows %d: %v", len(got), err)
	}
}

// TestFindEachAtOneMoment: what is written while the pages are read is not among them, and what cannot be read is said.
func TestFindEachAtOneMoment(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.PracticeWide})
	c.commit(physician, vitals("rosa"), vitals("rosa"), vitals("rosa"))
	seen := 0
	for _, err := range c.as(physician).FindEach(ctx, "Observation", "patient=Patient/rosa&_count=2") {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 {
			c.commit(physician, vitals("rosa"))
		}
	}
	if seen != 3 {
		t.Errorf("%d of the 3 that there were", seen)
	}
	for _, q := range []string{"patient=%", "nobody=1"} {
		for _, err := range c.as(physician).FindEach(ctx, "Observation", q) {
			if err == nil {
				t.Errorf("%s finds something", q)
			}
			seen++
		}
	}
	if seen != 5 {
		t.Error("a search that cannot be read finds nothing, without a word")
	}
}

// TestAClosedChartBehindOpenOnes: people of one name and birth date whose charts are open do not hide the one whose
// chart is closed.
func TestAClosedChartBehindOpenOnes(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.Restricted})
	const body = `{"resourceType":"Patient","id":"%s","name":[{"family":"Twin","given":["%s"]}],"birthDate":"1970-01-01"%s}`
	var bodies []string
	for i := range 2 * closedMost {
		bodies = append(bodies, fmt.Sprintf(body, fmt.Sprintf("t%02d", i), "Open", `,"generalPractitioner":[{"reference":"`+physician.Reference()+`"}]`))
	}
	c.commit(trust.System("test"), append(bodies, fmt.Sprintf(body, "tz", "Closed", ""))...)
	if found, err := c.as(physician).FindClosed(ctx, "Twin", "1970-01-01"); err != nil || len(found) != 1 || found[0].ID != "tz" {
		t.Errorf("found %+v, %v", found, err)
	}
	if is, err := c.as(physician).Registered(ctx, "Twin", "Closed", "1970"); err != nil || !is {
		t.Errorf("somebody who is registered: %v, %v", is, err)
	}
	if is, err := c.as(physician).Registered(ctx, "Twin", "Open", "1970"); err != nil || is {
		t.Errorf("whom the usual search finds: %v, %v", is, err)
	}
}

// TestRecipientsAreAll: who read often does not push out who got a record once.
func TestRecipientsAreAll(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.PracticeWide})
	note := func(p trust.Principal) {
		if err := c.as(p).Note(ctx, ledger.Print, "rosa", "letter"); err != nil {
			t.Fatal(err)
		}
	}
	note(nurse)
	for range 1000 {
		note(physician)
	}
	list, err := c.as(physician).Recipients(ctx, "rosa", time.Time{})
	if err != nil || len(list) != 1001 || list[1000].Leaf.Name != nurse.Name {
		t.Errorf("%d recipients, %v", len(list), err)
	}
}

// TestADefinitionOfManyVersions: the version that is asked for is found, however many came after it.
func TestADefinitionOfManyVersions(t *testing.T) {
	c := open(t)
	for i := range 25 {
		c.commit(trust.System("test"), fmt.Sprintf(`{"resourceType":"ValueSet","id":"v%d","url":"http://x.example/vs","version":"1.%d","status":"active"}`, i, i))
	}
	for asked, want := range map[string]string{"|1.0": "v0", "|1.7": "v7", "|1.24": "v24", "|2": "", "": "v24"} {
		n, err := c.gate.canonical(ctx, "ValueSet", "http://x.example/vs"+asked)
		if err != nil || n.ID() != want {
			t.Errorf("%q finds %s, %v", asked, n.ID(), err)
		}
	}
}

func TestBreakGlass(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"), vitals("sam"))
	c.mode(House{Mode: policy.Restricted})
	p := physician
	p.Glass = []trust.Glass{{ID: "g1", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
	if got := c.charts(p); !slices.Equal(got, []string{"rosa"}) {
		t.Fatalf("the opened chart: %v", got)
	}
	leaves := c.leaves("rosa")
	for _, l := range leaves[:5] {
		if l.Glass != "g1" || l.Purpose != string(trust.BreakGlass) {
			t.Errorf("a leaf says %+v", l)
		}
	}
	r := c.commit(p, `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"2020-11-20"}`)
	if l := c.leaves("rosa")[0]; l.Glass != "g1" || l.Action != "create" {
		t.Errorf("the leaf of an order: %+v", l)
	}
	for _, body := range []string{
		`{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`,
		`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}],"generalPractitioner":[{"reference":"Practitioner/amara"}]}`,
		`{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"}}`,
	} {
		if _, err := c.as(p).Commit(ctx, Change{Put: []Put{{Resource: c.read(body)}}}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("break-glass writes %.40s: %v", body, err)
		}
	}
	if _, err := c.as(p).Commit(ctx, Change{Delete: []Delete{{Type: "ServiceRequest", ID: r.Versions[0].ID}}}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("break-glass deletes: %v", err)
	}
	c.clock.Advance(61 * time.Minute)
	if got := c.charts(p); len(got) != 0 {
		t.Errorf("after its time the glass opens %v", got)
	}
	c.clock.Advance(-61 * time.Minute)
	for _, role := range []trust.Role{trust.Laboratory, trust.MedicalAssistant} {
		q := p
		q.Role = role
		if got := c.charts(q); len(got) != 0 {
			t.Errorf("%s opens by a grant that the role cannot have: %v", role, got)
		}
	}
	program := p
	program.Client = "app"
	if got := c.charts(program); len(got) != 0 {
		t.Errorf("a program opens %v", got)
	}
	// What is offered to whom.
	for _, q := range []struct {
		who     trust.Principal
		patient string
		closed  bool
		missing bool
	}{{physician, "rosa", true, false}, {physician, "nobody", false, true}, {desk, "rosa", false, true}, {desk, "nobody", false, true}, {rosa, "sam", false, true}} {
		closed, err := c.as(q.who).Closed(ctx, q.patient)
		if closed != q.closed || fault.Is(err, fault.NotFound) != q.missing {
			t.Errorf("%s asks for %s: %v %v", q.who.Name, q.patient, closed, err)
		}
	}
}

const suboxone = `{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"medicationCodeableConcept":{"text":"Suboxone 8-2 mg film"}}`

// prescriptions returns what a person finds, and checks that reads, history, chart, count and
// includes agree.
func (c clinic) prescriptions(p trust.Principal, id string) bool {
	c.t.Helper()
	a := c.as(p)
	found, err := a.Find(ctx, "MedicationRequest", "")
	if err != nil {
		c.t.Fatal(err)
	}
	n, _ := a.Count(ctx, "MedicationRequest", nil)
	_, err = a.Read(ctx, "MedicationRequest", id)
	_, old := a.ReadVersion(ctx, "MedicationRequest", id, 1)
	versions, _ := a.History(ctx, store.HistoryFilter{Type: "MedicationRequest", ID: id})
	chart := 0
	for _, err := range a.Chart(ctx, "rosa", "MedicationRequest") {
		if err == nil {
			chart++
		}
	}
	included, failed := a.Find(ctx, "Patient", "_id=rosa&_revinclude=MedicationRequest:subject")
	if failed != nil {
		c.t.Fatal(failed)
	}
	missing, failed := a.Find(ctx, "Patient", "_id=rosa&_has:MedicationRequest:subject:status=active")
	if failed != nil {
		c.t.Fatal(failed)
	}
	sees := len(found) == 1
	for what, got := range map[string]bool{"count": n == 1, "read": err == nil, "version": old == nil, "history": len(versions) > 0, "chart": chart == 1, "revinclude": len(included) == 2, "_has": len(missing) == 1} {
		if got != sees {
			c.t.Errorf("%s finds it: %v, but %s: %v", p.Name, sees, what, got)
		}
	}
	return sees
}

func TestLabelsHideWhatTheyMark(t *testing.T) {
	c := open(t)
	id := c.commit(physician, suboxone).Versions[0].ID
	v, _ := c.store.Read(ctx, "MedicationRequest", id, 0)
	if got := labelsOf(v.Body); !slices.Contains(got, "SUD") {
		t.Fatalf("labels %v", got)
	}
	cleared, glass := nurse, nurse
	cleared.Clearance = []string{"SUD", "ETH", "OPIOIDUD"}
	glass.Glass = []trust.Glass{{ID: "g", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
	limited := rosa
	limited.Proxy = &trust.Proxy{ID: "x", Level: "limited"}
	for _, who := range []struct {
		p    trust.Principal
		sees bool
	}{{physician, true}, {nurse, false}, {cleared, true}, {glass, true}, {rosa, true}, {limited, false},
		{trust.Principal{ID: "p", Name: "Pia", Role: trust.Pharmacist}, true}} {
		if got := c.prescriptions(who.p, id); got != who.sees {
			t.Errorf("%s %s: %v", who.p.Role, who.p.Name, got)
		}
	}
	// What is hidden is not written over nor deleted, and looks as if it were not there.
	over := c.read(strings.Replace(strings.Replace(suboxone, `"active"`, `"draft"`, 1), `"status"`, `"id":"`+id+`","status"`, 1))
	for _, change := range []Change{{Put: []Put{{Resource: over}}}, {Put: []Put{{Resource: over, Create: true}}}, {Put: []Put{{Resource: over, IfMatch: 1}}},
		{Delete: []Delete{{Type: "MedicationRequest", ID: id}}}} {
		_, err := c.as(nurse).Commit(ctx, change)
		if len(change.Put) > 0 && change.Put[0].IfMatch > 0 && fault.Is(err, fault.Stale) { // as of what is missing
			continue
		}
		if !fault.Is(err, fault.NotFound) && (err != nil || len(change.Put) > 0) { // to delete what is missing is no error
			t.Errorf("a nurse writes over what is hidden: %v", err)
		}
	}
	if now, _ := c.store.Read(ctx, "MedicationRequest", id, 0); now.Version != 1 {
		t.Fatalf("what is hidden has changed: version %d", now.Version)
	}
	// A client adds labels and drops none.
	bare := c.read(strings.Replace(suboxone, `"status"`, `"id":"`+id+`","meta":{"security":[{"system":"urn:s","code":"x"}]},"status"`, 1))
	c.commit(physician, string(bare.JSON()))
	plain := c.commit(physician, `{"resourceType":"MedicationRequest","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]},"status":"active","intent":"order","subject":{"reference":"Patient/sam"},"medicationCodeableConcept":{"text":"lisinopril 10 mg"}}`).Versions[0]
	if got := labelsOf(plain.Body); !slices.Equal(got, []string{"PSY"}) {
		t.Errorf("a client set PSY and it became %v", got)
	}
	now, _ := c.store.Read(ctx, "MedicationRequest", id, 0)
	if got := labelsOf(now.Body); !slices.Contains(got, "SUD") || !strings.Contains(string(now.Body), "urn:s") {
		t.Errorf("after a client's update: %s", now.Body)
	}
	if _, err := c.as(trust.System("clean")).Commit(ctx, Change{Delete: []Delete{{Type: "MedicationRequest", ID: plain.ID}}}); err != nil {
		t.Fatal(err)
	}
	// By hand: with a privilege, a reason and a leaf.
	for _, p := range []trust.Principal{nurse, desk, rosa, sysadmin} {
		if _, err := c.as(p).Label(ctx, "MedicationRequest", id, nil, []string{"SUD"}, "why"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s takes a label off: %v", p.Role, err)
		}
	}
	if _, err := c.as(physician).Label(ctx, "MedicationRequest", id, nil, []string{"SUD", "ETH", "OPIOIDUD"}, "for pain"); err != nil {
		t.Fatal(err)
	}
	if l := c.leaves("rosa")[0]; l.Actor != physician.ID || l.Role != "physician" || l.Reason != "for pain" || !strings.Contains(l.Query, "-SUD") {
		t.Errorf("leaf %+v", l)
	}
	if _, err := c.as(nurse).Read(ctx, "MedicationRequest", id); err != nil {
		t.Errorf("without its labels: %v", err)
	}
	c.commit(physician, string(bare.JSON()))
	if _, err := c.as(nurse).Read(ctx, "MedicationRequest", id); err != nil {
		t.Errorf("what was taken off came back: %v", err)
	}
	counsellor := trust.Principal{ID: "acc-cara", Name: "Dr Cara Lund", Role: trust.Physician, Clearance: []string{"PSYTHPN", "EMP"}}
	if _, err := c.as(physician).Label(ctx, "MedicationRequest", id, []string{"PSYTHPN"}, nil, "notes"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("hidden by who does not see it then: %v", err)
	}
	for _, no := range []struct{ kind, id, label string }{{"MedicationRequest", id, "EMP"}, {"Patient", "rosa", "PSYTHPN"}, {"Practitioner", "nina", "PSYTHPN"}, {"MedicationRequest", id, "x"}} {
		if _, err := c.as(counsellor).Label(ctx, no.kind, no.id, []string{no.label}, nil, "notes"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", no, err)
		}
	}
	if _, err := c.as(counsellor).Label(ctx, "MedicationRequest", id, []string{"PSYTHPN"}, nil, "notes"); err != nil {
		t.Fatal(err)
	}
	if c.prescriptions(physician, id) || c.prescriptions(nurse, id) {
		t.Error("labelled now, and seen at once or in history")
	}
}

func TestConsentsDecide(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"), vitals("sam"))
	consent := func(provision string) string {
		t.Helper()
		r := c.commit(trust.System("import"), `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},"provision":`+provision+`}`)
		return r.Versions[0].ID
	}
	revoke := func(id string) {
		t.Helper()
		if _, err := c.as(trust.System("import")).Commit(ctx, Change{Delete: []Delete{{Type: "Consent", ID: id}}}); err != nil {
			t.Fatal(err)
		}
	}
	sees := func(p trust.Principal, want ...string) {
		t.Helper()
		if got := c.charts(p); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", p.Name, got, want)
		}
	}
	id := consent(`{"type":"permit","provision":[{"type":"deny","actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Practitioner/nina"}}]}]}`)
	sees(nurse, "sam")
	sees(physician, "rosa", "sam")
	revoke(id)
	sees(nurse, "rosa", "sam")
	id = consent(`{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"TREAT"}]}`) // cannot be evaluated
	sees(physician, "sam")
	sees(rosa, "rosa")
	glass := physician
	glass.Glass = []trust.Glass{{ID: "g", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
	sees(glass, "rosa", "sam")
	revoke(id)
	sees(physician, "rosa", "sam")
	consent(`{"type":"deny","period":{"end":"2026-01-01"}}`) // over
	sees(physician, "rosa", "sam")

	rx := c.commit(physician, suboxone).Versions[0].ID
	id = consent(`{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]}`)
	if c.prescriptions(physician, rx) {
		t.Error("the patient does not want it to be seen")
	}
	sees(physician, "rosa", "sam")
	revoke(id)
	if !c.prescriptions(physician, rx) {
		t.Error("the consent is gone")
	}

	c.mode(House{Mode: policy.PracticeWide, OptIn: true})
	sees(physician)
	id = consent(`{"type":"permit"}`)
	sees(physician, "rosa")
	revoke(id)
	sees(physician)
}

func TestChartsOfColleagues(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"), vitals("sam"))
	cleared := physician
	cleared.Clearance = []string{"EMP"}
	if _, err := c.as(cleared).Label(ctx, "Patient", "rosa", []string{"EMP"}, nil, "works here"); err != nil {
		t.Fatal(err)
	}
	if got := c.charts(physician); !slices.Equal(got, []string{"sam"}) {
		t.Errorf("a physician sees %v", got)
	}
	if got := c.charts(cleared); len(got) != 2 {
		t.Errorf("who is cleared sees %v", got)
	}
	c.commit(trust.System("import"), `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`)
	if got := c.charts(physician); len(got) != 2 {
		t.Errorf("who treats the colleague sees %v", got)
	}
	if got := c.charts(rosa); !slices.Equal(got, []string{"rosa"}) {
		t.Errorf("the colleague as a patient sees %v", got)
	}
}

// TestEveryDecisionIsExplained asks about each role, with and without what opens or closes a
// chart: the answer must fit the decision (Explain refuses otherwise) and end with its cause.
func TestEveryDecisionIsExplained(t *testing.T) {
	c := open(t)
	id := c.commit(physician, vitals("rosa"), suboxone).Versions[1].ID
	roles := []trust.Role{trust.Physician, trust.Nurse, trust.MedicalAssistant, trust.Pharmacist, trust.Laboratory, trust.FrontDesk, trust.Biller,
		trust.Records, trust.Administrator, trust.Auditor, trust.Patient, trust.SystemRole, ""}
	ask := func(when string) {
		t.Helper()
		for _, role := range roles {
			for _, glass := range []bool{false, true} {
				p := trust.Principal{ID: "x", Name: "X", Role: role, Practitioner: "amara"}
				if role == trust.Patient {
					p.Practitioner, p.Patient = "", "sam"
				}
				if glass {
					p.Glass = []trust.Glass{{ID: "g", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
				}
				for _, resource := range []string{"", "MedicationRequest/" + id} {
					e, err := c.as(sysadmin).Explain(ctx, p, "rosa", resource)
					if err != nil {
						t.Fatalf("%s, %s, %s: %v", when, role, resource, err)
					}
					shut, open := false, false
					for _, s := range e.Steps {
						shut, open = shut || s.Shut, open || s.Open
						if strings.Contains(s.Text, "substance") {
							t.Errorf("an administrator is told of the label: %s", s.Text)
						}
					}
					if e.Allowed == shut || e.Allowed && !open {
						t.Errorf("%s, %s, %s: allowed %v by %+v", when, role, resource, e.Allowed, e.Steps)
					}
				}
			}
		}
	}
	ask("practice-wide")
	c.mode(House{Mode: policy.Restricted})
	ask("restricted")
	c.commit(trust.System("import"), `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`)
	ask("care team")
	c.commit(trust.System("import"), `{"resourceType":"Consent","id":"no","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},"provision":{"type":"deny","securityLabel":[{"code":"SUD"}]}}`)
	ask("class denied")
	c.commit(trust.System("import"), `{"resourceType":"Consent","status":"active","scope":{"coding":[{"code":"patient-privacy"}]},"category":[{"coding":[{"code":"x"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},"provision":{"type":"deny"}}`)
	ask("all denied")
	if _, err := c.as(nurse).Explain(ctx, nurse, "rosa", ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a nurse asks: %v", err)
	}
}

// TestClientsAddLabels: what staff mark as sensitive stays so, with what the rules find; a label
// that was taken off by hand stays off, a whole chart is closed by hand only, and the answer to
// an unlabelled update does not lose the mark.
// TestClientsAddLabels: who writes something new says that it is sensitive, as far as they see it
// themselves; what is stored is hidden by hand only, by who may, and never from oneself.
func TestClientsAddLabels(t *testing.T) {
	c := open(t)
	labelled := func(kind, id, label string) string {
		rest := `"subject":{"reference":"Patient/rosa"},"code":{"text":"x"}`
		if kind == "AllergyIntolerance" {
			rest = `"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"patient":{"reference":"Patient/rosa"},"code":{"text":"penicillin"}`
		}
		return `{"resourceType":"` + kind + `",` + id + `"meta":{"security":[{"system":"` + policy.LabelSystem + `","code":"` + label + `"}]},` + rest + `}`
	}
	note := func(id, label string) string { return labelled("Condition", id, label) }
	refused := func(p trust.Principal, body string, kind fault.Code) {
		t.Helper()
		if _, err := c.as(p).Commit(ctx, Change{Put: []Put{{Resource: c.read(body)}}}); !fault.Is(err, kind) {
			t.Errorf("%s %s: %v", p.Role, body, err)
		}
	}
	if got := labelsOf(c.commit(nurse, note("", "HIV")).Versions[0].Body); !slices.Equal(got, []string{"HIV"}) {
		t.Errorf("HIV became %v", got)
	}
	refused(physician, note("", "PSYTHPN"), fault.Forbidden)
	refused(nurse, note("", "SUD"), fault.Forbidden)
	refused(physician, note("", "EMP"), fault.Invalid)
	refused(desk, `{"resourceType":"Patient","meta":{"security":[{"system":"`+policy.LabelSystem+`","code":"PSYTHPN"}]},"name":[{"family":"New"}]}`, fault.Invalid)
	refused(desk, `{"resourceType":"Patient","meta":{"security":[{"system":"`+policy.LabelSystem+`","code":"CEL"}]},"name":[{"family":"New"}]}`, fault.Forbidden)

	allergy := c.commit(physician, labelled("AllergyIntolerance", "", "none")).Versions[0].ID
	cleared := nurse
	cleared.Clearance = []string{"PSYTHPN"}
	for _, p := range []trust.Principal{nurse, cleared, physician} {
		for _, label := range []string{"PSYTHPN", "PSY", "EMP"} {
			refused(p, labelled("AllergyIntolerance", `"id":"`+allergy+`",`, label), fault.Forbidden)
		}
	}
	for _, label := range []string{"PSYTHPN", "CEL"} {
		refused(desk, `{"resourceType":"Patient","id":"rosa","meta":{"security":[{"system":"`+policy.LabelSystem+`","code":"`+label+`"}]},"name":[{"family":"Diaz"}]}`, fault.Forbidden)
	}
	if v, _ := c.store.Read(ctx, "AllergyIntolerance", allergy, 0); v.Version != 1 {
		t.Errorf("the allergy is at version %d", v.Version)
	}
	if _, err := c.as(physician).Read(ctx, "Patient", "rosa"); err != nil {
		t.Errorf("the chart: %v", err)
	}

	id := c.commit(physician, note("", "HIV")).Versions[0].ID
	if got := labelsOf(c.commit(physician, note(`"id":"`+id+`",`, "HIV")).Versions[0].Body); !slices.Equal(got, []string{"HIV"}) { // as it was read
		t.Errorf("after an update: %v", got)
	}
	if _, err := c.as(physician).Label(ctx, "Condition", id, nil, []string{"HIV"}, "not so"); err != nil {
		t.Fatal(err)
	}
	if got := labelsOf(c.commit(physician, note(`"id":"`+id+`",`, "HIV")).Versions[0].Body); len(got) != 0 {
		t.Errorf("what was taken off by hand came back: %v", got)
	}
}

// TestWhatAnEmergencyWroteBindsNobody: a visit, an order and a note of break-glass open the chart
// to nobody when the grant is over, whatever a client does to the mark; who was bound before by
// an entry that break-glass changed stays so.
func TestWhatAnEmergencyWroteBindsNobody(t *testing.T) {
	c := open(t)
	theirs := `{"resourceType":"Encounter","id":"theirs","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/nina"}}]}`
	c.commit(physician, vitals("rosa"), vitals("sam"))
	c.mode(House{Mode: policy.Restricted})
	p, today := physician, c.clock.Now().Format("2006-01-02")
	p.Glass = []trust.Glass{{ID: "g1", Patient: "rosa", Until: c.clock.Now().Add(time.Hour)}}
	r := c.commit(p,
		`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/amara"}}]}`,
		`{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"`+today+`"}`,
		`{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationCodeableConcept":{"text":"x"},"subject":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"`+today+`"}`)
	visit := c.read(string(r.Versions[0].Body))
	visit.Get("meta").Remove("tag")
	c.commit(p, string(visit.JSON())) // a client takes the mark off
	pharmacist := trust.Principal{ID: "acc-pia", Name: "Pia", Role: trust.Pharmacist, Practitioner: "pia"}
	for _, who := range []trust.Principal{physician, nurse, pharmacist} {
		if got := c.charts(who); len(got) != 0 {
			t.Errorf("%s sees %v by what an emergency wrote", who.Name, got)
		}
	}
	c.commit(trust.System("import"), theirs)
	if got := c.charts(nurse); !slices.Equal(got, []string{"rosa"}) {
		t.Fatalf("the nurse of the visit sees %v", got)
	}
	c.commit(p, strings.Replace(theirs, `"participant":[`, `"participant":[{"individual":{"reference":"Practitioner/amara"}},`, 1))
	if got := c.charts(nurse); !slices.Equal(got, []string{"rosa"}) {
		t.Errorf("the nurse of the visit sees %v since somebody joined it in an emergency", got)
	}
	if got := c.charts(physician); len(got) != 0 {
		t.Errorf("who joined a visit in an emergency sees %v", got)
	}
	// Nobody marks what is not of an emergency.
	v := c.commit(nurse, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"meta":{"tag":[{"system":"urn:osler:break-glass","code":"all"}]}}`).Versions[0]
	if strings.Contains(string(v.Body), policy.GlassSystem) {
		t.Errorf("a client set %s", v.Body)
	}
}
