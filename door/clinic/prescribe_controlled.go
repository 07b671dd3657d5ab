package clinic

import (
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/task"
)

// Who prescribes a controlled drug has proved who they are in the last minutes, by all that a
// sign-in asks for (21 CFR 1311.120 asks for two factors at the signature; OWASP ASVS 7.5.3).

// freshForDraft asks for that proof when the prescription in the form is of a controlled drug.
func freshForDraft(r *web.Request, d medication.Draft) error {
	if drug.ScheduleOf(d.Text, d.Codings) == "" {
		return nil
	}
	return r.Fresh(web.Controlled)
}

// freshForRenewal asks for it when one of the medicines that are signed again is.
func freshForRenewal(r *web.Request, patient string, refs ...string) error {
	list, err := medication.List(r.Context(), r.Actor, patient)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if m, ok := list.Find(ref); ok && drug.ScheduleOf(m.Text, m.Codings) != "" {
			return r.Fresh(web.Controlled)
		}
	}
	return nil
}

// freshForRefill asks for it when what the patient asked for is.
func freshForRefill(r *web.Request, id string) error {
	t, err := task.Find(r.Context(), r.Actor, id)
	if err != nil {
		return err
	}
	return freshForRenewal(r, t.Patient, t.Focus)
}
