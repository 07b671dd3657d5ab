package ucum

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/osler-emr/osler/base/fault"
)

// maxBits bounds the size of a factor: 10*999 has about 3,300 bits.
const maxBits = 8192

// known remembers codes that were read; it is emptied when it is full.
var known struct {
	sync.RWMutex
	units map[string]Unit
}

const maxKnown = 4096

// Parse reads a UCUM code. The empty code is the unit 1, which HL7's data types mean by it.
// A fault says which part of the code cannot be read.
func Parse(code string) (Unit, error) {
	known.RLock()
	u, ok := known.units[code]
	known.RUnlock()
	if ok {
		return u, nil
	}
	p := parser{src: code, table: units()}
	u, err := p.whole()
	if err != nil {
		return Unit{}, err
	}
	u.code = strings.Clone(code)
	known.Lock()
	if known.units == nil || len(known.units) >= maxKnown {
		known.units = map[string]Unit{}
	}
	known.units[u.code] = u
	known.Unlock()
	return u, nil
}

// parser reads a code by recursive descent. The grammar is that of the UCUM specification:
//
//	code      = ["/"] term
//	term      = component { ("." | "/") component }
//	component = ("(" term ")" | digits | unit [exponent]) [annotation] | annotation
//
// Two liberties are taken, because HL7's list of common codes takes them: an annotation may
// hold spaces, and it may follow a parenthesis or a number.
type parser struct {
	src   string
	pos   int
	depth int
	table *table
}

func (p *parser) fault(format string, args ...any) error {
	shown := p.src
	if len(shown) > MaxLength {
		shown = shown[:MaxLength]
	}
	return fault.New(fault.Invalid, "The UCUM code %q cannot be read: "+format+".", append([]any{shown}, args...)...)
}

func (p *parser) whole() (Unit, error) {
	if len(p.src) > MaxLength {
		return Unit{}, p.fault("it is longer than %d bytes", MaxLength)
	}
	for i := range len(p.src) {
		if c := p.src[i]; c < ' ' || c > '~' {
			return Unit{}, p.fault("the character at %d is not printable ASCII", i+1)
		}
	}
	if p.src == "" {
		return Unit{}, nil
	}
	var u Unit
	var err error
	if p.peek() == '/' {
		p.pos++
		if u, err = p.term(Unit{}, '/'); err != nil {
			return u, err
		}
	} else if u, err = p.term(Unit{}, 0); err != nil {
		return u, err
	}
	if p.pos < len(p.src) {
		return u, p.fault("%q is not expected here", p.src[p.pos:])
	}
	return u, nil
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// term reads components from left to right; the first is joined to left by sign.
func (p *parser) term(left Unit, sign byte) (Unit, error) {
	for {
		right, err := p.component()
		if err != nil {
			return left, err
		}
		if sign == 0 {
			left = right
		} else if left, err = p.join(left, sign, right); err != nil {
			return left, err
		}
		switch sign = p.peek(); sign {
		case '.', '/':
			p.pos++
		default:
			return left, nil
		}
	}
}

func (p *parser) component() (Unit, error) {
	start := p.pos
	switch c := p.peek(); c {
	case 0:
		return Unit{}, p.fault("it ends where a unit was expected")
	case '.', '/', ')', '}', ']':
		return Unit{}, p.fault("a unit was expected before %q", p.src[start:])
	case '(':
		p.pos++
		if p.depth++; p.depth > MaxDepth {
			return Unit{}, p.fault("its parentheses are nested deeper than %d", MaxDepth)
		}
		u, err := p.term(Unit{}, 0)
		if err != nil {
			return u, err
		}
		p.depth--
		if p.peek() != ')' {
			return u, p.fault("the parenthesis at %q has no end", p.src[start:])
		}
		p.pos++
		u.display = "(" + u.Display() + ")"
		return p.annotated(u)
	case '{':
		text, err := p.annotation()
		return Unit{display: text}, err
	}
	word, err := p.word()
	if err != nil {
		return Unit{}, err
	}
	u, err := p.simple(word)
	if err != nil {
		return u, err
	}
	return p.annotated(u)
}

// annotated reads the annotation behind a unit, if there is one.
func (p *parser) annotated(u Unit) (Unit, error) {
	if p.peek() != '{' {
		return u, nil
	}
	text, err := p.annotation()
	u.display += text
	return u, err
}

func (p *parser) annotation() (string, error) {
	end := strings.IndexByte(p.src[p.pos:], '}')
	if end < 0 {
		return "", p.fault("the annotation %q has no end", p.src[p.pos:])
	}
	text := p.src[p.pos : p.pos+end+1]
	if strings.Count(text, "{") > 1 {
		return "", p.fault("the annotation %q stands within another", text)
	}
	p.pos += end + 1
	return text, nil
}

// word reads up to the end of a unit with its exponent. Within brackets all signs are
// letters: [m/s2/Hz^(1/2)].
func (p *parser) word() (string, error) {
	start := p.pos
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case '.', '/', '(', ')', '{', '}':
			return p.src[start:p.pos], nil
		case '[':
			end := strings.IndexByte(p.src[p.pos:], ']')
			if end < 0 {
				return "", p.fault("the bracket at %q has no end", p.src[p.pos:])
			}
			p.pos += end
		}
		p.pos++
	}
	return p.src[start:], nil
}

