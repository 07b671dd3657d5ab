package postgres

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
)

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}

// table writes many rows with one statement: a column is an array.
type table struct {
	types          []string // of the columns
	insert, delete string

	name, columns, from string // of which they are made
}

// newTable makes the statements of a table. Columns are "name type"; key are those by which a
// row is deleted; suffix follows the insert.
func newTable(name, columns, key, suffix string) *table {
	t := &table{name: name}
	var names, arrays []string
	for _, c := range strings.Split(columns, ", ") {
		column, typ, _ := strings.Cut(c, " ")
		t.types = append(t.types, typ)
		names = append(names, column)
		arrays = append(arrays, "?::"+typ+"[]")
	}
	t.columns = strings.Join(names, ", ")
	t.from = "unnest(" + strings.Join(arrays, ", ") + ") u(" + t.columns + ")"
	t.insert = "INSERT INTO " + name + " (" + t.columns + ") SELECT * FROM " + t.from + " " + suffix
	var same []string
	for _, c := range strings.Split(key, ", ") {
		same = append(same, name+"."+c+" = u."+c)
	}
	t.delete = "DELETE FROM " + name + " USING " + t.from + " WHERE " + strings.Join(same, " AND ")
	return t
}

// insertIf is the insert for each row of another part of the statement: none when that has none.
func (t *table) insertIf(part string) string {
	return "INSERT INTO " + t.name + " (" + t.columns + ") SELECT u.* FROM " + part + ", " + t.from
}

const once = "ON CONFLICT DO NOTHING"

var (
	intoParam   = newTable("param", "no int4, type bytea, name bytea, flags int4", "no", "ON CONFLICT (no) DO UPDATE SET flags = excluded.flags")
	intoDict    = newTable("dict", "no int4, param int4, system bytea, code bytea", "no", "")
	intoEntity  = newTable("entity", "no int8, id bytea, type int4, patient int4, rid int8", "no", "ON CONFLICT (id, type) DO UPDATE SET patient = excluded.patient, rid = excluded.rid")
	intoPatient = newTable("patient", "no int4, id bytea, next int4, changed int8", "no", "ON CONFLICT (no) DO UPDATE SET next = excluded.next, changed = excluded.changed")
	intoHistory = newTable("history", "no int8, patient int4, rid int8, type int4, deleted int2, t int8, until int8, updated int8, version int8, id bytea, codec int2, body bytea", "no", "")
	resources   = newTable("resource", "patient int4, rid int8, type int4, deleted int2, t int8, updated int8, version int8, id bytea, has bytea, codec int2, body bytea", "patient, rid",
		"ON CONFLICT (patient, rid) DO UPDATE SET type = excluded.type, deleted = excluded.deleted, t = excluded.t, updated = excluded.updated, version = excluded.version, id = excluded.id, has = excluded.has, codec = excluded.codec, body = excluded.body")
	items      = newTable("item", "space bytea, key bytea, owner bytea, value bytea, version int8, expires int8, patient bytea", "space, key", "ON CONFLICT (space, key) DO UPDATE SET owner = excluded.owner, value = excluded.value, version = excluded.version, expires = excluded.expires, patient = excluded.patient")
	intoKeys   = newTable("patient_key", "no int4, gen int2, kek int8, key bytea", "no", "")
	intoOnce   = newTable("once", "key bytea, t int8, at int8", "key", "ON CONFLICT (key) DO UPDATE SET t = excluded.t, at = excluded.at")
	intoLeaf   = newTable("leaf", "t int8, at int8, actor bytea, action bytea, body bytea", "t", "")
	intoHash   = newTable("hash", "no int8, hash bytea", "no", "")
	intoPeople = newTable("leaf_patient", "patient bytea, t int8", "t", "")

	// indexTables have the columns patient and rid in front of those of packed.Table, apart
	// from comp, of which a column holds one type here.
	indexTables = map[*packed.Table]*table{
		packed.Tok:   newTable("tok", "patient int4, rid int8, k int4", "k, patient, rid", once),
		packed.Ident: newTable("ident", "patient int4, rid int8, p int4, value bytea, sys int4, typ int4", "patient, rid, p, value, sys, typ", ""),
		packed.Ref:   newTable("ref", "patient int4, rid int8, e int8, p int4", "e, p, patient, rid", once),
		packed.Dat:   newTable("dat", "patient int4, rid int8, p int4, lo int8, hi int8", "p, patient, rid, lo, hi", once),
		packed.Str:   newTable("str", "patient int4, rid int8, p int4, norm bytea, exact bytea", "p, patient, rid, norm, exact", ""),
		packed.Qty:   newTable("qty", "patient int4, rid int8, p int4, v float8, lo float8, hi float8, unit int4, label int4", "p, patient, rid, v, lo, hi, unit, label", ""),
		packed.URI:   newTable("uri", "patient int4, rid int8, p int4, value bytea", "p, value, patient, rid", ""),
		packed.Comp: newTable("comp", "patient int4, rid int8, p int4, n int4, k0 int8, lo0 int8, hi0 int8, ql0 float8, qh0 float8, l0 int4, v0 bytea, s0 bytea, "+
			"k1 int8, lo1 int8, hi1 int8, ql1 float8, qh1 float8, l1 int4, v1 bytea, s1 bytea, k2 int8, lo2 int8, hi2 int8, ql2 float8, qh2 float8, l2 int4, v2 bytea, s2 bytea", "p, k0, patient, rid, n", once),
	}
)

