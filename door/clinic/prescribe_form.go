package clinic

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/order"
)

// keepPrefix names the fields that hold the reason for keeping a finding.
const keepPrefix = "keep:"

// prescribeForm is a prescription as it stands in the form, in the person's words.
type prescribeForm struct {
	Sentence string // id of the order sentence it started from; "" for free text
	Renews   string // reference of the prescription it started from
	Prepared string // id of the draft that somebody prepared
	Signer   string // id of the physician who is asked to sign
	Medicine string
	Dose     string // "1 tablet"
	Route    string
	Timing   string // value of timingValue
	AsNeeded bool
	Note     string
	Days     string // "3 days", "" goes on
	Quantity string // "6 tablets"
	Counted  string // for which directions the form has worked out which quantity: basisOf
	Repeats  string
	Supply   int
	For      string // "Condition/…", or words
	Words    string // directions in words that parts cannot say: of a renewed one
	Worded   string // for which parts the form has which Words: partsOf
	Stops    []string
	Shown    []string          // the warnings that the page showed when it was sent: saying
	Monitor  []string          // finding ids that are kept and monitored
	Keep     map[string]string // finding id to reason
	Checked  string            // the medicine, as it was written when the person said that they checked it themselves
	Key      string
	Visit    string // id of the encounter
}

// formFromDraft fills the form from a draft.
func formFromDraft(d medication.Draft) prescribeForm {
	f := prescribeForm{
		Medicine: d.Text, Dose: drug.Count(d.Dose, d.Unit), Route: d.Route, Timing: timingValue(d.Frequency, d.Period, d.PeriodUnit), AsNeeded: d.AsNeeded,
		Note: d.Note, Quantity: drug.Count(d.Quantity, d.QuantityOf), Repeats: strconv.Itoa(d.Repeats), For: d.Reason, Supply: d.Supply, Words: d.Directions, Stops: d.Stops,
		Prepared: d.Prepared, Renews: d.Renews, Visit: d.Encounter,
	}
	if d.ReasonRef != "" {
		f.For = d.ReasonRef
	}
	if d.Days > 0 {
		f.Days = drug.Count(float64(d.Days), "day")
	}
	return f
}

// withoutDose takes the dose of adults out of a ready prescription, and all that rests on it: how
// often, how long and how much. The catalogue has no doses for children, and nobody signs from
// habit what was never meant for one.
func (f *prescribeForm) withoutDose() {
	f.Dose, f.Timing, f.Days, f.Quantity, f.Supply, f.Note = "", "", "", "", 0, ""
}

// readPrescribeForm reads what was sent.
func readPrescribeForm(r *web.Request) prescribeForm {
	_ = r.ParseForm() // a body that cannot be read leaves the form empty, which is told field by field
	f := prescribeForm{
		Sentence: r.FormValue("s"), Renews: r.FormValue("renews"), Medicine: strings.TrimSpace(r.FormValue("medicine")), Dose: r.FormValue("dose"), Route: r.FormValue("route"),
		Timing: r.FormValue("timing"), AsNeeded: r.FormValue("prn") == "yes", Note: strings.TrimSpace(r.FormValue("note")), Days: r.FormValue("days"), Quantity: r.FormValue("quantity"), Counted: r.FormValue("counted"),
		Repeats: r.FormValue("repeats"), For: r.FormValue("for"), Words: r.FormValue("words"), Worded: r.FormValue("worded"), Key: r.FormValue("key"), Visit: r.FormValue("encounter"),
		Prepared: r.FormValue("prepared"), Signer: r.FormValue("physician"), Stops: r.Form["stop"], Shown: r.Form["shown"], Monitor: r.Form["monitor"], Checked: r.FormValue("unchecked"), Keep: map[string]string{},
	}
	f.Supply, _ = strconv.Atoi(r.FormValue("supply"))
	for name, values := range r.Form {
		if id, ok := strings.CutPrefix(name, keepPrefix); ok && values[0] != "" {
			f.Keep[id] = values[0]
		}
	}
	return f
}

func timingValue(frequency, period int, unit string) string {
	return strconv.Itoa(frequency) + "-" + strconv.Itoa(period) + "-" + unit
}

// timing reads a value of timingValue; zeros when it cannot be read.
func timing(value string) (frequency, period int, unit string) {
	parts := strings.SplitN(value, "-", 3)
	if len(parts) != 3 {
		return 0, 0, ""
	}
	frequency, _ = strconv.Atoi(parts[0])
	period, _ = strconv.Atoi(parts[1])
	return frequency, period, parts[2]
}

