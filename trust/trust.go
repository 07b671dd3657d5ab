// Package trust names who acts: principals, roles and purposes of use.
//
// A Principal is made by identity (a person who signed in, a bearer token) or by System
// (background work, which is audited like a person). What a principal may do is decided
// by trust/policy; what it did is kept by trust/ledger.
package trust

import "time"

// Role is what a person is in this clinic.
type Role string

// The roles that Osler ships.
const (
	Physician        Role = "physician"
	Nurse            Role = "nurse"
	FrontDesk        Role = "front-desk"
	Biller           Role = "biller"
	Administrator    Role = "administrator"
	Auditor          Role = "auditor"
	MedicalAssistant Role = "medical-assistant"
	Pharmacist       Role = "pharmacist"
	Laboratory       Role = "laboratory"
	Records          Role = "records"
	Patient          Role = "patient" // own record, or, with Proxy, that of whom one cares for
	SystemRole       Role = "system"  // background work and the command line of the machine's owner
)

// Purpose is why data is used: a code of HL7 v3 ActReason (PurposeOfUse).
type Purpose string

// The purposes in use.
const (
	Treatment      Purpose = "TREAT"
	Payment        Purpose = "HPAYMT"
	Operations     Purpose = "HOPERAT"
	Research       Purpose = "HRESCH" // nobody works for it here; patients refuse it
	Marketing      Purpose = "HMARKT" // as above
	PatientRequest Purpose = "PATRQT"
	Emergency      Purpose = "ETREAT" // treatment of an emergency, as a channel or program states it
	BreakGlass     Purpose = "BTG"    // what a Glass opens
)

// Principal is who acts. It is a value: copying it is safe, changing the copy changes
// nothing else.
type Principal struct {
	ID      string // account id, or "system:import"
	Name    string // display name, for the audit log
	Role    Role
	Purpose Purpose
	// Practitioner is the id of the Practitioner resource of a staff member.
	Practitioner string
	// Patient is the id of the Patient resource of a patient's own account.
	Patient string
	// Session identifies the login session or token, for the audit log. It is not the
	// secret.
	Session string
	// Scopes limits a bearer token (SMART scopes such as "user/*.rs"); empty means
	// all that the role may do.
	Scopes []string
	// Launch is the id of the patient that a program was started for (SMART's launch context):
	// scopes of the context patient mean this patient when a member of staff uses the program.
	Launch string
	// Client is the id of the program that acts with the principal's consent (a SMART app,
	// a backend service); "" for a person in a browser.
	Client string
	// Network is from where the principal came, for the audit log: an IPv4 address or the
	// network of an IPv6 one; "" for who works on the machine itself.
	Network string
	// Proved is when the person last proved who they are in this session, by a password,
	// code or passkey; zero for tokens. Grave acts ask for a recent one.
	Proved time.Time
	// Clearance holds the sensitivity labels (codes of HL7 v3 ActCode, such as "PSY") that
	// the person may see beyond those that the role covers.
	Clearance []string
	// Glass holds what the person has opened by break-glass.
	Glass []Glass
	// Service says for whom a program works that acts by itself; nil for people, and for programs
	// that act for a person.
	Service *Service
	// Proxy says that a person acts for Patient with rights of their own kind: a parent, a
	// guardian, a carer. nil for a patient's own account.
	Proxy *Proxy
}

// Glass is a record opened by break-glass: one patient, for a while, with a reason.
type Glass struct {
	ID      string // of the grant, as the audit log and the review queue name it
	Patient string
	Until   time.Time
}

// Service is for whom a program works that acts by itself. The zero Service works for those
// whom the setting of the clinic gives to its role.
type Service struct {
	All      bool     // every patient
	Panel    string   // those whose general practitioner this Practitioner is
	Patients []string // these; empty and not nil: nobody
}

// Proxy is in what capacity somebody acts for a patient.
type Proxy struct {
	ID      string // of the grant
	Related string // id of the RelatedPerson
	// Level is what it covers: "full", or "limited", which leaves out what is confidential
	// to an adolescent.
	Level string
	Until time.Time
}

// System returns the principal of a named piece of background work, such as "import".
func System(name string) Principal {
	return Principal{ID: "system:" + name, Name: name, Role: SystemRole, Purpose: Operations}
}

// Reference returns the FHIR reference of the person behind the principal, or "".
func (p Principal) Reference() string {
	switch {
	case p.Practitioner != "":
		return "Practitioner/" + p.Practitioner
	case p.Patient != "":
		return "Patient/" + p.Patient
	}
	return ""
}

// Staff reports whether the principal works in the clinic.
func (p Principal) Staff() bool { return p.Role != Patient && p.Role != "" }

// Clinical reports whether the principal treats patients.
func (p Principal) Clinical() bool {
	switch p.Role {
	case Physician, Nurse, MedicalAssistant, Pharmacist, Laboratory:
		return true
	}
	return false
}

// OpensCharts reports whether the principal works with whole charts: who treats patients,
// and the health records department.
func (p Principal) OpensCharts() bool { return p.Clinical() || p.Role == Records }

// Opened returns the break-glass grant of the principal for a patient at a time; the zero
// Glass when there is none.
func (p Principal) Opened(patient string, now time.Time) Glass {
	for _, g := range p.Glass {
		if g.Patient == patient && patient != "" && now.Before(g.Until) {
			return g
		}
	}
	return Glass{}
}
