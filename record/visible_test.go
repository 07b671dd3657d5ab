package record

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// TestStrangers: whatever the patient Sam asks, Rosa's record answers as one that is not
// there, for every resource type.
func TestStrangers(t *testing.T) {
	c := open(t)
	ids := map[string]string{}
	for _, name := range policy.Types() {
		if policy.SeesAll(rosa, name) || policy.May(rosa, policy.Read, name) != nil {
			continue
		}
		if name == "Patient" {
			ids[name] = "rosa"
			continue
		}
		v := store.Write{Type: name, ID: "r-" + strings.ToLower(name), Version: 1, Updated: c.clock.Now(), Patient: "rosa"}
		v.Body = fhir.Obj("resourceType", name, "id", v.ID, "subject", fhir.Obj("reference", "Patient/rosa")).JSON()
		v.Index = []search.Entry{{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: "rosa"}}
		l := &ledger.Leaf{Time: c.clock.Now(), Action: ledger.Import, Versions: []ledger.Version{named(store.Version{Type: name, ID: v.ID, Version: 1, Body: v.Body}, true)}}
		if _, err := c.store.Commit(ctx, store.Changeset{Writes: []store.Write{v}, Leaf: l}); err != nil {
			t.Fatal(err)
		}
		ids[name] = v.ID
	}
	if len(ids) < 60 {
		t.Fatalf("only %d types are tried", len(ids))
	}
	stranger, own := c.as(sam), c.as(rosa)
	for name, id := range ids {
		same := func(what string, hidden, missing error) {
			t.Helper()
			if hidden == nil || fmt.Sprintf("%#v", hidden) != fmt.Sprintf("%#v", missing) && hidden.Error() != missing.Error() {
				t.Errorf("%s %s: hidden %v, missing %v", what, name, hidden, missing)
			}
		}
		_, hidden := stranger.Read(ctx, name, id)
		_, missing := stranger.Read(ctx, name, "nobody")
		same("read", hidden, missing)
		if !fault.Is(hidden, fault.NotFound) {
			t.Errorf("read %s: %v", name, hidden)
		}
		_, hidden = stranger.ReadVersion(ctx, name, id, 1)
		_, missing = stranger.ReadVersion(ctx, name, "nobody", 1)
		same("vread", hidden, missing)
		_, hidden = stranger.History(ctx, store.HistoryFilter{Type: name, ID: id})
		_, missing = stranger.History(ctx, store.HistoryFilter{Type: name, ID: "nobody"})
		same("history", hidden, missing)
		found, err := stranger.Find(ctx, name, "")
		if err != nil || slices.ContainsFunc(found, func(n *fhir.Node) bool { return n.ID() == id }) {
			t.Errorf("find %s: %v %v", name, found, err)
		}
		versions, err := stranger.History(ctx, store.HistoryFilter{Type: name})
		if err != nil || slices.ContainsFunc(versions, func(v store.Version) bool { return v.ID == id }) {
			t.Errorf("history of all %s: %v %v", name, versions, err)
		}
		_, hidden = stranger.Commit(ctx, Change{Put: []Put{{Resource: fhir.Obj("resourceType", name, "id", id)}}})
		_, missing = stranger.Commit(ctx, Change{Put: []Put{{Resource: fhir.Obj("resourceType", name, "id", "nobody")}}})
		same("write", hidden, missing)
		if name != "Task" { // own tasks are a matter of the requester
			if _, err := own.Read(ctx, name, id); err != nil && name != "Task" {
				t.Errorf("the patient's own %s: %v", name, err)
			}
		}
	}
	for v, err := range stranger.All(ctx) {
		if err != nil || v.Patient == "rosa" {
			t.Errorf("export: %s %v", v.Type, err)
		}
	}
	for _, who := range []string{"rosa", "nobody"} {
		n := 0
		for _, err := range stranger.Chart(ctx, who) {
			if n++; !fault.Is(err, fault.NotFound) {
				t.Errorf("chart of %s: %v", who, err)
			}
		}
		if n != 1 {
			t.Errorf("chart of %s yields %d times", who, n)
		}
	}
}

func TestRefusalsAreAudited(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	c.as(sam).Read(ctx, "Observation", id)
	if l := c.leaves("")[0]; l.Action != ledger.Refused || l.Actor != sam.ID || l.Outcome != "not-found" {
		t.Errorf("leaf of the refused read: %+v", l)
	}
	if _, err := c.as(desk).Find(ctx, "Observation", ""); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the front desk searches observations: %v", err)
	}
	if l := c.leaves("")[0]; l.Action != ledger.Refused || l.Actor != desk.ID || l.Outcome != "forbidden" {
		t.Errorf("leaf of the refused search: %+v", l)
	}
	_, err := c.as(desk).Commit(ctx, Change{Put: []Put{{Resource: c.read(vitals("rosa"))}}})
	if !fault.Is(err, fault.Forbidden) || c.leaves("")[0].Action != ledger.Refused {
		t.Errorf("the front desk writes vitals: %v", err)
	}
	for v, err := range c.as(desk).ChartVersions(ctx, "rosa") {
		if err != nil || v.Type != "Patient" {
			t.Errorf("the front desk's chart shows %s: %v", v.Type, err)
		}
	}
	if _, err := c.as(trust.Principal{}).Read(ctx, "Patient", "rosa"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("nobody reads: %v", err)
	}
}

