package drug

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestEveryRowHasASource(t *testing.T) {
	for _, i := range Ingredients() {
		if i.Source == "" || i.Class == "" || i.Name != strings.ToLower(i.Name) {
			t.Errorf("%q: a row needs a lower-case name, a class and a source", i.Name)
		}
	}
	for _, c := range combinations {
		if c.Source == "" || len(c.Ingredients) == 0 {
			t.Errorf("%q has no source or no ingredients", c.Brand)
		}
		for _, n := range c.Ingredients {
			if i, ok := ByName(n); !ok || i.Name != n {
				t.Errorf("%q names %q, which is not a row", c.Brand, n)
			}
		}
	}
	if n := len(Ingredients()); n < 130 {
		t.Errorf("%d ingredients, want at least 130", n)
	}
}

func TestNamesAndCodesAreUnique(t *testing.T) {
	names, codes := map[string]string{}, map[string]string{}
	for _, i := range Ingredients() {
		for _, n := range append(append([]string{i.Name}, split(i.Also)...), split(i.Brands)...) {
			n = strings.ToLower(n)
			if other, ok := names[n]; ok && other != i.Name {
				t.Errorf("%q means both %s and %s", n, other, i.Name)
			}
			names[n] = i.Name
		}
		if i.RxNorm == "" {
			continue
		}
		if other, ok := codes[i.RxNorm]; ok {
			t.Errorf("code %s stands for both %s and %s", i.RxNorm, other, i.Name)
		}
		codes[i.RxNorm] = i.Name
		for _, c := range i.RxNorm {
			if !unicode.IsDigit(c) {
				t.Errorf("%s has the code %q", i.Name, i.RxNorm)
			}
		}
	}
}

func TestSentencesAreComplete(t *testing.T) {
	ids := map[string]bool{}
	for _, s := range Sentences() {
		if ids[s.ID] {
			t.Errorf("id %s twice", s.ID)
		}
		ids[s.ID] = true
		if s.Source == "" || s.For == "" || s.Frequency == 0 || s.Dose == 0 || s.Quantity == 0 {
			t.Errorf("%s: incomplete: %+v", s.ID, s)
		}
		found, ok := Recognise(s.Medicine(), nil)
		if !ok || len(found) != len(s.Ingredients) {
			t.Errorf("%q is not recognised as its own ingredients: %v, not read %v", s.Medicine(), found, Unread(s.Medicine()))
		}
		for i := range found {
			if found[i].Name != s.Ingredients[i] {
				t.Errorf("%q: ingredient %d is %s", s.Medicine(), i, found[i].Name)
			}
		}
		if again, ok := SentenceByID(s.ID); !ok || again.Medicine() != s.Medicine() {
			t.Errorf("%s does not lead back to its sentence", s.ID)
		}
	}
}

func TestDirections(t *testing.T) {
	cases := map[string]string{
		"sulfamethoxazole-trimethoprim-800-mg-160-mg-tablet": "1 tablet by mouth twice daily for 3 days",
		"fosfomycin-3-g-granules":                            "1 sachet by mouth once dissolved in water",
		"acetaminophen-500-mg-tablet":                        "2 tablets by mouth every 6 hours as needed",
		"insulin-glargine-100-units-per-ml-injection-pen":    "10 units under the skin once daily at bedtime",
	}
	for id, want := range cases {
		s, ok := SentenceByID(id)
		if !ok || s.Directions() != want {
			t.Errorf("%s: %q, want %q", id, s.Directions(), want)
		}
	}
}

func TestSearchShortensAsOneTypes(t *testing.T) {
	cases := []struct {
		typed, first string
		least        int
	}{
		{"sulfameth", "sulfamethoxazole-trimethoprim", 2},
		{"lisin", "lisinopril", 4},
		{"lisin 20", "lisinopril", 1},
		{"LIPI", "atorvastatin", 3},
		{"bactrim", "sulfamethoxazole-trimethoprim", 2},
		{"salbut", "albuterol", 1},
		{"cystitis", "", 4},
	}
	for _, c := range cases {
		got := Search(c.typed, 0)
		if len(got) < c.least {
			t.Errorf("%q finds %d sentences, want at least %d", c.typed, len(got), c.least)
			continue
		}
		if c.first != "" && got[0].Name() != c.first {
			t.Errorf("%q finds %s first, want %s", c.typed, got[0].Name(), c.first)
		}
	}
	if got := Search("lisin 20", 0); got[0].Strength != "20 mg" {
		t.Errorf("lisin 20 finds %s first", got[0].Medicine())
	}
	for _, none := range []string{"", "l", "zzzz", "lisinopril zzz"} {
		if got := Search(none, 0); len(got) != 0 {
			t.Errorf("%q finds %d", none, len(got))
		}
	}
	if n := len(Search("a", 3)) + len(Search("am", 3)); n != 3 {
		t.Errorf("the limit gives %d", n)
	}
}

