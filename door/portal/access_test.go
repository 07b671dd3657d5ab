package portal

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestPatientFindsWhoLookedInOneClick: the first page has the link; the page behind it says who,
// when and why, and what can be kept verifies and names nobody else.
func TestPatientFindsWhoLookedInOneClick(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	id := c.people[maria].Patient
	nurse := trust.Principal{ID: "n1", Name: "=Nurse Joy", Role: trust.Nurse, Purpose: trust.Treatment}
	if err := c.gate.As(nurse, "clinic").Note(t.Context(), ledger.Print, id, "chart"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []trust.Principal{ // programs: of the patient, of a physician, and one that is gone
		{ID: c.account(maria), Name: c.people[maria].Name, Role: trust.Patient, Patient: id, Client: "vs"},
		{ID: "u1", Name: "Dr Ada Lovelace", Role: trust.Physician, Purpose: trust.Treatment, Client: "vs"},
		{ID: "u1", Name: "Dr Ada Lovelace", Role: trust.Physician, Purpose: trust.Treatment, Client: "gone"},
	} {
		if _, err := c.gate.As(p, "fhir").Read(t.Context(), "Patient", id); err != nil {
			t.Fatal(err)
		}
	}
	if _, home := c.see(maria, "/portal"); !strings.Contains(home, `href="/portal/access"`) {
		t.Fatal("the first page does not lead to who looked")
	}
	_, page := c.see(maria, "/portal/access")
	for _, want := range []string{"Nurse Joy", "for your treatment", `href="/portal/access/proof"`, `href="/portal/access/disclosures"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, want := range []string{"Vital signs viewer , a program that you let in", "Vital signs viewer , a program of Dr Ada Lovelace", "a program that is not known any more , a program of Dr Ada Lovelace"} {
		if !strings.Contains(plainText(page), want) {
			t.Errorf("the page lacks %q: %s", want, plainText(page))
		}
	}
	if _, ask := c.see(maria, strings.ReplaceAll(c.must(page, `href="(/portal/messages/new\?topic=access[^"]+)">I don’t know this program`), "&amp;", "&")); !strings.Contains(ask, "The program ") {
		t.Errorf("asked about a program: %s", plainText(ask))
	}
	_, table := c.see(maria, "/portal/access/disclosures")
	if !strings.Contains(table, "'=Nurse Joy") || !strings.Contains(table, "printed from your record") {
		t.Errorf("disclosures: %s", table)
	}
	_, file := c.see(maria, "/portal/access/proof")
	for user, other := range c.people {
		if other.Patient != "" && user != maria && strings.Contains(file, other.Patient) {
			t.Errorf("the proofs of Maria name %s", user)
		}
	}
	_, rest, _ := strings.Cut(file, `"key":"`)
	vkey, _, _ := strings.Cut(rest, `"`)
	key, err := ledger.OpenKey(strings.NewReplacer(`\u002b`, "+", `\u002B`, "+").Replace(vkey))
	if err != nil {
		t.Fatal(err)
	}
	joy := false
	found, err := ledger.Examination{Key: key, Report: func(p string) { t.Error(p) }, Each: func(_ int64, l ledger.Leaf) { joy = joy || l.Name == "=Nurse Joy" }}.Verify(strings.NewReader(file))
	if err != nil || found.Entries == 0 || !joy {
		t.Errorf("%+v, %v; the nurse among them: %v", found, err, joy)
	}
	forged := strings.Replace(file, "=Nurse Joy", "=Nurse Sad", 1)
	problems := 0
	if _, err := (ledger.Examination{Key: key, Report: func(string) { problems++ }}).Verify(strings.NewReader(forged)); err != nil || problems == 0 {
		t.Errorf("a forged line verifies: %v", err)
	}
}

