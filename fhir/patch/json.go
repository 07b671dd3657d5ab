// Package patch changes resources as a patch document says (R4 http.html#patch):
//
//	after, err := patch.JSON(before, operations)     // RFC 6902
//	after, err = patch.XML(before, document)         // RFC 5261
//	after, err = patch.FHIRPath(before, parameters)  // R4 fhirpatch.html
//	parameters, err = patch.Diff(before, after)
//
// The resource that is given stays as it is; the changed one is a copy. Either all
// operations can be carried out or none is: a fault names the first that cannot, by its
// position, and never quotes a value. Whether the result is a good resource is decided by
// fhir/validate, and who may make it by the gate.
package patch

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// MaxOperations is the largest number of operations in one patch.
const MaxOperations = 1000

// maxGrowth is the largest number of values that the copies of one patch may add: each copy
// can double a document.
const maxGrowth = 100_000

// JSON carries out a JSON Patch (RFC 6902): an array of operations.
func JSON(resource, operations *fhir.Node) (*fhir.Node, error) {
	if operations.Kind() != fhir.Array {
		return nil, fault.New(fault.Malformed, "A JSON Patch is an array of operations.")
	}
	if operations.Len() > MaxOperations {
		return nil, fault.New(fault.TooLarge, "The patch has %d operations; the limit is %d.", operations.Len(), MaxOperations)
	}
	p := &jsonPatch{root: resource.Clone()}
	for i := range operations.Len() {
		if err := p.apply(operations.At(i)); err != nil {
			var f *fault.Error
			if e, ok := err.(*fault.Error); ok {
				f = e
			} else {
				f = fault.New(fault.Invalid, "%s", err.Error())
			}
			f.Message = fmt.Sprintf("Operation %d of the patch: %s", i+1, f.Message)
			return nil, f
		}
	}
	return p.root, nil
}

type jsonPatch struct {
	root  *fhir.Node
	grown int
}

func (p *jsonPatch) apply(op *fhir.Node) error {
	if op.Kind() != fhir.Object {
		return fault.New(fault.Malformed, "it is not an object.")
	}
	path, err := pointer(op, "path")
	if err != nil {
		return err
	}
	switch name := op.Get("op").Text(); name {
	case "add", "replace", "test":
		value := op.Get("value")
		if value == nil {
			return fault.New(fault.Malformed, "%s needs a value.", name)
		}
		switch name {
		case "add":
			return p.add(path, value.Clone())
		case "replace":
			if _, err := p.remove(path, true); err != nil {
				return err
			}
			return p.put(path, value.Clone())
		}
		found, err := p.find(path)
		if err != nil {
			return err
		}
		if !equal(found, value) {
			return fault.New(fault.Invalid, "the test failed: the value is another one.")
		}
		return nil
	case "remove":
		_, err := p.remove(path, false)
		return err
	case "move", "copy":
		from, err := pointer(op, "from")
		if err != nil {
			return err
		}
		if name == "copy" {
			found, err := p.find(from)
			if err != nil {
				return err
			}
			if p.grown += size(found); p.grown > maxGrowth {
				return fault.New(fault.TooLarge, "the copies of this patch are too large.")
			}
			return p.add(path, found.Clone())
		}
		if len(path) > len(from) && strings.HasPrefix(strings.Join(path, "\x00")+"\x00", strings.Join(from, "\x00")+"\x00") {
			return fault.New(fault.Invalid, "a value cannot move into itself.")
		}
		moved, err := p.remove(from, false)
		if err != nil {
			return err
		}
		return p.add(path, moved)
	default:
		return fault.New(fault.Malformed, "op is add, remove, replace, move, copy or test.")
	}
}

