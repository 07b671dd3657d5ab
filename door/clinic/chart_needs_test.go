package clinic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/trust"
)

// TestAllThatIsOpenAboutAPatientStandsInTheChart: as many as are counted, and whose each is.
func TestAllThatIsOpenAboutAPatientStandsInTheChart(t *testing.T) {
	h := openChart(t)
	for i := range 6 {
		owner := "anna"
		if i > 3 {
			owner = "amara"
		}
		h.commit(trust.System("import"), string(task.Task{ID: fmt.Sprintf("need%d", i), Kind: task.FollowUp, Status: "requested", Priority: "routine", Patient: "maria", Owner: owner,
			Text: fmt.Sprintf("Promise number %d", i), Authored: noon}.Resource().JSON()))
	}
	a := h.signedIn("anna").get("/p/maria")
	if !a.says("2 more about this patient") || strings.Contains(a.body, "more in the inbox") {
		t.Error("the chart does not count what it shows")
	}
	_, card, _ := strings.Cut(a.body, "Needs attention")
	for i := range 6 {
		if !strings.Contains(card, fmt.Sprintf("Promise number %d", i)) {
			t.Errorf("promise %d is not there", i)
		}
	}
	if n := strings.Count(card, ">with"); n != 2 {
		t.Errorf("%d are said to be with somebody else, want 2", n)
	}
}
