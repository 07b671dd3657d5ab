package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/medication"
)

// prescribeSign signs the prescription in the form. Inside a visit (htmx) the answer is the
// line of the new medicine and the event "prescribed"; otherwise the list of medicines.
func prescribeSign(w http.ResponseWriter, r *web.Request) error {
	v, err := newPrescribeView(r)
	if err != nil {
		return err
	}
	if err := freshForDraft(r, v.Draft); err != nil {
		return err
	}
	if v.Followed { // nobody has seen this supply yet
		v.Faults.Add("quantity", followedWords(r.Context(), v))
	}
	if v.Reworded {
		v.Faults.Add("dose", rewordedWords(r.Context(), v))
	}
	if list := v.unshown(); len(list) > 0 {
		v.Faults.Add("", newlyWords(r.Context(), list))
	}
	if len(v.Faults) > 0 {
		return prescribeAgain(w, r, v)
	}
	d := v.Draft
	d.Key, d.Zone = formKey(r, v.Form.Key), r.Now().Location()
	if err := v.Form.answer(r, &d, v.Findings); err != nil {
		return err
	}
	d.Shown = v.shown
	out, err := medication.Prescribe(r.Context(), r.Actor, d)
	switch {
	case err == nil:
		return prescribed(w, r, v, out)
	case !medication.Stopped(err) && !isInvalid(err) && !fault.Is(err, fault.Conflict):
		return err
	}
	if len(out.Findings.Runs) > 0 {
		v.Findings = out.Findings // as they were at the moment of signing
	}
	if list := v.unshown(); medication.Stopped(err) && len(list) > 0 { // it came up at this moment
		v.Faults.Add("", newlyWords(r.Context(), list))
	} else if medication.Stopped(err) {
		field := ""
		if v.unchecked() {
			field = "unchecked"
		}
		v.Faults.Add(field, web.FaultText(r, err))
	} else {
		v.Faults = faultsOf(r, err)
	}
	return prescribeAgain(w, r, v)
}

// prescribeAgain shows the form once more with what is wrong.
func prescribeAgain(w http.ResponseWriter, r *web.Request, v prescribeView) error {
	_, p, err := v.page(r)
	if err != nil {
		return err
	}
	if r.HX() {
		return web.RenderInvalid(w, r, prescribeFragment(v))
	}
	return web.Invalid(w, r, p, prescribePage(v))
}

func prescribed(w http.ResponseWriter, r *web.Request, v prescribeView, out medication.Outcome) error {
	text := r.Lang.T("Prescribed: %s.", out.Medicine.Text)
	if n := len(v.Draft.Stops); n > 0 {
		text += " " + r.Lang.T("%d other stopped.", n)
	}
	r.Say(text, out.Result.Undo)
	if r.HX() {
		w.Header().Set("HX-Trigger", "prescribed")
		return web.Render(w, r, medicineLine(out.Medicine))
	}
	return web.Redirect(w, r, v.Back())
}
