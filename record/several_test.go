package record

import (
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// TestSeveralPatientsNeedEveryChart: what is about several patients on equal terms is seen by
// those only to whom the chart of each is open, by every way of asking; an objection of one of
// them, to the chart or to a label, counts; break-glass opens it when it opens all that is shut.
func TestSeveralPatientsNeedEveryChart(t *testing.T) {
	c := open(t)
	c.mode(House{Mode: policy.Restricted})
	imported := trust.System("import")
	session := `{"resourceType":"Appointment","id":"session","status":"booked","start":"2026-09-01T09:00:00Z","end":"2026-09-01T10:00:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"},{"actor":{"reference":"Patient/sam"},"status":"accepted"},{"actor":{"reference":"Location/room"},"status":"accepted"}]}`
	c.commit(imported, `{"resourceType":"Location","id":"room","name":"Room"}`, session,
		`{"resourceType":"Group","id":"pair","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/rosa"}},{"entity":{"reference":"Patient/sam"}}]}`,
		`{"resourceType":"Account","id":"family","status":"active","subject":[{"reference":"Patient/rosa"},{"reference":"Patient/sam"}]}`)
	all := []string{"Appointment/session", "Group/pair", "Account/family"}

	sees := func(when string, p trust.Principal, want bool) {
		t.Helper()
		a := c.as(p)
		agree := func(what string, got bool) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s %s: %v, want %v", when, p.Name, what, got, want)
			}
		}
		for _, ref := range all {
			kind, id := target(ref)
			_, err := a.Read(ctx, kind, id)
			agree("reads "+ref, err == nil)
			_, err = a.ReadVersion(ctx, kind, id, 1)
			agree("reads a version of "+ref, err == nil)
			list, _ := a.History(ctx, store.HistoryFilter{Type: kind, ID: id})
			agree("reads the history of "+ref, len(list) > 0)
			list, err = a.History(ctx, store.HistoryFilter{Type: kind})
			agree("meets in the history of the type "+ref, err == nil && len(list) > 0)
			found, err := a.Find(ctx, kind, "_id="+id)
			agree("finds "+ref, err == nil && len(found) == 1)
			n, err := a.Count(ctx, kind, nil)
			agree("counts "+ref, err == nil && n == 1)
			some, err := a.ReadSome(ctx, []string{ref})
			agree("reads with others "+ref, err == nil && len(some) == 1)
			exported := 0
			for _, err := range a.All(ctx, kind) {
				if err == nil {
					exported++
				}
			}
			agree("exports "+ref, exported == 1)
			v, err := c.store.Read(ctx, kind, id, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, shown, err := a.Shows(ctx, v)
			agree("is told of "+ref, err == nil && shown)
		}
		found, err := a.Find(ctx, "Location", "_revinclude=Appointment:location")
		agree("gets it included", err == nil && len(found) == 2)
		found, err = a.Find(ctx, "Location", "_has:Appointment:location:status=booked")
		agree("asks by it", err == nil && len(found) == 1)
	}
	team := func(id, patient string, p trust.Principal) {
		c.commit(imported, `{"resourceType":"CareTeam","id":"`+id+`","status":"active","subject":{"reference":"Patient/`+patient+`"},"participant":[{"member":{"reference":"`+p.Reference()+`"}}]}`)
	}
	sees("no chart is open", nurse, false)
	team("t1", "rosa", nurse)
	sees("one chart is open", nurse, false)
	if members, err := c.as(nurse).Members(ctx, "pair"); err != nil || len(members) != 1 || members[0] != "rosa" {
		t.Errorf("the group has for whom one chart is open: %v, %v", members, err)
	}
	if _, err := c.as(physician).Members(ctx, "pair"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the group for whom no chart is open: %v", err)
	}
	team("t2", "sam", nurse)
	sees("both are open", nurse, true)
	sees("they are not", physician, false)
	for _, p := range []trust.Principal{rosa, sam} {
		if list, err := c.as(p).Find(ctx, "Appointment", ""); err != nil || len(list) != 0 {
			t.Errorf("%s finds %d appointments: %v", p.Name, len(list), err)
		}
	}

	c.commit(imported, `{"resourceType":"Consent","id":"no-nina","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/sam"},"dateTime":"2026-11-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":"permit","provision":[{"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"Practitioner/nina"}}]}]}}`)
	sees("one of them objects to the nurse", nurse, false)
	glass := nurse
	glass.Glass = []trust.Glass{{ID: "g", Patient: "sam", Until: c.clock.Now().Add(time.Hour)}}
	sees("the chart that is shut is open by break-glass", glass, true)
	c.clock.Advance(2 * time.Hour)
	sees("break-glass has ended", glass, false)
}

