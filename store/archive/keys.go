package archive

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

// What belongs to a patient is sealed in a segment with the patient's key, and the keys lie beside
// the sets, in an object of their own that each backup replaces. So a patient who was shredded is
// unreadable in all segments, also the old ones, from the next backup on. An object of keys that
// is locked to others than today's recipients, whose segments still need it, stays for at most
// keepKeys.

const (
	keysAt       = "keys/"
	keysFormat   = "osler-backup-keys"
	keepKeys     = 30 * 24 * time.Hour
	keysTime     = "20060102T150405Z"
	maxKeys      = 1 << 30
	kindKey      = 8
	kindItemOf   = 6 // an item about a patient: patient, sealed frame of the item
	kindSealedOf = 7 // a version of a patient: as kindVersion, with its body compressed and sealed
)

// keysHead is the first frame of an object of keys.
type keysHead struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Origin  string    `json:"origin"`
	Made    time.Time `json:"made"`
}

// people are the keys of patients, by id.
type people map[string]*person

type person struct {
	store.PersonKey
	aead cipher.AEAD
}

func newPerson(k store.PersonKey) (*person, error) {
	p := &person{PersonKey: k}
	if k.Shredded {
		return p, nil
	}
	block, err := aes.NewCipher(store.PersonUse(k.Root, "backup"))
	if err != nil {
		return nil, err
	}
	p.aead, err = cipher.NewGCMWithRandomNonce(block)
	return p, err
}

// readPeople asks a store for the keys of all patients.
func readPeople(ctx context.Context, s store.Moving) (people, []store.PersonKey, error) {
	all, list := people{}, []store.PersonKey(nil)
	err := s.PersonKeys(ctx, func(k store.PersonKey) (err error) {
		list = append(list, k)
		all[k.Patient], err = newPerson(k)
		return err
	})
	return all, list, err
}

func versionName(t store.T, v *store.Version) []byte {
	return fmt.Appendf(nil, "version/%d/%s/%s/%d", t, v.Type, v.ID, v.Version)
}

var packer, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))

var unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))

// seal seals what belongs to the patient.
func (k *person) seal(plain, name []byte) []byte {
	return k.aead.Seal(nil, nil, packer.EncodeAll(plain, nil), name)
}

// opened opens what sealed has sealed; ok is false when the patient was shredded.
func (p people) opened(patient string, sealed, name []byte) (plain []byte, ok bool, err error) {
	k := p[patient]
	switch {
	case k == nil:
		return nil, false, fault.New(fault.NotFound, "The keys of the patients that lie beside the backups do not fit: one is missing. Without them the backup cannot be read.")
	case k.Shredded:
		return nil, false, nil
	}
	packed, err := k.aead.Open(nil, nil, sealed, name)
	if err == nil {
		plain, err = unpacker.DecodeAll(packed, nil)
	}
	if err != nil {
		return nil, false, errFrame
	}
	return plain, true, nil
}

// keysMark tells the recipients of an object of keys by its name.
func keysMark(lock []string) string {
	h := sha256.Sum256([]byte(strings.Join(lock, "\n")))
	return hex.EncodeToString(h[:4])
}

// putKeys writes the keys of the patients to a place, and removes those that it replaces.
func (b Backup) putKeys(ctx context.Context, list []store.PersonKey, origin string) error {
	var text bytes.Buffer
	locked, err := age.Encrypt(&text, b.Lock.recipients...)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "The keys cannot be encrypted to these recipients.")
	}
	f := newFrameWriter(locked)
	now := b.Clock.Now().UTC()
	err = f.json(kindHead, keysHead{keysFormat, 1, origin, now})
	for i := 0; err == nil && i < len(list); i++ {
		k := &list[i]
		err = f.frame(kindKey, func(b []byte) []byte {
			b = binary.AppendVarint(appendText(b, k.Patient), milli(k.At))
			if k.Shredded {
				return append(b, 1)
			}
			return append(b, 0)
		}, k.Root)
	}
	if err == nil {
		err = f.frame(kindEnd, func(b []byte) []byte { return b }, nil)
	}
	if err == nil {
		err = f.w.Flush()
	}
	if err == nil {
		err = locked.Close()
	}
	if err != nil {
		return err
	}
	name := keysAt + keysMark(b.Lock.names) + "-" + now.Format(keysTime) + "-" + mark(3) + segmentEnd
	if err := b.To.Put(ctx, name, bytes.NewReader(text.Bytes())); err != nil {
		return err
	}
	var gone []string
	for e, err := range b.To.List(ctx, keysAt) {
		if err != nil {
			return err
		}
		lock, made, ok := keysName(e.Name)
		if ok && e.Name != name && (lock == keysMark(b.Lock.names) || now.Sub(made) > keepKeys) {
			gone = append(gone, e.Name)
		}
	}
	for _, name := range gone {
		if err := b.To.Delete(ctx, name); err != nil && !fault.Is(err, fault.NotFound) {
			return fault.Wrap(err, fault.Unavailable, "Old keys of patients cannot be removed from the place of the backup. Until they are, it can be read also of who was shredded since.")
		}
	}
	return nil
}

