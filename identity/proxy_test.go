package identity

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
)

// Read gives the Patients that bear puts there.
func (m *memory) Read(_ context.Context, resourceType, id string, _ store.T) (store.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.items["body/"+resourceType+"/"+id]
	if !ok {
		return store.Version{}, fault.New(fault.NotFound, "no resource")
	}
	return store.Version{Type: resourceType, ID: id, Version: 1, Body: it.Value}, nil
}

// bear registers a patient with a date of birth.
func (h house) bear(id, born string) {
	h.store.items["body/Patient/"+id] = store.Item{Value: []byte(`{"resourceType":"Patient","id":"` + id + `","birthDate":"` + born + `"}`)}
}

var desk = trust.Principal{ID: "desk", Name: "Tom", Role: trust.FrontDesk}

func parentOf(a Account, patient string) ProxyDraft {
	return ProxyDraft{Account: a.ID, Patient: patient, Related: "r1", Kind: Parent, Level: minor.Full}
}

// TestAbuseA16ProxyEndsWithAgeAndRevocation: a parent's access narrows and ends by the clock, in
// every jurisdiction, within one session; and what is taken back is over at the next request.
func TestAbuseA16ProxyEndsWithAgeAndRevocation(t *testing.T) {
	ctx := context.Background()
	for _, rule := range minor.Rules() {
		h := open(t)
		if err := h.SetAges(ctx, system, rule.Code); err != nil {
			t.Fatal(err)
		}
		h.bear("sam", "2020-06-15") // six years old
		mother := h.account("maria", trust.Patient, "")
		session := Session{ID: "s"}
		g, err := h.GrantProxy(ctx, desk, parentOf(mother, "sam"))
		if err != nil {
			t.Fatal(err)
		}
		at := func(age int, less time.Duration) (string, error) {
			t.Helper()
			h.clock.Advance(time.Date(2020+age, 6, 15, 0, 0, 0, 0, time.UTC).Add(-less).Sub(h.clock.Now()))
			p, err := h.ActFor(ctx, mother, session, "sam")
			if err != nil {
				return "", err
			}
			if p.Patient != "sam" || p.ID != mother.ID || p.Role != trust.Patient || p.Proxy == nil || p.Proxy.ID != g.ID || p.Proxy.Related != "r1" || !p.Proxy.Until.After(h.clock.Now()) {
				t.Fatalf("%q: %+v %+v", rule.Code, p, p.Proxy)
			}
			return p.Proxy.Level, nil
		}
		for _, c := range []struct {
			age  int
			less time.Duration
			want string
		}{{7, 0, "full"}, {rule.Narrow, 15 * time.Hour, "full"}, {rule.Narrow, 0, "limited"}, {rule.End, 15 * time.Hour, "limited"}} {
			if got, err := at(c.age, c.less); err != nil || got != c.want {
				t.Errorf("%q, %d years less %s: %q %v", rule.Code, c.age, c.less, got, err)
			}
		}
		if got, err := at(rule.End, 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: at %d the parent still sees %q: %v", rule.Code, rule.End, got, err)
		}
		if list, err := h.Proxies(ctx, mother.ID); err != nil || len(list) != 0 {
			t.Errorf("%q: at %d the parent still acts for %+v: %v", rule.Code, rule.End, list, err)
		}
	}

	h := open(t)
	h.bear("sam", "2020-06-15")
	mother := h.account("maria", trust.Patient, "")
	g, err := h.GrantProxy(ctx, desk, parentOf(mother, "sam"))
	if err != nil {
		t.Fatal(err)
	}
	h.bear("sam", "2004-06-15") // the date was wrong: Sam is of age
	if _, err := h.ActFor(ctx, mother, Session{ID: "s"}, "sam"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the corrected date of birth does not count: %v", err)
	}
	h.bear("sam", "")
	if _, err := h.ActFor(ctx, mother, Session{ID: "s"}, "sam"); !fault.Is(err, fault.NotFound) {
		t.Errorf("without a date of birth: %v", err)
	}
	h.bear("sam", "2020-06-15")
	if _, err := h.EndProxy(ctx, h.in(h.account("eve", trust.Patient, "")), g.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger ends it: %v", err)
	}
	if _, err := h.EndProxy(ctx, trust.Principal{ID: "sam", Role: trust.Patient, Patient: "sam"}, g.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a child ends it: %v", err)
	}
	if _, err := h.EndProxy(ctx, desk, g.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ActFor(ctx, mother, Session{ID: "s"}, "sam"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the revocation: %v", err)
	}
	if last := h.store.leaves[len(h.store.leaves)-1]; last.Proxy != g.ID || last.Action != ledger.Account || last.Patients[0] != "sam" {
		t.Errorf("leaf: %+v", last)
	}
	if g, err = h.GrantProxy(ctx, desk, parentOf(mother, "sam")); err != nil {
		t.Errorf("granted again: %v", err)
	}
	if _, err := h.EndProxy(ctx, h.in(mother), g.ID); err != nil {
		t.Errorf("the parent ends it: %v", err)
	}
}

func TestCarersOfAdults(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.bear("pat-otto", "1940-01-02")
	h.bear("sam", "2020-06-15")
	otto, carla := h.account("otto", trust.Patient, ""), h.account("carla", trust.Patient, "")
	self := h.in(otto)
	month := noon.AddDate(0, 1, 0)
	carer := ProxyDraft{Account: carla.ID, Patient: "pat-otto", Related: "r2", Kind: Carer, Level: minor.Limited, Until: month}
	for name, change := range map[string]func(*ProxyDraft){
		"without an end":         func(d *ProxyDraft) { d.Until = time.Time{} },
		"for three years":        func(d *ProxyDraft) { d.Until = noon.AddDate(3, 0, 0) },
		"until yesterday":        func(d *ProxyDraft) { d.Until = noon.AddDate(0, 0, -1) },
		"as a parent":            func(d *ProxyDraft) { d.Kind = Parent },
		"as a friend":            func(d *ProxyDraft) { d.Kind = "friend" },
		"for all":                func(d *ProxyDraft) { d.Level = "all" },
		"to oneself":             func(d *ProxyDraft) { d.Account = otto.ID },
		"to nobody":              func(d *ProxyDraft) { d.Account = "nobody" },
		"to a physician":         func(d *ProxyDraft) { d.Account = h.account("anna", trust.Physician, "").ID },
		"without RelatedPerson":  func(d *ProxyDraft) { d.Related = "" },
		"of somebody else":       func(d *ProxyDraft) { d.Patient = "sam" },
		"of somebody unknown":    func(d *ProxyDraft) { d.Patient = "unknown" },
		"of nobody's own record": func(d *ProxyDraft) { d.Patient = "" },
	} {
		d := carer
		change(&d)
		if _, err := h.GrantProxy(ctx, self, d); err == nil {
			t.Errorf("%s is granted", name)
		}
	}
	g, err := h.GrantProxy(ctx, self, carer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.GrantProxy(ctx, self, carer); !fault.Is(err, fault.Conflict) {
		t.Errorf("granted twice: %v", err)
	}
	p, err := h.ActFor(ctx, carla, Session{ID: "s"}, "pat-otto")
	if err != nil || p.Proxy.Level != "limited" || !p.Proxy.Until.Equal(month) {
		t.Errorf("%+v %v", p.Proxy, err)
	}
	if _, err := h.GrantProxy(ctx, p, ProxyDraft{Account: h.account("dan", trust.Patient, "").ID, Patient: "pat-otto", Related: "r3", Kind: Carer, Level: minor.Full, Until: month}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a carer passes the access on: %v", err)
	}
	if _, err := h.ProxiesFor(ctx, p, "pat-otto"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a carer lists the others: %v", err)
	}
	if list, err := h.ProxiesFor(ctx, self, "pat-otto"); err != nil || len(list) != 1 || list[0].Name != carla.Name || !list[0].Stands() {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := h.ActFor(ctx, otto, Session{ID: "s"}, "pat-carla"); !fault.Is(err, fault.NotFound) {
		t.Errorf("it works the other way round: %v", err)
	}
	if _, err := h.ActFor(ctx, carla, Session{ID: "s", Locked: true}, "pat-otto"); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("in a locked session: %v", err)
	}
	h.clock.Advance(month.Sub(noon))
	if _, err := h.ActFor(ctx, carla, Session{ID: "s"}, "pat-otto"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after its last day: %v", err)
	}
	h.clock.Advance(-time.Hour)
	if _, err := h.EndProxy(ctx, self, g.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ActFor(ctx, carla, Session{ID: "s"}, "pat-otto"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after the patient took it back: %v", err)
	}
}

func TestAccountsOfPeopleWhoAreNoPatients(t *testing.T) {
	h, ctx := open(t), context.Background()
	a, _, err := h.Invite(ctx, desk, Draft{User: "dad", Name: "Jo Brandt", Role: trust.Patient, Proxy: true})
	if err != nil {
		t.Fatal(err)
	}
	if p := Principal(a, Session{ID: "s"}); p.Patient != "" || p.Proxy != nil {
		t.Errorf("%+v", p)
	}
	for _, d := range []Draft{{User: "x1", Name: "X", Role: trust.Patient}, {User: "x2", Name: "X", Role: trust.Patient, Proxy: true, Patient: "p"}} {
		if _, _, err := h.Invite(ctx, desk, d); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", d, err)
		}
	}
	h.bear("sam", "2020-06-15")
	if _, err := h.GrantProxy(ctx, desk, parentOf(a, "sam")); err != nil {
		t.Error(err)
	}
	if _, err := h.PortalAccount(ctx, "dad", " jo  BRANDT "); err != nil {
		t.Error(err)
	}
	for _, who := range [][2]string{{"dad", "Someone Else"}, {"nobody", "Jo Brandt"}, {"dad", ""}} {
		if _, err := h.PortalAccount(ctx, who[0], who[1]); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v: %v", who, err)
		}
	}
	if h.SetAges(ctx, desk, "NL") == nil || h.SetAges(ctx, system, "XX") == nil {
		t.Error("anybody chooses the ages, or any")
	}
}
