//go:build unix

package document

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

// BenchmarkRead reads a document of 100 KB, as most are, and the largest of the shared ones.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct{ name, file string }{
		{"100KB", "emerge/Patient-460.xml"}, {"150KB", "hl7-examples/C-CDA_R2-1_CCD.xml"}, {"900KB", "vendors/Vitera/Vitera_CCDA_SMART_Sample.xml"},
	} {
		body := shared(b, c.file)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			before := spent()
			for b.Loop() {
				if _, err := Read(body); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkCompareHostile holds documents that are made to be costly to a chart that is: long names, and items without
// codes that each entry has to be looked at for.
func BenchmarkCompareHostile(b *testing.B) {
	long := func(i int) string { return strings.Repeat(fmt.Sprintf("w%d Ab-c ", i), 600) }
	problem := func(i int, text string) string {
		return fmt.Sprintf(`{"resourceType":"Condition","id":"c%d","subject":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":%q},"onsetString":%q}`, i, text, text)
	}
	allergy := func(i int, text string) string {
		return fmt.Sprintf(`{"resourceType":"AllergyIntolerance","id":"a%d","patient":{"reference":"Patient/maria"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":{"text":%q}}`, i, text)
	}
	for _, c := range []struct {
		name  string
		many  int
		entry func(int) string
		item  func(int) string
	}{
		{"100 problems", 100, func(i int) string { return problem(i, long(i)) }, func(i int) string { return problem(i, fmt.Sprintf("zq%d", i)) }},
		{"1000 problems", 1000, func(i int) string { return problem(i, long(i)) }, func(i int) string { return problem(i, fmt.Sprintf("zq%d", i)) }},
		{"1000 problems, a word of each", 1000, func(i int) string { return problem(i, long(i%3)) }, func(i int) string { return problem(i, "ab c") }},
		{"1000 allergies", 1000, func(i int) string { return allergy(i, "penicillin "+long(i)) }, func(i int) string { return allergy(i, fmt.Sprintf("penicillin zq%d", i)) }},
		{"1000 allergies that are denied", 1000, func(i int) string { return allergy(i, "No known allergies") }, func(i int) string { return allergy(i, fmt.Sprintf("zq%d", i)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := openIn(b)
			for at := 0; at < 500; at += 100 {
				var entries []string
				for i := range 100 {
					entries = append(entries, c.entry(at+i))
				}
				h.put(entries...)
			}
			d := &Document{Patient: node(b, maria)}
			for i := range c.many {
				n := node(b, c.item(i))
				n.Remove("id")
				s := map[string]Section{"Condition": Problems, "AllergyIntolerance": Allergies}[n.ResourceType()]
				d.Items = append(d.Items, Item{Key: fmt.Sprint(i), Section: s, Resource: n, Text: "x"})
			}
			anna := h.as(trust.Physician, "anna")
			b.ReportAllocs()
			before := spent()
			for b.Loop() {
				if _, err := Compare(ctx, anna, "maria", d); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// spent is the processor time of this process: what a machine that others use as well tells truly.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
