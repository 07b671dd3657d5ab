package web

import (
	"net/http"
	"net/url"
	"strings"
)

// view is how a person wants pages to look in this browser.
type view struct {
	Theme    string // "light", "dark" or "" for the system's
	Density  string // "comfortable" or "" for compact
	Text     string // "large" or "" for the usual size
	Language string // tag, or "" for the account's or the browser's
	NoKeys   bool
}

func readView(r *Request) view {
	c, err := r.Cookie(r.Site.cookieName(viewCookie))
	if err != nil {
		return view{}
	}
	q, err := url.ParseQuery(c.Value)
	if err != nil {
		return view{}
	}
	return view{
		Theme:    oneOf(q.Get("theme"), "light", "dark"),
		Density:  oneOf(q.Get("density"), "comfortable"),
		Text:     oneOf(q.Get("text"), "large"),
		Language: q.Get("language"),
		NoKeys:   q.Get("keys") == "off",
	}
}

func (v view) save(w http.ResponseWriter, s *Site) {
	q := url.Values{}
	for name, value := range map[string]string{"theme": v.Theme, "density": v.Density, "text": v.Text, "language": v.Language} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.NoKeys {
		q.Set("keys", "off")
	}
	http.SetCookie(w, s.cookie(viewCookie, q.Encode(), 400*24*3600))
}

func oneOf(value string, allowed ...string) string {
	for _, a := range allowed {
		if value == a {
			return a
		}
	}
	return ""
}

// splitAccept returns the tags of an Accept-Language header in the order written; browsers
// write them by preference.
func splitAccept(header string) []string {
	var tags []string
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}
