package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Envelope is what the files of a data folder tell of what opens the record, without opening it.
type Envelope struct {
	Kind string // ByKeyFile, ByPassphrase, ByCommand or ByService
	// Mark is another one when the record is opened by another key, passphrase, program or service
	// from then on. It tells nothing of them.
	Mark string
	// Sheets is when the recovery sheets were made that open the record now; zero when the folder
	// has no file of them.
	Sheets time.Time
}

// The kinds of what opens a record.
const (
	ByKeyFile    = byKeyFile
	ByPassphrase = byPassphrase
	ByCommand    = "command"
	ByService    = "transit"
)

// Describe reads the files of a data folder.
func Describe(dir string) (Envelope, error) {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return Envelope{}, fault.Wrap(err, fault.Unavailable, "The key envelope %s cannot be read.", File)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil || e.Format != formatName {
		return Envelope{}, fault.Wrap(err, fault.Invalid, "The file %s is damaged. Put it back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", File)
	}
	sum := sha256.Sum256(e.Sealed)
	out := Envelope{Kind: e.Wrap, Mark: hex.EncodeToString(sum[:16])}
	text, err = os.ReadFile(filepath.Join(dir, RecoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, fault.Wrap(err, fault.Unavailable, "The file %s cannot be read.", RecoveryFile)
	}
	var r recovery
	if err := json.Unmarshal(text, &r); err != nil || r.Format != recoveryFormat {
		return out, fault.Wrap(err, fault.Invalid, "The file %s is damaged. Make new recovery sheets.", RecoveryFile)
	}
	out.Sheets = r.Made
	return out, nil
}
