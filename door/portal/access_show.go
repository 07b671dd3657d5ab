package portal

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// How far the page looks back, and how many lines of the log it reads.
const (
	accessBack = 90 * 24 * time.Hour
	accessMost = 5000
)

// accessView is who opened the record, by day.
type accessView struct {
	Days    []accessDay
	People  int
	Own     int // days on which the patient opened it
	OwnLast time.Time
	Full    bool                  // the log holds more than the page shows
	Glass   []identity.GlassGrant // emergency access, newest first
	Contact identity.PrivacyContact
}

type accessDay struct {
	At    time.Time
	Lines []accessLine
}

// accessLine is one person on one day, for one purpose.
type accessLine struct {
	accessKey
	Index             int64 // newest line of the log
	Name, Role        string
	By                string // who let the program in that Name is; "" for a person
	Mine              bool   // the reader let the program in
	From, To          time.Time
	Looked, Did, Took []string // in words, each once
	Refused           bool
	Reason            string
}

// accessKey is what lines of the log have in common that the page shows as one: an emergency is not
// said of what somebody did on that day besides.
type accessKey struct {
	actor, proxy, Why string
	client            string // the program by which it was done
	Glass             bool   // by emergency access
}

func accessKeyOf(l ledger.Leaf) accessKey {
	return accessKey{l.Actor, l.Proxy, whyWord(l.Purpose), l.Client, l.Glass != "" && l.Purpose == string(trust.BreakGlass)}
}

// logReader is who reads the log of a patient, and what of it has to be looked up.
type logReader struct {
	me      string
	own     func(account string) (own, known bool) // whether an account is the patient's own
	program func(id string) string
}

func logReaderOf(r *web.Request, patient string) logReader {
	type answer struct{ own, known bool }
	accounts, programs := map[string]answer{}, map[string]string{}
	return logReader{
		me: r.Principal().ID,
		own: func(id string) (bool, bool) {
			a, ok := accounts[id]
			if !ok {
				c, err := r.Site.Accounts.FindByID(r.Context(), id)
				a = answer{err == nil && c.Patient == patient, err == nil}
				accounts[id] = a
			}
			return a.own, a.known
		},
		program: func(id string) string {
			name, ok := programs[id]
			if !ok {
				if r.Site.Program != nil {
					name, _ = r.Site.Program(r.Context(), id)
				}
				if name == "" {
					name = r.Lang.T("a program that is not known any more")
				}
				programs[id] = name
			}
			return name
		},
	}
}

// name is who did it: the person, or the program that a person let in.
func (who logReader) name(l ledger.Leaf) string {
	if l.Client == "" {
		return l.Name
	}
	return who.program(l.Client)
}

// role is the role of who did it, as roleWord knows it. A patient's account is the patient on the
// own record alone.
func (who logReader) role(l ledger.Leaf) string {
	if l.Role != string(trust.Patient) {
		return l.Role
	}
	own, known := who.own(l.Actor)
	if own || !known && l.Proxy == "" {
		return l.Role
	}
	return "proxy"
}

func access(w http.ResponseWriter, r *web.Request) error {
	if err := mayAskWho(r); err != nil {
		return err
	}
	id, err := own(r)
	if err != nil {
		return err
	}
	entries, err := r.Actor.LookedAndExported(r.Context(), store.LeafFilter{Patient: id, From: r.Now().Add(-accessBack), Limit: accessMost})
	if err != nil {
		return err
	}
	v := accessOf(r, entries)
	if v.Glass, err = r.Site.Accounts.GlassAbout(r.Context(), r.Principal(), id); err != nil {
		return err
	}
	if v.Contact, err = r.Site.Accounts.PrivacyContact(r.Context()); err != nil {
		return err
	}
	if err := r.Site.Accounts.ReadGlass(r.Context(), r.Principal(), id); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Who looked at my record"), Active: "/portal/access"}, accessPage(v))
}

