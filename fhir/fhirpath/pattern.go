package fhirpath

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"github.com/osler-emr/osler/base/fault"
)

// Limits of a regular expression. Its weight is about the number of instructions that Go
// makes of it; a{1000} weighs a thousand.
const (
	MaxPattern       = 2048  // bytes
	maxPatternWeight = 10000 // of one
	maxKnownWeight   = 100000
)

// pattern is a compiled regular expression with its weight: to try it on a text costs up
// to the product of both.
type pattern struct {
	*regexp.Regexp
	weight int
}

// patterns keeps what was compiled, up to a sum of weights; then it is emptied.
var patterns struct {
	sync.RWMutex
	known  map[string]*pattern
	weight int
}

// pattern compiles a regular expression, or takes the compiled one, and charges for it. Go's
// engine runs in linear time; look-around and back references, which it lacks, are faults.
func (s *state) pattern(source string, full bool) (*pattern, error) {
	if len(source) > MaxPattern {
		return nil, fault.New(fault.TooLarge, "FHIRPath: a regular expression has %d bytes; the limit is %d.", len(source), MaxPattern)
	}
	if full {
		source = `\A(?:` + source + `)\z`
	}
	patterns.RLock()
	p := patterns.known[source]
	patterns.RUnlock()
	if p != nil {
		return p, s.spend(8)
	}
	if err := s.spend(4 * len(source)); err != nil {
		return nil, err
	}
	tree, err := syntax.Parse("(?s)"+source, syntax.Perl)
	if err != nil {
		return nil, refuse("the regular expression cannot be used.")
	}
	weight := weigh(tree)
	if weight > maxPatternWeight {
		return nil, fault.New(fault.TooCostly, "FHIRPath: a regular expression is too large: its repetitions multiply to more than %d.", maxPatternWeight)
	}
	if err := s.spend(2 * weight); err != nil {
		return nil, err
	}
	r, err := regexp.Compile("(?s)" + source)
	if err != nil {
		return nil, refuse("the regular expression cannot be used.")
	}
	p = &pattern{r, weight}
	patterns.Lock()
	if patterns.known == nil || patterns.weight+weight+len(source) > maxKnownWeight {
		patterns.known, patterns.weight = map[string]*pattern{}, 0
	}
	patterns.known[source] = p
	patterns.weight += weight + len(source)
	patterns.Unlock()
	return p, nil
}

// weigh counts what the pattern becomes when its repetitions are written out.
func weigh(t *syntax.Regexp) int {
	n := 1 + len(t.Rune)/2
	for _, sub := range t.Sub {
		n += weigh(sub)
		if n > maxPatternWeight {
			return n
		}
	}
	if t.Op == syntax.OpRepeat {
		n *= max(t.Min, t.Max, 1)
	}
	return n
}

// spendMatch charges for trying a pattern on a text.
func (s *state) spendMatch(p *pattern, text string) error {
	return s.spendText((len(text) + 1) * p.weight)
}
