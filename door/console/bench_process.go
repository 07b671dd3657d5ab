package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// serving runs f while the record is served: by a second process, so that its memory and
// processor time are its own, or with --here by this one.
func (b *bench) serving(ctx context.Context, f func() error) error {
	opening := time.Now()
	if b.command.Here {
		return b.servingHere(ctx, opening, f)
	}
	cmd, address, err := b.program.child(ctx, b.data)
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	b.base, b.pid = address, cmd.Process.Pid
	if err := b.answers(ctx, "start until the first answer, existing record", opening); err != nil {
		return err
	}
	return f()
}

func (b *bench) servingHere(ctx context.Context, opening time.Time, f func() error) (err error) {
	h, err := b.program.open(ctx, b.data, false)
	if err != nil {
		return err
	}
	defer h.store.Close()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	quiet := &Program{Clock: b.program.Clock, Out: io.Discard, Err: io.Discard}
	ready, done := make(chan string, 1), make(chan error, 1)
	l := listenFlags{Listen: "127.0.0.1:0"}
	tcp, err := l.bind()
	if err != nil {
		return err
	}
	go func() {
		done <- quiet.serve(serving, h, quiet.site(h, "bench"), tcp, l, outwardFlags{},
			func(l *listening) error { ready <- l.address; return nil })
	}()
	select {
	case b.base = <-ready:
	case err := <-done:
		return err
	}
	b.pid = os.Getpid()
	if err := b.answers(ctx, "start until the first answer, existing record", opening); err != nil {
		return err
	}
	err = f()
	stop()
	if end := <-done; err == nil {
		err = end
	}
	return err
}

// answers waits for the first answer of the server and adds how long that took.
func (b *bench) answers(ctx context.Context, name string, opening time.Time) error {
	if err := b.get(ctx, "/healthz"); err != nil {
		return err
	}
	b.report.add(figure{Name: name, Value: ms(time.Since(opening)), Unit: "ms"})
	return nil
}

// begin measures a first start from nothing.
func (b *bench) begin(ctx context.Context) {
	if b.command.Here || b.data.Database != "" || !b.command.wants("first start") {
		return
	}
	opening := time.Now()
	cmd, address, err := b.program.child(ctx, dataFlags{Data: b.dir + "/nothing"})
	if err == nil {
		b.base = address
		err = b.answers(ctx, "first start, from nothing", opening)
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	if err != nil {
		b.report.add(figure{Name: "first start, from nothing", Unit: "ms", Errors: 1})
	}
}

// child starts this program again, to serve a record, and returns its address.
func (p *Program) child(ctx context.Context, d dataFlags) (*exec.Cmd, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"serve", "--listen", "127.0.0.1:0"}, d.args()...)...)
	cmd.Stderr = p.Err
	if d.Database != "" { // it may hold a password, which others would see on the command line
		cmd.Env = append(os.Environ(), "OSLER_DATABASE="+d.Database)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, "", err
	}
	line := make([]byte, 1024)
	n, err := out.Read(line)
	said, _, _ := strings.Cut(string(line[:n]), "\n")
	_, address, ok := strings.Cut(said, "ready at ")
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, "", fault.New(fault.Internal, "The server did not start.")
	}
	go io.Copy(io.Discard, out)
	return cmd, strings.TrimSpace(address), nil
}

// args are the flags as words, for a child process.
func (d dataFlags) args() []string {
	words := []string{"--data", d.Data}
	for _, w := range [][2]string{{"--key-file", d.KeyFile}, {"--key-command", d.KeyCommand}, {"--key-service", d.KeyService}} {
		if w[1] != "" {
			words = append(words, w[0], w[1])
		}
	}
	return words
}

// rest adds the memory of the server while nothing asks it.
func (b *bench) rest() {
	if size := memoryOf(b.pid, "VmRSS:"); size > 0 && !b.command.Here {
		b.report.add(figure{Name: "memory at rest", Value: size, Unit: "MB"})
	}
}

// peak adds the most memory that the server had.
func (b *bench) peak() {
	if size := memoryOf(b.pid, "VmHWM:"); size > 0 && !b.command.Here {
		b.report.add(figure{Name: "memory at most, under load", Value: size, Unit: "MB"})
	}
}

// cpuOf returns the processor time that a process has used so far; 0 where /proc is not.
func cpuOf(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * (time.Second / 100) // USER_HZ is 100 on every Linux
}

// memoryOf returns a line of a process's status in MB; 0 where /proc is not.
func memoryOf(pid int, name string) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return n * 1024 / 1e6
		}
	}
	return 0
}

// perOp divides processor time among operations, in microseconds.
func perOp(cpu time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(cpu.Microseconds()) / float64(n)
}
