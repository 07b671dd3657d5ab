package fhirapi

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// AuditEvents are a view of the audit log, made from its leaves when they are asked for: shaped
// as IHE BALP has them, kept nowhere a second time. Auditors and administrators read all of them,
// a patient those about the own record.

const auditType = "AuditEvent"

// auditParams are the parameters of AuditEvent that the log answers.
var auditParams = []struct{ name, kind, about string }{
	{"patient", "reference", "Whose record it was: Patient/id or id."},
	{"date", "date", "When, with ge, gt, le and lt or a day; may be repeated."},
	{"agent", "token", "Who: the id of the account, as in agent.who.identifier."},
	{"action", "token", "C, R, U, D or E."},
	{"entity", "reference", "A resource that was read or written: Type/id."},
	{"type", "token", "rest, 110114 (sign-in), 110106 (export), 110113 (security)."},
	{"outcome", "token", "0 success, 4 refused or not valid, 8 failed."},
}

// auditScan is how many entries one page of a search looks at.
const auditScan = 50_000

// auditEvents answers GET AuditEvent?….
func (s *server) auditEvents(c *call) error {
	raw, err := rawQuery(c)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fault.New(fault.Malformed, "The query cannot be read.")
	}
	f, err := auditFilter(query, prefer(c.Header, "handling") == "strict")
	if err != nil {
		return err
	}
	reached := int64(0)
	f.Scan, f.Reached = auditScan, &reached
	limit := f.Limit
	f.Limit++
	found, err := c.actor.Looked(c.Context(), f)
	if err != nil {
		return err
	}
	next := ""
	switch {
	case len(found) > limit:
		found = found[:limit]
		next = strconv.FormatInt(found[limit-1].Index, 10)
	case reached > 0:
		next = strconv.FormatInt(reached, 10)
	}
	b := c.startPage("searchset", -1, c.pageLinks(query, next)...)
	for _, e := range found {
		b.found(store.Version{Type: auditType, ID: auditID(e.Index)}, auditEvent(e).JSON(), "match")
	}
	return c.write(http.StatusOK, b.done())
}

func auditID(index int64) string { return "log-" + strconv.FormatInt(index, 10) }

// auditRead answers GET AuditEvent/log-17.
func (s *server) auditRead(c *call) error {
	no, ok := strings.CutPrefix(c.PathValue("id"), "log-")
	index, err := strconv.ParseInt(no, 10, 64)
	if !ok || err != nil || index < 0 || auditID(index) != c.PathValue("id") {
		return fault.New(fault.NotFound, "There is no AuditEvent with this id, or you may not see it.")
	}
	found, err := c.actor.LookedAt(c.Context(), index)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, store.Version{Type: auditType, ID: c.PathValue("id"), Version: 1, Updated: found.Leaf.Time, Body: auditEvent(found).JSON()}, false)
}

// auditFilter reads the parameters of a search.
func auditFilter(query url.Values, strict bool) (store.LeafFilter, error) {
	f := store.LeafFilter{}
	n, err := countOf(query)
	if err != nil {
		return f, err
	}
	f.Limit = min(cmp.Or(n, 50), maxHistory)
	var tests []func(ledger.Leaf) bool
	for name, values := range query {
		for _, v := range values {
			test, err := auditParam(&f, name, v, strict)
			if err != nil {
				return f, err
			}
			if test != nil {
				tests = append(tests, test)
			}
		}
	}
	if len(tests) > 0 {
		f.Where = func(l ledger.Leaf) bool {
			return !slices.ContainsFunc(tests, func(t func(ledger.Leaf) bool) bool { return !t(l) })
		}
	}
	return f, nil
}

