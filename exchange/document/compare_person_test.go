package document

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// person is a Patient: names as "Given Middle/Family" with ";" between them, birth date, sex and numbers as
// "system|value".
func person(names, born, sex string, numbers ...string) string {
	var parts []string
	for _, n := range strings.Split(names, ";") {
		given, family, _ := strings.Cut(n, "/")
		var members []string
		if family != "" {
			members = append(members, `"family":"`+family+`"`)
		}
		if given != "" {
			members = append(members, `"given":["`+strings.ReplaceAll(given, " ", `","`)+`"]`)
		}
		if n != "" {
			parts = append(parts, "{"+strings.Join(members, ",")+"}")
		}
	}
	body := `{"resourceType":"Patient"`
	if len(parts) > 0 {
		body += `,"name":[` + strings.Join(parts, ",") + `]`
	}
	if born != "" {
		body += `,"birthDate":"` + born + `"`
	}
	if sex != "" {
		body += `,"gender":"` + sex + `"`
	}
	var ids []string
	for _, n := range numbers {
		system, value, _ := strings.Cut(n, "|")
		ids = append(ids, `{"system":"`+system+`","value":"`+value+`"}`)
	}
	if len(ids) > 0 {
		body += `,"identifier":[` + strings.Join(ids, ",") + `]`
	}
	return body + "}"
}

