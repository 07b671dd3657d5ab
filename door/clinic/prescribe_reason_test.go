package clinic

import (
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

var reasonList = regexp.MustCompile(`(?s)<select id="f-for".*?</select>`)

// chosenReason is the reason that the form of a page has chosen, and the words that it offers.
func (a answer) chosenReason(t *testing.T) (chosen string, offered []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`<option value="([^"]*)"( selected)?>([^<]*)</option>`).FindAllStringSubmatch(reasonList.FindString(a.body), -1) {
		if m[2] != "" {
			chosen = m[1]
		}
		offered = append(offered, m[3])
	}
	if len(offered) == 0 {
		t.Fatalf("no list of reasons: %s", tags.ReplaceAllString(a.body, " "))
	}
	return chosen, offered
}

// TestThePrescriptionIsForTheVisitsDiagnosis: for the one that the medicine is usually for, and by hand for
// the only one; of others none is chosen, and all are offered. A problem of the patient that the medicine
// is usually for goes before a diagnosis that it is not for.
func TestThePrescriptionIsForTheVisitsDiagnosis(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	id := visit[strings.LastIndex(visit, "/")+1:]
	const nitrofurantoin, ibuprofen, metformin = "nitrofurantoin-100-mg-modified-release-capsule", "ibuprofen-600-mg-tablet", "metformin-500-mg-tablet"
	reason := func(sentence string) (string, answer) {
		t.Helper()
		a := anna.get("/p/maria/prescribe?encounter=" + id + "&s=" + sentence)
		chosen, _ := a.chosenReason(t)
		return chosen, a
	}

	if got, a := reason(ibuprofen); got != "pain" || a.says("Of this visit.") {
		t.Errorf("in a visit without a diagnosis ibuprofen is for %q", got)
	}
	if got, offered := anna.get("/p/maria/prescribe?encounter=" + id + "&s=" + ibuprofen).chosenReason(t); !strings.Contains(strings.Join(offered, "|"), "Diabetes review") || got != "pain" {
		t.Errorf("what the visit was booked for is not offered: %v", offered)
	}

	anna.post(visit+"/edit/diagnosis", "icd", "N30.00", "diagnosis", "Acute cystitis")
	for medicine, want := range map[string]string{nitrofurantoin: "Acute cystitis", metformin: "Condition/dm"} {
		if got, a := reason(medicine); got != want || a.says("Of this visit. Change it if it is for something else.") != (want == "Acute cystitis") {
			t.Errorf("%s is for %q, want %q", medicine, got, want)
		}
	}
	if got, a := reason(ibuprofen); got != "" || !a.says("Usually for pain, and the visit is about something else: choose.") {
		t.Errorf("in a visit for cystitis ibuprofen is for %q", got)
	}
	page := anna.post("/p/maria/prescribe/find", "free", "elderberry syrup", "encounter", id)
	if !regexp.MustCompile(`id="f-for"[^>]*value="Acute cystitis"`).MatchString(page.body) {
		t.Errorf("written by hand: %s", tags.ReplaceAllString(page.body, " "))
	}

	anna.post(visit+"/edit/diagnosis", "diagnosis", "Ankle sprain")
	if got, _ := reason(nitrofurantoin); got != "Acute cystitis" {
		t.Errorf("with a second diagnosis nitrofurantoin is for %q", got)
	}
	got, a := reason(ibuprofen)
	_, offered := a.chosenReason(t)
	if got != "" || !a.says("The visit has 2 diagnoses: choose which one it is for.") || strings.Join(offered[1:3], "|") != "Acute cystitis|Ankle sprain" {
		t.Errorf("of two diagnoses ibuprofen is for %q, offered %v", got, offered)
	}
	if other := anna.get("/p/maria/prescribe?encounter=someone-elses&s=" + ibuprofen); other.status >= 500 || other.says("Acute cystitis") {
		t.Errorf("of a visit that is not hers: %d", other.status)
	}

	fields := []string{"dose", "1 tablet", "route", "by mouth", "timing", "1-8-h", "prn", "yes", "quantity", "30 tablets", "repeats", "0", "for", "Ankle sprain"}
	if done := anna.post("/p/maria/prescriptions", a.sent(fields...)...); done.path != visit {
		t.Fatalf("signed: %d %s", done.status, done.path)
	}
	if l := h.medicines("maria"); !strings.Contains(l.Current[0].Reason+l.Current[len(l.Current)-1].Reason, "Ankle sprain") {
		t.Errorf("prescribed: %+v", l.Current)
	}

	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(h.url+"/p/maria/prescribe?encounter="+id+"&s="+ibuprofen, v)
		p.Check()
		p.Picture("reason-" + v.Name)
	}
}
