package ledger

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/osler-emr/osler/base/fault"
)

// An export is an audit log, or a part of it, as a file that somebody else verifies without the
// record: one JSON object a line. The first says what it is, then come checkpoints, then entries
// in order. A whole log needs no proofs: the tree is made again. In a part each entry comes with
// its proof; one that also names other patients comes as its hash, with what it says about this
// one: that the line is in the log is proven, what it says is the clinic's word.

// ExportFormat names the file.
const ExportFormat = "osler-audit-export/1"

// ExportHeader is the first line of an export.
type ExportHeader struct {
	Format  string    `json:"format"`
	Origin  string    `json:"origin"`
	Key     string    `json:"key"`  // the log's verification key, to compare with one that is known from elsewhere
	Size    int64     `json:"size"` // entries in the log
	Made    time.Time `json:"made"`
	Whole   bool      `json:"whole"`
	Patient string    `json:"patient,omitempty"`
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
}

// exportLine is any other line.
type exportLine struct {
	Checkpoint string          `json:"checkpoint,omitempty"`
	Growth     []string        `json:"growth,omitempty"` // from this checkpoint to that of the header's size
	Entry      *int64          `json:"entry,omitempty"`
	Leaf       json.RawMessage `json:"leaf,omitempty"`
	Hash       string          `json:"hash,omitempty"` // in place of Leaf
	Says       *Leaf           `json:"says,omitempty"`
	Proof      []string        `json:"proof,omitempty"`
}

// ExportWriter writes an export.
type ExportWriter struct {
	out   *json.Encoder
	w     io.Writer
	whole bool
}

// NewExport begins an export.
func NewExport(w io.Writer, h ExportHeader) (*ExportWriter, error) {
	h.Format = ExportFormat
	e := &ExportWriter{out: json.NewEncoder(w), w: w, whole: h.Whole}
	e.out.SetEscapeHTML(true) // as Leaf.Encode does: raw leaves stay as they are
	return e, e.out.Encode(h)
}

// Checkpoint adds a signed note, with the proof that the log grew from it; nil in a whole log.
func (e *ExportWriter) Checkpoint(note []byte, growth []Hash) error {
	return e.out.Encode(exportLine{Checkpoint: string(note), Growth: texts(growth)})
}

// Entry adds an entry's bytes, with its proof in a part of a log.
func (e *ExportWriter) Entry(index int64, leaf []byte, proof []Hash) error {
	// The bytes are written as they are: they are what was hashed.
	line := fmt.Appendf(nil, `{"entry":%d,"leaf":`, index)
	line = append(line, leaf...)
	if len(proof) > 0 {
		p, err := json.Marshal(texts(proof))
		if err != nil {
			return err
		}
		line = append(append(line, `,"proof":`...), p...)
	}
	_, err := e.w.Write(append(line, "}\n"...))
	return err
}

// Other adds an entry that names several patients, as its hash and what it says about one.
func (e *ExportWriter) Other(index int64, leaf []byte, says Leaf, proof []Hash) error {
	h := tlog.RecordHash(leaf)
	return e.out.Encode(exportLine{Entry: &index, Hash: base64.StdEncoding.EncodeToString(h[:]), Says: &says, Proof: texts(proof)})
}

func texts(list []Hash) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return out
}

func hashes(list []string) ([]Hash, error) {
	out := make([]Hash, len(list))
	for i, s := range list {
		h, err := tlog.ParseHash(s)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

// Examination is how an export is verified.
type Examination struct {
	Key       Key       // of the log, known from elsewhere
	Witnesses []Witness // whose cosignatures count
	// Kept are signed checkpoints that the reader got before; the log has to go on from each.
	Kept [][]byte
	// Each, when set, gets every entry that is proven.
	Each   func(index int64, l Leaf)
	Report func(problem string)
}

// Examined is what an export holds.
type Examined struct {
	Header      ExportHeader
	Entries     int64 // proven, word by word
	Hashed      int64 // proven to be there
	Checkpoints int
	Cosigned    []Cosigned // of the newest checkpoint
	Problems    int
}

// maxLine bounds a line of an export: a leaf of a large import names thousands of versions.
const maxLine = 64 << 20

// Verify verifies an export. An error is a file that cannot be read; problems are reported.
func (x Examination) Verify(r io.Reader) (Examined, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	v := &examining{Examination: x}
	if !in.Scan() || json.Unmarshal(in.Bytes(), &v.out.Header) != nil || v.out.Header.Format != ExportFormat {
		return v.out, fault.New(fault.Malformed, "This file is not an export of an audit log (%s).", ExportFormat)
	}
	if x.Key.Public() != "" && v.out.Header.Key != x.Key.Public() {
		v.say("The export names another key than the one that it is verified with.")
	}
	for no := 2; in.Scan(); no++ {
		var line exportLine
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			v.say("Line %d cannot be read.", no)
			continue
		}
		switch {
		case line.Checkpoint != "":
			v.checkpoint(line)
		case line.Entry != nil:
			v.entry(line)
		default:
			v.say("Line %d is neither a checkpoint nor an entry.", no)
		}
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return v.out, fault.New(fault.TooLarge, "A line of the export is longer than %d bytes.", maxLine)
		}
		return v.out, err
	}
	v.end()
	return v.out, nil
}

