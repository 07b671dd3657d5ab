package search

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/fhirpath"
)

// extractReference appends the references of a value: FHIR R4, section 3.1.1.4.12.
//
//   - "Patient/1" and "Patient/1/_history/2" give RefType and RefID;
//   - an absolute URL, a urn: and a canonical give URL; a canonical with a version gives a
//     second entry without it;
//   - Reference.identifier gives entries of its own, with Identifier, System and Code, one for each type;
//   - "#1" points into the resource itself and gives none.
func extractReference(out []Entry, param string, v fhirpath.Value) []Entry {
	n := v.Node()
	switch v.Type() {
	case "Reference":
		out = appendReference(out, param, n.Get("reference").Text())
		for _, e := range appendIdentifier(nil, param, n.Get("identifier")) {
			e.Kind, e.Display = KindReference, ""
			out = append(out, e)
		}
		return out
	case "canonical", "uri", "url", "oid", "uuid":
		url := v.Text()
		if url == "" || url[0] == '#' {
			return out
		}
		out = appendReference(out, param, url) // a canonical may be relative, against the rules
		if bare, _, versioned := strings.Cut(url, "|"); versioned {
			out = append(out, Entry{Param: param, Kind: KindReference, URL: bare})
		}
		return out
	}
	if ref := n.Reference(); ref != "" { // a resource inside a Bundle
		return appendReference(out, param, ref)
	}
	return out
}

func appendReference(out []Entry, param, reference string) []Entry {
	switch {
	case reference == "" || reference[0] == '#':
		return out
	case strings.Contains(reference, ":"):
		return append(out, Entry{Param: param, Kind: KindReference, URL: reference})
	}
	if t, id, ok := relative(reference); ok {
		return append(out, Entry{Param: param, Kind: KindReference, RefType: t, RefID: id})
	}
	return append(out, Entry{Param: param, Kind: KindReference, URL: reference})
}

// relative splits "Patient/1" and "Patient/1/_history/2".
func relative(reference string) (resourceType, id string, ok bool) {
	resourceType, id, ok = strings.Cut(reference, "/")
	if !ok || !definition.IsResource(resourceType) {
		return "", "", false
	}
	id, _, _ = strings.Cut(id, "/_history/")
	return resourceType, id, validID(id)
}

// validID reports a logical id of FHIR: 1 to 64 of A-Z a-z 0-9 - and dot.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// parseReference reads one value of a reference parameter: id, Type/id, a URL or a
// canonical. A bare id means the type of the modifier, or the only type that the parameter
// may point at; "patient" always means Patient.
func parseReference(p *parameter, param, modifier, value string) (Expr, error) {
	if modifier == "identifier" {
		t, err := parseToken(param, "", value)
		if err != nil {
			return nil, err
		}
		token := t.(Token)
		return Reference{Param: param, Identifier: &token}, nil
	}
	text := unescape(value)
	if strings.Contains(text, ":") {
		if modifier != "" {
			return nil, malformed(param, value, "must be a logical id with :"+modifier)
		}
		return Reference{Param: param, URL: text}, nil
	}
	if t, id, ok := relative(text); ok {
		if modifier != "" && modifier != t {
			return None{}, nil
		}
		return Reference{Param: param, Type: t, ID: id}, nil
	}
	if !validID(text) {
		return nil, malformed(param, value, "is neither an id, nor Type/id, nor a URL")
	}
	switch {
	case modifier != "":
	case p.code == "patient":
		modifier = "Patient"
	case len(p.targets) == 1:
		modifier = p.targets[0]
	}
	return Reference{Param: param, Type: modifier, ID: text}, nil
}

// mayTarget reports whether a reference parameter can point at a type.
func (p *parameter) mayTarget(resourceType string) bool {
	return len(p.targets) == 0 || slices.Contains(p.targets, resourceType) || slices.Contains(p.targets, "Resource")
}

func matchReference(r *Reference, e *Entry) bool {
	switch {
	case e.Kind != KindReference:
		return false
	case r.Identifier != nil:
		number := *e
		number.Kind = KindToken
		return e.Identifier && matchToken(r.Identifier, &number)
	case r.Prefix:
		return e.URL != "" && strings.HasPrefix(e.URL, r.URL)
	case r.URL != "":
		return e.URL == r.URL
	}
	return r.ID != "" && e.RefID == r.ID && (r.Type == "" || e.RefType == r.Type)
}
