package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	if have := Free(dir); have <= 0 {
		t.Errorf("%d bytes are free in a folder of which the disk is known", have)
	}
	if have := Free(filepath.Join(dir, "nowhere")); have != -1 {
		t.Errorf("%d bytes are free in a folder that is not there", have)
	}
	for _, full := range noRoom {
		if !Full(&os.PathError{Op: "write", Path: "x", Err: full}) {
			t.Errorf("%v is room", full)
		}
	}
	if Full(fmt.Errorf("the cable: %w", os.ErrPermission)) || Full(nil) {
		t.Error("another error is taken for a full disk")
	}
}
