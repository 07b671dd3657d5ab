package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

var site = Relying{Host: "osler.example", Origin: "https://osler.example"}

// device makes and uses passkeys as a phone does (WebAuthn, ES256, no attestation). Its fields
// make it lie.
type device struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	counter uint32
	origin  string
	host    string
	flags   byte
	break_  bool
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &device{t: t, key: key, id: id, origin: site.Origin, host: site.Host, flags: 0x05} // present and verified
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *device) clientData(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	return b
}

func (d *device) authData(flags byte, rest []byte) []byte {
	host := sha256.Sum256([]byte(d.host))
	b := append(host[:], flags)
	b = binary.BigEndian.AppendUint32(b, d.counter)
	return append(b, rest...)
}

// make answers EnrolPasskey.
func (d *device) make(options string) string {
	d.t.Helper()
	var o struct {
		Challenge string
		User      struct{ ID string }
	}
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		d.t.Fatal(err)
	}
	d.handle, _ = base64.RawURLEncoding.DecodeString(o.User.ID)
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: d.key.X.FillBytes(make([]byte, 32)), -3: d.key.Y.FillBytes(make([]byte, 32))})
	if err != nil {
		d.t.Fatal(err)
	}
	rest := append(make([]byte, 16), 0, byte(len(d.id)))
	rest = append(append(rest, d.id...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": d.authData(d.flags|0x40, rest)})
	if err != nil {
		d.t.Fatal(err)
	}
	b, _ := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(d.clientData("webauthn.create", o.Challenge)), "attestationObject": b64(object)}})
	return string(b)
}

// use answers PasskeyChallenge.
func (d *device) use(options string) string {
	d.t.Helper()
	var o struct{ Challenge string }
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		d.t.Fatal(err)
	}
	d.counter++
	data, client := d.authData(d.flags, nil), d.clientData("webauthn.get", o.Challenge)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, signed[:])
	if err != nil {
		d.t.Fatal(err)
	}
	if d.break_ {
		signature[len(signature)-1] ^= 1
	}
	b, _ := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(d.handle)}})
	return string(b)
}

