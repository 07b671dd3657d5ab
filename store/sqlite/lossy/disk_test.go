package lossy_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/osler-emr/osler/store/sqlite/lossy"
)

func open(t *testing.T, d *lossy.Disk, name string) *lossy.File {
	t.Helper()
	f, err := d.OpenFile(name, true)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, f *lossy.File, text []byte, off int64) {
	t.Helper()
	if _, err := f.WriteAt(text, off); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsSyncedStays: what was synced is there after every crash; what was not is there
// sometimes, sometimes not, and sometimes in part, in whole sectors.
func TestWhatIsSyncedStays(t *testing.T) {
	kept, dropped, torn, forgotten := 0, 0, 0, 0
	for seed := range uint64(200) {
		d := lossy.New(seed, "")
		f := open(t, d, "a")
		write(t, f, bytes.Repeat([]byte("s"), 8192), 0)
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		write(t, f, bytes.Repeat([]byte("u"), 8192), 0)
		open(t, d, "never synced")
		if got := d.Bytes("a"); got[0] != 'u' {
			t.Fatal("what is pending is not seen")
		}
		d.Boot()
		if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, lossy.ErrPower) {
			t.Errorf("a file that was open reads on: %v", err)
		}
		if !slices.Contains(d.Names(), "never synced") {
			forgotten++
		}
		got := d.Bytes("a")
		if len(got) != 8192 {
			t.Fatalf("%d bytes", len(got))
		}
		for at := 0; at < len(got); at += 512 {
			if n := bytes.Count(got[at:at+512], got[at:at+1]); n != 512 {
				t.Fatal("a sector is torn")
			}
		}
		switch n := bytes.Count(got, []byte("u")); n {
		case 0:
			dropped++
		case 8192:
			kept++
		default:
			torn++
		}
	}
	if kept < 20 || dropped < 20 || torn < 10 || forgotten < 20 || forgotten > 180 {
		t.Errorf("kept %d, dropped %d, torn %d, forgotten %d", kept, dropped, torn, forgotten)
	}
}

// TestFaults: an operation fails as it was told, once; a sync that forgets says at the next
// that all is well, and the disk does not have it.
func TestFaults(t *testing.T) {
	d := lossy.New(1, "")
	d.Fault = func(op lossy.Op) lossy.Outcome {
		switch {
		case op.N == 2:
			return lossy.Outcome{Err: syscall.ENOSPC, Half: true}
		case op.N == 4:
			return lossy.Outcome{Err: syscall.EIO, Forget: true}
		}
		return lossy.Outcome{}
	}
	f := open(t, d, "a")
	if n, err := f.WriteAt(make([]byte, 4096), 0); n != 2048 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a short write: %d %v", n, err)
	}
	write(t, f, []byte("lost"), 0)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("the failing sync: %v", err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if got := d.Bytes("a"); !bytes.HasPrefix(got, []byte("lost")) {
		t.Error("the cache does not show it")
	}
	d.Boot()
	if got := d.Bytes("a"); len(got) != 0 {
		t.Errorf("the disk has %q", got)
	}
	if err := d.Delete("a", true); err != nil {
		t.Fatal(err)
	}
	d.Boot()
	if _, err := d.OpenFile("a", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a removed file: %v", err)
	}
}

// TestPowerGoesAtTheOperation and everything fails from then on.
func TestPowerGoesAtTheOperation(t *testing.T) {
	d := lossy.New(1, "")
	d.CrashAt(3)
	f := open(t, d, "a")
	write(t, f, []byte("x"), 0)
	if err := f.Sync(); !errors.Is(err, lossy.ErrPower) || !d.Off() {
		t.Errorf("the third operation: %v", err)
	}
	if _, err := d.OpenFile("b", true); !errors.Is(err, lossy.ErrPower) {
		t.Errorf("without power: %v", err)
	}
}

func TestRotTurnsOneBit(t *testing.T) {
	d := lossy.New(1, "")
	f := open(t, d, "a")
	write(t, f, make([]byte, 1000), 0)
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	c := d.Copy(2, "")
	at, bit, ok := c.Rot("a")
	got := c.Bytes("a")
	if !ok || got[at] != 1<<bit || bytes.Count(got, []byte{0}) != 999 || bytes.Count(d.Bytes("a"), []byte{0}) != 1000 {
		t.Errorf("bit %d of byte %d, %v", bit, at, ok)
	}
}
