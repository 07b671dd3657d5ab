package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store/packed"
	"github.com/osler-emr/osler/store/sqlgen"
)

// conn is a connection inside of a transaction: packed.Conn.
type conn struct {
	*pgx.Conn
	ctx     context.Context
	store   *Store
	t       int64 // the last T that the transaction sees
	edition int64 // the edition of the parameters that it sees
	era     int   // of the vocabulary, before it began
	newest  int64 // the number of the newest word that it sees; 0 when that is not known
	follows bool  // a replica's
	reads   int   // resources read for their words
	depth   int   // streams that run inside of each other
	open    []bool
}

// maxReads is how many resources a search for words may read; a tenth of a millisecond each.
const maxReads = 20_000

// row is a row of a result, in the binary format.
type row struct {
	fields []pgconn.FieldDescription
	values [][]byte
}

// ColumnInt64 implements packed.Row.
func (r *row) ColumnInt64(column int) int64 {
	b := r.values[column]
	switch {
	case b == nil:
		return 0
	case r.fields[column].Format == pgtype.TextFormatCode:
		n, _ := strconv.ParseInt(string(b), 10, 64)
		return n
	}
	switch len(b) {
	case 1:
		return int64(b[0])
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	case 8:
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// ColumnInt implements packed.Row.
func (r *row) ColumnInt(column int) int { return int(r.ColumnInt64(column)) }

// ColumnText implements packed.Row.
func (r *row) ColumnText(column int) string { return string(r.values[column]) }

// ColumnBlob implements packed.Row.
func (r *row) ColumnBlob(column int, buf []byte) []byte { return append(buf, r.values[column]...) }

// ColumnRawBlob implements packed.Row.
func (r *row) ColumnRawBlob(column int) []byte { return r.values[column] }

// Value implements packed.Conn.
func (c *conn) Value(r packed.Row, column int) any {
	of, ok := r.(*row)
	if !ok || of.values[column] == nil {
		return nil
	}
	switch of.fields[column].DataTypeOID {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return of.ColumnInt64(column)
	case pgtype.Float8OID:
		return math.Float64frombits(binary.BigEndian.Uint64(of.values[column]))
	}
	return of.ColumnText(column)
}

// Now implements packed.Conn.
func (c *conn) Now() (int64, error) { return c.t, nil }

// Edition implements packed.Editions.
func (c *conn) Edition() int64 { return c.edition }

// Newest implements packed.Growing. The servers of a cluster do not commit at one moment: there
// the words that are read can be older than the head.
func (c *conn) Newest() int64 {
	if c.store.scattered {
		return 0
	}
	return c.newest
}

// Dialect implements packed.Conn.
func (c *conn) Dialect() sqlgen.Dialect { return sqlgen.Postgres{} }

// Scattered implements packed.Scattered.
func (c *conn) Scattered() bool { return c.store.scattered }

// ReadOne implements packed.Conn.
func (c *conn) ReadOne() error {
	if c.reads++; c.reads > maxReads {
		return fault.New(fault.TooCostly, "_text and _content would read more than %d resources. Add a condition, such as a patient, a code or a date.", maxReads)
	}
	return nil
}

// Query implements packed.Conn. The result is taken over before the first row is given out,
// so that other queries can run meanwhile.
func (c *conn) Query(text string, args []any, each func(packed.Row) (bool, error)) error {
	rows, err := c.all(text, args)
	if err != nil {
		return err
	}
	_, err = give(rows, each)
	return err
}

// give hands rows out; done says that no more are wanted.
func give(rows []*row, each func(packed.Row) (bool, error)) (done bool, err error) {
	for _, r := range rows {
		more, err := each(r)
		if err != nil || !more {
			return true, err
		}
	}
	return false, nil
}

func (c *conn) all(text string, args []any) ([]*row, error) {
	c.store.noted(c.ctx, text, args)
	rows, err := c.Conn.Query(c.ctx, c.store.numbered(text), bound(args)...)
	if err != nil {
		return nil, err
	}
	return collect(rows)
}

// collect copies the rows of a result.
func collect(rows pgx.Rows) ([]*row, error) {
	defer rows.Close()
	var out []*row
	for rows.Next() {
		out = append(out, taken(rows.FieldDescriptions(), rows.RawValues()))
	}
	return out, rows.Err()
}

// taken copies the values of a row, which are valid only until the next one.
func taken(fields []pgconn.FieldDescription, values [][]byte) *row {
	n := 0
	for _, v := range values {
		n += len(v)
	}
	r, buf := &row{fields: fields, values: make([][]byte, len(values))}, make([]byte, 0, n)
	for i, v := range values {
		if v != nil {
			from := len(buf)
			buf = append(buf, v...)
			r.values[i] = buf[from:len(buf):len(buf)]
		}
	}
	return r
}

// fetch is how many rows of a stream are read at a time.
const fetch = 256

// Stream implements packed.Conn with a cursor. One that was left early is closed by the next
// of the same depth, or by the end of the transaction.
func (c *conn) Stream(text string, args []any, each func(packed.Row) (bool, error)) error {
	name := "osler_" + strconv.Itoa(c.depth)
	if c.depth == len(c.open) {
		c.open = append(c.open, false)
	}
	if c.open[c.depth] {
		if _, err := c.Exec(c.ctx, "CLOSE "+name); err != nil {
			return err
		}
		c.open[c.depth] = false
	}
	c.store.noted(c.ctx, text, args)
	if _, err := c.Exec(c.ctx, "DECLARE "+name+" NO SCROLL CURSOR FOR "+c.store.numbered(text), bound(args)...); err != nil {
		return err
	}
	c.open[c.depth] = true
	c.depth++
	defer func() { c.depth-- }()
	for {
		result := c.PgConn().ExecParams(c.ctx, "FETCH "+strconv.Itoa(fetch)+" FROM "+name, nil, nil, nil, []int16{pgtype.BinaryFormatCode})
		var rows []*row
		for result.NextRow() {
			rows = append(rows, taken(result.FieldDescriptions(), result.Values()))
		}
		if _, err := result.Close(); err != nil {
			return err
		}
		if done, err := give(rows, each); err != nil || done || len(rows) < fetch {
			return err
		}
	}
}

// noted tells a test of a statement.
func (s *Store) noted(ctx context.Context, text string, args []any) {
	if s.trace != nil {
		s.trace(ctx, text, args)
	}
}

// maxTexts bounds the statements whose text is remembered with numbered placeholders.
const maxTexts = 2000

// numbered writes ? as $1, $2, …. No statement of ours has a question mark otherwise.
func (s *Store) numbered(text string) string {
	s.textsMu.RLock()
	out, ok := s.texts[text]
	s.textsMu.RUnlock()
	if ok {
		return out
	}
	var b strings.Builder
	n := 0
	for i := range len(text) {
		if text[i] != '?' {
			b.WriteByte(text[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	out = b.String()
	s.textsMu.Lock()
	defer s.textsMu.Unlock()
	if s.texts == nil || len(s.texts) >= maxTexts {
		s.texts = map[string]string{}
	}
	s.texts[text] = out
	return out
}

// bound turns texts into bytea.
func bound(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case string:
			out[i] = []byte(v)
		case []string:
			list := make([][]byte, len(v))
			for j, s := range v {
				list[j] = []byte(s)
			}
			out[i] = list
		case float64:
			if math.IsNaN(v) {
				out[i] = nil
				continue
			}
			out[i] = v
		default:
			out[i] = a
		}
	}
	return out
}
