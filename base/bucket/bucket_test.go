package bucket

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

func read(t *testing.T, b Bucket, name string) []byte {
	t.Helper()
	f, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func names(t *testing.T, b Bucket, prefix string) (out []string) {
	t.Helper()
	for e, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Modified.Before(time.Now().Add(-time.Hour)) {
			t.Errorf("%s is from %s", e.Name, e.Modified)
		}
		out = append(out, e.Name)
	}
	slices.Sort(out)
	return out
}

// Every kind of bucket keeps files in the same way.
func TestBuckets(t *testing.T) {
	for _, c := range []struct {
		name string
		open func(t *testing.T) Bucket
	}{
		{"folder", func(t *testing.T) Bucket {
			b, err := Open("file://" + filepath.Join(t.TempDir(), "new", "folder"))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}},
		{"s3", func(t *testing.T) Bucket { _, b := startFake(t); return b }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, ctx := c.open(t), t.Context()
			large := make([]byte, 2*partSize+12345)
			_, _ = rand.Read(large)
			files := map[string][]byte{"empty": nil, "a b+c/ü$&.age": []byte("one"), "x/y/z": bytes.Repeat([]byte("two"), 1000),
				"exact": large[:partSize], "large": large, "x/1": []byte("1"), "x/2": []byte("2")}
			for name, body := range files {
				if err := b.Put(ctx, name, iotest.HalfReader(bytes.NewReader(body))); err != nil {
					t.Fatal(name, err)
				}
			}
			for name, body := range files {
				if !bytes.Equal(read(t, b, name), body) {
					t.Errorf("%s came back as something else", name)
				}
			}
			if got := names(t, b, "x/"); !slices.Equal(got, []string{"x/1", "x/2", "x/y/z"}) {
				t.Errorf("below x/: %v", got)
			}
			if got := names(t, b, "e"); !slices.Equal(got, []string{"empty", "exact"}) {
				t.Errorf("that begin with e: %v", got)
			}
			if got := names(t, b, ""); len(got) != len(files) {
				t.Errorf("all: %v", got)
			}

			f, err := b.Open(ctx, "large")
			if err != nil {
				t.Fatal(err)
			}
			piece := make([]byte, 1000)
			for _, off := range []int64{5, 9_000_000, 9_001_000, 0, f.Size() - 1000} {
				if _, err := f.ReadAt(piece, off); err != nil || !bytes.Equal(piece, large[off:off+1000]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
			if n, err := f.ReadAt(piece, f.Size()-10); n != 10 || err != io.EOF || !bytes.Equal(piece[:10], large[len(large)-10:]) {
				t.Errorf("over the end: %d %v", n, err)
			}
			if n, err := f.ReadAt(piece, f.Size()); n != 0 || err != io.EOF {
				t.Errorf("behind the end: %d %v", n, err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}

			// What was not read to its end is not there, and what stood there before still is.
			cut := errors.New("cut")
			for _, whole := range []int{3, partSize + 5} {
				for _, end := range []error{cut, io.ErrUnexpectedEOF} {
					source := io.MultiReader(bytes.NewReader(large[:whole]), iotest.ErrReader(end))
					if err := b.Put(ctx, "x/1", source); !errors.Is(err, end) {
						t.Errorf("a source that breaks off: %v", err)
					}
				}
			}
			if got := read(t, b, "x/1"); string(got) != "1" {
				t.Errorf("after a failed put: %d bytes", len(got))
			}
			stopped, stop := context.WithCancel(ctx)
			stop()
			if err := b.Put(stopped, "x/9", strings.NewReader("9")); !errors.Is(err, context.Canceled) {
				t.Errorf("put after the end: %v", err)
			}
			if err := b.Put(ctx, "x/1", strings.NewReader("new")); err != nil || string(read(t, b, "x/1")) != "new" {
				t.Errorf("replaced: %v", err)
			}

			for _, keep := range []bool{false, true} {
				d, err := b.Draft(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := d.Write([]byte("drafted")); err != nil {
					t.Error(err)
				}
				if keep {
					if err := d.Keep(ctx, "new/draft"); err != nil {
						t.Error(err)
					}
				}
				d.Drop()
				if got := names(t, b, "new/"); len(got) == 1 != keep {
					t.Errorf("kept: %v, there is %v", keep, got)
				}
			}
			if got := read(t, b, "new/draft"); string(got) != "drafted" {
				t.Errorf("a draft came back as %q", got)
			}

			if err := b.Touch(ctx, "a b+c/ü$&.age"); err != nil {
				t.Error(err)
			}
			if got := read(t, b, "a b+c/ü$&.age"); string(got) != "one" {
				t.Errorf("touched, and now %q", got)
			}
			for range 2 {
				if err := b.Delete(ctx, "x/2"); err != nil {
					t.Error(err)
				}
			}
			_, gone := b.Open(ctx, "x/2")
			_, folder := b.Open(ctx, "x")
			for _, err := range []error{gone, folder, b.Touch(ctx, "x/2")} {
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("a file that is not there: %v", err)
				}
			}
			for _, name := range []string{"", ".", "..", "../x", "a/../b", "/a", "a/", ".hidden", "a/.hidden", `a\b`, "a\x00"} {
				_, opened := b.Open(ctx, name)
				for _, err := range []error{b.Put(ctx, name, strings.NewReader("")), opened, b.Delete(ctx, name), b.Touch(ctx, name)} {
					if !fault.Is(err, fault.Invalid) {
						t.Errorf("name %q: %v", name, err)
					}
				}
			}
		})
	}
}

func TestUnfinishedFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{".put-new": time.Hour, ".put-old": 25 * time.Hour, ".other": 48 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, b, ""); len(got) != 0 {
		t.Errorf("unfinished files are listed: %v", got)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != ".other" || left[1].Name() != ".put-new" {
		t.Errorf("left: %v %v", left, err)
	}
}

// A store that fails for a while is asked again; one that refuses is not.
func TestTriesOfS3(t *testing.T) {
	f, b := startFake(t)
	bad := 2
	f.fail = func(r *http.Request) int {
		if bad--; bad >= 0 {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := b.Put(t.Context(), "a", strings.NewReader("1")); err != nil || len(f.calls) != 3 {
		t.Errorf("%v after %d tries", err, len(f.calls))
	}
	f.calls, f.fail = nil, func(r *http.Request) int { return http.StatusServiceUnavailable }
	if err := b.Put(t.Context(), "a", strings.NewReader("1")); !fault.Is(err, fault.Unavailable) || len(f.calls) != tries {
		t.Errorf("%v after %d tries", err, len(f.calls))
	}
	f.calls, f.fail = nil, nil
	f.signer.secret = "another"
	err := b.Put(t.Context(), "a", strings.NewReader("1"))
	if !fault.Is(err, fault.Unavailable) || len(f.calls) != 1 || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Errorf("%v after %d tries", err, len(f.calls))
	}
}

// A large file that fails leaves no pieces behind.
func TestPiecesOfAFailedUpload(t *testing.T) {
	f, b := startFake(t)
	f.fail = func(r *http.Request) int {
		if r.URL.Query().Get("partNumber") == "2" {
			return http.StatusBadRequest
		}
		return 0
	}
	if err := b.Put(t.Context(), "a", bytes.NewReader(make([]byte, 2*partSize))); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if len(f.parts) != 0 || len(f.files) != 0 {
		t.Errorf("%d uploads and %d files are left", len(f.parts), len(f.files))
	}
}

func TestPlaces(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	for place, ok := range map[string]bool{
		"": false, "ftp://host/x": false, "file://host/x": false, "s3://": false, "s3://b?endpoint=host": false, "s3://b?color=red": false,
		"s3://id:key@b": false, "s3://b?endpoint=http://example.org": false, "s3://b?style=odd": false, "s3://b/../c": false,
		"s3://b": true, "s3://b/deep/er?region=eu-1": true, "s3://b?endpoint=https://s3.example.org": true, "s3://b?endpoint=http://127.0.0.1:9000": true,
	} {
		if _, err := Open(place); (err == nil) != ok || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", place, err)
		}
	}
	b, err := Open("s3://clinic/x?region=eu-1")
	if err != nil || b.(*object).base.String() != "https://clinic.s3.eu-1.amazonaws.com/" {
		t.Errorf("%v %v", b, err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := Open("s3://b"); !fault.Is(err, fault.Invalid) {
		t.Errorf("without credentials: %v", err)
	}
}

// The examples of "Signature Calculations for the Authorization Header" in the Amazon S3
// API Reference.
func TestSignatures(t *testing.T) {
	s := signer{id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", region: "us-east-1"}
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, c := range []struct{ method, url, header, value, payload, signature string }{
		{"GET", "/test.txt", "Range", "bytes=0-9", empty, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"PUT", "/test$file.text", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"GET", "/?lifecycle", "", "", empty, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"GET", "/?max-keys=2&prefix=J", "", "", empty, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r, err := http.NewRequest(c.method, "https://examplebucket.s3.amazonaws.com"+c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		if c.method == "PUT" {
			r.Header.Set("Date", "Fri, 24 May 2013 00:00:00 GMT")
		}
		s.sign(r, c.payload, at)
		if _, got, _ := strings.Cut(r.Header.Get("Authorization"), "Signature="); got != c.signature {
			t.Errorf("%s %s: %s, want %s", c.method, c.url, got, c.signature)
		}
	}
}

// Who sees to a place has to know why it takes nothing: it is told with the folder, and with what to do.
func TestAFolderSaysWhyItTakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil { // as when it is not mounted
		t.Fatal(err)
	}
	_, drafted := b.Draft(t.Context())
	var listed error
	for _, listed = range b.List(t.Context(), "contents/") {
	}
	for _, err := range []error{b.Put(t.Context(), "a/b", strings.NewReader("x")), drafted, listed} {
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.Unavailable || f.Message != "The folder "+dir+" is not there. Is its disk mounted?" {
			t.Errorf("without its folder: %v", err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, err := range b.List(t.Context(), "contents/") { // a part that is not there is empty
		t.Error(err)
	}
	for cause, want := range map[error]string{syscall.ENOSPC: "There is no room left in the folder " + dir, syscall.EROFS: "may not be written", syscall.EIO: "The file a could not be written"} {
		if err := b.(folder).unwritten(&os.PathError{Op: "write", Path: "x", Err: cause}, "a"); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
