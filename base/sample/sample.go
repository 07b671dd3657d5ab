// Package sample finds the shared test data, for tests only.
//
// The data lies outside the project: in $OSLER_TEST_DATA, or in ../shared/data beside the
// folder that holds go.mod. A clone of the project alone does not have it; tests that need
// it then skip with a line that says so, and fail when OSLER_REQUIRE_TEST_DATA is set.
package sample

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder sub of the test data. It fails the test when the folder has fewer
// than least files, and skips it, loudly, when the folder is absent.
func Dir(t testing.TB, sub string, least int) string {
	t.Helper()
	dir := filepath.Join(root(t), sub)
	n := 0
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist) && os.Getenv("OSLER_REQUIRE_TEST_DATA") == "":
		t.Skipf("NOT TESTED: the shared test data %q is absent", sub)
	case err != nil:
		t.Fatalf("shared test data %q: %v", sub, err)
	case n < least:
		t.Fatalf("shared test data %q has %d files, want at least %d", sub, n, least)
	}
	return dir
}

func root(t testing.TB) string {
	if dir := os.Getenv("OSLER_TEST_DATA"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			// A worktree may lie deeper than a clone: look upward for shared/data.
			for up := filepath.Dir(dir); ; up = filepath.Dir(up) {
				data := filepath.Join(up, "shared", "data")
				if _, err := os.Stat(data); err == nil || up == filepath.Dir(up) {
					return data
				}
			}
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
