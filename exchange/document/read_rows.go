package document

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/wire/cda"
)

// row is a row of a table with what stands over it.
type row struct {
	heads  []string // over each of its cells
	banner string   // over all of them: "Past medicines"
}

// rowsOf finds the rows of the tables in the text of a section, and what they stand under.
func (r *reader) rowsOf(of int) {
	banner := ""
	var list []*cda.Passage
	var walk func(p *cda.Passage)
	table := func(t *cda.Passage) {
		var heads []string // of the columns
		var above grid
		own, headed := false, false
		for i := range t.Parts {
			p := &t.Parts[i]
			if p.Kind == "caption" {
				banner, own = p.Line(), true
				continue
			}
			if p.Kind != "row" {
				continue
			}
			titles, all := headsOf(p)
			if headed && !all { // what spans rows ends with the head of the table
				above = nil
			}
			headed = all
			before := slices.Clone(above)
			at := above.place(p)
			if all {
				alone := len(titles) == 1 || len(slices.DeleteFunc(slices.Clone(titles), func(s string) bool { return s == "" })) == 1
				if alone && slices.Max(append(before, 0)) == 0 {
					banner, own = strings.Join(titles, ""), true
				} else if heads = before.under(heads, p, at); !own {
					banner = ""
				}
				continue
			}
			over := make([]string, len(at))
			for i, column := range at {
				if column < len(heads) {
					over[i] = heads[column]
				}
			}
			r.rows[p] = row{over, banner}
			list = append(list, p)
			for c := range p.Parts {
				walk(&p.Parts[c])
			}
		}
	}
	walk = func(p *cda.Passage) {
		if p.Kind == "table" {
			table(p)
			return
		}
		if p.Kind == "paragraph" || p.Kind == "caption" {
			if line := p.Line(); line != "" && len(line) < 60 {
				banner = line
			}
		}
		for i := range p.Parts {
			walk(&p.Parts[i])
		}
	}
	walk(&r.doc.Texts[of].Body)
	r.inText = append(r.inText, list)
}

// grid says of each column of a table for how many rows more a cell from above stands in it.
type grid []int

// mostColumns bounds a grid: cells that span rows in columns beyond it are as if they did not.
const mostColumns = 200

// place returns the columns in which the cells of the next row begin.
func (g *grid) place(p *cda.Passage) (at []int) {
	type span struct{ from, to, rows int }
	var spans []span
	column := 0
	for i := range p.Parts {
		c := &p.Parts[i]
		if c.Kind != "cell" && c.Kind != "head" {
			continue
		}
		for column < len(*g) && (*g)[column] > 0 {
			column++
		}
		at = append(at, column)
		next := column + max(c.Cols, 1)
		if c.Rows > 1 {
			spans = append(spans, span{column, min(next, mostColumns), c.Rows - 1})
		}
		column = next
	}
	for i := range *g {
		(*g)[i] = max((*g)[i]-1, 0)
	}
	for _, s := range spans {
		for i := s.from; i < s.to; i++ {
			for len(*g) <= i {
				*g = append(*g, 0)
			}
			(*g)[i] = s.rows
		}
	}
	return at
}

// under returns the heads of the columns after another row of heads: of a column in which one from above stands,
// it is that.
func (g grid) under(above []string, p *cda.Passage, at []int) []string {
	heads, n := make([]string, len(g)), 0
	for i, rows := range g {
		if rows > 0 && i < len(above) {
			heads[i] = above[i]
		}
	}
	for i := range p.Parts {
		if c := &p.Parts[i]; c.Kind == "head" {
			for len(heads) <= at[n] {
				heads = append(heads, "")
			}
			heads[at[n]] = c.Line()
			n++
		}
	}
	return heads
}

// headsOf returns the heads in a row, and whether there is nothing else in it.
func headsOf(p *cda.Passage) (titles []string, all bool) {
	for i := range p.Parts {
		c := &p.Parts[i]
		switch c.Kind {
		case "head":
			titles = append(titles, c.Line())
		case "cell":
			return nil, false
		}
	}
	return titles, len(titles) > 0
}

// cells goes over the cells of a row with the heads of their columns.
func (r *reader) cells(p *cda.Passage, f func(head string, cell *cda.Passage)) {
	n, heads := 0, r.rows[p].heads
	for i := range p.Parts {
		if r.budget -= 64; r.budget < 0 {
			return
		}
		c := &p.Parts[i]
		if c.Kind != "cell" && c.Kind != "head" {
			continue
		}
		head := ""
		if n < len(heads) {
			head = heads[n]
		}
		f(head, c)
		n++
	}
}

// rowOf returns the row that a statement refers to; when it refers to none, the only one with a cell
// of the same name.
func (r *reader) rowOf(e *cda.Element, code *fhir.Node) (found *cda.Passage) {
	if p, ok := r.places[r.source(e)]; ok {
		if _, ok := r.rows[p.wide]; ok {
			return p.wide
		}
		return nil
	}
	named, ok := r.called[r.of]
	if !ok {
		named = namedRows(r.inText[r.of])
		r.called[r.of] = named
	}
	found = named[strings.ToLower(conceptText(code))]
	for c := range code.Get("coding").Items() {
		if p := named[strings.ToLower(c.Get("display").Text())]; found == nil {
			found = p
		}
	}
	return found
}

