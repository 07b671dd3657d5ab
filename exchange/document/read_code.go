package document

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/ucum"
	"github.com/osler-emr/osler/wire/cda"
)

// systems are the addresses by which FHIR names code systems, by OID (R4 terminologies-systems.html
// and the registry of HL7).
var systems = map[string]string{
	loincOID:                     "http://loinc.org",
	snomedOID:                    "http://snomed.info/sct",
	"2.16.840.1.113883.6.88":     rxnorm,
	"2.16.840.1.113883.6.3":      "http://hl7.org/fhir/sid/icd-10",
	"2.16.840.1.113883.6.90":     "http://hl7.org/fhir/sid/icd-10-cm",
	"2.16.840.1.113883.6.4":      "http://www.cms.gov/Medicare/Coding/ICD10",
	"2.16.840.1.113883.6.103":    "http://hl7.org/fhir/sid/icd-9-cm",
	"2.16.840.1.113883.6.2":      "http://hl7.org/fhir/sid/icd-9-cm",
	"2.16.840.1.113883.6.104":    "http://hl7.org/fhir/sid/icd-9-cm",
	"2.16.840.1.113883.6.42":     "http://hl7.org/fhir/sid/icd-9",
	"2.16.840.1.113883.6.12":     "http://www.ama-assn.org/go/cpt",
	"2.16.840.1.113883.6.69":     "http://hl7.org/fhir/sid/ndc",
	"2.16.840.1.113883.6.59":     "http://hl7.org/fhir/sid/cvx",
	"2.16.840.1.113883.12.292":   "http://hl7.org/fhir/sid/cvx",
	"2.16.840.1.113883.4.9":      "http://fdasis.nlm.nih.gov",
	"2.16.840.1.113883.6.101":    "http://nucc.org/provider-taxonomy",
	"2.16.840.1.113883.3.26.1.1": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
	"2.16.840.1.113883.3.26.1.5": "http://hl7.org/fhir/ndfrt",
	"2.16.840.1.113883.6.345":    "http://va.gov/terminology/medrt",
	"2.16.840.1.113883.6.238":    "urn:oid:2.16.840.1.113883.6.238",
	"2.16.840.1.113883.6.285":    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
	"2.16.840.1.113883.6.13":     "http://www.ada.org/cdt",
	"1.2.840.10008.2.16.4":       "http://dicom.nema.org/resources/ontology/DCM",
	"2.16.840.1.113883.6.8":      ucum.System,
	"2.16.840.1.113883.5.1":      "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender",
	"2.16.840.1.113883.5.2":      "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
	"2.16.840.1.113883.5.4":      "http://terminology.hl7.org/CodeSystem/v3-ActCode",
	"2.16.840.1.113883.5.8":      "http://terminology.hl7.org/CodeSystem/v3-ActReason",
	"2.16.840.1.113883.5.25":     confidentialitySystem,
	"2.16.840.1.113883.5.83":     "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
	"2.16.840.1.113883.5.111":    "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
	"2.16.840.1.113883.5.112":    "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
	"2.16.840.1.113883.5.1008":   "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
	"2.16.840.1.113883.5.1063":   "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
	"2.16.840.1.113883.5.1076":   "http://terminology.hl7.org/CodeSystem/v3-ReligiousAffiliation",
}

const (
	snomedOID             = "2.16.840.1.113883.6.96"
	snomed                = "http://snomed.info/sct"
	loinc                 = "http://loinc.org"
	rxnorm                = "http://www.nlm.nih.gov/research/umls/rxnorm"
	confidentialitySystem = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
)

var (
	oids  = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
	uuids = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// uri returns the name of an OID or UUID as an address; "" for what is neither.
func uri(root string) string {
	root = strings.TrimSpace(root)
	if known, ok := systems[root]; ok {
		return known
	}
	switch {
	case oids.MatchString(root):
		return "urn:oid:" + root
	case uuids.MatchString(root):
		return "urn:uuid:" + strings.ToLower(root)
	}
	return ""
}

// coding reads the code of an element itself, nil when it has none.
func coding(e *cda.Element) *fhir.Node {
	code := collapse(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, e.Attr("code")))
	if code == "" {
		return nil
	}
	return fhir.Obj("system", uri(e.Attr("codeSystem")), "code", code, "display", collapse(e.Attr("displayName")))
}

