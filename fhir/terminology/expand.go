package terminology

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Entry is one code of an expansion.
type Entry struct {
	System, Version    string
	Code, Display      string
	Abstract, Inactive bool

	from  *System // where the code is defined, when that is here
	at    int
	named *fhir.Node   // designations that the value set gives
	extra []*fhir.Node // concepts of supplements
}

// Expansion is what a value set holds. Used are the code systems, value sets and
// supplements that took part, as "code-system url|version"; Notes tell what was not heeded.
type Expansion struct {
	URL, Version, Name string
	Entries            []Entry
	Used, Notes        []string
	Set                *fhir.Node // nil for one of the definitions
}

type expanded struct {
	entries []Entry
	err     error
}

type key struct{ system, code string }

func (e Entry) key() key { return key{e.System, e.Code} }

func (x *Expansion) concepts() []definition.Concept {
	if x == nil {
		return nil
	}
	out := make([]definition.Concept, len(x.Entries))
	for i, e := range x.Entries {
		out[i] = definition.Concept{System: e.System, Code: e.Code, Display: e.Display}
	}
	return out
}

// Expand returns what the value set with a canonical URL holds. One that is not here is
// fault.NotFound.
func (o Options) Expand(canonical string, find Finder) (*Expansion, error) {
	stored, err := find("ValueSet", canonical)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		return o.ExpandSet(stored, find)
	}
	w, err := o.start(find)
	if err != nil {
		return nil, err
	}
	d, err := definedSet(canonical)
	if err != nil {
		return nil, err
	}
	entries, err := w.defined(d)
	if err != nil {
		return nil, err
	}
	return &Expansion{URL: d.URL, Version: d.Version, Name: d.Name, Entries: entries, Used: w.used, Notes: w.notes}, nil
}

// ExpandSet is Expand for a value set that is given itself.
func (o Options) ExpandSet(set *fhir.Node, find Finder) (*Expansion, error) {
	o.Supplements = append(o.Supplements[:len(o.Supplements):len(o.Supplements)], supplementsOf(set)...)
	w, err := o.start(find)
	if err != nil {
		return nil, err
	}
	url := set.Get("url").Text()
	if err := w.enter(url); err != nil {
		return nil, err
	}
	entries, err := w.set(set)
	if err != nil {
		return nil, err
	}
	return &Expansion{URL: url, Version: set.Get("version").Text(), Name: set.Get("name").Text(), Entries: entries, Used: w.used, Notes: w.notes, Set: set}, nil
}

// supplementsOf returns the supplements that a value set asks for by its extension.
func supplementsOf(set *fhir.Node) []string {
	var out []string
	for x := range set.Get("extension").Items() {
		if x.Get("url").Text() == "http://hl7.org/fhir/StructureDefinition/valueset-supplement" {
			out = append(out, x.Get("valueCanonical").Text())
		}
	}
	return out
}

// definedSet returns a value set of the definitions.
func definedSet(canonical string) (*definition.ValueSet, error) {
	url, version, _ := strings.Cut(canonical, "|")
	d, ok := definition.FindValueSet(url)
	switch {
	case !ok:
		return nil, fault.New(fault.NotFound, "There is no value set %s here.", clip(canonical))
	case version != "" && version != d.Version:
		return nil, fault.New(fault.NotFound, "The value set %s is here in version %s, not in %s.", url, d.Version, clip(version))
	}
	return d, nil
}

// named returns the codes of an imported value set, which it works out once.
func (w *work) named(canonical string) ([]Entry, error) {
	if known, ok := w.known[canonical]; ok {
		if known.err != nil {
			return nil, known.err
		}
		return known.entries, w.spend(1 + len(known.entries))
	}
	if err := w.enter(canonical); err != nil {
		return nil, err
	}
	defer w.leave()
	entries, err := w.imported(canonical)
	if err == nil {
		err = w.spend(len(entries)) // they are kept until the call ends
	}
	w.known[canonical] = &expanded{entries, err}
	return entries, err
}

