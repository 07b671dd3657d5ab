package fhirapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// maxScanned is how many observations $lastn and $stats look at.
const maxScanned = 20_000

// lastn answers Observation/$lastn (R4 observation-operation-lastn): the newest max
// observations (else one) of each code among those that a search finds.
func (s *server) lastn(c *call) error {
	query, err := c.parameters()
	if err != nil {
		return err
	}
	most := 1
	if v := query.Get("max"); v != "" {
		if most, err = strconv.Atoi(v); err != nil || most < 1 {
			return fault.New(fault.Malformed, "max=%q is not a positive number.", clip(v))
		}
	}
	has := func(names ...string) bool {
		for name := range query {
			bare, _, _ := strings.Cut(strings.ReplaceAll(name, ".", ":"), ":")
			for _, n := range names {
				if bare == n {
					return true
				}
			}
		}
		return false
	}
	if !has("patient", "subject") || !has("code", "category") {
		return fault.New(fault.Malformed, "$lastn needs a patient or subject, and a code or category.")
	}
	for _, name := range []string{"max", "_format", "_pretty", "_sort", "_count", "_total", "_summary", "_elements"} {
		query.Del(name)
	}
	var keep []store.Version
	groups, sizes := map[string]int{}, map[int]int{}
	err = s.observations(c, query, func(v store.Version, r *fhir.Node) error {
		g := group(r, groups)
		if sizes[g]++; sizes[g] <= most {
			keep = append(keep, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	self := c.base + "/Observation/$lastn?max=" + strconv.Itoa(most) + "&" + query.Encode()
	b := c.startPage("searchset", int64(len(keep)), fhir.Obj("relation", "self", "url", self))
	for _, v := range keep {
		b.found(v, v.Body, "match")
	}
	return c.write(http.StatusOK, b.done())
}

// group numbers the kind of observation: two that share a coding are of one kind, and
// without codings those with the same text.
func group(r *fhir.Node, groups map[string]int) int {
	var keys []string
	for coding := range r.Path("code.coding").Items() {
		keys = append(keys, coding.Get("system").Text()+"|"+coding.Get("code").Text())
	}
	if len(keys) == 0 {
		keys = []string{"\x00" + search.Normalize(r.Path("code.text").Text())}
	}
	g := len(groups) + 1
	for _, k := range keys {
		if n, ok := groups[k]; ok {
			g = n
			break
		}
	}
	for _, k := range keys {
		if _, ok := groups[k]; !ok {
			groups[k] = g
		}
	}
	return g
}

// observations gives those that a search finds, newest first.
func (s *server) observations(c *call, query url.Values, each func(store.Version, *fhir.Node) error) error {
	q, err := c.parseQuery("Observation", query.Encode(), search.Strict)
	if err != nil {
		return err
	}
	sorted, err := c.parseQuery("Observation", "_sort=-date", search.Strict)
	if err != nil {
		return err
	}
	q.Sort, q.Count, q.Total = sorted.Sort, 500, search.TotalNone
	at, after, n := store.T(0), []byte(nil), 0
	for {
		page, err := c.actor.Search(c.Context(), q, at, after)
		if err != nil {
			return err
		}
		for _, v := range page.Matches {
			if n++; n > maxScanned {
				return fault.New(fault.TooCostly, "More than %d observations fit; ask for fewer, for example with date=ge2025.", maxScanned)
			}
			r, err := fhir.Parse(v.Body)
			if err == nil {
				err = each(v, r)
			}
			if err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		at, after = page.At, page.Next
	}
}
