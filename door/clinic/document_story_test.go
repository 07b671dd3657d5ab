package clinic

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// file sends a form with a file behind its fields, as a browser does.
func (b browser) file(path string, content io.Reader, pairs ...string) answer {
	b.h.t.Helper()
	r, w := io.Pipe()
	m := multipart.NewWriter(w)
	go func() {
		for i := 0; i+1 < len(pairs); i += 2 {
			_ = m.WriteField(pairs[i], pairs[i+1])
		}
		part, err := m.CreateFormFile("file", "scan.pdf")
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err == nil {
			err = m.Close()
		}
		w.CloseWithError(err)
	}()
	return b.read(b.client.Post(b.h.url+path, m.FormDataContentType(), r))
}

// biller is signed in with a role that reads no documents.
func (h house) biller() browser {
	b := h.browser()
	b.post("/sign-in", "user", "priya", "password", phrase)
	return b
}

// pdf is a file of a size that begins like a PDF and cannot be compressed.
func pdf(seed byte, size int64) io.Reader {
	return io.MultiReader(strings.NewReader("%PDF-1.7\n"), io.LimitReader(rand.NewChaCha8([32]byte{seed}), size-9))
}

func TestADocumentIsFiledOpenedAndTakenBack(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	page := anna.get("/p/maria/documents")
	if !page.says("Add a document") || !page.says("No documents yet.") {
		t.Fatalf("documents: %s", tags.ReplaceAllString(page.body, " "))
	}
	key := page.value(t, "key")
	want, _ := io.ReadAll(pdf(1, 300_000))
	send := func() answer {
		return anna.file("/p/maria/documents", bytes.NewReader(want), "key", key, "kind", "18842-5", "title", "Letter from the heart clinic", "date", "2026-11-02")
	}
	page = send()
	if page.status != 200 || page.path != "/p/maria/documents" || !page.says("Letter from the heart clinic") || !page.says("300 kB") || !page.says("Dr Anna Lindqvist") {
		t.Fatalf("filed: %d %s", page.status, tags.ReplaceAllString(page.body, " "))
	}
	send() // a double click files it once
	documents := func() []chart.Document {
		c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), "maria")
		if err != nil {
			t.Fatal(err)
		}
		return c.Documents
	}
	list := documents()
	if len(list) != 1 || list[0].Kind != "Discharge summary" || list[0].Date != "2026-11-02" || list[0].Size != 300_000 || !list[0].Held {
		t.Fatalf("%+v", list)
	}
	at := "/p/maria/documents/" + list[0].ID
	got := anna.get(at)
	if got.body != string(want) || got.header.Get("Content-Type") != "application/pdf" || got.header.Get("Content-Disposition") != "attachment; filename=document-2026-11-02.pdf" {
		t.Errorf("opened: %d bytes, %v", len(got.body), got.header)
	}
	if p := got.header.Get("Content-Security-Policy"); !strings.Contains(p, "sandbox") || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("a file is shown as a page of ours: %v", got.header)
	}
	part, err := http.NewRequest(http.MethodGet, h.url+at, nil)
	if err != nil {
		t.Fatal(err)
	}
	part.Header.Set("Range", "bytes=200000-200099")
	if got := anna.read(anna.client.Do(part)); got.status != http.StatusPartialContent || got.body != string(want[200000:200100]) {
		t.Errorf("a part: %d, %d bytes", got.status, len(got.body))
	}
	for who, b := range map[string]browser{"somebody": h.browser(), "a biller": h.biller()} {
		if got := b.get(at); strings.Contains(got.body, "%PDF") || got.header.Get("Content-Disposition") != "" {
			t.Errorf("%s opens a document: %d", who, got.status)
		}
		if got := b.file("/p/maria/documents", bytes.NewReader(want[:1000])); got.status != http.StatusForbidden && got.status != http.StatusUnauthorized {
			t.Errorf("%s files a document: %d", who, got.status)
		}
	}
	if got := anna.get("/p/sam/documents/" + list[0].ID); got.status != http.StatusNotFound {
		t.Errorf("opened from another chart: %d", got.status)
	}
	page = anna.file("/p/maria/documents", pdf(2, 5000), "key", "another", "title", "By mistake")
	anna.post("/undo", "token", page.value(t, "token"), "next", "/p/maria/documents")
	if list := documents(); len(list) != 1 {
		t.Errorf("%d documents after one was taken back", len(list))
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	for _, c := range []struct {
		why     string
		content io.Reader
		pairs   []string
	}{
		{"Choose a file", strings.NewReader(""), nil},
		{"neither a PDF nor a picture", strings.NewReader("<script>alert(1)</script>"), nil},
		{"neither a PDF nor a picture", io.LimitReader(rand.NewChaCha8([32]byte{9}), 3<<20), nil},
		{"lies in the future", pdf(3, 100), []string{"date", "2031-01-01"}},
		{"cannot be read", pdf(3, 100), []string{"date", "yesterday"}},
		{"Choose the kind", pdf(3, 2<<20), []string{"kind", "x"}},
	} {
		got := anna.file("/p/maria/documents", c.content, append(c.pairs, "title", "What was <typed>")...)
		if got.status != http.StatusUnprocessableEntity || !got.says(c.why) || !strings.Contains(got.body, `value="What was &lt;typed&gt;"`) {
			t.Errorf("%s: %d", c.why, got.status)
		}
	}
	if got := anna.post("/p/maria/documents", "title", "without a file"); got.status != http.StatusBadRequest {
		t.Errorf("a form of another kind: %d", got.status)
	}
	if got := anna.file("/p/nobody/documents", pdf(4, 100)); got.status != http.StatusNotFound {
		t.Errorf("in a chart that is not there: %d", got.status)
	}
	c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), "maria")
	if err != nil || len(c.Documents) != 0 {
		t.Errorf("%d documents, %v", len(c.Documents), err)
	}
}

