// Package seal encrypts: small values with an authenticated cipher, and a data folder's key
// in an envelope that only the owner's key file or passphrase opens.
//
// A record has one random 32-byte data key. It lies in DIR/keyring.json, wrapped by a
// master key that is not stored there: the content of a key file, or argon2id of a
// passphrase. Every use has a key of its own, derived by name:
//
//	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
//	key := ring.Key("database")
//
// A wrong key or a damaged file is a fault with a sentence that says so, never garbage.
// Changing the passphrase rewraps the data key; the data stays as it is. No data is
// encrypted in bulk here: files are store/sqlite's affair.
package seal

import (
	"crypto/rand"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/osler-emr/osler/base/fault"
)

// KeySize is the length of every key, in bytes.
const KeySize = 32

// Seal encrypts and authenticates plain under key with XChaCha20-Poly1305 and a random
// nonce, and binds it to context, which must be the same at Open: it keeps a value from
// being moved to another place. The key must have KeySize bytes.
func Seal(key, plain, context []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "The key has %d bytes; %d are needed.", len(key), KeySize)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails (crypto/rand, Go 1.24)
	return aead.Seal(nonce, nonce, plain, context), nil
}

// Open returns what Seal was given. A wrong key, a wrong context or a changed byte is
// fault.Invalid.
func Open(key, sealed, context []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, "The key has %d bytes; %d are needed.", len(key), KeySize)
	}
	if len(sealed) < aead.NonceSize()+aead.Overhead() {
		return nil, fault.New(fault.Invalid, "The sealed value is too short.")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], context)
	if err != nil {
		return nil, fault.New(fault.Invalid, "The sealed value cannot be opened: the key is wrong or the value was changed.")
	}
	return plain, nil
}
