package policy

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// Mode says which charts the people of a clinic see.
type Mode string

// The modes.
const (
	// PracticeWide lets all who treat patients here see all charts.
	PracticeWide Mode = "practice-wide"
	// Restricted lets them see the charts of patients with whom they have to do; see Chart.
	Restricted Mode = "restricted"
)

// Rules are what decides beside the role: how the clinic is set up, and the time. The zero
// Rules are those of a clinic whose setting cannot be read: restricted, without which
// nothing is lost, since break-glass and administrators still work.
type Rules struct {
	Mode Mode
	// OptIn says that a chart is closed to those who treat until the patient has consented;
	// otherwise it is open until the patient objects.
	OptIn bool
	Now   time.Time
}

// Sees returns the predicate of the resources of a type that a principal may see: what role
// and token allow, in charts that are open to the principal, without what labels hide. It is
// the one predicate of the house: stores join it at every occurrence of the type, and single
// reads evaluate it.
func (r Rules) Sees(p trust.Principal, resourceType string) search.Expr {
	base := Visible(p, resourceType)
	if _, none := base.(search.None); none || p.Role == trust.SystemRole {
		return base
	}
	if !InCharts(resourceType) {
		return joined(base, r.labelled(p, nil))
	}
	opened := r.opened(p)
	x := joined(r.Chart(p).Expr(opened), r.labelled(p, opened))
	if _, all := x.(search.All); !all && len(opened) > 0 {
		x = search.Or{opened, x}
	}
	return joined(base, x)
}

// Key tells apart what Sees, Chart and Visible answer: two principals under rules with the same
// key see the same. It changes every minute. A principal who has opened charts by break-glass
// has none: what is open then ends at a moment of its own.
func (r Rules) Key(p trust.Principal) (key string, ok bool) {
	if len(p.Glass) > 0 {
		return "", false
	}
	b := make([]byte, 0, 200)
	add := func(s string) { b = append(strconv.AppendInt(b, int64(len(s)), 10), ':'); b = append(b, s...) }
	b = strconv.AppendInt(b, r.Now.Unix()/60, 10)
	b = strconv.AppendBool(b, r.OptIn)
	for _, s := range []string{string(r.Mode), p.ID, string(p.Role), string(p.Purpose), p.Practitioner, p.Patient, p.Launch, p.Client} {
		add(s)
	}
	for _, list := range [][]string{p.Scopes, p.Clearance} {
		b = append(strconv.AppendInt(b, int64(len(list)), 10), ';')
		for _, s := range list {
			add(s)
		}
	}
	if s := p.Service; s != nil {
		b = strconv.AppendBool(append(b, 's'), s.All)
		b = strconv.AppendBool(b, s.Patients != nil)
		add(s.Panel)
		for _, id := range s.Patients {
			add(id)
		}
	}
	if p.Proxy != nil {
		for _, s := range []string{p.Proxy.ID, p.Proxy.Related, p.Proxy.Level} {
			add(s)
		}
		b = strconv.AppendInt(b, p.Proxy.Until.UnixMilli(), 10)
	}
	return string(b), true
}

// opened are the patients whose charts the principal has opened by break-glass.
func (r Rules) opened(p trust.Principal) (out search.InPatient) {
	if MayBreakGlass(p) != nil {
		return nil
	}
	for _, g := range p.Glass {
		if p.Opened(g.Patient, r.Now).ID != "" && !slices.Contains(out, g.Patient) {
			out = append(out, g.Patient)
		}
	}
	return out
}

// Opened returns the break-glass grant under which a principal acts on a patient's chart; the
// zero Glass when there is none that counts.
func (r Rules) Opened(p trust.Principal, patient string) trust.Glass {
	if !breaksGlass(p) {
		return trust.Glass{}
	}
	return p.Opened(patient, r.Now)
}

// breaksGlass is MayBreakGlass without the words, asked of every version that is judged.
func breaksGlass(p trust.Principal) bool {
	switch p.Role {
	case trust.Physician, trust.Nurse, trust.Pharmacist:
		return len(p.Scopes) == 0 && p.Client == ""
	}
	return false
}

// MayBreakGlass tells whether a principal may open a chart that is closed to it, in an
// emergency and with a reason: physicians, nurses and pharmacists in person. It depends on
// the role and the token only.
func MayBreakGlass(p trust.Principal) error {
	if breaksGlass(p) {
		return nil
	}
	return fault.New(fault.Forbidden, "Only physicians, nurses and pharmacists open a closed chart in an emergency, in person and not through a program.")
}

