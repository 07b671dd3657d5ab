package policy

import (
	"slices"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/trust"
)

// How long what binds a person to a patient lasts.
const (
	visitsFor       = 30 * 24 * time.Hour // after a visit that the person took part in
	appointmentsFor = 7 * 24 * time.Hour  // around an appointment with the person
	houseFor        = 24 * time.Hour      // around anybody's appointment, for who works on the floor
	ordersFor       = 90 * 24 * time.Hour // after an order, a prescription or a note of the person
	workFor         = 30 * 24 * time.Hour // after an order, for the pharmacy and the laboratory
)

// Ground is one fact that opens a chart to a person, or closes it.
type Ground struct {
	Name string // "care-team"
	Text string // "is in the patient's care team"
	X    search.Expr
}

// Chart is what decides whether a chart is open to a principal. Expr is the decision; the
// parts are there to explain it.
type Chart struct {
	// Free says that no relation is needed.
	Free bool
	// Ways are the relations that open a chart, one is enough.
	Ways []Ground
	// Bars close it whatever the relation is.
	Bars []Ground
}

// Expr returns the predicate, for resources of any type that lives in charts; opened are those
// that are open whatever else is so. What is about several patients on equal terms, or
// names them and lives in no chart, is open when the chart of each is. What is about none is open as far as
// the role goes.
func (c Chart) Expr(opened search.InPatient) search.Expr {
	var parts search.And
	if !c.Free {
		parts = append(parts, anyOf(c.Ways))
	}
	for _, bar := range c.Bars {
		parts = append(parts, search.Not{X: bar.X})
	}
	if len(parts) == 0 {
		return search.All{}
	}
	x := search.Expr(parts)
	if len(opened) > 0 {
		x = search.Or{opened, parts}
	}
	// What is shared has no chart in which anything could be so, and nothing would bar it there.
	return search.Or{search.And{search.Shared{}, search.Each{X: x}}, search.And{search.Not{X: search.Shared{}}, x}}
}

func anyOf(grounds []Ground) search.Or {
	out := search.Or{}
	for _, g := range grounds {
		out = append(out, g.X)
	}
	return out
}

// Chart returns what decides whether charts are open to a principal.
//
// Staff who treat need a relation when the clinic is restricted: the care team, the own
// panel, a visit, an appointment, an order or note, a task that a colleague has passed on; for
// nurses and medical assistants also that the patient is in the house, for the pharmacy and
// the laboratory that there is work for them. What waits for a signature, or never got one, is
// no relation. The front desk, billing and health records
// work for all patients within what their roles show. What was written under break-glass makes no
// relation. Patients see their own chart, which
// Visible says.
func (r Rules) Chart(p trust.Principal) Chart {
	switch p.Role {
	case trust.Patient, trust.SystemRole, trust.Administrator, trust.Auditor:
		return Chart{Free: true}
	}
	c := Chart{Free: r.Mode == PracticeWide || !p.Clinical(), Ways: r.ways(p)}
	if s := p.Service; s != nil {
		switch {
		case s.All:
			c.Free = true
		case s.Panel != "":
			c.Free = false
			c.Ways = []Ground{{"population", "is in the panel that the service works for", search.Beside{Type: "Patient", X: search.Reference{Param: "general-practitioner", Type: "Practitioner", ID: s.Panel}}}}
		case s.Patients != nil:
			c.Free = false
			c.Ways = []Ground{{"population", "is in the group that the service works for", search.InPatient(s.Patients)}}
		}
	}
	c.Bars = append(r.objections(p), r.protected(p, c.Ways)...)
	return c
}

// ways returns the relations of a person to patients.
func (r Rules) ways(p trust.Principal) (out []Ground) {
	way := func(name, text, resourceType string, x ...search.Expr) {
		if slices.Contains(binding, resourceType) { // but not what an emergency wrote
			marks := []string{GlassAll}
			if p.Practitioner != "" {
				marks = append(marks, "Practitioner/"+p.Practitioner)
			}
			x = append(x, search.Not{X: tagged("_tag", GlassSystem, marks)})
		}
		out = append(out, Ground{name, text, search.Beside{Type: resourceType, X: search.And(x)}})
	}
	me := func(param string) search.Expr {
		return search.Reference{Param: param, Type: "Practitioner", ID: p.Practitioner}
	}
	status := func(list ...string) search.Expr {
		var out search.Or
		for _, s := range list {
			out = append(out, search.Token{Param: "status", Code: s})
		}
		return out
	}
	// What somebody has prepared for a signature names who is asked to sign, and what was declined
	// or withdrawn names who was: neither is that person's own act, and neither binds. The request
	// to sign does, as a task, for as long as it waits.
	signed := search.Not{X: status("draft", "preliminary", "cancelled", "revoked", "entered-in-error")}
	if p.Practitioner != "" {
		way("panel", "is the patient's general practitioner", "Patient", me("general-practitioner"))
		way("care-team", "is in the patient's care team", "CareTeam", me("participant"), status("active", "proposed"))
		way("appointment", "has an appointment with the patient within 7 days", "Appointment", me("actor"), r.around("date", appointmentsFor), search.Not{X: status("cancelled", "entered-in-error")})
		way("visit", "took part in a visit of the last 30 days, or in one that is open", "Encounter", me("participant"),
			search.Or{r.since("date", visitsFor), status("in-progress", "arrived", "triaged")}, search.Not{X: status("cancelled", "entered-in-error")})
		way("task", "has an open task about the patient", "Task", me("owner"), status("requested", "received", "accepted", "ready", "in-progress", "on-hold"))
		way("prescription", "prescribed for the patient in the last 90 days", "MedicationRequest", me("requester"), r.since("authoredon", ordersFor), signed)
		way("order", "ordered for the patient in the last 90 days", "ServiceRequest", me("requester"), r.since("authored", ordersFor), signed)
		way("note", "signed a note about the patient in the last 90 days", "Composition", me("author"), r.since("date", ordersFor), signed)
	}
	switch p.Role {
	case trust.Nurse, trust.MedicalAssistant, trust.FrontDesk:
		way("house", "the patient has an appointment here within a day", "Appointment", r.around("date", houseFor), search.Not{X: status("cancelled", "entered-in-error")})
		if p.Role != trust.FrontDesk {
			way("in-house", "the patient is here: a visit is open", "Encounter", status("in-progress", "arrived", "triaged"))
		}
	case trust.Pharmacist:
		way("pharmacy", "the patient has a prescription of the last 30 days", "MedicationRequest", r.since("authoredon", workFor), signed)
	case trust.Laboratory:
		of := laboratoryWork["ServiceRequest"]
		way("laboratory", "the patient has a laboratory order of the last 30 days", "ServiceRequest", r.since("authored", workFor), signed, code("category", of.System, of.Code))
	}
	return out
}

