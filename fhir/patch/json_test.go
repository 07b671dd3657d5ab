package patch

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

func parse(t testing.TB, s string) *fhir.Node {
	t.Helper()
	n, err := fhir.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	return n
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ name, before, patch, after string }{
		{"add a member", `{"a":1}`, `[{"op":"add","path":"/b","value":2}]`, `{"a":1,"b":2}`},
		{"add replaces a member", `{"a":1}`, `[{"op":"add","path":"/a","value":2}]`, `{"a":2}`},
		{"add in an array", `{"a":[1,3]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2,3]}`},
		{"add first", `{"a":[2]}`, `[{"op":"add","path":"/a/0","value":1}]`, `{"a":[1,2]}`},
		{"add at the end by index", `{"a":[1]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2]}`},
		{"add at the end", `{"a":[1]}`, `[{"op":"add","path":"/a/-","value":[2]}]`, `{"a":[1,[2]]}`},
		{"add in a nested array", `{"a":[[1]]}`, `[{"op":"add","path":"/a/0/-","value":2}]`, `{"a":[[1,2]]}`},
		{"remove a member", `{"a":1,"b":2}`, `[{"op":"remove","path":"/a"}]`, `{"b":2}`},
		{"remove an item", `{"a":[1,2,3]}`, `[{"op":"remove","path":"/a/1"}]`, `{"a":[1,3]}`},
		{"replace a member in its place", `{"a":1,"b":2}`, `[{"op":"replace","path":"/a","value":3}]`, `{"a":3,"b":2}`},
		{"replace an item", `{"a":[1,2]}`, `[{"op":"replace","path":"/a/1","value":3}]`, `{"a":[1,3]}`},
		{"replace all", `{"a":1}`, `[{"op":"replace","path":"","value":{"b":1}}]`, `{"b":1}`},
		{"move a member", `{"a":{"x":1},"b":{}}`, `[{"op":"move","from":"/a/x","path":"/b/y"}]`, `{"a":{},"b":{"y":1}}`},
		{"move an item", `{"a":[1,2,3]}`, `[{"op":"move","from":"/a/0","path":"/a/2"}]`, `{"a":[2,3,1]}`},
		{"copy", `{"a":{"x":[1]}}`, `[{"op":"copy","from":"/a/x","path":"/b"},{"op":"add","path":"/b/-","value":2}]`, `{"a":{"x":[1]},"b":[1,2]}`},
		{"test", `{"a":{"x":1.50,"y":"z"}}`, `[{"op":"test","path":"/a","value":{"y":"z","x":1.5}},{"op":"add","path":"/b","value":true}]`, `{"a":{"x":1.50,"y":"z"},"b":true}`},
		{"escapes", `{"a/b":1,"m~n":2}`, `[{"op":"remove","path":"/a~1b"},{"op":"replace","path":"/m~0n","value":3}]`, `{"m~n":3}`},
		{"decimals stay as written", `{"a":1.50}`, `[{"op":"add","path":"/b","value":2.00}]`, `{"a":1.50,"b":2.00}`},
		{"nothing to do", `{"a":1}`, `[]`, `{"a":1}`},
	} {
		before := parse(t, c.before)
		got, err := JSON(before, parse(t, c.patch))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(got.JSON()) != c.after {
			t.Errorf("%s: %s, want %s", c.name, got.JSON(), c.after)
		}
		if string(before.JSON()) != c.before {
			t.Errorf("%s: the resource itself was changed: %s", c.name, before.JSON())
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	for _, patch := range []string{
		`{}`, `[1]`, `[{}]`, `[{"op":"add"}]`, `[{"op":"spam","path":"/a"}]`,
		`[{"op":"add","path":"a","value":1}]`, `[{"op":"add","path":"/a~2","value":1}]`, `[{"op":"add","path":"/a"}]`,
		`[{"op":"add","path":"/no/where","value":1}]`, `[{"op":"add","path":"/list/4","value":1}]`, `[{"op":"add","path":"/list/01","value":1}]`,
		`[{"op":"add","path":"/list/-1","value":1}]`, `[{"op":"add","path":"/list/1e0","value":1}]`, `[{"op":"add","path":"/a/b","value":1}]`,
		`[{"op":"remove","path":"/none"}]`, `[{"op":"remove","path":"/list/-"}]`, `[{"op":"remove","path":""}]`, `[{"op":"replace","path":"/none","value":1}]`,
		`[{"op":"move","path":"/x"}]`, `[{"op":"move","from":"/o","path":"/o/p"}]`, `[{"op":"copy","from":"/none","path":"/x"}]`,
		`[{"op":"test","path":"/a","value":"1"}]`, `[{"op":"test","path":"/a","value":1e999999999}]`, `[{"op":"test","path":"/list","value":[1]}]`,
		`[{"op":"add","path":"/` + strings.Repeat("a/", 200) + `","value":1}]`,
		`[` + strings.Repeat(`{"op":"copy","from":"","path":"/x"},`, 999) + `{"op":"copy","from":"","path":"/x"}]`,
	} {
		got, err := JSON(parse(t, `{"a":1,"list":[1,2,3],"o":{}}`), parse(t, patch))
		if got != nil || !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Malformed) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%.80s: %v, %v", patch, got != nil, err)
		}
	}
	_, err := JSON(parse(t, `{"a":1}`), parse(t, `[{"op":"add","path":"/b","value":1},{"op":"test","path":"/a","value":2}]`))
	if err == nil || !strings.Contains(err.Error(), "Operation 2") {
		t.Errorf("the failing operation is not named: %v", err)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"op":"add","path":"/name/0/given/-","value":"x"},{"op":"move","from":"/name","path":"/other"},{"op":"test","path":"/a","value":1.0}]`))
	f.Add([]byte(`[{"op":"copy","from":"","path":"/name/0/x"},{"op":"remove","path":"/name/0/given/0"}]`))
	f.Fuzz(func(t *testing.T, patch []byte) {
		operations, err := fhir.Parse(patch)
		if err != nil {
			return
		}
		const before = `{"resourceType":"Patient","a":1.50,"name":[{"given":["Ana","Lia"]}]}`
		n := parse(t, before)
		after, err := JSON(n, operations)
		if string(n.JSON()) != before {
			t.Fatalf("the resource itself was changed: %s", n.JSON())
		}
		if (after == nil) == (err == nil) {
			t.Fatalf("%v, %v", after, err)
		}
	})
}

func parseQuiet(s string) (*fhir.Node, error) { return fhir.Parse([]byte(s)) }
