// Package lossy is a disk for tests that forgets what a real disk may forget.
//
// A Disk keeps files in memory, and is a vfs.VFS for SQLite and a small file system for what
// lies beside the database. What is written stays pending until the file is synced. Crash
// cuts the power: each pending change is kept, dropped or torn at the boundary of a sector,
// independently of the others, so that the order of writes between two syncs is not kept
// either. A file that was made is pending until it is synced itself, a removal until its
// folder is.
//
//	d := lossy.New(seed, filepath.Join(t.TempDir(), "shm"))
//	d.CrashAt(120) // the power goes with the 120th operation that changes something
//	… open a store on d, work with it until everything fails …
//	d.Boot()       // what the disk has kept
//	… open the store again …
//
// Fault lets single operations fail: with an error and nothing done (EIO, no space), half
// done, or, for a sync, with what was pending thrown away, as Linux does. Rot flips bits in
// what is durable. Every choice comes from the seed.
//
// Only tests import it.
package lossy

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"sync"
)

// Kind is what an operation does.
type Kind string

// The operations that change something; they are counted from 1.
const (
	Create   Kind = "create"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	Remove   Kind = "remove"
)

// Op is an operation that is about to happen.
type Op struct {
	N    int64  // its number
	File string // the file's name without its folder
	Kind Kind
	Off  int64
	Len  int
}

// Outcome is what happens to an operation. The zero Outcome lets it succeed.
type Outcome struct {
	// Err is returned.
	Err error
	// Half does the first half of a write all the same, to the end of a sector: a short write.
	Half bool
	// Forget drops what is pending of the file, as Linux does after a failed sync: the next
	// one succeeds without it.
	Forget bool
}

// ErrPower is the error of everything after a power loss.
var ErrPower = errors.New("the power is off")

// Disk is a folder of files. It is safe for concurrent use.
type Disk struct {
	// Fault decides about an operation; nil lets all succeed. It is set before the disk is
	// used, and called with the disk locked.
	Fault func(Op) Outcome
	// ReadOnly refuses every change, as a file system that was remounted after an error.
	ReadOnly bool

	mu      sync.Mutex
	rng     *rand.Rand
	shm     string // where the shared memory of SQLite lies, one name for each boot
	boot    int
	n       int64
	crashAt int64
	off     bool
	files   map[string]*node // as programs see them
	durable map[string]*node // as the folder stands on the disk
	removed []removal
	trace   uint64
}

type removal struct {
	name string
	node *node
}

type node struct {
	live, durable []byte
	pending       []change
	synced        bool // the folder knows the file
	locks         locks
}

type change struct {
	off  int64
	data []byte // nil: the size becomes off
}

// New returns an empty disk. shm is the beginning of a path on a real disk for the shared
// memory of SQLite.
func New(seed uint64, shm string) *Disk {
	return &Disk{rng: rand.New(rand.NewPCG(seed, 4)), shm: shm, files: map[string]*node{}, durable: map[string]*node{}}
}

// CrashAt cuts the power at the n-th operation from now: it does not happen any more, or
// only in part. 0 never.
func (d *Disk) CrashAt(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashAt = 0; n > 0 {
		d.crashAt = d.n + n
	}
}

// Ops returns how many operations there were.
func (d *Disk) Ops() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// Trace is a number that two runs share when their operations were the same.
func (d *Disk) Trace() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.trace
}

// Off reports whether the power is off.
func (d *Disk) Off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Boot cuts the power, if it is still on, and switches it on again. Files that were open stay
// dead.
func (d *Disk) Boot() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.boot++
	d.off, d.crashAt = false, 0
	for _, r := range d.removed {
		if d.rng.IntN(2) == 0 { // the removal had not reached the folder
			if _, taken := d.durable[r.name]; !taken {
				d.durable[r.name] = r.node
			}
		}
	}
	d.removed = nil
	for _, name := range sortedNames(d.files) {
		n := d.files[name]
		if !n.synced && d.durable[name] == nil && d.rng.IntN(2) == 0 {
			d.durable[name] = n // the folder was written back all the same
		}
	}
	d.files = map[string]*node{}
	for _, name := range sortedNames(d.durable) {
		n := d.durable[name]
		d.survive(n)
		d.files[name] = &node{live: slices.Clone(n.durable), durable: n.durable, synced: true}
		d.durable[name] = d.files[name]
	}
}

func sortedNames(m map[string]*node) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// survive decides about every pending change of a file.
func (d *Disk) survive(n *node) {
	sector := int64(512)
	if d.rng.IntN(2) == 0 {
		sector = 4096
	}
	for _, c := range n.pending {
		switch fate := d.rng.IntN(10); {
		case fate < 4: // dropped
		case fate < 8 || c.data == nil:
			n.durable = apply(n.durable, c)
		default: // torn: each sector is written or not
			for at := c.off; at < c.off+int64(len(c.data)); {
				end := min((at/sector+1)*sector, c.off+int64(len(c.data)))
				if d.rng.IntN(2) == 0 {
					n.durable = apply(n.durable, change{at, c.data[at-c.off : end-c.off]})
				}
				at = end
			}
		}
	}
	n.pending = nil
}

