package seal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// vault is a key service that speaks transit as OpenBao does.
type vault struct {
	key    [KeySize]byte
	status int // answers with it when not 0
	lie    bool
}

func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, text string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[%q]}`, text)
	}
	var in struct{ Plaintext, Ciphertext string }
	switch {
	case v.status != 0:
		fail(v.status, "Vault is sealed")
	case r.Method != http.MethodPost || r.Header.Get("X-Vault-Token") != "s.token":
		fail(http.StatusForbidden, "permission denied")
	case json.NewDecoder(r.Body).Decode(&in) != nil:
		fail(http.StatusBadRequest, "no JSON")
	case r.URL.Path == "/v1/transit/encrypt/osler":
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil {
			fail(http.StatusBadRequest, "no base64")
			return
		}
		sealed, err := Seal(v.key[:], plain, nil)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, `{"data":{"ciphertext":"vault:v1:%s","key_version":1}}`, base64.StdEncoding.EncodeToString(sealed))
	case r.URL.Path == "/v1/transit/decrypt/osler":
		sealed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))
		if err != nil {
			fail(http.StatusBadRequest, "invalid ciphertext: could not decode base64")
			return
		}
		plain, err := Open(v.key[:], sealed, nil)
		if err != nil {
			fail(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		if v.lie {
			plain[0] ^= 1
		}
		fmt.Fprintf(w, `{"data":{"plaintext":%q}}`, base64.StdEncoding.EncodeToString(plain))
	default:
		fail(http.StatusNotFound, "unsupported path")
	}
}

func TestTransit(t *testing.T) {
	v := &vault{}
	rand.Read(v.key[:])
	server := httptest.NewServer(v)
	defer server.Close()
	address := server.URL + "/v1/transit/keys/osler"
	source := Kept(Transit{Address: address, Token: "s.token"})
	dir := t.TempDir()
	ring, err := OpenKeyring(dir, source)
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenKeyring(dir, source)
	if err != nil || again != ring {
		t.Fatalf("opened again: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil || !strings.Contains(string(text), "vault:v1:") {
		t.Errorf("%s %v", text, err)
	}
	for name, c := range map[string]struct {
		source Source
		change func()
		want   fault.Code
		says   string
	}{
		"another token":         {source: Kept(Transit{Address: address, Token: "s.other"}), want: fault.Forbidden, says: "permission denied"},
		"another key":           {source: Kept(Transit{Address: server.URL + "/v1/transit/keys/other", Token: "s.token"}), want: fault.Forbidden, says: "unsupported path"},
		"sealed":                {source: source, change: func() { v.status = http.StatusServiceUnavailable }, want: fault.Unavailable, says: "sealed"},
		"a redirect":            {source: source, change: func() { v.status = http.StatusTemporaryRedirect }, want: fault.Forbidden},
		"a wrong answer":        {source: source, change: func() { v.lie = true }, want: fault.Forbidden, says: "does not open"},
		"plain HTTP":            {source: Kept(Transit{Address: "http://bao.example.org/v1/transit/keys/osler"}), want: fault.Invalid, says: "https"},
		"no key in the address": {source: Kept(Transit{Address: "https://bao.example.org/v1/transit"}), want: fault.Invalid},
		"nobody there":          {source: Kept(Transit{Address: "http://127.0.0.1:1/v1/transit/keys/osler"}), want: fault.Unavailable, says: "does not answer"},
		"a passphrase":          {source: Passphrase("x"), want: fault.Forbidden, says: "a key service"},
		"a key file":            {source: KeyFile(filepath.Join(dir, "master.key")), want: fault.Forbidden, says: "a key service"},
		"a program":             {source: Kept(Command{"true"}), want: fault.Forbidden, says: "a key service"},
	} {
		t.Run(name, func(t *testing.T) {
			v.status, v.lie = 0, false
			if c.change != nil {
				c.change()
			}
			if _, err := OpenKeyring(dir, c.source); !fault.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), "s.token") {
				t.Errorf("%v", err)
			}
		})
	}
	v.status, v.lie = 0, true // a service that does not give back what it takes is noticed before anything depends on it
	if _, err := OpenKeyring(t.TempDir(), source); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a service that lies: %v", err)
	}
}

// program writes a keeper whose body is a script.
func program(t *testing.T, body string) Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keeper")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Command{path, "--slot", "1"}
}

func TestCommand(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("skipped: no shell")
	}
	good := program(t, `[ "$1 $2" = "--slot 1" ] || exit 9