func auditParam(f *store.LeafFilter, name, v string, strict bool) (func(ledger.Leaf) bool, error) {
	codes := strings.Split(v, ",")
	for i, c := range codes {
		_, code, ok := strings.Cut(c, "|")
		if ok {
			codes[i] = code
		}
	}
	switch name {
	case "patient", "patient:Patient":
		f.Patient = strings.TrimPrefix(v, "Patient/")
	case "agent", "agent:identifier":
		f.Actor = codes[0]
	case "date":
		return nil, auditDate(f, v)
	case "action":
		narrow(f, func(a ledger.Action) bool { return slices.Contains(codes, auditAction(a)) })
	case "outcome":
		done := auditOutcome(ledger.Leaf{})
		switch with := slices.Contains(codes, done); {
		case !with:
			f.Outcome = store.NotDone
		case len(codes) == 1:
			f.Outcome = store.Done
		}
		return func(l ledger.Leaf) bool { return slices.Contains(codes, auditOutcome(l)) }, nil
	case "type":
		narrow(f, func(a ledger.Action) bool { _, code, _ := auditKind(a); return slices.Contains(codes, code) })
	case "entity":
		t, id, ok := strings.Cut(v, "/")
		if !ok {
			return nil, fault.New(fault.Malformed, "entity is a reference such as Observation/17.")
		}
		if t == "Patient" && f.Patient == "" {
			f.Patient = id
			return nil, nil
		}
		return func(l ledger.Leaf) bool {
			return t == "Patient" && slices.Contains(l.Patients, id) || slices.ContainsFunc(l.Versions, func(x ledger.Version) bool { return x.Type == t && x.ID == id })
		}, nil
	case pageParam:
		before, err := strconv.ParseInt(v, 10, 64)
		if err != nil || before < 1 {
			return nil, fault.New(fault.Malformed, "The page cannot be read; follow the link that the server gave.")
		}
		f.Before = before
	case "_count", "_format", "_pretty", "_summary", "_elements":
	default:
		if strict {
			return nil, fault.New(fault.NotSupported, "AuditEvent is not searched by %q.", clip(name))
		}
	}
	return nil, nil
}

// narrow leaves of the actions that are asked for those that are such ones.
func narrow(f *store.LeafFilter, such func(ledger.Action) bool) {
	asked := f.Actions
	if len(asked) == 0 {
		asked = ledger.Actions
	}
	f.Actions = []ledger.Action{"none"} // rather than all
	for _, a := range asked {
		if such(a) {
			f.Actions = append(f.Actions, a)
		}
	}
}

// auditDate narrows the time.
func auditDate(f *store.LeafFilter, v string) error {
	prefix := "eq"
	if len(v) > 2 && v[0] >= 'a' && v[0] <= 'z' {
		prefix, v = v[:2], v[2:]
	}
	low, high, ok := search.Period(strings.ReplaceAll(v, " ", "+"))
	if !ok {
		return fault.New(fault.Malformed, "date=%q is not a date or time such as ge2026-11-24.", clip(v))
	}
	after := func(t time.Time) {
		if t.After(f.From) {
			f.From = t
		}
	}
	before := func(t time.Time) {
		if f.To.IsZero() || t.Before(f.To) {
			f.To = t
		}
	}
	switch prefix {
	case "eq":
		after(low)
		before(high)
	case "ge":
		after(low)
	case "gt", "sa":
		after(high)
	case "le":
		before(high)
	case "lt", "eb":
		before(low)
	default:
		return fault.New(fault.NotSupported, "date has the prefixes ge, gt, le, lt, sa and eb, not %q.", prefix)
	}
	return nil
}

// auditAction is the code of what was done (AuditEvent.action).
func auditAction(a ledger.Action) string {
	switch a {
	case ledger.Create, ledger.Import:
		return "C"
	case ledger.Update:
		return "U"
	case ledger.Delete:
		return "D"
	case ledger.Read, ledger.VRead, ledger.History, ledger.Export, ledger.Print, ledger.Disclose:
		return "R"
	}
	return "E"
}

// auditKind is the type of an event: system, code and words.
func auditKind(a ledger.Action) (system, code, display string) {
	const dicom = "http://dicom.nema.org/resources/ontology/DCM"
	switch a {
	case ledger.SignIn, ledger.SignOut:
		return dicom, "110114", "User Authentication"
	case ledger.Export, ledger.Print, ledger.Disclose:
		return dicom, "110106", "Export"
	case ledger.Import:
		return dicom, "110107", "Import"
	case ledger.Account:
		return dicom, "110113", "Security Alert"
	}
	return "http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation"
}

// auditInteraction is the subtype of a RESTful one.
func auditInteraction(a ledger.Action) string {
	switch a {
	case ledger.Read, ledger.VRead, ledger.Create, ledger.Update, ledger.Delete, ledger.Batch:
		return string(a)
	case ledger.History:
		return "history"
	case ledger.Search:
		return "search"
	}
	return ""
}

func auditOutcome(l ledger.Leaf) string {
	switch {
	case l.Outcome == "" && l.Action != ledger.Refused:
		return "0"
	case l.Outcome == string(fault.Internal) || l.Outcome == string(fault.Unavailable):
		return "8"
	}
	return "4"
}

func auditCode(system, code, display string) *fhir.Node {
	return fhir.Obj("system", system, "code", code, "display", text(display))
}

// text is a string that is left out when it is empty.
func text(s string) *fhir.Node {
	if s == "" {
		return nil
	}
	return fhir.Str(s)
}

const (
	entityType = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	entityRole = "http://terminology.hl7.org/CodeSystem/object-role"
	actReason  = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
)

