package fhirapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/store"
)

// maxDocument is the largest number of resources in a document.
const maxDocument = 2000

// document answers Composition/[id]/$document (R4 composition-operation-document): a
// document Bundle of the Composition, then of what it refers to, then of what that refers
// to, and so on. Nothing of another patient is in it. What the caller may not see, and what
// the record does not have, stays a reference that leads out of the document.
func (s *server) document(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	if err := known(query, "persist"); err != nil {
		return err
	}
	if query.Get("persist") == "true" {
		return fault.New(fault.NotSupported, "Documents are made when they are asked for; to keep one, store the Bundle or a DocumentReference.")
	}
	first, err := c.actor.ReadVersion(c.Context(), "Composition", c.PathValue("id"), 0)
	if err != nil {
		return err
	}
	list := []store.Version{first}
	seen := map[string]bool{"Composition/" + first.ID: true}
	for fresh := list; len(fresh) > 0; { // round by round, each read at once
		var refs []string
		for _, v := range fresh {
			for text := range references(v.Body) {
				ref := string(text)
				t, id, ok := strings.Cut(ref, "/")
				id, _, _ = strings.Cut(id, "/_history/")
				if !ok || !definition.IsResource(t) || seen[t+"/"+id] || strings.Contains(id, "/") {
					continue
				}
				seen[t+"/"+id] = true
				refs = append(refs, t+"/"+id)
			}
		}
		if len(list)+len(refs) > maxDocument {
			return fault.New(fault.TooCostly, "The document would hold more than %d resources.", maxDocument)
		}
		found, err := c.actor.ReadSome(c.Context(), refs)
		if err != nil {
			return err
		}
		fresh = slices.DeleteFunc(found, func(v store.Version) bool { return v.Patient != "" && v.Patient != first.Patient })
		list = append(list, fresh...)
	}
	now := s.Clock.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
	b := fhir.Obj("resourceType", "Bundle", "type", "document",
		"identifier", fhir.Obj("system", "urn:ietf:rfc:3986", "value", "urn:uuid:"+ident.New(s.Clock.Now())),
		"timestamp", now).JSON()
	b = b[:len(b)-1]
	for i, v := range list {
		c.shows(v)
		b = append(b, [2]string{`,"entry":[`, `,`}[min(i, 1)]...)
		b = append(b, `{"fullUrl":"`+c.base+"/"+v.Type+"/"+v.ID+`","resource":`...)
		b = append(append(b, v.Body...), '}')
	}
	return c.write(http.StatusOK, append(b, "]}"...))
}