// TestALineSaysWhatOnePersonDid: a carer is not "you", a day with one emergency is not all emergency,
// who sees a part of the record has not seen all of it, and taking along is not writing.
func TestALineSaysWhatOnePersonDid(t *testing.T) {
	leaf := func(l ledger.Leaf) store.LeafEntry {
		l.Time, l.Patients = noon, []string{"maria"}
		return store.LeafEntry{Leaf: l}
	}
	d, maria := accessDay{}, logReader{me: "maria", own: func(id string) (bool, bool) { return id == "maria", true },
		program: func(id string) string { return map[string]string{"vs": "Vital signs viewer"}[id] }}
	d.add(leaf(ledger.Leaf{Actor: "anna", Role: "physician", Purpose: "TREAT", Action: ledger.Print, Query: "chart"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "anna", Role: "physician", Purpose: "BTG", Glass: "g", Action: ledger.Read, Query: "chart", Reason: "unconscious"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "anna", Role: "physician", Purpose: "TREAT", Action: ledger.Read, Query: "chart"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "desk", Role: "front-desk", Purpose: "HOPERAT", Action: ledger.Read, Query: "chart"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "desk", Role: "front-desk", Purpose: "HOPERAT", Action: ledger.Read, Query: "chart: Patient, Condition, Appointment"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "tunde", Role: "patient", Proxy: "p", Action: ledger.Read, Query: "chart"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "tunde", Role: "patient", Proxy: "p", Action: ledger.Account, Query: identity.GlassRead}), maria)
	d.add(leaf(ledger.Leaf{Actor: "maria", Name: "Maria Okafor", Role: "patient", Client: "vs", Action: ledger.Search, Type: "Observation"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "anna", Name: "Dr Anna Lindqvist", Role: "physician", Purpose: "TREAT", Client: "vs", Action: ledger.Search, Type: "Observation"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "desk", Role: "front-desk", Proxy: "p", Purpose: "HOPERAT", Action: ledger.Export, Query: "accounting of disclosures, 3 entries"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "desk", Role: "front-desk", Purpose: "HOPERAT", Action: ledger.Export, Type: "AuditEvent", Query: "audit log with proofs"}), maria)
	d.add(leaf(ledger.Leaf{Actor: "desk", Role: "front-desk", Purpose: "HOPERAT", Action: ledger.Create, Versions: []ledger.Version{{Type: "RelatedPerson"}}}), maria)
	if len(d.Lines) != 7 {
		t.Fatalf("%d lines: %+v", len(d.Lines), d.Lines)
	}
	anna, glass, desk, carer := d.Lines[0], d.Lines[1], d.Lines[2], d.Lines[3]
	if anna.Glass || anna.Reason != "" || anna.Why != "for your treatment" || !glass.Glass || glass.Reason != "unconscious" {
		t.Errorf("the emergency is said of the other work too: %+v, %+v", anna, glass)
	}
	if len(anna.Did) != 0 || !slices.Equal(anna.Took, []string{"printed from your record"}) || !slices.Equal(anna.Looked, []string{"your whole record"}) {
		t.Errorf("printing: %+v", anna)
	}
	if !slices.Equal(desk.Looked, []string{"what this person may see of your record", "name and address", "appointments"}) {
		t.Errorf("the front desk has seen %v", desk.Looked)
	}
	if roleWord(carer.Role) != "acts for the patient" || slices.Contains(carer.Looked, "your whole record") || len(carer.Did) != 0 {
		t.Errorf("the carer: %+v", carer)
	}
	mine, program := d.Lines[4], d.Lines[5]
	if mine.Name != "Vital signs viewer" || !mine.Mine || program.Name != "Vital signs viewer" || program.Mine || program.By != "Dr Anna Lindqvist" {
		t.Errorf("programs: %+v, %+v", mine, program)
	}
	if d.Lines[6].Role != "front-desk" || !slices.Equal(d.Lines[6].Took, []string{"downloaded the list of who got your data"}) ||
		!slices.Equal(desk.Took, []string{"downloaded the list of who looked at your record"}) || !slices.Equal(desk.Did, []string{"who may act for you"}) {
		t.Errorf("the front desk took %v, %v and wrote %v", d.Lines[6].Took, desk.Took, desk.Did)
	}
}

