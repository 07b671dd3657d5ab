package synthetic

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// clinicOf reads a clinic by name and type.
type clinicOf struct {
	Practice
	t        *testing.T
	patients map[string]string // name to reference
}

func open(t *testing.T, at time.Time) clinicOf {
	c := clinicOf{Clinic(1, at), t, map[string]string{}}
	for _, n := range c.Resources {
		if n.ResourceType() == "Patient" {
			c.patients[n.Path("name.0.text").Text()] = n.Reference()
		}
	}
	return c
}

func (c clinicOf) all(resourceType string, match func(*fhir.Node) bool) []*fhir.Node {
	var list []*fhir.Node
	for _, n := range c.Resources {
		if n.ResourceType() == resourceType && (match == nil || match(n)) {
			list = append(list, n)
		}
	}
	return list
}

func (c clinicOf) of(name, resourceType string) []*fhir.Node {
	c.t.Helper()
	who := c.patients[name]
	if who == "" {
		c.t.Fatalf("no patient %s", name)
	}
	return c.all(resourceType, func(n *fhir.Node) bool { return patientOf(n) == who })
}

func TestMariasStory(t *testing.T) {
	c := open(t, noon)
	has := func(resourceType string, words ...string) {
		t.Helper()
		for _, n := range c.of("Maria Okafor", resourceType) {
			text, all := string(n.JSON()), true
			for _, w := range words {
				all = all && strings.Contains(text, w)
			}
			if all {
				return
			}
		}
		t.Errorf("Maria has no %s with %v", resourceType, words)
	}
	has("Condition", "E11.22")
	has("Condition", "I10")
	has("Condition", "N18.31")
	has("Condition", "E78.5")
	has("AllergyIntolerance", "penicillin", "anaphylaxis", `"high"`)
	has("AllergyIntolerance", "sulfonamide antibiotics", "rash")
	has("MedicationRequest", "lisinopril 20 mg tablet", `"active"`, "314077")
	has("MedicationRequest", "metformin 1,000 mg tablet", `"active"`)
	has("MedicationRequest", "atorvastatin 40 mg tablet", `"active"`)
	has("MedicationRequest", "hydroxyzine 25 mg tablet", `"active"`)
	has("MedicationRequest", "lisinopril 10 mg tablet", `"stopped"`, "Dose increased")
	has("MedicationStatement", "ibuprofen", `"active"`)
	has("MedicationStatement", "hydroxyzine", `"stopped"`)
	has("Observation", "2823-3", `"value":5.3`, `"H"`)
	has("Observation", "98979-8", `"value":52`)
	has("Task", "review-result", "Potassium 5.3 mmol/L (was 4.7), high", `"requested"`)
	has("Task", "patient-measurement")
	has("Task", "answer-message")
	has("Appointment", `"checked-in"`, "2026-11-24T10:20:00-08:00", "Room 3")
}

func TestEveryTaskIsAboutItsPatient(t *testing.T) {
	c := open(t, noon)
	owner, count := map[string]string{}, map[string]int{}
	for _, n := range c.Resources {
		owner[n.Reference()] = patientOf(n)
	}
	for _, n := range c.all("Task", nil) {
		kind := n.Path("code.coding.0.code").Text()
		count[kind]++
		focus := n.Path("focus.reference").Text()
		if kind != "duplicate-patient" && focus != "" && owner[focus] != patientOf(n) {
			t.Errorf("%s of %s is about %s of %s", kind, patientOf(n), focus, owner[focus])
		}
		if n.Path("owner.reference").Text() == "" {
			t.Errorf("%s has no owner", n.ID())
		}
	}
	for kind, least := range map[string]int{"review-result": 10, "refill-request": 3, "answer-message": 4, "patient-measurement": 5, "follow-up": 2, "duplicate-patient": 1} {
		if count[kind] < least {
			t.Errorf("%d tasks %s, want %d", count[kind], kind, least)
		}
	}
	critical := c.all("Task", func(n *fhir.Node) bool { return n.Get("priority").Text() == "stat" })
	if len(critical) != 1 || !strings.Contains(critical[0].Get("description").Text(), "Sodium 124 mmol/L (was 133), critically low") {
		t.Errorf("%d critical results", len(critical))
	}
}

// TestTheDayFitsIntoToday opens the clinic at many hours: the schedule stays in today, and
// what is over, waiting and to come are told apart by the clock.
func TestTheDayFitsIntoToday(t *testing.T) {
	for _, hour := range []int{0, 3, 10, 16, 21, 23} {
		for _, minute := range []int{0, 19, 59} {
			now := time.Date(2026, 3, 29, hour, minute, 0, 0, time.UTC)
			c := open(t, now)
			count := map[string]int{}
			for _, n := range c.all("Appointment", nil) {
				start, err := time.Parse(time.RFC3339, n.Get("start").Text())
				if err != nil {
					t.Fatal(err)
				}
				if start.Format("2006-01-02") != "2026-03-29" {
					continue
				}
				status := n.Get("status").Text()
				count[status]++
				if over := status == "fulfilled" || status == "noshow"; over && start.After(now) {
					t.Fatalf("at %s a visit that is over begins at %s", now, start)
				}
			}
			for status, least := range map[string]int{"checked-in": 4, "arrived": 6, "booked": 15, "cancelled": 3} {
				if count[status] < least {
					t.Errorf("at %s there are %d %s, want %d", now.Format("15:04"), count[status], status, least)
				}
			}
			if hour >= 3 && (count["fulfilled"] < 9 || count["noshow"] < 2) {
				t.Errorf("at %s only %d visits are over", now.Format("15:04"), count["fulfilled"])
			}
		}
	}
}

