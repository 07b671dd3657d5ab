package clinic

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/medication"
)

// medicineOf turns a coded text into what a medication line shows: the recognised name with
// tall-man letters, or the text as it was recorded.
func medicineOf(text string) ui.Medicine { return ui.SplitMedicine(text) }

// tone of a tier, its icon and its word.
func tierTag(t rx.Tier) (ui.Tone, string, string) {
	switch t {
	case rx.Stop:
		return ui.Critical, "stop", "stop"
	case rx.Warning:
		return ui.Caution, "warn", "warning"
	case rx.Quiet:
		return ui.Plain, "info", "quiet note"
	}
	return ui.Good, "ok", "nothing found"
}

// checkWord is the short word of what was found: the loudest check, or that something was
// not checked.
func checkWord(ctx context.Context, f rx.Findings) (ui.Tone, string, string) {
	if len(f.RunsOf(rx.Clear)) == 0 && len(f.Findings) == 0 {
		return ui.Plain, "q", ui.T(ctx, "not checked")
	}
	if missing := f.RunsOf(rx.Missing); len(missing) > 0 && loudness(f) < unknown+1 {
		return ui.Plain, "q", ui.T(ctx, "not checked: %s", strings.ToLower(ui.T(ctx, missing[0])))
	}
	if len(f.RunsOf(rx.Partly)) > 0 && len(f.Findings) == 0 {
		return ui.Plain, "q", ui.T(ctx, "nothing found, partly checked")
	}
	tone, icon, word := tierTag(f.Loudest())
	switch f.Loudest() {
	case rx.Stop:
		return tone, icon, ui.T(ctx, "stop: %s", strings.ToLower(ui.T(ctx, f.Findings[0].Check)))
	case rx.Warning:
		return tone, icon, strings.ToLower(ui.T(ctx, f.Findings[0].Check))
	}
	return tone, icon, ui.T(ctx, word)
}

// forWord leads to the reason of a prescription.
func forWord(ctx context.Context, d medication.Draft) string {
	if d.Reason == "" {
		return ""
	}
	return ", " + ui.T(ctx, "for")
}

// told is the first finding in a few words, for a line, if there is one.
func told(f rx.Findings) (what lang.Text, is bool) {
	if len(f.Findings) == 0 || f.Findings[0].Tier == rx.Quiet {
		return lang.Text{}, false
	}
	return f.Findings[0].Heading, true
}

// doseOf is the draft's directions behind the label DOSE; own words stand alone.
func doseOf(d medication.Draft) ui.Medicine {
	if d.Directions != "" || !(d.Dose > 0) {
		return ui.Medicine{Directions: d.Label()}
	}
	amount := drug.Count(d.Dose, d.Unit)
	return ui.Medicine{Dose: amount, Directions: strings.TrimSpace(strings.TrimPrefix(d.Label(), amount))}
}

// standing says what still stands in the way of signing; what could not be checked is never
// said to be fine.
func (v prescribeView) standing(ctx context.Context, stops, warnings, grave int) string {
	switch {
	case !v.complete():
		return ui.T(ctx, "not complete yet")
	case stops+grave == 0 && (warnings == 0 || v.MaySign) && v.unchecked():
		return ui.T(ctx, "not checked: say that you have checked it")
	case stops+warnings == 0 && v.doseUnchecked():
		return ui.T(ctx, "dose not checked")
	case stops+warnings == 0 && len(v.Findings.RunsOf(rx.Clear)) == 0 && len(v.Findings.Findings) == 0:
		return ui.T(ctx, "not checked: look the label up")
	}
	if !v.MaySign && stops+warnings > 0 {
		return ui.T(ctx, "%d found: whoever signs decides", stops+warnings)
	}
	switch news := v.openNews(); {
	case stops+grave > news: // something else stands in the way
	case news == 1:
		return ui.T(ctx, "1 finding is new since it was signed last: give a reason, or change the medicine")
	case news > 1:
		return ui.T(ctx, "%d findings are new since it was signed last: give reasons, or change the medicine", news)
	}
	return openWords(ctx, stops, warnings, grave)
}

func tierTitle(ctx context.Context, x rx.Finding) string {
	switch x.Tier {
	case rx.Stop:
		return ui.Say(ctx, lang.Say("Stop: %s", x.Heading))
	case rx.Warning:
		return ui.Say(ctx, lang.Say("Warning: %s", x.Heading))
	}
	return ui.Say(ctx, x.Heading)
}

