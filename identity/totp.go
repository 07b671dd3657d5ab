package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // RFC 6238 as authenticator apps implement it; HMAC-SHA-1 is sound for this
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

const (
	totpPeriod = 30 // seconds of one time step
	totpDigits = 6
	totpSkew   = 1 // steps that a clock may be off, either way
	totpBytes  = 20
)

var base32NoPad = base32.StdEncoding.WithPadding(base32.NoPadding)

// newTOTPSecret returns a random key in base32.
func newTOTPSecret() string {
	b := make([]byte, totpBytes)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return base32NoPad.EncodeToString(b)
}

// totpKey reads a base32 secret as people type it: with spaces, in any case.
func totpKey(secret string) ([]byte, error) {
	s := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "=", "").Replace(secret))
	key, err := base32NoPad.DecodeString(s)
	if err != nil || len(key) < 10 {
		return nil, fault.New(fault.Invalid, "The secret of the second factor is not base32 of at least 10 bytes.")
	}
	return key, nil
}

// hotp is RFC 4226: the code for a counter.
func hotp(key []byte, counter int64, digits int) string {
	var c [8]byte
	binary.BigEndian.PutUint64(c[:], uint64(counter))
	mac := hmac.New(sha1.New, key)
	mac.Write(c[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	mod := uint32(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}

// totpStep returns the time step whose code was given, when it is near now and behind the
// step that was used last (a code works once).
func totpStep(secret, code string, now time.Time, used int64) (int64, bool) {
	key, err := totpKey(secret)
	if err != nil {
		return 0, false
	}
	code = strings.ReplaceAll(code, " ", "")
	step := now.Unix() / totpPeriod
	for s := step - totpSkew; s <= step+totpSkew; s++ {
		if subtle.ConstantTimeCompare([]byte(hotp(key, s, totpDigits)), []byte(code)) == 1 && s > used {
			return s, true
		}
	}
	return 0, false
}

// TOTPCode returns the code that an authenticator app shows for a secret at an instant;
// for the demonstration clinic and tests.
func TOTPCode(secret string, now time.Time) (string, error) {
	key, err := totpKey(secret)
	if err != nil {
		return "", err
	}
	return hotp(key, now.Unix()/totpPeriod, totpDigits), nil
}

// otpauth returns the URL that a QR code carries to an authenticator app.
func otpauth(issuer, user, secret string) string {
	q := url.Values{"secret": {secret}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + user, RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")}
	return u.String()
}
