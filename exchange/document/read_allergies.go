package document

import (
	"cmp"
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
		case o.Is(severityObservation) || isStatus(o) || o.Is(reactionObservation) || isSecurity(o) || isCriticality(o):
			return
		case erroneous(o):
			r.unread(o, markedError)
			return
		case o.Null() != "":
			r.unread(o, notKnown)
			return
		case r.another(o):
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

// agents returns what an allergy is to: who and what takes part in it as a thing that is consumed. What takes part
// otherwise, as who told it, is no substance.
func agents(o *cda.Element) (list []*cda.Element) {
	var unnamed *cda.Element
	for p := range o.All("participant") {
		if t := p.Attr("typeCode"); t != "CSM" && t != "" {
			continue
		}
		agent := p.At("participantRole/playingEntity")
		if code := agent.Child("code"); code.Has("code") || code.Child("translation") != nil || code.Child("originalText") != nil || agent.Child("name").Content() != "" {
			list = append(list, agent)
		} else if unnamed == nil {
			unnamed = agent
		}
	}
	if len(list) == 0 {
		list = append(list, unnamed)
	}
	return list
}

// allergen reads what an allergy is to: a substance, which may be denied, or the code of a statement
// that there is none. Kind says that what is denied is a kind of allergy, not a substance.
func (r *reader) allergen(o, agent *cda.Element, denied bool) (code *fhir.Node, is, kind bool, none string) {
	value := o.Child("value")
	substance := agent.Child("code")
	code = r.substance(substance, agent.Child("name").Content(), false)
	for _, c := range codesIn(value, snomedOID) {
		if allergen.DenialName(c) != "" {
			none = c
		}
	}
	named := code != nil && !anyOf(substance, anySubstance) && !void(code)
	for _, c := range codesIn(substance, snomedOID) {
		if allergen.DenialName(c) != "" {
			none, named = c, false
		}
	}
	if none != "" && named && !noneInWords.MatchString(conceptText(code)) { // that there is none, of a substance
		r.doubt(noneNamed, allergen.DenialName(none))
		return code, denied, false, ""
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

// noneInWords finds words for that there is no allergy where a substance should be.
var noneInWords = regexp.MustCompile(`(?i)\b(no|not|nil|none|nkd?a|unknown)\b`)

// maxAgents is how many substances an allergy may name: each is read with all that is said of it.
const maxAgents = 20

// allergy reads an allergy: an item for each substance that it names.
func (r *reader) allergy(o, act *cda.Element) {
	list := agents(o)
	if len(list) > maxAgents {
		r.unread(o, tooMany, maxAgents)
		return
	}
	for i, agent := range list {
		if len(list) > 1 {
			r.doubts = nil
			r.doubt(severalAgents)
		}
		r.allergyTo(agent, o, act, i == 0)
	}
}

func (r *reader) allergyTo(agent, o, act *cda.Element, first bool) {
	n := fhir.New("AllergyIntolerance")
	if first { // the others are not what it identifies
		n.Set("identifier", identifiers(o))
	}
	said, certain, denied := r.judged(o, act)
	code, denied, whole, none := r.allergen(o, agent, denied)
	switch {
	case isCriticality(o):
		r.unread(o, kindNotRead)
		return
	case none != "" && deniesAllergies(o.Child("value")) && deniedAround(act, o): // that it is not so that there is none
		r.unread(o, deniedWhole)
		return
	case code == nil:
		r.unread(o, saysNothing)
		return
	case none == "" && void(code):
		r.unread(o, deniesInWords)
		return
	}
	status := r.allergyStatus(o, act, said)
	if denied {
		status = "inactive"
	}
	n.Set("clinicalStatus", made(allergyClinical, status, ""))
	if denied {
		n.Set("verificationStatus", made(allergyVerification, "refuted", ""))
	} else if certain == "suspected" {
		n.Set("verificationStatus", made(allergyVerification, "unconfirmed", ""))
	}
	for _, c := range codesIn(o.Child("value"), snomedOID) {
		if kind, ok := allergyKinds[c]; ok && none == "" {
			n.Set("type", fhir.Obj("v", kind[0]).Get("v"))
			if kind[1] != "" {
				n.Set("category", fhir.Arr(kind[1]))
			}
		}
	}
	criticality, rated := r.criticality(o)
	if c, _ := r.criticality(act); criticality == "" && c == "high" { // some put it there
		criticality = "high"
	}
	n.Set("criticality", fhir.Obj("v", criticality).Get("v"))
	n.Set("code", code)
	onset := r.onset(n, o)
	at, who := r.authored(o, act)
	n.Set("recordedDate", fhir.Obj("v", at).Get("v"))
	n.Set("recorder", named(who))
	r.notes(n, o, act)
	reactions, shown := r.reactions(n, o, act, code)
	n.Set("reaction", reactions)
	if code.Get("coding") == nil {
		r.doubt(wordsOnly)
	}
	line := r.spoken(code, o, conceptText(code))
	switch {
	case whole:
		line = "Not: " + line
	case denied:
		line = "No allergy to " + line
	case certain == "suspected":
		line = "Suspected: " + line
	}
	if shown != "" {
		line += ": " + shown
	}
	switch {
	case criticality == "high":
		line += "; high criticality"
	case rated != "":
		line += "; criticality: " + rated
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

// criticality reads how dangerous an allergy may be: a code of FHIR, or the words of the document, which are a doubt.
func (r *reader) criticality(o *cda.Element) (code, words string) {
	related(o, "observation", func(_ string, c *cda.Element) {
		if !isCriticality(c) || erroneous(c) {
			return
		}
		v := c.Child("value")
		code = map[string]string{"CRITH": "high", "CRITL": "low", "CRITU": "unable-to-assess"}[v.Attr("code")]
		if c.Attr("negationInd") == "true" {
			code, words = "", clip("Not: "+r.words(v))
		} else if code == "" {
			words = r.rated(v)
		}
	})
	if words != "" {
		r.doubt(criticalityWords, words)
	}
	return code, words
}

// rated is a value in words, else its code.
func (r *reader) rated(v *cda.Element) string {
	if words := r.words(v); words != "" {
		return clip(words)
	}
	return collapse(v.Attr("code"))
}

const allergyVerification = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"

const allergyClinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"

func anyOf(e *cda.Element, codes map[string]bool) bool {
	for _, c := range codesIn(e, snomedOID) {
		if codes[c] {
			return true
		}
	}
	return false
}

// deniesAllergies reports whether a code itself says that there are none.
func deniesAllergies(e *cda.Element) bool {
	for _, c := range codesIn(e, snomedOID) {
		if allergen.DenialName(c) != "" {
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

// allergyStatus reads whether an allergy is active. Where the document does not say, it is: to take
// an allergy for past is the mistake that harms.
func (r *reader) allergyStatus(o, act *cda.Element, said string) string {
	switch problemStatuses[said] {
	case "active", "recurrence", "relapse":
		return "active"
	case "inactive", "remission":
		return "inactive"
	case "resolved":
		return "resolved"
	}
	ended := r.ended(o) || r.ended(act)
	switch act.Child("statusCode").Attr("code") {
	case "active":
		return "active"
	case "completed", "aborted", "suspended":
		if ended {
			return "inactive"
		}
		r.doubt(statusUnclear)
	}
	return "active"
}

// ended reports whether a statement has an end that is not to come.
func (r *reader) ended(e *cda.Element) bool {
	high := e.At("effectiveTime/high")
	t, ok := cda.ParseTime(high.Attr("value"))
	return high.Has("value") && !(ok && r.ahead(t.ISO))
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

// severity reads the severity observations of a statement: a code of FHIR, the graver of two, or the words of the
// document, which are a doubt; both, where the words are beyond the codes.
func (r *reader) severity(o *cda.Element) (code, words string) {
	for rel := range o.All("entryRelationship") {
		for s := range rel.All("observation") {
			v := s.Child("value")
			if !isSeverity(s) || erroneous(s) {
				continue
			}
			found := ""
			for _, c := range codesIn(v, snomedOID) {
				if found == "" {
					found = severities[c]
				}
			}
			switch said := r.rated(v); {
			case said == "":
			case s.Attr("negationInd") == "true" || rel.Attr("negationInd") == "true":
				words = clip("Not: " + said)
			case found == "":
				words = said
			case graver[found] > graver[code]:
				if code, words = found, ""; beyondSeverity.MatchString(said) {
					words = said
				}
			}
		}
	}
	if code != "" && !beyondSeverity.MatchString(words) {
		return code, ""
	}
	if words != "" {
		r.doubt(severityWords, words)
	}
	return code, words
}

// beyondSeverity finds words that none of the three severities of FHIR has: "Fatal" is filed as severe, in its words.
var beyondSeverity = regexp.MustCompile(`(?i)^(?:fatal|very|life|extreme)`)

var graver = map[string]int{"mild": 1, "moderate": 2, "severe": 3}

func isSeverity(s *cda.Element) bool {
	return s.Child("code").Attr("code") == "SEV" || s.Is(severityObservation)
}

var reactionHead = regexp.MustCompile(`(?i)^reactions?\b`)

// reactions reads how an allergy showed itself, and says it in words. One that is denied is a note of the allergy n.
func (r *reader) reactions(n *fhir.Node, o, act *cda.Element, code *fhir.Node) (*fhir.Node, string) {
	out, said := fhir.Arr(), []string(nil)
	whole, words := r.severity(o)
	for _, holder := range []*cda.Element{o, act} { // some put them there
		for rel := range holder.All("entryRelationship") {
			for x := range rel.All("observation") {
				if rel.Attr("typeCode") != "MFST" && !x.Is(reactionObservation) || isSeverity(x) || erroneous(x) || x.Null() != "" {
					continue
				}
				reaction, line := r.reaction(x)
				switch {
				case reaction == nil:
				case x.Attr("negationInd") == "true" || rel.Attr("negationInd") == "true":
					remark(n, fhir.Obj("text", "Not: "+line))
					said = append(said, "not "+line)
				default:
					out.Append(reaction)
					said = append(said, line)
				}
			}
		}
	}
	if p := r.rowOf(o, code); p != nil && len(said) == 0 { // only the text says it
		r.cells(p, func(head string, c *cda.Passage) {
			if line := r.line(c); reactionHead.MatchString(head) && line != "" && len(line) <= 120 && !denies.MatchString(line) {
				out.Append(fhir.Obj("manifestation", fhir.Arr(fhir.Obj("text", line))))
				said = append(said, line)
			}
		})
	}
	if words != "" {
		remark(n, fhir.Obj("text", "Severity: "+words))
		said = append(said, "severity: "+words)
	}
	if whole != "" {
		if out.Len() == 1 && len(said) == 1 && out.At(0).Get("severity") == nil {
			out.At(0).Set("severity", fhir.Str(whole))
			said[0] += " (" + whole + ")"
		} else if out.Len() == 0 || out.At(0).Get("severity").Text() != whole {
			r.doubt(severityWhere)
			if words == "" {
				said = append(said, whole)
			}
			out = asOne(out, whole)
		}
	}
	if out.Len() == 0 {
		return nil, strings.Join(said, ", ")
	}
	return out, strings.Join(said, ", ")
}

// undescribed stands for a reaction of which only the severity is known, as the chart's own form writes it.
const undescribed = "reaction not described"

// asOne gives reactions the severity of an allergy as a whole: those of which nothing else is said become one event, of
// several manifestations. Beside others that are milder it is one of its own.
func asOne(list *fhir.Node, severity string) *fhir.Node {
	shown, least := fhir.Arr(), 0
	for x := range list.Items() {
		least = max(least, graver[x.Get("severity").Text()])
	}
	for x := range list.Items() {
		if x.Len() > 1 {
			if least < graver[severity] {
				list.Append(fhir.Obj("manifestation", fhir.Arr(fhir.Obj("text", undescribed)), "severity", severity))
			}
			return list
		}
		for m := range x.Get("manifestation").Items() {
			shown.Append(m.Clone())
		}
	}
	if shown.Len() == 0 {
		shown.Append(fhir.Obj("text", undescribed))
	}
	return fhir.Arr(fhir.Obj("manifestation", shown, "severity", severity))
}

// reaction reads one way in which an allergy showed itself.
func (r *reader) reaction(x *cda.Element) (reaction *fhir.Node, line string) {
	shown := fhir.Arr()
	for v := range x.All("value") {
		if m := r.concept(v); m != nil {
			said := conceptText(m)
			if shown.Len() == 0 {
				said = r.spoken(m, x, said)
			}
			shown.Append(m)
			line += ", " + said
		}
	}
	if text := r.textOf(x.Child("text")); shown.Len() == 0 && text != "" {
		shown.Append(fhir.Obj("text", clip(text)))
		line = ", " + clip(text)
	}
	if shown.Len() == 0 {
		return nil, ""
	}
	line = line[2:]
	reaction = fhir.Obj("manifestation", shown)
	if low := r.date(x.At("effectiveTime/low")); low != "" {
		reaction.Set("onset", fhir.Str(low))
	}
	if s, words := r.severity(x); s != "" {
		reaction.Set("severity", fhir.Str(s))
		line += " (" + cmp.Or(words, s) + ")"
		if words != "" {
			reaction.Set("description", fhir.Str("Severity: "+words))
		}
	} else if words != "" {
		reaction.Set("description", fhir.Str("Severity: "+words))
		line += " (" + words + ")"
	}
	return reaction, line
}

// conceptText says a concept in words.
func conceptText(c *fhir.Node) string { return fhir.ConceptText(c) }

// notes takes the comments on a statement.
func (r *reader) notes(n *fhir.Node, statements ...*cda.Element) {
	list := fhir.Arr()
	take := func(_ string, a *cda.Element) {
		if text := r.textOf(a.Child("text")); isComment(a) && !erroneous(a) && text != "" {
			at, who := r.authored(a)
			list.Append(fhir.Obj("authorString", who, "time", at, "text", text))
		}
	}
	for _, e := range statements {
		related(e, "act", take)
		for _, a := range members(e, "act") {
			take("", a)
		}
	}
	if list.Len() > 0 {
		n.Set("note", list)
	}
}

func isComment(a *cda.Element) bool {
	return a.Child("code").Attr("code") == "48767-8" || a.Is("2.16.840.1.113883.10.20.22.4.64")
}
