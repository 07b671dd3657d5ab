package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/sample"
)

func TestPublishedPackages(t *testing.T) {
	dir := sample.Dir(t, "packages", 3)
	for _, c := range []struct {
		file, name, version string
		counts              map[string]int
		examples            int
	}{
		{"hl7.fhir.us.core-6.1.0.tgz", "hl7.fhir.us.core", "6.1.0", map[string]int{"StructureDefinition": 59, "SearchParameter": 106, "ValueSet": 36, "CodeSystem": 5}, 183},
		{"hl7.fhir.uv.ips-1.1.0.tgz", "hl7.fhir.uv.ips", "1.1.0", map[string]int{"StructureDefinition": 36, "ValueSet": 60}, 40},
	} {
		f, err := os.Open(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := Read(f, WithExamples())
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, r := range p.Resources {
			counts[r.ResourceType()]++
		}
		for kind, n := range c.counts {
			if counts[kind] != n {
				t.Errorf("%s: %d of %s, want %d", c.name, counts[kind], kind, n)
			}
		}
		if p.Name != c.name || p.Version != c.version || p.Dependencies["hl7.fhir.r4.core"] != "4.0.1" || len(p.Examples) != c.examples {
			t.Errorf("%s %s, %v, %d examples", p.Name, p.Version, p.Dependencies, len(p.Examples))
		}
		if first := p.Resources[0]; p.Find(first.ResourceType(), first.Get("url").Text()+"|"+first.Get("version").Text()) != first ||
			p.Find(first.ResourceType(), first.Get("url").Text()+"|0.0.1") != nil {
			t.Errorf("%s cannot be found by its canonical", first.Get("url").Text())
		}
	}
}

type entry struct {
	name, body string
	kind       byte
}

func pack(entries ...entry) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.body)), Typeflag: e.kind}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag != tar.TypeReg {
			h.Size, h.Linkname = 0, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if h.Size > 0 {
			w.Write([]byte(e.body))
		}
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

var manifest = entry{name: "package/package.json", body: `{"name":"x","version":"1.0.0"}`}

func TestAbuseC05HostilePackages(t *testing.T) {
	bomb := strings.Repeat("a", minRatio)
	whole := pack(manifest, entry{name: "package/ValueSet-a.json", body: `{"resourceType":"ValueSet","url":"http://x"}`})
	for _, c := range []struct {
		name string
		body []byte
		code fault.Code
		text string
	}{
		{"empty", nil, fault.Malformed, "gzip"},
		{"no archive", []byte("hello"), fault.Malformed, "gzip"},
		{"no manifest", pack(entry{name: "package/a.json", body: "{}"}), fault.Malformed, "package.json"},
		{"path upward", pack(manifest, entry{name: "package/../../etc/x.json", body: "{}"}), fault.Invalid, "outside"},
		{"absolute path", pack(manifest, entry{name: "/etc/x.json", body: "{}"}), fault.Invalid, "outside"},
		{"windows path", pack(manifest, entry{name: `package\..\x.json`, body: "{}"}), fault.Invalid, "outside"},
		{"symbolic link", pack(manifest, entry{name: "package/a.json", kind: tar.TypeSymlink}), fault.Invalid, "neither"},
		{"hard link", pack(manifest, entry{name: "package/a.json", kind: tar.TypeLink}), fault.Invalid, "neither"},
		{"device", pack(manifest, entry{name: "package/a.json", kind: tar.TypeChar}), fault.Invalid, "neither"},
		{"bomb", pack(manifest, entry{name: "package/other/a.bin", body: bomb + bomb}), fault.TooLarge, "times"},
		{"bomb that would be kept", pack(manifest, entry{name: "package/a.json", body: `"` + bomb + bomb + `"`}), fault.TooLarge, "times"},
		{"cut off", whole[:len(whole)/2], fault.Malformed, "damaged"},
		{"bad JSON", pack(manifest, entry{name: "package/ValueSet-a.json", body: "{"}), fault.Malformed, "ValueSet-a.json"},
	} {
		_, err := Read(bytes.NewReader(c.body))
		if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %s: …%s…", c.name, err, c.code, c.text)
		}
	}
	if p, err := Read(bytes.NewReader(whole)); err != nil || len(p.Resources) != 1 {
		t.Errorf("%+v %v", p, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(pack(manifest, entry{name: "package/ValueSet-a.json", body: `{"resourceType":"ValueSet","url":"http://x"}`}))
	f.Add(pack(entry{name: "package/.json", body: "{}"}, entry{name: "package", kind: tar.TypeDir}))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Read(bytes.NewReader(body), WithExamples())
		if err == nil && p == nil || err != nil && fault.CodeOf(err) == fault.Internal {
			t.Fatalf("%v", err)
		}
	})
}
