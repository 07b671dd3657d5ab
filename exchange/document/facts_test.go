package document

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

// Entries as other systems write them, in as few words as they need.
const (
	snomedIn    = ` codeSystem="2.16.840.1.113883.6.96"`
	loincIn     = ` codeSystem="2.16.840.1.113883.6.1"`
	ofTheMother = `<subject><relatedSubject classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111" displayName="Mother"/></relatedSubject></subject>`
	embolism    = `<value xsi:type="CD" code="59282003"` + snomedIn + ` displayName="Pulmonary embolism"/>`
	toDrug      = `<value xsi:type="CD" code="416098002"` + snomedIn + ` displayName="Allergy to drug"/>`
)

func sctElement(name, code, display string) string {
	kind := ""
	if name == "value" {
		kind = ` xsi:type="CD"`
	}
	return `<` + name + kind + ` code="` + code + `"` + snomedIn + ` displayName="` + display + `"/>`
}

func observationEntry(attributes, inner string) string {
	return `<observation classCode="OBS" moodCode="EVN"` + attributes + `>` + inner + `</observation>`
}

func hung(typeCode, inner string) string {
	return `<entryRelationship typeCode="` + typeCode + `">` + inner + `</entryRelationship>`
}

// problemEntry is a problem observation; concernEntry an act around one of a kind: "3" of problems, "30" of allergies.
func problemEntry(attributes, inner string) string {
	return observationEntry(attributes, `<templateId root="2.16.840.1.113883.10.20.22.4.4"/>`+sctElement("code", "55607006", "Problem")+`<statusCode code="completed"/>`+inner)
}

func concernEntry(kind, attributes, status, inner string) string {
	return `<act classCode="ACT" moodCode="EVN"` + attributes + `><templateId root="2.16.840.1.113883.10.20.22.4.` + kind + `"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="` + status + `"/>` + hung("SUBJ", inner) + `</act>`
}

func problemIn(status, inner string) string {
	return concernEntry("3", "", status, problemEntry("", inner))
}

func allergyEntry(attributes, inner string) string {
	return observationEntry(attributes, `<templateId root="2.16.840.1.113883.10.20.22.4.7"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/>`+inner)
}

func allergyIn(status, inner string) string {
	return concernEntry("30", "", status, allergyEntry("", inner))
}

func agentEntry(typeCode, code, display string) string {
	return `<participant typeCode="` + typeCode + `"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="` + code + `" codeSystem="2.16.840.1.113883.6.88" displayName="` + display + `"/></playingEntity></participantRole></participant>`
}

func reactionEntry(attributes, inner string) string {
	return observationEntry(attributes, `<templateId root="2.16.840.1.113883.10.20.22.4.9"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/>`+inner)
}

func severityEntry(value string) string {
	return hung("SUBJ", observationEntry("", `<templateId root="2.16.840.1.113883.10.20.22.4.8"/><code code="SEV" codeSystem="2.16.840.1.113883.5.4"/>`+value))
}

func statusEntry(value string) string {
	return hung("REFR", observationEntry("", `<code code="33999-4"`+loincIn+`/><statusCode code="completed"/>`+value))
}

func measureEntry(code, display, value, more string) string {
	return observationEntry("", `<code code="`+code+`"`+loincIn+` displayName="`+display+`"/><statusCode code="completed"/><effectiveTime value="20260101"/>`+value+more)
}

func panelEntry(status, inner string) string {
	return `<organizer classCode="BATTERY" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.1"/><code code="51990-0"` + loincIn + ` displayName="Basic metabolic panel"/><statusCode code="` + status + `"/>` + inner + `</organizer>`
}

func sectionEntry(code, inner string) string {
	return `<section><code code="` + code + `"` + loincIn + `/><title>Section</title>` + inner + `</section>`
}

// doubtedLines are the lines of what was read with their doubts, and what was not, with the reason.
func doubtedLines(d *Document) string {
	var out []string
	for _, it := range d.Items {
		line := it.Text
		if it.Absent {
			line += " [none]"
		}
		for _, x := range it.Doubts {
			line += " ? " + fmt.Sprintf(x.Words, x.Args...)
		}
		out = append(out, line)
	}
	for _, u := range d.Unread {
		out = append(out, "unread "+u.What+" ? "+fmt.Sprintf(u.Why.Words, u.Why.Args...))
	}
	return strings.Join(out, " | ")
}

type factCase struct{ name, section, body, want string }