// TestARefusalNamesItsPatient: who asks who tried to look at a record finds those who were refused,
// by relation and by role, with the same answer as for a record that there is not; a patient who
// tries somebody else's stays unknown to that person.
func TestARefusalNamesItsPatient(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	if err := c.as(admin).SetHouse(ctx, House{Mode: policy.Restricted}, "the test"); err != nil {
		t.Fatal(err)
	}
	for what, refuse := range map[string]func(string, string) error{
		"a physician without a relation reads": func(p, _ string) error { _, err := c.as(physician).Read(ctx, "Patient", p); return err },
		"opens the chart": func(p, _ string) error {
			for _, err := range c.as(physician).ChartVersions(ctx, p) {
				return err
			}
			return nil
		},
		"asks for the history": func(_, id string) error {
			_, err := c.as(physician).History(ctx, store.HistoryFilter{Type: "Observation", ID: id})
			return err
		},
		"the front desk reads a measurement": func(_, id string) error { _, err := c.as(desk).Read(ctx, "Observation", id); return err },
		"the front desk asks for a page": func(p, _ string) error {
			err := fault.New(fault.Forbidden, "Your role does not open this page.")
			if failed := c.as(desk).Asked(ctx, "GET /p/{patient}/problems", p, err); failed != nil {
				t.Fatal(failed)
			}
			return err
		},
	} {
		refusal, missing := refuse("rosa", id), refuse("nobody", "nothing")
		if l := c.leaves("")[0]; l.Action != ledger.Refused || len(l.Patients) != 0 {
			t.Errorf("%s what is not there: %+v", what, l)
		}
		if refusal == nil || missing == nil || refusal.Error() != missing.Error() {
			t.Errorf("%s: %v, and what is not there: %v", what, refusal, missing)
		}
		_ = refuse("rosa", id)
		if l := c.leaves("rosa")[0]; l.Action != ledger.Refused || !slices.Equal(l.Patients, []string{"rosa"}) {
			t.Errorf("%s: the newest entry about the patient is %+v", what, l)
		}
	}
	before := len(c.leaves("rosa"))
	if _, err := c.as(sam).Read(ctx, "Observation", id); !fault.Is(err, fault.NotFound) || len(c.leaves("rosa")) != before {
		t.Errorf("another patient's attempt is told to the patient: %v", err)
	}
	if l := c.leaves("")[0]; l.Actor != sam.ID || l.Action != ledger.Refused || l.Versions[0].ID != id {
		t.Errorf("and not kept: %+v", l)
	}
}

func TestInternalWorkIsHiddenFromThePatient(t *testing.T) {
	c := open(t)
	message := func(category string) string {
		return `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:message","code":"` + category + `"}]}],"subject":{"reference":"Patient/rosa"},` +
			`"sender":{"reference":"Practitioner/amara"},"recipient":[{"reference":"Practitioner/nina"}],"payload":[{"contentString":"x"}]}`
	}
	staff := c.commit(physician, message("staff-message")).Versions[0]
	open := c.commit(physician, message("patient-message")).Versions[0]
	task := c.commit(physician, `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"review-result"}]},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Practitioner/amara"}}`).Versions[0]
	unsigned := c.commit(physician, `{"resourceType":"Composition","status":"preliminary","type":{"text":"Progress note"},"subject":{"reference":"Patient/rosa"},"date":"2026-11-23","author":[{"reference":"Practitioner/amara"}],"title":"Note"}`).Versions[0]
	refill := c.commit(rosa, `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"urn:osler:task","code":"refill-request"}]},"for":{"reference":"Patient/rosa"},"requester":{"reference":"Patient/rosa"}}`).Versions[0]
	if task.Patient != "rosa" || refill.Patient != "rosa" {
		t.Errorf("a task lives in the chart of its patient, not in %q, %q", task.Patient, refill.Patient)
	}
	for _, v := range []store.Version{staff, task, unsigned} {
		if _, err := c.as(rosa).Read(ctx, v.Type, v.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("the patient reads %s: %v", v.Body, err)
		}
	}
	for _, v := range []store.Version{open, refill} {
		if _, err := c.as(rosa).Read(ctx, v.Type, v.ID); err != nil {
			t.Errorf("the patient does not read %s: %v", v.Body, err)
		}
	}
	for what, want := range map[string]string{"Communication": open.ID, "Task": refill.ID, "Composition": ""} {
		found, err := c.as(rosa).Find(ctx, what, "") // the store's view of the same predicate
		if err != nil || len(found) > 1 || len(found) == 1 && found[0].ID() != want || len(found) == 0 && want != "" {
			t.Errorf("the patient finds %s %v: %v", what, found, err)
		}
	}
	var chart []string
	for n, err := range c.as(rosa).Chart(ctx, "rosa") {
		if err != nil {
			t.Fatal(err)
		}
		chart = append(chart, n.ResourceType())
	}
	slices.Sort(chart)
	if fmt.Sprint(chart) != "[Communication Patient Task]" {
		t.Errorf("the patient's own chart: %v", chart)
	}
	if _, err := c.as(sam).Read(ctx, "Task", refill.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("another patient reads the refill: %v", err)
	}
	// A note that is signed later shows its signed version only.
	signed := c.read(string(unsigned.Body))
	signed.Set("status", fhir.Str("final"))
	if _, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: signed, IfMatch: 1}}}); err != nil {
		t.Fatal(err)
	}
	if v, err := c.as(rosa).ReadVersion(ctx, "Composition", unsigned.ID, 0); err != nil || v.Version != 2 {
		t.Errorf("signed note: %v", err)
	}
	if _, err := c.as(rosa).ReadVersion(ctx, "Composition", unsigned.ID, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("unsigned version of the signed note: %v", err)
	}
}

