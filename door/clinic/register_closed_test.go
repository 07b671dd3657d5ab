package clinic

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

var mariaAgain = []string{"family", "okafor", "given", "Maria", "birthDate", "14 3 1968", "sex", "female"}

// TestNobodyIsRegisteredTwiceBecauseTheirChartIsClosed: in a restricted clinic a nurse registers
// somebody whose chart is closed to her. She is told that there is somebody, and nothing else; the
// log of that patient says it. When she is not sure, the front desk, who sees both, compares them.
func TestNobodyIsRegisteredTwiceBecauseTheirChartIsClosed(t *testing.T) {
	h := officeHouse(t)
	h.commit(trust.System("import"), `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female","telecom":[{"system":"phone","value":"0113 496 0777"}],"identifier":[{"system":"urn:osler:record-number","value":"4857773456"}]}`)
	if err := h.actor(trust.Administrator, "sam").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "test"); err != nil {
		t.Fatal(err)
	}
	amara := h.signedIn("amara")
	told := amara.post("/register", append(mariaAgain, "key", "k1")...)
	if told.status != http.StatusUnprocessableEntity || !told.says("Somebody with this name and date of birth is registered already") || !told.says("Emergency access") || !strings.Contains(told.body, `value="14 3 1968"`) {
		t.Fatalf("a nurse: %d %s", told.status, tags.ReplaceAllString(told.body, " "))
	}
	for _, hidden := range []string{"/p/maria", "0777", "4857773456", "485 777 3456"} {
		if strings.Contains(told.body, hidden) {
			t.Errorf("the page says %s", hidden)
		}
	}
	seen, err := h.actor(trust.Patient, "maria").Looked(t.Context(), store.LeafFilter{Patient: "maria", Limit: 5})
	if err != nil || !slices.ContainsFunc(seen, func(e store.LeafEntry) bool {
		return e.Leaf.Action == ledger.Search && e.Leaf.Type == "Patient" && e.Leaf.Name == "Amara Mensah"
	}) {
		t.Errorf("the patient's log does not say that it was asked: %d lines, %v", len(seen), err)
	}
	if found := amara.post("/emergency-access", "family", "okafor", "born", "1968-03-14"); !found.says("OKAFOR, Maria") {
		t.Errorf("emergency access from there: %d", found.status)
	}
	for who, form := range map[string][]string{
		"another birth date": {"family", "Okafor", "given", "Maria", "birthDate", "15 3 1968", "sex", "female", "key", "k2"},
		"another given name": {"family", "Okafor", "given", "Ngozi", "birthDate", "14 3 1968", "sex", "female", "key", "k3"},
	} {
		if a := amara.post("/register", form...); a.says("is registered already") {
			t.Errorf("%s is taken for Maria", who)
		}
	}
	if a := amara.post("/register", append(mariaAgain, "key", "k4", "answer", "unsure")...); a.says("is registered already") {
		t.Fatalf("not sure: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	open, err := task.OpenOf(t.Context(), h.actor(trust.FrontDesk, "tom"), task.DuplicatePatient)
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	for _, o := range open {
		if o.Focus == "" {
			asked = o.ID
		}
	}
	if asked == "" {
		t.Fatalf("nobody is asked to compare: %+v", open)
	}
	tom, _ := h.enters("tom")
	if a := tom.get("/duplicates/" + asked); a.status != http.StatusOK || !a.says("485 777 3456") || !a.says("Field by field") {
		t.Errorf("the front desk compares: %d %s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := tom.post("/duplicates/" + asked + "/different"); a.path != "/duplicates" {
		t.Errorf("two people: %d %s", a.status, a.path)
	}
	if a := tom.post("/register", append(mariaAgain, "key", "k5")...); !a.says("Looks like someone you already have") || a.says("the chart is closed to you") {
		t.Errorf("the front desk, who sees all: %d", a.status)
	}
}

func TestAClosedNamesakeInABrowser(t *testing.T) {
	h := officeHouse(t)
	if err := h.actor(trust.Administrator, "sam").SetHouse(t.Context(), record.House{Mode: policy.Restricted}, "test"); err != nil {
		t.Fatal(err)
	}
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(h.url, look)
		if look.Name == webtest.Desktop.Name {
			p.SignIn(h.url, "amara", phrase)
		}
		p.Goto(h.url + "/register")
		p.Type("#f-family", "Okafor")
		p.Type("#f-given", "Maria")
		p.Type("#f-birthDate", "14 3 1968")
		p.Click("input[name=sex][value=female]")
		p.Submit("button.primary")
		p.Wait("#matches .likely")
		p.Check()
		p.Picture("closed-namesake-" + look.Name)
	}
}
