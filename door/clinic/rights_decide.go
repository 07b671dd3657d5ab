package clinic

import (
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/rights"
)

// rightDecide does the next step of a request: which one is the last part of the address.
func rightDecide(w http.ResponseWriter, r *web.Request) error {
	ctx, patient, id, act := r.Context(), r.PathValue("patient"), r.PathValue("request"), r.PathValue("act")
	v := rightView{Act: act, Typed: map[string]string{}}
	for _, name := range []string{"why", "reason", "whom", "how", "practitioner", "class", "wished"} {
		v.Typed[name] = r.FormValue(name)
	}
	t, said := v.Typed, ""
	var err error
	switch act {
	case "extend":
		said, err = "The patient is told. You have 30 days more.", rights.Extend(ctx, r.Actor, patient, id, t["why"])
	case "accept":
		said, err = "Accepted. The patient is told.", rights.Accept(ctx, r.Actor, patient, id, t["why"])
	case "agree":
		said, err = "The restriction is in force. The patient is told.", rights.Agree(ctx, r.Actor, patient, id, rights.Grant{Practitioner: t["practitioner"], Class: t["class"], Done: t["why"]})
	case "accommodate":
		said, err = "From now on the patient is reached so. The patient is told.", rights.Accommodate(ctx, r.Actor, patient, id, t["why"])
	case "deny":
		said, err = "Denied. The patient is told, with what is left to do.", rights.Deny(ctx, r.Actor, patient, id, rights.Denial{Reason: t["reason"], Why: t["why"]})
	case "rebut":
		said, err = "The rebuttal stands with the entry, and the patient is told.", rights.Rebut(ctx, r.Actor, patient, id, t["why"])
	case "inform":
		said, err = "Noted who was told.", rights.Inform(ctx, r.Actor, patient, id, t["whom"], t["how"])
	case "end":
		said, err = "It has ended. The patient is told.", rights.End(ctx, r.Actor, patient, id, t["why"], t["wished"] != "")
	default:
		return fault.New(fault.NotFound, "There is no such step.")
	}
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v.Faults = faultsOf(r, err)
		return showRight(w, r, v)
	}
	if err != nil {
		return err
	}
	if err := r.Actor.DropDraft(ctx, rightDraftKey(patient, id, act)); err != nil {
		return err
	}
	r.Say(r.Lang.T(said), "")
	return web.Redirect(w, r, "/p/"+patient+"/rights/"+id)
}