type examining struct {
	Examination
	out    Examined
	newest Checkpoint
	signed []Checkpoint
	tree   Tree
	heads  map[int64]Hash // of a whole log, at the sizes that are asked for
	last   int64          // index of the last entry
	broken bool
}

func (v *examining) say(format string, args ...any) {
	v.out.Problems++
	v.Report(fmt.Sprintf(format, args...))
}

func (v *examining) checkpoint(line exportLine) {
	c, cosigned, err := v.Key.OpenWitnessed([]byte(line.Checkpoint), v.Witnesses)
	if err != nil {
		v.say("Checkpoint %d of the export does not hold: %v", v.out.Checkpoints+1, err)
		return
	}
	if v.heads == nil { // the sizes are all known before the first entry
		v.heads = map[int64]Hash{}
	}
	v.out.Checkpoints++
	v.signed = append(v.signed, c)
	v.heads[c.Size] = Hash{}
	if c.Size == v.out.Header.Size {
		v.newest, v.out.Cosigned = c, append(v.out.Cosigned, cosigned...)
	}
	if v.out.Header.Whole || c.Size == v.out.Header.Size {
		return
	}
	growth, err := hashes(line.Growth)
	switch {
	case v.newest.Size == 0:
		v.say("The newest checkpoint has to come first.")
	case err != nil || CheckGrowth(growth, c, v.newest) != nil:
		v.say("The log of %d entries does not begin with the one that was signed at %d entries.", v.newest.Size, c.Size)
	}
}

func (v *examining) entry(line exportLine) {
	if v.newest.Size == 0 && v.out.Entries+v.out.Hashed == 0 && !v.broken {
		v.broken = true
		v.say("There is no checkpoint of the size that the export says, %d entries.", v.out.Header.Size)
	}
	index := *line.Entry
	if v.out.Header.Whole {
		v.next(index, line.Leaf)
		return
	}
	if index <= v.last && v.out.Entries+v.out.Hashed > 0 {
		v.say("Entry %d is not in order or stands twice.", index)
	}
	v.last = index
	proof, err := hashes(line.Proof)
	h := tlog.RecordHash(line.Leaf)
	if line.Leaf == nil {
		if h, err = tlog.ParseHash(line.Hash); err != nil {
			v.say("Entry %d has neither its words nor its hash.", index)
			return
		}
	}
	if err != nil || tlog.CheckRecord(proof, v.newest.Size, v.newest.Root, index, h) != nil {
		v.say("Entry %d is not in the log that was signed, or was changed.", index)
		return
	}
	if line.Leaf == nil {
		v.out.Hashed++
		return
	}
	v.proven(index, line.Leaf)
}

func (v *examining) proven(index int64, leaf []byte) {
	l, err := Decode(leaf)
	if err != nil {
		v.say("Entry %d cannot be read.", index)
		return
	}
	v.out.Entries++
	if v.Each != nil {
		v.Each(index, l)
	}
}

// next takes the next entry of a whole log.
func (v *examining) next(index int64, leaf []byte) {
	if v.broken {
		return
	}
	if index != v.tree.Size() {
		v.broken = true
		v.say("Entry %d stands where entry %d belongs: entries are missing, or in another order.", index, v.tree.Size())
		return
	}
	if index == 0 { // those that were kept count too
		for _, n := range v.Kept {
			if c, err := v.Key.Open(n); err == nil {
				if v.heads == nil {
					v.heads = map[int64]Hash{}
				}
				v.heads[c.Size] = Hash{}
			}
		}
	}
	v.tree.Append(leaf)
	if _, asked := v.heads[v.tree.Size()]; asked {
		v.heads[v.tree.Size()] = v.tree.Root()
	}
	v.proven(index, leaf)
}

// end compares what can be compared only when everything was read.
func (v *examining) end() {
	if v.newest.Size == 0 && v.out.Header.Size > 0 && !v.broken {
		v.say("There is no checkpoint of the size that the export says, %d entries.", v.out.Header.Size)
	}
	if v.out.Header.Whole {
		if v.tree.Size() != v.out.Header.Size {
			v.say("The export has %d entries; it says that the log has %d.", v.tree.Size(), v.out.Header.Size)
		}
		for _, c := range v.signed {
			v.hold(c, "that was signed")
		}
	}
	for i, n := range v.Kept {
		c, err := v.Key.Open(n)
		switch {
		case err != nil:
			v.say("Checkpoint %d of those that were kept is not signed by this log's key.", i+1)
		case v.out.Header.Whole:
			v.hold(c, "that was kept")
		default:
			v.keptInPart(c)
		}
	}
}

func (v *examining) hold(c Checkpoint, what string) {
	switch root := v.heads[c.Size]; {
	case c.Size > v.tree.Size():
		v.say("A checkpoint %s counts %d entries, more than there are: entries were cut off.", what, c.Size)
	case root != c.Root:
		v.say("The first %d entries are not those of the checkpoint %s.", c.Size, what)
	}
}

// keptInPart finds a checkpoint among those that the export ties to its newest one.
func (v *examining) keptInPart(c Checkpoint) {
	for _, s := range v.signed {
		if s.Size == c.Size {
			if s.Root != c.Root {
				v.say("The checkpoint of %d entries that was kept is another than that in the export.", c.Size)
			}
			return
		}
	}
	v.say("The export does not say how it goes on from the checkpoint of %d entries that was kept. Ask for one that does, or for the whole log.", c.Size)
}
