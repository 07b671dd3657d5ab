package fhir

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
)

// Limits of a document. A document beyond them is refused with fault.TooLarge.
const (
	MaxDepth  = 64        // nesting of objects and arrays
	MaxBytes  = 50 << 20  // size of one document
	MaxValues = 4_000_000 // values in one document; each costs about 90 bytes of memory
)

// Parse reads one JSON document: RFC 8259 with the restrictions of I-JSON that FHIR needs.
// Duplicate member names, invalid UTF-8, trailing bytes, and nesting beyond MaxDepth are
// faults; the message names line and column.
func Parse(body []byte) (*Node, error) {
	if len(body) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "The document has %d bytes; the limit is %d.", len(body), MaxBytes)
	}
	p := &parser{src: body}
	p.space()
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.src) {
		return nil, p.fail("text follows the end of the document")
	}
	return n, nil
}

type parser struct {
	src     []byte
	pos     int
	values  int
	open    []member        // the members of the objects and arrays that have not ended yet
	nodes   []Node          // made ahead, as are members and texts
	members []member        // of objects and arrays to come
	texts   strings.Builder // of values so far
}

// ahead is how many more nodes or members are made at once when some are needed: about as many as
// are to come. Who keeps one keeps its neighbours, which are not many.
func (p *parser) ahead() int { return min(max((len(p.src)-p.pos)/valueBytes, 4), 32) }

// valueBytes is about how many bytes of a resource a value takes.
const valueBytes = 16

// node returns a new node.
func (p *parser) node(n Node) *Node {
	if len(p.nodes) == 0 {
		p.nodes = make([]Node, p.ahead())
	}
	x := &p.nodes[0]
	p.nodes = p.nodes[1:]
	*x = n
	return x
}

// close gives the object or array its members, those behind from. Who appends to them gets a copy.
func (p *parser) close(n *Node, from int) *Node {
	count := len(p.open) - from
	if count > len(p.members) {
		p.members = make([]member, max(count, p.ahead()))
	}
	n.list, p.members = p.members[:count:count], p.members[count:]
	copy(n.list, p.open[from:])
	p.open = p.open[:from]
	return n
}

// Texts of values up to maxText bytes are put side by side, textsAhead bytes at a time.
const (
	textsAhead = 128
	maxText    = 48
)

// own returns a copy of a text.
func (p *parser) own(text []byte) string {
	if len(text) > maxText {
		return string(text)
	}
	if p.texts.Cap()-p.texts.Len() < len(text) {
		p.texts = strings.Builder{}
		p.texts.Grow(min(textsAhead, len(p.src)))
	}
	from := p.texts.Len()
	p.texts.Write(text)
	return p.texts.String()[from:]
}

// names keeps member names, which are few: a document need not have its own copy of each.
// A name is found by its length and three of its letters, and a new one takes the place of the old.
var names [512]atomic.Pointer[string]

// maxName is the length of the longest name that is kept.
const maxName = 48

func interned(b []byte) string {
	n := len(b)
	if n == 0 || n > maxName {
		return string(b)
	}
	h := (uint32(b[0]) | uint32(b[n/2])<<8 | uint32(b[n-1])<<16 | uint32(n)<<24) * 2654435761
	place := &names[h>>16%uint32(len(names))]
	if s := place.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	place.Store(&s)
	return s
}

func (p *parser) fail(format string, args ...any) error {
	line, col := 1, 1
	for _, c := range p.src[:min(p.pos, len(p.src))] {
		if c == '\n' {
			line, col = line+1, 1
		} else {
			col++
		}
	}
	return fault.New(fault.Malformed, "The JSON cannot be read at line %d, column %d: %s.", line, col, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, fault.New(fault.TooLarge, "The document is nested deeper than %d levels.", MaxDepth)
	}
	if p.values++; p.values > MaxValues {
		return nil, fault.New(fault.TooLarge, "The document holds more than %d values.", MaxValues)
	}
	if p.pos >= len(p.src) {
		return nil, p.fail("the document ends too early")
	}
	switch c := p.src[p.pos]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		b, err := p.text()
		if err != nil {
			return nil, err
		}
		return p.node(Node{kind: String, text: p.own(b)}), nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, w := range [...]struct {
		word string
		kind Kind
	}{{"true", Boolean}, {"false", Boolean}, {"null", Null}} {
		if len(p.src)-p.pos >= len(w.word) && string(p.src[p.pos:p.pos+len(w.word)]) == w.word {
			p.pos += len(w.word)
			if w.kind == Null {
				return p.node(Node{kind: Null}), nil
			}
			return p.node(Node{kind: Boolean, text: w.word}), nil
		}
	}
	return nil, p.fail("a value was expected")
}

func (p *parser) object(depth int) (*Node, error) {
	n := p.node(Node{kind: Object})
	var seen map[string]bool
	from := len(p.open)
	p.pos++
	p.space()
	if p.pos < len(p.src) && p.src[p.pos] == '}' {
		p.pos++
		return n, nil
	}
	for {
		if p.pos >= len(p.src) || p.src[p.pos] != '"' {
			return nil, p.fail("a member name in double quotes was expected")
		}
		text, err := p.text()
		if err != nil {
			return nil, err
		}
		name := interned(text)
		if seen = remember(p.open[from:], seen); seen[name] || seen == nil && has(p.open[from:], name) {
			return nil, p.fail("the member %q stands twice in one object", name)
		}
		p.space()
		if p.pos >= len(p.src) || p.src[p.pos] != ':' {
			return nil, p.fail("a colon was expected behind %q", name)
		}
		p.pos++
		p.space()
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.open = append(p.open, member{name, v})
		if seen != nil {
			seen[name] = true
		}
		p.space()
		if p.pos >= len(p.src) {
			return nil, p.fail("the document ends inside an object")
		}
		c := p.src[p.pos]
		p.pos++
		if c == '}' {
			return p.close(n, from), nil
		}
		if c != ',' {
			p.pos--
			return nil, p.fail("a comma or a closing brace was expected")
		}
		p.space()
	}
}

