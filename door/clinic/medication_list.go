package clinic

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// medicationsView is the page of what a patient takes.
type medicationsView struct {
	Frame   chartFrame
	List    medication.Medicines
	Names   map[string]string
	MaySign bool
	Prepare bool // the reader prepares prescriptions for a physician
	Key     string
	Asked   []task.Task // refills that the patient asked for
	Faults  ui.Faults
}

// medications shows what a patient takes. A task in the address is the refill request from
// which the person came.
func medications(w http.ResponseWriter, r *web.Request) error { return showMedications(w, r, nil) }

// medsAlias is a shorter address of the same page.
func medsAlias(w http.ResponseWriter, r *web.Request) error {
	to := "/p/" + r.PathValue("patient") + "/medications"
	if q := r.URL.RawQuery; q != "" {
		to += "?" + q
	}
	return web.Redirect(w, r, to)
}

func showMedications(w http.ResponseWriter, r *web.Request, faults ui.Faults) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v := medicationsView{Frame: frameOf(r, c, "medications"), Key: nonce(r), Faults: faults, MaySign: r.Principal().Role == trust.Physician}
	if v.List, err = medication.List(r.Context(), r.Actor, c.Patient.ID); err != nil {
		return err
	}
	v.Prepare = mayPrepare(r.Principal().Role)
	v.Frame.Counts["medications"] = len(v.List.Lines())
	var refs []string
	for _, m := range slices.Concat(v.List.Current, v.List.Past, v.List.Prepared, v.List.Planned) {
		refs = append(refs, m.Requester, m.Recorder)
	}
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	tasks, err := task.About(r.Context(), r.Actor, c.Patient.ID)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if t.Kind == task.RefillRequest {
			v.Asked = append(v.Asked, t)
		}
	}
	p := chartPage(r, c, "Medications")
	p.Sheets = append(p.Sheets, "rx.css")
	if len(faults) > 0 {
		return web.Invalid(w, r, p, medicationsPage(v))
	}
	return web.Page(w, r, p, medicationsPage(v))
}

// Path is an address below this page.
func (v medicationsView) Path(part string) string {
	return strings.TrimSuffix("/p/"+v.Frame.Patient+"/medications/"+part, "/")
}

// asked is the open refill request for a medicine.
func (v medicationsView) asked(m medication.Medicine) (task.Task, bool) {
	for _, t := range v.Asked {
		if t.Focus == m.Reference() {
			return t, true
		}
	}
	return task.Task{}, false
}

// supplyLeft says how long the supply lasts, its tone, and an icon.
func supplyLeft(ctx context.Context, m medication.Medicine, now time.Time) (ui.Tone, string, string) {
	left, known := m.SupplyLeft(now)
	switch {
	case m.Stated:
		return "", "", ui.T(ctx, "not prescribed here")
	case m.AsNeeded:
		return "", "", ui.T(ctx, "as needed")
	case m.Days > 0:
		return "", "", ui.T(ctx, "a course of %s", daysWord(ctx, m.Days))
	case m.Once():
		return "", "", ui.T(ctx, "taken once")
	case !known:
		return "", "", ui.T(ctx, "not recorded")
	case left < 0:
		return ui.Critical, "warn", ui.T(ctx, "ran out %s ago", daysWord(ctx, -left))
	case left <= 14:
		return ui.Caution, "clock", ui.T(ctx, "%s left", daysWord(ctx, left))
	}
	return "", "", ui.T(ctx, "%s left", daysWord(ctx, left))
}

func daysWord(ctx context.Context, n int) string {
	switch {
	case n == 1:
		return ui.T(ctx, "1 day")
	case n >= 730:
		return ui.T(ctx, "%d years", n/365)
	case n >= 90:
		return ui.T(ctx, "%d months", n/30)
	}
	return ui.T(ctx, "%d days", n)
}

// lastAction is what happened last to a medicine.
func lastAction(ctx context.Context, m medication.Medicine) string {
	switch {
	case m.Stated && m.Source != "":
		return ui.T(ctx, "listed since")
	case m.Stated:
		return ui.T(ctx, "stated")
	case m.Prior != "":
		return ui.T(ctx, "renewed")
	case m.Status == "on-hold":
		return ui.T(ctx, "on hold since")
	}
	return ui.T(ctx, "prescribed")
}

// doseShare is the daily dose against the usual maximum, in the steps of the glyph.
func doseShare(m medication.Medicine) (steps int, words string, ok bool) {
	share, limit, ok := m.Daily()
	if !ok {
		return 0, "", false
	}
	return min(5, max(1, int(share*5+0.5))), limit, true
}

func currentNote(ctx context.Context, v medicationsView) string {
	stated, low := 0, 0
	for _, m := range v.List.Current {
		if m.Stated && m.Source == "" {
			stated++
		}
		if left, known := m.SupplyLeft(v.List.Now()); known && left <= 14 {
			low++
		}
	}
	parts := []string{currentCount(ctx, v.List)}
	if stated > 0 {
		parts = append(parts, ui.T(ctx, "%d stated by the patient", stated))
	}
	if low > 0 {
		parts = append(parts, ui.T(ctx, "%d to renew", low))
	}
	return strings.Join(parts, ", ")
}

// currentCount says how many medicines are taken, and of how many nobody knows.
func currentCount(ctx context.Context, list medication.Medicines) string {
	known, doubtful := list.Known()
	said := ui.T(ctx, "%d current", known)
	if doubtful > 0 {
		said += ", " + ui.T(ctx, "%d not known whether still taken", doubtful)
	}
	return said
}

// endWord says how a medicine ended.
func endWord(m medication.Medicine) string {
	switch {
	case m.Status == "active":
		return "course over"
	case m.Status == "":
		return "not recorded"
	}
	return m.Status
}

// saysWord is what a patient says of a prescription.
func saysWord(s medication.Medicine) string {
	switch s.Status {
	case "stopped", "completed":
		return "patient says: stopped"
	case "not-taken":
		return "patient says: never started"
	}
	return "patient says: takes it otherwise"
}

// ends is when there is none left, or the course is over; zero when it is not known.
func ends(m medication.Medicine) time.Time {
	if end := m.SupplyEnd(); !end.IsZero() {
		return end
	}
	if m.Days > 0 {
		return m.CourseEnd()
	}
	return time.Time{}
}
