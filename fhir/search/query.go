// Package search is the FHIR search language: it reads search URLs into a query tree,
// extracts from a resource the index entries that answer such queries, and decides in
// memory whether a resource matches.
//
// The tree (Expr) is the same for URL searches, access predicates, worklists and
// subscriptions. A store compiles it to SQL (store/sqlgen); Match evaluates it on one
// resource's entries. The two must agree, which storetest checks.
//
//	q, err := search.Parse("Observation", []search.Param{{"code", "http://loinc.org|4548-4"}}, search.Strict)
//	entries, err := search.Extract(resource)
//	ok := search.Match(q.Where, search.Subject{...}, entries)
//
// No SQL, no store and no wall clock live here.
package search

import (
	"time"
)

// Kind is the type of a search parameter.
type Kind uint8

// The search parameter types of FHIR R4, section 3.1.1.4.
const (
	KindToken Kind = iota + 1
	KindReference
	KindString
	KindDate
	KindNumber
	KindQuantity
	KindURI
	KindComposite
	KindSpecial
)

// Expr is a node of the query tree. The concrete types are those below.
type Expr interface{ expr() }

// All is true for every resource, None for none.
type (
	All  struct{}
	None struct{}
)

// And is true when all parts are; an empty And is true.
type And []Expr

// Or is true when at least one part is; an empty Or is false.
type Or []Expr

// Not is true when its part is not.
type Not struct{ X Expr }

// ID is true for resources with one of these logical ids.
type ID []string

// InPatient is true for resources that live in the compartment of one of these patients
// (logical ids of Patient), including the Patient itself. It is the predicate of a
// patient's own access and of every chart query.
type InPatient []string

// Updated compares meta.lastUpdated: From <= lastUpdated < To; a zero time is open.
type Updated struct{ From, To time.Time }

// Missing is the :missing modifier: true when the resource has no entry for the parameter
// (Missing true) or at least one (Missing false).
type Missing struct {
	Param   string
	Missing bool
}

// Token matches codes and identifiers.
type Token struct {
	Param string
	// System must be equal when HasSystem; HasSystem with "" asks for a code without system.
	System    string
	HasSystem bool
	Code      string // "" with AnyCode: any code of the system
	AnyCode   bool
	// Text is the :text modifier: Code is matched against the beginning of display or text.
	Text bool
	// OfType is :of-type: System and Code are those of Identifier.type, Value the value.
	OfType bool
	Value  string
	// Other turns it over: an entry with another code, as ne of _filter asks for. It goes with
	// System and Code only.
	Other bool
	// Begins is of identifiers only: System, or with OfType the Code of the type, is the beginning of
	// theirs. It is for access rules; nobody asks so in a search.
	Begins bool
	// Open is of identifiers only: those that are no national ones (National). It is for access rules too.
	Open bool
}

// Coding is a code of a code system; the system may be "".
type Coding struct{ System, Code string }

// Coded matches codes out of a list: :in, :below and :above. SortCodings has sorted it.
type Coded struct {
	Param string
	Codes []Coding
}

// Lineage matches references to a resource or to any that lies under it (or, with Above,
// over it) where resources of its type refer to the next higher one through parameter By:
// the procedures in a hospital and all its wards. A hidden resource is not walked through.
type Lineage struct {
	Param    string
	Type, ID string
	By       string
	Above    bool
}

// Reference matches references.
type Reference struct {
	Param string
	Type  string // "" when any target type will do
	ID    string // logical id, or "" when URL is set
	URL   string // an absolute URL or canonical
	// Prefix says that URL is the beginning of the reference: "http://a|1." of a version.
	Prefix bool
	// Identifier is the :identifier modifier: System|Code of Reference.identifier.
	Identifier *Token
}

// StringMode says how a string is compared.
type StringMode uint8

