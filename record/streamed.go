package record

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
)

// Streamed is a version that leaves as a stream, with all of its data: one content may be larger than
// memory. Body has, where large data stands, its size alone; what is lost is left out of both (Lacks).
type Streamed struct {
	store.Version
	lean  []byte // the body with its marks
	large []mark // with their places in Body
	from  *contents
}

// streaming makes streams of versions whose bodies have marks.
func (g *Gate) streaming(ctx context.Context, versions iter.Seq2[store.Version, error]) iter.Seq2[Streamed, error] {
	return func(yield func(Streamed, error) bool) {
		for v, err := range versions {
			if !yield(g.streamed(ctx, v, err)) {
				return
			}
		}
	}
}

func (g *Gate) streamed(ctx context.Context, v store.Version, err error) (Streamed, error) {
	s, ok := g.store.(*contents)
	if err != nil || !ok || !hasMark(v.Body) {
		return Streamed{Version: v}, err
	}
	return s.streamed(ctx, v, s.there)
}

// ReadStreamed is ReadVersion of the current version, as a stream.
func (a *Actor) ReadStreamed(ctx context.Context, resourceType, id string) (Streamed, error) {
	v, err := a.masked(a.readLean(ctx, resourceType, id, 0))
	return a.gate.streamed(ctx, v, err)
}

// there reports whether a content can be opened.
func (s *contents) there(ctx context.Context, c blob.Content) error {
	f, err := s.blobs.Open(ctx, c)
	if err != nil {
		return err
	}
	return f.Close()
}

// streamed makes a stream of a version; look tells which of its contents are lost.
func (s *contents) streamed(ctx context.Context, v store.Version, look func(context.Context, blob.Content) error) (Streamed, error) {
	out := Streamed{Version: v, lean: v.Body, from: s}
	body, err := replaced(v.Body, func(b []byte, m mark) ([]byte, error) {
		err := look(ctx, m.Content)
		if blob.Lost(err) && ctx.Err() == nil {
			return s.lostInstead(b, m), nil
		}
		if err != nil {
			return nil, err
		}
		m.from = len(b)
		b = sizeInstead(b, m)
		m.to = len(b)
		out.large = append(out.large, m)
		return b, nil
	})
	if err != nil {
		return Streamed{}, err
	}
	out.Body = body
	return out, nil
}

// Verified reads all large data once, and leaves out what is damaged, too: a stream of it would break
// off in its middle.
func (v Streamed) Verified(ctx context.Context) (Streamed, error) {
	if len(v.large) == 0 {
		return v, nil
	}
	v.Body = v.lean
	return v.from.streamed(ctx, v.Version, v.from.blobs.Verify)
}

// Open reads the body with all of its data, as it was sent. It ends with an error (LostData) where
// data turns out to be lost.
func (v Streamed) Open(ctx context.Context) io.ReadCloser {
	out, parts, done := &streamedBody{}, []io.Reader{}, 0
	for _, m := range v.large {
		data := &encoded{ctx: ctx, from: v.from, mark: m, of: v.Type + "/" + v.ID}
		out.data = append(out.data, data)
		parts = append(parts, bytes.NewReader(v.Body[done:m.from]), strings.NewReader(`"`+m.name+`":"`), data, strings.NewReader(`"`))
		done = m.to
	}
	out.Reader = io.MultiReader(append(parts, bytes.NewReader(v.Body[done:]))...)
	return out
}

type streamedBody struct {
	io.Reader
	data []*encoded
}

// Close implements io.Closer.
func (b *streamedBody) Close() (err error) {
	for _, d := range b.data {
		err = errors.Join(err, d.close())
	}
	return err
}

// encodedAtOnce is how many bytes of a content are encoded together: a multiple of three, so that
// base64 has no padding in its middle.
const encodedAtOnce = 48 << 10

// encoded reads a content as base64.
type encoded struct {
	ctx  context.Context
	from *contents
	mark
	of    string // the resource
	file  *blob.Reader
	plain []byte
	coded []byte
	text  []byte // what was not read yet of coded
}

// Read implements io.Reader.
func (e *encoded) Read(p []byte) (int, error) {
	if len(e.text) == 0 {
		if err := e.more(); err != nil {
			if blob.Lost(err) && e.ctx.Err() == nil {
				file := e.from.blobs.Name(e.Content)
				e.from.lost.note(file)
				err = LostData(e.of, file)
			}
			return 0, err
		}
	}
	n := copy(p, e.text)
	e.text = e.text[n:]
	return n, nil
}

