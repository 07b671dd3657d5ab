package smart

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
)

// The example is a small program of its own, which a demonstration serves beside Osler so that
// a visitor can start it from a chart and from the portal, and end its access. It knows of
// Osler only what SMART App Launch says.
//
//go:embed example
var example embed.FS

const exampleID = "vital-signs-viewer"

// RegisterExample registers the example of a demonstration that answers at an address. A
// demonstration that is started again has it already.
func RegisterExample(ctx context.Context, s *oauth.Server, address string) error {
	at := strings.TrimRight(address, "/") + "/example/"
	_, _, err := s.Register(ctx, trust.System("demo"), oauth.Client{ID: exampleID, Name: "Vital signs viewer", Checked: true,
		About: "An example: shows blood pressure, weight and other measurements as small charts.", Home: at, Redirects: []string{at + "viewer.html"}, Launch: at + "launch.html",
		Scopes: []string{oauth.OpenID, oauth.FHIRUser, oauth.Launch, oauth.LaunchPatient, oauth.Online, "patient/Patient.r", "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs", "patient/Condition.rs"},
		Auth:   oauth.AuthNone, Patients: true, Staff: true})
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// exampleFiles serves the example under /example/.
func exampleFiles() http.Handler {
	sub, err := fs.Sub(example, "example")
	if err != nil { // the folder is embedded
		panic(err)
	}
	files := http.StripPrefix("/example/", http.FileServerFS(sub))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src http: https:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		files.ServeHTTP(w, r)
	})
}
