package fhirapi

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// read answers GET [type]/[id] (R4 http.html#read).
func (s *server) read(c *call) error {
	if c.PathValue("type") == auditType && strings.HasPrefix(c.PathValue("id"), "log-") { // others were imported
		return s.auditRead(c)
	}
	if c.raw {
		return c.binary(0)
	}
	v, err := c.actor.ReadVersion(c.Context(), c.PathValue("type"), c.PathValue("id"), 0)
	if err != nil {
		return err
	}
	if c.has(v) {
		c.w.Header().Set("ETag", fmt.Sprintf(`W/"%d"`, v.Version))
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if c.URL.RawQuery != "" {
		v.Body, err = shape(v.Body, c.URL.Query().Get("_summary"), c.URL.Query().Get("_elements"))
		if err != nil {
			return err
		}
	}
	if record.Lacks(v.Body) {
		return record.LostData(v.Type+"/"+v.ID, record.LostFiles(v.Body)...)
	}
	return c.send(http.StatusOK, v, false)
}

// has reports whether the client says that it has a version already (R4
// http.html#cread). If-Modified-Since has seconds and counts only without If-None-Match.
func (c *call) has(v store.Version) bool {
	if h := c.Header.Get("If-None-Match"); h != "" {
		return strings.TrimSpace(h) == "*" || strings.Contains(h, fmt.Sprintf(`"%d"`, v.Version))
	}
	h := c.Header.Get("If-Modified-Since")
	if h == "" {
		return false
	}
	since, err := http.ParseTime(h)
	return err == nil && !v.Updated.After(since)
}

// vread answers GET [type]/[id]/_history/[vid] (R4 http.html#vread).
func (s *server) vread(c *call) error {
	n, err := strconv.ParseInt(c.PathValue("vid"), 10, 64)
	if err != nil || n < 1 {
		return fault.New(fault.NotFound, "There is no version %q.", clip(c.PathValue("vid")))
	}
	if c.raw {
		return c.binary(n)
	}
	v, err := c.actor.ReadVersion(c.Context(), c.PathValue("type"), c.PathValue("id"), n)
	if err != nil {
		return err
	}
	if v.Deleted {
		return fault.New(fault.Gone, "Version %d is a deletion.", n)
	}
	if record.Lacks(v.Body) {
		return record.LostData(v.Type+"/"+v.ID, record.LostFiles(v.Body)...)
	}
	return c.send(http.StatusOK, v, false)
}

// shape applies _summary and _elements to a stored body, and tags it SUBSETTED when
// something was left out.
func shape(body []byte, summary, elements string) ([]byte, error) {
	switch summary {
	case "", "true", "text", "data", "false":
	case "count":
		return nil, fault.New(fault.Malformed, "_summary=count is for searches; a read answers with the resource.")
	default:
		return nil, fault.New(fault.Malformed, "_summary must be true, text, data or false.")
	}
	if summary == "false" {
		summary = ""
	}
	if summary == "" && elements == "" {
		return body, nil
	}
	r, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	var list []string
	if elements != "" {
		list = strings.Split(elements, ",")
	}
	return subset(r, search.Summary(summary), list).JSON(), nil
}
