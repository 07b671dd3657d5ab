package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/osler-emr/osler/base/fault"
)

// A cosignature is a witness's word, with its time, that a checkpoint goes on from all that the
// witness has seen of that log (C2SP tlog-cosignature, Ed25519, cosignature/v1).

const cosignatureType = 0x04

// Cosigner signs checkpoints as a witness.
type Cosigner struct {
	Name    string
	private ed25519.PrivateKey
}

// NewCosigner makes a witness's key from a secret of 32 bytes. A name is a URL without its
// scheme: "witness.example/osler".
func NewCosigner(name string, secret []byte) (Cosigner, error) {
	if len(secret) != ed25519.SeedSize || !goodName(name) {
		return Cosigner{}, fault.New(fault.Invalid, "A witness needs a name without spaces and + and a secret of %d bytes.", ed25519.SeedSize)
	}
	return Cosigner{name, ed25519.NewKeyFromSeed(secret)}, nil
}

func goodName(name string) bool {
	return name != "" && !strings.ContainsAny(name, " +\t\r\n") && len(name) <= 255
}

// Public returns the witness's verification key in text form, as it is given to logs.
func (c Cosigner) Public() string {
	key := append([]byte{cosignatureType}, c.private.Public().(ed25519.PublicKey)...)
	return c.Name + "+" + hex.EncodeToString(keyID(c.Name, key)) + "+" + base64.StdEncoding.EncodeToString(key)
}

func keyID(name string, key []byte) []byte {
	h := sha256.Sum256(append([]byte(name+"\n"), key...))
	return h[:4]
}

// Cosign returns the signature line for a checkpoint's text.
func (c Cosigner) Cosign(text string, at time.Time) []byte {
	key := append([]byte{cosignatureType}, c.private.Public().(ed25519.PublicKey)...)
	sig := ed25519.Sign(c.private, cosigned(text, at.Unix()))
	b := append(keyID(c.Name, key), binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))...)
	return fmt.Appendf(nil, "— %s %s\n", c.Name, base64.StdEncoding.EncodeToString(append(b, sig...)))
}

func cosigned(text string, at int64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatInt(at, 10) + "\n" + text)
}

// Witness verifies the cosignatures of one witness. It implements note.Verifier.
type Witness struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

// OpenWitness reads a witness's verification key; see Cosigner.Public.
func OpenWitness(vkey string) (Witness, error) {
	bad := fault.New(fault.Malformed, "This is not the key of a witness: it has the form name+hash+key and is of the kind cosignature/v1.")
	name, rest, ok := strings.Cut(strings.TrimSpace(vkey), "+")
	id, key64, ok2 := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if !ok || !ok2 || !goodName(name) || err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosignatureType || id != hex.EncodeToString(keyID(name, key)) {
		return Witness{}, bad
	}
	return Witness{name, binary.BigEndian.Uint32(keyID(name, key)), key[1:]}, nil
}

// Name implements note.Verifier.
func (w Witness) Name() string { return w.name }

// KeyHash implements note.Verifier.
func (w Witness) KeyHash() uint32 { return w.hash }

// Verify implements note.Verifier.
func (w Witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at < 1<<62 && ed25519.Verify(w.public, cosigned(string(msg), int64(at)), sig[8:])
}

// Cosigned is a witness's word in a note.
type Cosigned struct {
	Witness string
	At      time.Time
}

// OpenWitnessed verifies a signed note and the cosignatures of these witnesses in it. Lines of
// others are left out; a line with a known name and key that does not verify is an error.
func (k Key) OpenWitnessed(signed []byte, witnesses []Witness) (Checkpoint, []Cosigned, error) {
	c, err := k.Open(signed)
	if err != nil {
		return c, nil, err
	}
	if len(witnesses) == 0 {
		return c, nil, nil
	}
	verifiers := make([]note.Verifier, len(witnesses))
	for i := range witnesses {
		verifiers[i] = witnesses[i]
	}
	n, err := note.Open(signed, note.VerifierList(append(verifiers, k.verifier)...))
	if err != nil {
		return c, nil, fault.Wrap(err, fault.Invalid, "A cosignature of the checkpoint of %d entries does not hold.", c.Size)
	}
	var out []Cosigned
	for _, s := range n.Sigs {
		at := slices.IndexFunc(witnesses, func(w Witness) bool { return w.name == s.Name && w.hash == s.Hash })
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if at >= 0 && err == nil && len(raw) > 12 {
			out = append(out, Cosigned{s.Name, time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
		}
	}
	return c, out, nil
}

// Text returns the signed part of a note.
func Text(signed []byte) string {
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	return string(text) + "\n"
}
