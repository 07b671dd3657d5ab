package identity

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
)

// listed writes passwords as the published list has them, and returns the file.
func listed(t *testing.T, end string, passwords ...string) string {
	t.Helper()
	var lines []string
	for i, p := range passwords {
		lines = append(lines, fmt.Sprintf("%X:%d", sha1.Sum([]byte(p)), i*i*i*7+1))
	}
	slices.Sort(lines)
	path := filepath.Join(t.TempDir(), "pwned.txt")
	if err := os.WriteFile(path, []byte(strings.Join(lines, end)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBreachedPasswords: OWASP ASVS 6.2.12. Each password of the operator's list is refused, first
// and last ones too, and no other one.
func TestBreachedPasswords(t *testing.T) {
	for _, n := range []int{1, 2, 3, 20, 5000} {
		for _, end := range []string{"\n", "\r\n"} {
			var in []string
			for i := range n {
				in = append(in, fmt.Sprintf("purple lighthouse %d anchors", i))
			}
			b, err := OpenBreached(listed(t, end, in...))
			if err != nil {
				t.Fatal(n, err)
			}
			for i, p := range in {
				if has, err := b.Has(p); err != nil || !has {
					t.Errorf("of %d, number %d is not found: %v", n, i, err)
				}
				if has, err := b.Has(p + "!"); err != nil || has {
					t.Errorf("of %d: a password that is not there is found: %v", n, err)
				}
			}
		}
	}
	b, err := OpenBreached(listed(t, "\r\n", "purple lighthouse anchors", "a second one here"))
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewManual(noon)
	a := Open(newMemory(c), c, Options{Cost: Cost{KiB: 64, Passes: 1}})
	a.Avoid(b)
	if err := a.CheckPassword("purple lighthouse anchors", "amara"); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "purple") {
		t.Errorf("a breached password: %v", err)
	}
	if err := a.CheckPassword("green lighthouse anchors", "amara"); err != nil {
		t.Errorf("another one: %v", err)
	}
}

// TestListsThatAreNone: a list that could find nothing stops the start.
func TestListsThatAreNone(t *testing.T) {
	good, err := os.ReadFile(listed(t, "\n", "one", "two", "three", "four"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(good), "\n")
	slices.Reverse(lines)
	for name, text := range map[string]string{"empty": "", "of passwords": "password\n123456\n", "of lower case": strings.ToLower(string(good)), "unordered": strings.Repeat(strings.Join(lines, "\n")+"\n", 50), "of NTLM": "00000000A8DAE4228F821FB418F59826:1\n"} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenBreached(path); !fault.Is(err, fault.Invalid) {
			t.Errorf("a list %s: %v", name, err)
		}
	}
	if _, err := OpenBreached(filepath.Join(t.TempDir(), "none")); !fault.Is(err, fault.Invalid) {
		t.Errorf("no list: %v", err)
	}
}
