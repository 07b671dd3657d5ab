package document

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// TestNamesAreFoldedOnce: an item without a code is held to many long names, and makes nothing of them anew.
func TestNamesAreFoldedOnce(t *testing.T) {
	kind := func(text string) string {
		return fmt.Sprintf(`{"resourceType":"Condition","id":"x","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"text":%q},"onsetString":%q}`, text, text)
	}
	var nodes []*fhir.Node
	for i := range 200 {
		nodes = append(nodes, node(t, kind(strings.Repeat(fmt.Sprintf("w%d Ab-c ", i), 500))))
	}
	here := indexOf(nodes)
	for text, want := range map[string]State{"zq": New, "ab": LessExact, "c w7": LessExact, "w7 w8": New} {
		item := Item{Resource: node(t, strings.Replace(kind(text), `"id":"x",`, "", 1))}
		if got := here.row(&item); got.State != want && got.State != Differs && got.State != Perhaps {
			t.Errorf("%q is %s", text, got.State)
		} else if (got.Entry != "") != (want != New) {
			t.Errorf("%q is held to %q", text, got.Entry)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		here.row(&item)
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 64<<10 {
			t.Errorf("%q makes %d KiB beside 200 names of 5 KiB", text, made>>10)
		}
	}
}

// TestAComparisonEnds: what takes too long is told, and nothing is stored.
func TestAComparisonEnds(t *testing.T) {
	h := open(t)
	most := compareWithin
	defer func() { compareWithin = most }()
	compareWithin = 1
	up := Upload{Patient: "maria", Body: []byte("<x/>"), Read: letter(t)}
	if _, _, _, err := Take(ctx, h.as(trust.Physician, "anna"), up); !fault.Is(err, fault.TooCostly) {
		t.Errorf("taken: %v", err)
	}
	if _, err := File(ctx, h.as(trust.Physician, "anna"), up); !fault.Is(err, fault.TooCostly) || len(h.all("DocumentReference")) != 0 {
		t.Errorf("filed: %v", err)
	}
}
