package fhirapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/bundle"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// transaction answers POST of a Bundle at the base: a batch (each entry for itself) or a
// transaction (all or nothing) (R4 http.html#transaction).
func (s *server) transaction(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	b, err := bundle.Read(body)
	if err != nil {
		return err
	}
	c.changes = slices.ContainsFunc(b.Entries, func(e *bundle.Entry) bool { return !reads(e) })
	switch b.Kind {
	case "transaction":
		return s.all(c, b)
	case "batch":
		return s.each(c, b)
	}
	return fault.New(fault.NotSupported, "A Bundle of type %q cannot be carried out; send batch or transaction.", clip(b.Kind)).At("Bundle.type")
}

// all carries out a transaction: every write is one Change.
func (s *server) all(c *call, b *bundle.Bundle) error {
	budget, done := c.allow()
	defer done()
	plan := &transactionPlan{budget: budget, server: s, call: c, done: map[int][]byte{}, fresh: map[int]bool{}, named: map[int]bool{}}
	if err := plan.conditions(b); err != nil {
		return err
	}
	if err := b.Assign(func() string { return ident.New(s.Clock.Now()) }); err != nil {
		return err
	}
	if err := plan.references(b); err != nil {
		return err
	}
	b.Rewrite()
	plan.names = b.Names()
	if err := plan.collect(b); err != nil {
		return err
	}
	if err := plan.reads(b); err != nil {
		return err
	}
	plan.change.Key = idempotency(c)
	if len(plan.change.Put)+len(plan.change.Delete) > 0 {
		res, err := c.commit(plan.change)
		if err != nil {
			return plan.name(err)
		}
		plan.answer(res)
	}
	budget.bytes, budget.refused = budget.most, nil
	for _, e := range b.Entries { // reads see what the writes made
		if reads(e) {
			plan.done[e.Index], _, _ = s.sub(c, e, budget)
		}
	}
	out := make([][]byte, len(b.Entries))
	for i := range b.Entries {
		out[i] = plan.done[i]
	}
	return c.write(http.StatusOK, responseJSON("transaction", out...))
}

// transactionPlan turns the entries of a transaction into one Change.
type transactionPlan struct {
	budget *allowance
	server *server
	call   *call
	change record.Change
	puts   []*bundle.Entry   // in the order of change.Put
	drops  []*bundle.Entry   // in the order of change.Delete
	done   map[int][]byte    // the entries of the answer
	names  map[string]string // full url -> Type/id, for what is inside a patch
	fresh  map[int]bool      // updates by a condition that matches nothing: they create
	named  map[int]bool      // those of them whose id is Osler's
}

// conditions settles ifNoneExist and PUT, PATCH and DELETE by condition by searching
// first; the commit holds that what was absent still is.
func (p *transactionPlan) conditions(b *bundle.Bundle) error {
	for _, e := range b.Entries {
		cond := e.IfNoneExist
		if e.Method == http.MethodPut || e.Method == http.MethodDelete || e.Method == http.MethodPatch {
			cond = e.Query
		}
		if cond == "" || reads(e) {
			continue
		}
		if err := p.budget.late(e); err != nil {
			return err
		}
		q, err := p.call.condition(e.Type, cond)
		if err != nil {
			return at(err, e)
		}
		v, found, err := p.server.single(p.call, q)
		switch {
		case err != nil:
			return at(err, e)
		case found && e.Method == http.MethodPost:
			e.ID, e.Method = v.ID, "" // nothing to do: it exists
			p.done[e.Index] = entryResponse(p.call, "200 OK", v, nil)
		case found && e.Method == http.MethodPatch:
			e.ID = v.ID
		case e.Method == http.MethodPatch:
			return at(fault.New(fault.NotFound, "The condition matches no %s.", q.Type), e)
		case found && e.Resource != nil && e.Resource.ID() != "" && e.Resource.ID() != v.ID:
			return fault.New(fault.Malformed, "The condition matches another resource than the id in the entry.").At(e.Path() + ".resource.id")
		case found:
			e.ID = v.ID
			if e.Resource != nil {
				e.Resource.SetID(v.ID)
			}
		case e.Method == http.MethodDelete:
			e.Method = ""
			p.done[e.Index] = entryJSON("", nil, fhir.Obj("status", "204 No Content"))
		default:
			p.change.Absent = append(p.change.Absent, q)
			if e.Method != http.MethodPut {
				continue
			}
			if e.Resource.ID() == "" {
				e.Resource.SetID(ident.New(p.server.Clock.Now()))
				p.named[e.Index] = true
			}
			e.ID = e.Resource.ID()
			p.fresh[e.Index] = true
		}
	}
	return nil
}

