package document

import (
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/wire/cda"
)

// forms are the releases by the root of the template of their header.
const (
	headerR2 = "2.16.840.1.113883.10.20.22.1.1"
	c32      = "2.16.840.1.113883.3.88.11.32.1"
)

func (r *reader) header() {
	root, d := r.cda.Root, r.doc
	d.Form = form(root)
	d.Title = root.Child("title").Content()
	d.ID, d.Set = rooted(root.Child("id")), rooted(root.Child("setId"))
	d.Version = max(integer(root.Child("versionNumber").Attr("value")), 0)
	for related := range root.All("relatedDocument") {
		switch related.Attr("typeCode") {
		case "RPLC":
			d.Replaces = rooted(related.At("parentDocument/id"))
		case "APND":
			d.Appends = rooted(related.At("parentDocument/id"))
		}
	}
	d.Type = r.concept(root.Child("code"))
	if t, ok := cda.ParseTime(root.Child("effectiveTime").Attr("value")); ok {
		d.Written, d.written = t.At, t.ISO
	}
	for a := range root.All("author") {
		if name := authorOf(a); name != "" {
			d.Author = name
			break
		}
	}
	d.Custodian = root.At("custodian/assignedCustodian/representedCustodianOrganization/name").Content()
	d.Patient = r.patient(root.At("recordTarget/patientRole"))
	r.others()
	if d.Written.IsZero() && root.Child("effectiveTime").Has("value") {
		r.doubt(dateUnreadable)
	}
	d.Doubts, r.doubts = append(d.Doubts, r.doubts...), nil
}

// others takes the people whom the document is about beside its patient. It does not say of whom an entry is. The
// same person may be written down twice.
func (r *reader) others() {
	d := r.doc
	for target := range r.cda.Root.All("recordTarget") {
		if target == r.cda.Root.Child("recordTarget") || len(d.Others) == mostNames {
			continue
		}
		other := r.patient(target.Child("patientRole"))
		if other.Get("name") == nil && other.Get("birthDate") == nil {
			continue
		}
		if c := (&Comparison{Person: traits(chart.PatientFrom(d.Patient), d.Patient, other)}); !c.Blocks() {
			continue
		}
		p := chart.PatientFrom(other)
		name := strings.TrimSpace(p.Given + " " + p.Family)
		if name == "" {
			name = p.Born
		}
		d.Others = append(d.Others, clip(name))
		r.doubt(moreThanOne)
	}
}

// form names the kind and release of a document.
func form(root *cda.Element) string {
	switch {
	case root.Is(headerR2) && root.Follows(headerR2, "2015-08-01"):
		return "C-CDA R2.1"
	case root.Is(headerR2) && root.Follows(headerR2, "2014-06-09"):
		return "C-CDA R2.0"
	case root.Is(headerR2):
		for t := range root.All("templateId") {
			if e := t.Attr("extension"); strings.HasPrefix(t.Attr("root"), "2.16.840.1.113883.10.20.22.1.") && e != "" {
				return "C-CDA " + e
			}
		}
		return "C-CDA R1.1"
	case root.Is(c32):
		return "C32"
	}
	return "CDA R2"
}

// rooted writes an id as "root^extension".
func rooted(id *cda.Element) string {
	root, extension := strings.TrimSpace(id.Attr("root")), strings.TrimSpace(id.Attr("extension"))
	if extension == "" {
		return root
	}
	return root + "^" + extension
}

// authorOf names an author: a person, a program, or the organization.
func authorOf(author *cda.Element) string {
	a := author.Child("assignedAuthor")
	if name := personOf(a); name != "" {
		return name
	}
	for _, path := range []string{"assignedAuthoringDevice/softwareName", "assignedAuthoringDevice/manufacturerModelName", "representedOrganization/name"} {
		if name := a.At(path).Content(); name != "" {
			return name
		}
	}
	return ""
}

// personOf names the person in a role.
func personOf(role *cda.Element) string {
	for _, path := range []string{"assignedPerson/name", "informationRecipient/name", "relatedPerson/name", "associatedPerson/name", "playingEntity/name"} {
		if name := personName(role.At(path)); name != "" {
			return name
		}
	}
	return ""
}

