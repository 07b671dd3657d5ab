package packed

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
)

// Each patient has keys of their own, and what belongs to the patient is sealed with them:
// versions, items, the details of audit leaves, attachments, backups. Who destroys the keys has
// destroyed all of that, wherever copies of it lie. The keys lie in the table patient_key,
// wrapped by a key-encryption key of the table kek, which is wrapped by the record's key. No
// backup of the record's commits holds any of them; see store/archive.
//
// A patient has one root for life, from which the keys for leaves, attachments and backups
// follow, and generations of a body key for what lies in the database.

// A sealed blob has sealedByPatient in its codec; the first byte is the generation of the key,
// then comes the nonce. codecShredded stands for a version whose content was destroyed.
const (
	sealedByPatient = 0x20
	codecShredded   = Shredded
	compression     = 0x1f
)

// Shredded is the codec of a version whose content was destroyed.
const Shredded = 0x40

// tombstone is the generation of the row that stays when a patient's keys are destroyed.
const tombstone = 0

// Compartment is what is kept in memory of a patient.
type Compartment struct {
	ID string
	// Key is nil for a patient who was stored before there were keys, and has not been written
	// since.
	Key *PersonKey
}

// PersonKey holds the keys of a patient. It is never changed.
type PersonKey struct {
	root   [seal.KeySize]byte
	bodies map[byte]*lazyCipher
	newest byte
	// Gone says that the keys were destroyed; Proven, that the record itself says so.
	Gone, Proven bool
	// At is the T of the commit that destroyed them; 0 when they came as destroyed.
	At int64
	// ended is when, in Unix milliseconds.
	ended int64
	// leaves is the cipher for the details of leaves that name this patient alone, once it was needed.
	leaves atomic.Pointer[cipher.AEAD]
}

// lazyCipher is a cipher that is made when it is needed: most keys in memory are not.
type lazyCipher struct {
	key  [seal.KeySize]byte
	aead atomic.Pointer[cipher.AEAD]
}

func (l *lazyCipher) get() (cipher.AEAD, error) {
	if a := l.aead.Load(); a != nil {
		return *a, nil
	}
	a, err := newCipher(l.key[:])
	if err == nil {
		l.aead.Store(&a)
	}
	return a, err
}

// newCipher returns AES-256-GCM with a random nonce in front of what it seals. One key seals far
// fewer than the 2^32 values for which that is safe: those of one patient.
func newCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal seals a value under the newest generation.
func (k *PersonKey) seal(name string, plain []byte) ([]byte, error) {
	a, err := k.bodies[k.newest].get()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1, 1+a.Overhead()+len(plain))
	out[0] = k.newest
	return a.Seal(out, nil, plain, []byte(name)), nil
}

// has reports whether the key that a sealed value needs is here.
func (k *PersonKey) has(sealed []byte) bool {
	return k != nil && len(sealed) > 0 && k.bodies[sealed[0]] != nil
}

func (k *PersonKey) open(name string, sealed []byte) ([]byte, error) {
	if !k.has(sealed) {
		if k != nil && k.Gone {
			return nil, ErrShredded
		}
		return nil, fault.New(fault.Internal, "The key of a patient is missing. Run the audit verification and restore a backup of the keys.")
	}
	a, err := k.bodies[sealed[0]].get()
	if err != nil {
		return nil, err
	}
	plain, err := a.Open(nil, nil, sealed[1:], []byte(name))
	if err != nil {
		return nil, fault.New(fault.Internal, "A stored value cannot be decrypted: it was changed in the database, or put in another's place. Run the audit verification.")
	}
	return plain, nil
}

// ErrShredded says that the keys of a patient do not exist any more.
var ErrShredded = fault.New(fault.Gone, "The data of this patient was destroyed: its key does not exist any more.")

// Keychain opens the keys of patients. It is part of the Vocabulary.
type Keychain struct {
	master  []byte
	mu      sync.RWMutex
	keks    map[int64]cipher.AEAD
	current int64
	// adopted are keys that patients bring along when a record moves in.
	adopted map[string]store.PersonKey
}

// SetMaster gives the vocabulary the record's key for patient keys.
func (v *Vocabulary) SetMaster(key []byte) { v.keys.master = key }

func kekName(no int64) string { return "kek/" + strconv.FormatInt(no, 10) }

