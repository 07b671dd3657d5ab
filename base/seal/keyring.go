package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/osler-emr/osler/base/fault"
)

// File is the name of the envelope in a data folder.
const File = "keyring.json"

// Source says where the master key comes from. Make it with KeyFile, Passphrase or Kept.
type Source struct {
	path       string
	passphrase string
	keeper     Keeper
}

func (s Source) none() bool { return s.path == "" && s.passphrase == "" && s.keeper == nil }

func noSource() error {
	return fault.New(fault.Invalid, "The record needs a key file, a passphrase or a key service.")
}

// KeyFile takes the master key from a file, which is created with mode 0600 when the
// folder has no envelope yet. Keeping the file on another disk than the data, and a copy of
// it in a safe, is the owner's duty: without it the record cannot be opened.
func KeyFile(path string) Source { return Source{path: path} }

// Passphrase derives the master key from a passphrase with argon2id.
func Passphrase(p string) Source { return Source{passphrase: p} }

// Keyring holds the data key of one record. It is a value; the zero Keyring opens nothing.
type Keyring struct {
	key string // KeySize bytes
}

// Key returns the key for one use, such as "database", "audit-signing" or "session": the
// same name gives the same key, and no key tells anything about another.
func (k Keyring) Key(name string) []byte {
	out, err := hkdf.Key(sha256.New, []byte(k.key), nil, "osler/1/"+name, KeySize)
	if err != nil { // only for outputs beyond 255 blocks
		panic(err)
	}
	return out
}

// Valid reports whether the keyring holds a key.
func (k Keyring) Valid() bool { return len(k.key) == KeySize }

// envelope is the file: version 1, or 2 when a keeper has wrapped the master key. What stands beside Sealed is authenticated with it.
type envelope struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Wrap    string `json:"wrap"` // "key-file", "argon2id", or the kind of a keeper
	Salt    []byte `json:"salt,omitempty"`
	Passes  uint32 `json:"passes,omitempty"`
	Memory  uint32 `json:"memoryKiB,omitempty"`
	Threads uint8  `json:"threads,omitempty"`
	Wrapped string `json:"wrapped,omitempty"` // the master key, by a keeper
	Sealed  []byte `json:"sealed"`
}

const (
	formatName    = "osler-keyring"
	formatVersion = 1
	keptVersion   = 2
	byKeyFile     = "key-file"
	byPassphrase  = "argon2id"
	maxMemory     = 4 << 20 // KiB: a forged envelope must not exhaust the machine
)

// context is what the seal authenticates beside the key: how it was wrapped.
func (e envelope) context() []byte {
	b := fmt.Appendf(nil, "%s/%d/%s/%x/%d/%d/%d", e.Format, e.Version, e.Wrap, e.Salt, e.Passes, e.Memory, e.Threads)
	if e.Version >= keptVersion {
		b = append(append(b, '/'), e.Wrapped...)
	}
	return b
}

// OpenKeyring opens the envelope in dir; on the first start it makes the folder, a random
// data key and the envelope.
func OpenKeyring(dir string, source Source) (Keyring, error) {
	if source.none() {
		return Keyring{}, noSource()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Keyring{}, fault.Wrap(err, fault.Unavailable, "The data folder cannot be made.")
	}
	path := filepath.Join(dir, File)
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		return unwrap(text, source)
	case !errors.Is(err, fs.ErrNotExist):
		return Keyring{}, fault.Wrap(err, fault.Unavailable, "The key envelope %s cannot be read.", File)
	}
	var key [KeySize]byte
	rand.Read(key[:])
	text, err = wrap(key[:], source)
	if err != nil {
		return Keyring{}, err
	}
	if err := create(path, text); err != nil {
		return Keyring{}, err
	}
	return Keyring{key: string(key[:])}, nil
}

func wrap(key []byte, source Source) ([]byte, error) {
	e := envelope{Format: formatName, Version: formatVersion, Wrap: byKeyFile}
	var master []byte
	switch {
	case source.keeper != nil:
		e.Version, e.Wrap, master = keptVersion, source.keeper.Kind(), make([]byte, KeySize)
		rand.Read(master)
		var err error
		if e.Wrapped, err = wrapKept(source.keeper, master); err != nil {
			return nil, err
		}
	case source.passphrase != "":
		e.Wrap, e.Passes, e.Memory, e.Threads = byPassphrase, 3, 64<<10, 2
		e.Salt = make([]byte, 16)
		rand.Read(e.Salt)
		master = e.stretch(source.passphrase)
	default:
		var err error
		if master, err = readOrCreateMaster(source.path); err != nil {
			return nil, err
		}
	}
	sealed, err := Seal(master, key, e.context())
	if err != nil {
		return nil, err
	}
	e.Sealed = sealed
	text, err := json.MarshalIndent(e, "", "  ")
	return append(text, '\n'), err
}