// TestWhoseDocumentItIs: what is the same person is told from a twin, a namesake and somebody else.
func TestWhoseDocumentItIs(t *testing.T) {
	const born, f, m = "1980-05-17", "female", "male"
	text := func(s string) string {
		return `{"resourceType":"Patient","name":[{"text":"` + s + `"}],"birthDate":"` + born + `","gender":"female"}`
	}
	for name, c := range map[string]struct {
		chart, document string
		blocks          bool
	}{
		"the same":                        {person("Maria/Okafor", born, f), person("Maria/Okafor", born, f), false},
		"a twin":                          {person("Anna/Okafor", born, f), person("Eva/Okafor", born, f), true},
		"twins with a middle name":        {person("Anna Maria/Okafor", born, f), person("Eva Maria/Okafor", born, f), true},
		"twins with names alike":          {person("Dana/Okafor", born, f), person("Dina/Okafor", born, f), true},
		"twins with the same consonants":  {person("Kiran/Rao", born, m), person("Karen/Rao", born, m), true},
		"Ronald and Donald":               {person("Ronald/Weasley", born, m), person("Donald/Weasley", born, m), true},
		"Jayden and Jordan":               {person("Jayden/Lee", born, m), person("Jordan/Lee", born, m), true},
		"no name at all":                  {person("Maria/Okafor", born, f), person("", born, f), true},
		"no given name":                   {person("Maria/Okafor", born, f), person("/Okafor", born, f), true},
		"no name known":                   {person("Maria/Okafor", born, f), person("Unknown/Okafor", born, f), true},
		"one name only":                   {person("/Suharto", born, m), person("/Suharto", born, m), false},
		"a newborn without a name":        {person("Noah/Okafor", born, m), person("Babyboy/Okafor", born, m), true},
		"a middle name more":              {person("Maria/Okafor", born, f), person("Maria Isabella/Okafor", born, f), false},
		"called by a middle name":         {person("Isabella Maria/Okafor", born, f), person("Maria/Okafor", born, f), false},
		"an initial":                      {person("Maria/Okafor", born, f), person("M./Okafor", born, f), false},
		"another initial":                 {person("Maria/Okafor", born, f), person("E./Okafor", born, f), true},
		"names joined":                    {person("Xiao Ming/Li", born, m), person("Xiaoming/Li", born, m), false},
		"a hyphen":                        {person("Anna-Maria/Okafor", born, f), person("Annamaria/Okafor", born, f), false},
		"a short form":                    {person("Robert/Smith", born, m), person("Rob/Smith", born, m), false},
		"Bill for William":                {person("William/Smith", born, m), person("Bill/Smith", born, m), false},
		"Peggy for Margaret":              {person("Margaret/Smith", born, f), person("Peggy/Smith", born, f), false},
		"Pepe for José":                   {person("José/García", born, m), person("Pepe/Garcia", born, m), false},
		"a nickname of the chart":         {person("Aloysius/Smith;Bunny/Smith", born, m), person("Bunny/Smith", born, m), false},
		"Mohammed for Muhammad":           {person("Muhammad/Hussein", born, m), person("Mohammed/Husain", born, m), false},
		"Yousef for Yusuf":                {person("Yusuf/Khan", born, m), person("Yousef/Khan", born, m), false},
		"Sergey for Sergei":               {person("Sergei/Ivanov", born, m), person("Sergey/Ivanow", born, m), false},
		"Mueller for Müller":              {person("Jürgen/Müller", born, m), person("Juergen/Mueller", born, m), false},
		"John for Jon":                    {person("Jon/Smith", born, m), person("John/Smith", born, m), false},
		"a maiden name":                   {person("Maria/Okafor", born, f), person("Maria/Smith", born, f), false},
		"a former name of the chart":      {person("Maria/Okafor;Maria/Smith", born, f), person("Maria/Smith", born, f), false},
		"two family names":                {person("Maria/García López", born, f), person("Maria/Garcia", born, f), false},
		"family and given exchanged":      {person("Maria/Okafor", born, f), person("Okafor/Maria", born, f), false},
		"one text":                        {text("Maria Okafor"), person("Maria/Okafor", born, f), false},
		"one text, the family first":      {text("Okafor, Maria"), person("Maria/Okafor", born, f), false},
		"a twin in one text":              {text("Okafor, Anna"), text("Okafor, Eva"), true},
		"a twin of one text":              {text("Okafor, Anna"), person("Eva/Okafor", born, f), true},
		"neither name":                    {person("Maria/Okafor", born, f), person("Joan/Smith", born, f), true},
		"another birth date":              {person("Maria/Okafor", born, f), person("Maria/Okafor", "1980-05-18", f), true},
		"another sex":                     {person("Maria/Okafor", born, f), person("Maria/Okafor", born, m), true},
		"no sex":                          {person("Maria/Okafor", born, f), person("Maria/Okafor", born, ""), false},
		"no birth date":                   {person("Maria/Okafor", born, f), person("Maria/Okafor", "", f), true},
		"no birth date but the number":    {person("Maria/Okafor", born, f, "urn:oid:2.999.1|0077"), person("Maria/Okafor", "", f, "urn:oid:2.999.1|77"), false},
		"the year of birth":               {person("Maria/Okafor", born, f), person("Maria/Okafor", "1980", f), false},
		"year of birth and maiden name":   {person("Maria/Okafor", born, f), person("Maria/Smith", "1980", f), true},
		"another number":                  {person("Maria/Okafor", born, f, "urn:oid:2.999.1|77"), person("Maria/Okafor", born, f, "urn:oid:2.999.1|78"), true},
		"the number of another authority": {person("Maria/Okafor", born, f, "urn:oid:2.999.1|77"), person("Maria/Okafor", born, f, "urn:oid:2.999.2|78"), false},
		"one of two numbers":              {person("Maria/Okafor", born, f, "urn:oid:2.999.1|77", "urn:oid:2.999.1|78"), person("Maria/Okafor", born, f, "urn:oid:2.999.1|78"), false},
		"a hidden number":                 {person("Maria/Okafor", born, f, "http://hl7.org/fhir/sid/us-ssn|123-45-6789"), person("Maria/Okafor", born, f, "http://hl7.org/fhir/sid/us-ssn|***-**-6789"), false},
		"no number but nines":             {person("Maria/Okafor", born, f, "http://hl7.org/fhir/sid/us-ssn|123-45-6789"), person("Maria/Okafor", born, f, "http://hl7.org/fhir/sid/us-ssn|999-99-9999"), false},
		"ids that are no numbers":         {person("Maria/Okafor", born, f, "urn:ietf:rfc:3986|urn:uuid:1b4e28ba-2fa1-11d2-883f-0016d3cca427"), person("Maria/Okafor", born, f, "urn:ietf:rfc:3986|urn:uuid:1b4e28ba-2fa1-11d2-883f-0016d3cca428"), false},
	} {
		who := node(t, c.chart)
		got := (&Comparison{Person: traits(chart.PatientFrom(who), who, node(t, c.document))}).Blocks()
		if got != c.blocks {
			t.Errorf("%s: blocks %v, %+v", name, got, traits(chart.PatientFrom(who), who, node(t, c.document)))
		}
	}
}

