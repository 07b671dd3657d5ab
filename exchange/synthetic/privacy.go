package synthetic

import (
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// private are two people by whom a visitor sees what is hidden from whom, and why.
func (d *clinicDay) private() []*chart { return []*chart{d.nils(), d.maren()} }

// nils is treated for alcohol dependence: physicians and pharmacists see it, nurses do not
// until they are cleared.
func (d *clinicDay) nils() *chart {
	c := d.tell(90, person{given: "Nils", family: "Aho", born: d.bornAt(48, 5, 11)})
	c.courses = []step{pressureCourse(3, amlodipine5)}
	c.live(4, 700, 90)
	v := c.begin(c.ago(40), "Follow-up", "Asks for help with drinking", "visit-4")
	why := c.diagnose(alcohol, v.at)
	v.prescribe(naltrexone50, why)
	v.tells("A bottle of wine most evenings for four years; wants to stop, last drink nine days ago.")
	v.assess(why, "no withdrawal, motivated.", "Naltrexone 50 mg daily, group on Tuesdays. Liver tests in 6 weeks.")
	v.close()
	return c
}

// maren is the wife of a colleague: her chart is closed to all but her own doctor.
func (d *clinicDay) maren() *chart {
	c := d.tell(91, person{given: "Maren", family: "Dahl", female: true, born: date(1985, time.March, 9), doctor: 1})
	c.courses = []step{thyroid(2)}
	c.live(3, 640, 200)
	c.patient.Get("meta").Set("security", fhir.Arr(fhir.Obj("system", policy.LabelSystem, "code", "EMP", "display", "employee information sensitivity")))
	return c
}
