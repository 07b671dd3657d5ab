package emergency

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

var maria = trust.Principal{ID: "u-maria", Name: "Maria Okafor", Role: trust.Patient, Patient: "maria", Purpose: trust.PatientRequest}

func open(t testing.TB, bodies ...string) *record.Gate {
	t.Helper()
	c := clock.NewManual(noon)
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	gate := record.Open(s, c)
	var change record.Change
	for _, b := range bodies {
		n, err := fhir.Parse([]byte(b))
		if err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	if _, err := gate.As(trust.System("import"), "test").Commit(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	return gate
}

const (
	patient = `{"resourceType":"Patient","id":"maria","name":[{"family":"Okafor","given":["Maria"]}],"gender":"female","birthDate":"1968-03-14"}`
	other   = `{"resourceType":"Patient","id":"sam","name":[{"family":"Hill"}],"birthDate":"1980-01-01"}`
	rash    = `{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/maria"},"code":{"text":"sulfonamides"},"criticality":"low","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"reaction":[{"manifestation":[{"text":"rash"}]}]}`
	shock   = `{"resourceType":"AllergyIntolerance","id":"a2","patient":{"reference":"Patient/maria"},"code":{"text":"penicillin"},"criticality":"high","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"reaction":[{"manifestation":[{"text":"anaphylaxis"}],"severity":"severe"}]}`
	request = `{"resourceType":"MedicationRequest","id":"m1","status":"active","intent":"order","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"authoredOn":"2026-09-01"}`
	stopped = `{"resourceType":"MedicationStatement","id":"s1","status":"stopped","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"hydroxyzine 25 mg tablet"},"dateAsserted":"2026-11-01"}`
	old     = `{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/maria"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-05-20T08:40:00Z","valueQuantity":{"value":4.1,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`
	recent  = `{"resourceType":"Observation","id":"o2","status":"final","subject":{"reference":"Patient/maria"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-11-20T08:40:00Z","valueQuantity":{"value":5.3,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`
	group   = `{"resourceType":"Observation","id":"o3","status":"final","subject":{"reference":"Patient/maria"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"882-1"}]},"effectiveDateTime":"2020-01-01","valueCodeableConcept":{"text":"A Rh positive"}}`
	foreign = `{"resourceType":"Observation","id":"o4","status":"final","subject":{"reference":"Patient/sam"},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2026-11-23","valueQuantity":{"value":7.9,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}`
)

func TestTheSheetHoldsWhatAStrangerMustKnow(t *testing.T) {
	gate := open(t, patient, other, rash, shock, request, stopped, old, recent, group, foreign)
	actor := gate.As(maria, "portal")
	s, err := Print(t.Context(), actor, "maria")
	if err != nil {
		t.Fatal(err)
	}
	if s.Allergies.State != chart.HasAllergies || len(s.Allergies.Active) != 2 || s.Allergies.Active[0].Agent != "penicillin" {
		t.Errorf("the most dangerous allergy is not first: %+v", s.Allergies)
	}
	if len(s.Medicines) != 1 || len(s.Stated) != 1 || s.Stated[0].Status != "stopped" {
		t.Errorf("medicines %+v, stated %+v", s.Medicines, s.Stated)
	}
	if len(s.Values) != 1 || s.Values[0].Value != "5.3" || s.Values[0].Flag != "H" {
		t.Errorf("newest potassium: %+v", s.Values)
	}
	if s.BloodGroup != "A Rh positive" {
		t.Errorf("blood group %q", s.BloodGroup)
	}
	log, err := actor.Looked(t.Context(), store.LeafFilter{Patient: "maria", Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	noted := false
	for _, e := range log {
		noted = noted || e.Leaf.Action == ledger.Print && e.Leaf.Query == "emergency sheet"
	}
	if !noted {
		t.Error("the log does not hold that the sheet was made")
	}
}

func TestAnEmptyRecordClaimsNothing(t *testing.T) {
	actor := open(t, patient, other).As(maria, "portal")
	s, err := Print(t.Context(), actor, "maria")
	if err != nil {
		t.Fatal(err)
	}
	if s.Partial || s.Allergies.Partial {
		t.Error("her own sheet says that something may be kept from her")
	}
	if s.Allergies.State != chart.NotRecorded || s.BloodGroup != "" || s.Physician != "" || len(s.Values)+len(s.Medicines) != 0 {
		t.Errorf("sheet of an empty record: %+v", s)
	}
	if _, err := Print(t.Context(), actor, "sam"); !fault.Is(err, fault.NotFound) {
		t.Errorf("the sheet of somebody else: %v", err)
	}
}

// TestWhatOtherClinicsListIsNotThePatientsWord: unless the patient sent the document; what is stopped stands there only
// while it is prescribed here.
func TestWhatOtherClinicsListIsNotThePatientsWord(t *testing.T) {
	listed := func(id, status, text, origin string) string {
		return `{"resourceType":"MedicationStatement","id":"` + id + `","status":"` + status + `","subject":{"reference":"Patient/maria"},"medicationCodeableConcept":{"text":"` + text + `"},"meta":{"tag":[{"system":"urn:osler:origin","code":"imported","display":"Kirkstall Heart Clinic, 2026-11-09"}` + origin + `]}}`
	}
	reported := `,{"system":"urn:osler:origin","code":"patient-reported"}`
	gate := open(t, patient, request, stopped, listed("c1", "active", "clonidine 0.1 mg tablet", ""), listed("c2", "stopped", "hydromorphone 2 mg tablet", ""),
		listed("c3", "stopped", "lisinopril 20 mg tablet", ""), listed("c4", "active", "meperidine 50 mg tablet", reported))
	s, err := Print(t.Context(), gate.As(maria, "portal"), "maria")
	if err != nil {
		t.Fatal(err)
	}
	names := func(list []medication.Medicine) (out string) {
		for _, m := range list {
			out += m.ID + " "
		}
		return out
	}
	if got := names(s.Stated); got != "c4 s1 " {
		t.Errorf("the patient says: %s", got)
	}
	if got := names(s.Elsewhere); got != "c1 c3 " {
		t.Errorf("other clinics list: %s", got)
	}
}
