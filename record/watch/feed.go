package watch

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// feed reads the changes of the store for all subscriptions. Most of them stand near the end
// of it: the last changes are kept in a window, so that each is read and parsed once however
// many subscriptions there are. Those that catch up read pages of their own.
type feed struct {
	store   store.Store
	extract func(*fhir.Node) ([]search.Entry, error)
	// lacks, unless it is nil, is told of changes whose data is lost: they go on without it.
	lacks func(store.Version)
	mu    sync.Mutex
	// window holds the changes of the commits after low up to high, oldest first.
	window    []*change
	low, high store.T
	pages     []*page // the last ones that lay before the window
}

// Sizes of the feed.
const (
	pageSize   = 200
	pagesKept  = 4
	windowSize = 2000
)

// page is what was committed after a T, up to upTo.
type page struct {
	after, upTo store.T
	changes     []*change
}

// change is one version in the feed.
type change struct {
	store.Version
	extract func(*fhir.Node) ([]search.Entry, error)
	once    sync.Once
	entries []search.Entry
	err     error

	beforeOnce sync.Once
	before     *change // nil: there was nothing
	beforeErr  error
}

// page returns the changes after a T; the page is empty, with upTo equal to after, at the end.
func (f *feed) page(ctx context.Context, after store.T) (*page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.high == 0 { // the window begins where the first one looks
		f.low, f.high = after, after
	}
	if err := f.reach(ctx, after); err != nil {
		return nil, err
	}
	if after < f.low {
		return f.earlier(ctx, after)
	}
	if after >= f.high {
		if err := f.extend(ctx); err != nil {
			return nil, err
		}
	}
	return f.cut(after), nil
}

// reach extends the window until one who is further on stands in it. When that is far, the window
// begins anew there: who began it catches up by pages of their own.
func (f *feed) reach(ctx context.Context, after store.T) error {
	for range windowSize / pageSize {
		high := f.high
		if after <= high {
			return nil
		}
		if err := f.extend(ctx); err != nil {
			return err
		}
		if f.high == high { // the end of the feed
			return nil
		}
	}
	if after > f.high {
		f.window, f.low, f.high = nil, after, after
	}
	return nil
}

// extend reads what was committed after the window.
func (f *feed) extend(ctx context.Context) error {
	now, err := f.store.Now(ctx)
	if err != nil || now <= f.high {
		return err
	}
	versions, upTo, err := f.store.Changes(ctx, f.high, pageSize)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if f.lacks != nil && record.Lacks(v.Body) {
			f.lacks(v)
		}
		f.window = append(f.window, &change{Version: v, extract: f.extract})
	}
	f.high = upTo
	if extra := len(f.window) - windowSize; extra > 0 {
		for extra < len(f.window) && f.window[extra].T == f.window[extra-1].T { // whole commits only
			extra++
		}
		f.low = f.window[extra-1].T
		f.window = append([]*change(nil), f.window[extra:]...)
	}
	return nil
}

// cut returns the part of the window after a T, about a page of it.
func (f *feed) cut(after store.T) *page {
	from, _ := slices.BinarySearchFunc(f.window, after+1, func(c *change, t store.T) int { return cmp.Compare(c.T, t) })
	to := min(from+pageSize, len(f.window))
	for to > from && to < len(f.window) && f.window[to].T == f.window[to-1].T {
		to++
	}
	p := &page{after: after, upTo: max(f.high, after), changes: f.window[from:to:to]}
	if to < len(f.window) {
		p.upTo = f.window[to-1].T
	}
	return p
}

// earlier reads a page that lies before the window.
func (f *feed) earlier(ctx context.Context, after store.T) (*page, error) {
	for _, p := range f.pages {
		if p.after == after {
			return p, nil
		}
	}
	versions, upTo, err := f.store.Changes(ctx, after, pageSize)
	if err != nil {
		return nil, err
	}
	p := &page{after: after, upTo: upTo}
	for _, v := range versions {
		p.changes = append(p.changes, &change{Version: v, extract: f.extract})
	}
	if f.pages = append(f.pages, p); len(f.pages) > pagesKept {
		f.pages = f.pages[1:]
	}
	return p, nil
}

// index returns the search entries of the version.
func (c *change) index() ([]search.Entry, error) {
	c.once.Do(func() {
		var r *fhir.Node
		if r, c.err = fhir.Parse(c.Body); c.err == nil {
			c.entries, c.err = c.extract(r)
		}
	})
	return c.entries, c.err
}

// former returns the version before this one; nil when there was none, or a deleted one.
func (f *feed) former(ctx context.Context, c *change) (*change, error) {
	c.beforeOnce.Do(func() {
		if c.Version.Version <= 1 {
			return
		}
		v, err := f.store.ReadVersion(ctx, c.Type, c.ID, c.Version.Version-1)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			c.beforeErr = err
		case !v.Deleted:
			c.before = &change{Version: v, extract: f.extract}
		}
	})
	return c.before, c.beforeErr
}

// satisfies reports whether a version satisfies an expression.
func (c *change) satisfies(x search.Expr) (bool, error) {
	switch x.(type) {
	case nil, search.All:
		return true, nil
	}
	entries, err := c.index()
	if err != nil {
		return false, err
	}
	return search.Match(x, search.Subject{Type: c.Type, ID: c.ID, Patient: c.Patient, Updated: c.Updated, Words: c.words}, entries), nil
}

// words returns what is written in the version, for _text and _content.
func (c *change) words(narrative bool) string {
	r, err := fhir.Parse(c.Body)
	if err != nil { // index has parsed it already
		return ""
	}
	return search.WordsOf(r, narrative)
}

// wants reports whether a subscription is about a change. Filters on a deleted resource are
// held to what was deleted. In R4 a deletion, and a change after which the criteria do not
// hold any more, are no events (R4 subscription.html).
func (w *Watcher) wants(ctx context.Context, o *order, c *change) (bool, error) {
	if !slices.Contains(o.types, c.Type) {
		return false, nil
	}
	if o.topic == nil {
		if c.Deleted {
			return false, nil
		}
		return c.satisfies(o.where[c.Type])
	}
	former, err := w.feed.former(ctx, c)
	if err != nil {
		return false, err
	}
	now := c
	if c.Deleted {
		now = former
	}
	if now == nil {
		return false, nil
	}
	for _, r := range o.rules[c.Type] {
		ok, err := r.fits(c, former)
		if err != nil {
			return false, err
		}
		if ok {
			return now.satisfies(o.where[c.Type])
		}
	}
	return false, nil
}
