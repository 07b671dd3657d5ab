package clinic

import (
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/record"
)

// whose finds the record that was typed into a field of the audit log, of access or of
// retention: by record number, name, date of birth, or id. With a fault there is not exactly one,
// and the list says which there are; what is chosen from it (whoseList) counts as typed.
func whose(r *web.Request, field, typed string, faults *ui.Faults) ([]record.Known, error) {
	if chosen := r.FormValue("chosen"); chosen != "" {
		typed = chosen
	}
	found, err := patient.Identify(r.Context(), r.Actor, typed)
	if err != nil && !refused(err) {
		return nil, err
	}
	if len(found) == 0 {
		gone, err := r.Actor.Destroyed(r.Context()) // its log stays
		if err != nil {
			return nil, err
		}
		for _, e := range gone {
			if slices.Contains(e.Leaf.Patients, typed) {
				return []record.Known{{ID: typed}}, nil
			}
		}
		faults.Add(field, r.Lang.T("This is no record number or id, and nobody has this name or date of birth. Check what was typed."))
	}
	if len(found) > 1 {
		faults.Add(field, r.Lang.T("More than one record fits. Choose one, or type the record number."))
	}
	return found, nil
}

// typedFor is what stands in the field of the record: the record number where there is one record.
func typedFor(found []record.Known, typed string) string {
	if len(found) != 1 {
		return typed
	}
	if found[0].Number != "" {
		return found[0].Number
	}
	return found[0].ID
}