// references resolves references by search; each must match exactly one resource.
func (p *transactionPlan) references(b *bundle.Bundle) error {
	known := map[string]string{}
	for _, r := range b.Conditional() {
		key := r.Type + "?" + r.Query
		if known[key] == "" {
			if err := p.budget.late(r.Entry); err != nil {
				return err
			}
			q, err := p.call.condition(r.Type, r.Query)
			if err != nil {
				return at(err, r.Entry)
			}
			v, found, err := p.server.single(p.call, q)
			if err != nil {
				return at(err, r.Entry)
			}
			if !found {
				return fault.New(fault.Multiple, "The reference %s matches nothing; it must match one resource.", r.Type+"?…").At(r.Entry.Path())
			}
			known[key] = v.Type + "/" + v.ID
		}
		r.Resolve(known[key])
	}
	return nil
}

// reads tries the reads before anything is stored: one that fails, fails the transaction
// while it still can. Afterwards a failure could only be told beside what was stored.
func (p *transactionPlan) reads(b *bundle.Bundle) error {
	made := map[string]bool{}
	for _, e := range p.puts {
		made[e.Reference()] = true
	}
	for _, e := range b.Entries {
		if !reads(e) || made[e.Reference()] {
			continue
		}
		if _, why, status := p.server.sub(p.call, e, p.budget); p.budget.refused != nil {
			return p.budget.refused // it can be tried again
		} else if status >= 400 {
			return fault.New(fault.Invalid, "The read in the transaction failed: %s", why).At(e.Path() + ".request.url")
		}
	}
	return nil
}

func (p *transactionPlan) collect(b *bundle.Bundle) error {
	for _, e := range b.Ordered() {
		match := int64(0)
		if e.IfMatch != "" {
			v, err := etag(e.IfMatch)
			if err != nil {
				return at(err, e)
			}
			match = v
		}
		switch e.Method {
		case http.MethodPost:
			p.change.Put = append(p.change.Put, record.Put{Resource: e.Resource, Create: true})
			p.puts = append(p.puts, e)
		case http.MethodPut:
			p.change.Put = append(p.change.Put, record.Put{Resource: e.Resource, IfMatch: match, Create: p.fresh[e.Index], Chosen: !p.named[e.Index]})
			p.puts = append(p.puts, e)
		case http.MethodDelete:
			p.change.Delete = append(p.change.Delete, record.Delete{Type: e.Type, ID: e.ID, IfMatch: match})
			p.drops = append(p.drops, e)
		case http.MethodPatch:
			r, v, err := p.patched(e, match)
			if err != nil {
				return at(err, e)
			}
			p.change.Put = append(p.change.Put, record.Put{Resource: r, IfMatch: v.Version})
			p.puts = append(p.puts, e)
		}
	}
	return nil
}

// patched carries a PATCH out on what is stored now: the commit holds that it still is.
func (p *transactionPlan) patched(e *bundle.Entry, match int64) (*fhir.Node, store.Version, error) {
	what, err := entryChange(e.Resource, p.names)
	if err != nil {
		return nil, store.Version{}, err
	}
	return p.call.patched(e.Type, e.ID, match, what)
}

// name puts the bundle's entry in place of the position in the change.
func (p *transactionPlan) name(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	f.Path = p.place(f.Path)
	for i := range f.Issues {
		f.Issues[i].Expression = p.place(f.Issues[i].Expression)
	}
	return err
}

// place turns "Put[3].Patient.birthDate" into "Bundle.entry[5].resource.birthDate". The
// path of a change of one Put starts at the resource.
func (p *transactionPlan) place(path string) string {
	rest, numbered := strings.CutPrefix(path, "Put[")
	n := 0
	if numbered {
		digits, tail, _ := strings.Cut(rest, "].")
		i, err := strconv.Atoi(digits)
		if err != nil {
			return path
		}
		n, rest = i, tail
	} else if len(p.puts) != 1 {
		return path
	}
	if path == "" || n >= len(p.puts) {
		return path
	}
	out := p.puts[n].Path() + ".resource"
	if _, inner, ok := strings.Cut(rest, "."); ok {
		return out + "." + inner
	}
	if rest == "resourceType" {
		return out + ".resourceType"
	}
	return out
}

