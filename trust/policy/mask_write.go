package policy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Restore puts back into a resource that is to be written what its writer does not see in the
// one before: particulars stay as they are when they are left out, or come back as they were
// given, masked. Who sends others is refused, whatever is stored.
func (m Mask) Restore(before, after *fhir.Node) error {
	if m == (Mask{}) || before == nil {
		return nil
	}
	seen := before.Clone()
	m.Apply(seen)
	sent := texts(after)
	if err := restore(before, seen, after, after.ResourceType()); err != nil {
		return err
	}
	return m.keeps(before, seen, after, sent)
}

// keeps checks that what was put back is masked for its writer as it was before: whoever changes the
// system of a number, or what kind of resource a person is, would get to see it otherwise. What the
// writer sent is no part of the question, so that the answer confirms no guess.
func (m Mask) keeps(before, seen, after *fhir.Node, sent map[string]bool) error {
	open := texts(seen)
	shown := after.Clone()
	m.Apply(shown)
	for text := range texts(shown) {
		if !open[text] && !sent[text] && texts(before)[text] {
			return unseen(after.ResourceType())
		}
	}
	return nil
}

// texts returns every text in a resource.
func texts(n *fhir.Node) map[string]bool {
	out := map[string]bool{}
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		switch n.Kind() {
		case fhir.String:
			out[n.Text()] = true
		case fhir.Array:
			for item := range n.Items() {
				walk(item)
			}
		case fhir.Object:
			for _, v := range n.Members() {
				walk(v)
			}
		}
	}
	walk(n)
	return out
}

// restore goes through what a mask has made different.
func restore(before, seen, after *fhir.Node, at string) error {
	names := map[string]bool{}
	for _, n := range []*fhir.Node{before, seen} {
		for name := range n.Members() {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) { // in an order that tells nothing
		b, s, a := before.Get(name), seen.Get(name), after.Get(name)
		if equal(b, s) {
			continue
		}
		place := at + "." + name
		switch {
		case a == nil || equal(a, s):
			after.Set(name, b.Clone())
		case name == "text": // a narrative of the writer's own
		case name == "identifier" && s.Kind() == fhir.Array:
			list, err := restoredIdentifiers(b, a, place)
			if err != nil {
				return err
			}
			after.Set(name, list)
		case b.Kind() == fhir.Object && s.Kind() == fhir.Object && a.Kind() == fhir.Object:
			if err := restore(b, s, a, place); err != nil {
				return err
			}
		case b.Kind() == fhir.Array && s.Kind() == fhir.Array && a.Kind() == fhir.Array && b.Len() == s.Len() && b.Len() == a.Len():
			list, err := restoredItems(b, s, a, place)
			if err != nil {
				return err
			}
			after.Set(name, list)
		default:
			return unseen(place)
		}
	}
	return nil
}

func restoredItems(before, seen, after *fhir.Node, at string) (*fhir.Node, error) {
	var list []any
	for i := range before.Len() {
		b, s, a, place := before.At(i), seen.At(i), after.At(i), fmt.Sprintf("%s[%d]", at, i)
		switch {
		case equal(b, s):
		case equal(a, s):
			a = b.Clone()
		case b.Kind() == fhir.Object && s.Kind() == fhir.Object && a.Kind() == fhir.Object:
			if err := restore(b, s, a, place); err != nil {
				return nil, err
			}
		default:
			return nil, unseen(place)
		}
		list = append(list, a)
	}
	return fhir.Arr(list...), nil
}

// restoredIdentifiers keeps the national identifiers of a list; the others are the writer's.
func restoredIdentifiers(before, after *fhir.Node, at string) (*fhir.Node, error) {
	split := func(list *fhir.Node) (open, ours []any) {
		for id := range list.Items() {
			if national(id) || covers(id) {
				ours = append(ours, id)
			} else {
				open = append(open, id)
			}
		}
		return open, ours
	}
	was, ours := split(before)
	sent, theirs := split(after)
	if slices.ContainsFunc(theirs, func(id any) bool { return !covers(id.(*fhir.Node)) }) {
		return nil, unseen(at)
	}
	if slices.EqualFunc(was, sent, func(a, b any) bool { return equal(a.(*fhir.Node), b.(*fhir.Node)) }) {
		return before.Clone(), nil
	}
	if len(sent)+len(ours) == 0 {
		return nil, nil
	}
	return fhir.Arr(append(sent, ours...)...).Clone(), nil
}

func unseen(at string) error {
	return fault.New(fault.Forbidden, "Your role or program does not see these particulars and so cannot change them: leave them out, or as they came. The front desk and health records change them.").At(at)
}

func equal(a, b *fhir.Node) bool {
	return (a == nil) == (b == nil) && (a == nil || bytes.Equal(a.JSON(), b.JSON()))
}
