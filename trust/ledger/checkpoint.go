package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
)

// Checkpoint says how large a log was and what its head was. Its text form is that of C2SP
// tlog-checkpoint: origin, size and root hash, one a line.
type Checkpoint struct {
	Origin string // names the log: "osler/<id of the store>"
	Size   int64
	Root   Hash
}

// Text returns the checkpoint's body, to be signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Key signs and verifies the checkpoints of one log with Ed25519.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// NewKey makes the key of a log from a secret of 32 bytes. The same secret and origin give
// the same key.
func NewKey(origin string, secret []byte) (Key, error) {
	if len(secret) != ed25519.SeedSize {
		return Key{}, fault.New(fault.Internal, "A signing key needs %d bytes.", ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(secret)
	public, err := note.NewEd25519VerifierKey(origin, private.Public().(ed25519.PublicKey))
	if err != nil {
		return Key{}, fault.Wrap(err, fault.Internal, "The name of the log is not fit for a signature.")
	}
	k, err := OpenKey(public)
	if err != nil {
		return Key{}, err
	}
	k.signer = signer{name: origin, hash: k.verifier.KeyHash(), key: private}
	return k, nil
}

// OpenKey makes a key that only verifies from its public text (see Public).
func OpenKey(public string) (Key, error) {
	v, err := note.NewVerifier(public)
	if err != nil {
		return Key{}, fault.Wrap(err, fault.Malformed, "This is not a verification key of an audit log.")
	}
	return Key{verifier: v, public: public}, nil
}

// Public returns the verification key in the form "origin+hash+base64", for those who
// check the log without trusting its owner.
func (k Key) Public() string { return k.public }

// Origin returns the name of the log whose key it is.
func (k Key) Origin() string {
	if k.verifier == nil {
		return ""
	}
	return k.verifier.Name()
}

// signer is note's Ed25519 signer for a key that is already at hand.
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

// Name implements note.Signer.
func (s signer) Name() string { return s.name }

// KeyHash implements note.Signer.
func (s signer) KeyHash() uint32 { return s.hash }

// Sign implements note.Signer.
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Sign returns the checkpoint as a signed note (C2SP signed-note).
func (k Key) Sign(c Checkpoint) ([]byte, error) {
	if k.signer == nil {
		return nil, fault.New(fault.Internal, "This key verifies only.")
	}
	out, err := note.Sign(&note.Note{Text: c.Text()}, k.signer)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "The checkpoint cannot be signed.")
	}
	return out, nil
}

// Open verifies a signed note and returns its checkpoint.
func (k Key) Open(signed []byte) (Checkpoint, error) {
	if k.verifier == nil {
		return Checkpoint{}, fault.New(fault.Internal, "There is no key to verify with.")
	}
	n, err := note.Open(signed, note.VerifierList(k.verifier))
	if err != nil {
		return Checkpoint{}, fault.Wrap(err, fault.Invalid, "The checkpoint is not signed by this record's key.")
	}
	return ParseCheckpoint(n.Text)
}

// ParseCheckpoint reads a checkpoint's body. Lines behind the third are extensions and are
// left out.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" || lines[len(lines)-1] != "" {
		return Checkpoint{}, fault.New(fault.Malformed, "This is not a checkpoint: it needs an origin, a size and a hash, each on a line.")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fault.New(fault.Malformed, "The size of the checkpoint is not a number.")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fault.New(fault.Malformed, "The hash of the checkpoint cannot be read.")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// SplitNotes cuts a file of signed notes, each followed by an empty line, into the notes.
// A torn last note, as a crash leaves it, comes back in rest.
func SplitNotes(file []byte) (notes [][]byte, rest []byte) {
	for len(file) > 0 {
		// A note is its text, an empty line and signature lines; then our empty line.
		text := bytes.Index(file, []byte("\n\n"))
		if text < 0 {
			return notes, file
		}
		end := bytes.Index(file[text+2:], []byte("\n\n"))
		if end < 0 {
			return notes, file
		}
		cut := text + 2 + end + 1
		notes = append(notes, file[:cut])
		file = file[cut+1:]
	}
	return notes, nil
}

// Secret derives the secret of a log's key from a keyring's key and the log's origin, so
// that two logs under one key still sign with different keys.
func Secret(key []byte, origin string) []byte {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(key)))
	h.Write(n[:])
	h.Write(key)
	h.Write([]byte(origin))
	return h.Sum(nil)
}
