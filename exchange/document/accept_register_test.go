package document

import (
	"context"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

func TestSomebodyWhoIsNotKnownIsRegistered(t *testing.T) {
	h := open(t)
	system := h.gate.As(trust.System("import"), "console")
	l := synthetic.Letter{Number: 1, Family: "Adeyemi", Given: "Tunde", Born: "19550302", Sex: "M", Visits: 1}
	r, err := Register(ctx, system, l.Document())
	if err != nil || r.Stored["Patient"] != 1 || r.Stored["Condition"] != 7 || r.Stored["DocumentReference"] != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if again, err := Register(ctx, system, l.Document()); err != nil || !again.Before || again.Patient != r.Patient {
		t.Errorf("the same document again: %+v %v", again, err)
	}
	l.Number = 2
	if _, err := Register(ctx, system, l.Document()); !fault.Is(err, fault.Conflict) {
		t.Errorf("another document of somebody who is known: %v", err)
	}
	maria := synthetic.Letter{Number: 3, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F"}
	if _, err := Register(ctx, system, maria.Document()); !fault.Is(err, fault.Conflict) || len(h.all("Patient")) != 2 {
		t.Errorf("somebody who may be the same: %v, %d patients", err, len(h.all("Patient")))
	}
	if _, err := Register(ctx, system, []byte("<html/>")); err == nil {
		t.Error("no document")
	}
}

// watched tells of each patient that is stored.
type watched struct {
	store.Store
	patient *func()
}

func (s watched) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	r, err := s.Store.Commit(ctx, c)
	for _, w := range c.Writes {
		if w.Type == "Patient" && !w.Deleted && err == nil {
			(*s.patient)()
		}
	}
	return r, err
}

// TestNobodyIsLeftRegistered: a registration is taken back also when nobody waits for the document any more.
func TestNobodyIsLeftRegistered(t *testing.T) {
	patient := func() {}
	h := openIn(t, func(s store.Store) store.Store { return watched{s, &patient} })
	leaves, leave := context.WithCancel(ctx)
	patient = leave
	l := synthetic.Letter{Number: 1, Family: "Adeyemi", Given: "Tunde", Born: "19550302", Sex: "M", Visits: 1}
	if _, err := Register(leaves, h.gate.As(trust.System("import"), "console"), l.Document()); !givenUp(err) {
		t.Errorf("who waits no more: %v", err)
	}
	if list := h.all("Patient"); len(list) != 1 || list[0].ID() != "maria" {
		t.Errorf("%d patients", len(list))
	}
}
