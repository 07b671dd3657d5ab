package allergen

import "testing"

func TestSearch(t *testing.T) {
	for _, c := range []struct {
		typed, want string
		category    Category
	}{
		{"pen", "penicillin", Medication},
		{"sulf", "sulfonamide antibiotics", Medication},
		{"pean", "peanut", Food},
		{"late", "latex", Environment},
		{"bee", "bee venom", Environment},
		{"contr", "iodinated contrast", Medication},
		{"lisin", "lisinopril", Medication},
		{"egg", "egg", Food},
	} {
		got := Search(c.typed, 5)
		if len(got) == 0 || got[0].Text != c.want || got[0].Category != c.category {
			t.Errorf("Search(%q) begins with %+v, want %s", c.typed, got, c.want)
		}
	}
	if got := Search(" ", 5); got != nil {
		t.Errorf("an empty search finds %v", got)
	}
}

func TestFind(t *testing.T) {
	if a, ok := Find("Lisinopril"); !ok || a.RxNorm == "" {
		t.Errorf("lisinopril is %+v, %v: want its RxNorm code", a, ok)
	}
	if a, ok := Find("PEANUT"); !ok || a.Category != Food {
		t.Errorf("peanut is %+v, %v", a, ok)
	}
	if _, ok := Find("moon dust"); ok {
		t.Error("moon dust is in the list")
	}
}
