package fhirapi

import (
	"bytes"
	"net/http"

	"github.com/osler-emr/osler/fhir/bundle"
)

// recorder keeps the answer to one entry of a bundle.
type recorder struct {
	outer  *call // the request that brought the bundle
	entry  *bundle.Entry
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder(outer *call, e *bundle.Entry) *recorder {
	return &recorder{outer: outer, entry: e, header: http.Header{}, status: http.StatusOK}
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
