package clinic

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/problem"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
)

// visitEdit changes the work of an open visit: diagnoses, linked data, copied parts,
// charges. The form brings along what is typed, so that the answer loses none of it.
func visitEdit(w http.ResponseWriter, r *web.Request) error {
	before, err := loadVisit(r)
	if err != nil {
		return err
	}
	if !before.InProgress() && !before.adds() {
		return fault.New(fault.Conflict, "This visit is signed already. Open it again: what you wrote is kept.")
	}
	focus := ""
	err = encounter.Edit(r.Context(), r.Actor, r.PathValue("patient"), before.ID, func(work *encounter.Work) error {
		focus, err = before.change(r, work)
		return err
	})
	if err != nil {
		return err
	}
	v, err := loadVisit(r)
	if err != nil {
		return err
	}
	if err := v.typed(r); err != nil {
		return err
	}
	v.Focus = focus
	if !r.HX() {
		return web.Redirect(w, r, v.Path())
	}
	return web.Render(w, r, visitAnswer(v))
}

// change applies one change and returns the field that gets the focus.
func (v visitView) change(r *web.Request, work *encounter.Work) (string, error) {
	key := r.FormValue("item")
	switch r.PathValue("change") {
	case "diagnosis":
		return addDiagnosis(v.Chart, r.FormValue("diagnosis"), r.FormValue("icd"), r.FormValue("condition"), work)
	case "diagnosis-remove":
		work.RemoveDiagnosis(key)
	case "pull":
		p, ok := encounter.FindPull(v.Chart, r.FormValue("pull"), r.Now().Location())
		if !ok {
			return "", fault.New(fault.NotFound, "The chart has no such data any more.")
		}
		if f := r.FormValue("field"); f == encounter.FieldPlan || f == encounter.FieldSubjective || f == encounter.FieldObjective {
			p.Field = f
		} else if strings.HasPrefix(f, "dx-") {
			p.Field = encounter.FieldPlan
		}
		work.AddPull(p)
		return r.FormValue("field"), nil
	case "pull-remove":
		work.RemovePull(key)
	case "copy":
		return "", work.CopyForward(v.Chart, v.ID, r.FormValue("field"))
	case "copy-check":
		work.Check(key)
	case "copy-drop":
		work.DropCopy(key)
		return r.FormValue("field"), nil
	case "refresh": // something was ordered: the page shows it
	case "charge", "charge-remove", "charge-suggest":
		v.changeCharges(r.PathValue("change"), r.FormValue("fee"), key, work)
	default:
		return "", fault.New(fault.NotFound, "There is no page at this address.")
	}
	return "", nil
}

func addDiagnosis(c chart.Chart, text, icd, condition string, work *encounter.Work) (string, error) {
	before := len(work.Diagnoses)
	if condition != "" {
		i := slices.IndexFunc(c.Problems, func(p chart.Problem) bool { return p.ID == condition })
		if i < 0 {
			return "", fault.New(fault.NotFound, "This problem is not in the patient's chart.")
		}
		work.AddProblem(c.Problems[i])
	} else {
		if known, ok := problem.ByICD(icd); ok {
			text = known.Text
		}
		if i := slices.IndexFunc(c.ActiveProblems(), func(p chart.Problem) bool { return icd != "" && p.ICD == icd }); i >= 0 {
			work.AddProblem(c.ActiveProblems()[i])
		} else if err := work.AddDiagnosis(text, icd); err != nil {
			return "", err
		}
	}
	if len(work.Diagnoses) > before {
		return work.Diagnoses[before].Field(), nil
	}
	return "", nil
}

// changeCharges turns the suggestion into a choice and changes that.
func (v visitView) changeCharges(change, fee, item string, work *encounter.Work) {
	if change == "charge-suggest" {
		work.Chosen, work.Charges = false, nil
		return
	}
	if !work.Chosen {
		for _, c := range v.Charges {
			work.Charges = append(work.Charges, c.Fee.Code)
		}
		work.Chosen = true
	}
	switch {
	case change == "charge" && fee != "" && !slices.Contains(work.Charges, fee):
		work.Charges = append(work.Charges, fee)
	case change == "charge-remove":
		work.Charges = slices.DeleteFunc(work.Charges, func(c string) bool { return c == item })
	}
}

// typed puts what the form holds in place of what the draft holds: the draft may be two
// seconds old.
func (v *visitView) typed(r *web.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read. Nothing was signed; go back and try again.")
	}
	for name, values := range r.PostForm {
		if isNoteField(name) && len(values) > 0 {
			v.Text[name] = strings.ReplaceAll(values[0], "\r\n", "\n")
		}
	}
	return nil
}

func isNoteField(name string) bool {
	return name == encounter.FieldPlan || name == encounter.FieldSubjective || name == encounter.FieldObjective || strings.HasPrefix(name, "dx-")
}

// visitPhrases answers the list behind a point in the note.
func visitPhrases(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	return web.Render(w, r, phraseOptions(nameOf(c.Patient).Formal(), encounter.Suggest(c, r.FormValue("q"), r.Now().Location())))
}