// TestWhoLookedIsNotForALimitedCarer: not as a page, not by the start of a message, and not at the gate.
func TestWhoLookedIsNotForALimitedCarer(t *testing.T) {
	c := start(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	me := c.people[maria].Patient
	if _, err := c.staff("anna.lindqvist").Read(t.Context(), "Patient", me); err != nil {
		t.Fatal(err)
	}
	_, log := c.see(maria, "/portal/results")
	result := c.must(log, `href="/portal(/results/[^"]+)"`)
	c.see(maria, "/portal"+result)
	_, log = c.see(maria, "/portal/access")
	line := strings.TrimPrefix(strings.ReplaceAll(c.must(log, `href="(/portal/messages/new\?topic=access&amp;line=\d+)"`), "&amp;", "&"), "/portal")
	name := c.must(log, `<b><bdi>([^<]+)</bdi></b>, doctor`)
	for level, status := range map[string]int{"limited": 403, "full": 200} {
		if got, _, page := c.send(maria, "/whose/carers", url.Values{"name": {c.people[tunde].Name}, "user": {tunde}, "level": {level}, "until": {"2027-01-31"}}); got != 200 {
			t.Fatalf("%s: %d %s", level, got, plainText(page))
		}
		for _, path := range []string{"/access", "/access/proof", "/access/disclosures", line} {
			if got, page := c.see(tunde, "/portal/for/"+me+path); got != status || status == 403 && strings.Contains(page, name) {
				t.Errorf("a %s carer at %s: %d", level, path, got)
			}
		}
		for _, path := range []string{"", "/results", result} {
			if got, page := c.see(tunde, "/portal/for/"+me+path); got != 200 || level == "limited" && strings.Contains(plainText(page), "Who of the clinic opened it") {
				t.Errorf("a %s carer at %s: %d", level, path, got)
			}
		}
		p := trust.Principal{ID: c.account(tunde), Role: trust.Patient, Patient: me, Proxy: &trust.Proxy{ID: "x", Level: level}}
		if _, err := c.gate.As(p, "portal").Looked(t.Context(), store.LeafFilter{Patient: me, Limit: 1}); (err == nil) != (status == 200) {
			t.Errorf("the gate and a %s carer: %v", level, err)
		}
		c.send(maria, c.must(second(c.see(maria, "/whose")), `action="(/whose/[^"]+/end)"`), nil)
	}
}

// TestALimitedCarerReadsNoLettersAboutAccess: a complaint about privacy, and what the patient marks,
// with the clinic's answer, are read by who sees the whole record, on no page and not at the gate by
// who sees a part of it; nor is what else the patient has written in person. What the clinic begins is.
func TestALimitedCarerReadsNoLettersAboutAccess(t *testing.T) {
	c := start(t)
	const maria, tunde = "maria.okafor", "tunde.adeyemi"
	me := c.people[maria].Patient
	write := func(topic, subject string, more url.Values) {
		t.Helper()
		_, page := c.see(maria, "/portal/messages/new?topic="+topic)
		form := url.Values{"to": {strings.TrimPrefix(c.must(page, `<option value="([^"]+)"`), "Practitioner/")}, "subject": {subject}, "text": {"Please end it."}, "topic": {topic + "/"}}
		for k, v := range more {
			form[k] = v
		}
		if got, _, page := c.send(maria, "/portal/messages", form); got != 200 || !strings.Contains(page, subject) {
			t.Fatalf("%s: %d %s", subject, got, plainText(page))
		}
	}
	if _, page := c.see(maria, "/portal/messages/new"); strings.Contains(page, `name="private"`) || !strings.Contains(page, "People who see only a part of this record do not read this message and its answers.") {
		t.Error("the patient is asked about what is so anyway, or not told that it is")
	}
	write("privacy", "Complaint of mine", nil)
	write("", "My son reads too much", url.Values{"private": {"yes"}})
	write("", "A question on tablets", nil)
	if _, err := message.Send(t.Context(), c.staff("anna.lindqvist"), message.Draft{Patient: me, To: []string{"Patient/" + me}, Subject: "Flu vaccine", Text: "It is here."}); err != nil {
		t.Fatal(err)
	}
	list, err := message.Threads(t.Context(), c.staff("anna.lindqvist"), me)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{"Complaint of mine": true, "My son reads too much": true, "A question on tablets": false, "Flu vaccine": false}
	for _, one := range list {
		if want, ours := kept[one.Subject]; ours && one.Private != want {
			t.Errorf("%s: kept from carers %v", one.Subject, one.Private)
		}
		if kept[one.Subject] {
			if _, err := message.Send(t.Context(), c.staff("anna.lindqvist"), message.Draft{Thread: one.ID, Text: "It was ended today."}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, level := range []string{"limited", "full"} {
		if got, _, page := c.send(maria, "/whose/carers", url.Values{"name": {c.people[tunde].Name}, "user": {tunde}, "level": {level}, "until": {"2027-01-31"}}); got != 200 {
			t.Fatalf("%s: %d %s", level, got, plainText(page))
		}
		_, page := c.see(tunde, "/portal/for/"+me+"/messages")
		p := trust.Principal{ID: c.account(tunde), Role: trust.Patient, Patient: me, Proxy: &trust.Proxy{ID: "x", Level: level}}
		all, err := c.gate.As(p, "portal").Find(t.Context(), "Communication", "subject=Patient/"+me)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, n := range all {
			text += string(n.JSON())
		}
		for _, one := range list {
			if _, ours := kept[one.Subject]; !ours {
				continue
			}
			sees := level == "full" || one.Subject == "Flu vaccine"
			if strings.Contains(page, one.Subject) != sees || strings.Contains(text, one.Subject) != sees {
				t.Errorf("a %s carer, %s: list and gate want %v", level, one.Subject, sees)
			}
			if got, _ := c.see(tunde, "/portal/for/"+me+"/messages/"+one.ID); (got == 200) != sees {
				t.Errorf("a %s carer opens %s: %d", level, one.Subject, got)
			}
		}
		if strings.Contains(text, "It was ended today.") != (level == "full") {
			t.Errorf("a %s carer and the answers", level)
		}
		if _, page := c.see(tunde, "/portal/for/"+me+"/messages/new"); strings.Contains(page, `name="private"`) != (level == "full") {
			t.Errorf("a %s carer is offered to keep a message from such carers", level)
		}
		c.send(maria, c.must(second(c.see(maria, "/whose")), `action="(/whose/[^"]+/end)"`), nil)
	}
}

// TestEmergencyAccessIsNewsUntilItIsRead: the first page tells of it until its page was opened; that
// a carer has read it does not make it old for the patient.
func TestEmergencyAccessIsNewsUntilItIsRead(t *testing.T) {
	c := start(t)
	const maria, anna = "maria.okafor", "anna.lindqvist"
	c.employ(anna)
	id := c.people[maria].Patient
	doctor := trust.Principal{ID: c.account(anna), Proved: noon, Name: c.people[anna].Name, Role: trust.Physician, Practitioner: c.people[anna].Practitioner, Session: "s"}
	if _, err := c.logins.BreakGlass(t.Context(), doctor, identity.GlassRequest{Patient: id, Reason: identity.GlassReasons()[0], Text: because}); err != nil {
		t.Fatal(err)
	}
	const news = "Your record was opened in an emergency"
	carer := trust.Principal{ID: "carer", Role: trust.Patient, Patient: id, Proxy: &trust.Proxy{ID: "x", Level: "full"}}
	if err := c.logins.ReadGlass(t.Context(), carer, id); err != nil {
		t.Fatal(err)
	}
	if _, page := c.see(maria, "/portal"); !strings.Contains(plainText(page), news) {
		t.Error("the patient is not told")
	}
	if _, page := c.see(maria, "/portal/access"); !strings.Contains(page, because) {
		t.Error("the page does not say why")
	}
	if _, page := c.see(maria, "/portal"); strings.Contains(plainText(page), news) {
		t.Error("it was read, and still waits to be read")
	}
	if err := c.logins.ReadGlass(t.Context(), trust.Principal{ID: "stranger", Role: trust.Patient, Patient: "other"}, id); err == nil {
		t.Error("a stranger reads about it")
	}
}

// TestAPatientIsToldOfAnExportOfAll: who took the records of everybody along is in the list and in
// the table, in the patient's words, and can be asked about.
func TestAPatientIsToldOfAnExportOfAll(t *testing.T) {
	c := start(t)
	const maria = "maria.okafor"
	registry := trust.Principal{ID: "u1", Name: "Dr Ada Lovelace", Role: trust.Physician, Purpose: trust.Treatment, Client: "vs", Scopes: []string{"system/*.rs"}}
	for _, err := range c.gate.As(registry, "fhir").All(t.Context(), "Observation") {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, page := c.see(maria, "/portal/access")
	const want = "downloaded many records at once, yours among them"
	if text := plainText(page); !strings.Contains(text, want) || !strings.Contains(text, "Vital signs viewer") {
		t.Errorf("the page lacks it: %s", text)
	}
	if _, ask := c.see(maria, strings.ReplaceAll(c.must(page, `href="(/portal/messages/new\?topic=access[^"]+)">I don’t know this program`), "&amp;", "&")); !strings.Contains(ask, "The program Vital signs viewer") {
		t.Errorf("asked about it: %s", plainText(ask))
	}
	if _, table := c.see(maria, "/portal/access/disclosures"); !strings.Contains(table, want) {
		t.Errorf("disclosures: %s", table)
	}
}