func factCases(t *testing.T, list []factCase) {
	t.Helper()
	for _, c := range list {
		if got := doubtedLines(readEntry(t, c.section, c.body)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestWhatIsSaidOfAnotherIsNoFactOfThePatient: a mother's cancer, sodium and problem list.
func TestWhatIsSaidOfAnotherIsNoFactOfThePatient(t *testing.T) {
	cancer := sctElement("value", "254837009", "Malignant neoplasm of breast")
	unread := func(what string) string {
		return "unread " + what + " ? The document says this of another person (Mother), not of the patient."
	}
	sodium := measureEntry("2951-2", "Sodium", `<value xsi:type="PQ" value="140" unit="mmol/L"/>`, "")
	ofMother := strings.Replace(sodium, "<statusCode", ofTheMother+"<statusCode", 1)
	itself := strings.Replace(ofTheMother, `code="MTH"`, `code="SELF"`, 1)
	entry := func(s string) string { return "<entry>" + s + "</entry>" }
	component := func(s string) string { return "<component>" + s + "</component>" }
	factCases(t, []factCase{
		{"in a problem", "11450-4", problemIn("active", cancer+ofTheMother), unread("Malignant neoplasm of breast")},
		{"in a concern", "11450-4", strings.Replace(concernEntry("3", "", "active", problemEntry("", cancer)), "<statusCode", ofTheMother+"<statusCode", 1), "unread Section ? The document says this of another person (Mother), not of the patient."},
		{"in an allergy", "48765-2", allergyIn("active", toDrug+ofTheMother+agentEntry("CSM", "7980", "Penicillin G")), unread("Allergy to drug")},
		{"in a result", "30954-2", ofMother, unread("Sodium")},
		{"in a member of a panel", "30954-2", panelEntry("completed", component(sodium)+component(strings.Replace(ofMother, "2951-2", "2823-3", 1))), "Basic metabolic panel, 1 Jan 2026: Sodium 140 mmol/L | " + unread("Sodium")},
		{"in a set of vital signs", "8716-3", `<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.26"/><code code="46680005"/><statusCode code="completed"/>` + component(ofMother) + `</organizer>`, unread("Sodium")},
		{"on a section", "", sectionEntry("30954-2", ofTheMother+entry(sodium)), unread("Sodium")},
		{"on a section around it", "", sectionEntry("30954-2", ofTheMother+component(sectionEntry("11450-4", entry(problemIn("active", cancer))))), "unread Section ? The document says this of another person (Mother), not of the patient."},
		{"after a section of another", "", sectionEntry("30954-2", component(sectionEntry("30954-2", ofTheMother+entry(sodium)))+component(sectionEntry("30954-2", entry(sodium)))), "Sodium 140 mmol/L, 1 Jan 2026 | " + unread("Sodium")},
		{"the patient in a section of another", "", sectionEntry("30954-2", ofTheMother+entry(strings.Replace(sodium, "<statusCode", itself+"<statusCode", 1))), "Sodium 140 mmol/L, 1 Jan 2026"},
		{"the patient by name", "11450-4", problemIn("active", cancer+itself), "Malignant neoplasm of breast"},
		{"nobody", "11450-4", problemIn("active", cancer+`<subject nullFlavor="NA"><relatedSubject nullFlavor="NA"/></subject>`), "Malignant neoplasm of breast"},
		{"without a code", "11450-4", problemIn("active", cancer+`<subject><relatedSubject classCode="PRS"/></subject>`), "unread Malignant neoplasm of breast ? The document says this of another person, not of the patient."},
		{"bare in the family history", "10157-6", problemEntry("", cancer+ofTheMother), "Mother: Malignant neoplasm of breast"},
		{"bare, of nobody", "10157-6", problemEntry("", cancer), "family member: Malignant neoplasm of breast ? The document does not say which relative this is about."},
		{"none of the family", "10157-6", strings.Replace(`<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.45"/><statusCode code="completed"/><component>`+observationEntry("", sctElement("code", "55607006", "Problem")+sctElement("value", "160245001", "No current problems or disability"))+`</component></organizer>`, "<component>", strings.Replace(ofTheMother, "MTH", "FTH", 1)+"<component>", 1), "Mother: No current problems or disability"},
		{"in a concern of the family history", "10157-6", problemIn("active", cancer), "family member: Malignant neoplasm of breast ? The document does not say which relative this is about."},
	})
	for _, it := range readEntry(t, "10157-6", problemEntry("", cancer+ofTheMother)).Items {
		if it.Resource.ResourceType() != "FamilyMemberHistory" || it.Resource.Path("relationship.coding.0.code").Text() != "MTH" {
			t.Errorf("%s", it.Resource.JSON())
		}
	}
}

// TestRuledOutIsNotActive: the statuses of C32, the context of a code, and concerns that are denied.
func TestRuledOutIsNotActive(t *testing.T) {
	context := func(attribute, code, display string) string {
		return strings.Replace(embolism, "/>", `><qualifier><name code="`+attribute+`"`+snomedIn+` displayName="Finding context"/><value code="`+code+`"`+snomedIn+` displayName="`+display+`"/></qualifier></value>`, 1)
	}
	words := func(s string) string {
		return statusEntry(`<value xsi:type="CD" nullFlavor="OTH"><originalText>` + s + `</originalText></value>`)
	}
	penicillin := toDrug + agentEntry("CSM", "7980", "Penicillin G")
	const only = " ? The document says that this is suspected, not that it is so."
	const concern = " ? The document denies the concern that this stands in, not the entry itself."
	for _, c := range []struct{ name, section, body, want, verification, clinical string }{
		{"ruled out", "11450-4", problemIn("active", embolism+statusEntry(sctElement("value", "410516002", "Ruled out"))), "Not: Pulmonary embolism", "refuted", ""},
		{"rule out", "11450-4", problemIn("active", embolism+statusEntry(sctElement("value", "415684004", "Rule out"))), "Suspected: Pulmonary embolism" + only, "provisional", "active"},
		{"ruled out in words", "11450-4", problemIn("active", embolism+words("Ruled out")), "Not: Pulmonary embolism", "refuted", ""},
		{"chronic", "11450-4", problemIn("completed", embolism+statusEntry(sctElement("value", "90734009", "Chronic"))), "Pulmonary embolism", "", "active"},
		{"a status that is not known", "11450-4", problemIn("active", embolism+statusEntry(sctElement("value", "7", "Historical"))), "Pulmonary embolism ? The document gives a status that is not known here: Historical.", "", "active"},
		{"not active", "11450-4", problemIn("active", embolism+strings.Replace(statusEntry(sctElement("value", "55561003", "Active")), `"EVN"`, `"EVN" negationInd="true"`, 1)), "Pulmonary embolism ? The document gives a status that is not known here: Not: Active.", "", "active"},
		{"two statuses", "11450-4", problemIn("active", embolism+statusEntry(sctElement("value", "55561003", "Active"))+statusEntry(sctElement("value", "413322009", "Resolved"))), "Pulmonary embolism ? The document does not say whether this is still so.", "", "active"},
		{"known absent", "11450-4", problemIn("active", context("408729009", "410516002", "Known absent")), "Not: Pulmonary embolism (Finding context: Known absent) ? The document adds to the code: Finding context: Known absent.", "refuted", ""},
		{"suspected", "11450-4", problemIn("active", context("408729009", "415684004", "Suspected")), "Suspected: Pulmonary embolism (Finding context: Suspected)" + " ? The document adds to the code: Finding context: Suspected." + only, "provisional", "active"},
		{"known present", "11450-4", problemIn("active", context("408729009", "410515003", "Known present")), "Pulmonary embolism", "", "active"},
		{"an expression", "11450-4", problemIn("active", strings.Replace(embolism, "59282003", "59282003:408729009=410516002", 1)), "Pulmonary embolism ? The document adds to the code: 59282003:408729009=410516002.", "", "active"},
		{"a site", "11450-4", problemIn("active", context("363698007", "41224006", "Left lower lobe of lung")), "Pulmonary embolism (Finding context: Left lower lobe of lung)", "", "active"},
		{"the concern is denied", "11450-4", concernEntry("3", ` negationInd="true"`, "active", problemEntry("", embolism)), "Not: Pulmonary embolism" + concern, "refuted", ""},
		{"how they are related is denied", "11450-4", strings.Replace(problemIn("active", embolism), `typeCode="SUBJ"`, `typeCode="SUBJ" negationInd="true"`, 1), "Not: Pulmonary embolism" + concern, "refuted", ""},
		{"an allergy is ruled out", "48765-2", allergyIn("active", penicillin+statusEntry(sctElement("value", "410516002", "Known absent"))), "No allergy to Penicillin G", "refuted", "inactive"},
		{"an allergy is suspected", "48765-2", allergyIn("active", penicillin+statusEntry(sctElement("value", "415684004", "Suspected"))), "Suspected: Penicillin G" + only, "unconfirmed", "active"},
		{"the concern of an allergy is denied", "48765-2", concernEntry("30", ` negationInd="true"`, "active", allergyEntry("", penicillin)), "No allergy to Penicillin G" + concern, "refuted", "inactive"},
		{"the concern of an allergy was aborted", "48765-2", allergyIn("aborted", penicillin), "Penicillin G ? The document does not say whether this is still so.", "", "active"},
	} {
		d := readEntry(t, c.section, c.body)
		if got := doubtedLines(d); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
			continue
		}
		n := d.Items[0].Resource
		if v, s := n.Path("verificationStatus.coding.0.code").Text(), n.Path("clinicalStatus.coding.0.code").Text(); v != c.verification || s != c.clinical {
			t.Errorf("%s: %q %q", c.name, v, s)
		}
	}
	factCases(t, []factCase{
		{"two codes", "11450-4", problemIn("active", embolism+sctElement("value", "38341003", "Hypertension")), "Pulmonary embolism ? The document adds to the code: Hypertension."},
		{"an end in a document without a date", "11450-4", problemIn("active", `<effectiveTime><high value="20990101"/></effectiveTime>`+embolism), "Pulmonary embolism, until 1 Jan 2099 ? The document does not say whether this is still so."},
		{"a code of another person", "11450-4", problemIn("active", context("408732007", "72705000", "Mother")), "unread Pulmonary embolism ? The document says this of another person (Mother), not of the patient."},
		{"a goal that is none", "61146-7", strings.Replace(observationEntry(` negationInd="true"`, `<templateId root="2.16.840.1.113883.10.20.22.4.121"/>`+sctElement("code", "304253006", "Resuscitation")+`<statusCode code="active"/>`), `"EVN"`, `"GOL"`, 1), "unread Resuscitation ? The document denies this. The text of the section says what it means."},
		{"a panel that is denied", "30954-2", strings.Replace(panelEntry("completed", "<component>"+measureEntry("2951-2", "Sodium", `<value xsi:type="PQ" value="140" unit="mmol/L"/>`, "")+"</component>"), "<organizer", `<organizer negationInd="true"`, 1), "unread Basic metabolic panel ? The document denies this. The text of the section says what it means."},
	})
}

// TestAnEndThatIsToComeIsNone: and what stands under what the patient had is no active problem.
func TestAnEndThatIsToComeIsNone(t *testing.T) {
	pregnancy := sctElement("value", "77386006", "Pregnancy")
	until := func(high string) string {
		return `<effectiveTime><low value="20260101"/><high value="` + high + `"/></effectiveTime>`
	}
	read := func(section, body string) Item {
		t.Helper()
		d, err := Read(whole("x", []byte(`<ClinicalDocument xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:hl7-org:v3"><templateId root="2.16.840.1.113883.10.20.22.1.1"/><effectiveTime value="20260601"/><component><structuredBody><component>`+sectionEntry(section, "<entry>"+body+"</entry>")+`</component></structuredBody></component></ClinicalDocument>`)))
		if err != nil || len(d.Items) != 1 {
			t.Fatalf("%v %s", err, doubtedLines(d))
		}
		check(t, "end", d.Items[0])
		return d.Items[0]
	}
	for _, c := range []struct {
		name, section, body, want, status string
		doubt                             bool
	}{
		{"a day to come", "11450-4", problemIn("active", until("20260901")+pregnancy), "Pregnancy, since 1 Jan 2026, active, expected until 1 Sep 2026", "active", false},
		{"a day that has passed", "11450-4", problemIn("active", until("20260301")+pregnancy), "Pregnancy, since 1 Jan 2026, until 1 Mar 2026", "resolved", false},
		{"in the past illnesses", "11348-0", problemEntry("", pregnancy), "Pregnancy, inactive", "inactive", true},
		{"active in the past illnesses", "11348-0", problemEntry("", pregnancy+statusEntry(sctElement("value", "55561003", "Active"))), "Pregnancy", "active", false},
		{"in the problems", "11450-4", problemEntry("", pregnancy), "Pregnancy", "active", false},
		{"an allergy to a day to come", "48765-2", allergyIn("completed", until("20260901")+toDrug+agentEntry("CSM", "7980", "Penicillin G")), "Penicillin G; since 1 Jan 2026", "active", true},
	} {
		it := read(c.section, c.body)
		if it.Text != c.want || it.Resource.Path("clinicalStatus.coding.0.code").Text() != c.status || slices.ContainsFunc(it.Doubts, func(d Doubt) bool { return d.Words == statusUnclear }) != c.doubt {
			t.Errorf("%s: %s, %s %v", c.name, it.Text, it.Resource.Get("clinicalStatus").JSON(), it.Doubts)
		}
	}
}

// TestAnAllergyIsReadAsItIsSaid: reactions that are denied, severity in words, who takes part.
func TestAnAllergyIsReadAsItIsSaid(t *testing.T) {
	penicillin := toDrug + agentEntry("CSM", "7980", "Penicillin G")
	rash, shock := sctElement("value", "271807003", "Rash"), sctElement("value", "39579001", "Anaphylaxis")
	critical := func(value string) string {
		return hung("SUBJ", observationEntry("", `<code code="82606-5"`+loincIn+`/>`+value))
	}
	const several = " ? The entry names more than one substance. What it says may be meant of one of them."
	factCases(t, []factCase{
		{"a reaction", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", shock))), "Penicillin G: Anaphylaxis"},
		{"a reaction that is denied", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry(` negationInd="true"`, shock))), "Penicillin G: not Anaphylaxis"},
		{"by how it is related", "48765-2", allergyIn("active", penicillin+strings.Replace(hung("MFST", reactionEntry("", shock)), `"MFST"`, `"MFST" negationInd="true"`, 1)), "Penicillin G: not Anaphylaxis"},
		{"two in one", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash+shock))), "Penicillin G: Rash, Anaphylaxis"},
		{"severity in words", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash+severityEntry(`<value xsi:type="CD" nullFlavor="OTH"><originalText>Severe, needed ICU</originalText></value>`)))), "Penicillin G: Rash (Severe, needed ICU) ? The severity is not one that is known here: Severe, needed ICU."},
		{"severity in another code system", "48765-2", allergyIn("active", penicillin+severityEntry(`<value xsi:type="CD" code="H" codeSystem="2.16.840.1.113883.5.1063" displayName="High"/>`)), "Penicillin G: severity: High ? The severity is not one that is known here: High."},
		{"a fatal reaction", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash+severityEntry(sctElement("value", "399166001", "Fatal"))))), "Penicillin G: Rash (Fatal) ? The severity is not one that is known here: Fatal."},
		{"a fatal allergy", "48765-2", allergyIn("active", penicillin+severityEntry(sctElement("value", "399166001", "Fatal"))), "Penicillin G: severity: Fatal ? The severity is not one that is known here: Fatal. ? " + severityWhere},
		{"severity that is not known", "48765-2", allergyIn("active", penicillin+severityEntry(`<value xsi:type="CD" nullFlavor="UNK"/>`)), "Penicillin G"},
		{"two severities", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash+severityEntry(sctElement("value", "24484000", "Severe"))+severityEntry(sctElement("value", "255604002", "Mild"))))), "Penicillin G: Rash (severe)"},
		{"a severity as a reaction", "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash))+strings.Replace(severityEntry(sctElement("value", "255604002", "Mild")), "SUBJ", "MFST", 1)), "Penicillin G: Rash (mild)"},
		{"criticality in words", "48765-2", allergyIn("active", penicillin+critical(`<value xsi:type="CD" nullFlavor="OTH"><originalText>High, do not challenge</originalText></value>`)), "Penicillin G; criticality: High, do not challenge ? The criticality is not one that is known here: High, do not challenge."},
		{"none, and a substance", "48765-2", allergyIn("active", sctElement("value", "409137002", "No known drug allergy")+agentEntry("CSM", "2670", "Codeine")), "Codeine ? The document says “No known drug allergy” and names a substance."},
		{"none", "48765-2", allergyIn("active", sctElement("value", "409137002", "No known drug allergy")+`<participant typeCode="CSM"><participantRole><playingEntity><code nullFlavor="NA"/></playingEntity></participantRole></participant>`), "No known drug allergy [none]"},
		{"none, and none in words", "48765-2", allergyIn("active", sctElement("value", "409137002", "No known drug allergy")+agentEntry("CSM", "1", "No known drug allergies")), "No known drug allergy [none]"},
		{"who told it comes first", "48765-2", allergyIn("active", toDrug+`<participant typeCode="INF"><participantRole><playingEntity><name>Eve Mother</name></playingEntity></participantRole></participant>`+agentEntry("CSM", "7980", "Penicillin G")), "Penicillin G"},
		{"one that is not named", "48765-2", allergyIn("active", toDrug+`<participant typeCode="CSM"><participantRole><playingEntity><code nullFlavor="UNK"/></playingEntity></participantRole></participant>`+agentEntry("CSM", "2670", "Codeine")), "Codeine"},
		{"it is denied that there is none", "48765-2", concernEntry("30", ` negationInd="true"`, "active", allergyEntry("", sctElement("value", "716186003", "No known allergy"))), "unread No known allergy ? The document denies this. The text of the section says what it means."},
		{"two substances", "48765-2", allergyIn("active", penicillin+agentEntry("CSM", "2670", "Codeine")), "Penicillin G" + several + " | Codeine" + several},
	})
	denied := readEntry(t, "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry(` negationInd="true"`, shock)))).Items[0].Resource
	if denied.Get("reaction") != nil || denied.Path("note.0.text").Text() != "Not: Anaphylaxis" {
		t.Errorf("a reaction that is denied: %s", denied.JSON())
	}
	severe, bare, mild := severityEntry(sctElement("value", "24484000", "Severe")), hung("MFST", reactionEntry("", rash)), hung("MFST", reactionEntry("", rash+severityEntry(sctElement("value", "255604002", "Mild"))))
	for body, want := range map[string]string{ // the severity of the whole is in the resource, wherever the document has it
		severe:               "reaction not described severe",
		bare + severe:        "Rash severe",
		bare + bare + severe: "Rash, Rash severe",
		mild + severe:        "Rash mild; reaction not described severe",
		mild + bare + severe: "Rash mild; Rash ; reaction not described severe",
		hung("MFST", reactionEntry("", rash+severe)) + severityEntry(sctElement("value", "255604002", "Mild")): "Rash severe",
	} {
		var has []string
		for x := range readEntry(t, "48765-2", allergyIn("active", penicillin+body)).Items[0].Resource.Get("reaction").Items() {
			var shown []string
			for m := range x.Get("manifestation").Items() {
				shown = append(shown, conceptText(m))
			}
			has = append(has, strings.Join(shown, ", ")+" "+x.Get("severity").Text())
		}
		if got := strings.Join(has, "; "); got != want {
			t.Errorf("the reactions are %s, want %s", got, want)
		}
	}
	words := readEntry(t, "48765-2", allergyIn("active", penicillin+hung("MFST", reactionEntry("", rash+shock+severityEntry(`<value xsi:type="CD" nullFlavor="OTH"><originalText>Severe, needed ICU</originalText></value>`))))).Items[0].Resource
	if r := words.Path("reaction.0"); r.Get("manifestation").Len() != 2 || r.Get("severity") != nil || r.Get("description").Text() != "Severity: Severe, needed ICU" {
		t.Errorf("a reaction: %s", r.JSON())
	}
}

