package web

import (
	"net/http"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
)

type settingsView struct {
	View      view
	Languages []ui.Option
	Staff     bool
}

func settingsPage(w http.ResponseWriter, r *Request) error { return r.showSettings(w, settingsView{}) }

func (r *Request) showSettings(w http.ResponseWriter, v settingsView) error {
	v.View, v.Staff = r.choice, r.Principal().Staff()
	v.View.Language = r.Lang.Tag()
	for _, l := range lang.Tags() {
		v.Languages = append(v.Languages, ui.Option{Value: l.Tag, Label: l.Name})
	}
	return Page(w, r, ui.Page{Title: r.Lang.T("Settings"), Narrow: true}, settingsForm(v))
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
