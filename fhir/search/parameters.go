package search

import (
	"sync"

	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// parameter is a search parameter of one resource type, ready for extraction.
type parameter struct {
	code       string
	kind       Kind
	targets    []string
	expression *fhirpath.Expression
	path       string // the expression's source, to evaluate equal ones once
	components []parameter
	custom     bool // of the record, not of R4
	pending    bool // what was stored before is still being indexed
}

var kinds = map[string]Kind{
	"token": KindToken, "reference": KindReference, "string": KindString, "date": KindDate, "number": KindNumber,
	"quantity": KindQuantity, "uri": KindURI, "composite": KindComposite, "special": KindSpecial,
}

// catalogue holds the parameters of a type in the order of their codes.
type catalogue struct {
	list   []parameter
	byCode map[string]*parameter
	fault  error
}

var catalogues sync.Map // resource type -> *catalogue

// parametersOf returns the parameters of a resource type; "" gives those of all types.
func parametersOf(resourceType string) *catalogue {
	if resourceType == "" {
		resourceType = "Resource"
	}
	if c, ok := catalogues.Load(resourceType); ok {
		return c.(*catalogue)
	}
	c := &catalogue{byCode: map[string]*parameter{}}
	if _, known := definition.Lookup(resourceType); !known {
		return c
	}
	for _, d := range definition.SearchParameters(resourceType) {
		p, err := compile(resourceType, d)
		if err != nil {
			c.fault = err
		}
		c.list = append(c.list, p)
	}
	for i := range c.list {
		c.byCode[c.list[i].code] = &c.list[i]
	}
	got, _ := catalogues.LoadOrStore(resourceType, c)
	return got.(*catalogue)
}

func compile(resourceType string, d *definition.SearchParameter) (parameter, error) {
	p := parameter{code: d.Code, kind: kinds[d.Type], targets: d.Targets}
	if d.Expression == "" {
		return p, nil
	}
	var err error
	if p.expression, err = fhirpath.CompileFor(resourceType, d.Expression); err != nil {
		return p, err
	}
	p.path = d.Expression
	for _, c := range d.Components {
		part := parameter{kind: KindSpecial}
		if cd, ok := definition.SearchParameterByURL(c.Definition); ok {
			part.kind, part.targets, part.code = kinds[cd.Type], cd.Targets, cd.Code
		}
		if part.expression, err = fhirpath.Compile(c.Expression); err != nil {
			return p, err
		}
		p.components = append(p.components, part)
	}
	return p, nil
}
