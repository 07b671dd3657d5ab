package record

import (
	"context"
	"encoding/json"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// House is how a clinic is set up: which charts its people see.
type House struct {
	Mode policy.Mode `json:"mode"`
	// OptIn asks for a patient's consent before those who treat see the chart.
	OptIn bool `json:"optIn,omitempty"`
	// By and At say who chose it, and when.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
	// Lost says that the setting is missing or cannot be read. The gate then keeps to
	// Restricted: nobody sees more than they have to do with, break-glass works, and an
	// administrator chooses again. Nothing else is lost.
	Lost bool `json:"-"`
}

// Where the setting is kept.
const (
	spaceHouse = "house"
	keyHouse   = "access"
)

// houseFresh is for how long a setting that was read is used: a change by another process is
// in force within a second.
const houseFresh = 500 * time.Millisecond

// houseRead is a setting, when it was read, and after how many changes that this process made: one
// that was on its way while the setting changed is not used.
type houseRead struct {
	House
	at      time.Time
	changes int64
}

// house returns how the clinic is set up. It fails only when the store does; then nothing else
// can be read either.
func (g *Gate) house(ctx context.Context) (houseRead, error) {
	changes := g.changes.Load()
	if h := g.setting.Load(); h != nil && h.changes == changes && time.Since(h.at) < houseFresh {
		return *h, nil
	}
	h := houseRead{at: time.Now(), changes: changes}
	item, err := g.store.Item(ctx, spaceHouse, keyHouse)
	switch {
	case fault.Is(err, fault.NotFound):
		h.House = House{Mode: policy.PracticeWide}
		if !g.fresh { // a record in use always has it
			h.House = House{Mode: policy.Restricted, Lost: true}
		}
	case err != nil:
		return houseRead{}, err
	default:
		if json.Unmarshal(item.Value, &h.House) != nil || h.Mode != policy.PracticeWide && h.Mode != policy.Restricted {
			h.House = House{Mode: policy.Restricted, Lost: true}
		}
	}
	g.setting.Store(&h)
	return h, nil
}

// rules returns what decides about access now.
func (a *Actor) rules(ctx context.Context) (policy.Rules, error) {
	h, err := a.gate.house(ctx)
	return policy.Rules{Mode: h.Mode, OptIn: h.OptIn, Now: a.Now()}, err
}

// ConsentFirst reports whether the clinic asks for a patient's consent before those who treat see the
// chart. It is no secret: patients give theirs.
func (a *Actor) ConsentFirst(ctx context.Context) (bool, error) {
	h, err := a.gate.house(ctx)
	return h.OptIn, err
}

// House returns how the clinic is set up.
func (a *Actor) House(ctx context.Context) (House, error) {
	if !a.principal.Staff() {
		return House{}, a.refused(ctx, fault.New(fault.Forbidden, "How the clinic is set up is for its staff."), policy.Read, "", "", "")
	}
	h, err := a.gate.house(ctx)
	return h.House, err
}

// SetHouse changes how the clinic is set up. Administrators do; it is in force here at once
// and in other processes of the same record within a second.
func (a *Actor) SetHouse(ctx context.Context, h House, reason string) error {
	switch {
	case a.principal.Role != trust.Administrator && a.principal.Role != trust.SystemRole || len(a.principal.Scopes) > 0:
		return a.refused(ctx, fault.New(fault.Forbidden, "Only an administrator, in person, changes who sees which charts."), policy.Update, "", "", "")
	case a.at != 0:
		return fault.New(fault.Forbidden, "You look at the record as it was; return to the present to change it.")
	case h.Mode != policy.PracticeWide && h.Mode != policy.Restricted:
		return fault.New(fault.Invalid, "Choose which charts the people of the clinic see: practice-wide or restricted.").At("mode")
	}
	before, err := a.gate.house(ctx)
	if err != nil {
		return err
	}
	h.By, h.At = a.principal.Name, a.Now()
	value, err := json.Marshal(h)
	if err != nil {
		return err
	}
	l := a.leaf(ledger.Account, "")
	l.Query, l.Reason = "access: "+before.House.words()+" becomes "+h.words(), reason
	_, err = a.gate.store.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{{
		Item: store.Item{Space: spaceHouse, Key: keyHouse, Value: value}, IfVersion: -1}}})
	a.gate.changes.Add(1)
	a.gate.verdicts.forget()
	return err
}

func (h House) words() string {
	w := string(h.Mode)
	if h.Lost {
		w = "a setting that cannot be read (" + w + ")"
	}
	if h.OptIn {
		w += ", after consent"
	}
	return w
}

// Found writes the setting with which a record begins, practice-wide, when the record was
// empty as the gate was opened. In one that is in use a missing setting is a loss, about
// which an administrator decides.
func (g *Gate) Found(ctx context.Context) error {
	if !g.fresh {
		return nil
	}
	_, err := g.store.Item(ctx, spaceHouse, keyHouse)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	w := &relabelling{gate: g, actor: g.As(trust.System("set-up"), "gate"), state: Labelling{Edition: label.Edition(), At: g.clock.Now()}}
	if err := w.save(ctx, "labels: the record begins with the rules of today"); err != nil {
		return err
	}
	return w.actor.SetHouse(ctx, House{Mode: policy.PracticeWide}, "")
}
