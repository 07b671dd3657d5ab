package record

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
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

// TestReadIsNotListing: a token that may read a type and not search it gets one resource and its history,
// and no list: not the history of the type or of all, not a chart, not an export. One that may search a part of
// a type lists that part, also when it may read all. So it is for the audit log.
func TestReadIsNotListing(t *testing.T) {
	c := open(t)
	laboratory := strings.Replace(vitals("rosa"), "vital-signs", "laboratory", 1)
	made := c.commit(trust.System("import"), vitals("rosa"), laboratory).Versions
	pulse := made[0].ID
	for _, form := range []struct {
		scopes []string
		lists  int
	}{{[]string{"user/Patient.r", "user/Observation.r"}, 0}, {[]string{"user/Patient.r", "user/Observation.rs"}, 2},
		{[]string{"user/Patient.r", "user/Observation.r", "user/Observation.s?category=laboratory"}, 1}} {
		p := physician
		p.Client, p.Scopes = "app", form.scopes
		a := c.as(p)
		if _, err := a.Read(ctx, "Observation", pulse); err != nil {
			t.Errorf("%v: read: %v", form.scopes, err)
		}
		if list, err := a.History(ctx, store.HistoryFilter{Type: "Observation", ID: pulse}); err != nil || len(list) != 1 {
			t.Errorf("%v: the history of one: %d, %v", form.scopes, len(list), err)
		}
		of := func(list []store.Version, resourceType string) (n int) {
			for _, v := range list {
				if v.Type == resourceType {
					n++
				}
			}
			return n
		}
		list, err := a.History(ctx, store.HistoryFilter{Type: "Observation"})
		if of(list, "Observation") != form.lists || fault.Is(err, fault.Forbidden) != (form.lists == 0) {
			t.Errorf("%v: the history of the type: %d, %v", form.scopes, len(list), err)
		}
		if list, err := a.History(ctx, store.HistoryFilter{}); err != nil || of(list, "Observation") != form.lists {
			t.Errorf("%v: the history of all: %d, %v", form.scopes, of(list, "Observation"), err)
		}
		chart := collect(t, a.ChartVersions(ctx, "rosa"))
		if of(chart, "Observation") != form.lists || of(chart, "Patient") != 1 {
			t.Errorf("%v: the chart: %d measurements, %d patients", form.scopes, of(chart, "Observation"), of(chart, "Patient"))
		}
		if all := collect(t, read(t, a.All(ctx))); of(all, "Observation") != form.lists || of(all, "Patient") != 0 {
			t.Errorf("%v: the export: %d measurements, %d patients", form.scopes, of(all, "Observation"), of(all, "Patient"))
		}
		if form.lists == 0 {
			continue
		}
		if found, err := a.Find(ctx, "Observation", ""); err != nil || len(found) != form.lists {
			t.Errorf("%v: search: %d, %v", form.scopes, len(found), err)
		}
		if n, err := a.Count(ctx, "Observation", nil); err != nil || n != int64(form.lists) {
			t.Errorf("%v: count: %d, %v", form.scopes, n, err)
		}
	}
	auditor := trust.Principal{ID: "acc-aud", Role: trust.Auditor, Client: "app", Scopes: []string{"user/AuditEvent.r"}}
	if _, err := c.as(auditor).Looked(ctx, store.LeafFilter{Limit: 10}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("the log is listed: %v", err)
	}
	if e, err := c.as(auditor).LookedAt(ctx, 0); err != nil || e.Index != 0 {
		t.Errorf("one entry of the log: %+v, %v", e, err)
	}
}
