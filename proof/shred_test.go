package proof

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/seal"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/archive"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/store/postgres"
	"github.com/osler-emr/osler/store/postgres/pgtest"
	"github.com/osler-emr/osler/store/sqlite"
	"github.com/osler-emr/osler/store/storetest"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/minor"
	"github.com/osler-emr/osler/trust/unusual"
)

// both runs a test on each kind of store.
func both(t *testing.T, test func(t *testing.T, w *world)) {
	for name, open := range map[string]func(*world) (store.Store, error){
		"SQLite": func(w *world) (store.Store, error) {
			return sqlite.Open(t.Context(), w.data, sqlite.Options{Keyring: w.ring, Clock: w.clock})
		},
		"PostgreSQL": func(w *world) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t), Dir: w.data, Keyring: w.ring, Clock: w.clock, Careless: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, data: t.TempDir(), backups: t.TempDir(), clock: clock.NewManual(noon)}
			var err error
			if w.ring, err = seal.OpenKeyring(w.data, seal.KeyFile(filepath.Join(w.data, "master.key"))); err != nil {
				t.Fatal(err)
			}
			if w.lean, err = open(w); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := w.lean.Close(); err != nil {
					t.Error(err)
				}
			})
			if w.contents, err = bucket.Open(filepath.Join(w.data, "contents")); err != nil {
				t.Fatal(err)
			}
			if w.place, err = bucket.Open(w.backups); err != nil {
				t.Fatal(err)
			}
			if w.id, err = age.GenerateX25519Identity(); err != nil {
				t.Fatal(err)
			}
			w.gate = record.Open(record.WithContents(w.lean, blob.New(w.contents, w.ring.Key("content"))), w.clock)
			if err := w.gate.Found(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, w)
		})
	}
}

// world is a record with its backups, and somebody who has got hold of all of it: the folders, the
// record's key, the identity that opens the backups.
type world struct {
	t               *testing.T
	data, backups   string
	clock           *clock.Manual
	ring            seal.Keyring
	lean            store.Store
	gate            *record.Gate
	contents, place bucket.Bucket
	id              *age.X25519Identity
}

func (w *world) as(role trust.Role) *record.Actor {
	return w.gate.As(trust.Principal{ID: "acc-" + string(role), Name: string(role), Role: role}, "clinic")
}

