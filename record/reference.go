package record

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// target splits "Patient/1" or "Patient/1/_history/2"; both parts are "" for other forms.
func target(reference string) (resourceType, id string) {
	part := strings.Split(reference, "/")
	if len(part) == 4 && part[2] == "_history" {
		part = part[:2]
	}
	if len(part) != 2 || !definition.IsResource(part[0]) || !legal(part[1]) {
		return "", ""
	}
	return part[0], part[1]
}

// eachReference calls f for every Reference.reference below n, with its FHIRPath. The path
// is made when f asks for it: most references are in order, and nobody reads their paths.
func eachReference(n *fhir.Node, root string, f func(path func() string, reference string)) {
	eachText(n, root, []string{"reference"}, f)
}

// eachText is eachReference for members of other names.
func eachText(n *fhir.Node, root string, names []string, f func(path func() string, text string)) {
	w := referenceWalk{names: names, visit: f}
	w.path = w.write
	w.steps = append(w.steps, referenceStep{name: root, index: -1})
	w.node(n)
}

type referenceWalk struct {
	steps []referenceStep
	names []string // of the members that are visited
	visit func(path func() string, text string)
	path  func() string
}

// referenceStep is a member, or with an index an item of the member before.
type referenceStep struct {
	name  string
	index int
}

func (w *referenceWalk) write() string {
	var b []byte
	for i, s := range w.steps {
		switch {
		case s.index >= 0:
			b = append(strconv.AppendInt(append(b, '['), int64(s.index), 10), ']')
		case i > 0:
			b = append(append(b, '.'), s.name...)
		default:
			b = append(b, s.name...)
		}
	}
	return string(b)
}

func (w *referenceWalk) node(n *fhir.Node) {
	switch n.Kind() {
	case fhir.Array:
		i := 0
		for item := range n.Items() {
			w.below(referenceStep{index: i}, item)
			i++
		}
	case fhir.Object:
		for name, v := range n.Members() {
			w.below(referenceStep{name: name, index: -1}, v)
		}
	}
}

func (w *referenceWalk) below(s referenceStep, n *fhir.Node) {
	switch n.Kind() {
	case fhir.String:
		if !slices.Contains(w.names, s.name) {
			return
		}
	case fhir.Object, fhir.Array:
	default:
		return
	}
	w.steps = append(w.steps, s)
	if n.Kind() == fhir.String {
		w.visit(w.path, n.Text())
	} else {
		w.node(n)
	}
	w.steps = w.steps[:len(w.steps)-1]
}

// references checks that what a resource refers to is in the record and visible to the
// actor, or in the same change. References that the former version had may stay: a person
// who may not see their targets must still be able to change the rest.
func (b *builder) references(ctx context.Context, q *pendingPut) error {
	if b.change.Dangling {
		return nil
	}
	r := q.resource
	had := map[string]bool{}
	eachReference(q.before, "", func(_ func() string, reference string) { had[reference] = true })
	contained := map[string]bool{"#": true}
	for c := range r.Get("contained").Items() {
		contained["#"+c.ID()] = true
	}
	var failure error
	eachReference(r, r.ResourceType(), func(where func() string, reference string) {
		if failure != nil || had[reference] || contained[reference] || strings.Contains(reference, "://") {
			return
		}
		ok, err := b.resolves(ctx, reference)
		if err != nil {
			failure = err
		}
		if !ok && err == nil {
			b.unresolved(q, where(), reference)
		}
	})
	return failure
}

// unresolved is the one answer for what is missing and what is hidden.
func (b *builder) unresolved(q *pendingPut, path, reference string) {
	for _, i := range b.issues {
		if i.Expression == q.at+path {
			return
		}
	}
	i := elsewhere(path, reference)
	i.Expression = q.at + path
	b.issues = append(b.issues, i)
}

// elsewhere is what is said of a reference that leads to what is missing or hidden.
func elsewhere(path, reference string) fault.Issue {
	return fault.Issue{Severity: "error", Type: "not-found", Expression: path,
		Text: fmt.Sprintf("%s refers to %s, which is not in the record or not visible to you.", path, shown(reference))}
}

// homes checks that every chart into which a write puts an entry is open to the actor, as it
// would be to a read, however the reference came there: an order in a chart opens it. What
// stays in its one chart has been judged with its former version.
func (b *builder) homes(ctx context.Context, q *pendingPut, home string, touched []string) error {
	p := b.actor.principal
	if p.Role == trust.SystemRole || home != "" && q.before != nil && home == q.current.Patient {
		return nil
	}
	var j *judge
	for _, patient := range touched {
		reference := "Patient/" + patient
		if b.seen[reference] { // made by this change, or judged as it was looked up
			continue
		}
		if j == nil {
			var err error
			if j, err = b.actor.judge(ctx); err != nil {
				return err
			}
		}
		ok, err := b.enters(ctx, j, patient)
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		path := q.resource.ResourceType()
		eachReference(q.resource, path, func(where func() string, ref string) {
			if t, id := target(ref); t == "Patient" && id == patient {
				path = where()
			}
		})
		b.unresolved(q, path, reference)
	}
	return nil
}

// shown returns a reference for a message: its form when it could hold anything.
func shown(reference string) string {
	if t, id := target(reference); t != "" {
		return t + "/" + id
	}
	switch {
	case strings.HasPrefix(reference, "#"):
		return "a contained resource"
	case strings.HasPrefix(reference, "urn:"):
		return "a urn that no entry of the change has"
	}
	return "something that is not of the form Type/id"
}

// enters reports whether the actor may put an entry into a chart: it is there, and open.
func (b *builder) enters(ctx context.Context, j *judge, patient string) (bool, error) {
	v, err := b.chart(ctx, patient)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	if there := err == nil && !v.Deleted; !there && !b.change.Dangling {
		return false, nil
	}
	return j.opened(ctx, patient)
}

// chart reads a Patient as it is stored, once for a change: most entries ask for theirs three
// times, to see whether it is there, whether it is open, and how old the patient is.
func (b *builder) chart(ctx context.Context, id string) (store.Version, error) {
	if p, known := b.charts[id]; known {
		return p.version, p.err
	}
	v, err := b.actor.gate.lean.Read(ctx, "Patient", id, 0)
	if err == nil || fault.Is(err, fault.NotFound) {
		if b.charts == nil || len(b.charts) >= maxCharts {
			b.charts = map[string]readPatient{}
		}
		b.charts[id] = readPatient{v, err}
	}
	return v, err
}

// readPatient is what reading a Patient came to.
type readPatient struct {
	version store.Version
	err     error
}

// maxCharts bounds the Patients that a change remembers.
const maxCharts = 100

func (b *builder) resolves(ctx context.Context, reference string) (bool, error) {
	t, id := target(reference)
	if t == "" {
		return false, nil
	}
	key := t + "/" + id
	if b.seen[key] || b.met[key] {
		return true, nil
	}
	var v store.Version
	var err error
	if t == "Patient" {
		if v, err = b.chart(ctx, id); err == nil {
			err = b.actor.visible(ctx, v)
		}
	} else {
		v, err = b.actor.current(ctx, t, id)
	}
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil || v.Deleted {
		return false, err
	}
	if b.met == nil {
		b.met = map[string]bool{}
	}
	b.met[key] = true
	return true, nil
}
