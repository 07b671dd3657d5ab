package disposal

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/retention"
)

var ctx = context.Background()

// TestDue finds what is over, and nothing else: one later fact of any kind keeps a record.
func TestDue(t *testing.T) {
	c := clock.NewManual(time.Date(2026, 3, 2, 10, 20, 0, 0, time.UTC))
	dir := t.TempDir()
	ring, err := seal.OpenKeyring(dir, seal.KeyFile(filepath.Join(dir, "master.key")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(ctx, dir, sqlite.Options{Keyring: ring, Clock: c, Readers: 1, CacheKiB: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	gate := record.Open(s, c)
	var change record.Change
	put := func(body string, args ...any) {
		n, err := fhir.Parse([]byte(fmt.Sprintf(body, args...)))
		if err != nil {
			t.Fatal(err)
		}
		change.Put = append(change.Put, record.Put{Resource: n})
	}
	patient := func(id, born, visit string) {
		put(`{"resourceType":"Patient","id":%q,"birthDate":%q,"name":[{"family":"F"}]}`, id, born)
		put(`{"resourceType":"Encounter","id":"e-%s","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/%s"},"period":{"start":"%sT10:00:00Z","end":"%sT10:30:00Z"}}`, id, id, visit, visit)
	}
	patient("old", "1950-02-01", "2010-03-04")
	patient("older", "1940-02-01", "2001-03-04")
	patient("new", "1950-02-01", "2020-03-04")
	patient("child", "2008-02-01", "2010-03-04")
	patient("wrote", "1950-02-01", "2010-03-04")
	put(`{"resourceType":"Communication","id":"c","status":"completed","subject":{"reference":"Patient/wrote"},"sent":"2025-01-01T10:00:00Z"}`)
	patient("billed", "1950-02-01", "2010-03-04")
	put(`{"resourceType":"Invoice","id":"i","status":"issued","subject":{"reference":"Patient/billed"},"date":"2019-01-01"}`)
	patient("dateless", "1950-02-01", "2010-03-04")
	put(`{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/dateless"},"code":{"text":"Gout"}}`)
	patient("unborn", "1950-02-01", "2010-03-04")
	change.Put[len(change.Put)-2].Resource.Remove("birthDate")
	put(`{"resourceType":"Patient","id":"empty","birthDate":"1950-02-01","name":[{"family":"F"}]}`)
	if _, err := gate.As(trust.System("set-up"), "test").Commit(ctx, change); err != nil {
		t.Fatal(err)
	}
	list, full, err := Due(ctx, gate.As(trust.System("retention"), "test"), retention.For("US-WA"))
	if err != nil || full {
		t.Fatal(full, err)
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.Patient)
	}
	if !slices.Equal(ids, []string{"older", "old"}) {
		t.Errorf("due: %v", ids)
	}
	if r := list[1]; r.Last.Format(time.DateOnly) != "2010-03-04" || r.Due.Format(time.DateOnly) != "2020-03-04" || r.Class != retention.Adult {
		t.Errorf("%+v", r)
	}
	if list, _, err := Due(ctx, gate.As(trust.System("retention"), "test"), retention.For("GB-ENG")); err != nil || len(list) != 0 {
		t.Errorf("kept for life: %+v %v", list, err)
	}
}
