package clinic

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/exchange/document"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/chart"
)

// importView is the review of a document of another clinic.
type importView struct {
	Frame   chartFrame
	Banner  *ui.Banner
	File    chart.Document
	C       *document.Comparison
	R       *document.Review
	Choices map[string]document.Choice // chosen, not accepted yet
	Reason  string
	Key     string // makes a double click harmless
	Only    bool   // only what needs a decision is shown
	Moved   bool
	Names   map[string]string
	Faults  ui.Faults

	passages map[string]bool // where passages of the text stand in the page
}

// importFile is a filed document that was read again.
type importFile struct {
	file chart.Document
	read *document.Document
}

// reviewable reports whether a filed document may be one that can be reviewed.
func reviewable(d chart.Document) bool {
	return d.Held && !d.Wrong() && (strings.HasSuffix(d.ContentType, "/xml") || strings.HasSuffix(d.ContentType, "+xml"))
}

// openImport opens and reads a filed document.
func openImport(r *web.Request, patient, id string) (importFile, error) {
	f, content, err := chart.OpenDocument(r.Context(), r.Actor, patient, id)
	if err != nil {
		return importFile{}, err
	}
	defer content.Close()
	f.ID = id
	body, err := wholeDocument(content)
	if err != nil {
		return importFile{file: f}, err
	}
	d, err := document.ReadFor(r.Context(), body)
	return importFile{f, d}, err
}

// wholeDocument reads a document of another clinic, which is no scan: it is held in memory.
func wholeDocument(in io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(in, document.MaxBytes+1))
	if err == nil && len(body) > document.MaxBytes {
		err = fault.New(fault.TooLarge, "The document is larger than %d MB.", document.MaxBytes>>20).At("document")
	}
	return body, err
}

// importShow shows the review of a document.
func importShow(w http.ResponseWriter, r *web.Request) error {
	f, err := openImport(r, r.PathValue("patient"), r.PathValue("document"))
	var v importView
	if err == nil {
		v, err = importReview(r, f)
	}
	if err == nil {
		err = v.C.Original(f.file.ID)
	}
	if err != nil {
		return importUnreadable(w, r, f, err)
	}
	v.Choices, v.Only = v.R.Saved, r.FormValue("view") == "open"
	if !v.others() { // a reason is typed by who decides
		v.Reason = v.R.Reason
	}
	return showImport(w, r, v)
}

// importUnreadable shows of a document whose original cannot be read what can be taken back, when there is anything.
func importUnreadable(w http.ResponseWriter, r *web.Request, f importFile, why error) error {
	if r.Context().Err() != nil || fault.Is(why, fault.Forbidden) {
		return why
	}
	v := importView{File: f.file, Key: nonce(r)}
	v.File.ID = r.PathValue("document")
	var err error
	v.C, v.R, err = document.Unreadable(r.Context(), r.Actor, r.PathValue("patient"), v.File.ID)
	if err != nil || len(v.batches(r.Context())) == 0 {
		return why
	}
	v.Faults.Add("document", sentence(r, why))
	return showImport(w, r, v)
}

// importReview holds a document to the chart.
func importReview(r *web.Request, f importFile) (importView, error) {
	v := importView{File: f.file, Key: nonce(r), passages: passagesOf(f.read)}
	var err error
	if v.C, err = document.Compare(r.Context(), r.Actor, r.PathValue("patient"), f.read); err != nil {
		return v, err
	}
	v.R, err = document.ReviewOf(r.Context(), r.Actor, r.PathValue("patient"), f.file.ID)
	return v, err
}

func showImport(w http.ResponseWriter, r *web.Request, v importView) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v.Frame = frameOf(r, c, "documents")
	v.Banner = bannerOf(c.Patient, c.Allergies)
	var by []string
	for _, b := range v.R.Batches {
		by = append(by, b.By)
	}
	if v.Names, err = staffNames(r.Context(), r.Actor, by...); err != nil {
		return err
	}
	v.Frame.Side = importSide(v)
	p := chartPage(r, c, "Review a document")
	p.Sheets = append(p.Sheets, "import.css")
	p.Scripts = append(p.Scripts, "import.js")
	if to := v.next(); to != "" {
		p.Skip = ui.NavItem{Label: "Skip to the first item to decide", Href: to}
	}
	if len(v.Faults) > 0 || v.Moved {
		return web.Invalid(w, r, p, importPage(v))
	}
	return web.Page(w, r, p, importPage(v))
}

