package fhirapi

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// provenanceType is FHIR's type for who wrote what.
const provenanceType = "Provenance"

// provenance answers [type]/[id]/$provenance, an operation of Osler's own: a searchset of one
// Provenance for each version that the caller may see, made from the entries of the audit log that
// were committed with them. They cannot be written, and say what the log says; what others have
// stated about where an entry comes from is found by Provenance?target=.
func (s *server) provenance(c *call) error {
	raw, err := rawQuery(c)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return err
	}
	if err := known(query, "_count"); err != nil {
		return err
	}
	count, err := countOf(query)
	if err != nil {
		return err
	}
	list, err := c.actor.Provenance(c.Context(), store.HistoryFilter{Type: c.PathValue("type"), ID: c.PathValue("id"), Count: min(cmp.Or(count, maxHistory), maxHistory)})
	if err != nil {
		return err
	}
	b := c.startPage("searchset", -1, c.pageLinks(query, "")...)
	for _, v := range list {
		r := provenanceOf(v)
		b.found(store.Version{Type: provenanceType, ID: r.Get("id").Text()}, r.JSON(), "match")
	}
	return c.write(http.StatusOK, b.done())
}

// provenanceOf makes the Provenance of a version.
func provenanceOf(v record.Authored) *fhir.Node {
	const participant = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	l := v.Entry.Leaf
	when := l.Time.UTC().Format("2006-01-02T15:04:05.000Z")
	activity := "UPDATE"
	switch {
	case v.Deleted:
		activity = "DELETE"
	case v.Version.Version == 1:
		activity = "CREATE"
	}
	agents := fhir.Arr(fhir.Obj(
		"type", fhir.Obj("coding", fhir.Arr(auditCode(participant, "author", "Author"))),
		"role", fhir.Arr(fhir.Obj("coding", fhir.Arr(auditCode("urn:osler:role", cmp.Or(l.Role, "unknown"), "")))),
		"who", fhir.Obj("identifier", fhir.Obj("system", "urn:osler:account", "value", cmp.Or(l.Actor, "unknown")), "display", text(l.Name))))
	if l.Client != "" {
		agents.Append(fhir.Obj("type", fhir.Obj("coding", fhir.Arr(auditCode(participant, "assembler", "Assembler"))),
			"who", fhir.Obj("identifier", fhir.Obj("system", "urn:osler:client", "value", l.Client))))
	}
	r := fhir.Obj("resourceType", provenanceType, "id", auditID(v.Entry.Index)+"-"+v.Type+"-"+strconv.FormatInt(v.Version.Version, 10),
		"target", fhir.Arr(fhir.Obj("reference", v.Type+"/"+v.ID+"/_history/"+strconv.FormatInt(v.Version.Version, 10))),
		"recorded", when)
	if l.Purpose != "" {
		r.Set("reason", fhir.Arr(fhir.Obj("coding", fhir.Arr(auditCode(actReason, l.Purpose, "")))))
	}
	r.Set("activity", fhir.Obj("coding", fhir.Arr(auditCode("http://terminology.hl7.org/CodeSystem/v3-DataOperation", activity, ""))))
	r.Set("agent", agents)
	if l.Action == ledger.Import { // a machine has brought it
		r.Set("entity", fhir.Arr(fhir.Obj("role", "source", "what", fhir.Obj("display", text(cmp.Or(l.Query, "import"))))))
	}
	return r
}
