package document

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// A pace is how far apart two doses are, in hours: from low to high, which are the same where one time is named.
type pace struct {
	low, high float64
	most      bool // no more often than that
	loose     bool // somewhere between both
}

// hoursIn are the hours of the units of time, as words and as codes begin.
var hoursIn = map[string]float64{"s": 1.0 / 3600, "min": 1.0 / 60, "h": 1, "d": 24, "w": 168, "mo": 720, "y": 8760, "a": 8760}

func hours(unit string) float64 {
	unit = strings.ToLower(unit)
	for _, begin := range []string{"min", "mo", "h", "d", "w", "y", "a", "s"} {
		if strings.HasPrefix(unit, begin) {
			return hoursIn[begin]
		}
	}
	return 0
}

const (
	unitOfTime = `(minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|wks?|months?|mos?|years?|yrs?)\b`
	number2    = `([0-9]+(?:\.[0-9]+)?)(?:(?: ?- ?| to | or )([0-9]+(?:\.[0-9]+)?))?`
	weekdays   = "montuewedthufrisatsun"
	dayNames   = `(?:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?)`
)

// paces are the words for how often, each with how it is read; what an earlier one has taken a later one does not see.
var paces = []struct {
	words *regexp.Regexp
	read  func(m []string) (low, high float64)
}{
	{regexp.MustCompile(`\b(?:daily (?:doses?|max(?:imum)?|limit|total)|(?:max(?:imum)?|total) daily)\b|\bbi-?weekly\b|\bbi-?monthly\b|\bbd (?:pen|insulin|ultra|syringe|needle|micro|nano)`), nil}, // no time, or one that is read in two ways
	{regexp.MustCompile(`\b(?:every other|every second|every 2nd|each other|alternate|alternating) (?:(weeks?|months?)|(?:day|night|morning|evening)s?)\b|\bq\.?o\.?d\b`), func(m []string) (float64, float64) {
		return same(2 * max(24, hours(m[1])))
	}},
	{regexp.MustCompile(`\bevery (?:third|3rd) (day|week|month)\b`), func(m []string) (float64, float64) { return same(3 * hours(m[1])) }},
	{regexp.MustCompile(`\b(?:every|each|q|q\.) ?` + number2 + ` ?-?` + unitOfTime), func(m []string) (float64, float64) {
		return ranged(m[1], m[2], func(v float64) float64 { return v * hours(m[3]) })
	}},
	{regexp.MustCompile(`\b` + number2 + ` ?(?:times?|x) ?(?:a |per |each |every |in a |/ ?)?(day|daily|d|week|weekly|wk|month|monthly|year|yearly)\b`), often},
	{regexp.MustCompile(`\b([1-9]) (daily|weekly|monthly)\b`), func(m []string) (float64, float64) { // "2 daily": two at once, or one twice
		return ranged("1", m[1], func(v float64) float64 { return hours(m[2]) / v })
	}},
	{regexp.MustCompile(`\b(once|twice|thrice)() ?(?:a |per |each |every |/ ?)?(day|daily|week|weekly|month|monthly|year|yearly|annually|nightly)\b`), often},
	{regexp.MustCompile(`\bq\.?i\.?d\b|\bqds\b`), constant(6)},
	{regexp.MustCompile(`\bt\.?i\.?d\b|\btds\b`), constant(8)},
	{regexp.MustCompile(`\bb\.?i\.?d\b|\bbd\b`), constant(12)},
	{regexp.MustCompile(`\b` + dayNames + ` ?(?:through|thru|to|-) ?` + dayNames + `\b`), func(m []string) (float64, float64) {
		days := weekday.FindAllString(m[0], -1)
		from, to := strings.Index(weekdays, days[0][:3])/3, strings.Index(weekdays, days[1][:3])/3
		return same(168 / float64((to-from+7)%7+1))
	}},
	{regexp.MustCompile(`\b(?:on |every |each )?` + dayNames + `(?:(?: ?, ?(?:and )?| and | & | ?/ ?)` + dayNames + `)*\b`), func(m []string) (float64, float64) {
		return same(168 / float64(len(weekday.FindAllString(m[0], -1))))
	}},
	{regexp.MustCompile(`\bfortnightly\b|\bevery fortnight\b`), constant(336)},
	{regexp.MustCompile(`\bweekly\b|\b(?:every|each) week\b|\bq\.?w(?:k|eek)?\b`), constant(168)},
	{regexp.MustCompile(`\bmonthly\b|\b(?:every|each) month\b`), constant(720)},
	{regexp.MustCompile(`\byearly\b|\bannually\b|\b(?:every|each) year\b`), constant(8760)},
	{regexp.MustCompile(`\bhourly\b|\b(?:every|each) hour\b`), constant(1)},
	{regexp.MustCompile(`\bdaily\b|\b(?:every|each) day\b|\bq\.?d\b|\bqday\b`), constant(24)},
}

