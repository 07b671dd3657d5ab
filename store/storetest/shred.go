package storetest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"weak"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Canaries stores a patient with n words in every place that a store has for them, in former and
// current versions, and returns the words. What was formerly said is searched by others' words,
// too, so that a dictionary cannot tell whose they are.
func Canaries(ctx context.Context, s store.Store, id string, n int) (words []string, err error) {
	word := func(place string) string {
		w := fmt.Sprintf("Canary%sZanzibar%04d", place, len(words))
		words = append(words, w)
		return w
	}
	commit := func(set store.Changeset) error {
		if set.Leaf == nil {
			set.Leaf = leaf()
		}
		_, err := s.Commit(ctx, set)
		return err
	}
	for round := int64(1); len(words) < n; round++ {
		version := func(typ, name string) store.Write {
			return store.Write{Type: typ, ID: name, Patient: id, Version: round, Updated: epoch,
				Body: fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"text":{"div":%q},"name":[{"family":%q}]}`, typ, name, word("narrative"), word("body")),
				Index: []search.Entry{
					{Param: "family", Kind: search.KindString, Norm: word("norm"), Exact: word("exact")},
					{Param: "identifier", Kind: search.KindToken, Identifier: true, System: word("system"), Code: word("identifier"), TypeSystem: word("typesystem"), TypeCode: word("type")},
					{Param: "code", Kind: search.KindToken, System: word("codesystem"), Code: word("code"), Display: word("display")},
					{Param: "url", Kind: search.KindURI, URL: word("url")},
					{Param: "value", Kind: search.KindQuantity, Value: 1, ValueLow: 1, ValueHigh: 1, System: word("unitsystem"), Code: word("unit"), Display: word("label")},
					{Param: "both", Kind: search.KindComposite, Group: []search.Entry{{Param: "0", Kind: search.KindToken, Code: word("part")}, {Param: "1", Kind: search.KindString, Norm: word("partnorm"), Exact: word("partexact")}}},
					{Param: "both", Kind: search.KindComposite, Group: []search.Entry{{Param: "0", Kind: search.KindToken, Code: "c"}, {Param: "1", Kind: search.KindQuantity, Value: 1, Code: word("partunit"), Display: word("partlabel")}}},
					{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: "shared", Display: "shared by all"},
				}}
		}
		l := leaf()
		l.Patients, l.Query, l.Reason = []string{id}, word("query"), word("reason")
		set := store.Changeset{Leaf: l, Writes: []store.Write{version("Patient", id), version("Observation", "canary-"+id), version("DocumentReference", "letter-"+id)},
			Items: []store.ItemWrite{
				{IfVersion: -1, Item: store.Item{Space: "draft", Key: word("itemkey"), Owner: word("owner"), Patient: id, Value: []byte(word("draft"))}},
				{IfVersion: -1, Item: store.Item{Space: "message", Key: word("itemkey"), Patient: id, Value: []byte(word("message"))}}}}
		if err := commit(set); err != nil {
			return nil, err
		}
		own := leaf() // a patient who looks at the own record is named in the log
		own.Role, own.Name, own.Patients, own.Action = "patient", word("actorname"), []string{id}, ledger.Read
		search := leaf() // several are found by a name
		search.Action, search.Patients, search.Query = ledger.Search, []string{id, "bystander"}, "name="+word("searched")
		for _, l := range []*ledger.Leaf{own, search} {
			if err := commit(store.Changeset{Leaf: l}); err != nil {
				return nil, err
			}
		}
	}
	return words, nil
}

// Bystander stores a patient who shares words, a unit and searches with others.
func Bystander(ctx context.Context, s store.Store) error {
	w := observation("by", "bystander", 1, "shared", 1)
	w.Index = append(w.Index,
		search.Entry{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: "shared", Display: "shared by all"},
		search.Entry{Param: "value", Kind: search.KindQuantity, Value: 1, ValueLow: 1, ValueHigh: 1, System: "u", Code: "mg", Display: "mg"},
		search.Entry{Param: "identifier", Kind: search.KindToken, Identifier: true, System: "urn:numbers", Code: "77"})
	_, err := s.Commit(ctx, store.Changeset{Leaf: leaf(), Writes: []store.Write{patient("bystander", 1, "Untouched"), w},
		Items: []store.ItemWrite{{Item: store.Item{Space: "draft", Key: "by", Owner: "ann", Patient: "bystander", Value: []byte("keep")}}}})
	return err
}

// ShredLeaf is the leaf of a shred.
func ShredLeaf(id string) ledger.Leaf {
	l := leaf()
	l.Action, l.Patients, l.Query = ledger.Shred, []string{id}, "keys and data destroyed"
	return *l
}

func shredLeavesNothing(h *harness) {
	if err := Bystander(h.ctx, h.Store); err != nil {
		h.Fatal(err)
	}
	words, err := Canaries(h.ctx, h.Store, "p", 100)
	if err != nil {
		h.Fatal(err)
	}
	moved := patient("wanderer", 1, "w")
	h.commit(moved)
	// The canaries can be found before.
	if got := h.ids(plan("Observation", code("shared"))); len(got) != 2 {
		h.Fatalf("before: %v", got)
	}
	if found := h.said(words); found == 0 {
		h.Fatal("the test sees nothing before the shred")
	}
	before := h.bystander()
	body := h.remembered("Observation", "canary-p")
	if body.Value() == nil {
		h.Log("this store remembers no bodies")
	}
	if _, err := h.Shred(h.ctx, "nobody", ShredLeaf("nobody")); !fault.Is(err, fault.NotFound) {
		h.Errorf("a patient who is not there: %v", err)
	}
	r, err := h.Shred(h.ctx, "p", ShredLeaf("p"))
	if err != nil {
		h.Fatal(err)
	}
	if now, err := h.Now(h.ctx); err != nil || now != r.T {
		h.Errorf("the shred is at %d, now is %d, %v", r.T, now, err)
	}
	if runtime.GC(); body.Value() != nil { // without any further question to the store
		h.Error("a body of the patient is in memory after the shred")
	}
	check := func(when string) {
		if found := h.said(words); found != 0 {
			h.Errorf("%s: %d canaries are still told", when, found)
		}
		if after := h.bystander(); after != before {
			h.Errorf("%s: the other patient was\n%s\nand is\n%s", when, before, after)
		}
		if got := h.ids(plan("Observation", code("shared"))); !slices.Equal(got, []string{"by"}) {
			h.Errorf("%s: by a shared code: %v", when, got)
		}
		v, err := h.Read(h.ctx, "Patient", "p", 0)
		if err != nil || !v.Deleted || !v.Shredded || v.Body != nil {
			h.Errorf("%s: the patient is read as %+v, %v", when, v, err)
		}
		if v, err = h.ReadVersion(h.ctx, "Observation", "canary-p", 1); err != nil || !v.Shredded {
			h.Errorf("%s: a former version is %+v, %v", when, v, err)
		}
		if _, err := h.Commit(h.ctx, store.Changeset{Leaf: leaf(), Writes: []store.Write{observation("late", "p", 1, "c", 1)}}); !fault.Is(err, fault.Gone) {
			h.Errorf("%s: a write for the patient: %v", when, err)
		}
		if err := h.put(store.ItemWrite{IfVersion: -1, Item: store.Item{Space: "draft", Key: "late", Patient: "p"}}); !fault.Is(err, fault.Gone) {
			h.Errorf("%s: a draft about the patient: %v", when, err)
		}
		if _, err := h.Shred(h.ctx, "p", ShredLeaf("p")); !fault.Is(err, fault.NotFound) {
			h.Errorf("%s: shredded again: %v", when, err)
		}
		if k, err := h.PersonKey(h.ctx, "p"); err != nil || !k.Shredded || k.Root != nil {
			h.Errorf("%s: the keys are %+v, %v", when, k, err)
		}
		if _, err := h.Verify(h.ctx, func(problem string) { h.Errorf("%s: %s", when, problem) }); err != nil {
			h.Error(err)
		}
	}
	check("after the shred")
	h.Store.Close()
	h.Store = h.open(h.T, h.dir)
	check("after reopening")
	// Words that only the patient had are gone, and can be stored again.
	again := observation("new", "bystander", 1, "x", 2)
	again.Index = append(again.Index, search.Entry{Param: "code", Kind: search.KindToken, Code: "Canarycode"})
	h.commit(again)
	if got := h.ids(plan("Observation", search.Token{Param: "code", Code: "Canarycode"})); !slices.Equal(got, []string{"new"}) {
		h.Errorf("a word that is stored again finds %v", got)
	}
}

// remembered points to the body of a resource as the store remembers it, when it does.
func (h *harness) remembered(resourceType, id string) weak.Pointer[byte] {
	h.Helper()
	v, err := h.Read(h.ctx, resourceType, id, 0)
	if err != nil {
		h.Fatal(err)
	}
	first := weak.Make(&v.Body[0])
	runtime.GC()
	return first
}

// said counts the words that the store still tells in any way.
func (h *harness) said(words []string) int {
	h.Helper()
	var b strings.Builder
	for v, err := range h.All(h.ctx, nil, 0) {
		if err != nil {
			h.Fatal(err)
		}
		b.Write(v.Body)
	}
	list, err := h.History(h.ctx, store.HistoryFilter{Count: 10_000})
	if err != nil {
		h.Fatal(err)
	}
	for _, v := range list {
		b.Write(v.Body)
	}
	leaves, err := h.Leaves(h.ctx, store.LeafFilter{})
	if err != nil {
		h.Fatal(err)
	}
	for _, l := range leaves {
		fmt.Fprintln(&b, l.Leaf.Query, l.Leaf.Reason, l.Leaf.Name)
	}
	commits, err := h.Commits(h.ctx, 0, 10_000)
	if err != nil {
		h.Fatal(err)
	}
	for _, c := range commits {
		b.Write(c.Leaf)
	}
	if _, err := h.AllItems(h.ctx, func(it store.Item) error {
		fmt.Fprintln(&b, it.Key, it.Owner, string(it.Value))
		return nil
	}); err != nil {
		h.Fatal(err)
	}
	text, n := b.String(), 0
	for _, w := range words {
		if strings.Contains(text, w) {
			n++
		}
	}
	return n
}

// bystander returns all that is known of the other patient, as text.
func (h *harness) bystander() string {
	h.Helper()
	var b bytes.Buffer
	for v, err := range h.Compartment(h.ctx, "bystander", nil, 0) {
		if err != nil {
			h.Fatal(err)
		}
		fmt.Fprintln(&b, v.Type, v.ID, v.Version, v.T, string(v.Body))
	}
	it, err := h.Item(h.ctx, "draft", "by")
	if err != nil {
		h.Fatal(err)
	}
	fmt.Fprintln(&b, string(it.Value))
	for _, w := range []search.Expr{code("shared"), search.Token{Param: "code", Text: true, Value: "shared by all"}, search.Quantity{Param: "value", Prefix: "eq", Value: 1, Low: 0.5, High: 1.5, Code: "mg", System: "u", HasUnit: true},
		search.Token{Param: "identifier", System: "urn:numbers", HasSystem: true, Code: "77"}} {
		found := h.ids(plan("Observation", search.And{w, search.InPatient{"bystander"}}))
		fmt.Fprintln(&b, found)
		if len(found) == 0 {
			h.Errorf("%+v does not find the other patient's", w)
		}
	}
	return b.String()
}
