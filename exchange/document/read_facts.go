package document

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// A statement is a fact of the patient unless the document says otherwise: of somebody else, denied,
// suspected, ruled out. Here is what asks that of every statement; each reader asks it.

// self are the codes of a subject that is the patient.
var self = map[string]bool{"SELF": true, "ONESELF": true}

// another reports, and says, when a statement is of somebody else than the patient.
func (r *reader) another(e *cda.Element) bool {
	who, other := r.subjectOf(e)
	if other {
		r.unreadOf(e, who)
	}
	return other
}

func (r *reader) unreadOf(e *cda.Element, who string) {
	if who == "" {
		r.unread(e, ofAnother)
		return
	}
	r.unread(e, ofSomebody, who)
}

// subjectOf returns whom a statement or section names as the one that it is said of, "" without words,
// and whether that is another than the patient.
func (r *reader) subjectOf(e *cda.Element) (who string, other bool) {
	for _, name := range []string{"value", "code"} {
		for q := range e.Child(name).All("qualifier") {
			v := q.Child("value")
			if q.Child("name").Attr("code") == relationship && v.Has("code") && !contexts[relationship][v.Attr("code")] {
				return clip(r.words(v)), true
			}
		}
	}
	s := e.Child("subject").Child("relatedSubject")
	code := s.Child("code")
	who = r.words(code)
	if who == "" {
		who = s.At("subject/name").Content()
	}
	switch {
	case s == nil, self[code.Attr("code")]:
		return "", false
	case s.Null() != "" && who == "" && code.Attr("code") == "":
		return "", false
	case who == "":
		who = code.Attr("code")
	}
	return clip(who), true
}

// sectionOfAnother keeps whom a section is said of, and the sections in it: the subject of a section is that of
// all that it holds and that names none of its own.
func (r *reader) sectionOfAnother(s *cda.Section) {
	r.subjects = append(r.subjects[:min(s.Level, len(r.subjects))], nil)
	if n := len(r.subjects); s.Child("subject") != nil {
		r.subjects[n-1] = s.Element
	} else if n > 1 {
		r.subjects[n-1] = r.subjects[n-2]
	}
}

// deniedAround reports whether what stands around a statement denies it: the act, or how they are related.
func deniedAround(act, o *cda.Element) bool {
	if act.Attr("negationInd") == "true" {
		return true
	}
	for rel := range act.All("entryRelationship") {
		if rel.Attr("negationInd") != "true" {
			continue
		}
		for c := range rel.Children() {
			if c == o {
				return true
			}
		}
	}
	return false
}

// contexts are the attributes of SNOMED CT that say whether, when and of whom something is so, with the values
// that say no more than the code alone: known present, confirmed, done; current; the subject of the record.
var contexts = map[string]map[string]bool{
	"408729009":  {"410515003": true, "410591008": true, "410605003": true},
	"408730004":  {"385658003": true},
	"408731000":  {"410512000": true, "15240007": true},
	relationship: {"410604004": true},
}

// relationship is the attribute of SNOMED CT that says of whom something is so.
const relationship = "408732007"

// qualified says what the qualifiers of a code add to it, for its name: a code that is qualified is not what it
// is called. A side is said by site. What changes whether it is so at all is a doubt.
func (r *reader) qualified(e *cda.Element) (said string) {
	for q := range e.All("qualifier") {
		name, value := q.Child("name"), q.Child("value")
		attribute, words := name.Attr("code"), r.words(value)
		if words == "" {
			words = value.Attr("code")
		}
		if words == "" || attribute == laterality || contexts[attribute][value.Attr("code")] {
			continue
		}
		if what := r.words(name); what != "" {
			words = what + ": " + words
		}
		if contexts[attribute] != nil && !(attribute == relationship && r.kind == Family) {
			r.doubt(qualifies, clip(words))
		}
		if len(said) <= maxLine { // what is longer is cut, see clip
			said += "; " + words
		}
	}
	return strings.TrimPrefix(said, "; ")
}

const laterality = "272741003"

// certainties are what a code says of whether something is there: of a status (C32 has "Rule out" and "Ruled
// out" among those of a problem) or of the finding context of a code.
var certainties = map[string]string{
	"410516002": "absent", "410594000": "absent", "415684004": "suspected", "410590009": "suspected", "410592001": "suspected",
	"410515003": "present", "410591008": "present", "410605003": "present",
}

// certainty reads whether something is there by the qualifiers of its code, else by its status: "absent",
// "suspected", "present" or "" when it is not said.
func (r *reader) certainty(status string, value *cda.Element) (said string) {
	for q := range value.All("qualifier") {
		if c := certainties[q.Child("value").Attr("code")]; q.Child("name").Attr("code") == "408729009" && (said == "" || c == "absent") {
			said = c
		}
	}
	if said == "" {
		said = certainties[status]
	}
	if said == "suspected" {
		r.doubt(onlySuspected)
	}
	return said
}