var (
	weekday = regexp.MustCompile(dayNames)
	// partsOfDay count as a time each where nothing else says how often.
	partsOfDay = []*regexp.Regexp{
		regexp.MustCompile(`\bmornings?\b|\bqam\b|\bq\.a\.m|\bbreakfast\b`), regexp.MustCompile(`\b(?:noon|midday|lunch|afternoon)\b`),
		regexp.MustCompile(`\bevenings?\b|\bqpm\b|\bq\.p\.m|\b(?:dinner|supper)\b`), regexp.MustCompile(`\bbedtime\b|\bnight(?:ly|s)?\b|\bq?hs\b`),
	}
	atMost   = regexp.MustCompile(`(?:\bup to|\bmax(?:imum)?(?: of)?|\bno(?:t)? more(?: often)? than|\bnot (?:to )?exceed|\bat most)[ a-z0-9.]{0,20}$`)
	fromWhen = regexp.MustCompile(`(?:\bstarting|\bstart|\bbeginning|\bbegin|\bfrom|\buntil|\btill|\bsince|\blast|\bnext|\bbefore|\bby|\bafter)(?: on)? *$`)
)

func same(v float64) (float64, float64) { return v, v }

func constant(v float64) func([]string) (float64, float64) {
	return func([]string) (float64, float64) { return v, v }
}

// ranged reads one number or two.
func ranged(one, two string, f func(float64) float64) (float64, float64) {
	a, _ := strconv.ParseFloat(one, 64)
	b, err := strconv.ParseFloat(two, 64)
	if err != nil {
		b = a
	}
	low, high := f(a), f(b)
	return min(low, high), max(low, high)
}

// often reads so many times in a unit.
func often(m []string) (float64, float64) {
	unit := hours(m[3])
	switch m[3] {
	case "daily", "nightly":
		unit = 24
	case "annually":
		unit = 8760
	}
	times, ok := map[string]string{"once": "1", "twice": "2", "thrice": "3"}[m[1]]
	if !ok {
		times = m[1]
	}
	return ranged(times, m[2], func(v float64) float64 { return unit / v })
}

// pacesOf finds how often something is taken in the words of an author, and returns the words without them. plain
// are the words as plainly makes them.
func pacesOf(plain string) (found []pace, rest string) {
	rest = plain
	for _, p := range paces {
		for _, at := range p.words.FindAllStringSubmatchIndex(rest, -1) {
			m := make([]string, len(at)/2)
			for i := range m {
				if at[2*i] >= 0 {
					m[i] = rest[at[2*i]:at[2*i+1]]
				}
			}
			before := plain[max(0, at[0]-40):at[0]]
			if p.read != nil && !(weekday.MatchString(m[0]) && fromWhen.MatchString(before)) {
				if low, high := p.read(m); low > 0 && !math.IsInf(high, 0) {
					found = append(found, pace{low: low, high: high, most: atMost.MatchString(before)})
				}
			}
			rest = rest[:at[0]] + strings.Repeat(" ", at[1]-at[0]) + rest[at[1]:]
		}
	}
	if len(found) == 0 {
		n := 0
		for _, part := range partsOfDay {
			if part.MatchString(plain) {
				n++
			}
		}
		if n > 0 {
			found = append(found, pace{low: 24 / float64(n), high: 24 / float64(n)})
		}
	}
	for _, part := range partsOfDay {
		rest = part.ReplaceAllString(rest, " ")
	}
	return found, rest
}

// paceOf reads how often a coded dosage is taken; ok is false where it does not say.
func paceOf(dosage *fhir.Node) (p pace, ok bool) {
	repeat := dosage.Path("timing.repeat")
	if when := repeat.Get("when"); when.Len() > 0 {
		for w := range when.Items() {
			switch w.Text() {
			case "C", "AC", "PC": // so often as somebody eats
				return pace{low: 24.0 / 6, high: 24, loose: true}, true
			}
		}
		return pace{low: 24 / float64(when.Len()), high: 24 / float64(when.Len())}, true
	}
	unit := hours(repeat.Get("periodUnit").Text())
	period, okay := repeat.Get("period").Float()
	times, counted := repeat.Get("frequency").Float()
	if unit == 0 || !okay || period <= 0 {
		return p, false
	}
	if !counted || times <= 0 {
		times = 1
	}
	p.low = unit * period / times
	p.high = p.low
	if most, ok := repeat.Get("periodMax").Float(); ok && most > period {
		p.high = unit * most / times
	}
	return p, true
}

// agrees reports whether what is coded is what the words say: a month is four weeks or thirty days.
func (p pace) agrees(coded pace) bool {
	switch {
	case coded.loose:
		return p.most || p.low <= coded.high*1.1 && p.high >= coded.low*0.9
	case p.most:
		return coded.low >= p.low*0.9
	}
	return coded.low >= p.low*0.9 && coded.high <= p.high*1.1
}
