package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
)

// step is how many commits are read at once.
const step = 1000

// Backup adds a segment to the newest set in a place, or begins a new set. It may run while the
// record is written.
type Backup struct {
	Store store.Moving
	// Keys are those of the record; they go into the segment.
	Keys seal.Keyring
	// Contents holds the contents of attachments; nil when there are none.
	Contents bucket.Bucket
	To       bucket.Bucket
	Lock     Lock
	// Full begins a new set.
	Full bool
	// Check reads the contents that the place has, and copies anew what is damaged there.
	Check bool
	Clock clock.Clock
	// Progress, when set, is called now and then.
	Progress func(Progress)
}

// Progress is how far a backup, a restore or a copy has come.
type Progress struct {
	T, Of    store.T
	Versions int64
	Contents int64 // contents copied
}

// Backed is what a Backup did.
type Backed struct {
	Manifest
	// Why says why a new set was begun although there was one and Full was not asked for.
	Why string
	// Contents is how many contents of attachments were copied.
	Contents int64
	// Only are contents that the place has, and the record has lost: the backup is whole, the record is not.
	Only []string
	// Nothing is set when nothing was committed since the last segment, which is Manifest.
	Nothing bool
}

// head is the first frame of a segment.
type head struct {
	Format  string  `json:"format"`
	Version int     `json:"version"`
	Set     string  `json:"set"`
	Number  int     `json:"number"`
	Origin  string  `json:"origin"`
	From    store.T `json:"from"`
	Before  string  `json:"before,omitempty"`
	Key     []byte  `json:"key"`
}

// Run makes one backup.
func (b Backup) Run(ctx context.Context) (Backed, error) {
	if len(b.Lock.recipients) == 0 {
		return Backed{}, fault.New(fault.Invalid, "A backup needs a recipient (--recipient; of a server, --backup-recipient) or a passphrase.")
	}
	out, err := b.place(ctx)
	if err != nil {
		return out, err
	}
	w := &backing{Backup: b, out: &out, there: map[string]bool{}}
	if err := w.look(ctx); err != nil || out.Nothing {
		return out, err
	}
	if _, err := w.contents(ctx); err != nil { // what is missing now may not be named any more in a moment
		return out, err
	}
	if _, err := w.learn(ctx); err != nil {
		return out, err
	}
	sum := &sumReader{hash: sha256.New()}
	r, pipe := io.Pipe()
	sum.r = r
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := w.segment(inner, pipe)
		pipe.CloseWithError(err)
		return err
	})
	g.Go(func() error {
		err := b.To.Put(inner, out.Segment, sum)
		r.CloseWithError(err)
		return err
	})
	if err := g.Wait(); err != nil {
		return out, err
	}
	// The keys come before the manifest: a segment that is finished can be opened.
	list, err := w.learn(ctx)
	if err != nil {
		return out, err
	}
	if err := b.putKeys(ctx, list, out.Origin); err != nil {
		return out, err
	}
	out.Size, out.SHA256 = sum.size, hex.EncodeToString(sum.hash.Sum(nil))
	out.Manifest = out.summed()
	return out, b.To.Put(ctx, out.object(), bytes.NewReader(out.Manifest.encode()))
}

// place decides where the backup goes: behind the newest segment if that is of this record
// and locked the same, into a new set otherwise.
func (b Backup) place(ctx context.Context) (out Backed, err error) {
	now := b.Clock.Now()
	out.Manifest = Manifest{Format: formatName, Version: formatVersion, Set: now.Format("20060102T150405Z") + "-" + mark(3), Number: 1,
		Made: now, Origin: b.Store.Origin(), Lock: b.Lock.names}
	sets, err := readSets(ctx, b.To)
	if err != nil {
		return out, err
	}
	if n := len(sets); n > 0 && !b.Full {
		last, ok := sets[n-1].newest()
		switch {
		case sets[n-1].damage != nil:
			out.Why = "the set " + sets[n-1].name + " is damaged"
		case !ok:
			out.Why = "the first backup of the set " + sets[n-1].name + " was not finished"
		case last.Origin != out.Origin:
			return out, fault.New(fault.Conflict, "The place holds backups of another record (%s). Give each record a place of its own.", last.Origin)
		case sets[n-1].manifests[0].Version < formatVersion:
			out.Why = "the set " + last.Set + " is of an older program, which did not seal what belongs to a patient with keys of the patient"
		case !slices.Equal(last.Lock, out.Lock):
			out.Why = "the recipients are others than those of the set " + last.Set
		default:
			if out.Why, err = b.follows(ctx, last); err != nil {
				return out, err
			}
			if out.Why == "" {
				out.Set, out.Number, out.From, out.Before = last.Set, b.number(sets[n-1]), last.To, last.Head
			}
			if present, err := b.Store.Commits(ctx, last.To, 1); out.Why == "" && err == nil && len(present) == 0 {
				return Backed{Manifest: last, Nothing: true}, nil
			}
		}
		if out.Why != "" && out.Set <= sets[n-1].name { // the clock went back: the newest set is found by name
			return out, fault.New(fault.Conflict, "The clock says %s, but there is a set %s already. Set the clock right.", now.Format("2006-01-02 15:04:05"), sets[n-1].name)
		}
	}
	out.Segment = fmt.Sprintf("%s/%06d-%s%s", out.Set, out.Number, mark(2), segmentEnd)
	return out, nil
}

