package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"
	"unicode/utf8"
)

// strings_ is section 5.6 of FHIRPath N1. Positions count characters, not bytes.
var strings_ = map[string]function{
	"indexOf": withText(func(s, x string) Value {
		i := strings.Index(s, x)
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return integer(int64(i))
	}),
	"lastIndexOf": withText(func(s, x string) Value {
		i := strings.LastIndex(s, x)
		if i > 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return integer(int64(i))
	}),
	"startsWith": withText(func(s, x string) Value { return boolean(strings.HasPrefix(s, x)) }),
	"endsWith":   withText(func(s, x string) Value { return boolean(strings.HasSuffix(s, x)) }),
	"contains":   withText(func(s, x string) Value { return boolean(strings.Contains(s, x)) }),
	"upper":      onText(strings.ToUpper),
	"lower":      onText(strings.ToLower),
	"trim":       onText(strings.TrimSpace),
	"length": {0, 0, func(_ *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		return []Value{integer(int64(utf8.RuneCountInString(v.text)))}, nil
	}},
	"toChars": {0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		if err := s.spend(len(v.text)); err != nil {
			return nil, err
		}
		var out []Value
		for _, r := range v.text {
			out = append(out, text(string(r)))
		}
		return out, nil
	}},
	"substring":      {1, 2, substring},
	"replace":        {2, 2, replace},
	"matches":        {1, 2, matches(false)},
	"matchesFull":    {1, 1, matches(true)},
	"replaceMatches": {2, 2, replaceMatches},
	"split": {1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		by, ok, err := one(s, args[0], outer, String)
		if err != nil || !ok {
			return nil, err
		}
		var out []Value
		for _, part := range strings.Split(v.text, by.text) {
			out = append(out, text(part))
		}
		return out, s.spend(len(out))
	}},
	"join": {0, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		by := ""
		if len(args) == 1 {
			v, _, err := one(s, args[0], outer, String)
			if err != nil {
				return nil, err
			}
			by = v.text
		}
		var parts []string
		size := 0
		for i := range in {
			v, ok, err := single(in[i:i+1], String)
			if err != nil {
				return nil, err
			}
			if ok {
				parts = append(parts, v.text)
				size += len(v.text) + len(by)
			}
		}
		if size > maxText {
			return nil, refuse("a text grows longer than %d bytes.", maxText)
		}
		if len(parts) == 0 {
			return nil, nil
		}
		return []Value{text(strings.Join(parts, by))}, s.spendText(size)
	}},
	"encode":   withFormat(encoders),
	"decode":   withFormat(decoders),
	"escape":   withFormat(escapers),
	"unescape": withFormat(unescapers),
}

func onText(f func(string) string) function {
	return function{0, 0, func(s *state, in, _ []Value, _ []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		return []Value{text(f(v.text))}, s.spendText(len(v.text))
	}}
}

func withText(f func(s, x string) Value) function {
	return function{1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		x, ok, err := one(s, args[0], outer, String)
		if err != nil || !ok {
			return nil, err
		}
		return []Value{f(v.text, x.text)}, s.spendText(len(v.text))
	}}
}

func substring(s *state, in, outer []Value, args []eval) ([]Value, error) {
	v, ok, err := single(in, String)
	if err != nil || !ok {
		return nil, err
	}
	start, ok, err := one(s, args[0], outer, Integer)
	if err != nil || !ok {
		return nil, err
	}
	runes := []rune(v.text)
	if start.i < 0 || start.i >= int64(len(runes)) {
		return nil, nil
	}
	runes = runes[start.i:]
	if len(args) == 2 {
		n, ok, err := one(s, args[1], outer, Integer)
		if err != nil {
			return nil, err
		}
		if ok {
			runes = runes[:clamp(n.i, len(runes))]
		}
	}
	return []Value{text(string(runes))}, s.spendText(len(v.text))
}

