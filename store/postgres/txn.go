package postgres

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
	"github.com/osler-emr/osler/trust/ledger"
)

// head is the row that a commit locks.
type head struct {
	t, at, params                         int64
	param, dict, entity, patient, history int64
	tree                                  ledger.Tree // of t leaves
	mark                                  []byte      // the key of the group that left it so
}

// resource names a resource.
type resource struct{ typ, id string }

// entity is what a transaction knows of a resource: read at its beginning, changed by it.
type entity struct {
	no     int64 // 0: neither stored nor referred to
	exists bool
	packed.Stored
	rows  []packed.IndexRow // of the current version
	whole bool              // whether rows are
}

// compartment is a row of patient.
type compartment struct {
	no, next, changed int64
	id                string
	fresh             bool
}

type itemName struct{ space, key string }

// txn is a group's transaction. What must be known is read in one go after the lock is held;
// then everything is decided in memory and written in one go.
type txn struct {
	packed.Names
	*conn
	head
	before head
	now    int64

	entities     map[resource]*entity
	compartments map[string]*compartment
	items        map[itemName]int64
	once         map[string]int64
	terms        map[resource]int64 // numbers of resources, new ones included

	// What prepare could not find out yet.
	wantedCodes map[packed.CodeKey]bool
	wantedTerms map[resource]bool
	asking      bool
	gaps        int // how often something was not known
	asked       map[*store.Write]*prepared
	keyRows     map[string][]packed.KeyRow // of patients, as begin has read them

	pending pending
	erased  bool  // a patient was shredded
	wrote   bool  // whether there are versions among it, of which others are told
	failed  error // why the whole transaction cannot go on
}

// prepared are the rows of a write.
type prepared struct {
	rows  []packed.IndexRow
	has   []byte
	whole bool
}

// terms are numbers of resources that are committed; they never change.
type terms struct {
	mu    sync.RWMutex
	known map[resource]int64
}

// maxTerms bounds what is remembered.
const maxTerms = 100_000

func (t *terms) get(r resource) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[r]
}

func (t *terms) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = nil
}

func (t *terms) publish(fresh map[resource]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) > maxTerms {
		t.known = map[resource]int64{}
	}
	for r, no := range fresh {
		t.known[r] = no
	}
}

