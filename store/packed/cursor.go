package packed

import (
	"encoding/binary"
	"math"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlgen"
)

// cursor is the place behind a page: the snapshot and the last row. Its token is sealed,
// since the values that it holds may be a patient's name and the token goes into a URL.
type cursor struct {
	at  store.T
	row sqlgen.Row
}

var cursorContext = []byte("osler/cursor/1")

func (s *Reader) sealCursor(c cursor) ([]byte, error) {
	b := binary.AppendVarint(nil, int64(c.at))
	b = binary.AppendVarint(b, c.row.ID)
	for _, v := range c.row.Values {
		switch v := v.(type) {
		case nil:
			b = append(b, 0)
		case int64:
			b = binary.AppendVarint(append(b, 1), v)
		case float64:
			b = binary.LittleEndian.AppendUint64(append(b, 2), math.Float64bits(v))
		case string:
			b = appendText(append(b, 3), v)
		}
	}
	return seal.Seal(s.cursor, b, cursorContext)
}

func (s *Reader) openCursor(token []byte, values int) (cursor, error) {
	wrong := fault.New(fault.Invalid, "This is not a page of this search. Start the search again.")
	plain, err := seal.Open(s.cursor, token, cursorContext)
	if err != nil {
		return cursor{}, wrong
	}
	r := &entryReader{b: plain}
	c := cursor{at: store.T(r.varint())}
	c.row.ID = r.varint()
	for !r.bad && len(r.b) > 0 {
		switch r.take(1)[0] {
		case 0:
			c.row.Values = append(c.row.Values, nil)
		case 1:
			c.row.Values = append(c.row.Values, r.varint())
		case 2:
			c.row.Values = append(c.row.Values, r.float())
		case 3:
			c.row.Values = append(c.row.Values, r.text())
		}
	}
	if r.bad || len(c.row.Values) != values {
		return cursor{}, wrong
	}
	return c, nil
}
