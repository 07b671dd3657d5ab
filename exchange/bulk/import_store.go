package bulk

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// store commits resources together. When some are in the record already, equal ones are
// left out and different ones reported or, with Update, replaced. It returns the resources
// that are in the record afterwards.
func (im *Import) store(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	puts := make([]record.Put, len(resources))
	var err error
	for i, r := range resources {
		puts[i] = record.Put{Resource: r.Clone(), Create: true}
		if puts[i].Contents, err = f.large.of(r); err != nil {
			return nil, f.refuse(err, 1, func(int) string { return entry(i) })
		}
	}
	err = im.commit(ctx, puts, f.large)
	if fault.Is(err, fault.Conflict) {
		return im.compare(ctx, resources, f, entry)
	}
	if err != nil {
		return nil, f.refuse(err, len(puts), entry)
	}
	f.count(resources)
	im.dangling(ctx, resources, f)
	return resources, nil
}

// each stores resources that stand for themselves: a faulty one does not hold up its
// neighbours. It halves what was refused until the faulty ones stand alone.
func (im *Import) each(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	try := *f
	try.Problems, try.refused = slices.Clone(f.Problems), false
	stored, err := im.store(ctx, resources, &try, entry)
	if err != nil || !try.refused || len(resources) == 1 {
		*f = try
		return stored, err
	}
	half := len(resources) / 2
	first, err := im.each(ctx, resources[:half], f, entry)
	if err != nil {
		return first, err
	}
	second, err := im.each(ctx, resources[half:], f, func(i int) string { return entry(half + i) })
	return slices.Concat(first, second), err
}

func (im *Import) commit(ctx context.Context, puts []record.Put, large *lifted) error {
	if len(puts) == 0 {
		return nil
	}
	_, err := im.Actor.Commit(ctx, record.Change{Put: puts, Dangling: true, What: "import"})
	if err == nil {
		large.stored(puts)
	}
	return err
}

func (f *FileReport) count(resources []*fhir.Node) {
	for _, r := range resources {
		f.Stored[r.ResourceType()]++
	}
}

// refuse turns a fault about the content of one of n resources into problems of the file;
// other errors stop the import.
func (f *FileReport) refuse(err error, n int, entry func(int) string) error {
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Malformed, fault.TooLarge, fault.NotSupported, fault.Forbidden:
	default:
		return err
	}
	f.refused = true
	at := len(f.Problems)
	f.problem("", err)
	for i := range f.Problems[at:] {
		p := &f.Problems[at+i]
		if n == 1 { // a change of one does not number it
			p.Entry = entry(0)
		}
		if n, rest, ok := position(p.Path); ok {
			p.Entry, p.Path = entry(n), rest
		}
	}
	return nil
}

// position reads "Put[3].Patient.birthDate".
func position(path string) (n int, rest string, ok bool) {
	tail, ok := strings.CutPrefix(path, "Put[")
	digits, rest, closed := strings.Cut(tail, "]")
	if !ok || !closed || digits == "" {
		return 0, path, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, path, false
		}
		n = n*10 + int(c-'0')
	}
	return n, strings.TrimPrefix(rest, "."), true
}

// attempts is how often what the record has is looked up again because another file or
// another user stored some of it in between.
const attempts = 8

// compare stores what is new and settles what the record has already.
func (im *Import) compare(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	var err error
	for range attempts {
		try := *f // what this attempt says counts only when it succeeds
		try.Problems = slices.Clone(f.Problems)
		var present []*fhir.Node
		present, err = im.settle(ctx, resources, &try, entry)
		if fault.Is(err, fault.Conflict) {
			gone, failed := im.deleted(ctx, resources, &try)
			if failed != nil {
				return nil, failed
			}
			if gone {
				*f = try
				return present, nil
			}
		}
		if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
			*f = try
			return present, err
		}
	}
	return nil, err
}

