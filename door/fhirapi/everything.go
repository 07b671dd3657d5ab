package fhirapi

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// everythingOfPatient answers Patient/[id]/$everything (R4 operation-patient-everything):
// what stands in the patient's compartment, and what that refers to and belongs to no
// patient (clinicians, places, medications), as far as the caller may see it.
func (s *server) everythingOfPatient(c *call) error {
	w, err := s.wanted(c, "start", "end")
	if err != nil {
		return err
	}
	own, err := w.chart(c.PathValue("id"), func(v store.Version) (bool, error) { return w.period.covers(v) })
	if err != nil {
		return err
	}
	return s.bundleOf(c, w, own)
}

// everythingOfEncounter answers Encounter/[id]/$everything (R4
// operation-encounter-everything): the encounter, what is in its compartment, and what that
// refers to.
func (s *server) everythingOfEncounter(c *call) error {
	w, err := s.wanted(c)
	if err != nil {
		return err
	}
	id := c.PathValue("id")
	encounter, err := w.actor.ReadVersion(c.Context(), "Encounter", id, 0)
	if err != nil {
		return err
	}
	if encounter.Patient == "" {
		return fault.New(fault.NotSupported, "This encounter has no patient, so that what belongs to it cannot be told.")
	}
	mention := []byte("Encounter/" + id + `"`)
	codes := definition.Compartment("Encounter")
	own, err := w.chart(encounter.Patient, func(v store.Version) (bool, error) {
		switch {
		case v.Type == "Encounter" && v.ID == id:
			return true, nil
		case !bytes.Contains(v.Body, mention) || len(codes[v.Type]) == 0:
			return false, nil
		}
		entries, err := entriesOf(v)
		return slices.ContainsFunc(entries, func(e search.Entry) bool {
			return e.RefType == "Encounter" && e.RefID == id && slices.Contains(codes[v.Type], e.Param)
		}), err
	})
	if err != nil {
		return err
	}
	return s.bundleOf(c, w, own)
}

// wanted is what a caller of $everything asks for.
type wanted struct {
	*call
	types  []string
	since  time.Time
	period period
	count  int // 0: all at once
	skip   int
	query  url.Values
	at     store.T
}

// wanted reads the parameters of $everything, which are _since, _type, _count and those
// named.
func (s *server) wanted(c *call, names ...string) (*wanted, error) {
	query, err := c.parameters()
	if err != nil {
		return nil, err
	}
	if err := known(query, append([]string{"_since", "_type", "_count", pageParam}, names...)...); err != nil {
		return nil, err
	}
	w := &wanted{call: c, query: query}
	for _, list := range query["_type"] {
		for t := range strings.SplitSeq(list, ",") {
			if !definition.IsResource(t) {
				return nil, fault.New(fault.Malformed, "_type names %q, which is not a resource type of FHIR R4.", clip(t))
			}
			w.types = append(w.types, t)
		}
	}
	if w.since, err = instantOf(query, "_since"); err != nil {
		return nil, err
	}
	if w.count, err = countOf(query); err != nil {
		return nil, err
	}
	if w.period, err = readPeriod(query); err != nil {
		return nil, err
	}
	return w, w.snapshot(s)
}

// snapshot settles the time at which the record is read: every page shows the same. What comes
// as a whole is read as it is now.
func (w *wanted) snapshot(s *server) (err error) {
	token := w.query.Get(pageParam)
	if token == "" && w.count == 0 {
		return nil
	}
	if token == "" {
		w.at, err = w.actor.Snapshot(w.Context())
	} else if token, err = s.openPage(token); err != nil {
		return err
	} else if n, err := fmt.Sscanf(token, "%d-%d", &w.at, &w.skip); err != nil || n != 2 || w.at <= 0 || w.skip < 1 {
		return fault.New(fault.Malformed, "The page address cannot be read; start again.")
	}
	past := *w.call // c.actor stays in the present
	past.actor = w.actor.AsOfCommit(w.at)
	w.call = &past
	return err
}

// chart returns those resources of a patient's chart that are kept.
func (w *wanted) chart(patient string, keep func(store.Version) (bool, error)) ([]store.Version, error) {
	var own []store.Version
	for v, err := range w.actor.ChartVersions(w.Context(), patient) {
		if err != nil {
			return nil, err
		}
		ok, err := keep(v)
		if err != nil {
			return nil, err
		}
		if ok {
			own = append(own, v)
		}
	}
	return own, nil
}

