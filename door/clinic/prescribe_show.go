package clinic

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/drug"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/encounter"
	"github.com/osler-emr/osler/practice/medication"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// How many order sentences the list shows.
const (
	offersShown       = 12
	alternativesShown = 5
)

// sentenceOffer is an order sentence, checked for this patient.
type sentenceOffer struct {
	Sentence drug.Sentence
	Findings rx.Findings
}

// prescribeView is the page on which a medicine is prescribed.
type prescribeView struct {
	Patient   string
	Banner    *ui.Banner
	Visit     string                // id of the encounter; "" outside a visit
	About     []encounter.Diagnosis // of the visit
	Booked    string                // what the visit was booked for
	Typed     string
	Found     []sentenceOffer
	Total     int  // how many match
	OnlyAdult bool // all that match are forms of adults, and the patient is a small child
	Chosen    bool
	Form      prescribeForm
	Draft     medication.Draft
	Findings  rx.Findings
	Facts     rx.Facts
	// EGFRFlag and PotassiumFlag are the flags that the results page gives the values of Facts.
	EGFRFlag, PotassiumFlag string
	Alternatives            []sentenceOffer
	Faults                  ui.Faults
	Told                    bool // the person asked to sign or to check: the faults come first
	MaySign                 bool
	MayPrepare              bool                 // writes it for a physician to sign
	Meant                   *drug.Sentence       // what was perhaps meant by a name that the catalogue does not know
	Signers                 []ui.Option          // physicians who can be asked
	Prepared                *medication.Medicine // the draft that waits for a signature
	Prior                   *medication.Medicine // what is renewed
	Followed                bool                 // the supply was worked out anew from the directions
	Stale                   bool                 // the supply is of other directions
	Reworded                bool                 // the label's own words were of other directions, and are gone
	Weigh                   weighForm
	PreparedBy              string
}