func (w *world) put(body string) {
	w.t.Helper()
	r, err := fhir.Parse([]byte(body))
	if err == nil {
		_, err = w.as(trust.Physician).Commit(w.t.Context(), record.Change{Put: []record.Put{{Resource: r}}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// shred has two people destroy a patient's data.
func (w *world) shred(patient string) {
	w.t.Helper()
	_, err := w.as(trust.Administrator).AskToShred(w.t.Context(), patient, "retention ended")
	if err == nil {
		err = w.as(trust.Records).Shred(w.t.Context(), patient)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) backup() {
	w.t.Helper()
	lock, err := archive.Recipients(w.id.Recipient().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.clock.Advance(time.Hour)
	if _, err := (archive.Backup{Store: w.lean, Keys: w.ring, Contents: w.contents, To: w.place, Lock: lock, Clock: w.clock}).Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// files returns what lies below a folder.
func files(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

func said(text []byte, words []string) (n int) {
	for _, w := range words {
		if bytes.Contains(text, []byte(w)) {
			n++
		}
	}
	return n
}

// told returns all that a record tells: current and former versions, items, the audit log, and the
// contents that are named anywhere in it, from a place.
func (w *world) told(s store.Store, blobs *blob.Store) []byte {
	w.t.Helper()
	ctx := w.t.Context()
	var all bytes.Buffer
	list, err := s.History(ctx, store.HistoryFilter{Count: 100_000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range list {
		all.Write(v.Body)
		all.WriteByte('\n')
	}
	if _, err := s.AllItems(ctx, func(it store.Item) error {
		fmt.Fprintln(&all, it.Space, it.Key, it.Owner, string(it.Value))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	leaves, err := s.Leaves(ctx, store.LeafFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range leaves {
		fmt.Fprintln(&all, l.Leaf.Query, l.Leaf.Reason, l.Leaf.Name)
	}
	for _, m := range regexp.MustCompile(`([0-9a-f]{64})/([0-9]+)(?:/([A-Za-z0-9_-]{43}))?`).FindAllSubmatch(all.Bytes(), -1) {
		size, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil {
			w.t.Fatal(err)
		}
		f, err := blobs.Open(ctx, blob.Content{Hash: string(m[1]), Size: size, Key: string(m[3])})
		if err != nil {
			continue
		}
		if _, err := all.ReadFrom(f); err != nil {
			w.t.Error(err)
		}
		f.Close()
	}
	return all.Bytes()
}

// restored restores the newest backup as of a commit and returns what it tells, with the contents
// that lie beside the backups.
func (w *world) restored(at store.T) []byte {
	w.t.Helper()
	keys, err := archive.Identities(strings.NewReader(w.id.String()))
	if err != nil {
		w.t.Fatal(err)
	}
	var s *sqlite.Store
	_, err = archive.Restore{From: w.place, Keys: keys, At: at, Read: true, Extract: func(string, []byte) ([]search.Entry, error) { return nil, nil },
		Open: func(ctx context.Context, origin string, ring seal.Keyring) (store.Moving, error) {
			var err error
			s, err = sqlite.Open(ctx, w.t.TempDir(), sqlite.Options{Keyring: ring, Clock: clock.System{}, Origin: origin})
			return s, err
		}}.Run(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Verify(w.t.Context(), func(p string) { w.t.Errorf("restored as of %d: %s", at, p) }); err != nil {
		w.t.Error(err)
	}
	beside, err := bucket.Open(filepath.Join(w.backups, "contents"))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.told(s, blob.New(beside, w.ring.Key("content")))
}

// Attachments of every size, in resources and streamed, cannot be read any more when their patient
// is shredded: not in the folder of contents, not in copies of its files that lie beside the
// backups, with the record's key and all that is restored from backups of before the shred.
func TestShreddedAttachmentsAreReadableNowhere(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		var words []string
		scan := func(patient string, size int) []byte {
			word := fmt.Sprintf("Canary%sScan%07d", patient, size)
			if patient == "rosa" {
				words = append(words, word)
			}
			return bytes.Repeat([]byte(word+" lies here. "), size/len(word)+1)[:size]
		}
		for _, patient := range []string{"rosa", "sam"} {
			w.put(`{"resourceType":"Patient","id":"` + patient + `","name":[{"family":"F"}],"photo":[{"contentType":"image/png","data":"` +
				base64.StdEncoding.EncodeToString(scan(patient, 90_001)) + `"}]}`)
			for _, size := range []int{100, 5_000, 49_151, 49_153, 200_000, 3_000_000} {
				w.put(`{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/` + patient + `"},"content":[{"attachment":{"contentType":"application/pdf","data":"` +
					base64.StdEncoding.EncodeToString(scan(patient, size)) + `"}}]}`)
			}
			for _, size := range []int{10, 60_000, 5_000_000} {
				a := w.as(trust.Physician)
				kept, err := a.Keep(t.Context(), bytes.NewReader(scan(patient, max(size, 40))), 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				r, err := fhir.Parse([]byte(`{"resourceType":"Binary","contentType":"image/png","securityContext":{"reference":"Patient/` + patient + `"}}`))
				if err == nil {
					_, err = a.Commit(t.Context(), record.Change{Put: []record.Put{{Resource: r, Content: &kept}}})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		w.backup()
		before, err := w.lean.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		here := blob.New(w.contents, w.ring.Key("content"))
		large := 7 // that lie outside of their resources
		if n, m := said(w.told(w.lean, here), words), said(w.restored(0), words); n < large || m != n {
			t.Fatalf("before the shred, %d of %d canaries are told, and %d come back from the backup", n, len(words), m)
		}
		w.shred("rosa")
		w.backup()
		if n := said(w.told(w.lean, here), words); n > 0 {
			t.Errorf("%d canaries are told after the shred", n)
		}
		for _, at := range []store.T{0, before} {
			text := w.restored(at)
			if n := said(text, words); n > 0 {
				t.Errorf("%d canaries come back as of %d", n, at)
			}
			if !bytes.Contains(text, []byte("CanarysamScan5000000")) {
				t.Errorf("as of %d, the other patient's are gone too", at)
			}
		}
		for _, folder := range []string{w.data, w.backups} {
			for path, content := range files(t, folder) {
				if n := said(content, words); n > 0 {
					t.Errorf("%d canaries in clear in %s", n, path)
				}
			}
		}
		whole := record.WithContents(w.lean, here)
		if _, err := whole.Verify(t.Context(), func(p string) { t.Error(p) }); err != nil {
			t.Error(err)
		}
	})
}

// What is kept beside the resources about a patient goes with the patient's keys: drafts and those
// that a change has dropped, emergency accesses and their reviews, holds, proxies, accounts and where
// they signed in, notes on unusual access, reports of background work. Nothing of it comes back from
// a backup of before the shred.
func TestShreddedItemsAreReadableNowhere(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var words []string
		word := func(place string) string {
			words = append(words, "Canary"+place+"Words")
			return words[len(words)-1] + " stand here"
		}
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, patient := range []string{"rosa", "sam"} {
			w.put(`{"resourceType":"Patient","id":"` + patient + `","birthDate":"2020-01-01","name":[{"family":"F"}]}`)
		}
		doctor := w.as(trust.Physician)
		_, err := doctor.SaveDraft(ctx, "note/rosa/v1", []byte(`{"text":"`+word("Draft")+`"}`), 0)
		check(err)
		_, err = doctor.SaveDraft(ctx, "note/rosa/v2", []byte(`{"text":"`+word("Dropped")+`"}`), 0)
		check(err)
		n, err := fhir.Parse([]byte(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient/rosa"}}`))
		check(err)
		_, err = doctor.Commit(ctx, record.Change{Put: []record.Put{{Resource: n}}, Drop: "note/rosa/v2", Key: "once"})
		check(err)
		finding := unusual.Finding{Rule: unusual.Unrelated, Actor: "somebody", Patient: "rosa", Day: "2026-11-24"}
		finding.ID = finding.Key()
		check(w.as(trust.Auditor).ReviewUnusual(ctx, finding, word("Review")))

		accounts := identity.Open(w.lean, w.clock, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true})
		system := trust.System("test")
		make := func(user, name string, role trust.Role, patient string) identity.Account {
			t.Helper()
			a, err := accounts.Create(ctx, system, identity.Draft{User: user, Name: name, Role: role, Patient: patient, Practitioner: map[bool]string{true: "pr-" + user}[role == trust.Physician], Password: "seven quiet rivers run"})
			check(err)
			return a
		}
		rosa := make("rosa", word("Account"), trust.Patient, "rosa")
		_, _, err = accounts.SignInAs(ctx, system, "rosa", identity.Place{Address: "192.0.2.1", Device: word("Device")})
		check(err)
		_, err = accounts.IssueToken(ctx, system, rosa.ID, []string{"patient/*.rs"}, time.Hour)
		check(err)
		mother := make("mother", word("Mother"), trust.Patient, "sam") // whose own record is another's
		_, err = accounts.GrantProxy(ctx, system, identity.ProxyDraft{Account: mother.ID, Patient: "rosa", Related: "r1", Kind: identity.Parent, Level: minor.Full})
		check(err)
		amara := identity.Principal(make("amara", "Dr Amara", trust.Physician, ""), identity.Session{ID: "s"})
		glass, err := accounts.BreakGlass(ctx, amara, identity.GlassRequest{Patient: "rosa", Reason: identity.GlassEmergency, Text: word("Glass"), Password: "seven quiet rivers run"})
		check(err)
		_, err = accounts.ReviewGlass(ctx, w.as(trust.Auditor).Principal(), glass.ID, identity.GlassAppropriate, word("Outcome"))
		check(err)
		records := w.as(trust.Records).Principal()
		_, err = accounts.PlaceHold(ctx, records, "rosa", word("Hold"))
		check(err)
		_, err = w.lean.Commit(ctx, store.Changeset{Leaf: &ledger.Leaf{Action: ledger.Keep, Actor: "test"}, Items: []store.ItemWrite{{IfVersion: -1,
			Item: store.Item{Space: store.SpaceJob, Key: "j", Owner: "ann", Value: []byte(word("Report"))}}}})
		check(err)
		storetest.Concerning(t, w.lean)
		here := blob.New(w.contents, w.ring.Key("content"))
		keeps := func(text []byte) (told []string) {
			for _, c := range words {
				if bytes.Contains(text, []byte(c)) && c != "CanaryMotherWords" { // who lives on under another record
					told = append(told, c)
				}
			}
			return told
		}
		if told := keeps(w.told(w.lean, here)); len(told) != len(words)-1 {
			t.Fatalf("before the shred, of %v only %v are told", words, told)
		}
		w.backup()
		before, err := w.lean.Now(ctx)
		check(err)
		if n := said(w.restored(0), words); n < len(words)-3 { // the report is in no backup; the time of what was dropped, and of the session, is over
			t.Fatalf("%d of %d canaries come back from the backup", n, len(words))
		}
		check(accounts.LiftHold(ctx, records, "rosa", "settled"))
		w.shred("rosa")
		w.backup()
		if n := keeps(w.told(w.lean, here)); len(n) > 0 {
			t.Errorf("after the shred the record tells %v", n)
		}
		for _, at := range []store.T{0, before} {
			if n := keeps(w.restored(at)); len(n) > 0 {
				t.Errorf("as of %d come back %v", at, n)
			}
		}
		if _, err := accounts.Proxies(ctx, mother.ID); err != nil {
			t.Errorf("the proxies of who lives on: %v", err)
		}
	})
}
