package record

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust/ledger"
)

// keeping is a clinic that keeps contents in a folder.
func keeping(t testing.TB) (clinic, string) {
	c := open(t)
	dir := t.TempDir()
	b, err := bucket.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.found()
	c.gate = Open(WithContents(c.store, blob.New(b, bytes.Repeat([]byte{1}, 32))), c.clock)
	return c, dir
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func scan(seed byte, n int) string { return base64.StdEncoding.EncodeToString(noise(seed, n)) }

func binary(patient, data string) string {
	return `{"resourceType":"Binary","contentType":"image/png","securityContext":{"reference":"Patient/` + patient + `"},"data":"` + data + `"}`
}

func everything(t testing.TB, resourceType string) search.Query {
	q, err := search.Parse(resourceType, nil, search.Strict)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// files counts the files below a folder.
func files(t testing.TB, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Large data lies outside of what is stored, and nobody who reads can tell.
func TestLargeDataLiesOutside(t *testing.T) {
	c, dir := keeping(t)
	letter := `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"extension":[{"url":"urn:x","valueBase64Binary":"` + scan(1, 70_000) + `"}],
		"content":[{"attachment":{"contentType":"application/pdf","data":"` + scan(2, 100_000) + `","title":"Letter"}},{"attachment":{"contentType":"text/plain","data":"aGVsbG8="}},
		{"attachment":{"contentType":"application/pdf","data":"` + scan(2, 100_000) + `","title":"The same"}}]}`
	long := `{"resourceType":"Basic","code":{"text":"` + strings.Repeat("not base64, and long. ", 5000) + `"},"subject":{"reference":"Patient/rosa"}}`
	extended := `{"resourceType":"Binary","contentType":"image/png","securityContext":{"reference":"Patient/rosa"},"data":"` + scan(3, 70_000) + `","_data":{"extension":[{"url":"urn:y","valueString":"seen by me"}]}}`
	want := map[string][]byte{}
	for _, body := range []string{letter, binary("rosa", scan(1, 70_000)), long, extended} {
		v := c.commit(physician, body).Versions[0]
		want[v.Type+"/"+v.ID] = v.Body
		lean, err := c.store.Read(ctx, v.Type, v.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		if stays := body == long || body == extended; stays != bytes.Equal(lean.Body, v.Body) || !stays && len(lean.Body) > 3000 {
			t.Errorf("%s: %d bytes are stored of %d", v.Type, len(lean.Body), len(v.Body))
		}
	}
	if n := files(t, dir); n != 3 {
		t.Errorf("%d files for 2 contents of the letter and 1 of the picture", n)
	}

	a := c.as(physician)
	same := func(how string, v store.Version, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(how, err)
		}
		if b, ok := want[v.Type+"/"+v.ID]; ok && !bytes.Equal(b, v.Body) {
			t.Errorf("%s: %s came back with %d bytes instead of %d", how, v.Type, len(v.Body), len(b))
		}
	}
	count := func(how string, got, most int) {
		t.Helper()
		if got < most {
			t.Errorf("%s: %d of %d", how, got, most)
		}
	}
	for ref := range want {
		kind, id, _ := strings.Cut(ref, "/")
		v, err := a.ReadVersion(ctx, kind, id, 0)
		same("read", v, err)
		v, err = a.ReadVersion(ctx, kind, id, 1)
		same("vread", v, err)
		some, err := a.ReadSome(ctx, []string{ref})
		if len(some) == 1 {
			same("read some", some[0], err)
		}
		n, err := a.Read(ctx, kind, id)
		if err != nil || !bytes.Equal(n.JSON(), want[ref]) {
			t.Errorf("as a tree: %v", err)
		}
		count("read some", len(some), 1)
		page, err := a.Search(ctx, everything(t, kind), 0, nil)
		count("search", len(page.Matches), 1)
		for _, v := range page.Matches {
			same("search", v, err)
		}
		list, err := a.History(ctx, store.HistoryFilter{Type: kind, Count: 10})
		count("history", len(list), 1)
		for _, v := range list {
			same("history", v, err)
		}
	}
	n := 0
	for v, err := range a.ChartVersions(ctx, "rosa") {
		same("chart", v, err)
		n++
	}
	count("chart", n, 4)
	n = 0
	for v, err := range read(t, a.ChartStreamed(ctx, "rosa")) {
		same("chart as streams", v, err)
		n++
	}
	count("chart as streams", n, 4)
	n = 0
	for v, err := range read(t, a.All(ctx)) {
		same("all", v, err)
		n++
	}
	count("all", n, 4)
	list, _, err := c.gate.store.Changes(ctx, 0, 1000)
	count("changes", len(list), 4)
	for _, v := range list {
		same("changes", v, err)
	}
	if _, err := c.gate.store.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

// Nobody names a content but the gate: who could would read what is not his.
func TestForgedNamesOfContents(t *testing.T) {
	c, _ := keeping(t)
	v := c.commit(physician, binary("rosa", scan(1, 100_000))).Versions[0]
	lean, err := c.store.Read(ctx, v.Type, v.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		strings.Replace(string(lean.Body), "Patient/rosa", "Patient/sam", 1),
		`{"resourceType":"Binary","contentType":"image/png","_data":{"extension":[{"url":"urn:osler:content-size","valueUnsignedInt":5}]}}`,
		`{"resourceType":"Patient","name":[{"_family":{"extension":[{"valueString":"x","url":"urn:osler:content"}]}}]}`,
	} {
		r := c.read(body)
		r.Remove("id")
		if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: r}}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func (c clinic) stream(patient string, content []byte) (Result, error) {
	kept, err := c.as(physician).Keep(ctx, bytes.NewReader(content), 1<<30)
	if err != nil {
		return Result{}, err
	}
	return c.kept(patient, kept)
}

// kept commits a Binary whose content was kept before.
func (c clinic) kept(patient string, kept blob.Content) (Result, error) {
	return c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(`{"resourceType":"Binary","contentType":"image/png","securityContext":{"reference":"Patient/` + patient + `"}}`), Content: &kept}}})
}

