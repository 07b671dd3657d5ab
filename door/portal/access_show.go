package portal

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
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
}

type accessDay struct {
	At    time.Time
	Lines []accessLine
}

// accessLine is one person on one day.
type accessLine struct {
	Index       int64 // newest line of the log
	actor       string
	Name, Role  string
	From, To    time.Time
	Looked, Did []string // in words, each once
	Why         string
	Refused     bool
	Glass       bool // by emergency access
	Reason      string
}

func access(w http.ResponseWriter, r *web.Request) error {
	if limited(r) { // who was seen, and for what, may be what is confidential
		return fault.New(fault.Forbidden, "Who looked at this record is shown to the patient.")
	}
	id, err := own(r)
	if err != nil {
		return err
	}
	entries, err := r.Actor.Looked(r.Context(), store.LeafFilter{Patient: id, From: r.Now().Add(-accessBack), Limit: accessMost})
	if err != nil {
		return err
	}
	v := accessOf(r, entries)
	if v.Glass, err = r.Site.Accounts.GlassAbout(r.Context(), r.Principal(), id); err != nil {
		return err
	}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Who looked at my record"), Active: "/portal/access"}, accessPage(v))
}

// accessOf gathers the lines of the log, newest first, into one line a person and day.
func accessOf(r *web.Request, entries []store.LeafEntry) accessView {
	v := accessView{Full: len(entries) == accessMost}
	people, ownDays := map[string]bool{}, map[time.Time]bool{}
	for _, e := range entries {
		d := day(e.Leaf.Time, r)
		if e.Leaf.Actor == r.Principal().ID {
			if ownDays[d] = true; v.OwnLast.IsZero() {
				v.OwnLast = e.Leaf.Time
			}
			continue
		}
		if len(v.Days) == 0 || !v.Days[len(v.Days)-1].At.Equal(d) {
			v.Days = append(v.Days, accessDay{At: d})
		}
		people[e.Leaf.Actor] = true
		v.Days[len(v.Days)-1].add(e)
	}
	v.People, v.Own = len(people), len(ownDays)
	return v
}

func (d *accessDay) add(e store.LeafEntry) {
	l := e.Leaf
	at := slices.IndexFunc(d.Lines, func(x accessLine) bool { return x.actor == l.Actor })
	if at < 0 {
		d.Lines = append(d.Lines, accessLine{Index: e.Index, actor: l.Actor, Name: l.Name, Role: l.Role, To: l.Time, Why: whyWord(l.Purpose)})
		at = len(d.Lines) - 1
	}
	x := &d.Lines[at]
	x.From = l.Time
	if l.Reason != "" {
		x.Reason = l.Reason
	}
	if l.Glass != "" && l.Purpose == string(trust.BreakGlass) {
		x.Glass, x.Why = true, whyWord(l.Purpose)
	}
	switch l.Action {
	case ledger.Refused:
		x.Refused = true
	case ledger.Account:
		x.Did = once(x.Did, accountWords(l))
	case ledger.Create, ledger.Update, ledger.Delete, ledger.Batch, ledger.Import:
		x.Did = once(x.Did, wroteWords(l)...)
	case ledger.Export:
		x.Did = once(x.Did, "downloaded your record")
	case ledger.Print:
		x.Did = once(x.Did, "printed from your record")
	default:
		x.Looked = once(x.Looked, lookedWords(l)...)
	}
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
			out = once(out, typeWord(t))
		}
		return out
	}
	if l.Query == "chart" {
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
	case "Patient", "RelatedPerson", "Person":
		return "name and address"
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
