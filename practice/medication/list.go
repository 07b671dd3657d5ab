package medication

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/record"
)

// Medicines is a patient's reconciled list.
type Medicines struct {
	Current []Medicine // by reason, then name; stated ones after, those that are Doubtful last
	Past    []Medicine // newest first
	// Prepared wait for a signature: nobody takes them yet.
	Prepared []Medicine
	// Planned are statements of what is to be taken later: nobody takes it yet.
	Planned []Medicine
	now     time.Time
}

// List reads a patient's medicines.
func List(ctx context.Context, actor *record.Actor, patient string) (Medicines, error) {
	nodes, err := read(ctx, actor, patient, "MedicationRequest", "MedicationStatement")
	if err != nil {
		return Medicines{}, err
	}
	named, err := behind(ctx, actor, nodes)
	if err != nil {
		return Medicines{}, err
	}
	return From(nodes, patient, actor.Now(), named), nil
}

// read opens a chart for some types; a chart of nobody is fault.NotFound.
func read(ctx context.Context, actor *record.Actor, patient string, types ...string) ([]*fhir.Node, error) {
	var nodes []*fhir.Node
	for n, err := range actor.Chart(ctx, patient, types...) {
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// behind reads the Medication resources that the list refers to: they live outside the
// patient's compartment. One that is missing or hidden is left out.
func behind(ctx context.Context, actor *record.Actor, nodes []*fhir.Node) (func(string) *fhir.Node, error) {
	var ids []string
	for _, n := range nodes {
		if id := fhir.IDIn(n.Path("medicationReference.reference").Text(), "Medication"); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found := map[string]*fhir.Node{}
	for chunk := range slices.Chunk(ids, 100) {
		list, err := actor.Find(ctx, "Medication", "_id="+strings.Join(chunk, ",")+"&_count=100")
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			found[n.ID()] = n
		}
	}
	return func(ref string) *fhir.Node { return found[fhir.IDIn(ref, "Medication")] }, nil
}

// From makes the list from resources of a chart; those of other patients and of other types
// are left out. named may be nil.
func From(nodes []*fhir.Node, patient string, now time.Time, named func(string) *fhir.Node) Medicines {
	out := Medicines{now: now}
	for _, n := range nodes {
		if t := n.ResourceType(); t != "MedicationRequest" && t != "MedicationStatement" {
			continue
		}
		m := FromResource(n, named)
		switch {
		case m.Patient != patient || m.Status == "entered-in-error" || m.None():
		case m.Status == "draft":
			if !m.Stated {
				out.Prepared = append(out.Prepared, m)
			}
		case m.Planned():
			out.Planned = append(out.Planned, m)
		case m.Current(now):
			out.Current = append(out.Current, m)
		default:
			out.Past = append(out.Past, m)
		}
	}
	out.beside()
	slices.SortStableFunc(out.Current, func(a, b Medicine) int {
		return cmp.Or(boolean(a.Doubtful())-boolean(b.Doubtful()), boolean(a.Stated)-boolean(b.Stated), cmp.Compare(strings.ToLower(a.Reason), strings.ToLower(b.Reason)),
			cmp.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)), b.Authored.Compare(a.Authored))
	})
	for _, list := range [][]Medicine{out.Past, out.Prepared, out.Planned} {
		slices.SortStableFunc(list, func(a, b Medicine) int { return b.Authored.Compare(a.Authored) })
	}
	return out
}

// beside puts what the patient says of a current prescription beside it: that she stopped it is
// nothing to be looked for among the past. A statement that names no prescription, as imported ones
// do, is of those with the same medicine, when it says that this is not taken.
func (l *Medicines) beside() {
	for _, list := range [][]Medicine{l.Current, l.Past} {
		for i := range list {
			if !list[i].Stated {
				continue
			}
			s := list[i]
			for at := range l.Current {
				if m := &l.Current[at]; !m.Stated && s.speaksOf(*m) {
					list[i].Beside = true
					m.Says = append(m.Says, s)
				}
			}
		}
	}
	for i := range l.Current {
		slices.SortStableFunc(l.Current[i].Says, func(a, b Medicine) int { return b.Authored.Compare(a.Authored) })
	}
}

// speaksOf reports whether a statement is about a prescription and not older than it. Whether one
// without a date is older nobody knows: it counts.
func (s Medicine) speaksOf(m Medicine) bool {
	if fhir.IDIn(s.Of, "MedicationRequest") != "" {
		return (s.Of == m.Reference() || s.Of == m.Prior) && !s.Authored.Before(m.Authored)
	}
	return s.NotTaken() && s.saidSince(m.Authored) && s.sameMedicine(m)
}

// saidSince reports whether a statement was made at or after a time; one with a date and no clock
// may have been made at any time of its day.
func (s Medicine) saidSince(t time.Time) bool {
	said := s.Authored
	if s.End.After(said) {
		said = s.End
	}
	if said.IsZero() {
		return true
	}
	return !said.Before(t) || said.Equal(said.Truncate(24*time.Hour)) && t.Before(said.AddDate(0, 0, 1))
}

// sameMedicine reports whether two name the same medicine: in the same words, or with the same
// ingredients, of whatever strength and form, each of which the catalogue knows.
func (s Medicine) sameMedicine(m Medicine) bool {
	if s.Text != "" && strings.EqualFold(s.Text, m.Text) {
		return true
	}
	said, all := s.Ingredients()
	taken, known := m.Ingredients()
	if !all || !known || len(said) == 0 || len(said) != len(taken) {
		return false
	}
	return !slices.ContainsFunc(said, func(i drug.Ingredient) bool {
		return !slices.ContainsFunc(taken, func(j drug.Ingredient) bool { return i.Name == j.Name })
	})
}

