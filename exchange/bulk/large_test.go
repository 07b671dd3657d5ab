package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// keeping returns an actor of an import on a new record that keeps contents in a folder.
func keeping(t *testing.T) (*record.Actor, string) {
	t.Helper()
	dir, place := t.TempDir(), t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b, err := bucket.Open(place)
	if err != nil {
		t.Fatal(err)
	}
	return record.Open(record.WithContents(s, blob.New(b, bytes.Repeat([]byte{1}, 32))), c).As(trust.System("import"), "test"), place
}

// noise is n bytes that nobody can guess, and that are the same for the same seed.
func noise(seed byte, n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{seed}), n)
}

func text(t *testing.T, seed byte, n int64) string {
	t.Helper()
	b, err := io.ReadAll(noise(seed, n))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func sumOf(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sumOfBinary is the hash of what a Binary holds.
func sumOfBinary(t *testing.T, a *record.Actor, id string) string {
	t.Helper()
	b, err := a.OpenBinary(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return sumOf(t, b)
}

func put(t *testing.T, a *record.Actor, body string, content io.Reader) {
	t.Helper()
	r, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	p := record.Put{Resource: r, Create: true}
	if content != nil {
		c, err := a.Keep(t.Context(), content, record.MaxContent)
		if err != nil {
			t.Fatal(err)
		}
		p.Content = &c
	}
	if _, err := a.Commit(t.Context(), record.Change{Put: []record.Put{p}}); err != nil {
		t.Fatal(err)
	}
}

// held is how many bytes of memory f needs at most, over what there was.
func held(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, uint64(0)
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	f()
	close(done)
	<-ended
	return most - min(before, most)
}

const (
	scanSize = 64 << 20
	ceiling  = 40 << 20 // of memory, below one content
)

// filled puts two patients into a record, with contents of every size: in a resource, beside it, and
// larger than a resource can be.
func filled(t *testing.T, a *record.Actor) {
	t.Helper()
	put(t, a, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}]}`, nil)
	put(t, a, `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}]}`, nil)
	put(t, a, `{"resourceType":"Binary","id":"film","contentType":"video/mp4","securityContext":{"reference":"Patient/rosa"}}`, noise(1, scanSize))
	put(t, a, `{"resourceType":"Binary","id":"copy","contentType":"video/mp4","securityContext":{"reference":"Patient/sam"}}`, noise(1, 2<<20))
	put(t, a, `{"resourceType":"Binary","id":"same","contentType":"video/mp4","securityContext":{"reference":"Patient/rosa"}}`, noise(1, 2<<20))
	put(t, a, `{"resourceType":"DocumentReference","id":"letter","status":"current","subject":{"reference":"Patient/rosa"},"content":[`+
		`{"attachment":{"contentType":"application/pdf","data":"`+text(t, 2, 3_000_001)+`","title":"\"data\":\""}},`+
		`{"attachment":{"contentType":"application/pdf","data":"`+text(t, 3, 200_000)+`"}},`+
		`{"attachment":{"contentType":"application/pdf","data":"`+text(t, 4, 2<<20)+`"}},`+
		`{"attachment":{"contentType":"text/plain","data":"aGVsbG8="}}]}`, nil)
	put(t, a, `{"resourceType":"DocumentReference","id":"film-of","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"video/mp4","url":"Binary/film"}}]}`, nil)
}

// sameLarge compares what filled has put into one record with another.
func sameLarge(t *testing.T, a, b *record.Actor, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if x, y := sumOfBinary(t, a, id), sumOfBinary(t, b, id); x != y {
			t.Errorf("Binary/%s has other data", id)
		}
	}
	x, err := a.Read(t.Context(), "DocumentReference", "letter")
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Read(t.Context(), "DocumentReference", "letter")
	if err != nil || !Equal(x, y) || x.Path("content.0.attachment.data").Text() != text(t, 2, 3_000_001) {
		t.Errorf("the letter differs, %v", err)
	}
}

