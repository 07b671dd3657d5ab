package document

import (
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// said are the labels of an entry of the document: of all of it, of its section and its own.
func (c *Comparison) said(n *fhir.Node) []string {
	labels := slices.Clone(c.Document.Labels)
	for l := range n.Path("meta.security").Items() {
		if l.Get("system").Text() == policy.LabelSystem {
			labels = append(labels, l.Get("code").Text())
		}
	}
	return labels
}

// union are the labels of everything that the document says, those too that the record gives to an entry for
// its codes: whoever reads the original, or what was written from it, reads all of it.
func (c *Comparison) union(now time.Time) []string {
	about := label.About{Now: now}
	about.Born, _ = time.Parse(time.DateOnly, c.Chart.Born)
	labels := slices.Clone(c.Document.Labels)
	for i := range c.Document.Items {
		item := &c.Document.Items[i]
		for _, n := range append([]*fhir.Node{item.Resource}, item.Parts...) {
			labels = append(append(labels, c.said(n)...), label.Of(n, about)...)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