// withPasskey gives an account a passkey.
func (h house) withPasskey(a Account) *device {
	h.t.Helper()
	ctx, me, d := context.Background(), Principal(a, Session{ID: "s"}), newDevice(h.t)
	options, err := h.EnrolPasskey(ctx, me, a.ID, site)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.AddPasskey(ctx, me, a.ID, " My  phone ", site, d.make(options)); err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h house) challengeFor(account string) string {
	h.t.Helper()
	c, err := h.PasskeyChallenge(context.Background(), site, account)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func TestAPasskeySignsInUnlocksAndProves(t *testing.T) {
	h, ctx := open(t), context.Background()
	a := h.account("amara", trust.Physician, "")
	d := h.withPasskey(a)
	s, secret, err := h.SignInPasskey(ctx, site, d.use(h.challengeFor("")), address)
	if err != nil {
		t.Fatal(err)
	}
	if s.Weak || s.How != "passkey" || s.From.Device != "Firefox on Windows" || s.From.Address != "192.0.2.7" {
		t.Errorf("session: %+v", s)
	}
	h.clock.Advance(StaffIdle)
	if _, _, err := h.Session(ctx, secret); state(err) != Idle {
		t.Fatalf("idle: %v", err)
	}
	answer := Proof{Passkey: d.use(h.challengeFor(a.ID)), Relying: site}
	s, secret, err = h.Unlock(ctx, secret, answer, address)
	if err != nil || !s.Full.Equal(h.clock.Now()) || !s.Proved.Equal(h.clock.Now()) {
		t.Fatalf("unlocking: %+v %v", s, err)
	}
	if _, _, err := h.Prove(ctx, secret, answer, address); state(err) != WrongPasskey {
		t.Errorf("an answer proved twice: %v", err)
	}
	h.clock.Advance(time.Minute)
	if _, _, err := h.Prove(ctx, secret, Proof{Passkey: d.use(h.challengeFor(a.ID)), Relying: site}, address); err != nil {
		t.Errorf("proving: %v", err)
	}
	got, err := h.FindByID(ctx, a.ID)
	if err != nil || len(got.Passkeys) != 1 || got.Passkeys[0].Name != "My phone" || !got.Passkeys[0].Used.Equal(h.clock.Now()) {
		t.Errorf("the owner sees %+v, %v", got.Passkeys, err)
	}
	if _, _, err := h.SignIn(ctx, "amara", phrase, "", address); state(err) != NeedsCode {
		t.Errorf("the password alone: %v", err)
	}
}

// TestPasskeysThatAreRefused: every lie of a device or a page, and what was once true.
func TestPasskeysThatAreRefused(t *testing.T) {
	h, ctx := open(t), context.Background()
	amara, ben := h.account("amara", trust.Physician, ""), h.account("ben", trust.Nurse, "")
	good := h.withPasskey(amara)
	h.withPasskey(ben)
	used := good.use(h.challengeFor(""))
	if _, _, err := h.SignInPasskey(ctx, site, used, address); err != nil {
		t.Fatal(err)
	}
	lie := func(change func(*device)) string {
		d := *good
		change(&d)
		answer := d.use(h.challengeFor(""))
		good.counter = d.counter
		return answer
	}
	late := good.use(h.challengeFor(""))
	other := Open(h.store, h.clock, Options{Cost: Cost{KiB: 64, Passes: 1}, Key: []byte("another server's key")})
	foreign, err := other.PasskeyChallenge(ctx, site, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]string{
		"used before":                    used,
		"of a page that imitates Osler":  lie(func(d *device) { d.origin = "https://0sler.example" }),
		"of plain http":                  lie(func(d *device) { d.origin = "http://osler.example" }),
		"for another host":               lie(func(d *device) { d.host = "evil.example" }),
		"without finger, face or PIN":    lie(func(d *device) { d.flags = 0x01 }),
		"without a person":               lie(func(d *device) { d.flags = 0x04 }),
		"with a broken signature":        lie(func(d *device) { d.break_ = true }),
		"of another key":                 lie(func(d *device) { d.key = newDevice(t).key }),
		"for another account":            lie(func(d *device) { d.handle = []byte(ben.ID) }),
		"for an account that is not":     lie(func(d *device) { d.handle = []byte("nobody") }),
		"for an account by its name":     lie(func(d *device) { d.handle = []byte("user/ben") }),
		"of a copy that counts backward": lie(func(d *device) { d.counter = 0 }),
		"to a challenge for a proof":     good.use(h.challengeFor(amara.ID)),
		"to a challenge of nobody":       good.use(foreign),
		"to an invented challenge":       good.use(`{"challenge":"` + b64(make([]byte, challengeBytes)) + `"}`),
		"not JSON":                       "x",
		"empty JSON":                     "{}",
	} {
		good.counter += 10
		if _, _, err := h.SignInPasskey(ctx, site, answer, Place{Address: "198.51.100." + name[:1]}); state(err) != WrongPasskey {
			t.Errorf("a passkey %s: %v", name, err)
		}
	}
	h.clock.Advance(challengeFor + time.Second)
	if _, _, err := h.SignInPasskey(ctx, site, late, address); state(err) != WrongPasskey {
		t.Errorf("an answer after %v: %v", challengeFor, err)
	}
	if err := h.Deactivate(ctx, system, amara.ID); err != nil {
		t.Fatal(err)
	}
	good.counter += 10
	if _, _, err := h.SignInPasskey(ctx, site, good.use(h.challengeFor("")), address); state(err) != WrongPasskey {
		t.Errorf("a disabled account: %v", err)
	}
}

func TestPasskeysAreTheirOwners(t *testing.T) {
	h, ctx := open(t), context.Background()
	a, b := h.account("amara", trust.Physician, ""), h.account("ben", trust.Nurse, "")
	me, him := Principal(a, Session{ID: "s"}), Principal(b, Session{ID: "t"})
	d := newDevice(t)
	options, err := h.EnrolPasskey(ctx, me, a.ID, site)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.EnrolPasskey(ctx, him, a.ID, site); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a passkey for somebody else: %v", err)
	}
	answer := d.make(options)
	if _, err := h.AddPasskey(ctx, him, b.ID, "x", site, answer); err == nil {
		t.Error("an answer for one account made a passkey of another")
	}
	p, err := h.AddPasskey(ctx, me, a.ID, "", site, answer)
	if err != nil || p.Name != "Passkey" {
		t.Fatal(p, err)
	}
	if _, err := h.AddPasskey(ctx, me, a.ID, "", site, answer); err == nil {
		t.Error("one answer made two passkeys")
	}
	if err := h.RemovePasskey(ctx, him, a.ID, p.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("removing another person's passkey: %v", err)
	}
	if err := h.RemovePasskey(ctx, me, a.ID, p.ID); err != nil {
		t.Error(err)
	}
	if _, _, err := h.SignInPasskey(ctx, site, d.use(h.challengeFor("")), address); state(err) != WrongPasskey {
		t.Errorf("a removed passkey: %v", err)
	}
	for where, want := range map[string]bool{"https://osler.example": true, "https://osler.example:8443": true, "http://localhost:8080": true,
		"http://osler.example": false, "http://127.0.0.1:8080": false, "https://192.0.2.1": false, "": false, "osler.example": false} {
		if _, ok := RelyingFor(where); ok != want {
			t.Errorf("passkeys at %q: %v", where, ok)
		}
	}
}
