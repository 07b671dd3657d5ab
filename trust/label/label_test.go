package label

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/trust/policy"
)

func parse(t testing.TB, json string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(json))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// golden are resources as other systems write them, with the label that each must have: an
// ICD-10-CM code in the places where codes stand, a medicine as it is typed, a test. They are
// written down code by code, apart from the table: a line that the table loses is found.
const golden = `
ETH F10.10 F10.120 F10.20 F10.21 F10.230 F10.27 F10.920 F11.10 F11.11 F11.20 F11.21 F11.23 F11.90 F12.10 F12.20 F12.90 F13.10 F13.20 F13.230 F14.10 F14.20 F14.21 F15.10 F15.20 F15.929 F16.10 F16.20 F18.10 F18.20 F19.10 F19.20 F19.230 K70.0 K70.10 K70.30 K70.31 K29.20 K85.20 K86.0 G31.2 G62.1 I42.6 T40.1X1A T40.2X1A T40.3X1A T40.5X1A Z71.41 Z71.51 O99.310 O99.320 R78.0
PSY F20.0 F20.9 F25.0 F29 F30.10 F31.0 F31.81 F31.9 F32.0 F32.1 F32.2 F32.A F32.9 F33.0 F33.1 F33.2 F33.40 F34.1 F39 F40.00 F40.10 F41.0 F41.1 F41.9 F42.2 F43.0 F43.10 F43.12 F43.21 F43.23 F44.7 F45.21 F50.00 F50.2 F53.0 F60.3 F63.0 F64.0 F84.0 F90.0 F90.2 F91.3 F94.0 R45.851 T14.91XA O90.6 F22 F23 F48.1
HIV B20 Z21 O98.711 O98.72 R75 Z11.4 Z20.6 Z71.7 B97.35 Z29.81
STD A51.0 A52.3 A53.9 A54.00 A54.9 A55 A56.00 A56.8 A57 A59.01 A60.00 A60.9 A63.0 A64 O98.211 Z11.3 Z20.2 Z22.4
SEX A54.00 A56.00 A60.00 Z30.011 Z30.09 Z30.430 Z30.46 Z31.41 Z32.00 Z32.01 N52.9 N97.9 N46.9 O03.9 O04.5 F52.21 F64.0 Z70.0 Z72.51 Z33.2 O02.1
SDV T74.11XA T74.12XA T74.21XA T74.4XXA T76.11XA T76.22XA Z04.41 Z69.010 Z69.11 O9A.311 Z62.810 Z91.410 Y07.01
GDIS Z13.71 Z14.1 Z15.01 Z15.09 Z31.430 G10 D57.1 D57.00 E70.0 E75.21 E84.0 E84.9 D66 D67 Q85.01 Q90.9 Q96.9 Q98.4
`

// SUD medicines as they are written on prescriptions: none may be without its label.
const sudMedicines = `
buprenorphine 8 mg sublingual tablet
Buprenorphine-naloxone 8 mg-2 mg film
buprenorphine / naloxone 2 MG / 0.5 MG Oral Strip
Suboxone 8-2 mg film
SUBUTEX 2 mg
Zubsolv 5.7 mg/1.4 mg
Sublocade 300 mg/1.5 mL injection
Brixadi weekly 24 mg
methadone 10 mg tablet
Methadone HCl 10 mg/mL oral concentrate
Methadose 40 mg dispersible
Dolophine 5 mg
naltrexone 50 mg tablet
Naltrexone hydrochloride 50 MG Oral Tablet [Revia]
Vivitrol 380 mg intramuscular
disulfiram 250 mg
Antabuse 500 mg
acamprosate 333 mg DR tablet
Acamprosate calcium 666 mg
Campral
lofexidine 0.18 mg
Lucemyra 0.18 mg tablet
levomethadyl acetate
1 ML buprenorphine 100 MG/ML Prefilled Syringe
`

