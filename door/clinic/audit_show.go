package clinic

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/witness"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

const auditPageSize = 50

// auditView is one page of the audit log with the filter that it was asked for.
type auditView struct {
	Filter   auditFilter
	Entries  []store.LeafEntry
	People   []ui.Option
	Programs map[string]string // registered names by client id
	Next     string            // query of the next page; "" on the last
	Reached  int64             // the entry that the search came to without filling the page; 0 when it is through
	Witness  []witness.State
	State    record.Verified
	Newest   int64          // entries in the log, 0 when the page is not the first
	ByPerson []lookedLine   // of one record, on the first page of it
	Gathered int            // of how many entries
	Whose    []record.Known // whose records fit what was typed; one when the list is of one record
}

// auditFilter is what was typed into the filter.
type auditFilter struct {
	Person   string // account id
	Patient  string // Patient id
	Did      string // key of auditGroups
	From, To string // days, 2026-11-24
	Door     string // clinic, portal, fhir, console
	Purpose  string // code of the purpose of use
	Outcome  string // "done", "not": refused or failed
	Glass    bool   // only what was done by break-glass
	Faults   ui.Faults
}

// auditScan is how many entries one page looks at: with a filter that hardly anything fits the
// page says how far it came and goes on from there, and each answer comes soon.
const auditScan = 50_000

// auditGroups are the kinds of action that can be asked for.
var auditGroups = []struct {
	Key, Label string
	Actions    []ledger.Action
}{
	{"", "Anything", nil},
	{"looked", "Looked at or searched", []ledger.Action{ledger.Read, ledger.VRead, ledger.History, ledger.Search}},
	{"wrote", "Wrote or changed", []ledger.Action{ledger.Create, ledger.Update, ledger.Delete, ledger.Batch, ledger.Import}},
	{"took", "Printed or exported", []ledger.Action{ledger.Print, ledger.Export}},
	{"refused", "Was refused", []ledger.Action{ledger.Refused}},
	{"signed", "Signed in or out", []ledger.Action{ledger.SignIn, ledger.SignOut}},
	{"accounts", "Changed accounts", []ledger.Action{ledger.Account}},
}

// audit is the explorer of the audit log.
func audit(w http.ResponseWriter, r *web.Request) error {
	var v auditView
	var f store.LeafFilter
	var err error
	if v.Filter, f, v.Whose, err = readAuditFilter(r); err != nil {
		return err
	}
	if v.State, err = r.Actor.Verified(r.Context()); err != nil {
		return err
	}
	if v.People, err = accountOptions(r); err != nil {
		return err
	}
	page := ui.Page{Title: r.Lang.T("Audit"), Active: "/audit", Sheets: []string{"office.css"}}
	if len(v.Filter.Faults) > 0 {
		return web.Invalid(w, r, page, auditPage(v))
	}
	if r.Method == http.MethodPost { // what was typed is an id now, which an address may hold
		path := "/audit?" + v.Filter.query().Encode()
		if v.Filter.Patient != "" { // on a phone the answer begins far below the form
			path += "#whose"
		}
		return web.Redirect(w, r, path)
	}
	before, err := strconv.ParseInt(r.FormValue("before"), 10, 64)
	if err == nil && before > 0 {
		f.Before = before
	}
	f.Limit = auditPageSize + 1
	gather := len(v.Whose) == 1 && f.Before == 0
	if gather {
		f.Limit = auditPeople
	}
	f.Scan, f.Reached = auditScan, &v.Reached
	if r.Site.Witnesses != nil {
		v.Witness = r.Site.Witnesses()
	}
	if v.Entries, err = r.Actor.Looked(r.Context(), f); err != nil {
		return err
	}
	v.Programs = programNames(r, v.Entries)
	if gather {
		v.ByPerson, v.Gathered = byPerson(v.Entries), len(v.Entries)
	}
	if len(v.Entries) > auditPageSize {
		v.Entries = v.Entries[:auditPageSize]
		v.Reached = v.Entries[auditPageSize-1].Index
		v.Next = v.Filter.before(v.Reached)
		v.Reached = 0
	} else if v.Reached > 0 {
		v.Next = v.Filter.before(v.Reached)
	}
	if !v.Filter.set() && f.Before == 0 && len(v.Entries) > 0 {
		v.Newest = v.Entries[0].Index + 1
	}
	return web.Page(w, r, page, auditPage(v))
}

// programNames returns the registered names of the programs in entries, by client id.
func programNames(r *web.Request, entries []store.LeafEntry) map[string]string {
	names := map[string]string{}
	if r.Site.Program == nil {
		return names
	}
	for _, e := range entries {
		if id := e.Leaf.Client; id != "" && names[id] == "" {
			names[id], _ = r.Site.Program(r.Context(), id) // one that was removed keeps its id
		}
	}
	return names
}

