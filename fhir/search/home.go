package search

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Patients returns the ids of the patients in whose compartment a resource lives. A
// resource with exactly one is at home there; others are shared and no patient sees them.
//
// The parameters are those of FHIR's Patient compartment. A type that FHIR leaves out of it
// (Task, Device, …) belongs to the patient that its parameter "patient" or "subject" names,
// and a Binary to the patient of its securityContext.
func Patients(r *fhir.Node, entries []Entry) []string {
	switch r.ResourceType() {
	case "Patient":
		return []string{r.ID()}
	case "Binary":
		if t, id, ok := relative(r.Path("securityContext.reference").Text()); ok && t == "Patient" {
			return []string{id}
		}
		return nil
	}
	params := definition.Compartment("Patient")[r.ResourceType()]
	if len(params) == 0 {
		params = []string{"patient", "subject"}
	}
	var ids []string
	for i := range entries {
		e := &entries[i]
		if e.Kind == KindReference && e.RefType == "Patient" && e.RefID != "" &&
			slices.Contains(params, e.Param) && !slices.Contains(ids, e.RefID) {
			ids = append(ids, e.RefID)
		}
	}
	return ids
}
