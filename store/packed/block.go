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
// which purpose and how it ended: about two bytes an entry, as few combinations come again and
// again. So any of these questions, and all of them together, are answered for millions of
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

func (m *blockMaker) content() []byte {
	out := append(binary.AppendUvarint(nil, uint64(len(m.words))), m.table...)
	out = append(binary.AppendUvarint(out, uint64(len(m.facets))), m.combos...)
	return append(out, m.places...)
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
	var fitting []bool
	some := false
	l := ledger.Leaf{At: 1} // of which nothing else is known: it is asked what a leaf of the log is asked
	for range b.number() {
		if b.failed {
			return nil, false
		}
		l.Actor, l.Action, l.Door, l.Purpose, l.Outcome, l.Glass = word(), ledger.Action(word()), word(), word(), word(), ""
		if b.number() == 1 {
			l.Glass = "grant"
		}
		fit := fits(&l, f)
		fitting, some = append(fitting, fit), some || fit
	}
	if !some {
		return nil, !b.failed
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

// NextBlock returns the number and what is to be stored of the next block, nil when none is whole
// that is not stored yet.
func (s *Reader) NextBlock(ctx context.Context) (no int64, stored []byte, err error) {
	err = s.read(ctx, func(n Names) error {
		if no, err = n.blocks(); err != nil {
			return err
		}
		now, err := n.Now()
		if err != nil || now < (no+1)*blockLeaves {
			return err
		}
		var m blockMaker
		err = n.Stream("SELECT t, body FROM leaf WHERE t > ? AND t <= ? ORDER BY t", []any{no * blockLeaves, (no + 1) * blockLeaves}, func(r Row) (bool, error) {
			l, err := s.pack.leaf(r.ColumnInt64(0), r.ColumnRawBlob(1))
			m.add(&l)
			return true, err
		})
		if err == nil && m.count != blockLeaves {
			err = fault.New(fault.Internal, "The audit log lacks entries between %d and %d. Run the audit verification.", no*blockLeaves, (no+1)*blockLeaves-1)
		}
		if err == nil {
			stored, err = s.pack.sealBlock(no, m.content())
		}
		return err
	})
	return no, stored, err
}

// block holds the next entry of the log, and with the last one of a block the stored block, to each other.
func (v *verification) block(t int64, l *ledger.Leaf) error {
	v.making.add(l)
	if t%blockLeaves != 0 {
		return nil
	}
	made := v.making
	v.making = blockMaker{}
	no := t/blockLeaves - 1
	if no >= v.blocks {
		return nil
	}
	var stored []byte
	found, err := v.one("SELECT body FROM leaf_block WHERE no = ?", []any{no}, func(r Row) { stored = r.ColumnBlob(0, nil) })
	if err != nil {
		return err
	}
	content, err := v.reader.pack.openBlock(no, stored)
	if !found || err != nil || !bytes.Equal(content, made.content()) {
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