// settle is one attempt of compare.
func (im *Import) settle(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	there, err := im.present(ctx, resources, false)
	if err != nil {
		return nil, err
	}
	if err := im.rename(ctx, resources, there, f); err != nil {
		return nil, err
	}
	var puts []record.Put
	var fresh, present []*fhir.Node
	var places []int // of puts in resources
	for i, r := range resources {
		old, ok := there[r.Reference()]
		if !ok {
			contents, err := f.large.of(r)
			if err != nil {
				return nil, err
			}
			puts, fresh, places = append(puts, record.Put{Resource: r.Clone(), Create: true, Contents: contents}), append(fresh, r), append(places, i)
			continue
		}
		was, err := fhir.Parse(old.Body)
		if err != nil {
			return nil, err
		}
		switch {
		case f.large.equal(r, was):
			f.Same++
			present = append(present, r)
		case im.Update:
			contents, err := f.large.of(r)
			if err != nil {
				return nil, err
			}
			puts, fresh, places = append(puts, record.Put{Resource: r.Clone(), IfMatch: old.Version, Contents: contents}), append(fresh, r), append(places, i)
		case record.Lacks(old.Body):
			f.Problems = append(f.Problems, Problem{entry(i), r.Reference(),
				"The record has this under its id, and has lost the file of its data; it was left as it is (--update writes a new version, with the data)."})
		default:
			f.Problems = append(f.Problems, Problem{entry(i), r.Reference(),
				"The record has other content under this id; it was left as it is (--update writes a new version)."})
		}
	}
	err = im.commit(ctx, puts, f.large)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Stale) {
		return present, err
	}
	if err != nil {
		return nil, f.refuse(err, len(puts), func(i int) string { return entry(places[i]) })
	}
	f.count(fresh)
	im.dangling(ctx, resources, f)
	return append(present, fresh...), nil
}

// deleted names the resources that the record has deleted, and reports whether there are
// any; none of the file's new ones were stored then.
func (im *Import) deleted(ctx context.Context, resources []*fhir.Node, f *FileReport) (found bool, err error) {
	for _, r := range resources {
		_, err := im.Actor.ReadVersion(ctx, r.ResourceType(), r.ID(), 0)
		switch {
		case fault.Is(err, fault.Gone):
			found = true
			f.Problems = append(f.Problems, Problem{Path: r.Reference(), Text: "It was deleted in the record, and the import does not bring it back; nothing new of this file was stored. Take it out of the file."})
		case err != nil && !fault.Is(err, fault.NotFound):
			return false, err
		}
	}
	return found, nil
}

// present returns what the record has under the ids of the resources, with hashes for large data; whole
// reads that data.
func (im *Import) present(ctx context.Context, resources []*fhir.Node, whole bool) (map[string]store.Version, error) {
	refs := make([]string, len(resources))
	for i, r := range resources {
		refs[i] = r.Reference()
	}
	out := map[string]store.Version{}
	for some := range slices.Chunk(refs, together) {
		found, err := im.Actor.ReadHashed(ctx, some, whole)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			out[v.Type+"/"+v.ID] = v
		}
	}
	return out, nil
}

// together is how many resources are looked up in one query.
const together = 200

// rename gives another id to what belongs to no patient (a practitioner, an organization)
// when the record has other content under its id: a server gives ids to what is posted to
// it, and two systems may both have a Practitioner/1. The new id is made of the content, so
// that a second import finds it. References in the file follow.
func (im *Import) rename(ctx context.Context, resources []*fhir.Node, there map[string]store.Version, f *FileReport) error {
	if im.Update {
		return nil
	}
	moved := map[string]string{}
	var renamed []*fhir.Node
	for _, r := range resources {
		old, ok := there[r.Reference()]
		if !ok || ofPatient(r.ResourceType()) || record.Lacks(old.Body) {
			continue
		}
		was, err := fhir.Parse(old.Body)
		if err != nil {
			return err
		}
		if f.large.equal(r, was) {
			continue
		}
		before := r.Reference()
		r.SetID(f.large.derived(r))
		moved[before] = r.Reference()
		renamed = append(renamed, r)
	}
	if len(moved) == 0 {
		return nil
	}
	for _, r := range resources {
		follow(r, moved)
	}
	f.Renamed += len(moved)
	found, err := im.present(ctx, renamed, false)
	for ref, v := range found {
		there[ref] = v
	}
	return err
}

