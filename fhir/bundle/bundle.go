// Package bundle knows the rules of FHIR bundles that are carried out together (batch and
// transaction, R4 http.html#transaction) or merely carry resources (collection, document,
// searchset, history): reading the entries, the order in which a transaction is processed,
// giving ids, and rewriting references between entries.
//
//	b, err := bundle.Read(node)
//	err = b.Assign(newID)            // ids for creates; two entries with one identity are refused
//	for _, c := range b.Conditional() { … c.Resolve("Practitioner/7") }
//	b.Rewrite()                      // urn:uuid:… becomes Patient/…
//	for _, e := range b.Ordered() { … }
//
// Everything here is a pure function of the document. Who may do what, and doing it, is
// record's; HTTP is door/fhirapi's.
package bundle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Bundle is a bundle that was read.
type Bundle struct {
	Kind    string // Bundle.type
	Entries []*Entry
}

// Entry is one entry of a bundle. A bundle that only carries resources has entries without
// Method.
type Entry struct {
	Index    int
	FullURL  string
	Resource *fhir.Node
	Method   string // GET, HEAD, POST, PUT, PATCH, DELETE or ""
	URL      string // as given
	// Type, ID and Query are the parts of URL: "Patient/7" or "Patient?identifier=…". For
	// entries without Method they are those of the resource.
	Type, ID, Query                   string
	IfMatch, IfNoneExist, IfNoneMatch string
}

// Path returns the FHIRPath of the entry, for findings.
func (e *Entry) Path() string { return fmt.Sprintf("Bundle.entry[%d]", e.Index) }

// Reference returns "Type/id" of what the entry is about, or "" while it has no id.
func (e *Entry) Reference() string {
	if e.Type == "" || e.ID == "" {
		return ""
	}
	return e.Type + "/" + e.ID
}

// MaxEntries is the largest number of entries in one bundle.
const MaxEntries = 100_000

// Read reads a bundle. All faulty entries are named in one fault.
func Read(n *fhir.Node) (*Bundle, error) {
	if n.ResourceType() != "Bundle" {
		return nil, fault.New(fault.Malformed, "A Bundle was expected, not %q.", n.ResourceType()).At("resourceType")
	}
	b := &Bundle{Kind: n.Get("type").Text()}
	list := n.Get("entry")
	switch {
	case b.Kind == "":
		return nil, fault.New(fault.Malformed, "The Bundle has no type.").At("Bundle.type")
	case list != nil && list.Kind() != fhir.Array:
		return nil, fault.New(fault.Malformed, "Bundle.entry must be an array.").At("Bundle.entry")
	case list.Len() > MaxEntries:
		return nil, fault.New(fault.TooLarge, "The Bundle has %d entries; the limit is %d.", list.Len(), MaxEntries).At("Bundle.entry")
	}
	var issues []fault.Issue
	for item := range list.Items() {
		e := &Entry{Index: len(b.Entries), FullURL: item.Get("fullUrl").Text(), Resource: item.Get("resource")}
		if err := b.read(e, item); err != nil {
			issues = append(issues, fault.Issue{Severity: "error", Type: "invalid", Expression: e.Path() + err.Path, Text: err.Message})
		}
		b.Entries = append(b.Entries, e)
	}
	if len(issues) > 0 {
		return nil, fault.New(fault.Malformed, "%d entries of the Bundle cannot be read.", len(issues)).With(issues...)
	}
	return b, nil
}

// Processed reports whether the bundle asks for interactions.
func (b *Bundle) Processed() bool { return b.Kind == "transaction" || b.Kind == "batch" }

func (b *Bundle) read(e *Entry, item *fhir.Node) *fault.Error {
	if e.Resource != nil && (e.Resource.Kind() != fhir.Object || e.Resource.ResourceType() == "") {
		return fault.New(fault.Malformed, "The entry's resource has no resourceType.").At(".resource")
	}
	req := item.Get("request")
	if !b.Processed() {
		e.Type, e.ID = e.Resource.ResourceType(), e.Resource.ID()
		return nil
	}
	e.Method, e.URL = req.Get("method").Text(), req.Get("url").Text()
	e.IfMatch, e.IfNoneExist, e.IfNoneMatch = req.Get("ifMatch").Text(), req.Get("ifNoneExist").Text(), req.Get("ifNoneMatch").Text()
	path, query, _ := strings.Cut(strings.TrimPrefix(e.URL, "/"), "?")
	e.Query = query
	e.Type, e.ID, _ = strings.Cut(path, "/")
	switch e.Method {
	case "POST", "PUT", "PATCH":
		if e.Resource == nil {
			return fault.New(fault.Malformed, "%s needs a resource.", e.Method).At(".resource")
		}
		operation := b.Kind == "batch" && e.Method == "POST" && strings.HasPrefix(path[strings.LastIndexByte(path, '/')+1:], "$")
		if operation { // its body is the operation's own matter, usually Parameters
			return nil
		}
		if e.Method != "PATCH" && e.Resource.ResourceType() != e.Type {
			return fault.New(fault.Malformed, "The request's url is not for a resource of type %s.", e.Resource.ResourceType()).At(".request.url")
		}
		if e.Method == "PUT" && e.ID == "" && e.Query == "" {
			return fault.New(fault.Malformed, "PUT needs an id or a condition in the request's url.").At(".request.url")
		}
		if e.Method == "PUT" && e.ID != "" && e.Resource.ID() != e.ID {
			return fault.New(fault.Malformed, "The resource's id is not the id in the request's url.").At(".resource.id")
		}
	case "GET", "HEAD":
	case "DELETE":
		if e.ID == "" && e.Query == "" {
			return fault.New(fault.Malformed, "DELETE needs an id or a condition in the request's url.").At(".request.url")
		}
	case "":
		return fault.New(fault.Malformed, "The entry has no request.").At(".request.method")
	default:
		return fault.New(fault.Malformed, "%q is no method.", e.Method).At(".request.method")
	}
	return e.address()
}

