package problem

import (
	"regexp"
	"strings"
	"testing"
)

func TestCatalogueIsWellFormed(t *testing.T) {
	if n := len(strings.Split(strings.TrimSpace(table), "\n")); n != len(All()) || n < 150 {
		t.Fatalf("%d of %d lines were read, want all and at least 150", len(All()), n)
	}
	icd := regexp.MustCompile(`^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$`)
	seen := map[string]string{}
	for _, p := range All() {
		if !icd.MatchString(p.ICD) {
			t.Errorf("%s: %q is not the form of an ICD-10-CM code", p.Text, p.ICD)
		}
		for _, key := range []string{p.ICD, p.SNOMED, strings.ToLower(p.Text)} {
			if other, ok := seen[key]; ok && key != "" {
				t.Errorf("%q stands for %s and %s", key, other, p.Text)
			}
			seen[key] = p.Text
		}
		if p.SNOMED != "" && !verhoeff(p.SNOMED) {
			t.Errorf("%s: the check digit of SNOMED CT %s is wrong", p.Text, p.SNOMED)
		}
		if p.Words != strings.ToLower(p.Words) {
			t.Errorf("%s: the other words must be lower case", p.Text)
		}
	}
}

func TestSearch(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"htn", "Essential hypertension"},
		{"hyperte", "Hypertension with chronic kidney disease"},
		{"ess hyp", "Essential hypertension"},
		{"e11.9", "Type 2 diabetes mellitus"},
		{"t2dm", "Type 2 diabetes mellitus"},
		{"ckd 3a", "Chronic kidney disease stage 3a"},
		{"gout", "Gout"},
		{"cough", "Cough"},
		{"afib", "Atrial fibrillation"},
		{"uti", "Urinary tract infection"},
		{"cystitis", "Acute cystitis"},
	} {
		got := Search(c.typed, 5)
		if len(got) == 0 || got[0].Text != c.want {
			t.Errorf("Search(%q) begins with %v, want %s", c.typed, got, c.want)
		}
	}
	if got := Search("zzz", 5); len(got) != 0 {
		t.Errorf("Search(zzz) = %v", got)
	}
	if got := Search("", 5); len(got) != 0 {
		t.Errorf("an empty search finds %v", got)
	}
	if got := Search("a", 3); len(got) != 3 {
		t.Errorf("the limit is not kept: %d", len(got))
	}
}

func TestByCode(t *testing.T) {
	if p, ok := ByICD("N18.31"); !ok || p.SNOMED != "700378005" || !p.Chronic {
		t.Errorf("N18.31 is %+v", p)
	}
	if _, ok := BySNOMED(""); ok {
		t.Error("an empty code finds a problem")
	}
	if p, _ := BySNOMED("44054006"); p.ICD != "E11.9" {
		t.Errorf("44054006 is %+v", p)
	}
}

// verhoeff checks the check digit that ends every SNOMED CT identifier.
func verhoeff(id string) bool {
	d := [10][10]int{}
	for i := range 10 {
		for j := range 10 {
			switch {
			case i < 5 && j < 5:
				d[i][j] = (i + j) % 5
			case i < 5:
				d[i][j] = (i+j-5)%5 + 5
			case j < 5:
				d[i][j] = (i-5-j+5)%5 + 5
			default:
				d[i][j] = (i - j + 5) % 5
			}
		}
	}
	p := [8][10]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}}
	for i := 2; i < 8; i++ {
		for j := range 10 {
			p[i][j] = p[i-1][p[1][j]]
		}
	}
	c := 0
	for i := range len(id) {
		c = d[c][p[i%8][int(id[len(id)-1-i]-'0')]]
	}
	return c == 0
}
