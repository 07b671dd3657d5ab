package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

type concept struct {
	Code, Display string
	Concept       []concept
	Property      []property
}

type property struct {
	Code, ValueCode, ValueString string
	ValueBoolean                 *bool
}

// text is the value as a filter writes it.
func (p property) text() string {
	if p.ValueBoolean != nil {
		return strconv.FormatBool(*p.ValueBoolean)
	}
	return p.ValueCode + p.ValueString
}

type terminologyResource struct {
	ResourceType, URL, Name, Version, Content string
	CaseSensitive                             *bool
	Concept                                   []concept
	Compose                                   *struct{ Include, Exclude []include }
	Expansion                                 *struct {
		Contains []struct{ System, Code, Display string }
	}
}

type include struct {
	System   string
	ValueSet []string
	Concept  []concept
	Filter   []struct{ Property, Op, Value string }
}

// systemLine is a code system: codes and displays in turn. A code has several parents when
// it is nested under one and named a child of others.
type systemLine struct {
	Complete bool     `json:"f,omitempty"`
	Name     string   `json:"n,omitempty"`
	Version  string   `json:"v,omitempty"`
	Caseless bool     `json:"i,omitempty"`
	Codes    []string `json:"c"`
	Displays []string `json:"d"`
	// Up has for each code the distance back to its first parent, 0 for none; zeros at the
	// end are left out. More has the further parents as pairs of positions, code and parent.
	Up         []int    `json:"u,omitempty"`
	More       [][2]int `json:"m,omitempty"`
	Abstract   []int    `json:"a,omitempty"` // positions of codes that only group others
	Retired    []int    `json:"r,omitempty"`
	Deprecated []int    `json:"p,omitempty"`
	// Also are further names of the codes at some positions.
	Also map[int]string `json:"o,omitempty"`

	parents    [][]int
	properties []map[string]string
}

// setLine is a value set. Parts are whole systems or lists of codes; Missing are the code
// systems and value sets that some of it lies in and that are not here, so that a missing
// code proves nothing.
type setLine struct {
	Name    string    `json:"n,omitempty"`
	Version string    `json:"v,omitempty"`
	Parts   []setPart `json:"p,omitempty"`
	Missing []string  `json:"o,omitempty"`
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
				if s := system(r); len(s.Codes) > 0 && r.Content != "supplement" {
					x.systems[r.URL] = s
				}
			case "ValueSet":
				x.sets[r.URL] = r
			}
		}
	}
	cvx, err := vaccines("definitions/cvx.tsv")
	if err != nil {
		return err
	}
	x.systems[vaccineSystem] = cvx
	systems, sets := map[string]any{}, map[string]any{}
	for url, s := range x.systems {
		systems[url] = s
	}
	open := 0
	for url := range x.sets {
		s := x.expand(url, nil)
		if len(s.Missing) > 0 {
			open++
		}
		s.Name, s.Version = x.sets[url].Name, x.sets[url].Version
		sets[url] = s
	}
	if len(sets) < 1300 || open > 120 {
		return expect("value sets with outside systems", open, 97)
	}
	if err := table(to, "systems", systems); err != nil {
		return err
	}
	if err := table(to, "sets", sets); err != nil {
		return err
	}
	return conceptMaps(from, to)
}

const vaccineSystem = "http://hl7.org/fhir/sid/cvx"

// vaccines reads the table of vaccines beside this program: a part of the code system.
func vaccines(file string) (*systemLine, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &systemLine{Name: "CVX", Also: map[int]string{}}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(cells) < 2 {
			continue
		}
		if len(cells) > 2 {
			s.Also[len(s.Codes)] = cells[2]
		}
		s.Codes, s.Displays, s.parents = append(s.Codes, cells[0]), append(s.Displays, cells[1]), append(s.parents, nil)
		s.properties = append(s.properties, nil)
	}
	s.write()
	return s, nil
}

func system(r terminologyResource) *systemLine {
	s := &systemLine{Complete: r.Content == "complete", Name: r.Name, Version: r.Version, Caseless: r.CaseSensitive != nil && !*r.CaseSensitive}
	index := map[string]int{}
	var add func(list []concept, parents []int)
	add = func(list []concept, parents []int) {
		for _, c := range list {
			at := len(s.Codes)
			index[c.Code] = at
			s.Codes, s.Displays, s.parents = append(s.Codes, c.Code), append(s.Displays, c.Display), append(s.parents, parents)
			s.properties = append(s.properties, map[string]string{})
			for _, p := range c.Property {
				s.note(at, p)
			}
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
					s.under(at, other)
				case ok && p.Code == "child":
					s.under(other, at)
				}
			}
			link(c.Concept)
		}
	}
	link(r.Concept)
	s.write()
	return s
}