// A content of any size goes out with an export, and comes back with an import, and is never in memory
// as a whole.
func TestContentsOfAnySizeGoOutAndComeBack(t *testing.T) {
	a, _ := keeping(t)
	filled(t, a)
	dir := filepath.Join(t.TempDir(), "all")
	var counts map[string]int
	var err error
	if used := held(func() { counts, err = All(t.Context(), a, dir, nil) }); err != nil || counts["Binary"] != 3 || used > ceiling {
		t.Fatalf("%v, %v, with %d MB", counts, err, used>>20)
	}
	one := filepath.Join(t.TempDir(), "rosa.json")
	f, err := os.Create(one)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if used := held(func() { n, err = Patient(t.Context(), a, "rosa", f, nil) }); errors.Join(err, f.Close()) != nil || n != 5 || used > ceiling {
		t.Fatalf("%d resources, %v, with %d MB", n, err, used>>20)
	}
	all, place := keeping(t)
	var r Report
	if used := held(func() { r = run(t, Import{Actor: all, Verify: true}, dir) }); r.Problems() > 0 || r.Stored() != 7 || r.Checked != 7 || r.Different > 0 || used > ceiling {
		t.Fatalf("%d stored, %d of %d differ, with %d MB\n%s", r.Stored(), r.Different, r.Checked, used>>20, lines(r))
	}
	sameLarge(t, a, all, "film", "copy", "same")
	// It is known again, by its hash.
	if used := held(func() { r = run(t, Import{Actor: all}, dir, one) }); r.Problems() > 0 || r.Stored() != 0 || r.Files[0].Same == 0 || used > ceiling {
		t.Errorf("again: %d stored, with %d MB\n%s", r.Stored(), used>>20, lines(r))
	}
	if files, err := filepath.Glob(filepath.Join(place, "*", "*")); err != nil || len(files) != 6 {
		t.Errorf("%d files of 6 contents, %v", len(files), err)
	}
	alone, _ := keeping(t)
	if used := held(func() { r = run(t, Import{Actor: alone, Verify: true}, one) }); r.Problems() > 0 || r.Stored() != 5 || r.Different > 0 || used > ceiling {
		t.Fatalf("%d stored, with %d MB\n%s", r.Stored(), used>>20, lines(r))
	}
	sameLarge(t, a, alone, "film", "same")
	// What was lost since is not taken for what the file has, and comes back from there.
	lose(t, all, place, "film")
	if r = run(t, Import{Actor: all}, dir); r.Problems() != 1 || !strings.Contains(lines(r), "Binary/film|The record has this under its id, and has lost") {
		t.Errorf("a lost content: %s", lines(r))
	}
	if r = run(t, Import{Actor: all, Update: true}, dir); r.Problems() > 0 || r.Stored() != 1 {
		t.Errorf("%d stored\n%s", r.Stored(), lines(r))
	}
	sameLarge(t, a, all, "film")
}

