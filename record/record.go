// Package record is the one gate to the clinical record.
//
// Everything that reads or writes patients' data does it through an Actor, which is a Gate
// bound to a Principal. The Actor asks trust/policy before and after, validates, extracts
// the search index, writes the audit leaf and hands one Changeset to the store. There is no
// other way: only record and identity hold a store.
//
//	actor := gate.As(principal, record.Door("clinic"))
//	patient, err := actor.Read(ctx, "Patient", id)
//	patient.Set("active", fhir.Bool(false))
//	receipt, err := actor.Commit(ctx, record.Change{Put: []record.Put{{Resource: patient}}})
//
// Clinical meaning (what a prescription is) is not here but in the practice packages;
// wire formats are not here but in exchange; HTTP is not here but in door.
package record
