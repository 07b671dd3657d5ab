package patient

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
)

// Answer is what a person said about a likely duplicate.
type Answer string

// The answers. Unasked is refused while a likely duplicate exists.
const (
	Unasked   Answer = ""
	Different Answer = "different" // another person: remembered on the new Patient
	Unsure    Answer = "unsure"    // saved, and a task asks somebody to find out
)

// Closed is where a conflict stands with somebody whose chart is closed to who registers.
const Closed = "closed"

// Draft is a registration as it was typed.
type Draft struct {
	Person
	Answer  Answer
	Compare []string // ids of the matches that the answer is about
	Key     string   // idempotency key of the form, so that a double click registers once
}

// Check returns the findings about a draft; the field names are those of the form.
func (d Draft) Check() []fault.Issue {
	var out []fault.Issue
	need := func(value, field, text string) {
		if strings.TrimSpace(value) == "" {
			out = append(out, fault.Issue{Severity: "error", Type: "required", Expression: field, Text: text})
		}
	}
	need(d.Family, "family", "Type the family name.")
	need(d.BirthDate, "birthDate", "Type the date of birth; if nobody knows it, estimate the year.")
	need(d.Sex, "sex", "Choose one; “Not known” is an answer.")
	return out
}

// check finds a relation to nobody: FHIR wants a name or a way to reach the contact (pat-1).
func (c Contact) check() []fault.Issue {
	if c.Relation == "" || c.Name != "" || c.Phone != "" {
		return nil
	}
	return []fault.Issue{{Severity: "error", Type: "required", Expression: "contactName", Text: "Type the name or the phone of the emergency contact."}}
}

// Register creates a Patient with a new record number. When a likely duplicate exists and
// the draft has no answer, it fails with fault.Conflict; at Closed when that is somebody whose
// chart is closed to the actor, of whom nothing is told. An unsure answer also files a task
// duplicate-patient, of which the other person is found by who may see both.
func Register(ctx context.Context, actor *record.Actor, d Draft) (Person, record.Result, error) {
	if issues := append(d.Check(), d.Contact.check()...); len(issues) > 0 {
		return Person{}, record.Result{}, fault.New(fault.Invalid, "Some fields need another look.").With(issues...)
	}
	matches, err := Duplicates(ctx, actor, d.Person)
	if err != nil {
		return Person{}, record.Result{}, err
	}
	if d.Answer == Unasked && len(matches) > 0 && matches[0].Likely() {
		return Person{}, record.Result{}, fault.New(fault.Conflict, "This looks like somebody the clinic already has. Say whether it is the same person.")
	}
	closed, err := actor.Registered(ctx, d.Family, d.Given, d.BirthDate)
	if err != nil {
		return Person{}, record.Result{}, err
	}
	if d.Answer == Unasked && closed {
		return Person{}, record.Result{}, fault.New(fault.Conflict, "Somebody with this name and date of birth is registered already, with a chart that is closed to you. Say whether it is the same person.").At(Closed)
	}
	d.RecordNumber, err = newRecordNumber()
	if err != nil {
		return Person{}, record.Result{}, err
	}
	r := d.Person.Resource(nil)
	r.Set("active", fhir.Bool(true))
	change := record.Change{What: "register", Key: d.Key, Absent: []search.Query{numberQuery(d.RecordNumber)}}
	likely := d.Compare
	if len(likely) == 0 && len(matches) > 0 {
		likely = []string{matches[0].Person.ID}
	}
	if d.Answer == Different && len(likely) > 0 { // nobody may be left to differ from
		r.Set("extension", different(likely))
	}
	r.SetID(ident.New(actor.Now()))
	change.Put = []record.Put{{Resource: r, Create: true}}
	if d.Answer == Unsure && (len(likely) > 0 || closed) {
		other := ""
		if len(likely) > 0 {
			other = likely[0]
		}
		change.Put = append(change.Put, record.Put{Resource: duplicateTask(actor, r.ID(), other), Create: true})
	}
	result, err := actor.Commit(ctx, change)
	if err != nil {
		return Person{}, result, err
	}
	made, err := fhir.Parse(result.Versions[0].Body)
	if err != nil {
		return Person{}, result, err
	}
	return FromResource(made), result, err
}

func numberQuery(number string) search.Query {
	return search.Query{Type: "Patient", Count: 1,
		Where: search.Token{Param: "identifier", System: RecordNumberSystem, HasSystem: true, Code: number}}
}

func different(ids []string) *fhir.Node {
	out := fhir.Arr()
	for _, id := range ids {
		out.Append(fhir.Obj("url", differentURL, "valueReference", fhir.Obj("reference", "Patient/"+id)))
	}
	return out
}

func duplicateTask(actor *record.Actor, id, other string) *fhir.Node {
	t := fhir.Obj("resourceType", "Task", "status", "requested", "intent", "order", "priority", "routine",
		"code", fhir.Obj("coding", fhir.Arr(fhir.Obj("system", "urn:osler:task", "code", "duplicate-patient"))),
		"description", "Perhaps registered twice: find out whether both are one person",
		"for", fhir.Obj("reference", "Patient/"+id),
		"authoredOn", actor.Now().Format("2006-01-02T15:04:05Z07:00"))
	if other != "" {
		t.Set("focus", fhir.Obj("reference", "Patient/"+other))
	}
	if ref := actor.Principal().Reference(); ref != "" {
		t.Set("requester", fhir.Obj("reference", ref))
	}
	return t
}

// newRecordNumber returns ten digits, the last of which is a Luhn check digit (ISO/IEC
// 7812-1), so that a slip of the pen is noticed. Numbers are random: they tell nothing.
func newRecordNumber() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000))
	if err != nil {
		return "", err
	}
	body := n.Add(n, big.NewInt(100_000_000)).String()
	return body + string(rune('0'+luhn(body))), nil
}

// ValidRecordNumber reports whether a number made here was typed without a slip.
func ValidRecordNumber(s string) bool {
	s = digits(s)
	return len(s) == 10 && luhn(s[:9]) == int(s[9]-'0')
}

func luhn(body string) int {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

// Update stores changed demographics of a person; version is the one that was edited.
func Update(ctx context.Context, actor *record.Actor, p Person, version int64) (record.Result, error) {
	base, err := actor.Read(ctx, "Patient", p.ID)
	if err != nil {
		return record.Result{}, err
	}
	issues := (Draft{Person: p}).Check()
	if p.Contact != FromResource(base).Contact {
		issues = append(issues, p.Contact.check()...)
	}
	if len(issues) > 0 {
		return record.Result{}, fault.New(fault.Invalid, "Some fields need another look.").With(issues...)
	}
	return actor.Commit(ctx, record.Change{What: "demographics", Put: []record.Put{{Resource: p.Resource(base), IfMatch: version}}})
}