// address checks the parts of the request's url.
func (e *Entry) address() *fault.Error {
	write := e.Method != "GET" && e.Method != "HEAD"
	switch {
	case e.Type == "":
		return fault.New(fault.Malformed, "The request has no url.").At(".request.url")
	case strings.Contains(e.Type, ":"):
		return fault.New(fault.NotSupported, "The request's url must be relative to this server, such as Patient/7.").At(".request.url")
	case e.Method == "POST" && e.ID != "":
		return fault.New(fault.NotSupported, "POST creates; its url is the type alone, such as Patient. To give the id, use PUT.").At(".request.url")
	case write && strings.Contains(e.ID, "/"):
		return fault.New(fault.Malformed, "The request's url has more parts than type and id.").At(".request.url")
	}
	return nil
}

// Ordered returns the entries in the order in which a transaction processes them: DELETE,
// POST, PUT and PATCH, GET and HEAD.
func (b *Bundle) Ordered() []*Entry {
	rank := map[string]int{"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
	out := slices.Clone(b.Entries)
	slices.SortStableFunc(out, func(a, b *Entry) int { return rank[a.Method] - rank[b.Method] })
	return out
}

// Assign gives every create an id (the resource's own id is replaced, as the server gives
// ids to creates) and refuses bundles in which two entries write one resource, write under
// one condition, or have one fullUrl; and creates whose fullUrls are of different servers
// but end alike, since "Patient/7" could then mean either.
func (b *Bundle) Assign(newID func() string) error {
	written, full := map[string]int{}, map[string]int{}
	conditions, creates := map[string]int{}, map[string]int{}
	for _, e := range b.Entries {
		if e.Method == "POST" && e.ID == "" {
			e.ID = newID()
			e.Resource.SetID(e.ID)
		}
		if cond := e.condition(); cond != "" {
			if other, dup := conditions[cond]; dup {
				return twice(e, other, "the same condition")
			}
			conditions[cond] = e.Index
		}
		if _, rel, ok := restful(e.FullURL); ok && e.Method == "POST" {
			if other, dup := creates[rel]; dup && b.Entries[other].FullURL != e.FullURL {
				return twice(e, other, "fullUrls of different servers that end alike")
			}
			creates[rel] = e.Index
		}
		if e.FullURL != "" && e.Method != "GET" && e.Method != "HEAD" {
			if other, dup := full[e.FullURL]; dup {
				return twice(e, other, "the same fullUrl")
			}
			full[e.FullURL] = e.Index
		}
		if ref := e.Reference(); ref != "" && e.Method != "GET" && e.Method != "HEAD" {
			if other, dup := written[ref]; dup {
				return twice(e, other, "the same resource "+ref)
			}
			written[ref] = e.Index
		}
	}
	return nil
}

// condition returns the search under which the entry creates or updates, or "".
func (e *Entry) condition() string {
	switch {
	case e.Method == "POST" && e.IfNoneExist != "":
		return e.Type + "?" + e.IfNoneExist
	case e.Method == "PUT" && e.Query != "":
		return e.Type + "?" + e.Query
	}
	return ""
}

func twice(e *Entry, other int, what string) error {
	return fault.New(fault.Invalid, "Entries %d and %d have %s; a bundle may write it once.", other, e.Index, what).At(e.Path())
}

// Conditional is a reference by search, such as "Practitioner?identifier=x|1".
type Conditional struct {
	Entry       *Entry
	Type, Query string
	node        *fhir.Node
}

// Resolve puts the reference that the condition stands for.
func (c Conditional) Resolve(reference string) { c.node.Set("reference", fhir.Str(reference)) }

// Conditional returns the references by search in all entries.
func (b *Bundle) Conditional() []Conditional {
	var out []Conditional
	for _, e := range b.Entries {
		walk(e.Resource, func(n *fhir.Node) {
			ref := n.Get("reference")
			if ref.Kind() != fhir.String {
				return
			}
			if t, q, ok := strings.Cut(ref.Text(), "?"); ok && t != "" && !strings.ContainsAny(t, ":/#") {
				out = append(out, Conditional{e, t, q, n})
			}
		})
	}
	return out
}

func walk(n *fhir.Node, visit func(*fhir.Node)) {
	switch n.Kind() {
	case fhir.Object:
		visit(n)
		for _, v := range n.Members() {
			walk(v, visit)
		}
	case fhir.Array:
		for v := range n.Items() {
			walk(v, visit)
		}
	}
}