// begin locks the head and reads what the batch names.
func (s *Store) begin(ctx context.Context, c *pgx.Conn, batch []*request) (*txn, error) {
	own := packed.NewWords()
	x := &txn{
		conn: &conn{Conn: c, ctx: ctx, store: s}, now: s.clock.Now().UnixMilli(),
		entities: map[resource]*entity{}, compartments: map[string]*compartment{}, items: map[itemName]int64{}, once: map[string]int64{},
		terms: map[resource]int64{}, wantedCodes: map[packed.CodeKey]bool{}, wantedTerms: map[resource]bool{}, asked: map[*store.Write]*prepared{},
		keyRows: map[string][]packed.KeyRow{},
	}
	x.Names = packed.NewNames(x.conn, &s.words, &own)
	x.pending.init()
	var current []*row
	b := &pgx.Batch{}
	known := s.lock(b, &x.head, s.writer.last.mark)
	x.readCurrent(b, batch, &current)
	x.readOthers(b, batch)
	if err := c.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	s.writer.sole = bytes.Equal(s.writer.last.mark, x.head.mark)
	if !*known {
		s.forget()
	}
	_, x.conn.era = s.words.State()
	x.conn.t, x.conn.edition = x.head.t, x.head.params
	if err := s.words.Learn(x.conn, x.head.params, x.conn.era); err != nil {
		return nil, err
	}
	err := x.edge()
	if err != nil {
		return nil, err
	}
	x.before, s.writer.last = x.head, x.head
	if err := x.openKeys(); err != nil {
		return nil, err
	}
	if s.scattered {
		if current, err = x.fetchCurrent(current); err != nil {
			return nil, err
		}
	}
	for _, r := range current {
		if err := x.take(r); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// lockTimeout is how many milliseconds a commit waits for another process to end its own.
const lockTimeout = "4000"

// lock begins a transaction that writes. It waits for other processes within limits, and is
// ended by the server when this process stands still. known tells whether the group with a
// mark, the last of this process, is part of what is stored.
func (s *Store) lock(b *pgx.Batch, h *head, mark []byte) (known *bool) {
	known = new(bool)
	b.Queue("BEGIN")
	b.Queue("SELECT set_config('lock_timeout', '" + lockTimeout + "', true), set_config('idle_in_transaction_session_timeout', '5000', true)")
	s.hold(b)
	b.Queue("SELECT t, at, params, param, dict, entity, patient, history, mark, mark = $1 OR EXISTS (SELECT 1 FROM outcome WHERE key = $1) FROM head FOR UPDATE OF head", nonNil(mark)).QueryRow(func(r pgx.Row) error {
		return r.Scan(&h.t, &h.at, &h.params, &h.param, &h.dict, &h.entity, &h.patient, &h.history, &h.mark, known)
	})
	return known
}

// forget drops everything that is cached: the database is not the one that it was when it was
// read. A replica without the last commits took over, or an older state was put back.
func (s *Store) forget() {
	s.seen.Store(0)
	s.words.Forget()
	s.terms.forget()
	s.writer.last = head{}
}

// edge finds the edge of the audit tree: the one of the last group, unless another process
// has committed since.
func (x *txn) edge() (err error) {
	if last := &x.store.writer.last; last.t == x.head.t && bytes.Equal(last.mark, x.head.mark) {
		x.head.tree = last.tree
		return nil
	}
	x.head.tree, err = ledger.OpenTree(x.head.t, packed.Hashes(x.conn))
	return err
}

const currentText = `SELECT r.rid, r.type, r.deleted, r.t, r.updated, r.version, r.id, r.codec, r.body, e.no, u.type, u.id
FROM unnest($1::bytea[], $2::bytea[]) u(type, id) JOIN param p ON p.type = u.type AND p.name = ''::bytea
JOIN entity e ON e.id = u.id AND e.type = p.no LEFT JOIN resource r ON r.patient = e.patient AND r.rid = e.rid`

// currentPlaces is currentText for a distributed record: where the resources lie.
const currentPlaces = `SELECT e.patient, e.rid, e.no, u.type, u.id
FROM unnest($1::bytea[], $2::bytea[]) u(type, id) JOIN param p ON p.type = u.type AND p.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = p.no`

// fetchCurrent turns the rows of currentPlaces into those of currentText.
func (x *txn) fetchCurrent(places []*row) ([]*row, error) {
	var patients, rids []int64
	for _, p := range places {
		if p.values[1] != nil {
			patients, rids = append(patients, p.ColumnInt64(0)), append(rids, p.ColumnInt64(1))
		}
	}
	found := map[int64]*row{}
	if len(rids) > 0 {
		slices.Sort(patients)
		rows, err := x.all("SELECT rid, type, deleted, t, updated, version, id, codec, body FROM resource WHERE patient = ANY(?) AND rid = ANY(?)", []any{slices.Compact(patients), rids})
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			found[r.ColumnInt64(0)] = r
		}
	}
	out := make([]*row, 0, len(places))
	for _, p := range places {
		r := &row{fields: make([]pgconn.FieldDescription, 9), values: make([][]byte, 9)}
		if p.values[1] != nil {
			if r = found[p.ColumnInt64(1)]; r == nil {
				return nil, fault.New(fault.Internal, "The database is damaged: a resource is not where it should be.")
			}
		}
		out = append(out, &row{fields: slices.Concat(r.fields, p.fields[2:]), values: slices.Concat(r.values, p.values[2:])})
	}
	return out, nil
}

func (x *txn) readCurrent(b *pgx.Batch, batch []*request, to *[]*row) {
	var types, ids [][]byte
	for _, r := range batch {
		for i := range r.Set.Writes {
			w := &r.Set.Writes[i]
			key := resource{w.Type, w.ID}
			if x.entities[key] == nil {
				x.entities[key] = &entity{}
				types, ids = append(types, []byte(w.Type)), append(ids, []byte(w.ID))
			}
		}
	}
	if len(ids) > 0 {
		text := currentText
		if x.store.scattered {
			text = currentPlaces
		}
		b.Queue(text, types, ids).Query(func(rows pgx.Rows) (err error) {
			*to, err = collect(rows)
			return err
		})
	}
}

// take notes a row that readCurrent has read.
func (x *txn) take(r *row) error {
	key := resource{r.ColumnText(10), r.ColumnText(11)}
	e := x.entities[key]
	e.no = r.ColumnInt64(9)
	x.terms[key] = e.no
	if r.values[0] == nil {
		return nil
	}
	var err error
	e.exists = true
	e.Stored, err = x.Scan(r)
	return err
}

func (x *txn) readOthers(b *pgx.Batch, batch []*request) {
	var patients, keys, spaces, names [][]byte
	seen := map[string]bool{}
	want := func(id string) {
		if !seen[id] {
			seen[id] = true
			patients = append(patients, []byte(id))
		}
	}
	for _, r := range batch {
		for i := range r.Set.Writes {
			want(r.Set.Writes[i].Patient)
		}
		for _, u := range r.Set.Unchanged {
			want(u.Patient)
		}
		for _, id := range r.Leaf.Patients { // their keys seal its details
			if !x.store.words.Knows(id) {
				want(id)
			}
		}
		for i := range r.Set.Items {
			if id := r.Set.Items[i].Patient; id != "" {
				want(id)
			}
			spaces, names = append(spaces, []byte(r.Set.Items[i].Space)), append(names, []byte(r.Set.Items[i].Key))
		}
		if r.Set.Key != "" {
			keys = append(keys, []byte(r.Set.Key))
		}
	}
	each := func(text string, take func(r *row), args ...any) {
		b.Queue(text, args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				take(taken(rows.FieldDescriptions(), rows.RawValues()))
			}
			return rows.Err()
		})
	}
	if len(patients) > 0 {
		each("SELECT p.no, p.id, p.next, p.changed, k.gen, k.kek, k.key FROM patient p LEFT JOIN patient_key k ON k.no = p.no WHERE p.id = ANY($1)", func(r *row) {
			id := r.ColumnText(1)
			x.compartments[id] = &compartment{no: r.ColumnInt64(0), id: id, next: r.ColumnInt64(2), changed: r.ColumnInt64(3)}
			x.keyRows[id] = append(x.keyRows[id], packed.KeyRow{No: r.ColumnInt64(0), Generation: r.ColumnInt64(4), KEK: r.ColumnInt64(5), Key: r.ColumnBlob(6, nil)})
		}, patients)
	}
	if len(names) > 0 {
		each("SELECT i.space, i.key, i.version FROM unnest($1::bytea[], $2::bytea[]) u(space, key) JOIN item i ON i.space = u.space AND i.key = u.key WHERE i.expires = 0 OR i.expires > $3", func(r *row) {
			x.items[itemName{r.ColumnText(0), r.ColumnText(1)}] = r.ColumnInt64(2)
		}, spaces, names, x.now)
	}
	if len(keys) > 0 {
		each("SELECT key, t FROM once WHERE key = ANY($1) AND at > $2", func(r *row) { x.once[r.ColumnText(0)] = r.ColumnInt64(1) }, keys, x.now-packed.OnceHours*3600_000)
	}
}