// concept reads a coded value: the code, its translations, and the words of its author. It is nil
// when the document gives none of them.
func (r *reader) concept(e *cda.Element) *fhir.Node {
	if e == nil {
		return nil
	}
	codings := fhir.Arr()
	seen := map[[2]string]bool{}
	take := func(c *cda.Element) {
		n := coding(c)
		key := [2]string{n.Get("system").Text(), n.Get("code").Text()}
		if n != nil && !seen[key] {
			seen[key] = true
			codings.Append(n)
		}
	}
	take(e)
	for t := range e.All("translation") {
		take(t)
	}
	text := r.words(e)
	if codings.Len() == 0 && text == "" {
		return nil
	}
	if more := r.qualified(e); more != "" {
		text = clip(text + " (" + more + ")")
	}
	if postcoordinated(e) {
		r.doubt(qualifies, clip(collapse(e.Attr("code"))))
	}
	n := fhir.Obj()
	if codings.Len() > 0 {
		n.Set("coding", codings)
	}
	if text != "" {
		n.Set("text", fhir.Str(text))
	}
	return n
}

// called returns what the codes of an element are called, its own first.
func called(e *cda.Element) (names []string) {
	if d := collapse(e.Attr("displayName")); d != "" && !nameless.MatchString(d) {
		names = append(names, d)
	}
	for t := range e.All("translation") {
		if d := collapse(t.Attr("displayName")); d != "" && !nameless.MatchString(d) {
			names = append(names, d)
		}
	}
	return names
}

// nameless is what a code is called that has no name.
var nameless = regexp.MustCompile(`(?i)^(unknown|unk|none|n/?a|ni|null|oth|other|unspecified|not (specified|available|applicable))$`)

// substance reads the code of a medicine, a vaccine or an allergen, where another name is another
// substance: it is called as its name or its codes say. The words of the author stand for them only
// where they say the same and more, as a strength; what they refer to may be another passage. Of a
// medicine they are told beside the name: they may be its brand.
func (r *reader) substance(e *cda.Element, name string, brand bool) *fhir.Node {
	n, names := r.concept(e), called(e)
	if name != "" && (len(names) == 0 || anySays(name, names)) {
		names = append([]string{name}, names...)
	} else if name != "" {
		r.doubt(otherText)
	}
	if len(names) == 0 {
		return n
	}
	said := names[0]
	if words := r.textOf(e.Child("originalText")); says(words, said, true) && len(words) <= 2*len(said)+40 && !denies.MatchString(words) {
		said = words
	}
	if n == nil {
		n = fhir.Obj()
	}
	n.Set("text", fhir.Str(clip(said)))
	r.apart(n, e, names, brand)
	return n
}

// apart says when the words of the author name none of what a code is called; beside tells them
// beside its name.
func (r *reader) apart(n *fhir.Node, e *cda.Element, names []string, beside bool) {
	original := e.Child("originalText")
	words := r.textOf(original)
	if words == "" || len(names) == 0 || anySays(words, names) {
		return
	}
	p, ok := r.places[original.Reference()]
	if ok && anySays(r.line(p.wide), names) {
		return
	}
	r.doubt(otherText)
	if ok && p.of == r.of {
		r.doc.Texts[r.of].Differs = true
	}
	if beside && len(words) <= 120 && !denies.MatchString(words) {
		n.Set("text", fhir.Str(clip(conceptText(n)+" ("+words+")")))
	}
}

// site puts where something is, and on which side, into a resource, and says it: ", left foot".
func (r *reader) site(n *fhir.Node, e, code *cda.Element) (said string) {
	sites := fhir.Arr()
	for t := range e.All("targetSiteCode") {
		where := r.concept(t)
		if side := r.side(t); side != "" {
			if where == nil {
				where = fhir.Obj()
			}
			where.Set("text", fhir.Str(collapse(side+" "+conceptText(where))))
		}
		sites.Append(where)
	}
	if side := r.side(code); side != "" && sites.Len() == 0 {
		sites.Append(fhir.Obj("text", side))
	}
	if sites.Len() == 0 {
		return ""
	}
	n.Set("bodySite", sites)
	for s := range sites.Items() {
		if text := s.Get("text").Text(); text != "" && !strings.Contains(strings.ToLower(conceptText(n.Get("code"))), strings.ToLower(text)) && strings.Trim(text, "0123456789") != "" {
			said += ", " + text
		}
	}
	return clip(said)
}

// side reads the laterality of a code.
func (r *reader) side(e *cda.Element) string {
	for q := range e.All("qualifier") {
		if q.Child("name").Attr("code") == laterality {
			return r.words(q.Child("value"))
		}
	}
	return ""
}

// codesIn returns the codes of an element in one code system, its own first.
func codesIn(e *cda.Element, oid string) (list []string) {
	if e == nil {
		return nil
	}
	if c := e.Attr("code"); c != "" && e.Attr("codeSystem") == oid {
		list = append(list, c)
	}
	for t := range e.All("translation") {
		if c := t.Attr("code"); c != "" && t.Attr("codeSystem") == oid {
			list = append(list, c)
		}
	}
	return list
}

// made is a concept of one code, "" for none that it is called.
func made(system, code, display string) *fhir.Node {
	return fhir.Obj("coding", fhir.Arr(fhir.Obj("system", system, "code", code, "display", display)))
}

