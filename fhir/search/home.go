package search

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Patients returns the ids of the patients in whose chart a resource is at home. One that has
// exactly one lives there; others are shared and no patient sees them.
//
// Whom a resource is about decides alone: its subject, patient or beneficiary. Who else is named
// (a performer, an author, a recipient) does not make it part of another chart, nor take it out
// of the one where it belongs. Several are left only where they stand on equal terms, as the
// participants of an Appointment do. A resource that is about nobody by these parameters
// goes by the others of FHIR's Patient compartment, and a Binary by its securityContext.
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
	var about, ids []string
	params := definition.Compartment("Patient")[r.ResourceType()]
	for i := range entries {
		e := &entries[i]
		if e.Kind != KindReference || e.RefType != "Patient" || e.RefID == "" {
			continue
		}
		if slices.Contains(primary, e.Param) && !slices.Contains(about, e.RefID) {
			about = append(about, e.RefID)
		}
		if slices.Contains(params, e.Param) && !slices.Contains(ids, e.RefID) {
			ids = append(ids, e.RefID)
		}
	}
	if len(about) > 0 {
		return about
	}
	return ids
}

// mentioned returns the patients whom a resource names in whatever member: a Bundle holds them or their
// entries, a Linkage or a MessageHeader refers to them. An address counts whatever its host is, since a
// server has several names; who is a patient elsewhere is nobody's patient here.
func mentioned(resource *fhir.Node) (ids []string) {
	add := func(id string) {
		if validID(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	var walk func(n *fhir.Node)
	walk = func(n *fhir.Node) {
		switch n.Kind() {
		case fhir.Array:
			for item := range n.Items() {
				walk(item)
			}
		case fhir.Object:
			if n.ResourceType() == "Patient" {
				add(n.ID())
			}
			for name, v := range n.Members() {
				if name != "reference" || v.Kind() != fhir.String {
					walk(v)
					continue
				}
				reference, _, _ := strings.Cut(v.Text(), "/_history/")
				if place, id, found := cutLast(reference, "Patient/"); found && (place == "" || strings.HasSuffix(place, "/")) {
					add(id)
				}
			}
		}
	}
	walk(resource)
	return ids
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// primary are the parameters that say whom a resource is about, in every type that has them.
var primary = []string{"patient", "subject", "beneficiary"}
