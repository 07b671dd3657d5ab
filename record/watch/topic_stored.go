package watch

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// Topics of one's own are R5's SubscriptionTopic, which R4 does not have, written as a Basic
// with the code SubscriptionTopic and the elements as extensions, as the backport guide has it.

const topicSystem, topicCode = "http://hl7.org/fhir/fhir-types", "SubscriptionTopic"

// topicElement returns the name of the element of SubscriptionTopic that an extension of
// Basic stands for: ".../extension-SubscriptionTopic.url" is url.
func topicElement(e *fhir.Node) string {
	url := e.Get("url").Text()
	_, name, ok := strings.Cut(url, "/StructureDefinition/extension-SubscriptionTopic.")
	if !ok || !strings.HasPrefix(url, "http://hl7.org/fhir/") {
		return ""
	}
	return name
}

// rule says which change of a resource is an event: R5's resourceTrigger with its
// queryCriteria. An Expr that is nil is not asked.
type rule struct {
	create, update, remove bool
	previous, current      search.Expr
	both                   bool // previous and current must hold, not one of them
	// newPasses is what the test of what was before says of something new, gonePasses what the
	// test of what is now says of something deleted.
	newPasses, gonePasses bool
}

// rules returns what a topic that Osler brings watches for in a type.
func (t *Topic) rules(resourceType string) ([]rule, error) {
	if t.stored != nil {
		return t.stored[resourceType], nil
	}
	r := rule{create: t.Create, update: t.Update, remove: t.Delete, both: true, newPasses: true, gonePasses: true}
	if t.Current != "" {
		var err error
		if r.current, err = condition(resourceType, t.Current); err != nil {
			return nil, err
		}
		if t.Becomes {
			r.previous = search.Not{X: r.current}
		}
	}
	return []rule{r}, nil
}

// fits reports whether a change from former (nil: it is new) to c is an event.
func (r rule) fits(c, former *change) (bool, error) {
	isNew := former == nil
	switch {
	case c.Deleted && (!r.remove || isNew), !c.Deleted && isNew && !r.create, !c.Deleted && !isNew && !r.update:
		return false, nil
	case r.previous == nil && r.current == nil:
		return true, nil
	}
	before, now := r.newPasses, r.gonePasses
	var err error
	if r.previous != nil && !isNew {
		if before, err = former.satisfies(r.previous); err != nil {
			return false, err
		}
	}
	if r.current != nil && !c.Deleted {
		if now, err = c.satisfies(r.current); err != nil {
			return false, err
		}
	}
	switch {
	case r.previous == nil:
		return now, nil
	case r.current == nil:
		return before, nil
	case r.both:
		return before && now, nil
	}
	return before || now, nil
}

// readTopicOf reads a Basic; nil when it is no topic. A topic that Osler cannot follow is a
// fault.
func readTopicOf(r *fhir.Node) (*Topic, error) {
	is := false
	for c := range r.Path("code.coding").Items() {
		is = is || c.Get("system").Text() == topicSystem && c.Get("code").Text() == topicCode
	}
	if !is {
		return nil, nil
	}
	t := &Topic{stored: map[string][]rule{}}
	for _, list := range []string{"extension", "modifierExtension"} {
		for e := range r.Get(list).Items() {
			switch topicElement(e) {
			case "url":
				t.URL = valueOf(e)
			case "title":
				t.Title = valueOf(e)
			case "status":
				t.retired = valueOf(e) == "retired"
			case "resourceTrigger":
				if err := t.trigger(e); err != nil {
					return nil, err
				}
			case "eventTrigger":
				return nil, fault.New(fault.NotSupported, "Topics with an eventTrigger cannot be followed; use resourceTrigger.").At("Basic.extension")
			}
		}
	}
	switch {
	case !strings.Contains(t.URL, ":") || strings.ContainsAny(t.URL, " ?|"):
		return nil, invalid("Basic.extension", "A topic needs a canonical address in the extension for url.")
	case topicOf(t.URL) != nil || strings.HasPrefix(t.URL, topicBase):
		return nil, fault.New(fault.Conflict, "Osler brings the topic with this address itself.").At("Basic.extension")
	case len(t.Types) == 0:
		return nil, invalid("Basic.extension", "A topic needs at least one resourceTrigger.")
	}
	slices.Sort(t.Types)
	t.Types = slices.Compact(t.Types)
	return t, nil
}

