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

// dispatch reads a statement by its template, then by the section that it stands in, then by what
// kind of statement it is; depth is how many acts it stands in.
func (r *reader) dispatch(e *cda.Element, depth int) {
	switch {
	case erroneous(e):
		r.unread(e, markedError)
		return
	case e.Null() != "": // it is said of nothing
		r.unread(e, notKnown)
		return
	case e.Name == "observation" && isSecurity(e):
		r.unread(e, keptAsLabels)
		return
	case wide(e):
		r.unread(e, tooMany, maxMembers)
		return
	case r.kind == Family && e.Name == "observation" && e.Attr("moodCode") != "GOL":
		r.family(e)
		return
	case r.kind == Family && e.Is(problemConcern):
		r.inside(e, "entryRelationship", depth)
		return
	case e.Name != "organizer" || r.kind != Family && !e.Is(familyOrganizer): // whose subject is the relative
		if r.another(e) {
			return
		}
	}
	if e.Attr("negationInd") == "true" && (e.Name == "organizer" || e.Name == "encounter" || e.Is(noteActivity)) {
		r.unread(e, deniedWhole)
		return
	}
	for t := range e.All("templateId") {
		if read, ok := byEntry[t.Attr("root")]; ok {
			read(r, e)
			return
		}
	}
	switch mood := e.Attr("moodCode"); {
	case e.Name == "organizer":
		r.organizer(e, depth)
	case e.Name == "act":
		r.act(e, depth)
	case mood == "GOL" && e.Name == "observation":
		r.goal(e)
	case mood != "" && mood != "EVN" && !(mood == "INT" && e.Name == "substanceAdministration" && r.kind != Plan):
		if mood == "DEF" || e.Name == "templateId" {
			r.unread(e, kindNotRead)
			return
		}
		r.planned(e)
	case e.Name == "observation":
		r.loose(e, nil)
	case e.Name == "procedure":
		r.procedure(e)
	case e.Name == "substanceAdministration" && r.kind == Immunizations:
		r.immunization(e)
	case e.Name == "substanceAdministration":
		r.medication(e)
	case e.Name == "encounter":
		r.encounter(e)
	case e.Name == "supply":
		r.supply(e)
	default:
		r.unread(e, kindNotRead)
	}
}

// byEntry are the readers of entries by the root of a template, wherever they stand.
var byEntry = map[string]func(*reader, *cda.Element){
	allergyConcern: (*reader).allergies, allergyObservation: (*reader).allergies,
	problemConcern: (*reader).problems, problemObservation: (*reader).problems,
	immunizationActivity:              immunizationOrPlan,
	"2.16.840.1.113883.10.20.22.4.1":  (*reader).results,
	"2.16.840.1.113883.10.20.22.4.26": (*reader).vitals,
	familyOrganizer:                   (*reader).family,
	"2.16.840.1.113883.10.20.22.4.12": procedureOrPlan, "2.16.840.1.113883.10.20.22.4.13": procedureOrPlan, "2.16.840.1.113883.10.20.22.4.14": procedureOrPlan,
	"2.16.840.1.113883.10.20.22.4.121": (*reader).goal,
	plannedImmunization:                (*reader).planned,
	noteActivity:                       (*reader).note,
}

func immunizationOrPlan(r *reader, e *cda.Element) {
	switch e.Attr("moodCode") {
	case "INT", "RQO", "PRMS", "ARQ", "PRP":
		r.planned(e)
		return
	}
	r.immunization(e)
}

func procedureOrPlan(r *reader, e *cda.Element) {
	if mood := e.Attr("moodCode"); mood != "" && mood != "EVN" {
		r.planned(e)
		return
	}
	r.procedure(e)
}

// categories are those of observations by the section they stand in.
var categories = map[Section]string{Results: "laboratory", VitalSigns: "vital-signs", Social: "social-history", Functional: "functional-status"}

