package seal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Recovery sheets open a record when its key file, passphrase or key service is lost. There are
// three; any two together open it, and one alone tells nothing (Shamir, How to share a secret,
// 1979). They share a key of their own, which seals the record's data key in the file recovery.json:
// new sheets replace that file, and the old ones open nothing any more.

// RecoveryFile is the name of that file in a data folder.
const RecoveryFile = "recovery.json"

// Sheets is how many sheets there are, and Needed how many open the record.
const (
	Sheets = 3
	Needed = 2
)

// recovery is the file.
type recovery struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Set     string    `json:"set"` // which stands on the sheets
	Made    time.Time `json:"made"`
	Sealed  []byte    `json:"sealed"`
}

const recoveryFormat = "osler-recovery"

func (r recovery) context() []byte { return fmt.Appendf(nil, "%s/%d/%s", r.Format, r.Version, r.Set) }

// sheetSize is the length of a sheet in bytes: version, set, number, share, check.
const (
	setSize   = 4
	checkSize = 7 // so that 45 bytes become 72 letters, none of which is in part unused
	sheetSize = 1 + setSize + 1 + KeySize + checkSize
)

var sheetText = base32.StdEncoding.WithPadding(base32.NoPadding)

// MakeSheets makes new sheets for the record in a folder and returns what stands on them.
// Sheets of before open nothing any more.
func MakeSheets(dir string, k Keyring, now time.Time) (sheets [Sheets]string, err error) {
	if !k.Valid() {
		return sheets, fault.New(fault.Invalid, "The record needs to be open.")
	}
	var secret, slope [KeySize]byte
	var set [setSize]byte
	rand.Read(secret[:])
	rand.Read(slope[:])
	rand.Read(set[:])
	r := recovery{Format: recoveryFormat, Version: 1, Set: hex.EncodeToString(set[:]), Made: now.UTC()}
	if r.Sealed, err = Seal(secret[:], []byte(k.key), r.context()); err != nil {
		return sheets, err
	}
	for i := range sheets {
		b := append([]byte{1}, set[:]...)
		b = append(b, byte(i+1))
		for j := range secret { // the line secret + slope*x at x = 1, 2, 3
			b = append(b, secret[j]^multiply(slope[j], byte(i+1)))
		}
		check := sha256.Sum256(b)
		sheets[i] = grouped(sheetText.EncodeToString(append(b, check[:checkSize]...)))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return sheets, err
	}
	return sheets, replace(filepath.Join(dir, RecoveryFile), append(text, '\n'))
}

func grouped(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			out.WriteByte('-')
		}
		out.WriteString(s[i:min(i+4, len(s))])
	}
	return out.String()
}

// sheet is what stands on one, decoded.
type sheet struct {
	set   string
	no    byte
	share []byte
}

// readSheet decodes what was typed from a sheet. Spaces, dashes and case do not count.
func readSheet(typed string) (sheet, error) {
	s := strings.NewReplacer("-", "", " ", "", "\t", "", "0", "O", "1", "I", "8", "B").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	b, err := sheetText.DecodeString(s)
	if err != nil || len(b) != sheetSize {
		return sheet{}, fault.New(fault.Invalid, "A sheet has %d letters and digits (A to Z, 2 to 7); this has %d. Compare it with the paper.", sheetText.EncodedLen(sheetSize), len(s))
	}
	body, check := b[:sheetSize-checkSize], sha256.Sum256(b[:sheetSize-checkSize])
	if string(check[:checkSize]) != string(b[sheetSize-checkSize:]) {
		return sheet{}, fault.New(fault.Invalid, "A letter of the sheet is wrong: its check does not fit. Compare it with the paper.")
	}
	if body[0] != 1 || body[1+setSize] < 1 || body[1+setSize] > Sheets {
		return sheet{}, fault.New(fault.Invalid, "The sheet is of a newer program.")
	}
	return sheet{hex.EncodeToString(body[1 : 1+setSize]), body[1+setSize], body[2+setSize:]}, nil
}

// Recover opens the record in a folder with two of its sheets.
func Recover(dir, one, other string) (Keyring, error) {
	text, err := os.ReadFile(filepath.Join(dir, RecoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Keyring{}, fault.New(fault.NotFound, "The folder has no %s: no recovery sheets were made for this record, or the file is lost too.", RecoveryFile)
	}
	if err != nil {
		return Keyring{}, fault.Wrap(err, fault.Unavailable, "The file %s cannot be read.", RecoveryFile)
	}
	var r recovery
	if err := json.Unmarshal(text, &r); err != nil || r.Format != recoveryFormat || r.Version != 1 {
		return Keyring{}, fault.Wrap(err, fault.Invalid, "The file %s is damaged, or of a newer program.", RecoveryFile)
	}
	var sheets [Needed]sheet
	for i, typed := range []string{one, other} {
		if sheets[i], err = readSheet(typed); err != nil {
			return Keyring{}, err
		}
		if sheets[i].set != r.Set {
			return Keyring{}, fault.New(fault.Forbidden, "A sheet is of the set %s; those that open this record are of the set %s, made on %s.", sheets[i].set, r.Set, r.Made.Format("2 January 2006"))
		}
	}
	a, b := sheets[0], sheets[1]
	if a.no == b.no {
		return Keyring{}, fault.New(fault.Invalid, "This is the same sheet twice; two different ones are needed.")
	}
	var secret [KeySize]byte
	down := invert(a.no ^ b.no) // where the line crosses x = 0
	for j := range secret {
		secret[j] = multiply(multiply(a.share[j], b.no)^multiply(b.share[j], a.no), down)
	}
	key, err := Open(secret[:], r.Sealed, r.context())
	if err != nil || len(key) != KeySize {
		return Keyring{}, fault.New(fault.Forbidden, "The sheets do not open this record, or %s was changed.", RecoveryFile)
	}
	return Keyring{key: string(key)}, nil
}

// multiply multiplies in the field of 256 elements (modulo x^8+x^4+x^3+x+1), in the same time for
// all.
func multiply(a, b byte) (out byte) {
	for range 8 {
		out ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return out
}

// invert returns 1/a: a to the power of 254.
func invert(a byte) byte {
	out := byte(1)
	for range 254 {
		out = multiply(out, a)
	}
	return out
}
