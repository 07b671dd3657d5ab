package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// generator makes resources' entries and expressions of a small vocabulary, so that they
// often meet.
type generator struct{ *rand.Rand }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) system() string { return pick(g, "", "http://a.example", "http://b.example") }
func (g *generator) code() string   { return pick(g, "c1", "c2", "C1", "c-3") }
func (g *generator) display() string {
	return pick(g, "", "blood sugar", "blood pressure", "bl", "zucker")
}
func (g *generator) word() string {
	return pick(g, "an", "ana", "anna", "ba", "bana", "édith", "日本", "z\U0010FFFF")
}
func (g *generator) number() float64 { return float64(g.IntN(9)-3) / 2 }
func (g *generator) url() string {
	return pick(g, "http://x.example/a", "http://x.example/a/b", "http://x.example/a/bc", "urn:uuid:1")
}
func (g *generator) typ() string       { return pick(g, "Patient", "Observation", "Encounter") }
func (g *generator) id() string        { return fmt.Sprint("r", g.IntN(30)) }
func (g *generator) patientID() string { return pick(g, "", "p0", "p1", "p2", "p3") }

func (g *generator) span() (low, high int64) {
	if g.IntN(8) == 0 {
		return pick(g, int64(math.MinInt64), 0), math.MaxInt64
	}
	low = int64(g.IntN(10) * 100)
	return low, low + int64(pick(g, 1, 100, 350))
}

// entries returns the index of one resource: of each kind of parameter none to two values.
func (g *generator) entries() []search.Entry {
	var out []search.Entry
	some := func(make func() search.Entry) {
		for range g.IntN(3) {
			out = append(out, make())
		}
	}
	some(func() search.Entry { return g.token("code") })
	some(func() search.Entry {
		return search.Entry{Param: "status", Kind: search.KindToken, System: "http://a.example", Code: pick(g, "final", "draft")}
	})
	some(g.identifier)
	some(func() search.Entry {
		return search.Entry{Param: "phone", Kind: search.KindToken, System: "phone", Code: fmt.Sprint("55", g.IntN(5))}
	})
	some(func() search.Entry { return g.reference("subject") })
	some(func() search.Entry { return g.reference("encounter") })
	some(func() search.Entry { return g.text("name") })
	some(func() search.Entry { return g.date("date") })
	some(func() search.Entry { return g.quantity("value-quantity", search.KindQuantity) })
	some(func() search.Entry { return g.quantity("probability", search.KindNumber) })
	some(func() search.Entry {
		return search.Entry{Param: "near", Kind: search.KindSpecial, ValueLow: pick(g, 0.0, 42.25, -89.9, 51.5), ValueHigh: pick(g, 0.0, -83.69, 179.99, -179.99)}
	})
	some(func() search.Entry { return search.Entry{Param: "url", Kind: search.KindURI, URL: g.url()} })
	for _, c := range composites {
		some(func() search.Entry { return g.composite(c) })
	}
	return out
}

// parties returns the entries of a resource of several patients; "p9" has no chart.
func (g *generator) parties() (out []search.Entry) {
	for range 2 + g.IntN(2) {
		id := pick(g, "p0", "p1", "p2", "p3", "p9")
		out = append(out, search.Entry{Param: search.PartyParam, Kind: search.KindString, Norm: id, Exact: id})
	}
	return out
}

// charts returns a condition about charts.
func (g *generator) charts() search.Expr {
	some := func() search.Expr { return search.Beside{Type: g.typ(), X: g.besides()} }
	switch g.IntN(6) {
	case 0:
		return search.Not{X: some()}
	case 1:
		return search.And{some(), some()}
	case 2:
		return search.Or{some(), search.Not{X: some()}}
	case 3:
		return pick[search.Expr](g, search.All{}, search.None{})
	}
	return some()
}

func (g *generator) token(param string) search.Entry {
	e := search.Entry{Param: param, Kind: search.KindToken, System: g.system(), Code: g.code(), Display: g.display()}
	if g.IntN(6) == 0 {
		e.System, e.Code, e.Display = "", "", "only text"
	}
	return e
}

func (g *generator) identifier() search.Entry {
	e := search.Entry{Param: "identifier", Kind: search.KindToken, System: g.system(), Code: g.code(), Identifier: true}
	if g.IntN(2) == 0 {
		e.TypeSystem, e.TypeCode = g.system(), pick(g, "MR", "SS")
	}
	return e
}

