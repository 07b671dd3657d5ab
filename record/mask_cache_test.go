package record

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust/policy"
)

// TestMaskedBodiesGoWithTheirBytes: what a body looks like under a mask is remembered for these
// bytes and this mask, and is gone when the bytes are.
func TestMaskedBodiesGoWithTheirBytes(t *testing.T) {
	text := []byte(`{"resourceType":"Patient","identifier":[{"system":"http://hl7.org/fhir/sid/us-ssn","value":"123-45-6789"}],"telecom":[{"value":"555"}]}`)
	whole, last := policy.Mask{National: policy.Whole}, policy.Mask{National: policy.LastFour}
	var seen maskedBodies
	body := bytes.Clone(text)
	for _, m := range []policy.Mask{whole, last, whole, last, {}} {
		want, err := m.Body("Patient", text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := seen.of(m, "Patient", body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%+v: %s, want %s: %v", m, got, want, err)
		}
	}
	if len(seen.bodies) != 2 {
		t.Errorf("%d are remembered", len(seen.bodies))
	}
	runtime.KeepAlive(body)
	body = nil
	for range 100 {
		runtime.GC()
		seen.mu.Lock()
		n := len(seen.bodies)
		seen.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("what was hidden is remembered although its bytes are gone")
}
