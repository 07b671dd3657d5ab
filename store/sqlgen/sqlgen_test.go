package sqlgen_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store/sqlgen"
)

// words is a vocabulary that knows every word.
type words struct{}

func (words) Type(string) (int64, error) { return 1, nil }
func (words) Params(string, string) ([]sqlgen.Param, error) {
	return []sqlgen.Param{{No: 2, Flags: sqlgen.InTok | sqlgen.InIdent}}, nil
}
func (words) Code(int64, string, string) (int64, error) { return 3, nil }
func (words) Codes(int64, string) ([]int64, error)      { return []int64{3, 4}, nil }
func (words) CodesOf(int64, string) (map[string]int64, error) {
	return map[string]int64{"mg": 7, "g": 8, "m": 9}, nil
}
func (words) Entity(string, string) (int64, error)      { return 5, nil }
func (words) Entities(string) ([]int64, error)          { return []int64{5}, nil }
func (words) Patient(string) (int64, error)             { return 6, nil }
func (words) Located(string, []string) ([]int64, error) { return []int64{7 << 20}, nil }

// TestInputIsBoundNeverWritten puts a hostile text into every field of every node: no piece
// of it may become text of the statement, and placeholders and values must agree.
func TestInputIsBoundNeverWritten(t *testing.T) {
	const evil = `x' OR 1=1; DROP TABLE resource; --`
	token := search.Token{Param: evil, System: evil, HasSystem: true, Code: evil}
	for _, x := range []search.Expr{
		search.ID{evil, "b"}, search.InPatient{evil}, search.InPatient{evil, "b"}, search.Missing{Param: evil},
		token, search.Token{Param: evil, Code: evil}, search.Token{Param: evil, Text: true, Code: evil},
		search.Token{Param: evil, AnyCode: true, HasSystem: true, System: evil}, search.Token{Param: evil, OfType: true, System: evil, HasSystem: true, Code: evil, Value: evil},
		search.Reference{Param: evil, Type: "Patient", ID: evil}, search.Reference{Param: evil, URL: evil}, search.Reference{Param: evil, Identifier: &token},
		search.Coded{Param: evil, Codes: []search.Coding{{System: evil, Code: evil}, {Code: evil}}}, search.Reference{Param: evil, URL: evil, Prefix: true},
		search.Text{Param: evil, Value: evil}, search.Text{Param: evil, Mode: search.Contains, Value: evil}, search.Text{Param: evil, Mode: search.Exact, Value: evil},
		search.Date{Param: evil, Prefix: search.Prefix(evil)}, search.Quantity{Param: evil, HasUnit: true, Unit: evil}, search.Quantity{Param: evil, HasUnit: true, System: "http://unitsofmeasure.org", Code: "mg", Value: 5},
		search.Quantity{Param: evil, HasUnit: true, System: evil, Code: evil},
		search.URI{Param: evil, Value: evil}, search.URI{Param: evil, Mode: search.URIBelow, Value: evil}, search.URI{Param: evil, Mode: search.URIAbove, Value: evil},
		search.Text{Param: evil, Mode: search.EndsWith, Value: evil}, search.Text{Param: evil, Mode: search.LessEqual, Value: evil},
		search.Near{Param: evil, Latitude: 1, Longitude: 2, Metres: 3}, search.Words{Phrase: evil}, search.Token{Param: evil, Code: evil, System: evil, HasSystem: true, Other: true},
		search.Composite{Param: evil, Parts: []search.Expr{search.Token{Param: "0", Code: evil}, search.Text{Param: "1", Value: evil}}},
	} {
		for _, where := range []search.Expr{x, search.And{x, x}, search.Or{x, token}, search.Not{X: x}} {
			for _, r := range []sqlgen.Request{
				{Type: evil, Where: where, Limit: 3},
				{Type: evil, Where: where, At: 7, Sort: []search.SortKey{{Param: evil}, {Param: "_id", Descending: true}}, After: &sqlgen.Row{Values: []any{evil, nil}, ID: 1}},
			} {
				for _, dialect := range []sqlgen.Dialect{sqlgen.SQLite{}, sqlgen.Postgres{}} {
					f, err := sqlgen.New(dialect, words{}).Select(r)
					if err != nil {
						t.Fatalf("%#v: %v", where, err)
					}
					if strings.Contains(f.SQL, "DROP") || strings.Contains(f.SQL, "x'") {
						t.Errorf("%#v became %s", where, f.SQL)
					}
					if n := strings.Count(f.SQL, "?"); n != len(f.Args) {
						t.Errorf("%#v: %d placeholders, %d values in %s", where, n, len(f.Args), f.SQL)
					}
				}
			}
		}
	}
}

