package identity

import (
	"context"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// PrivacyContact is the person or office of the clinic that takes complaints about privacy, and
// answers questions about what was denied: 45 CFR 164.524(d)(2)(iii) and 164.526(d)(1)(iv) ask
// for the name or title and the telephone number in every denial. The zero value is a clinic
// that has named nobody yet.
type PrivacyContact struct {
	Name    string `json:"name"` // "Ines Castellanos, privacy officer"
	Phone   string `json:"phone"`
	Email   string `json:"email,omitempty"`
	Address string `json:"address,omitempty"` // for letters; may have lines
}

// Named reports whether the clinic has said whom to ask.
func (c PrivacyContact) Named() bool { return c.Name != "" }

const keyContact = "privacy-contact"

// PrivacyContact returns whom patients ask and complain to.
func (a *Accounts) PrivacyContact(ctx context.Context) (c PrivacyContact, err error) {
	item, err := a.store.Item(ctx, spaceHouse, keyContact)
	if fault.Is(err, fault.NotFound) {
		return PrivacyContact{}, nil
	}
	if err != nil {
		return PrivacyContact{}, err
	}
	return c, json.Unmarshal(item.Value, &c)
}

// SetPrivacyContact says whom patients ask and complain to. Administrators may.
func (a *Accounts) SetPrivacyContact(ctx context.Context, by trust.Principal, c PrivacyContact) error {
	if !administers(by) {
		return onlyAdministrators()
	}
	if err := c.check(); err != nil {
		return err
	}
	value, err := json.Marshal(c)
	if err != nil {
		return err
	}
	w := store.ItemWrite{IfVersion: -1, Item: store.Item{Space: spaceHouse, Key: keyContact, Value: value}}
	_, err = a.store.Commit(ctx, store.Changeset{Items: []store.ItemWrite{w}, Leaf: a.leaf(by, ledger.Account, "privacy contact: "+c.Name+", "+c.Phone, "")})
	return err
}

// check trims the fields and says what is missing.
func (c *PrivacyContact) check() error {
	for _, f := range []struct {
		text  *string
		at    string
		most  int
		lines bool
	}{{&c.Name, "name", 120, false}, {&c.Phone, "phone", 40, false}, {&c.Email, "email", 120, false}, {&c.Address, "address", 300, true}} {
		*f.text = strings.TrimSpace(strings.ReplaceAll(*f.text, "\r\n", "\n"))
		if utf8.RuneCountInString(*f.text) > f.most {
			return fault.New(fault.Invalid, "Use at most %d letters.", f.most).At(f.at)
		}
		if strings.ContainsFunc(*f.text, func(r rune) bool { return unicode.IsControl(r) && !(f.lines && r == '\n') }) {
			return fault.New(fault.Invalid, "Leave out characters that cannot be printed.").At(f.at)
		}
	}
	digits := 0
	for _, r := range c.Phone {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	switch {
	case c.Name == "":
		return fault.New(fault.Invalid, "Say who takes complaints: a person with the title, or an office.").At("name")
	case digits < 3:
		return fault.New(fault.Invalid, "Give a telephone number: the law asks for one.").At("phone")
	case c.Email != "" && !strings.Contains(c.Email, "@"):
		return fault.New(fault.Invalid, "This is no e-mail address.").At("email")
	}
	return nil
}
