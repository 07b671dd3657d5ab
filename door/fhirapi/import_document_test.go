package fhirapi

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

func rosasLetter(number int) synthetic.Letter {
	return synthetic.Letter{Number: number, Family: "Díaz", Given: "Rosa", Born: "19700506", Sex: "F", Visits: 2}
}

// parameter returns the first parameter of an answer with a name.
func parameter(n *fhir.Node, name string) *fhir.Node {
	for p := range n.Get("parameter").Items() {
		if p.Get("name").Text() == name {
			return p
		}
	}
	return nil
}

func TestADocumentIsImported(t *testing.T) {
	h := open(t)
	count := func(query string) string {
		return h.ask("GET", "/fhir/"+query, "").node.Get("total").Text()
	}
	body := string(rosasLetter(1).Document())
	first := h.ask("POST", "/fhir/Patient/rosa/$import-document", body, "Content-Type: application/cda+xml")
	if first.status != http.StatusOK {
		t.Fatalf("%d %s", first.status, first.body)
	}
	answer := first.node
	if parameter(answer, "filedBefore").Get("valueBoolean").True() || parameter(answer, "added").Get("valueInteger").Text() != "0" || count("Condition?patient=rosa&_summary=count") != "0" {
		t.Errorf("without accept: %s", first.body)
	}
	states := map[string]int{}
	for p := range answer.Get("parameter").Items() {
		if p.Get("name").Text() == "item" {
			states[p.Path("part.2.valueCode").Text()]++
		}
	}
	if states["new"] < 20 {
		t.Errorf("the items: %v", states)
	}
	doc := parameter(answer, "document").Path("valueReference.reference").Text()
	if got := h.ask("GET", "/fhir/"+doc, "").node; got.Path("content.0.attachment.contentType").Text() != "text/xml" || got.Path("masterIdentifier.value").Text() != "letter-1" {
		t.Errorf("the document: %s", got.JSON())
	}

	again := h.ask("POST", "/fhir/Patient/rosa/$import-document?accept=new", body, "Content-Type: text/xml").node
	if !parameter(again, "filedBefore").Get("valueBoolean").True() || parameter(again, "document").Path("valueReference.reference").Text() != doc || parameter(again, "provenance") == nil {
		t.Errorf("accept=new: %s", again.JSON())
	}
	if n := count("Condition?patient=rosa&_summary=count"); n != "7" {
		t.Errorf("%s problems", n)
	}
	third := h.ask("POST", "/fhir/Patient/rosa/$import-document?accept=new", body, "Content-Type: text/xml").node
	if parameter(third, "added").Get("valueInteger").Text() != "0" || count("Condition?patient=rosa&_summary=count") != "7" || count("DocumentReference?patient=rosa&_summary=count") != "1" {
		t.Errorf("the third time: %s", third.JSON())
	}
	if count("Practitioner?_summary=count") != "1" || count("Organization?_summary=count") != "0" || count("Location?_summary=count") != "0" {
		t.Error("an import made a practitioner, an organization or a place")
	}
}

func TestADocumentInOtherForms(t *testing.T) {
	h := open(t)
	data := base64.StdEncoding.EncodeToString(rosasLetter(2).Document())
	binary := `{"resourceType":"Binary","contentType":"text/xml","data":"` + data + `"}`
	if a := h.ask("POST", "/fhir/Patient/rosa/$import-document", binary); a.status != http.StatusOK {
		t.Errorf("a Binary: %d %.300s", a.status, a.body)
	}
	a := h.ask("POST", "/fhir/Patient/rosa/$import-document", `{"resourceType":"Parameters","parameter":[{"name":"accept","valueCode":"new"},{"name":"document","resource":`+binary+`}]}`)
	if a.status != http.StatusOK || parameter(a.node, "added").Get("valueInteger").Text() == "0" {
		t.Errorf("Parameters: %d %.300s", a.status, a.body)
	}
	commented := strings.Replace(string(rosasLetter(9).Document()), "<ClinicalDocument", "<!-- as http://hl7.org/fhir has it --><ClinicalDocument", 1)
	if a := h.ask("POST", "/fhir/Patient/rosa/$import-document", commented, "Content-Type: text/xml"); a.status != http.StatusOK {
		t.Errorf("a document that speaks of FHIR: %d %.300s", a.status, a.body)
	}
	xmlBinary := `<Binary xmlns="http://hl7.org/fhir"><contentType value="text/xml"/><data value="` + data + `"/></Binary>`
	if a := h.ask("POST", "/fhir/Patient/rosa/$import-document", xmlBinary, "Content-Type: application/fhir+xml"); a.status != http.StatusOK {
		t.Errorf("a Binary in XML: %d %.300s", a.status, a.body)
	}
}

