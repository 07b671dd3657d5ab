package clinic

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// everyRoute asks for every route that needs somebody, as a page, as htmx and with parameters
// that others have fallen for, and tells what answered other than want allows.
func (b browser) everyRoute(what string, skip web.Policy, ends ...string) int {
	b.h.t.Helper()
	routes, err := b.h.site.Routes(Area())
	if err != nil {
		b.h.t.Fatal(err)
	}
	n := 0
	for _, r := range routes {
		if r.Policy&(web.Public|skip) != 0 {
			continue
		}
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = placeholder.ReplaceAllString(path, "x")
		for _, hx := range []bool{false, true} {
			req, err := http.NewRequest(method, b.h.url+path+"?skip_timeout_reset=1&poll=1&authenticated=1", strings.NewReader("skip_timeout_reset=1"))
			if err != nil {
				b.h.t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if hx {
				req.Header.Set("HX-Request", "true")
			}
			a := b.read(b.client.Do(req))
			ok := a.status == http.StatusUnauthorized
			for _, end := range ends {
				ok = ok || method == http.MethodGet && !hx && a.path == end
			}
			if !ok {
				b.h.t.Errorf("%s: %s (htmx %v) ends at %s with %d", what, r.Pattern, hx, a.path, a.status)
			}
			n++
		}
	}
	return n
}

// TestAbuseA09NothingOpensBesideTheSignIn: after the pages for newcomers, and with a password
// alone, no other page opens.
func TestAbuseA09NothingOpensBesideTheSignIn(t *testing.T) {
	h := openWith(t, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}})
	stranger := h.browser()
	for _, path := range []string{"/sign-in", "/set-up/x", "/invite/x", "/locked", "/"} {
		stranger.get(path)
	}
	n := stranger.everyRoute("a stranger", 0, "/sign-in")
	half := h.browser()
	if a := half.post("/sign-in", "user", "anna", "password", phrase); a.path != "/secure" {
		t.Fatalf("a password alone led to %s", a.path)
	}
	half.everyRoute("a password alone", web.Entering, "/secure")
	if n < 100 {
		t.Errorf("only %d requests", n)
	}
}

// TestAbuseD01NothingKeepsALockedSessionAlive: past the idle time every page, fragment and poll
// answers 401 or leads to the lock, and asking does not open it again.
func TestAbuseD01NothingKeepsALockedSessionAlive(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	h.clock.Advance(identity.StaffIdle)
	anna.everyRoute("a locked session", 0, "/locked")
	if a := anna.get("/today"); a.path != "/locked" {
		t.Errorf("after all that it is at %s", a.path)
	}
	h.clock.Advance(identity.SessionFor)
	anna.everyRoute("a session that has ended", 0, "/sign-in")
}

// TestAbuseD27NothingComesWithAPassword: set-up works once, there are no accounts of a
// demonstration in a clinic, and a new record has none at all.
func TestAbuseD27NothingComesWithAPassword(t *testing.T) {
	h := open(t)
	if _, err := h.site.Accounts.SetUpLink(t.Context()); err == nil {
		t.Error("a second set-up link was made")
	}
	b := h.browser()
	if a := b.post("/set-up/x", "name", "Eve", "user", "eve", "password", phrase, "again", phrase); a.status != http.StatusGone {
		t.Errorf("set-up again: %d", a.status)
	}
	for _, user := range []string{"anna", "admin"} {
		if a := b.post("/sign-in/demo", "login", user); a.status != http.StatusNotFound {
			t.Errorf("one-click sign-in as %s: %d", user, a.status)
		}
		for _, password := range []string{"", "admin", "password", "osler", user} {
			if a := b.post("/sign-in", "user", user, "password", password); a.path != "/sign-in" {
				t.Errorf("%s with %q is at %s", user, password, a.path)
			}
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/admin", "/phpinfo.php", "/.git/config", "/metrics"} {
		if a := b.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if _, err := h.site.Accounts.FindByUser(t.Context(), string(trust.Administrator)); err == nil {
		t.Error("there is an account with the name of a role")
	}
}