// TestNothingOfATwinIsWritten: neither filing nor accept=new does before somebody says why.
func TestNothingOfATwinIsWritten(t *testing.T) {
	h := open(t)
	d := letter(t)
	d.Patient = node(t, strings.Replace(maria, "Maria", "Joan", 1))
	anna := h.as(trust.Physician, "anna")
	up := Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}
	if _, err := File(ctx, anna, up); !OtherPerson(err) {
		t.Errorf("filed: %v", err)
	}
	if _, _, _, err := Take(ctx, anna, up); !OtherPerson(err) || len(h.all("Condition")) != 0 {
		t.Errorf("taken: %v", err)
	}
}

// TestADocumentAboutTwoPeople: nothing of it is taken without a person, unless both are the same.
func TestADocumentAboutTwoPeople(t *testing.T) {
	target := func(given, born string) string {
		return `<recordTarget><patientRole><id root="2.999.1" extension="` + given + `"/><patient><name><given>` + given + `</given><family>Okafor</family></name><administrativeGenderCode code="F"/><birthTime value="` + born + `"/></patient></patientRole></recordTarget>`
	}
	for name, c := range map[string]struct {
		targets string
		blocks  bool
	}{
		"one":             {target("Maria", "19680314"), false},
		"the same again":  {target("Maria", "19680314") + target("Maria", "19680314"), false},
		"and her newborn": {target("Maria", "19680314") + target("Grace", "20261101"), true},
		"nobody":          {target("Maria", "19680314") + `<recordTarget nullFlavor="NI"><patientRole nullFlavor="NI"/></recordTarget>`, false},
	} {
		body := []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + c.targets + `</ClinicalDocument>`)
		d, err := Read(body)
		if err != nil {
			t.Fatal(err)
		}
		h := open(t)
		_, _, _, err = Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: body, Read: d})
		if OtherPerson(err) != c.blocks || (err != nil) != c.blocks || (len(d.Doubts) > 0) != c.blocks {
			t.Errorf("%s: %v, %v, %v", name, d.Others, d.Doubts, err)
		}
	}
}

// TestASexAtBirthIsHeldToTheChart: one that is not the chart's is a doubt.
func TestASexAtBirthIsHeldToTheChart(t *testing.T) {
	for _, c := range []struct {
		chart, value string
		want         bool
	}{
		{"female", `{"coding":[{"code":"M"}]}`, true}, {"female", `{"text":"Male"}`, true}, {"male", `{"coding":[{"code":"248153007"}]}`, false},
		{"female", `{"coding":[{"code":"F"}]}`, false}, {"unknown", `{"coding":[{"code":"M"}]}`, false}, {"female", `{"coding":[{"code":"UNK"}]}`, false},
	} {
		x := Comparison{Chart: chart.Patient{Sex: c.chart}, Rows: []Row{{Item: &Item{Resource: node(t, `{"resourceType":"Observation","code":{"coding":[{"code":"76689-9"}]},"valueCodeableConcept":`+c.value+`}`)}}}}
		if x.otherSex(); (len(x.Rows[0].Doubts()) > 0) != c.want {
			t.Errorf("%s beside %s: %v", c.value, c.chart, x.Rows[0].Doubts())
		}
	}
}
