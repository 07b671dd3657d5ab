package fhirapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// zeros is a body of so many bytes.
func zeros(n int64) io.ReadCloser { return io.NopCloser(io.LimitReader(endless{}, n)) }

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Bodies of one account are held to what it may have in memory, whether their size is told or they are packed;
// others are read beside them, and what waits is read when there is room.
func TestBodiesTakeRoom(t *testing.T) {
	for name, size := range map[string]int64{"told": MaxBody, "packed": -1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r room
				read := func(who string) (*roomyBody, error) {
					b := r.body(t.Context(), who, zeros(MaxBody), size, func() {})
					_, err := io.CopyN(io.Discard, b, MaxBody)
					return b, err
				}
				first, err := read("nina")
				if err != nil {
					t.Fatal(err)
				}
				second, err := read("nina")
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if _, err := read("nina"); !fault.Is(err, fault.TooCostly) || time.Since(began) != fair.MaxWait {
					t.Errorf("a third: %v, after %v", err, time.Since(began))
				}
				if _, err := read("amara"); err != nil {
					t.Errorf("of another: %v", err)
				}
				brief := r.body(t.Context(), "nina", zeros(roomFree), -1, func() {})
				if n, err := io.CopyN(io.Discard, brief, roomFree); err != nil {
					t.Errorf("a brief one: %d, %v", n, err)
				}
				time.AfterFunc(time.Second, func() {
					for _, b := range []*roomyBody{first, second} {
						b.done()
					}
				})
				began = time.Now()
				if _, err := read("nina"); err != nil || time.Since(began) != time.Second {
					t.Errorf("one that waits: %v, after %v", err, time.Since(began))
				}
			})
		})
	}
}

// slowly is a body of which so much comes at once, and nothing afterwards until it is broken off.
type slowly struct {
	at    int64
	ended chan struct{}
}

func (s *slowly) Read(p []byte) (int, error) {
	if s.at <= 0 {
		<-s.ended
		return 0, os.ErrDeadlineExceeded
	}
	n := min(int64(len(p)), s.at)
	s.at -= n
	return int(n), nil
}

func (s *slowly) Close() error { return nil }

// slow sends bodies of so many accounts, two each, that announce all they may have and stop when so much has come.
func slow(ctx context.Context, r *room, accounts int, came int64) (ended *atomic.Int32, over func()) {
	ended = new(atomic.Int32)
	var all sync.WaitGroup
	var breaks []func()
	for i := range 2 * accounts {
		from := &slowly{at: came, ended: make(chan struct{})}
		end := sync.OnceFunc(func() { close(from.ended) })
		breaks = append(breaks, end)
		b := r.body(ctx, fmt.Sprint("slow-", i/2), from, MaxBody, end)
		all.Go(func() {
			defer b.done()
			if _, err := io.Copy(io.Discard, b); err == errSlow {
				ended.Add(1)
			}
		})
	}
	synctest.Wait()
	return ended, func() {
		for _, end := range breaks {
			end()
		}
		all.Wait()
	}
}

// What is announced and does not come keeps nobody else out; what has come and stops makes way.
func TestSlowBodiesKeepNobodyOut(t *testing.T) {
	for name, came := range map[string]int64{"announced": 1 << 20, "nearly there": MaxBody - 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r room
				ended, over := slow(t.Context(), &r, 5, came)
				time.Sleep(5 * time.Second)
				began := time.Now()
				for range 3 { // large reads and large bodies of others
					give, err := r.take(t.Context(), "nina", MaxBody, false)
					if err != nil {
						t.Fatalf("a large answer: %v", err)
					}
					b := r.body(t.Context(), "nina", zeros(MaxBody), MaxBody, func() {})
					if _, err := io.Copy(io.Discard, b); err != nil {
						t.Fatalf("a large body: %v", err)
					}
					b.done()
					give()
				}
				if waited := time.Since(began); waited > time.Second {
					t.Errorf("others waited for %v", waited)
				}
				if n := ended.Load(); n > 0 && came < roomStep || n == 0 && came > roomStep {
					t.Errorf("%d bodies made way", n)
				}
				over()
				if r.all != 0 || r.come != 0 || len(r.held) != 0 || r.opens != 0 || len(r.open) != 0 {
					t.Errorf("not given back: %d, %d, %v, %d", r.all, r.come, r.held, r.opens)
				}
			})
		})
	}
}

