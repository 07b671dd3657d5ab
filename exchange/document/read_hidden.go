package document

import (
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
)

// unhidden leaves characters that are not seen out of what may be stored, as forms do. An entry in which
// some turn the text around says so: nobody knows which way its author has read it.
func (d *Document) unhidden() {
	for _, s := range []*string{&d.Title, &d.Author, &d.Custodian} {
		*s = lang.Unhidden(*s)
	}
	unhide(d.Patient)
	for i := range d.Items {
		it := &d.Items[i]
		turned := unhide(it.Resource)
		for _, p := range it.Parts {
			turned = unhide(p) || turned
		}
		it.Text = lang.Unhidden(it.Text)
		if turned {
			it.Doubts = append(it.Doubts, Doubt{Words: hiddenLetters})
		}
	}
}

// unhide leaves such characters out of the texts of a resource and reports whether some turned a text around.
func unhide(n *fhir.Node) (turned bool) {
	texts := map[string]*fhir.Node{}
	for name, v := range n.Members() {
		switch {
		case v.Kind() == fhir.String:
			if s := v.Text(); strings.ContainsFunc(s, lang.Hidden) {
				turned = turned || strings.ContainsFunc(s, lang.Turns)
				texts[name] = fhir.Str(lang.Unhidden(s))
			}
		case v.Kind() == fhir.Array && v.At(0).Kind() == fhir.String:
			list, some := fhir.Arr(), false
			for x := range v.Items() {
				some = some || strings.ContainsFunc(x.Text(), lang.Hidden)
				turned = turned || strings.ContainsFunc(x.Text(), lang.Turns)
				list.Append(fhir.Str(lang.Unhidden(x.Text())))
			}
			if some {
				texts[name] = list
			}
		case v.Kind() == fhir.Array:
			for x := range v.Items() {
				turned = unhide(x) || turned
			}
		case v.Kind() == fhir.Object:
			turned = unhide(v) || turned
		}
	}
	for name, v := range texts {
		if v.Kind() == fhir.String && v.Text() == "" {
			v = fhir.Str("?") // nothing of it is seen
		}
		n.Set(name, v)
	}
	return turned
}
