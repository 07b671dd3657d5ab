package document

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// noMedication are statements that nothing is taken, unknownMedication that nobody knows what.
var (
	noMedication      = map[string]bool{"787481004": true, "182849000": true}
	unknownMedication = map[string]bool{"182904002": true}
)

// noMedicines are words that deny any medicine; those of a denial may leave the "no" to it.
var noMedicines = regexp.MustCompile(`(?i)^((no|none)( (known|current|active))*( (medications?|medicines?|drugs?|meds))?|(known |current |active )*(medications?|medicines?|drugs?|meds)( or (medications?|medicaments?|drugs?))?)$`)

// partly reports whether a section has the medicines of a stay or of its end: that there were none
// does not say that nothing is taken.
func (r *reader) partly() bool {
	s := &r.cda.Sections[r.of]
	for _, root := range []string{"2.16.840.1.113883.10.20.22.2.38", "2.16.840.1.113883.10.20.22.2.11", "2.16.840.1.113883.10.20.22.2.11.1", "2.16.840.1.113883.10.20.22.2.44"} {
		if s.Is(root) {
			return true
		}
	}
	switch s.Child("code").Attr("code") {
	case "29549-3", "10183-2", "42346-7", "75311-1":
		return true
	}
	return false
}

// medication reads what somebody takes or took. Whoever prescribed it, here it is a statement: this
// clinic has not ordered it.
func (r *reader) medication(e *cda.Element) {
	n := fhir.New("MedicationStatement")
	n.Set("identifier", identifiers(e))
	product := product(e)
	code := r.drug(e)
	denied := e.Attr("negationInd") == "true"
	if anyOf(product, unknownMedication) {
		r.unread(e, deniesInWords)
		return
	}
	if denied && (code == nil || anyOf(product, anySubstance)) { // what is denied may be named in words
		if words := r.named(e, product); words != "" && !noMedicines.MatchString(words) && !denies.MatchString(words) {
			if anyMedicine.MatchString(words) {
				r.unread(e, deniesInWords)
				return
			}
			code, product = fhir.Obj("text", clip(words)), nil
		}
	}
	none := anyOf(product, noMedication) || denied && (code == nil || anyOf(product, anySubstance) || code.Get("coding") == nil && noMedicines.MatchString(conceptText(code)))
	if none && r.partly() || !none && void(code) {
		r.unread(e, deniesInWords)
		return
	}
	if none {
		words := code.Get("text").Text()
		if words == "" || code.Get("coding") != nil {
			words = "No known medications"
		}
		code = made(snomed, "787481004", "No known medications")
		code.Set("text", fhir.Str(words))
	}
	if code == nil { // what is taken stands in the text only
		for _, text := range []string{r.textOf(e.Child("text")), r.sig(e)} {
			if code == nil && text != "" {
				code = fhir.Obj("text", clip(text))
			}
		}
	}
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	if !none && void(code) {
		r.unread(e, deniesInWords)
		return
	}
	status := r.medicationStatus(e, code)
	if denied || none {
		status = "not-taken"
	}
	n.Set("status", fhir.Str(status))
	n.Set("medicationCodeableConcept", code)
	when := ""
	if first := courseTime(e); first != nil {
		when = r.times(n, "effective", first)
	}
	at, who := r.authored(e)
	n.Set("dateAsserted", fhir.Obj("v", at).Get("v"))
	n.Set("informationSource", named(who))
	n.Set("reasonCode", r.reasons(e))
	r.notes(n, e)
	dosage, said, often := r.dosage(e, code)
	if against(r.directions(e, code), dosage.At(0)) {
		r.doubt(otherText)
		r.doc.Texts[r.of].Differs = true
	}
	r.strong(e, code, dosage.Path("0.doseAndRate.0.doseQuantity"))
	if !often && !none && !denied && status != "completed" && status != "stopped" && !courseTime(e).Has("value") {
		r.doubt(howOften)
	}
	if !none {
		n.Set("dosage", dosage)
	}
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := conceptText(code)
	if denied && !none {
		line = "Does not take: " + line
	}
	for _, part := range []string{said, when} {
		if part != "" && !none {
			line += ", " + part
		}
	}
	switch status {
	case "completed", "stopped", "on-hold", "intended":
		line += " (" + strings.ReplaceAll(status, "-", " ") + ")"
	}
	r.none = none
	item := r.add(e, n, line)
	if item.Section == Other {
		item.Section = Medications
	}
}

