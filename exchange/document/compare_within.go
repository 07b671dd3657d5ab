package document

import (
	"slices"
	"strings"
	"time"
)

// The items of a document are held to each other as they are to the chart: a document says of itself that there is
// none and names some, and lists a medicine at home and at the discharge.

// within holds them.
func (c *Comparison) within() {
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Item.Absent && r.in != nil && r.State == New {
			c.contradicts(r)
		}
	}
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
		if r.State == New {
			for _, k := range r.in.keys() {
				first[k] = append(first[k], r)
			}
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

// again looks whether a row says what one before it has said. The very same is not to be decided twice; the same
// otherwise is for a person, of what is so today.
func (r *Row) again(before *Row) {
	if r.State != New {
		return
	}
	here, there := match{thing: before.in, sure: true}, match{thing: r.in, sure: true}
	switch {
	case r.Item.Section == before.Item.Section && here.state(r.in) == Same && there.state(before.in) == Same:
		r.State, r.Twice = Same, true
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
	if !slices.ContainsFunc(r.within, func(o Doubt) bool { return o.Words == d.Words }) {
		r.within = append(r.within, d)
	}
}

// Doubts are what is not sure of an item: what could not be read, and what the document says otherwise elsewhere.
func (r Row) Doubts() []Doubt { return append(slices.Clip(r.Item.Doubts), r.within...) }
