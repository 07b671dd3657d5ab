package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

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

// TestTheDemonstrationKnowsItsNames: a page of the internet can give its name to this machine, and would then
// have the demonstration, which asks for no password.
func TestTheDemonstrationKnowsItsNames(t *testing.T) {
	h := listenFlags{Host: []string{"clinic.example"}}.addressed(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "LOCALHOST.:8080": 200, "osler.localhost:9000": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "192.168.1.7": 200, "Clinic.Example:443": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "": 421, "evil.example:x": 421,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
	}
}
