package fhirapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/record/job"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Bulk import ($import of the system, after the proposal of SMART): a manifest names NDJSON
// files that are downloaded, or the body is NDJSON itself. The work is that of
// exchange/bulk, which `osler import` does too, as a job (record/job). It can be repeated:
// what is in the record already, equal, is recognised.

// importKind is what the job is called.
const importKind = "import"

// Limits of an import.
const (
	maxImportFiles    = 1000
	maxImportFile     = 10 << 30 // bytes
	maxImportProblems = 1000     // kept of each file
	importWithin      = 6 * time.Hour
)

// manifest is what is to be imported.
type manifest struct {
	files  []importInput
	update bool
}

// importInput is one file: at an address, or given.
type importInput struct {
	Type, URL string
	body      []byte
}

// importResult is what became of the files, in their order.
type importResult struct {
	Files []importFile `json:"files"`
	Of    int          `json:"of"`
}

// importFile is what became of one file.
type importFile struct {
	Type     string         `json:"type,omitempty"`
	URL      string         `json:"url,omitempty"`
	Stored   map[string]int `json:"stored,omitempty"`
	Same     int            `json:"same,omitempty"`
	Renamed  int            `json:"renamed,omitempty"`
	Dangling int            `json:"dangling,omitempty"`
	Problems []bulk.Problem `json:"problems,omitempty"`
	Found    int            `json:"found,omitempty"` // all problems
}