// TestALabelledFileKeepsItsContent: a scan that gets the label of its document is the same scan.
func TestALabelledFileKeepsItsContent(t *testing.T) {
	c, _ := keeping(t)
	content := noise(6, 100_000)
	r, err := c.stream("rosa", content)
	if err != nil {
		t.Fatal(err)
	}
	id := r.Versions[0].ID
	c.commit(physician, `{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/rosa"},"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]},"content":[{"attachment":{"url":"Binary/`+id+`"}}]}`)
	if _, err := c.gate.Relabel(ctx); err != nil {
		t.Fatal(err)
	}
	if got := c.labels("Binary", id); !slices.Contains(got, "SUD") {
		t.Errorf("it has %v", got)
	}
	b, err := c.as(physician).OpenBinary(ctx, id, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of %d: %v", len(got), len(content), err)
	}
}

func TestStreamedContents(t *testing.T) {
	c, _ := keeping(t)
	for _, size := range []int{100_000, 40 << 20} {
		content := noise(5, size)
		r, err := c.stream("rosa", content)
		if err != nil {
			t.Fatal(err)
		}
		v := r.Versions[0]
		if bytes.Contains(v.Body, []byte("urn:osler")) {
			t.Error("the answer tells how contents are stored")
		}
		b, err := c.as(rosa).OpenBinary(ctx, v.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, content) || b.Size != int64(size) || b.Resource.Get("_data") != nil || b.Resource.Get("contentType").Text() != "image/png" {
			t.Errorf("%d bytes of %d: %v", len(got), size, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if l := c.leaves("rosa")[0]; l.Action != ledger.Read || l.Actor != rosa.ID || l.Count != 1 {
			t.Errorf("the leaf of the reading: %+v", l)
		}
		n, err := c.as(rosa).Read(ctx, "Binary", v.ID)
		if err != nil {
			t.Fatal(err)
		}
		if large := base64.StdEncoding.EncodedLen(size) > fhir.MaxBytes; large {
			told := n.Path("_data.extension.0")
			if n.Get("data") != nil || told.Get("url").Text() != "urn:osler:content-size" || told.Get("valueUnsignedInt").Text() != fmt.Sprint(size) {
				t.Errorf("too large for a resource, and shown as %.300s", n.JSON())
			}
			if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: n}}}); !fault.Is(err, fault.Invalid) {
				t.Errorf("written back without its data: %v", err)
			}
		} else if n.Get("data").Text() != base64.StdEncoding.EncodeToString(content) {
			t.Error("other data in the resource")
		}
		for _, stranger := range []*Actor{c.as(sam), c.as(desk)} {
			if _, err := stranger.OpenBinary(ctx, v.ID, 0); !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Forbidden) {
				t.Errorf("a stranger opens it: %v", err)
			}
		}
	}
	if _, err := c.as(physician).Keep(ctx, bytes.NewReader(make([]byte, 101)), 100); !fault.Is(err, fault.TooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := c.as(desk).Keep(ctx, strings.NewReader("x"), 100); err != nil && !fault.Is(err, fault.Forbidden) {
		t.Error(err)
	}
	// The small ones in resources open in the same way.
	v := c.commit(physician, binary("rosa", "aGVsbG8=")).Versions[0]
	b, err := c.as(physician).OpenBinary(ctx, v.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || string(got) != "hello" || b.Size != 5 {
		t.Errorf("%q %v", got, err)
	}
}

func TestUndoOfContents(t *testing.T) {
	c, _ := keeping(t)
	v := c.commit(physician, binary("rosa", scan(1, 100_000))).Versions[0]
	before, err := c.as(physician).Read(ctx, "Binary", v.ID)
	if err != nil {
		t.Fatal(err)
	}
	other := before.Clone()
	other.Set("data", fhir.Str(scan(2, 80_000)))
	r, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: other}}, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: other}}, Key: "k"})
	if err != nil || !again.Repeated || !bytes.Equal(again.Versions[0].Body, r.Versions[0].Body) {
		t.Errorf("sent twice: %v", err)
	}
	if err := c.as(physician).Undo(ctx, r.Undo); err != nil {
		t.Fatal(err)
	}
	after, err := c.as(physician).Read(ctx, "Binary", v.ID)
	if err != nil || after.Get("data").Text() != before.Get("data").Text() {
		t.Errorf("after the undo: %v", err)
	}
}

