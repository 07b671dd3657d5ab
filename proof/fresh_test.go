package proof

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/minor"
)

// asks are the routes that export, sign, destroy, or change who may come in or what they may see:
// each by the demand that its question names.
var asks = map[string]string{
	"GET /audit/disclosures.csv": web.Exporting.Why, "GET /audit/export.csv": web.Exporting.Why,
	"GET /portal/access/proof": web.Exporting.Why, "GET /portal/access/disclosures": web.Exporting.Why,
	"GET /portal/download": web.Exporting.Why, "GET /portal/record": web.Exporting.Why,

	"POST /inbox/sign": web.Signing.Why, "POST /inbox/{task}/done": web.Signing.Why, "POST /p/{patient}/results/sign": web.Signing.Why,
	"POST /p/{patient}/notes/{note}/amend": web.Signing.Why, "POST /p/{patient}/visit/{encounter}/sign": web.Signing.Why,
	"POST /p/{patient}/medications/renew": web.Signing.Why, "POST /p/{patient}/medications/refill": web.Signing.Why,
	"POST /p/{patient}/prescriptions": web.Signing.Why, "POST /p/{patient}/orders": web.Signing.Why,
	"POST /p/{patient}/rights/{request}/{act}": web.Signing.Why,

	"POST /settings/password": web.Granting.Why, "POST /settings/passkeys": web.Granting.Why, "POST /settings/passkeys/{passkey}/remove": web.Granting.Why,
	"POST /settings/second-factor": web.Granting.Why, "POST /settings/second-factor/confirm": web.Granting.Why, "POST /settings/second-factor/remove": web.Granting.Why,
	"POST /settings/recovery": web.Granting.Why, "POST /settings/single": web.Granting.Why, "POST /settings/single/remove": web.Granting.Why,
	"POST /people/invite": web.Granting.Why, "POST /people/single-sign-on": web.Granting.Why, "POST /people/single-sign-on/end": web.Granting.Why,
	"POST /people/{account}/link": web.Granting.Why, "POST /people/{account}/role": web.Granting.Why, "POST /people/{account}/lend": web.Granting.Why,
	"POST /people/{account}/paper": web.Granting.Why, "POST /people/{account}/end": web.Granting.Why, "POST /people/{account}/disconnect": web.Granting.Why,
	"POST /people/{account}/factor": web.Granting.Why, "POST /people/{account}/disable": web.Granting.Why, "POST /people/{account}/enable": web.Granting.Why,
	"POST /p/{patient}/portal": web.Granting.Why, "POST /p/{patient}/portal/{account}/link": web.Granting.Why, "POST /p/{patient}/proxies": web.Granting.Why,
	"POST /portal-access/grants/{grant}": web.Granting.Why, "POST /portal-access/links/{account}": web.Granting.Why,
	"POST /whose/carers": web.Granting.Why, "POST /whose/{grant}/confirm": web.Granting.Why,
	"POST /retention/holds/{patient}/lift": web.Granting.Why,

	"POST /p/{patient}/sight/{type}/{id}": web.Opening.Why, "POST /p/{patient}/objections": web.Opening.Why, "POST /p/{patient}/objections/{consent}/lift": web.Opening.Why,
	"POST /privacy/ages": web.Opening.Why, "POST /access": web.Opening.Why, "POST /people/{account}/clearance": web.Opening.Why,
	"POST /programs/new": web.Opening.Why, "POST /programs/{client}": web.Opening.Why, "POST /oauth/consent": web.Opening.Why,

	"POST /p/{patient}/emergency-access": web.Emergency.Why,

	"POST /safety/keys": web.Rekeying.Why,

	"POST /retention/{patient}/ask": web.Destroying.Why, "POST /retention/{patient}/destroy": web.Destroying.Why,
}

