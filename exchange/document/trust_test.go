package document

import (
	"slices"
	"testing"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// labels are what a resource of the chart is labelled with.
func labels(n *fhir.Node) (list []string) {
	for c := range n.Path("meta.security").Items() {
		list = append(list, c.Get("code").Text())
	}
	return list
}

// marked is the letter with entries that say themselves who may see them.
func marked(t *testing.T) *Document {
	d := letter(t)
	say := func(n *fhir.Node, code string) {
		n.SetFirst(1, "meta", fhir.Obj("security", fhir.Arr(fhir.Obj("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code", code))))
	}
	for i := range d.Items {
		switch it := &d.Items[i]; it.Key {
		case "af":
			say(it.Resource, "PSYTHPN")
		case "apix":
			say(it.Resource, "SPI")
		case "bmp":
			say(it.Parts[0], "HIV")
		}
	}
	return d
}

// TestAnEntryKeepsItsOwnLabels: what an entry or its section says of who may see it stands on what is added.
func TestAnEntryKeepsItsOwnLabels(t *testing.T) {
	h := open(t)
	d := marked(t)
	if _, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil || a.Added != len(d.Items) {
		t.Fatalf("%+v %v", a, err)
	}
	for kind, want := range map[string]string{"Condition": "PSYTHPN", "MedicationStatement": "SPI", "Observation": "HIV", "DiagnosticReport": "HIV"} {
		if !slices.ContainsFunc(h.all(kind), func(n *fhir.Node) bool { return slices.Contains(labels(n), want) }) {
			t.Errorf("no %s is labelled %s", kind, want)
		}
	}
	amara := h.as(trust.Nurse, "amara")
	if list, err := amara.Find(ctx, "Condition", "patient=maria"); err != nil || len(list) != 1 {
		t.Errorf("a nurse sees %d problems: %v", len(list), err)
	}
}
