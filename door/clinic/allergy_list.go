package clinic

import (
	"context"
	"net/http"
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/knowledge/allergen"
	"github.com/osler-emr/osler/practice/chart"
)

// allergyForm adds an allergy: the agent, then one press on what happened.
type allergyForm struct {
	Patient, Back, Key string
	Agent              string
	Type, Severity     string
	Other              string // reaction in free text
	None               bool   // "no known allergies" can be stated
	Faults             ui.Faults
}

// allergiesView is the page of a patient's allergies.
type allergiesView struct {
	Frame     chartFrame
	Allergies chart.Allergies
	Banner    ui.Allergies
	Form      allergyForm
	Names     map[string]string
	May       bool
}

// noAnswer says that no answer about allergies stands in what the reader may see.
func noAnswer(ctx context.Context, partial bool) string {
	if partial {
		return ui.T(ctx, "No answer is recorded that you may see.")
	}
	return ui.T(ctx, "Nobody has recorded an answer yet.")
}

// hiddenFromSome reports whether a label stands on an allergy, for who may take it off: none is given
// to allergies by hand.
func hiddenFromSome(f chartFrame, a chart.Allergy) bool {
	return f.Sight != nil && len(f.Sight(a.Reference())) > 0
}

func newAllergyForm(r *web.Request, c chart.Chart, back string) allergyForm {
	return allergyForm{Patient: c.Patient.ID, Back: back, Key: nonce(r), None: c.Allergies.State == chart.NotRecorded || c.Allergies.State == chart.NoneKnown}
}

func allergiesShow(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	return showAllergies(w, r, c, newAllergyForm(r, c, "/p/"+c.Patient.ID+"/allergies"))
}

func showAllergies(w http.ResponseWriter, r *web.Request, c chart.Chart, f allergyForm) error {
	v := allergiesView{Frame: frameOf(r, c, "allergies"), Allergies: c.Allergies, Banner: allergiesOf(c.Allergies), Form: f, May: mayWrite(r, "AllergyIntolerance")}
	var refs []string
	for _, a := range slices.Concat(c.Allergies.Active, c.Allergies.Denied, c.Allergies.Past) {
		refs = append(refs, a.Recorder)
	}
	var err error
	if v.Names, err = staffNames(r.Context(), r.Actor, refs...); err != nil {
		return err
	}
	p := chartPage(r, c, "Allergies")
	if len(f.Faults) > 0 {
		return web.Invalid(w, r, p, allergiesPage(v))
	}
	return web.Page(w, r, p, allergiesPage(v))
}

// allergyFind answers the list under the field of the agent.
func allergyFind(w http.ResponseWriter, r *web.Request) error {
	typed := r.FormValue("q")
	return web.Render(w, r, allergyOptions(allergen.Search(typed, 7), typed))
}