// TestWhoeverAsksAboutSomebodyIsInTheirList: a search that shows nothing tells about the patient whom it asks
// about too, however it names them: that there is nothing, or how much there is.
func TestWhoeverAsksAboutSomebodyIsInTheirList(t *testing.T) {
	c := open(t)
	c.commit(nurse, `{"resourceType":"Patient","id":"rosa","identifier":[{"system":"urn:mrn","value":"R1"}],"name":[{"family":"Diaz","given":["Rosa"]}],"gender":"female","birthDate":"1970-05-06"}`)
	c.commit(physician, `{"resourceType":"Condition","code":{"text":"Gout"},"subject":{"reference":"Patient/rosa"}}`)
	c.commit(physician, vitals("sam"))
	for _, q := range []struct{ resourceType, query string }{
		{"Observation", "patient=rosa"},
		{"Observation", "patient.identifier=urn:mrn|R1"},
		{"Observation", "patient.identifier=urn:mrn|R1&_summary=count"},
		{"Condition", "patient.identifier=urn:mrn|R1&_summary=count"},
		{"Condition", "code:text=Gout&_summary=count"},
		{"Observation", "patient=rosa,nobody"},
		{"Observation", "patient=rosa,rosa&_summary=count"},
		{"Observation", "patient:identifier=urn:mrn|R1"},
		{"Observation", "subject:Patient._id=rosa,nobody"},
		{"Appointment", "actor=Patient/rosa&_summary=count"},
		{"Patient", "_id=rosa,nobody&_has:Observation:patient:code=8867-4"},
		{"Patient", "family=Diaz&birthdate=1970-05-06&_has:Observation:patient:code=8867-4"},
		{"Patient", "identifier=urn:mrn|R1&_summary=count"},
		{"Patient", "identifier=urn:mrn|R1&gender=male"},
		{"Patient", "identifier=urn:mrn|R1&_has:Observation:patient:code=8867-4"},
	} {
		parsed, err := url.ParseQuery(q.query)
		if err != nil {
			t.Fatal(err)
		}
		var params []search.Param
		for name, values := range parsed {
			params = append(params, search.Param{Name: name, Value: values[0]})
		}
		query, err := c.as(physician).parse(ctx, q.resourceType, params)
		if err != nil {
			t.Fatal(err)
		}
		page, err := c.as(physician).Search(ctx, query, 0, nil)
		if err != nil || len(page.Matches) != 0 {
			t.Fatalf("%s?%s: %d %v", q.resourceType, q.query, len(page.Matches), err)
		}
		if l := c.leaves("rosa")[0]; l.Action != ledger.Search || l.Type != q.resourceType || l.Actor != physician.ID {
			t.Errorf("%s?%s is not in her list: %+v", q.resourceType, q.query, l)
		}
		c.commit(physician, vitals("sam")) // so that the newest of hers is not the one before
		if err := c.as(physician).Note(ctx, ledger.Print, "rosa", "between"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestASearchForSomebodyElseIsNotInOnesList: whoever bears the name of somebody who was looked for in vain does
// not find the other's birth date in the list of who looked.
func TestASearchForSomebodyElseIsNotInOnesList(t *testing.T) {
	c := open(t)
	c.commit(physician, `{"resourceType":"Patient","id":"rosa","name":[{"family":"Diaz","given":["Rosa"]}],"gender":"female","birthDate":"1970-05-06"}`)
	before := len(c.leaves("rosa"))
	if found, err := c.as(physician).Find(ctx, "Patient", "family=Diaz&birthdate=1900-01-01"); err != nil || len(found) != 0 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	if now := len(c.leaves("rosa")); now != before {
		t.Errorf("%+v", c.leaves("rosa")[0])
	}
}

// TestMovedToTheRightPatient: an entry in the wrong chart, corrected, is gone from it with
// its history, and its former content is not shown to the other patient.
func TestMovedToTheRightPatient(t *testing.T) {
	c := open(t)
	id := c.commit(nurse, vitals("rosa")).Versions[0].ID
	right := c.read(vitals("sam"))
	right.SetID(id)
	r, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: right}}})
	if err != nil {
		t.Fatal(err)
	}
	if l := c.leaves("rosa")[0]; r.Versions[0].Patient != "sam" || l.Action != ledger.Update || !slices.Contains(l.Patients, "sam") {
		t.Errorf("the move must be in both audit trails: %+v", l)
	}
	for _, version := range []int64{0, 1, 2} {
		if _, err := c.as(rosa).ReadVersion(ctx, "Observation", id, version); !fault.Is(err, fault.NotFound) {
			t.Errorf("the wrong patient reads version %d: %v", version, err)
		}
	}
	if _, err := c.as(sam).ReadVersion(ctx, "Observation", id, 1); !fault.Is(err, fault.NotFound) {
		t.Errorf("the right patient reads what was filed for another: %v", err)
	}
	if v, err := c.as(sam).History(ctx, store.HistoryFilter{Type: "Observation", ID: id}); err != nil || len(v) != 1 || v[0].Version != 2 {
		t.Errorf("history for the right patient: %v %v", v, err)
	}
	if v, err := c.as(rosa).History(ctx, store.HistoryFilter{Type: "Observation"}); err != nil || len(v) != 0 {
		t.Errorf("history of the type for the wrong patient: %v %v", v, err)
	}
	if n := len(collect(t, c.as(physician).ChartVersions(ctx, "rosa", "Observation"))); n != 0 {
		t.Errorf("%d observations in the wrong chart", n)
	}
}

