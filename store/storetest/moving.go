package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Twin opens a new, empty store in dir that may take the record of another one: with the
// same keys and the same origin.
type Twin func(t testing.TB, dir string, of store.Store, ofDir string) store.Store

// Move runs the suite of store.Moving: a record moves from a store to a twin, which may be of
// another kind.
func Move(t *testing.T, open Opener, twin Twin) {
	for _, c := range []struct {
		name string
		test func(*moving)
	}{
		{"CopyAnswersAsTheOriginal", copyAnswers},
		{"CopySearchesAsTheOriginal", copySearches},
		{"CopyAnswersURLsAsTheOriginal", copyAnswersURLs},
		{"CommitsAreBoundedAndWhole", commitsAreWhole},
		{"WrongCommitsLeaveNothingBehind", wrongCommits},
		{"ItemsMoveAsTheyAre", itemsMove},
		{"HeadIsThatOfItsTime", headsOfTime},
		{"KeysAreRemembered", keysMove},
		{"CommitsAreReadWhileOthersWrite", commitsUnderLoad},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from, to := t.TempDir(), t.TempDir()
			h := &harness{T: t, open: open, dir: from, Store: open(t, from), ctx: context.Background()}
			t.Cleanup(func() { h.Store.Close() })
			m := &moving{harness: h, entries: map[string][]search.Entry{}, twin: func() store.Store {
				s := twin(t, to, h.Store, from)
				t.Cleanup(func() { s.Close() })
				return s
			}}
			c.test(m)
		})
	}
}

// moving is a harness that remembers the index entries of what it commits: they do not move.
type moving struct {
	*harness
	twin    func() store.Store
	entries map[string][]search.Entry // by body
}

func (m *moving) commit(writes ...store.Write) store.T {
	m.Helper()
	for _, w := range writes {
		m.entries[string(w.Body)] = w.Index
	}
	return m.harness.commit(writes...)
}

func (m *moving) extract(_ string, body []byte) ([]search.Entry, error) {
	entries, ok := m.entries[string(body)]
	if !ok {
		return nil, fmt.Errorf("there is a body that nobody has written: %.80s", body)
	}
	return entries, nil
}

// move copies all commits in steps, and the items.
func (m *moving) move(from, to store.Store, step int) {
	m.Helper()
	at, err := to.Now(m.ctx)
	for err == nil {
		var list []store.Commit
		if list, err = from.Commits(m.ctx, at, step); err != nil || len(list) == 0 {
			break
		}
		err, at = to.Append(m.ctx, list, m.extract), list[len(list)-1].T
	}
	if err == nil {
		err = to.ReplaceItems(m.ctx, itemsOf(m.ctx, from))
	}
	if err != nil {
		m.Fatalf("moving: %v", err)
	}
}

func itemsOf(ctx context.Context, s store.Store) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		_, err := s.AllItems(ctx, func(it store.Item) error {
			if !yield(it, nil) {
				return errors.New("enough")
			}
			return nil
		})
		if err != nil {
			yield(store.Item{}, err)
		}
	}
}

// write fills a record with everything that moves: versions that were superseded, deleted,
// brought back, moved between compartments; several in a commit; commits with a leaf alone.
func (m *moving) write() {
	m.Helper()
	m.commit(patient("p", 1, "Ames"), observation("a", "p", 1, "c1", 1))
	for i := range 12 {
		m.commit(observation(fmt.Sprint("n", 100-i), "", 1, "free", i), observation(fmt.Sprint("o", 100-i), "p", 1, fmt.Sprint("c", i%3), i), observation(fmt.Sprint("q", i), fmt.Sprint("q", i%2), 1, "c1", i))
	}
	m.commit()
	m.commit(observation("z", "p", 1, "c1", 3), observation("y", "p", 1, "c1", 3), observation("x", "", 1, "c1", 3), observation("w", "", 1, "c1", 3), observation("v", "first", 1, "c1", 3), observation("u", "early", 1, "c1", 3))
	m.commit(observation("a", "p", 2, "c2", 2))
	m.commit(observation("a", "other", 3, "c2", 3))
	m.commit(deletion("Observation", "a", "other", 4))
	m.commit(observation("a", "p", 5, "c3", 4))
	m.commit(patient("p", 2, "Bond"), deletion("Observation", "o95", "p", 2), deletion("Observation", "n95", "", 2))
	m.grow(&generator{rand.New(rand.NewPCG(7, 7))}, &model{}, 60)
	for i := range 3 {
		if err := m.put(store.ItemWrite{Item: store.Item{Space: "draft", Key: fmt.Sprint("k", i), Owner: "ann", Value: []byte{byte(i)}}, IfVersion: -1}); err != nil {
			m.Fatal(err)
		}
	}
}

