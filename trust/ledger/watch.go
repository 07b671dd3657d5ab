package ledger

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
)

// Submission is what a log sends to a witness: C2SP tlog-witness, add-checkpoint.
type Submission struct {
	Old   int64  // the size that the witness cosigned last, as the log believes
	Proof []Hash // that the log grew from Old to the checkpoint
	Note  []byte // the signed checkpoint
}

// Encode returns the body of the request.
func (s Submission) Encode() []byte {
	b := []byte("old " + strconv.FormatInt(s.Old, 10) + "\n")
	for _, h := range s.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), s.Note...)
}

// maxProof is how many hashes a proof of growth has at most.
const maxProof = 63

// ParseSubmission reads what Encode wrote.
func ParseSubmission(body []byte) (Submission, error) {
	bad := fault.New(fault.Malformed, "This is not a checkpoint as witnesses take it: old size, proof lines, an empty line, the signed checkpoint.")
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	size, is := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(size, 10, 64)
	if !ok || !is || err != nil || old < 0 || strconv.FormatInt(old, 10) != size || len(lines)-1 > maxProof {
		return Submission{}, bad
	}
	s := Submission{Old: old, Note: signed}
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return Submission{}, bad
		}
		s.Proof = append(s.Proof, h)
	}
	return s, nil
}

// Refusal is why a witness does not sign.
type Refusal string

// The refusals, with the status of HTTP that the protocol gives them.
const (
	UnknownLog   Refusal = "this witness does not know the log"                                        // 404
	WrongKey     Refusal = "the checkpoint is not signed by the log"                                   // 403
	Backwards    Refusal = "the old size is larger than the checkpoint"                                // 400
	AnotherState Refusal = "the witness has cosigned another size last"                                // 409
	SplitView    Refusal = "the witness has cosigned another log of this size"                         // 409
	Rewritten    Refusal = "the log does not begin with what the witness has cosigned: it was changed" // 422
)

// Error implements error.
func (r Refusal) Error() string { return string(r) }

// Judge decides whether a witness that has seen last (the zero Checkpoint: nothing yet) of a log
// may cosign a submission, and returns the new checkpoint. The caller stores it before it answers,
// and lets no other submission of the log come between.
func Judge(log Key, last Checkpoint, s Submission) (Checkpoint, error) {
	next, err := log.Open(s.Note)
	switch {
	case err != nil:
		return next, WrongKey
	case s.Old > next.Size:
		return next, Backwards
	case s.Old != last.Size:
		return next, AnotherState
	case s.Old == next.Size && last.Size > 0 && last.Root != next.Root:
		return next, SplitView
	case s.Old == 0 || s.Old == next.Size:
		if len(s.Proof) > 0 {
			return next, Rewritten
		}
		return next, nil
	}
	if CheckGrowth(s.Proof, last, next) != nil {
		return next, Rewritten
	}
	return next, nil
}
