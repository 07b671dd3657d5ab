package document

import (
	"cmp"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
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
	status := "not-taken"
	if !denied && !none {
		status = r.medicationStatus(e, code)
	}
	n.Set("status", fhir.Str(status))
	n.Set("medicationCodeableConcept", code)
	when := ""
	if first := courseTime(e); first != nil {
		when = r.times(n, "effective", first)
	}
	if !denied && !none {
		r.otherCourses(e)
	}
	at, who := r.authored(e)
	n.Set("dateAsserted", fhir.Obj("v", at).Get("v"))
	n.Set("informationSource", named(who))
	n.Set("reasonCode", r.reasons(e))
	r.notes(n, e)
	dosage, said, often := r.dosage(e, code)
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
	if !denied && !item.Absent {
		r.howLong(e, item)
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
	if !vaccine(e) && code.Get("text") != nil {
		r.otherDrug(code, name, called(product(e)))
	}
	if name != "" && code.Get("text") == nil {
		if code == nil {
			code = fhir.Obj()
		}
		code.Set("text", fhir.Str(name))
	}
	return code
}

// drugClass finds names of what kind of medicine something is: they name no other.
var drugClass = regexp.MustCompile(`(?i)\b(agents?|therapy|combinations?|inhibitors?|blockers?|agonists?|antagonists?|stabilizers?|steroids|antidepressants|antidiabetics|antihypertensives?|antiplatelets?|anti-platelets?|anticoagulants|antibiotics|analgesics|contraceptives|chemotherapeutics|diuretics|statins|biguanides|macrolides|quinolones|cephalosporins|tetracyclines|penicillins|aminopenicillins|sulfonylureas|opioids)\b`)

// otherDrug says when a product has another name than its code, and tells it beside. What the catalogue knows to be
// the same, as a brand, is; what it does not know may be.
func (r *reader) otherDrug(code *fhir.Node, name string, names []string) {
	if name == "" || len(names) == 0 || denies.MatchString(name) {
		return
	}
	var list []drug.Coding
	for c := range code.Get("coding").Items() {
		list = append(list, drug.Coding{System: c.Get("system").Text(), Code: c.Get("code").Text(), Display: c.Get("display").Text()})
	}
	here, all := drug.Recognise(name, nil)
	there, each := drug.Recognise(names[0], list)
	switch {
	case len(here) == 0 || len(there) == 0:
		if anySays(name, names) {
			return
		}
	case all && each:
		if ingredients(here) == ingredients(there) {
			return
		}
	case slices.ContainsFunc(here, func(i drug.Ingredient) bool {
		return slices.ContainsFunc(there, func(k drug.Ingredient) bool { return k.Name == i.Name })
	}):
		return
	}
	if !drugClass.MatchString(name) {
		r.doubt(otherText)
	}
	if text := conceptText(code); !strings.Contains(text, name) && len(name) <= 120 {
		code.Set("text", fhir.Str(clip(text+" ("+name+")")))
	}
}

func vaccine(e *cda.Element) bool { return e.Is(immunizationActivity) || e.Is(plannedImmunization) }

// courses goes over the times of a medicine that are no frequencies, those in a bracket too.
func courses(e *cda.Element) iter.Seq[*cda.Element] {
	return func(yield func(*cda.Element) bool) {
		for t := range e.All("effectiveTime") {
			if !isFrequency(t) && !yield(t) {
				return
			}
			for c := range t.All("comp") {
				if !isFrequency(c) && !yield(c) {
					return
				}
			}
		}
	}
}

// courseTime returns the effectiveTime that says from when to when: the one that is no frequency.
func courseTime(e *cda.Element) *cda.Element {
	for t := range courses(e) {
		return t
	}
	return nil
}

// otherCourses says when a medicine is taken at another time too.
func (r *reader) otherCourses(e *cda.Element) {
	var kept [2]string
	n := 0
	for t := range courses(e) {
		low, high := r.bounds(t)
		if at := r.date(t.Interval().Value); at != "" {
			low, high = at, at
		}
		if low == "" && high == "" {
			continue
		}
		if n > 0 && kept != [2]string{low, high} {
			r.doubt(moreTimes)
		}
		kept = [2]string{low, high}
		n++
	}
}

func isFrequency(t *cda.Element) bool {
	switch t.Type() {
	case "PIVL_TS", "EIVL_TS", "SXPR_TS", "PIVL_PPD_TS", "EIVL_PPD_TS":
		return true
	}
	return t.Child("period") != nil || t.Child("event") != nil
}

// medicationStatus reads whether something is taken. "completed" is said of courses that go on, so
// that the end decides; without one, what the document observes of it, the words of the row or of what stands over it.
// Where one says that it is taken and another that it is not, nobody knows.
func (r *reader) medicationStatus(e *cda.Element, code *fhir.Node) string {
	course := courseTime(e)
	low, high := r.bounds(course)
	now := ""
	if !r.doc.Written.IsZero() {
		now = r.doc.Written.Format("2006-01-02")
	}
	ended := high != "" && now != "" && before(high, now)
	_, high = ordered(low, high)
	unsure := func(status string) string {
		r.doubt(statusUnclear)
		return status
	}
	state := r.stateOf(e)
	if state == inDispute && !ended {
		return unsure("unknown")
	}
	switch coded := strings.ToLower(strings.TrimSpace(e.Child("statusCode").Attr("code"))); coded {
	case "aborted", "cancelled", "discontinued":
		if state == taken {
			return unsure("unknown")
		}
		return "stopped"
	case "suspended", "held":
		if state == taken || state == past {
			return unsure("unknown")
		}
		return "on-hold"
	case "completed":
		if ended || course.Has("value") {
			if state == taken {
				r.doubt(statusUnclear)
			}
			return "completed"
		}
		switch {
		case state == past:
			return "completed"
		case state == onHold:
			return "on-hold"
		case high != "" && now == "": // nobody knows whether the end is to come
			return unsure("completed")
		case high != "": // to a day that is to come
			return "active"
		}
		said := r.told(e, code)
		switch {
		case state == taken && said == past:
			return unsure("unknown")
		case state == taken || said == taken:
			return "active"
		case said == onHold:
			return unsure("on-hold")
		case said == past:
			return unsure("completed")
		}
		return unsure("unknown")
	case "active", "":
		status := "active"
		switch {
		case ended:
			status = "completed"
		case low != "" && now != "" && before(now, low):
			status = "intended"
		case high != "" && now == "" && state != past:
			return unsure("unknown")
		case coded == "" && state == "":
			switch r.told(e, code) {
			case past:
				return unsure("completed")
			case onHold:
				return unsure("on-hold")
			case "":
				r.doubt(statusUnclear)
			}
		}
		switch {
		case state == taken && ended:
			r.doubt(statusUnclear)
		case state == onHold && status == "active":
			return unsure("on-hold")
		case state == past && status != "completed":
			if coded == "" {
				return "completed"
			}
			return unsure("unknown")
		}
		return status
	}
	return unsure("unknown") // "new", "obsolete", or none of HL7's
}

// What is observed of a medicine, or said in its row.
const (
	taken     = "active"
	past      = "past"
	onHold    = "on hold"
	inDispute = "inDispute"
)

// takenStates are the codes of the observation that says whether a medicine is taken (the "medication status" of the
// CCD). Systems have had the codes of what is not taken in another order: there the name decides.
var takenStates = map[string]string{"55561003": taken, "73425007": past, "392521001": past, "421139008": onHold}

// stateOf returns what the document observes of a medicine: taken, past, onHold, inDispute when it contradicts itself,
// "" when it says nothing.
func (r *reader) stateOf(e *cda.Element) (state string) {
	related(e, "observation", func(_ string, o *cda.Element) {
		if o.Child("code").Attr("code") != "33999-4" && !o.Is("2.16.840.1.113883.10.20.1.47") || erroneous(o) {
			return
		}
		said := ""
		for _, code := range codesIn(o.Child("value"), snomedOID) {
			said = cmp.Or(said, takenStates[code])
		}
		switch name := sided(r.words(o.Child("value"))); {
		case name == "" || name == said:
		case said == "" || said != taken && name != taken:
			said = name
		default:
			said = inDispute
		}
		switch {
		case said != "" && o.Attr("negationInd") == "true", state != "" && said != "" && said != state:
			state = inDispute
		case said != "":
			state = said
		}
	})
	return state
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
