package clinic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// dayLab is a laboratory value of Maria's with the laboratory's own flag.
func dayLab(id, code, name, unit, at, value, flag string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"subject":{"reference":"Patient/maria"},"code":{"coding":[{"system":"http://loinc.org","code":%q}],"text":%q},"effectiveDateTime":%q,"valueQuantity":{"value":%s,"unit":%q,"system":"http://unitsofmeasure.org","code":%q},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":%q}]}]}`, id, code, name, at, value, unit, unit, flag)
}

// TestACriticalValueStandsBesideALaterOneOfItsDay: on the summary and on the results page, in a row before those that are
// only high; and what the laboratory calls normal is red nowhere.
func TestACriticalValueStandsBesideALaterOneOfItsDay(t *testing.T) {
	h := openChart(t)
	h.commit(trust.System("import"),
		dayLab("kh", "2823-3", "Potassium", "mmol/L", "2026-11-24T08:15:00+02:00", "6.4", "HH"), dayLab("kn", "2823-3", "Potassium", "mmol/L", "2026-11-24T00:30:00-08:00", "5.2", "N"),
		dayLab("amy", "1798-8", "Amylase", "U/L", "2026-11-24T07:00:00Z", "150", "H"))
	for i := range 5 {
		h.commit(trust.System("import"), dayLab(fmt.Sprintf("g%d", i), "1742-6", "ALT", "U/L", fmt.Sprintf("2026-11-24T0%d:00:00Z", i+1), fmt.Sprint(20+i), "N"))
	}
	anna := h.signedIn("anna")
	for _, path := range []string{"/p/maria", "/p/maria/results"} {
		body := anna.get(path).body
		_, row, _ := strings.Cut(body, ">Potassium</bdi>")
		row, _, _ = strings.Cut(row, "</tr>")
		text := strings.Join(strings.Fields(tags.ReplaceAllString(row, " ")), " ")
		if !strings.Contains(text, "06:15 6.4 very high 08:30 5.2") || strings.Contains(text, "5.2 high") {
			t.Errorf("%s: the row of potassium says %q", path, text)
		}
		if k, amy := strings.Index(body, ">Potassium</bdi>"), strings.Index(body, ">Amylase</bdi>"); k < 0 || amy < k {
			t.Errorf("%s: potassium stands at %d, amylase at %d", path, k, amy)
		}
	}
	page := anna.get("/p/maria/results")
	if !page.says("3 tests, 2 abnormal") || !page.says("the same day also") || !page.says("+4") {
		t.Errorf("the results say %s", tags.ReplaceAllString(page.body, " "))
	}
	_, row, _ := strings.Cut(anna.get("/p/maria/prescribe").body, ">Potassium</th>")
	row, _, _ = strings.Cut(row, "</tr>")
	if text := tags.ReplaceAllString(row, " "); !strings.Contains(text, "5.2") || strings.Contains(text, "high") {
		t.Errorf("Prescribe says of the potassium %q", text)
	}
	h.commit(trust.System("import"), dayLab("kl", "2823-3", "Potassium", "mmol/L", "2026-11-24T09:00:00Z", "4.9", "H"))
	_, row, _ = strings.Cut(anna.get("/p/maria/prescribe").body, ">Potassium</th>")
	row, _, _ = strings.Cut(row, "</tr>")
	if text := tags.ReplaceAllString(row, " "); !strings.Contains(text, "4.9") || !strings.Contains(text, "high") {
		t.Errorf("Prescribe says of a potassium that the laboratory calls high %q", text)
	}
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url+"/p/maria/results", v)
		p.Wait("#detail")
		p.Check()
		p.Picture("result-day-" + v.Name)
	}
}
