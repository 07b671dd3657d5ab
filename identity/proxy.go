package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
)

// The spaces of proxies, written together: a grant is found by who acts and by for whom.
const (
	spaceProxy    = "proxy"     // key: grant id, owner: account of who acts
	spaceProxyFor = "proxy-for" // key: grant id, owner: patient; holds the account
	spaceHouse    = "house"     // how the clinic is set up
	keyAges       = "ages"      // the jurisdiction whose ages count
)

// ProxyWaits is how long a grant that somebody has to confirm waits for it.
const ProxyWaits = 30 * 24 * time.Hour

// MaxCarerFor is how long a grant for an adult lasts at most, before somebody looks at it anew.
const MaxCarerFor = 2 * 366 * 24 * time.Hour

// ProxyKind is in what capacity somebody acts for a patient.
type ProxyKind string

// The kinds.
const (
	Parent   ProxyKind = "parent"
	Guardian ProxyKind = "guardian"
	Carer    ProxyKind = "carer"
)

// Word is the kind in a word; "" for one that does not exist.
func (k ProxyKind) Word() string {
	return map[ProxyKind]string{Parent: "parent", Guardian: "guardian", Carer: "carer"}[k]
}

// ProxyGrant lets one account see, and act in, the record of another person.
type ProxyGrant struct {
	ID      string      `json:"id"`
	Account string      `json:"account"`
	Name    string      `json:"name"` // of who acts
	Patient string      `json:"patient"`
	Related string      `json:"related"` // id of the RelatedPerson
	Kind    ProxyKind   `json:"kind"`
	Level   minor.Level `json:"level"` // as granted; age may narrow it
	Made    time.Time   `json:"made"`
	MadeBy  string      `json:"madeBy"`
	MadeID  string      `json:"madeID,omitempty"` // id of who made it
	// Asks says that the grant opens nothing until it is Confirmed: by the patient, or by a
	// second member of staff, who says Why.
	Asks      bool      `json:"asks,omitempty"`
	Confirmed Confirmed `json:"confirmed,omitzero"`
	Why       string    `json:"why,omitempty"`
	// Born is the patient's date of birth when the grant was made or confirmed. A later one, which
	// would open more, counts for new grants only: one form at the desk does not widen this one.
	Born string `json:"born,omitempty"`
	// Until is when it ends in any case; zero for a parent or guardian of a child, whose right
	// ends with an age.
	Until   time.Time `json:"until,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"endedBy,omitempty"`

	version int64
}

// ProxyStanding is a grant as it counts now.
type ProxyStanding struct {
	ProxyGrant
	Level minor.Level // minor.Over when it does not count any more
	Until time.Time   // until when it stays so

	waits bool
}

// Stands reports whether the grant counts.
func (s ProxyStanding) Stands() bool { return s.Level != minor.Over }

// Waits reports whether the grant opens nothing yet, because nobody has confirmed it.
func (s ProxyStanding) Waits() bool { return s.waits }

// ProxyDraft asks for a grant.
type ProxyDraft struct {
	Account string // id of the account of who acts
	Patient string
	Related string // id of the RelatedPerson
	Kind    ProxyKind
	Level   minor.Level
	Until   time.Time
}

// MayGrantProxy reports whether a principal lets others see a patient's record: staff who
// register people, and an adult patient for the own record. A proxy makes no further ones.
func MayGrantProxy(by trust.Principal, patient string) bool {
	switch by.Role {
	case trust.Physician, trust.Nurse, trust.FrontDesk, trust.Records, trust.MedicalAssistant, trust.SystemRole:
		return by.Client == "" && len(by.Scopes) == 0
	case trust.Patient:
		return by.Proxy == nil && by.Client == "" && len(by.Scopes) == 0 && patient != "" && by.Patient == patient
	}
	return false
}

func notYours() error {
	return fault.New(fault.Forbidden, "Access for parents and carers is given by the clinic, or by the patient when of age.")
}

