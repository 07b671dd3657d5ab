package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// bad is the text that scanners call malware (eicar.org), in two pieces so that this file is none.
const bad = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR` + `-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// clamd answers at a socket as the daemon does; the function that is returned ends it.
func clamd(t *testing.T, socket string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var file bytes.Buffer
				io.ReadFull(c, make([]byte, len("zINSTREAM\x00")))
				for {
					var n uint32
					if binary.Read(c, binary.BigEndian, &n) != nil {
						return
					}
					if n == 0 {
						break
					}
					io.CopyN(&file, c, int64(n))
				}
				if strings.Contains(file.String(), bad) {
					io.WriteString(c, "stream: Eicar-Test-Signature FOUND\x00")
				} else {
					io.WriteString(c, "stream: OK\x00")
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return func() { l.Close() }
}

// upload is a way by which a file comes in.
type upload struct {
	name, who, method, path string
	body                    func(file string) (body, contentType string)
}

// form is a form with a file, as a browser sends it.
func form(file string) (string, string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("title", "A letter")
	part, _ := m.CreateFormFile("file", "scan.pdf")
	io.WriteString(part, "%PDF-1.7\n"+file)
	m.Close()
	return b.String(), m.FormDataContentType()
}

// letter is a document of another clinic with a text in it.
func letter(text string) string {
	return string(synthetic.Letter{Number: len(text), Family: "Díaz", Given: "Rosa", Sex: "F", Narrative: "<paragraph>" + text + "</paragraph>"}.Document())
}

// letterForm is the form of the import page, as a browser sends it.
func letterForm(text string) (string, string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("reason", "Confirmed by phone today")
	part, _ := m.CreateFormFile("document", "letter.xml")
	io.WriteString(part, letter(text))
	m.Close()
	return b.String(), m.FormDataContentType()
}

// uploads are all ways for files into the record by requests.
func uploads() []upload {
	in := func(format string) func(string) (string, string) {
		return func(file string) (string, string) {
			return strings.ReplaceAll(format, "FILE", base64.StdEncoding.EncodeToString([]byte(file))), "application/fhir+json"
		}
	}
	raw := func(file string) (string, string) { return file, "application/pdf" }
	film := func(file string) (string, string) { return strings.Repeat("film ", 40_000) + file, "video/mp4" }
	const doc = `"status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"text/plain","data":"FILE"}}]`
	return []upload{
		{"page of the clinic", "amara", "POST", "/p/rosa/documents", form},
		{"page of the import", "amara", "POST", "/p/rosa/documents/import", letterForm},
		{"import by the API", "amara", "POST", "/fhir/Patient/rosa/$import-document?reason=Confirmed+by+phone", func(file string) (string, string) { return letter("by the API: " + file), "application/cda+xml" }},
		{"page of the portal", "rosa", "POST", "/portal/documents", form},
		{"small Binary", "amara", "POST", "/fhir/Binary", raw},
		{"large Binary", "amara", "POST", "/fhir/Binary", film},
		{"large Binary in place of another", "amara", "PUT", "/fhir/Binary/r-bin", film},
		{"Binary as JSON", "amara", "POST", "/fhir/Binary", in(`{"resourceType":"Binary","contentType":"text/plain","data":"FILE"}`)},
		{"Binary as XML", "amara", "POST", "/fhir/Binary", func(file string) (string, string) {
			return `<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/><data value="` + base64.StdEncoding.EncodeToString([]byte(file)) + `"/></Binary>`, "application/fhir+xml"
		}},
		{"document", "amara", "POST", "/fhir/DocumentReference", in(`{"resourceType":"DocumentReference",` + doc + `}`)},
		{"large document", "amara", "POST", "/fhir/DocumentReference", func(file string) (string, string) {
			return in(`{"resourceType":"DocumentReference",` + doc + `}`)(strings.Repeat("page", 30_000) + file)
		}},
		{"document with white space", "amara", "POST", "/fhir/DocumentReference", func(file string) (string, string) {
			text := base64.StdEncoding.EncodeToString([]byte(file))
			return strings.ReplaceAll(`{"resourceType":"DocumentReference",`+doc+`}`, "FILE", text[:40]+`\n `+text[40:]), "application/fhir+json"
		}},
		{"document under an id", "amara", "PUT", "/fhir/DocumentReference/r-doc", in(`{"resourceType":"DocumentReference","id":"r-doc",` + doc + `}`)},
		{"patch", "amara", "PATCH", "/fhir/DocumentReference/r-doc", func(file string) (string, string) {
			b, _ := in(`[{"op":"add","path":"/content/0/attachment/data","value":"FILE"}]`)(file)
			return b, "application/json-patch+json"
		}},
		{"photo of a patient", "dana", "PUT", "/fhir/Patient/kim", in(`{"resourceType":"Patient","id":"kim","active":true,"name":[{"family":"Kim"}],"photo":[{"contentType":"image/png"},{"contentType":"text/plain","data":"FILE"}]}`)},
		{"contained", "amara", "POST", "/fhir/Observation", in(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"contained":[{"resourceType":"Media","id":"m","status":"completed","content":{"contentType":"text/plain","data":"FILE"}}],"derivedFrom":[{"reference":"#m"}]}`)},
		{"extension", "amara", "POST", "/fhir/Observation", in(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"extension":[{"url":"urn:x","valueBase64Binary":"FILE"}]}`)},
		{"message", "amara", "POST", "/fhir/Communication", in(`{"resourceType":"Communication","status":"completed","subject":{"reference":"Patient/rosa"},"payload":[{"contentAttachment":{"contentType":"text/plain","data":"FILE"}}]}`)},
		{"answer of a patient", "rosa", "POST", "/fhir/QuestionnaireResponse", in(`{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/rosa"},"source":{"reference":"Patient/rosa"},"author":{"reference":"Patient/rosa"},"item":[{"linkId":"1","answer":[{"valueAttachment":{"contentType":"text/plain","data":"FILE"}}]}]}`)},
		{"transaction", "amara", "POST", "/fhir", in(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}},"request":{"method":"POST","url":"Observation"}},{"resource":{"resourceType":"DocumentReference",` + doc + `},"request":{"method":"POST","url":"DocumentReference"}}]}`)},
		{"batch", "amara", "POST", "/fhir", in(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"DocumentReference",` + doc + `},"request":{"method":"POST","url":"DocumentReference"}}]}`)},
		{"bundle that is kept", "amara", "POST", "/fhir/Bundle", in(`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:0199d4c2-0000-7000-8000-000000000001","resource":{"resourceType":"DocumentReference","id":"x",` + doc + `}}]}`)},
	}
}

