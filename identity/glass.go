package identity

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// The spaces of break-glass. Opening writes all three in one commit, so that no grant can
// be in force without waiting for its review.
const (
	spaceGlass        = "glass"         // what is open. key: grant id, owner: account; goes when its time is over
	spaceGlassGrant   = "glass-grant"   // every grant ever made. key: grant id, owner: patient
	spaceGlassWaiting = "glass-waiting" // what nobody has reviewed. key: grant id
)

// Limits of break-glass.
const (
	GlassFor      = 60 * time.Minute // how long one record stays open
	ProofFor      = 5 * time.Minute  // a proof of identity that is younger is not asked for again
	glassTextLow  = 10               // letters and digits of an explanation
	glassTextHigh = 1000             // bytes
)

// GlassReason is why somebody opens a record by break-glass, as chosen from a list.
type GlassReason string

// The reasons.
const (
	GlassEmergency GlassReason = "emergency"
	GlassUrgent    GlassReason = "urgent-care"
	GlassCover     GlassReason = "cover"
	GlassAsked     GlassReason = "patient-asks"
	GlassDanger    GlassReason = "danger"
	GlassOther     GlassReason = "other"
)

var glassReasons = []struct {
	reason GlassReason
	text   string
}{
	{GlassEmergency, "Emergency: the patient’s life or health is in danger"},
	{GlassUrgent, "Care cannot wait, and nobody of the patient’s team can be reached"},
	{GlassCover, "I stand in for a colleague of the patient’s team"},
	{GlassAsked, "The patient is here and asks me to look"},
	{GlassDanger, "Somebody else is in danger"},
	{GlassOther, "Another reason"},
}

// GlassReasons returns the reasons in the order in which they are offered.
func GlassReasons() []GlassReason {
	out := make([]GlassReason, len(glassReasons))
	for i, r := range glassReasons {
		out[i] = r.reason
	}
	return out
}

// Text is the reason in words; "" for one that does not exist.
func (g GlassReason) Text() string {
	for _, r := range glassReasons {
		if r.reason == g {
			return r.text
		}
	}
	return ""
}

// GlassOutcome is what a review found.
type GlassOutcome string

// The outcomes.
const (
	GlassAppropriate    GlassOutcome = "appropriate"
	GlassNotAppropriate GlassOutcome = "not-appropriate"
)

// GlassGrant is one opening of one record by one person, and what became of it.
type GlassGrant struct {
	ID      string      `json:"id"`
	Patient string      `json:"patient"`
	Account string      `json:"account"`
	Name    string      `json:"name"` // of the person, at that time
	Role    trust.Role  `json:"role"`
	Session string      `json:"session"`
	Reason  GlassReason `json:"reason"`
	Text    string      `json:"text"` // the reason in the person's own words
	Opened  time.Time   `json:"opened"`
	Until   time.Time   `json:"until"`
	// Ended is when it was ended by hand; zero when it ran, or runs, to Until.
	Ended   time.Time    `json:"ended,omitzero"`
	EndedBy string       `json:"endedBy,omitempty"`
	Review  *GlassReview `json:"review,omitempty"`
	// Readers are who of the patient's side has read about it.
	Readers []GlassReader `json:"readers,omitempty"`

	version int64
}

// GlassReview is what the privacy officer found.
type GlassReview struct {
	Outcome GlassOutcome `json:"outcome"`
	Comment string       `json:"comment,omitempty"`
	By      string       `json:"by"`
	ByID    string       `json:"byId"`
	At      time.Time    `json:"at"`
}

// Open reports whether the record is still open at a time.
func (g GlassGrant) Open(now time.Time) bool { return g.Ended.IsZero() && now.Before(g.Until) }

// End is when the record closed, or will.
func (g GlassGrant) End() time.Time {
	if !g.Ended.IsZero() {
		return g.Ended
	}
	return g.Until
}

// ReviewsGlass reports whether a role reviews what was opened.
func ReviewsGlass(r trust.Role) bool {
	return r == trust.Auditor || r == trust.Administrator || r == trust.Records
}

// GlassRequest asks to open a record.
type GlassRequest struct {
	Patient string
	Reason  GlassReason
	Text    string
	// Password is what proves, once more, who asks. It is not needed when the session has
	// a proof younger than ProofFor.
	Password string
	Address  string // where the request comes from, for the lockout
}

