package fhirapi

import (
	"strings"
	"testing"
)

// TestOpenAPI: the document describes every route, and every path of it is served.
func TestOpenAPI(t *testing.T) {
	h := open(t)
	doc := h.get("/fhir/openapi.json", "Authorization: ").is(200).node
	if doc.Get("openapi").Text() != "3.1.0" || doc.Path("servers.0.url").Text() != h.url {
		t.Errorf("head: %s %s", doc.Get("openapi").Text(), doc.Path("servers").JSON())
	}
	ids := map[string]bool{}
	n := 0
	for path, methods := range doc.Get("paths").Members() {
		for method, o := range methods.Members() {
			n++
			id := o.Get("operationId").Text()
			if ids[id] || id == "" || o.Get("summary").Text() == "" || o.Get("responses").Len() < 2 {
				t.Errorf("%s %s: %s", method, path, o.JSON())
			}
			ids[id] = true
			named := map[string]bool{}
			for p := range o.Get("parameters").Items() {
				if p.Get("in").Text() == "path" {
					named[p.Get("name").Text()] = true
				}
			}
			if len(named) != strings.Count(path, "{") {
				t.Errorf("%s %s: the parameters of the path are %v", method, path, named)
			}
			// What the document promises is there: asked for without a token it is 401, not 404.
			real := strings.NewReplacer("{type}", "Patient", "{id}", "rosa", "{vid}", "1", "{compartment}", "Patient").Replace(path)
			if a := h.ask(strings.ToUpper(method), real, "", "Authorization: "); a.status != 401 && o.Get("security") == nil {
				t.Errorf("%s %s: %d", method, real, a.status)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d operations", n)
	}
	for _, id := range []string{"get_type_id", "post_type", "patch_type_id", "get_Patient_id_op_everything"} {
		if !ids[id] {
			t.Errorf("%s is missing", id)
		}
	}
}
