package clinic

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/disposal"
	"github.com/osler-emr/osler/practice/patient"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/retention"
)

// retentionView is what is kept, for how long, what is due, and what was destroyed.
type retentionView struct {
	Rule   retention.Rule
	Rules  []retention.Rule
	May    bool // places holds and destroys; auditors only read
	Holds  []identity.Hold
	Wishes []wishLine
	Due    []dueLine
	Full   bool // more are due than are shown
	Gone   []goneLine
	People map[string]chart.Patient // whom the reader may see by name
	Known  map[string]record.Known  // whose the held records are, for readers who open no charts
	Whose  []record.Known           // whose records fit what was typed into the form
	Form   holdForm
	Act    string // the form that was refused
	Faults ui.Faults
}

type holdForm struct{ Patient, Reason string }

type wishLine struct {
	record.ShredWish
	Own  bool
	Held string // the hold that stands against it
}

type dueLine struct {
	disposal.Record
	Held  string
	Asked bool
}

// goneLine is a record that was destroyed: what its certificate says.
type goneLine struct {
	Index   int64
	Patient string
	At      time.Time
	By      string // who confirmed
	AskedBy string // id of the account
	Reason  string
}

func retentionShow(w http.ResponseWriter, r *web.Request) error {
	v := retentionView{Form: holdForm{Patient: r.FormValue("patient")}}
	if v.Form.Patient != "" {
		var err error
		if v.Whose, err = whose(r, "patient", v.Form.Patient, &v.Faults); err != nil {
			return err
		}
		if len(v.Faults) > 0 {
			v.Act = "hold"
		}
	}
	return showRetention(w, r, v)
}

func retentionPageOf(r *web.Request) ui.Page {
	return ui.Page{Title: r.Lang.T("Retention"), Active: "/retention", Sheets: []string{"office.css"}}
}

// showRetention draws the page; v may hold a refused form.
func showRetention(w http.ResponseWriter, r *web.Request, v retentionView) error {
	if err := v.load(r); err != nil {
		return err
	}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, retentionPageOf(r), retentionPage(v))
	}
	return web.Page(w, r, retentionPageOf(r), retentionPage(v))
}

// ruleOf is the rule of the jurisdiction that the clinic has chosen under Privacy.
func ruleOf(r *web.Request) (retention.Rule, error) {
	ages, err := r.Site.Accounts.Ages(r.Context())
	return retention.For(ages.Code), err
}

// keeper reads all records for what is due, whatever the reader may see: what is hidden from the
// reader is kept as long.
func keeper(r *web.Request) *record.Actor {
	return r.Site.Gate.As(trust.System("retention"), "clinic")
}

func (v *retentionView) load(r *web.Request) (err error) {
	ctx, p := r.Context(), r.Principal()
	v.May = p.Role == trust.Administrator || p.Role == trust.Records
	if v.Rule, err = ruleOf(r); err != nil {
		return err
	}
	v.Rules = retention.Rules()
	if v.Holds, err = r.Site.Accounts.Holds(ctx, p); err != nil {
		return err
	}
	held := map[string]string{}
	for _, h := range v.Holds {
		held[h.Patient] = h.Reason
	}
	asked := map[string]bool{}
	if v.May {
		wishes, err := r.Actor.ShredWishes(ctx)
		if err != nil {
			return err
		}
		for _, wish := range wishes {
			asked[wish.Patient] = true
			v.Wishes = append(v.Wishes, wishLine{wish, wish.By == p.ID, held[wish.Patient]})
		}
	}
	due, full, err := disposal.Due(ctx, keeper(r), v.Rule)
	if err != nil {
		return err
	}
	v.Full = full
	for _, d := range due {
		v.Due = append(v.Due, dueLine{d, held[d.Patient], asked[d.Patient]})
	}
	gone, err := r.Actor.Destroyed(ctx)
	if err != nil {
		return err
	}
	for _, e := range gone {
		v.Gone = append(v.Gone, goneOf(e))
	}
	return v.names(r)
}

// names reads who the people are, as far as the reader may know.
func (v *retentionView) names(r *web.Request) (err error) {
	if !mayRead(r, "Patient") {
		v.Known = map[string]record.Known{}
		for _, h := range v.Holds {
			found, err := patient.Identify(r.Context(), r.Actor, h.Patient)
			if err != nil {
				return err
			}
			for _, k := range found {
				v.Known[k.ID] = k
			}
		}
		return nil
	}
	var ids []string
	for _, h := range v.Holds {
		ids = append(ids, h.Patient)
	}
	for _, wish := range v.Wishes {
		ids = append(ids, wish.Patient)
	}
	for _, d := range v.Due {
		ids = append(ids, d.Patient)
	}
	v.People, err = people(r.Context(), r.Actor, ids)
	return err
}

// goneOf reads the certificate out of the entry of the log.
func goneOf(e store.LeafEntry) goneLine {
	l := e.Leaf
	g := goneLine{Index: e.Index, At: l.Time, By: l.Name, Reason: l.Reason}
	if len(l.Patients) > 0 {
		g.Patient = l.Patients[0]
	}
	_, g.AskedBy, _ = strings.Cut(l.Query, "asked for by ")
	return g
}