func personName(no int64, generation byte) string {
	return "patient-key/" + strconv.FormatInt(no, 10) + "/" + strconv.Itoa(int(generation))
}

// NewKEK makes a key-encryption key and returns the form in which it is stored.
func (v *Vocabulary) NewKEK(no int64) (wrapped []byte, err error) {
	key := make([]byte, seal.KeySize)
	rand.Read(key)
	return seal.Seal(v.keys.master, key, []byte(kekName(no)))
}

// ForgetKEKs has the key-encryption keys read anew.
func (v *Vocabulary) ForgetKEKs() {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	v.keys.keks, v.keys.current = nil, 0
}

// kek returns a key-encryption key; 0 asks for the current one. A writer reads the current one
// from the database, as another process may have made a new one and removed the former.
func (n Names) kek(no int64) (int64, cipher.AEAD, error) {
	k := &n.shared.keys
	want := no
	if n.Own != nil {
		if want == 0 {
			want = n.Own.newestKEK
		}
		if a := n.Own.keks[want]; a != nil {
			return want, a, nil
		}
	}
	if n.Own == nil || no != 0 {
		k.mu.RLock()
		if want == 0 {
			want = k.current
		}
		a := k.keks[want]
		k.mu.RUnlock()
		if a != nil {
			return want, a, nil
		}
	}
	found, current := map[int64]cipher.AEAD{}, int64(0)
	err := n.Query("SELECT no, key FROM kek ORDER BY no", nil, func(r Row) (bool, error) {
		current = r.ColumnInt64(0)
		key, err := seal.Open(k.master, r.ColumnBlob(1, nil), []byte(kekName(current)))
		if err != nil {
			return false, fault.Wrap(err, fault.Internal, "The key that protects the keys of patients cannot be opened. Restore a backup.")
		}
		found[current], err = newCipher(key)
		return true, err
	})
	if err != nil {
		return 0, nil, err
	}
	if want = no; want == 0 {
		want = current
	}
	a := found[want]
	if a == nil {
		return 0, nil, fault.New(fault.Internal, "The key that protects the keys of patients is missing. Restore a backup.")
	}
	if n.Own != nil {
		n.Own.keks, n.Own.newestKEK = found, current
	} else { // the writer's may not be committed
		k.mu.Lock()
		k.keks, k.current = found, current
		k.mu.Unlock()
	}
	return want, a, nil
}

// KeyRow is a row of patient_key.
type KeyRow struct {
	No, Generation, KEK int64
	Key                 []byte
}

// NewPerson returns the keys of a patient who has none yet, and their row: those that the
// patient has brought along, or new ones.
func (n Names) NewPerson(no int64, id string) (*PersonKey, KeyRow, error) {
	k := &PersonKey{bodies: map[byte]*lazyCipher{}}
	n.shared.keys.mu.RLock()
	brought, ok := n.shared.keys.adopted[id]
	n.shared.keys.mu.RUnlock()
	switch {
	case ok && brought.Shredded:
		return n.Tombstone(no, id, 0, brought.At.UnixMilli())
	case ok:
		copy(k.root[:], brought.Root)
	default:
		rand.Read(k.root[:])
	}
	row, err := n.AddGeneration(no, k)
	return k, row, err
}

// AddGeneration gives a patient a new body key and returns its row. k must be the caller's own.
func (n Names) AddGeneration(no int64, k *PersonKey) (KeyRow, error) {
	if k.newest == 255 {
		return KeyRow{}, fault.New(fault.TooLarge, "The key of this patient was changed too often while old data was not sealed anew.")
	}
	k.newest++
	l := &lazyCipher{}
	rand.Read(l.key[:])
	k.bodies[k.newest] = l
	return n.wrap(no, k.newest, k)
}

func (n Names) wrap(no int64, generation byte, k *PersonKey) (KeyRow, error) {
	kek, a, err := n.kek(0)
	if err != nil {
		return KeyRow{}, err
	}
	body := k.bodies[generation].key
	plain := append(append(make([]byte, 0, 2*seal.KeySize), k.root[:]...), body[:]...)
	return KeyRow{no, int64(generation), kek, a.Seal(nil, nil, plain, []byte(personName(no, generation)))}, nil
}

