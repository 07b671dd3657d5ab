package search

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/fhirpath"
	"github.com/osler-emr/osler/fhir/ucum"
)

// special reads the parameters of every type that are no index of their own: FHIR R4,
// section 3.1.1.4. ok is false for other parameters.
func (r *reader) special(resourceType, name, modifier, value string, values []string) (x Expr, ok bool, err error) {
	switch name {
	case "_list", "_filter", "_text", "_content", "_query":
	default:
		return nil, false, nil
	}
	if modifier != "" {
		return nil, true, fault.New(fault.NotSupported, "The search parameter %q has no modifier %q here.", name, ":"+modifier)
	}
	switch name {
	case "_list":
		x, err = readList(values)
	case "_filter":
		x, err = r.filter(resourceType, value)
	case "_query":
		err = fault.New(fault.NotSupported, "There are no named queries (_query) here.")
	default:
		x, err = readWords(name, values)
	}
	return x, true, err
}

// readList reads _list: the resources that a List names.
func readList(values []string) (Expr, error) {
	var or Or
	for _, v := range values {
		id := strings.TrimPrefix(unescape(v), "List/")
		switch {
		case strings.HasPrefix(id, "$"):
			return nil, fault.New(fault.NotSupported, "The functional list %q is not kept here; name the id of a List.", id)
		case !validID(id):
			return nil, malformed("_list", v, "is not the id of a List")
		}
		or = append(or, Has{Source: "List", Param: "item", X: ID{id}})
	}
	return either(or), nil
}

// The distance of near when none is given, and the largest one: half around the earth.
const (
	nearKilometres = 20
	maxMetres      = 20_040_000
)

// readNear reads Location?near=latitude|longitude|distance|unit. Without a distance it is
// 20 km; the unit is km or a unit of length of UCUM.
func readNear(param string, values []string) (Expr, error) {
	var or Or
	for _, v := range values {
		parts := splitEscaped(v, '|')
		if len(parts) < 2 || len(parts) > 4 {
			return nil, malformed(param, v, "must be latitude|longitude|distance|unit")
		}
		n := Near{Param: param, Metres: nearKilometres * 1000}
		var okLat, okLon bool
		n.Latitude, okLat = degrees(parts[0], 90)
		n.Longitude, okLon = degrees(parts[1], 180)
		if !okLat || !okLon {
			return nil, malformed(param, v, "must begin with a latitude of -90 to 90 and a longitude of -180 to 180")
		}
		if len(parts) > 2 && parts[2] != "" {
			unit := "km"
			if len(parts) == 4 && parts[3] != "" {
				unit = unescape(parts[3])
			}
			metres, ok := distance(parts[2], unit)
			if !ok {
				return nil, malformed(param, v, "must have a distance from 0 on, in km or another unit of length of UCUM, such as m or [mi_i]")
			}
			n.Metres = metres
		}
		or = append(or, n)
	}
	return either(or), nil
}

func degrees(s string, limit float64) (float64, bool) {
	v, _, ok := measure(s)
	return v, ok && math.Abs(v) <= limit
}

func distance(number, unit string) (float64, bool) {
	v, _, ok := measure(number)
	if !ok || v < 0 {
		return 0, false
	}
	from, errFrom := ucum.Parse(unit)
	metre, errTo := ucum.Parse("m")
	exact, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64))
	if errFrom != nil || errTo != nil || !ok {
		return 0, false
	}
	out, err := ucum.Convert(exact, from, metre)
	if err != nil {
		return 0, false
	}
	f, _ := out.Float64()
	return min(f, maxMetres), true
}

// extractPosition appends a position: ValueLow is the latitude, ValueHigh the longitude.
func extractPosition(out []Entry, param string, v fhirpath.Value) []Entry {
	n := v.Node()
	lat, okLat := n.Get("latitude").Float()
	lon, okLon := n.Get("longitude").Float()
	if !okLat || !okLon || math.Abs(lat) > 90 || math.Abs(lon) > 180 {
		return out
	}
	return append(out, Entry{Param: param, Kind: KindSpecial, ValueLow: lat, ValueHigh: lon})
}

func matchNear(n *Near, e *Entry) bool {
	return e.Kind == KindSpecial && Distance(n.Latitude, n.Longitude, e.ValueLow, e.ValueHigh) <= n.Metres
}

// Distance returns the way between two positions on a sphere of the earth's mean radius, in
// metres; it is right to half a percent.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	const radius, radian = 6_371_008.8, math.Pi / 180
	a, b := math.Sin((lat2-lat1)*radian/2), math.Sin((lon2-lon1)*radian/2)
	h := a*a + math.Cos(lat1*radian)*math.Cos(lat2*radian)*b*b
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))
}