// arrays turns rows into columns.
func (t *table) arrays(rows [][]any) []any {
	out := make([]any, len(t.types))
	for i, typ := range t.types {
		switch typ {
		case "int4":
			out[i] = gather(rows, i, func(v any) *int32 {
				n, ok := v.(int64)
				return pointer(int32(n), ok)
			})
		case "int2":
			out[i] = gather(rows, i, func(v any) *int16 {
				n, ok := v.(int64)
				return pointer(int16(n), ok)
			})
		case "int8":
			out[i] = gather(rows, i, func(v any) *int64 {
				n, ok := v.(int64)
				return pointer(n, ok)
			})
		case "float8":
			out[i] = gather(rows, i, func(v any) *float64 {
				n, ok := v.(float64)
				return pointer(n, ok)
			})
		default:
			out[i] = gather(rows, i, func(v any) []byte {
				switch v := v.(type) {
				case string:
					return []byte(v)
				case []byte:
					return v
				}
				return nil
			})
		}
	}
	return out
}

func pointer[T any](v T, ok bool) *T {
	if !ok {
		return nil
	}
	return &v
}

func gather[T any](rows [][]any, column int, f func(any) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = f(r[column])
	}
	return out
}

// indexRow returns the values of a row of an index.
func indexRow(rid int64, r packed.IndexRow) []any {
	out := []any{sqlgen.PatientOf(rid), rid}
	if r.Table != packed.Comp {
		return append(out, r.Args...)
	}
	// p k0 n lo0 hi0 v0 s0 k1 lo1 hi1 v1 s1 …
	a := r.Args
	out = append(out, a[0], a[2])
	out = append(out, compPart(a[1], a[3:7])...)
	out = append(out, compPart(a[7], a[8:12])...)
	return append(out, compPart(a[12], a[13:17])...)
}

// compPart puts the values of a part, k and lo, hi, v, s, into the columns of their types.
func compPart(k any, part []any) []any {
	out := make([]any, 8)
	out[0] = k
	for i, v := range part[:2] {
		switch v.(type) {
		case int64:
			out[1+i] = v
		case float64:
			out[3+i] = v
		}
	}
	if _, text := part[2].(string); text {
		out[6] = part[2]
	}
	switch part[3].(type) {
	case int64:
		out[5] = part[3]
	case string:
		out[7] = part[3]
	}
	return out
}

type newCode struct {
	key packed.CodeKey
	no  int64
}

type newTerm struct{ no, typ, rid int64 }

// change is what becomes of an index row: it is added, or removed, or both in turn.
type change struct {
	rid   int64
	row   packed.IndexRow
	added bool
}

type indexKey struct {
	rid int64
	key string
}

// pending is what a transaction will write.
type pending struct {
	params       map[packed.ParamKey]sqlgen.Param
	codes        []newCode
	terms        map[resource]*newTerm
	compartments map[*compartment]bool
	touched      map[int64]int64
	keys         [][]any
	history      [][]any
	resources    map[int64][]any // nil: removed
	index        map[indexKey]change
	items        map[itemName][]any // nil: removed
	once         [][]any
	leaves       [][]any
	hashes       [][]any
	leafPatients [][]any
}

func (p *pending) init() {
	*p = pending{
		params: map[packed.ParamKey]sqlgen.Param{}, terms: map[resource]*newTerm{}, compartments: map[*compartment]bool{}, touched: map[int64]int64{},
		resources: map[int64][]any{}, index: map[indexKey]change{}, items: map[itemName][]any{},
	}
}

// place notes the row of a resource.
func (p *pending) place(r resource, no, typ, rid int64) {
	p.terms[r] = &newTerm{no, typ, rid}
}

// exchange replaces the index rows of a resource: what was and will be stays untouched. A
// row that the entries name twice is one.
func (p *pending) exchange(oldRID int64, old []packed.IndexRow, newRID int64, fresh []packed.IndexRow) {
	had, has := rowSet(old), rowSet(fresh)
	for key, r := range had {
		if _, stays := has[key]; !stays || oldRID != newRID {
			p.note(change{oldRID, r, false})
		}
	}
	for key, r := range has {
		if _, was := had[key]; !was || oldRID != newRID {
			p.note(change{newRID, r, true})
		}
	}
}

