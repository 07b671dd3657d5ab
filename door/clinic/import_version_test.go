package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// problemsLetter is a document about Maria with a number, what it says of another one, and problems.
func problemsLetter(number, related string, problems ...string) string {
	body := `<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/><id root="2.999.1" extension="` + number + `"/><title>Summary ` + number + `</title><effectiveTime value="20261101"/>`
	if code, parent, ok := strings.Cut(related, " "); ok {
		body += `<relatedDocument typeCode="` + code + `"><parentDocument><id root="2.999.1" extension="` + parent + `"/></parentDocument></relatedDocument>`
	}
	body += `<recordTarget><patientRole><patient><name><given>Maria</given><family>Okafor</family></name><administrativeGenderCode code="F"/><birthTime value="19680314"/></patient></patientRole></recordTarget><component><structuredBody><component><section><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title>`
	for _, p := range problems {
		body += `<entry><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><statusCode code="completed"/><value xsi:type="CD" code="` + p + `" codeSystem="2.16.840.1.113883.6.96" displayName="Problem ` + p + `"/></observation></entry>`
	}
	return body + `</section></component></structuredBody></component></ClinicalDocument>`
}

// TestTheReviewTellsOfVersions: what was taken in and is no longer said, what a document adds to, and that a newer
// one is here.
func TestTheReviewTellsOfVersions(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`)
	anna := h.signedIn("anna")
	first := anna.sendLetter("maria", problemsLetter("v1", "", "59282003", "38341003"), "key", "k1")
	fields := append(chooseAll(first, "add"), "key", first.value(t, "key"), "mark", first.value(t, "mark"), "act", "accept")
	if got := anna.post(first.path, fields...); !got.says("2 added") {
		t.Fatalf("accepted: %d %s", got.status, tags.ReplaceAllString(got.body, " "))
	}
	const gone = "Taken in from an earlier version, and no longer in this one"
	second := anna.sendLetter("maria", problemsLetter("v2", "RPLC v1", "38341003"), "key", "k2")
	if !second.says(gone) || !second.says("Problem 59282003") || !second.says("the earlier version") {
		t.Errorf("the second: %s", tags.ReplaceAllString(second.body, " "))
	}
	if got := anna.get(first.path); !got.says("A newer version of this document is filed") || got.says(gone) {
		t.Errorf("the first: %s", tags.ReplaceAllString(got.body, " "))
	}
	if got := anna.sendLetter("maria", problemsLetter("a", "APND v2", "195967001"), "key", "k3"); !got.says("It adds to an earlier document") || got.says(gone) {
		t.Errorf("the addendum: %s", tags.ReplaceAllString(got.body, " "))
	}
}
