package ui

import (
	"regexp"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// Medicine is what a medication line shows. Strength and Form may be empty when the code's
// text holds them: use SplitMedicine on such a text.
type Medicine struct {
	Generic    string // "metformin"
	Brand      string // "Glucophage"; "" for none
	Strength   string // "500 mg", "5 mg per 5 mL"
	Form       string // "tablet"
	Dose       string // "20 mg"
	Directions string // "once daily"
}

// BrandText is the brand in capitals.
func (m Medicine) BrandText() string { return strings.ToUpper(m.Brand) }

// StrengthText is strength and form by the CUI rules.
func (m Medicine) StrengthText() string {
	return DoseText(strings.TrimSpace(m.Strength + " " + m.Form))
}

var firstStrength = regexp.MustCompile(`\s\.?\d`)

// SplitMedicine reads a coded text such as "lisinopril 20 mg tablet" into name and the rest,
// which starts at the first number. Text without a number is all name.
func SplitMedicine(text string) Medicine {
	text = strings.Join(strings.Fields(text), " ")
	at := firstStrength.FindStringIndex(text)
	if at == nil {
		return Medicine{Generic: text}
	}
	return Medicine{Generic: text[:at[0]], Strength: text[at[0]+1:]}
}

var (
	doseNumber  = regexp.MustCompile(`\b\d{4}-\d\d(?:-\d\d)?\b|\b\d\d?/\d\d?/\d{4}\b|(?i:\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -](?:19|20)\d\d\b)|\d*\.?\d+(?:,\d{3})*(?:\.\d+)?`)
	unitNoSpace = regexp.MustCompile(`(?i)(\d)(mg|mcg|µg|microgram|g|kg|ml|l|mmol|unit|units|iu|%)\b`)
	slashUnit   = regexp.MustCompile(`(?i)\b(mg|mcg|g|units?|mmol)/(\d*\s?ml|ml|l|g|kg|day|dose|actuat)\b`)
	unitStop    = regexp.MustCompile(`(?i)\b(mg|mcg|ml|g|kg)\.(\s|$)`)
	bareUnits   = regexp.MustCompile(`(?i)\b(\d[\d,.]*) ?(ug|µg)\b`)
)

// DoseText writes numbers and units inside a strength or directions by the CUI rules: a
// space between number and unit, a leading zero, no trailing zero, a comma for thousands,
// "per" instead of "/", no full stop after a unit, mcg instead of µg.
func DoseText(s string) string {
	s = unitNoSpace.ReplaceAllString(s, "$1 $2")
	s = bareUnits.ReplaceAllString(s, "$1 mcg")
	s = slashUnit.ReplaceAllString(s, "$1 per $2")
	s = unitStop.ReplaceAllString(s, "$1$2")
	s = doseNumber.ReplaceAllStringFunc(s, func(n string) string {
		if strings.Trim(n, "0123456789.,") != "" { // a date: its year is no number
			return n
		}
		return lang.Dose(strings.ReplaceAll(n, ",", ""))
	})
	return strings.Join(strings.Fields(s), " ")
}

// TallMan writes a generic name in lower case with tall-man letters where the list has it.
// Each word is looked up on its own, so that combinations and salts work.
func TallMan(generic string) string {
	words := strings.Split(generic, " ")
	for i, w := range words {
		parts := strings.Split(w, "/")
		for j, p := range parts {
			parts[j] = tallMan(p)
		}
		words[i] = strings.Join(parts, "/")
	}
	return strings.Join(words, " ")
}

// tallMan looks a word up in the catalogue's list; abbreviations such as "MR" and "B12" stay.
func tallMan(w string) string {
	if len(w) <= 3 && w == strings.ToUpper(w) {
		return w
	}
	return drug.TallMan(w)
}
