package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/malware"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/ledger"
)

// Files come in by two ways: as a stream (Actor.Keep), and as base64 in a resource (Commit). Both
// are shown to the scanner here, and what it did not find clean is not stored. What the record has
// already is not shown again: a chart can be corrected also while the scanner is away.

// ScanFiles has every file that comes in looked at before it is stored; without a scanner (nil)
// none is. It is called before the gate is used.
func (g *Gate) ScanFiles(s *malware.Scanner) { g.scanner = s }

// Scanning tells what looks at files, and what came of it. Without names nothing does.
func (g *Gate) Scanning() malware.State { return g.scanner.State() }

// checked is the check of a file that comes as a stream; nil without a scanner.
func (a *Actor) checked(ctx context.Context) func(io.ReadSeeker) error {
	if a.gate.scanner == nil {
		return nil
	}
	return func(file io.ReadSeeker) error {
		if err := a.gate.scanner.Check(ctx, file); err != nil {
			return a.untaken(ctx, err, "Binary", "", a.principal.Patient)
		}
		return nil
	}
}

// untaken stores a leaf about a file that was not taken in and returns why.
func (a *Actor) untaken(ctx context.Context, why error, resourceType, id, patient string) error {
	l := a.leaf(ledger.Refused, resourceType, patient)
	l.Query, l.Outcome = "malware scan of a file: "+errors.Unwrap(why).Error(), string(fault.CodeOf(why))
	if id != "" {
		l.Versions = []ledger.Version{{Type: resourceType, ID: id}}
	}
	if err := a.write(ctx, l); err != nil {
		return err
	}
	return why
}

// scan shows the files in a change to the scanner. A refusal is in the audit log.
func (a *Actor) scan(ctx context.Context, c Change) error {
	if a.gate.scanner == nil || c.handed {
		return nil
	}
	for i, p := range c.Put {
		files := filesIn(p.Resource)
		if len(files) == 0 {
			continue
		}
		resourceType, id := p.Resource.ResourceType(), p.Resource.ID()
		known, patient := map[string]bool{}, ""
		if id != "" && legal(id) {
			v, err := a.current(ctx, resourceType, id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil && !v.Deleted {
				patient = v.Patient
				if known, err = hashesIn(v.Body); err != nil {
					return err
				}
			}
		}
		for _, f := range files {
			if sum := sha256.Sum256(f.content); known[hex.EncodeToString(sum[:])] {
				continue
			}
			err := a.gate.scanner.Check(ctx, bytes.NewReader(f.content))
			if err == nil {
				continue
			}
			at := resourceType + f.at
			if len(c.Put) > 1 {
				at = fmt.Sprintf("Put[%d].", i) + at
			}
			var told *fault.Error
			if errors.As(err, &told) {
				err = told.At(at)
			}
			return a.untaken(ctx, err, resourceType, id, patient)
		}
	}
	return nil
}

// hashesIn returns the hashes of the files that a stored version has, inside or elsewhere.
func hashesIn(body []byte) (map[string]bool, error) {
	n, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range filesIn(n) {
		sum := sha256.Sum256(f.content)
		known[hex.EncodeToString(sum[:])] = true
	}
	for _, m := range markedIn(body) {
		known[m.Hash] = true
	}
	return known, nil
}

// file is a file in a resource.
type file struct {
	at      string // ".photo[0].data"
	content []byte
}

// filesIn returns the files that a resource holds as base64, in itself and in what it contains.
func filesIn(n *fhir.Node) []file { return filesUnder(n, "") }

func filesUnder(n *fhir.Node, name string) (out []file) {
	below := func(step string, list []file) {
		for _, f := range list {
			out = append(out, file{step + f.at, f.content})
		}
	}
	switch n.Kind() {
	case fhir.Object:
		for member, v := range n.Members() {
			below("."+member, filesUnder(v, member))
		}
	case fhir.Array:
		i := 0
		for v := range n.Items() {
			if list := filesUnder(v, name); len(list) > 0 {
				below(fmt.Sprintf("[%d]", i), list)
			}
			i++
		}
	case fhir.String:
		if !holdsFile(name) {
			return nil
		}
		plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Text()), ""))
		if err == nil && len(plain) > 0 { // what is no base64 is refused, or no file
			return []file{{"", plain}}
		}
	}
	return out
}

// holdsFile reports whether a member of this name is a base64Binary that can be a file. Hashes
// and bar codes are not.
func holdsFile(name string) bool { return name == "data" || strings.HasSuffix(name, "Base64Binary") }
