package fhirapi

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/patch"
	"github.com/osler-emr/osler/fhir/xml"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// The forms of a patch; a FHIRPath Patch comes as a resource.
const (
	jsonPatch = "application/json-patch+json"
	xmlPatch  = "application/xml-patch+xml"
)

// patchFormats are all content types of a patch.
var patchFormats = []any{jsonPatch, xmlPatch, "application/fhir+json", "application/fhir+xml"}

// patchTries is how often a patch without If-Match is carried out anew because somebody
// else wrote in between.
const patchTries = 8

// change makes of a resource what a patch says.
type change func(before *fhir.Node) (*fhir.Node, error)

// patch answers PATCH [type]/[id] with a JSON Patch, an XML Patch or a FHIRPath Patch (R4
// http.html#patch).
func (s *server) patch(c *call) error {
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	what, err := c.change()
	if err != nil {
		return err
	}
	return s.patchOne(c, c.PathValue("id"), match, what)
}

// conditionalPatch answers PATCH [type]?…: exactly one match.
func (s *server) conditionalPatch(c *call) error {
	q, err := c.condition(c.PathValue("type"), c.URL.RawQuery)
	if err != nil {
		return err
	}
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	what, err := c.change()
	if err != nil {
		return err
	}
	v, found, err := s.single(c, q)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.NotFound, "The condition matches no %s; nothing was changed.", q.Type)
	}
	return s.patchOne(c, v.ID, match, what)
}

func (s *server) patchOne(c *call, id string, match int64, what change) error {
	for try := 1; ; try++ {
		r, current, err := c.patched(c.PathValue("type"), id, match, what)
		if err != nil {
			return err
		}
		if bytes.Equal(r.JSON(), current.Body) { // nothing changes: there is no new version
			return c.reply(http.StatusOK, current)
		}
		res, err := c.commit(record.Change{Put: []record.Put{{Resource: r, IfMatch: current.Version}}, Key: idempotency(c)})
		if fault.Is(err, fault.Stale) && match == 0 && try < patchTries {
			continue
		}
		if err != nil {
			return err
		}
		return c.reply(http.StatusOK, res.Versions[0])
	}
}

// patched returns what a patch makes of a resource, and the version that it was made from.
func (c *call) patched(resourceType, id string, match int64, what change) (*fhir.Node, store.Version, error) {
	v, err := c.actor.ReadVersion(c.Context(), resourceType, id, 0)
	if err != nil {
		return nil, v, err
	}
	if match != 0 && match != v.Version {
		return nil, v, fault.New(fault.Stale, "Somebody else has changed this %s since you read it. Read it again, and compare before you patch.", resourceType)
	}
	before, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, v, err
	}
	after, err := what(before)
	if err != nil {
		return nil, v, err
	}
	if after.Kind() != fhir.Object || after.ResourceType() != resourceType || after.ID() != id {
		return nil, v, fault.New(fault.Invalid, "A patch may not change the type or the id of a resource.")
	}
	if after, err = fhir.Parse(after.JSON()); err != nil { // it must be readable again
		return nil, v, err
	}
	relative(after, c.base+"/")
	return after, v, nil
}

// change reads the patch: the body, or what stands for it in a bundle.
func (c *call) change() (change, error) {
	if c.given != nil {
		return entryChange(c.given, nil)
	}
	b, err := whole(c.Body, c.ContentLength)
	if err != nil {
		return nil, unread(err, fault.New(fault.TooLarge, "The patch is larger than the limit of %d bytes, or broke off.", MaxBody))
	}
	if err := c.readable(b); err != nil {
		return nil, err
	}
	return readChange(c.Header.Get("Content-Type"), b, nil)
}

// readChange reads a patch by its content type. Texts that are the key of known are
// replaced: the full urls of other entries of a transaction.
func readChange(contentType string, b []byte, known map[string]string) (change, error) {
	switch t := mediaType(contentType); {
	case t == jsonPatch:
		operations, err := fhir.Parse(b)
		if err != nil {
			return nil, err
		}
		rename(operations, known)
		return func(before *fhir.Node) (*fhir.Node, error) { return patch.JSON(before, operations) }, nil
	case t == xmlPatch:
		text := string(b)
		for full, ref := range known {
			text = strings.ReplaceAll(text, `"`+full+`"`, `"`+ref+`"`)
		}
		return func(before *fhir.Node) (*fhir.Node, error) { return patch.XML(before, []byte(text)) }, nil
	case contentType != "" && (jsonType(t) || xmlType(t)):
		parse := fhir.Parse
		if xmlType(t) {
			parse = xml.Decode
		}
		parameters, err := parse(b)
		if err != nil {
			return nil, err
		}
		return pathChange(parameters)
	}
	return nil, unsupported(contentType, jsonPatch+", "+xmlPatch+", or a FHIRPath Patch as application/fhir+json")
}

func pathChange(parameters *fhir.Node) (change, error) {
	if parameters.ResourceType() != "Parameters" {
		return nil, fault.New(fault.Malformed, "A patch in FHIR's own form is a Parameters resource; a JSON Patch has the content type %s.", jsonPatch)
	}
	return func(before *fhir.Node) (*fhir.Node, error) { return patch.FHIRPath(before, parameters) }, nil
}

// entryChange reads the patch of a bundle's entry: a Binary, or Parameters for a FHIRPath
// Patch (R4 http.html#patch).
func entryChange(r *fhir.Node, known map[string]string) (change, error) {
	if r.ResourceType() == "Parameters" {
		return pathChange(r)
	}
	if r.ResourceType() != "Binary" {
		return nil, fault.New(fault.NotSupported, "A PATCH in a bundle has a Binary of content type %s or %s as its resource, or Parameters.", jsonPatch, xmlPatch)
	}
	b, err := base64.StdEncoding.DecodeString(r.Get("data").Text())
	if err != nil {
		return nil, fault.New(fault.Malformed, "The data of the Binary is not base64.")
	}
	return readChange(r.Get("contentType").Text(), b, known)
}

// rename replaces texts that are keys of known.
func rename(n *fhir.Node, known map[string]string) {
	for name, v := range n.Members() {
		if ref, ok := known[v.Text()]; ok && v.Kind() == fhir.String {
			n.Set(name, fhir.Str(ref))
			continue
		}
		rename(v, known)
	}
	if n.Kind() == fhir.Array {
		for v := range n.Items() {
			rename(v, known)
		}
	}
}
