package validate

import (
	"html"
	"strings"
)

// words makes a set of the words of a text.
func words(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}

// The elements and attributes that a narrative may hold (txt-1): formatting, tables, lists,
// images and links; nothing that acts, loads or asks.
var (
	narrativeElements = words(`a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt
		em h1 h2 h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead
		tr tt ul var`)
	narrativeAttributes = words(`abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing
		cellvalign char charoff charset cite class colspan compact coords dir frame headers height href hreflang
		hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src start style summary
		tabindex title type valign value vspace width xml:lang xml:space xmlns`)
)

// narrative checks that a div is well-formed XHTML without active content.
func (c *checker) narrative(div string) {
	s := scanner{text: div}
	text := s.document()
	if text == "" {
		return
	}
	kind := "structure"
	if s.active {
		kind = "security"
	}
	c.fail(kind, text)
}

// scanner reads XHTML once, from left to right, without building a tree.
type scanner struct {
	text    string
	pos     int
	open    []string
	content bool // text or an image was seen
	spaced  bool // the namespace was seen
	active  bool // the fault is about active content
	ended   bool
}

// document returns what is wrong with the narrative, "" when nothing is.
func (s *scanner) document() string {
	s.text = strings.TrimSpace(s.text)
	if !strings.HasPrefix(s.text, "<div") {
		return "A narrative begins with <div xmlns=\"http://www.w3.org/1999/xhtml\">."
	}
	for s.pos < len(s.text) {
		if s.ended {
			return "A narrative ends with its </div>."
		}
		lt := strings.IndexByte(s.text[s.pos:], '<')
		if lt < 0 {
			return "A narrative ends with its </div>."
		}
		if wrong := s.characters(s.text[s.pos : s.pos+lt]); wrong != "" {
			return wrong
		}
		s.pos += lt
		if wrong := s.markup(); wrong != "" {
			return wrong
		}
	}
	switch {
	case len(s.open) > 0:
		return "The narrative is cut off: an element is not closed."
	case !s.spaced:
		return "The div needs xmlns=\"http://www.w3.org/1999/xhtml\"."
	case !s.content:
		return "The narrative's div holds neither text nor an image (txt-2)."
	}
	return ""
}

// characters checks text between tags: entities must be complete.
func (s *scanner) characters(text string) string {
	s.content = s.content || strings.TrimSpace(text) != ""
	for {
		amp := strings.IndexByte(text, '&')
		if amp < 0 {
			return ""
		}
		text = text[amp+1:]
		if end := strings.IndexByte(text, ';'); end < 1 || end > 12 || strings.ContainsAny(text[:end], " <&\"'") {
			return "The narrative holds an & that does not begin an entity; write &amp;."
		}
	}
}

// markup reads what begins with <.
func (s *scanner) markup() string {
	rest := s.text[s.pos:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		end := strings.Index(rest[4:], "-->")
		if end < 0 {
			return "The narrative holds a comment that is not closed."
		}
		if c := rest[4 : 4+end]; strings.Contains(c, "--") || strings.HasPrefix(c, ">") || strings.HasPrefix(c, "->") || strings.HasSuffix(c, "-") {
			s.active = true // to a browser, <!--> and --!> are its end, and what follows is markup
			return "The narrative holds a comment that a browser would end elsewhere."
		}
		s.pos += 4 + end + 3
		return ""
	case strings.HasPrefix(rest, "<!"), strings.HasPrefix(rest, "<?"):
		return "A narrative must not hold declarations or processing instructions."
	case strings.HasPrefix(rest, "</"):
		return s.endTag(rest)
	}
	return s.startTag()
}

func (s *scanner) endTag(rest string) string {
	end := strings.IndexByte(rest, '>')
	if end < 0 {
		return "The narrative is cut off inside a tag."
	}
	name := strings.TrimRight(rest[2:end], " \t\r\n")
	if len(s.open) == 0 || s.open[len(s.open)-1] != name {
		return "The narrative is not well formed: " + quote(name) + " is closed where it is not open."
	}
	s.open = s.open[:len(s.open)-1]
	s.ended = len(s.open) == 0
	s.pos += end + 1
	return ""
}

