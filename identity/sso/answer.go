package sso

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// Answer is what the provider says of somebody, verified.
type Answer struct {
	Ask
	Who          identity.Federated
	User         string // the name that the person uses there, for a proposal
	Given        string
	Family       string
	Email        string
	Role         trust.Role // that Provider.Roles gives, "" for none
	ProviderName string
}

// claims are what an ID token holds beside what go-oidc checks.
type claims struct {
	Azp      string    `json:"azp"`
	ACR      string    `json:"acr"`
	AMR      []string  `json:"amr"`
	AuthTime float64   `json:"auth_time"`
	Session  string    `json:"sid"`
	Name     string    `json:"name"`
	Given    string    `json:"given_name"`
	Family   string    `json:"family_name"`
	User     string    `json:"preferred_username"`
	Email    string    `json:"email"`
	at       time.Time // AuthTime
}

// Finish reads the answer with which the browser comes back. Every fault of it is
// fault.Unauthorized, or fault.Forbidden where the provider did not ask for enough.
func (s *Single) Finish(ctx context.Context, kept string, query url.Values, back string) (Answer, error) {
	st, err := s.kept(kept)
	if err != nil {
		return Answer{}, err
	}
	h, err := s.house(ctx)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Ask: st.Ask, ProviderName: h.provider.Name}
	if err := s.came(ctx, h, st, query, back); err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(h.reach(ctx), reachFor)
	defer cancel()
	tokens, err := h.oauth(st.Back).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(st.Verifier))
	if err != nil {
		return a, s.refused(ctx, h, "the code was not redeemed", redeeming(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" || len(raw) > maxToken {
		return a, s.refused(ctx, h, "no ID token", nil)
	}
	token, err := s.verifier(h).Verify(ctx, raw)
	if err != nil {
		return a, s.refused(ctx, h, "the ID token", err)
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return a, s.refused(ctx, h, "the claims", err)
	}
	c.at = time.Unix(int64(c.AuthTime), 0)
	if err := s.fits(ctx, h, st, token, c, tokens.AccessToken); err != nil {
		return a, err
	}
	full, err := factors(h.provider, c)
	if err != nil {
		s.note(ctx, fmt.Sprintf("no second factor: the provider said acr %q, amr %q", c.ACR, c.AMR))
		return a, err
	}
	a.Who = identity.Federated{Issuer: token.Issuer, Subject: token.Subject, Name: people(c), Session: c.Session, Full: full, Once: st.State}
	a.User, a.Given, a.Family, a.Email = c.User, c.Given, c.Family, c.Email
	var all map[string]any
	if err := token.Claims(&all); err != nil {
		return a, s.refused(ctx, h, "the claims", err)
	}
	a.Role = h.provider.Role(values(all, h.provider.Claim))
	return a, nil
}

// came checks what the browser brings: nothing is sent to the provider before it fits.
func (s *Single) came(ctx context.Context, h *house, st state, q url.Values, back string) error {
	switch got := q.Get("iss"); {
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(st.State)) != 1 || len(q["state"]) != 1:
		return s.refused(ctx, h, "the state", nil)
	case st.Issuer != h.provider.Issuer || st.Back != back:
		return s.refused(ctx, h, "the question was for another provider or address", nil)
	case got != "" && got != h.provider.Issuer || got == "" && h.about.NamesIssuer: // RFC 9207, mix-up
		return s.refused(ctx, h, "the issuer that answers", nil)
	case q.Get("error") == "access_denied":
		return fault.New(fault.Unauthorized, "The sign-in of the hospital was not finished, or it does not let you into Osler.")
	case q.Get("error") != "":
		return s.refused(ctx, h, "the provider answers with an error", fault.New(fault.Unauthorized, "%s", knownError(q.Get("error"))))
	case q.Get("code") == "" || len(q["code"]) != 1:
		return s.refused(ctx, h, "no code", nil)
	}
	return nil
}

// knownError is an error code that a provider answers with (RFC 6749, OpenID Connect Core 3.1.2.6). What
// a browser brings may be written by anybody: nothing else is repeated.
func knownError(code string) string {
	if slices.Contains([]string{"invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error", "temporarily_unavailable",
		"interaction_required", "login_required", "account_selection_required", "consent_required", "invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported"}, code) {
		return code
	}
	return "a code that no standard knows"
}

