package document

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
		read, missed := map[string]bool{}, map[int]int{}
		for _, it := range doc.Items {
			read[it.Key[:strings.LastIndexByte(it.Key, '.')]] = true
		}
		for _, u := range doc.Unread {
			if u.Why.Words != rowOnly {
				missed[u.Of]++
			}
		}
		for i := range raw.Sections {
			without := 0
			for n := range raw.Sections[i].Entries {
				entries++
				if !read[strconv.Itoa(i+1)+"."+strconv.Itoa(n+1)] {
					without++
				}
			}
			if without > missed[i] {
				t.Errorf("%s: of section %d, %d entries became nothing, %d are said to be unread", name, i, without, missed[i])
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

// TestRestrictedDocumentsAreLabelled: what ONC's documents mark as restricted is labelled, all of
// it, and what they mark as normal is not.
func TestRestrictedDocumentsAreLabelled(t *testing.T) {
	for file, want := range map[string]string{
		"onc/Security-tags-Summary-of-Care-receive-sample1.xml": "R",
		"onc/b8_DS4P_Inp__170.315_b8_ds4p_inp_sample1_v7.xml":   "R",
		"onc/b8_DS4P_Amb__170.315_b8_ds4p_amb_sample2_v4.xml":   "N",
		"hl7-examples/C-CDA_R2-1_CCD.xml":                       "N",
	} {
		doc, err := Read(shared(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Confidentiality != want || (len(doc.Labels) > 0) != (want == "R") {
			t.Errorf("%s is %s, labelled %v", file, doc.Confidentiality, doc.Labels)
		}
		for _, it := range doc.Items {
			for _, n := range append([]*fhir.Node{it.Resource}, it.Parts...) {
				if got := labelsOf(n); !slices.Equal(got, doc.Labels) {
					t.Errorf("%s: %s is labelled %v", file, it.Text, got)
				}
			}
		}
	}
}

// FuzzRead: nothing breaks it, and it says the same each time.
func FuzzRead(f *testing.F) {
	cases, err := filepath.Glob("testdata/*/in.xml")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		body, err := os.ReadFile(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := Read(body)
		if err != nil {
			return
		}
		again, err := Read(body)
		if err != nil || transcript(doc) != transcript(again) {
			t.Error("read twice, it says something else")
		}
		for _, it := range doc.Items {
			check(t, "fuzz", it)
		}
	})
}

func labelsOf(n *fhir.Node) (list []string) {
	for c := range n.Path("meta.security").Items() {
		list = append(list, c.Get("code").Text())
	}
	return list
}
