// Package storetest is the suite that every store passes: versions and preconditions,
// audit leaves, visibility, snapshots, paging while others write, items, and the agreement
// of searches with search.Match on generated records.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB, dir string) store.Store { … })
//	}
package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// Opener opens the store that is kept in dir, and makes it when there is none. The suite
// closes it; the time of its clock does not matter.
type Opener func(t testing.TB, dir string) store.Store

// InBrief names a part of SearchAgreesWithMatch, which runs when it is named only.
const InBrief = "SearchAgreesInBrief"

// Run runs the suite, or of it the tests that are named.
func Run(t *testing.T, open Opener, only ...string) {
	for _, c := range []struct {
		name string
		test func(*harness)
	}{
		{"VersionsFollowEachOther", versionsFollowEachOther},
		{"StaleWriteIsRefused", staleWriteIsRefused},
		{"ChangesetIsAtomic", changesetIsAtomic},
		{"LeafIsRequiredAndComplete", leafIsRequired},
		{"LeavesAreFound", leavesAreFound},
		{"LeavesAreFoundInBlocks", leavesAreFoundInBlocks},
		{"PlanWithoutVisibilityIsRefused", planWithoutVisibility},
		{"VisibilityHoldsEverywhere", visibilityHolds},
		{"ChartUnchangedSince", chartUnchanged},
		{"ConditionalCreateHappensOnce", conditionalCreate},
		{"KeyMakesACommitOnce", keyMakesOnce},
		{"ResourceMovesBetweenCompartments", resourceMoves},
		{"PagesStayWhileOthersWrite", pagesStay},
		{"NamesInPages", namesInPages},
		{"HistoryIsCompleteAndNewestFirst", historyIsComplete},
		{"ChangesAreCompleteAndOldestFirst", changesAreComplete},
		{"TimeMapsToCommits", timeMaps},
		{"ItemsCompareAndSwap", itemsCompareAndSwap},
		{"ItemsExpire", itemsExpire},
		{"ShredLeavesNothing", shredLeavesNothing},
		{"RotateKeys", rotateKeys},
		{"IncludesAreLimited", includesAreLimited},
		{"PagesAreLimitedInBytes", pagesAreLimitedInBytes},
		{"IncludesIterate", includesIterate},
		{"LongListsOfCodes", longCodeLists},
		{"HierarchiesOfReferences", lineages},
		{"IndexedAgain", indexedAgain},
		{"TypesThatWereNeverStored", unknownTypes},
		{"EveryCharacterIsKept", everyCharacter},
		{"NextTokenIsOpaque", nextIsOpaque},
		{"EverythingIsThereAfterReopening", reopening},
		{"SearchAgreesWithMatch", searchAgrees},
		{InBrief, searchAgreesInBrief},
		{"URLsAgreeWithMatch", urlsAgree},
		{"PanicsPass", panicsPass},
		{"VerifyFindsNothingWrong", verifyIsClean},
	} {
		if len(only) > 0 && !slices.Contains(only, c.name) || len(only) == 0 && c.name == InBrief {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := &harness{T: t, open: open, dir: dir, Store: open(t, dir), ctx: context.Background()}
			t.Cleanup(func() { h.Store.Close() })
			c.test(h)
		})
	}
}

// harness is one test's store with shorthands.
type harness struct {
	*testing.T
	store.Store
	open Opener
	dir  string
	ctx  context.Context
}

var epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func all(string) search.Expr { return search.All{} }

// observation is a version of an Observation with a code and a day.
func observation(id, patient string, version int64, code string, day int) store.Write {
	at := epoch.AddDate(0, 0, day)
	w := store.Write{
		Type: "Observation", ID: id, Patient: patient, Version: version, Updated: at,
		Body: fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"meta":{"versionId":"%d"},"code":%q}`, id, version, code),
		Index: []search.Entry{
			{Param: "code", Kind: search.KindToken, System: "http://loinc.org", Code: code},
			{Param: "date", Kind: search.KindDate, Low: at.UnixMilli(), High: at.UnixMilli() + 1000},
		},
	}
	if patient != "" {
		w.Index = append(w.Index, search.Entry{Param: "subject", Kind: search.KindReference, RefType: "Patient", RefID: patient})
	}
	return w
}

func patient(id string, version int64, family string) store.Write {
	return store.Write{
		Type: "Patient", ID: id, Patient: id, Version: version, Updated: epoch,
		Body:  fmt.Appendf(nil, `{"resourceType":"Patient","id":%q,"name":[{"family":%q}]}`, id, family),
		Index: []search.Entry{{Param: "family", Kind: search.KindString, Norm: family, Exact: family}},
	}
}

func deletion(resourceType, id, patient string, version int64) store.Write {
	return store.Write{Type: resourceType, ID: id, Patient: patient, Version: version, Updated: epoch, Deleted: true}
}

func leaf() *ledger.Leaf {
	return &ledger.Leaf{Time: epoch, Actor: "nurse-1", Name: "Nurse", Role: "nurse", Action: ledger.Update}
}

// commit stores writes and returns the T.
func (h *harness) commit(writes ...store.Write) store.T {
	h.Helper()
	r, err := h.Commit(h.ctx, store.Changeset{Writes: writes, Leaf: leaf()})
	if err != nil {
		h.Fatalf("commit: %v", err)
	}
	return r.T
}

// ids returns the ids of a search's first page.
func (h *harness) ids(p store.Plan) []string {
	h.Helper()
	page, err := h.Search(h.ctx, p)
	if err != nil {
		h.Fatalf("search: %v", err)
	}
	return idsOf(page.Matches)
}

func idsOf(versions []store.Version) []string {
	out := []string{}
	for _, v := range versions {
		out = append(out, v.ID)
	}
	return out
}

func plan(resourceType string, where search.Expr) store.Plan {
	return store.NewPlan(search.Query{Type: resourceType, Where: where, Count: 1000}, all)
}

func code(c string) search.Token {
	return search.Token{Param: "code", System: "http://loinc.org", HasSystem: true, Code: c}
}
