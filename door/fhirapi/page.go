package fhirapi

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/validate"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"asset": ui.AssetURL}).Parse(pageText))

// page is an answer for people: what a browser shows that asks for HTML.
type page struct {
	Title     string
	Trail     []anchor
	Said      []string // of an OperationOutcome
	Acts      []anchor
	Table     bool
	Columns   []string
	Rows      []row
	Pages     []anchor
	Empty     string
	Narrative template.HTML
	Tree      []treeMember
	JSON      string
}

type anchor struct{ Text, Href string }

type row struct {
	Link  anchor
	Cells []string
}

type treeMember struct {
	Name  string
	Value treeValue
}

// treeValue is an element of a resource: members, items or a text, which may be a link.
type treeValue struct {
	Members    []treeMember
	Items      []treeValue
	Text, Href string
}

// maxPageJSON is the largest document of which a page shows the JSON.
const maxPageJSON = 1 << 20

// writePage answers with a page that shows a resource. Nothing on it runs: the policy
// allows style sheets of this site and nothing else.
func (c *call) writePage(status int, body []byte) error {
	r, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	p := c.page(r)
	if status == http.StatusUnauthorized {
		p.Acts = []anchor{{"Sign in", "/sign-in?next=" + url.QueryEscape(c.URL.RequestURI())}}
	}
	if len(body) <= maxPageJSON {
		p.JSON = string(pretty(body))
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return err
	}
	sent, err := c.sending(b.Len())
	if err != nil {
		return err
	}
	defer sent()
	h := c.w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	if err := c.worked(); err != nil {
		return err
	}
	c.w.WriteHeader(status)
	if c.Method != http.MethodHead {
		c.hand(b.Bytes())
	}
	return nil
}

func (c *call) page(r *fhir.Node) page {
	p := page{Title: r.ResourceType(), Trail: c.trail()}
	other := func(format string) string {
		q := c.URL.Query()
		q.Set("_format", format)
		return c.URL.EscapedPath() + "?" + q.Encode()
	}
	formats := []anchor{{"JSON", other("json")}, {"XML", other("xml")}}
	switch t := r.ResourceType(); {
	case t == "OperationOutcome" && r.ID() == "":
		p.Title = "OperationOutcome"
		for i := range r.Get("issue").Items() {
			p.Said = append(p.Said, i.Path("details.text").Text())
		}
	case t == "CapabilityStatement":
		p.capabilities(r)
		p.Acts = append([]anchor{{"OpenAPI", "/fhir/openapi.json"}}, formats...)
		return p
	case t == "Bundle" && r.ID() == "":
		c.list(&p, r)
		p.Acts = formats
		return p
	case r.ID() != "":
		at := "/fhir/" + r.Reference()
		p.Title = strings.TrimSpace(t + " " + label(r))
		p.Acts = []anchor{{"Current version", at}, {"History", at + "/_history"}}
		if t == "Patient" || t == "Encounter" {
			p.Acts = append(p.Acts, anchor{"Everything", at + "/$everything?_count=50"})
		}
		if t == "Composition" {
			p.Acts = append(p.Acts, anchor{"Document", at + "/$document"})
		}
	}
	p.Acts = append(p.Acts, formats...)
	p.Narrative = narrative(r)
	p.Tree = c.members(r)
	return p
}

// trail leads from the page back to the start of the door.
func (c *call) trail() []anchor {
	out := []anchor{{"FHIR", "/fhir/metadata"}}
	at := "/fhir"
	for part := range strings.SplitSeq(strings.Trim(strings.TrimPrefix(c.URL.EscapedPath(), "/fhir"), "/"), "/") {
		if part == "" || len(out) > 6 || part == "metadata" {
			break
		}
		at += "/" + part
		text, err := url.PathUnescape(part)
		if err != nil {
			text = part
		}
		out = append(out, anchor{clip(text), at})
	}
	return out
}

// narrative is the text of a resource, when it holds nothing but what FHIR allows in one.
func narrative(r *fhir.Node) template.HTML {
	div := r.Path("text.div").Text()
	if div == "" {
		return ""
	}
	for _, i := range validate.Resource(r) {
		if i.Severity != "information" && strings.Contains(i.Expression, ".text") {
			return ""
		}
	}
	return template.HTML(asHTML(div))
}

// empty finds the elements of XHTML that are closed where they are opened.
var empty = regexp.MustCompile(`<([A-Za-z0-9]+)((?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*/>`)

// asHTML gives elements of a narrative that are closed where they are opened an end tag. To a
// browser, <a href="x"/> is a link that goes on to the end of the page.
func asHTML(div string) string {
	return empty.ReplaceAllStringFunc(div, func(tag string) string {
		m := empty.FindStringSubmatch(tag)
		if slices.Contains([]string{"br", "col", "hr", "img"}, m[1]) {
			return tag
		}
		return "<" + m[1] + m[2] + "></" + m[1] + ">"
	})
}

// label names a resource for people: its name, title, code or type.
func label(r *fhir.Node) string {
	for _, path := range []string{"name", "title", "code", "medicationCodeableConcept", "vaccineCode", "type", "category", "description", "content.0.attachment.title", "status"} {
		if text := words(r.Path(path).At(0)); text != "" {
			return clip(text)
		}
	}
	return ""
}

// words says a HumanName, a CodeableConcept, a Coding or a text in words.
func words(n *fhir.Node) string {
	if n.Kind() != fhir.Object {
		return n.Text()
	}
	if text := n.Get("text").Text(); text != "" {
		return text
	}
	var parts []string
	for _, name := range []string{"prefix", "given", "family"} {
		for v := range n.Get(name).Items() {
			parts = append(parts, v.Text())
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, " ")
	}
	if coding := n.Path("coding.0"); coding != nil {
		n = coding
	}
	if d := n.Get("display").Text(); d != "" {
		return d
	}
	return n.Get("code").Text()
}

