package clinic

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// objectionLine is a consent of the patient, in words.
type objectionLine struct {
	rights.Objection
	InForce bool
	Request string // id of the request that it comes from, which ends it
}

// pastShown is how many of the consents that were ended the page shows, and how many more each time it is asked.
const pastShown = 50

// objectionsView are the consents of a patient with the form for another one.
type objectionsView struct {
	Lines  []objectionLine // all that were not ended
	Past   []objectionLine // the newest that were
	Ended  int             // how many were
	Open   bool            // more of them were asked for
	Names  map[string]string
	Draft  rights.ObjectionDraft
	Staff  []ui.Option
	Topics []ui.Option
	Faults ui.Faults
	Lift   string // id of the objection whose form was refused, with what was typed
	Why    string
}

// standing are those that are in force, or those that are not.
func (v objectionsView) standing(inForce bool) (out []objectionLine) {
	for _, o := range v.Lines {
		if o.InForce == inForce {
			out = append(out, o)
		}
	}
	return out
}

// resting are those that are not in force, as they are shown.
func (v objectionsView) resting() []objectionLine { return append(v.standing(false), v.Past...) }

// more is the query of the page with the next of those that were ended.
func (v objectionsView) more() string {
	return "?ended=" + strconv.Itoa(len(v.Past)+pastShown) + "#ended"
}

// faultsAt are the faults of one form of the page: that of an objection by its id, or "" for a new one.
func (v objectionsView) faultsAt(id string) ui.Faults {
	if v.Lift == id {
		return v.Faults
	}
	return nil
}

// read fills in what the patient has said, and for who decides what the forms offer.
func (v *objectionsView) read(r *web.Request, patient string, lines []rightsLine) error {
	list, err := rights.Objections(r.Context(), r.Actor, patient)
	if err != nil {
		return err
	}
	most := pastShown
	if n, err := strconv.Atoi(r.FormValue("ended")); err == nil && n > 0 {
		most, v.Open = n, true
	}
	past, ended, err := rights.PastObjections(r.Context(), r.Actor, patient, most)
	if err != nil {
		return err
	}
	v.Ended = int(ended)
	var refs []string
	for _, o := range slices.Concat(list, past) {
		refs = append(refs, o.By)
		for _, rule := range o.Rules {
			refs = append(refs, strings.TrimPrefix(rule, "deny/"))
		}
	}
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	requests := map[string]string{}
	for _, q := range lines {
		for _, s := range q.Steps {
			requests[s.Consent] = q.ID
		}
	}
	line := func(o rights.Objection) objectionLine {
		return objectionLine{Objection: o, InForce: o.InForce(r.Now()), Request: requests[o.ID]}
	}
	for _, o := range list {
		v.Lines = append(v.Lines, line(o))
	}
	for _, o := range past {
		v.Past = append(v.Past, line(o))
	}
	if !rights.MayDecide(r.Principal()) {
		return nil
	}
	for _, t := range rights.Topics() {
		v.Topics = append(v.Topics, ui.Option{Value: t.Class, Label: r.Lang.T(t.Text)})
	}
	v.Staff, err = workingHere(r.Context(), r.Actor)
	v.Staff = slices.DeleteFunc(v.Staff, func(o ui.Option) bool { return "Practitioner/"+o.Value == r.Principal().Reference() })
	return err
}

// workingHere is everybody who works in the clinic, whatever they do, by name: a neighbour may sit at the
// front desk.
func workingHere(ctx context.Context, actor *record.Actor) ([]ui.Option, error) {
	var out []ui.Option
	seen := map[string]bool{}
	for n, err := range actor.FindEach(ctx, "PractitionerRole", "active=true") {
		if err != nil {
			return nil, err
		}
		id, ok := strings.CutPrefix(n.Path("practitioner.reference").Text(), "Practitioner/")
		if ok && !seen[id] {
			seen[id] = true
			out = append(out, ui.Option{Value: id, Label: cmp.Or(n.Path("practitioner.display").Text(), id)})
		}
	}
	slices.SortFunc(out, func(a, b ui.Option) int { return cmp.Compare(a.Label, b.Label) })
	return out, nil
}

