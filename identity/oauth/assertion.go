package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

// Limits of assertions (RFC 7523, SMART "Client Authentication: Asymmetric").
const (
	maxAssertion = 8 << 10
	assertionFor = 5 * time.Minute
	skew         = 30 * time.Second
	maxKeys      = 20
	maxKeySet    = 64 << 10
)

// Algorithms are those by which programs sign. Which one is right is the key's affair, never
// the token's.
var Algorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

// parseBasic is net/http's, for a header alone.
func parseBasic(header string) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
}

// proveByKey judges a client_assertion. Whatever is wrong with it, the answer is the same.
func (s *Server) proveByKey(ctx context.Context, at Place, id, assertion string) (Client, error) {
	if !at.Known { // whoever was given an assertion for himself could show it here under his own name
		return Client{}, refuse("invalid_client", "This server has not been told its own address, so that it cannot tell whether the assertion is meant for it. Start it with --public-url.")
	}
	if len(assertion) > maxAssertion || strings.Count(assertion, ".") != 2 {
		return Client{}, unknownClient()
	}
	token, err := jwt.ParseSigned(assertion, Algorithms)
	if err != nil || len(token.Headers) != 1 {
		return Client{}, unknownClient()
	}
	var unproven jwt.Claims // only says whose keys to look for
	if err := token.UnsafeClaimsWithoutVerification(&unproven); err != nil || unproven.Issuer == "" || id != "" && id != unproven.Issuer {
		return Client{}, unknownClient()
	}
	k, err := s.load(ctx, unproven.Issuer)
	if fault.Is(err, fault.NotFound) {
		return Client{}, unknownClient()
	}
	if err != nil {
		return Client{}, err
	}
	if k.Auth != AuthKey || k.Status != Approved {
		return s.proven(ctx, k, false)
	}
	claims, err := s.verify(ctx, k.Client, token)
	now := s.Clock.Now()
	if err != nil || !fit(claims, k.ID, at.Endpoint("token"), now) {
		return s.proven(ctx, k, false)
	}
	// Two that come with one jti race for this item: one of them fails.
	w, err := write(spaceProof, digest(k.ID+"\x00"+claims.ID), k.ID, true, claims.Expiry.Time().Add(skew+time.Second), 0)
	if err != nil {
		return Client{}, err
	}
	err = s.commit(ctx, s.leaf(servicePrincipal(k.Client), ledger.SignIn, k.ID, "program proves who it is by its key"), w)
	if fault.Is(err, fault.Conflict) {
		return s.proven(ctx, k, false)
	}
	return k.Client, err
}

// fit holds the claims of an assertion to the rules: iss and sub are the program, aud the
// token endpoint alone, exp at most five minutes away, and a jti.
func fit(c jwt.Claims, id, audience string, now time.Time) bool {
	return c.Issuer == id && c.Subject == id && len(c.Audience) == 1 && c.Audience[0] == audience &&
		c.ID != "" && len(c.ID) <= 200 &&
		c.Expiry != nil && now.Before(c.Expiry.Time().Add(skew)) && !c.Expiry.Time().After(now.Add(assertionFor+skew)) &&
		(c.NotBefore == nil || !c.NotBefore.Time().After(now.Add(skew))) &&
		(c.IssuedAt == nil || !c.IssuedAt.Time().After(now.Add(skew)))
}

// verify checks the signature with the registered keys, never with what the token brings
// along.
func (s *Server) verify(ctx context.Context, c Client, token *jwt.JSONWebToken) (jwt.Claims, error) {
	h := token.Headers[0]
	wrong := unknownClient()
	if h.JSONWebKey != nil || h.KeyID == "" {
		return jwt.Claims{}, wrong
	}
	for name, value := range h.ExtraHeaders {
		switch string(name) {
		case "typ":
		case "jku":
			if text, _ := value.(string); text != c.JWKSURI || text == "" {
				return jwt.Claims{}, wrong
			}
		default: // x5u, x5c, crit and whatever else would lead to other keys or rules
			return jwt.Claims{}, wrong
		}
	}
	keys, err := s.keysOf(ctx, c, h.KeyID)
	if err != nil {
		return jwt.Claims{}, err
	}
	for _, key := range keys {
		if key.KeyID != h.KeyID || key.Algorithm != "" && key.Algorithm != h.Algorithm || !suits(key, h.Algorithm) {
			continue
		}
		var claims jwt.Claims
		if err := token.Claims(key.Key, &claims); err == nil {
			return claims, nil
		}
	}
	return jwt.Claims{}, wrong
}

// suits reports whether a key is of the kind that an algorithm needs.
func suits(key jose.JSONWebKey, algorithm string) bool {
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return algorithm == string(jose.RS384)
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES384) && k.Curve == elliptic.P384()
	}
	return false
}

// publicKeys reads a key set: public keys of the two kinds only.
func publicKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set jose.JSONWebKeySet
	if len(text) > maxKeySet || json.Unmarshal(text, &set) != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, refuse("invalid_client_metadata", "The key set cannot be read: it is a JSON object with 1 to 20 keys.")
	}
	for _, k := range set.Keys {
		ok := k.Valid() && k.IsPublic() && k.KeyID != "" && (k.Use == "" || k.Use == "sig")
		switch key := k.Key.(type) {
		case *rsa.PublicKey:
			ok = ok && key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192
		case *ecdsa.PublicKey:
			ok = ok && key.Curve == elliptic.P384()
		default:
			ok = false
		}
		if !ok {
			return nil, refuse("invalid_client_metadata", "Every key is a public one with a kid: RSA of 2048 bits or more, or EC on the curve P-384.")
		}
	}
	return set.Keys, nil
}

// fetchedKeys is a key set that was fetched.
type fetchedKeys struct {
	at   time.Time
	keys []jose.JSONWebKey
	err  error
}

// Fetched key sets are used for a while; one that lacks a key, or could not be had, is
// fetched again, but not at every request.
const (
	keysFor    = 5 * time.Minute
	keysNotFor = 15 * time.Second
	maxSets    = 200
)

// keysOf returns the keys of a program.
func (s *Server) keysOf(ctx context.Context, c Client, kid string) ([]jose.JSONWebKey, error) {
	if c.JWKSURI == "" {
		return publicKeys(c.JWKS)
	}
	now := s.Clock.Now()
	s.mu.Lock()
	had, known := s.sets[c.JWKSURI]
	s.mu.Unlock()
	age := now.Sub(had.at)
	has := slices.ContainsFunc(had.keys, func(k jose.JSONWebKey) bool { return k.KeyID == kid })
	if known && age >= 0 && (has && age < keysFor || age < keysNotFor) {
		return had.keys, had.err
	}
	keys, err := s.fetchKeys(ctx, c.JWKSURI)
	s.mu.Lock()
	if len(s.sets) >= maxSets {
		clear(s.sets)
	}
	s.sets[c.JWKSURI] = fetchedKeys{now, keys, err}
	s.mu.Unlock()
	return keys, err
}

func (s *Server) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.fetch.Do(r)
	if err != nil {
		s.Log.Info("the keys of a program cannot be fetched", "error", err.Error())
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, refuse("invalid_client", "The keys of the program cannot be fetched.")
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	return publicKeys(text)
}
