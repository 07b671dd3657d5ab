package record

import (
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
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
