package console

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestTheRecordAsFHIRPages: who is signed in reads the record at /fhir in the browser.
func TestTheRecordAsFHIRPages(t *testing.T) {
	base := demo(t)
	b := webtest.Start(t)
	p := b.Open(base+"/fhir/Patient", webtest.Desktop)
	if said := p.Text("main"); !strings.Contains(said, "Sign in") {
		t.Errorf("nobody is signed in, the page says %q", said)
	}
	p.Check()
	as(t, b, base, "anna.lindqvist", webtest.Desktop)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone, webtest.Dark} {
		p = b.Open(base+"/fhir/metadata", v)
		p.Check()
		p.Picture("fhir-metadata-" + v.Name)
		p.Goto(base + "/fhir/Patient?family=okafor")
		p.Check()
		p.Picture("fhir-search-" + v.Name)
		p.Submit("td a")
		if said := p.Text("main"); !strings.Contains(strings.ToLower(said), "okafor") || !strings.Contains(said, "birthDate") {
			t.Errorf("the patient's page says %.300q", said)
		}
		p.Check()
		p.Picture("fhir-patient-" + v.Name)
		p.Goto(base + "/fhir/MedicationRequest?_count=1&_sort=-authoredon")
		p.Submit("td a")
		p.Check()
		p.Picture("fhir-medication-" + v.Name)
	}
}
