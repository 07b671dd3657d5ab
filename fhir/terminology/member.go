package terminology

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// member asks whether a value set holds one code. It looks at no more than it must, so
// that it can answer for value sets that cannot be expanded: a code that is listed is in,
// one of another code system is out, whatever else the value set takes from SNOMED CT.
type member struct {
	*work
	system, code string // system "": any
	seen         map[string]verdict
}

// verdict is yes, no, or unknown for a reason.
type verdict struct {
	in    bool
	entry Entry
	why   error // unknown
}

// named asks a value set by its canonical URL.
func (m *member) named(canonical string) (verdict, error) {
	if v, ok := m.seen[canonical]; ok {
		return v, m.spend(1)
	}
	if err := m.enter(canonical); err != nil {
		return verdict{}, err
	}
	defer m.leave()
	stored, err := m.find("ValueSet", canonical)
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	if stored != nil {
		v, err = m.set(stored)
	} else {
		v, err = m.defined(canonical)
	}
	if err == nil {
		m.seen[canonical] = v
	}
	return v, err
}

func (m *member) defined(canonical string) (verdict, error) {
	d, err := definedSet(canonical)
	if err != nil {
		return verdict{}, err
	}
	in, known := definition.Contains(d.URL, m.system, m.code)
	switch {
	case in:
		system := m.system
		if system == "" {
			system = definition.SystemOf(d.URL, m.code)
		}
		e := Entry{System: system, Code: m.code}
		if s := defined(system); s != nil {
			if i, ok := s.Find(m.code); ok {
				e = s.entry(i)
			}
		} else if all, ok := definition.Expand(d.URL); ok { // the value set has the displays then
			for _, c := range all {
				if c.System == system && c.Code == m.code {
					e.Display = c.Display
				}
			}
		}
		return verdict{in: !m.ActiveOnly || !e.Inactive, entry: m.supplemented(e)}, nil
	case !known:
		_, err := m.work.defined(d) // says what is missing
		return verdict{why: err}, nil
	}
	return verdict{}, nil
}

func (m *member) set(set *fhir.Node) (verdict, error) {
	compose := set.Get("compose")
	if compose.Get("include").Len() == 0 {
		return m.listedIn(set)
	}
	v, err := m.any(compose.Get("include"))
	if err != nil || !v.in && v.why == nil {
		return v, err
	}
	not, err := m.any(compose.Get("exclude"))
	switch {
	case err != nil || not.in:
		return verdict{}, err
	case not.why != nil:
		return not, nil
	case v.in && v.entry.Inactive && (m.ActiveOnly || compose.Get("inactive").Text() == "false"):
		return verdict{}, nil
	}
	return v, nil
}

// listedIn asks a value set that has only an expansion.
func (m *member) listedIn(set *fhir.Node) (verdict, error) {
	all, err := m.fixed(set)
	if fault.Is(err, fault.NotSupported) {
		return verdict{why: err}, nil
	}
	for _, e := range all {
		if e.Code == m.code && (m.system == "" || m.system == e.System) {
			return verdict{in: true, entry: e}, err
		}
	}
	return verdict{}, err
}

// any asks parts until one has the code.
func (m *member) any(parts *fhir.Node) (verdict, error) {
	var none verdict
	for part := range parts.Items() {
		v, err := m.part(part)
		if err != nil || v.in {
			return v, err
		}
		if v.why != nil && none.why == nil {
			none = v
		}
	}
	return none, nil
}

// part asks one include or exclude: its code system and all its value sets must have the code.
func (m *member) part(part *fhir.Node) (verdict, error) {
	if part.Get("system").Text() == "" && part.Get("valueSet").Len() == 0 {
		return verdict{}, fault.New(fault.Invalid, "A part of the value set names neither a code system nor a value set.")
	}
	var all verdict
	narrowed := *m // to the system of the part
	if system := part.Get("system").Text(); system != "" {
		if m.system != "" && m.system != system {
			return verdict{}, nil
		}
		v, err := m.ofSystem(part)
		if err != nil || !v.in && v.why == nil {
			return v, err
		}
		all = v
		if narrowed.system == "" {
			narrowed.system, narrowed.seen = system, map[string]verdict{}
		}
	}
	for url := range part.Get("valueSet").Items() {
		v, err := narrowed.named(url.Text())
		if err != nil || !v.in && v.why == nil {
			return v, err
		}
		if all.why == nil && (v.why != nil || !all.in) {
			all = v
		}
	}
	return all, nil
}

func (m *member) ofSystem(part *fhir.Node) (verdict, error) {
	s, err := m.work.system(part.Get("system").Text(), part.Get("version").Text())
	if err != nil && !fault.Is(err, fault.NotSupported) {
		return verdict{}, err
	}
	if chosen := part.Get("concept"); chosen.Len() > 0 {
		for c := range chosen.Items() {
			if code := c.Get("code").Text(); code == m.code || s != nil && s.fold(code) == s.fold(m.code) {
				e, ok := m.one(part, c, s)
				return verdict{in: ok, entry: e}, m.spend(1)
			}
		}
		return verdict{}, m.spend(chosen.Len())
	}
	if err != nil {
		return verdict{why: err}, nil
	}
	at, ok := s.Find(m.code)
	if !ok {
		if s.Complete() {
			return verdict{}, nil
		}
		return verdict{why: s.partial()}, nil
	}
	filters := part.Get("filter")
	if filters.Len() > 0 && !s.Complete() {
		return verdict{why: s.partial()}, nil
	}
	keep, err := m.filters(s, filters)
	if fault.Is(err, fault.NotSupported) {
		return verdict{why: err}, nil
	}
	if err != nil {
		return verdict{}, err
	}
	return verdict{in: keep(at), entry: m.supplemented(s.entry(at))}, nil
}
