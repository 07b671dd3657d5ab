package storetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

const (
	killPlace = "OSLER_TEST_KILL_PLACE" // tells a process that it is the one to be killed
	killState = "OSLER_TEST_KILL_STATE" // where its workers go on
	workers   = 4
)

// Kill kills a process that works on the store at a place (a folder, an address), again and
// again, while it works, starts and recovers. After each time everything that was acknowledged
// is there with its bytes, what was not is there whole or not at all, and the store serves at
// once; now and then, and at the end, the whole store is compared and verified. The test that
// calls Kill runs itself as that process, so that it must reach Kill in the same way:
//
//	func TestKill(t *testing.T) { storetest.Kill(t, open, t.TempDir(), 12) }
//
// In the child, place is the one that the parent was given.
func Kill(t *testing.T, open Opener, place string, rounds int) {
	if there := os.Getenv(killPlace); there != "" {
		killedChild(t, open(t, there))
		return
	}
	k := &killer{T: t, open: open, place: place, ctx: context.Background()}
	for n := range workers {
		k.workers = append(k.workers, &worker{N: n, Items: map[string]int64{}})
		k.history = append(k.history, map[string][]store.Write{})
	}
	for round := range rounds {
		k.round(round)
		if round%25 == 24 || round == rounds-1 {
			k.everything()
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d rounds, %d commits acknowledged, %d in doubt, 0 lost; the store served again after %v at most", rounds, k.acknowledged, k.doubtful, k.slowest.Round(time.Millisecond))
	if k.acknowledged < rounds {
		t.Error("hardly anything was acknowledged: the test proves nothing")
	}
	if k.slowest > 2*time.Second {
		t.Logf("the store took longer than 2 s to serve again: %v", k.slowest)
	}
}

// worker makes one client's changes, the same ones for the same state: whoever knows how many
// were acknowledged knows what is stored.
type worker struct {
	N     int
	Step  uint64
	Known []known          // the latest resources
	Items map[string]int64 // versions
}

type known struct {
	ID      string
	Version int64
	Deleted bool
}

// next returns the worker's next change.
func (w *worker) next() store.Changeset {
	rng := rand.New(rand.NewPCG(uint64(w.N), w.Step))
	set := store.Changeset{Leaf: &ledger.Leaf{Actor: fmt.Sprint("worker ", w.N), Action: ledger.Update}}
	create := func(i int) {
		set.Writes = append(set.Writes, w.write(rng, fmt.Sprintf("w%d-%d-%d", w.N, w.Step, i), 1, false))
	}
	kind := rng.IntN(10)
	switch {
	case kind < 4 || len(w.Known) == 0:
		create(0)
	case kind == 4:
		for i := range 5 {
			create(i)
		}
	case kind < 8:
		k := w.Known[rng.IntN(len(w.Known))]
		set.Writes = append(set.Writes, w.write(rng, k.ID, k.Version+1, kind == 7 && !k.Deleted))
	case rng.IntN(2) == 0: // an audit entry alone, as a read leaves it
		set.Leaf.Action = ledger.Read
	default:
		key := fmt.Sprintf("w%d-%d", w.N, rng.IntN(5))
		value := fmt.Appendf(nil, "%s at %d", key, w.Step)
		set.Items = append(set.Items, store.ItemWrite{Item: store.Item{Space: "drill", Key: key, Owner: "drill", Value: value}, IfVersion: w.Items[key]})
		if kind == 9 {
			create(0)
		}
	}
	return set
}

func (w *worker) write(rng *rand.Rand, id string, version int64, deleted bool) store.Write {
	patient := fmt.Sprint("patient-", w.N)
	out := store.Write{Type: "Observation", ID: id, Version: version, Updated: epoch, Patient: patient, Deleted: deleted}
	if deleted {
		return out
	}
	size := []int{10, 10, 10, 300, 6000}[rng.IntN(5)]
	noise := make([]byte, size)
	for i := range noise {
		noise[i] = byte('a' + rng.IntN(26))
	}
	out.Body = fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"version":%d,"text":%q}`, id, version, noise)
	out.Index = []search.Entry{
		{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: fmt.Sprint("c", rng.IntN(20))},
		{Param: "patient", Kind: search.KindReference, RefType: "Patient", RefID: patient},
		{Param: "date", Kind: search.KindDate, Low: int64(w.Step), High: int64(w.Step) + 1},
	}
	return out
}

// did takes a change over into the state.
func (w *worker) did(set store.Changeset) {
	w.Step++
	for _, x := range set.Writes {
		for i := range w.Known {
			if w.Known[i].ID == x.ID {
				w.Known = append(w.Known[:i], w.Known[i+1:]...)
				break
			}
		}
		w.Known = append(w.Known, known{x.ID, x.Version, x.Deleted})
	}
	if n := len(w.Known) - 40; n > 0 {
		w.Known = append([]known(nil), w.Known[n:]...)
	}
	for _, it := range set.Items {
		w.Items[it.Key] = it.IfVersion + 1
	}
}

// killedChild works until it is killed, and says after each commit whose it was.
func killedChild(t *testing.T, s store.Store) {
	var list []*worker
	if err := json.Unmarshal([]byte(os.Getenv(killState)), &list); err != nil {
		t.Fatal(err)
	}
	for _, w := range list {
		go func() {
			for {
				set := w.next()
				if _, err := s.Commit(context.Background(), set); err != nil {
					fmt.Println("refused", w.N, strings.ReplaceAll(err.Error(), "\n", " "))
					return
				}
				w.did(set)
				fmt.Println("done", w.N)
				if w.Step%8 == 0 {
					reread(s, w, set)
				}
			}
		}()
	}
	time.Sleep(time.Hour)
}

// reread reads the worker's own last change, and searches for it.
func reread(s store.Store, w *worker, set store.Changeset) {
	for _, x := range set.Writes {
		v, err := s.Read(context.Background(), x.Type, x.ID, 0)
		if err != nil || v.Version != x.Version || !bytes.Equal(v.Body, x.Body) {
			fmt.Println("wrong", w.N, x.ID, v.Version, err)
		}
		if x.Deleted {
			continue
		}
		page, err := s.Search(context.Background(), store.NewPlan(search.Query{Type: x.Type, Where: search.ID{x.ID}, Count: 1}, all))
		if err != nil || len(page.Matches) != 1 {
			fmt.Println("wrong", w.N, x.ID, "is not found", err)
		}
	}
}

type killer struct {
	*testing.T
	open    Opener
	place   string
	ctx     context.Context
	workers []*worker
	history []map[string][]store.Write // of each worker, by id

	acknowledged, doubtful, rounds int
	slowest                        time.Duration
}

// round runs and kills one process, and looks at what it has left.
func (k *killer) round(n int) {
	k.rounds++
	done := k.runAndKill(k.workers, 0)
	if n%4 == 3 { // and again, while it starts and recovers
		for range 3 {
			k.runAndKill(nil, time.Duration(5+rand.IntN(60))*time.Millisecond)
		}
	}
	began := time.Now()
	s := k.open(k.T, k.place)
	defer s.Close()
	if _, err := s.Now(k.ctx); err != nil {
		k.Errorf("the store does not serve: %v", err)
	}
	k.slowest = max(k.slowest, time.Since(began))
	for i, w := range k.workers {
		for range done[i] {
			set := w.next()
			if there, parts := k.there(s, set); there != parts {
				k.Errorf("worker %d, step %d: acknowledged, but %d of %d parts are there", i, w.Step, there, parts)
			}
			k.acknowledged++
			k.note(w, set)
		}
		set := w.next() // it was on its way
		switch there, parts := k.there(s, set); there {
		case 0: // or an entry alone, of which one more or less is seen only in the log
		case parts:
			k.doubtful++
			k.note(w, set)
		default:
			k.Errorf("worker %d, step %d: %d of %d parts are there", i, w.Step, there, parts)
		}
	}
}

func (k *killer) note(w *worker, set store.Changeset) {
	for _, x := range set.Writes {
		k.history[w.N][x.ID] = append(k.history[w.N][x.ID], x)
	}
	w.did(set)
}

// there counts the parts of a change that are stored. An item that was changed again since
// counts too.
func (k *killer) there(s store.Store, set store.Changeset) (there, parts int) {
	for _, x := range set.Writes {
		v, err := s.ReadVersion(k.ctx, x.Type, x.ID, x.Version)
		if err != nil && !fault.Is(err, fault.NotFound) {
			k.Errorf("%s version %d: %v", x.ID, x.Version, err)
		}
		if err == nil && bytes.Equal(v.Body, x.Body) && v.Deleted == x.Deleted && v.Patient == x.Patient {
			there++
		}
	}
	for _, x := range set.Items {
		it, err := s.Item(k.ctx, x.Space, x.Key)
		if err == nil && (it.Version == x.IfVersion+1 && bytes.Equal(it.Value, x.Value) || it.Version > x.IfVersion+1) {
			there++
		}
	}
	return there, len(set.Writes) + len(set.Items)
}

// everything compares the whole store and verifies it.
func (k *killer) everything() {
	s := k.open(k.T, k.place)
	defer s.Close()
	for i, history := range k.history {
		alive := int64(0)
		for id, versions := range history {
			last := versions[len(versions)-1]
			if !last.Deleted {
				alive++
			}
			if v, err := s.Read(k.ctx, last.Type, id, 0); err != nil || v.Version != last.Version || !bytes.Equal(v.Body, last.Body) {
				k.Errorf("%s is not at version %d: %v", id, last.Version, err)
			}
		}
		entries, err := s.Leaves(k.ctx, store.LeafFilter{Actor: fmt.Sprint("worker ", i)})
		if n := len(entries); err != nil || n < int(k.workers[i].Step) || n > int(k.workers[i].Step)+k.rounds {
			k.Errorf("the audit log has %d entries of worker %d, want %d: %v", n, i, k.workers[i].Step, err)
		}
		where := search.Reference{Param: "patient", Type: "Patient", ID: fmt.Sprint("patient-", i)}
		if n, err := s.Count(k.ctx, store.NewPlan(search.Query{Type: "Observation", Where: where}, all)); err != nil || n != alive {
			k.Errorf("the search finds %d resources of worker %d, want %d: %v", n, i, alive, err)
		}
	}
	if _, err := s.Verify(k.ctx, func(p string) { k.Errorf("verification: %s", p) }); err != nil {
		k.Errorf("verification: %v", err)
	}
}

// runAndKill starts the process, kills it, and returns how many commits of each worker it has
// acknowledged. It is killed after a time from its start, or, when that is 0, a while after its
// first commit.
func (k *killer) runAndKill(list []*worker, after time.Duration) []int {
	state, err := json.Marshal(list)
	if err != nil {
		k.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+k.Name()+"$", "-test.v=false")
	cmd.Env = append(os.Environ(), killPlace+"="+k.place, killState+"="+string(state))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		k.Fatal(err)
	}
	kill := func(after time.Duration) { time.AfterFunc(after, func() { cmd.Process.Kill() }) }
	if after > 0 {
		kill(after)
	}
	done, first := make([]int, workers), true
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text := lines.Text()
		var n int
		switch {
		case strings.HasPrefix(text, "done "):
			if _, err := fmt.Sscanf(text, "done %d", &n); err == nil && n < workers {
				done[n]++
			}
			if first && after == 0 {
				kill(time.Duration(20+rand.IntN(160)) * time.Millisecond)
			}
			first = false
		case strings.HasPrefix(text, "wrong "), strings.HasPrefix(text, "refused "):
			k.Errorf("the process said: %s", text)
		case strings.HasPrefix(text, "--- FAIL"):
			k.Errorf("the process failed: %s %s", text, said.String())
		}
	}
	_ = cmd.Wait() // killed
	return done
}
