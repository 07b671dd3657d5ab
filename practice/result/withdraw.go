package result

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// Withdrawal takes back one value that was never this patient's, or never what the laboratory said.
type Withdrawal struct {
	Patient, ID string // of the Observation
	Reason      string // why, for whoever reads the history
	Key         string
}

// Withdraw marks a value as entered in error: it leaves chart, trend, emergency sheet, the patient's
// page and what is checked and computed from it; the version before stays in the history. A report
// whose values are all withdrawn goes with them, and its review ends; one that keeps others says that
// it was corrected, and waits on. An order of which nothing is left is open again, so that the right
// result can be entered.
func Withdraw(ctx context.Context, actor *record.Actor, w Withdrawal) (record.Result, error) {
	w.Reason = strings.TrimSpace(w.Reason)
	n, err := actor.Read(ctx, "Observation", w.ID)
	if err != nil {
		return record.Result{}, err
	}
	switch {
	case n.Path("subject.reference").Text() != "Patient/"+w.Patient || w.Patient == "" || !laboratory(n) && n.Get("status").Text() != wrong:
		return record.Result{}, fault.New(fault.NotFound, "This is not a result of this chart.")
	case n.Get("status").Text() == wrong:
		return record.Result{}, fault.New(fault.Conflict, "This result was marked as entered in error already.")
	case w.Reason == "":
		return record.Result{}, fault.New(fault.Invalid, "Say why: whoever reads the history needs it.").At("reason")
	}
	c := record.Change{What: "result entered in error", Key: w.Key}
	put := func(n *fhir.Node, status string) {
		version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
		n.Set("status", fhir.Str(status))
		c.Put = append(c.Put, record.Put{Resource: n, IfMatch: version})
	}
	note(n, actor, "Entered in error: "+w.Reason)
	put(n, wrong)
	gone := []string{n.Reference()}

	for r, err := range actor.FindEach(ctx, "DiagnosticReport", "patient=Patient/"+w.Patient+"&result="+n.Reference()) {
		if err != nil {
			return record.Result{}, err
		}
		left, err := othersLeft(ctx, actor, r, w.ID)
		if err != nil {
			return record.Result{}, err
		}
		switch status := r.Get("status").Text(); {
		case status == wrong:
		case left:
			put(r, "corrected")
		default:
			put(r, wrong)
			gone = append(gone, r.Reference())
		}
	}
	for _, ref := range gone {
		waiting, err := task.Focused(ctx, actor, ref)
		if err != nil {
			return record.Result{}, err
		}
		for _, t := range waiting {
			if t.Kind != task.ReviewResult || t.Patient != w.Patient {
				continue
			}
			done, err := task.End(ctx, actor, t.ID, "cancelled", "Entered in error: "+w.Reason) // nobody has signed it
			if err != nil {
				return record.Result{}, err
			}
			c.Put = append(c.Put, done)
		}
	}
	order, err := orderLeft(ctx, actor, n)
	if err != nil {
		return record.Result{}, err
	}
	if order != nil {
		put(order, "active")
	}
	return actor.Commit(ctx, c)
}

// wrong is the status of what was entered in error.
const wrong = "entered-in-error"

// othersLeft reports whether a report has values that count besides one. Of what cannot be read it is
// assumed that it does.
func othersLeft(ctx context.Context, actor *record.Actor, report *fhir.Node, but string) (bool, error) {
	for v := range report.Get("result").Items() {
		resourceType, id, _ := strings.Cut(v.Get("reference").Text(), "/")
		if resourceType == "Observation" && id == but {
			continue
		}
		if resourceType != "Observation" {
			return true, nil
		}
		n, err := actor.Read(ctx, "Observation", id)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if n.Get("status").Text() != wrong {
			return true, nil
		}
	}
	return report.Get("presentedForm").Len() > 0, nil
}

// orderLeft returns the completed order of a withdrawn value when no other value answers it; nil
// otherwise.
func orderLeft(ctx context.Context, actor *record.Actor, n *fhir.Node) (*fhir.Node, error) {
	ref := n.Get("basedOn").At(0).Get("reference").Text()
	id, ok := strings.CutPrefix(ref, "ServiceRequest/")
	if !ok {
		return nil, nil
	}
	for a, err := range actor.FindEach(ctx, "Observation", "patient="+n.Path("subject.reference").Text()+"&based-on="+ref) {
		if err != nil {
			return nil, err
		}
		if a.ID() != n.ID() && a.Get("status").Text() != wrong {
			return nil, nil
		}
	}
	order, err := actor.Read(ctx, "ServiceRequest", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || err == nil && order.Get("status").Text() != "completed" {
		return nil, nil
	}
	return order, err
}

func note(n *fhir.Node, actor *record.Actor, text string) {
	list := fhir.Arr()
	for x := range n.Get("note").Items() {
		list.Append(x.Clone())
	}
	added := fhir.Obj("time", actor.Now().UTC().Format(time.RFC3339), "text", text)
	if by := actor.Principal().Reference(); by != "" {
		added.Set("authorReference", fhir.Obj("reference", by))
	}
	list.Append(added)
	n.Set("note", list)
}