// CheckProxy reports what GrantProxy would refuse, before anything is written for it. Account
// may be "", for one that is still to be made, and Related too.
func (a *Accounts) CheckProxy(ctx context.Context, by trust.Principal, d ProxyDraft) error {
	if !MayGrantProxy(by, d.Patient) {
		return notYours()
	}
	if err := a.notInEmergency(by, d.Patient); err != nil {
		return err
	}
	if d.Account != "" {
		if err := a.checkProxyAccount(ctx, d); err != nil {
			return err
		}
	}
	now := a.clock.Now()
	switch {
	case d.Kind.Word() == "":
		return fault.New(fault.Invalid, "Choose whether the person is a parent, a guardian or a carer.").At("kind")
	case d.Level != minor.Full && d.Level != minor.Limited:
		return fault.New(fault.Invalid, "Choose how much the person sees.").At("level")
	case d.Level == minor.Full && by.Role == trust.FrontDesk:
		return fault.New(fault.Invalid, "The whole record is opened by a nurse, a physician or the records office. You can give access without what is confidential.").At("level")
	case !d.Until.IsZero() && !d.Until.After(now):
		return fault.New(fault.Invalid, "The last day is over already.").At("until")
	}
	born, err := a.born(ctx, d.Patient)
	if err != nil {
		return err
	}
	if _, known := minor.Birthday(born, 0); !known {
		return fault.New(fault.Invalid, "The date of birth is not recorded: without it nobody knows whose consent counts. Record it first.").At("kind")
	}
	rule, err := a.Ages(ctx)
	if err != nil {
		return err
	}
	adult := minor.Reached(born, rule.End, now)
	switch {
	case adult && by.Role == trust.FrontDesk:
		return fault.New(fault.Forbidden, "The front desk lets parents and guardians of children in. Adults let a carer in themselves, in the portal; for somebody who cannot, a physician or health records does.")
	case adult && d.Kind == Parent:
		return fault.New(fault.Invalid, "The patient is of age: a parent’s rights have ended. As a carer the person needs the patient’s consent.").At("kind")
	case !adult && by.Role == trust.Patient:
		return notYours()
	case (adult || d.Kind == Carer) && (d.Until.IsZero() || d.Until.Sub(now) > MaxCarerFor):
		return fault.New(fault.Invalid, "Choose a last day, at most two years from now.").At("until")
	}
	return nil
}

// checkProxyAccount checks who is to act.
func (a *Accounts) checkProxyAccount(ctx context.Context, d ProxyDraft) error {
	c, err := a.load(ctx, d.Account)
	switch {
	case err != nil:
		return err
	case c.Role != trust.Patient || c.Disabled:
		return fault.New(fault.Invalid, "Parents and carers act through an account of the portal, never through one of the staff.").At("user")
	case c.Patient == d.Patient:
		return fault.New(fault.Invalid, "This is the patient’s own account.").At("user")
	}
	mine, err := a.proxies(ctx, d.Account)
	if err != nil {
		return err
	}
	for _, g := range mine {
		if g.Patient != d.Patient {
			continue
		}
		if s, err := a.standing(ctx, g); err != nil {
			return err
		} else if s.Stands() || s.Waits() {
			return fault.New(fault.Conflict, "This person has access already. End it first to change it.").At("user")
		}
	}
	return nil
}

// GrantProxy lets an account act for a patient. The patient's date of birth is looked up, not
// told: for a child the ages of the jurisdiction count, for an adult an end is needed.
func (a *Accounts) GrantProxy(ctx context.Context, by trust.Principal, d ProxyDraft) (ProxyGrant, error) {
	if err := a.CheckProxy(ctx, by, d); err != nil {
		return ProxyGrant{}, err
	}
	if d.Related == "" {
		return ProxyGrant{}, fault.New(fault.Invalid, "The record has to name the person who acts.").At("name")
	}
	c, err := a.load(ctx, d.Account)
	if err != nil {
		return ProxyGrant{}, err
	}
	born, err := a.born(ctx, d.Patient)
	if err != nil {
		return ProxyGrant{}, err
	}
	now := a.clock.Now()
	g := ProxyGrant{ID: ident.New(now), Account: c.ID, Name: c.Name, Patient: d.Patient, Related: d.Related, Kind: d.Kind, Level: d.Level, Born: born,
		Made: now, MadeBy: by.Name, MadeID: by.ID, Until: d.Until}
	// What the patient decides needs nobody else; what one member of staff sets up does.
	g.Asks = by.Role != trust.Patient && by.Role != trust.SystemRole
	one, err := write(spaceProxy, g.ID, g.Account, g, time.Time{}, 0)
	if err != nil {
		return ProxyGrant{}, err
	}
	two := store.ItemWrite{Item: store.Item{Space: spaceProxyFor, Key: g.ID, Owner: g.Patient, Patient: g.Patient, Value: []byte(g.Account)}}
	items := []store.ItemWrite{one, two}
	what := "let " + c.User + " act as " + string(g.Kind) + ", " + string(g.Level)
	if g.Asks {
		what += ", once it is confirmed"
		w, err := write(spacePortalWaits, "grant/"+g.ID, waitsFor, Awaited{Grant: g.ID, Kind: g.Kind, Level: g.Level, Account: g.Account, Patient: g.Patient, Made: Confirmed{by.ID, by.Name, now}}, now.Add(ProxyWaits), 0)
		if err != nil {
			return ProxyGrant{}, err
		}
		items = append(items, w)
	}
	leaf := a.leaf(by, ledger.Account, what, g.Patient)
	leaf.Proxy = g.ID
	_, err = a.store.Commit(ctx, store.Changeset{Items: items, Leaf: leaf})
	return g, err
}

