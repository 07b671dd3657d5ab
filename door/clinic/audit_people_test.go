package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust/ledger"
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
	// Looking at the log is no look at the chart.
	again := ines.post("/audit", "patient", "katarzyna")
	_, table, _ = strings.Cut(again.body, `id="by-person"`)
	table, _, _ = strings.Cut(table, "</table>")
	text = strings.Join(strings.Fields(tags.ReplaceAllString(table, " ")), " ")
	if _, of, found := strings.Cut(text, "Ines Castellanos"); !found || !strings.Contains(of, "not at the chart") || !strings.Contains(of, "who had looked") || strings.Contains(of, "looked at it") || strings.Contains(of, "Lindqvist") {
		t.Errorf("who looked who had looked: %s", text)
	}
	if !again.says("Looked who had looked") {
		t.Errorf("the entries: %s", tags.ReplaceAllString(again.body, " "))
	}
	// From a chart a physician is told who reads it, an auditor is led there.
	if a := anna.get("/p/katarzyna"); !strings.Contains(a.body, `href="/p/katarzyna/looked"`) {
		t.Error("the chart's menu has no way to who looked")
	}
	if a := anna.get("/p/katarzyna/looked"); a.status != 200 || !a.says("Your role does not show you who has looked") || !a.says("auditors, for every chart") {
		t.Errorf("a physician: %d", a.status)
	}
	if a := ines.get("/p/katarzyna/looked"); a.path != "/audit" || !strings.Contains(a.body, `id="by-person"`) {
		t.Errorf("an auditor: %d %s", a.status, a.path)
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

// TestAnOutcomeIsSaidInWords: the log keeps codes, and its page says none.
func TestAnOutcomeIsSaidInWords(t *testing.T) {
	for _, code := range []fault.Code{fault.Invalid, fault.Malformed, fault.NotSupported, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone,
		fault.Conflict, fault.Stale, fault.Multiple, fault.TooLarge, fault.TooCostly, fault.Unavailable, fault.Internal} {
		if _, _, word := outcome(ledger.Leaf{Action: ledger.Update, Outcome: string(code)}); word == "" || strings.Contains(word, string(code)) || strings.Contains(word, "-") {
			t.Errorf("%s is said as %q", code, word)
		}
	}
}