// list shows a Bundle: what was found, or versions.
func (c *call) list(p *page, r *fhir.Node) {
	kind := r.Get("type").Text()
	p.Title = map[string]string{"searchset": "Search", "history": "History"}[kind]
	if p.Title == "" {
		p.Title = "Bundle: " + kind
	}
	if total := r.Get("total"); total != nil {
		p.Title += ", " + total.Text() + " found"
	}
	p.Columns = []string{"Resource", "What", "Version", "Changed", "Mode"}
	for e := range r.Get("entry").Items() {
		res := e.Get("resource")
		mode := e.Path("search.mode").Text()
		if method := e.Path("request.method").Text(); method != "" {
			mode = method
		}
		line := row{Cells: []string{label(res), res.Path("meta.versionId").Text(), res.Path("meta.lastUpdated").Text(), mode}}
		switch {
		case mode == "outcome":
			line.Cells[0] = res.Path("issue.0.details.text").Text()
		case res.Reference() != "":
			line.Link = anchor{res.Reference(), "/fhir/" + res.Reference()}
			if kind == "history" {
				line.Link.Href += "/_history/" + line.Cells[1]
			}
		case mode == "DELETE":
			line.Link = anchor{e.Path("request.url").Text(), "/fhir/" + e.Path("request.url").Text() + "/_history"}
			line.Cells[2] = e.Path("response.lastModified").Text()
		}
		p.Rows = append(p.Rows, line)
	}
	if len(p.Rows) == 0 {
		p.Empty = "Nothing was found. A search is part of the address, for example /fhir/Patient?name=smith; what can be searched for stands in the overview (FHIR, above)."
		return
	}
	p.Table = true
	for l := range r.Get("link").Items() {
		if rel := l.Get("relation").Text(); rel == "next" || rel == "first" {
			p.Pages = append(p.Pages, anchor{map[string]string{"next": "Next page", "first": "First page"}[rel], c.local(l.Get("url").Text())})
		}
	}
}

// local makes an address of this server one without its name.
func (c *call) local(address string) string {
	if rest, ok := strings.CutPrefix(address, c.base); ok {
		return "/fhir" + rest
	}
	return address
}

// capabilities shows what the server can do: a line for each type.
func (p *page) capabilities(r *fhir.Node) {
	p.Title = "FHIR R4 server"
	p.Columns = []string{"Type", "Search parameters", "Operations"}
	p.Table = true
	for t := range r.Path("rest.0.resource").Items() {
		name := t.Get("type").Text()
		var params, operations []string
		for s := range t.Get("searchParam").Items() {
			params = append(params, s.Get("name").Text())
		}
		for o := range t.Get("operation").Items() {
			operations = append(operations, "$"+o.Get("name").Text())
		}
		p.Rows = append(p.Rows, row{anchor{name, "/fhir/" + name}, []string{strings.Join(params, ", "), strings.Join(operations, ", ")}})
	}
}

func (c *call) members(n *fhir.Node) []treeMember {
	var out []treeMember
	for name, v := range n.Members() {
		if name == "div" || name == "resourceType" {
			continue
		}
		out = append(out, treeMember{name, c.tree(name, v)})
	}
	return out
}

// tree turns an element into what the page shows. A reference, and a web address, is a link.
func (c *call) tree(name string, n *fhir.Node) treeValue {
	switch n.Kind() {
	case fhir.Object:
		return treeValue{Members: c.members(n)}
	case fhir.Array:
		if n.Len() == 1 {
			return c.tree(name, n.At(0))
		}
		var items []treeValue
		for v := range n.Items() {
			items = append(items, c.tree(name, v))
		}
		return treeValue{Items: items}
	}
	v := treeValue{Text: n.Text()}
	if len(v.Text) > 2000 {
		v.Text = clip(v.Text) + " (" + strconv.Itoa(len(v.Text)) + " characters)"
	}
	if t, id, ok := strings.Cut(n.Text(), "/"); name == "reference" && ok && definition.IsResource(t) && !strings.ContainsAny(id, "?#:") {
		v.Href = "/fhir/" + n.Text()
	}
	return v
}

// visitor is who a browser's request comes from: the person who is signed in there. Only
// what a person looks at may be asked for in this way, and only by the site itself or an address that was
// typed: what another site's page does never counts as the person's.
func (s *server) visitor(c *call) error {
	clicked := c.Header.Get("Sec-Fetch-Mode") == "navigate" && c.Header.Get("Sec-Fetch-Site") == "same-origin" // JSON, from a page
	if s.Visitor == nil || !c.html && !clicked || c.Method != http.MethodGet && c.Method != http.MethodHead {
		return errNoToken
	}
	if site := c.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return errNoToken
	}
	p, err := s.Visitor(c.Request)
	if err != nil {
		return err
	}
	if (!c.html || strings.HasSuffix(c.URL.Path, "/$everything")) && (p.Proved.IsZero() || s.Clock.Now().Sub(p.Proved) > takenWithin) {
		return errTaken
	}
	c.actor = s.Gate.As(p, "fhir")
	return nil
}

// takenWithin is how long after they have proved who they are a person takes data away as a file, as in
// the pages that do so (web.Exporting).
const takenWithin = 10 * time.Minute

var errTaken = fault.New(fault.Unauthorized, "This takes data out of Osler. Confirm that it is you first: sign out and in again, or answer a page that asks for it, such as a download in the portal. Then ask once more.")

var errNoToken = fault.New(fault.Unauthorized, "Send a bearer token in the Authorization header; `osler token` makes one.")
