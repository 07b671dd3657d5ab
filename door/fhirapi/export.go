package fhirapi

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
)

// Bulk export (HL7 Bulk Data Access 2.0: $export of the system, of all patients, of a
// group) keeps nothing on the server. The kick-off fixes a moment; the status address and
// the addresses of the files carry it with the parameters. A file is read from the record
// as it was at that moment when it is fetched, under the rights that its reader then has:
// a broken download can be repeated and gives the same lines, a restart of the server
// loses nothing, and whoever has lost the right to read gets nothing more.

// exportLife is how long the addresses of an export can be used.
const exportLife = 24 * time.Hour

// maxTypeFilters is the largest number of _typeFilter in one export.
const maxTypeFilters = 20

// instant is how moments stand in the addresses of an export.
const instant = "2006-01-02T15:04:05.000Z07:00"

// export is what a client asked for.
type export struct {
	level   string // system, patient or group
	group   string // id, at level group
	at      time.Time
	types   []string // none: all
	since   time.Time
	filters map[string][]search.Query // type -> any of these
	raw     []string                  // _typeFilter as given
}

func (s *server) exportSystem(c *call) error   { return s.exportStart(c, "system") }
func (s *server) exportPatients(c *call) error { return s.exportStart(c, "patient") }
func (s *server) exportGroup(c *call) error    { return s.exportStart(c, "group") }

