package synthetic

import (
	"fmt"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// person is who a patient is, before anything happens.
type person struct {
	given, family, usual string
	script               string // the name in the patient's own script, where it is not latin
	female               bool
	born                 time.Time
	language             string // BCP-47; "" is English
	record               string // record number; drawn when empty
	portal               string // story of the portal account; "" is none
	died                 time.Time
	doctor               int // index of the physician; -1 draws one
}

// Names are mixed as in a town that people moved to from many places.
var (
	girls   = strings.Fields("Olivia Amina Hannah Nadia Grace Ines Leila Sofia Priya Mei Zoe Ruth Chloe Freya Aisha Clara Elif Noor Teresa Joan Helen Margaret Dorothy Agnes Irene Paula Rosa Carmen Yuki Thuy Ngozi Adaeze Fatou Marta Katya Ilse Bronwen Siobhan Hope Naomi")
	boys    = strings.Fields("Oliver Omar Daniel Mateo Arjun Leo Kwame Tomas Hugo Ivan Samuel Jonas Felix Ravi Minh Noah Elias Rafael Henry Arthur Walter George Frank Harold Luis Diego Kenji Tariq Emeka Kofi Bruno Pavel Anders Rhys Declan Gabriel Isaac Nikolai Victor Adeel")
	houses  = strings.Fields("Abbott Achterberg Adomako Alvarez Anand Ashby Barlow Bakshi Bergstrom Castell Chaudhry Clarke Costa Dalgaard Desai Diallo Doyle Eriksen Farrow Fenn Ferreira Gallagher Ghosh Greene Halloran Hartley Hoang Huang Ivers Jankowski Kaplan Kaur Kelleher Kimura Larsen Lindgren Lowe Mackie Malik Marchetti Mbatha Mistry Moreau Nakamura Novak Nwosu Oduya Olsen Osei Park Pereira Petrov Quinn Rahman Rausch Reid Sandoval Sato Schreiber Shah Silva Sorensen Tanaka Tomlin Tran Underhill Varga Villar Walsh Wexler Wojcik Yates Yilmaz Zapata Zielinski")
	streets = strings.Fields("Alder Birch Chapel Dock Elder Foundry Garnet Harbour Iris Juniper Kiln Larch Mill Nettle Orchard Priory Quarry Rowan Saddler Tannery Upland Vine Weaver Yarrow")
)

func (d dice) anyone(minAge, maxAge int, today time.Time) person {
	p := person{female: d.chance(.52), family: pick(d, houses...), doctor: -1}
	p.given = pick(d, boys...)
	if p.female {
		p.given = pick(d, girls...)
	}
	p.born = today.AddDate(-d.between(minAge, maxAge), 0, -d.between(20, 340))
	return p
}

func (d dice) phone() string {
	return fmt.Sprintf("(%s) 555-01%02d", pick(d, "206", "253", "360", "425", "509", "564"), d.IntN(100))
}

func (d dice) dwelling() *fhir.Node {
	line := fmt.Sprintf("%d %s %s", d.between(2, 480), pick(d, streets...), pick(d, "Street", "Lane", "Road", "Close", "Avenue"))
	if d.chance(.25) {
		line += fmt.Sprintf(", Apt %d", d.between(1, 24))
	}
	place := pick(d, "Harehills 98177", "Harehills 98177", "Eastbrook 98178", "Fallow Bridge 98179")
	i := strings.LastIndexByte(place, ' ')
	return address(line, place[:i], place[i+1:])
}

// latin folds the letters that our invented names use to plain ASCII, for user names.
var latin = strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ñ", "n", " ", ".", "'", "", "-", "")

func (p person) user() string { return latin.Replace(strings.ToLower(p.given + "." + p.family)) }

func (c *chart) enroll(p person) {
	n := resource(c.dice, "Patient")
	c.id, c.patient = n.ID(), n
	if p.record == "" {
		p.record = fmt.Sprintf("204%07d", c.between(1000000, 9899999))
	}
	c.person = p
	set(n, "identifier", fhir.Arr(fhir.Obj("use", "usual", "type", bare("v2-0203", "MR"), "system", "urn:osler:record-number", "value", p.record)),
		"active", p.died.IsZero(), "name", c.names(), "telecom", c.reach(), "gender", "male", "birthDate", day(p.born),
		"address", fhir.Arr(c.dwelling()))
	if p.female {
		n.Set("gender", fhir.Str("female"))
	}
	if !p.died.IsZero() {
		n.Set("deceasedDateTime", fhir.Str(moment(p.died)))
	}
	language, display := p.language, map[string]string{"": "English", "es": "Spanish", "ar": "Arabic", "en": "English", "so": "Somali"}[p.language]
	if language == "" {
		language = "en"
	}
	set(n, "contact", fhir.Arr(c.kin()),
		"communication", fhir.Arr(fhir.Obj("language", concept(display, code{"urn:ietf:bcp:47", language, display}), "preferred", true)),
		"generalPractitioner", fhir.Arr(c.doctor.reference()),
		"managingOrganization", ref(c.world.clinic))
	c.emit(n)
	if p.portal != "" {
		c.account = &Account{Role: trust.Patient, Name: p.given + " " + p.family, User: p.user(), Patient: c.id, Language: language, Story: p.portal}
	}
}

func (c *chart) names() *fhir.Node {
	p := c.person
	official := fhir.Obj("use", "official", "text", p.given+" "+p.family, "family", p.family, "given", fhir.Arr(p.given))
	list := fhir.Arr(official)
	if p.script != "" {
		parts := strings.SplitN(p.script, " ", 2)
		list.Append(fhir.Obj("extension", fhir.Arr(fhir.Obj("url", "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode", "SYL")),
			"use", "official", "text", p.script, "family", parts[1], "given", fhir.Arr(parts[0])))
	}
	if p.usual != "" {
		list.Append(fhir.Obj("use", "usual", "given", fhir.Arr(p.usual)))
	}
	return list
}

func (c *chart) reach() *fhir.Node {
	list := fhir.Arr(fhir.Obj("system", "phone", "value", c.phone(), "use", "mobile"))
	if c.age(c.world.today) >= 16 && (c.person.portal != "" || c.chance(.6)) {
		list.Append(fhir.Obj("system", "email", "value", c.person.user()+"@example.org", "use", "home"))
	}
	return list
}

// kin is the emergency contact: a parent for a child, otherwise someone close.
func (c *chart) kin() *fhir.Node {
	relation, hl7code := "Spouse or partner", "SPS"
	age := c.age(c.world.today)
	switch {
	case age < 18:
		relation, hl7code = "Parent", "PRN"
	case age > 70 || c.chance(.3):
		relation, hl7code = "Child", "CHILD"
	case c.chance(.3):
		relation, hl7code = "Sibling", "SIB"
	}
	given := pick(c.dice, pick(c.dice, girls...), pick(c.dice, boys...))
	c.kinName, c.kinWord = given, map[string]string{"SPS": "partner", "PRN": "parent", "CHILD": "child", "SIB": "sibling"}[hl7code]
	return fhir.Obj("relationship", fhir.Arr(concept(relation, code{hl7 + "v3-RoleCode", hl7code, ""})),
		"name", fhir.Obj("text", given+" "+c.person.family, "family", c.person.family, "given", fhir.Arr(given)),
		"telecom", fhir.Arr(fhir.Obj("system", "phone", "value", c.phone())))
}

// insure gives the patient a cover; some pay themselves.
func (c *chart) insure() {
	age := c.age(c.world.today)
	if age < 65 && c.chance(.08) {
		return
	}
	start := c.world.today.AddDate(-1, 0, -c.between(0, 300))
	if start.Before(c.person.born) {
		start = c.person.born
	}
	payer, number := c.world.insurers[c.IntN(2)], fmt.Sprintf("%s%07d", strings.ToUpper(c.person.family[:1]), c.IntN(1e7))
	switch {
	case age >= 65:
		payer = c.world.insurers[3]
	case age < 19 && c.chance(.4):
		payer = c.world.insurers[2]
	}
	c.emit(set(resource(c.dice, "Coverage"), "status", "active", "subscriberId", number, "beneficiary", c.ref(),
		"relationship", bare("subscriber-relationship", "self"), "period", fhir.Obj("start", day(start)),
		"payor", fhir.Arr(named(payer.Reference(), payer.Get("name").Text()))))
}
