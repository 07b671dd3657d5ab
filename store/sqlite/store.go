package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/disk"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlite/sealed"
	"github.com/osler-emr/osler/trust/ledger"
)

// Options says how a store is opened.
type Options struct {
	// Keyring holds the keys; see seal.OpenKeyring. Required.
	Keyring seal.Keyring
	// Clock dates commits. The system's clock when nil.
	Clock clock.Clock
	// Readers is the number of connections that read; 0 for two a processor.
	Readers int
	// Origin is the name of the audit log of the record that is to move in (store.Moving); "" for
	// a record of its own. It matters for a new store only.
	Origin string
	// CacheKiB is the page cache of each connection; 0 for 8 MiB, four times that for the
	// writer.
	CacheKiB int
}

// Store is a record in a folder. It implements store.Store.
type Store struct {
	*packed.Reader

	dir   string
	place place
	files *sealed.VFS // encrypts the database
	vfs   string      // its name
	clock clock.Clock
	lock  *os.File
	// copied is set when this start has copied the record before it changed it.
	copied bool
	pack   *packed.Packer
	words  packed.Vocabulary

	signer ledger.Key // of checkpoints
	origin string

	items   packed.ItemCache
	recent  packed.Recent
	free    chan struct{} // one for each connection that nobody reads with
	resting sync.Mutex
	readers []*conn // those; the last was used last
	opened  int     // all that read
	writer  *writer
	now     atomic.Int64 // the T of the last commit
	round   atomic.Int64 // of what reading connections see

	stop   chan struct{}
	idle   sync.WaitGroup // background work
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// Open opens the record in dir, and makes it when there is none. One process can have it
// open; a second one gets fault.Unavailable. A wrong key is fault.Forbidden.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	return openAt(ctx, dir, o, system())
}

func openAt(ctx context.Context, dir string, o Options, p place) (*Store, error) {
	if !o.Keyring.Valid() {
		return nil, fault.New(fault.Invalid, "The record needs a key to be opened.")
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Readers == 0 {
		o.Readers = 2 * runtime.NumCPU()
	}
	if o.CacheKiB == 0 {
		o.CacheKiB = 8 << 10
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The data folder cannot be made.")
	}
	s := &Store{
		dir: dir, place: p, clock: o.Clock, free: make(chan struct{}, o.Readers), stop: make(chan struct{}),
	}
	s.vfs, s.files = p.register(o.Keyring.Key("database"))
	if err := s.open(ctx, o); err != nil {
		s.release()
		return nil, err
	}
	s.idle.Add(2)
	go s.maintain()
	go s.settling()
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) (err error) {
	if s.lock, err = takeLock(s.dir); err != nil {
		return err
	}
	if s.pack, err = packed.NewPacker(); err != nil {
		return err
	}
	if err := unfinishedRollback(s.dir); err != nil {
		return err
	}
	s.Reader = packed.NewReader(s.pack, &s.words, o.Keyring.Key("cursor"), s.clock, s.read)
	path := filepath.Join(s.dir, "record.db")
	s.Lone(s.single)
	switch form, err := s.look(path); {
	case err != nil:
		return err
	case form == formForeign:
		if err := s.convert(ctx, path, o.Keyring.Key("database")); err != nil {
			return err
		}
	}
	c, err := openConn(s.vfs, path, 4*o.CacheKiB, s)
	crowded := errors.Is(err, sqlite3.FULL) || disk.Full(err)
	if crowded {
		s.place.give(s.dir) // charts are to be read although the disk is full
		c, err = openConn(s.vfs, path, 4*o.CacheKiB, s)
	}
	if err != nil {
		return openFault(err)
	}
	s.writer = newWriter(s, c)
	s.writer.tight = crowded
	s.Remember(&s.recent)
	if err := s.migrate(c); err != nil {
		return openFault(err)
	}
	if err := s.words.Load(c); err != nil {
		return err
	}
	s.words.SetMaster(o.Keyring.Key("patient-keys"))
	if err := s.giveKeys(); err != nil {
		return openFault(err)
	}
	if err := s.adopt(o.Origin); err != nil {
		return err
	}
	if err := s.sign(c, o.Keyring); err != nil {
		return err
	}
	if err := s.place.mendNotes(s.checkpointFile(), s.origin); err != nil {
		return err
	}
	if err := s.lastNotes(); err != nil {
		return err
	}
	if err := s.writer.load(); err != nil {
		return err
	}
	s.writer.aside.log = &leafLog{path: filepath.Join(s.dir, leavesFile), place: s.place, key: o.Keyring.Key("leaves"), origin: s.origin,
		synced: func() error { return syncFolder(s.dir) }}
	if err := s.writer.recover(); err != nil {
		return plain(err)
	}
	for range o.Readers {
		r, err := openConn(s.vfs, path, o.CacheKiB, s)
		if err != nil {
			return openFault(err)
		}
		if err := r.db.Exec("PRAGMA query_only=ON"); err != nil {
			r.close()
			return err
		}
		s.opened++
		s.giveBack(r)
	}
	if !crowded && disk.Full(s.place.hold(s.dir)) {
		s.writer.tight = true // what is left is for those who only look
	}
	return nil
}

// openFault says in a sentence why a database does not open.
func openFault(err error) error {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, sqlite3.NOTADB):
		return fault.New(fault.Forbidden, "The key does not open this record, or record.db is damaged.")
	}
	return plain(err)
}

