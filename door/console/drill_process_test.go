package console

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// TestDrillPausedProcess stops the server in the middle of its work, as a laptop's lid or a
// hypervisor does, and lets it go on: meanwhile nobody else can open the record, and
// afterwards nothing is lost or doubled.
func TestDrillPausedProcess(t *testing.T) {
	pause, times := time.Second, 2
	if os.Getenv("OSLER_DRILL") != "" {
		pause, times = 20*time.Second, 3
	}
	dir, token := prepared(t)
	s := start(t, dir)
	made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("no patient: %d %v", status, err)
	}
	patient := made.Reference()
	seen := &acknowledged{values: map[string]string{}, marks: map[string]int{}}
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() { writer(s.base, token, patient, n, seen) })
	}
	for range times {
		time.Sleep(300 * time.Millisecond)
		if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Another process has this record open") {
			t.Errorf("beside a paused process: %v %s", err, out)
		}
		time.Sleep(pause)
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	seen.more(t, 3)
	s.kill()
	group.Wait()
	s = start(t, dir)
	if lost := missing(t, s.base, token, patient, seen); len(lost) > 0 {
		t.Fatalf("lost or wrong: %v", lost)
	}
	s.kill()
	verified(t, dir)
	if len(seen.values) < 4 {
		t.Fatalf("only %d writes were acknowledged: the drill proves nothing", len(seen.values))
	}
	t.Logf("paused %d times for %v, %d acknowledged writes, 0 lost", times, pause, len(seen.values))
}

// TestDrillOutOfMemory gives the server less memory than its work needs, until the system
// refuses it more and it dies: what it acknowledged is there.
func TestDrillOutOfMemory(t *testing.T) {
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("skipped: prlimit is not installed")
	}
	if os.Getenv("OSLER_DRILL") == "" {
		t.Skip("skipped: it takes minutes; `make drill` runs it")
	}
	const rounds = 20
	dir, token := prepared(t)
	s := start(t, dir)
	made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("no patient: %d %v", status, err)
	}
	patient := made.Reference()
	seen := &acknowledged{values: map[string]string{}, marks: map[string]int{}}
	died, refused := 0, 0
	for round := range rounds {
		var group sync.WaitGroup
		for n := range 4 {
			group.Go(func() { writer(s.base, token, patient, n, seen) })
		}
		time.Sleep(150 * time.Millisecond)
		limit := memoryOfProcess(t, s.cmd.Process.Pid) + int64(round%5)*(4<<20)
		if out, err := exec.Command("prlimit", "--pid", fmt.Sprint(s.cmd.Process.Pid), fmt.Sprintf("--data=%d", limit)).CombinedOutput(); err != nil {
			t.Skipf("skipped: memory cannot be limited here: %v %s", err, out)
		}
		gone := make(chan struct{})
		go func() { s.cmd.Wait(); close(gone) }()
		refused += hoard(s.base, token, gone)
		select {
		case <-gone:
			died++
		case <-time.After(5 * time.Second):
			s.cmd.Process.Kill()
			<-gone
		}
		group.Wait()
		s = start(t, dir)
		if lost := missing(t, s.base, token, patient, seen); len(lost) > 0 {
			t.Fatalf("round %d: lost or wrong: %v", round, lost)
		}
	}
	s.kill()
	verified(t, dir)
	if died+refused == 0 {
		t.Error("the server never ran out of memory: the drill proves nothing")
	}
	t.Logf("%d rounds, dead for want of memory %d times, %d requests refused, %d acknowledged writes, 0 lost", rounds, died, refused, len(seen.values))
}

// memoryOfProcess is how much memory a process can write to.
func memoryOfProcess(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, ok := strings.Cut(string(b), "VmData:")
	if err == nil && ok {
		_, err = fmt.Sscan(rest, &bytes)
	}
	if err != nil || bytes == 0 {
		t.Skipf("skipped: the memory of a process is not to be seen here: %v", err)
	}
	return bytes << 10
}

// hoard sends large bodies at the same time until the server is gone, or has taken them.
// It returns how many it has refused.
func hoard(base, token string, gone <-chan struct{}) int {
	var refused atomic.Int64
	big := fhir.Obj("resourceType", "Basic", "code", fhir.Obj("text", strings.Repeat("memory ", 130_000)))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 6 {
				select {
				case <-gone:
					return
				default:
				}
				_, status, err := send(base, token, "POST", "/fhir/Basic", big)
				if err != nil {
					return
				}
				if status >= 500 {
					refused.Add(1)
				}
			}
		})
	}
	group.Wait()
	return int(refused.Load())
}
