package identity

import (
	"context"
	"slices"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// GlassRead is what the log says of who has read about a grant.
const GlassRead = "emergency access read about"

// ReadGlass notes that the patient, or somebody who acts for the patient, was shown the grants about
// the record: for each of them it is no news any more. It is also the evidence that the patient was
// told.
func (a *Accounts) ReadGlass(ctx context.Context, by trust.Principal, patient string) error {
	list, err := a.GlassAbout(ctx, by, patient)
	if err != nil || by.Role != trust.Patient {
		return err
	}
	for _, seen := range list {
		if seen.ReadBy(by.ID) {
			continue
		}
		err := again(func() error {
			g, err := a.grant(ctx, seen.ID)
			if err != nil || g.ReadBy(by.ID) {
				return err
			}
			g.Readers = append(g.Readers, GlassReader{by.ID, a.clock.Now()})
			kept, err := write(spaceGlassGrant, g.ID, g.Patient, g, time.Time{}, g.version)
			if err != nil {
				return err
			}
			_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{kept}, Leaf: a.leaf(by, ledger.Account, GlassRead, g.Patient)})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// GlassReader is somebody of the patient's side who has read about a grant.
type GlassReader struct {
	Account string    `json:"account"`
	At      time.Time `json:"at"`
}

// ReadBy reports whether an account has read about the grant.
func (g GlassGrant) ReadBy(account string) bool {
	return slices.ContainsFunc(g.Readers, func(r GlassReader) bool { return r.Account == account })
}
