package chart

import (
	"cmp"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Patient is who the chart is about.
type Patient struct {
	ID                       string
	Family, Given, Title     string
	Preferred                string
	Born                     string // FHIR date
	Died                     string // FHIR dateTime; "" when alive or not known
	Deceased                 bool   // also when the date is not known
	Sex                      string // administrative gender: female, male, other, unknown
	RecordNumber             string
	Phone, Email             string
	Language                 string // BCP-47, "" when not recorded
	LanguageText             string
	Address                  string
	Photo                    string       // data URL of a picture, or ""
	ContactName, ContactText string       // emergency contact: name, relation and phone
	Reach                    policy.Reach // how the patient is reached in confidence; Phone, Email and Address hold nothing else then
	Withheld                 bool         // how to reach the patient is hidden from the reader's role
	Physician                string       // reference of the general practitioner
	Version                  string
}

// PatientFrom reads a Patient resource.
func PatientFrom(n *fhir.Node) Patient {
	p := Patient{
		ID: n.ID(), Born: n.Get("birthDate").Text(), Sex: n.Get("gender").Text(),
		Died: n.Get("deceasedDateTime").Text(), Physician: n.Path("generalPractitioner.0.reference").Text(),
		RecordNumber: recordNumber(n), Phone: telecom(n, "phone"), Email: telecom(n, "email"),
		Address: address(n.Get("address").At(0)), Photo: photo(n), Version: n.Path("meta.versionId").Text(),
		Withheld: policy.Masked(n.Get("telecom").At(0)),
	}
	if p.Reach = policy.ReachOf(n); p.Reach.Way != policy.NoWay {
		p.Phone, p.Email, p.Address = "", "", ""
		switch p.Reach.Way {
		case policy.Post:
			p.Address = p.Reach.To
		case policy.Call:
			p.Phone = p.Reach.To
		case policy.Mail:
			p.Email = p.Reach.To
		}
	}
	p.Deceased = p.Died != "" || n.Get("deceasedBoolean").True()
	p.name(n)
	p.language(n)
	p.contact(n)
	return p
}

func (p *Patient) name(n *fhir.Node) {
	var official *fhir.Node
	for name := range n.Get("name").Items() {
		switch use := name.Get("use").Text(); {
		case use == "usual" || use == "nickname":
			if p.Preferred == "" {
				p.Preferred = cmp.Or(given(name), name.Get("text").Text())
			}
		case use == "old" || use == "maiden":
		case official == nil || use == "official":
			official = name
		}
	}
	if official == nil {
		official = n.Get("name").At(0)
	}
	p.Family, p.Given = official.Get("family").Text(), given(official)
	p.Title = strings.TrimSuffix(official.Get("prefix").At(0).Text(), ".")
	if p.Family == "" && p.Given == "" {
		p.Family = official.Get("text").Text()
	}
	if p.Preferred == p.Given {
		p.Preferred = ""
	}
}

func given(name *fhir.Node) string {
	var parts []string
	for g := range name.Get("given").Items() {
		parts = append(parts, g.Text())
	}
	return strings.Join(parts, " ")
}

func (p *Patient) language(n *fhir.Node) {
	for c := range n.Get("communication").Items() {
		if p.Language == "" || c.Get("preferred").True() {
			p.Language, p.LanguageText = code(c.Get("language")), Words(c.Get("language"))
		}
	}
}

func (p *Patient) contact(n *fhir.Node) {
	c := n.Get("contact").At(0)
	name := c.Get("name")
	p.ContactName = cmp.Or(strings.TrimSpace(given(name)+" "+name.Get("family").Text()), name.Get("text").Text())
	var parts []string
	for _, s := range []string{Words(c.Get("relationship").At(0)), c.Path("telecom.0.value").Text()} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	p.ContactText = strings.Join(parts, ", ")
}

// recordNumber is the clinic's own number, else one of type MR of another place.
func recordNumber(n *fhir.Node) string {
	other := ""
	for id := range n.Get("identifier").Items() {
		if id.Get("system").Text() == "urn:osler:record-number" {
			return id.Get("value").Text()
		}
		if other == "" && hasCode(id.Get("type"), "MR") {
			other = id.Get("value").Text()
		}
	}
	return other
}

func telecom(n *fhir.Node, system string) string {
	for t := range n.Get("telecom").Items() {
		if t.Get("system").Text() == system && t.Get("use").Text() != "old" {
			return t.Get("value").Text()
		}
	}
	return ""
}

func address(a *fhir.Node) string {
	if text := a.Get("text").Text(); text != "" {
		return text
	}
	var parts []string
	for line := range a.Get("line").Items() {
		parts = append(parts, line.Text())
	}
	place := strings.TrimSpace(a.Get("postalCode").Text() + " " + a.Get("city").Text())
	for _, s := range []string{place, a.Get("state").Text(), a.Get("country").Text()} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

// photo returns the first embedded picture as a data URL. Links to other places are not
// followed: a page shows only what the record holds.
func photo(n *fhir.Node) string {
	for a := range n.Get("photo").Items() {
		kind, data := a.Get("contentType").Text(), a.Get("data").Text()
		if data != "" && strings.HasPrefix(kind, "image/") && !strings.ContainsAny(kind+data, "\"'<> ") {
			return "data:" + kind + ";base64," + data
		}
	}
	return ""
}