// NoKnownMedicine is the SNOMED CT concept of "no known medications".
const NoKnownMedicine = "787481004"

// None reports whether a statement says that nothing is taken: it is no medicine, of today or of the past.
func (m Medicine) None() bool {
	return m.Stated && slices.ContainsFunc(m.Codings, func(c drug.Coding) bool {
		return c.Code == NoKnownMedicine && c.System == "http://snomed.info/sct"
	})
}

// NotTaken reports whether a statement says that the medicine was stopped or never started.
func (s Medicine) NotTaken() bool {
	return s.Stated && (s.Status == "stopped" || s.Status == "not-taken")
}

// SaidNotTaken reports whether what the patient said last of a prescription is that it is not taken.
func (m Medicine) SaidNotTaken() bool { return len(m.Says) > 0 && m.Says[0].NotTaken() }

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Current reports whether the medicine is on the current list: it is active (or on hold, or
// of unknown status: nothing is dropped silently) and no course of it has ended.
func (m Medicine) Current(now time.Time) bool {
	switch m.Status {
	case "active", "on-hold", "unknown", "":
	default:
		return false
	}
	end := m.CourseEnd()
	return end.IsZero() || now.Before(end)
}

// Doubtful reports whether nobody has said that the medicine is still taken: it stands among the
// current ones and is checked, with a mark.
func (m Medicine) Doubtful() bool { return m.Status == "unknown" || m.Status == "" && m.Stated }

// Planned reports whether a statement is about what is to be taken later.
func (m Medicine) Planned() bool { return m.Stated && m.Status == "intended" }

// CourseEnd is when a course ends: its explicit end, or its start and length; zero when the
// medicine goes on.
func (m Medicine) CourseEnd() time.Time {
	if !m.End.IsZero() {
		return m.End
	}
	if m.Days == 0 || m.from().IsZero() {
		return time.Time{}
	}
	return m.from().AddDate(0, 0, m.Days)
}

func (m Medicine) from() time.Time {
	if !m.Start.IsZero() {
		return m.Start
	}
	return m.Authored
}

// SupplyLeft is how many days the supply lasts from now, with all repeats; negative when it
// ran out. known is false when the prescription does not say, and for courses, single doses, as-needed
// and stated medicines.
func (m Medicine) SupplyLeft(now time.Time) (days int, known bool) {
	end := m.SupplyEnd()
	if end.IsZero() {
		return 0, false
	}
	left := end.Sub(now).Hours() / 24
	if left < 0 {
		return int(left) - 1, true
	}
	return int(left), true
}

// Once reports whether it is taken on one day only, so that none is missing when it is gone. What is
// supplied for longer goes on, though how often is written without a period.
func (m Medicine) Once() bool { return m.Frequency > 0 && m.PeriodUnit == "" && m.Supply <= 1 }

// SupplyEnd is when the supply ends, with all repeats; zero when it is not known, and for a course or a
// single dose, which end with their supply.
func (m Medicine) SupplyEnd() time.Time {
	if m.Supply == 0 || m.Days > 0 || m.Once() || m.AsNeeded || m.Stated || m.from().IsZero() {
		return time.Time{}
	}
	return m.from().AddDate(0, 0, m.Supply*(1+m.Repeats))
}

// Group is a part of the list for one reason.
type Group struct {
	Reason    string // "" no reason recorded
	Doubtful  bool   // of all of it nobody knows whether it is still taken
	Medicines []Medicine
}

// Lines are the current medicines, a line each: what the patient says of one stands beside it.
func (l Medicines) Lines() []Medicine {
	return slices.DeleteFunc(slices.Clone(l.Current), func(m Medicine) bool { return m.Beside })
}

// Known is how many of Lines are known to be taken, and doubtful how many of the rest may be.
func (l Medicines) Known() (known, doubtful int) {
	lines := l.Lines()
	for _, m := range lines {
		doubtful += boolean(m.Doubtful())
	}
	return len(lines) - doubtful, doubtful
}

// ByReason groups the current medicines by diagnosis, those without one last, and after them those of
// which nobody knows whether they are still taken.
func (l Medicines) ByReason() []Group {
	var groups []Group
	for _, m := range l.Lines() {
		at := slices.IndexFunc(groups, func(g Group) bool {
			return g.Doubtful == m.Doubtful() && (g.Doubtful || strings.EqualFold(g.Reason, m.Reason))
		})
		if at < 0 {
			groups = append(groups, Group{Reason: m.Reason, Doubtful: m.Doubtful()})
			at = len(groups) - 1
		}
		groups[at].Medicines = append(groups[at].Medicines, m)
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(boolean(a.Doubtful)-boolean(b.Doubtful), boolean(a.Reason == "")-boolean(b.Reason == ""))
	})
	return groups
}

// Find returns a medicine of the list by its reference.
func (l Medicines) Find(reference string) (Medicine, bool) {
	for _, list := range [][]Medicine{l.Current, l.Past, l.Planned} {
		for _, m := range list {
			if m.Reference() == reference {
				return m, true
			}
		}
	}
	return Medicine{}, false
}

// Now is the time at which the list was made.
func (l Medicines) Now() time.Time { return l.now }