// TestWhoIsNamedInsideCounts: what lies in no chart, and holds entries of a patient or names one, is seen by
// those to whom that patient's chart is open, by every way of asking; so is an entry that names its patient
// by another address of the server, or as its focus.
func TestWhoIsNamedInsideCounts(t *testing.T) {
	c := open(t)
	refuses := func(patient string) string {
		return `{"resourceType":"Consent","id":"no-nina","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/` + patient + `"},"dateTime":"2026-11-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":"permit","provision":[{"type":"deny","actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}]},"reference":{"reference":"Practitioner/nina"}}]}]}}`
	}
	condition := c.commit(physician, `{"resourceType":"Condition","code":{"text":"Gout"},"subject":{"reference":"Patient/rosa"}}`).Versions[0].ID
	inside := []string{
		`{"resourceType":"Bundle","id":"copy","type":"collection","entry":[{"resource":{"resourceType":"Condition","id":"c","code":{"text":"Gout"},"subject":{"reference":"Patient/rosa"}}}]}`,
		`{"resourceType":"Bundle","id":"person","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}]}}]}`,
		`{"resourceType":"Linkage","id":"link","item":[{"type":"source","resource":{"reference":"Patient/rosa"}},{"type":"alternate","resource":{"reference":"Patient/sam"}}]}`,
		`{"resourceType":"MessageHeader","id":"head","eventUri":"urn:x","source":{"endpoint":"urn:y"},"focus":[{"reference":"Patient/rosa"}]}`,
		`{"resourceType":"VerificationResult","id":"checked","status":"validated","target":[{"reference":"Patient/rosa"}]}`,
		`{"resourceType":"Observation","id":"focus","status":"final","code":{"text":"x"},"focus":[{"reference":"Patient/rosa"}]}`,
		`{"resourceType":"Observation","id":"address","status":"final","code":{"text":"x"},"subject":{"reference":"http://localhost:8080/fhir/Patient/rosa/_history/1"}}`,
	}
	c.commit(trust.System("import"), inside...)
	c.commit(physician, `{"resourceType":"Bundle","id":"nobody","type":"collection","entry":[{"resource":{"resourceType":"Organization","id":"o","name":"Patient/ Care"}}]}`)
	check := func(when string, p trust.Principal, want bool) {
		t.Helper()
		a := c.as(p)
		for _, body := range inside {
			r := c.read(body)
			kind, id := r.ResourceType(), r.ID()
			_, read := a.Read(ctx, kind, id)
			_, version := a.ReadVersion(ctx, kind, id, 1)
			found, failed := a.Find(ctx, kind, "_id="+id)
			history, _ := a.History(ctx, store.HistoryFilter{Type: kind, ID: id})
			exported := 0
			for v, err := range a.All(ctx, kind) {
				if err == nil && v.ID == id {
					exported++
				}
			}
			if got := []bool{read == nil, version == nil, len(found) == 1, len(history) == 1, exported == 1}; failed != nil || slices.Contains(got, !want) {
				t.Errorf("%s: %s/%s by %s: read, vread, search, history, export %v, %v", when, kind, id, p.Role, got, failed)
			}
		}
		if _, err := a.Read(ctx, "Bundle", "nobody"); err != nil {
			t.Errorf("%s: a Bundle that names nobody: %v", when, err)
		}
	}
	check("nobody objects", nurse, true)
	c.commit(physician, refuses("rosa"))
	if _, err := c.as(nurse).Read(ctx, "Condition", condition); !fault.Is(err, fault.NotFound) {
		t.Fatalf("the objection is not in force: %v", err)
	}
	check("rosa objects to the nurse", nurse, false)
	check("and not to the physician", physician, true)
}