// BreakGlass opens the record of one patient to one person for GlassFor. It needs a reason
// from the list, an explanation, and a proof of who asks; it works without a second factor
// at hand, and asks nothing of any other system. A record that the person has open already
// stays open as it is. A refused password is a Refusal, and counts towards the lockout.
func (a *Accounts) BreakGlass(ctx context.Context, by trust.Principal, q GlassRequest) (GlassGrant, error) {
	if policy.MayBreakGlass(by) != nil || by.Session == "" {
		return GlassGrant{}, fault.New(fault.Forbidden, "Emergency access is for clinicians who have signed in themselves.")
	}
	if err := q.check(); err != nil {
		return GlassGrant{}, err
	}
	now := a.clock.Now()
	if g, ok, err := a.openGlass(ctx, by.ID, q.Patient); err != nil || ok {
		return g, err
	}
	if by.Proved.IsZero() || now.Sub(by.Proved) > ProofFor || by.Proved.After(now) {
		c, err := a.load(ctx, by.ID)
		if err != nil {
			return GlassGrant{}, err
		}
		if err := a.confirm(ctx, c, q.Password, Place{Address: q.Address}.within(by.Session)); err != nil {
			return GlassGrant{}, err
		}
	}
	g := GlassGrant{ID: ident.New(now), Patient: q.Patient, Account: by.ID, Name: by.Name, Role: by.Role, Session: by.Session,
		Reason: q.Reason, Text: strings.TrimSpace(q.Text), Opened: now, Until: now.Add(GlassFor)}
	open, err := write(spaceGlass, g.ID, by.ID, g, g.Until, 0)
	if err != nil {
		return GlassGrant{}, err
	}
	kept, err := write(spaceGlassGrant, g.ID, g.Patient, g, time.Time{}, 0)
	if err != nil {
		return GlassGrant{}, err
	}
	waiting := store.ItemWrite{Item: store.Item{Space: spaceGlassWaiting, Key: g.ID, Owner: "waiting", Patient: g.Patient, Value: []byte(`{}`)}}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{open, kept, waiting}, Leaf: a.glassLeaf(by, g, "emergency access opened: "+string(g.Reason), g.Text)})
	return g, err
}

func (q GlassRequest) check() error {
	q.Text = strings.TrimSpace(q.Text)
	letters := 0
	for _, r := range q.Text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters++
		}
	}
	switch {
	case q.Patient == "" || len(q.Patient) > 64:
		return fault.New(fault.Invalid, "Emergency access opens the record of one patient.").At("patient")
	case q.Reason.Text() == "":
		return fault.New(fault.Invalid, "Choose why you need this record.").At("reason")
	case letters < glassTextLow:
		return fault.New(fault.Invalid, "Say in a few words why you need this record now. The privacy officer and the patient read it.").At("text")
	case len(q.Text) > glassTextHigh:
		return fault.New(fault.TooLarge, "Shorten the explanation to %d characters.", glassTextHigh).At("text")
	}
	return nil
}

// glassLeaf is an audit leaf about a grant. Its purpose is break-glass.
func (a *Accounts) glassLeaf(by trust.Principal, g GlassGrant, what, reason string) *ledger.Leaf {
	l := a.leaf(by, ledger.Account, what, g.Patient)
	l.Glass, l.Reason, l.Purpose = g.ID, reason, string(trust.BreakGlass)
	return l
}

// openGlass returns what a person has open of a patient.
func (a *Accounts) openGlass(ctx context.Context, account, patient string) (GlassGrant, bool, error) {
	list, err := a.glassOf(ctx, account)
	i := slices.IndexFunc(list, func(g GlassGrant) bool { return g.Patient == patient })
	if err != nil || i < 0 {
		return GlassGrant{}, false, err
	}
	return list[i], true, nil
}

func (a *Accounts) glassOf(ctx context.Context, account string) ([]GlassGrant, error) {
	if account == "" { // the store would list everybody's
		return nil, nil
	}
	items, err := a.store.Items(ctx, spaceGlass, account)
	if err != nil {
		return nil, err
	}
	now := a.clock.Now()
	list, err := decodeGrants(items)
	return slices.DeleteFunc(list, func(g GlassGrant) bool { return !g.Open(now) || a.rewound(g.Opened) }), err
}

func decodeGrants(items []store.Item) ([]GlassGrant, error) {
	list := make([]GlassGrant, 0, len(items))
	for _, item := range items {
		g := GlassGrant{version: item.Version}
		if err := json.Unmarshal(item.Value, &g); err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, nil
}

// Glass returns what a person has opened by break-glass and what is still open: for
// Principal.Glass of the person's own session. Tokens and programs get none, whoever stands
// behind them: a person in an emergency opens a record to themselves only.
func (a *Accounts) Glass(ctx context.Context, account string) ([]trust.Glass, error) {
	list, err := a.glassOf(ctx, account)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := make([]trust.Glass, len(list))
	for i, g := range list {
		out[i] = trust.Glass{ID: g.ID, Patient: g.Patient, Until: g.Until}
	}
	return out, nil
}

func (a *Accounts) grant(ctx context.Context, id string) (GlassGrant, error) {
	item, err := a.store.Item(ctx, spaceGlassGrant, id)
	if fault.Is(err, fault.NotFound) {
		return GlassGrant{}, fault.New(fault.NotFound, "There is no such emergency access.")
	}
	if err != nil {
		return GlassGrant{}, err
	}
	list, err := decodeGrants([]store.Item{item})
	if err != nil {
		return GlassGrant{}, err
	}
	return list[0], nil
}

// EndGlass closes a record before its time; closing what is closed is no error. The person
// who opened it may, and those who review.
func (a *Accounts) EndGlass(ctx context.Context, by trust.Principal, id string) (GlassGrant, error) {
	var g GlassGrant
	err := again(func() (err error) {
		if g, err = a.grant(ctx, id); err != nil {
			return err
		}
		if by.ID != g.Account && !ReviewsGlass(by.Role) {
			return fault.New(fault.NotFound, "There is no such emergency access.")
		}
		if !g.Open(a.clock.Now()) {
			return nil
		}
		g.Ended, g.EndedBy = a.clock.Now(), by.Name
		kept, err := write(spaceGlassGrant, g.ID, g.Patient, g, time.Time{}, g.version)
		if err != nil {
			return err
		}
		gone := store.ItemWrite{Item: store.Item{Space: spaceGlass, Key: g.ID}, Delete: true, IfVersion: -1}
		_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{kept, gone}, Leaf: a.glassLeaf(by, g, "emergency access ended", "")})
		return err
	})
	return g, err
}

