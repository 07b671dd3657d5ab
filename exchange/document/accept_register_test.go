package document

import (
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/exchange/synthetic"
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
