package clinic

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestThePrivacyContactIsNamed: the page Privacy says that nobody is named until an administrator
// does it there; a slip keeps what was typed.
func TestThePrivacyContactIsNamed(t *testing.T) {
	h := officeHouse(t)
	ines, _ := h.enters("ines")
	if a := ines.get("/privacy"); !a.says("nobody is named") || strings.Contains(a.body, `action="/privacy/contact"`) {
		t.Errorf("an auditor: %s", tags.ReplaceAllString(a.body, " "))
	}
	if a := ines.post("/privacy/contact", "name", "Ines", "phone", "0113 496 0100"); a.status != http.StatusForbidden {
		t.Errorf("an auditor names somebody: %d", a.status)
	}
	sam, _ := h.enters("sam")
	if a := sam.post("/privacy/contact", "name", "Ines Castellanos, privacy officer", "phone", "ask"); a.status != http.StatusUnprocessableEntity || !a.says("Give a telephone number") || !strings.Contains(a.body, `value="Ines Castellanos, privacy officer"`) {
		t.Errorf("without a number: %d", a.status)
	}
	if a := sam.post("/privacy/contact", "name", "Ines Castellanos, privacy officer", "phone", "0113 496 0100", "address", "1 High Street"); a.path != "/privacy" || a.says("nobody is named") || !strings.Contains(a.body, `value="0113 496 0100"`) {
		t.Errorf("named: %d %s", a.status, a.path)
	}
	if a := ines.get("/privacy"); !a.says("Ines Castellanos, privacy officer") || !a.says("0113 496 0100") || a.says("nobody is named") {
		t.Errorf("the auditor reads: %s", tags.ReplaceAllString(a.body, " "))
	}
}

func TestThePrivacyContactInABrowser(t *testing.T) {
	h := officeHouse(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url, look)
		if look.Name == webtest.Desktop.Name {
			p.SignIn(h.url, "sam", phrase)
		}
		p.Goto(h.url + "/privacy")
		p.Check()
		p.Picture("contact-" + look.Name)
	}
}
