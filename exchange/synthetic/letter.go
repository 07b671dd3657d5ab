package synthetic

import (
	"fmt"
	"strings"
	"time"
)

// Letter is a C-CDA document (R2.1) of an invented clinic, as another system would send it. The same
// Letter is the same document.
//
//	body := synthetic.Letter{Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 1}.Document()
type Letter struct {
	Number               int    // of the document
	Family, Given        string // of the patient
	Born, Sex            string // "19680314", "F"
	Phone, Street, City  string
	Custodian            string    // "" is Kirkstall Heart Clinic
	Written              time.Time // zero is 9 November 2026
	Visits               int       // each with measurements and a panel of results; 4 make about 100 KB
	Title                string    // "" is "Clinic summary"
	Extra                string    // a section more, as it stands
	Narrative            string    // more text of the section of medicines, as it stands
	NoAllergies, Another bool      // says that there are no allergies; leaves out what is told of the heart
}

// Document writes the letter.
func (l Letter) Document() []byte {
	if l.Custodian == "" {
		l.Custodian = "Kirkstall Heart Clinic"
	}
	if l.Title == "" {
		l.Title = "Clinic summary"
	}
	if l.Written.IsZero() {
		l.Written = time.Date(2026, 11, 9, 10, 30, 0, 0, time.UTC)
	}
	w := &letterWriter{Letter: l}
	w.header()
	w.medicines()
	w.allergies()
	w.problems()
	w.vaccines()
	w.results()
	w.vitals()
	w.procedures()
	w.visits()
	w.smoking()
	w.b.WriteString(l.Extra)
	w.b.WriteString("</structuredBody></component></ClinicalDocument>\n")
	return []byte(w.b.String())
}

type letterWriter struct {
	Letter
	b strings.Builder
	n int
}

