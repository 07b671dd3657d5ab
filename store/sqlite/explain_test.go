package sqlite

import (
	"github.com/osler-emr/osler/store/packed"
	"testing"

	"github.com/osler-emr/osler/store/sqlgen"
)

// Explain returns the database's plan of a compiled search, for tests.
func (s *Store) Explain(t testing.TB, r sqlgen.Request) (text string, steps []string) {
	t.Helper()
	err := s.read(t.Context(), func(c packed.Conn) error {
		n := packed.NewNames(c, &s.words, nil)
		stmt, err := sqlgen.New(sqlgen.SQLite{}, n).Select(r)
		if err != nil {
			return err
		}
		text = stmt.SQL
		return n.Query("EXPLAIN QUERY PLAN "+stmt.SQL, stmt.Args, func(st packed.Row) (bool, error) {
			steps = append(steps, st.ColumnText(3))
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return text, steps
}
