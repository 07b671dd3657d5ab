package record

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

const gendered = `{"resourceType":"StructureDefinition","id":"g","url":"http://x/gendered","version":"1","name":"G","status":"active","kind":"resource","abstract":false,"type":"Patient",
	"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"id":"Patient","path":"Patient"},{"id":"Patient.gender","path":"Patient.gender","min":1}]}}`

// A claim is checked from the moment on at which the profile is stored, and no longer once
// it is gone; what happens then is the gate's policy.
func TestClaimedProfilesAreKept(t *testing.T) {
	h := open(t)
	admin := h.as(trust.System("import"))
	put := func(a *Actor, body string) (Result, error) {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return a.Commit(t.Context(), Change{Put: []Put{{Resource: r}}})
	}
	claim := `{"resourceType":"Patient","id":"claims","meta":{"profile":["http://x/gendered"]},"name":[{"family":"X"}]}`
	if _, err := put(admin, claim); err != nil {
		t.Fatalf("a profile that is not here: %v", err)
	}
	if _, err := put(admin, gendered); err != nil {
		t.Fatal(err)
	}
	if _, err := put(admin, claim); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "gender") {
		t.Errorf("a broken claim is stored: %v", err)
	}
	if _, err := put(admin, strings.Replace(claim, `"name"`, `"gender":"other","name"`, 1)); err != nil {
		t.Errorf("a kept claim is refused: %v", err)
	}
	admin.gate.FollowProfiles(ProfilesWarn)
	r, err := put(admin, claim)
	warned := false
	for _, f := range r.Findings {
		warned = warned || f.Severity == "warning" && f.Expression == "Patient.gender"
	}
	if err != nil || !warned {
		t.Errorf("%v, findings %+v", err, r.Findings)
	}
	if _, err := put(admin, strings.Replace(claim, `"family"`, `"fam"`, 1)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a fault against the base is not refused: %v", err)
	}
	admin.gate.FollowProfiles(ProfilesIgnore)
	if r, err := put(admin, claim); err != nil || len(r.Findings) != 1 { // dom-6
		t.Errorf("%v, findings %+v", err, r.Findings)
	}
	admin.gate.FollowProfiles(ProfilesReject)
	if _, err := admin.Commit(t.Context(), Change{Delete: []Delete{{Type: "StructureDefinition", ID: "g"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := put(admin, claim); err != nil {
		t.Errorf("a profile that is gone: %v", err)
	}
}
