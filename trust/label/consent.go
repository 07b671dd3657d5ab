package label

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/policy"
)

// Consents reads a Consent as rules: "deny/all", "permit/all", "deny/Practitioner/7",
// "deny/label/mental", "deny/purpose/HRESCH", "deny/outside". The record keeps them as tags, which access predicates ask for.
//
// A denial is read as widely as it could be meant and a permission as narrowly: conditions
// that are not understood (another purpose, a class, a time of the data, an actor that is no person
// of the clinic) do not narrow a denial, and make a permission none. So a consent that cannot
// be evaluated denies. A consent to research is about research only: it denies that, or says nothing.
// What is neither, such as a consent to a treatment, says nothing.
func Consents(c *fhir.Node) (rules []string) {
	if c.ResourceType() != "Consent" {
		return nil
	}
	if scope := scopeOf(c); scope == "research" && denies(c.Get("provision")) {
		return []string{"deny/purpose/" + string(trust.Research)}
	} else if scope != "" {
		return nil
	}
	add := func(rule string) {
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	provision := c.Get("provision")
	if provision == nil { // a consent by a policy that only people can read
		return []string{"deny/all"}
	}
	reading(provision, provision.Get("type").Text(), add)
	for nested := range provision.Get("provision").Items() {
		nest(nested, opposite(provision.Get("type").Text()), add)
	}
	slices.Sort(rules)
	return rules
}

// scopeOf returns what a consent is about, "" for who sees the record.
func scopeOf(c *fhir.Node) string {
	for coding := range c.Path("scope.coding").Items() {
		switch code := coding.Get("code").Text(); code {
		case "patient-privacy":
			return ""
		case "treatment", "research", "adr":
			return code
		}
	}
	return "" // it does not say: taken for the strictest
}

// denies reports whether a provision, or one within it, does anything but permit, or says nothing.
func denies(p *fhir.Node) bool {
	if p.Get("type").Text() != "permit" {
		return true
	}
	for nested := range p.Get("provision").Items() {
		if nested.Get("type") == nil || denies(nested) { // without a type it is an exception
			return true
		}
	}
	return false
}

// opposite is what an exception without a type of its own does.
func opposite(kind string) string {
	if kind == "permit" {
		return "deny"
	}
	return "permit"
}

func nest(p *fhir.Node, fallback string, add func(string)) {
	kind := p.Get("type").Text()
	if kind == "" {
		kind = fallback
	}
	if kind != "permit" { // exceptions that permit are not followed: that is the safe side
		reading(p, kind, add)
	}
	for nested := range p.Get("provision").Items() {
		nest(nested, opposite(kind), add)
	}
}

// narrowing are the members that make a permission smaller.
var narrowing = []string{"actor", "action", "securityLabel", "purpose", "class", "code", "data", "dataPeriod"}

func reading(p *fhir.Node, kind string, add func(string)) {
	if kind == "permit" {
		if !slices.ContainsFunc(narrowing, func(n string) bool { return p.Get(n).Len() > 0 || p.Get(n) != nil }) {
			add("permit/all")
		}
		return
	}
	people, purposes, classes := peopleOf(p), purposesOf(p), classesOf(p)
	switch {
	case kind != "deny": // a consent that says neither
		add("deny/all")
	case people != nil:
		for _, who := range people {
			add("deny/" + who)
		}
	case purposes != nil:
		for _, purpose := range purposes {
			add("deny/purpose/" + string(purpose))
		}
	case classes != nil:
		for _, class := range classes {
			add("deny/label/" + class)
		}
	case outside(p):
		add("deny/outside")
	default:
		add("deny/all")
	}
}

// outside reports whether a denial names people outside of the clinic only, by the role that
// Osler itself gives them.
func outside(p *fhir.Node) bool {
	all := p.Get("actor").Len() > 0
	for actor := range p.Get("actor").Items() {
		named := false
		for c := range actor.Path("role.coding").Items() {
			named = named || c.Get("system").Text() == policy.OutsideSystem && c.Get("code").Text() == policy.Outside
		}
		all = all && named && actor.Path("reference.reference").Text() == ""
	}
	return all
}

// actReason is the system of purposes, with the name that it had in older releases of FHIR. What names
// no system is read as well: a denial that a person wrote as "HPAYMT" is meant so.
var actReason = []string{"", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "http://hl7.org/fhir/v3/ActReason"}

// apart are the purposes that have nothing to do with treating the patient here, each with the codes of
// HL7 v3 ActReason below it. A denial for these only leaves the chart open to those who treat.
var apart = map[trust.Purpose][]string{
	trust.Payment:   {"HPAYMT", "CLMATTCH", "COVAUTH", "COVERAGE", "ELIGDTRM", "ELIGVER", "ENROLLM", "MILDCRG", "REMITADV"},
	trust.Research:  {"HRESCH", "BIORCH", "CLINTRCH", "CLINTRCHNPC", "CLINTRCHPC", "PRECLINTRCH", "DSRCH", "POARCH", "TRANSRCH"},
	trust.Marketing: {"HMARKT"},
}

// purposesOf returns the purposes that a denial is for, when it is for these only and for nobody by name;
// nil when it names none, or one that is not known: then it is for all.
func purposesOf(p *fhir.Node) (purposes []trust.Purpose) {
	if p.Get("actor").Len() > 0 {
		return nil
	}
	for c := range p.Get("purpose").Items() {
		known := trust.Purpose("")
		for purpose, codes := range apart {
			if slices.Contains(codes, c.Get("code").Text()) && slices.Contains(actReason, c.Get("system").Text()) {
				known = purpose
			}
		}
		if known == "" {
			return nil
		}
		purposes = append(purposes, known)
	}
	return purposes
}

// peopleOf returns the people whom a denial names; nil when it names none, or somebody who is
// not known by a reference of the clinic: then it is for all.
func peopleOf(p *fhir.Node) (people []string) {
	for actor := range p.Get("actor").Items() {
		who := actor.Path("reference.reference").Text()
		if !strings.HasPrefix(who, "Practitioner/") || strings.Count(who, "/") != 1 {
			return nil
		}
		people = append(people, who)
	}
	return people
}

// classesOf returns the classes of labels that a denial names; nil when it names none, or one
// that is not known: then it is for all.
func classesOf(p *fhir.Node) (classes []string) {
	for label := range p.Get("securityLabel").Items() {
		l, ok := policy.LabelOf(label.Get("code").Text())
		if !ok || l.Class == "" {
			return nil
		}
		if !slices.Contains(classes, l.Class) {
			classes = append(classes, l.Class)
		}
	}
	return classes
}