func unwrap(text []byte, source Source) (Keyring, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil || e.Format != formatName {
		return Keyring{}, fault.Wrap(err, fault.Invalid, "The file %s is damaged. Put it back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", File)
	}
	if e.Version != formatVersion && e.Version != keptVersion {
		return Keyring{}, fault.New(fault.Invalid, "The file %s has version %d; this program knows versions up to %d. Use a newer program.", File, e.Version, keptVersion)
	}
	master, err := e.master(source)
	if err != nil {
		return Keyring{}, err
	}
	key, err := Open(master, e.Sealed, e.context())
	if err != nil || len(key) != KeySize {
		what := "key file"
		switch {
		case e.Wrap == byPassphrase:
			what = "passphrase"
		case source.keeper != nil:
			what = source.keeper.Name()
		}
		return Keyring{}, fault.Wrap(err, fault.Forbidden, "The %s does not open this record, or %s was changed.", what, File)
	}
	return Keyring{key: string(key)}, nil
}

func (e envelope) master(source Source) ([]byte, error) {
	if k := source.keeper; k != nil || e.Version == keptVersion {
		if k == nil || k.Kind() != e.Wrap {
			return nil, e.elsewise()
		}
		return unwrapKept(k, e.Wrapped)
	}
	switch e.Wrap {
	case byKeyFile:
		if source.path == "" {
			return nil, e.elsewise()
		}
		return readMaster(source.path)
	case byPassphrase:
		if source.passphrase == "" {
			return nil, e.elsewise()
		}
		if e.Passes < 1 || e.Threads < 1 || e.Memory > maxMemory || e.Passes > 100 {
			return nil, fault.New(fault.Invalid, "The file %s is damaged. Put it back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", File)
		}
		return e.stretch(source.passphrase), nil
	}
	return nil, fault.New(fault.Invalid, "The file %s is damaged. Put it back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", File)
}

// elsewise refuses another source than the one that the envelope was made with.
func (e envelope) elsewise() error {
	what, ok := map[string]string{byKeyFile: "a key file", byPassphrase: "a passphrase", Command{}.Kind(): "a program that keeps the key", Transit{}.Kind(): "a key service"}[e.Wrap]
	if !ok {
		return fault.New(fault.Invalid, "The file %s is damaged. Put it back from a copy of the folder, or restore a backup into an empty folder with osler restore, which brings the keys along.", File)
	}
	return fault.New(fault.Forbidden, "This record is opened with %s, and not with what was given.", what)
}

func (e envelope) stretch(passphrase string) []byte {
	return argon2.IDKey([]byte(passphrase), e.Salt, e.Passes, e.Memory, e.Threads, KeySize)
}

func readMaster(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(err, fault.NotFound, "The key file %s is not where it is looked for. Without it the record cannot be opened: name it with --key-file or OSLER_KEY_FILE.", filepath.Base(path))
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The key file %s cannot be read.", filepath.Base(path))
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize {
		return nil, fault.New(fault.Invalid, "The key file %s must hold %d hexadecimal digits.", filepath.Base(path), 2*KeySize)
	}
	return key, nil
}

func readOrCreateMaster(path string) ([]byte, error) {
	if _, err := os.Stat(path); err == nil {
		return readMaster(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The folder of the key file cannot be made.")
	}
	key := make([]byte, KeySize)
	rand.Read(key)
	return key, create(path, []byte(hex.EncodeToString(key)+"\n"))
}

// create writes a file that must not exist, durably: a crash leaves either no file or the
// whole one.
func create(path string, content []byte) error {
	return place(path, content, os.Link) // unlike Rename, it replaces nothing
}

// replace writes a file in the place of another one, durably: a crash leaves one or the other.
func replace(path string, content []byte) error { return place(path, content, os.Rename) }

func place(path string, content []byte, move func(from, to string) error) error {
	fail := func(err error) error {
		return fault.Wrap(err, fault.Unavailable, "The file %s cannot be written.", filepath.Base(path))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fail(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fail(err)
	}
	if err := move(f.Name(), path); err != nil {
		return fail(err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fail(err)
	}
	defer d.Close()
	_ = d.Sync() // some systems cannot sync folders; the file itself is synced
	return nil
}
