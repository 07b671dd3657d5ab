package identity

import (
	"context"
	"strings"
	"sync"
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

var nurse = trust.Principal{ID: "nurse", Name: "Nina", Role: trust.Nurse}

// confirmed lets somebody in, by two of the staff.
func (h house) confirmed(d ProxyDraft) ProxyGrant {
	h.t.Helper()
	g, err := h.GrantProxy(context.Background(), records, d)
	if err == nil {
		g, err = h.ConfirmProxy(context.Background(), nurse, g.ID, "Showed the birth certificate.")
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

var records = trust.Principal{ID: "rec", Name: "Rhea", Role: trust.Records}

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
		g := h.confirmed(parentOf(mother, "sam"))
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
	g := h.confirmed(parentOf(mother, "sam"))
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
	g = h.confirmed(parentOf(mother, "sam"))
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
	if _, err := h.GrantProxy(ctx, records, parentOf(a, "sam")); err != nil {
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

// TestAbuseA16NobodyLetsSomebodyInAlone: no single member of staff opens a chart through an account
// of the portal that they set up: access waits for the patient or a second member of staff.
func TestAbuseA16NobodyLetsSomebodyInAlone(t *testing.T) {
	h, ctx := open(t), context.Background()
	h.bear("pat-otto", "1940-01-02")
	h.bear("ada", "2013-03-02")
	h.bear("sam", "2020-06-15")
	session := Session{ID: "s"}
	month := noon.AddDate(0, 1, 0)
	evil := h.account("evil", trust.Patient, "") // a member of staff who is a patient, too
	draft := func(patient string, kind ProxyKind, level minor.Level) ProxyDraft {
		d := ProxyDraft{Account: evil.ID, Patient: patient, Related: "r1", Kind: kind, Level: level}
		if kind == Carer {
			d.Until = month
		}
		return d
	}
	if _, err := h.GrantProxy(ctx, desk, draft("sam", Parent, minor.Full)); !fault.Is(err, fault.Invalid) {
		t.Errorf("the front desk gives the whole record: %v", err)
	}
	closed := func(patient, when string) {
		t.Helper()
		if _, err := h.ActFor(ctx, evil, session, patient); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %s is open: %v", when, patient, err)
		}
	}
	give := func(by trust.Principal, d ProxyDraft) ProxyGrant {
		t.Helper()
		g, err := h.GrantProxy(ctx, by, d)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	otto := give(records, draft("pat-otto", Carer, minor.Limited))
	closed("pat-otto", "asked for")
	if _, err := h.GrantProxy(ctx, nurse, draft("pat-otto", Carer, minor.Limited)); !fault.Is(err, fault.Conflict) {
		t.Errorf("asked for twice: %v", err)
	}
	sam := give(desk, draft("sam", Parent, minor.Limited))
	closed("sam", "asked for by the front desk")
	for name, by := range map[string]trust.Principal{"who asked": records, "the front desk": desk, "an administrator": {ID: "adm", Role: trust.Administrator},
		"a program": {ID: "anna", Role: trust.Physician, Client: "c"}, "who acts": h.in(evil), "another patient": {ID: "x", Role: trust.Patient, Patient: "pat-x"}, "nobody": {Role: trust.Physician}} {
		if _, err := h.ConfirmProxy(ctx, by, otto.ID, "Has no account of the portal."); err == nil {
			t.Errorf("%s confirms", name)
		}
	}
	doctor := trust.Principal{ID: "anna", Name: "Anna", Role: trust.Physician}
	if _, err := h.ConfirmProxy(ctx, doctor, otto.ID, "ok"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	own := h.account("otto", trust.Patient, "")
	if _, err := h.ConfirmProxy(ctx, nurse, otto.ID, "Has no account of the portal."); !fault.Is(err, fault.Invalid) {
		t.Errorf("a nurse decides for a patient who can: %v", err)
	}
	closed("pat-otto", "refused")
	for who, want := range map[*trust.Principal]int{&nurse: 2, &records: 1, &desk: 0} {
		if list, err := h.PortalWaiting(ctx, *who); err != nil || len(list) != want {
			t.Errorf("for %s %d wait: %v", who.Name, len(list), err)
		}
	}
	if _, err := h.ConfirmProxy(ctx, h.in(own), otto.ID, ""); err != nil {
		t.Fatal(err)
	}
	if p, err := h.ActFor(ctx, evil, session, "pat-otto"); err != nil || p.Proxy.Level != "limited" {
		t.Errorf("the patient has confirmed: %v", err)
	}
	if _, err := h.ConfirmProxy(ctx, nurse, sam.ID, "Showed the birth certificate."); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ActFor(ctx, evil, session, "sam"); err != nil {
		t.Error(err)
	}
	if last := h.last(); last.Proxy != sam.ID || last.Reason == "" || last.Patients[0] != "sam" {
		t.Errorf("leaf: %+v", last)
	}
	if list, err := h.PortalWaiting(ctx, nurse); err != nil || len(list) != 0 {
		t.Errorf("answered, and %d wait: %v", len(list), err)
	}
	father := h.confirmed(parentOf(h.account("father", trust.Patient, ""), "sam"))
	p, err := h.ActFor(ctx, Account{ID: father.Account, Role: trust.Patient}, session, "sam")
	if err != nil {
		t.Fatal(err)
	}
	if news, err := h.ProxyNews(ctx, p); err != nil || len(news) != 1 || news[0].Waits() || news[0].Name != "" {
		t.Errorf("who acts already is told %+v: %v", news, err)
	}

	ada := give(records, draft("ada", Parent, minor.Full))
	closed("ada", "asked for")
	herself := trust.Principal{ID: "a-ada", Role: trust.Patient, Patient: "ada"}
	if _, err := h.EndProxy(ctx, herself, ada.ID); err != nil {
		t.Errorf("an adolescent says no: %v", err)
	}
	if _, err := h.ConfirmProxy(ctx, herself, ada.ID, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("after the no: %v", err)
	}
	late := give(records, draft("ada", Parent, minor.Full))
	h.clock.Advance(ProxyWaits)
	if _, err := h.ConfirmProxy(ctx, herself, late.ID, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("after a month: %v", err)
	}
	if list, err := h.PortalWaiting(ctx, nurse); err != nil || len(list) != 0 {
		t.Errorf("after a month %d wait: %v", len(list), err)
	}
}

// TestAbuseA16LinksToThePortalWorkInTwoHands: a member of staff who keeps the one-time link of a
// patient gets nowhere with it, and neither does the one who gives the check code.
func TestAbuseA16LinksToThePortalWorkInTwoHands(t *testing.T) {
	h, ctx := open(t), context.Background()
	another := trust.Principal{ID: "desk2", Name: "Tina", Role: trust.FrontDesk}
	otto := h.account("otto", trust.Patient, "")
	for name, link := range map[string]func() (Account, string){
		"an invitation": func() (Account, string) {
			a, secret, err := h.Invite(ctx, desk, Draft{User: "ada", Name: "Ada", Role: trust.Patient, Patient: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			return a, secret
		},
		"a reset": func() (Account, string) {
			secret, err := h.ResetLink(ctx, desk, otto.ID)
			if err != nil {
				t.Fatal(err)
			}
			return otto, secret
		},
	} {
		a, secret := link()
		for _, code := range []string{"", "AAAA-AAAA"} {
			if _, err := h.CompleteInvite(ctx, secret, code, "another calm river"); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s, alone, with %q: %v", name, code, err)
			}
		}
		for who, by := range map[string]trust.Principal{"who made it": desk, "the biller": {ID: "b", Role: trust.Biller}, "the patient": h.in(a), "a program": {ID: "n", Role: trust.Nurse, Client: "c"}} {
			if code, err := h.SeePerson(ctx, by, a.ID, SeenPaper); err == nil || code != "" {
				t.Errorf("%s: %s gives the check code", name, who)
			}
		}
		if _, err := h.SeePerson(ctx, another, a.ID, "guessed"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: seen somehow: %v", name, err)
		}
		if list, err := h.PortalWaiting(ctx, another); err != nil || len(list) != 1 || list[0].Account != a.ID {
			t.Errorf("%s: waiting are %+v %v", name, list, err)
		}
		code, err := h.SeePerson(ctx, another, a.ID, SeenPaper)
		if err != nil {
			t.Fatal(err)
		}
		if l := h.last(); l.Reason != SeenPaper.Text() || l.Name != "Tina" || l.Patients[0] != a.Patient {
			t.Errorf("%s: the leaf says %+v", name, l)
		}
		for key, item := range h.store.items {
			if strings.Contains(string(item.Value), plainCode(code)) || strings.Contains(string(item.Value), digest(plainCode(code))) {
				t.Errorf("%s: the code stands in %s", name, key)
			}
		}
		if _, err := h.SeePerson(ctx, another, a.ID, SeenPaper); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: a second code: %v", name, err)
		}
		if _, err := h.CompleteInvite(ctx, secret, "AAAA-AAAA", "another calm river"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s with another code: %v", name, err)
		}
		if _, err := h.CompleteInvite(ctx, secret, strings.ToLower(code), "another calm river"); err != nil {
			t.Errorf("%s with both: %v", name, err)
		}
	}

	secret, err := h.ResetLink(ctx, desk, otto.ID)
	if err != nil {
		t.Fatal(err)
	}
	code, err := h.SeePerson(ctx, nurse, otto.ID, SeenKnown)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 40 {
		wait.Go(func() { _, _ = h.CompleteInvite(ctx, secret, "AAAA-AAAA", "another calm river") })
	}
	wait.Wait()
	if _, err := h.CompleteInvite(ctx, secret, code, "another calm river"); !fault.Is(err, fault.Gone) {
		t.Errorf("after forty guesses: %v", err)
	}
}

// TestAbuseA16ADateOfBirthOpensNothing: a parent sees a part of the record of a fourteen-year-old.
// Somebody at the desk types a later date of birth: the parent still sees a part. An earlier one
// counts at once. A new grant, by two people, goes by the new date.
func TestAbuseA16ADateOfBirthOpensNothing(t *testing.T) {
	ctx := context.Background()
	h := open(t)
	now := h.clock.Now()
	year := func(age int) string { return now.AddDate(-age, 0, 0).Format("2006-01-02") }
	h.bear("sam", year(15))
	mother := h.account("maria", trust.Patient, "")
	g := h.confirmed(parentOf(mother, "sam"))
	level := func() string {
		t.Helper()
		p, err := h.ActFor(ctx, mother, Session{ID: "s"}, "sam")
		if err != nil {
			return ""
		}
		return p.Proxy.Level
	}
	if level() != string(minor.Limited) {
		t.Fatalf("the control: a parent of somebody of fifteen sees %q", level())
	}
	h.bear("sam", year(4))
	if level() != string(minor.Limited) {
		t.Errorf("a date of birth that somebody typed opens the record: %q", level())
	}
	h.bear("sam", year(30))
	if level() != "" {
		t.Errorf("the patient is of age, and the parent still sees %q", level())
	}
	h.bear("sam", year(4))
	if _, err := h.EndProxy(ctx, records, g.ID); err != nil {
		t.Fatal(err)
	}
	h.confirmed(parentOf(mother, "sam"))
	if level() != string(minor.Full) {
		t.Errorf("a new grant does not go by the corrected date: %q", level())
	}
}

// TestAnEmergencyLetsNobodyElseIn: who has opened a chart by break-glass neither makes an account
// nor a link for it, nor lets somebody act.
func TestAnEmergencyLetsNobodyElseIn(t *testing.T) {
	ctx := context.Background()
	h := open(t)
	h.bear("pat-maren", "1980-01-01")
	own := h.account("maren", trust.Patient, "")
	by := nurse
	by.Glass = []trust.Glass{{ID: "g1", Patient: "pat-maren", Until: h.clock.Now().Add(time.Hour)}}
	_, _, err := h.Invite(ctx, by, Draft{User: "maren.x", Name: "Maren", Role: trust.Patient, Patient: "pat-maren"})
	if !fault.Is(err, fault.Forbidden) {
		t.Errorf("an account is made: %v", err)
	}
	if _, err := h.ResetLink(ctx, by, own.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a link is made: %v", err)
	}
	carer := ProxyDraft{Patient: "pat-maren", Related: "r1", Kind: Carer, Level: minor.Limited, Until: h.clock.Now().Add(24 * time.Hour)}
	if err := h.CheckProxy(ctx, by, carer); !fault.Is(err, fault.Forbidden) {
		t.Errorf("somebody is let in: %v", err)
	}
	by.Glass[0].Until = h.clock.Now()
	if _, _, err := h.Invite(ctx, by, Draft{User: "maren.x", Name: "Maren", Role: trust.Patient, Patient: "pat-maren"}); err != nil {
		t.Errorf("the control: without it a nurse may: %v", err)
	}
}
