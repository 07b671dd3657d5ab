package storetest

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

func planWithoutVisibility(h *harness) {
	h.commit(observation("a", "p", 1, "x", 0))
	bare := store.Plan{Query: search.Query{Type: "Observation", Where: search.All{}}}
	if _, err := h.Search(h.ctx, bare); err == nil {
		h.Error("a search without visibility was run")
	}
	if _, err := h.Count(h.ctx, bare); err == nil {
		h.Error("a count without visibility was run")
	}
}

// visibilityHolds: what is hidden changes nothing in any answer.
func visibilityHolds(h *harness) {
	h.commit(patient("p", 1, "Ang"), patient("q", 1, "Bao"))
	h.commit(observation("mine", "p", 1, "x", 0))
	own := func(string) search.Expr { return search.InPatient{"p"} }
	q := search.Query{Type: "Observation", Where: search.All{}, Total: search.TotalAccurate, Count: 10,
		Include: []search.Include{{Source: "Observation", Param: "subject"}}}
	people := search.Query{Type: "Patient", Where: search.All{}, Total: search.TotalAccurate, Count: 10,
		RevInclude: []search.Include{{Source: "Observation", Param: "subject"}}}
	chained := search.Query{Type: "Observation", Count: 10, Where: search.Chain{Param: "subject", Target: "Patient", X: search.Text{Param: "family", Value: "Bao"}}}
	referred := search.Query{Type: "Patient", Count: 10, Where: search.Has{Source: "Observation", Param: "subject", X: code("secret")}}
	look := func() string {
		var out bytes.Buffer
		for _, query := range []search.Query{q, people, chained, referred} {
			page, err := h.Search(h.ctx, store.NewPlan(query, own))
			if err != nil {
				h.Fatal(err)
			}
			n, err := h.Count(h.ctx, store.NewPlan(query, own))
			if err != nil {
				h.Fatal(err)
			}
			fmt.Fprintln(&out, idsOf(page.Matches), idsOf(page.Included), page.Total, n, page.Next != nil)
		}
		return out.String()
	}
	before := look()
	if want := "[mine] [p] 1 1 false\n[p] [mine] 1 1 false\n[] [] -1 0 false\n[] [] -1 0 false\n"; before != want {
		h.Errorf("the patient sees\n%swant\n%s", before, want)
	}
	for i := range 15 {
		h.commit(observation(fmt.Sprint("hidden", i), "q", 1, "secret", i))
	}
	// A hidden resource that refers to the patient, and one of the patient's that refers to
	// something hidden.
	about := observation("about", "q", 1, "secret", 0)
	about.Index = append(about.Index, search.Entry{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: "p"})
	h.commit(about)
	if after := look(); after != before {
		h.Errorf("hidden resources show:\n%swant\n%s", after, before)
	}
}

func pagesStay(h *harness) {
	for _, sort := range [][]search.SortKey{nil, {{Param: "date"}}, {{Param: "code"}, {Param: "date", Descending: true}}, {{Param: "_lastUpdated"}}, {{Param: "_id", Descending: true}}} {
		prefix := fmt.Sprint("s", len(sort), h.Name())
		if len(sort) > 0 {
			prefix += sort[0].Param
		}
		group := fmt.Sprint("g", len(h.leaves(store.LeafFilter{})))
		var want []string
		for i := range 25 {
			id := fmt.Sprintf("%s-%02d", group, i)
			h.commit(observation(id, fmt.Sprint("p", i%3), 1, group, i%7))
			want = append(want, id)
		}
		q := search.Query{Type: "Observation", Where: code(group), Sort: sort, Count: 4, Total: search.TotalAccurate}
		p := store.NewPlan(q, all)
		var got []string
		for n := 0; ; n++ {
			page, err := h.Search(h.ctx, p)
			if err != nil {
				h.Fatalf("%v: %v", sort, err)
			}
			if page.Total != 25 {
				h.Errorf("%v: page %d counts %d, want 25", sort, n, page.Total)
			}
			got = append(got, idsOf(page.Matches)...)
			if page.Next == nil {
				break
			}
			p.After, p.At = page.Next, page.At
			// Others change, move, delete and add between the pages.
			i := n * 3
			h.commit(observation(want[i%25], "moved", int64(n/9+2), "other", 0))
			h.commit(deletion("Observation", want[(i+1)%25], fmt.Sprint("p", ((i+1)%25)%3), 2))
			h.commit(observation(want[(i+2)%25], fmt.Sprint("p", ((i+2)%25)%3), 2, group, 6-n))
			h.commit(observation(fmt.Sprintf("%s-new-%d", group, n), "p0", 1, group, n))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			h.Errorf("%v: pages have %v, want %v", sort, got, want)
		}
	}
}