// prepare makes the index rows of all writes, and of the versions that they replace. Words
// whose numbers are not known are gathered, looked up together, and numbered when they are new.
func (x *txn) prepare(batch []*request) error {
	x.asking = true
	for _, r := range batch {
		for i := range r.Set.Writes {
			w := &r.Set.Writes[i]
			p := &prepared{}
			x.asked[w] = p
			if err := x.rowsOf(w.Type, w.Index, p); err != nil {
				return err
			}
			if _, err := x.EnsureEntity(w.Type, w.ID); err != nil {
				return err
			}
		}
	}
	for _, e := range x.entities {
		if e.exists {
			if err := x.formerRows(e); err != nil {
				return err
			}
		}
	}
	x.asking = false
	if err := x.lookUp(); err != nil {
		return err
	}
	for w, p := range x.asked {
		if !p.whole {
			if err := x.rowsOf(w.Type, w.Index, p); err != nil {
				return err
			}
		}
	}
	for _, e := range x.entities {
		if e.exists && !e.whole {
			if err := x.formerRows(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *txn) rowsOf(resourceType string, entries []search.Entry, p *prepared) (err error) {
	gaps := x.gaps
	p.rows, p.has, err = packed.Rows(x, resourceType, entries)
	p.whole = gaps == x.gaps
	return err
}

func (x *txn) formerRows(e *entity) error {
	entries, err := x.store.pack.Entries(e.Stored)
	if err != nil {
		return err
	}
	var p prepared
	err = x.rowsOf(e.Type, entries, &p)
	e.rows, e.whole = p.rows, p.whole
	return err
}

// lookUp asks for the numbers of the gathered words; those that have none get one.
func (x *txn) lookUp() error {
	b := &pgx.Batch{}
	if len(x.wantedCodes) > 0 {
		var spaces []int64
		var systems, codes, heads [][]byte
		for k := range x.wantedCodes {
			spaces, systems, codes = append(spaces, k.Space), append(systems, []byte(k.System)), append(codes, []byte(k.Code))
			heads = append(heads, []byte(k.Code[:min(len(k.Code), sqlgen.Head)]))
		}
		b.Queue("SELECT d.no, d.param, d.system, d.code FROM unnest($1::int4[], $2::bytea[], $3::bytea[], $4::bytea[]) u(param, system, code, head) JOIN dict d ON d.param = u.param AND "+
			sqlgen.HeadOf("d.code")+" = u.head AND d.code = u.code AND d.system = u.system", spaces, systems, codes, heads).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				r := taken(rows.FieldDescriptions(), rows.RawValues())
				x.Own.Codes[packed.CodeKey{Space: r.ColumnInt64(1), System: r.ColumnText(2), Code: r.ColumnText(3)}] = r.ColumnInt64(0)
			}
			return rows.Err()
		})
	}
	if len(x.wantedTerms) > 0 {
		var types, ids [][]byte
		for r := range x.wantedTerms {
			types, ids = append(types, []byte(r.typ)), append(ids, []byte(r.id))
		}
		b.Queue("SELECT e.no, u.type, u.id FROM unnest($1::bytea[], $2::bytea[]) u(type, id) JOIN param p ON p.type = u.type AND p.name = ''::bytea JOIN entity e ON e.id = u.id AND e.type = p.no", types, ids).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				r := taken(rows.FieldDescriptions(), rows.RawValues())
				x.terms[resource{r.ColumnText(1), r.ColumnText(2)}] = r.ColumnInt64(0)
			}
			return rows.Err()
		})
	}
	if b.Len() == 0 {
		return nil
	}
	return x.SendBatch(x.ctx, b).Close()
}

