package fhirapi

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// pageParam carries a page's snapshot and position. It is opaque to clients.
const pageParam = "_page"

// search answers GET [type]?… and POST [type]/_search (R4 http.html#search). The answer is
// spliced from stored bytes.
func (s *server) search(c *call) error {
	resourceType := c.PathValue("type")
	if resourceType == auditType {
		return s.auditEvents(c)
	}
	raw, err := rawQuery(c)
	if err != nil {
		return err
	}
	raw, token := cutParam(raw, pageParam)
	after, err := decodePage(token)
	if err != nil {
		return err
	}
	mode := search.Lenient
	if prefer(c.Header, "handling") == "strict" {
		mode = search.Strict
	}
	params, err := search.ParseQuery(raw)
	if err != nil {
		return err
	}
	parser, err := c.parser()
	if err != nil {
		return err
	}
	for i := range params {
		params[i].Value = own(parser.Registry, c.base, resourceType, params[i])
	}
	q, err := parser.Parse(resourceType, params, mode)
	if err != nil {
		return err
	}
	q.Bytes = pageBytes
	page, err := c.actor.Search(c.Context(), c.within.limit(q), 0, after)
	if err != nil {
		return err
	}
	b, err := s.searchset(c, q, page, token)
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, b)
}

// pageBytes is how large the resources of a page may be together.
const pageBytes = 32 << 20

// maxForm is the largest body of POST _search in bytes.
const maxForm = 1 << 20

// own returns a parameter's value with references to this server made relative, as they
// are stored.
func own(known *search.Registry, base, resourceType string, p search.Param) string {
	if !strings.Contains(p.Value, base+"/") {
		return p.Value
	}
	name, _, _ := strings.Cut(p.Name, ":")
	if d, ok := known.Parameter(resourceType, name); !ok || d.Type != "reference" {
		return p.Value
	}
	return strings.ReplaceAll(p.Value, base+"/", "")
}

// rawQuery joins the parameters of the URL and of a form body.
func rawQuery(c *call) (string, error) {
	if c.Method != http.MethodPost {
		return c.URL.RawQuery, nil
	}
	if ct := c.Header.Get("Content-Type"); ct != "" && !strings.HasPrefix(ct, "application/x-www-form-urlencoded") {
		return "", unsupported(ct, "application/x-www-form-urlencoded")
	}
	b, err := io.ReadAll(io.LimitReader(c.Body, maxForm+1))
	if len(b) > maxForm {
		return "", fault.New(fault.TooLarge, "The search form is larger than the limit of %d bytes.", maxForm)
	}
	if err != nil {
		return "", unread(err, fault.Wrap(err, fault.Malformed, "The search form could not be read."))
	}
	if c.URL.RawQuery == "" {
		return string(b), nil
	}
	return c.URL.RawQuery + "&" + string(b), nil
}

// cutParam takes one parameter out of a raw query and returns its value.
func cutParam(raw, name string) (rest, value string) {
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		if v, ok := strings.CutPrefix(part, name+"="); ok {
			value, _ = url.QueryUnescape(v)
			continue
		}
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&"), value
}

// The position that the store gives is sealed and holds the snapshot.
func encodePage(after []byte) string { return base64.RawURLEncoding.EncodeToString(after) }

func decodePage(token string) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(after) == 0 {
		return nil, fault.Wrap(errors.Join(err), fault.Malformed, "The page address cannot be read; start the search again.")
	}
	return after, nil
}

// searchset writes the Bundle of a page.
func (s *server) searchset(c *call, q search.Query, page store.Page, token string) ([]byte, error) {
	b := c.startPage("searchset", page.Total, s.links(c, q, page, token)...)
	if q.Summary == search.SummaryFalse && len(q.Elements) == 0 {
		b.expect(page.Matches, page.Included)
	}
	add := func(v store.Version, mode string) error {
		body := v.Body
		if q.Summary != search.SummaryFalse || len(q.Elements) > 0 {
			r, err := fhir.Parse(body)
			if err != nil {
				return err
			}
			body = subset(r, q.Summary, q.Elements).JSON()
		}
		b.found(v, body, mode)
		return nil
	}
	for _, v := range page.Matches {
		if err := add(v, "match"); err != nil {
			return nil, err
		}
	}
	for _, v := range page.Included {
		if err := add(v, "include"); err != nil {
			return nil, err
		}
	}
	for _, ig := range q.Ignored {
		b.warns("not-supported", "The parameter "+ig.Name+" was not applied: "+ig.Reason)
	}
	return b.done(), nil
}

// links returns self (the search as it was understood), first and next.
func (s *server) links(c *call, q search.Query, page store.Page, token string) []any {
	var applied []string
	for _, p := range q.Applied {
		applied = append(applied, url.QueryEscape(p.Name)+"="+url.QueryEscape(p.Value))
	}
	address := func(token string) string {
		parts := applied
		if token != "" {
			parts = append(parts[:len(parts):len(parts)], pageParam+"="+token)
		}
		u := strings.TrimSuffix(c.base+"/"+c.within.path()+q.Type, "/")
		if len(parts) > 0 {
			u += "?" + strings.Join(parts, "&")
		}
		return u
	}
	links := []any{fhir.Obj("relation", "self", "url", address(token))}
	if token != "" {
		links = append(links, fhir.Obj("relation", "first", "url", address("")))
	}
	if page.Next != nil {
		links = append(links, fhir.Obj("relation", "next", "url", address(encodePage(page.Next))))
	}
	return links
}
