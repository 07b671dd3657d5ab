package record

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// withoutSystem is the system of the tags by which a person has said that a label does not
// belong on a resource, which the rules then leave off.
const withoutSystem = "urn:osler:without-label"

// owned reports whether the server owns a coding of meta: labels, what it has read in consents, what
// was written in an emergency, and which messages carers read. Clients drop none of these, and set none but labels.
func owned(c *fhir.Node) bool {
	switch c.Get("system").Text() {
	case policy.LabelSystem:
		_, known := policy.LabelOf(c.Get("code").Text())
		return known
	case policy.ConsentSystem, policy.GlassSystem, policy.CarerSystem, withoutSystem:
		return true
	}
	return false
}

// codesIn returns the codes of a system in a list of meta, "security" or "tag".
func codesIn(r *fhir.Node, list, system string) (codes []string) {
	for c := range r.Get("meta").Get(list).Items() {
		if c.Get("system").Text() == system {
			codes = append(codes, c.Get("code").Text())
		}
	}
	return codes
}

// label puts into a resource what the server owns of its labels: what the rules find, what it
// derives from, what it had before (a label goes by hand only), what its writer says of something
// new, and what a consent says.
func (b *builder) label(ctx context.Context, before, r *fhir.Node) error {
	labels, without, err := b.labels(ctx, before, r)
	if err != nil {
		return err
	}
	glass := codesIn(before, "tag", policy.GlassSystem)
	if b.actor.principal.Role == trust.SystemRole {
		glass = append(glass, codesIn(r, "tag", policy.GlassSystem)...)
	}
	carers, err := b.carers(ctx, before, r)
	if err != nil {
		return err
	}
	setLabels(r, labels, without, glass, carers)
	b.spread(before, r, labels)
	b.spreadFiles(before, r, labels)
	return nil
}