// emergency are the types that may be written in a chart that is open by break-glass only:
// what an emergency asks for. Who may see the chart otherwise is not among them.
var emergency = []string{"AllergyIntolerance", "Binary", "Communication", "Composition", "Condition", "DetectedIssue", "DiagnosticReport",
	"DocumentReference", "Encounter", "Flag", "Immunization", "MedicationAdministration", "MedicationDispense", "MedicationRequest",
	"MedicationStatement", "Observation", "Procedure", "ServiceRequest", "Specimen", "Task"}

// Emergency judges a write in a chart that only break-glass has opened.
func Emergency(i Interaction, resourceType string) error {
	if i == Delete || !slices.Contains(emergency, resourceType) {
		return fault.New(fault.Forbidden, "This chart is open to you for an emergency: you may write orders, notes, results and what else the emergency asks for, but not %s %s.", i, resourceType)
	}
	return nil
}

// GlassSystem is the system of the server-owned tags of what was written in a chart that only
// break-glass had opened: GlassAll for what makes no relation to the patient for anybody, and
// "Practitioner/7" for whom it makes none. An emergency ends when the grant does.
const (
	GlassSystem = "urn:osler:break-glass"
	GlassAll    = "all"
)

// GlassMarks returns the codes of GlassSystem that a version needs which p writes under
// break-glass. What is new binds nobody, nor does what is brought back into force; in what is
// there already, people whom it did not name before are not bound by it, while the others stay so.
func GlassMarks(p trust.Principal, before, after *fhir.Node) []string {
	if !slices.Contains(binding, after.ResourceType()) {
		return nil
	}
	if before == nil {
		return []string{GlassAll}
	}
	changed := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return !bytes.Equal(before.Get(n).JSON(), after.Get(n).JSON()) })
	}
	if changed("authoredOn", "date", "category", "subject", "for") || !statusIn(before, inForce...) && changed("status", "period") {
		return []string{GlassAll}
	}
	had, marks := named(before), []string{}
	if me := p.Reference(); me != "" {
		marks = append(marks, me)
	}
	for _, ref := range named(after) {
		if !slices.Contains(had, ref) && !slices.Contains(marks, ref) {
			marks = append(marks, ref)
		}
	}
	return marks
}

// binding are the types whose entries make relations and may be written in an emergency.
var binding = []string{"Encounter", "Task", "MedicationRequest", "ServiceRequest", "Composition"}

// inForce are the states in which a visit or task binds.
var inForce = []string{"in-progress", "arrived", "triaged", "requested", "received", "accepted", "ready", "on-hold"}

// named returns the practitioners whom a resource names.
func named(n *fhir.Node) (refs []string) {
	switch n.Kind() {
	case fhir.Array:
		for item := range n.Items() {
			refs = append(refs, named(item)...)
		}
	case fhir.Object:
		for name, v := range n.Members() {
			if name != "reference" {
				refs = append(refs, named(v)...)
			} else if t, id := fhirType(v.Text()); t == "Practitioner" {
				id, _, _ = strings.Cut(id, "/") // a reference to a version
				refs = append(refs, t+"/"+id)
			}
		}
	}
	return refs
}

// InCharts reports whether resources of a type live in charts: those of FHIR's Patient
// compartment, those whose patient or subject a search parameter names, and those that hold entries of
// patients or may refer to them, which are seen by those to whom the charts of all whom they name are open.
func InCharts(resourceType string) bool { return inCharts()[resourceType] }

var inCharts = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{"Patient": true, "Binary": true}
	compartment := definition.Compartment("Patient")
	for name := range rows {
		_, patient := definition.SearchParameterFor(name, "patient")
		_, subject := definition.SearchParameterFor(name, "subject")
		if len(compartment[name]) > 0 || patient || subject || slices.Contains(naming, name) {
			m[name] = true
		}
	}
	return m
})

// naming are types outside of charts that name patients all the same. What describes the clinic or its
// knowledge, which everybody reads, is not among them.
var naming = []string{"BiologicallyDerivedProduct", "Bundle", "DeviceMetric", "EnrollmentResponse", "Linkage", "MessageHeader", "PaymentNotice", "PaymentReconciliation",
	"ResearchStudy", "Slot", "VerificationResult"}

// joined is And, without what is true anyway.
func joined(a, b search.Expr) search.Expr {
	if _, all := a.(search.All); all {
		return b
	}
	if _, all := b.(search.All); all {
		return a
	}
	return search.And{a, b}
}
