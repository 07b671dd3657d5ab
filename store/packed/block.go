package packed

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust/ledger"
)

// A block is blockLeaves entries of the audit log, which never change once they are written. For
// each whole block the table leaf_block tells, entry by entry, who did what, by which door, for
// which purpose and how it ended: about six bytes an entry, most of them who. Beside it stands, in some hundred
// bytes, the same of all entries without who, in no order: its kinds. So any of these questions, and all of them together, are answered for millions of
// entries without decoding them. Blocks are made from the log behind it, never while a
// leaf is written; entries behind the last block are decoded.
const blockLeaves = 4096

// facet is what of a leaf a block knows.
type facet struct {
	actor, action, door, purpose, outcome string
	glass                                 bool
}

func facetOf(l *ledger.Leaf) facet {
	return facet{l.Actor, string(l.Action), l.Door, l.Purpose, l.Outcome, l.Glass != ""}
}

// blockMaker makes the content of a block.
//
//	number of words | each its length and bytes
//	number of facets | each five words and 1 for break-glass
//	the facet of each entry
type blockMaker struct {
	words  map[string]uint64
	facets map[facet]uint64
	table  []byte // of words
	combos []byte // of facets
	places []byte
	count  int
}

func (m *blockMaker) add(l *ledger.Leaf) {
	if m.words == nil {
		m.words, m.facets = map[string]uint64{}, map[facet]uint64{}
	}
	f := facetOf(l)
	no, ok := m.facets[f]
	if !ok {
		no = uint64(len(m.facets))
		m.facets[f] = no
		for _, word := range []string{f.actor, f.action, f.door, f.purpose, f.outcome} {
			m.combos = binary.AppendUvarint(m.combos, m.word(word))
		}
		glass := byte(0)
		if f.glass {
			glass = 1
		}
		m.combos = append(m.combos, glass)
	}
	m.places = binary.AppendUvarint(m.places, no)
	m.count++
}

func (m *blockMaker) word(w string) uint64 {
	no, ok := m.words[w]
	if !ok {
		no = uint64(len(m.words))
		m.words[w] = no
		m.table = append(binary.AppendUvarint(m.table, uint64(len(w))), w...)
	}
	return no
}

// kinds returns the words and the facets.
func (m *blockMaker) kinds() []byte {
	out := append(binary.AppendUvarint(nil, uint64(len(m.words))), m.table...)
	return append(binary.AppendUvarint(out, uint64(len(m.facets))), m.combos...)
}

func (m *blockMaker) content() []byte { return append(m.kinds(), m.places...) }

// making is a block in the making, and its kinds.
type making struct{ block, kinds blockMaker }

func (m *making) add(l *ledger.Leaf) {
	m.block.add(l)
	m.kinds.add(&ledger.Leaf{Action: l.Action, Door: l.Door, Purpose: l.Purpose, Outcome: l.Outcome, Glass: l.Glass})
}

// block reads what a blockMaker wrote.
type block struct {
	rest   string
	failed bool
}

func (b *block) number() uint64 {
	v, shift := uint64(0), 0
	for i := 0; i < len(b.rest) && shift < 64; i++ {
		v |= uint64(b.rest[i]&0x7f) << shift
		if b.rest[i] < 0x80 {
			b.rest = b.rest[i+1:]
			return v
		}
		shift += 7
	}
	b.failed, b.rest = true, ""
	return 0
}

func (b *block) text(n uint64) string {
	if n > uint64(len(b.rest)) {
		b.failed, b.rest = true, ""
		return ""
	}
	out := b.rest[:n]
	b.rest = b.rest[n:]
	return out
}

// places returns the places in a block, oldest first, of the entries that fit; ok is false when
// the content is not one of a block.
func places(content []byte, f store.LeafFilter) (out []int64, ok bool) {
	b := &block{rest: string(content)}
	fitting, ok := b.facets(f)
	if !ok || !slices.Contains(fitting, true) {
		return nil, ok
	}
	for i := range int64(blockLeaves) {
		no := b.number()
		if b.failed || no >= uint64(len(fitting)) {
			return nil, false
		}
		if fitting[no] {
			out = append(out, i)
		}
	}
	return out, len(b.rest) == 0
}

// holds reports whether the block of these kinds may hold an entry that fits.
func holds(kinds []byte, f store.LeafFilter) (may, ok bool) {
	f.Actor = ""
	fitting, ok := (&block{rest: string(kinds)}).facets(f)
	return slices.Contains(fitting, true), ok
}

// facets reads which facets fit; none when no entry can.
func (b *block) facets(f store.LeafFilter) (fitting []bool, ok bool) {
	var words []string
	for range b.number() {
		if b.failed {
			return nil, false
		}
		words = append(words, b.text(b.number()))
	}
	if !named(words, f) {
		return nil, !b.failed
	}
	word := func() string {
		if no := b.number(); no < uint64(len(words)) {
			return words[no]
		}
		b.failed = true
		return ""
	}
	l := ledger.Leaf{At: 1} // of which nothing else is known: it is asked what a leaf of the log is asked
	for range b.number() {
		if b.failed {
			return nil, false
		}
		l.Actor, l.Action, l.Door, l.Purpose, l.Outcome, l.Glass = word(), ledger.Action(word()), word(), word(), word(), ""
		if b.number() == 1 {
			l.Glass = "grant"
		}
		fitting = append(fitting, fits(&l, f))
	}
	return fitting, !b.failed
}

