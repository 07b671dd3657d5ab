package clinic

import (
	"net/http"
	"net/url"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/medication"
)

// medicationRenew signs one or several prescriptions again, as they were. What cannot be
// renewed as it is opens in the prescription form, with the reason.
func medicationRenew(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	if err := r.ParseForm(); err != nil {
		return fault.Wrap(err, fault.Malformed, "The form cannot be read.")
	}
	refs := r.PostForm["ref"]
	if one := r.PostForm.Get("one"); one != "" { // the button of one line
		refs = []string{one}
	}
	if err := freshForRenewal(r, patient, refs...); err != nil {
		return err
	}
	outs, result, err := medication.RenewAll(r.Context(), r.Actor, patient, r.FormValue("encounter"), formKey(r, r.FormValue("key")), refs...)
	switch {
	case err == nil && len(outs) == 1:
		r.Say(r.Lang.T("Renewed: %s.", outs[0].Medicine.Text)+loudest(r, outs), result.Undo)
	case err == nil:
		r.Say(r.Lang.T("%d medicines renewed.", len(outs))+loudest(r, outs), result.Undo)
	case isInvalid(err) && len(refs) == 1:
		r.Say(web.FaultText(r, err), "")
		return web.Redirect(w, r, "/p/"+patient+"/prescribe?renew="+url.QueryEscape(refs[0])+"&encounter="+url.QueryEscape(r.FormValue("encounter")))
	case isInvalid(err):
		what, err := stoppedAt(r, patient, refs, outs, err)
		if err != nil {
			return err
		}
		return showMedications(w, r, ui.Faults{{Text: r.Lang.T("Nothing was renewed: one of them needs a look first. Renew them one by one.") + " " + what}})
	default:
		return err
	}
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/medications"))
}

// stoppedAt says which medicine stopped a renewal of several, and why.
func stoppedAt(r *web.Request, patient string, refs []string, outs []medication.Outcome, cause error) (string, error) {
	if len(outs) == 0 || len(outs) > len(refs) {
		return web.FaultText(r, cause), nil
	}
	list, err := medication.List(r.Context(), r.Actor, patient)
	if err != nil {
		return "", err
	}
	m, _ := list.Find(refs[len(outs)-1])
	return m.Text + ": " + web.FaultText(r, cause), nil
}

// loudest says when the checks of a renewal found something that did not stop it.
func loudest(r *web.Request, outs []medication.Outcome) string {
	n := 0
	for _, o := range outs {
		n += o.Findings.Count("warning")
	}
	switch n {
	case 0:
		return ""
	case 1:
		return " " + r.Lang.T("1 warning: look at it under Prescribe.")
	}
	return " " + r.Lang.T("%d warnings: look at them under Prescribe.", n)
}

// medicationStop ends a medicine; it can be undone for ten seconds.
func medicationStop(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	result, err := medication.Stop(r.Context(), r.Actor, patient, r.FormValue("ref"), r.FormValue("reason"))
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("Stopped."), result.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/medications"))
}

// medicationRefill grants what the patient asked for.
func medicationRefill(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	if err := freshForRefill(r, r.FormValue("task")); err != nil {
		return err
	}
	out, err := medication.ApproveRefill(r.Context(), r.Actor, r.FormValue("task"))
	switch {
	case err == nil:
	case isInvalid(err):
		r.Say(web.FaultText(r, err), "")
		return web.Redirect(w, r, "/p/"+patient+"/prescribe?renew="+url.QueryEscape(r.FormValue("ref")))
	default:
		return err
	}
	r.Say(r.Lang.T("Renewed: %s. The patient sees it.", out.Medicine.Text)+loudest(r, []medication.Outcome{out}), out.Result.Undo)
	return web.Redirect(w, r, backTo(r, "/p/"+patient+"/medications"))
}
