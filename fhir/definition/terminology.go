package definition

import (
	"encoding/json"
	"strings"
)

var systemTable = table[CodeSystem]{packed: &systemsGz}
var setTable = table[ValueSet]{packed: &setsGz}
var mapTable = table[string]{packed: &mapsGz}

// CodeSystem is a code system of the definitions. Codes are told apart by their positions:
// parents come before or after their children. It is shared: never change it.
type CodeSystem struct {
	URL, Name, Version string
	Complete           bool // all codes are here
	Caseless           bool // codes that differ by case alone are the same
	Codes, Displays    []string
	// Parents are the positions of the codes directly above each code; nil for a code
	// system without a hierarchy.
	Parents                       [][]int
	Abstract, Retired, Deprecated map[int]bool
	// Also are further names of the codes at some positions.
	Also map[int]string

	index map[string]int
}

// ValueSet is what the definitions tell of a value set: its Missing are the code systems
// and value sets that some of it lies in and that are not here; "a part of …" when filters
// select it.
type ValueSet struct {
	URL, Name, Version string
	Missing            []string

	parts []setPart
}

type setPart struct {
	system   string
	all      bool
	codes    []string
	displays []string
	index    map[string]int
}

func decodeSystem(url string, text []byte) (*CodeSystem, error) {
	var line struct {
		F, I    bool
		N, V    string
		C, D    []string
		U       []int
		M       [][2]int
		A, R, P []int
		O       map[int]string
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	s := &CodeSystem{URL: url, Name: line.N, Version: line.V, Complete: line.F, Caseless: line.I, Codes: line.C, Displays: line.D,
		Abstract: marked(line.A), Retired: marked(line.R), Deprecated: marked(line.P), Also: line.O, index: positions(line.C)}
	if len(line.U) > 0 {
		s.Parents = make([][]int, len(s.Codes))
		for i, back := range line.U {
			if back != 0 {
				s.Parents[i] = []int{i - back}
			}
		}
		for _, more := range line.M {
			s.Parents[more[0]] = append(s.Parents[more[0]], more[1])
		}
	}
	return s, nil
}

func marked(list []int) map[int]bool {
	m := make(map[int]bool, len(list))
	for _, at := range list {
		m[at] = true
	}
	return m
}

func decodeSet(url string, text []byte) (*ValueSet, error) {
	var line struct {
		N, V string
		P    []struct {
			S    string
			A    bool
			C, D []string
		}
		O []string
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return nil, err
	}
	v := &ValueSet{URL: url, Name: line.N, Version: line.V, Missing: line.O}
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

func setOf(url string) *ValueSet {
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
	known = len(v.Missing) == 0
	for _, p := range v.parts {
		if system != "" && system != p.system {
			continue
		}
		if _, ok := p.index[code]; ok {
			return true, true
		}
		if p.all {
			s := systemTable.get(p.system, decodeSystem)
			if s == nil || !s.Complete {
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
			codes = s.Codes
		}
		for i, c := range codes {
			display := ""
			if i < len(p.displays) {
				display = p.displays[i]
			} else if s != nil {
				if at, ok := s.index[c]; ok {
					display = s.Displays[at]
				}
			}
			concepts = append(concepts, Concept{System: p.system, Code: c, Display: display})
		}
	}
	return concepts, len(v.Missing) == 0
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
	return s.Displays[i], true
}

// Called reports whether a text is a name of a code in a code system of the definitions, but
// for case and white space; known is false when its names are not here.
func Called(system, code, text string) (called, known bool) {
	s := systemTable.get(system, decodeSystem)
	if s == nil {
		return false, false
	}
	i, ok := s.index[code]
	if !ok || s.Displays[i] == "" {
		return false, false
	}
	return Same(s.Displays[i], text) || Same(s.Also[i], text), true
}

// Same reports whether two names differ in case and white space alone.
func Same(a, b string) bool {
	return a == b || strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// HasValueSet reports whether a value set (its URL may carry |version) is one of the
// definitions, wholly known or not.
func HasValueSet(url string) bool { return setOf(url) != nil }

// FindValueSet returns a value set of the definitions by its URL, without |version.
func FindValueSet(url string) (*ValueSet, bool) {
	v := setTable.get(url, decodeSet)
	return v, v != nil
}

// ValueSets returns the URLs of all value sets of the definitions.
func ValueSets() []string { setTable.load(); return setTable.keys }

// FindCodeSystem returns a code system of the definitions by its URL, without |version.
func FindCodeSystem(url string) (*CodeSystem, bool) {
	s := systemTable.get(url, decodeSystem)
	return s, s != nil
}

// CodeSystems returns the URLs of the code systems of which the definitions hold codes.
func CodeSystems() []string { systemTable.load(); return systemTable.keys }

// ConceptMap returns the JSON of a ConceptMap of the definitions, without its prose; nil
// when there is none with this URL.
func ConceptMap(url string) []byte {
	text := mapTable.get(url, func(_ string, text []byte) (*string, error) { s := string(text); return &s, nil })
	if text == nil {
		return nil
	}
	return []byte(*text)
}

// ConceptMaps returns the URLs of the concept maps of the definitions.
func ConceptMaps() []string { mapTable.load(); return mapTable.keys }

// Position returns where a code stands.
func (s *CodeSystem) Position(code string) (int, bool) {
	i, ok := s.index[code]
	return i, ok
}
