package document

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/wire/cda"
)

// allergyKinds are the type and category that a code of the kind of allergy means; "" not said.
var allergyKinds = map[string][2]string{
	"235719002": {"intolerance", "food"}, "414285001": {"allergy", "food"}, "418471000": {"", "food"},
	"416098002": {"allergy", "medication"}, "419511003": {"", "medication"}, "59037007": {"intolerance", "medication"},
	"419199007": {"allergy", ""}, "418038007": {"", ""}, "420134006": {"", ""},
}

// anySubstance are codes for a substance that name none.
var anySubstance = map[string]bool{"105590001": true, "410942007": true, "115661000": true}

// allergies reads an allergy concern, one AllergyIntolerance for each observation in it.
func (r *reader) allergies(e *cda.Element) {
	if e.Name == "observation" {
		r.allergy(e, nil)
		return
	}
	before := len(r.doc.Items) + len(r.doc.Unread)
	related(e, "observation", func(_ string, o *cda.Element) {
		switch {
		case o.Is(severityObservation) || o.Is(statusObservation) || o.Is(reactionObservation) || isSecurity(o) || isCriticality(o):
			return
		case erroneous(o):
			r.unread(o, markedError)
			return
		case o.Null() != "":
			r.unread(o, notKnown)
			return
		}
		r.allergy(o, e)
	})
	if len(r.doc.Items)+len(r.doc.Unread) == before {
		r.unread(e, kindNotRead)
	}
}

const (
	severityObservation = "2.16.840.1.113883.10.20.22.4.8"
	reactionObservation = "2.16.840.1.113883.10.20.22.4.9"
	statusObservation   = "2.16.840.1.113883.10.20.22.4.28"
)

// allergen reads what an allergy is to: a substance, which may be denied, or the code of a statement
// that there is none. Kind says that what is denied is a kind of allergy, not a substance.
func (r *reader) allergen(o *cda.Element) (code *fhir.Node, denied, kind bool, none string) {
	agent, value := o.At("participant/participantRole/playingEntity"), o.Child("value")
	substance := agent.Child("code")
	code = r.substance(substance, agent.Child("name").Content(), false)
	denied = o.Attr("negationInd") == "true"
	for _, c := range append(codesIn(substance, snomedOID), codesIn(value, snomedOID)...) {
		if allergen.DenialName(c) != "" {
			none = c
		}
	}
	if denied && none == "" && (code == nil || anyOf(substance, anySubstance)) {
		for _, c := range codesIn(value, snomedOID) {
			if d := allergen.Denying(c); d != "" && (none == "" || none == allergen.NoneKnown) {
				none = d
			}
		}
		if what := r.concept(value); none == "" && what != nil { // not all allergies, and none of a kind that has a statement of its own
			return what, true, true, ""
		} else if none == "" {
			none = allergen.NoneKnown
		}
	}
	if none != "" {
		code = made(snomed, none, allergen.DenialName(none))
		code.Set("text", fhir.Str(allergen.DenialName(none)))
		return code, false, false, none
	}
	if code == nil && substance.Null() == "" && !anyOfKinds(value) {
		code = r.concept(value) // older systems put the substance there
	}
	if code == nil {
		if text := r.textOf(o.Child("text")); text != "" {
			code = fhir.Obj("text", clip(text))
		}
	}
	return code, denied, false, ""
}

