package label

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// clinicalDrugs are prescriptions that come with a code of RxNorm and no name: treatments of
// opioid and alcohol use disorder as the CMS measures list them.
const clinicalDrugs = `
OPIOIDUD 351264 351265 351266 351267 1010600 1010604 1307056 1307061 1431076 1431102 1542390 1544851 1544854 1597568 1597573 352364 637213 1483744
ETHUD 197623 197624 835726 637213 1483744
`

func TestSUDMedicinesByCodeAlone(t *testing.T) {
	for line := range strings.Lines(clinicalDrugs) {
		f := strings.Fields(line)
		for i, code := range f {
			if i == 0 {
				continue
			}
			got := Of(parse(t, fmt.Sprintf(`{"resourceType":"MedicationDispense","medicationCodeableConcept":{"coding":[{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":%q}]}}`, code)), About{})
			for _, l := range []string{f[0], "SUD", "ETH"} {
				if !slices.Contains(got, l) {
					t.Errorf("RxNorm %s has %v, not %s", code, got, l)
				}
			}
		}
	}
}
