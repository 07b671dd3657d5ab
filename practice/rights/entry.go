package rights

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// Entry is what a request is about, as a line.
type Entry struct {
	Type, ID string
	Name     string // "Asthma"; "" when it cannot be read any more
	When     string // FHIR date of what it tells; "" when it has none
	Version  string
}

// titles are the members that say in words what an entry is, the first that is there wins.
var titles = []string{"code.text", "medicationCodeableConcept.text", "vaccineCode.text", "title", "description", "type.text", "reasonCode.0.text", "type.0.text",
	"code.coding.0.display", "medicationCodeableConcept.coding.0.display", "vaccineCode.coding.0.display", "type.coding.0.display"}

// dates are the members that say when it was.
var dates = []string{"effectiveDateTime", "effectivePeriod.start", "occurrenceDateTime", "performedDateTime", "performedPeriod.start", "onsetDateTime", "authoredOn", "period.start", "date", "issued", "recordedDate"}

// EntryOf reads the line of a resource.
func EntryOf(n *fhir.Node) Entry {
	first := func(paths []string) string {
		for _, p := range paths {
			if s := n.Path(p).Text(); s != "" {
				return s
			}
		}
		return ""
	}
	return Entry{Type: n.ResourceType(), ID: n.ID(), Name: first(titles), When: first(dates), Version: n.Path("meta.versionId").Text()}
}

// EntryIn finds the line of a reference in a chart that was read; resources returns those of a type.
func EntryIn(ref string, resources func(resourceType string) []*fhir.Node) Entry {
	resourceType, id, _ := strings.Cut(ref, "/")
	for _, n := range resources(resourceType) {
		if n.ID() == id {
			return EntryOf(n)
		}
	}
	return Entry{Type: resourceType, ID: id}
}

// ReadEntry reads what a reference points at, as far as the actor may see it. An entry that was
// deleted, or cannot be seen any more, has no name.
func ReadEntry(ctx context.Context, actor *record.Actor, ref string) (Entry, error) {
	resourceType, id, ok := strings.Cut(ref, "/")
	if !ok {
		return Entry{}, nil
	}
	n, err := actor.Read(ctx, resourceType, id)
	if fault.Is(err, fault.Gone) || fault.Is(err, fault.NotFound) {
		return Entry{Type: resourceType, ID: id}, nil
	}
	if err != nil {
		return Entry{}, err
	}
	return EntryOf(n), nil
}
