package web

import (
	"net/url"
	"regexp"
)

// What stands behind the "?" of an address is kept by browsers, proxies and logs, and stays when
// the page is closed. Addresses of Osler's pages therefore hold ids, days, numbers and words of
// the program, never what somebody typed: names, birth dates, complaints, medicines. Pages that
// search ask with POST.
//
// This file is the gate: every request loses the parameters that are not listed here, or that do
// not look as they must, before a handler sees it. A page that would read another one reads
// nothing.

// shape is what a parameter of an address looks like.
type shape struct {
	form  *regexp.Regexp
	parts string // "path" or "query": judged by its own parameters
}

var (
	anID   = shape{form: regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)}
	aRef   = shape{form: regexp.MustCompile(`^([A-Z][A-Za-z]{2,40}/)?[A-Za-z0-9.-]{1,64}$`)}
	aDay   = shape{form: regexp.MustCompile(`^[0-9a-z-]{1,12}$`)} // a page says what is wrong with "soon"
	aTime  = shape{form: regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$`)}
	number = shape{form: regexp.MustCompile(`^\d{1,12}$`)}
	aWord  = shape{form: regexp.MustCompile(`^[a-zA-Z-]{1,20}$|^1$`)}
	opaque = shape{form: regexp.MustCompile(`^[!-~]+$`)}
	aPath  = shape{parts: "path"}  // of this site, with what its own address may hold
	aQuery = shape{parts: "query"} // the "?" part of such a path
)

// addressed are the parameters that an address may hold.
var addressed = map[string]shape{
	// which entry
	"patient": aRef, "person": anID, "encounter": anID, "visit": anID, "task": anID, "thread": anID, "a": anID, "with": anID,
	"renew": aRef, "about": aRef, "s": anID, "test": anID, "id": anID,
	// when
	"day": aDay, "from": aDay, "to": aDay, "asof": aDay, "month": aDay, "at": aTime,
	// how much, and where to go on
	"years": number, "days": number, "minutes": number, "before": number, "line": number, "ended": number,
	// which of the program's choices
	"view": aWord, "lane": aWord, "span": aWord, "all": aWord, "amend": aWord, "did": aWord, "door": aWord, "purpose": aWord, "outcome": aWord, "glass": aWord, "topic": aWord, "help": aWord, "for": aWord, "kind": aWord,
	// what a provider sends back with a person who signed in there (OpenID Connect)
	"code": opaque, "state": opaque, "iss": opaque, "error": opaque, "error_description": {form: regexp.MustCompile(`^[ -~]+$`)}, "session_state": opaque,
	// where to go afterwards
	"next": aPath, "book": aQuery,
}

// foreign are addresses whose parameters are a protocol of others, with a reader of its own.
const foreign = "/oauth/authorize"

// fits reports whether a value looks as it must.
func (s shape) fits(value string) bool {
	switch s.parts {
	case "path":
		return local(value) && tidy(value) == value
	case "query":
		return bare(value) == value
	}
	return s.form.MatchString(value)
}

// bare is a query without what an address must not hold. What is tidy already stays as it is,
// letter by letter.
func bare(query string) string {
	if query == "" {
		return ""
	}
	in, err := url.ParseQuery(query)
	kept, whole := url.Values{}, err == nil
	for name, values := range in {
		s, known := addressed[name]
		for _, v := range values {
			if known && (v == "" || s.fits(v)) {
				kept.Add(name, v)
			} else {
				whole = false
			}
		}
	}
	if whole {
		return query
	}
	return kept.Encode()
}

// Addressable reports whether an address of a page holds nothing that it must not.
func Addressable(path string) bool { return tidy(path) == path }

// tidy is a path of this site without what its address must not hold.
func tidy(path string) string {
	u, err := url.Parse(path)
	switch {
	case err != nil:
		return "/"
	case u.Path == foreign:
		return path
	}
	u.RawQuery = bare(u.RawQuery)
	return u.String()
}
