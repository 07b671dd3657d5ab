package clinic

import (
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/trust"
)

// typedAs saves what the script of a page saves while somebody types.
func (h house) typedAs(user, key, fields string) {
	h.t.Helper()
	p := trust.Principal{ID: h.account(user), Name: user, Role: trust.Physician, Purpose: trust.Treatment, Practitioner: user}
	if _, err := h.site.Gate.As(p, "test").SaveDraft(h.t.Context(), key, []byte(fields), 0); err != nil {
		h.t.Fatal(err)
	}
}

// TestAMessageFromTheChartIsNotLost: what was typed is there again until it is sent, and the writer says
// to whom: a remark for a colleague is never one key from the patient.
func TestAMessageFromTheChartIsNotLost(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/messages")
	if !strings.Contains(page.body, `data-key="message/maria"`) || !strings.Contains(page.body, `<option value="" selected`) || !page.says("Vitals") {
		t.Errorf("the form keeps nothing, chooses a reader by itself, or stands outside of the chart: %s", page.body)
	}
	h.typedAs("anna", "message/maria", `{"to":"amara","subject":"Phone her","text":"Half a letter."}`)
	if page = anna.get("/p/maria/messages"); !page.says("Half a letter.") || !strings.Contains(page.body, `value="Phone her"`) || !strings.Contains(page.body, `<option value="amara" selected`) {
		t.Errorf("what was typed is gone: %s", tags.ReplaceAllString(page.body, " "))
	}
	if a := anna.post("/p/maria/messages", "to", "", "subject", "Phone her", "text", "Half a letter."); a.status != http.StatusUnprocessableEntity || !a.says("Choose who reads this") || !a.says("Half a letter.") {
		t.Errorf("to nobody: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if got, err := message.Threads(t.Context(), h.actor(trust.Patient, "maria"), "maria"); err != nil || len(got) != 0 {
		t.Errorf("the patient reads %+v, %v", got, err)
	}
	if a := anna.post("/p/maria/messages", "to", "amara", "subject", "Phone her", "text", "A letter."); !a.says("Message sent.") {
		t.Fatalf("%d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if page = anna.get("/p/maria/messages"); page.says("Half a letter.") {
		t.Error("what was sent is offered again")
	}
}

// TestWordsForAResultAreNotLost: what was done about it, and words to the patient, in the chart and in the
// inbox; what the laboratory has said is shown, and not taken for the clinician's words.
func TestWordsForAResultAreNotLost(t *testing.T) {
	h := open(t)
	h.outside("grave", `{"value":6.9,"unit":"mmol/L"}`, "H")
	anna := h.signedIn("anna")
	for path, key := range map[string]string{"/p/maria/results": "results/maria", "/inbox/t-grave": "done/t-grave"} {
		if page := anna.get(path); !strings.Contains(page.body, `data-key="`+key+`"`) {
			t.Errorf("%s keeps nothing", path)
		}
		h.typedAs("anna", key, `{"plan":"Called her.","comment":"Please come."}`)
		if page := anna.get(path); !page.says("Called her.") || !page.says("Please come.") {
			t.Errorf("%s: what was typed is gone", path)
		}
	}
	if a := anna.post("/inbox/t-grave/done", "plan", "Called her.", "comment", "Please come."); a.status != http.StatusOK {
		t.Fatalf("signed: %d", a.status)
	}
	d := h.site.Gate.As(trust.Principal{ID: h.account("anna"), Role: trust.Physician, Practitioner: "anna", Purpose: trust.Treatment}, "test")
	if _, err := d.Draft(t.Context(), "done/t-grave"); err == nil {
		t.Error("what was signed is offered again")
	}
	h.commit(trust.System("laboratory"),
		`{"resourceType":"DiagnosticReport","id":"r9","status":"final","subject":{"reference":"Patient/maria"},"code":{"text":"Smear"},"effectiveDateTime":"2026-11-24","conclusion":"Looks haemolysed."}`,
		`{"resourceType":"Task","id":"t-r9","status":"requested","intent":"order","priority":"routine","code":{"coding":[{"system":"urn:osler:task","code":"review-result"}]},"description":"Smear","for":{"reference":"Patient/maria"},"owner":{"reference":"Practitioner/anna"},"focus":{"reference":"DiagnosticReport/r9"},"authoredOn":"2026-11-24T08:00:00Z"}`)
	page := anna.get("/inbox/t-r9")
	if _, box, _ := strings.Cut(page.body, `name="comment"`); !page.says("Looks haemolysed.") || strings.Contains(strings.SplitN(box, "</textarea>", 2)[0], "haemolysed") {
		t.Errorf("the laboratory's words stand in the box for the clinician's, or nowhere: %s", tags.ReplaceAllString(page.body, " "))
	}
}
