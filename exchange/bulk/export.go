package bulk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/ledger"
)

// Lost is told of each resource that misses data whose file is lost (record.Lacks), with the names of its
// files. The resource is written without the data then, and an OperationOutcome at the end names it. A
// nil Lost ends an export at the first of them: half a record must not look whole.
type Lost func(reference string, files []string)

// LostError ends an export at lost data.
type LostError struct{ error }

// Unwrap returns the fault.
func (e LostError) Unwrap() error { return e.error }

// lacking notes the resources that miss data.
type lacking struct {
	Lost
	issues *fhir.Node
}

// meets returns what is written of a resource, and an error where the export ends. What goes on past
// lost data looks for it before it writes.
func (l *lacking) meets(ctx context.Context, v record.Streamed) (_ record.Streamed, err error) {
	ref := v.Type + "/" + v.ID
	if l.Lost != nil {
		if v, err = v.Verified(ctx); err != nil {
			return v, err
		}
	}
	if !record.Lacks(v.Body) {
		return v, nil
	}
	files := record.LostFiles(v.Body)
	why := record.LostData(ref, files...)
	if l.Lost == nil {
		return v, LostError{why}
	}
	l.Lost(ref, files)
	if l.issues == nil {
		l.issues = fhir.Arr()
	}
	l.issues.Append(fhir.Obj("severity", "error", "code", "incomplete", "diagnostics", why.Error(), "expression", fhir.Arr(ref)))
	return v, nil
}

// lostNow makes a LostError of data that turned out to be lost while it was written.
func lostNow(err error) error {
	if record.IsLostData(err) {
		return LostError{err}
	}
	return err
}

// outcome tells what is missing; nil when nothing is.
func (l *lacking) outcome() *fhir.Node {
	if l.issues == nil {
		return nil
	}
	r := fhir.New("OperationOutcome")
	r.Set("issue", l.issues)
	return r
}

// Patient writes one patient's record as a collection Bundle: the whole compartment, and
// the practitioners, organizations and other shared resources that it names. It returns the number
// of resources. What is about the use of substances goes with the notice that the law asks for
// (42 CFR 2.32(a)(2)), as the last entry. Neither the record nor a content is ever in memory as a whole.
func Patient(ctx context.Context, actor *record.Actor, id string, w io.Writer, lost Lost) (int, error) {
	if err := actor.Note(ctx, ledger.Export, id, "whole record"); err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(`{"resourceType":"Bundle","type":"collection","timestamp":"` + actor.Now().Format("2006-01-02T15:04:05.000Z07:00") + `","entry":[`)
	n := 0
	written, named, protected := map[string]bool{}, []string{}, false
	missing := lacking{Lost: lost}
	entry := func(body io.Reader) error {
		if n++; n > 1 {
			out.WriteString(",\n")
		}
		out.WriteString(`{"resource":`)
		_, err := io.Copy(out, body)
		out.WriteByte('}')
		return err
	}
	add := func(v record.Streamed) error {
		v, err := missing.meets(ctx, v)
		if err != nil {
			return err
		}
		written[v.Type+"/"+v.ID] = true
		body := v.Open(ctx)
		return lostNow(errors.Join(entry(body), body.Close()))
	}
	for v, err := range actor.ChartStreamed(ctx, id) {
		if err != nil {
			return n, err
		}
		if err := add(v); err != nil {
			return n, err
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return n, err
		}
		protected = protected || label.Substances(r)
		references(r, func(ref string) {
			if _, known := written[ref]; !known {
				written[ref] = false
				named = append(named, ref)
			}
		})
	}
	for _, ref := range named {
		t, rid, _ := strings.Cut(ref, "/")
		if written[ref] || t == "Patient" {
			continue
		}
		v, err := actor.ReadStreamed(ctx, t, rid)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || fault.Is(err, fault.Forbidden) {
			written[ref] = true // not there, or not for this reader
			continue
		}
		if err != nil {
			return n, err
		}
		if v.Patient == "" { // shared resources only: nobody else's data
			if err := add(v); err != nil {
				return n, err
			}
		}
	}
	if protected {
		if err := entry(bytes.NewReader(notice().JSON())); err != nil {
			return n, err
		}
	}
	if o := missing.outcome(); o != nil {
		if err := entry(bytes.NewReader(o.JSON())); err != nil {
			return n, err
		}
	}
	out.WriteString("]}\n")
	return n, out.Flush()
}

// Redisclosure is the notice that goes with records about the use of substances.
const Redisclosure = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."

// notice is Redisclosure as a resource.
func notice() *fhir.Node {
	r := fhir.New("OperationOutcome")
	r.Set("issue", fhir.Arr(fhir.Obj("severity", "information", "code", "informational", "diagnostics", Redisclosure)))
	return r
}

// All writes every resource that the actor may see as NDJSON, one file for each type in
// dir, which must be empty or absent. It returns the number of resources by type.
func All(ctx context.Context, actor *record.Actor, dir string, lost Lost) (map[string]int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The folder %s cannot be made.", dir)
	}
	if old, err := os.ReadDir(dir); err != nil || len(old) > 0 {
		return nil, fault.Wrap(err, fault.Conflict, "The folder %s is not empty; export into a new one.", dir)
	}
	if err := actor.Note(ctx, ledger.Export, "", "everything"); err != nil {
		return nil, err
	}
	files := map[string]*typeFile{}
	counts := map[string]int{}
	missing := lacking{Lost: lost}
	var failed error
	for v, err := range actor.All(ctx) {
		if err == nil {
			v, err = missing.meets(ctx, v)
		}
		if err == nil {
			body := v.Open(ctx)
			err = lostNow(unwritten(errors.Join(write(files, dir, v.Type, body), body.Close())))
		}
		if err != nil {
			failed = err
			break
		}
		counts[v.Type]++
	}
	if o := missing.outcome(); o != nil && failed == nil {
		failed = unwritten(write(files, dir, "OperationOutcome", bytes.NewReader(o.JSON())))
	}
	for _, f := range files {
		if err := errors.Join(f.buffer.Flush(), f.file.Sync(), f.file.Close()); err != nil && failed == nil {
			failed = unwritten(err)
		}
	}
	return counts, failed
}

// unwritten says why a file of an export could not be written; another error stays as it is.
func unwritten(err error) error {
	var path *os.PathError
	if !errors.As(err, &path) {
		return err
	}
	if disk.Full(err) {
		return fault.Wrap(path.Err, fault.Unavailable, "The file %s of the export could not be written. Is the disk full?", path.Path)
	}
	return fault.Wrap(path.Err, fault.Unavailable, "The file %s of the export could not be written: %v.", path.Path, path.Err)
}

type typeFile struct {
	file   *os.File
	buffer *bufio.Writer
}

func write(files map[string]*typeFile, dir, resourceType string, body io.Reader) error {
	f := files[resourceType]
	if f == nil {
		file, err := os.OpenFile(filepath.Join(dir, resourceType+".ndjson"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		f = &typeFile{file, bufio.NewWriterSize(file, 1<<16)}
		files[resourceType] = f
	}
	if _, err := io.Copy(f.buffer, body); err != nil {
		return err
	}
	return f.buffer.WriteByte('\n')
}
