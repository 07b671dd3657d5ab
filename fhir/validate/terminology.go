package validate

import (
	"sync"

	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/terminology"
)

// Terminology returns an answer for Options.Member: from R4's own value sets, and for
// others from those that find returns. Expansions are kept, so it is for one state of the
// value sets. It is safe for concurrent use when find is.
func Terminology(find terminology.Finder) func(valueSet, system, code string) (in, known bool) {
	var mu sync.Mutex
	sets := map[string]*expanded{}
	return func(valueSet, system, code string) (in, known bool) {
		if in, known = definition.Contains(valueSet, system, code); in || known {
			return in, known
		}
		mu.Lock()
		s, ok := sets[valueSet]
		if !ok {
			s = expand(valueSet, find)
			sets[valueSet] = s
		}
		mu.Unlock()
		if s == nil && system != "" { // it does not expand, but one code may be known all the same
			answer, err := terminology.ValidateCode(valueSet, find, terminology.Coding{System: system, Code: code})
			return err == nil && answer.Valid, err == nil
		}
		return s.contains(system, code)
	}
}

// expanded is a value set with its codes, by system and without; nil when it is not wholly
// known.
type expanded struct {
	coded map[[2]string]bool
	codes map[string]bool
}

func expand(valueSet string, find terminology.Finder) *expanded {
	concepts, err := terminology.Expand(valueSet, find)
	if err != nil {
		return nil
	}
	s := &expanded{map[[2]string]bool{}, map[string]bool{}}
	for _, c := range concepts {
		s.coded[[2]string{c.System, c.Code}] = true
		s.codes[c.Code] = true
	}
	return s
}

func (s *expanded) contains(system, code string) (in, known bool) {
	switch {
	case s == nil:
		return false, false
	case system == "":
		return s.codes[code], true
	}
	return s.coded[[2]string{system, code}], true
}
