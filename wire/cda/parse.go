package cda

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osler-emr/osler/base/fault"
)

// parse reads well-formed XML without a DOCTYPE. The standard library's decoder reads the same at
// a tenth of the speed; a fuzz test holds the two to each other.
func parse(src string, alive func() error) (*Element, error) {
	p := &parser{src: src, names: map[string]string{}, bound: map[string]string{}, alive: alive}
	// The prefixes of XML Schema and of HL7's extensions are known without a declaration, which some
	// documents forget; no other is.
	p.declare("xml", "http://www.w3.org/XML/1998/namespace")
	p.declare("xsi", spaceXSI)
	p.declare("sdtc", spaceSDTC)
	root, err := p.document()
	if err != nil {
		return nil, err
	}
	return root, nil
}

// binding says which namespace a prefix stood for before it was declared anew.
type binding struct {
	prefix, former string
	known          bool
}

// level is an open element.
type level struct {
	e      *Element
	tag    string // as written, for its end
	spaces int    // how many bindings there were before it
	prose  bool   // white space between elements is text
}

type parser struct {
	src    string
	at     int
	line   int // of lineAt
	lineAt int
	count  int
	spaces []binding         // declarations of the open elements
	bound  map[string]string // what the prefixes stand for now
	plain  string            // what no prefix stands for
	open   []level
	alive  func() error
	names  map[string]string // of names with a prefix, so that each is made once

	elements   []Element   // what is left of the last block
	attributes []Attribute // "
	pending    []Attribute // of the tag that is read, as written
}

func (p *parser) lineNow() int {
	p.line += strings.Count(p.src[p.lineAt:p.at], "\n")
	p.lineAt = p.at
	return p.line + 1
}

func (p *parser) fail(what string) error {
	p.at = min(p.at, len(p.src))
	return fault.New(fault.Malformed, "The document cannot be read at line %d: %s.", p.lineNow(), what)
}

func (p *parser) limit(what string, n int) error {
	return fault.New(fault.TooLarge, "The document has more than %d %s (line %d); more is not read.", n, what, p.lineNow())
}

// add makes an element and puts it into the open one.
func (p *parser) add(name string) (*Element, error) {
	if p.count++; p.count > MaxElements {
		return nil, p.limit("elements", MaxElements)
	}
	if p.count%1024 == 0 {
		if err := p.alive(); err != nil {
			return nil, err
		}
	}
	if len(p.elements) == 0 {
		p.elements = make([]Element, 256)
	}
	e := &p.elements[0]
	p.elements = p.elements[1:]
	e.Name = name
	if n := len(p.open); n > 0 {
		parent := p.open[n-1].e
		if parent.first == nil {
			parent.first = e
		} else {
			parent.last.next = e
		}
		parent.last = e
	}
	return e, nil
}

func (p *parser) document() (root *Element, err error) {
	for p.at < len(p.src) {
		if len(p.open) > 0 {
			if err := p.text(); err != nil {
				return nil, err
			}
		} else {
			p.blank()
		}
		if p.at >= len(p.src) {
			break
		}
		rest := p.src[p.at:]
		switch {
		case rest[0] != '<':
			return nil, p.fail("text stands outside of the document's element")
		case strings.HasPrefix(rest, "<!--"):
			err = p.comment()
		case strings.HasPrefix(rest, "<![CDATA["):
			err = p.fail("CDATA stands outside of the document's element")
		case strings.HasPrefix(rest, "<!"):
			err = p.fail("it has a DOCTYPE or another declaration, which is not allowed")
		case strings.HasPrefix(rest, "<?"):
			err = p.instruction()
		case strings.HasPrefix(rest, "</"):
			err = p.end()
		case root != nil && len(p.open) == 0:
			err = p.fail("something follows the end of the document")
		default:
			var e *Element
			e, err = p.start()
			if root == nil {
				root = e
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if root == nil || len(p.open) > 0 {
		return nil, p.fail("it ends too early")
	}
	return root, nil
}

func (p *parser) blank() bool {
	from := p.at
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
			continue
		}
		break
	}
	return p.at > from
}

func (p *parser) comment() error {
	i := strings.Index(p.src[p.at+4:], "--")
	if i < 0 {
		return p.fail("a comment does not end")
	}
	p.at += 4 + i
	if !strings.HasPrefix(p.src[p.at:], "-->") {
		return p.fail("a comment holds two hyphens")
	}
	p.at += 3
	return nil
}

// instruction skips a processing instruction: style sheets are not followed.
func (p *parser) instruction() error {
	first := p.at == 0
	p.at += 2
	name := p.name()
	if name == "" || strings.EqualFold(name, "xml") && !(first && name == "xml") {
		return p.fail("a processing instruction is not well-formed")
	}
	i := strings.Index(p.src[p.at:], "?>")
	if i < 0 {
		return p.fail("a processing instruction does not end")
	}
	if i > 0 && !strings.ContainsRune(" \t\r\n", rune(p.src[p.at])) {
		return p.fail("a processing instruction is not well-formed")
	}
	p.at += i + 2
	return nil
}

// starts and inside say which bytes a name has.
var starts, inside = func() (s, i [256]bool) {
	for c := range 256 {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
		s[c] = letter
		i[c] = letter || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
	}
	return s, i
}()

// name reads a name, with its prefix; "" when there is none.
func (p *parser) name() string {
	from := p.at
	if p.at >= len(p.src) || !starts[p.src[p.at]] {
		return ""
	}
	foreign := false
	for p.at < len(p.src) && inside[p.src[p.at]] {
		foreign = foreign || p.src[p.at] >= utf8.RuneSelf
		p.at++
	}
	name := p.src[from:p.at]
	if foreign {
		for i, r := range name {
			if r >= utf8.RuneSelf && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
				return ""
			}
		}
	}
	if i := strings.IndexByte(name, ':'); i >= 0 && (i == len(name)-1 || !starts[name[i+1]] || strings.IndexByte(name[i+1:], ':') >= 0) {
		return ""
	}
	return name
}