// TestAMeasurementSaysItsUnitAndStatus: no unit, degrees, what was cancelled, and comparators of a pressure.
func TestAMeasurementSaysItsUnitAndStatus(t *testing.T) {
	pq := func(value, unit string) string {
		if unit != "" {
			unit = ` unit="` + unit + `"`
		}
		return `<value xsi:type="PQ" value="` + value + `"` + unit + `/>`
	}
	sodium := func(status string) string {
		return strings.Replace(measureEntry("2951-2", "Sodium", pq("140", "mmol/L"), ""), `"completed"`, `"`+status+`"`, 1)
	}
	component := func(s string) string { return "<component>" + s + "</component>" }
	pressure := func(systolic, diastolic string) string {
		return `<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.26"/><code code="46680005"/><statusCode code="completed"/><effectiveTime value="20260101"/>` + component(measureEntry("8480-6", "Systolic", systolic, "")) + component(measureEntry("8462-4", "Diastolic", diastolic, "")) + `</organizer>`
	}
	const none = " ? The document gives no unit."
	comment := `<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.64"/><code code="48767-8"` + loincIn + `/><text>Specimen grossly haemolysed; do not use.</text></act>`
	factCases(t, []factCase{
		{"a weight", "8716-3", measureEntry("29463-7", "Weight", pq("180", ""), ""), "Weight 180, 1 Jan 2026" + none},
		{"a height in 1", "8716-3", measureEntry("8302-2", "Height", pq("71", "1"), ""), "Height 71, 1 Jan 2026" + none},
		{"a temperature", "8716-3", measureEntry("8310-5", "Temperature", pq("98.6", ""), ""), "Temperature 98.6, 1 Jan 2026" + none},
		{"a body mass index", "8716-3", measureEntry("39156-5", "BMI", pq("24", ""), ""), "BMI 24, 1 Jan 2026"},
		{"degrees F", "8716-3", measureEntry("8310-5", "Temperature", pq("98.6", "F"), ""), "Temperature 98.6 °F, 1 Jan 2026"},
		{"degrees by a word", "8716-3", measureEntry("8310-5", "Temperature", pq("37", "degrees C"), ""), "Temperature 37 °C, 1 Jan 2026"},
		{"degrees of an angle", "8716-3", measureEntry("8310-5", "Temperature", pq("37", "deg"), ""), "Temperature 37 deg, 1 Jan 2026 ? " + fmt.Sprintf(unitUnclear, "37 deg")},
		{"C of what is no temperature", "30954-2", measureEntry("2951-2", "Sodium", pq("37", "C"), ""), "Sodium 37 C, 1 Jan 2026 ? " + fmt.Sprintf(unitUnclear, "37 C")},
		{"both with less", "8716-3", pressure(`<value xsi:type="IVL_PQ"><high value="60" unit="mm[Hg]"/></value>`, pq("40", "mm[Hg]")), "Blood pressure <= 60/40 mmHg, 1 Jan 2026 ? " + valueUnusual},
		{"both", "8716-3", pressure(pq("120", "mm[Hg]"), pq("80", "mm[Hg]")), "Blood pressure 120/80 mmHg, 1 Jan 2026"},
		{"two units", "8716-3", pressure(pq("120", "mm[Hg]"), pq("10.7", "kPa")), "Blood pressure 120 mmHg/10.7 kPa, 1 Jan 2026"},
		{"no unit", "8716-3", pressure(pq("120", ""), pq("80", "")), "Blood pressure 120/80, 1 Jan 2026" + none},
		{"one cancelled", "8716-3", strings.Replace(pressure(pq("120", "mm[Hg]"), pq("80", "mm[Hg]")), `displayName="Systolic"/><statusCode code="completed"`, `displayName="Systolic"/><statusCode code="cancelled"`, 1), "Cancelled: Blood pressure 120/80 mmHg, 1 Jan 2026"},
		{"final", "30954-2", sodium("Completed"), "Sodium 140 mmol/L, 1 Jan 2026"},
		{"cancelled", "30954-2", sodium("aborted"), "Cancelled: Sodium 140 mmol/L, 1 Jan 2026"},
		{"preliminary", "30954-2", sodium("active"), "Preliminary: Sodium 140 mmol/L, 1 Jan 2026"},
		{"one of a panel", "30954-2", panelEntry("completed", component(sodium("cancelled"))+component(sodium("completed"))), "Basic metabolic panel, 1 Jan 2026: Cancelled: Sodium 140 mmol/L; Sodium 140 mmol/L"},
		{"the panel", "30954-2", panelEntry("aborted", component(sodium("completed"))), "Cancelled: Basic metabolic panel, 1 Jan 2026: Sodium 140 mmol/L"},
		{"a directive", "42348-3", strings.Replace(measureEntry("304251008", "Resuscitation status", sctElement("value", "304253006", "Not for resuscitation"), ""), `"completed"`, `"aborted"`, 1), "Cancelled: Resuscitation status Not for resuscitation, 1 Jan 2026"},
		{"a comment on a panel", "30954-2", panelEntry("completed", component(sodium("completed"))+component(comment)), "Basic metabolic panel, 1 Jan 2026; comment: Specimen grossly haemolysed; do not use.: Sodium 140 mmol/L"},
		{"a comment on a value", "30954-2", strings.Replace(sodium("completed"), "</observation>", `<entryRelationship typeCode="SUBJ">`+comment+`</entryRelationship></observation>`, 1), "Sodium 140 mmol/L, 1 Jan 2026; note: Specimen grossly haemolysed; do not use."},
		{"another act in a panel", "30954-2", panelEntry("completed", component(sodium("completed"))+component(`<act classCode="ACT" moodCode="EVN"><code code="1" displayName="Shipping"/></act>`)), "Basic metabolic panel, 1 Jan 2026: Sodium 140 mmol/L | unread Shipping ? Entries of this kind are not taken in as data. The text of the section says what they mean."},
		{"susceptibilities", "30954-2", measureEntry("600-7", "Blood culture", sctElement("value", "112283007", "Escherichia coli"), `<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER" moodCode="EVN"><code code="29576-6"/><statusCode code="completed"/>`+component(measureEntry("18906-8", "Ciprofloxacin", `<value xsi:type="ST">Resistant</value>`, ""))+`</organizer></entryRelationship>`), "Blood culture Escherichia coli; Ciprofloxacin Resistant, 1 Jan 2026"},
	})
	report := readEntry(t, "30954-2", panelEntry("completed", component(sodium("completed"))+component(comment))).Items[0]
	if report.Resource.Get("conclusion").Text() == "" || report.Parts[0].Path("note.0.text").Text() == "" {
		t.Errorf("the comment is lost: %s", report.Resource.JSON())
	}
	culture := readEntry(t, "30954-2", measureEntry("600-7", "Blood culture", sctElement("value", "112283007", "Escherichia coli"), `<entryRelationship typeCode="COMP">`+measureEntry("18906-8", "Ciprofloxacin", `<value xsi:type="ST">Resistant</value>`, "")+`</entryRelationship>`)).Items[0].Resource
	if culture.Path("component.0.valueString").Text() != "Resistant" {
		t.Errorf("the susceptibility is lost: %s", culture.JSON())
	}
	for unit, want := range map[string]string{"F": "[degF]", "C": "Cel", "°F": "[degF]", "degF": "[degF]", "Deg F": "[degF]", "fahrenheit": "[degF]", "°C": "Cel", "Cel": "Cel", "[degF]": "[degF]", "deg": "", "W": "", "K": "K"} {
		if got := readEntry(t, "8716-3", measureEntry("8310-5", "Temperature", pq("37", unit), "")).Items[0].Resource.Path("valueQuantity"); got.Get("code").Text() != want || got.Get("unit").Text() != unit {
			t.Errorf("%s: %s", unit, got.JSON())
		}
	}
}

