package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestConsentInThePortal: in a clinic that asks first a patient agrees in the portal, and a nurse opens the record
// from then on; the patient reads that it is in force, withdraws it, and the record is closed.
func TestConsentInThePortal(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	if _, page := c.see("maria.okafor", "/portal/rights"); strings.Contains(page, "May who treats you open your record?") {
		t.Error("a clinic that does not ask shows the question")
	}
	boss := c.gate.As(trust.Principal{ID: "boss", Name: "Boss", Role: trust.Administrator}, "test")
	if err := boss.SetHouse(t.Context(), record.House{Mode: policy.PracticeWide, OptIn: true}, "test"); err != nil {
		t.Fatal(err)
	}
	nurse := c.gate.As(trust.Principal{ID: "n", Name: "N", Role: trust.Nurse, Practitioner: "n", Purpose: trust.Treatment}, "test")
	patient := ""
	list, err := c.gate.As(trust.System("test"), "test").Find(t.Context(), "Patient", "family=Okafor")
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	patient = list[0].ID()
	opens := func(want bool) {
		t.Helper()
		if _, err := nurse.Read(t.Context(), "Patient", patient); err != nil && !fault.Is(err, fault.NotFound) {
			t.Fatal(err)
		} else if (err == nil) != want {
			t.Errorf("the nurse opens the record: %v", err)
		}
	}
	pictures := func(name string) {
		for _, v := range []webtest.View{webtest.Phone, webtest.Dark} {
			p := b.Open(c.url+"/portal/rights", v)
			p.Check()
			p.Picture(name + "-" + v.Name)
		}
	}
	opens(false)
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	pictures("portal-consent-missing")
	p.Goto(c.url + "/portal/rights")
	p.Submit(`form[action="/portal/rights/consent"] button`)
	if said := p.Text("main"); !strings.Contains(said, "You agree that the clinic uses this record to treat you.") {
		t.Errorf("after agreeing: %s", said)
	}
	opens(true)
	pictures("portal-consent-given")
	if status, at, page := c.send("maria.okafor", "/portal/rights/consent/withdraw", url.Values{"said": {"I have changed my mind."}}); status != http.StatusOK || at != "/portal/rights" || !strings.Contains(page, "You have not agreed yet") {
		t.Errorf("withdrawn: %d %s", status, at)
	}
	opens(false)
	if status, _, page := c.send("maria.okafor", "/portal/rights/consent/withdraw", nil); status != http.StatusUnprocessableEntity || !strings.Contains(page, "it has ended already") {
		t.Errorf("withdrawn twice: %d", status)
	}
}
