package record

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// retries is how often a commit is built again because somebody else wrote in between and
// the caller named no version.
const retries = 8

// Commit checks, validates, audits and stores a change. Faults carry one Issue for each
// finding, with expressions that start at the resource ("Patient.birthDate"); for several
// resources they are prefixed with "Put[i].".
func (a *Actor) Commit(ctx context.Context, c Change) (Result, error) {
	if a.at != 0 {
		return Result{}, fault.New(fault.Forbidden, "You look at the record as it was; return to the present to change it.")
	}
	err := a.scan(ctx, c)
	if err != nil {
		return Result{}, err
	}
	for range retries {
		var r Result
		r, err = a.commitOnce(ctx, c)
		if fault.Is(err, fault.Conflict) { // perhaps with the same change, sent twice
			if first, done, failed := a.repeated(ctx, c.Key); done || failed != nil {
				return a.maskedResult(first, failed)
			}
		}
		if !fault.Is(err, fault.Stale) || c.named() {
			return a.maskedResult(r, err)
		}
	}
	return Result{}, err
}

// named reports whether the caller named the version that it changes: then losing a race
// is its affair.
func (c Change) named() bool {
	return slices.ContainsFunc(c.Put, func(p Put) bool { return p.IfMatch != 0 }) ||
		slices.ContainsFunc(c.Delete, func(d Delete) bool { return d.IfMatch != 0 })
}

func (a *Actor) commitOnce(ctx context.Context, c Change) (Result, error) {
	if r, done, err := a.repeated(ctx, c.Key); done || err != nil {
		return r, err
	}
	defer a.gate.hold(c.ruling())()
	b := &builder{actor: a, change: c, now: a.Now(), seen: map[string]bool{}}
	if err := b.build(ctx); err != nil {
		return Result{}, err
	}
	set := store.Changeset{Writes: b.writes, Leaf: b.leaf()}
	if c.Unchanged != "" {
		set.Unchanged = []store.Unchanged{{Patient: c.Unchanged, Since: c.SeenAt}}
	}
	for _, q := range c.Absent {
		plan, err := a.plan(ctx, q, 0, nil)
		if err != nil {
			return Result{}, err
		}
		set.Absent = append(set.Absent, plan)
	}
	undo, err := b.items(ctx, &set)
	if err != nil {
		return Result{}, err
	}
	set.Items = append(set.Items, b.keep...)
	receipt, err := a.gate.commit(ctx, set)
	if err != nil {
		return Result{}, err
	}
	a.gate.wait(b.keep)
	for i := range b.versions {
		if b.versions[i].Version != 0 {
			b.versions[i].T = receipt.T
		}
	}
	return Result{T: receipt.T, Versions: b.versions[:len(b.versions)-len(b.taken)], Undo: undo, Findings: b.advice}, nil
}

// builder turns one Change into writes.
type builder struct {
	actor  *Actor
	change Change
	now    time.Time

	writes   []store.Write
	versions []store.Version // what each Put, then each Delete, became
	former   []int64         // version with the content before, 0 when there was none; one for each write
	patients []string        // whose data is touched, for the leaf
	seen     map[string]bool // "Type/id" of what this change writes
	hidden   []store.Version // what Puts would write over and the actor does not see
	met      map[string]bool // "Type/id" of what it refers to, and is there
	issues   []fault.Issue
	advice   []fault.Issue
	pending  []pendingPut
	// parameters are the record's search parameters beside which the change's stand; nil
	// until they are needed.
	parameters []*definition.SearchParameter
	keep       []store.ItemWrite             // what Keepers add
	charts     map[string]readPatient        // Patients that were read, by id
	births     map[string]time.Time          // by patient, for labels
	lent       map[string][]string           // labels by reference, for what derives from it
	places     map[string]int                // of references in pending, for lent
	filed      map[string][]int              // what names a Binary in pending, by the Binary's id
	files      map[string]map[string]filedAs // what charts say of files, by the Binary's id
	taken      map[string]taken              // files that go home with what names them, by the Binary's id
}

// pendingPut is a Put between its first look and its write.
type pendingPut struct {
	at       string // "Put[3].", or "" when it is the only one
	resource *fhir.Node
	before   *fhir.Node // nil when it is new; without large data
	content  *blob.Content
	contents map[string]blob.Content
	current  store.Version
	named    bool // it is a file that another resource of the change names
}