// texts evaluates the input and two arguments as strings.
func texts(s *state, in, outer []Value, args []eval) (v, x, y string, ok bool, err error) {
	a, ok, err := single(in, String)
	if err != nil || !ok {
		return "", "", "", false, err
	}
	b, ok, err := one(s, args[0], outer, String)
	if err != nil || !ok {
		return "", "", "", false, err
	}
	c, ok, err := one(s, args[1], outer, String)
	return a.text, b.text, c.text, ok, err
}

func replace(s *state, in, outer []Value, args []eval) ([]Value, error) {
	v, old, with, ok, err := texts(s, in, outer, args)
	if err != nil || !ok {
		return nil, err
	}
	if len(v)+(strings.Count(v, old))*len(with) > maxText {
		return nil, refuse("a text grows longer than %d bytes.", maxText)
	}
	return []Value{text(strings.ReplaceAll(v, old, with))}, s.spendText(len(v))
}

func matches(full bool) func(s *state, in, outer []Value, args []eval) ([]Value, error) {
	return func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		x, ok, err := one(s, args[0], outer, String)
		if err != nil || !ok {
			return nil, err
		}
		r, err := s.pattern(x.text, full)
		if err != nil {
			return nil, err
		}
		if err := s.spendMatch(r, v.text); err != nil {
			return nil, err
		}
		return yesNo(r.MatchString(v.text))
	}
}

func replaceMatches(s *state, in, outer []Value, args []eval) ([]Value, error) {
	v, source, with, ok, err := texts(s, in, outer, args)
	if err != nil || !ok {
		return nil, err
	}
	if source == "" {
		return []Value{text(v)}, nil
	}
	r, err := s.pattern(source, false)
	if err != nil {
		return nil, err
	}
	if err := s.spendMatch(r, v); err != nil {
		return nil, err
	}
	// A match puts in the replacement, and what $1 stands for: no more than all of the text.
	if (len(v)+1)*(len(with)+1)+strings.Count(with, "$")*len(v) > maxText {
		return nil, refuse("a text grows longer than %d bytes.", maxText)
	}
	out := r.ReplaceAllString(v, with)
	return []Value{text(out)}, s.spendText(len(out))
}

func withFormat(formats map[string]func(string) (string, bool)) function {
	return function{1, 1, func(s *state, in, outer []Value, args []eval) ([]Value, error) {
		v, ok, err := single(in, String)
		if err != nil || !ok {
			return nil, err
		}
		name, ok, err := one(s, args[0], outer, String)
		if err != nil || !ok {
			return nil, err
		}
		f := formats[name.text]
		if f == nil || len(v.text) > maxText {
			return nil, nil
		}
		if err := s.spendText(len(v.text)); err != nil {
			return nil, err
		}
		out, ok := f(v.text)
		if !ok {
			return nil, nil
		}
		return []Value{text(out)}, nil
	}}
}

var encoders = map[string]func(string) (string, bool){
	"hex":       func(s string) (string, bool) { return hex.EncodeToString([]byte(s)), true },
	"base64":    func(s string) (string, bool) { return base64.StdEncoding.EncodeToString([]byte(s)), true },
	"urlbase64": func(s string) (string, bool) { return base64.URLEncoding.EncodeToString([]byte(s)), true },
}

var decoders = map[string]func(string) (string, bool){
	"hex":       decoded(hex.DecodeString),
	"base64":    decoded(base64.StdEncoding.DecodeString),
	"urlbase64": decoded(base64.URLEncoding.DecodeString),
}

func decoded(f func(string) ([]byte, error)) func(string) (string, bool) {
	return func(s string) (string, bool) {
		b, err := f(s)
		return string(b), err == nil && utf8.Valid(b)
	}
}

var escapers = map[string]func(string) (string, bool){
	"html": func(s string) (string, bool) {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s), true
	},
	"json": func(s string) (string, bool) {
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s), true
	},
	"url": func(s string) (string, bool) { return url.QueryEscape(s), true },
}

var unescapers = map[string]func(string) (string, bool){
	"html": func(s string) (string, bool) { return html.UnescapeString(s), true },
	"json": func(s string) (string, bool) {
		return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\/`, "/").Replace(s), true
	},
	"url": func(s string) (string, bool) { u, err := url.QueryUnescape(s); return u, err == nil },
}
