package bucket

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
)

// unfinished is how files begin that are still being written.
const unfinished = ".put-"

// unfinishedFor is how long such a file may lie before it counts as left by a crash.
const unfinishedFor = 24 * time.Hour

type folder struct{ dir string }

func openFolder(dir string) (Bucket, error) {
	if dir == "" {
		return nil, fault.New(fault.Invalid, "The folder for files has no name.")
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The folder %s cannot be made.", dir)
	}
	return folder{dir}, nil
}

func (f folder) path(name string) (string, error) {
	return filepath.Join(f.dir, filepath.FromSlash(name)), valid(name)
}

func (f folder) Put(ctx context.Context, name string, r io.Reader) error {
	if err := valid(name); err != nil {
		return err
	}
	d, err := f.Draft(ctx)
	if err != nil {
		return err
	}
	defer d.Drop()
	source := &remember{Reader: Until(ctx, r)}
	if _, err := io.Copy(d, source); err != nil {
		if source.err != nil { // the reader's own error, not the disk's
			return source.err
		}
		return f.unwritten(err, name)
	}
	return d.Keep(ctx, name)
}

func (f folder) Draft(context.Context) (Draft, error) {
	tmp, err := os.CreateTemp(f.dir, unfinished)
	if err != nil {
		return nil, f.failed(err, "No file can be written to the folder %s.", f.dir)
	}
	return &draft{tmp, f, false}, nil
}

type draft struct {
	*os.File
	folder folder
	ended  bool
}

func (d *draft) Keep(ctx context.Context, name string) error {
	path, err := d.folder.path(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := d.folder.makeAll(dir); err != nil {
		return d.folder.unwritten(err, name)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return d.folder.unwritten(err, name)
	}
	if err := os.Rename(d.Name(), path); err != nil {
		return d.folder.unwritten(err, name)
	}
	d.ended = true
	if err := syncFolder(dir); err != nil {
		return d.folder.unwritten(err, name)
	}
	return nil
}

func (d *draft) Drop() {
	if !d.ended {
		_ = d.Close() // it may be closed already
		_ = os.Remove(d.Name())
	}
}

// remember keeps the error of the reader, to tell it from that of the writer.
type remember struct {
	io.Reader
	err error
}

func (r *remember) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (f folder) unwritten(err error, name string) error {
	return f.failed(err, "The file %s could not be written to the folder %s. Look at its disk.", name, f.dir)
}

// failed says why a folder does not do what it is asked for, where that can be told: who sees to it has to
// know what to do. otherwise is said of any other reason.
func (f folder) failed(err error, otherwise string, args ...any) error {
	switch {
	case disk.Full(err):
		return fault.Wrap(err, fault.Unavailable, "There is no room left in the folder %s. Make room there.", f.dir)
	case !f.there():
		return fault.Wrap(err, fault.Unavailable, "The folder %s is not there. Is its disk mounted?", f.dir)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Unavailable, "The folder %s may not be written. Look at its rights, and whether its disk is mounted for reading only.", f.dir)
	}
	return fault.Wrap(err, fault.Unavailable, otherwise, args...)
}

// there reports whether the folder is.
func (f folder) there() bool {
	_, err := os.Stat(f.dir)
	return !errors.Is(err, fs.ErrNotExist)
}

// makeAll makes a folder and those above it, down from the bucket's, durably.
func (f folder) makeAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if dir != f.dir {
		if err := f.makeAll(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

func (f folder) Open(ctx context.Context, name string) (File, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(name)
	}
	if err != nil {
		return nil, unread(err, name)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = missing(name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return opened{file, info.Size()}, nil
}

func unread(err error, name string) error {
	return fault.Wrap(err, fault.Unavailable, "The file %s could not be read.", name)
}

type opened struct {
	*os.File
	size int64
}

func (o opened) Size() int64 { return o.size }

func (f folder) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		done := errors.New("done")
		top := f.dir
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			path, err := f.path(prefix[:i])
			if err != nil {
				yield(Entry{}, err)
				return
			}
			top = path
		}
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if errors.Is(err, fs.ErrNotExist) && f.there() { // removed meanwhile
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if strings.HasPrefix(d.Name(), ".") {
				if strings.HasPrefix(d.Name(), unfinished) && time.Since(info.ModTime()) > unfinishedFor {
					_ = os.Remove(path) // left by a crash; when it cannot be removed, the next time
				}
				return nil
			}
			rel, err := filepath.Rel(f.dir, path)
			if err != nil {
				return err
			}
			e := Entry{filepath.ToSlash(rel), info.Size(), info.ModTime()}
			if strings.HasPrefix(e.Name, prefix) && !yield(e, nil) {
				return done
			}
			return nil
		})
		if err != nil && err != done {
			yield(Entry{}, f.failed(err, "The folder %s cannot be listed.", f.dir))
		}
	}
}

func (f folder) Delete(ctx context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file %s could not be removed.", name)
	}
	return nil
}

func (f folder) Touch(ctx context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	now := time.Now()
	err = os.Chtimes(path, now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return missing(name)
	}
	if err != nil {
		return f.unwritten(err, name)
	}
	return nil
}
