package identity

import (
	"testing"
	"time"
)

// The SHA-1 vectors of RFC 6238, appendix B, and of RFC 4226, appendix D.
func TestTOTPVectors(t *testing.T) {
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := hotp(key, at/totpPeriod, 8); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp(key, int64(i), 6); got != want {
			t.Errorf("counter %d: %s, want %s", i, got, want)
		}
	}
	if code, err := TOTPCode("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", time.Unix(59, 0)); err != nil || code != "287082" {
		t.Errorf("%s %v", code, err)
	}
}

func TestTOTPWindow(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	for steps, ok := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		code, _ := TOTPCode(secretTOTP, now.Add(time.Duration(steps)*totpPeriod*time.Second))
		if _, got := totpStep(secretTOTP, code, now, 0); got != ok {
			t.Errorf("%d steps off: %v", steps, got)
		}
	}
	code, _ := TOTPCode(secretTOTP, now)
	step, _ := totpStep(secretTOTP, code, now, 0)
	if _, ok := totpStep(secretTOTP, code, now, step); ok {
		t.Error("a used code counts")
	}
	if _, ok := totpStep("", code, now, 0); ok {
		t.Error("a code without a secret counts")
	}
}
