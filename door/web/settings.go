package web

import (
	"net/http"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
)

type settingsView struct {
	View      view
	Languages []ui.Option
	Staff     bool
	TOTP      bool // the second factor is on
	Enrolment *enrolmentView
	Faults    ui.Faults // of the password form
}

type enrolmentView struct {
	Secret string
	QR     string // path data of the QR code
	Size   int    // modules a side, quiet zone included
	Faults ui.Faults
}

func settingsPage(w http.ResponseWriter, r *Request) error { return r.showSettings(w, settingsView{}) }

func (r *Request) showSettings(w http.ResponseWriter, v settingsView) error {
	v.View, v.Staff, v.TOTP = r.choice, r.Principal().Staff(), r.Account.TOTPEnabled
	v.View.Language = r.Lang.Tag()
	for _, l := range lang.Tags() {
		v.Languages = append(v.Languages, ui.Option{Value: l.Tag, Label: l.Name})
	}
	p := ui.Page{Title: r.Lang.T("Settings"), Narrow: true}
	if len(v.Faults) > 0 || v.Enrolment != nil && len(v.Enrolment.Faults) > 0 {
		return Invalid(w, r, p, settingsForm(v))
	}
	return Page(w, r, p, settingsForm(v))
}

// settings keeps how pages look: in this browser, and the language with the account.
func settings(w http.ResponseWriter, r *Request) error {
	v := view{
		Theme:    oneOf(r.FormValue("theme"), "light", "dark"),
		Density:  oneOf(r.FormValue("density"), "comfortable"),
		Text:     oneOf(r.FormValue("text"), "large"),
		Language: lang.For(r.FormValue("language")).Tag(),
		NoKeys:   r.FormValue("keys") != "on" && r.Principal().Staff(),
	}
	v.save(w, r.Site)
	if v.Language != r.Account.Language {
		if err := r.Site.Accounts.SetLanguage(r.Context(), r.Principal(), r.Account.ID, v.Language); err != nil {
			return err
		}
	}
	r.Lang = lang.For(v.Language)
	r.Say(r.Lang.T("Settings saved."), "")
	return Redirect(w, r, "/settings")
}

func changePassword(w http.ResponseWriter, r *Request) error {
	var v settingsView
	next := r.FormValue("password")
	if err := identity.CheckPassword(next, r.Account.User); err != nil {
		v.Faults.Add("password", FaultText(r, err))
	} else if next != r.FormValue("again") {
		v.Faults.Add("again", r.Lang.T("The two passwords are not the same."))
	}
	if len(v.Faults) > 0 {
		return r.showSettings(w, v)
	}
	err := r.Site.Accounts.ChangePassword(r.Context(), r.Account.ID, r.FormValue("present"), next, address(r))
	if fault.Is(err, fault.Unauthorized) || fault.Is(err, fault.TooCostly) {
		v.Faults.Add("present", r.Lang.T("The present password is not right."))
		return r.showSettings(w, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The password is changed. Sign in with the new one."), "")
	return Redirect(w, r, "/sign-in")
}

func enrol(w http.ResponseWriter, r *Request) error {
	e, err := r.Site.Accounts.EnrolTOTP(r.Context(), r.Principal(), r.Account.ID)
	if err != nil {
		return err
	}
	return r.showEnrolment(w, e, nil)
}

func (r *Request) showEnrolment(w http.ResponseWriter, e identity.Enrolment, faults ui.Faults) error {
	path, size, err := qrPath(e.URL)
	if err != nil {
		return err
	}
	return r.showSettings(w, settingsView{Enrolment: &enrolmentView{Secret: e.Secret, QR: path, Size: size, Faults: faults}})
}

func confirmEnrolment(w http.ResponseWriter, r *Request) error {
	err := r.Site.Accounts.ConfirmTOTP(r.Context(), r.Principal(), r.Account.ID, r.FormValue("code"))
	if fault.Is(err, fault.Invalid) {
		// A new secret would make the person scan again: only the code is asked again.
		return r.showSettings(w, settingsView{Enrolment: &enrolmentView{Faults: ui.Faults{{Field: "code", Text: FaultText(r, err)}}}})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The second step is on: from now on, signing in asks for a code."), "")
	return Redirect(w, r, "/settings")
}

// qrPath draws a QR code as path data of 1 by 1 squares with the quiet zone of 4 modules.
func qrPath(content string) (path string, size int, err error) {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return "", 0, err
	}
	const quiet = 4
	side := code.Bounds().Dx()
	var b strings.Builder
	for y := range side {
		for x := range side {
			if black, _, _, _ := code.At(x, y).RGBA(); black == 0 {
				b.WriteString("M" + itoa(x+quiet) + " " + itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	return b.String(), side + 2*quiet, nil
}
