package drug

import (
	"strconv"
	"strings"
)

// Sentence is an order sentence: a medicine with the usual way to take it. It is a starting
// point that the prescriber changes, never a prescription.
type Sentence struct {
	ID          string // stable: "lisinopril-20-mg-tablet"
	Ingredients []string
	Strength    string // "20 mg", "800 mg/160 mg"; per Unit
	Form        string // "tablet"
	Dose        float64
	Unit        string // what Dose counts: "tablet", "puff", "mL", "unit"
	Route       string // "by mouth"
	Frequency   int    // times …
	Period      int    // … in so many …
	PeriodUnit  string // … h, d, wk; the UCUM codes that FHIR uses
	AsNeeded    bool
	Note        string // "with food", "at bedtime"
	Days        int    // length of a course; 0: goes on
	Quantity    float64
	QuantityOf  string // "tablet", "inhaler"
	Supply      int    // days that Quantity lasts; 0 when not known (as needed)
	For         string // usual reason, in the clinic's words
	Source      string
}

// Name is the medicine's generic name; combinations are joined with a hyphen.
func (s Sentence) Name() string { return strings.Join(s.Ingredients, "-") }

// Medicine is name, strength and form: "lisinopril 20 mg tablet".
func (s Sentence) Medicine() string {
	return strings.TrimSpace(s.Name() + " " + s.Strength + " " + s.Form)
}

// AdultForm reports whether the form is swallowed or holds a fixed amount, so that it cannot be
// given to a small child by weight: tablets, capsules, pens and the like. All strengths of the
// catalogue are those of adults; of a liquid or a cream less can be taken.
func (s Sentence) AdultForm() bool {
	switch s.Form {
	case "oral suspension", "cream", "ointment", "eye drops", "nasal spray", "inhaler":
		return false
	}
	return true
}

// Timing is a frequency with a name that people use.
type Timing struct {
	Name       string // "twice daily"
	Frequency  int
	Period     int
	PeriodUnit string
}

// Timings are the frequencies that a prescription form offers, in order.
var timings = []Timing{
	{"once daily", 1, 1, "d"},
	{"twice daily", 2, 1, "d"},
	{"three times daily", 3, 1, "d"},
	{"four times daily", 4, 1, "d"},
	{"every 4 hours", 1, 4, "h"},
	{"every 6 hours", 1, 6, "h"},
	{"every 8 hours", 1, 8, "h"},
	{"every 12 hours", 1, 12, "h"},
	{"every other day", 1, 2, "d"},
	{"once weekly", 1, 1, "wk"},
	{"once", 1, 0, ""},
}

// Timings returns the frequencies that a form offers. Do not change them.
func Timings() []Timing { return timings }

// TimingName says a frequency in words; "" when there is none.
func TimingName(frequency, period int, unit string) string {
	for _, t := range timings {
		if t.Frequency == frequency && t.Period == period && t.PeriodUnit == unit {
			return t.Name
		}
	}
	word, ok := map[string]string{"h": "hours", "d": "days", "wk": "weeks", "mo": "months"}[unit]
	if !ok || frequency == 0 || period == 0 {
		return ""
	}
	return strconv.Itoa(frequency) + " times in " + strconv.Itoa(period) + " " + word
}

// PerDay is how often a frequency happens in a day; 0 when that has no meaning.
func PerDay(frequency, period int, unit string) float64 {
	hours, ok := map[string]float64{"h": 1, "d": 24, "wk": 168, "mo": 720}[unit]
	if !ok || period <= 0 {
		return 0
	}
	return float64(frequency) * 24 / (float64(period) * hours)
}

