package packed

import (
	"github.com/osler-emr/osler/fhir/search"
)

// sortValues returns what a version is sorted by (search.SortKeys), as the statements of
// sqlgen return it.
func sortValues(keys []search.SortKey, v Stored, entries []search.Entry) []any {
	values := search.SortKeys(keys, search.Subject{Type: v.Type, ID: v.ID, Patient: v.Patient, Updated: v.Updated}, entries)
	out := make([]any, len(values))
	for i, value := range values {
		switch {
		case value.Missing:
		case keys[i].Param == "_lastUpdated":
			out[i] = value.Int
		case keys[i].Param == "_id":
			out[i] = value.Text
		default:
			out[i] = sortValue(value, kindOf(keys[i].Param, entries))
		}
	}
	return out
}

func sortValue(v search.SortValue, kind search.Kind) any {
	switch kind {
	case search.KindDate:
		return v.Int
	case search.KindNumber, search.KindQuantity:
		return v.Float
	}
	return v.Text
}

func kindOf(param string, entries []search.Entry) search.Kind {
	for i := range entries {
		if entries[i].Param == param {
			return entries[i].Kind
		}
	}
	return 0
}
