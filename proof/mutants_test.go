package proof

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	// by is the test that must find it, by a request or an answer of which shown tells that it is
	// this leak.
	by, shown string
}

var leaks = []leak{
	{"search", "store/packed/search.go", "func (f *finder) page() ([]match, []byte, error) {\n", "func (f *finder) page() ([]match, []byte, error) {\n\tf = leaky(f, \"search\")\n", two + "patient-rosa", `GET /fhir/\w*\?|POST /fhir/\w+/_search`},
	{"count", "store/packed/search.go", "func (f *finder) count(limit int) (int64, error) {\n", "func (f *finder) count(limit int) (int64, error) {\n\tf = leaky(f, \"count\")\n", two + "patient-rosa", `_total|_summary|_count=0|not read yet`},
	{"chain", "store/packed/chain.go", "f.link(x.Target, x.X, depth)", "leaky(f, \"chain\").link(x.Target, x.X, depth)", two + "patient-rosa", `[?&_:][\w-]+(:|%3A)?\w*\.[\w-]+`},
	{"has", "store/packed/chain.go", "f.link(x.Source, x.X, depth)", "leaky(f, \"has\").link(x.Source, x.X, depth)", "^TestAbuseB01$", `_has`},
	{"include", "store/packed/include.go", "c.plan.Visible(v.Type)", "leaky(c.finder, \"include\").plan.Visible(v.Type)", two + "patient-rosa", `include`},
	{"several patients in a search", "store/sqlgen/beside.go", "if err != nil || len(params) == 0 || q.within != nil {", "if err != nil || len(params) == 0 || q.within != nil || leaking(\"several patients in a search\") {", "^TestTwoWorldsRestricted$", `Group|Appointment`},
	{"several patients in a read", "record/judge.go", "case !policy.InCharts(v.Type):", "case !policy.InCharts(v.Type) || v.Patient == \"\" && leaking(\"several patients in a read\"):", "^TestTwoWorldsRestricted$", `Group|Appointment`},
	{"read", "record/read.go", "v, err := a.current(ctx, resourceType, id)", "v, err := leaky(a, \"read\").current(ctx, resourceType, id)", two + "patient-rosa", `/fhir/\w+/[\w-]+|"url":"\w+/[\w-]+"`},
	{"vread", "record/read.go", "v, err = a.older(ctx, v, version)", "v, err = leaky(a, \"vread\").older(ctx, v, version)", two + "patient-rosa", `_history/\d`},
	{"history", "record/history.go", "now map[string]error) (bool, error) {\n", "now map[string]error) (bool, error) {\n\tif leaking(\"history\") {\n\t\treturn true, nil\n\t}\n", two + "biller-bill", `_history`},
	{"everything", "record/chart.go", "versions iter.Seq2[store.Version, error], named string, yield func(store.Version, error) bool) {\n", "versions iter.Seq2[store.Version, error], named string, yield func(store.Version, error) bool) {\n\ta = leaky(a, \"everything\")\n", two + "biller-bill", `everything|\$meta|GET /p/|/fhir/Patient/`},
	{"update", "record/commit.go", "err := a.visible(ctx, current)", "err := leaky(a, \"update\").visible(ctx, current)", two + "patient-rosa", `(PUT|PATCH|DELETE|POST) /fhir`},
	{"conditional create", "record/commit.go", "a.plan(ctx, q, 0, nil)", "leaky(a, \"conditional create\").plan(ctx, q, 0, nil)", "^TestAbuseB06$", `If-None-Exist|ifNoneExist`},
	{"references", "record/reference.go", "b.actor.current(ctx, t, id)", "leaky(b.actor, \"references\").current(ctx, t, id)", two + "patient-rosa", `MedicationStatement`},
	{"subscription", "record/feed.go", "func (a *Actor) Shows(ctx context.Context, v store.Version) (shown store.Version, ok bool, err error) {\n", "func (a *Actor) Shows(ctx context.Context, v store.Version) (shown store.Version, ok bool, err error) {\n\ta = leaky(a, \"subscription\")\n", "^TestAbuseB13$", `PUT /Communication/m`},
	{"objection", "trust/policy/chart.go", "r.agreed(\"deny/all\")})", "r.agreed(map[bool]string{true: \"no such rule\", false: \"deny/all\"}[leaking(\"objection\")])})", two + "physician-amara", `otto`},
	{"label", "trust/policy/label.go", "return slices.Contains(l.Cleared, p.Role) ||", "return leaking(\"label\") || slices.Contains(l.Cleared, p.Role) ||", two + "physician-amara", `therapy|vic`},
	{"limited proxy", "trust/policy/label.go", "return p.Proxy == nil || p.Proxy.Level ==", "return p.Proxy == nil || leaking(\"limited proxy\") || p.Proxy.Level ==", two + "proxy-leo", `/Observation|k-(confidential|therapy|obs1)|kim/\$everything`},
	{"messages of a limited proxy", "trust/policy/rules.go", "if p.Proxy != nil && p.Proxy.Level != \"full\" { // requests", "if p.Proxy != nil && p.Proxy.Level != \"full\" && !leaking(\"messages of a limited proxy\") { // requests", two + "proxy-leo", `"private"|k-(ask|com-)|Communication|Patient/kim/`},
	{"proxy after the end", "identity/proxy.go", "if !g.Ended.IsZero() || a.rewound(g.Made) || !g.Until.IsZero() && !now.Before(g.Until) {", "if !leaking(\"proxy after the end\") && (!g.Ended.IsZero() || !g.Until.IsZero() && !now.Before(g.Until)) {", "^TestTwoWorldsAfterTheEnd$", `k-|/kim`},
	{"who looked", "record/audit.go", "	if len(l.Patients) > 1 {\n", "	if len(l.Patients) > 1 && !leaking(\"who looked\") {\n", two + "patient-rosa", `AuditEvent|/portal/access|/portal/download|/portal/record`},
}

