package archive

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust/ledger"
)

// Restore brings a backup into an empty store. What it was when it was backed up is proven on
// the way (see the package comment); the caller opens it for others only when Run has
// returned without an error.
type Restore struct {
	From bucket.Bucket
	Keys Keys
	// Set names a set; "" is the newest.
	Set string
	// At ends the restore with a commit; 0 is the end of the backup. Time, unless it is zero,
	// ends it with the last commit that is not after it.
	At   store.T
	Time time.Time
	// Open makes the empty store: with the keys of the record, and its name.
	Open func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error)
	// Contents is where the contents of attachments go; nil leaves them where they are, and only
	// sees to it that they are there.
	Contents bucket.Bucket
	// Read reads every content and compares it with its hash.
	Read    bool
	Extract store.Extract
	// Progress, when set, is called now and then.
	Progress func(Progress)
}

// Proof is what a restore, or a copy, has brought and proven.
type Proof struct {
	Origin string `json:"origin"`
	// VerificationKey is the public key of the audit log: by it the owner knows the record.
	VerificationKey string    `json:"verificationKey,omitempty"`
	Set             string    `json:"set,omitempty"`
	Made            time.Time `json:"made,omitzero"` // when the last segment was
	T               store.T   `json:"t"`
	Last            time.Time `json:"last"` // the time of commit T
	// Head is the signed head of the audit log at T.
	Head     string `json:"head"`
	Segments int    `json:"segments,omitempty"`
	Versions int64  `json:"versions"`
	Items    int64  `json:"items"`
	Contents int64  `json:"contents,omitempty"`
	// Lost are contents that the record did not have any more when it was backed up, or copied.
	Lost  []string `json:"lost,omitempty"`
	Bytes int64    `json:"bytes,omitempty"` // of the segments
	// Beyond is how many commits the set has behind T.
	Beyond store.T `json:"beyond,omitempty"`
}