func (r *reader) allergy(o, act *cda.Element) {
	n := fhir.New("AllergyIntolerance")
	n.Set("identifier", identifiers(o))
	code, denied, whole, none := r.allergen(o)
	switch {
	case isCriticality(o):
		r.unread(o, kindNotRead)
		return
	case code == nil:
		r.unread(o, saysNothing)
		return
	case none == "" && void(code):
		r.unread(o, deniesInWords)
		return
	}
	status := r.allergyStatus(o, act)
	if denied {
		status = "inactive"
	}
	n.Set("clinicalStatus", made(allergyClinical, status, ""))
	if denied {
		n.Set("verificationStatus", made("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "refuted", ""))
	}
	for _, c := range codesIn(o.Child("value"), snomedOID) {
		if kind, ok := allergyKinds[c]; ok && none == "" {
			n.Set("type", fhir.Obj("v", kind[0]).Get("v"))
			if kind[1] != "" {
				n.Set("category", fhir.Arr(kind[1]))
			}
		}
	}
	criticality := criticalityOf(o)
	if criticality == "" && criticalityOf(act) == "high" { // some put it there
		criticality = "high"
	}
	n.Set("criticality", fhir.Obj("v", criticality).Get("v"))
	n.Set("code", code)
	onset := r.onset(n, o)
	at, who := r.authored(o, act)
	n.Set("recordedDate", fhir.Obj("v", at).Get("v"))
	n.Set("recorder", named(who))
	reactions, said := r.reactions(o, act, code)
	n.Set("reaction", reactions)
	r.notes(n, o, act)
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := r.spoken(code, o, conceptText(code))
	switch {
	case whole:
		line = "Not: " + line
	case denied:
		line = "No allergy to " + line
	}
	if said != "" {
		line += ": " + said
	}
	if criticality == "high" {
		line += "; high criticality"
	}
	if onset != "" {
		line += "; since " + day(onset)
	}
	if status != "active" && !denied && none == "" {
		line += "; " + status
	}
	r.none = none != ""
	item := r.add(o, n, line)
	if item.Source == "" {
		item.Source = r.source(act)
	}
	item.Section = Allergies
}

func isCriticality(o *cda.Element) bool { return o.Child("code").Attr("code") == "82606-5" }

func criticalityOf(o *cda.Element) (criticality string) {
	related(o, "observation", func(_ string, c *cda.Element) {
		if isCriticality(c) {
			criticality = map[string]string{"CRITH": "high", "CRITL": "low", "CRITU": "unable-to-assess"}[c.Child("value").Attr("code")]
		}
	})
	return criticality
}

const allergyClinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"

func anyOf(e *cda.Element, codes map[string]bool) bool {
	for _, c := range codesIn(e, snomedOID) {
		if codes[c] {
			return true
		}
	}
	return false
}

func anyOfKinds(e *cda.Element) bool {
	for _, c := range codesIn(e, snomedOID) {
		if _, ok := allergyKinds[c]; ok {
			return true
		}
	}
	return false
}

// statusOf returns the code of the status observation of a statement.
func statusOf(o *cda.Element) (code string) {
	related(o, "observation", func(_ string, s *cda.Element) {
		if s.Child("code").Attr("code") == "33999-4" || s.Is(statusObservation) || s.Is("2.16.840.1.113883.10.20.22.4.6") {
			if c := s.Child("value").Attr("code"); c != "" {
				code = c
			}
		}
	})
	return code
}

// allergyStatus reads whether an allergy is active. Where the document does not say, it is: to take
// an allergy for past is the mistake that harms.
func (r *reader) allergyStatus(o, act *cda.Element) string {
	switch statusOf(o) {
	case "55561003":
		return "active"
	case "73425007":
		return "inactive"
	case "413322009":
		return "resolved"
	}
	ended := o.At("effectiveTime/high").Has("value") || act.At("effectiveTime/high").Has("value")
	switch act.Child("statusCode").Attr("code") {
	case "active":
		return "active"
	case "aborted", "suspended":
		return "inactive"
	case "completed":
		if ended {
			return "inactive"
		}
		r.doubt(statusUnclear)
	}
	return "active"
}

// onset puts the beginning of an allergy or problem into it.
func (r *reader) onset(n *fhir.Node, o *cda.Element) string {
	i := o.Child("effectiveTime").Interval()
	at := r.date(i.Low)
	if at == "" {
		at = r.date(i.Value)
	}
	if at != "" {
		n.Set("onsetDateTime", fhir.Str(at))
	}
	return at
}

var severities = map[string]string{"255604002": "mild", "371923003": "moderate", "6736007": "moderate", "371924009": "severe", "24484000": "severe", "399166001": "severe", "442452003": "severe"}

// severity reads the severity observation of a statement.
func severity(o *cda.Element) (found string) {
	related(o, "observation", func(_ string, s *cda.Element) {
		if s.Child("code").Attr("code") == "SEV" || s.Is(severityObservation) {
			for _, c := range codesIn(s.Child("value"), snomedOID) {
				if v := severities[c]; v != "" {
					found = v
				}
			}
		}
	})
	return found
}

var reactionHead = regexp.MustCompile(`(?i)^reactions?\b`)

// reactions reads how an allergy showed itself, and says it in words.
func (r *reader) reactions(o, act *cda.Element, code *fhir.Node) (*fhir.Node, string) {
	out, said := fhir.Arr(), []string(nil)
	whole := severity(o)
	take := func(typeCode string, x *cda.Element) {
		if typeCode != "MFST" && !x.Is(reactionObservation) || erroneous(x) || x.Null() != "" {
			return
		}
		m := r.concept(x.Child("value"))
		if m == nil {
			if text := r.textOf(x.Child("text")); text != "" {
				m = fhir.Obj("text", clip(text))
			}
		}
		if m == nil {
			return
		}
		reaction := fhir.Obj("manifestation", fhir.Arr(m))
		if low := r.date(x.At("effectiveTime/low")); low != "" {
			reaction.Set("onset", fhir.Str(low))
		}
		word := r.spoken(m, x, conceptText(m))
		if s := severity(x); s != "" {
			reaction.Set("severity", fhir.Str(s))
			word += " (" + s + ")"
		}
		out.Append(reaction)
		said = append(said, word)
	}
	related(o, "observation", take)
	related(act, "observation", take)                      // some put them there
	if p := r.rowOf(o, code); p != nil && out.Len() == 0 { // only the text says it
		r.cells(p, func(head string, c *cda.Passage) {
			if line := r.line(c); reactionHead.MatchString(head) && line != "" && len(line) <= 120 && !denies.MatchString(line) {
				out.Append(fhir.Obj("manifestation", fhir.Arr(fhir.Obj("text", line))))
				said = append(said, line)
			}
		})
	}
	if whole != "" {
		if out.Len() == 1 && out.At(0).Get("severity") == nil {
			out.At(0).Set("severity", fhir.Str(whole))
			said[0] += " (" + whole + ")"
		} else if out.Len() == 0 || out.At(0).Get("severity").Text() != whole {
			r.doubt(severityWhere)
			said = append(said, whole)
		}
	}
	if out.Len() == 0 {
		return nil, strings.Join(said, ", ")
	}
	return out, strings.Join(said, ", ")
}

// conceptText says a concept in words.
func conceptText(c *fhir.Node) string { return fhir.ConceptText(c) }

// notes takes the comments on a statement.
func (r *reader) notes(n *fhir.Node, statements ...*cda.Element) {
	list := fhir.Arr()
	for _, e := range statements {
		related(e, "act", func(_ string, a *cda.Element) {
			if a.Child("code").Attr("code") == "48767-8" || a.Is("2.16.840.1.113883.10.20.22.4.64") {
				if text := r.textOf(a.Child("text")); text != "" {
					at, who := r.authored(a)
					list.Append(fhir.Obj("authorString", who, "time", at, "text", text))
				}
			}
		})
	}
	if list.Len() > 0 {
		n.Set("note", list)
	}
}
