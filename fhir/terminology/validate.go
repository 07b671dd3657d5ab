package terminology

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Coding is a code that is asked about. Version and Display may be empty; System too,
// where a value set implies it.
type Coding struct{ System, Version, Code, Display string }

// CodingOf reads a Coding element.
func CodingOf(n *fhir.Node) Coding {
	return Coding{n.Get("system").Text(), n.Get("version").Text(), n.Get("code").Text(), n.Get("display").Text()}
}

// Answer says whether a code is valid. Entry is the code as it is defined, when it was
// found; Message says why it is not valid.
type Answer struct {
	Valid   bool
	Message string
	Entry   Entry
}

// ValidateCode tells whether one of the codings is in the value set with a canonical URL.
// When that cannot be told from what is here, it is fault.NotSupported.
func ValidateCode(canonical string, find Finder, codings ...Coding) (Answer, error) {
	return Options{}.ValidateCode(canonical, find, codings...)
}

// ValidateCode is the function of that name with options.
func (o Options) ValidateCode(canonical string, find Finder, codings ...Coding) (Answer, error) {
	return o.validate(find, codings, func(m *member) (verdict, error) { return m.named(canonical) })
}

// ValidateInSet is ValidateCode for a value set that is given itself.
func (o Options) ValidateInSet(set *fhir.Node, find Finder, codings ...Coding) (Answer, error) {
	o.Supplements = append(o.Supplements[:len(o.Supplements):len(o.Supplements)], supplementsOf(set)...)
	return o.validate(find, codings, func(m *member) (verdict, error) {
		if err := m.enter(set.Get("url").Text()); err != nil {
			return verdict{}, err
		}
		defer m.leave()
		return m.set(set)
	})
}

func (o Options) validate(find Finder, codings []Coding, ask func(*member) (verdict, error)) (Answer, error) {
	w, err := o.start(find)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Message: "There is no code to look for."}
	var unknown error
	for i, c := range codings {
		w.imports = 0
		v, err := ask(&member{work: w, system: c.System, code: c.Code, seen: map[string]verdict{}})
		switch {
		case err != nil:
			return Answer{}, err
		case v.why != nil:
			unknown = v.why
			continue
		case !v.in:
			if i == 0 || answer.Entry.Code == "" {
				answer.Message = "The code " + shown(c) + " is not in the value set."
			}
			continue
		}
		if answer = o.judge(c, v.entry); answer.Valid {
			return answer, nil
		}
	}
	if unknown != nil && answer.Entry.Code == "" {
		return Answer{}, unknown
	}
	return answer, nil
}

// shown is a code as a message names it.
func shown(c Coding) string {
	if c.System == "" {
		return clip(c.Code)
	}
	return clip(c.System + "|" + c.Code)
}

// judge compares what is asked with the code that was found.
func (o Options) judge(c Coding, e Entry) Answer {
	switch {
	case o.NoAbstract && e.Abstract:
		return Answer{Entry: e, Message: "The code only groups others; it is not for use itself."}
	case c.Version != "" && e.Version != "" && c.Version != e.Version:
		return Answer{Entry: e, Message: "The code is known here in version " + clip(e.Version) + " of its code system, not in " + clip(c.Version) + "."}
	case c.Display != "" && !e.called(c.Display):
		return Answer{Entry: e, Message: "The code is right, but its display is not " + quoted(c.Display) + "; it is " + quoted(e.Display) + "."}
	}
	return Answer{Valid: true, Entry: e}
}

func quoted(s string) string { return "“" + clip(s) + "”" }

// called reports whether a text is the display of a code or one of its designations.
func (e Entry) called(text string) bool {
	if e.Display == "" || definition.Same(e.Display, text) || e.from != nil && definition.Same(e.from.Codes[e.at].Display, text) {
		return true // nothing here says otherwise
	}
	for _, d := range e.Designations() {
		if definition.Same(d.Value, text) {
			return true
		}
	}
	return false
}

// ValidateInSystem tells whether one of the codings is a code of the code system.
func (o Options) ValidateInSystem(s *System, codings ...Coding) (Answer, error) {
	answer := Answer{Message: "There is no code to look for."}
	for i, c := range codings {
		if c.System != "" && c.System != s.URL {
			if i == 0 {
				answer.Message = "The code is of the code system " + clip(c.System) + ", not of " + clip(s.URL) + "."
			}
			continue
		}
		e, ok, known := s.look(c.Code)
		if !ok && !known {
			return Answer{}, s.partial()
		}
		if !ok {
			answer.Message = "The code system " + clip(s.URL) + " has no code " + clip(c.Code) + "."
			continue
		}
		if answer = o.judge(c, e); answer.Valid {
			return answer, nil
		}
	}
	return answer, nil
}

// Lookup finds a code of a code system; fault.NotFound when there is none.
func (s *System) Lookup(code string) (Entry, error) {
	e, ok, known := s.look(code)
	if !ok && !known {
		return Entry{}, s.partial()
	}
	if !ok {
		return Entry{}, fault.New(fault.NotFound, "The code system %s has no code %s.", clip(s.URL), clip(code))
	}
	return e, nil
}
