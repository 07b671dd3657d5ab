package search

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
)

// ask writes the search that must find an entry, or "" for what a URL cannot ask for.
func ask(e *Entry) (modifier, value string) {
	switch e.Kind {
	case KindToken:
		if e.Code == "" {
			return ":text", Escape(e.Display)
		}
		return "", Escape(e.System) + "|" + Escape(e.Code)
	case KindReference:
		switch {
		case e.Identifier:
			return ":identifier", Escape(e.System) + "|" + Escape(e.Code)
		case e.URL != "":
			return "", Escape(e.URL)
		}
		return "", e.RefType + "/" + e.RefID
	case KindString:
		return ":exact", Escape(e.Exact)
	case KindDate:
		if e.Low < 0 || e.High > day("9000") {
			return "", ""
		}
		return "", "ap" + time.UnixMilli(e.Low).UTC().Format("2006-01-02T15:04:05.000Z")
	case KindNumber:
		return "", strconv.FormatFloat(e.ValueLow, 'f', -1, 64)
	case KindQuantity:
		if e.ValueLow != e.ValueHigh {
			return "", ""
		}
		unit := ""
		switch {
		case e.System != "" && e.Code != "":
			unit = "|" + Escape(e.System) + "|" + Escape(e.Code)
		case e.Code != "":
			unit = "||" + Escape(e.Code)
		case e.Display != "":
			unit = "||" + Escape(e.Display)
		}
		return "", strconv.FormatFloat(e.Value, 'f', -1, 64) + unit
	case KindURI:
		return "", Escape(e.URL)
	}
	return "", askGroup(e.Group)
}

// askGroup asks for the first value of each part of a composite.
func askGroup(group []Entry) string {
	var parts []string
	for i := range group {
		if group[i].Param != strconv.Itoa(len(parts)) {
			continue
		}
		modifier, value := ask(&group[i])
		if modifier != "" || value == "" {
			return ""
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, "$")
}

// TestEveryEntryIsFound asks, for every entry of many real resources, the search that must
// find it: what Extract writes, Parse can ask for and Match finds.
func TestEveryEntryIsFound(t *testing.T) {
	asked, byKind := 0, map[Kind]int{}
	try := func(name string, n *fhir.Node) {
		entries, err := Extract(n)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		for i := range entries {
			e := &entries[i]
			modifier, value := ask(e)
			if value == "" || value == "|" || e.Param == PartyParam { // which nobody searches by
				continue
			}
			p := Param{Name: e.Param + modifier, Value: value}
			q, err := Parse(n.ResourceType(), []Param{p}, Strict)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !Match(q.Where, Subject{}, entries) {
				t.Errorf("%s: %s=%s does not find it: %#v", name, p.Name, p.Value, q.Where)
			}
			asked++
			byKind[e.Kind]++
		}
	}
	dir := sample.Dir(t, "fhir-r4/examples/json", 500)
	files, _ := os.ReadDir(dir)
	for i, f := range files {
		if i%4 != 0 {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := fhir.Parse(body); err == nil && len(body) < 200_000 {
			try(f.Name(), n)
		}
	}
	dir = sample.Dir(t, "synthea", 5)
	files, _ = os.ReadDir(dir)
	for _, f := range files[:min(1, len(files))] {
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		n, err := fhir.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		for e := range n.Get("entry").Items() {
			try(f.Name()+" "+e.Get("fullUrl").Text(), e.Get("resource"))
		}
	}
	t.Logf("%d searches: %v", asked, byKind)
	for k := KindToken; k <= KindComposite; k++ {
		if byKind[k] == 0 {
			t.Errorf("no search of kind %d was tried", k)
		}
	}
}
