package record

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Limits of drafts.
const (
	MaxDraftKey   = 200     // bytes of a key
	MaxDraftValue = 1 << 20 // bytes of a value
)

// Draft is unsigned work of one person, saved as it is typed.
type Draft struct {
	Key     string // "note/<patient>/<encounter>"
	Value   []byte // JSON of the form's own making
	Version int64
	Saved   time.Time
}

// draftItem is how a draft is stored.
type draftItem struct {
	Saved time.Time       `json:"saved"`
	By    string          `json:"by,omitempty"` // name of the person
	Value json.RawMessage `json:"value"`
}

func (a *Actor) draftKey(key string) string { return a.principal.ID + "/" + key }

func (a *Actor) draft(item store.Item) (Draft, error) {
	var d draftItem
	err := json.Unmarshal(item.Value, &d)
	return Draft{Key: strings.TrimPrefix(item.Key, a.draftKey("")), Value: d.Value, Version: item.Version, Saved: d.Saved}, err
}

// SaveDraft stores a draft of the principal. ifVersion is the version that the writer has
// (0 for a new draft); when someone else's tab has saved since, it returns the stored
// draft and fault.Conflict, so that a person can merge. When the other tab has dropped the
// draft, the returned one is zero: save with 0 to keep it.
func (a *Actor) SaveDraft(ctx context.Context, key string, value []byte, ifVersion int64) (Draft, error) {
	switch {
	case a.at != 0 || a.principal.Role == "":
		return Draft{}, fault.New(fault.Forbidden, "Drafts are saved by people who are signed in, in the present.")
	case key == "" || len(key) > MaxDraftKey:
		return Draft{}, fault.New(fault.Invalid, "The name of a draft has 1 to %d bytes.", MaxDraftKey)
	case len(value) > MaxDraftValue:
		return Draft{}, fault.New(fault.TooLarge, "A draft has at most %d bytes. What you typed is still on your screen: shorten it, or save it in parts.", MaxDraftValue)
	case !json.Valid(value):
		return Draft{}, fault.New(fault.Malformed, "The draft is not JSON.")
	}
	now := a.Now()
	stored, err := json.Marshal(draftItem{now, a.principal.Name, value})
	if err != nil {
		return Draft{}, err
	}
	patient, err := a.about(ctx, key)
	if err != nil {
		return Draft{}, err
	}
	l := a.leaf(ledger.Keep, "")
	l.Query = "draft " + key
	_, err = a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{IfVersion: ifVersion,
		Item: store.Item{Space: spaceDraft, Key: a.draftKey(key), Owner: a.principal.ID, Patient: patient, Value: stored}}}})
	if fault.Is(err, fault.Conflict) {
		other, missing := a.Draft(ctx, key)
		if missing != nil && !fault.Is(missing, fault.NotFound) {
			return Draft{}, missing
		}
		return other, fault.Wrap(err, fault.Conflict, "This draft was saved in another window since. Compare both before you go on.")
	}
	if err != nil {
		return Draft{}, err
	}
	return Draft{Key: key, Value: value, Version: ifVersion + 1, Saved: now}, nil
}

// Draft returns a draft of the principal; fault.NotFound when there is none.
func (a *Actor) Draft(ctx context.Context, key string) (Draft, error) {
	item, err := a.gate.store.Item(ctx, spaceDraft, a.draftKey(key))
	if fault.Is(err, fault.NotFound) || err == nil && item.Owner != a.principal.ID {
		return Draft{}, fault.New(fault.NotFound, "There is no draft.")
	}
	if err != nil {
		return Draft{}, err
	}
	return a.draft(item)
}

// Drafts returns the principal's drafts whose keys start with prefix.
func (a *Actor) Drafts(ctx context.Context, prefix string) ([]Draft, error) {
	if a.principal.ID == "" { // the store would list everybody's
		return nil, nil
	}
	items, err := a.gate.store.Items(ctx, spaceDraft, a.principal.ID)
	if err != nil {
		return nil, err
	}
	var drafts []Draft
	for _, item := range items {
		if !strings.HasPrefix(item.Key, a.draftKey(prefix)) {
			continue
		}
		d, err := a.draft(item)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// DropDraft removes a draft; removing what is not there is no error.
func (a *Actor) DropDraft(ctx context.Context, key string) error {
	if _, err := a.Draft(ctx, key); fault.Is(err, fault.NotFound) {
		return nil
	}
	l := a.leaf(ledger.Keep, "")
	l.Query = "drop draft " + key
	_, err := a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{
		{Item: store.Item{Space: spaceDraft, Key: a.draftKey(key)}, Delete: true, IfVersion: -1}}})
	return err
}
