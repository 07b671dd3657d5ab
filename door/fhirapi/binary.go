package fhirapi

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/blob"
)

// securityContext is the header with the reference that Binary.securityContext holds (R4
// binary.html).
const securityContext = "X-Security-Context"

// inMemory is how much of a content is read before it is written to where contents lie; what
// is smaller stands in the resource.
const inMemory = 48 << 10

// uploadWithin is how long a large content may take to arrive.
const uploadWithin = 2 * time.Hour

// DefaultMaxContent is the largest content of a Binary that is streamed in, in bytes, when
// the options do not tell.
const DefaultMaxContent = 1 << 30

// bodyLimit is how large the body of a request may be.
func (s *server) bodyLimit(c *call) int64 {
	if c.rawBody(c.Header.Get("Content-Type")) {
		return cmp.Or(s.MaxContent, DefaultMaxContent)
	}
	return MaxBody
}

// rawAnswer reports whether a Binary is read by somebody who does not ask for a resource: it
// then is answered with what it holds (R4 binary.html#rest). A browser gets the page.
func (c *call) rawAnswer(rt route) bool {
	if rt.interaction != "read" && rt.interaction != "vread" || c.PathValue("type") != "Binary" || c.given != nil || c.html {
		return false
	}
	if c.URL.Query().Get("_format") != "" {
		return false
	}
	accept := strings.Join(c.Header.Values("Accept"), ",")
	for want := range strings.SplitSeq(accept, ",") {
		if t := mediaType(strings.TrimSpace(want)); jsonType(t) || xmlType(t) {
			return false
		}
	}
	c.raw, c.xml = true, false
	return true
}

// rawBody reports whether the body is to become the content of a Binary.
func (c *call) rawBody(contentType string) bool {
	return c.PathValue("type") == "Binary" && contentType != "" && !jsonType(contentType) && !xmlType(contentType) &&
		!strings.Contains(c.Pattern, "$") && (c.Method == http.MethodPost || c.Method == http.MethodPut)
}

// readBinary makes a Binary of a body.
func (c *call) readBinary(contentType string) (*fhir.Node, error) {
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		return nil, fault.New(fault.Malformed, "The content type %q cannot be read.", clip(contentType))
	}
	if c.ContentLength > inMemory || c.ContentLength < 0 { // before the body: who sends Expect: 100-continue has not sent it yet
		if err := c.actor.Enters(c.Context(), "Binary.securityContext.reference", strings.TrimPrefix(c.Header.Get(securityContext), c.base+"/")); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(io.LimitReader(c.Body, inMemory+1))
	if err == nil && len(b) > inMemory {
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(uploadWithin)) // without, the server's limit holds
		var kept blob.Content
		if kept, err = c.actor.Keep(c.Context(), io.MultiReader(bytes.NewReader(b), c.Body), record.MaxContent); err == nil {
			c.content, b = &kept, []byte(kept.Hash)
		}
	}
	var tooLarge *http.MaxBytesError
	var known *fault.Error
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.TooLarge, "The content is larger than the limit of %d bytes.", tooLarge.Limit)
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "The body could not be read to its end.")
	}
	c.sent = sha256.Sum256(b)
	r := fhir.Obj("resourceType", "Binary", "id", c.PathValue("id"), "contentType", contentType)
	if ref := c.Header.Get(securityContext); ref != "" {
		r.Set("securityContext", fhir.Obj("reference", strings.TrimPrefix(ref, c.base+"/")))
	}
	if len(b) > 0 && c.content == nil {
		r.Set("data", fhir.Str(base64.StdEncoding.EncodeToString(b)))
	}
	return r, nil
}

// binary answers with the content of a Binary, as a stream and in the parts that are asked
// for. It is never shown as a page of this site: whatever it is, a browser saves it.
func (c *call) binary(version int64) error {
	b, err := c.actor.OpenBinary(c.Context(), c.PathValue("id"), version)
	if err != nil {
		return err
	}
	defer b.Close()
	contentType := b.Resource.Get("contentType").Text()
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		contentType = "application/octet-stream"
	}
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("ETag", fmt.Sprintf(`"%d"`, b.Version.Version)) // strong: the bytes are the same, so that a download can go on
	h.Set(gzhttp.HeaderNoCompression, "1")
	if ref := b.Resource.Path("securityContext.reference").Text(); ref != "" {
		h.Set(securityContext, ref)
	}
	http.ServeContent(c.w, c.Request, "", b.Version.Updated, b)
	if c.Context().Err() != nil { // broken off: it must look broken
		panic(http.ErrAbortHandler)
	}
	return nil
}
