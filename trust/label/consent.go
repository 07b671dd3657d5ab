package label

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Consents reads a Consent as rules: "deny/all", "permit/all", "deny/Practitioner/7",
// "deny/label/mental", "deny/purpose/HPAYMT", "deny/outside". The record keeps them as tags, which access predicates ask for.
//
// A denial is read as widely as it could be meant and a permission as narrowly: conditions
// that are not understood (a purpose, a class, a time of the data, an actor that is no person
// of the clinic) do not narrow a denial, and make a permission none. So a consent that cannot
// be evaluated denies. What is no privacy consent, such as one to a treatment, says nothing.
func Consents(c *fhir.Node) (rules []string) {
	if c.ResourceType() != "Consent" || !privacy(c) {
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

// privacy reports whether a consent is about who sees the record.
func privacy(c *fhir.Node) bool {
	for coding := range c.Path("scope.coding").Items() {
		switch coding.Get("code").Text() {
		case "patient-privacy":
			return true
		case "treatment", "research", "adr":
			return false
		}
	}
	return true // it does not say: taken for the strictest
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
	people, classes := peopleOf(p), classesOf(p)
	switch {
	case kind != "deny": // a consent that says neither
		add("deny/all")
	case people != nil:
		for _, who := range people {
			add("deny/" + who)
		}
	case classes != nil:
		for _, class := range classes {
			add("deny/label/" + class)
		}
	case outside(p):
		add("deny/outside")
	case payment(p):
		add("deny/purpose/HPAYMT")
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

// payment reports whether a denial is for the purpose of payment only, and for nobody by name.
func payment(p *fhir.Node) bool {
	all := p.Get("purpose").Len() > 0 && p.Get("actor").Len() == 0
	for c := range p.Get("purpose").Items() {
		all = all && c.Get("code").Text() == "HPAYMT"
	}
	return all
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
