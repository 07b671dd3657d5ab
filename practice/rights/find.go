package rights

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// Of returns the requests of a patient, newest first.
func Of(ctx context.Context, actor *record.Actor, patient string) ([]Request, error) {
	steps, err := find(ctx, actor, "category="+System+"%7C&subject=Patient/"+url.QueryEscape(patient))
	return gather(steps), err
}

// From makes requests of the Communications of a chart that was read; letters are left out.
func From(communications []*fhir.Node) []Request {
	var steps []Step
	for _, n := range communications {
		if codeOf(n.Get("category").At(0), System) != "" {
			steps = append(steps, fromResource(n))
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return gather(steps)
}

// Work are the requests that the clinic has to answer, the most pressing first, and those of
// which a patient has said something since.
func Work(ctx context.Context, actor *record.Actor) ([]Request, error) {
	if !MayDecide(actor.Principal()) {
		return nil, onlyDeciders()
	}
	steps, err := find(ctx, actor, "category="+System+"%7C")
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(gather(steps), func(r Request) bool { return !r.Open() && !r.unanswered() })
	slices.SortStableFunc(list, func(a, b Request) int { return a.Due.Compare(b.Due) })
	return list, nil
}

// unanswered reports whether the last word is a statement of disagreement that nobody has read on.
func (r Request) unanswered() bool {
	return r.State == Disputed && r.Steps[len(r.Steps)-1].Act == Disagreed
}

// find reads the steps that a search finds.
func find(ctx context.Context, actor *record.Actor, query string) (steps []Step, err error) {
	for n, err := range actor.FindEach(ctx, "Communication", query) {
		if err != nil {
			return nil, err
		}
		steps = append(steps, fromResource(n))
	}
	return steps, nil
}

// Find returns one request of a patient; fault.NotFound when the reader sees none.
func Find(ctx context.Context, actor *record.Actor, patient, id string) (Request, error) {
	list, err := Of(ctx, actor, patient)
	if err != nil {
		return Request{}, err
	}
	for _, r := range list {
		if r.ID == id {
			return r, nil
		}
	}
	return Request{}, fault.New(fault.NotFound, "There is no such request.")
}

// MayDecide reports whether a person answers requests: physicians and the health records
// department, in person. The policy holds writers of a step to the same.
func MayDecide(p trust.Principal) bool {
	return (p.Role == trust.Physician || p.Role == trust.Records) && p.Client == "" && len(p.Scopes) == 0
}

func onlyDeciders() error {
	return fault.New(fault.Forbidden, "Physicians and the health records department decide about corrections and restrictions.")
}

// MarkRead notes that the patient behind the actor has read what the clinic wrote in a request.
func MarkRead(ctx context.Context, actor *record.Actor, r Request) error {
	c := record.Change{What: "read answer"}
	for _, s := range r.Steps {
		if s.Read || s.FromPatient() || s.Act == Informed {
			continue
		}
		n, err := actor.Read(ctx, "Communication", s.ID)
		if err != nil {
			return err
		}
		version := versionOf(n)
		n.Set("received", fhir.Str(actor.Now().UTC().Format(time.RFC3339)))
		c.Put = append(c.Put, record.Put{Resource: n, IfMatch: version})
	}
	if len(c.Put) == 0 {
		return nil
	}
	_, err := actor.Commit(ctx, c)
	return err
}

// News are the requests of a patient in which the clinic wrote something that was not read yet.
func News(list []Request) (out []Request) {
	for _, r := range list {
		if slices.ContainsFunc(r.Steps, func(s Step) bool { return !s.Read && !s.FromPatient() && s.Act != Informed }) {
			out = append(out, r)
		}
	}
	return out
}

func versionOf(n *fhir.Node) int64 {
	version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	return version
}
