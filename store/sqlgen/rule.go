package sqlgen

import "github.com/osler-emr/osler/fhir/search"

// A rule of visibility is the same value in all searches of a person in a minute, and the larger
// part of most of them. What its conditions come to is remembered as long as the vocabulary is the
// same: then it is neither compiled anew, nor are its codes looked up by each statement.

// Memory is a vocabulary (Names) that remembers what rules come to.
type Memory interface {
	// Recall returns what was kept in the state of the vocabulary that is being read; usable is
	// false when that state is not known, so that nothing can be kept.
	Recall(RuleKey) (v any, usable bool)
	// Keep remembers what was found in that state, unless the state has changed.
	Keep(RuleKey, any)
}

// RuleKey names a rule, which is never changed once it is made, and what was made of it.
type RuleKey struct {
	first *search.Expr
	count int
	typ   string
	form  form
}

// form is what a rule was compiled to.
type form struct {
	conditions, few bool
	row             string
}

// driving is what a condition of a rule can do as a driver.
type driving struct {
	sources []source
	drives  bool
}

// ruled is a compiled condition of a rule.
type ruled struct {
	Fragment
	rows bool // whether it uses the row
}

// remembered returns what a rule comes to in a form.
func remembered[T any](c *Compiler, r Request, f form, compile func(*Compiler) (T, error)) (T, error) {
	memory, ok := c.names.(Memory)
	rule, is := r.Visible.(search.And)
	if !ok || !is || len(rule) == 0 {
		return compile(c)
	}
	key := RuleKey{&rule[0], len(rule), r.Type, f}
	v, usable := memory.Recall(key)
	if known, ok := v.(T); ok {
		return known, nil
	}
	if !usable {
		return compile(c)
	}
	s := &settled{Names: c.names}
	out, err := compile(&Compiler{c.dialect, s, true})
	if err == nil && !s.open {
		memory.Keep(key, out)
	}
	return out, err
}

// settled notes whether more was asked than the state of the vocabulary answers.
type settled struct {
	Names
	open bool
}

// Entity implements Names.
func (s *settled) Entity(resourceType, id string) (int64, error) {
	s.open = true
	return s.Names.Entity(resourceType, id)
}

// Entities implements Names.
func (s *settled) Entities(id string) ([]int64, error) {
	s.open = true
	return s.Names.Entities(id)
}

// Patient implements Names.
func (s *settled) Patient(id string) (int64, error) {
	s.open = true
	return s.Names.Patient(id)
}

// Located implements Names.
func (s *settled) Located(resourceType string, ids []string) ([]int64, error) {
	s.open = true
	return s.Names.Located(resourceType, ids)
}

// Scattered is that of the names.
func (s *settled) Scattered() bool {
	in, ok := s.Names.(interface{ Scattered() bool })
	return ok && in.Scattered()
}

// driving returns what the conditions of the rule can do as drivers.
func (c *Compiler) driving(r Request, rule []search.Expr) ([]driving, error) {
	return remembered(c, r, form{}, func(c *Compiler) ([]driving, error) {
		out := make([]driving, len(rule))
		for i, x := range rule {
			var err error
			if out[i].sources, out[i].drives, err = c.drives(r.Type, x); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// ruled returns the conditions of the rule. Inside of one chart they name its range, and are
// compiled each time.
func (q *query) ruled(r Request, rule []search.Expr) ([]ruled, error) {
	compile := func(c *Compiler) ([]ruled, error) {
		out := make([]ruled, len(rule))
		for i, x := range rule {
			one := *q
			one.Compiler, one.rows = c, false
			f, err := one.condition(x)
			if err != nil {
				return nil, err
			}
			out[i] = ruled{f, one.rows}
		}
		return out, nil
	}
	if q.within != nil {
		return compile(q.Compiler)
	}
	return remembered(q.Compiler, r, form{true, q.few, q.row}, compile)
}
