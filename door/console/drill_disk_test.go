package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
)

// smallDisk mounts a file system of its own, which the test can fill.
func smallDisk(t *testing.T, megabytes int) (folder, image string) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("skipped: mounting a disk of its own needs Linux and root")
	}
	image, folder = filepath.Join(t.TempDir(), "disk.img"), filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, int64(megabytes)<<20), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, folder}} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Skipf("skipped: no disk of its own to be had here: %s: %v %s", cmd[0], err, out)
		}
	}
	t.Cleanup(func() { exec.Command("umount", folder).Run() })
	return folder, image
}

// fillDisk writes until there is no room left.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// refusal sends an observation and returns the text of the refusal, "" when it was stored.
func refusal(t *testing.T, s *server, token, patient string) string {
	t.Helper()
	answer, status, err := send(s.base, token, "POST", "/fhir/Observation", observation(patient, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	if status == http.StatusCreated {
		return ""
	}
	text := answer.Path("issue.0.details.text").Text() + answer.Path("issue.0.diagnostics").Text()
	if status != http.StatusServiceUnavailable || answer.ResourceType() != "OperationOutcome" {
		t.Fatalf("refused with %d %s", status, answer.JSON())
	}
	return text
}

// TestDrillDiskFull fills the disk under a running server: charts are read and people signed
// out, writes are refused in a sentence, and all is well when there is room again. It can
// also be started on a full disk.
func TestDrillDiskFull(t *testing.T) {
	folder, _ := smallDisk(t, 64)
	dir := filepath.Join(folder, "record")
	token := preparedIn(t, dir)
	s := start(t, dir)
	defer func() { s.kill() }()
	made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
	if err != nil || status != http.StatusCreated {
		t.Fatalf("no patient: %d %v", status, err)
	}
	patient := made.Reference()
	session := signIn(t, s.base)
	stored := 0
	try := func() string {
		t.Helper()
		text := refusal(t, s, token, patient)
		if text == "" {
			stored++
		}
		return text
	}
	untilRefused := func(when string) { // the log may have room left in what it has already
		t.Helper()
		for range 3000 {
			if text := try(); text != "" {
				if !strings.Contains(text, "disk is full") {
					t.Fatalf("%s: %q", when, text)
				}
				return
			}
		}
		t.Fatalf("%s: nothing is refused", when)
	}
	for range 5 {
		if text := try(); text != "" {
			t.Fatal(text)
		}
	}
	filler := filepath.Join(folder, "filler")
	fillDisk(t, filler)
	untilRefused("on a full disk")
	reads := func(n int) {
		t.Helper()
		for i := range n {
			if _, status, err := send(s.base, token, "GET", "/fhir/"+patient, fhir.Obj()); err != nil || status != http.StatusOK {
				t.Fatalf("read %d on a full disk: %d %v", i, status, err)
			}
		}
	}
	reads(300)
	if text := try(); !strings.Contains(text, "disk is full") {
		t.Errorf("on a full disk, later: %q", text)
	}
	if at := session("GET", "/"); strings.HasPrefix(at, "/sign-in") {
		t.Errorf("nobody is signed in: %s", at)
	}
	session("POST", "/sign-out")
	if at := session("GET", "/"); !strings.HasPrefix(at, "/sign-in") {
		t.Errorf("after signing out on a full disk one is at %s", at)
	}
	s.kill()
	once := func(when, message string, n int) {
		t.Helper()
		if got := strings.Count(s.said.String(), message); got != n {
			t.Errorf("%s: %q was said %d times, want %d: %s", when, message, got, n, s.said)
		}
	}
	once("on a full disk", "the record takes no changes", 1)
	once("on a full disk", "the record takes changes again", 0)
	// And it starts on the full disk.
	s = start(t, dir)
	reads(20)
	untilRefused("started on a full disk")
	reads(20)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if text := try(); text != "" {
		t.Errorf("there is room again: %q", text)
	}
	answer, status, err := send(s.base, token, "GET", "/fhir/Observation?_summary=count", fhir.Obj())
	if got := answer.Get("total").Text(); err != nil || status != http.StatusOK || got != fmt.Sprint(stored) {
		t.Errorf("%s observations, want %d: %d %v", got, stored, status, err)
	}
	eventually(t, 20*time.Second, s.said.String, func() bool { return strings.Contains(s.said.String(), "takes changes again") })
	s.kill()
	once("with room again", "the record takes no changes", 1)
	once("with room again", "the record takes changes again", 1)
	verified(t, dir)
	t.Logf("%d writes acknowledged, 340 reads and a sign-out on a full disk, 0 lost", stored)
}

// signIn signs in on the pages; the function that it returns asks for one and tells where that
// ended.
func signIn(t *testing.T, base string) func(method, path string) string {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	client, ticket := &http.Client{Jar: jar}, ""
	ask := func(method, path string, form url.Values) string {
		t.Helper()
		r, err := http.NewRequest(method, base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode >= 500 {
			body, _ := io.ReadAll(res.Body)
			t.Fatalf("%s %s: %s %.400s", method, path, res.Status, body)
		}
		if method == "POST" && path == "/sign-in" {
			body, _ := io.ReadAll(res.Body)
			if m := regexp.MustCompile(`name="ticket" value="([^"]+)"`).FindSubmatch(body); m != nil {
				ticket = string(m[1])
			}
		}
		return res.Request.URL.Path
	}
	ask("POST", "/sign-in", url.Values{"user": {"drill"}, "password": {"a long enough password 9"}})
	code, err := identity.TOTPCode(drillFactor, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if at := ask("POST", "/sign-in/code", url.Values{"ticket": {ticket}, "code": {code}}); strings.HasPrefix(at, "/sign-in") {
		t.Fatalf("not signed in, but at %s", at)
	}
	return func(method, path string) string { t.Helper(); return ask(method, path, nil) }
}

// TestDrillReadOnlyDisk starts the program on a disk that takes no changes.
func TestDrillReadOnlyDisk(t *testing.T) {
	folder, image := smallDisk(t, 48)
	dir := filepath.Join(folder, "record")
	preparedIn(t, dir)
	for _, cmd := range [][]string{{"umount", folder}, {"mount", "-o", "loop,ro", image, folder}} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Skipf("skipped: %s: %v %s", cmd, err, out)
		}
	}
	out, err := exec.Command(binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot be written") {
		t.Errorf("on a read-only disk: %v %s", err, out)
	}
}

// TestDrillFailingSync lets syncs of the real program fail: it stops storing, says so, and has
// lost nothing when it starts again. A sync that fails only once is the trap: the system has
// forgotten what was to be written, and says at the next that all is well.
func TestDrillFailingSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("skipped: strace is not installed")
	}
	if out, err := exec.Command(strace, "-f", "-o", os.DevNull, "-e", "trace=fsync", "true").CombinedOutput(); err != nil {
		t.Skipf("skipped: strace may not trace here: %s", out)
	}
	calls := []int{4, 25}
	if os.Getenv("OSLER_DRILL") != "" {
		calls = []int{1, 2, 3, 5, 8, 12, 18, 25, 32, 40}
	}
	for _, call := range calls {
		dir, token := prepared(t)
		log := filepath.Join(t.TempDir(), "strace")
		s := launch(t, exec.Command(strace, "-f", "-o", log, "-e", "trace=fsync,fdatasync,pwritev2", "-e", fmt.Sprintf("inject=fsync,fdatasync,pwritev2:error=EIO:when=%d", call),
			binary(t), "serve", "--data", dir, "--listen", "127.0.0.1:0"))
		said := ""
		acknowledged := map[string]bool{}
		for range 200 {
			made, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient", "active", true))
			if err != nil {
				t.Fatal(err)
			}
			if status == http.StatusCreated {
				if said != "" {
					t.Errorf("call %d: after a failed sync something was stored", call)
				}
				acknowledged[made.Reference()] = true
				continue
			}
			said = string(made.JSON())
			if status != http.StatusServiceUnavailable || !strings.Contains(said, "disk failed") {
				t.Fatalf("call %d: refused with %d %s", call, status, said)
			}
		}
		stopTraced(t, s)
		trace, _ := os.ReadFile(log)
		if injected := bytes.Contains(trace, []byte("INJECTED")); !injected || said == "" {
			t.Errorf("call %d: injected %v, said %q: the drill proves nothing", call, injected, said)
		}
		s = start(t, dir)
		for ref := range acknowledged {
			if _, status, err := send(s.base, token, "GET", "/fhir/"+ref, fhir.Obj()); err != nil || status != http.StatusOK {
				t.Errorf("call %d: %s is lost: %d %v", call, ref, status, err)
			}
		}
		if _, status, err := send(s.base, token, "POST", "/fhir/Patient", fhir.Obj("resourceType", "Patient")); err != nil || status != http.StatusCreated {
			t.Errorf("call %d: after a restart: %d %v", call, status, err)
		}
		s.kill()
		verified(t, dir)
		t.Logf("sync %d of a thread failed: %d acknowledged before, 0 lost", call, len(acknowledged))
	}
}

// stopTraced kills the program under strace, and strace with it.
func stopTraced(t *testing.T, s *server) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.cmd.Process.Pid, s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(children)) {
		var n int
		if _, err := fmt.Sscan(pid, &n); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
	done := make(chan struct{})
	go func() { s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill()
		<-done
	}
}
