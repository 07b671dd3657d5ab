//go:build unix

package cda

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/sample"
)

func vitera(b *testing.B) []byte {
	body, err := os.ReadFile(filepath.Join(sample.Dir(b, "ccda", 150), "vendors/Vitera/Vitera_CCDA_SMART_Sample.xml"))
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// BenchmarkParse reads the largest of the shared documents, 0.9 MB.
func BenchmarkParse(b *testing.B) {
	body := vitera(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	before := spent()
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkStandard reads the tokens of the same with the standard library, without a tree.
func BenchmarkStandard(b *testing.B) {
	body := vitera(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	before := spent()
	for b.Loop() {
		d := xml.NewDecoder(bytes.NewReader(body))
		for {
			_, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// spent is the processor time of this process: what a machine that others use as well tells truly.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
