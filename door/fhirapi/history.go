package fhirapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
)

// history answers GET [type]/[id]/_history, [type]/_history and _history
// (R4 http.html#history) with _count, _since and paging.
func (s *server) history(c *call) error {
	f := store.HistoryFilter{Type: c.PathValue("type"), ID: c.PathValue("id"), Count: 50}
	query := c.URL.Query()
	if v := query.Get("_count"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return fault.New(fault.Malformed, "_count=%q is not a positive number.", clip(v))
		}
		f.Count = min(n, 1000)
	}
	if v := query.Get("_since"); v != "" {
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fault.New(fault.Malformed, "_since=%q is not an instant such as 2026-11-24T08:00:00Z.", clip(v))
		}
		f.Since = t
	}
	if v := query.Get(pageParam); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 1 {
			return fault.New(fault.Malformed, "The page address cannot be read; start again.")
		}
		f.Before = store.T(n)
	}
	versions, err := c.actor.History(c.Context(), f)
	if err != nil {
		return err
	}
	self := c.base + c.URL.Path[len("/fhir"):]
	links := fhir.Arr(fhir.Obj("relation", "self", "url", self))
	more, err := s.older(c, f, versions)
	if err != nil {
		return err
	}
	if more {
		next := fmt.Sprintf("%s?_count=%d&%s=%d", self, f.Count, pageParam, versions[len(versions)-1].T)
		if !f.Since.IsZero() {
			next += "&_since=" + url.QueryEscape(f.Since.Format(time.RFC3339Nano))
		}
		links.Append(fhir.Obj("relation", "next", "url", next))
	}
	b := links.AppendJSON([]byte(`{"resourceType":"Bundle","type":"history","link":`))
	for i, v := range versions {
		b = append(b, [2]string{`,"entry":[`, `,`}[min(i, 1)]...)
		b = appendVersion(b, c.base, v)
	}
	if len(versions) > 0 {
		b = append(b, ']')
	}
	return c.write(http.StatusOK, append(b, '}'))
}

// older reports whether there are versions behind a page. A short page is no sign of the
// end: what the caller may not see is left out of it.
func (s *server) older(c *call, f store.HistoryFilter, page []store.Version) (bool, error) {
	if len(page) == 0 {
		return false, nil
	}
	last := page[len(page)-1]
	if f.ID != "" && last.Version == 1 {
		return false, nil
	}
	f.Before, f.Count = last.T, 1
	behind, err := c.actor.History(c.Context(), f)
	return len(behind) > 0, err
}

func appendVersion(b []byte, base string, v store.Version) []byte {
	method, status, url := "PUT", "200 OK", v.Type+"/"+v.ID
	switch {
	case v.Deleted:
		method, status = "DELETE", "204 No Content"
	case v.Version == 1:
		method, status, url = "POST", "201 Created", v.Type
	}
	b = append(b, `{"fullUrl":"`+base+"/"+v.Type+"/"+v.ID+`"`...)
	if !v.Deleted {
		b = append(append(b, `,"resource":`...), v.Body...)
	}
	b = append(b, `,"request":`...)
	b = fhir.Obj("method", method, "url", url).AppendJSON(b)
	b = append(b, `,"response":`...)
	b = fhir.Obj("status", status, "etag", fmt.Sprintf(`W/"%d"`, v.Version),
		"lastModified", v.Updated.UTC().Format("2006-01-02T15:04:05.000Z07:00")).AppendJSON(b)
	return append(b, '}')
}
