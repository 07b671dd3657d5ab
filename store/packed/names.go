package packed

import (
	"crypto/cipher"
	"errors"
	"maps"
	"math"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/sqlgen"
)

// ParamKey names a parameter of a type; with the name "" the type itself.
type ParamKey struct{ Type, Name string }

// CodeKey names a code in a space of the vocabulary; see sqlgen.Spaces.
type CodeKey struct {
	Space        int64
	System, Code string
}

// Words is a part of the vocabulary in memory.
type Words struct {
	Params map[ParamKey]sqlgen.Param
	Types  map[int64]string // by number
	Codes  map[CodeKey]int64
	// Patients are the compartments by number.
	Patients map[int64]Compartment
	numbers  map[string]int64 // of Patients, by id
	// Compartments are the numbers of compartments that were asked for, by id.
	Compartments map[string]int64
	// Entities are the numbers of resources that were referred to in a search.
	Entities map[EntityKey]int64
	// keks are the key-encryption keys as a writer has read them, newestKEK is the last one's number.
	keks      map[int64]cipher.AEAD
	newestKEK int64
}

// EntityKey names a resource by the number of its type.
type EntityKey struct {
	Type int64
	ID   string
}

// NewWords returns no words.
func NewWords() Words {
	return Words{map[ParamKey]sqlgen.Param{}, map[int64]string{}, map[CodeKey]int64{}, map[int64]Compartment{}, map[string]int64{}, map[string]int64{}, map[EntityKey]int64{}, nil, 0}
}

// maxWords bounds what is remembered of the vocabulary's open ends; what is forgotten is
// looked up again.
const maxWords = 100_000

// maxPatients bounds the patients in memory; each has keys, of about a kilobyte when they are
// in use. Who is forgotten costs a statement to read again.
const maxPatients = 10_000

// maxRules bounds what is remembered of rules, most of which are asked for during one minute.
const maxRules = 500

// Vocabulary is the committed vocabulary that all connections share: parameters completely,
// codes and patients as they are met. Words are never changed, flags only grow; words are
// removed when a patient is shredded, whereupon all is forgotten (Renew).
type Vocabulary struct {
	mu sync.RWMutex
	Words
	keys  Keychain
	epoch int // how often words were forgotten
	// edition is the state of the parameters that the words hold, where the database counts
	// it; 0 while they are not known. era is how often it was another database.
	edition int64
	era     int
	// rules are what sqlgen keeps of rules of visibility. They hold for one state: as many params
	// published, and newest as the number of the last word.
	rules     map[sqlgen.RuleKey]any
	newest    int64
	published int // how often parameters were
	// renewed are the newest generations of the keys that this process has renewed, by patient.
	renewed map[int64]byte
	// forgotten are called whenever words are forgotten, with the epoch that begins.
	forgotten []func(epoch int)
}

// whenForgotten has f called with the epoch that begins whenever words are forgotten, before anybody
// uses new ones, and with the present one. It is for who keeps what only keys open.
func (v *Vocabulary) whenForgotten(f func(epoch int)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forgotten = append(v.forgotten, f)
	f(v.epoch)
}

// forget begins another epoch; the lock is held.
func (v *Vocabulary) forget() {
	v.epoch++
	for _, f := range v.forgotten {
		f(v.epoch)
	}
}

// Load reads the parameters. What is known already stays: another process may have added to
// it, and this one since.
func (v *Vocabulary) Load(c Conn) error {
	read, err := params(c)
	if err == nil {
		v.Publish(read, 0)
	}
	return err
}

// Epoch returns how often words were forgotten.
func (v *Vocabulary) Epoch() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.epoch
}

// Renew forgets the words and reads the parameters anew. What others still read from before is
// not remembered any more.
func (v *Vocabulary) Renew(c Conn) error {
	read, err := params(c)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.renew(read)
	return nil
}

func (v *Vocabulary) renew(read Words) {
	v.Words = read
	v.rules, v.newest = nil, 0
	v.forget()
}

// State returns the edition that the words hold, and the era in which they do.
func (v *Vocabulary) State() (edition int64, era int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.edition, v.era
}

// ErrForgotten says that the database turned out to be another one while it was read.
var ErrForgotten = errors.New("the vocabulary was forgotten meanwhile")