func personName(e *cda.Element) string {
	if e == nil {
		return ""
	}
	var parts []string
	for _, kind := range []string{"prefix", "given", "family", "suffix"} {
		for p := range e.All(kind) {
			if text := p.Content(); text != "" {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) == 0 {
		return e.Content()
	}
	return strings.Join(parts, " ")
}

// genders, and the uses of names, addresses and telecoms, as C-CDA on FHIR maps them.
var (
	genders     = map[string]string{"M": "male", "F": "female", "UN": "other"}
	nameUses    = map[string]string{"L": "official", "C": "official", "P": "nickname", "A": "nickname"}
	addressUses = map[string]string{"H": "home", "HP": "home", "HV": "home", "WP": "work", "DIR": "work", "PUB": "work", "TMP": "temp", "BAD": "old"}
	telecomUses = map[string]string{"H": "home", "HP": "home", "HV": "home", "WP": "work", "DIR": "work", "PUB": "work", "AS": "work", "MC": "mobile", "PG": "mobile", "TMP": "temp", "BAD": "old"}
	schemes     = map[string]string{"tel": "phone", "mailto": "email", "fax": "fax", "x-text-fax": "fax", "http": "url", "https": "url", "sms": "sms"}
)

// patient reads whom the document is about.
func (r *reader) patient(role *cda.Element) *fhir.Node {
	p := role.Child("patient")
	n := fhir.New("Patient")
	n.Set("identifier", identifiers(role))
	n.Set("name", list(p, "name", humanName))
	n.Set("telecom", list(role, "telecom", telecom))
	if g := genders[p.Child("administrativeGenderCode").Attr("code")]; g != "" {
		n.Set("gender", fhir.Str(g))
	}
	if b := r.date(p.Child("birthTime")); b != "" {
		n.Set("birthDate", fhir.Str(b[:min(len(b), 10)]))
	}
	if at := r.date(p.Child("sdtc:deceasedTime")); at != "" {
		n.Set("deceasedDateTime", fhir.Str(at))
	} else if dead := p.Child("sdtc:deceasedInd").Attr("value"); dead == "true" || dead == "false" {
		n.Set("deceasedBoolean", fhir.Bool(dead == "true"))
	}
	n.Set("address", list(role, "addr", address))
	n.Set("maritalStatus", r.concept(p.Child("maritalStatusCode")))
	n.Set("communication", list(p, "languageCommunication", language))
	n.Set("contact", list(p, "guardian", r.guardian))
	extensions := fhir.Arr()
	extensions.Append(r.race(p, "race", "raceCode"), r.race(p, "ethnicity", "ethnicGroupCode"))
	if religion := r.concept(p.Child("religiousAffiliationCode")); religion != nil {
		extensions.Append(fhir.Obj("url", "http://hl7.org/fhir/StructureDefinition/patient-religion", "valueCodeableConcept", religion))
	}
	if extensions.Len() > 0 {
		n.SetFirst(1, "extension", extensions)
	}
	return n
}

// list makes an array of what f makes of the children with a name, nil when that is nothing.
func list(e *cda.Element, name string, f func(*cda.Element) *fhir.Node) *fhir.Node {
	out := fhir.Arr()
	for c := range e.All(name) {
		out.Append(f(c))
	}
	if out.Len() == 0 {
		return nil
	}
	return out
}

func humanName(e *cda.Element) *fhir.Node {
	n := fhir.Obj()
	texts := func(kind string) *fhir.Node {
		return list(e, kind, func(p *cda.Element) *fhir.Node {
			if t := p.Content(); t != "" {
				return fhir.Str(t)
			}
			return nil
		})
	}
	for use := range strings.FieldsSeq(e.Attr("use")) {
		if u := nameUses[use]; u != "" {
			n.Set("use", fhir.Str(u))
		}
	}
	if e.Child("given").Attr("qualifier") == "BR" || e.Child("family").Attr("qualifier") == "BR" {
		n.Set("use", fhir.Str("maiden"))
	}
	var family []string
	for f := range e.All("family") {
		if t := f.Content(); t != "" {
			family = append(family, t)
		}
	}
	n.Set("family", fhir.Obj("f", strings.Join(family, " ")).Get("f"))
	n.Set("given", texts("given"))
	n.Set("prefix", texts("prefix"))
	n.Set("suffix", texts("suffix"))
	if n.Get("family") == nil && n.Get("given") == nil {
		text := e.Content()
		if text == "" {
			return nil
		}
		n.Set("text", fhir.Str(text))
	}
	n.Set("period", period(e.Child("validTime")))
	return n
}

func period(e *cda.Element) *fhir.Node {
	low, _ := cda.ParseTime(e.Child("low").Attr("value"))
	high, _ := cda.ParseTime(e.Child("high").Attr("value"))
	start, end := ordered(low.ISO, high.ISO)
	if start == "" && end == "" {
		return nil
	}
	return fhir.Obj("start", start, "end", end)
}

func address(e *cda.Element) *fhir.Node {
	n := fhir.Obj()
	for use := range strings.FieldsSeq(e.Attr("use")) {
		if u := addressUses[use]; u != "" {
			n.Set("use", fhir.Str(u))
		}
	}
	lines := fhir.Arr()
	for _, kind := range []string{"streetAddressLine", "additionalLocator"} {
		for l := range e.All(kind) {
			if t := l.Content(); t != "" {
				lines.Append(fhir.Str(t))
			}
		}
	}
	if lines.Len() > 0 {
		n.Set("line", lines)
	}
	for _, part := range [][2]string{{"city", "city"}, {"county", "district"}, {"state", "state"}, {"postalCode", "postalCode"}, {"country", "country"}} {
		if t := e.Child(part[0]).Content(); t != "" {
			n.Set(part[1], fhir.Str(t))
		}
	}
	if n.Len() == 0 || n.Len() == 1 && n.Get("use") != nil {
		text := e.Content()
		if text == "" {
			return nil
		}
		n.Set("text", fhir.Str(text))
	}
	return n
}

func telecom(e *cda.Element) *fhir.Node {
	value := collapse(e.Attr("value"))
	if value == "" {
		return nil
	}
	system := "phone"
	if scheme, rest, ok := strings.Cut(value, ":"); ok {
		if s := schemes[strings.ToLower(scheme)]; s != "" {
			system = s
			if s != "url" {
				value = strings.TrimSpace(rest)
			}
		} else {
			system = "other"
		}
	} else if strings.Contains(value, "@") {
		system = "email"
	}
	if value == "" {
		return nil
	}
	n := fhir.Obj("system", system, "value", value)
	for use := range strings.FieldsSeq(e.Attr("use")) {
		if u := telecomUses[use]; u != "" {
			n.Set("use", fhir.Str(u))
		}
	}
	return n
}

// alpha3 are languages that C-CDA writes with three letters, as BCP 47 writes them.
var alpha3 = map[string]string{"eng": "en", "spa": "es", "ara": "ar", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de", "chi": "zh", "zho": "zh", "rus": "ru", "vie": "vi", "por": "pt", "ita": "it", "kor": "ko", "jpn": "ja", "hin": "hi", "pol": "pl"}

func language(e *cda.Element) *fhir.Node {
	code := collapse(e.Child("languageCode").Attr("code"))
	if code == "" {
		return nil
	}
	base, rest, region := strings.Cut(code, "-")
	if short := alpha3[strings.ToLower(base)]; short != "" {
		code = short
		if region {
			code += "-" + rest
		}
	}
	n := fhir.Obj("language", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "urn:ietf:bcp:47", "code", code))))
	if p := e.Child("preferenceInd").Attr("value"); p == "true" || p == "false" {
		n.Set("preferred", fhir.Bool(p == "true"))
	}
	return n
}

