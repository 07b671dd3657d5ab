package console

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
)

// TestBench runs the benchmark in small: every measurement has answers and no errors, and a
// second run is compared with what the first one wrote.
func TestBench(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "figures.json")
	run := func(args ...string) string {
		t.Helper()
		var out, err bytes.Buffer
		p := &Program{Clock: clock.System{}, Out: &out, Err: io.MultiWriter(&err, t.Output())}
		if code := p.Run(t.Context(), append([]string{"bench", "--here", "--patients", "12", "--for", "20ms"}, args...)); code != 0 {
			t.Fatalf("exit %d: %s", code, err.String())
		}
		return out.String()
	}
	var r report
	if err := json.Unmarshal([]byte(run("--json", "--out", kept)), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Figures) < 25 || r.Patients != 12 || r.Resources < 100 {
		t.Errorf("%d figures of %d patients with %d resources", len(r.Figures), r.Patients, r.Resources)
	}
	for _, f := range r.Figures {
		nothing := f.Rate <= 0 && f.Value <= 0 && !strings.HasSuffix(f.Name, "answers to them") // in 20 ms there may be none
		if f.Errors > 0 || nothing || f.P50 > f.P90 || f.P90 > f.P99 {
			t.Errorf("%+v", f)
		}
	}
	again := run("--only", "read Patient", "--against", kept)
	if _, compared, ok := strings.Cut(again, "\nAgainst "); !ok || !strings.Contains(compared, "read Patient") || strings.Contains(compared, "create Observation") {
		t.Errorf("compared: %s", again)
	}
}

func TestHistogramKeepsQuantilesAndMaximum(t *testing.T) {
	var h, other histogram
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	other.add(3 * time.Second)
	h.merge(&other)
	for q, want := range map[float64]float64{0.5: 500, 0.9: 900, 0.99: 990} {
		if got := h.at(q); math.Abs(got-want) > want/19 {
			t.Errorf("quantile %v is %v ms, want %v", q, got, want)
		}
	}
	if h.max != 3*time.Second || h.n != 1001 {
		t.Errorf("maximum %v of %d", h.max, h.n)
	}
}
