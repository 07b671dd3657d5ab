package fhirapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/osler-emr/osler/base/fair"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
)

// Outcome returns the OperationOutcome for an error. Internal errors say only the request
// id: their text is for the log.
func Outcome(err error, requestID string) *fhir.Node {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Internal {
		return outcome(fault.Issue{Severity: "fatal", Type: "exception",
			Text: "Osler could not finish this request; nothing was changed. Request " + requestID + " is in the server's log."})
	}
	if len(f.Issues) > 0 {
		return outcome(f.Issues...)
	}
	return outcome(fault.Issue{Severity: "error", Type: fault.IssueType(f.Code), Expression: f.Path, Text: f.Message})
}

func outcome(issues ...fault.Issue) *fhir.Node {
	list := fhir.Arr()
	for _, i := range issues {
		n := fhir.Obj("severity", i.Severity, "code", i.Type, "details", fhir.Obj("text", i.Text), "diagnostics", i.Text)
		if i.Expression != "" {
			n.Set("expression", fhir.Arr(i.Expression))
		}
		list.Append(n)
	}
	return fhir.Obj("resourceType", "OperationOutcome", "issue", list)
}

// fail answers with the status and OperationOutcome of an error.
func (s *server) fail(c *call, id string, err error) {
	code := fault.CodeOf(err)
	status := fault.Status(code)
	if r := (*refusal)(nil); errors.As(err, &r) {
		status = r.status
	}
	if code == fault.Internal && c.Context().Err() == nil { // nobody is to blame for a client that went away
		s.Log.Error("fhir request failed", "request", id, "method", c.Method, "error", err)
	}
	if code == fault.Unauthorized {
		challenge := `Bearer realm="osler"`
		if c.Header.Get("Authorization") != "" { // RFC 6750 3.1
			challenge += `, error="invalid_token"`
		}
		c.w.Header().Set("WWW-Authenticate", challenge)
	}
	if busy := (*fair.Busy)(nil); errors.As(err, &busy) {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(busy.After.Seconds())))
	}
	if code == fault.NotFound && c.Method != http.MethodGet && c.Method != http.MethodHead {
		s.Log.Debug("fhir request refused", "request", id, "status", status)
	}
	if b := Outcome(err, id).JSON(); c.write(status, b) != nil {
		c.write(status, b) // what XML cannot carry, JSON can
	}
}

func pretty(b []byte) []byte {
	var out bytes.Buffer
	if json.Indent(&out, b, "", "  ") != nil {
		return b
	}
	return out.Bytes()
}
