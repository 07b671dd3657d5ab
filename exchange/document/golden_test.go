package document

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*/want.txt anew")

// TestDocumentsAreReadAsAgreed holds what small documents of our own are read as to what was agreed:
// testdata/<case>/in.xml and want.txt.
func TestDocumentsAreReadAsAgreed(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/in.xml")
	if err != nil || len(cases) < 8 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, in := range cases {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			body, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := Read(body)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range doc.Items {
				check(t, in, it)
			}
			got := transcript(doc)
			if again, _ := Read(body); transcript(again) != got {
				t.Error("read twice, it says something else")
			}
			want := filepath.Join(dir, "want.txt")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			agreed, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if string(agreed) != got {
				a, b := strings.Split(string(agreed), "\n"), strings.Split(got, "\n")
				for i := range b {
					if i >= len(a) || a[i] != b[i] {
						t.Fatalf("line %d of %s:\nwant %s\n got %s", i+1, want, append(a, make([]string, len(b))...)[i], b[i])
					}
				}
				t.Fatalf("%s has more lines than were read", want)
			}
		})
	}
}

// transcript writes a document as text.
func transcript(d *Document) string {
	var b bytes.Buffer
	line := func(name string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "[]" && s != "0" {
			fmt.Fprintf(&b, "%s: %s\n", name, s)
		}
	}
	line("form", d.Form)
	line("title", d.Title)
	line("id", d.ID)
	line("set", d.Set)
	line("version", d.Version)
	line("replaces", d.Replaces)
	line("appends", d.Appends)
	line("also about", d.Others)
	line("type", string(d.Type.JSON()))
	if !d.Written.IsZero() {
		line("written", d.Written.Format("2006-01-02T15:04:05Z07:00"))
	}
	line("author", d.Author)
	line("custodian", d.Custodian)
	line("confidentiality", d.Confidentiality)
	line("labels", d.Labels)
	line("patient", pretty(d.Patient.JSON()))
	if d.Body != nil {
		line("body", fmt.Sprintf("%d bytes of %s", len(d.Body), d.BodyType))
	}
	doubts(&b, d.Doubts)
	for i, t := range d.Texts {
		fmt.Fprintf(&b, "\ntext %d, %s: %s\n", i, t.Section, t.Title)
		if t.Differs {
			b.WriteString("  differs from its entries\n")
		}
		passage(&b, t.Body, 1)
	}
	for _, it := range d.Items {
		fmt.Fprintf(&b, "\nitem %s of text %d, %s: %s\n", it.Key, it.Of, it.Section, it.Text)
		if it.Absent {
			b.WriteString("  there is none\n")
		}
		if it.Source != "" {
			fmt.Fprintf(&b, "  stands in %s\n", it.Source)
		}
		doubts(&b, it.Doubts)
		fmt.Fprintf(&b, "%s\n", pretty(it.Resource.JSON()))
		for _, p := range it.Parts {
			fmt.Fprintf(&b, "part %s\n", pretty(p.JSON()))
		}
	}
	for _, u := range d.Unread {
		fmt.Fprintf(&b, "\nunread of text %d: %s\n", u.Of, u.What)
		doubts(&b, []Doubt{u.Why})
	}
	return b.String()
}

func doubts(b *bytes.Buffer, list []Doubt) {
	for _, d := range list {
		fmt.Fprintf(b, "  doubt: %s\n", fmt.Sprintf(d.Words, d.Args...))
	}
}

func passage(b *bytes.Buffer, p Passage, depth int) {
	fmt.Fprintf(b, "%s%s#%s %q\n", strings.Repeat("  ", depth), p.Kind, p.ID, p.Text)
	for _, c := range p.Parts {
		passage(b, c, depth+1)
	}
}

func pretty(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "  ", " ") != nil {
		return string(body)
	}
	return b.String()
}