// namedRows are the rows of which a short cell says something that no other row says.
func namedRows(rows []*cda.Passage) map[string]*cda.Passage {
	named := map[string]*cda.Passage{}
	for _, p := range rows[:min(len(rows), 1000)] {
		for i := range p.Parts[:min(len(p.Parts), 30)] {
			c := &p.Parts[i]
			if c.Kind != "cell" && c.Kind != "head" || !brief(c, 300) {
				continue
			}
			line := strings.ToLower(c.Line())
			if other, twice := named[line]; twice && other != p {
				named[line] = nil
			} else {
				named[line] = p
			}
		}
	}
	delete(named, "")
	return named
}

var (
	directing = regexp.MustCompile(`(?i)^(directions?|instructions?|sig|dose|dosage|frequency|route|schedule|admin(istration)? instructions?|dose instructions?|directions? for use)\b`)
	directs   = regexp.MustCompile(`(?i)\b(take|inhale|apply|inject|insert|instill|chew|every|daily|weekly|monthly|once|twice|times|prn|as needed|if needed|as directed|at bedtime|[bt]\.?i\.?d|q\.?i\.?d|q(hs|am|pm|d|od))\b|\bq ?[0-9]`)
	needed    = regexp.MustCompile(`(?i)\b(prn|p\.r\.n|(as|if|when) (needed|necessary|required))\b`)
	times     = regexp.MustCompile(`(?i)\b(every|daily|weekly|monthly|once|twice|times|bedtime|[bt]\.?i\.?d|q\.?i\.?d|q(hs|am|pm|d|od))\b|\bq ?[0-9]`)
)

// directions returns how a medicine is to be taken in the words of its author: of the entry, else of
// the row or passage that it refers to.
func (r *reader) directions(e *cda.Element, code *fhir.Node) string {
	name := strings.ToLower(conceptText(code))
	fit := func(s string) bool {
		return s != "" && len(s) <= 500 && directs.MatchString(s) && !strings.Contains(name, strings.ToLower(s)) && !denies.MatchString(s)
	}
	text := e.Child("text")
	if own := text.Content(); fit(own) {
		return own
	}
	if p := r.rowOf(e, code); p != nil {
		var parts []string
		r.cells(p, func(head string, c *cda.Passage) {
			if line := r.line(c); directing.MatchString(head) && line != "" && !denies.MatchString(line) && len(line) <= 250 && len(parts) < 8 && !slices.Contains(parts, line) {
				parts = append(parts, line)
			}
		})
		if len(parts) > 0 {
			return strings.Join(parts, ", ")
		}
		said := ""
		r.leaves(p, func(l *cda.Passage) {
			if line := r.line(l); said == "" && fit(line) {
				said = line
			}
		})
		if said != "" {
			return said
		}
	}
	if said := r.textOf(text); fit(said) {
		return said
	}
	return ""
}

var (
	notNow    = regexp.MustCompile(`(?i)\b(no longer|not( currently)?) (active|current|taking|taken)\b`)
	nowWords  = regexp.MustCompile(`(?i)\b(active|current|currently|ongoing)\b`)
	pastWords = regexp.MustCompile(`(?i)\b(past|completed|discontinued|expired|inactive|previous|stopped|ended|former|prior history)\b`)
	heldWords = regexp.MustCompile(`(?i)\bon hold\b|^(hold|held|suspended)$`)
)

// told returns whether a medicine is taken, past or onHold in the words of its row, of what stands over
// it, or of the title of the section; "" when they do not say, or say both.
func (r *reader) told(e *cda.Element, code *fhir.Node) string {
	p := r.rowOf(e, code)
	said := ""
	if p != nil {
		r.leaves(p, func(l *cda.Passage) {
			if line := r.line(l); len(line) <= 20 && said == "" {
				said = sided(line)
			}
		})
	}
	for _, s := range []string{r.rows[p].banner, r.title()} {
		if said == "" {
			said = sided(s)
		}
	}
	return said
}

var (
	awaited = regexp.MustCompile(`(?i)^(scheduled|pending|ordered|planned|requested)\b`)
	given   = regexp.MustCompile(`(?i)^(completed|given|administered|done|performed)\b`)
)

// rowSays reports whether a cell or passage of the row of a statement begins with words of a kind.
func (r *reader) rowSays(e *cda.Element, code *fhir.Node, words *regexp.Regexp) (found bool) {
	if p := r.rowOf(e, code); p != nil {
		r.leaves(p, func(l *cda.Passage) {
			line := r.line(l)
			found = found || len(line) <= 20 && words.MatchString(line)
		})
	}
	return found
}

