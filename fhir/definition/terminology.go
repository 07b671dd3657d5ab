package definition

import (
	"encoding/json"
	"strings"
)

var systemTable = table[codeSystem]{packed: &systemsGz}
var setTable = table[valueSet]{packed: &setsGz}

type codeSystem struct {
	complete        bool
	codes, displays []string
	index           map[string]int
}

type valueSet struct {
	parts []setPart
	open  bool // some of it lies in systems that are not here
}

type setPart struct {
	system   string
	all      bool
	codes    []string
	displays []string
	index    map[string]int
}

func decodeSystem(_ string, text []byte) (*codeSystem, error) {
	var line struct {
		F    bool
		C, D []string
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	return &codeSystem{complete: line.F, codes: line.C, displays: line.D, index: positions(line.C)}, nil
}

func decodeSet(_ string, text []byte) (*valueSet, error) {
	var line struct {
		P []struct {
			S    string
			A    bool
			C, D []string
		}
		O bool
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	v := &valueSet{open: line.O}
	for _, p := range line.P {
		v.parts = append(v.parts, setPart{system: p.S, all: p.A, codes: p.C, displays: p.D, index: positions(p.C)})
	}
	return v, nil
}

func positions(codes []string) map[string]int {
	m := make(map[string]int, len(codes))
	for i, c := range codes {
		m[c] = i
	}
	return m
}

func setOf(url string) *valueSet {
	url, _, _ = strings.Cut(url, "|")
	return setTable.get(url, decodeSet)
}

// Contains reports whether a value set (its URL may carry |version) contains a code. An
// empty system means any: the system of a code element is implied by its binding. known is
// false when the answer depends on a value set or code system that is not here.
func Contains(valueSetURL, system, code string) (in, known bool) {
	v := setOf(valueSetURL)
	if v == nil {
		return false, false
	}
	known = !v.open
	for _, p := range v.parts {
		if system != "" && system != p.system {
			continue
		}
		if _, ok := p.index[code]; ok {
			return true, true
		}
		if p.all {
			s := systemTable.get(p.system, decodeSystem)
			if s == nil || !s.complete {
				known = false
				continue
			}
			if _, ok := s.index[code]; ok {
				return true, true
			}
		}
	}
	return false, known
}

// Expand returns the codes of a value set; known is false when it is not here or not
// wholly here.
func Expand(valueSetURL string) (concepts []Concept, known bool) {
	v := setOf(valueSetURL)
	if v == nil {
		return nil, false
	}
	for _, p := range v.parts {
		s := systemTable.get(p.system, decodeSystem)
		codes := p.codes
		if p.all {
			if s == nil {
				return nil, false
			}
			codes = s.codes
		}
		for i, c := range codes {
			display := ""
			if i < len(p.displays) {
				display = p.displays[i]
			} else if s != nil {
				if at, ok := s.index[c]; ok {
					display = s.displays[at]
				}
			}
			concepts = append(concepts, Concept{System: p.system, Code: c, Display: display})
		}
	}
	return concepts, !v.open
}

// SystemOf returns the code system that a required binding implies for a bare code, or "".
func SystemOf(valueSetURL, code string) string {
	v := setOf(valueSetURL)
	if v == nil {
		return ""
	}
	for _, p := range v.parts {
		if p.all {
			if s := systemTable.get(p.system, decodeSystem); s == nil {
				continue
			} else if _, ok := s.index[code]; !ok {
				continue
			}
			return p.system
		}
		if _, ok := p.index[code]; ok {
			return p.system
		}
	}
	return ""
}

// Display returns the display of a code in a code system of the definitions.
func Display(system, code string) (string, bool) {
	s := systemTable.get(system, decodeSystem)
	if s == nil {
		return "", false
	}
	i, ok := s.index[code]
	if !ok {
		return "", false
	}
	return s.displays[i], true
}

// Codes returns the codes of a code system of the definitions; complete is false when the
// definitions hold only some of them, or none.
func Codes(system string) (concepts []Concept, complete bool) {
	s := systemTable.get(system, decodeSystem)
	if s == nil {
		return nil, false
	}
	for i, c := range s.codes {
		concepts = append(concepts, Concept{System: system, Code: c, Display: s.displays[i]})
	}
	return concepts, s.complete
}

// HasValueSet reports whether a value set (its URL may carry |version) is one of the
// definitions, wholly known or not.
func HasValueSet(url string) bool { return setOf(url) != nil }