// pagesAreLimitedInBytes: a page ends before its bodies are larger than asked, with one match at least; the pages
// together have every match once, each with what it includes. What is included beyond is refused.
func pagesAreLimitedInBytes(h *harness) {
	var want []string
	for i := range 7 {
		p, o := patient(fmt.Sprint("big-p", i), 1, "Ang"), observation(fmt.Sprint("big", i), fmt.Sprint("big-p", i), 1, "bytes", i)
		h.commit(p, o)
		want = append(want, fmt.Sprint("big", i))
	}
	where := code("bytes")
	q := search.Query{Type: "Observation", Where: where, Count: 100, Sort: []search.SortKey{{Param: "date"}}, Include: []search.Include{{Source: "Observation", Param: "subject"}}}
	whole, err := h.Search(h.ctx, store.NewPlan(q, all))
	if err != nil || len(whole.Matches) != len(want) || len(whole.Included) != len(want) {
		h.Fatalf("%d matches, %d included: %v", len(whole.Matches), len(whole.Included), err)
	}
	one := len(whole.Matches[0].Body) + len(whole.Included[0].Body)
	for _, most := range []int{1, 2*one + one/2, 1 << 20} {
		q.Bytes = most
		p, got, pages := store.NewPlan(q, all), []string(nil), 0
		for {
			page, err := h.Search(h.ctx, p)
			if err != nil {
				h.Fatalf("%d bytes: %v", most, err)
			}
			got, pages = append(got, idsOf(page.Matches)...), pages+1
			if len(page.Included) != len(page.Matches) {
				h.Errorf("%d bytes: %d matches include %d", most, len(page.Matches), len(page.Included))
			}
			if page.Next == nil {
				break
			}
			p.After, p.At = page.Next, page.At
		}
		if !slices.Equal(got, want) || (pages == 1) != (most == 1<<20) {
			h.Errorf("%d bytes: %d pages have %v", most, pages, got)
		}
	}
	q.Bytes, q.Type, q.Where, q.Include, q.Sort = one, "Patient", search.InPatient{"big-p0"}, nil, nil
	q.RevInclude = []search.Include{{Source: "Observation", Param: "subject"}}
	h.commit(observation("big-more", "big-p0", 1, "bytes", 9), observation("big-more2", "big-p0", 1, "bytes", 9))
	if _, err := h.Search(h.ctx, store.NewPlan(q, all)); !fault.Is(err, fault.TooCostly) {
		h.Errorf("included beyond the bound: %v", err)
	}
}

func includesAreLimited(h *harness) {
	h.commit(patient("p", 1, "Ang"))
	var writes []store.Write
	for i := range search.MaxIncluded + 1 {
		writes = append(writes, observation(fmt.Sprint("o", i), "p", 1, "x", 0))
	}
	h.commit(writes...)
	q := search.Query{Type: "Patient", Where: search.All{}, Count: 10, RevInclude: []search.Include{{Source: "Observation", Param: "subject"}}}
	if _, err := h.Search(h.ctx, store.NewPlan(q, all)); !fault.Is(err, fault.TooCostly) {
		h.Errorf("%d included resources: %v, want too-costly", len(writes), err)
	}
	h.commit(deletion("Observation", "o0", "p", 2))
	page, err := h.Search(h.ctx, store.NewPlan(q, all))
	if err != nil || len(page.Included) != search.MaxIncluded {
		h.Errorf("%d included (%v), want %d", len(page.Included), err, search.MaxIncluded)
	}
}

