package labrange

import (
	"math"
	"testing"
)

func TestEveryRowIsComplete(t *testing.T) {
	if len(tests) < 60 {
		t.Errorf("%d tests, want at least 60", len(tests))
	}
	seen := map[string]bool{}
	for _, x := range tests {
		id := x.LOINC + " " + canonicalUnit(x.UCUM)
		if x.Source == "" || x.Name == "" || x.UCUM == "" || x.Group == "" || x.Display == "" || seen[id] && x.Key != "redcells" {
			t.Errorf("%s: incomplete or twice: %+v", id, x)
		}
		seen[id] = true
		if x.Concern.At != 0 && x.Concern.Source == "" {
			t.Errorf("%s: a concern without source", x.LOINC)
		}
		if _, ok := plain[x.Key]; !ok {
			t.Errorf("%s has no plain words under %q", x.LOINC, x.Key)
		}
		for _, sex := range []string{"female", "male"} {
			r, ok := x.For(sex, 40)
			if !ok || r.Low > r.High || r.CriticalLow >= r.Low || r.CriticalHigh <= r.High || r.Text() == "" {
				t.Errorf("%s for %s: range %+v", x.LOINC, sex, r)
			}
		}
		if !checkDigit(x.LOINC) {
			t.Errorf("%s is no LOINC code: its check digit is wrong", x.LOINC)
		}
		for _, c := range x.Also {
			if !checkDigit(c) {
				t.Errorf("%s is no LOINC code: its check digit is wrong", c)
			}
		}
	}
	for c, key := range qualitative {
		if _, ok := plain[key]; !ok || !checkDigit(c) {
			t.Errorf("%s: no words under %q, or a wrong check digit", c, key)
		}
	}
}

// checkDigit verifies the mod 10 digit of a LOINC code.
func checkDigit(code string) bool {
	n := len(code)
	if n < 3 || code[n-2] != '-' {
		return false
	}
	sum := 0
	for i, double := n-3, true; i >= 0; i, double = i-1, !double {
		d := int(code[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10-sum%10)%10 == int(code[n-1]-'0')
}

func TestWordsInEveryLanguage(t *testing.T) {
	for key, s := range plain {
		for language, w := range map[string]Words{"en": s.en, "es": s.es, "ar": s.ar} {
			if w.Name == "" || w.Meaning == "" {
				t.Errorf("%s has no words in %s", key, language)
			}
		}
		if s.en.Name == s.ar.Name || s.en.Meaning == s.es.Meaning || s.en.Meaning == s.ar.Meaning {
			t.Errorf("%s is not translated", key)
		}
	}
	if w := Plain("4548-4", "es-MX"); w.Name != "Azúcar promedio en la sangre, 3 meses" {
		t.Errorf("HbA1c in Spanish is %q", w.Name)
	}
	if w := Plain("5802-4", "en"); !w.Known() {
		t.Error("a dipstick has no words")
	}
	if w := Plain("99999-9", "en"); w.Known() {
		t.Errorf("an unknown test has the words %q", w.Name)
	}
}

func TestGrade(t *testing.T) {
	for _, c := range []struct {
		loinc, unit, sex string
		age              int
		value            float64
		want             string
	}{
		{"2823-3", "mmol/L", "", 58, 4.4, "N"},
		{"2823-3", "mmol/L", "", 58, 5.1, "N"},
		{"2823-3", "mmol/L", "", 58, 5.3, "H"},
		{"2823-3", "mEq/L", "", 58, 6.3, "HH"},
		{"2823-3", "mmol/L", "", 58, 2.7, "LL"},
		{"2823-3", "mmol/L", "", 58, 3.4, "L"},
		{"98979-8", "mL/min/1.73 m²", "female", 58, 52, "L"},
		{"33914-3", "mL/min", "female", 58, 99, "N"},
		{"718-7", "g/L", "female", 58, 125, "N"},
		{"718-7", "g/L", "male", 58, 125, "L"},
		{"718-7", "g/dL", "male", 58, 12.5, "L"},
		{"718-7", "g/L", "male", 3, 112, "N"},
		{"718-7", "g/L", "male", 7, 112, "L"},
		{"6690-2", "10*3/uL", "male", 40, 12, "H"},
		{"4548-4", "%", "female", 58, 8.1, "H"},
	} {
		r, ok := RangeFor(c.loinc, c.unit, c.sex, c.age)
		if !ok {
			t.Errorf("%s in %s has no range", c.loinc, c.unit)
			continue
		}
		if got := Grade(c.value, r); got != c.want {
			t.Errorf("%s %v %s, %s of %d: %q, want %q", c.loinc, c.value, c.unit, c.sex, c.age, got, c.want)
		}
	}
}

func TestNothingIsGuessed(t *testing.T) {
	for name, ok := range map[string]bool{
		"unknown test": second(RangeFor("99999-9", "mmol/L", "male", 40)), "other unit": second(RangeFor("2823-3", "mg/dL", "male", 40)),
		"unknown sex": second(RangeFor("718-7", "g/L", "", 40)), "a child": second(RangeFor("14682-9", "umol/L", "male", 9)),
		"unknown age": second(RangeFor("2823-3", "mmol/L", "male", -1)), "a baby's haemoglobin": second(RangeFor("718-7", "g/L", "male", 0)),
	} {
		if ok {
			t.Errorf("%s gets a range", name)
		}
	}
	if g := Grade(5, Range{math.NaN(), math.NaN(), math.NaN(), math.NaN(), ""}); g != "" {
		t.Errorf("an open range grades %q", g)
	}
}

func second[A any](_ A, ok bool) bool { return ok }

func TestRangeText(t *testing.T) {
	for loinc, want := range map[string]string{"2823-3": "3.5–5.1", "14647-2": "< 5.2", "98979-8": "> 60"} {
		x, _ := Find(loinc)
		r, _ := x.For("male", 40)
		if r.Text() != want {
			t.Errorf("%s is written %q, want %q", loinc, r.Text(), want)
		}
	}
}
