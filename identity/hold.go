package identity

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// spaceHold holds the legal holds. key: patient id.
const spaceHold = "hold"

// Hold is a legal hold: while it is in force nothing of a patient's record is disposed of, and
// the keys are not destroyed, whoever asks and whatever the retention rules say.
type Hold struct {
	Patient string    `json:"patient"`
	Reason  string    `json:"reason"` // of the case, without clinical content
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	// Ending says that it is no hold: the record is being destroyed, and cannot be held any more.
	Ending bool `json:"ending,omitempty"`
}

// endingFor is how long a destruction keeps holds out when its process has died in the middle.
const endingFor = 10 * time.Minute

// mayHold reports whether a principal places and lifts legal holds, in person.
func mayHold(by trust.Principal) bool {
	return (by.Role == trust.Administrator || by.Role == trust.Records) && by.Client == "" && len(by.Scopes) == 0
}

func onlyRecords() error {
	return fault.New(fault.Forbidden, "Legal holds are placed and lifted by health records or an administrator.")
}

// PlaceHold puts a patient's record under a legal hold.
func (a *Accounts) PlaceHold(ctx context.Context, by trust.Principal, patient, reason string) (Hold, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case !mayHold(by):
		return Hold{}, onlyRecords()
	case reason == "" || len(reason) > 500:
		return Hold{}, fault.New(fault.Invalid, "A legal hold names its case, in at most 500 bytes.").At("reason")
	}
	if v, err := a.store.Read(ctx, "Patient", patient, 0); fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || err == nil && v.Deleted {
		return Hold{}, fault.New(fault.NotFound, "There is no patient with this id.").At("patient")
	} else if err != nil {
		return Hold{}, err
	}
	h := Hold{Patient: patient, Reason: reason, By: by.Name, At: a.clock.Now()}
	w, err := write(spaceHold, patient, "hold", h, time.Time{}, 0)
	if err != nil {
		return Hold{}, err
	}
	leaf := a.leaf(by, ledger.Account, "legal hold placed", patient)
	leaf.Reason = reason
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: leaf})
	if fault.Is(err, fault.Conflict) {
		return Hold{}, fault.New(fault.Conflict, "This record is under a legal hold already, or is being destroyed at this moment.").At("patient")
	}
	if fault.Is(err, fault.Gone) {
		return Hold{}, fault.New(fault.NotFound, "The data of this patient were destroyed.").At("patient")
	}
	if err != nil {
		return Hold{}, err
	}
	// A destruction that began before has ended in between: there is nothing to hold.
	if v, err := a.store.Read(ctx, "Patient", patient, 0); fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) || err == nil && v.Deleted {
		err := a.dropHold(ctx, patient, a.leaf(by, ledger.Account, "legal hold came too late", patient))
		return Hold{}, errors.Join(fault.New(fault.NotFound, "The data of this patient were destroyed."), err)
	} else if err != nil {
		return Hold{}, err
	}
	return h, nil
}

// dropHold removes what is kept of a hold.
func (a *Accounts) dropHold(ctx context.Context, patient string, leaf *ledger.Leaf) error {
	_, err := a.store.Commit(ctx, store.Changeset{Leaf: leaf,
		Items: []store.ItemWrite{{Item: store.Item{Space: spaceHold, Key: patient}, Delete: true, IfVersion: -1}}})
	return err
}

// Claim keeps legal holds out while a record is destroyed (record.Holder): a hold that was placed
// before makes it fail, and one that comes later fails itself. free ends the claim, when the
// destruction has ended one way or the other.
func (a *Accounts) Claim(ctx context.Context, by trust.Principal, patient string) (free func(context.Context) error, err error) {
	h := Hold{Patient: patient, By: by.Name, At: a.clock.Now(), Ending: true}
	w, err := write(spaceHold, patient, "ending", h, h.At.Add(endingFor), 0)
	if err != nil {
		return nil, err
	}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: a.leaf(by, ledger.Keep, "destruction begins", patient)})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "The record of this patient is under a legal hold, or is being destroyed at this moment.")
	}
	return func(ctx context.Context) error {
		return a.dropHold(ctx, patient, a.leaf(by, ledger.Keep, "destruction ends", patient))
	}, err
}

// LiftHold ends a legal hold, with the reason; lifting what is not there is fault.NotFound.
func (a *Accounts) LiftHold(ctx context.Context, by trust.Principal, patient, reason string) error {
	reason = strings.TrimSpace(reason)
	switch {
	case !mayHold(by):
		return onlyRecords()
	case reason == "" || len(reason) > 500:
		return fault.New(fault.Invalid, "Say why the hold ends, in at most 500 bytes.").At("reason")
	}
	item, err := a.store.Item(ctx, spaceHold, patient)
	if fault.Is(err, fault.NotFound) || err == nil && item.Owner != "hold" {
		return fault.New(fault.NotFound, "This record is under no legal hold.")
	}
	if err != nil {
		return err
	}
	leaf := a.leaf(by, ledger.Account, "legal hold lifted", patient)
	leaf.Reason = reason
	_, err = a.store.Commit(ctx, store.Changeset{Leaf: leaf,
		Items: []store.ItemWrite{{Item: store.Item{Space: spaceHold, Key: patient}, Delete: true, IfVersion: item.Version}}})
	return err
}

// Holds returns the legal holds in force, the oldest first.
func (a *Accounts) Holds(ctx context.Context, by trust.Principal) ([]Hold, error) {
	if !mayHold(by) && by.Role != trust.Auditor {
		return nil, onlyRecords()
	}
	items, err := a.store.Items(ctx, spaceHold, "hold")
	if err != nil {
		return nil, err
	}
	out := make([]Hold, len(items))
	for i, item := range items {
		if err := json.Unmarshal(item.Value, &out[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(x, y Hold) int { return x.At.Compare(y.At) })
	return out, nil
}

// Held reports whether a patient's record is under a legal hold, and which: it is what the
// destruction of keys and data asks first (record.Holder). A hold that cannot be read holds.
func (a *Accounts) Held(ctx context.Context, patient string) (bool, string, error) {
	item, err := a.store.Item(ctx, spaceHold, patient)
	if fault.Is(err, fault.NotFound) {
		return false, "", nil
	}
	if err != nil {
		return false, "", err
	}
	var h Hold
	if json.Unmarshal(item.Value, &h) != nil {
		return true, "a hold that cannot be read", nil
	}
	if h.Ending {
		return true, "it is being destroyed at this moment", nil
	}
	return true, h.Reason, nil
}
