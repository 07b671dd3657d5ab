package validate

import "github.com/osler-emr/osler/fhir"

// vitals are the codes of SNOMED CT for the vital signs of R4, with the LOINC code that an
// observation of each must have (R4 observation-vitalsigns.html): readers look for it.
var vitals = map[string]string{
	"86290005": "9279-1", "364075005": "8867-4", "431314004": "2708-6", "386725007": "8310-5", "276885007": "8310-5",
	"50373000": "8302-2", "363812007": "9843-4", "27113001": "29463-7", "60621009": "39156-5", "75367002": "85354-9",
}

// vital checks that a vital sign has the code by which it is found. Only a strict validation
// asks for it.
func (c *checker) vital(r *fhir.Node) {
	if !c.options.Strict || r.ResourceType() != "Observation" {
		return
	}
	due, present := "", map[string]bool{}
	for coding := range r.Path("code.coding").Items() {
		switch code := coding.Get("code").Text(); coding.Get("system").Text() {
		case "http://loinc.org":
			present[code] = true
		case "http://snomed.info/sct":
			if v := vitals[code]; v != "" {
				due = v
			}
		}
	}
	if due != "" && !present[due] {
		c.failAt("code", "required", "This vital sign needs the LOINC code "+due+" besides other codes.")
	}
}