// TestWhatItLedToIsSaid: reactions of vaccines and medicines, complications, and who told it.
func TestWhatItLedToIsSaid(t *testing.T) {
	vaccine := func(status, more string) string {
		return `<substanceAdministration classCode="SBADM" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.52"/><statusCode code="` + status + `"/><effectiveTime value="20250101"/><consumable><manufacturedProduct><manufacturedMaterial><code code="03" codeSystem="2.16.840.1.113883.12.292" displayName="MMR"/></manufacturedMaterial></manufacturedProduct></consumable>` + more + `</substanceAdministration>`
	}
	shock := reactionEntry("", sctElement("value", "39579001", "Anaphylaxis"))
	colonoscopy := func(more string) string {
		return `<procedure classCode="PROC" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.14"/>` + sctElement("code", "73761001", "Colonoscopy") + `<statusCode code="completed"/><effectiveTime value="20260101"/>` + more + `</procedure>`
	}
	hole := problemEntry("", sctElement("value", "307312008", "Perforation of colon"))
	told := `<informant><relatedEntity classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111" displayName="Mother"/></relatedEntity></informant>`
	const led = " ? The document says that this led to: "
	factCases(t, []factCase{
		{"a vaccine", "11369-6", vaccine("completed", hung("CAUS", shock)), "MMR, 1 Jan 2025; led to: Anaphylaxis" + led + "Anaphylaxis."},
		{"a vaccine without", "11369-6", vaccine("completed", hung("CAUS", strings.Replace(shock, `"EVN"`, `"EVN" negationInd="true"`, 1))), "MMR, 1 Jan 2025"},
		{"a medicine", "10160-0", medicineAt("", `<code code="860975" codeSystem="2.16.840.1.113883.6.88" displayName="metformin 500 MG"/>`, `<statusCode code="active"/><effectiveTime xsi:type="PIVL_TS"><period value="1" unit="d"/></effectiveTime>`+hung("CAUS", shock)), "metformin 500 MG, once a day; led to: Anaphylaxis" + led + "Anaphylaxis."},
		{"a procedure", "47519-4", colonoscopy(hung("COMP", hole)), "Colonoscopy, 1 Jan 2026; led to: Perforation of colon" + led + "Perforation of colon."},
		{"why a procedure was done", "47519-4", colonoscopy(hung("RSON", hole)), "Colonoscopy, 1 Jan 2026"},
		{"a vaccine of a status", "11369-6", vaccine("Completed", ""), "MMR, 1 Jan 2025"},
		{"a vaccine that is normal", "11369-6", vaccine("normal", ""), "MMR, 1 Jan 2025 ? The document gives a status that is not known here: normal."},
		{"a vaccine that was cancelled", "11369-6", vaccine("cancelled", ""), "Not given: MMR, 1 Jan 2025"},
		{"told by the mother", "29762-2", measureEntry("72166-2", "Smoking", sctElement("value", "8517006", "Former smoker"), told), "Smoking Former smoker, 1 Jan 2026; told by Mother"},
		{"a section that she told", "", sectionEntry("11450-4", told+"<entry>"+problemIn("active", embolism)+"</entry>"), "Pulmonary embolism; told by Mother"},
		{"told by somebody without a name", "11450-4", problemIn("active", embolism+strings.Replace(told, ` displayName="Mother"`, "", 1)), "Pulmonary embolism; told by MTH"},
		{"told by the patient", "11450-4", problemIn("active", embolism+strings.Replace(told, "MTH", "SELF", 1)), "Pulmonary embolism"},
	})
	for path, n := range map[string]*fhir.Node{
		"note.0.text":      readEntry(t, "29762-2", measureEntry("72166-2", "Smoking", sctElement("value", "8517006", "Former smoker"), told)).Items[0].Resource,
		"asserter.display": readEntry(t, "11450-4", problemIn("active", embolism+told)).Items[0].Resource,
	} {
		if !strings.Contains(n.Path(path).Text(), "Mother") {
			t.Errorf("who told it is lost: %s", n.JSON())
		}
	}
}

