package clinic

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/knowledge/vital"
	"github.com/osler-emr/osler/practice/chart"
)

// TestASignedNoteHasTheVitalsOfItsVisit: the visit shows what will be in the note, the note has it with its
// time, and who reads it after a correction is told what changed while the signed text stays.
func TestASignedNoteHasTheVitalsOfItsVisit(t *testing.T) {
	h := openChart(t)
	anna := h.signedIn("anna")
	visit := anna.startVisit()
	id := visit[strings.LastIndex(visit, "/")+1:]
	if a := anna.post("/p/maria/vitals", "encounter", id, "pressure", "168/92", "pulse", "88", "back", visit); !a.says("Measured in this visit") || !a.says("BP 168/92 mmHg high · pulse 88 /min") {
		t.Fatalf("the visit does not show what will be signed: %s", tags.ReplaceAllString(a.body, " "))
	}
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	look := func(name, path string) {
		for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
			p := b.Open(h.url+path, v)
			p.Check()
			p.Picture(name + "-" + v.Name)
		}
	}
	look("measured-visit", visit)
	page := anna.get(visit)
	anna.post(visit+"/sign", "seen", page.value(t, "seen"), "key", page.value(t, "key"), "subjective", "Well.")
	c := h.chart("maria")
	note := "/p/maria/notes/" + c.Notes[0].ID
	if a := anna.get(note); !a.says("Vital signs") || !a.says("BP 168/92 mmHg high · pulse 88 /min") || a.says("corrected after signing") {
		t.Fatalf("the note: %s", tags.ReplaceAllString(a.body, " "))
	}
	pressure, pulse := c.Vital(vital.BloodPressure).Last().ID, c.Vital(vital.Pulse).Last().ID
	anna.post("/p/maria/vitals/"+pressure, "pressure", "138/92", "reason", "Misread.")
	anna.post("/p/maria/vitals/"+pulse, "do", "withdraw", "reason", "Another patient's.")
	a := anna.get(note)
	for _, want := range []string{"BP 168/92 mmHg high · pulse 88 /min", "corrected after signing", "138/92 mmHg", "entered in error, found after signing"} {
		if !a.says(want) {
			t.Errorf("after a correction the note does not say %q: %s", want, tags.ReplaceAllString(a.body, " "))
		}
	}
	look("measured-note", note)

	a = anna.post(note+"/amend", "version", c.Notes[0].Version, "section-"+chart.Subjective, "Not well.", "reason", "Asked again")
	if strings.Count(a.body, "corrected after signing") != 2 {
		t.Errorf("the note and its former version do not both say it: %s", tags.ReplaceAllString(a.body, " "))
	}
	look("measured-former", note)
}
