package fhirapi

import (
	"compress/gzip"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/osler-emr/osler/base/fault"
)

// compress sends answers of some size as gzip or zstd to clients that accept it. No secret
// of the server stands in an answer beside text that a stranger chose, so that the length
// of a compressed answer gives nothing away (BREACH).
func compress(h http.HandlerFunc) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1400), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.EnableZstd(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return wrap(h)
}

// unpack makes the body of a request readable that came as gzip. The limit of a body holds
// for what is unpacked.
func (s *server) unpack(c *call) error {
	switch strings.ToLower(c.Header.Get("Content-Encoding")) {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(c.Body)
		if err != nil {
			return fault.Wrap(err, fault.Malformed, "The body is not the gzip that its Content-Encoding promises.")
		}
		c.Body = http.MaxBytesReader(c.w, z, s.bodyLimit(c))
		c.ContentLength = -1
		return nil
	}
	return unsupported(c.Header.Get("Content-Encoding"), "the body as it is or as gzip")
}
