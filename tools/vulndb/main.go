// Command vulndb makes a database for govulncheck out of the OSV files of github.com/golang/vulndb,
// for machines that do not reach vuln.go.dev:
//
//	git -C vulndb archive HEAD data/osv | tar -x -C /tmp/osv
//	go run ./vulndb /tmp/osv/data/osv /tmp/db        (in tools)
//	govulncheck -db file:///tmp/db ./...
//
// The layout is that of https://go.dev/security/vuln/database.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type entry struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Ranges []struct {
			Events []struct {
				Fixed string `json:"fixed"`
			} `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`
}

type (
	vuln struct {
		ID       string    `json:"id"`
		Modified time.Time `json:"modified"`
		Fixed    string    `json:"fixed,omitempty"`
		Aliases  []string  `json:"aliases,omitempty"`
	}
	module struct {
		Path  string `json:"path"`
		Vulns []vuln `json:"vulns"`
	}
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: vulndb FOLDER-WITH-OSV-FILES NEW-FOLDER")
		os.Exit(2)
	}
	n, err := index(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vulndb:", err)
		os.Exit(1)
	}
	fmt.Printf("%d entries\n", n)
}

func index(from, to string) (int, error) {
	files, err := filepath.Glob(filepath.Join(from, "GO-*.json"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("%s holds no files GO-….json: %v", from, err)
	}
	for _, dir := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(to, dir), 0o750); err != nil {
			return 0, err
		}
	}
	var all []vuln
	modules, newest := map[string][]vuln{}, time.Time{}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		var e entry
		if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || strings.ContainsAny(e.ID, `/\`) {
			return 0, fmt.Errorf("%s cannot be read: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(to, "ID", e.ID+".json"), body, 0o600); err != nil {
			return 0, err
		}
		if e.Modified.After(newest) {
			newest = e.Modified
		}
		all = append(all, vuln{ID: e.ID, Modified: e.Modified, Aliases: e.Aliases})
		for _, a := range e.Affected {
			fixed := ""
			for _, r := range a.Ranges {
				for _, v := range r.Events {
					if v.Fixed != "" {
						fixed = v.Fixed
					}
				}
			}
			path := a.Package.Name
			if !slices.ContainsFunc(modules[path], func(v vuln) bool { return v.ID == e.ID }) {
				modules[path] = append(modules[path], vuln{ID: e.ID, Modified: e.Modified, Fixed: fixed})
			}
		}
	}
	var list []module
	for path, vulns := range modules {
		list = append(list, module{path, vulns})
	}
	slices.SortFunc(list, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	for name, value := range map[string]any{"db": map[string]time.Time{"modified": newest}, "modules": list, "vulns": all} {
		body, err := json.Marshal(value)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(to, "index", name+".json"), body, 0o600); err != nil {
			return 0, err
		}
	}
	return len(files), nil
}
