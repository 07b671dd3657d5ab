// Package vital knows the vital signs of a clinic: their codes and units, the values a
// person can have, and the bands in which an adult's value needs no attention.
//
//	m, _ := vital.ByCode("8867-4")            // pulse
//	vital.Flag(vital.Pulse, 118, 40*12)       // "H"
//	v, err := vital.Parse(vital.Weight, "201 lb") // 91.2 kg
//
// Bands are facts with a source (see band). There is no band for an age that no source
// here covers: Flag then returns "" and BandFor returns ok false, and pages say so instead
// of guessing.
package vital

// Measure is one vital sign.
type Measure string

// The vital signs. Their order in Measures is the order of entry and of the tiles.
const (
	Systolic      Measure = "systolic"
	Diastolic     Measure = "diastolic"
	Pulse         Measure = "pulse"
	Temperature   Measure = "temperature"
	Respiration   Measure = "respiration"
	Oxygen        Measure = "oxygen"
	Weight        Measure = "weight"
	Height        Measure = "height"
	BodyMass      Measure = "bmi"
	Head          Measure = "head"
	BloodPressure Measure = "pressure" // the panel of systolic and diastolic
)

// Definition is how a vital sign is coded (LOINC), measured (UCUM) and limited.
type Definition struct {
	Measure Measure
	Code    string   // LOINC
	Also    []string // other LOINC codes that mean the same when they are read
	Name    string
	Unit    string // UCUM
	// Low and High are the limits of what a living person can have: outside is a slip of the
	// hand and refused. DoubtLow and DoubtHigh are unusual: asked about once.
	Low, High           float64
	DoubtLow, DoubtHigh float64
	Places              int // decimals that are kept
}

var definitions = []Definition{
	{BloodPressure, "85354-9", []string{"55284-4"}, "Blood pressure", "mm[Hg]", 0, 0, 0, 0, 0},
	{Systolic, "8480-6", nil, "Systolic", "mm[Hg]", 40, 320, 70, 220, 0},
	{Diastolic, "8462-4", nil, "Diastolic", "mm[Hg]", 10, 220, 40, 130, 0},
	{Pulse, "8867-4", []string{"8893-0"}, "Pulse", "/min", 20, 320, 40, 180, 0},
	{Temperature, "8310-5", []string{"8331-1", "8328-7", "8332-9", "8333-7"}, "Temperature", "Cel", 25, 45, 34.5, 41, 1},
	{Respiration, "9279-1", nil, "Respiration", "/min", 3, 120, 8, 60, 0},
	{Oxygen, "59408-5", []string{"2708-6"}, "SpO₂", "%", 30, 100, 85, 100, 0},
	{Weight, "29463-7", []string{"3141-9", "8335-2"}, "Weight", "kg", 0.3, 500, 2, 250, 2},
	{Height, "8302-2", []string{"8306-3", "3137-7", "8308-9"}, "Height", "cm", 20, 260, 45, 215, 1},
	{BodyMass, "39156-5", nil, "BMI", "kg/m2", 5, 150, 12, 70, 1},
	{Head, "9843-4", []string{"8287-5"}, "Head circumference", "cm", 15, 80, 30, 65, 1},
}

// Definitions returns all vital signs in the order of the tiles. Do not change the result.
func Definitions() []Definition { return definitions }

// Of returns the definition of a vital sign; the zero Definition for an unknown one.
func Of(m Measure) Definition {
	for _, d := range definitions {
		if d.Measure == m {
			return d
		}
	}
	return Definition{}
}

// ByCode returns the definition that a LOINC code means.
func ByCode(code string) (Definition, bool) {
	for _, d := range definitions {
		if d.Code == code {
			return d, true
		}
		for _, also := range d.Also {
			if also == code {
				return d, true
			}
		}
	}
	return Definition{}, false
}

// Band is the range in which a value needs no attention. Critical limits are 0 when no
// source gives one.
type Band struct {
	Low, High                 float64
	CriticalLow, CriticalHigh float64
	Source                    string
}

// adult is 18 years, in months; newborn is the first month, for which no band is given.
const (
	adult   = 18 * 12
	newborn = 1
)

// BandFor returns the band of a vital sign at an age in months; a negative age is unknown.
// Temperature and oxygen saturation have one band above the first month of life; all
// others are for adults only.
func BandFor(m Measure, months int) (Band, bool) {
	if months < newborn {
		return Band{}, false
	}
	switch m {
	case Temperature:
		return Band{36, 37.9, 35, 40, "Fever from 38.0 °C: NICE NG143. Hypothermia below 35 °C: ICD-10-CM T68"}, true
	case Oxygen:
		return Band{95, 100, 90, 0, "WHO Pulse Oximetry Training Manual: 95 % and more is normal, below 90 % is an emergency"}, true
	}
	if months < adult {
		return Band{}, false
	}
	switch m {
	case Systolic:
		return Band{90, 139, 80, 180, "Hypertension from 140/90 in the office: ESH 2023, NICE NG136. Severe from 180/120"}, true
	case Diastolic:
		return Band{50, 89, 0, 120, "Hypertension from 140/90 in the office: ESH 2023, NICE NG136. Severe from 180/120"}, true
	case Pulse:
		return Band{51, 100, 40, 131, "Normal at rest to 100: AHA. Limits of NEWS2: below 41 and from 131 critical"}, true
	case Respiration:
		return Band{12, 20, 8, 25, "NEWS2, Royal College of Physicians 2017: 12 to 20; up to 8 and from 25 critical"}, true
	case BodyMass:
		return Band{18.5, 24.9, 0, 0, "WHO classes of body mass index in adults"}, true
	}
	return Band{}, false
}

// Flag grades a value: "HH", "H", "N", "L", "LL" of HL7 ObservationInterpretation, or ""
// when there is no band for the age.
func Flag(m Measure, value float64, months int) string {
	b, ok := BandFor(m, months)
	switch {
	case !ok:
		return ""
	case b.CriticalHigh != 0 && value >= b.CriticalHigh:
		return "HH"
	case b.CriticalLow != 0 && value <= b.CriticalLow && value < b.Low:
		return "LL"
	case value >= b.High+step(m):
		return "H"
	case value < b.Low:
		return "L"
	}
	return "N"
}

// step is the resolution behind a band's upper limit: 24.95 belongs to the band to 24.9.
func step(m Measure) float64 {
	if Of(m).Places > 0 {
		return 0.1
	}
	return 1
}

// Worse returns the flag that asks for more attention.
func Worse(a, b string) string {
	rank := map[string]int{"": 0, "N": 1, "L": 2, "H": 2, "LL": 3, "HH": 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// BMI is the body mass index in kg/m2 of a weight in kg and a height in cm; 0 when one is
// missing.
func BMI(kg, cm float64) float64 {
	if kg <= 0 || cm <= 0 {
		return 0
	}
	return kg / (cm / 100 * cm / 100)
}
