package clinic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// opened has the server tell what opens the record.
func (h house) opened(e seal.Envelope) {
	h.site.Keys = func() (web.KeyPlace, error) {
		return web.KeyPlace{Envelope: e, Where: "/media/clinic/osler.key", Every: 365 * 24 * time.Hour}, nil
	}
}

// workOnKeys does the next n pieces of a change of keys; below 0 all of them.
func (h house) workOnKeys(n int) {
	h.t.Helper()
	for ; n != 0; n-- {
		done, err := h.site.Gate.WorkOnKeys(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		if done {
			return
		}
	}
}

// TestTheAdministratorChangesTheKeys: what the page says is what the record knows; a change is begun once,
// shown while it goes on, and in the log; nobody else sees the page.
func TestTheAdministratorChangesTheKeys(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	if a := sam.get("/safety"); !strings.Contains(a.body, `href="/safety/keys"`) {
		t.Error("the page of safety does not lead to the keys")
	}
	if a := sam.get("/safety/keys"); a.status != http.StatusOK || !a.says("does not look after its keys") || a.says("Change the keys now") {
		t.Errorf("a server that looks after no keys: %d %s", a.status, a.body)
	}
	if a := sam.post("/safety/keys"); a.status != http.StatusBadRequest {
		t.Errorf("a change where there is none: %d", a.status)
	}
	h.opened(seal.Envelope{Kind: seal.ByKeyFile, Mark: "a1"})
	a := sam.get("/safety/keys")
	for _, want := range []string{"a key file", "/media/clinic/osler.key", "none in the folder", "cannot know whether a copy of the key file", "never changed", "0 patients", "older than 365 days"} {
		if !a.says(want) {
			t.Errorf("a new record: %q is not on the page", want)
		}
	}
	since := h.clock.Now()
	h.clock.Advance(48 * time.Hour)
	sam, _ = h.enters("sam")
	h.opened(seal.Envelope{Kind: seal.ByService, Mark: "b2", Sheets: since})
	if a := sam.get("/safety/keys"); !a.says("a key service") || a.says("none in the folder") || a.says("key file") {
		t.Errorf("another key: %s", a.body)
	}
	admin := h.site.Gate.As(trust.Principal{ID: "x", Role: trust.Administrator}, "test")
	if at, err := admin.OpenedBy(t.Context(), "a1", seal.ByKeyFile); err != nil || at.After(since) {
		t.Errorf("the former key is known since %v, %v", at, err)
	}
	before, err := admin.KeyState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a := sam.post("/safety/keys"); a.path != "/safety/keys" || !a.says("has begun") || !strings.Contains(a.body, `value="0" aria-labelledby`) || a.says("Change the keys now") {
		t.Errorf("a change is begun: %d %s %s", a.status, a.path, a.body)
	}
	if a := sam.post("/safety/keys"); !a.says("being changed already") {
		t.Errorf("a second change: %s", a.body)
	}
	if now, err := admin.KeyState(t.Context()); err != nil || now.Wrap != before.Wrap+1 {
		t.Errorf("two wishes made %d keys, %v", now.Wrap-before.Wrap, err)
	}
	h.workOnKeys(-1)
	if a := sam.get("/safety/keys"); strings.Contains(a.body, "<progress") || !a.says("Change the keys now") || a.says("never changed") {
		t.Errorf("after the change: %s", a.body)
	}
	found := 0
	leaves, err := h.site.Gate.As(trust.Principal{ID: "ines", Role: trust.Auditor}, "test").Looked(t.Context(), store.LeafFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range leaves {
		if strings.Contains(e.Leaf.Query, "new key-encryption key") && e.Leaf.Name == "Sam Whitlock" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the log tells of %d changes by Sam", found)
	}
	for _, who := range []string{"ines", "anna"} {
		other, _ := h.enters(who)
		if a := other.get("/safety/keys"); a.status != http.StatusForbidden {
			t.Errorf("%s sees the keys: %d", who, a.status)
		}
		if a := other.post("/safety/keys"); a.status != http.StatusForbidden {
			t.Errorf("%s changes the keys: %d", who, a.status)
		}
	}
}

func TestKeysPageInABrowser(t *testing.T) {
	h := officeHouse(t)
	h.opened(seal.Envelope{Kind: seal.ByKeyFile, Mark: "a1"})
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(h.url+"/sign-in", look)
		p.SignIn(h.url, "sam", phrase)
		p.Goto(h.url + "/safety/keys")
		p.Check()
		p.Picture("office-keys-" + look.Name)
		p.Submit("form[action='/safety/keys'] button")
		p.Check()
		p.Picture("office-keys-changing-" + look.Name)
		p.Wait("progress")
		h.workOnKeys(-1)
		p.Goto(h.url + "/safety/keys")
		if text := p.Text("#change"); !strings.Contains(text, "Change the keys now") {
			t.Errorf("a change that is through is shown as going on: %s", text)
		}
		p.Goto(h.url + "/safety")
		p.Check()
		p.Picture("office-safety-keys-" + look.Name)
		p.Click(".um summary")
		p.Submit("form[action='/sign-out'] button")
	}
}