func (e *encoded) close() (err error) {
	if e.file != nil {
		err = e.file.Close()
	}
	e.file = nil
	return err
}

// more reads the next part.
func (e *encoded) more() (err error) {
	if e.file == nil {
		if e.file, err = e.from.blobs.Open(e.ctx, e.Content); err != nil {
			return err
		}
		if e.file.Size() != e.Size {
			return fault.New(fault.Unavailable, "The content of %s has %d bytes, and %d were kept.", e.of, e.file.Size(), e.Size)
		}
		e.plain = make([]byte, encodedAtOnce)
	}
	n, err := io.ReadFull(e.file, e.plain)
	if err == io.EOF { // nobody reads on
		err = cmp.Or(e.close(), io.EOF)
	}
	if err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	e.coded = base64.StdEncoding.AppendEncode(e.coded[:0], e.plain[:n])
	e.text = e.coded
	return nil
}

// withContents returns a body in which contents stand instead of the texts that wait for them. Data that may
// have extensions of its own stands inside, as with moveOut.
func (a *Actor) withContents(ctx context.Context, body []byte, at string, list map[string]blob.Content) (out []byte, err error) {
	s, ok := a.gate.store.(*contents)
	if !ok {
		return nil, fault.New(fault.NotSupported, "This record has no place for contents.")
	}
	out = body
	for text, c := range list {
		value := []byte(`":"` + text + `"`)
		i := bytes.Index(out, value)
		if i < 0 {
			return nil, fault.New(fault.Internal, "A content waits for a place in its resource.")
		}
		from := bytes.LastIndexByte(out[:i], '"')
		m := mark{name: string(out[from+1 : i]), Content: c}
		data := []byte(markOf(m.name, c))
		if extended(body, m.name) {
			if base64.StdEncoding.EncodedLen(int(c.Size)) > fhir.MaxBytes {
				return nil, fault.New(fault.NotSupported, "Data of this size cannot have extensions of its own.").At(at)
			}
			if data, err = s.encode(ctx, []byte(`"`+m.name+`":"`), m); err != nil {
				return nil, err
			}
			data = append(data, '"')
		}
		out = slices.Concat(out[:from], data, out[i+len(value):])
	}
	return out, nil
}

// Drop removes a content that was kept (Keep) and has become part of nothing. One that is named stays.
func (a *Actor) Drop(ctx context.Context, c blob.Content) error {
	s, ok := a.gate.store.(*contents)
	if !ok {
		return nil
	}
	name := s.blobs.Name(c)
	if _, version, err := s.item(ctx, name); err != nil || version > 0 {
		return err
	}
	return s.blobs.RemoveFile(ctx, name)
}

// ReadHashed is ReadSome for who compares: data from LargeText on stands as its hash (HashText). Data that
// is lost stands as Lacks tells; with whole, all data is read to know that.
func (a *Actor) ReadHashed(ctx context.Context, references []string, whole bool) ([]store.Version, error) {
	return a.readSome(ctx, references, func(ctx context.Context, v store.Version, err error) (store.Version, error) {
		s, ok := a.gate.store.(*contents)
		if err != nil || !ok || !hasMark(v.Body) {
			return v, err
		}
		look := s.there
		if whole {
			look = s.blobs.Verify
		}
		v.Body, err = replaced(v.Body, func(out []byte, m mark) ([]byte, error) {
			err := look(ctx, m.Content)
			if blob.Lost(err) && ctx.Err() == nil {
				return s.lostInstead(out, m), nil
			}
			if err != nil {
				return nil, err
			}
			out = append(out, `"`+m.name+`":"`...)
			if base64.StdEncoding.EncodedLen(int(m.Size)) >= LargeText {
				out = append(out, HashText(m.Content)...)
			} else if out, err = s.encode(ctx, out, m); err != nil {
				return nil, err
			}
			return append(out, '"'), nil
		})
		return v, err
	})
}

// LargeText is the length from which on base64 text is kept outside of resources.
const LargeText = outside

// HashText stands for data that is compared; no base64 has its colon.
func HashText(c blob.Content) string { return "sha256:" + c.Hash + "/" + strconv.FormatInt(c.Size, 10) }