// grow commits random writes.
func (m *moving) grow(g *generator, model *model, n int) {
	m.Helper()
	for range n {
		m.mutate(g, model)
	}
	for _, v := range model.versions {
		m.entries[string(v.Body)] = v.Index
	}
}

// copySearches asks a copy of a random record what searchAgrees asks, and both the same.
func copySearches(m *moving) {
	g, model := &generator{rand.New(rand.NewPCG(20261127, 1))}, &model{}
	m.grow(g, model, 200)
	to := m.twin()
	m.move(m.Store, to, 30)
	copied := &harness{T: m.T, Store: to, ctx: m.ctx}
	for range 150 {
		if copied.ask(g, model); m.Failed() {
			return
		}
	}
	for range 150 {
		p := store.NewPlan(search.Query{Type: g.typ(), Where: g.expr(3), Sort: g.sort(), Count: 1 + g.IntN(12), Total: search.TotalAccurate}, all)
		a, errA := m.Search(m.ctx, p)
		b, errB := to.Search(m.ctx, p)
		a.Next, b.Next = nil, nil
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			m.Fatalf("%#v: %v %v\n%v\nwant\n%v", p.Query, errA, errB, b, a)
		}
	}
}

// copyAnswersURLs asks both ends the URLs of urlsAgree, with orders and includes: page by page, all
// that is in a page is equal byte for byte, and both end with the same one. What the link to the next page says
// belongs to the store, and is only followed.
func copyAnswersURLs(m *moving) {
	g, model := &urls{&generator{rand.New(rand.NewPCG(20261128, 1))}}, &model{}
	for range 180 {
		writes := m.made(g, model)
		t := m.commit(writes...)
		for _, w := range writes {
			model.put(w, t)
		}
	}
	to := m.twin()
	m.move(m.Store, to, 40)
	questions, found, pages := 1500, 0, 0
	if testing.Short() {
		questions = 300
	}
	for range questions {
		p, url := m.asked(g)
		for page := 0; ; page++ {
			a, errA := m.Search(m.ctx, p[0])
			b, errB := to.Search(m.ctx, p[1])
			if fault.CodeOf(errA) != fault.CodeOf(errB) || fmt.Sprint(errA) != fmt.Sprint(errB) {
				m.Fatalf("page %d of %s: the copy fails with %v, the original with %v", page, url, errB, errA)
			}
			p[0].After, p[1].After = a.Next, b.Next
			more := a.Next != nil
			if more != (b.Next != nil) {
				m.Fatalf("page %d of %s: another follows on the copy: %v, on the original: %v", page, url, !more, more)
			}
			a.Next, b.Next = nil, nil
			if !reflect.DeepEqual(a, b) {
				m.Fatalf("page %d of %s:\n%v\nwant\n%v", page, url, b, a)
			}
			if len(a.Matches) > 0 {
				found, pages = found+1, pages+min(page, 1)
			}
			if !more {
				break
			}
		}
	}
	if found < questions/3 || pages < questions/20 {
		m.Errorf("%d pages with something, %d behind the first: the test asks past the record", found, pages)
	}
}

