package main

import (
	"path/filepath"
	"slices"
	"strings"
)

type concept struct {
	Code, Display string
	Concept       []concept
	Property      []struct{ Code, ValueCode string }
}

type terminologyResource struct {
	ResourceType, URL, Content string
	Concept                    []concept
	Compose                    *struct{ Include, Exclude []include }
	Expansion                  *struct {
		Contains []struct{ System, Code, Display string }
	}
}

type include struct {
	System   string
	ValueSet []string
	Concept  []concept
	Filter   []struct{ Property, Op, Value string }
}

// systemLine is a code system: codes and displays in turn. The positions of each code's
// parents serve to resolve the filters of value sets here and are not written. A code has
// several parents when it is nested under one and named a child of others.
type systemLine struct {
	Complete bool     `json:"f,omitempty"`
	Codes    []string `json:"c"`
	Displays []string `json:"d"`
	parents  [][]int
}

// setLine is a value set. Parts are whole systems or lists of codes; Open says that some
// of it lies in systems that are not here, so that a missing code proves nothing.
type setLine struct {
	Parts []setPart `json:"p,omitempty"`
	Open  bool      `json:"o,omitempty"`
}

type setPart struct {
	System   string   `json:"s"`
	All      bool     `json:"a,omitempty"`
	Codes    []string `json:"c,omitempty"`
	Displays []string `json:"d,omitempty"` // for systems that are not here
}

type expander struct {
	systems map[string]*systemLine
	sets    map[string]terminologyResource
	done    map[string]setLine
}

func terminology(from, to string) error {
	x := &expander{systems: map[string]*systemLine{}, sets: map[string]terminologyResource{}, done: map[string]setLine{}}
	for _, file := range []string{"valuesets.json", "v2-tables.json", "v3-codesystems.json"} {
		list, err := entries[terminologyResource](filepath.Join(from, file), "CodeSystem", "ValueSet")
		if err != nil {
			return err
		}
		for _, r := range list {
			switch r.ResourceType {
			case "CodeSystem":
				if s := system(r); len(s.Codes) > 0 {
					x.systems[r.URL] = s
				}
			case "ValueSet":
				x.sets[r.URL] = r
			}
		}
	}
	systems, sets := map[string]any{}, map[string]any{}
	for url, s := range x.systems {
		systems[url] = s
	}
	open := 0
	for url := range x.sets {
		s := x.expand(url, nil)
		if s.Open {
			open++
		}
		sets[url] = s
	}
	if len(sets) < 1300 || open > 120 {
		return expect("value sets with outside systems", open, 97)
	}
	if err := table(to, "systems", systems); err != nil {
		return err
	}
	return table(to, "sets", sets)
}

func system(r terminologyResource) *systemLine {
	s := &systemLine{Complete: r.Content == "complete"}
	index := map[string]int{}
	var add func(list []concept, parents []int)
	add = func(list []concept, parents []int) {
		for _, c := range list {
			at := len(s.Codes)
			index[c.Code] = at
			s.Codes, s.Displays, s.parents = append(s.Codes, c.Code), append(s.Displays, c.Display), append(s.parents, parents)
			add(c.Concept, []int{at})
		}
	}
	add(r.Concept, nil)
	var link func(list []concept)
	link = func(list []concept) {
		for _, c := range list {
			for _, p := range c.Property {
				other, ok := index[p.ValueCode]
				switch at := index[c.Code]; {
				case ok && p.Code == "subsumedBy":
					s.parents[at] = append(slices.Clone(s.parents[at]), other)
				case ok && p.Code == "child":
					s.parents[other] = append(slices.Clone(s.parents[other]), at)
				}
			}
			link(c.Concept)
		}
	}
	link(r.Concept)
	return s
}

// expand returns the parts of a value set; seen guards against circles.
func (x *expander) expand(url string, seen []string) setLine {
	url, _, _ = strings.Cut(url, "|")
	if s, ok := x.done[url]; ok {
		return s
	}
	vs, ok := x.sets[url]
	if !ok || slices.Contains(seen, url) || vs.Compose == nil {
		if ok && vs.Expansion != nil {
			return x.fixed(vs)
		}
		return setLine{Open: true}
	}
	seen = append(seen, url)
	var out setLine
	for _, in := range vs.Compose.Include {
		part := x.include(in, seen)
		out.Open = out.Open || part.Open
		out.Parts = append(out.Parts, part.Parts...)
	}
	for _, ex := range vs.Compose.Exclude {
		out = x.without(out, x.include(ex, seen))
	}
	x.done[url] = out
	return out
}

func (x *expander) fixed(vs terminologyResource) setLine {
	var out setLine
	for _, c := range vs.Expansion.Contains {
		out.Parts = append(out.Parts, setPart{System: c.System, Codes: []string{c.Code}, Displays: []string{c.Display}})
	}
	return out
}

func (x *expander) include(in include, seen []string) setLine {
	if in.System == "" {
		var out setLine
		for i, v := range in.ValueSet {
			s := x.expand(v, seen)
			if i > 0 { // an intersection of value sets: rare, not resolved here
				return setLine{Open: true}
			}
			out = s
		}
		return out
	}
	s := x.systems[in.System]
	switch {
	case len(in.ValueSet) > 0:
		return setLine{Open: true}
	case len(in.Concept) > 0:
		part := setPart{System: in.System}
		for _, c := range in.Concept {
			part.Codes = append(part.Codes, c.Code)
			if s == nil {
				part.Displays = append(part.Displays, c.Display)
			}
		}
		return setLine{Parts: []setPart{part}}
	case s == nil || !s.Complete:
		return setLine{Open: true}
	case len(in.Filter) == 0:
		return setLine{Parts: []setPart{{System: in.System, All: true}}}
	}
	return x.filtered(in, s)
}

func (x *expander) filtered(in include, s *systemLine) setLine {
	keep := make([]bool, len(s.Codes))
	for i := range keep {
		keep[i] = true
	}
	for _, f := range in.Filter {
		root := slices.Index(s.Codes, f.Value)
		if f.Property != "concept" || root < 0 || f.Op != "is-a" && f.Op != "descendent-of" && f.Op != "is-not-a" {
			return setLine{Open: true}
		}
		for i := range keep {
			below := s.below(i, root, 20)
			switch f.Op {
			case "is-a":
				keep[i] = keep[i] && below
			case "descendent-of":
				keep[i] = keep[i] && below && i != root
			case "is-not-a":
				keep[i] = keep[i] && !below
			}
		}
	}
	part := setPart{System: in.System}
	for i, k := range keep {
		if k {
			part.Codes = append(part.Codes, s.Codes[i])
		}
	}
	return setLine{Parts: []setPart{part}}
}

// below reports whether code i is root or stands under it; depth ends circles.
func (s *systemLine) below(i, root, depth int) bool {
	if i == root {
		return true
	}
	for _, p := range s.parents[i] {
		if depth > 0 && s.below(p, root, depth-1) {
			return true
		}
	}
	return false
}

func (x *expander) without(set, less setLine) setLine {
	out := setLine{Open: set.Open || less.Open}
	for _, p := range set.Parts {
		if p.All {
			p = setPart{System: p.System, Codes: slices.Clone(x.systems[p.System].Codes)}
		}
		for _, l := range less.Parts {
			if l.System != p.System {
				continue
			}
			p.Codes = slices.DeleteFunc(p.Codes, func(c string) bool { return l.All || slices.Contains(l.Codes, c) })
			p.Displays = nil
		}
		out.Parts = append(out.Parts, p)
	}
	return out
}
