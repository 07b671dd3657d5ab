package packed

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// IndexRow is one row of an index table, without its row id, which all rows of a resource
// share.
type IndexRow struct {
	Table *Table
	Args  []any  // in the order of the table's columns: int64, float64, string or nil
	Key   string // the table's name and the arguments, comparable
}

// Table is an index table.
type Table struct {
	Name    string
	Columns []string // without the row id
}

func newTable(name, columns string) *Table { return &Table{name, strings.Split(columns, " ")} }

// The index tables.
var (
	Tok   = newTable("tok", "k")
	Ident = newTable("ident", "p value sys typ")
	Ref   = newTable("ref", "e p")
	Dat   = newTable("dat", "p lo hi")
	Str   = newTable("str", "p norm exact")
	Qty   = newTable("qty", "p v lo hi unit label")
	URI   = newTable("uri", "p value")
	Comp  = newTable("comp", "p k0 n lo0 hi0 v0 s0 k1 lo1 hi1 v1 s1 k2 lo2 hi2 v2 s2")
)

// Tables are all index tables.
var Tables = [...]*Table{Tok, Ident, Ref, Dat, Str, Qty, URI, Comp}

// Dictionary gives words their numbers; it makes those that are new.
type Dictionary interface {
	EnsureParam(key ParamKey, flag sqlgen.Flags) (int64, error)
	EnsureCode(space int64, system, code string) (int64, error)
	// EnsureEntity returns the number of a resource that is stored or referred to.
	EnsureEntity(resourceType, id string) (int64, error)
}

// rowWriter turns index entries into rows. It adds words to the vocabulary that are new.
type rowWriter struct {
	Dictionary
	typ  string
	rows []IndexRow
	err  error
	n    int // ordinal of composites
}

// hardlyRepeats are token parameters whose values are as many as people: they stand with
// the identifiers, so that the vocabulary stays small.
var hardlyRepeats = map[string]bool{"identifier": true, "telecom": true, "phone": true, "email": true}

// longCode is the length from which a token is kept as it is.
const longCode = 64

// Rows returns the rows of a resource's entries and the marks of its parameters.
func Rows(d Dictionary, resourceType string, entries []search.Entry) (rows []IndexRow, has []byte, err error) {
	w := &rowWriter{Dictionary: d, typ: resourceType}
	var present []int64
	for i := range entries {
		p := w.entry(&entries[i])
		if w.err != nil {
			return nil, nil, w.err
		}
		if !slices.Contains(present, p) {
			present = append(present, p)
		}
	}
	slices.Sort(present)
	for _, p := range present {
		has = append(has, sqlgen.Mark(p)...)
	}
	return w.rows, has, nil
}

func (w *rowWriter) add(t *Table, args ...any) {
	key := []byte(t.Name)
	for _, a := range args {
		switch v := a.(type) {
		case nil:
			key = append(key, 0)
		case int64:
			key = binary.AppendVarint(append(key, 1), v)
		case float64:
			key = binary.LittleEndian.AppendUint64(append(key, 2), math.Float64bits(v))
		case string:
			key = appendText(append(key, 3), v)
		}
	}
	w.rows = append(w.rows, IndexRow{t, args, string(key)})
}

func (w *rowWriter) param(name string, flag sqlgen.Flags) int64 {
	no, err := w.EnsureParam(ParamKey{w.typ, name}, flag)
	if err != nil {
		w.err = err
	}
	return no
}

func (w *rowWriter) code(space int64, system, code string) int64 {
	no, err := w.EnsureCode(space, system, code)
	if err != nil {
		w.err = err
	}
	return no
}

func (w *rowWriter) entry(e *search.Entry) (param int64) {
	switch e.Kind {
	case search.KindToken:
		return w.token(e)
	case search.KindReference:
		return w.reference(e)
	case search.KindComposite:
		return w.composite(e)
	}
	p := w.param(e.Param, map[search.Kind]sqlgen.Flags{
		search.KindString: sqlgen.InStr, search.KindDate: sqlgen.InDat, search.KindNumber: sqlgen.InQty,
		search.KindQuantity: sqlgen.InQty, search.KindURI: sqlgen.InURI, search.KindSpecial: sqlgen.InQty,
	}[e.Kind])
	switch e.Kind {
	case search.KindString:
		w.add(Str, p, e.Norm, e.Exact)
	case search.KindDate:
		w.add(Dat, p, e.Low, e.High)
	case search.KindNumber, search.KindQuantity:
		if !math.IsNaN(e.Value + e.ValueLow + e.ValueHigh) {
			unit, label := w.unit(p, e)
			w.add(Qty, p, e.Value, e.ValueLow, e.ValueHigh, unit, label)
		}
	case search.KindURI:
		w.add(URI, p, e.URL)
	case search.KindSpecial: // a position: latitude and longitude
		if !math.IsNaN(e.ValueLow + e.ValueHigh) {
			w.add(Qty, p, 0.0, e.ValueLow, e.ValueHigh, int64(0), int64(0))
		}
	}
	return p
}

