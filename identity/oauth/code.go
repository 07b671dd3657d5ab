package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Request is what a program asks a person for, examined.
type Request struct {
	Client   Client
	Redirect string
	State    string
	// Scopes are those asked for that the program can have at all.
	Scopes []string
	// Patient and Visit are those of the chart from which the program was started; "" for a
	// program that was started by itself.
	Patient, Visit string

	issuer           string
	nonce, challenge string
	launch           *launched
}

// NeedsPatient reports whether somebody must say which patient it is about.
func (r Request) NeedsPatient() bool { return r.launch == nil && ofPatient(r.Scopes) }

// Answer is where the browser goes with what became of the request. It says who answers (RFC
// 9207), so that a program which works with several servers does not take one's code to another.
func (r Request) Answer(parameters url.Values) string {
	u, err := url.Parse(r.Redirect)
	if err != nil { // it was registered, so it can be read
		return r.Redirect
	}
	q := u.Query()
	for name, values := range parameters {
		q[name] = values
	}
	if r.State != "" {
		q.Set("state", r.State)
	}
	q.Set("iss", r.issuer)
	u.RawQuery = q.Encode()
	return u.String()
}

// maxParameter is the longest parameter of an authorization request.
const maxParameter = 4 << 10

// Examine holds an authorization request to the rules of OAuth 2.1 and SMART. An *Error with
// Tell goes back to the program by Request.Answer; without, the address to go back to is not
// to be trusted and only the person is told.
func (s *Server) Examine(ctx context.Context, at Place, p url.Values) (Request, error) {
	r := Request{issuer: at.Issuer()}
	for name, values := range p {
		if len(values) > 1 {
			return r, refuse("invalid_request", "The parameter "+clip(name)+" is given more than once.")
		}
		if len(values[0]) > maxParameter {
			return r, refuse("invalid_request", "The parameter "+clip(name)+" is too long.")
		}
	}
	k, err := s.load(ctx, p.Get("client_id"))
	if fault.Is(err, fault.NotFound) {
		return r, refuse("invalid_request", "The program that sent you is not registered here.")
	}
	if err != nil {
		return r, err
	}
	r.Client = k.Client
	switch {
	case k.Status == Pending:
		return r, refuse("unauthorized_client", "The clinic has not approved the program "+k.Name+" yet. Its administrators see it in their list.")
	case k.Status != Approved:
		return r, refuse("unauthorized_client", "The clinic has blocked the program "+k.Name+".")
	case k.Backend() || len(k.Redirects) == 0:
		return r, refuse("unauthorized_client", "The program is a service that people do not use.")
	case !slices.Contains(k.Redirects, p.Get("redirect_uri")):
		return r, refuse("invalid_request", "The program gave an address to come back to that is not registered for it.")
	}
	r.Redirect, r.State, r.nonce, r.challenge = p.Get("redirect_uri"), p.Get("state"), p.Get("nonce"), p.Get("code_challenge")
	tell := func(code, text string) (Request, error) { return r, &Error{Code: code, Text: text, Tell: true} }
	switch {
	case p.Get("response_type") != "code":
		return tell("unsupported_response_type", "response_type must be code.")
	case p.Get("response_mode") != "" && p.Get("response_mode") != "query":
		return tell("invalid_request", "response_mode can only be query.")
	case p.Get("request") != "" || p.Get("request_uri") != "":
		return tell("request_not_supported", "Requests as objects are not supported.")
	case r.State == "":
		return tell("invalid_request", "state is missing.")
	case p.Get("code_challenge_method") != "S256":
		return tell("invalid_request", "PKCE is needed: code_challenge_method must be S256.")
	case !challenge(r.challenge):
		return tell("invalid_request", "PKCE is needed: code_challenge is the SHA-256 of the verifier in base64url, 43 characters.")
	case p.Get("aud") != at.FHIR && p.Get("aud") != at.FHIR+"/":
		return tell("invalid_request", "aud must be the address of this FHIR server: "+at.FHIR+".")
	}
	asked, err := split(p.Get("scope"))
	if err != nil {
		return tell("invalid_scope", "There are too many scopes.")
	}
	r.Scopes = within(k.Scopes, asked, false)
	launch := p.Get("launch")
	if launch == "" { // only a chart can give this context
		r.Scopes = slices.DeleteFunc(r.Scopes, func(s string) bool { return s == LaunchVisit })
	}
	switch {
	case !slices.ContainsFunc(r.Scopes, func(s string) bool { return IsResource(s) || s == OpenID }):
		return tell("invalid_scope", "None of the scopes is one that the program can have.")
	case (launch != "") != slices.Contains(r.Scopes, Launch):
		return tell("invalid_request", "The parameter launch and the scope launch go together, when a program is started from a chart.")
	case launch == "":
		return r, nil
	}
	if r.launch, err = s.launch(ctx, launch, k.ID); err != nil {
		return r, err
	}
	r.Patient, r.Visit = r.launch.Patient, r.launch.Visit
	return r, nil
}

