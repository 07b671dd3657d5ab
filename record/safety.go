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
}

// SafetyRun is one backup or one restore drill.
type SafetyRun struct {
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"`
	Failed string    `json:"failed,omitempty"` // why, for a person; "" when it went well
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

// Worry is what is wrong with the safety of a record, the worst first.
type Worry int

// The worries.
const (
	NoWorry       Worry = iota
	NoBackups           // the server makes none by itself
	BackupFailed        // the last one failed, or is late
	NothingProven       // no drill has shown that a backup can be restored, or not for a day
	DrillFailed         // the last drill failed
)

// Worry tells what is wrong at a time.
func (s Safety) Worry(now time.Time) Worry {
	switch {
	case s.Place == "":
		return NoBackups
	case s.Drills && s.Drill.Failed != "":
		return DrillFailed
	case s.Backup.Failed != "" || !s.Kept.Ended.IsZero() && now.Sub(s.Kept.Ended) > 2*s.Every+time.Hour:
		return BackupFailed
	case s.Drills && now.Sub(s.Proof.Made) > ProofFor:
		return NothingProven
	}
	return NoWorry
}

// Where the safety of a record is kept.
const (
	SpaceSafety = "safety"
	KeySafety   = "state"
)

// Safety returns what is known of the record's backups.
func (a *Actor) Safety(ctx context.Context) (Safety, error) {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return Safety{}, a.refused(ctx, err, policy.Read, "AuditEvent", "", "")
	}
	var s Safety
	item, err := a.gate.store.Item(ctx, SpaceSafety, KeySafety)
	if fault.Is(err, fault.NotFound) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &s)
	}
	return s, err
}
