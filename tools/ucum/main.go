// Command ucum writes the table of fhir/ucum from the essence of the Unified Code for Units
// of Measure, a file that the Regenstrief Institute publishes (ucum-essence.xml).
//
//	go run ./ucum -from ucum-essence.xml [-to ../fhir/ucum/essence.txt]
//
// Kept are the case sensitive codes, what they mean as a number and a code, and their
// English names. UCUM's notice stands at the head of the table; it must stay there.
package main

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
)

const notice = `# The units of UCUM %s of %s, in the form that fhir/ucum reads.
# Written by tools/ucum. The Unified Code for Units of Measure (UCUM) is copyright
# 1999-2024 Regenstrief Institute, Inc. All rights reserved. It is used here under the UCUM
# Copyright Notice and License, https://ucum.org/license, which comes without warranty.
# What a code means is defined by the UCUM specification, https://ucum.org, alone.
#
# prefix	code	value	name
# base	code	name
# unit	code	flags	value	unit	name
# special	code	flags	function	value	unit	name
# Flags: m takes prefixes, a arbitrary (comparable with nothing else), - neither.
`

type essence struct {
	Version  string `xml:"version,attr"`
	Date     string `xml:"revision-date,attr"`
	Prefixes []unit `xml:"prefix"`
	Bases    []unit `xml:"base-unit"`
	Units    []unit `xml:"unit"`
}

type unit struct {
	Code      string   `xml:"Code,attr"`
	Metric    string   `xml:"isMetric,attr"`
	Special   string   `xml:"isSpecial,attr"`
	Arbitrary string   `xml:"isArbitrary,attr"`
	Name      []string `xml:"name"`
	Value     struct {
		Unit     string `xml:"Unit,attr"`
		Value    string `xml:"value,attr"`
		Function *struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
			Unit  string `xml:"Unit,attr"`
		} `xml:"function"`
	} `xml:"value"`
}

func main() {
	from := flag.String("from", "", "ucum-essence.xml")
	to := flag.String("to", "../fhir/ucum/essence.txt", "the table")
	flag.Parse()
	log.SetFlags(0)
	if err := run(*from, *to); err != nil {
		log.Fatal("ucum: ", err)
	}
}

func run(from, to string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // "ascii"
	var e essence
	if err := d.Decode(&e); err != nil {
		return err
	}
	if len(e.Prefixes) < 24 || len(e.Bases) != 7 || len(e.Units) < 300 {
		return fmt.Errorf("%d prefixes, %d base units and %d units are not the whole essence", len(e.Prefixes), len(e.Bases), len(e.Units))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, notice, e.Version, e.Date)
	for _, p := range e.Prefixes {
		fmt.Fprintf(&b, "prefix\t%s\t%s\t%s\n", p.Code, p.Value.Value, p.Name[0])
	}
	for _, u := range e.Bases {
		fmt.Fprintf(&b, "base\t%s\t%s\n", u.Code, u.Name[0])
	}
	for _, u := range e.Units {
		name := strings.Join(strings.Fields(u.Name[0]), " ")
		if f := u.Value.Function; f != nil && u.Special == "yes" {
			fmt.Fprintf(&b, "special\t%s\t%s\t%s\t%s\t%s\t%s\n", u.Code, flags(u), f.Name, f.Value, f.Unit, name)
			continue
		}
		fmt.Fprintf(&b, "unit\t%s\t%s\t%s\t%s\t%s\n", u.Code, flags(u), u.Value.Value, u.Value.Unit, name)
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

func flags(u unit) string {
	s := ""
	if u.Metric == "yes" {
		s += "m"
	}
	if u.Arbitrary == "yes" {
		s += "a"
	}
	if s == "" {
		return "-"
	}
	return s
}
