package validate

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// index finds the resources of a bundle as references name them (R4
// bundle.html#references).
type index struct {
	byURL map[string][]*fhir.Node // fullUrl -> entries
	byRef map[string][]*fhir.Node // Type/id -> entries
}

func indexOf(b *fhir.Node) *index {
	x := &index{byURL: map[string][]*fhir.Node{}, byRef: map[string][]*fhir.Node{}}
	for e := range b.Get("entry").Items() {
		r := e.Get("resource")
		if r == nil {
			continue
		}
		if url := e.Get("fullUrl").Text(); url != "" {
			x.byURL[url] = append(x.byURL[url], e)
		}
		if ref := r.Reference(); ref != "" {
			x.byRef[ref] = append(x.byRef[ref], e)
		}
	}
	return x
}

// base returns the address of the server that a RESTful fullUrl names, "" when it names none.
func base(fullURL string) string {
	t := TypeOf(fullURL)
	if t == "" || !strings.Contains(fullURL, "://") {
		return ""
	}
	return fullURL[:strings.LastIndex(fullURL, t+"/")]
}

// entries returns the entries that a reference from an entry names, by the rules of R4: an
// absolute one by fullUrl, a relative one below the base of its own entry's fullUrl. A
// version must be that of the resource.
func (x *index) entries(ref string, from *fhir.Node) []*fhir.Node {
	ref, _, _ = strings.Cut(ref, "#")
	bare, version, versioned := strings.Cut(ref, "/_history/")
	list := x.byURL[bare]
	if !strings.Contains(bare, ":") {
		if b := base(from.Get("fullUrl").Text()); b != "" {
			list = x.byURL[b+bare]
		} else { // an entry that is on no server: its neighbours are meant by type and id
			list = x.byRef[bare]
		}
	}
	var out []*fhir.Node
	for _, e := range list {
		if !versioned || e.Path("resource.meta.versionId").Text() == version {
			out = append(out, e)
		}
	}
	return out
}

// find returns the resources that a reference may mean, also where the bundle's addresses
// do not say so exactly.
func (x *index) find(ref string, from *fhir.Node) (out []*fhir.Node) {
	list := x.entries(ref, from)
	if len(list) == 0 {
		bare, _, _ := strings.Cut(ref, "/_history/")
		list = x.byRef[bare]
	}
	for _, e := range list {
		out = append(out, e.Get("resource"))
	}
	return out
}

// bundled checks the rules of a Bundle that no invariant says: links once each, addresses
// that agree with ids, documents whose references resolve.
func (c *checker) inBundle(b *fhir.Node) {
	c.links(b)
	kind := b.Get("type").Text()
	i := 0
	for e := range b.Get("entry").Items() {
		c.push("entry", i)
		c.fullURL(e, kind)
		c.searched(e, kind)
		c.pop()
		i++
	}
	if kind == "document" || kind == "message" {
		c.document(b)
	}
}

func (c *checker) links(b *fhir.Node) {
	seen := map[string]bool{}
	i := 0
	for l := range b.Get("link").Items() {
		switch relation := l.Get("relation").Text(); relation {
		case "self", "first", "last", "next", "previous", "prev":
			if seen[relation] {
				c.push("link", i)
				c.fail("structure", "A bundle has one link of the relation "+relation+" only.")
				c.pop()
			}
			seen[relation] = true
		}
		i++
	}
}

// fullURL compares an entry's fullUrl with the id of its resource.
func (c *checker) fullURL(e *fhir.Node, kind string) {
	url, r := e.Get("fullUrl").Text(), e.Get("resource")
	if url == "" || r == nil || kind == "batch-response" || kind == "transaction-response" || e.Get("request") != nil {
		return
	}
	if !strings.Contains(url, ":") {
		c.failAt("fullUrl", "value", "A fullUrl is absolute.")
		return
	}
	t := TypeOf(url)
	if t == "" || !strings.Contains(url, "://") {
		return
	}
	id := url[strings.LastIndexByte(url, '/')+1:]
	switch {
	case r.ID() == "":
		c.fail("structure", "The fullUrl is that of a resource on a server, but the resource has no id.")
	case r.ID() != id || r.ResourceType() != t:
		c.fail("structure", "The fullUrl does not end with the type and the id of the resource.")
	}
}

// searched checks an entry of a searchset.
func (c *checker) searched(e *fhir.Node, kind string) {
	r := e.Get("resource")
	if kind == "searchset" && r != nil && r.ID() == "" && r.ResourceType() != "OperationDefinition" && r.ResourceType() != "OperationOutcome" {
		c.under(func() { c.fail("required", "A resource that was found has an id.") }, "resource")
	}
}

// document checks that the references of a document's Composition and a message's header
// resolve inside of the bundle, each to one entry.
func (c *checker) document(b *fhir.Node) {
	first := b.Path("entry.0")
	r := first.Get("resource")
	if t := r.ResourceType(); t != "Composition" && t != "MessageHeader" {
		return
	}
	x := indexOf(b)
	c.push("entry", 0)
	c.push("resource", -1)
	c.references(r, x, first, r.ResourceType() == "Composition")
	c.pop()
	c.pop()
}

// references walks over a resource and looks up each literal reference.
func (c *checker) references(n *fhir.Node, x *index, from *fhir.Node, must bool) {
	for name, v := range n.Members() {
		if name == "contained" || name == "text" || name == "meta" {
			continue
		}
		i := 0
		for item := range v.Items() {
			at := -1
			if v.Kind() == fhir.Array {
				at = i
			}
			c.push(name, at)
			if name == "reference" && item.Kind() == fhir.String {
				c.found(item.Text(), x, from, must)
			} else if item.Kind() == fhir.Object {
				c.references(item, x, from, must)
			}
			c.pop()
			i++
		}
	}
}

func (c *checker) found(ref string, x *index, from *fhir.Node, must bool) {
	if strings.HasPrefix(ref, "#") || ref == "" {
		return
	}
	bare, _, _ := strings.Cut(ref, "/_history/")
	switch list := x.entries(ref, from); {
	case len(list) > 1:
		c.fail("structure", "The reference names more than one entry of the bundle.")
	case len(list) == 1:
	case len(x.byRef[bare]) > 0 && !strings.Contains(bare, ":"):
		c.fail("not-found", "The reference does not resolve inside of the bundle: an entry has this type and id, but its fullUrl is another.")
	case must && (strings.HasPrefix(ref, "urn:") || !strings.Contains(bare, ":")):
		severity := "warning" // what it points at may be gone, and the document be all that is left
		if c.options.Strict {
			severity = "error"
		}
		c.add(severity, "not-found", "The reference does not resolve inside of the bundle.")
	}
}
