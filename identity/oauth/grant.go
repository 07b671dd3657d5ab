package oauth

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// grant is what the store keeps of what a person, or the clinic for a service, has opened for
// a program.
type grant struct {
	ID      string    `json:"id"`
	Client  string    `json:"client"`
	Account string    `json:"account"` // "client:ID" for a backend service
	Scopes  []string  `json:"scopes"`
	Patient string    `json:"patient,omitempty"`
	Visit   string    `json:"encounter,omitempty"`
	Session string    `json:"session,omitempty"` // in which the person agreed
	Nonce   string    `json:"nonce,omitempty"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"` // last time that tokens were given
	Until   time.Time `json:"until"`

	version int64
}

func (g grant) has(scope string) bool { return slices.Contains(g.Scopes, scope) }

// access is what the store keeps of an access token.
type access struct {
	Grant   string    `json:"grant"`
	Patient string    `json:"patient,omitempty"` // as in the grant
	Scopes  []string  `json:"scopes"`
	Issued  time.Time `json:"issued"`
	Until   time.Time `json:"until"`
}

// refreshing is what the store keeps of a refresh token.
type refreshing struct {
	Grant   string    `json:"grant"`
	Patient string    `json:"patient,omitempty"` // as in the grant
	Until   time.Time `json:"until"`
	Used    bool      `json:"used,omitempty"`
}

// Prefixes let scanners of leaked secrets find the tokens.
const (
	accessPrefix  = "oslerapp_"
	refreshPrefix = "oslerref_"
)

// Tokens is the answer of the token endpoint.
type Tokens struct {
	Access   string
	Lifetime time.Duration
	Scopes   []string
	Refresh  string // "" for none
	ID       string // the id_token, "" for none
	Patient  string
	Visit    string
	// Chart says that the program was started from a chart, which shows who the patient is.
	Chart bool
}

// person returns the principal of a grant, as the account and the program are now. It carries the
// scopes and the patient of the grant. Refused are an account that is gone or disabled, a program
// that its person may not use any more, and one that may not work without its person when the
// session in which it was let in has ended or is locked.
func (s *Server) person(ctx context.Context, c Client, g grant) (trust.Principal, error) {
	over := refuse("invalid_grant", "The access has ended; ask the person again.")
	if strings.HasPrefix(g.Account, "client:") {
		if !c.Backend() {
			return trust.Principal{}, over
		}
		p := servicePrincipal(c)
		p.Session, p.Scopes = g.ID, g.Scopes
		var err error
		p.Service, err = s.serves(ctx, c.Population)
		return p, err
	}
	a, err := s.Accounts.Usable(ctx, g.Account)
	if fault.Is(err, fault.Unauthorized) {
		return trust.Principal{}, over
	}
	if err != nil {
		return trust.Principal{}, err
	}
	p := identity.Principal(a, identity.Session{ID: g.ID})
	if p.ID == "" || p.Role == trust.Patient && g.Patient != "" && g.Patient != p.Patient || !c.offered(p) {
		return trust.Principal{}, over
	}
	if !g.has(Offline) {
		if here, err := s.Accounts.InSession(ctx, g.Account, g.Session); err != nil || !here {
			return trust.Principal{}, cmpError(err, refuse("invalid_grant", "The person is not signed in any more."))
		}
	}
	p.Scopes, p.Client, p.Launch = g.Scopes, g.Client, g.Patient
	return p, nil
}

// open makes the first tokens of a grant, and the grant.
func (s *Server) open(ctx context.Context, at Place, client Client, who trust.Principal, g *grant) (Tokens, []store.ItemWrite, error) {
	now := s.Clock.Now()
	life := AccessFor
	switch {
	case client.Backend():
		life = BackendFor
		g.Until = now.Add(life)
	case g.has(Offline):
		g.Until = now.Add(GrantFor)
	case g.has(Online):
		g.Until = now.Add(identity.SessionFor)
	default:
		g.Until = now.Add(life)
	}
	g.Used = now
	t, items, err := s.renew(*g, g.Scopes, life)
	if err != nil {
		return Tokens{}, nil, err
	}
	if g.has(OpenID) {
		if t.ID, err = s.idToken(ctx, at, client, who, *g); err != nil {
			return Tokens{}, nil, err
		}
	}
	w, err := write(spaceGrant, g.ID, g.Account, g, g.Until, 0)
	return t, append(items, w), err
}

