package cda

import (
	"strconv"
	"strings"
)

// Passage is text without markup that could act: paragraphs, lists, tables.
type Passage struct {
	ID    string
	Kind  string // "", paragraph, list, item, table, caption, row, head, cell, emphasis, break, content
	Text  string // of a leaf
	Cols  int    // of a cell: how many columns it spans, when it is more than one
	Rows  int    // "
	Parts []Passage
}

// maxSpan bounds what a cell says that it spans.
const maxSpan = 100

// kinds are what the elements of a text become; what is not here becomes content, that is its text.
var kinds = map[string]string{
	"paragraph": "paragraph", "list": "list", "item": "item", "table": "table", "caption": "caption",
	"tr": "row", "th": "head", "td": "cell", "br": "break",
}

// passages reads the text of a section. What shows a picture shows its caption; links are the text
// that they stand under; column widths, styles and footnote marks are left out, and so is what an author
// has struck out (revised="delete"). A raised or lowered digit is one of Unicode: 10⁹ is not 109.
func passages(section *Element) Passage {
	e := section.Child("text")
	p := Passage{ID: e.Attr("ID")}
	p.Parts = parts(e, true)
	lift(&p)
	return p
}

// lift makes a passage that holds only a text a leaf.
func lift(p *Passage) {
	if len(p.Parts) == 1 && p.Parts[0].Kind == "" && p.Parts[0].ID == "" && len(p.Parts[0].Parts) == 0 {
		p.Text, p.Parts = p.Parts[0].Text, nil
	}
}

// spaced are the elements between whose children white space is only layout.
var spaced = map[string]bool{"table": true, "thead": true, "tbody": true, "tfoot": true, "tr": true, "list": true, "colgroup": true}

// parts reads what is in an element; block says that white space at its ends is layout.
func parts(e *Element, block bool) (list []Passage) {
	if e == nil {
		return nil
	}
	n := 0
	for c := e.first; c != nil; c = c.next {
		n++
	}
	if n == 0 {
		return nil
	}
	list = make([]Passage, 0, n)
	joins := false      // to a raised or lowered text before it
	var joined []string // to the last of the list
	whole := func() {
		if joined != nil {
			list[len(list)-1].Text += strings.Join(joined, "")
			joined = nil
		}
	}
	add := func(p ...Passage) {
		whole()
		list = append(list, p...)
	}
	for c := e.first; c != nil; c = c.next {
		after := joins
		joins = false
		switch {
		case c.Attr("revised") == "delete":
		case levels[c.Name] != nil && c.Attr("ID") == "":
			joins = true
			text := raised(c)
			if last := len(list) - 1; last >= 0 && list[last].Kind == "" && list[last].Parts == nil && list[last].ID == "" {
				joined = append(joined, text)
			} else {
				add(Passage{Text: text})
			}
		case c.Name == "":
			text := squeeze(c.Text)
			if strings.Trim(text, " ") == "" && (spaced[e.Name] || block && (len(list) == 0 || c.next == nil || isBlock(list[len(list)-1].Kind) || isBlock(kinds[c.next.Name]))) {
				continue
			}
			if block && (len(list) == 0 || isBlock(list[len(list)-1].Kind)) {
				text = strings.TrimLeft(text, " ")
			}
			if block && (c.next == nil || isBlock(kinds[c.next.Name])) {
				text = strings.TrimRight(text, " ")
			}
			if after {
				joined = append(joined, text)
				continue
			}
			add(Passage{Text: text})
		case c.Name == "thead" || c.Name == "tbody" || c.Name == "tfoot":
			add(parts(c, true)...)
		case c.Name == "col" || c.Name == "colgroup":
		default:
			add(passage(c))
		}
	}
	whole()
	return list
}

func isBlock(kind string) bool {
	switch kind {
	case "paragraph", "list", "item", "table", "row", "head", "cell", "caption", "break":
		return true
	}
	return false
}

func passage(e *Element) Passage {
	p := Passage{ID: e.Attr("ID"), Kind: kinds[e.Name]}
	if p.Kind == "" {
		p.Kind = "content"
		if s := e.Attr("styleCode"); s != "" && (strings.Contains(s, "Bold") || strings.Contains(s, "Emphasis") || strings.Contains(s, "Italics") || strings.Contains(s, "Underline")) {
			p.Kind = "emphasis"
		}
	}
	if e.Name == "td" || e.Name == "th" {
		p.Cols, p.Rows = span(e.Attr("colspan")), span(e.Attr("rowspan"))
	}
	if levels[e.Name] != nil {
		p.Text = raised(e)
		return p
	}
	p.Parts = parts(e, isBlock(p.Kind))
	lift(&p)
	return p
}

// levels are the digits and signs above and below the line.
var levels = map[string]*strings.Replacer{
	"sup": strings.NewReplacer("0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹", "+", "⁺", "-", "⁻", "−", "⁻"),
	"sub": strings.NewReplacer("0", "₀", "1", "₁", "2", "₂", "3", "₃", "4", "₄", "5", "₅", "6", "₆", "7", "₇", "8", "₈", "9", "₉", "+", "₊", "-", "₋", "−", "₋"),
}

// raised returns the text of a sup or sub on its level.
func raised(e *Element) string {
	var b strings.Builder
	for c := e.first; c != nil; c = c.next {
		c.write(&b)
	}
	return levels[e.Name].Replace(squeeze(b.String()))
}

func span(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n <= 1 {
		return 0
	}
	return min(n, maxSpan)
}

// squeeze makes one space of each run of white space, at the ends too.
func squeeze(s string) string {
	clean, blank := true, false
	for i := 0; i < len(s) && clean; i++ {
		switch s[i] {
		case '\t', '\n', '\r':
			clean = false
		case ' ':
			clean = !blank
			blank = true
		default:
			blank = false
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	blank = false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		}
		blank = false
		b.WriteByte(c)
	}
	return b.String()
}

// Empty reports whether a passage says nothing.
func (p *Passage) Empty() bool {
	if strings.TrimSpace(p.Text) != "" {
		return false
	}
	for i := range p.Parts {
		if !p.Parts[i].Empty() {
			return false
		}
	}
	return true
}

// Line returns the words of a passage in one line.
func (p *Passage) Line() string {
	if len(p.Parts) == 0 {
		return collapse(p.Text)
	}
	var b strings.Builder
	p.write(&b, ' ')
	return collapse(b.String())
}

// Lines returns the words of a passage with a line for each paragraph, item and row.
func (p *Passage) Lines() string {
	var b strings.Builder
	p.write(&b, '\n')
	var out []string
	for line := range strings.SplitSeq(b.String(), "\n") {
		if line = collapse(line); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func (p *Passage) write(b *strings.Builder, end byte) {
	b.WriteString(p.Text)
	for i := range p.Parts {
		p.Parts[i].write(b, end)
	}
	switch p.Kind {
	case "paragraph", "item", "row", "caption", "break", "list", "table":
		b.WriteByte(end)
	case "cell", "head":
		b.WriteByte(' ')
	}
}
