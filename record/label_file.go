package record

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/policy"
)

// A file (Binary) is as sensitive as the entries that name it as an attachment: whoever may not see
// the letter must not get its scan by its own address. It says itself only whose it is, so that
// its labels are found by looking who names it: in the same change, and in the patient's chart.

// filing are the types that hold attachments about a patient's care.
var filing = []string{"Communication", "CommunicationRequest", "Consent", "DiagnosticReport", "DocumentReference", "Media", "QuestionnaireResponse"}

// filesOf returns the ids of the Binaries that a resource names as attachments.
func filesOf(r *fhir.Node) (ids []string) {
	if !slices.Contains(filing, r.ResourceType()) {
		return nil
	}
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		switch n.Kind() {
		case fhir.Array:
			for item := range n.Items() {
				walk(item)
			}
		case fhir.Object:
			for name, v := range n.Members() {
				if name != "url" {
					walk(v)
					continue
				}
				part := strings.Split(v.Text(), "/")
				if i := slices.Index(part, "Binary"); i >= 0 && i+1 < len(part) && !slices.Contains(ids, part[i+1]) {
					ids = append(ids, part[i+1])
				}
			}
		}
	}
	walk(r)
	return ids
}

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
	t, chart := target(r.Get("securityContext").Get("reference").Text())
	switch {
	case t == "Patient":
		stored, err := b.storedFiles(ctx, chart)
		if err != nil {
			return nil, err
		}
		labels = append(labels, stored[r.ID()]...)
	case t != "":
		more, err := b.inherited(ctx, t+"/"+chart)
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

// storedFiles returns the labels of what a chart's attachments are named by, by the Binaries' ids.
func (b *builder) storedFiles(ctx context.Context, chart string) (map[string][]string, error) {
	if files, known := b.files[chart]; known {
		return files, nil
	}
	files := map[string][]string{}
	for v, err := range b.actor.gate.lean.Compartment(ctx, chart, filing, 0) {
		if err != nil {
			return nil, err
		}
		if v.Deleted {
			continue
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		labels := codesIn(r, "security", policy.LabelSystem)
		if len(labels) == 0 {
			continue
		}
		for _, id := range filesOf(r) {
			files[id] = append(files[id], labels...)
		}
	}
	if b.files == nil {
		b.files = map[string]map[string][]string{}
	}
	b.files[chart] = files
	return files, nil
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
	for _, member := range []string{"subject", "patient", "for", "beneficiary"} {
		if t, id := target(r.Get(member).Get("reference").Text()); t == "Patient" {
			chart = id
		}
	}
	return chart
}

// waits lets a chart wait for its labels; "" is what lives in no chart.
func (b *builder) waits(chart string) {
	if slices.ContainsFunc(b.keep, func(w store.ItemWrite) bool { return w.Space == spaceRelabel && w.Patient == chart }) {
		return
	}
	b.keep = append(b.keep, store.ItemWrite{IfVersion: -1, Item: store.Item{Space: spaceRelabel, Key: waitingChart + chart, Patient: chart, Value: []byte(`{}`)}})
}