func TestWhoLooked(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	c.commit(nurse, vitals("sam"))
	if _, err := c.as(nurse).Find(ctx, "Observation", "status=final"); err != nil { // touches both
		t.Fatal(err)
	}
	if err := c.as(physician).Note(ctx, ledger.Print, "rosa", "emergency sheet"); err != nil {
		t.Fatal(err)
	}
	looks, err := c.as(rosa).Looked(ctx, store.LeafFilter{Limit: 50})
	if err != nil || len(looks) != 4 {
		t.Fatalf("%d looks: %+v %v", len(looks), looks, err)
	}
	for _, l := range looks {
		if text := string(l.Leaf.Encode()); strings.Contains(text, "sam") || strings.Contains(text, "status=final") {
			t.Errorf("says something about another patient: %s", text)
		}
	}
	if l := looks[0].Leaf; l.Action != ledger.Print || l.Query != "emergency sheet" || l.Name != physician.Name {
		t.Errorf("newest first: %+v", l)
	}
	for _, who := range []trust.Principal{rosa, nurse, physician, desk, {}} {
		if _, err := c.as(who).Looked(ctx, store.LeafFilter{Patient: "sam"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%q sees who looked at Sam: %v", who.Role, err)
		}
	}
	auditor := trust.Principal{ID: "acc-aud", Role: trust.Auditor}
	if all, err := c.as(auditor).Looked(ctx, store.LeafFilter{Limit: 50}); err != nil || len(all) < 6 {
		t.Errorf("the auditor sees %d: %v", len(all), err)
	}
	if err := c.as(sam).Note(ctx, ledger.Print, "rosa", "x"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a note about another: %v", err)
	}
}

// TestWhoElseWasSearchedForIsNotTold: a search that asked for two people and has found one is in that
// one's list, without what it asked for; no filter of the list tells it either, nor a download of the log.
func TestWhoElseWasSearchedForIsNotTold(t *testing.T) {
	c := open(t)
	c.commit(physician, `{"resourceType":"Condition","code":{"text":"Gout"},"subject":{"reference":"Patient/rosa"}}`)
	moved := c.commit(physician, vitals("sam"), vitals("rosa")).Versions[0]
	for resourceType, query := range map[string]string{"Condition": "subject=Patient/rosa,Patient/sam&code:text=Gout", "Patient": "family=Diaz,Adeyemi"} {
		if found, err := c.as(physician).Find(ctx, resourceType, query); err != nil || len(found) != 1 {
			t.Fatalf("%s: %d %v", query, len(found), err)
		}
	}
	carer := rosa
	carer.Proxy = &trust.Proxy{ID: "p", Level: "full"}
	program := rosa
	program.Client, program.Scopes = "app", []string{"patient/*.rs"}
	for _, who := range []trust.Principal{rosa, carer, program} {
		looks, err := c.as(who).Looked(ctx, store.LeafFilter{Patient: "rosa", Actor: physician.ID, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		searches := 0
		for _, l := range looks {
			if l.Leaf.Action != ledger.Search {
				continue
			}
			if searches++; l.Leaf.Query != "" || l.Leaf.Type == "" || l.Leaf.Name != physician.Name || l.Leaf.Time.IsZero() {
				t.Errorf("%+v", l.Leaf)
			}
		}
		if searches != 2 {
			t.Errorf("%d searches of two are told", searches)
		}
		for what, where := range map[string]func(ledger.Leaf) bool{
			"the words of a search": func(l ledger.Leaf) bool { return strings.Contains(l.Query, "Adeyemi") },
			"another's entry": func(l ledger.Leaf) bool {
				return slices.ContainsFunc(l.Versions, func(v ledger.Version) bool { return v.ID == moved.ID })
			},
			"another patient": func(l ledger.Leaf) bool { return slices.Contains(l.Patients, "sam") },
		} {
			if looks, err := c.as(who).Looked(ctx, store.LeafFilter{Patient: "rosa", Where: where, Limit: 50}); err != nil || len(looks) != 0 {
				t.Errorf("the list is asked by %s: %d entries, %v", what, len(looks), err)
			}
		}
	}
	auditor := trust.Principal{ID: "acc-aud", Role: trust.Auditor}
	if all, err := c.as(auditor).Looked(ctx, store.LeafFilter{Patient: "rosa", Where: func(l ledger.Leaf) bool { return strings.Contains(l.Query, "Adeyemi") }}); err != nil || len(all) != 1 {
		t.Errorf("the auditor finds %d: %v", len(all), err)
	}
	// An entry from before details were sealed says it in clear.
	old := ledger.Leaf{Action: ledger.Search, Type: "Patient", Query: "family=Diaz,Adeyemi", Patients: []string{"rosa"}}
	if aboutOne(store.LeafEntry{Leaf: old, Raw: old.Encode()}) {
		t.Error("the words of an old search are given away")
	}
	var file bytes.Buffer
	if _, err := c.as(rosa).ExportLog(ctx, &file, LogPart{Patient: "rosa"}); err != nil || strings.Contains(file.String(), "Adeyemi") || strings.Contains(file.String(), "sam") {
		t.Errorf("the download: %v", err)
	}
}

// TestAbuseB07WritesThatChangeNothing: a change that is not stored, for whatever reason, is refused in the
// same words whether a hidden resource has the id or nothing does, to who may choose ids.
func TestAbuseB07WritesThatChangeNothing(t *testing.T) {
	c := open(t)
	drinks := func(id, more string) string {
		return `{"resourceType":"Condition","id":"` + id + `","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F10.20"}]},"subject":{"reference":"Patient/rosa"}` + more + `}`
	}
	colleague := func(id, more string) string {
		return `{"resourceType":"Patient","id":"` + id + `","name":[{"family":"Stone"}]` + more + `}`
	}
	c.commit(physician, drinks("taken", ""))
	c.commit(trust.System("import"), colleague("taken", ""))
	if _, err := c.as(trust.System("import")).Label(ctx, "Patient", "taken", []string{"EMP"}, nil, "works here"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []struct {
		p    trust.Principal
		body func(id, more string) string
		hid  string
	}{{nurse, drinks, "Condition"}, {physician, colleague, "Patient"}, {nurse, colleague, "Patient"}, {desk, colleague, "Patient"}} {
		hides := who.p
		if _, err := c.as(hides).Read(ctx, who.hid, "taken"); !fault.Is(err, fault.NotFound) {
			if hides.Role == trust.FrontDesk { // registers everybody
				continue
			}
			t.Fatalf("%s sees the %s: %v", hides.Role, who.hid, err)
		}
		bad := c.read(`{"resourceType":"Observation","status":"nonsense"}`)
		for what, change := range map[string]func(r *fhir.Node) Change{
			"a version that is not there": func(r *fhir.Node) Change { return Change{Put: []Put{{Resource: r, IfMatch: 9}}} },
			"the version that is there":   func(r *fhir.Node) Change { return Change{Put: []Put{{Resource: r, IfMatch: 1}}} },
			"what is not valid":           func(r *fhir.Node) Change { r.Set("nonsense", fhir.Str("x")); return Change{Put: []Put{{Resource: r}}} },
			"with what is not valid":      func(r *fhir.Node) Change { return Change{Put: []Put{{Resource: r}, {Resource: bad}}} },
			"into a closed chart": func(r *fhir.Node) Change {
				return Change{Put: []Put{{Resource: r}, {Resource: c.read(vitals("nobody"))}}}
			},
			"an update of what is there": func(r *fhir.Node) Change { return Change{Put: []Put{{Resource: r, Update: true}}} },
			"an id of one's own":         func(r *fhir.Node) Change { return Change{Put: []Put{{Resource: r, Chosen: true}}} },
			"an id to be created": func(r *fhir.Node) Change {
				return Change{Put: []Put{{Resource: r, Chosen: true, Create: true}}}
			},
		} {
			ask := func(id string) string {
				_, err := c.as(hides).Commit(ctx, change(c.read(who.body(id, ""))))
				_, tried := c.as(hides).Try(ctx, change(c.read(who.body(id, ""))))
				if err == nil || tried == nil {
					t.Fatalf("%s: %s was stored", who.p.Role, what)
				}
				leaf := c.leaves("")[0]
				return strings.ReplaceAll(fmt.Sprintf("%v %+v %v %v %s %s", err, fault.CodeOf(err), tried, fault.CodeOf(tried), leaf.Action, leaf.Outcome), id, "ID")
			}
			if hidden, missing := ask("taken"), ask("free-"); hidden != missing {
				t.Errorf("%s, %s %s: hidden\n%s\nmissing\n%s", who.p.Role, who.hid, what, hidden, missing)
			}
		}
		// What would be stored is not: nothing hidden is written over.
		if _, err := c.as(hides).Commit(ctx, Change{Put: []Put{{Resource: c.read(who.body("taken", ""))}}}); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s writes over a hidden %s: %v", who.p.Role, who.hid, err)
		}
		if v, err := c.store.Read(ctx, who.hid, "taken", 0); err != nil || v.Version > 2 {
			t.Errorf("%+v %v", v, err)
		}
	}
}

// TestClientsChooseIDsWhereNothingIsHidden: of what everybody sees, a client may choose ids; of what may be hidden, only
// such as nobody guesses. What is there is updated.
func TestClientsChooseIDsWhereNothingIsHidden(t *testing.T) {
	c := open(t)
	put := func(p trust.Principal, body string) error {
		_, err := c.as(p).Commit(ctx, Change{Put: []Put{{Resource: c.read(body), Chosen: true}}})
		return err
	}
	entry := func(id string) string {
		return `{"resourceType":"Condition","id":"` + id + `","code":{"text":"asthma"},"subject":{"reference":"Patient/rosa"}}`
	}
	c.commit(trust.System("import"), entry("there"))
	if err := put(sysadmin, `{"resourceType":"ValueSet","id":"own","status":"draft"}`); err != nil {
		t.Errorf("of what everybody sees: %v", err)
	}
	if err := put(physician, entry("own")); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "POST") {
		t.Errorf("of a chart: %v", err)
	}
	if err := put(physician, entry(ident.New(c.clock.Now()))); err != nil {
		t.Errorf("an id that nobody guesses: %v", err)
	}
	if err := put(physician, entry("there")); err != nil {
		t.Errorf("what is there: %v", err)
	}
	if err := put(trust.System("import"), entry("own")); err != nil {
		t.Errorf("who sees everything: %v", err)
	}
}

// TestPatientsWriteAtHomeOnly: an entry that the rules let through, and that names another
// patient beside, is refused; it would be at home in the own chart alone.
func TestPatientsWriteAtHomeOnly(t *testing.T) {
	c := open(t)
	answers := c.read(`{"resourceType":"QuestionnaireResponse","status":"completed","subject":{"reference":"Patient/rosa"},"source":{"reference":"Patient/rosa"},"author":{"reference":"Patient/sam"}}`)
	if _, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: answers}}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
	r, err := c.as(rosa).Commit(ctx, Change{Dangling: true, Put: []Put{{Resource: answers}}})
	if err != nil || r.Versions[0].Patient != "rosa" {
		t.Errorf("%v %v", r.Versions, err)
	}
}

