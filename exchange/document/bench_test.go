//go:build unix

package document

import (
	"syscall"
	"testing"
	"time"
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

// spent is the processor time of this process: what a machine that others use as well tells truly.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
