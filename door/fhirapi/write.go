package fhirapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// create answers POST [type], with If-None-Exist conditionally (R4 http.html#create).
func (s *server) create(c *call) error {
	r, err := c.resource()
	if err != nil {
		return err
	}
	r.Remove("id") // the server gives ids to creates
	change := record.Change{Put: []record.Put{{Resource: r, Create: true}}, Key: idempotency(c)}
	if cond := c.Header.Get("If-None-Exist"); cond != "" {
		q, err := c.condition(r.ResourceType(), cond)
		if err != nil {
			return err
		}
		return s.createUnless(c, q, change)
	}
	res, err := c.commit(change)
	if err != nil {
		return err
	}
	return c.reply(http.StatusCreated, res.Versions[0])
}

// createUnless creates when nothing matches, and answers with the match otherwise. When
// somebody else creates it in between, the second look finds theirs.
func (s *server) createUnless(c *call, q search.Query, change record.Change) error {
	change.Absent = []search.Query{q}
	for last := range 2 {
		v, found, err := s.single(c, q)
		if err != nil {
			return err
		}
		if found {
			return c.reply(http.StatusOK, v)
		}
		res, err := c.commit(change)
		if fault.Is(err, fault.Conflict) && last == 0 {
			continue
		}
		if err != nil {
			return err
		}
		return c.reply(http.StatusCreated, res.Versions[0])
	}
	return nil
}

// update answers PUT [type]/[id] (R4 http.html#update): also a create under a client's id.
func (s *server) update(c *call) error {
	r, err := c.resource()
	if err != nil {
		return err
	}
	id := c.PathValue("id")
	switch r.ID() {
	case id:
	case "":
		return fault.New(fault.Malformed, "The body needs the id that the address has.").At(r.ResourceType() + ".id")
	default:
		return fault.New(fault.Malformed, "The id in the body is not the id in the address.").At(r.ResourceType() + ".id")
	}
	return s.put(c, r)
}

// conditionalUpdate answers PUT [type]?… (R4 http.html#cond-update).
func (s *server) conditionalUpdate(c *call) error {
	r, err := c.resource()
	if err != nil {
		return err
	}
	q, err := c.condition(r.ResourceType(), c.URL.RawQuery)
	if err != nil {
		return err
	}
	v, found, err := s.single(c, q)
	if err != nil {
		return err
	}
	if !found {
		res, err := c.commit(record.Change{Put: []record.Put{{Resource: r, Create: true, Chosen: r.ID() != ""}}, Absent: []search.Query{q}})
		if err != nil {
			return err
		}
		return c.reply(http.StatusCreated, res.Versions[0])
	}
	if id := r.ID(); id != "" && id != v.ID {
		return fault.New(fault.Malformed, "The condition matches another resource than the id in the body.").At(r.ResourceType() + ".id")
	}
	r.SetID(v.ID)
	return s.put(c, r)
}

func (s *server) put(c *call, r *fhir.Node) error {
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	fresh := c.Header.Get("If-None-Match") == "*"
	res, err := c.commit(record.Change{Put: []record.Put{{Resource: r, IfMatch: match, Create: fresh, Chosen: true}}, Key: idempotency(c)})
	if fresh && fault.Is(err, fault.Conflict) {
		return fault.New(fault.Stale, "There is a %s with this id already; If-None-Match asks to create it only.", r.ResourceType())
	}
	if err != nil {
		return err
	}
	status := http.StatusOK
	if res.Versions[0].Version == 1 {
		status = http.StatusCreated
	}
	return c.reply(status, res.Versions[0])
}

// remove answers DELETE [type]/[id] (R4 http.html#delete).
func (s *server) remove(c *call) error {
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	return s.delete(c, c.PathValue("id"), match)
}

// conditionalRemove answers DELETE [type]?…: one match at most.
func (s *server) conditionalRemove(c *call) error {
	q, err := c.condition(c.PathValue("type"), c.URL.RawQuery)
	if err != nil {
		return err
	}
	match, err := c.version("If-Match")
	if err != nil {
		return err
	}
	v, found, err := s.single(c, q)
	if err != nil {
		return err
	}
	if !found {
		return c.write(http.StatusOK, outcome(fault.Issue{Severity: "information", Type: "not-found", Text: "Nothing matched; nothing was deleted."}).JSON())
	}
	return s.delete(c, v.ID, cmp.Or(match, v.Version))
}

func (s *server) delete(c *call, id string, match int64) error {
	_, err := c.commit(record.Change{Delete: []record.Delete{{Type: c.PathValue("type"), ID: id, IfMatch: match}}})
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// commit commits a change and keeps the warnings about it for the answer.
func (c *call) commit(change record.Change) (record.Result, error) {
	if c.content != nil { // only a single Binary comes so
		change.Put[0].Content = c.content
	}
	change.Final = true
	res, err := c.actor.Commit(c.Context(), change)
	c.findings = res.Findings
	return res, err
}

// reply answers a write as Prefer: return asks (R4 http.html#ops).
func (c *call) reply(status int, v store.Version) error {
	switch prefer(c.Header, "return") {
	case "minimal":
		v.Body = nil
	case "OperationOutcome":
		stored := fault.Issue{Severity: "information", Type: "informational", Text: "Stored as " + v.Type + "/" + v.ID + "."}
		v.Body = outcome(append([]fault.Issue{stored}, c.findings...)...).JSON()
	}
	return c.send(status, v, true)
}

func prefer(h http.Header, name string) string {
	for _, line := range h.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == ',' }) {
			if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok && strings.TrimSpace(k) == name {
				return strings.TrimSpace(v)
			}
		}
	}
	return ""
}

// idempotency returns the key that makes a retried write harmless: of the header and of
// everything that was asked, so that a key that is used again for another write never hides
// that write behind the answer to the first. The gate binds it to the principal.
func idempotency(c *call) string {
	key := c.Header.Get("Idempotency-Key")
	if key == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s %q %q %q %x", key, c.Method, c.URL.RequestURI(),
		c.Header.Get("If-None-Exist"), c.Header.Get("If-Match"), c.sent))
	return hex.EncodeToString(sum[:])
}

// condition parses the search of a conditional interaction: strictly, and never empty,
// since an empty condition would match everything.
func (c *call) condition(resourceType, raw string) (search.Query, error) {
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		raw = raw[i+1:]
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return search.Query{}, fault.Wrap(err, fault.Malformed, "The condition cannot be read as search parameters.")
	}
	values.Del("_format")
	values.Del("_pretty")
	q, err := c.parseQuery(resourceType, values.Encode(), search.Strict)
	if err != nil {
		return search.Query{}, err
	}
	if _, all := q.Where.(search.All); all { // also of _sort or _count alone
		return search.Query{}, fault.New(fault.Malformed, "A conditional interaction needs at least one search parameter that selects.")
	}
	return search.Query{Type: q.Type, Where: q.Where, Count: 2, Total: search.TotalNone, Applied: q.Applied}, nil
}

// single returns the one match of a condition; several are fault.Multiple.
func (s *server) single(c *call, q search.Query) (store.Version, bool, error) {
	page, err := c.actor.Search(c.Context(), q, 0, nil)
	switch {
	case err != nil:
		return store.Version{}, false, err
	case len(page.Matches) == 0:
		return store.Version{}, false, nil
	case len(page.Matches) > 1:
		return store.Version{}, false, fault.New(fault.Multiple, "The condition matches more than one %s; nothing was changed.", q.Type)
	}
	return page.Matches[0], true, nil
}
