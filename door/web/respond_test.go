package web

import "testing"

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
