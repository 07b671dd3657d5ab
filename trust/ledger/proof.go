package ledger

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
)

// Proof shows that one entry is in a log, without the log: C2SP tlog-proof. Extra holds the
// bytes of the entry, so that the file is all that somebody needs beside the log's key.
type Proof struct {
	Extra []byte
	Index int64
	Path  []Hash
	Note  []byte // the signed checkpoint
}

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// Encode returns the proof as a file (.tlog-proof).
func (p Proof) Encode() []byte {
	b := []byte(proofHeader)
	if p.Extra != nil {
		b = append(base64.StdEncoding.AppendEncode(append(b, "extra "...), p.Extra), '\n')
	}
	b = append(strconv.AppendInt(append(b, "index "...), p.Index, 10), '\n')
	for _, h := range p.Path {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), p.Note...)
}

// ParseProof reads what Encode wrote.
func ParseProof(file []byte) (Proof, error) {
	bad := fault.New(fault.Malformed, "This is not a proof of an entry (c2sp.org/tlog-proof@v1).")
	rest, ok := bytes.CutPrefix(file, []byte(proofHeader))
	if !ok {
		return Proof{}, bad
	}
	head, signed, ok := bytes.Cut(rest, []byte("\n\n"))
	if !ok {
		return Proof{}, bad
	}
	p := Proof{Note: signed}
	lines := strings.Split(string(head), "\n")
	if extra, is := strings.CutPrefix(lines[0], "extra "); is {
		b, err := base64.StdEncoding.DecodeString(extra)
		if err != nil || len(lines) < 2 {
			return Proof{}, bad
		}
		p.Extra, lines = b, lines[1:]
	}
	no, is := strings.CutPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(no, 10, 64)
	if !is || err != nil || index < 0 || strconv.FormatInt(index, 10) != no || len(lines)-1 > maxProof {
		return Proof{}, bad
	}
	p.Index = index
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return Proof{}, bad
		}
		p.Path = append(p.Path, h)
	}
	return p, nil
}

// Check verifies a proof under the log's key and returns the entry and the witnesses of the
// checkpoint.
func (p Proof) Check(log Key, witnesses []Witness) (Leaf, []Cosigned, error) {
	c, signed, err := log.OpenWitnessed(p.Note, witnesses)
	if err != nil {
		return Leaf{}, nil, err
	}
	if err := CheckLeaf(p.Path, c.Size, c.Root, p.Index, p.Extra); err != nil {
		return Leaf{}, nil, err
	}
	l, err := Decode(p.Extra)
	return l, signed, err
}
