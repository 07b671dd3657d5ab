package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
)

// empty returns an actor of an import on a new record, which is verified at the end.
func empty(t *testing.T) *record.Actor {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewManual(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Verify(context.Background(), func(p string) { t.Error(p) }); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return record.Open(s, c).As(trust.System("import"), "test")
}

func write1(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, im Import, paths ...string) Report {
	t.Helper()
	r, err := im.Run(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines are the report's problems, one a line.
func lines(r Report) string {
	var b strings.Builder
	for _, f := range r.Files {
		for _, p := range f.Problems {
			fmt.Fprintf(&b, "%s|%s|%s|%s\n", filepath.Base(f.Name), p.Entry, p.Path, p.Text)
		}
	}
	return b.String()
}

// everything returns the record's resources by reference.
func everything(t *testing.T, a *record.Actor) map[string]*fhir.Node {
	t.Helper()
	out := map[string]*fhir.Node{}
	for v, err := range a.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			t.Fatal(err)
		}
		out[r.Reference()] = r
	}
	return out
}

func same(t *testing.T, a, b map[string]*fhir.Node) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%d and %d resources", len(a), len(b))
	}
	for ref, r := range a {
		if !Equal(r, b[ref]) {
			t.Errorf("%s differs", ref)
		}
	}
}

