package portal

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust"
)

// keepDraft saves what somebody types as the script of the page does, and returns the status.
func (c *house) keepDraft(user, key string, version int64, fields map[string]string) int {
	c.t.Helper()
	body, err := json.Marshal(map[string]any{"key": key, "version": version, "value": fields})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := c.as(user).Post(c.url+"/draft", "application/json", strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode
}

// TestARefusedFormGoesOnWithItsDraft: a form that comes back with a fault carries the version of its
// draft, so that typing on is no conflict with oneself.
func TestARefusedFormGoesOnWithItsDraft(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	_, list := c.see(maria, "/portal/visits")
	appointment := c.must(list, `topic=move&amp;id=([^"]+)"`)
	for _, f := range []struct {
		path string
		form url.Values
	}{
		{"/portal/rights/correct", url.Values{"wrong": {" "}, "should": {"I fainted once"}}},
		{"/portal/rights/restrict", url.Values{"wrong": {"my visit of 3 March"}, "should": {""}}},
		{"/portal/messages", url.Values{"to": {"nobody"}, "text": {"I fainted once"}}},
		{"/portal/messages", url.Values{"to": {"nobody"}, "text": {"Any Monday"}, "topic": {"move/" + appointment}}},
	} {
		open := f.path
		if open == "/portal/messages" {
			open += "/new"
			if f.form.Has("topic") {
				open += "?topic=move&id=" + appointment
			}
		}
		_, page := c.see(maria, open)
		key := c.must(page, `data-key="([^"]+)"`)
		if status := c.keepDraft(maria, key, 0, map[string]string{"why": "because", "text": "typed before"}); status != http.StatusOK {
			t.Fatalf("%s: the draft: %d", f.path, status)
		}
		if _, page := c.see(maria, open); !strings.Contains(page, "because") && !strings.Contains(page, "typed before") {
			t.Errorf("%s: what was typed is not there", open)
		}
		status, _, page := c.send(maria, f.path, f.form)
		if status != http.StatusUnprocessableEntity || c.must(page, `data-key="([^"]+)"`) != key {
			t.Errorf("%s: %d, another draft: %s", f.path, status, plainText(page))
		}
		for _, words := range f.form {
			if !strings.Contains(page, words[0]) && words[0] != "nobody" {
				t.Errorf("%s: lost %q", f.path, words[0])
			}
		}
		version, _ := strconv.ParseInt(c.must(page, `data-version="(\d+)"`), 10, 64)
		if status := c.keepDraft(maria, key, version, map[string]string{"text": "typed on"}); status != http.StatusOK {
			t.Errorf("%s: typing on after a fault: %d", f.path, status)
		}
	}
}

// TestAnAnswerIsKeptAsItIsTyped: who decides about a request finds what was begun, each form its
// own; the answer that was given leaves no draft, and nothing is chosen in advance.
func TestAnAnswerIsKeptAsItIsTyped(t *testing.T) {
	c := start(t)
	const maria, anna = "maria.okafor", "anna.lindqvist"
	c.employ(anna)
	c.enter(anna)
	id := c.people[maria].Patient
	_, at, _ := c.send(maria, "/portal/rights/restrict", url.Values{"reason": {"topic"}, "wrong": {"About my mind"}, "nonce": {"n"}})
	page := "/p/" + id + "/rights/" + strings.TrimPrefix(at, "/portal/rights/")
	_, body := c.see(anna, page)
	if c.must(body, `<select[^>]* name="class"[^>]*>\s*<option value="([^"]*)"`) != "" {
		t.Error("a topic is chosen in advance")
	}
	key := strings.TrimPrefix(page, "/p/")
	key = "rights/" + strings.Replace(key, "/rights/", "/", 1)
	for act, text := range map[string]string{"agree": "Only your own doctor sees it.", "deny": "It cannot be kept apart."} {
		if !strings.Contains(body, `data-key="`+key+"/"+act+`"`) {
			t.Fatalf("the form of %s keeps nothing", act)
		}
		if status := c.keepDraft(anna, key+"/"+act, 0, map[string]string{"why": text, "class": "mental"}); status != http.StatusOK {
			t.Fatalf("%s: %d", act, status)
		}
	}
	_, body = c.see(anna, page)
	for _, text := range []string{"Only your own doctor sees it.</textarea>", "It cannot be kept apart.</textarea>", `<option value="mental" selected`} {
		if !strings.Contains(body, text) {
			t.Errorf("what was typed is lost: %s", text)
		}
	}
	if status, _, body := c.send(anna, page+"/agree", url.Values{"why": {"Only your own doctor."}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "It cannot be kept apart.") {
		t.Errorf("agreed without a topic: %d", status)
	}
	if status, _, _ := c.send(anna, page+"/agree", url.Values{"why": {"Only your own doctor."}, "class": {"mental"}}); status != http.StatusOK {
		t.Errorf("agreed: %d", status)
	}
	p := c.people[anna]
	actor := c.gate.As(trust.Principal{ID: c.account(anna), Name: p.Name, Role: p.Role, Practitioner: p.Practitioner, Purpose: trust.Treatment}, "clinic")
	if list, err := actor.Drafts(t.Context(), key+"/agree"); err != nil || len(list) != 0 {
		t.Errorf("the answer is given, and its draft is kept: %d, %v", len(list), err)
	}
}

// TestADenialSaysWhomToComplainTo: with the name and the telephone number of the clinic's contact, on
// the page of requests, of who looked, and of the denial.
func TestADenialSaysWhomToComplainTo(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	pages := []string{"/portal/rights", "/portal/access"}
	for _, at := range pages {
		if _, page := c.see(maria, at); !strings.Contains(plainText(page), "Ask the clinic for the privacy officer.") {
			t.Errorf("%s, when nobody is named: %s", at, plainText(page))
		}
	}
	contact := identity.PrivacyContact{Name: "Ines Castellanos, privacy officer", Phone: "0113 496 0100", Address: "1 High Street\nLeeds"}
	if err := c.logins.SetPrivacyContact(t.Context(), trust.System("test"), contact); err != nil {
		t.Fatal(err)
	}
	id := c.people[maria].Patient
	asked, err := rights.Ask(t.Context(), c.gate.As(trust.Principal{ID: "m", Role: trust.Patient, Patient: id}, "test"), rights.Draft{Kind: rights.Restriction, Reason: "outside", Wrong: "my visits", Whom: "My aunt", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rights.Deny(t.Context(), c.staff("anna.lindqvist"), id, asked.ID, rights.Denial{Why: "We cannot."}); err != nil {
		t.Fatal(err)
	}
	for _, at := range append(pages, "/portal/rights/"+asked.ID) {
		_, page := c.see(maria, at)
		for _, want := range []string{contact.Name, contact.Phone, "1 High Street", "Write a message about it"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s does not say %q", at, want)
			}
		}
	}
}
