package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/osler-emr/osler/base/fault"
)

// Secret returns the data key itself, for those who seal it for somebody else: a backup does,
// so that it can be restored without this machine's key file. Whoever has it can open the record.
func (k Keyring) Secret() []byte { return []byte(k.key) }

// NewKeyring makes a keyring of what Secret returned.
func NewKeyring(secret []byte) (Keyring, error) {
	if len(secret) != KeySize {
		return Keyring{}, fault.New(fault.Invalid, "A data key has %d bytes, not %d.", KeySize, len(secret))
	}
	return Keyring{key: string(secret)}, nil
}

// Enclose makes the envelope of a data key that came from elsewhere in dir, which must not
// have one yet (fault.Conflict). It wraps it as OpenKeyring does on the first start.
func Enclose(dir string, source Source, k Keyring) error {
	if !k.Valid() || source.none() {
		return noSource()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The data folder cannot be made.")
	}
	path := filepath.Join(dir, File)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "The folder has a %s already.", File)
	}
	text, err := wrap([]byte(k.key), source)
	if err != nil {
		return err
	}
	return create(path, text)
}

// Reenclose replaces the envelope of a record's data key by one of another source: another key
// file, another passphrase, a key service. It takes the place of the old one in one step, and the
// data stays as it is. What the former source was opens copies of the old envelope still, in backups
// of the folder for example.
func Reenclose(dir string, source Source, k Keyring) error {
	if !k.Valid() || source.none() {
		return noSource()
	}
	text, err := wrap([]byte(k.key), source)
	if err != nil {
		return err
	}
	if back, err := unwrap(text, source); err != nil || back != k {
		return fault.Wrap(err, fault.Internal, "The new key does not open what it has sealed; nothing was changed.")
	}
	return replace(filepath.Join(dir, File), text)
}
