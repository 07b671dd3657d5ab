package document

import (
	"slices"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
	"github.com/osler-emr/osler/wire/cda"
)

// closely is the label of what is restricted for a reason that is not said or not known here, until
// somebody says by hand what it is. It names no kind of illness, and few see it.
const closely = "SPI"

// unrestricting are values of security observations that ask for nothing that a label would do: the
// lower degrees of confidentiality, purposes of use, and obligations that the program keeps anyway.
var unrestricting = map[string]bool{"U": true, "L": true, "M": true, "N": true, "TREAT": true, "ETREAT": true, "HPAYMT": true, "HOPERAT": true, "CAREMGT": true, "COC": true,
	"ENCRYPT": true, "ENCRYPTR": true, "ENCRYPTT": true, "AUDIT": true, "AUDTR": true, "CPLYPOL": true, "CPLYCD": true, "RETAIN": true}

// protecting are refrains that 42 CFR Part 2 and the like put on what is disclosed: not further
// without consent.
var protecting = map[string]bool{"NODSCLCD": true, "NODSCLCDS": true, "NOAUTH": true}

// privacySection is the LOINC code of a section that says who may see a document.
const privacySection = "57017-6"

// marks are what is said of who may see a part of a document.
type marks struct {
	labels  []string // codes of trust/policy
	reasons bool     // a label came of what is said, not only of a degree
	degree  string   // R, V
	doubts  []Doubt
}

func (m *marks) label(codes ...string) {
	for _, c := range codes {
		if !slices.Contains(m.labels, c) {
			m.labels = append(m.labels, c)
		}
	}
}

// unconfining are codes of the same system that close nothing: the lower degrees, and what is a business secret.
var unconfining = map[string]bool{"": true, "U": true, "L": true, "M": true, "N": true, "B": true}

// confidential takes a confidentialityCode. Beside the degrees its system has kinds of information, of which
// documents still make use, and modifiers that close without saying why: for clinicians only (D), for those who
// are named only (I), sensitive (S), taboo (T), celebrity (C).
func (m *marks) confidential(e *cda.Element) {
	switch c := collapse(e.Attr("code")); c {
	case "V":
		m.degree = "V"
	case "R", "D", "I", "S", "T", "C":
		m.degree = higher(m.degree, "R")
	default:
		if unconfining[c] {
			return
		}
		m.degree = higher(m.degree, "R")
		if l, ok := policy.LabelOf(c); ok && !l.Chart {
			m.label(c)
			m.reasons = true
			return
		}
		m.unknown(e)
	}
}

// security takes a security observation.
func (m *marks) security(o *cda.Element) {
	v := o.Child("value")
	code := collapse(v.Attr("code"))
	switch {
	case code == "":
		if o.Child("code").Attr("code") == "SECCATOBS" {
			m.unknown(v)
		}
	case code == "R" || code == "V":
		m.confidential(v)
	case unrestricting[code]:
	case protecting[code]:
		m.label(closely)
		m.reasons = true
	default:
		if l, ok := policy.LabelOf(code); ok && !l.Chart {
			m.label(code)
			m.reasons = true
			return
		}
		m.unknown(v)
	}
}

func (m *marks) unknown(v *cda.Element) {
	name := collapse(v.Attr("displayName"))
	if name == "" {
		name = collapse(v.Attr("code"))
	}
	m.label(closely)
	m.reasons = true
	m.doubts = append(m.doubts, Doubt{Words: unknownLabel, Args: []any{clip(name)}})
}

// settle decides what a degree without a reason means.
func (m *marks) settle() {
	if m.degree != "" && !m.reasons {
		m.label(closely)
		m.doubts = append(m.doubts, Doubt{Words: restricted})
	}
	slices.Sort(m.labels)
}

// isSecurity reports whether an observation is about the document, not about the patient.
func isSecurity(o *cda.Element) bool {
	switch o.Child("code").Attr("code") {
	case "SECCLASSOBS", "SECCATOBS", "SECCONOBS", "SECINTOBS", "SECOBS":
		return true
	}
	return false
}

// securityIn takes the security observations in a statement.
func (m *marks) securityIn(e *cda.Element) {
	if e.Name == "observation" && isSecurity(e) {
		m.security(e)
		return
	}
	for c := range e.Children() {
		if c.Name != "" && (statements[c.Name] || c.Name == "component" || c.Name == "entryRelationship" || c.Name == "entry") {
			m.securityIn(c)
		}
	}
}

// labels reads what is said of who may see the document as a whole and each section.
func (r *reader) labels() {
	whole := &marks{}
	whole.confidential(r.cda.Root.Child("confidentialityCode"))
	r.marked = make([]*marks, len(r.cda.Sections))
	degree := whole.degree
	var around []int // the sections around one, from the outermost
	for i := range r.cda.Sections {
		s := &r.cda.Sections[i]
		around = append(around[:min(s.Level, len(around))], i)
		if s.Child("code").Attr("code") == privacySection {
			whole.confidential(s.Child("confidentialityCode"))
			for _, e := range s.Entries {
				whole.securityIn(e)
			}
			degree = higher(degree, whole.degree)
			continue
		}
		if c := s.Child("confidentialityCode"); c != nil {
			m := &marks{}
			m.confidential(c)
			if m.degree != "" && m.degree != whole.degree || len(m.labels) > 0 {
				m.settle()
				r.marked[i] = m
				degree = higher(degree, m.degree)
				r.doc.Doubts = append(r.doc.Doubts, m.doubts...)
			}
		}
		if len(around) > 1 {
			r.marked[i] = r.marked[i].within(r.marked[around[len(around)-2]])
		}
	}
	whole.settle()
	r.doc.Labels = whole.labels
	r.doc.Doubts = append(r.doc.Doubts, whole.doubts...)
	r.doc.Confidentiality = degree
	if degree == "" {
		r.doc.Confidentiality = "N"
	}
}

// within are the marks of a section in another: what closes the one closes what stands in it.
func (m *marks) within(outer *marks) *marks {
	switch {
	case outer == nil:
		return m
	case m == nil:
		return outer
	}
	m.label(outer.labels...)
	slices.Sort(m.labels)
	return m
}

// higher returns the higher of two degrees: N or none, R, V.
func higher(a, b string) string {
	for _, degree := range []string{"V", "R"} {
		if a == degree || b == degree {
			return degree
		}
	}
	return a
}

// mark labels the items of an entry: with what the document, its section and the entry itself ask
// for.
func (r *reader) mark(e *cda.Element, from int) {
	own := &marks{}
	own.securityIn(e)
	own.settle()
	if own.degree != "" {
		r.doc.Confidentiality = higher(r.doc.Confidentiality, own.degree)
	}
	own.label(r.doc.Labels...)
	if m := r.marked[r.of]; m != nil {
		own.label(m.labels...)
	}
	if len(own.labels) == 0 {
		return
	}
	slices.Sort(own.labels)
	for i := from; i < len(r.doc.Items); i++ {
		item := &r.doc.Items[i]
		item.Doubts = append(item.Doubts, own.doubts...)
		for _, n := range append([]*fhir.Node{item.Resource}, item.Parts...) {
			codings := fhir.Arr()
			for _, l := range own.labels {
				codings.Append(fhir.Obj("system", policy.LabelSystem, "code", l))
			}
			n.SetFirst(1, "meta", fhir.Obj("security", codings))
		}
	}
}
