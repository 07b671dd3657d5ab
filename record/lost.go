package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
)

// Contents whose file is missing or damaged are found before somebody needs them: a look compares the
// files in the place with those that the record names, and what is read notes what it meets. A damage
// inside of a file that nobody reads is found by osler audit verify alone, which reads every file.

// lostFile is how a version that lacks data names the file: who puts it back needs the name, and it says
// nothing about what is in it.
const lostFile = `},{"url":"urn:osler:content-file","valueString":"`

// Lacks reports whether a resource that was read misses large data whose file is lost: an extension
// stands in its place, with the size in bytes and the name of the file. Such a resource cannot be written
// back, see unmarked.
func Lacks(body []byte) bool { return hasMark(body) && bytes.Contains(body, []byte(lostMark)) }

// Sized reports whether a resource that was read misses large data because it would be too large with
// it: an extension stands in its place, with the size in bytes.
func Sized(body []byte) bool { return hasMark(body) && bytes.Contains(body, []byte(sizeMark)) }

// LostFiles returns the names of the files that a resource lacks, see Lacks.
func LostFiles(body []byte) (files []string) {
	for _, part := range bytes.Split(body, []byte(lostFile))[1:] {
		name, _, _ := bytes.Cut(part, []byte(`"`))
		files = append(files, string(name))
	}
	return files
}

// LostData is what to answer, instead of a resource that lacks data, to who asked for it alone.
func LostData(reference string, files ...string) error {
	return lostData{fault.New(fault.Unavailable, "The data of %s cannot be read: its file %s is missing or damaged in the place where contents are kept, and has to come back from a backup.", reference, strings.Join(files, ", "))}
}

type lostData struct{ error }

// Unwrap returns the fault.
func (e lostData) Unwrap() error { return e.error }

// IsLostData reports whether an error is LostData.
func IsLostData(err error) bool { return errors.As(err, new(lostData)) }

// lostContents are the files that are known to be missing or damaged.
type lostContents struct {
	mu    sync.Mutex
	files map[string]int // by how many were noted before
	noted int
}

func (l *lostContents) note(file string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = map[string]int{}
	}
	l.files[file] = l.noted
	l.noted++
}

// begin is when a look begins, for looked.
func (l *lostContents) begin() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.noted
}

// looked keeps what a look has found lost, and what was noted since it began.
func (l *lostContents) looked(begun int, files map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for file, at := range l.files {
		if at >= begun {
			files[file] = at
		}
	}
	l.files = files
}

func (l *lostContents) has(file string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.files[file]
	return ok
}

func (l *lostContents) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.files))
}

// look keeps what is lost now: what is named and has no file, and what was found damaged and still is, or was only
// found so meanwhile.
func (s *contents) look(ctx context.Context, named []store.Item, there map[string]bool) (lost []store.Item, err error) {
	begun, files := s.lost.begin(), map[string]int{}
	for _, item := range named {
		var value blob.Named
		if err := json.Unmarshal(item.Value, &value); err != nil {
			return nil, err
		}
		is := !there[item.Key]
		if !is && s.lost.has(item.Key) {
			if err := s.blobs.Verify(ctx, value.Content); err != nil && !blob.Lost(err) {
				return nil, err
			} else {
				is = err != nil
			}
		}
		if is && !value.Going {
			files[item.Key], lost = begun-1, append(lost, item)
		}
	}
	s.lost.looked(begun, files)
	return lost, nil
}

// LostReferences looks for contents that are lost, and returns the resources that name them in any of
// their versions, sorted. It needs the right to see none of them: who gives them out asks for that.
func (g *Gate) LostReferences(ctx context.Context) (refs []string, err error) {
	s, ok := g.store.(*contents)
	if !ok || s.blobs == nil {
		return nil, nil
	}
	items, err := g.lean.Items(ctx, blob.Space, "")
	if err != nil || len(items) == 0 {
		return nil, err
	}
	there := map[string]bool{}
	for f, err := range s.blobs.Files(ctx) {
		if err != nil {
			return nil, err
		}
		there[f.Name] = true
	}
	lost, err := s.look(ctx, items, there)
	if err != nil {
		return nil, err
	}
	of := map[string][]blob.Content{} // by patient
	for _, item := range lost {
		var value blob.Named
		if err := json.Unmarshal(item.Value, &value); err != nil {
			return nil, err
		}
		of[item.Patient] = append(of[item.Patient], value.Content)
	}
	for patient, list := range of {
		some, err := s.naming(ctx, patient, list...)
		if err != nil {
			return nil, err
		}
		refs = append(refs, some...)
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

// LostFiles are the files of contents that are known to be lost.
func (g *Gate) LostFiles() []string {
	if s, ok := g.store.(*contents); ok {
		return s.lost.list()
	}
	return nil
}

// Verify is Store.Verify of a record some of whose contents were lost before, such as one from a backup:
// those are told to missing, and are no problems.
func Verify(ctx context.Context, s store.Store, lost []string, missing, report func(problem string)) (int64, error) {
	whole, ok := s.(*contents)
	if !ok {
		return s.Verify(ctx, report)
	}
	n, err := whole.Store.Verify(ctx, report)
	if err != nil {
		return n, err
	}
	return n, whole.verify(ctx, func(file, of string, err error) {
		if slices.Contains(lost, file) && fault.Is(err, fault.NotFound) {
			missing(fmt.Sprintf("The file %s, of %s", file, of))
			return
		}
		report(fmt.Sprintf("The content in the file %s, of %s, is not as it was kept: %v", file, of, err))
	})
}
