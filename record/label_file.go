package record

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/policy"
)

// A file (Binary) is as sensitive as the entries that name it: whoever may not see the letter must not
// get its scan by its own address. It says itself only whose it is, so that its labels are found by
// looking who names it: in the same change, and in the patient's chart.

// fileLabels returns the labels of what names a Binary.
func (b *builder) fileLabels(ctx context.Context, r *fhir.Node) (labels []string, err error) {
	if b.filed == nil {
		b.filed = map[string][]int{}
		for i, q := range b.pending {
			for _, id := range filesOf(q.resource) {
				b.filed[id] = append(b.filed[id], i)
			}
		}
	}
	for _, i := range b.filed[r.ID()] {
		more, _, err := b.labels(ctx, b.pending[i].before, b.pending[i].resource)
		if err != nil {
			return nil, err
		}
		labels = append(labels, more...)
	}
	chart, err := b.fileHome(ctx, r)
	if err != nil {
		return nil, err
	}
	if chart != "" {
		stored, err := b.storedFiles(ctx, chart)
		if err != nil {
			return nil, err
		}
		labels = append(labels, stored[r.ID()].labels...)
	}
	if t, id := target(r.Path("securityContext.reference").Text()); t != "" && t != "Patient" {
		more, err := b.inherited(ctx, t+"/"+id)
		if err != nil {
			return nil, err
		}
		labels = append(labels, more...)
	}
	return slices.DeleteFunc(labels, func(l string) bool {
		known, ok := policy.LabelOf(l)
		return !ok || known.Chart
	}), nil
}

// spreadFiles lets the Binaries that a labelled resource names wait for its labels, when they are
// not written together with it.
func (b *builder) spreadFiles(before, r *fhir.Node, labels []string) {
	if len(labels) == 0 {
		return
	}
	var had, named []string
	if before != nil {
		had, named = codesIn(before, "security", policy.LabelSystem), filesOf(before)
	}
	more := slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(had, l) })
	for _, id := range filesOf(r) {
		if chart := chartOf(r); chart != "" && !b.seen["Binary/"+id] && (more || !slices.Contains(named, id)) {
			b.waits(chart)
		}
	}
}

// chartOf returns the id of the patient whom a resource is about; "" when it names none.
func chartOf(r *fhir.Node) (chart string) {
	members := []string{"subject", "patient", "for", "beneficiary"}
	if r.ResourceType() == "Binary" {
		members = []string{"securityContext"}
	}
	for _, member := range members {
		if t, id := target(r.Get(member).Get("reference").Text()); t == "Patient" {
			chart = id
		}
	}
	return chart
}

// waits lets a chart wait for its labels; "" is what lives in no chart.
func (b *builder) waits(chart string) { b.waitsFor(waitingChart+chart, chart) }

// waitsFiles lets files wait for a home.
func (b *builder) waitsFiles() { b.waitsFor(waitingFiles, "") }

func (b *builder) waitsFor(key, patient string) {
	if slices.ContainsFunc(b.keep, func(w store.ItemWrite) bool { return w.Space == spaceRelabel && w.Key == key }) {
		return
	}
	b.keep = append(b.keep, store.ItemWrite{IfVersion: -1, Item: store.Item{Space: spaceRelabel, Key: key, Patient: patient, Value: []byte(`{}`)}})
}
