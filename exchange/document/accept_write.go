package document

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// written is an item's resource as the chart keeps what is said elsewhere: what others have prescribed is
// a statement about what is taken, no prescription of this house; a visit there is none that is open here;
// what they have planned is no order of this house.
func written(n *fhir.Node) *fhir.Node {
	switch n.ResourceType() {
	case "MedicationRequest":
		return statement(n)
	case "Encounter":
		if slices.Contains([]string{"in-progress", "arrived", "triaged"}, n.Get("status").Text()) {
			n = n.Clone()
			n.Set("status", fhir.Str("unknown"))
		}
	case "ServiceRequest":
		if n.Get("intent").Text() != "plan" && n.Get("intent").Text() != "proposal" {
			n = n.Clone()
			n.Set("intent", fhir.Str("plan"))
		}
	}
	return n
}

// statement makes a MedicationStatement of a MedicationRequest.
func statement(n *fhir.Node) *fhir.Node {
	out := fhir.New("MedicationStatement")
	for _, name := range []string{"meta", "contained", "identifier", "medicationCodeableConcept", "medicationReference", "reasonCode", "note", "statusReason"} {
		if name != "statusReason" {
			out.Set(name, n.Get(name).Clone())
		}
	}
	status := map[string]string{"active": "active", "on-hold": "on-hold", "completed": "completed", "stopped": "stopped", "cancelled": "not-taken", "draft": "intended"}[n.Get("status").Text()]
	out.Set("status", fhir.Str(cmp.Or(status, "unknown")))
	if why := n.Get("statusReason"); why != nil {
		out.Set("statusReason", fhir.Arr(why.Clone()))
	}
	if bounds := n.Path("dosageInstruction.0.timing.repeat.boundsPeriod"); bounds != nil {
		out.Set("effectivePeriod", bounds.Clone())
	}
	if at := n.Get("authoredOn"); at != nil {
		out.Set("dateAsserted", at.Clone())
	}
	out.Set("dosage", n.Get("dosageInstruction").Clone())
	return out
}

// aboutWhom are the members by which types name whom they are about, where it is not "subject".
var aboutWhom = map[string]string{"AllergyIntolerance": "patient", "Immunization": "patient", "FamilyMemberHistory": "patient", "Device": "patient",
	"ImmunizationRecommendation": "patient", "NutritionOrder": "patient", "Coverage": "beneficiary"}