// mayAskWho refuses who sees only a part of the record: who was seen, and for what, may be what is
// confidential.
func mayAskWho(r *web.Request) error {
	if limited(r) {
		return fault.New(fault.Forbidden, "Who looked at this record is shown to the patient.")
	}
	return nil
}

// accessOf gathers the lines of the log, newest first, into one line a person and day.
func accessOf(r *web.Request, entries []store.LeafEntry) accessView {
	v := accessView{Full: len(entries) == accessMost}
	people, ownDays := map[[2]string]bool{}, map[time.Time]bool{}
	who := logReaderOf(r, r.Principal().Patient)
	for _, e := range entries {
		d := day(e.Leaf.Time, r)
		if e.Leaf.Actor == who.me && e.Leaf.Client == "" { // what a program did is not what the reader did
			if ownDays[d] = true; v.OwnLast.IsZero() {
				v.OwnLast = e.Leaf.Time
			}
			continue
		}
		if len(v.Days) == 0 || !v.Days[len(v.Days)-1].At.Equal(d) {
			v.Days = append(v.Days, accessDay{At: d})
		}
		people[[2]string{e.Leaf.Actor, e.Leaf.Client}] = true
		v.Days[len(v.Days)-1].add(e, who)
	}
	v.People, v.Own = len(people), len(ownDays)
	return v
}

func (d *accessDay) add(e store.LeafEntry, who logReader) {
	l := e.Leaf
	key := accessKeyOf(l)
	at := slices.IndexFunc(d.Lines, func(x accessLine) bool { return x.accessKey == key })
	if at < 0 {
		line := accessLine{accessKey: key, Index: e.Index, Name: who.name(l), Role: who.role(l), To: l.Time}
		if l.Client != "" {
			line.By, line.Mine = l.Name, l.Actor == who.me
		}
		d.Lines = append(d.Lines, line)
		at = len(d.Lines) - 1
	}
	x := &d.Lines[at]
	x.From = l.Time
	if l.Reason != "" {
		x.Reason = l.Reason
	}
	switch l.Action {
	case ledger.Refused:
		x.Refused = true
	case ledger.Account:
		x.Did = once(x.Did, accountWords(l))
	case ledger.Create, ledger.Update, ledger.Delete, ledger.Batch, ledger.Import:
		x.Did = once(x.Did, wroteWords(l)...)
	case ledger.Export, ledger.Print, ledger.Disclose:
		x.Took = once(x.Took, tookWord(l))
	default:
		x.Looked = once(x.Looked, lookedWords(l)...)
	}
}

// mayShow reports whether somebody of a role gets to see any of a type: a page that asks for more
// shows them no more.
func mayShow(l ledger.Leaf, resourceType string) bool {
	p := trust.Principal{ID: l.Actor, Role: trust.Role(l.Role), Purpose: trust.Purpose(l.Purpose)}
	if len(l.Patients) > 0 {
		p.Patient = l.Patients[0]
	}
	_, none := policy.Visible(p, resourceType).(search.None)
	return !none
}

// seesCharts reports whether "the chart" is all of it to who opened it: not to the front desk, nor to
// who acts for the patient, whose right may be limited.
func seesCharts(l ledger.Leaf) bool {
	return l.Proxy == "" && mayShow(l, "Condition") && mayShow(l, "Observation") && mayShow(l, "Composition")
}

// tookWord says what left the clinic, and how.
func tookWord(l ledger.Leaf) string {
	switch {
	case l.Action == ledger.Print && l.Query == "emergency sheet":
		return "printed the emergency sheet"
	case l.Action == ledger.Print:
		return "printed from your record"
	case l.Action == ledger.Disclose:
		return "gave others something of your record"
	case l.Action != ledger.Export:
		return "looked at"
	case strings.HasPrefix(l.Query, "accounting of disclosures"):
		return "downloaded the list of who got your data"
	case l.Type == "AuditEvent", strings.HasPrefix(l.Query, "audit log"):
		return "downloaded the list of who looked at your record"
	case strings.HasPrefix(l.Query, record.WholeRecord):
		return "downloaded many records at once, yours among them"
	case strings.HasPrefix(l.Query, "subscription "):
		return "was sent what is new in your record"
	}
	return "downloaded your record"
}

