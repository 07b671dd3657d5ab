package cda

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
)

// each calls f for each document of the shared test data.
func each(t testing.TB, f func(name string, body []byte)) {
	dir := sample.Dir(t, "ccda", 150)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".md") || strings.HasSuffix(path, ".json") || strings.Contains(path, "hl7-fragments") {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f(strings.TrimPrefix(path, dir+"/"), body)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEverySharedDocumentIsRead(t *testing.T) {
	n := 0
	each(t, func(name string, body []byte) {
		n++
		doc, err := Parse(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if len(doc.Sections) == 0 && doc.Body == nil && !strings.Contains(name, "Close_Referral") { // that one is a header only
			t.Errorf("%s has no section and no body", name)
		}
	})
	if n < 119 {
		t.Errorf("%d documents", n)
	}
}
