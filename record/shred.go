package record

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// Holder knows the legal holds: what must not be destroyed, whoever asks.
type Holder interface {
	// Held reports whether a patient's record is held, and why.
	Held(ctx context.Context, patient string) (held bool, reason string, err error)
	// Claim keeps holds out while the record is destroyed, and fails when there is one; free ends
	// it. So either a hold or a destruction is first, and never both are done.
	Claim(ctx context.Context, by trust.Principal, patient string) (free func(context.Context) error, err error)
}

// Hold sets who knows the legal holds. Without one, nothing is held.
func (g *Gate) Hold(h Holder) { g.holder = h }

// spaceShred holds the wishes to shred that wait for a second person.
const spaceShred = "shred"

// shredWithin is how long a wish waits.
const shredWithin = 7 * 24 * time.Hour

// ShredWish is the wish to destroy a patient's keys and data, which a second person has to
// confirm.
type ShredWish struct {
	Patient string    `json:"patient"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"` // principal
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
}

// mayShred refuses those who may not destroy a record, and records that are held.
func (a *Actor) mayShred(ctx context.Context, patient string) error {
	if r := a.principal.Role; r != trust.Administrator && r != trust.Records || a.principal.ID == "" {
		return a.refused(ctx, fault.New(fault.Forbidden, "Administrators and health records can have a patient's data destroyed, two of them together."), "shred", "Patient", patient, patient)
	}
	k, err := a.gate.lean.PersonKey(ctx, patient)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || k.Shredded {
		return fault.New(fault.NotFound, "There is no patient with this id, or the data was destroyed before.")
	}
	if a.gate.holder == nil {
		return nil
	}
	held, reason, err := a.gate.holder.Held(ctx, patient)
	if err != nil {
		return err
	}
	if held {
		return a.refused(ctx, fault.New(fault.Conflict, "The record of this patient is under a legal hold (%s). It cannot be destroyed before the hold is lifted.", reason), "shred", "Patient", patient, patient)
	}
	return nil
}

// AskToShred notes the wish to destroy all data of a patient, with the reason. Another
// administrator or member of health records confirms it within a week with Shred.
func (a *Actor) AskToShred(ctx context.Context, patient, reason string) (ShredWish, error) {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > 500 {
		return ShredWish{}, fault.New(fault.Invalid, "Destroying a patient's data needs a reason of at most 500 bytes, such as the law or the retention rule.")
	}
	if err := a.mayShred(ctx, patient); err != nil {
		return ShredWish{}, err
	}
	w := ShredWish{patient, reason, a.principal.ID, a.principal.Name, a.Now()}
	value, err := json.Marshal(w)
	if err != nil {
		return w, err
	}
	l := a.leaf(ledger.Keep, "Patient", patient)
	l.Query, l.Reason = "ask to destroy the data of the patient", reason
	_, err = a.gate.lean.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{IfVersion: -1,
		Item: store.Item{Space: spaceShred, Key: patient, Patient: patient, Value: value, Expires: w.At.Add(shredWithin)}}}})
	return w, err
}

// ShredWishes returns the wishes that wait.
func (a *Actor) ShredWishes(ctx context.Context) ([]ShredWish, error) {
	if r := a.principal.Role; r != trust.Administrator && r != trust.Records {
		return nil, fault.New(fault.Forbidden, "Administrators and health records see what is to be destroyed.")
	}
	items, err := a.gate.lean.Items(ctx, spaceShred, "")
	var out []ShredWish
	for i := 0; err == nil && i < len(items); i++ {
		var w ShredWish
		err = json.Unmarshal(items[i].Value, &w)
		out = append(out, w)
	}
	return out, err
}

// Shred destroys the keys and the data of a patient, for good, when another person has asked for
// it. The audit log keeps its entries, without their details; it verifies as before. Backups
// cannot be read any more for this patient after the next backup has replaced the keys there.
func (a *Actor) Shred(ctx context.Context, patient string) error {
	if err := a.mayShred(ctx, patient); err != nil {
		return err
	}
	item, err := a.gate.lean.Item(ctx, spaceShred, patient)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Conflict, "Nobody has asked for this within the last week: one person asks, another one confirms.")
	}
	var w ShredWish
	if err == nil {
		err = json.Unmarshal(item.Value, &w)
	}
	if err != nil {
		return err
	}
	if w.By == a.principal.ID {
		return a.refused(ctx, fault.New(fault.Forbidden, "You have asked for this yourself. Another administrator or member of health records has to confirm it."), "shred", "Patient", patient, patient)
	}
	free, err := a.claim(ctx, patient)
	if err != nil {
		return err
	}
	err = a.destroy(ctx, patient, w)
	return errors.Join(err, free(context.WithoutCancel(ctx)))
}

// claim keeps legal holds out from now on.
func (a *Actor) claim(ctx context.Context, patient string) (free func(context.Context) error, err error) {
	if a.gate.holder == nil {
		return func(context.Context) error { return nil }, nil
	}
	if free, err = a.gate.holder.Claim(ctx, a.principal, patient); fault.Is(err, fault.Conflict) {
		err = a.refused(ctx, err, "shred", "Patient", patient, patient)
	}
	return free, err
}

