package fhirapi

import (
	"cmp"
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
	skip, err := s.historyPage(query.Get(pageParam), &f)
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
	if next != "" {
		if next, err = s.sealPage(next); err != nil {
			return err
		}
	}
	b := c.startPage("history", -1, c.pageLinks(query, next)...)
	for _, v := range page {
		b.next()
		c.shows(v)
		b.b = appendVersion(b.b, c.base, v)
	}
	return c.write(http.StatusOK, b.done())
}

// historyFilter reads _count, _since and _at. A filter with At -1 selects nothing: there
// was no record yet.
func (s *server) historyFilter(c *call, query url.Values) (store.HistoryFilter, error) {
	f := store.HistoryFilter{Type: c.PathValue("type"), ID: c.PathValue("id"), Count: 50}
	n, err := countOf(query)
	if err != nil {
		return f, err
	}
	f.Count = min(cmp.Or(n, f.Count), maxHistory)
	if f.Since, err = instantOf(query, "_since"); err != nil {
		return f, err
	}
	if !query.Has("_at") {
		return f, nil
	}
	v := strings.ReplaceAll(query.Get("_at"), " ", "+")
	low, high, ok := search.Period(v)
	if !ok {
		return f, fault.New(fault.Malformed, "_at=%q is not a date or time such as 2026-11-24 or 2026-11-24T08:00:00Z.", clip(v))
	}
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
func (s *server) historyPage(token string, f *store.HistoryFilter) (skip int, err error) {
	if token == "" {
		return 0, nil
	}
	if token, err = s.openPage(token); err != nil {
		return 0, err
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

// historyRows returns a page and the address of the one behind it, "" at the end.
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
