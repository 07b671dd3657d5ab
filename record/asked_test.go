package record

import (
	"testing"

	"github.com/osler-emr/osler/trust"
)

// TestReadIsNotSearch: a token that may read a type and not search it learns nothing of it by
// chains, _has or what refers to a match; what a match refers to is included.
func TestReadIsNotSearch(t *testing.T) {
	c := open(t)
	c.commit(trust.System("import"), vitals("rosa"))
	for _, form := range []struct {
		scopes []string
		want   int // of what a search gives when it may be asked
	}{
		{[]string{"user/Patient.rs", "user/Observation.rs", "user/Practitioner.rs"}, 1},
		{[]string{"user/Patient.rs", "user/Observation.r", "user/Practitioner.rs"}, 0},
	} {
		p := physician
		p.Client, p.Scopes = "app", form.scopes
		for _, q := range []string{"_id=rosa&_has:Observation:subject:status=final", "_id=rosa&_has:Observation:subject:_id=nobody,x", "_id=rosa&_revinclude=Observation:subject", "_id=rosa&_revinclude=*"} {
			want := form.want
			list, err := c.as(p).Find(ctx, "Patient", q)
			if err != nil {
				t.Fatal(err)
			}
			n := len(list)
			switch q {
			case "_id=rosa&_revinclude=Observation:subject", "_id=rosa&_revinclude=*":
				n--
			case "_id=rosa&_has:Observation:subject:_id=nobody,x":
				want = 0
			}
			if n != want {
				t.Errorf("%v: %s brings %d, want %d", form.scopes, q, n, want)
			}
		}
	}
	p := physician
	p.Client, p.Scopes = "app", []string{"user/Patient.r", "user/Observation.rs"}
	if list, err := c.as(p).Find(ctx, "Observation", "subject:Patient.family=Diaz"); err != nil || len(list) != 0 {
		t.Errorf("a chain into what may be read only: %d, %v", len(list), err)
	}
	if list, err := c.as(p).Find(ctx, "Observation", "_include=Observation:subject"); err != nil || len(list) != 2 {
		t.Errorf("what a match refers to is read: %d, %v", len(list), err)
	}
	p.Scopes = []string{"user/Patient.rs", "user/Observation.rs"}
	if list, err := c.as(p).Find(ctx, "Observation", "subject:Patient.family=Diaz"); err != nil || len(list) != 1 {
		t.Errorf("a chain into what may be searched: %d, %v", len(list), err)
	}
}
