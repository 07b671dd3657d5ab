package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// A challenge is what a passkey signs. It carries its own proof: 24 random bytes, the time, and
// a code over both and its purpose. Nothing is stored when one is handed out, so that nobody
// fills the store by opening the sign-in page; the one that was answered is remembered until
// it is too old, so that an answer works once.
const (
	challengeFor    = 5 * time.Minute
	challengeRandom = 24
	challengeCode   = 16
	challengeBytes  = challengeRandom + 8 + challengeCode
)

// challenge makes one for a purpose: "sign-in", or "prove" or "register" with the account's id.
func (a *Accounts) challenge(purpose string) []byte {
	b := make([]byte, challengeRandom, challengeBytes)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	b = binary.BigEndian.AppendUint64(b, uint64(a.clock.Now().Unix()))
	return append(b, a.challengeCode(purpose, b)...)
}

func (a *Accounts) challengeCode(purpose string, b []byte) []byte {
	mac := hmac.New(sha256.New, a.options.Key)
	mac.Write([]byte(purpose + "\x00"))
	mac.Write(b)
	return mac.Sum(nil)[:challengeCode]
}

// answered checks that a challenge is ours, young and for this purpose, and returns the write
// that keeps it from being answered again.
func (a *Accounts) answered(purpose string, b []byte) (store.ItemWrite, error) {
	late := fault.New(fault.Unauthorized, "This took too long, or was answered before. Try again.")
	if len(b) != challengeBytes || !hmac.Equal(a.challengeCode(purpose, b[:challengeRandom+8]), b[challengeRandom+8:]) {
		return store.ItemWrite{}, late
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(b[challengeRandom:])), 0)
	if age := a.clock.Now().Sub(made); age > challengeFor || age < -clockSlack {
		return store.ItemWrite{}, late
	}
	return write(spaceAttempt, "challenge/"+digest(string(b)), "", true, made.Add(challengeFor+2*clockSlack), 0)
}

// wasAnswered reports whether a challenge was answered before.
func (a *Accounts) wasAnswered(ctx context.Context, w store.ItemWrite) (bool, error) {
	_, err := a.store.Item(ctx, w.Space, w.Key)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}