func (w *letterWriter) say(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// id is the number of an entry.
func (w *letterWriter) id() string {
	w.n++
	return fmt.Sprintf(`<id root="2.16.840.1.113883.3.9999.%d" extension="%d"/>`, w.Number+1, w.n)
}

func escaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

func (w *letterWriter) header() {
	at := w.Written.Format("20060102150405-0700")
	w.say(`<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc">
<realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/><templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/>
<id root="2.16.840.1.113883.3.9999" extension="letter-%d"/>
<code code="34133-9" displayName="Summarization of Episode Note" codeSystem="2.16.840.1.113883.6.1"/>
<title>%s</title><effectiveTime value="%s"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>
<setId root="2.16.840.1.113883.3.9999.1" extension="set-%d"/><versionNumber value="1"/>`, w.Number, escaped(w.Title), at, w.Number)
	w.say(`<recordTarget><patientRole><id root="2.16.840.1.113883.3.9999.2" extension="KHC-%d"/><addr use="HP"><streetAddressLine>%s</streetAddressLine><city>%s</city></addr><telecom use="HP" value="tel:%s"/>
<patient><name use="L"><given>%s</given><family>%s</family></name><administrativeGenderCode code="%s" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="%s"/></patient></patientRole></recordTarget>`,
		w.Number, escaped(w.Street), escaped(w.City), escaped(w.Phone), escaped(w.Given), escaped(w.Family), w.Sex, w.Born)
	w.say(`<author><time value="%s"/><assignedAuthor><id root="2.16.840.1.113883.4.6" extension="9990000001"/><addr nullFlavor="NI"/><telecom nullFlavor="NI"/><assignedPerson><name><given>Karin</given><family>Hart</family></name></assignedPerson></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id root="2.16.840.1.113883.3.9999"/><name>%s</name></representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody>`, at, escaped(w.Custodian))
}

// section writes a section: its text as a table of rows, and its entries.
func (w *letterWriter) section(template, code, title string, head []string, rows [][]string, entries []string, more string) {
	w.say(`<component><section><templateId root="%s" extension="2015-08-01"/><code code="%s" codeSystem="2.16.840.1.113883.6.1"/><title>%s</title><text>`, template, code, title)
	w.say("<table><thead><tr>")
	for _, h := range head {
		w.say("<th>%s</th>", h)
	}
	w.say("</tr></thead><tbody>")
	for i, row := range rows {
		w.say(`<tr ID="%s%d">`, code, i)
		for _, c := range row {
			w.say("<td>%s</td>", escaped(c))
		}
		w.say("</tr>")
	}
	w.say("</tbody></table>%s</text>", more)
	for _, e := range entries {
		w.say(`<entry typeCode="DRIV">%s</entry>`, w.signed(e))
	}
	w.say("</section></component>")
}

// dayOf writes a date of the document for people: "2026-11-09".
func dayOf(s string) string {
	if len(s) != 8 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}

// signed writes into each statement who has written it, as most systems do.
func (w *letterWriter) signed(entry string) string {
	at := w.Written.Format("20060102150405-0700")
	by := fmt.Sprintf(`
  <author>
    <templateId root="2.16.840.1.113883.10.20.22.4.119"/>
    <time value="%s"/>
    <assignedAuthor>
      <id root="2.16.840.1.113883.4.6" extension="9990000001"/>
      <code code="207RC0000X" displayName="Cardiovascular Disease Physician" codeSystem="2.16.840.1.113883.6.101" codeSystemName="Healthcare Provider Taxonomy"/>
      <addr use="WP"><streetAddressLine>1 Kirkstall Road</streetAddressLine><city>Leeds</city><postalCode>LS3 1XX</postalCode><country>GB</country></addr>
      <telecom use="WP" value="tel:+44-113-496-0100"/>
      <assignedPerson><name><prefix>Dr</prefix><given>Karin</given><family>Hart</family></name></assignedPerson>
      <representedOrganization><id root="2.16.840.1.113883.3.9999"/><name>%s</name></representedOrganization>
    </assignedAuthor>
  </author>
`, at, escaped(w.Custodian))
	for _, end := range []string{"</observation></component>", "</substanceAdministration>", "</procedure>", "</encounter>", "</observation></entryRelationship></act>"} {
		entry = strings.ReplaceAll(entry, end, by+end)
	}
	return entry
}

func textOf(code string, i int) string {
	return fmt.Sprintf(`<text><reference value="#%s%d"/></text>`, code, i)
}

// letterMedicines are a name, the RxNorm code of the ingredient, milligrams, times a day and since when.
var letterMedicines = []struct {
	name, code string
	mg         string
	daily      int
	since      string
}{
	{"apixaban", "1364430", "5", 2, "20261109"}, {"lisinopril", "29046", "10", 1, "20240220"}, {"metformin", "6809", "1000", 2, "20190501"},
	{"atorvastatin", "83367", "40", 1, "20180312"}, {"levothyroxine", "10582", "0.05", 1, "20150901"}, {"omeprazole", "7646", "20", 1, "20220614"},
	{"amlodipine", "17767", "5", 1, "20210105"}, {"sertraline", "36437", "50", 1, "20230910"},
}

func (w *letterWriter) medicines() {
	var rows [][]string
	var entries []string
	for i, m := range letterMedicines {
		if w.Another && i == 0 {
			continue
		}
		name := fmt.Sprintf("%s %s mg tablet", m.name, m.mg)
		rows = append(rows, []string{name, fmt.Sprintf("1 tablet, %d a day", m.daily), dayOf(m.since)})
		entries = append(entries, fmt.Sprintf(`<substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.16" extension="2014-06-09"/>%s%s<statusCode code="active"/>
<effectiveTime xsi:type="IVL_TS"><low value="%s"/></effectiveTime><effectiveTime xsi:type="PIVL_TS" institutionSpecified="true" operator="A"><period value="%d" unit="h"/></effectiveTime>
<routeCode code="C38288" displayName="Oral" codeSystem="2.16.840.1.113883.3.26.1.1"/><doseQuantity value="1"/>
<consumable><manufacturedProduct classCode="MANU"><templateId root="2.16.840.1.113883.10.20.22.4.23" extension="2014-06-09"/><manufacturedMaterial><code code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.88"><originalText>%s</originalText></code></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>`,
			w.id(), textOf("10160-0", len(rows)-1), m.since, 24/m.daily, m.code, m.name, name))
	}
	w.section("2.16.840.1.113883.10.20.22.2.1.1", "10160-0", "Medications", []string{"Medicine", "Directions", "Since"}, rows, entries, w.Narrative)
}

var letterAllergies = []struct{ name, code, system, reaction, snomed, severity, degree string }{
	{"penicillin G", "7980", "2.16.840.1.113883.6.88", "Anaphylaxis", "39579001", "Severe", "24484000"},
	{"sulfamethoxazole", "10180", "2.16.840.1.113883.6.88", "Eruption of skin", "271807003", "Mild", "255604002"},
	{"adhesive dressing", "102303004", "2.16.840.1.113883.6.96", "Redness", "247441003", "Mild", "255604002"},
}

func (w *letterWriter) allergies() {
	var rows [][]string
	var entries []string
	act := func(observation string) string {
		return fmt.Sprintf(`<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.30" extension="2015-08-01"/>%s<code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><effectiveTime><low value="2011"/></effectiveTime><entryRelationship typeCode="SUBJ">%s</entryRelationship></act>`, w.id(), observation)
	}
	for i, a := range letterAllergies {
		if w.NoAllergies {
			break
		}
		rows = append(rows, []string{a.name, a.reaction, a.severity})
		entries = append(entries, act(fmt.Sprintf(`<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.7" extension="2014-06-09"/>%s<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>%s<statusCode code="completed"/><effectiveTime><low value="2011"/></effectiveTime><value xsi:type="CD" code="419199007" displayName="Allergy to substance" codeSystem="2.16.840.1.113883.6.96"/>
<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="%s" displayName="%s" codeSystem="%s"/></playingEntity></participantRole></participant>
<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.9" extension="2014-06-09"/>%s<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/><value xsi:type="CD" code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.96"/>
<entryRelationship typeCode="SUBJ" inversionInd="true"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.8" extension="2014-06-09"/><code code="SEV" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/><value xsi:type="CD" code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.96"/></observation></entryRelationship></observation></entryRelationship></observation>`,
			w.id(), textOf("48765-2", i), a.code, a.name, a.system, w.id(), a.snomed, a.reaction, a.degree, a.severity)))
	}
	if w.NoAllergies {
		rows = append(rows, []string{"No known allergies", "", ""})
		entries = append(entries, act(fmt.Sprintf(`<observation classCode="OBS" moodCode="EVN" negationInd="true"><templateId root="2.16.840.1.113883.10.20.22.4.7" extension="2014-06-09"/>%s<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>%s<statusCode code="completed"/><effectiveTime nullFlavor="NA"/><value xsi:type="CD" code="419199007" displayName="Allergy to substance" codeSystem="2.16.840.1.113883.6.96"/><participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code nullFlavor="NA"/></playingEntity></participantRole></participant></observation>`, w.id(), textOf("48765-2", 0))))
	}
	w.section("2.16.840.1.113883.10.20.22.2.6.1", "48765-2", "Allergies", []string{"Substance", "Reaction", "Severity"}, rows, entries, "")
}

var letterProblems = []struct{ name, snomed, icd, since string }{
	{"Paroxysmal atrial fibrillation", "282825002", "I48.0", "20261109"}, {"Essential hypertension", "59621000", "I10", "20150612"},
	{"Type 2 diabetes mellitus", "44054006", "E11.9", "20190501"}, {"Hyperlipidemia", "55822004", "E78.5", "20180312"}, {"Hypothyroidism", "40930008", "E03.9", "20150901"},
	{"Gastroesophageal reflux disease", "235595009", "K21.9", "20220614"}, {"Osteoarthritis of knee", "239873007", "M17.9", "2020"},
}

func (w *letterWriter) problems() {
	var rows [][]string
	var entries []string
	for i, p := range letterProblems {
		if w.Another && i == 0 {
			continue
		}
		rows = append(rows, []string{p.name, dayOf(p.since)})
		entries = append(entries, fmt.Sprintf(`<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3" extension="2015-08-01"/>%s<code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><effectiveTime><low value="%s"/></effectiveTime><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4" extension="2015-08-01"/>%s<code code="55607006" displayName="Problem" codeSystem="2.16.840.1.113883.6.96"/>%s<statusCode code="completed"/><effectiveTime><low value="%s"/></effectiveTime>
<value xsi:type="CD" code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.96"><translation code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.90"/></value></observation></entryRelationship></act>`,
			w.id(), p.since, w.id(), textOf("11450-4", len(rows)-1), p.since, p.snomed, p.name, p.icd, p.name))
	}
	w.section("2.16.840.1.113883.10.20.22.2.5.1", "11450-4", "Problems", []string{"Problem", "Since"}, rows, entries, "")
}

func (w *letterWriter) vaccines() {
	var rows [][]string
	var entries []string
	for i, v := range []struct{ name, cvx, on, lot string }{{"Influenza, injectable, quadrivalent, preservative free", "150", "20261001", "KH2201"}, {"Tdap", "115", "20180504", "KH1807"},
		{"Pneumococcal conjugate PCV 20", "216", "20240311", "KH2403"}, {"COVID-19, mRNA", "308", "20251010", "KH2510"}} {
		rows = append(rows, []string{v.name, dayOf(v.on), v.lot})
		entries = append(entries, fmt.Sprintf(`<substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="false"><templateId root="2.16.840.1.113883.10.20.22.4.52" extension="2015-08-01"/>%s%s<statusCode code="completed"/><effectiveTime value="%s"/><consumable><manufacturedProduct classCode="MANU"><templateId root="2.16.840.1.113883.10.20.22.4.54" extension="2014-06-09"/><manufacturedMaterial><code code="%s" displayName="%s" codeSystem="2.16.840.1.113883.12.292"/><lotNumberText>%s</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>`,
			w.id(), textOf("11369-6", i), v.on, v.cvx, v.name, v.lot))
	}
	w.section("2.16.840.1.113883.10.20.22.2.2.1", "11369-6", "Immunizations", []string{"Vaccine", "Date", "Lot"}, rows, entries, "")
}

// measured are LOINC code, name, UCUM unit, a value and by how much it changes from visit to visit.
type measured struct {
	code, name, unit string
	value, step      float64
}

var letterTests = []measured{{"2951-2", "Sodium", "mmol/L", 138, 1}, {"2823-3", "Potassium", "mmol/L", 4.1, 0.1}, {"2160-0", "Creatinine", "mg/dL", 0.9, 0.02},
	{"2345-7", "Glucose", "mg/dL", 128, 3}, {"4548-4", "Hemoglobin A1c", "%", 7.1, 0.1}}

var letterVitals = []measured{{"8480-6", "Systolic blood pressure", "mm[Hg]", 134, 2}, {"8462-4", "Diastolic blood pressure", "mm[Hg]", 82, 1}, {"8867-4", "Heart rate", "/min", 72, 2},
	{"29463-7", "Body weight", "kg", 74.5, 0.3}}

// on is when a visit was.
func (w *letterWriter) on(visit int) time.Time {
	return w.Written.AddDate(0, -3*visit, -visit%5)
}

func (m measured) at(visit int) string { return fmt.Sprintf("%.4g", m.value+m.step*float64(visit%4)) }

func (w *letterWriter) panel(organizer, part, code, name, class string, list []measured, section string) {
	var rows [][]string
	var entries []string
	for v := range w.Visits {
		at := w.on(v).Format("200601021504-0700")
		var parts strings.Builder
		for _, m := range list {
			rows = append(rows, []string{m.name, m.at(v) + " " + m.unit, w.on(v).Format("2006-01-02")})
			fmt.Fprintf(&parts, `<component><observation classCode="OBS" moodCode="EVN"><templateId root="%s" extension="2015-08-01"/>%s<code code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.1"/>%s<statusCode code="completed"/><effectiveTime value="%s"/><value xsi:type="PQ" value="%s" unit="%s"/></observation></component>`+"\n",
				part, w.id(), m.code, m.name, textOf(section, len(rows)-1), at, m.at(v), m.unit)
		}
		entries = append(entries, fmt.Sprintf(`<organizer classCode="%s" moodCode="EVN"><templateId root="%s" extension="2015-08-01"/>%s<code code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><effectiveTime><low value="%s"/><high value="%s"/></effectiveTime>
%s</organizer>`, class, organizer, w.id(), code, name, at, at, parts.String()))
	}
	template, title := "2.16.840.1.113883.10.20.22.2.3.1", "Results"
	if section == "8716-3" {
		template, title = "2.16.840.1.113883.10.20.22.2.4.1", "Vital signs"
	}
	w.section(template, section, title, []string{"Name", "Value", "Date"}, rows, entries, "")
}

func (w *letterWriter) results() {
	if w.Visits > 0 {
		w.panel("2.16.840.1.113883.10.20.22.4.1", "2.16.840.1.113883.10.20.22.4.2", "24323-8", "Comprehensive metabolic panel", "BATTERY", letterTests, "30954-2")
	}
}

func (w *letterWriter) vitals() {
	if w.Visits > 0 {
		w.panel("2.16.840.1.113883.10.20.22.4.26", "2.16.840.1.113883.10.20.22.4.27", "85353-1", "Vital signs panel", "CLUSTER", letterVitals, "8716-3")
	}
}

func (w *letterWriter) procedures() {
	var rows [][]string
	var entries []string
	for i, p := range []struct{ name, code, on string }{{"Echocardiography", "40701008", "20261109"}, {"Colonoscopy", "73761001", "20210419"}} {
		rows = append(rows, []string{p.name, dayOf(p.on)})
		entries = append(entries, fmt.Sprintf(`<procedure classCode="PROC" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.14" extension="2014-06-09"/>%s<code code="%s" displayName="%s" codeSystem="2.16.840.1.113883.6.96"/>%s<statusCode code="completed"/><effectiveTime value="%s"/></procedure>`, w.id(), p.code, p.name, textOf("47519-4", i), p.on))
	}
	w.section("2.16.840.1.113883.10.20.22.2.7.1", "47519-4", "Procedures", []string{"Procedure", "Date"}, rows, entries, "")
}

func (w *letterWriter) visits() {
	var rows [][]string
	var entries []string
	for v := range w.Visits {
		rows = append(rows, []string{"Office visit", w.on(v).Format("2006-01-02")})
		entries = append(entries, fmt.Sprintf(`<encounter classCode="ENC" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.49" extension="2015-08-01"/>%s<code code="99213" displayName="Office outpatient visit 15 minutes" codeSystem="2.16.840.1.113883.6.12"/>%s<statusCode code="completed"/><effectiveTime value="%s"/></encounter>`, w.id(), textOf("46240-8", v), w.on(v).Format("200601021504-0700")))
	}
	if len(rows) > 0 {
		w.section("2.16.840.1.113883.10.20.22.2.22.1", "46240-8", "Encounters", []string{"Visit", "Date"}, rows, entries, "")
	}
}

func (w *letterWriter) smoking() {
	w.section("2.16.840.1.113883.10.20.22.2.17", "29762-2", "Social history", []string{"What", "Value"}, [][]string{{"Smoking", "Former smoker"}}, []string{
		fmt.Sprintf(`<observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.78" extension="2014-06-09"/>%s<code code="72166-2" displayName="Tobacco smoking status" codeSystem="2.16.840.1.113883.6.1"/>%s<statusCode code="completed"/><effectiveTime value="%s"/><value xsi:type="CD" code="8517006" displayName="Former smoker" codeSystem="2.16.840.1.113883.6.96"/></observation>`, w.id(), textOf("29762-2", 0), w.Written.Format("20060102"))}, "")
}