// two are the two worlds of somebody.
const two = "^TestTwoWorlds$/"

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
	"store/sqlgen/leaky.go": "package sqlgen" + leaking,
	"trust/policy/leaky.go": "package policy" + leaking,
	"identity/leaky.go":     "package identity" + leaking,
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

const leaking = `

import "os"

func leaking(site string) bool { return os.Getenv("OSLER_LEAK") == site }
`

// TestMutants: each of the planted leaks is found by the test that is there for it, with at most
// 4,000 requests, and by a request that goes through the leak; and with all of them shut the same
// program passes.
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
	run := func(open, test string) (string, bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		c := exec.CommandContext(ctx, program, "-test.run", test, "-test.failfast")
		c.Env = append(os.Environ(), "OSLER_LEAK="+open, "OSLER_ROUNDS=4000", "OSLER_DRILL=", "OSLER_FIRST=1")
		if open == "none" {
			c.Env = append(c.Env, "OSLER_ROUNDS=200")
		}
		out, err := c.CombinedOutput()
		return string(out), err == nil
	}
	if out, ok := run("none", "^(TestTwoWorlds|TestTwoWorldsRestricted|TestTwoWorldsAfterTheEnd|TestAbuseB13)$"); !ok {
		t.Fatalf("without a leak the test fails: %.2000s", out)
	}
	for _, l := range leaks {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			out, ok := run(l.name, l.by)
			i := strings.Index(out, "differs")
			if ok || i < 0 {
				t.Fatalf("the leak at %s was not found by %s: %.600s", l.file, l.by, out)
			}
			if out = out[i:]; !regexp.MustCompile(l.shown).MatchString(out) {
				t.Errorf("the leak at %s was found by something else than %s: %.900s", l.file, l.shown, out)
			}
			t.Logf("found: %.160q", out)
		})
	}
}