// TestANoteKeepsItsFile: also where a passage stands for it.
func TestANoteKeepsItsFile(t *testing.T) {
	note := func(data string) *Document {
		return readEntry(t, "", sectionEntry("34109-9", `<text><paragraph ID="n1">See attached file</paragraph></text><entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.202"/><code code="34109-9"`+loincIn+`/><text mediaType="application/pdf" representation="B64"><reference value="#n1"/>`+data+`</text><statusCode code="active"/></act></entry>`))
	}
	content := note("JVBERi0xLjQK").Items[0].Resource.Get("content")
	if content.Len() != 2 || content.Path("0.attachment.contentType").Text() != "application/pdf" || content.Path("1.attachment.contentType").Text() != "text/plain; charset=utf-8" {
		t.Errorf("a file and words: %s", content.JSON())
	}
	bad := note("QUJD").Items[0]
	if bad.Resource.Get("content").Len() != 1 || len(bad.Doubts) != 1 || bad.Doubts[0].Words != bodyUnreadable {
		t.Errorf("a file that is none: %s %v", bad.Resource.JSON(), bad.Doubts)
	}
	if plain := note("").Items[0]; plain.Resource.Get("content").Len() != 1 || len(plain.Doubts) > 0 {
		t.Errorf("no file: %s %v", plain.Resource.JSON(), plain.Doubts)
	}
}

