package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/trust/ledger"
)

// Options says how a store is opened.
type Options struct {
	// URL names the database: postgres://user@host/name?sslmode=verify-full. Required.
	URL string
	// Dir is the folder of the process: checkpoints.log is kept there. Required.
	Dir string
	// Keyring holds the keys; see seal.OpenKeyring. All processes of one database need the
	// same. Required.
	Keyring seal.Keyring
	// Clock dates commits. The system's clock when nil.
	Clock clock.Clock
	// Connections is how many connections are held at most; 0 for four a processor, and
	// eight at least.
	Connections int
	// Partitions, above 0, splits the tables of patients of a new database by the hash of the
	// patient's number.
	Partitions int
	// Origin is the name of the record that will move into a database in which nothing was
	// committed yet (store.Moving). "" keeps the name that the database has.
	Origin string
	// Existing refuses a database without a record, instead of making one.
	Existing bool
	// WithoutCopy upgrades an older record without copying it before.
	WithoutCopy bool
	// Replicas are URLs of databases that follow the one of URL (streaming replication): they
	// answer searches and charts when they have all that this process knows of.
	Replicas []string
	// Recent are spaces of items that are asked for by every request. What another process wrote
	// to them is known here within half a second; what this one wrote, at once.
	Recent []string
	// Plain allows a connection over a network that is not TLS with a verified certificate and
	// name, which is refused otherwise.
	Plain bool
	// Careless opens a database that does not keep its commits over a power failure, which is
	// refused otherwise. It is for tests.
	Careless bool

	steps []step // those of the program, when nil
}