// renew makes the tokens of a grant: an access token, and a refresh token where it lasts.
func (s *Server) renew(g grant, scopes []string, life time.Duration) (Tokens, []store.ItemWrite, error) {
	now := s.Clock.Now()
	t := Tokens{Access: accessPrefix + ident.Secret(), Lifetime: life, Scopes: scopes, Patient: g.Patient, Visit: g.Visit, Chart: g.has(Launch)}
	until := now.Add(life)
	w, err := write(spaceAccess, digest(t.Access), g.ID, access{Grant: g.ID, Patient: g.Patient, Scopes: scopes, Issued: now, Until: until}, until, 0)
	if err != nil || !g.has(Offline) && !g.has(Online) {
		return t, []store.ItemWrite{w}, err
	}
	t.Refresh = refreshPrefix + ident.Secret()
	until = now.Add(RefreshFor)
	if until.After(g.Until) {
		until = g.Until
	}
	// Used tokens are kept as long as the grant, so that their second use is seen.
	r, err := write(spaceRefresh, digest(t.Refresh), g.ID, refreshing{Grant: g.ID, Patient: g.Patient, Until: until}, g.Until, 0)
	return t, []store.ItemWrite{w, r}, err
}

func (s *Server) grant(ctx context.Context, id string) (g grant, found bool, err error) {
	version, found, err := s.read(ctx, spaceGrant, id, &g)
	g.version = version
	return g, found && s.Clock.Now().Before(g.Until), err
}

// Refresh gives new tokens for a refresh token, which is then used up. A used one that comes
// again, or one that another program shows, ends the grant: it was stolen.
func (s *Server) Refresh(ctx context.Context, client Client, p url.Values) (Tokens, error) {
	wrong := refuse("invalid_grant", "The refresh token is not one of this program, was used, or is over.")
	var r refreshing
	key := digest(p.Get("refresh_token"))
	version, found, err := s.read(ctx, spaceRefresh, key, &r)
	if err != nil || !found {
		return Tokens{}, cmpError(err, wrong)
	}
	g, found, err := s.grant(ctx, r.Grant)
	if err != nil || !found {
		return Tokens{}, cmpError(err, wrong)
	}
	if r.Used || g.Client != client.ID {
		return Tokens{}, cmpError(s.kill(ctx, g.ID, "refresh token used twice or by another program"), wrong)
	}
	now := s.Clock.Now()
	if !now.Before(r.Until) {
		return Tokens{}, wrong
	}
	who, err := s.person(ctx, client, g)
	if err != nil {
		return Tokens{}, err
	}
	scopes := g.Scopes
	if p.Get("scope") != "" {
		if scopes, err = split(p.Get("scope")); err != nil {
			return Tokens{}, err
		}
		if !subset(scopes, g.Scopes) || len(scopes) == 0 {
			return Tokens{}, refuse("invalid_scope", "A refresh cannot widen what the person agreed to.")
		}
	}
	t, items, err := s.renew(g, scopes, AccessFor)
	if err != nil {
		return Tokens{}, err
	}
	r.Used, g.Used = true, now
	used, err := write(spaceRefresh, key, g.ID, r, g.Until, version)
	if err != nil {
		return Tokens{}, err
	}
	w, err := write(spaceGrant, g.ID, g.Account, g, g.Until, g.version)
	if err != nil {
		return Tokens{}, err
	}
	err = s.commit(ctx, s.leaf(who, ledger.Keep, client.ID, "program "+client.Name+" renews its tokens", g.Patient), append(items, used, w)...)
	if fault.Is(err, fault.Conflict) { // two at once with one token, or the grant was ended
		return Tokens{}, cmpError(s.kill(ctx, g.ID, "refresh token used twice"), wrong)
	}
	return t, err
}

// Serve gives a backend service a token for itself (client_credentials).
func (s *Server) Serve(ctx context.Context, at Place, client Client, p url.Values) (Tokens, error) {
	if !client.Backend() || client.Auth != AuthKey {
		return Tokens{}, refuse("unauthorized_client", "The program is not a backend service.")
	}
	asked, err := split(p.Get("scope"))
	if err != nil {
		return Tokens{}, err
	}
	scopes := within(client.Scopes, asked, true)
	if len(scopes) == 0 {
		return Tokens{}, refuse("invalid_scope", "None of the scopes is a system scope that the service can have, such as system/*.rs.")
	}
	now := s.Clock.Now()
	g := grant{ID: ident.New(now), Client: client.ID, Account: "client:" + client.ID, Scopes: scopes, Created: now}
	who := servicePrincipal(client)
	who.Session = g.ID
	t, items, err := s.open(ctx, at, client, who, &g)
	if err != nil {
		return Tokens{}, err
	}
	return t, s.commit(ctx, s.leaf(who, ledger.Account, client.ID, "service "+client.Name+" receives a token with "+strings.Join(scopes, " ")), items...)
}

