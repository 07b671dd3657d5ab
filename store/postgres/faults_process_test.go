package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
)

// sessions returns the processes of a server that serve Osler.
func sessions(t testing.TB, c *pgtest.Cluster) (pids []int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir(), "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	server, _, _ := strings.Cut(string(text), "\n")
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", server, server))
	if err != nil {
		t.Skipf("skipped: the processes of the server are not to be seen here: %v", err)
	}
	for _, f := range strings.Fields(string(children)) {
		title, err := os.ReadFile("/proc/" + f + "/cmdline")
		if err == nil && strings.Contains(string(title), "osler postgres") {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestFaultASessionOfTheServerDies: one process of the server is killed while eight writers
// commit, whereupon PostgreSQL throws out everybody and recovers; and, in turn, all sessions
// are ended by an administrator.
func TestFaultASessionOfTheServerDies(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t)
	s := durable(t, c.URL())
	l := start8(s)
	l.more(t, 30)
	killed, slowest := 0, time.Duration(0)
	for range rounds(1) {
		pids := sessions(t, c)
		if len(pids) == 0 {
			t.Fatal("no session is found")
		}
		if err := syscall.Kill(pids[killed%len(pids)], syscall.SIGKILL); err == nil {
			killed++
		}
		began := time.Now()
		l.more(t, 30)
		slowest = max(slowest, time.Since(began))
		admin := connected(t, c.URL())
		if _, err := admin.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'osler'"); err != nil {
			t.Error(err)
		}
		admin.Close(context.Background())
		l.more(t, 30)
	}
	l.check(t, s)
	t.Logf("%d sessions killed; 30 more changes were stored after %v at most", killed, slowest.Round(time.Millisecond))
}

// connected waits until the server takes a connection.
func connected(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		c, err := pgx.Connect(context.Background(), url)
		if err == nil {
			return c
		}
		if time.Since(began) > 30*time.Second {
			t.Fatal(err)
		}
	}
}

const stoppedPlace = "OSLER_TEST_STOPPED_PLACE"

// stoppedChild is the process that is stopped: it commits until it is killed and says what was
// acknowledged.
func stoppedChild(t *testing.T, place string) {
	text, err := os.ReadFile(filepath.Join(place, "url"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(context.Background(), postgres.Options{URL: string(text), Dir: place, Keyring: keys(t, place, place), Clock: clock.System{}, Connections: 6})
	if err != nil {
		t.Fatal(err)
	}
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("child%d-%d", w, i)
				r, err := s.Commit(context.Background(), single(id))
				if err != nil {
					fmt.Println("refused", id)
					continue
				}
				fmt.Println("done", id, int64(r.T))
				if i%20 == 0 {
					_, _ = s.Checkpoint(context.Background()) // it signs too
				}
			}
		}()
	}
	time.Sleep(time.Hour)
}

// TestFaultAProcessStopsInsideOfACommit: a process is stopped while it holds the lock of the
// head. Another goes on within seconds; when the first continues, what it was about to commit
// is refused or stored whole under a number of its own, and the log is not forked.
func TestFaultAProcessStopsInsideOfACommit(t *testing.T) {
	if place := os.Getenv(stoppedPlace); place != "" {
		stoppedChild(t, place)
		return
	}
	t.Parallel()
	ctx := context.Background()
	place := t.TempDir()
	url := pgtest.Start(t).URL()
	if err := os.WriteFile(filepath.Join(place, "url"), []byte(url), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(ctx, postgres.Options{URL: url, Dir: place, Keyring: keys(t, place, place), Clock: clock.System{}, Connections: 6})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admin := connected(t, url)
	defer admin.Close(ctx)

	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), stoppedPlace+"="+place)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	done, refused := map[string]int64{}, map[string]bool{}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			f := strings.Fields(lines.Text())
			mu.Lock()
			switch {
			case len(f) == 3 && f[0] == "done":
				done[f[1]], _ = strconv.ParseInt(f[2], 10, 64)
			case len(f) == 2 && f[0] == "refused":
				refused[f[1]] = true
			}
			mu.Unlock()
		}
	}()
	acknowledged := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(done)
	}
	more := func(n int) {
		t.Helper()
		want := acknowledged() + n
		for began := time.Now(); acknowledged() < want; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatal("the process does not commit")
			}
		}
	}
	// inside reports whether a session waits for its client while it holds the head.
	inside := func() (is bool) {
		t.Helper()
		err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.relation = 'head'::regclass AND l.mode = 'RowShareLock' AND l.granted AND a.wait_event_type = 'Client')`).Scan(&is)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	own, hits, slowest := 0, 0, time.Duration(0)
	want := rounds(1)
	for began := time.Now(); hits < want; {
		if time.Since(began) > time.Duration(want)*time.Minute {
			t.Fatal("the process was never stopped inside of a commit")
		}
		more(3)
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // what the server was doing has ended
		held := inside()
		if held {
			hits++
			from := time.Now()
			for {
				_, err := s.Commit(ctx, single(fmt.Sprint("own", own)))
				if err == nil {
					break
				}
				if time.Since(from) > 30*time.Second {
					t.Fatalf("a stopped process keeps others from committing: %v", err)
				}
			}
			own++
			slowest = max(slowest, time.Since(from))
			if _, err := s.Checkpoint(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	more(10)
	_ = cmd.Process.Kill()
	<-told
	_ = cmd.Wait()

	numbers := map[int64]string{}
	for id, at := range done {
		v, err := s.Read(ctx, "Observation", id, 0)
		if err != nil || int64(v.T) != at || numbers[at] != "" {
			t.Errorf("%s was acknowledged at %d, is at %d (%q is too): %v", id, at, v.T, numbers[at], err)
		}
		numbers[at] = id
	}
	all, upTo, err := s.Changes(ctx, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range all {
		if v.T != store.T(i+1) || refused[v.ID] && done[v.ID] != 0 {
			t.Fatalf("change %d has number %d (%s)", i+1, v.T, v.ID)
		}
	}
	if now, err := s.Now(ctx); err != nil || now != upTo || len(all) < len(done)+own || len(all) > len(done)+own+4+len(refused) {
		t.Errorf("%d changes are stored, %d and %d were acknowledged: %d %v", len(all), len(done), own, now, err)
	}
	if _, err := s.Verify(ctx, func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
	t.Logf("stopped inside of a commit %d times; the other process stored its change after %v at most; %d acknowledged, %d refused", hits, slowest.Round(time.Millisecond), len(done)+own, len(refused))
}
