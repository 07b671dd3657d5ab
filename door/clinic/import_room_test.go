package clinic

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/trust"
)

// Documents that come at once are held to what there is room for, of an account and of all, and give it back.
func TestArrivingDocumentsTakeRoom(t *testing.T) {
	var a arriving
	come := func(who string) (*arrival, error) {
		x := a.of(who, bytes.NewReader(make([]byte, document.MaxBytes)))
		_, err := io.Copy(io.Discard, struct{ io.Reader }{x})
		return x, err
	}
	var here []*arrival
	for i := range 12 {
		x, err := come(string(rune('a' + i/2)))
		here = append(here, x)
		if (err != nil) != (i >= 10) || err != nil && !fault.Is(err, fault.TooCostly) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, x := range here {
		x.done()
	}
	if a.all != 0 || len(a.held) != 0 {
		t.Errorf("%d bytes were not given back", a.all)
	}
	for i := range 3 {
		if _, err := come("a"); (err != nil) != (i == 2) {
			t.Errorf("of one account, %d: %v", i, err)
		}
	}
}

// TestImportWaitsForRoom: what is refused for want of room comes back with what was typed, and is taken when there
// is some.
func TestImportWaitsForRoom(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.signedIn("anna")
	full := func(n int64) {
		arrivals.mu.Lock()
		defer arrivals.mu.Unlock()
		arrivals.all += n
	}
	full(arrivingAll)
	page := anna.sendLetter("maria", letterFile(), "key", "k1", "reason", "Confirmed by phone today")
	full(-arrivingAll)
	if page.status != http.StatusTooManyRequests || !page.says("Too many documents") || !strings.Contains(page.body, `action="/p/maria/documents/import"`) ||
		!strings.Contains(page.body, `value="Confirmed by phone today"`) {
		t.Errorf("without room: %d %s %s", page.status, page.path, tags.ReplaceAllString(page.body, " "))
	}
	if page := anna.sendLetter("maria", letterFile(), "key", "k1"); page.status != http.StatusOK || !strings.HasSuffix(page.path, "/review") {
		t.Errorf("with room: %d %s", page.status, page.path)
	}
	if arrivals.all != 0 || len(arrivals.held) != 0 {
		t.Errorf("%d bytes were not given back", arrivals.all)
	}
}

// TestReviewWaitsForItsTurn: the review of a document takes its turn among all that is costly, and what was chosen
// is offered again when the turn does not come.
func TestReviewWaitsForItsTurn(t *testing.T) {
	h := open(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","generalPractitioner":[{"reference":"Practitioner/anna"}]}`)
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", letterFile(), "key", "k1")
	at := page.path
	fields := append(chooseAll(page, "add"), "key", page.value(t, "key"), "mark", page.value(t, "mark"), "act", "accept")
	account, err := h.site.Accounts.FindByUser(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	q := fair.New(1)
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	hold := func(who string) {
		all.Go(func() {
			_ = q.Do(ctx, fair.Job{Who: who}, func(turn *fair.Turn) error { <-turn.Context().Done(); return nil })
		})
	}
	for _, other := range []string{"x", "y", "z"} { // the one place, and the two beside
		hold(other)
		for n := 0; n == 0; time.Sleep(time.Millisecond) {
			n, _ = q.Count(other)
		}
	}
	for range fair.MaxWaiting {
		hold(account.ID)
	}
	for n := 0; n < fair.MaxWaiting; time.Sleep(time.Millisecond) {
		_, n = q.Count(account.ID)
	}
	h.site.Fair = q
	refused := func(what string, a answer) {
		t.Helper()
		if a.status != http.StatusTooManyRequests || !a.says("requests wait already") {
			t.Errorf("%s: %d %s %s", what, a.status, a.path, tags.ReplaceAllString(a.body, " "))
		}
	}
	held := anna.post(at, fields...)
	refused("the decision", held)
	for i := 0; i+1 < len(fields); i += 2 {
		if !strings.Contains(held.body, `name="`+fields[i]+`" value="`+fields[i+1]+`"`) {
			t.Errorf("%s is lost", fields[i])
		}
	}
	undo := strings.TrimSuffix(at, "/review") + "/undo/none"
	refused("the undo", anna.post(undo))
	refused("the whole document", anna.get(strings.TrimSuffix(at, "/review")+"/whole"))
	again := anna.sendLetter("maria", letterFile(), "key", "k2")
	refused("another document", again)
	if !strings.Contains(again.body, `action="/p/maria/documents/import"`) {
		t.Error("the form does not come back")
	}
	end()
	all.Wait()
	if done := anna.post(at, fields...); done.status != http.StatusOK || !done.says("added") {
		t.Errorf("later: %d %s %s", done.status, done.path, tags.ReplaceAllString(done.body, " "))
	}
}
