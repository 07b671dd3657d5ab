package oauth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Status is what the clinic has decided about a program.
type Status string

// The states.
const (
	Pending  Status = "pending" // registered itself, nobody has decided
	Approved Status = "approved"
	Blocked  Status = "blocked"
)

// How a program proves who it is at the token endpoint.
const (
	AuthNone  = "none" // a public program: only PKCE
	AuthBasic = "client_secret_basic"
	AuthPost  = "client_secret_post"
	AuthKey   = "private_key_jwt"
)

// Auths are the ways, in the order of the forms.
var Auths = []string{AuthNone, AuthBasic, AuthPost, AuthKey}

// Client is a registered program. It holds no secrets.
type Client struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	About     string   `json:"about,omitempty"` // a sentence for people
	Home      string   `json:"home,omitempty"`  // its web page
	Contacts  []string `json:"contacts,omitempty"`
	Redirects []string `json:"redirects,omitempty"`
	Launch    string   `json:"launch,omitempty"` // where it is started from a chart; "" when it cannot be
	Scopes    []string `json:"scopes"`           // the most it can be given
	Auth      string   `json:"auth"`
	// JWKS holds its public keys, or JWKSURI says where they are, for AuthKey.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwksUri,omitempty"`
	// Role is set for a backend service: with whose rights it acts. It has no account, so that
	// nobody can sign in as it.
	Role trust.Role `json:"role,omitempty"`
	// Patients and Staff say who may use it: nobody else can let it in, and what it holds of others
	// opens nothing.
	Patients bool `json:"patients,omitempty"`
	Staff    bool `json:"staff,omitempty"`

	// Population and Purpose say for whom and what for a service without people works.
	Population Population    `json:"population,omitempty"`
	Purpose    trust.Purpose `json:"purpose,omitempty"`

	Status Status `json:"status"`
	// Checked says that the clinic knows who made it; otherwise people are warned.
	Checked bool      `json:"checked,omitempty"`
	Self    bool      `json:"self,omitempty"` // registered itself
	From    string    `json:"from,omitempty"` // the network that it did so from
	Created time.Time `json:"created"`
	Decided time.Time `json:"decided,omitzero"`
	By      string    `json:"by,omitempty"` // who decided, by name
}

// served says in the log for whom a service works.
func (c Client) served() string {
	if !c.Backend() {
		return ""
	}
	return ", a service with the rights of " + string(c.Role) + " for " + cmp.Or(string(c.Population), "whom the setting of the clinic gives") + ", " + string(cmp.Or(c.Purpose, trust.Operations))
}

// Backend reports whether it is a service without people.
func (c Client) Backend() bool { return c.Role != "" }

// Public reports whether it keeps no secret.
func (c Client) Public() bool { return c.Auth == AuthNone }

// kept is what the store keeps of a program.
type kept struct {
	Client
	Secret  string `json:"secret,omitempty"` // SHA-256
	version int64
}

// BackendRoles are the roles that a backend service can act with.
var BackendRoles = []trust.Role{trust.Physician, trust.Nurse, trust.Biller, trust.Laboratory, trust.Records, trust.Administrator}

func keepsPrograms(by trust.Principal) error {
	if (by.Role == trust.Administrator || by.Role == trust.SystemRole) && len(by.Scopes) == 0 {
		return nil
	}
	return fault.New(fault.Forbidden, "Only an administrator decides which programs may ask for access.")
}

// Register makes a program for the clinic, approved at once. Whether the clinic knows who made it
// (Checked) is for somebody to say. The secret is returned once, for ways that need one.
func (s *Server) Register(ctx context.Context, by trust.Principal, c Client) (Client, string, error) {
	if err := keepsPrograms(by); err != nil {
		return Client{}, "", err
	}
	c.Status, c.Self, c.Decided, c.By = Approved, false, s.Clock.Now(), by.Name
	return s.enrol(ctx, by, c, time.Time{}, "register program ")
}

// How many programs may wait for an answer: of all strangers, and of those of one network, so
// that one cannot take the places of all.
const (
	maxPending     = 100
	maxPendingFrom = 5
)

