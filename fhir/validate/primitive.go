package validate

import (
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// maxString is the size of a string in bytes that R4 allows (datatypes.html#string).
const maxString = 1 << 20

// primitive checks the JSON kind and the format of a primitive value and reports whether it
// is well formed.
func (c *checker) primitive(v *fhir.Node, e *definition.Element, code string) bool {
	want, wanted := fhir.String, "text in double quotes"
	switch code {
	case "boolean":
		want, wanted = fhir.Boolean, "true or false"
	case "integer", "positiveInt", "unsignedInt", "decimal":
		want, wanted = fhir.Number, "a number"
	}
	if v.Kind() != want {
		c.fail("value", "The type "+code+" is written as "+wanted+", not as "+kindName(v)+".")
		return false
	}
	if code == "string" && e != nil && e.Name == "id" && len(c.path) > 1 && definition.IsResource(e.Path[:len(e.Path)-3]) {
		code = "id"
	}
	if code == "xhtml" {
		c.narrative(v.Text())
		return true
	}
	if c.options.RefuseExamples && (code == "uri" || code == "url" || code == "canonical") && example(v.Text()) {
		c.fail("value", "The address is one that is kept for examples.")
	}
	if text := malformed(code, v.Text()); text != "" {
		c.fail("value", text)
		return false
	}
	return true
}

// malformed says what is wrong with a primitive's text, "" when nothing is.
func malformed(code, s string) string {
	if s == "" {
		return "The text is empty; leave the element out instead."
	}
	switch code {
	case "string", "markdown":
		if len(s) > maxString {
			return "The text is longer than 1 MB."
		}
		return printable(s)
	case "code":
		if !isCode(s) {
			return "A code must not begin or end with a space, or hold more than one space in a row."
		}
	case "id":
		if !isID(s) {
			return "An id has 1 to 64 characters: letters A-Z and a-z, digits, hyphen and full stop."
		}
	case "uri", "url", "canonical", "oid", "uuid":
		return address(code, s)
	case "date", "dateTime", "instant", "time":
		return calendar(code, s)
	case "integer", "positiveInt", "unsignedInt":
		return whole(code, s)
	case "decimal":
		return countable(s)
	case "base64Binary":
		if !isBase64(s) {
			return "This is not base64: letters, digits, +, / and = in groups of four."
		}
	}
	return ""
}

// maxDigits is how long a decimal may be; R4 asks for 18 digits at least.
const maxDigits = 400

// countable refuses a number that nothing can be computed with: one beyond what 64 bits hold would be
// found by no search and drawn on no chart, and its digits written out would fill the memory.
func countable(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if len(s) > maxDigits || err != nil || f == 0 && strings.Trim(digits(s), "0.-+") != "" {
		return "The number is too large, too small or too long to be computed with."
	}
	return ""
}

// digits is a number without its exponent.
func digits(s string) string {
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		return s[:i]
	}
	return s
}

func printable(s string) string {
	for i := 0; i < len(s); i++ {
		if ch := s[i]; ch < 0x20 && ch != '\t' && ch != '\n' && ch != '\r' {
			return "The text holds a control character."
		}
	}
	return ""
}

func isCode(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if ch == ' ' && space || ch < ' ' || ch == 0x7f {
			return false
		}
		space = ch == ' '
	}
	return !space
}

func isID(s string) bool {
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if !letter(ch) && !digit(ch) && ch != '-' && ch != '.' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 64
}

func letter(ch byte) bool { return ch|0x20 >= 'a' && ch|0x20 <= 'z' }

func digit(ch byte) bool { return ch >= '0' && ch <= '9' }

func address(code, s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' {
			return "An address (" + code + ") must not hold spaces or line ends."
		}
	}
	switch {
	case code == "oid" && !isOID(s):
		return "An oid looks like urn:oid:1.2.3."
	case code == "uuid" && !isUUID(s):
		return "A uuid looks like urn:uuid:c757873d-ec9a-4326-a141-556f43239520, in lower case."
	}
	return ""
}

func isOID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:oid:")
	parts := strings.Split(s, ".")
	if !ok || len(parts) < 2 || len(parts[0]) != 1 || parts[0] > "2" {
		return false
	}
	for _, p := range parts {
		if p == "" || p[0] == '0' && len(p) > 1 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	s, ok := strings.CutPrefix(s, "urn:uuid:")
	if !ok || len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !digit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

func whole(code, s string) string {
	n, err := strconv.ParseInt(s, 10, 32)
	switch {
	case err != nil || s == "-0":
		return "A whole number between -2147483648 and 2147483647 is expected, without point or exponent."
	case code == "positiveInt" && n < 1:
		return "The number must be 1 or more."
	case code == "unsignedInt" && n < 0:
		return "The number must not be negative."
	}
	return ""
}

// isBase64 accepts white space between the characters, as R4 does.
func isBase64(s string) bool {
	n, pad := 0, 0
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t':
		case ch == '=':
			pad++
			n++
		case pad > 0 || !letter(ch) && !digit(ch) && ch != '+' && ch != '/':
			return false
		default:
			n++
		}
	}
	return n > 0 && n%4 == 0 && pad <= 2
}
