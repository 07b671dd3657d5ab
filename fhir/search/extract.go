package search

import (
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// Extract returns the index entries of a resource: what every search parameter of its type
// finds in it. _id and _lastUpdated have no entries, a store answers them from the version;
// neither have _text and _content, for which it reads the resource.
//
// Values that cannot be read as their parameter's kind (a date that is no date, a code
// without code) give no entry: extraction never refuses a resource that was stored.
func Extract(resource *fhir.Node) ([]Entry, error) {
	resourceType := resource.ResourceType()
	if !definition.IsResource(resourceType) {
		return nil, fault.New(fault.Invalid, "%q is not a resource type of FHIR R4.", resourceType)
	}
	c := parametersOf(resourceType)
	if c.fault != nil {
		return nil, c.fault
	}
	entries := make([]Entry, 0, 32)
	session := fhirpath.NewSession(resource)
	for i := range c.list {
		p := &c.list[i]
		if p.expression == nil || p.code == "_id" || p.code == "_lastUpdated" {
			continue
		}
		var err error
		if entries, err = extractParameter(entries, p, session); err != nil {
			return nil, fault.Wrap(err, fault.Invalid, "The search parameter %s of %s cannot be read from this resource.", p.code, resourceType)
		}
	}
	return parties(resource, entries), nil
}

// parties appends an entry for each of several patients, and for those whom a resource names that lives in
// no chart.
func parties(resource *fhir.Node, entries []Entry) []Entry {
	patients := Patients(resource, entries)
	switch len(patients) {
	case 0:
		patients = mentioned(resource)
	case 1:
		return entries
	}
	for _, id := range patients {
		entries = append(entries, Entry{Param: PartyParam, Kind: KindString, Norm: id, Exact: id})
	}
	return entries
}

// extractParameter appends the entries of one parameter.
func extractParameter(out []Entry, p *parameter, session *fhirpath.Session) ([]Entry, error) {
	values, err := session.Evaluate(p.expression)
	if err != nil {
		return nil, err
	}
	for j := range values {
		if p.kind != KindComposite {
			out = extractValue(out, p.code, p.kind, values[j])
			continue
		}
		if out, err = extractComposite(out, p, session, values[j]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// extractValue appends the entries of one value.
func extractValue(out []Entry, code string, kind Kind, v fhirpath.Value) []Entry {
	switch kind {
	case KindToken:
		return extractToken(out, code, v)
	case KindReference:
		return extractReference(out, code, v)
	case KindString:
		return extractString(out, code, v)
	case KindDate:
		return extractDate(out, code, v)
	case KindNumber, KindQuantity:
		return extractQuantity(out, code, kind, v)
	case KindSpecial: // Location.near
		return extractPosition(out, code, v)
	case KindURI:
		if s := v.Text(); s != "" {
			return append(out, Entry{Param: code, Kind: KindURI, URL: s})
		}
	}
	return out
}

// extractComposite makes one entry of an element in which every component has a value.
func extractComposite(out []Entry, p *parameter, session *fhirpath.Session, element fhirpath.Value) ([]Entry, error) {
	var group []Entry
	for i := range p.components {
		part := &p.components[i]
		values, err := session.EvaluateOn(part.expression, element)
		if err != nil {
			return out, fault.Wrap(err, fault.Invalid, "The search parameter %s cannot be read from this resource.", p.code)
		}
		before := len(group)
		for _, v := range values {
			group = extractValue(group, strconv.Itoa(i), part.kind, v)
		}
		if len(group) == before {
			return out, nil
		}
	}
	return append(out, Entry{Param: p.code, Kind: KindComposite, Group: group}), nil
}
