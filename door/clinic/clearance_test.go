package clinic

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// TestClearanceOpensWhatALabelHides: a nurse does not see what is protected as substance use;
// once an administrator has cleared her she does, in the session that she has open, and not
// any more when it is taken back.
func TestClearanceOpensWhatALabelHides(t *testing.T) {
	h := officeHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"Condition","id":"oud","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}],"text":"Opioid dependence"},"subject":{"reference":"Patient/maria"}}`)
	amara := h.signedIn("amara")
	sam, _ := h.enters("sam")
	sees := func() bool { return amara.get("/p/maria/problems").says("Opioid dependence") }
	at := "/people/" + h.account("amara")
	if sees() {
		t.Fatal("a nurse sees it without being cleared")
	}
	if a := sam.get(at); !a.says("Sensitive information") || !a.says("substance use") || !a.says("The role sees: mental health") {
		t.Errorf("the page of the nurse: %s", a.body)
	}
	if a := sam.post(at+"/clearance", "label", "ETH"); a.status != http.StatusUnprocessableEntity || !a.says("Say why") {
		t.Errorf("without a reason: %d", a.status)
	}
	if a := sam.post(at+"/clearance", "label", "ETH", "label", "SUD", "label", "OPIOIDUD", "reason", "works in the methadone clinic"); a.path != at || !strings.Contains(a.body, `value="ETH" checked`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if !sees() {
		t.Error("cleared, and the nurse does not see it")
	}
	if a := sam.post(at+"/clearance", "reason", "has moved"); a.path != at {
		t.Errorf("%d", a.status)
	}
	if sees() {
		t.Error("taken back, and the nurse sees it still")
	}
	if a := amara.post(at+"/clearance", "label", "ETH", "reason", "x"); a.status != http.StatusForbidden {
		t.Errorf("by herself: %d", a.status)
	}
	if a := sam.get("/people/" + h.account("ines")); !a.says("This role works with no charts") {
		t.Error("nothing is said for an auditor")
	}
	own := "/people/" + h.account("sam")
	if a := sam.post(own+"/clearance", "label", "ETH", "reason", "x"); a.status != http.StatusForbidden {
		t.Errorf("an administrator for the own account: %d", a.status)
	}
}

func TestClearanceInABrowser(t *testing.T) {
	h := officeHouse(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url, look)
		if look.Name == webtest.Desktop.Name { // the second window shares the session
			p.SignIn(h.url, "sam", phrase)
		}
		p.Goto(h.url + "/people/" + h.account("amara"))
		p.Check()
		p.Picture("clearance-" + look.Name)
	}
}
