package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
)

// token is one lexical element: FHIRPath N1, chapter 9.
type token struct {
	kind tokenKind
	text string // identifier, operator, or the value of a literal
	pos  int    // byte offset
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenIdentifier
	tokenQuoted // `identifier`
	tokenString
	tokenNumber
	tokenDate     // @2024-03
	tokenDateTime // @2024-03T, @2024-03-01T10:00
	tokenTime     // @T10:00
	tokenExternal // %name
	tokenSpecial  // $this
	tokenOperator
)

type lexer struct {
	src string
	pos int
}

func malformed(src string, pos int, format string, args ...any) error {
	column := utf8.RuneCountInString(src[:min(pos, len(src))]) + 1
	args = append([]any{column}, args...)
	return fault.New(fault.Malformed, "The FHIRPath expression cannot be read at column %d: "+format+".", args...)
}

// tokens reads the whole expression.
func tokens(src string) ([]token, error) {
	if len(src) > MaxLength {
		return nil, fault.New(fault.TooLarge, "The FHIRPath expression has %d bytes; the limit is %d.", len(src), MaxLength)
	}
	if !utf8.ValidString(src) {
		return nil, malformed(src, 0, "it is not valid UTF-8")
	}
	l := &lexer{src: src}
	list := make([]token, 0, 16)
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if t.kind == tokenEnd {
			return list, nil
		}
	}
}

func (l *lexer) space() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r':
			l.pos++
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest, "*/")
			if i < 0 {
				return malformed(l.src, l.pos, "the comment has no end")
			}
			l.pos += i + 2
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next() (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start >= len(l.src) {
		return token{kind: tokenEnd, pos: start}, nil
	}
	c := l.src[start]
	switch {
	case isLetter(c):
		return token{tokenIdentifier, l.word(), start}, nil
	case isDigit(c):
		return token{tokenNumber, l.number(), start}, nil
	case c == '\'':
		return l.quoted('\'', tokenString)
	case c == '`':
		return l.quoted('`', tokenQuoted)
	case c == '"':
		return l.quoted('"', tokenQuoted) // the older spelling of a delimited identifier
	case c == '@':
		return l.temporal()
	case c == '%':
		return l.external()
	case c == '$':
		l.pos++
		return token{tokenSpecial, l.word(), start}, nil
	}
	for _, op := range [...]string{"<=", ">=", "!=", "!~"} {
		if strings.HasPrefix(l.src[start:], op) {
			l.pos += len(op)
			return token{tokenOperator, op, start}, nil
		}
	}
	if strings.IndexByte("+-*/|&=~<>().,[]{}", c) >= 0 {
		l.pos++
		return token{tokenOperator, l.src[start:l.pos], start}, nil
	}
	r, _ := utf8.DecodeRuneInString(l.src[start:])
	return token{}, malformed(l.src, start, "%q is not part of the language", r)
}

func (l *lexer) word() string {
	start := l.pos
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
		l.pos++
	}
	return l.src[start:l.pos]
}

// number reads digits, and a fraction only when a digit follows the dot: 1.toString().
func (l *lexer) number() string {
	start := l.pos
	l.digits()
	if l.pos+1 < len(l.src) && l.src[l.pos] == '.' && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits()
	}
	return l.src[start:l.pos]
}

func (l *lexer) digits() {
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
}

func (l *lexer) external() (token, error) {
	start := l.pos
	l.pos++
	if l.pos < len(l.src) {
		switch c := l.src[l.pos]; c {
		case '\'', '`', '"':
			t, err := l.quoted(c, tokenExternal)
			t.pos = start
			return t, err
		}
	}
	name := l.word()
	if name == "" {
		return token{}, malformed(l.src, start, "a name must follow %%")
	}
	return token{tokenExternal, name, start}, nil
}

// quoted reads up to the closing quote and resolves escapes.
func (l *lexer) quoted(quote byte, kind tokenKind) (token, error) {
	start := l.pos
	l.pos++
	var b strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch c {
		case quote:
			l.pos++
			if b.Len() == 0 && kind != tokenString {
				return token{}, malformed(l.src, start, "a name must not be empty")
			}
			return token{kind, b.String(), start}, nil
		case '\\':
			r, err := l.escape()
			if err != nil {
				return token{}, err
			}
			b.WriteRune(r)
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return token{}, malformed(l.src, start, "the text has no closing quote")
}

func (l *lexer) escape() (rune, error) {
	at := l.pos
	if l.pos+1 >= len(l.src) {
		return 0, malformed(l.src, at, "the text has no closing quote")
	}
	c := l.src[l.pos+1]
	l.pos += 2
	switch c {
	case '\'', '"', '`', '\\', '/':
		return rune(c), nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		if l.pos+4 <= len(l.src) {
			if v, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 32); err == nil {
				l.pos += 4
				return rune(v), nil
			}
		}
		return 0, malformed(l.src, at, "four hexadecimal digits must follow \\u")
	}
	return 0, malformed(l.src, at, "\\%c is not an escape", c)
}

// temporal reads a date, dateTime or time literal; its value is checked by the compiler.
func (l *lexer) temporal() (token, error) {
	start := l.pos
	l.pos++
	if l.pos < len(l.src) && l.src[l.pos] == 'T' {
		l.pos++
		l.span(":.")
		return token{tokenTime, l.src[start+2 : l.pos], start}, nil
	}
	l.span("-")
	date := l.src[start+1 : l.pos]
	if date == "" {
		return token{}, malformed(l.src, start, "a date must follow @")
	}
	if l.pos >= len(l.src) || l.src[l.pos] != 'T' {
		return token{tokenDate, date, start}, nil
	}
	l.pos++
	l.span(":.")
	if l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == 'Z':
			l.pos++
		case (c == '+' || c == '-') && l.pos+5 < len(l.src) && isDigit(l.src[l.pos+1]) && l.src[l.pos+3] == ':':
			l.pos += 6
		}
	}
	return token{tokenDateTime, l.src[start+1 : l.pos], start}, nil
}

// span reads digits and the separators; a dot counts only before a digit.
func (l *lexer) span(separators string) {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if !isDigit(c) && (strings.IndexByte(separators, c) < 0 || l.pos+1 >= len(l.src) || !isDigit(l.src[l.pos+1])) {
			return
		}
		l.pos++
	}
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
