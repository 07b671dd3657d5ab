package document

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

const noteActivity = "2.16.840.1.113883.10.20.22.4.202"

// note reads a note as a document of its own: the words that it refers to, or the file in it.
func (r *reader) note(e *cda.Element) {
	text := e.Child("text")
	content := fhir.Arr()
	take := func(kind string, data []byte) {
		content.Append(fhir.Obj("attachment", fhir.Obj("contentType", kind, "data", base64.StdEncoding.EncodeToString(data))))
	}
	bad := false
	if text.Attr("representation") == "B64" && text.Content() != "" { // the file before the words that stand for it
		if data, kind, ok := file(text); ok {
			take(kind, data)
		} else {
			bad = true
		}
	}
	said := ""
	if p, ok := r.places[text.Reference()]; ok && r.budget >= 0 && !p.alone.Empty() {
		said = p.alone.Lines()
		r.budget -= 2 * len(said)
	} else if text.Attr("representation") != "B64" {
		said = text.Content()
	}
	if said != "" {
		take("text/plain; charset=utf-8", []byte(said))
	}
	switch {
	case content.Len() == 0 && bad:
		r.unread(e, bodyUnreadable)
		return
	case content.Len() == 0:
		r.unread(e, saysNothing)
		return
	case bad:
		r.doubt(bodyUnreadable)
	}
	n := fhir.New("DocumentReference")
	n.Set("identifier", identifiers(e))
	n.Set("status", fhir.Str("current"))
	kind := r.concept(e.At("code/translation"))
	if kind == nil {
		kind = r.concept(e.Child("code"))
	}
	n.Set("type", kind)
	n.Set("category", fhir.Arr(made("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note", "Clinical Note")))
	at, who := r.authored(e)
	switch attachment := content.Path("0.attachment"); {
	case len(at) > len(time.DateOnly) && !midnight(at): // an instant
		n.Set("date", fhir.Str(at))
	case at != "" && attachment != nil:
		attachment.Set("creation", fhir.Str(at[:min(len(at), len(time.DateOnly))]))
	}
	if who != "" {
		n.Set("author", fhir.Arr(named(who)))
	}
	line := conceptText(kind)
	if line == "" {
		line = r.title()
	}
	n.Set("description", fhir.Str(clip(line)))
	n.Set("content", content)
	holder := fhir.Obj()
	when := r.times(holder, "x", e.Child("effectiveTime"))
	if p := holder.Get("xPeriod"); p != nil {
		n.Set("context", fhir.Obj("period", p))
	} else if d := holder.Get("xDateTime"); d != nil {
		n.Set("context", fhir.Obj("period", fhir.Obj("start", d, "end", d)))
	}
	if when == "" {
		when = day(at)
	}
	for _, s := range []string{when, who} {
		if s != "" {
			line += ", " + s
		}
	}
	r.add(e, n, line).Section = Notes
}

// MaxBody is the largest file that is taken out of a document.
const MaxBody = 15 << 20

// kindsOfFile are the media types that are taken out of documents, by how their files begin; ""
// for those that are text.
var kindsOfFile = map[string]string{"application/pdf": "%PDF-", "image/png": "\x89PNG", "image/jpeg": "\xff\xd8\xff", "image/gif": "GIF8", "image/tiff": "", "text/plain": "", "text/rtf": "{\\rtf", "application/rtf": "{\\rtf",
	"application/msword": "\xd0\xcf\x11\xe0", "text/html": ""}

// file takes the file out of a text element. What is no such file as it says is not taken.
func file(text *cda.Element) (data []byte, kind string, ok bool) {
	kind = strings.ToLower(collapse(text.Attr("mediaType")))
	begin, known := kindsOfFile[kind]
	if text.Attr("representation") != "B64" {
		if kind == "" {
			kind = "text/plain"
		}
		words := text.Content()
		return []byte(words), kind, words != "" && kind == "text/plain"
	}
	if !known {
		return nil, kind, false
	}
	raw := text.Content()
	if base64.StdEncoding.DecodedLen(len(raw)) > MaxBody+1024 {
		return nil, kind, false
	}
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(raw, " ", ""))
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(strings.ReplaceAll(raw, " ", ""))
	}
	if err != nil || len(data) == 0 || len(data) > MaxBody || !strings.HasPrefix(string(data[:min(len(data), 16)]), begin) {
		return nil, kind, false
	}
	return data, kind, true
}

// unstructured takes the file of a document that has no sections.
func (r *reader) unstructured() {
	text := r.cda.Body
	switch {
	case text == nil && len(r.cda.Sections) == 0:
		r.doc.Unread = append(r.doc.Unread, Unread{Of: -1, What: r.doc.Title, Why: Doubt{Words: noBody}})
	case text == nil:
	case text.Child("reference") != nil && text.Attr("representation") != "B64":
		r.doc.Unread = append(r.doc.Unread, Unread{Of: -1, What: r.doc.Title, Why: Doubt{Words: bodyElsewhere}})
	default:
		data, kind, ok := file(text)
		if !ok {
			r.doc.Unread = append(r.doc.Unread, Unread{Of: -1, What: r.doc.Title, Why: Doubt{Words: bodyUnreadable}})
			return
		}
		r.doc.Body, r.doc.BodyType = data, kind
	}
}
