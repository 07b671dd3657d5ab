package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
)

func open(t testing.TB) (*Store, string) {
	dir := t.TempDir()
	b, err := bucket.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return New(b, bytes.Repeat([]byte{7}, 32)), dir
}

// noise is a stream of n bytes that are the same each time.
func noise(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

func put(t testing.TB, s *Store, r io.Reader) Content {
	t.Helper()
	c, err := s.Put(t.Context(), r, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func files(t testing.TB, s *Store) (names []string) {
	t.Helper()
	for f, err := range s.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	return names
}

func TestContentsComeBack(t *testing.T) {
	s, _ := open(t)
	for _, size := range []int64{0, 1, 31, 32, 64<<10 - 33, 64<<10 - 32, 64<<10 - 31, 64 << 10, 300_000} {
		want, err := io.ReadAll(noise(size))
		if err != nil {
			t.Fatal(err)
		}
		c := put(t, s, iotest.HalfReader(bytes.NewReader(want)))
		if sum := sha256.Sum256(want); c.Hash != hex.EncodeToString(sum[:]) || c.Size != size {
			t.Errorf("%d bytes became %+v", size, c)
		}
		f, err := s.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) || f.Size() != size {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
		for _, off := range []int64{0, size / 2, size - 10} {
			piece := make([]byte, 20)
			n, err := f.ReadAt(piece, max(off, 0))
			if err != nil && err != io.EOF || !bytes.Equal(piece[:n], want[max(off, 0):min(max(off, 0)+20, size)]) {
				t.Errorf("%d bytes at %d: %d, %v", size, off, n, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Verify(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
}

// Two who have the same content cannot read each other's file, and no file tells what it holds.
func TestTheSameContentIsKeptForEach(t *testing.T) {
	s, dir := open(t)
	a, b := put(t, s, strings.NewReader("a letter of a patient")), put(t, s, strings.NewReader("a letter of a patient"))
	put(t, s, strings.NewReader("another"))
	if list := files(t, s); a.Hash != b.Hash || a.Key == b.Key || len(list) != 3 {
		t.Errorf("%v %v: %v", a, b, list)
	}
	for name, c := range map[string]Content{"another key": {a.Hash, a.Size, strings.Repeat("A", len(a.Key))}, "no key": {Hash: a.Hash, Size: a.Size}} {
		if _, err := s.Open(t.Context(), c); !fault.Is(err, fault.NotFound) {
			t.Errorf("found with %s: %v", name, err)
		}
		one, err := os.ReadFile(filepath.Join(dir, s.Name(a)))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, s.Name(c))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, one, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), c); !fault.Is(err, fault.Unavailable) {
			t.Errorf("opened with %s: %v", name, err)
		}
	}
	for _, name := range files(t, s) {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte("letter")) || strings.Contains(name, a.Hash[2:10]) {
			t.Error("the file tells its content")
		}
	}
	if err := s.RemoveFile(t.Context(), s.Name(a)); err != nil {
		t.Error(err)
	}
	if _, err := s.Open(t.Context(), a); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestUploadsThatFailLeaveNothing(t *testing.T) {
	s, dir := open(t)
	cut := errors.New("cut")
	if _, err := s.Put(t.Context(), io.MultiReader(noise(200_000), iotest.ErrReader(cut)), 1<<20); !errors.Is(err, cut) {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), noise(1001), 1000); !fault.Is(err, fault.TooLarge) {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Put(stopped, noise(10), 1000); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if c, err := s.Put(t.Context(), noise(1000), 1000); err != nil || c.Size != 1000 {
		t.Error("exactly the limit:", err)
	}
}

// Whatever is done to the files is noticed, and never a wrong byte given out.
func TestDamage(t *testing.T) {
	s, dir := open(t)
	want, err := io.ReadAll(noise(200_000))
	if err != nil {
		t.Fatal(err)
	}
	c, other := put(t, s, bytes.NewReader(want)), put(t, s, strings.NewReader("other"))
	path := func(c Content) string { return filepath.Join(dir, s.Name(c)) }
	whole, err := os.ReadFile(path(c))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(path(other))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, body []byte) {
		t.Helper()
		if err := os.WriteFile(path(c), body, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(t.Context(), c); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: verified as %v", what, err)
		}
		f, err := s.Open(t.Context(), c)
		if err != nil {
			return
		}
		defer f.Close()
		if got, err := io.ReadAll(f); !fault.Is(err, fault.Unavailable) || !bytes.HasPrefix(want, got) {
			t.Errorf("%s: read %d bytes, %v", what, len(got), err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		at := r.IntN(len(whole))
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << r.IntN(8)
		check("a bit", bad)
		check("cut off", whole[:at])
	}
	check("longer", append(bytes.Clone(whole), 0))
	check("another's", foreign)
	check("empty", nil)
	stranger := New(s.bucket, bytes.Repeat([]byte{8}, 32))
	stranger.names = s.names
	if err := os.WriteFile(path(c), whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Open(t.Context(), c); !fault.Is(err, fault.Unavailable) {
		t.Errorf("with another key: %v", err)
	}
}

func TestCopy(t *testing.T) {
	s, _ := open(t)
	c := put(t, s, noise(100_000))
	to, err := bucket.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		if copied, err := s.Copy(t.Context(), s.Name(c), to, "contents/"); err != nil || copied != first {
			t.Errorf("copied %v, %v", copied, err)
		}
	}
	f, err := to.Open(t.Context(), "contents/"+s.Name(c))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A content of 256 MB goes in and out through little memory.
func TestMemoryOfALargeContent(t *testing.T) {
	s, _ := open(t)
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // it is about what is held, not about how long garbage lies
	var before, most runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	watch := func(r io.Reader) io.Reader { return &watched{Reader: r, most: &most} }
	c := put(t, s, watch(noise(256<<20)))
	f, err := s.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(io.Discard, watch(f)); err != nil || n != 256<<20 {
		t.Error(n, err)
	}
	if used := int64(most.HeapAlloc) - int64(before.HeapAlloc); used > 64<<20 {
		t.Errorf("%d MB were used", used>>20)
	}
}

// watched looks at the memory now and then.
type watched struct {
	io.Reader
	most *runtime.MemStats
	n    int
}

func (w *watched) Read(p []byte) (int, error) {
	if w.n++; w.n%500 == 0 {
		var now runtime.MemStats
		if runtime.ReadMemStats(&now); now.HeapAlloc > w.most.HeapAlloc {
			*w.most = now
		}
	}
	return w.Reader.Read(p)
}
