package console

import (
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBreachedPasswordsOfTheOperator: a list that could find nothing stops the start before a record
// is made, and says which kind is needed.
func TestBreachedPasswordsOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	list, data := filepath.Join(dir, "list.txt"), filepath.Join(dir, "data")
	if err := os.WriteFile(list, []byte("password\n123456\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := run(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--breached-passwords", list)
	if code == 0 || !strings.Contains(out, "Have I Been Pwned") || strings.Contains(out, "123456") {
		t.Errorf("code %d: %s", code, out)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("a record was made: %v", err)
	}
}

// TestNobodyChoosesABreachedPassword: the list of the operator counts where a password is chosen.
func TestNobodyChoosesABreachedPassword(t *testing.T) {
	const stolen = "purple lighthouse anchors"
	dir := t.TempDir()
	list := filepath.Join(dir, "list.txt")
	if err := os.WriteFile(list, fmt.Appendf(nil, "%X:17\r\n", sha1.Sum([]byte(stolen))), 0o600); err != nil {
		t.Fatal(err)
	}
	var said printed
	_, stop := serves(t, &said, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--breached-passwords", list)
	defer stop()
	link := regexp.MustCompile(`http\S+/set-up/\S+`).FindString(said.String())
	for password, want := range map[string]bool{stolen: true, "purple lighthouse anchor": false} {
		a, err := http.PostForm(link, url.Values{"name": {"Ada"}, "user": {"ada"}, "password": {password}, "again": {"another one, so that nothing is made"}, "mode": {"practice-wide"}})
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil || a.StatusCode != http.StatusUnprocessableEntity || strings.Contains(string(page), "a list of stolen ones") != want {
			t.Errorf("%q: %d %v: %s", password, a.StatusCode, err, page)
		}
	}
}
