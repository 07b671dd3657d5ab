package fhirapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/bundle"
)

// Limits of what is answered later. Answers are kept in memory: whoever asks only reads, so
// that after a restart it is asked again, and nothing is lost.
const (
	laterEach  = 4                // requests of one account that are on the way or wait to be fetched
	laterAll   = 64               // of all
	laterFor   = time.Hour        // how long an answer waits
	laterWork  = 10 * time.Minute // how long the work may take
	laterBytes = 64 << 20         // of one answer
)

// later holds the requests that are answered later (Prefer: respond-async).
type later struct {
	sync.Mutex
	jobs   map[string]*laterJob
	closed bool
	work   sync.WaitGroup // what is on the way
}

// laterJob is one of them. What it holds is set before done is closed.
type laterJob struct {
	owner  string
	asked  time.Time
	cancel context.CancelFunc
	done   chan struct{}
	entry  *fhir.Node // of the batch-response
}

// wantsLater reports whether a request asks to be answered later, and can be: reads only.
// What cannot is answered at once, as RFC 7240 allows.
func (rt route) wantsLater(c *call) bool {
	if !slices.ContainsFunc(c.Header.Values("Prefer"), func(v string) bool {
		return slices.ContainsFunc(strings.Split(v, ","), func(p string) bool { return strings.TrimSpace(p) == "respond-async" })
	}) {
		return false
	}
	switch {
	case rt.stream || rt.public || c.given != nil:
		return false
	case strings.HasPrefix(rt.interaction, "search") || strings.HasPrefix(rt.interaction, "history"):
		return true
	case strings.HasSuffix(rt.pattern, "/_search"):
		return true
	}
	at := strings.LastIndex(rt.pattern, "/$")
	return at >= 0 && slices.Contains(laterOperations, rt.pattern[at+2:])
}

// laterOperations are those that read, and may take their time.
var laterOperations = []string{"everything", "document", "lastn", "stats", "meta", "expand", "validate"}

// later begins the work and answers 202 with the address of its status.
func (s *server) later(rt route, c *call) error {
	body, err := io.ReadAll(c.Body)
	if err != nil {
		return fault.New(fault.TooLarge, "The body is larger than the limit of %d bytes, or broke off.", MaxBody)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), laterWork)
	job := &laterJob{owner: laterOwner(c), asked: s.Clock.Now(), cancel: cancel, done: make(chan struct{})}
	id := ident.Secret()
	if err := s.waiting.add(id, job); err != nil {
		cancel()
		return err
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	r := c.Request.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	work := &call{Request: r, actor: c.actor, base: c.base, w: w}
	request := c.w.Header().Get("X-Request-Id")
	go func() {
		defer s.waiting.work.Done()
		defer cancel()
		defer close(job.done)
		defer s.while(work)()
		err := s.answer(rt, work, 0)
		if work.Context().Err() != nil {
			err = fault.New(fault.TooCostly, "The work was given up: it was cancelled, or not finished within %v.", laterWork)
		}
		if err == nil && w.body.Len() > laterBytes {
			err = fault.New(fault.TooCostly, "The answer has more than %d bytes; ask for less, or in pages.", laterBytes)
		}
		if err != nil {
			w.body.Reset()
			s.fail(work, request, err)
		}
		resource, err := fhir.Parse(w.body.Bytes())
		if err != nil {
			resource = nil
		}
		response := fhir.Obj("status", fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)))
		if w.status >= 400 {
			response.Set("outcome", resource)
			resource = nil
		}
		job.entry = fhir.Obj("resource", resource, "response", response)
	}()
	h := c.w.Header()
	h.Set("Content-Location", c.base+"/$async-status?job="+id)
	h.Set("Preference-Applied", "respond-async")
	return c.write(http.StatusAccepted, outcome(fault.Issue{Severity: "information", Type: "informational", Text: "The answer is made; ask the address in Content-Location for it."}).JSON())
}

// laterOwner is who may fetch an answer: the account, with the same token or session.
func laterOwner(c *call) string { return c.actor.Principal().ID + " " + c.actor.Principal().Session }

// add keeps a job whose work is about to begin, and lets go of those that nobody has fetched
// in time.
func (l *later) add(id string, job *laterJob) error {
	l.Lock()
	defer l.Unlock()
	if l.closed {
		return fault.New(fault.Unavailable, "The server is stopping; ask again when it is back.")
	}
	own := 0
	for other, j := range l.jobs {
		if job.asked.Sub(j.asked) > laterFor {
			j.cancel()
			delete(l.jobs, other)
		} else if j.owner == job.owner {
			own++
		}
	}
	if own >= laterEach || len(l.jobs) >= laterAll {
		return fault.New(fault.TooCostly, "Too many answers are on the way or wait to be fetched; fetch or cancel one first.")
	}
	if l.jobs == nil {
		l.jobs = map[string]*laterJob{}
	}
	l.jobs[id] = job
	l.work.Add(1)
	return nil
}

// close cancels what is on the way, begins nothing more, and waits until all has ended.
func (l *later) close() {
	l.Lock()
	l.closed = true
	for _, j := range l.jobs {
		j.cancel()
	}
	l.Unlock()
	l.work.Wait()
}

// find returns the caller's job.
func (l *later) find(c *call) (string, *laterJob, error) {
	id := c.URL.Query().Get("job")
	l.Lock()
	defer l.Unlock()
	j := l.jobs[id]
	if j == nil || j.owner != laterOwner(c) {
		return "", nil, fault.New(fault.NotFound, "There is no such answer: it was cancelled, has expired, or was lost in a restart. Ask again.")
	}
	return id, j, nil
}

func (l *later) drop(id string) {
	l.Lock()
	defer l.Unlock()
	delete(l.jobs, id)
}

// asyncStatus answers $async-status: 202 while the work goes on, then a Bundle of type
// batch-response with the answer, which waits for an hour.
func (s *server) asyncStatus(c *call) error {
	_, job, err := s.waiting.find(c)
	if err != nil {
		return err
	}
	select {
	case <-job.done:
		return c.write(http.StatusOK, bundle.Response("batch", job.entry).JSON())
	default:
	}
	h := c.w.Header()
	h.Set("X-Progress", fmt.Sprintf("at work for %d s", int(s.Clock.Now().Sub(job.asked).Seconds())))
	h.Set("Retry-After", "1")
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// asyncCancel answers DELETE $async-status: the work is given up, or the answer let go.
func (s *server) asyncCancel(c *call) error {
	id, job, err := s.waiting.find(c)
	if err != nil {
		return err
	}
	job.cancel()
	s.waiting.drop(id)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
