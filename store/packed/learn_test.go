package packed

import (
	"errors"
	"testing"

	"github.com/osler-emr/osler/store/sqlgen"
)

// params is a Conn that reads a list of parameters; meanwhile runs while it does.
type paramsConn struct {
	Conn
	list      []string
	meanwhile func()
}

func (c paramsConn) Query(_ string, _ []any, f func(Row) (bool, error)) error {
	for i, name := range c.list {
		if _, err := f(paramRow{no: int64(i + 1), name: name}); err != nil {
			return err
		}
	}
	if c.meanwhile != nil {
		c.meanwhile()
	}
	return nil
}

type paramRow struct {
	Row
	no   int64
	name string
}

func (r paramRow) ColumnInt64(column int) int64 {
	if column == 0 {
		return r.no
	}
	return 0
}

func (r paramRow) ColumnText(column int) string {
	if column == 1 {
		return "Patient"
	}
	return r.name
}

func has(v *Vocabulary, name string) bool {
	_, ok := NewNames(nil, v, nil).Param(ParamKey{"Patient", name})
	return ok
}

func publish(v *Vocabulary, name string, no, edition int64) {
	own := NewWords()
	own.Params[ParamKey{"Patient", name}] = sqlgen.Param{No: no}
	v.Publish(own, edition)
}

// TestAnOlderReaderTakesNoWordsAway is two commits that each bring a new parameter while a
// reader of the state between them reads the parameters: what the second has brought stays.
// When it was gone, it was given a number again, which the database refused for ever.
func TestAnOlderReaderTakesNoWordsAway(t *testing.T) {
	var v Vocabulary
	if err := v.Learn(paramsConn{list: []string{"name"}}, 1, 0); err != nil {
		t.Fatal(err)
	}
	err := v.Learn(paramsConn{list: []string{"name", "birthdate"}, meanwhile: func() {
		publish(&v, "birthdate", 2, 2)
		publish(&v, "gender", 3, 3)
	}}, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name", "birthdate", "gender"} {
		if !has(&v, name) {
			t.Errorf("the parameter %s is not known any more", name)
		}
	}
}

// TestAnotherDatabaseIsReadAnew is a failover to a server that lacks the last commit: what a
// reader of the former one has still under way is not taken for the new one's.
func TestAnotherDatabaseIsReadAnew(t *testing.T) {
	var v Vocabulary
	err := v.Learn(paramsConn{list: []string{"name", "lost"}, meanwhile: v.Forget}, 2, 0)
	if !errors.Is(err, ErrForgotten) {
		t.Errorf("what was read of the former database is used: %v", err)
	}
	edition, era := v.State()
	if edition != 0 {
		t.Errorf("edition %d is taken as known", edition)
	}
	if err := v.Learn(paramsConn{list: []string{"name"}}, 1, era); err != nil {
		t.Fatal(err)
	}
	if has(&v, "lost") || !has(&v, "name") {
		t.Error("the words are not those of the database that took over")
	}
}

// TestAForgottenVocabularyStaysInUse: who reads while it is forgotten still finds what there is.
func TestAForgottenVocabularyStaysInUse(t *testing.T) {
	var v Vocabulary
	if err := v.Learn(paramsConn{list: []string{"name"}}, 1, 0); err != nil {
		t.Fatal(err)
	}
	v.Forget()
	if !has(&v, "name") {
		t.Error("a search that runs meanwhile finds no parameter, and so nobody")
	}
	publish(&v, "gender", 2, 2)
	if edition, _ := v.State(); edition != 0 {
		t.Error("the words count as known though they were not read anew")
	}
}

// TestAnAnnouncementIsTakenBack: what a commit brings is known before it, and not any more when it
// has failed, down to the flags of what was there.
func TestAnAnnouncementIsTakenBack(t *testing.T) {
	var v Vocabulary
	if err := v.Load(paramsConn{list: []string{"name"}}); err != nil {
		t.Fatal(err)
	}
	own := NewWords()
	own.Params[ParamKey{"Patient", "name"}] = sqlgen.Param{No: 1, Flags: 1}
	own.Params[ParamKey{"Patient", "_security"}] = sqlgen.Param{No: 2}
	own.Params[ParamKey{"Flag", ""}] = sqlgen.Param{No: 3}
	own.Types[3] = "Flag"
	back := v.Announce(own)
	if p, _ := NewNames(nil, &v, nil).Param(ParamKey{"Patient", "name"}); !has(&v, "_security") || p.Flags != 1 || v.Types[3] != "Flag" {
		t.Errorf("not known before the commit: %+v", v.Words)
	}
	back()
	if p, _ := NewNames(nil, &v, nil).Param(ParamKey{"Patient", "name"}); has(&v, "_security") || p.Flags != 0 || v.Types[3] != "" {
		t.Errorf("known after a commit that failed: %+v", v.Words)
	}
}
