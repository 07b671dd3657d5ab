package fhirapi

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
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
	give()
	if r.all != roomAll || r.held["nina"] != 2*MaxBody {
		t.Errorf("given back: %d are held, %d of all", r.held["nina"], r.all)
	}
}
