package clinic

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/record/safety"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
)

// knows keeps what a safety keeper would have found.
func (h house) knows(s record.Safety) {
	h.t.Helper()
	value, err := json.Marshal(s)
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.site.Gate.As(trust.System("safety"), "safety").Disclose(h.t.Context(), "backup", nil,
		store.ItemWrite{IfVersion: -1, Item: store.Item{Space: record.SpaceSafety, Key: record.KeySafety, Value: value}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// safe is the state of a record that was backed up and proven an hour ago.
func safe() record.Safety {
	backup := record.SafetyRun{Began: noon.Add(-time.Hour), Ended: noon.Add(-time.Hour + 3*time.Second), Made: noon.Add(-time.Hour), T: 4711, Last: noon.Add(-time.Hour), Object: "20261124T110000Z-000000/000001-0000.age", Versions: 812, Bytes: 912_000}
	drill := backup
	drill.Ended, drill.Head = drill.Began.Add(12*time.Second), "osler/x\n4711\nAAAA=\n\n— osler/x signature\n"
	return record.Safety{Place: "s3://clinic-backup", Every: time.Hour, Drills: true, Backup: backup, Kept: backup, Drill: drill, Proof: drill}
}

func TestTheAdministratorSeesWhetherTheRecordIsSafe(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	if a := sam.get("/safety"); a.status != http.StatusOK || !a.says("makes no backups by itself") || !a.says("none yet") {
		t.Errorf("without backups: %d %s", a.status, a.body)
	}
	hand := record.ByHand{Place: "/mnt/shelf/osler", SafetyRun: record.SafetyRun{Began: noon.Add(-time.Minute), Ended: noon.Add(-time.Minute), T: 4242}}
	if err := safety.Note(h.t.Context(), h.site.Gate, hand); err != nil {
		t.Fatal(err)
	}
	if a := sam.get("/safety"); a.says("none yet</") || !a.says("made, up to commit 4242") || !a.says("/mnt/shelf/osler") || !a.says("not verified by this server") || a.says("makes no backups by itself") {
		t.Errorf("after a backup by hand: %s", a.body)
	}
	hand.Ended = noon.Add(-4 * time.Hour)
	if err := safety.Note(h.t.Context(), h.site.Gate, hand); err != nil {
		t.Fatal(err)
	}
	if a := sam.get("/safety"); !a.says("makes no backups by itself") {
		t.Errorf("a backup by hand of hours ago is enough: %s", a.body)
	}
	h.knows(safe())
	a := sam.get("/safety")
	for _, want := range []string{"made, up to commit 4711", "restored and verified", "s3://clinic-backup", "812", "in 12s", "osler/x"} {
		if !a.says(want) {
			t.Errorf("a safe record: %q is not on the page", want)
		}
	}
	if a.says("No backup of the last 24 hours") || a.says("failed") {
		t.Errorf("a safe record gives an alarm: %s", a.body)
	}
	old := safe()
	old.Proof.Made = noon.Add(-25 * time.Hour)
	h.knows(old)
	if a := sam.get("/people"); !a.says("warning") {
		t.Error("an old proof is not in the navigation")
	}
	if a := sam.get("/safety"); !a.says("No backup of the last 24 hours was proven") {
		t.Errorf("an old proof is no alarm: %s", a.body)
	}
	failed := safe()
	failed.Drill.Failed = "20261124T110000Z-000000/000001-0000.age is damaged or cut off."
	h.knows(failed)
	if a := sam.get("/safety"); !a.says("The last restore drill failed") || !a.says("000001-0000.age is damaged") {
		t.Errorf("a failed drill: %s", a.body)
	}
	unmade := safe()
	unmade.Drill.Failed, unmade.Drill.Unmade = "A restore drill needs 650 MB in the data folder, where 91 MB are free.", true
	h.knows(unmade)
	if a := sam.get("/safety"); !a.says("could not be made") || !a.says("91 MB are free") || a.says("begins anew") || a.says("could not be restored") {
		t.Errorf("a drill that could not be made: %s", a.body)
	}
	gone := safe()
	gone.Gone, gone.Noticed = gone.Kept, noon.Add(-time.Hour)
	h.knows(gone)
	if a := sam.get("/people"); !a.says("warning") {
		t.Error("lost backups are not in the navigation")
	}
	if a := sam.get("/safety"); !a.says("Backups are gone from the place") || !a.says(gone.Gone.Object) {
		t.Errorf("a place that has lost its backups: %s", a.body)
	}
	lacking := safe()
	lacking.Kept.Lost = 2
	h.knows(lacking)
	if a := sam.get("/people"); !a.says("warning") {
		t.Error("a backup that lacks contents is not in the navigation")
	}
	if a := sam.get("/safety"); !a.says("the last backup lacks, because the record had lost them: 2.") {
		t.Errorf("a backup that lacks contents: %s", a.body)
	}
	// A server without --backup-to does not look as if it made those of before: at first another may, and then
	// nobody does.
	elsewhere := safe()
	h.knows(elsewhere)
	if a := sam.get("/safety"); !a.says("every 1h, encrypted, not by this server") || a.says("makes no backups by itself") {
		t.Errorf("backups of another server: %s", a.body)
	}
	elsewhere.Kept.Ended, elsewhere.Proof.Made = noon.Add(-30*time.Hour), noon.Add(-30*time.Hour)
	h.knows(elsewhere)
	if a := sam.get("/safety"); !a.says("makes no backups by itself") || !a.says("this server makes none") || !a.says("the last ones went to") || a.says("is older than it should be") {
		t.Errorf("a place of backups of before: %s", a.body)
	}
	h.site.Gate.BacksUp()
	if a := sam.get("/safety"); !a.says("is older than it should be") || a.says("this server makes none") {
		t.Errorf("backups that are late: %s", a.body)
	}
	late := safe()
	late.Backup.Failed = "The shelf is full."
	h.knows(late)
	if a := sam.get("/safety"); !a.says("The last backup failed") || !a.says("The shelf is full.") {
		t.Errorf("a failed backup: %s", a.body)
	}
	if a := sam.post("/safety"); a.status != http.StatusBadRequest || a.says("Back up now") {
		t.Errorf("a backup where there are none: %d", a.status)
	}
	asked := 0
	h.site.BackUp = func() { asked++ }
	if a := sam.post("/safety"); a.path != "/safety" || asked != 1 || !a.says("were begun") || !a.says("Back up now") {
		t.Errorf("a backup that is asked for: %d %s, asked %d times", a.status, a.path, asked)
	}
	ines, _ := h.enters("ines")
	if a := ines.get("/safety"); a.status != http.StatusOK || a.says("Back up now") {
		t.Errorf("the auditor: %d", a.status)
	}
	if a := ines.post("/safety"); a.status != http.StatusForbidden || asked != 1 {
		t.Errorf("the auditor asks for a backup: %d", a.status)
	}
	anna, _ := h.enters("anna")
	if a := anna.get("/safety"); a.status != http.StatusForbidden {
		t.Errorf("a physician opens it: %d", a.status)
	}
}

// losesAScan removes the file of a letter in maria's chart, and returns its name.
func (h house) losesAScan() string {
	h.t.Helper()
	h.commit(trust.System("import"), `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/maria"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+strings.Repeat("AAAA", 50_000)+`"}}]}`)
	list, err := filepath.Glob(filepath.Join(h.files, "??", "*"))
	if err != nil || len(list) == 0 || os.Remove(list[0]) != nil {
		h.t.Fatal(list, err)
	}
	if _, err := h.site.Gate.SweepContents(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return filepath.Base(list[0])
}

// TestALostScanIsOnThePageBeforeABackupMeetsIt: with its file, and with what to do.
func TestALostScanIsOnThePageBeforeABackupMeetsIt(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	h.knows(safe())
	if a := sam.get("/safety"); a.says("missing or damaged") {
		t.Errorf("nothing is lost: %s", a.body)
	}
	file := h.losesAScan()
	if a := sam.get("/people"); !a.says("warning") {
		t.Error("a lost scan is not in the navigation")
	}
	if a := sam.get("/safety"); !a.says("content is missing or damaged: 1.") || !a.says(file) || !a.says("contents/ in the place of any backup") {
		t.Errorf("a lost scan: %s", a.body)
	}
}

func TestSafetyPageInABrowser(t *testing.T) {
	h := officeHouse(t)
	h.site.BackUp = func() {}
	h.site.Gate.BacksUp()
	b := webtest.Start(t)
	for _, look := range []webtest.View{webtest.Desktop, webtest.Phone} {
		p := b.Open(h.url+"/sign-in", look)
		p.SignIn(h.url, "sam", phrase)
		for i, state := range []func() record.Safety{
			func() record.Safety { return record.Safety{} },
			safe,
			func() record.Safety {
				s := safe()
				s.Drill.Failed = "20261124T110000Z-000000/000001-0000.age is damaged or cut off."
				s.Kept.Lost = 2
				if look == webtest.Desktop {
					h.losesAScan()
				}
				scanner, err := malware.Open(false, "unix:/nonexistent/clamd.ctl")
				if err != nil {
					t.Fatal(err)
				}
				_ = scanner.Check(t.Context(), strings.NewReader("nobody looks at it"))
				h.site.Gate.ScanFiles(scanner)
				return s
			},
		} {
			if h.knows(state()); i == 0 {
				hand := record.ByHand{Place: "/mnt/shelf/osler", SafetyRun: record.SafetyRun{Began: noon.Add(-time.Minute), Ended: noon.Add(-time.Minute), T: 4242}}
				if err := safety.Note(t.Context(), h.site.Gate, hand); err != nil {
					t.Fatal(err)
				}
			}
			p.Goto(h.url + "/safety")
			p.Check()
			p.Picture("office-safety-" + itoa(int64(i)) + "-" + look.Name)
		}
		p.Click(".um summary")
		p.Submit("form[action='/sign-out'] button")
	}
}

func TestTheAdministratorSeesWhetherFilesAreScanned(t *testing.T) {
	h := officeHouse(t)
	sam, _ := h.enters("sam")
	if a := sam.get("/safety"); !a.says("Files are not scanned: no scanner is set up") {
		t.Errorf("without a scanner: %d", a.status)
	}
	s, err := malware.Open(false, "unix:/nonexistent/clamd.ctl")
	if err != nil {
		t.Fatal(err)
	}
	h.site.Gate.ScanFiles(s)
	if a := sam.get("/safety"); a.says("not scanned") || !a.says("each file is scanned") || !a.says("clamd at /nonexistent/clamd.ctl") {
		t.Errorf("with a scanner: %d", a.status)
	}
	anna := h.signedIn("anna")
	a := anna.file("/p/maria/documents", pdf(1, 100_000))
	if a.status != http.StatusServiceUnavailable || !a.says("could not check this file, so it was not stored") {
		t.Errorf("a file that nobody checked: %d %.500s", a.status, tags.ReplaceAllString(a.body, " "))
	}
	if a := sam.get("/safety"); !a.says("not answering: no file is stored") || !a.says("1 could not be checked") {
		t.Errorf("a scanner that does not answer: %d", a.status)
	}
}
