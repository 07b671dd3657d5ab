package document

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/wire/cda"
)

// course is how long a medicine is to be taken, as its directions say in words: "for 10 days", "x 2 wks". It is
// compared with today and asked about; what the document says stays as it is.
type course struct {
	says  string   // the words themselves
	parts []length // one after the other, as of a taper
}

// length is a number of units of time.
type length struct {
	n    int
	unit string // of spans
}

const (
	someNumber = `([0-9]{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|una?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|catorce|quince)`
	someUnit   = `(d|days?|day\(s\)|d[ií]as?|wks?|w|weeks?|week\(s\)|semanas?|mos?|months?|month\(s\)|mes(?:es)?|yrs?|years?|años?)`
	someLength = someNumber + `(?:\s*(?:-|–|to|or|a|o)\s*[0-9]{1,3})?(?:\s*\([0-9]{1,3}\))?[\s-]*(?:more |additional |consecutive |full )?` + someUnit
)

var (
	lasts = regexp.MustCompile(`(?i)(?:^|[^\pL\pN])((?:for|during|over|x|×|por|durante|(?:course|total|duration|curso|tratamiento|duración|duration of \pL+) (?:of|de|por)|duration:?|duración:?)\s*` +
		`(?:(?:up to|at least|about|only|another|a total of|a maximum of|no more than|the next|the first|hasta|al menos|los próximos|las próximas|máximo) )*` + someLength + `)(?:$|[^\pL\pN])`)
	courseOf   = regexp.MustCompile(`(?i)(?:^|[^\pL\pN])(` + someNumber + `[ -]` + someUnit + `[ -](?:course|treatment|regimen|taper))(?:$|[^\pL\pN])`)
	lengthOnce = regexp.MustCompile(`(?i)^(` + someLength + `)$`)
	lengthHead = regexp.MustCompile(`(?i)^(?:duration|length|length of (?:treatment|therapy)|duración)$`)

	thereafter = regexp.MustCompile(`(?i)(?:^|[^\pL])(?:then|thereafter|followed by|afterwards|luego|después|posteriormente)(?:[^\pL]|$)`)
	// takenOn finds in what follows a course that the medicine itself goes on.
	takenOn = regexp.MustCompile(`(?i)[0-9½¼]|\b(?:daily|nightly|weekly|monthly|once|twice|every|each|continue|half|prn|as needed|as directed|maintenance|repeat|increase|diari[ao]|cada|continuar)`)
	// again finds right behind a length that it comes back: 21 days of each month. A supply says how much was given.
	again = regexp.MustCompile(`(?i)^[\s,(]*(?:supply|(?:of|in|out of|on)?\s*(?:each|every|per|an?|cada|al|por)\s+(?:[0-9]+\s+)?(?:days|weeks?|months?|cycles?|years?|días|semanas?|mes|ciclo)|on\b|(?:[0-9]+ days )?off\b)`)
	// supposed finds before a length that it is of something else: a limit, what is waited for, how long it was taken so far.
	supposed = regexp.MustCompile(`(?i)\b(?:if|unless|lasts?|lasting|persists?|been|more than|longer than|si|más de|history)\b`)
	ifNeeded = regexp.MustCompile(`(?i)\b(?:if (?:needed|necessary|required)|si es necesario|si (?:tiene )?dolor)\b`)
	clauses  = regexp.MustCompile(`[.;,()\n]`)
)

var numberWords = map[string]int{"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "fourteen": 14,
	"un": 1, "una": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "catorce": 14, "quince": 15}

func lengthOf(number, unit string) length {
	number = strings.ToLower(number)
	n := numberWords[number]
	if n == 0 {
		n, _ = strconv.Atoi(number)
	}
	switch strings.ToLower(unit)[0] {
	case 'w', 's':
		return length{n, "wk"}
	case 'm':
		return length{n, "mo"}
	case 'y', 'a':
		return length{n, "a"}
	}
	return length{n, "d"}
}

// days are about how many days a length has, to order spans.
func (s length) days() int { return s.n * map[string]int{"d": 1, "wk": 7, "mo": 30, "a": 365}[s.unit] }

// courseIn reads how long directions say that something is taken; nil when they do not say, or when it goes on
// otherwise after that.
func courseIn(text string) *course {
	if len(text) > mostSaid {
		return nil
	}
	c := &course{}
	var said []string
	parts := thereafter.Split(text, 20)
	for i, part := range parts {
		longest, words := lengthIn(part)
		switch {
		case longest.n > 0:
			c.parts = append(c.parts, longest)
			said = append(said, words...)
		case i == 0, takenOn.MatchString(part):
			return nil
		}
	}
	c.says = clip(strings.Join(said, " … "))
	return c
}

// lengthIn returns the longest length that a part of directions names, and the words of all.
func lengthIn(part string) (longest length, said []string) {
	for _, find := range []*regexp.Regexp{lasts, courseOf} {
		for at := 0; at < len(part); {
			m := find.FindStringSubmatchIndex(part[at:])
			if m == nil {
				break
			}
			for i := range m {
				m[i] += at
			}
			before := clauses.Split(ifNeeded.ReplaceAllString(part[:m[2]], ""), -1)
			s := lengthOf(part[m[4]:m[5]], part[m[6]:m[7]])
			at = m[3]
			if supposed.MatchString(before[len(before)-1]) || again.MatchString(part[m[3]:]) || s.n == 0 {
				continue
			}
			said = append(said, collapse(part[m[2]:m[3]]))
			if s.days() > longest.days() {
				longest = s
			}
		}
	}
	return longest, said
}

// howLong reads how long a medicine is taken: in its directions, or in a column of its row for it.
func (r *reader) howLong(e *cda.Element, it *Item) {
	n := it.Resource
	if r.budget -= 2 * mostSaid; r.budget < 0 {
		return
	}
	var texts []string
	for d := range n.Get("dosage").Items() {
		texts = append(texts, d.Get("text").Text(), d.Get("patientInstruction").Text())
		for x := range d.Get("additionalInstruction").Items() {
			texts = append(texts, conceptText(x))
		}
		break // the first says all
	}
	code := n.Get("medicationCodeableConcept")
	texts = append(texts, r.sig(e), r.directions(e, code))
	for _, t := range slices.Compact(texts) {
		if it.course = courseIn(t); it.course != nil {
			return
		}
	}
	if row := r.rowOf(e, code); row != nil && row.Kind == "row" {
		r.cells(row, func(head string, c *cda.Passage) {
			if m := lengthOnce.FindStringSubmatch(r.line(c)); it.course == nil && m != nil && lengthHead.MatchString(head) {
				it.course = &course{says: collapse(head + ": " + m[1]), parts: []length{lengthOf(m[2], m[3])}}
			}
		})
	}
}

// end is the first day on which a course that began on a day may be over; "" when it cannot be told.
func (c *course) end(start string) string {
	switch len(start) {
	case len("2006"):
		start += "-01-01"
	case len("2006-01"):
		start += "-01"
	}
	start = start[:min(len(start), len("2006-01-02"))]
	for _, p := range c.parts {
		next, ok := shifted(start, p.n, p.unit)
		if !ok {
			return ""
		}
		start = next
	}
	return start
}
