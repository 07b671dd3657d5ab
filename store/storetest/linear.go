package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Linear lets clients read and change a few resources and items at the same time, each change
// on condition of the version that the client saw last, and checks the recorded history: there
// must be one order of all operations, in which each takes effect at one moment between its
// call and its answer, that explains every answer. A lost update, a change on a stale version
// and a read of the past have none.
func Linear(t *testing.T, open Opener, place string, clients, each, keys int) {
	s := open(t, place)
	defer s.Close()
	began := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			mine := work(t, s, client, each, keys, began)
			mu.Lock()
			defer mu.Unlock()
			history = append(history, mine...)
		})
	}
	group.Wait()
	took := time.Since(began)
	written, stale := 0, 0
	for _, op := range history {
		if in, out := op.Input.(attempt), op.Output.(answer); in.write && out.done {
			written++
		} else if in.write {
			stale++
		}
	}
	result := porcupine.CheckOperationsTimeout(register, history, 5*time.Minute)
	t.Logf("%d operations of %d clients on %d keys in %v, %d changes, %d refused as stale: %s", len(history), clients, keys, took.Round(time.Millisecond), written, stale, result)
	if result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %s", result)
	}
	if written < keys || stale == 0 {
		t.Error("hardly anything met: the test proves nothing")
	}
	if _, err := s.Verify(context.Background(), func(p string) { t.Errorf("verification: %s", p) }); err != nil {
		t.Error(err)
	}
}

// attempt is what a client asks.
type attempt struct {
	key   string
	write bool
	after int64  // the version that must be current
	text  string // to write
}

// answer is what it was told.
type answer struct {
	done    bool // a write: it took place
	version int64
	text    string
}

// register is what a key must behave like: a value with a version, changed by compare and set.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(attempt).key
			parts[key] = append(parts[key], op)
		}
		out := make([][]porcupine.Operation, 0, len(parts))
		for _, p := range parts {
			out = append(out, p)
		}
		return out
	},
	Init: func() any { return answer{} },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(answer), input.(attempt), output.(answer)
		switch {
		case !in.write:
			return out.version == now.version && out.text == now.text, now
		case out.done:
			return now.version == in.after, answer{version: in.after + 1, text: in.text}
		}
		return now.version != in.after, now
	},
}

// work is one client: it remembers the version of each key that it saw last.
func work(t *testing.T, s store.Store, client, each, keys int, began time.Time) (history []porcupine.Operation) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(uint64(client), 8))
	seen := map[string]int64{}
	for i := range each {
		kind := "r"
		if rng.IntN(3) == 0 {
			kind = "i"
		}
		in := attempt{key: fmt.Sprint(kind, rng.IntN(keys))}
		if rng.IntN(2) == 0 {
			in.write, in.after, in.text = true, seen[in.key], fmt.Sprintf(`{"by":%d,"at":%d}`, client, i)
		}
		call := int64(time.Since(began))
		out, err := ask(ctx, s, in)
		back := int64(time.Since(began))
		if err != nil {
			t.Errorf("client %d: %v", client, err)
			return history
		}
		switch {
		case !in.write:
			seen[in.key] = out.version
		case out.done:
			seen[in.key] = in.after + 1
		default:
			seen[in.key]++ // perhaps; the next read tells
		}
		history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: back})
	}
	return history
}

// ask performs an attempt on a resource (r…) or an item (i…).
func ask(ctx context.Context, s store.Store, in attempt) (out answer, err error) {
	if !in.write {
		if in.key[0] == 'i' {
			it, err := s.Item(ctx, "linear", in.key)
			if fault.Is(err, fault.NotFound) {
				return out, nil
			}
			return answer{version: it.Version, text: string(it.Value)}, err
		}
		v, err := s.Read(ctx, "Basic", in.key, 0)
		if fault.Is(err, fault.NotFound) {
			return out, nil
		}
		return answer{version: v.Version, text: string(v.Body)}, err
	}
	set := store.Changeset{Leaf: &ledger.Leaf{Actor: "client", Action: ledger.Update}}
	if in.key[0] == 'i' {
		set.Items = []store.ItemWrite{{Item: store.Item{Space: "linear", Key: in.key, Value: []byte(in.text)}, IfVersion: in.after}}
	} else {
		set.Writes = []store.Write{{Type: "Basic", ID: in.key, Version: in.after + 1, Updated: epoch, Body: []byte(in.text)}}
	}
	_, err = s.Commit(ctx, set)
	if fault.Is(err, fault.Stale) || fault.Is(err, fault.Conflict) {
		return out, nil
	}
	return answer{done: err == nil}, err
}