// The modes of string search: the default (starts with, normalised), :contains, :exact; and
// those that only _filter has, which compare normalised texts by their bytes.
const (
	StartsWith StringMode = iota
	Contains
	Exact
	EndsWith
	Equal
	Unequal
	Greater
	GreaterEqual
	Less
	LessEqual
)

// Text matches string parameters.
type Text struct {
	Param string
	Mode  StringMode
	Value string // normalised (see Normalize) except for Exact
}

// Prefix is a comparison prefix.
type Prefix string

// The prefixes of ordered parameters, FHIR R4 section 3.1.1.4.5.
const (
	Eq Prefix = "eq"
	Ne Prefix = "ne"
	Gt Prefix = "gt"
	Lt Prefix = "lt"
	Ge Prefix = "ge"
	Le Prefix = "le"
	Sa Prefix = "sa"
	Eb Prefix = "eb"
	Ap Prefix = "ap"
	Co Prefix = "co" // of _filter, for dates: the entry contains the search range
)

// Date matches date and period parameters. Low and High are the implicit range of the
// search value in Unix milliseconds, Low inclusive, High exclusive ("2024-03" is all of
// March). For ap the caller has already widened the range.
type Date struct {
	Param     string
	Prefix    Prefix
	Low, High int64
}

// Quantity matches number and quantity parameters. Low and High are the implicit range of
// the value's precision ("5.4" is 5.35 to 5.45). A value in a unit of UCUM is compared with
// values in every unit that it can be converted to; see Quantity.In.
type Quantity struct {
	Param     string
	Prefix    Prefix
	Value     float64
	Low, High float64
	// System and Code of the unit; Unit is a free text unit. All empty: any unit.
	System, Code, Unit string
	HasUnit            bool
}

// URIMode says how URIs are compared.
type URIMode uint8

// Exact equality, :below (starts with), :above (is a prefix of the value).
const (
	URIEqual URIMode = iota
	URIBelow
	URIAbove
)

// URI matches uri parameters.
type URI struct {
	Param string
	Mode  URIMode
	Value string
}

// Near matches positions within a distance.
type Near struct {
	Param               string
	Latitude, Longitude float64 // degrees, WGS84
	Metres              float64
}

// Words matches resources in which a phrase is written: in the narrative (_text) or anywhere
// (_content). It has no entries: a store reads the resource. See WordsOf.
type Words struct {
	Narrative bool
	Phrase    string // normalised; the last word is the beginning of one
}

// Composite matches resources in which one group (one element) satisfies all parts.
// The parts name component parameters by position: Param is "0", "1", ….
type Composite struct {
	Param string
	Parts []Expr
}

// Chain matches resources whose reference parameter points at a resource of type Target
// that satisfies X; the store joins the visibility predicate of Target.
type Chain struct {
	Param  string
	Target string
	X      Expr
}

// Has matches resources that are referred to by a resource of type Source through its
// parameter Param, where that resource satisfies X.
type Has struct {
	Source string
	Param  string
	X      Expr
}

// Beside is true for resources that live in the compartment of a patient in which a resource
// of a type lives that satisfies X: the charts in which somebody is in the care team. It is
// how access predicates name patients, and always asks about the present, also in a search
// at an earlier moment: who may see a chart is decided by what is so now. X has no chains.
type Beside struct {
	Type string
	X    Expr
}

// Shared is true for resources that live in no patient's compartment.
type Shared struct{}

// Each is about resources of several patients who stand on equal terms (see Patients): it is
// true when X is true of the chart of every one of them, and of all other resources. X asks
// about charts only, with Beside and InPatient; a patient of whom the record has nothing is an
// empty chart.
type Each struct{ X Expr }

// PartyParam is the parameter under which a resource of several patients has an entry for each
// of them. Nobody searches by it.
const PartyParam = "_party"