func (w *work) imported(canonical string) ([]Entry, error) {
	stored, err := w.find("ValueSet", canonical)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		w.use("value-set", stored.Get("url").Text(), stored.Get("version").Text())
		return w.set(stored)
	}
	d, err := definedSet(canonical)
	if err != nil {
		return nil, err
	}
	w.use("value-set", d.URL, d.Version)
	return w.defined(d)
}

// defined expands a value set of the definitions.
func (w *work) defined(d *definition.ValueSet) ([]Entry, error) {
	if len(d.Missing) > 0 {
		return nil, fault.New(fault.NotSupported, "The value set %s cannot be expanded here: it needs %s, which is not here.", d.URL, strings.Join(d.Missing, ", "))
	}
	concepts, _ := definition.Expand(d.URL)
	if err := w.spend(len(concepts)); err != nil {
		return nil, err
	}
	all := make([]Entry, 0, len(concepts))
	for _, c := range concepts {
		s := defined(c.System)
		e := Entry{System: c.System, Code: c.Code, Display: c.Display}
		if s != nil {
			w.use("code-system", s.URL, s.Version)
			if i, ok := s.Find(c.Code); ok {
				e = s.entry(i)
			}
		}
		all = append(all, w.supplemented(e))
	}
	return w.unique(all, nil, w.ActiveOnly), nil
}

// entry is the code at a position, as an expansion shows it.
func (s *System) entry(i int) Entry {
	c := &s.Codes[i]
	return Entry{System: s.URL, Version: s.Version, Code: c.Code, Display: c.Display, Abstract: c.Abstract, Inactive: c.Inactive, from: s, at: i}
}

func (w *work) supplemented(e Entry) Entry {
	e.extra = w.extra[e.System][e.Code]
	return e
}

// set expands a ValueSet resource: what its includes hold and its excludes do not.
func (w *work) set(set *fhir.Node) ([]Entry, error) {
	compose := set.Get("compose")
	if compose.Get("include").Len() == 0 {
		return w.fixed(set)
	}
	if compose.Get("lockedDate") != nil {
		w.note("compose.lockedDate was not heeded: code systems are taken as they are here")
	}
	out := map[key]bool{}
	for part := range compose.Get("exclude").Items() {
		some, err := w.part(part)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			out[e.key()] = true
		}
	}
	active := w.ActiveOnly || compose.Get("inactive").Text() == "false"
	var kept []Entry
	for part := range compose.Get("include").Items() { // each joined at once: a thousand includes of the same codes need no more room
		some, err := w.part(part)
		if err != nil {
			return nil, err
		}
		for _, e := range some {
			if k := e.key(); !out[k] && !(active && e.Inactive) {
				out[k] = true // once
				kept = append(kept, e)
			}
		}
		if len(kept) > MaxCodes {
			return nil, fault.New(fault.TooCostly, "The value set has more than %d codes.", MaxCodes)
		}
	}
	return kept, nil
}

func (w *work) note(text string) {
	for _, n := range w.notes {
		if n == text {
			return
		}
	}
	w.notes = append(w.notes, text)
}

// fixed reads the expansion of a value set that has no definition.
func (w *work) fixed(set *fhir.Node) ([]Entry, error) {
	var all []Entry
	var read func(list *fhir.Node)
	read = func(list *fhir.Node) {
		for c := range list.Items() {
			if code := c.Get("code").Text(); code != "" {
				all = append(all, w.supplemented(Entry{System: c.Get("system").Text(), Version: c.Get("version").Text(), Code: code, Display: c.Get("display").Text(),
					Abstract: c.Get("abstract").True(), Inactive: c.Get("inactive").True(), named: c.Get("designation")}))
			}
			read(c.Get("contains"))
		}
	}
	read(set.Path("expansion.contains"))
	switch {
	case set.Get("expansion") == nil:
		return nil, fault.New(fault.NotSupported, "The value set %s has neither a compose.include nor an expansion.", clip(set.Get("url").Text()))
	case set.Path("expansion.total") != nil && set.Path("expansion.total").Text() != fhir.Int(int64(len(all))).Text():
		return nil, fault.New(fault.NotSupported, "The value set %s has no compose.include, and its expansion is only a part.", clip(set.Get("url").Text()))
	}
	return w.unique(all, nil, w.ActiveOnly), w.spend(len(all))
}

