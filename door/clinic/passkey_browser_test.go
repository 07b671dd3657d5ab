package clinic

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
)

// strict is the clinic as it is run: a password alone opens nothing.
func strict(t *testing.T) house {
	h := openWith(t, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}})
	h.url = strings.Replace(h.url, "127.0.0.1", "localhost", 1) // passkeys want a name
	return h
}

// TestPasskeysInABrowser goes the whole way in Chromium with a virtual device: a first sign-in
// with the password leads to a passkey and nowhere else; the passkey then signs in, unlocks and
// proves who signs.
func TestPasskeysInABrowser(t *testing.T) {
	h := strict(t)
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.Authenticator()
	p.Check()
	p.Picture("sign-in")
	p.SignIn(h.url, "anna", phrase)
	if at := p.Path(); !strings.HasPrefix(at, "/secure") {
		t.Fatalf("the password alone led to %s", at)
	}
	p.Check()
	p.Picture("secure")
	p.Goto(h.url + "/p/maria")
	if at := p.Path(); !strings.HasPrefix(at, "/secure?next=%2Fp%2Fmaria") {
		t.Fatalf("a chart opened without a second factor: %s", at)
	}
	p.Type("#f-name", "My phone")
	p.Submit("form[action='/settings/passkeys'] [data-passkey]")
	p.Wait("#codes")
	p.Check()
	p.Picture("recovery-codes")
	p.Submit("a.primary")
	if at := p.Path(); at != "/p/maria" {
		t.Fatalf("after the passkey: %s", at)
	}

	p.Goto(h.url + "/settings/security")
	p.Wait("#passkeys")
	p.Check()
	p.Picture("security")
	phone := b.Open(h.url+"/settings/security", webtest.Phone)
	phone.Check()
	phone.Picture("security-phone")

	p.Click("details.um summary")
	p.Submit("form[action='/sign-out'] button")
	p.Goto(h.url + "/sign-in")
	p.Submit("form[action='/sign-in'] [data-passkey]")
	if at := p.Path(); at != "/today" {
		t.Fatalf("the passkey led to %s", at)
	}

	h.clock.Advance(identity.StaffIdle)
	p.Goto(h.url + "/p/maria")
	p.Wait("form[action='/locked']")
	p.Check()
	p.Picture("locked")
	p.Submit("form[action='/locked'] [data-passkey]")
	if at := p.Path(); at != "/p/maria" {
		t.Fatalf("unlocked to %s", at)
	}

	for range 3 {
		h.clock.Advance(identity.StaffIdle - time.Minute)
		p.Goto(h.url + "/today")
	}
	p.Goto(h.url + "/settings/security")
	p.Submit("form[action='/settings/recovery'] button")
	p.Wait("form[action='/settings/recovery'] [data-passkey]")
	p.Check()
	p.Picture("prove")
	p.Submit("form[action='/settings/recovery'] [data-passkey]")
	p.Wait("#codes")
	p.Picture("new-codes")
}