func TestWhatIsNotSupportedIsRefused(t *testing.T) {
	for _, x := range []search.Expr{
		search.Chain{Param: "subject", Target: "Patient", X: search.All{}}, // a store resolves chains first
		search.Has{Source: "Observation", Param: "subject", X: search.All{}},
		search.Composite{Param: "c", Parts: []search.Expr{search.Token{Param: "7", Code: "x"}}},
		search.Composite{Param: "c", Parts: []search.Expr{search.Not{X: search.All{}}}},
	} {
		if _, err := sqlgen.New(sqlgen.SQLite{}, words{}).Select(sqlgen.Request{Type: "T", Where: x}); err == nil {
			t.Errorf("%#v was compiled", x)
		}
	}
}

func TestMarksAreNotFoundAcrossOthers(t *testing.T) {
	seen := map[string]int64{}
	for p := int64(0); p <= sqlgen.MaxParam; p += 97 {
		m := sqlgen.Mark(p)
		if was, twice := seen[string(m)]; twice {
			t.Fatalf("%d and %d share a mark", was, p)
		}
		seen[string(m)] = p
		if m[0] != 0xff || m[1] == 0xff || m[2] == 0xff {
			t.Fatalf("mark of %d: %x", p, m)
		}
	}
}

func ExampleCompiler_Select() {
	f, _ := sqlgen.New(sqlgen.SQLite{}, words{}).Select(sqlgen.Request{
		Type: "Observation", Where: search.And{search.InPatient{"p"}, search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: "4548-4"}},
	})
	fmt.Println(len(f.Args) == strings.Count(f.SQL, "?"))
	// Output: true
}

// counted is a vocabulary with a memory that counts how often it is asked for a code.
type counted struct {
	words
	asked  *int
	usable bool
	kept   map[sqlgen.RuleKey]any
}

func (c counted) Code(int64, string, string) (int64, error) { *c.asked++; return 3, nil }
func (c counted) Recall(k sqlgen.RuleKey) (any, bool)       { return c.kept[k], c.usable }
func (c counted) Keep(k sqlgen.RuleKey, v any)              { c.kept[k] = v }

// TestARuleIsCompiledOnce: what a rule of visibility comes to is remembered for as long as the
// vocabulary says, and the statement is the same with and without. A rule that names a resource
// is not remembered, as the resource may be stored later.
func TestARuleIsCompiledOnce(t *testing.T) {
	code := search.Token{Param: "code", System: "s", HasSystem: true, Code: "c"}
	label := search.Not{X: search.Coded{Param: "_security", Codes: []search.Coding{{System: "a", Code: "b"}, {System: "a", Code: "c"}}}}
	rule := search.And{label, search.Or{search.Shared{}, label}}
	for name, c := range map[string]struct {
		rule   search.Expr
		usable bool
		again  bool // whether the rule is compiled again
	}{
		"remembered":           {rule, true, false},
		"nothing can be kept":  {rule, false, false}, // codes are looked up by the statement
		"a resource is named":  {append(search.And{search.Reference{Param: "subject", Type: "Group", ID: "g"}}, rule...), true, true},
		"not a list":           {label, true, false},
		"in another order":     {search.And{rule[1], rule[0]}, true, false},
		"one chart, each time": {append(search.And{search.InPatient{"p"}}, rule...), true, false},
	} {
		asked := 0
		names := counted{asked: &asked, usable: c.usable, kept: map[sqlgen.RuleKey]any{}}
		r := sqlgen.Request{Type: "Observation", Where: code, Visible: c.rule, Limit: 5}
		var texts []string
		var times []int
		for range 3 {
			asked = 0
			f, err := sqlgen.New(sqlgen.SQLite{}, names).Select(r)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Count(f.SQL, "?") != len(f.Args) {
				t.Errorf("%s: %d values for %s", name, len(f.Args), f.SQL)
			}
			texts, times = append(texts, f.SQL), append(times, asked)
		}
		if texts[0] != texts[1] || texts[1] != texts[2] {
			t.Errorf("%s: the statement changes: %q", name, texts)
		}
		if name == "remembered" && times[0] <= times[1] {
			t.Errorf("the codes of the rule were never looked up: %v", times)
		}
		own := times[2] // the code of the search is looked up twice: as a driver and as a condition
		if again := own > 2; again != c.again {
			t.Errorf("%s: %v codes were looked up", name, times)
		}
	}
}
