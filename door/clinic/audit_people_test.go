package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestWhoLookedIsOneLineAPerson: three clicks after signing in the log of one record tells who looked, how
// often, when first and last and why; the entries are folded below, and searches are not clipped.
func TestWhoLookedIsOneLineAPerson(t *testing.T) {
	h := busyHouse(t)
	anna := h.signedIn("anna")
	for range 3 {
		anna.get("/p/katarzyna/problems")
	}
	h.actorSearches("katarzyna")
	ines, home := h.enters("ines")
	if home.path != "/audit" {
		t.Fatalf("the auditor begins at %s", home.path)
	}
	page := ines.post("/audit", "patient", "katarzyna")
	_, table, found := strings.Cut(page.body, `id="by-person"`)
	table, rest, _ := strings.Cut(table, "</table>")
	if !found || strings.Count(table, "Dr Anna Lindqvist") != 1 || strings.Count(table, "Amara Mensah") != 1 {
		t.Fatalf("by person: %s", tags.ReplaceAllString(table, " "))
	}
	text := strings.Join(strings.Fields(tags.ReplaceAllString(table, " ")), " ")
	if !strings.Contains(text, "Physician 4 times") && !strings.Contains(text, "Physician 3 times") || !strings.Contains(text, "Amara Mensah Nurse once") || !strings.Contains(text, "treatment") {
		t.Errorf("how often and why: %s", text)
	}
	if !strings.Contains(rest, "<details") || !strings.Contains(rest, "Every single entry") || strings.Contains(rest, "<details open") {
		t.Error("the entries are not folded")
	}
	if !page.says("id of the record:") || !strings.Contains(page.body, `dir="ltr">katarzyna<`) {
		t.Error("the id of the record is not there to copy")
	}
	if all := ines.get("/audit"); strings.Contains(all.body, `id="by-person"`) {
		t.Error("the whole log is gathered by person")
	}
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "ines", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(h.url+"/audit?patient=katarzyna", v)
		p.Check()
		p.Picture("audit-person-" + v.Name)
		webtest.Eval[bool](p, `document.querySelector("#by-person + details, #by-person ~ details").open=true`)
		if clipped := webtest.Eval[int](p, `[...document.querySelectorAll(".log .wrap bdi")].filter(e=>e.scrollWidth>e.parentElement.clientWidth+1).length`); clipped > 0 {
			t.Errorf("%s: %d searches are clipped", v.Name, clipped)
		}
		p.NoSideScroll()
		p.Picture("audit-entries-" + v.Name)
	}
}

// actorSearches lets a physician search a record by long words.
func (h house) actorSearches(patient string) {
	h.t.Helper()
	q := "patient=Patient/" + patient + "&code=" + strings.Repeat("http://loinc.org|2823-3,", 12) + "http://loinc.org|1-8&_count=200"
	if _, err := h.actor("physician", "anna").Find(h.t.Context(), "Observation", q); err != nil {
		h.t.Fatal(err)
	}
}