// keysName reads the name of an object of keys.
func keysName(object string) (lock string, made time.Time, ok bool) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(object, keysAt), segmentEnd), "-")
	if len(parts) != 3 {
		return "", time.Time{}, false
	}
	made, err := time.Parse(keysTime, parts[1])
	return parts[0], made, err == nil
}

// readKeys reads the newest keys of a place that the identities open.
func readKeys(ctx context.Context, place bucket.Bucket, keys Keys, origin string) ([]store.PersonKey, error) {
	type object struct {
		name string
		made time.Time
	}
	var all []object
	for e, err := range place.List(ctx, keysAt) {
		if err != nil {
			return nil, err
		}
		if _, made, ok := keysName(e.Name); ok {
			all = append(all, object{e.Name, made})
		}
	}
	slices.SortFunc(all, func(a, b object) int { return b.made.Compare(a.made) })
	var locked []string
	for _, o := range all {
		list, err := readKeyObject(ctx, place, keys, o.name, origin)
		if fault.Is(err, fault.Forbidden) {
			locked = append(locked, o.name)
			continue
		}
		return list, err
	}
	if locked == nil {
		return nil, fault.New(fault.NotFound, "The keys of the patients are missing: there is no object under %s in the place of the backup. Without them it cannot be read.", keysAt)
	}
	return nil, fault.New(fault.Forbidden, "The identity or passphrase does not open the keys of the patients (%s), or their beginning was changed.", strings.Join(locked, ", "))
}

func readKeyObject(ctx context.Context, place bucket.Bucket, keys Keys, object, origin string) (list []store.PersonKey, err error) {
	text, err := readAll(ctx, place, object, maxKeys)
	if err != nil {
		return nil, err
	}
	plain, err := keys.decrypt(bytes.NewReader(text), object)
	if err != nil {
		return nil, err
	}
	damaged := func(err error) error { return fault.Wrap(err, fault.Invalid, "%s is damaged or cut off.", object) }
	r := newFrameReader(plain)
	for begun := false; ; begun = true {
		kind, payload, err := r.next()
		if err != nil {
			return nil, damaged(torn(err))
		}
		switch {
		case !begun:
			var h keysHead
			if err := json.Unmarshal(payload, &h); kind != kindHead || err != nil || h.Format != keysFormat || h.Version != 1 {
				return nil, fault.New(fault.Invalid, "%s has a format that this program does not know. Use a newer program.", object)
			}
			if h.Origin != origin {
				return nil, fault.New(fault.Invalid, "%s holds the keys of another record.", object)
			}
		case kind == kindKey:
			f := fields{b: payload}
			k := store.PersonKey{Patient: f.text(), At: time.UnixMilli(f.varint()).UTC()}
			k.Shredded, k.Root = f.byte() == 1, f.rest()
			if f.bad || k.Patient == "" || k.Shredded == (len(k.Root) > 0) {
				return nil, damaged(errFrame)
			}
			list = append(list, k)
		case kind == kindEnd:
			if _, _, err := r.next(); err != io.EOF {
				return nil, damaged(errFrame)
			}
			return list, nil
		default:
			return nil, damaged(errFrame)
		}
	}
}
