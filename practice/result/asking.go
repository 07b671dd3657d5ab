package result

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/task"
)

// asking is what the review of a result says about it. It is the one shape of a review task, whether
// a person of the clinic has typed the result or a laboratory has sent it.
type asking struct {
	name   string
	status string  // of the result; corrected when one of its values is
	values []Value // graded: by the laboratory, the clinic's own critical limits, and ranges
	known  string  // the state of the result, see stateOf
	// unnamed: not everybody who sees tasks sees this result, so that the task tells nothing of it.
	unnamed bool
}

// nameless is what a task calls a result that it does not name.
const nameless = "Laboratory result"

// askingOf reads a report with its observations, or a single observation with itself.
func askingOf(focus *fhir.Node, results []*fhir.Node, who person, now time.Time) asking {
	a := asking{name: cmp.Or(fhir.ConceptText(focus.Get("code")), nameless), status: statusOf(focus, results), known: stateOf(focus, results)}
	for _, n := range results {
		if n.Get("status").Text() == wrong {
			continue
		}
		for _, v := range ValuesFrom(n) {
			at := moment(v.When)
			if at.IsZero() {
				at = now
			}
			v.hold(who, at)
			v.judge(v.inUnit(), who, at)
			a.values = append(a.values, v)
		}
	}
	return a
}

// task completes a review task with the words and the priority of the result.
func (a asking) task(t task.Task) task.Task {
	t.Kind, t.Priority, t.Known = task.ReviewResult, a.priority(), a.known
	t.Text, t.Told = a.text()
	return t
}

func (a asking) worst() (severe int) {
	for _, v := range a.values {
		severe = max(severe, severity(v.Flag))
	}
	return severe
}

func (a asking) priority() string {
	switch a.worst() {
	case 3:
		return "stat"
	case 2:
		return "urgent"
	}
	return "routine"
}

// mostTold is how many values a line tells.
const mostTold = 3

// text is the line of the inbox: the name of the test, and what of it is not in range; of are the
// observations whose values it tells.
func (a asking) text() (line string, of []string) {
	if a.unnamed {
		return nameless, nil
	}
	name, graded := a.name+": ", true
	var told []string
	for _, v := range a.values {
		graded = graded && v.Flag != ""
		if severity(v.Flag) < 2 {
			continue
		}
		if v.Name == a.name && len(a.values) == 1 {
			name = ""
		}
		told = append(told, strings.Join(strings.Fields(v.Name+" "+v.Comparator+" "+v.Value+" "+v.Unit), " ")+", "+flags[v.Flag].words)
		if ref := "Observation/" + v.ID; !slices.Contains(of, ref) {
			of = append(of, ref)
		}
	}
	switch {
	case len(told) > mostTold:
		return fmt.Sprintf("%s: %d not in range", a.name, len(told)), nil
	case len(told) > 0:
		return name + strings.Join(told, "; "), of
	case graded && a.worst() == 1:
		return a.name + ": in range", nil
	}
	return a.name, nil
}

// statusOf is the status of a result. A report some of whose values were corrected is corrected,
// whatever it says of itself.
func statusOf(focus *fhir.Node, results []*fhir.Node) string {
	status := focus.Get("status").Text()
	if !counts(status) {
		return status
	}
	for _, n := range results {
		if s := n.Get("status").Text(); corrects(s) && !corrects(status) {
			status = s
		}
	}
	return status
}

// counts reports whether a result of a status says something to be looked at.
func counts(status string) bool {
	return corrects(status) || early(status) || status == "final"
}

// corrects reports whether a status says that something else was known before.
func corrects(status string) bool {
	return status == "amended" || status == "corrected" || status == "appended"
}

// early reports whether a status says that more will come.
func early(status string) bool { return status == "preliminary" || status == "partial" }

// stateOf says in which state a result is: its status, and a hash of what it says. Two states with the
// same hash mean the same. Names, ranges, times and order are no part of it.
func stateOf(focus *fhir.Node, results []*fhir.Node) string {
	var lines []string
	say := func(parts ...string) { lines = append(lines, strconv.Quote(strings.Join(parts, "\x00"))) }
	for _, n := range results {
		if n.Get("status").Text() == wrong {
			continue
		}
		for _, v := range ValuesFrom(n) {
			say("value", cmp.Or(v.Code, v.Name), v.Comparator, plain(v.Value), cmp.Or(v.ucum, v.Unit), v.Flag)
		}
		if absent := n.Get("dataAbsentReason"); absent != nil {
			say("absent", cmp.Or(loinc(n.Get("code")), fhir.ConceptText(n.Get("code"))), fhir.ConceptText(absent))
		}
		if text := notes(n); text != "" {
			say("note", text)
		}
	}
	if text := focus.Get("conclusion").Text(); text != "" {
		say("conclusion", text)
	}
	for c := range focus.Get("conclusionCode").Items() {
		say("concluded", fhir.ConceptText(c), c.Path("coding.0.code").Text())
	}
	for f := range focus.Get("presentedForm").Items() {
		say("form", f.Get("url").Text(), f.Get("hash").Text(), f.Get("data").Text())
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return statusOf(focus, results) + "." + hex.EncodeToString(sum[:12])
}

// plain writes a number in one way: a program that reads 5.0 may write 5.
func plain(value string) string {
	if x, err := strconv.ParseFloat(value, 64); err == nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return value
}
