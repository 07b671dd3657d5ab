package rights

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// MaxText is the longest text of one part, in bytes.
const MaxText = 5000

// Draft is a request as a patient types it.
type Draft struct {
	Kind  Kind
	About string // "Condition/7"; "" for the record in general
	// Of an amendment: what is wrong, what it should say, why, and whom to tell. Of a
	// restriction: what must not be told (Wrong), why, and to whom (Whom, with Reason).
	Wrong, Should, Why, Tell, Whom string
	Reason                         string // of a restriction: a Scope; of Confidential: a policy.Way, with Should for where
	Key                            string
}

// Ask sends a request to the clinic, as the patient behind the actor.
func Ask(ctx context.Context, actor *record.Actor, d Draft) (Request, error) {
	p := actor.Principal()
	if p.Role != trust.Patient || p.Patient == "" {
		return Request{}, fault.New(fault.Forbidden, "Patients ask about their own record.")
	}
	s := step(actor, d.Kind, Asked, p.Patient)
	s.Head, s.About, s.Texts = s.ID, d.About, map[Part]string{Wrong: d.Wrong, Should: d.Should, Why: d.Why, Tell: d.Tell}
	switch d.Kind {
	case Amendment:
		if strings.TrimSpace(d.Wrong) == "" {
			return Request{}, fault.New(fault.Invalid, "Say what is wrong.").At(string(Wrong))
		}
	case Restriction:
		if err := d.restriction(&s); err != nil {
			return Request{}, err
		}
	case Confidential:
		if err := d.confidential(actor, &s); err != nil {
			return Request{}, err
		}
	default:
		return Request{}, fault.New(fault.Invalid, "Choose what you ask for.")
	}
	if err := s.check(); err != nil {
		return Request{}, err
	}
	if s.About != "" { // only what the patient may see can be named
		resourceType, id, ok := strings.Cut(s.About, "/")
		if !ok {
			return Request{}, fault.New(fault.NotFound, "There is no such entry in your record.")
		}
		if _, err := actor.Read(ctx, resourceType, id); err != nil {
			return Request{}, err
		}
	}
	owner, err := physicianOf(ctx, actor, p.Patient)
	if err != nil {
		return Request{}, err
	}
	_, err = actor.Commit(ctx, record.Change{What: "ask: " + string(d.Kind), Key: d.Key,
		Put: []record.Put{{Resource: s.resource(), Create: true}, workFor(actor, Request{Step: s}, owner, kinds[d.Kind])}})
	if err != nil {
		return Request{}, err
	}
	return gather([]Step{s})[0], nil
}

func step(actor *record.Actor, kind Kind, act Act, patient string) Step {
	now := actor.Now().Truncate(time.Millisecond)
	return Step{ID: ident.New(actor.Now()), Kind: kind, Act: act, Patient: patient, By: actor.Principal().Reference(), At: now}
}

func (s Step) check() error {
	for part, text := range s.Texts {
		if len(text) > MaxText {
			return fault.New(fault.TooLarge, "This text is longer than %d letters. Say it shorter, and give us the rest in a message.", MaxText).At(string(part))
		}
	}
	return nil
}

// physicianOf is the id of a patient's own physician, "" when nobody is named.
func physicianOf(ctx context.Context, actor *record.Actor, patient string) (string, error) {
	n, err := actor.Read(ctx, "Patient", patient)
	if err != nil {
		return "", err
	}
	id, _ := strings.CutPrefix(n.Get("generalPractitioner").At(0).Get("reference").Text(), "Practitioner/")
	if strings.Contains(id, "/") {
		id = ""
	}
	return id, nil
}

// workFor puts a request into somebody's inbox, without a word of what it says.
func workFor(actor *record.Actor, r Request, owner, line string) record.Put {
	return task.New(actor, task.Task{Kind: task.RightsRequest, Patient: r.Patient, Owner: owner, Focus: "Communication/" + r.ID, Text: line})
}

// next reads a request, lets make judge it and fill the next step, and stores that, when nothing
// was written about the patient meanwhile.
func next(ctx context.Context, actor *record.Actor, patient, id string, act Act, make func(r Request, s *Step) (record.Change, error)) error {
	seen, err := actor.Snapshot(ctx)
	if err != nil {
		return err
	}
	r, err := Find(ctx, actor, patient, id)
	if err != nil {
		return err
	}
	s := step(actor, r.Kind, act, patient)
	s.Head, s.About, s.Texts = r.ID, r.About, map[Part]string{}
	if last := r.Steps[len(r.Steps)-1].At; !s.At.After(last) { // the order of the steps is that of their times
		s.At = last.Add(time.Millisecond)
	}
	if s.By == "" {
		return fault.New(fault.Forbidden, "Your account is linked to nobody in the clinic. An administrator can link it.")
	}
	c, err := make(r, &s)
	if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	c.What, c.Unchanged, c.SeenAt = string(r.Kind)+": "+string(act), patient, seen
	c.Put = append([]record.Put{{Resource: s.resource(), Create: true}}, c.Put...)
	_, err = actor.Commit(ctx, c)
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Stale) {
		return fault.New(fault.Conflict, "Something was written about this patient in the meantime. Look at the request again.")
	}
	return err
}

// decide is next for those who may answer.
func decide(ctx context.Context, actor *record.Actor, patient, id string, act Act, make func(r Request, s *Step) (record.Change, error)) error {
	if !MayDecide(actor.Principal()) {
		return onlyDeciders()
	}
	return next(ctx, actor, patient, id, act, func(r Request, s *Step) (record.Change, error) {
		c, err := make(r, s)
		if err != nil || act == Extended || act == Informed {
			return c, err
		}
		open, err := task.Focused(ctx, actor, "Communication/"+r.ID)
		for i := 0; err == nil && i < len(open); i++ {
			var done record.Put
			if done, err = task.Done(ctx, actor, open[i].ID, act.Name()); err == nil {
				c.Put = append(c.Put, done)
			}
		}
		return c, err
	})
}

// answered is the refusal of a second answer.
func answered() error {
	return fault.New(fault.Conflict, "This request was answered or withdrawn already.")
}

// Extend gives the clinic 30 days more, once, with the reason that the patient reads.
func Extend(ctx context.Context, actor *record.Actor, patient, id, why string) error {
	return decide(ctx, actor, patient, id, Extended, func(r Request, s *Step) (record.Change, error) {
		switch {
		case !r.Open():
			return record.Change{}, answered()
		case r.Kind == Confidential:
			return record.Change{}, fault.New(fault.Conflict, "How a patient is reached is answered at once: the law gives no more time for it.")
		case r.Extended:
			return record.Change{}, fault.New(fault.Conflict, "The time was made longer once already. It cannot be done again.")
		case r.DaysLeft(actor.Now()) < 0:
			return record.Change{}, fault.New(fault.Conflict, "The %d days are over. More time has to be asked for before they end.", answerDays)
		case strings.TrimSpace(why) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say why more time is needed: the patient reads it.").At(string(Why))
		}
		s.Texts[Why] = why
		return record.Change{}, nil
	})
}

// Withdraw takes a request back that was not answered yet.
func Withdraw(ctx context.Context, actor *record.Actor, id string) error {
	return next(ctx, actor, actor.Principal().Patient, id, Withdrawn, func(r Request, s *Step) (record.Change, error) {
		if !r.Open() {
			return record.Change{}, fault.New(fault.Conflict, "The clinic has answered already.")
		}
		return record.Change{}, nil
	})
}
