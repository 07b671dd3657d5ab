package archive

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Copy copies a record from one store to another, which was made with its origin and keys. It
// goes on where a former run has stopped, then reads both through and compares them.
type Copy struct {
	From, To store.Moving
	// FromContents and ToContents hold the contents of attachments; nil leaves them where they are.
	FromContents, ToContents bucket.Bucket
	Extract                  store.Extract
	// Progress, when set, is called now and then; for the comparison Comparing is, too.
	Progress  func(Progress)
	Comparing func(Progress)
}

// Run copies and compares. From may be written meanwhile; the copy ends at some T of it.
func (c Copy) Run(ctx context.Context) (Proof, error) {
	if c.From.Origin() != c.To.Origin() {
		return Proof{}, fault.New(fault.Conflict, "The two stores hold different records: %s and %s.", c.From.Origin(), c.To.Origin())
	}
	at, err := c.resume(ctx)
	if err != nil {
		return Proof{}, err
	}
	items, end := int64(0), store.T(0)
	for try := 0; ; try++ { // a patient may be registered between the keys and the items
		known, err := c.keys(ctx)
		if err == nil {
			items = 0
			end, err = c.items(ctx, known, &items)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errRegistered) || try == 5 {
			return Proof{}, err
		}
	}
	if _, err := c.keys(ctx); err != nil { // of all whose commits come now
		return Proof{}, err
	}
	if end < at {
		return Proof{}, fault.New(fault.Conflict, "The store that is copied to has more commits (%d) than the one that is copied from (%d).", at, end)
	}
	for at < end {
		list, err := c.From.Commits(ctx, at, int(min(step, end-at)))
		if err == nil && len(list) == 0 {
			err = fault.New(fault.Internal, "The record lacks the commit %d.", at+1)
		}
		if err == nil {
			err = c.To.Append(ctx, list, c.Extract)
		}
		if err != nil {
			return Proof{}, err
		}
		at = list[len(list)-1].T
		if c.Progress != nil {
			c.Progress(Progress{T: at, Of: end})
		}
	}
	contents, lost, err := c.contents(ctx)
	if err != nil {
		return Proof{}, err
	}
	p, err := c.compare(ctx, end)
	p.Items, p.Contents, p.Lost = items, contents, lost
	return p, err
}

// contents copies the contents that items name and that are not there, and returns how many there are
// then, and those that the record has lost: they keep nothing else from being copied.
func (c Copy) contents(ctx context.Context) (n int64, lost []string, err error) {
	if c.FromContents == nil || c.ToContents == nil {
		return 0, nil, nil
	}
	there := map[string]bool{}
	for e, err := range c.ToContents.List(ctx, "") {
		if err != nil {
			return 0, nil, err
		}
		there[e.Name] = true
	}
	_, err = c.To.AllItems(ctx, func(it store.Item) error {
		if _, ok := content(it); !ok {
			return nil
		}
		if !there[it.Key] {
			err := copyObject(ctx, c.FromContents, it.Key, c.ToContents, it.Key)
			if fault.Is(err, fault.NotFound) {
				lost = append(lost, it.Key)
				return nil
			}
			if err != nil {
				return err
			}
		}
		n++
		return nil
	})
	return n, lost, err
}

// resume returns how far the target has come, if what it has is the beginning of the source.
func (c Copy) resume(ctx context.Context) (store.T, error) {
	note, err := c.To.Head(ctx, 0)
	if err != nil {
		return 0, err
	}
	at, err := size(note)
	if err != nil || at == 0 {
		return 0, err
	}
	from, err := c.From.Head(ctx, at)
	if fault.Is(err, fault.NotFound) {
		return 0, fault.New(fault.Conflict, "The store that is copied to has more commits (%d) than the one that is copied from.", at)
	}
	if err == nil && !bytes.Equal(note, from) {
		err = fault.New(fault.Conflict, "What the store that is copied to has up to commit %d is not what the other has. Copy into an empty one.", at)
	}
	return at, err
}

// errRegistered says that an item is about a patient whose keys are not known yet.
var errRegistered = errors.New("archive: a patient was registered meanwhile")

// keys copies the keys of the patients.
func (c Copy) keys(ctx context.Context) (people, error) {
	known, list, err := readPeople(ctx, c.From)
	if err == nil {
		err = c.To.AdoptKeys(ctx, list)
	}
	return known, err
}

