package document

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// days writes a time of exactly midnight as the day that is meant: systems fill up a date with zeros, and
// as an instant it would be the day before in zones to the west. What has to be an instant stays one.
func (d *Document) days() {
	for i := range d.Items {
		dayed(d.Items[i].Resource)
		for _, p := range d.Items[i].Parts {
			dayed(p)
		}
	}
}

// instants are the members that FHIR has as instants, and that stay as they are.
var instants = []string{"issued", "effectiveInstant", "meta", "recorded"}

func dayed(n *fhir.Node) {
	var found []string
	for name, v := range n.Members() {
		switch {
		case slices.Contains(instants, name), n.ResourceType() == "Appointment" && (name == "start" || name == "end"), n.ResourceType() == "DocumentReference" && name == "date":
		case v.Kind() == fhir.String:
			if midnight(v.Text()) {
				found = append(found, name)
			}
		default:
			for x := range v.Items() {
				dayed(x)
			}
		}
	}
	for _, name := range found {
		day, _, _ := strings.Cut(n.Get(name).Text(), "T")
		n.Set(name, fhir.Str(day))
	}
}

// midnight reports whether a text is a dateTime of 00:00:00, of whatever zone.
func midnight(s string) bool {
	day, clock, ok := strings.Cut(s, "T")
	if !ok || len(day) != len("2006-01-02") || !strings.HasPrefix(clock, "00:00:00") {
		return false
	}
	zone := clock[len("00:00:00"):]
	if part, ok := strings.CutPrefix(zone, "."); ok {
		zone = strings.TrimLeft(part, "0")
	}
	return zone == "" || zone == "Z" || len(zone) == len("+00:00") && (zone[0] == '+' || zone[0] == '-')
}