func timingOptions(ctx context.Context, f prescribeForm) []ui.Option {
	var out []ui.Option
	known := false
	for _, t := range drug.Timings() {
		value := timingValue(t.Frequency, t.Period, t.PeriodUnit)
		known = known || value == f.Timing
		out = append(out, ui.Option{Value: value, Label: ui.T(ctx, t.Name)})
	}
	if !known {
		name := drug.TimingName(timing(f.Timing))
		if name == "" {
			name = ui.T(ctx, "choose")
		}
		out = append([]ui.Option{{Value: f.Timing, Label: name}}, out...)
	}
	return out
}

var knownRoutes = []string{"by mouth", "inhaled", "on the skin", "under the skin", "under the tongue", "in each nostril", "in the eye", "into the thigh muscle"}

func routeOptions(ctx context.Context, f prescribeForm) []ui.Option {
	var out []ui.Option
	known := false
	for _, route := range knownRoutes {
		known = known || route == f.Route
		out = append(out, ui.Option{Value: route, Label: ui.T(ctx, route)})
	}
	if !known {
		label := f.Route
		if label == "" {
			label = ui.T(ctx, "choose")
		}
		out = append([]ui.Option{{Value: f.Route, Label: label}}, out...)
	}
	return out
}

// supplyWords says what is supplied.
func supplyWords(ctx context.Context, d medication.Draft) string {
	if !(d.Quantity > 0) {
		return ui.T(ctx, "not written yet")
	}
	return drug.Count(d.Quantity, d.QuantityOf)
}

// lastsWords is how long the supply lasts, in brackets.
func lastsWords(ctx context.Context, d medication.Draft) string {
	if !(d.Quantity > 0) || d.Supply <= 0 {
		return ""
	}
	return " (" + counted(ctx, "1 day", "%d days", d.Supply) + ")"
}

func repeatWords(ctx context.Context, n int) string {
	switch n {
	case 0:
		return ui.T(ctx, "no repeats")
	case 1:
		return ui.T(ctx, "1 repeat")
	}
	return ui.T(ctx, "%d repeats", n)
}

// openWords says what still stands in the way of signing.
func openWords(ctx context.Context, stops, warnings, grave int) string {
	switch {
	case stops > 0 && warnings > 0:
		return ui.Say(ctx, lang.Say("%s and %s open", countedText("1 stop", "%d stops", stops), countedText("1 warning", "%d warnings", warnings)))
	case stops > 0:
		return counted(ctx, "1 stop open: change the medicine or give a reason", "%d stops open: change the medicine or give a reason", stops)
	case grave > 0:
		return counted(ctx, "1 grave warning open: change the medicine or give a reason", "%d grave warnings open: change the medicine or give a reason", grave)
	case warnings > 0:
		return warnedWords(ctx, warnings)
	}
	return ui.T(ctx, "nothing stands in the way")
}

// warnedWords says of a prescription that it can be signed in spite of warnings, and of how many.
func warnedWords(ctx context.Context, warnings int) string {
	return counted(ctx, "can be signed, with 1 warning", "can be signed, with %d warnings", warnings)
}

// looked marks a finding that nobody has answered, so that sign.js sees to it that it was on the screen.
func looked(v prescribeView, x rx.Finding) templ.Attributes {
	if _, kept := v.kept(x); kept {
		return nil
	}
	return templ.Attributes{"data-look": saying(x), "tabindex": "-1"}
}

// saying is a finding with what it says: of another dose it is another one.
func saying(x rx.Finding) string { return x.ID + " " + x.Sentence }

// unlooked is what the sign bar says while warnings were never on the screen, for sign.js; nothing where
// the warnings are no matter of the button's.
func unlooked(ctx context.Context, v prescribeView) templ.Attributes {
	if !v.MaySign || !v.signable() {
		return nil
	}
	return templ.Attributes{"data-one": ui.T(ctx, "1 warning not looked at"), "data-many": ui.T(ctx, "%d warnings not looked at"), "data-first": ui.T(ctx, "Look first")}
}

// newlyWords says which warnings came up after the page was shown.
func newlyWords(ctx context.Context, list []rx.Finding) string {
	var titles []string
	for _, x := range list {
		titles = append(titles, ui.Say(ctx, x.Heading))
	}
	return ui.T(ctx, "New since the page was shown: %s. Look at it, then sign.", strings.Join(titles, ", "))
}

// measureWords writes a value without trailing zeros.
func measureWords(m rx.Measure) string {
	return fmt.Sprintf("%g", m.Value)
}

func allergyWords(a rx.Allergy) string {
	if a.Reaction == "" {
		return a.Text
	}
	return a.Text + " — " + a.Reaction
}

