package chart

import (
	"cmp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/trust/policy"
)

// Problem is a condition: a line of the problem list or a diagnosis of a visit.
type Problem struct {
	ID           string
	Text         string
	ICD, SNOMED  string // codes, "" when not coded so
	Status       string // active, recurrence, relapse, inactive, remission, resolved; "" not recorded
	Verification string // confirmed, provisional, refuted, entered-in-error, …
	Listed       bool   // on the problem list
	Encounter    string // id of the visit in which it was diagnosed
	Onset, Ended string // FHIR dates
	Recorded     string
	Recorder     string // reference
	Chronic      bool
	Origin       Origin
	Source       string // of what is imported, see policy.SourceOf
	Doubt        string // what was not sure when it was taken in, see policy.DoubtOf
	Note         string // the first
	Version      string
}

// Active reports whether the problem is one of today.
func (p Problem) Active() bool {
	return !p.Wrong() && (p.Status == "active" || p.Status == "recurrence" || p.Status == "relapse" || p.Status == "" && p.Ended == "")
}

// Wrong reports whether the entry was refuted or entered in error.
func (p Problem) Wrong() bool {
	return p.Verification == "refuted" || p.Verification == "entered-in-error"
}

// None reports whether the entry says that there are no problems.
func (p Problem) None() bool { return p.SNOMED == problem.NoneKnown }

// Doubtful reports whether the diagnosis is not confirmed.
func (p Problem) Doubtful() bool {
	return p.Verification == "provisional" || p.Verification == "differential" || p.Verification == "unconfirmed"
}

// Reference is the FHIR reference of the condition.
func (p Problem) Reference() string { return "Condition/" + p.ID }

func problemFrom(n *fhir.Node) Problem {
	p := Problem{
		ID: n.ID(), Text: Words(n.Get("code")), ICD: codeIn(n.Get("code"), ICD10CM), SNOMED: codeIn(n.Get("code"), SNOMED),
		Status: code(n.Get("clinicalStatus")), Verification: code(n.Get("verificationStatus")),
		Encounter: fhir.IDIn(n.Path("encounter.reference").Text(), "Encounter"),
		Onset:     cmp.Or(n.Get("onsetDateTime").Text(), n.Path("onsetPeriod.start").Text(), n.Get("onsetString").Text(), atAge(n.Get("onsetAge")), atAge(n.Path("onsetRange.low"))),
		Ended:     cmp.Or(n.Get("abatementDateTime").Text(), n.Path("abatementPeriod.end").Text(), n.Get("abatementString").Text()),
		Recorded:  n.Get("recordedDate").Text(), Recorder: n.Path("recorder.reference").Text(),
		Origin: policy.OriginOf(n), Source: policy.SourceOf(n), Doubt: policy.DoubtOf(n), Note: policy.NoteOf(n), Version: n.Path("meta.versionId").Text(),
	}
	// A condition that names no category comes from a record that keeps no list apart from
	// its visits: all of them are on the list then.
	p.Listed = hasCode(n.Get("category"), "problem-list-item") || !hasCode(n.Get("category"), "encounter-diagnosis")
	if known, ok := p.known(); ok {
		p.Chronic = known.Chronic
	}
	return p
}

// atAge says a beginning that was written down as the patient's age; "" of none.
func atAge(q *fhir.Node) string {
	value := q.Get("value").Text()
	if value == "" {
		return ""
	}
	unit := cmp.Or(q.Get("unit").Text(), q.Get("code").Text(), "years")
	if long, ok := map[string]string{"a": "years", "yr": "years", "y": "years", "year": "years", "mo": "months", "month": "months", "wk": "weeks", "d": "days"}[unit]; ok {
		unit = long
	}
	return "at " + value + " " + unit
}

// known returns the catalogue's entry for the problem.
func (p Problem) known() (problem.Problem, bool) {
	if k, ok := problem.ByICD(p.ICD); ok && p.ICD != "" {
		return k, true
	}
	if k, ok := problem.BySNOMED(p.SNOMED); ok {
		return k, true
	}
	return problem.ByText(p.Text)
}

// compareProblems puts active ones first, those on the list before diagnoses of visits, the
// chronic before the others, then the newest.
func compareProblems(a, b Problem) int {
	return cmp.Or(
		first(a.Active(), b.Active()), first(a.Listed, b.Listed), first(a.Chronic, b.Chronic),
		Moment(b.Onset).Compare(Moment(a.Onset)), strings.Compare(a.Text, b.Text),
	)
}

func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// ActiveProblems is the problem list of today: active entries of the list, each problem
// once, and no entries that were made in error.
func (c Chart) ActiveProblems() []Problem {
	return c.pick(func(p Problem) bool { return p.Listed && p.Active() }, true)
}

// PastProblems are the entries of the list that are over, newest first.
func (c Chart) PastProblems() []Problem {
	return c.pick(func(p Problem) bool { return p.Listed && !p.Active() && !p.Wrong() }, false)
}

// DiagnosesOf are the diagnoses that were made in a visit and are not on the list.
func (c Chart) DiagnosesOf(visit string) []Problem {
	return c.pick(func(p Problem) bool { return !p.Listed && !p.Wrong() && p.Encounter == visit }, false)
}

// DiagnosesOfNoVisit are those of DiagnosesOf whose visit is not in the chart, or is none that the reader may see.
func (c Chart) DiagnosesOfNoVisit() []Problem {
	visits := map[string]bool{}
	for _, v := range c.Visits {
		visits[v.ID] = true
	}
	return c.pick(func(p Problem) bool { return !p.Listed && !p.Wrong() && !visits[p.Encounter] }, false)
}

func (c Chart) pick(want func(Problem) bool, once bool) []Problem {
	var out []Problem
	seen := map[string]bool{}
	for _, p := range c.Problems {
		key := strings.ToLower(cmp.Or(p.ICD, p.SNOMED, p.Text))
		if !want(p) || once && seen[key] {
			continue
		}
		seen[key] = true
		out = append(out, p)
	}
	return out
}