// anyMedicine finds words that speak of medicines as such.
var anyMedicine = regexp.MustCompile(`(?i)\b(medications?|medicines?|medicaments?|drugs?|meds)\b`)

// named returns how a medicine is named beside its code; "" when it is not.
func (r *reader) named(e, product *cda.Element) string {
	for _, path := range []string{"consumable/manufacturedProduct/manufacturedMaterial/name", "consumable/manufacturedProduct/manufacturedLabeledDrug/name"} {
		if name := e.At(path).Content(); name != "" {
			return name
		}
	}
	if words := r.textOf(product.Child("originalText")); words != "" {
		return words
	}
	if len(called(product)) > 0 {
		return ""
	}
	return r.textOf(e.Child("text"))
}

// product returns the code of what is given.
func product(e *cda.Element) *cda.Element {
	p := e.At("consumable/manufacturedProduct")
	if c := p.At("manufacturedMaterial/code"); c != nil {
		return c
	}
	return p.At("manufacturedLabeledDrug/code")
}

// drug reads what is given.
func (r *reader) drug(e *cda.Element) *fhir.Node {
	p := e.At("consumable/manufacturedProduct")
	name := p.At("manufacturedMaterial/name").Content()
	if name == "" {
		name = p.At("manufacturedLabeledDrug/name").Content()
	}
	code := r.substance(product(e), "", !vaccine(e))
	if name != "" && code.Get("text") == nil {
		if code == nil {
			code = fhir.Obj()
		}
		code.Set("text", fhir.Str(name))
	}
	return code
}

func vaccine(e *cda.Element) bool { return e.Is(immunizationActivity) || e.Is(plannedImmunization) }

// courseTime returns the effectiveTime that says from when to when: the one that is no frequency.
func courseTime(e *cda.Element) *cda.Element {
	for t := range e.All("effectiveTime") {
		if !isFrequency(t) {
			return t
		}
	}
	return nil
}

func isFrequency(t *cda.Element) bool {
	switch t.Type() {
	case "PIVL_TS", "EIVL_TS", "SXPR_TS", "PIVL_PPD_TS", "EIVL_PPD_TS":
		return true
	}
	return t.Child("period") != nil || t.Child("event") != nil
}

// medicationStatus reads whether something is taken. "completed" is said of courses that go on, so
// that the end decides; without one, the words of the row or of what stands over it.
func (r *reader) medicationStatus(e *cda.Element, code *fhir.Node) string {
	course := courseTime(e)
	high, low := r.date(course.Child("high")), r.date(course.Child("low"))
	now := ""
	if !r.doc.Written.IsZero() {
		now = r.doc.Written.Format("2006-01-02")
	}
	ended := high != "" && now != "" && before(high, now)
	switch e.Child("statusCode").Attr("code") {
	case "aborted", "cancelled":
		return "stopped"
	case "suspended", "held":
		return "on-hold"
	case "completed":
		if ended || course.Has("value") {
			return "completed"
		}
		if high != "" { // to a day that is to come
			return "active"
		}
		switch r.told(e, code) {
		case "active":
			return "active"
		case "past":
			r.doubt(statusUnclear)
			return "completed"
		}
		r.doubt(statusUnclear)
		return "unknown"
	}
	switch {
	case ended:
		return "completed"
	case low != "" && now != "" && before(now, low):
		return "intended"
	}
	return "active"
}

// reasons reads the indications of a statement.
func (r *reader) reasons(e *cda.Element) *fhir.Node {
	out := fhir.Arr()
	related(e, "observation", func(typeCode string, o *cda.Element) {
		if typeCode == "RSON" || o.Is("2.16.840.1.113883.10.20.22.4.19") {
			out.Append(r.concept(o.Child("value")))
		}
	})
	if out.Len() == 0 {
		return nil
	}
	return out
}

