package patient

import (
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
)

func TestBirthDatesAsPeopleTypeThem(t *testing.T) {
	today := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for typed, want := range map[string]string{
		"14 3 68": "1968-03-14", "14.03.1968": "1968-03-14", "14-Mar-1968": "1968-03-14", "1968-03-14": "1968-03-14",
		"March 14 1968": "1968-03-14", "14031968": "1968-03-14", "1/2/26": "2026-02-01", "24 11 2026": "2026-11-24",
		"1 1 27": "1927-01-01", "29 2 2024": "2024-02-29",
		"29 2 2023": "", "25 11 2026": "", "14 3": "", "x": "", "": "", "1 1 1850": "", "32 1 2000": "", "1 13 2000": "",
	} {
		got, err := ReadBirthDate(typed, today)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ReadBirthDate(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
}

func TestABirthDateMayBeAllThatIsKnown(t *testing.T) {
	today := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for typed, want := range map[string]string{"1968": "1968", "3 1968": "1968-03", "Mar 1968": "1968-03", "1968-03": "1968-03", "14 3 68": "1968-03-14",
		"2027": "", "1850": "", "68": "", "march": "", "13 1968": "", "unknown": "", "12 2026": ""} {
		if got, err := ReadBirth(typed, today); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", typed, got, err, want)
		}
	}
}

func FuzzReadBirthDate(f *testing.F) {
	f.Add("14 3 68")
	f.Add("Mar 99999999999999999999 1")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ReadBirthDate(s, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
		if err == nil {
			if _, bad := time.Parse("2006-01-02", got); bad != nil {
				t.Errorf("%q became %q", s, got)
			}
		}
	})
}

func TestAMonthIsANameUnlessADateNeedsIt(t *testing.T) {
	today := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for typed, want := range map[string][2]string{
		"oka mar": {"oka mar", ""}, "mar": {"mar", ""}, "may 14 3 68": {"may", "14 3 68"}, "14 mar 68": {"", "14 mar 68"},
		"oka 14 mar 1968": {"oka", "14 mar 1968"}, "jan 1968": {"jan", "1968"}, "oka 14 3 68": {"oka", "14 3 68"},
	} {
		words, numbers := parts(typed, today)
		if got := [2]string{strings.Join(words, " "), strings.Join(numbers, " ")}; got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func maria() Person {
	return Person{Family: "Okafor", Given: "Maria", Preferred: "Ify", BirthDate: "1968-03-14", Sex: "female", Phone: "0113 496 0412"}
}

func TestTheSamePersonIsLikelyAndARelativeIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		typed  Person
		likely bool
		shown  bool
	}{
		"the same":              {maria(), true, true},
		"one letter more":       {Person{Family: "Okafor", Given: "Mariah", BirthDate: "1968-03-14", Sex: "female", Phone: "0113 496 0421"}, true, true},
		"day and month swapped": {Person{Family: "Okafor", Given: "Maria", BirthDate: "1968-03-14", Sex: "female"}, true, true},
		"by the used name":      {Person{Family: "Okafor", Given: "Ify", BirthDate: "1968-03-14", Sex: "female"}, true, true},
		"a daughter":            {Person{Family: "Okafor", Given: "Miriam", BirthDate: "1994-03-14", Sex: "female", Phone: "0113 496 0412"}, false, true},
		"a stranger":            {Person{Family: "Tran", Given: "Minh", BirthDate: "1968-03-14", Sex: "male", Phone: "0113 555 0100"}, false, false},
		"only a birth date":     {Person{BirthDate: "1968-03-14"}, false, true},
	} {
		m := Compare(c.typed, maria())
		if m.Likely() != c.likely || (m.Score >= Possible) != c.shown {
			t.Errorf("%s: score %.2f, likely %v shown %v; want %v %v", name, m.Score, m.Likely(), m.Score >= Possible, c.likely, c.shown)
		}
	}
}

func TestRecordNumbersNoticeASlip(t *testing.T) {
	n, err := newRecordNumber()
	if err != nil || !ValidRecordNumber(n) {
		t.Fatalf("%q %v", n, err)
	}
	for i := range n {
		slip := []byte(n)
		slip[i] = '0' + (slip[i]-'0'+1)%10
		if ValidRecordNumber(string(slip)) {
			t.Errorf("%s passes as %s", slip, n)
		}
	}
}

func TestAPersonSurvivesTheRoundTripAndNothingElseIsLost(t *testing.T) {
	base, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"1","photo":[{"url":"x"}],"identifier":[{"system":"urn:other","value":"9"}],
	 "name":[{"use":"official","family":"Old"},{"use":"maiden","family":"Born"}],"telecom":[{"system":"phone","value":"1"},{"system":"fax","value":"2"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := maria()
	p.ID, p.RecordNumber, p.Language, p.Line, p.City = "1", "2041187731", "ar", "18 Elm Row", "Leeds"
	p.Contact = Contact{"Ada Okafor", "daughter", "0113 496 0400"}
	r := p.Resource(base)
	got := FromResource(r)
	got.Version, p.Version = 0, 0
	if got.Name() != "OKAFOR, Maria" || got.Phone != p.Phone || got.Contact != p.Contact || got.Language != "ar" || got.Preferred != "Ify" || got.RecordNumber != p.RecordNumber {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{"photo.0.url", "identifier.0.value"} {
		if r.Path(path) == nil {
			t.Errorf("%s was lost", path)
		}
	}
	if r.Get("telecom").Len() != 2 || r.Get("name").Len() != 3 {
		t.Errorf("telecom %s name %s", r.Get("telecom").JSON(), r.Get("name").JSON())
	}
}