// valueOf returns the value of a simple extension.
func valueOf(e *fhir.Node) string {
	for name, v := range e.Members() {
		if strings.HasPrefix(name, "value") {
			return v.Text()
		}
	}
	return ""
}

// trigger reads one resourceTrigger.
func (t *Topic) trigger(e *fhir.Node) error {
	const at = "Basic.extension"
	r := rule{newPasses: true}
	resource, query, path, any := "", (*fhir.Node)(nil), false, true
	for part := range e.Get("extension").Items() {
		switch part.Get("url").Text() {
		case "resource":
			resource = strings.TrimPrefix(valueOf(part), "http://hl7.org/fhir/StructureDefinition/")
		case "supportedInteraction":
			any = false
			v := valueOf(part)
			r.create, r.update, r.remove = r.create || v == "create", r.update || v == "update", r.remove || v == "delete"
		case "queryCriteria":
			query = part
		case "fhirPathCriteria":
			path = true
		}
	}
	switch {
	case !definition.IsResource(resource) || unwatched[resource]:
		return invalid(at, "A resourceTrigger names a resource type that can be watched.")
	case path && query == nil:
		return fault.New(fault.NotSupported, "A resourceTrigger needs queryCriteria; fhirPathCriteria alone cannot be followed.").At(at)
	}
	if any {
		r.create, r.update, r.remove = true, true, true
	}
	if query == nil { // a deletion is an event then too, when it is asked for
		r.gonePasses = true
	}
	for part := range query.Get("extension").Items() {
		var err error
		switch v := valueOf(part); part.Get("url").Text() {
		case "previous":
			r.previous, err = criterion(resource, v)
		case "current":
			r.current, err = criterion(resource, v)
		case "resultForCreate":
			r.newPasses = v == "test-passes"
		case "resultForDelete":
			r.gonePasses = v == "test-passes"
		case "requireBoth":
			r.both = v == "true"
		}
		if err != nil {
			return err
		}
	}
	t.Types = append(t.Types, resource)
	t.stored[resource] = append(t.stored[resource], r)
	return nil
}

// criterion reads a search of a topic, with or without its type in front.
func criterion(resource, query string) (search.Expr, error) {
	x, err := condition(resource, strings.TrimPrefix(query, resource+"?"))
	if f, ok := err.(*fault.Error); ok {
		return nil, fault.New(f.Code, "%s", f.Message).At("Basic.extension")
	}
	return x, err
}

// topicKeeper is the Keeper of Basic: it refuses topics that cannot be followed, and has the
// others read again.
type topicKeeper struct{ w *Watcher }

// Keep implements record.Keeper.
func (k topicKeeper) Keep(_ context.Context, _ *record.Actor, _, after *fhir.Node) ([]store.ItemWrite, error) {
	if after == nil {
		return nil, nil
	}
	_, err := readTopicOf(after)
	return nil, err
}

// Kept implements record.Keeper.
func (k topicKeeper) Kept() {
	k.w.topicsStale.Store(true)
	k.w.Kept()
}

// topic finds a topic by its canonical address; nil when there is none.
func (w *Watcher) topic(ctx context.Context, url string) (*Topic, error) {
	if t := topicOf(url); t != nil || !strings.Contains(url, ":") || strings.Contains(url, "?") {
		return t, nil
	}
	w.topicsMu.Lock()
	defer w.topicsMu.Unlock()
	if w.topicsStale.Swap(false) {
		if err := w.readTopics(ctx); err != nil {
			w.topicsStale.Store(true)
			return nil, err
		}
	}
	return w.topics[url], nil
}

// readTopics reads the topics of the record. A topic that has not changed stays the same one.
func (w *Watcher) readTopics(ctx context.Context) error {
	found, err := w.Gate.As(self, door).Find(ctx, "Basic", "code="+topicSystem+"|"+topicCode)
	if err != nil {
		return err
	}
	next := map[string]*Topic{}
	for _, r := range found {
		t, err := readTopicOf(r)
		if err != nil || t == nil || t.retired {
			continue // stored before Osler read topics, or retired
		}
		t.version = r.Reference() + "/" + r.Path("meta.versionId").Text()
		if old := w.topics[t.URL]; old != nil && old.version == t.version {
			t = old
		}
		next[t.URL] = t
	}
	w.topics = next
	return nil
}
