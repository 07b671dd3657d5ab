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
func (c *Comparison) union() []string {
	if c.all != nil {
		return c.all
	}
	about := c.about()
	labels := append([]string{}, c.Document.Labels...)
	c.declared = slices.Clone(labels)
	for i := range c.Document.Items {
		item := &c.Document.Items[i]
		for _, n := range append([]*fhir.Node{item.Resource}, item.Parts...) {
			c.declared = append(c.declared, c.said(n)...)
			labels = append(append(labels, c.said(n)...), label.Of(n, about)...)
		}
	}
	slices.Sort(labels)
	c.all = slices.Compact(labels)
	return c.all
}

func (c *Comparison) about() label.About {
	about := label.About{Now: c.at}
	about.Born, _ = time.Parse(time.DateOnly, c.Chart.Born)
	return about
}

// beyond reports whether an entry with some labels, and those that its codes give it, is seen by people who may not see the
// document: nothing of the document but what the entry itself says may stand there.
func (c *Comparison) beyond(n *fhir.Node, labels []string) bool {
	return !covers(c.bears(n, labels), c.union())
}

// bears are some labels of an entry and those that its codes give it.
func (c *Comparison) bears(n *fhir.Node, labels []string) []string {
	return append(slices.Clone(labels), label.Of(n, c.about())...)
}

// names reports whether an entry with some labels may say whose the document is: not where the document itself restricts
// more than the entry, since the name of a clinic may tell what for, nor where the record does. That a psychoactive medicine
// stands among others, as in most documents, says nothing of whose they are.
func (c *Comparison) names(has []string) bool {
	all := c.union()
	has = slices.Clone(has)
	if !covers(has, c.declared) {
		return false
	}
	for _, l := range policy.Labels {
		if l.Class == "mental" {
			has = append(has, l.Code)
		}
	}
	return covers(has, all)
}

// covers reports whether some labels are among those that something has.
func covers(has, labels []string) bool {
	return !slices.ContainsFunc(labels, func(l string) bool {
		known, ok := policy.LabelOf(l)
		return ok && !known.Chart && !slices.Contains(has, l)
	})
}
