package sqlite

import (
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlgen"
)

type paramKey struct{ typ, name string }

type codeKey struct {
	space        int64
	system, code string
}

// words is a part of the vocabulary in memory.
type words struct {
	params map[paramKey]sqlgen.Param
	types  map[int64]string // by number
	codes  map[codeKey]int64
	// patients are the ids of the compartments by number.
	patients map[int64]string
}

func newWords() words {
	return words{map[paramKey]sqlgen.Param{}, map[int64]string{}, map[codeKey]int64{}, map[int64]string{}}
}

// maxWords bounds what is remembered of the vocabulary's open ends; what is forgotten is
// looked up again.
const maxWords = 100_000

// vocabulary is the committed vocabulary that all connections share: parameters completely,
// codes and patients as they are met. Words are never changed or removed, flags only grow.
type vocabulary struct {
	mu sync.RWMutex
	words
}

func (v *vocabulary) load(c *conn) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.words = newWords()
	return c.query("SELECT no, type, name, flags FROM param", nil, func(s *sqlite3.Stmt) (bool, error) {
		p := sqlgen.Param{No: s.ColumnInt64(0), Flags: sqlgen.Flags(s.ColumnInt64(3))}
		key := paramKey{s.ColumnText(1), s.ColumnText(2)}
		v.params[key] = p
		if key.name == "" {
			v.types[p.No] = key.typ
		}
		return true, nil
	})
}

// names reads the vocabulary through a connection: sqlgen.Names. The writer's has words of
// its own: those of the running transaction, which others must not see yet.
type names struct {
	*conn
	shared *vocabulary
	own    *words // nil for readers
}

// Type implements sqlgen.Names.
func (n names) Type(name string) (int64, error) {
	p, _ := n.param(paramKey{name, ""})
	return p.No, nil
}

func (n names) param(key paramKey) (sqlgen.Param, bool) {
	if n.own != nil {
		if p, ok := n.own.params[key]; ok {
			return p, true
		}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	p, ok := n.shared.params[key]
	return p, ok
}

// Params implements sqlgen.Names.
func (n names) Params(resourceType, param string) ([]sqlgen.Param, error) {
	if p, ok := n.param(paramKey{resourceType, param}); ok && param != "" {
		return []sqlgen.Param{p}, nil
	}
	return nil, nil
}

// typeName returns the name of a type's number.
func (n names) typeName(no int64) (string, error) {
	if n.own != nil {
		if name, ok := n.own.types[no]; ok {
			return name, nil
		}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	if name, ok := n.shared.types[no]; ok {
		return name, nil
	}
	return "", fault.New(fault.Internal, "The database names a resource type that it does not define.")
}

// allTypes returns the names of all types that were ever stored or referred to.
func (n names) allTypes() []string {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	out := make([]string, 0, len(n.shared.types))
	for _, name := range n.shared.types {
		out = append(out, name)
	}
	return out
}

// Code implements sqlgen.Names.
func (n names) Code(space int64, system, code string) (int64, error) {
	key := codeKey{space, system, code}
	if n.own != nil {
		if no := n.own.codes[key]; no != 0 {
			return no, nil
		}
	}
	n.shared.mu.RLock()
	no := n.shared.codes[key]
	n.shared.mu.RUnlock()
	if no != 0 {
		return no, nil
	}
	no, err := n.number("SELECT no FROM dict WHERE param = ? AND code = ? AND system = ?", space, code, system)
	if err == nil && no != 0 {
		n.remember(func(w *words) {
			if len(w.codes) >= maxWords {
				clear(w.codes)
			}
			w.codes[key] = no
		})
	}
	return no, err
}

// remember keeps a word that was read: the writer may have read one that is not committed.
func (n names) remember(set func(*words)) {
	if n.own != nil {
		set(n.own)
		return
	}
	n.shared.mu.Lock()
	defer n.shared.mu.Unlock()
	set(&n.shared.words)
}

// Codes implements sqlgen.Names.
func (n names) Codes(space int64, code string) ([]int64, error) {
	return n.numbers("SELECT no FROM dict WHERE param = ? AND code = ?", space, code)
}

// CodesOf implements sqlgen.Names.
func (n names) CodesOf(space int64, system string) (map[string]int64, error) {
	out := map[string]int64{}
	err := n.query("SELECT no, code FROM dict WHERE param = ? AND system = ?", []any{space, system}, func(s *sqlite3.Stmt) (bool, error) {
		out[s.ColumnText(1)] = s.ColumnInt64(0)
		return true, nil
	})
	return out, err
}

func (n names) numbers(text string, args ...any) ([]int64, error) {
	var out []int64
	err := n.query(text, args, func(s *sqlite3.Stmt) (bool, error) {
		out = append(out, s.ColumnInt64(0))
		return true, nil
	})
	return out, err
}

// Entity implements sqlgen.Names.
func (n names) Entity(resourceType, id string) (int64, error) {
	typ, err := n.Type(resourceType)
	if err != nil || typ == 0 {
		return 0, err
	}
	return n.number("SELECT no FROM entity WHERE id = ? AND type = ?", id, typ)
}

// Entities implements sqlgen.Names.
func (n names) Entities(id string) ([]int64, error) {
	return n.numbers("SELECT no FROM entity WHERE id = ?", id)
}

// Patient implements sqlgen.Names.
func (n names) Patient(id string) (int64, error) {
	return n.number("SELECT no FROM patient WHERE id = ?", id)
}

// patientID returns the id of the compartment in which a row lies; "" for none.
func (n names) patientID(rid int64) (string, error) {
	if rid < 0 {
		return "", nil
	}
	no := rid >> sqlgen.Sequence
	if n.own != nil {
		if id, ok := n.own.patients[no]; ok {
			return id, nil
		}
	}
	n.shared.mu.RLock()
	id, ok := n.shared.patients[no]
	n.shared.mu.RUnlock()
	if ok {
		return id, nil
	}
	found, err := n.one("SELECT id FROM patient WHERE no = ?", []any{no}, func(s *sqlite3.Stmt) { id = s.ColumnText(0) })
	if err == nil && !found {
		err = damaged(nil)
	}
	if err == nil {
		n.remember(func(w *words) {
			if len(w.patients) >= maxWords {
				clear(w.patients)
			}
			w.patients[no] = id
		})
	}
	return id, err
}
