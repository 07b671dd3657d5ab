package ucum

import (
	"encoding/json"
	"encoding/xml"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/osler-emr/osler/base/sample"
)

// functional is the set of functional test cases that the UCUM organization publishes.
type functional struct {
	Validation []struct {
		ID    string `xml:"id,attr"`
		Unit  string `xml:"unit,attr"`
		Valid bool   `xml:"valid,attr"`
	} `xml:"validation>case"`
	Display []struct {
		ID      string `xml:"id,attr"`
		Unit    string `xml:"unit,attr"`
		Display string `xml:"display,attr"`
	} `xml:"displayNameGeneration>case"`
	Conversion []struct {
		ID      string `xml:"id,attr"`
		Value   string `xml:"value,attr"`
		From    string `xml:"srcUnit,attr"`
		To      string `xml:"dstUnit,attr"`
		Outcome string `xml:"outcome,attr"`
	} `xml:"conversion>case"`
	Multiplication []product `xml:"multiplication>case"`
	Division       []product `xml:"division>case"`
}

type product struct {
	ID string `xml:"id,attr"`
	V1 string `xml:"v1,attr"`
	U1 string `xml:"u1,attr"`
	V2 string `xml:"v2,attr"`
	U2 string `xml:"u2,attr"`
	V  string `xml:"vRes,attr"`
	U  string `xml:"uRes,attr"`
}

func TestFunctionalCases(t *testing.T) {
	body, err := os.ReadFile(filepath.Join(sample.Dir(t, "ucum", 2), "UcumFunctionalTests.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var f functional
	if err := xml.Unmarshal(body, &f); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, c := range f.Validation {
		total++
		if _, err := Parse(c.Unit); (err == nil) != c.Valid {
			t.Errorf("%s: %q: %v, want valid %v", c.ID, c.Unit, err, c.Valid)
		}
	}
	for _, c := range f.Display {
		total++
		if got := parse(t, c.Unit).Display(); got != c.Display {
			t.Errorf("%s: %q is %q, want %q", c.ID, c.Unit, got, c.Display)
		}
	}
	for _, c := range f.Conversion {
		total++
		got, err := Convert(rat(t, c.Value), parse(t, c.From), parse(t, c.To))
		if err != nil || !rounded(t, got, c.Outcome) {
			t.Errorf("%s: %s %s is %v %s, %v; want %s", c.ID, c.Value, c.From, got, c.To, err, c.Outcome)
		}
	}
	for _, c := range f.Multiplication {
		total++
		u, err := Multiply(parse(t, c.U1), parse(t, c.U2))
		check(t, c, u, err, new(big.Rat).Mul(rat(t, c.V1), rat(t, c.V2)))
	}
	for _, c := range f.Division {
		total++
		u, err := Divide(parse(t, c.U1), parse(t, c.U2))
		check(t, c, u, err, new(big.Rat).Quo(rat(t, c.V1), rat(t, c.V2)))
	}
	if total < 384 {
		t.Errorf("only %d cases were found, want 384", total)
	}
	t.Logf("%d UCUM functional cases", total)
}

func check(t *testing.T, c product, u Unit, err error, v *big.Rat) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", c.ID, err)
		return
	}
	got, err := Convert(v, u, parse(t, c.U))
	if err != nil || !rounded(t, got, c.V) {
		t.Errorf("%s: %v %s, %v; want %s", c.ID, got, c.U, err, c.V)
	}
}

