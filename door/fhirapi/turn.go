package fhirapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fair"
)

// workTime is how long the work for one costly request may take that only reads. What takes longer
// is asked for with Prefer: respond-async.
const workTime = 30 * time.Second

// costlyOperations are those whose work grows with what is stored or sent.
var costlyOperations = map[string]bool{"everything": true, "document": true, "lastn": true, "stats": true, "meta": true,
	"expand": true, "validate": true, "validate-code": true, "subsumes": true, "translate": true, "closure": true, "lookup": true, "import-document": true}

// costly reports whether the work for a request can be much: searches, histories, batches and
// transactions, operations, and answers that were made later, which may be told in XML. What reads or
// writes one resource is not, nor what waits for the client more than it works.
func (rt route) costly() bool {
	if rt.public || rt.stream {
		return false
	}
	switch rt.method + " " + rt.pattern {
	case "GET /fhir", "GET /fhir/{$}", "GET /fhir/{type}", "GET /fhir/{compartment}/{id}/{type}", "GET /fhir/$async-status":
		return true
	}
	at := strings.LastIndex(rt.pattern, "/")
	last := rt.pattern[at+1:]
	return rt.writesMany() || last == "_search" || last == "_history" || strings.HasPrefix(last, "$") && costlyOperations[last[1:]]
}

// writesMany reports whether a request is a batch or transaction.
func (rt route) writesMany() bool {
	return rt.method == http.MethodPost && (rt.pattern == "/fhir" || rt.pattern == "/fhir/{$}")
}

// changes reports whether a request may change something.
func (rt route) changes() bool {
	return rt.writesMany() || strings.HasSuffix(rt.pattern, "/$closure") || strings.HasSuffix(rt.pattern, "/$import-document") || rt.method != http.MethodGet && !rt.costly()
}

// job says how a request is queued. What only reads can be begun again, and has a budget.
func (rt route) job(c *call, budget time.Duration) fair.Job {
	j := fair.Job{Who: c.actor.Principal().ID}
	if !rt.changes() {
		j.Again, j.Budget = true, budget
	}
	return j
}

// answer runs the handler; for a costly request when its turn has come. The body is read before, so
// that no turn waits for a client that sends slowly.
func (s *server) answer(rt route, c *call, budget time.Duration) error {
	switch {
	case c.actor == nil:
		return s.guard(rt, c)
	case !rt.costly():
		s.Fair.Seen(c.actor.Principal().ID)
		return s.guard(rt, c)
	}
	body := c.readAhead()
	if err := c.trees.grow(c.Context(), body.bytes); err != nil { // before the turn, which would wait with it
		return err
	}
	return s.Fair.Do(c.Context(), rt.job(c, budget), func(t *fair.Turn) error {
		if rt.changes() {
			if err := s.room.full(c.actor.Principal().ID); err != nil {
				return err
			}
		}
		work := *c
		work.Request, work.turn, work.ahead = c.WithContext(t.Context()), t, body
		work.Body = body.reader()
		err := s.guard(rt, &work)
		c.xml, c.html = work.xml, work.html // the form in which an error is told
		return err
	})
}

// worked ends the turn of a request, before its answer is sent. The error says that the work was
// taken back and begins again: nothing may be sent.
func (c *call) worked() error { return c.turn.End() }

// ahead is a body that was read to its end, or until it failed.
type ahead struct {
	bytes []byte
	err   error
}

func (c *call) readAhead() *ahead {
	if c.Method != http.MethodPost || c.Body == nil || c.Body == http.NoBody {
		return &ahead{}
	}
	b, err := whole(c.Body, c.ContentLength)
	return &ahead{b, err}
}

func (a *ahead) reader() io.ReadCloser {
	return io.NopCloser(io.MultiReader(bytes.NewReader(a.bytes), failing{a.err}))
}

// failing is a reader that ends with an error, or just ends.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// all returns the whole body.
func (c *call) all() ([]byte, error) {
	if c.ahead != nil {
		return c.ahead.bytes, c.ahead.err
	}
	return whole(c.Body, c.ContentLength)
}

// readable takes room for what is read of a body, when that was not done before its turn.
func (c *call) readable(b []byte) error {
	if c.ahead != nil {
		return nil
	}
	return c.trees.grow(c.Context(), b)
}

// piece does a part of a work that goes on while the client takes what is done. It waits for its turn
// as long as the client does, because an answer that has begun cannot be refused any more.
func (s *server) piece(c *call, work func() error) error {
	for {
		err := s.Fair.Do(c.Context(), fair.Job{Who: c.actor.Principal().ID}, func(*fair.Turn) error { return work() })
		if busy := (*fair.Busy)(nil); !errors.As(err, &busy) {
			return err
		}
	}
}
