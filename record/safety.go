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
	// ByHand is the last backup that somebody made with osler backup; it is an item of its own.
	ByHand ByHand `json:"-"`
	// Trouble says why the record takes no changes now, whatever its backups; "" when it does.
	Trouble string `json:"-"`
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
	Interrupted bool      `json:"interrupted,omitempty"`
	Made        time.Time `json:"made,omitzero"`    // when the backup was, that a drill has restored
	T           store.T   `json:"t,omitempty"`      // the record went up to this commit,
	Last        time.Time `json:"last,omitzero"`    // which is of this time
	Head        string    `json:"head,omitempty"`   // signed head of the audit log there
	Object      string    `json:"object,omitempty"` // name of the segment, or of the set
	// Versions and Bytes are what was written or restored; Lost is how many contents of
	// attachments the record did not have itself.
	Versions int64 `json:"versions,omitempty"`
	Bytes    int64 `json:"bytes,omitempty"`
	Lost     int   `json:"lost,omitempty"`
}

// ProofFor is how old the last backup that was restored and verified may be.
const ProofFor = 24 * time.Hour

// HandFor is how old the last backup by hand may be where the server makes none.
const HandFor = 3 * time.Hour

// Worry is what is wrong with the safety of a record, the worst first.
type Worry int

// The worries.
const (
	NoWorry       Worry = iota
	NoBackups           // the server makes none by itself
	BackupFailed        // the last one failed, or is late
	NothingProven       // no drill has shown that a backup can be restored, or not for a day
	DrillFailed         // the last drill failed
	NotStoring          // the record takes no changes: the disk is full, or the database away
	ContentsLost        // the last backup lacks contents of attachments, which the record had lost
)

// Worry tells what is wrong at a time.
func (s Safety) Worry(now time.Time) Worry {
	switch {
	case s.Trouble != "":
		return NotStoring
	case s.Place == "" && s.Lost() > 0:
		return ContentsLost
	case s.Place == "" && now.Sub(s.ByHand.Ended) < HandFor:
		return NoWorry // somebody sees to it, as the page asks
	case s.Place == "":
		return NoBackups
	case s.Drills && s.Drill.Failed != "":
		return DrillFailed
	case s.Backup.Failed != "" || !s.Kept.Ended.IsZero() && now.Sub(s.Kept.Ended) > 2*s.Every+time.Hour:
		return BackupFailed
	case s.Lost() > 0:
		return ContentsLost
	case s.Drills && now.Sub(s.Proof.Made) > ProofFor:
		return NothingProven
	}
	return NoWorry
}

// Lost is how many contents of attachments the last backup lacks: the record had lost them itself.
func (s Safety) Lost() int {
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
	s := Safety{Trouble: a.gate.trouble()}
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
