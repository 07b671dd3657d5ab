package policy

import (
	"slices"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// LabelSystem is the code system of sensitivity labels in meta.security.
const LabelSystem = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// Label is a kind of information that not everybody in a clinic needs to see.
type Label struct {
	Code string // of HL7 v3 ActCode
	Text string
	// Class is what a patient can object to as one; "" for none.
	Class string
	// Chart says that the label stands on a Patient and closes the whole chart.
	Chart bool
	// Cleared are the roles that see it without more.
	Cleared []trust.Role
}

// Labels are the sensitivity labels that Osler knows. Who prescribes and who releases records
// must see what is there; a nurse sees all but what 42 CFR Part 2 protects and psychotherapy
// notes, until the account is cleared.
var Labels = []Label{
	{"ETH", "substance use", "substance", false, treating},
	{"SUD", "substance use disorder", "substance", false, treating},
	{"ETHUD", "alcohol use disorder", "substance", false, treating},
	{"OPIOIDUD", "opioid use disorder", "substance", false, treating},
	{"PSY", "mental health", "mental", false, caring},
	{"PSYTHPN", "psychotherapy notes", "mental", false, nil},
	{"HIV", "HIV", "hiv", false, tested},
	{"SEX", "sexual and reproductive health", "sexual", false, tested},
	{"STD", "sexually transmitted disease", "sexual", false, tested},
	{"SDV", "violence and abuse", "sexual", false, caring},
	{"GDIS", "genetics", "genetic", false, tested},
	{"ADOL", "confidential to an adolescent", "adolescent", false, caring},
	{"SPI", "specially protected", "", false, treating}, // for a reason that is not known
	{"CEL", "well-known person", "", true, nil},
	{"EMP", "colleague", "", true, nil},
}

var (
	treating = []trust.Role{trust.Physician, trust.Pharmacist, trust.Records}
	caring   = append([]trust.Role{trust.Nurse}, treating...)
	tested   = append([]trust.Role{trust.Laboratory}, caring...)
)

// LabelOf returns a label by its code.
func LabelOf(code string) (Label, bool) {
	i := slices.IndexFunc(Labels, func(l Label) bool { return l.Code == code })
	if i < 0 {
		return Label{}, false
	}
	return Labels[i], true
}

// Cleared reports whether a principal sees what a label marks.
func Cleared(p trust.Principal, l Label) bool {
	switch p.Role {
	case trust.SystemRole:
		return true
	case trust.Patient:
		// A parent with limited rights does not see what is confidential to the adolescent.
		return p.Proxy == nil || p.Proxy.Level == "full" && l.Code != "ADOL"
	}
	return slices.Contains(l.Cleared, p.Role) || slices.Contains(p.Clearance, l.Code)
}

// MayLabel judges who sets or takes off sensitivity labels of what is stored: physicians and the health
// records department, in person. It depends on the role and the token only.
func MayLabel(p trust.Principal) error {
	if p.Role == trust.SystemRole || inPerson(p, trust.Physician, trust.Records) {
		return nil
	}
	return fault.New(fault.Forbidden, "Only physicians and the health records department, in person, set labels by hand.")
}

// Fits judges a label that somebody gives to a resource of a type: it belongs there, and the one who
// gives it sees what it marks. Otherwise a colleague could hide what everybody needs to see.
func Fits(p trust.Principal, resourceType, code string) error {
	l, known := LabelOf(code)
	if !known || l.Chart != (resourceType == "Patient") || !InCharts(resourceType) {
		return fault.New(fault.Invalid, "The label %q does not belong on a %s.", code, resourceType).At("label")
	}
	if !Cleared(p, l) {
		return fault.New(fault.Forbidden, "The label %q would hide the %s from you. Ask somebody who is cleared for it.", code, resourceType).At("label")
	}
	return nil
}

// MayHide refuses to give a label by hand to entries of a type that everybody who treats must see.
// A label that stands on one may be taken off.
func MayHide(resourceType string) error {
	if resourceType == "AllergyIntolerance" {
		return fault.New(fault.Invalid, "Allergies are not labelled by hand: an allergy that is hidden can kill, so everybody who treats must see it. Write what is confidential into a note instead, and label the note.").At("label")
	}
	return nil
}

// Partial reports whether entries of a type may be kept from a principal in a chart that it sees: by a
// label, by what a patient objects to, or by the scopes of a token. It depends on the reader, never on
// what is stored: where it is true, no list that is empty says that there is nothing.
func Partial(p trust.Principal, resourceType string) bool {
	if _, all := scope(p, resourceType, 'r', 's').(search.All); !all {
		return true
	}
	return p.Role != trust.SystemRole && (p.Staff() || len(Hidden(p)) > 0)
}

// ReadsAll reports whether the scopes of a token let read and list all entries of a type in a patient's chart: what is kept
// from its principal there is kept by role, labels and objections alone. It is true without scopes.
func ReadsAll(p trust.Principal, resourceType, patient string) bool {
	return allOf(scope(p, resourceType, 'r'), patient) && allOf(scope(p, resourceType, 's'), patient)
}

// allOf reports whether what scopes open is all of a patient's chart.
func allOf(x search.Expr, patient string) bool {
	switch x := x.(type) {
	case search.All:
		return true
	case search.InPatient:
		return slices.Contains(x, patient)
	case search.Or:
		return slices.ContainsFunc(x, func(y search.Expr) bool { return allOf(y, patient) })
	}
	return false
}

// Blind reports whether a role sees entries of a type, but not those that a label marks unless the account of
// the person is cleared for it.
func Blind(role trust.Role, resourceType string, l Label) bool {
	p := trust.Principal{Role: role}
	return !isNone(Visible(p, resourceType)) && !Cleared(p, l)
}

// Hidden returns the codes of the labels that hide what they mark from a principal.
func Hidden(p trust.Principal) (codes []string) {
	for _, l := range Labels {
		if !l.Chart && !Cleared(p, l) {
			codes = append(codes, l.Code)
		}
	}
	return codes
}

// labelled returns the predicate of what no label hides from a principal; in charts that are
// opened, nobody's objection does.
func (r Rules) labelled(p trust.Principal, opened search.InPatient) search.Expr {
	var parts search.And
	if hidden := Hidden(p); len(hidden) > 0 {
		parts = append(parts, search.Not{X: bearing(hidden)})
	}
	if p.Staff() {
		for _, class := range Classes() {
			agrees := search.Expr(search.Not{X: r.Objects(class)})
			if len(opened) > 0 {
				agrees = search.Or{opened, agrees}
			}
			parts = append(parts, search.Or{search.Not{X: class.borne}, search.And{agrees, search.Each{X: agrees}}})
		}
	}
	if len(parts) == 0 {
		return search.All{}
	}
	return parts
}

// Objects is true of charts whose patients do not want a class to be seen.
func (r Rules) Objects(c Class) search.Expr { return r.agreed("deny/label/" + c.Name) }

// Class is what a patient can object to as one.
type Class struct {
	Name  string
	Codes []string
	borne search.Expr // is true of what bears one of the codes: made once, every search asks it
}

// Classes returns the classes of labels.
func Classes() []Class { return classes }

var classes = func() (out []Class) {
	for _, l := range Labels {
		i := slices.IndexFunc(out, func(c Class) bool { return c.Name == l.Class })
		switch {
		case l.Class == "":
		case i < 0:
			out = append(out, Class{Name: l.Class, Codes: []string{l.Code}})
		default:
			out[i].Codes = append(out[i].Codes, l.Code)
		}
	}
	for i := range out {
		out[i].borne = bearing(out[i].Codes)
	}
	return out
}()

// bearing is true of what bears one of the labels.
func bearing(codes []string) search.Expr { return tagged("_security", LabelSystem, codes) }

// tagged asks for codes as a list, which a store compiles without looking each of them up.
func tagged(param, system string, codes []string) search.Expr {
	var list []search.Coding
	for _, c := range codes {
		list = append(list, search.Coding{System: system, Code: c})
	}
	return search.Coded{Param: param, Codes: search.SortCodings(list)}
}
