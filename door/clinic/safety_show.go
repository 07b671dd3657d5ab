package clinic

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// safetyView is what is known of the record's backups, at a moment.
type safetyView struct {
	record.Safety
	Worry    record.Worry
	Makes    bool // backups are made by themselves, by this server or another
	MayAsk   bool
	MayKeys  bool
	Scanning malware.State
}

// safetyShow shows whether the record could be restored.
func safetyShow(w http.ResponseWriter, r *web.Request) error {
	s, err := r.Actor.Safety(r.Context())
	if err != nil {
		return err
	}
	administrator := r.Principal().Role == trust.Administrator
	v := safetyView{Safety: s, Worry: s.Worry(r.Now()), Makes: s.Makes(r.Now()), MayAsk: administrator && r.Site.BackUp != nil, MayKeys: administrator, Scanning: r.Site.Gate.Scanning()}
	return web.Page(w, r, ui.Page{Title: r.Lang.T("Safety"), Active: "/safety", Sheets: []string{"office.css"}}, safetyPage(v))
}

// safetyBackUp begins a backup and a drill that would come by themselves later.
func safetyBackUp(w http.ResponseWriter, r *web.Request) error {
	if r.Site.BackUp == nil {
		return fault.New(fault.NotSupported, "This server makes no backups by itself.")
	}
	r.Site.BackUp()
	r.Say(r.Lang.T("A backup and a restore drill were begun. Look here again in a moment."), "")
	return web.Redirect(w, r, "/safety")
}

// worryWords says what is wrong and what to do; "" when nothing is.
func worryWords(ctx context.Context, v safetyView) string {
	switch v.Worry {
	case record.NoBackups:
		return ui.T(ctx, "This server makes no backups by itself. Start it with --backup-to and --backup-recipient, or see to it that “osler backup” runs every hour.")
	case record.BackupFailed:
		if v.Backup.Failed == "" {
			return ui.T(ctx, "The last backup is older than it should be. Tell whoever is responsible for the machine.")
		}
		return ui.T(ctx, "The last backup failed. It is tried again by itself; if it keeps failing, tell whoever is responsible for the machine.")
	case record.NothingProven:
		return ui.T(ctx, "No backup of the last 24 hours was proven by a restore drill. A drill runs by itself once a day; if this does not go away, tell whoever is responsible for the machine.")
	case record.DrillFailed:
		return ui.T(ctx, "The last restore drill failed: the newest backup could not be restored. The next backup begins anew. Tell whoever is responsible for the machine.")
	case record.DrillUnmade:
		return ui.T(ctx, "The last restore drill could not be made. That says nothing of the backups, which are kept. It is tried again by itself; if it keeps failing, tell whoever is responsible for the machine.")
	case record.BackupsGone:
		return ui.T(ctx, "Backups are gone from the place: the last one there is not there any more. Is another disk mounted, or none? The record is backed up anew, and that is proven at once. Tell whoever is responsible for the machine.")
	case record.NotStoring:
		return ui.T(ctx, "The record takes no changes now: %s", v.Trouble)
	case record.ContentsLost:
		return lostWords(ctx, v.Safety)
	}
	return ""
}

// lostShown is how many lost files are named.
const lostShown = 20

// lostWords says what contents are lost, of the record or of its last backup.
func lostWords(ctx context.Context, s record.Safety) string {
	if len(s.Missing) == 0 {
		return ui.T(ctx, "Contents of attachments that the last backup lacks, because the record had lost them: %d. Back up again when they are back.", s.Lacking())
	}
	return ui.T(ctx, "Attachments of the record whose content is missing or damaged: %d. They have to come back from a backup.", len(s.Missing))
}

// runTag is how a backup or drill ended.
func runTag(ctx context.Context, run record.SafetyRun, never, good string) (tone ui.Tone, icon, text string) {
	switch {
	case run.Began.IsZero():
		return ui.Caution, "q", never
	case run.Ended.IsZero():
		return ui.Plain, "clock", ui.T(ctx, "under way")
	case run.Interrupted:
		return ui.Caution, "stop", ui.T(ctx, "interrupted")
	case run.Failed != "":
		return ui.Critical, "stop", ui.T(ctx, "failed")
	}
	return ui.Good, "shield", good
}

// often is how often backups are made: "1h", not "1h0m0s".
func often(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// took is how long a run was at it.
func took(run record.SafetyRun) string {
	return run.Ended.Sub(run.Began).Round(100 * time.Millisecond).String()
}