// named reports whether the words hold those that are asked for: of what is rare most blocks know
// nothing.
func named(words []string, f store.LeafFilter) bool {
	for _, asked := range []string{f.Actor, f.Door, f.Purpose} {
		if asked != "" && !slices.Contains(words, asked) {
			return false
		}
	}
	return len(f.Actions) == 0 || slices.ContainsFunc(f.Actions, func(a ledger.Action) bool { return slices.Contains(words, string(a)) })
}

func blockName(no int64) string { return "leaf-block/" + strconv.FormatInt(no, 10) }

func kindsName(no int64) string { return "leaf-kinds/" + strconv.FormatInt(no, 10) }

func (p *Packer) sealBlock(no int64, content []byte) ([]byte, error) {
	return p.seal(blockName(no), p.enc.EncodeAll(content, nil))
}

func (p *Packer) openBlock(no int64, stored []byte) ([]byte, error) {
	squeezed, err := p.unseal(blockName(no), stored)
	if err != nil {
		return nil, err
	}
	content, err := p.dec.DecodeAll(squeezed, nil)
	if err != nil {
		return nil, damagedBlock(no)
	}
	return content, nil
}

func damagedBlock(no int64) error {
	return fault.New(fault.Internal, "The summary of the entries from %d to %d of the audit log is damaged or missing. Run the audit verification.", no*blockLeaves, (no+1)*blockLeaves-1)
}

// blocks returns how many blocks there are.
func (n Names) blocks() (int64, error) {
	return n.number("SELECT coalesce(max(no) + 1, 0) FROM leaf_block")
}

// Block is a row of the table leaf_block.
type Block struct {
	No          int64
	Kinds, Body []byte
}

// NextBlock returns the next block as it is to be stored, nil when none is whole that is not stored yet.
func (s *Reader) NextBlock(ctx context.Context) (out *Block, err error) {
	err = s.read(ctx, func(n Names) error {
		no, err := n.blocks()
		if err != nil {
			return err
		}
		now, err := n.Now()
		if err != nil || now < (no+1)*blockLeaves {
			return err
		}
		var m making
		err = n.Stream("SELECT t, body FROM leaf WHERE t > ? AND t <= ? ORDER BY t", []any{no * blockLeaves, (no + 1) * blockLeaves}, func(r Row) (bool, error) {
			l, err := s.pack.leaf(r.ColumnInt64(0), r.ColumnRawBlob(1))
			m.add(&l)
			return true, err
		})
		if err == nil && m.block.count != blockLeaves {
			err = fault.New(fault.Internal, "The audit log lacks entries between %d and %d. Run the audit verification.", no*blockLeaves, (no+1)*blockLeaves-1)
		}
		b := &Block{No: no}
		if err == nil {
			b.Kinds, err = s.pack.seal(kindsName(no), m.kinds.kinds())
		}
		if err == nil {
			b.Body, err = s.pack.sealBlock(no, m.block.content())
			out = b
		}
		return err
	})
	return out, err
}

// block holds the next entry of the log, and with the last one of a block the stored block, to each other.
func (v *verification) block(t int64, l *ledger.Leaf) error {
	v.making.add(l)
	if t%blockLeaves != 0 {
		return nil
	}
	made := v.making
	v.making = making{}
	no := t/blockLeaves - 1
	if no >= v.blocks {
		return nil
	}
	var stored Block
	found, err := v.one("SELECT kinds, body FROM leaf_block WHERE no = ?", []any{no}, func(r Row) { stored.Kinds, stored.Body = r.ColumnBlob(0, nil), r.ColumnBlob(1, nil) })
	if err != nil {
		return err
	}
	content, err := v.reader.pack.openBlock(no, stored.Body)
	kinds, unsealed := v.reader.pack.unseal(kindsName(no), stored.Kinds)
	if !found || err != nil || unsealed != nil || !bytes.Equal(content, made.block.content()) || !bytes.Equal(kinds, made.kinds.kinds()) {
		v.say("The summary of the entries from %d to %d of the audit log, by which they are found, is not what they give.", no*blockLeaves, t-1)
	}
	return nil
}

// fits asks of a leaf what its place in the log and in the lists of patients does not answer.
func fits(l *ledger.Leaf, f store.LeafFilter) bool {
	return (f.Actor == "" || l.Actor == f.Actor) && (len(f.Actions) == 0 || slices.Contains(f.Actions, l.Action)) &&
		(f.Door == "" || l.Door == f.Door) && (f.Purpose == "" || l.Purpose == f.Purpose) &&
		(f.Outcome == store.AnyOutcome || l.Done() == (f.Outcome == store.Done)) && (f.Mark == "" || slices.Contains(l.Marks(), f.Mark))
}