// sided returns whether words say that something is taken, past or onHold; "" when they do not, or say both.
func sided(s string) string {
	if heldWords.MatchString(s) {
		return onHold
	}
	rest := notNow.ReplaceAllString(s, "")
	switch now, over := nowWords.MatchString(rest), pastWords.MatchString(rest) || rest != s; {
	case now == over:
		return ""
	case now:
		return taken
	}
	return past
}

// maxForgotten is how many rows of a section are told that no entry refers to.
const maxForgotten = 50

// namedKinds are sections where the name of an item in a row is as good as a reference.
var namedKinds = map[Section]bool{Allergies: true, Medications: true, Problems: true, Immunizations: true, Procedures: true, Plan: true, Devices: true}

// forgotten says which rows of a section no entry refers to, where its entries refer to others. A
// row that goes on from another, or that names what an item is called, is not one.
func (r *reader) forgotten(of int) {
	rows := r.inText[of]
	if len(rows) == 0 || len(rows) > 500 {
		return
	}
	ids := map[string]bool{}
	var collect func(e *cda.Element)
	collect = func(e *cda.Element) {
		if id := e.Reference(); id != "" {
			ids[id] = true
		}
		for c := range e.Children() {
			collect(c)
		}
	}
	for _, e := range r.cda.Sections[of].Entries {
		collect(e)
	}
	kept := map[*cda.Passage]bool{} // rows that are referred to, with what they hold
	var mark func(p *cda.Passage)
	mark = func(p *cda.Passage) {
		if kept[p] {
			return
		}
		kept[p] = true
		for i := range p.Parts {
			mark(&p.Parts[i])
		}
	}
	var find func(p *cda.Passage) bool
	find = func(p *cda.Passage) bool {
		if ids[p.ID] {
			mark(p)
			return true
		}
		found := false
		for i := range p.Parts {
			found = find(&p.Parts[i]) || found
		}
		if _, ok := r.rows[p]; ok && found {
			mark(p)
		}
		return found
	}
	delete(ids, "")
	find(&r.doc.Texts[of].Body)
	var names []string
	for i := len(r.doc.Items) - 1; i >= 0 && r.doc.Items[i].Of == of && len(names) < 2000; i-- {
		for _, name := range namesOf(&r.doc.Items[i]) {
			names = append(names, clip(name))
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 300 {
		return
	}
	calls := func(p *cda.Passage) bool { return anySays(clip(r.line(p)), names) }
	some := false
	for _, p := range rows {
		some = some || kept[p] || namedKinds[r.kind] && calls(p)
	}
	if !some {
		return
	}
	told := 0
	for _, p := range rows {
		line := r.line(p)
		if kept[p] || told == maxForgotten || !strings.ContainsFunc(line, unicode.IsLetter) || denies.MatchString(line) || len(p.Parts) == 0 || p.Parts[0].Empty() || calls(p) {
			continue
		}
		told++
		r.doc.Unread = append(r.doc.Unread, Unread{Of: of, What: clip(line), Why: Doubt{Words: rowOnly}})
	}
}

// namesOf returns what an item is called.
func namesOf(it *Item) (names []string) {
	for _, n := range append([]*fhir.Node{it.Resource}, it.Parts...) {
		for _, path := range []string{"code", "medicationCodeableConcept", "vaccineCode", "type", "type.0", "relationship", "description", "valueCodeableConcept"} {
			c := n.Path(path)
			if t := c.Get("text").Text(); t != "" {
				names = append(names, t)
			}
			for coding := range c.Get("coding").Items() {
				if d := coding.Get("display").Text(); d != "" {
					names = append(names, d)
				}
			}
		}
	}
	return names
}

// leaves goes over the passages that hold only a text, or a text in pieces that nothing parts ("Take <b>5 mg</b>
// daily"). A row may be referred to by every entry: what is looked at counts as taken.
func (r *reader) leaves(p *cda.Passage, f func(*cda.Passage)) {
	if r.budget -= 64; r.budget < 0 {
		return
	}
	if len(p.Parts) == 0 || p.Kind != "row" && slices.ContainsFunc(p.Parts, func(x cda.Passage) bool { return x.Kind == "" && strings.TrimSpace(x.Text) != "" }) && !r.parted(p) {
		f(p)
		return
	}
	for i := range p.Parts {
		r.leaves(&p.Parts[i], f)
	}
}

// parted reports whether something in a passage stands for itself.
func (r *reader) parted(p *cda.Passage) bool {
	for i := range p.Parts {
		if r.budget -= 16; r.budget < 0 {
			return true
		}
		switch x := &p.Parts[i]; x.Kind {
		case "", "emphasis", "content":
			if x.ID != "" || r.parted(x) {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// brief reports whether a passage has no more than a number of parts and bytes.
func brief(p *cda.Passage, most int) bool {
	var count func(p *cda.Passage)
	count = func(p *cda.Passage) {
		most -= len(p.Text) + 1
		for i := 0; i < len(p.Parts) && most >= 0; i++ {
			count(&p.Parts[i])
		}
	}
	count(p)
	return most >= 0
}