func TestPatientsChooseNoGuessableIDs(t *testing.T) {
	c := open(t)
	stated := func(id string) *fhir.Node {
		return c.read(`{"resourceType":"MedicationStatement","id":"` + id + `","status":"active","medicationCodeableConcept":{"text":"ibuprofen"},"subject":{"reference":"Patient/rosa"},"informationSource":{"reference":"Patient/rosa"}}`)
	}
	if _, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: stated("1234")}}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a guessable id: %v", err)
	}
	if _, err := c.as(rosa).Commit(ctx, Change{Put: []Put{{Resource: stated(ident.New(c.clock.Now()))}}}); err != nil {
		t.Errorf("a random id: %v", err)
	}
}

// TestPagesOfAHistoryAreFull: what is left out of a history makes its pages no shorter, so that nobody counts it.
func TestPagesOfAHistoryAreFull(t *testing.T) {
	c := open(t)
	for i := range 12 {
		code := "J45.909"
		if i%4 != 0 { // three that a nurse does not see between two that she does
			code = "F10.20"
		}
		c.commit(physician, fmt.Sprintf(`{"resourceType":"Condition","code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]},"subject":{"reference":"Patient/rosa"}}`, code))
	}
	for who, want := range map[*trust.Principal]string{&nurse: "[2 1]", &physician: "[2 2 2 2 2 2]"} {
		var pages []int
		f := store.HistoryFilter{Type: "Condition", Count: 2}
		for {
			list, err := c.as(*who).History(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			pages, f.Before = append(pages, len(list)), list[len(list)-1].T
		}
		if fmt.Sprint(pages) != want {
			t.Errorf("%s: pages of %v, want %s", who.Role, pages, want)
		}
	}
}

// TestAbsentAsksAboutWhatIsVisible: a conditional create is no oracle for other people's
// records, neither directly nor through a chain.
func TestAbsentAsksAboutWhatIsVisible(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	for _, try := range []struct {
		who                 trust.Principal
		resourceType, query string
		put                 string
	}{
		{sam, "Observation", "status=final", `{"resourceType":"Observation","meta":{"tag":[{"system":"urn:osler:origin","code":"patient-reported"}]},"status":"preliminary","code":{"text":"pulse"},"subject":{"reference":"Patient/sam"},"performer":[{"reference":"Patient/sam"}]}`},
		{desk, "Patient", "_has:Observation:patient:status=final", `{"resourceType":"Patient","name":[{"family":"New"}]}`},
	} {
		params, err := search.ParseQuery(try.query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := search.Parse(try.resourceType, params, search.Strict)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.as(try.who).Commit(ctx, Change{Absent: []search.Query{q}, Put: []Put{{Resource: c.read(try.put)}}}); err != nil {
			t.Errorf("%s learns what %s?%s matches: %v", try.who.Role, try.resourceType, try.query, err)
		}
	}
}

// TestOldPagesObeyThePresent: the address of a later page, kept, does not show an entry
// that has been moved to another chart since.
func TestOldPagesObeyThePresent(t *testing.T) {
	c := open(t)
	first, second := c.commit(nurse, vitals("rosa")).Versions[0].ID, c.commit(nurse, vitals("rosa")).Versions[0].ID
	q, err := search.Parse("Observation", []search.Param{{Name: "_count", Value: "1"}}, search.Strict)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.as(rosa).Search(ctx, q, 0, nil)
	if err != nil || len(page.Matches) != 1 || page.Next == nil {
		t.Fatalf("%+v %v", page, err)
	}
	other := first
	if page.Matches[0].ID == first {
		other = second
	}
	if next, err := c.as(rosa).Search(ctx, q, page.At, page.Next); err != nil || len(next.Matches) != 1 || next.Matches[0].ID != other {
		t.Fatalf("the second page: %+v %v", next, err)
	}
	moved := c.read(vitals("sam"))
	moved.SetID(other)
	if _, err := c.as(nurse).Commit(ctx, Change{Put: []Put{{Resource: moved}}}); err != nil {
		t.Fatal(err)
	}
	if next, err := c.as(rosa).Search(ctx, q, page.At, page.Next); err != nil || len(next.Matches) != 0 {
		t.Errorf("the old page still shows the moved entry: %+v %v", next, err)
	}
}

// TestNoNewHomeInAClosedChart: nobody moves an entry into a chart that is closed to them, also
// when the entry named that patient before, and a closed chart is answered as a missing one.
func TestNoNewHomeInAClosedChart(t *testing.T) {
	c := open(t)
	order := c.commit(trust.System("import"), `{"resourceType":"ServiceRequest","status":"active","intent":"order","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"supportingInfo":[{"reference":"Patient/sam"},{"reference":"Patient/rosa"}]}`).Versions[0].ID
	both := c.commit(trust.System("import"), `{"resourceType":"Appointment","status":"booked","start":"2020-11-24T09:00:00Z","end":"2020-11-24T09:30:00Z","participant":[{"actor":{"reference":"Patient/rosa"},"status":"accepted"},{"actor":{"reference":"Patient/sam"},"status":"accepted"}]}`).Versions[0].ID
	c.commit(trust.System("import"), `{"resourceType":"CareTeam","status":"active","subject":{"reference":"Patient/rosa"},"participant":[{"member":{"reference":"Practitioner/amara"}}]}`, vitals("sam"), vitals("rosa"))
	c.mode(House{Mode: policy.Restricted})
	if got := c.charts(physician); !slices.Equal(got, []string{"rosa"}) {
		t.Fatalf("before: %v", got)
	}
	for _, body := range []string{
		`{"resourceType":"ServiceRequest","id":"` + order + `","status":"active","intent":"order","code":{"text":"x"},"subject":{"reference":"Patient/sam"},"requester":{"reference":"Practitioner/amara"},"authoredOn":"2026-11-24"}`,
		`{"resourceType":"Appointment","id":"` + both + `","status":"booked","start":"` + c.clock.Now().Format(time.RFC3339) + `","end":"` + c.clock.Now().Add(time.Hour).Format(time.RFC3339) + `","participant":[{"actor":{"reference":"Patient/sam"},"status":"accepted"},{"actor":{"reference":"Practitioner/amara"},"status":"accepted"}]}`,
		`{"resourceType":"Appointment","id":"` + both + `","status":"cancelled","participant":[{"actor":{"reference":"Patient/sam"},"status":"accepted"},{"actor":{"reference":"Patient/rosa"},"status":"accepted"}]}`,
	} {
		_, err := c.as(physician).Commit(ctx, Change{Put: []Put{{Resource: c.read(body)}}})
		hidden := strings.Contains(body, both) && fault.Is(err, fault.NotFound) // what is about several is seen with all their charts
		if !hidden && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "not in the record or not visible")) {
			t.Errorf("an entry moves into a closed chart: %v", err)
		}
	}
	if got := c.charts(physician); !slices.Equal(got, []string{"rosa"}) {
		t.Errorf("after: %v", got)
	}
	// What stays in its chart may go on naming the other.
	c.commit(physician, `{"resourceType":"ServiceRequest","id":"`+order+`","status":"completed","intent":"order","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"supportingInfo":[{"reference":"Patient/sam"}]}`)
}

