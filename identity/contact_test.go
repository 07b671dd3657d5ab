package identity

import (
	"errors"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// TestPrivacyContact: an administrator names whom patients complain to, with what the law asks
// for; nobody else does, and the change is in the log.
func TestPrivacyContact(t *testing.T) {
	h, ctx := open(t), t.Context()
	admin := trust.Principal{ID: "sam", Name: "Sam", Role: trust.Administrator}
	if c, err := h.PrivacyContact(ctx); err != nil || c.Named() {
		t.Fatalf("of a clinic that named nobody: %+v, %v", c, err)
	}
	good := PrivacyContact{Name: " Ines Castellanos, privacy officer ", Phone: "0113 496 0100", Email: "privacy@harehills.example", Address: "1 High Street\r\nLeeds"}
	for at, c := range map[string]PrivacyContact{
		"name":    {Phone: good.Phone},
		"phone":   {Name: good.Name, Phone: "ask"},
		"email":   {Name: good.Name, Phone: good.Phone, Email: "harehills"},
		"address": {Name: good.Name, Phone: good.Phone, Address: strings.Repeat("x", 301)},
	} {
		err := h.SetPrivacyContact(ctx, admin, c)
		if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Code != fault.Invalid || f.Path != at {
			t.Errorf("%s: %v", at, err)
		}
	}
	if err := h.SetPrivacyContact(ctx, admin, PrivacyContact{Name: "A\nB", Phone: good.Phone}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a name of two lines: %v", err)
	}
	for _, role := range []trust.Role{trust.Physician, trust.FrontDesk, trust.Auditor, trust.Patient} {
		if err := h.SetPrivacyContact(ctx, trust.Principal{ID: "x", Role: role}, good); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a %s: %v", role, err)
		}
	}
	if err := h.SetPrivacyContact(ctx, admin, good); err != nil {
		t.Fatal(err)
	}
	if c, err := h.PrivacyContact(ctx); err != nil || c.Name != "Ines Castellanos, privacy officer" || c.Phone != good.Phone || c.Address != "1 High Street\nLeeds" {
		t.Errorf("%+v, %v", c, err)
	}
}
