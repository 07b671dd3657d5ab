package clinic

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// maxAuditExport bounds one file.
const maxAuditExport = 10000

// auditExport answers with the filtered log as a table file. The export is in the log
// itself.
func auditExport(w http.ResponseWriter, r *web.Request) error {
	filter, f, _, err := readAuditFilter(r)
	if err == nil {
		err = filter.unclear(r)
	}
	if err != nil {
		return err
	}
	f.Limit = maxAuditExport + 1
	entries, err := r.Actor.Looked(r.Context(), f)
	if err != nil {
		return err
	}
	if len(entries) > maxAuditExport {
		return fault.New(fault.TooCostly, "More than %d entries fit the filter. Choose fewer days, so that no entry is left out of the file.", maxAuditExport)
	}
	if err := r.Actor.Note(r.Context(), ledger.Export, filter.Patient, record.AuditTable+", "+strconv.Itoa(len(entries))+" entries"); err != nil {
		return err
	}
	if filter.Patient != "" {
		entries = record.About(entries, filter.Patient)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit-`+r.Now().Format("2006-01-02-1504")+`.csv"`)
	return writeAudit(csv.NewWriter(w), entries)
}

// auditAccounting answers with the accounting of disclosures of one patient as a table file.
func auditAccounting(w http.ResponseWriter, r *web.Request) error {
	filter, _, _, err := readAuditFilter(r)
	if err == nil {
		err = filter.unclear(r)
	}
	if err != nil {
		return err
	}
	patient := filter.Patient
	entries, err := r.Actor.Accounting(r.Context(), patient)
	if err != nil {
		return err
	}
	if err := r.Actor.Note(r.Context(), ledger.Export, patient, record.AccountingTable+", "+strconv.Itoa(len(entries))+" entries"); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="disclosures-`+r.Now().Format(time.DateOnly)+`.csv"`)
	return writeAudit(csv.NewWriter(w), entries)
}

// unclear refuses a file when it is not clear what is to be in it.
func (f auditFilter) unclear(r *web.Request) error {
	switch {
	case r.Reduced:
		return fault.New(fault.Invalid, "The address asked for more than an address may hold. Choose on the page Audit what the file is to have.")
	case len(f.Faults) > 0:
		return fault.New(fault.Invalid, "%s", f.Faults[0].Text)
	}
	return nil
}

var auditColumns = []string{"entry", "time", "account", "name", "role", "purpose", "door", "network", "program", "break-glass", "proxy", "action", "type", "details", "patients", "resources", "count", "outcome", "reason", "session"}

func writeAudit(out *csv.Writer, entries []store.LeafEntry) error {
	if err := out.Write(auditColumns); err != nil {
		return err
	}
	for _, e := range entries {
		l := e.Leaf
		var resources []string
		for _, v := range l.Versions {
			name := v.Type + "/" + v.ID
			if v.Version > 0 {
				name += " v" + strconv.FormatInt(v.Version, 10)
			}
			resources = append(resources, name)
		}
		row := []string{strconv.FormatInt(e.Index, 10), l.Time.Format("2006-01-02T15:04:05.000Z07:00"), l.Actor, l.Name, l.Role, l.Purpose, l.Door, l.Network, l.Client, l.Glass, l.Proxy,
			string(l.Action), l.Type, l.Query, strings.Join(l.Patients, " "), strings.Join(resources, " "), strconv.Itoa(l.Count), l.Outcome, l.Reason, l.Session}
		for i := range row {
			row[i] = web.Cell(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
