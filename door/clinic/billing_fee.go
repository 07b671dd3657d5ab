package clinic

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/billing"
)

// feesView is the clinic's price list.
type feesView struct {
	Fees   billing.Schedule
	Code   string // the line that was typed into, with Typed and a fault
	Typed  string
	Faults ui.Faults
}

func feeList(w http.ResponseWriter, r *web.Request) error {
	fees, err := billing.Fees(r.Context(), r.Actor)
	if err != nil {
		return err
	}
	return feesView{Fees: fees}.show(w, r)
}

func (v feesView) show(w http.ResponseWriter, r *web.Request) error {
	p := ui.Page{Title: r.Lang.T("Fees"), Active: "/fees", Sheets: []string{"office.css"}}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, feesPage(v))
	}
	return web.Page(w, r, p, feesPage(v))
}

// feeSave changes the amount of one line.
func feeSave(w http.ResponseWriter, r *web.Request) error {
	code := r.PathValue("code")
	version, err := parseVersion(r.FormValue("version"))
	if err != nil {
		return fault.New(fault.Malformed, "The form cannot be read. Open the page again.")
	}
	saved, err := billing.SetPrice(r.Context(), r.Actor, code, r.FormValue("price"), version)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.Stale) {
		fees, listErr := billing.Fees(r.Context(), r.Actor)
		if listErr != nil {
			return listErr
		}
		v := feesView{Fees: fees, Code: code, Typed: r.FormValue("price")}
		v.Faults.Add("price-"+code, sentence(r, err))
		return v.show(w, r)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Fee saved. Charges that were made keep their price."), saved.Undo)
	return web.Redirect(w, r, "/fees")
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// feeStart writes the first price list of a clinic, to be changed line by line.
func feeStart(w http.ResponseWriter, r *web.Request) error {
	currency := r.FormValue("currency")
	if !currencyCode.MatchString(currency) {
		v := feesView{}
		v.Faults.Add("currency", r.Lang.T("Type the three letters of the currency, such as USD."))
		return v.show(w, r)
	}
	if err := billing.SetDefaults(r.Context(), r.Actor, currency); err != nil {
		return err
	}
	r.Say(r.Lang.T("The price list is there. The amounts are placeholders: set your own."), "")
	return web.Redirect(w, r, "/fees")
}

func (v feesView) price(f billing.Fee) string {
	if f.Code == v.Code {
		return v.Typed
	}
	return f.Price.Amount.String()
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