// Run restores.
func (r Restore) Run(ctx context.Context) (Proof, error) {
	list, end, err := r.plan(ctx)
	if err != nil {
		return Proof{}, err
	}
	w := &restoring{Restore: r, list: list}
	last := list[len(list)-1]
	w.proof = Proof{Origin: last.Origin, Set: last.Set, Made: last.Made, Segments: len(list)}
	for i := range list {
		if err := w.segment(ctx, i); err != nil {
			return w.proof, err
		}
	}
	if w.proof.T == 0 {
		return w.proof, fault.New(fault.NotFound, "The record had no commit by then; the first that the set has is of %s.", w.list[0].First.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if err := w.items(ctx); err != nil {
		return w.proof, err
	}
	if err := w.contents(ctx); err != nil {
		return w.proof, err
	}
	if err := w.prove(ctx); err != nil {
		return w.proof, err
	}
	w.proof.Beyond = end - w.proof.T
	return w.proof, nil
}

// plan chooses the segments; end is the last commit of the whole set.
func (r Restore) plan(ctx context.Context) (list []Manifest, end store.T, err error) {
	sets, err := readSets(ctx, r.From)
	if err != nil {
		return nil, 0, err
	}
	if r.Set != "" {
		var names []string
		for _, s := range sets {
			names = append(names, s.name)
		}
		sets = slices.DeleteFunc(sets, func(s *set) bool { return s.name != r.Set })
		if len(sets) == 0 && len(names) > 0 {
			return nil, 0, fault.New(fault.NotFound, "There is no set %s in this place. There is: %s.", r.Set, strings.Join(names, ", "))
		}
	}
	if len(sets) == 0 {
		return nil, 0, fault.New(fault.NotFound, "There is no backup in this place.")
	}
	s := sets[len(sets)-1]
	if s.damage != nil {
		return nil, 0, s.damage
	}
	last, ok := s.newest()
	if object := s.unfinished(); object != "" && (!ok || r.At == 0 && r.Time.IsZero() || r.At > last.To || r.Time.After(last.Made)) {
		if !ok {
			return nil, 0, fault.New(fault.Invalid, "%s has no manifest: the first backup of its set was not finished, or the manifest is lost. Choose an older set with --set.", object)
		}
		return nil, 0, fault.New(fault.Invalid, "%s has no manifest: that backup was not finished, or the manifest is lost. What was finished goes up to commit %d: restore it with --at %d.", object, last.To, last.To)
	}
	switch {
	case !ok:
		return nil, 0, fault.New(fault.NotFound, "The set %s has no finished backup.", s.name)
	case r.At < 0 || r.At > last.To:
		return nil, 0, fault.New(fault.NotFound, "The backup ends with commit %d; there is no commit %d in it.", last.To, r.At)
	case r.Time.After(last.Made):
		return nil, 0, fault.New(fault.NotFound, "The last backup was made at %s; it does not know what came later. Leave the time out to restore all of it.", last.Made.Format(time.RFC3339))
	}
	chain, err := s.chain(last)
	if err != nil {
		return nil, 0, err
	}
	for i, m := range chain { // the segment in which the moment lies is the last that is needed
		if r.At > 0 && m.To >= r.At || !r.Time.IsZero() && m.Last.After(r.Time) {
			return chain[:i+1], last.To, nil
		}
	}
	return chain, last.To, nil
}

// beyond reports whether a commit comes after the moment that is asked for.
func (r Restore) beyond(c *store.Commit) bool {
	return r.At > 0 && c.T > r.At || !r.Time.IsZero() && c.At.After(r.Time)
}

// restoring is a restore under way.
type restoring struct {
	Restore
	list   []Manifest
	to     store.Moving
	keys   seal.Keyring
	signer ledger.Key
	tree   ledger.Tree // of all leaves that were read
	root   ledger.Hash // at the moment that is asked for
	people people
	proof  Proof
}

// A batch of commits goes to the store together.
const (
	batchVersions = 2000
	batchBytes    = 8 << 20
)

// segment reads one segment and, at the same time, appends what was read before.
func (w *restoring) segment(ctx context.Context, i int) error {
	m := w.list[i]
	g, inner := errgroup.WithContext(ctx)
	batches := make(chan []store.Commit)
	g.Go(func() error {
		defer close(batches)
		return w.read(inner, m, batches)
	})
	g.Go(func() error {
		for batch := range batches {
			if err := w.to.Append(inner, batch, w.Extract); err != nil {
				return within(err, m)
			}
			w.tell(batch)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	w.proof.Bytes += m.Size
	return w.signed(m)
}

// within says in which segment something does not fit.
func within(err error, m Manifest) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == fault.Invalid {
		return fault.Wrap(err, fault.Invalid, "%s does not hold what was backed up.", m.Segment)
	}
	return err
}

func (w *restoring) tell(batch []store.Commit) {
	for _, c := range batch {
		w.proof.Versions += int64(len(c.Versions))
	}
	c := batch[len(batch)-1]
	w.proof.T, w.proof.Last = c.T, c.At
	if w.Progress != nil {
		w.Progress(Progress{T: c.T, Of: w.list[len(w.list)-1].To, Versions: w.proof.Versions})
	}
}

// read reads a segment and hands on its commits in batches; those beyond the moment are only
// hashed.
func (w *restoring) read(ctx context.Context, m Manifest, batches chan<- []store.Commit) error {
	var batch []store.Commit
	versions, size := 0, 0
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		batch, versions, size = nil, 0, 0
		return nil
	}
	err := readSegment(ctx, w.From, w.Restore.Keys, m, visitor{
		head:   func(h head) error { return w.begin(ctx, h, m) },
		people: func() people { return w.people },
		commit: func(c store.Commit) error {
			if w.beyond(&c) {
				if w.proof.Beyond++; w.proof.Beyond == 1 {
					w.root = w.tree.Root()
				}
				w.tree.Append(c.Leaf)
				return nil
			}
			w.tree.Append(c.Leaf)
			batch = append(batch, c)
			versions, size = versions+len(c.Versions), size+len(c.Leaf)
			for i := range c.Versions {
				size += len(c.Versions[i].Body)
			}
			if versions+len(batch) >= batchVersions || size >= batchBytes {
				return send()
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	return send()
}

// begin takes the head of a segment: the first one opens the store.
func (w *restoring) begin(ctx context.Context, h head, m Manifest) error {
	keys, err := seal.NewKeyring(h.Key)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "%s is damaged: it holds no key.", m.Segment)
	}
	if w.to != nil {
		if keys != w.keys {
			return fault.New(fault.Invalid, "%s is of another record than the segment before.", m.Segment)
		}
		return nil
	}
	w.keys = keys
	if w.signer, err = store.Signer(keys, h.Origin); err != nil {
		return fault.Wrap(err, fault.Invalid, "%s is damaged: its record has no name.", m.Segment)
	}
	w.proof.VerificationKey = w.signer.Public()
	if w.to, err = w.Open(ctx, h.Origin, keys); err != nil {
		return untaken(err)
	}
	if m.Version < 2 { // nothing in it is sealed with keys of patients
		return nil
	}
	list, err := readKeys(ctx, w.From, w.Restore.Keys, h.Origin)
	if err != nil {
		return err
	}
	w.people = people{}
	for _, k := range list {
		if w.people[k.Patient], err = newPerson(k); err != nil {
			return err
		}
	}
	return untaken(w.to.AdoptKeys(ctx, list))
}

// untaken is an error of the store that is restored to: whatever it is, it says nothing of the backup.
func untaken(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.Wrap(err, fault.Internal, "The store that is restored to does not take the record.")
}

// signed holds the tree at the end of a segment to the head that was signed there.
func (w *restoring) signed(m Manifest) error {
	c, err := w.signer.Open([]byte(m.Head))
	if err != nil || c.Origin != m.Origin || c.Size != int64(m.To) {
		return fault.Wrap(err, fault.Invalid, "%s is not signed by the key of its record.", m.object())
	}
	if c.Size != w.tree.Size() || c.Root != w.tree.Root() {
		return fault.New(fault.Invalid, "%s does not hold what was backed up: its audit entries do not give the signed head.", m.Segment)
	}
	return nil
}

// items puts the items in: those of the moment when it is the end of a segment. Items have
// no history, so for a moment between two backups they are those of the backup before it,
// except the names of contents, of which more is no harm and less would be. Before the end of
// the first backup there are only those of that one.
func (w *restoring) items(ctx context.Context) error {
	last := w.list[len(w.list)-1]
	from := last
	if w.proof.T < last.To && len(w.list) > 1 {
		from = w.list[len(w.list)-2]
	}
	return w.to.ReplaceItems(ctx, func(yield func(store.Item, error) bool) {
		for it, err := range w.itemsOf(ctx, from) {
			if err == nil && it.Space == blob.Space && from.To != last.To {
				continue
			}
			w.proof.Items++
			if !yield(it, err) || err != nil {
				return
			}
		}
		if from.To == last.To {
			return
		}
		for it, err := range w.itemsOf(ctx, last) {
			if err == nil && it.Space != blob.Space {
				continue
			}
			w.proof.Items++
			if !yield(it, err) || err != nil {
				return
			}
		}
	})
}

// itemsOf ranges over the items of a segment.
func (w *restoring) itemsOf(ctx context.Context, m Manifest) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		err := readSegment(ctx, w.From, w.Restore.Keys, m, visitor{
			people: func() people { return w.people },
			item: func(it store.Item) error {
				if !yield(it, nil) {
					return errEnough
				}
				return nil
			},
			commit: func(store.Commit) error { return errEnough }, // there are no more items
		})
		if err != nil {
			yield(store.Item{}, err)
		}
	}
}

// contents brings the contents that items name. One that is not in the place is a damage,
// unless the record had lost it before.
func (w *restoring) contents(ctx context.Context) error {
	there := map[string]bool{}
	for e, err := range w.From.List(ctx, contentsAt) {
		if err != nil {
			return err
		}
		there[strings.TrimPrefix(e.Name, contentsAt)] = true
	}
	lost := w.list[len(w.list)-1].Lost
	reader := blob.New(under{w.From, contentsAt}, w.keys.Key("content"))
	_, err := w.to.AllItems(ctx, func(it store.Item) error {
		c, ok := content(it)
		switch {
		case !ok:
			return nil
		case slices.Contains(lost, it.Key) && (!there[it.Key] || blob.Lost(reader.Verify(ctx, c.Content))):
			w.proof.Lost = append(w.proof.Lost, it.Key)
			return nil
		case !there[it.Key]:
			return fault.New(fault.Invalid, "%s is missing: an attachment of the record has its content there.", contentsAt+it.Key)
		}
		if w.Read {
			if err := reader.Verify(ctx, c.Content); err != nil && !blob.Lost(err) {
				return err
			} else if err != nil {
				return fault.Wrap(err, fault.Invalid, "%s is damaged; a backup with --full copies it anew while the record has it.", contentsAt+it.Key)
			}
		}
		if w.Contents != nil {
			if err := copyObject(ctx, w.From, contentsAt+it.Key, w.Contents, it.Key); err != nil {
				return err
			}
		}
		w.proof.Contents++
		if w.Progress != nil {
			w.Progress(Progress{T: w.proof.T, Of: w.proof.T, Versions: w.proof.Versions, Contents: w.proof.Contents})
		}
		return nil
	})
	return err
}

// under is a bucket inside of a bucket, for reading.
type under struct {
	bucket.Bucket
	prefix string
}

// Open implements bucket.Bucket.
func (u under) Open(ctx context.Context, name string) (bucket.File, error) {
	return u.Bucket.Open(ctx, u.prefix+name)
}

// prove compares the head that the store signs with the one that the backup bears, or, at a
// moment in the middle of a segment, with the tree that was grown from its leaves.
func (w *restoring) prove(ctx context.Context) error {
	note, err := w.to.Head(ctx, 0)
	if err != nil {
		return err
	}
	last := w.list[len(w.list)-1]
	w.proof.Head = string(note)
	if w.proof.Beyond == 0 {
		if w.proof.T != last.To || !bytes.Equal(note, []byte(last.Head)) {
			return fault.New(fault.Internal, "The restored store does not have the head that was backed up.")
		}
		return nil
	}
	c, err := w.signer.Open(note)
	if err != nil || c.Size != int64(w.proof.T) || c.Root != w.root {
		return fault.Wrap(err, fault.Internal, "The restored store does not have the head that its leaves give.")
	}
	return nil
}
