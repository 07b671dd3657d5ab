package sqlite

import (
	"context"
	"fmt"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
	"github.com/osler-emr/osler/store/sqlite/sealed"
)

// conn is one connection with its prepared statements. It serves one goroutine at a time.
type conn struct {
	db    *sqlite3.Conn
	stmts map[string]*sqlite3.Stmt

	latest int64 // the last T when this transaction began: its leaf may not be in the tables yet
	newest int64 // the number of the newest word that this transaction sees; 0 when it is not known
	held   bool  // inside of within, whose state has the T last
	state  state
	epoch  int   // of the vocabulary then; -1 for the writer, which reads what is not committed
	reads  int   // resources read for their words in this transaction
	failed error // why a function has stopped its statement
}

// maxStatements bounds the prepared statements of a connection; searches come in many
// shapes.
const maxStatements = 400

func openConn(vfs, path string, cacheKiB int, s *Store) (*conn, error) {
	db, err := sqlite3.OpenFlags("file:"+uriPath(path)+"?vfs="+vfs, sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, stmts: map[string]*sqlite3.Stmt{}, epoch: -1}
	if _, err := db.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true); err != nil { // else bound values make it plan anew each time
		c.close()
		return nil, err
	}
	if _, err := db.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, sealed.Reserve); err != nil {
		c.close()
		return nil, err
	}
	// EXTRA is FULL for the write-ahead log. When the database is made, it also syncs the folder
	// after the rollback journal was removed: a journal that comes back after a power loss would
	// empty the database.
	err = db.Exec(fmt.Sprintf(`
PRAGMA busy_timeout=20000;
PRAGMA temp_store=MEMORY;
PRAGMA secure_delete=ON;
PRAGMA synchronous=EXTRA;
PRAGMA journal_mode=WAL;
PRAGMA wal_autocheckpoint=0;
PRAGMA foreign_keys=OFF;
PRAGMA trusted_schema=OFF;
PRAGMA cache_size=-%d;`, cacheKiB))
	if err != nil {
		c.close()
		return nil, err
	}
	if err := c.functions(s); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// announce has the connection that writes tell what its transactions do to rows of resources, and to what is
// read: all of them pass here, also those that seal rows anew or destroy them.
func (w *writer) announce() {
	var rids []int64
	w.db.UpdateHook(func(_ sqlite3.AuthorizerActionCode, _, table string, rid int64) {
		if table == "resource" {
			rids = append(rids, rid)
		}
	})
	w.db.CommitHook(func() bool {
		if !w.moves {
			w.store.changing()
		}
		if len(rids) > 0 {
			w.store.recent.Changing(rids)
			rids = nil
		}
		return true
	})
	over := func() {
		w.store.recent.Changed()
		if !w.moves {
			w.store.changed()
		}
	}
	w.db.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		over()
		w.pages.Store(int64(pages))
		return nil
	})
	w.db.RollbackHook(func() { rids = nil; over() })
}

