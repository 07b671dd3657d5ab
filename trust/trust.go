// Package trust names who acts: principals, roles and purposes of use.
//
// A Principal is made by identity (a person who signed in, a bearer token) or by System
// (background work, which is audited like a person). What a principal may do is decided
// by trust/policy; what it did is kept by trust/ledger.
package trust

// Role is what a person is in this clinic.
type Role string

// The roles that Osler ships.
const (
	Physician     Role = "physician"
	Nurse         Role = "nurse"
	FrontDesk     Role = "front-desk"
	Biller        Role = "biller"
	Administrator Role = "administrator"
	Auditor       Role = "auditor"
	Patient       Role = "patient"
	SystemRole    Role = "system" // background work and the command line of the machine's owner
)

// Purpose is why data is used: a code of HL7 v3 ActReason (PurposeOfUse).
type Purpose string

// The purposes in use.
const (
	Treatment      Purpose = "TREAT"
	Payment        Purpose = "HPAYMT"
	Operations     Purpose = "HOPERAT"
	PatientRequest Purpose = "PATRQT"
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
func (p Principal) Clinical() bool { return p.Role == Physician || p.Role == Nurse }
