// Package bulk moves many resources at once between files and the record: it imports
// bundles, single resources and NDJSON, and exports a patient or everything.
//
// An import never guesses. A resource keeps its id; when the record has another content
// under that id it is reported and left alone unless Update is set. What cannot be read is
// named by file, entry and path. A bundle is stored whole or not at all. Imports can be
// repeated: what is there already is recognised and counted as such.
package bulk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/bundle"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/record"
)

// Import reads files into the record.
type Import struct {
	Actor *record.Actor
	// Update writes a new version where the record has other content under the same id.
	Update bool
	// Journal is a file that remembers finished files by their hash, so that an interrupted
	// import goes on where it stopped; "" keeps none. It counts for the record that has gone on from there.
	Journal string
	// MaxContent is the largest content that is taken in, in bytes; 0: record.MaxContent.
	MaxContent int64
	// Verify reads everything back after it was stored and counts differences.
	Verify bool
	// Document takes in a document of another system (a file with the ending .xml), and says in the report what
	// became of it. Without it such files are refused when they are named, and left out of folders.
	Document func(ctx context.Context, body []byte, f *FileReport) error
	// Progress is told after each file; it may be nil.
	Progress func(Report)
}

// Problem is something that was not stored or not understood, and where.
type Problem struct {
	Entry string // "Bundle.entry[3]", "line 12", or ""
	Path  string // FHIRPath, or ""
	Text  string
}

// FileReport is what became of one file.
type FileReport struct {
	Name     string
	Stored   map[string]int // by resource type
	Same     int            // already in the record, equal
	Renamed  int            // given another id, as the record has another resource under theirs
	Before   bool           // finished by an earlier run, and the record has gone on from there
	Anew     bool           // finished by an earlier run of which the record may know nothing
	Problems []Problem
	// Dangling counts references to resources that are neither in the file nor in the record.
	Dangling int
	// Left is how many items of a document wait for a person.
	Left int
	// Doubts is how many items of a document are not sure, Unread what could not be read.
	Doubts int
	Unread []string

	refused bool    // whether the record refused the content of some
	large   *lifted // what was taken out of it as it was read
}

// Report is what became of all files.
type Report struct {
	Files     []FileReport
	Total     int // number of files
	Checked   int // resources read back
	Different int // of those, not equal to their source
}

// Stored returns the number of resources stored.
func (r Report) Stored() int {
	n := 0
	for _, f := range r.Files {
		for _, c := range f.Stored {
			n += c
		}
	}
	return n
}

// Problems returns the number of problems.
func (r Report) Problems() int {
	n := 0
	for _, f := range r.Files {
		n += len(f.Problems)
	}
	return n
}

// workers is how many files are read and checked at a time; the store writes one by one.
const workers = 3

// Run imports files, folders and globs. The error is for what stops the whole import;
// problems of single files are in the Report.
func (im *Import) Run(ctx context.Context, paths []string) (Report, error) {
	files, err := im.find(paths)
	if err != nil {
		return Report{}, err
	}
	finished, err := im.finished()
	if err != nil {
		return Report{}, err
	}
	report := Report{Total: len(files)}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, name := range files {
		group.Go(func() error {
			f, checked, different, err := im.file(ctx, name, finished)
			if err != nil {
				return fault.Wrap(err, fault.CodeOf(err), "The file %s was not imported.", name)
			}
			mu.Lock()
			defer mu.Unlock()
			report.Files = append(report.Files, f)
			report.Checked += checked
			report.Different += different
			if im.Progress != nil {
				im.Progress(report)
			}
			return nil
		})
	}
	err = group.Wait()
	slices.SortFunc(report.Files, func(a, b FileReport) int { return strings.Compare(a.Name, b.Name) })
	return report, err
}

