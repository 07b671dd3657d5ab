package bulk

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/ledger"
)

// Patient writes one patient's record as a collection Bundle: the whole compartment, and
// the practitioners, organizations and other shared resources that it names. It returns the number of resources.
func Patient(ctx context.Context, actor *record.Actor, id string, w io.Writer) (int, error) {
	if err := actor.Note(ctx, ledger.Export, id, "whole record"); err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	out.WriteString(`{"resourceType":"Bundle","type":"collection","timestamp":"` + actor.Now().Format("2006-01-02T15:04:05.000Z07:00") + `","entry":[`)
	n := 0
	written, named := map[string]bool{}, []string{}
	add := func(ref string, body []byte) {
		if n++; n > 1 {
			out.WriteString(",\n")
		}
		out.WriteString(`{"resource":`)
		out.Write(body)
		out.WriteByte('}')
		written[ref] = true
	}
	for v, err := range actor.ChartVersions(ctx, id) {
		if err != nil {
			return n, err
		}
		add(v.Type+"/"+v.ID, v.Body)
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return n, err
		}
		references(r, func(ref string) { named = append(named, ref) })
	}
	for _, ref := range named {
		t, rid, _ := strings.Cut(ref, "/")
		if written[ref] || t == "Patient" {
			continue
		}
		v, err := actor.ReadVersion(ctx, t, rid, 0)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || fault.Is(err, fault.Forbidden) {
			written[ref] = true // not there, or not for this reader
			continue
		}
		if err != nil {
			return n, err
		}
		if v.Patient == "" { // shared resources only: nobody else's data
			add(ref, v.Body)
		}
	}
	out.WriteString("]}\n")
	return n, out.Flush()
}

// All writes every resource that the actor may see as NDJSON, one file for each type in
// dir, which must be empty or absent. It returns the number of resources by type.
func All(ctx context.Context, actor *record.Actor, dir string) (map[string]int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if old, err := os.ReadDir(dir); err != nil || len(old) > 0 {
		return nil, fault.Wrap(err, fault.Conflict, "The folder %s is not empty; export into a new one.", dir)
	}
	if err := actor.Note(ctx, ledger.Export, "", "everything"); err != nil {
		return nil, err
	}
	files := map[string]*typeFile{}
	counts := map[string]int{}
	var failed error
	for v, err := range actor.All(ctx) {
		if err == nil {
			err = write(files, dir, v.Type, v.Body)
		}
		if err != nil {
			failed = err
			break
		}
		counts[v.Type]++
	}
	for _, f := range files {
		failed = errors.Join(failed, f.buffer.Flush(), f.file.Sync(), f.file.Close())
	}
	return counts, failed
}

type typeFile struct {
	file   *os.File
	buffer *bufio.Writer
}

func write(files map[string]*typeFile, dir, resourceType string, body []byte) error {
	f := files[resourceType]
	if f == nil {
		file, err := os.OpenFile(filepath.Join(dir, resourceType+".ndjson"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		f = &typeFile{file, bufio.NewWriterSize(file, 1<<16)}
		files[resourceType] = f
	}
	f.buffer.Write(body)
	return f.buffer.WriteByte('\n')
}
