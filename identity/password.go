package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/osler-emr/osler/base/fault"
)

// Cost is the work of one argon2id hash (RFC 9106).
type Cost struct {
	KiB    uint32 // memory
	Passes uint32
}

// DefaultCost is OWASP's recommendation for argon2id with one lane: 19 MiB, two passes.
var DefaultCost = Cost{KiB: 19 << 10, Passes: 2}

// Limits of passwords. There are no composition rules and no expiry (NIST SP 800-63B-4).
const (
	MinPassword = 12  // characters, beside a second factor
	MinAlone    = 15  // characters of a password that is all there is
	MaxPassword = 256 // bytes
)

const (
	hashers   = 2 // passwords hashed at one time; bounds memory to hashers * Cost
	keyBytes  = 32
	saltBytes = 16
)

// CheckPassword returns a fault that says what is wrong with a new password, or nil.
func CheckPassword(password, user string) error {
	switch plain := strings.ToLower(strings.Join(strings.Fields(password), "")); {
	case len([]rune(password)) < MinPassword:
		return fault.New(fault.Invalid, "A password has at least %d characters; a few words in a row are easy to remember.", MinPassword)
	case len(password) > MaxPassword:
		return fault.New(fault.Invalid, "A password has at most %d bytes.", MaxPassword)
	case few(plain) || common(plain, ""):
		return fault.New(fault.Invalid, "This password is among the first that an attacker tries; choose another one.")
	case common(plain, user):
		return fault.New(fault.Invalid, "A password must not be made of the user name.")
	}
	return nil
}

// CheckPassword is the package's CheckPassword with the length that these accounts need.
func (a *Accounts) CheckPassword(password, user string) error {
	if a.options.PasswordAlone && len([]rune(password)) < MinAlone {
		return fault.New(fault.Invalid, "A password has at least %d characters; a few words in a row are easy to remember.", MinAlone)
	}
	if err := CheckPassword(password, user); err != nil || a.stolen == nil {
		return err
	}
	has, err := a.stolen.Has(password)
	if err == nil && has {
		err = fault.New(fault.Invalid, "This password stands in a list of stolen ones, which attackers try first; choose another one.")
	}
	return err
}

// few reports whether a password has fewer than five different characters.
func few(password string) bool {
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
	}
	return len(seen) < 5
}

// newHash checks a new password and hashes it.
func (a *Accounts) newHash(ctx context.Context, password, user string) (hash string, err error) {
	if err := a.CheckPassword(password, user); err != nil {
		return "", err
	}
	err = a.hash(ctx, func() { hash = hashPassword(password, a.options.Cost) })
	return hash, err
}

// matches reports whether a password is the one behind a hash. An empty hash matches
// nothing, in the same time.
func (a *Accounts) matches(ctx context.Context, password, hash string) (ok bool, err error) {
	known := hash != "" && len(password) <= MaxPassword
	if !known {
		hash, password = a.decoy, "-"
	}
	err = a.hash(ctx, func() { ok = verifyPassword(password, hash) && known })
	return ok, err
}

// hash runs f when a place is free: at most hashers passwords are hashed at one time.
func (a *Accounts) hash(ctx context.Context, f func()) error {
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Unavailable, "Too many people sign in at this moment; try again.")
	}
	defer func() { <-a.hashing }()
	f()
	return nil
}

// hashPassword returns the PHC string of an argon2id hash.
func hashPassword(password string, c Cost) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails (crypto/rand, Go 1.24)
	key := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, c.Passes, c.KiB, 1, keyBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, c.KiB, c.Passes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// verifyPassword compares in constant time; a hash that it cannot read matches nothing.
func verifyPassword(password, hash string) bool {
	part := strings.Split(hash, "$")
	if len(part) != 6 || part[1] != "argon2id" {
		return false
	}
	var version int
	var c Cost
	if _, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=1", &c.KiB, &c.Passes); err != nil || c.Passes == 0 {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(part[4])
	want, err2 := base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(want) != keyBytes {
		return false
	}
	got := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, c.Passes, c.KiB, 1, keyBytes)
	return subtle.ConstantTimeCompare(got, want) == 1
}