// draft turns the form into a draft. What cannot be read becomes a zero, which Validate
// tells by the name of its field.
func (f prescribeForm) draft(patient string, problems []rx.Problem) medication.Draft {
	d := medication.Draft{Patient: patient, Encounter: f.Visit, Text: f.Medicine, Route: f.Route, AsNeeded: f.AsNeeded, Note: f.Note, Supply: f.Supply, Stops: f.Stops, Directions: f.Words, Prepared: f.Prepared, Renews: f.Renews}
	if s, ok := drug.SentenceByID(f.Sentence); ok && s.Medicine() == f.Medicine {
		d.Codings = medication.FromSentence(patient, s).Codings
	}
	d.Dose, d.Unit, _ = medication.ParseCount(f.Dose)
	d.Frequency, d.Period, d.PeriodUnit = timing(f.Timing)
	d.Quantity, d.QuantityOf, _ = medication.ParseCount(f.Quantity)
	if d.QuantityOf == "" && !medication.Amount(d.Unit) { // "21" beside a dose of tablets
		d.QuantityOf = d.Unit
	}
	if f.Days != "" {
		days, unit, ok := medication.ParseCount(f.Days)
		switch {
		case ok && strings.HasPrefix(unit, "week"):
			days *= 7
		case ok && strings.HasPrefix(unit, "month"):
			days *= 30
		case !ok || unit != "" && unit != "day":
			days = -1 // refused by Validate
		}
		d.Days = int(days)
	}
	d.Repeats = -1
	if f.Repeats == "" {
		d.Repeats = 0
	} else if n, err := strconv.Atoi(strings.TrimSpace(f.Repeats)); err == nil {
		d.Repeats = n
	}
	if lasts, ok := d.Lasts(); ok && !d.AsNeeded {
		d.Supply = min(lasts, 366)
	}
	d.Reason = f.For
	if at := slices.IndexFunc(problems, func(p rx.Problem) bool { return p.ID == f.For || strings.EqualFold(p.Text, f.For) }); at >= 0 {
		d.Reason, d.ReasonRef = problems[at].Text, problems[at].ID
	} else if strings.HasPrefix(f.For, "Condition/") {
		d.Reason = "" // a problem of nobody's list
	}
	return d
}

// follow makes the supply follow dose, frequency and length of the course, unless it was typed by
// hand, and reports whether it did. stale: the directions have changed, and the supply is counted
// in something else, so that only a person can say whether it is enough.
func (f *prescribeForm) follow(d *medication.Draft) (followed, stale bool) {
	basis, quantity := basisOf(*d), drug.Count(d.Quantity, d.QuantityOf)
	was, counted, _ := strings.Cut(f.Counted, countedAs)
	switch {
	case f.Counted == "": // nobody has changed anything yet
		f.Counted = basis + countedAs + quantity
		return false, false
	case was == basis || counted != quantity && d.Quantity > 0:
		return false, false
	}
	kept := *d
	kept.Supply = f.Supply // how long it was to last, and not how long what there is would
	need, ok := kept.Need()
	if !ok {
		return false, d.Quantity > 0
	}
	if d.Supply = d.Days; d.Supply == 0 {
		d.Supply = f.Supply
	}
	if d.AsNeeded {
		d.Supply = 0
	}
	d.Quantity = need
	f.Quantity = drug.Count(need, d.QuantityOf)
	f.Counted = basis + countedAs + f.Quantity
	return f.Quantity != quantity, false
}

// reword drops directions in words that were written for other parts than the form has now, so that a
// label never says another dose than the fields beside it, and reports whether it did.
func (f *prescribeForm) reword(d *medication.Draft) (dropped bool) {
	parts := partsOf(*d)
	if was, words, ok := strings.Cut(f.Worded, countedAs); ok && was != parts && words == f.Words && words != "" {
		f.Words, d.Directions, dropped = "", "", true
	}
	f.Worded = parts + countedAs + f.Words
	return dropped
}

// partsOf is what directions are composed from.
func partsOf(d medication.Draft) string {
	return strings.Join([]string{basisOf(d), d.Route, d.Note}, " ")
}

// countedAs stands between directions and quantity in Counted, and between directions and their words in
// Worded.
const countedAs = " = "

// basisOf is what a quantity is worked out from.
func basisOf(d medication.Draft) string {
	return strings.Join([]string{drug.Count(d.Dose, d.Unit), timingValue(d.Frequency, d.Period, d.PeriodUnit), strconv.Itoa(d.Days), strconv.FormatBool(d.AsNeeded)}, " ")
}

// answer adds the reasons for kept findings, and the tests that monitor them.
func (f prescribeForm) answer(r *web.Request, d *medication.Draft, found rx.Findings) error {
	d.Overrides = map[string]string{}
	for id, reason := range f.Keep {
		d.Overrides[id] = reason
	}
	ordered := map[string]bool{}
	if found.Unread() && f.checked() {
		d.Overrides[medication.Unchecked] = checkedReason
	}
	for _, x := range found.Findings {
		if !slices.Contains(f.Monitor, x.ID) {
			continue
		}
		for _, a := range x.Actions {
			if a.Deed != rx.Monitor {
				continue
			}
			d.Overrides[x.ID] = a.Label
			if ordered[a.Order] {
				continue
			}
			ordered[a.Order] = true
			put, err := order.Put(r.Actor, order.Draft{Patient: d.Patient, Encounter: d.Encounter, LOINC: a.Order, InDays: a.Days, Reason: x.Title + ": " + d.Text})
			if err != nil {
				return err
			}
			d.Also = append(d.Also, put)
		}
	}
	return nil
}

// checked reports whether the person said that they checked this medicine themselves; what was
// said of other words does not count.
func (f prescribeForm) checked() bool { return f.Checked != "" && f.Checked == f.Medicine }

// formKey makes a sent form one change, however often it is sent; a form that was edited
// and sent again is another.
func formKey(r *web.Request, nonce string) string {
	if nonce == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(r.PostForm.Encode()))
	return nonce + "/" + hex.EncodeToString(sum[:8])
}

// isInvalid reports whether a person's input was the reason.
func isInvalid(err error) bool { return fault.Is(err, fault.Invalid) }