func (p *transactionPlan) answer(res record.Result) {
	minimal := prefer(p.call.Header, "return") != "representation"
	for i, e := range p.puts {
		v, status := res.Versions[i], "200 OK"
		if v.Version == 1 {
			status = "201 Created"
		}
		var body []byte
		if !minimal && len(v.Body) > 0 && p.budget.keep(len(v.Body)) {
			body = v.Body
		}
		p.done[e.Index] = entryResponse(p.call, status, v, body)
	}
	for _, e := range p.drops {
		p.done[e.Index] = entryJSON("", nil, fhir.Obj("status", "204 No Content"))
	}
}

func entryResponse(c *call, status string, v store.Version, resource []byte) []byte {
	return entryJSON(c.base+"/"+v.Type+"/"+v.ID, resource, fhir.Obj("status", status,
		"location", fmt.Sprintf("%s/%s/_history/%d", v.Type, v.ID, v.Version),
		"etag", fmt.Sprintf(`W/"%d"`, v.Version),
		"lastModified", v.Updated.UTC().Format("2006-01-02T15:04:05.000Z07:00")))
}

// at names the entry in a fault that has no findings of its own.
func at(err error, e *bundle.Entry) error {
	if f, ok := err.(*fault.Error); ok && len(f.Issues) == 0 {
		f.Path = e.Path()
	}
	return err
}

// each carries out a batch: every entry is a request of its own through the same routes. Writes come
// before reads; the reads share one allowance.
func (s *server) each(c *call, b *bundle.Bundle) error {
	out := make([][]byte, len(b.Entries))
	budget, done := c.allow()
	defer done()
	from := time.Now()
	for _, e := range b.Ordered() {
		if time.Since(from) > fair.Brief { // a Bundle can be long: others have their turn in between
			fair.Away(c.Context())()
			from = time.Now()
		}
		out[e.Index], _, _ = s.sub(c, e, budget)
	}
	return c.write(http.StatusOK, responseJSON("batch", out...))
}

// sub runs one entry as a request and returns its entry in the answer, the status, and why it is not what
// was asked for. It uses up of the allowance; what was written is told in any case, without the resource when
// there is no room for it.
func (s *server) sub(c *call, e *bundle.Entry, budget *allowance) (entry []byte, why string, status int) {
	ctx := c.Context()
	if reads(e) {
		ctx = budget.ctx
	}
	refused := func(err error) ([]byte, string, int) {
		return failed(err), Outcome(err, "").Path("issue.0.details.text").Text(), fault.Status(fault.CodeOf(err))
	}
	r, err := http.NewRequestWithContext(ctx, e.Method, "/fhir/"+strings.TrimPrefix(e.URL, "/"), http.NoBody)
	if err != nil || !tidy(r.URL.Path) {
		return refused(fault.New(fault.Malformed, "The url of the entry cannot be read.").At(e.Path() + ".request.url"))
	}
	if reads(e) || conditional(e) {
		if err := cmp.Or(budget.late(e), budget.full(e)); err != nil {
			return refused(err)
		}
	}
	r.Host = c.Host
	for header, value := range map[string]string{"If-Match": e.IfMatch, "If-None-Exist": e.IfNoneExist, "If-None-Match": e.IfNoneMatch} {
		if value != "" {
			r.Header.Set(header, value)
		}
	}
	w := newRecorder(c, e, budget)
	s.inner.ServeHTTP(w, r)
	if reads(e) {
		err := budget.full(e)
		if w.status >= 400 { // an answer that came in time counts
			err = cmp.Or(err, budget.late(e))
		}
		if err != nil {
			return refused(err)
		}
	}
	if w.status >= 400 {
		if o, err := fhir.Parse(w.resource()); err == nil {
			why = o.Path("issue.0.details.text").Text()
		}
	}
	return w.answered(), why, w.status
}

// entries serves the routes for the entries of bundles, each with the principal of the
// request that brought it.
func (s *server) entries() *http.ServeMux {
	mux := http.NewServeMux()
	answer := func(rt route) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			from := w.(*recorder)
			c := &call{Request: r, base: from.outer.base, w: w, actor: from.outer.actor, given: from.entry.Resource}
			err := knownType(c)
			if err == nil {
				err = s.guard(rt, c)
			}
			if err != nil {
				s.fail(c, from.outer.w.Header().Get("X-Request-Id"), err)
			}
		}
	}
	for _, rt := range routes() {
		if !rt.system { // no bundles in bundles
			mux.HandleFunc(rt.method+" "+rt.pattern, answer(rt))
		}
	}
	mux.HandleFunc("/fhir/", answer(route{handle: (*server).unknown}))
	return mux
}