// free are the routes that change something, or give a file out, and ask nobody anew: each group
// with its reason.
var free = map[string][]string{
	"it is the question": {"POST /prove"},
	"it takes access away, which must not wait": {"POST /settings/sessions/{session}/end", "POST /settings/apps/{grant}/end", "POST /glass/{grant}/end", "POST /p/{patient}/proxies/{grant}/end",
		"POST /whose/{grant}/end", "POST /lock"},
	"it says that one knows of it, or takes it back":                                                                    {"POST /settings/paper"},
	"it is how the person reads the pages":                                                                              {"POST /settings"},
	"it keeps what is being typed, or takes back what the same person did a moment ago":                                 {"POST /draft", "POST /undo"},
	"it looks at what is there and notes what was found; nothing opens by it":                                           {"POST /audit/unusual/{finding}", "POST /audit/verify", "POST /access/why", "POST /privacy/glass/{grant}"},
	"it makes data safer: a backup to the place that the operator chose, a hold against destruction":                    {"POST /safety", "POST /retention/holds"},
	"it is money, which no signature carries":                                                                           {"POST /billing/{patient}/charges/{charge}", "POST /billing/{patient}/statement", "POST /p/{patient}/statement", "POST /fees/start", "POST /fees/{code}"},
	"it is the work of every minute at the front desk":                                                                  {"POST /register", "POST /p/{patient}/details", "POST /schedule/book", "POST /schedule/{id}/move", "POST /duplicates/{task}/different", "POST /duplicates/{task}/same"},
	"it is the work of every minute in a chart, named and undone easily; what carries a signature comes with the visit": {"POST /p/{patient}/confirm", "POST /p/{patient}/problems", "POST /p/{patient}/problems/{problem}/{change}", "POST /p/{patient}/allergies", "POST /p/{patient}/allergies/none", "POST /p/{patient}/allergies/{allergy}/refute", "POST /p/{patient}/vitals", "POST /p/{patient}/vitals/{id}", "POST /p/{patient}/prescribe/weight", "POST /p/{patient}/documents", "POST /p/{patient}/documents/import", "POST /p/{patient}/documents/{document}/review", "POST /p/{patient}/documents/{document}/undo/{batch}", "POST /p/{patient}/visit", "POST /p/{patient}/visit/{encounter}/edit/{change}", "POST /p/{patient}/orders/{order}/result", "POST /p/{patient}/results/new", "POST /p/{patient}/results/{code}", "POST /inbox/{task}/reply", "POST /inbox/{task}/accept", "POST /inbox/{task}/reject", "POST /inbox/{task}/pass", "POST /p/{patient}/messages", "POST /p/{patient}/messages/{thread}"},
	"it stops something, which must not wait":                                                                           {"POST /p/{patient}/medications/stop", "POST /p/{patient}/orders/{order}/cancel"},
	"it prepares: signing is asked for afterwards":                                                                      {"POST /p/{patient}/prescribe", "POST /p/{patient}/prescribe/compose"},
	"it starts a program that was let in already, or that asks on the page of consent":                                  {"POST /programs/{client}/start"},
	"it is one document, as a page is":                                                                                  {"GET /p/{patient}/documents/{document}", "GET /portal/documents/{document}"},
	"the patient tells or asks the clinic, which answers: nothing opens by it":                                          {"POST /portal/results/{id}/ask", "POST /portal/medicines/refill", "POST /portal/medicines/refill/{task}/cancel", "POST /portal/medicines/tell", "POST /portal/messages", "POST /portal/messages/{thread}", "POST /portal/measure/{kind}", "POST /portal/documents", "POST /portal/rights/correct", "POST /portal/rights/restrict", "POST /portal/rights/reach", "POST /portal/rights/{request}/withdraw", "POST /portal/rights/{request}/disagree"},

	"it is what the clinic prints about itself; it is in the audit log":                       {"POST /privacy/contact"},
	"it is a consent, which opens nothing to who records it, or its end, which must not wait": {"POST /p/{patient}/consent", "POST /p/{patient}/consent/withdraw", "POST /portal/rights/consent", "POST /portal/rights/consent/withdraw"},
}

// TestWhatIsGraveAsksWhoItIs walks all routes forty minutes after everybody's last proof: each that
// changes something or gives a file out asks who it is, or stands in a list that says why not.
func TestWhatIsGraveAsksWhoItIs(t *testing.T) {
	h := full(t)
	reason := map[string]string{}
	for why, patterns := range free {
		for _, p := range patterns {
			if reason[p] != "" || asks[p] != "" {
				t.Errorf("%s stands in two lists", p)
			}
			reason[p] = why
		}
	}
	rosa, err := h.site.Accounts.FindByUser(t.Context(), "rosa")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.site.Accounts.GrantProxy(t.Context(), trust.System("test"), identity.ProxyDraft{Account: rosa.ID, Patient: "sam", Related: "r1", Kind: identity.Carer, Level: minor.Full, Until: noon.AddDate(1, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	request := h.consentAsked(t)
	for range 4 {
		h.clock.Advance(identity.StaffIdle - time.Minute)
		for who := range h.people {
			h.ask(who, "GET", "/stay", "")
		}
	}
	keepers := []struct {
		role web.Policy
		user string
	}{{web.Administrator, "ada"}, {web.Physician, "amara"}, {web.Records, "rex"}, {web.FrontDesk, "dana"}, {web.Biller, "bill"}, {web.Auditor, "gus"}, {web.Patient, "rosa"}}
	met := map[string]bool{}
	for _, rt := range h.routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		pattern := strings.Replace(rt.Pattern, "/portal/for/{person}", "/portal", 1)
		met[pattern] = true
		if rt.Policy&web.Public != 0 || path == "/lock" {
			continue
		}
		body := ""
		if path == "/oauth/consent" {
			body = url.Values{"request": {request}}.Encode()
		}
		for _, k := range keepers {
			if rt.Policy&k.role == 0 {
				continue
			}
			if path == "/oauth/consent" {
				k.user = "rosa"
			}
			a := h.ask(k.user, method, fill(strings.Replace(path, "{person}", "sam", 1), "rosa", "r"), body)
			asked := a.status == http.StatusUnauthorized && strings.Contains(a.body, "Confirm that it is you")
			file := a.header.Get("Content-Disposition") != "" && !strings.Contains(a.header.Get("Content-Disposition"), "inline")
			switch {
			case asks[pattern] != "" && (!asked || !strings.Contains(html.UnescapeString(a.body), asks[pattern])):
				t.Errorf("%s by %s: %d, and nobody was asked: %q", rt.Pattern, k.user, a.status, asks[pattern])
			case asked && asks[pattern] == "":
				t.Errorf("%s asks, and stands in no list of those which do", rt.Pattern)
			case asks[pattern] == "" && reason[pattern] == "" && (file || method != "GET" && !rt.Finds):
				t.Errorf("%s changes something or gives a file out: let it ask who it is (web.Fresh), or say here why not", rt.Pattern)
			}
			break
		}
	}
	for _, list := range []map[string]string{asks, reason} {
		for p := range list {
			if !met[p] {
				t.Errorf("%s stands in a list and is no route", p)
			}
		}
	}
}
