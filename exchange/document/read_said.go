package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// sayings are the words of a text that take back or weaken what an entry says, and the statuses of an entry that say
// so themselves.
var sayings = []struct {
	words *regexp.Regexp
	types string // that it is looked for in
	ahead bool   // it is said of what follows
	coded string // verification or status of an entry that agrees
}{
	{saying(`ruled[ -]out|rule[ -]out|r/o`), "Condition AllergyIntolerance", false, "refuted provisional unconfirmed"},
	{saying(`no (?:clinical |current |further )?(?:evidence|signs?) (?:of|for)|negative for|absence of|denie[sd]|not allergic to`), "Condition AllergyIntolerance", true, "refuted"},
	{saying(`suspected|suspicion (?:of|for)|possible|possibly|probable|probably`), "Condition AllergyIntolerance", true, "provisional unconfirmed differential refuted"},
	{saying(`family (?:history|hx)|fhx`), "Condition", true, "refuted"},
	{saying(`resolved`), "Condition AllergyIntolerance", false, "refuted resolved inactive remission"},
	{saying(`inactive`), "Condition AllergyIntolerance MedicationStatement", false, "refuted resolved inactive remission completed stopped on-hold not-taken"},
	{saying(`stopped|discontinued|d/c['’]?d|do(?: not|n['’]t) (?:restart|resume)|no longer (?:taking|taken|active)|not (?:currently )?(?:taking|taken)`), "MedicationStatement", false, "completed stopped not-taken"},
	{saying(`allergic(?: to)?`), "MedicationStatement", true, "completed stopped not-taken"},
	{saying(`held|on hold|suspended`), "MedicationStatement", false, "on-hold completed stopped not-taken"},
	{saying(`completed`), "MedicationStatement", false, "completed stopped not-taken"},
	{saying(`entered in error|erroneous(?:ly)?(?: entry| entered)?`), "Condition AllergyIntolerance MedicationStatement Procedure", false, "entered-in-error"},
}

