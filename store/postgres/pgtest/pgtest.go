//go:build unix

// Package pgtest gives tests a throw-away PostgreSQL.
//
//	url := pgtest.URL(t) // an empty schema of its own; skips where there is no PostgreSQL
//	c := pgtest.Start(t) // a cluster that the test may kill, pause and start again
//
// The server of URL is shared by the tests of a process and does not wait for the disk; that
// of Start does. Both end with the process, even when it is killed. OSLER_TEST_POSTGRES names
// a server to be used instead.
package pgtest

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

var schemas atomic.Int64

// URL returns the URL of an empty schema. Tests that call it are skipped where PostgreSQL is
// not installed.
func URL(t testing.TB) string {
	t.Helper()
	base := os.Getenv("OSLER_TEST_POSTGRES")
	if base == "" {
		bin(t)
		shared.once.Do(func() {
			shared.cluster = &Cluster{careless: true}
			if shared.err = shared.cluster.make(); shared.err == nil {
				shared.err = shared.cluster.Run()
			}
		})
		if shared.err != nil {
			t.Fatal(shared.err)
		}
		base = shared.cluster.URL()
	}
	return Schema(t, base)
}

// Schema makes an empty schema in a database and returns the URL that leads to it.
func Schema(t testing.TB, base string) string {
	t.Helper()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), schemas.Add(1))
	run := func(text string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c, err := pgx.Connect(ctx, base)
		if err != nil {
			return err
		}
		defer c.Close(ctx)
		_, err = c.Exec(ctx, text)
		return err
	}
	if err := run("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run("DROP SCHEMA " + name + " CASCADE") })
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// bin returns the folder of PostgreSQL's programs, and skips the test when there is none.
func bin(t testing.TB) string {
	t.Helper()
	dir := programs()
	if dir == "" {
		t.Skip("skipped: no PostgreSQL")
	}
	return dir
}

func programs() string {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	slices.Sort(all)
	if len(all) > 0 {
		return filepath.Dir(all[len(all)-1])
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// Cluster is a PostgreSQL of its own.
type Cluster struct {
	dir      string
	careless bool // fsync off
	settings []string
	port     int
	stop     func() error
	pid      int
}

// Start makes and starts a cluster that keeps its commits; settings are lines of
// postgresql.conf. It ends with the test.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	bin(t)
	c := &Cluster{settings: settings, port: portOf(settings)}
	t.Cleanup(func() {
		if c.stop != nil {
			_ = c.stop()
		}
		os.RemoveAll(c.dir)
	})
	if err := c.make(); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Dir returns the folder of the cluster; its data are in the folder data.
func (c *Cluster) Dir() string { return c.dir }

// URL returns the URL of the cluster's database.
func (c *Cluster) URL() string {
	return "postgres:///postgres?" + url.Values{"host": {c.dir}, "port": {strconv.Itoa(cmp.Or(c.port, 5432))}, "user": {"osler"}, "sslmode": {"disable"}}.Encode()
}

// as returns the command by which a program runs as a user that is not root, which
// PostgreSQL refuses.
func as() []string {
	if os.Getuid() != 0 {
		return nil
	}
	return []string{"setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"}
}

// own gives a folder to that user.
func own(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

func (c *Cluster) make() (err error) {
	if c.dir, err = os.MkdirTemp("", "osler-pg-"); err != nil { // short: a socket's path has a limit
		return err
	}
	if err := own(c.dir); err != nil {
		return err
	}
	args := append(as(), filepath.Join(programs(), "initdb"), "-D", filepath.Join(c.dir, "data"), "-U", "osler", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c.configure(filepath.Join(c.dir, "data"), c.settings...)
}

func (c *Cluster) configure(data string, settings ...string) error {
	lines := []string{"listen_addresses = ''", "unix_socket_directories = '" + c.dir + "'", "max_connections = 200", "shared_buffers = 64MB", "log_min_messages = fatal"}
	if c.careless {
		lines = append(lines, "fsync = off", "full_page_writes = off", "synchronous_commit = off")
	}
	f, err := os.OpenFile(filepath.Join(data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strings.Join(append(lines, settings...), "\n") + "\n")
	return err
}

// Run starts the server and waits until it answers. The server is stopped by a shell that
// reads from a pipe of this process: when the process ends, however it does, so does it.
func (c *Cluster) Run() (err error) {
	for range 5 { // a process of the server that was killed may still hold its memory
		if err = c.begin(); err == nil {
			return nil
		}
		_ = c.Stop()
		time.Sleep(200 * time.Millisecond)
	}
	return err
}

func (c *Cluster) begin() error {
	script := `"$@" & server=$!; echo $server; cat >/dev/null; kill -INT $server 2>/dev/null; wait $server`
	if c.careless { // nobody else removes it
		script += `; rm -rf "` + c.dir + `"`
	}
	args := append([]string{"-c", script, "sh"}, append(as(), filepath.Join(programs(), "postgres"), "-D", filepath.Join(c.dir, "data"))...)
	cmd := exec.Command("sh", args...)
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr, cmd.Env = log, c.home()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := fmt.Fscan(out, &c.pid); err != nil {
		return err
	}
	c.stop = func() error {
		in.Close()
		c.stop = nil
		return cmd.Wait()
	}
	return c.wait()
}

func (c *Cluster) wait() (err error) {
	for range 600 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		var conn *pgx.Conn
		if conn, err = pgx.Connect(ctx, c.URL()); err == nil {
			err = conn.Close(ctx)
			cancel()
			return err
		}
		cancel()
		if syscall.Kill(c.pid, 0) != nil {
			return fmt.Errorf("the server ended: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// Stop stops the server; clients are thrown out.
func (c *Cluster) Stop() error {
	if c.stop == nil {
		return nil
	}
	return c.stop()
}

// Kill ends the server as a power failure of the machine would end its processes: at once.
func (c *Cluster) Kill() error {
	for _, pid := range c.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return c.Stop()
}

// Pause stops all processes of the server in their tracks; Continue lets them go on.
func (c *Cluster) Pause() { c.signal(syscall.SIGSTOP) }

// Continue lets a paused server go on.
func (c *Cluster) Continue() { c.signal(syscall.SIGCONT) }

func (c *Cluster) signal(s syscall.Signal) {
	for _, pid := range c.processes() {
		_ = syscall.Kill(pid, s)
	}
}

// processes returns the server's own process, then its children.
func (c *Cluster) processes() []int {
	out := []int{c.pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.pid, c.pid))
	if err != nil {
		return out
	}
	for _, f := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(f); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// Standby makes and starts a streaming replica, for which every commit of c waits from now on
// until the replica has applied it.
func (c *Cluster) Standby(t testing.TB) *Cluster {
	t.Helper()
	s := &Cluster{}
	t.Cleanup(func() {
		if s.stop != nil {
			_ = s.stop()
		}
		os.RemoveAll(s.dir)
	})
	var err error
	if s.dir, err = os.MkdirTemp("", "osler-pg-"); err != nil {
		t.Fatal(err)
	}
	if err := own(s.dir); err != nil {
		t.Fatal(err)
	}
	s.run(t, "pg_basebackup", "-h", c.dir, "-U", "osler", "-D", filepath.Join(s.dir, "data"), "-R", "-c", "fast", "-X", "stream")
	if err := s.configure(filepath.Join(s.dir, "data")); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	c.run(t, "psql", c.URL(), "-q", "-c", "ALTER SYSTEM SET synchronous_standby_names = '*'", "-c", "ALTER SYSTEM SET synchronous_commit = 'remote_apply'", "-c", "SELECT pg_reload_conf()")
	for range 200 {
		if strings.Contains(c.run(t, "psql", c.URL(), "-At", "-c", "SELECT sync_state FROM pg_stat_replication"), "sync") {
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the replica does not follow")
	return nil
}

// Promote makes a replica the primary.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	c.run(t, "psql", c.URL(), "-q", "-c", "SELECT pg_promote()")
}

// run runs one of PostgreSQL's programs.
func (c *Cluster) run(t testing.TB, program string, args ...string) string {
	t.Helper()
	all := append(as(), append([]string{filepath.Join(programs(), program)}, args...)...)
	cmd := exec.Command(all[0], all[1:]...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// Both returns a URL that leads to whichever of two clusters takes changes.
func Both(a, b *Cluster) string {
	return "postgres:///postgres?" + url.Values{"host": {a.dir + "," + b.dir}, "user": {"osler"}, "sslmode": {"disable"}, "target_session_attrs": {"read-write"}}.Encode()
}

// Async makes the commits of c wait for no replica any more.
func (c *Cluster) Async(t testing.TB) {
	t.Helper()
	c.run(t, "psql", c.URL(), "-q", "-c", "ALTER SYSTEM SET synchronous_standby_names = ''", "-c", "ALTER SYSTEM SET synchronous_commit = 'on'", "-c", "SELECT pg_reload_conf()")
	for range 200 {
		if strings.Contains(c.run(t, "psql", c.URL(), "-At", "-c", "SELECT sync_state FROM pg_stat_replication"), "async") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the primary still waits for its replica")
}

// Replay lets a replica apply what it receives, or stops it.
func (c *Cluster) Replay(t testing.TB, on bool) {
	t.Helper()
	what := "pg_wal_replay_pause"
	if on {
		what = "pg_wal_replay_resume"
	}
	c.run(t, "psql", c.URL(), "-q", "-c", "SELECT "+what+"()")
}

// At returns the URL by which a replica leads to the schema of another URL.
func (c *Cluster) At(t testing.TB, other string) string {
	t.Helper()
	u, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("host", c.dir)
	u.RawQuery = q.Encode()
	return u.String()
}

// Tool runs one of PostgreSQL's programs and returns what it prints.
func (c *Cluster) Tool(t testing.TB, program string, args ...string) string {
	t.Helper()
	return c.run(t, program, args...)
}

// Base makes a physical copy of the cluster (pg_basebackup) that is not started yet.
func (c *Cluster) Base(t testing.TB) *Cluster {
	t.Helper()
	b := &Cluster{}
	t.Cleanup(func() {
		if b.stop != nil {
			_ = b.stop()
		}
		os.RemoveAll(b.dir)
	})
	var err error
	if b.dir, err = os.MkdirTemp("", "osler-pg-"); err != nil {
		t.Fatal(err)
	}
	if err := own(b.dir); err != nil {
		t.Fatal(err)
	}
	b.run(t, "pg_basebackup", "-h", c.dir, "-U", "osler", "-D", filepath.Join(b.dir, "data"), "-c", "fast", "-X", "stream")
	return b
}

// Recover starts a physical copy, which replays the log by the settings, and waits until it takes changes.
func (c *Cluster) Recover(t testing.TB, settings ...string) {
	t.Helper()
	signal := filepath.Join(c.dir, "data", "recovery.signal")
	err := c.configure(filepath.Join(c.dir, "data"), settings...)
	if err == nil {
		err = os.WriteFile(signal, nil, 0o600)
	}
	if err == nil {
		err = own(signal)
	}
	if err == nil {
		err = c.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if strings.HasPrefix(c.run(t, "psql", c.URL(), "-At", "-c", "SELECT pg_is_in_recovery()"), "f") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the copy does not come out of its recovery")
}