// TestSynthea imports 30 patients, exports them, imports the export into an empty record
// and exports that: nothing is lost on the way.
func TestSynthea(t *testing.T) {
	dir := sample.Dir(t, "synthea", 32)
	first := empty(t)
	report := run(t, Import{Actor: first, Verify: true}, filepath.Join(dir, "*.json"))
	if report.Problems() > 0 || report.Different > 0 {
		t.Fatalf("%d differences\n%s", report.Different, lines(report))
	}
	want, entries := map[string]int{}, 0
	for _, f := range report.Files {
		body, err := os.ReadFile(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		b := struct {
			Entry []struct {
				Resource struct{ ResourceType string }
			}
		}{}
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		stored := f.Same
		for _, n := range f.Stored {
			stored += n
		}
		if stored != len(b.Entry) {
			t.Errorf("%s: %d of %d entries are accounted for", filepath.Base(f.Name), stored, len(b.Entry))
		}
		entries += stored
		for _, e := range b.Entry {
			want[e.Resource.ResourceType]++
		}
	}
	if entries != 11855 || report.Checked != entries {
		t.Errorf("%d entries, %d read back; want 11855", entries, report.Checked)
	}
	all := everything(t, first)
	got := map[string]int{}
	for _, r := range all {
		got[r.ResourceType()]++
	}
	for _, t := range []string{"Organization", "Practitioner"} { // the bundles repeat these
		delete(want, t)
		delete(got, t)
	}
	if !maps.Equal(got, want) {
		t.Errorf("by type: %v, want %v", got, want)
	}

	out := filepath.Join(t.TempDir(), "all")
	counts, err := All(t.Context(), first, out, nil)
	if err != nil || counts["Patient"] != 30 {
		t.Fatalf("export: %v %v", counts, err)
	}
	if _, err := All(t.Context(), first, out, nil); err == nil {
		t.Error("an export wrote into a folder that is not empty")
	}
	second := empty(t)
	again := run(t, Import{Actor: second, Verify: true}, out)
	if again.Problems() > 0 || again.Different > 0 || again.Checked != len(all) || again.Stored() != len(all) {
		t.Errorf("import of the export: %d stored, %d read back, %d differences\n%s", again.Stored(), again.Checked, again.Different, lines(again))
	}
	same(t, all, everything(t, second))

	patient, n := "", 0
	for _, r := range all {
		if r.ResourceType() == "Patient" && (patient == "" || r.ID() < patient) {
			patient = r.ID()
		}
	}
	var one bytes.Buffer
	if n, err = Patient(t.Context(), first, patient, &one, nil); err != nil || n < 20 {
		t.Fatalf("export of one: %d %v", n, err)
	}
	third := empty(t)
	r := run(t, Import{Actor: third, Verify: true}, write1(t, t.TempDir(), "one.json", one.String()))
	if r.Stored() != n || r.Different > 0 || r.Problems() > 0 || r.Files[0].Dangling > 0 {
		t.Errorf("import of one patient: %d of %d, %d dangling\n%s", r.Stored(), n, r.Files[0].Dangling, lines(r))
	}
	for ref, got := range everything(t, third) {
		if !Equal(got, all[ref]) {
			t.Errorf("%s differs", ref)
		}
	}
}

// TestExamples stores all examples of the specification; what is refused is listed in
// testdata, with the reason.
func TestExamples(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/examples/json", 1159)
	actor := empty(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{}
	stored := 0
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := fhir.Parse(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n.SetID(strings.ToLower(fmt.Sprintf("x%d", stored+len(refused))))
		_, err = actor.Commit(t.Context(), record.Change{Dangling: true, Put: []record.Put{{Resource: n, Create: true}}})
		if err != nil {
			refused[filepath.Base(name)] = err.Error()
			continue
		}
		stored++
		back, err := actor.Read(t.Context(), n.ResourceType(), n.ID())
		if err != nil || !Equal(n, back) {
			t.Errorf("%s reads back differently (%v)", filepath.Base(name), err)
		}
	}
	known, err := os.ReadFile("testdata/refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(known)) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || name[0] == '#' {
			continue
		}
		if refused[name] == "" || reason == "" {
			t.Errorf("%s is listed as refused, but it is stored, or has no reason", name)
		}
		delete(refused, name)
	}
	for name, why := range refused {
		t.Errorf("%s is refused: %s", name, why)
	}
	t.Logf("%d of %d stored", stored, len(files))
}

const basic = `{"resourceType":"Basic","id":"b%d","code":{"text":"%s"}}`

// TestJunk: half a folder of junk among good files. Each fault is named by file, entry and
// path, the good files are stored, and nothing of a bad one.
func TestJunk(t *testing.T) {
	dir := t.TempDir()
	entry := func(body string) string { return `{"resource":` + body + `}` }
	bundle := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
	}
	write1(t, dir, "a-good.json", bundle(entry(fmt.Sprintf(basic, 1, "x")), entry(fmt.Sprintf(basic, 2, "x"))))
	write1(t, dir, "b-single.json", "\xef\xbb\xbf"+fmt.Sprintf(basic, 3, "x"))
	write1(t, dir, "c-cut.json", bundle(entry(fmt.Sprintf(basic, 4, "x")))[:60])
	write1(t, dir, "d-invalid.json", bundle(entry(fmt.Sprintf(basic, 5, "x")), entry(`{"resourceType":"Patient","id":"p5","birthDate":"soon"}`)))
	write1(t, dir, "e-other.json", `{"name":"package","version":"1.0"}`)
	write1(t, dir, "f-empty.json", "")
	write1(t, dir, "g-binary.json", "\x00\x01\x02\xff")
	write1(t, dir, "h-type.json", bundle(entry(fmt.Sprintf(basic, 6, "x")), entry(`{"resourceType":"Nonsense","id":"n"}`)))
	write1(t, dir, "i-delete.json", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+fmt.Sprintf(basic, 7, "x")+`,"request":{"method":"POST","url":"Basic"}},{"request":{"method":"DELETE","url":"Basic/b1"}}]}`)
	write1(t, dir, "j-lines.ndjson", strings.Join([]string{fmt.Sprintf(basic, 8, "x"), `{"resourceType":"Basic","id":"b9"}`, "", "{", fmt.Sprintf(basic, 10, "x"), fmt.Sprintf(basic, 10, "other"), `{"resourceType":"Nonsense"}`, fmt.Sprintf(basic, 11, "x")}, "\n"))
	write1(t, dir, "k-one-bad.json", `{"resourceType":"Patient","id":"p6","gender":"unknown-to-us"}`)
	write1(t, dir, "l-twice.json", bundle(entry(fmt.Sprintf(basic, 12, "x")), entry(fmt.Sprintf(basic, 12, "x"))))
	write1(t, dir, "notes.txt", "not looked at")
	actor := empty(t)
	journal := filepath.Join(t.TempDir(), "journal")
	report := run(t, Import{Actor: actor, Journal: journal, Verify: true}, dir)
	got := lines(report)
	for _, want := range []string{
		"c-cut.json||", "d-invalid.json|Bundle.entry[1]|Patient.birthDate|", "e-other.json||", "f-empty.json||", "g-binary.json||",
		"h-type.json||Bundle.entry[1].resource.resourceType|", "i-delete.json||Bundle.entry[1]|", "j-lines.ndjson|line 2|Basic", "j-lines.ndjson|line 4||",
		"j-lines.ndjson|line 6|Basic/b10|", "j-lines.ndjson|line 7||", "k-one-bad.json||Patient.gender|", "l-twice.json||Bundle.entry[1]|",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %s… in the report:\n%s", want, got)
		}
	}
	if strings.Contains(got, "a-good") || strings.Contains(got, "b-single") || report.Total != 12 || report.Different > 0 {
		t.Errorf("total %d, %d differences\n%s", report.Total, report.Different, got)
	}
	stored := everything(t, actor)
	for _, id := range []string{"b1", "b2", "b3", "b8", "b10", "b11"} {
		if stored["Basic/"+id] == nil {
			t.Errorf("Basic/%s is not stored", id)
		}
		delete(stored, "Basic/"+id)
	}
	if len(stored) > 0 {
		t.Errorf("half of a bad file was stored: %v", stored)
	}

	// The same again: what is finished is not read, the rest is looked at, nothing changes.
	again := run(t, Import{Actor: actor, Journal: journal}, dir)
	if again.Stored() != 0 || !again.Files[0].Before || !again.Files[1].Before || again.Files[2].Before || lines(again) != got {
		t.Errorf("second run: %d stored\n%s", again.Stored(), lines(again))
	}
	if n := len(everything(t, actor)); n != 6 {
		t.Errorf("%d resources after the second run", n)
	}
}

