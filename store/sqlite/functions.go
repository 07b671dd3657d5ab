package sqlite

import (
	"github.com/ncruces/go-sqlite3"
	"github.com/osler-emr/osler/store/packed"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// maxReads is how many resources a search for words may read; a tenth of a millisecond
// each.
const maxReads = 20_000

// functions adds to a connection what statements of sqlgen call.
func (c *conn) functions(s *Store) error {
	const flags = sqlite3.DETERMINISTIC | sqlite3.INNOCUOUS
	err := c.db.CreateFunction(sqlgen.FunctionDistance, 4, flags, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
		ctx.ResultFloat(search.Distance(arg[2].Float(), arg[3].Float(), arg[0].Float(), arg[1].Float()))
	})
	if err != nil {
		return err
	}
	return c.db.CreateFunction(sqlgen.FunctionWritten, 8, flags, func(ctx sqlite3.Context, arg ...sqlite3.Value) {
		words, err := packed.NewNames(c, &s.words, nil).Since(c.epoch).Written(s.pack, arg[0].Int64(), arg[1].Int64(), arg[2].Int64(), arg[3].Text(), arg[4].Int(), arg[5].RawBlob(), arg[6].Bool())
		if err == nil {
			err = c.ReadOne()
		}
		if err != nil {
			c.failed = err
			ctx.ResultError(sqlite3.ABORT)
			return
		}
		ctx.ResultBool(search.Words{Phrase: arg[7].Text()}.In(words))
	})
}

// ReadOne counts a resource that is read for its words.
func (c *conn) ReadOne() error {
	if c.reads++; c.reads > maxReads {
		return fault.New(fault.TooCostly, "_text and _content would read more than %d resources. Add a condition, such as a patient, a code or a date.", maxReads)
	}
	return nil
}