// The same content may be sent by many at once, and by each it is kept.
func TestOneContentByMany(t *testing.T) {
	c, dir := keeping(t)
	content := noise(9, 200_000)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := c.stream("rosa", content); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := files(t, dir); n != 8 {
		t.Errorf("%d files", n)
	}
}

// A version that is written back with the data of the former one names the former one's content;
// nobody else does.
func TestDataThatStaysIsKeptOnce(t *testing.T) {
	c, dir := keeping(t)
	v := c.commit(physician, `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"image/png","data":"`+scan(1, 100_000)+`"}},{"attachment":{"contentType":"image/png","data":"`+scan(1, 100_000)+`"}}]}`).Versions[0]
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files for the same data twice", n)
	}
	n, err := c.as(physician).Read(ctx, v.Type, v.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := n.Get("content").JSON()
	n.Set("status", fhir.Str("superseded"))
	c.commit(physician, string(n.JSON()))
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files after the status was changed", n)
	}
	n.Set("status", fhir.Str("current"))
	n.Set("subject", fhir.Obj("reference", "Patient/sam"))
	c.commit(physician, string(n.JSON()))
	if n := files(t, dir); n != 2 {
		t.Errorf("%d files after it became another patient's", n)
	}
	// A file that is lost is written anew by the next version.
	list, err := filepath.Glob(filepath.Join(dir, "??"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range list {
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
	c.commit(physician, string(n.JSON()))
	if n, err = c.as(physician).Read(ctx, v.Type, v.ID); err != nil || !bytes.Equal(n.Get("content").JSON(), want) {
		t.Errorf("after all of that: %v", err)
	}
}

// Contents of programs before November 2026 have no key of their own. They are read, named again
// by an undo, and removed by a shred.
func TestContentsFromBeforeTheyHadKeys(t *testing.T) {
	c, dir := keeping(t)
	if err := os.CopyFS(dir, os.DirFS("testdata/contents-before-patient-keys")); err != nil {
		t.Fatal(err)
	}
	old := `"_data":{"extension":[{"url":"urn:osler:content","valueString":"893363158eb2e7d84901bdd278ec0cd71a8c8025cdcf5691b27b033551125a37/5000"}]}`
	body := `{"resourceType":"Binary","id":"old","meta":{"versionId":"1"},"contentType":"image/png","securityContext":{"reference":"Patient/rosa"},` + old + `}`
	_, err := c.store.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Action: ledger.Create, Patients: []string{"rosa"}},
		Writes: []store.Write{{Type: "Binary", ID: "old", Version: 1, Patient: "rosa", Updated: noon, Body: []byte(body)}},
		Items:  []store.ItemWrite{{Item: store.Item{Space: blob.Space, Key: "b4/17b39ac793df50c5b1ae95fa8634e259d5bc10592213c91b815567fe1c3702", Value: []byte(`{"hash":"893363158eb2e7d84901bdd278ec0cd71a8c8025cdcf5691b27b033551125a37","size":5000}`)}}}})
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.as(physician).Read(ctx, "Binary", "old")
	if err != nil || before.Get("data").Text() != scan(7, 5000) {
		t.Fatalf("read as %.100s, %v", before.JSON(), err)
	}
	other := before.Clone()
	other.Set("data", fhir.Str(scan(2, 80_000)))
	r, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: other}}})
	if err == nil {
		err = c.as(physician).Undo(ctx, r.Undo)
	}
	if err != nil {
		t.Fatal(err)
	}
	if after, err := c.as(physician).Read(ctx, "Binary", "old"); err != nil || after.Get("data").Text() != scan(7, 5000) {
		t.Errorf("after the undo: %v", err)
	}
	if _, err := c.gate.store.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	c.shred("rosa")
	if n := files(t, dir); n != 0 {
		t.Errorf("%d files after the shred", n)
	}
}

