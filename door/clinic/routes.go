// Package clinic is the web of the people who work in the clinic.
//
// routes below is its site map, one line a route. A page is a handler (noun_verb.go), a view
// struct and a template beside it. Clinical meaning lives in practice; values are drawn by
// door/ui.
package clinic

import (
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
)

// Area returns the clinic's web for a site.
func Area() web.Area {
	return web.Area{Door: "clinic", Home: "/today", Shell: ui.ClinicPage, Nav: navigation, Routes: routes}
}

// routes is the site map.
func routes(m *web.Mux) {
	m.Page("GET /today", web.Staff, today)
	m.Page("GET /inbox", web.Staff, inbox)
	m.Page("POST /inbox/sign", web.Clinical, inboxSign)
	m.Page("GET /inbox/{task}", web.Staff, inboxOpen)
	m.Page("POST /inbox/{task}/done", web.Staff, inboxDone)
	m.Page("POST /inbox/{task}/reply", web.Clinical, inboxReply)
	m.Page("POST /inbox/{task}/accept", web.Clinical, inboxAccept)
	m.Page("POST /inbox/{task}/reject", web.Clinical, inboxReject)
	m.Page("POST /inbox/{task}/pass", web.Staff, inboxPass)

	m.Page("GET /find", web.Staff, patientFind)
	m.Page("GET /charts", web.Staff, chartList)
	m.Page("GET /register", web.Desk, registerForm)
	m.Page("GET /register/matches", web.Desk, registerMatches)
	m.Page("POST /register", web.Desk, register)
	m.Page("GET /p/{patient}/details", web.Staff, details)
	m.Page("POST /p/{patient}/details", web.Desk, saveDetails)

	m.Page("GET /schedule", web.Staff, scheduleDay)
	m.Page("GET /schedule/people", web.Desk, schedulePeople)
	m.Page("POST /schedule/book", web.Desk, scheduleBook)
	m.Page("POST /schedule/{id}/move", web.Desk, scheduleMove)

	m.Page("GET /p/{patient}/messages", web.Clinical, messages)
	m.Page("POST /p/{patient}/messages", web.Clinical, messageSend)
	m.Page("POST /p/{patient}/messages/{thread}", web.Clinical, messageReply)
}
