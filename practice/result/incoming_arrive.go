package result

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// origin is where a commit came from, as far as it matters to the review of results.
type origin int

const (
	bySystem origin = iota // the system's own work: a demonstration, labels
	byPage                 // a page of the clinic, which asks for the review itself; or the patient
	byImport               // a bulk import
	bySender               // by FHIR
)

func originOf(l ledger.Leaf) origin {
	switch {
	case l.Action == ledger.Import:
		return byImport
	case l.Role == string(trust.SystemRole):
		return bySystem
	case l.Door == "clinic" || l.Door == "portal" || l.Role == string(trust.Patient):
		return byPage
	}
	return bySender
}

// leave is what may be done about a result: each includes those before it.
type leave int

const (
	renew leave = iota // the task that waits is replaced by a true one, or ended
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

// over reports whether a version takes a result back.
func (a arrived) over() bool { return gathered{focus: a.node}.over() != "" }

// arrivals reads the versions of a commit that may concern the review of results, and its entry in the
// audit log when there are any.
func (in Incoming) arrivals(ctx context.Context, c watch.Commit, alone bool) (list []arrived, by ledger.Leaf, err error) {
	some, err := candidates(c, alone)
	if err != nil || len(some) == 0 {
		return nil, by, err
	}
	if by, err = c.Leaf(); err != nil {
		return nil, by, err
	}
	from := originOf(by)
	if from == bySystem {
		return nil, by, nil
	}
	whole := map[string]bool{} // patients whose whole record comes
	for _, a := range some {
		observation := strings.HasPrefix(a.ref, "Observation/")
		if a.first && (from == byPage || observation && !alone && from != byImport) { // a new one waits for its report; an import may bring that first
			continue
		}
		if a.node != nil {
			if observation && !ofLaboratory(a.node) && a.first && from != byImport {
				continue
			}
			if a.leave, err = leaveOf(ctx, c, by, a.node, whole); err != nil {
				return nil, by, err
			}
		}
		if a.leave == begin || !a.first {
			list = append(list, a)
		}
	}
	return list, by, nil
}

// candidates are the versions of a commit that may concern the review of results, whoever wrote them:
// most commits have none, and need no further look.
func candidates(c watch.Commit, alone bool) (list []arrived, err error) {
	for _, v := range c.Versions {
		if v.Type != "Observation" && (v.Type != "DiagnosticReport" || alone) {
			continue
		}
		a := arrived{ref: v.Type + "/" + v.ID, first: v.Version == 1}
		if !v.Deleted {
			if a.node, err = fhir.Parse(v.Body); err != nil {
				return nil, err
			}
			if v.Type == "DiagnosticReport" && otherReport(a.node) ||
				v.Type == "Observation" && !ofLaboratory(a.node) && a.node.Get("category") != nil { // what says nothing may be a value of a report
				continue
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// leaveOf says what a version may lead to: what arrives too late for anybody to wait for it, or
// together with all the rest of a patient's record, begins no review. known is for which patients that
// is so, as far as it was asked.
func leaveOf(ctx context.Context, c watch.Commit, by ledger.Leaf, n *fhir.Node, known map[string]bool) (leave, error) {
	from := originOf(by)
	if from == byPage {
		return renew, nil
	}
	if !recent(n, by.Time) {
		return again, nil
	}
	if from != byImport {
		return begin, nil
	}
	patient := n.Path("subject.reference").Text()
	whole, asked := known[patient]
	if !asked {
		var err error
		if whole, err = wholeRecord(ctx, c, by, patient); err != nil {
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
func wholeRecord(ctx context.Context, c watch.Commit, by ledger.Leaf, patient string) (bool, error) {
	id, ok := strings.CutPrefix(patient, "Patient/")
	if !ok {
		return true, nil
	}
	first, err := c.First(ctx, "Patient", id)
	if fault.Is(err, fault.NotFound) { // to be imported after this
		return true, nil
	}
	return first.Action == ledger.Import && by.Time.Sub(first.Time) < wholeWithin, err
}
