package order

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/knowledge/labrange"
)

// Orderable is a test or panel that the clinic orders.
type Orderable struct {
	LOINC   string
	Name    string // in the clinic's words: "Kidney function"
	Display string // LOINC's name
	words   string // other names that people type
	Members []string
	Words   bool // its result is words, not a number
}

// Single reports whether the orderable is one test and no panel.
func (o Orderable) Single() bool { return len(o.Members) == 1 }

// Tests returns the members that labrange knows, in order.
func (o Orderable) Tests() []labrange.Test {
	var out []labrange.Test
	for _, c := range o.Members {
		if t, ok := labrange.Find(c); ok {
			out = append(out, t)
		}
	}
	return out
}

// panels first, then single tests.
var catalogue = append([]Orderable{
	{LOINC: "24362-6", Name: "Kidney function", Display: "Renal function 2000 panel - Serum or Plasma", words: "renal rft ue u&e urea electrolytes kidney", Members: []string{"2951-2", "2823-3", "22664-7", "14682-9", "98979-8"}},
	{LOINC: "24326-1", Name: "Electrolytes", Display: "Electrolytes 1998 panel - Serum or Plasma", words: "sodium potassium chloride lytes", Members: []string{"2951-2", "2823-3", "2075-0", "1963-8"}},
	{LOINC: "24323-8", Name: "Comprehensive metabolic panel", Display: "Comprehensive metabolic 2000 panel - Serum or Plasma", words: "cmp chem14", Members: []string{"2951-2", "2823-3", "2075-0", "1963-8", "22664-7", "14682-9", "14749-6", "2000-8", "1742-6", "1920-8", "6768-6", "14631-6", "1751-7"}},
	{LOINC: "24321-2", Name: "Basic metabolic panel", Display: "Basic metabolic 2000 panel - Serum or Plasma", words: "bmp chem7", Members: []string{"2951-2", "2823-3", "2075-0", "1963-8", "22664-7", "14682-9", "14749-6", "2000-8"}},
	{LOINC: "24331-1", Name: "Lipids", Display: "Lipid 1996 panel - Serum or Plasma", words: "cholesterol lipid profile", Members: []string{"14647-2", "14646-4", "39469-2", "14927-8"}},
	{LOINC: "58410-2", Name: "Full blood count", Display: "CBC panel - Blood by Automated count", words: "fbc cbc complete blood count haemoglobin hemoglobin", Members: []string{"718-7", "4544-3", "787-2", "6690-2", "777-3"}},
	{LOINC: "24325-3", Name: "Liver function", Display: "Hepatic function 2000 panel - Serum or Plasma", words: "lft hepatic liver", Members: []string{"1742-6", "1920-8", "6768-6", "14631-6", "1751-7"}},
	{LOINC: "24348-5", Name: "Thyroid function", Display: "Free T4 and TSH panel - Serum or Plasma", words: "tft thyroid tsh", Members: []string{"3016-3", "14920-3"}},
	{LOINC: "24356-8", Name: "Urinalysis", Display: "Urinalysis complete panel - Urine", words: "ua urine dipstick", Members: []string{"5811-5", "5803-2", "20454-5", "25428-4", "2514-8", "5802-4", "5799-2", "5794-3"}},
}, singles...)

