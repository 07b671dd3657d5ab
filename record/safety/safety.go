// Package safety backs the record up by itself, and shows again and again that a backup can be
// restored.
//
//	k, err := safety.Open(ctx, safety.Options{Store: s, Gate: gate, Keys: ring, Place: place, …})
//	go k.Run(ctx)
//
// A backup is made every so often; once a week it begins a new set. A drill restores
// the newest backup to the side, reads all of it back, and holds the head of its audit log to that
// of the living record. It runs when the last backup that was proven so is most of a day old. What
// came of both is an item (record.Safety), which the page "Safety" shows.
//
// A drill has to open a backup. The server does it with an identity of its own, which is an item of
// the record: who can read it can read the record anyway. So a drill shows that a backup is
// whole, not that its owner still has the other identity: that, only a person can show.
//
// After a drill that found a damage the next backup begins anew. A drill that could not be made (the disk is
// full, the database away) tells nothing of the backup. When the place has lost the last backup, that is told, and
// the next is drilled at once.
package safety

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/trust"
)

const (
	keyIdentity = "identity"
	// keyPlace, with a place behind it, is what is known of that place when the server has gone to another.
	keyPlace = "place "
	// setFor is how long one set goes on.
	setFor = 7 * 24 * time.Hour
	// provenFor is how old the last proven backup gets before a drill: less than record.ProofFor
	// by the time that a drill may take or fail.
	provenFor = 20 * time.Hour
	// again is how long what failed or was interrupted is left alone: should it be what ends the server, people can
	// work meanwhile.
	again = 15 * time.Minute
	// roomEvery is how often a drill looks whether there is room.
	roomEvery = 500 * time.Millisecond
	// roomLeft is what a drill leaves free on the disk of the record: people write there.
	roomLeft = 64 << 20
	// grows is how much larger a restored record is than its backup, without contents of attachments.
	grows = 3
)

// Options of a Keeper.
type Options struct {
	Store store.Store
	Gate  *record.Gate
	Keys  seal.Keyring
	Clock clock.Clock
	Log   *slog.Logger
	// Place is where backups go; Name says it to people.
	Place bucket.Bucket
	Name  string
	// Recipients are those who can open a backup, beside the drill.
	Recipients []string
	// Contents holds the contents of attachments; nil when there are none.
	Contents bucket.Bucket
	Every    time.Duration
	// Drills says whether backups are restored to the side: Side makes an empty store for that,
	// and remove, called when it is closed, throws it away. Room is how many bytes are free there, -1 when nobody
	// knows.
	Drills  bool
	Side    func(ctx context.Context, origin string, keys seal.Keyring) (s store.Store, remove func() error, err error)
	Room    func() int64
	Extract store.Extract
}

// Keeper makes backups and drills. One serves a process; several processes of a store take turns.
type Keeper struct {
	Options
	lock archive.Lock
	keys archive.Keys  // of the drill
	ask  chan struct{} // somebody does not want to wait
	owed *outcome      // of the last run, when it could not be kept
}

// outcome is what a run has come to, with the version of what was known when it began.
type outcome struct {
	what    string
	known   record.Safety
	version int64
}

// Open checks the options, and makes the identity of the drills when there is none.
func Open(ctx context.Context, o Options) (*Keeper, error) {
	if o.Every < time.Second {
		return nil, fault.New(fault.Invalid, "A backup every %v is too often.", o.Every)
	}
	if _, err := archive.Recipients(o.Recipients...); err != nil {
		return nil, err
	}
	k := &Keeper{Options: o, ask: make(chan struct{}, 1)}
	recipients := o.Recipients
	if o.Drills {
		own, err := k.identity(ctx)
		if err != nil {
			return nil, err
		}
		if k.keys, err = archive.Identities(strings.NewReader(own.String())); err != nil {
			return nil, err
		}
		recipients = append([]string{own.Recipient().String()}, recipients...)
	}
	var err error
	if k.lock, err = archive.Recipients(recipients...); err == nil {
		o.Gate.BacksUp()
	}
	return k, err
}

