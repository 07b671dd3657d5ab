package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/packages"
	"github.com/osler-emr/osler/record"
)

// PackageImport stores the conformance resources of a FHIR package. A resource is known by
// its canonical url and version: what is there already and equal is left alone, what
// differs gets a new version in the record, and another version of the guide stands beside
// the first.
type PackageImport struct {
	Actor *record.Actor
	// Progress is told after each resource; it may be nil.
	Progress func(done, total int)
}

// PackageReport is what became of a package.
type PackageReport struct {
	Name, Version string
	Stored        map[string]int // by resource type: new ones
	Updated, Same int
	Problems      []Problem
}

// Run stores the resources of a package. The error is for what stops the whole import; a
// resource that the record refuses is a Problem.
func (im *PackageImport) Run(ctx context.Context, p *packages.Package) (PackageReport, error) {
	report := PackageReport{Name: p.Name, Version: p.Version, Stored: map[string]int{}}
	for i, r := range p.Resources {
		if err := im.one(ctx, r, &report); err != nil {
			return report, fault.Wrap(err, fault.CodeOf(err), "The package %s was not imported.", p.Name)
		}
		if im.Progress != nil {
			im.Progress(i+1, len(p.Resources))
		}
	}
	return report, nil
}

func (im *PackageImport) one(ctx context.Context, r *fhir.Node, report *PackageReport) error {
	kind, address, version := r.ResourceType(), r.Get("url").Text(), r.Get("version").Text()
	entry := kind + " " + address
	if address == "" && kind != "NamingSystem" {
		report.Problems = append(report.Problems, Problem{entry, "url", "A resource of a guide needs its canonical url."})
		return nil
	}
	put := record.Put{Resource: r.Clone()}
	if status := r.Path("text.status").Text(); status == "generated" || status == "extensions" {
		// Made from the resource by the publisher's tool, for its pages: it says nothing new,
		// and its styles load images, which the record does not accept.
		put.Resource.Remove("text")
	}
	stored, err := im.stored(ctx, kind, address, version)
	switch {
	case err != nil:
		return err
	case stored != nil:
		put.Resource.SetID(stored.ID())
		if Equal(put.Resource, stored) {
			report.Same++
			return nil
		}
	default:
		put.Create = true
		if put.Resource.ID() == "" {
			put.Resource.SetID(canonicalID(address, version))
		}
	}
	err = im.commit(ctx, put)
	if put.Create && fault.Is(err, fault.Conflict) { // another resource has this id, such as an older version
		put.Resource.SetID(canonicalID(address, version))
		err = im.commit(ctx, put)
	}
	if err != nil {
		f := &FileReport{}
		if err := f.refuse(err, 1, func(int) string { return entry }); err != nil {
			return err
		}
		report.Problems = append(report.Problems, f.Problems...)
		return nil
	}
	if put.Create {
		report.Stored[kind]++
	} else {
		report.Updated++
	}
	return nil
}

func (im *PackageImport) commit(ctx context.Context, put record.Put) error {
	_, err := im.Actor.Commit(ctx, record.Change{Put: []record.Put{put}, Dangling: true, What: "package import"})
	return err
}

// stored finds the resource with a canonical url and version.
func (im *PackageImport) stored(ctx context.Context, kind, address, version string) (*fhir.Node, error) {
	if address == "" {
		return nil, nil
	}
	for r, err := range im.Actor.FindEach(ctx, kind, url.Values{"url": {address}}.Encode()) {
		if err != nil {
			return nil, err
		}
		if r.Get("version").Text() == version {
			return r, nil
		}
	}
	return nil, nil
}

// canonicalID is an id for a resource whose own is taken by another.
func canonicalID(address, version string) string {
	sum := sha256.Sum256([]byte(address + "|" + version))
	return hex.EncodeToString(sum[:16])
}