func TestDocumentsThatAreRefused(t *testing.T) {
	h := open(t)
	letter := string(rosasLetter(3).Document())
	other := strings.Replace(letter, "19700506", "19710506", 1)
	for name, c := range map[string]struct {
		role       trust.Role
		path, body string
		status     int
	}{
		"another person":           {trust.Physician, "Patient/rosa/$import-document", other, 422},
		"another person, accepted": {trust.Physician, "Patient/rosa/$import-document?accept=new", other, 422},
		"a twin":                   {trust.Physician, "Patient/rosa/$import-document?accept=new", strings.Replace(letter, "<given>Rosa", "<given>Inez", 1), 422},
		"without a name":           {trust.Physician, "Patient/rosa/$import-document?accept=new", strings.Replace(letter, "<given>Rosa</given>", "", 1), 422},
		"another chart":            {trust.Physician, "Patient/sam/$import-document?accept=new", letter, 422},
		"no such chart":            {trust.Physician, "Patient/nobody/$import-document", letter, 404},
		"no document":              {trust.Physician, "Patient/rosa/$import-document", "<html/>", 0},
		"nothing":                  {trust.Physician, "Patient/rosa/$import-document", "", 0},
		"an unknown parameter":     {trust.Physician, "Patient/rosa/$import-document?accept=all", letter, 0},
		"the patient":              {trust.Patient, "Patient/rosa/$import-document?accept=new", letter, 403},
		"the front desk":           {trust.FrontDesk, "Patient/rosa/$import-document?accept=new", letter, 403},
		"before it is read":        {trust.FrontDesk, "Patient/rosa/$import-document", "<html/>", 403},
		"the patient, before":      {trust.Patient, "Patient/rosa/$import-document", "<html/>", 403},
	} {
		a := h.as(c.role).ask("POST", "/fhir/"+c.path, c.body, "Content-Type: text/xml")
		if a.status < 400 || a.status >= 500 || c.status != 0 && a.status != c.status || strings.Contains(string(a.body), "1971") {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	for _, kind := range []string{"DocumentReference", "Condition", "MedicationStatement"} {
		if n := h.ask("GET", "/fhir/"+kind+"?_summary=count", "").node.Get("total").Text(); n != "0" {
			t.Errorf("%s %s after refusals", n, kind)
		}
	}
	a := h.ask("POST", "/fhir/Patient/rosa/$import-document?accept=new&reason=Confirmed+by+phone", other, "Content-Type: text/xml")
	if a.status != http.StatusOK || parameter(a.node, "added").Get("valueInteger").Text() != "0" || parameter(a.node, "left").Get("valueInteger").Text() == "0" || parameter(a.node, "task") == nil {
		t.Errorf("with a reason: %d %.300s", a.status, a.body)
	}
	if n := h.ask("GET", "/fhir/Condition?_summary=count", "").node.Get("total").Text(); n != "0" {
		t.Errorf("%s problems of another person", n)
	}
}

// TestAReviewIsNotDeleted: the task and the steps of a document's review are refused to who deletes them, by each way,
// and stay; other tasks go.
func TestAReviewIsNotDeleted(t *testing.T) {
	h := open(t)
	a := h.ask("POST", "/fhir/Patient/rosa/$import-document?accept=new", string(rosasLetter(4).Document()), "Content-Type: text/xml")
	task, step := parameter(a.node, "task").Path("valueReference.reference").Text(), parameter(a.node, "provenance").Path("valueReference.reference").Text()
	if task == "" || step == "" {
		t.Fatalf("%d %.600s", a.status, a.body)
	}
	id := strings.TrimPrefix(task, "Task/")
	for name, got := range map[string]answer{
		"the task":            h.ask("DELETE", "/fhir/"+task, ""),
		"the task, by a rule": h.ask("DELETE", "/fhir/Task?_id="+id, ""),
		"in a transaction":    h.ask("POST", "/fhir", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"`+task+`"}}]}`),
		"the step":            h.ask("DELETE", "/fhir/"+step, ""),
	} {
		if got.status != http.StatusForbidden {
			t.Errorf("%s: %d %.300s", name, got.status, got.body)
		}
		if name != "the step" && !strings.Contains(string(got.body), "cannot be deleted. The task may be completed or cancelled") {
			t.Errorf("%s is refused without a reason: %.300s", name, got.body)
		}
	}
	for _, kept := range []string{task, step} {
		if got := h.ask("GET", "/fhir/"+kept, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d", kept, got.status)
		}
	}
	other := h.ask("POST", "/fhir/Task", `{"resourceType":"Task","status":"requested","intent":"order","code":{"text":"Call back"},"for":{"reference":"Patient/rosa"}}`)
	if got := h.ask("DELETE", "/fhir/Task/"+other.node.ID(), ""); other.status != http.StatusCreated || got.status >= 300 {
		t.Errorf("another task: %d, %d %.300s", other.status, got.status, got.body)
	}
}