// find lists the files of the paths; folders are walked, patterns expanded.
func (im *Import) find(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		matches, err := filepath.Glob(p)
		if err != nil || len(matches) == 0 {
			return nil, fault.New(fault.NotFound, "There is nothing at %s.", p)
		}
		for _, m := range matches {
			err := filepath.WalkDir(m, func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if d.Type().IsRegular() && (name == m || im.readable(name)) {
					out = append(out, name)
				}
				return nil
			})
			if err != nil {
				return nil, fault.Wrap(err, fault.NotFound, "The path %s cannot be read", p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (im *Import) readable(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".ndjson", ".jsonl":
		return true
	case ".xml":
		return im.Document != nil
	}
	return false
}

// file imports one file. Its error is for what concerns the whole import (the record
// refuses, the disk is full), not for the file's own faults.
func (im *Import) file(ctx context.Context, name string, finished map[string]string) (f FileReport, checked, different int, err error) {
	f = FileReport{Name: name, Stored: map[string]int{}}
	in, err := os.Open(name)
	if err != nil {
		f.problem("", err)
		return f, 0, 0, nil
	}
	defer in.Close()
	sum, err := hashOf(in)
	if err != nil {
		f.problem("", fault.Wrap(err, fault.Malformed, "The file cannot be read to its end"))
		return f, 0, 0, nil
	}
	if mark, ok := finished[sum]; ok && !im.Verify {
		if f.Before, err = im.Actor.Holds(ctx, mark); f.Before || err != nil {
			return f, 0, 0, err
		}
		f.Anew = true
	}
	var sources []*fhir.Node
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".ndjson" || ext == ".jsonl" {
		sources, err = im.lines(ctx, in, &f)
	} else if ext == ".xml" {
		err = im.takeIn(ctx, in, &f)
	} else {
		sources, err = im.document(ctx, in, &f)
	}
	if err != nil {
		return f, 0, 0, err
	}
	if im.Verify {
		checked, different, err = im.verify(ctx, sources, &f)
		if err != nil {
			return f, checked, different, err
		}
	}
	if len(f.Problems) == 0 {
		err = im.remember(ctx, sum)
	}
	return f, checked, different, err
}

func hashOf(in *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return "", err
	}
	_, err := in.Seek(0, io.SeekStart)
	return hex.EncodeToString(h.Sum(nil)), err
}

// problem adds what an error says; each finding of a fault is one line.
func (f *FileReport) problem(entry string, err error) {
	var e *fault.Error
	switch {
	case errors.As(err, &e) && len(e.Issues) > 0:
		for _, i := range e.Issues {
			if i.Severity == "error" || i.Severity == "fatal" {
				f.Problems = append(f.Problems, Problem{entry, i.Expression, i.Text})
			}
		}
	case errors.As(err, &e):
		f.Problems = append(f.Problems, Problem{entry, e.Path, e.Message})
	default:
		f.Problems = append(f.Problems, Problem{Entry: entry, Text: err.Error()})
	}
}

// byteOrderMark is what some Windows programs put before a file's first line.
var byteOrderMark = []byte("\xef\xbb\xbf")

// takeIn takes in a document of another system.
func (im *Import) takeIn(ctx context.Context, in io.Reader, f *FileReport) error {
	if im.Document == nil {
		f.problem("", fault.New(fault.NotSupported, "XML is not imported here."))
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(in, fhir.MaxBytes+1))
	if err == nil && len(body) > fhir.MaxBytes {
		err = fault.New(fault.TooLarge, "The document is larger than %d MB.", fhir.MaxBytes>>20)
	}
	if err == nil {
		err = im.Document(ctx, body, f)
	}
	if err != nil {
		if c := fault.CodeOf(err); c == fault.Internal || c == fault.Unavailable {
			return err
		}
		f.problem("", err)
	}
	return nil
}

// document imports a JSON file: a bundle or one resource.
func (im *Import) document(ctx context.Context, in io.Reader, f *FileReport) ([]*fhir.Node, error) {
	f.large = im.lifting(ctx)
	body, err := io.ReadAll(io.LimitReader(f.large.reader(in), fhir.MaxBytes+1))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		f.problem("", err)
		return nil, nil
	}
	n, err := fhir.Parse(bytes.TrimPrefix(body, byteOrderMark))
	if err != nil {
		f.problem("", err)
		return nil, nil
	}
	if n.ResourceType() != "Bundle" {
		if !definition.IsResource(n.ResourceType()) {
			f.problem("", fault.New(fault.Malformed, "The file is JSON, but not a FHIR resource: it has no resourceType that R4 knows."))
			return nil, nil
		}
		if n.ID() == "" {
			n.SetID(f.large.derived(n))
		}
		return im.whole(ctx, []*fhir.Node{n}, f, func(int) string { return "" })
	}
	resources, entries, err := open(n, f.large)
	if err != nil {
		f.problem("", err)
		return nil, nil
	}
	return im.whole(ctx, resources, f, func(i int) string { return entries[i] })
}

// whole stores the resources of one file.
func (im *Import) whole(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	stored, err := im.store(ctx, resources, f, entry)
	if err == nil {
		err = f.large.drop(resources)
	}
	return stored, err
}

