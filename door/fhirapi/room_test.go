package fhirapi

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
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
					b := &roomyBody{ReadCloser: zeros(MaxBody), ctx: t.Context(), room: &r, who: who, has: roomFree, size: size}
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
				brief := &roomyBody{ReadCloser: zeros(roomFree), ctx: t.Context(), room: &r, who: "nina", has: roomFree, size: -1}
				if n, err := io.CopyN(io.Discard, brief, roomFree); err != nil {
					t.Errorf("a brief one: %d, %v", n, err)
				}
				time.AfterFunc(time.Second, func() {
					for _, b := range []*roomyBody{first, second} {
						for _, give := range b.taken {
							give()
						}
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
