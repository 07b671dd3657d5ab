package proof

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// The marks of a case without a test: its door does not exist, or its feature is being built.
const (
	waiting = "waiting for its door"
	open_   = "open: "
)

// doors are the cases that may wait: HL7 v2, X12 and DICOM come later.
var doors = []string{"C14", "C15", "C16", "C21", "D21", "D22", "D23"}

// cases are the ids of section 4 of the reference: A1-A20, B1-B18, C1-C26, D1-D28.
func cases() (all []string) {
	for _, class := range []struct {
		letter string
		n      int
	}{{"A", 20}, {"B", 18}, {"C", 26}, {"D", 28}} {
		for i := range class.n {
			all = append(all, fmt.Sprintf("%s%02d", class.letter, i+1))
		}
	}
	return all
}

// tests returns the names of all test functions of the tree as "folder.TestName", and the
// folders' fuzz and benchmark functions with them.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			found[filepath.ToSlash(folder)+"."+fn.Name.Name] = len(fn.Body.List) > 0
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// row is a line of a map: what is proved and by which tests.
type row struct {
	id, what, by string
}

// rows reads the tables of a map: lines "| id | what | by |".
func rows(t *testing.T, file, id string) (list []row) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\| (` + id + `) \| (.*) \| (.*) \|$`)
	for line := range strings.Lines(string(text)) {
		if m := form.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			list = append(list, row{m[1], m[2], m[3]})
		}
	}
	return list
}

var carries = regexp.MustCompile(`\.TestAbuse[A-D][0-9]{2}`)

var named = regexp.MustCompile("`([a-z0-9/]+|\\.)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// TestEveryAbuseCaseHasATest holds docs/security/abuse-cases.md to the tests: every one of
// the 92 cases has a row; what the row names exists; a case that is not waiting for its door
// has a test with its name; and a test with the name of a case stands in the row of the case.
func TestEveryAbuseCaseHasATest(t *testing.T) {
	exist := tests(t)
	list := rows(t, "docs/security/abuse-cases.md", "[A-D][0-9]{2}")
	seen, claimed := map[string]bool{}, map[string]string{}
	tested, waits, unfinished := 0, 0, 0
	for _, r := range list {
		if seen[r.id] {
			t.Errorf("%s stands twice in the map", r.id)
		}
		seen[r.id] = true
		own := false
		for _, m := range named.FindAllStringSubmatch(r.by, -1) {
			name := m[1] + "." + m[2]
			if full, ok := exist[name]; !ok {
				t.Errorf("%s: there is no test %s", r.id, name)
			} else if !full {
				t.Errorf("%s: the test %s is empty", r.id, name)
			}
			if strings.HasPrefix(m[2], "TestAbuse"+r.id) {
				own = true
				claimed[name] = r.id
			}
		}
		switch {
		case own:
			tested++
			if strings.Contains(r.by, waiting) || strings.Contains(r.by, open_) {
				t.Errorf("%s has a test and is still marked as missing", r.id)
			}
		case strings.HasPrefix(r.by, waiting):
			waits++
			if !slices.Contains(doors, r.id) {
				t.Errorf("%s may not wait for a door", r.id)
			}
		case strings.HasPrefix(r.by, open_):
			unfinished++
			t.Logf("%s is open: %s", r.id, r.what)
		default:
			t.Errorf("%s has no test named TestAbuse%s", r.id, r.id)
		}
	}
	for _, id := range cases() {
		if !seen[id] {
			t.Errorf("%s has no row in the map", id)
		}
	}
	if len(seen) != 92 {
		t.Errorf("the map has %d cases, not 92", len(seen))
	}
	for name := range exist {
		if carries.MatchString(name) && claimed[name] == "" {
			t.Errorf("%s is named after a case and does not stand in its row", name)
		}
	}
	t.Logf("%d cases have tests, %d wait for their door, %d are open", tested, waits, unfinished)
}
