package console

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/osler-emr/osler/base/clock"
)

// TestBench runs the benchmark in small: every measurement has answers and no errors.
func TestBench(t *testing.T) {
	var out, err bytes.Buffer
	p := &Program{Clock: clock.System{}, Out: &out, Err: io.MultiWriter(&err, t.Output())}
	if code := p.Run(t.Context(), []string{"bench", "--patients", "12", "--for", "60ms", "--json"}); code != 0 {
		t.Fatalf("exit %d: %s", code, err.String())
	}
	var figures []figure
	if err := json.Unmarshal(out.Bytes(), &figures); err != nil {
		t.Fatal(err)
	}
	if len(figures) < 15 {
		t.Errorf("%d figures", len(figures))
	}
	for _, f := range figures {
		if f.Errors > 0 || f.Rate <= 0 && f.Value <= 0 {
			t.Errorf("%+v", f)
		}
	}
}
