package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// id_tokens are signed by RS256, which SMART asks every server for. A key signs for 90 days
// and is published for a day longer, until the last token that it signed has ended.
const (
	keyFor     = 90 * 24 * time.Hour
	keyTail    = 24 * time.Hour
	idTokenFor = 10 * time.Minute
	keyBits    = 3072
)

// keyring is what the store keeps of the signing keys, the newest last.
type keyring struct {
	Keys []signing `json:"keys"`
}

type signing struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Sealed  []byte    `json:"sealed"` // the private key as a JWK

	key jose.JSONWebKey
}

// keys returns the signing keys that are published, the one that signs last. It makes a new
// one when there is none or the last is too old.
func (s *Server) keys(ctx context.Context) ([]signing, error) {
	var out []signing
	err := again(func() error {
		var ring keyring
		version, _, err := s.read(ctx, spaceKeys, "signing", &ring)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		ring.Keys = slices.DeleteFunc(ring.Keys, func(k signing) bool { return now.Sub(k.Created) > keyFor+keyTail })
		out = ring.Keys
		if n := len(out); n > 0 && now.Sub(out[n-1].Created) < keyFor {
			return nil
		}
		k, err := s.newKey(now)
		if err != nil {
			return err
		}
		ring.Keys = append(ring.Keys, k)
		out = ring.Keys
		w, err := write(spaceKeys, "signing", "", ring, time.Time{}, version)
		if err != nil {
			return err
		}
		return s.commit(ctx, s.leaf(trust.System("smart"), ledger.Account, "", "new signing key "+k.ID), w)
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		text, err := seal.Open(s.Key, out[i].Sealed, []byte("oauth-key/"+out[i].ID))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &out[i].key); err != nil {
			return nil, fault.Wrap(err, fault.Internal, "A signing key cannot be read.")
		}
	}
	return out, nil
}

func (s *Server) newKey(now time.Time) (signing, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return signing{}, err
	}
	k := signing{ID: ident.New(now), Created: now}
	text, err := json.Marshal(jose.JSONWebKey{Key: private, KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig"})
	if err != nil {
		return signing{}, err
	}
	k.Sealed, err = seal.Seal(s.Key, text, []byte("oauth-key/"+k.ID))
	return k, err
}

// JWKS returns the public keys, for whoever checks an id_token.
func (s *Server) JWKS(ctx context.Context) ([]byte, error) {
	keys, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, k.key.Public())
	}
	return json.Marshal(set)
}

// person claims of an id_token.
type idClaims struct {
	Nonce    string `json:"nonce,omitempty"`
	FHIRUser string `json:"fhirUser,omitempty"`
	Profile  string `json:"profile,omitempty"`
}

// idToken says to a program who the person is.
func (s *Server) idToken(ctx context.Context, at Place, client Client, who trust.Principal, g grant) (string, error) {
	keys, err := s.keys(ctx)
	if err != nil {
		return "", err
	}
	k := keys[len(keys)-1].key
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: k}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := s.Clock.Now()
	claims := jwt.Claims{Issuer: at.Issuer(), Subject: g.Account, Audience: jwt.Audience{client.ID},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(idTokenFor))}
	more := idClaims{Nonce: g.Nonce}
	if ref := who.Reference(); ref != "" && (g.has(FHIRUser) || g.has(Profile)) {
		more.FHIRUser, more.Profile = at.FHIR+"/"+ref, at.FHIR+"/"+ref
	}
	return jwt.Signed(signer).Claims(claims).Claims(more).Serialize()
}
