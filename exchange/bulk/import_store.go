package bulk

import (
	"bytes"
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// store commits resources together. When some are in the record already, equal ones are
// left out and different ones reported or, with Update, replaced. It returns the resources
// that are in the record afterwards.
func (im *Import) store(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	for _, r := range resources {
		if r.ID() == "" {
			r.SetID(im.newID())
		}
	}
	puts := make([]record.Put, len(resources))
	for i, r := range resources {
		puts[i] = record.Put{Resource: r.Clone(), Create: true}
	}
	err := im.commit(ctx, puts)
	if fault.Is(err, fault.Conflict) {
		return im.compare(ctx, resources, f, entry)
	}
	if err := f.refused(err, entry); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, nil
	}
	f.count(resources)
	im.dangling(ctx, resources, f)
	return resources, nil
}

func (im *Import) commit(ctx context.Context, puts []record.Put) error {
	if len(puts) == 0 {
		return nil
	}
	_, err := im.Actor.Commit(ctx, record.Change{Put: puts, Dangling: true, What: "import"})
	return err
}

func (f *FileReport) count(resources []*fhir.Node) {
	for _, r := range resources {
		f.Stored[r.ResourceType()]++
	}
}

// refused turns a fault about the content into problems of the file; other errors stop
// the import.
func (f *FileReport) refused(err error, entry func(int) string) error {
	switch fault.CodeOf(err) {
	case "":
		return nil
	case fault.Invalid, fault.Malformed, fault.TooLarge, fault.NotSupported, fault.Forbidden:
	default:
		return err
	}
	at := len(f.Problems)
	f.problem("", err)
	for i := range f.Problems[at:] {
		p := &f.Problems[at+i]
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

// compare stores what is new and settles what the record has already.
func (im *Import) compare(ctx context.Context, resources []*fhir.Node, f *FileReport, entry func(int) string) ([]*fhir.Node, error) {
	var puts []record.Put
	var fresh, present []*fhir.Node
	for i, r := range resources {
		v, err := im.Actor.ReadVersion(ctx, r.ResourceType(), r.ID(), 0)
		switch {
		case fault.Is(err, fault.NotFound):
			puts = append(puts, record.Put{Resource: r.Clone(), Create: true})
			fresh = append(fresh, r)
			continue
		case fault.Is(err, fault.Gone):
			f.Problems = append(f.Problems, Problem{entry(i), r.Reference(), "It was deleted in the record; the import does not bring it back."})
			continue
		case err != nil:
			return nil, err
		}
		old, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		switch {
		case Equal(r, old):
			f.Same++
			present = append(present, r)
		case im.Update:
			puts = append(puts, record.Put{Resource: r.Clone(), IfMatch: v.Version})
			fresh = append(fresh, r)
		default:
			f.Problems = append(f.Problems, Problem{entry(i), r.Reference(),
				"The record has other content under this id; it was left as it is (--update writes a new version)."})
		}
	}
	err := im.commit(ctx, puts)
	if err := f.refused(err, entry); err != nil {
		return nil, err
	}
	if err == nil {
		f.count(fresh)
		present = append(present, fresh...)
	}
	return present, nil
}

// Equal reports whether two resources say the same: all of their content but the version
// and time that a server gives.
func Equal(a, b *fhir.Node) bool { return bytes.Equal(content(a), content(b)) }

func content(r *fhir.Node) []byte {
	c := r.Clone()
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
	asked := map[string]bool{}
	for _, r := range resources {
		references(r, func(ref string) {
			if here[ref] {
				return
			}
			missing, known := asked[ref]
			if !known {
				t, id, _ := strings.Cut(ref, "/")
				_, err := im.Actor.ReadVersion(ctx, t, id, 0)
				missing = fault.Is(err, fault.NotFound)
				asked[ref] = missing
			}
			if missing {
				f.Dangling++
			}
		})
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
	for _, r := range sources {
		v, err := im.Actor.ReadVersion(ctx, r.ResourceType(), r.ID(), 0)
		if err != nil {
			return checked, different, err
		}
		got, err := fhir.Parse(v.Body)
		if err != nil {
			return checked, different, err
		}
		checked++
		if !Equal(r, got) {
			different++
			f.Problems = append(f.Problems, Problem{Path: r.Reference(), Text: "What was read back differs from the file."})
		}
	}
	return checked, different, nil
}
