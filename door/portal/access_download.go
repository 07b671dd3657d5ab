package portal

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/ledger"
)

// accessProof answers with what the log says about the own record, each line with a proof that it
// is in the log, and that whoever has the clinic's key verifies with `osler audit verify`.
func accessProof(w http.ResponseWriter, r *web.Request) error {
	if err := mayAskWho(r); err != nil {
		return err
	}
	id, err := own(r)
	if err != nil {
		return err
	}
	var file bytes.Buffer // complete, or not at all
	if _, err := r.Actor.ExportLog(r.Context(), &file, record.LogPart{Patient: id}); err != nil {
		return err
	}
	return attach(w, "who-saw-my-record.ndjson", "application/x-ndjson", file.Bytes())
}

// accessDisclosed answers with the accounting of disclosures of six years as a table.
func accessDisclosed(w http.ResponseWriter, r *web.Request) error {
	if err := mayAskWho(r); err != nil {
		return err
	}
	id, err := own(r)
	if err != nil {
		return err
	}
	entries, err := r.Actor.Accounting(r.Context(), id)
	if err != nil {
		return err
	}
	if err := r.Actor.Note(r.Context(), ledger.Export, id, record.AccountingTable); err != nil {
		return err
	}
	ctx := pageContext(r)
	var file bytes.Buffer
	out := csv.NewWriter(&file)
	rows := [][]string{{"When", "Who", "Role", "What", "Why", "Reason"}}
	who := logReaderOf(r, id)
	for i := range rows[0] {
		rows[0][i] = ui.T(ctx, rows[0][i])
	}
	for _, e := range entries {
		l := e.Leaf
		what := ui.T(ctx, tookWord(l))
		if len(l.Versions) > 0 || tookWord(l) == "looked at" {
			what += ": " + wordList(ctx, lookedWords(l))
		}
		role := ui.T(ctx, roleWord(who.role(l)))
		if l.Client != "" {
			role = programWord(ctx, l.Name, l.Actor == who.me)
		}
		rows = append(rows, []string{l.Time.In(r.Now().Location()).Format("2006-01-02 15:04"), who.name(l), role, what, ui.T(ctx, whyWord(l.Purpose)), l.Reason})
	}
	for _, row := range rows {
		for j := range row {
			row[j] = web.Cell(row[j])
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	return attach(w, "disclosures-"+r.Now().Format(time.DateOnly)+".csv", "text/csv; charset=utf-8", file.Bytes())
}

func attach(w http.ResponseWriter, name, kind string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, err := w.Write(body)
	return err
}