// Learn has the words hold an edition, which c reads: another process may have added to it,
// shredded a patient, or changed keys. era is that of before c began to read. A transaction of
// before never puts its older words in the place of newer ones: a parameter that is missing is
// given a number again, and finds nothing in a search.
func (v *Vocabulary) Learn(c Conn, edition int64, era int) error {
	holds := func() bool { return v.edition >= edition && v.edition > 0 }
	v.mu.RLock()
	done, current := holds(), v.era
	v.mu.RUnlock()
	if current != era {
		return ErrForgotten
	}
	if done {
		return nil
	}
	read, err := params(c)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.era != era:
		return ErrForgotten
	case !holds():
		v.renew(read)
		v.edition = edition
		v.ForgetKEKs()
	}
	return nil
}

func params(c Conn) (Words, error) {
	read := NewWords()
	err := c.Query("SELECT no, type, name, flags FROM param", nil, func(s Row) (bool, error) {
		p := sqlgen.Param{No: s.ColumnInt64(0), Flags: sqlgen.Flags(s.ColumnInt64(3))}
		key := ParamKey{s.ColumnText(1), s.ColumnText(2)}
		read.Params[key] = p
		if key.Name == "" {
			read.Types[p.No] = key.Type
		}
		return true, nil
	})
	return read, err
}

// Names reads the vocabulary through a connection: sqlgen.Names. The writer's has words of
// its own: those of the running transaction, which others must not see yet.
type Names struct {
	Conn
	shared *Vocabulary
	Own    *Words // nil for readers
	epoch  int
	// published is how often parameters had been published before anything was read.
	published int
}

// Growing is a Conn whose words have rising numbers: what has the same newest one has the same
// words, as long as none is removed (Vocabulary.Renew). Newest is its number in the state that
// the transaction reads, once Now was asked; 0 when it is not known.
type Growing interface{ Newest() int64 }

// newestWord returns that number; 0 where words are not told apart by it.
func (n Names) newestWord() int64 {
	if g, ok := n.Conn.(Growing); ok && n.Own == nil {
		return g.Newest()
	}
	return 0
}

// Recall implements sqlgen.Memory.
func (n Names) Recall(key sqlgen.RuleKey) (any, bool) {
	newest := n.newestWord()
	if newest == 0 {
		return nil, false
	}
	v := n.shared
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !n.upToDate() || newest < v.newest {
		return nil, false
	}
	if newest > v.newest {
		return nil, true
	}
	return v.rules[key], true
}

// Keep implements sqlgen.Memory.
func (n Names) Keep(key sqlgen.RuleKey, x any) {
	newest, v := n.newestWord(), n.shared
	v.mu.Lock()
	defer v.mu.Unlock()
	if !n.upToDate() || newest == 0 || newest < v.newest {
		return
	}
	if newest > v.newest || v.rules == nil || len(v.rules) >= maxRules {
		v.rules, v.newest = map[sqlgen.RuleKey]any{}, newest
	}
	v.rules[key] = x
}

// upToDate reports whether the shared words are those of when this one began to read. The
// vocabulary is locked.
func (n Names) upToDate() bool {
	return n.epoch == n.shared.epoch && n.published == n.shared.published
}

// Editions is a Conn that knows which edition of the parameters it reads. What is read from
// before words were forgotten is not remembered.
type Editions interface{ Edition() int64 }

// NewNames reads through a connection; own is nil for readers.
func NewNames(c Conn, shared *Vocabulary, own *Words) Names {
	n := Names{Conn: c, shared: shared, Own: own}
	if shared != nil {
		shared.mu.RLock()
		n.epoch, n.published = shared.epoch, shared.published
		shared.mu.RUnlock()
	}
	return n
}

// Since has nothing remembered when words were forgotten since an epoch: that in which the
// transaction began, when these names are made later in it.
func (n Names) Since(epoch int) Names {
	n.epoch = epoch
	return n
}

// Type implements sqlgen.Names.
func (n Names) Type(name string) (int64, error) {
	p, _ := n.Param(ParamKey{name, ""})
	return p.No, nil
}

