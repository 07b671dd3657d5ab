package synthetic

import (
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// world is what all patients of one clinic share.
type world struct {
	seed     uint64
	today    time.Time
	setting  []*fhir.Node // organization, rooms, staff, fees, insurers
	clinic   *fhir.Node
	rooms    []*fhir.Node
	insurers []*fhir.Node
	staff    []*staff
	doctors  []*staff
	nurses   []*staff
	desk     *staff
	fees     map[string]fee
}

// staff is one person who works here.
type staff struct {
	role               trust.Role
	prefix, given      string
	family, skill      string
	language, story    string
	practitioner       *fhir.Node
	id, name, greeting string // greeting is how a note or a letter names the person
}

func (s *staff) reference() *fhir.Node { return named("Practitioner/"+s.id, s.name) }

func newWorld(seed uint64, today time.Time) *world {
	w := &world{seed: seed, today: today.Truncate(time.Minute), fees: map[string]fee{}}
	d := newDice(seed, 0)
	w.clinic = set(resource(d, "Organization"), "active", true,
		"identifier", fhir.Arr(fhir.Obj("system", "urn:osler:organization", "value", "harehills")),
		"type", fhir.Arr(concept("Family practice", code{hl7 + "organization-type", "prov", "Healthcare Provider"})),
		"name", "Harehills Family Practice",
		"telecom", fhir.Arr(fhir.Obj("system", "phone", "value", "(206) 555-0100", "use", "work"),
			fhir.Obj("system", "email", "value", "desk@harehills.example", "use", "work")),
		"address", fhir.Arr(set(address("18 Roundhay Street", "Harehills", "98177"), "use", "work")))
	w.setting = append(w.setting, w.clinic)
	for _, name := range []string{"Waiting room", "Room 1 (bloods)", "Room 2", "Room 3", "Room 4", "Room 5", "Room 6 (procedures)"} {
		room := set(resource(d, "Location"), "status", "active", "name", name, "mode", "instance",
			"type", fhir.Arr(concept("Clinic room")), "managingOrganization", ref(w.clinic))
		w.rooms = append(w.rooms, room)
		w.setting = append(w.setting, room)
	}
	for _, name := range []string{"Cedar Mutual Health", "Northlight Health Plan", "Harbor State Medicaid (example)", "Senior Federal Cover (example)"} {
		payer := set(resource(d, "Organization"), "active", true,
			"type", fhir.Arr(concept("Insurer", code{hl7 + "organization-type", "pay", "Payer"})), "name", name)
		w.insurers = append(w.insurers, payer)
		w.setting = append(w.setting, payer)
	}
	w.hire(d)
	w.setFees(d)
	return w
}

// people lists the staff; the order is the order of the welcome page.
var people = []staff{
	{role: trust.Physician, prefix: "Dr", given: "Anna", family: "Lindqvist", skill: "MD, family medicine", story: "A full morning, a critical result, and Maria waiting in room 3"},
	{role: trust.Physician, prefix: "Dr", given: "Chidi", family: "Okonkwo", skill: "MD, family medicine", story: "Children, pregnancies and the afternoon's walk-ins"},
	{role: trust.Physician, prefix: "Dr", given: "Karim", family: "Haddad", skill: "MD, internal medicine", story: "Older patients with many medicines; messages to answer"},
	{role: trust.Nurse, given: "Thandi", family: "Mbeki", skill: "RN", story: "Vital signs, vaccines, home readings to accept"},
	{role: trust.Nurse, given: "Amara", family: "Mensah", skill: "RN", story: "Phone calls, refill requests, dressings"},
	{role: trust.FrontDesk, given: "Tom", family: "Reyes", story: "Schedule, check-in, registration, a duplicate to sort out"},
	{role: trust.Biller, given: "Priya", family: "Nair", story: "Charges and statements of the last visits"},
	{role: trust.Administrator, given: "Sam", family: "Whitlock", story: "People, access, audit, backups"},
	{role: trust.Auditor, given: "Ines", family: "Castellanos", story: "Who looked at which record, and why"},
}

func (w *world) hire(d dice) {
	for i := range people {
		s := people[i]
		s.language = "en"
		s.name = strings.TrimSpace(s.prefix + " " + s.given + " " + s.family)
		s.greeting = s.given
		if s.prefix != "" {
			s.greeting = s.prefix + " " + s.family
		}
		name := fhir.Obj("use", "official", "text", s.name, "family", s.family, "given", fhir.Arr(s.given))
		if s.prefix != "" {
			name.Set("prefix", fhir.Arr(s.prefix))
		}
		s.practitioner = set(resource(d, "Practitioner"), "active", true, "name", fhir.Arr(name),
			"telecom", fhir.Arr(fhir.Obj("system", "email", "value", s.user()+"@harehills.example", "use", "work")))
		if s.skill != "" {
			s.practitioner.Set("qualification", fhir.Arr(fhir.Obj("code", concept(s.skill))))
		}
		s.id = s.practitioner.ID()
		role := set(resource(d, "PractitionerRole"), "active", true, "practitioner", s.reference(),
			"organization", ref(w.clinic), "code", fhir.Arr(concept(string(s.role))))
		w.setting = append(w.setting, s.practitioner, role)
		w.staff = append(w.staff, &s)
		switch s.role {
		case trust.Physician:
			w.doctors = append(w.doctors, &s)
		case trust.Nurse:
			w.nurses = append(w.nurses, &s)
		case trust.FrontDesk:
			w.desk = &s
		}
	}
}

func (s *staff) user() string { return strings.ToLower(s.given + "." + s.family) }

func (w *world) staffAccounts() []Account {
	var list []Account
	for _, s := range w.staff {
		list = append(list, Account{Role: s.role, Name: s.name, User: s.user(), Practitioner: s.id, Language: "en", Story: s.story})
	}
	return list
}

// fee is a line of the clinic's fee schedule. The codes are the clinic's own: the American
// procedure codes are licensed and not shipped; the G codes are HCPCS, which is public.
type fee struct {
	code, text string
	price      float64
	hcpcs      string
}

var feeSchedule = []fee{
	{"visit-new-3", "Office visit, new patient, low complexity", 148, ""},
	{"visit-new-4", "Office visit, new patient, moderate complexity", 205, ""},
	{"visit-2", "Office visit, established patient, straightforward", 74, ""},
	{"visit-3", "Office visit, established patient, low complexity", 112, ""},
	{"visit-4", "Office visit, established patient, moderate complexity", 158, ""},
	{"visit-5", "Office visit, established patient, high complexity", 214, ""},
	{"well-child", "Well-child visit", 132, ""},
	{"preventive-adult", "Preventive visit, adult", 165, ""},
	{"wellness-annual", "Annual wellness visit, subsequent", 139, "G0439"},
	{"antenatal", "Antenatal visit", 96, ""},
	{"vaccine-administration", "Vaccine administration", 24, ""},
	{"influenza-administration", "Administration of influenza vaccine", 24, "G0008"},
	{"urine-dipstick", "Urine dipstick", 9, ""},
	{"blood-draw", "Blood draw", 12, ""},
	{"peak-flow", "Peak flow measurement", 15, ""},
	{"inr-point-of-care", "INR, finger prick", 18, ""},
	{"wound-dressing", "Wound dressing", 46, ""},
	{"joint-injection", "Injection of a large joint", 118, ""},
}

func (w *world) setFees(d dice) {
	for _, f := range feeSchedule {
		w.fees[f.code] = f
		def := set(resource(d, "ChargeItemDefinition"),
			"url", "urn:osler:fee:"+f.code, "title", f.text, "status", "active",
			"code", f.concept(),
			"propertyGroup", fhir.Arr(fhir.Obj("priceComponent", fhir.Arr(fhir.Obj("type", "base", "code", concept("Clinic fee"), "amount", money(f.price))))))
		w.setting = append(w.setting, def)
	}
}

func (f fee) concept() *fhir.Node {
	return concept(f.text, code{feeCodes, f.code, f.text}, code{"https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", f.hcpcs, ""})
}

func address(line, city, zip string) *fhir.Node {
	return fhir.Obj("use", "home", "line", fhir.Arr(line), "city", city, "state", "WA", "postalCode", zip, "country", "US")
}
