package validate

import "strings"

// ecl reports whether a text is an expression constraint of SNOMED CT (ECL 1.5 without
// filters): "<< 404684003 |Clinical finding| : 363698007 = << 39057004". Only its form is
// looked at.
func ecl(text string) bool {
	if len(text) > 16<<10 {
		return false
	}
	p := &eclParser{text: text}
	return p.expression(0) && p.end()
}

type eclParser struct {
	text string
	pos  int
}

const maxECL = 64 // nesting

func (p *eclParser) space() {
	for p.pos < len(p.text) {
		switch {
		case strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0:
			p.pos++
		case strings.HasPrefix(p.text[p.pos:], "/*"):
			end := strings.Index(p.text[p.pos:], "*/")
			if end < 0 {
				return
			}
			p.pos += end + 2
		default:
			return
		}
	}
}

func (p *eclParser) end() bool {
	p.space()
	return p.pos == len(p.text)
}

// take moves over the first of the tokens that stands here.
func (p *eclParser) take(tokens ...string) bool {
	p.space()
	for _, t := range tokens {
		if len(p.text)-p.pos >= len(t) && strings.EqualFold(p.text[p.pos:p.pos+len(t)], t) {
			p.pos += len(t)
			return true
		}
	}
	return false
}

// expression is sub-expressions joined by AND, OR or MINUS, perhaps refined, perhaps dotted.
func (p *eclParser) expression(depth int) bool {
	if !p.operand(depth) {
		return false
	}
	for {
		switch {
		case p.take("AND ", "OR ", "MINUS ", ",", "AND(", "OR(", "MINUS("):
			if p.text[p.pos-1] == '(' {
				p.pos--
			}
			if !p.operand(depth) {
				return false
			}
		case p.take(":"):
			if !p.refinement(depth) {
				return false
			}
		case p.take("."):
			if !p.operand(depth) {
				return false
			}
		default:
			return true
		}
	}
}

// operand is an operator with a concept, a wildcard or an expression in parentheses.
func (p *eclParser) operand(depth int) bool {
	if depth > maxECL {
		return false
	}
	p.take("<<!", "<!", "<<", "<", ">>!", ">!", ">>", ">", "!!>", "!!<")
	p.take("^")
	if p.take("(") {
		return p.expression(depth+1) && p.take(")")
	}
	if p.take("*") {
		return true
	}
	return p.concept()
}

// concept is an identifier of 6 to 18 digits, perhaps with its term between bars.
func (p *eclParser) concept() bool {
	p.space()
	from := p.pos
	for p.pos < len(p.text) && digit(p.text[p.pos]) {
		p.pos++
	}
	if n := p.pos - from; n < 6 || n > 18 || p.text[from] == '0' {
		return false
	}
	if !p.take("|") {
		return true
	}
	end := strings.IndexByte(p.text[p.pos:], '|')
	if end < 1 {
		return false
	}
	p.pos += end + 1
	return true
}

// refinement is attributes and groups of attributes.
func (p *eclParser) refinement(depth int) bool {
	if depth > maxECL || !p.attributeSet(depth) {
		return false
	}
	for p.take(",", "AND ", "OR ") {
		if !p.attributeSet(depth) {
			return false
		}
	}
	return true
}

func (p *eclParser) attributeSet(depth int) bool {
	if p.take("[") {
		end := strings.IndexByte(p.text[p.pos:], ']')
		if end < 0 || !strings.Contains(p.text[p.pos:p.pos+end], "..") {
			return false
		}
		p.pos += end + 1
	}
	switch {
	case p.take("{"):
		return p.refinement(depth+1) && p.take("}")
	case p.take("("):
		return p.refinement(depth+1) && p.take(")")
	}
	p.take("R ")
	if !p.operand(depth+1) || !p.take("!=", ">=", "<=", "=", "<", ">") {
		return false
	}
	if p.take("#") {
		from := p.pos
		for p.pos < len(p.text) && (digit(p.text[p.pos]) || strings.IndexByte("+-.", p.text[p.pos]) >= 0) {
			p.pos++
		}
		return p.pos > from
	}
	if p.take("\"") {
		end := strings.IndexByte(p.text[p.pos:], '"')
		if end < 0 {
			return false
		}
		p.pos += end + 1
		return true
	}
	return p.operand(depth + 1)
}