// labels returns the labels of a resource, and those that somebody took off by hand.
func (b *builder) labels(ctx context.Context, before, r *fhir.Node) (labels, without []string, err error) {
	if labels, err = b.content(ctx, r); err != nil {
		return nil, nil, err
	}
	for _, reference := range label.Sources(r) {
		more, err := b.inherited(ctx, reference)
		if err != nil {
			return nil, nil, err
		}
		labels = append(labels, more...)
	}
	if r.ResourceType() == "Binary" {
		more, err := b.fileLabels(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		labels = append(labels, more...)
	}
	labels = append(labels, codesIn(before, "security", policy.LabelSystem)...)
	without = codesIn(before, "tag", withoutSystem)
	if b.change.Imports && before == nil && policy.MayHide(r.ResourceType()) == nil {
		labels = append(labels, codesIn(r, "security", policy.LabelSystem)...)
	}
	if b.actor.principal.Role == trust.SystemRole {
		labels = append(labels, codesIn(r, "security", policy.LabelSystem)...)
		without = append(without, codesIn(r, "tag", withoutSystem)...)
	} else if b.actor.principal.Staff() {
		brought, err := b.brought(before, r, append(slices.Clone(labels), without...))
		if err != nil {
			return nil, nil, err
		}
		labels = append(labels, brought...)
	}
	slices.Sort(labels)
	return slices.Compact(slices.DeleteFunc(labels, func(l string) bool {
		_, known := policy.LabelOf(l)
		return !known || slices.Contains(without, l)
	})), without, nil
}

// brought are the labels that staff send with a resource beyond those that are settled. What is new
// may bear those that its writer sees; what is stored gets more by Actor.Label only, with a reason.
func (b *builder) brought(before, r *fhir.Node, settled []string) (codes []string, err error) {
	for _, code := range codesIn(r, "security", policy.LabelSystem) {
		if _, known := policy.LabelOf(code); !known || slices.Contains(settled, code) {
			continue
		}
		if before != nil {
			return nil, fault.New(fault.Forbidden, "Labels of what is stored are set by hand, with a reason: physicians and the health records department do so in person.").At(r.ResourceType() + ".meta.security")
		}
		if err := cmp.Or(policy.MayHide(r.ResourceType()), policy.Fits(b.actor.principal, r.ResourceType(), code)); err != nil {
			return nil, err
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// setLabels replaces what the server owns of meta.
func setLabels(r *fhir.Node, labels, without, glass, carers []string) {
	replace(r, "security", coded(policy.LabelSystem, labels))
	replace(r, "tag", slices.Concat(coded(policy.ConsentSystem, label.Consents(r)), coded(withoutSystem, without), coded(policy.GlassSystem, glass), coded(policy.CarerSystem, carers)))
}

func coded(system string, codes []string) (out []*fhir.Node) {
	codes = slices.Clone(codes)
	slices.Sort(codes)
	for _, c := range slices.Compact(codes) {
		out = append(out, fhir.Obj("system", system, "code", c))
	}
	return out
}

// replace sets the codings of a list of meta that the server owns; the others stay.
func replace(r *fhir.Node, list string, ours []*fhir.Node) {
	meta := r.Get("meta")
	var all []any
	changed := len(ours) > 0
	for c := range meta.Get(list).Items() {
		if owned(c) {
			changed = true
			continue
		}
		all = append(all, c)
	}
	if !changed {
		return
	}
	for _, c := range ours {
		all = append(all, c)
	}
	if len(all) == 0 {
		meta.Remove(list)
		return
	}
	meta.Set(list, fhir.Arr(all...))
}

// content returns the labels that a resource needs for what stands in it. The patient's age is asked
// only where it matters: it is a look into another resource.
func (b *builder) content(ctx context.Context, r *fhir.Node) ([]string, error) {
	labels := label.Of(r, label.About{Now: b.now})
	if !label.AsksAge(labels) {
		return labels, nil
	}
	born, err := b.born(ctx, r)
	if err != nil {
		return nil, err
	}
	return label.Of(r, label.About{Born: born, Now: b.now}), nil
}

// born returns when the patient whom a resource is about was born; zero when it is not known.
func (b *builder) born(ctx context.Context, r *fhir.Node) (time.Time, error) {
	chart := chartOf(r)
	if chart == "" {
		return time.Time{}, nil
	}
	if day, known := b.births[chart]; known {
		return day, nil
	}
	text := ""
	for _, q := range b.pending {
		if q.resource.Reference() == "Patient/"+chart {
			text = q.resource.Get("birthDate").Text()
		}
	}
	if text == "" {
		v, err := b.chart(ctx, chart)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return time.Time{}, err
		}
		if err == nil && !v.Deleted {
			p, err := fhir.Parse(v.Body)
			if err != nil {
				return time.Time{}, err
			}
			text = p.Get("birthDate").Text()
		}
	}
	day := time.Time{}
	for _, form := range []string{"2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(form, text); err == nil {
			day = t
			break
		}
	}
	if b.births == nil {
		b.births = map[string]time.Time{}
	}
	b.births[chart] = day
	return day, nil
}

// MayLabel tells whether the actor sets labels by hand; a refusal is audited.
func (a *Actor) MayLabel(ctx context.Context, resourceType, id string) error {
	if err := policy.MayLabel(a.principal); err != nil {
		return a.refused(ctx, err, policy.Update, resourceType, id, "")
	}
	return nil
}

// Label sets and takes off sensitivity labels of a resource by hand, with a reason: physicians
// and the health records department. What is taken off stays off, also when rules would set
// it again. Allergies get none. The label is in force for the next read.
func (a *Actor) Label(ctx context.Context, resourceType, id string, add, remove []string, reason string) (Result, error) {
	if err := a.MayLabel(ctx, resourceType, id); err != nil {
		return Result{}, err
	}
	if strings.TrimSpace(reason) == "" {
		return Result{}, fault.New(fault.Invalid, "Say why the label is set or taken off.").At("reason")
	}
	if len(add) > 0 {
		if err := policy.MayHide(resourceType); err != nil {
			return Result{}, a.refused(ctx, err, policy.Update, resourceType, id, "")
		}
	}
	for _, l := range append(slices.Clone(add), remove...) {
		if err := policy.Fits(a.principal, resourceType, l); err != nil {
			return Result{}, a.refused(ctx, err, policy.Update, resourceType, id, "")
		}
	}
	v, err := a.current(ctx, resourceType, id)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return Result{}, a.refused(ctx, notFound(resourceType), policy.Update, resourceType, id, "")
	}
	if err != nil {
		return Result{}, err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return Result{}, err
	}
	if err := unchangedLabels(r, add, remove); err != nil {
		return Result{}, err
	}
	without := slices.DeleteFunc(append(codesIn(r, "tag", withoutSystem), remove...), func(l string) bool { return slices.Contains(add, l) })
	labels := slices.DeleteFunc(append(codesIn(r, "security", policy.LabelSystem), add...), func(l string) bool { return slices.Contains(without, l) })
	setLabels(r, labels, without, codesIn(r, "tag", policy.GlassSystem), codesIn(r, "tag", policy.CarerSystem))
	// The system writes, because not every role that labels may change what it labels; the
	// leaf names the person.
	system := *a
	system.principal.Role = trust.SystemRole
	what := labelling + strings.Join(labelWords(add, remove), " ")
	c := Change{Put: []Put{{Resource: r, IfMatch: v.Version}}, What: what, Reason: reason, by: a.principal.Role, handed: true}
	return a.maskedResult(system.Commit(ctx, c))
}

// Labels returns the sensitivity labels of a resource that Osler knows.
func Labels(r *fhir.Node) []string {
	return slices.DeleteFunc(codesIn(r, "security", policy.LabelSystem), func(code string) bool {
		_, known := policy.LabelOf(code)
		return !known
	})
}

// Unlabelled returns a resource without what the server owns of its labels, to compare what
// somebody sent with what is stored.
func Unlabelled(r *fhir.Node) *fhir.Node {
	c := r.Clone()
	replace(c, "security", nil)
	replace(c, "tag", nil)
	return c
}
