package fhirapi

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
)

// securityContext is the header with the reference that Binary.securityContext holds (R4
// binary.html).
const securityContext = "X-Security-Context"

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
	b, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, MaxBody/4*3-1024)) // base64 has to fit
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fault.New(fault.TooLarge, "The content is larger than the limit of %d bytes.", tooLarge.Limit)
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "The body could not be read to its end.")
	}
	c.sent = sha256.Sum256(b)
	r := fhir.Obj("resourceType", "Binary", "id", c.PathValue("id"), "contentType", contentType)
	if ref := c.Header.Get(securityContext); ref != "" {
		r.Set("securityContext", fhir.Obj("reference", strings.TrimPrefix(ref, c.base+"/")))
	}
	if len(b) > 0 {
		r.Set("data", fhir.Str(base64.StdEncoding.EncodeToString(b)))
	}
	return r, nil
}

// sendContent answers with the content of a Binary. It is never shown as a page of this
// site: whatever it is, a browser saves it.
func (c *call) sendContent(v store.Version) error {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return err
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r.Get("data").Text()), ""))
	if err != nil {
		return fault.New(fault.Invalid, "The data of this Binary is not base64; ask for it as application/fhir+json.")
	}
	contentType := r.Get("contentType").Text()
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		contentType = "application/octet-stream"
	}
	h := c.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("ETag", fmt.Sprintf(`W/"%d"`, v.Version))
	h.Set("Last-Modified", v.Updated.UTC().Format(http.TimeFormat))
	if ref := r.Path("securityContext.reference").Text(); ref != "" {
		h.Set(securityContext, ref)
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(http.StatusOK)
	if c.Method != http.MethodHead {
		c.w.Write(b) // a client that went away is no error of ours
	}
	return nil
}