// resources are an item as it is stored, the item itself first, its parts after it, but for those that another panel of the
// step has: wrote are these, by their marks.
func (c *Comparison) resources(actor *record.Actor, r *Row, document string, wrote map[string]string) []*fhir.Node {
	item, doubts := r.Item, r.lasting()
	main := c.owned(actor, written(item.Resource).Clone(), document)
	out := []*fhir.Node{main}
	refs := fhir.Arr()
	for i, p := range item.Parts {
		of := item.doubtsOf(i, doubts)
		m := mark(p, of)
		if ref := wrote[m]; ref != "" && m != "" {
			refs.Append(reference(ref))
			continue
		}
		part := c.owned(actor, p.Clone(), document)
		unsure(part, of)
		if wrote != nil && m != "" {
			wrote[m] = part.Reference()
		}
		refs.Append(reference(part.Reference()))
		out = append(out, part)
	}
	if refs.Len() > 0 {
		switch main.ResourceType() {
		case "DiagnosticReport":
			main.Set("result", refs)
		case "Observation":
			main.Set("hasMember", refs)
		}
	}
	unsure(main, doubts)
	switch main.ResourceType() {
	case "Encounter":
		if c.visits != nil {
			c.visits[item.Key] = main
		}
	case "Condition":
		// what more people may see than the visit does not tell of it
		if v := c.visits[item.Visit]; v != nil && covers(c.bears(main, record.Labels(main)), c.bears(v, record.Labels(v))) {
			main.Set("encounter", reference(v.Reference()))
		}
		if main.Get("category") == nil && item.Section == Problems {
			main.Set("category", fhir.Arr(made(conditionCategory, "problem-list-item", "")))
		}
		if main.Get("verificationStatus") == nil { // nobody here has confirmed it
			main.Set("verificationStatus", made(conditionVerification, "unconfirmed", ""))
		}
	case "AllergyIntolerance":
		if main.Get("verificationStatus") == nil {
			main.Set("verificationStatus", made("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "unconfirmed", ""))
		}
	case "MedicationStatement":
		named := c.names(c.bears(main, record.Labels(main)))
		if c.sent {
			main.Set("informationSource", fhir.Obj("type", "Patient", "display", c.source(named))) // no reference: what a clinic has accepted is not the patient's to change
		} else if main.Get("informationSource") == nil {
			by := fault.Clip(cmp.Or(c.Document.Custodian, c.Document.Author, unnamed), 100)
			if !named {
				by = unnamed
			}
			main.Set("informationSource", fhir.Obj("display", by))
		}
	}
	return out
}

// unsure notes first of an entry what was not sure of it when it was taken in: who reads the chart knows it as who accepted
// it did, until somebody confirms it.
func unsure(n *fhir.Node, doubts []Doubt) {
	if len(doubts) == 0 {
		return
	}
	note := fhir.Obj("text", policy.DoubtMark+fault.Clip(inEnglish(doubts), 600))
	if !notable[n.ResourceType()] {
		list := n.Get("extension")
		if list == nil {
			list = fhir.Arr()
			n.Set("extension", list)
		}
		list.Append(fhir.Obj("url", policy.NoteURL, "valueAnnotation", note))
		return
	}
	notes := fhir.Arr(note)
	for have := range n.Get("note").Items() {
		notes.Append(have.Clone())
	}
	n.Set("note", notes)
}

func inEnglish(doubts []Doubt) string {
	var words []string
	for _, d := range doubts {
		words = append(words, lang.Language{}.T(d.Words, d.Args...))
	}
	return strings.Join(words, " ")
}

// lasting are the doubts of an item that are still such once it is in the chart.
func (r *Row) lasting() []Doubt {
	return slices.DeleteFunc(slices.Clone(r.Doubts()), func(d Doubt) bool { return d.Words == sameClass })
}

// doubtsOf are those of an item's doubts that are of one of its parts: not those that are of others alone.
func (it *Item) doubtsOf(part int, all []Doubt) (out []Doubt) {
	if part >= len(it.doubted) {
		return all
	}
	for _, d := range all {
		of := slices.ContainsFunc(it.doubted, func(list []Doubt) bool {
			return slices.ContainsFunc(list, func(o Doubt) bool { return o.Words == d.Words })
		})
		if !of {
			out = append(out, d)
		}
	}
	return append(out, it.doubted[part]...)
}

// owned gives a resource its id, its patient, where it is from and its labels.
func (c *Comparison) owned(actor *record.Actor, n *fhir.Node, document string) *fhir.Node {
	n.SetID(ident.New(actor.Now()))
	meta := c.meta(n, document, c.said(n))
	n.Remove("meta")
	n.SetFirst(2, "meta", meta)
	n.Set(cmp.Or(aboutWhom[n.ResourceType()], "subject"), reference("Patient/"+c.Patient))
	return n
}

// merged is the chart's entry with what the document adds to it: nil when there is nothing to write. It changes nothing
// of an order. An entry that lacks labels of the item, or that may not name the document, gets nothing of it: to label
// the entry would hide from those who need it what the chart has said openly so far.
func (c *Comparison) merged(actor *record.Actor, r *Row) *record.Put {
	if !r.Merges {
		return nil
	}
	if has := record.Labels(r.entry); !c.names(has) || !covers(has, c.bears(r.Item.Resource, c.said(r.Item.Resource))) {
		return nil
	}
	n := r.entry.Clone()
	if !c.merge(actor, n, r) {
		return nil
	}
	version, _ := strconv.ParseInt(n.Path("meta.versionId").Text(), 10, 64)
	return &record.Put{Resource: n, IfMatch: version}
}

// merge puts into an entry what an item adds to it: codes of a problem or an allergy that is certainly the same, what
// is worse of an allergy, and a note that it is listed elsewhere. It reports whether the entry lacked some of it.
func (c *Comparison) merge(actor *record.Actor, n *fhir.Node, r *Row) bool {
	if t := n.ResourceType(); (t == "Condition" || t == "AllergyIntolerance") && r.sure && r.State != LessExact {
		addCodes(n.Get("code"), r.Item.Resource.Get("code"))
	}
	reacts, raises := r.raise(n)
	text := fmt.Sprintf("Also listed by %s: %s", c.listed(), fault.Clip(strings.Join(strings.Fields(r.Item.Text), " "), 300))
	if doubts := r.lasting(); len(doubts) > 0 {
		text += " (not sure: " + fault.Clip(inEnglish(doubts), 300) + ")"
	}
	notes := n.Get("note")
	if notes == nil {
		notes = fhir.Arr()
	}
	for have := range notes.Items() {
		if have.Get("text").Text() == text {
			return reacts || raises
		}
	}
	note := fhir.Obj("time", actor.Now().UTC().Format(time.RFC3339), "text", text)
	if by := actor.Principal().Reference(); by != "" {
		note.SetFirst(0, "authorReference", reference(by))
	}
	notes.Append(note)
	n.Set("note", notes)
	return true
}

// addCodes puts codes into a concept that it lacks, those of systems first that it has no code of.
func addCodes(to, from *fhir.Node) {
	if to == nil {
		return
	}
	list := to.Get("coding")
	if list == nil {
		list = fhir.Arr()
	}
	systems := map[string]bool{}
	for c := range list.Items() {
		systems[c.Get("system").Text()] = true
	}
	for c := range from.Get("coding").Items() {
		if s := c.Get("system").Text(); s != "" && !systems[s] {
			systems[s] = true
			list.Append(c.Clone())
		}
	}
	if list.Len() > 0 {
		to.SetFirst(0, "coding", list)
	}
}

// step is one act of a review.
type step struct {
	document string   // id of the DocumentReference
	activity string   // accept, undo
	reason   string   // why it is this patient's, as somebody has said
	targets  []string // what it wrote: "Condition/1/_history/2"
	others   []string // entries that say the same already
	of       string   // id of the step that this one takes back
}

// provenance says what a step has written, from which document and by whom.
func (c *Comparison) provenance(actor *record.Actor, s step) *fhir.Node {
	n := fhir.New("Provenance")
	n.SetID(ident.New(actor.Now()))
	if list := codings(policy.LabelSystem, c.union()); list.Len() > 0 {
		n.Set("meta", fhir.Obj("security", list))
	}
	list := fhir.Arr(reference("Patient/" + c.Patient))
	for _, t := range append(slices.Clone(s.targets), s.others...) {
		list.Append(reference(t))
	}
	n.Set("target", list)
	n.Set("recorded", fhir.Str(actor.Now().UTC().Format(time.RFC3339Nano)))
	if s.reason != "" {
		n.Set("reason", fhir.Arr(fhir.Obj("text", s.reason)))
	}
	n.Set("activity", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", policy.ImportSystem, "code", s.activity)), "text", map[string]string{
		"accept": "Accepted from a document of another system", "undo": "Taken back"}[s.activity]))
	who := fhir.Obj()
	if by := actor.Principal().Reference(); by != "" {
		who.Set("reference", fhir.Str(by))
	}
	if name := actor.Principal().Name; name != "" || who.Len() == 0 {
		who.Set("display", fhir.Str(cmp.Or(name, "Osler")))
	}
	kind := func(code string) *fhir.Node {
		return made("http://terminology.hl7.org/CodeSystem/provenance-participant-type", code, "")
	}
	agents := fhir.Arr(fhir.Obj("type", kind("enterer"), "who", who))
	if by := cmp.Or(c.Document.Author, c.Document.Custodian); by != "" {
		agents.Append(fhir.Obj("type", kind("author"), "who", fhir.Obj("display", fault.Clip(by, 200))))
	}
	if c.sent {
		agents.Append(fhir.Obj("type", kind("informant"), "who", reference("Patient/"+c.Patient)))
	}
	n.Set("agent", agents)
	entities := fhir.Arr(fhir.Obj("role", "source", "what", reference("DocumentReference/"+s.document)))
	if s.of != "" {
		entities.Append(fhir.Obj("role", "revision", "what", reference("Provenance/"+s.of)))
	}
	n.Set("entity", entities)
	return n
}
