// Package osler holds the checks on the project as a whole.
package osler

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/osler-emr/osler/"

type room struct {
	layer  string
	order  int // of the layer
	row    int
	denied []string
}

func plan(t *testing.T) map[string]room {
	t.Helper()
	text, err := os.ReadFile("layers.txt")
	if err != nil {
		t.Fatal(err)
	}
	rooms, layers := map[string]room{}, map[string]int{}
	for i, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if _, ok := layers[f[0]]; !ok {
			layers[f[0]] = len(layers)
		}
		r := room{layer: f[0], order: layers[f[0]], row: i}
		for _, d := range f[2:] {
			r.denied = append(r.denied, strings.TrimPrefix(d, "-"))
		}
		rooms[f[1]] = r
	}
	return rooms
}

// imports returns the imports of the package's own files, tests left out.
func imports(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range f.Imports {
			path, _ := strconv.Unquote(im.Path.Value)
			out = append(out, path)
		}
	}
	return out
}

// TestLayers holds layers.txt and the imports to each other: nothing imports upward or
// what its line denies, and every folder with Go files has a line.
func TestLayers(t *testing.T) {
	rooms := plan(t)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools" || name == "docs" || name == "gen") {
				return filepath.SkipDir
			}
			files, _ := filepath.Glob(filepath.Join(path, "*.go"))
			if path == "." || len(files) == 0 {
				return nil
			}
			me, ok := rooms[filepath.ToSlash(path)]
			if !ok {
				t.Errorf("%s has no line in layers.txt: say on which layer it lives", path)
				return nil
			}
			for _, im := range imports(t, path) {
				check(t, rooms, path, me, im)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, rooms map[string]room, path string, me room, im string) {
	local, inside := strings.CutPrefix(im, module)
	for _, d := range me.denied {
		if inside && (local == d || strings.HasPrefix(local, d+"/")) || d == "net" && (im == "net" || im == "net/http") {
			t.Errorf("%s imports %s, which its line in layers.txt denies", path, im)
		}
	}
	if !inside || strings.HasSuffix(local, "/gen") {
		return
	}
	other, ok := rooms[local]
	switch {
	case !ok:
		t.Errorf("%s imports %s, which has no line in layers.txt", path, local)
	case other.order > me.order:
		t.Errorf("%s (layer %s) imports upward: %s (layer %s)", path, me.layer, local, other.layer)
	case other.order == me.order && me.layer == "discipline":
		t.Errorf("%s imports its sibling discipline %s: move the shared noun down or compose one layer up", path, local)
	case other.order == me.order && other.row > me.row:
		t.Errorf("%s imports %s, which stands below it in layers.txt", path, local)
	}
}