// identifiers reads the ids of a statement.
func identifiers(e *cda.Element) *fhir.Node {
	list := fhir.Arr()
	for id := range e.All("id") {
		list.Append(identifier(id))
	}
	if list.Len() == 0 {
		return nil
	}
	return list
}

// naming are systems of identifiers with an address of their own.
var naming = map[string]string{
	"2.16.840.1.113883.4.1": "http://hl7.org/fhir/sid/us-ssn",
	"2.16.840.1.113883.4.6": "http://hl7.org/fhir/sid/us-npi",
}

// identifier reads an id as FHIR writes it: its root is the system, or the value when there is no extension.
// It is nil for an id that says nothing.
func identifier(id *cda.Element) *fhir.Node {
	return identifierOf(strings.TrimSpace(id.Attr("root")), collapse(id.Attr("extension")))
}

func identifierOf(root, extension string) *fhir.Node {
	system := naming[root]
	switch {
	case extension == "" && (system != "" || uri(root) == ""):
		return nil
	case extension == "":
		return fhir.Obj("system", "urn:ietf:rfc:3986", "value", uri(root))
	case system == "":
		system = uri(root)
	}
	if root == "2.16.840.1.113883.4.873" { // an address, as FHIR writes it into CDA
		if i := strings.LastIndexAny(extension, "/:"); i > 0 && i < len(extension)-1 && !strings.ContainsAny(extension, " ") {
			return fhir.Obj("system", extension[:i], "value", extension[i+1:])
		}
		system = "urn:ietf:rfc:3986"
	}
	return fhir.Obj("system", system, "value", extension)
}

// decimals is a number as JSON writes it.
var decimals = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// number reads a decimal as it is written, "" when it is none.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	minus := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, ".") {
		s = "0" + s
	}
	s = strings.TrimSuffix(s, ".")
	for len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		s = s[1:]
	}
	if minus {
		s = "-" + s
	}
	if len(s) > 40 || !decimals.MatchString(s) {
		return ""
	}
	return s
}

// quantity reads a PQ, nil when it has no number. A unit that is not UCUM stays as words.
func (r *reader) quantity(e *cda.Element) *fhir.Node {
	value := number(e.Attr("value"))
	if value == "" {
		if e.Has("value") {
			r.doubt(valueUnreadable)
			return nil
		}
		return r.translated(e)
	}
	n := fhir.Obj("value", fhir.Decimal(value))
	r.unit(n, e)
	return n
}

// translated reads a PQ whose value stands in a translation, in a unit that UCUM does not have.
func (r *reader) translated(e *cda.Element) *fhir.Node {
	if e == nil {
		return nil
	}
	for t := range e.All("translation") {
		value := number(t.Attr("value"))
		if value == "" {
			continue
		}
		n := fhir.Obj("value", fhir.Decimal(value))
		unit := collapse(t.Attr("code"))
		code, ok := known(unit)
		switch words := r.words(t); {
		case t.Has("unit"):
			r.unit(n, t)
		case ok && t.Attr("codeSystem") == "2.16.840.1.113883.6.8":
			n.Set("unit", fhir.Str(unit))
			n.Set("system", fhir.Str(ucum.System))
			n.Set("code", fhir.Str(code))
		case words != "":
			n.Set("unit", fhir.Str(words))
		case unit != "":
			n.Set("unit", fhir.Str(unit))
		}
		return n
	}
	return nil
}

// unit puts the unit of a PQ into a quantity.
func (r *reader) unit(n *fhir.Node, e *cda.Element) {
	unit := collapse(e.Attr("unit"))
	if unit == "" || unit == "1" {
		if t := e.Child("translation"); t != nil { // a unit that UCUM does not have
			if words := r.words(t); words != "" {
				n.Set("unit", fhir.Str(words))
			}
		}
		return
	}
	code, ok := known(unit)
	n.Set("unit", fhir.Str(unit))
	if r.warm {
		if c := degrees(unit); c != "" {
			code, ok = c, true
		} else if ok && !isTemperature(code) {
			ok = false
		}
	}
	if !ok {
		if !r.counted {
			sentence := notUCUM
			if _, err := ucum.Parse(unit); err == nil {
				sentence = unitUnclear
			}
			r.doubt(sentence, n.Get("value").Text()+" "+unit)
		}
		return
	}
	n.Set("system", fhir.Str(ucum.System))
	n.Set("code", fhir.Str(code))
}

