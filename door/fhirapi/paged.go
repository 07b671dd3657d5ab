package fhirapi

import (
	"errors"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// pageBundle writes a Bundle of stored bytes, entry by entry.
type pageBundle struct {
	b     []byte
	call  *call
	n     int
	total int64    // less the matches found; negative when it is not told
	lack  []string // references of resources whose data is lost
	large []string // and of those without data that would make the answer too large
}

// startPage begins a Bundle of a type; total is -1 when it is not told.
func (c *call) startPage(kind string, total int64, links ...any) *pageBundle {
	b := append(append(make([]byte, 0, 512), `{"resourceType":"Bundle","type":"`...), kind+`"`...)
	if total >= 0 {
		b = strconv.AppendInt(append(b, `,"total":`...), total, 10)
	}
	return &pageBundle{b: fhir.Arr(links...).AppendJSON(append(b, `,"link":`...)), call: c, total: total}
}

// next makes room for an entry.
func (p *pageBundle) next() {
	if p.n++; p.n == 1 {
		p.b = append(p.b, `,"entry":[`...)
		return
	}
	p.b = append(p.b, ',')
}

// found adds a resource of a search, with the body that is shown of it.
func (p *pageBundle) found(v store.Version, body []byte, mode string) {
	if record.Lacks(v.Body) {
		p.lack = append(p.lack, v.Type+"/"+v.ID)
	}
	if record.Sized(body) {
		p.large = append(p.large, v.Type+"/"+v.ID)
	}
	p.next()
	p.call.shows(v)
	if mode == "match" {
		p.total--
	}
	for _, part := range [...]string{`{"fullUrl":"`, p.call.base, "/", v.Type, "/", v.ID, `","resource":`} {
		p.b = append(p.b, part...)
	}
	p.b = append(p.b, body...)
	for _, part := range [...]string{`,"search":{"mode":"`, mode, `"}}`} {
		p.b = append(p.b, part...)
	}
}

// warns adds what the reader of a search has to know of the answer.
func (p *pageBundle) warns(kind, text string) {
	p.next()
	o := outcome(fault.Issue{Severity: "warning", Type: kind, Text: text})
	p.b = append(o.AppendJSON(append(p.b, `{"resource":`...)), `,"search":{"mode":"outcome"}}`...)
}

// expect makes room for versions at once, as they are stored.
func (p *pageBundle) expect(lists ...[]store.Version) {
	size := len(p.b) + 1
	for _, list := range lists {
		for _, v := range list {
			size += len(v.Body) + len(p.call.base) + len(v.Type) + len(v.ID) + 80
		}
	}
	p.b = slices.Grow(p.b, size-len(p.b))
}

// done ends the Bundle, and names what is shown without its data.
func (p *pageBundle) done() []byte {
	if p.total > 0 && p.call.job != nil {
		p.call.job.counts = true
	}
	for _, ref := range p.lack {
		p.warns("incomplete", ref+" is shown without its data: the file is missing or damaged in the place where contents are kept, and has to come back from a backup.")
	}
	for _, ref := range p.large {
		p.warns("too-long", ref+" is shown without data that would make this answer too large: read it alone, and a Binary as what it holds (GET "+ref+" without a FHIR type in Accept).")
	}
	if p.n > 0 {
		p.b = append(p.b, ']')
	}
	return append(p.b, '}')
}

// pageLinks are the links of a page whose address is this request's with another token.
func (c *call) pageLinks(query url.Values, next string) []any {
	address := func(token string) string {
		q := maps.Clone(query)
		if q.Del(pageParam); token != "" {
			q.Set(pageParam, token)
		}
		return strings.TrimSuffix(c.base+c.URL.EscapedPath()[len("/fhir"):]+"?"+q.Encode(), "?")
	}
	links := []any{fhir.Obj("relation", "self", "url", address(query.Get(pageParam)))}
	if next != "" {
		links = append(links, fhir.Obj("relation", "next", "url", address(next)))
	}
	return links
}

// instantOf reads a parameter that is an instant; the zero time when it is not given.
func instantOf(query url.Values, name string) (time.Time, error) {
	if !query.Has(name) {
		return time.Time{}, nil
	}
	v := strings.ReplaceAll(query.Get(name), " ", "+") // of a zone that was not escaped
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		return t, fault.New(fault.Malformed, "%s=%q is not an instant such as 2026-11-24T08:00:00Z.", name, clip(v))
	}
	return t, nil
}

// countOf reads _count; 0 when it is not given. What is larger than a number is the largest.
func countOf(query url.Values) (int, error) {
	v := query.Get("_count")
	if !query.Has("_count") {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt32, nil
	}
	if err != nil || n < 1 {
		return 0, fault.New(fault.Malformed, "_count=%q is not a positive number.", clip(v))
	}
	return int(n), nil
}
