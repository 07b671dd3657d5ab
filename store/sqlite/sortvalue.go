package sqlite

import (
	"github.com/osler-emr/osler/fhir/search"
)

// sortValues returns what a version is sorted by, as the statements of sqlgen compute it
// from the index tables.
func sortValues(keys []search.SortKey, v stored, entries []search.Entry) []any {
	var out []any
	for _, key := range keys {
		out = append(out, sortValue(key, v, entries))
	}
	return out
}

func sortValue(key search.SortKey, v stored, entries []search.Entry) (best any) {
	switch key.Param {
	case "_id":
		return v.ID
	case "_lastUpdated":
		return v.Updated.UnixMilli()
	}
	for i := range entries {
		if entries[i].Param != key.Param {
			continue
		}
		value := sortable(&entries[i], key.Descending)
		if value == nil {
			continue
		}
		c := 0
		if best != nil {
			c = compareValues(value, best)
		}
		if best == nil || c < 0 != key.Descending && c != 0 {
			best = value
		}
	}
	return best
}

func sortable(e *search.Entry, descending bool) any {
	switch e.Kind {
	case search.KindDate:
		if descending {
			return e.High
		}
		return e.Low
	case search.KindString:
		return e.Norm
	case search.KindNumber, search.KindQuantity:
		return e.Value
	}
	return nil
}
