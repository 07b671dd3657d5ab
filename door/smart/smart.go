// Package smart is the door for programs: SMART App Launch 2.2 on OAuth 2.1.
//
// It has two sides. Programs talk to the endpoints that Mount adds: discovery, keys, token,
// introspection, revocation, registration. People see the pages of Area: what a program asks
// for, in plain words; which programs can be started from a chart; which have access, and an
// end to it; and, for administrators, which programs there are.
//
// What a program may get is decided in identity/oauth, what a scope opens in trust/policy.
package smart

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity/oauth"
)

// Door is the door of one server.
type Door struct {
	Server *oauth.Server
	// Base is the public address of FHIR without a slash at its end; empty takes it from each
	// request.
	Base string
	Log  *slog.Logger
	// Example adds a small program to try a launch with; see example.go.
	Example bool
}

// place is where a request found the server.
func (d *Door) place(r *http.Request) oauth.Place {
	if d.Base != "" {
		return oauth.Place{FHIR: d.Base, Known: true}
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return oauth.Place{FHIR: scheme + r.Host + "/fhir", Known: web.HostBelieved(r)}
}

// endpoints are what programs talk to.
func (d *Door) endpoints() map[string]func(http.ResponseWriter, *http.Request) error {
	return map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /fhir/.well-known/smart-configuration":   d.smartConfiguration,
		"GET /.well-known/smart-configuration":        d.smartConfiguration,
		"GET /.well-known/openid-configuration":       d.openIDConfiguration,
		"GET /.well-known/oauth-authorization-server": d.openIDConfiguration,
		"GET /fhir/.well-known/openid-configuration":  d.openIDConfiguration,
		"GET /oauth/jwks":                             d.jwks,
		"POST /oauth/token":                           d.token,
		"POST /oauth/introspect":                      d.introspect,
		"POST /oauth/revoke":                          d.revoke,
		"POST /oauth/register":                        d.register,
	}
}

// Endpoints are the patterns of what programs talk to, for the site map and tests.
func Endpoints() []string { return slices.Sorted(maps.Keys((&Door{}).endpoints())) }

// Mount adds the endpoints that programs talk to. They need no session and read no cookie, so
// that scripts of every origin may ask.
func (d *Door) Mount(mux *http.ServeMux) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	for path, h := range d.endpoints() {
		mux.Handle(path, d.serve(h))
		_, only, _ := strings.Cut(path, " ")
		mux.HandleFunc("OPTIONS "+only, func(w http.ResponseWriter, _ *http.Request) {
			open(w.Header())
			w.WriteHeader(http.StatusNoContent)
		})
	}
	mux.HandleFunc("POST /oauth/authorize", d.authorizePost)
	if d.Example {
		mux.Handle("GET /example/", exampleFiles())
	}
}

// open lets scripts of every origin ask: there is nothing here that a cookie opens.
func open(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept")
	h.Set("Access-Control-Max-Age", "600")
}

// maxBody is the largest request of a program, in bytes.
const maxBody = 128 << 10

func (d *Door) serve(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		open(header)
		header.Set("Cache-Control", "no-store")
		header.Set("Pragma", "no-cache")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if r.TLS != nil {
			header.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := h(w, r); err != nil {
			d.fail(w, r, err)
		}
	})
}

// fail answers in the form of RFC 6749 5.2.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, code, text := http.StatusBadRequest, "invalid_request", ""
	var refused *oauth.Error
	var f *fault.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &refused):
		code, text = refused.Code, refused.Text
		if code == "invalid_client" {
			status = http.StatusUnauthorized
			if r.Header.Get("Authorization") != "" {
				w.Header().Set("WWW-Authenticate", `Basic realm="osler"`)
			}
		}
	case errors.As(err, &large):
		status, text = http.StatusRequestEntityTooLarge, "The request is too large."
	case errors.As(err, &f) && f.Code != fault.Internal:
		status, text = fault.Status(f.Code), f.Message
		if f.Code == fault.TooCostly || f.Code == fault.Unavailable {
			code = "temporarily_unavailable"
		}
	default:
		d.Log.Error("a program's request failed", "pattern", r.Pattern, "error", err)
		status, code, text = http.StatusInternalServerError, "server_error", "Osler could not finish this request; nothing was changed."
	}
	answer(w, status, map[string]string{"error": code, "error_description": text})
}

func answer(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a program that went away is no error of ours
}

// form reads the parameters of a request: from its body only, each once.
func form(r *http.Request) (url.Values, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, &oauth.Error{Code: "invalid_request", Text: "Send the parameters in the body, as application/x-www-form-urlencoded."}
	}
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, &oauth.Error{Code: "invalid_request", Text: "The parameters cannot be read."}
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && !slices.Contains([]string{"resource", "audience"}, name) {
			return nil, &oauth.Error{Code: "invalid_request", Text: "A parameter is given more than once."}
		}
	}
	return r.PostForm, nil
}
