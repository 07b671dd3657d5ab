package packed

import (
	"crypto/cipher"
	"encoding/json"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust/ledger"
)

// The details of an audit leaf are sealed with a key that follows from the roots of all patients
// whom the leaf names: when the keys of one are destroyed, nobody can read any more for whom was
// searched, and the leaf still has its place in the tree. The sealed form begins with a bit for each
// of those patients, set when the patient had keys.

// Detailed reports whether a leaf has details that are to be sealed.
func Detailed(l *ledger.Leaf) bool {
	return len(l.Patients) > 0 && len(l.Sealed) == 0 && l.Details() != ledger.Details{}
}

// SealDetails seals the details of a leaf; one that names nobody with keys stays as it is.
func (n Names) SealDetails(l *ledger.Leaf) error {
	if !Detailed(l) {
		return nil
	}
	all := make([]*PersonKey, len(l.Patients))
	for i, id := range l.Patients {
		var err error
		if all[i], err = n.Person(id); err != nil {
			return err
		}
	}
	return sealDetails(l, all)
}

// SealKnown seals the details of a leaf when the keys of all its patients are in memory.
func (v *Vocabulary) SealKnown(l *ledger.Leaf) (done bool, err error) {
	all := make([]*PersonKey, len(l.Patients))
	v.mu.RLock()
	for i, id := range l.Patients {
		no := v.numbers[id]
		if no == 0 {
			v.mu.RUnlock()
			return false, nil
		}
		all[i] = v.Patients[no].Key
	}
	v.mu.RUnlock()
	return true, sealDetails(l, all)
}

func sealDetails(l *ledger.Leaf, all []*PersonKey) error {
	marks := make([]byte, (len(l.Patients)+7)/8)
	var keys []*PersonKey
	for i, k := range all {
		if k != nil && !k.Gone {
			marks[i/8] |= 1 << (i % 8)
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	plain, err := json.Marshal(l.Details())
	if err != nil {
		return err
	}
	a, err := leafCipher(keys)
	if err != nil {
		return err
	}
	l.Sealed = a.Seal(marks, nil, plain, detailsName(l))
	return nil
}

// leafCipher returns the cipher for the details of a leaf that names these patients. That of one
// patient alone, which most leaves name, is made once.
func leafCipher(keys []*PersonKey) (cipher.AEAD, error) {
	alone := len(keys) == 1
	if alone {
		if a := keys[0].leaves.Load(); a != nil {
			return *a, nil
		}
	}
	key, err := mixed(keys)
	if err != nil {
		return nil, err
	}
	a, err := newCipher(key)
	if err == nil && alone {
		keys[0].leaves.Store(&a)
	}
	return a, err
}

// detailsName binds details to their leaf.
func detailsName(l *ledger.Leaf) []byte {
	return []byte("leaf/" + l.Actor + "/" + string(l.Action) + "/" + strings.Join(l.Patients, "/"))
}

// openDetails fills in the details of a leaf.
func (n Names) openDetails(l *ledger.Leaf) error {
	if len(l.Sealed) == 0 {
		return nil
	}
	length := (len(l.Patients) + 7) / 8
	if len(l.Sealed) < length {
		return Damaged(nil)
	}
	var keys []*PersonKey
	for i, id := range l.Patients {
		if l.Sealed[i/8]&(1<<(i%8)) == 0 {
			continue
		}
		k, err := n.Person(id)
		if err != nil {
			return err
		}
		if k == nil || k.Gone {
			l.Erased = true
			return nil
		}
		keys = append(keys, k)
	}
	a, err := leafCipher(keys)
	if err != nil {
		return err
	}
	var d ledger.Details
	plain, err := a.Open(nil, nil, l.Sealed[length:], detailsName(l))
	if err == nil {
		err = json.Unmarshal(plain, &d)
	}
	if err != nil {
		return fault.New(fault.Internal, "The details of an audit entry cannot be decrypted. Run the audit verification.")
	}
	*l = l.WithDetails(d)
	return nil
}