// challenge reports the form of an S256 code challenge.
func challenge(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// Consent is what a person agreed to.
type Consent struct {
	Scopes  []string // of Request.Scopes
	Patient string   // whom staff chose, when the request needs a patient
}

// code is what the store keeps of an authorization code.
type code struct {
	Grant     grant     `json:"grant"`
	Challenge string    `json:"challenge"`
	Redirect  string    `json:"redirect"`
	Until     time.Time `json:"until"`
	Used      bool      `json:"used,omitempty"`
}

// Issue turns a person's consent into a code that works once, for 60 seconds. That staff may
// see the patient whom they chose is the caller's to check.
func (s *Server) Issue(ctx context.Context, who trust.Principal, r Request, c Consent) (string, error) {
	if who.Role == "" || who.Role == trust.SystemRole || len(who.Scopes) > 0 || who.Client != "" {
		return "", fault.New(fault.Forbidden, "Only a person who is signed in lets a program in.")
	}
	if err := r.Client.MayUse(who); err != nil {
		return "", err
	}
	if !subset(c.Scopes, r.Scopes) {
		return "", fault.New(fault.Forbidden, "Nobody gives a program more than it asked for.")
	}
	if !slices.ContainsFunc(c.Scopes, func(s string) bool { return IsResource(s) || s == OpenID }) {
		return "", fault.New(fault.Invalid, "Nothing is left that the program could do. Leave something ticked, or refuse.")
	}
	now := s.Clock.Now()
	g := grant{ID: ident.New(now), Client: r.Client.ID, Account: who.ID, Scopes: c.Scopes, Session: who.Session, Nonce: r.nonce, Created: now}
	var items []store.ItemWrite
	switch {
	case r.launch != nil && r.launch.Account != who.ID:
		return "", fault.New(fault.Forbidden, "Somebody else started this program. Start it again from the chart.")
	case r.launch != nil:
		g.Patient, g.Visit = r.launch.Patient, r.launch.Visit
		items = append(items, remove(spaceLaunch, r.launch.key, r.launch.version)) // it works once
	case who.Role == trust.Patient:
		if c.Patient != "" && c.Patient != who.Patient {
			return "", fault.New(fault.NotFound, "There is no such record.")
		}
		if ofPatient(c.Scopes) {
			g.Patient = who.Patient
		}
	case ofPatient(c.Scopes):
		if c.Patient == "" {
			return "", fault.New(fault.Invalid, "Choose the patient whom the program is about.")
		}
		g.Patient = c.Patient
	}
	secret := ident.Secret()
	until := now.Add(CodeFor)
	// A used code is remembered for a while, so that its second use is seen.
	w, err := write(spaceCode, digest(secret), who.ID, code{Grant: g, Challenge: r.challenge, Redirect: r.Redirect, Until: until}, now.Add(time.Hour), 0)
	if err != nil {
		return "", err
	}
	err = s.commit(ctx, s.leaf(who, ledger.Account, r.Client.ID, "agree that "+r.Client.Name+" may "+strings.Join(c.Scopes, " "), g.Patient), append(items, w)...)
	if fault.Is(err, fault.Conflict) {
		return "", fault.New(fault.Conflict, "The program was started twice. Start it again from the chart.")
	}
	return secret, err
}

// Redeem gives tokens for a code (RFC 6749 4.1.3 with PKCE). A code that comes a second time
// ends what its first use opened: somebody has stolen it.
func (s *Server) Redeem(ctx context.Context, at Place, client Client, p url.Values) (Tokens, error) {
	wrong := refuse("invalid_grant", "The code is not one of this program, was used, or is over.")
	var c code
	key := digest(p.Get("code"))
	version, found, err := s.read(ctx, spaceCode, key, &c)
	if err != nil {
		return Tokens{}, err
	}
	if !found || c.Grant.Client != client.ID {
		return Tokens{}, wrong
	}
	if c.Used {
		return Tokens{}, cmpError(s.kill(ctx, c.Grant.ID, "code used twice"), wrong)
	}
	if !s.Clock.Now().Before(c.Until) {
		return Tokens{}, wrong
	}
	if p.Get("redirect_uri") != c.Redirect {
		return Tokens{}, refuse("invalid_grant", "redirect_uri is not that of the authorization request.")
	}
	if !answers(p.Get("code_verifier"), c.Challenge) {
		return Tokens{}, refuse("invalid_grant", "code_verifier does not belong to the code_challenge.")
	}
	who, err := s.person(ctx, client, c.Grant)
	if err != nil {
		return Tokens{}, err
	}
	c.Used = true
	used, err := write(spaceCode, key, c.Grant.Account, c, s.Clock.Now().Add(time.Hour), version)
	if err != nil {
		return Tokens{}, err
	}
	t, items, err := s.open(ctx, at, client, who, &c.Grant)
	if err != nil {
		return Tokens{}, err
	}
	err = s.commit(ctx, s.leaf(who, ledger.Account, client.ID, "program "+client.Name+" receives its tokens", c.Grant.Patient), append(items, used)...)
	if fault.Is(err, fault.Conflict) { // two at once with one code
		return Tokens{}, cmpError(s.kill(ctx, c.Grant.ID, "code used twice"), wrong)
	}
	return t, err
}

// answers reports whether a verifier has the form of RFC 7636 4.1 and belongs to a challenge.
func answers(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	}) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