case "$3" in
wrap) read k; echo "mine:$(echo "$k" | tr 0-9a-f g-v)";;
unwrap) read k; echo "${k#mine:}" | tr g-v 0-9a-f;;
esac`)
	dir := t.TempDir()
	ring, err := OpenKeyring(dir, Kept(good))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OpenKeyring(dir, Kept(good)); err != nil || again != ring {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body, says string
		want       fault.Code
	}{
		"refuses":          {`echo "PIN is locked" >&2; exit 3`, "PIN is locked", fault.Forbidden},
		"another key":      {`echo ` + strings.Repeat("ab", KeySize), "does not open", fault.Forbidden},
		"says nothing":     {`exit 0`, "one line", fault.Forbidden},
		"says no key":      {`echo hello`, "hexadecimal", fault.Forbidden},
		"says control":     {`printf 'a\033b'`, "printable", fault.Forbidden},
		"says without end": {`yes`, "", ""},
	} {
		if _, err := OpenKeyring(dir, Kept(program(t, c.body))); err == nil || c.want != "" && !fault.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenKeyring(dir, Kept(Command{filepath.Join(dir, "absent")})); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestSourcesAreExchanged: the data key moves from one source to another, and the former opens
// nothing any more.
func TestSourcesAreExchanged(t *testing.T) {
	dir := t.TempDir()
	first, second := KeyFile(filepath.Join(dir, "a.key")), Passphrase("correct horse")
	ring, err := OpenKeyring(dir, first)
	if err != nil {
		t.Fatal(err)
	}
	if err := Reenclose(dir, second, ring); err != nil {
		t.Fatal(err)
	}
	if again, err := OpenKeyring(dir, second); err != nil || again != ring {
		t.Errorf("by the new one: %v", err)
	}
	if _, err := OpenKeyring(dir, first); !fault.Is(err, fault.Forbidden) {
		t.Errorf("by the old one: %v", err)
	}
	if err := Reenclose(dir, Kept(Command{"/nonexistent"}), ring); err == nil {
		t.Error("a keeper that is not there took over")
	}
	if again, err := OpenKeyring(dir, second); err != nil || again != ring {
		t.Errorf("after a refused exchange: %v", err)
	}
}

func TestSheets(t *testing.T) {
	dir := t.TempDir()
	ring, err := OpenKeyring(dir, Passphrase("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(dir, "x", "y"); !fault.Is(err, fault.NotFound) {
		t.Errorf("without sheets: %v", err)
	}
	old, err := MakeSheets(dir, ring, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	sheets, err := MakeSheets(dir, ring, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range sheets {
		for j := range sheets {
			got, err := Recover(dir, strings.ToLower(strings.ReplaceAll(sheets[i], "-", " ")), sheets[j])
			if i == j && !fault.Is(err, fault.Invalid) || i != j && (err != nil || got != ring) {
				t.Errorf("sheets %d and %d: %v", i+1, j+1, err)
			}
			if _, err := Recover(dir, sheets[i], old[j]); !fault.Is(err, fault.Forbidden) {
				t.Errorf("an old sheet: %v", err)
			}
		}
	}
	for at := range sheets[0] { // any letter that is wrong is noticed
		if sheets[0][at] == '-' {
			continue
		}
		bad := []byte(sheets[0])
		bad[at] = map[bool]byte{true: 'B', false: 'A'}[bad[at] == 'A']
		if _, err := Recover(dir, string(bad), sheets[1]); !fault.Is(err, fault.Invalid) {
			t.Fatalf("letter %d: %v", at, err)
		}
	}
	if _, err := Recover(dir, sheets[0][:40], sheets[1]); !fault.Is(err, fault.Invalid) {
		t.Error("half a sheet is taken")
	}
	path := filepath.Join(dir, RecoveryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(text)*8; at += 5 { // a changed file gives the key or an error, never another key
		bad := append([]byte(nil), text...)
		bad[at/8] ^= 1 << (at % 8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Recover(dir, sheets[0], sheets[2]); err == nil && got != ring {
			t.Fatalf("bit %d: another key", at)
		}
	}
}

// In the field every number but 0 has its inverse: else one sheet would tell something.
func TestTheFieldIsOne(t *testing.T) {
	for a := 1; a < 256; a++ {
		if multiply(byte(a), invert(byte(a))) != 1 {
			t.Fatalf("1/%d is wrong", a)
		}
	}
	if multiply(0x57, 0x83) != 0xc1 { // FIPS 197, 4.2
		t.Error("the product is wrong")
	}
}

// TestHardwareModule keeps the key in a PKCS#11 token by the program that Osler comes with.
func TestHardwareModule(t *testing.T) {
	module := ""
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			module = path
		}
	}
	for _, name := range []string{"softhsm2-util", "pkcs11-tool", "openssl"} {
		if _, err := exec.LookPath(name); err != nil || module == "" {
			t.Skip("skipped: no SoftHSM with OpenSC here")
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", write("softhsm2.conf", "directories.tokendir = "+filepath.Join(dir, "tokens")+"\n"))
	t.Setenv("PKCS11_MODULE", module)
	t.Setenv("PKCS11_TOKEN", "clinic")
	t.Setenv("PKCS11_PIN_FILE", write("pin", "5678\n"))
	for _, args := range [][]string{
		{"softhsm2-util", "--init-token", "--free", "--label", "clinic", "--so-pin", "1234", "--pin", "5678"},
		{"pkcs11-tool", "--module", module, "--token-label", "clinic", "--login", "--pin", "5678", "--keypairgen", "--key-type", "rsa:2048", "--label", "osler", "--id", "01"},
	} {
		if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", args[0], err, said)
		}
	}
	source := Kept(Command{"../../tools/keepers/pkcs11.sh"})
	ring, err := OpenKeyring(filepath.Join(dir, "record"), source)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OpenKeyring(filepath.Join(dir, "record"), source); err != nil || again != ring {
		t.Errorf("opened again: %v", err)
	}
	t.Setenv("PKCS11_PIN_FILE", write("wrong", "9999\n"))
	if _, err := OpenKeyring(filepath.Join(dir, "record"), source); !fault.Is(err, fault.Forbidden) || !strings.Contains(fmt.Sprint(err), "PIN") {
		t.Errorf("with a wrong PIN: %v", err)
	}
}