// number is one more than that of any segment, finished or not.
func (b Backup) number(s *set) int {
	highest := 0
	for _, m := range s.manifests {
		highest = max(highest, m.Number)
	}
	for _, object := range s.alone {
		var n int
		if _, err := fmt.Sscanf(object[len(s.name)+1:], "%06d-", &n); err == nil {
			highest = max(highest, n)
		}
	}
	return highest + 1
}

// follows says why the record is not the one that goes on from a segment; "" when it is.
func (b Backup) follows(ctx context.Context, last Manifest) (string, error) {
	head, err := b.Store.Head(ctx, last.To)
	switch {
	case fault.Is(err, fault.NotFound):
		return fmt.Sprintf("the record has fewer commits than the last backup (%d): it was put back to an older state", last.To), nil
	case err != nil:
		return "", err
	case string(head) != last.Head:
		return fmt.Sprintf("the record is not the one that was backed up at commit %d: it was put back to an older state and went another way", last.To), nil
	}
	return "", nil
}

// mark returns n random bytes as text, so that two backups at a time do not meet in a name.
func mark(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// backing is a backup under way.
type backing struct {
	Backup
	out    *Backed
	people people
	there  map[string]bool // contents in the place
	wanted []wanted        // contents that are named and not there
}

// wanted is a content and the name of its file.
type wanted struct {
	name string
	blob.Content
}

// learn reads the keys of the patients.
func (b *backing) learn(ctx context.Context) (list []store.PersonKey, err error) {
	b.people, list, err = readPeople(ctx, b.Store)
	return list, err
}

// segment writes the encrypted segment to w.
func (b *backing) segment(ctx context.Context, w io.Writer) error {
	locked, err := age.Encrypt(w, b.Lock.recipients...)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The backup cannot be encrypted to these recipients.")
	}
	packed, err := zstd.NewWriter(locked, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(maxWindow/2), zstd.WithEncoderConcurrency(2), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	f := newFrameWriter(packed)
	f.person = func(id string) (*person, error) {
		if b.people[id] == nil { // registered since
			if _, err := b.learn(ctx); err != nil {
				return nil, err
			}
		}
		return b.people[id], nil
	}
	if err := b.frames(ctx, f); err != nil {
		return err
	}
	if err := f.w.Flush(); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return locked.Close()
}

func (b *backing) frames(ctx context.Context, f *frameWriter) error {
	m := &b.out.Manifest
	h := head{Format: formatName, Version: formatVersion, Set: m.Set, Number: m.Number, Origin: m.Origin, From: m.From, Before: m.Before, Key: b.Keys.Secret()}
	if err := f.json(kindHead, h); err != nil {
		return err
	}
	to, err := b.Store.AllItems(ctx, func(it store.Item) error {
		if it.Space == store.SpaceJob {
			return nil
		}
		b.want(it)
		written, err := f.item(it)
		if written {
			m.Items++
		}
		return err
	})
	if err != nil {
		return err
	}
	if to <= m.From {
		return fault.New(fault.Conflict, "There is nothing to back up: the record has no commits.")
	}
	m.To = to
	if err := b.commits(ctx, f); err != nil {
		return err
	}
	note, err := b.Store.Head(ctx, to)
	if err != nil {
		return err
	}
	m.Head = string(note)
	// A content lies in its bucket before the commit that names it.
	if m.Lost, err = b.contents(ctx); err != nil {
		return err
	}
	return f.json(kindEnd, m.inside())
}

func (b *backing) commits(ctx context.Context, f *frameWriter) error {
	m := &b.out.Manifest
	for at := m.From; at < m.To; {
		list, err := b.Store.Commits(ctx, at, int(min(step, m.To-at)))
		if err != nil {
			return err
		}
		if len(list) == 0 || list[0].T != at+1 {
			return fault.New(fault.Internal, "The record lacks the commit %d.", at+1)
		}
		if at == m.From {
			m.First = list[0].At
		}
		for _, c := range list {
			if err := f.commit(c); err != nil {
				return err
			}
			at, m.Last, m.Versions = c.T, c.At, m.Versions+int64(len(c.Versions))
		}
		if b.Progress != nil {
			b.Progress(Progress{T: at, Of: m.To, Versions: m.Versions, Contents: b.out.Contents})
		}
	}
	return nil
}

// content returns what an item says about a content; ok is false for other items, and for
// contents that nothing names any more.
func content(it store.Item) (c blob.Named, ok bool) {
	if it.Space != blob.Space {
		return c, false
	}
	err := json.Unmarshal(it.Value, &c)
	return c, err != nil || !c.Going
}

// want notes a content that the place does not have.
func (b *backing) want(it store.Item) {
	if c, ok := content(it); ok && b.Contents != nil && !b.there[it.Key] {
		b.wanted = append(b.wanted, wanted{it.Key, c.Content})
	}
}

// contents copies the contents that are wanted, and returns those that the record has lost, or has
// damaged: they do not keep the rest from being backed up.
func (b *backing) contents(ctx context.Context) (lost []string, err error) {
	source := blob.New(b.Contents, b.Backup.Keys.Key("content"))
	for _, c := range b.wanted {
		if b.there[c.name] {
			continue
		}
		err := source.Verify(ctx, c.Content)
		if blob.Lost(err) {
			lost = append(lost, c.name)
			continue
		}
		if err == nil {
			err = copyObject(ctx, b.Contents, c.name, b.To, contentsAt+c.name)
		}
		if err != nil {
			return nil, err
		}
		b.there[c.name] = true
		b.out.Contents++
		if b.Progress != nil {
			b.Progress(Progress{Contents: b.out.Contents})
		}
	}
	b.wanted = nil
	return lost, nil
}

// look notes which contents the place has, those that it needs, and those that it alone has. Most of what it needs is
// copied before the segment is begun: a first backup may have hours of them.
func (b *backing) look(ctx context.Context) error {
	if b.Contents == nil {
		return nil
	}
	here := map[string]bool{} // before the items are read: a content lies there before it is named
	for e, err := range b.Contents.List(ctx, "") {
		if err != nil {
			return fault.Wrap(err, fault.Unavailable, "The place of contents cannot be read.")
		}
		here[e.Name] = true
	}
	for e, err := range b.To.List(ctx, contentsAt) {
		if err != nil {
			return err
		}
		b.there[strings.TrimPrefix(e.Name, contentsAt)] = true
	}
	reader := blob.New(under{b.To, contentsAt}, b.Backup.Keys.Key("content"))
	_, err := b.Store.AllItems(ctx, func(it store.Item) error {
		c, ok := content(it)
		if ok && b.Check && b.there[it.Key] {
			err := reader.Verify(ctx, c.Content)
			if err != nil && !blob.Lost(err) {
				return err
			}
			if b.there[it.Key] = err == nil; err != nil {
				_ = b.To.Delete(ctx, contentsAt+it.Key) // else it looks whole if the record has lost it too; some places only grow
			}
		}
		if ok && b.there[it.Key] && !here[it.Key] {
			b.out.Only = append(b.out.Only, it.Key)
		}
		b.want(it)
		return nil
	})
	return err
}

func copyObject(ctx context.Context, from bucket.Bucket, name string, to bucket.Bucket, as string) error {
	f, err := from.Open(ctx, name)
	if err != nil {
		return unreadable(err, name)
	}
	defer f.Close()
	return to.Put(ctx, as, io.NewSectionReader(f, 0, f.Size())) // the place says why it cannot
}

func (f *frameWriter) json(kind byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.frame(kind, func(b []byte) []byte { return b }, text)
}

// sumReader counts and hashes what is read through it.
type sumReader struct {
	r    io.Reader
	hash hash.Hash
	size int64
	err  error // the first error of r that is not its end
}

// Read implements io.Reader.
func (s *sumReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
