package clinic

import "github.com/osler-emr/osler/door/web"

// office is the part of the site map beside the patients' charts: audit, safety, emergency access, duplicates,
// billing and people.
func office(m *web.Mux) {
	m.Page("GET /audit", web.Audit, web.Costly(audit))
	m.Find("/audit", web.Audit, audit)
	m.Page("GET /audit/disclosures.csv", web.Audit, web.Fresh(web.Exporting, auditAccounting))
	m.Page("GET /audit/unusual", web.Audit, web.Costly(unusualShow))
	m.Page("POST /audit/unusual/{finding}", web.Audit, unusualReview)
	m.Page("POST /audit/verify", web.Audit, auditVerify)
	m.Page("GET /audit/export.csv", web.Audit, web.Fresh(web.Exporting, auditExport))
	m.Page("GET /safety", web.Audit, safetyShow)
	m.Page("POST /safety", web.Administrator, safetyBackUp)
	m.Page("GET /safety/keys", web.Administrator, keysShow)
	m.Page("POST /safety/keys", web.Administrator, web.Fresh(web.Rekeying, keysChange))

	const opening = web.Physician | web.Nurse | web.Pharmacist // as policy.MayBreakGlass
	m.Page("GET /emergency-access", opening, closedForm)
	m.Find("/emergency-access", opening, closedFind)
	m.Page("GET /p/{patient}/emergency-access", opening, glassForm)
	m.Page("POST /p/{patient}/emergency-access", opening, web.Fresh(web.Emergency, glassOpen))
	m.Page("POST /glass/{grant}/end", opening|web.Audit, glassEnd)
	m.Page("GET /privacy", web.Audit, privacy)
	m.Page("POST /privacy/contact", web.Administrator, contactSet)
	m.Page("POST /privacy/ages", web.Administrator, web.Fresh(web.Opening, agesSet))
	m.Page("POST /privacy/glass/{grant}", web.Audit, glassReview)

	const archivists = web.Records | web.Administrator // as record.AskToShred and identity.PlaceHold
	m.Page("GET /retention", archivists|web.Auditor, web.Costly(retentionShow))
	m.Page("GET /retention/certificates/{index}", archivists|web.Auditor, certificateShow)
	m.Page("POST /retention/holds", archivists, holdPlace)
	m.Page("POST /retention/holds/{patient}/lift", archivists, web.Fresh(web.Granting, holdLift))
	m.Page("POST /retention/{patient}/ask", archivists, web.Fresh(web.Destroying, disposalAsk))
	m.Page("POST /retention/{patient}/destroy", archivists, web.Fresh(web.Destroying, disposalConfirm))

	m.Page("GET /duplicates", web.Desk, web.Costly(duplicateList))
	m.Page("GET /duplicates/{task}", web.Desk, duplicateShow)
	m.Page("POST /duplicates/{task}/different", web.Desk, duplicateDifferent)
	m.Page("POST /duplicates/{task}/same", web.Desk, duplicateSame)

	m.Page("GET /billing", web.Biller, web.Costly(billingWork))
	m.Page("GET /billing/{patient}", web.Biller, billingPatient)
	m.Page("POST /billing/{patient}/charges/{charge}", web.Biller, chargeSave)
	m.Page("POST /billing/{patient}/statement", web.Biller, statementMake)
	m.Page("GET /statements", web.Biller, web.Costly(statementList))
	m.Page("GET /fees", web.Fees, feeList)
	m.Page("POST /fees/start", web.Fees, feeStart)
	m.Page("POST /fees/{code}", web.Fees, feeSave)

	m.Page("GET /access", web.Audit, accessShow)
	m.Page("POST /access", web.Administrator, web.Fresh(web.Opening, accessChange))
	m.Page("GET /consents/missing", web.FrontDesk|web.Records, web.Costly(unconsentedShow))
	m.Page("POST /access/why", web.Audit, accessWhy)

	m.Page("GET /people", web.Staff, keeping(accountList))
	m.Page("GET /people/invite", web.Staff, keeping(staffInviteForm))
	m.Page("POST /people/invite", web.Staff, keeping(web.Fresh(web.Granting, staffInvite)))
	m.Page("GET /people/single-sign-on", web.Administrator, singleShow)
	m.Page("POST /people/single-sign-on", web.Administrator, web.Fresh(web.Granting, singleSave))
	m.Page("POST /people/single-sign-on/end", web.Administrator, web.Fresh(web.Granting, singleEnd))
	m.Page("GET /people/{account}", web.Staff, keeping(accountShow))
	m.Page("POST /people/{account}/link", web.Staff, keeping(web.Fresh(web.Granting, accountLink)))
	m.Page("POST /people/{account}/role", web.Administrator, web.Fresh(web.Granting, accountRole))
	m.Page("POST /people/{account}/lend", web.Administrator, web.Fresh(web.Granting, accountLend))
	m.Page("POST /people/{account}/paper", web.Staff, keeping(web.Fresh(web.Granting, accountPaper)))
	m.Page("POST /people/{account}/clearance", web.Administrator, web.Fresh(web.Opening, accountClearance))
	m.Page("POST /people/{account}/end", web.Administrator, web.Fresh(web.Granting, accountEnd))
	m.Page("POST /people/{account}/disconnect", web.Administrator, web.Fresh(web.Granting, accountDisconnect))
	m.Page("POST /people/{account}/factor", web.Administrator, web.Fresh(web.Granting, accountFactor))
	m.Page("POST /people/{account}/disable", web.Administrator, web.Fresh(web.Granting, accountDisable))
	m.Page("POST /people/{account}/enable", web.Administrator, web.Fresh(web.Granting, accountEnable))
	m.Page("GET /p/{patient}/portal", web.Desk, portalAccess)
	m.Page("POST /p/{patient}/portal", web.Desk, web.Fresh(web.Granting, portalInvite))
	m.Page("POST /p/{patient}/portal/{account}/link", web.Desk, web.Fresh(web.Granting, portalLink))
	m.Page("POST /p/{patient}/proxies", web.Desk, web.Fresh(web.Granting, proxyAdd))
	m.Page("POST /p/{patient}/proxies/{grant}/end", web.Desk, proxyEnd)
	m.Page("GET /portal-access", web.Desk|web.Administrator, awaitedShow)
	m.Page("POST /portal-access/grants/{grant}", web.Desk, web.Fresh(web.Granting, awaitedConfirm))
	m.Page("POST /portal-access/links/{account}", web.Desk|web.Administrator, web.Fresh(web.Granting, awaitedSeen))
}
