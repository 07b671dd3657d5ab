package proof

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// program calls f with every Go file of the program that is no test.
func program(t *testing.T, f func(path string, file *ast.File)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := ""; {
		case err != nil:
			return err
		case d.IsDir():
			if name = d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			n++
			f(filepath.ToSlash(rel), file)
		}
		return nil
	})
	if err != nil || n < 500 {
		t.Fatalf("%d files: %v", n, err)
	}
}

// absent is what the program does not have, by the packages that would bring it. The rows of
// asvs.md that do not apply stand on it.
var absent = map[string][]string{
	"LDAP (V1.2.6)":                        {"github.com/go-ldap", "gopkg.in/ldap", "github.com/jtblin/go-ldap-client"},
	"XPath and XSLT (V1.2.7, V1.3.5)":      {"github.com/antchfx", "gopkg.in/xmlpath", "github.com/beevik/etree", "github.com/wamuir/go-xslt"},
	"memory caches (V1.3.9)":               {"github.com/bradfitz/gomemcache", "github.com/redis", "github.com/go-redis", "github.com/gomodule/redigo"},
	"markup languages (V1.3.5)":            {"github.com/yuin/goldmark", "github.com/gomarkdown", "github.com/russross/blackfriday"},
	"templates made at run time (V1.3.7)":  {"text/template", "github.com/flosch/pongo2", "github.com/aymerich/raymond", "github.com/CloudyKit/jet"},
	"GraphQL (V4.3.1, V4.3.2)":             {"github.com/graphql-go", "github.com/99designs/gqlgen", "github.com/graph-gophers"},
	"SAML (V6.8.3)":                        {"github.com/crewjam/saml", "github.com/russellhaering"},
	"WebRTC (V17)":                         {"github.com/pion"},
	"decoding into any type (V1.5.2)":      {"encoding/gob", "gopkg.in/yaml.v2", "gopkg.in/yaml.v3"},
	"debug pages (V13.4.2)":                {"net/http/pprof", "expvar", "golang.org/x/net/trace"},
	"code that is loaded (V1.3.2)":         {"plugin"},
	"weak cryptography (V11.3.1, V11.4.1)": {"crypto/md5", "crypto/des", "crypto/rc4", "crypto/dsa", "golang.org/x/crypto/md4", "golang.org/x/crypto/blowfish", "golang.org/x/crypto/openpgp"},
}

// TestWhatIsNotThere holds the reasons of asvs.md to the program: none of it imports what
// would make a requirement apply.
func TestWhatIsNotThere(t *testing.T) {
	for what, packages := range absent {
		for _, p := range packages {
			if got := importers(t, p); len(got) > 0 {
				t.Errorf("%s: %v imports %s; asvs.md says that it is not there", what, got, p)
			}
		}
	}
	if got := importers(t, "html/template"); !slices.Equal(got, []string{"door/fhirapi", "identity/sso/ssotest"}) {
		t.Errorf("html/template is used by %v", got)
	}
}

// TestCommandsAndMemory: the server starts no other program, and what touches memory by
// itself is where the operating system is asked, nowhere near input.
func TestCommandsAndMemory(t *testing.T) {
	allowed(t, "os/exec", importers(t, "os/exec"), "door/webtest", "door/console", "store/postgres/pgtest", "store/storetest", "tools", "base/seal", "base/malware") // the commands that the operator names: for the master key, for a scanner
	for _, folder := range []string{"unsafe", "C"} {
		allowed(t, folder, importers(t, folder))
	}
	program(t, func(path string, f *ast.File) {
		uses := slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"os/exec"` })
		if uses && strings.HasPrefix(path, "door/console/") && path != "door/console/bench_process.go" {
			t.Errorf("%s starts programs", path)
		}
	})
	if !strings.Contains(source(t, "Makefile"), "export CGO_ENABLED=0") {
		t.Error("the program is built with cgo")
	}
}

// TestApprovedCryptography: what seals, signs, hashes and draws lots is what is approved, from
// Go's library and x/crypto; weaker things are where a format of others asks for them.
func TestApprovedCryptography(t *testing.T) {
	allowed(t, "crypto/sha1", importers(t, "crypto/sha1"), "identity") // HMAC-SHA-1 of RFC 6238: authenticator apps know no other; the published list of breached passwords is made so
	for _, lots := range []string{"math/rand", "math/rand/v2"} {
		for _, folder := range importers(t, lots) {
			if !slices.Contains([]string{"exchange/synthetic", "record/watch", "store/sqlite/lossy", "store/storetest"}, folder) {
				t.Errorf("%s draws lots that can be foretold", folder)
			}
		}
	}
	banned := regexp.MustCompile(`^(NewCBCEncrypter|NewCBCDecrypter|NewCFBEncrypter|NewCFBDecrypter|NewOFB|NewCTR|EncryptPKCS1v15|DecryptPKCS1v15|SignPKCS1v15|InsecureSkipVerify|InsecureCipherSuites)$`)
	program(t, func(path string, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && banned.MatchString(id.Name) && path != "record/watch/socket.go" && path != "store/postgres/tls.go" { // one is about origins: sockets open by tokens alone; the other refuses it
				t.Errorf("%s uses %s", path, id.Name)
			}
			return true
		})
		random := slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return strings.HasPrefix(i.Path.Value, `"math/rand`) })
		if strings.HasPrefix(path, "record/watch/") && random && path != "record/watch/line.go" { // how long to wait before trying again
			t.Errorf("%s draws lots that can be foretold", path)
		}
	})
}

