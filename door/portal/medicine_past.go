package portal

import (
	"strings"
	"time"

	"github.com/osler-emr/osler/practice/medication"
)

// pastMedicine is a medicine that was taken and is not any more: a prescription with its renewals is one.
type pastMedicine struct {
	medication.Medicine        // the newest of them
	Since, Until        string // FHIR dates; "" where nobody has written them down
}

// past are the medicines that are over, newest first. What is taken today in the same strength is not
// over: its earlier prescriptions are left out.
func past(list medication.Medicines) []pastMedicine {
	now := map[string]bool{}
	for _, m := range list.Current {
		if !m.Stated {
			now[strings.ToLower(m.Text)] = true
		}
	}
	var out []pastMedicine
	at := map[string]int{}
	for _, m := range list.Past {
		key := strings.ToLower(m.Text)
		if m.Stated || now[key] {
			continue
		}
		since := began(m)
		if i, ok := at[key]; ok {
			if since != "" {
				out[i].Since = since
			}
			continue
		}
		at[key] = len(out)
		out = append(out, pastMedicine{Medicine: m, Since: since, Until: ended(m, list)})
	}
	return out
}

func began(m medication.Medicine) string {
	if m.StartAs != "" {
		return m.StartAs
	}
	return m.AuthoredAs
}

// ended is when a prescription ended: when it was stopped, when its course was over, or when another one
// took its place.
func ended(m medication.Medicine, list medication.Medicines) string {
	if m.EndedAs != "" {
		return m.EndedAs
	}
	if end := m.CourseEnd(); !end.IsZero() {
		return end.Format(time.DateOnly)
	}
	for _, of := range [][]medication.Medicine{list.Current, list.Past} {
		for _, next := range of {
			if next.Prior == m.Reference() {
				return began(next)
			}
		}
	}
	return ""
}