// Bodies that come at the same pace all end while there is room for them; of more than that, most do.
func TestEvenBodiesShareTheRoom(t *testing.T) {
	for bodies, most := range map[int]int32{8: 0, 12: 6} {
		synctest.Test(t, func(t *testing.T) {
			var r room
			var all sync.WaitGroup
			var ended, broken atomic.Int32
			for i := range bodies {
				all.Go(func() {
					from := &paced{}
					b := r.body(t.Context(), fmt.Sprint(i/2), from, MaxBody, func() { broken.Add(1); from.gone.Store(true) })
					defer b.done()
					switch _, err := io.CopyN(io.Discard, b, MaxBody); err {
					case nil:
					case errSlow, errRoom:
						ended.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if ended.Load() > most || ended.Load() < broken.Load() {
				t.Errorf("%d of %d made way, %d were broken off", ended.Load(), bodies, broken.Load())
			}
		})
	}
}

// paced sends four mebibytes in a second.
type paced struct{ gone atomic.Bool }

func (p *paced) Read(b []byte) (int, error) {
	time.Sleep(time.Second / 128)
	if p.gone.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return min(len(b), 32<<10), nil
}

func (p *paced) Close() error { return nil }

// Exchanges that wait for their clients are counted, small ones too: of one account, and of all; that which
// has stood still longest makes way.
func TestUnfinishedExchangesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r room
		var ended []int
		enter := func(who string, i int) *exchange {
			time.Sleep(time.Millisecond)
			return r.enter(who, func() { ended = append(ended, i) })
		}
		first := enter("nina", 0)
		for i := range openEach - 1 {
			enter("nina", i+1)
		}
		enter("nina", -2) // a chart that is opened at once: nobody stands still
		if len(ended) > 0 {
			t.Fatalf("ended at once: %v", ended)
		}
		r.remove(r.open["nina"][openEach])
		time.Sleep(openStill)
		first.moves()
		enter("nina", openEach)
		enter("amara", -1)
		if !slices.Equal(ended, []int{1}) || first.isBroken() || r.open["nina"][0] != first {
			t.Fatalf("ended: %v", ended)
		}
		ended = nil
		for i := range openAll {
			enter(fmt.Sprint("many-", i/100), i)
		}
		if r.opens != openAll || len(r.open["amara"]) != 1 || !slices.Contains(ended, 2) {
			t.Errorf("%d are open, %d of amara; ended %v", r.opens, len(r.open["amara"]), ended)
		}
	})
}

// Over the wire: whoever has many bodies on the way that do not come to their end gets the answer that says so,
// and what is sent whole is answered beside them.
func TestUnfinishedBodiesOverTheWire(t *testing.T) {
	var door *Handler
	h := open(t, func(h *house, o *Options) { door = New(*o) })
	server := httptest.NewServer(door)
	t.Cleanup(server.Close)
	send := func(body string, size int) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST /fhir/Observation HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s", h.tokens[trust.Physician], size, body)
		return c
	}
	answered := func(c net.Conn) int {
		t.Helper()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.StatusCode
	}
	waiting := func() int {
		door.server.room.mu.Lock()
		defer door.server.room.mu.Unlock()
		return door.server.room.opens
	}
	first := send("{", 1000)
	for waiting() < 1 {
		time.Sleep(time.Millisecond)
	}
	for range openEach - 1 {
		send("{", 1000)
	}
	time.Sleep(openStill)
	send("{", 1000)
	if status := answered(first); status != http.StatusTooManyRequests {
		t.Errorf("the body that stood still longest: %d", status)
	}
	const small = `{"resourceType":"Observation","status":"final","code":{"text":"small"},"subject":{"reference":"Patient/rosa"}}`
	for range 3 {
		if status := answered(send(small, len(small))); status != http.StatusCreated {
			t.Errorf("one that is sent whole: %d", status)
		}
	}
	if n := waiting(); n > openEach {
		t.Errorf("%d wait", n)
	}
}

// Answers that their clients do not take are counted, and end.
func TestAnswersTakeRoom(t *testing.T) {
	var r room
	for i := range 3 {
		_, err := r.take(context.Background(), "nina", MaxBody, false)
		if fault.Is(err, fault.TooCostly) != (i == 2) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	for i := range 10 {
		if _, err := r.take(context.Background(), strings.Repeat("x", i), MaxBody, false); (err != nil) != (i >= 8) {
			t.Errorf("of account %d: %v", i, err)
		}
	}
	give := r.force("nina", 2*MaxBody) // of what is done already
	if err := r.full("nina"); err == nil {
		t.Error("more is begun by who has taken all")
	}
	if err := r.full("amara"); err != nil {
		t.Errorf("another may not begin because of that: %v", err)
	}
	give()
	if r.all != roomAll || r.held["nina"] != 2*MaxBody {
		t.Errorf("given back: %d are held, %d of all", r.held["nina"], r.all)
	}
}

// While all room is taken by others, small changes are made as ever, and no Bundle takes more: not one that only
// reads, and not one that reads beside what it changes, which is told without what it reads.
func TestBundlesHaveNoRoomOfTheirOwn(t *testing.T) {
	var door *Handler
	h := open(t, func(h *house, o *Options) {
		door = New(*o)
		h.seed(`{"resourceType":"Observation","id":"long","status":"final","code":{"text":"long"},"subject":{"reference":"Patient/rosa"},"note":[{"text":"` + strings.Repeat("long ", roomFree/5) + `"}]}`)
	})
	ask := func(entries ...string) (int, string) {
		r := httptest.NewRequest("POST", "/fhir", strings.NewReader(`{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`]}`))
		r.Header.Set("Authorization", "Bearer "+h.tokens[trust.Physician])
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const read = `{"request":{"method":"GET","url":"Observation/long"}}`
	const write = `{"request":{"method":"POST","url":"Observation"},"resource":{"resourceType":"Observation","status":"final","code":{"text":"small"},"subject":{"reference":"Patient/rosa"}}}`
	if status, answer := ask(read, read); status != 200 || len(answer) < 2*roomFree {
		t.Fatalf("with room: %d, %d bytes", status, len(answer))
	}
	if r := &door.server.room; r.all != 0 {
		t.Errorf("%d bytes of room were not given back", r.all)
	}
	door.server.room.force("others", roomAll-1)
	if status, answer := ask(read, read); len(answer) > 2*roomFree || !strings.Contains(answer, "too much memory") {
		t.Errorf("a Bundle that reads: %d, %d bytes", status, len(answer))
	}
	status, answer := ask(write, read, read)
	if status != 200 || !strings.Contains(answer, `"201 Created"`) || !strings.Contains(answer, "too much memory") || len(answer) > 2*roomFree {
		t.Errorf("a Bundle that changes: %d, %d bytes, %.300s", status, len(answer), answer)
	}
	door.server.room.force("others", 1)
	if status, answer := ask(write); status != 200 || !strings.Contains(answer, `"201 Created"`) {
		t.Errorf("a small change: %d, %.300s", status, answer)
	}
	if r := &door.server.room; r.all != roomAll {
		t.Errorf("%d bytes are held", r.all)
	}
}
