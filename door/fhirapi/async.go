package fhirapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/policy"
)

// Limits of what is answered later. Answers are kept in memory: whoever asks only reads, so
// that after a restart it is asked again, and nothing is lost.
const (
	laterEach  = 4                // requests of one account that are on the way or wait to be fetched
	laterAll   = 64               // of all
	laterFor   = 30 * time.Minute // after the question an answer is let go
	laterBare  = time.Minute      // after it was made, one that does not say whose charts it comes from
	laterWork  = 10 * time.Minute // how long the work may take
	laterBytes = 32 << 20         // of the answers of one account
	laterTotal = 256 << 20        // of all answers
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
	owner  string // the account
	rights string // with which it was asked
	asked  time.Time
	made   time.Time
	size   int // of the answer in bytes; guarded by later
	cancel context.CancelFunc
	done   chan struct{}
	entry  []byte          // of the batch-response
	shows  []store.Version // without their bodies: what the answer holds
	counts bool            // a total counts more than that
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
	body, err := whole(c.Body, c.ContentLength)
	if err != nil {
		return unread(err, fault.New(fault.TooLarge, "The body is larger than the limit of %d bytes, or broke off.", MaxBody))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), laterWork)
	job := &laterJob{owner: c.actor.Principal().ID, rights: rightsOf(c), asked: s.Clock.Now(), cancel: cancel, done: make(chan struct{})}
	id := ident.Secret()
	if err := s.waiting.add(id, job); err != nil {
		cancel()
		return err
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	r := c.Request.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	work := &call{Request: r, actor: c.actor, base: c.base, w: w, job: job}
	request := c.w.Header().Get("X-Request-Id")
	go func() {
		defer s.waiting.work.Done()
		defer cancel()
		defer close(job.done)
		defer s.while(work)()
		defer s.grows(work)()
		err := s.answer(rt, work, 0)
		if work.Context().Err() != nil {
			err = fault.New(fault.TooCostly, "The work was given up: it was cancelled, or not finished within %v.", laterWork)
		}
		if err == nil {
			err = s.waiting.room(job, w.body.Len())
		}
		if err != nil {
			w.body.Reset()
			s.fail(work, request, err)
		}
		job.entry, job.made = w.answered(), s.Clock.Now()
	}()
	time.AfterFunc(laterFor, func() { s.waiting.drop(id) })
	h := c.w.Header()
	h.Set("Content-Location", c.base+"/$async-status?job="+id)
	h.Set("Preference-Applied", "respond-async")
	return c.write(http.StatusAccepted, outcome(fault.Issue{Severity: "information", Type: "informational", Text: "The answer is made; ask the address in Content-Location for it."}).JSON())
}

// shows notes that the answer holds a version, where it is kept for later. What is no resource of the
// record, such as an entry of the audit log, has no version.
func (c *call) shows(v store.Version) {
	if c.job != nil && v.Version > 0 {
		c.job.shows = append(c.job.shows, store.Version{Type: v.Type, ID: v.ID, Version: v.Version, Patient: v.Patient, Deleted: v.Deleted})
	}
}

// rightsOf is what an answer depends on beside the record: who asks, in which role, with which scopes and
// clearances, for whom. Whoever fetches an answer has the same; a later token of the same program may.
func rightsOf(c *call) string {
	p := c.actor.Principal()
	p.Session, p.Network, p.Proved, p.Glass, p.Service = "", "", time.Time{}, nil, nil // of one moment, or judged anew
	b, err := json.Marshal(p)
	if err != nil {
		return ""
	}
	return string(b)
}

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

// room makes room for the answer of a job whose work is done, beside the others that wait.
func (l *later) room(job *laterJob, size int) error {
	l.Lock()
	defer l.Unlock()
	own, all := size, size
	for _, j := range l.jobs {
		if j == job {
			continue
		}
		if all += j.size; j.owner == job.owner {
			own += j.size
		}
	}
	if own > laterBytes || all > laterTotal {
		return fault.New(fault.TooCostly, "The answer has too many bytes beside those that wait already (%d MB are kept for each). Fetch and delete those first, and ask for less, or in pages.", laterBytes>>20)
	}
	job.size = size
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
func (l *later) find(c *call, now time.Time) (string, *laterJob, error) {
	id := c.URL.Query().Get("job")
	l.Lock()
	defer l.Unlock()
	j := l.jobs[id]
	if j == nil || j.owner != c.actor.Principal().ID || now.Sub(j.asked) > laterFor {
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
// batch-response with the answer, which waits for half an hour. What the caller may see is judged
// again whenever the answer is fetched, and each time is in the audit log with the patients whom it
// is about: an answer that holds what has been hidden since, or that was asked for with other rights, is let go;
// one that does not say what it comes from (a count, a total of more than its page, a page of the audit log, a list of practitioners) after a
// minute.
func (s *server) asyncStatus(c *call) error {
	id, job, err := s.waiting.find(c, s.Clock.Now())
	if err != nil {
		return err
	}
	select {
	case <-job.done:
		if err := s.again(c, id, job); err != nil {
			return err
		}
		return c.write(http.StatusOK, responseJSON("batch", job.entry))
	default:
	}
	if err := c.worked(); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("X-Progress", fmt.Sprintf("at work for %d s", int(s.Clock.Now().Sub(job.asked).Seconds())))
	h.Set("Retry-After", "1")
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// again judges anew what an answer holds, and notes that it is given out.
func (s *server) again(c *call, id string, job *laterJob) error {
	if rights := rightsOf(c); rights == "" || rights != job.rights || job.bare(c.actor.Hides()) && s.Clock.Now().Sub(job.made) > laterBare {
		return s.letGo(id)
	}
	if len(job.shows) == 0 {
		return nil
	}
	still, err := c.actor.Still(c.Context(), slices.Clone(job.shows))
	if err != nil {
		return err
	}
	if len(still) < len(job.shows) {
		return s.letGo(id)
	}
	return c.actor.Again(c.Context(), "answer that was made later", job.shows)
}

// bare reports whether an answer says more than can be judged by what it holds: a count, a total of more than its page, what is in nobody's
// chart but may have been found by way of one (the practitioners of a patient), and how to reach people for a
// reader from whom some keep it.
func (j *laterJob) bare(hides policy.Mask) bool {
	return hides.Reach || j.counts || !slices.ContainsFunc(j.shows, func(v store.Version) bool { return v.Patient != "" || v.Type == "Patient" })
}

// letGo drops an answer that may not be true of its reader any more.
func (s *server) letGo(id string) error {
	s.waiting.drop(id)
	return fault.New(fault.Gone, "What you may see can have changed since this answer was made; it was let go. Ask again.")
}

// asyncCancel answers DELETE $async-status: the work is given up, or the answer let go.
func (s *server) asyncCancel(c *call) error {
	id, job, err := s.waiting.find(c, s.Clock.Now())
	if err != nil {
		return err
	}
	job.cancel()
	s.waiting.drop(id)
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