// includesIterate: :iterate follows references from round to round, in circles once, past
// nothing hidden, and not beyond the limit of rounds.
func includesIterate(h *harness) {
	organization := func(id, within string) store.Write {
		w := store.Write{Type: "Organization", ID: id, Version: 1, Updated: epoch, Body: fmt.Appendf(nil, `{"resourceType":"Organization","id":%q}`, id)}
		if within != "" {
			w.Index = []search.Entry{{Param: "partof", Kind: search.KindReference, RefType: "Organization", RefID: within}}
		}
		return w
	}
	h.commit(organization("c0", "c1"), organization("c1", "c2"), organization("c2", "c0"))
	for i := range search.MaxRounds + 1 {
		h.commit(organization(fmt.Sprint("d", i), fmt.Sprint("d", i+1)))
	}
	up := func(id string, iterate bool, visible store.Visibility) (store.Page, error) {
		return h.Search(h.ctx, store.NewPlan(search.Query{Type: "Organization", Where: search.ID{id}, Count: 10,
			Include: []search.Include{{Source: "Organization", Param: "partof", Iterate: iterate}}}, visible))
	}
	for _, c := range []struct {
		id      string
		iterate bool
		visible store.Visibility
		want    string
	}{
		{"c0", false, all, "[c1]"},
		{"c0", true, all, "[c1 c2]"},
		{"c0", true, func(string) search.Expr { return search.Not{X: search.ID{"c1"}} }, "[]"},
		{fmt.Sprint("d", search.MaxRounds-1), true, all, fmt.Sprintf("[d%d]", search.MaxRounds)},
		{"d1", false, all, "[d2]"},
	} {
		page, err := up(c.id, c.iterate, c.visible)
		if err != nil || fmt.Sprint(idsOf(page.Included)) != c.want {
			h.Errorf("%s, iterate %v: %v (%v), want %s", c.id, c.iterate, idsOf(page.Included), err, c.want)
		}
	}
	if page, err := up("d1", true, all); err != nil || len(page.Included) != search.MaxRounds-1 {
		h.Errorf("a line of %d: %v, %v", search.MaxRounds, idsOf(page.Included), err)
	}
	if _, err := up("d0", true, all); !fault.Is(err, fault.TooCostly) {
		h.Errorf("a line beyond the limit of rounds: %v, want too-costly", err)
	}
	down := search.Query{Type: "Organization", Where: search.ID{"d4"}, Count: 10, RevInclude: []search.Include{{Param: "*", Iterate: true}}}
	if page, err := h.Search(h.ctx, store.NewPlan(down, all)); err != nil || len(page.Included) != 4 {
		h.Errorf("what refers to d4: %v, %v", idsOf(page.Included), err)
	}
}

// longCodeLists: a value set of thousands of codes is one condition.
func longCodeLists(h *harness) {
	var codes []search.Coding
	for i := range search.MaxCodes {
		codes = append(codes, search.Coding{System: "http://loinc.org", Code: fmt.Sprint("c", i)})
	}
	h.commit(observation("in", "p", 1, "c7", 0), observation("out", "p", 1, "other", 0))
	coded := search.Coded{Param: "code", Codes: search.SortCodings(codes)}
	if got := fmt.Sprint(h.ids(plan("Observation", coded))); got != "[in]" {
		h.Errorf("in the list: %s", got)
	}
	if got := fmt.Sprint(h.ids(plan("Observation", search.And{search.InPatient{"p"}, search.Not{X: coded}}))); got != "[out]" {
		h.Errorf("not in the list: %s", got)
	}
}

// lineages: what is under a resource is found at any depth, in circles once, and not past
// what is hidden.
func lineages(h *harness) {
	place := func(id, within string) store.Write {
		w := store.Write{Type: "Location", ID: id, Version: 1, Updated: epoch, Body: fmt.Appendf(nil, `{"resourceType":"Location","id":%q}`, id)}
		if within != "" {
			w.Index = []search.Entry{{Param: "partof", Kind: search.KindReference, RefType: "Location", RefID: within}}
		}
		return w
	}
	at := func(id, location string) store.Write {
		w := observation(id, "p", 1, "x", 0)
		w.Index = append(w.Index, search.Entry{Param: "location", Kind: search.KindReference, RefType: "Location", RefID: location})
		return w
	}
	h.commit(place("house", ""), place("ward", "house"), place("bed", "ward"), place("l1", "l2"), place("l2", "l1"))
	h.commit(at("a", "house"), at("b", "ward"), at("c", "bed"), at("d", "l1"))
	ask := func(id string, above bool, visible store.Visibility) string {
		x := search.Lineage{Param: "location", Type: "Location", ID: id, By: "partof", Above: above}
		return fmt.Sprint(h.ids(store.NewPlan(search.Query{Type: "Observation", Where: x, Count: 10}, visible)))
	}
	noWard := func(string) search.Expr { return search.Not{X: search.ID{"ward"}} }
	for _, c := range []struct {
		id      string
		above   bool
		visible store.Visibility
		want    string
	}{
		{"house", false, all, "[a b c]"}, {"ward", false, all, "[b c]"}, {"bed", true, all, "[a b c]"}, {"l2", false, all, "[d]"},
		{"house", false, noWard, "[a]"}, {"bed", true, noWard, "[b c]"}, {"nothing", false, all, "[]"},
	} {
		if got := ask(c.id, c.above, c.visible); got != c.want {
			h.Errorf("%s, above %v: %s, want %s", c.id, c.above, got, c.want)
		}
	}
}

