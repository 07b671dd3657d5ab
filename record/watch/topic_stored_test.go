package watch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

// basic is a topic as the backport guide writes it: with extensions of several versions.
func basic(url, interactions, criteria string) string {
	list := ""
	for _, i := range strings.Fields(interactions) {
		list += fmt.Sprintf(`{"url":"supportedInteraction","valueCode":%q},`, i)
	}
	return fmt.Sprintf(`{"resourceType":"Basic","id":"topic","modifierExtension":[{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.status","valueCode":"active"}],"extension":[`+
		`{"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.url","valueUri":%q},`+
		`{"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.resourceTrigger","extension":[`+
		`{"url":"description","valueMarkdown":"x"},{"url":"resource","valueUri":"http://hl7.org/fhir/StructureDefinition/Encounter"},%s`+
		`{"url":"queryCriteria","extension":[%s]}]}],"code":{"coding":[{"system":"http://hl7.org/fhir/fhir-types","code":"SubscriptionTopic"}]}}`, url, list, criteria)
}

const ownTopic = "http://clinic.example/SubscriptionTopic/visit-complete"

const complete = `{"url":"previous","valueString":"status:not=finished"},{"url":"resultForCreate","valueCode":"test-passes"},{"url":"current","valueString":"status=finished"},{"url":"resultForDelete","valueCode":"test-fails"},{"url":"requireBoth","valueBoolean":true}`

func TestTopicOfTheRecord(t *testing.T) {
	h := open(t)
	c := receive(t, nil)
	sub := strings.Replace(topical("x", c.URL, "patient=Patient/rosa", "id-only", ""), topicBase+"x", ownTopic, 1)
	if _, err := h.try(physician, sub); !fault.Is(err, fault.NotSupported) {
		t.Errorf("a topic that is not there: %v", err)
	}
	h.put(physician, basic(ownTopic, "create update", complete))
	id := h.put(physician, sub)[0]
	h.becomes(id, "active")
	c.clear()
	h.put(physician, visit("e1", "planned", "rosa"))
	h.put(physician, visit("e1", "finished", "rosa")) // 1
	h.put(physician, visit("e1", "finished", "rosa"))
	h.put(physician, visit("e2", "finished", "rosa")) // 2: created as such
	h.put(physician, visit("e3", "finished", "sam"))
	h.remove("Encounter", "e2")
	h.until("two events", func() bool { return len(c.all()) >= 2 })
	h.quiet()
	all := func() string {
		var got []string
		for _, r := range c.all() {
			n := r.node(t)
			valid(t, n)
			got = append(got, told(n)...)
		}
		return fmt.Sprint(got)
	}
	if got := all(); got != "[1 Encounter/e1 2 Encounter/e2]" {
		t.Errorf("%s", got)
	}
	// Another rule: deletions.
	h.put(physician, basic(ownTopic, "delete", `{"url":"previous","valueString":"Encounter?status=finished"}`))
	h.quiet()
	h.remove("Encounter", "e1")
	h.put(physician, visit("e4", "finished", "rosa"))
	h.until("three events", func() bool { return len(c.all()) >= 3 })
	h.quiet()
	if got := all(); got != "[1 Encounter/e1 2 Encounter/e2 3 Encounter/e1]" {
		t.Errorf("%s", got)
	}
	h.remove("Basic", "topic")
	if r := h.becomes(id, "error"); !strings.Contains(r.Get("error").Text(), "no topic") {
		t.Errorf("%s", r.Get("error").Text())
	}
}

func TestTopicsThatCannotBeFollowed(t *testing.T) {
	h := open(t)
	good := basic(ownTopic, "create", complete)
	for old, bad := range map[string]string{
		"status=finished":                       "nonsense=1",
		"status:not=finished":                   "patient.name=x",
		"StructureDefinition/Encounter":         "StructureDefinition/Nothing",
		ownTopic:                                topicBase + "encounter-start",
		`"` + ownTopic + `"`:                    `"no address"`,
		`"url":"queryCriteria"`:                 `"url":"fhirPathCriteria","valueString":"true"},{"url":"other"`,
		"SubscriptionTopic.resourceTrigger":     "SubscriptionTopic.eventTrigger",
		"extension-SubscriptionTopic.resourceT": "extension-SubscriptionTopic.other",
	} {
		if _, err := h.try(physician, strings.Replace(good, old, bad, 1)); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotSupported) && !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	h.put(physician, `{"resourceType":"Basic","code":{"text":"something else"}}`)
}

func TestRules(t *testing.T) {
	a, b := &change{}, &change{}
	a.once.Do(func() {})
	b.once.Do(func() {})
	gone := &change{}
	gone.Deleted = true
	for _, c := range []struct {
		name      string
		r         rule
		c, former *change
		want      bool
	}{
		{"a create", rule{create: true}, a, nil, true},
		{"a create, not asked for", rule{update: true, remove: true}, a, nil, false},
		{"an update", rule{update: true}, b, a, true},
		{"an update, not asked for", rule{create: true, remove: true}, b, a, false},
		{"a deletion", rule{remove: true}, gone, a, true},
		{"a deletion of nothing", rule{remove: true}, gone, nil, false},
		{"a deletion, not asked for", rule{create: true, update: true}, gone, a, false},
	} {
		if got, err := c.r.fits(c.c, c.former); got != c.want || err != nil {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
}