// Directions is the sentence for the label: "1 tablet by mouth twice daily for 3 days".
func (s Sentence) Directions() string {
	parts := []string{Count(s.Dose, s.Unit), s.Route, TimingName(s.Frequency, s.Period, s.PeriodUnit)}
	if s.AsNeeded {
		parts = append(parts, "as needed")
	}
	if s.Note != "" {
		parts = append(parts, s.Note)
	}
	if s.Days > 0 {
		parts = append(parts, "for "+Count(float64(s.Days), "day"))
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// Count writes a number with its unit in the right grammatical number: "2 tablets",
// "5 mL", "1 day".
func Count(n float64, unit string) string {
	s := strconv.FormatFloat(n, 'f', -1, 64)
	if n == 0 {
		return unit
	}
	switch unit {
	case "":
		return s
	case "mL", "mg", "mcg", "g":
		return s + " " + unit
	}
	if n > 1 {
		unit = plural(unit)
	}
	return s + " " + unit
}

func plural(unit string) string {
	if strings.HasSuffix(unit, "patch") {
		return unit + "es"
	}
	return unit + "s"
}

// SentenceByID returns the sentence with this id.
func SentenceByID(id string) (Sentence, bool) {
	at, ok := sentenceAt[id]
	if !ok {
		return Sentence{}, false
	}
	return sentences[at], true
}

// Sentences returns all order sentences. Do not change them.
func Sentences() []Sentence { return sentences }

var (
	sentences  = prepare(heartSentences, metabolicSentences, infectionSentences, nervousSentences, painSentences, otherSentences)
	sentenceAt = indexSentences(sentences)
)

// row is a sentence as the tables write it: names joined by "+", and the directions in a
// shorthand of "dose unit | timing | extra".
type row struct {
	names, strength, form string
	dose                  float64
	unit                  string
	timing                string // a name of timings; with " prn" for as needed
	note                  string
	days                  int
	quantity              float64
	of                    string
	supply                int
	reason                string
}

func prepare(tables ...[]row) []Sentence {
	var all []Sentence
	seen := map[string]int{}
	for _, t := range tables {
		for _, r := range t {
			s := r.sentence()
			seen[s.ID]++
			if n := seen[s.ID]; n > 1 {
				s.ID += "-" + strconv.Itoa(n)
			}
			all = append(all, s)
		}
	}
	return all
}

func (r row) sentence() Sentence {
	s := Sentence{
		Ingredients: strings.Split(r.names, "+"), Strength: r.strength, Form: r.form, Dose: r.dose, Unit: r.unit,
		Route: route(r.form), Note: r.note, Days: r.days, Quantity: r.quantity, QuantityOf: r.of, Supply: r.supply, For: r.reason,
	}
	timing, prn := strings.CutSuffix(r.timing, " prn")
	s.AsNeeded = prn
	for _, t := range timings {
		if t.Name == timing {
			s.Frequency, s.Period, s.PeriodUnit = t.Frequency, t.Period, t.PeriodUnit
		}
	}
	s.ID = slug(s.Medicine())
	for _, n := range s.Ingredients {
		if i, ok := ByName(n); ok {
			s.Source = i.Source
			break
		}
	}
	return s
}

// route is the usual route of a form.
func route(form string) string {
	switch {
	case strings.Contains(form, "sublingual"):
		return "under the tongue"
	case strings.Contains(form, "inhal"):
		return "inhaled"
	case strings.Contains(form, "nasal"):
		return "in each nostril"
	case strings.Contains(form, "cream"), strings.Contains(form, "ointment"), strings.Contains(form, "gel"), strings.Contains(form, "patch"):
		return "on the skin"
	case strings.Contains(form, "eye drop"):
		return "in the eye"
	case strings.Contains(form, "auto-injector"):
		return "into the thigh muscle"
	case strings.Contains(form, "injection"), strings.Contains(form, "pen"):
		return "under the skin"
	}
	return "by mouth"
}

func slug(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case c == '.':
			b.WriteByte('p')
		default:
			if t := b.String(); t != "" && t[len(t)-1] != '-' {
				b.WriteByte('-')
			}
		}
	}
	return strings.Trim(b.String(), "-")
}

func indexSentences(all []Sentence) map[string]int {
	m := make(map[string]int, len(all))
	for at, s := range all {
		m[s.ID] = at
	}
	return m
}
