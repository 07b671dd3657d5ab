package document

import (
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/drug"
)

// An entry of the chart is found for an item by what both are: a code that both have, or one that the
// catalogues know to mean the same; for what happened at a time, the time too. Words alone find what
// may be the same, never what is.

// index finds the entries of a chart.
type index struct {
	byKey map[string]*alike
	all   map[string][]*thing // by group
	terms map[string][]int    // the places of those in all, of the first mostKin, that say a word: by group and word
}

func indexOf(nodes []*fhir.Node) index {
	here := index{byKey: map[string]*alike{}, all: map[string][]*thing{}, terms: map[string][]int{}}
	observations := map[string]*fhir.Node{}
	for _, n := range nodes {
		if n.ResourceType() == "Observation" {
			observations[n.Reference()] = n
		}
	}
	for _, n := range nodes {
		if n.Get("status").Text() == "entered-in-error" || n.Get("lifecycleStatus").Text() == "entered-in-error" ||
			n.Path("verificationStatus.coding.0.code").Text() == "entered-in-error" {
			continue
		}
		t := describe(n)
		if t == nil {
			continue
		}
		t.results(observations)
		if at := len(here.all[t.group]); t.loose && at < mostKin {
			for _, w := range t.terms() {
				here.terms[t.group+"\x00"+w] = append(here.terms[t.group+"\x00"+w], at)
			}
		}
		here.all[t.group] = append(here.all[t.group], t)
		for _, k := range t.keys() {
			if here.byKey[k] == nil {
				here.byKey[k] = &alike{}
			}
			here.byKey[k].list = append(here.byKey[k].list, t)
		}
	}
	return here
}

// keys are under what a thing is found.
func (t *thing) keys() (out []string) {
	for _, c := range t.codes {
		out = append(out, t.group+"\x00"+c)
	}
	for _, w := range t.words {
		out = append(out, t.group+"\x00~"+w)
	}
	return out
}

// match is an entry that may be the same as an item.
type match struct {
	thing  *thing
	sure   bool              // by codes and time
	words  bool              // only by words
	class  drug.AllergyClass // that both belong to, where nothing else finds it
	points int
}

// row holds an item to the chart.
func (x index) row(item *Item) Row {
	r := Row{Item: item, State: New}
	in := describe(item.Resource)
	r.in = in
	if item.Absent {
		x.absent(&r)
		return r
	}
	if in == nil {
		return r
	}
	r.now = in.now
	in.parts(item.Parts)
	in.rest()
	best := x.best(in)
	if names := x.refuted(in); names != "" {
		r.State, r.ChartText, r.Fields = Against, names, beside(nil, in)
		return r
	}
	if best.thing == nil {
		r.Fields = beside(nil, in)
		return r
	}
	r.entry, r.of, r.Entry, r.ChartText = best.thing.node, best.thing.of, best.thing.node.Reference(), best.thing.name
	r.Fields = beside(best.thing, in)
	r.State, r.sure = best.state(in), best.sure
	if best.class != "" {
		r.inside(Doubt{Words: sameClass, Args: []any{string(best.class), best.thing.name}})
	}
	r.Merges = r.State != Same && (r.entry.ResourceType() == "Condition" || r.entry.ResourceType() == "AllergyIntolerance" || best.thing.group == medicines)
	return r
}

// best returns the entry that an item is most likely the same as.
func (x index) best(in *thing) (best match) {
	try := func(t *thing, coded bool) {
		if t.tried == in {
			return
		}
		t.tried = in // codes come first: what they do not find by its time, words do not either
		m, ok := in.matches(t, coded)
		t.held = t.held || ok
		if ok && (best.thing == nil || m.points > best.points) {
			best = m
		}
	}
	for _, c := range in.codes {
		for _, t := range x.byKey[in.group+"\x00"+c].near(in) {
			try(t, true)
		}
	}
	for _, w := range in.words {
		for _, t := range x.byKey[in.group+"\x00~"+w].near(in) {
			try(t, false)
		}
	}
	if best.thing == nil && in.loose {
		for _, t := range x.kin(in) {
			try(t, false)
		}
		if best.thing != nil {
			best.class, _ = in.cause.Kin(best.thing.cause)
		}
	}
	return best
}

// mostKin is how many entries of a chart are looked through for what no code and no name finds.
const mostKin = 500