func (c clinic) sweep(want int) {
	c.t.Helper()
	if n, err := c.gate.SweepContents(ctx); err != nil || n != want {
		c.t.Errorf("swept %d, want %d: %v", n, want, err)
	}
}

// age makes all files as old as they are after a time.
func age(t testing.TB, dir string, by time.Duration) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chtimes(path, noon.Add(-by), noon.Add(-by))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweepOfContents(t *testing.T) {
	c, dir := keeping(t)
	if _, err := c.stream("rosa", noise(1, 1000)); err != nil {
		t.Fatal(err)
	}
	left := noise(2, 1000)
	if _, err := c.as(physician).Keep(ctx, bytes.NewReader(left), 1<<20); err != nil {
		t.Fatal(err)
	}
	age(t, dir, 20*time.Hour)
	c.sweep(0)
	age(t, dir, 25*time.Hour)
	c.sweep(1)
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files are left", n)
	}
	c.sweep(0)

	// A sweep that was cut off: until the next one, the content cannot be named.
	kept, err := c.as(physician).Keep(ctx, bytes.NewReader(left), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	name := c.gate.blobs.Name(kept)
	if err := c.gate.sweeping(ctx, store.ItemWrite{Item: store.Item{Space: blob.Space, Key: name, Value: []byte(`{"going":true}`)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.kept("rosa", kept); !fault.Is(err, fault.Unavailable) {
		t.Errorf("named while it goes: %v", err)
	}
	age(t, dir, 25*time.Hour)
	c.sweep(1)
	if _, err := c.stream("rosa", left); err != nil {
		t.Errorf("after the sweep: %v", err)
	}
	// What was kept before it went is not named once it is gone.
	gone, err := c.as(physician).Keep(ctx, bytes.NewReader(noise(3, 1000)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	age(t, dir, 25*time.Hour)
	c.sweep(1)
	_, err = c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(`{"resourceType":"Binary","contentType":"image/png"}`), Content: &gone}}})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("named after it was gone: %v", err)
	}
}

