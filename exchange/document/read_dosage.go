package document

import (
	"cmp"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// dosage reads how something is taken, and says it in words; often tells whether the document says
// how often. Doses that follow one another are a dosage each, and all of them in the words of the first.
func (r *reader) dosage(e *cda.Element, code *fhir.Node) (dosage *fhir.Node, line string, often bool) {
	r.counted = true // what a dose is counted in is often no unit: tablets, puffs
	defer func() { r.counted = false }()
	sig, words := r.sig(e), r.directions(e, code)
	d, said, every, asNeeded := r.takes(e)
	prn := !asNeeded && needed.MatchString(sig+" "+words)
	if every != "" {
		if prn && sig == "" && !times.MatchString(words) { // the author wrote no more than that
			r.differs()
			said = slices.DeleteFunc(said, func(s string) bool { return s == every })
		}
	}
	often = d.Get("timing") != nil || asNeeded || words != "" || sig != ""
	if prn {
		d.Set("asNeededBoolean", fhir.Bool(true))
		if every != "" && sig == "" {
			said = append(said, "as needed")
		}
	}
	coded := strings.Join(said, ", ")
	contrary := ""
	for _, s := range []string{sig, words, d.Get("patientInstruction").Text()} {
		if contrary == "" && s != "" {
			if r.budget -= 100 * len(s); r.budget < 0 || against(s, d) {
				contrary = s
			}
		}
	}
	switch {
	case sig != "" && contrary != "" && contrary != sig:
		sig += " (in the text: " + contrary + ")"
	case contrary != "":
		sig = contrary
		if coded != "" {
			sig += " (coded: " + coded + ")"
		}
	case sig != "" || words == "" || d.Get("timing") != nil:
	case coded == "" || strings.ContainsAny(words, "0123456789"):
		sig = words
	default:
		sig = coded + ", " + words
	}
	if sig == "" {
		if c := courseIn(words); c != nil { // what is coded says nothing of it
			said = append(said, c.says)
		}
	}
	if contrary != "" {
		r.differs()
	}
	list := []*fhir.Node{d}
	steps, also := r.steps(e, code)
	for i, s := range steps {
		list = append(list, s)
		said = append(said, "then "+also[i])
		if sig != "" {
			sig += ", then " + also[i]
		}
	}
	if sig != "" {
		said = []string{clip(sig)}
	} else {
		sig = strings.Join(said, ", ")
	}
	if sig != "" {
		d.SetFirst(0, "text", fhir.Str(sig))
	}
	if len(list) > 1 {
		for i, d := range list {
			d.SetFirst(0, "sequence", fhir.Int(int64(i+1)))
		}
	}
	if d.Len() == 0 {
		return nil, "", often
	}
	dosage = fhir.Arr()
	dosage.Append(list...)
	return dosage, strings.Join(said, ", "), often
}

// differs says that the text that a person attested says something else.
func (r *reader) differs() {
	r.doubt(otherText)
	r.doc.Texts[r.of].Differs = true
}

// takes reads what is coded of how something is taken, and says it in words; every is how often, and asNeeded
// whether that depends on a need.
func (r *reader) takes(e *cda.Element) (d *fhir.Node, said []string, every string, asNeeded bool) {
	d = fhir.Obj()
	say := func(s string) {
		if s != "" {
			said = append(said, s)
		}
	}
	rate := fhir.Obj()
	if q := r.quantity(e.Child("doseQuantity")); q != nil {
		if q.Get("unit") == nil {
			if unit := r.words(e.Child("administrationUnitCode")); unit != "" {
				q.Set("unit", fhir.Str(unit))
			}
		}
		rate.Set("doseQuantity", q)
		if q.Get("unit") == nil {
			say("dose " + amount(q))
		} else {
			say(amount(q))
		}
	} else if rng := r.valueRange(e.Child("doseQuantity")); rng != nil {
		rate.Set("doseRange", rng)
		say(rangeText(rng))
	}
	if q := r.quantity(e.Child("rateQuantity")); q != nil {
		rate.Set("rateQuantity", q)
		say("at " + amount(q))
	} else if rng := r.valueRange(e.Child("rateQuantity")); rng != nil {
		rate.Set("rateRange", rng)
		say("at " + rangeText(rng))
	}
	if route := r.concept(e.Child("routeCode")); route != nil {
		d.Set("route", route)
		say(routeText(route))
	}
	timing, every := r.timing(e)
	d.Set("timing", timing)
	say(every)
	rules := fhir.Arr()
	for p := range e.All("precondition") {
		need, rule := r.condition(p)
		switch {
		case rule != "":
			rules.Append(fhir.Obj("text", rule))
			say(rule)
		case need == nil:
		case need.Len() == 0:
			asNeeded = true
			if d.Get("asNeededCodeableConcept") == nil {
				d.Set("asNeededBoolean", fhir.Bool(true))
			}
			say("as needed")
		default:
			asNeeded = true
			if d.Get("asNeededCodeableConcept") == nil {
				d.Remove("asNeededBoolean")
				d.Set("asNeededCodeableConcept", need)
			}
			if text := conceptText(need); whenSo.MatchString(text) {
				say("as needed " + text)
			} else {
				say("as needed for " + text)
			}
		}
	}
	d.Set("site", r.concept(e.Child("approachSiteCode")))
	if rate.Len() > 0 {
		d.Set("doseAndRate", fhir.Arr(rate))
	}
	if m := e.Child("maxDoseQuantity"); m != nil {
		top, per := r.quantity(m.Child("numerator")), r.quantity(m.Child("denominator"))
		if top != nil && per != nil {
			d.Set("maxDosePerPeriod", fhir.Obj("numerator", top, "denominator", per))
			say("at most " + amount(top) + " in " + amount(per))
		}
	}
	related(e, "act", func(_ string, a *cda.Element) {
		if a.Is("2.16.840.1.113883.10.20.22.4.20") || a.Is("2.16.840.1.113883.10.20.22.4.131") {
			if t := r.textOf(a.Child("text")); t != "" {
				d.Set("patientInstruction", fhir.Str(t))
			} else if c := r.concept(a.Child("code")); c != nil {
				rules.Append(c)
			}
		}
	})
	if rules.Len() > 0 {
		d.Set("additionalInstruction", rules)
	}
	return d, said, every, asNeeded
}

var (
	// forbids finds conditions that keep from taking something: they are no need for it.
	forbids = regexp.MustCompile(`(?i)^(do not|don.t|not|never|no|stop|skip|omit|unless|until|avoid|except|discontinue)\b|\b(hold|withhold|do not (take|give|use))\b`)
	whenSo  = regexp.MustCompile(`(?i)^(if|when|only|in case)\b`)
)

// condition reads a precondition: what something is needed for (an empty concept where that is not said), or a rule
// in words; neither when it says nothing.
func (r *reader) condition(p *cda.Element) (need *fhir.Node, rule string) {
	c := p.Child("criterion")
	if p.Null() != "" || c.Null() != "" {
		return nil, ""
	}
	need = r.concept(c.Child("value"))
	if need == nil {
		if t := r.textOf(c.Child("text")); t != "" {
			need = fhir.Obj("text", clip(t))
		}
	}
	switch {
	case need == nil && (c.Child("value").Has("value") || c.At("value/low") != nil || c.At("value/high") != nil): // "below 100", of what is measured
		r.doubt(valueUnreadable)
		return nil, ""
	case need == nil:
		return fhir.Obj(), ""
	case forbids.MatchString(conceptText(need)):
		return nil, conceptText(need)
	}
	return need, ""
}

// steps reads the doses that follow the first one, as of a taper, and what is said of each. That there are more is a
// doubt: which of them is taken today nobody knows.
func (r *reader) steps(e *cda.Element, code *fhir.Node) (list []*fhir.Node, said []string) {
	type step struct {
		at int
		e  *cda.Element
	}
	var found []step
	for rel := range e.All("entryRelationship") {
		for s := range rel.All("substanceAdministration") {
			if freeText(s) || erroneous(s) {
				continue
			}
			found = append(found, step{integer(rel.Child("sequenceNumber").Attr("value")), s})
		}
	}
	slices.SortStableFunc(found, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	for _, f := range found {
		if names := called(product(f.e)); len(names) > 0 && !anySays(conceptText(code), names) || f.e.Attr("negationInd") == "true" {
			r.doubt(kindNotRead)
			continue
		}
		d, words, _, _ := r.takes(f.e)
		if low, high := r.bounds(courseTime(f.e)); low != "" || high != "" {
			if d.Get("timing") == nil {
				d.Set("timing", fhir.Obj("repeat", fhir.Obj()))
			}
			d.Path("timing.repeat").Set("boundsPeriod", fhir.Obj("start", low, "end", high))
			for _, x := range [][2]string{{"from ", low}, {"to ", high}} {
				if x[1] != "" {
					words = append(words, x[0]+day(x[1]))
				}
			}
		}
		text := strings.Join(words, ", ")
		if own := r.sig(f.e); own != "" {
			text = own
		} else if own := r.textOf(f.e.Child("text")); own != "" && len(own) <= 250 {
			text = own
		}
		if text == "" {
			continue
		}
		d.SetFirst(0, "text", fhir.Str(text))
		list, said = append(list, d), append(said, text)
	}
	if len(list) > 0 {
		r.doubt(moreDoses)
	}
	return list, said
}

// freeText reports whether an administration is only the instructions of the one around it.
func freeText(s *cda.Element) bool {
	return s.Child("code").Attr("code") == "76662-6" || s.Is("2.16.840.1.113883.10.20.22.4.147")
}

// sig returns the instructions as they were written.
func (r *reader) sig(e *cda.Element) (text string) {
	related(e, "substanceAdministration", func(_ string, s *cda.Element) {
		if freeText(s) {
			text = r.textOf(s.Child("text"))
		}
	})
	return text
}

// routeText says a route as clinicians do: "oral".
func routeText(c *fhir.Node) string {
	t := conceptText(c)
	for _, tail := range []string{" Route of Administration", " route of administration"} {
		t = strings.TrimSuffix(t, tail)
	}
	if t == strings.ToUpper(t) || len(t) > 1 && t[1:] == strings.ToLower(t[1:]) {
		t = strings.ToLower(t)
	}
	return t
}

// periods are the units of time of a Timing, and how they are said.
var periods = map[string][2]string{"s": {"second", "seconds"}, "min": {"minute", "minutes"}, "h": {"hour", "hours"}, "d": {"day", "days"}, "wk": {"week", "weeks"}, "mo": {"month", "months"}, "a": {"year", "years"}}

// timing reads how often something is taken. Events of a day go together; of what does not, the first is kept
// and the rest is left to the text.
func (r *reader) timing(e *cda.Element) (*fhir.Node, string) {
	var kept *fhir.Node
	var said []string
	events, late, more, phase := fhir.Arr(), 0, false, ""
	var take func(t *cda.Element)
	take = func(t *cda.Element) {
		for c := range t.All("comp") {
			if isFrequency(c) {
				take(c)
			}
		}
		if p := t.Child("period"); p != nil {
			repeat, words := r.every(p, t.Attr("institutionSpecified") == "true")
			switch {
			case repeat == nil:
			case kept == nil:
				kept, said = repeat, []string{words}
			case events.Len() > 0 || said[0] != words || phase != t.At("phase/low").Attr("value"):
				more = true
			}
			phase = t.At("phase/low").Attr("value")
			return
		}
		code := t.Child("event").Attr("code")
		if code == "" {
			return
		}
		words := eventWords[code]
		offset, ok := minutes(t.Child("offset"))
		if offset < 0 && strings.HasPrefix(code, "AC") { // half an hour before a meal is -30 to some, and 30 to others
			offset = -offset
		}
		if !ok || offset < 0 {
			r.doubt(valueUnreadable)
			offset = 0
		}
		switch {
		case words == "", kept != nil && (events.Len() == 0 || offset != late):
			more = true
		case slices.Contains(said, words):
		default:
			if kept == nil {
				kept, late = fhir.Obj(), offset
			}
			events.Append(fhir.Str(code))
			said = append(said, words)
		}
	}
	for t := range e.All("effectiveTime") {
		if isFrequency(t) {
			take(t)
		}
	}
	switch {
	case more && kept != nil:
		r.doubt(moreTimes)
	case more:
		r.doubt(valueUnreadable)
	}
	if kept == nil {
		return nil, ""
	}
	words := strings.Join(said, " and ")
	if events.Len() > 0 {
		kept.Set("when", events)
		if late > 0 {
			kept.Set("offset", fhir.Int(int64(late)))
			words = strconv.Itoa(late) + " minutes " + fromThen(words)
		}
	}
	return fhir.Obj("repeat", kept), words
}

// eventWords are the events of R4's EventTiming.
var eventWords = map[string]string{"HS": "at bedtime", "WAKE": "on waking", "C": "with meals", "CM": "with breakfast", "CD": "with lunch", "CV": "with dinner",
	"AC": "before meals", "ACM": "before breakfast", "ACD": "before lunch", "ACV": "before dinner", "PC": "after meals", "PCM": "after breakfast", "PCD": "after lunch", "PCV": "after dinner"}

// fromThen says an event from which some minutes are counted: "after bedtime". R4 counts them so where the event itself does not say
// before or after.
func fromThen(event string) string { return laterOn.Replace(event) }

var laterOn = strings.NewReplacer("at ", "after ", "on ", "after ", "with ", "after ")

// minutes reads how long before or after an event something is taken; ok is false when it cannot be told.
func minutes(q *cda.Element) (n int, ok bool) {
	if !q.Has("value") {
		q = q.Child("low")
	}
	value := strings.TrimSpace(q.Attr("value"))
	if value == "" {
		return 0, true
	}
	digits, minus := strings.CutPrefix(value, "-")
	n = integer(digits)
	switch q.Attr("unit") {
	case "min":
	case "h":
		n *= 60
	default:
		return 0, n == 0
	}
	if n < 0 || n > 24*60 {
		return 0, false
	}
	if minus {
		n = -n
	}
	return n, true
}

// every reads a period. One that the clinic is free to lay into its day is told as so many times in
// a day.
func (r *reader) every(p *cda.Element, free bool) (*fhir.Node, string) {
	value, unit, most := p.Attr("value"), p.Attr("unit"), ""
	if !p.Has("value") {
		value, unit, most = p.Child("low").Attr("value"), p.Child("low").Attr("unit"), p.Child("high").Attr("value")
		if p.Child("high").Attr("unit") != unit {
			most = ""
		}
	}
	words, ok := periods[unit]
	value, most = number(value), number(most)
	if times := parts(value); times > 0 && most == "" && unit == "d" {
		return fhir.Obj("frequency", times, "period", 1, "periodUnit", "d"), timesText(times)
	}
	if !ok || value == "" || strings.HasPrefix(value, "-") || strings.Trim(value, "0.") == "" {
		if p.Has("value") || p.Child("low").Has("value") {
			r.doubt(valueUnreadable)
		}
		return nil, ""
	}
	if free && unit == "h" && most == "" {
		if hours := integer(value); hours > 0 && 24%hours == 0 {
			times := 24 / hours
			return fhir.Obj("frequency", times, "period", 1, "periodUnit", "d"), timesText(times)
		}
	}
	repeat := fhir.Obj("frequency", 1, "period", fhir.Decimal(value))
	text := "every " + value
	if most != "" && most != value {
		repeat.Set("periodMax", fhir.Decimal(most))
		text += " to " + most
	}
	repeat.Set("periodUnit", fhir.Str(unit))
	switch {
	case value == "1" && most == "" && unit == "d" || value == "24" && most == "" && unit == "h":
		text = "once a day"
	case value == "1" && most == "":
		text = "every " + words[0]
	default:
		text += " " + words[1]
	}
	return repeat, text
}

// parts returns how many of a period are in a whole one: 2 for 0.5; 0 when they do not fit.
func parts(value string) int {
	v, ok := new(big.Rat).SetString(value)
	if !ok || v.Sign() <= 0 || v.Cmp(big.NewRat(1, 2)) > 0 {
		return 0
	}
	if v.Inv(v); v.IsInt() && v.Cmp(big.NewRat(24, 1)) <= 0 {
		return int(v.Num().Int64())
	}
	return 0
}

func timesText(times int) string {
	switch times {
	case 1:
		return "once a day"
	case 2:
		return "twice a day"
	}
	return strconv.Itoa(times) + " times a day"
}

// valueRange reads the bounds of an IVL_PQ, nil when it has none.
func (r *reader) valueRange(e *cda.Element) *fhir.Node {
	low, high := r.quantity(e.Child("low")), r.quantity(e.Child("high"))
	if low == nil && high == nil {
		return nil
	}
	return fhir.Obj("low", low, "high", high)
}

func rangeText(rng *fhir.Node) string {
	low, high := rng.Get("low"), rng.Get("high")
	switch {
	case low == nil && high == nil:
		return ""
	case low == nil:
		return "up to " + amount(high)
	case high == nil:
		return "from " + amount(low)
	case low.Get("unit").Text() == high.Get("unit").Text():
		return low.Get("value").Text() + " to " + amount(high)
	}
	return amount(low) + " to " + amount(high)
}
