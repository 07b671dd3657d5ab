package fhirapi

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/osler-emr/osler/trust"
)

// raw asks for the content of a Binary.
func (h *house) raw(method, path, body string, headers ...string) (*http.Response, []byte) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, b
}

func TestBinaryContent(t *testing.T) {
	h := open(t)
	content := "\x89PNG\r\n\x1a\n\x00\xff<script>"
	res, _ := h.raw("POST", "/fhir/Binary", content, "Content-Type: image/png", "X-Security-Context: Patient/rosa", "Accept: application/fhir+json")
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("create: %d", res.StatusCode)
	}
	at := strings.TrimPrefix(res.Header.Get("Location"), h.url)
	at = at[:strings.Index(at, "/_history")]
	for _, accept := range []string{"*/*", "image/png", "application/pdf"} {
		res, got := h.raw("GET", at, "", "Accept: "+accept)
		if res.StatusCode != http.StatusOK || string(got) != content || res.Header.Get("Content-Type") != "image/png" || res.Header.Get("X-Security-Context") != "Patient/rosa" {
			t.Errorf("%s: %d %q %v", accept, res.StatusCode, got, res.Header)
		}
		if res.Header.Get("Content-Disposition") != "attachment" || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("a browser could show it as a page: %v", res.Header)
		}
	}
	n := h.get(at, "Accept: application/fhir+json").is(200).node
	if data, _ := base64.StdEncoding.DecodeString(n.Get("data").Text()); !bytes.Equal(data, []byte(content)) || n.Get("contentType").Text() != "image/png" || n.Path("securityContext.reference").Text() != "Patient/rosa" {
		t.Errorf("as a resource: %s", n.JSON())
	}
	if res, _ := h.raw("PUT", at, "other", "Content-Type: text/plain; charset=utf-8", "X-Security-Context: Patient/rosa"); res.StatusCode != http.StatusOK {
		t.Errorf("update: %d", res.StatusCode)
	}
	if _, got := h.raw("GET", at, ""); string(got) != "other" {
		t.Errorf("after the update: %q", got)
	}
	if _, got := h.raw("GET", at+"/_history/1", ""); string(got) != content {
		t.Errorf("version 1: %q", got)
	}
	if res, _ := h.as(trust.Patient).raw("GET", at, ""); res.StatusCode != http.StatusOK {
		t.Errorf("her own: %d", res.StatusCode)
	}
	other, _ := h.raw("POST", "/fhir/Binary", "x", "Content-Type: text/plain", "X-Security-Context: Patient/sam", "Prefer: return=minimal")
	path := strings.TrimPrefix(other.Header.Get("Location"), h.url)
	h.as(trust.Patient).get(path[:strings.Index(path, "/_history")]).refused(404)
	h.get("/fhir/Binary/nobody", "Accept: image/png").refused(404)
	h.get("/fhir/Patient/rosa", "Accept: image/png").refused(406)
	h.ask("POST", "/fhir/Patient", "x", "Content-Type: image/png").refused(415)
	h.ask("POST", "/fhir/Binary", "x", "Content-Type: ;;").refused(400)
}

// noise is a stream of n bytes that are the same each time.
func noise(seed byte, n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)
}

func sum(t testing.TB, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// heap tells how much more memory is held at most while work is done, and not how long garbage lies.
func heap(work func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var before, most runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	done, watched := make(chan bool), make(chan bool)
	go func() {
		defer close(watched)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var now runtime.MemStats
			if runtime.ReadMemStats(&now); now.HeapAlloc > most.HeapAlloc {
				most = now
			}
		}
	}()
	work()
	close(done)
	<-watched
	return int64(most.HeapAlloc) - int64(before.HeapAlloc)
}

