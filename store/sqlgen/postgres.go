package sqlgen

import (
	"strconv"

	"github.com/osler-emr/osler/fhir/search"
)

// Postgres is the dialect of PostgreSQL. Texts are bytea there: they sort byte by byte as in
// SQLite, under any collation of the database, and hold every character. Rows are keyed.
type Postgres struct{}

// Head is how many bytes of a text stand in an index, of which an entry has a limit.
const Head = 400

func head(text string) string { return text[:min(len(text), Head)] }

// HeadOf returns the expression of a column's head, as the schema indexes it.
func HeadOf(column string) string {
	return "substring(" + column + " from 1 for " + strconv.Itoa(Head) + ")"
}

// Keyed implements Dialect.
func (Postgres) Keyed() bool { return true }

// Join implements Dialect. The connection keeps the order of joins (join_collapse_limit).
func (Postgres) Join() string { return " JOIN " }

// Unindexed implements Dialect: with patient and row id at hand there is one index to take.
func (Postgres) Unindexed(column string) string { return column }

// Equal implements Dialect.
func (Postgres) Equal(column, text string) Fragment {
	return frag("("+HeadOf(column)+" = ? AND "+column+" = ?)", head(text), text)
}

// AtLeast implements Dialect.
func (Postgres) AtLeast(column, text string) Fragment {
	return frag("("+HeadOf(column)+" >= ? AND "+column+" >= ?)", head(text), text)
}

// Below implements Dialect.
func (Postgres) Below(column, text string) Fragment {
	return frag("("+HeadOf(column)+" <= ? AND "+column+" < ?)", head(text), text)
}

// Least implements Dialect: bytea has no min.
func (Postgres) Least(expression string) string {
	return "(array_agg(" + expression + " ORDER BY " + expression + "))[1]"
}

// Greatest implements Dialect.
func (Postgres) Greatest(expression string) string {
	return "(array_agg(" + expression + " ORDER BY " + expression + " DESC))[1]"
}

// Amounts implements Dialect: columns have one type each.
func (Postgres) Amounts(n string) (low, high, label string) { return "ql" + n, "qh" + n, "l" + n }

// In implements Dialect.
func (Postgres) In(column string, values []any) Fragment {
	switch len(values) {
	case 0:
		return no
	case 1:
		return frag(column+" = ?", values[0])
	}
	if _, text := values[0].(string); text {
		return frag(column+" = ANY(?)", valuesOf[string](values))
	}
	return frag(column+" = ANY(?)", valuesOf[int64](values))
}

func valuesOf[T any](values []any) []T {
	out := make([]T, 0, len(values))
	for _, v := range values {
		if t, ok := v.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// columnsOf takes codes apart into systems and codes.
func columnsOf(codes []search.Coding) (systems, words []string) {
	for _, c := range codes {
		systems, words = append(systems, c.System), append(words, c.Code)
	}
	return systems, words
}

// Coded implements Dialect.
func (Postgres) Coded(column string, space int64, codes []search.Coding) Fragment {
	systems, words := columnsOf(codes)
	return frag(column+" IN (SELECT d.no FROM unnest(?::bytea[], ?::bytea[]) j(system, code) JOIN dict d ON d.param = ? AND "+HeadOf("d.code")+" = "+HeadOf("j.code")+" AND d.code = j.code AND d.system = j.system)", systems, words, space)
}

// Identified implements Dialect.
func (Postgres) Identified(code, system string, space int64, codes []search.Coding) Fragment {
	systems, words := columnsOf(codes)
	heads := make([]string, len(words))
	for i, w := range words {
		heads[i] = head(w)
	}
	return frag("("+HeadOf(code)+" = ANY(?) AND ("+code+", "+system+") IN (SELECT j.code, CASE WHEN j.system = ''::bytea THEN 0 ELSE (SELECT no FROM dict WHERE param = ? AND code = ''::bytea AND "+HeadOf("dict.system")+" = "+HeadOf("j.system")+" AND dict.system = j.system) END FROM unnest(?::bytea[], ?::bytea[]) j(system, code)))", heads, space, systems, words)
}

// Marked implements Dialect.
func (Postgres) Marked(column string, param int64) Fragment {
	return frag("position(?::bytea in "+column+") > 0", Mark(param))
}

// Holds implements Dialect.
func (Postgres) Holds(column, text string) Fragment {
	if text == "" {
		return yes
	}
	return frag("position(?::bytea in "+column+") > 0", text)
}

// Ends implements Dialect.
func (Postgres) Ends(column, text string) Fragment {
	if text == "" {
		return yes
	}
	return frag("substring("+column+" from greatest(length("+column+") - ? + 1, 1)) = ?", len(text), text)
}

// Distance implements Dialect: the formula of search.Distance. What is no position, and would
// be outside of the range of the functions, is far away.
func (Postgres) Distance(latitude, longitude string, lat, lon float64) Fragment {
	half := func(column string) string { return "sin(radians(" + column + " - ?::float8) / 2)" }
	return frag("CASE WHEN abs("+latitude+") <= 1000 AND abs("+longitude+") <= 1000 THEN 12742017.6 * asin(least(1, sqrt("+
		half(latitude)+" ^ 2 + cos(radians("+latitude+")) * cos(radians(?::float8)) * "+half(longitude)+" ^ 2))) ELSE 'Infinity'::float8 END", lat, lat, lon)
}

// Reads implements Dialect: bodies are sealed, the store reads them.
func (Postgres) Reads() bool { return false }

// Written implements Dialect.
func (Postgres) Written(string, search.Words) Fragment { return no }

// Begins implements Dialect.
func (Postgres) Begins(text, column string) Fragment {
	return frag("("+column+" <> ''::bytea AND substring(?::bytea from 1 for length("+column+")) = "+column+")", text)
}