// pointer reads a JSON Pointer (RFC 6901) into its reference tokens.
func pointer(op *fhir.Node, member string) ([]string, error) {
	v := op.Get(member)
	text := v.Text()
	if v.Kind() != fhir.String || text != "" && text[0] != '/' {
		return nil, fault.New(fault.Malformed, "%s is a JSON Pointer such as /name/0/family.", member)
	}
	if text == "" {
		return nil, nil
	}
	tokens := strings.Split(text[1:], "/")
	if len(tokens) > fhir.MaxDepth {
		return nil, fault.New(fault.TooLarge, "%s is deeper than %d levels.", member, fhir.MaxDepth)
	}
	for i, t := range tokens {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(t), "~") {
			return nil, fault.New(fault.Malformed, "%s has a ~ that is neither ~0 nor ~1.", member)
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

func missing() error {
	return fault.New(fault.Invalid, "there is nothing at this place of the resource.")
}

// find returns the value at a place.
func (p *jsonPatch) find(path []string) (*fhir.Node, error) {
	n := p.root
	for _, token := range path {
		switch n.Kind() {
		case fhir.Object:
			n = n.Get(token)
		case fhir.Array:
			i, err := index(token, n.Len()-1)
			if err != nil {
				return nil, err
			}
			n = n.At(i)
		default:
			return nil, missing()
		}
		if n == nil {
			return nil, missing()
		}
	}
	return n, nil
}

// index reads an array index: digits without leading zeros, at most last.
func index(token string, last int) (int, error) {
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || strconv.Itoa(i) != token || i > last {
		return 0, missing()
	}
	return i, nil
}

// add puts a value at a place; in an array the ones from there on move up.
func (p *jsonPatch) add(path []string, value *fhir.Node) error {
	if len(path) == 0 {
		p.root = value
		return nil
	}
	parent, err := p.find(path[:len(path)-1])
	if err != nil {
		return err
	}
	last := path[len(path)-1]
	switch parent.Kind() {
	case fhir.Object:
		parent.Set(last, value)
		return nil
	case fhir.Array:
		i := parent.Len()
		if last != "-" {
			if i, err = index(last, parent.Len()); err != nil {
				return err
			}
		}
		items := list(parent)
		return p.replaceArray(path[:len(path)-1], append(items[:i:i], append([]*fhir.Node{value}, items[i:]...)...))
	}
	return missing()
}

// put sets a value at a place that remove has left open for it.
func (p *jsonPatch) put(path []string, value *fhir.Node) error {
	if len(path) > 0 {
		parent, err := p.find(path[:len(path)-1])
		if err != nil {
			return err
		}
		if parent.Kind() == fhir.Array {
			items := list(parent)
			i, err := index(path[len(path)-1], len(items)-1)
			if err != nil {
				return err
			}
			items[i] = value
			return p.replaceArray(path[:len(path)-1], items)
		}
	}
	return p.add(path, value)
}

// remove takes the value at a place away and returns it; with keep it stays there, to be
// overwritten.
func (p *jsonPatch) remove(path []string, keep bool) (*fhir.Node, error) {
	found, err := p.find(path)
	if err != nil || keep {
		return found, err
	}
	if len(path) == 0 {
		return nil, fault.New(fault.Invalid, "the whole resource cannot be removed by a patch; delete it.")
	}
	parent, err := p.find(path[:len(path)-1])
	if err != nil {
		return nil, err
	}
	last := path[len(path)-1]
	if parent.Kind() == fhir.Object {
		parent.Remove(last)
		return found, nil
	}
	items := list(parent)
	i, err := index(last, len(items)-1)
	if err != nil {
		return nil, err
	}
	return found, p.replaceArray(path[:len(path)-1], append(items[:i:i], items[i+1:]...))
}

func list(arr *fhir.Node) []*fhir.Node {
	items := make([]*fhir.Node, arr.Len())
	for i := range items {
		items[i] = arr.At(i)
	}
	return items
}

// replaceArray writes an array anew in its place.
func (p *jsonPatch) replaceArray(path []string, items []*fhir.Node) error {
	arr := fhir.Arr()
	arr.Append(items...)
	if len(path) == 0 {
		p.root = arr
		return nil
	}
	parent, err := p.find(path[:len(path)-1])
	if err != nil {
		return err
	}
	last := path[len(path)-1]
	if parent.Kind() == fhir.Object {
		parent.Set(last, arr)
		return nil
	}
	outer := list(parent)
	i, err := index(last, len(outer)-1)
	if err != nil {
		return err
	}
	outer[i] = arr
	return p.replaceArray(path[:len(path)-1], outer)
}

// equal compares two values as RFC 6902 section 4.6 does: numbers by value, members in any
// order.
func equal(a, b *fhir.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Object:
		for name, v := range a.Members() {
			if !equal(v, b.Get(name)) {
				return false
			}
		}
		return true
	case fhir.Array:
		for i := range a.Len() {
			if !equal(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	case fhir.Number:
		return a.Text() == b.Text() || number(a.Text()) != nil && number(b.Text()) != nil && number(a.Text()).Cmp(number(b.Text())) == 0
	}
	return a.Text() == b.Text()
}

// number returns a literal's exact value; nil when it is too long or too far from 1 to be
// worth the work, and then only equal literals are equal.
func number(literal string) *big.Rat {
	if _, e, ok := strings.Cut(strings.ToLower(literal), "e"); len(literal) > 200 || ok && len(e) > 4 {
		return nil
	}
	r, ok := new(big.Rat).SetString(literal)
	if !ok {
		return nil
	}
	return r
}

// size counts the values in a tree.
func size(n *fhir.Node) int {
	total := 1
	switch n.Kind() {
	case fhir.Array:
		for v := range n.Items() {
			total += size(v)
		}
	case fhir.Object:
		for _, v := range n.Members() {
			total += size(v)
		}
	}
	return total
}