// open returns the resources of a bundle, with ids and with references between them.
func open(n *fhir.Node, large *lifted) (resources []*fhir.Node, entries []string, err error) {
	b, err := bundle.Read(n)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range b.Entries {
		if e.Method == "DELETE" || e.Method == "GET" || e.Method == "HEAD" || e.Method == "PATCH" {
			return nil, nil, fault.New(fault.NotSupported, "The entry asks for %s; an import only adds resources.", e.Method).At(e.Path())
		}
		if e.Resource == nil {
			continue
		}
		if !definition.IsResource(e.Resource.ResourceType()) {
			return nil, nil, fault.New(fault.Malformed, "%q is not a resource type of FHIR R4.", e.Resource.ResourceType()).At(e.Path() + ".resource.resourceType")
		}
		e.Type, e.ID = e.Resource.ResourceType(), idOf(e, large)
		e.Resource.SetID(e.ID)
	}
	if err := b.Assign(nil); err != nil {
		return nil, nil, err
	}
	b.Rewrite()
	for _, e := range b.Entries {
		if e.Resource != nil {
			resources, entries = append(resources, e.Resource), append(entries, e.Path())
		}
	}
	return resources, entries, nil
}

// idOf gives a bundle's resource its id: its own, else that of a urn:uuid fullUrl, so that
// a second import of the file finds the first; else one derived from the content.
func idOf(e *bundle.Entry, large *lifted) string {
	if id := e.Resource.ID(); id != "" {
		return id
	}
	if id, ok := strings.CutPrefix(e.FullURL, "urn:uuid:"); ok && len(id) == 36 {
		return id
	}
	return large.derived(e.Resource)
}

// Lines imports NDJSON that comes from somewhere else than a file, such as a download. What
// is there already is recognised, so that it can be repeated after it broke off. tell, which
// may be nil, is told after each part that was stored. The error is for what stops the
// import; the report holds then what was done before.
func (im *Import) Lines(ctx context.Context, name string, in io.Reader, tell func(FileReport)) (FileReport, error) {
	f := FileReport{Name: name, Stored: map[string]int{}}
	_, err := im.linesTold(ctx, in, &f, tell)
	return f, err
}

// chunk is the number of NDJSON lines stored together, chunkBytes about how many bytes of them.
const (
	chunk      = 500
	chunkBytes = 16 << 20
)

// lines imports an NDJSON file: each line stands for itself.
func (im *Import) lines(ctx context.Context, in io.Reader, f *FileReport) ([]*fhir.Node, error) {
	return im.linesTold(ctx, in, f, nil)
}

func (im *Import) linesTold(ctx context.Context, in io.Reader, f *FileReport, tell func(FileReport)) ([]*fhir.Node, error) {
	var all, batch []*fhir.Node
	var numbers []int
	size := 0
	f.large = im.lifting(ctx)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		stored, err := im.each(ctx, batch, f, func(i int) string { return fmt.Sprintf("line %d", numbers[i]) })
		if im.Verify {
			all = append(all, stored...)
		}
		if err == nil {
			err = f.large.drop(batch)
		}
		batch, numbers, size = batch[:0:0], numbers[:0:0], 0
		if tell != nil && err == nil {
			tell(*f)
		}
		return err
	}
	scan := bufio.NewScanner(f.large.reader(in))
	scan.Buffer(make([]byte, 1<<20), fhir.MaxBytes)
	for n := 1; scan.Scan() && ctx.Err() == nil; n++ { // the last line may be cut off
		line := bytes.TrimSpace(bytes.TrimPrefix(scan.Bytes(), byteOrderMark))
		if len(line) == 0 {
			continue
		}
		r, err := fhir.Parse(line)
		if err == nil && !definition.IsResource(r.ResourceType()) {
			err = fault.New(fault.Malformed, "The line is JSON, but not a FHIR resource.")
		}
		if err != nil {
			f.problem(fmt.Sprintf("line %d", n), err)
			continue
		}
		if r.ID() == "" {
			r.SetID(f.large.derived(r))
		}
		batch, numbers, size = append(batch, r), append(numbers, n), size+len(line)
		if len(batch) >= chunk || size >= chunkBytes {
			if err := flush(); err != nil {
				return all, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return all, err
	}
	if err := scan.Err(); err != nil {
		f.problem("", fault.Wrap(err, fault.Malformed, "The file cannot be read to its end"))
	}
	return all, flush()
}
