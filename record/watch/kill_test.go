package watch

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// victim names the folder of the record, in the environment of a process that is to be killed.
const victim = "OSLER_WATCH_VICTIM"

// TestVictim is that process: it writes and delivers until it is killed.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victim)
	if dir == "" {
		t.Skip("only for TestKilled")
	}
	h := openIn(t, dir)
	for first := true; ; first = false {
		n, err := h.gate.As(physician, "test").Count(context.Background(), "Observation", nil)
		if err != nil {
			t.Fatal(err)
		}
		h.put(physician, pulse(int(n), "8867-4", "rosa"))
		if first {
			fmt.Println("ready")
		}
	}
}

// TestKilled kills a process that writes and delivers, without warning, again and again.
// Every commit that it made is delivered, in order; some twice.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	rounds := 12
	c := receive(t, func(n int, _ request) int {
		if n%17 == 3 {
			return 500
		}
		return 200
	})
	dir := t.TempDir()
	h := openIn(t, dir)
	h.put(importer, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Díaz"}]}`)
	id := h.put(physician, hook("Observation?code=8867-4", c.URL, `,"payload":"application/fhir+json"`))[0]
	h.becomes(id, "active")
	h.end()
	for range rounds {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
		cmd.Env = append(os.Environ(), victim+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && lines.Text() != "ready" {
		}
		time.Sleep(time.Duration(20+rand.IntN(250)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it says that it was killed
	}
	last := openIn(t, dir)
	changes, now, err := last.store.Changes(context.Background(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range changes {
		if v.Type == "Observation" {
			want = append(want, "/Observation/"+v.ID)
		}
	}
	accepted := func() (list []string) {
		seen := map[string]bool{}
		for n, r := range c.all() {
			if n%17 != 3 && !seen[r.path] {
				seen[r.path] = true
				list = append(list, r.path)
			}
		}
		return list
	}
	last.until("everything is delivered", func() bool { return len(accepted()) >= len(want) })
	last.quiet()
	if got := strings.Join(accepted(), " "); got != strings.Join(want, " ") {
		t.Errorf("delivered:\n%s\nwant\n%s", got, strings.Join(want, " "))
	}
	keys := map[string]string{}
	for _, r := range c.all() { // a repeated notification has the same key
		if k := r.header.Get("Idempotency-Key"); keys[k] != "" && keys[k] != r.path {
			t.Errorf("the key %s stands for %s and %s", k, keys[k], r.path)
		} else {
			keys[k] = r.path
		}
	}
	t.Logf("killed %d times: %d changes up to commit %d, %d requests, nothing lost", rounds, len(want), now, len(c.all()))
	if len(want) < rounds {
		t.Errorf("only %d changes were made in %d rounds", len(want), rounds)
	}
}