// fits checks the ID token beyond its signature, issuer, audience and expiry.
func (s *Single) fits(ctx context.Context, h *house, st state, t *oidc.IDToken, c claims, access string) error {
	now := s.Clock.Now()
	switch {
	case t.Subject == "" || len(t.Subject) > 255:
		return s.refused(ctx, h, "the subject", nil)
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(st.Nonce)) != 1:
		return s.refused(ctx, h, "the nonce", nil)
	case c.Azp != "" && c.Azp != h.provider.Client || len(t.Audience) > 1 && c.Azp == "":
		return s.refused(ctx, h, "the authorized party", nil)
	case t.IssuedAt.Before(st.Begun.Add(-slack)) || t.IssuedAt.After(now.Add(slack)):
		return s.refused(ctx, h, "the time of issue", nil)
	case st.For.anew() && (c.AuthTime == 0 || c.at.Before(st.Begun.Add(-slack)) || c.at.After(now.Add(slack))):
		return s.refused(ctx, h, "the provider did not ask anew", nil)
	}
	if t.AccessTokenHash != "" {
		if err := t.VerifyAccessToken(access); err != nil {
			return s.refused(ctx, h, "the hash of the access token", err)
		}
	}
	return nil
}

// factors reports whether the provider stands for all factors. Where it has to and does not say
// so, nobody comes in.
func factors(p identity.Provider, c claims) (bool, error) {
	if !p.Proves() {
		return false, nil
	}
	if len(p.ACR) > 0 && !slices.Contains(p.ACR, c.ACR) ||
		len(p.AMR) > 0 && !slices.ContainsFunc(c.AMR, func(m string) bool { return slices.Contains(p.AMR, m) }) {
		return false, fault.New(fault.Forbidden, "The sign-in of the hospital did not ask you for a second factor, which Osler needs. Set one up there, then try again.")
	}
	return true, nil
}

// refused says that an answer is not accepted; what was wrong is for the log and the administrator.
func (s *Single) refused(ctx context.Context, h *house, what string, err error) error {
	s.Log.Warn("single sign-on: an answer was refused", "issuer", h.provider.Issuer, "what", what, "error", short(err))
	if err != nil {
		what += ": " + short(err)
	}
	s.note(ctx, "an answer was refused: "+what)
	return fault.New(fault.Unauthorized, "The answer of the hospital's sign-in could not be accepted. Begin again; if it happens twice, tell an administrator.")
}

// redeeming keeps the provider's error code and leaves the rest of its answer out of the log.
func redeeming(err error) error {
	if e, ok := err.(*oauth2.RetrieveError); ok {
		return fault.New(fault.Unauthorized, "the provider says %q", e.ErrorCode)
	}
	return err
}

func people(c claims) string {
	for _, name := range []string{c.Name, strings.TrimSpace(c.Given + " " + c.Family), c.User, c.Email} {
		if name != "" {
			return clipped(name)
		}
	}
	return ""
}

// clipped bounds what the provider writes into a page.
func clipped(s string) string {
	if r := []rune(s); len(r) > 120 {
		return string(r[:120])
	}
	return s
}

// values are the texts of a claim, which is named as it is or by its way: "realm_access.roles".
func values(all map[string]any, claim string) []string {
	v, ok := all[claim]
	if !ok {
		if first, rest, more := strings.Cut(claim, "."); more {
			inner, _ := all[first].(map[string]any)
			return values(inner, rest)
		}
	}
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if text, ok := x.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}

// LoggedOut reads a logout token, with which the provider says by itself that somebody left
// (OpenID Connect Back-Channel Logout 1.0), and ends the sessions here. It returns how many.
func (s *Single) LoggedOut(ctx context.Context, raw string) (int, error) {
	h, err := s.house(ctx)
	if err != nil {
		return 0, err
	}
	if raw == "" || len(raw) > maxToken {
		return 0, s.refused(ctx, h, "no logout token", nil)
	}
	token, err := s.verifier(h).VerifyLogout(ctx, raw)
	if err != nil {
		s.Log.Warn("single sign-on: a logout token", "error", short(err)) // anybody may have written it
		return 0, s.refused(ctx, h, "the logout token", nil)
	}
	if age := s.Clock.Now().Sub(token.IssuedAt); age > logoutFor || age < -slack {
		return 0, s.refused(ctx, h, "the time of the logout token", nil)
	}
	return s.Accounts.EndFederated(ctx, identity.Federated{Issuer: token.Issuer, Subject: token.Subject, Session: token.SessionID, Once: token.TokenID})
}