// A content of 200 MB passes through the door in pieces.
func TestLargeBinary(t *testing.T) {
	h := open(t)
	const size = 200 << 20
	at := ""
	used := heap(func() {
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/fhir/Binary", noise(1, size))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
		r.Header.Set("Content-Type", "video/mp4")
		r.Header.Set("X-Security-Context", "Patient/rosa")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close() != nil || res.StatusCode != http.StatusCreated {
			t.Fatalf("create: %d", res.StatusCode)
		}
		at = strings.TrimPrefix(res.Header.Get("Location"), h.url)
		at = at[:strings.Index(at, "/_history")]
		r, err = http.NewRequestWithContext(t.Context(), "GET", h.url+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
		if res, err = http.DefaultTransport.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got := sum(t, res.Body); got != sum(t, noise(1, size)) || res.ContentLength != size {
			t.Errorf("something else came back, %d bytes", res.ContentLength)
		}
	})
	if used > 64<<20 {
		t.Errorf("%d MB of memory were used for %d", used>>20, size>>20)
	}
	whole, err := io.ReadAll(noise(1, 200_000))
	if err != nil {
		t.Fatal(err)
	}
	res, part := h.raw("GET", at, "", "Range: bytes=100000-100999")
	if res.StatusCode != http.StatusPartialContent || !bytes.Equal(part, whole[100_000:101_000]) || res.Header.Get("Content-Range") != "bytes 100000-100999/209715200" {
		t.Errorf("a part: %d, %d bytes, %v", res.StatusCode, len(part), res.Header)
	}
	if res, part := h.raw("GET", at, "", "Range: bytes=100000-100999", "If-Range: "+res.Header.Get("ETag")); res.StatusCode != http.StatusPartialContent || len(part) != 1000 {
		t.Errorf("going on with the same version: %d", res.StatusCode)
	}
	if res, _ := h.raw("GET", at, "", `If-None-Match: W/"1"`); res.StatusCode != http.StatusNotModified {
		t.Errorf("had already: %d", res.StatusCode)
	}
	if res, body := h.raw("HEAD", at, ""); res.StatusCode != http.StatusOK || res.ContentLength != size || len(body) != 0 {
		t.Errorf("HEAD: %d, %d bytes", res.StatusCode, res.ContentLength)
	}
	if res, _ := h.raw("GET", at, "", "Range: bytes=999999999999-"); res.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("behind the end: %d", res.StatusCode)
	}
	n := h.get(at, "Accept: application/fhir+json").is(200).node
	if n.Get("data") != nil || n.Path("_data.extension.0.valueUnsignedInt").Text() != "209715200" {
		t.Errorf("as a resource: %.300s", n.JSON())
	}
	h.ask("PUT", at, string(n.JSON())).refused(422)
	if res, _ := h.as(trust.Patient).raw("GET", at, ""); res.StatusCode != http.StatusOK {
		t.Errorf("her own: %d", res.StatusCode)
	}
	// An answer that is made in memory names what it leaves out; a bulk export has it.
	ref, warned := strings.TrimPrefix(at, "/fhir/"), false
	for e := range h.get("/fhir/Patient/rosa/$everything").is(http.StatusOK).node.Get("entry").Items() {
		warned = warned || e.Path("search.mode").Text() == "outcome" && strings.Contains(e.Path("resource.issue.0.details.text").Text(), ref+" is shown without data")
	}
	if !warned {
		t.Error("$everything leaves the data out, and does not say so")
	}
	h.clock.Advance(time.Minute)
	p := h.program(trust.Physician)
	manifest := p.get(p.start("/fhir/$export?_type=Binary")).is(http.StatusOK).node
	if manifest.Get("error").Len() != 0 || manifest.Get("output").Len() != 1 {
		t.Fatalf("%s", manifest.JSON())
	}
	used = heap(func() {
		r, err := http.NewRequestWithContext(t.Context(), "GET", manifest.Path("output.0.url").Text(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+p.tokens[p.role])
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		line := bufio.NewReader(res.Body)
		for before := ""; !strings.HasSuffix(before, `"data":"`); {
			c, err := line.ReadByte()
			if err != nil {
				t.Fatalf("no data: %v, %.300s", err, before)
			}
			before += string(c)
		}
		data := io.LimitReader(line, int64(base64.StdEncoding.EncodedLen(size)))
		if got := sum(t, base64.NewDecoder(base64.StdEncoding, data)); got != sum(t, noise(1, size)) {
			t.Error("the export has other data")
		}
		if rest, err := io.ReadAll(line); err != nil || string(rest) != "\"}\n" {
			t.Errorf("behind the data: %q %v", rest, err)
		}
	})
	if used > 64<<20 {
		t.Errorf("the export used %d MB of memory for %d", used>>20, size>>20)
	}
}

// What is too large, breaks off or comes from somebody who may not write leaves nothing.
func TestLargeBinaryRefused(t *testing.T) {
	h := open(t, func(_ *house, o *Options) { o.MaxContent = 1 << 20 })
	body := strings.Repeat("x", 1<<20)
	res, got := h.raw("POST", "/fhir/Binary", body+"y", "Content-Type: text/plain")
	if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(got), "OperationOutcome") {
		t.Errorf("over the limit: %d %s", res.StatusCode, got)
	}
	if res, _ := h.raw("POST", "/fhir/Binary", body, "Content-Type: text/plain"); res.StatusCode != http.StatusCreated {
		t.Errorf("exactly the limit: %d", res.StatusCode)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/fhir/Binary", iotest.TimeoutReader(io.MultiReader(noise(1, 100_000))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	r.Header.Set("Content-Type", "text/plain")
	if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
		t.Errorf("broken off: %d %v", res.StatusCode, res.Body.Close())
	}
	if res, _ := h.as(trust.FrontDesk).raw("POST", "/fhir/Binary", body, "Content-Type: text/plain", "X-Security-Context: Patient/rosa"); res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusCreated {
		t.Errorf("front desk: %d", res.StatusCode)
	}
	for range 2 { // the same bytes twice are the same answer
		if res, _ := h.as(trust.Physician).raw("POST", "/fhir/Binary", body, "Content-Type: text/plain"); res.StatusCode != http.StatusCreated {
			t.Errorf("again: %d", res.StatusCode)
		}
	}
}

