package terminology

import (
	"fmt"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

func TestClosure(t *testing.T) {
	find := shelf(t, animals)
	var table Closure
	add := func(want string, codes ...string) {
		t.Helper()
		var list []Coding
		for _, c := range codes {
			list = append(list, Coding{System: "urn:animals", Code: c})
		}
		pairs, err := table.Add(list, find)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(pairs); got != want {
			t.Errorf("adding %v: %s, want %s", codes, got, want)
		}
	}
	add("[]", "dog")
	add("[{urn:animals dog mammal}]", "mammal")
	add("[]", "dog") // nothing new: the same version
	if table.Version != 2 {
		t.Errorf("version %d", table.Version)
	}
	add("[{urn:animals dog pet} {urn:animals parrot pet}]", "pet", "parrot")
	if pairs, err := table.Since(1, find); err != nil || len(pairs) != 3 {
		t.Errorf("since version 1: %v %v", pairs, err)
	}
	if pairs, err := table.Since(3, find); err != nil || len(pairs) != 0 {
		t.Errorf("since the last version: %v %v", pairs, err)
	}
	for _, c := range []struct {
		code Coding
		want fault.Code
	}{
		{Coding{System: "urn:animals", Code: "unicorn"}, fault.Invalid},
		{Coding{System: "http://snomed.info/sct", Code: "1"}, fault.NotSupported},
		{Coding{Code: "dog"}, fault.Malformed},
	} {
		if _, err := table.Add([]Coding{c.code}, find); !fault.Is(err, c.want) || table.Version != 3 || len(table.Codes) != 4 {
			t.Errorf("%v: %v, the table is at %d with %d codes", c.code, err, table.Version, len(table.Codes))
		}
	}
}