// kin are the entries of which an item says a part of the words and no code ("Diabetes" for "Type 2 diabetes
// mellitus"), or whose class of medicines it is of: penicillin G, where penicillin is known.
func (x index) kin(in *thing) (out []*thing) {
	all := x.all[in.group]
	all = all[:min(len(all), mostKin)]
	for _, i := range x.saying(in) {
		if len(in.terms()) < len(all[i].terms()) {
			out = append(out, all[i])
		}
	}
	if !in.cause.Known() {
		return out
	}
	for _, t := range all {
		if _, kin := in.cause.Kin(t.cause); kin && t.now {
			out = append(out, t)
		}
	}
	return out
}

// saying are the places of the entries that say every word of an item without codes.
func (x index) saying(in *thing) []int {
	if len(in.codes) > 0 {
		return nil
	}
	var lists [][]int
	for _, w := range in.terms() {
		lists = append(lists, x.terms[in.group+"\x00"+w])
	}
	if len(lists) == 0 {
		return nil
	}
	slices.SortFunc(lists, func(a, b []int) int { return len(a) - len(b) })
	found := slices.Clone(lists[0])
	for _, list := range lists[1:] {
		found = slices.DeleteFunc(found, func(i int) bool {
			_, says := slices.BinarySearch(list, i)
			return !says
		})
	}
	return found
}

// matches reports whether an entry may be the same as an item.
func (t *thing) matches(of *thing, coded bool) (match, bool) {
	m := match{thing: of, sure: coded, words: !coded}
	at := noDay
	if t.event {
		if at = when(of, t); at == otherDay { // most of what has the same code
			return m, false
		}
	}
	differs := t.differing(of)
	if t.event {
		switch at {
		case sameInstant:
			m.points += 300
		case dayOnly: // one of both says no hour
			m.points += 200
			m.sure = m.sure && (differs == 0 || t.daily)
		case otherHour:
			if differs > 0 && !t.daily { // a second measurement of the day
				return m, false
			}
			m.points += 100
			m.sure = m.sure && t.daily
		case nextDay:
			if differs > 1 { // than the date
				return m, false
			}
			m.sure = false
		case noDay:
			m.sure = false
		}
	}
	if m.sure {
		m.points += 1000
	}
	if of.now {
		m.points += 20
	}
	m.points -= differs
	return m, true
}

// state says how the matched entry stands to the item: the same only when all that the item says is in it.
func (m match) state(in *thing) State {
	differs, less, more := false, false, false
	for _, f := range m.thing.facts { // a panel that has fewer parts than the chart's
		less = less || f.part && !f.gathers && in.find(f).name == ""
	}
	for _, f := range in.facts {
		of := m.thing.find(f)
		switch {
		case f.part && !f.gathers && of.name == "": // the chart has no such part, or it cannot be read
			differs = true
		case f.title && m.sure && takesBack(f.value, in.group) != takesBack(of.value, in.group): // "PE ruled out" is not PE
			differs = true
		case f.title && (m.sure || f.sameWords(of)):
		case f.value == "" && of.value == "":
		case f.value == "" && suspicions[of.value]:
			differs = true
		case f.value == "":
			less = less || f.weighs || of.weighs
		case of.value == "" && f.otherwise:
			differs = true
		case of.value == "":
			more = more || f.value != f.usual
		case !f.same(of):
			differs, more = differs || !f.gathers, more || f.gathers
		case f.date && f.weighs:
			less = less || min(len(f.value), len(time.DateOnly)) < min(len(of.value), len(time.DateOnly))
		}
	}
	switch {
	case m.class != "":
		return Perhaps
	case m.sure && differs, m.words && differs && len(in.codes) > 0:
		return Differs
	case m.words && len(in.codes) == 0 && len(m.thing.codes) > 0:
		return LessExact
	case !m.sure:
		return Perhaps
	case more:
		return More
	case less:
		return LessExact
	}
	return Same
}

// suspicions are certainties of the chart that a plain statement goes beyond. "Unconfirmed" is what nobody here has
// looked at.
var suspicions = map[string]bool{"provisional": true, "differential": true}

// beside puts the facts of an item beside those of an entry, which may be nil.
func beside(entry, in *thing) (out []Field) {
	for _, f := range in.facts {
		of := entry.find(f)
		if f.value == "" && of.value == "" {
			continue
		}
		out = append(out, Field{Name: f.name, Chart: of.value, Incoming: f.value, Date: f.date,
			Differs: entry != nil && f.differs(of)})
		for i, m := range f.more {
			theirs := ""
			if len(of.more) > i {
				theirs = of.more[i].value
			}
			if m.value != "" || theirs != "" {
				out = append(out, Field{Name: m.name, Chart: theirs, Incoming: m.value})
			}
		}
	}
	return out
}