// Rewrap wraps the keys of a row by the current key-encryption key.
func (n Names) Rewrap(r KeyRow) (KeyRow, error) {
	_, old, err := n.kek(r.KEK)
	if err != nil {
		return r, err
	}
	name := []byte(personName(r.No, byte(r.Generation)))
	plain, err := old.Open(nil, nil, r.Key, name)
	if err != nil {
		return r, errPersonKey
	}
	no, a, err := n.kek(0)
	if err != nil {
		return r, err
	}
	return KeyRow{r.No, r.Generation, no, a.Seal(nil, nil, plain, name)}, nil
}

var errPersonKey = fault.New(fault.Internal, "The key of a patient cannot be opened: it was changed in the database. Run the audit verification and restore a backup.")

func tombstoneName(id string) string { return "tombstone/" + id }

// Tombstone returns what stands for destroyed keys. t is the commit that destroyed them, 0 when
// the patient came as destroyed; at is when.
func (n Names) Tombstone(no int64, id string, t, at int64) (*PersonKey, KeyRow, error) {
	proof, err := seal.Seal(n.shared.keys.master, fmt.Appendf(nil, "%d/%d", t, at), []byte(tombstoneName(id)))
	return &PersonKey{Gone: true, Proven: true, At: t, ended: at}, KeyRow{No: no, Generation: tombstone, Key: proof}, err
}

// compartment returns the patient in whose compartment a row lies.
func (n Names) compartment(no int64, fresh bool) (Compartment, error) {
	if !fresh {
		if n.Own != nil {
			if c, ok := n.Own.Patients[no]; ok {
				return c, nil
			}
		}
		n.shared.mu.RLock()
		c, ok := n.shared.Patients[no]
		newest := n.shared.renewed[no]
		n.shared.mu.RUnlock()
		if ok && (newest == 0 || c.Key == nil || c.Key.Gone || c.Key.newest >= newest) {
			return c, nil
		}
	}
	return n.load("p.no = ?", no)
}

// keyFor returns the keys of the patient in whose compartment a sealed row lies.
func (n Names) keyFor(rid int64, sealed []byte) (*PersonKey, error) {
	no := rid >> sqlgen.Sequence
	c, err := n.compartment(no, false)
	if err == nil && !c.Key.has(sealed) { // another process gave it a new generation
		c, err = n.compartment(no, true)
	}
	return c.Key, err
}

// personText reads a patient with the keys.
const personText = "SELECT p.no, p.id, k.gen, k.kek, k.key FROM patient p LEFT JOIN patient_key k ON k.no = p.no WHERE "

// load reads a patient and remembers it.
func (n Names) load(where string, arg any) (Compartment, error) {
	var rows []KeyRow
	var c Compartment
	no, found := int64(0), false
	err := n.Query(personText+where, []any{arg}, func(r Row) (bool, error) {
		found, no, c.ID = true, r.ColumnInt64(0), r.ColumnText(1)
		rows = append(rows, KeyRow{no, r.ColumnInt64(2), r.ColumnInt64(3), r.ColumnBlob(4, nil)})
		return true, nil
	})
	if err == nil && !found {
		err = Damaged(nil)
	}
	if err == nil {
		c.Key, err = n.OpenPerson(c.ID, rows)
	}
	if err == nil {
		n.remember(func(w *Words) {
			w.boundPatients()
			w.SetPatient(no, c)
		})
	}
	return c, err
}

// OpenPerson opens the keys in rows of patient_key.
func (n Names) OpenPerson(id string, rows []KeyRow) (*PersonKey, error) {
	k := &PersonKey{bodies: map[byte]*lazyCipher{}}
	for _, r := range rows {
		switch {
		case len(r.Key) == 0: // no row of patient_key
			return nil, nil
		case r.Generation == tombstone:
			k.Gone = true
			proof, err := seal.Open(n.shared.keys.master, r.Key, []byte(tombstoneName(id)))
			if err == nil {
				_, err = fmt.Sscanf(string(proof), "%d/%d", &k.At, &k.ended)
			}
			k.Proven = err == nil
			k.bodies = nil
			return k, nil
		}
		_, a, err := n.kek(r.KEK)
		if err != nil {
			return nil, err
		}
		plain, err := a.Open(nil, nil, r.Key, []byte(personName(r.No, byte(r.Generation))))
		if err != nil || len(plain) != 2*seal.KeySize {
			return nil, errPersonKey
		}
		copy(k.root[:], plain)
		l := &lazyCipher{}
		copy(l.key[:], plain[seal.KeySize:])
		k.bodies[byte(r.Generation)] = l
		k.newest = max(k.newest, byte(r.Generation))
	}
	return k, nil
}

