package record

import (
	"context"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/policy"
)

// Safety is what is known of the backups that the server makes by itself; record/safety makes
// them.
type Safety struct {
	// Place says where they go, Every how often they are made; Place is "" when the server makes
	// none.
	Place string        `json:"place,omitempty"`
	Every time.Duration `json:"every,omitempty"`
	// Drills says whether they are restored and verified by themselves.
	Drills bool `json:"drills,omitempty"`
	// Backup is the last backup, Kept the last that succeeded.
	Backup SafetyRun `json:"backup,omitzero"`
	Kept   SafetyRun `json:"kept,omitzero"`
	// Drill is the last restore drill, Proof the last that succeeded.
	Drill SafetyRun `json:"drill,omitzero"`
	Proof SafetyRun `json:"proof,omitzero"`
	// Full says that the next backup begins anew: a drill has found a damage.
	Full bool `json:"full,omitempty"`
	// Gone is the last backup that was in the place when it was found to have it no more, and Noticed when.
	Gone    SafetyRun `json:"gone,omitzero"`
	Noticed time.Time `json:"noticed,omitzero"`
	// ByHand is the last backup that somebody made with osler backup; it is an item of its own.
	ByHand ByHand `json:"-"`
	// Trouble says why the record takes no changes now, whatever its backups; "" when it does.
	Trouble string `json:"-"`
	// Here says that this process makes the backups; another may have, or the one before it.
	Here bool `json:"-"`
	// Missing are the files of contents of attachments that are known to be lost now.
	Missing []string `json:"-"`
}

// ByHand is a backup that somebody made with osler backup. Whether it can be restored only who has its
// identity can show: no server has opened it.
type ByHand struct {
	SafetyRun
	Place string `json:"place"`
}

// SafetyRun is one backup or one restore drill.
type SafetyRun struct {
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
	Failed string    `json:"failed,omitempty"` // why, for a person; "" when it went well
	// Interrupted says that the server ended meanwhile: nothing is known, good or bad.
	Interrupted bool `json:"interrupted,omitempty"`
	// Unmade says of a drill that failed that it could not be made: nothing is known of the backup.
	Unmade bool      `json:"unmade,omitempty"`
	Made   time.Time `json:"made,omitzero"`    // when the backup was, that a drill has restored
	T      store.T   `json:"t,omitempty"`      // the record went up to this commit,
	Last   time.Time `json:"last,omitzero"`    // which is of this time
	Head   string    `json:"head,omitempty"`   // signed head of the audit log there
	Object string    `json:"object,omitempty"` // name of the segment, or of the set
	// Versions and Bytes are what was written or restored; Lost is how many contents of
	// attachments the record did not have itself.
	Versions int64 `json:"versions,omitempty"`
	Bytes    int64 `json:"bytes,omitempty"`
	Lost     int   `json:"lost,omitempty"`
}

// ProofFor is how old the last backup that was restored and verified may be.
const ProofFor = 24 * time.Hour

// GoneFor is how long it is told that a place has lost its backups, unless they come back: whoever looks
// once a week has seen it.
const GoneFor = 7 * 24 * time.Hour

// HandFor is how old the last backup by hand may be where the server makes none.
const HandFor = 3 * time.Hour

// Worry is what is wrong with the safety of a record.
type Worry int

// The worries, the worst last.
const (
	NoWorry       Worry = iota
	NoBackups           // the server makes none by itself
	ContentsLost        // the record, or the last backup, lacks contents of attachments
	NothingProven       // no drill has shown that a backup can be restored, or not for a day
	DrillUnmade         // the last drill could not be made
	BackupsGone         // the place has lost backups
	BackupFailed        // the last one failed, or is late
	DrillFailed         // the last drill failed: the newest backup could not be restored
	NotStoring          // the record takes no changes: the disk is full, or the database away
)

// Worry tells what is wrong at a time. That contents are lost for good hides nothing that can be mended.
func (s Safety) Worry(now time.Time) Worry {
	makes := s.Makes(now)
	switch {
	case s.Trouble != "":
		return NotStoring
	case makes && s.Drills && s.Drill.Failed != "" && !s.Drill.Unmade:
		return DrillFailed
	case makes && (s.Backup.Failed != "" || !s.Kept.Ended.IsZero() && s.late(now)):
		return BackupFailed
	case makes && !s.Noticed.IsZero() && now.Sub(s.Noticed) < GoneFor:
		return BackupsGone
	case makes && s.Drills && s.Drill.Failed != "":
		return DrillUnmade
	case makes && s.Drills && now.Sub(s.Proof.Made) > ProofFor:
		return NothingProven
	case s.Lost() > 0:
		return ContentsLost
	case !makes && now.Sub(s.ByHand.Ended) >= HandFor: // else somebody sees to it, as the page asks
		return NoBackups
	}
	return NoWorry
}

// Makes reports whether backups are made by themselves: by this process, or, as far as can be seen, by
// another of the same record.
func (s Safety) Makes(now time.Time) bool { return s.Place != "" && (s.Here || !s.late(now)) }

// late reports whether the last backup is older than it should be.
func (s Safety) late(now time.Time) bool { return now.Sub(s.Kept.Ended) > 2*s.Every+time.Hour }

// Lost is how many contents of attachments the record lacks, or the last backup does.
func (s Safety) Lost() int { return max(len(s.Missing), s.Lacking()) }

// Lacking is how many the last backup lacks: the record had lost them itself.
func (s Safety) Lacking() int {
	if s.Place == "" {
		return s.ByHand.Lost
	}
	return s.Kept.Lost
}

// Where the safety of a record is kept.
const (
	SpaceSafety = "safety"
	KeySafety   = "state"
	KeyByHand   = "by hand"
)

// Safety returns what is known of the record's backups.
func (a *Actor) Safety(ctx context.Context) (Safety, error) {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return Safety{}, a.refused(ctx, err, policy.Read, "AuditEvent", "", "")
	}
	s := Safety{Trouble: a.gate.trouble(), Here: a.gate.backsUp.Load(), Missing: a.gate.LostFiles()}
	if err := a.gate.safetyItem(ctx, KeySafety, &s); err != nil {
		return s, err
	}
	return s, a.gate.safetyItem(ctx, KeyByHand, &s.ByHand)
}

// safetyItem reads what is known, if it is.
func (g *Gate) safetyItem(ctx context.Context, key string, into any) error {
	item, err := g.store.Item(ctx, SpaceSafety, key)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, into)
	}
	return err
}

// Turn gives the turn at something that one process does for all that have the record open; mine is false when
// another has it. See store.Shared; where there is no other process it is always given.
func (g *Gate) Turn(ctx context.Context, name string) (end func(), mine bool, err error) {
	if s, ok := g.lean.(store.Shared); ok {
		return s.Turn(ctx, name)
	}
	return func() {}, true, nil
}

// BacksUp tells the gate that this process backs the record up by itself.
func (g *Gate) BacksUp() { g.backsUp.Store(true) }
