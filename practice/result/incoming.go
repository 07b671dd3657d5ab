package result

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
)

// Incoming asks for the review of results that others put into the record: a laboratory's interface by
// FHIR, or a bulk import. It follows what is written (Consumers), looks at the result as it is now, and
// makes, replaces or ends its one review task; so it may be told of the same commit twice, and by several
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

// filed looks after the reports of a commit, those that carry observations which it changes, and
// observations that it withdraws.
func (in Incoming) filed(ctx context.Context, c watch.Commit) error {
	list, leaf, err := in.arrivals(ctx, c, false)
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
	taken := slices.ContainsFunc(list, arrived.over)
	for _, a := range list {
		if !strings.HasPrefix(a.ref, "Observation/") {
			continue
		}
		if a.over() {
			add(a.ref, again)
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
		l, err := leaveOf(ctx, c, leaf, n, map[string]bool{})
		if err != nil {
			return err
		}
		add(n.Reference(), l)
	}
	by := ""
	if originOf(leaf) == byPage {
		by = leaf.Actor
	}
	for _, ref := range refs {
		if taken { // whoever signed it hears of it, also when a colleague takes it back
			may[ref] = max(may[ref], again)
		}
		if err := in.look(ctx, ref, may[ref], by); err != nil {
			return err
		}
	}
	return nil
}

// alone looks after the observations of a commit that no report carries.
func (in Incoming) alone(ctx context.Context, c watch.Commit) error {
	list, _, err := in.arrivals(ctx, c, true)
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
		if err := in.look(ctx, a.ref, a.leave, ""); err != nil {
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
// that it does not hold up the results after it, and said in the log. by is the account of whoever
// changed it on a page, who needs not be told; "" for a sender.
func (in Incoming) look(ctx context.Context, ref string, l leave, by string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			in.Log.Error("the review of a result cannot be asked for", "result", ref, "panic", fmt.Sprint(p))
			err = nil
		}
	}()
	for attempt := range attempts {
		if err = in.settle(ctx, ref, l, by, attempt == attempts-1); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Stale) {
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
