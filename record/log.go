package record

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// LogPart says which part of the audit log leaves the house; the zero value is all of it.
type LogPart struct {
	Patient  string
	From, To time.Time
	// Since is a signed checkpoint that the reader has: the export shows how the log goes on
	// from it.
	Since []byte
}

func (p LogPart) whole() bool { return p.Patient == "" && p.From.IsZero() && p.To.IsZero() }

// logWindow is how many entries are read at once.
const logWindow = 1000

// ExportLog writes the audit log, or a part of it with proofs, in the form of ledger.ExportFormat,
// which anybody verifies without the record. A patient exports what names the own record. Of
// entries that name other patients too, a part about one patient has the hash only.
func (a *Actor) ExportLog(ctx context.Context, w io.Writer, part LogPart) (entries int64, err error) {
	if a.principal.Role == trust.Patient && part.Patient == "" {
		part.Patient = a.principal.Patient
	}
	if err := policy.MayAudit(a.principal, part.Patient); err != nil {
		return 0, a.refused(ctx, err, policy.Search, "AuditEvent", "", "")
	}
	l := a.leaf(ledger.Export, "AuditEvent", part.Patient)
	l.Query = "audit log with proofs"
	if err := a.write(ctx, l); err != nil {
		return 0, err
	}
	note, err := a.gate.store.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	head, err := ledger.ParseCheckpoint(ledger.Text(note))
	if err != nil {
		return 0, err
	}
	h := ledger.ExportHeader{Origin: head.Origin, Key: a.gate.store.PublicKey(), Size: head.Size, Made: a.Now(), Whole: part.whole(), Patient: part.Patient,
		From: day(part.From), To: day(part.To)}
	out, err := ledger.NewExport(w, h)
	if err != nil {
		return 0, err
	}
	x := &logExport{actor: a, part: part, size: head.Size, out: out}
	if err := x.checkpoints(ctx, note); err != nil {
		return 0, err
	}
	if part.Patient != "" {
		return x.ofPatient(ctx)
	}
	return x.ofAll(ctx)
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

type logExport struct {
	actor *Actor
	part  LogPart
	size  int64
	out   *ledger.ExportWriter
	count int64
}

func (x *logExport) checkpoints(ctx context.Context, note []byte) error {
	if err := x.out.Checkpoint(note, nil); err != nil || x.part.Since == nil {
		return err
	}
	since, err := ledger.ParseCheckpoint(ledger.Text(x.part.Since))
	if err != nil {
		return err
	}
	if since.Size < 1 || since.Size > x.size {
		return fault.New(fault.Invalid, "The checkpoint that was kept counts %d entries; the log has %d.", since.Size, x.size)
	}
	if since.Size == x.size {
		return nil
	}
	growth, err := x.actor.gate.store.ProveGrowth(ctx, store.T(since.Size), store.T(x.size))
	if err != nil {
		return err
	}
	return x.out.Checkpoint(x.part.Since, growth)
}

// ofPatient writes what names one patient.
func (x *logExport) ofPatient(ctx context.Context) (int64, error) {
	f := store.LeafFilter{Patient: x.part.Patient, From: x.part.From, To: x.part.To, Before: x.size, Limit: logWindow}
	var all []store.LeafEntry
	for {
		page, err := x.actor.gate.store.Leaves(ctx, f)
		if err != nil {
			return 0, err
		}
		all = append(all, page...)
		if len(page) < logWindow || page[len(page)-1].Index == 0 {
			break
		}
		f.Before = page[len(page)-1].Index
	}
	slices.Reverse(all)
	for _, e := range all {
		if err := x.entry(ctx, e); err != nil {
			return x.count, err
		}
	}
	return x.count, nil
}

// ofAll writes everything, or everything of a time, oldest first.
func (x *logExport) ofAll(ctx context.Context) (int64, error) {
	for low := int64(0); low < x.size; low += logWindow {
		n := min(logWindow, x.size-low)
		page, err := x.actor.gate.store.Leaves(ctx, store.LeafFilter{Before: low + n, Limit: int(n)})
		if err != nil {
			return x.count, err
		}
		slices.Reverse(page)
		for _, e := range page {
			at := e.Leaf.Time
			if !x.part.From.IsZero() && at.Before(x.part.From) || !x.part.To.IsZero() && !at.Before(x.part.To) {
				continue
			}
			if err := x.entry(ctx, e); err != nil {
				return x.count, err
			}
		}
	}
	return x.count, nil
}

func (x *logExport) entry(ctx context.Context, e store.LeafEntry) error {
	x.count++
	if x.part.whole() {
		return x.out.Entry(e.Index, e.Raw, nil)
	}
	proof, err := x.actor.gate.store.ProveLeaf(ctx, e.Index, store.T(x.size))
	if err != nil {
		return err
	}
	if x.part.Patient != "" && !aboutOne(e) {
		return x.out.Other(e.Index, e.Raw, forPatient(e.Leaf, x.part.Patient), proof)
	}
	return x.out.Entry(e.Index, e.Raw, proof)
}

// ProveEntry returns the proof that one entry is in the log, as a file that anybody verifies with
// the log's key (C2SP tlog-proof). A patient gets it for entries that name the own record and
// nobody else's.
func (a *Actor) ProveEntry(ctx context.Context, index int64) ([]byte, error) {
	patient := ""
	if a.principal.Role == trust.Patient {
		patient = a.principal.Patient
	}
	if err := policy.MayAudit(a.principal, patient); err != nil {
		return nil, a.refused(ctx, err, policy.Read, "AuditEvent", "", "")
	}
	missing := fault.New(fault.NotFound, "There is no such entry in the audit log, or you may not see it.")
	found, err := a.gate.store.Leaves(ctx, store.LeafFilter{Before: index + 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	if index < 0 || len(found) != 1 || found[0].Index != index || patient != "" && (!slices.Contains(found[0].Leaf.Patients, patient) || !aboutOne(found[0])) {
		return nil, a.refused(ctx, missing, policy.Read, "AuditEvent", "", patient)
	}
	l := a.leaf(ledger.Export, "AuditEvent")
	l.Query = "proof of an entry of the audit log"
	if err := a.write(ctx, l); err != nil {
		return nil, err
	}
	note, err := a.gate.store.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	head, err := ledger.ParseCheckpoint(ledger.Text(note))
	if err != nil {
		return nil, err
	}
	path, err := a.gate.store.ProveLeaf(ctx, index, store.T(head.Size))
	if err != nil {
		return nil, err
	}
	return ledger.Proof{Extra: found[0].Raw, Index: index, Path: path, Note: note}.Encode(), nil
}