// Authenticate returns the principal behind a bearer token: one of a program, or one that
// `osler token` made. What the grant's person, program and clinic say now counts, not what
// was true when the token was made.
func (s *Server) Authenticate(ctx context.Context, secret string) (trust.Principal, error) {
	if !strings.HasPrefix(secret, accessPrefix) {
		return s.Accounts.Token(ctx, secret)
	}
	p, _, _, err := s.holder(ctx, secret)
	return p, err
}

var errOver = fault.New(fault.Unauthorized, "The token is not valid, or has ended.")

// holder returns who holds an access token.
func (s *Server) holder(ctx context.Context, secret string) (trust.Principal, access, grant, error) {
	var a access
	_, found, err := s.read(ctx, spaceAccess, digest(secret), &a)
	now := s.Clock.Now()
	if err != nil || !found || len(a.Scopes) == 0 || !now.Before(a.Until) || a.Issued.After(now.Add(time.Minute)) {
		return trust.Principal{}, a, grant{}, cmpError(err, errOver)
	}
	g, found, err := s.grant(ctx, a.Grant)
	if err != nil || !found {
		return trust.Principal{}, a, g, cmpError(err, errOver)
	}
	p, err := s.acts(ctx, g)
	p.Scopes = a.Scopes
	return p, a, g, err
}

// acts returns the principal of a grant whose program the clinic lets in; errOver when either may do
// nothing any more.
func (s *Server) acts(ctx context.Context, g grant) (trust.Principal, error) {
	c, err := s.Client(ctx, g.Client)
	if fault.Is(err, fault.NotFound) || err == nil && c.Status != Approved {
		return trust.Principal{}, errOver
	}
	if err != nil {
		return trust.Principal{}, err
	}
	p, err := s.person(ctx, c, g)
	if fault.Is(err, fault.Malformed) { // an *Error of the token endpoint
		err = errOver
	}
	return p, err
}

// TokenUntil returns when what a principal came with ends by itself; see identity.
func (s *Server) TokenUntil(ctx context.Context, p trust.Principal) (time.Time, error) {
	if p.Client == "" {
		return s.Accounts.TokenUntil(ctx, p)
	}
	g, _, err := s.grant(ctx, p.Session)
	return g.Until, err
}

// Acting returns what a principal is now, for work that goes on after its request has ended;
// see identity. For a program it is the grant that must still stand.
func (s *Server) Acting(ctx context.Context, was trust.Principal, until time.Time) (trust.Principal, error) {
	if was.Client == "" {
		return s.Accounts.Acting(ctx, was, until)
	}
	g, found, err := s.grant(ctx, was.Session)
	if err != nil || !found {
		return trust.Principal{}, cmpError(err, errOver)
	}
	p, err := s.acts(ctx, g)
	if err != nil {
		return trust.Principal{}, errOver
	}
	p.Scopes = was.Scopes
	return p, nil
}

// kill ends a grant because something is wrong with it.
func (s *Server) kill(ctx context.Context, id, why string) error {
	g, found, err := s.grant(ctx, id)
	if err != nil || !found {
		return err
	}
	items, err := s.ending(ctx, g)
	if err != nil {
		return err
	}
	l := s.leaf(trust.Principal{ID: g.Account, Session: g.ID}, ledger.Refused, g.Client, "access of a program ends: "+why, g.Patient)
	l.Outcome = string(fault.Unauthorized)
	return s.commit(ctx, l, items...)
}

// ending returns the writes that end a grant with all its tokens. The used refresh tokens go
// too: without the grant they open nothing.
func (s *Server) ending(ctx context.Context, g grant) ([]store.ItemWrite, error) {
	items := []store.ItemWrite{remove(spaceGrant, g.ID, -1)}
	for _, space := range []string{spaceAccess, spaceRefresh} {
		list, err := s.Store.Items(ctx, space, g.ID)
		if err != nil {
			return nil, err
		}
		for _, item := range list {
			items = append(items, remove(space, item.Key, -1))
		}
	}
	return items, nil
}

// grantsOf returns the writes that end all grants of a program.
func (s *Server) grantsOf(ctx context.Context, client string) ([]store.ItemWrite, error) {
	list, err := s.Store.Items(ctx, spaceGrant, "")
	if err != nil {
		return nil, err
	}
	var out []store.ItemWrite
	for _, item := range list {
		var g grant
		if err := json.Unmarshal(item.Value, &g); err != nil {
			return nil, err
		}
		if g.Client != client {
			continue
		}
		items, err := s.ending(ctx, g)
		if err != nil {
			return nil, err
		}
		out = append(out, items...)
	}
	return out, nil
}

