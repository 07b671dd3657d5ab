// Package blob keeps contents: what is too large to lie in a resource, such as a scanned
// letter, a photo, a recording. It is encrypted and written as a stream, and any part of it is
// read without the rest.
//
//	s := blob.New(bucket, ring.Key("content"))
//	c, err := s.Put(ctx, r, 1<<30)
//	f, err := s.Open(ctx, c)
//
// Each content has a random key of its own, which no file holds: the resource that names the
// content does. When the resource is destroyed together with a patient's keys, nobody can read
// the content any more, in no copy of its file. So the same content is kept once for each who
// has it. Contents of programs before November 2026 have no key of their own and are opened
// with the store's alone.
//
// A file in the bucket is an age file (age-encryption.org/v1) that holds the content and,
// behind it, its 32 bytes of hash: a file that was changed, cut off or put in another's place
// is noticed before its content is given out. The name of the file is derived from the hash
// and the content's key with a key of the store's, so that nobody who sees the bucket can tell whether a content that he knows is
// in it.
//
// What is here does not know who may read what, nor which contents are still wanted: that is
// the record's affair.
package blob

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"iter"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
)

// Content is a content that is kept.
type Content struct {
	Hash string `json:"hash,omitempty"` // SHA-256 in hex
	Size int64  `json:"size,omitempty"` // bytes
	// Key opens it, together with the store's. It belongs where only those look who may read
	// the content. "" for contents of programs before November 2026.
	Key string `json:"key,omitempty"`
}

// Space is where the items of a record lie that name its contents; the key of an item is the
// name of the content's file (Store.Name).
const Space = "content"

// Named is the value of such an item.
type Named struct {
	Content
	// Going is set while a content that no version names is removed: nobody may name it then.
	Going bool `json:"going,omitempty"`
}

// Store keeps contents in a bucket. It is safe for concurrent use.
type Store struct {
	bucket bucket.Bucket
	locks  []byte // contents' keys, and the key of contents without one, derive from it
	names  []byte
}

// New returns the store of a bucket; the key has seal.KeySize bytes and is for this use
// alone.
func New(b bucket.Bucket, key []byte) *Store {
	return &Store{bucket: b, locks: derive(key, "osler content key"), names: derive(key, "osler content name")}
}

func derive(key []byte, use string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(use))
	return h.Sum(nil)
}

// lock returns what wraps the key of a content's file.
func (s *Store) lock(c Content) lock {
	if c.Key == "" {
		return lock{s.locks}
	}
	return lock{derive(s.locks, c.Key)}
}

// Put keeps what r gives under a new key, at most limit bytes; more is fault.TooLarge. Nothing
// is seen of it before it is whole and durable.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (Content, error) {
	return s.PutChecked(ctx, r, limit, nil)
}

// PutChecked is Put of what somebody has to look at first: check reads the whole of it from where
// it lies encrypted and without a name, and what check refuses is not kept.
func (s *Store) PutChecked(ctx context.Context, r io.Reader, limit int64, check func(io.ReadSeeker) error) (Content, error) {
	d, err := s.bucket.Draft(ctx)
	if err != nil {
		return Content{}, unwritten(err)
	}
	defer d.Drop()
	var key [seal.KeySize]byte
	rand.Read(key[:])
	c := Content{Key: base64.RawURLEncoding.EncodeToString(key[:])}
	file := &counted{Writer: d}
	w, err := age.Encrypt(file, s.lock(c))
	if err != nil {
		return Content{}, unwritten(err)
	}
	sum := &summed{Reader: io.LimitReader(bucket.Until(ctx, r), limit+1), hash: sha256.New()}
	n, err := io.Copy(w, sum)
	switch {
	case sum.err != nil:
		return Content{}, sum.err
	case err != nil:
		return Content{}, unwritten(err)
	case n > limit:
		return Content{}, fault.New(fault.TooLarge, "The content is larger than the limit of %d bytes.", limit)
	}
	trailer := sum.hash.Sum(nil)
	if _, err := w.Write(trailer); err != nil {
		return Content{}, unwritten(err)
	}
	if err := w.Close(); err != nil {
		return Content{}, unwritten(err)
	}
	if check != nil {
		plain, _, err := age.DecryptReaderAt(d, file.n, s.lock(c))
		if err != nil {
			return Content{}, damaged(err)
		}
		if err := check(io.NewSectionReader(plain, 0, n)); err != nil {
			return Content{}, err
		}
	}
	c.Hash, c.Size = hex.EncodeToString(trailer), n
	if err := d.Keep(ctx, s.Name(c)); err != nil {
		return Content{}, unwritten(err)
	}
	return c, nil
}

// Probe finds out whether contents can be kept: it keeps one of a megabyte that nothing names, and removes it.
func (s *Store) Probe(ctx context.Context) error {
	c, err := s.Put(ctx, bytes.NewReader(make([]byte, 1<<20)), 1<<20)
	if err == nil {
		err = s.bucket.Delete(ctx, s.Name(c))
	}
	return err
}

// unwritten is what somebody reads who has brought a content; where it should lie, and why it does not, is in
// the log.
func unwritten(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "The content could not be stored, and nothing of it is kept. Look whether the disk is full, then try again.")
}

// counted counts what is written.
type counted struct {
	io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}

