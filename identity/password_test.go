package identity

import (
	"strings"
	"testing"
)

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"a calm quiet river":         true,
		"elevenchars":                false,
		"zwölf Zeichen":              true,
		"Password 1234":              false,
		"aaaaaaaaaaaaaaaa":           false,
		"amaraamara12":               false,
		"xamara-smithx":              false,
		strings.Repeat("abcdef", 99): false,
	} {
		user := "amara"
		if strings.Contains(password, "smith") {
			user = "amara-smith"
		}
		if err := CheckPassword(password, user); (err == nil) != ok {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestPasswordHash(t *testing.T) {
	c := Cost{KiB: 64, Passes: 1}
	h := hashPassword("a calm quiet river", c)
	if !strings.HasPrefix(h, "$argon2id$v=19$m=64,t=1,p=1$") || h == hashPassword("a calm quiet river", c) {
		t.Errorf("hash %q", h)
	}
	// The same text in another Unicode form is the same password.
	composed, decomposed := "café café café", "cafe\u0301 cafe\u0301 cafe\u0301"
	if !verifyPassword(decomposed, hashPassword(composed, c)) {
		t.Error("normal forms differ")
	}
	for _, bad := range []string{"", "x", "$argon2id$v=19$m=64,t=0,p=1$AA$AA", "$argon2i$v=19$m=64,t=1,p=1$AA$AA", h[:len(h)-2]} {
		if verifyPassword("a calm quiet river", bad) {
			t.Errorf("hash %q matches", bad)
		}
	}
	if verifyPassword("another", h) || !verifyPassword("a calm quiet river", h) {
		t.Error("verify")
	}
	if DefaultCost != (Cost{19456, 2}) {
		t.Error("the cost in use is not OWASP's")
	}
}