// born reads the date of birth of a patient, which decides whose rights count. It is read anew
// each time, so that a corrected date counts at once.
func (a *Accounts) born(ctx context.Context, patient string) (string, error) {
	v, err := a.store.Read(ctx, "Patient", patient, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	n, err := fhir.Parse(v.Body)
	if err != nil {
		return "", err
	}
	return n.Get("birthDate").Text(), nil
}

// earlier returns the earlier one of two dates of birth. Where one is missing there is none, but
// for a grant of before dates were kept with grants.
func earlier(now, kept string) string {
	a, known := minor.Birthday(now, 0)
	b, was := minor.Birthday(kept, 0)
	if known && was && b.Before(a) {
		return kept
	}
	return now
}

// standing works out what a grant amounts to now.
func (a *Accounts) standing(ctx context.Context, g ProxyGrant) (ProxyStanding, error) {
	s := ProxyStanding{ProxyGrant: g, Level: minor.Over, Until: g.Until}
	now := a.clock.Now()
	if !g.Ended.IsZero() || a.rewound(g.Made) || !g.Until.IsZero() && !now.Before(g.Until) {
		return s, nil
	}
	if g.Asks && g.Confirmed.ID == "" {
		s.waits, s.Until = now.Before(g.Made.Add(ProxyWaits)), g.Made.Add(ProxyWaits)
		return s, nil
	}
	born, err := a.born(ctx, g.Patient)
	if err != nil {
		return s, err
	}
	born = earlier(born, g.Born)
	rule, err := a.Ages(ctx)
	if err != nil {
		return s, err
	}
	if g.Kind != Parent && !g.Until.IsZero() && minor.Reached(born, rule.End, g.Made) { // given by or for an adult
		s.Level = g.Level
		return s, nil
	}
	level, until := rule.Stands(born, now)
	if level == minor.Full {
		level = g.Level
	}
	s.Level = level
	if s.Until.IsZero() || until.Before(s.Until) {
		s.Until = until
	}
	return s, nil
}

func (a *Accounts) proxies(ctx context.Context, account string) ([]ProxyGrant, error) {
	if account == "" { // the store would list everybody's
		return nil, nil
	}
	items, err := a.store.Items(ctx, spaceProxy, account)
	if err != nil {
		return nil, err
	}
	list := make([]ProxyGrant, 0, len(items))
	for _, item := range items {
		g := ProxyGrant{version: item.Version}
		if err := json.Unmarshal(item.Value, &g); err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// Proxies returns for whom an account may act now.
func (a *Accounts) Proxies(ctx context.Context, account string) ([]ProxyStanding, error) {
	list, err := a.proxies(ctx, account)
	if err != nil {
		return nil, err
	}
	var out []ProxyStanding
	for _, g := range list {
		s, err := a.standing(ctx, g)
		if err != nil {
			return nil, err
		}
		if s.Stands() {
			out = append(out, s)
		}
	}
	return out, nil
}

// ProxiesFor returns who acts or acted for a patient, the newest first, to those who may
// grant it.
func (a *Accounts) ProxiesFor(ctx context.Context, by trust.Principal, patient string) ([]ProxyStanding, error) {
	if patient == "" || !MayGrantProxy(by, patient) {
		return nil, notYours()
	}
	items, err := a.store.Items(ctx, spaceProxyFor, patient)
	if err != nil {
		return nil, err
	}
	var out []ProxyStanding
	for _, item := range items {
		g, err := a.proxyGrant(ctx, item.Key)
		if err != nil {
			return nil, err
		}
		s, err := a.standing(ctx, g)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y ProxyStanding) int { return cmp.Or(y.Made.Compare(x.Made), cmp.Compare(x.Name, y.Name)) })
	return out, nil
}

func (a *Accounts) proxyGrant(ctx context.Context, id string) (ProxyGrant, error) {
	item, err := a.store.Item(ctx, spaceProxy, id)
	if fault.Is(err, fault.NotFound) {
		return ProxyGrant{}, fault.New(fault.NotFound, "There is no such access.")
	}
	if err != nil {
		return ProxyGrant{}, err
	}
	g := ProxyGrant{version: item.Version}
	return g, json.Unmarshal(item.Value, &g)
}

// ActFor returns the principal of a person who acts for a patient: judged anew at every
// request, so that what was taken back or has ended with a birthday is over at once.
func (a *Accounts) ActFor(ctx context.Context, account Account, s Session, patient string) (trust.Principal, error) {
	list, err := a.Proxies(ctx, account.ID)
	if err != nil {
		return trust.Principal{}, err
	}
	i := slices.IndexFunc(list, func(x ProxyStanding) bool { return x.Patient == patient })
	if i < 0 || account.Role != trust.Patient {
		return trust.Principal{}, fault.New(fault.NotFound, "You have no access to this record, or it has ended.")
	}
	p := Principal(account, s)
	if p.ID == "" {
		return p, fault.New(fault.Unauthorized, "Your session is locked or has ended; sign in again.")
	}
	g := list[i]
	p.Patient, p.Proxy = patient, &trust.Proxy{ID: g.ID, Related: g.Related, Level: string(g.Level), Until: g.Until}
	return p, nil
}

// EndProxy takes a grant back at once. The clinic may, a patient who
// is of age, and the person who acts.
func (a *Accounts) EndProxy(ctx context.Context, by trust.Principal, id string) (ProxyGrant, error) {
	var g ProxyGrant
	err := again(func() (err error) {
		if g, err = a.proxyGrant(ctx, id); err != nil {
			return err
		}
		if by.ID != g.Account && !MayGrantProxy(by, g.Patient) {
			return fault.New(fault.NotFound, "There is no such access.")
		}
		if by.Role == trust.Patient && by.ID != g.Account {
			if err := a.mayEnd(ctx, g); err != nil {
				return err
			}
		}
		if !g.Ended.IsZero() {
			return nil
		}
		g.Ended, g.EndedBy = a.clock.Now(), by.Name
		w, err := write(spaceProxy, g.ID, g.Account, g, time.Time{}, g.version)
		if err != nil {
			return err
		}
		leaf := a.leaf(by, ledger.Account, "end access as "+string(g.Kind), g.Patient)
		leaf.Proxy = g.ID
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w, waitsNoMore("grant/" + g.ID)}, Leaf: leaf})
		return err
	})
	return g, err
}

