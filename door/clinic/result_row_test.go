package clinic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestAnAbnormalValueOfAnEarlierDayStandsInItsRow: with its date, though the columns' days have none.
func TestAnAbnormalValueOfAnEarlierDayStandsInItsRow(t *testing.T) {
	h := openChart(t)
	lab := func(id, code, name, at, value, flag string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":%q}],"text":%q},"effectiveDateTime":%q,"valueQuantity":{"value":%s,"unit":"U/L"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":%q}]}]}`, id, code, name, at, value, flag)
	}
	all := []string{lab("alt", "1742-6", "ALT", "2019-03-02T08:00:00Z", "97", "H")}
	for i := range 5 {
		all = append(all, lab(fmt.Sprintf("amy%d", i), "1798-8", "Amylase", fmt.Sprintf("2026-1%d-0%dT08:00:00Z", i%2, i+1), "150", "H"))
	}
	h.commit(trust.System("import"), all...)
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/results"} {
		a := anna.get(path)
		_, row, _ := strings.Cut(a.body, ">ALT<")
		row, _, _ = strings.Cut(row, "</tr>")
		if text := tags.ReplaceAllString(row, " "); !strings.Contains(text, "97") || !strings.Contains(text, "02-Mar-2019") || strings.Contains(text, "not done") {
			t.Errorf("%s: the row of ALT says %q", path, text)
		}
	}
}