// contents counts the files in the place of contents, whole or not.
func (h *house) contents() (n int) {
	filepath.WalkDir(filepath.Join(h.dir, "contents"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// status is that of an answer, or of the only entry of a batch.
func (a answer) inner() string {
	if m := regexp.MustCompile(`"type":"batch-response".*"status":"(\d+)`).FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return fmt.Sprint(a.status)
}

// TestEveryUploadIsScanned: by each way for files, a clean one is stored, malware is refused with
// 422 and a file that nobody could check with 503; of these nothing is stored but a leaf.
func TestEveryUploadIsScanned(t *testing.T) {
	var bodies []string
	for _, e := range records() {
		bodies = append(bodies, e.body(e.id, 0))
	}
	h := open(t, bodies...)
	socket := filepath.Join(t.TempDir(), "clamd.ctl")
	stop := clamd(t, socket)
	s, err := malware.Open(false, "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	h.gate.ScanFiles(s)
	newest := func() (said string) { // of the leaves: a page that shows the form again writes more
		list, err := h.store.Leaves(t.Context(), store.LeafFilter{Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if l.Leaf.Action == ledger.Refused {
				said += l.Leaf.Query + "; "
			}
		}
		return said
	}
	refused := func(u upload, file, status, query string) {
		t.Helper()
		before, files := h.stored(), h.contents()
		body, kind := u.body(file)
		a := h.ask(u.who, u.method, u.path, body, "Content-Type: "+kind, "Sec-Fetch-Site: same-origin")
		if a.inner() != status || !strings.Contains(a.body, "not stored") {
			t.Errorf("%s: %d (%s) %.400s", u.name, a.status, status, a.body)
		}
		if strings.HasPrefix(u.path, "/fhir") && !strings.Contains(a.body, "OperationOutcome") {
			t.Errorf("%s: no OperationOutcome: %.300s", u.name, a.body)
		}
		if after := h.stored(); after != before || h.contents() != files {
			t.Errorf("%s: something is stored: %s, %d files; it was %s, %d", u.name, after, h.contents(), before, files)
		}
		if l := newest(); !strings.Contains(l, query) {
			t.Errorf("%s: the newest leaves are %s", u.name, l)
		}
	}
	for _, u := range uploads() {
		refused(u, bad, "422", "Eicar-Test-Signature")
		body, kind := u.body("harmless and clean, and longer than forty letters")
		if a := h.ask(u.who, u.method, u.path, body, "Content-Type: "+kind, "Sec-Fetch-Site: same-origin"); a.inner() >= "400" {
			t.Errorf("%s: a clean file: %d %.600s", u.name, a.status, a.body)
		}
	}
	// The clean file of the patch is the one that the document has from the PUT before.
	if got := s.State(); got.Found != int64(len(uploads())) || got.Checked != got.Found-1 {
		t.Errorf("%d ways, and %+v", len(uploads()), got)
	}

	t.Run("imports", func(t *testing.T) {
		lines := `{"resourceType":"DocumentReference","id":"imp-good","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"text/plain","data":"Z29vZA=="}}]}` + "\n" +
			`{"resourceType":"DocumentReference","id":"imp-bad","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString([]byte(bad)) + `"}}]}` + "\n"
		path := filepath.Join(t.TempDir(), "documents.ndjson")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		im := bulk.Import{Actor: h.gate.As(trust.System("import"), "console")}
		report, err := im.Run(t.Context(), []string{path})
		if err != nil || report.Stored() != 1 || report.Problems() != 1 || !strings.Contains(report.Files[0].Problems[0].Text, "Eicar") {
			t.Errorf("a file: %v, %+v", err, report)
		}
		files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.ReplaceAll(lines, "imp-", "web-"))
		}))
		defer files.Close()
		ada, err := h.site.Accounts.FindByUser(t.Context(), "ada")
		if err == nil {
			h.people["ada"].bearer, err = h.site.Accounts.IssueToken(t.Context(), trust.System("test"), ada.ID, []string{"system/*.cruds"}, time.Hour)
		}
		if err != nil {
			t.Fatal(err)
		}
		a := h.ask("ada", "POST", "/fhir/$import", `{"resourceType":"Parameters","parameter":[{"name":"inputFormat","valueCode":"application/fhir+ndjson"},{"name":"inputSource","valueUri":"`+files.URL+`"},{"name":"input","part":[{"name":"type","valueCode":"DocumentReference"},{"name":"url","valueUri":"`+files.URL+`/documents.ndjson"}]}]}`, "Prefer: respond-async")
		if a.status != http.StatusAccepted {
			t.Fatalf("$import: %d %s", a.status, a.body)
		}
		until(t, func() bool {
			return h.ask("ada", "GET", strings.TrimPrefix(a.header.Get("Content-Location"), "http://osler.example"), "").status == 200
		})
		for id, want := range map[string]int{"web-good": 200, "web-bad": 404, "imp-good": 200, "imp-bad": 404} {
			if got := h.ask("amara", "GET", "/fhir/DocumentReference/"+id, "").status; got != want {
				t.Errorf("%s: %d", id, got)
			}
		}
	})

	t.Run("while the scanner is away", func(t *testing.T) {
		stop()
		for _, u := range uploads() {
			refused(u, "another clean file, of which nobody knows that it is", "503", "clamd at "+socket)
		}
		// What the record has already does not need the scanner: the rest can be corrected.
		with := func(title string) string {
			return `{"resourceType":"DocumentReference","id":"imp-good","status":"current","description":"` + title + `","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"text/plain","data":"Z29vZA=="}}]}`
		}
		if a := h.ask("amara", "PUT", "/fhir/DocumentReference/imp-good", with("corrected")); a.status != 200 {
			t.Errorf("a title cannot be corrected: %d %.300s", a.status, a.body)
		}
		large := h.ask("amara", "GET", "/fhir/Binary/r-bin", "", "Accept: application/fhir+json")
		if a := h.ask("amara", "PUT", "/fhir/Binary/r-bin", strings.Replace(large.body, "video/mp4", "video/mpeg", 1)); a.status != 200 {
			t.Errorf("a kind cannot be corrected: %d %.300s", a.status, a.body)
		}
		if a := h.ask("amara", "POST", "/fhir/DocumentReference/$validate", with("judged")); a.status != 200 {
			t.Errorf("nothing is stored by $validate: %d", a.status)
		}
	})
	t.Run("the administrator sees it", func(t *testing.T) {
		if a := h.ask("ada", "GET", "/safety", ""); !strings.Contains(a.body, "not answering: no file is stored") || !strings.Contains(a.body, fmt.Sprintf("%d with malware", s.State().Found)) {
			t.Errorf("%d %.2000s", a.status, a.body)
		}
		h.gate.ScanFiles(nil)
		if a := h.ask("ada", "GET", "/safety", ""); !strings.Contains(a.body, "Files are not scanned: no scanner is set up") {
			t.Errorf("%d", a.status)
		}
	})
}

// until waits for what is done beside requests.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to its end")
		}
	}
}

// TestUploadsAreKnown: pages that take files are in the list of TestEveryUploadIsScanned.
func TestUploadsAreKnown(t *testing.T) {
	takers := regexp.MustCompile(`\b(r\.Upload\(\)|FormFile\(|MultipartReader\(|ParseMultipartForm\()`)
	found := map[string]bool{}
	for _, dir := range []string{"door", "practice", "identity", "exchange"} {
		filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				if text, _ := os.ReadFile(path); takers.Match(text) {
					rel, _ := filepath.Rel(root, path)
					found[filepath.ToSlash(rel)] = true
				}
			}
			return nil
		})
	}
	for _, known := range []string{"door/clinic/document_show.go", "door/clinic/import_act.go", "door/portal/document_show.go", "door/web/upload.go"} {
		if !found[known] {
			t.Errorf("%s takes no files any more", known)
		}
		delete(found, known)
	}
	for path := range found {
		t.Errorf("%s takes files: name its way in uploads()", path)
	}
}