// EnsureParam implements packed.Dictionary.
func (x *txn) EnsureParam(key packed.ParamKey, flag sqlgen.Flags) (int64, error) {
	p, ok := x.Param(key)
	switch {
	case !ok:
		x.param++
		if x.param > sqlgen.MaxParam {
			x.failed = fault.New(fault.TooLarge, "The record has more than %d search parameters.", sqlgen.MaxParam)
			return 0, x.failed
		}
		p = sqlgen.Param{No: x.param, Flags: flag}
	case p.Flags&flag != flag:
		p.Flags |= flag
	default:
		return p.No, nil
	}
	x.Own.Params[key] = p
	x.pending.params[key] = p
	if key.Name == "" {
		x.Own.Types[p.No] = key.Type
	}
	return p.No, nil
}

// EnsureCode implements packed.Dictionary.
func (x *txn) EnsureCode(space int64, system, code string) (int64, error) {
	key := packed.CodeKey{Space: space, System: system, Code: code}
	if no := x.Known(key); no != 0 {
		return no, nil
	}
	if x.asking {
		x.wantedCodes[key] = true
		x.gaps++
		return 0, nil
	}
	x.dict++
	x.Own.Codes[key] = x.dict
	x.pending.codes = append(x.pending.codes, newCode{key, x.dict})
	return x.dict, nil
}

// EnsureEntity implements packed.Dictionary.
func (x *txn) EnsureEntity(resourceType, id string) (int64, error) {
	key := resource{resourceType, id}
	if no := x.terms[key]; no != 0 {
		return no, nil
	}
	if no := x.store.terms.get(key); no != 0 {
		return no, nil
	}
	typ, err := x.EnsureParam(packed.ParamKey{Type: resourceType}, 0)
	if err != nil {
		return 0, err
	}
	if x.asking && x.entities[key] == nil {
		x.wantedTerms[key] = true
		x.gaps++
		return 0, nil
	}
	x.head.entity++
	x.terms[key] = x.head.entity
	x.pending.terms[key] = &newTerm{no: x.head.entity, typ: typ}
	return x.head.entity, nil
}

// changeset checks a changeset and, when nothing stands in its way, notes what it writes.
func (x *txn) changeset(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if t := x.once[r.Set.Key]; r.Set.Key != "" && t != 0 {
		r.receipt = store.Receipt{T: store.T(t), Leaf: t - 1, Repeated: true}
		return nil
	}
	for _, check := range []func(*store.Changeset) error{x.alive, x.unchanged, x.absent, x.checkItems, x.checkVersions} {
		if err := check(&r.Set); err != nil {
			return err
		}
	}
	if err := x.apply(r); err != nil {
		x.failed = err
		return err
	}
	return nil
}