const others = `
PSY sertraline 50 mg tablet|Lexapro 10 mg|quetiapine 25 mg at night|lithium carbonate 300 mg|clozapine 100 mg|Abilify 5 mg|venlafaxine XR 75 mg|olanzapine 5 mg|haloperidol decanoate|escitalopram oxalate 10 MG
HIV Biktarvy|dolutegravir 50 mg|emtricitabine 200 MG / tenofovir disoproxil 300 MG Oral Tablet|Truvada|lamivudine 150 mg|darunavir 800 mg|efavirenz 600 mg|Cabenuva|Descovy 200/25|raltegravir 400 mg
SEX levonorgestrel 1.5 mg|Nexplanon 68 mg implant|mifepristone 200 mg|misoprostol 200 mcg|medroxyprogesterone 150 mg/mL|sildenafil 50 mg|Mirena|ethinyl estradiol 0.03 mg / drospirenone 3 mg|clomiphene 50 mg|ulipristal 30 mg
`

const tests = `
ETH 5643-2 5645-7 72109-2 75626-2 3397-7 3879-4 3349-8 3427-2
PSY 44249-1 44261-6 55758-7 69737-5 70274-6 71354-5 93373-9
HIV 7917-8 29893-5 48345-3 56888-1 58900-2 75622-1 20447-9 25836-8 24467-3
STD 20507-0 22461-8 31147-2 43304-5 43305-2 21613-5 24111-7 50387-0 50388-8
SEX 2106-3 2110-5 2118-8 76690-7
GDIS 21636-6 38530-8 59041-4 51963-7
`

func TestGoldenCorpus(t *testing.T) {
	asked, found := 0, 0
	want := func(label, json string) {
		t.Helper()
		asked++
		if slices.Contains(Of(parse(t, json), About{}), label) {
			found++
		} else {
			t.Logf("not %s: %s", label, json)
		}
	}
	for line := range strings.Lines(golden) {
		f := strings.Fields(line)
		for i, code := range f {
			switch {
			case i == 0:
			case i%3 == 0: // as claims write it, without the dot
				want(f[0], fmt.Sprintf(`{"resourceType":"Claim","diagnosis":[{"sequence":1,"diagnosisCodeableConcept":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]}}]}`, strings.ReplaceAll(code, ".", "")))
			case i%3 == 1:
				want(f[0], fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]}}`, code))
			default:
				want(f[0], fmt.Sprintf(`{"resourceType":"Encounter","reasonCode":[{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]}]}`, code))
			}
		}
	}
	for line := range strings.Lines(others) {
		label, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		for text := range strings.SplitSeq(rest, "|") {
			if text != "" {
				want(label, fmt.Sprintf(`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":%q}}`, text))
			}
		}
	}
	for line := range strings.Lines(tests) {
		f := strings.Fields(line)
		for i, code := range f {
			if i > 0 {
				want(f[0], fmt.Sprintf(`{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":%q}]}}`, code))
			}
		}
	}
	for _, p := range problem.All() { // what the clinic codes by SNOMED CT is labelled as by ICD-10-CM
		if labels := Of(parse(t, fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]}}`, p.ICD)), About{}); p.SNOMED != "" && p.SNOMED != "-" && len(labels) > 0 {
			want(labels[0], fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":%q}]}}`, p.SNOMED))
		}
	}
	sud := 0
	for line := range strings.Lines(sudMedicines) {
		if text := strings.TrimSpace(line); text != "" {
			for _, form := range []string{
				`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":%q}}`,
				`{"resourceType":"MedicationStatement","contained":[{"resourceType":"Medication","id":"m","code":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"0","display":%q}]}}],"medicationReference":{"reference":"#m"}}`,
			} {
				sud++
				asked++
				if got := Of(parse(t, fmt.Sprintf(form, text)), About{}); !slices.Contains(got, "SUD") || !slices.Contains(got, "ETH") {
					t.Errorf("a medicine for substance use without its label: %s %v", text, got)
				} else {
					found++
				}
			}
		}
	}
	for _, code := range []string{"1819", "6813", "7243", "3554", "82819"} {
		asked, sud = asked+1, sud+1
		if got := Of(parse(t, fmt.Sprintf(`{"resourceType":"MedicationDispense","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":%q}]}}`, code)), About{}); !slices.Contains(got, "SUD") {
			t.Errorf("RxNorm %s: %v", code, got)
		} else {
			found++
		}
	}
	t.Logf("%d of %d labelled, %d of them medicines for substance use", found, asked, sud)
	if asked < 300 || float64(found) < 0.99*float64(asked) {
		t.Errorf("%d of %d resources have their label", found, asked)
	}
}

