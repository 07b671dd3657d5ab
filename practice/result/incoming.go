package result

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Incoming asks for the review of results that others put into the record: a laboratory's interface by
// FHIR, or a bulk import. It follows what is written (Consumers), looks at the result as it is now, and
// makes, renews or ends its one review task; so it may be told of the same commit twice, and by several
// processes at once. docs/interfaces/results.md says what a laboratory can expect.
type Incoming struct {
	Gate  *record.Gate
	Staff Staff
	Log   *slog.Logger
	// Wait is for how long an observation waits for the report that carries it; 0: two minutes.
	Wait time.Duration
}

// Staff tells who works in the clinic.
type Staff interface {
	// Practising returns who acts as a Practitioner today; nobody when the person works here no more.
	Practising(ctx context.Context, practitioner string) ([]trust.Principal, error)
}

const (
	// incoming is the name of the work in the audit log.
	incoming = "results"
	// usualWait is how long an observation waits for its report.
	usualWait = 2 * time.Minute
	// oldAfter is the age from which a result is history: whoever sends it does not wait for a reader.
	oldAfter = 30 * 24 * time.Hour
	// wholeWithin is how long after a patient an import may bring the rest of the record: as long as a
	// bulk import runs.
	wholeWithin = 6 * time.Hour
	// attempts is how often a result is looked at anew because somebody else wrote in between.
	attempts = 8
)

// Consumers are the work: of reports, and of what was changed, at once; of observations that no report
// carries after a while.
func (in Incoming) Consumers() []watch.Consumer {
	wait := in.Wait
	if wait <= 0 {
		wait = usualWait
	}
	return []watch.Consumer{
		{Name: incoming, Types: []string{"DiagnosticReport", "Observation"}, Do: in.filed},
		{Name: incoming + "-alone", Types: []string{"Observation"}, After: wait, Do: in.alone},
	}
}

// origin is where a commit came from, as far as it matters to the review of results.
type origin int

const (
	bySystem origin = iota // the system's own work: a demonstration, labels
	byPage                 // a page of the clinic, which asks for the review itself
	byImport               // a bulk import
	bySender               // by FHIR
)

func originOf(l ledger.Leaf) origin {
	switch {
	case l.Action == ledger.Import:
		return byImport
	case l.Role == string(trust.SystemRole):
		return bySystem
	case l.Door == "clinic" || l.Door == "portal":
		return byPage
	}
	return bySender
}

// leave is what may be done about a result: each includes those before it.
type leave int

const (
	renew leave = iota // the task that waits is kept true, or ended
	again              // a result that was reviewed and has changed is reviewed again
	begin              // one that nobody was asked about is
)

// arrived is one version of a report or an observation in a commit.
type arrived struct {
	ref   string
	node  *fhir.Node // nil: deleted
	first bool       // it is the first version
	leave leave
}

// arrivals reads the versions of a commit that may concern the review of results.
func (in Incoming) arrivals(ctx context.Context, c watch.Commit, alone bool) (list []arrived, err error) {
	from := originOf(c.Leaf)
	if from == bySystem {
		return nil, nil
	}
	whole := map[string]bool{} // patients whose whole record comes
	for _, v := range c.Versions {
		switch {
		case v.Type == "DiagnosticReport" && !alone:
		case v.Type != "Observation", v.Version == 1 && !alone && from != byImport: // a new one waits for its report; an import may bring that first
			continue
		}
		if from == byPage && v.Version == 1 {
			continue
		}
		a := arrived{ref: v.Type + "/" + v.ID, first: v.Version == 1}
		if !v.Deleted {
			if a.node, err = fhir.Parse(v.Body); err != nil {
				return nil, err
			}
			if v.Type == "DiagnosticReport" && otherReport(a.node) || v.Type == "Observation" && !ofLaboratory(a.node) &&
				(a.node.Get("category") != nil || a.first && from != byImport) { // what says nothing may be a value of a report
				continue
			}
			if a.leave, err = leaveOf(ctx, c, from, a.node, whole); err != nil {
				return nil, err
			}
		}
		if a.leave == begin || !a.first {
			list = append(list, a)
		}
	}
	return list, nil
}

// leaveOf says what a version may lead to: what arrives too late for anybody to wait for it, or
// together with all the rest of a patient's record, begins no review. known is for which patients that
// is so, as far as it was asked.
func leaveOf(ctx context.Context, c watch.Commit, from origin, n *fhir.Node, known map[string]bool) (leave, error) {
	if from == byPage {
		return renew, nil
	}
	if !recent(n, c.Leaf.Time) {
		return again, nil
	}
	if from != byImport {
		return begin, nil
	}
	patient := n.Path("subject.reference").Text()
	whole, asked := known[patient]
	if !asked {
		var err error
		if whole, err = wholeRecord(ctx, c, patient); err != nil {
			return renew, err
		}
		known[patient] = whole
	}
	if whole {
		return again, nil
	}
	return begin, nil
}

