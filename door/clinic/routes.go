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
	return web.Area{Door: "clinic", Home: "/today", HomeOf: homeOf, Shell: ui.ClinicPage, Nav: navigation, Routes: routes}
}

// deciding is who answers what patients ask about their record, as rights.MayDecide.
const deciding = web.Physician | web.Records

// preparing is who writes prescriptions for a physician to sign, as trust/policy has it.
const preparing = web.Nurse | web.MedicalAssistant | web.Pharmacist

// routes is the site map.
func routes(m *web.Mux) {
	office(m)

	m.Page("GET /today", web.Clinical, today)
	m.Page("GET /inbox", web.Desk, web.Costly(inbox))
	m.Page("POST /inbox/sign", web.Clinical, web.Fresh(web.Signing, inboxSign))
	m.Page("GET /inbox/{task}", web.Desk, inboxOpen)
	m.Page("POST /inbox/{task}/done", web.Desk, inboxDone)
	m.Page("POST /inbox/{task}/reply", web.Clinical, inboxReply)
	m.Page("POST /inbox/{task}/accept", web.Clinical, inboxAccept)
	m.Page("POST /inbox/{task}/reject", web.Clinical, inboxReject)
	m.Page("POST /inbox/{task}/pass", web.Desk, inboxPass)

	m.Find("/find", web.Finding, web.Costly(patientFind))
	m.Page("GET /charts", web.Desk, web.Costly(chartList))
	m.Find("/charts", web.Desk, web.Costly(chartList))
	m.Page("GET /register", web.Desk, registerForm)
	m.Find("/register/matches", web.Desk, web.Costly(registerMatches))
	m.Page("POST /register", web.Desk, register)
	m.Page("GET /p/{patient}/details", web.Desk, details)
	m.Page("POST /p/{patient}/details", web.Desk, saveDetails)

	m.Page("GET /schedule", web.Desk, scheduleDay)
	m.Find("/schedule/people", web.Desk, schedulePeople)
	m.Page("POST /schedule/book", web.Desk, scheduleBook)
	m.Page("POST /schedule/{id}/move", web.Desk, scheduleMove)

	m.Page("GET /p/{patient}", web.Desk|web.Biller, chartShow)
	m.Page("POST /p/{patient}/confirm", web.Clinical, confirmDoubt)
	m.Page("GET /p/{patient}/problems", web.Clinical, problemsShow)
	m.Page("POST /p/{patient}/problems", web.Clinical, problemAdd)
	m.Find("/p/{patient}/problems/find", web.Clinical, problemFind)
	m.Page("POST /p/{patient}/problems/{problem}/{change}", web.Clinical, problemChange)
	m.Page("GET /p/{patient}/allergies", web.Clinical, allergiesShow)
	m.Page("POST /p/{patient}/allergies", web.Clinical, allergyAdd)
	m.Find("/p/{patient}/allergies/find", web.Clinical, allergyFind)
	m.Page("POST /p/{patient}/allergies/none", web.Clinical, allergyNone)
	m.Page("POST /p/{patient}/allergies/{allergy}/refute", web.Clinical, allergyRefute)
	m.Page("GET /p/{patient}/vitals", web.Clinical, vitalsShow)
	m.Page("POST /p/{patient}/vitals", web.Clinical, vitalsRecord)
	m.Page("GET /p/{patient}/vitals/{id}", web.Clinical, measurementShow)
	m.Page("POST /p/{patient}/vitals/{id}", web.Clinical, measurementFix)
	m.Page("GET /p/{patient}/immunizations", web.Clinical, immunizationsShow)
	m.Page("GET /p/{patient}/documents", web.Clinical, documentsShow)
	m.Stream("POST /p/{patient}/documents", web.Clinical, web.MaxUpload, documentAdd)
	m.Stream("GET /p/{patient}/documents/{document}", web.Clinical, web.MaxUpload, documentOpen)
	m.Stream("POST /p/{patient}/documents/import", web.Clinical, web.MaxUpload, documentImport)
	m.Page("GET /p/{patient}/documents/{document}/review", web.Clinical, web.Costly(importShow))
	m.Page("POST /p/{patient}/documents/{document}/review", web.Clinical, web.Costly(importDecide))
	m.Page("GET /p/{patient}/documents/{document}/whole", web.Clinical, web.Costly(importWhole))
	m.Page("POST /p/{patient}/documents/{document}/undo/{batch}", web.Clinical, web.Costly(importUndo))
	m.Page("GET /p/{patient}/timeline", web.Clinical, timelineShow)
	m.Page("GET /p/{patient}/notes", web.Clinical, notesShow)
	m.Page("GET /p/{patient}/notes/{note}", web.Clinical, noteShow)
	m.Page("POST /p/{patient}/notes/{note}/amend", web.Clinical, web.Fresh(web.Signing, noteAmend))
	m.Page("POST /p/{patient}/visit", web.Clinical, visitStart)
	m.Page("GET /p/{patient}/visit/{encounter}", web.Clinical, visitShow)
	m.Find("/p/{patient}/visit/{encounter}/phrases", web.Clinical, visitPhrases)
	m.Page("POST /p/{patient}/visit/{encounter}/edit/{change}", web.Clinical, visitEdit)
	m.Page("POST /p/{patient}/visit/{encounter}/sign", web.Clinical, web.Fresh(web.Signing, visitSign))
	m.Page("GET /p/{patient}/charges", web.Clinical|web.Biller, chargesShow)
	m.Page("POST /p/{patient}/statement", web.Physician|web.Biller, statementIssue)
	m.Page("GET /p/{patient}/statement/{invoice}", web.Clinical|web.Biller|web.FrontDesk, statementShow)

	m.Page("GET /requests", deciding, requests)
	m.Page("GET /p/{patient}/rights", web.Desk, rightsShow)
	m.Page("GET /p/{patient}/rights/{request}", web.Clinical, rightShow)
	m.Page("POST /p/{patient}/rights/{request}/{act}", deciding, web.Fresh(web.Signing, rightDecide))

	m.Page("GET /p/{patient}/sight", deciding, sightList)
	m.Page("GET /p/{patient}/sight/{type}/{id}", deciding, sightShow)
	m.Page("POST /p/{patient}/sight/{type}/{id}", deciding, web.Fresh(web.Opening, sightSet))
	m.Page("POST /p/{patient}/consent", web.FrontDesk|web.Records, consentGive)
	m.Page("POST /p/{patient}/consent/withdraw", web.FrontDesk|deciding, consentEnd)
	m.Page("POST /p/{patient}/objections", deciding, web.Fresh(web.Opening, objectionAdd))
	m.Page("POST /p/{patient}/objections/{consent}/lift", deciding, web.Fresh(web.Opening, objectionLift))

	m.Page("GET /p/{patient}/looked", web.Clinical|web.Audit, lookedShow)
	m.Page("GET /p/{patient}/emergency", web.Clinical, emergencySheet)
	m.Page("GET /p/{patient}/messages", web.Clinical, messages)
	m.Page("POST /p/{patient}/messages", web.Clinical, messageSend)
	m.Page("POST /p/{patient}/messages/{thread}", web.Clinical, messageReply)

	m.Page("GET /p/{patient}/medications", web.Clinical, medications)
	m.Page("GET /p/{patient}/meds", web.Clinical, medsAlias)
	m.Page("POST /p/{patient}/medications/renew", web.Physician, web.Fresh(web.Signing, medicationRenew))
	m.Page("POST /p/{patient}/medications/stop", web.Clinical, medicationStop)
	m.Page("POST /p/{patient}/medications/refill", web.Physician, web.Fresh(web.Signing, medicationRefill))
	m.Page("GET /p/{patient}/prescribe", web.Clinical, prescribe)
	m.Page("POST /p/{patient}/prescribe", web.Clinical, prescribe)
	m.Find("/p/{patient}/prescribe/find", web.Clinical, prescribe)
	m.Page("POST /p/{patient}/prescribe/weight", web.Clinical, prescribeWeigh)
	m.Page("GET /p/{patient}/prescribe/compose", web.Clinical, prescribeCompose)
	m.Page("POST /p/{patient}/prescribe/compose", web.Clinical, prescribeCompose)
	m.Find("/p/{patient}/medicine-search", web.Clinical, medicineSearch)
	m.Page("POST /p/{patient}/prescriptions", web.Physician, web.Fresh(web.Signing, prescribeSign))
	m.Page("POST /p/{patient}/prescriptions/prepare", preparing, prescribePrepare)
	m.Page("GET /p/{patient}/orders", web.Clinical, orders)
	m.Page("POST /p/{patient}/orders", web.Physician, web.Fresh(web.Signing, orderPlace))
	m.Find("/p/{patient}/orders/find", web.Clinical, orders)
	m.Find("/p/{patient}/test-search", web.Clinical, testSearch)
	m.Page("POST /p/{patient}/orders/{order}/cancel", web.Physician, orderCancel)
	m.Page("GET /p/{patient}/orders/{order}/result", web.Clinical, resultEnter)
	m.Page("POST /p/{patient}/orders/{order}/result", web.Clinical, resultFile)
	m.Page("GET /p/{patient}/results", web.Clinical, results)
	m.Page("GET /p/{patient}/results/new", web.Clinical, resultEnter)
	m.Page("POST /p/{patient}/results/new", web.Clinical, resultFile)
	m.Page("POST /p/{patient}/results/sign", web.Clinical, web.Fresh(web.Signing, resultSign))
	m.Page("GET /p/{patient}/results/{code}", web.Clinical, resultTrend)
	m.Page("POST /p/{patient}/results/{code}", web.Clinical, resultWithdraw)
}
