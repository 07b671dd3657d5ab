package policy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
)

// Restore puts back into a resource that is to be written what its writer does not see in the
// one before. A hidden part is put back only at the element it was taken from, and only when
// that element came back as it was given, masked, or without what is masked there; a particular
// that a resource lacks altogether stays too. Everything else there is refused, and is refused by
// what the writer was shown and has sent: the answer confirms no guess.
func (m Mask) Restore(before, after *fhir.Node) error {
	if m == (Mask{}) || before == nil {
		return nil
	}
	at := &masking{Mask: m}
	seen := before.Clone()
	person := at.resource(seen)
	if len(at.numbers) > 0 || person && m.National == Whole { // which does not tell whether there are any
		if err := retold(seen, after, person && m.Contact); err != nil {
			return err
		}
	}
	return restore(before, seen, after, after.ResourceType())
}

// retold refuses a new narrative beside hidden numbers: one that repeats a number is hidden, so that its
// writer would see which guess is right. own says that the resource's own is hidden whatever it says.
func retold(seen, after *fhir.Node, own bool) error {
	shown := map[string]bool{"": true}
	for _, text := range narratives(seen, nil) {
		shown[text] = true
	}
	for i, text := range narratives(after, nil) {
		if !shown[text] && !(own && i == 0) {
			return unseen(after.ResourceType() + ".text")
		}
	}
	return nil
}

// narratives adds the narratives of a resource, its own first, and of those in it.
func narratives(n *fhir.Node, out []string) []string {
	if n.Kind() == fhir.Array {
		for item := range n.Items() {
			out = narratives(item, out)
		}
		return out
	}
	if n.Get("resourceType").Kind() == fhir.String {
		out = append(out, n.Path("text.div").Text())
	}
	for _, v := range n.Members() {
		if v.Kind() == fhir.Object || v.Kind() == fhir.Array {
			out = narratives(v, out)
		}
	}
	return out
}

// restore goes through the members of a resource that a mask has made different.
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
		case a == nil || returned(a, s):
			after.Set(name, b.Clone())
		case name == "text": // a narrative of the writer's own, see retold
		case name == "identifier" && s.Kind() == fhir.Array:
			list, err := restoredIdentifiers(b, a, place)
			if err != nil {
				return err
			}
			after.Set(name, list)
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
		case returned(a, s):
			a = b.Clone()
		case b.ResourceType() != "" && b.ResourceType() == a.ResourceType() && b.ID() == a.ID(): // contained
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

// returned reports whether an element came back as it was shown, or without what is masked there.
func returned(sent, shown *fhir.Node) bool {
	if equal(sent, shown) {
		return true
	}
	if shown == nil {
		return false
	}
	bare := shown.Clone()
	uncover(bare)
	return equal(sent, bare)
}

// uncover takes away what is masked in an element.
func uncover(n *fhir.Node) {
	var masked []string
	for name, v := range n.Members() {
		switch {
		case v.Kind() == fhir.Object && covers(v):
			masked = append(masked, name)
		case v.Kind() == fhir.Object:
			uncover(v)
		}
	}
	for _, name := range masked {
		n.Remove(name)
	}
}

// restoredIdentifiers keeps the national identifiers of a list; the others are the writer's.
func restoredIdentifiers(before, after *fhir.Node, at string) (*fhir.Node, error) {
	split := func(list *fhir.Node) (open, ours []any) {
		for id := range list.Items() {
			if search.National(id) || covers(id) {
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