// simple reads a number, or a unit with prefix and exponent.
func (p *parser) simple(word string) (Unit, error) {
	if strings.Trim(word, "0123456789") == "" {
		return p.number(word)
	}
	name, exponent, err := p.exponent(word)
	if err != nil {
		return Unit{}, err
	}
	u, err := p.named(name, word)
	if err != nil || exponent == 1 {
		u.display = "(" + u.display + ")"
		return u, err
	}
	display := "(" + u.display + " ^ " + strconv.Itoa(exponent) + ")"
	if u, err = p.raise(u.plain(), exponent); err != nil {
		return u, err
	}
	u.display = display
	return u, nil
}

func (p *parser) number(word string) (Unit, error) {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n == 0 {
		return Unit{}, p.fault("the number %q is 0 or too large", word)
	}
	return Unit{factor: big.NewRat(n, 1), display: word}, nil
}

// exponent splits "m-3" into m and -3.
func (p *parser) exponent(word string) (name string, exponent int, err error) {
	name = strings.TrimRight(word, "0123456789")
	if name == word {
		return name, 1, nil
	}
	if c := name[len(name)-1]; c == '-' || c == '+' {
		name = name[:len(name)-1]
	}
	exponent, err = strconv.Atoi(word[len(name):])
	if err != nil || exponent > MaxExponent || exponent < -MaxExponent {
		return "", 0, p.fault("the exponent of %q is beyond %d", word, MaxExponent)
	}
	return name, exponent, nil
}

// named finds a unit, or a prefix with a unit that takes one.
func (p *parser) named(name, word string) (Unit, error) {
	if a := p.table.atoms[name]; a != nil {
		if err := p.table.resolve(a); err != nil {
			return Unit{}, err
		}
		u := a.unit
		u.display = a.name
		return u, nil
	}
	for _, x := range p.table.prefixes {
		rest, ok := strings.CutPrefix(name, x.code)
		a := p.table.atoms[rest]
		if !ok || a == nil || !a.metric {
			continue
		}
		if err := p.table.resolve(a); err != nil {
			return Unit{}, err
		}
		u := a.unit
		u.factor = new(big.Rat).Mul(u.scale(), x.factor)
		u.display = x.name + a.name
		return u, nil
	}
	return Unit{}, p.unknown(name, word)
}

// unknown says why a name is no unit.
func (p *parser) unknown(name, word string) error {
	if rest := strings.TrimLeft(name, "0123456789"); rest != name {
		if _, err := p.named(rest, rest); err == nil {
			return p.fault("%q is not a unit; a dot must stand between a number and a unit", word)
		}
	}
	for _, x := range p.table.prefixes {
		if rest, ok := strings.CutPrefix(name, x.code); ok && p.table.atoms[rest] != nil {
			return p.fault("%q is not a unit; %s takes no prefix", word, rest)
		}
	}
	for code := range p.table.atoms {
		if strings.EqualFold(code, name) || strings.EqualFold(code, "["+name+"]") {
			return p.fault("%q is not a unit; is %s meant?", word, p.similar(name))
		}
	}
	return p.fault("%q is not a unit", word)
}