// lose removes the files of a place that are as large as a film.
func lose(t *testing.T, a *record.Actor, place, id string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(place, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if f, err := os.Stat(name); err != nil {
			t.Fatal(err)
		} else if f.Size() < scanSize {
			continue
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.OpenBinary(t.Context(), id, 0); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("it is there: %v", err)
	}
}

// A damage in the middle of a content ends an export, or is named in it.
func TestADamagedContentIsNamedInAnExport(t *testing.T) {
	a, place := keeping(t)
	put(t, a, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}]}`, nil)
	put(t, a, `{"resourceType":"Binary","id":"film","contentType":"video/mp4","securityContext":{"reference":"Patient/rosa"}}`, noise(1, 5<<20))
	files, err := filepath.Glob(filepath.Join(place, "*", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if err := os.WriteFile(files[0], body, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = All(t.Context(), a, filepath.Join(t.TempDir(), "x"), nil)
	if !errors.As(err, new(LostError)) {
		t.Errorf("all: %v", err)
	}
	if _, err = Patient(t.Context(), a, "rosa", io.Discard, nil); !errors.As(err, new(LostError)) {
		t.Errorf("a patient: %v", err)
	}
	var told []string
	lost := func(ref string, files []string) { told = append(told, ref+" "+strings.Join(files, ",")) }
	dir := filepath.Join(t.TempDir(), "x")
	if _, err = All(t.Context(), a, dir, lost); err != nil || len(told) != 1 || !strings.HasPrefix(told[0], "Binary/film ") {
		t.Errorf("all: %v, %v", told, err)
	}
	line, err := os.ReadFile(filepath.Join(dir, "Binary.ndjson"))
	if err == nil {
		_, err = fhir.Parse(bytes.TrimSpace(line))
	}
	if outcome, err2 := os.ReadFile(filepath.Join(dir, "OperationOutcome.ndjson")); err != nil || err2 != nil || !record.Lacks(line) || !bytes.Contains(outcome, []byte("Binary/film")) {
		t.Errorf("%.300s, %v %v", line, err, err2)
	}
}

// What is wrong with large data is told of its line, and holds up no other.
func TestFaultyLargeData(t *testing.T) {
	a, _ := keeping(t)
	file := func(id, data string) string {
		return `{"resourceType":"Binary","id":"` + id + `","contentType":"image/png","data":"` + data + `"}`
	}
	good := text(t, 5, 2<<20)
	name := write1(t, t.TempDir(), "lines.ndjson", strings.Join([]string{
		`{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz"}]}`,
		file("no-base64", strings.Repeat("-", 2<<20)),
		file("cut", good[:len(good)-1]),
		file("never-ends", good)[:2<<20],
		file("split", good[:1_500_000]+"\n"+good[1_500_000:]),
		file("folded", strings.ReplaceAll(strings.ReplaceAll(good[:1_200_000], "/", `\/`), "+", `\u002B`)+`\r\n`+good[1_200_000:]),
		`{"resourceType":"Binary","id":"extended","contentType":"image/png","_data":{"id":"x"},"data":"` + good + `"}`,
		`{"resourceType":"Observation","id":"curve","status":"final","code":{"text":"ECG"},"valueSampledData":{"origin":{"value":0},"period":4,"dimensions":1,"data":"` + strings.Repeat("2048 2040 ", 60_000) + `E"}}`,
		`{"resourceType":"Patient","id":"sam","name":[{"family":"` + strings.Repeat(`\\`, 600_000) + `"}],"gender":"male"}`,
		file("good", good),
	}, "\n"))
	r := run(t, Import{Actor: a}, name)
	var wrong []string
	for _, p := range r.Files[0].Problems {
		wrong = append(wrong, p.Entry)
	}
	if got := fmt.Sprint(wrong); got != "[line 4 line 5 line 6 line 2 line 3]" {
		t.Errorf("%s\n%.2000s", got, lines(r))
	}
	for _, id := range []string{"folded", "good"} {
		if sumOfBinary(t, a, id) != sumOf(t, noise(5, 2<<20)) {
			t.Errorf("Binary/%s has other data", id)
		}
	}
	curve, err := a.Read(t.Context(), "Observation", "curve")
	if err != nil || curve.Path("valueSampledData.data").Text() != strings.Repeat("2048 2040 ", 60_000)+"E" {
		t.Errorf("the curve: %v", err)
	}
	if r, err := a.Read(t.Context(), "Binary", "extended"); err != nil || r.Get("data").Text() != good || r.Path("_data.id").Text() != "x" {
		t.Errorf("data with an id of its own: %v", err)
	}
	for _, id := range []string{"rosa", "sam"} {
		if _, err := a.Read(t.Context(), "Patient", id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	// Without an id, it gets the same one each time.
	name = write1(t, t.TempDir(), "one.json", `{"resourceType":"Binary","contentType":"image/png","data":"`+good+`"}`)
	if r := run(t, Import{Actor: a}, name, name); r.Stored() != 1 {
		t.Errorf("%d stored\n%s", r.Stored(), lines(r))
	}
	if r := run(t, Import{Actor: a}, name); r.Stored() != 0 || r.Files[0].Same != 1 {
		t.Errorf("%d stored again\n%s", r.Stored(), lines(r))
	}
}
