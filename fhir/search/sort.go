package search

import (
	"cmp"
	"math"
)

// SortValue is the value of one sort key of one resource.
type SortValue struct {
	Missing bool
	Int     int64   // date, _lastUpdated: Unix milliseconds
	Float   float64 // number, quantity
	Text    string  // everything else
}

// SortKeys returns a resource's values for sort keys, one each. A store sorts by the same
// rules:
//
//   - ascending takes the lowest value of the parameter, descending the highest;
//   - resources without a value come last, in both directions;
//   - date: Low when ascending, High when descending; number and quantity: ValueLow when
//     ascending, ValueHigh when descending, units are not compared; string: Norm; token:
//     Code; reference: RefType/RefID, else URL, else Code; uri: URL; compared by bytes;
//   - _lastUpdated counts in milliseconds;
//   - what is equal in all keys is ordered by the store, the same way on every page.
func SortKeys(keys []SortKey, s Subject, entries []Entry) []SortValue {
	out := make([]SortValue, len(keys))
	for i, k := range keys {
		switch k.Param {
		case "_id":
			out[i] = SortValue{Text: s.ID}
		case "_lastUpdated":
			out[i] = SortValue{Int: s.Updated.UnixMilli()}
		default:
			out[i] = sortValue(k, entries)
		}
	}
	return out
}

func sortValue(k SortKey, entries []Entry) SortValue {
	best := SortValue{Missing: true}
	for i := range entries {
		e := &entries[i]
		if e.Param != k.Param {
			continue
		}
		v, ok := e.sortValue(k.Descending)
		if !ok {
			continue
		}
		if c := v.compare(best); best.Missing || k.Descending && c > 0 || !k.Descending && c < 0 {
			best = v
		}
	}
	return best
}

func (e *Entry) sortValue(descending bool) (SortValue, bool) {
	switch e.Kind {
	case KindDate:
		if descending {
			return SortValue{Int: e.High}, true
		}
		return SortValue{Int: e.Low}, true
	case KindNumber, KindQuantity:
		if descending {
			return SortValue{Float: e.ValueHigh}, !math.IsNaN(e.ValueHigh)
		}
		return SortValue{Float: e.ValueLow}, !math.IsNaN(e.ValueLow)
	case KindString:
		return SortValue{Text: e.Norm}, true
	case KindToken:
		return SortValue{Text: e.Code}, e.Code != ""
	case KindURI:
		return SortValue{Text: e.URL}, true
	case KindReference:
		switch {
		case e.RefID != "":
			return SortValue{Text: e.RefType + "/" + e.RefID}, true
		case e.URL != "":
			return SortValue{Text: e.URL}, true
		}
		return SortValue{Text: e.Code}, true
	}
	return SortValue{}, false
}

func (v SortValue) compare(w SortValue) int {
	return cmp.Or(cmp.Compare(v.Int, w.Int), cmp.Compare(v.Float, w.Float), cmp.Compare(v.Text, w.Text))
}

// Compare orders two resources by their SortKeys: negative when a comes before b.
func Compare(keys []SortKey, a, b []SortValue) int {
	for i, k := range keys {
		switch {
		case a[i].Missing && b[i].Missing:
			continue
		case a[i].Missing:
			return 1
		case b[i].Missing:
			return -1
		}
		if c := a[i].compare(b[i]); c != 0 {
			if k.Descending {
				return -c
			}
			return c
		}
	}
	return 0
}
