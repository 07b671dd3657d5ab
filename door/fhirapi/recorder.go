package fhirapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/bundle"
)

// Limits of what the entries of one Bundle may use together. What takes longer or is larger is asked for by
// itself, in pages, or as an export.
const (
	bundleBytes = 32 << 20 // of all answers
	bundleXML   = 8 << 20  // the same where they are told in XML or as a page, which takes more memory
)

// allowance is what the entries of one Bundle may use together: bytes for all answers, and time for what reads,
// and for the conditions of what writes.
type allowance struct {
	ctx   context.Context // ends when the time is up
	bytes int             // that are left
	most  int             // bytes at the beginning

	take    func(n int64) (give func(), err error) // room for the answers beyond the first roomFree; nil: without a bound
	held    int64                                  // bytes that there is room for
	given   []func()
	refused error // why there is no more room
}

// allow returns the allowance of a Bundle and ends it with done.
func (c *call) allow() (a *allowance, done context.CancelFunc) {
	a = &allowance{most: bundleBytes}
	if c.xml || c.html {
		a.most = bundleXML
	}
	a.bytes = a.most
	ctx, stop := context.WithTimeout(c.Context(), workTime)
	a.ctx, c.kept = ctx, a
	if c.room != nil && c.actor != nil {
		a.take = func(n int64) (func(), error) { return c.room.take(ctx, c.actor.Principal().ID, n, false) }
	}
	return a, func() {
		stop()
		for _, give := range a.given {
			give()
		}
	}
}

// keep uses up of the allowance and takes room for it, in steps; false when there is none.
func (a *allowance) keep(n int) bool {
	a.bytes -= n
	need := int64(a.most-a.bytes) - roomFree
	if a.bytes < 0 || a.take == nil || need <= a.held {
		return a.bytes >= 0
	}
	step := max(need-a.held, roomStep)
	give, err := a.take(step)
	if err != nil {
		a.bytes += n
		a.refused = err
		return false
	}
	a.held += step
	a.given = append(a.given, give)
	return true
}

// late is why an entry is not looked at any more because of those before it; nil when it is.
func (a *allowance) late(e *bundle.Entry) error {
	if a.ctx.Err() == nil {
		return nil
	}
	return fault.New(fault.TooCostly, "What this Bundle reads took more than %d seconds together. This one and what follows were not looked at: ask for them in another one.", int(workTime.Seconds())).At(e.Path())
}

// full is why there is no room for the answer to an entry; nil when there is.
func (a *allowance) full(e *bundle.Entry) error {
	if a.refused != nil {
		return a.refused
	}
	if a.bytes >= 0 {
		return nil
	}
	return fault.New(fault.TooCostly, "The answers of this Bundle have more than %d MB together. Ask for this entry by itself, or in pages with _count.", a.most>>20).At(e.Path())
}

// readingOperations are those that change nothing also where they are sent by POST.
var readingOperations = []string{"$everything", "$document", "$lastn", "$stats", "$meta", "$expand", "$validate", "$validate-code",
	"$subsumes", "$translate", "$lookup", "$diff", "$events", "$status", "_search"}

// reads reports whether an entry changes nothing.
func reads(e *bundle.Entry) bool {
	if e.Method == http.MethodGet || e.Method == http.MethodHead {
		return true
	}
	path, _, _ := strings.Cut(e.URL, "?")
	return e.Method == http.MethodPost && slices.Contains(readingOperations, path[strings.LastIndex(path, "/")+1:])
}

// conditional reports whether an entry writes by a condition, which has to be looked for.
func conditional(e *bundle.Entry) bool { return !reads(e) && (e.IfNoneExist != "" || e.Query != "") }

// recorder keeps the answer to one entry of a bundle, or to a request that is answered later.
type recorder struct {
	outer  *call // the request that brought the bundle
	entry  *bundle.Entry
	room   *allowance // nil: without a bound
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder(outer *call, e *bundle.Entry, room *allowance) *recorder {
	return &recorder{outer: outer, entry: e, room: room, header: http.Header{}, status: http.StatusOK}
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// briefAnswer is how many bytes an answer has that is kept beyond the allowance: that of a refusal with one
// finding. A Bundle can have 100,000 of them.
const briefAnswer = 640

// Write implements http.ResponseWriter. What is beyond the allowance is not kept, unless it is brief.
func (r *recorder) Write(b []byte) (int, error) {
	if r.room != nil {
		if !r.room.keep(len(b)) && len(b) > briefAnswer {
			r.body = bytes.Buffer{}
			return 0, http.ErrContentLength
		}
	}
	return r.body.Write(b)
}

// resource is the resource that was answered, as it was written; nil when there is none.
func (r *recorder) resource() []byte {
	if r.body.Len() == 0 || r.header.Get("Content-Type") != jsonContent {
		return nil
	}
	return r.body.Bytes()
}

// answered is the entry of a response Bundle that tells what was recorded.
func (r *recorder) answered() []byte {
	response := fhir.Obj("status", statusText(r.status), "location", r.header.Get("Location"), "etag", r.header.Get("ETag"))
	if t, err := http.ParseTime(r.header.Get("Last-Modified")); err == nil {
		response.Set("lastModified", fhir.Str(t.UTC().Format("2006-01-02T15:04:05Z")))
	}
	if r.status < 400 {
		return entryJSON("", r.resource(), response)
	}
	if o, err := fhir.Parse(r.resource()); err == nil {
		response.Set("outcome", o)
	}
	return entryJSON("", nil, response)
}

func statusText(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

// failed is the entry of a response Bundle for what was refused.
func failed(err error) []byte {
	return entryJSON("", nil, fhir.Obj("status", statusText(fault.Status(fault.CodeOf(err))), "outcome", Outcome(err, "")))
}

// entryJSON writes the entry of a response Bundle around the bytes of a resource.
func entryJSON(fullURL string, resource []byte, response *fhir.Node) []byte {
	b := make([]byte, 0, len(fullURL)+len(resource)+300)
	b = append(b, '{')
	if fullURL != "" {
		b = append(fhir.Str(fullURL).AppendJSON(append(b, `"fullUrl":`...)), ',')
	}
	if resource != nil {
		b = append(append(append(b, `"resource":`...), resource...), ',')
	}
	return append(response.AppendJSON(append(b, `"response":`...)), '}')
}

// responseJSON writes the Bundle that answers a batch or transaction.
func responseJSON(kind string, entries ...[]byte) []byte {
	size := 64
	for _, e := range entries {
		size += len(e) + 1
	}
	b := append(make([]byte, 0, size), `{"resourceType":"Bundle","type":"`+kind+`-response"`...)
	for i, e := range entries {
		b = append(b, [2]string{`,"entry":[`, `,`}[min(i, 1)]...)
		b = append(b, e...)
	}
	if len(entries) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}
