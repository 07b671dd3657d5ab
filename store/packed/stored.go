package packed

import (
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
)

// Stored is a row of resource or history. The blob is decoded by those who need it.
type Stored struct {
	store.Version
	RID   int64
	Codec int
	Blob  []byte
	// Key is the key of the patient, when the blob is sealed with it.
	Key *PersonKey
	// epoch is that of the vocabulary in which the row was read.
	epoch int
}

// Columns are those of Stored, in both tables.
const Columns = "rid, type, deleted, t, updated, version, id, codec, body"

// columnCount is how many they are.
const columnCount = 9

// columnsOf names them in a table; an alias ends with a dot.
func columnsOf(alias string) string { return alias + strings.ReplaceAll(Columns, ", ", ", "+alias) }

// rowColumns are those of r.
var rowColumns = columnsOf("r.")

// Scan reads a row that begins with Columns.
func (n Names) Scan(s Row) (Stored, error) {
	v := Stored{RID: s.ColumnInt64(0), Codec: s.ColumnInt(7), Blob: s.ColumnBlob(8, nil), epoch: n.epoch}
	v.Deleted = s.ColumnInt64(2) != 0
	v.T = store.T(s.ColumnInt64(3))
	v.Updated = instant(s.ColumnInt64(4))
	v.Version.Version = s.ColumnInt64(5)
	v.ID = s.ColumnText(6)
	var err error
	if v.Type, err = n.typeName(s.ColumnInt64(1)); err != nil || v.RID < 0 {
		return v, err
	}
	no := v.RID >> sqlgen.Sequence
	c, err := n.compartment(no, false)
	if err == nil && v.Codec&sealedByPatient != 0 && !c.Key.has(v.Blob) { // another process gave it a new generation
		c, err = n.compartment(no, true)
	}
	v.Patient, v.Key = c.ID, c.Key
	v.Shredded = v.Codec == codecShredded
	return v, err
}

// Open decodes the body into the version.
func (p *Packer) Open(v Stored) (store.Version, error) {
	_, body, err := p.unpacked(v)
	if err == nil && !v.Deleted {
		v.Body = body
	}
	return v.Version, err
}

// Entries decodes the index entries.
func (p *Packer) Entries(v Stored) ([]search.Entry, error) {
	index, _, err := p.unpacked(v)
	if err != nil {
		return nil, err
	}
	return ParseEntries(index)
}

// Current returns the current row of a resource; ok is false when it never existed.
func (n Names) Current(resourceType, id string) (v Stored, ok bool, err error) {
	typ, err := n.Type(resourceType)
	if err != nil || typ == 0 {
		return Stored{}, false, err
	}
	if n.scattered() {
		return n.currentIn(typ, id)
	}
	err = n.Query(`SELECT r.rid, r.type, r.deleted, r.t, r.updated, r.version, r.id, r.codec, r.body
FROM entity e`+n.Dialect().Join()+`resource r ON `+n.same("r.", "e.")+` WHERE e.id = ? AND e.type = ?`, []any{id, typ}, func(s Row) (bool, error) {
		v, err = n.Scan(s)
		ok = true
		return false, err
	})
	return v, ok, err
}

// currentIn is Current for a scattered database: first where the row lies, then the row.
func (n Names) currentIn(typ int64, id string) (v Stored, ok bool, err error) {
	rid := int64(0)
	placed, err := n.one("SELECT rid FROM entity WHERE id = ? AND type = ? AND rid IS NOT NULL", []any{id, typ}, func(s Row) { rid = s.ColumnInt64(0) })
	if err != nil || !placed {
		return Stored{}, false, err
	}
	rows, err := n.current([]int64{rid}, 0)
	if err != nil {
		return Stored{}, false, err
	}
	if v, ok = rows[rid]; !ok {
		err = fault.New(fault.Unavailable, "The resource was moved to another patient just now. Try again.")
	}
	return v, ok, err
}