func TestRecognise(t *testing.T) {
	cases := []struct {
		text string
		want []string
		ok   bool
	}{
		{"lisinopril 20 mg tablet", []string{"lisinopril"}, true},
		{"Lisinopril 10 MG Oral Tablet", []string{"lisinopril"}, true},
		{"Hydrochlorothiazide 12.5 MG", []string{"hydrochlorothiazide"}, true},
		{"Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet", []string{"amoxicillin", "clavulanate"}, true},
		{"120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", []string{"fluticasone"}, true},
		{"NDA020503 200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", []string{"albuterol"}, true},
		{"amLODIPine 5 MG / Hydrochlorothiazide 12.5 MG / Olmesartan medoxomil 20 MG Oral Tablet", []string{"amlodipine", "hydrochlorothiazide", "olmesartan"}, true},
		{"Penicillin V Potassium 250 MG Oral Tablet", []string{"penicillin v"}, true},
		{"Potassium Chloride 20 MEQ Extended Release Oral Tablet", []string{"potassium chloride"}, true},
		{"Yaz 28 Day Pack", []string{"drospirenone", "ethinyl estradiol"}, true},
		{"Vitamin B 12 5 MG/ML Injectable Solution", []string{"cyanocobalamin"}, true},
		{"Bactrim DS", []string{"sulfamethoxazole", "trimethoprim"}, false}, // DS is not understood
		{"lisinopril 20 mg / perindopril 5 mg tablet", []string{"lisinopril"}, false},
		{"fukitol forte", nil, false},
		{"warfarin’s", nil, false},
		{"لیزینوپریل 10 mg", nil, false},
		{"", nil, false},
		{strings.Repeat("lisinopril ", 100), nil, false},
	}
	for _, c := range cases {
		got, ok := Recognise(c.text, nil)
		var names []string
		for _, i := range got {
			names = append(names, i.Name)
		}
		if !slices.Equal(names, c.want) || ok != c.ok {
			t.Errorf("%q: %v, %v; want %v, %v (not read: %v)", c.text, names, ok, c.want, c.ok, Unread(c.text))
		}
	}
}

func TestRecogniseByCode(t *testing.T) {
	got, ok := Recognise("tablet from abroad", []Coding{{System: RxNormSystem, Code: "29046"}})
	if !ok || len(got) != 1 || got[0].Name != "lisinopril" {
		t.Errorf("the ingredient's code gives %v, %v", got, ok)
	}
	got, ok = Recognise("", []Coding{{System: RxNormSystem, Code: "314076", Display: "lisinopril 10 MG Oral Tablet"}})
	if !ok || len(got) != 1 || got[0].Name != "lisinopril" {
		t.Errorf("the display gives %v, %v", got, ok)
	}
	if _, ok = Recognise("", []Coding{{System: "urn:other", Code: "29046"}}); ok {
		t.Error("a code of another system is taken for RxNorm")
	}
}

func TestTallMan(t *testing.T) {
	for in, want := range map[string]string{
		"metformin": "metFORMIN", "Hydroxyzine": "hydrOXYzine", "losartan/hydrochlorothiazide": "losartan/hydroCHLOROthiazide",
		"hydrocodone-acetaminophen": "HYDROcodone-acetaminophen", "amlodipine": "amlodipine", "": "",
	} {
		if got := TallMan(in); got != want {
			t.Errorf("TallMan(%q) = %q, want %q", in, got, want)
		}
	}
	for plain, tall := range tallMan {
		if strings.ToLower(tall) != plain {
			t.Errorf("%q is spelled %q", plain, tall)
		}
	}
}

func TestPerDay(t *testing.T) {
	cases := []struct {
		f, p int
		u    string
		want float64
	}{{1, 1, "d", 1}, {1, 6, "h", 4}, {1, 2, "d", 0.5}, {1, 1, "wk", 1.0 / 7}, {1, 0, "", 0}, {2, 1, "fortnight", 0}}
	for _, c := range cases {
		if got := PerDay(c.f, c.p, c.u); got != c.want {
			t.Errorf("%d in %d %s is %v a day, want %v", c.f, c.p, c.u, got, c.want)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	for _, s := range []string{"lisinopril 20 mg tablet", "A / B", "NDA020503 x", "…", "12 HR 5 MG"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Recognise(s, nil)
		if ok && len(got) == 0 {
			t.Errorf("%q is recognised as nothing", s)
		}
		Search(s, 5)
		TallMan(s)
	})
}

func TestNearAsksAboutASlipOfTheFinger(t *testing.T) {
	for text, want := range map[string]string{"amoxicilin": "amoxicillin", "Lisinoprill 20 mg": "lisinopril", "amoxicillin": "", "amoxicillin tablet": "",
		"Amoxicilina, 500 mg": "amoxicillin", "azitromicina": "azithromycin", "penicilina": "penicillin v", "ibuprofeno 600 mg": "ibuprofen", "cefalexina": "cephalexin", "levotiroxina": "levothyroxine",
		"moonflower 3 mg": "", "foobarin": "", "": "", "xyz": ""} {
		got, ok := Near(text)
		if ok != (want != "") || ok && got.Ingredients[0] != want {
			t.Errorf("Near(%q) is %v, want %q", text, got.Ingredients, want)
		}
	}
}

// TestFormsOfAdults: what a small child cannot swallow or be given a part of is an adult's form.
func TestFormsOfAdults(t *testing.T) {
	adult := map[string]bool{}
	for _, s := range Sentences() {
		adult[s.Form] = s.AdultForm()
	}
	for form, want := range map[string]bool{
		"tablet": true, "capsule": true, "chewable tablet": true, "injection pen": true, "auto-injector": true, "patch": true, "granules": true,
		"oral suspension": false, "cream": false, "eye drops": false, "inhaler": false,
	} {
		if got, known := adult[form]; !known || got != want {
			t.Errorf("%s: an adult's form %v (in the catalogue %v), want %v", form, got, known, want)
		}
	}
}