func (p *parser) start() (*Element, error) {
	if len(p.open) >= MaxDepth {
		return nil, p.limit("levels", MaxDepth)
	}
	e, err := p.add("")
	if err != nil {
		return nil, err
	}
	p.at++
	tag := p.name()
	if tag == "" {
		return nil, p.fail("an element has no name")
	}
	l := level{e: e, tag: tag, spaces: len(p.spaces)}
	closed, err := p.read()
	if err != nil {
		return nil, err
	}
	if err := p.bind(); err != nil {
		return nil, err
	}
	if e.Name, err = p.resolve(tag, true); err != nil {
		return nil, err
	}
	if err := p.keep(e); err != nil {
		return nil, err
	}
	if closed {
		p.forget(l.spaces)
		return e, nil
	}
	l.prose = e.Name == "text" || len(p.open) > 0 && p.open[len(p.open)-1].prose
	p.open = append(p.open, l)
	return e, nil
}

// read reads the attributes of a tag to its end.
func (p *parser) read() (closed bool, err error) {
	p.pending = p.pending[:0]
	for {
		apart := p.blank()
		if p.at >= len(p.src) {
			return false, p.fail("it ends too early")
		}
		switch p.src[p.at] {
		case '>':
			p.at++
			return false, nil
		case '/':
			if !strings.HasPrefix(p.src[p.at:], "/>") {
				return false, p.fail("a tag is not well-formed")
			}
			p.at += 2
			return true, nil
		}
		name := p.name()
		if name == "" || !apart {
			return false, p.fail("a tag is not well-formed")
		}
		if len(p.pending) >= MaxAttributes {
			return false, p.limit("attributes in one element", MaxAttributes)
		}
		for i := range p.pending {
			if p.pending[i].Name == name {
				return false, p.fail("an attribute stands twice")
			}
		}
		p.blank()
		if p.at >= len(p.src) || p.src[p.at] != '=' {
			return false, p.fail("an attribute has no value")
		}
		p.at++
		p.blank()
		value, err := p.quoted()
		if err != nil {
			return false, err
		}
		p.pending = append(p.pending, Attribute{name, value})
	}
}

func (p *parser) quoted() (string, error) {
	if p.at >= len(p.src) || p.src[p.at] != '"' && p.src[p.at] != '\'' {
		return "", p.fail("an attribute has no quotes")
	}
	rest := p.src[p.at+1:]
	end := strings.IndexByte(rest, p.src[p.at])
	if end < 0 {
		return "", p.fail("an attribute does not end")
	}
	value := rest[:end]
	plain := true
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '<':
			return "", p.fail("an attribute holds <")
		case '&', '\t', '\n':
			plain = false
		}
	}
	p.at++
	if !plain {
		var err error
		if value, err = p.unescape(value, true); err != nil {
			return "", err
		}
	}
	p.at += end + 1
	return value, nil
}

// bind takes the declarations of namespaces among the attributes.
func (p *parser) bind() error {
	for _, a := range p.pending {
		switch {
		case a.Name == "xmlns":
			p.declare("", a.Value)
		case strings.HasPrefix(a.Name, "xmlns:"):
			prefix := a.Name[len("xmlns:"):]
			if prefix == "xmlns" || prefix == "xml" || a.Value == "" {
				return p.fail("a namespace is not declared well")
			}
			p.declare(prefix, a.Value)
		}
	}
	return nil
}

func (p *parser) declare(prefix, uri string) {
	former, known := p.bound[prefix]
	p.spaces = append(p.spaces, binding{prefix, former, known})
	p.bound[prefix] = uri
	if prefix == "" {
		p.plain = uri
	}
}

// forget takes back all but the first n declarations.
func (p *parser) forget(n int) {
	for len(p.spaces) > n {
		b := p.spaces[len(p.spaces)-1]
		p.spaces = p.spaces[:len(p.spaces)-1]
		if b.known {
			p.bound[b.prefix] = b.former
		} else {
			delete(p.bound, b.prefix)
		}
		if b.prefix == "" {
			p.plain = b.former
		}
	}
}

