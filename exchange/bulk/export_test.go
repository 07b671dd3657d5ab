package bulk

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// TestAnExportSaysWhyItIsUnwritten: only a disk or a quota that is full is told as that.
func TestAnExportSaysWhyItIsUnwritten(t *testing.T) {
	for _, c := range []struct {
		cause error
		says  string
		full  bool
	}{
		{syscall.ENOSPC, "Patient.ndjson", true},
		{syscall.EDQUOT, "Patient.ndjson", true},
		{syscall.EACCES, "permission denied", false},
		{syscall.EIO, "input/output error", false},
	} {
		err := unwritten(errors.Join(&os.PathError{Op: "write", Path: "out/Patient.ndjson", Err: c.cause}))
		if !fault.Is(err, fault.Unavailable) || !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "disk full") != c.full {
			t.Errorf("%v: %v", c.cause, err)
		}
	}
	other := errors.New("the record cannot be read")
	if unwritten(other) != other || unwritten(nil) != nil {
		t.Error("what has nothing to do with a file of the export")
	}
	files := map[string]*typeFile{}
	if err := unwritten(write(files, t.TempDir()+"/missing", "Patient", strings.NewReader(""))); err == nil || !strings.Contains(err.Error(), "no such file") || strings.Contains(err.Error(), "disk full") {
		t.Errorf("a folder that went away: %v", err)
	}
}