func TestWhatIsNotSensitiveHasNoLabel(t *testing.T) {
	for _, code := range []string{"I10", "E11.9", "J45.909", "M54.50", "Z00.00", "F17.210", "F03.90", "J06.9", "K21.9", "N39.0", "E78.5", "G43.909", "L20.9", "Z23"} {
		if got := Of(parse(t, fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]}}`, code)), About{}); len(got) > 0 {
			t.Errorf("%s: %v", code, got)
		}
	}
	for _, text := range []string{"lisinopril 10 mg", "metformin 500 mg", "amoxicillin 500 mg capsule", "varenicline 1 mg", "nicotine patch 21 mg", "oxycodone 5 mg", "ibuprofen 400 mg"} {
		if got := Of(parse(t, fmt.Sprintf(`{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":%q}}`, text)), About{}); len(got) > 0 {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAdolescents(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	pill := parse(t, `{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"Nexplanon"}}`)
	for age, want := range map[int]bool{5: false, 13: true, 17: true, 18: false, 30: false} {
		if got := slices.Contains(Of(pill, About{Born: now.AddDate(-age, -1, 0), Now: now}), "ADOL"); got != want {
			t.Errorf("at %d: %v", age, got)
		}
	}
	if got := Of(parse(t, `{"resourceType":"Condition","code":{"text":"asthma"}}`), About{Born: now.AddDate(-15, 0, 0), Now: now}); len(got) > 0 {
		t.Errorf("asthma at 15: %v", got)
	}
}

func TestLabelsAreThoseOfThePolicy(t *testing.T) {
	for _, m := range []map[[2]string][]string{exact, begins} {
		for key, labels := range m {
			for _, l := range labels {
				if _, ok := policy.LabelOf(l); !ok {
					t.Errorf("%v: %s", key, l)
				}
			}
		}
	}
}

func TestConsents(t *testing.T) {
	const privacy = `"scope":{"coding":[{"code":"patient-privacy"}]}`
	for body, want := range map[string]string{
		`{"resourceType":"Consent","scope":{"coding":[{"code":"treatment"}]},"provision":{"type":"deny"}}`:                                                                                                  "",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit"}}`:                                                                                                                          "permit/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit","period":{"end":"2027-01-01"}}}`:                                                                                            "permit/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit","purpose":[{"code":"TREAT"}]}}`:                                                                                             "",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny"}}`:                                                                                                                            "deny/all",
		`{"resourceType":"Consent",` + privacy + `}`:                                                                                                                                                        "deny/all",
		`{"resourceType":"Consent","provision":{"type":"deny"}}`:                                                                                                                                            "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"code":[{"text":"x"}]}}`:                                                                                                                    "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"HPAYMT"}]}}`:                                                                                              "deny/purpose/HPAYMT",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"HPAYMT"},{"code":"TREAT"}]}}`:                                                                             "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"HPAYMT"}],"actor":[{"reference":{"reference":"Organization/1"}}]}}`:                                       "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","actor":[{"role":{"coding":[{"system":"urn:osler:consent-actor","code":"outside"}]},"reference":{"display":"My brother"}}]}}`: "deny/outside",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","actor":[{"role":{"coding":[{"system":"urn:osler:consent-actor","code":"outside"}]},"reference":{"reference":"Group/1"}}]}}`:  "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"outside"}]},"reference":{"display":"My brother"}}]}}`:                                    "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}}`:                                "deny/purpose/HRESCH",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"CLINTRCH"},{"code":"HMARKT"}]}}`:            "deny/purpose/HMARKT deny/purpose/HRESCH",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit","provision":[{"type":"deny","purpose":[{"code":"HRESCH"}],"class":[{"code":"x"}]}]}}`:                                       "deny/purpose/HRESCH permit/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"system":"urn:other","code":"HRESCH"}]}}`:                                                                         "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"HRESCH"},{"code":"UNHEARD"}]}}`:                                                                           "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"HRESCH"}],"actor":[{"reference":{"reference":"Practitioner/7"}}]}}`:                                       "deny/Practitioner/7",
		`{"resourceType":"Consent","scope":{"coding":[{"code":"research"}]},"provision":{"type":"deny"}}`:                                                                                                   "deny/purpose/HRESCH",
		`{"resourceType":"Consent","scope":{"coding":[{"code":"research"}]},"provision":{"type":"permit"}}`:                                                                                                 "",
		`{"resourceType":"Consent","scope":{"coding":[{"code":"research"}]},"provision":{"type":"permit","provision":[{"actor":[{"reference":{"reference":"Organization/1"}}]}]}}`:                          "deny/purpose/HRESCH",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","purpose":[{"code":"TREAT"}]}}`:                                                                                               "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","actor":[{"role":{},"reference":{"reference":"Practitioner/7"}}]}}`:                                                           "deny/Practitioner/7",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","actor":[{"reference":{"reference":"Organization/7"}}]}}`:                                                                     "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","securityLabel":[{"code":"HIV"},{"code":"PSY"}]}}`:                                                                            "deny/label/hiv deny/label/mental",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","securityLabel":[{"code":"HIV"},{"code":"UNHEARD"}]}}`:                                                                        "deny/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit","provision":[{"type":"deny","actor":[{"reference":{"reference":"Practitioner/7"}}]}]}}`:                                     "deny/Practitioner/7 permit/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"permit","provision":[{"actor":[{"reference":{"reference":"Practitioner/7"}}]}]}}`:                                                   "deny/Practitioner/7 permit/all",
		`{"resourceType":"Consent",` + privacy + `,"provision":{"type":"deny","provision":[{"type":"permit","actor":[{"reference":{"reference":"Practitioner/7"}}]}]}}`:                                     "deny/all",
	} {
		if got := strings.Join(Consents(parse(t, body)), " "); got != want {
			t.Errorf("%s\n%q, want %q", body, got, want)
		}
	}
}

// TestNamesOfDiagnosesTravel: what names a diagnosis by its display is as sensitive as it is.
func TestNamesOfDiagnosesTravel(t *testing.T) {
	for _, body := range []string{
		`{"resourceType":"Encounter","diagnosis":[{"condition":{"reference":"Condition/c","display":"HIV"}}]}`,
		`{"resourceType":"Encounter","reasonReference":[{"reference":"Condition/c"}]}`,
		`{"resourceType":"Observation","focus":[{"reference":"Condition/c"}]}`,
		`{"resourceType":"EpisodeOfCare","diagnosis":[{"condition":{"reference":"Condition/c"}}]}`,
		`{"resourceType":"List","entry":[{"item":{"reference":"Condition/c"}}]}`,
		`{"resourceType":"Immunization","reasonReference":[{"reference":"Condition/c"}]}`,
	} {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := Sources(r); !slices.Equal(got, []string{"Condition/c"}) {
			t.Errorf("%s derives from %v", body, got)
		}
	}
}

// TestConsentExamples reads the Consents of the FHIR specification. None says in a way that is
// understood whom it lets in or keeps out (an organization, a policy in words), so that each closes the
// chart while it holds; the same refusal for research only closes nothing to who treats.
func TestConsentExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sample.Dir(t, "fhir-r4/examples/json", 1159), "consent-example*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c := parse(t, string(body))
		if got := Consents(c); !slices.Equal(got, []string{"deny/all"}) {
			t.Errorf("%s: %q", filepath.Base(f), got)
		}
		p := c.Get("provision")
		p.Remove("actor")
		p.Set("type", fhir.Str("deny"))
		p.Set("purpose", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code", "HRESCH")))
		if got := Consents(c); !slices.Equal(got, []string{"deny/purpose/HRESCH"}) {
			t.Errorf("%s, for research only: %q", filepath.Base(f), got)
		}
	}
}