// spelled are units as systems write them, by what they mean; only what can mean one thing.
var spelled = map[string]string{
	"mmHg": "mm[Hg]", "mm Hg": "mm[Hg]", "mm(Hg)": "mm[Hg]", "lb": "[lb_av]", "lbs": "[lb_av]", "in": "[in_i]", "inches": "[in_i]", "ft": "[ft_i]", "oz": "[oz_av]",
	"bpm": "/min", "beats/min": "/min", "breaths/min": "/min", "IU/L": "[IU]/L", "IU": "[IU]", "mEq/L": "meq/L", "MG": "mg", "mcg": "ug", "milliliter": "mL", "milliLiter(s)": "mL", "milliliter(s)": "mL", "ML": "mL", "Grams": "g", "kg/m²": "kg/m2", "x10E3/uL": "10*3/uL", "x10E6/uL": "10*6/uL", "K/uL": "10*3/uL", "M/uL": "10*6/uL", "THOUS/MCL": "10*3/uL", "MILL/MCL": "10*6/uL", "G/DL": "g/dL", "FL": "fL", "PG": "pg", "uug": "pg", "mm/Hg": "mm[Hg]", "in.": "[in_i]", "lb.": "[lb_av]", "hours": "h", "days": "d",
}

// known returns the UCUM code of a unit.
func known(unit string) (string, bool) {
	if code, ok := spelled[unit]; ok {
		return code, true
	}
	if c := degrees(unit); c != "" && len(unit) > 1 {
		return c, true
	}
	for part := range strings.FieldsFuncSeq(unit, func(c rune) bool { return c == '/' || c == '.' }) {
		if unclear[part] {
			return "", false
		}
	}
	if _, err := ucum.Parse(unit); err != nil {
		return "", false
	}
	return unit, true
}

// unclear are units of UCUM that are written for others: coulomb for degrees Celsius, farad for Fahrenheit,
// gauss for grams, henry for hours, the atomic mass unit for units.
var unclear = map[string]bool{"C": true, "F": true, "G": true, "H": true, "u": true}

var degree = regexp.MustCompile(`(?i)^(deg(rees?)?\.?|[°ºo])? ?(c|celsius|centigrade|f|fahrenheit)$`)

// degrees returns the code of a unit of temperature, "" for others; a letter alone is one only of what is a
// temperature.
func degrees(unit string) string {
	m := degree.FindStringSubmatch(unit)
	switch {
	case m == nil:
		return ""
	case strings.EqualFold(m[3][:1], "c"):
		return "Cel"
	}
	return "[degF]"
}

// isTemperature reports whether a code of UCUM measures a temperature.
func isTemperature(code string) bool {
	u, err := ucum.Parse(code)
	cel, other := ucum.Parse("Cel")
	return err == nil && other == nil && ucum.Comparable(u, cel)
}

// temperatures are words in the name of what is measured in degrees.
var temperatures = regexp.MustCompile(`(?i)\b(body )?temp(erature)?\b`)

// postcoordinated reports whether a code of SNOMED CT is an expression: what it says more is in no name of it.
func postcoordinated(e *cda.Element) bool {
	return e.Attr("codeSystem") == snomedOID && strings.ContainsAny(e.Attr("code"), ":=+")
}

// printed is how a unit is written for a person.
var printed = map[string]string{"mm[Hg]": "mmHg", "[lb_av]": "lb", "[in_i]": "in", "[ft_i]": "ft", "[oz_av]": "oz", "[degF]": "°F", "Cel": "°C", "kg/m2": "kg/m²", "ug": "mcg", "ug/h": "mcg/h", "[IU]": "units", "[iU]": "units", "[in_us]": "in", "[pH]": "", "10*3/uL": "×10³/µL", "10*6/uL": "×10⁶/µL", "10*9/L": "×10⁹/L", "10*12/L": "×10¹²/L", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "ug/dL": "mcg/dL", "ug/L": "mcg/L", "umol/L": "µmol/L", "a": "years"}

// amount says a quantity in words: "500 mg".
func amount(q *fhir.Node) string {
	value := q.Get("value").Text()
	if value == "" {
		return ""
	}
	unit := unitText(q)
	if c := q.Get("comparator").Text(); c != "" {
		value = c + " " + value
	}
	if unit == "" {
		return value
	}
	if unit == "%" {
		return value + "%"
	}
	return value + " " + unit
}

// unitText is the unit of a quantity as it is written for a person.
func unitText(q *fhir.Node) string {
	unit := q.Get("code").Text()
	if p, ok := printed[unit]; ok {
		unit = p
	} else if u := q.Get("unit").Text(); u != "" {
		unit = u
	}
	if strings.HasPrefix(unit, "{") && strings.HasSuffix(unit, "}") {
		unit = strings.Trim(unit, "{}")
	}
	return unit
}

// integer returns a number without a fraction as an int, -1 when it is none.
func integer(s string) int {
	whole, part, _ := strings.Cut(number(s), ".") // an exponent would be worked out digit by digit
	n, err := strconv.Atoi(whole)
	if err != nil || strings.Trim(part, "0") != "" || len(whole) > 12 {
		return -1
	}
	return n
}