// build judges and prepares everything. Ids are settled first, because the resources of one
// change may refer to each other.
func (b *builder) build(ctx context.Context) error {
	if len(b.change.Put)+len(b.change.Delete) == 0 {
		return fault.New(fault.Invalid, "The change is empty.")
	}
	for i, p := range b.change.Put {
		at := ""
		if len(b.change.Put) > 1 {
			at = fmt.Sprintf("Put[%d].", i)
		}
		if err := b.look(ctx, p, at); err != nil {
			return err
		}
	}
	if err := b.nameFiles(ctx); err != nil {
		return err
	}
	for i := range b.pending {
		if err := b.put(ctx, &b.pending[i]); err != nil {
			return err
		}
	}
	if len(b.issues) > 0 {
		return invalid(b.issues)
	}
	for _, d := range b.change.Delete {
		if err := b.delete(ctx, d); err != nil {
			return err
		}
	}
	if len(b.hidden) > 0 {
		v := b.hidden[0]
		return b.actor.refused(ctx, notFound(v.Type), policy.Update, v.Type, v.ID, v.Patient)
	}
	return b.takeHome(ctx)
}

// invalid returns the fault for findings; the first one is its message.
func invalid(issues []fault.Issue) error {
	first := issues[0]
	for _, i := range issues {
		if serious(i) {
			first = i
			break
		}
	}
	return fault.New(fault.Invalid, "%s", first.Text).At(first.Expression).With(issues...)
}

func serious(i fault.Issue) bool { return i.Severity == "error" || i.Severity == "fatal" }

// look finds the current version of a Put and settles its id.
func (b *builder) look(ctx context.Context, p Put, at string) error {
	r := p.Resource.Clone()
	resourceType, id := r.ResourceType(), r.ID()
	if !definition.IsResource(resourceType) {
		return fault.New(fault.Invalid, "There is no resource type %q in FHIR R4.", resourceType).At(at + "resourceType")
	}
	q := pendingPut{at: at, resource: r, content: p.Content, contents: p.Contents}
	if id == "" {
		r.SetID(ident.New(b.now))
	} else if err := b.find(ctx, p, &q); err != nil {
		return err
	}
	key := r.Reference()
	if b.seen[key] {
		return fault.New(fault.Invalid, "%s stands twice in one change.", resourceType).At(at + resourceType + ".id")
	}
	b.seen[key] = true
	b.pending = append(b.pending, q)
	return nil
}

// find reads what a Put with an id replaces.
func (b *builder) find(ctx context.Context, p Put, q *pendingPut) error {
	a, resourceType, id := b.actor, q.resource.ResourceType(), q.resource.ID()
	where := q.at + resourceType + ".id"
	if !legal(id) {
		return fault.New(fault.Invalid, "An id has 1 to 64 letters, digits, - and . only.").At(where)
	}
	current, err := a.gate.lean.Read(ctx, resourceType, id, 0)
	missing := fault.Is(err, fault.NotFound)
	if err != nil && !missing {
		return err
	}
	// What is hidden is not written over, whatever hides it: role, relationship, consent, label. It is judged
	// as what is missing, and refused when all else is well: a change that is refused anyway tells nothing.
	patient := current.Patient
	if !missing {
		err := a.visible(ctx, current)
		if missing = fault.Is(err, fault.NotFound); missing {
			b.hidden = append(b.hidden, current)
		} else if err != nil {
			return err
		}
	}
	switch {
	// Whether an id is free is not told to who may not see what has it.
	case missing && (p.Update || !policy.SeesAll(a.principal, resourceType) && !chosen(id)):
		return a.refused(ctx, notFound(resourceType), policy.Update, resourceType, id, patient)
	case missing && p.Chosen && !chosen(id) && policy.Hides(a.principal, resourceType):
		if err := a.may(ctx, policy.Create, resourceType, id); err != nil {
			return err
		}
		return a.refused(ctx, notChosen(resourceType), policy.Update, resourceType, id, patient)
	case missing && p.IfMatch != 0:
		return a.refused(ctx, stale(resourceType, where), policy.Update, resourceType, id, patient)
	case missing:
		return nil
	case p.Create: // also when it was deleted: a create does not bring back
		return fault.New(fault.Conflict, "There is a %s with this id already.", resourceType).At(where)
	case p.IfMatch != 0 && (current.Deleted || current.Version != p.IfMatch):
		return stale(resourceType, where)
	}
	q.current = current
	if !current.Deleted {
		q.before, err = fhir.Parse(current.Body)
	}
	return err
}

// notChosen is the one answer for an id of the caller's own that is free, and for one of something hidden.
func notChosen(resourceType string) error {
	return fault.New(fault.NotFound, "There is no %s with this id that you may see. New ones get their ids from Osler, or a UUID of version 7 of your own: create it with POST, or with PUT by a condition such as an identifier.", resourceType)
}

func stale(resourceType, where string) error {
	return fault.New(fault.Stale, "Somebody else has changed this %s since you read it. Read it again, and compare before you save.", resourceType).At(where)
}

