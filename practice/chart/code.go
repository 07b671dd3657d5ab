package chart

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Code systems that a chart reads and writes.
const (
	ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
	SNOMED  = "http://snomed.info/sct"
	LOINC   = "http://loinc.org"
	RxNorm  = "http://www.nlm.nih.gov/research/umls/rxnorm"

	conditionCategory     = "http://terminology.hl7.org/CodeSystem/condition-category"
	conditionClinical     = "http://terminology.hl7.org/CodeSystem/condition-clinical"
	conditionVerification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
	allergyClinical       = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
	allergyVerification   = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
	observationCategory   = "http://terminology.hl7.org/CodeSystem/observation-category"
	interpretation        = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
	unitSystem            = "http://unitsofmeasure.org"
)

// Origin says where a fact of a chart comes from: see policy.Origin.
type Origin = policy.Origin

// The origins of facts.
const (
	Reported = policy.Reported
	Imported = policy.Imported
)

// Words returns how a CodeableConcept reads in a chart: without the semantic tag of SNOMED CT's full names,
// "(disorder)".
func Words(concept *fhir.Node) string {
	text := fhir.ConceptText(concept)
	for _, tag := range []string{" (disorder)", " (finding)", " (situation)", " (procedure)", " (event)", " (regime/therapy)", " (substance)", " (product)"} {
		text = strings.TrimSuffix(text, tag)
	}
	return text
}

// codeIn returns the code of a concept in a system, or "".
func codeIn(concept *fhir.Node, system string) string {
	for coding := range concept.Get("coding").Items() {
		if coding.Get("system").Text() == system {
			return coding.Get("code").Text()
		}
	}
	return ""
}

// code returns the first code of a concept, whatever its system.
func code(concept *fhir.Node) string { return concept.Get("coding").Get("code").Text() }

func hasCode(concepts *fhir.Node, code string) bool {
	for concept := range concepts.Items() {
		for coding := range concept.Get("coding").Items() {
			if coding.Get("code").Text() == code {
				return true
			}
		}
	}
	return false
}

func concept(system, code, display, text string) *fhir.Node {
	if code == "" {
		return fhir.Obj("text", text)
	}
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", system, "code", code, "display", display)), "text", text)
}

func coded(system, code string) *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", system, "code", code)))
}

func reference(to string) *fhir.Node {
	if to == "" {
		return nil
	}
	return fhir.Obj("reference", to)
}

// Points reports whether a reference, relative, absolute or with a version, points at the
// resource.
func Points(ref, resourceType, id string) bool {
	ref, _, _ = strings.Cut(ref, "/_history/")
	return id != "" && (ref == resourceType+"/"+id || strings.HasSuffix(ref, "/"+resourceType+"/"+id) || ref == "urn:uuid:"+id)
}
