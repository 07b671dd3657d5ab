package portal

import (
	"bytes"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// photo sends a form with a file, as a browser does.
func (c *house) photo(user, title, content string) (status int, page string) {
	c.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField("nonce", "n-"+title)
	_ = m.WriteField("title", title)
	part, err := m.CreateFormFile("file", "IMG_1.jpg")
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = io.WriteString(part, content)
	m.Close()
	r, err := c.as(user).Post(c.url+"/portal/documents", m.FormDataContentType(), &body)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func TestAPatientSendsAPhoto(t *testing.T) {
	c := start(t)
	const maria, yusuf, anna = "maria.okafor", "yusuf.almasri", "anna.lindqvist"
	me := c.people[maria].Patient
	photo := "\xff\xd8\xff" + strings.Repeat("rash", 50_000)
	for range 2 { // a double tap sends it once
		if status, page := c.photo(maria, "Rash on my arm", photo); status != 200 || !strings.Contains(plainText(page), "Rash on my arm") || !strings.Contains(plainText(page), "200 kB · sent by you") {
			t.Fatalf("sent: %d %s", status, plainText(page))
		}
	}
	doctor := c.staff(anna)
	ch, err := chart.Read(t.Context(), doctor, me)
	if err != nil {
		t.Fatal(err)
	}
	var sent []chart.Document
	for _, d := range ch.Documents {
		if d.Origin == chart.Reported {
			sent = append(sent, d)
		}
	}
	if len(sent) != 1 || sent[0].ContentType != "image/jpeg" || !sent[0].Held {
		t.Fatalf("in the chart: %+v", sent)
	}
	list, err := task.OpenOf(t.Context(), doctor, task.FollowUp)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, k := range list {
		if k.Focus == "DocumentReference/"+sent[0].ID && k.Patient == me {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("%d tasks ask to look at it", asked)
	}
	at := "/portal/documents/" + sent[0].ID
	if status, body := c.see(maria, at); status != 200 || body != photo {
		t.Errorf("opened: %d, %d bytes", status, len(body))
	}
	if status, body := c.see(yusuf, at); status != 404 || strings.Contains(body, "rash") {
		t.Errorf("another patient opens it: %d", status)
	}
	ch, err = chart.Read(t.Context(), doctor, me, "DocumentReference")
	if err != nil {
		t.Fatal(err)
	}
	theirs := c.people[yusuf].Patient
	linked := ""
	for _, n := range ch.Resources("DocumentReference") {
		if n.ID() == sent[0].ID {
			linked = strings.ReplaceAll(string(n.JSON()), me, theirs)
		}
	}
	n, err := fhir.Parse([]byte(linked))
	if err != nil {
		t.Fatal(err)
	}
	n.Remove("id")
	if _, err := doctor.Commit(t.Context(), record.Change{Put: []record.Put{{Resource: n}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("another patient's chart names the photo: %v", err)
	}
	for title, content := range map[string]string{"": photo, "A film": "not a picture", "Nothing": ""} {
		if status, page := c.photo(maria, title, content); status != 422 || !strings.Contains(page, `class="why-bad"`) {
			t.Errorf("%q: %d", title, status)
		}
	}
}