// resolve returns the name in this package's words.
func (p *parser) resolve(name string, element bool) (string, error) {
	prefix, local := "", name
	if i := strings.IndexByte(name, ':'); i >= 0 {
		prefix, local = name[:i], name[i+1:]
	} else if !element {
		return name, nil
	}
	uri := p.plain
	if prefix != "" {
		var known bool
		if uri, known = p.bound[prefix]; !known {
			return "", p.fail("a prefix is not declared")
		}
	}
	switch uri {
	case space:
		return local, nil
	case spaceSDTC:
		return p.named("sdtc:", local), nil
	case spaceXSI:
		return p.named("xsi:", local), nil
	}
	return p.named("?:", local), nil
}

func (p *parser) named(prefix, local string) string {
	if known, ok := p.names[local]; ok && strings.HasPrefix(known, prefix) && len(known) == len(prefix)+len(local) {
		return known
	}
	name := prefix + local
	p.names[local] = name
	return name
}

// keep gives an element the attributes that are no declarations.
func (p *parser) keep(e *Element) error {
	n := len(p.pending)
	if n == 0 {
		return nil
	}
	if len(p.attributes) < n {
		p.attributes = make([]Attribute, max(512, n))
	}
	list := p.attributes[:0:n]
	for _, a := range p.pending {
		if a.Name == "xmlns" || strings.HasPrefix(a.Name, "xmlns:") {
			continue
		}
		name, err := p.resolve(a.Name, false)
		if err != nil {
			return err
		}
		list = append(list, Attribute{name, a.Value})
	}
	e.attributes = list[:len(list):len(list)]
	p.attributes = p.attributes[len(list):]
	return nil
}

func (p *parser) end() error {
	p.at += 2
	if len(p.open) == 0 {
		return p.fail("an element ends that did not begin")
	}
	l := p.open[len(p.open)-1]
	if !strings.HasPrefix(p.src[p.at:], l.tag) {
		return p.fail("an element does not end where it should")
	}
	p.at += len(l.tag)
	p.blank()
	if p.at >= len(p.src) || p.src[p.at] != '>' {
		return p.fail("an element does not end where it should")
	}
	p.at++
	p.forget(l.spaces)
	p.open = p.open[:len(p.open)-1]
	return nil
}

// text reads what stands before the next tag, CDATA and comments in it included.
func (p *parser) text() error {
	var text pieces
	for {
		end := strings.IndexByte(p.src[p.at:], '<')
		if end < 0 {
			end = len(p.src) - p.at
		}
		if end > 0 {
			piece, err := p.piece(p.src[p.at : p.at+end])
			if err != nil {
				return err
			}
			text.add(piece)
			p.at += end
		}
		rest := p.src[p.at:]
		switch {
		case strings.HasPrefix(rest, "<![CDATA["):
			end := strings.Index(rest, "]]>")
			if end < 0 {
				return p.fail("CDATA does not end")
			}
			text.add(rest[len("<![CDATA["):end])
			p.at += end + 3
			continue
		case strings.HasPrefix(rest, "<!--"):
			if err := p.comment(); err != nil {
				return err
			}
			continue
		}
		break
	}
	whole := text.String()
	if whole == "" || !p.open[len(p.open)-1].prose && strings.Trim(whole, " \t\r\n") == "" {
		return nil
	}
	e, err := p.add("")
	if err != nil {
		return err
	}
	e.Text = whole
	return nil
}

// pieces is a text in pieces. One that is one piece stays a part of the source.
type pieces struct {
	first string
	rest  strings.Builder
}

func (t *pieces) add(s string) {
	switch {
	case s == "":
	case t.first == "":
		t.first = s
	default:
		if t.rest.Len() == 0 {
			t.rest.WriteString(t.first)
		}
		t.rest.WriteString(s)
	}
}

func (t *pieces) String() string {
	if t.rest.Len() == 0 {
		return t.first
	}
	return t.rest.String()
}

func (p *parser) piece(s string) (string, error) {
	plain := true
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '&':
			plain = false
		case ']':
			if strings.HasPrefix(s[i:], "]]>") {
				return "", p.fail("a text holds ]]>")
			}
		}
	}
	if plain {
		return s, nil
	}
	return p.unescape(s, false)
}

// five are the entities of XML itself; no other is expanded.
var five = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

func (p *parser) unescape(s string, attribute bool) (string, error) {
	if attribute {
		s = strings.NewReplacer("\n", " ", "\t", " ").Replace(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		end := strings.IndexByte(s[:min(len(s), 16)], ';')
		if end < 0 {
			return "", p.fail("an ampersand is no entity")
		}
		r, ok := five[s[:end]]
		if !ok {
			r, ok = character(s[:end])
		}
		if !ok {
			return "", p.fail("it names an entity that XML does not have")
		}
		b.WriteRune(r)
		s = s[end+1:]
	}
}

// character reads "#123" and "#x7B".
func character(s string) (rune, bool) {
	if !strings.HasPrefix(s, "#") {
		return 0, false
	}
	digits, base := s[1:], 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > unicode.MaxRune || !allowed(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

// allowed reports whether XML 1.0 has a character.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}
