package record

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// A file (Binary) lives in the chart of what names it, and has the home, the labels and the readers of that
// chart. It may say itself whose it is (securityContext). One that does not is its sender's alone (the tag
// policy.OwnerSystem), until an entry of a chart that the sender writes names it: that takes it home, in the same
// commit. A file that is at home in one chart is in no other: an entry names files of its own chart only.

// fileName is a place in a resource that names a file.
type fileName struct {
	id   string
	path string
	here bool // by a relative address, which is one of this record
}

// eachFile calls f for every member of a resource that names a Binary: the address of an attachment,
// whatever server it names, or a reference.
func eachFile(r *fhir.Node, f func(path func() string, id string, here bool)) {
	eachText(r, r.ResourceType(), []string{"url", "reference"}, func(path func() string, text string) {
		if !strings.Contains(text, "Binary/") {
			return
		}
		part := strings.Split(text, "/")
		if i := slices.Index(part, "Binary"); i >= 0 && i+1 < len(part) && legal(part[i+1]) {
			f(path, part[i+1], i == 0)
		}
	})
}

// filesOf returns the ids of the Binaries that a resource names.
func filesOf(r *fhir.Node) (ids []string) {
	if r.ResourceType() == "Binary" {
		return nil
	}
	eachFile(r, func(_ func() string, id string, _ bool) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	return ids
}

// filing are the types of charts that hold attachments, or list files.
var filing = []string{"BodyStructure", "Claim", "Communication", "CommunicationRequest", "Composition", "Consent", "Contract", "DiagnosticReport", "DocumentManifest",
	"DocumentReference", "ExplanationOfBenefit", "List", "Media", "Patient", "QuestionnaireResponse", "RelatedPerson", "Task"}

// filedAs is what a chart says of a file.
type filedAs struct {
	by       []string // references of what names it
	labels   []string // of these
	original bool     // it is the original of a document that the import has filed
}

// storedFiles returns what a chart says of files, by their ids.
func (b *builder) storedFiles(ctx context.Context, chart string) (map[string]filedAs, error) {
	if files, known := b.files[chart]; known {
		return files, nil
	}
	files := map[string]filedAs{}
	for v, err := range b.actor.gate.lean.Compartment(ctx, chart, filing, 0) {
		if err != nil {
			return nil, err
		}
		if v.Deleted || !bytes.Contains(v.Body, []byte("Binary/")) {
			continue
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		for _, id := range filesOf(r) {
			n := files[id]
			n.by = append(n.by, r.Reference())
			n.labels = append(n.labels, codesIn(r, "security", policy.LabelSystem)...)
			n.original = n.original || policy.ContentHash(r) != ""
			files[id] = n
		}
	}
	if b.files == nil {
		b.files = map[string]map[string]filedAs{}
	}
	b.files[chart] = files
	return files, nil
}

// homeOf returns the patient in whose chart an entry lives; "" when it is in none, or about several.
func (b *builder) homeOf(ctx context.Context, r *fhir.Node) (string, error) {
	registry, err := b.actor.gate.Registry(ctx)
	if err != nil {
		return "", err
	}
	entries, err := registry.Extract(r)
	if err != nil {
		return "", nil // what is not valid is told of when it is written
	}
	if charts := search.Patients(r, entries); len(charts) == 1 {
		return charts[0], nil
	}
	return "", nil
}

// fileHome returns in whose chart a file is by what it says itself: the patient's, or the chart of the entry
// that it is as sensitive as.
func (b *builder) fileHome(ctx context.Context, file *fhir.Node) (string, error) {
	t, id := target(file.Path("securityContext.reference").Text())
	switch t {
	case "Patient":
		return id, nil
	case "", "Binary":
		return "", nil
	}
	for _, q := range b.pending {
		if q.resource.Reference() == t+"/"+id {
			return b.homeOf(ctx, q.resource)
		}
	}
	v, err := b.actor.gate.lean.Read(ctx, t, id, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return "", nil
	}
	return v.Patient, err
}

// taken is a stored file without a home that an entry of this change names.
type taken struct {
	version store.Version
	chart   string // "" for what is in no chart, as a picture of a colleague: it is the clinic's then
}

// nameFiles judges what the entries of a change name as files, and takes home those that have none yet.
func (b *builder) nameFiles(ctx context.Context) error {
	for i := range b.pending {
		q := &b.pending[i]
		if r := q.resource; r.ResourceType() == "Binary" || len(filesOf(r)) == 0 {
			continue
		}
		chart, err := b.homeOf(ctx, q.resource)
		if err != nil {
			return err
		}
		if chart == "" && policy.InCharts(q.resource.ResourceType()) { // about several, or nobody
			continue
		}
		var had []string // what was named so far may stay: old records have files that were never taken home
		if q.before != nil && q.current.Patient == chart {
			had = filesOf(q.before)
		}
		var names []fileName
		eachFile(q.resource, func(path func() string, id string, here bool) {
			if !slices.Contains(had, id) {
				names = append(names, fileName{id, path(), here})
			}
		})
		for _, n := range names {
			if err := b.nameFile(ctx, q, chart, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// nameFile judges one name, in a chart or, with "", outside of all.
func (b *builder) nameFile(ctx context.Context, q *pendingPut, chart string, n fileName) error {
	system := b.actor.principal.Role == trust.SystemRole
	for i := range b.pending {
		f := &b.pending[i]
		if f.resource.Reference() != "Binary/"+n.id {
			continue
		}
		if chart != "" && f.resource.Get("securityContext") == nil {
			f.resource.Set("securityContext", fhir.Obj("reference", "Patient/"+chart))
		}
		f.named = true
		if home, err := b.fileHome(ctx, f.resource); err != nil || chart == "" || home == chart || system {
			return err
		}
		b.misplaced(q, n)
		return nil
	}
	v, err := b.actor.gate.lean.Read(ctx, "Binary", n.id, 0)
	if err == nil {
		err = b.actor.visible(ctx, v)
	}
	switch missing := fault.Is(err, fault.NotFound) || err == nil && v.Deleted; {
	case missing:
		if n.here && chart != "" && !system && !b.change.Dangling {
			b.unresolved(q, n.path, "Binary/"+n.id)
		}
		return nil // an address elsewhere, as far as the actor can know
	case err != nil:
		return err
	case v.Patient == "" && (fileOwner(v) == b.actor.principal.ID || system && chart != ""):
		if t, twice := b.taken[n.id]; twice && t.chart != chart {
			b.misplaced(q, n)
			return nil
		}
		if b.taken == nil {
			b.taken = map[string]taken{}
		}
		b.taken[n.id] = taken{v, chart}
		b.seen["Binary/"+n.id] = true
		return nil
	case chart == "" || system:
		return nil
	case v.Patient != chart:
		b.misplaced(q, n)
		return nil
	case b.actor.principal.Role == trust.Patient:
		return b.ownFile(ctx, q, n)
	}
	return nil
}

// ownFile holds patients to files that they have sent: what they write may bear labels, and would
// hide a file of the clinic from those who need it.
func (b *builder) ownFile(ctx context.Context, q *pendingPut, n fileName) error {
	first, err := b.actor.gate.lean.ReadVersion(ctx, "Binary", n.id, 1)
	if err != nil {
		return err
	}
	leaf, err := b.actor.gate.leafOf(ctx, first)
	if err != nil || leaf.Leaf.Role == string(trust.Patient) {
		return err
	}
	b.issues = append(b.issues, fault.Issue{Severity: "error", Type: "forbidden", Expression: q.at + n.path,
		Text: n.path + " names a file that the clinic has. Patients send files of their own: send a copy of it."})
	return nil
}

// misplaced is said of a file that is not in the chart of what names it.
func (b *builder) misplaced(q *pendingPut, n fileName) {
	b.issues = append(b.issues, fault.Issue{Severity: "error", Type: "business-rule", Expression: q.at + n.path,
		Text: n.path + " names a file that is not in this patient's chart. An entry names files of its own chart: send the file again, with the patient as Binary.securityContext (header X-Security-Context), and name that one."})
}

// fileOwner returns the account that alone reads a file which is in no chart yet; "" for none.
func fileOwner(v store.Version) string {
	if v.Patient != "" || !bytes.Contains(v.Body, []byte(policy.OwnerSystem)) {
		return ""
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return ""
	}
	return slices.Concat(codesIn(r, "tag", policy.OwnerSystem), []string{""})[0]
}

// file judges a write of a file, and says whose it is while it is in no chart.
func (b *builder) file(ctx context.Context, q *pendingPut, home string) error {
	p := b.actor.principal
	former := q.current.Patient // also of one that was deleted: its place is not for another's
	owner := ""
	if home == "" && !q.named {
		if owner = fileOwner(q.current); q.before == nil && p.Role != trust.SystemRole {
			owner = p.ID
		}
		if p.Role == trust.SystemRole && owner == "" { // of an import, which may name it later
			b.waitsFiles()
		}
	}
	setOwner(q.resource, owner)
	if former == "" || p.Role == trust.SystemRole || b.change.handed {
		return nil
	}
	stored, err := b.storedFiles(ctx, former)
	if err != nil {
		return err
	}
	n := stored[q.resource.ID()]
	if n.original && !b.change.Imports {
		return fault.New(fault.Forbidden, "This is the original of a document that was imported. It stays as it came: import the document again, or mark it as entered in error.").At("Binary")
	}
	stays := func(reference string) bool {
		i := slices.IndexFunc(b.pending, func(q pendingPut) bool { return q.resource.Reference() == reference })
		return i < 0 || slices.Contains(filesOf(b.pending[i].resource), q.resource.ID()) && chartOf(b.pending[i].resource) != home
	}
	if home != former && (home == "" || slices.ContainsFunc(n.by, stays)) {
		return fault.New(fault.Invalid, "A file stays in the chart of what names it: keep its securityContext, or move the entries that name it in the same transaction.").At(q.at + "Binary.securityContext")
	}
	return nil
}

// setOwner puts the owner's tag on a file, or takes it off.
func setOwner(r *fhir.Node, owner string) {
	var tags []any
	for t := range r.Path("meta.tag").Items() {
		if t.Get("system").Text() != policy.OwnerSystem {
			tags = append(tags, t)
		}
	}
	if owner != "" {
		tags = append(tags, fhir.Obj("system", policy.OwnerSystem, "code", owner))
	}
	if len(tags) == 0 {
		r.Get("meta").Remove("tag")
		return
	}
	r.Get("meta").Set("tag", fhir.Arr(tags...))
}

// takeHome writes the files that an entry of this change has taken into its chart. Nobody has asked
// for these writes: they are in the log, and neither in the result nor undone.
func (b *builder) takeHome(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(b.taken)) {
		t := b.taken[id]
		before, err := fhir.Parse(t.version.Body)
		if err != nil {
			return err
		}
		r := before.Clone()
		if t.chart != "" {
			r.Set("securityContext", fhir.Obj("reference", "Patient/"+t.chart))
		}
		stamp(r, t.version.Version+1, b.now)
		setOwner(r, "")
		if err := b.label(ctx, before, r); err != nil {
			return err
		}
		if err := b.unasked(ctx, r, t.chart, t.version.Version); err != nil {
			return err
		}
	}
	return nil
}

// unasked adds a write that nobody has asked for, of a resource whose stamp is set: it is judged already.
func (b *builder) unasked(ctx context.Context, r *fhir.Node, patient string, before int64) error {
	registry, err := b.actor.gate.Registry(ctx)
	if err != nil {
		return err
	}
	entries, err := registry.Extract(r)
	if err != nil {
		return err
	}
	b.patients = append(b.patients, patient)
	b.add(store.Write{Type: r.ResourceType(), ID: r.ID(), Version: before + 1, Updated: b.now, Patient: patient, Body: r.JSON(), Index: entries}, before)
	return nil
}

// files gives stored files without a home that of the one chart whose entries name them: what programs before
// December 2026 have stored, and what an import brings before the entries. One that several charts name, or that
// something outside of charts names, or nothing, stays as it is.
func (w *relabelling) files(ctx context.Context) error {
	const unnamed, several = "", "/" // beside the id of one patient
	charts := map[string]string{}
	for v, err := range w.gate.lean.All(ctx, []string{"Binary"}, 0) {
		if err != nil {
			return err
		}
		if v.Patient == "" && fileOwner(v) == "" {
			charts[v.ID] = unnamed
		}
	}
	if len(charts) == 0 {
		return nil
	}
	for v, err := range w.gate.lean.All(ctx, nil, 0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if v.Type == "Binary" || !bytes.Contains(v.Body, []byte("Binary/")) {
			continue
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		for _, id := range filesOf(r) {
			switch chart, homeless := charts[id]; {
			case !homeless:
			case chart == unnamed && v.Patient != "":
				charts[id] = v.Patient
			case chart != v.Patient || v.Patient == "":
				charts[id] = several
			}
		}
	}
	b := &builder{actor: w.actor, now: w.gate.clock.Now()}
	for id, chart := range charts {
		v, err := w.gate.lean.Read(ctx, "Binary", id, 0)
		if err != nil || v.Deleted || v.Patient != "" {
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			continue
		}
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return err
		}
		home, err := b.fileHome(ctx, r)
		switch {
		case err != nil:
			return err
		case home != "":
		case chart == unnamed || chart == several:
			continue
		default:
			r.Set("securityContext", fhir.Obj("reference", "Patient/"+chart))
		}
		labels, without, err := b.labels(ctx, r, r)
		if err != nil {
			return err
		}
		setLabels(r, labels, without, codesIn(r, "tag", policy.GlassSystem), codesIn(r, "tag", policy.CarerSystem))
		if err := w.write(ctx, []Put{{Resource: r, IfMatch: v.Version}}); err != nil {
			return err
		}
	}
	return nil
}
