package document

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/knowledge/rx"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// State is how an item of a document stands to a chart.
type State string

// The states. Same is said only when the entry is certainly the same and says no less; what may be
// the same, and may not, is Perhaps.
const (
	New       State = "new"
	Same      State = "same"
	Differs   State = "differs"
	More      State = "more" // it is the same, and says more
	LessExact State = "less-exact"
	Perhaps   State = "perhaps"
	Against   State = "against" // that there is none, where the chart has some
)

// Field is one fact of an item beside the chart's.
type Field struct {
	Name            string // a text of the message catalogue
	Chart, Incoming string // "" not stated
	Date            bool   // they are FHIR dates
	Differs         bool
}

// Row is an item of a document beside what the chart has of it.
type Row struct {
	Item  *Item
	State State
	// Entry is the reference of the chart's entry, ChartText what it says in a line; "" for none.
	Entry, ChartText string
	Fields           []Field
	// Findings are what the safety checks say of the item: of a medicine against the chart, of an
	// allergy against the current medicines. Checks is false where no check is for it.
	Findings rx.Findings
	Checks   bool
	// Denied is the chart's statement that there is no allergy of the kind, which Add ends; "" for none.
	Denied string
	// Unwritten says that the role of who looks may not write what Add would, Unmerged what Merge would.
	Unwritten, Unmerged bool
	// Merges reports whether Merge does more than note that it is listed elsewhere.
	Merges bool
	// Twice says that it is the same as another item of the document, which the chart lacks; Also are the sections where such
	// another one stands (Document.Texts), of the one that is to be decided.
	Twice bool
	Also  []int
	// Shared is how many values of a panel stand in another panel of the document too, SharedWith, in the very same way.
	Shared     int
	SharedWith string

	entry  *fhir.Node
	sure   bool // it is the entry, by codes and time
	reacts bool // Merge adds a reaction to the chart's allergy
	raises bool // Merge raises its criticality
	in     *thing
	of     []string // the versions of what the entry, a report, is made of
	now    bool     // it is so today
	within []Doubt  // what other items make doubtful
	some   []string // of a statement that there is none: the keys of the items that there are
}

// Decide reports whether a person has to decide about the item.
func (r Row) Decide() bool { return r.State != Same }

// Addable reports whether Add is offered: nothing is added that says that there is none where the
// chart has some, nor by who may not write it.
func (r Row) Addable() bool { return r.State != Against && r.State != Same && !r.Unwritten }

// Mergeable reports whether Merge is offered.
func (r Row) Mergeable() bool {
	return r.Entry != "" && r.State != Same && r.State != Against && !r.Unmerged
}

// Clear reports whether an item may be taken in with others, by one choice for all of them: it is new, it can be added, and
// nothing of it is unsure. What the checks say of it is in Findings.
func (r Row) Clear() bool { return r.State == New && r.Addable() && len(r.Doubts()) == 0 }

// Comparison is a document held to a chart.
type Comparison struct {
	Patient  string
	Chart    chart.Patient
	Document *Document
	Person   []Trait
	Rows     []Row
	// Filed is the chart's DocumentReference of the same document, by its number; "" for none.
	Filed string
	// Former is the DocumentReference of the document that this one takes the place of; Later says that
	// the chart has a newer version of this one.
	Former string
	Later  string
	// Unseen says that a check of a medicine met information that is hidden from who looks. It is said of the whole
	// document, not of an item: see docs/decisions/2611-hidden-in-documents.md.
	Unseen bool
	// Added is the DocumentReference of the document that this one only adds to; that one stays as it is.
	Added string
	// Gone are entries of the chart from versions before this one, which says nothing of them.
	Gone []Gone
	// Partial says that entries may be kept from who looks: what is new may be there already.
	Partial bool

	files []*fhir.Node
	sent  bool // by the patient, once it is known as which DocumentReference it is filed
	at    time.Time
	all   []string // labels, see union
	// declared are those of them that the document itself states.
	declared []string
	denials  []*thing              // statements of the chart that there are no allergies
	visits   map[string]*fhir.Node // of the step that is written, by the keys of their items
	twins    map[string]string     // DocumentReferences with the document's number, by the hash of their content
	seen     record.Change         // Unchanged and SeenAt of the chart that was read
}

// compared are the types of a chart that a document is held to.
var compared = []string{"Patient", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "Condition", "Immunization", "Observation",
	"DiagnosticReport", "Procedure", "Encounter", "FamilyMemberHistory", "Goal", "CarePlan", "ServiceRequest", "Appointment", "Device", "DeviceUseStatement",
	"DocumentReference", "Coverage", "CareTeam", "NutritionOrder", "ImmunizationRecommendation", "Specimen", "Medication"}