// A scan of any size passes through the clinic, and the chart beside it stays small.
func TestALargeDocumentIsNotHeldInMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("200 MB")
	}
	const size = 200 << 20
	h := open(t)
	anna := h.signedIn("anna")
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // it is about what is held, not about how long garbage lies
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	if got := anna.file("/p/maria/documents", pdf(5, size), "title", "Whole folder"); got.status != 200 || !got.says("210 MB") {
		t.Fatalf("filed: %d %s", got.status, tags.ReplaceAllString(got.body, " "))
	}
	for range 5 { // the chart names it and does not hold it
		if got := anna.get("/p/maria"); got.status != 200 {
			t.Fatal(got.status)
		}
	}
	c, err := chart.Read(context.Background(), h.actor(trust.Physician, "anna"), "maria", "DocumentReference")
	if err != nil {
		t.Fatal(err)
	}
	r, err := anna.client.Get(h.url + "/p/maria/documents/" + c.Documents[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	same := equal(t, r.Body, pdf(5, size))
	close(done)
	<-watched
	if !same || r.ContentLength != size {
		t.Errorf("%d bytes came back, not those that were sent", r.ContentLength)
	}
	if grew := int64(peak.Load()) - int64(before.HeapInuse); grew > 64<<20 {
		t.Errorf("the heap grew by %d MB for a document of %d MB", grew>>20, size>>20)
	}
}

// equal compares two streams.
func equal(t *testing.T, a, b io.Reader) bool {
	t.Helper()
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(a, x)
		m, err2 := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false
		}
		if err != nil || err2 != nil {
			return err == err2
		}
	}
}

// TestAFileIsNotLostInTheLock: the lock page holds forms, and no file: it does not offer to send one
// that it does not have.
func TestAFileIsNotLostInTheLock(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	h.clock.Advance(identity.StaffIdle)
	a := anna.file("/p/maria/documents", strings.NewReader("%PDF-1.7 a scan"), "title", "A scan", "kind", "other")
	if a.status != http.StatusUnauthorized || !a.says("the file was not saved") || strings.Contains(a.body, "held-path") {
		t.Errorf("a file in a locked session: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
}
