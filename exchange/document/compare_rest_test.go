package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// TestTheSameSaysNothingElse: an item is the same as an entry only when all that it says is in it.
func TestTheSameSaysNothingElse(t *testing.T) {
	with := func(body, rest string) string { return strings.TrimSuffix(body, "}") + rest + "}" }
	cataract := `{"resourceType":"Condition","id":"c","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"193570009"}],"text":"Cataract"},"onsetDateTime":"2020"}`
	left, right := `,"bodySite":[{"coding":[{"system":"http://snomed.info/sct","code":"1290031003","display":"Left eye"}]}]`, `,"bodySite":[{"coding":[{"system":"http://snomed.info/sct","code":"1290032005","display":"Right eye"}]}]`
	knee := `{"resourceType":"Procedure","id":"k","status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"609588000"}],"text":"Knee replacement"},"performedDateTime":"2020-05-06"}`
	penicillin := `{"resourceType":"AllergyIntolerance","id":"a","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"764146007"}],"text":"Penicillin"}}`
	reactions := func(list ...string) string {
		var parts []string
		for _, r := range list {
			name, severity, _ := strings.Cut(r, " ")
			if severity != "" {
				severity = `,"severity":"` + severity + `"`
			}
			parts = append(parts, `{"manifestation":[{"text":"`+name+`"}]`+severity+`}`)
		}
		return `,"reaction":[` + strings.Join(parts, ",") + `]`
	}
	potassium := func(status, rest string) string {
		return `{"resourceType":"Observation","id":"k","status":"` + status + `","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}],"text":"Potassium"},"effectiveDateTime":"2026-11-01","valueQuantity":{"value":6.8,"unit":"mmol/L"}` + rest + `}`
	}
	weight := func(kg string) string {
		return `{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"coding":[{"system":"http://loinc.org","code":"29463-7"}],"text":"Body weight"},"target":[{"detailQuantity":{"value":` + kg + `,"unit":"kg","code":"kg"}}]}`
	}
	colonoscopy := `{"resourceType":"ServiceRequest","id":"s","status":"active","intent":"plan","code":{"coding":[{"system":"http://snomed.info/sct","code":"73761001"}],"text":"Colonoscopy"},"occurrenceDateTime":"2027-01-10"}`
	letter := func(data string) string {
		return `{"resourceType":"DocumentReference","id":"n","status":"current","type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}],"text":"Progress note"},"date":"2026-11-01T10:00:00Z","author":[{"display":"Dr K. Hart"}],"content":[{"attachment":{"contentType":"text/plain","data":"` + data + `"}}]}`
	}
	sister := func(rest, of string) string {
		return `{"resourceType":"FamilyMemberHistory","id":"f","status":"completed","relationship":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"SIS"}],"text":"Sister"},"condition":[{"code":{"coding":[{"system":"http://snomed.info/sct","code":"254837009"}],"text":"Breast cancer"}` + of + `}]` + rest + `}`
	}
	sure := func(code string) string {
		return `,"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"` + code + `"}]}`
	}
	lisinopril := `{"resourceType":"MedicationStatement","id":"m","status":"active","medicationCodeableConcept":{"text":"lisinopril 20 mg tablet"},"effectivePeriod":{"start":"2020-01-01"}}`
	for name, c := range map[string]struct {
		chart, document string
		want            State
		differs         string // the fields that say otherwise
	}{
		"the same problem":                    {cataract, cataract, Same, ""},
		"the same side":                       {with(cataract, left), with(cataract, left), Same, ""},
		"the other side":                      {with(cataract, right), with(cataract, left), Differs, "Body site"},
		"a side, where the chart has none":    {knee, with(knee, `,"bodySite":[{"text":"left"}]`), More, ""},
		"no side, where the chart has one":    {with(knee, `,"bodySite":[{"text":"left"}]`), knee, Same, ""},
		"criticality":                         {penicillin, with(penicillin, `,"criticality":"high"`), More, ""},
		"another criticality":                 {with(penicillin, `,"criticality":"low"`), with(penicillin, `,"criticality":"high"`), Differs, "Criticality"},
		"the second reaction is severe":       {with(penicillin, reactions("Hives mild", "Anaphylaxis mild")), with(penicillin, reactions("Hives mild", "Anaphylaxis severe")), Differs, "Severity"},
		"the same reactions":                  {with(penicillin, reactions("Hives mild", "Anaphylaxis severe")), with(penicillin, reactions("Anaphylaxis severe", "Hives mild")), Same, ""},
		"a severity more":                     {with(penicillin, reactions("Hives")), with(penicillin, reactions("Hives severe")), More, ""},
		"a severity of the second one more":   {with(penicillin, reactions("Hives mild", "Anaphylaxis")), with(penicillin, reactions("Hives mild", "Anaphylaxis severe")), Differs, "Severity"},
		"a note":                              {penicillin, with(penicillin, `,"note":[{"text":"needed adrenaline"}]`), More, ""},
		"a note beside the chart's":           {with(penicillin, `,"note":[{"text":"as a child"}]`), with(penicillin, `,"note":[{"text":"needed adrenaline"}]`), More, ""},
		"one of the chart's notes":            {with(penicillin, `,"note":[{"text":"as a child"},{"text":"needed adrenaline","time":"2020-01-01"}]`), with(penicillin, `,"note":[{"text":"Needed adrenaline"}]`), Same, ""},
		"a stop, where the chart has none":    {lisinopril, strings.Replace(lisinopril, `"start":"2020-01-01"`, `"start":"2020-01-01","end":"2030-01-01"`, 1), More, ""},
		"a reason of the medicine":            {lisinopril, with(lisinopril, `,"reasonCode":[{"text":"Hypertension"}]`), More, ""},
		"the same value":                      {potassium("final", ""), potassium("final", ""), Same, ""},
		"corrected since":                     {potassium("corrected", ""), potassium("final", ""), Same, ""},
		"cancelled":                           {potassium("final", ""), potassium("cancelled", ""), Differs, "Status"},
		"preliminary":                         {potassium("final", ""), potassium("preliminary", ""), Differs, "Status"},
		"haemolysed":                          {potassium("final", ""), potassium("final", `,"note":[{"text":"haemolysed"}]`), More, ""},
		"by another method":                   {potassium("final", `,"method":{"text":"whole blood"}`), potassium("final", `,"method":{"text":"serum"}`), Differs, "Method"},
		"the same goal":                       {weight("70"), weight("70.0"), Same, ""},
		"another goal":                        {weight("90"), weight("70"), Differs, "Target"},
		"a goal in other words":               {`{"resourceType":"Goal","lifecycleStatus":"active","description":{"coding":[{"system":"x","code":"1"}],"text":"Walk more"}}`, `{"resourceType":"Goal","lifecycleStatus":"active","description":{"coding":[{"system":"x","code":"1"}],"text":"Swim more"}}`, More, ""},
		"the same plan":                       {colonoscopy, colonoscopy, Same, ""},
		"not to be done":                      {colonoscopy, with(colonoscopy, `,"doNotPerform":true`), Differs, "Status"},
		"to be done, where the chart forbids": {with(colonoscopy, `,"doNotPerform":true`), colonoscopy, Differs, "Status"},
		"the same note":                       {letter("SGVsbG8="), letter("SGVsbG8="), Same, ""},
		"another text":                        {letter("SGVsbG8="), letter("R29vZGJ5ZQ=="), Differs, "Text"},
		"the same sister":                     {sister(`,"name":"Ann"`, ""), sister(`,"name":"Ann"`, ""), Same, ""},
		"another sister":                      {sister(`,"name":"Ann"`, ""), sister(`,"name":"Beth"`, ""), Differs, "Name"},
		"at what age":                         {sister("", ""), sister("", `,"onsetAge":{"value":35,"unit":"year","code":"a"}`), More, ""},
		"died of it":                          {sister("", ""), sister("", `,"contributedToDeath":true`), More, ""},
		"provisional":                         {with(cataract, sure("confirmed")), with(cataract, sure("provisional")), Differs, "Certainty"},
		"confirmed, and the chart silent":     {cataract, with(cataract, sure("confirmed")), Same, ""},
		"provisional, and the chart silent":   {cataract, with(cataract, sure("provisional")), More, ""},
		"who wrote it down, and when":         {cataract, with(cataract, `,"recordedDate":"2026-01-01","recorder":{"display":"Dr K. Hart"},"identifier":[{"value":"7"}],"category":[{"text":"x"}]`), Same, ""},
		"a member that nobody knows of yet":   {cataract, with(cataract, `,"stage":[{"summary":{"text":"mature"}}]`), More, ""},
	} {
		item := Item{Key: "1", Section: Problems, Resource: node(t, strings.Replace(c.document, `"id"`, `"_id"`, 1))}
		r := indexOf([]*fhir.Node{node(t, c.chart)}).row(&item)
		var differs []string
		for _, f := range r.Fields {
			if f.Differs {
				differs = append(differs, f.Name)
			}
		}
		if r.State != c.want || strings.Join(differs, ", ") != c.differs {
			t.Errorf("%s: %s %q, want %s %q: %+v", name, r.State, differs, c.want, c.differs, r.Fields)
		}
	}
}