func (g *generator) reference(param string) search.Entry {
	e := search.Entry{Param: param, Kind: search.KindReference}
	switch g.IntN(6) {
	case 0:
		e.URL = g.url()
	case 1:
		e = g.identifier()
		e.Param, e.Kind = param, search.KindReference
	default:
		e.RefType, e.RefID = g.typ(), g.id()
		if g.IntN(2) == 0 {
			e.RefType, e.RefID = "Patient", pick(g, "p0", "p1", "p2", "p3")
		}
	}
	return e
}

func (g *generator) text(param string) search.Entry {
	w := g.word()
	return search.Entry{Param: param, Kind: search.KindString, Norm: w, Exact: pick(g, w, "X"+w)}
}

func (g *generator) date(param string) search.Entry {
	low, high := g.span()
	return search.Entry{Param: param, Kind: search.KindDate, Low: low, High: high}
}

func (g *generator) quantity(param string, kind search.Kind) search.Entry {
	v := g.number()
	e := search.Entry{Param: param, Kind: kind, Value: v, ValueLow: v, ValueHigh: v}
	switch g.IntN(6) {
	case 0:
		e.ValueHigh = v + 1
	case 1:
		e.ValueLow = -math.MaxFloat64
	}
	if kind == search.KindQuantity && g.IntN(2) == 0 {
		e.System, e.Code, e.Display = ucum, g.unit(), pick(g, "", "mg")
	} else if kind == search.KindQuantity {
		e.System, e.Code, e.Display = g.system(), pick(g, "", "mg", "g"), pick(g, "", "mg", "gram")
	}
	return e
}

const ucum = "http://unitsofmeasure.org"

// unit returns a unit of mass, of temperature or acidity, or something that is none.
func (g *generator) unit() string {
	return pick(g, "mg", "mg", "g", "g", "kg", "ug", "Cel", "K", "[degF]", "[pH]", "no unit", "%", "1")
}

type composite struct {
	param string
	kinds []search.Kind
}

var composites = []composite{
	{"code-value", []search.Kind{search.KindToken, search.KindQuantity}},
	{"code-date", []search.Kind{search.KindToken, search.KindDate}},
	{"relation", []search.Kind{search.KindReference, search.KindToken}},
	{"three", []search.Kind{search.KindToken, search.KindString, search.KindURI}},
}

func (g *generator) composite(c composite) search.Entry {
	e := search.Entry{Param: c.param, Kind: search.KindComposite}
	for i, kind := range c.kinds {
		for range 1 + g.IntN(2) {
			e.Group = append(e.Group, g.part(fmt.Sprint(i), kind))
		}
	}
	return e
}

func (g *generator) part(param string, kind search.Kind) search.Entry {
	switch kind {
	case search.KindToken:
		return g.token(param)
	case search.KindReference:
		e := g.reference(param)
		if e.Identifier {
			e = search.Entry{Param: param, Kind: kind, URL: g.url()}
		}
		return e
	case search.KindString:
		return g.text(param)
	case search.KindDate:
		return g.date(param)
	case search.KindURI:
		return search.Entry{Param: param, Kind: kind, URL: g.url()}
	}
	return g.quantity(param, kind)
}

// body returns a resource with a few words in it.
func (g *generator) body(w store.Write) []byte {
	return fhir.Obj("resourceType", w.Type, "id", w.ID, "meta", fhir.Obj("versionId", fmt.Sprint(w.Version)),
		"text", fhir.Obj("div", "<div>"+g.word()+" <b>"+g.word()+"</b></div>"), "note", fhir.Arr(g.word(), g.word())).JSON()
}

// expr returns a random expression.
func (g *generator) expr(depth int) search.Expr {
	if depth > 0 {
		switch g.IntN(8) {
		case 0, 1:
			return search.And(g.exprs(depth))
		case 2, 3:
			return search.Or(g.exprs(depth))
		case 4:
			return search.Not{X: g.expr(depth - 1)}
		case 5:
			if g.IntN(3) == 0 {
				return search.Chain{Param: pick(g, "subject", "encounter"), Target: g.typ(), X: g.expr(g.IntN(6) / 5)}
			}
		case 7:
			if g.IntN(3) == 0 {
				return search.Lineage{Param: pick(g, "subject", "encounter"), Type: g.typ(), ID: pick(g, g.id(), "p0", "p1"), By: pick(g, "subject", "encounter"), Above: g.IntN(2) == 0}
			}
		case 6:
			if g.IntN(3) == 0 {
				return search.Has{Source: g.typ(), Param: pick(g, "subject", "encounter"), X: g.expr(g.IntN(6) / 5)}
			}
		}
	}
	return g.leaf()
}

