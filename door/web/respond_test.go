package web

import (
	"net/http/httptest"
	"testing"
)

// TestLocal: what is handed to Redirect or shown as the page to come back to never leads
// the browser to another site.
func TestLocal(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/p/1/meds?all=1#x": true, "/find?q=Müller": true, "/p/1?to=https://a.example/": true,
		"": false, "today": false, "//evil.example": false, "https://evil.example": false, "javascript:alert(1)": false,
		"/\\evil.example": false, "\\\\evil.example": false, "/\t/evil.example": false, "/\n/evil.example": false,
		"/\r\nSet-Cookie: a=b": false, "\t//evil.example": false, "/\v/evil.example": false, "/\x00/evil.example": false,
	} {
		if got := local(path); got != want {
			t.Errorf("local(%q) is %v", path, got)
		}
	}
}

func TestLinksLeadToTheKnownAddress(t *testing.T) {
	r := &Request{Request: httptest.NewRequest("GET", "/people", nil), Site: &Site{Address: "https://osler.example/"}}
	r.Host = "evil.example"
	if got := r.Absolute("/invite/x"); got != "https://osler.example/invite/x" {
		t.Error(got)
	}
	r.Site.Address = ""
	if got := r.Absolute("/invite/x"); got != "http://evil.example/invite/x" { // nobody said what it is called
		t.Error(got)
	}
}
