package cda

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/osler-emr/osler/base/fault"
)

// declared finds the charset in an XML declaration.
var declared = regexp.MustCompile(`^<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']`)

// charsets are those that are read beside UTF-8. ISO-8859-1 is read as windows-1252, as browsers
// do: it differs only in control characters, which no document means.
var charsets = map[string]encoding.Encoding{
	"iso-8859-1": charmap.Windows1252, "latin1": charmap.Windows1252, "windows-1252": charmap.Windows1252, "cp1252": charmap.Windows1252,
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-15": charmap.ISO8859_15, "windows-1250": charmap.Windows1250,
}

// decode returns a document as UTF-8 that holds only characters of XML, its line ends alike.
func decode(body []byte) (string, error) {
	src, err := utf(body)
	if err != nil {
		return "", err
	}
	for i, c := range src {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return "", fault.New(fault.Malformed, "The document holds a control character at line %d.", 1+bytes.Count(src[:i], []byte("\n")))
		}
	}
	if bytes.Contains(src, []byte("\uFFFE")) || bytes.Contains(src, []byte("\uFFFF")) {
		return "", fault.New(fault.Malformed, "The document holds a character that XML does not have.")
	}
	return lines(src), nil
}

// lines makes line ends alike, as XML wants it before anything else.
func lines(src []byte) string {
	if bytes.IndexByte(src, '\r') < 0 {
		return string(src)
	}
	var b strings.Builder
	b.Grow(len(src))
	for {
		i := bytes.IndexByte(src, '\r')
		if i < 0 {
			b.Write(src)
			return b.String()
		}
		b.Write(src[:i])
		b.WriteByte('\n')
		src = src[i+1:]
		if len(src) > 0 && src[0] == '\n' {
			src = src[1:]
		}
	}
}

func utf(body []byte) ([]byte, error) {
	wide := func(e unicode.Endianness) ([]byte, error) {
		return through(unicode.UTF16(e, unicode.UseBOM), "UTF-16", body)
	}
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		body = body[3:]
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("<\x00")):
		return wide(unicode.LittleEndian)
	case bytes.HasPrefix(body, []byte("\xfe\xff")), bytes.HasPrefix(body, []byte("\x00<")):
		return wide(unicode.BigEndian)
	}
	name := "UTF-8"
	if m := declared.FindSubmatch(body[:min(len(body), 256)]); m != nil {
		name = string(m[1])
	}
	switch lower := strings.ToLower(name); lower {
	case "utf-8", "utf8", "us-ascii", "ascii":
		if !utf8.Valid(body) {
			line := 1
			for rest := body; len(rest) > 0; {
				r, n := utf8.DecodeRune(rest)
				if r == utf8.RuneError && n == 1 {
					break
				}
				if r == '\n' {
					line++
				}
				rest = rest[n:]
			}
			return nil, fault.New(fault.Malformed, "The document says that it is written in %s, but line %d is not.", name, line)
		}
		return body, nil
	default:
		e, ok := charsets[lower]
		if !ok {
			return nil, fault.New(fault.NotSupported, "The document is written in the charset %s, which is not read. UTF-8, UTF-16, ISO-8859-1 and windows-1252 are.", name)
		}
		return through(e, name, body)
	}
}

func through(e encoding.Encoding, name string, body []byte) ([]byte, error) {
	if strings.HasPrefix(name, "UTF-16") && bytes.HasPrefix(body, []byte("<\x00")) {
		e = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	} else if strings.HasPrefix(name, "UTF-16") && bytes.HasPrefix(body, []byte("\x00<")) {
		e = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	out, err := e.NewDecoder().Bytes(body)
	if err != nil || bytes.Contains(out, []byte("\uFFFD")) {
		return nil, fault.New(fault.Malformed, "The document says that it is written in %s, but it holds bytes that are no characters of that.", name)
	}
	return out, nil
}