func (s *scanner) startTag() string {
	s.pos++
	name := s.name()
	if !narrativeElements[name] {
		s.active = true
		return "The element " + quote(name) + " is not allowed in a narrative."
	}
	s.content = s.content || name == "img"
	for {
		gap := s.space()
		switch {
		case s.pos >= len(s.text):
			return "The narrative is cut off inside a tag."
		case strings.HasPrefix(s.text[s.pos:], "/>"):
			s.pos += 2
			s.ended = len(s.open) == 0
			return ""
		case s.text[s.pos] == '>':
			s.pos++
			s.open = append(s.open, name)
			return ""
		case !gap:
			return "The narrative is not well formed: a space is missing between attributes."
		}
		if wrong := s.attribute(name); wrong != "" {
			return wrong
		}
	}
}

func (s *scanner) space() bool {
	from := s.pos
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.pos]) >= 0 {
		s.pos++
	}
	return s.pos > from
}

func (s *scanner) name() string {
	from := s.pos
	for s.pos < len(s.text) && strings.IndexByte(" \t\r\n/>=<\"'", s.text[s.pos]) < 0 {
		s.pos++
	}
	return s.text[from:s.pos]
}

func (s *scanner) attribute(element string) string {
	name := s.name()
	s.space()
	if s.pos+1 >= len(s.text) || s.text[s.pos] != '=' {
		return "The narrative is not well formed: the attribute " + quote(name) + " has no value."
	}
	s.pos++
	s.space()
	if s.pos >= len(s.text) || s.text[s.pos] != '"' && s.text[s.pos] != '\'' {
		return "The narrative is not well formed: the value of " + quote(name) + " is not in quotes."
	}
	mark := s.text[s.pos]
	end := strings.IndexByte(s.text[s.pos+1:], mark)
	if end < 0 {
		return "The narrative is cut off inside the attribute " + quote(name) + "."
	}
	value := s.text[s.pos+1 : s.pos+1+end]
	s.pos += end + 2
	if strings.IndexByte(value, '<') >= 0 {
		return "The narrative is not well formed: < in the attribute " + quote(name) + "."
	}
	if !narrativeAttributes[name] {
		s.active = true
		return "The attribute " + quote(name) + " is not allowed in a narrative."
	}
	return s.attributeValue(element, name, value)
}

func (s *scanner) attributeValue(element, name, value string) string {
	switch name {
	case "xmlns":
		if value != "http://www.w3.org/1999/xhtml" {
			return "The div's namespace must be http://www.w3.org/1999/xhtml."
		}
		s.spaced = true
	case "href", "src", "cite", "longdesc":
		if !safeLink(value, element == "img" && name == "src") {
			s.active = true
			return "The address in the attribute " + quote(name) + " is of a kind that a narrative must not use."
		}
	case "style":
		if !safeStyle(value) {
			s.active = true
			return "The style attribute holds something that acts or loads; only formatting is allowed."
		}
	}
	return ""
}

// safeLink accepts relative addresses and schemes that only lead somewhere. Browsers
// ignore white space and control characters in a scheme, so they are dropped first.
func safeLink(value string, image bool) bool {
	value = strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f && r <= 0xa0 {
			return -1
		}
		return r
	}, html.UnescapeString(value)))
	scheme, rest, ok := strings.Cut(value, ":")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return true
	}
	switch scheme {
	case "http", "https", "mailto", "tel", "urn", "cid", "ftp":
		return true
	case "data":
		for _, t := range []string{"image/png", "image/jpeg", "image/gif"} {
			if image && strings.HasPrefix(rest, t) {
				return true
			}
		}
	}
	return false
}

// safeStyle refuses whatever runs or loads, however it is escaped.
func safeStyle(value string) bool {
	value = strings.ToLower(html.UnescapeString(value))
	if strings.ContainsAny(value, "\\<") || strings.Contains(value, "/*") {
		return false
	}
	for _, bad := range []string{"expression", "javascript", "vbscript", "behavior", "-moz-binding", "@import", "url("} {
		if strings.Contains(value, bad) {
			return false
		}
	}
	return true
}
