package search

import (
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// ParseQuery reads the query part of a URL into parameters, in their order, which
// url.Values would lose.
func ParseQuery(raw string) ([]Param, error) {
	var list []Param
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, fault.New(fault.Malformed, "The search parameter %q is not escaped correctly.", name)
		}
		list = append(list, Param{Name: n, Value: v})
	}
	return list, nil
}

// Encode writes parameters as the query part of a URL, in their order: the opposite of
// ParseQuery, for self and page links.
func Encode(list []Param) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
	}
	return b.String()
}

// Escape makes a text safe as a value of a search parameter: comma, bar, dollar and
// backslash get a backslash.
func Escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(s)
}

// splitEscaped splits at a separator that no backslash precedes. The parts stay escaped.
func splitEscaped(s string, separator byte) []string {
	if strings.IndexByte(s, separator) < 0 {
		return []string{s}
	}
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape resolves \, \| \$ and \\. A backslash before anything else stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`\,|$`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// cutPrefix takes the comparison prefix off an ordered value.
func cutPrefix(param, value string) (Prefix, string, error) {
	if len(value) < 2 || value[0] < 'a' || value[0] > 'z' {
		return Eq, value, nil
	}
	switch p := Prefix(value[:2]); p {
	case Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap:
		return p, value[2:], nil
	}
	return "", "", malformed(param, value, "starts with an unknown prefix; use eq, ne, gt, lt, ge, le, sa, eb or ap")
}