// Path is an address of this page with its parts.
func (v prescribeView) Path(part string, with ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(with); i += 2 {
		q.Set(with[i], with[i+1])
	}
	if v.Visit != "" {
		q.Set("encounter", v.Visit)
	}
	path := "/p/" + v.Patient + "/" + part
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// Back is where the person came from.
func (v prescribeView) Back() string {
	if v.Visit != "" {
		return "/p/" + v.Patient + "/visit/" + v.Visit
	}
	return "/p/" + v.Patient + "/medications"
}

// Open is how many findings of the tiers stop and warning nobody has answered, and how
// many of the warnings need a reason before the prescription can be signed: the grave ones, and
// those that are new since what is renewed was signed.
func (v prescribeView) Open() (stops, warnings, grave int) {
	for _, x := range v.Findings.Findings {
		if _, kept := v.kept(x); kept {
			continue
		}
		switch x.Tier {
		case rx.Stop:
			stops++
		case rx.Warning:
			warnings++
			if medication.Asks(x, v.Prior) {
				grave++
			}
		}
	}
	return stops, warnings, grave
}

// loud reports whether the checks found something that stops or warns.
func (v prescribeView) loud() bool {
	return len(v.Findings.Of(rx.Stop))+len(v.Findings.Of(rx.Warning)) > 0
}

// openWarnings are the warnings that nobody has answered.
func (v prescribeView) openWarnings() []rx.Finding {
	return slices.DeleteFunc(slices.Clone(v.Findings.Of(rx.Warning)), func(x rx.Finding) bool {
		_, kept := v.kept(x)
		return kept
	})
}

// unshown are the warnings that nobody has answered and that the page did not have when it was sent: of
// a dose that was changed a moment ago, or of a chart that has changed since.
func (v prescribeView) unshown() []rx.Finding {
	return slices.DeleteFunc(v.openWarnings(), v.shown)
}

// shown reports whether the page had a warning when it was sent.
func (v prescribeView) shown(x rx.Finding) bool { return slices.Contains(v.Form.Shown, saying(x)) }

// openNews is how many findings nobody has answered that are new since what is renewed was signed.
func (v prescribeView) openNews() int {
	n := 0
	for _, x := range v.Findings.Findings {
		if _, kept := v.kept(x); v.isNew(x) && !kept {
			n++
		}
	}
	return n
}

// kept is the reason for which a finding is kept, and whether it is.
func (v prescribeView) kept(x rx.Finding) (how lang.Text, is bool) {
	if slices.Contains(v.Form.Monitor, x.ID) {
		for _, a := range x.Actions {
			if a.Deed == rx.Monitor {
				return a.Text(), true
			}
		}
	}
	return lang.Say(v.Form.Keep[x.ID]), v.Form.Keep[x.ID] != ""
}

// stopped are the current medicines that end with this prescription.
func (v prescribeView) stopped() []rx.Medicine {
	var out []rx.Medicine
	for _, m := range v.Facts.Current {
		if slices.Contains(v.Form.Stops, m.ID) {
			out = append(out, m)
		}
	}
	return out
}

// prescribe shows the page: GET with a sentence or a prescription to start from, POST with
// words to look for or to write it from, or with a form to look at again.
func prescribe(w http.ResponseWriter, r *web.Request) error {
	v, err := newPrescribeView(r)
	if err != nil {
		return err
	}
	c, p, err := v.page(r)
	if err != nil {
		return err
	}
	if r.HX() { // sent by Enter while the page was about to ask for its part
		return web.Render(w, r, prescribeFragment(v))
	}
	if v.Visit == "" {
		if open, ok := c.OpenVisit(); ok {
			v.Visit = open.ID
			v.Form.Visit = open.ID
		}
	}
	if len(v.Faults) > 0 && r.Method == http.MethodPost {
		return web.Invalid(w, r, p, prescribePage(v))
	}
	return web.Page(w, r, p, prescribePage(v))
}

// page reads the chart that the form is for, and makes the page around it.
func (v *prescribeView) page(r *web.Request) (c chart.Chart, p ui.Page, err error) {
	if c, err = chart.Read(r.Context(), r.Actor, v.Patient); err != nil {
		return c, p, err
	}
	if err = v.askWhom(r, c); err != nil {
		return c, p, err
	}
	p = chartPage(r, c, "Prescribe")
	p.Sheets = append(p.Sheets, "rx.css")
	p.Scripts = append(p.Scripts, "pick.js", "sign.js")
	v.Banner, v.Told = p.Patient, true
	return c, p, nil
}

// compose is the fragment of the page that changes with the medicine: the sentence, its
// fields and its checks.
func prescribeCompose(w http.ResponseWriter, r *web.Request) error {
	v, err := newPrescribeView(r)
	if err != nil {
		return err
	}
	c, err := chart.Read(r.Context(), r.Actor, v.Patient, "AllergyIntolerance")
	if err != nil {
		return err
	}
	if err := v.askWhom(r, c); err != nil {
		return err
	}
	v.Banner = bannerOf(c.Patient, c.Allergies)
	return web.Render(w, r, prescribeFragment(v))
}

// medicineSearch is the list of order sentences for what was typed, checked.
func medicineSearch(w http.ResponseWriter, r *web.Request) error {
	v := prescribeView{Patient: r.PathValue("patient"), Visit: r.FormValue("encounter"), Typed: strings.TrimSpace(r.FormValue("q"))}
	var err error
	if v.Facts, err = medication.ChartFacts(r.Context(), r.Actor, v.Patient, r.Now().Location()); err != nil {
		return err
	}
	v.search(r)
	return web.Render(w, r, medicineOptions(v))
}

// newPrescribeView reads the chart's facts and the request's medicine, and checks it.
func newPrescribeView(r *web.Request) (prescribeView, error) {
	v := prescribeView{Patient: r.PathValue("patient"), Visit: r.FormValue("encounter"), Typed: strings.TrimSpace(r.FormValue("q"))}
	v.MaySign, v.MayPrepare = r.Principal().Role == trust.Physician, mayPrepare(r.Principal().Role)
	var err error
	if v.Facts, err = medication.ChartFacts(r.Context(), r.Actor, v.Patient, r.Now().Location()); err != nil {
		return v, err
	}
	if err := v.flag(r); err != nil {
		return v, err
	}
	if err := v.readVisit(r); err != nil {
		return v, err
	}
	if err := v.start(r); err != nil {
		return v, err
	}
	v.Weigh.Key, v.Weigh.May = nonce(r), mayWrite(r, "Observation")
	v.search(r)
	v.check(r)
	return v, nil
}

// sent reports whether a prescription was sent, and not only words to look for.
func sent(r *web.Request) bool { return r.Method == http.MethodPost && r.PostForm.Has("medicine") }

// start finds what the page is about: the sent form, a prescription to renew, an order
// sentence, words, or nothing yet.
func (v *prescribeView) start(r *web.Request) error {
	switch {
	case sent(r):
		v.Form = readPrescribeForm(r)
		if v.Form.Prepared == "" && v.Form.Renews == "" {
			break
		}
		list, err := medication.List(r.Context(), r.Actor, v.Patient)
		if err != nil {
			return err
		}
		v.prepared(list, "MedicationRequest/"+v.Form.Prepared)
		v.renews(list)
	case r.FormValue("renew") != "":
		list, err := medication.List(r.Context(), r.Actor, v.Patient)
		if err != nil {
			return err
		}
		if v.prepared(list, r.FormValue("renew")) {
			v.Form = formFromDraft(medication.ToSign(*v.Prepared))
			v.renews(list)
			break
		}
		m, ok := list.Find(r.FormValue("renew"))
		if !ok {
			return fault.New(fault.NotFound, "This medicine is not on the patient's list.")
		}
		d, _ := medication.Again(m) // what is missing is told beside its field
		v.Form = formFromDraft(d)
		v.renews(list)
	case r.FormValue("s") != "":
		s, ok := drug.SentenceByID(r.FormValue("s"))
		if !ok {
			return fault.New(fault.NotFound, "This order sentence does not exist any more. Search for the medicine again.")
		}
		v.Form = formFromDraft(medication.FromSentence(v.Patient, s))
		v.Form.Sentence = s.ID
		if v.Facts.Minor() {
			v.Form.withoutDose()
		}
		v.Form.For = v.reasonFor(s.For)
	case strings.TrimSpace(r.FormValue("free")) != "":
		// How much, how and how often is for the prescriber to say: nothing is guessed.
		v.Form = prescribeForm{Medicine: strings.TrimSpace(r.FormValue("free")), Repeats: "0", For: v.reasonFor("")}
	default:
		return nil
	}
	v.Chosen = true
	if v.Form.Key == "" {
		v.Form.Key = nonce(r)
	}
	if v.Form.Visit == "" {
		v.Form.Visit = v.Visit
	}
	v.Visit = v.Form.Visit
	return nil
}

// renews finds the prescription that is renewed. What the patient states was never signed.
func (v *prescribeView) renews(list medication.Medicines) {
	if m, ok := list.Find(v.Form.Renews); ok && !m.Stated {
		v.Prior = &m
	}
}

// isNew reports whether a finding is new since what is renewed was signed.
func (v prescribeView) isNew(x rx.Finding) bool { return v.Prior != nil && v.Prior.IsNew(x) }

// prepared finds the prescription that waits for a signature.
func (v *prescribeView) prepared(list medication.Medicines, ref string) bool {
	for _, m := range list.Prepared {
		if m.Reference() == ref {
			v.Prepared = &m
		}
	}
	return v.Prepared != nil
}

// askWhom fills in who can be asked to sign, the visit's or the patient's own physician first,
// and who prepared the prescription that is looked at.
func (v *prescribeView) askWhom(r *web.Request, c chart.Chart) error {
	if v.Prepared != nil {
		names, err := staffNames(r.Context(), r.Actor, v.Prepared.Recorder)
		if err != nil {
			return err
		}
		v.PreparedBy = who(r.Context(), names, v.Prepared.Recorder, "")
	}
	if !v.MayPrepare {
		return nil
	}
	physicians, err := staff.With(r.Context(), r.Actor, trust.Physician)
	if err != nil {
		return err
	}
	usual := []string{c.Patient.Physician}
	if open, ok := c.OpenVisit(); ok {
		usual = append(open.Clinicians, usual...)
	}
	v.Signers = []ui.Option{{Label: r.Lang.T("Choose…")}}
	for _, p := range physicians {
		v.Signers = append(v.Signers, ui.Option{Value: p.ID, Label: p.Name()})
		if v.Form.Signer == "" && !sent(r) && slices.Contains(usual, "Practitioner/"+p.ID) {
			v.Form.Signer = p.ID
		}
	}
	if len(physicians) == 1 && !sent(r) {
		v.Form.Signer = physicians[0].ID
	}
	return nil
}

// search finds order sentences, the best match first; what a grave check forbids comes last, with
// the reason, and for a small child the forms of adults come after the others.
func (v *prescribeView) search(r *web.Request) {
	for _, s := range drug.Search(v.Typed, 0) {
		v.Found = append(v.Found, v.offered(r, s))
	}
	v.Total = len(v.Found)
	small := v.Facts.Small()
	v.OnlyAdult = small && v.Total > 0 && !slices.ContainsFunc(v.Found, func(o sentenceOffer) bool { return !o.Sentence.AdultForm() })
	slices.SortStableFunc(v.Found, func(a, b sentenceOffer) int { return lateness(a, small) - lateness(b, small) })
	v.Found = v.Found[:min(offersShown, len(v.Found))]
}

// lateness orders what was found.
func lateness(o sentenceOffer, small bool) int {
	late := 0
	if small && o.Sentence.AdultForm() {
		late = 1
	}
	if _, is := forbidden(o.Findings); is {
		late += 2
	}
	return late
}

// forbidden is why a grave check forbids a medicine, in a few words, if one does.
func forbidden(f rx.Findings) (why lang.Text, is bool) {
	for _, x := range f.Findings {
		if medication.NeedsReason(x) {
			return x.Heading, true
		}
	}
	return lang.Text{}, false
}

func (v *prescribeView) offered(r *web.Request, s drug.Sentence) sentenceOffer {
	return sentenceOffer{s, medication.FromSentence(v.Patient, s).CheckOn(v.Facts, r.Actor)}
}

// check runs the checks and looks for alternatives for the same reason.
func (v *prescribeView) check(r *web.Request) {
	if !v.Chosen {
		return
	}
	v.Draft = v.Form.draft(v.Patient, v.Facts.Problems)
	v.Followed, v.Stale = v.Form.follow(&v.Draft)
	v.Reworded = v.Form.reword(&v.Draft)
	v.Findings = v.Draft.CheckOn(v.Facts, r.Actor)
	if near, ok := drug.Near(v.Draft.Text); ok && v.Findings.Unread() {
		v.Meant = &near
	}
	if err := v.Draft.Validate(); err != nil && (sent(r) || v.Form.Renews != "") { // what is begun anew is not at fault yet
		v.Faults = faultsOf(r, err)
	}
	if sent(r) && v.byHand() && v.Form.Route == "" {
		v.Faults.Add("route", r.Lang.T("Choose how it is taken."))
	}
	if (sent(r) || v.Form.Renews != "") && v.supplyOfWhat() {
		v.Faults.Add("quantity", r.Lang.T("Write of what it is too, such as “21 capsules”."))
	}
	reason := v.Draft.Reason
	if s, ok := drug.SentenceByID(v.Form.Sentence); ok {
		reason = s.For
	}
	for _, s := range drug.ForReason(reason) {
		if s.Medicine() != v.Draft.Text {
			v.Alternatives = append(v.Alternatives, v.offered(r, s))
		}
	}
	small := v.Facts.Small()
	slices.SortStableFunc(v.Alternatives, func(a, b sentenceOffer) int {
		return cmp.Or(lateness(a, small)-lateness(b, small), loudness(a.Findings)-loudness(b.Findings))
	})
	v.Alternatives = v.Alternatives[:min(alternativesShown, len(v.Alternatives))]
}

// unknown is the loudness of an offer of which a whole check could not run.
const unknown = 2

// loudness orders offers: nothing found, a little to know or partly checked, not checked,
// warning, stop. What was not checked is never better than what was.
func loudness(f rx.Findings) int {
	switch {
	case f.Loudest() == rx.Stop:
		return unknown + 2
	case f.Loudest() == rx.Warning:
		return unknown + 1
	case len(f.RunsOf(rx.Missing)) > 0:
		return unknown
	case f.Loudest() == rx.Quiet || len(f.RunsOf(rx.Partly)) > 0:
		return 1
	}
	return 0
}
