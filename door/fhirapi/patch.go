package fhirapi

import (
	"encoding/base64"
	"io"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/patch"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

const jsonPatch = "application/json-patch+json"

// patchTries is how often a patch without If-Match is carried out anew because somebody
// else wrote in between.
const patchTries = 8

// patch answers PATCH [type]/[id] with a JSON Patch (R4 http.html#patch).
func (s *server) patch(c *call) error {
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	operations, err := c.operations()
	if err != nil {
		return err
	}
	return s.patchOne(c, c.PathValue("id"), match, operations)
}

// conditionalPatch answers PATCH [type]?…: exactly one match.
func (s *server) conditionalPatch(c *call) error {
	q, err := condition(c.PathValue("type"), c.URL.RawQuery)
	if err != nil {
		return err
	}
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	operations, err := c.operations()
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
	return s.patchOne(c, v.ID, match, operations)
}

func (s *server) patchOne(c *call, id string, match int64, operations *fhir.Node) error {
	for try := 1; ; try++ {
		r, current, err := c.patched(c.PathValue("type"), id, match, operations)
		if err != nil {
			return err
		}
		res, err := c.actor.Commit(c.Context(), record.Change{Put: []record.Put{{Resource: r, IfMatch: current.Version}}, Key: idempotency(c)})
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
func (c *call) patched(resourceType, id string, match int64, operations *fhir.Node) (*fhir.Node, store.Version, error) {
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
	after, err := patch.JSON(before, operations)
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

// operations reads the patch: the body, or the Binary that stands for it in a bundle.
func (c *call) operations() (*fhir.Node, error) {
	if c.given != nil {
		return entryOperations(c.given)
	}
	if ct := c.Header.Get("Content-Type"); mediaType(ct) != jsonPatch {
		return nil, unsupported(ct, jsonPatch)
	}
	b, err := io.ReadAll(c.Body)
	if err != nil {
		return nil, fault.New(fault.TooLarge, "The patch is larger than the limit of %d bytes, or broke off.", MaxBody)
	}
	return fhir.Parse(b)
}

// entryOperations reads the patch of a bundle's entry: a Binary (R4 http.html#patch).
func entryOperations(r *fhir.Node) (*fhir.Node, error) {
	if r.ResourceType() != "Binary" || mediaType(r.Get("contentType").Text()) != jsonPatch {
		return nil, fault.New(fault.NotSupported, "A PATCH in a bundle has a Binary of content type %s as its resource.", jsonPatch)
	}
	b, err := base64.StdEncoding.DecodeString(r.Get("data").Text())
	if err != nil {
		return nil, fault.New(fault.Malformed, "The data of the Binary is not base64.")
	}
	return fhir.Parse(b)
}