// plain turns a database error into a fault without the text of the statement, in which
// there might be a key.
func plain(err error) error {
	var f *fault.Error
	var e *sqlite3.Error
	switch {
	case err == nil, errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, sqlite3.INTERRUPT):
		return fault.New(fault.Unavailable, "The request was given up before the database answered.")
	case errors.Is(err, sqlite3.FULL), disk.Full(err):
		return fault.New(fault.Unavailable, "The disk is full: nothing was stored. Make room and try again.")
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.IOERR_DATA):
		return fault.New(fault.Internal, "The file record.db is damaged. Restore a backup.")
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.READONLY):
		return fault.Wrap(err, fault.Unavailable, "The disk failed, or the files of the record cannot be opened for writing. Look at the disk and the rights of the folder.")
	case errors.As(err, &e):
		return fault.New(fault.Internal, "The database failed: %s (%d).", e.Code().Error(), e.ExtendedCode())
	}
	return err
}

func takeLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The data folder %s cannot be written.", dir)
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fault.Wrap(err, fault.Unavailable, "Another process has this record open, in the folder %s. Stop it first: one process can have a data folder open.", dir)
	}
	return f, nil
}

// sign makes the key of the audit log: its name is the store's own id.
func (s *Store) sign(c *conn, ring seal.Keyring) error {
	id := ""
	found, err := c.one("SELECT value FROM meta WHERE key = 'id'", nil, func(st packed.Row) { id = st.ColumnText(0) })
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.Internal, "The database has no id.")
	}
	s.origin = originPrefix + id
	s.signer, err = store.Signer(ring, s.origin)
	return err
}

// VerificationKey returns the public key with which the checkpoints of this store's audit
// log are verified.
func (s *Store) VerificationKey() string { return s.signer.Public() }

// read runs f on a reading connection inside one transaction.
func (s *Store) read(ctx context.Context, f func(packed.Conn) error) error {
	c, err := s.borrow(ctx)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	return plain(c.within(ctx, func() error { return f(c) }))
}

// single is read for what one statement answers: it is a transaction by itself, and what it
// looks up while it runs belongs to that.
func (s *Store) single(ctx context.Context, f func(packed.Conn) error) error {
	c, err := s.borrow(ctx)
	if err != nil {
		return err
	}
	defer s.giveBack(c)
	return plain(c.interruptible(ctx, func() error { return f(c) }))
}

// borrow takes a reading connection: the one that was used last, because it still knows the
// pages that are read all the time.
func (s *Store) borrow(ctx context.Context) (*conn, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	select {
	case <-s.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.resting.Lock()
	defer s.resting.Unlock()
	last := len(s.readers) - 1
	c := s.readers[last]
	s.readers = s.readers[:last]
	c.latest, c.epoch = s.now.Load(), s.words.Epoch() // before the round: a change that latest tells is seen
	s.abreast(c)
	return c, nil
}

// giveBack is the end of borrow.
func (s *Store) giveBack(c *conn) {
	s.resting.Lock()
	s.abreast(c)
	s.readers = append(s.readers, c)
	s.resting.Unlock()
	s.free <- struct{}{}
}

// Now implements store.Store.
func (s *Store) Now(context.Context) (store.T, error) { return store.T(s.now.Load()), nil }

// Close implements store.Store.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.stop)
	s.recent.Close()
	s.idle.Wait()
	s.writer.acquire()
	defer s.writer.free()
	<-s.writer.turn // who has it now is the last to write a leaf
	s.writer.turn <- struct{}{}
	err := s.writer.checkpoint(false)
	return errors.Join(err, s.release())
}

// release gives back what open has taken, as far as it came.
func (s *Store) release() error {
	var errs []error
	for ; s.opened > 0; s.opened-- {
		select {
		case <-s.free:
			s.resting.Lock()
			errs = append(errs, s.readers[len(s.readers)-1].close())
			s.readers = s.readers[:len(s.readers)-1]
			s.resting.Unlock()
		case <-time.After(closeWait):
			errs = append(errs, fault.New(fault.Unavailable, "A search still runs while the record is closed."))
		}
	}
	if s.writer != nil {
		if s.writer.aside.log != nil {
			errs = append(errs, s.writer.aside.log.close(len(s.writer.aside.waiting()) == 0))
		}
		if s.closed.Load() {
			_, _, err := s.writer.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
			errs = append(errs, err)
		}
		errs = append(errs, s.writer.close())
	}
	vfs.Unregister(s.vfs)
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// closeWait is how long Close waits for a running search.
const closeWait = 10 * time.Second