// auditVerify proves the log on demand.
func auditVerify(w http.ResponseWriter, r *web.Request) error {
	v, err := r.Actor.Verify(r.Context())
	if err != nil {
		return err
	}
	if v.Found > 0 {
		r.Say(r.Lang.T("The log does not verify: %d problems. They are listed on this page.", v.Found), "")
	} else {
		r.Say(r.Lang.T("Verified: every one of %d entries, and every stored version, is as it was written.", int(v.Entries)), "")
	}
	return web.Redirect(w, r, "/audit")
}

// readAuditFilter reads the filter for the page and for the files alike. Whose record was typed is
// the id of one record afterwards; with a fault it is none or several, and nothing is to be answered:
// an empty list, or an empty file, would say that nobody has looked.
func readAuditFilter(r *web.Request) (f auditFilter, leaves store.LeafFilter, fit []record.Known, err error) {
	v := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	f = auditFilter{Person: v("person"), Patient: strings.TrimPrefix(v("patient"), "Patient/"), Did: v("did"), From: v("from"), To: v("to"),
		Door: v("door"), Purpose: v("purpose"), Outcome: v("outcome"), Glass: v("glass") != ""}
	if r.Reduced { // never the whole log for a part of it
		f.Faults.Add("patient", r.Lang.T("The address asked for more than an address may hold. Type it here."))
	}
	if f.Patient != "" {
		if fit, err = whose(r, "patient", f.Patient, &f.Faults); err != nil {
			return f, leaves, nil, err
		}
		if len(fit) == 1 {
			f.Patient = fit[0].ID
		}
	}
	leaves = f.leaves(r)
	return f, leaves, fit, nil
}

// leaves turns the filter into the store's; what cannot be read becomes a fault.
func (f *auditFilter) leaves(r *web.Request) store.LeafFilter {
	out := store.LeafFilter{Actor: f.Person, Patient: f.Patient, Door: f.Door, Purpose: f.Purpose}
	for _, g := range auditGroups {
		if g.Key == f.Did {
			out.Actions = g.Actions
		}
	}
	if f.Glass {
		out.Mark = ledger.MarkGlass
	}
	switch f.Outcome {
	case "done":
		out.Outcome = store.Done
	case "not":
		out.Outcome = store.NotDone
	}
	day := func(field, value string) time.Time {
		if value == "" {
			return time.Time{}
		}
		t, err := time.ParseInLocation(time.DateOnly, value, r.Now().Location())
		if err != nil {
			f.Faults.Add(field, r.Lang.T("Choose a day, such as 2026-11-24."))
		}
		return t
	}
	out.From = day("from", f.From)
	if to := day("to", f.To); !to.IsZero() {
		out.To = to.AddDate(0, 0, 1) // the whole day
	}
	if !out.From.IsZero() && !out.To.IsZero() && !out.From.Before(out.To) {
		f.Faults.Add("to", r.Lang.T("The last day is before the first one."))
	}
	return out
}

// before is the query of the page that goes on before an entry.
func (f auditFilter) before(index int64) string {
	q := f.query()
	q.Set("before", strconv.FormatInt(index, 10))
	return q.Encode()
}

func auditDoors(ctx context.Context) []ui.Option {
	return []ui.Option{{Value: "", Label: ui.T(ctx, "Anywhere")}, {Value: "clinic", Label: ui.T(ctx, "Clinic pages")}, {Value: "portal", Label: ui.T(ctx, "Patient portal")},
		{Value: "fhir", Label: ui.T(ctx, "FHIR, apps")}, {Value: "console", Label: ui.T(ctx, "Command line")}}
}

func auditPurposes(ctx context.Context) []ui.Option {
	out := []ui.Option{{Value: "", Label: ui.T(ctx, "Any purpose")}}
	for _, p := range []trust.Purpose{trust.Treatment, trust.Payment, trust.Operations, trust.PatientRequest, trust.Emergency, trust.BreakGlass} {
		out = append(out, ui.Option{Value: string(p), Label: ui.T(ctx, purposeWord(string(p)))})
	}
	return out
}

func auditOutcomes(ctx context.Context) []ui.Option {
	return []ui.Option{{Value: "", Label: ui.T(ctx, "Any outcome")}, {Value: "done", Label: ui.T(ctx, "Done")}, {Value: "not", Label: ui.T(ctx, "Refused or failed")}}
}

func (f auditFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"person": f.Person, "patient": f.Patient, "did": f.Did, "from": f.From, "to": f.To, "door": f.Door, "purpose": f.Purpose, "outcome": f.Outcome,
		"glass": map[bool]string{true: "1"}[f.Glass]} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// href is the page with one more condition.
func (f auditFilter) href(name, value string) string {
	q := f.query()
	q.Set(name, value)
	return "/audit?" + q.Encode()
}

func (f auditFilter) ofPatient(id string) string { return f.href("patient", id) }

func (f auditFilter) set() bool { return len(f.query()) > 0 }