// legal reports whether an id has the form that FHIR asks for.
func legal(id string) bool {
	for _, r := range id {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64
}

// chosen reports whether an id has the form of ident.New, which nobody can guess.
func chosen(id string) bool {
	return len(id) == 36 && id[8] == '-' && id[13] == '-' && id[14] == '7' && id[18] == '-' && id[23] == '-'
}

// put judges and prepares one resource.
func (b *builder) put(ctx context.Context, q *pendingPut) error {
	a, r := b.actor, q.resource
	resourceType := r.ResourceType()
	what := policy.Create
	if q.before != nil {
		what = policy.Update
	}
	if err := policy.MaskOf(a.principal).Restore(q.before, r); err != nil {
		return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
	}
	stamp(r, q.current.Version+1, b.now)
	if q.before == nil && a.principal.Role != trust.SystemRole {
		policy.Received(r, b.now)
	}
	if q.before == nil || !policy.IsSent(q.before) {
		policy.Signed(a.principal, r)
	}
	policy.MarkReported(a.principal, r)
	home := ""
	if resourceType == "Binary" {
		var err error
		if former := q.current.Patient; former != "" && r.Get("securityContext") == nil { // what says nothing of it stays where it is
			r.Set("securityContext", fhir.Obj("reference", "Patient/"+former))
		}
		if home, err = b.fileHome(ctx, r); err != nil {
			return err
		}
		if err := b.file(ctx, q, home); fault.Is(err, fault.Forbidden) {
			return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
		} else if err != nil {
			return err
		}
	}
	if !b.change.handed {
		if err := b.label(ctx, q.before, r); fault.Is(err, fault.Forbidden) {
			return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
		} else if err != nil {
			return err
		}
	} else if !b.change.relabels {
		b.spread(q.before, r, codesIn(r, "security", policy.LabelSystem))
	}
	if err := policy.Decide(a.principal, what, q.before, r); err != nil {
		return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
	}
	if !b.change.handed && a.principal.Role != trust.SystemRole {
		if err := policy.ReviewStep(a.principal, b.change.Imports, q.before, r); err != nil {
			return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
		}
	}
	if resourceType == "Consent" {
		rules, err := a.rules(ctx)
		if err != nil {
			return err
		}
		if err := rules.Consents(a.principal, q.before, r); err != nil {
			return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
		}
	}
	if err := b.kept(ctx, resourceType, q.before, r); err != nil {
		return err
	}
	issues := validate.With(r, a.validation(ctx))
	serious := b.report(q.at, issues)
	b.advice = append(b.advice, advice(q.at, issues)...)
	if err := b.references(ctx, q); err != nil {
		return err
	}
	if serious {
		return nil // the index of what is not valid says nothing
	}
	if resourceType == typeParameter {
		if err := b.parameter(ctx, r); err != nil {
			return err
		}
	}
	registry, err := a.gate.Registry(ctx)
	if err != nil {
		return err
	}
	entries, err := registry.Extract(r)
	if err != nil {
		return err
	}
	touched := search.Patients(r, entries)
	if home != "" && len(touched) == 0 { // a file that is as sensitive as an entry of a chart
		touched = []string{home}
	}
	if len(touched) == 1 {
		home = touched[0]
	}
	if a.principal.Role == trust.Patient && home != a.principal.Patient {
		err := fault.New(fault.Forbidden, "Patients write into their own record only.")
		return a.refused(ctx, err, what, resourceType, r.ID(), q.current.Patient)
	}
	if err := b.homes(ctx, q, home, touched); err != nil {
		return err
	}
	only, err := b.inEmergency(ctx, what, resourceType, r.ID(), append(touched, q.current.Patient)...)
	if err != nil {
		return err
	}
	if only {
		b.glassMarks(q.before, r)
		if entries, err = registry.Extract(r); err != nil {
			return err
		}
	}
	b.patients = append(append(b.patients, touched...), q.current.Patient)
	former := int64(0)
	if q.before != nil {
		former = q.current.Version
	}
	body := r.JSON()
	if !b.change.handed { // what is labelled by hand is as it is stored
		if err := unmarked(body, q.at, resourceType); err != nil {
			return err
		}
	}
	b.add(store.Write{Type: resourceType, ID: r.ID(), Version: q.current.Version + 1, Updated: b.now,
		Patient: home, Body: body, Index: entries}, former)
	if q.content != nil { // the answer is without it
		w := &b.writes[len(b.writes)-1]
		w.Body, err = withContent(r, body, *q.content)
	}
	if len(q.contents) > 0 {
		w := &b.writes[len(b.writes)-1]
		if w.Body, err = a.withContents(ctx, body, q.at+resourceType, q.contents); !hasMark(w.Body) { // all of it stands inside
			b.versions[len(b.versions)-1].Body = w.Body
		}
	}
	return err
}

// report keeps findings with their place and tells whether a serious one is among them.
// Warnings alone do not stop a change and are not kept.
func (b *builder) report(at string, issues []fault.Issue) bool {
	if !slices.ContainsFunc(issues, serious) {
		return false
	}
	for _, i := range issues {
		i.Expression = at + i.Expression
		b.issues = append(b.issues, i)
	}
	return true
}

// stamp sets the members of a resource that the server owns.
func stamp(r *fhir.Node, version int64, now time.Time) {
	meta := r.Get("meta")
	if meta.Kind() != fhir.Object {
		meta = fhir.Obj()
	}
	meta.SetFirst(0, "versionId", fhir.Str(fmt.Sprint(version)))
	meta.SetFirst(1, "lastUpdated", fhir.Str(now.UTC().Format("2006-01-02T15:04:05.000Z")))
	r.SetFirst(2, "meta", meta)
}

func (b *builder) add(w store.Write, former int64) {
	b.writes = append(b.writes, w)
	b.versions = append(b.versions, store.Version{Type: w.Type, ID: w.ID, Version: w.Version, Updated: w.Updated,
		Patient: w.Patient, Deleted: w.Deleted, Body: w.Body})
	b.former = append(b.former, former)
}

// delete prepares a delete. What is hidden, missing or deleted already is left alone.
func (b *builder) delete(ctx context.Context, d Delete) error {
	a := b.actor
	if err := a.may(ctx, policy.Delete, d.Type, d.ID); err != nil {
		return err
	}
	current, err := a.current(ctx, d.Type, d.ID)
	if fault.Is(err, fault.NotFound) || err == nil && current.Deleted {
		b.versions = append(b.versions, store.Version{Type: d.Type, ID: d.ID, Deleted: true})
		return nil
	}
	if err != nil {
		return err
	}
	if b.seen[d.Type+"/"+d.ID] {
		return fault.New(fault.Invalid, "%s stands twice in one change.", d.Type).At(d.Type + ".id")
	}
	b.seen[d.Type+"/"+d.ID] = true
	if d.IfMatch != 0 && d.IfMatch != current.Version {
		return stale(d.Type, d.Type)
	}
	before, err := fhir.Parse(current.Body)
	if err != nil {
		return err
	}
	if err := policy.Decide(a.principal, policy.Delete, before, nil); err != nil {
		return a.refused(ctx, err, policy.Delete, d.Type, d.ID, current.Patient)
	}
	if a.principal.Role != trust.SystemRole {
		if err := policy.ReviewStep(a.principal, false, before, nil); err != nil {
			return a.refused(ctx, err, policy.Delete, d.Type, d.ID, current.Patient)
		}
	}
	if _, err := b.inEmergency(ctx, policy.Delete, d.Type, d.ID, current.Patient); err != nil {
		return err
	}
	if err := b.emptyChart(ctx, current); err != nil {
		return err
	}
	if err := b.kept(ctx, d.Type, before, nil); err != nil {
		return err
	}
	b.patients = append(b.patients, current.Patient)
	b.add(store.Write{Type: d.Type, ID: d.ID, Version: current.Version + 1, Updated: b.now, Patient: current.Patient, Deleted: true}, current.Version)
	return nil
}

// emptyChart refuses to delete a Patient whose chart has entries that stay.
func (b *builder) emptyChart(ctx context.Context, v store.Version) error {
	if v.Type != "Patient" {
		return nil
	}
	for entry, err := range b.actor.gate.lean.Compartment(ctx, v.ID, nil, 0) {
		if err != nil {
			return err
		}
		goes := entry.Type == "Patient" || slices.ContainsFunc(b.change.Delete, func(d Delete) bool { return d.Type == entry.Type && d.ID == entry.ID })
		if !goes {
			return fault.New(fault.Conflict, "This patient's chart has entries and cannot be deleted; set Patient.active to false instead.").At("Patient")
		}
	}
	return nil
}

// leaf returns the audit leaf of the change.
func (b *builder) leaf() *ledger.Leaf {
	l := b.actor.leaf(ledger.Batch, "", b.patients...)
	if len(b.writes) == 0 {
		l.Action = ledger.Delete
	}
	if len(b.writes) == 1 {
		w := b.writes[0]
		l.Type, l.Action = w.Type, ledger.Create
		switch {
		case w.Deleted:
			l.Action = ledger.Delete
		case b.former[0] != 0:
			l.Action = ledger.Update
		}
	}
	if b.actor.principal.ID == trust.System("import").ID {
		l.Action = ledger.Import
	}
	l.Query, l.Reason = b.change.What, b.change.Reason
	if b.change.by != "" {
		l.Role = string(b.change.by)
	}
	for _, v := range b.versions { // a delete that found nothing is named without a version
		l.Versions = append(l.Versions, named(v, true))
	}
	return b.actor.underGlass(l)
}
