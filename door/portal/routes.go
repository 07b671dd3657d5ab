// Package portal is the web of patients: their results, medicines, messages and
// measurements in plain words, on a phone first.
//
// routes below is its site map. Everything is read and written through the patient's own
// Actor, which sees one compartment; clinical meaning lives in practice. No page needs
// JavaScript: forms are posted and pages come back.
package portal

import (
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
	unread, err := message.CountUnread(r.Context(), r.Actor)
	if err != nil {
		r.Site.Log.Warn("messages not counted", "error", err.Error())
		return list
	}
	list[3].Count = int(unread)
	return list
}

// routes is the site map.
func routes(m *web.Mux) {
	m.Page("GET /portal", web.Patient, home)
	m.Page("GET /portal/more", web.Patient, more)

	m.Page("GET /portal/results", web.Patient, results)
	m.Page("GET /portal/results/{id}", web.Patient, resultShow)
	m.Page("POST /portal/results/{id}/ask", web.Patient, resultAsk)

	m.Page("GET /portal/medicines", web.Patient, medicines)
	m.Page("POST /portal/medicines/refill", web.Patient, refillAsk)
	m.Page("POST /portal/medicines/refill/{task}/cancel", web.Patient, refillCancel)
	m.Page("POST /portal/medicines/tell", web.Patient, medicineTell)

	m.Page("GET /portal/health", web.Patient, health)
	m.Page("GET /portal/visits", web.Patient, visits)
	m.Page("GET /portal/visits/{id}", web.Patient, visitShow)

	m.Page("GET /portal/messages", web.Patient, messages)
	m.Page("GET /portal/messages/new", web.Patient, messageNew)
	m.Page("POST /portal/messages", web.Patient, messageSend)
	m.Page("GET /portal/messages/{thread}", web.Patient, messageShow)
	m.Page("POST /portal/messages/{thread}", web.Patient, messageReply)

	m.Page("GET /portal/measure", web.Patient, measure)
	m.Page("GET /portal/measure/{kind}", web.Patient, measureForm)
	m.Page("POST /portal/measure/{kind}", web.Patient, measureSave)

	m.Page("GET /portal/documents", web.Patient, documents)
	m.Stream("POST /portal/documents", web.Patient, intake.MaxFile+1<<20, documentSend)
	m.Stream("GET /portal/documents/{document}", web.Patient, intake.MaxFile, documentOpen)

	m.Page("GET /portal/access", web.Patient, access)
	m.Page("GET /portal/access/proof", web.Patient, accessProof)
	m.Page("GET /portal/access/disclosures", web.Patient, accessDisclosed)
	m.Page("GET /portal/share", web.Patient, share)
	m.Page("GET /portal/download", web.Patient, download)
	m.Page("GET /portal/record", web.Patient, wholeRecord)
	m.Page("GET /portal/emergency", web.Patient, emergencySheet)
}