func (x *txn) unchanged(c *store.Changeset) error {
	for _, u := range c.Unchanged {
		if p := x.compartments[u.Patient]; p != nil && p.changed > int64(u.Since) {
			return fault.New(fault.Conflict, "The chart was changed while you worked on it. Look at the change, then try again.")
		}
	}
	return nil
}

// absent asks the database, which must know what the changesets before have written.
func (x *txn) absent(c *store.Changeset) error {
	if len(c.Absent) == 0 {
		return nil
	}
	if err := x.flush(); err != nil {
		x.failed = err
		return err
	}
	x.conn.t, x.reads = x.head.t, 0
	for _, p := range c.Absent {
		n, err := x.store.CountTo(x.Names, p, 1)
		if err != nil {
			if !isFault(err) {
				x.failed = err
			}
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "What is to be created exists already.")
		}
	}
	return nil
}

func (x *txn) checkItems(c *store.Changeset) error {
	versions := map[itemName]int64{}
	for i := range c.Items {
		w := &c.Items[i]
		name := itemName{w.Space, w.Key}
		old, ok := versions[name]
		if !ok {
			old = x.items[name]
		}
		if w.IfVersion >= 0 && w.IfVersion != old {
			return fault.New(fault.Conflict, "This was changed elsewhere in the meantime: version %d is current, version %d was expected.", old, w.IfVersion)
		}
		versions[name] = old + 1
		if w.Delete {
			versions[name] = 0
		}
	}
	return nil
}

func (x *txn) checkVersions(c *store.Changeset) error {
	versions, added := map[resource]int64{}, map[string]int64{}
	for i := range c.Writes {
		w := &c.Writes[i]
		key := resource{w.Type, w.ID}
		e := x.entities[key]
		current, ok := versions[key]
		if !ok {
			current = e.Version.Version
		}
		if current != w.Version-1 {
			return fault.New(fault.Stale, "This %s was changed by someone else: version %d is current, version %d was expected.", w.Type, current, w.Version-1)
		}
		versions[key] = w.Version
		if p := x.compartments[w.Patient]; p != nil && w.Patient != "" {
			if added[w.Patient]++; p.next+added[w.Patient] > 1<<sqlgen.Sequence && (!e.exists || e.Patient != w.Patient) {
				return fault.New(fault.TooLarge, "This patient has more than %d resources.", 1<<sqlgen.Sequence)
			}
		}
	}
	return nil
}

// apply notes what a changeset writes. It does not fail for reasons of the changeset.
func (x *txn) apply(r *request) error {
	x.head.t++
	x.head.at = max(x.head.at, x.now)
	x.keep(r.Set.Key, x.now)
	for i := range r.Set.Items {
		if err := x.writeItem(&r.Set.Items[i]); err != nil {
			return err
		}
	}
	for i := range r.Set.Writes {
		if err := x.writeVersion(&r.Set.Writes[i], r.Blobs[i]); err != nil {
			return err
		}
	}
	r.Leaf.At = x.head.at
	if err := x.SealDetails(&r.Leaf); err != nil {
		return err
	}
	if err := x.appendLeaf(r.Leaf, r.Leaf.Encode()); err != nil {
		return err
	}
	r.receipt = store.Receipt{T: store.T(x.head.t), Leaf: x.head.t - 1}
	return nil
}

// keep remembers an idempotency key.
func (x *txn) keep(key string, at int64) {
	if key != "" {
		x.once[key] = x.head.t
		x.pending.once = append(x.pending.once, []any{key, x.head.t, at})
	}
}

func (x *txn) writeItem(w *store.ItemWrite) error {
	name := itemName{w.Space, w.Key}
	if w.Delete {
		delete(x.items, name)
		x.pending.items[name] = nil
		return nil
	}
	it := w.Item
	it.Version = x.items[name] + 1
	x.items[name] = it.Version
	return x.putItem(&it)
}

// putItem notes an item, sealed when it is about a patient.
func (x *txn) putItem(it *store.Item) error {
	k, err := x.Person(it.Patient)
	if err == nil && k == nil && it.Patient != "" { // before anything else of the patient
		if _, err = x.newCompartment(it.Patient); err == nil {
			k, err = x.Person(it.Patient)
		}
	}
	if err != nil {
		return err
	}
	value, err := x.store.pack.SealItemWith(k, it)
	if err != nil {
		return err
	}
	x.pending.items[itemName{it.Space, it.Key}] = []any{it.Space, it.Key, it.Owner, nonNil(value), it.Version, expiry(it.Expires), it.Patient}
	return nil
}