// asked returns a question for each end, and its URL.
func (m *moving) asked(g *urls) (p [2]store.Plan, url string) {
	m.Helper()
	now, err := m.Now(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	resourceType := pick(g.generator, urlTypes...)
	params := []search.Param{g.condition(resourceType)}
	for g.IntN(3) == 0 {
		params = append(params, g.condition(resourceType))
	}
	if g.IntN(2) == 0 {
		params = append(params, search.Param{Name: "_sort", Value: g.order(resourceType)})
	}
	if g.IntN(4) == 0 {
		params = append(params, search.Param{Name: "_include", Value: resourceType + ":*"})
	}
	if g.IntN(6) == 0 {
		params = append(params, search.Param{Name: "_revinclude", Value: pick(g.generator, "Observation:subject", "Encounter:location", "Observation:encounter")})
	}
	url = resourceType + "?" + search.Encode(params)
	q, err := parser.Parse(resourceType, params, search.Strict)
	if err != nil {
		m.Fatalf("%s: %v", url, err)
	}
	q.Count, q.Total = 1+g.IntN(8), search.TotalAccurate
	visible := all
	if g.IntN(3) == 0 {
		visible = func(t string) search.Expr {
			return map[bool]search.Expr{true: search.All{}, false: search.InPatient{"p1", "p2"}}[t == "Location"]
		}
	}
	for i := range p {
		p[i] = store.NewPlan(q, visible)
	}
	if g.IntN(4) == 0 {
		at := 1 + store.T(g.Int64N(int64(now)))
		p[0].At, p[1].At = at, at
	}
	return p, url
}

// order is a value of _sort.
func (g *urls) order(resourceType string) string {
	by := map[string][]string{
		"Patient": {"family", "birthdate", "gender", "identifier"}, "Observation": {"date", "code", "value-quantity", "status"},
		"Encounter": {"date", "status", "location"}, "Location": {"name", "partof"},
	}[resourceType]
	return pick(g.generator, "", "-") + pick(g.generator, append(by, "_lastUpdated", "_id")...) + pick(g.generator, "", ",-_id", ",_lastUpdated")
}

func copyAnswers(m *moving) {
	m.write()
	to := m.twin()
	m.move(m.Store, to, 7)
	m.same(to)
	// It goes on as any other: a commit follows, and so does the original's next one.
	t := m.commit(observation("after", "p", 1, "c1", 9))
	m.move(m.Store, to, 7)
	if now, err := to.Now(m.ctx); err != nil || now != t {
		m.Errorf("the copy is at %d, want %d: %v", now, t, err)
	}
	m.same(to)
	if r, err := to.Commit(m.ctx, store.Changeset{Writes: []store.Write{observation("own", "p", 1, "c1", 9)}, Leaf: leaf()}); err != nil || r.T != t+1 {
		m.Errorf("a commit on the copy: %+v %v", r, err)
	}
	if _, err := to.Verify(m.ctx, func(problem string) { m.Error(problem) }); err != nil {
		m.Error(err)
	}
}

// same compares every answer of a copy with that of the original.
func (m *moving) same(to store.Store) {
	m.Helper()
	now, err := m.Now(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	equal := func(what string, ask func(s store.Store) (any, error)) {
		m.Helper()
		if m.Failed() { // one difference tells enough
			return
		}
		a, errA := ask(m.Store)
		b, errB := ask(to)
		if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
			m.Errorf("%s: %v %v\n%.2000v\nwant\n%.2000v", what, errA, errB, b, a)
		}
	}
	equal("now", func(s store.Store) (any, error) { return s.Now(m.ctx) })
	equal("commits", func(s store.Store) (any, error) { return s.Commits(m.ctx, 0, 1<<20) })
	equal("leaves", func(s store.Store) (any, error) { return s.Leaves(m.ctx, store.LeafFilter{}) })
	equal("leaves of a patient", func(s store.Store) (any, error) { return s.Leaves(m.ctx, store.LeafFilter{Patient: "p"}) })
	equal("changes", func(s store.Store) (any, error) {
		v, upTo, err := s.Changes(m.ctx, 0, 1<<20)
		return []any{v, upTo}, err
	})
	equal("history", func(s store.Store) (any, error) {
		return s.History(m.ctx, store.HistoryFilter{Count: 1 << 20})
	})
	equal("items", func(s store.Store) (any, error) { return s.Items(m.ctx, "draft", "") })
	for _, at := range []store.T{1, now / 3, now / 2, now - 1, now} {
		equal(fmt.Sprint("head at ", at), func(s store.Store) (any, error) { return s.Head(m.ctx, at) })
		equal(fmt.Sprint("everything at ", at), func(s store.Store) (any, error) { return gather(s.All(m.ctx, nil, at)) })
		equal(fmt.Sprint("a chart at ", at), func(s store.Store) (any, error) { return gather(s.Compartment(m.ctx, "p", nil, at)) })
		for _, where := range []search.Expr{search.All{}, code("c1"), search.Not{X: code("c2")}, search.Reference{Param: "subject", Type: "Patient", ID: "p"}} {
			p := plan("Observation", where)
			p.At = at
			equal(fmt.Sprintf("%v at %d", where, at), func(s store.Store) (any, error) {
				page, err := s.Search(m.ctx, p)
				page.Next = nil
				return page, err
			})
			equal(fmt.Sprintf("count of %v at %d", where, at), func(s store.Store) (any, error) { return s.Count(m.ctx, p) })
		}
	}
	versions, _, err := m.Changes(m.ctx, 0, 1<<20)
	if err != nil {
		m.Fatal(err)
	}
	for _, v := range versions {
		equal("a version", func(s store.Store) (any, error) { return s.ReadVersion(m.ctx, v.Type, v.ID, v.Version) })
		equal("a read", func(s store.Store) (any, error) { return s.Read(m.ctx, v.Type, v.ID, v.T) })
	}
	for _, wall := range []time.Time{epoch.AddDate(-90, 0, 0), epoch, time.Now()} {
		equal("the T of a time", func(s store.Store) (any, error) { return s.At(m.ctx, wall) })
	}
	for name, s := range map[string]store.Store{"original": m.Store, "copy": to} {
		n, err := s.Verify(m.ctx, func(problem string) { m.Errorf("%s: %s", name, problem) })
		if err != nil || n != int64(now) {
			m.Errorf("%s: %d entries verified, want %d: %v", name, n, now, err)
		}
	}
	m.signed(to, now)
}

// signed holds the head of the copy to a tree that is grown here from its leaves.
func (m *moving) signed(to store.Store, now store.T) {
	m.Helper()
	var tree ledger.Tree
	list, err := to.Commits(m.ctx, 0, 1<<20)
	if err != nil || len(list) != int(now) {
		m.Fatalf("%d commits: %v", len(list), err)
	}
	for _, c := range list {
		tree.Append(c.Leaf)
	}
	note, err := to.Checkpoint(m.ctx)
	if err != nil {
		m.Fatal(err)
	}
	text, _, _ := bytes.Cut(note, []byte("\n\n"))
	c, err := ledger.ParseCheckpoint(string(text) + "\n")
	if err != nil || c.Size != int64(now) || c.Root != tree.Root() || c.Origin != m.Origin() {
		m.Errorf("the copy signs %+v, its leaves have the root %v: %v", c, tree.Root(), err)
	}
}

func gather(seq iter.Seq2[store.Version, error]) (any, error) {
	var out []store.Version
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// commitsAreWhole reads in steps of several sizes, and commits with large bodies: none is cut
// apart, none is missing, and a step stays small.
func commitsAreWhole(m *moving) {
	m.write()
	all, err := m.Commits(m.ctx, 0, 1<<20)
	if now, _ := m.Now(m.ctx); err != nil || len(all) != int(now) {
		m.Fatalf("%d commits at %d: %v", len(all), now, err)
	}
	for i, c := range all {
		if _, err := c.Check(); err != nil || c.T != store.T(i+1) || c.At.IsZero() {
			m.Errorf("commit %d: T %d at %v: %v", i+1, c.T, c.At, err)
		}
	}
	for _, step := range []int{1, 2, 9} {
		var got []store.Commit
		for at := store.T(0); ; {
			list, err := m.Commits(m.ctx, at, step)
			if err != nil {
				m.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			if len(list) > step {
				m.Errorf("%d commits for the limit %d", len(list), step)
			}
			got, at = append(got, list...), list[len(list)-1].T
		}
		if !reflect.DeepEqual(got, all) {
			m.Errorf("in steps of %d there are %d commits, not the %d of one step", step, len(got), len(all))
		}
	}
	at, _ := m.Now(m.ctx)
	for i := range 8 { // 24 MB that no compression makes smaller
		w := observation(fmt.Sprint("large", i), "p", 1, "c", 0)
		w.Body = noise(3<<20, byte(i))
		m.commit(w)
	}
	first := at
	for steps := 1; ; steps++ {
		list, err := m.Commits(m.ctx, at, 1000)
		if err != nil {
			m.Fatal(err)
		}
		if len(list) == 0 {
			if at != first+8 || steps < 3 {
				m.Errorf("large commits came in %d steps up to %d, want some up to %d", steps, at, first+8)
			}
			break
		}
		at = list[len(list)-1].T
	}
}

// noise is a body of bytes in no order.
func noise(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint64(seed) + 1
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	return b
}

func wrongCommits(m *moving) {
	m.write()
	list, err := m.Commits(m.ctx, 0, 1<<20)
	if err != nil {
		m.Fatal(err)
	}
	to := m.twin()
	part := len(list) / 2
	if err := to.Append(m.ctx, list[:part], m.extract); err != nil {
		m.Fatal(err)
	}
	before, _ := to.Head(m.ctx, 0)
	with := func(change func(c []store.Commit)) []store.Commit {
		c := slices.Clone(list[part:])
		for i := range c {
			c[i].Versions = slices.Clone(c[i].Versions)
			c[i].Leaf = bytes.Clone(c[i].Leaf)
		}
		change(c)
		return c
	}
	has := slices.IndexFunc(list[part:], func(c store.Commit) bool { return len(c.Versions) > 0 && c.Versions[0].Body != nil })
	for _, c := range []struct {
		name    string
		commits []store.Commit
		code    fault.Code
	}{
		{"another body", with(func(c []store.Commit) {
			c[has].Versions[0].Body = append(bytes.Clone(c[has].Versions[0].Body), ' ')
		}), fault.Invalid},
		{"another id", with(func(c []store.Commit) { c[has].Versions[0].ID = "somebody" }), fault.Invalid},
		{"a version less", with(func(c []store.Commit) { c[has].Versions = nil }), fault.Invalid},
		{"a version twice", with(func(c []store.Commit) {
			c[has].Versions = append(c[has].Versions, c[has].Versions[0])
		}), fault.Invalid},
		{"a leaf that is cut off", with(func(c []store.Commit) { c[has].Leaf = c[has].Leaf[:len(c[has].Leaf)/2] }), fault.Invalid},
		{"a leaf of another commit", with(func(c []store.Commit) { c[has].Leaf = list[0].Leaf }), fault.Invalid},
		{"a gap", with(func(c []store.Commit) { copy(c[3:], c[4:]) }), fault.Invalid},
		{"two in the wrong order", with(func(c []store.Commit) { c[3], c[4] = c[4], c[3] }), fault.Invalid},
		{"a time that goes back", with(func(c []store.Commit) { c[3].At = c[3].At.AddDate(-99, 0, 0) }), fault.Invalid},
		{"a former version missing", with(func(c []store.Commit) {
			for i := range c {
				for j := range c[i].Versions {
					c[i].Versions[j].Version += 7
				}
			}
		}), fault.Invalid},
		{"again", list[:part], fault.Conflict},
		{"too far", list[part+1:], fault.Conflict},
	} {
		if err := to.Append(m.ctx, c.commits, m.extract); !fault.Is(err, c.code) {
			m.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
		if after, err := to.Head(m.ctx, 0); err != nil || !bytes.Equal(after, before) {
			m.Fatalf("%s has left something behind: %v", c.name, err)
		}
	}
	// After all of that the right ones still fit.
	m.move(m.Store, to, 50)
	m.same(to)
}

func itemsMove(m *moving) {
	now := time.Now()
	for i := range 5 {
		w := store.ItemWrite{Item: store.Item{Space: "b", Key: fmt.Sprint(i), Owner: "ann", Value: []byte("v"), Expires: now.Add(90 * 365 * 24 * time.Hour).Truncate(time.Millisecond)}, IfVersion: -1}
		for range i + 1 {
			if err := m.put(w); err != nil {
				m.Fatal(err)
			}
		}
	}
	for _, w := range []store.ItemWrite{
		{Item: store.Item{Space: "a", Key: "z", Value: []byte{}}, IfVersion: -1},
		{Item: store.Item{Space: "c", Key: "over", Value: []byte("x"), Expires: epoch.AddDate(-30, 0, 0)}, IfVersion: -1},
	} {
		if err := m.put(w); err != nil {
			m.Fatal(err)
		}
	}
	read := func(s store.Store) (out []store.Item) {
		for it, err := range itemsOf(m.ctx, s) {
			if err != nil {
				m.Fatal(err)
			}
			out = append(out, it)
		}
		return out
	}
	want := read(m.Store)
	if len(want) != 6 || want[0].Space != "a" || want[5].Version != 5 || !slices.IsSortedFunc(want, func(a, b store.Item) int {
		return bytes.Compare([]byte(a.Space+"\x00"+a.Key), []byte(b.Space+"\x00"+b.Key))
	}) {
		m.Fatalf("items %+v", want)
	}
	to := m.twin()
	m.move(m.Store, to, 100)
	if got := read(to); !reflect.DeepEqual(got, want) {
		m.Errorf("items %+v, want %+v", got, want)
	}
	broken := errors.New("the source is gone")
	err := to.ReplaceItems(m.ctx, func(yield func(store.Item, error) bool) {
		if yield(store.Item{Space: "a", Key: "new", Value: []byte("x"), Version: 1}, nil) {
			yield(store.Item{}, broken)
		}
	})
	if got := read(to); err == nil || !reflect.DeepEqual(got, want) {
		m.Errorf("a sequence that ends with an error (%v) has left %+v", err, got)
	}
}

func headsOfTime(m *moving) {
	var tree ledger.Tree
	m.write()
	list, err := m.Commits(m.ctx, 0, 1<<20)
	if err != nil {
		m.Fatal(err)
	}
	for _, c := range list {
		tree.Append(c.Leaf)
		note, err := m.Head(m.ctx, c.T)
		if err != nil {
			m.Fatal(err)
		}
		want := ledger.Checkpoint{Origin: m.Origin(), Size: int64(c.T), Root: tree.Root()}
		if !bytes.HasPrefix(note, []byte(want.Text())) {
			m.Fatalf("head at %d is\n%s\nwant\n%s", c.T, note, want.Text())
		}
	}
	now := store.T(len(list))
	if _, err := m.Head(m.ctx, now+1); !fault.Is(err, fault.NotFound) {
		m.Errorf("a head that is not there yet: %v", err)
	}
	a, _ := m.Head(m.ctx, 0)
	if b, err := m.Checkpoint(m.ctx); err != nil || !bytes.Equal(a, b) {
		m.Errorf("the checkpoint\n%s\nis not the head\n%s%v", b, a, err)
	}
}

func keysMove(m *moving) {
	first, err := m.Commit(m.ctx, store.Changeset{Leaf: leaf(), Key: "once"})
	if err != nil {
		m.Fatal(err)
	}
	m.commit()
	to := m.twin()
	m.move(m.Store, to, 100)
	again, err := to.Commit(m.ctx, store.Changeset{Leaf: leaf(), Key: "once"})
	if err != nil || !again.Repeated || again.T != first.T {
		m.Errorf("the key on the copy gives %+v %v, want a repetition of %d", again, err, first.T)
	}
	other, err := to.Commit(m.ctx, store.Changeset{Leaf: leaf(), Key: "twice"})
	if err != nil || other.Repeated {
		m.Errorf("another key gives %+v %v", other, err)
	}
}

// commitsUnderLoad reads commits while four write: each comes once and whole.
func commitsUnderLoad(m *moving) {
	const writers, each = 4, 30
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for i := range each {
				a := observation(fmt.Sprintf("a%d-%d", w, i), fmt.Sprint("p", w), 1, "c", 0)
				b := observation(fmt.Sprintf("b%d-%d", w, i), "", 1, "c", 0)
				if _, err := m.Commit(m.ctx, store.Changeset{Writes: []store.Write{a, b}, Leaf: leaf()}); err != nil {
					m.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	at, versions := store.T(0), 0
	for last := false; ; {
		list, err := m.Commits(m.ctx, at, 5)
		if err != nil {
			m.Fatal(err)
		}
		for _, c := range list {
			if _, err := c.Check(); err != nil || c.T != at+1 {
				m.Fatalf("commit %d after %d: %v", c.T, at, err)
			}
			at, versions = c.T, versions+len(c.Versions)
		}
		if len(list) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
	if versions != 2*writers*each {
		m.Errorf("%d versions came, want %d", versions, 2*writers*each)
	}
}