// A large content for a chart that is closed or not there is refused before it has come in, in the
// words of a small one.
func TestAContentForAClosedChartIsRefusedAtOnce(t *testing.T) {
	h := open(t)
	patient := &http.Transport{ExpectContinueTimeout: time.Minute} // waits until the server wants the body
	t.Cleanup(patient.CloseIdleConnections)
	send := func(chart string, size int64) (status int, sent int64, text string) {
		t.Helper()
		body := &counting{Reader: noise(7, size)}
		r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/fhir/Binary", body)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Authorization": "Bearer " + h.tokens[h.role], "Content-Type": "video/mp4", "X-Security-Context": "Patient/" + chart, "Accept": "application/fhir+json", "Expect": "100-continue"} {
			r.Header.Set(name, value)
		}
		res, err := patient.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, body.n.Load(), read(t, string(b)).Path("issue.0.diagnostics").Text()
	}
	const large = 64 << 20
	small, _, told := send("nobody", 100)
	status, sent, text := send("nobody", large)
	if small < 400 || status != small || text != told || text == "" {
		t.Errorf("a large one: %d %q, a small one: %d %q", status, text, small, told)
	}
	if sent > 0 {
		t.Errorf("it was refused after %d bytes", sent)
	}
	if status, sent, _ := send("rosa", 1<<20); status != http.StatusCreated || sent != 1<<20 {
		t.Errorf("an open chart: %d after %d bytes", status, sent)
	}
}

// counting counts what is read of a body.
type counting struct {
	io.Reader
	n atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// One lost scan keeps nothing but itself from who asks, and every answer that shows its document
// says so.
func TestALostContentIsToldOf(t *testing.T) {
	h := open(t)
	data := strings.Repeat("AAAA", 50_000)
	at := "/fhir/DocumentReference/" + h.ask("POST", "/fhir/DocumentReference", `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+data+`"}}]}`).is(http.StatusCreated).node.ID()
	ref := strings.TrimPrefix(at, "/fhir/")
	files, err := filepath.Glob(filepath.Join(h.dir, "contents", "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/fhir/DocumentReference?subject=Patient/rosa", "/fhir/DocumentReference?subject=Patient/rosa&_elements=type", "/fhir/Patient?_id=rosa&_revinclude=DocumentReference:subject", "/fhir/Patient/rosa/$everything"} {
		shown, warned := false, false
		for e := range h.get(path).is(http.StatusOK).node.Get("entry").Items() {
			shown = shown || e.Path("resource").Reference() == ref
			warned = warned || e.Path("search.mode").Text() == "outcome" && strings.Contains(e.Path("resource.issue.0.details.text").Text(), ref)
		}
		if !shown || !warned {
			t.Errorf("%s: shown %v, warned %v", path, shown, warned)
		}
	}
	for _, path := range []string{at, at + "/_history/1"} {
		if text := h.get(path).is(http.StatusServiceUnavailable).node.Path("issue.0.details.text").Text(); !strings.Contains(text, ref) || !strings.Contains(text, "backup") {
			t.Errorf("%s: %s", path, text)
		}
	}
	res, _ := h.raw("PATCH", at, `[{"op":"add","path":"/description","value":"x"}]`, "Content-Type: application/json-patch+json")
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("patched without its data: %d", res.StatusCode)
	}
	h.ask("PUT", at, `{"resourceType":"DocumentReference","id":"`+strings.TrimPrefix(ref, "DocumentReference/")+`","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+data+`"}}]}`).is(http.StatusOK)
	h.get(at).is(http.StatusOK)
}
