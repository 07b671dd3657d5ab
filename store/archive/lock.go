package archive

import (
	"errors"
	"io"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/fault"
)

// Lock says who will be able to read a backup. Make it with Recipients or Passphrase; the zero
// Lock is refused: there are no backups in clear.
type Lock struct {
	recipients []age.Recipient
	names      []string
}

// passphraseLock is the name of a Lock with a passphrase in a manifest.
const passphraseLock = "passphrase"

// Recipients locks to the holders of identities: "age1…", as `osler backup key` and age-keygen print them.
func Recipients(list ...string) (Lock, error) {
	l := Lock{}
	for _, name := range list {
		r, err := age.ParseRecipients(strings.NewReader(name))
		if err != nil || len(r) != 1 {
			return Lock{}, fault.New(fault.Invalid, "%q is not an age recipient; it looks like age1… and is printed by `osler backup key`. An identity, AGE-SECRET-KEY-…, is the other half: keep it away from here.", shown(name))
		}
		l.recipients, l.names = append(l.recipients, r...), append(l.names, strings.TrimSpace(name))
	}
	if len(l.names) == 0 {
		return Lock{}, fault.New(fault.Invalid, "A backup needs a recipient (--recipient; of a server, --backup-recipient) or a passphrase.")
	}
	slices.Sort(l.names)
	return l, nil
}

// shown keeps a secret out of a message when it stands where a recipient should.
func shown(name string) string {
	if strings.Contains(strings.ToUpper(name), "SECRET") {
		return "AGE-SECRET-KEY-…"
	}
	return name
}

// Passphrase locks with a passphrase. It is stretched anew for every segment, which takes a
// second and a quarter of a gigabyte: for backups by hand.
func Passphrase(p string) (Lock, error) {
	r, err := age.NewScryptRecipient(p)
	if err != nil {
		return Lock{}, fault.New(fault.Invalid, "The passphrase is empty.")
	}
	return Lock{recipients: []age.Recipient{r}, names: []string{passphraseLock}}, nil
}

// Keys opens what a Lock has locked.
type Keys struct{ identities []age.Identity }

// Identities reads a file of identities, as `osler backup key` and age-keygen write it.
func Identities(r io.Reader) (Keys, error) {
	ids, err := age.ParseIdentities(r)
	if err != nil { // its text may quote the file
		return Keys{}, fault.New(fault.Invalid, "This is not a file of age identities; each stands on a line and looks like AGE-SECRET-KEY-1….")
	}
	return Keys{ids}, nil
}

// maxStretch bounds the work that a forged segment can ask for: 2^20 needs a gigabyte.
const maxStretch = 20

// PassphraseKeys opens what Passphrase has locked.
func PassphraseKeys(p string) (Keys, error) {
	id, err := age.NewScryptIdentity(p)
	if err != nil {
		return Keys{}, fault.New(fault.Invalid, "The passphrase is empty.")
	}
	id.SetMaxWorkFactor(maxStretch)
	return Keys{[]age.Identity{id}}, nil
}

// decrypt opens the stream of an object.
func (k Keys) decrypt(r io.Reader, object string) (io.Reader, error) {
	if len(k.identities) == 0 {
		return nil, fault.New(fault.Invalid, "The backup is opened with an identity or a passphrase; none was given.")
	}
	plain, err := age.Decrypt(r, k.identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fault.Wrap(err, fault.Forbidden, "The identity or passphrase does not open %s, or its beginning was changed.", object)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "%s is damaged at its beginning, or no backup.", object)
	}
	return plain, nil
}
