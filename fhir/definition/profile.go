package definition

import (
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// Prefix is how the canonical URLs of R4's own StructureDefinitions begin.
const Prefix = "http://hl7.org/fhir/StructureDefinition/"

var profileTable = table[fhir.Node]{packed: &profilesGz}

// StructureDefinition returns one of R4's own StructureDefinitions by its canonical URL
// (|version is ignored), nil when there is none: types with a snapshot, profiles and
// extension definitions with a differential. The caller must not change it.
func StructureDefinition(url string) *fhir.Node {
	url, version, _ := strings.Cut(url, "|")
	if version != "" && !strings.HasPrefix(version, "4.0") {
		return nil
	}
	if sd := profileTable.get(url, func(_ string, text []byte) (*fhir.Node, error) { return fhir.Parse(text) }); sd != nil {
		return sd
	}
	name, ok := strings.CutPrefix(url, Prefix)
	if !ok {
		return nil
	}
	v := typeTable.get(name, decodeType)
	if v == nil {
		return nil
	}
	v.once.Do(func() { v.whole = structureOf(v) })
	return v.whole
}

// Profiles returns the URLs of R4's own profiles and extension definitions.
func Profiles() []string {
	profileTable.load()
	return profileTable.keys
}

func structureOf(v *typeView) *fhir.Node {
	list := fhir.Arr()
	for i := range v.Elements {
		list.Append(elementOf(v, i))
	}
	sd := fhir.Obj("resourceType", "StructureDefinition", "id", v.Name, "url", Prefix+v.Name, "version", "4.0.1", "name", v.Name,
		"status", "active", "fhirVersion", "4.0.1", "kind", v.Kind, "abstract", v.Abstract, "type", v.Name)
	if v.Base != "" {
		sd.Set("baseDefinition", fhir.Str(Prefix+v.Base))
		sd.Set("derivation", fhir.Str("specialization"))
	}
	sd.Set("snapshot", fhir.Obj("element", list))
	return sd
}

// elementOf writes an element of the table as ElementDefinition.
func elementOf(v *typeView, i int) *fhir.Node {
	e := &v.Elements[i]
	out := fhir.Obj("id", e.Path, "path", e.Path, "short", e.Short, "min", e.Min, "max", maximum(e.Max),
		"base", fhir.Obj("path", declared(v.Name, e.Path), "min", e.Min, "max", maximum(e.Max)))
	if e.Content != "" {
		out.Set("contentReference", fhir.Str("#"+e.Content))
	}
	if i > 0 && len(e.Types) > 0 {
		types := fhir.Arr()
		for _, t := range e.Types {
			types.Append(typeOf(e, t))
		}
		out.Set("type", types)
	}
	if e.Binding != "" {
		out.Set("binding", fhir.Obj("strength", e.Strength, "valueSet", e.Binding))
	} else if e.Strength != "" {
		out.Set("binding", fhir.Obj("strength", e.Strength))
	}
	rules := fhir.Arr()
	for _, r := range v.Invariant {
		if r.Path == e.Path {
			rules.Append(fhir.Obj("key", r.Key, "severity", r.Severity, "human", r.Human, "expression", r.Expression, "source", Prefix+v.Name))
		}
	}
	if rules.Len() > 0 {
		out.Set("constraint", rules)
	}
	if e.Modifier {
		out.Set("isModifier", fhir.Bool(true))
	}
	if e.Summary {
		out.Set("isSummary", fhir.Bool(true))
	}
	return out
}

// systemString is the type of ids and of the URLs of extensions, and fhirTypeOf where the
// FHIR type that they are written as is kept.
const (
	systemPrefix = "http://hl7.org/fhirpath/System."
	systemString = systemPrefix + "String"
	fhirTypeOf   = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
)

func typeOf(e *Element, t TypeRef) *fhir.Node {
	if strings.HasSuffix(e.Path, ".id") || e.Path == "Extension.url" {
		return fhir.Obj("extension", fhir.Arr(fhir.Obj("url", fhirTypeOf, "valueUrl", t.Code)), "code", systemString)
	}
	if head, _ := strings.CutSuffix(e.Path, ".value"); head == t.Code { // of a primitive
		return fhir.Obj("extension", fhir.Arr(fhir.Obj("url", fhirTypeOf, "valueUrl", t.Code)), "code", systemPrefix+systemType(t.Code))
	}
	out := fhir.Obj("code", t.Code)
	if t.Profile != "" {
		out.Set("profile", fhir.Arr(t.Profile))
	}
	targets := fhir.Arr()
	for _, target := range t.Targets {
		targets.Append(fhir.Str(Prefix + target))
	}
	if t.Any {
		targets.Append(fhir.Str(Prefix + "Resource"))
	}
	if targets.Len() > 0 {
		out.Set("targetProfile", targets)
	}
	return out
}

func systemType(code string) string {
	switch code {
	case "boolean", "decimal", "date", "time":
		return strings.ToUpper(code[:1]) + code[1:]
	case "integer", "unsignedInt", "positiveInt":
		return "Integer"
	case "dateTime", "instant":
		return "DateTime"
	}
	return "String"
}

func maximum(n int) string {
	if n < 0 {
		return "*"
	}
	return strconv.Itoa(n)
}

// declared returns the path under which an element was declared first: Patient.text is
// DomainResource.text.
func declared(name, path string) string {
	for {
		t, ok := Lookup(name)
		if !ok || t.Base == "" {
			return path
		}
		_, rest, ok := strings.Cut(path, ".")
		if !ok {
			return path
		}
		if _, inherited := ElementAt(t.Base + "." + rest); !inherited {
			return path
		}
		name, path = t.Base, t.Base+"."+rest
	}
}