func parse(t testing.TB, code string) Unit {
	t.Helper()
	u, err := Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func rat(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}

// rounded compares in the digits that want has.
func rounded(t *testing.T, got *big.Rat, want string) bool {
	t.Helper()
	w, _, err := apd.NewFromString(want)
	if err != nil {
		t.Fatal(err)
	}
	d := Decimal(got)
	c := apd.BaseContext.WithPrecision(uint32(max(1, w.NumDigits())))
	c.Rounding = apd.RoundHalfUp
	_, _ = c.Round(d, d)
	return d.Cmp(w) == 0
}

// TestTable resolves every unit of the table, alone and with every prefix that it takes.
func TestTable(t *testing.T) {
	all := units()
	if len(all.atoms) < 310 || len(all.prefixes) != 24 {
		t.Errorf("the table has %d units and %d prefixes", len(all.atoms), len(all.prefixes))
	}
	for code, a := range all.atoms {
		if err := all.resolve(a); err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		u := parse(t, code)
		if u.factor != nil && u.factor.Sign() <= 0 || u.Display() == "" {
			t.Errorf("%s has the factor %v and the name %q", code, u.factor, u.Display())
		}
		for _, p := range all.prefixes {
			if all.atoms[p.code+code] != nil {
				continue // the unit wins: cd is the candela
			}
			v, err := Parse(p.code + code)
			if a.metric && (err != nil || !Comparable(u, v)) {
				t.Errorf("%s%s: %v", p.code, code, err)
			}
		}
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"98.6", "[degF]", "Cel", "37"},
		{"37", "Cel", "[degF]", "98.6"},
		{"-40", "Cel", "[degF]", "-40"},
		{"80", "[degRe]", "Cel", "100"},
		{"37", "Cel", "K", "310.15"},
		{"37000", "mCel", "Cel", "37"},
		{"491.67", "[degR]", "Cel", "0"},
		{"7", "[pH]", "mol/L", "1e-7"},
		{"7.4", "[pH]", "nmol/L", "39.81071705534973"},
		{"20", "dB", "1", "100"},
		{"2", "B", "1", "100"},
		{"94", "dB[SPL]", "Pa", "1.002374467254545"},
		{"100", "%[slope]", "deg", "45"},
		{"100", "[p'diop]", "deg", "45"},
		{"8", "bit_s", "1", "256"},
		{"1", "Np", "1", "2.718281828459045"},
		{"6", "[hp'_X]", "1", "1e-6"},
		{"2", "[hp'_C]", "1", "1e-4"},
		{"3", "[m/s2/Hz^(1/2)]", "m2.s-3", "9"},
		{"185", "[lb_av]", "kg", "83.91458845"},
		{"1", "[lb_av]", "kg", "0.45359237"},
		{"5.5", "mmol/L", "umol/mL", "5.5"},
		{"1", "[iU]/L", "m[IU]/mL", "1"},
		{"1", "kat", "U", "60000000"},
		{"1", "wk", "h", "168"},
		{"120", "mm[Hg]", "kPa", "15.99864"},
		{"1", "[ft_us]", "m", "0.3048006096012192024384048768"},
		{"3", "Cel/min", "Cel/h", "180"},
		{"1", "dB/m", "B/km", "100"},
		{"10", "10.Cel", "Cel", "100"},
		{"1", "Ki{x}By", "", ""},
	} {
		if c.to == "" && c.want == "" {
			if _, err := Parse(c.from); err == nil {
				t.Errorf("%s is read", c.from)
			}
			continue
		}
		got, err := Convert(rat(t, c.value), parse(t, c.from), parse(t, c.to))
		want := rat(t, c.want)
		if err != nil || !near(got, want) {
			t.Errorf("%s %s = %v %s, %v; want %s", c.value, c.from, got, c.to, err, c.want)
		}
		if u := parse(t, c.from); err == nil && u.Exact() && parse(t, c.to).Exact() && c.from != "[ft_us]" && got.Cmp(want) != 0 {
			t.Errorf("%s %s is exact, but gives %v", c.value, c.from, got.RatString())
		}
	}
}

// near allows for float64, 15 digits.
func near(a, b *big.Rat) bool {
	if a == nil || a.Cmp(b) == 0 {
		return a != nil
	}
	d := new(big.Rat).Sub(a, b)
	scale := new(big.Rat).Abs(b)
	if scale.Sign() == 0 {
		scale.SetInt64(1)
	}
	return d.Abs(d).Cmp(scale.Mul(scale, big.NewRat(1, 1e14))) < 0
}

