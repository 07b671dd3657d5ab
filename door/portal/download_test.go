package portal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// lifetime keeps a record, of 20 years in 240 months: a visit a month with a note and values, and
// twice a year a scan of 1 MB.
func (c *house) lifetime(months int) {
	c.t.Helper()
	c.keep(`{"resourceType":"Patient","id":"lena","name":[{"family":"Holm","given":["Lena"]}],"birthDate":"1971-05-09","gender":"female"}`)
	if _, err := c.logins.Create(c.t.Context(), trust.System("demo"), identity.Draft{User: "lena.holm", Name: "Lena Holm", Role: trust.Patient, Patient: "lena", Password: password}); err != nil {
		c.t.Fatal(err)
	}
	scan := make([]byte, 1<<20)
	for month := range months {
		at := noon.AddDate(0, month-months, 0).Format(time.RFC3339)
		var bodies []string
		put := func(body string, args ...any) { bodies = append(bodies, fmt.Sprintf(body, args...)) }
		put(`{"resourceType":"Encounter","id":"v%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/lena"},"period":{"start":%q,"end":%q}}`, month, at, at)
		put(`{"resourceType":"Composition","id":"n%d","status":"final","type":{"text":"Progress note"},"subject":{"reference":"Patient/lena"},"encounter":{"reference":"Encounter/v%d"},"date":%q,"author":[{"display":"Dr A"}],"title":"Note","section":[{"title":"Plan","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%s</div>"}}]}`, month, month, at, strings.Repeat("Seen, examined and advised. ", 60))
		for i := range 12 {
			put(`{"resourceType":"Observation","id":"o%d-%d","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}],"text":"Potassium"},"subject":{"reference":"Patient/lena"},"encounter":{"reference":"Encounter/v%d"},"effectiveDateTime":%q,"valueQuantity":{"value":4.%d,"unit":"mmol/L"}}`, month, i, month, at, i)
		}
		if month%6 == 0 {
			dice := rand.NewChaCha8([32]byte{byte(month)})
			_, _ = dice.Read(scan)
			put(`{"resourceType":"DocumentReference","id":"d%d","status":"current","subject":{"reference":"Patient/lena"},"date":%q,"content":[{"attachment":{"contentType":"image/png","data":%q}}]}`, month, at, base64.StdEncoding.EncodeToString(scan))
		}
		c.keep(bodies...)
	}
}

// TestTwentyYearsInAMinute downloads the record of 20 years: whole, within a minute, as a stream, and
// without the record in memory.
func TestTwentyYearsInAMinute(t *testing.T) {
	c := start(t)
	c.lifetime(240)
	c.as("lena.holm")
	peak, stop, stopped := uint64(0), make(chan bool), make(chan bool)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		}
	}()
	begun := time.Now()
	r, err := c.as("lena.holm").Get(c.url + "/portal/download")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := io.Copy(file, r.Body)
	took := time.Since(begun)
	close(stop)
	<-stopped
	if err != nil || r.StatusCode != http.StatusOK || r.ContentLength >= 0 {
		t.Fatalf("%d, length %d: %v", r.StatusCode, r.ContentLength, err)
	}
	t.Logf("%d MB in %s, heap %d MB before and at most %d MB", size>>20, took.Round(time.Millisecond), before.HeapInuse>>20, peak>>20)
	if took > time.Minute {
		t.Errorf("the last bytes came after %s", took)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var bundle struct{ Entry []json.RawMessage }
	if err := json.NewDecoder(file).Decode(&bundle); err != nil || len(bundle.Entry) != 1+240*14+40 {
		t.Errorf("%d entries: %v", len(bundle.Entry), err)
	}

	// The first bytes come while most is unread: what is taken away behind them is missing.
	slow := *c.as("lena.holm")
	slow.Transport = webtest.Line(t)
	if r, err = slow.Get(c.url + "/portal/download"); err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.CopyN(io.Discard, r.Body, 1<<10); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, "contents")); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r.Body); err == nil {
		t.Errorf("all %d bytes had been read before the first were sent", n)
	}
}

// TestABrokenDownloadDoesNotLookWhole: what cannot be read in the middle ends the connection.
func TestABrokenDownloadDoesNotLookWhole(t *testing.T) {
	c := start(t)
	c.lifetime(24)
	removed := 0
	err := filepath.WalkDir(filepath.Join(c.dir, "contents"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && removed < 10 {
			removed++
			return os.Remove(path)
		}
		return err
	})
	if err != nil || removed == 0 {
		t.Fatal(removed, err)
	}
	r, err := c.as("lena.holm").Get(c.url + "/portal/download")
	if err != nil {
		return // before the first bytes
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err == nil && r.StatusCode == http.StatusOK {
		t.Error("half a record looks whole")
	}
	// Once the loss is known, the patient reads what to do instead.
	if _, err := c.gate.SweepContents(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, page := c.see("lena.holm", "/portal/download"); status != http.StatusServiceUnavailable || !strings.Contains(page, "Please tell the clinic. It can put the file back.") {
		t.Errorf("a download that would break off: %d %.300s", status, page)
	}
}

// TestSubstancesGoWithTheNotice: the file and the page carry the notice of 42 CFR Part 2 when there is
// something to protect, and not otherwise.
func TestSubstancesGoWithTheNotice(t *testing.T) {
	c := start(t)
	c.keep(`{"resourceType":"Patient","id":"lena","name":[{"family":"Holm","given":["Lena"]}],"birthDate":"1971-05-09"}`,
		`{"resourceType":"Condition","id":"gout","subject":{"reference":"Patient/lena"},"code":{"text":"Gout"}}`)
	if _, err := c.logins.Create(t.Context(), trust.System("demo"), identity.Draft{User: "lena.holm", Name: "Lena Holm", Role: trust.Patient, Patient: "lena", Password: password}); err != nil {
		t.Fatal(err)
	}
	says := func() (file, page bool) {
		_, f := c.see("lena.holm", "/portal/download")
		_, p := c.see("lena.holm", "/portal/record")
		return strings.Contains(f, bulk.Redisclosure), strings.Contains(p, bulk.Redisclosure)
	}
	if file, page := says(); file || page {
		t.Errorf("nothing to protect: file %v, page %v", file, page)
	}
	c.keep(`{"resourceType":"Condition","id":"use","subject":{"reference":"Patient/lena"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}],"text":"Opioid dependence"}}`)
	if file, page := says(); !file || !page {
		t.Errorf("opioid dependence: file %v, page %v", file, page)
	}
}