// Store is a record in a PostgreSQL database. It implements store.Store.
type Store struct {
	*packed.Reader

	dir   string
	plain bool // Options.Plain
	clock clock.Clock
	pack  *packed.Packer
	words packed.Vocabulary
	seen  atomic.Int64 // the highest T that was seen
	terms terms        // numbers of resources

	signer ledger.Key // of checkpoints
	origin string

	self  string // names this process in what commits tell others
	pool  *pgxpool.Pool
	pulse pulse
	lines lines
	hears atomic.Bool // whether the commits of other processes are told to this one

	scattered bool // over the servers of a Citus cluster
	replicas  replicas
	writer    writer
	items     packed.ItemCache

	trace   func(ctx context.Context, text string, args []any) // for tests
	textsMu sync.RWMutex
	texts   map[string]string

	watchMu  sync.Mutex
	watchers []func()

	stop   context.CancelFunc
	idle   sync.WaitGroup // background work
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// Open opens the record in a database, and makes its tables when there are none. Several
// processes can have it open.
func Open(ctx context.Context, o Options) (*Store, error) {
	if !o.Keyring.Valid() {
		return nil, fault.New(fault.Invalid, "The record needs a key to be opened.")
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.steps == nil {
		o.steps = steps
	}
	if o.Connections == 0 {
		o.Connections = max(4*runtime.NumCPU(), 8)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The data folder cannot be made.")
	}
	p, err := packed.NewPacker()
	if err != nil {
		return nil, err
	}
	s := &Store{dir: o.Dir, clock: o.Clock, plain: o.Plain, self: ident.New(o.Clock.Now()), pack: p.WithKey(o.Keyring.Key("postgres"))}
	s.items.For, s.items.Only = recently, map[string]bool{}
	for _, space := range o.Recent {
		s.items.Only[space] = true
	}
	s.writer.token = make(chan struct{}, 1)
	s.writer.token <- struct{}{}
	s.words.SetMaster(o.Keyring.Key("patient-keys"))
	s.Reader = packed.NewReader(s.pack, &s.words, o.Keyring.Key("cursor"), s.clock, s.read)
	s.Lone(s.lone)
	if s.pool, err = s.connect(ctx, o); err != nil {
		return nil, err
	}
	err = s.open(ctx, o)
	if err == nil {
		err = s.follow(ctx, o)
	}
	if err != nil {
		s.closePools()
		if lost(err) {
			at := s.pool.Config().ConnConfig
			err = fault.Wrap(err, fault.Unavailable, "The database %s on %s, port %d, cannot be reached. Look whether it runs there, and whether this machine may reach it.", at.Database, at.Host, at.Port)
		}
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	for _, work := range []func(context.Context){s.maintain, s.listen, s.beat} {
		s.idle.Add(1)
		go func() {
			defer s.idle.Done()
			work(background)
		}()
	}
	return s, nil
}

// connectWait is how long a connection may take to be made.
const connectWait = 2 * time.Second

// connect makes the pool. What the settings of a connection are is decided here, whatever the
// server's defaults say: the order of joins is ours, and a commit waits for the disk.
func (s *Store) connect(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	config, err := s.configure(o.URL, o.Connections)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.OnNotice = s.writer.notice
	s.through(config)
	config.AfterConnect = s.prepareConn
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, plain(err)
	}
	return pool, nil
}

// configure reads a URL.
func (s *Store) configure(address string, connections int) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil { // its text quotes the URL
		return nil, fault.New(fault.Invalid, "The URL of the database cannot be read. It looks like postgres://user@host/name?sslmode=verify-full.")
	}
	if !s.plain {
		if err := sealed(&config.ConnConfig.Config); err != nil {
			return nil, err
		}
	}
	config.MaxConns = int32(connections)
	config.MaxConnIdleTime = 10 * time.Minute
	if u, err := url.Parse(address); err != nil || u.Query().Get("connect_timeout") == "" {
		config.ConnConfig.ConnectTimeout = connectWait
	}
	for name, value := range map[string]string{
		"application_name": "osler", "join_collapse_limit": "1", "from_collapse_limit": "1", "jit": "off", "plan_cache_mode": "force_generic_plan",
		"cursor_tuple_fraction": "0.1", "standard_conforming_strings": "on",
		"idle_in_transaction_session_timeout": "300000", // of a reader that stands still; writers have less
	} {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// prepareConn looks at a new connection: a replica answers from the past and takes no changes.
func (s *Store) prepareConn(ctx context.Context, c *pgx.Conn) error {
	var replica bool
	var wait string
	var pid int32
	var since int64
	if err := c.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), pg_backend_pid(), coalesce((SELECT "+backendStart+" FROM pg_stat_activity WHERE pid = pg_backend_pid()), 0)").Scan(&replica, &wait, &pid, &since); err != nil {
		return err
	}
	if replica {
		return away(errors.New("the server is a replica"))
	}
	if wait == "off" {
		if _, err := c.Exec(ctx, "SET synchronous_commit = on"); err != nil {
			return err
		}
	}
	s.named(c, pid, since)
	return s.scatter(ctx, c)
}

// open prepares the database and reads what does not change.
func (s *Store) open(ctx context.Context, o Options) error {
	err := s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if err := durable(ctx, c, o.Careless); err != nil {
			return err
		}
		if err := migrate(ctx, c, s.clock, o); err != nil {
			return err
		}
		return s.identify(ctx, c, o.Keyring, o.Origin)
	})
	if err != nil {
		return plain(err)
	}
	if err := s.spread(ctx); err != nil {
		return err
	}
	if err := s.read(ctx, func(packed.Conn) error { return nil }); err != nil { // reads the vocabulary
		return err
	}
	return s.giveKeys(ctx)
}

// durable refuses a server that forgets commits.
func durable(ctx context.Context, c *pgx.Conn, careless bool) error {
	var version int
	var fsync, pages string
	if err := c.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('full_page_writes')").Scan(&version, &fsync, &pages); err != nil {
		return err
	}
	switch {
	case version < 150000:
		return fault.New(fault.NotSupported, "This is PostgreSQL %d; 15 or newer is needed.", version/10000)
	case !careless && (fsync != "on" || pages != "on"):
		return fault.New(fault.Invalid, "This database loses commits when the power fails: fsync and full_page_writes must be on in postgresql.conf. A record is not kept in it.")
	}
	return nil
}

