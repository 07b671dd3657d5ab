package ledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// smallLog is a log in memory.
type smallLog struct {
	leaves [][]byte
	hashes []Hash
	tree   Tree
	key    Key
}

func (l *smallLog) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, no := range indexes {
		out[i] = l.hashes[no]
	}
	return out, nil
}

func (l *smallLog) add(leaf Leaf) {
	b := leaf.Encode()
	_, hashes := l.tree.Append(b)
	l.leaves, l.hashes = append(l.leaves, b), append(l.hashes, hashes...)
}

func (l *smallLog) note(t testing.TB) []byte {
	t.Helper()
	n, err := l.key.Sign(Checkpoint{Origin: l.key.Origin(), Size: l.tree.Size(), Root: l.tree.Root()})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func newLog(t testing.TB, origin string, leaves int) *smallLog {
	t.Helper()
	key, err := NewKey(origin, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	l := &smallLog{key: key}
	for i := range leaves {
		leaf := Leaf{Time: time.Date(2026, 11, 24, 9, i, 0, 0, time.UTC), Actor: "anna", Name: "Dr <Anna> & co", Action: Read, Patients: []string{fmt.Sprint("p", i%3)}, At: int64(i + 1)}
		if i%7 == 0 {
			leaf.Patients = append(leaf.Patients, "other")
		}
		l.add(leaf)
	}
	return l
}

func (l *smallLog) export(t testing.TB, patient string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewExport(&out, ExportHeader{Origin: l.key.Origin(), Key: l.key.Public(), Size: l.tree.Size(), Whole: patient == "", Patient: patient})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Checkpoint(l.note(t), nil); err != nil {
		t.Fatal(err)
	}
	for i, b := range l.leaves {
		leaf, _ := Decode(b)
		var proof []Hash
		switch {
		case patient == "":
		case !strings.Contains(strings.Join(leaf.Patients, " "), patient):
			continue
		default:
			proof, err = ProveLeaf(l.tree.Size(), int64(i), l)
		}
		if err == nil && patient != "" && len(leaf.Patients) > 1 {
			err = w.Other(int64(i), b, Leaf{Actor: leaf.Actor}, proof)
		} else if err == nil {
			err = w.Entry(int64(i), b, proof)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func (l *smallLog) examine(t testing.TB, file []byte, kept ...[]byte) (Examined, []string) {
	t.Helper()
	public, err := OpenKey(l.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	found, err := Examination{Key: public, Kept: kept, Report: func(p string) { problems = append(problems, p) }}.Verify(bytes.NewReader(file))
	if err != nil {
		problems = append(problems, err.Error())
	}
	return found, problems
}

// TestExportIsVerifiedWithoutTheRecord: a whole log and the part of one patient verify, and no
// line of either can be changed, removed, doubled or moved unseen.
func TestExportIsVerifiedWithoutTheRecord(t *testing.T) {
	l := newLog(t, "osler/test", 40)
	early := newLog(t, "osler/test", 13).note(t)
	for patient, want := range map[string][2]int64{"": {40, 0}, "p0": {12, 2}} {
		file := l.export(t, patient)
		found, problems := l.examine(t, file)
		if len(problems) > 0 || found.Entries != want[0] || found.Hashed != want[1] {
			t.Fatalf("%q: %+v, %q", patient, found, problems)
		}
		if patient != "" && bytes.Contains(file, []byte("other")) {
			t.Error("the part of one patient names another one")
		}
		if patient == "" {
			if _, problems := l.examine(t, file, early); len(problems) > 0 {
				t.Errorf("a checkpoint that was kept: %q", problems)
			}
		}
		lines := bytes.SplitAfter(bytes.TrimSpace(file), []byte("\n"))
		r := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			changed := make([][]byte, len(lines))
			for i := range lines {
				changed[i] = bytes.Clone(lines[i])
			}
			what := ""
			at := 2 + r.IntN(len(lines)-3)
			switch r.IntN(5) {
			case 0:
				what = "edited"
				changed[at] = bytes.Replace(changed[at], []byte("09:"), []byte("10:"), 1)
				if bytes.Contains(changed[at], []byte(`"says"`)) { // not what is proven
					continue
				}
			case 1:
				if patient != "" { // a part may leave out what it likes
					continue
				}
				what = "removed"
				changed[at] = nil
			case 2:
				what = "doubled"
				changed[at] = append(changed[at], changed[at]...)
			case 3:
				what = "swapped"
				changed[at], changed[at+1] = changed[at+1], changed[at]
				if !bytes.HasSuffix(changed[at], []byte("\n")) {
					continue
				}
			case 4:
				what = "checkpoint edited"
				changed[1] = bytes.Replace(changed[1], []byte(`\n40\n`), []byte(`\n39\n`), 1)
			}
			if _, problems := l.examine(t, bytes.Join(changed, nil)); len(problems) == 0 {
				t.Fatalf("%q: line %d %s is not noticed", patient, at, what)
			}
		}
	}
	// Another history, signed with the stolen key, does not fit what was kept.
	forged := newLog(t, "osler/test", 12)
	forged.add(Leaf{Actor: "nobody"})
	for forged.tree.Size() < 40 {
		forged.add(Leaf{Actor: "nobody"})
	}
	if _, problems := l.examine(t, forged.export(t, ""), early); len(problems) == 0 {
		t.Error("a rewritten log fits a checkpoint that was kept")
	}
}

func TestProofOfOneEntry(t *testing.T) {
	l := newLog(t, "osler/test", 29)
	for i := range l.leaves {
		path, err := ProveLeaf(29, int64(i), l)
		if err != nil {
			t.Fatal(err)
		}
		file := Proof{Extra: l.leaves[i], Index: int64(i), Path: path, Note: l.note(t)}.Encode()
		p, err := ParseProof(file)
		if err != nil {
			t.Fatal(err)
		}
		if leaf, _, err := p.Check(l.key, nil); err != nil || leaf.Actor != "anna" {
			t.Errorf("entry %d: %v", i, err)
		}
		p.Extra = bytes.Replace(p.Extra, []byte("anna"), []byte("anne"), 1)
		if _, _, err := p.Check(l.key, nil); err == nil {
			t.Errorf("entry %d may be changed", i)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	l := newLog(f, "osler/test", 5)
	path, _ := ProveLeaf(5, 2, l)
	f.Add(Proof{Extra: l.leaves[2], Index: 2, Path: path, Note: l.note(f)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseProof(b); err == nil && !bytes.Equal(p.Encode(), b) {
			if again, err := ParseProof(p.Encode()); err != nil || again.Index != p.Index {
				t.Errorf("%q is read as another proof", b)
			}
		}
	})
}

func FuzzParseSubmission(f *testing.F) {
	l := newLog(f, "osler/test", 5)
	f.Add(Submission{Old: 2, Proof: []Hash{{1}}, Note: l.note(f)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseSubmission(b); err == nil {
			_, _ = Judge(l.key, Checkpoint{}, s)
		}
	})
}

// TestWitnessSignsOnlyGrowth: what a witness takes and what it refuses, with the word for it.
func TestWitnessSignsOnlyGrowth(t *testing.T) {
	l := newLog(t, "osler/test", 20)
	at := func(size int) ([]byte, Checkpoint) {
		s := newLog(t, "osler/test", size)
		c, err := s.key.Open(s.note(t))
		if err != nil {
			t.Fatal(err)
		}
		return s.note(t), c
	}
	note12, c12 := at(12)
	note20, _ := at(20)
	growth, err := tlog.ProveTree(20, 12, l)
	if err != nil {
		t.Fatal(err)
	}
	other := newLog(t, "osler/test", 11)
	other.add(Leaf{Actor: "another"})
	stranger, _ := NewKey("osler/test", bytes.Repeat([]byte{9}, 32))
	forged, _ := stranger.Sign(Checkpoint{Origin: "osler/test", Size: 30})
	for name, c := range map[string]struct {
		last Checkpoint
		s    Submission
		want error
	}{
		"the first":         {Checkpoint{}, Submission{0, nil, note12}, nil},
		"growth":            {c12, Submission{12, growth, note20}, nil},
		"the same again":    {c12, Submission{12, nil, note12}, nil},
		"no proof":          {c12, Submission{12, nil, note20}, Rewritten},
		"a wrong proof":     {c12, Submission{12, growth[1:], note20}, Rewritten},
		"another state":     {c12, Submission{0, nil, note20}, AnotherState},
		"rolled back":       {c12, Submission{20, nil, note12}, Backwards},
		"split view":        {c12, Submission{12, nil, other.note(t)}, SplitView},
		"another key":       {c12, Submission{12, growth, forged}, WrongKey},
		"proof from no log": {Checkpoint{}, Submission{0, growth, note20}, Rewritten},
	} {
		if _, err := Judge(l.key, c.last, c.s); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestCosignature(t *testing.T) {
	l := newLog(t, "osler/test", 3)
	w, err := NewCosigner("witness.example/w1", bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := OpenWitness(w.Public())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	note := append(l.note(t), w.Cosign(Text(l.note(t)), now)...)
	_, by, err := l.key.OpenWitnessed(note, []Witness{key})
	if err != nil || len(by) != 1 || by[0].Witness != "witness.example/w1" || !by[0].At.Equal(now) {
		t.Fatalf("%+v, %v", by, err)
	}
	if _, by, err := l.key.OpenWitnessed(l.note(t), []Witness{key}); err != nil || len(by) != 0 {
		t.Errorf("a removed cosignature: %+v, %v", by, err)
	}
	bad := bytes.Clone(note)
	bad[len(bad)-10] ^= 1
	if _, by, err := l.key.OpenWitnessed(bad, []Witness{key}); err == nil && len(by) > 0 {
		t.Error("an altered cosignature holds")
	}
	for _, text := range []string{"", "a+b", l.key.Public(), w.Public() + "A", strings.Replace(w.Public(), "w1", "w2", 1)} {
		if _, err := OpenWitness(text); err == nil {
			t.Errorf("%q is taken for the key of a witness", text)
		}
	}
}

// TestStampGivesWhatEncodeWould: a leaf's bytes are the same with the time added later.
func TestStampGivesWhatEncodeWould(t *testing.T) {
	l := Leaf{Time: time.Unix(5, 6).UTC(), Actor: "a", Action: Read, Network: "127.0.0.1"}
	plain := l.Encode()
	l.At = 1234567
	if got := Stamp(plain, 1234567); !bytes.Equal(got, l.Encode()) {
		t.Errorf("%s, want %s", got, l.Encode())
	}
}