func (Beside) expr()    {}
func (Each) expr()      {}
func (Shared) expr()    {}
func (All) expr()       {}
func (None) expr()      {}
func (And) expr()       {}
func (Or) expr()        {}
func (Not) expr()       {}
func (ID) expr()        {}
func (InPatient) expr() {}
func (Updated) expr()   {}
func (Missing) expr()   {}
func (Token) expr()     {}
func (Coded) expr()     {}
func (Lineage) expr()   {}
func (Reference) expr() {}
func (Text) expr()      {}
func (Date) expr()      {}
func (Quantity) expr()  {}
func (URI) expr()       {}
func (Near) expr()      {}
func (Words) expr()     {}
func (Composite) expr() {}
func (Chain) expr()     {}
func (Has) expr()       {}

// SortKey orders results. Param may be "_id", "_lastUpdated" or a search parameter.
type SortKey struct {
	Param      string
	Descending bool
}

// Include is one _include or _revinclude.
type Include struct {
	Source string // type that holds the reference; "" for every type
	Param  string // "*" for all references
	Target string // "" for any
	// Iterate is :iterate: it is applied to included resources too, round by round, until
	// nothing new comes. A resource comes once, so that circles end.
	Iterate bool
}

// Total says what the caller wants to know about the number of matches.
type Total string

// The values of _total.
const (
	TotalNone     Total = "none"
	TotalEstimate Total = "estimate"
	TotalAccurate Total = "accurate"
)

// Summary is the value of _summary.
type Summary string

// The values of _summary.
const (
	SummaryFalse Summary = ""
	SummaryTrue  Summary = "true"
	SummaryText  Summary = "text"
	SummaryData  Summary = "data"
	SummaryCount Summary = "count"
)

// Limits of a query; Parse refuses more.
const (
	DefaultCount = 20
	MaxCount     = 1000
	MaxIncludes  = 20     // include parameters in one query
	MaxIncluded  = 5000   // included resources on one page
	MaxRounds    = 16     // rounds of _include:iterate
	MaxValues    = 500    // OR values in one parameter
	MaxParams    = 50     // parameters in one query
	MaxSortKeys  = 5      // keys in _sort
	MaxCodes     = 20_000 // codes of a value set in :in, of a hierarchy in :below
)

// Query is one parsed search.
type Query struct {
	Type  string   // "" searches all types
	Types []string // with Type "": only these; none: all
	Where Expr
	Sort  []SortKey
	Count int // page size; 0 with SummaryCount
	// Bytes is how large the bodies of the matches of a page may be together: it ends earlier then, with one match
	// at least. As much may be included; more is too costly. 0: as large as they are.
	Bytes      int
	Include    []Include
	RevInclude []Include
	Summary    Summary
	Elements   []string
	Total      Total
	// Applied are the parameters that were understood, in the order of the request, for
	// the self link; Ignored are those that lenient handling left out, with the reason.
	Applied []Param
	Ignored []Ignored
}

// Param is one name=value of a search URL.
type Param struct{ Name, Value string }

// Ignored is a parameter that was not applied, and why.
type Ignored struct {
	Param
	Reason string
}

// Entry is one index entry: one value of one search parameter of one resource. Which
// fields count depends on Kind.
type Entry struct {
	Param string
	Kind  Kind

	System, Code string // token; quantity: unit system and code
	Display      string // token: display or text, normalised, for :text; quantity: free text unit
	// Identifier marks a token that comes from an Identifier; TypeSystem and TypeCode are
	// those of Identifier.type, for :of-type.
	Identifier           bool
	TypeSystem, TypeCode string

	RefType, RefID string // reference to a resource in this record
	URL            string // reference: absolute URL, canonical or logical; uri: the value

	Norm  string // string: normalised
	Exact string // string: as written

	Low, High int64 // date: Unix milliseconds, Low inclusive, High exclusive; math.MinInt64 and MaxInt64 when open

	Value               float64 // number, quantity
	ValueLow, ValueHigh float64 // the value itself; the ends of a Range, "<5", SampledData (±MaxFloat64 when open)

	// Group holds the entries of a composite: one Entry{Kind: KindComposite} per element,
	// whose Group[i].Param is "0", "1", ….
	Group []Entry
}