// ErrOtherKey is what Open returns when the database holds a record that was made with other keys.
// Nothing was written to it.
var ErrOtherKey = fault.New(fault.Forbidden, "The key in this data folder does not open the record in this database. Every process needs the keyring.json and the key file with which the record was made.")

// identify reads the record's own id, which is the name of its audit log, and checks that the
// key is the one with which the record was made.
func (s *Store) identify(ctx context.Context, c *pgx.Conn, ring seal.Keyring, origin string) error {
	proof, err := seal.Seal(ring.Key("postgres"), []byte("osler"), []byte("meta/proof"))
	if err != nil {
		return err
	}
	for key, value := range map[string][]byte{"id": []byte(ident.New(s.clock.Now())), "proof": proof} {
		if _, err := c.Exec(ctx, "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING", []byte(key), value); err != nil {
			return err
		}
	}
	var id []byte
	if err := c.QueryRow(ctx, "SELECT (SELECT value FROM meta WHERE key = 'id'), (SELECT value FROM meta WHERE key = 'proof')").Scan(&id, &proof); err != nil {
		return err
	}
	if _, err := seal.Open(ring.Key("postgres"), proof, []byte("meta/proof")); err != nil {
		return ErrOtherKey
	}
	s.origin = originPrefix + string(id)
	if origin != "" && origin != s.origin {
		if err := s.adopt(ctx, c, origin); err != nil {
			return err
		}
	}
	s.signer, err = store.Signer(ring, s.origin)
	return err
}

// channel is the name under which commits are told.
func (s *Store) channel() string {
	sum := sha256.Sum256([]byte(s.origin))
	return "osler_" + hex.EncodeToString(sum[:8])
}

// VerificationKey returns the public key with which the checkpoints of this store's audit
// log are verified.
func (s *Store) VerificationKey() string { return s.signer.Public() }

// acquireWait is how long a request waits for a free connection.
const acquireWait = 4 * time.Second

// with runs f on a connection. It ends early when the database does not answer any more.
func (s *Store) with(ctx context.Context, f func(ctx context.Context, c *pgx.Conn) error) error {
	return s.withEnd(ctx, f, (*pgxpool.Conn).Release)
}

// withEnd is with for which end gives the connection back when f has succeeded.
func (s *Store) withEnd(ctx context.Context, f func(ctx context.Context, c *pgx.Conn) error, end func(*pgxpool.Conn)) error {
	if s.pulse.away.Load() {
		return away(nil)
	}
	ctx, done := s.pulse.begin(ctx)
	defer done()
	wait, cancel := context.WithTimeout(ctx, acquireWait)
	c, err := s.pool.Acquire(wait)
	late := wait.Err() != nil
	cancel()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if late {
			return fault.Wrap(errLost, fault.Unavailable, "No connection to the database is free. Try again in a moment.")
		}
		return err
	}
	ended := false
	defer func() {
		if !ended { // with an error, or a panic
			c.Release()
		}
	}()
	if err = f(ctx, c.Conn()); err == nil {
		s.pulse.ended.Add(1)
		ended = true
		end(c)
		return nil
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
		if errors.Is(err, errLost) {
			return away(nil)
		}
		return context.Cause(ctx)
	}
	return err
}