// identity returns the identity with which drills open backups.
func (k *Keeper) identity(ctx context.Context) (*age.X25519Identity, error) {
	for range 2 {
		item, err := k.Store.Item(ctx, record.SpaceSafety, keyIdentity)
		if err == nil {
			return age.ParseX25519Identity(string(item.Value))
		}
		if !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		err = k.actor().Disclose(ctx, "make the identity with which restore drills open backups", nil,
			store.ItemWrite{Item: store.Item{Space: record.SpaceSafety, Key: keyIdentity, Value: []byte(id.String())}})
		if err != nil && !fault.Is(err, fault.Conflict) { // another process was first
			return nil, err
		}
	}
	return nil, fault.New(fault.Internal, "The identity of the restore drills cannot be kept.")
}

func (k *Keeper) actor() *record.Actor { return k.Gate.As(trust.System("safety"), "safety") }

// Ask makes Run back up and drill now, whatever is due.
func (k *Keeper) Ask() {
	select {
	case k.ask <- struct{}{}:
	default: // asked already
	}
}

// Run does what is due until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(min(time.Minute, max(k.Every/4, time.Second)))
	defer ticker.Stop()
	for asked := false; ; {
		err := k.do(ctx, asked)
		if asked = asked && errors.Is(err, errBusy); err != nil && !errors.Is(err, errBusy) && ctx.Err() == nil {
			k.Log.Error("the safety of the record", "error", err)
		}
		select {
		case <-k.ask:
			asked = true
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// errBusy says that another process is at it.
var errBusy = errors.New("safety: another process is at it")

// Due makes a backup and a drill if they are due. What fails is kept and tried again; the
// error is that of keeping it.
func (k *Keeper) Due(ctx context.Context) error {
	if err := k.do(ctx, false); !errors.Is(err, errBusy) {
		return err
	}
	return nil
}

// do makes a backup and a drill if they are due, or asked for. Who has the turn is alone at it: what seems to be
// under way then was cut off.
func (k *Keeper) do(ctx context.Context, asked bool) error {
	end, mine, err := k.Gate.Turn(ctx, "backup")
	if err != nil {
		return err
	}
	if !mine {
		return errBusy
	}
	defer end()
	if err := k.settle(ctx); err != nil {
		return err
	}
	s, version, err := k.state(ctx)
	if err != nil {
		return err
	}
	now := k.Clock.Now()
	if under(s.Backup) || under(s.Drill) {
		for _, run := range []*record.SafetyRun{&s.Backup, &s.Drill} {
			if under(*run) {
				run.Ended, run.Interrupted = now, true
			}
		}
		if err := k.keep(ctx, "a backup or restore drill was interrupted", s, version); err != nil {
			return ignoreConflict(err)
		}
		version++
	}
	if asked || due(now, s.Backup, now.Sub(s.Kept.Began) >= k.Every) {
		if err := k.backup(ctx, s, version); err != nil {
			return ignoreConflict(err)
		}
		if s, version, err = k.state(ctx); err != nil {
			return err
		}
	}
	// A drill that was interrupted comes again before its time.
	is := now.Sub(s.Proof.Made) >= provenFor || s.Drill.Interrupted
	if k.Drills && !s.Kept.Ended.IsZero() && (asked || due(now, s.Drill, is)) {
		return ignoreConflict(k.drill(ctx, s, version))
	}
	return nil
}

// due reports whether something is to be done now that was last done in run: not soon after it failed or was
// interrupted.
func due(now time.Time, run record.SafetyRun, is bool) bool {
	return is && (run.Failed == "" && !run.Interrupted || now.Sub(run.Ended) > again)
}

// under reports whether a run was begun and not ended.
func under(run record.SafetyRun) bool { return !run.Began.IsZero() && run.Ended.IsZero() }

// settle keeps the outcome of a run that could not be kept when it ended, unless it is known otherwise.
func (k *Keeper) settle(ctx context.Context) error {
	if k.owed == nil {
		return nil
	}
	err := ignoreConflict(k.keep(ctx, k.owed.what, k.owed.known, k.owed.version))
	if err == nil {
		k.owed = nil
	}
	return err
}

// ignoreConflict: another process has begun the same.
func ignoreConflict(err error) error {
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// state reads what is known of this place, and puts in how this server is set up. A place that the server
// did not use before has no backup and no proof yet, whatever is known of another.
func (k *Keeper) state(ctx context.Context) (s record.Safety, version int64, err error) {
	item, err := k.Store.Item(ctx, record.SpaceSafety, record.KeySafety)
	if err == nil {
		err = json.Unmarshal(item.Value, &s)
	} else if fault.Is(err, fault.NotFound) {
		err = nil
	}
	if err == nil && s.Place != "" && s.Place != k.Name {
		s = record.Safety{}
		var here store.Item
		if here, err = k.Store.Item(ctx, record.SpaceSafety, keyPlace+k.Name); err == nil {
			err = json.Unmarshal(here.Value, &s)
		} else if fault.Is(err, fault.NotFound) {
			err = nil
		}
	}
	s.Place, s.Every, s.Drills, s.Here = k.Name, k.Every, k.Drills, true
	return s, item.Version, err
}

// keep stores what is known, with an entry in the audit log that says what was done.
func (k *Keeper) keep(ctx context.Context, what string, s record.Safety, version int64) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return k.actor().Disclose(ctx, what, nil, store.ItemWrite{IfVersion: version,
		Item: store.Item{Space: record.SpaceSafety, Key: record.KeySafety, Value: value}},
		store.ItemWrite{IfVersion: -1, Item: store.Item{Space: record.SpaceSafety, Key: keyPlace + k.Name, Value: value}})
}

// Note keeps that a backup was made by hand.
func Note(ctx context.Context, gate *record.Gate, n record.ByHand) error {
	value, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return gate.As(trust.System("safety"), "safety").Disclose(ctx, fmt.Sprintf("backup by hand to %s up to commit %d", n.Place, n.T), nil,
		store.ItemWrite{IfVersion: -1, Item: store.Item{Space: record.SpaceSafety, Key: record.KeyByHand, Value: value}})
}

// backup makes a backup. The audit log tells of it before anything leaves the house.
func (k *Keeper) backup(ctx context.Context, s record.Safety, version int64) error {
	s.Backup = record.SafetyRun{Began: k.Clock.Now()}
	gone := k.missed(ctx, &s)
	if err := k.keep(ctx, "begin a backup to "+k.Name, s, version); err != nil {
		return err
	}
	b, err := archive.Backup{Store: k.Store, Keys: k.Keys, Contents: k.Contents, To: k.Place, Lock: k.lock, Full: s.Full || k.old(ctx), Check: s.Full, Clock: k.Clock}.Run(ctx)
	run := &s.Backup
	if run.Ended = k.Clock.Now(); errors.Is(err, context.Canceled) {
		run.Interrupted = true
	} else if err != nil {
		run.Failed = reason(err)
		k.Log.Error("a backup failed", "error", err)
	} else {
		run.Made, run.T, run.Last, run.Head, run.Object, run.Versions, run.Bytes, run.Lost = b.Made, b.To, b.Last, b.Head, b.Segment, b.Versions, b.Size, len(b.Lost)
		s.Kept, s.Full = *run, false
		if b.Why == "" && gone && b.Number == 1 {
			b.Why = "the last backup is gone from the place"
		}
		if b.Why != "" {
			k.Log.Warn("a new set of backups was begun", "why", b.Why)
		}
		if run.Lost > 0 {
			k.Log.Error("the record lacks contents of attachments", "number", run.Lost)
		}
		if len(b.Only) > 0 {
			k.Log.Error("the record has lost contents of attachments that its backup has", "number", len(b.Only))
		}
	}
	return k.finish(ctx, ended("backup", run), s, version+1)
}

// finish keeps what a run has come to: later, when it cannot be kept now.
func (k *Keeper) finish(ctx context.Context, what string, s record.Safety, version int64) error {
	k.owed = &outcome{what, s, version}
	return k.settle(context.WithoutCancel(ctx))
}

// missed notes when the place has the last backup no more, and when one that it had lost is back. What is known
// of a backup that is gone proves nothing: the next is drilled at once.
func (k *Keeper) missed(ctx context.Context, s *record.Safety) (gone bool) {
	there := func(run record.SafetyRun) bool {
		there, err := archive.There(ctx, k.Place, archive.Manifest{Segment: run.Object})
		return there || err != nil // then the backup fails, and says why
	}
	switch {
	case s.Gone.Object != "" && there(s.Gone):
		s.Gone, s.Noticed, s.Proof = record.SafetyRun{}, time.Time{}, record.SafetyRun{}
		k.Log.Info("the backups that were gone from the place are back")
	case s.Kept.Object != "" && !there(s.Kept):
		k.Log.Error("the last backup is gone from the place, and what was proven of it; the record is backed up anew, and that is drilled at once. Is another disk mounted there?", "backup", s.Kept.Object, "made", s.Kept.Made)
		s.Gone, s.Noticed, s.Kept, s.Proof = s.Kept, k.Clock.Now(), record.SafetyRun{}, record.SafetyRun{}
		gone = true
	}
	return gone
}

// old reports whether the newest set is to be followed by a new one.
func (k *Keeper) old(ctx context.Context) bool {
	began, err := archive.Began(ctx, k.Place)
	return err == nil && !began.IsZero() && k.Clock.Now().Sub(began) > setFor
}

func ended(what string, run *record.SafetyRun) string {
	if run.Failed != "" {
		return what + " failed"
	}
	if run.Interrupted {
		return what + " interrupted"
	}
	return fmt.Sprintf("%s up to commit %d", what, run.T)
}

// reason says an error to a person.
func reason(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return "Osler could not go on; the server's log says why."
}

// drill restores the newest backup to the side.
func (k *Keeper) drill(ctx context.Context, s record.Safety, version int64) error {
	s.Drill = record.SafetyRun{Began: k.Clock.Now()}
	if err := k.keep(ctx, "begin a restore drill", s, version); err != nil {
		return err
	}
	p, err := k.restore(ctx)
	run := &s.Drill
	if run.Ended = k.Clock.Now(); errors.Is(err, context.Canceled) {
		run.Interrupted = true
	} else if err != nil {
		run.Failed, run.Unmade = reason(err), !damaged(err)
		s.Full = s.Full || !run.Unmade
		k.Log.Error("a restore drill failed", "error", err)
	} else {
		run.Made, run.T, run.Last, run.Head, run.Object, run.Versions, run.Bytes, run.Lost = p.Made, p.T, p.Last, p.Head, p.Set, p.Versions, p.Bytes, len(p.Lost)
		s.Proof = *run
	}
	return k.finish(ctx, ended("restore drill", run), s, version+1)
}

// damaged reports whether a drill failed over what lies in the place: something is missing, was
// changed, or does not open.
func damaged(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden)
}

// restore proves the newest backup, while there is room for it.
func (k *Keeper) restore(ctx context.Context) (p archive.Proof, err error) {
	size, err := archive.Size(ctx, k.Place)
	if err == nil {
		err = k.room(grows*size+roomLeft, "A restore drill needs %d MB in the data folder, where %d MB are free. Make room there, or give the server a larger disk.")
	}
	if err != nil {
		return p, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		ticker := time.NewTicker(roomEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := k.room(roomLeft, "The restore drill was stopped, because it leaves less than %d MB free in the data folder: %d MB. Make room there, or give the server a larger disk."); err != nil {
				stop(err)
			}
		}
	}()
	p, err = k.beside(ctx)
	var short *fault.Error
	if err != nil && errors.As(context.Cause(ctx), &short) {
		return p, short
	}
	return p, err
}

// room returns a fault when less than that many bytes are free where drills restore to; text is told both, in MB.
func (k *Keeper) room(need int64, text string) error {
	if have := k.Room(); have >= 0 && have < need {
		return fault.New(fault.Unavailable, text, need>>20+1, have>>20)
	}
	return nil
}

// beside brings the newest backup into a store beside, and proves it.
func (k *Keeper) beside(ctx context.Context) (p archive.Proof, err error) {
	var side store.Store
	var remove func() error
	defer func() {
		if side != nil {
			err = errors.Join(err, side.Close(), remove())
		}
	}()
	p, err = archive.Restore{From: k.Place, Keys: k.keys, Extract: k.Extract, Read: true,
		Open: func(ctx context.Context, origin string, keys seal.Keyring) (store.Moving, error) {
			var err error
			side, remove, err = k.Side(ctx, origin, keys)
			return side, err
		}}.Run(ctx)
	if err != nil {
		return p, err
	}
	problems := 0
	if _, err := side.Verify(ctx, func(problem string) {
		problems++
		k.Log.Error("a restored record does not verify", "problem", problem)
	}); err != nil {
		return p, err
	}
	if problems > 0 {
		return p, fault.New(fault.Invalid, "The restored record does not verify: %d problems; the server's log names them.", problems)
	}
	living, err := k.Store.Head(ctx, p.T)
	if err != nil {
		return p, err
	}
	if string(living) != p.Head {
		return p, fault.New(fault.Invalid, "The newest backup is of another state than the record had at commit %d: one of them was put back.", p.T)
	}
	return p, nil
}
