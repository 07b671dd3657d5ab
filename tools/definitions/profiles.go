package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
)

// profiles writes the StructureDefinitions that constrain a type: the profiles and the
// extension definitions of the specification. Only differentials are kept, without prose;
// fhir/profile makes the snapshots.
func profiles(from, to string) error {
	lines, extensions := map[string]any{}, 0
	for _, file := range []string{"profiles-types.json", "profiles-others.json", "extension-definitions.json"} {
		list, err := entries[json.RawMessage](filepath.Join(from, file), "StructureDefinition")
		if err != nil {
			return err
		}
		for _, text := range list {
			var sd map[string]any
			d := json.NewDecoder(bytes.NewReader(text))
			d.UseNumber() // 3.0 is not 3
			if err := d.Decode(&sd); err != nil {
				return err
			}
			if sd["derivation"] != "constraint" {
				continue
			}
			if sd["type"] == "Extension" {
				extensions++
			}
			lines[sd["url"].(string)] = profileOf(sd)
		}
	}
	if err := expect("extension definitions", extensions, 393); err != nil {
		return err
	}
	return table(to, "profiles", lines)
}

func keep(from map[string]any, names string) map[string]any {
	out := map[string]any{}
	for _, name := range strings.Fields(names) {
		if v, ok := from[name]; ok {
			out[name] = v
		}
	}
	return out
}

func profileOf(sd map[string]any) map[string]any {
	out := keep(sd, "resourceType id url name title status version fhirVersion kind abstract type baseDefinition derivation context contextInvariant")
	var elements []any
	for _, e := range sd["differential"].(map[string]any)["element"].([]any) {
		elements = append(elements, elementOf(e.(map[string]any)))
	}
	out["differential"] = map[string]any{"element": elements}
	return out
}

func elementOf(e map[string]any) map[string]any {
	out := keep(e, "id path sliceName sliceIsConstraining min max type contentReference short maxLength mustSupport isModifier isSummary slicing condition")
	for name, v := range e {
		for _, prefix := range []string{"fixed", "pattern", "minValue", "maxValue"} {
			if strings.HasPrefix(name, prefix) {
				out[name] = v
			}
		}
	}
	if b, ok := e["binding"].(map[string]any); ok {
		out["binding"] = keep(b, "strength valueSet")
	}
	if list, ok := e["constraint"].([]any); ok {
		var rules []any
		for _, c := range list {
			rules = append(rules, keep(c.(map[string]any), "key severity human expression source"))
		}
		out["constraint"] = rules
	}
	return out
}