// Param returns a parameter, or a type when its name is "".
func (n Names) Param(key ParamKey) (sqlgen.Param, bool) {
	if n.Own != nil {
		if p, ok := n.Own.Params[key]; ok {
			return p, true
		}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	p, ok := n.shared.Params[key]
	return p, ok
}

// Params implements sqlgen.Names.
func (n Names) Params(resourceType, param string) ([]sqlgen.Param, error) {
	if p, ok := n.Param(ParamKey{resourceType, param}); ok && param != "" {
		return []sqlgen.Param{p}, nil
	}
	return nil, nil
}

// typeName returns the name of a type's number.
func (n Names) typeName(no int64) (string, error) {
	if n.Own != nil {
		if name, ok := n.Own.Types[no]; ok {
			return name, nil
		}
	}
	n.shared.mu.RLock()
	name, ok := n.shared.Types[no]
	n.shared.mu.RUnlock()
	if ok {
		return name, nil
	}
	return n.typeRead(no)
}

func (n Names) typeRead(no int64) (name string, err error) {
	// A commit is in the database a moment before its words are shared.
	err = n.Query("SELECT type FROM param WHERE no = ? AND name = ''", []any{no}, func(s Row) (bool, error) {
		name = s.ColumnText(0)
		return false, nil
	})
	if err == nil && name == "" {
		err = fault.New(fault.Internal, "The database names a resource type that it does not define.")
	}
	return name, err
}

// allTypes returns the names of all types that were ever stored or referred to.
func (n Names) allTypes() []string {
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	out := make([]string, 0, len(n.shared.Types))
	for _, name := range n.shared.Types {
		out = append(out, name)
	}
	return out
}

// Code implements sqlgen.Names.
func (n Names) Code(space int64, system, code string) (int64, error) {
	return recall(n, CodeKey{space, system, code}, func(w *Words) map[CodeKey]int64 { return w.Codes }, func() (int64, error) {
		return n.word(space, code, system)
	})
}

func (n Names) word(space int64, code, system string) (int64, error) {
	is := n.Dialect().Equal("code", code)
	return n.number("SELECT no FROM dict WHERE param = ? AND "+is.SQL+" AND system = ?", append(append([]any{space}, is.Args...), system)...)
}

// remember keeps a word that was read: the writer may have read one that is not committed.
func (n Names) remember(set func(*Words)) {
	if n.Own != nil {
		set(n.Own)
		return
	}
	edition := int64(math.MaxInt64)
	if e, ok := n.Conn.(Editions); ok {
		edition = e.Edition()
	}
	n.shared.mu.Lock()
	defer n.shared.mu.Unlock()
	if n.epoch == n.shared.epoch && edition >= n.shared.edition {
		set(&n.shared.Words)
	}
}

// Codes implements sqlgen.Names.
func (n Names) Codes(space int64, code string) ([]int64, error) {
	is := n.Dialect().Equal("code", code)
	return n.numbers("SELECT no FROM dict WHERE param = ? AND "+is.SQL, append([]any{space}, is.Args...)...)
}

// CodesOf implements sqlgen.Names.
func (n Names) CodesOf(space int64, system string) (map[string]int64, error) {
	is, out := n.Dialect().Equal("system", system), map[string]int64{}
	err := n.Query("SELECT no, code FROM dict WHERE param = ? AND "+is.SQL, append([]any{space}, is.Args...), func(s Row) (bool, error) {
		out[s.ColumnText(1)] = s.ColumnInt64(0)
		return true, nil
	})
	return out, err
}

func (n Names) numbers(text string, args ...any) ([]int64, error) {
	var out []int64
	err := n.Query(text, args, func(s Row) (bool, error) {
		out = append(out, s.ColumnInt64(0))
		return true, nil
	})
	return out, err
}

// Entity implements sqlgen.Names.
func (n Names) Entity(resourceType, id string) (int64, error) {
	typ, err := n.Type(resourceType)
	if err != nil || typ == 0 {
		return 0, err
	}
	key := EntityKey{typ, id}
	return recall(n, key, func(w *Words) map[EntityKey]int64 { return w.Entities }, func() (int64, error) {
		return n.number("SELECT no FROM entity WHERE id = ? AND type = ?", id, typ)
	})
}

// Entities implements sqlgen.Names.
func (n Names) Entities(id string) ([]int64, error) {
	return n.numbers("SELECT no FROM entity WHERE id = ?", id)
}

// Patient implements sqlgen.Names.
func (n Names) Patient(id string) (int64, error) {
	return recall(n, id, func(w *Words) map[string]int64 { return w.Compartments }, func() (int64, error) {
		return n.number("SELECT no FROM patient WHERE id = ?", id)
	})
}

// recall returns a number that is known, or asks for it and keeps it. What has none yet may get
// one later.
func recall[K comparable](n Names, key K, of func(*Words) map[K]int64, ask func() (int64, error)) (int64, error) {
	if n.Own != nil {
		if no := of(n.Own)[key]; no != 0 {
			return no, nil
		}
	}
	n.shared.mu.RLock()
	no := of(&n.shared.Words)[key]
	n.shared.mu.RUnlock()
	if no != 0 {
		return no, nil
	}
	no, err := ask()
	if err == nil && no != 0 {
		n.remember(func(w *Words) {
			m := of(w)
			if len(m) >= maxWords {
				clear(m)
			}
			m[key] = no
		})
	}
	return no, err
}

// Located implements sqlgen.Names.
func (n Names) Located(resourceType string, ids []string) ([]int64, error) {
	typ, err := n.Type(resourceType)
	if err != nil || typ == 0 {
		return nil, err
	}
	return n.numbers("SELECT rid FROM entity WHERE id = ANY(?) AND type = ? AND rid IS NOT NULL", ids, typ)
}

// SetPatient adds a compartment.
func (w *Words) SetPatient(no int64, c Compartment) {
	w.Patients[no] = c
	w.numbers[c.ID] = no
}

func (w *Words) boundPatients() {
	if len(w.Patients) >= maxPatients {
		clear(w.Patients)
		clear(w.numbers)
	}
}

// Clone copies the maps; they are small: what one transaction added.
func (w Words) Clone() *Words {
	c := NewWords()
	w.copyTo(&c)
	return &c
}

func (w Words) copyTo(to *Words) {
	for k, v := range w.Params {
		v.Flags |= to.Params[k].Flags
		to.Params[k] = v
	}
	for k, v := range w.Types {
		to.Types[k] = v
	}
	for k, v := range w.Codes {
		to.Codes[k] = v
	}
	for k, v := range w.Patients {
		to.SetPatient(k, v)
	}
	maps.Copy(to.Compartments, w.Compartments)
	maps.Copy(to.Entities, w.Entities)
}

// Forget has the words read anew before they are used again. Who is reading still has those of
// the database that it reads.
func (v *Vocabulary) Forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.edition = 0
	v.era++
	v.forget()
}

