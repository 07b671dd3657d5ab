// Package ledger is the tamper-evident audit log: what a leaf says, how leaves are hashed
// into a Merkle tree, how the tree's head is signed (checkpoints) and how all of it is
// verified offline.
//
// A leaf is written in the same store transaction as the change it describes, or, for a
// read, before the answer leaves. Formats are those of golang.org/x/mod/sumdb/tlog and
// the C2SP signed-note and tlog-checkpoint specifications. Storage is not here: a store
// keeps leaf bytes and tree hashes and hands them to Verify.
package ledger

import (
	"encoding/json"
	"strconv"
	"time"
)

// Action is what was done.
type Action string

// The actions.
const (
	Read    Action = "read"
	VRead   Action = "vread"
	History Action = "history"
	Search  Action = "search"
	Create  Action = "create"
	Update  Action = "update"
	Delete  Action = "delete"
	Batch   Action = "transaction" // several writes in one commit
	Export  Action = "export"
	Print   Action = "print"
	SignIn  Action = "sign-in"
	SignOut Action = "sign-out"
	Refused Action = "refused" // a read or write that policy denied
	Account Action = "account" // accounts, permissions, tokens
	Import  Action = "import"
	Shred   Action = "shred" // a patient's keys and data were destroyed
	Keep    Action = "keep"  // server-side items that are not resources: drafts, sessions
	// Asked is a request that touched nothing of the record, or that was not valid.
	Asked Action = "asked"
	// Disclose is data that left for somebody outside of the clinic.
	Disclose Action = "disclose"
)

// Actions are all of them.
var Actions = []Action{Read, VRead, History, Search, Create, Update, Delete, Batch, Export, Print, SignIn, SignOut, Refused, Account, Import, Shred, Keep, Asked, Disclose}

// Version names a resource version in a leaf.
type Version struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Version int64  `json:"version,omitempty"`
	// Hash is the SHA-256 of the stored body, in hexadecimal, for versions that were
	// written.
	Hash string `json:"sha256,omitempty"`
}

// Leaf is one entry of the audit log. Encode gives its canonical bytes.
type Leaf struct {
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"` // principal id
	Name     string    `json:"name"`  // display name at that time
	Role     string    `json:"role"`
	Purpose  string    `json:"purpose,omitempty"`
	Session  string    `json:"session,omitempty"`
	Action   Action    `json:"action"`
	Type     string    `json:"type,omitempty"`     // resource type, for searches
	Query    string    `json:"query,omitempty"`    // search parameters, or a short description
	Patients []string  `json:"patients,omitempty"` // ids of the patients whose data was touched
	Versions []Version `json:"versions,omitempty"`
	Count    int       `json:"count,omitempty"`   // resources returned
	Outcome  string    `json:"outcome,omitempty"` // empty is success; else a fault code
	Reason   string    `json:"reason,omitempty"`  // a reason given by the person
	Door     string    `json:"door,omitempty"`    // clinic, portal, fhir, console
	Client   string    `json:"client,omitempty"`  // the program that acted for the person
	Glass    string    `json:"glass,omitempty"`   // the break-glass grant under which it was done
	Proxy    string    `json:"proxy,omitempty"`   // the grant under which the person acted for the patient
	Network  string    `json:"network,omitempty"` // from where: an address, or for IPv6 its network
	// Sealed holds the details that may tell about the patients (Query, Reason, and Name when the
	// actor is a patient), encrypted by the store with the patients' keys: the tree hashes this
	// form, so that proofs outlive the keys. A store that returns a leaf fills the details in.
	Sealed []byte `json:"sealed,omitempty"`
	// At is when the store took the leaf, in milliseconds of Unix time: what it is sorted and
	// found by. It is the last member (Stamp). Leaves of programs before November 2026 do not
	// say it.
	At int64 `json:"at,omitempty"`
	// Erased says that the details cannot be read any more: a patient's key was destroyed.
	Erased bool `json:"-"`
}

// Details are the fields of a leaf that are sealed.
type Details struct {
	Query  string `json:"query,omitempty"`
	Reason string `json:"reason,omitempty"`
	Name   string `json:"name,omitempty"`
}

// patientRole is the role (trust.Patient) whose display name is a patient's.
const patientRole = "patient"

// Details returns what of a leaf is sealed.
func (l Leaf) Details() Details {
	d := Details{Query: l.Query, Reason: l.Reason}
	if l.Role == patientRole {
		d.Name = l.Name
	}
	return d
}

// WithDetails returns the leaf with its details filled in.
func (l Leaf) WithDetails(d Details) Leaf {
	l.Query, l.Reason = d.Query, d.Reason
	if l.Role == patientRole {
		l.Name = d.Name
	}
	return l
}

// Stamp returns the bytes of a leaf that was encoded without At, with it: the same that
// Encode would give. The store learns the time only when it commits, and encodes before.
func Stamp(leaf []byte, at int64) []byte {
	if at == 0 || len(leaf) < 2 {
		return leaf
	}
	out := make([]byte, 0, len(leaf)+24)
	out = append(append(out, leaf[:len(leaf)-1]...), `,"at":`...)
	return append(strconv.AppendInt(out, at, 10), '}')
}

// Marks returns the words under which a leaf is listed, so that what is rare is found without
// reading a whole log: that a record was opened in an emergency, a refusal, an export. What
// most leaves do, reading and writing, has no mark. Marks begin with "!", which no id does.
func (l Leaf) Marks() []string {
	if l.At == 0 {
		return nil // was not listed when it was written
	}
	var out []string
	switch l.Action {
	case Refused, Export, Print, SignIn, SignOut, Account, Import, Disclose, Shred:
		out = append(out, MarkAction(l.Action))
	}
	if l.Glass != "" {
		out = append(out, MarkGlass)
	}
	if l.Outcome != "" && l.Action != Refused {
		out = append(out, MarkFailed)
	}
	return out
}

// The marks that are not an action's.
const (
	MarkGlass  = "!glass"  // under a break-glass grant
	MarkFailed = "!failed" // did not succeed, other than a refusal
)

// Done reports whether what the leaf tells of was done: neither refused nor failed.
func (l *Leaf) Done() bool { return l.Outcome == "" && l.Action != Refused }

// MarkAction returns the mark of an action.
func MarkAction(a Action) string { return "!" + string(a) }

// Decode reads what Encode wrote.
func Decode(b []byte) (Leaf, error) {
	var l Leaf
	err := json.Unmarshal(b, &l)
	return l, err
}
