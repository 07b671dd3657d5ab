package clinic

import (
	"bytes"
	"context"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// letterFile is a document of another clinic about Maria.
func letterFile() string {
	return string(synthetic.Letter{Number: 7, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Phone: "+44 113 496 0123", Street: "8 Burley Road", City: "Leeds", Visits: 2}.Document())
}

// sendLetter files a document, as a browser does.
func (b browser) sendLetter(patient, body string, pairs ...string) answer {
	b.h.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	for i := 0; i+1 < len(pairs); i += 2 {
		_ = m.WriteField(pairs[i], pairs[i+1])
	}
	head := textproto.MIMEHeader{}
	head.Set("Content-Disposition", `form-data; name="document"; filename="letter.xml"`)
	head.Set("Content-Type", "text/xml")
	part, err := m.CreatePart(head)
	if err != nil {
		b.h.t.Fatal(err)
	}
	_, _ = part.Write([]byte(body))
	_ = m.Close()
	return b.read(b.client.Post(b.h.url+"/p/"+patient+"/documents/import", m.FormDataContentType(), &form))
}

var choiceName = regexp.MustCompile(`name="(c-[^"]+)" value="add"`)

// chooseAll makes the fields of a review: the first offered choices are all the same.
func chooseAll(a answer, choice string) (pairs []string) {
	for _, m := range choiceName.FindAllStringSubmatch(a.body, -1) {
		pairs = append(pairs, m[1], choice)
	}
	return pairs
}

func TestADocumentOfAnotherClinicIsTakenIn(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", letterFile(), "key", "k1")
	if page.status != 200 || !strings.HasSuffix(page.path, "/review") || !page.says("Nothing of it is in the chart yet") || !page.says("Kirkstall Heart Clinic") {
		t.Fatalf("filed: %d %s %s", page.status, page.path, tags.ReplaceAllString(page.body, " "))
	}
	at := page.path
	read := func() chart.Chart {
		c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), "maria")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := read(); len(c.Problems) != 0 || len(c.Documents) != 1 {
		t.Fatal("something of the document is in the chart before anybody accepts it")
	}
	if inbox := anna.get("/inbox"); !inbox.says("Document to review") {
		t.Errorf("the inbox: %s", tags.ReplaceAllString(inbox.body, " "))
	}
	if again := anna.sendLetter("maria", letterFile(), "key", "k2"); again.path != at || !again.says("filed before") {
		t.Errorf("sent twice: %s", again.path)
	}

	// saved for later, on another device
	fields := append(chooseAll(page, "add"), "key", page.value(t, "key"), "mark", page.value(t, "mark"))
	if len(fields) < 8 {
		t.Fatalf("few items: %v", fields)
	}
	anna.post(at, append([]string{"act", "save", fields[0], "unsure"}, fields[len(fields)-4:]...)...)
	if page = h.signedIn("anna").get(at); !strings.Contains(page.body, `value="unsure" checked`) {
		t.Error("what was saved for later is lost")
	}

	done := anna.post(at, append([]string{"act", "accept"}, fields...)...)
	if done.status != 200 || !done.says("added") {
		t.Fatalf("accepted: %d %s %s", done.status, done.path, tags.ReplaceAllString(done.body, " "))
	}
	c := read()
	if len(c.ActiveProblems()) == 0 || c.ActiveProblems()[0].Origin != chart.Imported {
		t.Fatalf("the chart: %+v", c.Problems)
	}
	if got := anna.get("/p/maria/problems"); !got.says("from Kirkstall Heart Clinic") {
		t.Errorf("problems do not say where they are from: %s", tags.ReplaceAllString(got.body, " "))
	}
	page = anna.get(at)
	undo := regexp.MustCompile(`action="(/p/maria/documents/[^"]+/undo/[^"]+)"`).FindStringSubmatch(page.body)
	if undo == nil {
		t.Fatalf("no way back: %s", tags.ReplaceAllString(page.body, " "))
	}
	if back := anna.post(undo[1]); !back.says("taken back") {
		t.Errorf("undo: %d %s", back.status, tags.ReplaceAllString(back.body, " "))
	}
	if c = read(); len(c.ActiveProblems()) != 0 || len(c.Allergies.Active) != 0 {
		t.Errorf("after the undo: %+v", c.Problems)
	}
	page = anna.get(at)
	if kept := anna.post(at, "act", "keep", "key", page.value(t, "key"), "mark", page.value(t, "mark")); kept.path != "/p/maria/documents" {
		t.Errorf("kept as a file: %d %s", kept.status, kept.path)
	}
	open, err := task.About(context.Background(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(open) != 0 {
		t.Errorf("%d tasks left, %v", len(open), err)
	}
}

func TestDocumentsThatAreNotTakenIn(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	letter := letterFile()
	for _, c := range []struct{ name, body, says string }{
		{"no XML", "%PDF-1.7", "document"},
		{"other XML", "<html><body>Hello</body></html>", "document"},
		{"broken", letter[:len(letter)/2], "document"},
		{"another birth date", strings.Replace(letter, "19680314", "19710314", 1), "seems to be about another person"},
		{"another sex", strings.Replace(letter, `administrativeGenderCode code="F"`, `administrativeGenderCode code="M"`, 1), "seems to be about another person"},
	} {
		got := anna.sendLetter("maria", c.body, "key", c.name)
		if got.status != http.StatusUnprocessableEntity || !got.says(c.says) {
			t.Errorf("%s: %d %s", c.name, got.status, tags.ReplaceAllString(got.body, " "))
		}
	}
	c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(c.Documents) != 0 {
		t.Fatalf("%d documents are filed, %v", len(c.Documents), err)
	}
	got := anna.sendLetter("maria", strings.Replace(letter, "19680314", "19710314", 1), "key", "x", "reason", "Typing error there; she confirms it")
	if !strings.HasSuffix(got.path, "/review") || !got.says("This seems to be another person") {
		t.Errorf("with a reason: %d %s", got.status, got.path)
	}
	for who, b := range map[string]browser{"nobody": h.browser(), "a biller": h.biller()} {
		if got := b.sendLetter("maria", letter, "key", who); strings.HasSuffix(got.path, "/review") {
			t.Errorf("%s files a document", who)
		}
		if got := b.get(got.path); got.says("Kirkstall") {
			t.Errorf("%s reads the review", who)
		}
	}
}

// TestADocumentThatThePatientSentSaysSo: whoever reviews it is not told that another clinic wrote it.
func TestADocumentThatThePatientSentSaysSo(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`,
		`{"resourceType":"DocumentReference","id":"sent","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"status":"current","subject":{"reference":"Patient/maria"},"content":[{"attachment":{"contentType":"text/xml","data":"`+base64.StdEncoding.EncodeToString([]byte(letterFile()))+`"}}]}`)
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/documents/sent/review")
	if page.status != 200 || !page.says("Sent by the patient") {
		t.Errorf("%d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	if done := anna.post(page.path, append(chooseAll(page, "add"), "act", "accept", "key", page.value(t, "key"), "mark", page.value(t, "mark"))...); !done.says("added") {
		t.Fatalf("accepted: %d %s", done.status, tags.ReplaceAllString(done.body, " "))
	}
	for _, path := range []string{"/p/maria/problems", "/p/maria/medications", "/p/maria/allergies", "/p/maria/immunizations"} {
		if got := anna.get(path); !got.says("from the patient, with a document of Kirkstall Heart Clinic") || got.says("from Kirkstall Heart Clinic") {
			t.Errorf("%s: %s", path, tags.ReplaceAllString(got.body, " "))
		}
	}
}