// judged reads whether a problem or an allergy is there: the status that is observed, what is certain, and whether it
// is denied, by itself or by what stands around it.
func (r *reader) judged(o, act *cda.Element) (said, certain string, denied bool) {
	said = r.status(o)
	certain = r.certainty(said, o.Child("value"))
	denied = o.Attr("negationInd") == "true" || certain == "absent"
	if deniedAround(act, o) {
		denied = true
		r.doubt(deniedConcern)
	}
	return said, certain, denied
}

// spokenStatuses are the words of a status that has no code.
var spokenStatuses = []struct {
	words *regexp.Regexp
	code  string
}{
	{regexp.MustCompile(`(?i)^active$`), "55561003"}, {regexp.MustCompile(`(?i)^inactive$`), "73425007"}, {regexp.MustCompile(`(?i)^resolved$`), "413322009"},
	{regexp.MustCompile(`(?i)^ruled out$`), "410516002"}, {regexp.MustCompile(`(?i)^(rule out|suspected)$`), "415684004"},
}

// status reads the status observations of a problem or an allergy: a code of problemStatuses or certainties, ""
// when there is none. What they say else is a doubt, and so is another beside one.
func (r *reader) status(o *cda.Element) (found string) {
	related(o, "observation", func(_ string, s *cda.Element) {
		v := s.Child("value")
		if !isStatus(s) || erroneous(s) || v == nil {
			return
		}
		words := r.words(v)
		code, denied := "", s.Attr("negationInd") == "true"
		for _, c := range codesIn(v, v.Attr("codeSystem")) {
			if code == "" && (problemStatuses[c] != "" || certainties[c] != "") {
				code = c
			}
		}
		for _, k := range spokenStatuses {
			if code == "" && v.Attr("code") == "" && k.words.MatchString(words) {
				code = k.code
			}
		}
		switch {
		case denied:
			r.doubt(otherStatus, clip("Not: "+words))
		case code == "" && v.Attr("code") == "" && words == "":
		case code == "":
			if words == "" {
				words = v.Attr("code")
			}
			r.doubt(otherStatus, clip(words))
		case found != "" && found != code:
			r.doubt(statusUnclear)
		default:
			found = code
		}
	})
	return found
}

func isStatus(s *cda.Element) bool {
	return s.Child("code").Attr("code") == "33999-4" || s.Is(statusObservation) || s.Is("2.16.840.1.113883.10.20.22.4.6")
}

// teller names who told what a statement says, when that is not the patient: a relative or another person. Who
// treats the patient is named as author and performer.
func (r *reader) teller(e *cda.Element) string {
	for i := range e.All("informant") {
		p := i.Child("relatedEntity")
		code := p.Child("code")
		if p == nil || self[code.Attr("code")] {
			continue
		}
		who, name := r.words(code), personOf(p)
		switch {
		case who == "" && name == "":
			who = code.Attr("code")
		case who == "":
			who = name
		case name != "":
			who += " (" + name + ")"
		}
		if who != "" {
			return clip(who)
		}
	}
	return ""
}

// consequences says what a medicine, a vaccine or a procedure led to: reactions and complications.
func (r *reader) consequences(e *cda.Element) (list []string) {
	for rel := range e.All("entryRelationship") {
		for o := range rel.All("observation") {
			typeCode := rel.Attr("typeCode")
			is := o.Is(reactionObservation) || typeCode == "CAUS" || typeCode == "MFST" || e.Name == "procedure" && typeCode == "COMP" && o.Is(problemObservation)
			if !is || erroneous(o) || o.Null() != "" || o.Attr("negationInd") == "true" || rel.Attr("negationInd") == "true" {
				continue
			}
			what := r.words(o.Child("value"))
			if what == "" {
				what = r.textOf(o.Child("text"))
			}
			if what == "" {
				continue
			}
			if code, words := r.severity(o); code+words != "" {
				what += " (" + cmp.Or(words, code) + ")"
			}
			list = append(list, clip(what))
		}
	}
	return list
}

// remark adds a note to a resource that can have one.
func remark(n, note *fhir.Node) {
	list := n.Get("note")
	if list == nil {
		list = fhir.Arr()
		n.Set("note", list)
	}
	list.Append(note)
}

// notable are the resources of an item that can have a note.
var notable = map[string]bool{"AllergyIntolerance": true, "Condition": true, "MedicationStatement": true, "Immunization": true, "Observation": true, "Procedure": true, "FamilyMemberHistory": true, "Goal": true, "ServiceRequest": true}

// around takes what is said about a statement beside what it says: who told it, and what it led to.
func (r *reader) around(e *cda.Element, n *fhir.Node, text string) string {
	t := n.ResourceType()
	if e.Name == "substanceAdministration" || e.Name == "procedure" && t == "Procedure" {
		for _, what := range r.consequences(e) {
			r.doubt(ledTo, what)
			text += "; led to: " + what
			remark(n, fhir.Obj("text", "Led to: "+what))
		}
	}
	who := r.teller(e)
	if who == "" {
		who = r.informed
	}
	if who == "" {
		return text
	}
	if t == "Condition" || t == "AllergyIntolerance" {
		n.Set("asserter", named(who))
	} else if notable[t] {
		remark(n, fhir.Obj("text", "Told by: "+who))
	}
	if r.none {
		return text
	}
	return text + "; told by " + who
}