// importWhole shows the whole text of a document, as its author attested it.
func importWhole(w http.ResponseWriter, r *web.Request) error {
	f, err := openImport(r, r.PathValue("patient"), r.PathValue("document"))
	if err != nil {
		return err
	}
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	p := chartPage(r, c, "Whole document")
	p.Sheets = append(p.Sheets, "import.css")
	return web.Page(w, r, p, importWholePage(frameOf(r, c, "documents"), f.file, f.read))
}

// importGroup are the rows of a section that somebody has to decide about.
type importGroup struct {
	Section document.Section
	Rows    []document.Row
	Left    int  // rows that wait: nothing is chosen, or Unsure
	Done    bool // all of it is accepted
}

// sections are the sections with what has to be decided.
func (v importView) sections() (out []importGroup) {
	for _, s := range v.C.Sections() {
		g := importGroup{Section: s, Done: true}
		for _, r := range v.C.Rows {
			if sectionOf(r) != s || !r.Decide() {
				continue
			}
			g.Rows = append(g.Rows, r)
			done, c := v.R.Done[r.Item.Key] != "", v.Choices[r.Item.Key]
			g.Done = g.Done && done
			if !done && (c == "" || c == document.Unsure) {
				g.Left++
			}
		}
		if len(g.Rows) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func sectionOf(r document.Row) document.Section { return cmp.Or(r.Item.Section, document.Other) }

// next is where in the page the first item stands that nothing is chosen for, or else what accepts; "" when all is
// decided.
func (v importView) next() string {
	if v.left() == 0 {
		return ""
	}
	for _, s := range v.sections() {
		for _, r := range s.Rows {
			if v.R.Done[r.Item.Key] == "" && v.Choices[r.Item.Key] == "" {
				return "#f-" + r.Item.Key
			}
		}
	}
	return "#accept"
}

// same are the rows that are the same as the chart.
func (v importView) same() []document.Row { return v.undecided(false) }

// twice are the rows that are decided with another one of the document.
func (v importView) twice() []document.Row { return v.undecided(true) }

func (v importView) undecided(twice bool) (out []document.Row) {
	for _, r := range v.C.Rows {
		if !r.Decide() && r.Twice == twice {
			out = append(out, r)
		}
	}
	return out
}

// Total is how many items have to be decided, Left how many of them are not, and Chosen how many of those
// have a choice that a press accepts.
func (v importView) Total() (n int) {
	for _, r := range v.C.Rows {
		if r.Decide() {
			n++
		}
	}
	return n
}

func (v importView) left() int { return v.R.Left(v.C) }

func (v importView) chosen(c document.Choice) (n int) {
	for _, r := range v.C.Rows {
		if v.R.Done[r.Item.Key] == "" && v.Choices[r.Item.Key] == c {
			n++
		}
	}
	return n
}

// tally says what is chosen: "3 add, 1 merge, 1 ignore".
func (v importView) tally(ctx context.Context) string {
	var parts []string
	for _, c := range document.Choices {
		if n := v.chosen(c); n > 0 {
			parts = append(parts, ui.T(ctx, map[document.Choice]string{document.Add: "%d add", document.Merge: "%d merge", document.Ignore: "%d ignore", document.Unsure: "%d unsure"}[c], n))
		}
	}
	if len(parts) == 0 {
		return ui.T(ctx, "Nothing is chosen yet.")
	}
	return strings.Join(parts, ui.T(ctx, ", "))
}

// countWords are the words with which the script counts what is chosen; 9999 stands for the number.
func (v importView) countWords(ctx context.Context) templ.Attributes {
	return templ.Attributes{"data-add": ui.T(ctx, "%d add", 9999), "data-merge": ui.T(ctx, "%d merge", 9999), "data-ignore": ui.T(ctx, "%d ignore", 9999),
		"data-unsure": ui.T(ctx, "%d unsure", 9999), "data-none": ui.T(ctx, "Nothing is chosen yet."), "data-left": ui.T(ctx, "%d left", 9999), "data-comma": ui.T(ctx, ", ")}
}

// rest is how many items a press of Accept leaves.
func (v importView) rest() int {
	return v.left() - v.chosen(document.Add) - v.chosen(document.Merge) - v.chosen(document.Ignore)
}

// accepts says what the button does.
func (v importView) accepts(ctx context.Context) string {
	switch n := v.left() - v.rest(); n {
	case 0:
		return ui.T(ctx, "Accept")
	case v.left():
		return ui.T(ctx, "Accept %d", n)
	default:
		return ui.T(ctx, "Accept %d, leave %d", n, v.rest())
	}
}

// batches are the steps that can still be taken back.
func (v importView) batches(ctx context.Context) (out []document.Batch) {
	for _, b := range v.R.Batches {
		if b.Undoable(ui.From(ctx).Now) {
			out = append(out, b)
		}
	}
	return out
}

// agreement says in a line who the document is about: what agrees, for the heading.
func agreement(ctx context.Context, c *document.Comparison) string {
	var names []string
	for _, t := range c.Person {
		if t.Verdict == document.Agrees {
			names = append(names, strings.ToLower(ui.T(ctx, t.Name)))
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return ui.T(ctx, "The %s agrees", names[0])
	}
	return ui.T(ctx, "These agree: %s", strings.Join(names, ui.T(ctx, ", ")))
}

// itemStateTag is how an item stands to the chart.
func itemStateTag(s document.State) (ui.Tone, string, string) {
	switch s {
	case document.New:
		return ui.Good, "plus", "new"
	case document.Same:
		return ui.Plain, "ok", "the same"
	case document.Differs:
		return ui.Caution, "pen", "differs"
	case document.More:
		return ui.Caution, "plus", "says more than the chart"
	case document.LessExact:
		return ui.Caution, "down", "less exact than the chart"
	case document.Against:
		return ui.Critical, "warn", "against the chart"
	}
	return ui.Caution, "q", "perhaps the same"
}

// differing are the names of the fields that differ.
func differing(ctx context.Context, r document.Row) string {
	var names []string
	for _, f := range r.Fields {
		if f.Differs {
			names = append(names, strings.ToLower(ui.T(ctx, f.Name)))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ui.T(ctx, "differs: %s", strings.Join(names, ui.T(ctx, ", ")))
}

// decided is what was decided about an item, in words.
func decided(c document.Choice) string {
	return map[document.Choice]string{document.Add: "added", document.Merge: "merged", document.Ignore: "ignored"}[c]
}

// choiceWord is the word of a choice, with its key.
func choiceWord(c document.Choice) (word, key string) {
	switch c {
	case document.Add:
		return "Add", "a"
	case document.Merge:
		return "Merge", "m"
	case document.Ignore:
		return "Ignore", "i"
	}
	return "Unsure", "u"
}

// offered are the choices of an item.
func offered(r document.Row) (out []document.Choice) {
	for _, c := range document.Choices {
		if c == document.Add && !r.Addable() || c == document.Merge && !r.Mergeable() {
			continue
		}
		out = append(out, c)
	}
	return out
}

// why says what a choice is not offered for.
func unoffered(r document.Row) string {
	switch {
	case r.State == document.Against:
		return "The chart has some: nothing is taken away by a document."
	case r.Unwritten:
		return "Your role does not write this. Leave it to a physician."
	}
	return ""
}

// loud are the findings that are shown without being asked for.
func loud(f rx.Findings) (out []rx.Finding) {
	for _, x := range f.Findings {
		if x.Tier != rx.Quiet {
			out = append(out, x)
		}
	}
	return out
}

// passageID is where a passage of the document's text stands in the page.
func passageID(of int, id string) string { return "src-" + strconv.Itoa(of) + "-" + id }

// sourceOf is the address of an item's passage, or of its section.
func (v importView) sourceOf(i *document.Item) string {
	d := v.C.Document
	if i.Of < 0 || i.Of >= len(d.Texts) {
		return ""
	}
	if i.Source != "" && v.passages[passageID(i.Of, i.Source)] {
		return passageID(i.Of, i.Source)
	}
	return passageID(i.Of, "")
}

// passagesOf are where all passages of a document's text stand in the page.
func passagesOf(d *document.Document) map[string]bool {
	all := map[string]bool{}
	var walk func(of int, p *document.Passage)
	walk = func(of int, p *document.Passage) {
		if p.ID != "" {
			all[passageID(of, p.ID)] = true
		}
		for i := range p.Parts {
			walk(of, &p.Parts[i])
		}
	}
	for i := range d.Texts {
		walk(i, &d.Texts[i].Body)
	}
	return all
}

// unread are what could not be read, in the reader's words.
func unreadWords(ctx context.Context, u document.Unread) string {
	why := ui.T(ctx, u.Why.Words, u.Why.Args...)
	if u.Why.Words == "" {
		return u.What
	}
	return strings.TrimSpace(u.What + ": " + why)
}

// sourceTone marks what is from a document about another person.
func sourceTone(from string) ui.Tone {
	if strings.Contains(from, document.OtherMark) {
		return ui.Caution
	}
	return ui.Plain
}

// others reports whether the document is about another person, and nothing of it was taken in yet: who decides
// says then that it is known.
func (v importView) others() bool { return v.C.Blocks() && len(v.R.Batches) == 0 }

// again says in which visit a diagnosis was made, and where else in the document an item stands in the very same way: it is decided
// once.
func (v importView) again(ctx context.Context, r document.Row) (said []string) {
	if visit, ok := v.C.Row(r.Item.Visit); ok {
		said = append(said, ui.T(ctx, "in the visit: %s", visit.Item.Text))
	}
	var titles []string
	for _, of := range r.Also {
		title := ""
		switch texts := v.C.Document.Texts; {
		case of == r.Item.Of:
			said = append(said, ui.T(ctx, "listed more than once in this section"))
			continue
		case of >= 0 && of < len(texts):
			title = cmp.Or(texts[of].Title, ui.T(ctx, texts[of].Section.Name()))
		}
		if title != "" {
			titles = append(titles, title)
		}
	}
	if len(titles) > 0 {
		said = append(said, ui.T(ctx, "also in the section %s", strings.Join(titles, ui.T(ctx, ", "))))
	}
	if r.Shared > 0 {
		said = append(said, ui.T(ctx, "%d of its values stand in %s too, and are written once", r.Shared, r.SharedWith))
	}
	return said
}

// known is what the chart's entry says, beside its name.
func known(ctx context.Context, r document.Row) (parts []string) {
	for i, f := range r.Fields {
		if i == 0 || f.Chart == "" {
			continue
		}
		said := codedText(ctx, f.Name, f.Chart)
		if f.Date {
			said = ui.DateText(ctx, said)
		}
		parts = append(parts, ui.T(ctx, f.Name)+": "+said)
	}
	return parts[:min(len(parts), 5)]
}

// coded are the fields whose values are words of FHIR, not of people.
var coded = []string{"Status", "Severity", "Certainty", "Criticality", "Sex"}

// codedText is the value of a field in the reader's language where it is a word of FHIR, and as it is elsewhere.
func codedText(ctx context.Context, field, value string) string {
	l := ui.From(ctx).Lang
	if value == "taken" && l.Tag() != "en" { // elsewhere it says when a specimen was
		return l.T("is taken")
	}
	if slices.Contains(coded, field) && l.Has(value) {
		return l.T(value)
	}
	return value
}

// unlisted are the sections that stand on no page of their own.
var unlisted = []document.Section{document.Procedures, document.Social, document.Family, document.Goals, document.Plan, document.Devices, document.Functional, document.Notes, document.Other}

// where says where an item will be seen, when that is no page of its own.
func where(s document.Section) string {
	if slices.Contains(unlisted, cmp.Or(s, document.Other)) {
		return "Once added it stands on Documents, under what came from other clinics."
	}
	return ""
}

// passageAttr is where a passage stands, for the items that refer to it, and what a cell of a table spans.
func passageAttr(of int, p document.Passage) templ.Attributes {
	attr := templ.Attributes{}
	if p.ID != "" {
		attr["id"] = passageID(of, p.ID)
	}
	if p.Cols > 0 {
		attr["colspan"] = strconv.Itoa(p.Cols)
	}
	if p.Rows > 0 {
		attr["rowspan"] = strconv.Itoa(p.Rows)
	}
	return attr
}