// Care is how a person takes part in the care of patients, among the relations: as general practitioner, in the
// care team, by an appointment or a visit.
func (r Rules) Care(practitioner string) []Ground {
	return slices.DeleteFunc(r.ways(trust.Principal{Practitioner: practitioner}), func(g Ground) bool {
		return !slices.Contains([]string{"panel", "care-team", "appointment", "visit"}, g.Name)
	})
}

// around and since are taken to the hour, so that a decision does not change within a page.
func (r Rules) around(param string, d time.Duration) search.Expr {
	now := r.Now.Truncate(time.Hour)
	return search.Date{Param: param, Prefix: search.Ap, Low: now.Add(-d).UnixMilli(), High: now.Add(d + time.Hour).UnixMilli()}
}

func (r Rules) since(param string, d time.Duration) search.Expr {
	low := r.Now.Truncate(time.Hour).Add(-d).UnixMilli()
	return search.Date{Param: param, Prefix: search.Ge, Low: low, High: low + 1}
}

// ConsentSystem is the system of the tags by which Osler says how it has read a Consent:
// "deny/all", "permit/all", "deny/Practitioner/7", "deny/label/mental". trust/consent writes
// them, the record keeps clients from doing so.
const ConsentSystem = "urn:osler:consent"

// agreed is a consent that is in force and says something.
func (r Rules) agreed(says ...string) search.Expr {
	now := r.Now.Truncate(time.Minute).UnixMilli()
	// An entry of the parameter period is the time for which the consent holds.
	holds := search.Or{search.Missing{Param: "period", Missing: true}, search.Date{Param: "period", Prefix: search.Ap, Low: now, High: now + 1}}
	return search.Beside{Type: "Consent", X: search.And{tagged("_tag", ConsentSystem, says), search.Token{Param: "status", Code: "active"}, holds}}
}

// objections are what patients have said about their charts.
func (r Rules) objections(p trust.Principal) (out []Ground) {
	if p.Practitioner != "" {
		out = append(out, Ground{"named", "the patient does not want this person to see the chart", r.agreed("deny/Practitioner/" + p.Practitioner)})
	}
	if p.Client != "" { // programs: those that deal with health plans, do research or advertise
		switch p.Purpose {
		case trust.Payment:
			out = append(out, Ground{"payment", "the patient does not want health plans to know", r.agreed("deny/purpose/HPAYMT")})
		case trust.Research, trust.Marketing:
			out = append(out, Ground{"purpose", "the patient does not want the chart to be used for this", r.agreed("deny/purpose/" + string(p.Purpose))})
		}
	}
	if !treats(p) {
		return out
	}
	out = append(out, Ground{"objection", "the patient has objected to the use of the chart, or a consent could not be read", r.agreed("deny/all")})
	if r.OptIn {
		out = append(out, Ground{"no-consent", "the patient has not consented yet, as this clinic asks for", search.Not{X: r.Consented()}})
	}
	return out
}

// Consented is a consent in force to the use of the chart.
func (r Rules) Consented() search.Expr { return r.agreed(consentsToUse) }

// consentsToUse is how such a consent is read.
const consentsToUse = "permit/all"

// treats reports whether a missing consent, or an objection to any use, closes charts to a principal: to
// who treats, and to programs with the rights of the health records department. The people of that
// department keep the record. They file the consent, lift the objection when the patient wishes, and answer
// what the patient asks about the record: if it were closed to them too, nobody could.
func treats(p trust.Principal) bool {
	return p.Clinical() || p.Role == trust.Records && (p.Client != "" || len(p.Scopes) > 0)
}

// protected are charts of people whom colleagues and the public are curious about: only who
// has to do with them, or is cleared for it, sees these.
func (r Rules) protected(p trust.Principal, ways []Ground) []Ground {
	var codes []string
	for _, l := range Labels {
		if l.Chart && !slices.Contains(p.Clearance, l.Code) {
			codes = append(codes, l.Code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	x := search.Expr(search.Beside{Type: "Patient", X: bearing(codes)})
	if len(ways) > 0 {
		x = search.And{x, search.Not{X: anyOf(ways)}}
	}
	return []Ground{{"protected", "the chart is that of a colleague or a well-known person, and nothing binds this person to the patient", x}}
}