// dosage reads how something is taken, and says it in words; often tells whether the document says
// how often.
func (r *reader) dosage(e *cda.Element, code *fhir.Node) (dosage *fhir.Node, line string, often bool) {
	d, said := fhir.Obj(), []string(nil)
	say := func(s string) {
		if s != "" {
			said = append(said, s)
		}
	}
	rate := fhir.Obj()
	r.counted = true // what a dose is counted in is often no unit: tablets, puffs
	defer func() { r.counted = false }()
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
	}
	if route := r.concept(e.Child("routeCode")); route != nil {
		d.Set("route", route)
		say(routeText(route))
	}
	sig, words := r.sig(e), r.directions(e, code)
	timing, every := r.timing(e)
	prn := e.Child("precondition") == nil && needed.MatchString(sig+" "+words)
	if timing != nil {
		d.Set("timing", timing)
		if prn && sig == "" && !times.MatchString(words) { // the author wrote no more than that
			r.doubt(otherText)
			r.doc.Texts[r.of].Differs = true
		} else {
			say(every)
		}
	}
	often = timing != nil || e.Child("precondition") != nil || words != "" || sig != ""
	if prn {
		d.Set("asNeededBoolean", fhir.Bool(true))
		if timing != nil && sig == "" {
			say("as needed")
		}
	}
	if p := e.Child("precondition"); p != nil {
		need := r.concept(p.At("criterion/value"))
		if need == nil {
			if t := r.textOf(p.At("criterion/text")); t != "" {
				need = fhir.Obj("text", clip(t))
			}
		}
		if need != nil {
			d.Set("asNeededCodeableConcept", need)
			say("as needed for " + conceptText(need))
		} else {
			d.Set("asNeededBoolean", fhir.Bool(true))
			say("as needed")
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
	switch {
	case sig != "":
	case words == "" || timing != nil:
	case len(said) == 0 || strings.ContainsAny(words, "0123456789"):
		sig = words
	default:
		sig = strings.Join(append(said, words), ", ")
	}
	if sig != "" {
		d.SetFirst(0, "text", fhir.Str(sig))
		said = []string{clip(sig)}
	} else if len(said) > 0 {
		d.SetFirst(0, "text", fhir.Str(strings.Join(said, ", ")))
	}
	instructions := fhir.Arr()
	related(e, "act", func(_ string, a *cda.Element) {
		if a.Is("2.16.840.1.113883.10.20.22.4.20") || a.Is("2.16.840.1.113883.10.20.22.4.131") {
			if t := r.textOf(a.Child("text")); t != "" {
				d.Set("patientInstruction", fhir.Str(t))
			} else if c := r.concept(a.Child("code")); c != nil {
				instructions.Append(c)
			}
		}
	})
	if instructions.Len() > 0 {
		d.Set("additionalInstruction", instructions)
	}
	if d.Len() == 0 {
		return nil, "", often
	}
	return fhir.Arr(d), strings.Join(said, ", "), often
}

// sig returns the instructions as they were written.
func (r *reader) sig(e *cda.Element) (text string) {
	related(e, "substanceAdministration", func(_ string, s *cda.Element) {
		if s.Child("code").Attr("code") == "76662-6" || s.Is("2.16.840.1.113883.10.20.22.4.147") {
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
	events, late, more := fhir.Arr(), 0, false
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
			case events.Len() > 0 || said[0] != words:
				more = true
			}
			return
		}
		code := t.Child("event").Attr("code")
		if code == "" {
			return
		}
		words, offset := eventWords[code], 0
		if q := t.Child("offset"); q.Has("value") || q.Child("low").Has("value") {
			offset = max(0, minutes(q))
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
			words = strconv.Itoa(late) + " minutes " + words
		}
	}
	return fhir.Obj("repeat", kept), words
}

// eventWords are the events of R4's EventTiming.
var eventWords = map[string]string{"HS": "at bedtime", "WAKE": "on waking", "C": "with meals", "CM": "with breakfast", "CD": "with lunch", "CV": "with dinner",
	"AC": "before meals", "ACM": "before breakfast", "ACD": "before lunch", "ACV": "before dinner", "PC": "after meals", "PCM": "after breakfast", "PCD": "after lunch", "PCV": "after dinner"}

func minutes(q *cda.Element) int {
	if !q.Has("value") {
		q = q.Child("low")
	}
	n := integer(q.Attr("value"))
	switch q.Attr("unit") {
	case "min":
	case "h":
		n *= 60
	default:
		return 0
	}
	if n > 24*60 {
		return 0
	}
	return n
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
	case low == nil:
		return "up to " + amount(high)
	case high == nil:
		return "from " + amount(low)
	case low.Get("unit").Text() == high.Get("unit").Text():
		return low.Get("value").Text() + " to " + amount(high)
	}
	return amount(low) + " to " + amount(high)
}
