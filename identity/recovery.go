package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// Recovery codes open an account when its second factor is not at hand. Each works once.
const (
	recoveryCodes = 10
	recoveryBytes = 15 // 120 random bits, 24 letters: too many to be guessed from a digest
	formerLetters = 16 // of codes that were made before, which work until they are used
)

// NewRecoveryCodes makes ten codes for the person, to print or write down. Former ones stop
// working. They are returned this once and kept as hashes.
func (a *Accounts) NewRecoveryCodes(ctx context.Context, by trust.Principal, id string) ([]string, error) {
	if by.ID != id {
		return nil, onlyOwner()
	}
	codes, kept := make([]string, recoveryCodes), make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = newRecoveryCode()
		kept[i] = digest(plainCode(codes[i]))
	}
	err := a.update(ctx, by, id, "make recovery codes", func(c *credentials) error {
		if !c.Strong() {
			return fault.New(fault.Conflict, "Recovery codes stand in for a second factor: set one up first.")
		}
		c.Recovery, c.RecoveryLeft = kept, len(kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

func newRecoveryCode() string {
	b := make([]byte, recoveryBytes)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return grouped(base32.StdEncoding.EncodeToString(b))
}

// grouped is a code in groups of four, as people read and type it.
func grouped(s string) string {
	var parts []string
	for part := range slices.Chunk([]byte(s), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, "-")
}

// plainCode is a code as it is compared: what people mistake when they read it is the same.
func plainCode(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(strings.TrimSpace(s)))
}

// isRecovery reports whether what was typed is a recovery code and no code of an app.
func isRecovery(s string) bool {
	n := len(plainCode(s))
	return n == recoveryBytes*8/5 || n == formerLetters
}

// useRecovery takes a recovery code out of an account.
func (c *credentials) useRecovery(code string) bool {
	at := slices.Index(c.Recovery, digest(plainCode(code)))
	if at < 0 {
		return false
	}
	c.Recovery = slices.Delete(slices.Clone(c.Recovery), at, at+1)
	c.RecoveryLeft = len(c.Recovery)
	return true
}