func TestLostContentIsFound(t *testing.T) {
	c, dir := keeping(t)
	v := c.commit(physician, binary("rosa", scan(1, 100_000))).Versions[0]
	kept, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatal(kept, err)
	}
	file, _ := filepath.Rel(dir, kept[0])
	whole, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	missing := func() []string {
		t.Helper()
		c.sweep(0)
		s, err := c.as(sysadmin).Safety(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Worry(c.clock.Now()); (got == ContentsLost) != (len(s.Missing) > 0) {
			t.Errorf("the worry is %v with %v", got, s.Missing)
		}
		return s.Missing
	}
	if got := missing(); len(got) > 0 {
		t.Errorf("nothing is lost, and %v is told", got)
	}
	if err := os.WriteFile(kept[0], whole[:len(whole)-1000], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.as(physician).OpenBinary(ctx, v.ID, 0); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged content is read as %v", err)
	}
	if got := missing(); !slices.Equal(got, []string{file}) {
		t.Errorf("a damaged content that was met: %v", got)
	}
	if err := os.Remove(kept[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := missing(); !slices.Equal(got, []string{file}) {
			t.Errorf("a lost content: %v", got)
		}
	}
	if refs, err := c.gate.LostReferences(ctx); err != nil || !slices.Equal(refs, []string{"Binary/" + v.ID}) {
		t.Errorf("what lacks it: %v %v", refs, err)
	}
	if err := os.WriteFile(kept[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := missing(); len(got) > 0 {
		t.Errorf("put back: %v", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var problems []string
	if _, err := c.gate.store.Verify(ctx, func(problem string) { problems = append(problems, problem) }); err != nil || len(problems) != 1 || !strings.Contains(problems[0], "Binary/"+v.ID) || !strings.Contains(problems[0], file) {
		t.Errorf("%v %v, want the file %s", problems, err, file)
	}
	var gone []string
	if _, err := Verify(ctx, c.gate.store, []string{file}, func(text string) { gone = append(gone, text) }, func(problem string) { t.Error(problem) }); err != nil || len(gone) != 1 || !strings.Contains(gone[0], "Binary/"+v.ID) {
		t.Errorf("known to be lost: %v %v", gone, err)
	}
	var f *fault.Error
	if _, err := c.as(physician).OpenBinary(ctx, v.ID, 0); !errors.As(err, &f) || f.Code != fault.Unavailable || !strings.Contains(f.Message, "Binary/"+v.ID) {
		t.Errorf("a lost content is read as %v", err)
	}
}

// A chart that is drawn names large data and does not hold it; what is exported holds it.
func TestAChartIsReadWithoutItsScans(t *testing.T) {
	c, _ := keeping(t)
	c.commit(physician, `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+scan(2, 100_000)+`"}}]}`)
	c.commit(physician, binary("rosa", scan(1, 70_000)))
	a := c.as(physician)
	seen := 0
	for r, err := range a.Chart(ctx, "rosa", "DocumentReference", "Binary") {
		if err != nil {
			t.Fatal(err)
		}
		holder, size := r, "70000"
		if r.ResourceType() == "DocumentReference" {
			holder, size = r.Path("content.0.attachment"), "100000"
		}
		if holder.Get("data") != nil || holder.Path("_data.extension.0.valueUnsignedInt").Text() != size || len(r.JSON()) > 1000 {
			t.Errorf("%s: %d bytes: %.200s", r.ResourceType(), len(r.JSON()), r.JSON())
		}
		if _, err := a.Commit(ctx, Change{Put: []Put{{Resource: r}}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s was stored without its data: %v", r.ResourceType(), err)
		}
		seen++
	}
	for v, err := range a.ChartVersions(ctx, "rosa", "DocumentReference", "Binary") {
		if err != nil || len(v.Body) < 70_000 {
			t.Errorf("%s is exported with %d bytes, %v", v.Type, len(v.Body), err)
		}
		seen++
	}
	if seen != 4 {
		t.Errorf("%d of 4", seen)
	}
}

// A document whose scan is lost keeps nothing else from who reads, and is not taken for the whole.
func TestALostContentKeepsNothingElse(t *testing.T) {
	c, dir := keeping(t)
	v := c.commit(physician, `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/rosa"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+scan(2, 100_000)+`"}}]}`).Versions[0]
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	a := c.as(physician)
	lacks := func(how string, list []store.Version, err error) {
		t.Helper()
		at := slices.IndexFunc(list, func(found store.Version) bool { return found.ID == v.ID })
		if err != nil || at < 0 || !Lacks(list[at].Body) || !bytes.Contains(list[at].Body, []byte(lostMark+"100000"+lostFile)) {
			t.Errorf("%s: %d versions, %v", how, len(list), err)
		}
	}
	page, err := a.Search(ctx, everything(t, "DocumentReference"), 0, nil)
	lacks("search", page.Matches, err)
	list, err := a.History(ctx, store.HistoryFilter{Type: "DocumentReference", Count: 9})
	lacks("history", list, err)
	list, _, err = c.gate.store.Changes(ctx, v.T-1, 9)
	lacks("feed", list, err)
	list = nil
	for found, err := range a.ChartVersions(ctx, "rosa") {
		if list = append(list, found); err != nil {
			t.Fatal(err)
		}
	}
	lacks("chart", list, nil)
	r, err := a.Read(ctx, "DocumentReference", v.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Commit(ctx, Change{Put: []Put{{Resource: r}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("it was stored without its data: %v", err)
	}
}

// What was kept and not stored can go again; what a version names stays.
func TestDropLeavesWhatIsNamed(t *testing.T) {
	c, dir := keeping(t)
	if _, err := c.stream("rosa", noise(1, 100_000)); err != nil {
		t.Fatal(err)
	}
	kept, err := c.as(physician).Keep(ctx, bytes.NewReader(noise(2, 100_000)), MaxContent)
	if err != nil || files(t, dir) != 2 {
		t.Fatalf("%d files, %v", files(t, dir), err)
	}
	r, err := c.kept("rosa", kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.as(physician).Drop(ctx, kept); err != nil || files(t, dir) != 2 {
		t.Errorf("%d files, %v", files(t, dir), err)
	}
	if b, err := c.as(physician).OpenBinary(ctx, r.Versions[0].ID, 0); err != nil {
		t.Error(err)
	} else if err := b.Close(); err != nil {
		t.Error(err)
	}
	other, err := c.as(physician).Keep(ctx, bytes.NewReader(noise(3, 100_000)), MaxContent)
	if err != nil || files(t, dir) != 3 {
		t.Fatalf("%d files, %v", files(t, dir), err)
	}
	if err := c.as(physician).Drop(ctx, other); err != nil || files(t, dir) != 2 {
		t.Errorf("%d files, %v", files(t, dir), err)
	}
}

// A stream that is left in its middle holds no file, and one of data that is lost says so.
func TestAStreamThatIsLeft(t *testing.T) {
	c, dir := keeping(t)
	v := c.commit(physician, binary("rosa", scan(1, 200_000))).Versions[0]
	s, err := c.as(physician).ReadStreamed(ctx, "Binary", v.ID)
	if err != nil || !Sized(s.Body) {
		t.Fatalf("%.300s %v", s.Body, err)
	}
	body := s.Open(ctx)
	if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	if err := errors.Join(body.Close(), body.Close()); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	body = s.Open(ctx)
	if _, err := io.ReadAll(body); !IsLostData(err) || !fault.Is(err, fault.Unavailable) || len(c.gate.LostFiles()) != 1 {
		t.Errorf("lost since: %v, %v", err, c.gate.LostFiles())
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if s, err = c.as(physician).ReadStreamed(ctx, "Binary", v.ID); err != nil || !Lacks(s.Body) || Sized(s.Body) {
		t.Errorf("lost before: %.300s %v", s.Body, err)
	}
}