// GlassToReview counts what waits for a review, for the badge that tells the privacy officer.
func (a *Accounts) GlassToReview(ctx context.Context, by trust.Principal) (int, error) {
	if !ReviewsGlass(by.Role) {
		return 0, onlyReviewers()
	}
	items, err := a.store.Items(ctx, spaceGlassWaiting, "waiting")
	return len(items), err
}

func onlyReviewers() error {
	return fault.New(fault.Forbidden, "Emergency access is reviewed by the auditor, the records office or an administrator.")
}

// GlassGrants returns every grant, the newest first.
func (a *Accounts) GlassGrants(ctx context.Context, by trust.Principal) ([]GlassGrant, error) {
	if !ReviewsGlass(by.Role) {
		return nil, onlyReviewers()
	}
	return a.grants(ctx, "")
}

// GlassAbout returns the grants about one patient, the newest first, to those who review, and
// to the patient without the comments of the reviews, which may be about the staff.
func (a *Accounts) GlassAbout(ctx context.Context, by trust.Principal, patient string) ([]GlassGrant, error) {
	if patient == "" || !ReviewsGlass(by.Role) && (by.Role != trust.Patient || by.Patient != patient) {
		return nil, onlyReviewers()
	}
	list, err := a.grants(ctx, patient)
	for i := range list {
		if by.Role == trust.Patient && list[i].Review != nil {
			list[i].Review.Comment = ""
		}
	}
	return list, err
}

func (a *Accounts) grants(ctx context.Context, patient string) ([]GlassGrant, error) {
	items, err := a.store.Items(ctx, spaceGlassGrant, patient)
	if err != nil {
		return nil, err
	}
	list, err := decodeGrants(items)
	slices.SortFunc(list, func(x, y GlassGrant) int { return y.Opened.Compare(x.Opened) })
	return list, err
}

// ReviewGlass notes what a review found. Nobody reviews what they opened themselves, and a
// review stays as it is. "Not appropriate" needs a comment, and ends what is still open.
func (a *Accounts) ReviewGlass(ctx context.Context, by trust.Principal, id string, outcome GlassOutcome, comment string) (GlassGrant, error) {
	comment = strings.TrimSpace(comment)
	switch {
	case !ReviewsGlass(by.Role):
		return GlassGrant{}, onlyReviewers()
	case outcome != GlassAppropriate && outcome != GlassNotAppropriate:
		return GlassGrant{}, fault.New(fault.Invalid, "Choose whether the access was appropriate.").At("outcome")
	case outcome == GlassNotAppropriate && comment == "":
		return GlassGrant{}, fault.New(fault.Invalid, "Say what was not appropriate, and what happens now.").At("comment")
	case len(comment) > glassTextHigh:
		return GlassGrant{}, fault.New(fault.TooLarge, "Shorten the comment to %d characters.", glassTextHigh).At("comment")
	}
	g, err := a.grant(ctx, id)
	switch {
	case err != nil:
		return GlassGrant{}, err
	case g.Account == by.ID:
		return GlassGrant{}, fault.New(fault.Forbidden, "You opened this record yourself; somebody else reviews it.")
	case g.Review != nil:
		return GlassGrant{}, fault.New(fault.Conflict, "%s has reviewed this already.", g.Review.By)
	}
	g.Review = &GlassReview{Outcome: outcome, Comment: comment, By: by.Name, ByID: by.ID, At: a.clock.Now()}
	did := "emergency access reviewed: " + string(outcome)
	items := []store.ItemWrite{{Item: store.Item{Space: spaceGlassWaiting, Key: g.ID}, Delete: true, IfVersion: -1}}
	if outcome == GlassNotAppropriate && g.Open(a.clock.Now()) { // what was not right does not go on
		g.Ended, g.EndedBy = a.clock.Now(), by.Name
		did += ", and ended"
		items = append(items, store.ItemWrite{Item: store.Item{Space: spaceGlass, Key: g.ID}, Delete: true, IfVersion: -1})
	}
	kept, err := write(spaceGlassGrant, g.ID, g.Patient, g, time.Time{}, g.version)
	if err != nil {
		return GlassGrant{}, err
	}
	leaf := a.glassLeaf(by, g, did, "") // the patient reads the log, and not the comment
	leaf.Purpose = string(by.Purpose)   // a review is no break-glass
	_, err = a.store.Commit(ctx, store.Changeset{Items: append(items, kept), Leaf: leaf})
	return g, err
}
