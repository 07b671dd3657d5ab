package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"sync"
	"sync/atomic"
)

const (
	tagSize     = 16
	sessionSize = 16
	counterSize = 8
	overhead    = tagSize + sessionSize + counterSize
)

// Kinds of blocks: a frame of the log does not open as a page.
const (
	kindPage    = 'p'
	kindFrame   = 'f'
	kindJournal = 'j'
)

type session [sessionSize]byte

// keys seals and opens blocks. It is safe for concurrent use.
type keys struct {
	root    []byte
	session session // of this VFS
	own     cipher.AEAD
	counter atomic.Uint64

	mu    sync.Mutex
	known atomic.Pointer[map[session]cipher.AEAD] // replaced, never changed
}

// maxSessions bounds the derived keys in memory. A record has one for each start of the
// program since a page was last written.
const maxSessions = 4096

func newKeys(root []byte) *keys {
	k := &keys{root: root}
	rand.Read(k.session[:])
	k.known.Store(&map[session]cipher.AEAD{})
	k.own = k.of(k.session)
	return k
}

// of returns the cipher of a session.
func (k *keys) of(s session) cipher.AEAD {
	if a, ok := (*k.known.Load())[s]; ok {
		return a
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := *k.known.Load()
	if a, ok := old[s]; ok {
		return a
	}
	a := derive(k.root, s)
	fresh := map[session]cipher.AEAD{}
	if len(old) < maxSessions {
		fresh = maps.Clone(old)
	}
	fresh[s] = a
	k.known.Store(&fresh)
	return a
}

func derive(root []byte, s session) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, root, s[:], "osler sealed pages", 32)
	if err != nil {
		panic(err) // 32 bytes can always be derived
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return a
}

// place says where a block lies; it is sealed with it.
func place(kind byte, no int64) (aad [9]byte) {
	aad[0] = kind
	binary.BigEndian.PutUint64(aad[1:], uint64(no))
	return aad
}

// seal writes plain and its seal into block, which is larger by overhead. They may overlap
// when they begin together.
func (k *keys) seal(block, plain []byte, kind byte, no int64) {
	var nonce [12]byte
	count := k.counter.Add(1)
	binary.BigEndian.PutUint64(nonce[4:], count)
	aad := place(kind, no)
	k.own.Seal(block[:0], nonce[:], plain, aad[:])
	end := block[len(plain)+tagSize:]
	copy(end, k.session[:])
	binary.BigEndian.PutUint64(end[sessionSize:], count)
}

// open returns the content of a block, decrypted in place; ok is false when the block is not
// what was written there.
func (k *keys) open(block []byte, kind byte, no int64) (plain []byte, ok bool) {
	sealed := block[:len(block)-sessionSize-counterSize]
	end := block[len(sealed):]
	var nonce [12]byte
	copy(nonce[4:], end[sessionSize:])
	aad := place(kind, no)
	plain, err := k.of(session(end[:sessionSize])).Open(sealed[:0], nonce[:], sealed, aad[:])
	return plain, err == nil
}