func (g *generator) exprs(depth int) []search.Expr {
	var out []search.Expr
	for range g.IntN(4) {
		out = append(out, g.expr(depth-1))
	}
	return out
}

func (g *generator) leaf() search.Expr {
	switch g.IntN(23) {
	case 18, 19:
		return search.Beside{Type: g.typ(), X: g.besides()}
	case 21, 22:
		return search.Each{X: g.charts()}
	case 20:
		return search.Shared{}
	case 16:
		return search.Near{Param: "near", Latitude: pick(g, 0.0, 42.2, 90, 51.5), Longitude: pick(g, 0.0, -83.7, 180, -180), Metres: pick(g, 0.0, 6000, 12_000, 5e6, 20_040_000)}
	case 17:
		return search.Words{Narrative: g.IntN(3) == 0, Phrase: pick(g, "an", "ana", "bana an", "ba", "e", "日", "absent")}
	case 0:
		return pick[search.Expr](g, search.All{}, search.None{}, nil)
	case 1:
		return search.ID{g.id(), g.id(), "unknown"}[:1+g.IntN(3)]
	case 2:
		return search.InPatient{g.patientID(), g.patientID()}[:1+g.IntN(2)]
	case 3:
		return search.Missing{Param: pick(g, "code", "subject", "date", "code-value", "unheard", "_id", "identifier"), Missing: g.IntN(2) == 0}
	case 4, 5:
		return g.tokenExpr(pick(g, "code", "status", "identifier", "phone", "unheard"))
	case 6:
		return search.Updated{From: epoch.AddDate(0, 0, g.IntN(40)), To: epoch.AddDate(0, 0, g.IntN(80))}
	case 7, 8:
		return g.referenceExpr(pick(g, "subject", "encounter"))
	case 9:
		return g.textExpr("name")
	case 10:
		return g.dateExpr("date")
	case 11:
		return g.quantityExpr(pick(g, "value-quantity", "probability"))
	case 12:
		return g.uriExpr("url")
	}
	return g.compositeExpr(pick(g, composites...))
}

// besides returns a condition as access rules have them: without another Beside, and without
// words, for which resources must be read.
func (g *generator) besides() search.Expr {
	leaf := func() search.Expr {
		for {
			x := g.leaf()
			switch x.(type) {
			case search.Beside, search.Words, search.Each:
				continue
			}
			return x
		}
	}
	switch g.IntN(5) { // each leaf may have more below it: none is made in vain
	case 0:
		return search.And{leaf(), leaf()}
	case 1:
		return search.Or{leaf(), leaf()}
	case 2:
		return search.Not{X: leaf()}
	}
	return leaf()
}

func (g *generator) tokenExpr(param string) search.Expr {
	t := search.Token{Param: param, Code: g.code()}
	switch param {
	case "status":
		t.Code = pick(g, "final", "draft", "gone")
	case "phone":
		t.Code = fmt.Sprint("55", g.IntN(6))
	}
	switch g.IntN(11) {
	case 9, 10:
		t.Other = true
		t.System, t.HasSystem = g.system(), g.IntN(2) == 0
		if t.HasSystem && g.IntN(3) == 0 {
			t.AnyCode, t.Code = true, ""
		}
		return t
	case 8:
		var codes []search.Coding
		for range g.IntN(5) {
			codes = append(codes, search.Coding{System: g.system(), Code: pick(g, t.Code, g.code(), "final", "551")})
		}
		return search.Coded{Param: param, Codes: search.SortCodings(codes)}
	case 0:
		t.Text, t.Code = true, pick(g, "bl", "blood", "blood sugar", "o", "x")
		return t
	case 1:
		if param == "identifier" {
			if g.IntN(2) == 0 {
				return g.begins(param)
			}
			t.OfType, t.Code, t.Value = true, pick(g, "MR", "SS"), g.code()
			t.System = g.system()
			t.HasSystem = t.System != ""
			return t
		}
	case 2:
		t.AnyCode, t.Code = true, ""
		t.System, t.HasSystem = g.system(), true
		return t
	case 3, 4:
		t.System, t.HasSystem = g.system(), true
	}
	t.Open = param == "identifier" && g.IntN(3) == 0
	return t
}

// begins asks for an identifier by the beginning of its system or type, as access rules do.
func (g *generator) begins(param string) search.Token {
	t := search.Token{Param: param, Begins: true, HasSystem: true, System: pick(g, "http://", "http://a", "http://c"), Code: g.code()}
	if g.IntN(2) == 0 {
		t.OfType, t.Value, t.Code = true, t.Code, pick(g, "S", "M", "MR", "X")
		t.System = g.system()
		t.HasSystem = t.System != ""
	}
	return t
}