// TestWhoIsNamedBesideThePatient: an entry is in the chart of whom it is about, whoever else it
// names.
func TestWhoIsNamedBesideThePatient(t *testing.T) {
	c := open(t)
	v := c.commit(nurse, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/rosa"},"performer":[{"reference":"Patient/sam"}]}`).Versions[0]
	if v.Patient != "rosa" {
		t.Fatalf("it lives with %q", v.Patient)
	}
	if _, err := c.as(rosa).Read(ctx, "Observation", v.ID); err != nil {
		t.Errorf("the patient: %v", err)
	}
	if _, err := c.as(sam).Read(ctx, "Observation", v.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the other: %v", err)
	}
	if l := c.leaves("rosa"); len(l) == 0 || !slices.ContainsFunc(l, func(l ledger.Leaf) bool { return l.Action == ledger.Create }) {
		t.Error("it is not in the patient's log")
	}
	c.mode(House{Mode: policy.Restricted})
	if found, err := c.as(physician).Find(ctx, "Observation", ""); err != nil || len(found) != 0 {
		t.Errorf("a physician without relation finds %d: %v", len(found), err)
	}
}

// TestSearchOfAllTypesNeedsTheScope: a token that may read a type, and not search it, does not
// search it among all types either.
func TestSearchOfAllTypesNeedsTheScope(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	for scope, want := range map[string]int{"patient/Observation.r": 0, "patient/Observation.rs": 1} {
		p := rosa
		p.Scopes = []string{scope}
		q, err := search.Parse("", []search.Param{{Name: "_type", Value: "Observation"}}, search.Strict)
		if err != nil {
			t.Fatal(err)
		}
		page, err := c.as(p).Search(ctx, q, 0, nil)
		if err != nil || len(page.Matches) != want {
			t.Errorf("%s finds %d: %v", scope, len(page.Matches), err)
		}
	}
}

// TestThatThereIsNothingIsTold: a search in a chart that finds nothing, and a count, have looked at that
// patient too; about somebody whom the asker may not see, or who does not exist, nothing is told.
func TestThatThereIsNothingIsTold(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	looked := func(patient string) (n int) {
		t.Helper()
		looks, err := c.as(trust.Principal{ID: "acc-aud", Role: trust.Auditor}).Looked(ctx, store.LeafFilter{Patient: patient, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range looks {
			if l.Leaf.Action == ledger.Search && l.Leaf.Actor != "acc-aud" { // not the looks at the list
				n++
			}
		}
		return n
	}
	before := looked("rosa")
	asks := []func(*Actor) error{
		func(a *Actor) error { _, err := a.Find(ctx, "AllergyIntolerance", "patient=Patient/rosa"); return err },
		func(a *Actor) error { _, err := a.Find(ctx, "Condition", "subject=Patient/rosa&code=x"); return err },
		func(a *Actor) error {
			_, err := a.Count(ctx, "Observation", url.Values{"patient": {"Patient/rosa"}})
			return err
		},
	}
	for i, ask := range asks {
		if err := ask(c.as(physician)); err != nil {
			t.Fatal(err)
		}
		if now := looked("rosa"); now != before+1+i {
			t.Errorf("%d: %d looks, %d before", i, now, before)
		}
	}
	now := looked("rosa")
	for _, ask := range asks {
		if err := ask(c.as(sam)); err != nil {
			t.Fatal(err)
		}
	}
	if looked("rosa") != now {
		t.Error("a stranger's question, which shows nothing, stands in her list")
	}
	if _, err := c.as(physician).Find(ctx, "AllergyIntolerance", "patient=Patient/nobody"); err != nil || looked("nobody") != 0 {
		t.Errorf("of nobody: %v", err)
	}
}

// TestEachOfThoseAskedAboutIsTold: who asks about somebody by way of what refers to them, beside others, or
// behind what does not exist, stands in that patient's list.
func TestEachOfThoseAskedAboutIsTold(t *testing.T) {
	c := open(t)
	c.commit(nurse, vitals("rosa"))
	made := c.commit(trust.System("import"),
		`{"resourceType":"Encounter","id":"visit","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/rosa"},"participant":[{"individual":{"reference":"Practitioner/nina"}}]}`)
	if len(made.Versions) != 1 {
		t.Fatal(made)
	}
	looked := func() (n int) {
		t.Helper()
		looks, err := c.as(trust.Principal{ID: "acc-aud", Role: trust.Auditor}).Looked(ctx, store.LeafFilter{Patient: "rosa", Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range looks {
			if l.Leaf.Actor == physician.ID {
				n++
			}
		}
		return n
	}
	nobody := ""
	for i := range 9 {
		nobody += "nobody-" + strconv.Itoa(i) + ","
	}
	for _, ask := range []struct{ of, query string }{
		{"Practitioner", "_has:Encounter:participant:patient=Patient/rosa"},
		{"Practitioner", "_has:Encounter:participant:patient.family=Diaz&name=nobody"},
		{"Patient", "_has:Encounter:patient:_id=visit&gender=other"},
		{"Patient", "_id=sam,rosa&family=Hill"},
		{"Patient", "_id:not=rosa&gender=other"},
		{"Condition", "patient=" + nobody + "rosa"},
		{"Observation", "encounter=" + nobody + "visit&code=x"},
		{"Patient", "family=Diaz,Nobody&gender=other"},
		{"Condition", "patient.family=Diaz,Nobody"},
		{"", "_id=rosa&_lastUpdated=gt2090"},
	} {
		before := looked()
		if _, err := c.as(physician).Find(ctx, ask.of, ask.query); err != nil {
			t.Errorf("%s?%s: %v", ask.of, ask.query, err)
		}
		if now := looked(); now != before+1 {
			t.Errorf("%s?%s: %d entries in her list, %d before", ask.of, ask.query, now, before)
		}
	}
	before := looked()
	if _, err := c.as(physician).History(ctx, store.HistoryFilter{Type: "Encounter", ID: "visit", Since: c.clock.Now().Add(time.Hour), Count: 1}); err != nil || looked() != before+1 {
		t.Errorf("a history without versions: %d, %d before: %v", looked(), before, err)
	}
}
