package clinic

import (
	"strings"
	"testing"
)

// TestDetailsShowAllergies: the banner of every page of a chart says what is known of allergies; that
// a page did not ask is no reason to say that they are not available.
func TestDetailsShowAllergies(t *testing.T) {
	h := officeHouse(t)
	b, _ := h.enters("anna")
	for _, path := range []string{"/p/maria/details", "/p/maria/portal", "/p/maria/allergies"} {
		if a := b.get(path); a.status != 200 || strings.Contains(a.body, "Allergies not available") || !strings.Contains(a.body, "No allergies recorded that you may see") {
			t.Errorf("%s: %d, without what is known of allergies", path, a.status)
		}
	}
	b, _ = h.enters("tom")
	if a := b.get("/p/maria/details"); a.status != 200 || strings.Contains(a.body, "Allergies not") {
		t.Errorf("the front desk at the details: %d", a.status)
	}
}
