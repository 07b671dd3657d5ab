package rights

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
)

// The permitted reasons to deny an amendment (45 CFR 164.526(a)(2)).
const (
	NotOurs       = "not-created-here"
	NotInRecord   = "not-in-record"
	NotAccessible = "not-accessible"
	Accurate      = "accurate-complete"
)

// DenialReasons are the permitted reasons in their order, each in the words that a patient reads.
var DenialReasons = []struct{ Code, Text string }{
	{Accurate, "The entry is accurate and complete."},
	{NotOurs, "The entry was not made by this clinic, and who made it can still be asked."},
	{NotInRecord, "What you mean is not part of the record that decisions about you are made with."},
	{NotAccessible, "What you mean is not open to your access by law."},
}

// DenialText is the reason for a denial in words, "" for an unknown code.
func DenialText(code string) string {
	for _, r := range DenialReasons {
		if r.Code == code {
			return r.Text
		}
	}
	return ""
}

// Accept accepts a request: the record was amended, by who made the entry or by this step, which
// from now on is shown with it. done says what was changed. The step names the version of the entry
// that is current now.
func Accept(ctx context.Context, actor *record.Actor, patient, id, done string) error {
	return decide(ctx, actor, patient, id, Accepted, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.Kind != Amendment:
			return record.Change{}, fault.New(fault.Invalid, "This is no request for a correction.")
		case !r.Open():
			return record.Change{}, answered()
		case strings.TrimSpace(done) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say what the record says now: the patient reads it, and it stands with the entry.").At(string(Why))
		}
		s.Texts[Why] = done
		if r.About == "" {
			return record.Change{}, nil
		}
		resourceType, entry, _ := strings.Cut(r.About, "/")
		n, err := actor.Read(ctx, resourceType, entry)
		if fault.Is(err, fault.Gone) { // the entry was taken out: that may be the correction
			return record.Change{}, nil
		}
		s.Version = n.Path("meta.versionId").Text()
		return record.Change{}, err
	})
}

// Denial is why a request is denied.
type Denial struct {
	Reason string // one of DenialReasons
	Why    string // in the clinic's own words
}

// Deny denies a request for an amendment, for one of the permitted reasons. The patient is told the
// rights that are left (see docs/security/rights.md) by the page that shows the denial.
func Deny(ctx context.Context, actor *record.Actor, patient, id string, d Denial) error {
	return decide(ctx, actor, patient, id, Denied, func(r Request, s *Step) (record.Change, error) {
		switch {
		case !r.Open():
			return record.Change{}, answered()
		case r.Kind == Amendment && DenialText(d.Reason) == "":
			return record.Change{}, fault.New(fault.Invalid, "Choose one of the reasons: the law permits no other.").At("reason")
		case r.Kind == Restriction && r.Must():
			return record.Change{}, fault.New(fault.Conflict, "This cannot be denied: what was paid in full out of pocket is not told to the health plan when the patient asks so.")
		case strings.TrimSpace(d.Why) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say in plain words why: the patient reads it.").At(string(Why))
		}
		if r.Kind == Amendment {
			s.Reason = d.Reason
		}
		s.Texts[Why] = d.Why
		return record.Change{}, nil
	})
}

// Disagree adds the patient's statement of disagreement to a denied amendment. It goes with the
// entry from now on.
func Disagree(ctx context.Context, actor *record.Actor, id, statement, key string) error {
	return next(ctx, actor, actor.Principal().Patient, id, Disagreed, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.Kind != Amendment || r.State != Refused && r.State != Disputed:
			return record.Change{}, fault.New(fault.Conflict, "A statement can be added when the clinic has denied a correction.")
		case strings.TrimSpace(statement) == "":
			return record.Change{}, fault.New(fault.Invalid, "Write your statement.").At(string(Why))
		}
		s.Texts[Why] = statement
		owner, err := physicianOf(ctx, actor, s.Patient)
		if err != nil {
			return record.Change{}, err
		}
		return record.Change{Key: key, Put: []record.Put{workFor(actor, r, owner, "Statement of disagreement")}}, nil
	})
}

// Rebut adds the clinic's rebuttal to a statement of disagreement; the patient gets it too.
func Rebut(ctx context.Context, actor *record.Actor, patient, id, text string) error {
	return decide(ctx, actor, patient, id, Rebutted, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.State != Disputed:
			return record.Change{}, fault.New(fault.Conflict, "A rebuttal answers a statement of disagreement, and there is none.")
		case strings.TrimSpace(text) == "":
			return record.Change{}, fault.New(fault.Invalid, "Write the rebuttal.").At(string(Why))
		}
		s.Texts[Why] = text
		return record.Change{}, nil
	})
}

// Inform notes that somebody was told about an accepted amendment: whom, and how. It is also an
// entry in the accounting of disclosures.
func Inform(ctx context.Context, actor *record.Actor, patient, id, whom, how string) error {
	return decide(ctx, actor, patient, id, Informed, func(r Request, s *Step) (record.Change, error) {
		switch {
		case r.State != Agreed || r.Kind != Amendment:
			return record.Change{}, fault.New(fault.Conflict, "Others are told about corrections that were accepted.")
		case strings.TrimSpace(whom) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say who was told.").At(string(Whom))
		case strings.TrimSpace(how) == "":
			return record.Change{}, fault.New(fault.Invalid, "Say how: by letter, by telephone, by fax.").At(string(How))
		}
		s.Texts[Whom], s.Texts[How] = whom, how
		return record.Change{}, nil
	})
}