// Compartment returns a patient by number.
func (n Names) Compartment(no int64) (Compartment, error) { return n.compartment(no, false) }

// Person returns the keys of a patient by id; nil when there are none.
func (n Names) Person(id string) (*PersonKey, error) {
	if id == "" {
		return nil, nil
	}
	if no := n.numberOf(id); no != 0 {
		c, err := n.compartment(no, false)
		return c.Key, err
	}
	no, err := n.Patient(id)
	if err != nil || no == 0 {
		return nil, err
	}
	c, err := n.compartment(no, false)
	return c.Key, err
}

// Knows reports whether a patient is in memory.
func (v *Vocabulary) Knows(id string) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.numbers[id] != 0
}

// numberOf returns the number of a patient who is in memory; 0 otherwise.
func (n Names) numberOf(id string) int64 {
	if n.Own != nil {
		for no, c := range n.Own.Patients { // few
			if c.ID == id {
				return no
			}
		}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	return n.shared.numbers[id]
}

// SealFor seals a packed version for the compartment it lies in. In a database that does not
// encrypt itself, what belongs to no patient is sealed with the record's key.
func (n Names) SealFor(p *Packer, rid int64, resourceType, id string, version int64, b Blob) (Blob, error) {
	if b.Codec == codecShredded {
		return b, nil
	}
	name := versionName(resourceType, id, version)
	var err error
	if no := sqlgen.PatientOf(rid); no > 0 {
		c, err := n.compartment(no, false)
		if err != nil {
			return b, err
		}
		if c.Key != nil {
			if c.Key.Gone {
				return b, ErrShredded
			}
			b.Bytes, err = c.Key.seal(name, b.Bytes)
			b.Codec |= sealedByPatient
			return b, err
		}
	}
	b.Bytes, err = p.seal(name, b.Bytes)
	return b, err
}

// SealItemWith seals the value of an item: with the keys of the patient whom it is about, or,
// when it is about nobody, with the record's where the database does not encrypt itself.
func (p *Packer) SealItemWith(k *PersonKey, it *store.Item) ([]byte, error) {
	switch {
	case it.Patient == "":
		return p.SealItem(it.Space, it.Key, it.Value)
	case k == nil:
		return nil, fault.New(fault.Internal, "An item is about a patient who has no keys.")
	case k.Gone:
		return nil, ErrShredded
	}
	return k.seal(itemName(it.Space, it.Key), it.Value)
}

// openItem opens the value of a stored item.
func (n Names) openItem(p *Packer, it *store.Item) (err error) {
	name := itemName(it.Space, it.Key)
	if it.Patient == "" {
		it.Value, err = p.unseal(name, it.Value)
		return err
	}
	k, err := n.Person(it.Patient)
	if err == nil && !k.has(it.Value) { // another process gave it a new generation
		var c Compartment
		c, err = n.load("p.id = ?", it.Patient)
		k = c.Key
	}
	if err == nil {
		it.Value, err = k.open(name, it.Value)
	}
	return err
}

// use returns the hash that mixes the roots of several patients.
func mixed(keys []*PersonKey) ([]byte, error) {
	var roots strings.Builder
	for _, k := range keys {
		roots.Write(k.root[:])
	}
	return hkdf.Key(sha256.New, []byte(roots.String()), nil, "osler/1/leaf", seal.KeySize)
}

// Gathering is a Dictionary that notes the words that rows are made of.
type Gathering struct {
	Dictionary
	Words map[int64]CodeKey // by number
}

// EnsureCode implements Dictionary.
func (g Gathering) EnsureCode(space int64, system, code string) (int64, error) {
	no, err := g.Dictionary.EnsureCode(space, system, code)
	if err == nil && no != 0 {
		g.Words[no] = CodeKey{space, system, code}
	}
	return no, err
}

// Unused returns those of the words that no row of the index names any more. It is asked when
// the rows of a shredded patient are gone; units and the like are looked for in all rows of their
// parameter.
func (n Names) Unused(words map[int64]CodeKey) ([]int64, error) {
	used := map[int64]bool{}
	note := func(r Row, columns int) {
		for i := range columns {
			used[r.ColumnInt64(i)] = true
		}
	}
	scanned := map[string]bool{}
	scan := func(text string, columns int, args ...any) error {
		key := fmt.Sprint(text, args)
		if scanned[key] {
			return nil
		}
		scanned[key] = true
		return n.Stream(text, args, func(r Row) (bool, error) {
			note(r, columns)
			return true, nil
		})
	}
	parts := "k0, k1, k2, s0, s1, s2"
	if n.Dialect().Keyed() {
		parts = "k0, k1, k2, l0, l1, l2"
	}
	var out []int64
	for no, w := range words {
		p := w.Space / sqlgen.Spaces
		has, err := n.one("SELECT 1 FROM tok WHERE k = ? LIMIT 1", []any{no}, func(Row) {})
		if err != nil {
			return nil, err
		}
		if has {
			continue
		}
		if p == 0 {
			err = scan("SELECT DISTINCT sys, typ FROM ident", 2)
		} else if kind := w.Space % sqlgen.Spaces; kind != sqlgen.SpaceCode && kind != sqlgen.SpaceText {
			if err = scan("SELECT DISTINCT unit, label FROM qty WHERE p = ?", 2, p); err == nil {
				err = scan("SELECT DISTINCT "+parts+" FROM comp WHERE p = ?", 6, p)
			}
		}
		if err != nil {
			return nil, err
		}
		if !used[no] {
			out = append(out, no)
		}
	}
	return out, nil
}

// PersonKeys implements store.Moving.
func (s *Reader) PersonKeys(ctx context.Context, each func(store.PersonKey) error) error {
	return s.read(ctx, func(n Names) error {
		var rows []KeyRow
		id := ""
		give := func() error {
			if len(rows) == 0 {
				return nil
			}
			k, err := n.OpenPerson(id, rows)
			rows = rows[:0]
			if err != nil || k == nil {
				return err
			}
			return each(k.moved(id))
		}
		err := n.Stream("SELECT p.no, p.id, k.gen, k.kek, k.key FROM patient p JOIN patient_key k ON k.no = p.no ORDER BY p.no, k.gen", nil, func(r Row) (bool, error) {
			row := KeyRow{r.ColumnInt64(0), r.ColumnInt64(2), r.ColumnInt64(3), r.ColumnBlob(4, nil)}
			if len(rows) > 0 && rows[0].No != row.No {
				if err := give(); err != nil {
					return false, err
				}
			}
			id, rows = r.ColumnText(1), append(rows, row)
			return true, nil
		})
		if err == nil {
			err = give()
		}
		return err
	})
}

func (k *PersonKey) moved(id string) store.PersonKey {
	out := store.PersonKey{Patient: id, Shredded: k.Gone}
	if k.Gone {
		out.At = instant(k.ended)
	} else {
		out.Root = slices.Clone(k.root[:])
	}
	return out
}

// PersonKey implements store.Store.
func (s *Reader) PersonKey(ctx context.Context, patient string) (out store.PersonKey, err error) {
	err = s.read(ctx, func(n Names) error {
		k, err := n.Person(patient)
		if err == nil && k == nil {
			err = fault.New(fault.NotFound, "This patient has no keys.")
		}
		if err == nil {
			out = k.moved(patient)
		}
		return err
	})
	return out, err
}

// Adopt remembers the keys of patients who will move in.
func (v *Vocabulary) Adopt(keys []store.PersonKey) {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	v.keys.adopted = make(map[string]store.PersonKey, len(keys))
	for _, k := range keys {
		v.keys.adopted[k.Patient] = k
	}
}

// Reroot gives a patient another root, and returns the rows. The body keys stay.
func (n Names) Reroot(no int64, k *PersonKey, root []byte) (*PersonKey, []KeyRow, error) {
	out := &PersonKey{bodies: k.bodies, newest: k.newest}
	copy(out.root[:], root)
	var rows []KeyRow
	for generation := range k.bodies {
		row, err := n.wrap(no, generation, out)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	return out, rows, nil
}

// Unequal says that a patient in a store has other keys than where the record comes from.
func (k *PersonKey) Unequal(with store.PersonKey) bool {
	return k == nil || !k.Gone && !bytes.Equal(k.root[:], with.Root)
}
