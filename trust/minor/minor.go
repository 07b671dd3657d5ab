// Package minor holds the ages at which a child's parents see less of the record, and none
// of it, and at which the child may have an account.
//
//	rule := minor.For("US-WA")
//	level, until := rule.Stands(born, now) // of a parent: full, limited, or over
//
// The rows are a careful beginning, not legal advice: each names what it rests on, and a
// clinic asks its lawyer. Where laws leave a range, a row takes the earlier age, at which less
// is shown. It is a set of pure functions of dates.
package minor

import (
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Level is how much somebody sees who acts for a child.
type Level string

// The levels. Over is none.
const (
	Full    Level = "full"
	Limited Level = "limited" // without what is confidential to the adolescent
	Over    Level = ""
)

// Rule is one row: ages in full years.
type Rule struct {
	Code    string // of the jurisdiction: ISO 3166, "" for the default
	Name    string
	Narrow  int    // from here on parents see no more than Limited
	Account int    // from here on the child may have an account
	End     int    // here the rights of parents end
	Source  string // what the row rests on
}

// rules are sorted by code; the first is the default.
var rules = []Rule{
	{"", "Default (careful)", 12, 12, 18, "The earliest of the ages below for narrowing; majority at 18 (Convention on the Rights of the Child, art. 1)."},
	{"DE", "Germany", 14, 15, 18, "SGB I § 36 (acts for oneself in social matters from 15); BGB § 2 (majority). Consent by maturity, commonly assumed from 14."},
	{"GB-ENG", "England", 12, 13, 16, "Family Law Reform Act 1969 s. 8 (consent from 16); Gillick v West Norfolk [1985] (competence before); NHS login from 13."},
	{"GB-SCT", "Scotland", 12, 12, 16, "Age of Legal Capacity (Scotland) Act 1991 s. 1 and 2(4); Data Protection Act 2018 s. 208 (12 presumed of sufficient age)."},
	{"NL", "Netherlands", 12, 12, 16, "BW art. 7:447 and 7:450 (from 16 for oneself; from 12 to 16 together with the parents)."},
	{"US", "United States, other states", 12, 13, 18, "45 CFR 164.502(g)(3) (parents as personal representatives, by state law); 16 CFR 312 (accounts from 13)."},
	{"US-AL", "Alabama", 14, 14, 19, "Ala. Code § 22-8-4 (consent from 14); § 26-1-1 (majority at 19)."},
	{"US-CA", "California", 12, 13, 18, "Cal. Health & Safety Code § 124260 and Family Code § 6926 (own consent from 12); § 123115 (parents' access to the record)."},
	{"US-OR", "Oregon", 14, 14, 18, "ORS 109.640 (medical consent from 15) and 109.675 (mental health from 14)."},
	{"US-WA", "Washington", 13, 13, 18, "RCW 71.34.530 (behavioural health from 13); RCW 26.28.010 (majority)."},
}

// Rules returns all rows.
func Rules() []Rule { return slices.Clone(rules) }

// Find returns the row of a jurisdiction.
func Find(code string) (Rule, error) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Code == code })
	if i < 0 {
		return Rule{}, fault.New(fault.Invalid, "There is no row of ages for this jurisdiction. Choose one of the list.").At("jurisdiction")
	}
	return rules[i], nil
}

// For returns the row of a jurisdiction, and the default where there is none.
func For(code string) Rule {
	r, err := Find(code)
	if err != nil {
		return rules[0]
	}
	return r
}

// slack is how much earlier than midnight UTC a day begins where it begins first.
const slack = 14 * time.Hour

// Birthday returns when somebody has lived a number of years, from a FHIR date of birth. Of a
// date that is known to the month or the year, the earliest day counts. ok is false when
// nothing is known.
func Birthday(born string, years int) (at time.Time, ok bool) {
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, born); err == nil {
			return t.AddDate(years, 0, 0).Add(-slack), true
		}
	}
	return time.Time{}, false
}

// Reached reports whether somebody has an age. Without a date of birth nobody has.
func Reached(born string, years int, now time.Time) bool {
	at, ok := Birthday(born, years)
	return ok && !now.Before(at)
}

// Stands returns what a parent's right amounts to at a time, and until when it stays so.
// Without a date of birth nobody knows, and it is over.
func (r Rule) Stands(born string, now time.Time) (Level, time.Time) {
	narrow, known := Birthday(born, r.Narrow)
	end, _ := Birthday(born, r.End)
	switch {
	case !known || !now.Before(end):
		return Over, end
	case !now.Before(narrow):
		return Limited, end
	}
	return Full, narrow
}