var singles = []Orderable{
	one("4548-4", "a1c hba1c glycated diabetes"), one("14771-0", "sugar fasting glucose"), one("14749-6", "sugar random glucose"),
	one("2823-3", "k"), one("2951-2", "na"), one("14682-9", "kidney"), one("32294-1", "acr microalbumin urine albumin"),
	one("2000-8", "ca"), one("2601-3", "mg"), one("14879-1", "phosphorus"), one("14933-6", "uric acid gout"),
	one("3016-3", "thyroid thyrotropin"), one("14920-3", "thyroxine"), one("718-7", "hemoglobin hb anaemia"),
	one("2276-4", "iron"), one("2498-4", "fe"), one("2132-9", "cobalamin"), one("2284-8", "folic"), one("1989-3", "vit d"),
	one("6301-6", "warfarin prothrombin pt"), one("1988-5", "c-reactive inflammation"), one("4537-7", "esr inflammation"),
	one("33762-6", "bnp heart failure"), one("2157-6", "ck cpk muscle"), one("1742-6", "sgpt liver"), one("2324-2", "ggt liver"),
	one("3040-3", "pancreas"), one("2857-1", "prostate"), one("14334-7", "level"), one("10535-3", "level"),
	words("630-4", "Urine culture", "Bacteria identified in Urine by Culture", "msu uti infection"),
	words("2106-3", "Pregnancy test, urine", "Choriogonadotropin (pregnancy test) [Presence] in Urine", "hcg"),
	words("78012-2", "Strep A, rapid", "Streptococcus pyogenes Ag [Presence] in Throat by Rapid immunoassay", "throat"),
	words("94500-6", "SARS-CoV-2 PCR", "SARS-CoV-2 (COVID-19) RNA [Presence] in Respiratory system specimen by NAA with probe detection", "covid corona"),
	words("29771-3", "Stool blood test (FIT)", "Hemoglobin.gastrointestinal.lower [Presence] in Stool by Immunoassay", "fit fobt bowel colon"),
	words("5196-1", "Hepatitis B surface antigen", "Hepatitis B virus surface Ag [Presence] in Serum or Plasma by Immunoassay", "hbsag"),
	words("16128-1", "Hepatitis C antibody", "Hepatitis C virus Ab [Presence] in Serum", "hcv"),
	words("56888-1", "HIV antigen and antibody", "HIV 1+2 Ab+HIV1 p24 Ag [Presence] in Serum or Plasma by Immunoassay", "hiv"),
	words("17780-8", "Helicobacter pylori antigen, stool", "Helicobacter pylori Ag [Presence] in Stool by Immunoassay", "stomach ulcer"),
}

// one is an orderable of a single test with a number.
func one(loinc, words string) Orderable {
	t, _ := labrange.Find(loinc)
	return Orderable{LOINC: loinc, Name: t.Name, Display: t.Display, words: words, Members: []string{loinc}}
}

// words is an orderable whose result is words.
func words(loinc, name, display, words string) Orderable {
	return Orderable{LOINC: loinc, Name: name, Display: display, words: words, Members: []string{loinc}, Words: true}
}

// Catalogue returns everything that can be ordered, panels first. Do not change it.
func Catalogue() []Orderable { return catalogue }

// FindOrderable returns the orderable with a LOINC code.
func FindOrderable(loinc string) (Orderable, bool) {
	for _, o := range catalogue {
		if o.LOINC == loinc {
			return o, true
		}
	}
	return Orderable{}, false
}

// Search returns the orderables of which a word starts with what was typed; the name counts
// before other words.
func Search(typed string, limit int) []Orderable {
	typed = strings.ToLower(strings.TrimSpace(typed))
	if typed == "" {
		return nil
	}
	type hit struct{ rank, at int }
	var hits []hit
	for at, o := range catalogue {
		if r := o.match(typed); r >= 0 {
			hits = append(hits, hit{r, at})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.rank - b.rank })
	var out []Orderable
	for _, h := range hits {
		if limit > 0 && len(out) == limit {
			break
		}
		out = append(out, catalogue[h.at])
	}
	return out
}

func (o Orderable) match(typed string) int {
	name := strings.ToLower(o.Name)
	if strings.HasPrefix(name, typed) {
		return 0
	}
	for w := range strings.FieldsSeq(name) {
		if strings.HasPrefix(strings.Trim(w, "(),"), typed) {
			return 1
		}
	}
	for w := range strings.FieldsSeq(o.words) {
		if strings.HasPrefix(w, typed) {
			return 2
		}
	}
	return -1
}