// exportStart answers a kick-off with 202 and the address of the status.
func (s *server) exportStart(c *call, level string) error {
	if err := mayExport(c); err != nil {
		return err
	}
	if !strings.Contains(strings.Join(c.Header.Values("Prefer"), ","), "respond-async") {
		return fault.New(fault.Malformed, "$export answers later only: send the header Prefer: respond-async.")
	}
	query, err := exportParameters(c)
	if err != nil {
		return err
	}
	for name := range query {
		if !slices.Contains([]string{"_type", "_since", "_typeFilter", "_outputFormat", "_format"}, name) {
			return fault.New(fault.NotSupported, "$export has no parameter %q here; it knows _type, _since, _typeFilter and _outputFormat.", clip(name))
		}
	}
	switch f := query.Get("_outputFormat"); f {
	case "", "application/fhir+ndjson", "application/fhir ndjson", "application/ndjson", "ndjson":
	default:
		return fault.New(fault.NotSupported, "The output format %q is not supported; ask for application/fhir+ndjson.", clip(f))
	}
	query.Set("level", level)
	if level == "group" {
		query.Set("group", c.PathValue("id"))
	}
	// What is written in this very millisecond may come or not: the moment lies before it.
	query.Set("at", s.Clock.Now().Add(-time.Millisecond).UTC().Format(instant))
	x, err := readExport(c, query)
	if err != nil {
		return err
	}
	if _, err := x.members(c.Context(), c.actor); err != nil {
		return err
	}
	c.w.Header().Set("Content-Location", c.base+"/$export-status?"+x.query().Encode())
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// exportParameters reads the parameters of a kick-off: of the URL, or of a Parameters
// resource.
func exportParameters(c *call) (url.Values, error) {
	query := c.URL.Query()
	if c.Method != http.MethodPost || c.ContentLength == 0 {
		return query, nil
	}
	r, err := c.body()
	if err != nil {
		return nil, err
	}
	if r.ResourceType() != "Parameters" {
		return nil, fault.New(fault.Malformed, "The body of $export is a Parameters resource.").At("resourceType")
	}
	for p := range r.Get("parameter").Items() {
		for name, v := range p.Members() {
			if strings.HasPrefix(name, "value") {
				query.Add(p.Get("name").Text(), v.Text())
			}
		}
	}
	return query, nil
}

// mayExport asks for a token with a system scope: an app of one person has $everything.
func mayExport(c *call) error {
	for _, scope := range c.actor.Principal().Scopes {
		if strings.HasPrefix(scope, "system/") {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "Bulk export needs a token with a system scope, such as system/*.rs.")
}

// readExport reads the parameters of an export, from a kick-off or from its addresses.
func readExport(c *call, query url.Values) (export, error) {
	x := export{level: query.Get("level"), group: query.Get("group"), raw: query["_typeFilter"], filters: map[string][]search.Query{}}
	if x.level != "group" { // or the audit log would name a group of few for an export of all
		x.group = ""
	}
	var err error
	if x.at, err = time.Parse(time.RFC3339Nano, query.Get("at")); err != nil || !slices.Contains([]string{"system", "patient", "group"}, x.level) {
		return x, fault.New(fault.Malformed, "The address of this export cannot be read; start it again.")
	}
	for _, list := range query["_type"] {
		for t := range strings.SplitSeq(list, ",") {
			if !definition.IsResource(t) {
				return x, fault.New(fault.Malformed, "_type names %q, which is not a resource type of FHIR R4.", clip(t))
			}
			if !slices.Contains(x.types, t) {
				x.types = append(x.types, t)
			}
		}
	}
	if x.since, err = instantOf(query, "_since"); err != nil {
		return x, err
	}
	if len(x.raw) > maxTypeFilters {
		return x, fault.New(fault.TooCostly, "An export has at most %d _typeFilter.", maxTypeFilters)
	}
	for _, f := range x.raw {
		t, raw, _ := strings.Cut(f, "?")
		if !definition.IsResource(t) || len(x.types) > 0 && !slices.Contains(x.types, t) {
			return x, fault.New(fault.Malformed, "_typeFilter starts with a resource type that is exported, such as Observation?category=laboratory; %q does not.", clip(t))
		}
		q, err := c.parseQuery(t, raw, search.Strict)
		if err != nil {
			return x, err
		}
		if len(q.Include)+len(q.RevInclude)+len(q.Sort) > 0 || q.Summary != search.SummaryFalse {
			return x, fault.New(fault.NotSupported, "_typeFilter selects resources; it has no _include, _sort or _summary.")
		}
		q.Count, q.Total = search.MaxCount, search.TotalNone
		x.filters[t] = append(x.filters[t], q)
	}
	return x, nil
}

// query is the opposite of readExport.
func (x export) query() url.Values {
	v := url.Values{"level": {x.level}, "at": {x.at.UTC().Format(instant)}}
	if x.group != "" {
		v.Set("group", x.group)
	}
	if len(x.types) > 0 {
		v.Set("_type", strings.Join(x.types, ","))
	}
	if !x.since.IsZero() {
		v.Set("_since", x.since.UTC().Format(time.RFC3339Nano))
	}
	if len(x.raw) > 0 {
		v["_typeFilter"] = x.raw
	}
	return v
}

// past returns the actor at the export's moment; an export that is too old is gone.
func (s *server) past(c *call, x export) (*record.Actor, error) {
	if now := s.Clock.Now(); x.at.After(now) {
		return nil, fault.New(fault.Malformed, "The address of this export cannot be read; start it again.")
	} else if now.Sub(x.at) > exportLife {
		return nil, fault.New(fault.Gone, "This export was started more than %d hours ago; start it again.", int(exportLife.Hours()))
	}
	return c.actor.AsOf(c.Context(), x.at)
}

// members returns the patients of a group, as far as their charts are open; nil at the other levels.
func (x export) members(ctx context.Context, a *record.Actor) (map[string]bool, error) {
	if x.level != "group" {
		return nil, nil
	}
	list, err := a.Members(ctx, x.group)
	members := map[string]bool{}
	for _, id := range list {
		members[id] = true
	}
	return members, err
}

// exportStatus answers with the manifest: everything can be fetched at once.
func (s *server) exportStatus(c *call) error {
	x, past, err := s.readPast(c)
	if err != nil {
		return err
	}
	if _, err := x.members(c.Context(), past); err != nil {
		return err
	}
	types := x.types
	if len(types) == 0 {
		types = definition.ResourceTypes()
	}
	var lost []store.Version
	if err := s.piece(c, func() (err error) { lost, err = s.lacking(c, x, past); return err }); err != nil {
		return err
	}
	lacking := map[string]int{} // by type
	for _, v := range lost {
		lacking[v.Type]++
	}
	compartment := definition.Compartment("Patient")
	output := fhir.Arr()
	for _, t := range types {
		if len(compartment[t]) == 0 && t != "Patient" && x.level != "system" {
			continue
		}
		n, err := past.Count(c.Context(), t, nil)
		if fault.Is(err, fault.Forbidden) && len(x.types) == 0 {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		file := x.query()
		file.Set("type", t)
		if lacking[t] > 0 {
			file.Set("lacking", strconv.Itoa(lacking[t]))
		}
		output.Append(fhir.Obj("type", t, "url", c.base+"/$export-file?"+file.Encode()))
	}
	h := c.w.Header()
	h.Set("Expires", x.at.Add(exportLife).UTC().Format(http.TimeFormat))
	request := map[string]string{"system": "/$export", "patient": "/Patient/$export", "group": "/Group/" + x.group + "/$export"}[x.level]
	manifest := fhir.Obj("transactionTime", x.at.UTC().Format(instant), "request", c.base+request, "requiresAccessToken", true)
	manifest.Set("output", output)
	failed := fhir.Arr()
	if len(lost) > 0 {
		file := x.query()
		file.Set("type", outcomeType)
		failed.Append(fhir.Obj("type", outcomeType, "url", c.base+"/$export-file?"+file.Encode()))
	}
	manifest.Set("error", failed)
	h.Set("Content-Type", "application/json")
	b := manifest.JSON()
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(b) // a client that went away is no error of ours
	return nil
}

// exportCancel answers the deletion of an export: there is nothing to stop or to remove.
func (s *server) exportCancel(c *call) error {
	if err := mayExport(c); err != nil {
		return err
	}
	if _, err := readExport(c, c.URL.Query()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *server) readPast(c *call) (export, *record.Actor, error) {
	if err := mayExport(c); err != nil {
		return export{}, nil, err
	}
	x, err := readExport(c, c.URL.Query())
	if err != nil {
		return x, nil, err
	}
	past, err := s.past(c, x)
	return x, past, err
}

// exportFile streams the resources of one type as NDJSON.
func (s *server) exportFile(c *call) error {
	x, past, err := s.readPast(c)
	if err != nil {
		return err
	}
	t := c.URL.Query().Get("type")
	if !definition.IsResource(t) || t != outcomeType && len(x.types) > 0 && !slices.Contains(x.types, t) {
		return fault.New(fault.Malformed, "The address of this export cannot be read; start it again.")
	}
	if t == outcomeType {
		return s.exportErrors(c, x, past)
	}
	var members, chosen map[string]bool
	err = s.piece(c, func() (err error) {
		if members, err = x.members(c.Context(), past); err == nil {
			chosen, err = x.chosen(c.Context(), past, t)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := past.Count(c.Context(), t, nil); err != nil { // may the caller read the type at all?
		return err
	}
	c.w.Header().Set("Content-Type", "application/fhir+ndjson")
	told, _ := strconv.Atoi(c.URL.Query().Get("lacking"))
	next, stop := iter.Pull2(past.AllFor(c.Context(), x.group, t))
	defer stop()
	out := exportLines{export: x, next: next, members: members, chosen: chosen, told: told, buffer: make([]byte, 0, exportPiece+1)}
	defer out.close()
	for more := true; more; {
		var lines []byte
		err := s.piece(c, func() (err error) {
			lines, more, err = out.piece(c.Context())
			return err
		})
		if err != nil {
			// The status has been sent: only a broken connection tells that lines are missing.
			if c.Context().Err() == nil { // no fault of ours: the client went away, or its account has ended
				level := slog.LevelError
				if fault.Is(err, fault.Unavailable) { // lost data, which the next manifest tells
					level = slog.LevelWarn
				}
				s.Log.Log(c.Context(), level, "bulk export broke off", "type", t, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
		if _, err := c.w.Write(lines); err != nil {
			return nil // the client went away
		}
	}
	return nil
}

// exportPiece is how many bytes of an export are read before they are sent.
const exportPiece = 256 << 10

// exportLines are the lines of a file of an export. More resources that lack data than the manifest
// has told of end it: the next manifest knows of them.
type exportLines struct {
	export
	next            func() (record.Streamed, error, bool)
	members, chosen map[string]bool
	told            int
	buffer          []byte
	line            io.ReadCloser // what was not read yet; nil between two
}

func (l *exportLines) close() {
	if l.line != nil {
		_ = l.line.Close() // it was only read
	}
	l.line = nil
}

// piece reads the next piece of an export, without waiting for the client: lines, or a part of one that has large
// data. It holds until the next is read. more says whether there may be others.
func (l *exportLines) piece(ctx context.Context) (piece []byte, more bool, err error) {
	for piece = l.buffer[:0]; len(piece) < exportPiece; {
		if l.line == nil {
			v, err, ok := l.next()
			if err != nil || !ok {
				return piece, false, err
			}
			if !l.has(v.Version, l.members) || l.chosen != nil && !l.chosen[v.ID] {
				continue
			}
			if record.Lacks(v.Body) {
				l.told--
			}
			if l.told < 0 {
				return piece, false, record.LostData(v.Type+"/"+v.ID, record.LostFiles(v.Body)...)
			}
			l.line = v.Open(ctx)
		}
		n, err := l.line.Read(piece[len(piece):exportPiece])
		piece = piece[:len(piece)+n]
		if err == io.EOF {
			l.close()
			piece = append(piece, '\n')
		} else if err != nil {
			return piece, false, err
		}
	}
	return piece, true, nil
}

// outcomeType is the type of the file in which an export tells what it lacks.
const outcomeType = "OperationOutcome"

// lacking returns what the export gives out without its data, because the file of a content is lost: found by
// the files alone, so that a manifest reads no content.
func (s *server) lacking(c *call, x export, past *record.Actor) (list []store.Version, err error) {
	refs, err := s.Gate.LostReferences(c.Context())
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool {
		t, _, _ := strings.Cut(ref, "/")
		return len(x.types) > 0 && !slices.Contains(x.types, t)
	})
	found, err := past.ReadSome(c.Context(), refs)
	if err != nil {
		return nil, err
	}
	members, err := x.members(c.Context(), past)
	if err != nil {
		return nil, err
	}
	chosen := map[string]map[string]bool{}
	for _, v := range found {
		ids, known := chosen[v.Type]
		if !known {
			if ids, err = x.chosen(c.Context(), past, v.Type); err != nil {
				return nil, err
			}
			chosen[v.Type] = ids
		}
		if record.Lacks(v.Body) && x.has(v, members) && (ids == nil || ids[v.ID]) {
			list = append(list, v)
		}
	}
	return list, nil
}

// exportErrors answers with what an export lacks, one OperationOutcome a line.
func (s *server) exportErrors(c *call, x export, past *record.Actor) error {
	var lines []byte
	err := s.piece(c, func() error {
		list, err := s.lacking(c, x, past)
		for _, v := range list {
			ref := v.Type + "/" + v.ID
			o := outcome(fault.Issue{Severity: "error", Type: "incomplete", Expression: ref, Text: record.LostData(ref, record.LostFiles(v.Body)...).Error()})
			lines = append(o.AppendJSON(lines), '\n')
		}
		return err
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/fhir+ndjson")
	_, _ = c.w.Write(lines) // a client that went away is no error of ours
	return nil
}

// has reports whether a version belongs to the export by level and time.
func (x export) has(v store.Version, members map[string]bool) bool {
	switch {
	case x.level == "patient" && v.Patient == "", x.level == "group" && !members[v.Patient]:
		return false
	}
	return x.since.IsZero() || v.Updated.After(x.since)
}

// chosen returns the ids that the filters of a type let through; nil without filters.
func (x export) chosen(ctx context.Context, past *record.Actor, t string) (map[string]bool, error) {
	if len(x.filters[t]) == 0 {
		return nil, nil
	}
	ids := map[string]bool{}
	for _, q := range x.filters[t] {
		page := store.Page{}
		for first := true; first || page.Next != nil; first = false {
			var err error
			if page, err = past.Search(ctx, q, page.At, page.Next); err != nil {
				return nil, fmt.Errorf("fhirapi: filter of an export: %w", err)
			}
			for _, v := range page.Matches {
				ids[v.ID] = true
			}
		}
	}
	return ids, nil
}
