package document

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
)

// The items of a document are held to each other as they are to the chart: a document says of itself that there is
// none and names some, and lists a medicine at home and at the discharge.

// within holds them.
func (c *Comparison) within() {
	defer c.shared()
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Item.Absent && r.in != nil && r.State == New {
			c.contradicts(r)
		}
	}
	c.twice()
	first := map[string][]*Row{} // by what they are found by
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.State != New || r.Item.Absent || r.in == nil || listedOnce[r.in.group] != r.Item.Section {
			continue
		}
		tried := map[*Row]bool{}
		for _, k := range r.in.keys() {
			for _, other := range first[k][:min(len(first[k]), mostAlike)] {
				if !tried[other] {
					tried[other] = true
					r.again(other)
				}
			}
		}
		for _, k := range r.in.keys() {
			first[k] = append(first[k], r)
		}
	}
}

// listedOnce are the groups of which a list names each once, and where the list is: each visit has diagnoses.
var listedOnce = map[string]Section{medicines: Medications, "AllergyIntolerance": Allergies, "Condition": Problems}

// contradicts finds what a document has of that of which it says that there is none. What another section has is
// sure all the same: no problems before this stay, and a diagnosis of it.
func (c *Comparison) contradicts(none *Row) {
	var names []string
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.in == nil || r.Item.Absent || !r.in.now || r.in.group != none.in.group || r.Item.Section != none.Item.Section ||
			r.in.group == "AllergyIntolerance" && !r.denied(none.in) {
			continue
		}
		if r.Item.Of == none.Item.Of {
			r.inside(Doubt{Words: alsoNone})
		}
		none.some = append(none.some, r.Item.Key)
		names = append(names, r.in.name)
	}
	if len(names) > 0 {
		none.inside(Doubt{Words: alsoSome, Args: []any{clip(strings.Join(names[:min(len(names), 5)], ", "))}})
	}
}

// twice finds what a document says twice in the very same way, in whichever sections: it is decided once. Diagnoses of
// visits are those of different ones.
func (c *Comparison) twice() {
	first := map[string][]*Row{}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.State != New || r.Item.Absent || r.in == nil {
			continue
		}
		for _, k := range r.in.keys() {
			for _, before := range first[k][:min(len(first[k]), mostAlike)] {
				if r.State == New && before.State == New && before != r && r.repeats(before) {
					c.once(before, r)
				}
			}
		}
		for _, k := range r.in.keys() {
			first[k] = append(first[k], r)
		}
	}
}

// once leaves one of two rows to be decided: a problem of the list before a diagnosis of a visit, else the first. What is not
// sure of the other is not sure of it.
func (c *Comparison) once(kept, left *Row) {
	if left.Item.Section == Problems && kept.Item.Section != Problems {
		kept, left = left, kept
	}
	left.State, left.Twice = Same, true
	for _, of := range append([]int{left.Item.Of}, left.Also...) {
		if !slices.Contains(kept.Also, of) {
			kept.Also = append(kept.Also, of)
		}
	}
	for _, d := range left.Doubts() {
		if !slices.ContainsFunc(kept.Item.Doubts, d.same) {
			kept.inside(d)
		}
	}
}

// repeats reports whether a row says what another has said, in all that they say: value, dates and status too.
func (r *Row) repeats(before *Row) bool {
	a, b := before.in, r.in
	if a.group != b.group || a.event && when(a, b) != sameInstant || r.Item.Section == Diagnoses && before.Item.Section == Diagnoses && (r.Item.Visit != before.Item.Visit || r.Item.Visit == "") ||
		a.group != "Condition" && spoken(a.node.Get("category")) != spoken(b.node.Get("category")) ||
		!sameAsides(a.node, b.node) ||
		!slices.Equal(labelCodes(before.Item), labelCodes(r.Item)) || severalAlike[a.group] && otherNumbers(a.node, b.node) {
		return false
	}
	shared := folded(a.name) == folded(b.name) && len(a.codes) == len(b.codes)
	for _, k := range a.codes { // what only the catalogues hold for the same may be another form of it
		shared = shared || !strings.HasPrefix(k, "ingredient|") && !strings.HasPrefix(k, "problem|") && slices.Contains(b.codes, k)
	}
	if !shared || len(a.facts) != len(b.facts) {
		return false
	}
	for _, f := range a.facts {
		if f.date && f.value != b.find(f).value {
			return false
		}
	}
	return match{thing: a, sure: true}.state(b) == Same && match{thing: b, sure: true}.state(a) == Same
}

// sameAsides reports whether two entries have the same notes and the same reasons: those of the one that is left are
// written nowhere.
func sameAsides(a, b *fhir.Node) bool {
	for _, member := range []string{"note", "reasonCode", "reasonReference", "statusReason"} {
		if string(a.Get(member).JSON()) != string(b.Get(member).JSON()) {
			return false
		}
	}
	return true
}

