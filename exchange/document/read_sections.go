package document

import "github.com/osler-emr/osler/wire/cda"

// Templates of entries, by root. The numbers are those of C-CDA; C32 has the structure of its own
// base, CCD, whose sections are known by their LOINC codes.
const (
	allergyConcern     = "2.16.840.1.113883.10.20.22.4.30"
	allergyObservation = "2.16.840.1.113883.10.20.22.4.7"
	problemConcern     = "2.16.840.1.113883.10.20.22.4.3"
	problemObservation = "2.16.840.1.113883.10.20.22.4.4"
	medicationActivity = "2.16.840.1.113883.10.20.22.4.16"
)

// byTemplate are the sections by the root of their template; a section whose code says something
// else is what its template says.
var byTemplate = map[string]Section{
	"2.16.840.1.113883.10.20.22.2.6": Allergies, "2.16.840.1.113883.10.20.22.2.6.1": Allergies,
	"2.16.840.1.113883.10.20.22.2.1": Medications, "2.16.840.1.113883.10.20.22.2.1.1": Medications,
	"2.16.840.1.113883.10.20.22.2.38": Medications, "2.16.840.1.113883.10.20.22.2.44": Medications,
	"2.16.840.1.113883.10.20.22.2.11": Medications, "2.16.840.1.113883.10.20.22.2.11.1": Medications,
	"2.16.840.1.113883.10.20.22.2.5": Problems, "2.16.840.1.113883.10.20.22.2.5.1": Problems,
	"2.16.840.1.113883.10.20.22.2.20": Problems, "2.16.840.1.113883.10.20.22.2.24": Problems,
	"2.16.840.1.113883.10.20.22.2.43": Problems, "2.16.840.1.113883.10.20.22.2.58": Problems,
	"2.16.840.1.113883.10.20.22.2.2": Immunizations, "2.16.840.1.113883.10.20.22.2.2.1": Immunizations,
	"2.16.840.1.113883.10.20.22.2.3": Results, "2.16.840.1.113883.10.20.22.2.3.1": Results,
	"2.16.840.1.113883.10.20.22.2.4": VitalSigns, "2.16.840.1.113883.10.20.22.2.4.1": VitalSigns,
	"2.16.840.1.113883.10.20.22.2.7": Procedures, "2.16.840.1.113883.10.20.22.2.7.1": Procedures,
	"2.16.840.1.113883.10.20.22.2.22": Encounters, "2.16.840.1.113883.10.20.22.2.22.1": Encounters,
	"2.16.840.1.113883.10.20.22.2.17": Social, "2.16.840.1.113883.10.20.22.2.15": Family,
	"2.16.840.1.113883.10.20.22.2.60": Goals, "2.16.840.1.113883.10.20.22.2.10": Plan,
	"2.16.840.1.113883.10.20.22.2.9": Plan, "2.16.840.1.113883.10.20.22.2.23": Devices,
	"2.16.840.1.113883.10.20.22.2.14": Functional, "2.16.840.1.113883.10.20.22.2.56": Functional,
	"2.16.840.1.113883.10.20.22.2.65": Notes,
}

// byCode are the sections by their LOINC code.
var byCode = map[string]Section{
	"48765-2": Allergies,
	"10160-0": Medications, "29549-3": Medications, "42346-7": Medications, "10183-2": Medications, "75311-1": Medications,
	"11450-4": Problems, "11348-0": Problems, "11535-2": Problems, "46241-6": Problems, "75310-3": Problems, "10219-4": Problems, "10218-6": Problems,
	"11369-6": Immunizations,
	"30954-2": Results, "26436-6": Results,
	"8716-3": VitalSigns, "47519-4": Procedures, "46240-8": Encounters,
	"29762-2": Social, "10157-6": Family, "61146-7": Goals, "18776-5": Plan, "51847-2": Plan,
	"46264-8": Devices, "47420-5": Functional, "10190-7": Functional,
	"34109-9": Notes, "11488-4": Notes, "11506-3": Notes, "28570-0": Notes, "34117-2": Notes, "18842-5": Notes, "11490-0": Notes,
}

const loincOID = "2.16.840.1.113883.6.1"

// sectionOf says where in a chart the entries of a section belong.
func sectionOf(s *cda.Section) Section {
	for t := range s.All("templateId") {
		if kind, ok := byTemplate[t.Attr("root")]; ok {
			return kind
		}
	}
	code := s.Child("code")
	if system := code.Attr("codeSystem"); system == "" || system == loincOID {
		if kind, ok := byCode[code.Attr("code")]; ok {
			return kind
		}
	}
	return Other
}