// compareWithin is how long a document is held to a chart, as other questions that cost much are worked on.
var compareWithin = 30 * time.Second

// Compare holds a document to a patient's chart. It writes nothing. What takes longer than compareWithin is
// fault.TooCostly.
func Compare(ctx context.Context, actor *record.Actor, patient string, d *Document) (*Comparison, error) {
	if d == nil {
		return nil, fault.New(fault.Invalid, "There is no document to compare.")
	}
	late := fault.New(fault.TooCostly, "To compare this document with the chart takes more than %d seconds. Nothing of it was taken in. Ask the other clinic for a summary with fewer entries.", int(compareWithin.Seconds()))
	ctx, stop := context.WithTimeoutCause(ctx, compareWithin, late)
	defer stop()
	c, err := compare(ctx, actor, patient, d)
	if err != nil && context.Cause(ctx) == late {
		return nil, late
	}
	return c, err
}

func compare(ctx context.Context, actor *record.Actor, patient string, d *Document) (*Comparison, error) {
	d.days()
	c := &Comparison{Patient: patient, Document: d, at: actor.Now()}
	var err error
	if c.seen.SeenAt, err = actor.Snapshot(ctx); err != nil {
		return nil, err
	}
	c.seen.Unchanged = patient
	var nodes []*fhir.Node
	for n, err := range actor.Chart(ctx, patient, compared...) {
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	var who *fhir.Node
	for _, n := range nodes {
		switch n.ResourceType() {
		case "Patient":
			if n.ID() == patient {
				who = n
			}
		case "DocumentReference":
			c.files = append(c.files, n)
		}
	}
	if who == nil {
		return nil, fault.New(fault.NotFound, "There is no such patient, or you may not see this chart.")
	}
	c.Chart = chart.PatientFrom(who)
	c.Person = append(traits(c.Chart, who, d.Patient), alsoAbout(d)...)
	c.filed()
	here := indexOf(nodes)
	for _, t := range here.all["AllergyIntolerance"] {
		if t.none && code(t.node.Get("clinicalStatus")) != "inactive" && code(t.node.Get("verificationStatus")) != "refuted" {
			c.denials = append(c.denials, t)
		}
	}
	for i := range d.Items {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c.Rows = append(c.Rows, here.row(&d.Items[i]))
	}
	c.within()
	c.old()
	c.over()
	c.otherSex()
	c.gone(here)
	for i := range c.Rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r := &c.Rows[i]
		if r.State == Against {
			r.inside(Doubt{Words: againstChart, Args: []any{fault.Clip(cmp.Or(d.Custodian, d.Author, d.Title, "C-CDA"), 100), clip(r.Item.Text), r.ChartText}})
		}
		for _, t := range c.denials {
			if r.denied(t) {
				r.Denied = t.name
			}
		}
		put := c.merged(actor, r)
		if r.Merges = put != nil; r.Merges {
			r.reacts, r.raises = r.raise(r.entry.Clone())
		}
		r.Unwritten, r.Unmerged = !c.writes(actor, r), r.entry != nil && keeps(actor, r, put)
		c.Partial = c.Partial || policy.Partial(actor.Principal(), r.Item.Resource.ResourceType())
	}
	return c, c.check(ctx, actor, nodes)
}

// writes reports whether a role may add what an item becomes, and say where it is from.
func (c *Comparison) writes(actor *record.Actor, r *Row) bool {
	p := actor.Principal()
	for _, n := range c.resources(actor, r, "document", nil) {
		if policy.Decide(p, policy.Create, nil, n) != nil {
			return false
		}
	}
	return policy.May(p, policy.Create, "Provenance") == nil
}

// keeps reports whether a role may not write what merging does.
func keeps(actor *record.Actor, r *Row, put *record.Put) bool {
	if policy.May(actor.Principal(), policy.Create, "Provenance") != nil {
		return true
	}
	return put != nil && policy.Decide(actor.Principal(), policy.Update, r.entry, put.Resource) != nil
}

// sentByPatient reports whether a document came from the patient: it says what a patient says, under whatever
// number, and never stands for what another clinic has sent.
func sentByPatient(n *fhir.Node) bool {
	return policy.Reported.Of(n)
}

// as says as which DocumentReference of the chart the document is filed, before anything is written of it.
func (c *Comparison) as(document string) {
	c.sent = slices.ContainsFunc(c.files, func(n *fhir.Node) bool { return n.ID() == document && sentByPatient(n) })
}

