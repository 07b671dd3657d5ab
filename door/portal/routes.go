// Package portal is the web of patients: their results, medicines, messages and
// measurements in plain words, on a phone first.
//
// routes below is its site map. Everything is read and written through the patient's own
// Actor, which sees one compartment; clinical meaning lives in practice. No page needs
// JavaScript: forms are posted and pages come back.
package portal

import (
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/intake"
	"github.com/osler-emr/osler/practice/message"
)

// Area returns the portal for a site.
func Area() web.Area {
	return web.Area{Door: "portal", Home: "/portal", Shell: ui.PortalPage, Nav: navigation, Patients: true, Routes: routes}
}

// navigation is the bar of pages: at the top, and on a phone at the bottom, where Share and
// Privacy are behind More.
func navigation(r *web.Request) []ui.NavItem {
	list := []ui.NavItem{
		{Label: "Home", Href: "/portal", Icon: "home"},
		{Label: "Results", Href: "/portal/results", Icon: "flask"},
		{Label: "Medicines", Href: "/portal/medicines", Icon: "pill"},
		{Label: "Messages", Href: "/portal/messages", Icon: "msg", CountLabel: "not read yet"},
		{Label: "Measure", Href: "/portal/measure", Icon: "heart", Wide: true},
		{Label: "Share", Href: "/portal/share", Icon: "share", Wide: true},
		{Label: "Privacy", Href: "/portal/access", Icon: "eye", Wide: true},
		{Label: "More", Href: "/portal/more", Icon: "more"},
	}
	if r == nil || r.Actor == nil {
		return list
	}
	if r.Principal().Patient == "" { // who is no patient, and has not chosen for whom to act
		return []ui.NavItem{{Label: "Whose record", Href: "/whose", Icon: "user"}}
	}
	if limited(r) {
		list = slices.DeleteFunc(list, func(n ui.NavItem) bool { return n.Href == "/portal/access" })
	}
	unread, err := message.CountUnread(r.Context(), r.Actor)
	if err != nil {
		r.Site.Log.Warn("messages not counted", "error", err.Error())
		return list
	}
	list[3].Count = int(unread)
	return list
}

// routes is the site map. Every page has two addresses: of the own record, and of that of a
// person whom the reader acts for. Whose record it is stands in the address and nowhere else.
func routes(m *web.Mux) {
	m.Page("GET /whose", web.Patient, whose)
	m.Page("POST /whose/carers", web.Patient, web.Fresh(web.Granting, carerAdd))
	m.Page("POST /whose/{grant}/confirm", web.Patient, web.Fresh(web.Granting, carerConfirm))
	m.Page("POST /whose/{grant}/end", web.Patient, carerEnd)
	for _, at := range []string{"/portal", "/portal/for/{person}"} {
		bothPages(m, at)
	}
}

func bothPages(m *web.Mux, at string) {
	page := func(method, path string, h web.Handler) { m.Page(method+" "+at+path, web.Patient, acting(h)) }

	page("GET", "", home)
	page("GET", "/more", more)

	page("GET", "/results", results)
	page("GET", "/results/{id}", resultShow)
	page("POST", "/results/{id}/ask", resultAsk)

	page("GET", "/medicines", medicines)
	page("POST", "/medicines/refill", refillAsk)
	page("POST", "/medicines/refill/{task}/cancel", refillCancel)
	page("POST", "/medicines/tell", medicineTell)

	page("GET", "/health", health)
	page("GET", "/visits", visits)
	page("GET", "/visits/{id}", visitShow)

	page("GET", "/messages", messages)
	page("GET", "/messages/new", messageNew)
	page("POST", "/messages", messageSend)
	page("GET", "/messages/{thread}", messageShow)
	page("POST", "/messages/{thread}", messageReply)

	page("GET", "/measure", measure)
	page("GET", "/measure/{kind}", measureForm)
	page("POST", "/measure/{kind}", measureSave)

	page("GET", "/documents", documents)
	m.Stream("POST "+at+"/documents", web.Patient, intake.MaxFile+1<<20, acting(documentSend))
	m.Stream("GET "+at+"/documents/{document}", web.Patient, intake.MaxFile, acting(documentOpen))

	page("GET", "/access", access)
	page("GET", "/access/proof", web.Fresh(web.Exporting, accessProof))
	page("GET", "/access/disclosures", web.Fresh(web.Exporting, accessDisclosed))
	page("GET", "/rights", rightsShow)
	page("GET", "/rights/correct", correctForm)
	page("POST", "/rights/correct", correctAsk)
	page("GET", "/rights/restrict", restrictForm)
	page("POST", "/rights/restrict", restrictAsk)
	page("GET", "/rights/reach", reachForm)
	page("POST", "/rights/reach", reachAsk)
	page("POST", "/rights/consent", consentGive)
	page("POST", "/rights/consent/withdraw", consentEnd)
	page("GET", "/rights/{request}", rightShow)
	page("POST", "/rights/{request}/withdraw", rightWithdraw)
	page("POST", "/rights/{request}/disagree", rightDisagree)
	page("GET", "/share", share)
	m.Stream("GET "+at+"/download", web.Patient, 1<<20, acting(web.Fresh(web.Exporting, download))) // as long as it is
	page("GET", "/record", web.Fresh(web.Exporting, wholeRecord))
	page("GET", "/emergency", emergencySheet)
}
