package portal

import (
	"net/http"
	"slices"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
)

// medicinesView is what to take, what was told, and what is past.
type medicinesView struct {
	Allergies chart.Allergies
	Now       []medicineLine
	Told      []medication.Medicine // stated by the patient, newest first
	Past      []pastMedicine
	Name      string // typed into "I also take"
	Words     string
	Open      string // reference of the medicine whose form came back
	Choice    string
	Faults    ui.Faults
}

// medicineLine is one medicine of today.
type medicineLine struct {
	medication.Medicine
	Days   int // of supply left
	Known  bool
	Refill *task.Task // the newest request for it
}

// Low reports whether the supply is nearly used up.
func (l medicineLine) Low() bool { return l.Known && l.Days <= supplyLow }

// Asked reports whether a refill request is open.
func (l medicineLine) Asked() bool { return l.Refill != nil && l.Refill.Open() }

// Line is the medicine for the page.
func lineOf(m medication.Medicine) ui.Medicine { return ui.SplitMedicine(m.Text) }

func medicines(w http.ResponseWriter, r *web.Request) error {
	v, err := readMedicines(r)
	if err != nil {
		return err
	}
	return showMedicines(w, r, v)
}

func showMedicines(w http.ResponseWriter, r *web.Request, v medicinesView) error {
	p := ui.Page{Title: r.Lang.T("My medicines"), Active: "/portal/medicines"}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, p, medicinesPage(v))
	}
	return web.Page(w, r, p, medicinesPage(v))
}

func readMedicines(r *web.Request) (medicinesView, error) {
	c, err := read(r, "Patient", "AllergyIntolerance")
	if err != nil {
		return medicinesView{}, err
	}
	v := medicinesView{Allergies: c.Allergies}
	list, err := medication.List(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return v, err
	}
	asked, err := medication.Refills(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return v, err
	}
	for _, m := range list.Current {
		if m.Stated {
			v.Told = append(v.Told, m)
			continue
		}
		l := medicineLine{Medicine: m}
		l.Days, l.Known = m.SupplyLeft(r.Now())
		if t, ok := newest(asked, m.Reference(), m.Prior); ok && r.Now().Sub(t.Authored) < 60*24*time.Hour && t.Status != "cancelled" {
			l.Refill = &t
		}
		v.Now = append(v.Now, l)
	}
	for _, m := range list.Past {
		if m.Stated {
			v.Told = append(v.Told, m)
		}
	}
	v.Past = past(list)
	slices.SortStableFunc(v.Told, func(a, b medication.Medicine) int { return b.Authored.Compare(a.Authored) })
	return v, nil
}

// newest returns the request for a prescription, or for the one that it renewed.
func newest(asked map[string]task.Task, refs ...string) (task.Task, bool) {
	for _, ref := range refs {
		if t, ok := asked[ref]; ok && ref != "" {
			return t, true
		}
	}
	return task.Task{}, false
}

// toldWord is what the patient said, as a tag.
func toldWord(m medication.Medicine) string {
	switch m.Status {
	case "stopped", "completed":
		return "You said: stopped"
	case "not-taken":
		return "You said: never started"
	}
	return "You told us, not checked yet"
}

// refillWord is the state of a request, as a tag.
func refillWord(t task.Task) (tone ui.Tone, icon, word string) {
	switch t.Status {
	case "requested":
		return ui.Info, "clock", "Refill asked for"
	case "in-progress":
		return ui.Info, "clock", "Your team is working on it"
	case "completed":
		return ui.Good, "ok", "Refill approved"
	case "rejected":
		return ui.Caution, "warn", "Refill declined"
	}
	return ui.Plain, "", t.Status
}
