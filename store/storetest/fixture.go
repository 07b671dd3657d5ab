package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
)

// Fill stores what the record of a fixture holds: versions that were superseded, deleted and moved
// to another patient, values of every kind of search, items small and large, and a patient whose keys
// were destroyed.
func Fill(ctx context.Context, s store.Store) error {
	commit := func(set store.Changeset) error {
		set.Leaf = leaf()
		for _, w := range set.Writes {
			set.Leaf.Patients = append(set.Leaf.Patients, w.Patient)
		}
		_, err := s.Commit(ctx, set)
		return err
	}
	for i := range 3 {
		p := patient(fmt.Sprint("p", i), 1, fmt.Sprint("family", i))
		p.Index = append(p.Index, search.Entry{Param: "identifier", Kind: search.KindToken, Identifier: true, System: "urn:numbers", Code: fmt.Sprint(70 + i)})
		if err := commit(store.Changeset{Writes: []store.Write{p}}); err != nil {
			return err
		}
	}
	for i := range 9 {
		w := observation(fmt.Sprint("o", i), fmt.Sprint("p", i%3), 1, fmt.Sprint("c", i%4), i)
		w.Index = append(w.Index, search.Entry{Param: "value", Kind: search.KindQuantity, Value: float64(i), ValueLow: float64(i) - 0.5, ValueHigh: float64(i) + 0.5, System: "u", Code: "mg"},
			search.Entry{Param: "profile", Kind: search.KindURI, URL: fmt.Sprint("urn:profile:", i%2)},
			search.Entry{Param: "both", Kind: search.KindComposite, Group: []search.Entry{{Param: "0", Kind: search.KindToken, Code: fmt.Sprint("c", i%4)}, {Param: "1", Kind: search.KindQuantity, Value: float64(i), ValueLow: float64(i), ValueHigh: float64(i), System: "u", Code: "mg"}}})
		if err := commit(store.Changeset{Writes: []store.Write{w}}); err != nil {
			return err
		}
	}
	for _, w := range []store.Write{observation("o3", "p0", 2, "new", 20), deletion("Observation", "o4", "p1", 2), observation("o5", "p0", 2, "moved", 21)} {
		if err := commit(store.Changeset{Writes: []store.Write{w}}); err != nil {
			return err
		}
	}
	if err := commit(store.Changeset{Key: "once", Items: []store.ItemWrite{
		{Item: store.Item{Space: "draft", Key: "a", Owner: "x", Value: []byte("one")}},
		{Item: store.Item{Space: "draft", Key: "b", Owner: "x", Value: make([]byte, 9000)}},
	}}); err != nil {
		return err
	}
	if err := commit(store.Changeset{Writes: []store.Write{patient("gone", 1, "Zanzibar")}}); err != nil {
		return err
	}
	if _, err := s.Shred(ctx, "gone", ShredLeaf("gone")); err != nil {
		return err
	}
	return nil
}

// Canonical writes everything that a store holds, so that two stores, or one before and after a
// change, can be compared.
func Canonical(ctx context.Context, s store.Store) (string, error) {
	var b strings.Builder
	now, err := s.Now(ctx)
	if err != nil {
		return "", err
	}
	for after := store.T(0); after < now; {
		versions, upTo, err := s.Changes(ctx, after, 1000)
		if err != nil || upTo == after {
			return "", fmt.Errorf("changes after %d: %d, %w", after, upTo, err)
		}
		for _, v := range versions {
			fmt.Fprintf(&b, "%d %s/%s %d %s %q deleted=%v %x\n", v.T, v.Type, v.ID, v.Version, v.Updated.Format("2006-01-02T15:04:05.000Z"), v.Patient, v.Deleted, sha256.Sum256(v.Body))
		}
		after = upTo
	}
	for v, err := range s.All(ctx, nil, 0) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "current %s/%s %d\n", v.Type, v.ID, v.Version)
	}
	items, err := s.Items(ctx, "draft", "")
	if err != nil {
		return "", err
	}
	for _, it := range items {
		fmt.Fprintf(&b, "item %s %s %d %x\n", it.Key, it.Owner, it.Version, sha256.Sum256(it.Value))
	}
	leaves, err := s.Leaves(ctx, store.LeafFilter{})
	if err != nil {
		return "", err
	}
	for _, l := range leaves {
		fmt.Fprintf(&b, "leaf %d %x\n", l.Index, sha256.Sum256(l.Leaf.Encode()))
	}
	return b.String(), nil
}

// Searches writes what searches find in a record that was filled, one of every kind of index, in
// pages of four.
func Searches(ctx context.Context, s store.Store) (string, error) {
	var b strings.Builder
	for _, c := range []struct {
		name, of string
		where    search.Expr
	}{
		{"all", "Observation", search.All{}},
		{"code", "Observation", code("c1")},
		{"code of a former version", "Observation", code("c3")},
		{"date", "Observation", search.Date{Param: "date", Prefix: "ge", Low: epoch.AddDate(0, 0, 4).UnixMilli(), High: epoch.AddDate(0, 0, 5).UnixMilli()}},
		{"quantity", "Observation", search.Quantity{Param: "value", Prefix: "gt", Value: 4, Low: 3.5, High: 4.5, Code: "mg", System: "u", HasUnit: true}},
		{"uri", "Observation", search.URI{Param: "profile", Value: "urn:profile:1"}},
		{"reference", "Observation", search.Reference{Param: "subject", Type: "Patient", ID: "p0"}},
		{"chart", "Observation", search.InPatient{"p2"}},
		{"name", "Patient", search.Text{Param: "family", Value: "family"}},
		{"identifier", "Patient", search.Token{Param: "identifier", System: "urn:numbers", HasSystem: true, Code: "71"}},
	} {
		p := store.NewPlan(search.Query{Type: c.of, Where: c.where, Count: 4, Total: search.TotalAccurate}, all)
		fmt.Fprintf(&b, "%s:", c.name)
		for {
			page, err := s.Search(ctx, p)
			if err != nil {
				return "", fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(&b, " %d %v", page.Total, idsOf(page.Matches))
			if page.Next == nil {
				break
			}
			p.After = page.Next
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}