// uriPath escapes what has a meaning in a SQLite URI.
func uriPath(path string) string {
	var b []byte
	for i := range len(path) {
		switch c := path[i]; c {
		case '%', '?', '#':
			b = fmt.Appendf(b, "%%%02x", c)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func (c *conn) close() error {
	c.end()
	c.forget()
	return c.db.Close()
}

func (c *conn) forget() {
	for _, s := range c.stmts {
		s.Close()
	}
	clear(c.stmts)
}

// prepare returns the cached statement for a text, with the arguments bound.
func (c *conn) prepare(text string, args []any) (*sqlite3.Stmt, error) {
	s := c.stmts[text]
	if s == nil {
		if len(c.stmts) >= maxStatements {
			c.evict()
		}
		var err error
		if s, _, err = c.db.Prepare(text); err != nil {
			return nil, err
		}
		c.stmts[text] = s
	}
	for i, a := range args {
		if err := bind(s, i+1, a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// evict closes statements that are not running.
func (c *conn) evict() {
	for text, s := range c.stmts {
		if !s.Busy() {
			s.Close()
			delete(c.stmts, text)
		}
	}
}

func bind(s *sqlite3.Stmt, i int, a any) error {
	switch v := a.(type) {
	case nil:
		return s.BindNull(i)
	case int:
		return s.BindInt64(i, int64(v))
	case int64:
		return s.BindInt64(i, v)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) { // REAL columns hold infinities, but NaN is NULL
			if math.IsNaN(v) {
				return s.BindNull(i)
			}
		}
		return s.BindFloat(i, v)
	case string:
		return s.BindText(i, v)
	case []byte:
		if v == nil {
			v = []byte{}
		}
		return s.BindBlob(i, v)
	case bool:
		return s.BindBool(i, v)
	}
	return fault.New(fault.Internal, "A value of type %T cannot be bound.", a)
}

// exec runs a statement that returns no rows.
func (c *conn) exec(text string, args ...any) error {
	s, err := c.prepare(text, args)
	if err != nil {
		return err
	}
	return s.Exec()
}

// query calls row for each row until it returns false or an error.
func (c *conn) Query(text string, args []any, row func(s packed.Row) (bool, error)) error {
	s, err := c.prepare(text, args)
	if err != nil {
		return err
	}
	if s.Busy() {
		return fault.New(fault.Internal, "A statement runs inside itself.")
	}
	defer s.Reset() // also when row panics
	for s.Step() {
		more, err := row(s)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	err = s.Err()
	if err != nil && c.failed != nil {
		err, c.failed = c.failed, nil
	}
	return err
}

// Stream implements packed.Conn: rows are read as they are asked for.
func (c *conn) Stream(text string, args []any, row func(s packed.Row) (bool, error)) error {
	return c.Query(text, args, row)
}

// nowText tells the state that a transaction sees: the last T, and the newest word.
const nowText = "SELECT max(t), (SELECT max(no) FROM dict) FROM leaf"

// Now implements packed.Conn.
func (c *conn) Now() (t int64, err error) {
	if c.held {
		return c.state.last, nil
	}
	_, err = c.one(nowText, nil, func(s packed.Row) {
		t, c.newest = s.ColumnInt64(0), s.ColumnInt64(1)
	})
	return t, err
}

// Newest implements packed.Growing.
func (c *conn) Newest() int64 { return c.newest }

// Latest implements packed.Later.
func (c *conn) Latest() int64 { return c.latest }

// Dialect implements packed.Conn.
func (c *conn) Dialect() sqlgen.Dialect { return sqlgen.SQLite{} }

// Value implements packed.Conn.
func (c *conn) Value(r packed.Row, column int) any {
	s, ok := r.(*sqlite3.Stmt)
	if !ok {
		return nil
	}
	switch s.ColumnType(column) {
	case sqlite3.INTEGER:
		return s.ColumnInt64(column)
	case sqlite3.FLOAT:
		return s.ColumnFloat(column)
	case sqlite3.TEXT:
		return s.ColumnText(column)
	}
	return nil
}

// one reads the first row and reports whether there was one.
func (c *conn) one(text string, args []any, row func(s packed.Row)) (bool, error) {
	found := false
	err := c.Query(text, args, func(s packed.Row) (bool, error) {
		found = true
		row(s)
		return false, nil
	})
	return found, err
}

// number reads one integer; 0 when there is no row.
func (c *conn) number(text string, args ...any) (int64, error) {
	var n int64
	_, err := c.one(text, args, func(s packed.Row) { n = s.ColumnInt64(0) })
	return n, err
}

// state is what a read transaction sees. It lasts as long as the statement that told it is not reset, which
// saves a BEGIN and a COMMIT; and after its request as long as nothing but leaves was moved, see Store.abreast:
// a connection that begins another one forgets the pages that it knows.
type state struct {
	told         *sqlite3.Stmt // nil when there is none
	last, newest int64
	round        int64 // of the store, when it began or before
}

// begin begins a read transaction, unless there is one.
func (c *conn) begin() error {
	if c.state.told != nil {
		return nil
	}
	s, err := c.prepare(nowText, nil)
	if err != nil {
		return err
	}
	if !s.Step() {
		err := s.Err()
		s.Reset()
		return err
	}
	c.state.told, c.state.last, c.state.newest = s, s.ColumnInt64(0), s.ColumnInt64(1)
	return nil
}

// end ends it.
func (c *conn) end() {
	if c.state.told != nil {
		c.state.told.Reset()
		c.state.told = nil
	}
}

// within runs f in a read transaction, so that all its statements see one state.
func (c *conn) within(ctx context.Context, f func() error) error {
	return c.interruptible(ctx, func() error {
		good := false
		defer func() { // also when f panics: the connection is used again
			if c.held = false; !good {
				c.end()
			}
		}()
		if err := c.begin(); err != nil {
			return err
		}
		c.held, c.newest = true, c.state.newest
		err := f()
		good = err == nil
		return err
	})
}

// interruptible runs f so that its statements end with ctx.
func (c *conn) interruptible(ctx context.Context, f func() error) error {
	c.reads, c.newest, c.failed = 0, 0, nil
	old := c.db.SetInterrupt(ctx)
	defer c.db.SetInterrupt(old)
	return f()
}
