package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/store"
)

// sampled are the keys of the patients in the sample.
var sampled = func() people {
	p, err := newPerson(store.PersonKey{Patient: "p", Root: make([]byte, 32)})
	if err != nil {
		panic(err)
	}
	return people{"p": p}
}()

func ofSample() people { return sampled }

// sample returns a whole stream of frames, and its manifest.
func sample(t testing.TB) ([]byte, Manifest) {
	t.Helper()
	at := time.UnixMilli(1_700_000_000_000).UTC()
	m := Manifest{Format: formatName, Version: formatVersion, Set: "s", Number: 1, To: 2, First: at, Last: at.Add(time.Second), Made: at, Origin: "osler/x", Head: "h", Lock: []string{"age1"}, Versions: 2, Items: 1, Segment: "s/000001-aa.age"}
	var b bytes.Buffer
	f := newFrameWriter(&b)
	f.person = func(id string) (*person, error) { return sampled[id], nil }
	item := func(it store.Item) error {
		_, err := f.item(it)
		return err
	}
	for _, err := range []error{
		f.json(kindHead, head{Format: formatName, Version: formatVersion, Set: "s", Number: 1, Origin: "osler/x", Key: make([]byte, 32)}),
		item(store.Item{Space: "draft", Key: "k", Value: []byte("v"), Version: 1, Expires: at, Patient: "p"}),
		f.commit(store.Commit{T: 1, At: at, Leaf: []byte("{}"), Key: "once", Versions: []store.Version{
			{Type: "Patient", ID: "p", Version: 1, T: 1, Updated: at, Patient: "p", Body: []byte(`{"resourceType":"Patient"}`)}, {Type: "Patient", ID: "q", Version: 2, T: 1, Updated: at, Deleted: true}}}),
		f.commit(store.Commit{T: 2, At: at.Add(time.Second), Leaf: []byte("{}")}),
		f.json(kindEnd, m.inside()),
		f.w.Flush(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes(), m
}

func TestFramesComeBackAsTheyWere(t *testing.T) {
	stream, m := sample(t)
	var commits []store.Commit
	var items []store.Item
	err := walkFrames(context.Background(), bytes.NewReader(stream), m, visitor{people: ofSample,
		item:   func(it store.Item) error { items = append(items, it); return nil },
		commit: func(c store.Commit) error { commits = append(commits, c); return nil },
	})
	if err != nil || len(items) != 1 || len(commits) != 2 || len(commits[0].Versions) != 2 || commits[0].Key != "once" || !commits[0].Versions[1].Deleted || commits[0].Versions[1].Body != nil {
		t.Fatalf("%+v %+v %v", items, commits, err)
	}
	for n := range stream { // cut off anywhere, it is not whole
		if err := walkFrames(context.Background(), bytes.NewReader(stream[:n]), m, visitor{people: ofSample}); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for all", n, len(stream))
		}
	}
	if err := walkFrames(context.Background(), bytes.NewReader(append(bytes.Clone(stream), kindItem)), m, visitor{people: ofSample}); err == nil {
		t.Error("something behind the end is taken")
	}
	newer := bytes.Replace(stream, []byte(`"version":2,"set"`), []byte(`"version":3,"set"`), 1)
	if err := walkFrames(context.Background(), bytes.NewReader(newer), m, visitor{people: ofSample}); err == nil {
		t.Error("an unknown version is read")
	}
}

// TestForgedLengthsTakeNoMemory: a frame that says that it is large costs what there is of it.
func TestForgedLengthsTakeNoMemory(t *testing.T) {
	stream := []byte{kindHead, 0xff, 0xff, 0xff, 0x7f, 'x'} // 256 MiB less a byte
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := newFrameReader(bytes.NewReader(stream)).next()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 8<<20 {
		t.Errorf("%d bytes taken: %v", took, err)
	}
}

// FuzzSegment reads hostile streams, packed and unpacked.
func FuzzSegment(f *testing.F) {
	stream, m := sample(f)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stream, false)
	f.Add(enc.EncodeAll(stream, nil), true)
	f.Add([]byte{kindHead, 0xff, 0xff, 0xff, 0x7f}, false)
	f.Fuzz(func(t *testing.T, stream []byte, packed bool) {
		last := store.T(0)
		v := visitor{commit: func(c store.Commit) error {
			if c.T != last+1 {
				t.Errorf("commit %d behind %d", c.T, last)
			}
			last = c.T
			return nil
		}}
		var err error
		if packed {
			err = readFrames(context.Background(), bytes.NewReader(stream), m, v)
		} else {
			err = walkFrames(context.Background(), bytes.NewReader(stream), m, v)
		}
		if err == nil && last != m.To {
			t.Errorf("a stream that ends with commit %d is taken for one that ends with %d", last, m.To)
		}
	})
}

// FuzzManifest reads hostile manifests: what is taken is exactly what would be written.
func FuzzManifest(f *testing.F) {
	_, m := sample(f)
	f.Add(m.summed().encode())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text, "s/000001-aa.json")
		if err != nil {
			return
		}
		if again, err := json.MarshalIndent(m, "", "  "); err != nil || !bytes.Equal(append(again, '\n'), text) {
			t.Errorf("%s\nis taken for\n%s", text, again)
		}
	})
}