// loose reads an observation that no template names.
func (r *reader) loose(o, around *cda.Element) {
	switch r.kind {
	case Allergies:
		r.allergy(o, around)
	case Problems:
		if o.Is(healthStatus) || o.Child("value").Type() != "CD" && o.Child("value").Type() != "CE" {
			r.observed(o, around, "")
			return
		}
		r.problem(o, around, "problem-list-item")
	case Procedures:
		r.procedure(o)
	case Results:
		r.observed(o, around, resultCategory(o))
	default:
		r.observed(o, around, categories[r.kind])
	}
}

// organizer reads what a bracket holds.
func (r *reader) organizer(e *cda.Element, depth int) {
	switch r.kind {
	case Results:
		r.results(e)
		return
	case VitalSigns:
		r.vitals(e)
		return
	case Family:
		r.family(e)
		return
	}
	r.inside(e, "component", depth)
}

// act reads a concern, or what an act holds.
func (r *reader) act(e *cda.Element, depth int) {
	mood := e.Attr("moodCode")
	switch {
	case r.kind == Allergies:
		r.allergies(e)
	case len(concerned(e)) > 0 && (r.kind == Problems || e.Is(healthConcern) || e.Is(riskConcern) || e.Child("code").Attr("code") == "29308-4"):
		r.problems(e)
	case e.Is(instruction), mood == "DEF":
		r.unread(e, kindNotRead)
	case e.Is(plannedAct), (r.kind == Plan || r.kind == Procedures) && mood != "" && mood != "EVN" && e.Child("code") != nil && !e.Is(intervention) && !e.Is(plannedIntervention):
		r.planned(e)
	case r.kind == Procedures:
		r.procedure(e)
	default:
		r.inside(e, "entryRelationship", depth)
	}
}

const (
	healthConcern       = "2.16.840.1.113883.10.20.22.4.132"
	riskConcern         = "2.16.840.1.113883.10.20.22.4.136"
	instruction         = "2.16.840.1.113883.10.20.22.4.20"
	plannedAct          = "2.16.840.1.113883.10.20.22.4.39"
	intervention        = "2.16.840.1.113883.10.20.22.4.131"
	plannedIntervention = "2.16.840.1.113883.10.20.22.4.146"
	entryReference      = "2.16.840.1.113883.10.20.22.4.122"
	familyOrganizer     = "2.16.840.1.113883.10.20.22.4.45"
)

// maxMembers is how many elements a statement may have, and how many what it holds directly: panels
// have a few dozen. What reads them asks each for what stands around it.
const maxMembers = 2000

func wide(e *cda.Element) bool {
	n := 0
	for c := range e.Children() {
		n++
		if c.Name == "component" || c.Name == "entryRelationship" {
			for range c.Children() {
				n++
			}
		}
		if n > 2*maxMembers {
			return true
		}
	}
	return false
}

// maxInside is how deep brackets may stand in each other.
const maxInside = 6

// inside reads the statements that a bracket holds, in children of a name; one without any is not
// read.
func (r *reader) inside(e *cda.Element, name string, depth int) {
	found := e.Attr("negationInd") == "true"
	if found {
		r.unread(e, deniedWhole)
	} else if depth < maxInside {
		for c := range e.All(name) {
			for s := range c.Children() {
				if s.Name == "" || !statements[s.Name] || s.Is(entryReference) || s.Is("2.16.840.1.113883.10.20.22.4.143") {
					continue
				}
				found = true
				if s.Name == "observation" && isSecurity(s) {
					continue
				}
				r.doubts = nil
				if c.Attr("negationInd") == "true" {
					r.unread(s, deniedWhole)
					continue
				}
				if !erroneous(s) && s.Null() == "" && s.Name == "observation" && s.Attr("moodCode") != "GOL" && name == "component" && !s.Is(problemObservation) {
					if !r.another(s) {
						r.loose(s, e)
					}
					continue
				}
				r.dispatch(s, depth+1)
			}
		}
	}
	if !found {
		r.unread(e, kindNotRead)
	}
}

// statements are the elements that say something.
var statements = map[string]bool{"act": true, "encounter": true, "observation": true, "organizer": true, "procedure": true, "substanceAdministration": true, "supply": true}
