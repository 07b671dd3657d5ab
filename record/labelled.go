package record

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// LabelAct is what somebody has done to the labels of an entry by hand.
type LabelAct struct {
	At       time.Time
	By, Role string // display name and role of that day
	Set, Off []string
	Reason   string
}

// LabelOrigin is a label of an entry, and where it comes from.
type LabelOrigin struct {
	Code string
	// Off says that somebody has taken it off, by Act: the rules do not set it again.
	Off bool
	// Act is who set it, or took it off, by hand; nil when nobody did.
	Act *LabelAct
	// Content says that the entry's own codes or words ask for it.
	Content bool
	// From are the entries ("Condition/7") that it derives from and that bear it.
	From []string
	// Writer is who wrote the version in which it came, when none of these tells more: whoever
	// newly writes something may label it.
	Writer string
}

// mostVersions is how many versions of an entry are looked at for where its labels come from, the newest.
const mostVersions = 500

// LabelsOf tells who may label an entry which labels it bears, in the order of policy.Labels, where each comes
// from, and what was done by hand, newest first. Like Provenance it needs no right to read the log.
func (a *Actor) LabelsOf(ctx context.Context, resourceType, id string) ([]LabelOrigin, []LabelAct, error) {
	if err := a.MayLabel(ctx, resourceType, id); err != nil {
		return nil, nil, err
	}
	versions, err := a.Provenance(ctx, store.HistoryFilter{Type: resourceType, ID: id, Count: mostVersions})
	if err != nil {
		return nil, nil, err
	}
	if len(versions) == 0 || versions[0].Deleted {
		return nil, nil, notFound(resourceType)
	}
	var acts []LabelAct
	came := map[string]Authored{} // the version since which a label is on, or off by hand
	for i := range versions {
		v := &versions[i]
		if act, ok := labelAct(*v); ok {
			acts = append(acts, act)
		}
		if i == mostVersions-1 {
			break // what it has may be older: of versions that are not read nothing is told
		}
		var had []string
		if i+1 < len(versions) && !versions[i+1].Deleted {
			had = settledOf(versions[i+1].Body)
		}
		for _, s := range settledOf(v.Body) {
			if _, later := came[s]; !later && !slices.Contains(had, s) {
				came[s] = *v
			}
		}
	}
	r, err := fhir.Parse(versions[0].Body)
	if err != nil {
		return nil, nil, err
	}
	origins, err := a.origins(ctx, r, came)
	return origins, acts, err
}

// origins tells of each label of a resource where it comes from.
func (a *Actor) origins(ctx context.Context, r *fhir.Node, came map[string]Authored) (out []LabelOrigin, err error) {
	b := &builder{actor: a, now: a.Now()}
	content, err := b.content(ctx, r)
	if err != nil {
		return nil, err
	}
	on, off := codesIn(r, "security", policy.LabelSystem), codesIn(r, "tag", withoutSystem)
	for _, l := range policy.Labels {
		o := LabelOrigin{Code: l.Code, Off: slices.Contains(off, l.Code), Content: slices.Contains(content, l.Code)}
		if !o.Off && !slices.Contains(on, l.Code) {
			continue
		}
		for _, reference := range label.Sources(r) {
			lent, err := b.inherited(ctx, reference)
			if err != nil {
				return nil, err
			}
			if slices.Contains(lent, l.Code) {
				o.From = append(o.From, reference)
			}
		}
		key := "+" + l.Code
		if o.Off {
			key = "-" + l.Code
		}
		if v, known := came[key]; known {
			if act, byHand := labelAct(v); byHand {
				o.Act = &act
			} else if !o.Content && len(o.From) == 0 && v.Entry.Leaf.Role != string(trust.SystemRole) {
				o.Writer = v.Entry.Leaf.Name
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// settledOf returns what the labels of a stored body are, as labelWords writes it: "+PSY", "-HIV".
func settledOf(body []byte) (out []string) {
	r, err := fhir.Parse(body)
	if err != nil {
		return nil
	}
	return labelWords(codesIn(r, "security", policy.LabelSystem), codesIn(r, "tag", withoutSystem))
}

// labelling begins the description of a commit that sets and takes off labels by hand.
const labelling = "label "

// labelWords writes what is set and taken off: "+PSY", "-HIV".
func labelWords(set, off []string) (words []string) {
	for _, l := range set {
		words = append(words, "+"+l)
	}
	for _, l := range off {
		words = append(words, "-"+l)
	}
	return words
}

// labelAct reads the leaf of a version as an act of labelling, when it is one.
func labelAct(v Authored) (LabelAct, bool) {
	l := v.Entry.Leaf
	words, is := strings.CutPrefix(l.Query, labelling)
	if !is {
		return LabelAct{}, false
	}
	act := LabelAct{At: l.Time, By: l.Name, Role: l.Role, Reason: l.Reason}
	act.Set, act.Off = ReadLabelWords(words)
	return act, true
}

// ReadLabelWords reads how a leaf describes what was labelled by hand ("label +PSY -HIV"): the codes that
// were set and taken off. Other descriptions have neither.
func ReadLabelWords(query string) (set, off []string) {
	for _, w := range strings.Fields(strings.TrimPrefix(query, labelling)) {
		if len(w) < 2 {
			return nil, nil
		}
		switch _, known := policy.LabelOf(w[1:]); {
		case known && w[0] == '+':
			set = append(set, w[1:])
		case known && w[0] == '-':
			off = append(off, w[1:])
		default:
			return nil, nil
		}
	}
	return set, off
}

// unchangedLabels refuses an act that changes nothing, which would be a version of nothing.
func unchangedLabels(r *fhir.Node, add, remove []string) error {
	on, off := codesIn(r, "security", policy.LabelSystem), codesIn(r, "tag", withoutSystem)
	lacks := func(list []string) func(string) bool { return func(l string) bool { return !slices.Contains(list, l) } }
	if slices.ContainsFunc(add, lacks(on)) || slices.ContainsFunc(remove, lacks(off)) {
		return nil
	}
	return fault.New(fault.Invalid, "Nothing was changed: set a label or take one off.").At("label")
}
