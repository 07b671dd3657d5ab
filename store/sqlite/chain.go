package sqlite

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
)

// resolve replaces chains by what they come to at the snapshot.
func (f *finder) resolve(resourceType string, x search.Expr, depth int) (search.Expr, error) {
	switch x := x.(type) {
	case search.And:
		out := make(search.And, 0, len(x))
		for _, part := range x {
			r, err := f.resolve(resourceType, part, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	case search.Or:
		out := make(search.Or, 0, len(x))
		for _, part := range x {
			r, err := f.resolve(resourceType, part, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	case search.Not:
		r, err := f.resolve(resourceType, x.X, depth)
		return search.Not{X: r}, err
	case search.Chain, search.Has:
		return nil, fault.New(fault.NotSupported, "Chained search parameters are not supported yet.")
	case nil:
		return search.All{}, nil
	}
	return x, nil
}
