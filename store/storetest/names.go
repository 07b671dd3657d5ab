package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// named is a version of somebody with families and a given name, of a group.
func named(resourceType, id string, version int64, group, given string, families ...string) store.Write {
	w := store.Write{Type: resourceType, ID: id, Version: version, Updated: epoch,
		Body:  fmt.Appendf(nil, `{"resourceType":%q,"id":%q}`, resourceType, id),
		Index: []search.Entry{{Param: "group", Kind: search.KindToken, Code: group}},
	}
	if resourceType == "Patient" {
		w.Patient = id
	}
	add := func(param, text string) {
		w.Index = append(w.Index, search.Entry{Param: param, Kind: search.KindString, Norm: text, Exact: text})
	}
	for _, f := range families {
		add("family", f)
		add("name", f)
	}
	if given != "" {
		add("given", given)
		add("name", given)
	}
	return w
}

// namesInPages: of many whose names begin alike, small pages show those whom one large page shows, each
// once, in its order, under every rule, while others are named, renamed and deleted.
func namesInPages(h *harness) {
	const people = 1200
	g := rand.New(rand.NewPCG(20260301, 0))
	for _, typ := range []string{"Patient", "Practitioner"} {
		version := map[string]int64{}
		write := func(group, given string, id string, families ...string) store.Write {
			version[id]++
			return named(typ, id, version[id], group, given, families...)
		}
		var writes []store.Write
		for i := range people {
			families := []string{fmt.Sprintf("%c%c", 'a'+i%4, 'a'+i%9)}
			switch {
			case g.IntN(24) == 3: // in one window of the index more, in another less than a page holds
				families = []string{"same"}
			case i%11 == 1:
				families = append(families, "aa", "ab", "zz") // fits in several ways
			case i%11 == 2:
				families = nil
			}
			group := []string{"many", "many", "some"}[i%3]
			if i%60 == 0 {
				group = "few"
			}
			writes = append(writes, write(group, fmt.Sprintf("%c", 'a'+i%5), fmt.Sprint("n", i), families...))
		}
		h.commit(writes...)
		group := func(g string) search.Expr { return search.Token{Param: "group", Code: g} }
		begins := func(param, text string) search.Expr { return search.Text{Param: param, Value: text} }
		byName := []search.SortKey{{Param: "family"}, {Param: "given"}}
		turn := 0
		for _, where := range []search.Expr{
			begins("name", "a"), begins("family", ""), begins("name", "same"), search.And{begins("name", "a"), search.Not{X: begins("family", "b")}},
		} {
			for _, rule := range []search.Expr{search.All{}, search.Not{X: group("some")}, group("few"), search.InPatient{"n1"}} {
				for _, sort := range [][]search.SortKey{nil, byName} {
					visible := func(string) search.Expr { return rule }
					of := func(count int) store.Plan {
						return store.NewPlan(search.Query{Type: typ, Where: where, Sort: sort, Count: count, Total: search.TotalAccurate}, visible)
					}
					whole, err := h.Search(h.ctx, of(2*people))
					if err != nil || whole.Next != nil || whole.Total != int64(len(whole.Matches)) {
						h.Fatalf("%d matches, total %d: %v", len(whole.Matches), whole.Total, err)
					}
					turn++
					want, got := idsOf(whole.Matches), []string{}
					p := of([]int{20, 1, 2, 3, 7}[(turn/2)%5])
					for pages := 0; ; pages++ {
						page, err := h.Search(h.ctx, p)
						if err != nil {
							h.Fatal(err)
						}
						got = append(got, idsOf(page.Matches)...)
						if page.Next == nil || pages >= 6 && len(want) > 100 {
							break
						}
						p.After, p.At = page.Next, page.At
						if pages == 0 && turn%3 == 0 {
							i := (turn*37 + pages*5) % people
							id, away := fmt.Sprint("n", i), fmt.Sprint("n", (i+3)%people)
							h.commit(write("many", "a", id, "ab"), write("some", "z", away, "zz"))
						}
					}
					if !slices.Equal(got, want[:min(len(got), len(want))]) || len(got) > len(want) {
						h.Fatalf("%s where %#v, visible %#v, sort %v, by %d:\n%v\n%v", typ, where, rule, sort, p.Query.Count, got, want)
					}
				}
			}
		}
	}
}