func expiry(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// writeVersion notes a new version; the former one becomes history.
func (x *txn) writeVersion(w *store.Write, b packed.Blob) error {
	key := resource{w.Type, w.ID}
	e, p := x.entities[key], x.asked[w]
	typ, err := x.EnsureParam(packed.ParamKey{Type: w.Type}, 0)
	if err != nil {
		return err
	}
	if e.no, err = x.EnsureEntity(w.Type, w.ID); err != nil {
		return err
	}
	rid, err := x.place(w, e)
	if err != nil {
		return err
	}
	if b, err = x.SealFor(x.store.pack, rid, w.Type, w.ID, w.Version, b); err != nil {
		return err
	}
	x.wrote = true
	if e.exists {
		x.head.history++
		old := &e.Stored
		oldType, deleted := typ, int64(0)
		if old.Deleted {
			deleted = 1
		}
		x.pending.history = append(x.pending.history, []any{x.head.history, sqlgen.PatientOf(old.RID), old.RID, oldType, deleted, int64(old.T), x.head.t, old.Updated.UnixMilli(), old.Version.Version, old.ID, int64(old.Codec), old.Blob})
	}
	x.pending.exchange(e.RID, e.rows, rid, p.rows)
	if e.exists && rid != e.RID {
		x.pending.resources[e.RID] = nil
	}
	deleted := int64(0)
	if w.Deleted {
		deleted = 1
	}
	updated := w.Updated.UnixMilli()
	x.pending.resources[rid] = []any{sqlgen.PatientOf(rid), rid, typ, deleted, x.head.t, updated, w.Version, w.ID, nonNil(p.has), int64(b.Codec), b.Bytes}
	if !e.exists || rid != e.RID {
		x.pending.place(key, e.no, typ, rid)
	}
	e.exists, e.rows, e.whole = true, p.rows, true
	e.Stored = packed.Stored{RID: rid, Codec: b.Codec, Blob: b.Bytes, Version: store.Version{
		Type: w.Type, ID: w.ID, Version: w.Version, Updated: w.Updated, T: store.T(x.head.t), Patient: w.Patient, Deleted: w.Deleted,
	}}
	return nil
}

// place returns the row id of the new version: the old one while the resource stays in its
// compartment. It notes that the compartments have changed.
func (x *txn) place(w *store.Write, e *entity) (int64, error) {
	if e.exists && e.Patient != w.Patient && e.Patient != "" {
		x.touch(e.Patient, sqlgen.PatientOf(e.RID))
	}
	p := x.compartments[w.Patient]
	if p == nil {
		var err error
		if p, err = x.newCompartment(w.Patient); err != nil {
			return 0, err
		}
		p.changed = x.head.t
	}
	if w.Patient != "" {
		p.changed = x.head.t
		x.pending.compartments[p] = true
	}
	if e.exists && e.Patient == w.Patient {
		return e.RID, nil
	}
	if w.Type == "Patient" && w.ID == w.Patient {
		return p.no << sqlgen.Sequence, nil // the first row of the range is kept for the Patient
	}
	next := p.next
	p.next++
	x.pending.compartments[p] = true
	if p.no == 0 {
		return -next, nil
	}
	return p.no<<sqlgen.Sequence | next, nil
}

func (x *txn) touch(patient string, no int64) {
	if p := x.compartments[patient]; p != nil {
		p.changed = x.head.t
		x.pending.compartments[p] = true
		return
	}
	x.pending.touched[no] = x.head.t
}

// appendLeaf adds a leaf to the log; body are its bytes.
func (x *txn) appendLeaf(l ledger.Leaf, body []byte) error {
	first, hashes := x.head.tree.Append(body)
	sealed, err := x.store.pack.SealLeaf(x.head.t, body)
	if err != nil {
		return err
	}
	x.pending.leaves = append(x.pending.leaves, []any{x.head.t, x.head.at, l.Actor, string(l.Action), sealed})
	for i, h := range hashes {
		x.pending.hashes = append(x.pending.hashes, []any{first + int64(i), slices.Clone(h[:])})
	}
	named := map[string]bool{}
	for _, p := range slices.Concat(l.Patients, l.Marks()) {
		if !named[p] {
			named[p] = true
			x.pending.leafPatients = append(x.pending.leafPatients, []any{p, x.head.t})
		}
	}
	return nil
}
