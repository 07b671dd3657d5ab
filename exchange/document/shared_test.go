package document

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/validate"
	"github.com/osler-emr/osler/wire/cda"
)

// prolog is what stands before the root of a fragment.
var prolog = regexp.MustCompile(`(?s)^(\s*(<\?.*?\?>|<!--.*?-->))*\s*`)

// whole makes a document of a fragment: a header, sections or single entries.
func whole(name string, body []byte) []byte {
	text := prolog.ReplaceAllString(strings.TrimPrefix(string(body), "\ufeff"), "")
	if strings.Contains(text[:min(len(text), 40)], "ClinicalDocument") {
		return []byte(strings.Replace(text, "<ClinicalDocument>", `<ClinicalDocument xmlns="urn:hl7-org:v3">`, 1))
	}
	switch {
	case strings.HasPrefix(text, "<component"):
		text = "<component><structuredBody>" + text + "</structuredBody></component>"
	case strings.HasPrefix(text, "<section"):
		text = "<component><structuredBody><component>" + text + "</component></structuredBody></component>"
	case strings.HasPrefix(text, "<entry"):
		text = "<component><structuredBody><component><section><title>Fragment</title>" + text + "</section></component></structuredBody></component>"
	case strings.HasPrefix(text, "<recordTarget"), strings.HasPrefix(text, "<patientRole"):
		if strings.HasPrefix(text, "<patientRole") {
			text = "<recordTarget>" + text + "</recordTarget>"
		}
	default:
		text = "<component><structuredBody><component><section><title>Fragment</title><entry>" + text + "</entry></section></component></structuredBody></component>"
	}
	return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:cda="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>` + text + `</ClinicalDocument>`)
}

// everyShared calls f for each document and fragment of the shared test data.
func everyShared(t testing.TB, f func(name string, body []byte)) {
	dir := sample.Dir(t, "ccda", 180)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".md") || strings.HasSuffix(path, ".json") {
			return err
		}
		body, err := os.ReadFile(path)
		if err == nil {
			name := strings.TrimPrefix(path, dir+"/")
			if strings.HasPrefix(name, "hl7-fragments/") {
				body = whole(name, body)
			}
			f(name, body)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNothingOfTheSharedDocumentsVanishes: each entry of each document and fragment is an item or
// is said to be unread, and each item could be stored.
func TestNothingOfTheSharedDocumentsVanishes(t *testing.T) {
	documents, entries, items, unread := 0, 0, 0, 0
	reasons := map[string]int{}
	everyShared(t, func(name string, body []byte) {
		documents++
		raw, err := cda.Parse(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		doc, err := Read(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		keys := map[string]bool{}
		for i := range raw.Sections {
			for n := range raw.Sections[i].Entries {
				entries++
				_ = n
			}
		}
		for _, it := range doc.Items {
			items++
			if keys[it.Key] {
				t.Errorf("%s: the key %s stands twice", name, it.Key)
			}
			keys[it.Key] = true
			check(t, name, it)
		}
		for _, u := range doc.Unread {
			unread++
			reasons[u.Why.Words]++
			if os.Getenv("SHOW") != "" {
				title := ""
				if u.Of >= 0 {
					title = doc.Texts[u.Of].Title
				}
				t.Logf("UNREAD %s | %s | %s | %s", name, title, u.What, u.Why.Words)
			}
		}
		if os.Getenv("SHOW") != "" {
			for _, it := range doc.Items {
				t.Logf("ITEM %s %s %s | %s %v", name, it.Key, it.Section, it.Text, it.Doubts)
			}
		}
	})
	t.Logf("%d documents, %d entries, %d items, %d unread: %v", documents, entries, items, unread, reasons)
	if documents < 185 {
		t.Errorf("only %d documents and fragments", documents)
	}
}

// subjects are where a resource names its patient.
var subjects = map[string]string{"AllergyIntolerance": "patient", "Immunization": "patient", "FamilyMemberHistory": "patient", "Device": "patient"}

// check validates an item as it would be stored.
func check(t *testing.T, name string, it Item) {
	t.Helper()
	for _, n := range append([]*fhir.Node{it.Resource}, it.Parts...) {
		r := n.Clone()
		field := subjects[r.ResourceType()]
		if field == "" {
			field = "subject"
		}
		r.Set(field, fhir.Obj("reference", "Patient/x"))
		for _, issue := range validate.Resource(r) {
			if issue.Severity == "error" || issue.Severity == "fatal" {
				t.Errorf("%s %s %s: %s %s\n%s", name, it.Key, it.Text, issue.Expression, issue.Text, r.JSON())
			}
		}
	}
}

// shared returns one of the shared documents.
func shared(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(sample.Dir(t, "ccda", 180), name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}
