package document

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// filed finds the document, its forerunner and its follower among the chart's. An addendum (APND) takes the place
// of nothing: what it adds to stays current, whatever set and number it has.
func (c *Comparison) filed() {
	d := c.Document
	c.twins = map[string]string{}
	var same []string
	former, latest := -1, -1
	for _, n := range c.files {
		if n.Get("status").Text() == "entered-in-error" || sentByPatient(n) {
			continue
		}
		master, inSet, version := n.Get("masterIdentifier"), false, 0
		for i := range n.Get("identifier").Items() {
			inSet = inSet || sameIdentifier(i, d.Set)
			if i.Get("system").Text() == versionSystem {
				version, _ = strconv.Atoi(i.Get("value").Text())
			}
		}
		inSet = inSet && d.Appends == "" && !slices.ContainsFunc(relations(n), func(r relation) bool { return r.code == "appends" })
		switch {
		case sameIdentifier(master, d.ID):
			c.Filed = n.ID()
			c.twins[policy.ContentHash(n)] = n.ID()
			same = append(same, n.ID())
		case sameIdentifier(master, d.Replaces):
			c.Former, former = n.ID(), math.MaxInt // it says so itself
		case sameIdentifier(master, d.Appends):
			c.Added = n.ID()
		case inSet && version < d.Version && version > former:
			c.Former, former = n.ID(), version
		case inSet && version > d.Version && version > latest:
			c.Later, latest = n.ID(), version
		}
	}
	if len(same) < 2 { // of two with one number, nobody knows here which it is: see known
		c.follows(c.Filed)
	}
}

// relation is what a DocumentReference says of another document.
type relation struct {
	code, to string
	number   *fhir.Node
}

func relations(n *fhir.Node) (out []relation) {
	for r := range n.Get("relatesTo").Items() {
		out = append(out, relation{r.Get("code").Text(), strings.TrimPrefix(r.Path("target.reference").Text(), "DocumentReference/"), r.Path("target.identifier")})
	}
	return out
}

// follows finds the document that has taken the place of this one, which is filed as id or not yet: a newer
// version may have come first.
func (c *Comparison) follows(id string) {
	for _, n := range c.files {
		if n.ID() == id || n.Get("status").Text() == "entered-in-error" || sentByPatient(n) {
			continue
		}
		for _, r := range relations(n) {
			if r.code == "replaces" && (id != "" && r.to == id || r.number != nil && sameIdentifier(r.number, c.Document.ID)) {
				c.Later = n.ID()
			}
		}
	}
	if c.Former == c.Later { // each says that it takes the place of the other
		c.Former = ""
	}
}

// known looks whether the very same bytes are filed, whatever a DocumentReference says of its content. Others
// under the same number are another document, which takes the place of the one before.
func (c *Comparison) known(ctx context.Context, actor *record.Actor, body []byte) {
	switch same, ok := c.twins[hashOf(body)]; {
	case ok && holds(ctx, actor, c.Patient, same, body):
		c.Filed = same
		c.follows(same)
	case c.Filed != "":
		c.Former, c.Filed = c.Filed, ""
	}
}

// related is what a document says of others, for its DocumentReference. One that is not here is named by its
// number: it may come later.
func (c *Comparison) related() *fhir.Node {
	list := fhir.Arr()
	add := func(code, filed, number string) {
		switch {
		case filed != "":
			list.Append(fhir.Obj("code", code, "target", reference("DocumentReference/"+filed)))
		case numberOf(number) != nil:
			list.Append(fhir.Obj("code", code, "target", fhir.Obj("identifier", numberOf(number))))
		}
	}
	add("replaces", c.Former, c.Document.Replaces)
	add("appends", c.Added, c.Document.Appends)
	return some(list)
}

// replaced is the Put by which the document whose place this one takes is no longer the current one; nil when it
// is not anyhow, or when who files may not say so.
func (c *Comparison) replaced(actor *record.Actor) *record.Put {
	for _, n := range c.files {
		if n.ID() != c.Former || c.Former == "" || n.Get("status").Text() != "current" {
			continue
		}
		old := n.Clone()
		old.Set("status", fhir.Str("superseded"))
		if policy.Decide(actor.Principal(), policy.Update, n, old) != nil {
			return nil
		}
		version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
		return &record.Put{Resource: old, IfMatch: version}
	}
	return nil
}

// Gone is an entry of the chart that was taken in from an earlier version of the document.
type Gone struct {
	Entry, Text string
	Error       bool // the document marks it as an error; else it says nothing of it
}

// gone finds what was taken in from the versions before this one and that it no longer says. Nothing is taken away
// by that: a person looks.
func (c *Comparison) gone(here index) {
	before := c.before()
	if len(before) == 0 {
		return
	}
	parts := map[string]bool{}
	for _, list := range here.all {
		for _, t := range list {
			for _, name := range []string{"result", "hasMember"} {
				for r := range t.node.Get(name).Items() {
					parts[r.Get("reference").Text()] = true
				}
			}
		}
	}
	for _, list := range here.all {
		for _, t := range list {
			from := strings.TrimPrefix(t.node.Path("meta.source").Text(), "urn:uuid:")
			if t.held || !before[from] || from == t.node.ID() || parts[t.node.Reference()] {
				continue
			}
			g := Gone{Entry: t.node.Reference(), Text: t.name}
			for _, u := range c.Document.Unread {
				g.Error = g.Error || u.Why.Words == markedError && sameWords(u.What, t.name)
			}
			c.Gone = append(c.Gone, g)
		}
	}
	slices.SortFunc(c.Gone, func(a, b Gone) int { return strings.Compare(a.Text+"\x00"+a.Entry, b.Text+"\x00"+b.Entry) })
}

// before are the documents whose place this one takes, and those whose place they took.
func (c *Comparison) before() map[string]bool {
	out := map[string]bool{}
	for next := []string{c.Former}; len(next) > 0; next = next[1:] {
		if next[0] == "" || out[next[0]] {
			continue
		}
		out[next[0]] = true
		for _, n := range c.files {
			if n.ID() == next[0] {
				for _, r := range relations(n) {
					if r.code == "replaces" {
						next = append(next, r.to)
					}
				}
			}
		}
	}
	return out
}