func once(list []string, words ...string) []string {
	for _, w := range words {
		if w != "" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// lookedWords says in plain words what was looked at.
func lookedWords(l ledger.Leaf) []string {
	var out []string
	if types, ok := strings.CutPrefix(l.Query, "chart: "); ok {
		for t := range strings.SplitSeq(types, ", ") {
			if mayShow(l, t) {
				out = once(out, typeWord(t))
			}
		}
		return out
	}
	if l.Query == "chart" {
		if !seesCharts(l) {
			return []string{"what this person may see of your record"}
		}
		return []string{"your whole record"}
	}
	for _, v := range l.Versions {
		out = once(out, typeWord(v.Type))
	}
	if len(out) == 0 {
		out = once(out, typeWord(l.Type))
	}
	if len(out) == 0 {
		out = []string{"your name in a list"}
	}
	return out
}

// accountWords says what was done about the ways into the record.
func accountWords(l ledger.Leaf) string {
	switch {
	case l.Query == identity.GlassRead:
		return "" // looking here is no change
	case l.Glass == "" && l.Proxy != "":
		return "who may open your record for you"
	case strings.HasPrefix(l.Query, "invite "), strings.HasPrefix(l.Query, "make new link"):
		return "a link to your portal account"
	case strings.HasPrefix(l.Query, "give check code"):
		return "the check code for your portal account, after looking who you are"
	case l.Glass == "":
		return "who can sign in to your record"
	case l.Purpose == string(trust.BreakGlass):
		return "" // the tag says it
	}
	return "the review of an emergency access"
}

func wroteWords(l ledger.Leaf) []string {
	var out []string
	for _, v := range l.Versions {
		out = once(out, typeWord(v.Type))
	}
	if len(out) == 0 {
		out = []string{"your record"}
	}
	return out
}

// typeWord is a resource type in the patient's words.
func typeWord(t string) string {
	switch t {
	case "":
		return ""
	case "Patient", "Person":
		return "name and address"
	case "RelatedPerson":
		return "who may act for you"
	case "Observation", "DiagnosticReport", "Specimen":
		return "results and measurements"
	case "MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration":
		return "medicines"
	case "AllergyIntolerance":
		return "allergies"
	case "Condition":
		return "health problems"
	case "Immunization":
		return "vaccines"
	case "Composition", "ClinicalImpression":
		return "visit notes"
	case "Communication":
		return "messages"
	case "Appointment", "Slot", "Schedule":
		return "appointments"
	case "Encounter", "EpisodeOfCare":
		return "visits"
	case "Procedure":
		return "procedures"
	case "ServiceRequest":
		return "orders"
	case "Task":
		return "requests"
	case "ChargeItem", "Invoice", "Claim", "Coverage", "Account", "ExplanationOfBenefit":
		return "bills and insurance"
	case "DocumentReference", "Binary", "Media":
		return "documents"
	case "CareTeam", "CarePlan", "Goal":
		return "care plan"
	case "AuditEvent", "Provenance":
		return "who looked at your record"
	}
	return "other parts of your record"
}

// whyWord is the purpose of use in words.
func whyWord(purpose string) string {
	switch trust.Purpose(purpose) {
	case trust.Treatment:
		return "for your treatment"
	case trust.Payment:
		return "for your bill"
	case trust.Operations:
		return "to run the clinic"
	case trust.PatientRequest:
		return "because you asked"
	case trust.BreakGlass, trust.Emergency:
		return "in an emergency"
	}
	return "reason not recorded"
}
