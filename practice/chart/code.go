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
	originSystem          = policy.OriginSystem
	unitSystem            = "http://unitsofmeasure.org"
)

// Origin says where a fact comes from when no one of the clinic stated it first hand; ""
// for the clinic's own.
type Origin string

// The origins: tags of docs/reference/representation.md.
const (
	Reported Origin = policy.OriginReported
	Imported Origin = policy.OriginImported
)

func originOf(n *fhir.Node) Origin {
	o, _ := policy.Origin(n)
	return Origin(o)
}

// sourceOf says whose document an imported fact is from, and of when: "Kirkstall Heart Clinic, 2026-11-09";
// "" where nothing is known.
func sourceOf(n *fhir.Node) string {
	_, from := policy.Origin(n)
	return from
}

// words returns how a CodeableConcept reads: its text, else the first display, else the
// first code. The semantic tag of SNOMED CT's full names, "(disorder)", is left out.
func words(concept *fhir.Node) string {
	text := concept.Get("text").Text()
	for coding := range concept.Get("coding").Items() {
		if text == "" {
			text = coding.Get("display").Text()
		}
	}
	if text == "" {
		text = concept.Get("coding").Get("code").Text()
	}
	for _, tag := range []string{" (disorder)", " (finding)", " (situation)", " (procedure)", " (event)", " (regime/therapy)"} {
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

// idIn returns the id of a reference to a type, or "".
func idIn(ref, resourceType string) string {
	ref, _, _ = strings.Cut(ref, "/_history/")
	if i := strings.LastIndex("/"+ref, "/"+resourceType+"/"); i >= 0 {
		return ref[i+len(resourceType)+1:]
	}
	return ""
}

// firstText returns the first text that is not empty.
func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
