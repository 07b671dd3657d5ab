package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
)

// Beside is a record that is read while another process may serve it: for backups from
// outside. It takes no lock, and nothing is written through it. Entries of the audit log that
// the other process has not moved into the tables yet (aside.go) are not seen.
type Beside struct {
	s *Store
}

var _ store.Moving = (*Beside)(nil)

// OpenBeside opens the record in dir for reading. A database of another version of the program is
// refused: it is upgraded by those who serve it.
func OpenBeside(dir string, o Options) (*Beside, error) {
	if !o.Keyring.Valid() {
		return nil, fault.New(fault.Invalid, "The record needs a key to be opened.")
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.CacheKiB == 0 {
		o.CacheKiB = 8 << 10
	}
	path := filepath.Join(dir, "record.db")
	s := &Store{dir: dir, place: system(), clock: o.Clock, free: make(chan struct{}, 1), stop: make(chan struct{})}
	s.vfs, s.files = s.place.register(o.Keyring.Key("database"))
	if err := s.openBeside(path, o); err != nil {
		s.closed.Store(true)
		return nil, errors.Join(err, s.release())
	}
	return &Beside{s}, nil
}

// opens sees to it that there is a record that the key opens: SQLite would make one.
func (s *Store) opens(path string) error {
	f, err := s.place.open(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "There is no record in %s.", s.dir)
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file record.db cannot be opened.")
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || !opensOne(f, size, s.files) {
		return fault.Wrap(err, fault.Forbidden, "The key does not open this record, or it was written by an older program.")
	}
	return nil
}

func (s *Store) openBeside(path string, o Options) (err error) {
	if err := s.opens(path); err != nil {
		return err
	}
	if s.pack, err = packed.NewPacker(); err != nil {
		return err
	}
	s.Reader = packed.NewReader(s.pack, &s.words, o.Keyring.Key("cursor"), s.clock, s.readLearning)
	c, err := openConn(s.vfs, path, o.CacheKiB, s)
	if err != nil {
		return openFault(err)
	}
	s.opened++
	s.giveBack(c)
	// The write-ahead log is the other process's: it is not copied back when this one closes.
	if _, err := c.db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
		return plain(err)
	}
	if err := c.db.Exec("PRAGMA query_only=ON"); err != nil {
		return openFault(err)
	}
	done, err := c.known(s.place.steps)
	if err != nil {
		return openFault(err)
	}
	if done < len(s.place.steps) {
		return fault.New(fault.Unavailable, "The record was written by an older program. Start this one once to upgrade it.")
	}
	s.words.SetMaster(o.Keyring.Key("patient-keys"))
	return s.sign(c, o.Keyring)
}

// readLearning is read with the vocabulary of the moment, to which the other process adds.
func (s *Store) readLearning(ctx context.Context, f func(packed.Conn) error) error {
	return s.read(ctx, func(c packed.Conn) error {
		if err := s.words.Renew(c); err != nil { // also what was shredded there
			return err
		}
		s.words.ForgetKEKs()
		return f(c)
	})
}

// Origin implements store.Moving.
func (b *Beside) Origin() string { return b.s.origin }

// Head implements store.Moving.
func (b *Beside) Head(ctx context.Context, t store.T) ([]byte, error) {
	return b.s.Reader.Head(ctx, b.s.log(), t)
}

// Commits implements store.Moving.
func (b *Beside) Commits(ctx context.Context, after store.T, limit int) ([]store.Commit, error) {
	return b.s.Reader.Commits(ctx, after, limit)
}

// AllItems implements store.Moving.
func (b *Beside) AllItems(ctx context.Context, each func(store.Item) error) (store.T, error) {
	return b.s.Reader.AllItems(ctx, each)
}

// PersonKeys implements store.Moving.
func (b *Beside) PersonKeys(ctx context.Context, each func(store.PersonKey) error) error {
	return b.s.Reader.PersonKeys(ctx, each)
}

// KeyState tells how old the keys are; see store.Rotating.
func (b *Beside) KeyState(ctx context.Context) (store.KeyState, error) {
	return b.s.Reader.KeyState(ctx)
}

// AdoptKeys implements store.Moving: it is refused.
func (b *Beside) AdoptKeys(context.Context, []store.PersonKey) error { return onlyRead() }

// Append implements store.Moving: it is refused.
func (b *Beside) Append(context.Context, []store.Commit, store.Extract) error { return onlyRead() }

// ReplaceItems implements store.Moving: it is refused.
func (b *Beside) ReplaceItems(context.Context, iter.Seq2[store.Item, error]) error { return onlyRead() }

func onlyRead() error {
	return fault.New(fault.Unavailable, "The record is open for reading only.")
}

// Close closes the record.
func (b *Beside) Close() error {
	if b.s.closed.Swap(true) {
		return nil
	}
	return b.s.release()
}

// PublicKey implements store.Moving.
func (b *Beside) PublicKey() string { return b.s.signer.Public() }