// TestScriptsTreatTextAsText: Osler's scripts make no code and no markup out of text, keep
// nothing in the browser, and take messages from nobody. What is put into a page as markup is an
// answer of this server.
func TestScriptsTreatTextAsText(t *testing.T) {
	list, err := filepath.Glob(filepath.Join(root, "door/ui/asset/*.js"))
	if err != nil || len(list) < 4 {
		t.Fatalf("%d scripts: %v", len(list), err)
	}
	never := regexp.MustCompile(`\beval\(|new Function|document\.write|insertAdjacentHTML|\.outerHTML\s*=|srcdoc|setAttribute\("on|localStorage|sessionStorage|indexedDB|document\.cookie|postMessage|"message"|__proto__|Object\.assign\(|\.prototype\b`)
	markup := regexp.MustCompile(`\.innerHTML\s*=\s*([^;]*);`)
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) == "htmx.js" {
			continue // of others, bounded by its configuration: TestHtmxIsBounded
		}
		if m := never.FindString(string(b)); m != "" {
			t.Errorf("%s has %q", filepath.Base(name), m)
		}
		for _, m := range markup.FindAllStringSubmatch(string(b), -1) {
			if m[1] != "html" { // the text of an answer, named so everywhere
				t.Errorf("%s puts %q into a page", filepath.Base(name), m[1])
			}
		}
	}
}

// TestHtmxIsBounded: htmx runs no text as code, keeps no page in the browser, and asks this
// site only.
func TestHtmxIsBounded(t *testing.T) {
	h := full(t)
	page := h.ask("amara", "GET", "/today", "").body
	for _, want := range []string{`&#34;allowEval&#34;:false`, `&#34;allowScriptTags&#34;:false`, `&#34;historyCacheSize&#34;:0`, `&#34;selfRequestsOnly&#34;:true`} {
		if !strings.Contains(page, want) {
			t.Errorf("the configuration of htmx has no %s", want)
		}
	}
	for _, name := range []string{"hx-on", "hx-vals=\"js:", "hx-headers=\"js:", "hx-ext"} {
		for _, folder := range []string{"door/ui", "door/clinic", "door/portal", "door/smart", "door/web"} {
			templates, _ := filepath.Glob(filepath.Join(root, folder, "*.templ"))
			for _, file := range templates {
				if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), name) {
					t.Errorf("%s has %s: %v", file, name, err)
				}
			}
		}
	}
}

// TestTheChecksLookForVulnerabilities: what runs before every change looks for known
// vulnerabilities of what the program calls and for secrets, stops at what it finds, and says so
// when it cannot look.
func TestTheChecksLookForVulnerabilities(t *testing.T) {
	if check := source(t, "Makefile"); !strings.Contains(check, "\t./tools/security.sh\n") || !strings.Contains(check, "test: needs check\n") {
		t.Error("make test does not run tools/security.sh")
	}
	script := source(t, "tools/security.sh")
	for _, tool := range []string{"golang.org/x/vuln/cmd/govulncheck@v", "github.com/zricethezav/gitleaks/v8@v"} {
		if !strings.Contains(script, tool) {
			t.Errorf("tools/security.sh does not run %s", tool)
		}
	}
	if strings.Count(script, "status=1") != 2 || strings.Count(script, "\n  missing ")+strings.Count(script, ") missing ") != 2 {
		t.Error("a finding does not stop the checks, or a check that is missing is not said")
	}
	// The scripts run by what stands in them, with tools that find something or are not there.
	dir := t.TempDir()
	for what, fake := range map[string]struct {
		tool string // what `go run` of any tool does
		code int
		says string
	}{
		"all is well":   {`echo "No vulnerabilities found."`, 0, "none in what the program calls"},
		"something":     {`echo "Vulnerability #1: GO-2026-0001"; exit 3`, 1, "Vulnerability #1"},
		"there is none": {`echo "no such host"; exit 1`, 0, "NOT CHECKED: known vulnerabilities"},
	} {
		script := "#!/bin/sh\nif [ \"$1\" = build ]; then exit 0; fi\n" + fake.tool + "\n"
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", filepath.Join(root, "tools/security.sh"))
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != fake.code || !strings.Contains(string(out), fake.says) {
			t.Errorf("%s: exit %d (%v): %s", what, code, err, out)
		}
	}
}
