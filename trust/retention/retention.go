// Package retention holds for how long the records of patients are kept, by jurisdiction and class
// of record, and says when one is due for disposal.
//
//	rule := retention.For("US-WA")
//	due, class, ok := rule.Due(retention.Facts{Born: "1950-02-01", Last: lastContact})
//
// The rows are a careful beginning, not legal advice: each names what it rests on, laws change, and
// payers, research, transplants and lawsuits ask for more. A clinic has its lawyer confirm the row
// before anything is disposed of. Where laws leave a range, a row takes the later time. It is a set
// of pure functions of dates; a legal hold goes before all of them (record.Holder).
package retention

import (
	"slices"
	"time"

	"github.com/osler-emr/osler/trust/minor"
)

// Class is what kind of record decided.
type Class string

// The classes. A patient's record is one thing here: it is due when all of its classes are.
const (
	Adult   Class = "adult"
	Minor   Class = "minor"   // who was under age at the last contact
	Imaging Class = "imaging" // the record holds images
	Death   Class = "death"   // kept until some years after death
)

// Rule is one row, in years.
type Rule struct {
	Code  string // of the jurisdiction, as in trust/minor; "" for the default
	Name  string
	Adult int // after the last contact
	// Minor: until this age, and for MinorYears after the last contact at least.
	Minor, MinorYears int
	Imaging           int // after the last images
	// Death, when not 0: the record is kept for life, and so long after death.
	Death  int
	Source string
}

// rules are sorted by code; the first is the default.
var rules = []Rule{
	{"", "Default (careful)", 20, 30, 20, 30, 0, "The longest of the periods below that are not for life."},
	{"DE", "Germany", 10, 28, 10, 30, 0, "BGB § 630f(3) (10 years after the treatment); StrlSchG § 85(2) (X-ray: 10 years, of minors until 28; radiotherapy 30 years)."},
	{"GB-ENG", "England", 10, 25, 10, 10, 10, "NHS Records Management Code of Practice 2021, appendix II (GP records: for life and 10 years after death)."},
	{"GB-SCT", "Scotland", 6, 25, 6, 6, 3, "Scottish Government Records Management Health and Social Care Code of Practice 2020 (GP records: for life and 3 years after death)."},
	{"NL", "Netherlands", 20, 20, 20, 20, 0, "BW art. 7:454(3) (20 years from the last change)."},
	{"US", "United States, other states", 10, 28, 10, 10, 0, "State law decides. 42 CFR 422.504(d) (Medicare Advantage: 10 years); 42 CFR 424.516(f) (7 years); 21 CFR 900.12(c)(4) (mammograms: 5 years, 10 when there are no later ones)."},
	{"US-AL", "Alabama", 7, 21, 7, 10, 0, "Ala. Admin. Code 540-X-9-.10 (7 years after the last contact); 21 CFR 900.12(c)(4)."},
	{"US-CA", "California", 10, 19, 10, 10, 0, "Cal. Health & Safety Code § 123145 (7 years; of minors until 19 at least); § 123149; Welfare & Institutions Code § 14124.1 (Medi-Cal: 10 years)."},
	{"US-OR", "Oregon", 10, 21, 10, 10, 0, "OAR 847-012-0000 (10 years after the last contact); 21 CFR 900.12(c)(4)."},
	{"US-WA", "Washington", 10, 21, 10, 10, 0, "RCW 70.41.190 (hospitals: 10 years; of minors until 21); Washington Medical Commission guideline."},
}

// majority is the age at which nobody is a minor in any row.
const majority = 19

// Rules returns all rows.
func Rules() []Rule { return slices.Clone(rules) }

// For returns the row of a jurisdiction, and the default where there is none.
func For(code string) Rule {
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == code }); i >= 0 {
		return rules[i]
	}
	return rules[0]
}

// Least is the shortest time after the last contact at which any record can be due, in years.
func (r Rule) Least() int { return min(r.Adult, r.MinorYears) }

// Facts are what decides about one record.
type Facts struct {
	Born   string    // FHIR date
	Died   time.Time // zero: not known to have died
	Last   time.Time // last contact
	Images time.Time // the last images; zero for none
}

// Due returns when a record may be disposed of, and the class that decided. ok is false when that
// cannot be said: the date of birth or the last contact is not known, or the record is kept for
// life and the patient is not known to have died.
func (r Rule) Due(f Facts) (at time.Time, class Class, ok bool) {
	_, known := minor.Birthday(f.Born, 0)
	if !known || f.Last.IsZero() || r.Death > 0 && f.Died.IsZero() {
		return time.Time{}, "", false
	}
	at, class = f.Last.AddDate(r.Adult, 0, 0), Adult
	later := func(t time.Time, c Class) {
		if t.After(at) {
			at, class = t, c
		}
	}
	if !minor.Reached(f.Born, majority, f.Last) {
		at, class = f.Last.AddDate(r.MinorYears, 0, 0), Minor
		later(latestBirthday(f.Born, r.Minor), Minor)
	}
	if !f.Images.IsZero() {
		later(f.Images.AddDate(r.Imaging, 0, 0), Imaging)
	}
	if r.Death > 0 {
		later(f.Died.AddDate(r.Death, 0, 0), Death)
	}
	return at, class, true
}

// latestBirthday is when somebody has surely lived a number of years: of a date that is known to the
// month or the year the last day counts.
func latestBirthday(born string, years int) time.Time {
	for _, form := range []struct {
		layout        string
		years, months int
	}{{"2006-01-02", 0, 0}, {"2006-01", 0, 1}, {"2006", 1, 0}} {
		if t, err := time.Parse(form.layout, born); err == nil {
			return t.AddDate(years+form.years, form.months, 1)
		}
	}
	return time.Time{}
}