// accountOptions are the people of the filter: staff first, then patients.
func accountOptions(r *web.Request) ([]ui.Option, error) {
	list, err := r.Site.Accounts.List(r.Context(), r.Principal())
	if err != nil {
		return nil, err
	}
	sortAccounts(list)
	out := []ui.Option{{Value: "", Label: r.Lang.T("Anybody")}}
	for _, a := range list {
		out = append(out, ui.Option{Value: a.ID, Label: a.Name + ", " + r.Lang.T(roleWord(a.Role))})
	}
	return out, nil
}

// auditWords says what a leaf tells in words of every day.
func auditWords(ctx context.Context, l ledger.Leaf) string {
	if ofLog(l) {
		return ui.T(ctx, "Looked who had looked")
	}
	what := l.Type
	if len(l.Versions) == 1 {
		what = l.Versions[0].Type
	}
	verbs := map[ledger.Action]string{ledger.Read: "Opened", ledger.VRead: "Opened a former version of", ledger.History: "Opened the history of",
		ledger.Search: "Searched", ledger.Create: "Wrote a new", ledger.Update: "Changed", ledger.Delete: "Deleted", ledger.Batch: "Wrote several entries",
		ledger.Export: "Exported", ledger.Print: "Printed", ledger.SignIn: "Signed in", ledger.SignOut: "Signed out or locked",
		ledger.Refused: "Was refused", ledger.Account: "Accounts", ledger.Import: "Imported", ledger.Keep: "Own work kept",
		ledger.Asked: "Opened a page", ledger.Disclose: "Gave to others"}
	verb, ok := verbs[l.Action]
	if l.Action == ledger.SignIn && l.Outcome != "" {
		verb = "Did not get in"
	}
	if !ok {
		verb = string(l.Action)
	}
	return strings.TrimSpace(ui.T(ctx, verb) + " " + what)
}

// unnamed is who did what nobody with a name did.
func unnamed(l ledger.Leaf) string {
	if l.Action == ledger.SignIn && l.Actor == "unknown" {
		return "somebody unknown"
	}
	return l.Actor
}

// auditDetail is the rest of what a leaf says: the search, the description, the count.
func auditDetail(ctx context.Context, l ledger.Leaf) string {
	var parts []string
	if set, off := record.ReadLabelWords(l.Query); len(set)+len(off) > 0 {
		parts = append(parts, ui.T(ctx, "labels: %s", changeWords(ctx, record.LabelAct{Set: set, Off: off})))
	} else if l.Query != "" {
		parts = append(parts, l.Query)
	}
	if l.Action == ledger.Search {
		parts = append(parts, ui.T(ctx, "%d found", l.Count))
	}
	if len(l.Versions) > 1 {
		parts = append(parts, counted(ctx, "1 entry", "%d entries", len(l.Versions)))
	}
	return strings.Join(parts, "; ")
}

// purposeWord is why data was used (HL7 PurposeOfUse) in words.
func purposeWord(purpose string) string {
	switch purpose {
	case "TREAT":
		return "treatment"
	case "HPAYMT":
		return "payment"
	case "HOPERAT":
		return "running the clinic"
	case "PATRQT":
		return "own record"
	case "ETREAT":
		return "emergency treatment"
	case "BTG":
		return "break-glass"
	case "":
		return "not said"
	}
	return purpose
}

// outcome is how a leaf's action ended.
func outcome(l ledger.Leaf) (tone ui.Tone, icon, word string) {
	switch l.Outcome {
	case "":
		if l.Action == ledger.Refused {
			return ui.Critical, "x", "refused"
		}
		return ui.Plain, "ok", "done"
	case string(fault.Forbidden):
		return ui.Critical, "x", "not allowed"
	case string(fault.NotFound):
		return ui.Caution, "q", "not there or hidden"
	case string(fault.Gone):
		return ui.Caution, "trash", "was deleted"
	case string(fault.Conflict), string(fault.Stale), string(fault.Multiple):
		return ui.Caution, "warn", "somebody or something else was in the way"
	case string(fault.Invalid), string(fault.Malformed), string(fault.NotSupported):
		return ui.Caution, "warn", "could not be used"
	case string(fault.Unauthorized):
		return ui.Critical, "x", "was not signed in"
	case string(fault.TooLarge), string(fault.TooCostly):
		return ui.Caution, "warn", "too much at once"
	case "problems": // of a verification
		return ui.Critical, "warn", "found problems"
	}
	return ui.Caution, "warn", "failed"
}

// shortID is the beginning of an id: enough to tell records apart on one page.
func shortID(id string) string {
	if len(id) > 8 {
		return id[:8] + "…"
	}
	return id
}

const patientsShown = 3

func firstPatients(l ledger.Leaf) []string { return l.Patients[:min(patientsShown, len(l.Patients))] }

func auditChoices(ctx context.Context) []ui.Option {
	out := make([]ui.Option, 0, len(auditGroups))
	for _, g := range auditGroups {
		out = append(out, ui.Option{Value: g.Key, Label: ui.T(ctx, g.Label)})
	}
	return out
}