// TestAFileIsImportedAgainWhenTheRecordWasPutBack: the journal lies beside the record, and does not go
// back with it.
func TestAFileIsImportedAgainWhenTheRecordWasPutBack(t *testing.T) {
	file, journal := write1(t, t.TempDir(), "p.json", `{"resourceType":"Patient","id":"p"}`), filepath.Join(t.TempDir(), "journal")
	actor := empty(t)
	run(t, Import{Actor: actor, Journal: journal}, file)
	if r := run(t, Import{Actor: actor, Journal: journal}, file); !r.Files[0].Before {
		t.Errorf("the same record: %+v", r)
	}
	back := empty(t)
	if r := run(t, Import{Actor: back, Journal: journal}, file); r.Stored() != 1 || r.Files[0].Before || !r.Files[0].Anew {
		t.Errorf("a record that knows nothing of it: %+v", r)
	}
	if r := run(t, Import{Actor: back, Journal: journal}, file); !r.Files[0].Before {
		t.Errorf("it is not remembered: %+v", r)
	}
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	sum, _, _ := strings.Cut(string(text), " ") // as programs of before wrote it
	if err := os.WriteFile(journal, []byte(sum+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, Import{Actor: back, Journal: journal}, file); r.Files[0].Before || r.Files[0].Same != 1 {
		t.Errorf("a journal of before: %+v", r)
	}
}

func TestWhatIsThereAlready(t *testing.T) {
	dir, actor := t.TempDir(), empty(t)
	file := write1(t, dir, "p.ndjson", `{"resourceType":"Patient","id":"p","gender":"male"}`+"\n"+`{"resourceType":"Practitioner","id":"d","name":[{"text":"A"}]}`)
	run(t, Import{Actor: actor}, file)
	if r := run(t, Import{Actor: actor}, file); r.Stored() != 0 || r.Files[0].Same != 2 || r.Problems() != 0 {
		t.Errorf("again: %+v", r)
	}
	other := write1(t, dir, "q.json", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p","gender":"female"}},{"resource":{"resourceType":"Practitioner","id":"d","name":[{"text":"B"}]}},{"resource":{"resourceType":"Basic","id":"n","code":{"text":"x"},"subject":{"reference":"Patient/p"},"author":{"reference":"Practitioner/d"}}}]}`)
	r := run(t, Import{Actor: actor}, other)
	if r.Problems() != 1 || !strings.Contains(lines(r), "q.json|Bundle.entry[0]|Patient/p|") || r.Files[0].Renamed != 1 {
		t.Errorf("other content: %+v\n%s", r, lines(r))
	}
	all := everything(t, actor)
	if all["Patient/p"].Get("gender").Text() != "male" || all["Practitioner/d"].Path("name.0.text").Text() != "A" {
		t.Error("an import without Update changed the record")
	}
	if by := all["Basic/n"].Path("author.reference").Text(); by == "Practitioner/d" || all[by].Path("name.0.text").Text() != "B" {
		t.Errorf("the entry is signed by the wrong person: %s", by)
	}
	if r := run(t, Import{Actor: actor, Update: true}, other); r.Problems() != 0 {
		t.Errorf("Update: %s", lines(r))
	}
	if all := everything(t, actor); all["Patient/p"].Get("gender").Text() != "female" || all["Patient/p"].Path("meta.versionId").Text() != "2" {
		t.Errorf("Update: %s", all["Patient/p"].JSON())
	}
	if _, err := actor.Commit(t.Context(), record.Change{Delete: []record.Delete{{Type: "Basic", ID: "n"}}}); err != nil {
		t.Fatal(err)
	}
	back := write1(t, dir, "back.json", `{"resourceType":"Basic","id":"n","code":{"text":"x"}}`)
	if r := run(t, Import{Actor: actor}, back); r.Stored() != 0 || !strings.Contains(lines(r), "deleted") {
		t.Errorf("an import brought back what was deleted: %s", lines(r))
	}
	if _, err := (&Import{Actor: actor}).Run(t.Context(), []string{filepath.Join(dir, "nothing*")}); err == nil {
		t.Error("a path without files is no error")
	}
}

// TestFilesThatShareResources: files that are read at the same time bring the same
// organization; each of its entries is accounted for, none is lost.
func TestFilesThatShareResources(t *testing.T) {
	dir, actor := t.TempDir(), empty(t)
	for i := range 24 {
		shared := fmt.Sprintf(`{"resource":{"resourceType":"Organization","id":"shared","name":"%d"}}`, i%3)
		write1(t, dir, fmt.Sprintf("f%02d.json", i), `{"resourceType":"Bundle","type":"collection","entry":[`+shared+`,{"resource":`+fmt.Sprintf(basic, i, "x")+`}]}`)
	}
	r := run(t, Import{Actor: actor, Verify: true}, dir)
	same := 0
	for _, f := range r.Files {
		same += f.Same
	}
	if r.Problems() > 0 || r.Checked != 48 || r.Stored() != 27 || same != 21 || len(everything(t, actor)) != 27 {
		t.Errorf("%d stored, %d the same, %d read back\n%s", r.Stored(), same, r.Checked, lines(r))
	}
}

// TestAStoppedImportSaysSo: what breaks off because it is stopped is no fault of the file.
func TestAStoppedImportSaysSo(t *testing.T) {
	var b strings.Builder
	for i := range chunk {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"p%d"}`+"\n", i)
	}
	for name, rest := range map[string]string{"in a line": `{"resourceType":"Pat`, "behind a line": `{"resourceType":"Patient","id":"last"}` + "\n"} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			in, out := io.Pipe()
			go func() {
				io.WriteString(out, b.String()+rest)
				<-ctx.Done()
				out.CloseWithError(ctx.Err())
			}()
			im := Import{Actor: empty(t)}
			f, err := im.Lines(ctx, "", in, func(FileReport) { stop() })
			if !errors.Is(err, context.Canceled) || len(f.Problems) > 0 || f.Stored["Patient"] != chunk {
				t.Errorf("%v %+v", err, f)
			}
		})
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	file := filepath.Join(t.TempDir(), "one.json")
	if err := os.WriteFile(file, []byte(`{"resourceType":"Patient","id":"one"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	im := Import{Actor: empty(t)}
	if r, err := im.Run(stopped, []string{file}); !errors.Is(err, context.Canceled) || r.Problems() > 0 {
		t.Errorf("%v %+v", err, r)
	}
}
