// Package fhirpath evaluates FHIRPath expressions on FHIR resources.
//
// An expression is compiled once, to closures over *fhir.Node, and evaluated as often as
// needed, also concurrently:
//
//	given, err := fhirpath.Compile("Patient.name.where(use = 'official').given")
//	values, err := given.Evaluate(patient)
//	for _, v := range values { fmt.Println(v.Text()) }
//
// CompileStrict also holds an expression to the definitions of a type: what people write is
// told of a misspelled element. Quantities are those of UCUM (fhir/ucum). Rules of the
// definitions, invariants, are evaluated with Session.Keeps.
//
// The files follow the chapters of the specification (FHIRPath N1, and the FHIR R4
// supplement): lexer, parser, compile, and one functions_*.go for each chapter of the
// function library. Functions and their arity stand in one table (table.go).
//
// Evaluation never panics and never looks at a clock, a store or the network: now() is
// what the caller passes with At; resolve(), memberOf(), subsumes(), conformsTo() and
// htmlChecks() ask the Hooks of the caller. Long or deep expressions and evaluations with
// too many steps are faults.
package fhirpath

import (
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Limits of an expression and of one evaluation.
const (
	MaxLength = 16 << 10 // bytes of an expression
	MaxDepth  = 128      // nesting of an expression
	MaxSteps  = 500_000  // visited items in one evaluation
	MaxValues = 200_000  // items in one collection
)

// Expression is a compiled expression. It is safe for concurrent use.
type Expression struct {
	source string
	tree   *expr
	run    eval
	slots  int // parts that are evaluated once: see hoist.go
}

// Compile reads an expression. A fault names the column where it cannot be read.
func Compile(source string) (*Expression, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	return compileTree(source, tree)
}

// CompileFor is Compile for evaluation on resources of one type: parts of a union that
// start with the name of another resource type are left out. Search parameters are
// unions over all the types that they serve.
func CompileFor(resourceType, source string) (*Expression, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	return compileTree(source, prune(tree, resourceType))
}

func compileTree(source string, tree *expr) (*Expression, error) {
	return compileWith(compiler{source: source}, tree)
}

func compileWith(c compiler, tree *expr) (*Expression, error) {
	if tree == nil {
		return &Expression{source: c.source, run: evalEmpty}, nil
	}
	c.defines = definesVariables(tree)
	run, err := c.scope(tree)
	if err != nil {
		return nil, err
	}
	return &Expression{source: c.source, tree: tree, run: run, slots: c.slots}, nil
}

// String returns the expression as it was written.
func (e *Expression) String() string { return e.source }

// Option changes one evaluation.
type Option func(*state)

// Resolver finds the resource that a reference ("Patient/123", a URL) points at; nil when
// it cannot.
type Resolver func(reference string) *fhir.Node

// WithResolver lets resolve() follow references out of the resource. Without it, resolve()
// yields for a reference that names its type an item that has only that type, so that
// "resolve() is Patient" can be answered.
func WithResolver(r Resolver) Option { return func(s *state) { s.resolver = r } }

// At sets the time of now(), today() and timeOfDay(); without it they are faults.
func At(t time.Time) Option { return func(s *state) { s.now = t } }

// WithRoot sets %rootResource, the resource that contains the one that is evaluated: local
// references ("#a") are looked up in it. Without it, it is the resource itself.
func WithRoot(root *fhir.Node) Option { return func(s *state) { s.root = root } }

// With defines an environment variable, %name.
func With(name string, values ...Value) Option {
	return func(s *state) {
		if s.vars == nil {
			s.vars = map[string][]Value{}
		}
		s.vars[name] = values
	}
}

// Steps lowers the limit of steps, for expressions that are evaluated on many resources.
func Steps(n int) Option { return func(s *state) { s.begin = MaxSteps - n } }

// Evaluate evaluates the expression on a resource (or on any other node).
func (e *Expression) Evaluate(resource *fhir.Node, options ...Option) ([]Value, error) {
	return NewSession(resource, options...).Evaluate(e)
}

// Session evaluates many expressions on one resource, with the same options. It is not
// safe for concurrent use.
type Session struct{ s state }

// NewSession begins a Session.
func NewSession(resource *fhir.Node, options ...Option) *Session {
	x := &Session{}
	x.s.resource = Of(resource)
	x.s.this[0] = x.s.resource
	for _, o := range options {
		o(&x.s)
	}
	return x
}

// Evaluate evaluates an expression on the resource, or on what the option On named. The
// limit of steps holds for each expression.
func (x *Session) Evaluate(e *Expression) ([]Value, error) {
	s := &x.s
	if s.this[0].absent() {
		return nil, nil
	}
	s.steps, s.index, s.total = s.begin, 0, nil
	if e.slots > 0 {
		s.kept = make([]kept, e.slots)
	}
	out, err := e.run(s, s.this[:])
	if len(out) > 0 && &out[0] == &s.this[0] {
		out = []Value{s.this[0]} // the next evaluation may be on another item
	}
	return out, err
}

// EvaluateOn is Evaluate on one item of the resource: %resource stays the resource.
func (x *Session) EvaluateOn(e *Expression, item Value) ([]Value, error) {
	before := x.s.this[0]
	x.s.this[0] = item
	out, err := x.Evaluate(e)
	x.s.this[0] = before
	return out, err
}

// Keeps evaluates a rule of a definition (an invariant) on an item. A rule is broken when it
// is false; one that is empty says nothing about the item and is kept: ref-1 is empty for
// a reference that has a display only.
func (x *Session) Keeps(rule *Expression, item Value) (bool, error) {
	out, err := x.EvaluateOn(rule, item)
	if err != nil {
		return false, err
	}
	t, err := truth(out)
	return t != no, err
}

// Test evaluates the expression as a condition: true when the result is true, or is a
// single item that is not a boolean. An empty result is false.
func (e *Expression) Test(resource *fhir.Node, options ...Option) (bool, error) {
	out, err := e.Evaluate(resource, options...)
	if err != nil {
		return false, err
	}
	t, err := truth(out)
	return t == yes, err
}

// state is one evaluation.
type state struct {
	resource Value
	root     *fhir.Node // nil when it is the resource
	this     [1]Value
	total    []Value // $total of aggregate
	index    int64   // $index
	steps    int
	begin    int // where the count of steps begins, see Steps
	resolver Resolver
	hooks    *Hooks
	now      time.Time
	vars     map[string][]Value
	kept     []kept // results of parts that are evaluated once
}

// container is %rootResource.
func (s *state) container() Value {
	if s.root == nil {
		return s.resource
	}
	return Of(s.root)
}

// eval evaluates a compiled part on a collection of input items.
type eval func(s *state, in []Value) ([]Value, error)

func evalEmpty(*state, []Value) ([]Value, error) { return nil, nil }

// spend counts visited items against the limits.
func (s *state) spend(n int) error {
	s.steps += n + 1
	if s.steps > MaxSteps || n > MaxValues {
		return tooCostly()
	}
	return nil
}

func tooCostly() error {
	return fault.New(fault.TooCostly, "The FHIRPath expression needs more than %d steps or %d items.", MaxSteps, MaxValues)
}

// visit counts a node that is looked at within an operation; it is false when the limit is
// passed, and the operation may end early: the spend that follows is the fault.
func (s *state) visit() bool {
	s.steps++
	return s.steps <= MaxSteps
}

// spendText counts the reading or making of a text.
func (s *state) spendText(bytes int) error {
	s.steps += bytes / 16
	return s.spend(0)
}

// refuse is a fault of an expression that cannot be evaluated on what it was given.
func refuse(format string, args ...any) error {
	return fault.New(fault.Invalid, "FHIRPath: "+format, args...)
}