func rowSet(rows []packed.IndexRow) map[string]packed.IndexRow {
	out := make(map[string]packed.IndexRow, len(rows))
	for _, r := range rows {
		out[r.Key] = r
	}
	return out
}

// note adds a change. A row that the same transaction added is not written when it is
// removed again, and the other way around.
func (p *pending) note(c change) {
	key := indexKey{c.rid, c.row.Key}
	if before, ok := p.index[key]; ok && before.added != c.added {
		delete(p.index, key)
		return
	}
	p.index[key] = c
}

// queue adds the statements of what is pending to a batch.
func (x *txn) queue(b *pgx.Batch) {
	p := &x.pending
	write := func(text string, t *table, rows [][]any) {
		if len(rows) > 0 {
			b.Queue(x.store.numbered(text), t.arrays(rows)...)
		}
	}
	put := func(t *table, rows [][]any) { write(t.insert, t, rows) }
	if len(p.params) > 0 {
		x.params++
		var rows [][]any
		for key, v := range p.params {
			rows = append(rows, []any{v.No, key.Type, key.Name, int64(v.Flags)})
		}
		put(intoParam, rows)
	}
	var rows [][]any
	for _, c := range p.codes {
		rows = append(rows, []any{c.no, c.key.Space, c.key.System, c.key.Code})
	}
	put(intoDict, rows)
	rows = nil
	for r, t := range p.terms {
		row := []any{t.no, r.id, t.typ, nil, nil}
		if t.rid != 0 {
			row[3], row[4] = sqlgen.PatientOf(t.rid), t.rid
		}
		rows = append(rows, row)
	}
	put(intoEntity, rows)
	rows = nil
	for c := range p.compartments {
		rows = append(rows, []any{c.no, c.id, c.next, c.changed})
	}
	put(intoPatient, rows)
	put(intoKeys, p.keys)
	for no, t := range p.touched {
		b.Queue("UPDATE patient SET changed = $1 WHERE no = $2", t, no)
	}
	put(intoHistory, p.history)
	x.queueResources(write)
	x.queueItems(write)
	put(intoOnce, p.once)
	put(intoLeaf, p.leaves)
	put(intoHash, p.hashes)
	put(intoPeople, p.leafPatients)
}

func (x *txn) queueResources(write func(string, *table, [][]any)) {
	p := &x.pending
	var gone, rows [][]any
	for _, rid := range slices.Sorted(maps.Keys(p.resources)) {
		if row := p.resources[rid]; row != nil {
			rows = append(rows, row)
			continue
		}
		none := make([]any, len(resources.types))
		none[0], none[1] = sqlgen.PatientOf(rid), rid
		gone = append(gone, none)
	}
	write(resources.delete, resources, gone)
	write(resources.insert, resources, rows)
	added, removed := map[*packed.Table][][]any{}, map[*packed.Table][][]any{}
	keys := slices.SortedFunc(maps.Keys(p.index), func(a, b indexKey) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.rid, b.rid))
	})
	for _, key := range keys {
		c := p.index[key]
		to := removed
		if c.added {
			to = added
		}
		to[c.row.Table] = append(to[c.row.Table], indexRow(c.rid, c.row))
	}
	for _, t := range packed.Tables {
		write(indexTables[t].delete, indexTables[t], removed[t])
		write(indexTables[t].insert, indexTables[t], added[t])
	}
}

func (x *txn) queueItems(write func(string, *table, [][]any)) {
	var gone, rows [][]any
	for name, row := range x.pending.items {
		if row == nil {
			gone = append(gone, []any{name.space, name.key, "", []byte{}, int64(0), int64(0), ""})
			continue
		}
		rows = append(rows, row)
	}
	write(items.delete, items, gone)
	write(items.insert, items, rows)
}

// flush writes what is pending, so that statements of this transaction see it.
func (x *txn) flush() error {
	b := &pgx.Batch{}
	x.queue(b)
	x.pending.init()
	if b.Len() == 0 {
		return nil
	}
	return x.SendBatch(x.ctx, b).Close()
}

// commit writes what is pending and commits.
func (x *txn) commit(key []byte) error {
	b := &pgx.Batch{}
	x.queue(b)
	x.queueHead(b, key)
	b.Queue("COMMIT")
	return x.SendBatch(x.ctx, b).Close()
}

// queueHead writes the head, with the key by which the group will be known, and tells others.
func (x *txn) queueHead(b *pgx.Batch, key []byte) {
	h := &x.head
	h.mark = key
	b.Queue("UPDATE head SET t = $1, at = $2, params = $3, param = $4, dict = $5, entity = $6, patient = $7, history = $8, mark = $9", h.t, h.at, h.params, h.param, h.dict, h.entity, h.patient, h.history, key)
	b.Queue("INSERT INTO outcome (key, at) VALUES ($1, $2)", key, x.now)
	if x.wrote {
		b.Queue("SELECT pg_notify($1, $2)", x.store.channel(), x.store.tell(x.head.t))
	}
}