// destroy does it.
func (a *Actor) destroy(ctx context.Context, patient string, w ShredWish) error {
	if err := a.dropAbout(ctx, patient); err != nil {
		return err
	}
	contents, err := a.contentsOf(ctx, patient)
	if err != nil {
		return err
	}
	l := a.leaf(ledger.Shred, "Patient", patient)
	// The entry stands in clear, so that it can be read later.
	l.Query, l.Reason = "keys and data destroyed; asked for by "+w.By, w.Reason
	if _, err := a.gate.lean.Shred(ctx, patient, *l); err != nil {
		return err
	}
	a.gate.announce()
	// Nobody can read them any more; what cannot be removed now is swept later, as nothing names it.
	for _, name := range contents {
		if err := a.gate.blobs.RemoveFile(ctx, name); err != nil && !fault.Is(err, fault.NotFound) {
			return fault.Wrap(err, fault.Unavailable, "The patient's keys and data are destroyed. Files of attachments, which nobody can read any more, could not be removed; that is tried again within a day.")
		}
	}
	return nil
}

// contentsOf returns the files of the contents that have keys of their own and are the patient's.
func (a *Actor) contentsOf(ctx context.Context, patient string) (names []string, err error) {
	if a.gate.blobs == nil {
		return nil, nil
	}
	items, err := a.gate.lean.Items(ctx, blob.Space, patient)
	for _, item := range items {
		if item.Patient == patient {
			names = append(names, item.Key)
		}
	}
	return names, err
}

// dropAbout removes what is about a patient and does not lie in the store, was stored by programs
// that did not say whom it is about, or is about others as well.
func (a *Actor) dropAbout(ctx context.Context, patient string) error {
	drafts, err := a.gate.lean.Items(ctx, spaceDraft, "")
	if err != nil {
		return err
	}
	set := store.Changeset{Leaf: a.leaf(ledger.Keep, "", patient)}
	set.Leaf.Query = "remove drafts about the patient, and reports of background work"
	for _, d := range drafts {
		if d.Patient == "" && strings.Contains(d.Key+"/", "/"+patient+"/") {
			set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: d.Space, Key: d.Key}, Delete: true, IfVersion: -1})
		}
	}
	jobs, err := a.gate.lean.Items(ctx, store.SpaceJob, "")
	if err != nil {
		return err
	}
	for _, j := range jobs { // one that runs writes its report again
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: j.Space, Key: j.Key}, Delete: true, IfVersion: -1})
	}
	if len(set.Items) > 0 {
		if _, err := a.gate.lean.Commit(ctx, set); err != nil {
			return err
		}
	}
	if a.gate.blobs == nil {
		return nil
	}
	return a.dropOldContents(ctx, patient)
}

// dropOldContents removes the contents of programs before November 2026 that only versions of the
// patient name. The same content was kept once for all who have it: so all others are asked, which
// reads the whole record when the patient has such contents at all.
func (a *Actor) dropOldContents(ctx context.Context, patient string) error {
	own := map[blob.Content]bool{}
	versions, err := a.gate.lean.History(ctx, store.HistoryFilter{Patient: patient, Count: 1 << 30})
	for i := 0; err == nil && i < len(versions); i++ {
		for _, m := range markedIn(versions[i].Body) {
			if m.Key == "" {
				own[m.Content] = true
			}
		}
	}
	for at := store.T(0); err == nil && len(own) > 0; {
		var list []store.Commit
		if list, err = a.gate.lean.Commits(ctx, at, 1000); err != nil || len(list) == 0 {
			break
		}
		for _, c := range list {
			at = c.T
			for i := range c.Versions {
				if c.Versions[i].Patient == patient {
					continue
				}
				for _, m := range markedIn(c.Versions[i].Body) {
					delete(own, m.Content)
				}
			}
		}
	}
	if err != nil || len(own) == 0 {
		return err
	}
	set := store.Changeset{Leaf: a.leaf(ledger.Keep, "", patient)}
	set.Leaf.Query = "remove the contents of the patient"
	for c := range own {
		name := a.gate.blobs.Name(c)
		if err := a.gate.blobs.RemoveFile(ctx, name); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: blob.Space, Key: name}, Delete: true, IfVersion: -1})
	}
	_, err = a.gate.lean.Commit(ctx, set)
	return err
}

// about returns the patient whom a draft is about; "" when it does not say.
func (a *Actor) about(ctx context.Context, key string) (string, error) {
	id := a.principal.Patient
	if a.principal.Role != trust.Patient {
		parts := strings.Split(key, "/")
		if len(parts) < 2 {
			return "", nil
		}
		id = parts[1]
	}
	return a.known(ctx, id)
}

// known returns the id of a patient of whom the record has something; "" of anybody else.
func (a *Actor) known(ctx context.Context, id string) (string, error) {
	switch _, err := a.gate.lean.PersonKey(ctx, id); {
	case fault.Is(err, fault.NotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return id, nil
}