func (g *generator) referenceExpr(param string) search.Expr {
	switch g.IntN(7) {
	case 6:
		return search.Reference{Param: param, URL: pick(g, "http://x.example/a", "http://", "urn:", "no"), Prefix: true}
	case 0:
		return search.Reference{Param: param, URL: g.url()}
	case 1:
		t := search.Token{Param: param, Code: g.code()}
		if g.IntN(2) == 0 {
			t.System, t.HasSystem = g.system(), true
		}
		t.Open = g.IntN(3) == 0
		if g.IntN(3) == 0 {
			t = g.begins(param)
		}
		return search.Reference{Param: param, Identifier: &t}
	case 2:
		return search.Reference{Param: param, ID: g.id()}
	case 3, 4:
		return search.Reference{Param: param, Type: "Patient", ID: pick(g, "p0", "p1", "p2", "p3")}
	}
	return search.Reference{Param: param, Type: g.typ(), ID: g.id()}
}

func (g *generator) textExpr(param string) search.Expr {
	return search.Text{Param: param, Mode: search.StringMode(g.IntN(int(search.LessEqual) + 1)), Value: pick(g, "a", "an", "Xanna", "na", "日", "é", "z\U0010FFFF", "q", "")}
}

func (g *generator) prefix() search.Prefix {
	return pick(g, search.Eq, search.Ne, search.Gt, search.Lt, search.Ge, search.Le, search.Sa, search.Eb, search.Ap)
}

func (g *generator) dateExpr(param string) search.Expr {
	low, high := g.span()
	return search.Date{Param: param, Prefix: pick(g, g.prefix(), g.prefix(), g.prefix(), search.Co), Low: low, High: high}
}

func (g *generator) quantityExpr(param string) search.Expr {
	v := g.number()
	q := search.Quantity{Param: param, Prefix: g.prefix(), Value: v, Low: v - 0.05, High: v + 0.05}
	switch g.IntN(7) {
	case 5, 6:
		q.HasUnit, q.System, q.Code = true, ucum, g.unit()
		if g.IntN(2) == 0 { // near to values in another unit
			scale := pick(g, 1000, 0.001)
			q.Value, q.Low, q.High = q.Value*scale, q.Low*scale, q.High*scale
		}
	case 0:
		q.HasUnit, q.Unit = true, pick(g, "mg", "gram", "lb")
	case 1:
		q.HasUnit, q.System, q.Code = true, g.system(), pick(g, "", "mg")
	}
	return q
}

func (g *generator) uriExpr(param string) search.Expr {
	return search.URI{Param: param, Mode: pick(g, search.URIEqual, search.URIBelow, search.URIAbove), Value: pick(g, "http://x.example/a", "http://x.example/a/b", "http://x.example/a/bcd", "urn:")}
}

func (g *generator) compositeExpr(c composite) search.Expr {
	x := search.Composite{Param: c.param}
	for i, kind := range c.kinds {
		x.Parts = append(x.Parts, g.partExpr(fmt.Sprint(i), kind))
	}
	return x
}

func (g *generator) partExpr(param string, kind search.Kind) search.Expr {
	switch kind {
	case search.KindToken:
		t := search.Token{Param: param, Code: g.code()}
		if g.IntN(2) == 0 {
			t.System, t.HasSystem = g.system(), true
		}
		if g.IntN(4) == 0 {
			return search.Or{t, search.Token{Param: param, Code: g.code()}}
		}
		return t
	case search.KindReference:
		if g.IntN(3) == 0 {
			return search.Reference{Param: param, URL: g.url()}
		}
		return search.Reference{Param: param, Type: "Patient", ID: pick(g, "p0", "p1", "p2", "p3")}
	case search.KindString:
		return g.textExpr(param)
	case search.KindDate:
		return g.dateExpr(param)
	case search.KindURI:
		return g.uriExpr(param)
	}
	return g.quantityExpr(param)
}

// sort returns random sort keys.
func (g *generator) sort() []search.SortKey {
	var out []search.SortKey
	for range g.IntN(3) {
		out = append(out, search.SortKey{
			Param:      pick(g, "_id", "_lastUpdated", "date", "name", "value-quantity", "code", "identifier", "url", "subject", "unheard"),
			Descending: g.IntN(2) == 0,
		})
	}
	return out
}