// items copies the items and returns the T whose state they are.
func (c Copy) items(ctx context.Context, known people, n *int64) (end store.T, err error) {
	err = c.To.ReplaceItems(ctx, func(yield func(store.Item, error) bool) {
		stopped := false
		end, err = c.From.AllItems(ctx, func(it store.Item) error {
			*n++
			if it.Patient != "" && known[it.Patient] == nil {
				return errRegistered
			}
			if stopped = !yield(it, nil); stopped {
				return errEnough
			}
			return nil
		})
		if err != nil && !stopped {
			yield(store.Item{}, err)
		}
	})
	return end, err
}

// compare reads both stores through: commits with their versions, times and leaves, the heads
// at the end, and the items.
func (c Copy) compare(ctx context.Context, end store.T) (Proof, error) {
	p := Proof{Origin: c.To.Origin()}
	for p.T < end {
		list, err := c.From.Commits(ctx, p.T, int(min(step, end-p.T)))
		if err != nil {
			return p, err
		}
		for len(list) > 0 { // the other store bounds its answers in its own way
			other, err := c.To.Commits(ctx, p.T, len(list))
			if err != nil {
				return p, err
			}
			if len(other) == 0 {
				return p, differ(p.T + 1)
			}
			for i := range other {
				if !equal(&list[i], &other[i]) {
					return p, differ(list[i].T)
				}
				p.T, p.Last, p.Versions = list[i].T, list[i].At, p.Versions+int64(len(list[i].Versions))
			}
			list = list[len(other):]
		}
		if c.Comparing != nil {
			c.Comparing(Progress{T: p.T, Of: end, Versions: p.Versions})
		}
	}
	from, err := c.From.Head(ctx, end)
	if err != nil {
		return p, err
	}
	to, err := c.To.Head(ctx, 0)
	if err != nil {
		return p, err
	}
	p.Head = string(to)
	if !bytes.Equal(from, to) {
		return p, fault.New(fault.Internal, "The stores do not sign the same head of the audit log at commit %d: their keys or their leaves differ.", end)
	}
	for try := 1; ; try++ { // an item that expires between two looks is no difference
		err := c.compareItems(ctx, end)
		if err == nil || try == 3 {
			return p, err
		}
	}
}

func differ(t store.T) error {
	return fault.New(fault.Internal, "The copy differs from the original in commit %d. Copy into an empty store.", t)
}

// equal compares all of two commits. The idempotency keys are left out: they end with time.
func equal(a, b *store.Commit) bool {
	if a.T != b.T || !a.At.Equal(b.At) || !bytes.Equal(a.Leaf, b.Leaf) || len(a.Versions) != len(b.Versions) {
		return false
	}
	for i := range a.Versions {
		v, w := a.Versions[i], b.Versions[i]
		same := v.Type == w.Type && v.ID == w.ID && v.Version == w.Version && v.Updated.Equal(w.Updated) && v.T == w.T &&
			v.Patient == w.Patient && v.Deleted == w.Deleted && v.Shredded == w.Shredded && bytes.Equal(v.Body, w.Body)
		if !same {
			return false
		}
	}
	return true
}

// compareItems compares the items, unless the source has gone on: then they are those of a state
// that is gone.
func (c Copy) compareItems(ctx context.Context, end store.T) error {
	next, stop := iter.Pull2(itemsOf(ctx, c.To))
	defer stop()
	var problem error
	at, err := c.From.AllItems(ctx, func(a store.Item) error {
		if problem != nil {
			return nil
		}
		b, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || a.Space != b.Space || a.Key != b.Key || a.Owner != b.Owner || a.Patient != b.Patient || a.Version != b.Version || !a.Expires.Equal(b.Expires) || !bytes.Equal(a.Value, b.Value) {
			problem = fault.New(fault.Internal, "The items of the copy differ from those of the original.")
		}
		return nil
	})
	if err != nil || at != end {
		return err
	}
	if _, _, ok := next(); ok && problem == nil {
		problem = fault.New(fault.Internal, "The copy has items that the original does not have.")
	}
	return problem
}

func itemsOf(ctx context.Context, s store.Moving) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		_, err := s.AllItems(ctx, func(it store.Item) error {
			if !yield(it, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(store.Item{}, err)
		}
	}
}

// size reads the number of commits from a signed head.
func size(note []byte) (store.T, error) {
	text, _, _ := bytes.Cut(note, []byte("\n\n"))
	c, err := ledger.ParseCheckpoint(string(text) + "\n")
	return store.T(c.Size), err
}
