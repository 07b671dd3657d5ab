package bundle

import (
	"net/url"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
)

// Rewrite makes references between entries into references to the resources that the
// entries become (R4 bundle.html#references): in Reference.reference, in elements of a URI
// type that equal a fullUrl, and in the links of narratives. A relative reference is
// resolved against the server in its own entry's fullUrl. A canonical url that a resource
// has of its own (ValueSet.url) stays, and so do the systems of codes and identifiers.
func (b *Bundle) Rewrite() {
	w := rewriter{byURL: map[string]string{}, created: map[string]string{}, canonical: map[string]bool{}}
	for _, e := range b.Entries {
		ref := e.Reference()
		if ref == "" || e.FullURL == "" {
			continue
		}
		w.byURL[e.FullURL] = ref
		if e.Resource.Get("url").Text() == e.FullURL {
			w.canonical[e.FullURL] = true
		}
		if _, rel, ok := restful(e.FullURL); ok && e.Method == "POST" {
			w.created[rel] = ref
		}
	}
	if len(w.byURL) == 0 {
		return
	}
	for _, e := range b.Entries {
		w.base, _, _ = restful(e.FullURL)
		w.object(e.Resource, definition.ShapeOf(e.Resource.ResourceType()))
	}
}

// Names returns what the "urn:" full urls of entries stand for: by these, text that is not
// in the tree of the bundle (a patch in a Binary) can refer to other entries.
func (b *Bundle) Names() map[string]string {
	names := map[string]string{}
	for _, e := range b.Entries {
		if ref := e.Reference(); ref != "" && strings.HasPrefix(e.FullURL, "urn:") {
			names[e.FullURL] = ref
		}
	}
	return names
}

type rewriter struct {
	byURL     map[string]string // fullUrl -> Type/id
	created   map[string]string // end of a created entry's fullUrl -> Type/id
	canonical map[string]bool   // fullUrls that are the canonical url of their resource
	base      string            // the server in the fullUrl of the entry at work
}

// restful splits "http://example.org/fhir/Patient/7" into the server's base and
// "Patient/7".
func restful(full string) (base, rel string, ok bool) {
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	full = strings.TrimSuffix(full, "/")
	id := strings.LastIndexByte(full, '/')
	if id <= 0 {
		return "", "", false
	}
	typ := strings.LastIndexByte(full[:id], '/')
	if typ <= 0 || !definition.IsResource(full[typ+1:id]) {
		return "", "", false
	}
	return full[:typ], full[typ+1:], true
}

func (w *rewriter) object(n *fhir.Node, shape *definition.Shape) {
	if shape == nil || n.Kind() != fhir.Object {
		return
	}
	for name, v := range n.Members() {
		e, code, ok := shape.Child(strings.TrimPrefix(name, "_"))
		switch {
		case !ok:
		case name[0] == '_':
			w.each(v, definition.ShapeOf("Element"))
		case code == "Resource":
			for r := range v.Items() {
				w.object(r, definition.ShapeOf(r.ResourceType()))
			}
		case code == "" || code[0] >= 'A' && code[0] <= 'Z':
			w.each(v, definition.ShapeOf(definition.Below(e, code)))
		default:
			w.text(n, name, v, e, code)
		}
	}
}

func (w *rewriter) each(v *fhir.Node, shape *definition.Shape) {
	for item := range v.Items() {
		w.object(item, shape)
	}
}

// text rewrites a primitive member, single or repeated.
func (w *rewriter) text(n *fhir.Node, name string, v *fhir.Node, e *definition.Element, code string) {
	change := w.change(e, code)
	if change == nil {
		return
	}
	if v.Kind() == fhir.String {
		if to := change(v.Text()); to != v.Text() {
			n.Set(name, fhir.Str(to))
		}
		return
	}
	list := fhir.Arr()
	for item := range v.Items() {
		if item.Kind() == fhir.String {
			item = fhir.Str(change(item.Text()))
		}
		list.Append(item)
	}
	if v.Kind() == fhir.Array {
		n.Set(name, list)
	}
}

// change returns how texts of an element change, nil when they never do.
func (w *rewriter) change(e *definition.Element, code string) func(string) string {
	switch {
	case e.Path == "Reference.reference":
		return w.reference
	case e.Name == "system" || e.Path == "Extension.url":
		return nil
	case code == "uri" || code == "url" || code == "canonical" || code == "oid" || code == "uuid":
		return w.address
	case code == "xhtml":
		return w.links
	}
	return nil
}

func (w *rewriter) address(s string) string {
	if to, ok := w.byURL[s]; ok && !w.canonical[s] {
		return to
	}
	return s
}

// reference rewrites a literal reference. A version that it names is one of the other
// server, so it is left out with the rest of the old address.
func (w *rewriter) reference(s string) string {
	if strings.HasPrefix(s, "#") {
		return s
	}
	plain, _, _ := strings.Cut(s, "/_history/")
	if to, ok := w.byURL[plain]; ok {
		return to
	}
	if strings.Contains(plain, ":") {
		return s
	}
	if w.base != "" {
		if to, ok := w.byURL[w.base+"/"+plain]; ok {
			return keepVersion(s, plain, to)
		}
		return s
	}
	if to, ok := w.created[plain]; ok {
		return to
	}
	return s
}

// keepVersion leaves a reference as it is when its resource keeps its address.
func keepVersion(s, plain, to string) string {
	if plain == to {
		return s
	}
	return to
}

// links rewrites href and src in a narrative, in one pass.
func (w *rewriter) links(div string) string {
	var out strings.Builder
	rest := div
	for {
		at, size := nextLink(rest)
		if at < 0 {
			break
		}
		at += size
		end := strings.IndexByte(rest[at:], rest[at-1])
		if end < 0 {
			break
		}
		out.WriteString(rest[:at])
		out.WriteString(w.reference(rest[at : at+end]))
		rest = rest[at+end:]
	}
	if out.Len() == 0 {
		return div
	}
	return out.String() + rest
}

// nextLink finds the next href or src with its quote.
func nextLink(s string) (at, size int) {
	for i := 0; i < len(s); i++ {
		if s[i] != 'h' && s[i] != 's' {
			continue
		}
		for _, mark := range [...]string{`href="`, `href='`, `src="`, `src='`} {
			if strings.HasPrefix(s[i:], mark) {
				return i, len(mark)
			}
		}
	}
	return -1, 0
}