// mayImport asks for an administrator with a token that may write everything: an import
// writes in the name of the house, beyond the rights of any person.
func mayImport(c *call) error {
	p := c.actor.Principal()
	for _, text := range p.Scopes {
		s, err := policy.ParseScope(text)
		if err == nil && s.Context == "system" && s.Type == "*" && strings.Contains(s.Letters, "c") && strings.Contains(s.Letters, "u") && p.Role == trust.Administrator {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "Bulk import needs the token of an administrator with the scope system/*.cu or more.")
}

// importJobs returns the desk of jobs, or says that this server imports nothing.
func (s *server) importJobs() (*job.Desk, error) {
	if s.Jobs == nil {
		return nil, fault.New(fault.NotSupported, "This server has no bulk import.")
	}
	return s.Jobs, nil
}

// importStart answers a kick-off with 202 and the address of the status.
func (s *server) importStart(c *call) error {
	desk, err := s.importJobs()
	if err == nil {
		err = mayImport(c)
	}
	if err != nil {
		return err
	}
	if !strings.Contains(strings.Join(c.Header.Values("Prefer"), ","), "respond-async") {
		return fault.New(fault.Malformed, "$import answers later only: send the header Prefer: respond-async.")
	}
	m, err := s.readManifest(c)
	if err != nil {
		return err
	}
	by := c.actor.Principal()
	house := trust.System("import")
	house.Name, house.Session = "import by "+by.Name, by.Session
	im := &bulk.Import{Actor: s.Gate.As(house, "fhir"), Update: m.update, MaxContent: cmp.Or(s.MaxContent, DefaultMaxContent)}
	client := s.Guard.Client(importWithin)
	j, err := desk.Start(c.Context(), c.actor, importKind, func(ctx context.Context, tell func(string, any)) (any, error) {
		defer client.CloseIdleConnections()
		if s.While != nil { // an import ends with the account of whom began it
			var stop context.CancelFunc
			ctx, stop = s.While(ctx, by)
			defer stop()
		}
		return m.run(ctx, im, client, tell)
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Location", c.base+"/$import-status?job="+url.QueryEscape(j.ID))
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// readManifest reads the body of a kick-off: NDJSON, a JSON manifest, or Parameters.
func (s *server) readManifest(c *call) (manifest, error) {
	m := manifest{update: c.URL.Query().Get("update") == "true"}
	if err := known(c.URL.Query(), "update"); err != nil {
		return m, err
	}
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if strings.Contains(kind, "ndjson") {
		b, err := io.ReadAll(c.Body)
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return m, fault.New(fault.TooLarge, "The body is larger than the limit of %d bytes; send it in parts, or name files in a manifest.", large.Limit)
		}
		if err != nil {
			return m, unread(err, fault.Wrap(err, fault.Malformed, "The body could not be read to its end."))
		}
		m.files = []importInput{{body: b}}
		return m, nil
	}
	r, err := c.body()
	if err != nil {
		return m, err
	}
	if r.ResourceType() == "Parameters" {
		r = flatten(r)
	}
	return m, m.read(r, s)
}

// flatten turns Parameters into the JSON manifest that they stand for.
func flatten(r *fhir.Node) *fhir.Node {
	out, inputs := fhir.Obj(), fhir.Arr()
	for p := range r.Get("parameter").Items() {
		n := out
		if p.Get("name").Text() == "input" {
			n = fhir.Obj()
			inputs.Append(n)
		}
		parts := p.Get("part")
		if parts.Len() == 0 {
			parts = fhir.Arr(p)
		}
		for part := range parts.Items() {
			for name, v := range part.Members() {
				if strings.HasPrefix(name, "value") {
					n.Set(part.Get("name").Text(), v)
				}
			}
		}
	}
	out.Set("input", inputs)
	return out
}

// read reads a JSON manifest.
func (m *manifest) read(r *fhir.Node, s *server) error {
	switch f := r.Get("inputFormat").Text(); f {
	case "", "application/fhir+ndjson", "application/ndjson", "application/x-ndjson", "ndjson":
	default:
		return fault.New(fault.NotSupported, "The input format %q is not supported; send application/fhir+ndjson.", clip(f)).At("inputFormat")
	}
	m.update = m.update || r.Get("update").True()
	for in := range r.Get("input").Items() {
		f := importInput{Type: in.Get("type").Text(), URL: in.Get("url").Text()}
		at := fmt.Sprintf("input[%d]", len(m.files))
		if f.Type != "" && !definition.IsResource(f.Type) {
			return fault.New(fault.Malformed, "%q is not a resource type of FHIR R4.", clip(f.Type)).At(at + ".type")
		}
		if _, err := s.Guard.URL(f.URL); err != nil {
			g := err.(*fault.Error) // URL returns faults only
			return fault.New(g.Code, "%s", g.Message).At(at + ".url")
		}
		m.files = append(m.files, f)
	}
	if len(m.files) == 0 || len(m.files) > maxImportFiles {
		return fault.New(fault.Malformed, "The manifest names 1 to %d files in input, each with type and url; this one names %d.", maxImportFiles, len(m.files)).At("input")
	}
	return nil
}

// run imports one file after another. What stops one file, such as an address that does not
// answer, is a problem of that file; what stops the record stops the import.
func (m manifest) run(ctx context.Context, im *bulk.Import, client *http.Client, tell func(string, any)) (any, error) {
	result := importResult{Of: len(m.files)}
	for i, in := range m.files {
		say := func(f bulk.FileReport) {
			so := importResult{Of: result.Of, Files: append(slices.Clone(result.Files), in.report(f))}
			tell(fmt.Sprintf("file %d of %d, %d resources stored", i+1, len(m.files), so.stored()), so)
		}
		f, err := in.load(ctx, im, client, say)
		result.Files = append(result.Files, in.report(f))
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

func (r importResult) stored() (n int) {
	for _, f := range r.Files {
		for _, k := range f.Stored {
			n += k
		}
	}
	return n
}

// load imports one file.
func (in importInput) load(ctx context.Context, im *bulk.Import, client *http.Client, tell func(bulk.FileReport)) (bulk.FileReport, error) {
	if in.body != nil {
		return im.Lines(ctx, "", bytes.NewReader(in.body), tell)
	}
	failed := func(text string) (bulk.FileReport, error) {
		return bulk.FileReport{Problems: []bulk.Problem{{Text: text}}}, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.URL, nil)
	if err != nil {
		return failed("The address cannot be read.")
	}
	r.Header.Set("Accept", "application/fhir+ndjson, application/ndjson")
	res, err := client.Do(r)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) {
			return failed(f.Message)
		}
		return failed("The file could not be fetched: the server did not answer.")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return failed(fmt.Sprintf("The file could not be fetched: the server answered with the status %d.", res.StatusCode))
	}
	return im.Lines(ctx, "", &bounded{in: res.Body, left: maxImportFile}, tell)
}

// bounded fails, instead of ending, when more comes than may.
type bounded struct {
	in   io.Reader
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fault.New(fault.TooLarge, "The file is larger than %d bytes.", int64(maxImportFile))
	}
	return n, err
}

func (in importInput) report(f bulk.FileReport) importFile {
	return importFile{Type: in.Type, URL: in.URL, Stored: f.Stored, Same: f.Same, Renamed: f.Renamed, Dangling: f.Dangling,
		Problems: f.Problems[:min(len(f.Problems), maxImportProblems)], Found: len(f.Problems)}
}

// importJob finds the job that a request asks about.
func (s *server) importJob(c *call) (job.Job, importResult, error) {
	var r importResult
	desk, err := s.importJobs()
	if err == nil {
		err = mayImport(c)
	}
	if err != nil {
		return job.Job{}, r, err
	}
	j, err := desk.Find(c.Context(), c.actor, importKind, c.URL.Query().Get("job"))
	if err == nil && j.Result != nil {
		err = json.Unmarshal(j.Result, &r)
	}
	return j, r, err
}

// importStatus answers 202 while it works, then with what became of it.
func (s *server) importStatus(c *call) error {
	j, r, err := s.importJob(c)
	if err != nil {
		return err
	}
	h := c.w.Header()
	switch j.State {
	case job.Running:
		h.Set("X-Progress", j.Progress)
		h.Set("Retry-After", "2")
		c.w.WriteHeader(http.StatusAccepted)
		return nil
	case job.Interrupted:
		return fault.New(fault.Unavailable, "%s %s", j.Reason, so(r))
	case job.Cancelled:
		return fault.New(fault.Gone, "%s %s", j.Reason, so(r))
	case job.Failed:
		return &refusal{http.StatusInternalServerError, fault.New(fault.Unavailable, "%s %s", j.Reason, so(r))}
	}
	output, failed := fhir.Arr(), fhir.Arr()
	for i, f := range r.Files {
		about := func(kind string, count int) *fhir.Node {
			n := fhir.Obj("type", "OperationOutcome", "count", fhir.Int(int64(count)), "url", c.base+"/$import-file?"+url.Values{"job": {j.ID}, "file": {strconv.Itoa(i)}, "kind": {kind}}.Encode())
			if f.URL != "" {
				n.Set("inputUrl", fhir.Str(f.URL))
			}
			return n
		}
		output.Append(about("output", len(f.outcomes("output"))))
		if f.Found > 0 {
			failed.Append(about("error", len(f.outcomes("error"))))
		}
	}
	b := fhir.Obj("transactionTime", j.Ended.UTC().Format(instant), "request", c.base+"/$import", "requiresAccessToken", true, "output", output, "error", failed).JSON()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(b) // a client that went away is no error of ours
	return nil
}

// so says what had been done before an import stopped.
func so(r importResult) string {
	return fmt.Sprintf("Stored until then: %d resources, from %d of %d files.", r.stored(), len(r.Files), r.Of)
}

// outcomes is what became of a file, each line one OperationOutcome.
func (f importFile) outcomes(kind string) (list []*fhir.Node) {
	if kind == "error" {
		for _, p := range f.Problems {
			text := p.Text
			if p.Entry != "" {
				text = p.Entry + ": " + text
			}
			list = append(list, outcome(fault.Issue{Severity: "error", Type: "processing", Expression: p.Path, Text: text}))
		}
		if more := f.Found - len(f.Problems); more > 0 {
			list = append(list, outcome(fault.Issue{Severity: "error", Type: "too-costly", Text: fmt.Sprintf("%d more problems are not listed.", more)}))
		}
		return list
	}
	say := func(format string, n int, more ...any) {
		if n > 0 {
			list = append(list, outcome(fault.Issue{Severity: "information", Type: "informational", Text: fmt.Sprintf(format, append([]any{n}, more...)...)}))
		}
	}
	for _, t := range definition.ResourceTypes() {
		say("%d %s stored.", f.Stored[t], t)
	}
	say("%d were in the record already, equal.", f.Same)
	say("%d were given another id, since the record has another resource under theirs.", f.Renamed)
	say("%d references lead to what is neither in the file nor in the record.", f.Dangling)
	if len(list) == 0 {
		list = append(list, outcome(fault.Issue{Severity: "information", Type: "informational", Text: "Nothing was stored."}))
	}
	return list
}

// importOutcome answers with the outcomes of one file as NDJSON.
func (s *server) importOutcome(c *call) error {
	_, r, err := s.importJob(c)
	if err != nil {
		return err
	}
	i, err := strconv.Atoi(c.URL.Query().Get("file"))
	if err != nil || i < 0 || i >= len(r.Files) {
		return fault.New(fault.NotFound, "This import has no such file.")
	}
	c.w.Header().Set("Content-Type", "application/fhir+ndjson")
	for _, o := range r.Files[i].outcomes(c.URL.Query().Get("kind")) {
		if _, err := c.w.Write(append(o.JSON(), '\n')); err != nil {
			return nil // the client went away
		}
	}
	return nil
}

// importCancel stops an import, or forgets one that has ended.
func (s *server) importCancel(c *call) error {
	desk, err := s.importJobs()
	if err == nil {
		err = mayImport(c)
	}
	if err == nil {
		err = desk.Cancel(c.Context(), c.actor, importKind, c.URL.Query().Get("job"))
	}
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}