func apply(b []byte, c change) []byte {
	if c.data == nil {
		if c.off <= int64(len(b)) {
			return b[:c.off]
		}
		return append(b, make([]byte, c.off-int64(len(b)))...)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.off:], c.data)
	return b
}

// Rot flips a bit of a file that nobody has open, and tells which; ok is false when the file
// is empty or missing.
func (d *Disk) Rot(name string) (at int64, bit int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.files[name]
	if n == nil || len(n.live) == 0 {
		return 0, 0, false
	}
	at, bit = d.rng.Int64N(int64(len(n.live))), d.rng.IntN(8)
	n.durable = slices.Clone(n.live)
	n.durable[at] ^= 1 << bit
	n.live = slices.Clone(n.durable)
	return at, bit, true
}

// Bytes returns a copy of a file; nil when there is none.
func (d *Disk) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.files[name]; n != nil {
		return slices.Clone(n.live)
	}
	return nil
}

// Names returns the names of the files.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return sortedNames(d.files)
}

// Copy returns a disk with the same files, all durable, and a seed of its own.
func (d *Disk) Copy(seed uint64, shm string) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New(seed, shm)
	for name, n := range d.files {
		c.files[name] = &node{live: slices.Clone(n.live), durable: slices.Clone(n.live), synced: true}
		c.durable[name] = c.files[name]
	}
	return c
}

// step counts an operation and asks what becomes of it. The disk is locked.
func (d *Disk) step(name string, kind Kind, off int64, length int) Outcome {
	if d.off {
		return Outcome{Err: ErrPower}
	}
	if d.ReadOnly {
		return Outcome{Err: fs.ErrPermission}
	}
	d.n++
	for _, part := range [...]uint64{uint64(len(name)), uint64(len(kind)), uint64(off), uint64(length)} {
		d.trace = (d.trace ^ part) * 1099511628211
	}
	if d.n == d.crashAt {
		d.off = true
		return Outcome{Err: ErrPower, Half: d.rng.IntN(2) == 0}
	}
	if d.Fault == nil {
		return Outcome{}
	}
	return d.Fault(Op{N: d.n, File: name, Kind: kind, Off: off, Len: length})
}

// OpenFile opens a file beside the database.
func (d *Disk) OpenFile(path string, create bool) (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if d.off {
		return nil, ErrPower
	}
	n := d.files[name]
	if n == nil {
		if !create {
			return nil, fs.ErrNotExist
		}
		if o := d.step(name, Create, 0, 0); o.Err != nil {
			return nil, o.Err
		}
		n = &node{}
		d.files[name] = n
	}
	return &File{disk: d, node: n, name: name, boot: d.boot}, nil
}

// remove takes a file out of the folder.
func (d *Disk) remove(path string, durable bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	n := d.files[name]
	if n == nil {
		return fs.ErrNotExist
	}
	if o := d.step(name, Remove, 0, 0); o.Err != nil {
		return o.Err
	}
	delete(d.files, name)
	if d.durable[name] == n {
		delete(d.durable, name)
		if !durable {
			d.removed = append(d.removed, removal{name, n})
		}
	}
	return nil
}

// File is an open file.
type File struct {
	disk *Disk
	node *node
	name string
	boot int
}

// enter locks the disk; the error is that of a file that was open when the power went.
func (f *File) enter() error {
	f.disk.mu.Lock()
	if f.disk.off || f.boot != f.disk.boot {
		return ErrPower
	}
	return nil
}

// ReadAt implements io.ReaderAt. Pending writes are seen.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	err := f.enter()
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= int64(len(f.node.live)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.live[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	err := f.enter()
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	o := f.disk.step(f.name, Write, off, len(p))
	done := len(p)
	if o.Err != nil {
		if done = 0; o.Half { // a sector is written or not
			done = int(max((off+int64(len(p))/2)/512*512-off, 0))
		}
	}
	if done > 0 {
		c := change{off, slices.Clone(p[:done])}
		f.node.live = apply(f.node.live, c)
		f.node.pending = append(f.node.pending, c)
	}
	return done, o.Err
}

// Truncate sets the size.
func (f *File) Truncate(size int64) error {
	err := f.enter()
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	if o := f.disk.step(f.name, Truncate, size, 0); o.Err != nil {
		return o.Err
	}
	c := change{off: size}
	f.node.live = apply(f.node.live, c)
	f.node.pending = append(f.node.pending, c)
	return nil
}

// Sync makes what was written durable, and the file's name with it.
func (f *File) Sync() error {
	err := f.enter()
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	o := f.disk.step(f.name, Sync, 0, 0)
	if o.Err != nil {
		if o.Forget {
			f.node.pending = nil // the page cache goes on showing it
		}
		return o.Err
	}
	for _, c := range f.node.pending {
		f.node.durable = apply(f.node.durable, c)
	}
	f.node.pending = nil
	if f.disk.files[f.name] == f.node {
		f.node.synced = true
		f.disk.durable[f.name] = f.node
		f.disk.removed = slices.DeleteFunc(f.disk.removed, func(r removal) bool { return r.name == f.name })
	}
	return nil
}

// Size returns the size.
func (f *File) Size() (int64, error) {
	err := f.enter()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.live)), err
}

// Close implements io.Closer.
func (f *File) Close() error { return nil }