// wide is the number of members from which on names are looked up in a map: objects of
// FHIR have few members, but a hostile one with many must not cost quadratic time.
const wide = 32

// remember returns the map of the names so far once an object is wide, and nil before.
func remember(list []member, seen map[string]bool) map[string]bool {
	if seen != nil || len(list) < wide {
		return seen
	}
	seen = make(map[string]bool, 2*wide)
	for i := range list {
		seen[list[i].name] = true
	}
	return seen
}

func has(list []member, name string) bool {
	for i := range list {
		if list[i].name == name {
			return true
		}
	}
	return false
}

func (p *parser) array(depth int) (*Node, error) {
	n := p.node(Node{kind: Array})
	from := len(p.open)
	p.pos++
	p.space()
	if p.pos < len(p.src) && p.src[p.pos] == ']' {
		p.pos++
		return n, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.open = append(p.open, member{node: v})
		p.space()
		if p.pos >= len(p.src) {
			return nil, p.fail("the document ends inside an array")
		}
		c := p.src[p.pos]
		p.pos++
		if c == ']' {
			return p.close(n, from), nil
		}
		if c != ',' {
			p.pos--
			return nil, p.fail("a comma or a closing bracket was expected")
		}
		p.space()
	}
}

func (p *parser) number() (*Node, error) {
	start := p.pos
	digits := func() int {
		from := p.pos
		for p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
			p.pos++
		}
		return p.pos - from
	}
	if p.src[p.pos] == '-' {
		p.pos++
	}
	first := p.pos
	if n := digits(); n == 0 || n > 1 && p.src[first] == '0' {
		return nil, p.fail("this is not a number")
	}
	if p.pos < len(p.src) && p.src[p.pos] == '.' {
		p.pos++
		if digits() == 0 {
			return nil, p.fail("a digit was expected behind the decimal point")
		}
	}
	if p.pos < len(p.src) && (p.src[p.pos] == 'e' || p.src[p.pos] == 'E') {
		p.pos++
		if p.pos < len(p.src) && (p.src[p.pos] == '+' || p.src[p.pos] == '-') {
			p.pos++
		}
		if digits() == 0 {
			return nil, p.fail("a digit was expected in the exponent")
		}
	}
	return p.node(Node{kind: Number, text: p.own(p.src[start:p.pos])}), nil
}

// text reads a string in double quotes and returns its value, which may lie in the source.
func (p *parser) text() ([]byte, error) {
	p.pos++
	start := p.pos
	var high byte
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == '"':
			s := p.src[start:p.pos]
			if high >= utf8.RuneSelf && !utf8.Valid(s) {
				return nil, p.fail("the text is not valid UTF-8")
			}
			p.pos++
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return nil, p.fail("a control character in a string must be escaped")
		}
		high |= c
		p.pos++
	}
	return nil, p.fail("the document ends inside a string")
}

func (p *parser) escaped(start int) ([]byte, error) {
	buf := append([]byte(nil), p.src[start:p.pos]...)
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == '"':
			if !utf8.Valid(buf) {
				return nil, p.fail("the text is not valid UTF-8")
			}
			p.pos++
			return buf, nil
		case c < 0x20:
			return nil, p.fail("a control character in a string must be escaped")
		case c != '\\':
			buf = append(buf, c)
			p.pos++
		default:
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			buf = utf8.AppendRune(buf, r)
		}
	}
	return nil, p.fail("the document ends inside a string")
}

func (p *parser) escape() (rune, error) {
	if p.pos+1 >= len(p.src) {
		return 0, p.fail("the document ends inside a string")
	}
	c := p.src[p.pos+1]
	p.pos += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, err := p.hex()
		if err != nil {
			return 0, err
		}
		if r < 0xD800 || r > 0xDFFF {
			return r, nil
		}
		if r < 0xDC00 && p.pos+1 < len(p.src) && p.src[p.pos] == '\\' && p.src[p.pos+1] == 'u' {
			p.pos += 2
			low, err := p.hex()
			if err != nil {
				return 0, err
			}
			if low >= 0xDC00 && low <= 0xDFFF {
				return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, nil
			}
		}
		return 0, p.fail("half of a surrogate pair stands alone")
	}
	return 0, p.fail("\\%c is not an escape", c)
}

func (p *parser) hex() (rune, error) {
	if p.pos+4 > len(p.src) {
		return 0, p.fail("the document ends inside an escape")
	}
	v, err := strconv.ParseUint(string(p.src[p.pos:p.pos+4]), 16, 32)
	if err != nil {
		return 0, p.fail("four hexadecimal digits were expected")
	}
	p.pos += 4
	return rune(v), nil
}

// JSON writes the tree without white space. What Parse read comes back with the same
// members, order and number literals.
func (n *Node) JSON() []byte { return n.AppendJSON(nil) }

// AppendJSON appends what JSON returns.
func (n *Node) AppendJSON(b []byte) []byte {
	switch n.Kind() {
	case Absent, Null:
		return append(b, "null"...)
	case Boolean, Number:
		return append(b, n.text...)
	case String:
		return appendString(b, n.text)
	case Array:
		b = append(b, '[')
		for i := range n.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.list[i].node.AppendJSON(b)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i := range n.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, n.list[i].name)
		b = append(b, ':')
		b = n.list[i].node.AppendJSON(b)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}