func saying(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[^\pL\pN-])(` + words + `)(?:$|[^\pL\pN-])`)
}

var (
	clauseEnd = regexp.MustCompile(`[.;,()\n]+(?:\s|$)|[;()\n]| [-–—] `)
	turned    = regexp.MustCompile(`(?i)\b(?:not|never|no|until|till|when|if|after|once|unless|before|be|is being|date|day)\W*$|\b(?:until|till|when|if|after|once|unless|before)\b`)
	notSo     = regexp.MustCompile(`(?i)^\W*(?:no|false|n/a|none|date|on|by|at|-)?\W*$`)
	ruling    = regexp.MustCompile(`(?i)^r(?:ule|/o)`)
	passing   = regexp.MustCompile(`(?i)^\W*(?:$|[0-9]|(?:by|on|with|in|at|after|per|via)\b)`)
	leftWord  = regexp.MustCompile(`(?i)\bleft\b`)
	rightWord = regexp.MustCompile(`(?i)\bright\b`)
)

// mostSaid is how long a text is that is looked through for sayings: longer ones a person has to read.
const mostSaid = 400

// takenBack adds a doubt to the items from the given one on whose own passage says that they are not so, not sure or
// over, where the entry does not say so itself. It quotes the passage.
func (r *reader) takenBack(from int) {
	for i := from; i < len(r.doc.Items); i++ {
		it := &r.doc.Items[i]
		switch it.Resource.ResourceType() {
		case "Condition", "AllergyIntolerance", "MedicationStatement", "Procedure":
		default:
			continue
		}
		if it.Absent {
			continue
		}
		names := codedNames(it.Resource)
		var quoted string
		for _, line := range r.ownLines(r.from[i], it, names) {
			if quoted = unlike(line, it.Resource, names); quoted != "" {
				break
			}
		}
		own := r.ownPassage(r.from[i], it)
		if quoted == "" {
			quoted = r.endInRow(own, r.from[i], it)
		}
		if quoted == "" {
			quoted = r.elsewhere(own, r.from[i], it)
		}
		if quoted != "" {
			it.Doubts = append(it.Doubts, Doubt{Words: textSays, Args: []any{clip(quoted)}})
			r.doc.Texts[r.of].Differs = true
		}
	}
}

var (
	endHead = regexp.MustCompile(`(?i)^(?:end|ended|stop|stopped|discontinued|resolved|resolution)(?: ?(?:date|on|time))?$`)
	ofAYear = regexp.MustCompile(`(?:^|[^0-9])(?:19|20)[0-9]{2}(?:$|[^0-9])`)
)

// endInRow returns the end that a row gives in a column for it, of an entry that has none: in words, since which of the
// numbers is the month is not known.
func (r *reader) endInRow(row *cda.Passage, e *cda.Element, it *Item) (said string) {
	n := it.Resource
	if first(n.Get("abatementDateTime"), n.Path("effectivePeriod.end"), n.Get("effectiveDateTime"), n.Path("dosage.0.timing.repeat.boundsPeriod.end")) != "" || n.ResourceType() == "Procedure" || e.At("effectiveTime/high").Has("value") {
		return ""
	}
	if row != nil && row.Kind == "row" {
		r.cells(row, func(head string, c *cda.Passage) {
			if line := r.line(c); said == "" && endHead.MatchString(head) && len(line) <= 40 && ofAYear.MatchString(line) {
				said = head + ": " + line
			}
		})
	}
	return said
}

// concerns returns the concept that names a problem, an allergy, a procedure or a medicine.
func concerns(n *fhir.Node) *fhir.Node {
	if c := n.Get("code"); c != nil {
		return c
	}
	return n.Get("medicationCodeableConcept")
}

// codedNames are what the codes of a resource are called.
func codedNames(n *fhir.Node) (names []string) {
	for coding := range concerns(n).Get("coding").Items() {
		if d := coding.Get("display").Text(); d != "" {
			names = append(names, d)
		}
	}
	return names
}

// ownLines are the cells of the row, or the lines of the item or passage, that an entry refers to, and its own words.
func (r *reader) ownLines(e *cda.Element, it *Item, names []string) (lines []string) {
	add := func(s string) {
		if s != "" && len(s) <= mostSaid && !slices.Contains(lines, s) {
			lines = append(lines, s)
		}
	}
	own := r.ownPassage(e, it)
	switch {
	case own == nil:
	case own.Kind == "row":
		r.cells(own, func(head string, c *cda.Passage) {
			if line := r.line(c); c.Kind == "cell" || c.ID != "" || anySays(line, names) {
				add(line)
			}
		})
	case brief(own, 4*mostSaid):
		add(r.line(own))
	}
	for _, path := range []string{"text", "code/originalText", "value/originalText"} {
		if t := e.At(path); t.Reference() == "" {
			add(r.textOf(t))
		}
	}
	return lines
}

// ownPassage is the row, the item or the passage that an entry refers to; nil where it is not of the entry alone.
func (r *reader) ownPassage(e *cda.Element, it *Item) *cda.Passage {
	p, ok := r.places[it.Source]
	switch {
	case !ok:
		return r.rowOf(e, concerns(it.Resource))
	case p.wide.Kind == "table" || p.wide.Kind == "list":
		return nil
	}
	return p.wide
}

// unlike returns the part of a line that says otherwise than a resource does; "" for none.
func unlike(line string, n *fhir.Node, names []string) string {
	states := " "
	for _, path := range []string{"verificationStatus.coding.0.code", "clinicalStatus.coding.0.code", "status"} {
		states += n.Path(path).Text() + " "
	}
	for _, clause := range clauseEnd.Split(line, 50) {
		for _, s := range sayings {
			at := s.words.FindStringSubmatchIndex(clause)
			if at == nil || !strings.Contains(s.types, n.ResourceType()) || agrees(states, s.coded) || slices.ContainsFunc(names, s.words.MatchString) {
				continue
			}
			before, after := clause[:at[2]], clause[at[3]:]
			if nowWords.MatchString(before) || nowWords.MatchString(after) {
				continue // both are said, of several
			}
			if turned.MatchString(before) || strings.Contains(after, "?") || notSo.MatchString(after) && strings.ContainsAny(after, ":-") {
				continue
			}
			other := clause
			if s.ahead {
				other = after
			}
			if len(names) > 0 && !anySays(other, names) {
				named := s.ahead || ruling.MatchString(clause[at[2]:at[3]]) // what follows is what it is said of
				if named && !passing.MatchString(after) || strings.ContainsFunc(before, unicode.IsLetter) && len(strings.Fields(clause)) > 6 {
					continue // it is said of something else
				}
			}
			return collapse(clause)
		}
	}
	return otherSide(line, n, names)
}

// takesBack reports whether the name of a problem or an allergy itself says that it is not so, or not sure.
func takesBack(name, group string) bool {
	for _, s := range sayings {
		if (group == "Condition" || group == "AllergyIntolerance") && strings.Contains(s.types, group) && s.words.MatchString(name) {
			return true
		}
	}
	return false
}

func agrees(states, coded string) bool {
	return slices.ContainsFunc(strings.Fields(coded), func(s string) bool { return strings.Contains(states, " "+s+" ") })
}

// otherSide returns a line that names the other side than a resource does; "" for none.
func otherSide(line string, n *fhir.Node, names []string) string {
	coded := strings.Join(names, " ")
	for site := range n.Get("bodySite").Items() {
		for c := range site.Get("coding").Items() {
			coded += " " + c.Get("display").Text()
		}
	}
	l, r := leftWord.MatchString(coded), rightWord.MatchString(coded)
	if l != r && anySays(line, names) {
		if a, b := leftWord.MatchString(line), rightWord.MatchString(line); a != b && a != l {
			return line
		}
	}
	return ""
}
