package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/trust/ledger"
)

func writeItem(ctx context.Context, s store.Store, it store.Item, remove bool) error {
	_, err := s.Commit(ctx, store.Changeset{Items: []store.ItemWrite{{Item: it, IfVersion: -1, Delete: remove}}, Leaf: &ledger.Leaf{Actor: "a", Action: ledger.Keep}})
	return err
}

// What was written is what the next reader gets, however often it was read before.
func TestItemsAreNeverOld(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	for i := range 5 {
		want := fmt.Sprint("v", i)
		if err := writeItem(ctx, s, store.Item{Space: "session", Key: "k", Value: []byte(want)}, false); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			it, err := s.Item(ctx, "session", "k")
			if err != nil || string(it.Value) != want || it.Version != int64(i+1) {
				t.Fatalf("%+v, %v; want %s", it, err, want)
			}
			it.Value[0] = 'x' // the caller's own
		}
	}
	if err := writeItem(ctx, s, store.Item{Space: "session", Key: "k"}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Item(ctx, "session", "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deleted item: %v", err)
	}
	if err := writeItem(ctx, s, store.Item{Space: "session", Key: "k", Value: []byte("again")}, false); err != nil {
		t.Fatal(err)
	}
	_, _ = s.Item(ctx, "session", "k")
	if err := s.ReplaceItems(ctx, func(yield func(store.Item, error) bool) {
		yield(store.Item{Space: "session", Key: "k", Value: []byte("moved in"), Version: 9}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	if it, err := s.Item(ctx, "session", "k"); err != nil || string(it.Value) != "moved in" {
		t.Errorf("after items moved in: %+v, %v", it, err)
	}
	s.Close()
	if _, err := s.Item(ctx, "session", "k"); err == nil {
		t.Error("a closed store gave an item")
	}
}

func TestKeptItemsExpire(t *testing.T) {
	dir := t.TempDir()
	o := optionsOf(t, dir)
	now := clock.NewManual(start)
	o.Clock = now
	s, err := sqlite.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := writeItem(ctx, s, store.Item{Space: "session", Key: "k", Value: []byte("v"), Expires: start.Add(time.Minute)}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Item(ctx, "session", "k"); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Minute)
	if _, err := s.Item(ctx, "session", "k"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an expired item: %v", err)
	}
}

// A reader that met a writer never leaves what was before in the cache.
func TestItemsAreNeverOldAmongWriters(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := context.Background()
	var mu sync.Mutex
	acknowledged := int64(0)
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				least := acknowledged
				mu.Unlock()
				it, err := s.Item(ctx, "draft", "k")
				if err == nil && it.Version < least || err != nil && least > 0 {
					t.Errorf("version %d (%v) after %d was acknowledged", it.Version, err, least)
					return
				}
			}
		})
	}
	for i := range int64(150) {
		if err := writeItem(ctx, s, store.Item{Space: "draft", Key: "k", Value: []byte("v")}, false); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		acknowledged = i + 1
		mu.Unlock()
	}
	close(done)
	group.Wait()
}