func ofPatient(resourceType string) bool {
	_, in := definition.Compartment("Patient")[resourceType]
	return in || resourceType == "Patient"
}

// follow rewrites references to what was moved.
func follow(n *fhir.Node, moved map[string]string) {
	switch n.Kind() {
	case fhir.Array:
		for v := range n.Items() {
			follow(v, moved)
		}
	case fhir.Object:
		for name, v := range n.Members() {
			if to, ok := moved[v.Text()]; ok && name == "reference" {
				n.Set(name, fhir.Str(to))
				continue
			}
			follow(v, moved)
		}
	}
}

// Equal reports whether two resources say the same: all of their content but the version
// and time that a server gives, and the labels that it sets.
// A file that does not say whose it is gets that from the record.
func Equal(a, b *fhir.Node) bool {
	if a.ResourceType() == "Binary" && (a.Get("securityContext") == nil) != (b.Get("securityContext") == nil) {
		a, b = a.Clone(), b.Clone()
		a.Remove("securityContext")
		b.Remove("securityContext")
	}
	return bytes.Equal(content(a), content(b))
}

func content(r *fhir.Node) []byte {
	c := record.Unlabelled(r)
	if meta := c.Get("meta"); meta != nil {
		meta.Remove("versionId")
		meta.Remove("lastUpdated")
		c.Remove("meta")
		if meta.Len() > 0 {
			c.SetFirst(2, "meta", meta)
		}
	}
	id := c.Get("id")
	c.Remove("id")
	c.SetFirst(1, "id", id)
	return c.JSON()
}

// dangling counts references to what is neither here nor in the record.
func (im *Import) dangling(ctx context.Context, resources []*fhir.Node, f *FileReport) {
	here := map[string]bool{}
	for _, r := range resources {
		here[r.Reference()] = true
	}
	uses := map[string]int{}
	var outside []*fhir.Node
	for _, r := range resources {
		references(r, func(ref string) {
			if here[ref] {
				return
			}
			if uses[ref]++; uses[ref] == 1 {
				t, id, _ := strings.Cut(ref, "/")
				outside = append(outside, fhir.Obj("resourceType", t, "id", id))
			}
		})
	}
	there, err := im.present(ctx, outside, false)
	if err != nil {
		return // a count for the report, not worth stopping an import
	}
	for ref, n := range uses {
		if _, ok := there[ref]; !ok {
			f.Dangling += n
		}
	}
}

// references visits the relative references ("Type/id") of a resource.
func references(n *fhir.Node, visit func(string)) {
	switch n.Kind() {
	case fhir.Array:
		for v := range n.Items() {
			references(v, visit)
		}
	case fhir.Object:
		for name, v := range n.Members() {
			if name == "reference" && v.Kind() == fhir.String {
				if s := v.Text(); strings.Count(s, "/") == 1 && !strings.ContainsAny(s, ":#?") {
					visit(s)
				}
				continue
			}
			references(v, visit)
		}
	}
}

// verify reads resources back and counts those that differ from their source.
func (im *Import) verify(ctx context.Context, sources []*fhir.Node, f *FileReport) (checked, different int, err error) {
	there, err := im.present(ctx, sources, true)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range sources {
		checked++
		v, ok := there[r.Reference()]
		if ok {
			got, err := fhir.Parse(v.Body)
			if err != nil {
				return checked, different, err
			}
			ok = f.large.equal(r, got)
		}
		if !ok {
			different++
			f.Problems = append(f.Problems, Problem{Path: r.Reference(), Text: "What was read back differs from the file."})
		}
	}
	return checked, different, nil
}
