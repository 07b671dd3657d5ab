package clinic

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"

	"log/slog"
)

// empty is a clinic before its first start: nobody has an account.
func empty(t *testing.T) (h house, link string) {
	t.Helper()
	dir, c := t.TempDir(), clock.NewManual(noon)
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 2, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h = house{t: t, clock: c, site: &web.Site{Gate: record.Open(s, c), Clock: c, Log: slog.New(slog.DiscardHandler), Clinic: "Harehills",
		Accounts: identity.Open(s, c, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})}}
	if err := h.site.Gate.Found(t.Context()); err != nil {
		t.Fatal(err)
	}
	secret, err := h.site.Accounts.SetUpLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := h.site.Handler(Area())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	h.url = server.URL
	return h, web.SetUpPath(secret)
}

// TestTheFirstSetUpAsksWhoSeesWhichCharts: who makes the first account chooses, in plain words
// and with nothing chosen for them; the choice is in force and in the log with their name.
func TestTheFirstSetUpAsksWhoSeesWhichCharts(t *testing.T) {
	h, link := empty(t)
	ada := h.browser()
	if a := ada.get(link); a.status != http.StatusOK || !a.says("Who sees which charts?") || !a.says("everybody who treats patients here sees all charts") {
		t.Fatalf("the first page: %d %s", a.status, a.body)
	}
	form := []string{"name", "Ada Quist", "user", "ada", "password", phrase, "again", phrase}
	for _, mode := range []string{"", "nonsense"} {
		if a := ada.post(link, append(form, "mode", mode)...); a.status != http.StatusUnprocessableEntity || !a.says("Choose which charts") {
			t.Errorf("mode %q: %d", mode, a.status)
		}
	}
	if has, err := h.site.Accounts.HasAccounts(t.Context()); has || err != nil {
		t.Fatalf("an account was made without the choice: %v %v", has, err)
	}
	if a := ada.post(link, append(form, "mode", "restricted")...); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	system := h.site.Gate.As(trust.System("test"), "test")
	house, err := system.House(t.Context())
	if err != nil || house.Mode != policy.Restricted || house.By != "Ada Quist" {
		t.Errorf("%+v %v", house, err)
	}
	told := 0
	leaves, err := h.site.Gate.As(trust.Principal{ID: "gus", Role: trust.Auditor}, "test").Looked(context.Background(), store.LeafFilter{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaves {
		if l.Leaf.Reason == "chosen at the first set-up" && l.Leaf.Query == "access: practice-wide becomes restricted" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("%d leaves tell of it", told)
	}
	if a := h.browser().post(link, append(form, "mode", "practice-wide")...); a.status != http.StatusGone {
		t.Errorf("the link again: %d", a.status)
	}
	if again, err := system.House(t.Context()); err != nil || again.Mode != policy.Restricted {
		t.Errorf("a used link changed it: %+v %v", again, err)
	}
}

func TestTheFirstSetUpInABrowser(t *testing.T) {
	h, link := empty(t)
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url+link, look)
		p.Check()
		p.Picture("set-up-" + look.Name)
	}
}