// part returns the codes of one include or exclude: those that are in its code system and
// in every value set that it imports.
func (w *work) part(part *fhir.Node) ([]Entry, error) {
	var all []Entry
	restricted := false
	if part.Get("system").Text() != "" {
		var err error
		if all, err = w.ofSystem(part); err != nil {
			return nil, err
		}
		restricted = true
	}
	for url := range part.Get("valueSet").Items() {
		some, err := w.named(url.Text())
		if err != nil {
			return nil, err
		}
		if !restricted {
			all, restricted = some, true
			continue
		}
		in := make(map[key]bool, len(some))
		for _, e := range some {
			in[e.key()] = true
		}
		both := make([]Entry, 0, min(len(all), len(some)))
		for _, e := range all {
			if in[e.key()] {
				both = append(both, e)
			}
		}
		all = both
	}
	if !restricted {
		return nil, fault.New(fault.Invalid, "A part of the value set names neither a code system nor a value set.")
	}
	return all, nil
}

// ofSystem returns the codes that a part lists of a code system, that it selects by
// filters, or all.
func (w *work) ofSystem(part *fhir.Node) ([]Entry, error) {
	url := part.Get("system").Text()
	s, err := w.system(url, part.Get("version").Text())
	if chosen := part.Get("concept"); chosen.Len() > 0 {
		if err != nil && !fault.Is(err, fault.NotSupported) {
			return nil, err
		}
		return w.listed(part, s)
	}
	if err != nil {
		return nil, err
	}
	w.use("code-system", s.URL, s.Version)
	if !s.Complete() {
		return nil, s.partial()
	}
	if err := w.spend(len(s.Codes)); err != nil {
		return nil, err
	}
	keep, err := w.filters(s, part.Get("filter"))
	if err != nil {
		return nil, err
	}
	all := make([]Entry, 0, len(s.Codes))
	for i := range s.Codes {
		if keep(i) {
			all = append(all, w.supplemented(s.entry(i)))
		}
	}
	return all, nil
}

// listed returns the codes that a part names one by one. Those that their code system,
// when it is wholly here, does not have are not codes.
func (w *work) listed(part *fhir.Node, s *System) ([]Entry, error) {
	if part.Get("filter").Len() > 0 {
		return nil, fault.New(fault.Invalid, "A part of the value set has both a list of codes and filters.")
	}
	if s != nil {
		w.use("code-system", s.URL, s.Version)
	}
	var all []Entry
	for c := range part.Get("concept").Items() {
		if e, ok := w.one(part, c, s); ok {
			all = append(all, e)
		}
	}
	return all, w.spend(len(all))
}

// one reads one code of a part's list.
func (w *work) one(part, c *fhir.Node, s *System) (Entry, bool) {
	e := Entry{System: part.Get("system").Text(), Version: part.Get("version").Text(), Code: c.Get("code").Text()}
	if s != nil {
		i, ok := s.Find(e.Code)
		if !ok && s.Complete() {
			return e, false
		}
		if ok {
			e = s.entry(i)
		}
	}
	if d := c.Get("display").Text(); d != "" {
		e.Display = d
	}
	e.named = c.Get("designation")
	return w.supplemented(e), e.Code != ""
}

// unique returns each code once and none of those in out; active leaves retired ones out.
func (w *work) unique(list []Entry, out map[key]bool, active bool) []Entry {
	seen := make(map[key]bool, len(list))
	kept := make([]Entry, 0, len(list))
	for _, e := range list {
		if k := e.key(); !seen[k] && !out[k] && !(active && e.Inactive) {
			seen[k] = true
			kept = append(kept, e)
		}
	}
	return kept
}