// Announce makes the parameters of a transaction known that is about to be committed, in a store whose
// readers do not ask which edition of them they see: a moment after the commit a rule of visibility
// names a parameter that nobody knew before, and would hide nothing. Before it the parameter has no
// rows. back takes the announcement back when the commit has failed.
func (v *Vocabulary) Announce(own Words) (back func()) {
	if len(own.Params) == 0 {
		return func() {}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.Params == nil {
		v.Words = NewWords()
	}
	was := map[ParamKey]sqlgen.Param{}
	for key, p := range own.Params {
		if old, ok := v.Params[key]; ok {
			was[key] = old
			p.Flags |= old.Flags
		}
		v.Params[key] = p
	}
	for no, name := range own.Types {
		v.Types[no] = name
	}
	v.rules = nil
	v.published++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		for key := range own.Params {
			if old, ok := was[key]; ok {
				v.Params[key] = old
			} else {
				delete(v.Params, key)
			}
		}
		for no := range own.Types {
			if key := (ParamKey{own.Types[no], ""}); v.Params[key].No != no {
				delete(v.Types, no)
			}
		}
		v.rules = nil
		v.published++
	}
}

// Publish makes the words of a committed transaction known to all. edition is the one that it
// has left; 0 where the database does not count them.
func (v *Vocabulary) Publish(own Words, edition int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.edition > 0 { // otherwise all are read before they are used again
		v.edition = max(v.edition, edition)
	}
	if v.Params == nil {
		v.Words = NewWords()
	}
	if len(own.Params) > 0 {
		v.rules = nil
		v.published++
	}
	if len(v.Codes) > maxWords {
		clear(v.Codes)
	}
	v.boundPatients()
	if len(v.Compartments) > maxWords {
		clear(v.Compartments)
	}
	if len(v.Entities) > maxWords {
		clear(v.Entities)
	}
	own.copyTo(&v.Words)
}

// Known returns the number of a code that is in memory; 0 when the database must be asked.
func (n Names) Known(key CodeKey) int64 {
	if n.Own != nil {
		if no := n.Own.Codes[key]; no != 0 {
			return no
		}
	}
	n.shared.mu.RLock()
	defer n.shared.mu.RUnlock()
	return n.shared.Codes[key]
}
