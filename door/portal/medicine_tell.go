package portal

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/medication"
)

// refillAsk asks for more of a medicine.
func refillAsk(w http.ResponseWriter, r *web.Request) error {
	saved, err := medication.AskRefill(r.Context(), r.Actor, r.FormValue("medicine"), formKey(r))
	if fault.Is(err, fault.Conflict) {
		r.Say(sentence(r, err), "")
		return web.Redirect(w, r, "/portal/medicines")
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("We asked your care team for the refill."), saved.Undo)
	return web.Redirect(w, r, "/portal/medicines")
}

// refillCancel takes a request back.
func refillCancel(w http.ResponseWriter, r *web.Request) error {
	saved, err := medication.CancelRefill(r.Context(), r.Actor, r.PathValue("task"))
	if fault.Is(err, fault.Conflict) {
		r.Say(sentence(r, err), "")
		return web.Redirect(w, r, "/portal/medicines")
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The request is cancelled."), saved.Undo)
	return web.Redirect(w, r, "/portal/medicines")
}

// medicineTell keeps what the patient says about a medicine.
func medicineTell(w http.ResponseWriter, r *web.Request) error {
	s := medication.Statement{Ref: r.FormValue("medicine"), Name: r.FormValue("name"), Told: medication.Told(r.FormValue("told")),
		Words: r.FormValue("words"), Key: formKey(r)}
	saved, err := medication.Tell(r.Context(), r.Actor, s)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		v, failed := readMedicines(r)
		if failed != nil {
			return failed
		}
		v.Name, v.Words, v.Open, v.Choice = s.Name, s.Words, s.Ref, string(s.Told)
		field := "name"
		if s.Ref != "" {
			field = ""
		}
		v.Faults.Add(field, sentence(r, err))
		return showMedicines(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("We told your care team. Your list stays as it is until they have read this."), saved.Undo)
	return web.Redirect(w, r, "/portal/medicines")
}

// toldOptions are what a patient can say about a medicine of the list.
func toldOptions(t func(string, ...any) string) []ui.Option {
	return []ui.Option{
		{Value: string(medication.SaysStopped), Label: t("I stopped it")},
		{Value: string(medication.Misses), Label: t("I miss some doses")},
		{Value: string(medication.Changed), Label: t("I take more or less")},
		{Value: string(medication.Never), Label: t("I never started")},
	}
}

// toldChoice and toldWords are what was typed into the form of one medicine.
func toldChoice(v medicinesView, l medicineLine) string {
	if v.Open == l.Reference() {
		return v.Choice
	}
	return ""
}

func toldWords(v medicinesView, l medicineLine) string {
	if v.Open == l.Reference() {
		return v.Words
	}
	return ""
}