// differing counts the facts that differ from those of an entry.
func (t *thing) differing(of *thing) (n int) {
	for _, f := range t.facts {
		if f.differs(of.find(f)) {
			n++
		}
	}
	return n
}

// byName returns the facts by their names; none of nil.
func (t *thing) byName() map[string]fact {
	if t == nil {
		return nil
	}
	if t.named == nil {
		t.named = make(map[string]fact, len(t.facts))
		for _, f := range t.facts {
			if !f.part {
				t.named[f.name] = f
			}
		}
	}
	return t.named
}

// nearness is how near two times are.
type nearness int

const (
	noDay nearness = iota // one of both is not stated
	otherDay
	nextDay // a day, and an instant in UTC that may be of it where it was
	otherHour
	dayOnly
	sameInstant
)

// when compares the dates of two events.
func when(one, other *thing) nearness {
	x, ok := one.moment()
	y, ok2 := other.moment()
	if !ok || !ok2 {
		return noDay
	}
	a, b := one.date, other.date
	if x.Clock && y.Clock {
		d := x.Time.Sub(y.Time)
		switch {
		case d > -time.Minute && d < time.Minute:
			return sameInstant
		case x.Time.Format(time.DateOnly) == y.Time.Format(time.DateOnly) || d > -24*time.Hour && d < 24*time.Hour && sameDay(a, b):
			return otherHour
		}
		return otherDay
	}
	if !sameDay(a, b) {
		if x.Clock != y.Clock && (mayBeOf(x, b) || mayBeOf(y, a)) {
			return nextDay
		}
		return otherDay
	}
	if len(a) < len("2006-01-02") || len(b) < len("2006-01-02") { // the month or the year only
		return noDay
	}
	if x.Clock == y.Clock {
		return sameInstant // both say the day, and no more
	}
	return dayOnly
}

// mayBeOf reports whether an instant in UTC, as this house writes its own, may be of a day beside that of UTC: an evening
// in the west, a morning in the east. An instant with an offset says of which day it is.
func mayBeOf(p lang.Partial, day string) bool {
	if _, offset := p.Time.Zone(); !p.Clock || offset != 0 || len(day) != len(time.DateOnly) {
		return false
	}
	return p.Time.Hour() < 12 && p.Time.AddDate(0, 0, -1).Format(time.DateOnly) == day ||
		p.Time.Hour() >= 10 && p.Time.AddDate(0, 0, 1).Format(time.DateOnly) == day
}

// moment is the date of an event, read once.
func (t *thing) moment() (lang.Partial, bool) {
	if !t.dated {
		t.dated = true
		t.at, t.dateKnown = lang.ParsePartial(t.date)
	}
	return t.at, t.dateKnown
}

// absent holds a statement that there is none to the chart. It takes nothing away.
func (x index) absent(r *Row) {
	group := r.Item.Resource.ResourceType()
	if group == "MedicationRequest" || group == "MedicationStatement" {
		group = medicines
	}
	var entries, codes []string
	if r.in != nil {
		codes = r.in.codes
	}
	for _, t := range x.all[group] {
		if t.none && !t.part || slices.ContainsFunc(t.codes, func(c string) bool { return slices.Contains(codes, c) }) {
			r.State, r.entry, r.Entry, r.ChartText = Same, t.node, t.node.Reference(), t.name
		} else if t.now {
			entries = append(entries, t.name)
		}
	}
	if len(entries) > 0 {
		r.State, r.entry, r.Entry = Against, nil, ""
		r.ChartText = strings.Join(entries[:min(len(entries), 5)], ", ")
	}
}

// refuted are the names of what the chart has of today where an item says that it is not so: a denied diabetes denies
// type 2 diabetes too.
func (x index) refuted(in *thing) string {
	if in.group != "Condition" && in.group != "AllergyIntolerance" || code(in.node.Get("verificationStatus")) != "refuted" || len(in.terms()) == 0 {
		return ""
	}
	var names []string
	for _, t := range x.all[in.group] {
		shared := slices.ContainsFunc(t.codes, func(c string) bool { return slices.Contains(in.codes, c) })
		if t.now && !t.none && (shared || !slices.ContainsFunc(in.terms(), func(w string) bool { return !slices.Contains(t.terms(), w) })) {
			names = append(names, t.name)
		}
	}
	return strings.Join(names[:min(len(names), 5)], ", ")
}