// severalAlike are the groups of which two may be alike: two visits of a day, two stents. Their numbers tell them apart.
var severalAlike = map[string]bool{"Encounter": true, "Procedure": true, "Device": true, "DeviceUseStatement": true}

// otherNumbers reports whether both have numbers, and none in common.
func otherNumbers(a, b *fhir.Node) bool {
	n := 0
	for x := range a.Get("identifier").Items() {
		for y := range b.Get("identifier").Items() {
			if n++; x.Get("system").Text() == y.Get("system").Text() && x.Get("value").Text() == y.Get("value").Text() {
				return false
			}
		}
	}
	return n > 0
}

// mark tells the values of panels apart by all that they say but their numbers; "" of one that gives no day.
func mark(part *fhir.Node, doubts []Doubt) string {
	if len(first(part.Get("effectiveDateTime"), part.Path("effectivePeriod.start"))) < len(time.DateOnly) || part.Path("code.coding.0.code").Text() == "" {
		return ""
	}
	part = part.Clone()
	part.Remove("identifier")
	return string(part.JSON()) + inEnglish(doubts)
}

// shared finds the values that two panels have: they are written once.
func (c *Comparison) shared() {
	first := map[string]int{} // the row of a value, by its mark
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.State != New {
			continue
		}
		for at, p := range r.Item.Parts {
			m := mark(p, r.Item.doubtsOf(at, r.lasting()))
			if m == "" {
				continue
			}
			if j, ok := first[m]; !ok {
				first[m] = i
			} else if j != i {
				r.Shared++
				r.SharedWith = c.Rows[j].in.name
			}
		}
	}
}

// labelCodes are the labels of an item and its parts.
func labelCodes(it *Item) (list []string) {
	for _, n := range append([]*fhir.Node{it.Resource}, it.Parts...) {
		for x := range n.Path("meta.security").Items() {
			list = append(list, x.Get("code").Text())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// again looks whether a row says otherwise what one before it has said: that is for a person, of what is so today.
func (r *Row) again(before *Row) {
	switch {
	case r.in.group == "Condition" || !r.in.now || !before.in.now || r.in.apart(before.in):
	default:
		r.inside(Doubt{Words: listedAgain})
		before.inside(Doubt{Words: listedAgain})
	}
}

// apart reports whether two medicines of the same substance are taken by different routes.
func (t *thing) apart(of *thing) bool {
	a, b := t.byName()["Route"], of.byName()["Route"]
	return a.value != "" && b.value != "" && !a.same(b)
}

// old asks about what a document of more than a year ago says is so: the medicines, and the problems of which it
// does not say since when.
func (c *Comparison) old() {
	written := c.Document.Written
	if written.IsZero() || !written.AddDate(1, 0, 0).Before(c.at) {
		return
	}
	for i := range c.Rows {
		r := &c.Rows[i]
		if !r.now || r.Item.Absent || r.State == Same {
			continue
		}
		ask, n := oldDocument, r.Item.Resource
		switch r.in.group {
		case medicines:
			if n.Get("status").Text() != "active" {
				continue
			}
			if first(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"), n.Path("effectivePeriod.end"), n.Get("authoredOn")) == "" {
				ask = oldUndated
			}
		case "Condition":
			if n.Get("clinicalStatus") == nil || n.Get("onsetAge") != nil || first(n.Get("onsetDateTime"), n.Path("onsetPeriod.start"), n.Get("onsetString")) != "" {
				continue
			}
			ask = oldUndated
		default:
			continue
		}
		r.inside(Doubt{Words: ask, Args: []any{day(written.Format(time.DateOnly))}})
	}
}

// over asks about courses that have ended by what the document says of their length, where no end is coded that
// says so itself.
func (c *Comparison) over() {
	today := c.at.Format(time.DateOnly)
	for i := range c.Rows {
		r := &c.Rows[i]
		long, n := r.Item.course, r.Item.Resource
		if long == nil || !r.now || r.State == Same {
			continue
		}
		end := first(n.Path("effectivePeriod.end"))
		start := first(n.Get("effectiveDateTime"), n.Path("effectivePeriod.start"))
		over := long.end(start)
		switch {
		case end != "" && before(end, today):
		case start == "" && end == "":
			r.inside(Doubt{Words: courseUndated, Args: []any{long.says}})
		case over != "" && over <= today:
			r.inside(Doubt{Words: courseOver, Args: []any{long.says, day(start)}})
		}
	}
}

// inside notes what of the document itself makes an item doubtful.
func (r *Row) inside(d Doubt) {
	if !slices.ContainsFunc(r.within, d.same) {
		r.within = append(r.within, d)
	}
}

// same reports whether two doubts ask the same of the same.
func (d Doubt) same(of Doubt) bool { return d.Words == of.Words && reflect.DeepEqual(d.Args, of.Args) }

// Doubts are what is not sure of an item: what could not be read, and what the document says otherwise elsewhere.
func (r Row) Doubts() []Doubt { return append(slices.Clip(r.Item.Doubts), r.within...) }
