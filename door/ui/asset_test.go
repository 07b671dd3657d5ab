package ui

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sent is how many bytes a browser gets for some files.
func sent(t *testing.T, names ...string) int {
	t.Helper()
	total := 0
	for _, n := range names {
		r := httptest.NewRequest("GET", AssetURL(n), nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: %d %v", n, w.Code, w.Header())
		}
		total += w.Body.Len()
	}
	return total
}

// TestBudgets holds what a page loads to its budget: style sheets 10 KB, scripts 30 KB.
func TestBudgets(t *testing.T) {
	for name, files := range map[string][]string{"clinic": {"base.css", "clinic.css"}, "portal": {"base.css", "portal.css"}} {
		if n := sent(t, files...); n > 10<<10 {
			t.Errorf("%s pages load %d bytes of style, the budget is 10 KB", name, n)
		}
	}
	if n := sent(t, "htmx.js", "app.js"); n > 30<<10 {
		t.Errorf("pages run %d bytes of script, the budget is 30 KB", n)
	}
}

// TestEveryIconExists: a misspelled name would draw nothing.
func TestEveryIconExists(t *testing.T) {
	sprite, err := os.ReadFile("asset/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	uses := regexp.MustCompile(`(?:Icon\(|Icon: |Tag\([^,()]+(?:\([^)]*\))?, )"([a-z-]+)"`)
	n := 0
	err = filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".templ") {
			return err
		}
		body, err := os.ReadFile(path)
		for _, m := range uses.FindAllStringSubmatch(string(body), -1) {
			n++
			if !strings.Contains(string(sprite), `id="i-`+m[1]+`"`) {
				t.Errorf("%s draws the icon %q, which is not in the sprite", path, m[1])
			}
		}
		return err
	})
	if err != nil || n < 20 {
		t.Errorf("%d icons found in the templates, %v", n, err)
	}
}

func TestAssetsAreServedByHash(t *testing.T) {
	url := AssetURL("base.css")
	w := httptest.NewRecorder()
	Assets().ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.Contains(w.Body.String(), AssetURL("inter.woff2")) {
		t.Errorf("%s: %d %v; fonts must be named by their hash", url, w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	Assets().ServeHTTP(w, httptest.NewRequest("GET", AssetPrefix+"base.000000000000.css", nil))
	if w.Code != 404 {
		t.Errorf("an old hash answers %d", w.Code)
	}
}
