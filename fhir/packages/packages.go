// Package packages reads FHIR packages, the .tgz files in which implementation guides are
// published (US Core, the International Patient Summary): their profiles, value sets, code
// systems and search parameters.
//
//	f, err := os.Open("hl7.fhir.us.core-6.1.0.tgz")
//	p, err := packages.Read(f)
//	sd := p.Find("StructureDefinition", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient")
//
// A package comes from outside, so a reader takes nothing for granted: sizes, counts, the
// ratio of packing and every path are checked, and nothing is written to a disk.
package packages

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Limits of a package. The largest published guides unpack to about 200 MB; what is kept in
// memory are the conformance resources only.
const (
	MaxPacked   = 128 << 20 // bytes of the .tgz
	MaxUnpacked = 1 << 30   // bytes of all files
	MaxKept     = 256 << 20 // bytes of the resources that are kept
	MaxFiles    = 50_000
	MaxRatio    = 200     // unpacked to packed, past the first minRatio bytes
	minRatio    = 8 << 20 // small packages may be packed well
)

// Kinds are the resource types that make up a guide and that Read keeps, in the order in
// which they are best stored: what others refer to first.
var Kinds = []string{"CodeSystem", "ValueSet", "StructureDefinition", "SearchParameter", "ConceptMap", "NamingSystem",
	"OperationDefinition", "CapabilityStatement"}

// Package is one package as it was read.
type Package struct {
	Name, Version string            // "hl7.fhir.us.core", "6.1.0"
	Canonical     string            // "http://hl7.org/fhir/us/core"
	FHIRVersions  []string          // "4.0.1"
	Dependencies  map[string]string // name -> version
	Resources     []*fhir.Node      // the conformance resources, by Kinds and then by file name
	Examples      []*fhir.Node      // with WithExamples

	byURL map[string]*fhir.Node
}

// Option changes what Read keeps.
type Option func(*reader)

// WithExamples keeps the instances in package/example as well.
func WithExamples() Option { return func(r *reader) { r.examples = true } }

// Find returns a resource of the package by type and canonical URL, which may carry
// |version; nil when there is none.
func (p *Package) Find(resourceType, canonical string) *fhir.Node {
	url, version, _ := strings.Cut(canonical, "|")
	r := p.byURL[resourceType+" "+url]
	if r == nil || version != "" && r.Get("version").Text() != version && !strings.HasPrefix(r.Get("version").Text(), version+".") {
		return nil
	}
	return r
}

// reader reads one package.
type reader struct {
	p        *Package
	packed   *counter
	unpacked int64
	kept     int64
	files    int
	examples bool
	named    []named
	manifest bool
}

type named struct {
	name string
	node *fhir.Node
}

// counter counts what was read, and refuses more than its limit.
type counter struct {
	r    io.Reader
	n    int64
	most int64
}

// Read implements io.Reader.
func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.n += int64(n); c.n > c.most {
		return n, fault.New(fault.TooLarge, "The package is larger than %d MB.", c.most>>20)
	}
	return n, err
}

// Read reads a package. A file of it that cannot be read is a fault that names the file;
// files of other kinds are passed over.
func Read(from io.Reader, options ...Option) (*Package, error) {
	r := &reader{p: &Package{Dependencies: map[string]string{}, byURL: map[string]*fhir.Node{}},
		packed: &counter{r: from, most: MaxPacked}}
	for _, o := range options {
		o(r)
	}
	unzip, err := gzip.NewReader(r.packed)
	if err != nil {
		return nil, unreadable(err, "The file is not a FHIR package: it is not compressed with gzip.")
	}
	files := tar.NewReader(unzip)
	for {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, unreadable(err, "The package is damaged: its list of files cannot be read.")
		}
		if err := r.file(h, files); err != nil {
			return nil, err
		}
	}
	if !r.manifest {
		return nil, fault.New(fault.Malformed, "The file is not a FHIR package: package/package.json is missing.")
	}
	return r.finish(), nil
}

