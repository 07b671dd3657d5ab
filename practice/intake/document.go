package intake

import (
	"context"
	"io"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
)

// MaxFile is the largest file that a patient sends, in bytes.
const MaxFile = 50 << 20

// Letter is a photo or a paper that a patient sends to the care team.
type Letter struct {
	About string // in the patient's words
	File  io.Reader
	Limit int64  // bytes; 0 is MaxFile
	Key   string // idempotency key of the form
}

// Send files a photo or a paper in the record of the patient behind the actor, as preliminary,
// and asks the patient's physician to look at it.
func Send(ctx context.Context, actor *record.Actor, l Letter) (record.Result, error) {
	patient := actor.Principal().Patient
	if patient == "" {
		return record.Result{}, fault.New(fault.Forbidden, "Only patients send their own photos and papers.")
	}
	about := strings.Join(strings.Fields(l.About), " ")
	if about == "" {
		return record.Result{}, fault.New(fault.Invalid, "Write in a few words what it is.").At("title")
	}
	who, err := actor.Read(ctx, "Patient", patient)
	if err != nil {
		return record.Result{}, err
	}
	limit := int64(MaxFile)
	if l.Limit > 0 {
		limit = min(limit, l.Limit)
	}
	change, err := chart.FileDocument(ctx, actor, chart.DocumentDraft{Patient: patient, Title: about, File: l.File, Limit: limit, Key: l.Key})
	if err != nil {
		return record.Result{}, err
	}
	t := task.Task{Kind: task.FollowUp, Patient: patient, Focus: change.Put[0].Resource.Reference(), Text: "Patient sent a photo or paper, see Documents: " + about}
	t.Owner, _ = strings.CutPrefix(who.Get("generalPractitioner").At(0).Get("reference").Text(), "Practitioner/")
	change.Put, change.What = append(change.Put, task.New(actor, t)), "send document"
	return actor.Commit(ctx, change)
}
