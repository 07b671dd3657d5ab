package policy

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

const laboratory = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

func TestGranularScopes(t *testing.T) {
	for text, ok := range map[string]bool{
		"patient/Observation.rs?category=" + laboratory:              true,
		"user/Observation.rs?category=laboratory":                    true,
		"user/Observation.rs?category=laboratory&status=final":       true,
		"user/Condition.rs?category=http%3A%2F%2Fx%7Cproblem":        true,
		"user/Observation.rs?_tag=a":                                 true,
		"user/Observation.rs?nonsense=1":                             false,
		"user/*.rs?category=laboratory":                              false,
		"user/Observation.rs?":                                       false,
		"user/Observation.rs?category":                               false,
		"user/Observation.rs?category=":                              false,
		"user/Observation.rs?patient.name=Maria":                     false,
		"user/Patient.rs?_has:Observation:patient:code=1":            false,
		"user/Observation.rs?_include=Observation:patient":           false,
		"user/Observation.rs?_count=5":                               false,
		"user/Observation.rs?_sort=date":                             false,
		"user/Observation.rs?_summary=true":                          false,
		"user/Observation.rs?_elements=id":                           false,
		"user/Observation.rs?_text=word":                             false,
		"user/Observation.rs?_content=word":                          false,
		"user/Observation.rs?_list=1":                                false,
		"user/Observation.rs?_filter=code%20eq%20x":                  false,
		"user/Observation.rs?code:in=http://x":                       false,
		"user/Observation.rs?category=" + strings.Repeat("a", 1000):  false,
		"user/Observation.?category=laboratory":                      false,
		"system/Observation.rs?category=laboratory":                  true,
		"user/Observation.rs?category=laboratory&_total=accurate":    false,
		"user/Observation.rs?category=laboratory&patient:Patient.x=": false,
	} {
		if s, err := ParseScope(text); (err == nil) != ok {
			t.Errorf("%q: %+v %v", text, s, err)
		}
	}
}

// TestGranularScopeNarrows: what a granular scope opens is joined to what the role may see,
// so that the store applies it wherever the type is touched.
func TestGranularScopeNarrows(t *testing.T) {
	p := as(trust.Physician)
	p.Scopes = []string{"user/Observation.rs?category=" + laboratory}
	if x, token := Visible(p, "Observation").(search.Token); !token || x.Code != "laboratory" {
		t.Errorf("a physician's token with a granular scope sees %#v", Visible(p, "Observation"))
	}
	p.Scopes = append(p.Scopes, "user/Observation.rs?category=vital-signs")
	if x, or := Visible(p, "Observation").(search.Or); !or || len(x) != 2 {
		t.Errorf("two granular scopes see %#v", Visible(p, "Observation"))
	}
	p.Scopes = append(p.Scopes, "user/*.rs")
	if !SeesAll(p, "Observation") {
		t.Error("a plain scope beside granular ones does not open the type")
	}
	own := patient
	own.Scopes = []string{"patient/Observation.rs?category=laboratory"}
	if x, and := Visible(own, "Observation").(search.And); !and || len(x) != 2 {
		t.Errorf("a patient's token sees %#v", Visible(own, "Observation"))
	}
	if _, none := Visible(own, "Condition").(search.None); !none {
		t.Error("a granular scope on Observation opens Condition")
	}
}

// TestLaunchedFor: for staff, scopes of the context patient mean the patient that the program
// was started for, and the directory; for nobody else's record, and no write beyond it.
func TestLaunchedFor(t *testing.T) {
	p := as(trust.Physician)
	p.Scopes = []string{"patient/*.cruds"}
	for _, name := range Types() {
		if _, none := Visible(p, name).(search.None); !none {
			t.Errorf("without a patient, patient/*.cruds opens %s", name)
		}
	}
	p.Launch = "p1"
	for _, name := range Types() {
		_, all := Visible(p, name).(search.All)
		if all && (definition.Compartment("Patient")[name] != nil || name == "Patient" || name == "Group" || name == "Bundle") {
			t.Errorf("started for p1, patient/*.cruds sees every %s", name)
		}
		if all && Decide(p, Create, nil, fhir.New(name)) == nil {
			t.Errorf("started for p1, patient/*.cruds writes %s, which is nobody's", name)
		}
	}
	if x, in := Visible(p, "Observation").(search.InPatient); !in || len(x) != 1 || x[0] != "p1" {
		t.Errorf("started for p1, it sees %#v", Visible(p, "Observation"))
	}
	about := func(ref string) *fhir.Node {
		return fhir.Obj("resourceType", "Observation", "status", "final", "subject", fhir.Obj("reference", ref))
	}
	task := func(ref string) *fhir.Node {
		return fhir.Obj("resourceType", "Task", "status", "requested", "for", fhir.Obj("reference", ref))
	}
	for _, c := range []struct {
		i             Interaction
		before, after *fhir.Node
		ok            bool
	}{
		{Create, nil, about("Patient/p1"), true},
		{Create, nil, about("Patient/p2"), false},
		{Create, nil, fhir.Obj("resourceType", "Observation", "status", "final"), false},
		{Update, about("Patient/p1"), about("Patient/p1"), true},
		{Update, about("Patient/p2"), about("Patient/p1"), false},
		{Update, about("Patient/p1"), about("Patient/p2"), false},
		{Delete, task("Patient/p1"), nil, true},
		{Delete, task("Patient/p2"), nil, false},
	} {
		if err := Decide(p, c.i, c.before, c.after); (err == nil) != c.ok {
			t.Errorf("%s %s %s: %v", c.i, c.before.JSON(), c.after.JSON(), err)
		}
	}
	p.Scopes = []string{"user/Observation.cruds?category=laboratory"}
	lab := about("Patient/p2")
	lab.Set("category", fhir.Arr(fhir.Obj("coding", fhir.Arr(fhir.Obj("code", "laboratory")))))
	if Decide(p, Create, nil, about("Patient/p2")) == nil || Decide(p, Create, nil, lab) != nil || Decide(p, Update, lab, about("Patient/p2")) == nil {
		t.Error("a granular scope does not judge writes")
	}
}
