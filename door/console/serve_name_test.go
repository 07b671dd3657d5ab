package console

import "testing"

// TestTheAddressIsAName: browsers bind passkeys to names, and an IP address is none.
func TestTheAddressIsAName(t *testing.T) {
	for address, want := range map[string]string{
		"http://127.0.0.1:8080": "http://localhost:8080", "https://[::1]:443": "https://localhost:443", "https://10.0.0.7:443": "https://10.0.0.7:443", "https://osler.example": "https://osler.example",
	} {
		if got := named(address); got != want {
			t.Errorf("%s became %s", address, got)
		}
	}
}
