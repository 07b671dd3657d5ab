package smart

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity/oauth"
)

// prove reads the parameters of a request and finds out which program asks.
func (d *Door) prove(r *http.Request) (oauth.Client, url.Values, error) {
	p, err := form(r)
	if err != nil {
		return oauth.Client{}, nil, err
	}
	c, err := d.Server.Prove(r.Context(), d.place(r), oauth.Credentials{Header: r.Header.Get("Authorization"), Parameters: p})
	return c, p, err
}

// token gives tokens: for a code, for a refresh token, or to a backend service for itself.
func (d *Door) token(w http.ResponseWriter, r *http.Request) error {
	c, p, err := d.prove(r)
	if err != nil {
		return err
	}
	var t oauth.Tokens
	switch p.Get("grant_type") {
	case "authorization_code":
		t, err = d.Server.Redeem(r.Context(), d.place(r), c, p)
	case "refresh_token":
		t, err = d.Server.Refresh(r.Context(), c, p)
	case "client_credentials":
		t, err = d.Server.Serve(r.Context(), d.place(r), c, p)
	default:
		err = &oauth.Error{Code: "unsupported_grant_type", Text: "grant_type is authorization_code, refresh_token or client_credentials."}
	}
	if err != nil {
		return err
	}
	m := map[string]any{"access_token": t.Access, "token_type": "Bearer", "expires_in": int(t.Lifetime.Seconds()), "scope": strings.Join(t.Scopes, " ")}
	for name, value := range map[string]string{"refresh_token": t.Refresh, "id_token": t.ID, "patient": t.Patient, "encounter": t.Visit} {
		if value != "" {
			m[name] = value
		}
	}
	if t.Patient != "" {
		m["need_patient_banner"] = !t.Chart
	}
	answer(w, http.StatusOK, m)
	return nil
}

// introspect tells a program about a token of its own (RFC 7662).
func (d *Door) introspect(w http.ResponseWriter, r *http.Request) error {
	c, p, err := d.prove(r)
	if err != nil {
		return err
	}
	a, err := d.Server.Introspect(r.Context(), c, p.Get("token"))
	if err != nil {
		return err
	}
	if a == nil {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return nil
	}
	at := d.place(r)
	m := map[string]any{"active": true, "scope": strings.Join(a.Scopes, " "), "client_id": a.Client, "sub": a.Subject, "iss": at.Issuer(),
		"exp": a.Until.Unix(), "iat": a.Issued.Unix()}
	if !a.Refresh {
		m["token_type"] = "Bearer"
	}
	if a.Person != "" {
		m["fhirUser"] = at.FHIR + "/" + a.Person
	}
	if a.Patient != "" {
		m["patient"] = a.Patient
	}
	if a.Visit != "" {
		m["encounter"] = a.Visit
	}
	answer(w, http.StatusOK, m)
	return nil
}

// revoke ends a token that a program gives up (RFC 7009). The answer is the same whether there
// was one.
func (d *Door) revoke(w http.ResponseWriter, r *http.Request) error {
	c, p, err := d.prove(r)
	if err != nil {
		return err
	}
	if p.Get("token") == "" {
		return &oauth.Error{Code: "invalid_request", Text: "token is missing."}
	}
	if err := d.Server.Revoke(r.Context(), c, p.Get("token")); err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{})
	return nil
}

// registration is the metadata of RFC 7591, with SMART's launch_uri.
type registration struct {
	Name      string          `json:"client_name,omitempty"`
	Home      string          `json:"client_uri,omitempty"`
	Contacts  []string        `json:"contacts,omitempty"`
	Redirects []string        `json:"redirect_uris,omitempty"`
	Launch    string          `json:"launch_uri,omitempty"`
	Scope     string          `json:"scope,omitempty"`
	Auth      string          `json:"token_endpoint_auth_method,omitempty"`
	Grants    []string        `json:"grant_types,omitempty"`
	Responses []string        `json:"response_types,omitempty"`
	JWKS      json.RawMessage `json:"jwks,omitempty"`
	JWKSURI   string          `json:"jwks_uri,omitempty"`
}

// register takes the registration of a program by itself. It can do nothing until an
// administrator approves it.
func (d *Door) register(w http.ResponseWriter, r *http.Request) error {
	var in registration
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return &oauth.Error{Code: "invalid_client_metadata", Text: "The registration is a JSON object; see RFC 7591."}
	}
	for _, g := range in.Grants {
		if g != "authorization_code" && g != "refresh_token" && g != "client_credentials" {
			return &oauth.Error{Code: "invalid_client_metadata", Text: "grant_types are authorization_code, refresh_token and client_credentials."}
		}
	}
	for _, t := range in.Responses {
		if t != "code" {
			return &oauth.Error{Code: "invalid_client_metadata", Text: "response_types is code."}
		}
	}
	if in.Auth == "" {
		in.Auth = oauth.AuthBasic // RFC 7591 2
	}
	c, secret, err := d.Server.RegisterSelf(r.Context(), oauth.Client{Name: in.Name, Home: in.Home, Contacts: in.Contacts, Redirects: in.Redirects,
		Launch: in.Launch, Scopes: strings.Fields(in.Scope), Auth: in.Auth, JWKS: in.JWKS, JWKSURI: in.JWKSURI}, r.RemoteAddr)
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Unavailable, "Try again.")
	}
	if err != nil {
		return err
	}
	in.Scope, in.Auth = strings.Join(c.Scopes, " "), c.Auth
	out := struct {
		ID      string `json:"client_id"`
		Issued  int64  `json:"client_id_issued_at"`
		Secret  string `json:"client_secret,omitempty"`
		Expires *int64 `json:"client_secret_expires_at,omitempty"`
		registration
	}{ID: c.ID, Issued: c.Created.Unix(), Secret: secret, registration: in}
	if secret != "" {
		out.Expires = new(int64)
	}
	answer(w, http.StatusCreated, out)
	return nil
}
