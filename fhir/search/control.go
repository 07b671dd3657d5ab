package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/definition"
)

// controls are the parameters that shape the result: FHIR R4, section 3.1.1.5.
var controls = map[string]func(r *reader, p Param, modifier string) error{
	"_sort":       readSort,
	"_count":      readCount,
	"_include":    readInclude,
	"_revinclude": readRevInclude,
	"_summary":    readSummary,
	"_elements":   readElements,
	"_total":      readTotal,
	"_contained":  readContained,
	"_type":       func(r *reader, p Param, _ string) error { return nil }, // read before all others
	"_format":     func(*reader, Param, string) error { return nil },
	"_pretty":     func(*reader, Param, string) error { return nil },
}

// readTypes reads _type of a search over all types, which says which other parameters there
// are; so it is read first.
func (r *reader) readTypes(params []Param) error {
	for _, p := range params {
		if p.Name != "_type" {
			continue
		}
		for t := range strings.SplitSeq(p.Value, ",") {
			switch {
			case t == "":
			case !definition.IsResource(t):
				return malformed(p.Name, p.Value, "names what is not a resource type of FHIR R4")
			case r.query.Type != "" && t != r.query.Type:
				return malformed(p.Name, p.Value, "names another type than the one that is searched")
			case r.query.Type == "" && !slices.Contains(r.query.Types, t):
				r.query.Types = append(r.query.Types, t)
			}
		}
	}
	return nil
}

func readSort(r *reader, p Param, _ string) error {
	var keys []SortKey
	for key := range strings.SplitSeq(p.Value, ",") {
		name, descending := strings.CutPrefix(strings.TrimSpace(key), "-")
		if name == "" {
			continue
		}
		if name != "_id" && name != "_lastUpdated" {
			c, err := r.parameter(r.common(), name)
			if fault.Is(err, fault.Unavailable) {
				return err
			}
			if err != nil {
				return ignore("It sorts by " + strconv.Quote(name) + ". " + err.Error())
			}
			if c.kind == KindComposite || c.kind == KindSpecial {
				return fault.New(fault.NotSupported, "A search cannot be sorted by %q, which is a composite or a position.", name)
			}
		}
		keys = append(keys, SortKey{Param: name, Descending: descending})
	}
	if len(keys) > MaxSortKeys {
		return fault.New(fault.TooCostly, "The search has more than %d keys in _sort.", MaxSortKeys)
	}
	r.query.Sort = keys
	return nil
}

func readCount(r *reader, p Param, _ string) error {
	n, err := strconv.Atoi(p.Value)
	if err != nil || n < 0 {
		return malformed(p.Name, p.Value, "is not a number of results")
	}
	if n == 0 { // section 3.1.1.5.4: the same as _summary=count
		r.query.Summary = SummaryCount
		r.query.Total = TotalAccurate
	}
	r.query.Count = min(n, MaxCount)
	return nil
}

func readInclude(r *reader, p Param, modifier string) error {
	list, err := r.inclusion(p, modifier, false)
	r.query.Include = append(r.query.Include, list...)
	return err
}

func readRevInclude(r *reader, p Param, modifier string) error {
	list, err := r.inclusion(p, modifier, true)
	r.query.RevInclude = append(r.query.RevInclude, list...)
	return err
}

// inclusion reads Source:parameter[:Target], and * for all references: of the searched type,
// with :iterate of every type. Backwards, * is all that refers to a match.
func (r *reader) inclusion(p Param, modifier string, reverse bool) ([]Include, error) {
	if modifier != "" && modifier != "iterate" {
		return nil, fault.New(fault.NotSupported, "%s has no modifier %q here; there is :iterate.", strings.SplitN(p.Name, ":", 2)[0], ":"+modifier)
	}
	iterate := modifier == "iterate"
	var list []Include
	for value := range strings.SplitSeq(p.Value, ",") {
		if value == "" {
			continue
		}
		if len(r.query.Include)+len(r.query.RevInclude)+len(list) >= MaxIncludes {
			return nil, fault.New(fault.TooCostly, "The search has more than %d includes.", MaxIncludes)
		}
		if value == "*" {
			i := Include{Source: r.query.Type, Param: "*", Iterate: iterate}
			if reverse || iterate {
				i.Source = ""
			}
			list = append(list, i)
			continue
		}
		parts := strings.Split(value, ":")
		if len(parts) < 2 || len(parts) > 3 || !definition.IsResource(parts[0]) {
			return nil, malformed(p.Name, value, "must be Type:parameter or Type:parameter:Target")
		}
		i := Include{Source: parts[0], Param: parts[1], Iterate: iterate}
		if len(parts) == 3 {
			i.Target = parts[2]
		}
		if err := r.checkInclude(p, value, i, reverse); err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}

func (r *reader) checkInclude(p Param, value string, i Include, reverse bool) error {
	if i.Target != "" && !definition.IsResource(i.Target) {
		return malformed(p.Name, value, "names a target that is not a resource type of FHIR R4")
	}
	if !reverse && !i.Iterate && r.query.Type != "" && i.Source != r.query.Type {
		return malformed(p.Name, value, "does not start with the searched type "+r.query.Type+"; what included resources refer to is included with :iterate")
	}
	if i.Param == "*" {
		return nil
	}
	c, err := r.parameter(i.Source, i.Param)
	if fault.Is(err, fault.Unavailable) {
		return err
	}
	if err != nil || c.kind != KindReference {
		return malformed(p.Name, value, "does not name a reference parameter of "+i.Source)
	}
	return nil
}

func readSummary(r *reader, p Param, _ string) error {
	switch p.Value {
	case "false":
		r.query.Summary = SummaryFalse
	case "true", "text", "data":
		r.query.Summary = Summary(p.Value)
	case "count":
		r.query.Summary, r.query.Count, r.query.Total = SummaryCount, 0, TotalAccurate
	default:
		return malformed(p.Name, p.Value, "must be true, text, data, count or false")
	}
	return nil
}

func readElements(r *reader, p Param, _ string) error {
	for name := range strings.SplitSeq(p.Value, ",") {
		name = strings.TrimSpace(name)
		if bare, ok := strings.CutPrefix(name, r.query.Type+"."); ok && r.query.Type != "" {
			name = bare
		}
		if name != "" && !slices.Contains(r.query.Elements, name) {
			r.query.Elements = append(r.query.Elements, name)
		}
	}
	return nil
}

// readContained reads _contained, which asks for resources inside of others; they are not
// found by themselves here.
func readContained(_ *reader, p Param, _ string) error {
	if p.Value != "false" {
		return fault.New(fault.NotSupported, "Contained resources are not found by themselves (%s=%s); search for those that contain them.", p.Name, p.Value)
	}
	return nil
}

func readTotal(r *reader, p Param, _ string) error {
	switch t := Total(p.Value); t {
	case TotalNone, TotalEstimate, TotalAccurate:
		r.query.Total = t
		return nil
	}
	return malformed(p.Name, p.Value, "must be none, estimate or accurate")
}
