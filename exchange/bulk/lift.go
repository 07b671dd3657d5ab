package bulk

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/store/blob"
)

// Large data (a scan of 300 MB in a line of NDJSON) is kept while a file is read, and never in memory
// as a whole: in what is parsed stands a text for it, and the resource is stored with the content.

// liftedFrom is the length from which on the base64 text of a member "data" is lifted out: what the record
// keeps outside of resources anyway.
const liftedFrom = record.LargeText

// lifted is the large data of one file.
type lifted struct {
	ctx   context.Context
	actor *record.Actor
	limit int64  // of one
	salt  string // how the texts begin: nothing in a file can be one of them by chance or by intent
	kept  map[string]*kept
}

// kept is data that was lifted out, or why it could not be.
type kept struct {
	blob.Content
	err   error
	named bool // by what was stored
}

// lifting begins a file.
func (im *Import) lifting(ctx context.Context) *lifted {
	var salt [15]byte
	rand.Read(salt[:])
	return &lifted{ctx: ctx, actor: im.Actor, limit: cmp.Or(im.MaxContent, record.MaxContent), salt: base64.StdEncoding.EncodeToString(salt[:]), kept: map[string]*kept{}}
}

// of returns the contents of a resource, for record.Put, or why one was not taken in.
func (l *lifted) of(r *fhir.Node) (out map[string]blob.Content, err error) {
	if len(l.kept) == 0 {
		return nil, nil
	}
	l.each(r, func(_ *fhir.Node, _, text string) {
		k, ok := l.kept[text]
		switch {
		case !ok:
		case k.err != nil:
			err = k.err
		default:
			if out == nil {
				out = map[string]blob.Content{}
			}
			out[text] = k.Content
		}
	})
	return out, err
}

// stored notes which contents are part of the record now.
func (l *lifted) stored(puts []record.Put) {
	for _, p := range puts {
		for text := range p.Contents {
			l.kept[text].named = true
		}
	}
}

// drop removes what was kept of resources that the record had already, or refused.
func (l *lifted) drop(resources []*fhir.Node) (err error) {
	if len(l.kept) == 0 {
		return nil
	}
	for _, r := range resources {
		l.each(r, func(_ *fhir.Node, _, text string) {
			if k, ok := l.kept[text]; ok && k.err == nil && !k.named {
				err = errors.Join(err, l.actor.Drop(l.ctx, k.Content))
			}
		})
	}
	return err
}

// each visits the members of a resource that are large text, or stand for it.
func (l *lifted) each(n *fhir.Node, visit func(parent *fhir.Node, name, text string)) {
	switch n.Kind() {
	case fhir.Array:
		for v := range n.Items() {
			l.each(v, visit)
		}
	case fhir.Object:
		for name, v := range n.Members() {
			if v.Kind() != fhir.String {
				l.each(v, visit)
			} else if text := v.Text(); len(text) >= record.LargeText || strings.HasPrefix(text, l.salt) {
				visit(n, name, text)
			}
		}
	}
}

// hashed returns a resource with hashes for its large data, as record.ReadHashed gives it.
func (l *lifted) hashed(r *fhir.Node) *fhir.Node {
	type place struct {
		parent     *fhir.Node
		name, text string
	}
	var places []place
	find := func(n *fhir.Node) {
		places = nil
		l.each(n, func(parent *fhir.Node, name, text string) { places = append(places, place{parent, name, text}) })
	}
	if find(r); len(places) == 0 {
		return r
	}
	r = r.Clone()
	find(r)
	for _, p := range places {
		if k, ok := l.kept[p.text]; ok {
			p.parent.Set(p.name, fhir.Str(record.HashText(k.Content)))
			continue
		}
		sum := sha256.New()
		n, err := io.Copy(sum, base64.NewDecoder(base64.StdEncoding.Strict(), strings.NewReader(p.text)))
		if err == nil && base64.StdEncoding.EncodedLen(int(n)) == len(p.text) {
			p.parent.Set(p.name, fhir.Str(record.HashText(blob.Content{Hash: hex.EncodeToString(sum.Sum(nil)), Size: n})))
		}
	}
	return r
}

// equal is Equal of a resource of the file with what record.ReadHashed gave.
func (l *lifted) equal(r, was *fhir.Node) bool { return Equal(l.hashed(r), l.hashed(was)) }

// derived is an id made of what a resource says: the same for the same.
func (l *lifted) derived(r *fhir.Node) string {
	body := r.JSON()
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte(l.salt))
		if i < 0 {
			break
		}
		at += i
		body = slices.Delete(body, at, min(at+len(l.salt)+numberLength, len(body)))
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// reader reads JSON, or lines of it, without its large data.
func (l *lifted) reader(in io.Reader) io.Reader {
	return &lifting{lifted: l, in: bufio.NewReaderSize(in, 64<<10)}
}

// lifting follows where strings begin and end, and no more of JSON. A line ends a string: JSON has
// no raw line feeds in them, and one faulty line of NDJSON must not swallow the next.
type lifting struct {
	*lifted
	in     *bufio.Reader
	out    bytes.Buffer
	inside bool   // of a string
	text   []byte // of that string, behind its quote, as far as it is not in out
	named  bool   // the string before was "data"
	isData bool   // this one is the value of a member of that name
	err    error
}

