package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
)

// newNonce is the mark of one form as it was shown.
func newNonce(ctx context.Context) string { return ident.New(ui.From(ctx).Now) }

// formKey makes the idempotency key of a form: its nonce and what was typed. A form without
// a nonce has none.
func formKey(r *web.Request) string {
	if r.FormValue("nonce") == "" {
		return ""
	}
	names := make([]string, 0, len(r.PostForm))
	for n := range r.PostForm {
		names = append(names, n)
	}
	slices.Sort(names)
	h := sha256.New()
	h.Write([]byte(r.URL.Path))
	for _, n := range names {
		for _, v := range r.PostForm[n] {
			h.Write([]byte("\x00" + n + "\x01" + v))
		}
	}
	return "portal/" + hex.EncodeToString(h.Sum(nil)[:20])
}

// translate is ui.T of a page, for functions that draw.
func translate(ctx context.Context) func(string, ...any) string {
	return func(s string, args ...any) string { return ui.T(ctx, s, args...) }
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// physician is whom a message goes to when the patient does not choose: the own physician,
// else the first of the team.
func physician(r *web.Request) ([]string, error) {
	c, err := read(r, "Patient")
	if err != nil {
		return nil, err
	}
	staff, err := readTeam(r.Context(), r.Actor)
	if err != nil {
		return nil, err
	}
	switch {
	case staff.name(c.Patient.Physician) != "":
		return []string{c.Patient.Physician}, nil
	case len(staff) > 0:
		return []string{"Practitioner/" + staff[0].ID}, nil
	}
	return nil, fault.New(fault.Conflict, "The clinic has nobody who reads messages yet. Please call the clinic.")
}