func (w *rowWriter) unit(p int64, e *search.Entry) (unit, label int64) {
	if e.System != "" || e.Code != "" {
		unit = w.code(p*sqlgen.Spaces+sqlgen.SpaceUnit, e.System, e.Code)
	}
	if e.Display != "" {
		label = w.code(p*sqlgen.Spaces+sqlgen.SpaceLabel, "", e.Display)
	}
	return unit, label
}

func (w *rowWriter) token(e *search.Entry) int64 {
	apart := e.Code != "" && (e.Identifier || hardlyRepeats[e.Param] || len(e.Code) > longCode)
	flag := sqlgen.InTok
	if apart {
		flag = sqlgen.InIdent
	}
	p := w.param(e.Param, flag)
	switch {
	case apart:
		w.identifier(p, e)
	case e.Code != "":
		w.add(Tok, w.code(p*sqlgen.Spaces+sqlgen.SpaceCode, e.System, e.Code))
	}
	if e.Display != "" {
		w.add(Tok, w.code(p*sqlgen.Spaces+sqlgen.SpaceText, "", e.Display))
	}
	return p
}

func (w *rowWriter) identifier(p int64, e *search.Entry) {
	var sys, typ int64
	if e.System != "" {
		sys = w.code(sqlgen.SpaceCode, e.System, "")
	}
	if e.TypeSystem != "" || e.TypeCode != "" {
		typ = w.code(sqlgen.SpaceText, e.TypeSystem, e.TypeCode)
	}
	w.add(Ident, p, e.Code, sys, typ)
}

func (w *rowWriter) reference(e *search.Entry) int64 {
	flag := sqlgen.Flags(0)
	switch {
	case e.RefID != "":
		flag = sqlgen.InRef
	case e.URL != "":
		flag = sqlgen.InURI
	case e.Code != "":
		flag = sqlgen.InIdent
	}
	p := w.param(e.Param, flag)
	if e.RefType != "" && e.RefID != "" {
		w.add(Ref, w.entity(e.RefType, e.RefID), p)
	}
	if e.URL != "" {
		w.add(URI, p, e.URL)
	}
	if e.Code != "" {
		w.identifier(p, e)
	}
	return p
}

func (w *rowWriter) entity(resourceType, id string) int64 {
	no, err := w.EnsureEntity(resourceType, id)
	if err != nil {
		w.err = err
	}
	return no
}

// maxCombinations bounds the rows of one element of a composite.
const maxCombinations = 256

// composite writes one row for each combination of the parts' values.
func (w *rowWriter) composite(e *search.Entry) int64 {
	p := w.param(e.Param, sqlgen.InComp)
	combinations := [][][]any{nil}
	for i := range sqlgen.MaxParts {
		var values [][]any
		for j := range e.Group {
			if part := &e.Group[j]; part.Param == string(rune('0'+i)) {
				values = append(values, w.part(p, int64(i), part))
			}
		}
		if len(values) == 0 {
			values = [][]any{{int64(0), nil, nil, nil, nil}}
		}
		var next [][][]any
		for _, head := range combinations {
			for _, v := range values {
				next = append(next, append(slices.Clip(head), v))
			}
		}
		combinations = next[:min(len(next), maxCombinations)]
	}
	for _, parts := range combinations {
		w.n++
		args := []any{p, parts[0][0], int64(w.n)}
		args = append(args, parts[0][1:]...)
		args = append(args, parts[1]...)
		w.add(Comp, append(args, parts[2]...)...)
	}
	return p
}

// part returns the columns k, lo, hi, v and s of one value of a composite's part.
func (w *rowWriter) part(p, i int64, e *search.Entry) []any {
	switch e.Kind {
	case search.KindToken:
		if e.Code == "" {
			break
		}
		return []any{w.code(p*sqlgen.Spaces+sqlgen.SpacePart+i, e.System, e.Code), nil, nil, nil, nil}
	case search.KindReference:
		if e.RefID != "" {
			return []any{w.entity(e.RefType, e.RefID), nil, nil, nil, ""}
		}
		return []any{int64(0), nil, nil, nil, e.URL}
	case search.KindDate:
		return []any{int64(0), e.Low, e.High, nil, nil}
	case search.KindNumber, search.KindQuantity:
		unit, label := w.unit(p, e)
		return []any{unit, e.ValueLow, e.ValueHigh, e.Value, label}
	case search.KindString:
		return []any{int64(0), nil, nil, e.Exact, e.Norm}
	case search.KindURI:
		return []any{int64(0), nil, nil, nil, e.URL}
	}
	return []any{int64(0), nil, nil, nil, nil}
}
