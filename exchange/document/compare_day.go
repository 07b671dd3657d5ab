package document

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
)

// days writes a time of exactly midnight as the day that is meant: systems fill up a date with zeros, and
// as an instant it would be the day before in zones to the west. What has to be an instant stays one. What lasts has
// days alone, those of who sent it: nobody asks at which hour a diagnosis began, and an evening there is the next day here.
func (d *Document) days() {
	for i := range d.Items {
		r := d.Items[i].Resource
		dayed(r, lasting[r.ResourceType()])
		for _, p := range d.Items[i].Parts {
			dayed(p, false)
		}
	}
}

// lasting are the types that begin and end on days.
var lasting = map[string]bool{"Condition": true, "AllergyIntolerance": true, "MedicationStatement": true, "MedicationRequest": true}

// instants are the members that FHIR has as instants, and that stay as they are.
var instants = []string{"issued", "effectiveInstant", "meta", "recorded"}

func dayed(n *fhir.Node, whole bool) {
	var found []string
	for name, v := range n.Members() {
		switch {
		case slices.Contains(instants, name), n.ResourceType() == "Appointment" && (name == "start" || name == "end"), n.ResourceType() == "DocumentReference" && name == "date":
		case v.Kind() == fhir.String:
			if s := v.Text(); midnight(s) || whole && name != "time" && clocked(s) {
				found = append(found, name)
			}
		default:
			for x := range v.Items() {
				dayed(x, whole)
			}
		}
	}
	for _, name := range found {
		day, _, _ := strings.Cut(n.Get(name).Text(), "T")
		n.Set(name, fhir.Str(day))
	}
}

// clocked reports whether a text is a dateTime with a time of day.
func clocked(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || s[10] != 'T' {
		return false
	}
	p, ok := lang.ParsePartial(s)
	return ok && p.Clock
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