// TestAPartOfAPanelSaysMoreThanItsValue: a value that was cancelled, or that has a comment, is not the final one.
func TestAPartOfAPanelSaysMoreThanItsValue(t *testing.T) {
	part := func(id, status, rest string) string {
		return `{"resourceType":"Observation",` + id + `"status":"` + status + `","code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}],"text":"Potassium"},"valueQuantity":{"value":6.8,"unit":"mmol/L"}` + rest + `}`
	}
	report := `{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"51990-0"}],"text":"Basic metabolic panel"},"effectiveDateTime":"2026-11-01","result":[{"reference":"Observation/k"}]}`
	note := `,"note":[{"text":"grossly haemolysed; do not use"}]`
	for name, c := range map[string]struct {
		chart, document string
		want            State
	}{
		"the same":             {part(`"id":"k",`, "final", ""), part("", "final", ""), Same},
		"cancelled":            {part(`"id":"k",`, "final", ""), part("", "cancelled", ""), Differs},
		"a comment":            {part(`"id":"k",`, "final", ""), part("", "final", note), More},
		"the same comment":     {part(`"id":"k",`, "final", note), part("", "final", note), Same},
		"a comment of our own": {part(`"id":"k",`, "final", note), part("", "final", ""), Same},
	} {
		item := Item{Key: "1", Section: Results, Resource: node(t, strings.NewReplacer(`"id":"r",`, "", `,"result":[{"reference":"Observation/k"}]`, "").Replace(report)), Parts: []*fhir.Node{node(t, c.document)}}
		if r := indexOf([]*fhir.Node{node(t, report), node(t, c.chart)}).row(&item); r.State != c.want {
			t.Errorf("%s: %s, want %s: %+v", name, r.State, c.want, r.Fields)
		}
	}
}