// holds reports whether the content of a filed document is these very bytes.
func holds(ctx context.Context, actor *record.Actor, patient, document string, body []byte) bool {
	_, content, err := chart.OpenDocument(ctx, actor, patient, document)
	if err != nil {
		return false
	}
	defer content.Close()
	stored, err := io.ReadAll(io.LimitReader(content, int64(len(body))+1))
	return err == nil && bytes.Equal(stored, body)
}

func hashOf(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:])
}

// Original refuses a document that was not read from what the import has filed under a DocumentReference.
func (c *Comparison) Original(document string) error {
	i := slices.IndexFunc(c.files, func(n *fhir.Node) bool { return n.ID() == document })
	if i < 0 {
		return nil // no document of this chart: what reads it says so
	}
	if hash := policy.ContentHash(c.files[i]); hash != "" && c.Document.Hash != "" && hash != c.Document.Hash {
		return fault.New(fault.Conflict, "The file of this document is not the one that was imported. Nothing can be accepted from it: import the document again.")
	}
	return nil
}

// still refuses when the file of a document is not what was read: somebody has written another since.
func (c *Comparison) still(ctx context.Context, actor *record.Actor, document string) error {
	if err := c.Original(document); err != nil || c.Document.Hash == "" {
		return err
	}
	_, content, err := chart.OpenDocument(ctx, actor, c.Patient, document)
	if err != nil {
		return err
	}
	defer content.Close()
	h := sha256.New()
	if _, err := io.Copy(h, content); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != c.Document.Hash {
		return moved()
	}
	return nil
}

// Row returns the row of an item by its key.
func (c *Comparison) Row(key string) (*Row, bool) {
	i := slices.IndexFunc(c.Rows, func(r Row) bool { return r.Item.Key == key })
	if i < 0 {
		return nil, false
	}
	return &c.Rows[i], true
}

// Mark is what a person who decides has seen: it is another one when an item stands to the chart
// otherwise, when a check finds something else, or when the original does.
func (c *Comparison) Mark() string {
	h := sha256.New()
	h.Write([]byte(c.Document.Hash + "\x01"))
	for _, r := range c.Rows {
		part := []string{r.Item.Key, string(r.State), r.Entry, r.entry.Path("meta.versionId").Text(), strings.Join(r.of, " ")}
		for _, f := range r.Findings.Findings {
			part = append(part, f.ID, string(f.Tier))
		}
		for _, f := range r.Findings.NotChecked {
			part = append(part, f.Check, f.Subject, f.Reason)
		}
		h.Write([]byte(strings.Join(part, "\x00") + "\x01"))
	}
	for _, t := range c.Person {
		h.Write([]byte(t.Name + "\x00" + t.Chart + "\x00" + string(t.Verdict) + "\x01"))
	}
	h.Write([]byte(strconv.FormatBool(c.Unseen)))
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Sections are the sections that have items to decide about, in their order.
func (c *Comparison) Sections() (out []Section) {
	for _, s := range sections {
		if slices.ContainsFunc(c.Rows, func(r Row) bool { return cmp.Or(r.Item.Section, Other) == s }) {
			out = append(out, s)
		}
	}
	return out
}

var sections = []Section{Medications, Allergies, Problems, Immunizations, Results, VitalSigns, Procedures, Encounters, Diagnoses, Social, Family, Goals, Plan, Devices, Functional, Notes, Other}

// Name is a section in words, a text of the message catalogue.
func (s Section) Name() string {
	if n, ok := map[Section]string{Allergies: "Allergies", Medications: "Medications", Problems: "Problems", Immunizations: "Immunizations", Results: "Results",
		VitalSigns: "Vitals", Procedures: "Procedures", Encounters: "Visits", Diagnoses: "Diagnoses of visits", Social: "Social history", Family: "Family history", Goals: "Goals", Plan: "Plan",
		Devices: "Devices", Functional: "Functional status", Notes: "Notes"}[s]; ok {
		return n
	}
	return "Other"
}

// alone reports whether an item is taken in without a person who looks at it: it is new, all of it was read, the document
// says nothing else, and no check says that it must not be. Of a document that seems to be another person's none is,
// whatever reason was given for filing it, nor of one that has a newer version here; nor a medicine where some check met
// what is hidden, which does not say with which one.
func (c *Comparison) alone(r *Row) bool {
	return !c.Blocks() && c.Later == "" && r.Clear() &&
		!(r.Checks && r.Findings.Loudest() == rx.Stop) && !(c.Unseen && r.isMedicine())
}
