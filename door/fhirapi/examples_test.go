package fhirapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/xml"
	"github.com/osler-emr/osler/trust"
)

// TestExamplesThroughTheAPI writes and reads every R4 example over HTTP, in JSON and in XML,
// and finds no difference but the server's part of meta.
func TestExamplesThroughTheAPI(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/examples/json", 1159)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, func(h *house, o *Options) {
		o.Authenticate = func(context.Context, string) (trust.Principal, error) { return trust.System("test"), nil }
	})
	send := func(method, path, contentType, accept string, body []byte) (int, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), method, h.url+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer any")
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b
	}
	const js, xm = "application/fhir+json", "application/fhir+xml"
	known, err := os.ReadFile("../../exchange/bulk/testdata/refused.txt")
	if err != nil {
		t.Fatal(err)
	}
	written, dangling, refused := 0, 0, 0
	for i, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := fhir.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("x%d", i)
		n.SetID(id)
		path := "/fhir/" + n.ResourceType() + "/" + id
		base := filepath.Base(name)
		for _, form := range []string{js, xm} {
			sent := n.JSON()
			if form == xm {
				if sent, err = xml.Encode(n); err != nil {
					t.Fatalf("%s: %v", base, err)
				}
			}
			status, answer := send("PUT", path, form, form, sent)
			if status == 422 && strings.Contains(string(known), base) {
				refused++
				break
			}
			if status == 422 && strings.Contains(string(answer), "eference") {
				// The API holds references to the record; the examples refer to much that is in
				// none. What is there is read all the same.
				h.seed(string(n.JSON()))
				dangling++
			} else if status != 200 && status != 201 {
				t.Errorf("%s as %s: %d %.400s", base, form, status, answer)
				break
			} else {
				written++
			}
			for _, accept := range []string{js, xm} {
				status, got := send("GET", path, form, accept, nil)
				back, err := fhir.Parse(got)
				if accept == xm {
					back, err = xml.Decode(got)
				}
				if status != 200 || err != nil || !bulk.Equal(n, back) {
					t.Errorf("%s: sent as %s and read as %s it differs (%d, %v)", base, form, accept, status, err)
				}
			}
		}
	}
	t.Logf("%d files: %d writes over HTTP, %d times stored past the check of references, %d refused rightly", len(files), written, dangling, refused)
	if written < 300 {
		t.Errorf("only %d writes", written)
	}
}
