package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestAbuseA16CarersDoNotReadWhatThePatientWroteInPerson: who acts for a patient and sees a part of
// the record reads what carers and the clinic wrote, but neither what the patient wrote nor what
// the clinic answers to it, wherever they look for it.
func TestAbuseA16CarersDoNotReadWhatThePatientWroteInPerson(t *testing.T) {
	c := open(t)
	limited, full := rosa, rosa
	limited.ID, limited.Proxy = "acc-mum", &trust.Proxy{ID: "m", Level: "limited", Until: noon.Add(time.Hour)}
	full.ID, full.Proxy = "acc-dad", &trust.Proxy{ID: "d", Level: "full", Until: noon.Add(time.Hour)}
	message := func(p trust.Principal, from, rest string) string {
		t.Helper()
		to := "Patient/rosa"
		if from == to {
			to = "Practitioner/amara"
		}
		return c.commit(p, `{"resourceType":"Communication","status":"completed","meta":{"tag":[{"system":"`+policy.CarerSystem+`","code":"`+policy.CarerReads+`"}]},"category":[{"coding":[{"system":"urn:osler:message","code":"patient-message"}]}],`+rest+
			`"subject":{"reference":"Patient/rosa"},"sender":{"reference":"`+from+`"},"recipient":[{"reference":"`+to+`"}],"payload":[{"contentString":"x"}]}`).Versions[0].ID
	}
	part := func(id string) string { return `"partOf":[{"reference":"Communication/` + id + `"}],` }
	own := message(rosa, "Patient/rosa", "")
	answer := message(physician, "Practitioner/amara", part(own))
	other := message(physician, "Practitioner/amara", `"inResponseTo":[{"reference":"Communication/`+own+`"}],`)
	imported := message(trust.System("import"), "Patient/rosa", "")
	theirs := message(limited, "Patient/rosa", "")
	reply := message(nurse, "Practitioner/nina", part(theirs))
	letter := message(physician, "Practitioner/amara", "")
	inLetter := message(rosa, "Patient/rosa", part(letter))
	again := message(nurse, "Practitioner/nina", part(letter))
	gone := message(nurse, "Practitioner/nina", `"partOf":[{"reference":"Communication/`+answer+`/_history/1"}],`)
	for _, hidden := range []string{own, answer, other, imported, inLetter, again, gone} {
		if _, err := c.as(limited).Read(ctx, "Communication", hidden); !fault.Is(err, fault.NotFound) {
			t.Errorf("read: %v", err)
		}
		if _, err := c.as(full).Read(ctx, "Communication", hidden); err != nil {
			t.Errorf("by who sees the whole record: %v", err)
		}
	}
	list, err := c.as(limited).Find(ctx, "Communication", "_sort=_lastUpdated")
	var found []string
	for _, n := range list {
		found = append(found, n.ID())
	}
	want := []string{theirs, reply, letter}
	slices.Sort(found)
	slices.Sort(want)
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("found %v, want %v: %v", found, want, err)
	}
	// Nobody puts the mark on what is there, and reading a letter does not take it off.
	stored, _ := c.store.Read(ctx, "Communication", letter, 0)
	bare := c.read(strings.Replace(string(stored.Body), policy.CarerSystem, "urn:x", 1))
	bare.Set("received", c.read(`{"a":"2026-11-23T12:02:00Z"}`).Get("a"))
	c.commit(rosa, string(bare.JSON()))
	if _, err := c.as(limited).Read(ctx, "Communication", letter); err != nil {
		t.Errorf("a letter that was read: %v", err)
	}
}

// TestAStaffMessageBearsItsWritersName: a message gets its writer as the sender, whatever its role,
// and no other.
func TestAStaffMessageBearsItsWritersName(t *testing.T) {
	c := open(t)
	body := `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"administrative"}]}],"subject":{"reference":"Patient/rosa"},SENDER"recipient":[{"reference":"Patient/rosa"}],"payload":[{"contentString":"Please pay."}]}`
	dana := desk
	dana.Practitioner = "nina"
	v := c.commit(dana, strings.Replace(body, "SENDER", "", 1)).Versions[0]
	if n := c.read(string(v.Body)); n.Path("sender.reference").Text() != "Practitioner/nina" {
		t.Errorf("sender %s", n.Get("sender").JSON())
	}
	for _, p := range []trust.Principal{desk, dana, nurse} {
		for _, from := range []string{"Practitioner/amara", "Patient/rosa"} {
			n := c.read(strings.Replace(body, "SENDER", `"sender":{"reference":"`+from+`"},`, 1))
			if _, err := c.as(p).Commit(ctx, Change{Put: []Put{{Resource: n}}}); !fault.Is(err, fault.Forbidden) {
				t.Errorf("the %s writes as %s: %v", p.Role, from, err)
			}
		}
	}
}

// TestANurseLiftsNoObjection: what a patient does not want stays hidden until a physician or the
// health records department ends the objection.
func TestANurseLiftsNoObjection(t *testing.T) {
	c := open(t)
	c.commit(physician, `{"resourceType":"Condition","subject":{"reference":"Patient/rosa"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F32.9"}]}}`)
	body := `{"resourceType":"Consent","id":"no","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/rosa"},"policyRule":{"text":"x"},"provision":{"type":"deny","securityLabel":[{"system":"` + policy.LabelSystem + `","code":"PSY"}]}}`
	c.commit(nurse, body)
	seen := func() int {
		list, err := c.as(nurse).Find(ctx, "Condition", "subject=Patient/rosa")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if seen() != 0 {
		t.Fatal("the objection hides nothing")
	}
	program := physician
	program.Scopes, program.Client = []string{"user/*.cruds"}, "app"
	for _, p := range []trust.Principal{nurse, program} {
		for _, swap := range [][2]string{{`"active"`, `"inactive"`}, {`"deny"`, `"permit"`}, {"Patient/rosa", "Patient/sam"}, {`"PSY"`, `"HIV"`}, {"patient-privacy", "research"}} {
			if _, err := c.as(p).Commit(ctx, Change{Put: []Put{{Resource: c.read(strings.Replace(body, swap[0], swap[1], 1))}}}); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: %v: %v", p.Role, swap, err)
			}
		}
		if _, err := c.as(p).Commit(ctx, Change{Delete: []Delete{{Type: "Consent", ID: "no"}}}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s deletes it: %v", p.Role, err)
		}
	}
	if seen() != 0 {
		t.Error("the objection is lifted")
	}
	c.commit(physician, strings.Replace(body, `"active"`, `"inactive"`, 1))
	if seen() != 1 {
		t.Error("a physician has ended it")
	}
}
