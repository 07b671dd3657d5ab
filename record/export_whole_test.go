package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// TestExportsOfAllAreAccountedFor: the accounting of a patient, the list of who got the record and
// what the patient sees have the exports of everybody and of a group that the patient was in, by
// whom, when and why, and none from before the record began or after it ended.
func TestExportsOfAllAreAccountedFor(t *testing.T) {
	c := open(t)
	c.commit(physician, vitals("rosa"))
	c.commit(trust.System("import"), `{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/rosa"}},{"entity":{"reference":"Patient/sam"},"inactive":true}]}`)
	auditor := trust.Principal{ID: "acc-aud", Name: "Gus", Role: trust.Auditor}
	program := trust.Principal{ID: "app", Name: "Registry", Client: "app", Role: trust.Physician, Scopes: []string{"system/*.rs"}, Purpose: trust.Treatment}
	export := func(a *Actor, group string, types ...string) {
		t.Helper()
		c.clock.Advance(time.Minute)
		for _, err := range a.AllFor(ctx, group, types...) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	told := func(patient string) (out []string) {
		t.Helper()
		list, err := c.as(auditor).Accounting(ctx, patient)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if strings.HasPrefix(e.Leaf.Query, WholeRecord) {
				if l := e.Leaf; len(l.Patients) != 1 || l.Patients[0] != patient || len(l.Versions) > 0 || l.Session != "" || l.Time.IsZero() {
					t.Errorf("%s is told %+v", patient, l)
				}
				out = append(out, e.Leaf.Name+" "+strings.TrimPrefix(e.Leaf.Query, WholeRecord))
			}
		}
		return out
	}
	expect := func(patient string, want ...string) {
		t.Helper()
		if got := told(patient); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s is told of %q, not of %q", patient, got, want)
		}
	}
	expect("rosa")
	export(c.as(trust.System("export")), "")
	all := trust.System("export").Name + " "
	expect("rosa", all)
	expect("sam", all)
	before := c.clock.Now()

	c.clock.Advance(time.Minute)
	c.commit(trust.System("import"), `{"resourceType":"Patient","id":"late","name":[{"family":"Late"}]}`)
	expect("late")
	past, err := c.as(program).AsOf(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	export(past, "", "Patient") // several files of one export, as it was before the third came
	export(past, "", "Observation")
	expect("late")
	expect("sam", "Registry : Observation, Patient", all)
	export(c.as(program), "g", "Observation")
	expect("rosa", "Registry : Observation", "Registry : Observation, Patient", all)
	expect("sam", "Registry : Observation, Patient", all) // not active in the group
	expect("late")
	export(c.as(program), "", "Organization") // nothing of a chart
	for _, err := range c.as(physician).Scan(ctx, "tags") {
		if err != nil {
			t.Fatal(err)
		}
	}
	if l := c.leaves("")[0]; l.Action != ledger.Search || l.Query != "tags" {
		t.Errorf("tags are logged as %+v", l)
	}
	expect("late")

	c.clock.Advance(time.Minute)
	if _, err := c.as(trust.System("test")).Commit(ctx, Change{Delete: []Delete{{Type: "Patient", ID: "late"}}}); err != nil {
		t.Fatal(err)
	}
	export(c.as(trust.System("export")), "")
	expect("late") // was not there any more
	expect("sam", all, "Registry : Observation, Patient", all)

	got, err := c.as(physician).Recipients(ctx, "rosa", time.Time{})
	if err != nil || len(got) != 4 {
		t.Errorf("%d recipients, %v: %+v", len(got), err, got)
	}
	if got, err = c.as(physician).Recipients(ctx, "rosa", before.Add(time.Second)); err != nil || len(got) != 3 {
		t.Errorf("%d recipients since the first export, %v: %+v", len(got), err, got)
	}
	seen, err := c.as(rosa).LookedAndExported(ctx, store.LeafFilter{Actor: physician.ID, Limit: 100})
	if err != nil || slices.ContainsFunc(seen, func(e store.LeafEntry) bool { return strings.HasPrefix(e.Leaf.Query, WholeRecord) }) {
		t.Errorf("of a person who exported nothing rosa sees %+v, %v", seen, err)
	}
	seen, err = c.as(rosa).LookedAndExported(ctx, store.LeafFilter{Limit: 5})
	if err != nil || len(seen) != 5 || !slices.ContainsFunc(seen, func(e store.LeafEntry) bool { return e.Leaf.Query == WholeRecord }) || !slices.IsSortedFunc(seen, func(x, y store.LeafEntry) int { return int(y.Index - x.Index) }) {
		t.Errorf("rosa sees %+v, %v", seen, err)
	}
	if _, err := c.as(sam).LookedAndExported(ctx, store.LeafFilter{Patient: "rosa"}); err == nil {
		t.Error("sam sees who took rosa's record")
	}
}
