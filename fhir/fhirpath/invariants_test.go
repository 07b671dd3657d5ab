package fhirpath

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// brokenRules are rules that an example breaks, with the reason.
var brokenRules = map[string]string{
	"que-7 questionnaire-example-bluebook.json": "the rule says 'answer is Boolean'; an answer is a FHIR boolean, and the official suite has it that this is no System.Boolean. Meant is 'answer is boolean'.",
	"sdf-4 request.json":                        "the logical model Request names no baseDefinition",
}

// invariantWalk evaluates the invariants of the definitions over resources.
type invariantWalk struct {
	compiled map[string]*Expression // by expression
	broken   map[string]int         // by key
	failed   map[string]string      // by key and error
	seen     map[string]bool        // by key
	checks   int
}

// TestInvariants compiles the rules of all types, and evaluates them over HL7's examples:
// none may fail to be evaluated, and the examples break none but those of brokenRules.
func TestInvariants(t *testing.T) {
	w := &invariantWalk{compiled: map[string]*Expression{}, broken: map[string]int{}, failed: map[string]string{}, seen: map[string]bool{}}
	keys := map[string]bool{}
	names := append(definition.ResourceTypes(), "Element", "BackboneElement", "Resource", "DomainResource", "MetadataResource")
	for _, rt := range definition.ResourceTypes() {
		ty, _ := definition.Lookup(rt)
		for _, e := range ty.Elements {
			for _, r := range e.Types {
				if !strings.Contains(r.Code, ".") && !slices.Contains(names, r.Code) {
					names = append(names, r.Code)
				}
			}
		}
	}
	for _, name := range names {
		ty, ok := definition.Lookup(name)
		if !ok {
			continue
		}
		for _, i := range ty.Invariant {
			keys[i.Key] = true
			e, err := Compile(i.Expression)
			if err != nil {
				t.Errorf("%s %s: %v", name, i.Key, err)
				continue
			}
			w.compiled[i.Expression] = e
		}
	}
	t.Logf("%d rules, %d expressions in %d types", len(keys), len(w.compiled), len(names))
	if len(keys) < 241 {
		t.Errorf("%d rules were found, want 241", len(keys))
	}
	dir := sample.Dir(t, "fhir-r4/examples", 100)
	files, err := filepath.Glob(filepath.Join(dir, "json", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(body)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		w.resource(filepath.Base(file), r, r)
	}
	for key, text := range w.failed {
		t.Errorf("%s: %s", key, text)
	}
	for key := range w.broken {
		if brokenRules[key] == "" {
			t.Errorf("%s is broken", key)
		}
	}
	for key := range brokenRules {
		if w.broken[key] == 0 {
			t.Errorf("%s is kept: take it from brokenRules", key)
		}
	}
	t.Logf("%d of the rules have something to say about the examples", len(w.seen))
	t.Logf("%d checks over %d files", w.checks, len(files))
}

func (w *invariantWalk) resource(file string, root, r *fhir.Node) {
	session := NewSession(r, At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), WithRoot(root),
		WithHooks(Hooks{HTML: func(string) bool { return true }}))
	w.element(file, session, root, Of(r), "", r.ResourceType())
}

// element checks the rules on the place of an element ("Patient.contact", "" for a resource)
// and those of its type and the types that it derives from, then what is below it. within
// is where the definitions hold its children.
func (w *invariantWalk) element(file string, x *Session, root *fhir.Node, v Value, place, within string) {
	if place != "" {
		w.rules(file, x, v, place)
	}
	for t := v.typ; t != nil; t = t.base {
		w.rules(file, x, v, t.name)
	}
	if v.node.Kind() != fhir.Object {
		return
	}
	for member := range v.node.Members() {
		bare := strings.TrimPrefix(member, "_")
		child := v.typ.member(bare)
		e, code, ok := definition.Child(within, bare)
		if child == nil || !ok || bare != member && v.node.Get(bare) != nil {
			continue
		}
		var companion *fhir.Node
		if child.companion != "" {
			companion = v.node.Get(child.companion)
		}
		for _, c := range appendItems(nil, v.node.Get(bare), companion, child.typ) {
			if c.typ != nil && c.typ.resource {
				inner := root
				if member != "contained" {
					inner = c.node
				}
				w.resource(file, inner, c.node)
				continue
			}
			w.element(file, x, root, c, strings.TrimSuffix(e.Path, "[x]"), definition.Below(e, code))
		}
	}
}

func (w *invariantWalk) rules(file string, x *Session, v Value, at string) {
	name, _, _ := strings.Cut(at, ".")
	ty, ok := definition.Lookup(name)
	if !ok {
		return
	}
	for _, i := range ty.Invariant {
		if strings.TrimSuffix(i.Path, "[x]") != at {
			continue
		}
		e := w.compiled[i.Expression]
		if e == nil {
			w.failed[i.Key] = "was not compiled"
			continue
		}
		w.checks++
		w.seen[i.Key] = true
		kept, err := x.Keeps(e, v)
		if err != nil {
			w.failed[i.Key+" "+err.Error()] = file
			continue
		}
		if !kept && i.Severity == "error" {
			w.broken[i.Key+" "+file]++
			if os.Getenv("SHOW_BROKEN") != "" {
				fmt.Println(i.Key, file, at, i.Expression)
			}
		}
	}
}