// recent reports whether a result was taken or issued lately when it arrived. One that does not say
// when counts as recent.
func recent(n *fhir.Node, arrived time.Time) bool {
	said := false
	for _, text := range []string{n.Get("issued").Text(), n.Get("effectiveDateTime").Text(), n.Get("effectiveInstant").Text(), n.Path("effectivePeriod.end").Text(), n.Path("effectivePeriod.start").Text()} {
		at := moment(text)
		if at.IsZero() {
			continue
		}
		if said = true; arrived.Sub(at) <= oldAfter {
			return true
		}
	}
	return !said
}

// wholeRecord reports whether an import brings the record of a patient who was not here before, and
// not new results of one who was.
func wholeRecord(ctx context.Context, c watch.Commit, patient string) (bool, error) {
	id, ok := strings.CutPrefix(patient, "Patient/")
	if !ok {
		return true, nil
	}
	first, err := c.First(ctx, "Patient", id)
	if fault.Is(err, fault.NotFound) { // to be imported after this
		return true, nil
	}
	return first.Action == ledger.Import && c.Leaf.Time.Sub(first.Time) < wholeWithin, err
}

// filed looks after the reports of a commit, those that carry observations which it changes, and
// observations that it withdraws.
func (in Incoming) filed(ctx context.Context, c watch.Commit) error {
	list, err := in.arrivals(ctx, c, false)
	if err != nil || len(list) == 0 {
		return err
	}
	may := map[string]leave{} // by reference of the result
	var refs, changed []string
	add := func(ref string, l leave) {
		if _, known := may[ref]; !known {
			refs = append(refs, ref)
		}
		may[ref] = max(may[ref], l)
	}
	carried := map[string]bool{}
	for _, a := range list {
		if strings.HasPrefix(a.ref, "DiagnosticReport/") {
			add(a.ref, a.leave)
			for r := range a.node.Get("result").Items() {
				carried[r.Get("reference").Text()] = true
			}
		}
	}
	from := originOf(c.Leaf)
	for _, a := range list {
		if !strings.HasPrefix(a.ref, "Observation/") {
			continue
		}
		if status := a.node.Get("status").Text(); a.node == nil || status == wrong || status == "cancelled" {
			add(a.ref, renew)
		}
		if !carried[a.ref] {
			changed = append(changed, a.ref)
		}
	}
	reports, err := in.carriers(ctx, changed)
	if err != nil {
		return err
	}
	for _, n := range reports {
		l, err := leaveOf(ctx, c, from, n, map[string]bool{})
		if err != nil {
			return err
		}
		add(n.Reference(), l)
	}
	for _, ref := range refs {
		if err := in.look(ctx, ref, may[ref]); err != nil {
			return err
		}
	}
	return nil
}

// alone looks after the observations of a commit that no report carries.
func (in Incoming) alone(ctx context.Context, c watch.Commit) error {
	list, err := in.arrivals(ctx, c, true)
	if err != nil || len(list) == 0 {
		return err
	}
	together := map[string]bool{} // with their report, which needs no search
	for _, v := range c.Versions {
		if v.Type == "DiagnosticReport" && !v.Deleted {
			n, err := fhir.Parse(v.Body)
			if err != nil {
				return err
			}
			for r := range n.Get("result").Items() {
				together[r.Get("reference").Text()] = counts(n.Get("status").Text())
			}
		}
	}
	list = slices.DeleteFunc(list, func(a arrived) bool { return together[a.ref] || a.node == nil })
	refs := make([]string, len(list))
	for i, a := range list {
		refs[i] = a.ref
	}
	reports, err := in.carriers(ctx, refs)
	if err != nil {
		return err
	}
	carried := map[string]bool{}
	for _, n := range reports {
		for r := range n.Get("result").Items() {
			carried[r.Get("reference").Text()] = true
		}
	}
	for _, a := range list {
		if carried[a.ref] || a.node.Get("hasMember").Len() > 0 && len(ValuesFrom(a.node)) == 0 { // a panel: its members are looked at
			continue
		}
		if err := in.look(ctx, a.ref, a.leave); err != nil {
			return err
		}
	}
	return nil
}

// carriersAtOnce is how many observations are asked about together.
const carriersAtOnce = 50

// carriers returns the reports that carry any of some observations.
func (in Incoming) carriers(ctx context.Context, observations []string) (reports []*fhir.Node, err error) {
	for some := range slices.Chunk(observations, carriersAtOnce) {
		found, err := in.actor().Find(ctx, "DiagnosticReport", "result="+strings.Join(some, ","))
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			if counts(n.Get("status").Text()) {
				reports = append(reports, n)
			}
		}
	}
	return reports, nil
}

func (in Incoming) actor() *record.Actor { return in.Gate.As(trust.System(incoming), incoming) }

// look brings the review of one result up to date. What the record can never store is given up, so
// that it does not hold up the results after it, and said in the log.
func (in Incoming) look(ctx context.Context, ref string, l leave) (err error) {
	for attempt := range attempts {
		if err = in.settle(ctx, ref, l, attempt == attempts-1); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
			break
		}
	}
	switch fault.CodeOf(err) {
	case fault.Invalid, fault.Malformed, fault.Forbidden, fault.NotSupported, fault.TooLarge, fault.TooCostly:
		in.Log.Error("the review of a result cannot be asked for", "result", ref, "error", err)
		return nil
	}
	return err
}