// TestWhatIsDeniedIsAgainstTheChart: a denied problem or allergy of which the chart has one of today cannot be added.
func TestWhatIsDeniedIsAgainstTheChart(t *testing.T) {
	condition := func(code, name, rest string) string {
		return `{"resourceType":"Condition","id":"c","code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `"}],"text":"` + name + `"}` + rest + `}`
	}
	active := `,"clinicalStatus":{"coding":[{"code":"active"}]}`
	refuted := `,"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"refuted"}]}`
	for name, c := range map[string]struct {
		chart, document string
		want            State
	}{
		"the same":               {condition("44054006", "Type 2 diabetes mellitus", active), condition("44054006", "Type 2 diabetes mellitus", refuted), Against},
		"the wider one":          {condition("44054006", "Type 2 diabetes mellitus", active), condition("73211009", "Diabetes mellitus", refuted), Against},
		"another":                {condition("44054006", "Type 2 diabetes mellitus", active), condition("90560007", "Gout", refuted), New},
		"what the chart had":     {condition("90560007", "Gout", `,"clinicalStatus":{"coding":[{"code":"resolved"}]}`), condition("90560007", "Acute gout", refuted), Differs},
		"what is not denied":     {condition("44054006", "Type 2 diabetes mellitus", active), condition("73211009", "Diabetes mellitus", active), New},
		"what the chart refutes": {condition("90560007", "Gout", refuted), condition("90560007", "Gout", refuted), Same},
	} {
		r := indexOf([]*fhir.Node{node(t, c.chart)}).row(&Item{Key: "1", Section: Problems, Resource: node(t, strings.Replace(c.document, `"id":"c",`, "", 1))})
		if r.State != c.want || r.Addable() != (c.want == New || c.want == Differs) {
			t.Errorf("%s: %s, want %s", name, r.State, c.want)
		}
	}
}

// TestWhatIsNotSureIsNotTheSame: a plain statement is not the same as the chart's suspicion, nor as one that a name
// takes back.
func TestWhatIsNotSureIsNotTheSame(t *testing.T) {
	asthma := func(text, verified string) *fhir.Node {
		if verified != "" {
			verified = `,"verificationStatus":{"coding":[{"code":"` + verified + `"}]}`
		}
		return node(t, `{"resourceType":"Condition","id":"c","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}],"text":"`+text+`"}`+verified+`}`)
	}
	for _, c := range []struct {
		chart, document *fhir.Node
		want            State
	}{
		{asthma("Asthma", ""), asthma("Asthma", ""), Same},
		{asthma("Asthma", "unconfirmed"), asthma("Asthma", ""), Same},
		{asthma("Asthma", "provisional"), asthma("Asthma", "provisional"), Same},
		{asthma("Asthma", "provisional"), asthma("Asthma", ""), Differs},
		{asthma("Asthma", "differential"), asthma("Bronchial asthma", ""), Differs},
		{asthma("Asthma ruled out", ""), asthma("Asthma", ""), Differs},
		{asthma("Asthma", ""), asthma("Suspected asthma", ""), Differs},
		{asthma("Asthma ruled out", ""), asthma("Asthma ruled out", ""), Same},
	} {
		if r := indexOf([]*fhir.Node{c.chart}).row(&Item{Key: "1", Section: Problems, Resource: c.document}); r.State != c.want {
			t.Errorf("%s beside %s: %s, want %s", c.document.JSON(), c.chart.JSON(), r.State, c.want)
		}
	}
}