// note keeps a property of a code.
func (s *systemLine) note(at int, p property) {
	s.properties[at][p.Code] = p.text()
	switch {
	case (p.Code == "notSelectable" || p.Code == "abstract") && p.text() == "true":
		s.Abstract = append(s.Abstract, at)
	case p.Code == "status" && p.ValueCode == "retired":
		s.Retired = append(s.Retired, at)
	case p.Code == "status" && p.ValueCode == "deprecated":
		s.Deprecated = append(s.Deprecated, at)
	}
}

// under makes parent one more parent of a code.
func (s *systemLine) under(at, parent int) {
	if at != parent && !slices.Contains(s.parents[at], parent) {
		s.parents[at] = append(slices.Clone(s.parents[at]), parent)
	}
}

// write makes Up and More of the parents.
func (s *systemLine) write() {
	s.Abstract = slices.Compact(s.Abstract)
	last := -1
	s.Up = make([]int, len(s.Codes))
	for i, parents := range s.parents {
		for k, p := range parents {
			if k > 0 {
				s.More = append(s.More, [2]int{i, p})
				continue
			}
			s.Up[i], last = i-p, i
		}
	}
	s.Up = s.Up[:last+1]
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
		return missing(url)
	}
	seen = append(seen, url)
	var out setLine
	for _, in := range vs.Compose.Include {
		part := x.include(in, seen)
		out.lacks(part.Missing)
		out.Parts = append(out.Parts, part.Parts...)
	}
	for _, ex := range vs.Compose.Exclude {
		out = x.without(out, x.include(ex, seen))
	}
	x.done[url] = out
	return out
}

func missing(what string) setLine { return setLine{Missing: []string{what}} }

func (l *setLine) lacks(what []string) {
	for _, w := range what {
		if !slices.Contains(l.Missing, w) {
			l.Missing = append(l.Missing, w)
		}
	}
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
			if i > 0 {
				s = x.both(out, s)
			}
			out = s
		}
		return out
	}
	s := x.systems[in.System]
	switch {
	case len(in.ValueSet) > 0: // none in R4's own
		return missing(in.ValueSet[0])
	case len(in.Concept) > 0:
		part := setPart{System: in.System}
		for _, c := range in.Concept {
			part.Codes = append(part.Codes, c.Code)
			if s == nil {
				part.Displays = append(part.Displays, c.Display)
			}
		}
		return setLine{Parts: []setPart{part}}
	case (s == nil || !s.Complete) && len(in.Filter) > 0:
		return missing("a part of " + in.System)
	case s == nil || !s.Complete:
		return missing(in.System)
	case len(in.Filter) == 0:
		return setLine{Parts: []setPart{{System: in.System, All: true}}}
	}
	return x.filtered(in, s)
}

// both returns what two value sets have in common.
func (x *expander) both(a, b setLine) setLine {
	var out setLine
	out.lacks(a.Missing)
	out.lacks(b.Missing)
	for _, p := range a.Parts {
		p = x.listed(p)
		codes := slices.DeleteFunc(slices.Clone(p.Codes), func(code string) bool {
			return !slices.ContainsFunc(b.Parts, func(o setPart) bool {
				return o.System == p.System && (o.All || slices.Contains(o.Codes, code))
			})
		})
		if len(codes) > 0 {
			out.Parts = append(out.Parts, setPart{System: p.System, Codes: codes})
		}
	}
	return out
}

// listed is a part with its codes named one by one.
func (x *expander) listed(p setPart) setPart {
	if p.All {
		return setPart{System: p.System, Codes: slices.Clone(x.systems[p.System].Codes)}
	}
	return p
}

func (x *expander) filtered(in include, s *systemLine) setLine {
	keep := make([]bool, len(s.Codes))
	for i := range keep {
		keep[i] = true
	}
	for _, f := range in.Filter {
		root := slices.Index(s.Codes, f.Value)
		used := slices.ContainsFunc(s.properties, func(p map[string]string) bool { _, ok := p[f.Property]; return ok })
		if f.Op == "=" && !used || f.Op != "=" && (f.Property != "concept" || root < 0 || f.Op != "is-a" && f.Op != "descendent-of" && f.Op != "is-not-a") {
			return missing("a part of " + in.System)
		}
		for i := range keep {
			switch f.Op {
			case "=":
				keep[i] = keep[i] && s.properties[i][f.Property] == f.Value
			case "is-a":
				keep[i] = keep[i] && s.below(i, root, 20)
			case "descendent-of":
				keep[i] = keep[i] && s.below(i, root, 20) && i != root
			case "is-not-a":
				keep[i] = keep[i] && !s.below(i, root, 20)
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
	var out setLine
	out.lacks(set.Missing)
	out.lacks(less.Missing)
	for _, p := range set.Parts {
		p = x.listed(p)
		for _, l := range less.Parts {
			if l.System != p.System {
				continue
			}
			p.Codes = slices.DeleteFunc(slices.Clone(p.Codes), func(c string) bool { return l.All || slices.Contains(l.Codes, c) })
			p.Displays = nil
		}
		out.Parts = append(out.Parts, p)
	}
	return out
}
