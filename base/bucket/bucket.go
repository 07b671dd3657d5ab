// Package bucket keeps named files that are written once: contents of attachments, segments
// of backups. A bucket is a folder, or a bucket of an object store that speaks S3.
//
//	b, err := bucket.Open("/var/lib/osler/contents")
//	b, err := bucket.Open("s3://clinic-backup/osler?endpoint=https://s3.example.org&region=eu-1")
//	err = b.Put(ctx, "000001-1-4711.age", r)
//
// A file appears whole and durably, or not at all. What is in the files is the caller's:
// nothing is encrypted here.
package bucket

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Bucket is a place for files. It is safe for concurrent use.
type Bucket interface {
	// Put stores what r gives under a name, in place of an older file of that name. When it
	// returns nil, the file is whole and on the disk; otherwise nothing of it is seen.
	Put(ctx context.Context, name string, r io.Reader) error
	// Draft begins a file whose name is not known until it is written.
	Draft(ctx context.Context) (Draft, error)
	// Open opens a file; a missing one is fault.NotFound.
	Open(ctx context.Context, name string) (File, error)
	// List ranges over the files whose names begin with prefix, in no particular order.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]
	// Delete removes a file; that there is none is no error.
	Delete(ctx context.Context, name string) error
	// Touch makes a file as new as one that was put now; a missing one is fault.NotFound.
	Touch(ctx context.Context, name string) error
}

// Draft is a file that is being written and has no name yet. What was written can be read, before
// it has its name. Either Keep or Drop ends it; Drop after Keep does nothing.
type Draft interface {
	io.Writer
	io.ReaderAt
	// Keep gives the file its name: from then on it is there, whole and durable.
	Keep(ctx context.Context, name string) error
	Drop()
}

// File is a file that is being read. ReadAt is safe for concurrent use.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Entry is a file in a list.
type Entry struct {
	Name     string
	Size     int64
	Modified time.Time
}

// Open opens a place: a path, file:///path, or
// s3://bucket/prefix?endpoint=https://host&region=name&style=path. The endpoint is Amazon's
// when it is not named, and the style "virtual" there and "path" elsewhere. The credentials
// of S3 are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
func Open(place string) (Bucket, error) {
	scheme, _, ok := strings.Cut(place, "://")
	if !ok {
		return openFolder(place)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The place for files cannot be read. It is a folder, or s3://bucket/prefix?endpoint=…&region=….")
	}
	switch scheme {
	case "file":
		if u.Host != "" {
			return nil, fault.New(fault.Invalid, "A folder is written as file:///path, with three slashes.")
		}
		return openFolder(u.Path)
	case "s3":
		return openS3(u)
	}
	return nil, fault.New(fault.Invalid, "Files are kept in a folder or in s3://…, not in %s://….", scheme)
}

// valid refuses names that are no relative paths, or that have parts beginning with a dot.
func valid(name string) error {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, "\\\x00") {
		return fault.New(fault.Invalid, "A file in a bucket has a plain name, such as folder/file.")
	}
	return nil
}

func missing(name string) error {
	return fault.New(fault.NotFound, "The file %s is not there.", name)
}

// Until returns a reader that ends with the context.
func Until(ctx context.Context, r io.Reader) io.Reader { return stopper{ctx, r} }

type stopper struct {
	ctx context.Context
	io.Reader
}

func (s stopper) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
}
