package labrange

import "testing"

func TestCritical(t *testing.T) {
	for name, c := range map[string]struct {
		loinc, comparator, unit string
		value                   float64
		age                     int
		flag                    string
		why                     Unchecked
	}{
		"potassium at the limit":             {loinc: "2823-3", unit: "mmol/L", value: 6.2, age: 58, flag: "HH"},
		"potassium below the limit":          {loinc: "2823-3", unit: "mmol/L", value: 6.1, age: 58},
		"potassium too low":                  {loinc: "2823-3", unit: "mmol/L", value: 2.8, age: 58, flag: "LL"},
		"milliequivalents are the same":      {loinc: "2823-3", unit: "mEq/L", value: 6.9, age: 58, flag: "HH"},
		"another code of the same test":      {loinc: "6298-4", unit: "mmol/L", value: 6.9, age: 58, flag: "HH"},
		"micromoles are converted":           {loinc: "2823-3", unit: "umol/L", value: 6200, age: 58, flag: "HH"},
		"the micro sign is read":             {loinc: "2823-3", unit: "µmol/L", value: 6100, age: 58},
		"mass is no amount":                  {loinc: "2823-3", unit: "mg/dL", value: 27, age: 58, why: OtherUnit},
		"a unit that nobody knows":           {loinc: "2823-3", unit: "units", value: 6.9, age: 58, why: OtherUnit},
		"no unit":                            {loinc: "2823-3", value: 6.9, age: 58, why: OtherUnit},
		"a ratio needs no unit":              {loinc: "6301-6", value: 5.2, age: 58, flag: "HH"},
		"platelets for each microlitre":      {loinc: "777-3", unit: "/uL", value: 20000, age: 58, flag: "LL"},
		"platelets in thousands":             {loinc: "777-3", unit: "K/uL", value: 20, age: 58, flag: "LL"},
		"the second row of a test":           {loinc: "718-7", unit: "g/dL", value: 6.9, age: 58, flag: "LL"},
		"a unit of neither row":              {loinc: "718-7", unit: "mg/mL", value: 69, age: 58, flag: "LL"},
		"haematocrit as a fraction":          {loinc: "4544-3", unit: "L/L", value: 0.15, age: 58, flag: "LL"},
		"above what is measured":             {loinc: "2823-3", comparator: ">", unit: "mmol/L", value: 8, age: 58, flag: "HH"},
		"below something too high":           {loinc: "2823-3", comparator: "<", unit: "mmol/L", value: 8, age: 58},
		"below what is measured":             {loinc: "777-3", comparator: "<", unit: "10*9/L", value: 5, age: 58, flag: "LL"},
		"a child whose limits are not known": {loinc: "1963-8", unit: "mmol/L", value: 8, age: 5, why: OtherAge},
		"a child has limits of potassium":    {loinc: "2823-3", unit: "mmol/L", value: 6.9, age: 5, flag: "HH"},
		"a newborn has none":                 {loinc: "2823-3", unit: "mmol/L", value: 6.9, age: 0, why: OtherAge},
		"a child's haemoglobin":              {loinc: "718-7", unit: "g/L", value: 69, age: 5, flag: "LL"},
		"an age that is not known":           {loinc: "2823-3", unit: "mmol/L", value: 6.9, age: -1, flag: "HH"},
		"a test without critical limits":     {loinc: "4548-4", unit: "%", value: 14, age: 58},
		"a test that nobody knows":           {loinc: "1-1", unit: "mmol/L", value: 14, age: 58},
	} {
		t.Run(name, func(t *testing.T) {
			flag, why := Critical(c.loinc, Quantity{Value: c.value, Comparator: c.comparator, Unit: c.unit}, c.age)
			if flag != c.flag || why != c.why {
				t.Errorf("%q, %q; want %q, %q", flag, why, c.flag, c.why)
			}
		})
	}
}
