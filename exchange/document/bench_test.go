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

// largeLetter is a document of a number of problems that are all new, 770 bytes each.
func largeLetter(problems int) []byte {
	var rows, entries strings.Builder
	for i := range problems {
		fmt.Fprintf(&rows, `<tr ID="p%d"><td>Problemo%d active</td></tr>`, i, i)
		fmt.Fprintf(&entries, `<entry><act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.3"/><id root="1.2.4.%d"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><effectiveTime><low value="20200101"/></effectiveTime><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.4"/><id root="1.2.5.%d"/><code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><text><reference value="#p%d"/></text><statusCode code="completed"/><effectiveTime><low value="20200101"/></effectiveTime><value xsi:type="CD" code="%d" codeSystem="2.16.840.1.113883.6.96" displayName="Problemo%d"/></observation></entryRelationship></act></entry>`, i, i, i, 900000+i, i)
	}
	return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/><id root="1.9.9.1"/><recordTarget><patientRole><patient><name><given>Maria</given><family>Okafor</family></name><administrativeGenderCode code="F"/><birthTime value="19680314"/></patient></patientRole></recordTarget><component><structuredBody><component><section><templateId root="2.16.840.1.113883.10.20.22.2.5.1"/><code code="11450-4" codeSystem="2.16.840.1.113883.6.1"/><title>Problems</title><text><table><tbody>` +
		rows.String() + `</tbody></table></text>` + entries.String() + `</section></component></structuredBody></component></ClinicalDocument>`)
}

// BenchmarkTakeLarge takes in a document of 14 MB, and tells the most memory that the process had.
func BenchmarkTakeLarge(b *testing.B) {
	body := largeLetter(18_000)
	for b.Loop() {
		h := openIn(b)
		before := spent()
		d, err := ReadFor(ctx, body)
		if err != nil {
			b.Fatal(err)
		}
		_, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: body, Read: d})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(body))/(1<<20), "MB")
		b.ReportMetric(float64(a.Added), "added")
		b.ReportMetric(float64((spent() - before).Milliseconds()), "cpu-ms")
		b.ReportMetric(float64(peak()), "peak-MB")
	}
}

// peak is the most memory that this process has had, in MB.
func peak() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss >> 10 // KiB where the benchmark is run
}

// spent is the processor time of this process: what a machine that others use as well tells truly.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
