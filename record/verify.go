package record

import (
	"context"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Verified is what the last verification of the audit log found.
type Verified struct {
	At       time.Time `json:"at"` // zero: never verified from here
	Entries  int64     `json:"entries"`
	Problems []string  `json:"problems,omitempty"` // the first ones; none: everything fits
	Found    int       `json:"found,omitempty"`    // all problems
	By       string    `json:"by"`
	// Checkpoint is the signed note over the log after the verification, to keep elsewhere.
	Checkpoint string `json:"checkpoint,omitempty"`
}

// Where the last verification is kept.
const (
	spaceAudit    = "audit"
	keyVerified   = "verified"
	problemsShown = 20
)

// Verified returns what the last verification found; the zero value when there was none.
func (a *Actor) Verified(ctx context.Context) (Verified, error) {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return Verified{}, a.refused(ctx, err, policy.Read, "AuditEvent", "", "")
	}
	item, err := a.gate.store.Item(ctx, spaceAudit, keyVerified)
	if fault.Is(err, fault.NotFound) {
		return Verified{}, nil
	}
	if err != nil {
		return Verified{}, err
	}
	var v Verified
	err = json.Unmarshal(item.Value, &v)
	return v, err
}

// Verify proves the audit log and every stored version, as "osler audit verify" does, signs
// a checkpoint when all is well, and keeps what was found. It reads the whole record:
// minutes on a large one, where the command line is the better place.
func (a *Actor) Verify(ctx context.Context) (Verified, error) {
	if err := policy.MayAudit(a.principal, ""); err != nil {
		return Verified{}, a.refused(ctx, err, policy.Read, "AuditEvent", "", "")
	}
	v := Verified{By: a.principal.Name}
	n, err := a.gate.store.Verify(ctx, func(problem string) {
		if v.Found++; len(v.Problems) < problemsShown {
			v.Problems = append(v.Problems, problem)
		}
	})
	if err != nil {
		return Verified{}, err
	}
	v.Entries, v.At = n, a.Now()
	if v.Found == 0 {
		note, err := a.gate.store.Checkpoint(ctx)
		if err != nil {
			return Verified{}, err
		}
		v.Checkpoint = string(note)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return Verified{}, err
	}
	l := a.leaf(ledger.Read, "AuditEvent")
	l.Query = "verify the audit log"
	if v.Found > 0 {
		l.Outcome = "problems"
	}
	_, err = a.gate.store.Commit(ctx, store.Changeset{Leaf: l,
		Items: []store.ItemWrite{{Item: store.Item{Space: spaceAudit, Key: keyVerified, Value: body}, IfVersion: -1}}})
	return v, err
}