// Read implements io.Reader.
func (l *lifting) Read(p []byte) (int, error) {
	for l.out.Len() == 0 {
		if l.err == nil {
			l.err = l.ctx.Err()
		}
		if l.err != nil {
			return 0, l.err
		}
		if l.inside {
			l.string()
		} else {
			l.between()
		}
	}
	return l.out.Read(p)
}

// slice reads up to the next quote, or a part of that.
func (l *lifting) slice() (part []byte, quote bool) {
	part, err := l.in.ReadSlice('"')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		l.err = err
	}
	return part, err == nil
}

// between reads what stands before a string.
func (l *lifting) between() {
	part, quote := l.slice()
	l.out.Write(part)
	if quote {
		l.begin(l.named && string(bytes.TrimSpace(part)) == `:"`)
	}
	l.named = false
}

func (l *lifting) begin(isData bool) {
	l.inside, l.isData, l.text = true, isData, l.text[:0]
}

// string reads a part of a string, or its end.
func (l *lifting) string() {
	part, quote := l.slice()
	if bytes.IndexByte(part, '\n') >= 0 {
		l.out.Write(l.text)
		l.out.Write(part)
		if l.inside = false; quote { // of the next line
			l.begin(false)
		}
		return
	}
	l.text = append(l.text, part...)
	switch {
	case quote && !escaped(l.text[:len(l.text)-1]):
		l.out.Write(l.text)
		l.inside, l.named = false, string(l.text) == `data"`
	case l.err != nil:
		l.out.Write(l.text)
	case len(l.text) >= liftedFrom && l.isData && isBase64(l.text):
		l.lift()
	case len(l.text) >= liftedFrom:
		end := len(l.text)
		if escaped(l.text) { // with what follows
			end--
		}
		l.isData = false // its beginning is out
		l.out.Write(l.text[:end])
		l.text = append(l.text[:0], l.text[end:]...)
	}
}

// escaped reports whether what follows a part of a string is escaped.
func escaped(text []byte) bool { return (len(text)-len(bytes.TrimRight(text, `\`)))%2 == 1 }

// isBase64 tells the beginning of base64, with the escapes and the line ends that it may have in JSON, from
// other text: the data of a curve (SampledData) are numbers with spaces.
func isBase64(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '=', c == '\r':
		case c == '\\' && i+1 == len(text):
		case c == '\\' && bytes.IndexByte([]byte("/nru"), text[i+1]) >= 0:
			i++
		default:
			return false
		}
	}
	return true
}

// lift keeps the string that has begun, and puts a text in its place.
func (l *lifting) lift() {
	data := &dataReader{text: l.text, in: l.in}
	c, err := l.actor.Keep(l.ctx, base64.NewDecoder(base64.StdEncoding.Strict(), data), l.limit)
	if _, rest := io.Copy(io.Discard, data); rest != nil { // what is wrong with all that follows, or with the line
		l.inside = false
		if !errors.Is(rest, errLineEnds) {
			l.err = rest
		}
		return
	}
	if errors.As(err, new(base64.CorruptInputError)) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fault.New(fault.Invalid, "The data is not base64.")
	}
	text := l.stand(c)
	l.kept[text] = &kept{Content: c, err: err}
	l.out.WriteString(text + `"`)
	l.inside = false
}

// A text that stands for data is base64 itself: the salt, a number, since the same data in two places are
// two contents, and the hash.
const numberLength = 8

func (l *lifted) stand(c blob.Content) string {
	sum, err := hex.DecodeString(c.Hash)
	if err != nil || len(sum) != sha256.Size {
		sum = make([]byte, sha256.Size) // of what was not kept
	}
	number := binary.BigEndian.AppendUint64(nil, uint64(len(l.kept)))[2:]
	return l.salt + base64.StdEncoding.EncodeToString(number) + base64.StdEncoding.EncodeToString(sum)
}

// errLineEnds is about a string that a line feed cuts off.
var errLineEnds = errors.New("bulk: a line ends in a string")

// dataReader reads base64 up to the end of its JSON string.
type dataReader struct {
	text []byte // what was read of it already
	in   *bufio.Reader
	end  error
}

// Read implements io.Reader. The ends of lines mean nothing in base64.
func (d *dataReader) Read(p []byte) (n int, err error) {
	for n < len(p) && d.end == nil {
		c, ok := d.next()
		if !ok {
			break
		}
		switch c {
		case '"':
			d.end = io.EOF
			continue
		case '\n':
			d.end = errors.Join(errLineEnds, d.in.UnreadByte())
			continue
		case '\\':
			if c, ok = d.escape(); !ok {
				continue
			}
		}
		if c != '\r' && c != '\n' {
			p[n] = c
			n++
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, d.end
}

func (d *dataReader) next() (c byte, ok bool) {
	if len(d.text) > 0 {
		c, d.text = d.text[0], d.text[1:]
		return c, true
	}
	c, err := d.in.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		d.end = err
	}
	return c, err == nil
}

// escape reads what follows a backslash: the sign that it stands for, "?" when base64 has none such.
func (d *dataReader) escape() (c byte, ok bool) {
	switch c, ok = d.next(); c {
	case 'n', 'r':
		return '\n', ok
	case 'u':
		var digits [4]byte
		for i := range digits {
			if digits[i], ok = d.next(); !ok {
				return 0, false
			}
		}
		n, err := strconv.ParseUint(string(digits[:]), 16, 16)
		if err != nil || n > unicode.MaxASCII {
			return '?', true
		}
		return byte(n), true
	case '/':
		return c, ok
	}
	return '?', ok
}
