package identity

import (
	"context"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// Enrolment is what a person needs to set an authenticator app up.
type Enrolment struct {
	Secret string // base32, to type
	URL    string // otpauth://…, for a QR code
}

// EnrolTOTP makes a new secret for a person's authenticator app. It counts only after
// ConfirmTOTP; until then the former one, if any, stays in use.
func (a *Accounts) EnrolTOTP(ctx context.Context, by trust.Principal, id string) (Enrolment, error) {
	if by.ID != id {
		return Enrolment{}, fault.New(fault.Forbidden, "A second factor is set up by its owner.")
	}
	e := Enrolment{Secret: newTOTPSecret()}
	err := a.update(ctx, by, id, "enrol second factor", func(c *credentials) error {
		c.TOTPPending = e.Secret
		e.URL = otpauth(a.options.Issuer, c.User, e.Secret)
		return nil
	})
	return e, err
}

// ConfirmTOTP turns the second factor on: the code proves that the app has the secret.
func (a *Accounts) ConfirmTOTP(ctx context.Context, by trust.Principal, id, code string) error {
	if by.ID != id {
		return fault.New(fault.Forbidden, "A second factor is set up by its owner.")
	}
	return a.update(ctx, by, id, "confirm second factor", func(c *credentials) error {
		step, ok := totpStep(c.TOTPPending, code, a.clock.Now(), 0)
		if c.TOTPPending == "" || !ok {
			return fault.New(fault.Invalid, "The code does not fit. Check that the clock of your phone is right, and type the code that the app shows now.")
		}
		c.TOTP, c.TOTPPending, c.TOTPStep, c.TOTPEnabled = c.TOTPPending, "", step, true
		return nil
	})
}

// RemoveTOTP turns the second factor off, for a person whose phone is lost. An
// administrator does it, for somebody else.
func (a *Accounts) RemoveTOTP(ctx context.Context, by trust.Principal, id string) error {
	if by.ID == id {
		return fault.New(fault.Forbidden, "Your own second factor is removed by another administrator.")
	}
	return a.change(ctx, by, id, "remove second factor", func(c *credentials) {
		c.TOTP, c.TOTPPending, c.TOTPStep, c.TOTPEnabled = "", "", 0, false
	})
}
