package rights

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// AsUsual is the way that ends a former one.
const AsUsual = "usual"

// Ways are how a patient can ask to be reached, and nowhere else (45 CFR 164.522(b)), each in the
// words that a patient reads. The clinic accommodates what is reasonable and asks for no reason.
var Ways = []struct{ Code, Text string }{
	{string(policy.OnlyApp), "Only here in the portal: no letters, no calls"},
	{string(policy.Post), "By letter to this address only"},
	{string(policy.Call), "By telephone on this number only"},
	{string(policy.Mail), "By e-mail to this address only"},
	{AsUsual, "As before, at my usual address and number"},
}

// WayText is a way in words, "" for an unknown code.
func WayText(code string) string {
	for _, w := range Ways {
		if w.Code == code {
			return w.Text
		}
	}
	return ""
}

// longestPlace is the longest address, in bytes.
const longestPlace = 300

func (d Draft) confidential(actor *record.Actor, s *Step) error {
	to := strings.TrimSpace(d.Should)
	s.Reason, s.About, s.Texts = d.Reason, "", map[Part]string{Should: to}
	switch needs := d.Reason != string(policy.OnlyApp) && d.Reason != AsUsual; {
	case actor.Principal().Proxy != nil: // who acts for the patient may be whom it is kept from
		return fault.New(fault.Forbidden, "How a patient is reached in confidence is asked by the patient.")
	case WayText(d.Reason) == "":
		return fault.New(fault.Invalid, "Choose how the clinic may reach you.").At("reason")
	case needs && to == "":
		return fault.New(fault.Invalid, "Write the address or the number.").At(string(Should))
	case len(to) > longestPlace:
		return fault.New(fault.TooLarge, "The address is longer than %d letters.", longestPlace).At(string(Should))
	case d.Reason == string(policy.Call) && !dialled(to):
		return fault.New(fault.Invalid, "This is no telephone number.").At(string(Should))
	case d.Reason == string(policy.Mail) && !strings.Contains(strings.Trim(to, "@"), "@"):
		return fault.New(fault.Invalid, "This is no e-mail address.").At(string(Should))
	case !needs:
		s.Texts = map[Part]string{}
	}
	return nil
}

// dialled reports whether somebody can call a number: it has digits enough, and no letters but those
// that say which extension.
func dialled(number string) bool {
	digits := 0
	for _, r := range number {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	return digits >= 3
}

// Accommodate accepts a request to be reached in another way. It is written into the Patient, and a
// former one ends: from the next read on, banner, statements and lists show no other address and
// number, and who acts for the patient sees none. said is what the patient is told, and may be empty.
func Accommodate(ctx context.Context, actor *record.Actor, patient, id, said string) error {
	return decide(ctx, actor, patient, id, Accepted, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.Kind != Confidential:
			return record.Change{}, fault.New(fault.Invalid, "This is no request to be reached in another way.")
		case !r.Open():
			return record.Change{}, answered()
		}
		s.Texts[Why] = said
		c, err := reaching(ctx, actor, patient, wish(r))
		if err != nil {
			return c, err
		}
		list, err := Of(ctx, actor, patient)
		for _, former := range list {
			if former.Kind != Confidential || former.State != Agreed {
				continue
			}
			over := step(actor, Confidential, Ended, patient)
			over.At, over.Head, over.Texts = s.At, former.ID, map[Part]string{Why: "A newer request is in its place."}
			c.Put = append(c.Put, record.Put{Resource: over.resource(), Create: true})
		}
		return c, err
	})
}

// wish is what a request comes to in the record.
func wish(r Request) policy.Reach {
	if r.Reason == AsUsual {
		return policy.Reach{}
	}
	return policy.Reach{Way: policy.Way(r.Reason), To: r.Texts[Should]}
}

// reaching is the change of the Patient.
func reaching(ctx context.Context, actor *record.Actor, patient string, how policy.Reach) (record.Change, error) {
	n, err := actor.Read(ctx, "Patient", patient)
	if err != nil {
		return record.Change{}, err
	}
	version := versionOf(n)
	how.Put(n)
	return record.Change{Put: []record.Put{{Resource: n, IfMatch: version}}}, nil
}

// endReach ends what was accommodated: when the patient wishes, never by the clinic alone.
func endReach(ctx context.Context, actor *record.Actor, r Request, s *Step, why string, wished bool) (record.Change, error) {
	switch {
	case r.State != Agreed:
		return record.Change{}, fault.New(fault.Conflict, "Only what is in force can end.")
	case !wished:
		return record.Change{}, fault.New(fault.Conflict, "How the patient is reached stays so until the patient wishes otherwise.")
	case strings.TrimSpace(why) == "":
		return record.Change{}, fault.New(fault.Invalid, "Say why it ends: the patient reads it.").At(string(Why))
	}
	s.Texts[Why] = why
	return reaching(ctx, actor, r.Patient, policy.Reach{})
}

// Reached is the request that is in force, of a patient's; ok is false when the patient is reached as
// usual.
func Reached(list []Request) (r Request, ok bool) {
	i := slices.IndexFunc(list, func(r Request) bool {
		return r.Kind == Confidential && r.State == Agreed && r.Reason != AsUsual
	})
	if i < 0 {
		return Request{}, false
	}
	return list[i], true
}