// RegisterSelf makes a program that registers itself (RFC 7591). It can do nothing before an
// administrator has approved it, and warns people until the administrator has checked it. from is
// the address that it registers itself from.
func (s *Server) RegisterSelf(ctx context.Context, c Client, from string) (Client, string, error) {
	all, err := s.Store.Items(ctx, spaceClient, string(Pending))
	if err != nil {
		return Client{}, "", err
	}
	c.From = identity.Network(from)
	near := 0
	for _, item := range all {
		var k kept
		if err := json.Unmarshal(item.Value, &k); err != nil {
			return Client{}, "", err
		}
		if k.From == c.From {
			near++
		}
	}
	if len(all) >= maxPending || near >= maxPendingFrom {
		return Client{}, "", fault.New(fault.TooCostly, "Too many programs wait for the clinic's approval; try again another day.")
	}
	if c.Role != "" {
		return Client{}, "", refuse("invalid_client_metadata", "The clinic chooses the role of a service.")
	}
	c.Status, c.Checked, c.Self, c.By, c.Decided = Pending, false, true, "", time.Time{}
	by := trust.Principal{ID: "unknown", Name: "a program that registers itself"}
	return s.enrol(ctx, by, c, s.Clock.Now().Add(PendingFor), "program registers itself: ")
}

func (s *Server) enrol(ctx context.Context, by trust.Principal, c Client, expires time.Time, what string) (Client, string, error) {
	now := s.Clock.Now()
	if c.ID == "" || by.Role != trust.SystemRole {
		c.ID = ident.New(now)
	}
	c.Created = now
	if err := s.check(&c); err != nil {
		return Client{}, "", err
	}
	k, secret := kept{Client: c}, ""
	if c.Auth == AuthBasic || c.Auth == AuthPost {
		secret = ident.Secret()
		k.Secret = digest(secret)
	}
	w, err := write(spaceClient, c.ID, owner(c), k, expires, 0)
	if err != nil {
		return Client{}, "", err
	}
	return c, secret, s.commit(ctx, s.leaf(by, ledger.Account, c.ID, what+c.Name), w)
}

func owner(c Client) string {
	if c.Status == Pending {
		return string(Pending)
	}
	return "client"
}

// check holds a program to the rules; it fills in what has a usual value.
func (s *Server) check(c *Client) error {
	bad := func(text string) error { return refuse("invalid_client_metadata", text) }
	c.Name, c.About = strings.TrimSpace(c.Name), strings.TrimSpace(c.About)
	if !readable(c.Name, 1, 80) || !readable(c.About, 0, 300) {
		return bad("The program needs a name of at most 80 characters, and says about itself at most 300.")
	}
	for _, contact := range c.Contacts {
		if !readable(contact, 1, 200) || len(c.Contacts) > 5 {
			return bad("There are at most 5 contacts of 200 characters.")
		}
	}
	if !slices.Contains(Auths, c.Auth) {
		return bad("The way to prove who the program is must be one of " + strings.Join(Auths, ", ") + ".")
	}
	if c.Home != "" && !webAddress(c.Home) || c.Launch != "" && !webAddress(c.Launch) {
		return bad("Web page and launch address begin with https:// (http:// on this machine only).")
	}
	if len(c.Redirects) > 10 || len(c.Redirects) == 0 && !c.Backend() && !systemOnly(c.Scopes) {
		return refuse("invalid_redirect_uri", "The program needs 1 to 10 addresses to come back to.")
	}
	for _, r := range c.Redirects {
		if !redirectable(r) {
			return refuse("invalid_redirect_uri", "An address to come back to begins with https:// (http:// on this machine only) or with a scheme of the program's own such as com.example.app:/, and has no # in it.")
		}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = Usual
	}
	for _, scope := range c.Scopes {
		if !slices.Contains(special, scope) && !IsResource(scope) {
			return bad("The scope " + clip(scope) + " is not one of SMART App Launch, or not of FHIR R4.")
		}
	}
	if c.Backend() && (c.Auth != AuthKey || !slices.Contains(BackendRoles, c.Role)) {
		return bad("A backend service proves who it is with a key (private_key_jwt) and acts with the rights of a role of the clinic.")
	}
	if c.Auth != AuthKey {
		c.JWKS, c.JWKSURI = nil, ""
		return nil
	}
	if (len(c.JWKS) == 0) == (c.JWKSURI == "") {
		return bad("A program with a key gives its public keys, or the address where they are, not both.")
	}
	if c.JWKSURI != "" {
		if _, err := s.Guard.URL(c.JWKSURI); err != nil {
			return bad("The address of the keys cannot be used: it begins with https:// and is a public one.")
		}
		return nil
	}
	_, err := publicKeys(c.JWKS)
	return err
}

func systemOnly(scopes []string) bool {
	return len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s string) bool { return !strings.HasPrefix(s, "system/") })
}

func readable(s string, least, most int) bool {
	return len(s) >= least && len([]rune(s)) <= most && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0x202e || r == 0xfffd })
}

func clip(s string) string { return fault.Clip(s, 60) }

