package document

import (
	"strconv"
	"strings"
	"testing"

	"github.com/osler-emr/osler/trust"
)

// versionOf is a document about Maria with the number n, in a set when one is named, with problems by their codes;
// one behind "-" is marked as an error.
func versionOf(t *testing.T, n, set string, version int, related string, problems ...string) Upload {
	names := map[string]string{"59282003": "Pulmonary embolism", "38341003": "Hypertensive disorder", "195967001": "Asthma"}
	body := `<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/><id root="2.999.1" extension="` + n + `"/><effectiveTime value="20261101"/>`
	if set != "" {
		body += `<setId root="2.999.7" extension="` + set + `"/><versionNumber value="` + strconv.Itoa(version) + `"/>`
	}
	if code, parent, ok := strings.Cut(related, " "); ok {
		body += `<relatedDocument typeCode="` + code + `"><parentDocument><id root="2.999.1" extension="` + parent + `"/></parentDocument></relatedDocument>`
	}
	body += `<recordTarget><patientRole><patient><name><given>Maria</given><family>Okafor</family></name><administrativeGenderCode code="F"/><birthTime value="19680314"/></patient></patientRole></recordTarget><component><structuredBody><component><section><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title>`
	for _, p := range problems {
		code, wrong := strings.CutPrefix(p, "-")
		status := map[bool]string{true: "nullified", false: "completed"}[wrong]
		body += `<entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="` + status + `"/><value xsi:type="CD" code="` + code + `" codeSystem="2.16.840.1.113883.6.96" displayName="` + names[code] + `"/></observation></entryRelationship></act></entry>`
	}
	body += `</section></component></structuredBody></component></ClinicalDocument>`
	d, err := Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return Upload{Patient: "maria", Body: []byte(body), Read: d}
}

// standing is how each filed document stands: "v1 superseded, v2 current replaces v1".
func (h house) standing() string {
	number := map[string]string{}
	for _, n := range h.all("DocumentReference") {
		number["DocumentReference/"+n.ID()] = n.Path("masterIdentifier.value").Text()
	}
	var out []string
	for _, n := range h.all("DocumentReference") {
		line := n.Path("masterIdentifier.value").Text() + " " + n.Get("status").Text()
		for r := range n.Get("relatesTo").Items() {
			to := number[r.Path("target.reference").Text()]
			if to == "" {
				to = "(" + r.Path("target.identifier.value").Text() + ")"
			}
			line += " " + r.Get("code").Text() + " " + to
		}
		out = append(out, line)
	}
	return strings.Join(out, ", ")
}

// TestVersionsOfADocument: what each version writes, and how the documents stand.
func TestVersionsOfADocument(t *testing.T) {
	const pe, ht = "59282003", "38341003"
	for name, c := range map[string]struct {
		sent     []Upload
		added    []int
		standing string
	}{
		"a newer version": {[]Upload{versionOf(t, "v1", "s", 1, "", pe), versionOf(t, "v2", "s", 2, "RPLC v1", pe, ht)}, []int{1, 1}, "v1 superseded, v2 current replaces v1"},
		"by the set only": {[]Upload{versionOf(t, "v1", "s", 1, "", pe), versionOf(t, "v2", "s", 2, "", pe), versionOf(t, "v3", "s", 3, "", pe)}, []int{1, 0, 0},
			"v1 superseded, v2 superseded replaces v1, v3 current replaces v2"},
		"the older one after it":    {[]Upload{versionOf(t, "v2", "s", 2, "", ht), versionOf(t, "v1", "s", 1, "", pe)}, []int{1, 0}, "v1 superseded, v2 current"},
		"replaced before it came":   {[]Upload{versionOf(t, "v2", "", 0, "RPLC v1", ht), versionOf(t, "v1", "", 0, "", pe)}, []int{1, 0}, "v1 superseded, v2 current replaces (v1)"},
		"the older one again":       {[]Upload{versionOf(t, "v1", "", 0, "", pe), versionOf(t, "v2", "", 0, "RPLC v1", ht), versionOf(t, "v1", "", 0, "", pe)}, []int{1, 1, 0}, "v1 superseded, v2 current replaces v1"},
		"an addendum":               {[]Upload{versionOf(t, "v1", "", 0, "", pe), versionOf(t, "a", "", 0, "APND v1", ht)}, []int{1, 1}, "v1 current, a current appends v1"},
		"an addendum in the set":    {[]Upload{versionOf(t, "v1", "s", 1, "", pe), versionOf(t, "a", "s", 2, "APND v1", ht)}, []int{1, 1}, "v1 current, a current appends v1"},
		"a version, not an addenda": {[]Upload{versionOf(t, "a", "s", 3, "APND v1", ht), versionOf(t, "v1", "s", 1, "", pe), versionOf(t, "v2", "s", 2, "", pe)}, []int{1, 1, 0}, "a current appends (v1), v1 superseded, v2 current replaces v1"},
		"each the other's":          {[]Upload{versionOf(t, "v1", "", 0, "RPLC v2", pe), versionOf(t, "v2", "", 0, "RPLC v1", ht)}, []int{1, 0}, "v1 current replaces (v2), v2 superseded replaces (v1)"},
	} {
		h := open(t)
		anna := h.as(trust.Physician, "anna")
		for i, u := range c.sent {
			if _, a, _, err := Take(ctx, anna, u); err != nil || a.Added != c.added[i] {
				t.Errorf("%s: of the %d. %d were added, %v", name, i+1, a.Added, err)
			}
		}
		got := strings.Split(h.standing(), ", ")
		if len(got) != len(strings.Split(c.standing, ", ")) {
			t.Errorf("%s: %s", name, h.standing())
		}
		for _, line := range strings.Split(c.standing, ", ") {
			if !strings.Contains(", "+h.standing()+", ", ", "+line+", ") {
				t.Errorf("%s: %s, want %s", name, h.standing(), c.standing)
			}
		}
	}
}

// TestWhatALaterVersionNoLongerSaysIsTold: and stays in the chart until a person looks.
func TestWhatALaterVersionNoLongerSaysIsTold(t *testing.T) {
	h := open(t)
	anna := h.as(trust.Physician, "anna")
	take := func(u Upload) *Comparison {
		t.Helper()
		if _, _, _, err := Take(ctx, anna, u); err != nil {
			t.Fatal(err)
		}
		c, err := Compare(ctx, anna, "maria", u.Read)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	told := func(c *Comparison) (out string) {
		for _, g := range c.Gone {
			out += g.Text + map[bool]string{true: " (error)"}[g.Error] + "; "
		}
		return out
	}
	h.put(`{"resourceType":"Condition","id":"own","subject":{"reference":"Patient/maria"},"code":{"text":"Gout"}}`)
	if c := take(versionOf(t, "v1", "s", 1, "", "59282003", "38341003", "195967001")); told(c) != "" {
		t.Errorf("the first: %s", told(c))
	}
	if c := take(versionOf(t, "v2", "s", 2, "", "-59282003", "195967001")); told(c) != "Hypertensive disorder; Pulmonary embolism (error); " {
		t.Errorf("the second: %s", told(c))
	}
	if c := take(versionOf(t, "v3", "s", 3, "", "195967001")); told(c) != "Hypertensive disorder; Pulmonary embolism; " {
		t.Errorf("the third, of the first: %s", told(c))
	}
	if n := len(h.all("Condition")); n != 4 {
		t.Errorf("%d conditions", n)
	}
	if c := take(versionOf(t, "a", "", 0, "APND v3", "38341003")); told(c) != "" {
		t.Errorf("an addendum: %s", told(c))
	}
}
