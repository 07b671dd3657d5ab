package fhirapi

import (
	"bytes"
	"io"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// Bodies of very many values are not read beside each other beyond the room for what is read of them, whoever sends
// them; usual ones are read beside them, and one that waits is read when there is room.
func TestValuesTakeRoom(t *testing.T) {
	dense := []byte(`{"extension":[` + strings.Repeat("1,", 3_000_000) + `1]}`)
	usual := []byte(`{"entry":[` + strings.Repeat(`{"resource":{"status":"final"}},`, 10_000) + `{}]}`)
	synctest.Test(t, func(t *testing.T) {
		var r room
		of := func(who string) *trees { return &trees{room: &r, who: who} }
		first := of("nina")
		if err := first.grow(t.Context(), dense); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, who := range []string{"nina", "amara"} {
			if err := of(who).grow(t.Context(), dense); !fault.Is(err, fault.TooCostly) || time.Since(began) != fair.MaxWait {
				t.Errorf("%s: %v after %v", who, err, time.Since(began))
			}
			began = time.Now()
		}
		if err := of("amara").grow(t.Context(), usual); err != nil || time.Since(began) != 0 {
			t.Errorf("a usual one: %v", err)
		}
		time.AfterFunc(time.Second, first.gives[0])
		if err := of("amara").grow(t.Context(), dense); err != nil || time.Since(began) != time.Second {
			t.Errorf("one that waits: %v after %v", err, time.Since(began))
		}
	})
}

// TestValuesOfARequestTakeRoom: a batch of very many values waits before it is read, takes no turn meanwhile, and gives
// its room back.
func TestValuesOfARequestTakeRoom(t *testing.T) {
	var door *Handler
	h := open(t, func(_ *house, o *Options) { door = New(*o) })
	ask := func(kind string) int {
		body := `{"resourceType":"` + kind + `","type":"batch","entry":[{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic","code":{"text":"x"},"extension":[` + strings.Repeat("1,", 200_000) + `1]}}]}`
		path := "/fhir"
		if kind != "Bundle" {
			path = "/fhir/" + kind
		}
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+h.tokens[trust.Physician])
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w.Code
	}
	for _, kind := range []string{"Bundle", "Basic"} {
		if got := ask(kind); got == 429 || got >= 500 {
			t.Errorf("%s, with room: %d", kind, got)
		}
		if r := &door.server.grown; r.all != 0 || len(r.held) != 0 {
			t.Errorf("%s: %d bytes were not given back", kind, r.all)
		}
	}
	give, _ := door.server.grown.grow(t.Context(), "others", treeAll)
	defer give()
	for _, kind := range []string{"Bundle", "Basic"} {
		if got := ask(kind); got < 429 || got == 500 {
			t.Errorf("%s, without room: %d", kind, got)
		}
	}
}

// TestBodiesAreReadIntoOneBuffer: a body of a known size is not copied over and over, and none is made for what is announced
// and does not come.
func TestBodiesAreReadIntoOneBuffer(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 20<<20)
	for _, size := range []int64{int64(len(body)), MaxBody, 5, 0, -1} {
		if got, err := whole(iotest.HalfReader(bytes.NewReader(body)), size); err != nil || !bytes.Equal(got, body) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
	used := func(r io.Reader, size int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = whole(r, size)
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) >> 20
	}
	if n := used(bytes.NewReader(body), int64(len(body))); n > 50 { // it was 100
		t.Errorf("%d MB for 20", n)
	}
	if n := used(bytes.NewReader(body[:100]), MaxBody); n > 1 {
		t.Errorf("%d MB for what did not come", n)
	}
}
