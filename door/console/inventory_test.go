package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compiled is the program, made from a folder; as it is released, and with a cache of its own, when cache is
// not "".
func compiled(t *testing.T, folder, cache string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "osler")
	args := []string{"build", "-buildvcs=false", "-o", out}
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if cache != "" { // without, what the tests were compiled from serves
		args, env = append(args, "-trimpath"), append(env, "GOCACHE="+cache)
	}
	cmd := exec.Command("go", append(args, "./cmd/osler")...)
	cmd.Dir, cmd.Env = folder, env
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

// modules are the modules that the program is built from, by what Go says, with their folders.
func modules(t *testing.T) map[string][2]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", "./cmd/osler")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][2]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 {
			list[f[0]] = [2]string{f[1], f[2]}
		}
	}
	return list
}

// TestTheInventoryNamesEverything: the program that is built names every module in it with its
// version, sum and licence, and the things of others that it embeds; twice the same bytes.
func TestTheInventoryNamesEverything(t *testing.T) {
	program := compiled(t, "../..", "")
	run := func() []byte {
		out, err := exec.Command(program, "inventory").Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := run()
	if !bytes.Equal(first, run()) {
		t.Error("the same program gives two inventories")
	}
	var b bill
	if err := json.Unmarshal(first, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Spec != "1.6" || b.Metadata.Component.Name != "github.com/osler-emr/osler" {
		t.Errorf("the document says %s %s about %s", b.Format, b.Spec, b.Metadata.Component.Name)
	}
	refs := map[string]bool{}
	for _, c := range b.Components {
		if refs[c.Ref] || c.Ref == "" {
			t.Errorf("the component %s %q stands twice, or has no name", c.Name, c.Ref)
		}
		refs[c.Ref] = true
		if len(c.Licences) != 1 || c.Licences[0].Licence.ID == "" {
			t.Errorf("%s has no licence: read it, and add it to licenceOf", c.Name)
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(b.Depends[0].On)), slices.Sorted(func(yield func(string) bool) {
		for r := range refs {
			if !yield(r) {
				return
			}
		}
	})) {
		t.Error("not every component is a dependency of the program")
	}
	want := modules(t)
	if len(want) < 20 {
		t.Fatalf("only %d modules", len(want))
	}
	for path, m := range want {
		i := slices.IndexFunc(b.Components, func(c component) bool { return c.Name == path })
		if i < 0 {
			t.Errorf("%s is in the program and not in the inventory", path)
			continue
		}
		c := b.Components[i]
		if c.Version != m[0] || c.PURL != "pkg:golang/"+path+"@"+m[0] || !slices.ContainsFunc(c.Facts, func(f fact) bool { return f.Name == "go:sum" && strings.HasPrefix(f.Value, "h1:") }) {
			t.Errorf("%s %s is told as %+v", path, m[0], c)
		}
	}
	script, err := os.ReadFile("../ui/asset/htmx.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Components {
		if c.Name == "htmx" && !strings.Contains(string(script), `version:"`+c.Version+`"`) {
			t.Errorf("htmx is not %s", c.Version)
		}
	}
	licences, _ := filepath.Glob("../ui/asset/licence/*.txt")
	if len(licences) != 4 {
		t.Errorf("%d licences lie beside the assets, and the inventory names 4", len(licences))
	}
}

// TestLicencesAreWhatModulesSay reads the licence in the folder of each module.
func TestLicencesAreWhatModulesSay(t *testing.T) {
	says := map[string]string{"MIT": "Permission is hereby granted, free of charge", "MIT-0": "MIT No Attribution", "BSD-3-Clause": "Neither the name of", "BSD-2-Clause": "Redistribution and use in source and binary forms",
		"Apache-2.0": "Apache License", "ISC": "Permission to use, copy, modify, and distribute this software"}
	for path, m := range modules(t) {
		text := ""
		for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING", "LICENCE"} {
			if b, err := os.ReadFile(filepath.Join(m[1], name)); err == nil {
				text = strings.Join(strings.Fields(string(b)), " ")
			}
		}
		id := licenceOf[path]
		if want := says[id]; want == "" || !strings.Contains(text, want) {
			t.Errorf("%s is said to be %q and says %.200q", path, id, text)
		}
		if id == "BSD-2-Clause" && strings.Contains(text, says["BSD-3-Clause"]) {
			t.Errorf("%s has three clauses", path)
		}
	}
}

// TestDrillTheBuildRepeats: the same source in another folder, built with an empty cache, gives
// the same program, bit by bit.
func TestDrillTheBuildRepeats(t *testing.T) {
	if os.Getenv("OSLER_DRILL") == "" {
		t.Skip("two builds from nothing: set OSLER_DRILL=1")
	}
	list, err := exec.Command("git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skipf("the source is not a checkout: %v", err)
	}
	other := t.TempDir()
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue // a link, or deleted
		}
		to := filepath.Join(other, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sum := func(program string) [32]byte {
		b, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b)
	}
	if a, b := sum(compiled(t, "../..", t.TempDir())), sum(compiled(t, other, t.TempDir())); a != b {
		t.Errorf("two builds of one source are %x and %x", a, b)
	}
}
