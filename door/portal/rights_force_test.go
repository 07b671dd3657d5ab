package portal

import (
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust"
)

// TestThePatientReadsWhatIsInForce: what the clinic has noted of the patient's wishes stands in the portal in
// plain words until it is lifted, in the reader's language.
func TestThePatientReadsWhatIsInForce(t *testing.T) {
	c := start(t)
	const maria, yusuf = "maria.okafor", "yusuf.almasri"
	anna := c.staff("anna.lindqvist")
	for _, user := range []string{maria, yusuf} {
		me := c.people[user].Patient
		for _, d := range []rights.ObjectionDraft{
			{Against: rights.Topic, Class: "mental", Why: "Only in an emergency."},
			{Against: rights.Outside, Whom: "my former husband", Why: "He must not know."},
		} {
			if err := rights.Object(t.Context(), anna, me, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, page := c.see(maria, "/portal/rights")
	for _, want := range []string{"In force now", "Nobody who works here sees what is marked as: mental health.", "The clinic gives nothing to: my former husband.", "He must not know."} {
		if !strings.Contains(plainText(page), want) {
			t.Errorf("the patient does not read %q: %s", want, plainText(page))
		}
	}
	b := webtest.Start(t)
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, yusuf, password)
	p.Goto(c.url + "/portal/rights")
	if got, want := p.Text("#in-force"), lang.For("ar").T("In force now"); got != want {
		t.Errorf("in Arabic: %q", got)
	}
	p.Check()
	p.Picture("rights-in-force-ar")
	list, err := rights.Objections(t.Context(), anna, c.people[maria].Patient)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list {
		if o.Active {
			if err := rights.Lift(t.Context(), anna, c.people[maria].Patient, o.ID, "She wishes so."); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, page := c.see(maria, "/portal/rights"); strings.Contains(page, "In force now") || strings.Contains(page, "former husband") {
		t.Error("what was lifted is said to be in force")
	}
}

// TestWhoSeesAPartIsToldWhomToAsk: who acts for a patient with a part of the record reads that it is a part,
// and how to reach the clinic, by telephone or letter, and no reason, request or objection.
func TestWhoSeesAPartIsToldWhomToAsk(t *testing.T) {
	c := start(t)
	if err := c.logins.SetPrivacyContact(t.Context(), trust.System("test"), identity.PrivacyContact{Name: "Ines Castellanos, privacy officer", Phone: "0113 496 0100", Address: "1 High Street\nLeeds LS1 4AB"}); err != nil {
		t.Fatal(err)
	}
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	me := c.people[maria].Patient
	if err := rights.Object(t.Context(), c.staff("anna.lindqvist"), me, rights.ObjectionDraft{Against: rights.Outside, Whom: "my son Tunde", Why: "He reads too much."}); err != nil {
		t.Fatal(err)
	}
	if got, _, page := c.send(maria, "/whose/carers", url.Values{"name": {c.people[tunde].Name}, "user": {tunde}, "level": {"limited"}, "until": {"2027-01-31"}}); got != 200 {
		t.Fatalf("%d %s", got, plainText(page))
	}
	at := "/portal/for/" + me
	if _, page := c.see(tunde, at+"/more"); !strings.Contains(page, `href="`+at+`/rights"`) || !strings.Contains(page, "Your access to this record") {
		t.Error("no way leads there")
	}
	got, page := c.see(tunde, at+"/rights")
	text := plainText(page)
	if got != 200 || !strings.Contains(text, "You see only a part of this record.") || !strings.Contains(text, "0113 496 0100") || !strings.Contains(text, "1 High Street") {
		t.Errorf("%d %s", got, text)
	}
	if strings.Contains(text, "reads too much") || strings.Contains(text, "In force") || strings.Contains(page, "topic=privacy") {
		t.Error("it tells more than that")
	}
	if got, _ := c.see(tunde, at+"/rights/correct"); got != 403 {
		t.Errorf("the form of a correction: %d", got)
	}
}
