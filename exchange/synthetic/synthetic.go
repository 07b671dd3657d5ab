// Package synthetic makes a family practice that never existed: its people, rooms, fees,
// patients and their years of linked history, as FHIR resources in the shapes of
// docs/reference/representation.md.
//
// It is what "osler demo" shows and what benchmarks and tests load. Everything is drawn
// from a seed and a date that the caller passes in: the same two values give the same bytes.
//
//	p := synthetic.Clinic(1, now)
//	for chunk := range slices.Chunk(p.Resources, 500) { commit(chunk) }
//
// A chart is grown, not filled in: a patient has courses (a diabetes, a pregnancy, a
// childhood), each visit lets every course speak once, and what the courses order,
// prescribe and write becomes one encounter with its vital signs, results, medicines, note
// and charges. So medicines have problems, problems have results, and notes quote the values
// that stand in the chart. Every person, address and company is invented.
package synthetic

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"iter"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// Practice is a whole clinic.
type Practice struct {
	// Resources stand in an order in which references point backwards, so that they can be
	// committed in chunks. Each carries meta.tag urn:osler:origin demonstration.
	Resources []*fhir.Node
	// Accounts are the people who can sign in: staff of every role, then patients.
	Accounts []Account
}

// Account is one person who can sign in.
type Account struct {
	Role         trust.Role
	Name         string // "Dr Anna Lindqvist"
	User         string // "anna.lindqvist"
	Practitioner string // id of the Practitioner, for staff
	Patient      string // id of the Patient, for patients
	Language     string // BCP-47
	Story        string // one line for the welcome page: what there is to see
}

// Credentials derives the account's password and TOTP secret (base32, 160 bits) from a
// random secret of the caller. Nothing that signs in is fixed in the code.
func (a Account) Credentials(secret []byte) (password, totp string) {
	sum := func(purpose string) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(purpose + "\x00" + a.User))
		return m.Sum(nil)
	}
	return base64.RawURLEncoding.EncodeToString(sum("password")[:15]),
		base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum("totp")[:20])
}

// Clinic returns Harehills Family Practice with about 80 patients, as it is at today. The
// schedule of the day lies around today's time of day, in today's time zone.
func Clinic(seed uint64, today time.Time) Practice {
	w := newWorld(seed, today)
	p := Practice{Accounts: w.staffAccounts()}
	p.Resources = append(p.Resources, w.setting...)
	d := w.day()
	for _, c := range w.panel(d) {
		p.Resources = append(p.Resources, c.resources...)
		if c.account != nil {
			p.Accounts = append(p.Accounts, *c.account)
		}
	}
	p.Resources = append(p.Resources, d.resources...)
	return p
}

// Population yields the resources of a clinic first (staff, rooms, fees), then those of one
// patient at a time, n patients in all, each grown by the same courses as the clinic's. Only
// one patient is in memory at a time. References point to the same slice or to the first.
func Population(seed uint64, n int, today time.Time) iter.Seq[[]*fhir.Node] {
	return func(yield func([]*fhir.Node) bool) {
		w := newWorld(seed, today)
		if !yield(w.setting) {
			return
		}
		for i := range n {
			if !yield(w.anyone(uint64(i) + 1<<20).resources) {
				return
			}
		}
	}
}