// ruleWords says what a consent does, one sentence a rule.
func ruleWords(ctx context.Context, names map[string]string, o rights.Objection) (out []string) {
	for _, rule := range o.Rules {
		what, who, _ := strings.Cut(strings.TrimPrefix(rule, "deny/"), "/")
		switch {
		case rule == "permit/all":
			out = append(out, ui.T(ctx, "Agrees that the chart is used for treatment."))
		case rule == "deny/all":
			out = append(out, ui.T(ctx, "Nobody who treats opens this chart, except in an emergency (break-glass). Health records keep it and lift this when the patient wishes."))
		case rule == "deny/outside":
			out = append(out, ui.T(ctx, "Not for %s. That is for all who work here to keep; the chart is closed to nobody.", cmp.Or(o.Words, ui.T(ctx, "somebody outside of the clinic"))))
		case what == "Practitioner":
			out = append(out, ui.T(ctx, "%s does not see this chart.", cmp.Or(names[what+"/"+who], ui.T(ctx, "Somebody who worked here"))))
		case what == "label":
			out = append(out, ui.T(ctx, "What is labelled “%s” is seen by nobody who works here, except in an emergency (break-glass).", topicText(ctx, who)))
		case rule == "deny/purpose/HRESCH":
			out = append(out, ui.T(ctx, "Not for research. That is for all who work here to keep; the chart is closed to nobody who treats."))
		case rule == "deny/purpose/HMARKT":
			out = append(out, ui.T(ctx, "Not for marketing. That is for all who work here to keep; the chart is closed to nobody who treats."))
		case what == "purpose":
			out = append(out, ui.T(ctx, "Programs that deal with health plans do not see this chart, and billing reads what not to bill."))
		}
	}
	if len(out) == 0 {
		out = append(out, ui.T(ctx, "Closes nothing and opens nothing by itself: read it in the documents."))
	}
	return out
}

// topicText is a class of labels in words.
func topicText(ctx context.Context, class string) string {
	for _, l := range policy.Labels {
		if l.Class == class {
			return ui.T(ctx, l.Text)
		}
	}
	return class
}

func objectionAdd(w http.ResponseWriter, r *web.Request) error {
	patient := r.PathValue("patient")
	f := func(name string) string { return strings.TrimSpace(r.FormValue(name)) }
	var v rightsView
	v.Objections.Draft = rights.ObjectionDraft{Against: f("against"), Practitioner: f("practitioner"), Class: f("class"), Whom: f("whom"), From: f("from"), Until: f("until"), Why: f("why"), Despite: f("despite"), Key: r.FormValue("key")}
	err := rights.Object(r.Context(), r.Actor, patient, v.Objections.Draft)
	return v.answered(w, r, err, "Noted. It is in force from the next read on.")
}

func objectionLift(w http.ResponseWriter, r *web.Request) error {
	var v rightsView
	v.Objections.Lift, v.Objections.Why = r.PathValue("consent"), r.FormValue("lift-why")
	err := rights.Lift(r.Context(), r.Actor, r.PathValue("patient"), v.Objections.Lift, v.Objections.Why)
	return v.answered(w, r, err, "Lifted. It is not in force any more.")
}

// answered goes on after a form about objections: back with what was wrong, or to the page.
func (v rightsView) answered(w http.ResponseWriter, r *web.Request, err error, said string) error {
	if refused(err) || fault.Is(err, fault.TooLarge) {
		v.Objections.Faults = faultsOf(r, err)
		return showRights(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T(said), "")
	return web.Redirect(w, r, "/p/"+r.PathValue("patient")+"/rights#objections")
}

func againstOptions(ctx context.Context) []ui.Option {
	return []ui.Option{
		{Value: rights.Person, Label: ui.T(ctx, "One person who works here: does not see the chart")},
		{Value: rights.Topic, Label: ui.T(ctx, "A topic: what is labelled so is seen by nobody who works here")},
		{Value: rights.HealthPlan, Label: ui.T(ctx, "Health plans: programs that deal with them do not see the chart")},
		{Value: rights.Outside, Label: ui.T(ctx, "Somebody outside, or a use such as research: for all to keep, closes nothing")},
	}
}