func medicineCount(ctx context.Context, list []rx.Medicine) string {
	stated := 0
	for _, m := range list {
		if m.Stated {
			stated++
		}
	}
	if stated == 0 {
		return ui.T(ctx, "%d prescribed", len(list))
	}
	return ui.T(ctx, "%d prescribed, %d stated by the patient", len(list)-stated, stated)
}

func forWhom(ctx context.Context, b *ui.Banner) string {
	if b == nil {
		return ""
	}
	return ui.T(ctx, "for %s", b.Name.Formal())
}

func safetyNote(ctx context.Context, v prescribeView) string {
	if !v.Chosen {
		return ""
	}
	ran, found := 0, 0 // of checks; one check may find several things
	for _, r := range v.Findings.Runs {
		switch r.Outcome {
		case rx.Clear:
			ran++
		case rx.Found:
			ran, found = ran+1, found+1
		}
	}
	return ui.T(ctx, "%d of %d checks ran in full, %d found something", ran, len(v.Findings.Runs), found)
}

// tierRole makes screen readers announce a stop at once.
func tierRole(t rx.Tier) string {
	if t == rx.Stop {
		return "alert"
	}
	return "group"
}

// monitored reports whether the person keeps the medicine and orders the test.
func (v prescribeView) monitored(x rx.Finding) bool { return slices.Contains(v.Form.Monitor, x.ID) }

// signable reports whether the sign button works: the form is complete and nothing
// that needs a reason is open.
func (v prescribeView) signable() bool {
	stops, _, grave := v.Open()
	return v.Chosen && stops+grave == 0 && !v.unchecked() && v.complete()
}

// unchecked reports whether the checks could not read the medicine and the person has not said
// that they checked it themselves.
func (v prescribeView) unchecked() bool { return v.Findings.Unread() && !v.Form.checked() }

// uncheckedWords is what the person says who signs a medicine that the checks cannot read.
func uncheckedWords(ctx context.Context, f rx.Findings) string {
	if len(f.Ingredients) == 0 {
		return ui.T(ctx, "Osler could not check this medicine: I have checked allergies, interactions and dose myself.")
	}
	return ui.T(ctx, "Osler could check only a part of this medicine: I have checked allergies, interactions and dose myself.")
}

// checkedReason is what the signer of a medicine that the checks cannot read has checked.
const checkedReason = "allergies, interactions and dose"

// reasonWords is a reason for which a finding was kept: one of those that the form offers in the reader's
// language, other words as they were written.
func reasonWords(ctx context.Context, reason string) string {
	if reason == checkedReason || slices.Contains(rx.KeepReasons(), reason) {
		return ui.T(ctx, reason)
	}
	return reason
}

// mayHandOn reports whether the reader can hand this prescription on for a signature.
func (v prescribeView) mayHandOn() bool { return v.MayPrepare && v.Prepared == nil }

// decides reports whether a way out is a decision that only the signature can carry: it ends
// another medicine, orders a test, or keeps the finding with a reason.
func decides(a rx.Action) bool {
	return a.Deed == rx.StopIt || a.Deed == rx.Monitor || a.Deed == rx.Keep
}

// wordsHint says where the words of the directions come from.
func wordsHint(ctx context.Context, v prescribeView) string {
	if v.Prepared != nil {
		return ui.T(ctx, "These words are in what was prepared. Clear them to use the fields above.")
	}
	return ui.T(ctx, "These words were on the last prescription. Clear them to use the fields above.")
}

// bestOf is the first alternative without a loud finding, or nil.
func bestOf(list []sentenceOffer) *sentenceOffer {
	for i := range list {
		if loudness(list[i].Findings) < unknown && len(list[i].Findings.RunsOf(rx.Clear)) > 0 {
			return &list[i]
		}
	}
	return nil
}

// correctPage is where a resource is corrected.
func correctPage(target string) string {
	switch {
	case strings.HasPrefix(target, "Condition/"):
		return "/problems"
	case strings.HasPrefix(target, "AllergyIntolerance/"):
		return "/allergies"
	}
	return "/problems"
}

// nextField takes the focus when a medicine was chosen from the list.
func nextField(v prescribeView) string {
	if !v.Chosen {
		return ""
	}
	return "f-dose"
}

// followedWords says that the supply was worked out anew.
func followedWords(ctx context.Context, v prescribeView) string {
	return ui.T(ctx, "The supply followed the directions: %s. Look at it, then sign.", v.Form.Quantity)
}

// rewordedWords says that the words on the label gave way to the fields.
func rewordedWords(ctx context.Context, v prescribeView) string {
	return ui.T(ctx, "The label follows the directions: %s. Its old words are gone. Look at it, then sign.", v.Draft.Label())
}

