package policy

import (
	"fmt"
	"slices"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Step is one thing that speaks for or against access.
type Step struct {
	Name string // "role", "care-team", "label"
	Text string // for a person: "Amara is in the patient's care team"
	// Open says that it speaks for access, Shut that it forbids. Neither: it does not apply.
	Open, Shut bool
}

// Explanation answers why a person can or cannot see something.
type Explanation struct {
	Allowed bool
	Steps   []Step
	Kinds   []Kind // of the entries of a chart, when the question is about the whole of it
}

// Kind is how much of one kind of the entries of a chart a person sees. What labels or the patient's
// wishes hide is hidden besides.
type Kind struct {
	Name string // "clinical notes"
	Sees Amount
}

// Amount is how much of something is seen.
type Amount string

// The amounts.
const (
	Nothing    Amount = "nothing"
	Part       Amount = "a part"
	Everything Amount = "all"
)

// kinds are the entries of a chart as people speak of them.
var kinds = []struct {
	name  string
	types []string
}{
	{"contact details", []string{"Patient"}},
	{"appointments", []string{"Appointment"}},
	{"visits", []string{"Encounter"}},
	{"clinical notes", []string{"Composition"}},
	{"health problems", []string{"Condition"}},
	{"allergies", []string{"AllergyIntolerance"}},
	{"medicines", []string{"MedicationRequest", "MedicationStatement"}},
	{"results and measurements", []string{"Observation", "DiagnosticReport"}},
	{"orders", []string{"ServiceRequest"}},
	{"documents", []string{"DocumentReference"}},
	{"messages", []string{"Communication"}},
	{"bills", []string{"ChargeItem", "Invoice"}},
}

// kindsOf says how much of each kind a person sees of a chart that is open to them or not.
func (r Rules) kindsOf(p trust.Principal, patient string, open bool) []Kind {
	glass := r.Opened(p, patient).ID != ""
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		none, all := 0, 0
		for _, t := range k.types {
			_, isAll := Visible(p, t).(search.All)
			switch {
			case isNone(Visible(p, t)), !open:
				none++
			case isAll, glass && InCharts(t):
				all++
			}
		}
		out[i] = Kind{k.name, Part}
		switch len(k.types) {
		case none:
			out[i].Sees = Nothing
		case all:
			out[i].Sees = Everything
		}
	}
	return out
}

// Sees returns the names of the kinds of which a person sees an amount.
func (e Explanation) Sees(a Amount) []string {
	var out []string
	for _, k := range e.Kinds {
		if k.Sees == a {
			out = append(out, k.Name)
		}
	}
	return out
}

// Case is what an explanation is asked about.
type Case struct {
	Type    string // resource type
	Patient string // in whose chart it lives; "" for none
	Labels  []string
	// Selected says whether the rule of the role, where it has one, selects the resource.
	Selected bool
	// Holds says whether a fact is true of the patient.
	Holds func(search.Expr) (bool, error)
	// Discreet leaves out which labels there are.
	Discreet bool
}

// Explain says step by step why a principal can or cannot see a resource: with the same parts
// of which Sees makes its predicate. Asked about a Patient it says besides how much of each kind of
// entries the role sees of that chart: who may see a name may be shown nothing else of it.
func (r Rules) Explain(p trust.Principal, c Case) (Explanation, error) {
	e, err := r.explain(p, c)
	if err == nil && c.Type == "Patient" {
		e.Kinds = r.kindsOf(p, c.Patient, e.Allowed)
	}
	return e, err
}

