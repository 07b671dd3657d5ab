package clinic

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/order"
	"github.com/osler-emr/osler/trust"
)

// testsShown is how many tests the search lists.
const testsShown = 10

// ordersView is the page of a patient's laboratory orders.
type ordersView struct {
	Frame    chartFrame
	Orders   order.Orders
	Names    map[string]string
	Problems []ui.Option
	Typed    string
	Found    []order.Orderable
	Visit    string
	Key      string
	MaySign  bool
	MayFile  bool
	Faults   ui.Faults
	Again    string // LOINC of a test that is open already and was asked for again
}

func orders(w http.ResponseWriter, r *web.Request) error { return showOrders(w, r, nil, "") }

func showOrders(w http.ResponseWriter, r *web.Request, faults ui.Faults, again string) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v := newOrdersView(r)
	v.Frame, v.Faults, v.Again = frameOf(r, c, "orders"), faults, again
	v.Orders = order.From(c.Resources("ServiceRequest"), c.Patient.ID)
	v.Frame.Counts["orders"] = len(v.Orders.Open)
	var refs []string
	for _, o := range append(v.Orders.Open, v.Orders.Done...) {
		refs = append(refs, o.Requester)
	}
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	v.Problems = append(v.Problems, ui.Option{Value: "", Label: r.Lang.T("no reason given")})
	for _, p := range c.ActiveProblems() {
		v.Problems = append(v.Problems, ui.Option{Value: p.Reference(), Label: p.Text})
	}
	if open, ok := c.OpenVisit(); ok && v.Visit == "" {
		v.Visit = open.ID
	}
	p := chartPage(r, c, "Orders")
	p.Sheets = append(p.Sheets, "rx.css")
	p.Scripts = append(p.Scripts, "pick.js")
	if len(faults) > 0 {
		return web.Invalid(w, r, p, ordersPage(v))
	}
	return web.Page(w, r, p, ordersPage(v))
}

func newOrdersView(r *web.Request) ordersView {
	v := ordersView{Typed: strings.TrimSpace(r.FormValue("q")), Visit: r.FormValue("encounter"), Key: nonce(r)}
	v.Frame.Patient = r.PathValue("patient")
	v.Found = order.Search(v.Typed, testsShown)
	v.MaySign = r.Principal().Role == trust.Physician
	v.MayFile = mayWrite(r, "Observation")
	return v
}

// testSearch is the list of tests for what was typed.
func testSearch(w http.ResponseWriter, r *web.Request) error {
	return web.Render(w, r, testOptions(newOrdersView(r)))
}

// Path is an address below this page.
func (v ordersView) Path(part string) string {
	return strings.TrimSuffix("/p/"+v.Frame.Patient+"/orders/"+part, "/")
}

// SearchPath is the address of the search, which knows the visit.
func (v ordersView) SearchPath() string {
	path := "/p/" + v.Frame.Patient + "/test-search"
	if v.Visit != "" {
		path += "?" + url.Values{"encounter": {v.Visit}}.Encode()
	}
	return path
}

// openOrder is the open order of a test.
func (v ordersView) openOrder(loinc string) bool {
	for _, o := range v.Orders.Open {
		if o.LOINC == loinc && loinc != "" {
			return true
		}
	}
	return false
}

// contents are the names of a panel's tests, for its line in the search.
func contents(o order.Orderable) string {
	if o.Single() {
		return ""
	}
	var names []string
	for _, t := range o.Tests() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}
