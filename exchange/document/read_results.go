package document

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// results reads a panel as a DiagnosticReport with its Observations.
func (r *reader) results(e *cda.Element) {
	if len(members(e, "observation")) > 0 || len(members(e, "organizer")) == 0 {
		r.panel(e)
	}
	r.nested(e, (*reader).results)
}

// members returns what a bracket holds of a kind.
func members(e *cda.Element, name string) (list []*cda.Element) {
	for c := range e.All("component") {
		list = append(list, elements(c, name)...)
	}
	return list
}

// nested reads the brackets in a bracket, each for itself.
func (r *reader) nested(e *cda.Element, read func(*reader, *cda.Element)) {
	for _, o := range members(e, "organizer") {
		r.doubts = nil
		switch {
		case erroneous(o):
			r.unread(o, markedError)
		case o.Null() != "":
			r.unread(o, notKnown)
		case o.Attr("negationInd") == "true":
			r.unread(o, deniedWhole)
		case r.another(o):
		case wide(o):
			r.unread(o, tooMany, maxMembers)
		case r.nests >= maxInside:
			r.unread(o, kindNotRead)
		default:
			r.nests++
			read(r, o)
			r.nests--
		}
	}
}

func (r *reader) panel(e *cda.Element) {
	if e.Name == "observation" {
		r.observed(e, nil, resultCategory(e))
		return
	}
	for _, a := range members(e, "act") {
		if !isComment(a) {
			r.unread(a, kindNotRead)
		}
	}
	code := r.concept(e.Child("code"))
	var parts []*fhir.Node
	var lines []string
	members := r.measured(e)
	if void(code) {
		if len(members) <= 1 {
			r.unread(e, deniesInWords)
			return
		}
		code = nil
	}
	if code == nil && len(members) > 0 { // a panel without a name is only a bracket
		for _, o := range members {
			r.observed(o, e, resultCategory(o))
		}
		return
	}
	if code == nil {
		r.unread(e, saysNothing)
		return
	}
	category := resultCategory(e)
	var doubts []Doubt
	var of [][]Doubt
	for _, o := range members {
		r.doubts = nil
		n, _, line := r.observation(o, e, category)
		if n == nil {
			r.unread(o, saysNothing)
			continue
		}
		for _, d := range r.doubts {
			doubts = joined(doubts, Doubt{d.Words, slices.Clone(d.Args)})
		}
		parts, of = append(parts, n), append(of, slices.Clone(r.doubts))
		lines = append(lines, line)
	}
	r.doubts = doubts
	n := fhir.New("DiagnosticReport")
	n.Set("identifier", identifiers(e))
	n.Set("status", fhir.Str(reportStatus(e, len(parts) > 0)))
	n.Set("category", fhir.Arr(made("http://terminology.hl7.org/CodeSystem/v2-0074", map[string]string{"laboratory": "LAB", "imaging": "RAD"}[category], "")))
	n.Set("code", code)
	when := r.times(n, "effective", e.Child("effectiveTime"))
	for i := 0; i < len(parts) && when == ""; i++ {
		for _, k := range []string{"effectiveDateTime", "effectivePeriod"} {
			if v := parts[i].Get(k); v != nil && when == "" {
				n.Set(k, v.Clone())
				when = day(v.Text() + v.Get("start").Text())
			}
		}
	}
	if _, who := r.authored(e); who != "" {
		n.Set("performer", fhir.Arr(named(who)))
	}
	line := conceptText(code)
	if status := statusText(n); n.Get("status").Text() != "unknown" && !allSay(lines, status) {
		line = status + line
	}
	if when != "" {
		line += ", " + when
	}
	var comments []string
	for note := range r.frame(e).notes.Items() {
		comments = append(comments, note.Get("text").Text())
	}
	if said := strings.Join(comments, "\n"); said != "" {
		n.Set("conclusion", fhir.Str(said))
		line += "; comment: " + brieflyOf(said)
	}
	if len(lines) > 0 {
		line += ": " + strings.Join(lines, "; ")
	}
	line += notesOf(parts, comments)
	item := r.add(e, n, clip(line))
	item.Parts, item.doubted = parts, of
	if item.Source == "" && len(members) > 0 {
		item.Source = r.source(members[0])
	}
	if item.Section == Other {
		item.Section = Results
	}
}

// measured returns the observations in a bracket that are values of the patient, and says what became of the others.
func (r *reader) measured(e *cda.Element) (list []*cda.Element) {
	for _, o := range members(e, "observation") {
		switch {
		case erroneous(o):
			r.unread(o, markedError)
		case isSecurity(o):
		case o.Null() != "" && o.Child("value") == nil:
			r.unread(o, notKnown)
		case r.another(o):
		default:
			list = append(list, o)
		}
	}
	return list
}

// notesOf says the notes of the values of a panel, each once, and not what was said of the panel.
func notesOf(parts []*fhir.Node, said []string) (line string) {
	for _, p := range parts {
		for note := range p.Get("note").Items() {
			if text := note.Get("text").Text(); !slices.Contains(said, text) {
				said = append(said, text)
				line += "; note: " + brieflyOf(text)
			}
		}
	}
	return line
}

// allSay reports whether each of some lines begins with a status already.
func allSay(lines []string, status string) bool {
	for _, l := range lines {
		if !strings.HasPrefix(l, status) {
			return false
		}
	}
	return len(lines) > 0
}

func reportStatus(e *cda.Element, valued bool) string {
	s := observationStatus(e, valued)
	if s == "final" && e.Child("statusCode").Attr("code") == "" {
		return "unknown"
	}
	return s
}

// imaging are words in the name of a panel that is no laboratory's.
var imaging = []string{"x-ray", "xray", "radiograph", " xr", "ct scan", "mri", "ultrasound", "echocardio", "mammogra", "tomograph", "ekg", "ecg", "electrocardio"}

// resultCategory says what kind of result it is. Most of what stands in a section of results is a
// laboratory's; what is named like an image is not.
func resultCategory(e *cda.Element) string {
	name := strings.ToLower(" " + e.Child("code").Attr("displayName") + " " + e.Child("code").Child("originalText").Content())
	for _, w := range imaging {
		if strings.Contains(name, w) {
			return "imaging"
		}
	}
	return "laboratory"
}