// read runs f inside of one transaction that reads, with the vocabulary of its moment.
func (s *Store) read(ctx context.Context, f func(packed.Conn) error) error {
	if s.closed.Load() {
		return fault.New(fault.Unavailable, "The record is closed.")
	}
	if r := s.pick(); r != nil {
		if served, err := s.readReplica(ctx, r, f); served || ctx.Err() != nil {
			return plain(err)
		}
	}
	begun := false
	attempt := func() error {
		return s.withEnd(ctx, func(ctx context.Context, c *pgx.Conn) error {
			seen := s.seen.Load()
			_, era := s.words.State()
			now, err := s.beginRead(ctx, c)
			if err != nil {
				return err
			}
			t, params := now.t, now.params
			if t < seen { // T never goes back: an older state was put back
				s.seen.Store(t)
				s.words.Forget()
				s.items.ForgetAll()
				_, era = s.words.State()
			}
			raise(&s.seen, t)
			n := &conn{Conn: c, ctx: ctx, store: s, t: t, edition: params, era: era, newest: now.dict}
			if err = s.words.Learn(n, params, era); !errors.Is(err, packed.ErrForgotten) {
				begun = true
			}
			if err == nil {
				err = f(n)
			}
			if err != nil && !c.IsClosed() {
				_, _ = c.Exec(ctx, "ROLLBACK")
			}
			return err
		}, s.leave)
	}
	err := attempt()
	for tries := 0; tries < 3 && !begun && err != nil && ctx.Err() == nil && (stale(err) || errors.Is(err, packed.ErrForgotten)); tries++ {
		err = attempt() // the connection, or what it read, was left over from before the database went away
	}
	return plain(err)
}

// leave ends a transaction that has read all that was asked. Nobody waits for it but the
// closing of the pool.
func (s *Store) leave(c *pgxpool.Conn) {
	go func() {
		defer c.Release()
		ctx, cancel := context.WithTimeout(context.Background(), acquireWait)
		defer cancel()
		_, _ = c.Exec(ctx, "COMMIT") // a connection on which it fails is thrown away
	}()
}

// lone runs f on a connection outside of a transaction, when the vocabulary is known.
func (s *Store) lone(ctx context.Context, f func(packed.Conn) error) error {
	edition, era := s.words.State()
	if s.closed.Load() || edition == 0 {
		return errors.New("not now")
	}
	if s.scattered { // one question takes several statements
		return errors.New("not here")
	}
	return s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return f(&conn{Conn: c, ctx: ctx, store: s, edition: edition, era: era})
	})
}

// recently is how old an item of Options.Recent may be.
const recently = 500 * time.Millisecond

// Item implements store.Store.
func (s *Store) Item(ctx context.Context, space, key string) (store.Item, error) {
	if s.closed.Load() {
		return store.Item{}, fault.New(fault.Unavailable, "The record is closed.")
	}
	return s.items.Item(ctx, s.Reader, space, key)
}

// stale reports whether a connection that was at rest turned out to be dead.
func stale(err error) bool {
	var connect *pgconn.ConnectError
	return lost(err) && !errors.As(err, &connect) && !errors.Is(err, errLost)
}

// beginRead begins a transaction that reads, and returns what the head says in it.
func (s *Store) beginRead(ctx context.Context, c *pgx.Conn) (now head, err error) {
	if err := s.pass(ctx, c); err != nil {
		return now, err
	}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue("SELECT t, params, dict FROM head").QueryRow(func(r pgx.Row) error { return r.Scan(&now.t, &now.params, &now.dict) })
	err = c.SendBatch(ctx, b).Close()
	return now, err
}

func raise(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if old >= to || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// Now implements store.Store.
func (s *Store) Now(ctx context.Context) (t store.T, err error) {
	err = s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, "SELECT t FROM head").Scan(&t)
	})
	return t, plain(err)
}

// Backup implements store.Store: a database has other ways.
func (s *Store) Backup(context.Context, io.Writer) error {
	return fault.New(fault.NotSupported, "A record in PostgreSQL is backed up with `osler backup`, or with the database's own tools.")
}

// Close implements store.Store.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.stop()
	s.idle.Wait()
	<-s.writer.token // running commits have ended
	ctx, cancel := context.WithTimeout(context.Background(), acquireWait)
	defer cancel()
	err := s.checkpoint(ctx, false)
	s.closePools()
	if lost(err) {
		return nil // what was committed is safe; the head is signed next time
	}
	return plain(err)
}

func (s *Store) closePools() {
	for _, r := range s.replicas.list {
		r.pool.Close()
	}
	s.pool.Close()
}

func (s *Store) checkpointFile() string { return filepath.Join(s.dir, "checkpoints.log") }