// supplyHint says in which way the supply does not go with the directions; "" when it does, and of
// a ready prescription that is as it came, whose note says why.
func supplyHint(ctx context.Context, v prescribeView) string {
	d := v.Draft
	if v.Stale {
		return ui.T(ctx, "The directions have changed. Osler cannot work this supply out: write it yourself.")
	}
	s, ready := drug.SentenceByID(v.Form.Sentence)
	if ready {
		as := medication.FromSentence(v.Patient, s)
		if basisOf(as) == basisOf(d) && as.Quantity == d.Quantity && as.QuantityOf == d.QuantityOf {
			return ""
		}
	}
	lasts, misfit := d.Misfit()
	if !misfit {
		return ""
	}
	return ui.T(ctx, "%s: lasts %s; the course is %s.", drug.Count(d.Quantity, d.QuantityOf), daysWord(ctx, lasts), daysWord(ctx, d.Days))
}

// renewalWords says how what the checks find now stands to what they told when the prescription
// was signed last.
func renewalWords(ctx context.Context, v prescribeView) string {
	news, known := 0, 0
	for _, x := range v.Findings.Findings {
		switch {
		case v.isNew(x):
			news++
		case x.Tier != rx.Quiet:
			known++
		}
	}
	switch {
	case news == 1:
		return ui.T(ctx, "1 finding is new since then")
	case news > 1:
		return ui.T(ctx, "%d findings are new since then", news)
	case known > 0:
		return ui.T(ctx, "the checks tell the same as then")
	}
	return ui.T(ctx, "the checks tell nothing")
}

// doseUnchecked reports whether the dose of a child was not checked, as no check of it could run.
func (v prescribeView) doseUnchecked() bool {
	return v.Facts.Minor() && slices.Contains(v.Findings.RunsOf(rx.Missing), rx.Dose)
}

// allergyUncompared reports whether an allergy of the patient was not held to the medicine: it is in words that
// the catalogue does not know.
func (v prescribeView) allergyUncompared() bool {
	return slices.ContainsFunc(v.Findings.NotChecked, func(n rx.NotChecked) bool { return n.Check == rx.Allergies && n.Subject != "" })
}

// doseHint says why the dose of a child is empty.
func doseHint(ctx context.Context, v prescribeView) string {
	switch {
	case !v.ofAdults() || v.Form.Dose != "":
		return ""
	case v.Facts.Weight.Known && !v.Facts.WeightOld():
		return ui.T(ctx, "Empty for a child: work it out by weight, %s.", measureWords(v.Facts.Weight)+" kg")
	}
	return ui.T(ctx, "Empty for a child: work it out by weight.")
}

// ofAdults reports whether the ready prescription is one of adults and the patient is a child.
func (v prescribeView) ofAdults() bool {
	_, ok := drug.SentenceByID(v.Form.Sentence)
	return ok && v.Facts.Minor()
}

// adultSentence reports whether a form of adults was chosen for a small child.
func (v prescribeView) adultSentence() bool {
	s, ok := drug.SentenceByID(v.Form.Sentence)
	return ok && v.Facts.Small() && s.AdultForm()
}

// byHand reports whether the prescription is written by hand: not a ready one, and not one of before.
func (v prescribeView) byHand() bool {
	return v.Chosen && v.Form.Sentence == "" && v.Form.Renews == "" && v.Form.Prepared == ""
}

// complete reports whether nothing is missing. Who writes by hand says the route too; of what was
// prescribed before it may never have been recorded.
func (v prescribeView) complete() bool {
	return v.Draft.Validate() == nil && !(v.byHand() && v.Form.Route == "") && !v.supplyOfWhat()
}

// supplyOfWhat reports whether the supply is a bare number beside a dose of a substance.
func (v prescribeView) supplyOfWhat() bool {
	return v.Draft.Quantity > 0 && v.Draft.QuantityOf == "" && medication.Amount(v.Draft.Unit)
}

// writesReason reports whether the reason is written in words, or chosen: who writes a prescription
// by hand writes it too, and the patient's problems are offered.
func (v prescribeView) writesReason() bool {
	return v.Form.Sentence == "" && !strings.HasPrefix(v.Form.For, "Condition/")
}

// from is what the page started with, for an address of it.
func (v prescribeView) from() []string {
	switch {
	case v.Form.Renews != "":
		return []string{"renew", v.Form.Renews}
	case v.Form.Sentence != "":
		return []string{"s", v.Form.Sentence}
	}
	return nil
}