// similar is the first code, in alphabetical order, that differs in case or brackets only.
func (p *parser) similar(name string) string {
	best := ""
	for code := range p.table.atoms {
		if (strings.EqualFold(code, name) || strings.EqualFold(code, "["+name+"]")) && (best == "" || code < best) {
			best = code
		}
	}
	return best
}

// join multiplies or divides. A special unit stays special beside a number.
func (p *parser) join(left Unit, sign byte, right Unit) (Unit, error) {
	display := left.display
	switch {
	case sign == '.':
		display += " * " + right.Display()
	case display == "":
		display = "1 / " + right.Display()
	default:
		display += " / " + right.Display()
	}
	if left.special != nil && len(right.powers) == 0 && right.special == nil || right.special != nil && sign == '.' && len(left.powers) == 0 && left.special == nil {
		of := left
		if of.special == nil {
			of = right
		}
		a, b := left.scale(), right.scale()
		if sign == '/' {
			b = new(big.Rat).Inv(b)
		}
		u := of
		u.factor, u.inexact, u.display = new(big.Rat).Mul(a, b), left.inexact || right.inexact, display
		return u, p.bounded(u.factor)
	}
	left, right = left.plain(), right.plain()
	if sign == '/' {
		var err error
		if right, err = p.raise(right, -1); err != nil {
			return right, err
		}
	}
	u := Unit{inexact: left.inexact || right.inexact, display: display}
	u.factor = new(big.Rat).Mul(left.scale(), right.scale())
	u.powers = merge(left.powers, right.powers)
	u.base = spell(u.powers)
	return u, p.bounded(u.factor)
}

// plain makes a special unit a base of its own, for products.
func (u Unit) plain() Unit {
	if u.special == nil {
		return u
	}
	u.powers = []power{{u.special.code, 1}}
	u.base, u.special = u.special.code, nil
	return u
}

func (p *parser) raise(u Unit, n int) (Unit, error) {
	x := u.scale()
	if bits := max(x.Num().BitLen(), x.Denom().BitLen()); bits*max(n, -n) > 2*maxBits {
		return u, p.fault("it means a number that is too large or too small")
	}
	u.factor = raised(x, n)
	powers := make([]power, 0, len(u.powers))
	for _, x := range u.powers {
		if x.exponent *= n; x.exponent != 0 {
			powers = append(powers, x)
		}
	}
	u.powers, u.base = powers, spell(powers)
	return u, p.bounded(u.factor)
}

func (p *parser) bounded(x *big.Rat) error {
	if x.Num().BitLen() > maxBits || x.Denom().BitLen() > maxBits {
		return p.fault("it means a number that is too large or too small")
	}
	return nil
}

func merge(a, b []power) []power {
	out := slices.Clone(a)
	for _, x := range b {
		i, found := slices.BinarySearchFunc(out, x.code, func(y power, code string) int { return strings.Compare(y.code, code) })
		if !found {
			out = slices.Insert(out, i, x)
		} else if out[i].exponent += x.exponent; out[i].exponent == 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

func spell(powers []power) string {
	var b strings.Builder
	for i, x := range powers {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(x.code)
		if x.exponent != 1 {
			b.WriteString(strconv.Itoa(x.exponent))
		}
	}
	return b.String()
}

// Multiply returns the product of two units; its code is spelled from theirs.
func Multiply(a, b Unit) (Unit, error) { return combine(a, ".", b) }

// Divide returns the quotient of two units.
func Divide(a, b Unit) (Unit, error) { return combine(a, "/", b) }

func combine(a Unit, sign string, b Unit) (Unit, error) {
	left, right := a.code, b.code
	if right == "" {
		right = "1"
	}
	if left == "" {
		left = "1"
	}
	if right[0] == '/' {
		right = "1" + right
	}
	if strings.ContainsAny(right, "./") {
		right = "(" + right + ")"
	}
	return Parse(left + sign + right)
}