// webAddress reports an https address, or a plain one on this machine.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 500 || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(s, " #\\\t\r\n") {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// redirectable reports an address that a code may be sent to.
func redirectable(s string) bool {
	if webAddress(s) {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && len(s) <= 500 && strings.Contains(u.Scheme, ".") && u.Fragment == "" && !strings.ContainsAny(s, " #\\\t\r\n;,'\"")
}

func (s *Server) load(ctx context.Context, id string) (kept, error) {
	var k kept
	if id == "" || len(id) > 100 {
		return k, noProgram()
	}
	version, found, err := s.read(ctx, spaceClient, id, &k)
	if err == nil && !found {
		err = noProgram()
	}
	k.version = version
	return k, err
}

func noProgram() error { return fault.New(fault.NotFound, "There is no such program.") }

// Client returns a program; fault.NotFound when there is none.
func (s *Server) Client(ctx context.Context, id string) (Client, error) {
	k, err := s.load(ctx, id)
	return k.Client, err
}

// Name is what a program is called, also when it may work no more; fault.NotFound when there is none.
func (s *Server) Name(ctx context.Context, id string) (string, error) {
	c, err := s.Client(ctx, id)
	return c.Name, err
}

// Clients returns all programs, those that wait first, then by name.
func (s *Server) Clients(ctx context.Context, by trust.Principal) ([]Client, error) {
	if err := keepsPrograms(by); err != nil && by.Role != trust.Auditor {
		return nil, err
	}
	return s.clients(ctx)
}

func (s *Server) clients(ctx context.Context) ([]Client, error) {
	items, err := s.Store.Items(ctx, spaceClient, "")
	if err != nil {
		return nil, err
	}
	var out []Client
	for _, item := range items {
		var k kept
		if err := json.Unmarshal(item.Value, &k); err != nil {
			return nil, err
		}
		out = append(out, k.Client)
	}
	slices.SortFunc(out, func(a, b Client) int {
		if (a.Status == Pending) != (b.Status == Pending) {
			if a.Status == Pending {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// Gallery returns the programs that are offered to a person: approved, with an address to
// start them at.
func (s *Server) Gallery(ctx context.Context, who trust.Principal) ([]Client, error) {
	all, err := s.clients(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c Client) bool {
		return c.Status != Approved || c.Launch == "" || !c.offered(who)
	}), nil
}

func (c Client) offered(who trust.Principal) bool {
	if who.Role == trust.Patient {
		return c.Patients
	}
	return c.Staff && who.Role != ""
}

// MayUse is fault.Forbidden for a person whom the clinic does not let use a program.
func (c Client) MayUse(who trust.Principal) error {
	switch {
	case c.offered(who):
		return nil
	case c.Patients:
		return fault.New(fault.Forbidden, "The clinic lets only patients use the program %s.", c.Name)
	case c.Staff:
		return fault.New(fault.Forbidden, "The clinic lets only its staff use the program %s.", c.Name)
	}
	return fault.New(fault.Forbidden, "The clinic lets nobody use the program %s yet. Its administrators say who may.", c.Name)
}

// Decision is what an administrator decides about a program.
type Decision struct {
	Status   Status
	Checked  bool       // the clinic knows who made it
	Patients bool       // patients may use it,
	Staff    bool       // staff may
	Role     trust.Role // of a backend service
	// Population and Purpose say for whom and what for a backend service works.
	Population Population
	Purpose    trust.Purpose
}

// Decide approves or blocks a program. Blocking ends all that it holds, at once.
func (s *Server) Decide(ctx context.Context, by trust.Principal, id string, d Decision) error {
	if err := keepsPrograms(by); err != nil {
		return err
	}
	if d.Status != Approved && d.Status != Blocked {
		return fault.New(fault.Invalid, "A program is approved or blocked.")
	}
	if d.Status == Approved && d.Role != "" {
		if d.Purpose != "" && !slices.Contains(Purposes, d.Purpose) {
			return fault.New(fault.Invalid, "Choose what the service works for.").At("purpose")
		}
		if err := s.checkPopulation(ctx, d.Population); err != nil {
			return err
		}
	}
	return again(func() error {
		k, err := s.load(ctx, id)
		if err != nil {
			return err
		}
		k.Status, k.Decided, k.By = d.Status, s.Clock.Now(), by.Name
		if d.Status == Approved {
			k.Checked, k.Patients, k.Staff = d.Checked, d.Patients, d.Staff
			if systemOnly(k.Scopes) {
				k.Role, k.Population, k.Purpose = d.Role, d.Population, d.Purpose
			}
			if err := s.check(&k.Client); err != nil {
				return err
			}
		}
		w, err := write(spaceClient, k.ID, owner(k.Client), k, time.Time{}, k.version)
		if err != nil {
			return err
		}
		items := []store.ItemWrite{w}
		if d.Status == Blocked {
			gone, err := s.grantsOf(ctx, k.ID)
			if err != nil {
				return err
			}
			items = append(items, gone...)
		}
		return s.commit(ctx, s.leaf(by, ledger.Account, k.ID, string(d.Status)+": program "+k.Name+k.served()), items...)
	})
}

// Credentials are what a program sends to say who it is.
type Credentials struct {
	Header     string // of Authorization
	Parameters url.Values
}

// assertionType is the one kind of client_assertion there is (RFC 7523).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Prove finds out which program asks. Only the way that it registered with counts, so that
// knowing the id of a program with a secret is worth nothing. A program that is not approved
// proves nothing.
func (s *Server) Prove(ctx context.Context, at Place, c Credentials) (Client, error) {
	p := c.Parameters
	id, way, secret := p.Get("client_id"), AuthNone, ""
	ways := 0
	if c.Header != "" {
		user, password, ok := basic(c.Header)
		if !ok || id != "" && id != user {
			return Client{}, unknownClient()
		}
		id, secret, way, ways = user, password, AuthBasic, ways+1
	}
	if p.Has("client_secret") {
		secret, way, ways = p.Get("client_secret"), AuthPost, ways+1
	}
	if p.Has("client_assertion") || p.Has("client_assertion_type") {
		way, ways = AuthKey, ways+1
	}
	if ways > 1 {
		return Client{}, refuse("invalid_request", "A program proves who it is in one way, not in several at once.")
	}
	if way == AuthKey {
		if p.Get("client_assertion_type") != assertionType {
			return Client{}, refuse("invalid_client", "client_assertion_type must be "+assertionType+".")
		}
		return s.proveByKey(ctx, at, id, p.Get("client_assertion"))
	}
	if id == "" && way == AuthNone && p.Get("grant_type") == "refresh_token" {
		var err error
		if id, err = s.clientOf(ctx, p.Get("refresh_token")); err != nil {
			return Client{}, err
		}
	}
	k, err := s.load(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return Client{}, unknownClient()
	}
	if err != nil {
		return Client{}, err
	}
	right := k.Auth == way && (way == AuthNone || subtle.ConstantTimeCompare([]byte(digest(secret)), []byte(k.Secret)) == 1)
	return s.proven(ctx, k, right)
}

// clientOf returns the program that a refresh token belongs to. SMART's table of a refresh has
// no client_id, so that a program without a secret may leave it out; one that has a secret
// must prove itself all the same.
func (s *Server) clientOf(ctx context.Context, token string) (string, error) {
	var r refreshing
	_, found, err := s.read(ctx, spaceRefresh, digest(token), &r)
	if err != nil || !found {
		return "", cmpError(err, refuse("invalid_grant", "The refresh token is not known, or its access has ended."))
	}
	g, _, err := s.grant(ctx, r.Grant)
	return g.Client, err
}

// proven returns the program when its proof is right and the clinic lets it in.
func (s *Server) proven(ctx context.Context, k kept, right bool) (Client, error) {
	if right && k.Status == Approved {
		return k.Client, nil
	}
	if s.tells(k.ID) {
		l := s.leaf(servicePrincipal(k.Client), ledger.SignIn, k.ID, "program proves who it is")
		l.Outcome = string(fault.Unauthorized)
		if err := s.commit(ctx, l); err != nil {
			return Client{}, err
		}
	}
	return Client{}, unknownClient()
}

// failureEvery is how often the failure of a program to prove itself is audited. The id of a
// program is no secret: whoever knows it must not fill the log.
const failureEvery = 10 * time.Second

// tells reports whether a failure of a program is to be audited now.
func (s *Server) tells(id string) bool {
	now := s.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.failed[id]; known && now.Sub(last) < failureEvery && !now.Before(last) {
		return false
	}
	if len(s.failed) >= maxSets {
		clear(s.failed)
	}
	s.failed[id] = now
	return true
}

func unknownClient() error {
	return refuse("invalid_client", "The program is not known here, is not approved, or did not prove who it is.")
}

// basic reads the credentials of HTTP Basic, form-encoded as RFC 6749 2.3.1 wants them.
func basic(header string) (user, password string, ok bool) {
	if len(header) > 2000 {
		return "", "", false
	}
	user, password, ok = parseBasic(header)
	if !ok {
		return "", "", false
	}
	u, err1 := url.QueryUnescape(user)
	p, err2 := url.QueryUnescape(password)
	return u, p, err1 == nil && err2 == nil && u != ""
}

// servicePrincipal is a program acting by itself.
func servicePrincipal(c Client) trust.Principal {
	return trust.Principal{ID: "client:" + c.ID, Name: c.Name, Role: c.Role, Purpose: cmp.Or(c.Purpose, trust.Operations), Client: c.ID, Service: &trust.Service{Patients: []string{}}}
}