// auditEvent makes the resource of an entry.
func auditEvent(e store.LeafEntry) *fhir.Node {
	l := e.Leaf
	system, code, display := auditKind(l.Action)
	r := fhir.Obj("resourceType", auditType, "id", auditID(e.Index),
		"meta", fhir.Obj("versionId", "1", "lastUpdated", l.Time.UTC().Format("2006-01-02T15:04:05.000Z")),
		"type", auditCode(system, code, display))
	if sub := auditInteraction(l.Action); sub != "" {
		r.Set("subtype", fhir.Arr(auditCode("http://hl7.org/fhir/restful-interaction", sub, "")))
	} else {
		r.Set("subtype", fhir.Arr(auditCode("urn:osler:audit-action", string(l.Action), "")))
	}
	r.Set("action", fhir.Str(auditAction(l.Action)))
	r.Set("recorded", fhir.Str(l.Time.UTC().Format("2006-01-02T15:04:05.000Z")))
	r.Set("outcome", fhir.Str(auditOutcome(l)))
	if l.Outcome != "" {
		r.Set("outcomeDesc", fhir.Str(l.Outcome))
	}
	if l.Purpose != "" {
		r.Set("purposeOfEvent", fhir.Arr(fhir.Obj("coding", fhir.Arr(auditCode(actReason, l.Purpose, "")))))
	}
	r.Set("agent", auditAgents(l))
	r.Set("source", fhir.Obj("site", text(l.Door), "observer", fhir.Obj("display", "Osler"),
		"type", fhir.Arr(auditCode("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"))))
	if list := auditEntities(l); list.Len() > 0 {
		r.Set("entity", list)
	}
	return r
}

func auditAgents(l ledger.Leaf) *fhir.Node {
	person := fhir.Obj("type", fhir.Obj("coding", fhir.Arr(auditCode("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient"))),
		"role", fhir.Arr(fhir.Obj("coding", fhir.Arr(auditCode("urn:osler:role", cmp.Or(l.Role, "unknown"), "")))),
		"who", fhir.Obj("identifier", fhir.Obj("system", "urn:osler:account", "value", cmp.Or(l.Actor, "unknown")), "display", text(l.Name)),
		"requestor", true)
	if l.Session != "" {
		person.Set("altId", fhir.Str(l.Session))
	}
	if l.Network != "" {
		person.Set("network", fhir.Obj("address", l.Network, "type", "2"))
	}
	if l.Purpose != "" {
		person.Set("purposeOfUse", fhir.Arr(fhir.Obj("coding", fhir.Arr(auditCode(actReason, l.Purpose, "")))))
	}
	list := fhir.Arr(person)
	if l.Client != "" {
		list.Append(fhir.Obj("type", fhir.Obj("coding", fhir.Arr(auditCode("http://dicom.nema.org/resources/ontology/DCM", "110150", "Application"))),
			"who", fhir.Obj("identifier", fhir.Obj("system", "urn:osler:client", "value", l.Client)), "requestor", false))
	}
	return list
}

func auditEntities(l ledger.Leaf) *fhir.Node {
	list := fhir.Arr()
	for _, p := range l.Patients {
		list.Append(fhir.Obj("what", fhir.Obj("reference", "Patient/"+p), "type", auditCode(entityType, "1", "Person"), "role", auditCode(entityRole, "1", "Patient")))
	}
	for _, v := range l.Versions {
		ref := v.Type + "/" + v.ID
		if v.Version > 0 {
			ref += "/_history/" + strconv.FormatInt(v.Version, 10)
		}
		list.Append(fhir.Obj("what", fhir.Obj("reference", ref), "type", auditCode(entityType, "2", "System Object"), "role", auditCode(entityRole, "4", "Domain Resource")))
	}
	if l.Query != "" {
		name := l.Query
		if l.Type != "" {
			name = l.Type + ": " + name
		}
		q := fhir.Obj("type", auditCode(entityType, "2", "System Object"), "role", auditCode(entityRole, "24", "Query"))
		if l.Action == ledger.Search {
			q.Set("query", fhir.Str(base64.StdEncoding.EncodeToString([]byte(name))))
		} else {
			q.Set("name", fhir.Str(name))
		}
		list.Append(q)
	}
	details := fhir.Arr()
	for _, d := range []struct{ kind, value string }{{"reason", l.Reason}, {"break-glass", l.Glass}, {"proxy", l.Proxy}} {
		if d.value != "" {
			details.Append(fhir.Obj("type", d.kind, "valueString", d.value))
		}
	}
	if details.Len() > 0 {
		list.Append(fhir.Obj("name", "circumstances", "type", auditCode(entityType, "4", "Other"), "detail", details))
	}
	return list
}
