// Package fault is Osler's one error type.
//
// An error that a caller decides on, or that a person may read, is a *fault.Error with a
// Code. Everything else is an internal error: doors show it as "internal error" with a
// request id and log the chain. One table maps codes to HTTP statuses and FHIR issue
// types. A fault's Message is written for the person who reads it: it says what
// happened, to which item, and what to do. It never holds patient data.
//
//	return fault.New(fault.NotFound, "There is no Patient with this id.").At("Patient.id")
package fault

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Code says what kind of fault it is; the doors derive statuses from it.
type Code string

// The codes, each with the HTTP status and FHIR issue type that the table below gives it.
const (
	Invalid      Code = "invalid"       // the content breaks a rule: 422 invalid
	Malformed    Code = "malformed"     // the request cannot be read: 400 structure
	NotSupported Code = "not-supported" // Osler does not do this: 400 not-supported
	Unauthorized Code = "unauthorized"  // who are you: 401 login
	Forbidden    Code = "forbidden"     // not allowed: 403 forbidden
	NotFound     Code = "not-found"     // 404 not-found
	Gone         Code = "gone"          // deleted: 410 deleted
	Conflict     Code = "conflict"      // edit or uniqueness conflict: 409 conflict
	Stale        Code = "stale"         // If-Match names an older version: 412 conflict
	Multiple     Code = "multiple"      // a condition matched several: 412 multiple-matches
	TooLarge     Code = "too-large"     // a size or depth limit: 413 too-long
	TooCostly    Code = "too-costly"    // a query or rate limit: 429 too-costly
	Unavailable  Code = "unavailable"   // try again later: 503 transient
	Internal     Code = "internal"      // 500 exception
)

var table = map[Code]struct {
	status int
	issue  string
}{
	Invalid: {422, "invalid"}, Malformed: {400, "structure"}, NotSupported: {400, "not-supported"},
	Unauthorized: {401, "login"}, Forbidden: {403, "forbidden"}, NotFound: {404, "not-found"},
	Gone: {410, "deleted"}, Conflict: {409, "conflict"}, Stale: {412, "conflict"},
	Multiple: {412, "multiple-matches"}, TooLarge: {413, "too-long"}, TooCostly: {429, "too-costly"},
	Unavailable: {503, "transient"}, Internal: {500, "exception"},
}

// Issue is one finding about one place, in the shape of an OperationOutcome issue.
type Issue struct {
	Severity   string // fatal, error, warning, information
	Type       string // FHIR issue type, for example "required"
	Expression string // FHIRPath of the element, for example "Patient.birthDate"
	Text       string // a sentence for a person
	// Said is Text with its parts, for readers of other languages: a lang.Text, which == cannot compare. Nil when Text is a key.
	Said fmt.Stringer
}

// Error is a fault. Create it with New or Wrap.
type Error struct {
	Code    Code
	Message string
	Issues  []Issue // details, when there is more than one finding
	Path    string  // where, as a FHIRPath, when Issues is empty
	Cause   error

	format string // of Message, with what is put into it, for other languages
	args   []any
}

// New returns a fault with a message for a person. The arguments are formatted into it.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), format: format, args: args}
}

// In returns the message in another language. translate gets the sentence as it was written and what
// is put into it, as lang.Language.T takes them.
func (e *Error) In(translate func(english string, args ...any) string) string {
	if e.format == "" || e.format == "%s" || e.Message != fmt.Sprintf(e.format, e.args...) {
		return translate(e.Message)
	}
	return translate(e.format, e.args...)
}

// Wrap is New with a cause, which is logged but not shown.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	e := New(code, format, args...)
	e.Cause = cause
	return e
}

// At names the element that the fault is about and returns the fault.
func (e *Error) At(path string) *Error { e.Path = path; return e }

// With adds findings and returns the fault.
func (e *Error) With(issues ...Issue) *Error { e.Issues = append(e.Issues, issues...); return e }

// Told returns the findings as a page tells them to a person: those that stopped the
// change, each sentence once. Forms name their fields in Expression; a finding about an
// element of a resource has no field on a page and comes without its path, and without the
// key of the rule that it breaks. It is empty when the fault has no findings.
func (e *Error) Told() []Issue {
	var out []Issue
	seen := map[string]bool{}
	for _, i := range e.Issues {
		if i.Severity == "warning" || i.Severity == "information" {
			continue
		}
		if ofResource(i.Expression) {
			i.Text = plain(i)
			i.Expression = ""
		}
		if !seen[i.Expression+"\n"+i.Text] {
			seen[i.Expression+"\n"+i.Text] = true
			out = append(out, i)
		}
	}
	return out
}

// ofResource reports whether an expression is a path in a resource, as in "Patient.name" or
// "Put[1].Task.owner", and not the name of a form's field.
func ofResource(expression string) bool {
	head, _, dot := strings.Cut(expression, ".")
	return dot && head != "" && head[0] >= 'A' && head[0] <= 'Z'
}

// plain is the sentence of a finding about a resource for somebody who does not know FHIR.
func plain(i Issue) string {
	switch i.Type {
	case "not-found":
		return "Something that this refers to is not in the record, or you may not see it."
	case "invariant":
		return "Nothing was saved, because this would break a rule of the record: " + ruleKey.ReplaceAllString(i.Text, "")
	}
	return ruleKey.ReplaceAllString(i.Text, "")
}

// ruleKey is the key of a rule at the end of a sentence, such as " (con-4)".
var ruleKey = regexp.MustCompile(` \([a-z]+-[0-9]+[a-z]?\)`)

// Clip shortens what a message or a line repeats of what somebody sent, which may be long and no UTF-8, to a
// number of characters.
func Clip(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			s = s[:i] + "…"
			break
		}
		n++
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Error implements error: the message, with its cause. The code is for programs and does not stand in it.
func (e *Error) Error() string {
	if e.Cause != nil {
		return strings.TrimRight(e.Message, ".") + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of the first fault in err's chain, Internal when there is
// none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether err is a fault with this code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// Status returns the HTTP status for a code.
func Status(code Code) int { return table[code].status }

// IssueType returns the FHIR issue type for a code.
func IssueType(code Code) string { return table[code].issue }