func (r Rules) explain(p trust.Principal, c Case) (Explanation, error) {
	var e Explanation
	add := func(name, text string, open, shut bool) { e.Steps = append(e.Steps, Step{name, text, open, shut}) }
	base := Visible(p, c.Type)
	_, none := base.(search.None)
	_, all := base.(search.All)
	switch {
	case none && (len(p.Scopes) > 0 || p.Client != "") && !isNone(visibleTo(p, c.Type)):
		add("scope", "The program that acts for the person was not given "+c.Type+".", false, true)
		return e, nil
	case none:
		add("role", fmt.Sprintf("The role %s does not see %s.", p.Role, c.Type), false, true)
		return e, nil
	case !all && !c.Selected:
		add("role", fmt.Sprintf("The role %s sees only a part of %s, and this is not in it.", p.Role, c.Type), false, true)
		return e, nil
	}
	add("role", fmt.Sprintf("The role %s sees %s.", p.Role, c.Type), true, false)
	if p.Role == trust.SystemRole {
		e.Allowed = true
		return e, nil
	}
	if g := r.Opened(p, c.Patient); g.ID != "" && InCharts(c.Type) {
		add("break-glass", "The person has opened this chart by break-glass until "+g.Until.UTC().Format("15:04 UTC")+".", true, false)
		e.Allowed = true
		return e, nil
	}
	shut := false
	if c.Patient != "" && InCharts(c.Type) {
		open, err := r.explainChart(p, c, add)
		if err != nil {
			return Explanation{}, err
		}
		shut = !open
	}
	shutByLabel, err := r.explainLabels(p, c, add)
	e.Allowed = !shut && !shutByLabel
	return e, err
}

func isNone(x search.Expr) bool { _, none := x.(search.None); return none }

// visibleTo is what the role sees, whatever a token leaves of it.
func visibleTo(p trust.Principal, resourceType string) search.Expr {
	p.Scopes, p.Client = nil, ""
	return Visible(p, resourceType)
}

func (r Rules) explainChart(p trust.Principal, c Case, add func(string, string, bool, bool)) (open bool, err error) {
	chart := r.Chart(p)
	open = chart.Free
	if chart.Free {
		text := "The work of this role is not tied to single patients."
		switch {
		case p.Clinical():
			text = "The clinic is set up practice-wide: who treats patients here sees all charts."
		case p.Role == trust.Patient:
			text = "It is the person's own record."
		}
		add("mode", text, true, false)
	} else {
		add("mode", "The clinic is set up restricted: one of the following must bind the person to the patient.", false, false)
	}
	for _, way := range chart.Ways {
		holds, err := c.Holds(way.X)
		if err != nil {
			return false, err
		}
		word := "No: "
		if holds {
			word, open = "Yes: ", true
		}
		if holds || !chart.Free {
			add(way.Name, word+way.Text+".", holds, false)
		}
	}
	if !open {
		add("relation", "Nothing binds the person to the patient.", false, true)
	}
	for _, bar := range chart.Bars {
		holds, err := c.Holds(bar.X)
		if err != nil {
			return false, err
		}
		if holds {
			open = false
			add(bar.Name, "Closed: "+bar.Text+".", false, true)
		}
	}
	return open, nil
}

func (r Rules) explainLabels(p trust.Principal, c Case, add func(string, string, bool, bool)) (shut bool, err error) {
	hidden := Hidden(p)
	for _, l := range Labels {
		if l.Chart || !slices.Contains(c.Labels, l.Code) {
			continue
		}
		text := "It bears a sensitivity label"
		if !c.Discreet {
			text += ": " + l.Text
		}
		if slices.Contains(hidden, l.Code) {
			shut = true
			add("label", text+". Neither the role nor the account is cleared for it.", false, true)
		} else {
			add("label", text+". The person is cleared for it.", true, false)
		}
	}
	if !p.Staff() || c.Patient == "" {
		return shut, nil
	}
	for _, class := range Classes() {
		if !slices.ContainsFunc(class.Codes, func(l string) bool { return slices.Contains(c.Labels, l) }) {
			continue
		}
		objects, err := c.Holds(r.Objects(class))
		if err != nil {
			return false, err
		}
		if objects {
			shut = true
			add("consent", "The patient does not want information of this kind to be seen.", false, true)
		}
	}
	return shut, nil
}