// summed hashes what is read through it, and keeps the reader's error apart from the
// writer's.
type summed struct {
	io.Reader
	hash hash.Hash
	err  error
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.hash.Write(p[:n])
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Reader reads a content, from any place.
type Reader struct {
	*io.SectionReader
	file bucket.File
}

// Close ends the reading.
func (r *Reader) Close() error { return r.file.Close() }

// Open opens a content, for as long as the context goes on: reading ends with it. One that is not
// here is fault.NotFound; one whose file is damaged or another's is fault.Unavailable, now or when
// the damaged part is read.
func (s *Store) Open(ctx context.Context, c Content) (*Reader, error) {
	want, err := hex.DecodeString(c.Hash)
	if err != nil || len(want) != sha256.Size {
		return nil, fault.New(fault.NotFound, "There is no content of this name.")
	}
	f, err := s.bucket.Open(ctx, s.Name(c))
	if fault.Is(err, fault.NotFound) {
		return nil, lost{fault.New(fault.NotFound, "The content is not in the place where contents are kept.")}
	}
	if err != nil {
		return nil, err
	}
	plain, size, err := age.DecryptReaderAt(f, f.Size(), s.lock(c))
	if err != nil {
		return nil, errors.Join(damaged(err), f.Close())
	}
	size -= sha256.Size
	trailer := make([]byte, sha256.Size)
	if size < 0 {
		return nil, errors.Join(damaged(nil), f.Close())
	}
	if _, err := plain.ReadAt(trailer, size); err != nil && err != io.EOF {
		return nil, errors.Join(damaged(err), f.Close())
	}
	if !hmac.Equal(trailer, want) {
		return nil, errors.Join(damaged(nil), f.Close())
	}
	return &Reader{io.NewSectionReader(checked{ctx, plain}, 0, size), f}, nil
}

// checked makes faults of what cannot be decrypted, and ends with a context.
type checked struct {
	ctx context.Context
	io.ReaderAt
}

func (c checked) ReadAt(p []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.ReaderAt.ReadAt(p, off)
	var known *fault.Error
	if err != nil && err != io.EOF && !errors.As(err, &known) {
		err = damaged(err)
	}
	return n, err
}

func damaged(err error) error {
	return lost{fault.Wrap(err, fault.Unavailable, "The file of the content is damaged, or it is another's. It has to come back from a backup.")}
}

// lost is the error of a content whose file is missing or damaged.
type lost struct{ error }

// Unwrap returns the fault.
func (l lost) Unwrap() error { return l.error }

// Lost reports whether an error of Open or of a Reader says that the file of a content is missing
// or damaged: trying again does not help, only a backup does.
func Lost(err error) bool { return errors.As(err, new(lost)) }

// Verify reads a whole content and compares it with its hash.
func (s *Store) Verify(ctx context.Context, c Content) error {
	f, err := s.Open(ctx, c)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, bucket.Until(ctx, f))
	if err != nil {
		return err
	}
	if n != c.Size || hex.EncodeToString(sum.Sum(nil)) != c.Hash {
		return damaged(nil)
	}
	return nil
}

// Name is the name of a content's file in the bucket.
func (s *Store) Name(c Content) string {
	name := hex.EncodeToString(derive(s.names, c.Hash+c.Key))
	return name[:2] + "/" + name[2:]
}

// File is a file in the bucket.
type File struct {
	Name     string
	Modified time.Time
}

// Files ranges over the files in the bucket.
func (s *Store) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for e, err := range s.bucket.List(ctx, "") {
			if err == nil && !ours(e.Name) {
				continue
			}
			if !yield(File{e.Name, e.Modified}, err) {
				return
			}
		}
	}
}

// Stat looks at a file in the bucket; a missing one is fault.NotFound.
func (s *Store) Stat(ctx context.Context, name string) (File, error) {
	for e, err := range s.bucket.List(ctx, name) {
		if err != nil {
			return File{}, err
		}
		if e.Name == name {
			return File{e.Name, e.Modified}, nil
		}
	}
	return File{}, fault.New(fault.NotFound, "The content is not in the place where contents are kept.")
}

// Mark puts an empty file into the bucket by which a record knows its place of contents again.
func (s *Store) Mark(ctx context.Context, name string) error {
	return s.bucket.Put(ctx, name, strings.NewReader(""))
}

// Marked reports whether a file that Mark puts is in the bucket.
func (s *Store) Marked(ctx context.Context, name string) (bool, error) {
	f, err := s.bucket.Open(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// ours reports whether a file has a name that Name makes.
func ours(name string) bool {
	dir, rest, ok := strings.Cut(name, "/")
	_, err := hex.DecodeString(dir + rest)
	return ok && err == nil && len(dir) == 2 && len(rest) == 62
}

// RemoveFile removes a file by its name.
func (s *Store) RemoveFile(ctx context.Context, name string) error { return s.bucket.Delete(ctx, name) }

// Copy copies a file by its name, encrypted as it is, to a bucket below a prefix, unless one
// of the same size is there; copied tells which. Whoever has the same key can open it there:
// so do backups, and moves to another place.
func (s *Store) Copy(ctx context.Context, name string, to bucket.Bucket, prefix string) (copied bool, err error) {
	from, err := s.bucket.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer from.Close()
	there, err := to.Open(ctx, prefix+name)
	if err == nil {
		same := there.Size() == from.Size()
		if err := there.Close(); err != nil || same {
			return false, err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return false, err
	}
	return true, to.Put(ctx, prefix+name, io.NewSectionReader(from, 0, from.Size()))
}

// stanza is the kind of recipient in the header of our files.
const stanza = "osler-emr.org/content"

// lock wraps the key of a file with the content's.
type lock struct{ key []byte }

// Wrap implements age.Recipient.
func (l lock) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	body, err := seal.Seal(l.key, fileKey, []byte(stanza))
	return []*age.Stanza{{Type: stanza, Body: body}}, err
}

// Unwrap implements age.Identity.
func (l lock) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != stanza {
			continue
		}
		if key, err := seal.Open(l.key, s.Body, []byte(stanza)); err == nil {
			return key, nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}