func TestSpecialPatients(t *testing.T) {
	c := open(t, noon)
	for name, language := range map[string]string{"Yusuf Al-Masri": "ar", "Lucía Fernández Morales": "es", "Maria Okafor": "en"} {
		p := c.of(name, "Patient")[0]
		if got := p.Path("communication.0.language.coding.0.code").Text(); got != language {
			t.Errorf("%s speaks %q, want %q", name, got, language)
		}
	}
	if script := c.of("Yusuf Al-Masri", "Patient")[0].Path("name.1.text").Text(); script != "يوسف المصري" {
		t.Errorf("Yusuf's name in Arabic is %q", script)
	}
	if n := len(c.of("Tomás Ferreira", "Encounter")) + len(c.of("Tomás Ferreira", "AllergyIntolerance")); n != 0 {
		t.Errorf("Tomás has %d resources, want none yet", n)
	}
	if born := c.of("Noor Rahman", "Patient")[0].Get("birthDate").Text(); born < day(noon.AddDate(0, 0, -10)) {
		t.Errorf("the newborn is born %s", born)
	}
	a, b := c.of("Katarzyna Wójcik", "Patient")[0], c.of("Kasia Wojcik", "Patient")[0]
	if a.Get("birthDate").Text() != b.Get("birthDate").Text() || a.Path("telecom.0.value").Text() != b.Path("telecom.0.value").Text() {
		t.Error("the duplicates do not look alike")
	}
	asked, none := 0, 0
	for name := range c.patients {
		switch list := c.of(name, "AllergyIntolerance"); {
		case len(list) == 0:
			none++
		case list[0].Path("code.coding.0.code").Text() != "716186003":
			asked++
		}
	}
	if total := len(c.patients); asked*100 < total*15 || asked*100 > total*50 || none < 2 || none > total/4 {
		t.Errorf("of %d patients %d have allergies and %d were never asked", total, asked, none)
	}
}

func TestAccounts(t *testing.T) {
	c := open(t, noon)
	roles, portal, users, languages := map[trust.Role]int{}, 0, map[string]bool{}, map[string]bool{}
	for _, a := range c.Accounts {
		roles[a.Role]++
		if users[a.User] || a.User == "" || a.Story == "" || a.Name == "" {
			t.Errorf("account %+v", a)
		}
		users[a.User], languages[a.Language] = true, true
		want := "Practitioner/" + a.Practitioner
		if a.Role == trust.Patient {
			portal++
			want = "Patient/" + a.Patient
			if n := len(c.of(a.Name, "Communication")); n < 1 {
				t.Errorf("%s has no message", a.Name)
			}
			if n := len(c.all("DiagnosticReport", func(n *fhir.Node) bool { return patientOf(n) == want })); n < 2 {
				t.Errorf("%s has %d reports", a.Name, n)
			}
		}
		if len(c.all(strings.Split(want, "/")[0], func(n *fhir.Node) bool { return n.Reference() == want })) != 1 {
			t.Errorf("%s is nobody in the record", want)
		}
	}
	for role, n := range map[trust.Role]int{trust.Physician: 3, trust.Nurse: 2, trust.FrontDesk: 1, trust.Biller: 1, trust.Administrator: 1, trust.Auditor: 1} {
		if roles[role] != n {
			t.Errorf("%d accounts of %s, want %d", roles[role], role, n)
		}
	}
	if portal < 5 || !languages["ar"] || !languages["es"] {
		t.Errorf("%d portal accounts, languages %v", portal, languages)
	}
}

func TestCredentialsComeFromTheSecret(t *testing.T) {
	a := Account{User: "anna.lindqvist"}
	p1, t1 := a.Credentials([]byte("one"))
	p2, t2 := a.Credentials([]byte("two"))
	p3, t3 := Account{User: "tom.reyes"}.Credentials([]byte("one"))
	if p1 == p2 || t1 == t2 || p1 == p3 || t1 == t3 {
		t.Error("two secrets or two people share a password or a key")
	}
	if again, _ := a.Credentials([]byte("one")); again != p1 || len(p1) < 16 || len(t1) != 32 {
		t.Errorf("password %q, key %q", p1, t1)
	}
}

func ExampleClinic() {
	p := Clinic(1, time.Date(2026, 11, 24, 10, 14, 0, 0, time.UTC))
	fmt.Println(p.Accounts[0].Name, "·", p.Accounts[0].Role)
	// Output: Dr Anna Lindqvist · physician
}
