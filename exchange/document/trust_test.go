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

// TestTheOriginalIsAsSensitiveAsItsEntries: nobody reads in the original, on the task or in what says where entries are
// from what is hidden of them.
func TestTheOriginalIsAsSensitiveAsItsEntries(t *testing.T) {
	h := open(t)
	d := marked(t)
	for i := range d.Items {
		if d.Items[i].Key == "htn" { // labelled by the record, for its code
			d.Items[i].Resource = node(t, `{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20","display":"Opioid dependence"}]}}`)
		}
	}
	amara := h.as(trust.Nurse, "amara")
	if _, err := File(ctx, amara, Upload{Patient: "maria", Body: []byte("<x/>"), Read: d}); err != nil {
		t.Fatalf("whoever holds the paper files it: %v", err)
	}
	if _, a, _, err := Take(ctx, amara, Upload{Patient: "maria", Body: []byte("<y/>"), Read: d}); err != nil || a.Added == 0 {
		t.Fatalf("%+v %v", a, err)
	}
	for _, kind := range []string{"DocumentReference", "Binary", "Task", "Provenance"} {
		if len(h.all(kind)) == 0 {
			t.Errorf("no %s", kind)
		}
		for _, n := range h.all(kind) {
			for _, want := range []string{"PSYTHPN", "SPI", "HIV", "OPIOIDUD"} {
				if !slices.Contains(labels(n), want) {
					t.Errorf("%s without %s: %v", kind, want, labels(n))
				}
			}
		}
		if list, err := amara.Find(ctx, kind, "_count=10"); err == nil && len(list) > 0 {
			t.Errorf("a nurse reads a %s", kind)
		}
	}
}