// unreadable keeps a fault of ours, and hides what the library says.
func unreadable(err error, text string) error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return fault.Wrap(err, fault.Malformed, "%s", text)
}

// file reads one entry of the archive.
func (r *reader) file(h *tar.Header, body io.Reader) error {
	if r.files++; r.files > MaxFiles {
		return fault.New(fault.TooLarge, "The package holds more than %d files.", MaxFiles)
	}
	name := h.Name
	if strings.Contains(name, "\\") || path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), "..") {
		return fault.New(fault.Invalid, "The package holds a file whose path leads outside of it: %s.", clip(name))
	}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	default:
		return fault.New(fault.Invalid, "The package holds something that is neither file nor folder: %s.", clip(name))
	}
	if r.unpacked += h.Size; h.Size < 0 || r.unpacked > MaxUnpacked {
		return fault.New(fault.TooLarge, "The package unpacks to more than %d MB.", MaxUnpacked>>20)
	}
	name = path.Clean(name)
	dir, base := path.Split(name)
	definition := dir == "package/" && path.Ext(base) == ".json" && base[0] != '.'
	example := dir == "package/example/" && path.Ext(base) == ".json" && base[0] != '.'
	if !definition && !(example && r.examples) {
		return r.skip(body)
	}
	if r.kept += h.Size; r.kept > MaxKept || h.Size > fhir.MaxBytes {
		return fault.New(fault.TooLarge, "The package's resources are larger than %d MB, or one of them than %d MB.", MaxKept>>20, fhir.MaxBytes>>20)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return unreadable(err, "The package is damaged: the file "+clip(name)+" cannot be read.")
	}
	if err := r.ratio(); err != nil {
		return err
	}
	n, err := fhir.Parse(text)
	if err != nil {
		return fault.Wrap(err, fault.CodeOf(err), "The file %s of the package cannot be read", clip(name))
	}
	r.take(base, n, example)
	return nil
}

// skip reads what is not kept, as the limits hold for it too.
func (r *reader) skip(body io.Reader) error {
	if _, err := io.Copy(io.Discard, body); err != nil {
		return unreadable(err, "The package is damaged: a file cannot be read to its end.")
	}
	return r.ratio()
}

// ratio refuses archives that are packed far better than text can be.
func (r *reader) ratio() error {
	if r.unpacked > minRatio && r.unpacked/max(r.packed.n, 1) > MaxRatio {
		return fault.New(fault.TooLarge, "The package unpacks to more than %d times its size; that is no text.", MaxRatio)
	}
	return nil
}

func (r *reader) take(base string, n *fhir.Node, example bool) {
	switch {
	case base == "package.json" && !example:
		r.manifest = true
		p := r.p
		p.Name, p.Version, p.Canonical = n.Get("name").Text(), n.Get("version").Text(), n.Get("canonical").Text()
		for v := range n.Get("fhirVersions").Items() {
			p.FHIRVersions = append(p.FHIRVersions, v.Text())
		}
		for name, v := range n.Get("dependencies").Members() {
			p.Dependencies[name] = v.Text()
		}
	case example:
		if n.ResourceType() != "" {
			r.p.Examples = append(r.p.Examples, n)
		}
	case slices.Contains(Kinds, n.ResourceType()):
		r.named = append(r.named, named{base, n})
	}
}

// finish puts the resources in order.
func (r *reader) finish() *Package {
	slices.SortStableFunc(r.named, func(a, b named) int {
		if by := slices.Index(Kinds, a.node.ResourceType()) - slices.Index(Kinds, b.node.ResourceType()); by != 0 {
			return by
		}
		return strings.Compare(a.name, b.name)
	})
	for _, n := range r.named {
		r.p.Resources = append(r.p.Resources, n.node)
		if url := n.node.Get("url").Text(); url != "" {
			r.p.byURL[n.node.ResourceType()+" "+url] = n.node
		}
	}
	return r.p
}

func clip(s string) string { return fault.Clip(s, 120) }
