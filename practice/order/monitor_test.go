package order

import (
	"testing"

	"github.com/osler-emr/osler/knowledge/rx"
)

// Every test that a finding offers to order is in the catalogue.
func TestMonitoringTestsCanBeOrdered(t *testing.T) {
	codes := rx.MonitoringTests()
	if len(codes) < 5 {
		t.Fatalf("only %v", codes)
	}
	for _, c := range codes {
		if _, ok := FindOrderable(c); !ok {
			t.Errorf("%s cannot be ordered", c)
		}
	}
}