// indexedAgain: new rules find what was stored before them, now and at moments of the past,
// across a restart in the middle, while others write.
func indexedAgain(h *harness) {
	const n = 700
	for i := range n {
		h.commit(observation(fmt.Sprint("o", i), fmt.Sprint("p", i%3), 1, fmt.Sprint("c", i%5), i%9))
	}
	var past store.T
	for i := range 300 { // a former version of some
		past = h.commit(observation(fmt.Sprint("o", i), fmt.Sprint("p", (i+i%2)%3), 2, "new", 0))
	}
	past -= 300
	h.commit(deletion("Observation", "o699", "p0", 2), patient("p", 1, "Ang"))
	shade := func(body []byte) ([]search.Entry, error) {
		r, err := fhir.Parse(body)
		if err != nil {
			return nil, err
		}
		if r.ResourceType() == "Patient" {
			h.Error("a type was indexed that was not asked for")
		}
		c := r.Get("code").Text()
		return []search.Entry{
			{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: c},
			{Param: "shade", Kind: search.KindString, Norm: c + " dark", Exact: c + " Dark"},
		}, nil
	}
	work := store.Indexing{Name: "shade/1", Types: []string{"Observation"}, Extract: shade}
	for step := 0; ; step++ {
		done, err := h.Index(h.ctx, work)
		if err != nil || step > 2*n {
			h.Fatalf("step %d: %v", step, err)
		}
		if is, err := h.Indexed(h.ctx, work.Name); err != nil || is != done {
			h.Fatalf("step %d: done %v, indexed %v, %v", step, done, is, err)
		}
		if done {
			break
		}
		if step == 1 { // a restart, and a write with entries of the new rules
			if err := h.Store.Close(); err != nil {
				h.Fatal(err)
			}
			h.Store = h.open(h.T, h.dir)
			w := observation("o650", "p1", 2, "late", 0)
			w.Index, _ = shade(w.Body)
			h.commit(w)
		}
	}
	if done, err := h.Index(h.ctx, work); err != nil || !done {
		h.Errorf("once more: %v, %v", done, err)
	}
	count := func(at store.T, x search.Expr) int64 {
		p := plan("Observation", x)
		p.At = at
		total, err := h.Count(h.ctx, p)
		if err != nil {
			h.Fatal(err)
		}
		return total
	}
	shaded := search.Text{Param: "shade", Value: "c1"}
	for _, c := range []struct {
		what string
		at   store.T
		x    search.Expr
		want int64
	}{
		{"all that are", 0, search.Missing{Param: "shade"}, n - 1},
		{"those that changed", 0, search.Text{Param: "shade", Value: "new"}, 300},
		{"the late one", 0, search.Text{Param: "shade", Mode: search.Exact, Value: "late Dark"}, 1},
		{"those that did not", 0, shaded, 80},
		{"before they changed", past, shaded, n / 5},
		{"entries of the old rules", 0, search.Missing{Param: "date"}, 0},
		{"codes as before", 0, code("c1"), 80},
	} {
		if got := count(c.at, c.x); got != c.want {
			h.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	// The rows of the index belong to their versions: a change leaves nothing behind.
	h.commit(observation("o301", "p1", 2, "again", 0), observation("o306", "p0", 2, "again", 0))
	if got := count(0, shaded); got != 78 {
		h.Errorf("after a change: %d, want 78", got)
	}
	if _, err := h.Verify(h.ctx, func(problem string) { h.Error(problem) }); err != nil {
		h.Error(err)
	}
}

// unknownTypes: a type of which nothing is stored is no error, wherever it is asked for.
func unknownTypes(h *harness) {
	h.commit(patient("p", 1, "Ang"))
	never := []string{"Basic"}
	for _, list := range []iter.Seq2[store.Version, error]{h.Compartment(h.ctx, "p", never, 0), h.All(h.ctx, never, 0), h.All(h.ctx, never, 1), h.Compartment(h.ctx, "nobody", nil, 0)} {
		for v, err := range list {
			h.Errorf("there is %s %v", v.ID, err)
		}
	}
	if v, err := h.History(h.ctx, store.HistoryFilter{Type: "Basic"}); err != nil || len(v) > 0 {
		h.Errorf("history: %v, %v", v, err)
	}
	if got := h.ids(plan("Basic", search.All{})); len(got) > 0 {
		h.Errorf("search: %v", got)
	}
	work := store.Indexing{Name: "basic/1", Types: never, Extract: func([]byte) ([]search.Entry, error) { return nil, nil }}
	for range 3 {
		if done, err := h.Index(h.ctx, work); err != nil || done {
			if err != nil {
				h.Errorf("index: %v", err)
			}
			return
		}
	}
	h.Error("the indexing of a type without resources does not end")
}

// everyCharacter: texts of an index hold any character and any length, and are found and put
// in order by their bytes.
func everyCharacter(h *harness) {
	long := strings.Repeat("x", 5000)
	texts := []string{"a\x00b", "a\x00c", "a\x01b", "a", "a b", "A", "é", "z\U0010FFFF", "\uFFFD", "日本", `%_\'"?$1`, long + "1", long + "2"}
	for i, text := range texts {
		w := observation(fmt.Sprintf("t%02d", i), "p", 1, "x", 0)
		w.Index = []search.Entry{
			{Param: "name", Kind: search.KindString, Norm: text, Exact: text}, {Param: "url", Kind: search.KindURI, URL: text},
			{Param: "identifier", Kind: search.KindToken, System: "s" + text, Code: text, Identifier: true},
			{Param: "code", Kind: search.KindToken, System: "http://a.example", Code: text, Display: text},
		}
		h.commit(w)
	}
	for i, text := range texts {
		want := fmt.Sprintf("[t%02d]", i)
		for _, x := range []search.Expr{
			search.Text{Param: "name", Mode: search.Exact, Value: text}, search.URI{Param: "url", Value: text}, search.Token{Param: "identifier", HasSystem: true, System: "s" + text, Code: text},
			search.Token{Param: "identifier", Code: text}, search.Token{Param: "code", HasSystem: true, System: "http://a.example", Code: text},
			search.Coded{Param: "code", Codes: []search.Coding{{System: "http://a.example", Code: text}}}, search.Coded{Param: "identifier", Codes: []search.Coding{{System: "s" + text, Code: text}}},
		} {
			if got := fmt.Sprint(h.ids(plan("Observation", x))); got != want {
				h.Errorf("%.30q by %.60v: %s, want %s", text, x, got, want)
			}
		}
		n := 0
		for _, other := range texts {
			if strings.HasPrefix(other, text) {
				n++
			}
		}
		for _, x := range []search.Expr{search.Text{Param: "name", Value: text}, search.Token{Param: "code", Text: true, Code: text}, search.URI{Param: "url", Mode: search.URIBelow, Value: text}} {
			if got := h.ids(plan("Observation", x)); len(got) != n {
				h.Errorf("%.30q in front, by %T: %v, want %d", text, x, got, n)
			}
		}
	}
	for _, param := range []string{"name", "url", "identifier", "code"} {
		p := store.NewPlan(search.Query{Type: "Observation", Where: search.All{}, Count: 3, Sort: []search.SortKey{{Param: param}}}, all)
		var got []string
		for {
			page, err := h.Search(h.ctx, p)
			if err != nil {
				h.Fatal(err)
			}
			for _, v := range page.Matches {
				i, _ := strconv.Atoi(v.ID[1:])
				got = append(got, texts[i])
			}
			if p.After = page.Next; page.Next == nil {
				break
			}
		}
		if len(got) != len(texts) || !slices.IsSorted(got) {
			h.Errorf("by %s: %.200q", param, got)
		}
	}
}

func nextIsOpaque(h *harness) {
	for i := range 5 {
		h.commit(patient(fmt.Sprint("p", i), 1, fmt.Sprint("Canary", i)))
	}
	q := search.Query{Type: "Patient", Where: search.All{}, Count: 2, Sort: []search.SortKey{{Param: "family"}}}
	page, err := h.Search(h.ctx, store.NewPlan(q, all))
	if err != nil || page.Next == nil {
		h.Fatal(err)
	}
	if bytes.Contains(page.Next, []byte("Canary")) {
		h.Error("the token of the next page, which goes into URLs, holds a name")
	}
	p := store.NewPlan(q, all)
	for i := range page.Next {
		p.After = bytes.Clone(page.Next)
		p.After[i] ^= 0x40
		if _, err := h.Search(h.ctx, p); !fault.Is(err, fault.Invalid) {
			h.Fatalf("a token with byte %d changed: %v, want invalid", i, err)
		}
	}
	p.After, p.Query.Sort = page.Next, nil
	if _, err := h.Search(h.ctx, p); !fault.Is(err, fault.Invalid) {
		h.Errorf("a token of another order: %v, want invalid", err)
	}
}
