package packed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
)

// today is the day of the invented clinic.
var today = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// version returns a resource as the record stores it.
func version(r *fhir.Node) *fhir.Node {
	meta := r.Get("meta")
	if meta.Kind() != fhir.Object {
		meta = fhir.Obj()
	}
	meta.Set("versionId", fhir.Str("1"))
	meta.Set("lastUpdated", fhir.Str(today.Format("2006-01-02T15:04:05.000Z")))
	r.Set("meta", meta)
	return r
}

func entriesOf(t testing.TB, r *fhir.Node) []search.Entry {
	t.Helper()
	entries, err := search.Extract(r)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// scatter gives every mention of an id another one, so that none looks like a common word.
func scatter(b []byte) []byte {
	n := 0
	return uuid.ReplaceAllFunc(b, func(id []byte) []byte {
		n++
		sum := sha256.Sum256(append(binary.AppendVarint(nil, int64(n)), b...))
		h := hex.EncodeToString(sum[:18])
		for _, i := range []int{8, 13, 18, 23} {
			h = h[:i] + "-" + h[i+1:]
		}
		return []byte(h)
	})
}

// TestMakeDictionary writes a dictionary to the file that OSLER_MAKE_DICTIONARY names.
func TestMakeDictionary(t *testing.T) {
	to := os.Getenv("OSLER_MAKE_DICTIONARY")
	if to == "" {
		t.Skip("skipped: OSLER_MAKE_DICTIONARY names no file")
	}
	const each = 100 // versions of a type
	counts, versions := map[string]int{}, [][]byte(nil)
	for resources := range synthetic.Population(1, 60, today) {
		for _, r := range resources {
			if counts[r.ResourceType()]++; counts[r.ResourceType()] <= each {
				versions = append(versions, scatter(join(AppendEntries(nil, entriesOf(t, r)), version(r).JSON())))
			}
		}
	}
	made, err := dict.BuildZstdDict(versions, dict.Options{MaxDictSize: 16 << 10, HashBytes: 8, ZstdDictID: dictionaryID, ZstdLevel: zstd.SpeedFastest})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, made, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(made)
	t.Logf("%d bytes of %d versions, SHA-256 %x", len(made), len(versions), sum)
}

// TestTheDictionaryStaysWhatItWas: blobs that were written with it need every byte of it.
func TestTheDictionaryStaysWhatItWas(t *testing.T) {
	sum := sha256.Sum256(dictionary)
	if got := hex.EncodeToString(sum[:]); got != dictionarySum {
		t.Fatalf("the dictionary is another one: %s", got)
	}
	if id := binary.LittleEndian.Uint32(dictionary[4:]); id != dictionaryID {
		t.Fatalf("its id is %#x", id)
	}
}

// TestBlobsOfEveryCodecAreRead: a blob that was written before there was a dictionary, and
// one with it.
func TestBlobsOfEveryCodecAreRead(t *testing.T) {
	p, err := NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.Parse([]byte(`{"resourceType":"Observation","id":"o","meta":{"versionId":"1"},"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Heart rate"},"subject":{"reference":"Patient/p"},"valueQuantity":{"value":71,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`))
	if err != nil {
		t.Fatal(err)
	}
	entries, body := entriesOf(t, r), r.JSON()
	index := AppendEntries(nil, entries)
	before, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	now, blob := p.Pack(entries, body)
	if now != codecQuick {
		t.Fatalf("written with codec %d", now)
	}
	plain := join(index, body)
	old := before.EncodeAll(plain, nil)
	if len(blob) > len(old) {
		t.Errorf("%d bytes with the dictionary, %d without", len(blob), len(old))
	}
	small, err := zstd.NewWriter(nil, zstd.WithEncoderDict(dictionary))
	if err != nil {
		t.Fatal(err)
	}
	for codec, b := range map[int][]byte{codecPlain: plain, codecZstd: old, codecDictionary: small.EncodeAll(plain, nil), codecQuick: blob} {
		gotIndex, gotBody, err := p.Unpack(codec, b)
		if err != nil || !bytes.Equal(gotIndex, index) || !bytes.Equal(gotBody, body) {
			t.Errorf("codec %d: %v %s", codec, err, gotBody)
		}
	}
	for codec, whole := range map[int][]byte{codecDictionary: small.EncodeAll(plain, nil), codecQuick: blob} {
		for i := range whole { // whatever is damaged is an error or what it was, and no panic
			b := slices.Clone(whole)
			b[i] ^= 0x55
			p.Unpack(codec, b)
		}
	}
	if _, _, err := p.Unpack(codecQuick+1, blob); err == nil {
		t.Error("a codec that is not known was read")
	}
}

// TestOtherPeoplesRecordsShrink measures on records of another generator, so that the figure
// is not that of the dictionary's own texts.
func TestOtherPeoplesRecordsShrink(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sample.Dir(t, "synthea", 30), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPacker()
	if err != nil {
		t.Fatal(err)
	}
	without, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	n, plain, before, now := 0, 0, 0, 0
	for _, name := range files[:3] {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(b, &bundle); err != nil {
			t.Fatal(err)
		}
		for _, e := range bundle.Entry {
			r, err := fhir.Parse(e.Resource)
			if err != nil {
				t.Fatal(err)
			}
			entries, body := entriesOf(t, r), version(r).JSON()
			codec, blob := p.Pack(entries, body)
			whole := join(AppendEntries(nil, entries), body)
			n, plain, now, before = n+1, plain+len(whole), now+len(blob), before+len(without.EncodeAll(whole, nil))
			if _, got, err := p.Unpack(codec, blob); err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s: %v", r.Reference(), err)
			}
		}
	}
	t.Logf("%d versions of %d bytes: %d without the dictionary, %d with it", n, plain/n, before/n, now/n)
	if n < 500 || now > before*5/6 {
		t.Errorf("%d versions: %d bytes with the dictionary, %d without", n, now/n, before/n)
	}
}