func (r *reader) guardian(e *cda.Element) *fhir.Node {
	n := fhir.Obj()
	relationships := fhir.Arr(made(systems["2.16.840.1.113883.5.111"], "GUARD", "guardian"))
	relationships.Append(r.concept(e.Child("code")))
	n.Set("relationship", relationships)
	n.Set("name", humanNameOf(e.At("guardianPerson/name")))
	n.Set("telecom", list(e, "telecom", telecom))
	n.Set("address", list(e, "addr", address).At(0))
	if n.Get("name") == nil && n.Get("telecom") == nil && n.Get("address") == nil {
		return nil
	}
	return n
}

func humanNameOf(e *cda.Element) *fhir.Node {
	if e == nil {
		return nil
	}
	return humanName(e)
}

// omb are the categories of the Office of Management and Budget; other codes are details of them.
var omb = map[string]bool{"1002-5": true, "2028-9": true, "2054-5": true, "2076-8": true, "2106-3": true, "2135-2": true, "2186-5": true}

// race reads raceCode or ethnicGroupCode, and those of sdtc, as the extension of US Core.
func (r *reader) race(p *cda.Element, name, element string) *fhir.Node {
	parts, texts, categories := fhir.Arr(), []string(nil), 0
	for _, kind := range []string{element, "sdtc:" + element} {
		for c := range p.All(kind) {
			if words := r.words(c); words != "" {
				texts = append(texts, words)
			}
			code := coding(c)
			if code == nil {
				continue
			}
			url := "detailed"
			if limit := map[string]int{"race": 5, "ethnicity": 1}[name]; omb[code.Get("code").Text()] && categories < limit {
				categories++
				url = "ombCategory"
			}
			parts.Append(fhir.Obj("url", url, "valueCoding", code))
		}
	}
	if len(texts) == 0 && parts.Len() == 0 {
		return nil
	}
	if len(texts) == 0 {
		texts = []string{parts.At(0).Path("valueCoding.code").Text()}
	}
	parts.Append(fhir.Obj("url", "text", "valueString", strings.Join(texts, ", ")))
	return fhir.Obj("url", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"+name, "extension", parts)
}