// shows reports whether a resource is of the types and age that were asked for.
func (w *wanted) shows(v store.Version) bool {
	return (len(w.types) == 0 || slices.Contains(w.types, v.Type)) && !v.Updated.Before(w.since)
}

// referred returns what resources refer to that belongs to no patient.
func (w *wanted) referred(own []store.Version) ([]store.Version, error) {
	have := map[string]bool{}
	for _, v := range own {
		have[v.Type+"/"+v.ID] = true
	}
	var refs []string
	for _, v := range own {
		for text := range references(v.Body) {
			if have[string(text)] || bytes.HasPrefix(text, []byte("Patient/")) { // most, of which no string is made
				continue
			}
			ref := string(text)
			t, id, ok := strings.Cut(ref, "/")
			if !ok || strings.Contains(id, "/") || !definition.IsResource(t) || len(w.types) > 0 && !slices.Contains(w.types, t) {
				continue
			}
			have[ref] = true
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	found, err := w.actor.ReadSome(w.Context(), refs)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(v store.Version) bool { return v.Patient != "" }), nil
}

// references ranges over the literal references in a stored body, as parts of it.
func references(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		mark := []byte(`"reference":"`)
		for {
			at := bytes.Index(body, mark)
			if at < 0 {
				return
			}
			body = body[at+len(mark):]
			end := bytes.IndexByte(body, '"')
			if end < 0 || !yield(body[:end]) {
				return
			}
		}
	}
}

// bundleOf answers with a page of what was found and what that refers to.
func (s *server) bundleOf(c *call, w *wanted, own []store.Version) error {
	more, err := w.referred(own)
	if err != nil {
		return err
	}
	all := append(own, more...)
	if w.skip > 0 { // later, for a caller whose rights may have changed
		if all, err = c.actor.Still(c.Context(), all); err != nil {
			return err
		}
	}
	all = slices.DeleteFunc(all, func(v store.Version) bool { return !w.shows(v) })
	page := all[min(w.skip, len(all)):]
	next := ""
	if w.count > 0 && len(page) > w.count {
		page = page[:w.count]
		if next, err = s.sealPage(fmt.Sprintf("%d-%d", w.at, w.skip+w.count)); err != nil {
			return err
		}
	}
	b := w.startPage("searchset", int64(len(all)), w.pageLinks(w.query, next)...)
	b.expect(page)
	for _, v := range page {
		b.found(v, v.Body, "match")
	}
	return c.write(http.StatusOK, b.done())
}

// period is start and end of $everything, in Unix milliseconds, high exclusive.
type period struct {
	low, high int64
	any       bool
}

func readPeriod(query url.Values) (period, error) {
	p := period{math.MinInt64, math.MaxInt64, !query.Has("start") && !query.Has("end")}
	for _, name := range []string{"start", "end"} {
		if !query.Has(name) {
			continue
		}
		low, high, ok := search.Period(strings.ReplaceAll(query.Get(name), " ", "+"))
		if !ok {
			return p, fault.New(fault.Malformed, "%s=%q is not a date such as 2026-11-24.", name, clip(query.Get(name)))
		}
		if name == "start" {
			p.low = low.UnixMilli()
		} else {
			p.high = high.UnixMilli()
		}
	}
	if p.low >= p.high {
		return p, fault.New(fault.Malformed, "start is after end.")
	}
	return p, nil
}

// careDates are the search parameters, in order, that say when the care took place which a
// resource is about.
var careDates = []string{"date", "effective", "effective-time", "occurrence", "onset-date", "performed", "period", "authoredon", "authored", "whenhandedover", "whenprepared", "started", "sent", "created", "recorded-date", "collected"}

// covers reports whether the care that a resource is about falls into the period. What has
// no date of care (the patient, an allergy, a coverage) is always part of the answer.
func (p period) covers(v store.Version) (bool, error) {
	if p.any || v.Type == "Patient" || v.Type == "AllergyIntolerance" {
		return true, nil
	}
	entries, err := entriesOf(v)
	if err != nil {
		return false, err
	}
	for _, code := range careDates {
		dated := false
		for _, e := range entries {
			if e.Param == code && e.Kind == search.KindDate {
				dated = true
				if e.Low < p.high && e.High > p.low {
					return true, nil
				}
			}
		}
		if dated {
			return false, nil
		}
	}
	return true, nil
}

func entriesOf(v store.Version) ([]search.Entry, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	return search.Extract(r)
}
