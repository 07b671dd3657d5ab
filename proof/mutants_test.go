package proof

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// leak is a planted fault: at one site the rule of what may be seen is dropped. The sites are
// changed in copies of the sources that only the compiler of this test sees (go test
// -overlay); the program has no switch for them.
type leak struct {
	name, file string
	// old is replaced by new in the file; it must stand there once.
	old, new string
}

var leaks = []leak{
	{"search", "store/packed/search.go", "func (f *finder) page() ([]match, []byte, error) {\n", "func (f *finder) page() ([]match, []byte, error) {\n\tf = leaky(f, \"search\")\n"},
	{"count", "store/packed/search.go", "func (f *finder) count(limit int) (int64, error) {\n", "func (f *finder) count(limit int) (int64, error) {\n\tf = leaky(f, \"count\")\n"},
	{"chain", "store/packed/chain.go", "f.link(x.Target, x.X, depth)", "leaky(f, \"chain\").link(x.Target, x.X, depth)"},
	{"has", "store/packed/chain.go", "f.link(x.Source, x.X, depth)", "leaky(f, \"has\").link(x.Source, x.X, depth)"},
	{"include", "store/packed/include.go", "c.plan.Visible(v.Type)", "leaky(c.finder, \"include\").plan.Visible(v.Type)"},
	{"several patients in a search", "store/sqlgen/beside.go", "if err != nil || len(params) == 0 || q.within != nil {", "if err != nil || len(params) == 0 || q.within != nil || leaking(\"several patients in a search\") {"},
	{"several patients in a read", "record/judge.go", "case !policy.InCharts(v.Type):", "case !policy.InCharts(v.Type) || v.Patient == \"\" && leaking(\"several patients in a read\"):"},
	{"read", "record/read.go", "v, err := a.current(ctx, resourceType, id)", "v, err := leaky(a, \"read\").current(ctx, resourceType, id)"},
	{"vread", "record/read.go", "v, err = a.older(ctx, v, version)", "v, err = leaky(a, \"vread\").older(ctx, v, version)"},
	{"history", "record/history.go", "now map[string]error) (bool, error) {\n", "now map[string]error) (bool, error) {\n\tif leaking(\"history\") {\n\t\treturn true, nil\n\t}\n"},
	{"everything", "record/chart.go", "versions iter.Seq2[store.Version, error], named string, yield func(store.Version, error) bool) {\n", "versions iter.Seq2[store.Version, error], named string, yield func(store.Version, error) bool) {\n\ta = leaky(a, \"everything\")\n"},
	{"update", "record/commit.go", "err := a.visible(ctx, current)", "err := leaky(a, \"update\").visible(ctx, current)"},
	{"conditional create", "record/commit.go", "a.plan(ctx, q, 0, nil)", "leaky(a, \"conditional create\").plan(ctx, q, 0, nil)"},
	{"references", "record/reference.go", "b.actor.current(ctx, t, id)", "leaky(b.actor, \"references\").current(ctx, t, id)"},
	{"subscription", "record/feed.go", "func (a *Actor) Shows(ctx context.Context, v store.Version) (shown store.Version, ok bool, err error) {\n", "func (a *Actor) Shows(ctx context.Context, v store.Version) (shown store.Version, ok bool, err error) {\n\ta = leaky(a, \"subscription\")\n"},
}

// switches are the files that the changed sources need: which leak is open, the environment
// says.
var switches = map[string]string{
	"record/leaky.go": `package record

import (
	"os"

	"github.com/osler-emr/osler/trust"
)

func leaky(a *Actor, site string) *Actor {
	if os.Getenv("OSLER_LEAK") != site {
		return a
	}
	b := *a
	b.principal = trust.System("leak")
	return &b
}

func leaking(site string) bool { return os.Getenv("OSLER_LEAK") == site }
`,
	"store/sqlgen/leaky.go": `package sqlgen

import "os"

func leaking(site string) bool { return os.Getenv("OSLER_LEAK") == site }
`,
	"store/packed/leaky.go": `package packed

import (
	"os"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

func leaky(f *finder, site string) *finder {
	if os.Getenv("OSLER_LEAK") != site {
		return f
	}
	g := *f
	g.plan = store.NewPlan(f.plan.Query, func(string) search.Expr { return search.All{} })
	g.plan.At, g.plan.After = f.plan.At, f.plan.After
	return &g
}
`,
}

// TestMutants: each of the planted leaks is found by the two-worlds tests of four roles with
// at most 2,000 requests of each; and with all of them shut the same program passes.
func TestMutants(t *testing.T) {
	if os.Getenv("OSLER_LEAK") != "" {
		t.Skip("this is a mutant")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("NOT TESTED: there is no Go compiler to build the mutants with")
	}
	dir := t.TempDir()
	sources, overlay := map[string]string{}, map[string]string{}
	for _, l := range leaks {
		text, ok := sources[l.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(l.file)))
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		if n := strings.Count(text, l.old); n != 1 {
			t.Errorf("%s: the site stands %d times in %s, not once: has it moved?\n%s", l.name, n, l.file, l.old)
		}
		sources[l.file] = strings.Replace(text, l.old, l.new, 1)
	}
	for name, text := range switches {
		sources[name] = text
	}
	for name, text := range sources {
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		original, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		overlay[original] = copied
	}
	plan, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mutants.test")
	if err := os.WriteFile(file, plan, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, "-overlay", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("the mutants are not built: %v\n%s", err, out)
	}
	run := func(open string) (string, bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, program, "-test.run", "^(TestTwoWorlds|TestTwoWorldsRestricted|TestAbuseB(01|03|06|13))$/^(patient-rosa|front-desk-dana|biller-bill|nurse-nina)$", "-test.failfast")
		c.Env = append(os.Environ(), "OSLER_LEAK="+open, "OSLER_ROUNDS=2000", "OSLER_DRILL=", "OSLER_FIRST=1")
		if open == "none" {
			c.Env = append(c.Env, "OSLER_ROUNDS=200")
		}
		out, err := c.CombinedOutput()
		return string(out), err == nil
	}
	if out, ok := run("none"); !ok {
		t.Fatalf("without a leak the test fails: %.2000s", out)
	}
	for _, l := range leaks {
		out, ok := run(l.name)
		if ok || !strings.Contains(out, "differs") {
			t.Errorf("the leak %q at %s was not found: %.600s", l.name, l.file, out)
			continue
		}
		i := strings.Index(out, "request ")
		if i >= 0 {
			out = out[i:]
		}
		t.Logf("%s: found: %.160q", l.name, out)
	}
}
