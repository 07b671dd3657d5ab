package clinic

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
)

// pastSigning lets so much time go by, with the person at work, that signing asks for a proof.
func (b browser) pastSigning() {
	b.h.t.Helper()
	for range 4 {
		b.h.clock.Advance(identity.StaffIdle - time.Minute)
		if a := b.get("/stay"); a.status != http.StatusNoContent {
			b.h.t.Fatalf("still at work: %d", a.status)
		}
	}
}

// TestSigningAsksWhoItIs: OWASP ASVS 7.5.3. A note is not signed at a workstation that
// somebody else found open, and whoever it is loses nothing that was typed by being asked.
func TestSigningAsksWhoItIs(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	anna.post(visit+"/edit/diagnosis", "condition", "dm")
	anna.pastSigning()
	page := anna.get(visit)
	form := []string{"seen", page.value(t, "seen"), "key", page.value(t, "key"), "plan", "Long \"thoughts\" & <more>."}
	asked := anna.post(visit+"/sign", form...)
	if asked.status != http.StatusUnauthorized || !asked.says("Confirm that it is you") || !asked.says("sign with your name") {
		t.Fatalf("signing long after the last proof: %d %s", asked.status, tags.ReplaceAllString(asked.body, " "))
	}
	if !strings.Contains(asked.body, `value="Long &#34;thoughts&#34; &amp; &lt;more&gt;."`) || !strings.Contains(asked.body, `action="`+visit+`/sign"`) {
		t.Error("the question does not hold the form that was sent")
	}
	if wrong := anna.post(visit+"/sign", append(form, "prove.password", "not the password at all")...); wrong.status != http.StatusUnauthorized || !wrong.says("not right") || !strings.Contains(wrong.body, "thoughts") {
		t.Errorf("a wrong password: %d", wrong.status)
	}
	if n := len(h.chart("maria").Notes); n != 1 {
		t.Fatalf("%d notes before anybody proved who they are, want the earlier one only", n)
	}
	before := anna.client.Jar.Cookies(mustURL(t, h.url))
	signed := anna.post(visit+"/sign", append(form, "prove.password", phrase)...)
	if signed.path != "/p/maria" || !signed.says("Visit signed") {
		t.Fatalf("signing with the proof: %s %d", signed.path, signed.status)
	}
	note := h.chart("maria").Notes[0]
	if text := note.Sections[len(note.Sections)-1].Text; !strings.Contains(text, `Long "thoughts" & <more>.`) {
		t.Errorf("the note says %q", text)
	}
	after := anna.client.Jar.Cookies(mustURL(t, h.url))
	if before[0].Value == after[0].Value {
		t.Error("the session kept its secret although its person proved who they are anew")
	}
	if leaks := strings.Contains(signed.body, phrase); leaks {
		t.Error("the password is in the answer")
	}
	old := h.browser()
	old.client.Jar.SetCookies(mustURL(t, h.url), before)
	if a := old.get("/today"); a.path != "/today" {
		t.Errorf("a request on its way with the former secret ended at %s", a.path)
	}
	h.clock.Advance(time.Minute)
	old.client.Jar.SetCookies(mustURL(t, h.url), before)
	if a := old.get("/today"); a.path != "/sign-in" {
		t.Errorf("the former secret still opens %s after a minute", a.path)
	}
}

// TestTakingDataOutAsksWhoItIs: the audit log is not exported without a proof; afterwards the
// file comes.
func TestTakingDataOutAsksWhoItIs(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	sam.pastSigning()
	asked := sam.get("/audit/export.csv")
	if asked.status != http.StatusUnauthorized || !asked.says("take data out") {
		t.Fatalf("an export long after the last proof: %d", asked.status)
	}
	done := sam.post("/prove", "next", asked.value(t, "next"), "prove.password", phrase)
	if done.status != http.StatusOK || !strings.Contains(done.body, `content="0;url=/audit/export.csv"`) {
		t.Fatalf("after the proof: %d %s", done.status, done.body)
	}
	if file := sam.get("/audit/export.csv"); file.status != http.StatusOK || !strings.HasPrefix(file.header.Get("Content-Type"), "text/csv") {
		t.Errorf("the file: %d", file.status)
	}
	away := sam.post("/prove", "next", "//evil.example/x", "prove.password", phrase)
	if strings.Contains(away.body, "evil.example") {
		t.Error("the question leads to another site")
	}
	sam.pastSigning()
	if a := sam.post("/people/invite", "given", "Ana", "family", "Ruiz", "role", "physician", "user", "ana.ruiz"); a.status != http.StatusUnauthorized || !a.says("who may come in") || a.value(t, "user") != "ana.ruiz" {
		t.Errorf("an invitation long after the last proof: %d", a.status)
	}
}

// TestLinksAndGrantsAskWhoItIs: what lets somebody in, or takes a list out, needs a proof.
func TestLinksAndGrantsAskWhoItIs(t *testing.T) {
	h := officeHouse(t)
	tom, _ := h.enters("tom")
	tom.pastSigning()
	for _, path := range []string{"/p/maria/portal", "/p/maria/portal/a1/link", "/p/maria/proxies"} {
		if a := tom.post(path, "user", "maria.x"); a.status != http.StatusUnauthorized || !a.says("who may come in") {
			t.Errorf("%s long after the last proof: %d", path, a.status)
		}
	}
	sam, _ := h.enters("sam")
	sam.pastSigning()
	if a := sam.post("/privacy/ages", "jurisdiction", "NL"); a.status != http.StatusUnauthorized {
		t.Errorf("the ages: %d", a.status)
	}
	if a := sam.get("/audit/disclosures.csv?patient=maria"); a.status != http.StatusUnauthorized {
		t.Errorf("the disclosures: %d", a.status)
	}
}

// TestTheQuestionSaysWhatItIsFor: also when it is asked once more, and nothing that others wrote.
func TestTheQuestionSaysWhatItIsFor(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	sam.pastSigning()
	for _, d := range []web.Demand{web.Signing, web.Controlled, web.Exporting, web.Granting, web.Opening, web.Emergency, web.Destroying} {
		if a := sam.post("/prove", "next", "/people", "why", d.Why, "full", "yes", "prove.password", "not the password at all"); a.status != http.StatusUnprocessableEntity || !a.says(d.Why) {
			t.Errorf("%q: %d %s", d.Why, a.status, tags.ReplaceAllString(a.body, " "))
		}
		h.clock.Advance(identity.StaffIdle - time.Minute)
	}
	if a := sam.post("/prove", "next", "/people", "why", "Call 555 0100 at once.", "full", "yes"); strings.Contains(a.body, "555") {
		t.Error("the question says what others wrote")
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