// TestAFlagAndItsRangeAndAUnitThatIsNotKnown: both are told in words that say what to do, of each value of a panel.
func TestAFlagAndItsRangeAndAUnitThatIsNotKnown(t *testing.T) {
	value := func(n, unit string) string {
		return `<value xsi:type="PQ" value="` + n + `" unit="` + unit + `"/>`
	}
	flag := func(code string) string {
		return `<interpretationCode code="` + code + `" codeSystem="2.16.840.1.113883.5.83"/>`
	}
	inWords := func(said string) string {
		return `<referenceRange><observationRange><text>` + said + `</text></observationRange></referenceRange>`
	}
	limits := func(low, high, unit string) string {
		return `<referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="` + low + `" unit="` + unit + `"/><high value="` + high + `" unit="` + unit + `"/></value></observationRange></referenceRange>`
	}
	one := func(parts ...string) string { return panelEntry("completed", strings.Join(parts, "")) }
	of := func(code, name, rest string) string {
		return `<component>` + measureEntry(code, name, rest, "") + `</component>`
	}
	for name, c := range map[string]struct{ body, sentence, what string }{
		"high, within words":     {one(of("4544-3", "Hematocrit", value("45", "%")+flag("H")+inWords("40-54 %"))), flagContradicts, "Hematocrit 45%, flagged high, 40-54 %"},
		"below, within":          {one(of("4544-3", "Hematocrit", value("35.3", "%")+flag("LX")+limits("34.9", "44.5", "%"))), flagContradicts, "Hematocrit 35.3%, flagged low, 34.9 - 44.5 %"},
		"normal, beyond":         {one(of("4544-3", "Hematocrit", value("55", "%")+flag("N")+limits("40", "54", "%")), of("718-7", "Hemoglobin", value("9", "g/dL")+flag("N")+inWords("12-16"))), flagContradicts, "Hematocrit 55%, flagged normal, 40 - 54 %; Hemoglobin 9 g/dL, flagged normal, 12-16"},
		"critical, twice":        {one(of("2823-3", "Potassium", value("6.4", "mmol/L")+flag("HH")), of("718-7", "Hemoglobin", value("5", "g/dL")+flag("LL"))), markedCritical, "Potassium 6.4 mmol/L; Hemoglobin 5 g/dL"},
		"high, beyond":           {one(of("4544-3", "Hematocrit", value("55", "%")+flag("H")+inWords("40-54 %"))), "", ""},
		"in another unit":        {one(of("718-7", "Hemoglobin", value("130", "g/L")+flag("N")+limits("12", "16", "g/dL"))), "", ""},
		"no flag":                {one(of("4544-3", "Hematocrit", value("55", "%")+inWords("40-54 %"))), "", ""},
		"units that are unknown": {one(of("785-6", "MCH", value("27.6", "uux")+limits("27", "32", "uux")), of("4537-7", "ESR", value("3", "mmm/h"))), notUCUM, "27.6 uux; 3 mmm/h"},
	} {
		var got []Doubt
		for _, x := range readEntry(t, "30954-2", c.body).Items[0].Doubts {
			if x.Words == flagContradicts || x.Words == notUCUM || x.Words == markedCritical {
				got = append(got, x)
			}
		}
		if c.sentence == "" && len(got) > 0 || c.sentence != "" && (len(got) != 1 || got[0].Words != c.sentence || got[0].Args[0] != c.what) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