// mayEnd reports whether the patient may end a grant: of age, or, while it waits for an answer,
// old enough to give it.
func (a *Accounts) mayEnd(ctx context.Context, g ProxyGrant) error {
	return a.oldEnough(ctx, g.Patient, func(r minor.Rule) int {
		if g.Asks && g.Confirmed.ID == "" {
			return r.Account
		}
		return r.End
	})
}

// PortalAccount returns the account of the portal with a user name, when it bears a name:
// whoever gives access says whose account it is, so that a slip of one letter opens nothing to
// a stranger. What does not fit is the same fault.NotFound as what does not exist.
func (a *Accounts) PortalAccount(ctx context.Context, user, name string) (Account, error) {
	none := fault.New(fault.NotFound, "There is no portal account with this user name and this name. Ask the person how both are written.").At("user")
	c, err := a.loadUser(ctx, user)
	if fault.Is(err, fault.NotFound) || err == nil && (c.Role != trust.Patient || c.Disabled || !strings.EqualFold(strings.Join(strings.Fields(c.Name), " "), strings.Join(strings.Fields(name), " "))) {
		return Account{}, none
	}
	return c.Account, err
}

// Ages returns the row of ages that the clinic has chosen, or the careful default.
func (a *Accounts) Ages(ctx context.Context) (minor.Rule, error) {
	item, err := a.store.Item(ctx, spaceHouse, keyAges)
	if fault.Is(err, fault.NotFound) {
		return minor.For(""), nil
	}
	if err != nil {
		return minor.Rule{}, err
	}
	return minor.For(string(item.Value)), nil
}

// SetAges chooses the jurisdiction whose ages count. Administrators may.
func (a *Accounts) SetAges(ctx context.Context, by trust.Principal, code string) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	rule, err := minor.Find(code)
	if err != nil {
		return err
	}
	w := store.ItemWrite{IfVersion: -1, Item: store.Item{Space: spaceHouse, Key: keyAges, Value: []byte(rule.Code)}}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: a.leaf(by, ledger.Account, "ages of minors: "+rule.Name, "")})
	return err
}
