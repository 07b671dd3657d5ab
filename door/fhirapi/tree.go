package fhirapi

import (
	"bytes"
	"context"
	"io"

	"github.com/osler-emr/osler/fhir"
)

// What is read of a body takes memory by its values, not by its bytes: "1," is two bytes and a value of ninety.
// It is counted apart from the bodies, before they are read, until they are answered. One that is larger than all
// that there is room for is read when it is the only one; a usual body takes none.
const (
	treeFree = 4 << 20     // of each body that do not count
	treeEach = 4 * MaxBody // of one account
	treeAll  = 8 * MaxBody // of all
	treeCost = 90          // bytes that a value takes
)

// trees is the room that one call has for what it reads.
type trees struct {
	room  *room
	who   string
	gives []func()
}

// grows gives a call room for what it reads, until the function that comes back is called.
func (s *server) grows(c *call) (done func()) {
	if c.actor == nil {
		return func() {}
	}
	t := &trees{room: &s.grown, who: c.actor.Principal().ID}
	c.trees = t
	return func() {
		for _, give := range t.gives {
			give()
		}
		t.gives = nil
	}
}

// grow takes room for what is read of a body. A nil trees is without bounds.
func (t *trees) grow(ctx context.Context, body []byte) error {
	if t == nil || len(body) < treeFree/treeCost {
		return nil
	}
	n := min(valuesIn(body), fhir.MaxValues) * treeCost
	if n <= treeFree {
		return nil
	}
	give, err := t.room.grow(ctx, t.who, n)
	if err != nil {
		return err
	}
	t.gives = append(t.gives, give)
	return nil
}

// grow takes room for a tree, and waits for it as long as for a turn.
func (r *room) grow(ctx context.Context, who string, n int64) (give func(), err error) {
	return r.wait(ctx, nil, true, func() (func(), *exchange) {
		if r.held[who] > 0 && r.held[who]+n > treeEach || r.all > 0 && r.all+n > treeAll {
			return nil, nil
		}
		r.add(who, n, n)
		return func() { r.give(who, n, n) }, nil
	})
}

// valuesIn is about how many values a body holds, and not less: a value of JSON follows a bracket, a brace or a
// comma, one of XML a tag or an equals sign.
func valuesIn(body []byte) (n int64) {
	marks := ",[{"
	if b := bytes.TrimLeft(body[:min(len(body), 64)], "\ufeff \t\r\n"); len(b) > 0 && b[0] == '<' {
		marks = "<="
	}
	for i := range len(marks) {
		n += int64(bytes.Count(body, []byte{marks[i]}))
	}
	return n + 1
}

// whole reads a body into one buffer, which grows as the body comes; size is -1 when it is not known.
func whole(r io.Reader, size int64) ([]byte, error) {
	if size <= 0 || size > MaxBody {
		return io.ReadAll(r)
	}
	b := make([]byte, 0, min(size, roomFree))
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case int64(len(b)) == size: // its end, or more than was told
			rest, err := io.ReadAll(r)
			return append(b, rest...), err
		case len(b) == cap(b):
			b = append(make([]byte, 0, min(size, 4*int64(cap(b)))), b...)
		}
	}
}
