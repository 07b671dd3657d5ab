package fhirapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// maxHistory is the largest page of a history.
const maxHistory = 1000

// history answers GET [type]/[id]/_history, [type]/_history and _history
// (R4 http.html#history) with _count, _since, _at and paging.
func (s *server) history(c *call) error {
	query := c.URL.Query()
	if err := known(query, "_count", "_since", "_at", pageParam); err != nil {
		return err
	}
	f, err := s.historyFilter(c, query)
	if err != nil {
		return err
	}
	skip, err := historyPage(query.Get(pageParam), &f)
	if err != nil {
		return err
	}
	var page []store.Version
	next := ""
	if f.At >= 0 {
		if page, next, err = s.historyRows(c, f, skip); err != nil {
			return err
		}
	}
	address := func(token string) string {
		v := url.Values{}
		for _, name := range []string{"_count", "_since", "_at"} {
			if query.Has(name) {
				v.Set(name, query.Get(name))
			}
		}
		if token != "" {
			v.Set(pageParam, token)
		}
		return strings.TrimSuffix(c.base+c.URL.EscapedPath()[len("/fhir"):]+"?"+v.Encode(), "?")
	}
	links := fhir.Arr(fhir.Obj("relation", "self", "url", address(query.Get(pageParam))))
	if next != "" {
		links.Append(fhir.Obj("relation", "next", "url", address(next)))
	}
	b := links.AppendJSON([]byte(`{"resourceType":"Bundle","type":"history","link":`))
	for i, v := range page {
		b = append(b, [2]string{`,"entry":[`, `,`}[min(i, 1)]...)
		b = appendVersion(b, c.base, v)
	}
	if len(page) > 0 {
		b = append(b, ']')
	}
	return c.write(http.StatusOK, append(b, '}'))
}

// historyFilter reads _count, _since and _at. A filter with At -1 selects nothing: there
// was no record yet.
func (s *server) historyFilter(c *call, query url.Values) (store.HistoryFilter, error) {
	f := store.HistoryFilter{Type: c.PathValue("type"), ID: c.PathValue("id"), Count: 50}
	if v := query.Get("_count"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if errors.Is(err, strconv.ErrRange) {
			n, err = maxHistory, nil
		}
		if err != nil || n < 1 {
			return f, fault.New(fault.Malformed, "_count=%q is not a positive number.", clip(v))
		}
		f.Count = int(min(n, maxHistory))
	}
	if query.Has("_since") {
		v := strings.ReplaceAll(query.Get("_since"), " ", "+") // of a zone that was not escaped
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return f, fault.New(fault.Malformed, "_since=%q is not an instant such as 2026-11-24T08:00:00Z.", clip(v))
		}
		f.Since = t
	}
	if !query.Has("_at") {
		return f, nil
	}
	v := strings.ReplaceAll(query.Get("_at"), " ", "+")
	low, high, ok := search.Period(v)
	if !ok {
		return f, fault.New(fault.Malformed, "_at=%q is not a date or time such as 2026-11-24 or 2026-11-24T08:00:00Z.", clip(v))
	}
	var err error
	if f.From, err = c.actor.Moment(c.Context(), low); err != nil {
		return f, err
	}
	if f.At, err = c.actor.Moment(c.Context(), high.Add(-time.Millisecond)); f.At == 0 {
		f.At = -1
	}
	return f, err
}

// historyPage reads a page's address: the commit at which it begins, and how many versions
// of that commit stand on pages before it.
func historyPage(token string, f *store.HistoryFilter) (skip int, err error) {
	if token == "" {
		return 0, nil
	}
	at, rest, _ := strings.Cut(token, "-")
	t, err := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.ParseUint(cmp.Or(rest, "0"), 10, 31)
	if err != nil || err2 != nil || t < 1 || t > 1<<60 {
		return 0, fault.New(fault.Malformed, "The page address cannot be read; start again.")
	}
	f.Before = store.T(t) + 1
	return int(n), nil
}

// historyRows returns a page and the address of the one behind it, "" at the end. A short
// answer of the record is no sign of the end: what the caller may not see is left out of it.
func (s *server) historyRows(c *call, f store.HistoryFilter, skip int) (page []store.Version, next string, err error) {
	count := f.Count
	f.Count += skip
	rows, err := c.actor.History(c.Context(), f)
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	page = rows[min(skip, len(rows)):]
	if len(page) > count {
		first := page[count]
		same := 0 // versions of the next page's first commit that were shown already
		for _, v := range rows[:len(rows)-len(page)+count] {
			if v.T == first.T {
				same++
			}
		}
		return page[:count], fmt.Sprintf("%d-%d", first.T, same), nil
	}
	last := rows[len(rows)-1]
	if f.ID != "" && last.Version == 1 {
		return page, "", nil
	}
	f.Before, f.Count = last.T, 1
	behind, err := c.actor.History(c.Context(), f)
	if len(behind) > 0 {
		next = strconv.FormatInt(int64(behind[0].T), 10)
	}
	return page, next, err
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