func TestBase(t *testing.T) {
	for _, c := range []struct{ code, base, factor string }{
		{"mm[Hg]", "g.m-1.s-2", "133322"}, {"mg/dL", "g.m-3", "10"}, {"%", "1", "1/100"},
		{"[iU]/L", "[iU].m-3", "1000"}, {"", "1", "1"}, {"{score}", "1", "1"}, {"/min", "s-1", "1/60"},
		{"10*3/uL", "m-3", "1000000000000"}, {"Cel", "K", ""}, {"Cel/min", "Cel.s-1", "1/60"}, {"m/m", "1", "1"},
	} {
		base, factor := parse(t, c.code).Canonical()
		got := ""
		if factor != nil {
			got = factor.RatString()
		}
		if base != c.base || got != c.factor {
			t.Errorf("%s is %s %s, want %s %s", c.code, got, base, c.factor, c.base)
		}
	}
	for _, pair := range [][2]string{{"mmol/L", "mg/dL"}, {"[iU]", "[arb'U]"}, {"[iU]", "1"}, {"Cel/min", "[degF]/min"}, {"m", "m2"}} {
		if Comparable(parse(t, pair[0]), parse(t, pair[1])) {
			t.Errorf("%s and %s are comparable", pair[0], pair[1])
		}
		if _, err := Convert(big.NewRat(1, 1), parse(t, pair[0]), parse(t, pair[1])); err == nil || !strings.Contains(err.Error(), pair[0]) {
			t.Errorf("%v: %v", pair, err)
		}
	}
	if !parse(t, "[mi_i]/h").Exact() || parse(t, "deg").Exact() || parse(t, "[pH]").Exact() || !parse(t, "[degF]").Exact() {
		t.Error("what is exact is told wrongly")
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ code, want string }{
		{"mg/", "ends where a unit was expected"},
		{"HZ", "is Hz meant?"}, {"IU", "is [IU] meant?"}, {"mmHg", `"mmHg" is not a unit`},
		{"mg/dLL", `"dLL" is not a unit`}, {"g/12h", "a dot must stand between"},
		{"k[lb_av]", "[lb_av] takes no prefix"}, {"m{x", `"{x" has no end`}, {"m[x", `"[x" has no end`},
		{"(m", `"(m" has no end`}, {"m)", `")" is not expected`}, {"m µ", "not printable ASCII"},
		{"m..s", `before ".s"`}, {"10*1000", "beyond 999"}, {"0.m", `"0" is 0`}, {"{{a}}", "within another"},
		{strings.Repeat("(", 20) + "m" + strings.Repeat(")", 20), "nested deeper"},
		{strings.Repeat("m.", 200) + "m", "longer than"},
		{"10*999.10*999.10*999", "too large"}, {"Ym999", "too large"},
	} {
		if _, err := Parse(c.code); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.code, err, c.want)
		}
	}
}

func TestValuesWithoutCounterpart(t *testing.T) {
	if _, err := Convert(new(big.Rat), parse(t, "mol/L"), parse(t, "[pH]")); err == nil {
		t.Error("the pH of nothing is a number")
	}
	if _, err := Convert(big.NewRat(1e9, 1), parse(t, "B"), parse(t, "1")); err == nil {
		t.Error("a thousand million bels are a number")
	}
}

func TestConvertDecimal(t *testing.T) {
	for _, c := range []struct{ value, from, to, want string }{
		{"6.3", "km", "m", "6300"}, {"1", "m", "3.m", "0.3333333333333333333333333333"}, {"0", "m", "cm", "0"}, {"-2.50", "g", "mg", "-2500"},
	} {
		d, _, _ := apd.NewFromString(c.value)
		got, err := ConvertDecimal(d, parse(t, c.from), parse(t, c.to))
		if err != nil || got.String() != c.want {
			t.Errorf("%s %s = %v %s, %v; want %s", c.value, c.from, got, c.to, err, c.want)
		}
	}
	if _, err := ConvertDecimal(&apd.Decimal{Form: apd.NaN}, Unit{}, Unit{}); err == nil {
		t.Error("NaN is converted")
	}
}

// TestCommonCodes reads the codes that HL7 lists as common.
func TestCommonCodes(t *testing.T) {
	dir := sample.Dir(t, "fhir-r4/examples", 100)
	body, err := os.ReadFile(filepath.Join(dir, "json", "valueset-ucum-common.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Compose struct {
			Include []struct {
				Concept []struct{ Code string }
			}
		}
	}
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, i := range set.Compose.Include {
		for _, c := range i.Concept {
			n++
			if _, err := Parse(c.Code); err != nil {
				t.Errorf("%s: %v", c.Code, err)
			}
		}
	}
	t.Logf("%d common codes", n)
	if n < 1000 {
		t.Errorf("only %d common codes were found", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"m", "/m", "4.[pi].10*-7.N/A2", "mL/(8.h.kg)", "{a}.rad2{b}", "[m/s2/Hz^(1/2)]", "10*999.10*999", "Ym99", "dB[SPL]/Cel-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		start := time.Now()
		u, err := Parse(s)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("reading %q took %v", s, took)
		}
		if err != nil {
			return
		}
		if u.String() != s {
			t.Fatalf("%q is %q", s, u.String())
		}
		if !Comparable(u, parse(t, u.Base())) {
			t.Fatalf("%q is not comparable to its base %q", s, u.Base())
		}
		v := big.NewRat(25, 10)
		b, err := u.ToBase(v)
		if err != nil {
			return
		}
		if back, err := u.FromBase(b); u.Exact() && (err != nil || back.Cmp(v) != 0) {
			t.Fatalf("%q: 2.5 comes back as %v, %v", s, back, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	t := units()
	for b.Loop() {
		p := parser{src: "10*3/(8.h.kg)", table: t}
		if _, err := p.whole(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	b.ReportAllocs()
	from, to := parse(b, "[lb_av]"), parse(b, "kg")
	v := big.NewRat(185, 1)
	for b.Loop() {
		if _, err := Convert(v, from, to); err != nil {
			b.Fatal(err)
		}
	}
}