// holdPlace puts a record under a legal hold.
func holdPlace(w http.ResponseWriter, r *web.Request) error {
	v := retentionView{Act: "hold", Form: holdForm{strings.TrimSpace(r.FormValue("patient")), r.FormValue("reason")}}
	if v.Form.Patient == "" {
		v.Faults.Add("patient", r.Lang.T("Say whose record: type the record number or the name."))
		return showRetention(w, r, v)
	}
	var err error
	if v.Whose, err = whose(r, "patient", v.Form.Patient, &v.Faults); err != nil {
		return err
	}
	if len(v.Faults) > 0 || r.FormValue("chosen") != "" { // choosing holds nothing yet
		return showRetention(w, r, v)
	}
	_, err = r.Site.Accounts.PlaceHold(r.Context(), r.Principal(), v.Whose[0].ID, v.Form.Reason)
	if refused(err) || fault.Is(err, fault.NotFound) {
		v.Faults = faultsOf(r, err)
		return showRetention(w, r, v)
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The record is held. Nothing of it can be destroyed before the hold is lifted."), "")
	return web.Redirect(w, r, "/retention")
}

// holdLift ends a legal hold.
func holdLift(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	err := r.Site.Accounts.LiftHold(r.Context(), r.Principal(), id, r.FormValue("reason"))
	if refused(err) {
		return showRetention(w, r, retentionView{Act: "lift-" + id, Faults: faultsOf(r, err)})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T("The hold is lifted."), "")
	return web.Redirect(w, r, "/retention")
}

// byRule begins the reason of a disposal whose time was over.
const byRule = "Retention: "

// reasonOf is what the log and the certificate say: the rule and the dates, nothing clinical.
func reasonOf(rule retention.Rule, d disposal.Record) string {
	text := byRule + rule.Name + ", " + string(d.Class) + ", last contact " + d.Last.Format(time.DateOnly) + ", due " + d.Due.Format(time.DateOnly) + ". " + rule.Source
	for len(text) > 500 {
		text = text[:strings.LastIndex(text, " ")]
	}
	return text
}

// stillDue refuses to dispose of what is not, or not any more, due under the rule. A record that is not
// there is not due either: another answer would tell of charts that the reader may not see.
func stillDue(r *web.Request, patient string) (retention.Rule, disposal.Record, error) {
	rule, err := ruleOf(r)
	if err != nil {
		return rule, disposal.Record{}, err
	}
	d, ok, err := disposal.Of(r.Context(), keeper(r), patient, rule)
	if fault.Is(err, fault.NotFound) || err == nil && (!ok || r.Now().Before(d.Due)) {
		err = fault.New(fault.Conflict, "There is no record with this id that is due for disposal under the rule that is in force.")
	}
	return rule, d, err
}

// disposalAsk notes the wish of the first person.
func disposalAsk(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	rule, d, err := stillDue(r, id)
	if err == nil {
		_, err = r.Actor.AskToShred(r.Context(), id, reasonOf(rule, d))
	}
	return disposed(w, r, err, "Noted. Another person of health records or an administrator confirms it within a week. Nothing is destroyed yet.")
}

// disposalConfirm destroys what the first person has asked for, when it is still due.
func disposalConfirm(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("patient")
	wishes, err := r.Actor.ShredWishes(r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(wishes, func(wish record.ShredWish) bool { return wish.Patient == id })
	if i < 0 { // also where there is no such record: the answer does not tell
		return disposed(w, r, fault.New(fault.Conflict, "Nobody has asked for this within the last week: one person asks, another one confirms."), "")
	}
	if strings.HasPrefix(wishes[i].Reason, byRule) {
		if _, _, err := stillDue(r, id); err != nil {
			return disposed(w, r, err, "")
		}
	}
	err = r.Actor.Shred(r.Context(), id)
	return disposed(w, r, err, "The record is destroyed. Its certificate is below. Make a backup now, so that older backups forget it too.")
}

// disposed shows the page again, with what stood against it.
func disposed(w http.ResponseWriter, r *web.Request, err error, said string) error {
	if refused(err) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.NotFound) {
		return showRetention(w, r, retentionView{Act: "dispose", Faults: faultsOf(r, err)})
	}
	if err != nil {
		return err
	}
	r.Say(r.Lang.T(said), "")
	return web.Redirect(w, r, "/retention")
}

// certificateShow is one certificate of disposal, to print.
func certificateShow(w http.ResponseWriter, r *web.Request) error {
	list, err := r.Actor.Destroyed(r.Context())
	if err != nil {
		return err
	}
	for _, e := range list {
		if strconv.FormatInt(e.Index, 10) == r.PathValue("index") {
			return web.Page(w, r, retentionPageOf(r), certificatePage(goneOf(e), r.Site.Clinic))
		}
	}
	return fault.New(fault.NotFound, "There is no such certificate.")
}

// classWord is a class of records in words.
func classWord(ctx context.Context, c retention.Class) string {
	switch c {
	case retention.Minor:
		return ui.T(ctx, "a minor at the last contact")
	case retention.Imaging:
		return ui.T(ctx, "images")
	case retention.Death:
		return ui.T(ctx, "after death")
	}
	return ui.T(ctx, "an adult")
}