// Grant is what a person has opened for a program, for the person to see and end.
type Grant struct {
	ID            string
	Client        Client
	Scopes        []string
	Patient       string
	Created, Used time.Time
	Until         time.Time
}

// Grants returns what a person has opened, the newest first.
func (s *Server) Grants(ctx context.Context, who trust.Principal) ([]Grant, error) {
	items, err := s.Store.Items(ctx, spaceGrant, who.ID)
	if err != nil || who.ID == "" {
		return nil, err
	}
	var out []Grant
	for _, item := range items {
		var g grant
		if err := json.Unmarshal(item.Value, &g); err != nil {
			return nil, err
		}
		c, err := s.Client(ctx, g.Client)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Grant{ID: g.ID, Client: c, Scopes: g.Scopes, Patient: g.Patient, Created: g.Created, Used: g.Used, Until: g.Until})
	}
	slices.SortFunc(out, func(a, b Grant) int { return strings.Compare(b.ID, a.ID) })
	return out, nil
}

// End ends a grant of the person: the program's next request is refused.
func (s *Server) End(ctx context.Context, who trust.Principal, id string) error {
	g, found, err := s.grant(ctx, id)
	if err != nil {
		return err
	}
	if !found || g.Account != who.ID || who.ID == "" || len(who.Scopes) > 0 {
		return fault.New(fault.NotFound, "There is no such access; it may have ended already.")
	}
	items, err := s.ending(ctx, g)
	if err != nil {
		return err
	}
	return s.commit(ctx, s.leaf(who, ledger.Account, g.Client, "end access of a program", g.Patient), items...)
}

// Revoke ends a token that a program shows (RFC 7009): with a refresh token the whole grant.
// A token that is not the program's is left alone, and nothing is said about it.
func (s *Server) Revoke(ctx context.Context, client Client, token string) error {
	var r refreshing
	if _, found, err := s.read(ctx, spaceRefresh, digest(token), &r); err != nil {
		return err
	} else if found {
		g, found, err := s.grant(ctx, r.Grant)
		if err != nil || !found || g.Client != client.ID {
			return err
		}
		items, err := s.ending(ctx, g)
		if err != nil {
			return err
		}
		return s.commit(ctx, s.leaf(trust.Principal{ID: g.Account, Session: g.ID}, ledger.SignOut, client.ID, "program "+client.Name+" gives up its access", g.Patient), items...)
	}
	var a access
	_, found, err := s.read(ctx, spaceAccess, digest(token), &a)
	if err != nil || !found {
		return err
	}
	g, found, err := s.grant(ctx, a.Grant)
	if err != nil || !found || g.Client != client.ID {
		return err
	}
	return s.commit(ctx, s.leaf(trust.Principal{ID: g.Account, Session: g.ID}, ledger.SignOut, client.ID, "program "+client.Name+" gives up a token", g.Patient),
		remove(spaceAccess, digest(token), -1))
}

// Active is what introspection (RFC 7662) tells about a token.
type Active struct {
	Scopes         []string
	Client         string
	Subject        string
	Person         string // FHIR reference, "" for a service
	Issued, Until  time.Time
	Patient, Visit string
	Refresh        bool
}

// Introspect tells a program about a token of its own; nil when the token is not active or
// another program's.
func (s *Server) Introspect(ctx context.Context, client Client, token string) (*Active, error) {
	if client.Public() {
		return nil, refuse("unauthorized_client", "Only programs that prove who they are may ask.")
	}
	if strings.HasPrefix(token, refreshPrefix) {
		var r refreshing
		_, found, err := s.read(ctx, spaceRefresh, digest(token), &r)
		if err != nil || !found || r.Used || !s.Clock.Now().Before(r.Until) {
			return nil, err
		}
		g, found, err := s.grant(ctx, r.Grant)
		if err != nil || !found || g.Client != client.ID {
			return nil, err
		}
		if _, err := s.acts(ctx, g); err != nil {
			if fault.Is(err, fault.Unauthorized) {
				err = nil
			}
			return nil, err
		}
		return &Active{Scopes: g.Scopes, Client: g.Client, Subject: g.Account, Until: r.Until, Issued: g.Used, Refresh: true}, nil
	}
	p, a, g, err := s.holder(ctx, token)
	if fault.Is(err, fault.Unauthorized) || err == nil && g.Client != client.ID {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &Active{Scopes: a.Scopes, Client: g.Client, Subject: g.Account, Person: p.Reference(), Issued: a.Issued, Until: a.Until, Patient: g.Patient, Visit: g.Visit}, nil
}
