package main

import "path/filepath"

// conceptMaps writes the ConceptMaps of the specification as resources without prose.
func conceptMaps(from, to string) error {
	list, err := entries[map[string]any](filepath.Join(from, "conceptmaps.json"), "ConceptMap")
	if err != nil {
		return err
	}
	lines := map[string]any{}
	for _, m := range list {
		kept := map[string]any{}
		for _, name := range []string{"resourceType", "id", "url", "version", "name", "status", "sourceUri", "sourceCanonical", "targetUri", "targetCanonical", "group"} {
			if v, ok := m[name]; ok {
				kept[name] = v
			}
		}
		lines[m["url"].(string)] = kept
	}
	if err := expect("concept maps", len(lines), 19); err != nil {
		return err
	}
	return table(to, "maps", lines)
}