// settle is one attempt of look. The id of a new task follows from the result and the number of its
// tasks, so that of two processes that make it one succeeds; last takes another, since somebody may
// have taken that one for something else.
func (in Incoming) settle(ctx context.Context, ref string, l leave, last bool) error {
	actor := in.actor()
	f, err := gather(ctx, actor, ref)
	if err != nil {
		return err
	}
	all, err := task.EverFocused(ctx, actor, task.ReviewResult, f.refs(ref)...)
	if err != nil {
		return err
	}
	var puts []record.Put
	end := func(t task.Task, why string) error {
		done, err := task.Done(ctx, actor, t.ID, why)
		if t.Patient != f.chart() && f.chart() != "" { // the line tells what stands in another chart
			done.Resource.Set("description", fhir.Str(nameless))
			done.Resource.Remove("input")
		}
		puts = append(puts, done)
		return err
	}
	var about, parts []task.Task // of the result in this chart, and of observations that it carries
	number, what := 0, "review of a result"
	for _, t := range all {
		switch {
		case t.Focus != ref:
			parts = append(parts, t)
			continue
		case t.Patient == f.chart() || f.chart() == "":
			about = append(about, t)
		case t.Open(): // it was filed in the wrong chart
			l = begin
			if err := end(t, "The result belongs to another patient."); err != nil {
				return err
			}
		}
		number++
	}
	switch reason := f.over(); {
	case reason != "":
		what = "end the review of a result"
		for _, t := range about {
			if t.Open() {
				if err := end(t, reason); err != nil {
					return err
				}
			}
		}
	case f.patient == nil || !counts(f.focus.Get("status").Text()) || !f.laboratory():
	default:
		put, err := in.ask(ctx, actor, f, about, number, l)
		if err != nil {
			return err
		}
		if put == nil {
			break
		}
		if last && put.Create {
			put.Resource.SetID(ident.New(actor.Now()))
		}
		puts = append(puts, *put)
		for _, t := range parts {
			if t.Open() {
				if err := end(t, "It is part of a report now, and reviewed with that."); err != nil {
					return err
				}
			}
		}
	}
	if len(puts) == 0 {
		return nil
	}
	_, err = actor.Commit(ctx, record.Change{Put: puts, What: what, Dangling: true})
	return err
}

// ask returns the Put by which the tasks about a result become true of it: a new task, which is the
// one of a number, a renewed one, or nil when they are.
func (in Incoming) ask(ctx context.Context, actor *record.Actor, f gathered, about []task.Task, number int, l leave) (*record.Put, error) {
	a := askingOf(f.focus, f.results, personFrom(f.patient), actor.Now())
	a.unnamed = !f.named()
	var before task.Task // the one that waits, or the last one
	for _, t := range about {
		if !before.Open() || t.Open() {
			before = t
		}
	}
	how := since(before, a, f.touched())
	if how == unchanged || how == fresh && l < begin || !before.Open() && l < again {
		return nil, nil
	}
	t := a.task(task.Task{Patient: f.patient.ID(), Focus: f.focus.Reference()})
	t.Text = how.words(a.status) + t.Text
	if how == corrected && t.Priority == "routine" { // it was thought to be otherwise: it is not signed in a batch
		t.Priority = "urgent"
	}
	if before.Open() {
		put, err := task.Renew(ctx, actor, before.ID, t)
		return &put, err
	}
	var err error
	if t.Owner, t.Requester, t.Order, err = in.owner(ctx, actor, f, before.Owner); err != nil {
		return nil, err
	}
	t.ID = round(f.focus.Reference(), number)
	put := task.New(actor, t)
	put.Create = true
	return &put, nil
}

// round is the id of the task of a result that has had n tasks before.
func round(ref string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "review of %s, %d", ref, n))
	return "review-" + hex.EncodeToString(sum[:16])
}

// difference is what has become of a result since a task was made about it.
type difference int

const (
	unchanged difference = iota
	fresh                // there was no task
	completed            // what was preliminary says more now
	corrected            // it said something else, or says itself that it was corrected
)

// since compares a result with what its last task knows of it. A task of before tasks knew that is
// about the result as it was when somebody last touched the task.
func since(t task.Task, a asking, touched time.Time) difference {
	status, hash, _ := strings.Cut(t.Known, ".")
	now, is, _ := strings.Cut(a.known, ".")
	switch {
	case t.ID == "":
		return fresh
	case t.Known == a.known:
		return unchanged
	case t.Known == "" && (t.Open() || !corrects(now) || !touched.After(t.Authored.Add(time.Minute))):
		return unchanged
	case corrects(now) && (now != status || hash != is), hash != is && !early(status):
		return corrected
	case hash != is:
		return completed
	}
	return unchanged
}

// words are put before the line of a task.
func (d difference) words(status string) string {
	switch {
	case d == corrected, corrects(status):
		return "Corrected: "
	case early(status):
		return "Preliminary: "
	case d == completed:
		return "More has come: "
	}
	return ""
}
