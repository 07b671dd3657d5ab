package webtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/door/ui"
)

// Static serves one drawn page with the real assets and the real content security policy,
// for tests of templates on invented views, and returns its URL.
func Static(t testing.TB, reader ui.Reader, page templ.Component) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET "+ui.AssetPrefix, ui.Assets())
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'")
		if err := page.Render(ui.With(r.Context(), reader), w); err != nil {
			t.Errorf("drawing: %v", err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/page"
}
